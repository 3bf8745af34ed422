"""Pictures of measurements: curves and bars with every seed in them, theory beside them, maps; one SVG a picture.

Dimension letters: `s` seeds, `m` values of a dial, `g` groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from alchemy.errors import UserError
from alchemy.record import write_whole
from alchemy.stats.verdict import median, median_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's palette, told apart by colour-blind readers too."""
MARKERS = "osD^vPX*"
ROOM = 90
"""Characters that fit side by side below a picture."""
WIDE = (6.4, 3.8)
"""Inches of a picture."""


@dataclass(frozen=True)
class Curves:
    """Measured curves over a dial: the median seed, its limits, every seed; and what theory says beside them."""

    name: str
    title: str
    x_label: str
    y_label: str
    x: Sequence[float]
    measured: Mapping[str, np.ndarray]
    """Float (s, m) by label; nan and infinities leave a gap."""
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

    def draw(self, axes: Axes) -> None:
        x = np.asarray(self.x, float)
        if self.trained:
            axes.axvspan(*self.trained, color="#888888", alpha=0.15, lw=0, label="trained on")
        for number, (label, values) in enumerate(self.measured.items()):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            seeds = _by_seed(self.name, label, values, len(x))
            middle, low, high = _summary(seeds)
            if len(seeds) > 1:
                axes.plot(x, seeds.T, color=colour, lw=0.6, alpha=0.35, zorder=1.5)
            axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
            known = ~np.isnan(middle)  # lines pass over what was not measured
            axes.plot(x[known], middle[known], color=colour, marker=marker, ms=4, lw=1.8, label=label)
        for number, (label, law) in enumerate(self.theory.items()):
            style = ("--", ":", "-.")[number % 3]
            axes.plot(x, law, color="#333333", ls=style, lw=1.2, label=label)
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


def _by_seed(figure: str, label: str, values: np.ndarray, width: int) -> np.ndarray:
    """Measured values as float (s, width), nan where there is no finite number."""
    seeds = np.atleast_2d(np.asarray(values, float))
    if seeds.ndim != 2 or seeds.shape[1] != width:
        raise UserError(f"figure {figure}, {label!r}: expected values (s, {width}), got shape {seeds.shape}")
    return np.where(np.isfinite(seeds), seeds, np.nan)


def _summary(seeds: np.ndarray) -> np.ndarray:
    """The median of each column of values (s, m), and its limits: float (3, m), nan where they are not finite."""
    rows = np.array([(median(column), *median_limits(column)) for column in seeds.T]).T
    return np.where(np.isfinite(rows), rows, np.nan)


def _legible(x: np.ndarray, labels: Sequence[str]) -> list[str]:
    """Labels of places (n,) in rising order, without those that would be written over the one before."""
    shown, last = [], -np.inf
    for place, label in zip(x, labels, strict=True):
        free = place - last >= 0.05 * np.ptp(x)
        shown.append(label if free else "")
        last = place if free else last
    return shown


@dataclass(frozen=True)
class Bars:
    """Groups of bars: the median seed, its limits, every seed as a dot; and a mark where theory puts each."""

    name: str
    title: str
    y_label: str
    groups: Sequence[str]
    measured: Mapping[str, np.ndarray]
    """Float (s, g) by label."""
    theory: Mapping[str, Sequence[float]]
    """For each series of `measured` that has one: the predicted value in each group."""
    note: str = ""
    """A line under the picture, such as what its axis means."""

    def draw(self, axes: Axes) -> None:
        x, wide = np.arange(len(self.groups)), 0.8 / len(self.measured)
        for number, (label, values) in enumerate(self.measured.items()):
            place = x + (number - (len(self.measured) - 1) / 2) * wide
            seeds = _by_seed(self.name, label, values, len(x))
            middle, low, high = _summary(seeds)
            colour = COLOURS[number % len(COLOURS)]
            axes.bar(place, middle, wide * 0.92, color=colour, alpha=0.55, label=label)
            if len(seeds) > 1:
                spread = np.linspace(-0.3, 0.3, len(seeds)) * wide
                dots = (place + spread[:, None]).ravel(), seeds.ravel()
                axes.scatter(*dots, s=7, color=colour, edgecolors="white", linewidths=0.4, zorder=3)
            axes.errorbar(place, middle, [middle - low, high - middle], fmt="none", color="black", lw=1, capsize=2)
            if label in self.theory:
                predicted = self.theory[label]
                name = "predicted" if label == next(iter(self.theory)) else ""
                axes.hlines(predicted, place - wide / 2, place + wide / 2, color="black", ls=":", lw=1.8, label=name)
        axes.set_xticks(x, self.groups, fontsize=8)
        _legend(axes)


