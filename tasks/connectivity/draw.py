"""Drawing connectivity problems: components, a question about them, the search that answers it, and names for it all."""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Problem
from tasks.connectivity import petals
from tasks.connectivity.labels import names, written
from tasks.connectivity.networks import BLOCK, accepted, far_ends, neighbours
from tasks.connectivity.spec import Spec
from tasks.connectivity.traces import SEARCHES, longest, style, traces


def draw(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """`n` problems, as `Connectivity.draw` says."""
    problem: dict[str, np.ndarray] = {}
    for first in range(0, max(n, 1), BLOCK):
        for name, values in _named(spec, rng, max(1, min(BLOCK, n - first))).items():
            if first == 0:
                problem[name] = np.empty((n, *values.shape[1:]), values.dtype)
            problem[name][first : first + BLOCK] = values[: n - first]
    return problem


def _named(spec: Spec, rng: np.random.Generator, n: int) -> Problem:
    """Problems, few enough of them to stay in the cache."""
    ends, trace, *edges = _within_budget(spec, rng, n)
    name = names(n, spec.graph_nodes, spec.ids, spec.reserved, spec.strange, rng)
    if not edges:
        apart = np.arange(spec.distractors + 1)[:, None, None] * spec.component.size
        edges = [(spec.component.only + apart).reshape(1, spec.max_edges, 2)]
    listed = written(edges[0], name, spec.order == "sorted", spec.orientation == "sorted", rng)
    named = np.take_along_axis(name, ends, axis=1).astype(np.int16)
    right = rng.integers(2, size=n, dtype=np.int8)
    targets = np.where(right[:, None] == 0, named[:, 1:], named[:, :0:-1])
    trace = np.where(trace < 0, -1, np.take_along_axis(name, np.maximum(trace, 0), axis=1).astype(np.int16))
    return {"edges": listed, "start": named[:, 0], "targets": targets, "right": right, "trace": trace}


def _within_budget(spec: Spec, rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """`n` questions as `_questions` draws them, those with a longer trace than the budget left out."""
    if not spec.budget:
        return _questions(spec, rng, n)

    def propose(size: int) -> tuple[np.ndarray, ...]:
        drawn = _questions(spec, rng, size)
        fits = (drawn[1] >= 0).sum(axis=1) <= spec.budget
        return tuple(column[fits] for column in drawn)

    ends, trace, *edges = accepted(n, propose, f"{spec.trace} traces of at most {spec.budget} nodes")
    return ends, trace[:, : spec.budget], *edges


def _questions(spec: Spec, rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """By number of node: start, target and wrong target int (n, 3), and trace int (n, k) padded with -1.

    Unless the family has only one graph, also the edges int16 (n, m, 2) of all components, the start's first.
    """
    family, size, parts = spec.component, spec.component.size, spec.distractors + 1
    edges: list[np.ndarray] = []
    if family.only is None:
        drawn = family.edges(rng, n * parts).reshape(n, parts, family.max_edges, 2)
        apart = np.arange(parts, dtype=np.int16)[:, None, None] * np.int16(size)
        edges = [np.where(drawn < 0, -1, drawn + apart).reshape(n, spec.max_edges, 2)]
        near = neighbours(drawn[:, 0], size)
    else:
        near = neighbours(family.only, size)
    if spec.pair == "random":
        start, wrong = rng.integers(size, size=(2, n))
        target = (start + rng.integers(1, size, size=n)) % size
    elif family.ends:
        start, target = (np.full(n, end) for end in family.ends)
        wrong = target
    else:
        (start, target), (_, wrong) = far_ends(near), far_ends(neighbours(drawn[:, 1], size))
    how, width = style(spec.trace), longest(style(spec.trace), family, spec.pair == "far")
    if spec.family == "bridge" and spec.pair == "far" and how.kind in SEARCHES:
        trace = petals.search(how.kind, spec.depth, spec.short, spec.long, spec.dead, n, width, rng)
    else:
        trace = traces(how, near, start, target, width, rng)
    return np.stack([start, target, wrong + size], axis=1), trace, *edges
