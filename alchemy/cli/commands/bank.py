"""A sample bank of a trained model, built and described."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.cli.planned_answers import tell
from alchemy.errors import UserError
from alchemy.output import check_replaceable, write_sealed
from alchemy.terminal import counted

if TYPE_CHECKING:
    from alchemy.testtime.bank import Bank


@dataclass(frozen=True)
class BankOptions:
    """Draw many answers to each problem from a trained model, and print their accuracy, coverage and length.

    Example: alchemy bank --task symbols --problems 500 --samples 64 --save bank.npz

    The answers are stored under --out; strategies that only choose among answers are replayed on them.
    """

    model: Positional[Annotated[str, arg(metavar="[MODEL]")]] = ""
    """The first letters of a trained model's name, as `alchemy runs` shows it; by default the last one trained."""
    task: str = ""
    """Only models trained on this task."""
    shift: str = ""
    """Problems under this shift of it."""
    problems: int = 500
    samples: int = 64
    temperature: float = 1.0
    out: Path = Path("runs")
    """Where trained models are, and answers go."""
    save: Path | None = None
    """Write the bank's arrays here, for numpy."""
    dry_run: Switch = False
    """Draw nothing: say which answers are there, which would be written, and what that takes at most."""
    json: Switch = False
    """Print one JSON object."""
    quiet: Switch = False
    """No progress on standard error."""


def run(options: BankOptions) -> int:
    """Print a summary of the answers."""
    from alchemy.lab.costs import cost, looking
    from alchemy.lab.lab import Lab
    from alchemy.lab.stored_models import choose, load
    from alchemy.progress import Progress

    for name in ("problems", "samples"):
        if getattr(options, name) < 1:
            raise UserError(f"{name} must be at least 1, not {getattr(options, name)}")
    if options.save:
        check_replaceable(options.save, "bank")
    runs = load(choose(options.out, options.model, options.task))
    task = runs.task.shift(options.shift)(runs.task) if options.shift else runs.task
    ask = partial(
        Lab.bank, runs=runs, task=task, n=options.problems, samples=options.samples, temperature=options.temperature
    )
    if options.dry_run:
        what = f"{counted(options.problems, 'problem')}, {counted(options.samples, 'answer')} to each"
        return tell([cost(what, lambda: ask(looking(options.out)))], options.out, options.json)
    _, bank = ask(Lab(options.out, Progress(options.quiet)))
    if options.save:
        _save(options.save, bank)
    summary = _summary(bank)
    print(json.dumps(summary, indent=2) if options.json else "\n".join(_rows(summary)))
    return 0


def _save(path: Path, bank: Bank) -> None:
    import numpy as np

    def write(scratch: Path) -> None:
        with scratch.open("wb") as file:
            arrays = {name: value for name, value in bank._asdict().items() if not isinstance(value, Mapping)}
            np.savez_compressed(file, **arrays, **{f"fact {name}": values for name, values in bank.facts.items()})

    write_sealed(path, "bank", write)


def _summary(bank: Bank) -> dict[str, Any]:
    """Accuracy, coverage and length of the answers of a bank."""
    import numpy as np

    from alchemy.stats.voting import any_at

    seeds, problems, samples = bank.shape
    p = bank.right.mean(axis=2)
    sizes = [1 << power for power in range(samples.bit_length())]
    facts = {}
    for name, values in bank.facts.items():
        kinds = np.unique(values)
        if 1 < len(kinds) <= 12:
            facts[name] = {str(kind): float(p[values == kind].mean()) for kind in kinds}
    by_seed = p.mean(axis=1)
    return {
        "seeds": seeds,
        "problems": problems,
        "samples": samples,
        "parameters": bank.parameters,
        "right": float(np.median(by_seed)),
        "right_by_seed": by_seed.tolist(),
        "right steps": float(bank.trace.mean()),
        "no answer": float((bank.answer < 0).mean()),
        "tokens": float(bank.tokens.mean()),
        "any of": {str(size): float(any_at(bank.right.sum(axis=2), samples, size).mean()) for size in sizes},
        "by difficulty": [float(share) for share in np.quantile(p, [0.1, 0.25, 0.5, 0.75, 0.9])],
        "right by fact": facts,
    }


def _rows(summary: dict[str, Any]) -> Iterator[str]:
    by_seed = summary["right_by_seed"]
    yield f"{counted(summary['seeds'], 'seed')}, {counted(summary['problems'], 'problem')}, {counted(summary['samples'], 'answer')} to each"
    yield f"right            {summary['right']:.3f}, the median seed; {min(by_seed):.3f} to {max(by_seed):.3f}"
    yield f"right steps      {summary['right steps']:.3f}"
    yield f"no answer        {summary['no answer']:.3f}"
    yield f"tokens           {summary['tokens']:.1f} an answer, {summary['parameters']:,} parameters"
    yield "any of           " + "  ".join(f"{size}: {share:.3f}" for size, share in summary["any of"].items())
    yield "right, by share of problems  " + "  ".join(
        f"{share}: {right:.2f}"
        for share, right in zip(("10%", "25%", "50%", "75%", "90%"), summary["by difficulty"], strict=True)
    )
    for name, kinds in summary["right by fact"].items():
        yield f"right by {name:<8}" + "  ".join(f"{kind}: {share:.2f}" for kind, share in kinds.items())
