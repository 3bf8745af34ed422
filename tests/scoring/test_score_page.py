"""Several files are a row each, a few hundred predictions are kept of any number, and nothing in them does anything."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.problem.steps import OUTCOMES
from alchemy.report.score_page import lines
from alchemy.scoring.grade import Grade
from alchemy.scoring.sample import FIRST_STEPS, LONGEST_TEXT, MOST_EXAMPLES, GoldTexts, GradedLines, Reservoir, visible
from alchemy.scoring.score import score
from tasks.connectivity import Connectivity
from tasks.recheck import Recheck
from tasks.symbols import Symbols

SYMBOLS, GRAPHS, RECHECKS = Symbols(compositions=("F1 F2", "F2 F1 F1")), Connectivity(), Recheck()
HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script><!--<script>",
    "A \x1b[31m \u202e \x00 \ud800 </script>",
    "Z " * 600,
    " <think> ".join(["A B"] * 100) + " <answer> A B",
    "",
    "<answer>",
    "work : [ 1 99999999 ] decision : [ ]",
)


def predictions(task, n=300):
    """Prompts with gold texts, some of them with a word replaced, cut off or said twice, and some hostile ones."""
    rng, rows = np.random.default_rng(0), []
    for record in map(json.loads, task.jsonl(task.sample(rng, n)).splitlines()):
        words = record["output"].split()
        for place in np.flatnonzero(rng.random(len(words)) < 0.05):
            words[place] = str(rng.choice(words))
        words = words[: len(words) - int(rng.integers(3) == 0)]
        rows.append((record["input"], " ".join(words) if rng.random() < 0.9 else f"{' '.join(words)}  {words[-1]}"))
    rows += [(rows[0][0], text) for text in HOSTILE]
    return rows


def as_lines(rows):
    return [json.dumps({"prompt": prompt, "completion": text}).encode() + b"\n" for prompt, text in rows]


@pytest.mark.parametrize(
    "task", [SYMBOLS, Symbols(cot=False), GRAPHS, RECHECKS], ids=["symbols", "no chain", "connectivity", "re-checks"]
)
def test_marks_say_what_the_grades_say(task):
    """No step is marked where both grades are good, and one is wherever one of them is not."""
    rows, grades = predictions(task), {}

    def watch(graded):
        grades.update(zip(graded.lines, graded.grades, strict=True))

    score(as_lines(rows), task, watch=watch)
    assert sorted(grades) == list(range(1, len(rows) + 1))
    for number, (prompt, text) in enumerate(rows, 1):
        answer, trace, _ = grades[number]
        marks = [step.mark for step in task.text_steps(task.parse(prompt), text)]
        assert ("wrong" not in marks) == (answer and trace), (prompt, text, marks)
        assert marks.count("wrong") <= 1
    assert len({grade[:2] for grade in grades.values()}) >= 2 + (task is SYMBOLS)


def test_marks_without_a_prompt():
    gold = "A B [F2] <think> B A <answer> B A"
    assert [step.mark for step in Symbols.text_format.compare(gold, gold)] == ["ok"] * 3
    assert [step.mark for step in Symbols.text_format.compare(gold.replace("<think> B", "<think> C"), gold)] == [
        "ok",
        "wrong",
        "wrong after",
    ]
    assert Symbols.text_format.compare("A B [F2]", gold)[-1] == ("(ends here)", "wrong")


def test_a_reservoir_is_bounded_and_has_every_outcome():
    """The rarest outcome is there though it is one line of thousands, and every line is as likely to be kept."""
    gold = [
        (record["input"], record["output"]) for record in SYMBOLS.record(SYMBOLS.sample(np.random.default_rng(0), 20))
    ]
    rows = gold * 100
    rows[1234] = rows[1234][0], "no idea"
    examples = []
    for _ in range(2):
        reservoir = Reservoir(SYMBOLS, 30)
        score(as_lines(rows), SYMBOLS, watch=reservoir.watch)
        examples.append(reservoir.examples("a"))
    assert examples[0] == examples[1]
    right, wrong = examples[0]["outcomes"].values()
    assert list(examples[0]["outcomes"]) == [f"{OUTCOMES[0]}: 1,999", f"{OUTCOMES[2]}: 1"]
    assert [example["line"] for example in wrong] == [1235] and len(right) == 30
    numbers = [example["line"] for example in right]
    assert numbers == sorted(set(numbers)) and min(numbers) < 500 < 1500 < max(numbers)
    for example in right:
        assert example["prompt"] == rows[example["line"] - 1][0] and example["gold"] == [
            text for text, _ in example["steps"]
        ]
        assert example["floors"].keys() == {"chance", "copy"}


def test_what_is_long_is_cut_and_what_has_no_glyph_is_escaped():
    assert visible("A\x1b\u202e\ud800\n") == "A\\x1b\\u202e\\ud800\\n"
    assert visible("Z" * (LONGEST_TEXT + 5)) == "Z" * LONGEST_TEXT + " … 5 more characters"
    reservoir = Reservoir(SYMBOLS, 100)
    rows = predictions(SYMBOLS, 1)
    score(as_lines(rows), SYMBOLS, watch=reservoir.watch)
    examples = [example for outcome in reservoir.examples("a")["outcomes"].values() for example in outcome]
    assert len(examples) == len(rows) and len(json.dumps(examples)) < 50_000
    chain = next(example["steps"] for example in examples if len(example["steps"]) > FIRST_STEPS)
    assert any(text.endswith("more steps") for text, _ in chain) and chain[-1][0] == "<answer> A B"


@pytest.fixture
def files(tmp_path):
    """Splits, and predictions for two of them in a directory."""
    home = tmp_path / "data"
    assert (
        main(
            [
                *["generate", "symbols", "--train", "50", "--test", "40", "--shifts", "length=6", "--quiet", "--out"],
                str(home),
            ]
        )
        == 0
    )
    answers = tmp_path / "answers"
    answers.mkdir()
    for name in ("test.jsonl", "test-length=6.jsonl"):
        records = [json.loads(line) for line in (home / name).read_text().splitlines()]
        rows = [(record["input"], record["output"]) for record in records]
        (answers / name).write_bytes(b"".join(as_lines(rows + [(rows[0][0], text) for text in HOSTILE])))
    return home, answers


def test_one_file_prints_as_ever_and_several_are_rows(files, capsys):
    home, answers = files
    test, longer = answers / "test.jsonl", answers / "test-length=6.jsonl"

    def printed(*args):
        assert main(["score", "--manifest", str(home), "--quiet", *map(str, args)]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    single = json.loads(printed(test, "--json"))
    assert single["task"] == "symbols" and single["n"] == 40 + len(HOSTILE)
    together = json.loads(printed(answers, "--json"))
    assert together["files"]["test"] == {name: value for name, value in single.items() if name != "task"}
    assert (
        list(together["files"])
        == ["test", "test-length=6"]
        == list(json.loads(printed(test, longer, "--json"))["files"])
    )
    assert printed(test) == "\n".join(lines(single)) + "\n"
    table = printed(answers)
    assert all(word in table for word in ("test-length=6", "47 lines", "0.851", "right answer", "floor"))
    longer.write_bytes(longer.read_bytes()[:-5])
    assert main(["score", str(answers), "--manifest", str(home)]) == 2
    assert f"{longer}: line 47 is cut off" in capsys.readouterr().err


def test_the_page_in_a_browser(files, tmp_path, browse, capsys):
    """Hostile predictions are looked at, one after the other, and do nothing."""
    home, answers = files
    out = tmp_path / "score.html"
    assert main(["score", str(answers), "--manifest", str(home), "--page", str(out)]) == 0
    assert "score.html: 0." in capsys.readouterr().out
    text = out.read_text("utf-8")
    assert "\x1b" not in text and "\u202e" not in text and text.count("<script") == text.count("</script") == 2
    observed = browse(
        text,
        """
    const box = document.querySelector(".explorer"), [test, outcome] = box.querySelectorAll("select");
    const press = (key) => box.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    observed.tests = [...test.options].map((one) => one.value);
    observed.rows = document.querySelector("table").querySelectorAll("tbody tr").length;
    box.focus(); observed.first = box.querySelector(".count").textContent;
    while (!outcome.value.startsWith("wrong")) press("o");
    observed.seen = [];
    for (let i = 0; i < 7; i++) { observed.seen.push(box.querySelector(".written").textContent); press("ArrowRight"); }
    observed.tags = box.querySelectorAll("img:not(.picture), .picture:not([hidden]), .written script").length;
    observed.wide = document.documentElement.scrollWidth <= innerWidth;
    """,
        width=500,
    )
    assert observed["faults"] == [] and observed["tags"] == 0 and observed["wide"]
    assert (
        observed["tests"] == ["test", "test-length=6"]
        and observed["rows"] == 2
        and observed["first"].endswith("line 1")
    )
    shown = "\n".join(observed["seen"])
    assert HOSTILE[0] in shown and "\\x1b[31m \\u202e \\x00 \\ud800" in shown and "more characters" in shown


@pytest.mark.parametrize(("steps", "wrong"), [(200, 100), (200, 62), (200, 0), (71, None), (64, None), (90, 89)])
def test_of_a_long_chain_its_ends_and_its_first_error_are_shown(steps, wrong):
    """Sixty steps at the beginning, five on either side of the first error, five at the end."""
    words = [f"A{number}" for number in range(steps)]
    gold = " <think> ".join(words) + " <answer> A"
    words = [f"{word}!" if wrong is not None and number >= wrong else word for number, word in enumerate(words)]
    text = " <think> ".join(words) + " <answer> A"
    reservoir = Reservoir(SYMBOLS, 5)
    grade = Grade(True, wrong is None, "none")
    reservoir.watch(GradedLines([1], None, [text], [""], GoldTexts([gold], {}), [grade], {}))
    [[example]] = reservoir.examples("a")["outcomes"].values()
    compared = SYMBOLS.text_format.compare(text, gold)
    error = next((place for place, step in enumerate(compared) if step.mark == "wrong"), 0)
    near = range(error - 5, error + 5)
    shown = [place for place in range(len(compared)) if place < 60 or place in near or place >= len(compared) - 5]
    expected = []
    for before, place in zip([-1, *shown], shown, strict=False):
        if place - before > 1:
            expected.append([f"… {place - before - 1} more steps", ""])
        expected.append([visible(compared[place].text), compared[place].mark])
    assert example["steps"] == expected
    assert (example["line"], example["prompt"], example["floors"]) == (1, "", {})


def test_limits_of_what_is_shown():
    assert visible("Z" * 1000) == "Z" * 1000 and visible("Z" * 2001).endswith("Z … 1,001 more characters")
    assert (MOST_EXAMPLES, LONGEST_TEXT, FIRST_STEPS) == (600, 1000, 60)


def test_a_reservoir_is_that_of_algorithm_r():
    """Of the lines of one outcome the first are kept, then each takes the place that a number below its count names."""
    rng, kept = np.random.default_rng(0), []
    for line in range(1, 31):
        if line <= 4:
            kept.append(line)
        elif (place := int(rng.integers(line))) < 4:
            kept[place] = line
    reservoir = Reservoir(SYMBOLS, 4)
    for start in (1, 11, 21):
        texts = ["A"] * 10
        grades = [Grade(False, False, "0")] * 10
        lines = range(start, start + 10)
        reservoir.watch(GradedLines(lines, None, texts, texts, GoldTexts(texts, {"copy": texts}), grades, {}))
    [(name, rows)] = reservoir.examples("a")["outcomes"].items()
    assert name == f"{OUTCOMES[2]}: 30" and [row["line"] for row in rows] == sorted(kept)
    assert all(row["floors"] == {"copy": "A"} for row in rows)
