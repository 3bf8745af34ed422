"""What pages are made of: the document, tables, intervals as bars, seeds as dots, the explorer of what was written.

A page holds all it needs and asks the network for nothing; text from elsewhere is shown as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from math import isfinite, isinf, isnan
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
WIDE = 120
"""Pixels of a bar."""
DOTS_WIDE = 180
"""Pixels of a row of seeds."""


def document(title: str, body: Iterable[str]) -> str:
    """A whole HTML file with its style and script; halves of characters, which no file can hold, are spelled out."""
    style, script = ((ASSETS / name).read_text("utf-8") for name in ("page.css", "page.js"))
    text = "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Cells are HTML; those that bring their own tag keep it. On a phone each cell says under which name it stands."""
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(_cell(name, cell) for name, cell in zip(head, row, strict=True)) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cell(name: str, cell: str) -> str:
    tag = cell if cell.startswith("<td") else f"<td>{cell}</td>"
    return f'<td data-name="{escape(name, quote=True)}"{tag[3:]}' if name else tag


def verdict(name: str) -> str:
    glyph = {"HOLDS": "✓", "FAILS": "✗", "UNDECIDED": "?"}[name]
    return f'<span class="verdict {name}">{glyph} {name}</span>'


def number(value: Any) -> str:
    return f'<td class="number">{escape(str(value))}</td>'


def bar(
    interval: Sequence[float | None],
    shaded: tuple[float | None, float | None],
    label: str,
    scale: tuple[float, float] | None = None,
    marks: Iterable[float] = (),
) -> str:
    """An interval (mean, low, high) as a line over a shaded range, open where it has no end, with upright marks.

    Without a scale it is as wide as what there is to show.
    """
    if scale is None:
        known = [value for value in (*interval, *shaded) if value is not None]
        room = (max(known) - min(known) or 1.0) * 0.15
        scale = min(known) - room, max(known) + room

    def place(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else round((value - scale[0]) / (scale[1] - scale[0]) * WIDE, 1)

    colour = "soft" if shaded == (None, None) else "good"
    mean, low, high = interval
    left, right = place(shaded[0], 0), place(shaded[1], WIDE)
    upright = "".join(f'<path d="M{place(value, 0)} 1V13" stroke="var(--bad)" stroke-width="2"/>' for value in marks)
    return (
        f'<svg class="interval" width="{WIDE}" height="14" role="img" aria-label="{escape(label, quote=True)}">'
        f'<rect x="{left}" width="{round(right - left, 1)}" height="14" fill="var(--{colour})" opacity=".18"/>{upright}'
        f'<path d="M{place(low, 0)} 7H{place(high, WIDE)}" stroke="currentColor" stroke-width="2"/>'
        f'<circle cx="{place(mean, WIDE)}" cy="7" r="3.2" fill="currentColor"/></svg>'
    )


def seed_dots(
    values: Sequence[float],
    passed: Sequence[bool],
    shaded: tuple[float, float],
    median: tuple[float, float, float],
    label: str,
) -> str:
    """A dot for each seed over a shaded range, hollow if it is not judged, with the median and its limits (median, low, high).

    What is infinite is an arrow at its end; a seed without a number has no dot.
    """
    known = [value for value in (*values, *shaded, *median) if isfinite(value)]
    room = (max(known, default=1.0) - min(known, default=0.0) or 1.0) * 0.12
    least, most = min(known, default=0.0) - room, max(known, default=1.0) + room

    def place(value: float) -> float:
        return round((min(max(value, least), most) - least) / (most - least) * DOTS_WIDE, 1)

    left, right = place(shaded[0]), place(shaded[1])
    marks = [
        f'<rect x="{left}" width="{max(1.5, round(right - left, 1))}" height="20" fill="var(--good)" opacity=".18"/>'
    ]
    for seed, (value, judged) in enumerate(zip(values, passed, strict=True)):
        y = (6, 10, 14)[seed % 3]  # seeds of the same value are seen side by side
        fill = "currentColor" if judged else "none"
        if isinf(value):
            end, tip = (DOTS_WIDE - 6, 5) if value > 0 else (6, -5)
            marks.append(f'<path d="M{end} {y - 2.5}l{tip} 2.5l{-tip} 2.5z" stroke="currentColor" fill="{fill}"/>')
        elif not isnan(value):
            marks.append(
                f'<circle cx="{place(value)}" cy="{y}" r="2" stroke="currentColor" fill="{fill}" opacity=".6"/>'
            )
    middle, low, high = median
    if isfinite(low) and isfinite(high):
        marks.append(f'<path d="M{place(low)} 18.5H{place(high)}" stroke="var(--accent)" stroke-width="2"/>')
    if isfinite(middle):
        marks.append(f'<path d="M{place(middle)} 1V19" stroke="var(--accent)" stroke-width="2"/>')
    name = escape(label, quote=True)
    return f'<svg class="seeds" width="{DOTS_WIDE}" height="20" role="img" aria-label="{name}">{"".join(marks)}</svg>'


def explorer(anchor: str, name: str, tests: Sequence[Any]) -> str:
    """A box to look through answers, test by test and outcome by outcome; `tests` as a `Journal` has them."""
    anchor = escape(anchor, quote=True)
    text = json.dumps({"tests": tests}, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<p class="soft nav">✓ right &nbsp; ✗ the first error &nbsp; ↳ follows from what was written, behind an error '
        "&nbsp; · does not. Keys, once the box has the focus: ← → another answer, t another test, o another outcome.</p>"
        f'<script type="application/json" id="{anchor}">{text}</script>'
        f'<div class="explorer" role="group" tabindex="0" data-journal="{anchor}" '
        f'aria-label="{escape(f"answers of {name}", quote=True)}">'
        '<div class="bar"><select aria-label="test"></select><select aria-label="outcome"></select>'
        '<button aria-label="previous">←</button><button aria-label="next">→</button>'
        '<span class="count soft" aria-live="polite"></span></div>'
        '<div class="prompt"></div><img class="picture" alt="The board after each step, which is also said below" hidden>'
        '<div class="chains"><div><b>written</b><ol class="written"></ol></div>'
        '<div><b>gold</b><ol class="gold"></ol></div></div><dl class="guesses"></dl></div>'
    )
