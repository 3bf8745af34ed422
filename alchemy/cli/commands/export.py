"""A trained model for other programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.errors import UserError
from alchemy.output import listed, listing, new_files

LIST = "export.json"
"""What says which files of a directory this command wrote."""


@dataclass(frozen=True)
class Export:
    """Write a trained model as safetensors, with a config that says what it is: for PyTorch and what builds on it.

    Example: alchemy export 1a2b --seed 0 --to mine
    """

    model: Positional[Annotated[str, arg(metavar="[MODEL]")]] = ""
    """The first letters of a trained model's name, as `alchemy runs` shows it; by default the last one trained."""
    to: Path = Path("exported")
    """The directory to write; of what is there only this command's own files are replaced."""
    seed: int = -1
    """The seed whose model is written; by default the first."""
    out: Path = Path("runs")
    """Where trained models are."""
    json: Switch = False
    """Print the config."""


def run(options: Export) -> int:
    """Write the model, and say where."""
    from alchemy.lab import exported
    from alchemy.lab.stored_models import choose

    if options.to.exists() and not options.to.is_dir():
        raise UserError(f"{options.to} is a file, expected a directory")
    models = choose(options.out, options.model)
    seed = models.seeds[0] if options.seed < 0 else options.seed
    with new_files(options.to, listed(options.to / LIST, "export")) as place:
        config = exported.write(models, seed, place)
        (place / LIST).write_text(listing(place, "export"), "utf-8")
    if options.json:
        print(json.dumps(config, indent=2))
    else:
        print(f"{options.to}: {exported.WEIGHTS} and {exported.CONFIG}, model {models.name[:8]} of seed {seed}")
    return 0
