"""Verifiers that compare: models that think about a problem, read two completions, and say whether the first is the better one.

A line is the problem, a thought with its end, and what is shown of the two, each with its end. Behind each letter of both a mark is
due, as in `alchemy.testtime.thinking_verifier`, and behind the end of the first whether it is good; behind the end of the second,
whether the first is the better one. Formats are the same. Pairs to learn from have a good completion and another one.

Source: solving before judging pairs, Guo et al., arXiv:2505.14674, and Chen et al., arXiv:2505.02387. Dimension letters: `n` problems,
`k` completions of each, `p` pairs of these, `q` thoughts about each, `m` tokens of a completion, `w` of a thought or of a pair.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from alchemy.errors import UserError
from alchemy.learning.data import Examples
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs
from alchemy.problem.documents import end_to_end
from alchemy.problem.task import EOS, PAD, Batch, Task
from alchemy.testtime.answers import Samples
from alchemy.testtime.learned_verifier import exact, log_odds
from alchemy.testtime.thinking_verifier import Format, Shows, check_form, marks, shown, thoughts, told


class PairVerifier(NamedTuple):
    """Trained verifiers, one for each seed."""

    runs: Runs
    form: Format


class Pairs(NamedTuple):
    """Completions of problems, two of each, of which one is good."""

    batch: Batch
    first: np.ndarray  # int32 (n, m)
    second: np.ndarray  # int32 (n, m)
    better: np.ndarray  # bool (n,): whether the first is


def ended(text: np.ndarray) -> np.ndarray:
    """Texts int32 (n, m) with an end behind those that have none: int32 (n, w)."""
    return end_to_end(text, np.where((text == EOS).any(axis=1), PAD, EOS)[:, None])


def pairs_of(samples: Samples, shows: Shows, rng: np.random.Generator) -> Pairs:
    """A good completion and another one, in random order, of each problem of one model (s = 1) that has both.

    Raises `UserError` if none has.
    """
    task, batch, completions = samples
    _, n, k, m = completions.shape
    good = exact(task, batch.rows(np.repeat(np.arange(n), k)), completions[0].reshape(n * k, m), "outcome")[:, 0]
    if shows == "chain":
        good = good & samples.verify().trace[0].reshape(-1)
    good = good.reshape(n, k)
    rows = np.flatnonzero(good.any(axis=1) & ~good.all(axis=1))
    if not len(rows):
        raise UserError(
            f"none of {n} problems has a good completion and another one among {k}: there is nothing to compare"
        )
    luck, good = rng.random((len(rows), k)), good[rows]
    right, other = (completions[0, rows, np.where(kind, luck, -1).argmax(axis=1)] for kind in (good, ~good))
    better = rng.random(len(rows)) < 0.5
    first, second = np.where(better[:, None], right, other), np.where(better[:, None], other, right)
    return Pairs(batch.rows(rows), first, second, better)


def labelled(task: Task, pairs: Pairs, form: Format, rng: np.random.Generator) -> Examples:
    """Training examples from pairs: marks, verdicts, and thoughts that are written."""
    check_form(task, form)
    thought = thoughts(task, pairs.batch, form.thought, rng)
    texts, dues, goods = [], [], []
    for completions in (pairs.first, pairs.second):
        due, good = marks(task, pairs.batch, completions, form.shows)
        text = ended(shown(task, completions, form.shows))
        wider = ((0, 0), (0, max(0, text.shape[1] - due.shape[1])))
        due, good = (np.pad(array, wider)[:, : text.shape[1]] for array in (due, good))
        texts.append(text)
        dues.append(due | (text == EOS))
        goods.append(good & due)  # an end that was put behind is not good
    text, due, good = (np.concatenate(parts, axis=1) for parts in (texts, dues, goods))
    order = np.argsort(text == PAD, axis=1, kind="stable")
    text, due, good = (np.take_along_axis(array, order, axis=1) for array in (text, due, good))
    good[np.arange(len(text)), (text != PAD).sum(axis=1) - 1] = pairs.better
    return told(task, pairs.batch, thought, text, due, good, form)


def read(
    model: Model, params: Params, task: Task, batch: Batch, thought: np.ndarray, completions: np.ndarray, form: Format
) -> np.ndarray:
    """What one model (leaves (1, ...)) says of all pairs of completions int32 (n, k, m), the earlier one first, behind each of its
    thoughts int32 (n, q, w): the probability that the row is better than the column, float32 (n, k, k, q), one half on the diagonal.
    """
    (n, q, _), (_, k, m) = thought.shape, completions.shape
    better = np.full((n, k, k, q), 0.5, np.float32)
    first, second = np.triu_indices(k, 1)
    if not len(first):
        return better
    rows = np.repeat(np.arange(n), q)
    before = end_to_end(batch.prompts()[rows], thought.reshape(n * q, -1))
    text = ended(shown(task, completions.reshape(n * k, m), form.shows)).reshape(n, k, -1)
    both = end_to_end(*(text[:, which].reshape(n * len(first), -1) for which in (first, second))).reshape(
        n, len(first), -1
    )
    odds = log_odds(model, params, before, both[rows][None], whole=True)[0].reshape(n, q, len(first), -1)
    last = (both != PAD).sum(axis=2) - 1
    said = expit(np.take_along_axis(odds, last[:, None, :, None], axis=3)[..., 0].astype(float)).transpose(0, 2, 1)
    better[:, first, second], better[:, second, first] = said, 1 - said
    return better
