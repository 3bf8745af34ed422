"""What models that are asked at every letter say at the last one, where the answer belongs.

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
from alchemy.problem.task import Batch
from alchemy.record import digest, fingerprint
from tasks.groups import Groups
from tasks.hops import Hops


def right(lab: Lab, runs: Runs, task: Hops | Groups, batch: Batch, label: str) -> np.ndarray:
    """Whether the likeliest token behind the last letter of problems is the answer, bool (s, n).

    The batch has s * n problems, those of the first seed first, of a task without a chain: behind the letters stands one token
    more, which says so, and then the mark and the answer.
    """
    shape, behind = (len(runs.seeds), len(batch.tokens) // len(runs.seeds)), np.array([task.longest_prompt - 1])
    texts = batch.prompts().reshape(*shape, -1, 1)
    names = [fingerprint({"model": name, "texts": digest(own)}) for name, own in zip(runs.names, texts, strict=True)]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        return {"likeliest": own_answers(runs.model, rows_of(runs.trained.params, rows), texts[rows], behind)[..., 0]}

    likeliest = lab.keep("likeliest", runs.model, names, shape[1:], shape[1] * int(behind[0]), make, label)
    letter = 1  # behind the mark of the answer
    return likeliest == batch.completions()[:, letter].reshape(shape)
