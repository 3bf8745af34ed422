"""Contracts over every claim in `experiments/`, and over what is committed of its last run."""

from __future__ import annotations

import ast
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from alchemy import discover
from alchemy.progress import Progress
from alchemy.record import json_text, plain, read_json
from alchemy.report import costs, lock, open_claims, table
from alchemy.report.claim import QUESTIONS, Claim
from alchemy.report.history import earlier, history, newest, newest_of
from alchemy.report.reproduce import LOCKS, ROOT, VERDICTS, run_one
from alchemy.report.results import is_earlier, judged_again, results
from alchemy.stats.verdict import Verdict

CLAIMS = discover.experiments()
SECTIONS = ("Source ", "Prediction ", "Refuted if ", "Run ")
BY_SUBJECT = sorted(CLAIMS, key=lambda name: str(CLAIMS[name].__package__))
"""Claims of one subject share models and programs: side by side, most of them are run by one process."""
each_claim = pytest.mark.parametrize("name", BY_SUBJECT)
ONE_OF_EACH_SUBJECT = list({module.__package__: name for name, module in reversed(CLAIMS.items())}.values())
"""The first claim of each folder."""


@cache
def published():
    """The newest committed record of every claim, by preset."""
    return newest(VERDICTS)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Where the smoke runs of all claims share their models, whichever worker runs them."""
    own = tmp_path_factory.getbasetemp()
    store = (own.parent if own.name.startswith("popen-") else own) / "smoke"  # of a worker, or of the only process
    store.mkdir(exist_ok=True)
    return store


@each_claim
def test_reads_as_a_claim(name):
    module = CLAIMS[name]
    assert isinstance(module.CLAIM, Claim)
    assert module.CLAIM.question in QUESTIONS
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


def _smoke(name, store):
    """The record of a claim's smoke run."""
    module = CLAIMS[name]
    return run_one(
        name, module, module.PRESETS["smoke"], preset="smoke", out=store, progress=Progress(quiet=True), tree=""
    )


@each_claim
def test_smoke_preset_ends_in_a_verdict(name, store):
    """One test does all that needs the run, so that no other process makes it again."""
    record = _smoke(name, store)
    assert Verdict(record["verdict"]) and record["checks"]
    home = store / "claims" / name / "smoke"
    assert json_text(read_json(home / "record.json")) == json_text(record)
    assert record["figures"] and all((home / figure).read_text().startswith("<?xml") for figure in record["figures"])
    for committed in published().get(name, {}).values():
        _keeps_its_promises(name, committed, record)
    if name in ONE_OF_EACH_SUBJECT:
        _takes_everything_from_the_store(record, _smoke(name, store))


def _keeps_its_promises(name, committed, record):
    """The committed verdict is of checks with the bounds that the file now has; or else it is shown as exploratory."""
    if not is_earlier(committed) and committed["lock"]["digest"] == lock.read(name, LOCKS).digest:
        promised, now = _bounds(committed), _bounds(record)
        if not promised.keys() & now.keys():  # their names have the sizes of a preset
            assert [check.bound for check in promised.values()] == [check.bound for check in now.values()]
        for check in promised.keys() & now.keys():
            assert now[check].bound == promised[check].bound
            shared = promised[check].gates.keys() & now[check].gates.keys()
            assert all(now[check].gates[gate] == promised[check].gates[gate] for gate in shared)


def _takes_everything_from_the_store(record, again):
    same = [
        json_text({k: v for k, v in run.items() if k != "seconds" and not k.endswith("_now")})
        for run in (again, record)
    ]
    assert same[0] == same[1]
    assert again["seconds"] == pytest.approx(record["seconds"], abs=0.2), "a stored result keeps what it cost"


@each_claim
def test_committed_verdict_is_of_this_claim(name):
    for preset, record in published().get(name, {}).items():
        assert record["commit"] and not record["commit"].endswith("-dirty")
        assert all((VERDICTS / "figures" / f"{preset}-{figure}").exists() for figure in record["figures"])
        if not is_earlier(record) and record["lock"]["digest"] == lock.read(name, LOCKS).digest:
            assert record["claim"] == plain(CLAIMS[name].CLAIM)


class Bounds(NamedTuple):
    """What was promised about a check."""

    bound: tuple
    gates: dict[str, tuple]
    """By name; a preset that sweeps other values has others."""


def _bounds(record):
    """What was promised about each check, by its name; a preset that sweeps other values has other names too."""
    fields = ("low", "high", "share", "exact", "reason")
    return {
        check["name"]: Bounds(
            tuple(check[field] for field in fields),
            {gate["name"]: (gate["low"], gate["high"]) for gate in check["gates"]},
        )
        for check in record["checks"]
    }


@each_claim
def test_what_a_claim_promises_is_locked(name):
    """Checks are committed before the run that judges them: after a change of one, `alchemy lock` and a commit."""
    assert lock.locked(name, CLAIMS[name], LOCKS), f"{name} has changed since it was locked: alchemy lock {name}"


def test_every_lock_is_of_a_claim():
    assert {path.stem for path in LOCKS.glob("*.json")} == CLAIMS.keys()


def test_every_committed_verdict_is_of_a_claim():
    assert published().keys() <= CLAIMS.keys()


def test_every_verdict_that_was_published_stays():
    """The last that is told of the earlier method is the one whose record is kept."""
    told = {path.stem: earlier(VERDICTS, path.stem) for path in (VERDICTS / "earlier").glob("*.json")}
    assert told.keys() <= CLAIMS.keys() and len(told) == 26
    for name, entries in told.items():
        assert [entry["date"] for entry in entries] == sorted(entry["date"] for entry in entries)
        assert all(entry["reason"] and entry["commit"] and Verdict(entry["verdict"]) for entry in entries)
        for preset, records in history(VERDICTS / f"{name}.json").items():
            kept = [(record["commit"], record["verdict"]) for record in records if is_earlier(record)]
            last = [(entry["commit"], entry["verdict"]) for entry in entries if entry["preset"] == preset]
            assert last[-1:] == kept[-1:]
    failed = [entry["failed"][0] for entry in earlier(VERDICTS, "sequential_scaling") if entry["verdict"] == "FAILS"]
    assert failed[0] == "DFS, depth 1: largest gap, greedy: 0.317, expected at most 0.05"


@each_claim
def test_a_committed_verdict_is_what_its_numbers_give(name):
    for record in newest_of(name).values():
        if not is_earlier(record):
            again = results(judged_again(record))
            assert json_text(again) == json_text({key: record[key] for key in again})


def test_readme_has_the_committed_verdicts():
    assert (ROOT / "README.md").read_text() == table.update_readme(
        ROOT / "README.md", published(), lock.read_all(LOCKS)
    )


def test_the_tables_of_costs_and_of_open_claims_are_those_of_the_records():
    page = (ROOT / "docs" / "reproducing-claims.md").read_text()
    renewed = open_claims.renewed(costs.renewed(page, CLAIMS, published()), published())
    assert page == renewed, "alchemy.report.reproduce.renew_tables() makes it anew"


def test_readme_shows_what_the_command_prints(capsys):
    from alchemy.cli.main import main

    assert main(["show", "symbols", "-n", "1"]) == 0
    printed = capsys.readouterr().out.split("\n\n")[0].strip()
    assert printed in (ROOT / "README.md").read_text()
