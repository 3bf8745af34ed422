"""Chains with mistakes that are taken back: at some steps a wrong one is written, then a mark, then the right one.

a b b a <think> 16 25 1 17 <answer> 17                         the task's own line
a b b a <think> 16 30 <unk> 25 1 17 <answer> 17                30 is taken back

The mark is the noise symbol, which every vocabulary has and no chain of a task. What it takes back is the step that ended last,
or the one that was begun since; the reader of such texts needs nothing else (Ye et al., arXiv:2408.16293, whose mark is [BACK]).

Dimension letters: `n` lines, `t` tokens, `c` ids a position carries, `m` tokens of a completion, `k` steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.task import EOS, NOISE, PAD, Batch, Field, Task

BACK = NOISE
"""The id of the mark that takes a step back."""
Tried = Literal["wrong", "right"]
TRIED: tuple[Tried, ...] = get_args(Tried)


@dataclass(frozen=True)
class Retries:
    """How often steps of training lines are tried twice, what is tried first, and whether that is learned."""

    rate: float = 0.0
    """The chance of each step; 0 for lines as the task writes them."""
    tried: Tried = "wrong"
    """The first try: a wrong step, or the right one, which is taken back for nothing."""
    learned: bool = True
    """Whether first tries that are taken back count in the loss."""

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise UserError(f"rate {self.rate} is outside [0, 1]")
        if self.tried not in TRIED:
            raise UserError(f"tried {self.tried!r} is unknown{nearest(self.tried, TRIED)}")


def widest(task: Task) -> int:
    """Tokens that no line of a task is wider than when every step of it is tried twice."""
    return task.max_len + 2 * (task.max_len - task.shortest_prompt)


def check_retries(task: Task, lines: Batch | None = None) -> None:
    """Raises `UserError` where the steps of a task have no state that could be wrong, or its environment writes part of them; or
    none of these lines has steps.
    """
    without = lines is not None and len(lines.field) and not (lines.field >= Field.STEP).any()
    if not task.state_tokens or hasattr(task, "environment") or without:
        raise UserError(
            f"{type(task).__name__} has no steps of its own that could be wrong: expected a task with chains"
        )


def with_retries(task: Task, lines: Batch, retries: Retries, rng: np.random.Generator) -> Batch:
    """Lines of a task, some steps of whose chains are tried twice; what is not to be learned counts as told.

    Lines are as wide as the longest. Raises `UserError` where a task has no steps that could be wrong.
    """
    check_retries(task, lines)
    gold, field = lines.completions(), lines.completion_fields()
    step = np.where(field >= Field.STEP, field.astype(np.int16) - Field.STEP, -1)
    steps = int(step.max(initial=-1)) + 1
    first = gold.copy()
    if retries.tried == "wrong":
        for number in range(steps):
            first = np.where(step == number, task.other_state(lines, gold, number, rng), first)
    twice = rng.random((len(gold), max(1, steps))) < retries.rate
    twice &= np.stack([(step == number).any(axis=1) for number in range(max(1, steps))], axis=1)
    again = (step >= 0) & np.take_along_axis(twice, np.maximum(step, 0), axis=1)
    numbers = np.broadcast_to(np.arange(twice.shape[1]), twice.shape)
    # Of each step: the first try, the mark, the step; the stable sort keeps the order of tokens within each.
    last, left_out = 3 * twice.shape[1], 3 * twice.shape[1] + 1
    of_gold = np.where(step >= 0, 3 * step + 2, np.where(gold != PAD, last, left_out))
    rank = np.hstack([np.where(again, 3 * step, left_out), np.where(twice, 3 * numbers + 1, left_out), of_gold])
    marks = np.full(twice.shape, BACK, np.int32)
    codes = (numbers + Field.STEP).astype(np.int8)
    order = np.argsort(rank, axis=1, kind="stable")
    order = order[:, : int((rank < left_out).sum(axis=1).max(initial=1))]
    kept = np.take_along_axis(rank, order, axis=1) < left_out

    def arranged(of_first: np.ndarray, of_mark: np.ndarray, of_gold: np.ndarray, fill: int) -> np.ndarray:
        return np.where(kept, np.take_along_axis(np.hstack([of_first, of_mark, of_gold]), order, axis=1), fill)

    nothing = np.zeros(gold.shape, bool)
    told = arranged(~nothing, np.zeros(twice.shape, bool), nothing, 0).astype(bool)
    return _behind_prompts(
        lines,
        arranged(first, marks, gold, PAD),
        arranged(field, codes, field, Field.PADDING),
        None if retries.learned else told,
    )


def _behind_prompts(lines: Batch, completion: np.ndarray, field: np.ndarray, told: np.ndarray | None) -> Batch:
    """Lines with other completions int32 (n, m), their fields, and which of their tokens are told."""
    rows, place = np.nonzero(completion != PAD)
    column = lines.prompt_len[rows] + place
    shape = (len(completion), int(column.max(initial=0)) + 1)
    prompts = lines.prompts()
    inside = np.arange(prompts.shape[1]) < lines.prompt_len[:, None]
    tokens = np.full((*shape, prompts.shape[2]), PAD, np.int32)
    tokens[:, : prompts.shape[1]] = prompts
    fields = np.full(shape, Field.PADDING, np.int8)
    fields[:, : prompts.shape[1]] = np.where(inside, lines.field[:, : prompts.shape[1]], Field.PADDING)
    tokens[rows, column, 0], fields[rows, column] = completion[rows, place], field[rows, place]
    if told is None:
        return Batch(tokens, lines.prompt_len, fields, lines.problem)
    read = np.zeros(shape, bool)
    read[rows, column] = told[rows, place]
    return Batch(tokens, lines.prompt_len, fields, lines.problem, read)


class Tries(NamedTuple):
    """What was written first at each step, as long as all that is kept before it is right; arrays bool (n, k)."""

    made: np.ndarray
    wrong: np.ndarray
    back: np.ndarray
    """Whether it was taken back at once."""


class Read(NamedTuple):
    """Completions with what was taken back left out, and the first tries."""

    kept: np.ndarray
    """Int32 (n, m): each as a task's oracle reads it."""
    tries: Tries


