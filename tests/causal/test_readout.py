"""Where parts of lines stand and what they are called; what is read out of a model that is a table."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.causal.readout import Readout, answer_places, own_answers, position_labels, with_answer
from alchemy.problem.task import EOS
from tasks.symbols import Symbols
from tests.decoding.cells import Bigram

LETTERS = {"length": (2,), "alphabet": "ABCDEFGH"}


@pytest.mark.parametrize(
    ("compositions", "labels"),
    [
        (
            ("F1 F2 F3",),
            "element 1,element 2,[F1],[F2],[F3],<think>,step 1.1,step 1.2,[F2],[F3],<think>,step 2.1,step 2.2,[F3],"
            "<answer>,answer 1,answer 2,end",
        ),
        (
            ("F1 F2", "F2 F1"),
            "element 1,element 2,transformation 1,transformation 2,<think>,step 1.1,step 1.2,step 1.3,<answer>,"
            "answer 1,answer 2,end",
        ),
    ],
)
def test_positions_are_called_by_their_symbol_or_by_their_part(compositions, labels):
    task = Symbols(compositions=compositions, **LETTERS)
    batch = task.sample(np.random.default_rng(0), 40)
    assert position_labels(task, batch) == labels.split(",")
    answer = [place for place, label in enumerate(labels.split(",")) if label.startswith("answer")]
    mark = task.vocabulary.index["<answer>"]
    assert answer_places(batch, mark).tolist() == answer
    assert answer_places(batch).tolist() == [answer[0] - 1, *answer]
    assert answer_places(batch.rows(slice(1)), mark).tolist() == answer, "one line is as good as many"


def test_padding_has_a_name_of_its_own():
    task = Symbols(**LETTERS)
    batch = task.sample(np.random.default_rng(0), 8)
    wider = batch._replace(
        tokens=np.pad(batch.tokens, ((0, 0), (0, 1), (0, 0))),
        field=np.pad(batch.field, ((0, 0), (0, 1)), constant_values=-1),
    )
    assert position_labels(task, wider) == [*position_labels(task, batch), "padding"]


def test_an_answer_is_put_in_its_places_and_nothing_stands_behind_it():
    tokens = np.arange(2 * 3 * 6 * 2).reshape(2, 3, 6, 2)
    answer = np.full((2, 3, 2), EOS)
    texts = with_answer(tokens, np.array([3, 4]), answer)
    assert texts.shape == (2, 3, 5, 2) and (texts[:, :, 3:, 0] == EOS).all()
    np.testing.assert_array_equal(texts[:, :, :3], tokens[:, :, :3])
    np.testing.assert_array_equal(texts[..., 1], tokens[:, :, :5, 1])


def test_answers_are_written_behind_what_stands_before_their_places():
    """A model that writes the next number: behind a text that ends in 3, and whatever stood there before, 4 and 5."""
    texts = np.array([[[7, 3, 6, 6, 6], [6, 4, 3, 3, 3]]], np.int32)[..., None]
    following = {"table": 9.0 * np.roll(np.eye(8, dtype=np.float32), 1, axis=1)[None]}
    answers = own_answers(Bigram(), following, texts, np.array([2, 3]))
    assert answers.tolist() == [[[4, 5], [5, 6]]]


def test_an_answer_is_written_if_all_its_tokens_are():
    likeliest = np.array([[True, True], [True, False], [False, True]])[None, None, None]
    assert Readout(likeliest, np.zeros(likeliest.shape)).written.tolist() == [[[[True, False, False]]]]
