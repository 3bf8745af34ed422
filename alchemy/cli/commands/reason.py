"""Recursive reasoners of one's own, trained on any boards, run in width and in depth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.discover import find
from alchemy.errors import UserError
from alchemy.terminal import beside, counted, wrapped

if TYPE_CHECKING:
    from alchemy.lab.lab import Lab
    from alchemy.lab.reasoning import Plain, Row


@dataclass(frozen=True)
class Reason:
    """Train recursive reasoners on boards, and say what they solve by number of trajectories and by depth, at what cost.

    Example: alchemy reason boards --task.kind queens --reasoner.guide posterior --width 16 --seeds 3

    Example: alchemy reason boards --task.blanks 4 6 8 --shifts blanks=10 --width 8 --relabelled

    Fields of the task, the reasoner and the training are flags behind `--task.`, `--reasoner.` and `--train.`. Reasoners and
    trajectories are kept under --out; the same command goes on where it was interrupted.
    """

    task: Positional[Annotated[str, arg(metavar="TASK")]] = ""
    """A task with boards that `alchemy list` names."""
    architecture: str = "recursive"
    """A reasoner that `alchemy list` names."""
    shift: str = ""
    """Train under this shift of the task."""
    limit: int = 0
    """Only so many training boards, drawn once for each seed; 0 for fresh ones at every step."""
    seeds: int = 1
    """Reasoners, which differ by weights, training boards and test boards."""
    test: int = 200
    """Held-out boards in each test of each seed."""
    shifts: tuple[str, ...] = ()
    """Test under these shifts of the trained task, too."""
    width: int = 1
    """Trajectories of a board at most: a power of two."""
    times: int = 4
    """How many times the depth of training at most: a power of two."""
    noise: float = 0.0
    """Standard deviation of what is added to the state before every step, in reasoning alone."""
    relabelled: Switch = False
    """Each trajectory but the first sees the board under a symmetry of its own."""
    out: Path = Path("runs")
    """Where reasoners and trajectories go."""
    dry_run: Switch = False
    """Make nothing: say which reasoners are there, and which would be trained."""
    json: Switch = False
    """Print one JSON object."""
    quiet: Switch = False
    """No progress on standard error."""


def configs(options: Reason | None, positional: Sequence[str]) -> dict[str, Any]:
    """The named task with a reasoner and a way to train it, as one dataclass; without a name those of the first with boards."""
    from alchemy.lab import reasoning

    options = options or Reason()
    name = options.task or next(iter([*positional, *reasoning.with_boards()]))
    return {name: reasoning.config(find("task", name)(), find("reasoner", options.architecture)())}


def run(options: Reason, configs: dict[str, Any]) -> int:
    """Train, reason about held-out boards, print a row for each number of trajectories and depth."""
    from alchemy.lab.lab import Lab
    from alchemy.lab.reasoning import How, Plain, with_boards
    from alchemy.progress import Progress

    if not options.task:
        raise UserError(f"name a task with boards: {', '.join(with_boards())}")
    [config] = configs.values()
    plain = Plain(config, How(**{item.name: getattr(options, item.name) for item in fields(How)}))
    lab = Lab(options.out, Progress(options.quiet))
    if options.dry_run:
        return _dry_run(options, plain, lab)
    runs, rows = plain.run(lab)
    if options.json:
        told = [
            {name: value.tolist() if hasattr(value, "tolist") else value for name, value in row._asdict().items()}
            for row in rows
        ]
        losses = runs.trained.last_losses().tolist()
        print(json.dumps({"seeds": runs.seeds, "last losses": losses, "rows": told}, indent=2))
    else:
        print("\n".join(_lines(rows, len(runs.seeds))))
    return 0


def _dry_run(options: Reason, plain: Plain, lab: Lab) -> int:
    """Print what would be trained, and what is there of it."""
    from alchemy.lab import room

    plan, train = plain.plan(lab), plain.parts.train
    missing, seeds = len(plan.missing), len(plan.seeds)
    summary = {
        "reasoner": plan.homes[0].parent.name,
        "weights": room.weights(plan.model),
        "seeds": seeds,
        "stored": seeds - missing,
        "to train": missing,
        "steps": train.steps,
        "batch": train.batch,
        "cells": plain.task.cells,
        "tests": [*plain.tests],
        "memory": room.needed(plan.model, train, missing, plain.task.cells),
    }
    if options.json:
        print(json.dumps(summary, indent=2))
        return 0
    print(beside("reasoner", f"{summary['reasoner'][:8]}, {options.architecture} of {summary['weights']:,} weights", 9))
    print(beside("seeds", f"{seeds - missing:,} of {seeds:,} stored in {options.out}, {missing:,} to train", 9))
    print(beside("steps", f"{train.steps:,} of {train.batch:,} boards of {counted(plain.task.cells, 'cell')}", 9))
    print(beside("tests", f"{', '.join(plain.tests)}: {counted(options.test, 'board')} for each seed", 9))
    print(beside("memory", f"at least {summary['memory'] / 1e9:.2g} of {room.available() / 1e9:.3g} GB", 9))
    print("nothing was made")
    return 0


def _lines(rows: Sequence[Row], seeds: int) -> Iterator[str]:
    import numpy as np

    width = max(len("test"), *(len(row.test) for row in rows))
    yield f"{'test':<{width}}  {'w':>4} {'t':>5}  checked   vote  found  latent steps   MFLOP"
    for row in rows:
        shares = "  ".join(f"{np.median(values):>5.3f}" for values in (row.checked, row.vote, row.found))
        yield (
            f"{row.test:<{width}}  {row.trajectories:>4} {row.steps:>5}    {shares}"
            f"  {row.latent_steps:>12,.0f} {row.flops / 1e6:>7,.1f}"
        )
    many = f"the median of {seeds} seeds; " if seeds > 1 else ""
    yield wrapped(
        f"{many}w trajectories of t steps, of which t wait for each other; checked: one of their boards, looked at after every step, "
        "obeys the rules; vote: the board that most end with does; found: share of all solutions that any comes across"
    )
