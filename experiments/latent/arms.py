"""Who reasons: boards with one solution or with many, kinds of recursive reasoners trained on a few of them, and what they solve.

All kinds have the same network and are trained on the same boards in as many steps. Two ways to reason need no training of their
own: noise added to a deterministic reasoner, and boards under other names. A budget is a number of latent steps, which cost alike:
it is spent on trajectories of the depth that was trained, or on one that goes on.

Dimension letters: `s` seeds, `n` problems, `w` trajectories, `t` steps, `m` budgets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.reasoners import Reasoned, fit, reason
from alchemy.latent import selectors
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.report.figures import HeatMap
from alchemy.stats.replicates import gate_split
from experiments.scales import Scale
from models.recursive import Recursive
from tasks.boards import Boards

Solutions = Literal["one", "many"]
SOLUTIONS: tuple[Solutions, ...] = get_args(Solutions)
KINDS: Mapping[str, Mapping[str, Any]] = {
    "deterministic": {},
    "looped": {"hierarchy": False},
    "restarts": {"start_noise": 1.0, "damping": 0.05, "update_noise": 0.01},
    "winner": {"start_noise": 1.0, "starts": 4},
    "free noise": {"guide": "free"},
    "variational": {"guide": "posterior"},
}
"""What each kind has that the first has not: TRM, a looped transformer, EqR, winner-take-all, zero-mean GRAM, GRAM."""
WAYS: Mapping[str, str] = {
    **{kind: kind for kind in KINDS},
    "added noise": "deterministic",
    "relabelled": "deterministic",
}
"""Ways to reason, and which kind each needs: of the last two PTRM is the first."""
DETERMINISTIC = "deterministic", "looped"
UNTRAINED = "added noise", "relabelled"
"""Ways to have trajectories of a reasoner that was trained to have one."""
OTHERS = (*UNTRAINED, "restarts", "winner", "free noise")
"""Ways to have trajectories that are not told the solution in training."""
SELECTORS = ("majority", "value", "halt", "residual", "first to halt")


@dataclass(frozen=True)
class Setting:
    """Boards, reasoners and what they may spend."""

    seeds: int = 5
    """Replicates, each with weights, training boards and test boards of its own."""
    test: int = 400
    """Held-out boards of each seed; a quarter is for gates and choices."""
    width: int = 32
    """Trajectories at most, and how many times deeper than in training one goes at most: a power of two."""
    few: int = 120
    """Training boards of each seed that have one solution: with some hundred more there is nothing left for a second attempt."""
    more: int = 500
    """Training boards of each seed that have many."""
    one: Boards = Boards("sudoku", blanks=(8, 9, 10))
    many: Boards = Boards("sudoku", blanks=(10, 11, 12), solutions=(2, 12))
    model: Recursive = Recursive(width=32, layers=2, inner=1, transitions=2, supervision=3)
    train: TrainConfig = TrainConfig(steps=600, batch=32, optimizer="muon", matrix_rate=0.01, weight_decay=1.0)
    """The decay of weights is that of the papers; with a hundredth of it, reasoners learn boards by heart before they solve others."""
    longer: TrainConfig = TrainConfig(steps=1000, batch=32, optimizer="muon", matrix_rate=0.01, weight_decay=1.0)
    """The same for boards with many solutions, which are learned later."""
    noise: float = 0.1
    """Of what is added to a deterministic reasoner, whose high state has size 1: of .05, .1 and .2 the best on a seed from 900 on."""

    def task(self, solutions: Solutions) -> Boards:
        return self.one if solutions == "one" else self.many

    def fit(self, lab: Lab, way: str, solutions: Solutions) -> Runs:
        """The reasoners that a way needs."""
        kind = WAYS[way]
        label = f"train {kind}, {solutions}"
        model = replace(self.model, **KINDS[kind])
        limit, train = (self.few, self.train) if solutions == "one" else (self.more, self.longer)
        return fit(lab, model, self.task(solutions), train, seeds=self.seeds, limit=limit, label=label)

    def reason(self, lab: Lab, way: str, solutions: Solutions, width: int, times: int) -> Reasoned:
        """So many trajectories of so many times the depth of training."""
        return reason(
            lab,
            self.fit(lab, way, solutions),
            self.task(solutions),
            self.test,
            width=width,
            depth=times * self.model.supervision,
            noise=self.noise if way == "added noise" else 0.0,
            relabelled=way == "relabelled",
            label=f"{way}, {solutions}, {width} x {times}",
        )

    @property
    def budgets(self) -> tuple[int, ...]:
        """Multiples of what one trajectory costs: 1, 2, 4, ... up to the width."""
        return tuple(1 << power for power in range(self.width.bit_length()))


class Part(NamedTuple):
    """What one way solves of some of the problems, and finds; arrays float (s, m) by budget."""

    wide: np.ndarray  # solved by one of so many trajectories, each checked at its end
    deep: np.ndarray  # solved by one trajectory so many times deeper, checked after every step
    unchecked: np.ndarray  # by the same as it is in the end
    found_wide: np.ndarray  # distinct solutions found, as a share of those there are
    found_deep: np.ndarray  # those that the deep one comes across
    chosen: dict[str, np.ndarray]  # float (s,) by selector: solved by the one it chooses of all trajectories
    blamed: dict[str, np.ndarray]  # float (s,) by selector: share of its failures whose solution was there


class Way(NamedTuple):
    """One way to reason."""

    gate: Part
    judged: Part


def measured(setting: Setting, lab: Lab, way: str, solutions: Solutions) -> Way:
    """What a way solves at each budget, wide and deep."""
    wide = setting.reason(lab, way, solutions, setting.width, 1)
    deep = setting.reason(lab, way, solutions, 1, setting.width)
    return Way(*(_part(setting, wide, deep, problems) for problems in gate_split(setting.test)))


def _part(setting: Setting, wide: Reasoned, deep: Reasoned, problems: slice) -> Part:
    steps, budgets = setting.model.supervision, setting.budgets
    across, along, count = wide.solved[:, problems], deep.solved[:, problems], wide.count[:, problems]
    found = wide.solution[:, problems, :, -1]
    came_across = deep.solution[:, problems, 0]

    def by_budget(values: list[np.ndarray]) -> np.ndarray:
        return np.stack([of_problem.mean(axis=1) for of_problem in values], axis=1)

    rollout, ever = wide.rollout, selectors.checked(across)
    filled, halt, value, residual = (array[:, problems] for array in rollout)
    chosen = {
        "majority": selectors.majority(filled, across),
        "value": selectors.highest(value, across),
        "halt": selectors.highest(halt, across),
        "residual": selectors.highest(-residual, across),
        "first to halt": selectors.first_to_halt(halt, across),
    }
    return Part(
        wide=by_budget([selectors.checked(across[:, :, :budget]) for budget in budgets]),
        deep=by_budget([selectors.checked(along[..., : steps * budget], every_step=True) for budget in budgets]),
        unchecked=by_budget([along[:, :, 0, steps * budget - 1] for budget in budgets]),
        found_wide=by_budget([selectors.coverage(found[..., :budget], count) for budget in budgets]),
        found_deep=by_budget([selectors.coverage(came_across[..., : steps * budget], count) for budget in budgets]),
        chosen={name: right.mean(axis=1) for name, right in chosen.items()},
        blamed={name: selectors.missed_by_selection(ever, right) for name, right in chosen.items()},
    )


def best(ways: Mapping[str, Way], measure: str, shown: Callable[[Part], np.ndarray] | None = None) -> np.ndarray:
    """A measure of `Part` at each budget, of the way that has most of it at the largest on the boards for choices: float (s, m).

    With `shown` another number of that way, float (s,).
    """
    chosen = np.stack([getattr(way.gate, measure)[:, -1] for way in ways.values()]).argmax(axis=0)
    values = [getattr(way.judged, measure) if shown is None else shown(way.judged) for way in ways.values()]
    return np.stack(values)[chosen, np.arange(len(chosen))]


def across_and_along(setting: Setting, lab: Lab, solutions: Solutions) -> np.ndarray:
    """Boards that variational trajectories solve, checked after every step, by their number and times the depth.

    Float (s, m, m), nan where both together are beyond the budget; the trajectories of a wide run are those of a narrow one.
    """
    budgets, steps, judged = setting.budgets, setting.model.supervision, gate_split(setting.test)[1]
    solved = np.full((setting.seeds, len(budgets), len(budgets)), np.nan)
    for place, times in enumerate(budgets):
        ran = setting.reason(lab, "variational", solutions, setting.width // times, times).solved[:, judged]
        for row, width in enumerate(budgets[: len(budgets) - place]):
            seen = ran[:, :, :width, : steps * times]
            solved[:, row, place] = selectors.checked(seen, every_step=True).mean(axis=1)
    return solved


def by_number_and_depth(name: str, title: str, budgets: tuple[int, ...], grid: np.ndarray) -> HeatMap:
    """The picture of `across_and_along`, with a line through the cells that cost alike."""
    names = [str(budget) for budget in budgets]
    return HeatMap(
        name=name,
        title=title,
        y_label="trajectories",
        rows=names,
        columns=[f"{name} x" for name in names],
        measured=grid,
        scale="boards solved, checked after every step",
        limits=(float(np.floor(10 * np.nanmin(grid)) / 10), 1.0),
        joined=_equal_compute(budgets),
        note="Depth in multiples of that in training. Cells that are joined cost alike, in multiples of one trajectory.",
    )


def _equal_compute(budgets: tuple[int, ...]) -> dict[str, list[tuple[int, int]]]:
    """By budget, the cells (width, depth) of a grid over them that cost it; the first is one trajectory, which is no line."""
    return {
        f"{budget} x": [(number - depth, depth) for depth in range(number + 1)]
        for number, budget in enumerate(budgets)
        if number
    }


smoke = Scale(
    {
        "seeds": 1,
        "test": 16,
        "width": 4,
        "few": 16,
        "more": 16,
        "one": Boards("sudoku", blanks=(4,)),
        "many": Boards("sudoku", blanks=(8,), solutions=(2, 12)),
        "model": Recursive(width=8, layers=1, inner=1, transitions=1, supervision=2),
        "train": TrainConfig(steps=2, batch=8, chunk=2, optimizer="muon"),
        "longer": TrainConfig(steps=2, batch=8, chunk=2, optimizer="muon"),
    }
)
full = Scale(
    {
        "seeds": 5,
        "test": 1000,
        "width": 64,
        "few": 20_000,
        "more": 20_000,
        "one": Boards("sudoku", size=9, blanks=(50, 52, 54)),
        "many": Boards("sudoku", size=9, blanks=(48, 50, 52), solutions=(2, 12)),
        "model": Recursive(width=256, layers=2, inner=4, transitions=3, supervision=8, ema=0.999),
        "train": TrainConfig(steps=50_000, batch=256, optimizer="muon", matrix_rate=0.01, weight_decay=1.0),
        "longer": TrainConfig(steps=50_000, batch=256, optimizer="muon", matrix_rate=0.01, weight_decay=1.0),
    }
)
