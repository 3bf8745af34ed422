"""Dependencies point one way, each heavy one has one home, and files stay small and finished."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from alchemy import discover

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "alchemy": {"alchemy", "numpy", "scipy", "jax", "optax", "orbax", "tyro", "rich", "matplotlib", "rapidfuzz",
                "pyarrow", "inspect_ai", "reasoning_gym"},
    "tasks": {"alchemy", "tasks", "numpy", "networkx"},
    "models": {"alchemy", "models", "jax", "flax"},
    "experiments": {"alchemy", "tasks", "models", "experiments", "numpy"},
}
"""What each package may know: of ours, and of what others wrote."""

HOMES = {
    "optax": ("alchemy/train.py", "alchemy/optimizers.py"),
    "orbax": ("alchemy/checkpoint.py",),
    "matplotlib": ("alchemy/figures.py",),
    "tyro": ("alchemy/flags.py", "alchemy/commands/*.py"),
    "rapidfuzz": ("alchemy/metrics.py",),
    "pyarrow": ("alchemy/parquet.py",),
    "inspect_ai": ("alchemy/inspection.py",),
    "reasoning_gym": ("alchemy/procedural.py",),
    "flax": ("models/*.py",),
    "networkx": ("tasks/*.py",),
}
FILES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]
each_file = pytest.mark.parametrize("path", FILES, ids=NAMES)


def imports(path: Path) -> Iterator[str]:
    """The absolute names of the modules a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield node.module


@each_file
def test_arrows(path):
    package = path.relative_to(ROOT).parts[0]
    foreign = {name.partition(".")[0] for name in imports(path)} - sys.stdlib_module_names
    assert foreign <= MAY_IMPORT[package]


@each_file
def test_homes(path):
    name = path.relative_to(ROOT).as_posix()
    for library in {imported.partition(".")[0] for imported in imports(path)} & HOMES.keys():
        assert any(fnmatch(name, home) for home in HOMES[library]), f"{library} is at home in {HOMES[library]}"


def test_a_file_that_has_changed_is_listed_as_it_is_now(tmp_path, monkeypatch):
    folder = tmp_path / "some_claims"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(discover.FOLDERS, "claim", "some_claims")
    for at, (text, listed) in enumerate([("'''One.'''\nCLAIM = 1", ["One."]), ("'''Two.'''\nCLAIM = 1", ["Two."]), ("", [])]):
        (folder / "one.py").write_text(text)
        os.utime(folder / "one.py", (at, at))  # clocks of some file systems are coarse
        assert [entry.sentence for entry in discover.entries("claim").values()] == listed


@each_file
def test_only_discovery_imports_by_name(path):
    used = any(name.startswith("importlib") and name != "importlib.metadata" for name in imports(path))
    dynamic = "__import__" in path.read_text()
    assert not dynamic and (not used or path.name == "discover.py")


@each_file
def test_a_file_is_small_finished_and_named_for_a_thing(path):
    text = path.read_text()
    assert text.count("\n") <= 300
    assert path.stem not in {"utils", "util", "helpers", "common", "manager", "factory", "misc"}
    assert not [word for word in ("TODO", "FIXME", "XXX") if word in text]


@pytest.mark.parametrize(
    "module", ["alchemy", "alchemy.discover", "alchemy.export", "alchemy.scoring", "tasks.symbols"]
)
def test_starts_without_jax(module):
    code = f"import sys, {module}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_package_is_installed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in FILES}
    assert set(listed) == found


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    assert {name.partition(">")[0] for name in wanted} <= pinned
    assert not [line for line in lines if "/" in line or "@" in line]
