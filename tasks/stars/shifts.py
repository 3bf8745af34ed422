"""The ways `Stars` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `arms=5` | stars of that many arms | task | distance to the trained number |
| `names=26` | that many letters, of which the first are those of training | task | distance to the trained number |
| `length=6` | arms of that length | length | distance to the trained length |
| `goal_first=on` or `goal_first=off` | the question before the edges, or behind them | format | 1 if training has it elsewhere |
| `noise=insert:0.1` or `noise=insert:0.1:edges` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.errors import UserError
from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.stars.spec import MOST_NAMES, Spec

SWITCH = {"on": True, "off": False}


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _arms(spec: Spec, value: str, name: str) -> Shift:
    arms = grammar.number(value, name, "a number of arms")
    return Shift(name, (Axis.TASK,), abs(arms - spec.arms), {"arms": arms})


def _names(spec: Spec, value: str, name: str) -> Shift:
    names = grammar.number(value, name, "a number of letters")
    return Shift(name, (Axis.TASK,), abs(names - spec.names), {"names": names})


def _length(spec: Spec, value: str, name: str) -> Shift:
    length = grammar.number(value, name, "a length")
    return Shift(name, (Axis.LENGTH,), abs(length - spec.length), {"length": length})


def _goal_first(spec: Spec, value: str, name: str) -> Shift:
    if value not in SWITCH:
        raise UserError(f"shift {name!r}: {value!r} is not on or off")
    first = SWITCH[value]
    return Shift(name, (Axis.FORMAT,), float(first != spec.goal_first), {"goal_first": first})


PARTS: Mapping[str, grammar.Part] = {
    "arms": _arms,
    "names": _names,
    "length": _length,
    "goal_first": _goal_first,
    "noise": grammar.noise,
}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"arms={spec.arms + more}" for more in (-1, 1, 2))
    yield from (f"names={names}" for names in (MOST_NAMES,) if spec.names != names)
    yield from (f"length={spec.length + more}" for more in (-1, 1, 2))
    yield f"goal_first={'off' if spec.goal_first else 'on'}"
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
