"""Where boards have one solution, variational noise is worth no more than simpler noise: whatever makes trajectories part does as well.

Source       Generative recursive reasoning, arXiv:2605.19376, credits its variational noise; arXiv:2605.19943 reports 98.75 % on the
             same Sudoku with noise that is added at inference alone, against 97.0 %, arXiv:2605.21488 99.8 % with random starts. All
             of them beside each other, with winner-take-all (arXiv:2601.19085) and relabelled boards (arXiv:2601.10679), are ours
Prediction   Of 32 trajectories, each checked at its end, one solves the board in no larger share of boards for the variational
             reasoner than for the best of five others: noise added to the deterministic reasoner, random starts, winner-take-all,
             noise of learned size that never sees a solution, relabelled boards. Where nobody can check, three in four failures of
             that best one's value head are failures of choice: a solution is among the 32.
Refuted if   The variational reasoner is more than .01 above the best of the others; or less than three in four of the failures of that
             one's value head have a solution among its trajectories; each in most seeds.
Controls     The best of the others is chosen on boards for choices. All kinds have the same network, boards, steps of training and
             latent steps; the winner of four starts is found with three more roll-outs of each board in training. A seed counts where
             one trajectory of the variational reasoner solves a quarter of the boards for gates. The divergence paid for telling the
             noise the solution, and its size, are measured beside.
             In a trial on a seed from 900 on, with 16 trajectories: variational .953, winner .993, random starts .98, noise that is
             never told .64.
Run          alchemy reproduce any_noise --preset small      # on 2 CPU cores, 6 minutes after width_or_depth, beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.reasoners import Noise, diagnose
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from experiments.latent.arms import OTHERS, SELECTORS, UNTRAINED, Setting, Way, best, full, measured, smoke

CLAIM = Claim(
    sentence="Where boards have one solution, variational noise is worth no more than simpler noise that makes trajectories part.",
    source="against arXiv:2605.19376; with arXiv:2605.19943, 2605.21488, 2601.19085, 2601.10679",
    prediction="32 trajectories: variational at most .01 above the best of five others, whose failures are failures of choice",
    refuted_if="more than .01 above the best of them, or under three in four of its failures with a solution at hand",
    question="How is a budget best spent?",
    among="variational reasoners that solve a quarter of the boards at once",
)


@dataclass(frozen=True)
class Config(Setting):
    """Six ways to have trajectories, on boards with one solution."""

    others: tuple[str, ...] = OTHERS


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL, others=UNTRAINED), "small": SMALL, "full": full(SMALL)}


@dataclass(frozen=True)
class Measured:
    budgets: tuple[int, ...]
    variational: Way
    others: dict[str, Way]
    noise: dict[str, Noise]
    """What learned noise does."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        config.budgets,
        measured(config, lab, "variational", "one"),
        {way: measured(config, lab, way, "one") for way in config.others},
        {
            kind: diagnose(lab, config.fit(lab, kind, "one"), config.one, config.test)
            for kind in ("variational", "free noise")
            if kind in ("variational", *config.others)
        },
    )


def check(measured: Measured) -> list[Check]:
    variational = measured.variational
    learned = Gate(
        "variational, one trajectory: solved", variational.gate.wide[:, 0], 0.25, inf, "it has learned to solve boards"
    )
    return [
        at_most(
            "variational - the best of others, all trajectories: solved",
            variational.judged.wide[:, -1] - best(measured.others, "wide")[:, -1],
            0.01,
            "one board of a hundred",
            gates=[learned],
        ),
        at_least(
            "the best of others, value head: failures with a solution at hand",
            best(measured.others, "wide", lambda part: part.blamed["value"]),
            0.75,
            "three in four; arXiv:2605.19943 has 89 %",
            gates=[learned],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    ways = {"variational": measured.variational, **measured.others}
    return [
        Curves(
            name="any_noise",
            title="One board, many trajectories: which noise finds the solution",
            x_label="trajectories",
            y_label="boards solved, rules checked",
            x=measured.budgets,
            measured={name: way.judged.wide for name, way in ways.items()},
            theory={},
            log_x=True,
            ticks=[str(budget) for budget in measured.budgets],
        ),
        Bars(
            name="any_noise_selectors",
            title="Who chooses, where nobody can check the rules",
            y_label="boards solved",
            groups=["one", *(name.replace(" ", "\n", 1) for name in SELECTORS), "rules\nchecked"],
            measured={
                name: np.stack(
                    [
                        way.judged.wide[:, 0],
                        *(way.judged.chosen[selector] for selector in SELECTORS),
                        way.judged.wide[:, -1],
                    ],
                    axis=1,
                )
                for name, way in ways.items()
            },
            theory={},
        ),
    ]
