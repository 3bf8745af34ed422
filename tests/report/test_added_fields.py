"""Specs grow: a field that was added, and stands at what held before, is in no digest, and any other value is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from types import SimpleNamespace

import pytest

from alchemy import discover
from alchemy.dataset.manifest import dumps, from_json
from alchemy.errors import UserError
from alchemy.problem.shift import Noise
from alchemy.record import BEFORE, added, fingerprint, plain
from alchemy.report import lock
from alchemy.report.claim import Claim
from tasks.documents import Documents
from tasks.origins import Origins

ADDED = {
    "slots": {"noise"},
    "shown": {"reliability", "badge"},
    "loops": {"inject", "marks"},
    "pair": {"trace", "names", "alike"},
    "warmup": {"stop"},
    "counted": {"hints", "opened"},
    "thoughts": {"left_out"},
}
"""Fields that were added to specs, by another one of theirs."""
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
        """Both rules name the same, but for what was added to specs with another field."""
        if isinstance(tree, dict):
            kept = {name: without(member) for name, member in tree.items()}
            gone = {name for field, names in ADDED.items() if field in kept for name in names}
            return {name: member for name, member in kept.items() if name not in gone}
        return [without(member) for member in tree] if isinstance(tree, list) else tree

    values = [kind() for kind in discover.tasks().values()]
    values += [config for module in discover.experiments().values() for config in module.PRESETS.values()]
    assert len(values) > 200
    for value in values:
        assert without(json.loads(json.dumps(plain(value), default=str))) == without(given(value))


GROWN = (
    Documents(),
    Documents(noise=Noise("insert", 0.1)),
    Origins(),
    Origins(badge=3, reliability=0.5),
)


@pytest.mark.parametrize("task", [*(kind() for kind in discover.tasks().values()), *GROWN])
def test_tasks_read_back_from_what_models_and_data_sets_keep_of_them(task):
    whole = json.loads(dumps(asdict(task)))
    stored = {name: member for name, member in plain(task).items() if name != "class"}
    for values in (whole, stored):
        assert from_json(type(task), values) == task


def test_a_field_that_was_added_may_be_missing_and_no_other():
    values = json.loads(dumps(asdict(Origins())))
    for name in ("reliability", "badge"):
        del values[name]
    assert from_json(Origins, values) == Origins()
    with pytest.raises(UserError, match="Origins needs a field 'entities'"):
        from_json(Origins, {name: value for name, value in values.items() if name != "entities"})
    with pytest.raises(UserError, match="Origins has no field 'bagde'"):
        from_json(Origins, {**values, "bagde": 3})
    with pytest.raises(UserError, match='badge is "3", expected int'):
        from_json(Origins, {**values, "badge": "3"})
