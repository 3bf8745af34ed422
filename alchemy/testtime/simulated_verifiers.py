"""Verifiers whose errors are known: exact, with noise, with systematic errors, and the model's own probability.

Each gives the answers of a bank scores float32 (s, n, k), which `scored` adds to the bank; so do learned verifiers.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from alchemy.errors import UserError
from alchemy.testtime.bank import Bank

SYSTEMATIC_SCORE = 1.3
"""The score of a wrong answer that is systematically taken for right; a right answer gets 1, another wrong one 0."""


def scored(bank: Bank, **scores: np.ndarray) -> Bank:
    """The bank with these scores added, by name."""
    for name, score in scores.items():
        if score.shape != bank.shape:
            raise UserError(f"score {name!r} has shape {score.shape}; the bank has {bank.shape}")
    return bank._replace(scores={**bank.scores, **{name: np.float32(score) for name, score in scores.items()}})


def exact(bank: Bank) -> np.ndarray:
    """1 where the answer is right, else 0."""
    return bank.right.astype(np.float32)


def logprob(bank: Bank) -> np.ndarray:
    """The model's own log-probability of each answer, as a mean over its tokens."""
    return (bank.logprob / np.maximum(bank.tokens, 1)).astype(np.float32)


def noisy(bank: Bank, rng: np.random.Generator | int, sigma: float, systematic_error: float) -> np.ndarray:
    """The truth with two kinds of error.

    `sigma` is the deviation of Gaussian noise, drawn anew for every answer: repetition averages it away.
    `systematic_error` is the share of wrong answers that always score higher than a right one. Which ones is a hash of
    problem and answer, so it is the same wrong answers in every chain and for every seed, and repetition finds them. A
    problem is identified by its place in the bank.
    """
    if not (sigma >= 0 and 0 <= systematic_error <= 1):
        raise UserError(f"expected sigma of at least 0 and a share from 0 to 1, got {sigma} and {systematic_error}")
    systematic = ~bank.right & (_uniform(np.arange(bank.shape[1])[:, None], bank.answer) < systematic_error)
    noise = np.random.default_rng(rng).standard_normal(bank.shape, np.float32)
    return bank.right + np.float32(SYSTEMATIC_SCORE) * systematic + np.float32(sigma) * noise


def auc(score: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How often a right answer has a higher score than a wrong one, ties as halves: float (...) of arrays (..., k).

    The area under the ROC curve; nan where all are right or all wrong.
    """
    ranks, good = rankdata(score, axis=-1), right.sum(axis=-1)
    bad = right.shape[-1] - good
    won = (ranks * right).sum(axis=-1) - good * (good + 1) / 2
    return np.divide(won, good * bad, out=np.full(good.shape, np.nan), where=good * bad > 0)


def _uniform(problem: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each pair, the same for the same pair: the finaliser of SplitMix64."""
    with np.errstate(over="ignore"):
        word = (problem.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            word = (word ^ (word >> np.uint64(shift))) * np.uint64(factor)
            if shift == 30:  # the answer goes in between, where the problem's bits are mixed
                word = word ^ (answer.astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93))
        return ((word ^ (word >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
