"""Scores are right whatever the schema, and a bad line is named by its number."""

import io
import json

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.scoring.grade import compare_with_gold
from alchemy.scoring.score import score
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2 F3", "F2 F1 F1"))
GOLD = "N C C Y [F2] <think> C C Y N [F3] <answer> N Y C C"


def records(task=TASK, n=200):
    return task.record(task.sample(np.random.default_rng(0), n))


def as_lines(rows, left="input", right="output"):
    return [json.dumps({left: prompt, right: text, "extra": 1}).encode() + b"\n" for prompt, text in rows]


def predictions(n=200):
    """Rows of prompt, what a poor model says, gold."""
    rng, rows = np.random.default_rng(1), []
    for record in records(n=n):
        words = record["output"].split()
        for place in np.flatnonzero(rng.random(len(words)) < 0.1):
            words[place] = rng.choice([*"ABC", "[F1]", "<think>", "<answer>"])
        rows.append((record["input"], " ".join(words), record["output"]))
    return rows


@pytest.mark.parametrize(
    "task",
    [TASK, Symbols(), Symbols(cot=False, length=(5,)), Symbols(dialect="uniform", cot=False), Symbols(("F1", "F3 F1"))],
)
def test_gold_scores_itself(task):
    batch = task.sample(np.random.default_rng(0), 300)
    result = score(io.BytesIO(task.jsonl(batch)), task)
    reasoned = float(np.mean([bool(record["reasoning"]) for record in task.record(batch)]))
    assert result["n"] == 300 and result["answer_accuracy"] == result["trace_accuracy"] == result["both"] == 1
    assert set(result["exact_match"].values()) == {1.0} and set(result["edit_distance"].values()) == {0.0}
    assert result["bleu"] == pytest.approx({"full": 1, "reasoning": reasoned, "answer": 1})  # an empty text scores 0
    assert result["corpus_bleu"] == pytest.approx({"full": 1, "reasoning": float(reasoned > 0), "answer": 1})
    assert result["first_wrong_step"] == {"none": 300}
    low, high = result["answer_accuracy_interval"]
    assert 0.98 < low < high == 1


def test_all_schemas_agree():
    rows = predictions()
    prompt_rows = [(prompt, text) for prompt, text, _ in rows]
    with_input = score(as_lines(prompt_rows), TASK)
    with_prompt = score(as_lines(prompt_rows, "prompt", "completion"), TASK)
    label_rows = [(text, gold) for _, text, gold in rows]
    with_label = score(as_lines(label_rows, "predict", "label"), TASK)
    assert [result.pop("lines") for result in (with_input, with_prompt, with_label)] == [
        "{input, output}",
        "{prompt, completion}",
        "{predict, label}",
    ]
    assert with_input == with_prompt and with_label.pop("floors") is None and with_input.pop("floors")
    assert {"composition", "F1", "F3"} == with_input.pop("groups").keys()
    assert with_input == with_label and 0 < with_input["answer_accuracy"] < 1 and 0 < with_input["trace_accuracy"] < 1
    full = [json.dumps({"prompt": p, "completion": "", "predict": s, "label": g}).encode() for p, s, g in rows]
    with_both = score(full, TASK)
    assert with_both.pop("lines") == "{predict, label}" and with_both.pop("floors") is None and with_both == with_label


def test_grades_of_texts_are_the_oracles():
    task, n = TASK, 200
    batch = task.sample(np.random.default_rng(0), n)
    rows = predictions(n)
    width = max(len(text.split()) for _, text, _ in rows) + 1
    completion = np.zeros((n, width), np.int32)
    for row, (_, text, _) in enumerate(rows):
        ids = [*task.vocabulary.encode(text), 1]
        completion[row, : len(ids)] = ids
    judged = task.verify(batch, completion)
    for row, (_, text, gold) in enumerate(rows):
        answer, trace, _ = compare_with_gold(text, gold, task.text_format)
        assert (answer, trace) == (judged.answer[row], judged.trace[row]), text


@pytest.mark.parametrize("rows", [7, 50, 200])
def test_the_result_does_not_depend_on_how_lines_are_batched(rows, monkeypatch):
    lines = as_lines([(prompt, text) for prompt, text, _ in predictions()])
    at_once = score(lines, TASK)
    monkeypatch.setattr("alchemy.scoring.score.ROWS", rows)
    parts = score(lines, TASK)
    assert at_once.pop("floors")["copy"] == pytest.approx(parts.pop("floors")["copy"])
    assert at_once.pop("groups") == parts.pop("groups")
    for name, value in at_once.items():
        assert parts[name] == (value if isinstance(value, str | list) else pytest.approx(value)), name


