"""What letting models answer takes at most, from sizes alone, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alchemy.lab import store
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import Unmade
from alchemy.lab.trainings import Wanted
from alchemy.learning.train import size
from alchemy.progress import Progress


@dataclass(frozen=True)
class Cost:
    """Of what is asked for, the part that is not stored."""

    what: str
    seeds: int = 0
    """Whose part has to be made."""
    tokens: int = 0
    """Read and written, at most."""
    flops: float = 0.0
    trains: bool = False
    """Whether it is a training, and what comes behind it is not counted."""
    paths: tuple[Path, ...] = ()
    """Where it will be stored."""
    shared: bool = False
    """Whether it is made with something that was asked for before."""


def looking(root: Path) -> Lab:
    """A lab that makes nothing: what is not there is raised."""
    return Lab(root, Progress(quiet=True), puts_off=True, only_looks=True)


def cost(what: str, ask: Callable[[], object], chains: int = 1) -> Cost:
    """What asking a lab that only looks for something would make; a search writes so many chains."""
    try:
        ask()
    except Unmade as unmade:
        tokens = unmade.missing * unmade.tokens * (chains if "searched" in unmade.holds else 1)
        return Cost(what, unmade.missing, tokens, 2.0 * size(unmade.model) * tokens, paths=tuple(unmade.paths))
    except Wanted as wanted:
        plan, config = wanted.plan, wanted.plan.key["train"]
        tokens = len(plan.missing) * config["steps"] * config["batch"] * wanted.tokens
        flops = 6.0 * size(plan.model) * tokens
        return Cost(what, len(plan.missing), tokens, flops, trains=True, paths=tuple(plan.homes))
    return Cost(what)


def speed(root: Path) -> float | None:
    """Tokens a second at which the last answers under a directory were written; None if there are none."""
    files = sorted((root / "answers").glob("*.npz"), key=lambda path: path.stat().st_mtime)
    if not files or (last := store.load(files[-1], {"completions": (1, None, None, None)})) is None:
        return None
    return last.arrays["completions"].size / max(last.seconds, 1e-9)
