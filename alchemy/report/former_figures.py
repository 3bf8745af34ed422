"""Pictures of experiments whose measurements are not yet by seed: curves with bands and theory lines, bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.report.figures import COLOURS, MARKERS, Map, _legend, _legible
from alchemy.stats.measure import Interval


@dataclass(frozen=True)
class Curves:
    """Measured lines with bands over a dial, and what theory says beside them."""

    name: str
    title: str
    x_label: str
    y_label: str
    x: Sequence[float]
    measured: Mapping[str, Sequence[Interval]]
    theory: Mapping[str, Sequence[float]]
    """Dashed; one value for each of `x`."""
    trained: tuple[float, float] | None = None
    """The part of the dial that training covered, shaded."""
    log_x: bool = False
    log_y: bool = False
    ticks: Sequence[str] = ()
    """Names for the values of `x`, where it has no scale of its own."""
    note: str = ""
    """A line under the picture, such as what its axis means."""

    def draw(self, axes: Any) -> None:
        x = np.asarray(self.x, float)
        if self.trained:
            axes.axvspan(*self.trained, color="#888888", alpha=0.15, lw=0, label="trained on")
        for number, (label, intervals) in enumerate(self.measured.items()):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            mean, low, high = np.array([(i.mean, i.low, i.high) for i in intervals], float).T
            known = ~np.isnan(mean)  # lines pass over what was not measured
            axes.fill_between(x[known], low[known], high[known], color=colour, alpha=0.2, lw=0)
            axes.plot(x[known], mean[known], color=colour, marker=marker, ms=4, lw=1.5, label=label)
        for number, (label, values) in enumerate(self.theory.items()):
            style = ("--", ":", "-.")[number % 3]
            axes.plot(x, values, color="#333333", ls=style, lw=1.2, label=label)
        if self.log_x:
            axes.set_xscale("log")
        if self.ticks or len(x) <= 8:
            labels = self.ticks or [f"{value:g}" for value in x]
            axes.set_xticks(x, _legible(np.log(x) if self.log_x else x, labels))
            axes.minorticks_off()
        if self.log_y:
            axes.set_yscale("log")
        axes.set_xlabel(self.x_label)
        _legend(axes)


@dataclass(frozen=True)
class Bars:
    """Groups of bars with intervals, and a mark where theory puts each."""

    name: str
    title: str
    y_label: str
    groups: Sequence[str]
    measured: Mapping[str, Sequence[Interval]]
    theory: Mapping[str, Sequence[float]]
    """For each series of `measured` that has one: the predicted value in each group."""
    note: str = ""
    """A line under the picture, such as what its axis means."""

    def draw(self, axes: Any) -> None:
        x, wide = np.arange(len(self.groups)), 0.8 / len(self.measured)
        for number, (label, intervals) in enumerate(self.measured.items()):
            place = x + (number - (len(self.measured) - 1) / 2) * wide
            mean, low, high = np.array([(i.mean, i.low, i.high) for i in intervals], float).T
            axes.bar(place, mean, wide * 0.92, color=COLOURS[number % len(COLOURS)], label=label)
            axes.errorbar(place, mean, [mean - low, high - mean], fmt="none", color="black", lw=1, capsize=2)
            if label in self.theory:
                predicted = self.theory[label]
                name = "predicted" if label == next(iter(self.theory)) else None
                axes.hlines(predicted, place - wide / 2, place + wide / 2, color="black", ls=":", lw=1.8, label=name)
        axes.set_xticks(x, self.groups, fontsize=8)
        _legend(axes)


Figure = Curves | Bars | Map
