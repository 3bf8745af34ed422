"""Learned verifiers: models that read a problem and a completion and say whether it is good, at its end or after each step.

A verifier's vocabulary is the task's and two ids more, good and bad. Where a verdict is due its target is one of them in
place of the next token; it never reads one. Labels are the oracle's: an outcome verifier (Cobbe et al., arXiv:2110.14168)
learns whether the answer is right, a process verifier (Lightman et al., arXiv:2305.20050) after every step whether all
steps so far are, or by roll-outs whether a right answer is still reached from there (Wang et al., arXiv:2312.08935).

Dimension letters: `s` seeds, `n` problems, `k` completions of each, `m` tokens of a completion, `j` steps, `t` tokens of a
line, `c` ids a position carries.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from alchemy.decoding.cache import branch
from alchemy.decoding.generate import (
    Pieces,
    draw,
    lengths,
)
from alchemy.errors import UserError, nearest
from alchemy.learning import machine, tuning
from alchemy.learning.data import Examples
from alchemy.learning.kept import Kept
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs
from alchemy.problem.task import (
    EOS,
    PAD,
    Batch,
    Task,
)
from alchemy.testtime.answers import Samples

Kind = Literal["outcome", "process"]
Aggregation = Literal["last", "min", "product", "mean"]
Reading = Literal["odds", "likelihood"]
"""What is read off behind a token: the log-odds of good; or at it, the log of its own probability."""
AGGREGATIONS = ("last", "min", "product", "mean")
WIDTH = 16
"""Completions that are read are padded to a multiple of this, so that few programs are compiled."""
VERDICTS = 2
"""Ids beyond the task's: good, then bad."""


class Verifier(NamedTuple):
    """Trained verifiers, one for each seed of the policy whose completions they judge."""

    runs: Runs
    kind: Kind


def ends(task: Task, completions: np.ndarray, kind: Kind) -> np.ndarray:
    """Behind which tokens of completions int (..., m) a verdict is due, bool (..., m): the last; or every step's last."""
    inside = written(completions)
    last = inside & ~np.pad(inside[..., 1:], [(0, 0)] * (inside.ndim - 1) + [(0, min(1, inside.shape[-1]))])
    return last if kind == "outcome" else last | inside & np.isin(completions, task.step_delimiters)


def written(completions: np.ndarray) -> np.ndarray:
    """Which tokens of completions int (..., m) count, bool (..., m): those up to the first EOS, and before any PAD."""
    over = np.cumsum((completions == EOS) | (completions == PAD), axis=-1)
    return (over == 0) | (over == 1) & (completions == EOS)


def exact(task: Task, batch: Batch, completions: np.ndarray, kind: Kind) -> np.ndarray:
    """The oracle's verdicts behind every token of completions int32 (n, m), bool (n, m): answer right, or steps right so far."""
    judged = task.verify(batch, completions)
    if kind == "outcome":
        return np.repeat(judged.answer[:, None], completions.shape[1], axis=1)
    due = ends(task, completions, kind)
    step = np.cumsum(due, axis=1) - due
    return (step < judged.first_wrong_step[:, None]) | (judged.answer & judged.trace)[:, None]


def flat(samples: Samples) -> tuple[Batch, np.ndarray]:
    """All completions of one model, each beside its problem: a batch of n k problems, and int32 (n k, m)."""
    _, n, k, m = samples.completions.shape
    return samples.batch.rows(np.repeat(np.arange(n), k)), samples.completions[0].reshape(n * k, m)


def lines(batch: Batch, completions: np.ndarray) -> np.ndarray:
    """Prompts with completions int32 (n, m) behind them instead of the gold ones: int32 (n, t, c)."""
    prompts = batch.prompts()
    tokens = np.pad(prompts, ((0, 0), (0, completions.shape[1]), (0, 0)))
    place = batch.prompt_len[:, None] + np.arange(completions.shape[1])
    np.put_along_axis(tokens[..., 0], place, np.where(written(completions), completions, PAD), axis=1)
    return tokens


