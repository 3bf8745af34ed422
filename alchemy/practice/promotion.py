"""Training on a course that goes on to the next level once a model's answers at the present one are right.

Dimension letters: `s` seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

import jax
import numpy as np

from alchemy.decoding.generate import generate
from alchemy.learning.model import Model, Params
from alchemy.learning.train import (
    Part,
    Progress,
    Session,
    Trained,
    check_finite,
    interrupts_held,
    on_host,
    side_by_side,
)
from alchemy.practice.curriculum import Course, Curriculum, Staged
from alchemy.problem.split import Split, join
from alchemy.problem.streams import stream
from alchemy.problem.task import Task

Look = Callable[[Params, int, np.ndarray], np.ndarray]
"""Shares of right answers float (s,) of weights (s, ...) after so many steps, to problems of levels int (s,)."""


def train_promoted(
    model: Model,
    part: Part,
    course: Course,
    look: Look,
    *,
    directory: Path | None = None,
    save_every: float = 20.0,
    progress: Progress | None = None,
) -> tuple[Trained, np.ndarray]:
    """The models of a part whose data are `Staged`, and the level of each in each stretch of steps, int (s, stretches).

    State is kept and taken up as by `alchemy.learning.train.train`, to the bit. `course` says how, and of how many levels.
    """
    seeds, config, how = part.seeds, part.config, course.curriculum
    training = Session(model, config, seeds, init=part.init, unscored=part.data.unscored)
    losses = np.zeros((len(seeds), config.steps), np.float32)
    levels = np.zeros((len(seeds), -(-config.steps // how.every)), np.int32)
    [losses, levels], done = training.resume(directory, [losses, levels])
    levels = levels.copy()
    known = replace(course, reached=dict(zip(seeds, levels, strict=True)))
    data = part.data
    assert isinstance(data, Staged)
    now = part._replace(data=replace(data, course=known))
    saved_at = monotonic()
    with interrupts_held() as stop:
        while done < config.steps:
            stretch = done // how.every
            ahead = min(done + config.chunk, config.steps, (stretch + 1) * how.every)
            chunk = training.place(side_by_side([now], [0], done, ahead - done))
            loss = training.advance(chunk, training.rates([config] * len(seeds), done, ahead - done))
            losses[:, done:ahead] = on_host(loss)
            done = ahead
            if done % how.every == 0 and done < config.steps:
                right = look(training.params(), done, levels[:, stretch])
                above = levels[:, stretch] + (right >= how.threshold)
                levels[:, stretch + 1] = np.minimum(above, len(how.levels) - 1)
            try:
                stop()
                if progress:
                    progress(done, float(loss.mean()))
            except KeyboardInterrupt:
                if directory:
                    training.save(directory, done, [losses, levels])
                raise
            if directory and monotonic() - saved_at > save_every:
                training.save(directory, done, [losses, levels])
                saved_at = monotonic()
    trained = Trained(training.params(), losses)
    check_finite(trained, seeds, config)
    return trained, levels


def looking(model: Model, curriculum: Curriculum, task: Task, split: Split, seeds: Sequence[int]) -> Look:
    """The share of greedy answers, right behind valid chains, to fresh training problems of each seed's level."""
    levels = curriculum.tasks(task)

    def look(params: Params, step: int, level: np.ndarray) -> np.ndarray:
        right = np.zeros(len(seeds))
        for number in np.unique(level):
            at, rows = levels[number], np.flatnonzero(level == number)
            rngs = [stream("look at a level", seeds[row], step) for row in rows]
            batches = [split.sample(at, rng, curriculum.problems, "train") for rng in rngs]
            batch = join(batches)
            prompts = batch.prompts().reshape(len(rows), curriculum.problems, -1, batch.tokens.shape[-1])
            weights = jax.tree.map(lambda leaf, rows=rows: leaf[rows], params)
            names = [seeds[row] for row in rows]
            room = min(at.max_len - at.shortest_prompt, model.context - prompts.shape[2])
            written = generate(model, weights, prompts, max_new=room, seeds=names)
            judged = at.verify(batch, written.reshape(-1, room))
            right[rows] = (judged.answer & judged.trace).reshape(len(rows), -1).mean(axis=1)
        return right

    return look
