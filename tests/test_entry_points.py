"""Installed packages add tasks, models, reasoners, strategies and claims; `alchemy new task` writes one that does."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from alchemy import discover
from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.record import commit

STRATEGY = """'''The first answer.'''

from dataclasses import dataclass


@dataclass(frozen=True)
class Lazy:
    n: int = 1

    def answer(self, sampler, reward, question): ...
"""
MODEL = "'''Nothing.'''\n\n\nclass Void:\n    def init(self, key): ...\n\n    def apply(self, params, tokens): ...\n"
REASONER = """'''Stays where it is.'''


class Still:
    def start(self, params, keys): ...

    def step(self, params, embedded, state, keys): ...

    def read(self, params, state): ...
"""
CLAIM = "'''Laziness pays.'''\n\nCLAIM = 1\n"
POINTS = """[alchemy.tasks]
bit_rows = bit_rows:BitRows
[alchemy.strategies]
lazy = elsewhere.lazy:Lazy
[alchemy.models]
void = elsewhere.void:Void
[alchemy.reasoners]
still = elsewhere.still:Still
[alchemy.claims]
laziness = elsewhere.laziness
"""


@pytest.fixture
def installed(tmp_path, monkeypatch, capsys):
    """Adds a package with the entry points that a text names, and says where it lies."""

    def install(points):
        site = tmp_path / "site"
        assert main(["new", "task", "bit_rows", "--out", str(site)]) == 0
        capsys.readouterr()
        (site / "elsewhere").mkdir()
        texts = {"__init__": "", "lazy": STRATEGY, "void": MODEL, "still": REASONER, "laziness": CLAIM}
        for name, text in texts.items():
            (site / "elsewhere" / f"{name}.py").write_text(text)
        (site / "mylab-1.0.dist-info").mkdir()
        (site / "mylab-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: mylab\nVersion: 1.0\n")
        (site / "mylab-1.0.dist-info" / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(site)
        return site

    yield install
    for name in [name for name in sys.modules if name.partition(".")[0] in ("bit_rows", "elsewhere", "test_bit_rows")]:
        del sys.modules[name]


def test_packages_add_what_they_name(installed, tmp_path, capsys):
    installed(POINTS)
    kinds = {"task": "bit_rows", "strategy": "lazy", "model": "void", "reasoner": "still", "claim": "laziness"}
    for kind, name in kinds.items():
        assert {name} < discover.entries(kind).keys(), "beside those of the lab"
    assert discover.entries("strategy")["lazy"].file == "elsewhere/lazy.py"
    assert discover.entries("task")["bit_rows"].file == "bit_rows.py"
    assert discover.find("model", "void").__name__ == "Void" and "void" not in discover.entries("reasoner")
    assert discover.find("reasoner", "still").__name__ == "Still" and discover.find("claim", "laziness").CLAIM == 1
    data = tmp_path / "data"
    for command in (
        ["show", "bit_rows", "-n", "1"],
        ["show", "lazy"],
        ["generate", "bit_rows", "--out", data, "--train", 20, "--test", 5],
        ["verify", data],
        ["score", data / "test.jsonl", "--manifest", data],
    ):
        assert main([str(part) for part in command]) == 0, capsys.readouterr().err
    assert json.loads((data / "manifest.json").read_text())["task"] == "bit_rows"
    assert "answer accuracy            1.0000" in capsys.readouterr().out


ODDS = """'''A die shows an odd number every other time.

Source       nobody
Prediction   .5
Refuted if   Not .5.
Run          alchemy reproduce odds --preset small
'''

from dataclasses import dataclass

import numpy as np

from alchemy.report.claim import Check, Claim, exactly
from elsewhere.dice import allowed, odd

CLAIM = Claim(
    sentence="A die shows an odd number every other time.",
    source="nobody",
    prediction=".5",
    refuted_if="not .5",
    question="Where does reasoning stop?",
)


@dataclass(frozen=True)
class Config:
    seeds: int = 1
    faces: int = 6


PRESETS = {"smoke": Config(), "small": Config(), "full": Config()}


@dataclass(frozen=True)
class Measured:
    share: float


def run(config, lab):
    return Measured(float(np.mean(odd(np.arange(1, config.faces + 1)))))


def check(measured):
    return [exactly("share of odd faces", measured.share, *allowed(), "symmetry")]


def figures(measured):
    return []
