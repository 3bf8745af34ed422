"""Finite groups as tables: their elements are permutations, numbered, and a letter takes a number to a number.

A5, the even permutations of five points, is the smallest group that is not solvable; A4 x Z5 is solvable, Z60 commutative, and
all three have 60 elements (Merrill, Petty, Sabharwal, arXiv:2404.08819). Numbers are those of the permutations in the
order of their images, so that 0 is the one that moves nothing, and in Zq number k is the sum k.

Dimension letters: `g` elements of a group.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

Permutation = tuple[int, ...]
"""Where each point goes."""

LETTERS = "ab"
MAX_ORDER = 120
CYCLES: dict[str, tuple[tuple[str, str], ...]] = {
    "A5": (("(01234)", "(012)"), ("(01234)", "(01)(23)"), ("(012)", "(234)")),
    "A4xZ5": (("(012)(45678)", "(01)(23)(46857)"), ("(012)(45678)", "(013)")),
    "S5": (("(01234)", "(01)"), ("(0123)", "(034)")),
}
"""Pairs of generators: what the letters do, in cycles."""


class Group(NamedTuple):
    """A group with a letter for each of two generators."""

    order: int
    actions: tuple[str, str]
    """What each letter does, in words: a permutation's cycles, or what is added."""
    step: np.ndarray
    """Int16 (g, 2): the number of an element followed by that of a letter."""


def names() -> tuple[str, ...]:
    """The groups there are."""
    return (*CYCLES, *(f"Z{order}" for order in range(2, MAX_ORDER + 1)))


def pairs(name: str) -> tuple[tuple[str, str], ...]:
    """What the letters can do in a group, by pairs that reach all of it: cycles, or numbers that are added.

    In Zq the letters add 1 and a number without a common factor with q, or 1 and 0.
    """
    if name in CYCLES:
        return CYCLES[name]
    order = int(name[1:])
    return tuple(("1", str(unit)) for unit in (*range(2, order), 0) if unit == 0 or np.gcd(unit, order) == 1)


@lru_cache(maxsize=256)
def group(name: str, pair: int) -> Group:
    """The group with one of its pairs of generators."""
    actions = pairs(name)[pair]
    generators = _generators(name, actions)
    elements = _closure(generators)
    number = {element: place for place, element in enumerate(elements)}
    step = [[number[_then(element, letter)] for letter in generators] for element in elements]
    return Group(len(elements), actions, np.array(step, np.int16))


def _generators(name: str, actions: tuple[str, str]) -> tuple[Permutation, Permutation]:
    first, second = (
        [_permutation(cycles, 9) for cycles in actions]
        if name in CYCLES
        else [_added(n, int(name[1:])) for n in actions]
    )
    return first, second


def _permutation(cycles: str, points: int) -> Permutation:
    """The permutation of so many points that is written in cycles such as `(012)(34)`."""
    to = list(range(points))
    for cycle in cycles.strip("()").split(")("):
        for here, there in zip(cycle, cycle[1:] + cycle[:1], strict=True):
            to[int(here)] = int(there)
    return tuple(to)


def _added(number: str, order: int) -> Permutation:
    """Adding a number modulo the order, as a permutation."""
    return tuple((point + int(number)) % order for point in range(order))


def _then(first: Permutation, second: Permutation) -> Permutation:
    """One permutation and then another."""
    return tuple(second[point] for point in first)


def _closure(generators: tuple[Permutation, Permutation]) -> list[Permutation]:
    """All that the generators reach, in the order of their images."""
    reached = {tuple(range(len(generators[0])))}
    latest = reached
    while latest:
        latest = {_then(element, letter) for element in latest for letter in generators} - reached
        reached |= latest
    return sorted(reached)
