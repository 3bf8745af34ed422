"""How much a device works at at once: numbers that decide how fast the work goes, and nothing else.

Dimension letters: `n` sequences, `t` tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import inf
from typing import Any

import jax

from alchemy.learning.machine import on_cpu
from alchemy.learning.model import Model

MICROBATCH = 256
"""Tokens of a training batch whose activations fit a core's caches beside a model of at most `LIGHT` weights; twice as many
where no activations are saved for a backward pass, or where the model is larger."""
LIGHT = 1 << 17
"""Weights whose gradients a core's second cache holds beside all else: larger ones are better accumulated less often."""
COPIES = 1 << 24
"""Weights that the copies of a model hold at most, where each microbatch has a copy of its own."""
KV_BYTES = 12 << 20
"""Bytes of keys and values that a core decodes with at once: those of more texts come from memory with every token."""

BRIEF = 10**11
"""Operations of a model in a draw up to which a CPU has done them sooner than a program that saves some of them is made."""
FEWEST, FEW = 16, 256
"""Problems that are read at once in brief draws: all have one of two sizes, so that those of a model share their programs."""
TINY = 128
"""Numbers that a model keeps of a token from which on it is not `tiny`."""
WIDE = 32
"""Widths of what a tiny model reads and writes are multiples of this."""


def tiny(model: Model) -> bool:
    """Whether programs for a model cost more than all that they do: few are made, which also do what is not needed.

    It keeps something of every token, and little; what reads all of a text at once is never tiny, as padding would be read.
    """
    return 0 < kept_of_token(model) < TINY


def brief_rows(n: int) -> int:
    """Problems that a draw of `n` reads at once if it is `brief`."""
    return FEWEST if n <= FEWEST else FEW


def brief(weights: int, n: int, samples: int, tokens: int) -> bool:
    """Whether a draw of `n` problems, `samples` texts of each and so many tokens a text, costs less than programs made for it.

    Then one that other draws of the model can have, too, is better than one that skips what is not needed.
    """
    texts = -(-n // brief_rows(n)) * brief_rows(n) * samples
    return on_cpu() and 2 * weights * texts * tokens <= BRIEF


@lru_cache(maxsize=64)
def kept_of_token(model: Model) -> int:
    """Numbers that a model keeps of a token; 0 without a cache, or where all that it keeps is of a whole text."""
    if not hasattr(model, "init_cache"):
        return 0
    caches = [jax.eval_shape(lambda length=length: model.init_cache(1, length)) for length in (1, 2)]
    one, two = (sum(leaf.size for leaf in jax.tree.leaves(cache)) for cache in caches)
    return two - one


def microbatches(n: int, t: int, weights: int) -> int:
    """Into how many microbatches a batch of a model of so many weights is divided, whose gradients are accumulated.

    On a CPU one after the other, each so small that a core's nearest cache holds the activations saved for the backward
    pass. On an accelerator side by side, each with weights of its own: the gradient of a small matrix has few rows and
    columns, each a sum over very many tokens, at which few processors can work; over microbatches there are as many such
    matrices.
    """
    if on_cpu():
        tokens = MICROBATCH if weights <= LIGHT else 2 * MICROBATCH
        return next(count for count in range(1, n + 1) if n % count == 0 and n // count <= max(1, tokens // t))
    counts = (count for count in (32, 16, 8, 4, 2) if n % count == 0 and n >= 32 * count and count * weights <= COPIES)
    return next(counts, 1)


def prompt_groups(n: int, t: int) -> int:
    """Into how many groups prompts are divided, which are read one after the other: on a CPU such that its nearest caches
    hold a layer's activations.
    """
    if not on_cpu():
        return 1
    return next(count for count in range(1, n + 1) if n % count == 0 and n // count <= max(1, 2 * MICROBATCH // t))


def decoded_rows(size: int = 0) -> int:
    """Texts that a device writes at once, each with `size` bytes of KV cache: as many as a core's caches hold, or as fill
    an accelerator.
    """
    return max(1, min(512, KV_BYTES // max(1, size))) if on_cpu() else 8192


def scored_tokens() -> int:
    """Tokens that a device reads at once: as many as a core's caches hold vectors for, or as fill an accelerator."""
    return 3072 if on_cpu() else 1 << 19


def model_bytes() -> float:
    """Bytes of a device's memory for weights, gradients and moments, half of it; without a bound on a CPU, whose devices share
    the machine's.
    """
    if on_cpu():
        return inf
    return float((jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", inf)) / 2


def in_parallel() -> bool:
    """Whether seeds, and microbatches, are worked at all at once; in turn on a CPU, whose cache holds one."""
    return not on_cpu()


def map_seeds(work: Callable[[Any], Any], stacked: Any) -> Any:
    """`work` for each seed of `stacked`, leaves (s, ...): `in_parallel` or in turn."""
    return jax.vmap(work)(stacked) if in_parallel() else jax.lax.map(work, stacked)
