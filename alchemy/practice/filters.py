"""What of the lines that models wrote they are to learn from.

Dimension letters: `s` seeds, `n` problems of each, `k` completions of a problem, `m` tokens of a completion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from alchemy.decoding.episodes import heard
from alchemy.errors import UserError
from alchemy.problem.split import join
from alchemy.problem.task import EOS, PAD, Batch, Task
from alchemy.testtime.answers import Samples

Keep = Literal["all", "length", "vote", "answer", "exact", "likeliest"]
"""All lines; those as long as the gold one, which is all that a filter of lengths can know; of each problem the one that most
texts are, if enough are; those with a right answer; those with a right answer behind a valid chain; or of each problem's chains the one
behind which the model finds the right answer likeliest, with that answer (CoRAG, arXiv:2501.14342, section 3.1)."""


def kept(samples: Sequence[Samples], keep: Keep, agree: int = 0) -> Batch:
    """The lines to learn from, of samples (1, n, k, m) that models wrote to the same problems.

    One model stands alone but for `vote`, which keeps one completion of a problem: the one that most texts of all the models are,
    to the letter, where at least `agree` are; of several the first.
    """
    if keep == "vote":
        return _agreed(samples, agree)
    return join([as_written(one, _chosen(one, keep)) for one in samples])


def _chosen(samples: Samples, keep: Keep) -> np.ndarray:
    """Which completions are kept, bool (s n k,)."""
    batch, completions = samples.flat()
    if keep == "all":
        return np.ones(len(completions), bool)
    if keep == "length":
        gold = (batch.completions() != PAD).sum(axis=1)
        ended = (completions == EOS).any(axis=1)
        return ended & ((completions != PAD).sum(axis=1) == gold)
    judged = samples.verify()
    right = judged.answer if keep == "answer" else judged.answer & judged.trace
    return right.reshape(-1)


def _agreed(samples: Sequence[Samples], agree: int) -> Batch:
    first = samples[0]
    texts = np.concatenate([one.completions[0] for one in samples], axis=1)  # (n, texts, m)
    votes = (texts[:, :, None] == texts[:, None]).all(axis=-1).sum(axis=2)
    most = votes.argmax(axis=1)[:, None]
    chosen = np.take_along_axis(texts, most[..., None], axis=1)
    enough = np.take_along_axis(votes, most, axis=1)[:, 0] >= agree
    return as_written(first._replace(completions=chosen[None]), enough)


def as_written(samples: Samples, rows: np.ndarray) -> Batch:
    """The lines of bool (s n k,), as a model wrote them, each behind its prompt; one that was cut has no end."""
    batch, completions = samples.flat()
    return behind(batch.rows(rows), completions[rows], told_by(samples.task, batch.rows(rows), completions[rows]))


def told_by(task: Task, batch: Batch, completions: np.ndarray) -> np.ndarray | None:
    """Which tokens of completions int32 (n, m) an environment wrote, bool (n, m); None for a task without one."""
    environment = getattr(task, "environment", None)
    return None if environment is None else heard(environment, completions, batch.problem["budget"])


def answered_rightly(samples: Samples) -> tuple[Batch, np.ndarray]:
    """Every completion with the right answer in place of its own, as a line to train on, and where in the line that stands, int (s n
    k,); 0 for a completion without an answer mark. Raises `UserError` unless answers are one token behind a mark."""
    batch, completions = samples.flat()
    rows, gold = np.arange(len(completions)), np.pad(batch.completions(), ((0, 0), (0, 2)))
    mark = samples.task.answer_opening[-1] if samples.task.answer_opening else EOS
    place = (gold == mark).argmax(axis=1)
    right = gold[rows, place + 1]
    if (gold[rows, place + 2] != EOS).any():
        raise UserError("answers are not one token behind a mark: the filter 'likeliest' cannot put them into a chain")
    asked = completions == mark
    last = completions.shape[1] - 1 - asked[:, ::-1].argmax(axis=1)
    place = np.where(asked.any(axis=1) & (last + 2 < completions.shape[1]), last + 1, 0)
    there, corrected = place > 0, completions.copy()
    corrected[rows[there], place[there]] = right[there]
    line = behind(batch, corrected, told_by(samples.task, batch, corrected))
    return line, np.where(there, batch.prompt_len + place, 0)


def behind(batch: Batch, completions: np.ndarray, told: np.ndarray | None = None) -> Batch:
    """Texts to train on: the prompts of a batch, each with a completion int32 (n, m) right behind it, some of which an environment
    may have `told`, bool (n, m)."""
    prompts = batch.prompts()
    width, extra = prompts.shape[1], completions.shape[1]
    place = np.arange(width + extra) - batch.prompt_len[:, None]
    written = np.take_along_axis(completions, np.clip(place, 0, extra - 1), axis=1)
    written = np.where((place >= 0) & (place < extra), written, PAD)
    tokens = np.pad(prompts, ((0, 0), (0, extra), (0, 0)))
    tokens[..., 0] = np.where(place >= 0, written, tokens[..., 0])
    if told is not None:
        told = np.take_along_axis(told, np.clip(place, 0, extra - 1), axis=1) & (place >= 0) & (place < extra)
    return Batch(tokens, batch.prompt_len, np.zeros(tokens.shape[:2], np.int8), {}, told)


def prompt_keys(batch: Batch) -> list[bytes]:
    """The prompt of each line, without padding: equal where prompts are."""
    return [row[:length].tobytes() for row, length in zip(batch.text, batch.prompt_len, strict=True)]
