"""What is scored without solving a system, in closed form.

Answers are written unknown by unknown, so a score of all of them is not at p^-k for whoever cannot start: guess the first
unknown, and the others have one equation more than they need. And an equation may show an unknown alone: among matrices
whose leading minors are non-zero, equation i is a multiple of unknown j alone with probability

    0                      j > i   (its leading minor would be 0)
    p^(1 - k)              j = i
    p^(1 - k) (p - 1) / p  j < i   (where the minor of the others without unknown j is not 0)

and no two equations are so for one unknown. All laws are of `zeros` = 0; unknowns and equations count from 1.
"""

from __future__ import annotations


def guess_some(modulus: int, guessed: int = 1) -> float:
    """Share of systems solved by guessing so many unknowns and solving for the others: p^-guessed."""
    return float(modulus) ** -guessed


def shown_alone(modulus: int, unknowns: int, unknown: int) -> float:
    """How often one of the equations has this unknown alone."""
    p, below = modulus, unknowns - unknown
    return p ** (1 - unknowns) * (1 + below * (p - 1) / p)


def read_off(modulus: int, unknowns: int) -> float:
    """Share of right answers for one unknown, any alike, by reading it off an equation that shows it alone, else guessing."""
    shown = sum(shown_alone(modulus, unknowns, unknown) for unknown in range(1, unknowns + 1)) / unknowns
    return shown + (1 - shown) / modulus
