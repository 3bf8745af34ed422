"""JSON lines say what the tokens of a batch say, however many rows share a layout."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alchemy.discover import find
from alchemy.problem.task import Field

TASKS = ("equations", "groups", "search", "symbols")
"""Numbers of one digit and of two, symbols of several letters, texts of many layouts, and texts of one."""


def records(task, batch):
    """The lines as dictionaries, read off token by token."""
    for text, field in zip(batch.text, batch.field, strict=True):
        words = [task.vocabulary.symbols[token] for token in text]
        parts = {"input": [], "output": [], **{name: [] for name in task.prompt_fields}, "reasoning": [], "answer": []}
        for word, code in zip(words, field.tolist(), strict=True):
            if 0 <= code < len(task.prompt_fields):
                parts["input"].append(word)
                parts[task.prompt_fields[code]].append(word)
            elif code >= Field.STEP:
                parts["output"].append(word)
                parts["reasoning"].append(word)
            elif code == Field.ANSWER:
                parts["output"].append(word)
                if word != task.text_format.answer_mark:
                    parts["answer"].append(word)
        yield {name: " ".join(words) for name, words in parts.items()}


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("copies", [1, 30])
def test_lines_say_what_the_tokens_say(name, copies):
    task = find("task", name)(**({"modulus": 11, "unknowns": 3} if name == "equations" else {}))
    batch = task.sample(np.random.default_rng(0), 40)
    rows = np.random.default_rng(1).permutation(np.tile(np.arange(40), copies))
    lines = task.jsonl(batch.rows(rows)).splitlines()
    expected = [json.dumps(record).encode() for record in records(task, batch)]
    assert lines == [expected[row] for row in rows]


def test_no_rows_are_no_lines():
    task = find("task", "search")()
    assert task.jsonl(task.sample(np.random.default_rng(0), 3).rows(slice(0, 0))) == b""
