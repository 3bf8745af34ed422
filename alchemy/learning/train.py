"""Training: a pure function of (model, data, config), many seeds at once, whole chunks of steps on the device.

Dimension letters: `s` seeds, `b` batch, `t` tokens, `c` ids a position carries.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from alchemy.errors import UserError
from alchemy.learning import checkpoint
from alchemy.learning import machine as device
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Data, Examples
from alchemy.learning.model import Model, Params
from alchemy.learning.optimizers import (
    Rates,
    program,
    rates,
    updates,
)
from alchemy.problem.task import Task


class Trained(NamedTuple):
    """What training leaves: parameters with a seed axis, and every step's loss."""

    params: Params  # leaves (s, ...)
    losses: np.ndarray  # float32 (s, steps)


@dataclass(frozen=True)
class Runs:
    """Models of several seeds that were trained alike."""

    model: Model
    task: Task
    key: Mapping[str, Any] = field(repr=False)
    """Everything they depend on but for what differs by seed."""
    seeds: tuple[int, ...]
    names: tuple[str, ...] = field(repr=False)
    """A hash for each seed of everything its model depends on."""
    trained: Trained = field(repr=False)


@lru_cache
def shapes(model: Model) -> Params:
    """Shapes and types of the parameters of one model; nothing is computed."""
    return jax.eval_shape(model.init, jax.random.key(0))


def expected(model: Model, seeds: int, steps: int) -> Trained:
    """What training that many seeds for so many steps will leave, by shape, as a checkpoint is read into."""
    params = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((seeds, *leaf.shape), leaf.dtype), shapes(model))
    return Trained(params, np.zeros((seeds, steps), np.float32))


class _State(NamedTuple):
    params: Params
    moments: Any
    step: jax.Array  # int32 (s,)


LEAST = 16
"""Sequences of a batch that are worth a device of their own."""
Progress = Callable[[int, float], None]
"""Called with the number of steps done and the mean loss of the last chunk."""


def train(
    model: Model,
    data: Data,
    config: TrainConfig,
    *,
    seeds: Sequence[int],
    init: Params | None = None,
    directory: Path | None = None,
    save_every: float = 20.0,
    progress: Progress | None = None,
) -> Trained:
    """Train a model for each of `seeds`, side by side.

    Row i of the result depends on `seeds[i]` alone. With `init` (leaves (s, ...)) training goes on
    from there. With `directory`, the state is saved there every `save_every` seconds and on interruption, and
    training resumes from what is there; a resumed run ends with the same bits as an undisturbed one.
    """
    if not len(seeds):
        raise UserError("there is no seed to train for")
    mesh = _mesh(len(seeds), config.batch)
    rows = NamedSharding(mesh, P("seed"))
    keys = jax.device_put(jax.vmap(jax.random.key)(np.asarray(seeds)), rows)
    state = jax.device_put(_start(model, config, keys, init), rows)
    table = data.table()
    table = jax.device_put(_padded(table), NamedSharding(mesh, P())) if table is not None else None
    run = _runner(model, program(config), mesh, table is None, max(0, data.since - 1))

    losses = np.zeros((len(seeds), config.steps), np.float32)
    done = 0
    if directory and (saved := checkpoint.load(directory, (state, losses))):
        state, losses = jax.device_put(_State(*saved[0]), rows), saved[1]
        done = int(saved[0].step[0])

    def save() -> None:
        if directory and done > saved_steps:
            checkpoint.save(directory, done, (state, losses))

    saved_at, saved_steps = monotonic(), done

    def chunk(start: int) -> Any:
        return jax.device_put(_chunk(data, seeds, start, config), NamedSharding(mesh, P("seed", None, "data")))

    upcoming = chunk(done)
    with _interrupts_held() as stop:
        while done < config.steps:
            ahead = min(done + config.chunk, config.steps)
            state, loss = run(state, keys, table, upcoming, rates(config, done, ahead - done))
            upcoming = chunk(ahead)  # made while the device works
            losses[:, done:ahead] = np.asarray(loss)
            done = ahead
            try:
                stop()
                if progress:
                    progress(done, float(loss.mean()))
            except KeyboardInterrupt:
                save()
                raise
            if monotonic() - saved_at > save_every:
                save()
                saved_at, saved_steps = monotonic(), done
    if not np.isfinite(losses[:, -1]).all():
        bad = np.asarray(seeds)[~np.isfinite(losses[:, -1])]
        raise UserError(f"the loss of seeds {bad.tolist()} is not finite; lower learning_rate {config.learning_rate:g}")
    return Trained(jax.tree.map(np.asarray, state.params), losses)


@contextmanager
def _interrupts_held() -> Iterator[Callable[[], None]]:
    """Ctrl-C waits until what this yields is called: amid a chunk there is no state to save. A second one does not."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came = False

    def hold(*_: Any) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGINT, before)

    def stop() -> None:
        if came:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, hold)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
    stop()


def _mesh(seeds: int, batch: int) -> Mesh:
    """Local devices as (seed, data): seeds side by side first, then a batch shared by what devices are left."""
    devices = jax.local_devices()
    across = _divisor(seeds, len(devices))
    shared = _divisor(batch, min(len(devices) // across, max(1, batch // LEAST)))
    return Mesh(np.array(devices[: across * shared]).reshape(across, shared), ("seed", "data"))


def _divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is at most `most`."""
    return max(part for part in range(1, most + 1) if number % part == 0)


