"""Bijections of letter sequences, each a table of letters and a gather of positions.

| name | output at position i of an element x of length l, letters counted mod v |
|---|---|
| `rotN` | x_i + N |
| `shiftN` | x_(i+N mod l), the cyclic left shift |
| `reverse` | x_(l-1-i) |
| `swapI-J` | x with positions I mod l and J mod l exchanged |
| `tableN` | pi_N(x_i), a fixed pseudo-random permutation of the alphabet |
| `mix` | x_i + x_(i-1), and x_0 at position 0 |
| `F1`, `F2`, `F3` | the paper's: `rot`, `shift` with parameters of the task, `reverse` (arXiv:2508.01191) |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.split import splitmix64

NAMES = ("F1", "F2", "F3", "rotN", "shiftN", "reverse", "swapI-J", "tableN", "mix")
PATTERN = re.compile(r"F1|F2|F3|reverse|mix|(?P<kind>rot|shift|table)(?P<n>\d+)|swap(?P<i>\d+)-(?P<j>\d+)", re.ASCII)


class Compiled(NamedTuple):
    """out_i = table[x[source_i]] + x[second_i] mod v, with x[-1] = 0 for positions that add nothing."""

    table: np.ndarray  # uint8 (v,)
    source: np.ndarray  # intp (l,)
    second: np.ndarray | None  # intp (l,), or None where no position adds anything


@dataclass(frozen=True)
class Primitives:
    """The transformations a task has names for; an op is an index into `names`."""

    names: tuple[str, ...]
    letters: int  # v, the size of the alphabet
    rotate: int  # the parameter of F1
    shift_by: int  # the parameter of F2

    def apply(self, ops: np.ndarray, element: np.ndarray) -> np.ndarray:
        """One step: each row's element under that row's op; ops int (n,), element uint8 (n, l)."""
        present = np.flatnonzero(np.bincount(ops))
        if present.size == 1:
            return self._apply_one(int(present[0]), element)
        out = np.empty_like(element)
        for op in present:
            rows = np.flatnonzero(ops == op)
            out[rows] = self._apply_one(int(op), element[rows])
        return out

    def intermediates(self, ops: np.ndarray, element: np.ndarray) -> np.ndarray:
        """The element before and after every step: ops int (n, k), element uint8 (n, l) to uint8 (n, k + 1, l)."""
        states = np.empty((len(element), ops.shape[1] + 1, element.shape[1]), np.uint8)
        states[:, 0] = element
        for step in range(ops.shape[1]):
            states[:, step + 1] = self.apply(ops[:, step], states[:, step])
        return states

    def _apply_one(self, op: int, element: np.ndarray) -> np.ndarray:
        table, source, second = compiled(self.names[op], self.letters, element.shape[1], self.rotate, self.shift_by)
        out = table.take(element.take(source, axis=1))
        if second is None:
            return out
        padded = np.pad(element, ((0, 0), (0, 1)))
        return (out + padded[:, second]) % np.uint8(self.letters)


@cache
def compiled(name: str, letters: int, length: int, rotate: int, shift_by: int) -> Compiled:
    """The primitive as arrays for one alphabet size and one element length; raises `UserError` on unknown names."""
    match = check_name(name)
    place, unchanged = np.arange(length), np.arange(letters, dtype=np.uint8)
    if name == "mix":
        return Compiled(unchanged, place, place - 1)
    if name in ("F3", "reverse"):
        return Compiled(unchanged, place[::-1].copy(), None)
    if match["i"]:
        i, j = int(match["i"]) % length, int(match["j"]) % length
        place[[i, j]] = place[[j, i]]
        return Compiled(unchanged, place, None)
    if match["kind"] == "table":
        return Compiled(_permutation(int(match["n"]), letters), place, None)
    amount = {"F1": rotate, "F2": shift_by}[name] if name in ("F1", "F2") else int(match["n"])
    if name == "F1" or match["kind"] == "rot":
        return Compiled(((unchanged + amount % letters) % letters).astype(np.uint8), place, None)
    return Compiled(unchanged, (place + amount) % length, None)


def check_name(name: str) -> re.Match[str]:
    """The parsed name of a primitive; raises `UserError` if there is none of that name."""
    match = PATTERN.fullmatch(name)
    if match is None:
        raise UserError(f"primitive {name!r} is unknown{nearest(name, NAMES)}")
    return match


def _permutation(seed: int, size: int) -> np.ndarray:
    """A permutation uint8 (size,) that depends on nothing but its arguments: the order of 64-bit hashes."""
    start = splitmix64(np.array([seed % 2**64], np.uint64))
    return np.argsort(splitmix64(start + np.arange(size, dtype=np.uint64)), kind="stable").astype(np.uint8)
