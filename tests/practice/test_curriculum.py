"""Which level each line of a training is of, and when a level is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cells import Bigram

from alchemy.errors import UserError
from alchemy.lab.training_data import training_data
from alchemy.learning import checkpoint
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.model import Cache
from alchemy.learning.train import Part
from alchemy.practice.curriculum import Course, Curriculum, Staged
from alchemy.practice.promotion import looking, train_promoted
from alchemy.problem.split import Split
from alchemy.problem.task import EOS
from tasks.sums import Sums

THREE = ("places=2", "places=3", "places=4")


@pytest.mark.parametrize(("order", "levels"), [("rising", [0, 0, 1, 1, 2, 2]), ("falling", [2, 2, 1, 1, 0, 0])])
def test_order(order, levels):
    course = Course(Curriculum(THREE, order), steps=6)
    whole = course.lines(5, 0, 6, 4)
    np.testing.assert_array_equal(whole, np.repeat(levels, 4).reshape(6, 4))
    np.testing.assert_array_equal(course.lines(5, 3, 2, 4), whole[3:5])


def test_a_mix_has_all_levels_alike():
    lines = Course(Curriculum(THREE, "mix"), steps=6).lines(5, 0, 6, 500)
    np.testing.assert_allclose(np.bincount(lines.reshape(-1)) / lines.size, [1 / 3] * 3, atol=0.03)


@pytest.mark.parametrize("order", ["rising", "falling"])
def test_rehearsal_is_of_what_was_left_behind(order):
    lines = Course(Curriculum(THREE, order, rehearsal=0.4), steps=3).lines(5, 0, 3, 5000)
    stages = [np.bincount(row, minlength=3) / 5000 for row in lines]
    expected = np.array([[1, 0, 0], [0.4, 0.6, 0], [0.2, 0.2, 0.6]])
    np.testing.assert_allclose(stages, expected if order == "rising" else expected[:, ::-1], atol=0.03)


def test_the_last_level_alone_is_the_end_of_a_rising_order():
    """At every step, whatever the number of steps; and a stage with rehearsal of those before it."""
    last = Course(Curriculum(THREE, "last", rehearsal=0.4), steps=7).lines(5, 3, 4, 5000)
    stages = [np.bincount(row, minlength=3) / 5000 for row in last]
    np.testing.assert_allclose(stages, [[0.2, 0.2, 0.6]] * 4, atol=0.03)
    assert (Course(Curriculum(THREE, "last"), steps=7).lines(5, 0, 7, 4) == 2).all()
    assert not Course(Curriculum(THREE[:1], "last", rehearsal=0.4), steps=7).lines(5, 0, 7, 4).any()


def test_lines_are_of_their_levels():
    """The prompt of a sum has as many digits as its level says, and its line is right; two levels do not share numbers."""
    task, split = Sums(5, 4), Split()
    course = Course(Curriculum(THREE, "mix"), steps=4)
    data = training_data(task, split, [7], course=course)
    drawn = data.chunk(7, 2, 2, 64)
    levels = course.lines(7, 2, 2, 64).reshape(-1)
    texts = drawn.tokens.reshape(-1, *drawn.tokens.shape[2:])
    for level, text in zip(levels, texts, strict=True):
        at = task.shift(THREE[level])(task)
        words = task.show(text).split()
        digits = [int(word) for word in words[: words.index("<think>")]]
        assert len(digits) == at.places
        assert words[words.index("<answer>") + 1] == str(sum(digits) % 5)
    assert data.unscored == task.shift("places=2")(task).shortest_prompt
    again = data.chunk(7, 2, 2, 64)
    jax.tree.map(np.testing.assert_array_equal, drawn, again)


@pytest.fixture
def promoted():
    """Trains a table of bigrams on a course of three levels; a look says what is right, by seed and step."""
    curriculum, seen = Curriculum(THREE, "promote", threshold=0.5, every=3), []

    def draw(level, seed, number, n):
        seen.append((seed, number, level))
        rng = np.random.default_rng([level, seed, number])
        return Examples(rng.integers(1, 8, (n, 4, 1)).astype(np.int32), np.ones((n, 4), bool))

    def look(params, step, levels):
        return np.array([0.5, float(step != 6)])[:, None][: len(levels), 0]

    def run(steps=10, **options):
        course = Course(curriculum, steps)
        part = Part(Staged(course, draw), TrainConfig(steps=steps, batch=4, chunk=2), (3, 8))
        return train_promoted(Bigram(), part, course, look, **options)

    return run, seen


def test_promotion(promoted):
    """The first seed goes on at every look, the second one not at the second; the last level is not left."""
    run, seen = promoted
    _, levels = run()
    np.testing.assert_array_equal(levels, [[0, 1, 2, 2], [0, 1, 1, 2]])
    by_step = {(seed, number): level for seed, number, level in seen}
    assert {number for _, number in by_step} == {0, 2, 3, 5, 6, 8, 9}
    for (seed, number), level in by_step.items():
        assert level == levels[(3, 8).index(seed), number // 3]
    _, levels = run(steps=6)  # nobody looks at the end
    np.testing.assert_array_equal(levels, [[0, 1], [0, 1]])


def test_the_state_of_a_course_is_saved_once_twenty_seconds_are_over(promoted, tmp_path, monkeypatch):
    """By a clock that says 0, and behind each chunk ten more: not yet at 10 and 20; and nowhere, where no place is named."""
    clock, saved = count(0, 10), []
    monkeypatch.setattr("alchemy.practice.promotion.monotonic", lambda: next(clock))
    monkeypatch.setattr(checkpoint, "save", lambda directory, step, state: saved.append((directory, step)))
    run, _ = promoted
    run(steps=6, directory=tmp_path)
    run(steps=6)
    assert saved == [(tmp_path, 5)]


def test_an_interrupted_course_ends_with_the_same_bits(promoted, tmp_path):
    run, _ = promoted
    whole = run()

    def interrupt(done, _):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(directory=tmp_path, progress=interrupt)
    steps = []
    again = run(directory=tmp_path, progress=lambda done, _: steps.append(done))
    assert steps == [8, 9, 10]
    jax.tree.map(np.testing.assert_array_equal, whole, again)


@dataclass(frozen=True)
class ByPlace:
    """Writes the same text at the same places, whatever it reads."""

    text: tuple[int, ...]
    vocabulary: int
    context: int = 16
    loops: ClassVar[int] = 1

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        return Cache(jnp.zeros((n, 1), dtype), jnp.int32(0), jnp.zeros(n, jnp.int32))

    def extend(self, params: Any, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        length = cache.length + (tokens[..., 0] != 0).sum(axis=1, dtype=jnp.int32)
        said = jax.nn.one_hot(jnp.array(self.text)[jnp.minimum(length, len(self.text) - 1)], self.vocabulary)
        return said[:, None] + params["zero"], cache._replace(length=length)


def test_a_look_is_the_share_of_right_greedy_answers():
    """Who answers every sum of three digits by 2, at once, is right in a fifth of them; of two digits it says no answer."""
    task = Sums(5, 2, traced=0.0)
    two, mark = task.zero + 2, task.vocabulary.index["<answer>"]
    model = ByPlace((0, 0, 0, 0, two, mark, two, EOS), len(task.vocabulary), context=8)
    curriculum = Curriculum(("places=2", "places=3"), problems=600)
    params = {"zero": np.zeros((2, 1, 1, 1), np.float32)}
    right = looking(model, curriculum, task, Split(), [4, 9])(params, 1, np.array([1, 0]))
    assert right[0] == pytest.approx(0.2, abs=0.05)
    assert right[1] == 0
    contradicts = replace(model, text=(0, 0, 0, 0, two - 1, mark, two, EOS))
    assert not looking(contradicts, curriculum, task, Split(), [4, 9])(params, 1, np.array([1, 0])).any()


def test_the_plan_by_value():
    """A default that changes is another experiment; and bounds are no narrower than they say."""
    assert {Curriculum()} == {Curriculum((), "rising", 0.0, 0.9, 100, 128)}
    assert Curriculum(rehearsal=1.0, threshold=0.0, every=1, problems=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "risng"}, "order 'risng' is unknown; did you mean 'rising'"),
        ({"rehearsal": 1.5}, "rehearsal 1.5 is outside"),
        ({"every": 0}, "every must be at least 1, not 0"),
    ],
)
def test_what_cannot_be(options, message):
    with pytest.raises(UserError, match=message):
        Curriculum(THREE, **options)
