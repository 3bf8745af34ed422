"""Problems of `Search` as tokens: searches, what they are told, and the answer that is right, whatever was found.

Dimension letters: `n` problems, `t` searches, `m` tokens of a completion.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.split import hash_rows
from alchemy.problem.task import EOS, NOISE, PAD, Batch, Field, Problem, Vocabulary
from tasks.search import chains
from tasks.search.environment import episodes
from tasks.search.searcher import play
from tasks.search.spec import BASE, DIGITS, SAID, SEARCH, TEXT_FORMAT, THINK, UNTOLD, Spec
from tasks.search.world import walk


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: world, start, relations, budget, the searches of the best searcher and the right answer."""
    return joined(spec, problem, completions(play(spec, problem), spec, truth(spec, problem)))


def truth(spec: Spec, problem: Problem) -> np.ndarray:
    """The right answers, int8 (n,)."""
    return walk(episodes(spec, problem)["world"], problem["start"], problem["path"])[:, -1]


class Layout(Protocol):
    """What the text of a task consists of whose turns all have as many tokens."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def first_entity(self) -> int:
        """The id of the first entity; those of the others follow it."""

    @property
    def turn(self) -> int:
        """Tokens of a turn."""


def completions(turns: np.ndarray, spec: Layout, answer: np.ndarray) -> np.ndarray:
    """Searches and results int32 (n, t, w), padding behind the last, and answers int (n,): int32 (n, m)."""
    n, t, _ = turns.shape
    made = (turns[:, :, 0] != PAD).sum(axis=1)
    tokens = np.zeros((n, spec.turn * t + 3), np.int32)
    tokens[:, : spec.turn * t] = flat(turns)
    ends = np.stack(
        [np.full(n, spec.vocabulary.index[TEXT_FORMAT.answer_mark]), answer + spec.first_entity, np.full(n, EOS)],
        axis=1,
    )
    tokens[np.arange(n)[:, None], spec.turn * made[:, None] + np.arange(3)] = ends
    return tokens


def joined(spec: Spec, problem: Problem, completion: np.ndarray) -> Batch:
    """Lines of completions int32 (n, m) that have the parts they should."""
    path, index = problem["path"], spec.vocabulary.index
    n, k = path.shape
    hops = (path >= 0).sum(axis=1)
    budget = problem["budget"] + np.int32(spec.first_number) if spec.announced else np.full(n, index[UNTOLD])
    head = np.hstack(
        [spec.digits(problem) + spec.first_number, problem["start"][:, None] + np.int32(spec.first_entity)]
    )
    budgets = [budget[:, None]]
    if spec.chain:
        budgets.append(problem["thoughts"][:, None] + np.int32(spec.first_number))
    tail = np.hstack([*budgets, np.full((n, 1), index[THINK]), completion])
    fields = completion_fields(spec, completion)
    tokens = np.zeros((n, head.shape[1] + k + tail.shape[1]), np.int32)
    field = np.full(tokens.shape, Field.PADDING, np.int8)
    tokens[:, : DIGITS + 1], field[:, :DIGITS], field[:, DIGITS] = head, 0, 1
    there = path >= 0
    tokens[:, DIGITS + 1 :][:, :k] = np.where(there, path + np.int32(spec.first_relation), PAD)
    field[:, DIGITS + 1 :][:, :k] = np.where(there, 2, field[:, DIGITS + 1 :][:, :k])
    behind = DIGITS + 1 + hops[:, None] + np.arange(tail.shape[1])
    rows = np.arange(n)[:, None]
    tokens[rows, behind] = tail
    field[rows, behind] = np.hstack([np.full((n, len(budgets)), 3), np.full((n, 1), 4), fields])
    asked = (completion == index[SEARCH]).sum(axis=1) == problem["budget"]  # the environment asks for the answer then
    told = np.zeros(tokens.shape, bool)
    told[rows, behind[:, 1 + len(budgets) :]] = is_told(spec, completion, fields) | (
        asked[:, None] & (completion == index[TEXT_FORMAT.answer_mark])
    )
    width = spec.clean_len
    prompt_len = (DIGITS + 2 + len(budgets) + hops).astype(np.int32)
    return Batch(tokens[:, :width, None], prompt_len, field[:, :width], problem, told[:, :width])


def is_told(spec: Spec, completion: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Which tokens of completions int32 (n, m) with these fields were told, bool (n, m): of each turn those behind the search up to
    the thoughts, and those that say that nothing was thought."""
    place = np.arange(fields.shape[1]) % spec.turn
    result = (place >= SAID) & (place < spec.thinks)
    return np.asarray((fields >= Field.STEP) & (result | ((place >= spec.thinks) & (completion == spec.unthought))))


