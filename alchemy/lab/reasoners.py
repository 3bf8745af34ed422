"""Recursive reasoners trained and run at the lab, so that neither is done twice.

Dimension letters: `s` seeds, `n` problems of each, `w` trajectories of a problem, `t` steps, `p` cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from alchemy.decoding.ledger import Ledger
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.lab.trainings import Watch
from alchemy.latent.reasoner import Reasoner
from alchemy.latent.run import Rollout, bill, diagnosed, run
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs
from alchemy.problem.boards import BoardTask
from alchemy.problem.streams import stream, stream_id
from alchemy.problem.task import Problem
from alchemy.record import fingerprint, plain


@dataclass(frozen=True)
class Reasoned:
    """Trajectories of held-out problems of each seed, judged by the task's oracle after every step."""

    model: Reasoner
    rollout: Rollout
    """Arrays (s, n, w, t, ...)."""
    solution: np.ndarray
    """int64 (s, n, w, t): equal for equal solutions of a problem, -1 where the board is none."""
    count: np.ndarray
    """int64 (s, n): solutions that the problem has."""

    @property
    def solved(self) -> np.ndarray:
        """Bool (s, n, w, t)."""
        return np.asarray(self.solution >= 0)

    def part(self, width: int, depth: int) -> Reasoned:
        """The first trajectories and steps: what a run of that width and depth would have been."""
        cut = slice(None), slice(None), slice(width), slice(depth)
        return replace(self, rollout=Rollout(*(array[cut] for array in self.rollout)), solution=self.solution[cut])

    def bill(self, checks: int = 0) -> Ledger:
        """What all of it cost a problem, with so many boards checked."""
        return bill(self.model, self.count.shape, *self.solution.shape[2:], checks)


class Noise(NamedTuple):
    """What noise does in each seed's model, float (s,): means over held-out problems."""

    divergence: np.ndarray  # nats a cell
    prior_size: np.ndarray
    prior_mean: np.ndarray
    posterior_right: np.ndarray
    prior_right: np.ndarray


WATCHED = ("divergence, nats a cell", "size of the prior", "mean of the prior", "right, told", "right, not told")
"""What the fields of `Noise` are called where they are shown, step by step of training."""
SEEN = 64
"""Held-out boards of each seed on which they are measured then."""


def sized(model: Reasoner, task: BoardTask) -> Reasoner:
    """A reasoner for the boards of a task."""
    shape = {"vocabulary": task.board_vocabulary, "cells": task.cells, "values": task.values}
    return cast(Reasoner, replace(cast(Any, model), **shape))


def fit(
    lab: Lab,
    model: Reasoner,
    task: BoardTask,
    config: TrainConfig,
    *,
    seeds: int,
    limit: int = 0,
    label: str = "",
) -> Runs:
    """A reasoner trained on boards of the training part for each seed: fresh ones at every step, or `limit` of them."""
    own = sized(model, task)
    boards = cache(lambda chosen: _boards(lab, task, SEEN, chosen))

    def measure(params: Params, chosen: Sequence[int]) -> np.ndarray:
        return _noise(own, params, boards(tuple(chosen)), chosen)

    watch = Watch(WATCHED, measure) if model.learns_noise else None
    return lab.train(cast(Model, own), task, config, seeds=seeds, loss="board", limit=limit, watch=watch, label=label)


