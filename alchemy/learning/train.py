"""Training: a pure function of (model, data, config), many seeds at once, whole chunks of steps on the device.

Dimension letters: `s` seeds, `b` batch, `t` tokens, `c` ids a position carries.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial, wraps
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from alchemy.errors import UserError
from alchemy.learning import checkpoint, machine, tuning
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Data, Examples, joined
from alchemy.learning.kept import Kept
from alchemy.learning.model import Model, Params, Trainable
from alchemy.learning.optimizers import Rates, compiled_part, optimizer, schedule
from alchemy.learning.stopping import good, steps_taken
from alchemy.problem.task import Task


class Trained(NamedTuple):
    """What training leaves: parameters with a seed axis, and every step's loss."""

    params: Params  # leaves (s, ...)
    losses: np.ndarray  # float32 (s, steps), NaN behind the step with which a model was done

    def steps(self) -> np.ndarray:
        """How many each model was trained for, int (s,)."""
        known = ~np.isnan(self.losses)
        return known.shape[1] - known[:, ::-1].argmax(axis=1)

    def last_losses(self) -> np.ndarray:
        """Of each model's last step, float32 (s,)."""
        return np.take_along_axis(self.losses, self.steps()[:, None] - 1, axis=1)[:, 0]


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

    def of(self, row: int) -> Runs:
        """The model of one seed alone, by its place."""
        return self.some([row])

    def some(self, rows: Sequence[int]) -> Runs:
        """The models of some seeds, by their places."""
        trained = jax.tree.map(lambda leaf: leaf[np.asarray(rows)], self.trained)
        seeds, names = (tuple(values[row] for row in rows) for values in (self.seeds, self.names))
        return replace(self, seeds=seeds, names=names, trained=trained)


@lru_cache
def shapes(model: Trainable) -> Params:
    """Shapes and types of the parameters of one model; nothing is computed."""
    return jax.eval_shape(model.init, jax.random.key(0))