def completion_fields(spec: Layout, completion: np.ndarray) -> np.ndarray:
    """Fields of completions int32 (n, m): turns up to the answer mark, and what is behind it."""
    place = np.arange(completion.shape[1])
    mark = completion == spec.vocabulary.index[TEXT_FORMAT.answer_mark]
    answer = np.where(mark.any(axis=1), mark.argmax(axis=1), completion.shape[1])[:, None]
    steps = np.minimum(Field.STEP + place // spec.turn, np.iinfo(np.int8).max)
    parts = [place < answer, place < answer + 2, place == answer + 2]
    return np.select(parts, [steps, Field.ANSWER, Field.END], Field.PADDING).astype(np.int8)


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) that begin as the given ones up to and with a step, with the searches that follow from its result
    and the answer behind them; padding where it is no search of the question or has a result that is none."""
    t, width = step + 1, (step + 1) * spec.turn
    given = np.zeros((len(completion), width), np.int32)
    part = completion[:, :width]
    given[:, : part.shape[1]] = part
    turns = play(spec, problem, given.reshape(len(given), t, spec.turn))
    state = chains.meant(spec, given[:, width - spec.turn + SAID :])
    relation = given[:, width - spec.turn + 2] - spec.first_relation
    place = np.where(problem["path"] == relation[:, None], np.arange(problem["path"].shape[1]), -1).max(axis=1)
    rest = np.where(np.arange(problem["path"].shape[1]) > place[:, None], problem["path"], -1)
    fits = (state >= 0) & (state < spec.entities) & (place >= 0) & (turns[:, step, 0] != PAD)
    answer = walk(episodes(spec, problem)["world"], np.where(fits, state, 0), rest)[:, -1]
    followed = completions(turns, spec, answer)
    followed[~fits] = PAD
    return np.pad(followed, ((0, 0), (0, max(0, completion.shape[1] - followed.shape[1]))))


def other_state(
    spec: Spec, problem: Problem, completion: np.ndarray, step: int, rng: np.random.Generator
) -> np.ndarray:
    """Completions int32 (n, m) whose step is told another entity, any of them."""
    changed, place = completion.copy(), spec.turn * step + SAID
    there = completion_fields(spec, completion)[:, place] == Field.STEP + step
    state = completion[:, place] - spec.first_entity
    other = (state + rng.integers(1, spec.entities, len(state))) % spec.entities
    other = np.where(state < spec.entities, other, rng.integers(spec.entities, size=len(state)))
    changed[:, place] = np.where(there, other + spec.first_entity, completion[:, place])
    if spec.chain:
        behind = slice(spec.turn * step + spec.thinks, spec.turn * (step + 1))
        thought = chains.thoughts(spec, changed[:, place:], problem["thoughts"])
        changed[:, behind] = np.where(there[:, None], thought, completion[:, behind])
    return changed


def surface(batch: Batch, first_number: int) -> np.ndarray:
    """Hash of the numbers of each world and the noise among them, uint64 (n,); `first_number` is the id of 0."""
    width = int(batch.prompt_len.max(initial=0))
    text, field = batch.text[:, :width], batch.field[:, :width]
    codes = np.where(text == NOISE, BASE, text - first_number)
    return hash_rows(codes, (field == 0) & (codes >= 0))
