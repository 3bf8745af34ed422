"""A trained model outside the lab: weights as safetensors, a tensor a name, and a config as JSON that says what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from alchemy.errors import UserError, nearest
from alchemy.lab.stored_models import Stored, load, rebuilt
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs, Trained, shapes
from alchemy.record import read_json, write_json

WEIGHTS, CONFIG = "model.safetensors", "config.json"
FORMAT = "alchemy-model"


def write(models: Stored, seed: int, directory: Path) -> dict[str, Any]:
    """Write one seed's model to a directory, and return its config; raises `UserError` if there is none of that seed.

    A tensor is called by its path, such as `blocks.qkv.kernel`. What layers share a name in is stacked: those of `blocks` have
    a first axis for the layers. Kernels are (inputs, outputs).
    """
    if seed not in models.seeds:
        raise UserError(f"no model of seed {seed} is stored{nearest(seed, models.seeds)}")
    row = models.seeds.index(seed)
    runs, key = load(models), models.keys[row]
    one_seed = jax.tree.map(lambda leaf: np.asarray(leaf[row]), runs.trained.params)
    config = {
        "format": FORMAT,
        "model": key["model"],
        "task": {"name": models.task, **key["task"]},
        "vocabulary": list(runs.task.vocabulary.symbols),
        "train": key["train"],
        "seed": seed,
        "name": models.name,
        "commit": key["commit"],
    }
    save(one_seed, config, directory)
    return config


def save(params: Params, config: Mapping[str, Any], directory: Path) -> None:
    """Write the weights of one model, and a config that has the fields of the model as `model`."""
    write_json(directory / CONFIG, config)
    tensors = {name: np.ascontiguousarray(leaf) for name, leaf in _flat(params)}
    save_file(tensors, directory / WEIGHTS, {"format": FORMAT})


def read(directory: Path) -> tuple[Model, Params]:
    """A model that `write` has written, with its weights; raises `UserError` if it is none, or has other shapes."""
    config = read_json(directory / CONFIG)
    if not isinstance(config, dict) or config.get("format") != FORMAT or not isinstance(config.get("model"), dict):
        raise UserError(f"{directory / CONFIG} is no config of a model that `alchemy export` wrote")
    model: Model = rebuilt("model", config["model"])
    try:
        tensors = load_file(directory / WEIGHTS)
    except (OSError, SafetensorError) as fault:
        raise UserError(f"cannot read {directory / WEIGHTS}: {fault}") from None
    expected = dict(_flat(shapes(model)))
    for name in sorted(expected.keys() ^ tensors.keys()):
        raise UserError(f"{directory / WEIGHTS} {'has no' if name in expected else 'has an unknown'} tensor {name!r}")
    for name, leaf in expected.items():
        if tensors[name].shape != leaf.shape:
            raise UserError(f"{directory / WEIGHTS}: {name} has shape {tensors[name].shape}, expected {leaf.shape}")
    return model, _nested(tensors)


def is_exported(directory: Path) -> bool:
    """Whether a directory has what `write` writes."""
    return all((directory / name).is_file() for name in (CONFIG, WEIGHTS))


def runs(directory: Path) -> Runs:
    """The same as the one model of its seed, with its task; raises `UserError` if either has other fields now."""
    model, params = read(directory)
    config = read_json(directory / CONFIG)
    try:
        fields = {name: value for name, value in config["task"].items() if name != "name"}
        seed, name = int(config["seed"]), str(config["name"])
    except (KeyError, AttributeError, TypeError, ValueError):
        raise UserError(f"{directory / CONFIG} does not say its task, seed and name") from None
    trained = Trained(jax.tree.map(lambda leaf: leaf[None], params), np.zeros((1, 0), np.float32))
    return Runs(model, rebuilt("task", fields), {}, (seed,), (name,), trained)


def _flat(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves by their paths."""
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(tensors: Mapping[str, np.ndarray]) -> Params:
    """The tree of which `_flat` gives the leaves."""
    params: dict[str, Any] = {}
    for path, tensor in tensors.items():
        *parents, name = path.split(".")
        place = params
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = tensor
    return params
