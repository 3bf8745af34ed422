"""The ways `Equations` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `zeros=0.5` | factors of the matrix with so many entries made 0 | task | distance to the trained share |
| `unknowns=4` | systems of that many unknowns | length | distance to the trained number |
| `noise=insert:0.1` or `noise=insert:0.1:equations` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.equations.spec import Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _zeros(spec: Spec, value: str, name: str) -> Shift:
    share = grammar.share(value, name)
    return Shift(name, (Axis.TASK,), abs(share - spec.zeros), {"zeros": share})


def _unknowns(spec: Spec, value: str, name: str) -> Shift:
    unknowns = grammar.number(value, name, "a number of unknowns")
    return Shift(name, (Axis.LENGTH,), abs(unknowns - spec.unknowns), {"unknowns": unknowns})


PARTS: Mapping[str, grammar.Part] = {"zeros": _zeros, "unknowns": _unknowns, "noise": grammar.noise}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"zeros={share}" for share in (0.5,) if spec.zeros != share)
    yield from (f"unknowns={unknowns}" for unknowns in (spec.unknowns + 1, spec.unknowns + 2))
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
