"""Where nobody can check the rules, a vote keeps more of what latent trajectories find than a head that foretells success.

Source       A head that reasoners are taught chooses in arXiv:2605.19376 (will the last step be right) and 2605.19943 (is this one), how
             still a trajectory is in 2605.21488, a vote in 2605.19376. All of them on the same trajectories are ours
Prediction   Of 32 trajectories on Sudoku of four rows, each read at its end, a selector keeps a share of what all of them solve beyond one
             at random. With one solution, of reasoners with random starts, a vote keeps a fifth at least, the head that foretells
             success a tenth at most, and two in five failures of the vote have a solution at hand. With 2 to 12 solutions, of
             variational reasoners, a vote keeps .7 at least, .2 more than that head.
Refuted if   One of the five is not so in most seeds.
Controls     The same trajectories for all selectors; the other head, stillness and the first to halt are shown beside, and how often
             each ranks a right trajectory of a board above a wrong one. A seed counts where all trajectories together solve .1 more of
             the boards for gates than one. Heads are taught on the boards that the reasoner is trained on, as in the papers.
             `any_noise` and `coverage` had shown what votes keep, on other boards and with a head that was not taught. In trials on
             seeds from 900 on a vote kept .51 of boards with one solution with random starts and .23 with variational noise, the head
             -.39 and -.09; of boards with many .58 and .96, the head -.37 and -.94.
Run          alchemy reproduce selection --preset small      # on 2 CPU cores, some 20 minutes
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.reasoners import Reasoned
from alchemy.latent import selectors
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split
from experiments.latent.arms import SELECTORS, SOLUTIONS, Setting, Solutions, full, smoke
from tasks.boards import Boards

CLAIM = Claim(
    sentence=(
        "Where nobody can check the rules, a vote keeps more of what latent trajectories find "
        "than a head that foretells success."
    ),
    source="against arXiv:2605.19376 and 2605.19943, whose heads choose; all selectors on the same trajectories are ours",
    prediction="one solution: a vote keeps .2 or more, the head .1 or less, two in five failures are of choice; many: .7 and .2 more",
    refuted_if="one of the five is not so",
    question="How is a budget best spent?",
    among="reasoners whose trajectories leave something to choose",
)
KINDS = "restarts", "variational"


@dataclass(frozen=True)
class Config(Setting):
    """Two kinds of reasoners whose trajectories part."""


SMALL = Config(
    seeds=7,  # two may miss their gates
    few=150,
    one=Boards("sudoku", blanks=(9, 10)),  # boards that no other claim was judged on
    many=Boards("sudoku", blanks=(11, 12), solutions=(2, 12)),
)
PRESETS = {"smoke": smoke(SMALL), "small": SMALL, "full": full(SMALL)}


class Choice(NamedTuple):
    """What trajectories solve, and what those solve that are chosen: float (s,), some by selector."""

    one: np.ndarray  # by a trajectory, on average over all
    found: np.ndarray  # by any of them
    chosen: dict[str, np.ndarray]
    missed: dict[str, np.ndarray]  # the share of failures that are failures of selection: a solution was there
    ranked: dict[
        str, np.ndarray
    ]  # how often a head is higher for a right trajectory than for a wrong one of the same board

    def kept(self, selector: str) -> np.ndarray:
        """The share that is kept of what all trajectories find beyond one; no number where that is nothing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.chosen[selector] - self.one) / (self.found - self.one))


