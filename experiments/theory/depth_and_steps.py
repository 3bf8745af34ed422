"""What depth can do and what steps can do, in one picture: layers against hops and letters, at once and with every step written.

Made from the committed verdicts, by `python -m experiments.theory.depth_and_steps`: of the newest record of each claim the
median model, with the cells outlined that laws say can be reached. Nothing is measured here.

Dimension letters: `r` rows of the picture, `c` columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from alchemy.report.figures import HeatMap, save
from alchemy.report.history import newest
from alchemy.stats.verdict import median
from alchemy.terminal import counted

VERDICTS = Path(__file__).parents[1] / "verdicts"
PATH = VERDICTS / "figures" / "depth_and_steps.svg"
LAYERS = (1, 2, 3, 4)
"""Of models that answer at once, a row each; above them are two layers that write every step."""
WRITTEN = len(LAYERS)
"""The row of models that write every step."""
FEWEST = 2
"""Layers that a hop takes."""
COMMUTATIVE, HARD = "Z60", "A5"


def figure(records: Mapping[str, Mapping[str, Any]]) -> HeatMap:
    """The picture of the newest records at `small`, by claim and preset."""
    hops, words = (records[name]["small"]["measured"] for name in ("hops_by_depth", "state_tracking"))
    letters = words["tested"]
    columns = [
        *(counted(number, "hop") for number in hops["hops"]),
        *(f"{group}, {counted(number, 'letter')}" for group in (COMMUTATIVE, HARD) for number in letters),
    ]
    measured, reached = (
        np.full((len(LAYERS) + 1, len(columns)), np.nan),
        np.zeros((len(LAYERS) + 1, len(columns)), bool),
    )

    def put(row: int, column: int, values: Any) -> None:
        """Columns from one on: the median model of shares of right answers (s, c)."""
        shares = np.atleast_2d(np.asarray(values, float))
        measured[row, column : column + shares.shape[1]] = [median(share) for share in shares.T]

    for layers, right in hops["depths"].items():
        put(LAYERS.index(int(layers)), 0, right)
        reached[LAYERS.index(int(layers)), : len(hops["hops"])] = [
            number <= 2 ** (int(layers) - FEWEST) for number in hops["hops"]
        ]
    put(WRITTEN, 0, hops["chain"])
    reached[WRITTEN, : len(hops["hops"])] = True
    for place, group in enumerate((COMMUTATIVE, HARD)):
        first = len(hops["hops"]) + place * len(letters)
        for row, layers in enumerate(LAYERS):
            if (name := f"{counted(layers, 'layer')}, {group}") in words["new"]:
                put(row, first, words["new"][name])
                reached[row, first : first + len(letters)] = group == COMMUTATIVE
        last = first + len(letters) - 1
        put(WRITTEN, last, np.array(words["chain"][group], float)[:, None])
        reached[WRITTEN, last] = True
    return HeatMap(
        name=PATH.stem,
        title="Problems of growing length, by the layers that answer them",
        y_label="",
        rows=[*(f"{counted(layers, 'layer')}, at once" for layers in LAYERS), "2 layers, every\nstep written"],
        columns=columns,
        measured=measured[None],
        scale="right answers, median model",
        reached={"a law says that it can be done": reached},
        note="Hops: each layer doubles them. Words: one layer counts letters; in A5 layers have to grow with the word. Blank: not measured.",
    )


if __name__ == "__main__":
    save(figure(newest(VERDICTS)), PATH)
