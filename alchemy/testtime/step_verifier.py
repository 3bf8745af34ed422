"""Verifiers of chains that check step by step: each step that is shown is compared with what follows from the steps before it.

A mark is local: behind each letter of a step it is due, does this letter follow from the steps that were shown so far, right or not?
A chain all of whose letters follow, the first from the problem, is right. What a verifier has to do of its own for that is one step at a
time. It either writes that step anew, and then reads the one that is shown, a few tokens behind its own:

problem | own step 1 | step 1 with marks | own step 2, from step 1 as it was shown | step 2 with marks | ... | answer with marks

or it reads the steps alone, and marks them without having written anything. Marks are the two ids beyond the task's, as those of
`alchemy.testtime.thinking_verifier`, and are never read. Behind the end stands the verdict on the chain.

Source: critics that recompute each step, arXiv:2408.15240; the layout is ours. Dimension letters: `n` problems, `k` completions of
each, `m` tokens of a completion, `j` steps of it, `w` tokens of a step, `t` of a line, `c` ids a position carries.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import log_expit

from alchemy.decoding.generate import draw
from alchemy.errors import UserError
from alchemy.learning.data import Examples
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs
from alchemy.problem.documents import end_to_end
from alchemy.problem.task import EOS, PAD, Batch, Task
from alchemy.testtime.learned_verifier import ends, exact, log_odds, written


class StepVerifier(NamedTuple):
    """Trained verifiers, one for each seed."""

    runs: Runs
    writes: bool
    """Whether each step is written anew before it is read."""


class Followed(NamedTuple):
    """What verifiers say of completions."""

    marks: np.ndarray
    """Log of the product of the probabilities that a letter follows, over all letters, float32 (n, k); -inf of an empty text."""
    tokens: np.ndarray
    """Tokens written about each, float32 (n, k)."""


def check_task(task: Task, writes: bool) -> None:
    """Raises `UserError` unless chains of the task have steps that say states, and, if steps are written, end behind these."""
    if not task.state_tokens or not task.step_delimiters:
        raise UserError(
            f"{type(task).__name__} has no steps that say a state and end: there is nothing to check step by step"
        )
    if writes and set(task.state_tokens) & set(task.step_delimiters):
        raise UserError(
            f"steps of {type(task).__name__} end in a state: its mark and the next step that is written would stand in one place"
        )


def in_steps(task: Task, completions: np.ndarray) -> np.ndarray:
    """Completions int32 (n, m) cut behind each step, each left-aligned, the answer as the last: int32 (n, j, w)."""
    inside, end = written(completions), ends(task, completions, "process")
    number = np.where(inside, np.cumsum(end, axis=1) - end, -1)
    parts = [
        end_to_end(np.where(number == step, completions, PAD)) for step in range(max(1, int(number.max(initial=0)) + 1))
    ]
    width = max(part.shape[1] for part in parts)
    return np.stack([np.pad(part, ((0, 0), (0, width - part.shape[1]))) for part in parts], axis=1)


def following(task: Task, batch: Batch, completions: np.ndarray, steps: int) -> np.ndarray:
    """The steps that follow from those before them in completions int32 (n, m), the first from the problem: int32 (n, steps, w)."""
    chains = [batch.completions(), *(task.follow(batch, completions, step) for step in range(steps - 1))]
    parts = [in_steps(task, chain) for chain in chains]
    width = max(part.shape[2] for part in parts)
    due = np.zeros((len(completions), steps, width), np.int32)
    for step, part in enumerate(parts):
        if step < part.shape[1]:
            due[:, step, : part.shape[2]] = part[:, step]
    return due


def labelled(task: Task, batch: Batch, completions: np.ndarray, *, writes: bool) -> Examples:
    """Training examples from completions int32 (n, m), one of each problem: marks, the verdict, and steps that are written anew."""
    check_task(task, writes)
    shown = in_steps(task, completions)
    n, steps, width = shown.shape
    own = following(task, batch, completions, steps)
    own = np.pad(own, ((0, 0), (0, 0), (0, max(0, width - own.shape[2]))))
    due = _due(task, shown)
    right = exact(task, batch, completions, "outcome")[:, 0] & task.verify(batch, completions).trace
    good = np.where(shown == EOS, right[:, None, None], shown == own[..., :width])
    verdict = len(task.vocabulary) + (1 - good)
    empty = (shown == PAD).all(axis=2)[..., None]
    own = np.where(empty, PAD, own) if writes else np.zeros((n, steps, 0), np.int32)
    told = np.concatenate(
        [np.where(own == PAD, 0, 1), np.where(shown == PAD, 0, np.where(due, verdict, 0) + 2)], axis=2
    )
    line = np.concatenate([own, shown], axis=2)
    prompts = batch.prompts()
    tokens = end_to_end(prompts, line.reshape(n, -1))
    kind = end_to_end(
        np.where(prompts[..., 0] == PAD, 0, 2), told.reshape(n, -1)
    )  # 1: learned; 2: not; beyond: a mark behind it
    tokens, kind = np.pad(tokens, ((0, 0), (0, 1), (0, 0))), np.pad(kind, ((0, 0), (0, 1)))
    mark = np.pad(kind[:, :-1], ((0, 0), (1, 0))) - 2
    return Examples(tokens, (kind == 1) | (mark > 0), np.where(mark > 0, mark, tokens[..., 0]))


def _due(task: Task, shown: np.ndarray) -> np.ndarray:
    """Behind which tokens of steps a mark or the verdict is due: bool, of the same shape."""
    return np.isin(shown, task.state_tokens) | (shown == EOS)


def check(model: Model, params: Params, task: Task, batch: Batch, completions: np.ndarray, *, writes: bool) -> Followed:
    """What one model (leaves (1, ...)) says of completions int32 (n, k, m); what it writes, it writes greedily."""
    check_task(task, writes)
    n, k, m = completions.shape
    shown = in_steps(task, completions.reshape(n * k, m))
    own = _anew(model, params, task, batch, np.repeat(batch.prompts(), k, axis=0), shown) if writes else shown[..., :0]
    rows, due = len(shown), np.pad(_due(task, shown), ((0, 0), (0, 0), (own.shape[2], 0))).reshape(n * k, -1)
    text = np.concatenate([own, shown], axis=2).reshape(rows, -1)
    order = np.argsort(text == PAD, axis=1, kind="stable")
    text, due = np.take_along_axis(text, order, axis=1), np.take_along_axis(due, order, axis=1)
    text = text[:, : max(1, int((text != PAD).sum(axis=1).max(initial=0)))]
    odds = log_odds(model, params, batch.prompts(), text.reshape(1, n, k, -1), whole=True)[0].reshape(text.shape)
    marks = np.where(due[:, : text.shape[1]], log_expit(odds.astype(float)), 0.0).sum(axis=1)
    marks = np.where((text == PAD).all(axis=1), -np.inf, marks)
    tokens = (own != PAD).sum(axis=(1, 2))
    return Followed(*(values.reshape(n, k).astype(np.float32) for values in (marks, tokens)))


def _anew(model: Model, params: Params, task: Task, batch: Batch, prompts: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """What the model writes before each of the steps int32 (r, j, w) that are shown behind prompts (r, t, c): int32 (r, j, w')."""
    rows, steps, width = shown.shape
    longest = in_steps(task, batch.completions()).shape[2]
    own = np.zeros((rows, steps, longest), np.int32)
    room = min(prompts.shape[1] + steps * (width + longest), model.context - longest)  # one program for all steps
    for step in range(steps):
        line = np.concatenate([own, shown], axis=2)[:, :step].reshape(rows, -1)
        before = end_to_end(prompts, line)
        before = np.pad(before, ((0, 0), (0, max(0, room - before.shape[1])), (0, 0)))
        text = draw(model, params, before, samples=1, max_new=longest, temperature=0.0).completions[0, :, 0]
        step_anew = in_steps(task, text)[:, 0]
        there = (shown[:, step] != PAD).any(axis=1)
        own[:, step, : step_anew.shape[1]] = np.where(there[:, None], step_anew, PAD)
    return own
