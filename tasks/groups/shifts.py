"""The ways `Groups` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `group=Z60` | the same letters in another group, with its first pair of generators | task | 1 for another group |
| `pair=1` | other generators of the same group | task | generators that differ |
| `length=24` | words of that many letters | length | distance to the trained length |
| `stride=2` | a chain that says the element after every so many letters | format | distance to the trained stride |
| `noise=insert:0.1` or `noise=insert:0.1:word` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.groups.spec import Spec
from tasks.groups.table import pairs


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _group(spec: Spec, value: str, name: str) -> Shift:
    other = value != spec.group
    return Shift(name, (Axis.TASK,), int(other), {"group": value, "pair": 0 if other else spec.pair})


def _pair(spec: Spec, value: str, name: str) -> Shift:
    pair, known = grammar.number(value, name, "a number of a pair", minimum=0), pairs(spec.group)
    differ = sum(one != two for one, two in zip(known[spec.pair], known[pair], strict=True)) if pair < len(known) else 0
    return Shift(name, (Axis.TASK,), differ, {"pair": pair})


def _length(spec: Spec, value: str, name: str) -> Shift:
    length = grammar.number(value, name, "a number of letters")
    return Shift(name, (Axis.LENGTH,), abs(length - spec.length), {"length": length})


def _stride(spec: Spec, value: str, name: str) -> Shift:
    stride = grammar.number(value, name, "a number of letters")
    return Shift(name, (Axis.FORMAT,), abs(stride - spec.stride), {"stride": stride})


PARTS: Mapping[str, grammar.Part] = {
    "group": _group,
    "pair": _pair,
    "length": _length,
    "stride": _stride,
    "noise": grammar.noise,
}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"group={name}" for name in ("A4xZ5", "Z60") if name != spec.group)
    yield f"pair={spec.pair + 1}"
    yield from (f"length={length}" for length in (spec.length // 2, spec.length * 3 // 2))
    yield f"stride={2 * spec.stride}"
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
