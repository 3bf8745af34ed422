"""The page: it holds what it shows, asks nobody for anything, and its explorers work by key and by click."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.lab.journal import KEPT, POINTS, Journal
from alchemy.problem.steps import OUTCOMES, marked
from alchemy.report.page import Judged, page
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2 F3",))
SVG = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><!-- note --><path d="M 1.23456 2"/></svg>'


def interval(mean, low, high):
    return {"mean": mean, "low": low, "high": high, "n": 10, "seeds": 2}


def record(name="law <b>", verdict="FAILS"):
    check = {
        "name": "a & b",
        "measured": interval(0.2, 0.1, 0.3),
        "low": 0.5,
        "high": None,
        "reason": "<i>",
        "precondition": False,
        "verdict": verdict,
    }
    open_end = {**check, "measured": interval(None, 1.0, None), "low": None, "high": 2.0, "verdict": "UNDECIDED"}
    return {
        "name": name,
        "preset": "small",
        "verdict": verdict,
        "checks": [check, open_end],
        "figures": ["one.svg"],
        "claim": {"sentence": "x < y", "source": "nobody", "prediction": "p", "refuted_if": "r", "headline": False},
        "measured": {"test": {"floors": {"copy": {"exact full": 0.0, "distance full": 0.5}}}},
        "config": {"seeds": 2},
        "seeds": 2,
        "seconds": 60.0,
        "tokens": 1000,
        "flops": 1e9,
        "device": "none",
        "versions": {"jax": "1"},
        "commit": "abc",
    }


@pytest.fixture(scope="module")
def journal():
    """Right, broken and wrong answers under two tests, one with text that would end a script."""
    kept, batch = Journal(), TASK.sample(np.random.default_rng(0), 30)
    gold = batch.completions()
    broken, wrong = gold.copy(), gold.copy()
    broken[:, 0] = np.where(gold[:, 0] == 10, 11, 10)
    last = (gold > 1).sum(axis=1) - 1
    wrong[np.arange(30), last] = np.where(gold[np.arange(30), last] == 10, 11, 10)
    mixed = np.stack([np.concatenate([gold[:10], broken[10:20], wrong[20:]])] * 2)
    kept.told(TASK, TASK, batch, mixed, 0.0)
    longer = TASK.shift("length=6")(TASK)
    kept.told(TASK, longer, longer.sample(np.random.default_rng(0), 5), mixed[:, :5], 1.0)
    kept.told(TASK, TASK, batch, mixed, 0.0)
    kept.told(TASK, TASK, batch, mixed[:, ::-1], 0.0)
    kept.trained("one", np.linspace(4, 1, 500, dtype=np.float32)[None].repeat(2, 0))
    return kept.plain()


def test_a_journal_is_small_and_has_each_outcome(journal):
    first, second, third = journal["tests"]
    assert third["label"] == f"{first['label']} (2)", "other models"
    assert set(first["outcomes"]) == set(OUTCOMES) and "length 6, T = 1" in second["label"]
    assert all(len(rows) == KEPT for rows in first["outcomes"].values())
    assert {one["seed"] for one in first["outcomes"]["wrong answer"]} == {0, 1}
    steps = first["outcomes"]["right answer, broken chain"][0]["steps"]
    assert steps[0][1] == "wrong" and steps[1][1] == "wrong after" and steps[-1][0].startswith("<answer>")
    [curve] = journal["curves"]
    assert len(curve["steps"]) == POINTS == len(curve["losses"][1]) and curve["steps"][-1] == 500


def test_marks():
    steps = [("a", True, True), ("b", False, False), ("c", True, True), ("d", True, False)]
    assert [step.mark for step in marked(steps)] == ["ok", "wrong", "follows", "wrong after"]


@pytest.fixture(scope="module")
def text(journal):
    odd = {
        "tests": [{"label": "</script>", "outcomes": journal["tests"][0]["outcomes"]}, *journal["tests"]],
        "curves": journal["curves"],
    }
    return page(
        [Judged(0, "law", record(), {"one.svg": SVG}, odd), Judged(1, "law", record("law", "HOLDS"), {}, journal)]
    )


def test_the_page_is_whole_and_asks_for_nothing(text):
    stack = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "link", "br", "img", "path", "circle", "rect", "polyline"):
                stack.append(tag)
            for name, value in attrs:
                assert name not in ("src", "href") or value.startswith(("data:", "#")), (name, value)

        def handle_endtag(self, tag):
            if tag not in ("path", "circle", "rect", "polyline"):
                assert stack.pop() == tag

    Reader().feed(text)
    anchors = re.findall(r' id="(.*?)"', text)
    assert len(anchors) == len(set(anchors)) == 4, "the same claim of two runs is two sections"
    assert not stack and "a &amp; b" in text and "x &lt; y" in text and "<i>" not in text
    assert "1.23 2" in text and "1.23456" not in text, "outlines are shortened"
    assert text.count("default-src 'none'") == 1 and '</script>"' not in text


def test_in_a_browser(text, browse):
    """No error and no refused request; keys and clicks move through the answers."""
    found = browse(
        text,
        """
    const box = document.querySelector(".explorer"), [test, outcome] = box.querySelectorAll("select");
    found.said = [];
    const look = () => found.said.push([box.querySelector(".count").textContent, outcome.value, test.value,
      box.querySelector(".written .wrong")?.textContent || "", box.querySelector(".guesses").textContent]);
    const press = (key) => { box.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })); look(); };
    box.focus(); look(); press("ArrowRight"); press("ArrowRight"); press("o"); press("t");
    box.querySelectorAll("button")[0].click(); look();
    outcome.value = "wrong answer"; outcome.dispatchEvent(new Event("change")); look();
    found.focused = document.activeElement === box;
    dispatchEvent(new Event("beforeprint"));
    found.closed = document.querySelectorAll("details:not([open])").length;
    """,
    )
    assert found["faults"] == [] and found["focused"] and found["closed"] == 0
    counts, outcomes, tests, wrong, guesses = zip(*found["said"], strict=True)
    assert counts[:3] == ("1 of 3, seed 0", "2 of 3, seed 0", "3 of 3, seed 1")
    assert outcomes[2:4] == OUTCOMES[:2] and outcomes[6] == OUTCOMES[2] and wrong[0] == "" and wrong[3]
    assert tests[3] == "</script>" != tests[4] and counts[5].startswith("3 of 3") and counts[6].startswith("1 of ")
    assert all(name in guesses[0] for name in ("floor: chance", "floor: copy", "floor: replay"))


def test_a_phone_needs_no_sideways_scrolling(text, browse):
    wide = "found.wide = document.documentElement.scrollWidth; found.room = innerWidth"
    found = browse(text, wide, width=500)
    assert found["faults"] == [] and found["wide"] <= found["room"] <= 500


def test_the_command(tmp_path, capsys):
    home = tmp_path / "runs" / "claims" / "law" / "small"
    home.mkdir(parents=True)
    (home / "record.json").write_text(json.dumps(record("law")))
    (home / "one.svg").write_text(SVG)
    out = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "runs"), "--out", str(out)]) == 0
    assert "1 claims" in capsys.readouterr().out and out.read_text().startswith("<!doctype html>")
    (home / "one.svg").unlink()
    assert main(["report", str(tmp_path / "runs"), "--out", str(out)]) == 2
    assert "one.svg" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "nothing")]) == 2
    assert "holds no claims" in capsys.readouterr().err


def test_the_committed_verdicts_fit_on_a_small_page(tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["report", "--out", str(out)]) == 0
    assert out.stat().st_size < 3e6
