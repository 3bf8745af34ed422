"""What there is under a directory of runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.errors import UserError
from alchemy.terminal import counted, cut, width

if TYPE_CHECKING:
    from alchemy.lab.stored_models import Stored

SHOWN = ("name", "preset", "verdict", "seeds")
"""Of a claim's record."""


@dataclass(frozen=True)
class Runs:
    """List trained models, interrupted trainings, judged claims and sweeps under a directory, the newest last.

    Example: alchemy runs --task symbols
    """

    directory: Positional[Annotated[Path, arg(metavar="[DIRECTORY]")]] = Path("runs")
    """Where they are: what other commands call --out."""
    task: str = ""
    """Only models trained on this task."""
    json: Switch = False
    """Print one JSON object."""


def run(options: Runs) -> int:
    """Print models with what they were trained on, then claims, then sweeps, then what was interrupted."""
    from alchemy.lab.stored_models import stored
    from alchemy.report.run_directory import records_of, unfinished
    from alchemy.sweeps.cells import kept

    if not options.directory.is_dir():
        raise UserError(f"{options.directory} is no directory of runs; `alchemy train` makes one")
    models = stored(options.directory, options.task, own_sets=True)
    interrupted = len(list(options.directory.glob("models/*.unfinished")))
    claims = [{name: record[name] for name in SHOWN} for _, record in records_of(options.directory)]
    started = unfinished(options.directory)
    sweeps = kept(options.directory)
    if options.json:
        told = {"claims": claims, "unfinished": started, "sweeps": sweeps}
        print(json.dumps({"models": [_row(model) for model in models], "interrupted": interrupted, **told}, indent=2))
        return 0
    judged = [*_judged(claims), *(f"{name}  begun, and not ended or under way" for name in started)]
    for title, lines in {"models": list(_models(models)), "claims": judged, "sweeps": list(_swept(sweeps))}.items():
        print(title)
        print("\n".join(f"  {line}" for line in lines or ["(none)"]))
    if interrupted:
        print(f"{counted(interrupted, 'training')} interrupted; the command that started it goes on where it was")
    return 0


def _row(model: Stored) -> dict[str, Any]:
    from alchemy.lab.journal import described
    from alchemy.lab.stored_models import load_task

    return {
        "name": model.name,
        "task": model.task,
        "trained on": described(load_task(model)),
        "seeds": model.seeds,
        "steps": model.steps,
        "steps taken": model.steps_taken,
        "own lines": model.own_sets,
    }


def _models(models: Sequence[Stored]) -> Iterator[str]:
    for model in models:
        own = ", on lines of its own" if model.own_sets else ""
        start = f"{model.name[:8]}  {str(model).partition('  ')[2]}{own}: "
        yield start + cut(_row(model)["trained on"], width() - len(start) - 2)


def _judged(claims: Sequence[dict[str, Any]]) -> Iterator[str]:
    wide = max((len(claim["name"]) for claim in claims), default=0)
    for claim in claims:
        yield f"{claim['name']:<{wide}}  {claim['preset']}  {claim['verdict']}, {counted(claim['seeds'], 'seed')}"


def _swept(sweeps: Sequence[dict[str, Any]]) -> Iterator[str]:
    for sweep in sweeps:
        diverged = f", {sweep['diverged']} diverged" if sweep["diverged"] else ""
        yield f"{sweep['name']}: {' x '.join(sweep['fields'])}, {counted(sweep['cells'], 'cell')}{diverged}"