def reason(
    lab: Lab,
    runs: Runs,
    task: BoardTask,
    n: int,
    *,
    width: int,
    depth: int,
    noise: float = 0.0,
    relabelled: bool = False,
    label: str = "",
) -> Reasoned:
    """Let the models reason about `n` held-out boards each, in `width` trajectories of `depth` steps.

    With `relabelled` each trajectory but the first sees the board under a symmetry of its own, and what it fills in is taken back.
    """
    model, batch = cast(Reasoner, runs.model), lab.held_out(task, n, runs.seeds)
    problem = batch.problem
    by_seed = [{name: rows[i * n : (i + 1) * n] for name, rows in problem.items()} for i in range(len(runs.seeds))]
    key = {
        "task": plain(task),
        "n": n,
        "tests": lab.tests,
        "split": plain(lab.split),
        "width": width,
        "depth": depth,
        "noise": noise,
        "relabelled": relabelled,
    }
    names = [
        fingerprint({**key, "model": name, "seed": seed}) for name, seed in zip(runs.names, runs.seeds, strict=True)
    ]
    shape = 1, n, width, depth

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        made = []
        for done, row in enumerate(rows):
            params = jax.tree.map(lambda leaf: leaf[0], rows_of(runs.trained.params, [row]))
            tokens, given, restore = _copies(task, by_seed[row], width if relabelled else 1, runs.seeds[row])
            one = run(
                model,
                params,
                tokens,
                given,
                width=width,
                depth=depth,
                noise=noise,
                seed=stream_id("trajectories", lab.tests, runs.seeds[row]),
                progress=lambda boards, done=done: progress((done * n + boards) // len(rows)),
            )
            made.append(one._replace(filled=restore(one.filled)))
        return {name: np.stack(arrays) for name, *arrays in zip(Rollout._fields, *made, strict=True)}

    cell_steps = n * width * depth * task.cells
    with lab.progress.stage(label or "reason", n, "problems", len(runs.seeds)) as stage:
        shapes = {name: (*shape, task.cells) if name == "filled" else shape for name in Rollout._fields}
        arrays = lab.keep_all("latents", names, shapes, runs.model, cell_steps // model.supervision, make, stage)
        rollout = Rollout(*(np.concatenate(arrays[name]) for name in Rollout._fields))
        solution = np.stack(
            [_solutions(task, own, filled) for own, filled in zip(by_seed, rollout.filled, strict=True)]
        )
        stage.show_accuracy(float((solution[..., -1] >= 0).mean()))
    lab.journal.add_trajectories(label or "reason", task, batch, runs.seeds, rollout.filled, solution >= 0)
    count = task.solution_count(problem).reshape(len(runs.seeds), n)
    return Reasoned(model, rollout, solution, count)


def diagnose(lab: Lab, runs: Runs, task: BoardTask, n: int) -> Noise:
    """What the noise of stochastic reasoners does on `n` held-out boards each; computed anew, as it takes no time."""
    boards = _boards(lab, task, n, runs.seeds)
    return Noise(*_noise(cast(Reasoner, runs.model), runs.trained.params, boards, runs.seeds).T)


def _boards(lab: Lab, task: BoardTask, n: int, seeds: Sequence[int]) -> list[Examples]:
    """Held-out boards of each seed with their solutions."""
    board = task.board(lab.held_out(task, n, seeds).problem)
    parts = [slice(i * n, (i + 1) * n) for i in range(len(seeds))]
    return [
        Examples(*(jnp.asarray(array[part]) for array in (board.tokens, board.blank, board.target))) for part in parts
    ]


def _noise(model: Reasoner, params: Params, boards: Sequence[Examples], seeds: Sequence[int]) -> np.ndarray:
    """The fields of `Noise` for weights (s, ...), float (s, k)."""
    means = []
    for i, (examples, seed) in enumerate(zip(boards, seeds, strict=True)):
        keys = jax.random.split(jax.random.key(seed), len(examples.tokens))
        seen = diagnosed(model, jax.tree.map(lambda leaf, i=i: leaf[i], params), examples, keys)
        means.append([np.mean(values) for values in seen])
    return np.array(means)


Restore = Callable[[np.ndarray], np.ndarray]


def _copies(task: BoardTask, problem: Problem, width: int, seed: int) -> tuple[np.ndarray, np.ndarray, Restore]:
    """Boards as `width` trajectories see them, tokens (n, w, p, c) and givens (n, w, p), and what takes filled ones back."""
    seen, back = [task.board(problem)], [_as_it_is]
    for number in range(1, width):
        other, restore = task.relabelled(problem, stream("relabelled", seed, number))
        seen.append(task.board(other))
        back.append(restore)
    tokens = np.stack([board.tokens for board in seen], axis=1)
    given = np.stack([np.where(board.blank, -1, board.target) for board in seen], axis=1)

    def restored(filled: np.ndarray) -> np.ndarray:
        """Boards (n, w, t, p) in the problem's own names."""
        if width == 1:
            return filled
        own = [
            np.stack([take_back(filled[:, number, step]) for step in range(filled.shape[2])], axis=1)
            for number, take_back in enumerate(back)
        ]
        return np.stack(own, axis=1).astype(filled.dtype)

    return tokens, given, restored


def _as_it_is(filled: np.ndarray) -> np.ndarray:
    return filled


def _solutions(task: BoardTask, problem: Problem, filled: np.ndarray) -> np.ndarray:
    """Which solution each board (n, w, t, p) is, int64 (n, w, t), -1 for none."""
    n, w, t, p = filled.shape
    repeated = {name: np.repeat(rows, w * t, axis=0) for name, rows in problem.items()}
    return task.solution_ids(repeated, filled.reshape(-1, p)).reshape(n, w, t)
