"""The worked examples of CONTRIBUTING.md are complete: put where the page says, they are found and keep their contracts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
EXAMPLE = re.compile(r"<summary><code>(.*?)</code>, (\d+) lines</summary>\n\n```python\n(.*?)```", re.DOTALL)
EXAMPLES = {path: text for path, _, text in EXAMPLE.findall(PAGE)}
CONTRACT = re.compile(r"^\.venv/bin/python -m pytest (\S+) -k (\S+)$", re.MULTILINE)
KINDS = {"tasks": "parity", "models": "leaky_average", "strategies": "longest", "claims": "one_letter_more"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the source with the examples in their places."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("alchemy", "tasks", "models", "experiments", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "figures", "journals"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for path, text in EXAMPLES.items():
        assert not (copy / path).exists()
        (copy / path).write_text(text, "utf-8")
    return copy


def run(tree: Path, *args: str) -> str:
    """What a Python module prints in the tree; fails with all of it unless the exit code is 0."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run([sys.executable, "-m", *args], cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_an_example_of_each_kind_and_the_page_counts_its_lines():
    assert [Path(path).stem for path in EXAMPLES] == list(KINDS.values())
    assert all(int(lines) == len(text.splitlines()) for _, lines, text in EXAMPLE.findall(PAGE))


def test_examples_are_found(tree):
    listed = json.loads(run(tree, "alchemy", "list", "--json"))
    for kind, name in KINDS.items():
        assert name in [entry["name"] for entry in listed[kind]]
    assert "<answer>" in run(tree, "alchemy", "show", "parity", "-n", "1")


def test_examples_keep_the_contracts_that_the_page_names(tree):
    """All but one: an example has no published verdict."""
    contracts = dict(CONTRACT.findall(PAGE))
    assert len(contracts) == len(KINDS)
    run(tree, "alchemy", "lock", KINDS["claims"])
    selected = f"({' or '.join(contracts.values())}) and not committed"
    out = run(tree, "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *contracts, "-k", selected)
    assert int(re.search(r"(\d+) passed", out)[1]) > 20


def test_examples_are_formatted_as_the_rest(tree):
    for command in (["check"], ["format", "--check"]):
        run(tree, "ruff", *command, *EXAMPLES)
