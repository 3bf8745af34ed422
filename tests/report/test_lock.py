"""A promise is locked before the run that judges it: what changes it is noticed, what does not is not."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from alchemy.errors import UserError
from alchemy.report import lock
from alchemy.report.claim import Claim

CLAIM = Claim("It holds.", "ours", "at least .9", "under .9", question="What does a step buy?")
SHARED = '''
BOUND = 0.9

def gate(values):
    """A gate."""
    return values >= BOUND
'''
MODULE = '''
from experiments.shared import gate as solved
from alchemy.report.claim import at_least

MARGIN = 0.1

def run(config, lab):
    return 1

def check(measured):
    """One check."""
    return [at_least("exact", measured.exact, 1 - MARGIN, "a reason", gates=[solved(measured.exact)])]  # a comment
'''


def module(root, text=MODULE, shared=SHARED, **presets):
    folder = root / "experiments"
    folder.mkdir(exist_ok=True)
    (folder / "shared.py").write_text(shared)
    (folder / "claim.py").write_text(text)
    presets = {"smoke": {"seeds": 2}, "small": {"seeds": 5}, **presets}
    return SimpleNamespace(
        CLAIM=CLAIM, PRESETS=presets, __file__=str(folder / "claim.py"), __name__="experiments.claim"
    )


def test_code_is_followed_through_the_experiments(tmp_path):
    checks = lock.promised(module(tmp_path))["checks"]
    assert set(checks) == {
        "experiments.claim.check",
        "experiments.claim.MARGIN",
        "experiments.shared.gate",
        "experiments.shared.BOUND",
    }
    assert "One check" not in str(checks) and "comment" not in str(checks)


def test_a_module_whose_uses_could_not_be_told_is_refused(tmp_path):
    text = MODULE.replace("from experiments.shared import gate as solved", "from experiments import shared")
    with pytest.raises(UserError, match=r"import what checks use by name, not the module experiments\.shared"):
        lock.promised(module(tmp_path, text.replace("solved(", "shared.gate(")))


@pytest.mark.parametrize(
    ("text", "shared", "presets", "same"),
    [
        (MODULE.replace("return 1", "return 2"), SHARED, {}, True),
        (MODULE.replace("# a comment", ""), SHARED.replace("A gate.", "Another word."), {}, True),
        (MODULE, SHARED, {"smoke": {"seeds": 3}}, True),
        (MODULE.replace("MARGIN = 0.1", "MARGIN = 0.2"), SHARED, {}, False),
        (MODULE.replace("a reason", "another reason"), SHARED, {}, False),
        (MODULE, SHARED.replace("0.9", "0.8"), {}, False),
        (MODULE, SHARED, {"small": {"seeds": 6}}, False),
    ],
)
def test_what_changes_a_promise(tmp_path, text, shared, presets, same):
    locks = tmp_path / "locks"
    first = lock.renew("claim", module(tmp_path), locks, set())
    changed = module(tmp_path, text, shared, **presets)
    assert (lock.locked("claim", changed, locks) == first) is same


def test_a_promise_that_replaces_a_judged_one_gets_fresh_seeds_and_tests(tmp_path):
    locks = tmp_path / "locks"
    first = lock.renew("claim", module(tmp_path), locks, set())
    assert (first.generation, first.first_seed, first.tests) == (1, 1000, 1)
    unjudged = lock.renew("claim", module(tmp_path, small={"seeds": 6}), locks, set())
    assert unjudged.generation == 1 and unjudged.digest != first.digest
    with pytest.raises(UserError, match="its promise was judged; say why"):
        lock.renew("claim", module(tmp_path, small={"seeds": 7}), locks, {unjudged.digest})
    judged = lock.renew("claim", module(tmp_path, small={"seeds": 7}), locks, {unjudged.digest}, "more power")
    assert judged.generation == 2 and judged.first_seed == 2000 and judged.reason == "more power"
    assert lock.renew("claim", module(tmp_path, small={"seeds": 8}), tmp_path / "new", set(), "no need").reason == ""
    assert (
        lock.read("claim", locks) == judged == lock.renew("claim", module(tmp_path, small={"seeds": 7}), locks, set())
    )


def test_only_a_committed_promise_is_published(tmp_path):
    locks, config = tmp_path / "locks", {"seeds": 5}
    claim = module(tmp_path)
    publish = lock.must_be_publishable
    with pytest.raises(UserError, match="only an unchanged preset"):
        publish("claim", claim, {"seeds": 6}, "small", locks, "abc")
    for tree in ("abc-dirty", ""):
        with pytest.raises(UserError, match="committed tree"):
            publish("claim", claim, config, "small", locks, tree)
    with pytest.raises(UserError, match="not locked"):
        publish("claim", claim, config, "small", locks, "abc")
    locked = lock.renew("claim", claim, locks, set())
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    with pytest.raises(UserError, match="commit "):
        publish("claim", claim, config, "small", locks, "abc")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "locked"], check=True)
    assert publish("claim", claim, config, "small", locks, "abc") == locked
