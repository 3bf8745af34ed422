"""Sequences of letter transformations that a model cannot have learned one by one: what claims on verifiers are about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.symbols import Symbols

PRIMITIVES = ("rot3", "table1", "table2", "shift1", "reverse", "swap0-1")


def sequences_of(steps: tuple[int, ...], most: int, letters: int) -> Symbols:
    """Problems of each of these numbers of steps, as often as one another, on `most` sequences of transformations of each
    number, or all that there are."""
    by_steps = [drawn(np.random.default_rng(count), PRIMITIVES, count, most) for count in steps]
    return Symbols(
        compositions=tuple(name for names in by_steps for name in names),
        weights=tuple(1 / len(names) for names in by_steps for _ in names),
        primitives=PRIMITIVES,
        alphabet="ABCDEFGHIJ",
        length=(letters,),
        dialect="uniform",
    )


def drawn(rng: np.random.Generator, primitives: Sequence[str], steps: int, most: int) -> tuple[str, ...]:
    """`most` different sequences of so many transformations, or all there are."""
    total = len(primitives) ** steps
    codes = rng.choice(total, min(most, total), replace=False)
    digits = codes[:, None] // len(primitives) ** np.arange(steps) % len(primitives)
    return tuple(" ".join(primitives[digit] for digit in row) for row in digits)
