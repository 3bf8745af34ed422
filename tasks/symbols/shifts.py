"""The ways `Symbols` can shift: names, sizes, and what a test set has that training had not.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `task=F2 F2` or `task=F1 F2,F2 F1` | these compositions | task | 0 ID, 1 CMP, 2 POOD, 3 OOD |
| `positions=2` | that many letters of an element stand where they never stood | task | that many |
| `atoms=unseen` | only letters that never occurred | task | letters of an element |
| `length=6` | elements of that length | length | distance to the nearest trained length |
| `steps=3` | compositions repeated or cut to that many steps | length | distance to the nearest trained number |
| `noise=insert:0.1` or `noise=insert:0.1:element` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np

from alchemy.errors import UserError
from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from alchemy.problem.split import hash_rows
from alchemy.problem.task import Problem
from tasks.symbols.spec import Spec

SCENARIOS = ("ID", "CMP", "POOD", "OOD")


def scenario(train: tuple[str, ...], test: tuple[str, ...]) -> str:
    """The paper's name for the farthest of the test compositions (arXiv:2508.01191, section 5).

    ID: all were trained; CMP: one was not, all primitives were; POOD: some primitive was not; OOD: none was.
    """
    trained = {tuple(composition.split()) for composition in train}
    primitives = {name for names in trained for name in names}
    worst = 0
    for names in (composition.split() for composition in test):
        seen = [name in primitives for name in names]
        level = 0 if tuple(names) in trained else 1 if all(seen) else 2 if any(seen) else 3
        worst = max(worst, level)
    return SCENARIOS[worst]


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _task(spec: Spec, value: str, name: str) -> Shift:
    compositions = tuple(" ".join(composition.split()) for composition in value.split(","))
    size = SCENARIOS.index(scenario(spec.compositions, compositions))
    return Shift(name, (Axis.TASK,), size, {"compositions": compositions, "weights": ()})


def _positions(spec: Spec, value: str, name: str) -> Shift:
    count = grammar.number(value, name, "a number of positions")
    return Shift(name, (Axis.TASK,), count, {"unseen": count})


def _atoms(spec: Spec, value: str, name: str) -> Shift:
    if value != "unseen":
        raise UserError(f"shift {name!r}: expected atoms=unseen")
    rest = "".join(letter for letter in spec.alphabet if letter not in spec.atoms)
    if not spec.atoms or not rest:
        raise UserError(f"shift {name!r}: every letter of the alphabet occurs in training; set atoms to some of them")
    return Shift(name, (Axis.TASK,), sum(spec.length) / len(spec.length), {"atoms": rest})


def _length(spec: Spec, value: str, name: str) -> Shift:
    length = grammar.number(value, name, "a number of letters")
    return Shift(name, (Axis.LENGTH,), min(abs(length - trained) for trained in spec.length), {"length": (length,)})


def _steps(spec: Spec, value: str, name: str) -> Shift:
    steps = grammar.number(value, name, "a number of steps")
    trained = [composition.split() for composition in spec.compositions]
    cycled = dict.fromkeys(" ".join((names * steps)[:steps]) for names in trained)
    size = min(abs(steps - len(names)) for names in trained)
    return Shift(name, (Axis.LENGTH,), size, {"compositions": tuple(cycled), "weights": ()})


PARTS: Mapping[str, grammar.Part] = {
    "task": _task,
    "positions": _positions,
    "atoms": _atoms,
    "length": _length,
    "steps": _steps,
    "noise": grammar.noise,
}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    trained = [tuple(composition.split()) for composition in spec.compositions]
    seen = [name for name in spec.primitives if any(name in names for names in trained)]
    unseen = [name for name in spec.primitives if name not in seen]
    first = trained[0]
    recombined = next((names for names in product(seen, repeat=len(first)) if names not in trained), None)
    if recombined:
        yield f"task={' '.join(recombined)}"
    if unseen and len(first) > 1:
        yield f"task={' '.join([*first[:-1], unseen[0]])}"
    if unseen:
        yield f"task={' '.join([unseen[0]] * len(first))}"
    yield from (f"positions={count}" for count in (1, 2) if spec.unseen == 0)
    yield "atoms=unseen"
    around = (min(spec.length) - 1, max(spec.length) + 1, max(spec.length) + 2)
    yield from (f"length={length}" for length in around)
    yield from (f"steps={steps}" for steps in (min(map(len, trained)) - 1, max(map(len, trained)) + 1))
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)


def novelty(train: Problem, test: Problem, letters: int, weight: tuple[float, float, float] = (1, 1, 1)) -> dict:
    """What test problems have that no training problem had, as means over test problems.

    `task_complexity` is alpha * (letter, position) pairs + beta * steps with an unseen primitive + gamma * unseen
    composition, `weight` = (alpha, beta, gamma): T(C) of arXiv:2508.01191, section 5.
    """
    train_hashes, test_hashes = (hash_rows(problem["ops"], problem["ops"] >= 0) for problem in (train, test))
    composition = float(np.mean(~np.isin(test_hashes, np.unique(train_hashes))))
    primitive = (test["ops"] >= 0) & ~np.isin(test["ops"], np.unique(train["ops"]))
    width = max(train["element"].shape[1], test["element"].shape[1])
    seen = np.zeros((width, letters), bool)
    rows, place = np.nonzero(train["element"] >= 0)
    seen[place, train["element"][rows, place]] = True
    pairs = (test["element"] >= 0) & ~seen[np.arange(test["element"].shape[1]), test["element"]]
    parts = (float(pairs.sum(axis=1).mean()), float(primitive.sum(axis=1).mean()), composition)
    names = ("unseen_positions", "unseen_primitives", "unseen_compositions")
    total = sum(factor * part for factor, part in zip(weight, parts, strict=True))
    return {**dict(zip(names, parts, strict=True)), "task_complexity": total}
