"""Several answers to a problem, groups of problems and verdicts, against counts by hand."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.scoring.grade import Grade
from alchemy.scoring.problems import MOST_GROUPS
from alchemy.scoring.sample import GradedLines
from alchemy.scoring.score import score
from alchemy.scoring.verdicts import Verdicts
from alchemy.stats.proportion import wilson
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F2", "F2 F2"), length=(2, 3), alphabet="ABC", dialect="uniform")
PROMPTS = {"A B [F2] <think>": "B A", "A B C [F2] <think>": "B C A", "A B C [F2] [F2] <think>": "C A B"}
"""With the right answers."""


def line(prompt, answer):
    chain = "B C A [F2] " if prompt.count("F2") == 2 else ""
    return {"prompt": prompt, "completion": f"{chain}<answer> {answer}" if answer else "no idea"}


ANSWERS = {
    "A B [F2] <think>": ["B A", "B A", "A A", "A A"],  # the vote is a tie
    "A B C [F2] <think>": ["B C A", "A A A", "B B B", ""],  # three answers of one vote each
    "A B C [F2] [F2] <think>": ["C A B", "C A B", "A A A", ""],
}
LINES = [line(prompt, answers[i]) for i in range(4) for prompt, answers in ANSWERS.items()]


def as_lines(records):
    return [json.dumps(record).encode() + b"\n" for record in records]


def test_samples_by_hand():
    result = score(as_lines(LINES), TASK)
    assert result["n"] == 12 and result["answer_accuracy"] == pytest.approx(5 / 12)
    assert result["answer_accuracy_interval"] == pytest.approx(list(wilson(5 / 4, 3))), "over problems, not lines"
    samples = result["samples"]
    assert samples["majority@k"]["4"] == pytest.approx((1 / 2 + 1 / 3 + 1) / 3)
    assert [samples[name]["1"] for name in ("majority@k", "pass@k")] == pytest.approx([5 / 12] * 2)
    # of two: ties half; 1 of 2 right in 4 of 6 pairs, both in 1; a right one with a mute one is no tie
    assert samples["majority@k"]["2"] == pytest.approx(((4 / 2 + 1) + (2 / 2 + 1) + (1 + 2 / 2 + 2)) / 6 / 3)
    assert samples["pass@k"]["2"] == pytest.approx((5 + 3 + 5) / 6 / 3)
    assert samples["accuracy over problems_interval"] == result["answer_accuracy_interval"]
    assert samples["pass@k_interval"]["4"] == [wilson(3, 3)[0], 1.0]


def test_answers_given_once_are_no_samples():
    result = score(as_lines(LINES[:3]), TASK)
    assert "samples" not in result and result["answer_accuracy_interval"] == list(wilson(3, 3))


def test_groups_by_hand():
    groups = score(as_lines(LINES), TASK)["groups"]
    assert groups.keys() == {"composition", "steps", "letters", "F2"}
    assert {name: group["answer_accuracy"] for name, group in groups["composition"].items()} == {
        "F2": 3 / 8,
        "F2 F2": 0.5,
    }
    three = groups["letters"]["3"]
    assert (three["n"], three["problems"], three["answer_accuracy"]) == (8, 2, 3 / 8)
    assert three["answer_accuracy_interval"] == pytest.approx(list(wilson(3 / 4, 2)))
    assert three["trace_accuracy"] == pytest.approx(6 / 8), "a text without an answer has no right chain"


def test_many_numbers_are_ranges_of_about_equal_size():
    task = Symbols(length=tuple(range(1, 33)))
    records = [json.loads(text) for text in task.jsonl(task.sample(np.random.default_rng(0), 400)).splitlines()]
    letters = score(as_lines(records), task)["groups"]["letters"]
    assert len(letters) == MOST_GROUPS and sum(group["n"] for group in letters.values()) == 400
    assert all(30 <= group["n"] <= 75 for group in letters.values())
    limits = [[int(number) for number in name.split(" to ")] for name in letters]
    assert limits[0][0] == 1 and limits[-1][-1] == 32
    assert all(low[-1] + 1 == high[0] for low, high in pairwise(limits))


def test_few_numbers_are_groups_of_their_own_however_small():
    task = replace(TASK, length=(1, 2, 3))
    few = [line("A [F2] <think>", "A"), line("A B [F2] <think>", "B A")]
    letters = score(as_lines(few + [line("A B C [F2] <think>", "B C A")] * 60), task)["groups"]["letters"]
    assert {name: group["n"] for name, group in letters.items()} == {"1": 1, "2": 1, "3": 60}


def test_majorities_are_of_up_to_64_voters():
    """One right answer of 65: each choice has it or not, and a lone vote wins by itself only."""
    prompt = "A B [F2] <think>"
    records = [line(prompt, "B A"), *(line(prompt, answer) for answer in ["A A"] * 64)]
    samples = score(as_lines(records), TASK)["samples"]
    assert list(samples["majority@k"]) == ["1", "2", "4", "8", "16", "32", "64"]
    assert samples["majority@k"]["1"] == pytest.approx(1 / 65) and samples["majority@k"]["2"] == pytest.approx(1 / 65)
    assert samples["pass@k"]["65"] == 1 and samples["pass@k"]["64"] == pytest.approx(64 / 65)


@pytest.fixture
def answered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.jsonl").write_bytes(b"".join(as_lines(LINES)))
    return [
        "score",
        "p.jsonl",
        "--compositions",
        "F2",
        "F2 F2",
        "--length",
        "2",
        "3",
        "--alphabet",
        "ABC",
        "--dialect",
        "uniform",
        "--quiet",
    ]


def test_verdicts_are_in_the_order_of_the_files_and_know_of_prompts_only_where_there_are_some():
    verdicts = Verdicts()
    first, second = verdicts.watcher("b"), verdicts.watcher("a")
    grades = [Grade(True, True, "none"), Grade(False, False, "0")]
    for watch in (second, first):
        watch(GradedLines([1, 2], None, ["x", "y"], ["x", "y"], None, grades, {}))
    records = [json.loads(record) for record in verdicts.lines().splitlines()]
    assert [(record["file"], record["line"]) for record in records] == [("b", 1), ("b", 2), ("a", 1), ("a", 2)]
    assert [(record["prompt"], record["sample"], record["answer_right"]) for record in records[:2]] == [
        (None, 1, True),
        (None, 1, False),
    ]


def test_verdicts_are_lines_that_can_be_written_again(answered, tmp_path, capsys):
    for _ in range(2):  # the second time in place of the first
        assert main([*answered, "--verdicts", "v.jsonl"]) == 0
        assert "v.jsonl: 12 verdicts" in capsys.readouterr().out
    verdicts = [json.loads(text) for text in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert verdicts[-1].pop("seal").startswith("written by alchemy score") and len(verdicts) == 12
    assert [verdict["line"] for verdict in verdicts] == list(range(1, 13))
    assert [verdict["sample"] for verdict in verdicts] == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert verdicts[5] == {
        "file": "p",
        "line": 6,
        "sample": 2,
        "prompt": "A B C [F2] [F2] <think>",
        "answer": "C A B",
        "answer_right": True,
        "trace_right": True,
        "first_wrong_step": "none",
        "features.composition": "F2 F2",
        "features.steps": 2,
        "features.letters": 3,
        "features.F1": 0,
        "features.F2": 2,
        "features.F3": 0,
    }
    (tmp_path / "v.jsonl").write_text("mine")
    assert main([*answered, "--verdicts", "v.jsonl"]) == 2 and "was not written by" in capsys.readouterr().err
    assert main([*answered, "--verdicts", "p.jsonl"]) == 2 and "is what this command reads" in capsys.readouterr().err
    assert main([*answered, "--verdicts", "new", "--page", "new"]) == 2 and "both be written" in capsys.readouterr().err
    assert (tmp_path / "v.jsonl").read_text() == "mine" and not (tmp_path / "new").exists()


def test_samples_and_groups_are_printed_and_on_the_page(answered, tmp_path, capsys):
    assert main([*answered, "--page", "p.html"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for row in (
        "several answers a problem  4, of 3 problems",
        "  k = 4",
        "by composition",
        "  F2 F2 (1)",
        "by letters",
    ):
        assert f"\n{row}" in out
    page = (tmp_path / "p.html").read_text("utf-8")
    for part in ("<h2>Several answers to a problem</h2>", "majority of 4", "<h2>By group</h2>", "composition F2 F2"):
        assert part in page
