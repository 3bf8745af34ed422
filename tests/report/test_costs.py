"""What claims cost, from their records."""

from __future__ import annotations

from dataclasses import make_dataclass
from types import SimpleNamespace

from alchemy.report.costs import costs, markdown
from alchemy.report.results import METHOD


def module(seeds, run="", folder="theory"):
    preset = make_dataclass("Config", [("seeds", int)])(seeds)
    doc = f"A sentence.\n\nRun          alchemy reproduce x {run}"
    return SimpleNamespace(PRESETS={"small": preset}, __doc__=doc, __name__=f"experiments.{folder}.x")


def record(seeds, seconds):
    return {"small": {"seeds": seeds, "seconds": seconds, "commit": "abcdef0123", "method": METHOD}}


MODULES = {
    "dear": module(10),
    "sharing": module(5, "# after dear, whose models it shares", folder="trace"),
    "cheap": module(10, "# minutes on 2 CPU cores"),
    "unknown": module(5, "# models are those of dear"),
}
RECORDS = {"dear": record(5, 3600), "sharing": record(5, 9000), "cheap": record(1, 0.0)}


def test_costs_are_in_proportion_to_seeds_and_cheap_claims_come_first():
    plan = costs(MODULES, RECORDS)
    assert [(cost.claim, cost.seconds, cost.shares) for cost in plan] == [
        ("cheap", 0, ""),
        ("dear", 7200, ""),
        ("sharing", 9000, "dear"),
        ("unknown", None, "dear"),
    ]


def test_the_sum_counts_what_is_shared_once():
    text = markdown(costs(MODULES, RECORDS))
    assert "| `sharing` | 5 | 150.0 | 5 seeds, `abcdef0` | `dear` |" in text and "| `cheap` | 10 | under 0.1 |" in text
    assert "All of it: 2.5 hours" in text and "claim, 4.5 hours" in text and "Not timed yet: `unknown`." in text
    assert "Of the first: `theory` 2.0, `trace` 0.5." in text
