"""The page: it holds what it shows, asks nobody for anything, and its explorers work by key and by click."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.lab.journal import EXAMPLES, POINTS, Journal
from alchemy.problem.steps import OUTCOMES, mark_steps
from alchemy.record import json_text, numbers, write_json
from alchemy.report.claim import QUESTIONS, Claim, Gate, at_least, at_most, exactly, judge
from alchemy.report.page import Exhibit, page
from alchemy.report.results import EARLIER_METHOD, results
from alchemy.report.words import explained
from alchemy.testtime.answers import Samples
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2 F3",))
SVG = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><!-- note --><path d="M 1.23456 2"/></svg>'


def record(name="law <b>", holds=False, question=QUESTIONS[1]):
    """A record of five seeds, one of which missed its gate; of another, one has no number and one an infinite one."""
    learned = Gate("learned <i>", np.array([1, 1, 1, 1, 0.0]), 0.9, inf, "r")
    values = np.full(12, 0.7 if holds else 0.2)
    checks = [
        at_least("a & b", values, 0.5, "<i>"),
        at_most("open end", np.array([1.0, inf, nan, 3.0, -inf]), 2.0, "because", gates=[learned]),
        exactly("counted", 0.5, 0.5, 0.5, "proved"),
    ]
    claim = Claim("x < y", "nobody", "p", "r", question, among="those that <learned>")
    return numbers(
        json.loads(
            json_text(
                {
                    "name": name,
                    "preset": "small",
                    "claim": claim,
                    **results(judge(claim, checks[:1] if holds else checks)),
                    "figures": ["one.svg"],
                    "measured": {"a test": {"floors": {"copy": {"exact full": [0.0, 0.1, 0.2], "distance full": 0.5}}}},
                    "following": [
                        {"trained": "on <pairs>", "follow": [0.9, 1.0], "ignore": [0.1, 0.0], "neither": [0, 0]}
                    ],
                    "config": {"seeds": 2},
                    "seconds": 60.0,
                    "tokens": 1000,
                    "flops": 1e9,
                    "device": "none",
                    "versions": {"jax": "1"},
                    "commit": "abc",
                }
            )
        )
    )


def earlier(name="old"):
    """A record of the earlier method, as they are committed."""
    claim = {key: "x" for key in ("sentence", "source", "prediction", "refuted_if")} | {"headline": True}
    check = {"name": "a check of intervals", "measured": {"mean": None}, "verdict": "HOLDS"}
    return record(name) | {"method": EARLIER_METHOD, "claim": claim, "checks": [check], "verdict": "HOLDS"}


@pytest.fixture(scope="module")
def journal():
    """Right, broken and wrong answers of two seeds under two tests, one with text that would end a script."""
    journal, batch = Journal(), TASK.sample(np.random.default_rng(0), 30)
    completions = batch.completions()
    broken, wrong = np.arange(30) % 15 // 5 == 1, np.arange(30) % 15 // 5 == 2
    last = (completions > 1).sum(axis=1) - 1
    for rows, places in ((broken, np.zeros(30, int)), (wrong, last)):
        written = completions[rows, places[rows]]
        completions[rows, places[rows]] = np.where(written == 10, 11, 10)
    answers = completions.reshape(2, 15, 1, -1)
    longer = TASK.shift("length=6")(TASK)
    journal.add_test(TASK, Samples(TASK, batch, answers), 0.0)
    journal.add_test(TASK, Samples(longer, longer.sample(np.random.default_rng(0), 10), answers[:, :5]), 1.0)
    journal.add_test(TASK, Samples(TASK, batch, answers), 0.0)
    journal.add_test(TASK, Samples(TASK, batch, answers[:, :, :, ::-1]), 0.0)
    journal.add_training("one", np.linspace(4, 1, 500, dtype=np.float32)[None].repeat(2, 0))
    journal.add_watched("one", ["right", "size"], [{"steps": [2, 4], "values": [[0.0, 0.2], [0.0, 0.1]]}] * 2)
    return journal.plain()


def test_a_journal_is_small_and_has_each_outcome(journal):
    first, second, third = journal["tests"]
    assert third["label"] == f"{first['label']} (2)", "other models"
    assert set(first["outcomes"]) == set(OUTCOMES) and "length 6, T = 1" in second["label"]
    assert all(len(rows) == EXAMPLES for rows in first["outcomes"].values())
    assert {example["seed"] for example in first["outcomes"]["wrong answer"]} == {0, 1}
    steps = first["outcomes"]["right answer, broken chain"][0]["steps"]
    assert steps[0][1] == "wrong" and steps[1][1] == "wrong after" and steps[-1][0].startswith("<answer>")
    [curve] = journal["curves"]
    assert len(curve["steps"]) == POINTS == len(curve["losses"][1]) and curve["steps"][-1] == 500
    right, size = journal["watched"]
    assert right == {"label": "one: right", "steps": [2, 4], "losses": [[0.0, 0.0]] * 2}
    assert size["losses"] == [[0.2, 0.1]] * 2


def test_what_was_measured_in_training_is_drawn_even_if_it_is_nothing(text):
    drawn = text[text.index("What was measured while models were trained") :].split("</details>")[0]
    assert re.findall("<figcaption>(.*?)</figcaption>", drawn) == ["one: right", "one: size"]
    nothing, something = re.findall(r'points="([^"]*)"', drawn)[::2]
    assert nothing == "112.5,75.0 195.0,75.0" and something == "112.5,5.0 195.0,40.0"


def test_marks():
    steps = [("a", True, True), ("b", False, False), ("c", True, True), ("d", True, False)]
    assert [step.mark for step in mark_steps(steps)] == ["ok", "wrong", "follows", "wrong after"]


@pytest.fixture(scope="module")
def text(journal):
    odd = {
        "tests": [{"label": "</script>", "outcomes": journal["tests"][0]["outcomes"]}, *journal["tests"]],
        "curves": journal["curves"],
    }
    return page(
        [
            Exhibit(0, "law", record(), {"one.svg": SVG}, odd),
            Exhibit(1, "law", record("law", holds=True), {}, journal),
            Exhibit(2, "old", earlier(), {}, None),
        ]
    )


def test_the_page_says_how_many_answers_follow_an_edited_step(text):
    assert text.count("Is the chain used?") == 3
    [row, *_] = re.findall(r"<tr><td[^>]*>on &lt;pairs&gt;.*?</tr>", text)
    cells = re.findall(r">([^<>]+)<", row)
    assert cells == ["on &lt;pairs&gt;", ".95", ".05", "0", ".9 to 1"]


def test_the_page_is_whole_and_asks_for_nothing(text):
    stack = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "link", "br", "img", "input", "path", "circle", "rect", "polyline"):
                stack.append(tag)
            for name, value in attrs:
                assert name not in ("src", "href") or value.startswith(("data:", "#")), (name, value)

        def handle_endtag(self, tag):
            if tag not in ("path", "circle", "rect", "polyline"):
                assert stack.pop() == tag

    Reader().feed(text)
    anchors = re.findall(r' id="(.*?)"', text)
    assert len(anchors) == len(set(anchors)) == 6, "the same claim of two runs is two sections"
    assert not stack and text.count("<main>") == text.count("<h1>") == 1 and "<th>" not in text
    assert "a &amp; b" in text and "x &lt; y" in text and "<i>" not in text
    assert "1.23 2" in text and "1.23456" not in text, "outlines are shortened"
    assert text.count("default-src 'none'") == 1 and '</script>"' not in text


def test_the_page_opens_with_answers(text):
    """A question with its claims, what decides each, and its picture; a question without claims is not asked."""
    answers = text[text.index('class="answers"') : text.index("All claims")]
    assert QUESTIONS[1] in answers and QUESTIONS[0] not in answers and "<img" in answers
    assert answers.index("FAILS") < answers.index("<img") < answers.index("HOLDS")
    overview = text[text.index("All claims") : text.index("<section")]
    assert "a &amp; b: median .2, 0 of 12 seeds, p .0" in overview and "expected at least .5" in overview
    assert "(earlier method)" in overview and "a check of intervals" not in text


def test_every_seed_is_a_dot(text):
    section = text[text.index("<section") : text.index("</section>")]
    first, second, third = re.findall(r'<svg class="seeds".*?</svg>', section)
    assert first.count("<circle") == 12 and 'fill="none"' not in first
    assert second.count("<circle") == 2 and second.count('z" stroke') == 2, "an arrow for what is infinite"
    assert second.count('fill="none"') == 1, "hollow where a gate was missed"
    assert third.count("<circle") == 1
    assert "gate: learned &lt;i&gt; at least .9: 4 of 5 seeds" in section
    assert "those that &lt;learned&gt;" in section


def test_floors_are_those_of_the_median_seed(text):
    [row] = re.findall(r"<tr>[^/]*>a test</td>.*?</tr>", text[: text.index("</section>")])
    assert "copy" in row and ">.1<" in row and ">.5<" in row


def test_in_a_browser(text, browse):
    """No error and no refused request; keys and clicks move through the answers."""
    observed = browse(
        text,
        """
    const box = document.querySelector(".explorer"), [test, outcome] = box.querySelectorAll("select");
    observed.said = [];
    const look = () => observed.said.push([box.querySelector(".count").textContent, outcome.value, test.value,
      box.querySelector(".written .wrong")?.textContent || "", box.querySelector(".guesses").textContent]);
    const press = (key) => { box.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })); look(); };
    box.focus(); look(); press("ArrowRight"); press("ArrowRight"); press("o"); press("t");
    box.querySelectorAll("button")[0].click(); look();
    outcome.value = "wrong answer"; outcome.dispatchEvent(new Event("change")); look();
    observed.focused = document.activeElement === box;
    dispatchEvent(new Event("beforeprint"));
    observed.closed = document.querySelectorAll("details:not([open])").length;
    """,
    )
    assert observed["faults"] == [] and observed["focused"] and observed["closed"] == 0
    counts, outcomes, tests, wrong, guesses = zip(*observed["said"], strict=True)
    assert counts[:3] == ("1 of 3, seed 0", "2 of 3, seed 0", "3 of 3, seed 1")
    assert outcomes[2:4] == OUTCOMES[:2] and outcomes[6] == OUTCOMES[2] and wrong[0] == "" and wrong[3]
    assert tests[3] == "</script>" != tests[4] and counts[5].startswith("3 of 3") and counts[6].startswith("1 of ")
    assert all(name in guesses[0] for name in ("floor: chance", "floor: copy", "floor: replay"))


def test_claims_are_found_by_words_and_by_verdict(text, browse):
    """In what a row or its section says; rows and sections of the others are hidden."""
    observed = browse(
        text,
        """
    const bar = document.querySelector(".filter"), word = bar.querySelector("input"), verdict = bar.querySelector("select");
    const shown = (what) => [...document.querySelectorAll(what)].map((one) => one.checkVisibility());
    observed.shown = [["", ""], ["OPEN  end", ""], ["open nowhere", ""], ["", "HOLDS"], ["law", "HOLDS"]].map(([typed, chosen]) => {
      word.value = typed; word.dispatchEvent(new Event("input"));
      verdict.value = chosen; verdict.dispatchEvent(new Event("change"));
      return [shown("#claims ~ .scroll tbody tr"), shown("section"), bar.querySelector(".count").textContent];
    });
    """,
    )
    assert observed["faults"] == []
    for (rows, sections, count), wanted in zip(observed["shown"], ("111", "100", "000", "011", "010"), strict=True):
        assert rows == sections == [digit == "1" for digit in wanted]
        assert count == f"{wanted.count('1')} of 3 shown"


def test_words_are_explained_where_they_stand():
    said = dict(explained("CMP, T = 1 - greedy: edit distance", "exact verifier"))
    assert list(said) == ["CMP", "edit distance", "exact verifier", "greedy", "T"]
    assert not dict(explained("SWAPPED, exactly, k-hop, Task"))
    assert "three other compositions" in said["CMP"]


def test_a_phone_needs_no_sideways_scrolling(text, browse):
    wide = """
    observed.wide = document.documentElement.scrollWidth; observed.room = innerWidth;
    observed.figures = [...document.querySelectorAll("figure:has(> img)")].map((one) => [one.scrollWidth > one.clientWidth, one.tabIndex]);
    """
    observed = browse(text, wide, width=500)
    assert observed["faults"] == [] and observed["wide"] <= observed["room"] <= 500
    assert observed["figures"] and all(wider == (index == 0) for wider, index in observed["figures"]), "reached by keys"


def test_the_command(tmp_path, capsys):
    home = tmp_path / "runs" / "claims" / "law" / "small"
    home.mkdir(parents=True)
    write_json(home / "record.json", record("law"))
    (home / "one.svg").write_text(SVG)
    out = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "runs"), "--out", str(out)]) == 0
    assert "1 claim," in capsys.readouterr().out and out.read_text().startswith("<!doctype html>")
    (home / "one.svg").unlink()
    assert main(["report", str(tmp_path / "runs"), "--out", str(out)]) == 2
    assert "one.svg" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "nothing")]) == 2
    assert "holds no claims" in capsys.readouterr().err


def test_the_committed_verdicts_fit_on_a_small_page(tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["report", "--out", str(out)]) == 0
    claims = len(list((Path(__file__).parents[2] / "experiments" / "verdicts").glob("*.json")))
    assert out.stat().st_size < 140e3 * claims
