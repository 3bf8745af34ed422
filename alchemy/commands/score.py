"""The score of somebody's predictions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from alchemy import manifest, outputs
from alchemy.discover import find
from alchemy.flags import Switch


@dataclass(frozen=True)
class Score:
    """Score predictions of any model: lines of {input, output}, {predict, label} or {prompt, completion}, or what
    lm-evaluation-harness (samples_*.jsonl) or inspect_ai (a JSON log) wrote of the tasks of `alchemy prompts`.

    Example: alchemy score predictions.jsonl --manifest data --json
    """

    file: Positional[Annotated[str, arg(metavar="FILE")]]
    """JSON lines; `-` is standard input."""
    task: str = "symbols"
    """The task that the prompts are of."""
    manifest: Path | None = None
    """Take the task and its fields from this directory, written by `alchemy generate`."""
    json: Switch = False
    """Print one JSON object."""


def configs(options: Score | None, positional: Sequence[str]) -> dict[str, Any]:
    """The task of a manifest, or the default one."""
    if options is None or options.manifest is None:
        name = options.task if options else Score.task
        return {name: find("task", name)()}
    given = manifest.read(options.manifest)
    made = manifest.recipe(given, options.manifest / manifest.MANIFEST)
    return {given["task"]: made.task}


def run(options: Score, configs: dict[str, Any]) -> int:
    """Print every number there is."""
    from alchemy.scoring import score  # SciPy takes longer to import than most commands take

    [(name, task)] = configs.items()
    with nullcontext(sys.stdin.buffer) if options.file == "-" else open(options.file, "rb") as file:
        lines = outputs.lines(file)
        result = {"task": name, **score(lines, task, lambda n: print(f"scored {n} lines", file=sys.stderr))}
    print(json.dumps(result, indent=2) if options.json else "\n".join(_rows(result)))
    return 0


def _rows(result: dict[str, Any]) -> Iterator[str]:
    """The numbers as aligned lines."""
    yield f"{result['n']} lines of {result['lines']}"
    for name, value in result.items():
        if isinstance(value, float) or (value is None and name != "floors"):
            interval = "  [{:.4f}, {:.4f}]".format(*result[f"{name}_interval"]) if f"{name}_interval" in result else ""
            yield f"{_words(name):<26} {_number(value)}{interval}"
    if "exact_match" in result:
        yield f"{'':<26} {'full':<10} {'reasoning':<10} answer"
        for name in ("exact_match", "edit_distance", "bleu", "corpus_bleu"):
            yield f"{_words(name):<26} " + " ".join(f"{_number(value):<10}" for value in result[name].values()).rstrip()
    for name, floor in (result.get("floors") or {}).items():
        yield f"floor: {name:<19} " + ", ".join(f"{_words(metric)} {value:.4f}" for metric, value in floor.items())
    yield f"{'first wrong step':<26} " + ", ".join(f"{step}: {n}" for step, n in result["first_wrong_step"].items())


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
