"""Whether the models of a lab use the chains they write: measured beside every claim on chains, and judged by none.

One symbol of the first step of held-out gold chains is replaced, so that another answer follows from it, and the models go
on from there (`alchemy/causal/interventions.py`); of the second step, where models were trained on lines without chains too. A
claim's accuracies are about chains only where answers follow.

Dimension letter: `s` seeds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.train import Runs
from alchemy.problem.task import Batch, Field, Task

PROBLEMS = 100
"""Held-out problems of each seed; the standard error of a share is .05 at most."""


class Following(NamedTuple):
    """What becomes of the answers of one training once the first step is another: shares that add up to 1, float (s,)."""

    trained: str
    """The label of the training."""
    follow: np.ndarray
    """The answer is what the oracle derives from the step as it now stands."""
    ignore: np.ndarray
    """The answer is the one that is given without the edit."""
    neither: np.ndarray


def following(lab: Lab, problems: int = PROBLEMS) -> list[Following]:
    """Of each training asked for so far whose task has chains, and an oracle that follows them, in the order of asking.

    Each seed has so many held-out `problems`. Trainings of one seed each are one if nothing but the seed's number differs at
    the end of their labels.
    """
    groups: dict[str, dict[int, Following]] = {}
    for label, runs in lab.trainings.values():
        task = runs.task.with_chains
        batch = _gold_chains(lab, task, runs, problems)
        if batch is None:
            continue
        # Of lines some of which have no chain, the first thing written tells which of the two this is.
        step = 0 if task == runs.task else 1
        edits = lab.intervene(runs, task, problems, steps=(step,), label=f"edit a step, {label}")
        name = label.removesuffix(f", seed {runs.seeds[0]}") if len(runs.seeds) == 1 else label
        while groups.setdefault(name, {}).keys() & runs.seeds:  # other models that were trained under that label
            name += " (again)"
        if not groups[name]:
            lab.journal.add_edits(name, runs, batch, edits)
        rates = np.stack(edits.answer.rates, axis=1)
        groups[name] |= {seed: Following(name, *row) for seed, row in zip(runs.seeds, rates[:, :, None], strict=True)}
    return [
        Following(name, *(np.concatenate(rates) for rates in list(zip(*group.values(), strict=True))[1:]))
        for name, group in groups.items()
    ]


def _gold_chains(lab: Lab, task: Task, runs: Runs, problems: int) -> Batch | None:
    """So many held-out problems of each seed, like those trained on; None if there are fewer, or they have no steps with a
    state."""
    if not task.state_tokens or not lab.has_held_out(task, problems, runs.seeds):
        return None
    batch = lab.held_out(task, problems, runs.seeds)
    return batch if (batch.field >= Field.STEP).any() else None
