"""Problems of `Trees` as tokens, and what follows from a value that was changed.

Dimension letters: `n` problems, `k` operators at most, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.trees.fold import fold, spans
from tasks.trees.spec import CLOSE, OPEN, TEXT_FORMAT, THINK, Spec


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: the expression, the value of each of its operators in their order, and the answer."""
    expression = infix(spec, problem) if spec.notation == "infix" else prefix(spec, problem)
    n, operators, index = len(expression), (problem["order"] >= 0).sum(axis=1), spec.vocabulary.index
    begin = spec.expression_len(operators)  # where the mark behind the expression stands
    steps, most = operators * spec.cot, problem["order"].shape[1]
    width = expression.shape[1] + most * spec.cot + len((THINK, TEXT_FORMAT.answer_mark, "0", "</s>"))
    text, field = np.full((n, width), PAD, np.int32), np.full((n, width), Field.PADDING, np.int8)
    text[:, : expression.shape[1]] = expression
    field[text != PAD] = 0
    values = evaluate(spec, problem)
    behind = np.arange(width) - begin[:, None]  # places from the mark behind the expression on
    text[behind == 0], field[behind == 0] = index[THINK], 1
    row, place = np.nonzero((behind > 0) & (behind <= steps[:, None]))
    step = behind[row, place] - 1
    text[row, place], field[row, place] = values[row, step] + np.int32(spec.zero), Field.STEP + step
    rows, end = np.arange(n), begin + steps + 1
    text[rows, end], field[rows, end] = index[TEXT_FORMAT.answer_mark], Field.ANSWER
    text[rows, end + 1], field[rows, end + 1] = values[rows, operators - 1] + np.int32(spec.zero), Field.ANSWER
    text[rows, end + 2], field[rows, end + 2] = EOS, Field.END
    return Batch(text[..., None], (begin + 1).astype(np.int32), field, problem)


def evaluate(spec: Spec, problem: Problem, written: np.ndarray | None = None) -> np.ndarray:
    """The value of each operator in their order, int8 (n, k), 0 behind the last; the first are those that are `written`, int8
    (n, w), and the others follow from them."""
    table, signs, order = spec.table, problem["signs"], problem["order"]
    given = 0 if written is None else written.shape[1]

    def value(step: int, row: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if written is not None and step < given:
            return np.asarray(written[row, step])
        return np.asarray(table[signs[row, order[row, step]], left, right])

    return fold(order, problem["leaves"], value)


def infix(spec: Spec, problem: Problem) -> np.ndarray:
    """Expressions with brackets, int32 (n, 4 k + 1), padded: brackets that open, a leaf, those that close, a sign, and so on."""
    leaves, signs, index = problem["leaves"], problem["signs"], spec.vocabulary.index
    first, last = spans(problem["order"])
    opened, closed = _counts(first, problem["order"]), _counts(last, problem["order"])
    k = signs.shape[1]
    leaf_at = 2 * np.arange(k + 1) + np.cumsum(opened, axis=1) + np.cumsum(closed, axis=1) - closed
    sign_at = (leaf_at + closed + 1)[:, :-1]
    text = np.zeros((len(leaves), 4 * k + 1), np.int32)  # 1 from a leaf on to the next sign
    row, leaf = np.nonzero(leaves)
    row_of, gap = np.nonzero(signs >= 0)
    text[row, leaf_at[row, leaf]], text[row_of, sign_at[row_of, gap]] = 1, -1
    text = np.where(text.cumsum(axis=1) > 0, index[CLOSE], index[OPEN]).astype(np.int32)
    text[row, leaf_at[row, leaf]] = leaves[row, leaf] + np.int32(spec.zero)
    text[row_of, sign_at[row_of, gap]] = signs[row_of, gap] + np.int32(spec.first_sign)
    text[np.arange(4 * k + 1) > 4 * (signs >= 0).sum(axis=1)[:, None]] = PAD
    return text


def prefix(spec: Spec, problem: Problem) -> np.ndarray:
    """Expressions without brackets, int32 (n, 2 k + 1), padded: before each leaf the signs of the operators that begin with it."""
    leaves, signs, order = problem["leaves"], problem["signs"], problem["order"]
    (first, _), k = spans(order), signs.shape[1]
    opened = _counts(first, order)
    before = np.cumsum(opened, axis=1)
    text = np.full((len(leaves), 2 * k + 1), PAD, np.int32)
    row, leaf = np.nonzero(leaves)
    text[row, leaf + before[row, leaf]] = leaves[row, leaf] + np.int32(spec.zero)
    placed = before - opened + np.arange(k + 1)  # the next place before each leaf
    for step in reversed(range(k)):  # of operators that begin with a leaf the last in the order is the outermost
        row = np.flatnonzero(order[:, step] >= 0)
        leaf = first[row, step]
        text[row, placed[row, leaf]] = signs[row, order[row, step]] + np.int32(spec.first_sign)
        placed[row, leaf] += 1
    return text


def _counts(leaf: np.ndarray, order: np.ndarray) -> np.ndarray:
    """How many operators have each leaf, of leaves int8 (n, k): int (n, k + 1)."""
    counts = np.zeros((len(leaf), leaf.shape[1] + 1), np.intp)
    for step in range(leaf.shape[1]):
        row = np.flatnonzero(order[:, step] >= 0)
        counts[row, leaf[row, step]] += 1
    return counts


def follow(spec: Spec, problem: Problem, gold: np.ndarray, completion: np.ndarray, step: int) -> np.ndarray:
    """Gold completions int32 (n, m) that begin as the given ones up to and with a step, with the values and the answer that follow
    from it; padding where one of them is no number, or where the chain has no such step."""
    given = np.pad(completion, ((0, 0), (0, step + 1)), constant_values=PAD)[:, : step + 1]
    written, operators = given - spec.zero, (problem["order"] >= 0).sum(axis=1)
    is_number = (written >= 0) & (written < spec.modulus)
    values = evaluate(spec, problem, np.where(is_number, written, 0).astype(np.int8)) + np.int32(spec.zero)
    rows, followed = np.arange(len(gold)), gold.copy()
    place = np.arange(min(values.shape[1], gold.shape[1]))
    inside = place < operators[:, None]
    followed[:, place] = np.where(inside, values[:, place], gold[:, place])
    followed[rows, operators + 1] = values[rows, operators - 1]
    followed[~is_number.all(axis=1) | (operators * spec.cot <= step)] = PAD
    return followed
