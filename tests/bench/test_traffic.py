"""What `benchmarks/traffic.py` counts in programs whose kernels and bytes are known."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

N = 1 << 10


@pytest.fixture
def counted(monkeypatch):
    """(times, bytes) of the kernels of a function of arrays (N, N) of float32."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    from traffic import kernels

    def count(work, arrays: int = 1) -> list[tuple[int, int]]:
        shapes = [jax.ShapeDtypeStruct((N, N), jnp.float32)] * arrays
        program = jax.jit(work).lower(*shapes).compile()
        return sorted(kernels(program.runtime_executable().hlo_modules()[0]))

    return count


def test_a_kernel_reads_what_it_is_given_and_writes_what_it_returns(counted):
    assert counted(lambda a: jnp.tanh(a) * 2 + 1) == [(1, 8 * N * N)]
    assert counted(lambda a, b: jnp.tanh(a) * b, 2) == [(1, 12 * N * N)]


def test_a_kernel_that_takes_a_slice_reads_the_slice(counted):
    assert counted(lambda a: jnp.tanh(a[: N // 4]) + 1) == [(1, 2 * N * N)]


def test_kernels_of_a_loop_count_as_often_as_it_turns(counted):
    turns = jax.lax.fori_loop
    kernels_run = counted(lambda a: turns(0, 5, lambda i, x: jnp.tanh(x) @ x, a))
    assert sum(size for times, size in kernels_run if times == 5) >= 12 * N * N, "the product, at least"
    assert all(size <= 8 * N * N for times, size in kernels_run if times != 5), "a copy of what it begins with, at most"
