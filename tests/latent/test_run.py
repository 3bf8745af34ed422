"""One loop for all widths and depths, with reasoners whose every number is known."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.latent.reasoner import Reading, State
from alchemy.latent.run import bill, run
from models.recursive import Recursive


@dataclass(frozen=True)
class Counting:
    """Starts at a number that its key draws, adds the id of each cell at every step, and reads it modulo the values."""

    cells: int = 3
    values: int = 5
    supervision: int = 2
    scatter: int = 1
    """Starts are drawn from 0 to this, without it."""
    step_cost: int = 7
    loops: int = 1
    taught: tuple[str, ...] = ()
    learns_noise: bool = False
    ema: float = 0.0

    def init(self, key):
        return {"by": jnp.ones(())}

    def embed(self, params, tokens):
        return params["by"] * tokens[..., :1].astype(jnp.float32)

    def start(self, params, keys):
        first = jax.vmap(lambda key: jax.random.randint(key, (), 0, self.scatter))(keys)
        return State(
            jnp.broadcast_to(first[:, None, None].astype(jnp.float32), (len(keys), self.cells, 1)),
            jnp.zeros((len(keys), 1, 1)),
        )

    def step(self, params, embedded, state, keys):
        return State(state.high + embedded, state.low)

    def read(self, params, state):
        value = jnp.mod(jnp.round(state.high[..., 0]), self.values)
        total = state.high.sum(axis=(1, 2))
        return Reading(-((value[..., None] - jnp.arange(self.values)[None, None]) ** 2), total, -total)


TOKENS = np.array([[[1], [2], [3]], [[4], [0], [1]]], np.int32)
NOTHING_GIVEN = np.full((2, 1, 3), -1)


def rolled(model=Counting(), tokens=TOKENS, given=NOTHING_GIVEN, **how):
    return run(model, model.init(jax.random.key(0)), tokens[:, None], given, **{"width": 1, "depth": 1, **how})


def test_a_board_is_read_after_every_step():
    rollout = rolled(depth=3)
    step = np.arange(1, 4)[:, None]
    np.testing.assert_array_equal(rollout.filled[0, 0], step * [1, 2, 3] % 5)
    np.testing.assert_array_equal(rollout.filled[1, 0], step * [4, 0, 1] % 5)
    np.testing.assert_allclose(rollout.halt[:, 0], [[6, 12, 18], [5, 10, 15]])
    np.testing.assert_allclose(rollout.value, -rollout.halt)
    by_hand = np.sqrt([(1 + 4 + 9) / 3, (16 + 0 + 1) / 3])
    np.testing.assert_allclose(rollout.residual[:, 0], np.tile(by_hand[:, None], 3), rtol=1e-6)


def test_what_is_given_stays():
    given = NOTHING_GIVEN.copy()
    given[0, 0, 1:] = 4, 0
    filled = rolled(given=given, depth=2).filled[0, 0]
    assert (filled[:, 1:] == [4, 0]).all() and (filled[:, 0] == [1, 2]).all()


def test_progress_tells_boards_that_are_done():
    told = []
    tokens, given = (np.repeat(array[:1], 2000, axis=0) for array in (TOKENS, NOTHING_GIVEN))
    wide = rolled(tokens=tokens, given=given, width=3, progress=told.append)
    assert told == sorted(told) and len(told) > 1 and told[-1] == 2000
    assert 0 < told[0] < 2000
    assert (wide.filled == [1, 2, 3]).all()


def test_the_first_of_many_are_those_of_few_whatever_runs_beside_them():
    model = Counting(scatter=1000, values=7)
    wide = rolled(model, width=9, depth=5)
    assert len(np.unique(wide.halt[:, :, 0])) > 9
    for few in (rolled(model, width=2, depth=5), rolled(model, width=9, depth=1)):
        for all_of_it, first in zip(wide.part(*few.halt.shape[1:]), few, strict=True):
            np.testing.assert_array_equal(all_of_it, first)
    alone = rolled(model, tokens=TOKENS[:1], given=NOTHING_GIVEN[:1], width=9, depth=5)
    np.testing.assert_array_equal(alone.filled[0], wide.filled[0])
    assert (rolled(model, width=9, seed=1).halt != wide.halt[:, :, :1]).any()


def test_a_trajectory_starts_and_shakes_by_its_seed_its_board_and_its_own_number():
    """The key of seed, board and trajectory, one folded into the other, then that of the step; noise has one apart."""
    started, shaken = rolled(Counting(scatter=1000, values=7), width=3, seed=4), rolled(width=3, seed=4, noise=0.5)

    @jax.vmap
    def by_hand(board, own):
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(4), board), own)
        noise = jax.random.normal(jax.random.fold_in(jax.random.fold_in(key, 0), 1 << 20), (3, 1))
        return 3 * jax.random.randint(key, (), 0, 1000), 0.5 * noise.sum()

    drawn = jax.jit(by_hand)(*np.indices((2, 3)).reshape(2, -1))
    for rollout, values in zip((started, shaken), drawn, strict=True):
        moved = rollout.halt[:, :, 0] - TOKENS.sum(axis=(1, 2))[:, None]
        np.testing.assert_allclose(moved, np.reshape(values, (2, 3)), atol=1e-4)
        assert len(np.unique(values)) == 6


def test_copies_of_a_board_have_trajectories_of_their_own():
    copies = np.stack([TOKENS, TOKENS[::-1]], axis=1)
    model = Counting()
    rollout = run(model, model.init(jax.random.key(0)), copies, np.repeat(NOTHING_GIVEN, 2, axis=1), width=2, depth=1)
    np.testing.assert_array_equal(rollout.filled[0, :, 0], TOKENS[..., 0] % 5)
    np.testing.assert_array_equal(rollout.filled[1, :, 0], TOKENS[::-1, :, 0] % 5)


def test_noise_is_of_the_size_it_is_said_to_be():
    still, shaken = (rolled(Counting(cells=3), width=400, depth=2, noise=noise) for noise in (0.0, 0.5))
    moved = (shaken.halt - still.halt)[0]  # a sum over three cells, after one step and after two
    np.testing.assert_allclose(moved.std(axis=0), 0.5 * np.sqrt([3, 6]), rtol=0.1)
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=0.2)


def test_one_trajectory_of_one_step_is_a_plain_call():
    model = Recursive(vocabulary=5, cells=3, values=4, width=8, layers=1, inner=1, transitions=2, supervision=1)
    params = model.init(jax.random.key(3))
    keys = jax.random.split(jax.random.key(0), 2)
    state = model.step(params, model.embed(params, jnp.asarray(TOKENS)), model.start(params, keys), keys)
    plain = model.read(params, state)
    rollout = run(model, params, TOKENS[:, None], NOTHING_GIVEN, width=1, depth=1)
    np.testing.assert_array_equal(rollout.filled[:, 0, 0], plain.logits.argmax(axis=-1))
    np.testing.assert_allclose(rollout.halt[:, 0, 0], plain.halt, atol=1e-6)


def test_the_bill_has_steps_and_latency_apart():
    spent = bill(Counting(), (2, 3), width=4, depth=6, checks=5)
    assert spent.written.shape == (2, 3)
    assert [float(entry[0, 0]) for entry in (spent.written, spent.depth, spent.flops, spent.calls)] == [24, 6, 336, 5]


@pytest.mark.parametrize("how", [{"width": 0}, {"depth": 0}])
def test_at_least_one_of_each(how):
    with pytest.raises(UserError, match="at least 1"):
        rolled(**how)
