"""The ways `Reachability` can shift: names, sizes, and what is written of a chain.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `depth=3` | candidates at that distance | length | distance to the nearest trained one |
| `extra=1` | that many edges beside those that nodes need | task | distance to the trained number |
| `thoughts=2` | so many places at which nothing is said | format | distance to the trained number |
| `left_out=1` | chains without so many of their first steps | format | distance to the trained number |
| `noise=insert:0.1` or `noise=insert:0.1:edges` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.reachability.spec import Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _depth(spec: Spec, value: str, name: str) -> Shift:
    depth = grammar.number(value, name, "a distance")
    return Shift(name, (Axis.LENGTH,), min(abs(depth - trained) for trained in spec.depths), {"depths": (depth,)})


def _extra(spec: Spec, value: str, name: str) -> Shift:
    extra = grammar.number(value, name, "a number of edges", minimum=0)
    return Shift(name, (Axis.TASK,), abs(extra - spec.extra), {"extra": extra})


def _thoughts(spec: Spec, value: str, name: str) -> Shift:
    thoughts = grammar.number(value, name, "a number of thoughts", minimum=0)
    return Shift(name, (Axis.FORMAT,), abs(thoughts - spec.thoughts), {"thoughts": thoughts})


def _left_out(spec: Spec, value: str, name: str) -> Shift:
    left_out = grammar.number(value, name, "a number of steps", minimum=0)
    return Shift(name, (Axis.FORMAT,), abs(left_out - spec.left_out), {"left_out": left_out})


PARTS: Mapping[str, grammar.Part] = {
    "depth": _depth,
    "extra": _extra,
    "thoughts": _thoughts,
    "left_out": _left_out,
    "noise": grammar.noise,
}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"depth={depth}" for depth in range(1, len(spec.widths) + 1) if depth not in spec.depths)
    yield from (f"extra={spec.extra + more}" for more in (-1, 1) if spec.extra + more >= 0)
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
