"""Who chooses among trajectories: the rules themselves, a vote, what the model says of its own boards, or how still it is.

Each takes arrays of trajectories (..., w, t, ...), which are read after each of t steps, and says whether the board that is chosen
solves the problem, bool (...). On tasks whose rules a user can check, `checked` is what a user has and no oracle: that one of w
boards is right is seen by looking. A deep trajectory may be looked at after every step, a wide one at its end.

Dimension letters: `w` trajectories, `t` steps, `p` cells.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from alchemy.problem.split import hash_rows


def checked(solved: np.ndarray, every_step: bool = False) -> np.ndarray:
    """Whether a check of the rules finds a right board among the last ones of solved bool (..., w, t), or among all of them."""
    return cast(np.ndarray, (solved if every_step else solved[..., -1:]).any(axis=(-2, -1)))


def majority(filled: np.ndarray, solved: np.ndarray) -> np.ndarray:
    """The last board that most trajectories of filled int (..., w, t, p) agree on; of equals the one that came first."""
    boards = filled[..., -1, :]
    flat = boards.reshape(-1, boards.shape[-1]).astype(np.int64)
    codes = hash_rows(flat, np.ones(flat.shape, bool)).reshape(boards.shape[:-1])
    votes = (codes[..., :, None] == codes[..., None, :]).sum(axis=-1)
    return _of(solved[..., -1], votes.argmax(axis=-1))


def highest(score: np.ndarray, solved: np.ndarray) -> np.ndarray:
    """The last board of the trajectory with the highest score (..., w, t) at its end."""
    return _of(solved[..., -1], score[..., -1].argmax(axis=-1))


def first_to_halt(halt: np.ndarray, solved: np.ndarray) -> np.ndarray:
    """The board of the trajectory that first says it is done, log odds halt (..., w, t) above 0: of several at one step the
    surest, and where none ever does, the surest in the end (arXiv:2601.10679)."""
    done = (halt > 0).any(axis=-2)  # (..., t)
    step = np.where(done.any(axis=-1), done.argmax(axis=-1), halt.shape[-1] - 1)[..., None, None]
    now, right = (np.take_along_axis(array, step, axis=-1)[..., 0] for array in (halt, solved))
    return _of(right, now.argmax(axis=-1))


def missed_by_selection(found: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Share of failures bool (s, n) of a selector whose right board was there, float (s,); nan without failures."""
    failed = ~chosen
    with np.errstate(invalid="ignore"):
        return cast(np.ndarray, (found & failed).sum(axis=1) / failed.sum(axis=1))


def coverage(solution: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Distinct solutions among boards of solution int64 (..., k), -1 for none, as a share of the count (...) that there are."""
    ordered = np.sort(solution, axis=-1)
    found = (ordered[..., :1] >= 0).sum(axis=-1)
    found = found + ((ordered[..., 1:] != ordered[..., :-1]) & (ordered[..., 1:] >= 0)).sum(axis=-1)
    return cast(np.ndarray, found / count)


def _of(right: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.take_along_axis(right, chosen[..., None], axis=-1)[..., 0]