@dataclass(frozen=True)
class Measured:
    """By number of solutions and kind, on the boards that are judged; and what is there to choose on those for gates."""

    choices: dict[Solutions, dict[str, Choice]]
    room: dict[Solutions, dict[str, np.ndarray]]
    """Solved by any trajectory less solved by one, float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    gate, judged = gate_split(config.test)
    reasoned = {
        solutions: {kind: config.reason(lab, kind, solutions, config.width, 1) for kind in KINDS}
        for solutions in SOLUTIONS
    }
    choices = {
        solutions: {kind: choice(own, judged) for kind, own in kinds.items()} for solutions, kinds in reasoned.items()
    }
    on_gates = {
        solutions: {kind: choice(own, gate) for kind, own in kinds.items()} for solutions, kinds in reasoned.items()
    }
    room = {
        solutions: {kind: own.found - own.one for kind, own in kinds.items()} for solutions, kinds in on_gates.items()
    }
    return Measured(choices, room)


def choice(reasoned: Reasoned, problems: slice) -> Choice:
    """What is found of some of the problems, and what is chosen."""
    right = reasoned.solved[:, problems, :, -1]
    found, chosen, rollout = right.any(axis=2), by_selector(reasoned, problems), reasoned.rollout
    return Choice(
        right.mean(axis=(1, 2)),
        found.mean(axis=1),
        {name: solved.mean(axis=1) for name, solved in chosen.items()},
        {name: selectors.missed_by_selection(found, solved) for name, solved in chosen.items()},
        {
            name: ranked(score[:, problems, :, -1], right)
            for name, score in (("value", rollout.value), ("halt", rollout.halt), ("stillness", -rollout.residual))
        },
    )


def by_selector(reasoned: Reasoned, problems: slice) -> dict[str, np.ndarray]:
    """Whether the board that each of `SELECTORS` chooses solves the problem, bool (s, n); in `arms` it is part of locked code."""
    solved = reasoned.solved[:, problems]
    filled, halt, value, residual = (array[:, problems] for array in reasoned.rollout)
    chosen = (
        selectors.majority(filled, solved),
        selectors.highest(value, solved),
        selectors.highest(halt, solved),
        selectors.highest(-residual, solved),
        selectors.first_to_halt(halt, solved),
    )
    return dict(zip(SELECTORS, chosen, strict=True))


def ranked(score: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How often a score is higher for a right trajectory than for a wrong one of the same board, float (s,); both (s, n, w)."""
    above = np.sign(score[..., :, None] - score[..., None, :]) / 2 + 0.5
    pairs = right[..., :, None] & ~right[..., None, :]
    with np.errstate(invalid="ignore"):
        return np.asarray((above * pairs).sum(axis=(1, 2, 3)) / pairs.sum(axis=(1, 2, 3)))


def check(measured: Measured) -> list[Check]:
    one, many = (measured.choices[solutions] for solutions in SOLUTIONS)
    return [
        at_least(
            "one, restarts: kept by a vote",
            one["restarts"].kept("majority"),
            0.2,
            "half of what the trial keeps",
            gates=_room(measured, "one", "restarts"),
        ),
        at_most(
            "one, restarts: kept by the value head",
            one["restarts"].kept("value"),
            0.1,
            "a trajectory at random keeps nothing",
            gates=_room(measured, "one", "restarts"),
        ),
        at_least(
            "one, restarts: failures of a vote with a solution at hand",
            one["restarts"].missed["majority"],
            0.4,
            "a share that users notice; .75 in the trial",
            gates=_room(measured, "one", "restarts"),
        ),
        at_least(
            "many, variational: kept by a vote",
            many["variational"].kept("majority"),
            0.7,
            "most of it",
            gates=_room(measured, "many", "variational"),
        ),
        at_least(
            "many, variational: kept by a vote less kept by the value head",
            many["variational"].kept("majority") - many["variational"].kept("value"),
            0.2,
            "a fifth of what there is to keep",
            gates=_room(measured, "many", "variational"),
        ),
    ]


def _room(measured: Measured, solutions: Solutions, kind: str) -> list[Gate]:
    name = f"{solutions}, {kind}: solved by any trajectory less solved by one"
    return [Gate(name, measured.room[solutions][kind], 0.1, inf, "there is something to choose")]


def figures(measured: Measured) -> list[Figure]:
    cases = {
        f"{kind}, {solutions}": choice
        for solutions, kinds in measured.choices.items()
        for kind, choice in kinds.items()
    }
    names = [name.replace(" ", "\n", 1) for name in SELECTORS]
    return [
        Bars(
            name="selection",
            title="Who chooses among trajectories, where nobody can check the rules",
            y_label="boards solved",
            groups=["any", *names, "rules\nchecked"],
            measured={
                case: np.stack([own.one, *own.chosen.values(), own.found], axis=1) for case, own in cases.items()
            },
            theory={},
        ),
        Bars(
            name="selection_failures",
            title="Failures of selection: a solution was there, and another board was chosen",
            y_label="share of failures",
            groups=names,
            measured={case: np.stack([*own.missed.values()], axis=1) for case, own in cases.items()},
            theory={},
        ),
        Bars(
            name="selection_ranking",
            title="How often a right trajectory is above a wrong one of the same board",
            y_label="share of pairs; .5 is a coin",
            groups=["value", "halt", "stillness"],
            measured={case: np.stack([*own.ranked.values()], axis=1) for case, own in cases.items()},
            theory={},
        ),
    ]
