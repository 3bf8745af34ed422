"""Models that were trained before, found again by what they were trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alchemy.dataset.manifest import build
from alchemy.discover import Kind, entries, find
from alchemy.errors import UserError, nearest
from alchemy.learning import checkpoint
from alchemy.learning.model import Model
from alchemy.learning.train import Runs, Trained, expected
from alchemy.problem.task import Task
from alchemy.record import read_json


@dataclass(frozen=True)
class Stored:
    """What is kept of models that were trained alike."""

    home: Path
    key: dict[str, Any]
    task: str
    """The name of the task's file."""

    @property
    def name(self) -> str:
        return self.home.name

    @property
    def steps(self) -> int:
        return self.key["train"]["steps"]

    def __str__(self) -> str:
        model = self.key["model"]
        size = f"{model['layers']} x {model['width']}" if {"layers", "width"} <= model.keys() else model["class"]
        return f"{self.name}  {self.task}, {size}, {len(self.key['seeds'])} seeds, {self.steps} steps"


def stored(root: Path, task: str = "") -> list[Stored]:
    """The trained models under `root`, of one task if it is named, the last trained last."""
    found = []
    for path in sorted(root.glob("models/*/key.json"), key=lambda path: path.stat().st_mtime):
        key = read_json(path)
        name = next((one.name for one in entries("task").values() if one.symbol == key["task"]["class"]), "")
        if name and not key.get("labels") and task in ("", name):  # with labels it is a verifier
            found.append(Stored(path.parent, key, name))
    return found


def choose(root: Path, name: str = "", task: str = "") -> Stored:
    """The one whose name begins so, by default the last trained; raises `UserError` if there is none, or several."""
    known = stored(root, task)
    if not known:
        what = f"no trained model of task {task!r}" if task else "no trained model"
        raise UserError(f"{root} holds {what}; `alchemy reproduce` trains some")
    fits = [one for one in known if one.name.startswith(name)]
    if not fits:
        raise UserError(f"model {name!r} is not in {root}{nearest(name, [one.name for one in known])}")
    if name and len(fits) > 1:
        raise UserError(f"model {name!r} is one of {len(fits)} in {root}: {', '.join(one.name for one in fits[:4])}")
    return fits[-1]


def load(one: Stored) -> Runs:
    """The models; raises `UserError` if task or model have other fields now than when they were trained."""
    model: Model = _rebuilt("model", one.key["model"])
    task: Task = _rebuilt("task", one.key["task"])
    trained = checkpoint.load(one.home / "final", expected(model, len(one.key["seeds"]), one.steps))
    if trained is None:
        raise UserError(f"{one.home} has no finished model; the run that trains it goes on where it was")
    key = {name: value for name, value in one.key.items() if name != "seconds"}
    return Runs(model, task, key, Trained(*trained))


def _rebuilt(kind: Kind, values: dict[str, Any]) -> Any:
    """A dataclass of a folder from its stored fields."""
    name = next(one.name for one in entries(kind).values() if one.symbol == values["class"])
    return build(find(kind, name), {field: value for field, value in values.items() if field != "class"})


def listed(root: Path) -> Iterator[str]:
    """A line for each trained model."""
    return map(str, stored(root))
