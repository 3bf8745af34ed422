"""Whether narrow types are faster than float32 on this machine, as XLA compiles them, on one core.

python benchmarks/narrow.py [OUT.json]

Prints operations a second of products (m, k) x (k, n), of which the second is that of a layer of 32, 128 or 256 coordinates, and tokens
a second of training and of writing, the models and prompts those of graphs in `peers.py`. Nothing else should run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, Literal, get_args

Precision = Literal["float32", "bfloat16"]
SIZES = ((256, 32, 32), (256, 128, 128), (256, 128, 512), (512, 256, 1024), (1024, 1024, 1024))
TYPES = (("float32", "float32"), ("bfloat16", "float32"), ("bfloat16", "bfloat16"), ("int8", "int32"))
"""Of what is multiplied, and of the product."""
TURNS, PRODUCTS = 7, 20
STEPS, TRAINED = 4, 64
"""Training steps of a chunk, and texts of a step."""
PROMPTS, READ, WRITTEN = 256, 70, 32
"""Prompts, tokens of each that are read, and tokens that are written behind them."""


def rate(size: tuple[int, int, int], narrow: str, wide: str) -> float:
    """Operations a second, of the fastest of some turns."""
    import jax
    import jax.numpy as jnp

    m, k, n = size
    left, right = jnp.ones((m, k), narrow), jnp.ones((k, n), narrow)
    product = jax.jit(lambda left, right: jax.lax.dot(left, right, preferred_element_type=jnp.dtype(wide)))
    product(left, right).block_until_ready()
    taken = []
    for _ in range(TURNS):
        began = process_time()
        jax.block_until_ready([product(left, right) for _ in range(PRODUCTS)])
        taken.append((process_time() - began) / PRODUCTS)
    return 2.0 * m * k * n / min(taken)


def training(precision: Precision) -> float:
    """Tokens a second."""
    from peers import graphs

    from alchemy.bench.bench import chunk_seconds

    task, model = graphs()
    return (
        TRAINED * STEPS * task.max_len / median(chunk_seconds(model, task, 1, TRAINED, STEPS, precision=precision)[1:])
    )


def writing(precision: Precision) -> float:
    """Tokens a second."""
    import jax
    import numpy as np
    from peers import graphs

    from alchemy.bench.bench import seconds
    from alchemy.decoding.generate import generate

    task, model = graphs()
    params = jax.tree.map(lambda leaf: leaf[None], model.init(jax.random.key(0)))
    prompts = task.sample(np.random.default_rng(0), PROMPTS).prompts()[:, :READ]
    return PROMPTS * WRITTEN / seconds(lambda: generate(model, params, prompts, max_new=WRITTEN, precision=precision))


def main(out: str = "") -> None:
    """Print a row for each size, and write all of it."""
    from alchemy.learning import machine
    from alchemy.record import commit, write_json

    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    rows: list[dict[str, Any]] = []
    for size in SIZES:
        rates = {f"{narrow} to {wide}": rate(size, narrow, wide) for narrow, wide in TYPES}
        rows.append({"size": size, **rates})
        print(size, *(f"{name} {value / 1e9:.0f} G" for name, value in rates.items()), sep="  ", flush=True)
    works: list[dict[str, Any]] = []
    for turn in range(3):
        for precision in get_args(Precision):
            works.append(
                {"turn": turn, "precision": precision, "training": training(precision), "writing": writing(precision)}
            )
            print(
                *(f"{name} {value:,.0f}" if isinstance(value, float) else value for name, value in works[-1].items()),
                flush=True,
            )
    if out:
        told = {"device": machine.describe(), "commit": commit(), "rows": rows, "tokens a second": works}
        write_json(Path(out), told)


if __name__ == "__main__":
    main(*sys.argv[1:])
