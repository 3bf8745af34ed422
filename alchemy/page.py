"""One HTML file that shows what was found: every claim, its checks, figures, learning curves, and what models wrote.

It holds all it needs and asks the network for nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from alchemy.report import Record, decisive, effect, shown, wanted

ASSETS = Path(__file__).parent / "assets"
DECIMALS, OUTLINE = re.compile(r"(\d\.\d\d)\d+"), re.compile(r' d="[^"]*"')
SHORTENED = 40
"""Checks of a claim that are shown at once; the others unfold."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


class Judged(NamedTuple):
    """A claim's record under one preset, with what lies beside it."""

    number: int
    """One claim may be there twice, from two runs."""
    name: str
    record: Record
    figures: Mapping[str, str]  # SVG by file name
    journal: Mapping[str, Any] | None

    @property
    def anchor(self) -> str:
        return f"{self.name}-{self.record['preset']}-{self.number}"


def page(claims: Sequence[Judged]) -> str:
    """The whole page."""
    style, script = ((ASSETS / name).read_text("utf-8") for name in ("page.css", "page.js"))
    counts = {
        verdict: sum(one.record["verdict"] == verdict for one in claims) for verdict in ("HOLDS", "FAILS", "UNDECIDED")
    }
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return "\n".join([
        "<!doctype html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<link rel="icon" href="data:,">',
        "<title>alchemy: claims</title>", f"<style>{style}</style>", "</head>", "<body>",
        "<h1>What chain of thought buys</h1>",
        f'<p class="soft">{len(claims)} claims: {summary}. A check HOLDS if its whole interval is on the right side of the '
        "threshold, FAILS if all of it is on the wrong side, and is UNDECIDED otherwise; intervals are 95 %, over seeds and "
        "problems.</p>",
        _overview(claims),
        *(part for one in claims for part in _section(one)),
        f"<script>{script}</script>", "</body>", "</html>", "",
    ])  # fmt: skip


def _overview(claims: Sequence[Judged]) -> str:
    rows = []
    for one in claims:
        record = one.record
        rows.append([
            f'<a href="#{one.anchor}">{escape(one.name)}</a><br>{escape(record["claim"]["sentence"])}',
            escape(record["claim"]["source"]), _verdict(record["verdict"]), escape(effect(decisive(record))),
            _number(record["seeds"]), _number(f"{record['seconds'] / 60:.1f}"), escape(record["preset"]),
            f"{escape(record['device'])}<br><code>{escape(record['commit'][:12])}</code>",
        ])  # fmt: skip
    return _table(
        ["claim", "source", "verdict", "the check that decides", "seeds", "minutes", "preset", "device, commit"], rows
    )


def _section(one: Judged) -> Iterator[str]:
    record, claim = one.record, one.record["claim"]
    yield f'<section id="{one.anchor}"><h2>{escape(one.name)} {_verdict(record["verdict"])}</h2>'
    yield f"<p>{escape(claim['sentence'])}</p>"
    terms = {"source": claim["source"], "prediction": claim["prediction"], "refuted if": claim["refuted_if"]}
    yield f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(text)}</dd>' for name, text in terms.items())}</dl>"
    yield from _checks(record["checks"])
    if one.figures:
        yield '<h3>Figures</h3><div class="figures">'
        yield from (_image(name, text) for name, text in one.figures.items())
        yield "</div>"
    if floors := list(_floors(record["measured"])):
        yield "<details><summary>What no understanding scores: floors by test</summary>"
        yield _table(["test", "predictor", "exact match", "edit distance"], floors) + "</details>"
    if one.journal:
        yield from _journal(one)
    yield _provenance(record) + "</section>"


def _checks(checks: Sequence[Record]) -> Iterator[str]:
    held = sum(check["verdict"] == "HOLDS" for check in checks)
    order = {"FAILS": 0, "UNDECIDED": 1, "HOLDS": 2}
    ranked = sorted(checks, key=lambda check: order[check["verdict"]])
    rows = [
        [
            _verdict(check["verdict"]),
            escape(check["name"]) + (' <span class="soft">(precondition)</span>' if check["precondition"] else ""),
            _number(shown(check["measured"])), _bar(check), _number(wanted(check)), escape(check["reason"]),
        ]
        for check in ranked
    ]  # fmt: skip
    head = ["verdict", "check", "measured", "", "expected", "why there"]
    yield f"<h3>Checks: {held} of {len(checks)} hold</h3>" + _table(head, rows[:SHORTENED])
    if rows[SHORTENED:]:
        yield f"<details><summary>{len(rows) - SHORTENED} more</summary>{_table(head, rows[SHORTENED:])}</details>"


