"""One cached decoding loop: prompts in, completions out, for one model or many seeds of it.

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

from alchemy.errors import UserError
from alchemy.learning import machine as device
from alchemy.learning.model import Cache, Model, Params
from alchemy.problem.task import EOS, PAD

BUCKET = 8
"""Widths are rounded up to a multiple of this, so that few programs are compiled."""
FIRST = 8
"""Places that a cache has for new tokens at first: what is not written yet is not read either."""
FEW = 8
"""Once only one of so many rows goes on, those that do are put together; with fewer rows than its square nothing is gained."""


class Steer(Protocol):
    """Has a say in what is written, token by token; hashable, as a program is compiled for each."""

    def start(self, n: int) -> Any:
        """What it knows of `n` rows before anything is written: arrays (n, ...)."""

    def __call__(self, token: jax.Array, state: Any, dials: jax.Array) -> tuple[jax.Array, Any]:
        """What is written in place of the model's choice `token` int32 (n,), and what it knows now; dials (d,)."""


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
    """Complete each prompt with each seed of the model: int32 (s, n, max_new), PAD after EOS.

    params leaves (s, ...); prompts int32 (n, t, c) for all seeds or (s, n, t, c), own ones for each, padded on the right.
    Temperature 0 takes the likeliest token. Sampling keys depend on `seed` and on the names `seeds` of the models.
    About `rows` completions are written at once, by default `device.rows` on each device. Raises `UserError` if the text cannot fit the model's context.
    """
    one = dict(max_new=max_new, temperature=temperature, seed=seed, seeds=seeds, rows=rows, precision=precision)
    return draw(model, params, prompts, samples=1, **one).completions[:, :, 0]