def size(model: Trainable) -> int:
    """Parameters that a token passes through, those of looped layers each time: twice as many FLOPs read a token."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes(model))) * model.loops


def expected(model: Trainable, seeds: int, steps: int) -> Trained:
    """What training that many seeds for so many steps will leave, by shape, as a checkpoint is read into."""
    params = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((seeds, *leaf.shape), leaf.dtype), shapes(model))
    return Trained(params, np.zeros((seeds, steps), np.float32))


class _State(NamedTuple):
    params: Params
    moments: Any
    step: jax.Array  # int32 (s,)
    average: Params = ()
    """Of the weights of all steps, where the model asks for it."""


class Part(NamedTuple):
    """A training of several seeds, to be done beside others."""

    data: Data
    config: TrainConfig
    seeds: Sequence[int]
    init: Params | None = None
    """Weights to go on from, leaves (s, ...)."""


class Diverged(UserError):
    """A training whose loss is no number in the end."""


MIN_SHARD = 16
"""Sequences of a batch that are worth a device of their own."""
AS_WRITTEN: dict[str, Any] = {"xla_disable_hlo_passes": "algsimp"}
"""Compiler options under which the weights of tiny models are to the bit those of one operation after the other, as they were
when claims about them were judged: two constant factors are not made one."""
Progress = Callable[[int, float], None]
"""Called with the number of steps done and the mean loss of the last chunk."""
Look = Callable[[int, Callable[[], Params]], None]
"""Called with the number of steps done, and with what gives the weights that would be kept if training ended here (s, ...)."""


def train(
    model: Trainable,
    data: Data,
    config: TrainConfig,
    *,
    seeds: Sequence[int],
    init: Params | None = None,
    directory: Path | None = None,
    save_every: float = 20.0,
    progress: Progress | None = None,
    look: Look | None = None,
    sharded: bool | None = None,
) -> Trained:
    """Train a model for each of `seeds`, side by side.

    `data` are examples of those seeds, such as `alchemy.training_data` makes of a task and a split. Row i of the result
    depends on `seeds[i]` alone. With `init` (leaves (s, ...)) training goes on
    from there. With `directory`, the state is saved there every `save_every` seconds and on interruption, and
    training resumes from what is there; a resumed run ends with the same bits as an undisturbed one.

    `sharded` divides weights, gradients and moments among the devices (fully sharded data parallel, arXiv:1910.02054), each of
    which gathers the weights for a step; by default where a device cannot hold the models that would be its own. Where several
    processes have joined (`alchemy.learning.machine.join`), their devices share the work, and each returns all of it.
    """
    part = Part(data, config, seeds, init)
    [trained] = train_together(
        model, [part], directory=directory, save_every=save_every, progress=progress, look=look, sharded=sharded
    )
    check_finite(trained, seeds, config)
    return trained


def check_finite(trained: Trained, seeds: Sequence[int], config: TrainConfig) -> None:
    """Raises `Diverged`, with the seeds, unless every last loss is a number."""
    last = steps_taken(trained.losses, config)[:, None] - 1
    if not (finite := np.isfinite(np.take_along_axis(trained.losses, last, axis=1)[:, 0])).all():
        bad = np.asarray(seeds)[~finite]
        raise Diverged(f"the loss of seeds {bad.tolist()} is not finite; lower learning_rate {config.learning_rate:g}")


def shape(model: Trainable, part: Part) -> tuple[Any, ...]:
    """What trainings must have in common to be done together: the program, and the sizes of everything it is given."""
    config, first = part.config, part.data.chunk(part.seeds[0], 0, 1, 1)
    examples = part.data.table() or first
    kinds = tuple(None if rows is None else (rows.shape[-2:], str(rows.dtype)) for rows in examples)
    sizes = len(part.seeds), config.steps, config.batch, config.chunk
    return model, compiled_part(config), sizes, part.data.table() is None, part.data.unscored, kinds, part.init is None


def train_together(
    model: Trainable,
    parts: Sequence[Part],
    *,
    directory: Path | None = None,
    save_every: float = 20.0,
    progress: Progress | None = None,
    look: Look | None = None,
    sharded: bool | None = None,
    exact: bool = True,
) -> list[Trained]:
    """Trainings of one `shape`, such as of several rates or tasks, side by side; each as `train` alone would leave it.

    On a CPU to the bit; on an accelerator, whose products go by how many there are at once, up to rounding. Not `exact`, seeds
    of all of them are divided among devices as those of one training are: sooner, and up to rounding on a CPU, too. State is
    kept and taken up as by `train`. A loss that is no number is left to `check_finite`.
    """
    count, config = len(parts[0].seeds), parts[0].config
    if not count:
        raise UserError("there is no seed to train for")
    for part in parts:
        if part.init is not None and (given := len(jax.tree.leaves(part.init)[0])) != count:
            raise UserError(f"{given} models were given to train on, for {count} seeds")
    seeds = [seed for part in parts for seed in part.seeds]
    inits = [part.init for part in parts]
    init = None if inits[0] is None else jax.tree.map(lambda *leaves: np.concatenate(leaves), *inits)
    tables = [_widened(part.data.table(), model) for part in parts]
    streamed = tables[0] is None
    offsets = [0] * len(parts) if streamed else np.cumsum([0] + [len(table.tokens) for table in tables[:-1]]).tolist()
    training = Session(
        model,
        config,
        seeds,
        init=init,
        table=None if streamed else _padded(joined(tables)),
        unscored=parts[0].data.unscored,
        sharded=_too_large(model, count) if sharded is None else sharded,
        beside=count if exact else 0,
    )
    losses = np.full((len(seeds), config.steps), np.nan, np.float32)
    [losses], done = training.resume(directory, [losses])
    losses, configs = losses.copy(), [part.config for part in parts for _ in part.seeds]
    saved_at, saved_steps = monotonic(), done

    def save() -> None:
        if directory and done > saved_steps:
            training.save(directory, done, [losses])

    def chunk(start: int) -> Any:
        return training.place(side_by_side(parts, offsets, start, min(config.chunk, config.steps - start)))

    upcoming = chunk(done)
    with interrupts_held() as stop:
        while done < _longest(losses[:, :done], configs):
            ahead = min(done + config.chunk, config.steps)
            loss = training.advance(upcoming, training.rates(configs, done, ahead - done, losses[:, :done]))
            upcoming = chunk(ahead)  # made while the device works
            last, done = slice(done, ahead), ahead
            losses[:, last] = on_host(loss)
            try:
                stop()
                if progress:
                    progress(done, float(np.nanmean(losses[:, last])))
                if look:
                    look(done, training.params)
            except KeyboardInterrupt:
                save()
                raise
            if monotonic() - saved_at > save_every:
                save()
                saved_at, saved_steps = monotonic(), done
    params = training.params()
    parted = [slice(first, first + count) for first in range(0, len(seeds), count)]
    return [Trained(jax.tree.map(lambda leaf, own=own: leaf[own], params), losses[own]) for own in parted]


@lru_cache(maxsize=64)
def _keyed(rows: NamedSharding) -> Callable[[np.ndarray], jax.Array]:
    """What makes the key of each seed, where the model of that seed is."""
    return jax.jit(jax.vmap(jax.random.key), out_shardings=rows)


class Session:
    """Models of several seeds that are being trained: their state on the devices, which goes on chunk by chunk."""

    def __init__(
        self,
        model: Trainable,
        config: TrainConfig,
        seeds: Sequence[int],
        *,
        init: Params | None = None,
        table: Any = None,
        unscored: int = 0,
        sharded: bool = False,
        beside: int = 0,
    ) -> None:
        """From `init`, leaves (s, ...), or from fresh weights. Chunks name rows of the `table` where there is one.

        `unscored` are leading tokens without a loss in every example; `beside` so many seeds at a time make a training of
        their own, by default all.
        """
        self._model, together = model, beside or len(seeds)
        mesh = mesh_of(together, config.batch, sharded)  # that of each alone, so that sums are of the same terms
        self._mesh, self._rows = mesh, NamedSharding(mesh, P("seed"))
        self._keys = _keyed(self._rows)(np.asarray(seeds))
        start, self._run = _programs(model, config, mesh, unscored, table is None, sharded)
        state = start(self._keys, jax.device_put(init, self._rows) if init is not None else None)
        self._places = jax.tree.map(lambda leaf: NamedSharding(mesh, _spec(leaf.shape, mesh, sharded)), state)
        self._state = jax.device_put(state, self._places)
        self._table = None if table is None else jax.device_put(table, NamedSharding(mesh, P()))

    def place(self, chunk: Any) -> Any:
        """A chunk, leaves (s, steps, batch, ...), on the devices that work at it; None as it is."""
        return jax.device_put(_widened(chunk, self._model), NamedSharding(self._mesh, P("seed", None, "data")))

    def rates(self, configs: Sequence[TrainConfig], start: int, steps: int, losses: np.ndarray | None = None) -> Rates:
        """The learning rates of so many steps, by the config of each seed and the losses (s, start) that may stop it."""
        rows = np.zeros((len(configs), 0)) if losses is None else losses
        each = [schedule(config, start, steps, good(row, config)) for row, config in zip(rows, configs, strict=True)]
        return Rates(*(jax.device_put(np.stack(row), self._rows) for row in zip(*each, strict=True)))

    def advance(self, chunk: Any, rates: Rates) -> jax.Array:
        """Train on a chunk that was placed: the losses (s, steps), which may not be there yet."""
        self._state, losses = self._run(self._state, self._keys, self._table, chunk, rates)
        return cast(jax.Array, losses)

    def params(self) -> Params:
        """The weights, or their moving average where the model asks for one, on the host: leaves (s, ...)."""
        return jax.tree.map(on_host, self._state.average or self._state.params)

    def save(self, directory: Path, done: int, beside: Sequence[np.ndarray]) -> None:
        """Keep the state after so many steps, and arrays beside it."""
        checkpoint.save(directory, done, (self._state, *beside))

    def resume(self, directory: Path | None, beside: Sequence[np.ndarray]) -> tuple[list[np.ndarray], int]:
        """Go on from what was kept: the arrays beside it, as they were kept, and the steps done by the model that did most.

        Without any as it is.
        """
        if directory and jax.process_count() > 1:
            raise UserError(f"{directory}: state is kept by one process, not by {jax.process_count()} that have joined")
        if not directory or not (saved := checkpoint.load(directory, (self._state, *beside))):
            return list(beside), 0
        self._state = jax.device_put(_State(*saved[0]), self._places)
        return list(saved[1:]), int(np.max(saved[0].step))


def _longest(losses: np.ndarray, configs: Sequence[TrainConfig]) -> int:
    """Steps until all models are done, as far as losses (s, steps) tell."""
    return max(int(steps_taken(row[None], config)[0]) for row, config in zip(losses, configs, strict=True))


def on_host(array: jax.Array) -> np.ndarray:
    """All of an array, wherever its parts are."""
    if array.is_fully_addressable:
        return np.asarray(array)
    from jax.experimental.multihost_utils import process_allgather

    return np.asarray(process_allgather(array, tiled=True))


@contextmanager
def interrupts_held() -> Iterator[Callable[[], None]]:
    """Ctrl-C waits until what this yields is called: amid a chunk there is no state to save. A second one does not."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    interrupted = False

    def hold(*_: Any) -> None:
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, before)

    def stop() -> None:
        if interrupted:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, hold)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
    stop()


