"""What models that are asked at every letter say at the last one, where the answer to a held-out problem belongs.

Dimension letters: `s` seeds, `n` problems of each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alchemy.causal.readout import own_answers
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.learning.train import Runs
from alchemy.record import digest, fingerprint
from tasks.groups import Groups
from tasks.hops import Hops


def right(lab: Lab, runs: Runs, task: Hops | Groups, n: int, label: str) -> np.ndarray:
    """Whether the likeliest token behind the last letter of `n` held-out problems is the answer, bool (s, n).

    The task has no chain: behind the letters stands one token more, which says so, and then the mark and the answer.
    """
    batch = lab.held_out(task, n, runs.seeds)
    shape, behind = (len(runs.seeds), n), np.array([task.longest_prompt - 1])
    texts = batch.prompts().reshape(*shape, -1, 1)
    names = [fingerprint({"model": name, "texts": digest(own)}) for name, own in zip(runs.names, texts, strict=True)]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        return {"likeliest": own_answers(runs.model, rows_of(runs.trained.params, rows), texts[rows], behind)[..., 0]}

    likeliest = lab.keep("likeliest", runs.model, names, shape[1:], n * int(behind[0]), make, label)
    letter = 1  # behind the mark of the answer
    return likeliest == batch.completions()[:, letter].reshape(shape)
