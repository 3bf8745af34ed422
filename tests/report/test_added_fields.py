"""Specs grow: a field that was added, and stands at what held before, is in no digest, and any other value is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from types import SimpleNamespace

import pytest

from alchemy import discover
from alchemy.record import BEFORE, added, fingerprint, plain
from alchemy.report import lock
from alchemy.report.claim import Claim
from tasks.documents import Documents

CLAIM = Claim("It holds.", "ours", "at least .9", "under .9", question="What does a step buy?")


@dataclass(frozen=True)
class Task:
    length: int = 4


@dataclass(frozen=True)
class GrownTask:
    length: int = 4
    noise: float | None = added(before=None)
    marked: bool = added(before=False)


@dataclass(frozen=True)
class Config:
    tasks: tuple = (Task(),)
    by_name: dict = field(default_factory=lambda: {"plain": Task()})


def grown(task):
    """The config as it would be with another task class in its place."""
    return Config((task,), {"plain": task})


def digest(tmp_path, config):
    (tmp_path / "experiments").mkdir(exist_ok=True)
    path = tmp_path / "experiments" / "claim.py"
    path.write_text("def check(measured):\n    return []\n")
    module = SimpleNamespace(CLAIM=CLAIM, PRESETS={"small": config}, __file__=str(path), __name__="experiments.claim")
    return lock.renew("claim", module, tmp_path / "locks", set()).digest


def test_a_lock_is_as_it_was_where_a_spec_has_grown(tmp_path):
    before = digest(tmp_path, Config())
    assert digest(tmp_path, grown(GrownTask())) == before
    assert fingerprint({"config": Config()}) == fingerprint({"config": grown(GrownTask())})


@pytest.mark.parametrize("change", [{"noise": 0.0}, {"noise": 0.1}, {"marked": True}, {"marked": 0}, {"length": 5}])
def test_any_other_value_is_in_the_digest(tmp_path, change):
    before = digest(tmp_path, Config())
    assert digest(tmp_path, grown(GrownTask(**change))) != before


def test_what_held_before_is_the_default():
    for kind in (GrownTask, *discover.tasks().values()):
        for each in fields(kind):
            assert each.metadata.get(BEFORE, each.default) == each.default
    assert "noise" not in plain(Documents()) and "noise" in plain(Documents().shift("noise=insert:0")(Documents()))


def test_all_else_is_as_dataclasses_give_it():
    """The rule before fields could be added, over every task and every preset of every claim."""

    def given(value):
        members = json.loads(json.dumps(asdict(value), default=str))
        return {"class": type(value).__name__, **members}

    def without(tree):
        """Both rules name the same, but for the noise of documents."""
        if isinstance(tree, dict):
            kept = {name: without(member) for name, member in tree.items()}
            return {name: member for name, member in kept.items() if not (name == "noise" and "slots" in kept)}
        return [without(member) for member in tree] if isinstance(tree, list) else tree

    values = [kind() for kind in discover.tasks().values()]
    values += [config for module in discover.experiments().values() for config in module.PRESETS.values()]
    assert len(values) > 200
    for value in values:
        assert without(json.loads(json.dumps(plain(value), default=str))) == without(given(value))


def test_a_task_reads_back_from_what_was_stored_before():
    stored = {name: member for name, member in plain(Documents()).items() if name != "class"}
    again = Documents(
        **{name: tuple(member) if isinstance(member, list) else member for name, member in stored.items()}
    )
    assert again == Documents() == replace(again, noise=None)
