"""Every command that the handwritten pages show is one that exists, and the README's tour runs as it is written."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from alchemy import discover
from alchemy.cli import flags
from alchemy.cli import main as cli
from alchemy.cli.commands import show
from alchemy.dataset.export import write_splits
from tasks.symbols import Symbols

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
"""CONTRIBUTING.md's commands are about its examples, and are run with these."""
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = ("list", "show", "generate")
"""Commands that need nothing; of the others the arguments are parsed."""
SMALL = ["--train", "300", "--test", "60"]
"""Fewer problems than `alchemy generate` makes by default."""


def calls(text: str, program: str) -> list[list[str]]:
    """The arguments of every call of a program in a page's code blocks."""
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith(f"{program} ")]


def shown(program: str) -> list:
    """Each call of a program on any page, once."""
    unique_calls = {shlex.join(call): call for page in PAGES for call in calls(page.read_text("utf-8"), program)}
    return [pytest.param(call, id=text) for text, call in unique_calls.items()]


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    home = tmp_path_factory.mktemp("splits") / "data"
    write_splits(Symbols(), home, train=20, test=5, shifts=["length=6"])
    return home


@pytest.fixture
def directory(splits, tmp_path, monkeypatch):
    """Where commands find what earlier ones would have left."""
    shutil.copytree(splits, tmp_path / "data")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("call", shown("alchemy"))
def test_alchemy_commands_exist(call, directory, monkeypatch, capsys):
    for name, command in cli.COMMANDS.items():
        if name not in RUN:
            monkeypatch.setitem(cli.COMMANDS, name, command._replace(run=lambda *_: 0))
    monkeypatch.setattr(show, "RATE_PROBLEMS", 100)
    again = ["--force"] if call[0] == "generate" else []
    few = SMALL if call[0] == "generate" and "--exhaustive" not in call else []
    assert cli.main([*call, *few, *again]) == 0, capsys.readouterr().err


def test_every_field_of_every_claim_can_be_given():
    """Where none is, `alchemy reproduce --all` makes no flags of them."""
    for module in discover.experiments().values():
        config = module.PRESETS["small"]
        assert flags.parse_config(config, ["--seeds", "7"], "alchemy", type(config)) == replace(config, seeds=7)


@pytest.mark.parametrize("call", shown("make"))
def test_make_targets_exist(call):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", makefile, re.MULTILINE))
    named = [word for word in call if "=" not in word]
    assert named and set(named) <= targets
    assert {word.partition("=")[0] for word in call if "=" in word} <= variables


def test_the_tour_runs_as_it_is_written(tmp_path, monkeypatch, capsys):
    """In order, in an empty directory; only the models are the smallest, and problems fewer."""
    smaller = {"reproduce": ["--preset", "smoke"], "generate": SMALL}
    section = (ROOT / "README.md").read_text("utf-8").split("## In ten minutes")[1].split("\n## ")[0]
    tour = calls(section, "alchemy")
    assert [call[0] for call in tour] == ["generate", "verify", "reproduce", "report", "prompts", "score"]
    monkeypatch.chdir(tmp_path)
    for call in tour:
        code = cli.main([*call, *smaller.get(call[0], [])])
        out, err = capsys.readouterr()
        assert code == 0, (call, err)
    assert "answer accuracy" in out and "1.0000" in out
    assert (tmp_path / "tour.html").stat().st_size > 10_000
