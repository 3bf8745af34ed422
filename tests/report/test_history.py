"""Records of claims: what JSON holds is read back as it was, files are only added to, numbers are judged again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from math import inf, nan
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.progress import Progress
from alchemy.record import json_text, numbers, plain, read_json, write_json
from alchemy.report import costs, history, open_claims, reproduce, run_directory, spent, table
from alchemy.report.claim import QUESTIONS, Claim, Gate, at_least, at_most, exactly, judge, near
from alchemy.report.figures import Bars
from alchemy.report.lock import Lock
from alchemy.report.results import EARLIER_METHOD, METHOD, judged_again, results

CLAIM = Claim("A sentence.", "source", "prediction", "refuted if", QUESTIONS[0])


class Arm(NamedTuple):
    accuracy: np.ndarray


@dataclass(frozen=True)
class Measured:
    arms: dict[str, Arm]
    crossing: np.ndarray


@dataclass(frozen=True)
class Config:
    seeds: int = 12


def run(config, lab):
    return Measured({"deep": Arm(np.linspace(0.5, 0.9, config.seeds))}, np.array([inf, nan, -inf, 1.0] * 3))


def check(measured):
    learned = Gate("learned", measured.arms["deep"].accuracy, 0.6, inf, "r")
    return [
        at_least("accuracy", measured.arms["deep"].accuracy, 0.4, "r", gates=[learned]),
        at_most("crossing", measured.crossing, 2.0, "r", share=0.75),
        near("at its law", np.full(12, 0.5), 0.5, 0.1, "r"),
        exactly("counted", 3, 3, 3, "r"),
    ]


def figures(measured):
    return [Bars("law", "t", "y", ["g"], {"a": measured.arms["deep"].accuracy[:, None]}, {})]


EXPERIMENT = SimpleNamespace(PRESETS={"small": Config()}, CLAIM=CLAIM, run=run, check=check, figures=figures)


@pytest.fixture
def record(tmp_path):
    return reproduce.run_one(
        "law", EXPERIMENT, Config(), preset="small", out=tmp_path, progress=Progress(quiet=True), tree="abc"
    )


def test_a_record_is_named_by_its_config_and_a_run_that_did_not_end_by_its_start(tmp_path, record, capsys):
    home = tmp_path / "claims" / "law" / "small"
    assert (home / "record.json").exists() and not (home / run_directory.STARTED).exists()
    before = (home / "record.json").read_bytes()
    run_law = partial(reproduce.run_one, "law", preset="small", out=tmp_path, progress=Progress(quiet=True), tree="abc")
    other = run_law(EXPERIMENT, replace(Config(), seeds=9))
    assert other["config"]["seeds"] == 9 and (home / "record.json").read_bytes() == before
    assert len(list(home.parent.glob("small-*/record.json"))) == 1

    def interrupt(config, lab):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_law(SimpleNamespace(**{**vars(EXPERIMENT), "run": interrupt}), replace(Config(), seeds=10))
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    assert page.count("Begun and not ended, or under way: law at small-") == 1
    assert "This run: seeds 9" in page and f"This run: seeds {Config().seeds}." in page


def test_numbers_that_are_not_finite_are_told_apart(tmp_path):
    value = {
        "a": [1.5, inf, -inf, nan],
        "b": [[nan], {"c": np.array([[0.1, inf]])}],
        "text": "x",
        "none": None,
        "e": [],
    }
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text()
    assert '"a": [1.5, "inf", "-inf", "nan"]' in text, "a list of numbers is one line"
    json.loads(text, parse_constant=pytest.fail)
    back = numbers(read_json(tmp_path / "a.json"))
    np.testing.assert_array_equal(back["a"], value["a"])
    assert np.isnan(back["b"][0][0]) and back["b"][1] == {"c": [[0.1, inf]]}
    assert (back["text"], back["none"], back["e"]) == ("x", None, [])


def test_a_record_has_every_number_by_seed(record):
    assert record["method"] == METHOD and record["alpha"] == 0.05 and record["verdict"] == "UNDECIDED"
    assert record["measured"]["arms"]["deep"]["accuracy"] == pytest.approx(np.linspace(0.5, 0.9, 12))
    np.testing.assert_array_equal(record["measured"]["crossing"], run(Config(), None).crossing)
    first, second, _, _ = record["checks"]
    assert first["gates"][0]["passed"] == [False] * 3 + [True] * 9 and first["seeds"] == 9 and first["high"] == inf
    np.testing.assert_array_equal(second["values"], record["measured"]["crossing"])
    assert (second["share"], second["satisfied"], second["violated"], second["seeds"]) == (0.75, 6, 3, 12)


def test_a_record_is_judged_again_as_it_was(record):
    fresh = judge(CLAIM, check(run(Config(), None)))
    again = judged_again(record)
    assert json_text(results(again)) == json_text(results(fresh)) == json_text({k: record[k] for k in results(fresh)})
    strict = judged_again(record, 1e-6)
    assert {outcome.verdict.value for outcome in strict.outcomes[:3]} == {"UNDECIDED"}


def test_a_file_is_only_added_to(tmp_path, record):
    path = tmp_path / "law.json"
    assert history.history(path) == {}
    for number in range(3):
        history.append(path, "small", {**record, "commit": str(number)})
    history.append(path, "full", record)
    history.append(path, "smoke", record)
    records = history.history(path)
    assert [entry["commit"] for entry in records["small"]] == ["0", "1", "2"]
    assert list(records) == ["smoke", "small", "full"]
    assert history.newest(tmp_path)["law"]["small"]["commit"] == "2"
    path.write_text("{")
    with pytest.raises(UserError, match=r"law\.json"):
        history.history(path)


def test_publishing_adds_a_record_and_replaces_figures(tmp_path, record, monkeypatch):
    home = tmp_path / "claims" / "law" / "small"
    monkeypatch.setattr(reproduce, "VERDICTS", tmp_path / "verdicts")
    monkeypatch.setattr(reproduce, "claim_folder", lambda name, folder: tmp_path / folder)
    monkeypatch.setattr(reproduce, "ROOT", tmp_path)
    locks = {name: Lock(name, "d1", 1, {"claim": plain(CLAIM)}, {}) for name in ("law", "other")}
    monkeypatch.setattr(reproduce, "read_all", lambda folder: locks)
    record = {**record, "lock": {"digest": "d1", "generation": 1}}
    (tmp_path / "README.md").write_text(f"before {table.START} old {table.END} after")
    page = tmp_path / "docs" / "reproducing-claims.md"
    page.parent.mkdir()
    generated = "".join(f" {part.START} old {part.END}" for part in (costs, spent, open_claims))
    page.write_text(f"before{generated} after")
    module = SimpleNamespace(PRESETS={"small": Config()}, __doc__="", __name__="law")
    monkeypatch.setattr(reproduce, "experiments", lambda: {"law": module})
    monkeypatch.setattr(table, "entries", lambda kind: {name: SimpleNamespace(file=f"{name}.py") for name in locks})
    reproduce._publish("law", "small", record, home)
    figure = tmp_path / "verdicts" / "figures" / "small-law.svg"
    assert figure.exists()
    (home / "other.svg").write_text("<svg/>")
    reproduce._publish("law", "small", {**record, "figures": ["other.svg"]}, home)
    assert not figure.exists() and figure.with_name("small-other.svg").exists()
    assert len(history.history(tmp_path / "verdicts" / "law.json")["small"]) == 2
    readme = (tmp_path / "README.md").read_text()
    assert "[`law`](law.py) A sentence. | source | **UNDECIDED** | crossing: median" in readme
    assert "[`other`](other.py) A sentence. | source | not judged yet |  |" in readme
    assert page.read_text().count("| `law` |") == 3 and "old" not in page.read_text()
    locks["law"] = replace(locks["law"], digest="d2")
    reproduce._publish("law", "small", record, home)
    assert "**UNDECIDED** (exploratory) | crossing" in (tmp_path / "README.md").read_text()
    assert readme.startswith("before ") and readme.endswith(" after")


def checks(*values, claim=CLAIM):
    return {"claim": plain(claim)} | results(
        judge(claim, [at_least(f"check {i}", seeds, 0.5, "r") for i, seeds in enumerate(values)])
    )


def test_the_number_that_decides_is_the_worst():
    high, mixed, low = np.full(12, 0.97), np.array([0.97] * 11 + [0.1]), np.full(12, 0.2)
    assert table.deciding(checks(high, mixed)) == "check 1: median .97, 11 of 12 seeds, expected at least .5"
    open_ = np.array([0.97] * 7 + [0.1] * 5)
    assert table.deciding(checks(high, open_, mixed)) == "check 1: median .97, 7 of 12 seeds, expected at least .5"
    refuted = table.deciding(checks(np.append(low, 0.9), low, high))
    assert refuted == "check 1: median .2, 0 of 12 seeds, p .0014, expected at least .5"
    counted = results(judge(CLAIM, [at_least("a", low, 0.5, "r"), exactly("b", 2, 3, inf, "r")]))
    assert table.deciding(counted) == "b: 2, expected at least 3"


def test_seeds_that_a_verdict_needs():
    """Five that agree are the fewest, as e is .45 x 2^5 + .55 x 32 x (1 - 2^-6) / 3 = 20.2 then, and has to be 20."""
    high, low = np.full(14, 0.97), np.full(14, 0.2)
    late = np.array([0.2, *[0.97] * 13])
    for values, needed, verdict in ((high, 5, "HOLDS"), (low, 5, "FAILS"), (late, 12, "HOLDS")):
        judged = checks(values)
        assert (spent.seeds_needed(judged), judged["verdict"]) == (needed, verdict)
        if needed > 5:
            assert checks(values[:needed])["verdict"] == verdict != checks(values[: needed - 1])["verdict"]
    assert spent.seeds_needed(checks(high, late)) == 12, "of several checks the last to be decided"
    assert spent.seeds_needed(checks(np.tile([0.97, 0.2], 7))) == 14, "an open claim has needed all it had"


def test_what_verdicts_took():
    early = {"method": EARLIER_METHOD, "verdict": "HOLDS", "seeds": 3, "flops": 6e12}
    now = checks(np.full(12, 0.97)) | {"flops": 24e12}
    open_ = checks(np.tile([0.97, 0.2], 6)) | {"flops": 1e12}
    histories = {"law": {"small": [early, now]}, "other": {"small": [open_]}, "old": {"small": [early]}}
    page = spent.renewed(f"a {spent.START} x {spent.END} b", histories)
    assert page.startswith("a ") and page.endswith(" b") and " x " not in page
    assert (
        "| `law` | 3 | 6 | 12 | 24 | HOLDS | 5 | 10 |" in page
        and "| `other` |  |  | 12 | 1 | UNDECIDED |  |  |" in page
    )
    assert "`old`" not in page
    assert "Judged by both methods, 1 of the claims: 0.01 PFLOP by the earlier one, 0.02 PFLOP by" in page
    assert "Decided, 1 of them: 0.02 PFLOP, of which 0.01 PFLOP would have been enough." in page


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (at_most("a", [inf] * 10, 0.25, "r"), "a: median ∞, 0 of 10 seeds, p .0018, expected at most .25"),
        (near("a", [nan] * 10, 0.5, 0.1, "r"), "a: median no number, 0 of 10 seeds, expected .4 to .6"),
        (near("a", [-0.5] * 10, -0.5, 0, "r"), "a: median -.5, 10 of 10 seeds, expected -.5"),
        (
            at_least("a", [12.345] * 10, 0, "r", share=0.75),
            "a: median 12.35, 10 of 10 seeds, expected at least 0 in more than 75% of seeds",
        ),
        (
            at_least("a", [1, 1], 1, "r", gates=[Gate("g", [0, 0], 1, 1, "r")]),
            "a: none of 2 seeds passed the gates, expected at least 1",
        ),
        (
            at_least("a", [1] * 10, 1, "r", gates=[Gate("g", [1] * 8 + [0] * 2, 1, 1, "r")]),
            "a: median 1, 8 of 8 seeds that passed the gates, of 10, expected at least 1",
        ),
    ],
)
def test_a_check_in_words(check, text):
    assert table.deciding(results(judge(CLAIM, [check]))) == text


def test_the_terminal_lists_every_check_that_does_not_hold(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    gate = Gate("learned", np.array([1.0] * 4 + [0.0] * 8), 1, 1, "r")
    judged = judge(
        CLAIM,
        [
            at_least("held", np.full(12, 0.6789), 0.5, "r"),
            at_least("refuted", np.full(12, 0.2), 0.5, "r"),
            at_least("gated", np.full(12, 0.6), 0.5, "r", gates=[gate]),
        ],
    )
    table.show([("law", results(judged))])
    row, *lines = capsys.readouterr().out.split("law", 1)[1].replace("\n", " ").split("law: ")
    assert "FAILS" in row and "1/3" in row
    assert [line.split(":")[1].strip() for line in lines] == ["refuted", "gated"]
    assert "too few seeds passed the gates" in lines[1] and "too few" not in lines[0]
    assert table.shown(results(judged)["checks"][0]) == "median .679, 12 of 12 seeds"


def test_judging_again_from_the_front_door(tmp_path, record, monkeypatch, capsys):
    folder = tmp_path / "experiments"
    (folder / "verdicts").mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name in ("law", "old"):
        (folder / f"{name}.py").write_text('"""A sentence."""\nCLAIM = 1\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("alchemy.discover._locations", lambda package: [folder])
    held = checks(np.full(6, 0.9)) | {"claim": {**record["claim"]}, "preset": "small"}
    history.append(folder / "verdicts" / "law.json", "small", record | held)
    history.append(folder / "verdicts" / "old.json", "small", record | {"method": EARLIER_METHOD})
    assert main(["judge", "law", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["law (small)"]["verdict"] == "HOLDS"
    assert main(["judge", "--alpha", ".01"]) == 0
    out = capsys.readouterr().out
    assert "law, small: UNDECIDED, committed as HOLDS" in out and "earlier method" in " ".join(out.split())
    assert main(["judge", "lax"]) == 2 and "did you mean 'law'" in capsys.readouterr().err
    assert main(["judge", "law", "--alpha", "5"]) == 2 and "between 0 and 1" in capsys.readouterr().err
    assert main(["judge", "law", "--preset", "full"]) == 2
