"""One HTML file that shows what was found: answers first, then every claim, its checks, figures, and what models wrote.

It holds all it needs and asks the network for nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from alchemy.record import NUMBER
from alchemy.report import table as claims_table
from alchemy.report.claim import QUESTIONS
from alchemy.report.history import Record
from alchemy.report.markup import document, explorer, number, seed_dots, table, verdict
from alchemy.report.results import is_earlier
from alchemy.report.table import decimal
from alchemy.report.words import explained
from alchemy.terminal import counted

DECIMALS, OUTLINE = re.compile(r"(\d\.\d\d)\d+"), re.compile(r' d="[^"]*"')
SHORTENED = 40
"""Checks of a claim that are shown at once; the others unfold."""
FLOORS = {"exact full": "exact match", "distance full": "edit distance"}
FOLLOWING = {"follow": "follow the edit", "ignore": "answer as before", "neither": "neither"}
METHOD = (
    "A check is one number a seed, and a seed a whole replicate: its own weights, training data, test problems and "
    "sampling keys. A check HOLDS if evidence says that the median seed satisfies its inequality, and FAILS if evidence "
    "says that it does not, by a sign test that is valid whenever one looks; a claim HOLDS if all its checks do, and "
    "FAILS if one does after correction for all of them (Holm). Either is wrong for at most 5 % of claims."
)

FILTER = (
    '<div class="bar filter nav" role="search"><label>Find <input type="search" autocomplete="off"></label>'
    '<label>Verdict <select><option value="">any</option><option>HOLDS</option><option>FAILS</option>'
    '<option>UNDECIDED</option></select></label><span class="count soft" aria-live="polite"></span></div>'
)
"""Hides the rows and sections of claims that have not all of the words, or another verdict."""

LEGEND = (
    "A dot is a seed, a hollow one missed a gate; the blue line is the median with its limits; shaded is what the check "
    "expects. Evidence is that for the check, an e-value: 20 are enough. The p-value is against it."
)


class Exhibit(NamedTuple):
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

    @property
    def link(self) -> str:
        return f'<a href="#{escape(self.anchor)}">{escape(self.name)}</a>'


def page(exhibits: Sequence[Exhibit], unfinished: Sequence[str] = ()) -> str:
    """The whole page; `unfinished` names the runs that were begun and not ended."""
    differences = _differences(exhibits)
    verdicts = [exhibit.record["verdict"] for exhibit in exhibits]
    counts = ", ".join(f"{verdicts.count(name)} {name}" for name in ("HOLDS", "FAILS", "UNDECIDED"))
    return document(
        "alchemy: claims",
        [
            "<h1>What chain of thought buys</h1>",
            f'<p class="soft">{counted(len(exhibits), "claim")}: {counts}.</p>',
            *_answers(exhibits),
            *(f"<p>Begun and not ended, or under way: {escape(name)}.</p>" for name in unfinished),
            '<h2 id="claims">All claims</h2>',
            f'<p class="soft">{METHOD}</p>',
            FILTER,
            _overview(exhibits),
            *(part for exhibit in exhibits for part in _section(exhibit, differences.get(exhibit.number, ""))),
        ],
    )


def _differences(exhibits: Sequence[Exhibit]) -> dict[int, str]:
    """Of runs of one claim under one preset, what differs between their configs: the fields as each run has them."""
    groups: dict[tuple[str, str], list[Exhibit]] = {}
    for exhibit in exhibits:
        groups.setdefault((exhibit.name, exhibit.record["preset"]), []).append(exhibit)
    texts = {}
    for group in groups.values():
        configs = [dict(_fields(exhibit.record["config"])) for exhibit in group]
        names = [name for name in dict.fromkeys(chain(*configs)) if len({config.get(name) for config in configs}) > 1]
        for exhibit, config in zip(group, configs, strict=True):
            texts[exhibit.number] = ", ".join(f"{name} {config.get(name, 'none')}" for name in names)
    return texts


def _fields(config: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The fields of a config as text, those of a config within it behind its name and a dot."""
    if isinstance(config, dict):
        for inner, value in config.items():
            yield from _fields(value, f"{name}.{inner}" if name else inner)
    else:
        yield name, json.dumps(config)


def _answers(exhibits: Sequence[Exhibit]) -> Iterator[str]:
    """For each question the claim that answers it best, with its picture, and the others as links."""
    yield '<div class="answers">'
    for question in QUESTIONS:
        group = [exhibit for exhibit in exhibits if exhibit.record["claim"].get("question") == question]
        if group:
            lead, *others = sorted(group, key=_rank)
            yield f"<article><h2>{escape(question)}</h2><p>{_sentence(lead)}</p>"
            yield from (_image(name, text) for name, text in list(lead.figures.items())[:1])
            yield f"<ul>{''.join(f'<li>{_sentence(exhibit)}</li>' for exhibit in others)}</ul></article>"
    yield "</div>"


