"""One loop runs every reasoner: how many trajectories and how many steps are numbers, and the board is read after each step.

The program takes a few steps of a fixed number of rows, whatever they belong to; width is more rows and depth more calls of it, so
that a whole grid of widths and depths is one program. A trajectory's numbers depend on the seed, its board and its own number,
not on what runs beside it: the first trajectories of a wide run are a narrow one, the first steps of a deep run a shallow one.

Dimension letters: `n` boards, `w` trajectories of each, `t` steps, `p` cells, `c` ids a cell carries, `r` rows of a program.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError
from alchemy.latent.reasoner import Diagnosis, Reasoner, State
from alchemy.learning import machine, tuning
from alchemy.learning.data import Examples
from alchemy.learning.kept import Kept
from alchemy.learning.model import Params


class Rollout(NamedTuple):
    """Trajectories of boards, as they are read after every step."""

    filled: np.ndarray  # int8 (n, w, t, p): values; cells that are given hold what is given
    halt: np.ndarray  # float32 (n, w, t): log odds that the board is solved, as the model thinks
    value: np.ndarray  # float32 (n, w, t): log odds that it will be at the depth of training, as the model thinks
    residual: np.ndarray  # float32 (n, w, t): root mean square of what the step changed in the high state

    def part(self, width: int, depth: int) -> Rollout:
        """The first trajectories and steps."""
        return Rollout(*(array[:, :width, :depth] for array in self))


def bill(model: Reasoner, shape: tuple[int, ...], width: int, depth: int, checks: int = 0) -> Ledger:
    """What so many trajectories of so many steps spend on each problem, arrays of `shape`.

    `written` are latent steps of all trajectories, `depth` those one after the other, `calls` boards that were checked.
    """
    nothing = np.zeros(shape)
    return Ledger.of(model.step_cost, nothing, nothing + width * depth, nothing + depth, calls=nothing + checks)


def run(
    model: Reasoner,
    params: Params,
    tokens: np.ndarray,
    given: np.ndarray,
    *,
    width: int,
    depth: int,
    noise: float = 0.0,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Rollout:
    """Let one model reason about boards.

    `tokens` int32 (n, w | 1, p, c) and `given` int (n, w | 1, p), -1 where a cell is blank, are the same for all trajectories or
    one for each, as relabelled copies are. `noise` is the standard deviation of what is added to the high state before every
    step, in training or not (PTRM, arXiv:2605.19943). `progress` is told how many boards are done.
    """
    if width < 1 or depth < 1:
        raise UserError(f"width and depth must be at least 1, not {width} and {depth}")
    n, _, p, c = tokens.shape
    tokens = np.broadcast_to(tokens, (n, width, p, c)).reshape(n * width, p, c)
    numbers = np.stack(np.meshgrid(np.arange(n), np.arange(width), indexing="ij"), axis=-1).reshape(-1, 2)
    devices = machine.devices()
    mesh = Mesh(np.array(devices), ("rows",))
    rows = len(devices) * max(1, tuning.scored_tokens() // p)
    begin, advance = _programs(model, noise > 0, mesh)
    params = jax.device_put(params, NamedSharding(mesh, P()))
    seen: list[list[np.ndarray]] = []
    for first in range(0, len(tokens), rows):
        chosen = np.arange(first, first + rows) % len(tokens)  # the last rows run again beside too few
        block, own = jax.device_put((tokens[chosen], numbers[chosen].astype(np.int32)), NamedSharding(mesh, P("rows")))
        keys, state = begin(params, own, np.int32(seed))
        steps = []
        for done in range(0, depth, model.supervision):
            state, read = advance(params, block, keys, state, np.int32(done), np.float32(noise))
            steps.append(read)
        parts = zip(*(map(np.asarray, read) for read in steps), strict=True)
        seen.append([np.concatenate(part)[:depth].swapaxes(0, 1)[: len(tokens) - first] for part in parts])
        progress(min(n, (first + rows) // width))
    values, *scores = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    known = np.broadcast_to(given[:, :, None], (n, width, depth, p))
    filled = np.where(known >= 0, known, values.reshape(n, width, depth, p)).astype(np.int8)
    return Rollout(filled, *(score.reshape(n, width, depth) for score in scores))


def diagnosed(model: Reasoner, params: Params, examples: Examples, keys: jax.Array) -> Diagnosis:
    """`Reasoner.diagnose` of one model as a program that is kept, arrays (n,)."""
    return Diagnosis(*map(np.asarray, _diagnosis(model)(params, examples, keys)))


@lru_cache(maxsize=64)
def _diagnosis(model: Reasoner) -> Callable[..., Diagnosis]:
    return Kept(model.diagnose, model)


@lru_cache(maxsize=64)
def _programs(model: Reasoner, noisy: bool, mesh: Mesh) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """What starts trajectories, and what takes `model.supervision` steps of them and reads after each."""
    dtype = machine.dtype("auto")

    def begin(params: Params, numbers: jax.Array, seed: jax.Array) -> tuple[jax.Array, State]:
        def key(own: jax.Array) -> jax.Array:
            return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), own[0]), own[1])

        keys = jax.vmap(key)(numbers)
        return jax.vmap(jax.random.key_data)(keys), model.start(_in(dtype, params), keys)

    def advance(
        params: Params, tokens: jax.Array, keys: jax.Array, state: State, done: jax.Array, noise: jax.Array
    ) -> tuple[State, tuple[jax.Array, ...]]:
        params = _in(dtype, params)
        embedded, own = model.embed(params, tokens), jax.vmap(jax.random.wrap_key_data)(keys)

        def step(state: State, number: jax.Array) -> tuple[State, tuple[jax.Array, ...]]:
            each = jax.vmap(lambda key: jax.random.fold_in(key, number))(own)
            high = state.high
            if noisy:
                shaken = jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, 1 << 20), high.shape[1:]))
                high = high + (noise * shaken(each)).astype(high.dtype)
            after = model.step(params, embedded, State(high, state.low), each)
            reading = model.read(params, after)
            changed = ((after.high - state.high).astype(jnp.float32) ** 2).mean(axis=(1, 2))
            return after, (
                reading.logits.argmax(axis=-1).astype(jnp.int8),
                reading.halt,
                reading.value,
                jnp.sqrt(changed),
            )

        return jax.lax.scan(step, state, done + jnp.arange(model.supervision))

    rows, all_of_it = P("rows"), P()

    def spread(work: Callable[..., Any], given: tuple[P, ...], made: tuple[P, ...]) -> Callable[..., Any]:
        shared = jax.shard_map(work, mesh=mesh, in_specs=given, out_specs=made, check_vma=False)
        return Kept(wraps(work)(shared), model, noisy, mesh=mesh, specs=given)

    return (
        spread(begin, (all_of_it, rows, all_of_it), (rows, rows)),
        spread(advance, (all_of_it, rows, rows, rows, all_of_it, all_of_it), (rows, P(None, "rows"))),
    )


def _in(dtype: Any, params: Params) -> Params:
    return jax.tree.map(lambda leaf: leaf.astype(dtype), params)
