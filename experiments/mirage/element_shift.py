"""A model does not generalise to elements it has not seen, neither to known atoms at unseen positions nor to new atoms.

Source       Zhao et al., arXiv:2508.01191, section 5.2, figures 5 and 6
Prediction   Exact match is 100 % on elements like the trained ones and 0 % both on known atoms in places where they
             never stood (CMP, n = 1..4 of 4 places) and on atoms that never occurred (OOD: trained on A-M, tested on
             N-Z), for every composition. The paper does not say how CMP elements were drawn; here ten letters are kept
             from each place in training, and the test puts such letters into n places.
Refuted if   Exact match on unseen places or on unseen atoms is over 1 %.
Run          alchemy reproduce element_shift --preset small      # about 2 minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alchemy.lab.lab import Lab
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
)
from alchemy.report.former_figures import Curves, Figure
from experiments.mirage.setting import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
    profile,
)
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="A model does not generalise to known atoms at unseen positions, nor to unseen atoms.",
    source="arXiv:2508.01191, section 5.2, figures 5-6",
    prediction="exact match 100 % on trained places and atoms, 0 % on unseen places (CMP) and unseen atoms (OOD)",
    refuted_if="exact match over 1 % on unseen places or on unseen atoms",
)


@dataclass(frozen=True)
class Config(Setting):
    compositions: tuple[str, ...] = ("F1", "F2", "F1 F2", "F2 F2")
    """Each is trained and tested on its own."""
    banned: int = 10
    """Letters kept from each position in training."""
    places: tuple[int, ...] = (1, 2, 3, 4)
    """Numbers of positions that hold such a letter in a test."""


PRESETS = {
    "smoke": Config(**SMOKE, compositions=("F1 F2",), places=(1, 4)),
    "small": Config(**SMALL),
    "full": Config(**FULL, compositions=("F1", "F2", "F1 F1", "F1 F2", "F2 F1", "F2 F2")),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"places": list(config.places)}
    for composition in config.compositions:
        task = Symbols(compositions=(composition,), banned=config.banned)
        runs = config.fit(lab, task)
        row: dict[str, Any] = {"trained places": profile(lab.answer(runs, task, config.test))}
        for n in config.places:
            shifted = lab.answer(runs, task.shift(f"positions={n}")(task), config.test, label=f"{n} unseen places")
            row[f"{n} unseen places"] = {**profile(shifted), "floors": shifted.floors(task)}
        half = Symbols(compositions=(composition,), atoms=task.alphabet[: len(task.alphabet) // 2])
        runs = config.fit(lab, half)
        row["trained atoms"] = profile(lab.answer(runs, half, config.test))
        shifted = lab.answer(runs, half.shift("atoms=unseen")(half), config.test, label="unseen atoms")
        row["unseen atoms"] = {**profile(shifted), "floors": shifted.floors(half)}
        measured[composition] = row
    return measured


def check(measured: Mapping[str, Any]) -> list[Check]:
    checks = []
    for composition, row in _rows(measured).items():
        for name, scores in row.items():
            exact = scores["exact full"]
            if name.startswith("trained"):
                checks.append(at_least(f"{composition}, {name}: exact", exact, 0.99, "solved", precondition=True))
            else:
                checks.append(at_most(f"{composition}, {name}: exact", exact, 0.01, "the paper reports 0 %"))
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    places = measured["places"]
    rows = _rows(measured)
    names = ["trained places", *(f"{n} unseen places" for n in places)]
    return [
        Curves(
            name="element_shift",
            title="Known letters in places where they never stood",
            x_label="letters in an unseen place, of 4",
            y_label="exact match, full chain",
            x=[0, *places],
            measured={composition: [row[name]["exact full"] for name in names] for composition, row in rows.items()},
            theory={"the paper (CMP)": [1.0, *(0.0 for _ in places)]},
        )
    ]


def _rows(measured: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row for name, row in measured.items() if name != "places"}
