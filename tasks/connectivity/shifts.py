"""The ways `Connectivity` can shift: names, sizes, and what a test set has that training had not.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `family=tree` | components of that family | task | 1 |
| `distractors=2` | that many components without the start | task | difference |
| `pair=random` | start and target any two nodes | task | 1 |
| `depth=2` | that many petals, layers, hubs or rows | length | difference |
| `nodes=14` | components of that many nodes | length | difference |
| `petals=3,5,0` | petals of that short and long route and dead end | length | sum of differences |
| `budget=6` | traces of at most that many nodes; 0 for all | length | difference of the longest traces |
| `order=sorted`, `orientation=sorted` | edges, or their ends, in the order of names | format | 1 |
| `names=2` | that many nodes of a graph have a reserved name | format | difference |
| `separator=on` | a comma between edges | format | 1 |
| `noise=insert:0.1` or `noise=insert:0.1:graph` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from alchemy.problem.task import Problem
from tasks.connectivity.graphs import FAMILIES, parameters_of
from tasks.connectivity.spec import Spec, choices
from tasks.connectivity.traces import SEARCHES, WALKS, reach, style

PETAL = ("short", "long", "dead")


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    shift = grammar.parse(spec, name, PARTS)
    family = shift.changes.get("family", spec.family)
    for parameter in ("depth", "nodes", *PETAL):
        if parameter in shift.changes and parameter not in parameters_of(family):
            raise UserError(f"shift {name!r}: family {family!r} has no {parameter}")
    return shift


def _choice(field: str, axis: Axis) -> grammar.Part:
    """A part that gives a field another of its values."""

    def part(spec: Spec, value: str, name: str) -> Shift:
        if value not in choices(spec, field):
            raise UserError(f"shift {name!r}: {value!r} is unknown{nearest(value, choices(spec, field))}")
        return Shift(name, (axis,), int(value != getattr(spec, field)), {field: value})

    return part


def _number(field: str, axis: Axis) -> grammar.Part:
    """A part that changes the size of something."""

    def part(spec: Spec, value: str, name: str) -> Shift:
        number = grammar.number(value, name, "a whole number above 0")
        return Shift(name, (axis,), abs(number - getattr(spec, field)), {field: number})

    return part


def _petals(spec: Spec, value: str, name: str) -> Shift:
    lengths = [grammar.number(length.strip(), name, "a number of edges", minimum=0) for length in value.split(",")]
    if len(lengths) != len(PETAL):
        raise UserError(f"shift {name!r}: expected petals=SHORT,LONG,DEAD")
    changes = dict(zip(PETAL, lengths, strict=True))
    return Shift(
        name, (Axis.LENGTH,), sum(abs(getattr(spec, field) - length) for field, length in changes.items()), changes
    )


def _budget(spec: Spec, value: str, name: str) -> Shift:
    budget = grammar.number(value, name, "a number of nodes", minimum=0)
    longest = replace(spec, budget=budget).longest_trace
    return Shift(name, (Axis.LENGTH,), abs(longest - spec.longest_trace), {"budget": budget})


def _separator(spec: Spec, value: str, name: str) -> Shift:
    if value not in ("on", "off"):
        raise UserError(f"shift {name!r}: expected separator=on or separator=off")
    on = value == "on"
    return Shift(name, (Axis.FORMAT,), int(on != spec.separator), {"separator": on})


PARTS: Mapping[str, grammar.Part] = {
    "family": _choice("family", Axis.TASK),
    "distractors": _number("distractors", Axis.TASK),
    "pair": _choice("pair", Axis.TASK),
    "depth": _number("depth", Axis.LENGTH),
    "nodes": _number("nodes", Axis.LENGTH),
    "petals": _petals,
    "budget": _budget,
    "order": _choice("order", Axis.FORMAT),
    "orientation": _choice("orientation", Axis.FORMAT),
    "names": _number("strange", Axis.FORMAT),
    "separator": _separator,
    "noise": grammar.noise,
}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"family={family}" for family in FAMILIES if family != spec.family)
    yield f"distractors={spec.distractors + 1}"
    yield f"pair={'random' if spec.pair == 'far' else 'far'}"
    yield from (f"depth={depth}" for depth in (spec.depth - 1, spec.depth + 1, spec.depth + 2))
    yield from (f"nodes={nodes}" for nodes in (spec.nodes // 2, spec.nodes + 2, 2 * spec.nodes))
    petals = (spec.short, spec.long + 2, spec.dead), (spec.short, spec.long, 0 if spec.dead else 3)
    yield from ("petals={},{},{}".format(*petal) for petal in petals)
    if spec.budget:
        yield "budget=0"
    elif spec.component.only is not None and style(spec.trace).kind in (*SEARCHES, *WALKS):
        least = reach(spec.component, spec.pair == "far")[0] + 1
        yield from (f"budget={middle}" for middle in [(least + spec.longest_trace) // 2] if middle > least)
    yield from (f"{field}=sorted" for field in ("order", "orientation") if getattr(spec, field) != "sorted")
    yield from (f"names={names}" for names in (1, spec.reserved // 2, spec.reserved) if names != spec.strange)
    if not spec.separator:
        yield "separator=on"
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)


def novelty(train: Problem, test: Problem, ids: int) -> dict[str, float]:
    """What test problems have that no training problem had.

    Shares of test graphs with more nodes, or more edges, than any trained one, of test traces longer than any trained
    one, and of the nodes of test graphs with a name that was never trained; and the total variation distance between
    the degrees of trained and test nodes.
    """
    train_degrees, test_degrees = (_degrees(problem["edges"], ids) for problem in (train, test))
    more_nodes = _more(*((degree > 0).sum(axis=1) for degree in (train_degrees, test_degrees)))
    more_edges = _more(*((problem["edges"][..., 0] >= 0).sum(axis=1) for problem in (train, test)))
    longer_traces = _more(*((problem["trace"] >= 0).sum(axis=1) for problem in (train, test)))
    unseen = (test_degrees > 0) & ~(train_degrees > 0).any(axis=0)
    highest = int(max(train_degrees.max(), test_degrees.max()))
    shares = [
        np.bincount(degree[degree > 0], minlength=highest + 1) / np.sum(degree > 0)
        for degree in (train_degrees, test_degrees)
    ]
    return {
        "more_nodes": more_nodes,
        "more_edges": more_edges,
        "longer_traces": longer_traces,
        "unseen_names": float(unseen.sum() / (test_degrees > 0).sum()),
        "degree_distance": float(np.abs(shares[0] - shares[1]).sum() / 2),
    }


def _more(train: np.ndarray, test: np.ndarray) -> float:
    """Share of the test counts that exceed every trained count."""
    return float(np.mean(test > train.max()))


def _degrees(edges: np.ndarray, ids: int) -> np.ndarray:
    """Edges at each name, int (n, ids), from edges int (n, m, 2) padded with -1."""
    rows = np.arange(len(edges))[:, None, None] * ids
    places = (rows + edges)[edges >= 0]
    return np.bincount(places, minlength=len(edges) * ids).reshape(len(edges), ids)
