"""Models that were trained before, found again by what they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import jax
import numpy as np

from alchemy.dataset.manifest import from_json
from alchemy.discover import Kind, entries, find
from alchemy.errors import UserError, nearest
from alchemy.learning import checkpoint
from alchemy.learning.data import Loss, Padding
from alchemy.learning.model import Model
from alchemy.learning.train import Runs, Trained, expected
from alchemy.problem.task import Task
from alchemy.record import NUMBER, check_fields, read_json
from alchemy.terminal import counted

OWN = ("seed", "start name", "set", "labels", "seconds", "commit", "notes")
"""What differs between the models of one training."""
KEY = "key.json"
"""The file beside a trained model that says what it depends on."""
FIELDS = {
    "model": {"class": str},
    "task": {"class": str},
    "train": {"class": str, "steps": int, "batch": int},
    "split": {"class": str},
    "loss": (*get_args(Loss), "board"),
    "padding": get_args(Padding),
    "context": int,
    "limit": int,
    "verifier": bool,
    "own sets": bool,
    "start": (dict, type(None)),
    "stretch": int,
    "backend": str,
    "jax": str,
    "seed": int,
    "start name": (str, type(None)),
    "set": (str, type(None)),
    "labels": (str, type(None)),
    "seconds": NUMBER,
    "commit": str,
}
"""What it has; `model`, `task`, `train` and `split` have the fields of their classes, too."""


@dataclass(frozen=True)
class Stored:
    """Models of several seeds that were trained alike, as they are kept."""

    home: Path
    keys: tuple[dict[str, Any], ...]
    """What each seed's model depends on, in the order of the seeds."""
    task: str
    """The name of the task's file."""

    @property
    def name(self) -> str:
        return self.home.name

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(key["seed"] for key in self.keys)

    @property
    def steps(self) -> int:
        return self.keys[0]["train"]["steps"]

    @property
    def steps_taken(self) -> tuple[int, ...]:
        """Of each seed: fewer than `steps` where a rule ended the training sooner."""
        return tuple(key.get("notes", {}).get("steps", self.steps) for key in self.keys)

    @property
    def own_sets(self) -> bool:
        """Whether they were trained on lines of their own."""
        return self.keys[0]["own sets"]

    def __str__(self) -> str:
        model = self.keys[0]["model"]
        size = f"{model['layers']} x {model['width']}" if {"layers", "width"} <= model.keys() else model["class"]
        fewest, most = min(self.steps_taken), max(self.steps_taken)
        sooner = f"{fewest:,} to {most:,} of " if fewest < most else f"{most:,} of " if most < self.steps else ""
        steps = f"{sooner}{counted(self.steps, 'step')}"
        return f"{self.name}  {self.task}, {size}, {counted(len(self.seeds), 'seed')}, {steps}"


def stored(root: Path, task: str = "", own_sets: bool = False) -> list[Stored]:
    """The trained models under `root`, of one task if it is named, the last trained last.

    Verifiers and those that read boards are left out, and so are models trained on lines of their own unless `own_sets`.
    """
    names = {entry.symbol: entry.name for entry in entries("task").values()}
    groups: list[tuple[float, Stored]] = []
    for home in root.glob("models/*"):
        paths = list(home.glob(f"*/{KEY}"))
        keys = sorted(map(read_key, paths), key=lambda key: key["seed"])
        name = (
            names.get(keys[0]["task"]["class"], "")
            if keys and not _never_writes(keys[0]) and (own_sets or not keys[0]["own sets"])
            else ""
        )
        if name and task in ("", name):
            groups.append((max(path.stat().st_mtime for path in paths), Stored(home, tuple(keys), name)))
    return [models for _, models in sorted(groups, key=lambda group: group[0])]


def _never_writes(key: dict[str, Any]) -> bool:
    return key["verifier"] or key["loss"] == "board"


def choose(root: Path, name: str = "", task: str = "") -> Stored:
    """The models whose name begins so, by default the last trained; raises `UserError` if there are none, or several.

    Models trained on lines of their own are found by their name alone.
    """
    known = stored(root, task, own_sets=bool(name))
    if not known:
        absence = f"no trained model of task {task!r}" if task else "no trained model"
        raise UserError(f"{root} holds {absence}; `alchemy train` makes some")
    fits = [models for models in known if models.name.startswith(name)]
    if not fits:
        raise UserError(f"model {name!r} is not in {root}{nearest(name, [models.name for models in known])}")
    if name and len(fits) > 1:
        raise UserError(f"model {name!r} is one of {len(fits)} in {root}: {', '.join(m.name for m in fits[:4])}")
    return fits[-1]


def load(models: Stored) -> Runs:
    """The models; raises `UserError` if task or model have other fields now than when they were trained."""
    key = models.keys[0]
    model, task = load_model(models), load_task(models)
    names = tuple(_name(models.home, own["seed"]) for own in models.keys)
    trained = load_models([models.home / name for name in names], model, models.steps)
    shared = {name: value for name, value in key.items() if name not in OWN}
    return Runs(model, task, shared, models.seeds, names, trained)


def load_model(models: Stored) -> Model:
    """Their architecture; raises `UserError` if the model has other fields now."""
    model: Model = rebuilt("model", models.keys[0]["model"])
    return model


def load_task(models: Stored) -> Task:
    """What they were trained on; raises `UserError` if the task has other fields now."""
    return rebuilt("task", models.keys[0]["task"])


def load_models(homes: Sequence[Path], model: Model, steps: int) -> Trained:
    """Trained models, a directory each, as one with a seed axis; raises `UserError` if one is not there."""
    models = [checkpoint.load(home / "final", expected(model, 1, steps)) for home in homes]
    if None in models:
        home = homes[models.index(None)]
        raise UserError(f"{home} has no finished model; the run that trains it goes on where it was")
    return Trained(*jax.tree.map(lambda *leaves: np.concatenate(leaves), *models))


def is_finished(home: Path) -> bool:
    """Whether a directory has a trained model, and says what made it."""
    return (home / KEY).exists() and checkpoint.exists(home / "final")


def read_key(path: Path) -> dict[str, Any]:
    """What a model depends on, and what made it; raises `UserError` that names the file if it does not say."""
    key = read_json(path)
    check_fields(key, FIELDS, str(path))
    return key


def _name(home: Path, seed: int) -> str:
    """The directory of one seed's model."""
    return next(path.parent.name for path in home.glob(f"*/{KEY}") if read_key(path)["seed"] == seed)


def rebuilt(kind: Kind, values: dict[str, Any]) -> Any:
    """A dataclass of a folder from its stored fields; raises `UserError` if there is none, or it has other fields now."""
    name = next((entry.name for entry in entries(kind).values() if entry.symbol == values.get("class")), None)
    if name is None:
        raise UserError(f"there is no {kind} of class {values.get('class')!r} here")
    return from_json(find(kind, name), {field: value for field, value in values.items() if field != "class"})
