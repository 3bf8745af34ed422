"""The results of a claim as its record holds them: made from what was judged, read back, judged again.

A record is a JSON object: the claim, its config, its checks with one number a seed, what was measured, and what it took.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from alchemy.record import plain
from alchemy.report.claim import Check, Claim, Gate, Judged, judge
from alchemy.report.history import Record
from alchemy.stats.verdict import ALPHA, Outcome

METHOD = "anytime-valid sign test over seeds"
EARLIER_METHOD = "bootstrap intervals over seeds and problems"
"""How records were judged until seeds became whole replicates; shown with their verdicts, and not judged again."""


def results(judged: Judged, alpha: float = ALPHA) -> dict[str, Any]:
    """The part of a record that says what was judged, how, and with which verdict."""
    outcomes = zip(judged.checks, judged.outcomes, strict=True)
    return {
        "method": METHOD,
        "alpha": alpha,
        "seeds": max((len(check.values) for check in judged.checks), default=0),
        "verdict": judged.verdict.value,
        "checks": [_check(check, outcome) for check, outcome in outcomes],
    }


def is_earlier(record: Record) -> bool:
    """Whether a record was judged by the earlier method, so that it has no numbers by seed."""
    return record["method"] == EARLIER_METHOD


def judged_again(record: Record, alpha: float = ALPHA) -> Judged:
    """The verdict that the numbers of a record give, with the bounds that it was judged by."""
    return judge(read_claim(record), read_checks(record), alpha)


def read_claim(record: Record) -> Claim:
    """What a record's run promised."""
    return Claim(**{field.name: record["claim"][field.name] for field in fields(Claim)})


def read_checks(record: Record) -> list[Check]:
    """Its checks with their numbers, one a seed."""
    return [_read(check) for check in record["checks"]]


def measurements(measured: Any) -> Any:
    """What a run measured as plain lists and mappings, by the names of its fields."""
    if is_dataclass(measured):
        return {field.name: measurements(getattr(measured, field.name)) for field in fields(measured)}
    if isinstance(measured, tuple) and hasattr(measured, "_asdict"):
        return measurements(measured._asdict())
    if isinstance(measured, Mapping):
        return {str(name): measurements(value) for name, value in measured.items()}
    if isinstance(measured, list | tuple):
        return [measurements(value) for value in measured]
    return plain(measured)


def _check(check: Check, outcome: Outcome) -> dict[str, Any]:
    shown = {field.name: getattr(check, field.name) for field in fields(Check)}
    gates = [measurements(gate) | {"passed": gate.passed.tolist()} for gate in check.gates]
    return plain(shown | {"gates": gates} | {field.name: getattr(outcome, field.name) for field in fields(Outcome)})


def _read(check: Record) -> Check:
    gates = [Gate(**{field.name: gate[field.name] for field in fields(Gate)}) for gate in check["gates"]]
    given = {field.name: check[field.name] for field in fields(Check)}
    return Check(**given | {"values": np.asarray(check["values"], float), "gates": tuple(gates)})
