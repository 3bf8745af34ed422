"""Past four trained digits coupled places carry some sums; four other schemes carry next to none to six, with hints or a loop too.

Source       Kazemnejad et al., arXiv:2305.19466 (no positions carry furthest); Zhou et al., arXiv:2310.16028 and 2402.09371 (index hints; results
             depend on the seed and on when training is stopped); McLeish et al., arXiv:2405.17399, and Cho et al., arXiv:2405.20671 (places that are
             coupled); Fan et al., arXiv:2409.15647 (loops). arXiv:2604.25800 is why positions are crossed with the format of the trace
Prediction   Two layers learn running sums of two to four digits modulo 6, with learned, sinusoidal, rotary or no positions, and are right throughout in
             .2 of sums of six digits at most; rotary ones and those without positions also with a mark of its place before every
             digit and sum (rows of marks begin anywhere, so that long lines have trained marks), and with one layer that is passed
             twice and reads the embeddings again. Where digit and running sum of a place have one position, drawn anew for each line
             in training, .1 more of sums of five digits are right than with rotary or no positions: means over the three kinds of
             arms, in the same seed.
Refuted if   One of these nine numbers is on the other side in most seeds.
Controls     Lines open with `<begin>`: without it what fails may be to find the first digit, and in trials rotary models with hints began
             longer lines at the fourth digit from their end. Arms count where they solve their longest trained sums. Those that learn slowly
             (hints, no positions, random ones) have twice the steps. Models are measured at eight steps of training; the best of these
             is chosen on one half of the problems and reported on the other, beside the last. Shown and not judged: that best step, what the last has
             lost from it, the variance of arms, of seeds and of what is left, and random places, which were right in half of the
             trained sums in trials. Left out are hints and loops of the three other schemes, and both at once. A line without its
             chain is not right: the oracle takes a sum at once for what it is, and one guess in six is right. Six models of each arm, judged
             before that was asked for, met these bounds: .00 to .10 of six digits without coupling, and .28 to .93 of five over
             the three kinds of coupled arms, among which guesses were counted, .06 in one model.
Run          alchemy reproduce length_axis --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.checkpoints import Checkpoints, seen, verified, watching
from alchemy.lab.lab import SPARE, Lab
from alchemy.learning.config import TrainConfig
from alchemy.practice.curriculum import Curriculum
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.variance import Components, components, squares
from models.transformer import Positions, Transformer
from tasks.sums import Sums
from tasks.sums.spec import BEGIN, THINK


class Arm(NamedTuple):
    """What tells a model where tokens stand, and whether its layers are one that is passed several times."""

    positions: Positions
    hinted: bool = False
    looped: bool = False

    def __str__(self) -> str:
        return f"{self.positions}{', hints' if self.hinted else ''}{', loop' if self.looped else ''}"


CLAIM = Claim(
    sentence="Past four trained digits coupled places carry some sums; four other schemes carry next to none to six, with hints or a loop too.",
    source="arXiv:2310.16028, 2402.09371, 2405.17399, 2409.15647; crossed, with seeds as the unit, by us",
    prediction="whole chains of six digits after four: .2 at most by four schemes, and by two with hints or a loop; of five .1 more by coupled places",
    refuted_if="one of the nine numbers on the other side",
    question="Where does reasoning stop?",
    among="models that learned the sums of their training",
)
FIXED: tuple[Positions, ...] = ("learned", "sinusoidal", "rotary", "none")
"""Schemes that are judged alone."""
CROSSED: tuple[Positions, ...] = ("rotary", "none", "coupled")
"""Schemes that are combined with hints, and with a loop."""
WAYS = ("alone", "hints", "loop")


@dataclass(frozen=True)
class Config:
    """Sums of few digits in training, and of more in tests."""

    seeds: int = 6
    """Replicates, each with weights, training lines and test problems of its own in every arm."""
    test: int = 50
    """Held-out problems of each number of digits in each half, for each seed: for gates and the choice of a step, and for checks."""
    modulus: int = 6
    trained: tuple[int, ...] = (2, 3, 4)
    """Digits of training lines, each number as often; rising."""
    tested: tuple[int, ...] = (4, 5, 6, 8)
    """Digits of tests: the most of training, and one and a quarter, one and a half, and two times as many."""
    marks: int = 10
    """Of places, in arms with hints."""
    looks: int = 8
    """Times that models are measured in training."""
    patient: tuple[Positions, ...] = ("none", "random")
    """Schemes with twice the steps, as arms with hints have."""
    schemes: tuple[Positions, ...] = (*FIXED, "random", "coupled")
    crossed: tuple[Positions, ...] = CROSSED
    depth: int = 2
    """Layers that a token passes through: as many, or one so many times."""
    model: Transformer = Transformer(width=64, heads=4, tied=False, spread=2)
    train: TrainConfig = TrainConfig(steps=800, batch=32, optimizer="muon", learning_rate=5e-3)

    @property
    def arms(self) -> list[Arm]:
        """Every scheme alone, and some with hints or a loop."""
        alone = [Arm(scheme) for scheme in self.schemes]
        return [*alone, *(arm for scheme in self.crossed for arm in ways(scheme)[1:])]

    def task(self, arm: Arm, digits: int) -> Sums:
        return Sums(self.modulus, digits, hints=self.marks if arm.hinted else 0, opened=True)

    def tests(self, arm: Arm) -> dict[str, Sums]:
        """By their labels."""
        return {f"{digits} digits": self.task(arm, digits) for digits in self.tested}

    def model_of(self, arm: Arm) -> Transformer:
        """With as long a context as the longest test needs; coupled places begin anew behind each mark."""
        task, coupled = self.task(arm, self.tested[-1]), arm.positions == "coupled"
        index = task.vocabulary.index
        return replace(
            self.model,
            positions=arm.positions,
            layers=1 if arm.looped else self.depth,
            loops=self.depth if arm.looped else 1,
            inject=arm.looped,
            context=task.max_len + SPARE,
            marks=(index[BEGIN], index[THINK], task.answer_mark_id) if coupled else (),
            spread=1 if coupled else self.model.spread,
        )

    def train_of(self, arm: Arm) -> TrainConfig:
        steps = self.train.steps * (2 if arm.hinted or arm.positions in self.patient else 1)
        return replace(self.train, steps=steps, chunk=steps // self.looks)


def ways(scheme: Positions) -> tuple[Arm, Arm, Arm]:
    """A scheme alone, with hints, and with a loop, as `WAYS` has them."""
    return Arm(scheme), Arm(scheme, hinted=True), Arm(scheme, looped=True)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=2,
        test=8,
        tested=(4, 5, 6),
        looks=2,
        patient=(),
        schemes=("rotary", "coupled"),
        crossed=(),
        depth=1,
        model=Transformer(width=16, heads=2, tied=False, spread=2),
        train=TrainConfig(steps=4, batch=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=12,
        test=500,
        modulus=10,
        trained=tuple(range(2, 21)),
        tested=(20, 25, 30, 40),
        marks=60,
        looks=20,
        depth=4,
        model=Transformer(width=256, heads=8, tied=False, spread=2),
        train=TrainConfig(steps=10_000, batch=256, optimizer="muon", matrix_rate=0.01, learning_rate=1e-3),
    ),
}


class Seen(NamedTuple):
    """Of models of one arm, the share of sums that are right in every step and in their answer, by digits: float (s, lengths)."""

    gate: np.ndarray
    """Of the most trained digits at the end, on the half for gates, float (s,)."""
    last: np.ndarray
    best: np.ndarray
    """At the step of training that is best on the half for gates."""
    by_step: np.ndarray
    """At each step that was looked at, float (s, m, lengths)."""


@dataclass(frozen=True)
class Measured:
    tested: tuple[int, ...]
    trained: int
    arms: Mapping[Arm, Seen]
    variance: Mapping[str, Components]
    """Over all arms, at the end of training, by digits beyond those of training."""
    shares: Mapping[str, Mapping[str, float]]
    """Of sums of squares, over schemes that are alone, with hints and with a loop; by digits beyond those of training."""

    def at(self, digits: int) -> int:
        return self.tested.index(digits)


def run(config: Config, lab: Lab) -> Measured:
    found = {arm: _fit(config, lab, arm) for arm in config.arms}
    arms = {arm: Seen(of.selected[:, -1, 0], of.last, of.best, of.reported) for arm, of in found.items()}
    beyond = [place for place, digits in enumerate(config.tested) if digits > config.trained[-1]]
    last = np.stack([of.last for of in arms.values()], axis=1)  # (s, arms, lengths)
    crossed = [np.stack([arms[arm].last for arm in ways(scheme)], axis=1) for scheme in config.crossed]
    cube = np.stack(crossed, axis=1) if crossed else None  # (s, schemes, ways, lengths)
    name = {place: f"{config.tested[place]} digits" for place in beyond}
    return Measured(
        config.tested,
        config.trained[-1],
        arms,
        {name[place]: components(last[..., place]) for place in beyond},
        {} if cube is None else {name[place]: _shares(cube[..., place]) for place in beyond},
    )


def _fit(config: Config, lab: Lab, arm: Arm) -> Checkpoints:
    model, tests = config.model_of(arm), config.tests(arm)
    runs = lab.train(
        model,
        config.task(arm, config.trained[-1]),
        config.train_of(arm),
        seeds=lab.seeds(config.seeds),
        curriculum=Curriculum(tuple(f"places={digits}" for digits in config.trained), "mix"),
        watch=watching(lab, model, tests, config.test, written),
        label=f"train {arm}",
    )
    return seen(lab, runs, [*tests], config.test)


def written(task: Sums, batch: Batch, completion: np.ndarray) -> np.ndarray:
    """Which completions int32 (n, m) have every sum and the answer, all right, bool (n,); a sum at once is a guess, right in one of six."""
    return np.asarray(verified(task, batch, completion) & task.has_trace(completion))


def _shares(scores: np.ndarray) -> dict[str, float]:
    """Of the sums of squares of scores float (s, schemes, ways), by what varies; of scores that are all alike none."""
    parts = squares(scores, ("positions", "way"))
    whole = sum(parts.values())
    return {name: part / whole if whole else 0.0 for name, part in parts.items()}


def check(measured: Measured) -> list[Check]:
    arms, far, near = measured.arms, measured.tested[2], measured.tested[1]
    learned = {
        arm: Gate(
            f"{arm}: right chains of {measured.trained} digits",
            seen.gate,
            0.6 if arm.hinted else 0.8,
            inf,
            "most of them, with hints, which are learned last" if arm.hinted else "four in five",
        )
        for arm, seen in arms.items()
    }
    others = [Arm(scheme) for scheme in FIXED]
    others += [arm for scheme in CROSSED if scheme in FIXED for arm in ways(scheme)[1:]]
    coupled = [arm for arm in ways("coupled") if arm in arms]
    rivals = [arm for scheme in CROSSED if scheme in FIXED for arm in ways(scheme) if arm in arms]
    means = [np.mean([arms[arm].last[:, measured.at(near)] for arm in each], axis=0) for each in (coupled, rivals)]
    return [
        *[
            at_most(
                f"{arm}: right chains of {far} digits",
                arms[arm].last[:, measured.at(far)],
                0.2,
                "one in five; models judged before had .1 at most",
                gates=[learned[arm]],
            )
            for arm in others
            if arm in arms
        ],
        at_least(
            f"coupled - rotary and none: right chains of {near} digits, means of alone, hints and loop",
            means[0] - means[1],
            0.1,
            "some are carried, at equal length; models judged before had .2",
            gates=[learned[arm] for arm in (*coupled, *rivals)],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    def panel(name: str, title: str, arms: Sequence[Arm]) -> Curves:
        return Curves(
            name=name,
            title=title,
            x_label=f"digits (trained on {measured.trained} and fewer)",
            y_label="right in every step",
            x=list(measured.tested),
            measured={str(arm): measured.arms[arm].last for arm in arms if arm in measured.arms},
            theory={},
        )

    looks = measured.arms[Arm("coupled")].by_step
    return [
        panel(
            "length_axis",
            "Sums by position scheme, at the end of training",
            [arm for arm in measured.arms if arm == Arm(arm.positions)],
        ),
        panel(
            "length_axis_ways",
            "The same with hints and loops",
            [Arm("coupled"), *(arm for scheme in CROSSED for arm in ways(scheme)[1:])],
        ),
        Curves(
            name="length_axis_steps",
            title="Coupled places while they are trained",
            x_label="share of the steps of training",
            y_label="right in every step",
            x=((np.arange(looks.shape[1]) + 1) / looks.shape[1]).tolist(),
            measured={f"{digits} digits": looks[:, :, place] for place, digits in enumerate(measured.tested)},
            theory={},
        ),
    ]
