"""Sums over lines against the definitions of the numbers, computed from all lines at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from rapidfuzz.distance import Levenshtein
from sacrebleu import BLEU

from alchemy.problem.task import Judgement, Vocabulary
from alchemy.problem.text_format import TextFormat
from alchemy.scoring.grade import compare_with_gold, grade_text
from alchemy.scoring.sample import GoldTexts
from alchemy.scoring.score import score
from alchemy.scoring.tally import GoldTally, OracleTally
from alchemy.stats.proportion import wilson
from tasks.symbols import Symbols

FORMAT = TextFormat(answer_mark="<answer>", step_mark="<think>")
STEPS = [0, 1, 2, 9, 10, 11]


@dataclass
class Scripted:
    """An oracle that knows its verdicts: of text i that of row i."""

    judgement: Judgement
    measured: dict[str, np.ndarray]
    text_format: ClassVar[TextFormat] = TextFormat()
    vocabulary: ClassVar[Vocabulary] = Vocabulary.of(())

    def features(self, problem):
        return {"third": problem["row"] % 3}

    def parse(self, text):
        return {"row": np.array([int(text)])}

    def judge_texts(self, problem, texts):
        rows = problem["row"]
        judgement = Judgement(*(values[rows] for values in self.judgement))
        return judgement, {name: values[rows] for name, values in self.measured.items()}


def scripted(n=40, seed=0):
    rng = np.random.default_rng(seed)
    answer, trace = rng.random((2, n)) < 0.6
    step = rng.choice(STEPS, n).astype(np.int32)
    likeness = np.where(rng.random(n) < 0.3, np.nan, rng.random(n))
    measured = {"short": rng.random(n) < 0.25, "likeness": likeness, "never": np.full(n, np.nan)}
    return Scripted(Judgement(answer, trace, step, answer | trace), measured)


@pytest.mark.parametrize("pieces", [1, 3])
def test_shares_are_of_lines_and_means_of_the_lines_that_have_the_number(pieces):
    oracle, tally = scripted(), OracleTally()
    for rows in np.array_split(np.arange(40), pieces):
        tally.add(oracle, {"row": rows}, [""] * len(rows))
    result = tally.result()
    answer, trace, step, _ = oracle.judgement
    for name, values in (("answer_accuracy", answer), ("trace_accuracy", trace), ("short", oracle.measured["short"])):
        assert result[name] == values.mean()
        assert result[f"{name}_interval"] == list(wilson(int(values.sum()), 40))
    assert result["likeness"] == pytest.approx(np.nanmean(oracle.measured["likeness"]))
    assert result["never"] is None and "likeness_interval" not in result
    cells = {
        "both": answer & trace,
        "answer_right_trace_wrong": answer & ~trace,
        "answer_wrong_trace_right": ~answer & trace,
        "both_wrong": ~answer & ~trace,
    }
    assert {name: result[name] for name in cells} == {name: cell.mean() for name, cell in cells.items()}
    counts = [(str(number), int((~trace & (step == number)).sum())) for number in STEPS]
    counts += [("answer", int((trace & ~answer).sum())), ("none", int((trace & answer).sum()))]
    assert list(result["first_wrong_step"].items()) == counts, "by number, then the answer, then nothing"


def test_lines_without_a_measured_number_in_one_block_count_in_another():
    oracle = scripted()
    oracle.measured["likeness"][:20] = np.nan
    tally = OracleTally()
    for rows in (np.arange(20), np.arange(20, 40)):
        tally.add(oracle, {"row": rows}, [""] * 20)
    assert tally.result()["likeness"] == pytest.approx(np.nanmean(oracle.measured["likeness"]))


def test_blocks_of_prompts_are_graded_by_the_oracle_in_the_order_of_the_lines(monkeypatch):
    monkeypatch.setattr("alchemy.scoring.score.ROWS", 7)
    oracle, seen = scripted(), []
    lines = [b'{"prompt": "%d", "completion": "text %d"}' % (row, row) for row in range(40)]
    done = []
    result = score(lines, oracle, done.append, seen.append)
    assert result["answer_accuracy"] == oracle.judgement.answer.mean() and result["n"] == 40
    assert done == [7, 14, 21, 28, 35, 40]
    for block, graded in enumerate(seen):
        assert graded.lines == list(range(7 * block + 1, min(7 * block + 8, 41)))
        for line, grade in zip(graded.lines, graded.grades, strict=True):
            assert (grade.answer, grade.trace) == tuple(values[line - 1] for values in oracle.judgement[:2])


words = st.lists(st.sampled_from(["A", "B", "C", "<think>", "<answer>"]), max_size=8).map(" ".join)
rows = st.lists(st.tuples(words, words), min_size=1, max_size=6)


@settings(deadline=None, max_examples=60)
@given(rows=rows, cut=st.integers(0, 6))
def test_likeness_to_gold_is_that_of_the_published_measures(rows, cut):
    """Means of exact match, edit distance over the longer text, and BLEU of nltk; the corpus's by sacrebleu."""
    tally = GoldTally(FORMAT)
    for block in (rows[:cut], rows[cut:]):
        if block:
            tally.add([text for text, _ in block], GoldTexts([gold for _, gold in block], {}))
    result = tally.result()

    def bleu(text, gold):
        if not text.strip() or not gold.strip():
            return 0.0
        return sentence_bleu([gold.split()], text.split(), smoothing_function=SmoothingFunction().method1)

    def distance(text, gold):
        return Levenshtein.distance(text, gold) / max(len(text), len(gold), 1)

    assert result["exact_match"]["full"] == np.mean([text.strip() == gold.strip() for text, gold in rows])
    assert result["bleu"]["full"] == pytest.approx(np.mean([bleu(text, gold) for text, gold in rows]))
    answers = [[FORMAT.split_answer(text)[1].strip() for text in row] for row in rows]
    assert result["exact_match"]["answer"] == np.mean([text == gold for text, gold in answers])
    expected = BLEU().corpus_score([text for text, _ in rows], [[gold for _, gold in rows]])
    assert result["corpus_bleu"]["full"] == pytest.approx(expected.score / 100, abs=1e-9)
    assert result["edit_distance"]["full"] == pytest.approx(np.mean([distance(text, gold) for text, gold in rows]))
    assert result["floors"] is None and tally.n == len(rows)


