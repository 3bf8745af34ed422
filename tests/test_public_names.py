"""`import alchemy` lists the names of the library, and imports their modules when they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import alchemy


@pytest.mark.parametrize("name", alchemy.__all__)
def test_every_public_name_resolves(name):
    value = getattr(alchemy, name)
    assert value.__name__ == name and value.__doc__
    assert name in dir(alchemy)


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(alchemy.__file__).read_text())
    imports = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith("alchemy.")
    ]
    static = {alias.asname: node.module for node in imports for alias in node.names}
    assert sorted(static) == alchemy.__all__
    assert {name: getattr(alchemy, name).__module__ for name in static} == static


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Tsak'"):
        alchemy.Tsak  # noqa: B018


def test_importing_it_imports_nothing_heavy():
    code = "import sys, alchemy; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "scipy", "jax", "rich", "tyro", "matplotlib"} & set(loaded)
    assert [name for name in loaded if name.startswith("alchemy")] == ["alchemy"]
