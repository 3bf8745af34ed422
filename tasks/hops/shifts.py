"""The ways `Hops` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `letters=4` | texts of that many letters, so that hops are of other lengths | task | distance to the trained number |
| `length=96` | texts of that length | length | distance to the trained length |
| `hops=6` | that many hops | length | distance to the nearest trained number |
| `noise=insert:0.1` or `noise=insert:0.1:text` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.hops.spec import Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _letters(spec: Spec, value: str, name: str) -> Shift:
    letters = grammar.number(value, name, "a number of letters")
    return Shift(name, (Axis.TASK,), abs(letters - spec.letters), {"letters": letters})


def _length(spec: Spec, value: str, name: str) -> Shift:
    length = grammar.number(value, name, "a length")
    return Shift(name, (Axis.LENGTH,), abs(length - spec.length), {"length": length})


def _hops(spec: Spec, value: str, name: str) -> Shift:
    hops = grammar.number(value, name, "a number of hops")
    return Shift(name, (Axis.LENGTH,), min(abs(hops - trained) for trained in spec.hops), {"hops": (hops,)})


PARTS: Mapping[str, grammar.Part] = {"letters": _letters, "length": _length, "hops": _hops, "noise": grammar.noise}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield f"letters={spec.letters // 2}"
    yield from (f"length={length}" for length in (spec.length // 2, spec.length * 3 // 2))
    yield from (f"hops={max(spec.hops) + more}" for more in (1, 2))
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
