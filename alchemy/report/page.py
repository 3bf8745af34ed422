"""One HTML file that shows what was found: every claim, its checks, figures, learning curves, and what models wrote.

It holds all it needs and asks the network for nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from alchemy.report.markup import (
    bar,
    document,
    explorer,
    number,
    table,
    verdict,
)
from alchemy.report.table import (
    Record,
    decisive,
    effect,
    shown,
    wanted,
)

DECIMALS, OUTLINE = re.compile(r"(\d\.\d\d)\d+"), re.compile(r' d="[^"]*"')
SHORTENED = 40
"""Checks of a claim that are shown at once; the others unfold."""


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
    counts = {name: sum(one.record["verdict"] == name for one in claims) for name in ("HOLDS", "FAILS", "UNDECIDED")}
    summary = ", ".join(f"{count} {name}" for name, count in counts.items())
    return document(
        "alchemy: claims",
        [
            "<h1>What chain of thought buys</h1>",
            f'<p class="soft">{len(claims)} claims: {summary}. A check HOLDS if its whole interval is on the right side of '
            "the threshold, FAILS if all of it is on the wrong side, and is UNDECIDED otherwise; intervals are 95 %, over "
            "seeds and problems.</p>",
            _overview(claims),
            *(part for one in claims for part in _section(one)),
        ],
    )


def _overview(claims: Sequence[Judged]) -> str:
    rows = []
    for one in claims:
        record = one.record
        rows.append(
            [
                f'<a href="#{one.anchor}">{escape(one.name)}</a><br>{escape(record["claim"]["sentence"])}',
                escape(record["claim"]["source"]),
                verdict(record["verdict"]),
                escape(effect(decisive(record))),
                _least(record["measured"]),
                number(record["seeds"]),
                number(f"{record['seconds'] / 60:.1f}"),
                escape(record["preset"]),
                f"{escape(record['device'])}<br><code>{escape(record['commit'][:12])}</code>",
            ]
        )
    head = ["claim", "source", "verdict", "the check that decides", "floors", "seeds", "minutes", "preset"]
    return table([*head, "device, commit"], rows, "stack")


def _least(measured: Any) -> str:
    """The best that predictors score on any test of a claim, but for a replay, which is right on what was trained."""
    found = [one for _, scores in _floors(measured) for name, one in scores.items() if name != "replay"]
    exact, distance = ([one[f"{what} full"] for one in found] for what in ("exact", "distance"))
    return f"exact&nbsp;≤&nbsp;{max(exact):.3f} distance&nbsp;≥&nbsp;{min(distance):.3f}" if found else ""


def _section(one: Judged) -> Iterator[str]:
    record, claim = one.record, one.record["claim"]
    yield f'<section id="{one.anchor}"><h2>{escape(one.name)} {verdict(record["verdict"])}</h2>'
    yield f"<p>{escape(claim['sentence'])}</p>"
    terms = {"source": claim["source"], "prediction": claim["prediction"], "refuted if": claim["refuted_if"]}
    yield f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(text)}</dd>' for name, text in terms.items())}</dl>"
    yield from _checks(record["checks"])
    if one.figures:
        yield '<h3>Figures</h3><div class="figures">'
        yield from (_image(name, text) for name, text in one.figures.items())
        yield "</div>"
    floors = [
        [escape(test), escape(name), *(number(f"{scores[f'{what} full']:.3g}") for what in ("exact", "distance"))]
        for test, predictors in _floors(record["measured"])
        for name, scores in predictors.items()
    ]
    if floors:
        yield "<details><summary>What no understanding scores: floors by test</summary>"
        yield table(["test", "predictor", "exact match", "edit distance"], floors) + "</details>"
    if one.journal:
        yield from _journal(one)
    yield _provenance(record) + "</section>"


def _checks(checks: Sequence[Record]) -> Iterator[str]:
    held = sum(check["verdict"] == "HOLDS" for check in checks)
    order = {"FAILS": 0, "UNDECIDED": 1, "HOLDS": 2}
    ranked = sorted(checks, key=lambda check: order[check["verdict"]])
    rows = [
        [
            verdict(check["verdict"]),
            escape(check["name"]) + (' <span class="soft">(precondition)</span>' if check.get("precondition") else ""),
            number(shown(check)),
            _bar(check),
            number(wanted(check)),
            escape(check["reason"]),
        ]
        for check in ranked
    ]
    head = ["verdict", "check", "measured", "", "expected", "why there"]
    yield f"<h3>Checks: {held} of {len(checks)} hold</h3>" + table(head, rows[:SHORTENED], "stack")
    if rows[SHORTENED:]:
        yield f"<details><summary>{len(rows) - SHORTENED} more</summary>{table(head, rows[SHORTENED:], 'stack')}</details>"


def _bar(check: Record) -> str:
    """The interval over the range that was expected."""
    if "values" in check:
        interval = check["median"], *check["limits"]
    else:
        interval = check["measured"]["mean"], check["measured"]["low"], check["measured"]["high"]
    return bar(interval, (check["low"], check["high"]), effect(check))


def _image(name: str, svg: str) -> str:
    """A figure as an image of its own, so that the names inside it meet no others."""
    svg = svg[svg.index("<svg") :] if "<svg" in svg else svg
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = OUTLINE.sub(lambda found: DECIMALS.sub(r"\1", found[0]), svg)
    text = quote(re.sub(r"\s+", " ", svg), safe=" !$&'()*+,-./:;=?@[]^_`{|}~<>")
    title = Path(name).stem.replace("_", " ")
    return f'<figure><img class="figure" alt="{escape(title)}" src="data:image/svg+xml,{escape(text, quote=True)}"></figure>'


def _floors(measured: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Mapping[str, Mapping[str, float]]]]:
    """Tests by name, with the scores of each predictor."""
    if isinstance(measured, Mapping):
        for name, value in measured.items():
            yield from [(", ".join(path), value)] if name == "floors" else _floors(value, (*path, name))


def _journal(one: Judged) -> Iterator[str]:
    journal = one.journal or {}
    if journal.get("tests"):
        yield "<h3>What the models wrote</h3>" + explorer(f"journal-{one.anchor}", one.name, journal["tests"])
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
        "preset": record["preset"],
        "seeds": record["seeds"],
        "device": record["device"],
        "commit": record["commit"],
        "minutes": f"{record['seconds'] / 60:.1f}",
        "tokens": f"{record['tokens']:,}",
        "FLOPs": f"{record['flops']:.3g}",
        "versions": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
    }
    terms = "".join(f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items())
    config = escape(json.dumps(record["config"], indent=1))
    return f"<details><summary>Provenance</summary><dl>{terms}</dl><pre>{config}</pre></details>"
