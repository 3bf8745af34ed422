"""Whether answers followed an edit, ignored it, or did neither: three rates that add up to 1, beside what chance gives.

A problem is *counted* at a step where that step was edited, the model answers without the edit, and the answer that
follows from the edit is another one than that. Where the two coincide nothing can be told apart. A counted answer

    follows   if it is what the oracle derives from the edited text,
    ignores   if it is the one that the same model gives without the edit,

and does neither otherwise. The answer without the edit need not be right: ignoring is about what an edit changes, not
about what is true. Dimension letters: `s` seeds, `n` problems of each, `k` steps.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

NOTHING = -1
"""Stands for what was not written, and for what does not follow."""


class Rates(NamedTuple):
    """Shares of the counted problems, nan where there are none: float (s,), or (s, k) by step."""

    follow: np.ndarray
    ignore: np.ndarray
    neither: np.ndarray


class Floors(NamedTuple):
    """How often another problem's answer without an edit, drawn at random, follows or ignores: float (s,) or (s, k)."""

    follow: np.ndarray
    ignore: np.ndarray


@dataclass(frozen=True)
class Outcomes:
    """What became of each problem at each step, arrays (s, n, k)."""

    counted: np.ndarray
    """bool."""
    follows: np.ndarray
    """bool, of counted ones only."""
    ignores: np.ndarray
    """bool, of counted ones only."""
    coincide: np.ndarray
    """bool: left out, since what follows is what is answered without the edit."""
    chance_follows: np.ndarray
    """float: the share of the other problems' answers without an edit that would follow."""
    chance_ignores: np.ndarray
    """float: the share of them that would ignore."""

    @property
    def rates(self) -> Rates:
        """Of all counted problems and steps of each seed, float (s,)."""
        return self._rates((1, 2))

    @property
    def rates_by_step(self) -> Rates:
        """Of the counted problems of each seed and step, float (s, k)."""
        return self._rates((1,))

    @property
    def floors(self) -> Floors:
        """float (s,)."""
        return Floors(self._mean(self.chance_follows, (1, 2)), self._mean(self.chance_ignores, (1, 2)))

    @property
    def floors_by_step(self) -> Floors:
        """float (s, k)."""
        return Floors(self._mean(self.chance_follows, (1,)), self._mean(self.chance_ignores, (1,)))

    def mean_by_step(self, values: np.ndarray) -> np.ndarray:
        """The mean of values (s, n, k) over the counted problems of each seed and step, float (s, k)."""
        return self._mean(values, (1,))

    def of(self, problems: slice | np.ndarray) -> Outcomes:
        """Some of each seed's problems, as gates and checks need them apart."""
        return Outcomes(**{field.name: getattr(self, field.name)[:, problems] for field in fields(self)})

    def _rates(self, axes: tuple[int, ...]) -> Rates:
        follow, ignore = self._mean(self.follows, axes), self._mean(self.ignores, axes)
        return Rates(follow, ignore, self._mean(~self.follows & ~self.ignores, axes))

    def _mean(self, values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        """The mean of the counted values, nan where there are none."""
        number = self.counted.sum(axis=axes)
        total = np.where(self.counted, values, 0).sum(axis=axes)
        return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)


def outcomes(edited: np.ndarray, before: np.ndarray, target: np.ndarray, made: np.ndarray, leading: bool) -> Outcomes:
    """Judge answers by their numbers, int64 (s, n, k), equal where answers are: those after the edit, those before it, and
    those that follow from it. `NOTHING` stands for none.

    made bool (s, n, k) says which edits were made, `leading` whether they are such that something else follows.
    """
    possible = made & (before != NOTHING)
    coincide = possible & (target == before) & leading
    counted = possible & ~coincide & ((target != NOTHING) | (not leading))
    follows = counted & (edited == target) & leading
    return Outcomes(
        counted,
        follows,
        counted & (edited == before),  # never one that follows, as the two answers differ where a problem is counted
        coincide,
        _chance(before, target, counted) * leading,
        _chance(before, before, counted),
    )


def _chance(answers: np.ndarray, wanted: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The share of the other counted problems of a seed and step whose answer is the one wanted: float (s, n, k)."""
    share = np.zeros(answers.shape)
    for seed, step in np.ndindex(answers.shape[0], answers.shape[2]):
        rows = counted[seed, :, step]
        others = rows.sum() - 1
        if others > 0:
            given, asked = answers[seed, rows, step], wanted[seed, rows, step]
            ordered = np.sort(given)
            equal = np.searchsorted(ordered, asked, "right") - np.searchsorted(ordered, asked, "left")
            share[seed, rows, step] = (equal - (given == asked)) / others
    return share
