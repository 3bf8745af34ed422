"""How a chain of hops and re-checks is read and judged.

Dimension letters: `n` problems, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Judgement


def step_of(place: np.ndarray, hops: np.ndarray) -> np.ndarray:
    """Which step each place of a chain belongs to: a hop is one token, a re-check two, `<wait>` and a draft."""
    return np.where(place < hops, place, hops + (place - hops) // 2)


def judge(
    gold: np.ndarray, hops: np.ndarray, completion: np.ndarray, wait: int, answer_mark: int, first: int
) -> Judgement:
    """Completions int32 (n, m) against the letters of all hops, ids int32 (n, longest walk); letters are ids from `first`."""
    thought, length, behind = _parts(completion, answer_mark)
    hops, place = hops.astype(int)[:, None], np.arange(thought.shape[1])
    waits = (place >= hops) & ((place - hops) % 2 == 0)
    expected = np.where(waits, wait, np.take_along_axis(gold, np.minimum(step_of(place, hops), hops - 1), axis=1))
    target = np.take_along_axis(gold, hops - 1, axis=1)[:, 0]

    written = place < length[:, None]
    differs = written & (thought != expected)
    whole = (length >= hops[:, 0]) & ((length - hops[:, 0]) % 2 == 0)
    trace = ~differs.any(axis=1) & whole
    answer = _single(behind) == target
    stop = np.where(differs.any(axis=1), differs.argmax(axis=1), length - (~whole & (length > hops[:, 0])))
    step = step_of(stop, hops[:, 0])
    first_wrong = np.where(trace, step_of(length, hops[:, 0]) + answer, step).astype(np.int32)
    kinds = np.where(thought >= first, first, thought) == np.where(expected >= first, first, expected)
    ended = (completion[:, : thought.shape[1]] == EOS).any(axis=1)
    well_formed = (kinds | ~written).all(axis=1) & whole & (_single(behind) >= first) & ended
    return Judgement(answer, trace, first_wrong, well_formed)


def answer_letters(completion: np.ndarray, answer_mark: int, first: int) -> np.ndarray:
    """The one letter behind the last `<answer>`, -1 where there is no such, int64 (n,)."""
    letter = _single(_parts(completion, answer_mark)[2])
    return np.where(letter >= first, letter, -1).astype(np.int64)


def _parts(completion: np.ndarray, answer_mark: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Before the last `<answer>`: tokens (n, m) and their number (n,); behind it, left-aligned: the first two (n, 2)."""
    text = np.pad(completion, ((0, 0), (0, 1)), constant_values=PAD)
    over = np.cumsum((text == EOS) | (text == PAD), axis=1) > 0
    text = np.where(over, PAD, text)
    place = np.arange(text.shape[1])
    mark = np.where(text == answer_mark, place, -1).max(axis=1)
    length = np.where(mark < 0, (~over).sum(axis=1), mark)
    index = np.minimum(length[:, None] + 1 + np.arange(2), text.shape[1] - 1)
    behind = np.where((mark >= 0)[:, None], np.take_along_axis(text, index, axis=1), PAD)
    return np.where(place < length[:, None], text, PAD), length, behind


def _single(behind: np.ndarray) -> np.ndarray:
    """The token of rows (n, 2) that hold just one, else -1: (n,)."""
    return np.where((behind[:, 0] != PAD) & (behind[:, 1] == PAD), behind[:, 0], -1)
