"""Searches with trained models, each done once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import jax
import jax.numpy as jnp
import numpy as np

from alchemy import shelf
from alchemy.lab import Lab, Runs
from alchemy.ledger import Ledger
from alchemy.record import plain
from alchemy.rewards import Reward
from alchemy.sampler import ModelSampler
from alchemy.strategies.tree import Answered, Found, Search, asked, packed, unpacked
from alchemy.task import Batch, Task


def search(lab: Lab, runs: Runs, task: Task, batch: Batch, how: Search, reward: Reward | Sequence[Reward], *,
           temperature: float = 1.0, label: str = "") -> Found:  # fmt: skip
    """Let a search answer the problems of `batch` with each seed's model, all by one reward or each by its own."""
    rewards = reward if isinstance(reward, Sequence) else [reward] * len(runs.key["seeds"])
    question = asked(task, batch)
    seeds, n = len(runs.key["seeds"]), len(batch.tokens)
    key = {
        "runs": runs.key, "task": plain(task), "batch": shelf.digest(batch.tokens), "temperature": temperature,
        "search": [type(how).__name__, plain(how)], "reward": reward.name if rewards is not reward else [one.name for one in rewards],
    }  # fmt: skip

    def make() -> np.ndarray:
        devices, stop = jax.local_devices(), Event()

        def one(seed: int) -> Answered:
            with jax.default_device(devices[seed % len(devices)]):
                params = jax.tree.map(lambda leaf: jnp.asarray(leaf[seed]), runs.trained.params)
                return how.answer(ModelSampler(runs.model, params, temperature, jax.random.key(seed), stop), rewards[seed], question)

        with ThreadPoolExecutor(len(devices)) as threads:  # a seed on each device
            try:
                return packed(list(threads.map(one, range(seeds))), question.room)
            except BaseException:
                stop.set()
                threads.shutdown(cancel_futures=True)
                raise

    shape = (seeds, n, question.room + len(Ledger._fields))
    tokens = seeds * n * (question.prompts.shape[1] + question.room)  # of one chain: what is spent is in the ledger
    made = lab.keep(runs.model, key, shape, tokens, make, label or f"search with {type(how).__name__.lower()}")
    return unpacked(made, question.room)
