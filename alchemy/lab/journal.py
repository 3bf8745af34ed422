"""What a reader may want to look into after a run: how the loss fell, and what the models wrote, step by step."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from alchemy.causal.interventions import Interventions
from alchemy.problem import floors
from alchemy.problem.boards import BoardTask
from alchemy.problem.steps import OUTCOMES
from alchemy.problem.task import Batch, Task
from alchemy.record import digest
from alchemy.terminal import counted
from alchemy.testtime.answers import Samples

if TYPE_CHECKING:
    from alchemy.learning.train import Runs

POINTS = 60
"""Of a learning curve."""
AFTER_EDITS = ("answer follows the edit", "answer as before the edit", "another answer")
"""What becomes of answers once a step of the chain is another one."""
EXAMINED = 200
"""Answers of each seed to a test that are examined."""
EXAMPLES = 3
"""Answers of each outcome that are recorded."""
TESTS = 8
"""Tests that are recorded at most."""
EDITED = 6
"""Trainings whose edited chains are recorded at most."""
PICTURED = 6
"""Runs of reasoners of which trajectories are recorded at most."""
PICTURED_STEPS = 12
"""Steps of a trajectory that are recorded at most, the first."""


@dataclass
class Journal:
    """Filled while an experiment runs; `plain` is what the page shows."""

    curves: list[dict[str, Any]] = field(default_factory=list)
    watched: list[dict[str, Any]] = field(default_factory=list)
    """Curves of other numbers than losses."""
    tests: list[dict[str, Any]] = field(default_factory=list)
    edits: list[dict[str, Any]] = field(default_factory=list)
    trajectories: list[dict[str, Any]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Labels and digests of what is recorded."""

    def add_training(self, label: str, losses: np.ndarray) -> None:
        """Record losses float (s, steps), thinned to means of equal stretches, as far as there are any."""
        if label in self.seen:
            return
        self.seen.add(label)
        edges = np.unique(np.linspace(0, losses.shape[1], min(POINTS, losses.shape[1]) + 1).astype(int))
        with warnings.catch_warnings(
            category=RuntimeWarning, action="ignore"
        ):  # a stretch behind the last step has no mean
            means = np.stack([np.nanmean(losses[:, low:high], axis=1) for low, high in pairwise(edges)], axis=1)
        self.curves.append({"label": label, "steps": edges[1:].tolist(), "losses": np.round(means, 4).tolist()})

    def add_watched(self, label: str, names: Sequence[str], seen: Sequence[Mapping[str, Any]]) -> None:
        """Record what was measured in training, of each seed a number by name at each of some steps, a curve by name."""
        values = np.round([own["values"] for own in seen], 4)  # (s, m, k)
        for name, of_name in zip(names, np.moveaxis(values, 2, 0), strict=True):
            if (own := f"{label}: {name}") not in self.seen:
                self.seen.add(own)
                self.watched.append({"label": own, "steps": seen[0]["steps"], "losses": of_name.tolist()})

    def add_test(self, trained: Task, samples: Samples, temperature: float) -> None:
        """Record some answers of each outcome, the first seeds and problems first; samples (s, n, 1, m)."""
        task, completions = samples.task, samples.completions[:, :, 0]
        label = f"{described(trained)} > {difference(task, trained)}, T = {temperature:g}"
        key = label + digest(completions)
        if key in self.seen or len(self.tests) >= TESTS:
            return
        self.seen.add(key)
        if namesakes := sum(test["label"].startswith(label) for test in self.tests):
            label = f"{label} ({namesakes + 1})"  # other models that were trained alike at first
        seeds, n = completions.shape[:2]
        outcomes: dict[str, list[dict[str, Any]]] = {outcome: [] for outcome in OUTCOMES}
        guessed = guesses(trained, task, samples.batch)
        judged = samples.verify()
        kinds = np.where(judged.answer, ~judged.trace, 2)[:, :, 0]
        for seed in range(seeds):
            for number, outcome in enumerate(OUTCOMES):
                for problem in np.flatnonzero(kinds[seed] == number)[: -(-EXAMPLES // seeds)]:
                    row = seed * n + problem
                    completion = completions[seed, problem : problem + 1]
                    shown = example(task, samples.batch.rows(slice(row, row + 1)), completion)
                    guesses_shown = {name: texts[row] for name, texts in guessed.items()}
                    outcomes[outcome].append({"seed": seed, **shown, "floors": guesses_shown})
        nonempty = {name: examples[:EXAMPLES] for name, examples in outcomes.items() if examples}
        self.tests.append({"label": label, "outcomes": nonempty})

    def add_edits(self, label: str, runs: Runs, batch: Batch, edits: Interventions) -> None:
        """Record some chains whose first edited step is another one, by what became of the answer; batch (s n)."""
        if len(self.edits) >= EDITED:
            return
        answer, text = edits.answer, edits.texts[0]
        neither = answer.counted & ~answer.follows & ~answer.ignores
        kinds = dict(zip(AFTER_EDITS, (answer.follows, answer.ignores, neither), strict=True))
        outcomes: dict[str, list[dict[str, Any]]] = {}
        for name, chosen in kinds.items():
            for seed, problem in _first(chosen[:, :, 0], EXAMPLES):
                row = seed * text.shape[1] + problem
                shown = example(runs.task, batch.rows(slice(row, row + 1)), text[seed, problem : problem + 1])
                outcomes.setdefault(name, []).append({"seed": runs.seeds[seed], **shown})
        if outcomes:
            self.edits.append({"label": f"{label} > step {edits.steps[0] + 1} edited", "outcomes": outcomes})

    def add_trajectories(
        self, label: str, task: BoardTask, batch: Batch, seeds: Sequence[int], filled: np.ndarray, solved: np.ndarray
    ) -> None:
        """Record some latent trajectories board by board, by what became of them; batch (s n), filled int (s, n, w, t, k) and
        solved bool (s, n, w, t)."""
        if len(self.trajectories) >= PICTURED or label in self.seen:
            return
        self.seen.add(label)
        ends, ever = solved[..., 0, -1], solved[..., -1].any(axis=2)
        kinds = {
            "solved by the first trajectory": (ends, np.zeros(ever.shape, int)),
            "solved by another one": (np.asarray(ever & ~ends), solved[..., -1].argmax(axis=2)),
            "not solved": (np.asarray(~ever), np.zeros(ever.shape, int)),
        }
        outcomes: dict[str, list[dict[str, Any]]] = {}
        for name, (chosen, number) in kinds.items():
            for seed, problem in _first(chosen, 1):
                row = seed * chosen.shape[1] + problem
                one, boards = (
                    batch.rows(slice(row, row + 1)),
                    filled[seed, problem, number[seed, problem], :PICTURED_STEPS],
                )
                many = {field: np.repeat(values, len(boards), axis=0) for field, values in one.problem.items()}
                broken = task.conflicts(many, boards).tolist()
                steps = [
                    [f"{counted(count, 'rule')} broken" if count else "solved", "" if count else "ok"]
                    for count in broken
                ]
                outcomes.setdefault(name, []).append(
                    {
                        "seed": seeds[seed],
                        "prompt": task.show(one.tokens[0, : int(one.prompt_len[0])]),
                        "gold": [step.text for step in task.steps(one, one.completions())],
                        "steps": steps,
                        "picture": task.picture(one.problem, boards),
                    }
                )
        self.trajectories.append({"label": label, "outcomes": outcomes})

    def plain(self) -> dict[str, Any]:
        return {"curves": self.curves, "watched": self.watched, "tests": [*self.tests, *self.edits, *self.trajectories]}


def _first(chosen: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Up to `count` of the places where bool (s, n) is true, of as many seeds as there are: (seed, problem)."""
    share = -(-count // len(chosen))
    places = [(seed, int(problem)) for seed, row in enumerate(chosen) for problem in np.flatnonzero(row)[:share]]
    return places[:count]


def example(task: Task, problem: Batch, completion: np.ndarray) -> dict[str, Any]:
    """One problem (n = 1) and a completion of it int32 (1, m), step by step beside the gold one."""
    return {
        "prompt": task.show(problem.tokens[0, : int(problem.prompt_len[0])]),
        "gold": [step.text for step in task.steps(problem, problem.completions())],
        "steps": [[step.text, step.mark] for step in task.steps(problem, completion)],
    }


def guesses(trained: Task, test_task: Task, batch: Batch) -> dict[str, list[str]]:
    """What no understanding writes to each problem, by predictor; nothing for a task that has no such predictors."""
    written = floors.guesses(test_task, batch, np.random.default_rng(0), trained)
    return {name: test_task.vocabulary.decode_all(tokens) for name, tokens in written.items()}


def described(task: Task) -> str:
    """The fields of a task that differ from its defaults."""
    return _fields(task, type(task)()) or "the task by default"


def difference(test_task: Task, trained: Task) -> str:
    """The fields of `test_task` that differ from those of `trained`."""
    return _fields(test_task, trained) or "the same"


def _fields(task: Any, base: Any) -> str:
    if not is_dataclass(task):
        return ""
    changed = [item.name for item in fields(task) if getattr(task, item.name) != getattr(base, item.name)]
    return ", ".join(f"{name} {_value(getattr(task, name))}" for name in changed)


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value[:3])) + (", ..." if len(value) > 3 else "")
    return str(value)
