"""The ways `Multiplication` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `zeros=0.5` | factors with that share of their digits made 0 | task | distance to the trained share |
| `digits=4` | factors of that many digits | length | distance to the trained number |
| `first=high` or `first=low` | numbers from that digit on | format | 1 if training has the other |
| `noise=insert:0.1` or `noise=insert:0.1:left` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.multiplication.spec import FIRSTS, Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _zeros(spec: Spec, value: str, name: str) -> Shift:
    share = grammar.share(value, name)
    return Shift(name, (Axis.TASK,), abs(share - spec.zeros), {"zeros": share})


def _digits(spec: Spec, value: str, name: str) -> Shift:
    digits = grammar.number(value, name, "a number of digits")
    return Shift(name, (Axis.LENGTH,), abs(digits - spec.digits), {"digits": digits})


def _first(spec: Spec, value: str, name: str) -> Shift:
    return Shift(name, (Axis.FORMAT,), float(value != spec.first), {"first": value})


PARTS: Mapping[str, grammar.Part] = {"zeros": _zeros, "digits": _digits, "first": _first, "noise": grammar.noise}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"zeros={share}" for share in (0.5,) if spec.zeros != share)
    yield from (f"digits={digits}" for digits in (spec.digits - 1, spec.digits + 1, spec.digits + 2))
    yield from (f"first={first}" for first in FIRSTS if first != spec.first)
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
