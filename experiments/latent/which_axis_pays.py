"""One solution or many decides whether trajectories or steps pay: with one, a reasoner that samples may as well go on.

Source       Ours. Papers compare the width of a reasoner that samples with the depth of another one that does not (arXiv:2605.19376);
             here both are those of the same weights
Prediction   On Sudoku of four rows with one solution, 32 variational trajectories, each checked at its end, solve as many boards as
             one of them that takes 32 times as many steps and is checked after each, within .05. On boards with 2 to 12 solutions they
             solve .03 more, and find .1 more of all solutions. One trajectory, at a 32nd of the compute, already solves .1 more of the
             boards with one solution than the best deterministic reasoner at that depth: noise in training is what it owes that to.
Refuted if   One of the four is not so in most seeds.
Controls     The same weights, boards and latent steps on both axes. A seed counts where one trajectory solves a quarter of the boards
             for gates. What is paid for telling the noise the solution, and its size, are measured beside.
             In trials on a seed from 900 on, with 16 of each: one solution .953 wide and .933 deep; many .987 and .900, and of all
             solutions .60 and .41, elsewhere .80 and .38; one trajectory .90, the deterministic one .44.
Run          alchemy reproduce which_axis_pays --preset small      # on 2 CPU cores, 2 minutes after width_or_depth
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.reasoners import Noise, diagnose
from alchemy.report.claim import Check, Claim, Gate, at_least, near
from alchemy.report.figures import Bars, Curves, Figure
from experiments.latent.arms import (
    DETERMINISTIC,
    SOLUTIONS,
    Setting,
    Solutions,
    Way,
    across_and_along,
    best,
    by_number_and_depth,
    full,
    measured,
    smoke,
)

CLAIM = Claim(
    sentence=(
        "One solution or many decides whether trajectories or steps pay: with one, a reasoner that samples may as well go on."
    ),
    source="ours, on the reasoners of arXiv:2605.19376",
    prediction="wide - deep: within .05 with one solution; with many .03 more boards, .1 more solutions; one trajectory .1 above rivals",
    refuted_if="one of the four is not so",
    question="How is a budget best spent?",
    among="reasoners that solve a quarter of the boards with one trajectory",
)


@dataclass(frozen=True)
class Config(Setting):
    """A variational reasoner on boards with one solution and with many, and deterministic ones at the depth of training."""

    rivals: tuple[str, ...] = DETERMINISTIC


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL, rivals=DETERMINISTIC[:1]), "small": SMALL, "full": full(SMALL)}


@dataclass(frozen=True)
class Measured:
    """By number of solutions."""

    budgets: tuple[int, ...]
    variational: dict[Solutions, Way]
    rivals: dict[str, Way]
    """On boards with one solution."""
    grid: dict[Solutions, np.ndarray]
    """Solved on the boards that are judged, by number of trajectories and times the depth, nan where both together are beyond the
    budget: float (s, m, m)."""
    noise: dict[Solutions, Noise]


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        config.budgets,
        {solutions: measured(config, lab, "variational", solutions) for solutions in SOLUTIONS},
        {name: measured(config, lab, name, "one") for name in config.rivals},
        {solutions: across_and_along(config, lab, solutions) for solutions in SOLUTIONS},
        {
            solutions: diagnose(lab, config.fit(lab, "variational", solutions), config.task(solutions), config.test)
            for solutions in SOLUTIONS
        },
    )


def check(measured: Measured) -> list[Check]:
    one, many = (measured.variational[solutions] for solutions in SOLUTIONS)
    learned = {
        solutions: Gate(
            f"{solutions}: one trajectory: solved", way.gate.wide[:, 0], 0.25, inf, "it has learned to solve boards"
        )
        for solutions, way in measured.variational.items()
    }
    return [
        near(
            "one: wide - deep: solved",
            one.judged.wide[:, -1] - one.judged.deep[:, -1],
            0.0,
            0.05,
            "a board of twenty",
            gates=[learned["one"]],
        ),
        at_least(
            "many: wide - deep: solved",
            many.judged.wide[:, -1] - many.judged.deep[:, -1],
            0.03,
            "half of what a deep one leaves in the trial",
            gates=[learned["many"]],
        ),
        at_least(
            "many: wide - deep: solutions found",
            many.judged.found_wide[:, -1] - many.judged.found_deep[:, -1],
            0.1,
            "half of what the trials show",
            gates=[learned["many"]],
        ),
        at_least(
            "one: one trajectory - the best deterministic: solved",
            one.judged.wide[:, 0] - best(measured.rivals, "wide")[:, 0],
            0.1,
            "more than any width adds",
            gates=[learned["one"]],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    names = [str(budget) for budget in measured.budgets]
    return [
        *(
            by_number_and_depth(
                f"which_axis_pays_{solutions}",
                f"Variational trajectories by number and depth: {solutions} solution{'s' * (solutions == 'many')}",
                measured.budgets,
                solved,
            )
            for solutions, solved in measured.grid.items()
        ),
        Curves(
            name="which_axis_pays_found",
            title="Which share of its solutions is found of a board that has many",
            x_label="trajectories, or times the depth",
            y_label="share of all solutions",
            x=measured.budgets,
            measured={
                "wide": measured.variational["many"].judged.found_wide,
                "deep": measured.variational["many"].judged.found_deep,
            },
            theory={},
            log_x=True,
            ticks=names,
        ),
        Bars(
            name="which_axis_pays_noise",
            title="What noise does: told the solution or not",
            y_label="boards filled in as shown; nats; sizes",
            groups=[
                "divergence,\nnats a cell",
                "size of\nthe prior",
                "mean of\nthe prior",
                "right,\ntold",
                "right,\nnot told",
            ],
            measured={solutions: np.stack(noise, axis=1) for solutions, noise in measured.noise.items()},
            theory={},
        ),
    ]
