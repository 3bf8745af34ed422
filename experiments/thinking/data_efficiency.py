"""Thoughts in front of answers make training data three times as efficient, where they are written in the test too.

Source       Wang et al., arXiv:2509.20186: training on texts with a thought behind each brings, after a common fine-tuning, the
             accuracy of three times as many tokens of the texts alone. The order, the controls and the score at once are ours.
Prediction   Compositions of one, two and three letter transformations (`tasks/symbols`) are trained on as question and answer, or
             on a third of the tokens with the chain of thought in front of the answer. Problems of two and three steps are solved .1 more
             often by models of thoughts, as each kind writes by itself, and after both were fine-tuned on the same 1,000 lines with
             chains. On as few tokens fillers of equal length, thoughts of other problems, and thoughts behind the answer, as in the
             source, are .1 worse after fine-tuning. Asked for the answer at once, before any fine-tuning, models of thoughts are .1
             worse than those of answers: what is gained has to be written down.
Refuted if   A difference is smaller, or has another sign, in most seeds.
Controls     Lines are fresh, all of them: a third of the lines repeated would teach no more than three times as many. A seed counts
             where answers alone taught problems of one step, in .9: an untrained rival proves nothing. Fine-tuning alone stands
             beside all. That thoughts are right is the oracle's doing: a teacher with errors is not asked. Whether the models follow
             the chains that they write stands beside the verdict.
             In trials on seeds 901 and 902, after fine-tuning, answers alone were right in .50 and .41 of the problems of two and three
             steps, thoughts in front in .94 and .99, fillers in .10 and .31, swapped thoughts in .38 and .24, fine-tuning alone in .31
             and .28. Thoughts behind were right in .64 and .14: whether these are worth three times the tokens is not asked here.
Run          alchemy reproduce data_efficiency --preset small      # 12 minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.decoding.forcing import Forcing, Marks
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.documents import Document
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split, stacked
from alchemy.testtime.answers import Answers
from experiments.scales import Scale
from experiments.thinking.documents import lines_of, mixed, problems, right, steps_for
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Thoughts before answers in training data are worth three times the tokens, if they are written in the test too.",
    source="arXiv:2509.20186",
    prediction="on a third of the tokens: .1 better than answers alone, tuned alike or not, .1 worse at once;"
    " fillers, swapped thoughts and thoughts behind the answer .1 below",
    refuted_if="less than .1 better than answers alone or than one of the three, or at once less than .1 worse",
    question="What does a step buy?",
    among="models that learned problems of one step from answers alone",
)
ANSWERS, BEFORE, BEHIND, FILLER, SWAPPED = (
    "answers",
    "thoughts before",
    "thoughts behind",
    "fillers",
    "swapped thoughts",
)
DOCUMENTS: dict[str, Document] = {
    ANSWERS: "answer",
    BEFORE: "thought first",
    BEHIND: "thought last",
    FILLER: "filler",
    SWAPPED: "swapped",
}
ALONE = "tuning alone"
"""Models that see nothing before they are tuned."""
TIMES = 3
"""Times the tokens that answers alone have."""


@dataclass(frozen=True)
class Config:
    """Compositions of several depths, and how models are trained on documents about them, tuned and tested."""

    seeds: int = 5
    """Replicates, each with compositions, weights, lines and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out problems of each number of steps of each seed; a quarter is for gates."""
    compositions: tuple[int, ...] = (8, 32, 128)
    """How many there are of one step, two, ...; problems of each number of steps are as frequent."""
    tuned: int = 1000
    """Lines with chains that all are fine-tuned on."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=48, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(steps=1800, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)
    """Of answers alone; the other documents have as many steps as come to a third of the tokens."""
    tune: TrainConfig = TrainConfig(steps=300, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)


SMALL = Config()
smoke = Scale(
    {
        "seeds": 1,
        "test": 16,
        "compositions": (2, 2),
        "tuned": 32,
        "model": Transformer(width=16, layers=1, heads=2, context=48, tied=False, activation="relu"),
        "train": TrainConfig(steps=8, batch=16, chunk=8),
        "tune": TrainConfig(steps=8, batch=16, chunk=8),
    }
)
PRESETS = {
    "smoke": smoke(SMALL),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=2000,
        model=Transformer(width=128, layers=4, heads=4, context=48, tied=False, activation="relu"),
        train=replace(SMALL.train, steps=6000, batch=256),
    ),
}


class Arm(NamedTuple):
    """What models of one kind of document answer rightly, float (s, k) by the number of steps."""

    at_once: np.ndarray  # before fine-tuning, where the answer is asked for at once
    written: np.ndarray  # before fine-tuning, as they like
    tuned: np.ndarray  # after it
    gate: np.ndarray  # at once, of other problems


@dataclass(frozen=True)
class Measured:
    arms: dict[str, Arm]
    """By document, and of fine-tuning alone."""

    def tuned(self, name: str) -> np.ndarray:
        """Right answers to problems of two steps and more after fine-tuning, float (s,)."""
        return self.arms[name].tuned[:, 1:].mean(axis=1)

    def written(self, name: str) -> np.ndarray:
        """The same before it, of models that write as they were trained to."""
        return self.arms[name].written[:, 1:].mean(axis=1)

    def at_once(self, name: str) -> np.ndarray:
        """The same before it, of models that are made to begin with the answer."""
        return self.arms[name].at_once[:, 1:].mean(axis=1)


