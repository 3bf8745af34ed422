"""What is scored without working an expression out: by guessing, and by knowing one number, or the outermost operator.

Leaves are not 0, so that an operator with a leaf beside it takes different numbers to different ones: a tree in which every operator
has a leaf tells nothing of its value to whoever lacks one of its numbers or signs, but for how often the deepest operator makes each
number. Where both operands are worked out, a product is 0 more often than any other number, and balanced trees can be guessed a
little better. All scores are exact for a tree, and means over trees int8 (m, k) are given, such as those of a shape: distributions of what is known
and what each operator makes of it are joined from the leaves on.

Dimension letters: `p` numbers, `m` trees, `k` operators, `g` things that may be known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.trees.spec import SIGNS, Spec


def guess(spec: Spec, orders: np.ndarray) -> float:
    """Right answers of who knows the tree and nothing else: the likeliest value."""
    return _mean(spec, orders, [False] * (orders.shape[1] + 1))


def last_leaf(spec: Spec, orders: np.ndarray) -> float:
    """The same of who knows the last number besides."""
    return _mean(spec, orders, [False] * orders.shape[1] + [True])


def outermost(spec: Spec, orders: np.ndarray) -> float:
    """The same of who knows, besides the tree, the outermost sign and each of its operands that is a number."""
    scores, operators = [], orders.shape[1]
    for order in orders:
        gap = int(order[-1])
        known = [(leaf, gap) in ((0, 0), (operators, operators - 1)) for leaf in range(operators + 1)]
        left, right = _operands(spec, order, known)
        scores.append(np.mean([_score(_joined(made, left, right)) for made in _made(spec)]))
    return float(np.mean(scores))


def _mean(spec: Spec, orders: np.ndarray, known: Sequence[bool]) -> float:
    """Right answers of who knows some leaves, over trees of as many operators."""
    made = _made(spec).mean(axis=0)
    return float(np.mean([_score(_joined(made, *_operands(spec, order, known))) for order in orders]))


def _operands(spec: Spec, order: np.ndarray, known: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """How likely the operands of the outermost operator are each number, together with what is known of them: float (g, p) each."""
    likely = np.where(np.arange(spec.modulus) > 0, 1 / (spec.modulus - 1), 0.0)
    parts = [np.diag(likely) if is_known else likely[None] for is_known in known]
    made, gaps = _made(spec).mean(axis=0), sorted(order.tolist())
    for gap in order[:-1].tolist():
        place = gaps.index(gap)
        parts[place : place + 2] = [_joined(made, parts[place], parts[place + 1])]
        gaps.remove(gap)
    left, right = parts
    return left, right


def _made(spec: Spec) -> np.ndarray:
    """Whether each of the signs makes a number of two others: float (signs, p, p, p)."""
    return np.eye(spec.modulus)[spec.table[[SIGNS.index(sign) for sign in spec.signs]]]


def _joined(made: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """What an operator float (p, p, p) makes of operands float (g, p) each: float (g, p) for pairs of what is known."""
    return np.einsum("ga,hb,abc->ghc", left, right, made).reshape(-1, made.shape[-1])


def _score(likely: np.ndarray) -> float:
    """How often the likeliest number is right, where float (g, p) are likely together."""
    return float(likely.max(axis=1).sum())
