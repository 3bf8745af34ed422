"""The ways `Rules` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `letters=8` | rules of that many letters | task | distance to the trained number |
| `times=3` | that many applications | length | distance to the nearest trained number |
| `noise=insert:0.1` or `noise=insert:0.1:rule` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.rules.spec import Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _letters(spec: Spec, value: str, name: str) -> Shift:
    letters = grammar.number(value, name, "a number of letters")
    return Shift(name, (Axis.TASK,), abs(letters - spec.letters), {"letters": letters})


def _times(spec: Spec, value: str, name: str) -> Shift:
    times = grammar.number(value, name, "a number of applications")
    return Shift(name, (Axis.LENGTH,), min(abs(times - trained) for trained in spec.times), {"times": (times,)})


PARTS: Mapping[str, grammar.Part] = {"letters": _letters, "times": _times, "noise": grammar.noise}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield f"letters={spec.letters + 1}"
    yield from (f"times={max(spec.times) + more}" for more in (1, 2))
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
