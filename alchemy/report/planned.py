"""What `alchemy reproduce` would do, and what it would cost, by what is there and by what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from alchemy.record import plain
from alchemy.report.costs import costs
from alchemy.report.history import newest_of
from alchemy.report.results import is_earlier
from alchemy.report.run_directory import records_of, unfinished
from alchemy.terminal import beside, counted


@dataclass(frozen=True)
class Planned:
    """One claim under one config."""

    name: str
    preset: str
    seeds: int
    stored: int
    """Seeds that a record of the same config has."""
    begun: bool
    """Whether a run was begun and has not ended: some of its work may be there, too."""
    minutes: float | None
    """Of the seeds that are missing, on the machine of the newest committed record; None if there is none."""
    takes_models_of: str

    @property
    def missing(self) -> int:
        return max(0, self.seeds - self.stored)


def planned(selected: Mapping[str, ModuleType], configs: Mapping[str, Any], preset: str, out: Path) -> list[Planned]:
    """What there is to do for each claim; raises `UserError` if a record in `out` is damaged."""
    records = [record for _, record in records_of(out)]
    begun = {name.split(" at ")[0] for name in unfinished(out)}
    return [_planned(name, module, configs[name], preset, records, begun) for name, module in selected.items()]


def _planned(
    name: str, module: ModuleType, config: Any, preset: str, records: list[Mapping[str, Any]], begun: set[str]
) -> Planned:
    wanted = {**plain(config), "seeds": None}
    alike = [record for record in records if record["name"] == name and {**record["config"], "seeds": None} == wanted]
    stored = max((record["seeds"] for record in alike), default=0)
    seconds, newest = None, newest_of(name).get(preset)
    if newest and newest["seeds"] and not is_earlier(newest):
        seconds = newest["seconds"] / newest["seeds"] * max(0, config.seeds - stored)
    [cost] = costs({name: module}, {})
    return Planned(
        name, preset, config.seeds, min(stored, config.seeds), name in begun, seconds and seconds / 60, cost.shares
    )


def lines(plans: list[Planned], out: Path) -> Iterator[str]:
    """The same for the terminal."""
    room = max(len(plan.name) for plan in plans)
    for plan in plans:
        yield beside(plan.name, ", ".join(_told(plan, out)), room + 1, 0)
    known = sum(plan.minutes or 0.0 for plan in plans)
    unknown = sum(plan.missing > 0 and plan.minutes is None for plan in plans)
    told = [f"about {known:.1f} minutes in all, on two cores as published"] if known or not unknown else []
    told += [f"of {counted(unknown, 'claim')} no time was recorded"] if unknown else []
    yield f"{'; '.join(told)}; nothing was made"


def _told(plan: Planned, out: Path) -> Iterator[str]:
    yield f"{plan.preset}: {plan.stored} of {counted(plan.seeds, 'seed')} stored in {out}"
    if not plan.missing:
        yield "nothing to train"
        return
    yield f"{plan.missing} to train"
    if plan.minutes is not None:
        yield f"about {plan.minutes:.1f} minutes"
    if plan.begun:
        yield "a run that was begun goes on where it was"
    if plan.takes_models_of:
        yield f"less where models of {plan.takes_models_of} are there"
