"""The ways `Origins` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `entities=24` | worlds of that many entities | task | distance to the trained number |
| `reliability=0.7` | searches that are told what they find that often | task | distance to the trained probability |
| `announced=on` or `announced=off` | prompts say the budget, or do not | format | 1 if training has the other |
| `noise=insert:0.1` or `noise=insert:0.1:path` | format noise | format | probability |
| `hops=3` | questions of so many relations | length | distance to the nearest trained number |
| `budget=4` | so many searches | length | distance to the nearest trained number |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.errors import UserError
from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.origins.spec import Spec

SWITCH = {"on": True, "off": False}


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _entities(spec: Spec, value: str, name: str) -> Shift:
    entities = grammar.number(value, name, "a number of entities")
    return Shift(name, (Axis.TASK,), abs(entities - spec.entities), {"entities": entities})


def _reliability(spec: Spec, value: str, name: str) -> Shift:
    reliability = grammar.share(value, name)
    return Shift(name, (Axis.TASK,), abs(reliability - spec.reliability), {"reliability": reliability})


def _announced(spec: Spec, value: str, name: str) -> Shift:
    if value not in SWITCH:
        raise UserError(f"shift {name!r}: {value!r} is not on or off")
    on = SWITCH[value]
    return Shift(name, (Axis.FORMAT,), float(on != spec.announced), {"announced": on})


def _hops(spec: Spec, value: str, name: str) -> Shift:
    hops = grammar.number(value, name, "a number of hops")
    return Shift(name, (Axis.LENGTH,), min(abs(hops - trained) for trained in spec.hops), {"hops": (hops,)})


def _budget(spec: Spec, value: str, name: str) -> Shift:
    budget = grammar.number(value, name, "a number of searches", minimum=0)
    return Shift(name, (Axis.LENGTH,), min(abs(budget - trained) for trained in spec.budgets), {"budgets": (budget,)})


PARTS: Mapping[str, grammar.Part] = {
    "entities": _entities,
    "reliability": _reliability,
    "announced": _announced,
    "noise": grammar.noise,
    "hops": _hops,
    "budget": _budget,
}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"entities={spec.entities * number // 2}" for number in (1, 3))
    yield f"reliability={0.7 if spec.reliability == 1 else 1.0}"
    yield f"announced={'off' if spec.announced else 'on'}"
    yield from (f"hops={max(spec.hops) + more}" for more in (1, 2))
    yield f"budget={2 * max(spec.budgets)}"
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
