"""Whether products of narrow types are faster than those of float32 on this machine, as XLA compiles them, on one core.

python benchmarks/narrow.py [OUT.json]

Prints operations a second of products (m, k) x (k, n), of which the second is that of a layer of 32, 128 or 256 coordinates. Nothing
else should run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import process_time
from typing import Any

SIZES = ((256, 32, 32), (256, 128, 128), (256, 128, 512), (512, 256, 1024), (1024, 1024, 1024))
TYPES = (("float32", "float32"), ("bfloat16", "float32"), ("bfloat16", "bfloat16"), ("int8", "int32"))
"""Of what is multiplied, and of the product."""
TURNS, PRODUCTS = 7, 20


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
    if out:
        write_json(Path(out), {"device": machine.describe(), "commit": commit(), "rows": rows})


if __name__ == "__main__":
    main(*sys.argv[1:])
