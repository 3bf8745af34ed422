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
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.pyc.*", "figures", "journals"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for path, text in EXAMPLES.items():
        assert not (copy / path).exists()
        (copy / path).write_text(text, "utf-8")
    return copy


def run(tree: Path, *args: str) -> str:
    """What Python prints in the tree; fails with all of it unless the exit code is 0."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run([sys.executable, *args], cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def printed(tree):
    """What commands about the examples print, of which the third locks the claim, and what pytest says of the contracts that
    the page names. One process runs them all: most of its time it imports."""
    contracts = dict(CONTRACT.findall(PAGE))
    assert len(contracts) == len(KINDS)
    of_examples = " or ".join(f"({Path(file).stem} and {name})" for file, name in contracts.items())
    selected = f"({of_examples}) and not committed"  # an example has no published verdict
    commands = ["list", "--json"], ["show", "parity", "-n", "1"], ["lock", KINDS["claims"]]
    pytest_args = [
        "-q",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        *contracts,
        "-k",
        selected,
    ]
    program = (
        f"import pytest\nfrom alchemy.cli.main import main\n"
        f"for command in {commands}:\n    assert main(command) == 0\n    print('\\f')\n"
        f"raise SystemExit(pytest.main({pytest_args}))"
    )
    return run(tree, "-c", program).split("\f\n")


def test_there_is_an_example_of_each_kind_and_the_page_counts_its_lines():
    assert [Path(path).stem for path in EXAMPLES] == list(KINDS.values())
    assert all(int(lines) == len(text.splitlines()) for _, lines, text in EXAMPLE.findall(PAGE))


def test_the_task_of_the_page_is_the_one_that_alchemy_new_writes():
    assert EXAMPLES["tasks/parity.py"] == (ROOT / "alchemy" / "cli" / "skeleton" / "parity.py").read_text("utf-8")


def test_examples_are_found(printed):
    listed, shown, locked, _ = printed
    for kind, name in KINDS.items():
        assert name in [entry["name"] for entry in json.loads(listed)[kind]]
    assert "<answer>" in shown and f"{KINDS['claims']} " in locked


def test_examples_keep_the_contracts_that_the_page_names(printed):
    assert int(re.search(r"(\d+) passed", printed[-1])[1]) > 20


def test_examples_are_formatted_as_the_rest(tree):
    for command in (["check"], ["format", "--check"]):
        run(tree, "-m", "ruff", *command, *EXAMPLES)
