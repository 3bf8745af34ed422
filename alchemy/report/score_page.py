"""Scores for a reader: lines of text for one file of predictions, a table for several, a page for both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import islice
from textwrap import wrap
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from alchemy.lab.journal import described
from alchemy.problem.task import Task
from alchemy.record import commit, plain
from alchemy.report.markup import (
    bar,
    document,
    explorer,
    number,
    table,
)
from alchemy.terminal import counted

Result = Mapping[str, Any]
"""The numbers of one file, as `alchemy.scoring.score.score` returns them."""
WIDTH = 80
MOST_GROUPS = 12
"""Groups of one kind in the lines of a file."""
ACCURACIES = ("answer_accuracy", "trace_accuracy")


def lines(result: Result) -> Iterator[str]:
    """Every number of a file, aligned."""
    yield f"{counted(result['n'], 'line')} of {result['lines']}"
    for name, value in result.items():
        if isinstance(value, float) or (value is None and name != "floors"):
            if f"{name}_interval" in result:
                yield _columns(_words(name), _shown(result, name))
            else:
                yield _row(_words(name), [value])
    if "exact_match" in result:
        yield _row("", ("full", "reasoning", "answer"))
        for name in ("exact_match", "edit_distance", "bleu", "corpus_bleu"):
            yield _row(_words(name), result[name].values())
    if floors := result.get("floors"):
        yield _row("", ("answer", "exact", "distance"))
        for name, floor in floors.items():
            yield _row(
                f"floor: {name}", [floor[metric] for metric in ("answer_accuracy", "exact_match", "edit_distance")]
            )
    yield from _told(result)
    steps = ", ".join(f"{step}:\xa0{n}" for step, n in result["first_wrong_step"].items())
    for place, part in enumerate(wrap(steps, WIDTH - 27)):
        yield f"{'' if place else 'first wrong step':<26} " + part.replace("\xa0", " ")


def _told(result: Result) -> Iterator[str]:
    """What a reader must know of the lines themselves, where there is anything to know."""
    if result.get("failed"):
        yield f"{'failed, counted as wrong':<26} {result['failed']:,}"
    if result.get("without an answer"):
        yield f"{'without an answer, wrong':<26} {result['without an answer']:,}"
    if taken_off := result.get("taken off"):
        yield f"{'taken off':<26} " + ", ".join(f"{name}: {count:,}" for name, count in taken_off.items())
    yield from told(result.get("coverage", {}))
    yield from _samples_told(result.get("samples"))
    for name, groups in result.get("groups", {}).items():
        yield _columns(f"by {_words(name)}", "right answer", "valid chain")
        for group, numbers in islice(groups.items(), MOST_GROUPS):
            yield _columns(f"  {group} ({numbers['problems']:,})", *(_shown(numbers, key) for key in ACCURACIES))
        if len(groups) > MOST_GROUPS:
            yield f"  and {len(groups) - MOST_GROUPS:,} more, in --json"


def _samples_told(samples: Result | None) -> Iterator[str]:
    """Of several answers to a problem: how many there are, and what any of k and the majority of k are worth."""
    if not samples:
        return
    fewest, most = samples["fewest"], samples["most"]
    number = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    yield f"{'several answers a problem':<26} {number}, of {counted(samples['problems'], 'problem')}"
    yield _columns("accuracy over problems", _shown(samples, "accuracy over problems"))
    yield _columns("of k answers", "any (pass@k)", "majority")
    for size in samples["pass@k"]:
        curves = [name for name in ("pass@k", "majority@k") if size in samples[name]]
        yield _columns(
            f"  k = {size}", *(_share_text(samples[name][size], samples[f"{name}_interval"][size]) for name in curves)
        )


def _columns(name: str, *cells: str) -> str:
    return f"{name:<26} " + " ".join(f"{cell:<25}" for cell in cells).rstrip()


def _shown(numbers: Result, name: str) -> str:
    return _share_text(numbers[name], numbers[f"{name}_interval"])


def _share_text(share: float, interval: Sequence[float]) -> str:
    return "{:.4f}  [{:.4f}, {:.4f}]".format(share, *interval)


def told(numbers: Result) -> Iterator[str]:
    """Counts, shares and lists of them, a line each."""
    for name, value in numbers.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{key}: {share:.4f}" for key, share in value.items())
        elif isinstance(value, list):
            shown = "[{:.4f}, {:.4f}]".format(*value)
        else:
            shown = f"{value:.4f}" if isinstance(value, float) else f"{value}"
        yield f"{_words(name).replace(' interval', ', 95 %'):<26} {shown}"


def summary(results: Mapping[str, Result]) -> Table:
    """A row a file, for the terminal."""
    shown = Table(box=SIMPLE, padding=(0, 1), pad_edge=False)
    for column in ("predictions", "right answer", "floor", "valid chain", "distance", "floor"):
        shown.add_column(column, overflow="fold", justify="left" if column == "predictions" else "right")
    for label, result in results.items():
        best, nearest = _floors(result)
        share = [f"{mean:.3f}\n[{low:.3f}, {high:.3f}]" for mean, low, high in map(_share, [result] * 2, ACCURACIES)]
        name = label.replace("[", "\\[") + f"\n{counted(result['n'], 'line')}"
        distance = _full(result, "edit_distance")
        shown.add_row(name, share[0], _number(best, 3), share[1], _number(distance, 3), _number(nearest, 3))
    return shown


def page(task: Task, name: str, results: Mapping[str, Result], examples: Sequence[Mapping[str, Any]]) -> str:
    """The table, every number, and the predictions one by one: `examples` has those that were sampled of each file."""
    total = sum(result["n"] for result in results.values())
    files = f"{counted(len(results), 'file')}"
    return document(
        "alchemy: score",
        [
            "<h1>What the predictions are worth</h1>",
            f'<p class="soft">{total:,} predictions in {files}, task {escape(name)}: {escape(described(task))}. The answer '
            "and the chain before it are judged apart; intervals are 95 % (Wilson), over problems. Floors are what no understanding "
            "scores: random letters in the right format (chance), the question repeated (copy).</p>",
            _table(results),
            *_groups(results),
            "<h2>The predictions, one by one</h2>",
            f'<p class="soft">{_count(examples):,} of them, drawn from each outcome of each file; what is long is cut.</p>',
            explorer("predictions", "the predictions", examples),
            "<h2>Every number</h2>",
            *(
                f"<details{' open' if len(results) == 1 else ''}><summary>{escape(label)}</summary>"
                f"<pre>{escape(chr(10).join(lines(result)))}</pre></details>"
                for label, result in results.items()
            ),
            "<details><summary>Provenance</summary>"
            f"<pre>alchemy {escape(commit() or 'outside a repository')}\n{escape(json.dumps(plain(task), indent=1))}</pre></details>",
        ],
    )


def _groups(results: Mapping[str, Result]) -> Iterator[str]:
    """Tables of what several answers to a problem are worth, and of groups of problems, for each file that has any."""
    for label, result in results.items():
        rows: list[list[str]] = []
        for name, groups in result.get("groups", {}).items():
            rows += [
                [escape(f"{_words(name)} {group}"), number(f"{of['problems']:,}"), *map(_barred, [of] * 2, ACCURACIES)]
                for group, of in groups.items()
            ]
        of_file = f", {escape(label)}" if len(results) > 1 else ""
        if samples := result.get("samples"):
            yield f"<h2>Several answers to a problem{of_file}</h2>"
            yield table(["answers", "problems", "right"], _curves(samples), "stack")
        if rows:
            yield f"<h2>By group{of_file}</h2>"
            yield table(["group", "problems", "right answer", "valid chain"], rows, "stack")


def _curves(samples: Result) -> Iterator[list[str]]:
    """A row for each number of answers: that any of them is right, and that their majority is."""
    for name, meaning in (("pass@k", "any of"), ("majority@k", "majority of")):
        for size, share in samples[name].items():
            interval = samples[f"{name}_interval"][size]
            yield [f"{meaning} {size}", number(f"{samples['problems']:,}"), _barred_share((share, *interval))]


def _barred(result: Result, name: str, marks: Sequence[float] = ()) -> str:
    """A cell with a share, its interval, and both as a bar."""
    return _barred_share(_share(result, name), marks)


def _barred_share(share: tuple[float, float, float], marks: Sequence[float] = ()) -> str:
    text = "{:.3f} [{:.3f}, {:.3f}]".format(*share)
    return f"<td>{text}<br>{bar(share, (None, None), text, (0, 1), marks)}</td>"


def _table(results: Mapping[str, Result]) -> str:
    """Accuracies with intervals, likeness to the gold text where there is one, and floors, which are marks in the bars."""
    head = ["predictions", "lines", "right answer", "valid chain", "exact match", "edit distance", "floors"]
    rows = []
    for label, result in results.items():
        floors = result.get("floors") or {}
        cells = [escape(label), number(f"{result['n']:,}")]
        for accuracy, marks in zip(
            ACCURACIES, ([floor["answer_accuracy"] for floor in floors.values()], ()), strict=True
        ):
            cells.append(_barred(result, accuracy, marks))
        cells += [number(_number(_full(result, metric), 3)) for metric in ("exact_match", "edit_distance")]
        scored_floors = [
            f"{escape(name)}: answer {floor['answer_accuracy']:.3f}, exact {floor['exact_match']:.3f}, "
            f"distance {floor['edit_distance']:.3f}"
            for name, floor in floors.items()
        ]
        rows.append([*cells, "<br>".join(scored_floors) or "none known"])
    return table(head, rows, "stack")


def _full(result: Result, metric: str) -> float | None:
    """A metric of whole texts; None where there is no gold text to compare with."""
    return result[metric]["full"] if metric in result else None


def _count(examples: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(rows) for file in examples for rows in file["outcomes"].values())


def _share(result: Result, name: str) -> tuple[float, float, float]:
    """A share and the limits of its interval."""
    return (result[name], *result[f"{name}_interval"])


def _floors(result: Result) -> tuple[float | None, float | None]:
    """The best answer accuracy and the smallest edit distance of any floor."""
    floors = (result.get("floors") or {}).values()
    best = max((floor["answer_accuracy"] for floor in floors), default=None)
    return best, min((floor["edit_distance"] for floor in floors), default=None)


def _row(name: str, cells: Any) -> str:
    shown = (cell if isinstance(cell, str) else _number(cell, 4) for cell in cells)
    return f"{name:<26} " + " ".join(f"{cell:<10}" for cell in shown).rstrip()


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
