"""Problems of a task as text; what a model, a reasoner, a strategy or a claim is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated, Any

import numpy as np
from tyro.conf import Positional, arg

from alchemy.cli.described import OTHERS, described, lines
from alchemy.cli.flags import Switch
from alchemy.discover import Entry, Kind, entries, find
from alchemy.errors import UserError, nearest
from alchemy.problem.task import Batch, Field
from alchemy.terminal import wrapped

RATE_PROBLEMS = 200_000


@dataclass(frozen=True)
class Show:
    """Problems of a task as text: prompt, every step, answer; and the shifts it knows. Of a model, a reasoner, a strategy
    or a claim what it is: its fields, or its promise, its verdicts and what it costs.

    Example: alchemy show symbols -n 1 --shift length=6 --compositions "F1 F2" "F2 F1"

    Example: alchemy show task_shift

    Example: alchemy show --all > GALLERY.md
    """

    task: Positional[Annotated[str, arg(metavar="NAME")]] = ""
    """A task, model, reasoner, strategy or claim that `alchemy list` names."""
    n: Annotated[int, arg(aliases=["-n"])] = 3
    """Problems to show."""
    shift: str = ""
    """Show the task under this shift."""
    seed: int = 0
    """Another seed shows other problems."""
    all: Switch = False
    """Instead, one problem of every task and of every shift of it, as Markdown."""
    rate: Switch = False
    """Measure how many problems are made a second."""
    json: Switch = False
    """Print one JSON object."""


def configs(options: Any, positional: Sequence[str]) -> dict[str, Any]:
    """The task that is named, or all of them."""
    if options and options.all:
        for option in ("task", "shift", "rate", "json"):
            if value := getattr(options, option):
                raise UserError(f"{option} {value!r} and --all: expected one of them")
        return {name: find("task", name)() for name in entries("task")}
    if options and options.task and options.task not in entries("task"):
        _others(options.task)  # or nothing has this name
        return {}
    return named(options, positional)


def named(options: Any, positional: Sequence[str]) -> dict[str, Any]:
    """The task that is named first, as it is by default; without a name the first there is, for its help."""
    name = (options and options.task) or next(iter([*positional, *entries("task")]))
    return {name: find("task", name)()}


def run(options: Show, configs: dict[str, Any]) -> int:
    """Print problems and the shifts of the task."""
    if options.n < 1 or options.seed < 0:
        raise UserError(f"n {options.n} and seed {options.seed}: expected at least 1 and at least 0")
    if options.all:
        print("\n".join(line for name, task in configs.items() for line in _gallery(name, task, options.seed)))
        return 0
    if not options.task:
        raise UserError(f"name a task, one of {', '.join(entries('task'))}, or ask for --all")
    if not configs:
        return _show_others(options)
    [(name, base)] = configs.items()
    task = base.shift(options.shift)(base) if options.shift else base
    batch = task.sample(np.random.default_rng(options.seed), options.n)
    problems = [dict(_fields(task, batch, row)) for row in range(options.n)]
    rate = _rate(task) if options.rate else {}
    if options.json:
        texts = [task.show(tokens) for tokens in batch.tokens]
        problems = [{"line": line, "fields": fields} for line, fields in zip(texts, problems, strict=True)]
        print(json.dumps({"task": name, "problems": problems, "shifts": base.shifts, **rate}, indent=2))
        return 0
    for tokens, fields in zip(batch.tokens, problems, strict=True):
        print(task.show(tokens))
        print("".join(f"  {field:<16} {text}\n" for field, text in fields.items()))
    print(wrapped(f"shifts: {'  '.join(map(repr, base.shifts))}"))
    for name, value in rate.items():
        print(f"{name.replace('_', ' ')}: {value:,.0f}")
    return 0


def _others(name: str) -> dict[Kind, Entry]:
    """What has a name beside tasks, by kind; raises `UserError` if nothing has."""
    matches = {kind: entries(kind)[name] for kind in OTHERS if name in entries(kind)}
    if not matches:
        known = [name for kind in ("task", *OTHERS) for name in entries(kind)]
        raise UserError(f"{name!r} is no task, model, reasoner, strategy or claim{nearest(name, known)}")
    return matches


def _show_others(options: Show) -> int:
    """Say what a model, reasoner, strategy or claim is, or all of these that have the name."""
    for option in ("n", "shift", "seed", "rate"):
        if getattr(options, option) != getattr(Show, option):
            raise UserError(f"--{option} is about problems, and {options.task!r} is no task")
    described_all = [described(kind, entry) for kind, entry in _others(options.task).items()]
    if options.json:
        print(json.dumps({about["kind"]: about for about in described_all}, indent=2))
    else:
        print("\n\n".join("\n".join(lines(about)) for about in described_all))
    return 0


def _gallery(name: str, task: Any, seed: int) -> Iterator[str]:
    """A problem of a task as it is, then one of each of its standard shifts."""
    yield f"# {name}\n\n{entries('task')[name].sentence}\n"
    for shift in ("", *task.shifts):
        shifted = task.shift(shift)(task) if shift else task
        batch = shifted.sample(np.random.default_rng(seed), 1)
        fields = "\n".join(f"  {field:<16} {text}" for field, text in _fields(shifted, batch, 0))
        yield f"## {name}, {shift or 'as trained'}\n\n```\n{shifted.show(batch.tokens[0])}\n{fields}\n```\n"


def _fields(task: Any, batch: Batch, row: int) -> Iterator[tuple[str, str]]:
    """The parts of one line: prompt fields, steps from 1, answer."""
    codes = batch.field[row]
    for code in sorted(set(codes.tolist()), key=lambda code: (code == Field.ANSWER, code)):
        text = task.show_part(batch.tokens[row][codes == code])
        if 0 <= code < len(task.prompt_fields):
            yield task.prompt_fields[code], text
        elif code >= Field.STEP:
            yield f"step {code - Field.STEP + 1}", text
        elif code == Field.ANSWER:
            yield "answer", text


def _rate(task: Any) -> dict[str, float]:
    """Problems made a second, in memory and as JSON lines: the best of three."""
    drawn, written = [], []
    for seed in range(3):
        began = perf_counter()
        batch = task.sample(np.random.default_rng(seed), RATE_PROBLEMS)
        drawn.append(perf_counter() - began)
        task.jsonl(batch)
        written.append(perf_counter() - began)
    return {
        "problems_a_second": RATE_PROBLEMS / min(drawn),
        "problems_a_second_with_their_jsonl": RATE_PROBLEMS / min(written),
    }
