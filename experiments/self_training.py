"""A round of self-training: models answer fresh training problems and learn from the lines that are kept.

It is a round of `alchemy.lab.self_training`, to the bit; its code stays as claims were locked with it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.task import Batch
from alchemy.testtime.answers import Samples

Kept = Callable[[Samples, int], Batch]
"""The lines to learn from, given one seed's samples and the seed."""


def learn(
    lab: Lab, runs: Runs, train: TrainConfig, number: int, kept: Kept, *, problems: int, room: int, context: int
) -> tuple[Runs, np.ndarray]:
    """The models of `runs` after round `number`, and the share of its problems that each learned from, float (s,).

    Each answers so many fresh problems once at temperature 1, in at most `room` tokens; lines are padded to `context`. A
    round in which one of the models has nothing to learn from is left out.
    """
    practice = lab.practise(runs, runs.task, problems, number, max_new=room)
    sets = [kept(samples, seed) for samples, seed in zip(practice, runs.seeds, strict=True)]
    share = np.array([len(batch.tokens) / problems for batch in sets])
    if share.all():
        runs = lab.train(
            runs.model,
            runs.task,
            train,
            seeds=runs.seeds,
            sets=sets,
            padding="pad",
            context=context,
            start=runs,
            label=f"train on what round {number} kept",
        )
    return runs, share
