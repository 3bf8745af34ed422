"""A plain training: models of one's own on any task, tested on held-out problems, under shifts of the task too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import numpy as np

from alchemy.errors import UserError
from alchemy.lab import room
from alchemy.lab.lab import SPARE, Lab
from alchemy.lab.self_training import SelfTraining, self_training
from alchemy.lab.trainings import Plan
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Loss
from alchemy.learning.model import Model
from alchemy.learning.train import Runs
from alchemy.practice.curriculum import Curriculum
from alchemy.practice.filters import prompt_keys
from alchemy.practice.grpo import GRPO
from alchemy.problem.documents import Document
from alchemy.problem.retries import Retries, widest
from alchemy.problem.task import EOS, PAD, Batch, Task
from alchemy.scoring.predictions import lines, parse_line
from alchemy.testtime.answers import Answers

STANDARD = ("standard",)
"""Stands for the shifts that a task calls its own."""
TRAINING = TrainConfig(steps=500, batch=64, learning_rate=6e-3)
"""How long to train by default: a minute or two on two CPU cores."""
Then = Literal["nothing", "self-training", "grpo"]
HELD_OUT = "held out"
"""The test without a shift."""


@dataclass(frozen=True)
class How:
    """How models are trained and tested, beside the fields of the task, the model and the training."""

    shift: str = ""
    """Train under this shift of the task."""
    data: Path | None = None
    """Train on these lines instead of fresh problems: JSON lines {input, output} of the task's symbols."""
    limit: int = 0
    """Only so many training problems, drawn once for each seed; 0 for fresh ones at every step."""
    document: Document = "thought first"
    """Where the thought stands in a line, or what is there instead."""
    loss: Loss = "completion"
    """On what follows the prompt, or on the whole line."""
    seeds: int = 1
    """Models, which differ by weights, training problems and test problems."""
    test: int = 1000
    """Held-out problems in each test of each seed."""
    shifts: tuple[str, ...] = ()
    """Test under these shifts of the trained task, too; `standard` are those that `alchemy show` lists."""
    then: Then = "nothing"
    """What the trained models learn from afterwards: nothing, or what they write themselves."""


def config(task: Task, model: Model, train: TrainConfig = TRAINING, how: type[How] | None = None) -> Any:
    """A dataclass of a task, a model and ways to train it, all fields of which have defaults, and of those of `how`."""
    ways = {"curriculum": Curriculum(), "retries": Retries(), "self_training": SelfTraining(), "grpo": GRPO()}
    parts = {"task": task, "model": model, "train": train, **ways}
    members = [(part, type(value), field(default_factory=lambda value=value: value)) for part, value in parts.items()]
    return make_dataclass("Training", members, bases=(how,) if how else (), frozen=True)()


