"""Whether a directory of splits is what its manifest says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.dataset.card import in_training
from alchemy.dataset.manifest import read_manifest
from alchemy.dataset.verify import verify_splits
from alchemy.progress import Progress
from alchemy.terminal import printable, wrapped


@dataclass(frozen=True)
class Verify:
    """Regenerate a directory from its manifest and say what differs; exit code 1 if anything does.

    Example: alchemy verify data
    """

    directory: Positional[Annotated[Path, arg(metavar="DIR")]]
    """A directory that `alchemy generate` wrote."""
    quiet: Switch = False
    """No progress on standard error."""
    json: Switch = False
    """Print one JSON object."""


def run(options: Verify) -> int:
    """Print what differs; 1 if anything does."""
    with Progress(options.quiet).stages("lines") as progress:
        differences = verify_splits(options.directory, progress)
    tests = {} if differences else _tests(options.directory)
    if options.json:
        overlap = {name: entry["overlap"] for name, entry in tests.items()}
        print(json.dumps({"identical": not differences, "differences": differences, "overlap": overlap}, indent=2))
    else:
        lines = differences or [f"{options.directory}: identical, and no test problem is a training problem"]
        lines += [f"{name}: held out by name; in training: {in_training(entry)}" for name, entry in tests.items()]
        print("\n".join(wrapped(printable(line)) for line in lines))
    return 1 if differences else 0


def _tests(directory: Path) -> dict[str, Any]:
    """The manifest's entries of the test files."""
    files = read_manifest(directory)["files"]
    return {name: entry for name, entry in files.items() if entry["part"] == "test"}