def mesh_of(seeds: int, batch: int, sharded: bool = False) -> Mesh:
    """Devices as (seed, data): seeds side by side first, then a batch shared by what devices are left.

    Where models are divided among devices, all of them work at each.
    """
    devices = jax.devices() if jax.process_count() > 1 else jax.local_devices()
    across = 1 if sharded else _divisor(seeds, len(devices))
    most = len(devices) if sharded else min(len(devices) // across, max(1, batch // MIN_SHARD))
    shared = _divisor(batch, most)
    return Mesh(np.array(devices[: across * shared]).reshape(across, shared), ("seed", "data"))


def _too_large(model: Trainable, seeds: int) -> bool:
    """Whether a device cannot hold the models that would be its own: their weights, gradients and moments."""
    devices = jax.local_devices()
    of_each = seeds // _divisor(seeds, len(devices))
    return 16 * size(model) * of_each > tuning.model_bytes()


def _axis(shape: Sequence[int], mesh: Mesh, sharded: bool) -> int:
    """The axis by which an array (s, ...) of the state is divided among devices, its longest that can be; 0 for none."""
    fits = [axis for axis in range(1, len(shape)) if sharded and shape[axis] % mesh.shape["data"] == 0]
    return max(fits, key=lambda axis: shape[axis], default=0)


def _spec(shape: Sequence[int], mesh: Mesh, sharded: bool) -> P:
    """Where an array (s, ...) of the state lies."""
    axis = _axis(shape, mesh, sharded)
    return P("seed", *[None] * (axis - 1), "data") if axis else P("seed")


def _divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is at most `most`."""
    return max(part for part in range(1, most + 1) if number % part == 0)


def _programs(
    model: Trainable, config: TrainConfig, mesh: Mesh, unscored: int, streamed: bool, sharded: bool
) -> tuple[Callable[..., _State], Callable[..., Any]]:
    """What makes the state, and what trains it for a chunk of steps."""
    if sharded and config.optimizer == "muon":
        raise UserError(
            "muon needs whole matrices, and a model that is divided among devices has none: train it with adamw"
        )
    part, start = compiled_part(config), max(0, unscored - 1)
    start = 0 if tuning.tiny(model) else start
    return _starter(model, part, mesh, sharded), _runner(model, part, mesh, streamed, start, sharded)


def drawn(model: Trainable, keys: jax.Array) -> Params:
    """The weights that a model begins with by each of keys (s,): leaves (s, ...)."""
    return _drawer(model)(np.asarray(jax.random.key_data(keys)))


def fresh(model: Trainable, seeds: Sequence[int]) -> Params:
    """The weights that training of each of these seeds begins with: leaves (s, ...)."""
    return drawn(model, jax.vmap(jax.random.key)(np.asarray(seeds)))


@lru_cache(maxsize=64)
def _drawer(model: Trainable) -> Kept:
    def of_each(keys: jax.Array) -> Params:
        return jax.vmap(lambda key: model.init(jax.random.wrap_key_data(key)))(keys)

    return Kept(of_each, model, options=AS_WRITTEN if machine.on_cpu() else None)


@lru_cache(maxsize=64)
def _starter(
    model: Trainable, config: TrainConfig, mesh: Mesh, sharded: bool
) -> Callable[[jax.Array, Params | None], _State]:
    def moments(params: Params) -> Any:
        return jax.vmap(optimizer(config, Rates(0.0, 0.0)).init)(params)

    def start(keys: jax.Array, init: Params | None) -> _State:
        params = init if init is not None else jax.vmap(model.init)(keys)
        return _State(params, moments(params), jnp.zeros(len(keys), jnp.int32), params if _decay(model) else ())

    if tuning.tiny(model) and jax.process_count() == 1:
        of_nothing = Kept(moments, config)

        def begun(keys: jax.Array, init: Params | None) -> _State:
            """Two programs, of which other trainings of the model have the first, and other models of its shapes the second."""
            params = jax.tree.map(np.asarray, drawn(model, keys) if init is None else init)
            rest = jax.tree.map(np.asarray, of_nothing(params))
            return _State(params, rest, np.zeros(len(keys), np.int32), params if _decay(model) else ())

        return begun
    if not sharded:
        return Kept(start, model, config, mesh=mesh, specs=(P("seed"), P("seed")), options=machine.fast_compile())

    def divided(keys: jax.Array, init: Params | None) -> _State:
        kinds = jax.eval_shape(start, keys, init)
        places = jax.tree.map(lambda leaf: NamedSharding(mesh, _spec(leaf.shape, mesh, True)), kinds)
        state: _State = jax.jit(start, out_shardings=places)(keys, init)
        return state

    return divided


def side_by_side(parts: Sequence[Part], offsets: Sequence[int], start: int, steps: int) -> Any:
    """The next chunk of every seed, with a leading seed axis; None past the end.

    Rows of finite sets are those of all sets end to end, in which each part's begin at its offset.
    """
    if steps <= 0:
        return None

    def made(work: tuple[Part, int, int]) -> Any:
        part, offset, seed = work
        drawn = part.data.chunk(seed, start, steps, part.config.batch)
        return drawn + np.int32(offset) if isinstance(drawn, np.ndarray) else drawn

    work = [(part, offset, seed) for part, offset in zip(parts, offsets, strict=True) for seed in part.seeds]
    return jax.tree.map(lambda *rows: np.stack(rows), *_loaders().map(made, work))


@lru_cache(maxsize=1)
def _loaders() -> ThreadPoolExecutor:
    """Threads that make the data of several seeds at once, on the cores that no device keeps busy."""
    busy = len(jax.local_devices()) if machine.on_cpu() else 0
    return ThreadPoolExecutor(max(1, machine.cores() - busy))


def _widened(examples: Any, model: Model) -> Any:
    """Examples whose lines are as long as a tiny model's are, as far as it can read them; those of others, and rows, as they are."""
    if not isinstance(examples, Examples) or not tuning.tiny(model):
        return examples
    longest = examples.weight.shape[-1]
    width = max(longest, min(-(-longest // tuning.WIDE) * tuning.WIDE, model.context))
    at = examples.weight.ndim - 1
    return jax.tree.map(
        lambda rows: np.pad(rows, [(0, width - longest if axis == at else 0) for axis in range(rows.ndim)]), examples
    )


def _padded(table: Any) -> Any:
    """A finite set with rows nobody names, up to a power of two from 1,024 on: sets of many sizes share a program."""
    extra = max(1024, 1 << (len(table.tokens) - 1).bit_length()) - len(table.tokens)
    return jax.tree.map(lambda rows: np.pad(rows, [(0, extra)] + [(0, 0)] * (rows.ndim - 1)), table)


def _gradient(
    loss: Callable[..., jax.Array], params: Params, examples: Examples, keys: jax.Array
) -> tuple[jax.Array, Params]:
    """The summed loss of a batch and its gradient, accumulated over `tuning.microbatches`."""
    n, t, _ = examples.tokens.shape
    count = tuning.microbatches(n, t, sum(leaf.size for leaf in jax.tree.leaves(params)))
    value_and_grad = jax.value_and_grad(loss)
    if count == 1:
        return value_and_grad(params, examples, keys)
    batch = jax.tree.map(lambda rows: rows.reshape(count, -1, *rows.shape[1:]), (examples, keys))
    if not tuning.in_parallel():

        def accumulate(total: Any, microbatch: Any) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, value_and_grad(params, *microbatch)), None

        return jax.lax.scan(accumulate, (jnp.float32(0), jax.tree.map(jnp.zeros_like, params)), batch)[0]

    def of_copies(params: Params) -> jax.Array:
        copies = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), params)
        return jax.vmap(loss)(copies, *batch).sum()

    return jax.value_and_grad(of_copies)(params)


@lru_cache(maxsize=64)
def _runner(
    model: Trainable, config: TrainConfig, mesh: Mesh, streamed: bool, start: int, sharded: bool
) -> Callable[..., Any]:
    """One compiled program: a chunk of steps for every seed, with logits from the token at `start` on."""
    own, decay = getattr(model, "loss", None), _decay(model)
    first = 0 if own else 1  # nothing predicts the first token of a text
    axes = jax.tree.map(lambda leaf: _axis((1, *leaf.shape), mesh, sharded) - 1, shapes(model))
    dtype = machine.dtype(config.precision)

    def loss(params: Params, examples: Examples, keys: jax.Array) -> jax.Array:
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        if own:
            return own(params, examples, keys)
        logits = cast(Model, model).apply(params, examples.tokens[:, :-1], keys, start)
        target = examples.tokens[..., 0] if examples.target is None else examples.target
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, target[:, start + 1 :])
        return (losses * examples.weight[:, start + 1 :].astype(jnp.float32)).sum()

    def step(table: Any, key: jax.Array, state: _State, inputs: tuple[Any, Rates]) -> tuple[_State, jax.Array]:
        batch, rates = inputs
        examples = batch if streamed else jax.tree.map(lambda rows: rows[batch], table)
        keys = _example_keys(jax.random.fold_in(key, state.step), len(examples.tokens))
        value, gradient = _gradient(loss, _gathered(state.params, axes), examples, keys)
        count = examples.weight[:, first:].astype(jnp.float32).sum()
        if sharded:
            value, count, gradient = *jax.lax.psum((value, count), "data"), _scattered(gradient, axes)
        else:
            value, gradient, count = jax.lax.psum((value, gradient, count), "data")
        value, gradient = jax.tree.map(lambda leaf: leaf / jnp.maximum(count, 1.0), (value, gradient))
        gradient = _clipped(gradient, axes, config.clip) if sharded else gradient
        updates, moments = optimizer(config, rates).update(gradient, state.moments, state.params)
        params, average = optax.apply_updates(state.params, updates), state.average
        if decay:  # of few steps a plain mean, so that the first weights are soon forgotten
            share = jnp.maximum(1 - decay, 1 / (state.step + 1.0))
            average = jax.tree.map(lambda mean, leaf: mean + share * (leaf - mean), average, params)
        return _State(params, moments, state.step + 1, average), value

    specs = (P("seed"), P("seed"), P(), P("seed", None, "data"), P("seed"))

    def run(state: _State, keys: jax.Array, table: Any, chunk: Any, rates: Rates) -> tuple[_State, jax.Array]:
        def one_seed(inputs: tuple[Any, ...]) -> tuple[_State, jax.Array]:
            state, key, chunk, rates = inputs
            return jax.lax.scan(partial(step, table, key), state, (chunk, rates))

        def unless_done(inputs: tuple[Any, ...]) -> tuple[_State, jax.Array]:
            state, *_, rates = inputs
            no_loss = jnp.full_like(rates.adamw, jnp.nan)
            return jax.lax.cond(jnp.isnan(rates.adamw[0]), lambda _: (state, no_loss), one_seed, inputs)

        return tuning.map_seeds(unless_done if config.stop.below else one_seed, (state, keys, chunk, rates))

    if not sharded:
        shared = jax.shard_map(run, mesh=mesh, in_specs=specs, out_specs=(P("seed"), P("seed")), check_vma=False)
        return Kept(wraps(run)(shared), model, config, streamed, start, mesh=mesh, specs=specs, donated=(0,))

    def divided(state: _State, *rest: Any) -> Any:
        own = jax.tree.map(lambda leaf: _spec(leaf.shape, mesh, True), state)
        placed = {"in_specs": (own, *specs[1:]), "out_specs": (own, P("seed"))}
        return jax.shard_map(run, mesh=mesh, check_vma=False, **placed)(state, *rest)

    return jax.jit(divided, donate_argnums=(0,))


