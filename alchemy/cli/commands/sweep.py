"""Many trainings, or many configs of a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from alchemy.cli import flags
from alchemy.cli.flags import Switch
from alchemy.discover import entries, find
from alchemy.errors import UserError, nearest
from alchemy.record import fingerprint, json_text
from alchemy.terminal import counted

if TYPE_CHECKING:
    from alchemy.sweeps.cells import Cell, Work
    from alchemy.sweeps.grid import Axis

TRAIN = "train"


@dataclass(frozen=True)
class Sweep:
    """Run a claim, or a plain training, for every combination of values of its fields; or for values drawn at random.

    Example: alchemy sweep task_shift --preset smoke --vary train.steps=100,200,400 model.width=32,64 --seeds 5

    Example: alchemy sweep train symbols --vary train.learning_rate=1e-4..1e-2:log model.layers=1,2,3 --draw 20

    Each cell leaves a record of its own under --out, and one that has a record is not run again: the same command goes on
    where it was interrupted, and a larger sweep takes what a smaller one has made. Other fields are flags, as those of `alchemy
    reproduce` and `alchemy train`. Cells use other seeds than those that a claim is judged on.
    """

    names: Positional[Annotated[tuple[str, ...], arg(metavar="CLAIM | train TASK")]] = ()
    """A claim that `alchemy list` names, or the word train and a task."""
    vary: tuple[str, ...] = ()
    """Fields with values, FIELD=VALUE,VALUE,..., or with a range to draw from, FIELD=LOW..HIGH, with :log for logarithms."""
    draw: int = 0
    """Draw so many cells instead of making all; 0 for a grid."""
    draw_seed: int = 0
    """Another number draws other cells."""
    seeds: int = 0
    """Seeds of each cell; 0 for as many as the config has."""
    first_seed: int = 0
    """The first of them: what won is run again on seeds that did not choose it."""
    preset: Literal["smoke", "small", "full"] = "small"
    """Of a claim: the config whose fields are varied."""
    architecture: str = "transformer"
    """Of a training: a model that `alchemy list` names."""
    by: str = ""
    """The score that ranks cells: `held out: right answer` by default, `checks met` for a claim; or that of another test or check."""
    least: Switch = False
    """The least score is the best."""
    on: Literal["here", "ray"] = "here"
    """In this process, or on the Ray cluster of RAY_ADDRESS, on a local one if that is not set."""
    workers: int = 0
    """Cells at once on Ray; 0 for as many as it has room for."""
    out: Path = Path("runs")
    """Where trained models and records go."""
    dry_run: Switch = False
    """Run nothing: say which cells have a record."""
    json: Switch = False
    """Print one JSON object."""
    quiet: Switch = False
    """No progress on standard error."""


def configs(options: Sweep | None, positional: Sequence[str]) -> dict[str, Any]:
    """The config whose fields are varied, by its name."""
    options = options or Sweep(names=tuple(positional))
    if not options.names:
        raise UserError("name a claim, or train and a task")
    name, *rest = options.names
    if name == TRAIN:
        if len(rest) != 1:
            raise UserError(f"name one task after {TRAIN}, one of {', '.join(entries('task'))}")
        from alchemy.lab import plain

        config = plain.config(find("task", rest[0])(), find("model", options.architecture)(), how=plain.How)
        name = rest[0]
    else:
        if rest:
            raise UserError(f"expected one claim, or train and a task; got {' '.join(options.names)!r}")
        if name not in entries("claim") and name in entries("task"):
            raise UserError(f"{name!r} is a task; did you mean 'train {name}'?")
        config = find("claim", name).PRESETS[options.preset]
    return {name: replace(config, seeds=options.seeds) if options.seeds else config}


def run(options: Sweep, configs: dict[str, Any]) -> int:
    """Run the cells that have no record, and print a row for each."""
    from alchemy.learning import machine
    from alchemy.progress import Progress
    from alchemy.sweeps import outcome
    from alchemy.sweeps.cells import Judging, Training, cells, run_here
    from alchemy.sweeps.cluster import check_installed, run_on_ray
    from alchemy.sweeps.grid import axis, draws, grid

    for name in ("seeds", "draw", "draw_seed", "first_seed", "workers"):
        if getattr(options, name) < 0:
            raise UserError(f"{name} must be at least 0, not {getattr(options, name)}")
    [(name, config)] = configs.items()
    axes = [axis(text) for text in options.vary]
    _check_names(axes, config)
    chosen = draws(axes, options.draw, options.draw_seed) if options.draw else grid(axes)
    work: Work = Training(name) if options.names[0] == TRAIN else Judging(name, options.preset)
    made = [_config(config, values) for values in chosen]
    planned = cells(work, chosen, made, options.out, options.first_seed)
    if options.on == "ray":
        check_installed()
    progress = Progress(options.quiet)
    told_before, _ = outcome.outcomes(planned, options.by)
    stored = sum(one.record is not None for one in told_before)
    if not options.dry_run:
        progress.say(f"{counted(len(planned), 'cell')}, {stored} with a record; on {machine.describe()}")

        def ended(cell: Cell) -> None:
            record = cell.record() or {}
            progress.say(f"cell {cell.number} of {len(planned)}, {cell}: {record.get('failed') or 'done'}")

        if options.on == "ray":
            run_on_ray(work, planned, options.out, options.workers, progress, ended)
        else:
            run_here(work, planned, options.out, progress, ended)
    results, by = outcome.outcomes(planned, options.by)
    told = outcome.summary(axes, results, outcome.Rule(by, options.least))
    if not options.dry_run:
        names = fingerprint({"cells": [cell.home.name for cell in planned], "by": by})[:8]
        home = options.out / "sweeps" / work.name / f"sweep-{names}"
        outcome.write(told, outcome.figures(axes, results, by, bool(options.draw)), home)
        told["home"] = str(home)
    if options.json:
        print(json_text(told))
    else:
        print("\n".join(outcome.lines(told)))
        print("nothing was made" if options.dry_run else f"table, figures: {told['home']}")
    return 0


def _check_names(axes: Sequence[Axis], config: Any) -> None:
    """Raises `UserError` for fields that the config lacks, and for those that are named twice or not at all."""
    if not axes:
        raise UserError("nothing is varied: give --vary FIELD=VALUE,VALUE,...")
    known = [flag.removeprefix("--").replace("-", "_") for flag in flags.names(config)]
    for number, axis in enumerate(axes):
        if axis.name not in known:
            raise UserError(f"--vary {axis.name}: there is no such field{nearest(axis.name, known)}")
        if axis.name in (other.name for other in axes[:number]):
            raise UserError(f"--vary {axis.name}: the field is named twice")


def _config(config: Any, values: Mapping[str, str]) -> Any:
    """The config with fields of these values."""
    args = []
    for name, value in values.items():
        part, field = config, name
        while "." in field:
            first, _, field = field.partition(".")
            part = getattr(part, first)
        flag = f"--{name.replace('_', '-')}"
        if isinstance(getattr(part, field, None), bool) and value in ("true", "false"):
            parent, dot, last = flag.removeprefix("--").rpartition(".")
            args.append(flag if value == "true" else f"--{parent}{dot}no-{last}")
        else:
            args += [flag, value] if value[:1] != "-" else [f"{flag}={value}"]
    try:
        return flags.parse_config(config, args, "alchemy sweep", Sweep)
    except UserError as fault:
        at = " ".join(f"{name}={value}" for name, value in values.items())
        raise UserError(f"cell {at}: {fault}") from None
