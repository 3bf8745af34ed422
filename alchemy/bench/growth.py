"""Whether cost grows as the work does: times and memory as one dial at a time is doubled."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import jax
import numpy as np

from alchemy.bench.bench import Row, chunk_seconds, seconds
from alchemy.decoding.generate import draw
from alchemy.discover import find
from alchemy.errors import UserError
from alchemy.report.figures import Curves

TIMES = (1, 2, 4, 8, 16)
"""What each dial is multiplied by."""
MEMORY = "memory to generate"
DIALS = ("width", "tokens of a sequence", "seeds", "samples of a problem")


def measure(say: Callable[[str], None], times: Sequence[int] = TIMES, steps: int = 8) -> Iterator[Row]:
    """Seconds of a training step and of a pool of samples, a row for each setting of each dial; then memory."""
    task, transformer = find("task", "symbols")(), find("model", "transformer")
    model = transformer(vocabulary=len(task.vocabulary), width=16, layers=2, heads=2, context=task.max_len)

    def step(model: Any, task: Any, seeds: int = 1) -> float:
        return median(chunk_seconds(model, task, seeds, 64, steps)[1:]) / steps

    def lengthened(by: int) -> float:
        longer = replace(task, length=(4 * by,))
        return step(replace(model, width=32, context=longer.max_len), longer)

    work: Mapping[str, Callable[[int], float]] = {
        "width": lambda by: step(replace(model, width=16 * by), task),
        "tokens of a sequence": lengthened,
        "seeds": lambda by: step(model, task, by),
        "samples of a problem": lambda by: _pool(model, task, by),
    }
    for dial in DIALS:
        say(f"growth with {dial}")
        for by in times:
            yield Row(f"{dial} x {by}", work[dial](by), "s")
    say("growth of memory")
    for by in (1, 100):
        yield Row(f"{MEMORY}, x {by}", generated_memory(20_000 * by), "bytes")


def _pool(model: Any, task: Any, samples: int) -> float:
    prompts = task.sample(np.random.default_rng(0), 64).prompts()
    params = jax.tree.map(lambda leaf: leaf[None], model.init(jax.random.key(0)))
    return seconds(lambda: draw(model, params, prompts, samples=samples, max_new=8))


def generated_memory(n: int) -> float:
    """Bytes that a fresh process holds at most while `alchemy generate` writes that many problems."""
    script = (
        "import tempfile; from alchemy.cli.main import main; from alchemy.bench.bench import host_memory\n"
        "with tempfile.TemporaryDirectory() as home:\n"
        "    code = main(['generate', 'symbols', '--length', '6', '--shifts', 'none', '--test', '100',"
        f" '--train', '{n}', '--out', home + '/data'])\n"
        "print(code, host_memory())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    code, peak = done.stdout.split()[-2:] if done.returncode == 0 else ("", "")
    if code != "0":
        raise UserError(f"alchemy generate of {n} problems failed: {done.stderr[-300:]}")
    return float(peak)


def figure(name: str, rows: Sequence[Row]) -> Curves:
    """Times by dial, each relative to its first."""
    taken = {dial: [row.rate for row in rows if row.work.startswith(f"{dial} x ")] for dial in DIALS}
    x = [float(row.work.rpartition(" ")[2]) for row in rows if row.work.startswith(f"{DIALS[0]} x ")]
    return Curves(
        name=name,
        title="Time, as one dial at a time is doubled",
        x_label="times the first setting",
        y_label="times the first time",
        x=x,
        measured={dial: np.array([times]) / times[0] for dial, times in taken.items()},
        theory={"in proportion": x},
        log_x=True,
        log_y=True,
    )
