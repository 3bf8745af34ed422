"""What a record of a claim and its journal must look like to be shown: checked once, where they are read."""

from __future__ import annotations

from typing import Any

from alchemy.errors import UserError
from alchemy.report.results import is_earlier

NUMBER = (int, float)
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
"""A type, several of them, values to choose from, a list of things alike, or an object with at least these fields."""


def check_record(record: Any, place: str) -> None:
    """Raises `UserError`, which begins with `place`, at the first field that is missing or something else."""
    _check(record, RECORD, place)
    if not is_earlier(record):
        _check(record["checks"], [CHECK], f"{place}: checks")
        if not record["checks"]:
            raise UserError(f"{place}: has no checks; remove it and run again")
        for check in record["checks"]:
            sizes = {len(check["values"]), *(len(gate["passed"]) for gate in check["gates"])}
            if len(sizes) > 1 or len(check["limits"]) != 2:
                raise UserError(
                    f"{place}: check {check['name']!r} has lists of unequal lengths; remove it and run again"
                )
    _check(record["claim"].get("among", ""), str, f"{place}: claim: among")
    _check(record.get("following", []), [FOLLOWING], f"{place}: following")
    if not all(training[rate] for training in record.get("following", []) for rate in FOLLOWING):
        raise UserError(f"{place}: following has no rates; remove it and run again")


def check_journal(journal: Any, place: str) -> None:
    """As `check_record`, of a journal whose curves are numbers already."""
    _check(journal, {}, place)
    _check(journal.get("curves", []), CURVES, f"{place}: curves")
    for curve in journal.get("curves", []):
        if not curve["steps"] or {len(curve["steps"])} != set(map(len, curve["losses"])):
            raise UserError(f"{place}: curve {curve['label']!r} has no loss at each step; remove it and run again")


def _check(value: Any, schema: Any, place: str) -> None:
    if isinstance(schema, dict):
        if not isinstance(value, dict) or (missing := schema.keys() - value.keys()):
            fault = f"no field {min(missing)!r}" if isinstance(value, dict) else "no object"
            raise UserError(f"{place}: has {fault}; remove it and run again")
        for name, inner in schema.items():
            _check(value[name], inner, f"{place}: {name}")
    elif isinstance(schema, list):
        if not isinstance(value, list):
            raise UserError(f"{place}: is no list; remove it and run again")
        for entry in value:
            _check(entry, schema[0], place)
    elif schema is VERDICT:
        if value not in VERDICT:
            raise UserError(f"{place}: is {value!r:.40}, expected one of {', '.join(VERDICT)}")
    elif not isinstance(value, schema) or (isinstance(value, bool) and schema in (int, NUMBER)):
        raise UserError(f"{place}: is {value!r:.40}, which it cannot be; remove it and run again")