def read(task: Task, batch: Batch, completion: np.ndarray) -> Read:
    """Read completions int32 (n, m) by anybody: a mark takes back what was written since the last step before it ended.

    First tries are judged by the task's oracle, each as the last thing written behind what is kept. Where it judges chains only as a
    whole, as searches that have to end at their goal, tries cannot be told apart so; what is kept is exact there, too.
    """
    n, width = completion.shape
    rows, most = np.arange(n), int((batch.completion_fields().astype(int) - Field.STEP).max(initial=-1)) + 1
    kept = np.full((n, width + 1), PAD, np.int32)  # the last column takes what no row keeps
    begins = np.zeros((n, width + 2), np.int64)  # where each of the steps that are kept so far begins
    length, step = np.zeros(n, np.int64), np.zeros(n, np.int64)
    running, made, taken = np.ones(n, bool), np.zeros((n, most), bool), np.zeros((n, most), bool)
    texts: list[np.ndarray] = []
    tried: list[tuple[np.ndarray, np.ndarray]] = []
    following = np.column_stack([completion[:, 1:], np.full(n, PAD, completion.dtype)])
    for token, after in zip(completion.T, following.T, strict=True):
        back, writes = running & (token == BACK), running & (token != BACK)
        begun = length > begins[rows, step]
        kept[rows, np.where(writes, length, width)] = token
        written = length + writes
        ended = writes & np.isin(token, task.step_delimiters)
        one = np.flatnonzero((ended | (back & begun)) & (step < most) & ~made[rows, np.minimum(step, most - 1)])
        made[one, step[one]] = True
        taken[one, step[one]] = back[one] | (after[one] == BACK)
        tried.append((one, step[one]))
        texts.append(np.where(np.arange(width) < written[one, None], kept[one, :width], PAD))
        step = np.where(back & ~begun, np.maximum(step - 1, 0), step)
        length = np.where(back, begins[rows, step], written)
        step = step + ended
        begins[rows, step] = np.where(ended, length, begins[rows, step])
        running &= (token != EOS) & (token != PAD)
    at, number = (np.concatenate(parts) for parts in zip(*tried, strict=True))
    first_wrong = task.verify(batch.rows(at), np.concatenate(texts)).first_wrong_step
    wrong = np.zeros_like(made)
    wrong[at, number] = first_wrong == number
    made[at, number] = first_wrong >= number
    return Read(np.where(np.arange(width) < length[:, None], kept[:, :width], PAD), Tries(made, wrong, taken & made))