def labelled(samples: Samples, kind: Kind, verdicts: np.ndarray | None = None) -> Examples:
    """Training examples from the completions of one model (s = 1); `verdicts` 0 or 1 (n k, m) instead of the oracle's."""
    batch, completions = flat(samples)
    due = ends(samples.task, completions, kind)
    good = exact(samples.task, batch, completions, kind).astype(int) if verdicts is None else verdicts
    tokens = np.pad(lines(batch, completions), ((0, 0), (0, 1), (0, 0)))
    target, weight = tokens[..., 0].copy(), np.zeros(tokens.shape[:2], bool)
    row, place = np.nonzero(due)
    behind = batch.prompt_len[row] + place + 1
    weight[row, behind] = True
    target[row, behind] = len(samples.task.vocabulary) + (1 - good[row, place])
    return Examples(tokens, weight, target)


def rolled_out(model: Model, params: Params, samples: Samples, rollouts: int, seed: int = 0) -> np.ndarray:
    """Whether any of so many roll-outs of the policy (leaves (1, ...)) behind each step of its own completions (s = 1) is
    right, and behind the last whether that is: int32 (n k, m)."""
    batch, completions = flat(samples)
    task, m = samples.task, completions.shape[1]
    good = exact(task, batch, completions, "outcome").astype(np.int32)
    row, place = np.nonzero(ends(task, completions, "process") & ~ends(task, completions, "outcome"))
    if not len(row):
        return good
    problems = batch.rows(row)
    prefix = np.where(np.arange(m) <= place[:, None], completions[row], PAD)
    prompts = lines(problems, prefix)
    prompts = prompts[:, : int((prompts[..., 0] != PAD).sum(axis=1).max())]
    room = min(m, model.context - prompts.shape[1])
    drawn = draw(model, params, prompts, samples=rollouts, max_new=room, seed=seed).completions[0]
    whole = np.pad(np.repeat(prefix[:, None], rollouts, axis=1), ((0, 0), (0, 0), (0, room)))
    np.put_along_axis(whole, place[:, None, None] + 1 + np.arange(room), drawn, axis=2)
    right = task.verify(
        problems.rows(np.repeat(np.arange(len(row)), rollouts)), whole.reshape(len(row) * rollouts, -1)
    ).answer
    good[row, place] = right.reshape(-1, rollouts).any(axis=1)
    return good


def by_step(odds: np.ndarray, due: np.ndarray) -> np.ndarray:
    """Log-odds (..., m) where a verdict is due, left-aligned: float32 (..., j), padded with nan."""
    order = np.argsort(~due, axis=-1, kind="stable")[..., : max(1, int(due.sum(axis=-1).max(initial=0)))]
    return np.take_along_axis(np.where(due, odds, np.nan), order, axis=-1).astype(np.float32)


def aggregated(steps: np.ndarray, how: Aggregation = "last") -> np.ndarray:
    """One score for the log-odds of steps (..., j), float64 (...): the last or the least of them, the log of the product of
    the probabilities, or their mean; -inf where there is no step."""
    if how not in AGGREGATIONS:
        raise UserError(f"aggregation {how!r} is unknown{nearest(how, AGGREGATIONS)}")
    judged = ~np.isnan(steps)
    odds, count = np.where(judged, steps, np.inf).astype(float), judged.sum(axis=-1)
    if how == "last":
        score = np.take_along_axis(odds, np.maximum(count - 1, 0)[..., None], axis=-1)[..., 0]
    elif how == "min":
        score = odds.min(axis=-1)
    elif how == "product":
        score = -np.logaddexp(0, -odds).sum(axis=-1)
    else:
        score = np.where(judged, np.exp(-np.logaddexp(0, -odds)), 0).sum(axis=-1) / np.maximum(count, 1)
    return np.where(count > 0, score, -np.inf)


def widened(params: Params, fresh: Params) -> Params:
    """Weights of a smaller vocabulary in the place of fresh ones of a larger: leaves (s, ...), all of them kept."""

    def kept(new: Any, old: Any) -> np.ndarray:
        whole = np.array(new)
        whole[tuple(slice(0, size) for size in old.shape)] = old
        return whole

    return jax.tree.map(kept, fresh, params)


