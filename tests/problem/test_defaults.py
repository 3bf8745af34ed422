"""What a family inherits: the oracle of the only right text, its steps, and a refusal of what it must say itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.shift import Noise
from alchemy.problem.split import hash_rows
from alchemy.problem.task import EOS, Batch, Field, Vocabulary
from alchemy.problem.text_format import TextFormat

LENGTH = 3


@dataclass(frozen=True)
class Parity(TaskDefaults):
    """Three bits, every running parity, the last of them: `1 0 1 ? 1 , 1 , 0 <answer> 0`."""

    noise: Noise | None = None
    prompt_fields: ClassVar = ("bits", "instruction")
    text_format: ClassVar = TextFormat(answer_mark="<answer>", step_mark=",")
    vocabulary = Vocabulary.of(("0", "1", "?", ",", "<answer>"))
    longest_prompt, clean_len, instructions = LENGTH + 1, 3 * LENGTH + 3, "Add up."

    def draw(self, rng, n):
        return {"bits": rng.integers(2, size=(n, LENGTH), dtype=np.int8)}

    def write(self, problem):
        n, parity = len(problem["bits"]), problem["bits"].cumsum(axis=1) % 2 + 3
        chain = np.insert(parity, [1, 2], 6, axis=1)
        parts = [
            problem["bits"] + 3,
            np.full((n, 1), 5),
            chain,
            np.full((n, 1), 7),
            parity[:, -1:],
            np.full((n, 1), EOS),
        ]
        field = [0, 0, 0, 1, *(Field.STEP + step for step in (0, 0, 1, 1, 2)), Field.ANSWER, Field.ANSWER, Field.END]
        tokens = np.concatenate(parts, axis=1, dtype=np.int32)[..., None]
        return Batch(tokens, np.full(n, LENGTH + 1, np.int32), np.tile(np.array(field, np.int8), (n, 1)), problem)

    def parse(self, text):
        return {"bits": np.array([text.split()[:-1]], np.int8)}

    def identity(self, problem):
        return hash_rows(problem["bits"], np.ones(problem["bits"].shape, bool))

    def features(self, problem):
        return {"ones": problem["bits"].sum(axis=1)}


@pytest.mark.parametrize(
    ("text", "answer", "trace", "first_wrong", "well_formed", "marks"),
    [
        ("1 , 1 , 0 <answer> 0", True, True, 4, True, ["ok", "ok", "ok", "ok"]),
        ("1 , 1 , 0 <answer> 1", False, True, 3, True, ["ok", "ok", "ok", "wrong"]),
        ("1 , 0 , 0 <answer> 0", True, False, 1, True, ["ok", "wrong", "wrong after", "wrong after"]),
        ("1 , 1 <answer> 0", True, False, 1, False, ["ok", "ok", "wrong", "wrong after"]),
        ("0", False, False, 0, False, ["wrong", "wrong after"]),
    ],
)
def test_the_only_right_text_is_the_oracle(text, answer, trace, first_wrong, well_formed, marks):
    task = Parity()
    batch = task.render(task.parse("1 0 1 ?"), np.random.default_rng(0))
    completion = np.array([[*task.vocabulary.encode(text), EOS]], np.int32)
    judged = task.verify(batch, completion)
    assert (judged.answer[0], judged.trace[0], judged.well_formed[0]) == (answer, trace, well_formed)
    assert judged.first_wrong_step[0] == first_wrong
    assert [step.mark for step in task.steps(batch, completion)] == marks
    assert (task.answer_ids(completion) == task.answer_ids(batch.completions())).all() == answer


def test_what_a_text_says():
    task = Parity()
    batch = task.sample(np.random.default_rng(0), 5)
    assert task.step_delimiters == (6, 7) and task.shortest_prompt == 0
    assert task.gold_text(task.parse("1 0 1 ?")) == "1 , 1 , 0 <answer> 0"
    assert task.novelty(batch, batch) == {"unseen_ones": 0}
    assert task.shifts == ()
    with pytest.raises(UserError, match="shift 'length=4' is unknown: Parity has none"):
        task.shift("length=4")


def test_a_step_is_known_by_its_tokens_where_all_of_them_are_there():
    task = Parity()
    batch = task.render(task.parse("1 0 1 ?"), np.random.default_rng(0))
    texts = ["1 , 1 , 0", "1 , 0 , 0", "0 , 1 , 0", "1 , </s> , 0", "1 , <pad> , 0"]
    chains = np.array([task.vocabulary.encode(text) for text in texts], np.int32)

    def known(*places):
        return task.step_ids(batch, chains, np.tile(np.isin(np.arange(5), places), (5, 1))).tolist()

    assert known() == [-1] * 5
    first, second = known(0), known(2)
    assert min(first) >= 0 and first[0] == first[1] == first[3] == first[4] != first[2]
    assert second[0] == second[2] != second[1] and second[0] >= 0 and second[3:] == [-1, -1]
    assert known(0, 1)[3] >= 0 and known(1, 2, 3)[3] == -1


@pytest.mark.parametrize("width", [3, 8, 11])
def test_parts_of_a_completion_of_any_width_are_those_of_gold(width):
    """Wider ones end in padding; narrower ones are not well formed, and have no parts."""
    task = Parity()
    batch = task.render(task.parse("1 0 1 ?"), np.random.default_rng(0))
    field, gold = batch.completion_fields()[0].tolist(), batch.completions()[0].tolist()
    completion = np.array([(gold + [0] * 3)[:width]], np.int32)
    expected = field + [Field.PADDING] * (width - 8) if width >= 8 else [Field.PADDING] * width
    assert task.chain_fields(batch, completion).tolist() == [expected]


def test_a_family_with_noise_says_itself_what_a_noisy_prompt_reads_as():
    noisy = Parity(Noise("insert", 0.5))
    batch = noisy.sample(np.random.default_rng(0), 5)
    assert batch.tokens.shape[1] == noisy.max_len == Parity().max_len + LENGTH + 1
    with pytest.raises(NotImplementedError, match="Parity has noise"):
        noisy.surface(batch)


def test_all_that_is_missing_is_named_at_once():
    class Unfinished(TaskDefaults):
        prompt_fields = ("question",)

    with pytest.raises(TypeError, match=r"clean_len.*draw.*features.*identity.*instructions.*parse.*vocabulary.*write"):
        Unfinished()
