"""The recipe of arXiv:2508.01191, section 4, on this machine: from nothing stored to the row of three trained compositions.

python benchmarks/recipe.py OUT.json [SEEDS]

Models of 4 layers and width 32 see three compositions of 26^4 elements ten times over, in batches of 1,024, and are tested on
what they were trained on and on the fourth composition: the row of `task_shift` at `full`. One seed unless said. Nothing else
should run.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter


def measure(out: str, seeds: str = "1") -> None:
    """Train and test, and say how long it took, imports and compilation included."""
    began = perf_counter()
    with TemporaryDirectory() as scratch:
        os.environ["ALCHEMY_CACHE"] = scratch  # nor are programs stored
        from alchemy.lab.lab import Lab
        from alchemy.learning import machine
        from alchemy.progress import Progress
        from alchemy.record import commit, plain, write_json
        from experiments.mirage.task_shift import JUDGED, PRESETS, row

        machine.prepare()
        config = replace(PRESETS["full"], seeds=int(seeds))
        pair = JUDGED[1]  # F1 F1, F1 F2, F2 F1 > F2 F2
        measured = row(config, Lab(Path(scratch) / "runs", Progress()), pair)
        seconds = perf_counter() - began
    samples = config.schedule(longer=True).steps * config.train.batch * config.seeds
    result = {"row": str(pair), "seconds": seconds, "samples": samples, "samples a second": samples / seconds}
    where = {"device": machine.describe(), "commit": commit(), "versions": machine.versions()}
    write_json(Path(out), {**result, **where, "config": plain(config), "measured": plain(measured)})
    print(f"{seconds:,.0f} s, {samples / seconds:,.0f} samples/s; exact match {measured.tested.exact['full'].tolist()}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    if len(sys.argv) == 3 and not (sys.argv[2].isdecimal() and int(sys.argv[2])):
        sys.exit(f"seeds are a number from 1 on, not {sys.argv[2]!r}")
    measure(*sys.argv[1:])
