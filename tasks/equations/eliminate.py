"""Gauss-Jordan elimination modulo a prime, one equation a step: the chain of thought, and what follows from any part of it.

For each unknown in turn its own equation is divided by the pivot and written first; then each other equation is written
less its multiple of that. Every equation is written k times, and at the end says one unknown.

Dimension letters: `n` problems, `k` unknowns, `s` = k * k steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """What a step does."""

    pivot: int  # the unknown that is eliminated, from 0
    row: int  # the equation that is written; that of the pivot is divided by it


def places(unknowns: int) -> list[Place]:
    """The steps of an elimination, in order."""
    order = [(pivot, [pivot, *(row for row in range(unknowns) if row != pivot)]) for pivot in range(unknowns)]
    return [Place(pivot, row) for pivot, rows in order for row in rows]


def eliminate(system: np.ndarray, modulus: int, written: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The equations that are written, int16 (n, s, k + 1), and whether all pivots are non-zero, bool (n,).

    system int16 (n, k, k + 1): coefficients and right-hand side. The first steps are taken as they are `written`, int16
    (n, w, k + 1), and the others follow from them; where a pivot is 0 what follows is meaningless.
    """
    given = written if written is not None else np.zeros((len(system), 0, system.shape[2]), np.int16)
    state, inverse = np.array(system.transpose(1, 2, 0)), inverses(modulus)
    possible, steps = np.ones(len(system), bool), []
    for step, (pivot, row) in enumerate(places(system.shape[1])):
        if step < given.shape[1]:
            state[row] = given[:, step].T
        elif row == pivot:
            possible &= state[row, pivot] != 0
            state[row] = state[row] * inverse[state[row, pivot]] % modulus
        else:
            state[row] = (state[row] - state[row, pivot] * state[pivot]) % modulus
        steps.append(state[row].T.copy())
    return np.stack(steps, axis=1), possible


def solution(steps: np.ndarray) -> np.ndarray:
    """What an elimination int (n, s, k + 1) says of the unknowns: the last right-hand side of each equation, (n, k)."""
    order = places(steps.shape[2] - 1)
    last = {row: step for step, (_, row) in enumerate(order)}
    return steps[:, [last[row] for row in range(len(last))], -1]


def inverses(modulus: int) -> np.ndarray:
    """The inverse of each number modulo a prime, int16 (modulus,); 0 for 0, which has none."""
    return np.array([pow(number, modulus - 2, modulus) if number else 0 for number in range(modulus)], np.int16)
