"""Every field of a record with hostile text or another type: the page is inert, or the field is named in one line."""

import copy
import json

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.record import numbers, plain
from alchemy.report.claim import QUESTIONS, Claim, Gate, at_least, judge
from alchemy.report.page import Exhibit, page
from alchemy.report.results import results
from alchemy.report.schema import check_journal, check_record

HOSTILE = '"><script>alert(1)</script>\x1b[2J'
HALF = "half of a character: \ud800"
"""JSON can name it, and no file in UTF-8 can hold it."""
CLAIM = Claim("A sentence.", "source", "prediction", "refuted if", QUESTIONS[0])
GATE = Gate("learned", np.full(9, 0.9), 0.5, 1.0, "reason")
RATES = {name: [0.1, 0.2] for name in ("follow", "ignore", "neither")}
RECORD = json.loads(
    json.dumps(
        plain(
            {
                "name": "law",
                "preset": "small",
                "claim": plain(CLAIM),
                **results(judge(CLAIM, [at_least("right", np.full(9, 0.9), 0.5, "reason", gates=[GATE])])),
                "measured": {
                    "arm": {"exact": [0.5], "floors": {"copy": {"exact full": [0.1], "distance full": [0.5]}}}
                },
                "figures": ["one.svg"],
                "config": {"seeds": 9},
                "seconds": 1.5,
                "tokens": 10,
                "flops": 10,
                "device": "cpu",
                "versions": {"jax": "1"},
                "commit": "abc",
                "following": [{"trained": "F1", **RATES}],
            }
        )
    )
)
EXAMPLE = {"seed": 0, "problem": 0, "prompt": "A", "gold": ["B"], "steps": [["B", "right"]], "guesses": {}}
JOURNAL = {
    "curves": [{"label": "train", "steps": [1, 2], "losses": [[2.0, 1.0]]}],
    "tests": [{"label": "test", "outcomes": {"right": [EXAMPLE]}}],
}


def places(value, path=()):
    """The place of every value within a value."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for name, member in inner:
        yield from places(member, (*path, name))


def shown(record, journal):
    """The page of a record; nothing where it is refused."""
    try:
        check_record(record := numbers(record), "record.json")
        check_journal(journal, "journal.json")
    except UserError:
        return ""
    return page([Exhibit(0, record["name"], record, {}, journal)])


def writable(text):
    """Whether a file can hold it: an error names the character that none can."""
    return text.encode("utf-8") is not None


def changed(value, path, other):
    value = copy.deepcopy(value)
    holder = value
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = other
    return value


def test_the_record_is_shown_as_it_is():
    assert "A sentence." in shown(RECORD, JOURNAL) and "train" in shown(RECORD, JOURNAL)


@pytest.mark.parametrize("other", [HOSTILE, HALF, 3, []], ids=ascii)
def test_hostile_fields_are_inert_or_named(other):
    for path in places(RECORD):
        text = shown(changed(RECORD, path, other), JOURNAL)
        assert "<script>alert(1)" not in text and writable(text), path
    for path in places(JOURNAL):
        text = shown(RECORD, changed(JOURNAL, path, other))
        assert "<script>alert(1)" not in text and writable(text), path


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd"])
def test_figures_of_a_record_stay_beside_it(tmp_path, capsys, name):
    home = tmp_path / "claims" / "law" / "small"
    home.mkdir(parents=True)
    (home / "record.json").write_text(json.dumps({**RECORD, "figures": [name]}))
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "r.html")]) == 2
    assert "leads out of this directory" in capsys.readouterr().err and not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("steps", [[0, 0], [2, 1], [1, 1], [-1, 2], [1, float("nan")]], ids=str)
def test_steps_of_a_curve_rise(steps):
    journal = {"curves": [{"label": "train", "steps": steps, "losses": [[2.0, 1.0]]}]}
    with pytest.raises(UserError, match=r"j\.json: curve 'train' has steps that do not rise from 1"):
        check_journal(journal, "j.json")
