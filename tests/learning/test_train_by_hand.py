"""Three steps of training a table of bigrams, worked out in numpy: losses, gradients, clipping, AdamW and its rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.learning import tuning
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples, Finite, Stream
from alchemy.learning.train import Part, mesh_of, shape, train, train_together

V, T, SEEDS = 6, 4, (3, 8)
RATES = (0.0, 0.1, 0.05)  # a step of warmup, then half a cosine over two
CONFIG = TrainConfig(steps=3, batch=2, chunk=2, learning_rate=0.1, warmup=0.3, weight_decay=0.2, clip=0.4)


@dataclass(frozen=True)
class Table:
    """The logits behind a token are a row of a table (v, v)."""

    loops: ClassVar[int] = 1

    def init(self, key: jax.Array) -> Any:
        return jnp.zeros((V, V))

    def apply(self, params: Any, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        return params[tokens[..., 0]].astype(jnp.float32)[:, start:]


def trained_by_hand(table: np.ndarray, steps: list[Examples]) -> tuple[np.ndarray, list[float]]:
    """AdamW (arXiv:1711.05101, algorithm 2, decay times the rate) on mean losses of the tokens that count."""
    mean, square, losses = np.zeros((V, V)), np.zeros((V, V)), []
    for number, (examples, rate) in enumerate(zip(steps, RATES, strict=True), 1):
        target = examples.tokens[..., 0] if examples.target is None else examples.target
        loss, gradient, count = 0.0, np.zeros((V, V)), 0
        for row, place in np.argwhere(examples.weight):
            if place:
                before, said = examples.tokens[row, place - 1, 0], target[row, place]
                share = np.exp(table[before]) / np.exp(table[before]).sum()
                loss, count = loss - np.log(share[said]), count + 1
                gradient[before] += share - np.eye(V)[said]
        loss, gradient = loss / max(count, 1), gradient / max(count, 1)
        gradient = gradient * min(1, CONFIG.clip / max(np.sqrt((gradient**2).sum()), 1e-9))
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        move = mean / (1 - 0.9**number) / (np.sqrt(square / (1 - 0.999**number)) + 1e-8)
        table = table - rate * (move + CONFIG.weight_decay * table)
        losses.append(loss)
    return table, losses


def examples_of(seed: int, step: int, n: int, with_target: bool) -> Examples:
    """From a step on, two a step. Of the second step one token counts, of the third none, of the first any."""
    row = np.arange(n)[:, None]
    rng = np.random.default_rng([seed, step])
    tokens, target = rng.integers(V, size=(n, T, 1)).astype(np.int32), rng.integers(V, size=(n, T)).astype(np.int32)
    weight = (rng.random((n, T)) < 0.7) & (step + row // 2 == 0)
    weight[:, -1] |= (step * 2 + row[:, 0]) == 3
    return Examples(tokens, weight, target if with_target else None)


START = np.random.default_rng(0).normal(size=(2, V, V)).astype(np.float32)


def check(data, of_step, **options):
    """Training from a random start against that by hand, seed by seed."""
    compare(train(Table(), data, CONFIG, seeds=SEEDS, init=START, **options), of_step)


def compare(trained, of_step):
    for row, seed in enumerate(SEEDS):
        table, losses = trained_by_hand(START[row].astype(float), [of_step(seed, step) for step in range(3)])
        np.testing.assert_allclose(trained.losses[row], losses, atol=1e-5)
        np.testing.assert_allclose(trained.params[row], table, atol=1e-5)


@pytest.mark.parametrize("with_target", [False, True])
@pytest.mark.parametrize(
    ("unscored", "sharded"), [(0, False), (2, False), (0, True)], ids=["all", "completions", "divided"]
)
def test_steps_on_a_stream(with_target, unscored, sharded):
    """Of which the first tokens may be said to be never judged; and with half of each table on each device."""

    def draw(seed: int, step: int, n: int) -> Examples:
        assert n, "nothing is asked for behind the last step"
        examples = examples_of(seed, step, n, with_target)
        return examples._replace(weight=examples.weight & (np.arange(T) >= unscored))

    def batch(seed: int, step: int) -> Examples:
        chunk = draw(seed, step - step % 2, 4 if step < 2 else 2)
        rows = slice(2 * (step % 2), 2 * (step % 2) + 2)
        return Examples(*(None if part is None else part[rows] for part in chunk))

    check(Stream(draw, unscored=unscored), batch, sharded=sharded)


@pytest.mark.parametrize("sizes", [(3, 4), (512, 513)], ids=["few rows", "one more than the smallest table has"])
def test_steps_on_a_finite_set(sizes):
    """Each row of the set stands in the places that its order says; nothing of the other seed's rows is seen."""
    check(*finite(sizes))


