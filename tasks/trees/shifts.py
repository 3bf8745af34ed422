"""The ways `Trees` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `shapes=left` or `shapes=left,right` | trees of that shape, or of any of them | task | shapes that were not trained on |
| `operators=9` | that many operators | length | distance to the nearest trained number |
| `notation=prefix` | the same expressions in the other notation | format | 1 for the other one |
| `noise=insert:0.1` or `noise=insert:0.1:expression` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.trees.spec import SHAPES, Notation, Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _shapes(spec: Spec, value: str, name: str) -> Shift:
    shapes = tuple(shape.strip() for shape in value.split(","))
    new = () if "any" in spec.shapes else {*shapes} - {*spec.shapes}
    return Shift(name, (Axis.TASK,), len(new), {"shapes": shapes})


def _operators(spec: Spec, value: str, name: str) -> Shift:
    operators = grammar.number(value, name, "a number of operators")
    distance = min(abs(operators - trained) for trained in spec.operators)
    return Shift(name, (Axis.LENGTH,), distance, {"operators": (operators,)})


def _notation(spec: Spec, value: str, name: str) -> Shift:
    return Shift(name, (Axis.FORMAT,), int(value != spec.notation), {"notation": value})


PARTS: Mapping[str, grammar.Part] = {
    "shapes": _shapes,
    "operators": _operators,
    "notation": _notation,
    "noise": grammar.noise,
}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"shapes={shape}" for shape in SHAPES if not {shape, "any"} & {*spec.shapes})
    yield from (f"operators={operators}" for operators in (max(spec.operators) + 1, max(spec.operators) + 2))
    yield from (f"notation={notation}" for notation in get_args(Notation) if notation != spec.notation)
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
