"""The accuracy of many completions of one problem: majority vote, any, best-of-n, and how many it takes.

Counts are per problem, shape (n,). A pool of completions per problem is drawn once; what `size` of them would do is the
exact mean over all subsets of that size (drawing without replacement), not one subset's luck. Rules of the vote:
arXiv:2505.21825, evaluation code.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from math import comb

import numpy as np

from alchemy.errors import UserError


class Vote(IntEnum):
    """What a completion decides between two candidates."""

    RIGHT = 1
    WRONG = 0
    OTHER = -1  # exactly one answer, but neither candidate
    NONE = -2  # no answer, or several


def tally(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right votes int (n,), wrong votes int (n,), and whether any vote names a single answer, of `Vote` (n, pool)."""
    unknown = votes[~np.isin(votes, list(Vote))]
    if unknown.size:
        raise UserError(f"vote {unknown[0]} is none of {', '.join(f'{vote.value} ({vote.name})' for vote in Vote)}")
    right, wrong = (votes == Vote.RIGHT).sum(axis=1), (votes == Vote.WRONG).sum(axis=1)
    return right, wrong, (votes != Vote.NONE).any(axis=1)


def majority(right: np.ndarray, wrong: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Probability that the vote is right, float (n,): a tie, 0 to 0 included, is a fair coin.

    Where no completion names a single answer (`named` bool (n,)) there is no vote, and it is wrong.
    """
    return np.where(named, (1 + np.sign(right.astype(int) - wrong)) / 2, 0.0)


def majority_at(votes: np.ndarray, size: int) -> np.ndarray:
    """`majority` of a random `size` of each problem's pool, in the mean, float (...); `Vote` int (..., pool)."""
    shape, votes = votes.shape[:-1], votes.reshape(-1, votes.shape[-1])
    _check_size(size, votes.shape[1])
    right, wrong, _ = tally(votes)
    mute = (votes == Vote.NONE).sum(axis=1)
    distinct, row = np.unique(np.stack([right, wrong, mute]), axis=1, return_inverse=True)
    right, wrong, mute = distinct[:, :, None]
    voters = np.arange(size + 1)
    share = _hypergeometric(right + wrong, votes.shape[1], size, voters)
    silence = _hypergeometric(mute, votes.shape[1], size, size)
    accuracy = (share * _majority_of_voters(right, wrong, size)).sum(axis=1) - silence[:, 0] / 2
    return accuracy[row.ravel()].reshape(shape)


def any_at(valid: np.ndarray, pool: int, size: int) -> np.ndarray:
    """Probability that a random `size` of the pool contain a valid one, float (...); `valid` counts int (...).

    1 - C(pool - valid, size) / C(pool, size), the unbiased pass@k of Chen et al., arXiv:2107.03374.
    """
    _check_size(size, pool)
    outside = (valid < 0) | (valid > pool)
    if outside.any():
        raise UserError(f"{valid[outside][0]} valid completions of a pool of {pool}")
    return 1 - _hypergeometric(valid, pool, size, 0)


@cache
def plurality_at(right: int, others: tuple[int, ...], mute: int, size: int) -> float:
    """Probability that the most frequent answer of a random `size` of a pool is the right one, of any number of answers.

    The pool has `right` right answers, `others` counts each wrong one, and `mute` completions have none and do not vote.
    Of answers that lead together each is as likely to win; without any answer there is no vote, and it is wrong.
    """
    pool = right + sum(others) + mute
    _check_size(size, pool)
    won = 0.0
    for lead in range(1, min(right, size) + 1):
        rest = size - lead
        ways = np.zeros((rest // lead + 1, rest + 1))  # by how many wrong answers lead, too, and by how many are drawn
        ways[0] = [comb(mute, drawn) for drawn in range(rest + 1)]
        for count in others:
            ways = _with_another_answer(ways, count, lead)
        won += comb(right, lead) * float((ways[:, rest] / (1 + np.arange(len(ways)))).sum())
    return won / comb(pool, size)


def _with_another_answer(ways: np.ndarray, count: int, lead: int) -> np.ndarray:
    """The ways to draw (ties, drawn) with one answer more, which `count` of the pool give, at most `lead` times."""
    width, more = ways.shape[1], np.zeros_like(ways)
    for times in range(min(count, lead - 1, width - 1) + 1):
        more[:, times:] += comb(count, times) * ways[:, : width - times]
    if lead <= min(count, width - 1):
        more[1:, lead:] += comb(count, lead) * ways[:-1, : width - lead]
    return more


def best_scored_at(worth: np.ndarray, score: np.ndarray, size: int) -> np.ndarray:
    """What the highest scored of a random `size` of each pool is worth, in the mean, float (...); both (..., pool).

    Among equal scores all are as likely. The r-th best of the pool is the best of the draw if it is in and the r better
    ones are not.
    """
    shape, pool = score.shape[:-1], score.shape[-1]
    _check_size(size, pool)
    worth, score = worth.reshape(-1, pool).astype(float), score.reshape(-1, pool)
    order = np.argsort(-score, axis=1, kind="stable")
    worth, score = (np.take_along_axis(values, order, axis=1) for values in (worth, score))
    new_level = np.ones(score.shape, bool)
    new_level[:, 1:] = score[:, 1:] != score[:, :-1]
    level = (np.cumsum(new_level) - 1).reshape(score.shape)
    mean = np.bincount(level.ravel(), worth.ravel()) / np.bincount(level.ravel())
    none_of = _hypergeometric(np.arange(pool + 1), pool, size, 0)
    return (mean[level] @ (none_of[:-1] - none_of[1:])).reshape(shape)


def reach(sizes: np.ndarray, *curves: np.ndarray, target: float = 0.9) -> float:
    """The smallest size at which any of the curves is at least `target`, infinite if none is; all of shape (k,).

    The paper's rule is `reach(sizes, majority, any)`, with any not turned into an accuracy. It searches one shuffled
    pool by bisection, which needs curves that rise; these are means over subsets and are scanned.
    """
    sizes = np.asarray(sizes)
    reached = np.max(curves, axis=0) >= target
    if reached.shape != sizes.shape:
        raise UserError(f"curves of shape {reached.shape} for sizes of shape {sizes.shape}")
    return float(sizes[reached].min()) if reached.any() else np.inf


def _majority_of_voters(right: np.ndarray, wrong: np.ndarray, size: int) -> np.ndarray:
    """Accuracy of the majority of each number of voters from 0 to `size`, drawn from `right` and `wrong` (u, 1).

    Of 2k + 1 voters the last two turn the vote only if they agree against the rest's lead of one. So it turns to right
    where k + 1 of all are right and the last two among these, a share (k + 1) k / ((2k + 1) 2k) of the orders, and to
    wrong likewise. Of 2k voters the last changes nothing: it can make a tie, a fair coin, from either side alike.
    """
    k = np.arange((size + 1) // 2)
    odd = 2 * k + 1
    won, lost = (_hypergeometric(right, right + wrong, odd, k + more) for more in (1, 0))
    turns = (won - lost) * (k + 1) / (2 * odd)
    after = 0.5 + np.cumsum(turns, axis=1)  # 1, 3, 5, ... voters
    return np.concatenate([np.full((len(right), 1), 0.5), np.repeat(after, 2, axis=1)], axis=1)[:, : size + 1]


def _hypergeometric(
    marked: np.ndarray, pool: int | np.ndarray, size: int | np.ndarray, drawn: int | np.ndarray
) -> np.ndarray:
    """Probability that `drawn` of `size`, at most all, are marked, drawn without replacement from `pool`; 0 where impossible."""
    marked, pool, size, drawn = np.broadcast_arrays(marked, pool, size, drawn)
    possible = (drawn >= 0) & (drawn <= marked) & (size - drawn <= pool - marked)
    most = int(pool.max(initial=0))
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(most) + 1))])  # of factorials

    def choose(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a, b = np.where(possible, a, 0), np.where(possible, b, 0)
        return logs[a] - logs[b] - logs[a - b]

    weight = choose(marked, drawn) + choose(pool - marked, size - drawn) - choose(pool, size)
    return np.where(possible, np.exp(weight), 0.0)


def _check_size(size: int, pool: int) -> None:
    if not 1 <= size <= pool:
        raise UserError(f"cannot draw {size} completions from a pool of {pool}; expected 1 to {pool}")
