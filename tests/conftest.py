"""Two CPU devices, strict JAX, and the small things most tests need."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = (  # half the time to compile; the programs of tests are too small to be worth more
    f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

import jax
import pytest

from alchemy import device
from alchemy.task import Task
from models.transformer import Transformer
from tasks.symbols import Symbols

device.prepare()
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(0)


@pytest.fixture(scope="session")
def task() -> Task:
    """Two letters of a small alphabet, one composition with its chain of thought."""
    return Symbols(length=(2,), alphabet="ABCDEFGH")


@pytest.fixture(scope="session")
def model(task: Task) -> Transformer:
    return Transformer(len(task.vocabulary), width=16, layers=1, heads=2, context=24)