def finite(sizes, first=0):
    """So many rows for each seed, and those of a step."""
    sets = [examples_of(seed, first, n, with_target=False) for seed, n in zip(SEEDS, sizes, strict=True)]
    rows = Examples(*(np.concatenate(parts) for parts in zip(*(rows[:2] for rows in sets), strict=True)))
    data = Finite(rows, SEEDS, sizes)

    def batch(seed: int, step: int) -> Examples:
        place = SEEDS.index(seed)
        order = data.chunk(seed, step, 1, 2)[0] - sum(sizes[:place])
        return Examples(*(part[order] for part in sets[place][:2]))

    return data, batch


def test_trainings_on_sets_of_other_sizes_are_done_together_and_each_sees_its_own():
    both = [finite((3, 4)), finite((5, 2), first=1)]
    parts = [Part(data, CONFIG, SEEDS, START) for data, _ in both]
    assert shape(Table(), parts[0]) == shape(Table(), parts[1])
    assert shape(Table(), parts[0]) != shape(Table(), parts[0]._replace(init=None))
    for trained, (_, batch) in zip(train_together(Table(), parts), both, strict=True):
        compare(trained, batch)


@pytest.mark.parametrize(
    ("seeds", "batch", "sharded", "expected"),
    [
        (2, 64, False, (2, 1)),
        (3, 64, False, (1, 2)),
        (4, 64, False, (2, 1)),
        (1, 33, False, (1, 1)),
        (1, 32, False, (1, 2)),
        (1, 31, False, (1, 1)),
        (1, 8, False, (1, 1)),
        (2, 8, True, (1, 2)),
        (2, 7, True, (1, 1)),
    ],
)
def test_two_devices_take_seeds_first_and_share_a_batch_of_twice_sixteen(seeds, batch, sharded, expected):
    assert tuple(mesh_of(seeds, batch, sharded).shape.values()) == expected


@pytest.mark.parametrize(("seeds", "spare", "divided"), [(4, 0, False), (4, -1, True), (3, 0, True), (2, 0, False)])
def test_a_state_is_divided_where_a_device_cannot_hold_its_models(monkeypatch, seeds, spare, divided):
    """Two models of 16 bytes a weight, and not a byte more; of three models a device cannot have half."""

    class Seen(Exception):
        pass

    def session(*_, sharded, **__):
        raise Seen(sharded)

    monkeypatch.setattr("alchemy.learning.train.Session", session)
    monkeypatch.setattr(tuning, "model_bytes", lambda: 2 * 16 * V * V + spare)
    with pytest.raises(Seen, match=str(divided)):
        train(Table(), Stream(lambda seed, step, n: examples_of(seed, step, n, False)), CONFIG, seeds=range(seeds))


def test_a_loss_that_is_no_number_is_the_users_error():
    """Even where it is that of the last step and of one seed alone."""
    start = np.zeros((2, V, V), np.float32)
    start[1, 4] = np.inf

    def draw(seed: int, step: int, n: int) -> Examples:
        tokens = np.where(step + np.arange(n) // CONFIG.batch == 2, 4, 3)
        return Examples(np.tile(tokens[:, None, None], (1, T, 1)).astype(np.int32), np.ones((n, T), bool))

    with pytest.raises(UserError, match=r"loss of seeds \[8\] is not finite; lower learning_rate 0\.1"):
        train(Table(), Stream(draw), CONFIG, seeds=SEEDS, init=start)


@dataclass(frozen=True)
class Biased(Table):
    """With a bias of an odd number of entries, which no two devices can halve."""

    def init(self, key: jax.Array) -> Any:
        return {"bias": jnp.zeros(V + 1 - V % 2), "table": jnp.zeros((V, V))}

    def apply(self, params: Any, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        return super().apply(params["table"], tokens, keys, start) + params["bias"][None, None, :V]


def test_a_gradient_is_cut_to_the_norm_of_all_its_parts_whether_devices_halve_them_or_not():
    stream = Stream(lambda seed, step, n: examples_of(seed, step, n, False))
    whole, divided = (train(Biased(), stream, CONFIG, seeds=(0, 1), sharded=sharded) for sharded in (False, True))
    np.testing.assert_allclose(divided.losses, whole.losses, rtol=1e-5)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, atol=1e-5), divided.params, whole.params)
    free = train(Biased(), stream, replace(CONFIG, clip=1e9), seeds=(0, 1))
    assert np.abs(free.params["table"] - whole.params["table"]).max() > 1e-3, "gradients are cut"
