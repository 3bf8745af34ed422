"""The ways `Documents` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `entities=24` | worlds of that many entities | task | distance to the trained number |
| `joins=unseen` | pairs of relations side by side that questions of `joins=seen` never have | task | 1 if training has others |
| `missing=0.2` | relations that lead nowhere that often, so that some questions have no answer | task | distance to the trained share |
| `pollution=1.0` | documents about other entities in so many of the places that are left | task | distance to the trained share |
| `reliability=0.5` | searches that bring what they are about that often | task | distance to the trained probability |
| `announced=on` or `announced=off` | prompts say the budget, or do not | format | 1 if training has the other |
| `noise=insert:0.1` or `noise=insert:0.1:path` | format noise | format | probability |
| `hops=3` | questions of so many relations | length | distance to the nearest trained number |
| `budget=4` | so many turns | length | distance to the nearest trained number |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from alchemy.errors import UserError
from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.documents.spec import Spec

SWITCH = {"on": True, "off": False}


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _entities(spec: Spec, value: str, name: str) -> Shift:
    entities = grammar.number(value, name, "a number of entities")
    return Shift(name, (Axis.TASK,), abs(entities - spec.entities), {"entities": entities})


def _joins(spec: Spec, value: str, name: str) -> Shift:
    return Shift(name, (Axis.TASK,), float(value != spec.joins), {"joins": value})


def _share(field: str) -> Callable[[Spec, str, str], Shift]:
    def part(spec: Spec, value: str, name: str) -> Shift:
        share = grammar.share(value, name)
        return Shift(name, (Axis.TASK,), abs(share - getattr(spec, field)), {field: share})

    return part


def _announced(spec: Spec, value: str, name: str) -> Shift:
    if value not in SWITCH:
        raise UserError(f"shift {name!r}: {value!r} is not on or off")
    return Shift(name, (Axis.FORMAT,), float(SWITCH[value] != spec.announced), {"announced": SWITCH[value]})


def _hops(spec: Spec, value: str, name: str) -> Shift:
    hops = grammar.number(value, name, "a number of hops")
    return Shift(name, (Axis.LENGTH,), min(abs(hops - trained) for trained in spec.hops), {"hops": (hops,)})


def _budget(spec: Spec, value: str, name: str) -> Shift:
    budget = grammar.number(value, name, "a number of turns", minimum=0)
    return Shift(name, (Axis.LENGTH,), min(abs(budget - trained) for trained in spec.budgets), {"budgets": (budget,)})


PARTS: Mapping[str, grammar.Part] = {
    "entities": _entities,
    "joins": _joins,
    **{field: _share(field) for field in ("missing", "pollution", "reliability")},
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
    if spec.joins != "unseen":
        yield "joins=unseen"
    yield f"missing={spec.missing / 2 + 0.1}"
    yield from (f"pollution={share}" for share in (0.0, 1.0) if spec.pollution != share)
    yield f"reliability={0.4 if spec.reliability > 0.5 else 1.0}"
    yield f"announced={'off' if spec.announced else 'on'}"
    yield f"hops={max(spec.hops) + 1}"
    yield f"budget={2 * max(spec.budgets)}"
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