def _decay(model: Trainable) -> float:
    """Of the moving average of weights that a model asks for; 0 where the last ones are kept."""
    return float(getattr(model, "ema", 0.0))


def _gathered(params: Params, axes: Any) -> Params:
    """One model's weights, whole: those divided by an axis that is not -1, put together."""

    def whole(leaf: jax.Array, axis: int) -> jax.Array:
        return leaf if axis < 0 else jax.lax.all_gather(leaf, "data", axis=axis, tiled=True)

    return jax.tree.map(whole, params, axes)


def _scattered(gradient: Params, axes: Any) -> Params:
    """The sum of all devices' gradients, of which each device has the part that it has of the weights."""

    def summed(leaf: jax.Array, axis: int) -> jax.Array:
        if axis < 0:
            return jax.lax.psum(leaf, "data")
        return jax.lax.psum_scatter(leaf, "data", scatter_dimension=axis, tiled=True)

    return jax.tree.map(summed, gradient, axes)


def _clipped(gradient: Params, axes: Any, most: float) -> Params:
    """A divided gradient, cut to a norm of all its parts together; the optimizer, which sees some of them, finds none longer."""
    squares = jax.tree.map(lambda leaf, axis: (axis >= 0, jnp.sum(leaf**2)), gradient, axes)
    pairs = jax.tree.leaves(squares, is_leaf=lambda node: isinstance(node, tuple))
    apart = sum((square for divided, square in pairs if divided), jnp.float32(0))
    norm = jnp.sqrt(jax.lax.psum(apart, "data") + sum(square for divided, square in pairs if not divided))
    return jax.tree.map(lambda leaf: jnp.where(norm < most, leaf, leaf / norm * most), gradient)


def _example_keys(key: jax.Array, n: int) -> jax.Array:
    """A key for each of a device's n examples, which depends on its row in the batch and not on the devices that share it."""
    return jax.vmap(partial(jax.random.fold_in, key))(jax.lax.axis_index("data") * n + jnp.arange(n))