@pytest.mark.parametrize(
    ("completion", "grade"),
    [
        (GOLD, (True, True, "none")),
        (f"  {GOLD}\n", (True, True, "none")),
        ("N C C Y [F2] <think> C C Y N [F3] <answer> the answer is N Y C C", (False, True, "answer")),
        ("N C C Y [F2] <think> C C Y N [F3] <answer> N Y C C C", (False, True, "answer")),
        ("N C C Y [F2] <think> C C Y N [F3] <answer> N Y C C <answer> A A A A", (False, False, "1")),
        ("N C C Y [F2] <think> C C Y N [F3] <answer>", (False, True, "answer")),
        ("N C C Y [F2] <think> C C Y N [F3]", (False, True, "answer")),
        ("N Y C C", (False, False, "0")),
        ("<answer> N Y C C", (True, False, "0")),
        ("N C C Y [F2] <think> C C Y X [F3] <answer> N Y C C", (True, False, "1")),
        ("N C C X [F2] <think> C C Y X [F3] <answer> N Y C C", (True, False, "0")),
        ("N C C Y [F2] <think> C C Y N [F3] <think> N Y C C <answer> N Y C C", (True, False, "1")),
        ("", (False, False, "0")),
    ],
)
def test_grades(completion, grade):
    assert compare_with_gold(completion, GOLD, TASK.text_format) == grade


def test_grades_without_a_chain():
    assert compare_with_gold("C C Y N", "C C Y N", TASK.text_format) == (True, True, "none")
    assert compare_with_gold("A C C Y N", "C C Y N", TASK.text_format) == (False, True, "answer")
    assert compare_with_gold("N <answer> C C Y N", "C C Y N", TASK.text_format) == (True, False, "0")
    assert compare_with_gold("", "", TASK.text_format) == (False, True, "answer")


def test_containing_the_answer_gets_no_credit():
    rows = [(record["input"], f"{record['output']} or so") for record in records()]
    result = score(as_lines(rows), TASK)
    assert result["answer_accuracy"] == result["exact_match"]["full"] == 0 and result["trace_accuracy"] == 1
    assert result["answer_wrong_trace_right"] == 1 and result["first_wrong_step"] == {"answer": 200}


def test_floors_stand_next_to_the_numbers():
    result = score(as_lines([(record["input"], "") for record in records()]), TASK)
    assert result["floors"].keys() == {"chance", "copy"}
    assert 0.2 < result["floors"]["chance"]["edit_distance"] < 0.5 and result["floors"]["copy"]["answer_accuracy"] == 0


GOOD = as_lines([(record["input"], record["output"]) for record in records(n=3)])


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "no lines"),
        ([GOOD[0], b"{oops}\n"], "line 2 is not JSON"),
        ([GOOD[0], GOOD[1], GOOD[2][:-10]], "line 3 is cut off or not JSON"),
        ([GOOD[0], b"\n", GOOD[1]], "line 2 is blank"),
        ([GOOD[0], b'{"input": "\xff"}\n'], "line 2 is not UTF-8"),
        ([GOOD[0], b"[1, 2]\n"], "line 2 is a JSON list, expected an object"),
        ([GOOD[0], b"[" * 100_000], "line 2 is cut off or not JSON"),
        ([b'{"question": "?"}\n'], "line 1 has the keys question, expected {predict, label} or {input, output} or"),
        ([GOOD[0], b'{"prompt": "A", "completion": "B"}\n'], "line 2 has no 'input', which line 1 has"),
        ([GOOD[0], b'{"input": "A B", "output": 3}\n'], "line 2: output is 3, expected a text"),
        ([GOOD[0], b'{"input": "A ! [F1] <answer>", "output": "B"}\n'], "line 2: unknown symbol '!'"),
        ([GOOD[0], b'{"input": "A B C D [F1] [F2]", "output": "B"}\n'], "line 2: prompt 'A B C D [F1] [F2]' is not"),
        ([GOOD[0], b'{"input": "", "output": "B"}\n'], "line 2: prompt '' has no element"),
    ],
)
def test_a_bad_line_is_named(lines, says):
    with pytest.raises(UserError) as error:
        score(lines, TASK)
    assert says in str(error.value)