def _rank(exhibit: Exhibit) -> tuple[bool, ...]:
    """Decided claims before open ones, headlines before others, what can be shown before what cannot."""
    record = exhibit.record
    return record["verdict"] == "UNDECIDED", is_earlier(record), not record["claim"]["headline"], not exhibit.figures


def _sentence(exhibit: Exhibit) -> str:
    record = exhibit.record
    return f"{_verdict(record)} {escape(record['claim']['sentence'])} {exhibit.link}"


def _verdict(record: Record) -> str:
    return verdict(record["verdict"]) + (' <span class="soft">(earlier method)</span>' if is_earlier(record) else "")


def _overview(exhibits: Sequence[Exhibit]) -> str:
    rows = [
        [
            f"{exhibit.link}<br>{escape(exhibit.record['claim']['sentence'])}",
            escape(exhibit.record["claim"]["source"]),
            _verdict(exhibit.record)
            + ("" if exhibit.record["preset"] == "small" else f" {escape(exhibit.record['preset'])}"),
            escape(claims_table.deciding(exhibit.record)),
        ]
        for exhibit in exhibits
    ]
    return table(["claim", "source", "verdict", "the number that decides"], rows, "stack")


def _section(exhibit: Exhibit, difference: str) -> Iterator[str]:
    record, claim = exhibit.record, exhibit.record["claim"]
    yield f'<section id="{escape(exhibit.anchor)}"><h2>{escape(exhibit.name)} {_verdict(record)}</h2>'
    if difference:
        yield f'<p class="soft">This run: {escape(difference)}.</p>'
    yield f"<p>{escape(claim['sentence'])}</p>"
    terms = {"source": claim["source"], "prediction": claim["prediction"], "refuted if": claim["refuted_if"]}
    terms |= {"among": claim["among"]} if claim.get("among") else {}
    yield _terms(terms)
    if not is_earlier(record):
        yield from _checks(record["checks"])
        yield from _words(claim["sentence"], *(check["name"] for check in record["checks"]))
    if exhibit.figures:
        yield '<h3>Figures</h3><div class="figures">'
        yield from (_image(name, text) for name, text in exhibit.figures.items())
        yield "</div>"
    yield from _following(record.get("following", ()))
    yield from _floors(record["measured"])
    if exhibit.journal:
        yield from _journal(exhibit)
    yield _provenance(record) + '<p class="nav"><a href="#claims">All claims</a></p></section>'


def _terms(terms: Mapping[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(text)}</dd>' for name, text in terms.items())}</dl>"


def _words(*texts: str) -> Iterator[str]:
    """What the words of a claim and its checks mean."""
    if words := dict(explained(*texts)):
        yield f"<details><summary>Words: {escape(', '.join(words))}</summary>{_terms(words)}</details>"


def _checks(checks: Sequence[Record]) -> Iterator[str]:
    held = sum(check["verdict"] == "HOLDS" for check in checks)
    order = {"FAILS": 0, "UNDECIDED": 1, "HOLDS": 2}
    rows = [
        [
            verdict(check["verdict"]),
            escape(check["name"]) + _gates(check),
            _dots(check),
            number(decimal(check["median"])),
            number("exact" if check["exact"] else f"{check['satisfied']} of {check['seeds']}"),
            number(claims_table.wanted(check)),
            number("" if check["exact"] else decimal(check["e_for"])),
            number("" if check["exact"] else decimal(check["p"], 2)),
            escape(check["reason"]),
        ]
        for check in sorted(checks, key=lambda check: order[check["verdict"]])
    ]
    head = ["verdict", "check", "seeds", "median", "satisfied", "expected", "evidence", "adjusted p", "why there"]
    yield f"<h3>Checks: {held} of {len(checks)} hold</h3>"
    yield f'<p class="soft">{LEGEND}</p>'
    yield table(head, rows[:SHORTENED], "stack")
    if rows[SHORTENED:]:
        yield f"<details><summary>{len(rows) - SHORTENED} more</summary>{table(head, rows[SHORTENED:], 'stack')}</details>"


def _gates(check: Record) -> str:
    """What seeds must have passed to be judged by a check."""
    gates = "; ".join(
        f"{gate['name']} {claims_table.wanted({**gate, 'share': 0.5})}: {sum(gate['passed'])} of {counted(len(gate['passed']), 'seed')}"
        for gate in check["gates"]
    )
    few = ". Too few for a claim about all models" if check["too_few_passed"] else ""
    return f'<br><span class="soft">gate: {escape(gates)}{few}</span>' if gates else ""


def _dots(check: Record) -> str:
    """Every seed over the range that was expected."""
    passed = np.logical_and.reduce([np.ones(len(check["values"]), bool), *(gate["passed"] for gate in check["gates"])])
    return seed_dots(
        check["values"],
        passed.tolist(),
        (check["low"], check["high"]),
        (check["median"], *check["limits"]),
        claims_table.effect(check),
    )


def _following(trainings: Sequence[Record]) -> Iterator[str]:
    """How many answers follow an edited step, by training: the median seed, and the least and the most of all."""
    rows = [
        [
            escape(training["trained"]),
            *(number(decimal(float(np.median(training[rate])))) for rate in FOLLOWING),
            number(f"{decimal(min(training['follow']))} to {decimal(max(training['follow']))}"),
        ]
        for training in trainings
    ]
    if rows:
        yield "<details><summary>Is the chain used? Answers after one symbol of the first step was replaced</summary>"
        yield table(["training", *FOLLOWING.values(), "follow, all seeds"], rows) + "</details>"


def _floors(measured: Any) -> Iterator[str]:
    """What predictors without understanding score on the problems of the median seed, by test."""
    rows = [
        [escape(test), escape(name), *(number(decimal(float(np.median(scores[score])))) for score in FLOORS)]
        for test, predictors in _predictors(measured)
        for name, scores in predictors.items()
    ]
    if rows:
        yield "<details><summary>What no understanding scores: floors by test</summary>"
        yield table(["test", "predictor", *FLOORS.values()], rows) + "</details>"


def _predictors(measured: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Mapping[str, Mapping[str, Any]]]]:
    """Tests by name, with the scores of each predictor, wherever in what was measured; floors of another form are no such."""
    if isinstance(measured, Mapping):
        for name, value in measured.items():
            if name != "floors":
                yield from _predictors(value, (*path, name))
            elif isinstance(value, Mapping) and all(map(_are_scores, value.values())):
                yield ", ".join(path), value