@dataclass(frozen=True)
class Plain:
    """A plain training that was checked; raises `UserError`, before anything is made, if it cannot be.

    `parts` has a task, a model, a `TrainConfig`, a `Curriculum`, `Retries`, `SelfTraining` and `GRPO`, by the names of `config`.
    """

    parts: Any
    how: How

    def __post_init__(self) -> None:
        how = self.how
        for name, least in {"seeds": 1, "test": 1, "limit": 0}.items():
            if getattr(how, name) < least:
                raise UserError(f"{name} must be at least {least}, not {getattr(how, name)}")
        if how.data and (how.limit or how.shift):
            raise UserError(f"--data {how.data} has the training problems: --limit and --shift choose others")
        if how.data and how.document != "thought first":
            raise UserError(
                f"--data {how.data} has lines of its own: --document {how.document!r} writes those of the task"
            )
        if how.then != "nothing" and self.parts.retries.rate:
            raise UserError(f"--then {how.then!r} learns from texts as they are: expected --retries.rate 0")
        for many in (how.limit * how.seeds, how.test * len(self.tests) * how.seeds):
            room.check_lines(many, self.longest)

    @cached_property
    def task(self) -> Task:
        """What is trained on."""
        task: Task = self.parts.task
        return task.shift(self.how.shift)(task) if self.how.shift else task

    @cached_property
    def tests(self) -> dict[str, Task]:
        """What is tested, by name."""
        names = self.task.shifts if self.how.shifts == STANDARD else self.how.shifts
        return {HELD_OUT: self.task, **{name: self.task.shift(name)(self.task) for name in names}}

    @property
    def longest(self) -> int:
        """Tokens of the longest text of any test, of any level, and of what models answer to learn from it."""
        levels = self.parts.curriculum.tasks(self.task)
        practised = self.parts.self_training.tasks(self.task) if self.how.then == "self-training" else []
        length = widest if self.parts.retries.rate else attrgetter("max_len")
        return max(length(task) for task in (*self.tests.values(), *levels, *practised))

    @cached_property
    def own(self) -> Batch | None:
        """The lines of `data`."""
        return own_lines(self.task, self.how.data) if self.how.data else None

    def _asked(self) -> dict[str, Any]:
        """What `Lab.train` and `Lab.plan` are asked for: a model whose context has room for the longest text, and some more."""
        model = replace(self.parts.model, context=max(self.parts.model.context, self.longest + SPARE))
        sets = [self.own] * self.how.seeds if self.own else ()
        how = {"seeds": self.how.seeds, "loss": self.how.loss, "limit": self.how.limit, "document": self.how.document}
        ways = {"sets": sets, "curriculum": self.parts.curriculum, "retries": self.parts.retries}
        return {"model": model, "task": self.task, "config": self.parts.train, **ways, **how}

    def plan(self, lab: Lab) -> Plan:
        """What would be trained, and where it would be kept."""
        return lab.plan(**self._asked())

    def run(self, lab: Lab) -> tuple[Runs, dict[str, dict[str, Any]]]:
        """The models, and what they score in each test (`scores`)."""
        runs = self._taught(lab, lab.train(**self._asked()))
        answers = {
            name: lab.answer(runs, test, self.how.test, label=f"answer {name}") for name, test in self.tests.items()
        }
        if self.parts.retries.rate:
            answers = {name: rows.kept for name, rows in answers.items()}
        return runs, {name: scores(rows, runs.task, self.own) for name, rows in answers.items()}

    def _taught(self, lab: Lab, runs: Runs) -> Runs:
        """The models after what they learn from what they write."""
        if self.how.then == "grpo":
            return lab.reinforce(runs, self.parts.grpo)
        if self.how.then == "self-training":
            gold = self.parts.curriculum.tasks(self.task)
            *_, last = self_training(lab, runs, self.parts.self_training, gold)
            return last.runs
        return runs


def scores(answers: Answers, trained: Task, own: Batch | None = None) -> dict[str, Any]:
    """Shares of right answers and of valid chains, a number a seed, and exact matches of each floor.

    With lines of its own, the share of the problems whose prompt is among these, too.
    """
    known = set(prompt_keys(own)) if own else set()
    floors = {name: float(np.median(scores["exact full"])) for name, scores in answers.floors(trained).items()}
    return {
        "right answer": answers.mean("answer").tolist(),
        "valid chain": answers.mean("trace").tolist(),
        "exact match": answers.mean("exact_match").tolist(),
        "floors": floors,
        "trained on": float(np.mean([prompt in known for prompt in prompt_keys(answers.batch)])),
    }


def own_lines(task: Task, path: Path) -> Batch:
    """Lines {input, output} of a file as a batch to train on; raises `UserError` that names the line that is none."""
    rows, prompt_len = [], []
    try:
        for prompt, completion in _texts(task, path):
            rows.append([*prompt, *completion, EOS])
            prompt_len.append(len(prompt))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if not rows:
        raise UserError(f"{path} has no line to train on")
    tokens = np.full((len(rows), max(map(len, rows)), 1), PAD, np.int32)
    for row, ids in zip(tokens, rows, strict=True):
        row[: len(ids), 0] = ids
    return Batch(tokens, np.array(prompt_len, np.int32), np.zeros(tokens.shape[:2], np.int8), {})


def _texts(task: Task, path: Path) -> Iterator[tuple[list[int], list[int]]]:
    """Prompt and completion of each line, as ids."""
    with path.open("rb") as stream:
        for number, line in enumerate(lines(stream), 1):
            record = parse_line(number, line)
            texts = [record.get(key) for key in ("input", "output")]
            if not all(isinstance(text, str) and text.split() for text in texts):
                raise UserError(f"line {number} has the keys {list(record)}, expected texts as input and output")
            try:
                prompt, completion = map(task.vocabulary.encode, texts)
            except UserError as error:
                raise UserError(f"line {number}: {error}") from None
            yield prompt, completion
