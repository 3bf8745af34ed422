"""Contracts over every claim in `experiments/`, and over what is committed of its last run."""

from __future__ import annotations

import ast
import json
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from alchemy import discover
from alchemy.progress import Progress
from alchemy.report import former, table
from alchemy.report.claim import Claim
from alchemy.report.history import newest
from alchemy.report.reproduce import ROOT, VERDICTS, run_one
from alchemy.stats.verdict import Verdict

CLAIMS = discover.experiments()
SECTIONS = ("Source ", "Prediction ", "Refuted if ", "Run ")
each_claim = pytest.mark.parametrize("name", CLAIMS)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Where the smoke runs of all claims share their models."""
    return tmp_path_factory.mktemp("runs")


@each_claim
def test_reads_as_a_claim(name):
    module = CLAIMS[name]
    assert isinstance(module.CLAIM, Claim | former.Claim)
    optional = {"headline", "among"}
    assert all(getattr(module.CLAIM, field.name) for field in fields(module.CLAIM) if field.name not in optional)
    assert set(module.PRESETS) == {"smoke", "small", "full"}
    assert all(is_dataclass(preset) and type(preset) is module.Config for preset in module.PRESETS.values())
    places = [module.__doc__.find(f"\n{section}") for section in SECTIONS]
    assert -1 not in places and places == sorted(places), f"the docstring says {SECTIONS}, in this order"


@each_claim
def test_thresholds_are_literals_with_a_reason(name):
    """No threshold is computed from what was measured."""
    tree = ast.parse(Path(CLAIMS[name].__file__).read_text())
    [check] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    calls = [node for node in ast.walk(check) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    judged = [call for call in calls if call.func.id in ("at_least", "at_most", "near", "exactly")]
    assert judged
    for call in judged:
        for threshold in call.args[2:-1]:
            assert not any(isinstance(node, ast.Subscript) for node in ast.walk(threshold))


@each_claim
def test_smoke_preset_ends_in_a_verdict(name, store):
    module = CLAIMS[name]
    record = run_one(name, module, module.PRESETS["smoke"], "smoke", store, Progress(quiet=True), "")
    assert Verdict(record["verdict"]) and record["checks"]
    home = store / "claims" / name / "smoke"
    assert json.loads((home / "record.json").read_text()) == record
    assert record["figures"] and all((home / figure).read_text().startswith("<?xml") for figure in record["figures"])
    again = run_one(name, module, module.PRESETS["smoke"], "smoke", store, Progress(quiet=True), "")
    drop = ("seconds_now", "seconds")
    assert {k: v for k, v in again.items() if k not in drop} == {k: v for k, v in record.items() if k not in drop}
    assert again["seconds"] == pytest.approx(record["seconds"], abs=0.2), "a stored result keeps what it cost"


@each_claim
def test_committed_verdict_is_of_these_checks(name):
    """A verdict is published for every claim, by name of its checks and with the thresholds the file now has."""
    committed = newest(VERDICTS)[name]
    assert "small" in committed
    for preset, record in committed.items():
        assert record["claim"]["sentence"] == CLAIMS[name].CLAIM.sentence
        assert record["commit"] and not record["commit"].endswith("-dirty")
        assert all((VERDICTS / "figures" / f"{preset}-{figure}").exists() for figure in record["figures"])


def test_readme_has_the_committed_verdicts():
    assert (ROOT / "README.md").read_text() == table.update_readme(ROOT / "README.md", newest(VERDICTS))


def test_readme_shows_what_the_command_prints(capsys):
    from alchemy.cli.main import main

    assert main(["show", "symbols", "-n", "1"]) == 0
    printed = capsys.readouterr().out.split("\n\n")[0].strip()
    assert printed in (ROOT / "README.md").read_text()