@dataclass(frozen=True)
class Points:
    """Measurements at places of a dial that have no order, such as random draws: the median seed, its limits, every seed."""

    name: str
    title: str
    x_label: str
    y_label: str
    x: Sequence[float]
    measured: np.ndarray
    """Float (s, m): a column for each of `x`."""
    log_x: bool = False
    note: str = ""
    """A line under the picture, such as what its axis means."""

    def draw(self, axes: Axes) -> None:
        x = np.asarray(self.x, float)
        seeds = _by_seed(self.name, self.y_label, self.measured, len(x))
        middle, low, high = _summary(seeds)
        if len(seeds) > 1:
            axes.scatter(np.tile(x, (len(seeds), 1)), seeds, s=7, color=COLOURS[0], alpha=0.4, lw=0, label="every seed")
        axes.errorbar(x, middle, [middle - low, high - middle], fmt="none", color="black", lw=1, capsize=2)
        axes.scatter(x, middle, s=26, color=COLOURS[0], edgecolors="white", lw=0.5, zorder=3, label="the median seed")
        if self.log_x:
            axes.set_xscale("log")
        axes.set_xlabel(self.x_label)
        _legend(axes)


@dataclass(frozen=True)
class Map:
    """A measured surface over two dials on log scales as filled contours, theory's contours and straight lines on it."""

    name: str
    title: str
    x_label: str
    y_label: str
    x: Sequence[float]
    y: Sequence[float]
    measured: Sequence[Sequence[float]]
    """The median seed: one row for each of `y`."""
    theory: Sequence[Sequence[float]]
    levels: Sequence[float]
    scale: str
    """What the surface is."""
    lines: Mapping[str, Sequence[Sequence[tuple[float, float]]]]
    """By name: lines through points (x, y), such as those of equal cost."""
    note: str = ""
    """A line under the picture, such as what its axis means."""

    def draw(self, axes: Axes) -> None:
        x, y = np.asarray(self.x, float), np.asarray(self.y, float)
        filled = axes.contourf(x, y, self.measured, levels=self.levels, cmap="viridis", extend="both")
        axes.figure.colorbar(filled, ax=axes, label=self.scale, ticks=self.levels)
        drawn = axes.contour(x, y, self.measured, levels=self.levels, colors="white", linewidths=0.8)
        axes.clabel(drawn, fontsize=7)
        axes.contour(x, y, self.theory, levels=self.levels, colors="black", linestyles="--", linewidths=1.1)
        axes.plot([], [], color="black", ls="--", lw=1.1, label="law")
        for number, (label, lines) in enumerate(self.lines.items()):
            style: dict[str, Any] = {"color": ("#D55E00", "#CC79A7")[number % 2], "ls": (":", "-.")[number % 2]}
            for count, line in enumerate(lines):
                axes.plot(*zip(*line, strict=True), label=None if count else label, lw=1.3, **style)
        axes.set_xscale("log")
        axes.set_yscale("log", base=2)
        axes.set_xticks(x[:: max(1, len(x) // 8)], [f"{value:g}" for value in x[:: max(1, len(x) // 8)]])
        axes.set_yticks(y, [f"{value:g}" for value in y])
        axes.minorticks_off()
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])
        axes.grid(False)
        axes.set_xlabel(self.x_label)
        axes.legend(loc="upper right", fontsize=8, framealpha=0.85)


@dataclass(frozen=True)
class HeatMap:
    """A number for each row and column, such as each layer and position: the median seed, written into its cell."""

    name: str
    title: str
    y_label: str
    rows: Sequence[str]
    """From the bottom up."""
    columns: Sequence[str]
    measured: np.ndarray
    """Float (s, rows, columns); nan leaves a gap."""
    scale: str
    """What the numbers are."""
    limits: tuple[float, float] = (0.0, 1.0)
    """The numbers that have the first and the last colour."""
    reached: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Bool (rows, columns) by law: the cells that a law says can be reached, outlined."""
    joined: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    """Cells (row, column) by what they have in common, such as what they cost, joined by a line that says it at its last."""
    spread: bool = False
    """Write the least and the greatest seed under the median, in cells that have room for them; no scale beside the map."""
    size: tuple[float, float] = WIDE
    """Inches: one that is no wider than a phone is read there as it is."""
    note: str = ""
    """A line under the picture, such as what its axis means."""

    def draw(self, axes: Axes) -> None:
        shape = len(self.rows), len(self.columns)
        values = np.asarray(self.measured, float)
        if values.shape[1:] != shape:
            raise UserError(
                f"figure {self.name}: expected values (s, {shape[0]}, {shape[1]}), got shape {values.shape}"
            )
        seeds = _by_seed(self.name, self.scale, values.reshape(len(values), -1), shape[0] * shape[1])
        middle = _summary(seeds)[0]
        low, high = self.limits
        image = axes.imshow(middle.reshape(shape), origin="lower", aspect="auto", cmap="viridis", vmin=low, vmax=high)
        if not self.spread:
            axes.figure.colorbar(image, ax=axes, label=self.scale, pad=0.02)
        ink = np.where(middle.reshape(shape) < low + 0.6 * (high - low), "w", "k")
        place: dict[str, Any] = {"ha": "center", "va": "bottom" if self.spread else "center"}
        for (row, column), value in np.ndenumerate(middle.reshape(shape)):
            if np.isfinite(value):
                axes.text(column, row, _short(value), fontsize=8, color=ink[row, column], **place)
        if self.spread:
            self._write_spread(axes, seeds.reshape(len(seeds), *shape), ink)
        for number, (label, cells) in enumerate(self.reached.items()):
            colour = ("#D55E00", "#CC79A7")[number % 2]
            for ends in _outline(cells):
                axes.plot(*zip(*ends, strict=True), color=colour, lw=2.2, solid_capstyle="round", clip_on=False)
            axes.plot([], [], color=colour, lw=2.2, label=label)
        for label, joined in self.joined.items():
            for (y, x), (below, right) in pairwise(joined):  # from cell to cell, beside what is written in them
                line = np.array([[x, right], [y, below]]) @ [[0.72, 0.28], [0.28, 0.72]]
                axes.plot(*line, color="#D55E00", lw=1.2)
            y, x = joined[-1]
            axes.annotate(
                label, (x, y), (0, -11), textcoords="offset points", ha="center", fontsize=6.5, color=ink[y, x]
            )
        axes.set_xticks(range(shape[1]), self.columns, rotation=0 if self.spread else 90, fontsize=8)
        axes.set_yticks(range(shape[0]), self.rows)
        axes.tick_params(length=0)
        axes.grid(False)
        if self.reached:
            _legend(axes)

    def _write_spread(self, axes: Axes, seeds: np.ndarray, ink: np.ndarray) -> None:
        """The least and the greatest of values (s, rows, columns), in each cell that has any."""
        for row, column in np.argwhere(np.isfinite(seeds).any(axis=0)):
            cell = seeds[:, row, column]
            text = " to ".join(map(_short, (np.nanmin(cell), np.nanmax(cell))))
            axes.text(column, row - 0.1, text, fontsize=7, color=ink[row, column], ha="center", va="top")


def _outline(cells: np.ndarray) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """The sides, as two points (column, row), that part cells bool (rows, columns) from all others."""
    inside = np.pad(cells, 1)
    for row, column in np.argwhere(inside[:-1] != inside[1:]) - (0.5, 1):
        yield (column - 0.5, row), (column + 0.5, row)
    for row, column in np.argwhere(inside[:, :-1] != inside[:, 1:]) - (1, 0.5):
        yield (column, row - 0.5), (column, row + 0.5)


def _short(value: float) -> str:
    """A number in two digits, as it fits a cell: .25 for 0.25, 0 for what rounds to it."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text.replace("0.", ".", 1) if text not in ("0", "-0") else "0"


Figure = Curves | Bars | Points | Map | HeatMap


def _legend(axes: Axes) -> None:
    """Names below the picture, where they cover nothing."""
    handles, labels = axes.get_legend_handles_labels()
    wide = max(map(len, labels), default=0)
    columns = max(1, min(len(labels), ROOM // (wide + 6)))
    axes.figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8)


def _footnote(canvas: Canvas, note: str) -> None:
    """A line under the picture: over the names that stand there, if any do."""
    from matplotlib.font_manager import FontProperties

    if canvas.legends:
        canvas.legends[0].set_title(note, prop=FontProperties(size=6.5))
    else:
        canvas.supxlabel(note, fontsize=6.5, x=0.01, ha="left")


def save(figure: Figure, path: Path) -> None:
    """Draw one figure as SVG; the same figure gives the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas  # not pyplot, which looks for a screen and takes long to import

    style: dict[Any, Any] = {
        "svg.hashsalt": "alchemy",
        "svg.fonttype": "none",
        "font.size": 9,
        "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
    }
    with matplotlib.rc_context(style):
        size = figure.size if isinstance(figure, HeatMap) else WIDE
        canvas = Canvas(figsize=size, layout="constrained")
        axes = canvas.subplots()
        axes.set_title(figure.title, fontsize=10, loc="left")
        figure.draw(axes)
        axes.set_ylabel(figure.y_label)
        if figure.note:
            _footnote(canvas, fill(figure.note, round(110 * size[0] / WIDE[0])))
        silent = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        write_whole(path, lambda scratch: canvas.savefig(scratch, format="svg", metadata=silent))
