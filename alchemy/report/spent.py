"""FLOPs that a verdict takes: by the earlier method, by the present one, and by as many seeds as it needs: a table of the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from alchemy.report.claim import Check, judge
from alchemy.report.costs import PRESET
from alchemy.report.history import History, Record
from alchemy.report.results import is_earlier, read_checks, read_claim
from alchemy.stats.verdict import Verdict

START, END = "<!-- spent: generated, do not edit -->", "<!-- end of spent -->"


@dataclass(frozen=True)
class Spent:
    """What the verdicts on one claim took."""

    claim: str
    before: Record | None
    """The last record of the earlier method, if there is one."""
    now: Record
    needed: int
    """Seeds, in their order, after which the present verdict was reached and stayed; all of them where it is open."""

    @property
    def flops_needed(self) -> float:
        """FLOPs of so many seeds, in proportion."""
        return float(self.now["flops"]) * self.needed / max(self.now["seeds"], 1)


def spent(histories: Mapping[str, History]) -> list[Spent]:
    """Claims that the present method has judged, the cheapest verdict first."""
    known = []
    for name, by_preset in histories.items():
        records = by_preset.get(PRESET, [])
        if records and not is_earlier(records[-1]):
            before = [record for record in records if is_earlier(record)]
            known.append(Spent(name, before[-1] if before else None, records[-1], seeds_needed(records[-1])))
    return sorted(known, key=lambda one: (one.flops_needed, one.claim))


def seeds_needed(record: Record) -> int:
    """After how many of a record's seeds its verdict is reached, and stays at every number that follows."""
    claim, checks = read_claim(record), read_checks(record)
    seeds = int(record["seeds"])
    verdicts = [judge(claim, _first(checks, count), record["alpha"]).verdict for count in range(1, seeds + 1)]
    if not verdicts or verdicts[-1] is Verdict.UNDECIDED:
        return seeds
    return max((count for count, verdict in enumerate(verdicts, 1) if verdict is not verdicts[-1]), default=0) + 1


def _first(checks: Sequence[Check], count: int) -> list[Check]:
    return [
        replace(
            check,
            values=check.values[:count],
            gates=tuple(replace(gate, values=gate.values[:count]) for gate in check.gates),
        )
        for check in checks
    ]


def markdown(rows: Sequence[Spent]) -> str:
    """The table, with what all verdicts took together."""
    lines = [
        "| claim | earlier method: seeds | TFLOP | present method: seeds | TFLOP | verdict | seeds that it needs | TFLOP |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    decided = [row for row in rows if row.now["verdict"] != Verdict.UNDECIDED.value]
    both = [row for row in rows if row.before]
    lines += [
        "",
        f"Judged by both methods, {len(both)} of the claims: {_sum(row.before['flops'] for row in both if row.before)} by the earlier one, "
        f"{_sum(row.now['flops'] for row in both)} by the present one. Decided, {len(decided)} of them: "
        f"{_sum(row.now['flops'] for row in decided)}, of which {_sum(row.flops_needed for row in decided)} would have been enough.",
    ]
    return "\n".join(lines)


def _cells(row: Spent) -> Iterator[str]:
    yield f"`{row.claim}`"
    yield str(row.before["seeds"]) if row.before else ""
    yield _tera(row.before["flops"]) if row.before else ""
    yield str(row.now["seeds"])
    yield _tera(row.now["flops"])
    yield row.now["verdict"]
    decided = row.now["verdict"] != Verdict.UNDECIDED.value
    yield str(row.needed) if decided else ""
    yield _tera(row.flops_needed) if decided else ""


def _sum(flops: Iterator[float]) -> str:
    return f"{sum(flops) / 1e15:.2f} PFLOP"


def _tera(flops: float) -> str:
    return f"{flops / 1e12:.3g}"


def renewed(text: str, histories: Mapping[str, History]) -> str:
    """A page with its table of FLOPs made anew."""
    before, after = text.split(START)[0], text.split(END)[1]
    return f"{before}{START}\n{markdown(spent(histories))}\n{END}{after}"
