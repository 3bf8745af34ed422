"""Pictures: the same figure gives the same bytes, and a map shows what it was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.report.figures import (
    Bars,
    Curves,
    HeatMap,
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
HEAT = HeatMap(
    name="three",
    title="Three",
    y_label="layer",
    rows=["0", "1"],
    columns=["a", "b", "c"],
    measured=np.array([[[0.25, 1.0, np.nan], [0.0, 0.5, 0.75]]] * 3),
    scale="share",
)


@pytest.mark.parametrize("figure", [CURVES, BARS, MAP, HEAT], ids=["curves", "bars", "map", "heat map"])
def test_the_same_figure_gives_the_same_bytes(figure, tmp_path):
    """A value that was not measured leaves a gap."""
    for name in ("a.svg", "b.svg"):
        save(figure, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second and first.startswith(b"<?xml")


@pytest.fixture
def axes():
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    canvas, axes = pyplot.subplots()
    yield axes
    pyplot.close(canvas)


def test_a_heat_map_writes_the_median_into_each_cell(axes):
    HEAT.draw(axes)
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): ".25", (1, 0): "1", (0, 1): "0", (1, 1): ".5", (2, 1): ".75"}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "c"]
    with pytest.raises(UserError, match=r"figure three: expected values \(s, 2, 2\), got shape \(3, 2, 3\)"):
        replace(HEAT, columns=["a", "b"]).draw(axes)


def test_a_heat_map_writes_the_least_and_the_greatest_seed_where_there_is_room(axes, tmp_path):
    values = np.array([[[0.25, 1.0, np.nan], [0.0, 0.5, 0.75]], [[0.5, 1.0, np.nan], [-0.01, 0.5, 0.7]]])
    figure = replace(HEAT, measured=values, spread=True, size=(3.0, 4.0))
    figure.draw(axes)
    spreads = [text.get_text() for text in axes.texts if " to " in text.get_text()]
    assert spreads == [".25 to .5", "1 to 1", "-.01 to 0", ".5 to .5", ".7 to .75"]
    assert [label.get_rotation() for label in axes.get_xticklabels()] == [0.0] * 3
    save(figure, tmp_path / "narrow.svg")
    assert b'width="216pt" height="288pt"' in (tmp_path / "narrow.svg").read_bytes()


def test_a_heat_map_joins_cells_from_the_first_to_the_last(axes):
    """A line from (row 1, column 0) to (row 0, column 1) and on, which leaves what is written in them free."""
    replace(HEAT, joined={"alike": [(1, 0), (0, 1), (0, 2)]}).draw(axes)
    first, second = (line.get_xydata().tolist() for line in axes.lines)
    assert np.allclose(first, [(0.28, 0.72), (0.72, 0.28)]) and np.allclose(second, [(1.28, 0), (1.72, 0)])
    [label] = [text for text in axes.texts if text.get_text() == "alike"]
    assert label.xy == (2, 0)


def test_a_heat_map_outlines_what_a_law_reaches(axes):
    """Around two neighbours six sides are drawn, and none between them, nor around cells that are not reached."""
    cells = np.array([[True, True, False], [False, False, False]])
    replace(HEAT, reached={"law": cells}).draw(axes)
    sides = {tuple(map(tuple, line.get_xydata().tolist())) for line in axes.lines if len(line.get_xdata())}
    below, above = ({((x - 0.5, y), (x + 0.5, y)) for x in (0.0, 1.0)} for y in (-0.5, 0.5))
    assert sides == below | above | {((x, -0.5), (x, 0.5)) for x in (-0.5, 1.5)}
    assert [text.get_text() for legend in axes.figure.legends for text in legend.get_texts()] == ["law"]


def test_curves_show_the_median_its_limits_and_every_seed(axes):
    """Ten seeds: the limits are the least and the greatest; infinite and missing values leave a gap, five seeds no band."""
    rng = np.random.default_rng(0)
    ten, five = rng.random((10, 3)), rng.random((5, 3))
    ten[0, 2] = np.inf
    replace(CURVES, x=[1, 2, 4], measured={"ten": ten, "five": five}, theory={"law": [0, 1, 2]}).draw(axes)
    drawn = {line.get_label(): np.asarray(line.get_ydata(), float) for line in axes.lines}
    np.testing.assert_allclose(drawn["ten"][:2], np.median(ten[:, :2], axis=0))
    np.testing.assert_allclose(drawn["five"], np.median(five, axis=0))
    np.testing.assert_array_equal(drawn["law"], [0, 1, 2])
    thin = [np.asarray(line.get_ydata(), float) for line in axes.lines if line.get_linewidth() < 1]
    assert len(thin) == 15
    np.testing.assert_array_equal(np.stack(thin[:10]), np.where(np.isinf(ten), np.nan, ten))
    band, nothing = (
        np.concatenate([path.vertices for path in area.get_paths() or []] or [np.zeros((0, 2))])
        for area in axes.collections
    )
    assert band[:, 1].min() == pytest.approx(ten[:, :2].min()) and band[:, 1].max() == pytest.approx(ten[:, :2].max())
    assert not len(nothing)


def test_bars_show_the_median_its_limits_and_every_seed(axes):
    values = np.random.default_rng(1).random((8, 2))
    replace(BARS, groups=["g", "h"], measured={"a": values}, theory={"a": [0.4, 0.5]}).draw(axes)
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], np.median(values, axis=0))
    [dots] = [part for part in axes.collections if len(part.get_offsets()) == 16]
    np.testing.assert_array_equal(dots.get_offsets()[:, 1], values.ravel())
    limits = np.concatenate([path.vertices[:, 1] for part in axes.containers[1].lines[2] for path in part.get_paths()])
    np.testing.assert_allclose(sorted(limits), sorted([*values.min(axis=0), *values.max(axis=0)]))


def test_one_computed_curve_has_no_thin_line(axes):
    replace(CURVES, measured={"a": np.array([[0.0, 1.0]])}, theory={}).draw(axes)
    assert len(axes.lines) == 1


def test_values_of_another_shape_are_refused(axes):
    for figure in (replace(CURVES, measured={"a": np.ones((2, 3))}), replace(BARS, measured={"a": np.ones((2, 3))})):
        with pytest.raises(UserError, match=r"'a'.*shape \(2, 3\)"):
            figure.draw(axes)


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
        figure, measured={f"{name} {'long ' * 5}": values for values in figure.measured.values() for name in "abcdef"}
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
