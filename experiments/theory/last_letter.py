"""What models say at one place of a text, such as the last letter, where those that are asked at every letter give the answer.

Dimension letters: `s` seeds, `n` problems of each, `t` tokens, `c` ids a position carries, `k` places.
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
from tasks.trees import Trees


def right(lab: Lab, runs: Runs, task: Hops | Groups | Trees, batch: Batch, label: str) -> np.ndarray:
    """Whether the likeliest token behind the last letter of problems is the answer, bool (s, n).

    The batch has s * n problems, those of the first seed first, of a task without a chain: behind the letters stands one token
    more, which says so, and then the mark and the answer.
    """
    texts = batch.prompts().reshape(len(runs.seeds), -1, *batch.prompts().shape[1:])
    letter = 1  # behind the mark of the answer
    last = np.array([texts.shape[2] - 1])
    return said(lab, runs, texts, last, label)[..., 0] == batch.completions()[:, letter].reshape(texts.shape[:2])


def said(lab: Lab, runs: Runs, texts: np.ndarray, places: np.ndarray, label: str) -> np.ndarray:
    """The likeliest token at each of some places int (k,) of texts int32 (s, n, t, c), behind what stands there before it: int32
    (s, n, k)."""
    names = [
        fingerprint({"model": name, "texts": digest(own), "places": places.tolist()})
        for name, own in zip(runs.names, texts, strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params = rows_of(runs.trained.params, rows)
        each = [own_answers(runs.model, params, texts[rows], place) for place in places[:, None]]
        return {"likeliest": np.concatenate(each, axis=2)}

    n = texts.shape[1]
    return lab.keep("likeliest", runs.model, names, (n, len(places)), n * int(places.sum()), make, label)
