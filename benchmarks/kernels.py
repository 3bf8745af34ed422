"""Where the time of one of the works of `peers.py` goes on this machine, by kind of kernel.

python benchmarks/kernels.py OUT.json WORK [WORK ...]

A kernel has the name that XLA gives it and that of the last of the operations it is made of. Nothing else should run.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from typing import Any

LEAST = 0.005
"""The smallest share that is told."""


def shares(work: str) -> list[dict[str, Any]]:
    """Kinds of kernels, the largest share of the time first; loops and calls are what is within them."""
    with TemporaryDirectory() as scratch:
        dump = f"--xla_dump_to={scratch}/programs --xla_dump_hlo_as_text"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {dump}"
        import jax
        from peers import WORKS, known

        from alchemy.learning import machine

        known([work])
        machine.prepare()
        jax.config.update("jax_enable_compilation_cache", False)  # or there would be no programs to read
        with jax.profiler.trace(f"{scratch}/trace"):
            {function.__name__: function for function in WORKS}[work]()
        kind_of = kinds(Path(scratch) / "programs")
        [trace] = Path(scratch).rglob("*.xplane.pb")
        times: Counter[tuple[str, str]] = Counter()
        for plane in jax.profiler.ProfileData.from_file(str(trace)).planes:
            for line in plane.lines:
                for event in line.events:
                    if (name := dict(event.stats).get("hlo_op")) in kind_of:
                        times[kind_of[name]] += event.duration_ns
    total = sum(times.values())
    return [
        {"kernel": kernel, "last": last, "share": time / total}
        for (kernel, last), time in times.most_common()
        if time >= LEAST * total
    ]


def kinds(programs: Path) -> dict[str, tuple[str, str]]:
    """Of every instruction but loops and calls: its name without a number, and the operation it ends with."""
    kind_of = {}
    for path in programs.glob("*after_optimizations.txt"):
        for name, op, rest in re.findall(
            r"^\s+(?:ROOT )?%?([\w.-]+) = .*? ([\w-]+)\((.*)$", path.read_text(), re.MULTILINE
        ):
            if op not in ("while", "call", "conditional"):
                last = re.search(r'op_name="(?:[^"]*/)?([^"/]*)"', rest)
                kind_of[name] = (re.sub(r"[.\d]+$", "", name), last[1] if last else "")
    return kind_of


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(json.dumps(shares(sys.argv[1])))
    elif len(sys.argv) > 2:
        from peers import known

        known(sys.argv[2:])
        from alchemy.learning import machine
        from alchemy.record import commit, write_json

        at, rows = commit(), {}
        for work in sys.argv[2:]:
            output = run([sys.executable, __file__, work], capture_output=True, text=True, check=True).stdout
            rows[work] = json.loads(output)
            print(work, *(f"{row['share']:.1%} {row['kernel']} ({row['last']})" for row in rows[work][:12]), sep="\n  ")
        where = {"device": machine.describe(), "commit": at, "versions": machine.versions()}
        write_json(Path(sys.argv[1]), {**where, "works": rows})
    else:
        sys.exit(__doc__)
