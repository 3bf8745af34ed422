"""What others build on: the values that a version of the generator has, and the file that keeps them.

    python tests/golden.py      writes tests/golden.json

A new task is added in this way. Before other values are changed, GENERATOR_VERSION in alchemy/dataset/recipe.py is raised.
A manifest names the version that wrote it, so whoever has an older one is told that its bytes cannot be made again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from alchemy import discover
from alchemy.dataset.export import write_splits
from alchemy.dataset.manifest import read_recipe
from alchemy.dataset.prompts import worded
from alchemy.dataset.recipe import GENERATOR_VERSION
from alchemy.decoding.generate import draw
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples, Finite, Stream
from alchemy.learning.model import Cache
from alchemy.learning.train import train
from alchemy.problem.split import Split, prompt_hash, train_chunk
from alchemy.problem.streams import stream, stream_id
from alchemy.problem.task import PAD

FILE = Path(__file__).with_name("golden.json")


def of_task(name: str, directory: Path) -> dict[str, Any]:
    """Of a task with its defaults: problems at a seed, their hashes and parts, a directory's bytes, prompts."""
    task = discover.find("task", name)()
    batch = task.sample(np.random.default_rng(0), 64)
    identity = task.identity(batch.problem)
    write_splits(task, directory, train=30, test=10, shifts=task.shifts)
    recipe = read_recipe(directory)
    return {
        "problems": task.jsonl(batch.rows(slice(3))).decode().splitlines(),
        "identities": [f"{number:016x}" for number in identity[:3].tolist()],
        "prompts": [f"{number:016x}" for number in prompt_hash(batch)[:3].tolist()],
        "held out": [_bits(Split(share, salt).part(identity)) for share, salt in ((0.125, 0), (0.5, 0), (0.125, 1))],
        "shifted": {shift: _digest(_shifted(task, shift)) for shift in task.shifts},
        "training stream": _digest(task.jsonl(train_chunk(task, Split(), 3, 5, 20))),
        "files": {path.name: _digest(path.read_bytes()) for path in sorted(directory.glob("*.jsonl"))},
        "worded": _digest(
            *(
                json.dumps(record).encode()
                for file in recipe.files.values()
                if file.part == "test"
                for record in worded(recipe, directory, file, 2)
            )
        ),
    }


def of_streams() -> dict[str, Any]:
    """Numbers by purpose, the order of training examples, and the keys of training and of sampling, on a CPU."""
    rows = Examples(np.zeros((10, 2, 1), np.int32), np.ones((10, 2), bool))
    order = Finite(rows, seeds=(5, 7)).chunk(7, 0, 3, 5)
    ones = Examples(np.ones((2, 3, 1), np.int32), np.ones((2, 3), bool))
    data = Stream(lambda seed, step, n: Examples(*(np.resize(part, (n, *part.shape[1:])) for part in ones[:2])))
    losses = train(Keys(), data, TrainConfig(steps=3, batch=2, chunk=2), seeds=(0, 9)).losses
    params = {"unused": jnp.zeros((2, 1))}
    prompts = np.full((3, 2, 1), 3, np.int32)
    drawn = draw(Keys(), params, prompts, samples=2, max_new=6, seed=4, seeds=(0, 9))
    return {
        "numbers": stream("test problems", 0, 1).integers(1 << 32, size=3).tolist(),
        "ids": [stream_id("practice", 0), stream_id("practice", 1), stream_id("roll-outs", 0)],
        "order of training examples": order.tolist(),
        "losses that are training keys": np.round(losses.astype(float), 4).tolist(),
        "samples of equal chances": drawn.completions.tolist(),
    }


@dataclass(frozen=True)
class Keys:
    """In training every logit depends on the example's key alone; in decoding all tokens are as likely."""

    vocabulary: int = 8
    context: int = 32
    loops: int = 1

    def init(self, key: jax.Array) -> Any:
        return {"unused": jnp.zeros(1)}

    def apply(self, params: Any, tokens: jax.Array, keys: jax.Array | None = None, start: int = 0) -> jax.Array:
        n, t = tokens.shape[:2]
        logits = jnp.zeros((n, t, self.vocabulary)) + params["unused"].sum()
        if keys is not None:
            logits += 9 * jax.vmap(lambda key: jax.random.uniform(key, (t, self.vocabulary)))(keys)
        return logits[:, start:]

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        return Cache((), jnp.int32(0), jnp.zeros(n, jnp.int32))

    def extend(self, params: Any, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        logits = self.apply(params, tokens)
        return logits[:, -1:] if last else logits, cache._replace(
            length=cache.length + (tokens[..., 0] != PAD).sum(axis=1, dtype=jnp.int32)
        )


def computed() -> dict[str, Any]:
    """All of them, as this tree computes them."""
    with tempfile.TemporaryDirectory() as directory:
        tasks = {name: of_task(name, Path(directory) / name) for name in discover.tasks()}
    return {"version": GENERATOR_VERSION, "tasks": tasks, "streams": of_streams()}


def _shifted(task: Any, shift: str) -> bytes:
    shifted = task.shift(shift)(task)
    return shifted.jsonl(shifted.sample(np.random.default_rng(0), 20))


def _bits(bools: np.ndarray) -> str:
    return np.packbits(bools).tobytes().hex()


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


if __name__ == "__main__":
    FILE.write_text(json.dumps(computed(), indent=1, ensure_ascii=False) + "\n", "utf-8")
