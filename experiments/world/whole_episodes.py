"""What agents do in episodes: all turns of each, and the answer after every number of them.

Dimension letters: `s` seeds, `n` questions of each, `t` turns, `w` tokens of a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from alchemy.decoding.episodes import play
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.learning.train import Runs
from alchemy.problem.task import PAD, Batch
from alchemy.record import fingerprint, plain
from experiments.world import agents


class Episodes(NamedTuple):
    """Episodes of held-out questions."""

    batch: Batch
    """s * n questions."""
    answers: np.ndarray
    """Ids of the answers after 0, 1, ... turns, int32 (s, n, t + 1)."""
    made: np.ndarray
    """Turns before an agent answers by itself, int32 (s, n)."""
    turns: np.ndarray
    """Int32 (s, n, t, w), padding behind those that were made."""

    def completions(self, made: np.ndarray | int) -> np.ndarray:
        """The first `made` turns of each, as texts without an answer: int32 (s n, t w)."""
        s, n, t, w = self.turns.shape
        there = np.arange(t) < np.broadcast_to(made, (s, n))[:, :, None]
        return np.where(there[..., None], self.turns, PAD).reshape(s * n, t * w)


def played(
    lab: Lab, runs: Runs, task: Any, n: int, turns: int, label: str, *, goes_on: bool = False, later: int = 0
) -> Episodes:
    """Episodes of so many turns to `n` held-out questions for each seed; with `goes_on` no agent answers before all are made.

    `later` leaves out the luck of so many searches of each world: the same questions, and other luck.
    """
    batch, shape = lab.held_out(task, n, runs.seeds), (len(runs.seeds), n)
    prompts = batch.prompts().reshape(*shape, -1, 1)
    worlds = {name: array.reshape(*shape, *array.shape[1:]) for name, array in task.episodes(batch.problem).items()}
    worlds = {name: array if name in KNOWN else array[:, :, later:] for name, array in worlds.items()}
    own = {"task": plain(task), "turns": turns, "n": n, "tests": lab.tests, "split": plain(lab.split)}
    own |= {"goes on": goes_on, "later": later}
    names = [
        fingerprint({**own, "model": name, "seed": seed}) for name, seed in zip(runs.names, runs.seeds, strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params = rows_of(runs.trained.params, rows)
        mine: Mapping[str, np.ndarray] = {name: array[rows] for name, array in worlds.items()}
        made = play(runs.model, params, prompts[rows], task.environment, mine, turns=turns, goes_on=goes_on)
        texts = made.turns.reshape(*made.turns.shape[:2], -1)
        return {"whole episodes": np.concatenate([made.answers, made.made[:, :, None], texts], axis=2)}

    width = turns + 2 + turns * task.turn
    tokens = n * (prompts.shape[2] + (task.turn + 1) * turns)
    kept = lab.keep("whole episodes", runs.model, names, (n, width), tokens, make, label)
    answers, made = kept[:, :, : turns + 1], kept[:, :, turns + 1]
    agents.show(lab, runs, task, batch, kept, answers[:, :, -1], made)
    found = Episodes(batch, answers, made, kept[:, :, turns + 2 :].reshape(*shape, turns, task.turn))
    return found._replace(turns=found.completions(made).reshape(found.turns.shape))


KNOWN = ("world", "badges")
"""What is not luck of a search."""
