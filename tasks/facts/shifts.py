"""The ways `Facts` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `unseen=second` | composed questions whose second fact stands in none of training; or `first`, or `both` | task | facts that are apart |
| `ratio=6` | so many composed questions for each fact that is not apart | task | distance to the trained ratio |
| `world=1` | another world, of which nothing was told | task | 1 for any other |
| `noise=insert:0.1` or `noise=insert:0.1:head` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.facts.spec import UNSEEN, Spec, Unseen

APART: Mapping[str, int] = {"none": 0, "first": 1, "second": 1, "both": 2}
"""How many facts of a question are apart."""


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _unseen(spec: Spec, value: str, name: str) -> Shift:
    size = abs(APART.get(value, 0) - APART[spec.unseen])  # an unknown one is refused by the task
    return Shift(name, (Axis.TASK,), size, {"unseen": cast(Unseen, value)})


def _ratio(spec: Spec, value: str, name: str) -> Shift:
    ratio = grammar.share(value, name)
    return Shift(name, (Axis.TASK,), abs(ratio - spec.ratio), {"ratio": ratio})


def _world(spec: Spec, value: str, name: str) -> Shift:
    number = grammar.number(value, name, "a number of a world", minimum=0)
    return Shift(name, (Axis.TASK,), float(number != spec.world), {"world": number})


PARTS: Mapping[str, grammar.Part] = {"unseen": _unseen, "ratio": _ratio, "world": _world, "noise": grammar.noise}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"unseen={unseen}" for unseen in UNSEEN if unseen != spec.unseen)
    yield f"ratio={1.25 * spec.ratio:g}"
    yield f"world={spec.world + 1}"
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
