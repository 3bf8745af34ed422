"""Format noise over the prompts of any task; the gold completion is untouched."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.shift import Noise
from alchemy.problem.task import (
    NOISE,
    PAD,
    Batch,
    Field,
)

GROWING = ("insert", "hybrid")


def growth(noise: Noise | None, longest_prompt: int) -> int:
    """Columns that `perturb` adds to a batch whose longest prompt has so many tokens."""
    return longest_prompt if noise is not None and noise.mode in GROWING else 0


def perturb(
    batch: Batch,
    noise: Noise,
    prompt_fields: tuple[str, ...],
    rng: np.random.Generator,
    longest_prompt: int | None = None,
) -> Batch:
    """The batch with each prompt token of the noise's field hit with probability `p`.

    `longest_prompt` (tokens; of the batch unless given) fixes the new width, so that every batch of a task has one
    shape. A noise symbol belongs to the field of the token it stands before or replaces; of a position that carries
    several ids it is the first, the others are padding. Raises `UserError` on a field the task does not have.
    """
    hit = _targets(batch, noise, prompt_fields) & (rng.random(batch.field.shape) < noise.p)
    inserted, deleted, modified = _kinds(hit, noise.mode, rng)
    line = batch.field != Field.PADDING
    after = np.cumsum(line * (1 + inserted.astype(np.int32) - deleted), axis=1, dtype=np.int32)
    longest = int(batch.prompt_len.max(initial=0)) if longest_prompt is None else longest_prompt
    width = batch.tokens.shape[1] + growth(noise, longest)

    n, _, c = batch.tokens.shape
    tokens = np.full((n, width, c), PAD, np.int32)
    field = np.full((n, width), Field.PADDING, np.int8)
    told = None if batch.told is None else np.zeros((n, width), bool)
    symbol = np.full(c, PAD, np.int32)
    symbol[0] = NOISE
    kept = line & ~deleted
    row, column = np.nonzero(kept)
    tokens[row, after[kept] - 1] = np.where(modified[..., None], symbol, batch.tokens)[kept]
    field[row, after[kept] - 1] = batch.field[kept]
    if told is not None and batch.told is not None:
        told[row, after[kept] - 1] = batch.told[kept]
    row, column = np.nonzero(inserted)
    tokens[row, after[inserted] - 2] = symbol
    field[row, after[inserted] - 2] = batch.field[row, column]
    prompt_len = (batch.prompt_len + inserted.sum(axis=1) - deleted.sum(axis=1)).astype(np.int32)
    return Batch(tokens, prompt_len, field, batch.problem, told)


def _targets(batch: Batch, noise: Noise, prompt_fields: tuple[str, ...]) -> np.ndarray:
    """The prompt tokens the noise may hit, bool (n, t)."""
    check_field(noise, prompt_fields)
    if noise.field == "all":
        return (batch.field >= 0) & (batch.field < len(prompt_fields))
    return batch.field == prompt_fields.index(noise.field)


def check_field(noise: Noise, prompt_fields: tuple[str, ...]) -> None:
    """Raises `UserError` if the noise names a field that prompts do not have."""
    if noise.field not in ("all", *prompt_fields):
        raise UserError(f"noise field {noise.field!r} is unknown{nearest(noise.field, ('all', *prompt_fields))}")


def _kinds(hit: np.ndarray, mode: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What becomes of each hit token: (inserted before, deleted, modified), bool (n, t) each."""
    if mode == "hybrid":
        kind = rng.integers(3, size=hit.shape, dtype=np.int8)
    else:
        kind = np.full(hit.shape, ("insert", "delete", "modify").index(mode), np.int8)
    return hit & (kind == 0), hit & (kind == 1), hit & (kind == 2)
