"""What drafting could gain at most on this machine: tokens that are read several at once beside as many that are read one by one.

python benchmarks/drafting.py [OUT.json]

Greedy text that is guessed ahead is read several tokens at once, and kept as far as it is what the model would have written. Were
every guess right and cost nothing, writing would take as long as this reading. Prints microseconds a token of each text, for
batches of so many; the models and prompts are those of `peers.py`. Nothing else should run.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from peers import graphs, letters

BATCHES = 1, 32, 256, 2048
AT_ONCE = 1, 2, 4, 8
WRITTEN = {"letters": 8, "graphs": 32}
"""Tokens behind a prompt; so many fit every number read at once."""


def microseconds(task: Any, model: Any, batch: int, written: int, at_once: int) -> float:
    """A token of a text, of `batch` texts side by side whose prompts were read before."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from alchemy.bench.bench import seconds
    from alchemy.decoding.cache import branch

    params = model.init(jax.random.key(0))
    prompts = task.sample(np.random.default_rng(0), batch).prompts()
    empty = model.init_cache(batch, prompts.shape[1], jnp.float32)
    _, cache = jax.jit(partial(model.extend, last=True))(params, empty, prompts)
    cache = branch(model, cache, 1, written)

    @jax.jit
    def read(params: Any, cache: Any, tokens: jax.Array) -> jax.Array:
        """Each piece is read when the one before it is; the likeliest tokens behind all of them."""

        def piece(cache: Any, tokens: jax.Array) -> tuple[Any, jax.Array]:
            logits, cache = model.extend(params, cache, tokens)
            return cache, logits.argmax(axis=-1)

        return jax.lax.scan(piece, cache, tokens)[1]

    tokens = jnp.full((written // at_once, batch, at_once, prompts.shape[2]), 3, jnp.int32)
    taken = seconds(lambda: read(params, cache, tokens).block_until_ready(), repeats=15)
    return taken / (batch * written) * 1e6


def main(out: str = "") -> None:
    """Print a row for each model and batch, and write all of it."""
    from alchemy.learning import machine
    from alchemy.record import commit, write_json

    machine.prepare()
    rows: list[dict[str, Any]] = []
    for name, (task, model) in {"letters": letters(), "graphs": graphs()}.items():
        for batch in BATCHES:
            taken = {at_once: microseconds(task, model, batch, WRITTEN[name], at_once) for at_once in AT_ONCE}
            rows.append({"model": name, "batch": batch, "microseconds a token, by tokens read at once": taken})
            print(
                name,
                batch,
                *(f"{at_once} at once {value:.2f}" for at_once, value in taken.items()),
                sep="  ",
                flush=True,
            )
    if out:
        write_json(Path(out), {"device": machine.describe(), "commit": commit(), "rows": rows})


if __name__ == "__main__":
    main(*sys.argv[1:])