def _are_scores(scores: Any) -> bool:
    """Whether a predictor has every score that is shown, as a number or a number a seed."""
    if not isinstance(scores, Mapping):
        return False
    columns = [column if isinstance(column := scores.get(name), list) else [column] for name in FLOORS]
    return all(column and all(isinstance(one, NUMBER) for one in column) for column in columns)


def _image(name: str, svg: str) -> str:
    """A figure as an image of its own, so that the names inside it meet no others."""
    svg = svg[svg.index("<svg") :] if "<svg" in svg else svg
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = OUTLINE.sub(lambda outline: DECIMALS.sub(r"\1", outline[0]), svg)
    text = quote(re.sub(r"\s+", " ", svg), safe=" !$&'()*+,-./:;=?@[]^_`{|}~<>")
    title = Path(name).stem.replace("_", " ")
    return f'<figure><img class="figure" alt="{escape(title)}" src="data:image/svg+xml,{escape(text, quote=True)}"></figure>'


def _journal(exhibit: Exhibit) -> Iterator[str]:
    journal = exhibit.journal or {}
    if journal.get("tests"):
        yield "<h3>What the models wrote</h3>" + explorer(f"journal-{exhibit.anchor}", exhibit.name, journal["tests"])
    if journal.get("curves"):
        yield f"<details><summary>Learning curves of {len(journal['curves'])} trainings, a line a seed</summary>"
        yield f'<div class="curves">{"".join(_curve(curve) for curve in journal["curves"])}</div></details>'
    if journal.get("watched"):
        yield "<details><summary>What was measured while models were trained, a line a seed</summary>"
        yield f'<div class="curves">{"".join(_curve(curve) for curve in journal["watched"])}</div></details>'


def _curve(curve: Record) -> str:
    """Loss by step, or what else was measured, a line a seed."""
    steps, losses = curve["steps"], curve["losses"]
    most = max((loss for losses_of_seed in losses for loss in losses_of_seed if isfinite(loss)), default=0.0) or 1.0
    last = steps[-1]
    lines = "".join(
        f'<polyline fill="none" stroke="currentColor" stroke-width="1.2" opacity="{0.9 - 0.5 * seed / max(1, len(losses) - 1):.2f}" points="'
        + " ".join(
            f"{30 + 165 * step / last:.1f},{5 + 70 * (1 - loss / most):.1f}"
            for step, loss in zip(steps, losses_of_seed, strict=True)
            if isfinite(loss)
        )
        + '"/>'
        for seed, losses_of_seed in enumerate(losses)
    )
    marks = "".join(
        f'<text x="{x}" y="{y}" font-size="8" fill="currentColor" text-anchor="{anchor}">{text}</text>'
        for x, y, anchor, text in (
            (27, 11, "end", f"{most:.2g}"),
            (27, 77, "end", "0"),
            (195, 88, "end", counted(last, "step")),
        )
    )
    frame = '<path d="M30 5V75H195" fill="none" stroke="currentColor" opacity=".4"/>'
    return f'<figure><svg class="line" viewBox="0 0 200 92">{frame}{lines}{marks}</svg><figcaption>{escape(curve["label"])}</figcaption></figure>'


def _provenance(record: Record) -> str:
    facts = {
        "preset": record["preset"],
        "judged by": record["method"],
        "device": record["device"],
        "commit": record["commit"],
        "minutes": f"{record['seconds'] / 60:.1f}",
        "tokens": f"{record['tokens']:,}",
        "FLOPs": f"{record['flops']:.3g}",
        "versions": ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
    }
    config = escape(json.dumps(record["config"], indent=1))
    terms = _terms({name: str(value) for name, value in facts.items()})
    return f"<details><summary>Provenance</summary>{terms}<pre>{config}</pre></details>"