class Parts(Protocol):
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
    parts: Parts | None = None,
) -> Drawn:
    """Complete each prompt `samples` times, reading it once, else as `generate`.

    `progress` is told how many of the problems are done. `steer` may overrule the model's choices; `dials` are numbers for it that no program is compiled for.
    `parts` are of this very draw: what is in there is not drawn again, and the bits are those of an undisturbed one.
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
    width, room = _rounded(t), _rounded(max_new)
    if t + max_new > model.context:
        raise UserError(f"{t} prompt and {max_new} new tokens do not fit a context of {model.context}")
    devices = jax.local_devices()
    remembered = _bytes(model, room, precision) + _bytes(model, width, precision) // samples
    unit, rows = BUCKET * len(devices), rows or device.rows(remembered) * len(devices)
    size = min(-(-rows // (unit * samples)), -(-n // unit)) * unit
    run = _runner(model, room, samples, temperature > 0, Mesh(np.array(devices), ("data",)), precision, steer)
    order = np.argsort(lengths(prompts), axis=1, kind="stable")  # prompts of one length end together
    padded = np.zeros((models, -(-n // size) * size, width, c), np.int32)
    padded[:, :n, :t] = np.take_along_axis(prompts, order[:, :, None, None], axis=1)
    padded[:, n:] = padded[:, :1]  # rows that only fill up a batch end no later than the rest
    key = jax.random.key(seed)
    numbers = (jnp.float32(temperature), jnp.int32(max_new), jnp.asarray(dials, jnp.int32))
    done = []
    for start in range(0, padded.shape[1], size):
        name = f"{start}-{size}-{len(devices)}"
        if parts is None or (made := parts.load(name)) is None:
            batch = padded[:, start : start + size]
            made = jax.device_get(run(params, batch, *numbers, seeds, jax.random.fold_in(key, start)))
            if parts is not None:
                parts.keep(name, made)
        done.append(made)
        progress(min(n, start + size))
    back = np.argsort(order, axis=1)[:, :, None]
    completions, logprob = (np.concatenate(pieces, axis=1) for pieces in zip(*done, strict=True))
    return Drawn(
        np.take_along_axis(completions[..., :max_new], back[..., None], axis=1),
        np.take_along_axis(logprob, back, axis=1),
    )


def lengths(prompts: np.ndarray) -> np.ndarray:
    """Tokens of prompts int32 (..., t, c): int (...)."""
    return (prompts[..., 0] != PAD).sum(axis=-1)


def _rounded(width: int) -> int:
    return -(-width // BUCKET) * BUCKET


@lru_cache(maxsize=64)
def _bytes(model: Model, length: int, precision: str) -> int:
    """Bytes that the model remembers a text of that many tokens by."""
    cache = jax.eval_shape(lambda: model.init_cache(1, length, device.dtype(precision)))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(cache))


def _doubled(room: int) -> list[int]:
    """Sizes of a cache that grows to `room` places: doubled, but for a last one that is not worth a program."""
    sizes = [min(FIRST, room)]
    while sizes[-1] < room:
        sizes.append(2 * sizes[-1] if 3 * sizes[-1] < room else room)
    return sizes


class _Writing(NamedTuple):
    """What `m` completions of one model have come to after so many steps."""

    step: jax.Array  # int32: tokens written, the last of which was not read
    written: jax.Array  # int32 (room, m)
    logprob: jax.Array  # (m,)
    ended: jax.Array  # bool (m,)
    state: Any  # of what steers, arrays (m, ...)
    cache: Cache

    def rows(self, rows: jax.Array, cache: Cache) -> _Writing:
        """Some of the completions, with their cache."""
        state = jax.tree.map(lambda leaf: leaf[rows], self.state)
        return _Writing(self.step, self.written[:, rows], self.logprob[rows], self.ended[rows], state, cache)


@lru_cache(maxsize=64)
def _runner(
    model: Model, room: int, samples: int, sampled: bool, mesh: Mesh, precision: str, steer: Steer | None
) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """One compiled program: all seeds, problems spread over the devices."""
    dtype = device.dtype(precision)

    def pick(logits: jax.Array, temperature: jax.Array, key: jax.Array) -> jax.Array:
        if sampled:
            return jax.random.categorical(key, logits / temperature).astype(jnp.int32)
        return logits.argmax(axis=-1).astype(jnp.int32)

    def one(
        args: tuple[Params, jax.Array, jax.Array], temperature: jax.Array, most: jax.Array, dials: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        params, prompts, key = args
        params = model.ready(jax.tree.map(lambda x: x.astype(dtype), params))
        n, _, c = prompts.shape

        def read(some: jax.Array) -> tuple[jax.Array, Cache]:
            return model.extend(params, model.init_cache(len(some), 0, dtype), some, last=True)

        m, groups = n * samples, device.groups(n, prompts.shape[1])
        logits, cache = jax.lax.map(read, prompts.reshape(groups, -1, *prompts.shape[1:]))
        logits, cache = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]) if x.ndim > 1 else x[0], (logits, cache))

        def write(now: _Writing, logits: jax.Array) -> _Writing:
            """Each completion's next token, of which these are the logits (m, v)."""
            token = pick(logits, temperature, jax.random.fold_in(key, now.step))
            state = now.state
            if steer is not None:
                token, state = steer(token, state, dials)
            token = jnp.where(now.ended, PAD, token)
            each = jnp.take_along_axis(logits, token[:, None], axis=1)[:, 0] - jax.nn.logsumexp(logits, axis=1)
            logprob = now.logprob + jnp.where(now.ended, 0.0, each)
            written, ended = now.written.at[now.step].set(token), now.ended | (token == EOS)
            return _Writing(now.step + 1, written, logprob, ended, state, now.cache)

        def go_on(now: _Writing) -> _Writing:
            last = now.written[now.step - 1]
            ids = jnp.zeros((len(last), 1, c), jnp.int32).at[:, 0, 0].set(last)
            logits, cache = model.extend(params, now.cache, ids)
            return write(now._replace(cache=cache), logits[:, 0])

        def whole(now: _Writing, few: int, places: int) -> _Writing:
            """Until the cache is full or no more than `few` rows go on."""
            most_now = jnp.minimum(most, places + 1)  # the last token is not read
            return jax.lax.while_loop(lambda now: (now.step < most_now) & ((~now.ended).sum() > few), go_on, now)

        state = steer.start(m) if steer is not None else ()
        now = _Writing(
            jnp.int32(0),
            jnp.full((room, m), PAD, jnp.int32),
            jnp.zeros(m),
            jnp.zeros(m, bool),
            state,
            model.branch(cache, samples, min(FIRST, room)),
        )
        now = write(now, jnp.repeat(logits[:, 0], samples, axis=0))
        few = m // FEW if m >= FEW**2 else 0
        for places in _doubled(room):
            now = whole(now._replace(cache=model.grow(now.cache, places)), few, places)
        if few:
            rows = jnp.argsort(now.ended, stable=True)[:few]  # those that go on come first
            last = whole(now.rows(rows, model.apart(now.cache, rows)), 0, room)
            written, logprob = now.written.at[:, rows].set(last.written), now.logprob.at[rows].set(last.logprob)
        else:
            written, logprob = now.written, now.logprob
        return written.T.reshape(n, samples, room), logprob.reshape(n, samples)

    @jax.jit
    @partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(P(), P(None, "data"), P(), P(), P(), P(), P()),
        out_specs=P(None, "data"),
        check_vma=False,
    )
    def run(
        params: Params,
        prompts: jax.Array,
        temperature: jax.Array,
        most: jax.Array,
        dials: jax.Array,
        seeds: jax.Array,
        key: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        key = jax.random.fold_in(key, jax.lax.axis_index("data"))
        keys = jax.vmap(partial(jax.random.fold_in, key))(seeds)
        each = partial(one, temperature=temperature, most=most, dials=dials)
        return device.over_seeds(each, (params, prompts, keys))

    return run
