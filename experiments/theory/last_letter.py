"""What models say at one place of a text, such as the last letter, where those that are asked at every letter give the answer.

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
    shape, letter = (len(runs.seeds), len(batch.tokens) // len(runs.seeds)), 1  # behind the mark of the answer
    return said(lab, runs, batch.prompts().reshape(*shape, -1, 1), label) == batch.completions()[:, letter].reshape(
        shape
    )


def said(lab: Lab, runs: Runs, texts: np.ndarray, label: str) -> np.ndarray:
    """The likeliest token in place of the last one of texts int32 (s, n, t, c): int32 (s, n)."""
    names = [fingerprint({"model": name, "texts": digest(own)}) for name, own in zip(runs.names, texts, strict=True)]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params = rows_of(runs.trained.params, rows)
        return {"likeliest": own_answers(runs.model, params, texts[rows], np.array([last]))[..., 0]}

    n, last = texts.shape[1], texts.shape[2] - 1
    return lab.keep("likeliest", runs.model, names, (n,), n * last, make, label)
