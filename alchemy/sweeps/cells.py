"""Cells of a sweep: what each is, where its record lies, and how all that have none are run in one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from alchemy.discover import added_claim, find
from alchemy.errors import UserError
from alchemy.lab.lab import Lab
from alchemy.lab.plain import Plain
from alchemy.lab.trainings import Wanted, make_together
from alchemy.learning import machine
from alchemy.learning.train import Diverged
from alchemy.progress import Progress
from alchemy.record import commit, digest, fingerprint, numbers, plain, read_json, write_json
from alchemy.report.history import Record
from alchemy.report.reproduce import run_one

RECORD = "record.json"


@dataclass(frozen=True)
class Cell:
    """One config of those that are swept."""

    number: int
    """From 1, in the order of the grid or of the draws."""
    values: Mapping[str, str]
    """Of the fields that vary, as they were written."""
    config: Any
    home: Path
    """The folder of its record, by its config: no other cell has it."""
    tree: str
    """The commit that its record has to be of."""
    first_seed: int = 0

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.values.items())

    def record(self) -> Record | None:
        """What it left, if the running tree made it; models and answers of another tree are there all the same."""
        path = self.home / RECORD
        if not path.is_file():
            return None
        record: Record = numbers(read_json(path))
        return record if isinstance(record, dict) and record.get("commit") == self.tree else None


class Work(Protocol):
    """What is done for a cell; it can be sent to another process."""

    @property
    def name(self) -> str:
        """The folder of its cells."""

    @property
    def tree(self) -> str:
        """The commit of the tree that is run."""

    def check(self, config: Any) -> None:
        """Raises `UserError` for a config that cannot be run, as far as that can be told before."""

    def depends_on(self, config: Any) -> dict[str, Any]:
        """What the records of two configs differ by, beside seeds."""

    def run(self, cell: Cell, lab: Lab, progress: Progress) -> None:
        """Leave a record at the cell's home."""


@dataclass(frozen=True)
class Training:
    """A plain training of a task."""

    task: str

    @property
    def name(self) -> str:
        return f"train-{self.task}"

    @property
    def tree(self) -> str:
        return commit()

    def check(self, config: Any) -> None:
        Plain(config, config)

    def depends_on(self, config: Any) -> dict[str, Any]:
        own = Plain(config, config).own
        return {"config": repr(config), "lines": digest(own.tokens, own.prompt_len) if own else None}

    def run(self, cell: Cell, lab: Lab, progress: Progress) -> None:
        runs, tests = Plain(cell.config, cell.config).run(lab)
        record = {
            "name": self.name,
            "values": cell.values,
            "config": plain(cell.config),
            "seeds": runs.seeds,
            "model": fingerprint(dict(runs.key)),
            "tests": tests,
            "loss": runs.trained.last_losses().tolist(),
            **_cost(lab),
        }
        write_json(cell.home / RECORD, record)


@dataclass(frozen=True)
class Judging:
    """A claim under other configs than its own.

    It is judged on seeds of an exploration, not on those of its lock: a config that was chosen by these could not be confirmed
    by them.
    """

    claim: str
    preset: str

    @property
    def name(self) -> str:
        return self.claim

    @property
    def tree(self) -> str:
        added = added_claim(self.claim)
        return commit(added.parent) if added else commit()

    def check(self, config: Any) -> None:
        if config.seeds < 1:
            raise UserError(f"seeds must be at least 1, not {config.seeds}")

    def depends_on(self, config: Any) -> dict[str, Any]:
        return {"config": repr(config), "preset": self.preset}

    def run(self, cell: Cell, lab: Lab, progress: Progress) -> None:
        run_one(
            self.claim,
            find("claim", self.claim),
            cell.config,
            preset=self.preset,
            out=lab.root,
            progress=progress,
            tree=self.tree,
            home=cell.home,
            lab=lab,
        )


def cells(
    work: Work, chosen: Sequence[Mapping[str, str]], configs: Sequence[Any], out: Path, first_seed: int
) -> list[Cell]:
    """A cell for each config; raises `UserError` that names the first that cannot be run, before anything is made."""
    made = []
    for number, (values, config) in enumerate(zip(chosen, configs, strict=True), 1):
        try:
            work.check(config)
            key = {**work.depends_on(config), "first seed": first_seed}
        except UserError as fault:
            at = " ".join(f"{name}={value}" for name, value in values.items())
            raise UserError(f"cell {at}: {fault}") from None
        home = out / "sweeps" / work.name / fingerprint(key)[:16]
        made.append(Cell(number, values, config, home, work.tree, first_seed))
    return made


def run_here(work: Work, cells: Sequence[Cell], out: Path, progress: Progress, ended: Callable[[Cell], None]) -> None:
    """Run the cells that have no record, in this process: trainings of one shape together, whatever cells ask for them.

    A cell is run up to the first training whose models are not there, and again once they are; all that was made before is
    taken from the store.
    """
    waiting = [cell for cell in cells if cell.record() is None]
    progress.tells_stored = False
    while waiting:
        wanted: list[tuple[Cell, Wanted]] = []
        for cell in waiting:
            progress.prefix = f"[{cell.number}/{len(cells)}] "
            try:
                work.run(cell, Lab(out, progress, first_seed=cell.first_seed, puts_off=True), progress)
            except Wanted as training:
                wanted.append((cell, training))
                continue
            ended(cell)
            machine.release()
        progress.prefix = ""
        faults = make_together(out, [training for _, training in wanted], progress)
        for (cell, _), fault in zip(wanted, faults, strict=True):
            if fault:
                fail(work, cell, fault)
                ended(cell)
        waiting = [cell for (cell, _), fault in zip(wanted, faults, strict=True) if not fault]


def run_alone(work: Work, cell: Cell, out: Path, progress: Progress) -> None:
    """Run one cell, wherever that is."""
    try:
        work.run(cell, Lab(out, progress, first_seed=cell.first_seed), progress)
    except Diverged as fault:
        fail(work, cell, fault)


def fail(work: Work, cell: Cell, fault: Diverged) -> None:
    """The record of a cell whose training diverged."""
    record = {"name": work.name, "values": cell.values, "config": plain(cell.config), "failed": str(fault)}
    write_json(cell.home / RECORD, {**record, "commit": cell.tree})


def kept(root: Path) -> list[dict[str, Any]]:
    """The cells with a record under a directory of runs, counted by what was swept and which fields vary: its `name`, the
    `fields`, how many `cells`, and how many of them `diverged`."""
    counted: dict[tuple[str, ...], list[bool]] = {}
    for path in sorted(root.glob(f"sweeps/*/*/{RECORD}")):
        record = read_json(path)
        counted.setdefault((record["name"], *record["values"]), []).append("failed" in record)
    return [
        {"name": name, "fields": fields, "cells": len(failed), "diverged": sum(failed)}
        for (name, *fields), failed in counted.items()
    ]


def _cost(lab: Lab) -> dict[str, Any]:
    return {
        "seconds": round(lab.seconds, 1),
        "tokens": lab.tokens,
        "flops": lab.flops,
        "device": machine.describe(),
        "versions": machine.versions(),
        "commit": commit(),
        "results_from": sorted(lab.commits),
    }
