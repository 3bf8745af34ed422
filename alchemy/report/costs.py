"""What judging each claim costs, from the seconds that its records carry: the plan in the documentation."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from types import ModuleType
from typing import Any

from alchemy.report.history import Record
from alchemy.report.results import is_earlier

START, END = "<!-- costs: generated, do not edit -->", "<!-- end of costs -->"
PRESET = "small"
SHARED = re.compile(r"#.*?\b(?:after|those of) (\w+)")
"""How the last line of a claim's docstring names the claim whose models it takes."""


@dataclass(frozen=True)
class Cost:
    """What one claim takes on two cores, all that it uses counted."""

    claim: str
    seeds: int
    seconds: float | None
    """Of so many seeds; None if no run was recorded."""
    source: str
    """The run that it was measured in."""
    shares: str
    """The claim whose models it takes; empty if it shares none."""
    folder: str
    """Where its module is: claims of one folder ask about one thing."""


def costs(modules: Mapping[str, ModuleType], records: Mapping[str, Mapping[str, Record]]) -> list[Cost]:
    """The cost of each claim, the dearest last; `records` are the newest, by claim and preset."""
    known = [_cost(name, module, records.get(name, {}).get(PRESET)) for name, module in modules.items()]
    return sorted(known, key=lambda cost: (cost.seconds is None, cost.seconds or 0.0, cost.claim))


def _cost(name: str, module: ModuleType, record: Record | None) -> Cost:
    seeds: int = module.PRESETS[PRESET].seeds
    shared = SHARED.search((module.__doc__ or "").rpartition("\nRun ")[2])
    shares = shared[1] if shared else ""
    folder = module.__name__.rpartition(".")[0].rpartition(".")[2]
    if record is None:
        return Cost(name, seeds, None, "", shares, folder)
    method = ", earlier method" if is_earlier(record) else ""
    source = f"{record['seeds']} seeds, `{record['commit'][:7]}`{method}"
    return Cost(name, seeds, record["seconds"] * seeds / record["seeds"], source, shares, folder)


def markdown(plan: list[Cost]) -> str:
    """The plan as a table, with what all claims take together."""
    by_name = {cost.claim: cost.seconds or 0.0 for cost in plan}
    alone = sum(by_name.values())
    by_folder: defaultdict[str, float] = defaultdict(float)
    for cost in plan:
        by_folder[cost.folder] += max(0.0, by_name[cost.claim] - by_name.get(cost.shares, 0.0))
    dearest = sorted(by_folder.items(), key=itemgetter(1), reverse=True)
    beyond = sum(by_folder.values())
    unknown = [f"`{cost.claim}`" for cost in plan if cost.seconds is None]
    lines = ["| claim | seeds | minutes | measured with | takes models of |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(_cells(cost)) + " |" for cost in plan]
    lines += [
        "",
        f"All of it: {beyond / 3600:.1f} hours if a claim that takes another's models costs only what it has beyond that "
        f"claim, {alone / 3600:.1f} hours if every claim had to make all that it uses."
        + f" Of the first: {', '.join(f'`{folder}` {seconds / 3600:.1f}' for folder, seconds in dearest)}."
        + (f" Not timed yet: {', '.join(unknown)}." if unknown else ""),
    ]
    return "\n".join(lines)


def _cells(cost: Cost) -> Iterator[str]:
    yield f"`{cost.claim}`"
    yield str(cost.seeds)
    yield "" if cost.seconds is None else "under 0.1" if cost.seconds < 6 else f"{cost.seconds / 60:.1f}"
    yield cost.source
    yield f"`{cost.shares}`" if cost.shares else ""


def renewed(text: str, modules: Mapping[str, ModuleType], records: Mapping[str, Mapping[str, Any]]) -> str:
    """A page with its table of costs made anew."""
    before, after = text.split(START)[0], text.split(END)[1]
    return f"{before}{START}\n{markdown(costs(modules, records))}\n{END}{after}"
