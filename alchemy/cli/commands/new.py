"""A task of one's own, to begin with."""

from __future__ import annotations

import json
import keyword
import os
import re
from dataclasses import dataclass
from inspect import getsource
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.cli.skeleton import parity
from alchemy.discover import GROUPS, can_be_imported, entries
from alchemy.errors import UserError
from alchemy.output import new_files
from alchemy.terminal import wrapped

PROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "0.1.0"
dependencies = ["alchemy-lab", "numpy"]

[project.entry-points."{group}"]
{name} = "{name}:{kind}"

[tool.setuptools]
py-modules = ["{name}"]
"""
TEST = '''"""What a task promises: texts and tokens that say the same, an oracle, and splits that can be verified."""

import json

import numpy as np
from {name} import {kind}

from alchemy.dataset.export import write_splits
from alchemy.dataset.verify import verify_splits
from alchemy.problem.task import PAD
from alchemy.scoring.score import score

TASK = {kind}()


def test_the_same_seed_draws_the_same_problems():
    first, second, other = (TASK.sample(np.random.default_rng(seed), 50).tokens for seed in (1, 1, 2))
    assert (first == second).all() and (first != other).any()
    assert first.shape[1] <= TASK.max_len


def test_the_oracle_accepts_gold_texts_and_no_other_answer():
    batch = TASK.sample(np.random.default_rng(0), 50)
    gold = batch.completions()
    assert TASK.verify(batch, gold).answer.all() and TASK.verify(batch, gold).trace.all()
    assert not TASK.verify(batch, np.full_like(gold, PAD)).answer.any()


def test_prompts_are_read_back():
    batch = TASK.sample(np.random.default_rng(0), 20)
    for row, line in enumerate(TASK.jsonl(batch).splitlines()):
        record = json.loads(line)
        problem = TASK.parse(record["input"])
        assert TASK.identity(problem) == TASK.identity(batch.rows(slice(row, row + 1)).problem)
        assert TASK.gold_text(problem) == record["output"]


def test_right_texts_score_1():
    batch = TASK.sample(np.random.default_rng(0), 20)
    result = score(TASK.jsonl(batch).splitlines(keepends=True), TASK)
    assert result["answer_accuracy"] == result["trace_accuracy"] == 1


def test_splits_can_be_verified(tmp_path):
    write_splits(TASK, tmp_path / "data", train=50, test=20, shifts=TASK.shifts)
    assert verify_splits(tmp_path / "data") == []
'''


@dataclass(frozen=True)
class New:
    """Write a package with a complete task, its test, and the entry point by which alchemy finds it once installed.

    Example: alchemy new task reversal
    """

    kind: Positional[Literal["task"]]
    """What to write."""
    name: Positional[Annotated[str, arg(metavar="NAME")]]
    """The task's name, which is that of its module."""
    out: Path | None = None
    """The directory to write; NAME if none is given."""
    json: Switch = False
    """Print one JSON object."""


def run(options: New) -> int:
    """Write the package, which says whether a row of bits has an even or an odd number of ones, under its new name."""
    name = options.name
    if not re.fullmatch("[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(f"name {name!r}: expected small letters, digits and _, as modules are called")
    if name in entries("task") or can_be_imported(name):
        raise UserError(f"name {name!r} is taken, by a task or by a module that can be imported")
    out = options.out or Path(name)
    if out.exists() and (not out.is_dir() or os.listdir(out)):
        raise UserError(f"{out} exists and is not empty; name another directory with --out")
    kind = "".join(part.capitalize() for part in name.split("_") if part)
    own = {"name": name, "kind": kind, "group": GROUPS["task"]}
    files = {
        "pyproject.toml": PROJECT.format(**own),
        f"{name}.py": re.sub(rf"\b{parity.Parity.__name__}\b", kind, getsource(parity)),
        f"test_{name}.py": TEST.format(**own),
    }
    with new_files(out) as place:
        for file, text in files.items():
            (place / file).write_text(text, "utf-8")
    if options.json:
        print(json.dumps({"directory": str(out), "files": list(files)}))
    else:
        print("\n".join(str(out / file) for file in files))
        print(
            wrapped(f"pip install -e {out}; alchemy show {name}; pytest {out}; then change {name}.py to your own rules")
        )
    return 0
