"""A model that is good enough is done before the last step, by its own losses alone."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.learning.config import Stop, TrainConfig
from alchemy.learning.data import Stream, examples
from alchemy.learning.optimizers import schedule
from alchemy.learning.stopping import good, steps_taken
from alchemy.learning.train import Part, _runner, train, train_together
from alchemy.problem.split import Split, train_chunk

CONFIG = TrainConfig(steps=24, batch=8, chunk=4, learning_rate=1e-2)
SEEDS = (3, 5)


def same(tree, other):
    jax.tree.map(np.testing.assert_array_equal, tree, other)


@pytest.fixture(scope="module")
def stream(task):
    return Stream(lambda seed, step, n: examples(train_chunk(task, Split(), seed, step, n)))


@pytest.fixture(scope="module")
def stopping(model, stream):
    """A config by which the first seed is good enough after 8 steps and the second is not, the latter's losses, and both models."""
    losses = train(model, stream, CONFIG, seeds=SEEDS).losses
    own, other = losses[0, 4:8].mean(), losses[1]
    below = float(own) + 1e-6
    later = [done for done in range(4, 25, 4) if other[done - 4 : done].mean() <= below]
    assert not later or later[0] > 8, "the seeds of this test differ"
    config = replace(CONFIG, stop=Stop(below=below, over=4, cooldown=5))
    return config, losses, train(model, stream, config, seeds=SEEDS)


@pytest.mark.parametrize(
    ("stop", "first", "taken"),
    [
        (Stop(), None, 12),
        (Stop(below=3.0, over=2, cooldown=0), 6, 6),  # steps 5 and 6 have 3 and 3
        (Stop(below=3.5, over=4, cooldown=0), 9, 9),  # steps 3 to 6 have 3.75, steps 6 to 9 have 2
        (Stop(below=2.0, over=1, cooldown=1), 9, 12),
        (Stop(below=0.5, over=1, cooldown=1), None, 12),
        (Stop(below=9.0, over=7, cooldown=2), 9, 12),  # seven steps are needed, and chunks are of three
    ],
)
def test_the_rule_by_hand(stop, first, taken):
    losses = np.array([9, 6, 5, 4, 3, 3, 2, 2, 1, 1, 1, 1], np.float32)
    config = TrainConfig(steps=12, batch=1, chunk=3, stop=stop)
    assert good(losses, config) == first
    assert steps_taken(losses[None], config).tolist() == [taken]
    behind = np.where(np.arange(12) < (first or 12), losses, np.nan)
    assert good(behind, config) == first, "what comes behind is not looked at"


def test_the_rate_falls_from_where_a_model_is_good_and_there_is_none_behind():
    config = TrainConfig(steps=40, chunk=5, warmup=0.1, stop=Stop(below=1.0, cooldown=8))
    plain, falling = schedule(config, 0, 40).adamw, schedule(config, 0, 40, 15).adamw
    np.testing.assert_array_equal(falling[:15], plain[:15])
    down = plain[15:25] * (1 + np.cos(np.pi * np.arange(10) / 10)) / 2  # 8 steps are two chunks
    np.testing.assert_allclose(falling[15:25], down, rtol=1e-6)
    assert np.isnan(falling[25:]).all()
    assert np.isnan(schedule(replace(config, stop=Stop(below=1.0, cooldown=0)), 15, 5, 15).adamw).all()


def test_a_seed_is_done_and_others_go_on(model, stream, stopping):
    config, losses, stopped = stopping
    np.testing.assert_allclose(stopped.losses[0, :8], losses[0, :8], rtol=1e-5)
    assert stopped.steps().tolist()[0] == 16 and np.isnan(stopped.losses[0, 16:]).all()
    assert stopped.steps()[1] > 16 and np.isfinite(stopped.losses[1, : stopped.steps()[1]]).all()
    np.testing.assert_array_equal(stopped.last_losses()[0], stopped.losses[0, 15])
    alone = train_together(model, [Part(stream, config, SEEDS[:1])])[0]
    np.testing.assert_allclose(alone.losses[0, :16], stopped.losses[0, :16], rtol=1e-4)
    assert np.isnan(alone.losses[0, 16:]).all()


def test_weights_are_those_of_the_same_steps_by_the_same_rates(model, stream, stopping):
    """Worked out by a training of 16 steps whose rates are those of the schedule."""
    config, _, stopped = stopping
    short = replace(config, steps=16, stop=Stop())
    rates = schedule(config, 0, 24, 8)

    def as_scheduled(_, start, steps, good=None):
        return type(rates)(*(row[start : start + steps] for row in rates))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alchemy.learning.train.schedule", as_scheduled)
        expected = train(model, stream, short, seeds=SEEDS)
    jax.tree.map(
        lambda leaf, own: np.testing.assert_allclose(leaf[0], own[0], rtol=1e-4, atol=1e-5),
        stopped.params,
        expected.params,
    )


def test_resumes_to_the_same_bits(model, stream, stopping, tmp_path):
    config, _, stopped = stopping

    def interrupt(done, loss):
        assert np.isfinite(loss)
        if done in (8, 20):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(model, stream, config, seeds=SEEDS, directory=tmp_path, progress=interrupt)
    same(train(model, stream, config, seeds=SEEDS, directory=tmp_path), stopped)


def test_training_ends_when_all_are_done_and_another_rule_is_no_other_program(model, stream, stopping):
    config, _, _ = stopping
    before, steps = _runner.cache_info().misses, []
    soon = replace(config, stop=Stop(below=99.0, over=2, cooldown=0))
    trained = train(model, stream, soon, seeds=SEEDS, progress=lambda done, _: steps.append(done))
    assert steps == [4] and trained.steps().tolist() == [4, 4]
    assert _runner.cache_info().misses == before


@pytest.mark.parametrize(("field", "value"), [("below", -1.0), ("below", float("nan")), ("over", 0), ("cooldown", -1)])
def test_a_rule_that_is_none(field, value):
    with pytest.raises(UserError, match=field):
        Stop(**{field: value})
