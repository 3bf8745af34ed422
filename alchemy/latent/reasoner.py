"""What a recursive reasoner must offer: it refines a latent state of a whole board, and can be read after every step.

Dimension letters: `n` boards, `p` cells of a board, `c` ids a cell carries, `a` values of a cell, `d` width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from alchemy.learning.model import Params, WithLoss

if TYPE_CHECKING:
    import jax

    from alchemy.learning.data import Examples


class State(NamedTuple):
    """What a reasoner carries from step to step."""

    high: jax.Array  # (n, p, d): what is read, and where trajectories part
    low: jax.Array  # (n, p, d): what works between two changes of it; (n, 1, d), which nothing reads, without


class Reading(NamedTuple):
    """What a state says."""

    logits: jax.Array  # float32 (n, p, a)
    halt: jax.Array  # float32 (n,): log odds that the board as it is read now is the solution that training shows
    value: jax.Array  # float32 (n,): log odds that it will be after as many steps as in training


class Diagnosis(NamedTuple):
    """What noise does after the last step of training, a number a board; of the divergence zero without a posterior."""

    divergence: jax.Array  # float32 (n,): nats a cell by which posterior and prior differ
    prior_size: jax.Array  # float32 (n,): mean standard deviation
    prior_mean: jax.Array  # float32 (n,): root mean square
    posterior_right: jax.Array  # float32 (n,): whether the blanks are the solution's where noise was told it
    prior_right: jax.Array  # float32 (n,): whether they are where it was not


class Reasoner(WithLoss, Protocol):
    """A hashable description of an architecture; it holds no arrays.

    Rows do not touch each other: a board's trajectory depends on its tokens and its key alone, whatever else is in the batch.
    """

    supervision: int
    """Steps that training takes: depth 1x."""
    cells: int

    @property
    def learns_noise(self) -> bool:
        """Whether noise has a size that is learned, which `diagnose` tells."""

    @property
    def taught(self) -> tuple[str, ...]:
        """What the loss corrects: a model that was taught something else is another one, and is kept apart."""

    @property
    def step_cost(self) -> int:
        """Multiplications of one step of one board, by formula from shapes."""

    def embed(self, params: Params, tokens: jax.Array) -> jax.Array:
        """Boards int (n, p, c) as vectors (n, p, d), which every step reads again."""

    def start(self, params: Params, keys: jax.Array) -> State:
        """The states that trajectories start from; `keys` (n,) draw them where they are random."""

    def step(self, params: Params, embedded: jax.Array, state: State, keys: jax.Array) -> State:
        """One step, after which training would read and correct; what is random in it is drawn from `keys` (n,)."""

    def read(self, params: Params, state: State) -> Reading:
        """What the states say; nothing changes."""

    def diagnose(self, params: Params, examples: Examples, keys: jax.Array) -> Diagnosis:
        """What noise does on boards whose solutions are shown, after as many steps as in training."""
