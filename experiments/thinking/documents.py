"""Documents about compositions of one, two and three letter transformations: what they are trained on as, and tested on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.documents import Document, written_as
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch
from alchemy.stats.replicates import gate_split
from alchemy.testtime.answers import trimmed
from experiments.thinking.sequences import drawn
from experiments.trace.compositions import PRIMITIVES
from tasks.symbols import Symbols


def problems(compositions: tuple[int, ...], seed: int) -> list[Symbols]:
    """So many compositions of one step, of two, ...: those of one seed, a task for each number of steps."""
    rng, tasks = stream("compositions of documents", seed), []
    for steps, count in enumerate(compositions, 1):
        names = drawn(rng, PRIMITIVES, steps, count)
        tasks.append(Symbols(compositions=names, primitives=PRIMITIVES, alphabet="ABCDEFGHIJKL", dialect="uniform"))
    return tasks


def mixed(tasks: list[Symbols]) -> Symbols:
    """Problems of all numbers of steps, each as frequent."""
    names = [(name, 1 / len(task.compositions)) for task in tasks for name in task.compositions]
    total = sum(weight for _, weight in names)
    return replace(
        tasks[0],
        compositions=tuple(name for name, _ in names),
        weights=tuple(weight / total for _, weight in names),
    )


def lines_of(lab: Lab, task: Symbols, document: Document, n: int, seed: int) -> Batch:
    """Training lines as documents, the same problems for all kinds as far as they go, and no wider than need be."""
    lines = lab.split.sample(task, stream("documents", seed), n, "train")
    documents = written_as(lines, document, stream("order of documents", seed))
    width = trimmed(documents.tokens).shape[1]
    return documents._replace(tokens=documents.tokens[:, :width], field=documents.field[:, :width])


def steps_for(lab: Lab, task: Symbols, document: Document, train: TrainConfig, times: int) -> int:
    """Steps of training that read a `times`-th of the tokens that `train` reads of answers alone; whole chunks, which share a
    program."""
    lengths = [
        float((lines_of(lab, task, kind, 2000, 0).text != PAD).sum(axis=1).mean()) for kind in ("answer", document)
    ]
    budget = train.steps * train.batch * lengths[0] / times
    return max(1, int(budget / lengths[1] / train.batch / train.chunk)) * train.chunk


def right(lab: Lab, runs: Runs, tests: list[Symbols], n: int, label: str, *, gate: bool = False) -> np.ndarray:
    """Right answers of one model that writes as it likes to three quarters of `n` problems of each test, or to the quarter that is
    for gates, float (k,)."""
    part = gate_split(n)[0 if gate else 1]
    answers = [lab.answer(runs, task, n, label=f"answer {steps}, {label}") for steps, task in enumerate(tests, 1)]
    return np.array([given.values("answer")[0, part].mean() for given in answers])
