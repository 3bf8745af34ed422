"""The ways `Sums` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `counted=0,2,5` or `counted=all` | the sum of other places | task | places that count in one of the two alone |
| `traced=0.5` | that share of lines with the trace | task | difference of shares |
| `places=12` | that many digits | length | distance to the trained number |
| `noise=insert:0.1` or `noise=insert:0.1:digits` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.sums.spec import Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _counted(spec: Spec, value: str, name: str) -> Shift:
    named = [] if value == "all" else value.split(",")
    counted = tuple(grammar.number(place, name, "places with commas between them", minimum=0) for place in named)
    summed = counted or range(spec.places)
    return Shift(name, (Axis.TASK,), len({*summed} ^ {*spec.summed}), {"counted": counted})


def _traced(spec: Spec, value: str, name: str) -> Shift:
    share = grammar.share(value, name)
    return Shift(name, (Axis.TASK,), abs(share - spec.traced), {"traced": share})


def _places(spec: Spec, value: str, name: str) -> Shift:
    places = grammar.number(value, name, "a number of digits")
    return Shift(name, (Axis.LENGTH,), abs(places - spec.places), {"places": places})


PARTS: Mapping[str, grammar.Part] = {
    "counted": _counted,
    "traced": _traced,
    "places": _places,
    "noise": grammar.noise,
}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    every_second = tuple(range(0, spec.places, 2))
    if spec.summed != every_second:
        yield f"counted={','.join(map(str, every_second))}"
    yield from (f"traced={share}" for share in (0.5,) if spec.traced != share)
    yield from (f"places={spec.places + more}" for more in (1, 2, spec.places))
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
