"""Searches with trained models, each done once and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import product
from operator import itemgetter
from queue import SimpleQueue
from threading import Event

import jax
import numpy as np

from alchemy.decoding.sampler import ModelSampler
from alchemy.lab import store
from alchemy.lab.lab import Lab
from alchemy.learning import tuning
from alchemy.learning.train import Runs
from alchemy.problem.task import Batch, Task
from alchemy.record import digest, fingerprint, plain
from alchemy.strategies.tree import SPENT, Search, SearchResult, pack, question_of, unpack
from alchemy.testtime.answers import trimmed
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
    step: int = 0,
    label: str = "",
) -> SearchResult:
    """Let a search answer the problems of `batch`, `s * n` of them, each seed's with its model.

    Rewards judge the problems of the whole batch; one for all seeds, or one for each. A step has so many
    tokens, or, by default, ends where the task says.
    """
    rewards = reward if isinstance(reward, Sequence) else [reward] * len(runs.seeds)
    seeds, n = len(runs.seeds), len(batch.tokens) // len(runs.seeds)
    question = question_of(task, batch, step)._replace(numbers=np.tile(np.arange(n), seeds))
    size = _batch_size(n, how.rows)
    key = {
        "task": plain(task),
        "temperature": temperature,
        "search": [type(how).__name__, plain(how)],
        "room": [question.room, question.longest_step],
        **({"step": step} if step else {}),
    }
    own = batch.tokens.reshape(seeds, n, *batch.tokens.shape[1:])
    names = [
        fingerprint(
            {**key, "model": runs.names[seed], "reward": rewards[seed].name, "batch": digest(trimmed(own[seed]))}
        )
        for seed in range(seeds)
    ]
    starts, free_devices, stop = range(0, n, size), SimpleQueue(), Event()
    for device in jax.local_devices():
        free_devices.put(device)

    def answer(seed: int, start: int) -> np.ndarray:
        """The answers of one model to the problems from `start` on, on a device that is free."""
        rows, device = seed * n + np.minimum(np.arange(start, start + size), n - 1), free_devices.get()
        try:
            with jax.default_device(device):
                params = jax.device_put(jax.tree.map(itemgetter(seed), runs.trained.params))
                sampler = ModelSampler(runs.model, params, temperature, jax.random.key(runs.seeds[seed]), start, stop)
                answered = how.answer(sampler, rewards[seed].rows(rows), question.rows(rows))
        finally:
            free_devices.put(device)
        return pack(answered, question.room)[: n - start]

    def make(rows: list[int], pieces: store.Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        todo = {f"{runs.seeds[seed]}-{start}-{size}": (seed, start) for seed, start in product(rows, starts)}
        done = {name: piece[0] for name in todo if (piece := pieces.load(name)) is not None}
        with ThreadPoolExecutor(free_devices.qsize()) as threads:
            running = {threads.submit(answer, *todo[name]): name for name in todo if name not in done}
            try:
                for future in as_completed(running):
                    name = running[future]
                    done[name] = future.result()
                    pieces.keep(name, (done[name],))
                    progress(len(done))
            except BaseException:
                stop.set()
                threads.shutdown(cancel_futures=True)
                raise
        return {"searched": np.concatenate([done[name] for name in todo]).reshape(len(rows), *shape)}

    shape = (n, question.room + SPENT)
    tokens = n * (question.prompts.shape[1] + question.room)  # of one chain: what is spent is in the ledger
    stage = label or f"search with {type(how).__name__.lower()}"
    pieces = seeds * len(starts)
    return unpack(lab.keep("searched", runs.model, names, shape, tokens, make, stage, pieces), question.room)


def _batch_size(n: int, rows: int) -> int:
    """How many of `n` problems are searched at once, where each takes so many rows: equal parts, as few as there may be."""
    parts = -(-n * rows // tuning.decoded_rows())
    return -(-n // parts)
