"""What a model would answer behind a text, while its activations are changed.

Whether it writes a given answer greedily is known from one reading of the text with that answer in it: it does if every
token of the answer is the likeliest behind those before it. So nothing is decoded, however many changes are tried.

Dimension letters: `s` seeds, `n` texts, `q` answers tried behind each, `m` changes, `t` tokens, `c` ids a position carries,
`r` tokens of an answer, `l` layers, `h` heads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from alchemy.decoding.generate import draw
from alchemy.errors import UserError
from alchemy.learning import machine, tuning
from alchemy.learning.kept import Kept
from alchemy.learning.model import Model, Params
from alchemy.learning.open_model import OpenModel, Patch, opened
from alchemy.problem.task import PAD, Batch, Field, Task


class Readout(NamedTuple):
    """Of each answer that is tried, under each change."""

    likeliest: (
        np.ndarray
    )  # bool (s, m, n, q, r): each of its tokens is the likeliest behind those before it; true behind its end
    logprob: np.ndarray  # float32 (s, m, n, q, r): of each of its tokens behind those before it; 0 behind its end

    @property
    def written(self) -> np.ndarray:
        """It is what the model writes greedily, bool (s, m, n, q)."""
        return self.likeliest.all(axis=-1)


def answer_places(batch: Batch, answer_mark: int = -1) -> np.ndarray:
    """Where the answer stands in lines of equal shape, int (r,), the answer mark left out.

    Raises `UserError` if the lines do not have their parts at the same places, as maps by position need.
    """
    if bool((batch.field != batch.field[:1]).any()):
        raise UserError(
            "problems of different shapes; a map by position needs lines with their parts at the same places"
        )
    answer: np.ndarray = (batch.field[0] == Field.ANSWER) & (batch.text[0] != answer_mark)
    return np.flatnonzero(answer)


def position_labels(task: Task, batch: Batch) -> list[str]:
    """What stands at each position of lines of equal shape: a symbol, or where that varies the part of the line and a number."""
    counts: Counter[str] = Counter()
    labels = []
    for place, code in enumerate(batch.field[0].tolist()):
        ids = batch.tokens[:, place]
        if bool((ids == ids[:1]).all()):
            labels.append(task.show_part(batch.tokens[0, place : place + 1]) or _part(task, code))
            continue
        part = _part(task, code)
        counts[part] += 1
        labels.append(f"{part} {counts[part]}" if code < Field.STEP else f"{part}.{counts[part]}")
    return labels


def _part(task: Task, code: int) -> str:
    """The name of a part of a line by its code in `Batch.field`."""
    if code >= Field.STEP:
        return f"step {code - Field.STEP + 1}"
    return Field(code).name.lower() if code >= Field.ANSWER or code < 0 else task.prompt_fields[code]


def own_answers(model: Model, params: Params, tokens: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What models (leaves (s, ...)) write greedily at `places` int (r,) of texts int32 (s, n, t, c): int32 (s, n, r)."""
    return draw(model, params, tokens[:, :, : places[0]], samples=1, max_new=len(places), temperature=0.0).completions[
        :, :, 0
    ]


def with_answer(tokens: np.ndarray, places: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Texts int32 (s, n, t, c) with an answer int32 (s, n, r) at `places`, and nothing behind it."""
    texts = tokens[:, :, : places[-1] + 1].copy()
    texts[:, :, places, 0] = answer
    return texts


def read_out(
    model: Model,
    params: Params,
    texts: np.ndarray,
    places: np.ndarray,
    changes: Patch | None = None,
    source: np.ndarray | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Readout:
    """Try the answers in texts int32 (s, n, q, t, c), at consecutive `places` int (r,), under changes of the forward pass, if any.

    `changes` says where, bool with an axis m in front: `residual_at` (m, l + 1, t), `heads_at` (m, l, t, h) and `blocked`
    (m, t, t). What is put there are the activations of reading `source`, shaped as the texts. `progress` is called with the
    number of texts done. Raises `UserError` if the model does not open its activations.
    """
    _, n, q, t, _ = texts.shape
    changes = changes or Patch(blocked=np.zeros((1, t, t), bool))
    _check(changes, source)
    devices = machine.devices()
    size = max(1, min(tuning.scored_tokens() // (q * t), -(-n // len(devices)))) * len(devices)
    run = _reader(opened(model), tuple(places.tolist()), Mesh(np.array(devices), ("data",)))
    done = []
    for start in range(0, n, size):
        rows = np.minimum(np.arange(start, start + size), n - 1)
        read = run(params, texts[:, rows], None if source is None else source[:, rows], changes)
        done.append([np.asarray(part)[:, :, : n - start] for part in read])
        progress(min(n, start + size))
    return Readout(*(np.concatenate(parts, axis=2) for parts in zip(*done, strict=True)))


def _check(changes: Patch, source: np.ndarray | None) -> None:
    if changes.residual is not None or changes.heads is not None:
        raise UserError("changes say where activations are replaced; the values are those of the source")
    if source is None and (changes.residual_at is not None or changes.heads_at is not None):
        raise UserError("nothing to put in place of activations; expected texts as the source")


@lru_cache(maxsize=64)
def _reader(model: OpenModel, places: tuple[int, ...], mesh: Mesh) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """One compiled program: all seeds, texts spread over the devices, one change after the other."""
    at = np.array(places)

    def one_seed(inputs: tuple[Params, jax.Array, jax.Array | None], changes: Patch) -> tuple[jax.Array, jax.Array]:
        params, texts, source = inputs
        n, q, t, c = texts.shape
        rows = texts.reshape(n * q, t, c)
        answers = rows[:, at, 0]  # (n q, r)
        values = None if source is None else model.open(params, source.reshape(rows.shape))[1]

        def one_change(where: Patch) -> tuple[jax.Array, jax.Array]:
            patch = jax.tree.map(lambda mask: mask[None], where)
            if patch.residual_at is not None:
                patch = patch._replace(residual=values.residual)
            if patch.heads_at is not None:
                patch = patch._replace(heads=values.heads)
            logits, _ = model.open(params, rows, patch)
            logits = logits[:, at - 1].at[..., PAD].set(-1e30)  # padding is no token: it is never chosen
            logprob = jnp.take_along_axis(jax.nn.log_softmax(logits), answers[..., None], axis=-1)[..., 0]
            over = answers == PAD
            likeliest = over | (logits.argmax(axis=-1) == answers)
            return likeliest.reshape(n, q, -1), jnp.where(over, 0.0, logprob).reshape(n, q, -1)

        return jax.lax.map(one_change, changes, batch_size=_at_once(n * q * t))

    specs = (P(), P(None, "data"), P(None, "data"), P())

    @partial(jax.shard_map, mesh=mesh, in_specs=specs, out_specs=P(None, None, "data"), check_vma=False)
    def run(params: Params, texts: jax.Array, source: jax.Array | None, changes: Patch) -> tuple[jax.Array, jax.Array]:
        return tuning.map_seeds(partial(one_seed, changes=changes), (params, texts, source))

    return Kept(run, model, places, mesh=mesh, specs=specs)


def _at_once(tokens: int) -> int | None:
    """Changes to texts of so many tokens that a device tries at once; None for one after the other."""
    many = tuning.scored_tokens() // tokens
    return many if many > 1 else None
