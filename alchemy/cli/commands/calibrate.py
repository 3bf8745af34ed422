"""How far verdicts can be trusted, simulated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alchemy.cli.flags import Switch
from alchemy.errors import UserError


@dataclass(frozen=True)
class Calibrate:
    """Simulate how often verdicts are wrong and limits of the median miss it; prints two tables in Markdown.

    Example: alchemy calibrate --runs 4000
    """

    runs: int = 2000
    """Simulated claims, and simulated sets of seeds, a cell."""
    seed: int = 0
    json: Switch = False
    """Print one JSON object."""


def run(options: Calibrate) -> int:
    """Simulate and print."""
    import numpy as np

    from alchemy.record import json_text
    from alchemy.stats.calibration import coverage_table, error_table

    if options.runs < 1:
        raise UserError(f"runs must be at least 1, not {options.runs}")
    rng = np.random.default_rng(options.seed)
    errors = error_table(rng, options.runs)
    coverage = coverage_table(rng, options.runs)
    if options.json:
        print(json_text({"errors": [row._asdict() for row in errors], "coverage": coverage}))
        return 0
    print("\n".join([*_errors([row._asdict() for row in errors]), "", *_coverage(coverage)]))
    return 0


def _errors(rows: list[dict[str, float]]) -> Iterator[str]:
    from alchemy.stats.calibration import LOOKS

    yield f"False verdicts, every check at its bound, a look after every seed up to {LOOKS}:"
    yield ""
    yield "| checks | correlation | false FAILS | false HOLDS |"
    yield "|---|---|---|---|"
    for row in rows:
        yield f"| {row['checks']} | {row['correlation']} | {row['false_fails']:.3f} | {row['false_holds']:.3f} |"


def _coverage(rows: dict[str, dict[int, float]]) -> Iterator[str]:
    from alchemy.stats.calibration import PROBLEMS, SEEDS

    numbers = ", ".join(f"{n:,}" for n in PROBLEMS)
    yield f"Coverage of the median's 95 % limits by seeds, the least of {numbers} test problems:"
    yield ""
    yield f"| seeds | {' | '.join(map(str, SEEDS))} |"
    yield f"|---|{'---|' * len(SEEDS)}"
    for kind, by_seeds in rows.items():
        yield f"| {kind} | {' | '.join(f'{by_seeds[seeds]:.3f}' for seeds in SEEDS)} |"
