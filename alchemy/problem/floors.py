"""What zero understanding scores: simulated predictors, and closed forms with their derivations.

A score above zero is not yet a sign of having understood: an edit distance counts the fields that are wrong, each
of them at chance. Every result on unfamiliar problems stands next to the floor that its distribution has.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from alchemy.problem.task import Batch, Problem, Task


@runtime_checkable
class Guessable(Protocol):
    """What a task says beyond `Task` for guesses without understanding to be simulated."""

    letters: np.ndarray
    """Ids of the symbols that stand for content, not for format: int (number of letters,)."""

    def solve(self, problem: Problem) -> np.ndarray:
        """The gold completions, int32 (n, m)."""

    def echo(self, problem: Problem) -> np.ndarray:
        """Completions int32 (n, m) in the right format in which every step repeats the question."""


@runtime_checkable
class Replayable(Protocol):
    """What a task says for a model to be simulated that has learned its rule and applies it to everything."""

    @property
    def replayable(self) -> bool:
        """Whether there is one rule, and not several."""

    def resolve(self, problem: Problem) -> np.ndarray:
        """Completions int32 (n, m) by this task's only rule, whatever rule the problem asks for."""


def guesses(task: Task, batch: Batch, rng: np.random.Generator, trained: Task | None = None) -> dict[str, np.ndarray]:
    """Completions int32 (n, m) by predictor: `chance` and `copy` of a `Guessable` task, and `replay` of a `trained` task
    with a single rule."""
    if not isinstance(task, Guessable):
        return {}
    written = {"chance": chance(task, batch, rng), "copy": copy(task, batch)}
    if isinstance(trained, Replayable) and trained.replayable:
        written["replay"] = replay(trained, batch)
    return written


def chance(task: Guessable, batch: Batch, rng: np.random.Generator) -> np.ndarray:
    """The right format with every letter drawn uniformly: completions int32 (n, m)."""
    gold = task.solve(batch.problem)
    return np.where(np.isin(gold, task.letters), rng.choice(task.letters, size=gold.shape), gold)


def copy(task: Guessable, batch: Batch) -> np.ndarray:
    """The right format in which every intermediate and the answer repeat the question: int32 (n, m)."""
    return task.echo(batch.problem)


def replay(trained: Replayable, batch: Batch) -> np.ndarray:
    """The template `trained` has learned, applied to the test's own elements: int32 (n, m)."""
    return trained.resolve(batch.problem)


def expected_edit_distance(wrong_letters: float, wrong_other: float, chars: int, v: int = 26) -> float:
    """Expected share of edits in a text of `chars` characters of which some are wrong.

    A letter independent of the right one still agrees with it with probability 1 / v, so it costs 1 - 1/v
    substitutions; another character that is wrong costs one. An upper bound, as edits may do with fewer than
    position-by-position substitutions; exact to three digits for single letters between spaces.
    """
    return (wrong_letters * (1 - 1 / v) + wrong_other) / chars


class TwoStepLaw(NamedTuple):
    """Edit distances (characters, spaces counted) of a model that replays its two-step template."""

    cmp: float  # full chain: first step and remaining operation right, answer wrong
    pood: float  # full chain: operation token read as the trained one, answer or one intermediate wrong
    ood: float  # full chain: intermediate, operation token and answer wrong
    answer: float  # the answer field alone
    reasoning: float  # the reasoning field alone, operation token wrong too
    exact: float  # share of elements whose answer is right by accident


def two_step_law(length: int = 4, v: int = 26) -> TwoStepLaw:
    """What replaying a trained two-step template scores on another composition of F1 and F2.

    An element of l letters takes 2l - 1 characters with its spaces, so `X [F2] <answer> Y` takes 4l + 13: a
    reasoning part of 2l + 5 and an answer part of 2l, each with the spaces that face `<answer>`, which takes 8.
    A wrong element costs l (1 - 1/v) letters and a wrong operation token one digit. For l = 4: .1326, .1671, .2997,
    .4808, .3728, the table of arXiv:2508.01191, section 5.1. The answers of F1 F2 and F2 F2, and of F1 F1 and F1 F2,
    agree by accident where each letter is its neighbour's rotation by F1, half the alphabet, which closes into a cycle
    for even l only: v of v**l elements (26 of 456,976).
    """
    full, reasoning, answer = 4 * length + 13, 2 * length + 5, 2 * length
    return TwoStepLaw(
        cmp=expected_edit_distance(length, 0, full, v),
        pood=expected_edit_distance(length, 1, full, v),
        ood=expected_edit_distance(2 * length, 1, full, v),
        answer=expected_edit_distance(length, 0, answer, v),
        reasoning=expected_edit_distance(length, 1, reasoning, v),
        exact=float(v) ** (1 - length) if length % 2 == 0 else 0.0,
    )


def length_law(length: int, trained: int = 4) -> float:
    """Edit distance of an answer with all the right letters that must be `trained` letters long.

    Each letter too many or too few costs itself and its space, of the 2 max(l, l') characters of the longer answer
    part: .5, .25, .2, .3333 for l = 2, 3, 5, 6 after training on 4 (arXiv:2508.01191, section 6: .5000, .2540, .2000,
    .3337).
    """
    return abs(length - trained) / max(length, trained)


def format_law(p: float, length: int = 4, v: int = 26) -> float:
    """Edit distance of a one-step answer that is at chance as soon as noise hits any token of the prompt.

    The prompt has l letters, one operation and one marker, so it stays clean with probability (1 - p) ** (l + 2);
    an answer of 2l - 1 characters at chance costs l (1 - 1/v) of them (.549 for l = 4).
    """
    return expected_edit_distance(length, 0, 2 * length - 1, v) * (1 - (1 - p) ** (length + 2))
