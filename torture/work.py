"""The commands that are tortured, and what they leave, digested so that it can be compared bit for bit.

Seconds, dates and commits differ from run to run and are left out of digests; scratch files and locks are hidden.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alchemy.output import is_beside_the_point
from torture import process

TRAIN = (
    *("train", "symbols", "--task.compositions", "F1 F2", "--task.length", "2", "--model.width", "16"),
    *("--model.layers", "1", "--model.heads", "2", "--train.steps", "60", "--train.batch", "16", "--seeds", "2"),
    *("--test", "40", "--quiet"),
)
BANK = ("bank", "--problems", "30", "--samples", "6", "--save", "bank.npz", "--quiet")
GENERATE = (
    "generate",
    "symbols",
    "--shifts",
    "length=6",
    "--out",
    "data",
    "--train",
    "2000",
    "--test",
    "200",
    "--quiet",
)
DATA = ("generate", "symbols", "--shifts", "length=6", "--out", "data", "--train", "200", "--test", "60", "--quiet")
CLAIM = ("reproduce", "unseen_atoms", "--preset", "smoke", "--quiet")
CHANGES = ("seconds", "commit", "results_from", "device", "versions", "seal")
"""Entries of JSON files that differ from run to run, beside what a run took, whose names end in `_now`."""


@dataclass(frozen=True)
class Work:
    """A command, run after others in the same directory."""

    name: str
    argv: tuple[str, ...]
    whole: tuple[str, ...]
    """Files and directories that are there as they were or as they will be, at any time, whatever happens."""
    store: tuple[str, ...] = ()
    """Directories that fill bit by bit, and are the same at the end."""
    before: tuple[tuple[str, ...], ...] = ()


WORK = (
    Work("generate", GENERATE, ("data",)),
    Work("generate --force", (*GENERATE, "--force", "--seed", "1"), ("data",), before=(GENERATE,)),
    Work("generate parquet", (*GENERATE, "--format", "parquet"), ("data",)),
    Work(
        "prompts",
        ("prompts", "data", "--out", "prompts", "--shots", "2", "--inspect"),
        ("prompts", "data"),
        before=(DATA,),
    ),
    Work(
        "score",
        ("score", "data/test.jsonl", "--manifest", "data", "--page", "page.html", "--verdicts", "v.jsonl", "--quiet"),
        ("page.html", "v.jsonl", "data"),
        before=(DATA,),
    ),
    Work("train", TRAIN, (), ("runs",)),
    Work("bank", BANK, ("bank.npz",), ("runs",), before=(TRAIN,)),
    Work("export", ("export", "--to", "mine"), ("mine",), ("runs",), before=(TRAIN,)),
    Work("reproduce", CLAIM, (), ("runs",)),
    Work("report", ("report", "runs", "--out", "r.html"), ("r.html",), ("runs",), before=(CLAIM,)),
)


def prepared(work: Work, home: Path) -> None:
    """Make a directory in which a command can be run."""
    home.mkdir(parents=True)
    for argv in work.before:
        ended = process.run(argv, home)
        if ended.code:
            raise SystemExit(f"{work.name}: {' '.join(argv)} ended with {ended.code}: {ended.err}")


def copied(template: Path, home: Path) -> None:
    """A fresh copy of a prepared directory."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(template, home)


def states(work: Work, home: Path) -> dict[str, str]:
    """A digest of each thing that has to be whole."""
    return {name: _digest(home / name) for name in work.whole}


def ends(work: Work, home: Path) -> dict[str, str]:
    """A digest of all that a command leaves."""
    stores: dict[str, str] = process.call(_stores, [str(home / name) for name in work.store]) if work.store else {}
    return states(work, home) | stores


def scratch(home: Path) -> list[str]:
    """Hidden files and directories that a command has left."""
    hidden = [
        path for path in home.rglob(".*") if not any(part.startswith(".") for part in path.relative_to(home).parts[:-1])
    ]
    half = [path for path in home.rglob("*orbax-checkpoint-tmp*")]
    return sorted(str(path.relative_to(home)) for path in (*hidden, *half))


def _stores(homes: list[str]) -> dict[str, str]:
    return {Path(home).name: _digest(Path(home)) for home in homes}


def _digest(path: Path) -> str:
    if not path.exists():
        return "absent"
    found = hashlib.sha256()
    for name, content in sorted(_contents(path, path.name)):
        found.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return found.hexdigest()[:16]


def _contents(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Every file by its name, in a form that is the same for every run."""
    if is_beside_the_point(path.name) or path.name.endswith(".lock") or "orbax-checkpoint-tmp" in path.name:
        return
    if (path / "_METADATA").exists():
        yield name, _checkpoint(path)
    elif path.is_dir():
        for inner in path.iterdir():
            yield from _contents(inner, f"{name}/{inner.name}")
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            kept = {key: arrays[key] for key in arrays.files if key not in CHANGES}
        yield (
            name,
            b"".join(
                f"{key} {value.dtype} {value.shape}".encode() + value.tobytes() for key, value in sorted(kept.items())
            ),
        )
    elif path.suffix == ".json" and path.name != "manifest.json":
        yield name, json.dumps(_steady(json.loads(path.read_text("utf-8"))), sort_keys=True).encode()
    else:
        yield name, path.read_bytes()


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        steady = {name: inner for name, inner in value.items() if name not in CHANGES and not name.endswith("_now")}
        return {name: _steady(inner) for name, inner in steady.items()}
    return [_steady(inner) for inner in value] if isinstance(value, list) else value


def _checkpoint(path: Path) -> bytes:
    import logging

    import jax
    import orbax.checkpoint as ocp

    logging.getLogger("absl").setLevel(logging.CRITICAL)
    with ocp.StandardCheckpointer() as checkpointer:
        tree = checkpointer.restore(path.absolute())
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return b"".join(jax.tree_util.keystr(at).encode() + np.asarray(leaf).tobytes() for at, leaf in leaves)