"""
DICE = "def odd(faces):\n    return faces % 2\n\n\ndef allowed():\n    return 0.5, 0.5\n"


def git(home, *args):
    own = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    return subprocess.run(["git", "-C", str(home), *own, *args], check=True, capture_output=True, text=True).stdout


def test_a_claim_of_another_package_is_locked_judged_and_published_beside_its_file(
    installed, tmp_path, monkeypatch, capsys
):
    """Its own tree has to be committed, its own helpers are part of the promise, and the lab's tree is left alone."""
    site = installed(POINTS + "odds = elsewhere.odds\n")
    (site / "elsewhere" / "odds.py").write_text(ODDS)
    (site / "elsewhere" / "dice.py").write_text(DICE)
    own = Path(__file__).parents[1]
    before = git(own, "status", "--porcelain")
    reproduce = ["reproduce", "odds", "--out", str(tmp_path / "runs"), "--quiet", "--publish"]

    def refused(says):
        assert main(reproduce) == 2 and says in capsys.readouterr().err

    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    refused("published from a committed tree, not from outside a repository")
    git(site, "init", "-q")
    (site / ".gitignore").write_text("__pycache__\n")
    git(site, "add", "-A")
    git(site, "commit", "-qm", "A claim")
    commit.cache_clear()
    refused("its checks are not locked; run `alchemy lock odds`")
    assert main(["lock", "odds"]) == 0 and "new, generation 1" in capsys.readouterr().out
    lock = json.loads((site / "elsewhere" / "locks" / "odds.json").read_text())
    assert lock["code"].keys() == {"elsewhere.odds.check", "elsewhere.dice.allowed"}
    refused("locks/odds.json before the run that it binds")
    git(site, "add", "-A")
    git(site, "commit", "-qm", "Its promise")
    commit.cache_clear()
    assert main(reproduce) == 0, capsys.readouterr().err
    [record] = json.loads((site / "elsewhere" / "verdicts" / "odds.json").read_text())["small"]
    assert record["verdict"] == "HOLDS" and record["lock"]["digest"] == lock["digest"]
    assert record["commit"] == git(site, "rev-parse", "HEAD")[:12] and "alchemy-lab" in record["versions"]
    capsys.readouterr()
    assert main(["judge", "odds", "--json"]) == 0 and '"HOLDS"' in capsys.readouterr().out
    assert main(["show", "odds"]) == 0 and "HOLDS" in capsys.readouterr().out
    assert main(["reproduce", "odds", "--dry-run", "--out", str(tmp_path / "runs")]) == 0
    (site / "elsewhere" / "dice.py").write_text(DICE.replace("0.5, 0.5", "0.4, 0.6"))
    assert main(["lock", "odds"]) == 2 and "its promise was judged; say why" in capsys.readouterr().err
    assert main(["lock", "odds", "--reason", "dice are not fair"]) == 0 and "generation 2" in capsys.readouterr().out
    assert git(own, "status", "--porcelain") == before


def test_what_a_claim_elsewhere_takes_from_the_experiments_is_found():
    """A promise may rest on the code of the lab's claims, which lies in another tree."""
    assert discover.source("experiments.mirage.setting") == Path(__file__).parents[1] / "experiments/mirage/setting.py"
    assert discover.source("experiments.mirage") is discover.source("experiments") is discover.source("no.such") is None


def test_a_new_task_keeps_its_own_promises(installed, tmp_path):
    installed(POINTS)
    promises = importlib.import_module("test_bit_rows")
    for name, test in vars(promises).items():
        if name.startswith("test_"):
            test(*([tmp_path] if test.__code__.co_argcount else []))
    assert promises.TASK.__class__.__name__ == "BitRows"


@pytest.mark.parametrize(
    ("points", "kind", "says"),
    [
        ("[alchemy.tasks]\nx = no_such_module:X", "task", "entry point x = no_such_module:X .* there is no module"),
        ("[alchemy.tasks]\nx = elsewhere.no:X", "task", "there is no module elsewhere.no"),
        ("[alchemy.tasks]\nx = nowhere.no:X", "task", "No module named 'nowhere'"),
        ("[alchemy.tasks]\nlazy = elsewhere.lazy:Lazy", "task", "lazy.py has no task Lazy"),
        ("[alchemy.strategies]\nlazy = elsewhere.lazy:Lzy", "strategy", "lazy.py has no strategy Lzy"),
        ("[alchemy.strategies]\nidle = elsewhere.lazy:Lazy", "strategy", "name has to be that of the module, lazy"),
        ("[alchemy.strategies]\nbeam = alchemy.strategies.beam:Beam", "strategy", "'beam' names a strategy twice"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_named(installed, points, kind, says):
    installed(points)
    with pytest.raises(UserError, match=says):
        discover.entries(kind)


def test_a_package_in_the_way_is_named(tmp_path, monkeypatch):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").touch()
    (tmp_path / "tasks" / "homework.py").write_text("DUE = 'monday'\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tasks"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match=f"{tmp_path}/tasks is in the way of .*tasks, and has nothing"):
        discover.entries("task")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("symbols", "name 'symbols' is taken"),
        ("json", "name 'json' is taken"),
        ("../x", "expected small letters"),
        ("Big", "expected small letters"),
        ("class", "expected small letters"),
        ("mine --out full", "full exists and is not empty"),
        ("mine --out file", "file exists and is not empty"),
    ],
)
def test_names_that_cannot_be(tmp_path, monkeypatch, capsys, args, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "file").touch()
    assert main(["new", "task", *args.split()]) == 2
    assert says in capsys.readouterr().err and sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]
