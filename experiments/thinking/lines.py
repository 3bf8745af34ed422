"""Lines of nodes to be walked from one end to a goal on the way: how far that is, no prompt says before it is walked.

Every prompt of lines of so many nodes has as many tokens, and the answer is which of two goals is on the start's line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from alchemy.problem.task import Batch, Problem
from tasks.connectivity import Connectivity
from tasks.connectivity.networks import accepted


@dataclass(frozen=True)
class Lines(Connectivity):
    """Two lines; the start is an end of one, and a node of it, `apart` links away, is the goal."""

    apart: tuple[int, ...] = (1,)
    """Links between start and goal, any of these alike."""

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """As `Connectivity.draw`, of the problems that start at an end and are so far apart."""
        names: list[str] = []

        def propose(size: int) -> tuple[np.ndarray, ...]:
            problem = super(Lines, self).draw(rng, size)
            names[:] = problem
            ends = (problem["edges"] == problem["start"][:, None, None]).sum(axis=(1, 2)) == 1
            chosen = ends & np.isin(distance(problem), self.apart)
            return tuple(values[chosen] for values in problem.values())

        columns = accepted(n, propose, f"lines whose ends are {self.apart} links apart")
        return dict(zip(names, columns, strict=True))


def distance(problem: Mapping[str, np.ndarray]) -> np.ndarray:
    """Links between start and goal, int (n,): what the shortest chain walks."""
    return (problem["trace"] >= 0).sum(axis=1) - 1


def lines(nodes: int, apart: tuple[int, ...], names: int) -> Lines:
    """Lines of so many nodes, with chains that list every node up to the goal."""
    return Lines(family="two-path", nodes=nodes, pair="random", trace="shortest", ids=names, apart=apart)


@dataclass(frozen=True)
class Ahead(Lines):
    """The same lines, in whose chains a step that is changed is one farther on the way to the goal."""

    jump: int = 1
    """Links by which it is farther."""

    def other_state(self, batch: Batch, completion: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
        """Of gold chains int32 (n, m), from the second step on: the nodes some links ahead in place of those of the step and of the one
        before, so that the chain says which way it goes."""
        del rng
        trace, last = batch.problem["trace"], distance(batch.problem)
        changed, far = completion.copy(), last >= step + self.jump
        for place in (step - 1, step):
            node = trace[far, place + self.jump]
            changed[far, place] = node + self.step_delimiters[0]
        return changed


def ahead(task: Lines, jump: int) -> Ahead:
    """The lines of a task, in whose chains a step that is changed says the node so many links farther."""
    return Ahead(**{field.name: getattr(task, field.name) for field in fields(task)}, jump=jump)
