"""How far two sets of prompts are apart, by what stands in them."""

from __future__ import annotations

import numpy as np

from alchemy.problem.split import hash_rows
from alchemy.problem.task import Batch


def discrepancy(train: Batch, test: Batch) -> dict[str, float]:
    """Distance of test prompts from training prompts.

    The three `unseen` are shares of what occurs in test that never occurs in train: tokens, (token, position) pairs
    and bigrams. `divergence_n` is the Jensen-Shannon divergence of the n-gram distributions in bits, so in [0, 1];
    unlike the total variation of whole prompts it is not 1 whenever the two sets are disjoint.
    """
    a, b, size = _numbered(train, test)
    grams = [(_grams(a, size, order), _grams(b, size, order)) for order in (1, 2, 3)]
    result = {
        "tokens_unseen": _unseen(*grams[0]),
        "positions_unseen": _unseen(_places(a, size), _places(b, size)),
        "bigrams_unseen": _unseen(*grams[1]),
    }
    return result | {f"divergence_{order}": _divergence(*pair) for order, pair in enumerate(grams, start=1)}


def _numbered(train: Batch, test: Batch) -> tuple[np.ndarray, np.ndarray, int]:
    """Both sets of prompts as symbol numbers int64 (n, t), -1 where there is none, and how many symbols there are."""
    both = [batch.prompts() for batch in (train, test)]
    flat = np.concatenate([prompts.reshape(-1, prompts.shape[-1]) for prompts in both])
    symbol = flat[:, 0] if flat.shape[1] == 1 else hash_rows(flat, np.ones(flat.shape, bool))
    names, number = np.unique(symbol, return_inverse=True)
    cut = both[0].shape[0] * both[0].shape[1]
    codes = []
    for batch, prompts, code in zip((train, test), both, (number[:cut], number[cut:]), strict=True):
        inside = np.arange(prompts.shape[1]) < batch.prompt_len[:, None]
        codes.append(np.where(inside, code.reshape(prompts.shape[:2]), -1))
    return codes[0], codes[1], len(names)


def _places(codes: np.ndarray, size: int) -> np.ndarray:
    """All (symbol, position) pairs, as one number each: int64 (symbols in all rows,)."""
    return (np.arange(codes.shape[1]) * size + codes)[codes >= 0]


def _grams(codes: np.ndarray, size: int, order: int) -> np.ndarray:
    """All n-grams of one order inside the rows, as one number each: int64 (number of n-grams,)."""
    count = max(codes.shape[1] - order + 1, 0)
    windows = [codes[:, i : i + count] for i in range(order)]
    inside = windows[-1] >= 0
    return sum(window[inside] * size**i for i, window in enumerate(windows))


def _unseen(train: np.ndarray, test: np.ndarray) -> float:
    """Share of the occurrences in test that are not in train; 0 where test is empty."""
    return float(np.mean(~np.isin(test, np.unique(train)))) if test.size else 0.0


def _divergence(train: np.ndarray, test: np.ndarray) -> float:
    """Jensen-Shannon divergence of two samples of numbers, in bits; 0 if both are empty, 1 if one is."""
    if not (train.size and test.size):
        return float(train.size != test.size)
    names, number = np.unique(np.concatenate([train, test]), return_inverse=True)
    p = np.bincount(number[: train.size], minlength=names.size) / train.size
    q = np.bincount(number[train.size :], minlength=names.size) / test.size
    middle = (p + q) / 2
    return float(sum(np.sum(d[d > 0] * np.log2(d[d > 0] / middle[d > 0])) for d in (p, q)) / 2)
