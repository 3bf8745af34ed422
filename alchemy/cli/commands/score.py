"""The score of somebody's predictions."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.dataset.manifest import MANIFEST, read_manifest, read_recipe, recipe_of
from alchemy.discover import find
from alchemy.errors import UserError
from alchemy.output import check_replaceable, write_sealed
from alchemy.progress import Progress
from alchemy.scoring import predictions
from alchemy.scoring.coverage import Tests, coverage, paired
from alchemy.scoring.problems import Problems
from alchemy.terminal import counted

if TYPE_CHECKING:
    from alchemy.scoring.sample import GradedLines


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
    paired: Switch = False
    """Compare two files by the problems that both answer: the difference with its interval, and McNemar's test."""
    training: Switch = False
    """Also score answers to problems of the manifest's training part, which are refused otherwise."""
    verbatim: Switch = False
    """Judge texts as they are: without it end marks, code fences, think blocks, other letter case or spacing and the like
    are taken off, and counted."""
    verdicts: Annotated[Path | None, arg(metavar="JSONL")] = None
    """Write the verdict on each completion: line, prompt, answer, both grades, and what the task knows of the problem."""
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
    manifest = read_manifest(options.manifest)
    task = recipe_of(manifest, options.manifest / MANIFEST).task  # an error where no task is named
    return {manifest["task"]: task}


def run(options: Score, configs: dict[str, Any]) -> int:
    """Print every number there is, and write the page."""
    from rich.console import Console

    from alchemy.problem.steps import OUTCOMES
    from alchemy.report import score_page
    from alchemy.scoring.sample import MOST_EXAMPLES, Reservoir, visible
    from alchemy.scoring.verdicts import Verdicts

    [(name, task)] = configs.items()
    files = _files(options.files)
    if options.paired and len(files) != 2:
        raise UserError(f"--paired compares two files, not {len(files)}")
    inputs = [Path(file) for file in files.values()]
    for target in filter(None, (options.page, options.verdicts)):
        check_replaceable(target, "score", inputs)
    if options.page and options.verdicts and options.page.resolve() == options.verdicts.resolve():
        raise UserError(f"--page and --verdicts would both be written to {options.page}")
    size = max(1, MOST_EXAMPLES // (len(OUTCOMES) * len(files)))
    progress, results, examples = Progress(options.quiet), {}, []
    tests = Tests(read_recipe(options.manifest)) if options.manifest else None
    answered = {label: Problems(tests.first_files if tests else {}) for label in files}
    verdicts = Verdicts()
    for label, file in files.items():
        reservoir = Reservoir(task, size) if options.page else None
        with progress.stage(f"score {visible(label)}", unit="lines") as stage, _named(file, len(files) > 1):
            watchers = [reservoir.watch] if reservoir else []
            watchers += [verdicts.watcher(label)] if options.verdicts else []
            results[label] = _score(file, task, stage.update, watchers, answered[label], tests, options)
        examples += [reservoir.examples(label)] if reservoir else []
    only = next(iter(results.values())) if len(files) == 1 else None
    if options.page:
        text = score_page.page(task, name, {visible(label): result for label, result in results.items()}, examples)
        write_sealed(options.page, "score", lambda scratch: scratch.write_text(text, "utf-8"), inputs)
    if options.verdicts:
        write_sealed(options.verdicts, "score", lambda scratch: scratch.write_bytes(verdicts.lines()), inputs)
    comparison = {"paired": paired(*answered.values())} if options.paired else {}
    if options.json:
        print(json.dumps({"task": name, **(only or {"files": results}), **comparison}, indent=2))
    elif only:
        print("\n".join(score_page.lines(only)))
    else:
        Console(highlight=False).print(
            score_page.summary({visible(label): result for label, result in results.items()})
        )
    if comparison and not options.json:
        print("\n".join(score_page.told(comparison["paired"])))
    if options.page and not options.json:
        print(f"{options.page}: {len(text.encode()) / 1e6:.2f} MB")
    if options.verdicts and not options.json:
        print(f"{options.verdicts}: {counted(len(verdicts), 'verdict')}")
    return 0


def _files(arguments: Sequence[str]) -> dict[str, str]:
    """Files by the shortest name that tells them apart; raises `UserError` where there are none."""
    files = list(dict.fromkeys(file for argument in arguments for file in _files_of(argument)))
    if not files:
        raise UserError("there is no file to score; expected FILE, or - for standard input")
    stems = ["standard input" if file == "-" else Path(file).stem for file in files]
    return {file if stems.count(stem) > 1 else stem: file for stem, file in zip(stems, files, strict=True)}


def _files_of(argument: str) -> list[str]:
    """The *.jsonl of a directory, or the file itself."""
    if not Path(argument).is_dir():
        return [argument]
    paths = sorted(Path(argument).glob("[!.]*.jsonl"), key=lambda path: path.stem)
    if not paths:
        raise UserError(f"{argument} is a directory without *.jsonl; expected files of predictions")
    return [str(path) for path in paths]


def _score(
    file: str,
    task: Any,
    progress: Callable[[int], None],
    watchers: Sequence[Callable[[GradedLines], None]],
    problems: Problems,
    tests: Tests | None,
    options: Score,
) -> dict[str, Any]:
    from alchemy.scoring.score import score

    def watch(graded: GradedLines) -> None:
        for watcher in watchers:
            watcher(graded)

    with nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb") as stream:
        result = score(
            predictions.lines(stream),
            task,
            progress,
            watch,
            clean=not options.verbatim,
            noiseless=tests.noiseless if tests else {},
            problems=problems,
        )
    covered = coverage(problems, tests, options.training) if tests else {}
    return {**result, "coverage": covered} if covered else result


@contextmanager
def _named(file: str, several: bool) -> Iterator[None]:
    """Errors with the name of the file, where there are several."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{file}: {error}" if several else str(error)) from None