def run(config: Config, lab: Lab) -> Measured:
    return Measured(stacked([_one(config, lab, seed) for seed in lab.seeds(config.seeds)]))


def _one(config: Config, lab: Lab, seed: int) -> dict[str, Arm]:
    """One seed's models of all documents: arrays (k,)."""
    tests = problems(config.compositions, seed)
    task = mixed(tests)
    chains = lab.split.sample(task, stream("lines to tune on", seed), config.tuned, "train")
    alone = lab.train(
        config.model, task, config.tune, seeds=(seed,), sets=[chains], label=f"train {ALONE}, seed {seed}"
    )
    tuned = right(lab, alone, tests, config.test, f"{ALONE}, seed {seed}")
    nothing = np.full(len(tests), np.nan)
    arms = {ALONE: Arm(nothing, nothing, tuned, nothing)}
    for name, document in DOCUMENTS.items():
        steps = steps_for(lab, task, document, config.train, 1 if name == ANSWERS else TIMES)
        lines = lines_of(lab, task, document, steps * config.train.batch, seed)
        label = f"{name}, seed {seed}"
        runs = lab.train(
            config.model,
            task,
            replace(config.train, steps=steps),
            seeds=(seed,),
            sets=[lines],
            loss="sequence",
            label=f"train {label}",
        )
        after = lab.train(
            config.model, task, config.tune, seeds=(seed,), sets=[chains], start=runs, label=f"tune {label}"
        )
        gate, judged = gate_split(config.test)
        at_once = _at_once(config, lab, runs, tests, label)
        arms[name] = Arm(
            at_once=at_once[:, judged].mean(axis=1),
            written=right(lab, runs, tests, config.test, label),
            tuned=right(lab, after, tests, config.test, f"tuned, {label}"),
            gate=at_once[:, gate].mean(axis=1),
        )
    return arms


def _at_once(config: Config, lab: Lab, runs: Runs, tests: list[Symbols], label: str) -> np.ndarray:
    """Whether one model is right that is made to begin with the answer, bool (k, n)."""
    mark = tests[0].vocabulary.index[tests[0].text_format.answer_mark]
    forced = Forcing(Marks(end=mark, wait=mark), budget=0)
    right = []
    for steps, task in enumerate(tests, 1):
        drawn = lab.sample(
            runs,
            task,
            config.test,
            1,
            temperature=0.0,
            forced=forced,
            label=f"answer {steps} at once, {label}",
        )
        right.append(Answers(task, drawn.batch, drawn.completions[:, :, 0]).values("answer")[0])
    return np.stack(right)


def check(measured: Measured) -> list[Check]:
    answers = measured.arms[ANSWERS]
    gates = [Gate(f"{ANSWERS}: right at once, 1 step", answers.gate[:, 0], 0.9, inf, "learned, but for one in ten")]
    tuned = measured.tuned(BEFORE)
    return [
        at_least(
            f"tuned: {BEFORE}, a third of the tokens - {ANSWERS}",
            tuned - measured.tuned(ANSWERS),
            0.1,
            "a problem of ten",
            gates=gates,
        ),
        at_least(
            f"as they write: {BEFORE}, a third of the tokens - {ANSWERS}",
            measured.written(BEFORE) - measured.written(ANSWERS),
            0.1,
            "a problem of ten",
            gates=gates,
        ),
        *(
            at_least(
                f"tuned: {BEFORE} - {other}",
                tuned - measured.tuned(other),
                0.1,
                f"a problem of ten: {reason}",
            )
            for other, reason in (
                (FILLER, "it is not the room to compute"),
                (SWAPPED, "it is not the form of chains"),
                (BEHIND, "it is not to have seen them"),
            )
        ),
        at_most(
            f"at once: {BEFORE}, a third of the tokens - {ANSWERS}",
            measured.at_once(BEFORE) - measured.at_once(ANSWERS),
            -0.1,
            "a problem of ten: what is gained has to be written",
            gates=gates,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    steps = range(1, measured.arms[ANSWERS].tuned.shape[1] + 1)
    groups = ["1 step", *(f"{count} steps" for count in steps[1:])]
    named = {name: f"{name}, all tokens" if name == ANSWERS else f"{name}, a third" for name in DOCUMENTS} | {
        ALONE: ALONE
    }
    parts = {
        "data_efficiency": ("tuned", "Right answers after a common fine-tuning", list(named)),
        "data_efficiency_at_once": ("at_once", "Right answers at once, before fine-tuning", list(DOCUMENTS)),
    }
    return [
        Bars(
            name=figure,
            title=title,
            y_label="right answers",
            groups=groups,
            measured={named[name]: getattr(measured.arms[name], score) for name in shown},
            theory={},
        )
        for figure, (score, title, shown) in parts.items()
    ]
