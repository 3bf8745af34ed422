"""Work divided among devices and processes gives what one device gives, but for the order of sums."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.learning import machine

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("devices_script.py")
RAGGED = (1, 3, 5, 11)
"""Numbers of seeds, none of which eight devices share evenly."""


def losses(devices, *counts, processes=1):
    """What the script tells of so many seeds in each training, on so many devices in each process."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    fast = "--xla_backend_optimization_level=0 --xla_cpu_multi_thread_eigen=false"
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    env["XLA_FLAGS"] = f"{fast} --xla_force_host_platform_device_count={devices}"
    started = []
    for number in range(processes):
        own = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": str(processes), "JAX_PROCESS_ID": str(number)}
        args = [sys.executable, str(SCRIPT), *map(str, counts)]
        started.append(
            subprocess.Popen(args, env=env | (own if processes > 1 else {}), stdout=subprocess.PIPE, text=True)
        )
    outputs = [process.communicate(timeout=900)[0] for process in started]
    assert [process.returncode for process in started] == [0] * processes
    told = [json.loads(output.splitlines()[-1]) for output in outputs]
    assert all(each == told[0] for each in told), "every process has all of it"
    assert told[0].pop("processes") == processes and told[0].pop("devices") == devices * processes
    return {int(count): np.array(values) for count, values in told[0].items()}


@pytest.mark.slow
def test_eight_devices_give_the_losses_of_one():
    """Of ragged numbers of seeds, too, and with the state divided among the eight."""
    one = losses(1, *RAGGED)
    eight = losses(8, *RAGGED, -3)
    for count in RAGGED:
        np.testing.assert_allclose(eight[count], one[count], rtol=1e-4)
    np.testing.assert_allclose(eight[-3], one[3], rtol=1e-4)


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one():
    """Each with a device: two seeds have one each; one seed's batch, and its state, are shared."""
    one = losses(1, 1, 2)
    two = losses(1, 2, 1, -1, processes=2)
    np.testing.assert_array_equal(two[2], one[2])
    np.testing.assert_allclose(two[1], one[1], rtol=1e-4)
    np.testing.assert_allclose(two[-1], one[1], rtol=1e-4)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"JAX_NUM_PROCESSES": "2"}, "expected HOST:PORT and two numbers"),
        ({"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "two", "JAX_PROCESS_ID": "0"}, "two numbers"),
        ({"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "2"}, "one of 0 to 1"),
    ],
)
def test_processes_that_are_named_by_halves(monkeypatch, given, message):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=message):
        machine.join()


def test_one_process_joins_nobody(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert machine.join() == 1
