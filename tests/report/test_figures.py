"""Pictures: the same figure gives the same bytes, and a map shows what it was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.figures import (
    Bars,
    Curves,
    Map,
    _legible,
    save,
)

SEEDS = np.linspace(0.4, 0.6, 10)
SHARED = {"name": "one", "title": "One", "x_label": "x", "y_label": "y"}
CURVES = Curves(
    **SHARED, x=[1, 2], measured={"a": np.stack([SEEDS, np.full(10, np.nan)], axis=1)}, theory={"law": [0.4, 0.6]}
)
BARS = Bars(name="two", title="Two", y_label="y", groups=["g"], measured={"a": SEEDS[:, None]}, theory={"a": [0.4]})
SURFACE = [[0.5, 0.7, 0.95], [0.6, 0.8, 0.99]]
MAP = Map(
    **SHARED,
    x=[1, 2, 4],
    y=[1, 2],
    measured=SURFACE,
    theory=SURFACE,
    levels=[0.6, 0.9],
    scale="accuracy",
    lines={"equal": [[(1, 2), (2, 1)], [(2, 2), (4, 1)]]},
)


@pytest.mark.parametrize("figure", [CURVES, BARS, MAP], ids=["curves", "bars", "map"])
def test_the_same_figure_gives_the_same_bytes(figure, tmp_path):
    """A value that was not measured leaves a gap."""
    for name in ("a.svg", "b.svg"):
        save(figure, tmp_path / name)
    one, other = ((tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert one == other and one.startswith(b"<?xml")


def test_a_note_stands_under_the_picture(tmp_path):
    for note in ("", "budget: tokens, all of them"):
        save(replace(CURVES, note=note), tmp_path / f"{bool(note)}.svg")
    with_note, without = ((tmp_path / f"{name}.svg").read_text() for name in ("True", "False"))
    assert len(with_note) > len(without)


def test_a_map_draws_every_line_and_names_each_kind_once():
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    canvas, axes = pyplot.subplots()
    MAP.draw(axes)
    assert sorted(text.get_text() for text in axes.get_legend().get_texts()) == ["equal", "law"]
    drawn = [line.get_xydata().tolist() for line in axes.lines if len(line.get_xdata()) == 2]
    assert [[1.0, 2.0], [2.0, 1.0]] in drawn and len(drawn) == 2
    assert axes.get_xscale() == axes.get_yscale() == "log" and axes.get_xlim() == (1.0, 4.0)
    pyplot.close(canvas)


@pytest.mark.parametrize("figure", [CURVES, BARS], ids=["curves", "bars"])
def test_names_cover_nothing(figure):
    """The legend is below the axes, its text inside the picture."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    many = replace(
        figure, measured={f"{name} {'long ' * 5}": one for one in figure.measured.values() for name in "abcdef"}
    )
    canvas, axes = pyplot.subplots(figsize=(6.4, 3.8), layout="constrained")
    many.draw(axes)
    canvas.canvas.draw()
    [legend] = canvas.legends
    names, whole = legend.get_window_extent(), canvas.bbox
    assert not names.overlaps(axes.get_tightbbox()) and len(legend.get_texts()) == 6 + len(figure.theory) * (
        figure is CURVES
    )
    assert whole.x0 <= names.x0 and names.x1 <= whole.x1 and whole.y0 <= names.y0
    pyplot.close(canvas)


@pytest.mark.parametrize(
    ("x", "shown"), [([0.0, 0.5, 0.98, 1.0], ["a", "b", "c", ""]), ([-1.0, 2.0, 2.1, 2.3], ["a", "b", "", "d"])]
)
def test_labels_of_places_side_by_side_are_not_written_over_each_other(x, shown):
    assert _legible(np.array(x), ["a", "b", "c", "d"]) == shown
