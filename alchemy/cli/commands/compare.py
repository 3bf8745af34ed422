"""Two trainings side by side, on the same held-out problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.errors import UserError
from alchemy.record import json_text

if TYPE_CHECKING:
    from alchemy.learning.train import Runs

METRICS = {"right answer": "answer", "valid chain": "trace", "exact match": "exact_match"}


@dataclass(frozen=True)
class Compare:
    """Compare two trainings on the same held-out problems, seed by seed: the difference, with limits.

    Example: alchemy compare 1a2b 3c4d --shift length=5

    Seeds that both have are compared in pairs: those of one number have the same test problems.
    """

    first: Positional[Annotated[str, arg(metavar="MODEL")]]
    """The first letters of a trained model's name, as `alchemy runs` shows it."""
    second: Positional[Annotated[str, arg(metavar="MODEL")]]
    """Another one's."""
    shift: str = ""
    """Problems under this shift of the first one's task."""
    problems: int = 1000
    """Held-out problems of each seed."""
    out: Path = Path("runs")
    """Where trained models are, and answers go."""
    json: Switch = False
    """Print one JSON object."""
    quiet: Switch = False
    """No progress on standard error."""


def run(options: Compare) -> int:
    """Print a row for each score."""
    from alchemy.lab.lab import Lab
    from alchemy.lab.stored_models import choose, load
    from alchemy.progress import Progress
    from alchemy.stats.paired import compared

    if options.problems < 1:
        raise UserError(f"problems must be at least 1, not {options.problems}")
    chosen = [choose(options.out, name) for name in (options.first, options.second)]
    pair = [load(models) for models in chosen]
    names = [models.name[:8] for models in chosen]
    shared = _shared(pair, names)
    base = pair[0].task
    task = base.shift(options.shift)(base) if options.shift else base
    lab = Lab(options.out, Progress(options.quiet))
    answers = [
        lab.answer(runs, task, options.problems, label=f"answer {name}") for runs, name in zip(pair, names, strict=True)
    ]
    rows = {}
    for label, metric in METRICS.items():
        first, second = (
            rows_of.values(metric)[[runs.seeds.index(seed) for seed in shared]]
            for rows_of, runs in zip(answers, pair, strict=True)
        )
        rows[label] = compared(first, second)
    if options.json:
        print(json_text({"models": names, "seeds": shared, "scores": rows}))
    else:
        print("\n".join(_lines(names, shared, rows)))
    return 0


def _shared(pair: list[Runs], names: list[str]) -> list[int]:
    """The seeds that both have; raises `UserError` if there are none, or the models read different symbols."""
    symbols = [runs.task.vocabulary.symbols for runs in pair]
    if symbols[0] != symbols[1]:
        raise UserError(f"models {names[0]} and {names[1]} read different symbols; expected the same vocabulary")
    shared = sorted(set(pair[0].seeds) & set(pair[1].seeds))
    if not shared:
        raise UserError(f"models {names[0]} and {names[1]} have no seed in common; train them on the same ones")
    return shared


def _lines(names: list[str], seeds: list[int], rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    import numpy as np

    unit = "seeds" if len(seeds) > 1 else "problems"
    yield f"{'':<14}{names[0]:>10}{names[1]:>10}{'difference':>12}{'95 % limits':>18}{f'more / less {unit}':>23}{'p':>8}"
    for label, row in rows.items():
        means = [float(np.median(row[name])) for name in ("first", "second")]
        counts = f"{row['first better']} / {row['second better']}"
        limits = "[{:+.3f}, {:+.3f}]".format(*row["limits"])
        yield (
            f"{label:<14}{means[0]:>10.3f}{means[1]:>10.3f}{row['median difference']:>+12.3f}{limits:>18}{counts:>23}{row['p']:>8.2g}"
        )
    test = "a sign test over seeds" if len(seeds) > 1 else "McNemar's exact test over problems"
    yield f"scores are those of the median seed of {len(seeds)}; limits of the median, which take seven seeds; p: {test}"