def _start(model: Model, config: TrainConfig, keys: jax.Array, init: Params | None) -> _State:
    if init is not None and (given := len(jax.tree.leaves(init)[0])) != len(keys):
        raise UserError(f"{given} models were given to train on, for {len(keys)} seeds")
    return _starter(model, program(config))(keys, init)


@lru_cache(maxsize=64)
def _starter(model: Model, config: TrainConfig) -> Callable[[jax.Array, Params | None], _State]:
    @partial(jax.jit, compiler_options=device.hurried())
    def start(keys: jax.Array, init: Params | None) -> _State:
        params = init if init is not None else jax.vmap(model.init)(keys)
        return _State(params, jax.vmap(updates(config, Rates(0.0, 0.0)).init)(params), jnp.zeros(len(keys), jnp.int32))

    return start


def _chunk(data: Data, seeds: Sequence[int], start: int, config: TrainConfig) -> Any:
    """The next chunk of every seed, with a leading seed axis; None past the end."""
    steps = min(config.chunk, config.steps - start)
    if steps <= 0:
        return None
    drawn = _hands().map(lambda seed: data.chunk(seed, start, steps, config.batch), seeds)
    return jax.tree.map(lambda *rows: np.stack(rows), *drawn)


@lru_cache(maxsize=1)
def _hands() -> ThreadPoolExecutor:
    """They draw for several seeds at once, on the cores that no device keeps busy."""
    busy = len(jax.local_devices()) if jax.default_backend() == "cpu" else 0
    return ThreadPoolExecutor(max(1, device.cores() - busy))


def _padded(table: Any) -> Any:
    """A finite set with rows nobody names, up to a power of two from 1,024 on: sets of many sizes share a program."""
    extra = max(1024, 1 << (len(table.tokens) - 1).bit_length()) - len(table.tokens)
    return jax.tree.map(lambda rows: np.pad(rows, [(0, extra)] + [(0, 0)] * (rows.ndim - 1)), table)


def _gradient(
    summed: Callable[..., jax.Array], params: Params, read: Examples, key: jax.Array
) -> tuple[jax.Array, Params]:
    """What `summed` says of a batch and its gradient, added up over `device.parts` of it."""
    n, t, _ = read.tokens.shape
    parts = device.parts(n, t, sum(leaf.size for leaf in jax.tree.leaves(params)))
    of = jax.value_and_grad(summed)
    if parts == 1:
        return of(params, read, key)
    divided = jax.tree.map(lambda rows: rows.reshape(parts, -1, *rows.shape[1:]), read)
    divided = (divided, jax.random.split(key, parts))
    if not device.side_by_side():

        def add(found: Any, part: Any) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, found, of(params, *part)), None

        return jax.lax.scan(add, (jnp.float32(0), jax.tree.map(jnp.zeros_like, params)), divided)[0]

    def all_of(params: Params) -> jax.Array:
        copies = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (parts, *leaf.shape)), params)
        return jax.vmap(summed)(copies, *divided).sum()

    return jax.value_and_grad(all_of)(params)


@lru_cache(maxsize=64)
def _runner(model: Model, config: TrainConfig, mesh: Mesh, streamed: bool, since: int) -> Callable[..., Any]:
    """One compiled program: a chunk of steps for every seed; what may follow tokens before `since` is not asked."""
    dtype = device.dtype(config.precision)

    def summed(params: Params, read: Examples, key: jax.Array) -> jax.Array:
        half = jax.tree.map(lambda x: x.astype(dtype), params)
        logits = model.apply(half, read.tokens[:, :-1], key, since)
        target = read.tokens[..., 0] if read.target is None else read.target
        each = optax.softmax_cross_entropy_with_integer_labels(logits, target[:, since + 1 :])
        return (each * read.weight[:, since + 1 :].astype(jnp.float32)).sum()

    def step(table: Any, key: jax.Array, state: _State, now: tuple[Any, Rates]) -> tuple[_State, jax.Array]:
        given, rates = now
        read = given if streamed else jax.tree.map(lambda rows: rows[given], table)
        key = jax.random.fold_in(jax.random.fold_in(key, state.step), jax.lax.axis_index("data"))
        found = (*_gradient(summed, state.params, read, key), read.weight[:, 1:].astype(jnp.float32).sum())
        value, gradient, total = jax.lax.psum(found, "data")
        value, gradient = jax.tree.map(lambda leaf: leaf / jnp.maximum(total, 1.0), (value, gradient))
        change, moments = updates(config, rates).update(gradient, state.moments, state.params)
        return _State(optax.apply_updates(state.params, change), moments, state.step + 1), value

    @partial(jax.jit, donate_argnums=0)
    @partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(P("seed"), P("seed"), P(), P("seed", None, "data"), P()),
        out_specs=(P("seed"), P("seed")),
        check_vma=False,
    )
    def run(state: _State, keys: jax.Array, table: Any, chunk: Any, rates: Rates) -> tuple[_State, jax.Array]:
        def one(args: tuple[Any, ...]) -> tuple[_State, jax.Array]:
            state, key, chunk = args
            return jax.lax.scan(partial(step, table, key), state, (chunk, rates))

        return device.over_seeds(one, (state, keys, chunk))

    return run
