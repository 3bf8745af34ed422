"""Trajectories find more of a board's many solutions than depth does, but variational ones find no more than simpler ones.

Source       Generative recursive reasoning, arXiv:2605.19376: coverage at 20 samples 90.3 % against 36.1 % of the deterministic
             reasoner, on 8 queens. Its depth, checked after every step, and the five other ways to have trajectories are ours
Prediction   On Sudoku of four rows with 2 to 12 solutions, 32 trajectories of a variational reasoner find .1 more of all solutions than
             the better of two deterministic reasoners comes across in 32 times the depth; and at most .02 more than the best of
             five other ways to have trajectories: relabelled boards, noise added to the deterministic reasoner, random starts,
             winner-take-all, noise of learned size that never sees a solution.
Refuted if   One of the two is not so in most seeds.
Controls     Whoever always answers alike finds one solution of those there are, which is what a deterministic reasoner is held to in
             the paper; here it may go on 32 times as long, and whatever it comes across counts. Solutions are counted exactly. The
             best of the others is chosen on boards for choices. A seed counts where one trajectory of the variational reasoner solves a
             quarter of the boards for gates.
             In a trial on a seed from 900 on, 16 trajectories found .60 of all solutions, relabelled boards .85, random starts .49,
             16 times the deterministic depth .31.
Run          alchemy reproduce coverage --preset small      # on 2 CPU cores, 13 minutes after any_noise, beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from alchemy.lab.lab import Lab
from alchemy.lab.reasoners import Noise, diagnose
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from experiments.latent.arms import DETERMINISTIC, OTHERS, UNTRAINED, Setting, Way, best, full, measured, smoke

CLAIM = Claim(
    sentence=(
        "Trajectories find more of a board's many solutions than depth does, but variational ones find no more than simpler ones."
    ),
    source="arXiv:2605.19376; its depth and five other ways to have trajectories are ours",
    prediction="32 variational trajectories: .1 more of all solutions than deterministic depth, at most .02 more than the best other way",
    refuted_if="less than .1 above depth, or more than .02 above the best other way",
    question="How is a budget best spent?",
    among="variational reasoners that solve a quarter of the boards at once",
)


@dataclass(frozen=True)
class Config(Setting):
    """Eight ways to reason, on boards with many solutions."""

    deep: tuple[str, ...] = DETERMINISTIC
    others: tuple[str, ...] = OTHERS


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL, deep=DETERMINISTIC[:1], others=UNTRAINED), "small": SMALL, "full": full(SMALL)}


@dataclass(frozen=True)
class Measured:
    budgets: tuple[int, ...]
    variational: Way
    deep: dict[str, Way]
    """Deterministic ones."""
    others: dict[str, Way]
    """Those with other noise."""
    noise: Noise
    """What the variational reasoner's noise does."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        config.budgets,
        measured(config, lab, "variational", "many"),
        {way: measured(config, lab, way, "many") for way in config.deep},
        {way: measured(config, lab, way, "many") for way in config.others},
        diagnose(lab, config.fit(lab, "variational", "many"), config.many, config.test),
    )


def check(measured: Measured) -> list[Check]:
    variational = measured.variational
    learned = Gate(
        "variational, one trajectory: solved", variational.gate.wide[:, 0], 0.25, inf, "it has learned to solve boards"
    )
    found = variational.judged.found_wide[:, -1]
    rival = best(measured.deep, "found_deep")[:, -1]
    other = best(measured.others, "found_wide")[:, -1]
    return [
        at_least(
            "variational, wide - the best deterministic, deep: solutions found",
            found - rival,
            0.1,
            "a third of what the trial shows",
            gates=[learned],
        ),
        at_most(
            "variational - the best other way, wide: solutions found",
            found - other,
            0.02,
            "a solution in fifty",
            gates=[learned],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    own = measured.variational.judged
    axes = {"variational, wide": own.found_wide, "variational, deep": own.found_deep}
    axes |= {f"{name}, deep": way.judged.found_deep for name, way in measured.deep.items()}
    ways = {"variational": own.found_wide, **{name: way.judged.found_wide for name, way in measured.others.items()}}
    return [
        Curves(
            name=name,
            title=title,
            x_label=x_label,
            y_label="share of all solutions",
            x=measured.budgets,
            measured=shown,
            theory={},
            log_x=True,
            ticks=[str(budget) for budget in measured.budgets],
        )
        for name, title, x_label, shown in (
            ("coverage", "Solutions found of a board, by kind of noise", "trajectories", ways),
            ("coverage_depth", "Solutions found of a board, wide and deep", "trajectories, or times the depth", axes),
        )
    ]
