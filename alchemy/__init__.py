"""A lab in which small transformers are trained on generated tasks, to test published claims about chain of thought.

The names a user of the library needs are listed here once; a module is imported when one of its names is first used, so
that `import alchemy` is light: tasks and splits need no jax.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alchemy.dataset.export import write_splits as write_splits
    from alchemy.dataset.verify import verify_splits as verify_splits
    from alchemy.decoding.generate import draw as draw
    from alchemy.decoding.generate import generate as generate
    from alchemy.decoding.ledger import Ledger as Ledger
    from alchemy.decoding.sampler import ModelSampler as ModelSampler
    from alchemy.decoding.sampler import Sampler as Sampler
    from alchemy.discover import find as find
    from alchemy.errors import UserError as UserError
    from alchemy.lab.lab import Lab as Lab
    from alchemy.lab.training_data import training_data as training_data
    from alchemy.learning.config import TrainConfig as TrainConfig
    from alchemy.learning.model import Model as Model
    from alchemy.learning.train import Trained as Trained
    from alchemy.learning.train import train as train
    from alchemy.problem.defaults import TaskDefaults as TaskDefaults
    from alchemy.problem.shift import Axis as Axis
    from alchemy.problem.shift import Noise as Noise
    from alchemy.problem.shift import Shift as Shift
    from alchemy.problem.split import Split as Split
    from alchemy.problem.task import Batch as Batch
    from alchemy.problem.task import Judgement as Judgement
    from alchemy.problem.task import Task as Task
    from alchemy.problem.task import Vocabulary as Vocabulary
    from alchemy.report.claim import Check as Check
    from alchemy.report.claim import Claim as Claim
    from alchemy.report.claim import at_least as at_least
    from alchemy.report.claim import at_most as at_most
    from alchemy.report.claim import judge as judge
    from alchemy.report.claim import near as near
    from alchemy.scoring.score import score as score

_MODULES = {
    "alchemy.dataset.export": ("write_splits",),
    "alchemy.dataset.verify": ("verify_splits",),
    "alchemy.decoding.generate": ("draw", "generate"),
    "alchemy.decoding.ledger": ("Ledger",),
    "alchemy.decoding.sampler": ("ModelSampler", "Sampler"),
    "alchemy.discover": ("find",),
    "alchemy.errors": ("UserError",),
    "alchemy.lab.lab": ("Lab",),
    "alchemy.lab.training_data": ("training_data",),
    "alchemy.learning.config": ("TrainConfig",),
    "alchemy.learning.model": ("Model",),
    "alchemy.learning.train": ("Trained", "train"),
    "alchemy.problem.defaults": ("TaskDefaults",),
    "alchemy.problem.shift": ("Axis", "Noise", "Shift"),
    "alchemy.problem.split": ("Split",),
    "alchemy.problem.task": ("Batch", "Judgement", "Task", "Vocabulary"),
    "alchemy.report.claim": ("Check", "Claim", "at_least", "at_most", "judge", "near"),
    "alchemy.scoring.score": ("score",),
}
"""Where each public name is defined."""
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """A public name, from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'alchemy' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
