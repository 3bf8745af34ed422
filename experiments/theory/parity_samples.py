"""With steps a parity takes hardly more samples the more bits count; at once each bit multiplies them.

Source       Wen, Zhang, Lin, Zhang, arXiv:2410.05459 (30 bits, up to 4 that count); order-r interactions, arXiv:2601.21576
Prediction   Of 20 bits a few count, which no prompt tells, and the answer is their parity. Trained to answer at once, a
             model needs at least three times as many lines for each further bit that counts, from two to four of them.
             Trained with the running parity as steps it needs for sixteen at most three times as many as for two. For four
             it needs a sixteenth of the lines, each of which has four labels instead of one: a quarter of the labels.
             A line is learned once the right completion, trace and all, costs under .2 nats, the mean of 640 fresh lines: a
             guess of the answer costs .69 and a model that is .95 sure .05. Arms that did not learn in their budget count
             as if they had with its last line, which is too few for answers at once, and as never for traces: both against
             the claim. In trials on seeds from 900 on, the first check had 3.4 and 3.5 of 2.2 that it asks for, the second .7
             and .8 of 1.1 that it allows, the third 2.3 and 2.5 of 1.4.
Refuted if   Four bits take less than nine times the lines of two at once, or sixteen more than three times those of two
             with steps, or four bits less than four times the labels at once; each in most seeds.
Controls     What is learned at once in the end shows that it is not capacity that is missing. Beside it stand models that learn
             four bits after three of them, and answers to held-out problems; neither is judged.
Run          alchemy reproduce parity_samples --preset small      # 33 minutes on 2 CPU cores beside another run
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.task import PAD
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from models.transformer import Transformer
from tasks.sums import Sums

CLAIM = Claim(
    sentence="With steps a parity takes hardly more samples the more bits count; at once each bit multiplies them.",
    source="arXiv:2410.05459",
    prediction="at once at least 3 times the lines a bit; with steps at most 3 times as many for sixteen bits as for two",
    refuted_if="under 9 times the lines for four bits as for two at once, or over 3 times for sixteen as for two with steps",
    question="What does a step buy?",
    among="models of a recipe that learns the parity of fewer bits at once",
)
LEARNED = 0.2
"""Nats that a right completion may cost once it is learned."""
WINDOW = 10
"""Steps whose loss is averaged."""


@dataclass(frozen=True)
class Config:
    """Parities of a few of the places, at once and with steps."""

    seeds: int = 5
    """Replicates, each with weights, training lines and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out problems in each test of each seed."""
    places: int = 20
    counted: tuple[int, ...] = (14, 5, 9, 18, 1, 11, 7, 16, 3, 12, 19, 0, 8, 15, 4, 10)
    """The places that count, in the order in which they are added to the secret, the same in every seed."""
    at_once: tuple[tuple[int, int], ...] = ((2, 800), (3, 3200), (4, 10_000))
    """How many count, and steps of training."""
    with_steps: tuple[tuple[int, int], ...] = ((2, 800), (4, 800), (8, 800), (16, 800))
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=48, tied=False)
    train: TrainConfig = TrainConfig(batch=64, learning_rate=1e-3, warmup=0.0)
    """At three times the rate a seed in two was stuck at three bits. Without warmup, which would last longer in longer
    trainings, all begin alike."""

    @property
    def compared(self) -> int:
        """How many count where both kinds of lines are compared: the most that there are of both."""
        return max(dict(self.at_once).keys() & dict(self.with_steps).keys())

    def task(self, bits: int, traced: bool) -> Sums:
        """Parities of so many places, with steps or at once."""
        return Sums(2, self.places, counted=tuple(sorted(self.counted[:bits])), traced=float(traced))

    def context(self, traced: bool) -> int:
        """Tokens of the longest line of a kind, to which all of that kind are padded so that they share a program."""
        return max(self.task(bits, traced).max_len for bits, _ in (self.with_steps if traced else self.at_once))


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=2,
        test=16,
        places=10,
        counted=(4, 1, 7, 2),
        at_once=((2, 12), (3, 12), (4, 12)),
        with_steps=((2, 12), (4, 12)),
        model=Transformer(width=16, layers=1, heads=2, context=24, tied=False),
        train=TrainConfig(batch=16, warmup=0.0, chunk=12),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        places=30,
        counted=(*SMALL.counted, 21, 28, 25, 23),
        at_once=((2, 2000), (3, 10_000), (4, 100_000), (5, 400_000)),
        with_steps=((2, 2000), (5, 2000), (10, 2000), (20, 2000)),
        model=Transformer(width=128, layers=4, heads=4, context=64, tied=False),
        train=TrainConfig(batch=256, learning_rate=5e-4, warmup=0.0),
    ),
}


@dataclass(frozen=True)
class Arm:
    """Models that learn one parity, a number a seed: float (s,)."""

    lines: np.ndarray
    """Lines read until it is learned, infinite where it is not."""
    budget: int
    """Lines read in all."""
    right: np.ndarray
    """Share of right answers to held-out problems, in the end."""

    @property
    def read(self) -> np.ndarray:
        """Lines read until it is learned, or in all where it is not, float (s,): it takes so many at least."""
        return np.minimum(self.lines, self.budget)


@dataclass(frozen=True)
class Measured:
    """By the number of bits that count."""

    at_once: dict[int, Arm]
    with_steps: dict[int, Arm]
    compared: int
    """The number of bits at which both are compared."""
    further: Arm
    """As many at once as the most, by models that learned one fewer before."""


def run(config: Config, lab: Lab) -> Measured:
    at_once, with_steps = {}, {}
    for bits, steps in config.with_steps:
        with_steps[bits] = arm(config, lab, config.task(bits, True), steps)[1]
    for bits, steps in config.at_once[:-1]:
        fewer, at_once[bits] = arm(config, lab, config.task(bits, False), steps)
    (_, few_steps), (bits, steps) = config.at_once[-2:]
    at_once[bits] = arm(config, lab, config.task(bits, False), steps)[1]
    further = arm(config, lab, config.task(bits, False), few_steps, fewer)[1]
    return Measured(at_once, with_steps, config.compared, further)


def arm(config: Config, lab: Lab, task: Sums, steps: int, start: Runs | None = None) -> tuple[Runs, Arm]:
    """Models trained on one parity, from scratch or further from others, and what they needed."""
    name = f"{len(task.summed)} bits {'with steps' if task.traced else 'at once'}{', further' if start else ''}"
    runs = lab.train(
        config.model,
        task,
        replace(config.train, steps=steps),
        seeds=config.seeds,
        padding="pad",
        context=config.context(bool(task.traced)),
        start=start,
        label=f"train {name}",
    )
    room, batch = config.context(True) - task.longest_prompt, config.train.batch
    right = lab.answer(runs, task, config.test, max_new=room, label=f"answer, {name}").values("answer").mean(axis=1)
    return runs, Arm(steps_needed(runs.trained.losses * tokens_of(task)) * batch, steps * batch, right)


def tokens_of(task: Sums) -> int:
    """Tokens of a completion, all of them of one length."""
    return int((task.solve(task.draw(np.random.default_rng(0), 1)) != PAD).sum())


def steps_needed(nats: np.ndarray) -> np.ndarray:
    """Steps of which the last few cost less than what counts as learned, for the first time: float (s,) of nats a line
    (s, steps), infinite where there are none."""
    recent = np.lib.stride_tricks.sliding_window_view(nats, WINDOW, axis=1).mean(axis=2)
    learned = recent < LEARNED
    return np.where(learned.any(axis=1), learned.argmax(axis=1) + WINDOW, inf)


def check(measured: Measured) -> list[Check]:
    at_once, with_steps, bits = measured.at_once, measured.with_steps, measured.compared
    few, many = min(at_once), max(at_once)
    least, most = min(with_steps), max(with_steps)
    fewer = list(at_once)[-2]
    able = [_solved(f"{fewer} bits at once", at_once[fewer], "the recipe learns parities at once")]
    factor = log(3)
    return [
        at_least(
            f"at once: log of lines, {many} bits over {few}",
            np.log(at_once[many].read) - np.log(at_once[few].read),
            (many - few) * factor,
            "three times as many a bit; what was not learned counts as if it had been with the last line",
            gates=able,
        ),
        at_most(
            f"with steps: log of lines, {most} bits over {least}",
            np.log(with_steps[most].lines) - np.log(with_steps[least].read),
            factor,
            "for all of the further bits together what one costs at once",
            gates=[_solved(f"{least} bits with steps", with_steps[least], "there is a number to begin with")],
        ),
        at_least(
            f"{bits} bits: log of labels, at once over with steps",
            np.log(at_once[bits].read) - np.log(with_steps[bits].lines * bits),
            log(4),
            "more than what the labels of steps are by themselves, one a bit",
            gates=able,
        ),
    ]


def _solved(name: str, arm: Arm, reason: str) -> Gate:
    return Gate(f"{name}, held-out problems: right", arm.right, 0.95, 1.0, reason)


def figures(measured: Measured) -> list[Figure]:
    most = max(measured.at_once)
    every = sorted({*measured.at_once, *measured.with_steps})

    def lines(arms: dict[int, Arm]) -> np.ndarray:
        missing = np.full(len(measured.further.lines), np.nan)
        return np.stack([arms[bits].read if bits in arms else missing for bits in every], axis=1)

    arms = {
        **{f"{bits} at once": arm for bits, arm in measured.at_once.items()},
        f"{most} at once,\nafter one fewer": measured.further,
        **{f"{bits} with\nsteps": arm for bits, arm in measured.with_steps.items()},
    }
    return [
        Curves(
            name="parity_samples",
            title="Lines until a parity is learned",
            x_label="bits that count",
            y_label="lines",
            x=every,
            measured={
                "at once": lines(measured.at_once),
                "at once, after one fewer": lines({most: measured.further}),
                "with steps": lines(measured.with_steps),
            },
            theory={},
            log_x=True,
            log_y=True,
            note="Not learned within its budget counts as the budget.",
        ),
        Bars(
            name="parity_samples_right",
            title="Answers to held-out problems, in the end",
            y_label="right answers",
            groups=list(arms),
            measured={"measured": np.stack([arm.right for arm in arms.values()], axis=1)},
            theory={"measured": [1.0] * len(arms)},
            note="Dotted: all right. A guess is right half of the time.",
        ),
    ]
