"""Promises, before the runs that judge them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, arg

from alchemy.discover import claim_folder, entries, find
from alchemy.errors import UserError, nearest


@dataclass(frozen=True)
class Lock:
    """Lock what claims promise: their sentence, presets and checks, in a file to commit before the run that judges them.

    Example: alchemy lock task_shift

    A claim whose promise has changed since it was judged gets seeds and test problems that were never used before.
    """

    names: Positional[Annotated[tuple[str, ...], arg(metavar="[NAME ...]")]] = ()
    """Claims that `alchemy list` names; every claim if there are none."""
    reason: str = ""
    """Why a promise that was judged is replaced; the next verdict is shown with it."""


def run(options: Lock) -> int:
    """Print for each claim whether its promise was locked already, is new, or replaces another."""
    from alchemy.report.history import history
    from alchemy.report.lock import read, renew

    known = entries("claim")
    for name in options.names or known:
        if name not in known:
            raise UserError(f"claim {name!r} is unknown{nearest(name, known)}")
        records = [
            record for group in history(claim_folder(name, "verdicts") / f"{name}.json").values() for record in group
        ]
        judged = {record["lock"]["digest"] for record in records if record.get("lock")}
        folder = claim_folder(name, "locks")
        before = read(name, folder)
        lock = renew(name, find("claim", name), folder, judged, options.reason)
        state = "new" if before is None else "as it was" if before == lock else "renewed"
        print(f"{name:<26} {state}, generation {lock.generation}, {lock.digest}")
    return 0
