"""The ways `Recheck` can shift: names, sizes, and what a test set has that training had not.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `maps=function` | maps of that kind | task | 1 |
| `hops=8` | that many hops in problems that thinking helps | length | distance to the nearest trained number |
| `rechecks=9` | prompts that tell that many re-checks | length | how many are beyond those trained |
| `noise=insert:0.1` or `noise=insert:0.1:map` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from alchemy.problem.task import Problem
from tasks.recheck.spec import Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _maps(spec: Spec, value: str, name: str) -> Shift:
    return Shift(name, (Axis.TASK,), int(value != spec.maps), {"maps": value})


def _hops(spec: Spec, value: str, name: str) -> Shift:
    hops = grammar.number(value, name, "a number of hops")
    return Shift(name, (Axis.LENGTH,), min(abs(hops - trained) for trained in spec.hops), {"hops": (hops,)})


def _rechecks(spec: Spec, value: str, name: str) -> Shift:
    count = grammar.number(value, name, "a number of re-checks", minimum=0)
    return Shift(name, (Axis.LENGTH,), max(0, count - spec.most), {"asked": count})


PARTS: Mapping[str, grammar.Part] = {"maps": _maps, "hops": _hops, "rechecks": _rechecks, "noise": grammar.noise}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"maps={kind}" for kind in ("permutation", "function") if kind != spec.maps)
    if "help" in spec.classes:
        yield from (f"hops={hops}" for hops in (min(spec.hops) - 1, max(spec.hops) + 1, max(spec.hops) + 2))
    yield f"rechecks={spec.most + 1}"
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)


def novelty(train: Problem, test: Problem, letters: int) -> dict[str, float]:
    """What test problems have that no training problem had, as means over test problems: a number of hops, a number of
    re-checks, and entries of the map, pairs of a letter and its image."""
    seen = np.zeros((letters, letters), bool)
    seen[np.arange(letters), train["map"]] = True
    entries = ~seen[np.arange(letters), test["map"]]
    unseen = {name: float(np.mean(~np.isin(test[name], train[name]))) for name in ("hops", "rechecks")}
    return {
        "unseen_hops": unseen["hops"],
        "unseen_rechecks": unseen["rechecks"],
        "unseen_entries": float(entries.sum(axis=1).mean()),
    }
