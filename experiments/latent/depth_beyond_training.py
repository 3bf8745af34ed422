"""Beyond the depth of training, a deterministic latent reasoner keeps what it solves where boards have one solution, not where many.

Source       Depth beyond training is said to pay, to 64 times and more, if starts are random and updates noisy (equilibrium reasoners,
             arXiv:2605.21488), to saturate (arXiv:2605.19376), and to harm (small re-implementations). The kinds side by side, and
             that the number of solutions decides, are ours
Prediction   On Sudoku of four rows one trajectory goes on to 32 times the depth of training, and nobody checks. With one solution the
             deterministic reasoner loses at most .05 of the boards; with many it loses at least .2. The variational one loses at most
             .1 of either. Random starts with damped and noisy updates gain nothing with one solution: at most .05.
Refuted if   One of the five is not so in most seeds.
Controls     All kinds have the same network, boards and steps of training. A seed counts for a kind where it solves a quarter of the
             boards for gates at the depth of training. What a check after every step makes of the same trajectories is in the second
             picture.
             In trials on a seed from 900 on, at 16 times: deterministic .44 to .50 with one solution, .71 to .07 with many;
             variational .90 to .93 and .55 to .55; random starts .81 to .69 with one.
Run          alchemy reproduce depth_beyond_training --preset small      # on 2 CPU cores, seconds after coverage
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from experiments.latent.arms import KINDS, SOLUTIONS, Setting, Solutions, Way, full, measured, smoke

CLAIM = Claim(
    sentence=(
        "Beyond the depth of training, a deterministic latent reasoner keeps what it solves where boards have one solution, "
        "not where many."
    ),
    source="against arXiv:2605.21488; that the number of solutions decides is ours",
    prediction="32 times the depth: deterministic -.05 or more with one, -.2 or less with many; variational -.1; random starts at most +.05",
    refuted_if="one of the five is not so",
    question="What does a step buy?",
    among="reasoners that solve a quarter of the boards at the depth they were trained at",
)
ASKED = "deterministic", "restarts", "variational"


@dataclass(frozen=True)
class Config(Setting):
    """Kinds of reasoners on boards with one solution and with many."""

    kinds: tuple[str, ...] = tuple(KINDS)


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL, kinds=ASKED), "small": SMALL, "full": full(SMALL)}


@dataclass(frozen=True)
class Measured:
    """By number of solutions and kind."""

    budgets: tuple[int, ...]
    ways: dict[Solutions, dict[str, Way]]


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        config.budgets,
        {solutions: {kind: measured(config, lab, kind, solutions) for kind in config.kinds} for solutions in SOLUTIONS},
    )


def check(measured: Measured) -> list[Check]:
    few = "a few boards of a hundred come and go"
    deterministic, restarts, variational = ASKED
    return [
        at_least(
            "deterministic, one: gained by depth",
            gained(measured.ways["one"][deterministic]),
            -0.05,
            few,
            gates=[_learned(measured, deterministic, "one")],
        ),
        at_most(
            "deterministic, many: gained by depth",
            gained(measured.ways["many"][deterministic]),
            -0.2,
            "a third of what the trial loses",
            gates=[_learned(measured, deterministic, "many")],
        ),
        *(
            at_least(
                f"variational, {solutions}: gained by depth",
                gained(measured.ways[solutions][variational]),
                -0.1,
                "half of what the deterministic one is held to lose, or less",
                gates=[_learned(measured, variational, solutions)],
            )
            for solutions in SOLUTIONS
        ),
        at_most(
            "restarts, one: gained by depth",
            gained(measured.ways["one"][restarts]),
            0.05,
            few,
            gates=[_learned(measured, restarts, "one")],
        ),
    ]


def gained(way: Way) -> np.ndarray:
    """What the largest depth solves beyond the depth of training, unchecked: float (s,)."""
    return np.asarray(way.judged.unchecked[:, -1] - way.judged.unchecked[:, 0])


def _learned(measured: Measured, kind: str, solutions: Solutions) -> Gate:
    return Gate(
        f"{kind}, {solutions}: solved at the depth of training",
        measured.ways[solutions][kind].gate.unchecked[:, 0],
        0.25,
        inf,
        "it has learned to solve boards",
    )


def figures(measured: Measured) -> list[Figure]:
    return [
        Curves(
            name=f"{name}_{solutions}",
            title=f"{title}: {solutions} solution{'s' * (solutions == 'many')}",
            x_label="steps, in multiples of those in training",
            y_label="boards solved",
            x=measured.budgets,
            measured={kind: getattr(way.judged, measure) for kind, way in ways.items()},
            theory={},
            log_x=True,
            ticks=[str(budget) for budget in measured.budgets],
        )
        for name, title, measure in (
            ("depth_beyond_training", "One trajectory that goes on, as it is in the end", "unchecked"),
            ("depth_checked", "The same, with the rules checked after every step", "deep"),
        )
        for solutions, ways in measured.ways.items()
    ]
