"""Imports point one way between packages and wings, run in no circle, and each heavy dependency has one home."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from alchemy import discover

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "alchemy": {
        "alchemy",
        "numpy",
        "scipy",
        "jax",
        "optax",
        "orbax",
        "tyro",
        "rich",
        "matplotlib",
        "rapidfuzz",
        "pyarrow",
        "safetensors",
        "inspect_ai",
        "reasoning_gym",
        "ray",
    },
    "tasks": {"alchemy", "tasks", "numpy", "networkx"},
    "models": {"alchemy", "models", "jax", "flax"},
    "experiments": {"alchemy", "tasks", "models", "experiments", "numpy"},
}
"""What each package may know: of ours, and of what others wrote."""

HOMES = {
    "optax": ("alchemy/learning/train.py", "alchemy/learning/optimizers.py"),
    "orbax": ("alchemy/learning/checkpoint.py",),
    "matplotlib": ("alchemy/report/figures.py",),
    "tyro": ("alchemy/cli/flags.py", "alchemy/cli/commands/*.py"),
    "rapidfuzz": ("alchemy/scoring/metrics.py",),
    "pyarrow": ("alchemy/dataset/parquet.py",),
    "safetensors": ("alchemy/lab/exported.py",),
    "inspect_ai": ("alchemy/interop/inspect_ai.py",),
    "reasoning_gym": ("alchemy/interop/reasoning_gym.py",),
    "ray": ("alchemy/sweeps/cluster.py",),
    "flax": ("models/*.py",),
    "networkx": ("tasks/*.py",),
}
WINGS = {
    "problem": set(),
    "stats": set(),
    "dataset": {"problem"},
    "scoring": {"problem", "stats", "dataset"},
    "interop": {"problem", "dataset", "scoring"},
    "learning": {"problem"},
    "decoding": {"problem", "learning"},
    "testtime": {"problem", "stats", "scoring", "learning", "decoding"},
    "causal": {"problem", "stats", "scoring", "learning", "decoding", "testtime"},
    "strategies": {"problem", "decoding", "testtime"},
    "practice": {"problem", "learning", "decoding", "testtime"},
    "latent": {"problem", "learning", "decoding"},
    "lab": {
        "problem",
        "stats",
        "dataset",
        "scoring",
        "learning",
        "decoding",
        "latent",
        "practice",
        "causal",
        "testtime",
        "strategies",
    },
    "report": {"problem", "stats", "scoring", "learning", "lab"},
    "bench": {"problem", "stats", "scoring", "learning", "decoding", "practice", "report", "testtime"},
    "sweeps": {"problem", "stats", "learning", "lab", "report"},
    "cli": {
        "problem",
        "stats",
        "dataset",
        "scoring",
        "interop",
        "learning",
        "decoding",
        "practice",
        "causal",
        "testtime",
        "strategies",
        "lab",
        "report",
        "bench",
        "sweeps",
    },
}
"""The wings of `alchemy`, and which others each may import; all may import the modules at its top."""

FILES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]


def module(path: Path) -> str:
    """The name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path) for path in FILES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def project_imports(path: Path) -> Iterator[str]:
    """The modules of this project that a file imports."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in MODULES or node.module in MODULES:
                    yield inner if inner in MODULES else node.module


def imports(path: Path) -> Iterator[str]:
    """The absolute names of the modules a file imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield node.module


def in_tree(path: Path) -> str:
    """The name of a file in this tree."""
    return path.relative_to(ROOT).as_posix()


def test_arrows():
    foreign = {}
    for path in FILES:
        libraries = {name.partition(".")[0] for name in imports(path)} - sys.stdlib_module_names
        foreign[in_tree(path)] = libraries - MAY_IMPORT[path.relative_to(ROOT).parts[0]]
    assert not {path: libraries for path, libraries in foreign.items() if libraries}


def test_every_folder_is_a_wing():
    assert {path.parent.name for path in (ROOT / "alchemy").glob("*/__init__.py")} == WINGS.keys()


@pytest.mark.parametrize("wing", WINGS)
def test_arrows_between_wings(wing):
    imported = {
        name.split(".")[1]
        for path in (ROOT / "alchemy" / wing).rglob("*.py")
        for name in project_imports(path)
        if name.startswith("alchemy.")
    }
    assert imported & WINGS.keys() - {wing} <= WINGS[wing]


@pytest.mark.parametrize("path", sorted((ROOT / "alchemy").glob("*.py")), ids=lambda path: path.stem)
def test_what_all_wings_may_import_imports_none(path):
    if path.stem in {"__init__", "__main__"}:
        return
    assert not {name.split(".")[1] for name in project_imports(path) if name.count(".")} & WINGS.keys()


def test_no_circles():
    """Between files, between wings, and between packages."""
    files = {module(path): set(project_imports(path)) for path in FILES}
    TopologicalSorter(files).prepare()  # raises CycleError, which names the circle
    for depth in (1, 2):
        groups: dict[str, set[str]] = {}
        for name, imported in files.items():
            here = ".".join(name.split(".")[:depth])
            groups.setdefault(here, set()).update(".".join(other.split(".")[:depth]) for other in imported)
        TopologicalSorter({here: others - {here} for here, others in groups.items()}).prepare()


def test_homes():
    for path in FILES:
        for library in {imported.partition(".")[0] for imported in imports(path)} & HOMES.keys():
            at_home = any(fnmatch(in_tree(path), home) for home in HOMES[library])
            assert at_home, f"{in_tree(path)}: {library} is at home in {HOMES[library]}"


def test_a_file_that_has_changed_is_listed_as_it_is_now(tmp_path, monkeypatch):
    folder = tmp_path / "some_claims"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(discover.FOLDERS, "claim", "some_claims")
    for at, (text, listed) in enumerate(
        [("'''One.'''\nCLAIM = 1", ["One."]), ("'''Two.'''\nCLAIM = 1", ["Two."]), ("", [])]
    ):
        (folder / "one.py").write_text(text)
        os.utime(folder / "one.py", (at, at))  # clocks of some file systems are coarse
        assert [entry.sentence for entry in discover.entries("claim").values()] == listed


def test_only_discovery_and_the_public_names_import_by_name():
    by_name = {
        in_tree(path)
        for path in FILES
        if any(name.startswith("importlib") and name != "importlib.metadata" for name in imports(path))
    }
    assert by_name == {"alchemy/discover.py", "alchemy/__init__.py"}
    assert not [in_tree(path) for path in FILES if "__import__" in path.read_text()]


def test_files_are_finished_and_named_for_things():
    vague = {"utils", "util", "helpers", "common", "manager", "factory", "misc"}
    assert not [in_tree(path) for path in FILES if path.stem in vague]
    marks = ("TODO", "FIXME", "XXX")
    assert not [in_tree(path) for path in FILES if any(mark in path.read_text() for mark in marks)]


@pytest.mark.parametrize(
    "module", ["alchemy", "alchemy.discover", "alchemy.dataset.export", "alchemy.scoring.score", "tasks.symbols"]
)
def test_starts_without_jax(module):
    code = f"import sys, {module}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_package_is_installed():
    pattern = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    for path in FILES:
        assert any(fnmatch(module(path), name) for name in pattern)
        assert (path.parent / "__init__.py").exists()


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    assert {name.partition(">")[0] for name in wanted} <= pinned
    assert not [line for line in lines if "/" in line or "@" in line]
