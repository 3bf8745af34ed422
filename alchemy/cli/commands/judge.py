"""Committed numbers, judged again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.discover import entries
from alchemy.errors import UserError, nearest

if TYPE_CHECKING:
    from alchemy.report.history import Record


@dataclass(frozen=True)
class Judge:
    """Give the verdicts on published claims again, from the committed numbers of every seed; nothing is trained.

    Example: alchemy judge task_shift --alpha .01
    """

    names: Positional[Annotated[tuple[str, ...], arg(metavar="[NAME ...]")]] = ()
    """Claims that `alchemy list` names; every claim if there are none."""
    preset: str = ""
    """Only the records of this preset."""
    alpha: float = 0.05
    """The chance of a false HOLDS, and of a false FAILS of any of a claim's checks, over all looks at the seeds."""
    json: Switch = False
    """Print one JSON object."""


def run(options: Judge) -> int:
    """Print each verdict, and where it differs from the committed one."""
    from alchemy.record import json_text
    from alchemy.report import table

    records = list(_records(options))
    if not records:
        raise UserError("there is no committed verdict to judge again; run `alchemy reproduce NAME --publish` first")
    judged = [(f"{name} ({record['preset']})", _judged(record, options.alpha)) for name, record in records]
    if options.json:
        print(json_text(dict(judged)))
        return 0
    table.show(judged)
    for (name, record), (_, again) in zip(records, judged, strict=True):
        if again["verdict"] != record["verdict"]:
            print(f"{name}, {record['preset']}: {again['verdict']}, committed as {record['verdict']}")
    return 0


def _records(options: Judge) -> Iterator[tuple[str, Record]]:
    from alchemy.report.history import newest_of

    known = entries("claim")
    for name in options.names or known:
        if name not in known:
            raise UserError(f"claim {name!r} is unknown{nearest(name, known)}")
        for preset, record in newest_of(name).items():
            if options.preset in ("", preset):
                yield name, record


def _judged(record: Record, alpha: float) -> dict[str, Any]:
    """A record with the verdict that its numbers give; one of the earlier method, which has none by seed, as it is."""
    from alchemy.report.results import is_earlier, judged_again, results

    return dict(record) if is_earlier(record) else dict(record) | results(judged_again(record, alpha), alpha)
