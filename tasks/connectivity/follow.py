"""What follows from a node that was changed: the search goes on from it, through the component that it is in.

A list that says a node of the wrong candidate's component leads to that candidate, by a shortest path as one way among
others; so what a next node says is the component that it is in. Dimension letters: `n` problems, `u` names of nodes, `k`
nodes listed.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Problem
from tasks.connectivity.networks import BLOCK, neighbours
from tasks.connectivity.traces import style, traces


def components(problem: Problem, names: int) -> np.ndarray:
    """The lowest node of the component that each node is in, itself if it is in no edge: int (n, u)."""
    lowest = np.tile(np.arange(names), (len(problem["start"]), 1))
    for first in range(0, len(lowest), BLOCK):
        rows = slice(first, first + BLOCK)
        near = neighbours(problem["edges"][rows], names)
        label = np.pad(lowest[rows], ((0, 0), (0, 1)), constant_values=names)  # the last column stands for the padding
        row = np.arange(len(near))[:, None]
        while True:
            lower = label.copy()
            for slot in np.moveaxis(near, 2, 0):
                lower[:, :names] = np.minimum(lower[:, :names], label[row, slot])
            if (lower == label).all():
                break
            label = lower
        lowest[rows] = label[:, :names]
    return lowest


def misleading(problem: Problem, arrived: np.ndarray, names: int, rng: np.random.Generator) -> np.ndarray:
    """A node in the wrong candidate's component, any but the candidate, int (n,); the candidate itself where a search has
    arrived, bool (n,)."""
    row = np.arange(len(arrived))
    wrong = problem["targets"][row, 1 - problem["right"]].astype(np.intp)
    label = components(problem, names)
    inside = label == label[row, wrong][:, None]
    inside[row, wrong] = False
    node = np.where(inside, rng.random(inside.shape), -1).argmax(axis=1)
    return np.where(arrived, wrong, node)


def redirected(problem: Problem, work: np.ndarray, step: int, names: int) -> tuple[Problem, np.ndarray]:
    """Problems whose trace is the list int (n, k) up to a step and then leads on from there, and whose right candidate is
    the one it leads to; and where there is one, bool (n,). Traces of problems are kept as far as the list agrees with them.
    """
    n, row, most = len(work), np.arange(len(work)), step + 1
    listed = np.pad(work, ((0, 0), (0, most)), constant_values=-1)[:, :most]
    node = listed[:, step].astype(np.intp)
    label = components(problem, names)
    candidates = problem["targets"].astype(np.intp)
    reached = (label[row[:, None], candidates] == label[row, np.maximum(node, 0)][:, None]) & (node >= 0)[:, None]
    towards = np.where(reached[:, 0], 0, 1)
    onward = np.full((n, names), -1, np.int16)
    for first in range(0, n, BLOCK):
        some = row[first : first + BLOCK][reached[first : first + BLOCK].any(axis=1)]
        near = neighbours(problem["edges"][some], names)
        goal = candidates[some, towards[some]]
        if some.size:
            onward[some] = traces(style("shortest"), near, node[some], goal, names, np.random.default_rng(0))
    width = max(step + names, problem["trace"].shape[1])
    trace = np.full((n, width), -1, np.int16)
    trace[:, :most], trace[:, most : step + names] = listed, onward[:, 1:]
    own = np.pad(problem["trace"], ((0, 0), (0, width - problem["trace"].shape[1])), constant_values=-1)
    kept = (own[:, :most] == listed).all(axis=1)
    right = np.where(kept, problem["right"], towards).astype(np.int8)
    trace = np.where(kept[:, None], own, trace)
    trace = trace[:, : max(problem["trace"].shape[1], int((trace >= 0).sum(axis=1).max(initial=0)))]
    return {**problem, "trace": trace, "right": right}, reached.any(axis=1)
