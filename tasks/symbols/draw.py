"""Problems of `Symbols`: drawn at random, or every element of a length in order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import Problem
from tasks.symbols.layout import BLOCK
from tasks.symbols.spec import Spec


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`n` problems: `element` int16 (n, longest) letter numbers padded with -1, `composition` int32 (n,), the index into
    `compositions`, and `ops` int16 (n, k), its primitives, padded with -1."""
    cumulative = np.cumsum(spec.weights or np.ones(len(spec.compositions)))
    composition = np.zeros(n, np.int32)
    if len(cumulative) > 1:
        composition[:] = np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right")
    lengths = np.array(spec.length)[rng.integers(len(spec.length), size=(n, 1))]
    element = _elements(rng, spec.possible, lengths, spec.unseen)
    return {"element": element, "composition": composition, "ops": spec.composition_ops.take(composition, axis=0)}


def exhaustive(spec: Spec, length: int, composition: str, chunk: int) -> Iterator[Problem]:
    """Every element of one length over the atoms, in lexicographic order, as problems of at most `chunk` rows."""
    atoms = np.array([i for i, letter in enumerate(spec.alphabet) if not spec.atoms or letter in spec.atoms])
    if length < 1:
        raise UserError(f"length {length} is less than 1")
    value = len(atoms) ** np.arange(length - 1, -1, -1, dtype=np.int64)
    total = len(atoms) ** length
    for start in range(0, total, chunk):
        index = np.arange(start, min(start + chunk, total))[:, None]
        yield composed(spec, atoms[index // value % len(atoms)].astype(np.int16), composition)


def composed(spec: Spec, element: np.ndarray, composition: str) -> Problem:
    """Elements int16 (n, l) under one composition; its index is -1 if the task does not list it."""
    ops = spec.ops_of((composition,))
    listed = [name.split() for name in spec.compositions]
    index = listed.index(composition.split()) if composition.split() in listed else -1
    n = len(element)
    return {"element": element, "composition": np.full(n, index, np.int32), "ops": np.repeat(ops, n, axis=0)}


def _elements(rng: np.random.Generator, possible: np.ndarray, lengths: np.ndarray, unseen: int) -> np.ndarray:
    """Letter numbers int16 (n, longest), padded with -1, uniform over what is possible at each place.

    possible bool (2, longest, letters): the usual letters and the banned ones, of which each element gets `unseen`;
    lengths int (n, 1).
    """
    n, longest, letters = len(lengths), *possible.shape[1:]
    place = np.arange(longest)
    forced = _forced(rng, lengths, place, unseen) if unseen else None
    count = possible.sum(axis=2)
    choices = np.argsort(~possible, axis=2, kind="stable").astype(np.int16)  # the possible ones first
    cell = np.tile(place, (min(n, BLOCK), 1))
    offset, options = cell * letters, count.take(cell)
    out = np.empty((n, longest), np.int16)
    for start in range(0, n, BLOCK):
        block = out[start : start + BLOCK]
        if forced is not None:
            cell = place + longest * forced[start : start + BLOCK]
            offset, options = cell * letters, count.take(cell)
        size = len(block)
        block[:] = choices.take((rng.random(block.shape) * options[:size]).astype(np.intp) + offset[:size])
    if lengths.min(initial=longest) < longest:
        out[place >= lengths] = -1
    return out


def _forced(rng: np.random.Generator, lengths: np.ndarray, place: np.ndarray, unseen: int) -> np.ndarray:
    """`unseen` random places of every element, int (n, longest): 1 there, 0 elsewhere."""
    key = np.where(place < lengths, rng.random((len(lengths), place.size)), np.inf)
    return (key <= np.sort(key, axis=1)[:, unseen - 1 : unseen]).astype(np.intp)
