"""Seeds until it is decided: looks are recorded, a decision stops, and so does a claim that lies on its threshold."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.record import numbers, read_json
from alchemy.report.claim import Claim, at_least
from alchemy.report.reproduce import reproduce

CLAIM = Claim("It does.", "ours", "at least .5", "under .5", question="What does a step buy?")


@dataclass(frozen=True)
class Config:
    seeds: int = 5


def experiment(values):
    """A claim whose measurement of seed i is values[i]."""
    return SimpleNamespace(
        CLAIM=CLAIM,
        PRESETS={"small": Config()},
        run=lambda config, lab: np.array(values[: config.seeds], float),
        check=lambda measured: [at_least("law", measured, 0.5, "why")],
        figures=lambda measured: [],
    )


@pytest.mark.parametrize(
    ("values", "verdict", "looks"),
    [
        ([1] * 5, "HOLDS", []),
        ([1, 1, 1, 1, 0] + [1] * 35, "HOLDS", [5, 7, 10]),
        ([0] * 40, "FAILS", []),
        ([0, 1] * 20, "UNDECIDED", [5, 7, 10]),
    ],
)
def test_seeds_are_added_until_a_verdict_or_futility(tmp_path, values, verdict, looks):
    modules, configs = {"law": experiment(values)}, {"law": Config()}
    assert reproduce(modules, configs, "small", tmp_path, quiet=True, until_decided=True) == 0
    record = numbers(read_json(tmp_path / "claims" / "law" / "small" / "record.json"))
    assert record["verdict"] == verdict
    assert [look["seeds"] for look in record["looks"]] == looks
    assert all(look["verdict"] == "UNDECIDED" for look in record["looks"])
    assert record["lock"] is None


@pytest.mark.parametrize("seeds", [0, -1])
def test_a_number_of_seeds_below_one_is_the_users_error(tmp_path, seeds):
    with pytest.raises(UserError, match=f"law: seeds must be at least 1, not {seeds}"):
        reproduce({"law": experiment([1])}, {"law": Config(seeds)}, "small", tmp_path, quiet=True)
    assert not list(tmp_path.iterdir())
