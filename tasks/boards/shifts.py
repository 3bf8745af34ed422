"""The ways `Boards` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `solutions=2:12` | problems with that many solutions | task | distance from the trained numbers to the least of these, or to the most |
| `places=together` | blanks that follow each other | task | 1 if trained on scattered ones |
| `density=0.5` | graphs with that share of edges | task | distance to the trained share |
| `blanks=10` | that many blanks | length | distance to the nearest trained number |
| `size=5` | boards of that size | length | distance to the trained size |
| `noise=insert:0.1` or `noise=insert:0.1:board` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from alchemy.errors import UserError
from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.boards.draw import can_be_found
from tasks.boards.spec import SIZES, Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _solutions(spec: Spec, value: str, name: str) -> Shift:
    least, _, most = value.partition(":")
    expected = "a number of solutions, nor LEAST:MOST"
    solutions = (grammar.number(least, name, expected), grammar.number(most or least, name, expected))
    size = max(abs(new - trained) for new, trained in zip(solutions, spec.solutions, strict=True))
    return Shift(name, (Axis.TASK,), size, {"solutions": solutions})


def _places(spec: Spec, value: str, name: str) -> Shift:
    return Shift(name, (Axis.TASK,), float(value != spec.places), {"places": value})


def _density(spec: Spec, value: str, name: str) -> Shift:
    if not spec.is_graph:
        raise UserError(f"shift {name!r}: boards of {spec.kind} have no graph")
    density = grammar.share(value, name)
    return Shift(name, (Axis.TASK,), abs(density - spec.density), {"density": density})


def _blanks(spec: Spec, value: str, name: str) -> Shift:
    blanks = grammar.number(value, name, "a number of blanks")
    return Shift(
        name, (Axis.LENGTH,), min(abs(blanks - trained) for trained in spec.blank_counts), {"blanks": (blanks,)}
    )


def _size(spec: Spec, value: str, name: str) -> Shift:
    size = grammar.number(value, name, "a size")
    changes = (
        {"size": spec.size, "blanks": spec.blanks} if size == spec.side else {"size": size, "blanks": spec.blank_counts}
    )
    return Shift(name, (Axis.LENGTH,), abs(size - spec.side), changes)


PARTS: Mapping[str, grammar.Part] = {
    "solutions": _solutions,
    "places": _places,
    "density": _density,
    "blanks": _blanks,
    "size": _size,
    "noise": grammar.noise,
}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    names = grammar.possible(parse, spec, _candidates(spec))
    return tuple(
        name for name in names if can_be_found(replace(spec, **{**parse(spec, name).changes, "pool": 0, "noise": None}))
    )


def _candidates(spec: Spec) -> Iterator[str]:
    yield "solutions=2:12" if spec.solutions[0] == 1 else "solutions=1"
    yield f"places={'together' if spec.places == 'scattered' else 'scattered'}"
    yield from (f"density={round(spec.density + more, 3)}" for more in (-0.1, 0.1) if spec.is_graph)
    yield from (f"blanks={max(spec.blank_counts) + more}" for more in (1, 2) if spec.kind != "paths")
    yield from (f"size={size}" for size in SIZES[spec.kind] if size == spec.side + 1)
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
