"""Results kept seed by seed: those that are stored are loaded, the others are made together and stored one by one.

Dimension letters: `s` seeds, `n` problems of each, `k` completions of a problem, `m` tokens of a completion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from alchemy.lab import store
from alchemy.learning.model import Model
from alchemy.problem.task import PAD
from alchemy.progress import Stage
from alchemy.record import fingerprint

Make = Callable[[list[int], store.Pieces, Callable[[int], None]], Mapping[str, np.ndarray]]
"""Makes named arrays (rows, ...) for some seeds, given their rows, the pieces there are already, and whom to tell progress."""


@dataclass(eq=False)
class Unmade(Exception):
    """Raised by a lab that only looks: a result of which not every seed's part is there."""

    model: Model
    paths: Sequence[Path]
    """Where its parts are kept, a seed each."""
    missing: int
    tokens: int
    """What the model reads and writes for one part, at most."""
    holds: Sequence[str]
    """The names of its arrays."""


def fetch(
    paths: Sequence[Path], shapes: Mapping[str, tuple[int | None, ...]], make: Make, stage: Stage
) -> list[store.Stored]:
    """The results kept at `paths`, a seed each, with arrays of these names and shapes; `make` makes those that are missing.

    All paths lie in one folder. What an interrupted run left of the missing ones lies there too, and is gone on with.
    """
    missing = _missing(paths, shapes)
    if not missing:
        stage.skip()
    while missing:
        unfinished = paths[0].parent / f"{fingerprint({'unfinished': [paths[i].stem for i in missing]})}.parts"
        with store.alone(unfinished, stage.say):
            if (still := _missing(paths, shapes)) == missing:
                with _pieces(unfinished) as pieces:
                    made = make(missing, pieces, stage.update)
                    seconds = pieces.spent / len(missing)
                    for row, i in enumerate(missing):
                        store.save(paths[i], {name: array[row : row + 1] for name, array in made.items()}, seconds)
                still = []
        missing = still
    return [store.load(path, shapes) for path in paths]


def _missing(paths: Sequence[Path], shapes: Mapping[str, tuple[int | None, ...]]) -> list[int]:
    """Which of the results are not there."""
    return [i for i, path in enumerate(paths) if store.load(path, shapes) is None]


def rows_of(tree: Any, rows: Sequence[int]) -> Any:
    """Some of the seeds of a tree with leaves (s, ...)."""
    return jax.tree.map(lambda leaf: leaf[np.asarray(rows)], tree)


def padded(completions: Sequence[np.ndarray]) -> np.ndarray:
    """Completions (1, n, k, m) of several seeds, m by seed, as one array (s, n, k, most)."""
    most = max(rows.shape[-1] for rows in completions)
    return np.concatenate(
        [
            np.pad(rows, ((0, 0), (0, 0), (0, 0), (0, most - rows.shape[-1])), constant_values=PAD)
            for rows in completions
        ]
    )


@contextmanager
def _pieces(home: Path) -> Iterator[store.Pieces]:
    """Pieces of a result: kept when it is interrupted, forgotten once it is there."""
    pieces = store.Pieces(home)
    try:
        yield pieces
    except KeyboardInterrupt:
        pieces.save()
        raise
    pieces.drop()
