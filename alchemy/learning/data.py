"""Training examples: rendered batches as arrays with a loss mask, from a finite set or an endless stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import PAD, Batch

Loss = Literal["completion", "sequence"]
Padding = Literal["none", "pad", "group"]


class Examples(NamedTuple):
    """What a training step reads."""

    tokens: np.ndarray  # int32 (..., t, c)
    weight: np.ndarray  # bool (..., t): whether predicting this token counts
    target: np.ndarray | None = None  # int32 (..., t): what is to be predicted instead of the tokens


class Data(Protocol):
    """Where training examples come from; chunk i of seed s is a pure function of (s, i)."""

    @property
    def unscored(self) -> int:
        """Leading tokens without a loss in every example, as those of the shortest prompt; 0 where that is not known."""

    def table(self) -> Examples | None:
        """A finite set to hold on the device, whose rows `chunk` then names; None for a stream."""

    def chunk(self, seed: int, start: int, steps: int, batch: int) -> Examples | np.ndarray:
        """Examples (steps, batch, t[, c]) for steps start, start + 1, ..., or their rows int32 (steps, batch)."""


def examples(batch: Batch, loss: Loss = "completion", padding: Padding = "none", context: int = 0) -> Examples:
    """A batch as training examples.

    `completion` scores what follows the prompt, `sequence` every token, as plain causal language modelling does; what an
    environment told is scored by neither (arXiv:2503.09516).
    `pad` right-pads every line to `context`; `group` joins the lines end to end and cuts blocks of `context`
    tokens, the rest dropped (arXiv:2508.01191, section 6, padding strategies).
    """
    if padding != "none" and batch.tokens.shape[1] > context:
        raise UserError(f"lines of {batch.tokens.shape[1]} tokens do not fit a context of {context}")
    weight = batch.text != PAD
    if loss == "completion":
        weight &= np.arange(weight.shape[1]) >= batch.prompt_len[:, None]
    if batch.told is not None:
        weight &= ~batch.told
    if padding == "none":
        return Examples(batch.tokens, weight)
    if padding == "pad":
        extra = context - weight.shape[1]
        return Examples(np.pad(batch.tokens, ((0, 0), (0, extra), (0, 0))), np.pad(weight, ((0, 0), (0, extra))))
    real = batch.text != PAD
    blocks = int(real.sum()) // context
    if not blocks:
        raise UserError(f"{int(real.sum())} tokens do not fill one block of {context}")
    tokens = batch.tokens[real][: blocks * context]
    return Examples(tokens.reshape(blocks, context, -1), weight[real][: blocks * context].reshape(blocks, context))


def joined(sets: Sequence[Examples]) -> Examples:
    """Sets end to end, their lines as long as the longest."""
    width = max(examples.tokens.shape[1] for examples in sets)

    def padded(rows: np.ndarray) -> np.ndarray:
        return np.pad(rows, [(0, 0), (0, width - rows.shape[1])] + [(0, 0)] * (rows.ndim - 2))

    fields = zip(*sets, strict=True)
    return Examples(*(None if rows[0] is None else np.concatenate(list(map(padded, rows))) for rows in fields))


@dataclass(frozen=True)
class Stream:
    """Fresh problems at every step; `draw(seed, step, n)` makes `n` examples, the same for the same arguments."""

    draw: Callable[[int, int, int], Examples]
    unscored: int = 0

    def table(self) -> None:
        return None

    def chunk(self, seed: int, start: int, steps: int, batch: int) -> Examples:
        drawn = self.draw(seed, start, steps * batch)
        return Examples(*(rows if rows is None else rows.reshape(steps, batch, *rows.shape[1:]) for rows in drawn))


@dataclass(frozen=True, eq=False)
class Finite:
    """Fixed sets, end to end in `rows`, one for each of `seeds`; every epoch in a fresh order."""

    rows: Examples
    seeds: tuple[int, ...]
    sizes: tuple[int, ...] = ()
    """Rows of each seed's set; by default they are of equal size."""
    unscored: int = 0

    def table(self) -> Examples:
        return self.rows

    def chunk(self, seed: int, start: int, steps: int, batch: int) -> np.ndarray:
        sizes = self.sizes or (len(self.rows.tokens) // len(self.seeds),) * len(self.seeds)
        place = self.seeds.index(seed)
        n = sizes[place]
        first, last = start * batch, (start + steps) * batch
        epochs = range(first // n, -(-last // n))
        order = np.concatenate([np.random.default_rng([seed, epoch]).permutation(n) for epoch in epochs])
        order = order[first - first // n * n :][: last - first]
        return (order + sum(sizes[:place])).astype(np.int32).reshape(steps, batch)
