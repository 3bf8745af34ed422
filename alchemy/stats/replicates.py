"""A seed is a whole replicate: what was measured in each of them, side by side.

Dimension letter: `s` seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from alchemy.errors import UserError

T = TypeVar("T")


def stacked(seeds: Sequence[T]) -> T:
    """What was measured in each of `s` seeds, as one of the same type whose numbers and arrays (...) are arrays (s, ...).

    Dataclasses, named tuples and mappings, of whatever depth, are kept.
    """
    if not seeds:
        raise UserError("expected measurements of one or more seeds, got none")
    return _stacked(seeds)


def _stacked(seeds: Sequence[Any]) -> Any:
    first = seeds[0]
    if is_dataclass(first) and not isinstance(first, type):
        names = [field.name for field in fields(first)]
        return type(first)(**{name: _stacked([getattr(seed, name) for seed in seeds]) for name in names})
    if isinstance(first, Mapping):
        return {name: _stacked([seed[name] for seed in seeds]) for name in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(_stacked(parts) for parts in zip(*seeds, strict=True)))
    return np.stack([np.asarray(seed) for seed in seeds])


def gate_split(n: int) -> tuple[slice, slice]:
    """Of a seed's `n` problems the quarter on which its gates are measured, and the others, on which its checks are."""
    return slice(0, n // 4), slice(n // 4, None)
