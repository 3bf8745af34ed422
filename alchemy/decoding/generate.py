"""Completions of prompts, for one model or many seeds of it at once.

Dimension letters: `s` seeds, `n` problems, `t` prompt tokens, `c` ids a position carries, `m` new tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from alchemy.decoding import cache as caches
from alchemy.decoding.engine import Engine, Steer, Texts
from alchemy.errors import UserError
from alchemy.learning import machine, tuning
from alchemy.learning.kept import Kept
from alchemy.learning.model import Cache, Model, Params
from alchemy.problem.task import PAD

BUCKET, BRIEF_BUCKET = 8, 16
"""Widths are rounded up to a multiple of this, so that few programs are compiled: the second in draws that are `tuning.brief`. For
tiny models it is `tuning.WIDE`."""
FIRST = 8
"""Slots that a cache has for new tokens at first; it grows as they are written, as attention reads empty ones too."""
FEW = 8
"""Once only one of so many texts goes on, those that do are put together; with fewer than its square nothing is gained."""


def generate(
    model: Model,
    params: Params,
    prompts: np.ndarray,
    *,
    max_new: int,
    temperature: float = 0.0,
    seed: int = 0,
    seeds: Sequence[int] = (),
    rows: int = 0,
    precision: str = "auto",
) -> np.ndarray:
    """Complete each of `n` prompts with each of `s` models: int32 (s, n, max_new), PAD after EOS.

    `c` is the number of ids that a position carries, 1 for text; `params` are those of `Trained`. params leaves (s, ...); prompts int32 (n, t, c) for all seeds or (s, n, t, c), own ones for each, padded on the right.
    Temperature 0 takes the likeliest token. The random numbers of a text depend on `seed`, on the name in `seeds` of its
    model, and on the number of its problem. About `rows` texts are written at once, by default `tuning.decoded_rows` on each
    device, with activations of `precision`: auto, float32 or bfloat16. Raises `UserError` if the text cannot fit the model's context.
    """
    options = dict(max_new=max_new, temperature=temperature, seed=seed, seeds=seeds, rows=rows, precision=precision)
    return draw(model, params, prompts, samples=1, **options).completions[:, :, 0]


class Pieces(Protocol):
    """Where pieces of a long draw are kept, so that one that is interrupted goes on where it was."""

    def load(self, name: str) -> tuple[np.ndarray, ...] | None:
        """What was kept under that name, if anything was."""

    def keep(self, name: str, arrays: tuple[np.ndarray, ...]) -> None:
        """Keep it, or leave it: what is not kept is made again."""


class Drawn(NamedTuple):
    """Completions, and how likely the model finds them at temperature 1, whatever they were drawn at."""

    completions: np.ndarray  # int32 (s, n, samples, m)
    logprob: np.ndarray  # float32 (s, n, samples): of all tokens up to the end


def draw(
    model: Model,
    params: Params,
    prompts: np.ndarray,
    *,
    samples: int,
    max_new: int,
    temperature: float = 1.0,
    seed: int = 0,
    seeds: Sequence[int] = (),
    rows: int = 0,
    precision: str = "auto",
    steer: Steer | None = None,
    dials: Sequence[int] = (),
    progress: Callable[[int], None] = lambda done: None,
    pieces: Pieces | None = None,
) -> Drawn:
    """Complete each prompt `samples` times, reading it once, else as `generate`.

    `progress` is called with the number of problems done. `steer` may overrule the model's choices; `dials` are numbers for
    it that no program is compiled for. `pieces` are of this very draw: what is in there is not drawn again, and the bits are
    those of an undisturbed one.
    """
    if samples < 1:
        raise UserError(f"samples must be at least 1, not {samples}")
    if temperature < 0:
        raise UserError(f"temperature {temperature} is negative")
    models = len(jax.tree.leaves(params)[0])
    seeds = jnp.asarray(seeds or range(models), jnp.int32)
    if prompts.ndim == 3:
        prompts = np.broadcast_to(prompts, (models, *prompts.shape))
    if len(prompts) != models or len(seeds) != models:
        raise UserError(f"prompts for {len(prompts)} models and {len(seeds)} names, expected {models} of each")
    n, t, c = prompts.shape[1:]
    weights = sum(leaf.size for leaf in jax.tree.leaves(params)) // models
    brief = not rows and tuning.brief(weights, n, samples, t + max_new)
    tiny = tuning.tiny(model)
    bucket = tuning.WIDE if tiny else BRIEF_BUCKET if brief else BUCKET
    if t + max_new > model.context:
        raise UserError(f"{t} prompt and {max_new} new tokens do not fit a context of {model.context}")
    width, room = (min(-(-tokens // bucket) * bucket, model.context) for tokens in (t, max_new))
    devices = jax.local_devices()
    kv_bytes = _bytes(model, room, precision) + _bytes(model, width, precision) // samples
    if brief:
        size = -(-tuning.brief_rows(n) // len(devices)) * len(devices)
    else:
        unit, rows = bucket * len(devices), rows or tuning.decoded_rows(kv_bytes) * len(devices)
        size = min(-(-rows // (unit * samples)), -(-n // unit)) * unit
    engine = Engine(model, temperature > 0, steer=steer)
    run = _runner(engine, room, samples, Mesh(np.array(devices), ("data",)), precision, not (tiny or brief))
    order = np.argsort(lengths(prompts), axis=1, kind="stable")  # prompts of one length end together
    batches = np.arange(-(-n // size) * size).reshape(-1, size)
    batches = np.where(batches < n, batches, 0)  # rows that only fill up a batch end no later than the rest
    options = (jnp.float32(temperature), jnp.int32(max_new), jnp.asarray(dials, jnp.int32), seeds, jax.random.key(seed))
    done = []
    for batch in batches:
        name = f"{batch[0]}-{size}"
        if pieces is None or (drawn := pieces.load(name)) is None:
            problems = order[:, batch]
            padded = np.zeros((models, size, width, c), np.int32)
            padded[:, :, :t] = np.take_along_axis(prompts, problems[:, :, None, None], axis=1)
            drawn = jax.device_get(run(params, padded, problems.astype(np.int32), *options))
            if pieces is not None:
                pieces.keep(name, drawn)
        done.append(drawn)
        progress(min(n, len(done) * size))
    back = np.argsort(order, axis=1)[:, :, None]
    completions, logprob = (np.concatenate(pieces, axis=1) for pieces in zip(*done, strict=True))
    return Drawn(
        np.take_along_axis(completions[..., :max_new], back[..., None], axis=1),
        np.take_along_axis(logprob, back, axis=1),
    )


def lengths(prompts: np.ndarray) -> np.ndarray:
    """Tokens of prompts int32 (..., t, c): int (...)."""
    return (prompts[..., 0] != PAD).sum(axis=-1)


@lru_cache(maxsize=64)
def _bytes(model: Model, length: int, precision: str) -> int:
    """Bytes of the KV cache of a text of that many tokens."""
    cache = jax.eval_shape(lambda: model.init_cache(1, length, machine.dtype(precision)))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(cache))


def _sizes(room: int) -> list[int]:
    """Sizes of a cache that grows to `room` slots: doubled, but for a last one that is not worth a program."""
    sizes = [min(FIRST, room)]
    while sizes[-1] < room:
        sizes.append(2 * sizes[-1] if 3 * sizes[-1] < room else room)
    return sizes


@lru_cache(maxsize=64)
def _runner(
    engine: Engine, room: int, samples: int, mesh: Mesh, precision: str, grows: bool = True
) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """One compiled program: all seeds, problems spread over the devices; caches grow, and the last texts are put together."""
    model, dtype = engine.model, machine.dtype(precision)

    def one_seed(
        inputs: tuple[Params, jax.Array, jax.Array, jax.Array],
        temperature: jax.Array,
        limit: jax.Array,
        dials: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        params, prompts, problems, seed_key = inputs
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        n, _, ids = prompts.shape

        def step(texts: Texts) -> Texts:
            logits, texts = engine.read(params, texts, ids)
            return engine.write(texts, logits, temperature, dials)

        def written(texts: Texts, slots: int, few: int) -> Texts:
            """Until the cache is full or no more than `few` texts go on; the last token is not read."""
            end = jnp.minimum(limit, slots + 1)
            return jax.lax.while_loop(lambda texts: (texts.step < end) & ((~texts.stopped).sum() > few), step, texts)

        logits, cache = _read(model, params, prompts, dtype)
        keys = jax.vmap(partial(jax.random.fold_in, seed_key))(problems)
        keys = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))(keys, jnp.arange(samples))
        few = n * samples // FEW if n * samples >= FEW**2 else 0
        first, *sizes = _sizes(room)
        if not grows:
            first, sizes, few = room, [], 0
        cache = caches.branch(model, cache, samples, first)
        texts = engine.start(cache, keys.reshape(-1), jnp.zeros(n * samples, bool), room)
        texts = engine.write(texts, jnp.repeat(logits, samples, axis=0), temperature, dials)
        texts = written(texts, first, few)
        for slots in sizes:
            texts = written(texts._replace(cache=caches.grow(model, texts.cache, slots)), slots, few)
        if few:
            texts = _joined(texts, few, lambda texts: written(texts, room, 0))
        return texts.tokens.T.reshape(n, samples, room), texts.logprob.reshape(n, samples)

    specs = (P(), P(None, "data"), P(None, "data"), P(), P(), P(), P(), P())

    @partial(jax.shard_map, mesh=mesh, in_specs=specs, out_specs=P(None, "data"), check_vma=False)
    def run(
        params: Params,
        prompts: jax.Array,
        problems: jax.Array,
        temperature: jax.Array,
        limit: jax.Array,
        dials: jax.Array,
        seeds: jax.Array,
        key: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        keys = jax.vmap(partial(jax.random.fold_in, key))(seeds)
        work = partial(one_seed, temperature=temperature, limit=limit, dials=dials)
        return tuning.map_seeds(work, (params, prompts, problems, keys))

    return Kept(run, engine, room, samples, precision, grows, mesh=mesh, specs=specs)


def _read(model: Model, params: Params, prompts: jax.Array, dtype: Any) -> tuple[jax.Array, Cache]:
    """Prompts int32 (n, t, c), some at a time: logits (n, v) of the first tokens behind them, and the cache."""
    n, t, c = prompts.shape

    def read(prompts: jax.Array) -> tuple[jax.Array, Any, jax.Array]:
        logits, cache = model.extend(params, model.init_cache(len(prompts), t, dtype), prompts, last=True)
        return logits[:, 0], cache.memory, cache.length

    groups = jax.lax.map(read, prompts.reshape(tuning.prompt_groups(n, t), -1, t, c))
    logits, memory, length = jax.tree.map(lambda leaf: leaf.reshape(n, *leaf.shape[2:]), groups)
    return logits, Cache(memory, jnp.int32(t), length)


def _joined(texts: Texts, few: int, finish: Callable[[Texts], Texts]) -> Texts:
    """Those of at most `few` texts that go on are put together and finished."""
    rows = jnp.argsort(texts.stopped, stable=True)[:few]  # those that go on come first
    logprob, stopped, keys, steering = jax.tree.map(
        lambda leaf: leaf[rows], (texts.logprob, texts.stopped, texts.keys, texts.steering)
    )
    cache = caches.detach(texts.cache, rows)
    last = finish(Texts(texts.step, texts.tokens[:, rows], logprob, stopped, keys, cache, steering))
    return texts._replace(
        tokens=texts.tokens.at[:, rows].set(last.tokens), logprob=texts.logprob.at[rows].set(last.logprob)
    )
