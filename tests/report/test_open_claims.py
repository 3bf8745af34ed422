"""The table of open claims: which are in it, in what order, and what more seeds would cost."""

from __future__ import annotations

import numpy as np

from alchemy.report.claim import Claim, at_least, judge
from alchemy.report.open_claims import counts, markdown
from alchemy.report.results import results
from alchemy.stats.power import Counts

CLAIM = Claim(sentence="A sentence.", source="source", prediction="p", refuted_if="r", question="What does a step buy?")


def record(satisfied, seeds, minutes=1.0):
    """A claim of one check that so many of its seeds satisfy, at so many minutes a seed."""
    values = np.repeat([1.0, 0.0], [satisfied, seeds - satisfied])
    judged = results(judge(CLAIM, [at_least("right | wrong", values, 0.5, "r")]))
    return {**judged, "seeds": seeds, "seconds": 60 * minutes * seeds, "commit": "abcdef0"}


RECORDS = {
    "holds": {"small": record(12, 12)},
    "other_preset": {"full": record(3, 5)},
    "dear": {"small": record(9, 10, minutes=30.0)},
    "cheap": {"small": record(9, 10)},
    "threshold": {"small": record(500, 1000)},
}


def test_open_claims_are_listed_by_what_a_verdict_costs():
    names, rows = [], {}
    for line in markdown(RECORDS).splitlines()[2:]:
        cells = [cell.strip() for cell in line.replace("\\|", "or").strip("|").split("|")]
        names.append(cells[0].strip("`"))
        rows[names[-1]] = cells[1:]
    assert names == ["cheap", "dear", "threshold"]
    seeds, needed, minutes, check = rows["cheap"]
    assert (seeds, check) == ("10", "right or wrong: median 1, 9 of 10 seeds, expected at least .5")
    assert 11 <= int(needed) <= 20 and int(minutes) == int(needed), "of 12 seeds 11 would decide"
    assert rows["dear"][:3] == ["10", needed, str(30 * int(needed))]
    assert rows["threshold"][1:3] == ["over a thousand", ""]


def test_checks_that_seeds_cannot_decide_are_not_counted():
    exact = {**record(9, 10)["checks"][0], "exact": True}
    assert counts({"checks": [exact, record(3, 7)["checks"][0]]}) == [Counts(3, 7, 0.5)]
