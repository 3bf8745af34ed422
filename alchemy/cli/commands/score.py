"""The score of somebody's predictions."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.dataset import manifest
from alchemy.discover import find
from alchemy.errors import UserError
from alchemy.progress import Progress
from alchemy.record import write_whole
from alchemy.scoring import predictions

if TYPE_CHECKING:
    from alchemy.scoring.sample import Scored


@dataclass(frozen=True)
class Score:
    """Score predictions of any model: lines of {input, output}, {predict, label} or {prompt, completion}, or what
    lm-evaluation-harness (samples_*.jsonl) or inspect_ai (a JSON log) wrote of the tasks of `alchemy prompts`.

    Example: alchemy score predictions.jsonl --manifest data --page score.html

    Example: alchemy score answers/test*.jsonl --manifest data
    """

    files: Positional[Annotated[tuple[str, ...], arg(metavar="FILE [FILE ...]")]]
    """JSON lines, a row of the table each; a directory stands for its *.jsonl, `-` for standard input."""
    task: str = "symbols"
    """The task that the prompts are of."""
    manifest: Path | None = None
    """Take the task and its fields from this directory, written by `alchemy generate`."""
    page: Annotated[Path | None, arg(metavar="HTML")] = None
    """Write a page with the numbers and some hundred predictions, step by step beside the gold ones."""
    quiet: Switch = False
    """No progress on standard error."""
    json: Switch = False
    """Print one JSON object; of several files, one with an object for each."""


def configs(options: Score | None, positional: Sequence[str]) -> dict[str, Any]:
    """The task of a manifest, or the default one."""
    if options is None or options.manifest is None:
        name = options.task if options else Score.task
        return {name: find("task", name)()}
    given = manifest.read(options.manifest)
    made = manifest.recipe(given, options.manifest / manifest.MANIFEST)
    return {given["task"]: made.task}


def run(options: Score, configs: dict[str, Any]) -> int:
    """Print every number there is, and write the page."""
    from rich.console import Console

    from alchemy.report import score_page
    from alchemy.scoring.sample import (
        KEPT,
        OUTCOMES,
        Reservoir,
        shown,
    )

    [(name, task)] = configs.items()
    files = _files(options.files)
    room = max(1, KEPT // (len(OUTCOMES) * len(files)))
    progress, results, tests = Progress(options.quiet), {}, []
    for label, file in files.items():
        kept = Reservoir(task, room) if options.page else None
        with progress.stage(f"score {shown(label)}", unit="lines") as stage:
            results[label] = _score(file, task, stage.update, kept.watch if kept else None, len(files) > 1)
        tests += [kept.test(label)] if kept else []
    alone = next(iter(results.values())) if len(files) == 1 else None
    if options.page:
        text = score_page.page(task, name, {shown(label): result for label, result in results.items()}, tests)
        write_whole(options.page, lambda scratch: scratch.write_text(text, "utf-8"))
    if options.json:
        print(json.dumps({"task": name, **alone} if alone else {"task": name, "files": results}, indent=2))
    elif alone:
        print("\n".join(score_page.lines(alone)))
    else:
        Console(highlight=False).print(score_page.summary({shown(label): result for label, result in results.items()}))
    if options.page and not options.json:
        print(f"{options.page}: {len(text.encode()) / 1e6:.2f} MB")
    return 0


def _files(given: Sequence[str]) -> dict[str, str]:
    """Files by the shortest name that tells them apart; raises `UserError` where there are none."""
    found: list[str] = []
    for one in given:
        inside = (
            [str(path) for path in sorted(Path(one).glob("*.jsonl"), key=lambda path: path.stem)]
            if Path(one).is_dir()
            else [one]
        )
        if not inside:
            raise UserError(f"{one} is a directory without *.jsonl; expected files of predictions")
        found += inside
    if not found:
        raise UserError("there is no file to score; expected FILE, or - for standard input")
    found = list(dict.fromkeys(found))
    stems = ["standard input" if one == "-" else Path(one).stem for one in found]
    return {one if stems.count(stem) > 1 else stem: one for stem, one in zip(stems, found, strict=True)}


def _score(
    file: str, task: Any, progress: Callable[[int], None], watch: Callable[[Scored], None] | None, several: bool
) -> dict[str, Any]:
    from alchemy.scoring.score import score

    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb") as stream:
            return score(predictions.lines(stream), task, progress, watch)
    except UserError as error:
        raise UserError(f"{file}: {error}" if several else str(error)) from None
