"""As on Sudoku, trajectories find more of a graph's many colourings than depth does; graphs that get one at all they hardly add.

Source       arXiv:2605.19376 compares trajectories with depth on Sudoku, queens and colouring, without depth that is checked after every
             step. `width_or_depth` and `which_axis_pays` ask on Sudoku of four rows; whether their answers carry over is ours
Prediction   Graphs of six nodes, three or four of which have no colour yet, can be coloured in 2 to 12 ways with three colours. 16
             variational trajectories, each read at its end, find .1 more of all colourings than one of them that takes 16 times as many
             steps comes across, and than a deterministic reasoner comes across at that depth. They colour at most .04 more graphs
             than the latter, if it is checked after every step; on Sudoku with many solutions it was .05 to .07. One variational
             trajectory of the depth of training colours .05 fewer graphs than the deterministic one; on Sudoku it was not behind.
Refuted if   One of the four is not so in most seeds.
Controls     The same network, boards, steps of training and latent steps for both kinds; which cells belong together differs from graph
             to graph, so that cells are mixed by attention. Layers of their own, as many as a cell passes through until training
             reads the last time, read once, are measured beside: what recurrence is worth. A seed counts where one trajectory
             of either kind colours a fifth of the graphs for gates.
             In trials on three seeds from 900 on the variational reasoner found .75 to .80 of all colourings wide and .48 to .54 deep,
             the deterministic one .44 to .54 deep; it coloured .99 to 1.00 of the graphs wide and .49 to .69 at once, the deterministic
             one .97 to 1.00 deep and .81 to .92 at once; plain depth .77.
Run          alchemy reproduce other_boards --preset small      # on 2 CPU cores, 9 minutes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.reasoners import fit, reason
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from experiments.latent.arms import Setting, Way, across_and_along, by_number_and_depth, measured
from experiments.scales import Scale
from models.recursive import Recursive
from tasks.boards import Boards

CLAIM = Claim(
    sentence=(
        "As on Sudoku, trajectories find more of a graph's many colourings than depth does; "
        "graphs that get one at all they hardly add."
    ),
    source="with and against arXiv:2605.19376; that answers on Sudoku carry over is ours",
    prediction="16 trajectories: .1 more colourings than 16 times the depth, at most .04 more graphs; one: .05 fewer graphs",
    refuted_if="one of the four is not so",
    question="How is a budget best spent?",
    among="reasoners that colour a fifth of the graphs at once",
)


@dataclass(frozen=True)
class Config:
    """Graphs to be coloured, and who reasons about them."""

    seeds: int = 5
    """Replicates, each with weights, training boards and test boards of its own."""
    test: int = 400
    """Held-out boards of each seed; a quarter is for gates."""
    width: int = 16
    """Trajectories at most, and how many times deeper than in training one goes at most: a power of two."""
    pool: int = 5000
    """Training boards of each seed: of 500 graphs reasoners learn the colours by heart."""
    boards: Boards = Boards("colouring", size=6, blanks=(3, 4), solutions=(2, 12))
    model: Recursive = Recursive(width=32, layers=2, inner=1, transitions=2, supervision=3, mixer="attention")
    """Attention, as which cells belong together differs from graph to graph."""
    train: TrainConfig = TrainConfig(steps=1000, batch=32, optimizer="muon", matrix_rate=0.01, weight_decay=1.0)

    @property
    def setting(self) -> Setting:
        """The same as the other claims have it."""
        return Setting(
            seeds=self.seeds,
            test=self.test,
            width=self.width,
            more=self.pool,
            many=self.boards,
            model=self.model,
            longer=self.train,
        )

    @property
    def plain(self) -> Recursive:
        """Layers of their own, as many as cells pass through until training reads the last time, and read once."""
        passes = self.model.supervision * self.model.transitions * (self.model.inner + 1)
        return replace(
            self.model, layers=passes * self.model.layers, hierarchy=False, inner=0, transitions=1, supervision=1
        )


SMALL = Config()
smoke = Scale(
    {
        "seeds": 1,
        "test": 16,
        "width": 4,
        "pool": 16,
        "boards": Boards("sudoku", blanks=(8,), solutions=(2, 12)),  # whose programs other claims make as well
        "model": Recursive(width=8, layers=1, inner=1, transitions=1, supervision=2),
        "train": TrainConfig(steps=2, batch=8, chunk=2, optimizer="muon"),
    }
)
full = Scale(
    {
        "test": 1000,
        "width": 64,
        "pool": 20_000,
        "boards": Boards("colouring", size=10, blanks=(6, 7, 8), solutions=(2, 63)),
        "model": Recursive(width=256, layers=2, inner=3, transitions=3, supervision=8, mixer="attention", ema=0.999),
        "train": TrainConfig(steps=20_000, batch=256, optimizer="muon", matrix_rate=0.01, weight_decay=1.0),
    }
)
PRESETS = {"smoke": smoke(SMALL), "small": SMALL, "full": full(SMALL)}


@dataclass(frozen=True)
class Measured:
    budgets: tuple[int, ...]
    variational: Way
    deterministic: Way
    plain: np.ndarray
    """Solved by layers of their own, one pass, of the boards that are judged: float (s,)."""
    grid: np.ndarray
    """Solved by the variational reasoner, by number of trajectories and times the depth, nan beyond the budget: (s, m, m)."""


def run(config: Config, lab: Lab) -> Measured:
    setting, judged = config.setting, gate_split(config.test)[1]
    runs = fit(
        lab, config.plain, config.boards, config.train, seeds=config.seeds, limit=config.pool, label="train plain depth"
    )
    plain = reason(lab, runs, config.boards, config.test, width=1, depth=1, label="plain depth")
    return Measured(
        setting.budgets,
        measured(setting, lab, "variational", "many"),
        measured(setting, lab, "deterministic", "many"),
        plain.solved[:, judged, 0, 0].mean(axis=1),
        across_and_along(setting, lab, "many"),
    )


def check(measured: Measured) -> list[Check]:
    wide, deep = measured.variational.judged, measured.deterministic.judged
    learned = [
        Gate(f"{name}: solved at once", way.gate.wide[:, 0], 0.2, inf, "it has learned to solve boards")
        for name, way in (("variational", measured.variational), ("deterministic", measured.deterministic))
    ]
    return [
        at_least(
            "variational, wide - deep: solutions found",
            wide.found_wide[:, -1] - wide.found_deep[:, -1],
            0.1,
            "what was asked on Sudoku; .26 and more in the trials",
            gates=learned[:1],
        ),
        at_least(
            "variational, wide - deterministic, deep: solutions found",
            wide.found_wide[:, -1] - deep.found_deep[:, -1],
            0.1,
            "what was asked on Sudoku; .26 and more in the trials",
            gates=learned,
        ),
        at_most(
            "variational, wide - deterministic, deep: solved",
            wide.wide[:, -1] - deep.deep[:, -1],
            0.04,
            "less than Sudoku with many solutions shows",
            gates=learned,
        ),
        at_least(
            "deterministic - variational, one trajectory of the depth of training: solved",
            deep.wide[:, 0] - wide.wide[:, 0],
            0.05,
            "a board of twenty; .12 and more in the trials",
            gates=learned,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    own, rival = measured.variational.judged, measured.deterministic.judged
    flat = np.repeat(measured.plain[:, None], len(measured.budgets), axis=1)
    shown = {
        "other_boards": (
            "Colourings: solved at equal compute",
            "boards solved, rules checked",
            {
                "variational, wide": own.wide,
                "variational, deep": own.deep,
                "deterministic, deep": rival.deep,
                "layers of their own, one pass": flat,
            },
        ),
        "other_boards_found": (
            "Colourings: which share of its solutions is found of a board",
            "share of all solutions",
            {
                "variational, wide": own.found_wide,
                "variational, deep": own.found_deep,
                "deterministic, deep": rival.found_deep,
            },
        ),
    }
    return [
        *(at_equal_compute(name, *lines, measured.budgets) for name, lines in shown.items()),
        by_number_and_depth(
            "other_boards_grid",
            "Colourings: variational trajectories by number and depth",
            measured.budgets,
            measured.grid,
        ),
    ]


def at_equal_compute(
    name: str, title: str, label: str, lines: Mapping[str, np.ndarray], budgets: tuple[int, ...]
) -> Curves:
    """The picture of what ways to reason have, float (s, m), at each budget of latent steps."""
    return Curves(
        name=name,
        title=title,
        x_label="latent steps, in multiples of what one trajectory takes in training",
        y_label=label,
        x=budgets,
        measured=lines,
        theory={},
        log_x=True,
        ticks=[str(budget) for budget in budgets],
        note="Wide ones are checked at their end, deep ones after every step; a wide budget takes the time of the first.",
    )