def _bar(check: Record) -> str:
    """The interval as a line over the range that was expected, shaded."""
    measured = check["measured"]
    known = [
        value
        for value in (*(measured[name] for name in ("mean", "low", "high")), check["low"], check["high"])
        if value is not None
    ]
    low, high = min(known), max(known)
    room = (high - low or 1.0) * 0.15
    low, high = low - room, high + room

    def place(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else round((value - low) / (high - low) * 120, 1)

    left, right = place(check["low"], 0), place(check["high"], 120)
    begin, end, middle = place(measured["low"], 0), place(measured["high"], 120), place(measured["mean"], 120)
    return (
        f'<svg width="120" height="14" role="img" aria-label="{escape(effect(check), quote=True)}">'
        f'<rect x="{left}" width="{round(right - left, 1)}" height="14" fill="var(--good)" opacity=".18"/>'
        f'<path d="M{begin} 7H{end}" stroke="currentColor" stroke-width="2"/>'
        f'<circle cx="{middle}" cy="7" r="3.2" fill="currentColor"/></svg>'
    )


def _image(name: str, svg: str) -> str:
    """A figure as an image of its own, so that the names inside it meet no others."""
    svg = svg[svg.index("<svg") :] if "<svg" in svg else svg
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = OUTLINE.sub(lambda found: DECIMALS.sub(r"\1", found[0]), svg)
    text = quote(re.sub(r"\s+", " ", svg), safe=" !$&'()*+,-./:;=?@[]^_`{|}~<>")
    title = Path(name).stem.replace("_", " ")
    return f'<figure><img class="figure" alt="{escape(title)}" src="data:image/svg+xml,{escape(text, quote=True)}"></figure>'


def _floors(measured: Any, path: tuple[str, ...] = ()) -> Iterator[list[str]]:
    if not isinstance(measured, Mapping):
        return
    for name, value in measured.items():
        if name != "floors":
            yield from _floors(value, (*path, name))
            continue
        for predictor, scores in value.items():
            exact, distance = (_number(f"{scores[f'{what} full']:.3g}") for what in ("exact", "distance"))
            yield [escape(", ".join(path)), escape(predictor), exact, distance]


def _journal(one: Judged) -> Iterator[str]:
    journal = one.journal or {}
    if journal.get("tests"):
        place = f"journal-{one.anchor}"
        text = json.dumps(journal, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
        yield (
            '<h3>What the models wrote</h3><p class="soft nav">✓ right &nbsp; ✗ the first error &nbsp; ↳ follows from what was '
            "written, behind an error &nbsp; · does not. Keys, once the box has the focus: ← → another answer, t another "
            "test, o another outcome.</p>"
            f'<script type="application/json" id="{place}">{text}</script>'
            f'<div class="explorer" tabindex="0" data-journal="{place}" aria-label="answers of {escape(one.name)}">'
            '<div class="bar"><select aria-label="test"></select><select aria-label="outcome"></select>'
            '<button aria-label="previous">←</button><button aria-label="next">→</button><span class="count soft"></span></div>'
            '<div class="prompt"></div><div class="chains"><div><b>written</b><ol class="written"></ol></div>'
            '<div><b>gold</b><ol class="gold"></ol></div></div></div>'
        )
    if journal.get("curves"):
        yield f"<details><summary>Learning curves of {len(journal['curves'])} trainings, a line a seed</summary>"
        yield f'<div class="curves">{"".join(_curve(curve) for curve in journal["curves"])}</div></details>'


def _curve(curve: Record) -> str:
    """Loss by step, a line a seed."""
    steps, losses = curve["steps"], curve["losses"]
    most, last = max(max(each) for each in losses), steps[-1]
    lines = "".join(
        f'<polyline fill="none" stroke="currentColor" stroke-width="1.2" opacity="{0.9 - 0.5 * seed / max(1, len(losses) - 1):.2f}" points="'
        + " ".join(
            f"{30 + 165 * step / last:.1f},{5 + 70 * (1 - loss / most):.1f}"
            for step, loss in zip(steps, each, strict=True)
        )
        + '"/>'
        for seed, each in enumerate(losses)
    )
    marks = "".join(
        f'<text x="{x}" y="{y}" font-size="8" fill="currentColor" text-anchor="{anchor}">{text}</text>'
        for x, y, anchor, text in (
            (27, 11, "end", f"{most:.2g}"),
            (27, 77, "end", "0"),
            (195, 88, "end", f"{last} steps"),
        )
    )
    frame = '<path d="M30 5V75H195" fill="none" stroke="currentColor" opacity=".4"/>'
    return f'<figure><svg class="line" viewBox="0 0 200 92">{frame}{lines}{marks}</svg><figcaption>{escape(curve["label"])}</figcaption></figure>'


def _provenance(record: Record) -> str:
    facts = {
        "preset": record["preset"], "seeds": record["seeds"], "device": record["device"], "commit": record["commit"],
        "minutes": f"{record['seconds'] / 60:.1f}", "tokens": f"{record['tokens']:,}", "FLOPs": f"{record['flops']:.3g}",
        "versions": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
    }  # fmt: skip
    terms = "".join(f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items())
    config = escape(json.dumps(record["config"], indent=1))
    return f"<details><summary>Provenance</summary><dl>{terms}</dl><pre>{config}</pre></details>"


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML; those that bring their own tag keep it."""
    names = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _verdict(verdict: str) -> str:
    glyph = {"HOLDS": "✓", "FAILS": "✗", "UNDECIDED": "?"}[verdict]
    return f'<span class="verdict {verdict}">{glyph} {verdict}</span>'


def _number(value: Any) -> str:
    return f'<td class="number">{escape(str(value))}</td>'
