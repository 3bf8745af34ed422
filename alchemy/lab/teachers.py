"""Thoughts by an imperfect teacher: lines to train on whose thought a trained model sampled, errors and all.

Wang et al. (arXiv:2509.20186) let a model write a thought about each document, at temperature .6 and unfiltered. Here the question
and the answer are the task's own and right; the thought is what the teacher writes before it asks for the answer.
"""

from __future__ import annotations

from typing import NamedTuple

from alchemy.lab.lab import Lab
from alchemy.learning.train import Runs
from alchemy.problem.documents import with_thoughts
from alchemy.problem.task import Batch, Task
from alchemy.testtime.answers import trimmed

TEMPERATURE = 0.6


class Taught(NamedTuple):
    """Lines of one seed, and how often their teacher errs."""

    lines: Batch
    wrong: float
    """Share of thoughts with a wrong step, or none that the oracle can read."""


def taught(
    lab: Lab, teacher: Runs, task: Task, n: int, *, round: int = 1, temperature: float = TEMPERATURE, label: str = ""
) -> list[Taught]:
    """Lines to `n` problems of the training part of `task` for each seed of `teacher`, fresh ones in every round, with the thoughts
    of that seed's model. `Lab.train(sets=[each.lines ...])` trains on them.
    """
    pools = lab.practise(teacher, task, n, round, temperature=temperature, label=label or "let the teacher think")
    made = []
    for pool in pools:
        written = with_thoughts(task, pool.batch, pool.completions[0, :, 0])
        width = trimmed(written.tokens).shape[1]
        lines = written._replace(tokens=written.tokens[:, :width], field=written.field[:, :width])
        made.append(Taught(lines, 1 - float(pool.verify().trace.mean())))
    return made
