"""Tasks among the data sets of reasoning-gym: `register()`, and its own `create_dataset` knows them by name.

They can then be parts of its composites, with weights, versions and fresh seeds, as any data set of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass
from functools import cache
from typing import Any

from reasoning_gym.dataset import ProceduralDataset
from reasoning_gym.factory import DATASETS, register_dataset

from alchemy.discover import find, tasks
from alchemy.interop.gym import create_dataset
from alchemy.problem.split import Part


@dataclass
class Config:
    """The fields that every data set has; those of its task follow."""

    seed: int | None = None
    size: int = 500
    part: Part = "train"
    shift: str = ""

    def validate(self) -> None:
        """Raises `UserError` if there is no such data set."""
        create_dataset(type(self).__name__, **_arguments(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Spawned workers make the class anew from the task's name."""
        return _config, (type(self).__name__, vars(self))


class Procedural(ProceduralDataset):
    """`alchemy.interop.gym.Dataset` as a subclass of theirs."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, config.seed, config.size)
        self.data = create_dataset(type(config).__name__, **_arguments(config) | {"seed": self.seed})

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.data[index]

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float:
        return self.data.score_answer(answer, entry)


def register() -> None:
    """Make every task known to reasoning-gym, once."""
    for name in tasks():
        if name not in DATASETS:
            register_dataset(name, Procedural, config_class(name))


@cache
def config_class(name: str) -> type[Config]:
    """The config of a task: its own fields behind those that every data set has."""
    own = [(setting.name, Any, field(default=setting.default)) for setting in fields(find("task", name))]
    return make_dataclass(name, own, bases=(Config,))


def _config(name: str, values: dict[str, Any]) -> Config:
    return config_class(name)(**values)


def _arguments(config: Config) -> dict[str, Any]:
    """The fields as arguments; lists, as YAML has them, are tuples here."""
    values = {setting.name: getattr(config, setting.name) for setting in fields(config)}
    values["seed"] = values["seed"] or 0
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
