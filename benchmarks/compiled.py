"""What XLA makes of the lab's programs for an accelerator that is not here: kernels and bytes of a training step, memory.

python benchmarks/compiled.py gpu|tpu OUT.json [COMMIT]

Nothing runs. Beside what the lab needs, gpu asks for jax-cuda12-plugin and jax-cuda12-pjrt of jax's version and compiles for an
H100 (for an H200 the same), tpu asks for the libtpu that jax names and compiles for one chip of a TPU v5e. COMMIT is that of
the tree, if it is not the one around this file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"  # what is here
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_gpu_autotune_level=0"  # as no kernel can be tried
os.environ["TPU_SKIP_MDS_QUERY"] = "1"

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from peers import letters
from traffic import kernels

BATCH, STEPS = 256, 4
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128 block_dim_limit_x: 2147483647 block_dim_limit_y: 65535
  block_dim_limit_z: 65535 memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98
  device_memory_size: 84929347584 shared_memory_per_block_optin: 232448 cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
runtime_version { major: 12 minor: 9 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
TOPOLOGIES: dict[str, dict[str, Any]] = {
    "gpu": dict(platform="cuda", topology_name="one", topology="1x1x1", target_config=H100),
    "tpu": dict(platform="tpu", topology_name="v5e:2x2", chips_per_host_bounds=(2, 2, 1), num_slices=1),
}


def training(device: Any, seeds: int) -> Any:
    """A few training steps of 4 x 32 on symbols, compiled, as `alchemy bench` has them."""
    from alchemy.learning import train
    from alchemy.learning.data import examples
    from alchemy.learning.optimizers import compiled_part, schedule
    from alchemy.problem.split import Split, train_chunk

    task, model = letters()
    mesh = Mesh(np.array([[device]]), ("seed", "data"))
    config = train.TrainConfig(steps=STEPS, batch=BATCH, chunk=STEPS)
    keys = jax.eval_shape(lambda: jax.vmap(jax.random.key)(jnp.arange(seeds)))
    state = jax.eval_shape(lambda keys: train._start(model, config, keys, None), keys)
    drawn = examples(train_chunk(task, Split(), 0, 0, BATCH), "sequence")
    chunk = jax.tree.map(lambda rows: jax.ShapeDtypeStruct((seeds, STEPS, *rows.shape), rows.dtype), drawn)
    state, keys = (_placed(tree, mesh, P("seed")) for tree in (state, keys))
    chunk, rates = _placed(chunk, mesh, P("seed", None, "data")), _placed(schedule(config, 0, STEPS), mesh, P())
    return train._runner(model, compiled_part(config), mesh, True, 0).lower(state, keys, None, chunk, rates)


def writing(device: Any, rows: int) -> Any:
    """Greedy completions of so many lines by 4 x 32, compiled."""
    from alchemy.decoding import generate
    from alchemy.decoding.engine import Engine

    task, model = letters()
    mesh = Mesh(np.array([device]), ("data",))
    batch = task.sample(np.random.default_rng(0), 8)
    params = jax.eval_shape(lambda: jax.tree.map(lambda leaf: leaf[None], model.init(jax.random.key(0))))
    prompts = jax.ShapeDtypeStruct((1, rows, 8, batch.prompts().shape[2]), jnp.int32)
    problems = jax.ShapeDtypeStruct((1, rows), jnp.int32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    options = (jnp.float32(0), jnp.int32(16), jnp.zeros(0, jnp.int32), jnp.zeros(1, jnp.int32), key)
    split = [_placed(array, mesh, P(None, "data")) for array in (prompts, problems)]
    params, *options = (_placed(tree, mesh, P()) for tree in (params, *options))
    return generate._runner(Engine(model, sampled=False), 16, 1, mesh, "auto").lower(params, *split, *options)


def _placed(tree: Any, mesh: Mesh, spec: P) -> Any:
    """The same by shape, on devices."""
    where = NamedSharding(mesh, spec)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where), tree)


def measure(platform: str, out: str, commit: str = "") -> None:
    """Every program, compiled and counted."""
    from alchemy.learning import machine
    from alchemy.record import commit as here
    from alchemy.record import write_json

    try:
        device = topologies.get_topology_desc(**TOPOLOGIES[platform]).devices[0]
    except (NotImplementedError, RuntimeError, OSError) as problem:
        sys.exit(f"nothing here compiles for a {platform}: {problem}")
    jax.default_backend = lambda: platform  # the lab asks it how to go about things
    works: dict[str, Callable[[], Any]] = {
        **{
            f"train 4 x 32, {seeds} x {BATCH} a step": lambda seeds=seeds: training(device, seeds)
            for seeds in (1, 8, 64)
        },
        "write 8192 lines with 4 x 32": lambda: writing(device, 8192),
    }
    rows, at = [], commit or here()
    for work, lower in works.items():
        lowered, began = lower(), perf_counter()
        program = lowered.compile()
        seconds = perf_counter() - began
        row = {"work": work, "compile seconds": seconds, "memory": program.memory_analysis().temp_size_in_bytes}
        if work.startswith("train") and platform == "gpu":
            launches = list(kernels(program.runtime_executable().hlo_modules()[0]))
            row["kernels a step"] = sum(times for times, _ in launches) / STEPS
            row["bytes a step"] = sum(times * size for times, size in launches) / STEPS
        rows.append(row)
        print(
            "  ".join(f"{name} {value:.4g}" if not isinstance(value, str) else value for name, value in row.items()),
            flush=True,
        )
    write_json(Path(out), {"device": device.device_kind, "commit": at, "versions": machine.versions(), "rows": rows})


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in TOPOLOGIES:
        sys.exit(__doc__)
    measure(*sys.argv[1:])
