"""Sequential revision: a model writes several drafts, each with the earlier ones in its context, and one is the answer.

A draft is the token before each continuation token and before the end mark: for tasks whose answers are one token.
Dimension letters: `k` drafts or answers; leading axes (...) are seeds, problems, samples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.decoding.forcing import Marks, thinking
from alchemy.testtime.replay import vote


class Flips(NamedTuple):
    """How each continuation changed a draft."""

    broke: np.ndarray  # bool (..., k - 1): right before, wrong after
    mended: np.ndarray  # bool (..., k - 1): the other way round


def drafts(completions: np.ndarray, marks: Marks, most: int) -> np.ndarray:
    """The first `most` drafts of completions int32 (..., m), ids int32 (..., most); -1 where there are fewer."""
    length = thinking(completions, marks)[..., None]
    place = np.arange(completions.shape[-1])
    inside = place < length
    ends = inside & ((place == length - 1) | (np.roll(completions, -1, axis=-1) == marks.wait))
    ends &= completions != marks.wait
    number = np.where(ends, np.cumsum(ends, axis=-1) - 1, most)
    drafted = np.full((*completions.shape[:-1], most + 1), -1, np.int32)
    np.put_along_axis(drafted, np.minimum(number, most), completions, axis=-1)
    return drafted[..., :most]


def flips(drafted: np.ndarray, right: np.ndarray) -> Flips:
    """Of drafts int (..., k), the right ones ids (...)."""
    hit = drafted == right[..., None]
    return Flips(hit[..., :-1] & ~hit[..., 1:], ~hit[..., :-1] & hit[..., 1:])


def plurality(answers: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Probability that the most frequent of answers int (..., k) is the right one (...), ties drawn fairly; -1 abstains."""
    hit = answers == right[..., None]
    flat, correct = (values.reshape(1, -1, answers.shape[-1]) for values in (answers, hit))
    return vote(flat, correct, flat >= 0).reshape(answers.shape[:-1])


def picks(drafted: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
    """The accuracy of each way of choosing among the drafts int (..., k) of one chain, float (...).

    `last` is what a chain of revisions does without a selector; `verifier` is an exact one, an upper bound.
    """
    hit = drafted == right[..., None]
    return {
        "last": hit[..., -1].astype(float),
        "majority": plurality(drafted, right),
        "verifier": hit.any(axis=-1).astype(float),
    }
