"""The problems that were answered, with all answers to each: several are samples, and problems make groups.

Pass@k and the majority of k are means over all choices of k of a problem's answers. Intervals are over problems, not
over lines (Wilson): answers to one problem are alike, and no share varies more than that of problems answered once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

import numpy as np

from alchemy.scoring.sample import GradedLines
from alchemy.stats.proportion import wilson
from alchemy.stats.voting import any_at, plurality_at

MOST_GROUPS = 8
"""Groups that a number with more values is divided into, of about equal size."""
MOST_VOTERS = 64
"""Samples of a majority, of which all choices are gone through."""


class Problems:
    """Every answer to each problem, as graded lines pass by; nothing of lines without a prompt."""

    def __init__(self, tests: Mapping[str, str] = MappingProxyType({})) -> None:
        self.tests = tests
        """The file of tests that a prompt is of, where that is known."""
        self.right: dict[str, list[bool]] = {}
        """For each prompt, whether each answer to it is right."""
        self.answers: dict[str, list[str]] = {}
        """The answers themselves, empty where a text has none."""
        self._groups: dict[str, Counter[tuple[Any, bool, bool, bool]]] = {}
        """For each feature, completions by its value, by both grades, and by whether they are a problem's first."""

    def watch(self, graded: GradedLines) -> None:
        """Count some completions."""
        if graded.prompts is None:
            return
        first = []
        for prompt, answer, grade in zip(graded.prompts, graded.answers, graded.grades, strict=True):
            first.append(prompt not in self.right)
            self.right.setdefault(prompt, []).append(grade.answer)
            self.answers.setdefault(prompt, []).append(answer)
        answers, traces, _ = zip(*graded.grades, strict=True)
        for name, values in self._features(graded).items():
            self._groups.setdefault(name, Counter()).update(zip(values, answers, traces, first, strict=True))

    def _features(self, graded: GradedLines) -> dict[str, Sequence[Any]]:
        tests = {"test": [self.tests.get(prompt, "none") for prompt in graded.prompts or ()]} if self.tests else {}
        return {**tests, **graded.features}

    def over_problems(self, numbers: dict[str, Any]) -> dict[str, Any]:
        """The same numbers of all completions; where problems have several, each interval is over problems."""
        n = len(self.right)
        if not n or all(len(right) == 1 for right in self.right.values()):
            return numbers
        shares = [name for name in numbers if f"{name}_interval" in numbers]
        return numbers | {f"{name}_interval": _interval(numbers[name], n) for name in shares}

    def result(self) -> dict[str, Any]:
        """Numbers of samples, if a problem has several, and of groups, if there are any to compare."""
        result: dict[str, Any] = {}
        if any(len(right) > 1 for right in self.right.values()):
            result["samples"] = self._samples()
        groups = {name: dict(_groups(counts)) for name, counts in self._groups.items()}
        if compared := {name: members for name, members in groups.items() if len(members) > 1}:
            result["groups"] = compared
        return result

    def _samples(self) -> dict[str, Any]:
        numbers = [len(right) for right in self.right.values()]
        least, n = min(numbers), len(numbers)
        sizes = sorted({*(1 << power for power in range(least.bit_length())), least})
        right = Counter((sum(right), len(right)) for right in self.right.values())
        votes = Counter(_votes(right, self.answers[prompt]) for prompt, right in self.right.items())
        mean = sum(many * k / of for (k, of), many in right.items()) / n
        shares = {
            "pass@k": {
                size: sum(many * float(any_at(np.array(k), of, size)) for (k, of), many in right.items()) / n
                for size in sizes
            },
            "majority@k": {
                size: sum(many * plurality_at(*cast, size) for cast, many in votes.items()) / n
                for size in sizes
                if size <= MOST_VOTERS
            },
        }
        result = {
            "problems": n,
            "fewest": least,
            "most": max(numbers),
            "accuracy over problems": mean,
            "accuracy over problems_interval": _interval(mean, n),
        }
        for name, curve in shares.items():
            result[name] = {str(size): share for size, share in curve.items()}
            result[f"{name}_interval"] = {str(size): _interval(share, n) for size, share in curve.items()}
        return result


def _votes(right: Sequence[bool], answers: Sequence[str]) -> tuple[int, tuple[int, ...], int]:
    """What a problem's answers are as votes: how many are right, how many give each wrong answer, how many give none."""
    mute = sum(not answer and not is_right for is_right, answer in zip(right, answers, strict=True))
    wrong = Counter(answer for is_right, answer in zip(right, answers, strict=True) if answer and not is_right)
    return sum(right), tuple(sorted(wrong.values())), mute


def _groups(counts: Mapping[tuple[Any, bool, bool, bool], int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The numbers of each value, or of ranges of numbers where there are many."""
    sizes = Counter[Any]()
    for (value, *_), many in counts.items():
        sizes[value] += many
    values = sorted(sizes)
    number = dict(zip(values, range(len(values)), strict=True))
    if len(values) > MOST_GROUPS and not isinstance(values[0], str):
        size = np.array([sizes[value] for value in values])
        middle = (np.cumsum(size) - size / 2) / size.sum()
        number = dict(zip(values, (middle * MOST_GROUPS).astype(int).tolist(), strict=True))
    for _, members in groupby(values, number.__getitem__):
        group = list(members)
        name = str(group[0]) if len(group) == 1 else f"{group[0]} to {group[-1]}"
        yield name, _numbers({key: many for key, many in counts.items() if number[key[0]] == number[group[0]]})


def _numbers(counts: Mapping[tuple[Any, bool, bool, bool], int]) -> dict[str, Any]:
    """Completions and problems, and both accuracies with their intervals."""
    n, problems = sum(counts.values()), sum(many for key, many in counts.items() if key[3])
    numbers: dict[str, Any] = {"n": n, "problems": problems}
    for name, place in (("answer_accuracy", 1), ("trace_accuracy", 2)):
        numbers[name] = sum(many for key, many in counts.items() if key[place]) / n
        numbers[f"{name}_interval"] = _interval(numbers[name], problems)
    return numbers


def _interval(share: float, problems: int) -> list[float]:
    """The 95 % interval of a share of problems."""
    return list(wilson(min(share * problems, problems), problems))
