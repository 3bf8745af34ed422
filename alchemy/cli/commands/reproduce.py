"""Claims, judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.discover import experiments, find
from alchemy.errors import UserError

Preset = Literal["smoke", "small", "full"]


@dataclass(frozen=True)
class Reproduce:
    """Train, measure and judge published claims; every field of a claim's config is a flag after its name.

    Example: alchemy reproduce task_shift --preset smoke --seeds 2

    What is done is kept under --out: the same command goes on where it was interrupted. `alchemy reproduce NAME
    --help` lists the fields of a claim.
    """

    names: Positional[Annotated[tuple[str, ...], arg(metavar="[NAME ...]")]] = ()
    """Claims that `alchemy list` names; the headline claims if there are none."""
    preset: Preset = "small"
    """smoke takes seconds, small minutes on two cores, full a GPU."""
    out: Path = Path("runs")
    """Where trained models, records and figures go."""
    all: Switch = False
    """Every claim there is."""
    publish: Switch = False
    """Commit verdicts and figures to the experiments, and the table to the README; only for locked presets."""
    until_decided: Switch = False
    """Train more seeds until each claim HOLDS or FAILS, or has little chance to; those there are are never redone."""
    max_seeds: int = 40
    """The most seeds that --until-decided trains."""
    dry_run: Switch = False
    """Train nothing: say which seeds are there, which would be trained, and how long that took when last published."""
    quiet: Switch = False
    """No progress on standard error."""
    json: Switch = False
    """Print one JSON object."""


def configs(options: Reproduce | None, positional: Sequence[str]) -> dict[str, Any]:
    """The selected claims' configs under the preset."""
    options = options or Reproduce(names=tuple(positional))
    modules = {name: find("claim", name) for name in options.names} or experiments()
    if not (options.names or options.all):
        modules = {name: module for name, module in modules.items() if module.CLAIM.headline}
    if not modules:
        raise UserError("there is no claim to reproduce")
    return {name: module.PRESETS[options.preset] for name, module in modules.items()}


def run(options: Reproduce, configs: dict[str, Any]) -> int:
    """Hand the claims over to the bench."""
    selected = {name: find("claim", name) for name in configs}
    if options.dry_run:
        return _dry_run(options, selected, configs)
    from alchemy.report.reproduce import reproduce

    return reproduce(
        selected,
        configs,
        options.preset,
        options.out,
        options.json,
        options.publish,
        options.quiet,
        options.until_decided,
        options.max_seeds,
    )


def _dry_run(options: Reproduce, selected: dict[str, ModuleType], configs: dict[str, Any]) -> int:
    """Print what would be done."""
    from alchemy.report.planned import lines, planned

    plans = planned(selected, configs, options.preset, options.out)
    if options.json:
        print(json.dumps({plan.name: {**asdict(plan), "missing": plan.missing} for plan in plans}, indent=2))
    else:
        print("\n".join(lines(plans, options.out)))
    return 0