def log_odds(
    model: Model,
    params: Params,
    prompts: np.ndarray,
    completions: np.ndarray,
    *,
    rows: int = 0,
    whole: bool = False,
    precision: str = "auto",
    pieces: Pieces | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> np.ndarray:
    """Log-odds of good behind every token: float32 (s, n, k, m) of completions int32 (s, n, k, m); 0 behind the longest.

    Prompts are int32 (n, t, c) for all seeds, or (s, n, t, c), own ones for each. Every prompt is read once, its completions
    side by side; about `rows` of these are read at once, by default as many as have `tuning.scored_tokens` on each device.
    What stands behind the first end of a completion is not read, unless they are to be read `whole`.
    `pieces` are of this very call; `progress` is called with the number of batches done.
    """
    return _of_tokens("odds", model, params, prompts, completions, rows, whole, precision, pieces, progress)


def log_likelihood(model: Model, params: Params, prompts: np.ndarray, completions: np.ndarray) -> np.ndarray:
    """Log of the probability that models which write give to each completion, up to its end: float64 (s, n, k).

    Prompts int32 (n, t, c) or (s, n, t, c) and completions int32 (s, n, k, m) are as those of `log_odds`.
    """
    each = _of_tokens("likelihood", model, params, prompts, completions)
    return np.where(written(completions), each, 0.0).sum(axis=-1)


def _of_tokens(
    what: Reading,
    model: Model,
    params: Params,
    prompts: np.ndarray,
    completions: np.ndarray,
    rows: int = 0,
    whole: bool = False,
    precision: str = "auto",
    pieces: Pieces | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> np.ndarray:
    """As `log_odds`, of what is read off at every token."""
    devices, (models, n, k, m) = machine.devices(), completions.shape
    if prompts.ndim == 3:
        prompts = np.broadcast_to(prompts, (models, *prompts.shape))
    size = batch_size(n, k, m, rows)
    run = _reader(what, model, Mesh(np.array(devices), ("data",)), precision)
    order = np.argsort(lengths(prompts), axis=1, kind="stable")  # texts of one length are padded no further
    seed = np.arange(models)[:, None]
    texts = completions if whole else np.where(written(completions), completions, PAD)
    odds = np.zeros(completions.shape, np.float32)
    for number, start in enumerate(range(0, n, size)):
        batch = seed, order[:, np.minimum(np.arange(start, start + size), n - 1)]
        longest = min(m, -(-int((texts[batch] != PAD).sum(axis=-1).max()) // WIDTH) * WIDTH)
        name = f"{start}-{size}-{longest}"
        if pieces is None or (scored := pieces.load(name)) is None:
            scored = (np.asarray(run(params, prompts[batch], texts[batch][..., :longest])),)
            if pieces is not None:
                pieces.keep(name, scored)
        odds[*batch, :, :longest] = scored[0]
        progress(number + 1)
    return odds


def batch_size(n: int, k: int, m: int, rows: int = 0) -> int:
    """How many of `n` problems with `k` completions of `m` tokens each are read at once."""
    devices = len(machine.devices())
    return max(1, min((rows or tuning.scored_tokens() * devices // max(m, 1)) // k, n) // devices) * devices


@lru_cache(maxsize=64)
def _reader(what: Reading, model: Model, mesh: Mesh, precision: str) -> Callable[..., jax.Array]:
    """One compiled program: all seeds, problems spread over the devices."""
    dtype = machine.dtype(precision)

    def one_seed(inputs: tuple[Params, jax.Array, jax.Array]) -> jax.Array:
        params, prompts, completions = inputs
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        (n, t, c), (_, k, m) = prompts.shape, completions.shape
        first, cache = model.extend(params, model.init_cache(n, t, dtype), prompts, last=True)
        ids = jnp.zeros((n * k, m, c), jnp.int32).at[..., 0].set(completions.reshape(n * k, m))
        logits, _ = model.extend(params, branch(model, cache, k, m), ids)
        if what == "likelihood":
            before = jnp.concatenate([jnp.repeat(first, k, axis=0), logits[:, :-1]], axis=1)
            said = jnp.take_along_axis(jax.nn.log_softmax(before), ids[..., :1], axis=2)[..., 0]
        else:
            said = logits[..., -2] - logits[..., -1]
        return said.reshape(n, k, m).astype(jnp.float32)

    specs = (P(), P(None, "data"), P(None, "data"))

    @partial(jax.shard_map, mesh=mesh, in_specs=specs, out_specs=P(None, "data"), check_vma=False)
    def run(params: Params, prompts: jax.Array, completions: jax.Array) -> jax.Array:
        return tuning.map_seeds(one_seed, (params, prompts, completions))

    return Kept(run, what, model, precision, mesh=mesh, specs=specs)
