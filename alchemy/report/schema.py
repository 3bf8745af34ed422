"""What a record of a claim and its journal must look like to be shown: checked once, where they are read."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from alchemy.errors import UserError
from alchemy.record import NUMBER, check_fields
from alchemy.report.results import is_earlier

VERDICT = ("HOLDS", "FAILS", "UNDECIDED")
GATE = {"name": str, "low": NUMBER, "high": NUMBER, "passed": [bool]}
CHECK = {
    "name": str,
    "reason": str,
    "verdict": VERDICT,
    "values": [NUMBER],
    "gates": [GATE],
    "exact": bool,
    "low": NUMBER,
    "high": NUMBER,
    "share": NUMBER,
    "seeds": int,
    "satisfied": int,
    "median": NUMBER,
    "limits": [NUMBER],
    "e_for": NUMBER,
    "p": NUMBER,
}
CLAIM = {"sentence": str, "source": str, "prediction": str, "refuted_if": str, "headline": bool}
RECORD = {
    "name": str,
    "preset": str,
    "method": str,
    "claim": CLAIM,
    "verdict": VERDICT,
    "figures": [str],
    "config": dict,
    "seconds": NUMBER,
    "tokens": NUMBER,
    "flops": NUMBER,
    "device": str,
    "versions": dict,
    "commit": str,
    "measured": object,
    "checks": list,
}
FOLLOWING = {"trained": str, "follow": [NUMBER], "ignore": [NUMBER], "neither": [NUMBER]}
CURVES = [{"label": str, "steps": [NUMBER], "losses": [[NUMBER]]}]


def check_record(record: Any, place: str) -> None:
    """Raises `UserError`, which begins with `place`, at the first field that is missing or something else."""
    check_fields(record, RECORD, place)
    if not is_earlier(record):
        check_fields(record["checks"], [CHECK], f"{place}: checks")
        if not record["checks"]:
            raise UserError(f"{place}: has no checks; remove it and run again")
        for check in record["checks"]:
            sizes = {len(check["values"]), *(len(gate["passed"]) for gate in check["gates"])}
            if len(sizes) > 1 or len(check["limits"]) != 2:
                raise UserError(
                    f"{place}: check {check['name']!r} has lists of unequal lengths; remove it and run again"
                )
    check_fields(record["claim"].get("among", ""), str, f"{place}: claim: among")
    check_fields(record.get("following", []), [FOLLOWING], f"{place}: following")
    if not all(training[rate] for training in record.get("following", []) for rate in FOLLOWING):
        raise UserError(f"{place}: following has no rates; remove it and run again")


def check_journal(journal: Any, place: str) -> None:
    """As `check_record`, of a journal whose curves are numbers already."""
    check_fields(journal, {}, place)
    for kind in ("curves", "watched"):
        check_fields(journal.get(kind, []), CURVES, f"{place}: {kind}")
        for curve in journal.get(kind, []):
            if not curve["steps"] or {len(curve["steps"])} != set(map(len, curve["losses"])):
                raise UserError(f"{place}: curve {curve['label']!r} has no loss at each step; remove it and run again")
            if not all(earlier < later for earlier, later in pairwise([0, *curve["steps"]])):
                raise UserError(
                    f"{place}: curve {curve['label']!r} has steps that do not rise from 1; remove it and run again"
                )
