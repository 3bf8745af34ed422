"""Models that teach themselves sums of one digit more a round double their digits with an exact verifier, not by own votes.

Source       Lee et al., arXiv:2502.01612: models label problems a step longer than what they were trained on, and learn from those of
             their labels that a filter keeps
Prediction   Models of sums of two to five digits modulo 5 go on for five rounds: each answers problems of one digit more at temperature 1,
             once, and learns from the lines that are kept, from those of earlier rounds and from lines of the first training. Right
             in every step are, of sums of ten digits, .4 where an exact verifier keeps lines, and .1 at most where all are kept,
             where those of the right length are, and where votes are asked: of four lines to a problem one is kept that three of them
             are, to the letter. In these three arms .2 at most of the lines of the last round are right. More steps on two to five digits
             alone leave .1 at most. With the verifier half of the answers to ten digits follow an edited step.
Refuted if   One of these numbers is on the other side in most seeds.
Controls     A seed counts where five digits are right in .75 before any round. All arms have as many steps, and go on from the same
             models. Where each round has right lines in place of the models' own, the same steps show what could be had; it is not
             judged. The source's votes are of five models, these of one, whose errors are alike. Models have no positions and are looped: in
             trials after two to four digits modulo 10 sinusoids and rotary positions were right in .00 of five digits, random ones and none in .08 at
             most; after two to six modulo 5 models without positions in .20 of seven, looped in .72 and .91.
             Trials on seeds 900 to 902: of ten digits .53, .66 and .99 with the
             verifier (the first with fewer steps), .00 with no filter and by lengths (seed 900 alone), .01 and .00 by votes (900 and 902); of the
             lines of their last rounds .00, .00, .04 and .01 were right.
Run          alchemy reproduce longer_alone --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import SPARE, Lab
from alchemy.lab.self_training import SelfTraining, self_training
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.practice.curriculum import Curriculum
from alchemy.practice.filters import Keep
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from experiments.theory.change_logs import side_by_side
from models.transformer import Transformer
from tasks.sums import Sums

CLAIM = Claim(
    sentence="Models that teach themselves sums of one digit more a round double their digits with an exact verifier, not by own votes.",
    source="arXiv:2502.01612",
    prediction="ten digits after five: .4 with a verifier; .1 at most, and .2 of the last lines right, without a filter, by lengths, by own votes",
    refuted_if="one of the numbers on the other side",
    question="Where does reasoning stop?",
    among="models that add up as many digits as they were trained on",
)
BEFORE, NOTHING, ALL, LENGTH, VOTE, EXACT, RIGHT = ARMS = (
    "before",
    "nothing new",
    "no filter",
    "length filter",
    "votes",
    "exact verifier",
    "right lines",
)
"""What is learned, round by round, beside lines of the trained lengths: more of these alone, what models wrote, or lines of the
task."""
UNCHECKED = (ALL, LENGTH, VOTE)
"""What models wrote, kept by who does not know what is right."""
FILTERS: Mapping[str, Keep] = {ALL: "all", LENGTH: "length", VOTE: "vote", EXACT: "exact"}


@dataclass(frozen=True)
class Config:
    """Sums of few digits, and rounds of a digit more."""

    seeds: int = 5
    """Replicates, each with weights, problems and tests of its own. Five that agree are the fewest to hold."""
    test: int = 120
    """Held-out problems of each number of digits for each seed; a quarter is for gates."""
    edited: int = 40
    """Problems of the most digits in whose gold chain a step is edited."""
    modulus: int = 5
    trained: tuple[int, ...] = (2, 3, 4, 5)
    """Digits of the first training, each number as often; rising."""
    model: Transformer = Transformer(
        width=64, layers=2, heads=4, context=40, tied=False, positions="none", loops=2, inject=True
    )
    """Without positions, and looped: what carries a digit more at all."""
    train: TrainConfig = TrainConfig(steps=1200, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=5e-3)
    rounds: SelfTraining = SelfTraining(
        rounds=5,
        problems=1000,
        gold=1000,
        earlier=True,
        train=TrainConfig(steps=250, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=5e-3),
    )
    """Of every arm; the filter is the arm's own, and each round's problems have a digit more than those of the round before."""
    votes: tuple[int, int] = (4, 3)
    """Samples of a problem that vote, and how many of them have to be the same."""

    def task(self, digits: int) -> Sums:
        return Sums(self.modulus, digits)

    @property
    def known(self) -> list[Sums]:
        """What the first training has."""
        return [self.task(digits) for digits in self.trained]

    @property
    def new(self) -> list[Sums]:
        """What each round has beside it."""
        return [self.task(self.trained[-1] + number) for number in range(1, self.rounds.rounds + 1)]

    @property
    def tested(self) -> list[Sums]:
        """From the longest of the first training on to one more than any round has."""
        return [self.known[-1], *self.new, self.task(self.new[-1].places + 1)]

    def filtered(self, arm: str) -> SelfTraining:
        """The rounds of an arm that learns from what it wrote."""
        samples, agree = self.votes if arm == VOTE else (1, 1)
        levels = tuple(f"places={task.places}" for task in self.new)
        return replace(self.rounds, keep=FILTERS[arm], samples=samples, agree=agree, levels=levels)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        edited=4,
        trained=(3, 4),
        model=replace(SMALL.model, width=16, layers=1, heads=2),
        train=TrainConfig(steps=4, batch=8, chunk=4),
        rounds=replace(SMALL.rounds, rounds=4, problems=16, gold=16, train=TrainConfig(steps=4, batch=8, chunk=4)),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=1200,
        edited=200,
        modulus=10,
        model=replace(SMALL.model, width=256, heads=8, context=64),
        train=replace(SMALL.train, steps=10_000, batch=256, matrix_rate=0.01, learning_rate=2e-3),
        rounds=replace(
            SMALL.rounds,
            rounds=15,
            problems=20_000,
            gold=20_000,
            train=TrainConfig(steps=2000, batch=256, optimizer="muon", matrix_rate=0.005, learning_rate=1e-3),
        ),
    ),
}


class Arm(NamedTuple):
    """Models after the last round of an arm."""

    right: np.ndarray
    """Sums that are right in every step, by digits, float (s, lengths)."""
    true: np.ndarray
    """Lines that they learned from in each round, of the new digits, that are right in every step, float (s, rounds): nan for
    none."""


@dataclass(frozen=True)
class Measured:
    trained: int
    """The most digits of the first training."""
    digits: tuple[int, ...]
    """Of the tests; rising."""
    gate: np.ndarray
    """Sums of as many digits as were trained that are right before any round, on problems for gates, float (s,)."""
    arms: Mapping[str, Arm]
    follow: np.ndarray
    """Answers to sums of twice the trained digits that follow an edited step of the gold chain, with the verifier, float (s,)."""

    def twice(self, arm: str) -> np.ndarray:
        """Right sums of twice the trained digits, float (s,)."""
        return np.asarray(self.arms[arm].right[:, self.digits.index(2 * self.trained)])


def run(config: Config, lab: Lab) -> Measured:
    before, longest = first(config, lab), config.trained[-1]
    arms, gate, follow = {}, np.empty(0), np.empty(0)
    for arm in ARMS:
        runs, true = taught(config, lab, before, arm)
        right, for_gates = tests(config, lab, runs, arm)
        arms[arm] = Arm(right, true)
        if arm == BEFORE:
            gate = for_gates
        if arm == EXACT:
            edited = lab.intervene(runs, config.task(2 * longest), config.edited, label=f"{arm}: edit")
            follow = np.nan_to_num(edited.answer.rates[0])
    return Measured(longest, tuple(task.places for task in config.tested), gate, arms, follow)


def first(config: Config, lab: Lab) -> Runs:
    """Models of few digits, which all arms go on from."""
    mixed = Curriculum(tuple(f"places={task.places}" for task in config.known), "mix")
    return lab.train(
        config.model,
        config.known[-1],
        config.train,
        seeds=lab.seeds(config.seeds),
        curriculum=mixed,
        label="train on few digits",
    )


def taught(config: Config, lab: Lab, before: Runs, arm: str) -> tuple[Runs, np.ndarray]:
    """The models of an arm after its rounds, and which share of the new lines was right in each, float (s, rounds)."""
    shape = len(before.seeds), config.rounds.rounds
    if arm == BEFORE:
        return before, np.full(shape, np.nan)
    if arm in FILTERS:
        rounds = list(self_training(lab, before, config.filtered(arm), config.known))
        return rounds[-1].runs, np.stack([each.right for each in rounds], axis=1)
    return shown(config, lab, before, arm), np.full(shape, 1.0 if arm == RIGHT else np.nan)


def shown(config: Config, lab: Lab, before: Runs, arm: str) -> Runs:
    """The models after as many rounds of lines that the task writes, of the trained digits alone or of new ones, too."""
    runs, how = before, config.rounds
    for number in range(1, how.rounds + 1):
        new = config.new[:number] if arm == RIGHT else config.known[-1:] * number

        def lines(seed: int, number: int = number, new: list[Sums] = new) -> Batch:
            sizes = [how.gold // len(config.known)] * len(config.known) + [how.problems] * len(new)
            drawn = [
                lab.split.sample(task, stream(f"lines of {arm}", seed, number, place), size, "train")
                for place, (task, size) in enumerate(zip([*config.known, *new], sizes, strict=True))
            ]
            return side_by_side(drawn, config.new[-1].max_len)

        runs = lab.train(
            runs.model,
            runs.task,
            how.train,
            seeds=runs.seeds,
            sets=[lines(seed) for seed in runs.seeds],
            padding="pad",
            context=config.new[-1].max_len,
            start=runs,
            label=f"{arm}, round {number}",
        )
    return runs


def tests(config: Config, lab: Lab, runs: Runs, arm: str) -> tuple[np.ndarray, np.ndarray]:
    """Sums that are right in every step, by digits, float (s, lengths), and, of the first, on problems for gates, float (s,)."""
    gate, judged = gate_split(config.test)
    longest = config.tested[-1]
    room = longest.clean_len - longest.longest_prompt + SPARE  # one for all, so that tests share programs
    answers = [
        lab.answer(runs, task, config.test, max_new=room, label=f"{arm}: {task.places} digits")
        for task in config.tested
    ]
    right = [each.values("answer") * each.values("trace") for each in answers]
    return np.stack([lines[:, judged].mean(axis=1) for lines in right], axis=1), right[0][:, gate].mean(axis=1)


def check(measured: Measured) -> list[Check]:
    arms, digits = measured.arms, 2 * measured.trained
    learned = f"before: right sums of {measured.trained} digits"
    gates = [Gate(learned, measured.gate, 0.75, inf, "it learned what it was trained on, but for one in four")]
    return [
        at_least(
            f"{EXACT}: right sums of {digits} digits",
            measured.twice(EXACT),
            0.4,
            "twice the digits; trials had half of the sums",
            gates=gates,
        ),
        at_least(
            f"{EXACT}: answers to sums of {digits} digits that follow an edited step",
            measured.follow,
            0.5,
            "it is the chain that got longer",
            gates=gates,
        ),
        *[
            at_most(f"{arm}: right sums of {digits} digits", measured.twice(arm), 0.1, "it stalls before", gates=gates)
            for arm in (NOTHING, *UNCHECKED)
        ],
        *[
            at_most(
                f"{arm}: right lines in the last round",
                arms[arm].true[:, -1],
                0.2,
                "what was learned wrongly is written in the next round",
                gates=gates,
            )
            for arm in UNCHECKED
        ],
    ]


def figures(measured: Measured) -> list[Figure]:
    rounds = next(iter(measured.arms.values())).true.shape[1]
    return [
        Curves(
            name="longer_alone",
            title="Sums that are right in every step, after all rounds",
            x_label="digits",
            y_label="right",
            x=list(measured.digits),
            measured={name: arm.right for name, arm in measured.arms.items()},
            theory={},
            note=f"{measured.trained} digits and fewer are in the first training, each round has one more.",
        ),
        Curves(
            name="longer_alone_lines",
            title="Right lines among those of each round's new digits that are learned from",
            x_label="digits",
            y_label="right lines",
            x=[measured.trained + number for number in range(1, rounds + 1)],
            measured={name: measured.arms[name].true for name in FILTERS},
            theory={},
        ),
    ]
