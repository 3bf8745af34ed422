"""docs/architecture.md says what tests/test_architecture.py enforces."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def rules(name: str) -> dict[str, set[str]]:
    """A table of the architecture test, by the part of the tree it is about."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text("utf-8"))
    [value] = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == name]
    return ast.literal_eval(value)


def rows(start: str) -> list[list[str]]:
    """The rows of the table that follows a text on the page, as cells."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8").split(start)[1]
    lines = re.search(r"(?:^\|.*\n)+", page, re.MULTILINE)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_wings():
    assert {wing: imports for wing, _, imports in rows("<!-- wings:")} == {
        f"`{wing}`": ", ".join(f"`{name}`" for name in sorted(imports)) for wing, imports in rules("WINGS").items()
    }


def test_packages():
    allowed = rules("MAY_IMPORT")
    for package, own, external, _ in rows("## Four packages"):
        named = set(re.findall(r"[a-z_]+", f"{own} {external}")) - {"and", "where", "installed"}
        assert named | {package.strip("`")} == allowed[package.strip("`")]