def test_floors_are_means_over_all_lines():
    tally = GoldTally(FORMAT)
    tally.add(["A"], GoldTexts(["<answer> A B"], {"copy": ["<answer> A B"]}))
    tally.add(["A", "A"], GoldTexts(["<answer> A B", "<answer> C"], {"copy": ["<answer> A C", "<answer> B"]}))
    floor = tally.result()["floors"]["copy"]
    distances = [0, Levenshtein.distance("<answer> A B", "<answer> A C") / 12, 1 / 10]
    assert floor["answer_accuracy"] == floor["exact_match"] == pytest.approx(1 / 3)
    assert floor["edit_distance"] == pytest.approx(np.mean(distances))


LETTERS = "ABCDEFGH"


@settings(deadline=None, max_examples=40)
@given(rows=rows, names=st.permutations(LETTERS))
def test_other_letters_on_both_sides_change_no_score(rows, names):
    rename = str.maketrans(LETTERS, "".join(names))

    def renamed(text):
        return " ".join(word.translate(rename) if len(word) == 1 else word for word in text.split(" "))

    results = []
    for change in (str, renamed):
        tally = GoldTally(FORMAT)
        tally.add([change(text) for text, _ in rows], GoldTexts([change(gold) for _, gold in rows], {}))
        results.append(tally.result())
    assert results[0] == results[1]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_lines_in_another_order_have_the_same_score(seed):
    rng = np.random.default_rng(seed)
    letters = rng.choice(list(LETTERS[:3]), (30, 2, 4))
    texts = [[f"<answer> {' '.join(side)}" for side in row] for row in letters]
    scores = []
    for order in (np.arange(30), rng.permutation(30)):
        lines = [b'{"predict": "%s", "label": "%s"}' % tuple(side.encode() for side in texts[row]) for row in order]
        scores.append(score(lines, Symbols()))
    for name, value in scores[0].items():
        assert scores[1][name] == (value if isinstance(value, str | list) else pytest.approx(value)), name


def test_one_text_is_graded_by_the_oracle_where_a_task_has_one():
    oracle = scripted()
    for row in range(40):
        answer, trace, step, _ = (values[row] for values in oracle.judgement)
        expected = (answer, trace, str(step) if not trace else "none" if answer else "answer")
        assert grade_text(oracle, str(row), "", "text") == expected
    task = Symbols()
    [record] = task.record(task.sample(np.random.default_rng(0), 1))
    assert grade_text(task, record["input"], record["output"], f" {record['output']}\n") == (True, True, "none")
    assert compare_with_gold("<answer> A", "<answer> B", task.text_format) == (False, True, "answer")
