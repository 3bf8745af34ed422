"""Searches with trained models, each done once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import product
from queue import SimpleQueue
from threading import Event

import jax
import jax.numpy as jnp
import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.decoding.sampler import ModelSampler
from alchemy.lab import store
from alchemy.lab.lab import Lab
from alchemy.learning import machine
from alchemy.learning.train import Runs
from alchemy.problem.task import Batch, Task
from alchemy.record import digest, plain
from alchemy.strategies.tree import Found, Search, asked, packed, unpacked
from alchemy.testtime.rewards import Reward


def search(
    lab: Lab,
    runs: Runs,
    task: Task,
    batch: Batch,
    how: Search,
    reward: Reward | Sequence[Reward],
    *,
    temperature: float = 1.0,
    label: str = "",
) -> Found:
    """Let a search answer the problems of `batch`, `s * n` of them, each seed's with its model.

    Rewards judge the problems of the whole batch; one for all seeds, or one for each.
    """
    names = runs.key["seeds"]
    rewards = reward if isinstance(reward, Sequence) else [reward] * len(names)
    question = asked(task, batch)
    seeds, n = len(names), len(batch.tokens) // len(names)
    size = _together(n, how.rows)
    key = {
        "runs": runs.key,
        "together": size,
        "task": plain(task),
        "batch": digest(batch.tokens),
        "temperature": temperature,
        "search": [type(how).__name__, plain(how)],
        "reward": reward.name if rewards is not reward else [one.name for one in rewards],
    }

    starts, free, stop = range(0, n, size), SimpleQueue(), Event()
    for one in jax.local_devices():
        free.put(one)

    def make(parts: store.Parts, told: Callable[[int], None]) -> np.ndarray:
        def some(seed: int, start: int) -> np.ndarray:
            """The answers of one model to the problems from `start` on, on a device that is free."""
            rows, to = seed * n + np.minimum(np.arange(start, start + size), n - 1), free.get()
            try:
                with jax.default_device(to):
                    params = jax.tree.map(lambda leaf: jnp.asarray(leaf[seed]), runs.trained.params)
                    sampler = ModelSampler(runs.model, params, temperature, _key(names[seed], start), stop)
                    answered = how.answer(sampler, rewards[seed].rows(rows), question.rows(rows))
            finally:
                free.put(to)
            return packed(answered, question.room)[: n - start]

        pieces = list(product(range(seeds), starts))
        labels = [f"{seed}-{start}-{size}" for seed, start in pieces]
        made = {name: kept[0] for name in labels if (kept := parts.load(name)) is not None}
        with ThreadPoolExecutor(free.qsize()) as threads:
            left = {
                threads.submit(some, *piece): name
                for piece, name in zip(pieces, labels, strict=True)
                if name not in made
            }
            try:
                for one in as_completed(left):
                    made[left[one]] = one.result()
                    parts.keep(left[one], (made[left[one]],))
                    told(len(made))
            except BaseException:
                stop.set()
                threads.shutdown(cancel_futures=True)
                raise
        return np.concatenate([made[name] for name in labels]).reshape(shape)

    shape = (seeds, n, question.room + len(Ledger._fields))
    tokens = seeds * n * (question.prompts.shape[1] + question.room)  # of one chain: what is spent is in the ledger
    name = label or f"search with {type(how).__name__.lower()}"
    return unpacked(lab.keep(runs.model, key, shape, tokens, make, name, pieces=seeds * len(starts)), question.room)


def _together(n: int, rows: int) -> int:
    """How many of `n` problems are searched at once, where each takes so many rows: equal parts, as few as there may be."""
    parts = -(-n * rows // machine.rows())
    return -(-n // parts)


def _key(seed: int, start: int) -> jax.Array:
    return jax.random.fold_in(jax.random.key(seed), start)
