"""Ways to spend inference tokens, one file each; the file's name is the strategy's.

A strategy is a frozen dataclass whose fields are its dials, and one method. One that searches writes its chains itself,
in `answer` (see `alchemy.strategies.tree`). One that forces has `forcing`, which says how long its one chain thinks
(see `alchemy.forcing`). A *replayed* one chooses among independent answers and so can be replayed on
the answers of a bank.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from alchemy.bank import Bank
from alchemy.ledger import Ledger


class Replayed(Protocol):
    """A way to spend independent answers."""

    def replay(self, bank: Bank, n: int | np.ndarray, rng: np.random.Generator | None) -> tuple[np.ndarray, Ledger]:
        """The probability that the strategy is right, float (s, n), and what it paid.

        `n` is how many answers of a problem it may draw, the same for all or int (n,) or (s, n); for strategies that
        move answers between problems, how many in the mean. They are drawn in random order without replacement, or,
        without `rng`, as they lie in the bank.
        """
        ...
