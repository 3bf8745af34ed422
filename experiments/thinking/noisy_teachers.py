"""Thoughts that a model sampled, nearly half of them wrong, in front of right answers still make training data three times as efficient.

Source       Wang et al., arXiv:2509.20186: thoughts of a model, sampled and unfiltered, make another's training three times as
             efficient. How many of these thoughts are wrong is not reported there; here an oracle counts them.
Prediction   Compositions of one, two and three letter transformations (`tasks/symbols`), as in `data_efficiency`: trained on as
             question and answer, or on a third of the tokens with a thought in front of the answer. The thought is right, or sampled
             at temperature .6 by a teacher that was trained for 300 steps on right lines: one of width 64, of whose thoughts a
             few are wrong, or one of width 32, of whose thoughts nearly half are. After a common fine-tuning on 1,000 lines with right
             chains models of either teacher's thoughts solve .1 more of the problems of two and three steps than models of
             answers alone. Errors are not free: models of right thoughts solve .1 more than those of the poor teacher.
Refuted if   A difference is smaller, or has another sign, in most seeds.
Controls     Questions are of one distribution in all arms, the same ones for answers alone and right thoughts, and answers are right
             in all. The models of these two arms are those of `data_efficiency`, judged before this was locked: only the
             teachers' arms were unknown. A seed counts where answers alone taught problems of one step, in .9, and where .005
             to .35 of the good teacher's thoughts are wrong, and .3 to .7 of the poor one's. The teachers' training is not
             counted among the tokens: the claim is about data, as the source's is. Whether models follow the chains that they
             write stands beside the verdict.
             In trials on seeds 900 to 904 .02 to .25 and .38 to .47 of the thoughts were wrong; on seed 900 .07 and .47. There, after
             fine-tuning, models of answers alone were right in .46, of the good teacher's thoughts in .91, of the poor one's in
             .69, of right ones in .98. Before it, as they like, models of the poor teacher's thoughts were right in .34, those
             of answers alone in .74: nothing is promised of that.
Run          alchemy reproduce noisy_teachers --preset small      # after data_efficiency, two of whose arms it takes
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.teachers import taught
from alchemy.learning.config import TrainConfig
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import stacked
from experiments.scales import Scale
from experiments.thinking.documents import lines_of, mixed, problems, right, steps_for
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Thoughts that a model sampled, nearly half of them wrong, still make training data worth three times the tokens.",
    source="arXiv:2509.20186; how many thoughts are wrong is ours",
    prediction="on a third of the tokens and tuned alike: thoughts of either teacher .1 better than answers alone, those of the poor"
    " teacher .1 worse than right ones",
    refuted_if="a difference below .1",
    question="What does a step buy?",
    among="models that learned problems of one step from answers alone, and teachers that err as often as is said",
)
ANSWERS, RIGHT, GOOD, POOR = "answers", "right thoughts", "a good teacher's", "a poor teacher's"
ARMS = (ANSWERS, RIGHT, GOOD, POOR)
TIMES = 3
"""Times the tokens that answers alone have."""


@dataclass(frozen=True)
class Config:
    """Compositions, teachers, and how models are trained on documents, tuned and tested."""

    seeds: int = 5
    """Replicates, each with compositions, teachers, weights, lines and test problems of its own. Five that agree are the fewest
    to hold."""
    test: int = 400
    """Held-out problems of each number of steps of each seed; a quarter is for gates."""
    compositions: tuple[int, ...] = (8, 32, 128)
    """How many there are of one step, two, ...; problems of each number of steps are as frequent."""
    tuned: int = 1000
    """Lines with right chains that all are fine-tuned on."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=48, tied=False, activation="relu")
    """Of the models, and of the good teacher."""
    small: Transformer = Transformer(width=32, layers=2, heads=4, context=48, tied=False, activation="relu")
    """Of the poor teacher."""
    teach: TrainConfig = TrainConfig(steps=300, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)
    """Of teachers, on right lines."""
    train: TrainConfig = TrainConfig(steps=1800, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)
    """Of answers alone; documents with thoughts have as many steps as come to a third of the tokens."""
    tune: TrainConfig = TrainConfig(steps=300, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)


SMALL = Config()
smoke = Scale(
    {
        "seeds": 1,
        "test": 16,
        "compositions": (2, 2),
        "tuned": 32,
        "model": Transformer(width=16, layers=1, heads=2, context=48, tied=False, activation="relu"),
        "small": Transformer(width=16, layers=1, heads=2, context=48, tied=False, activation="relu"),
        "teach": TrainConfig(steps=8, batch=16, chunk=8),
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
    """Models of one kind of document, float (s,) or by the number of steps (s, k)."""

    wrong: np.ndarray  # thoughts trained on with a wrong step
    written: np.ndarray  # right answers before fine-tuning, as models like
    tuned: np.ndarray  # after it
    gate: np.ndarray  # before it, of other problems


@dataclass(frozen=True)
class Measured:
    arms: dict[str, Arm]

    def tuned(self, name: str) -> np.ndarray:
        """Right answers to problems of two steps and more after fine-tuning, float (s,)."""
        return self.arms[name].tuned[:, 1:].mean(axis=1)


def run(config: Config, lab: Lab) -> Measured:
    return Measured(stacked([_one(config, lab, seed) for seed in lab.seeds(config.seeds)]))


def _one(config: Config, lab: Lab, seed: int) -> dict[str, Arm]:
    """One seed's models of all documents: arrays (k,), and one number."""
    tests = problems(config.compositions, seed)
    task = mixed(tests)
    chains = lab.split.sample(task, stream("lines to tune on", seed), config.tuned, "train")
    arms = {}
    for name in ARMS:
        label = f"{name}, seed {seed}"
        document, times = ("answer", 1) if name == ANSWERS else ("thought first", TIMES)
        steps = steps_for(lab, task, document, config.train, times)
        lines, wrong = _lines(config, lab, task, name, steps * config.train.batch, seed)
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
        arms[name] = Arm(
            wrong=np.array(wrong),
            written=right(lab, runs, tests, config.test, label),
            tuned=right(lab, after, tests, config.test, f"tuned, {label}"),
            gate=right(lab, runs, tests, config.test, label, gate=True),
        )
    return arms


def _lines(config: Config, lab: Lab, task: Symbols, name: str, n: int, seed: int) -> tuple[Batch, float]:
    """Documents of one arm, and the share of their thoughts with a wrong step."""
    if name in (ANSWERS, RIGHT):
        return lines_of(lab, task, "answer" if name == ANSWERS else "thought first", n, seed), 0.0
    model = config.model if name == GOOD else config.small
    teacher = lab.train(model, task, config.teach, seeds=(seed,), label=f"train teacher: {name}, seed {seed}")
    [written] = taught(lab, teacher, task, n)
    return written.lines, written.wrong


def check(measured: Measured) -> list[Check]:
    answers, good, poor = (measured.arms[name] for name in (ANSWERS, GOOD, POOR))
    learned = Gate(
        f"{ANSWERS}: right as they write, 1 step", answers.gate[:, 0], 0.9, inf, "learned, but for one in ten"
    )
    few = Gate("a good teacher's thoughts: wrong", good.wrong, 0.005, 0.35, "not all right, and most of them")
    half = Gate("a poor teacher's thoughts: wrong", poor.wrong, 0.3, 0.7, "not far from half")
    return [
        at_least(
            f"tuned: {GOOD} - {ANSWERS}",
            measured.tuned(GOOD) - measured.tuned(ANSWERS),
            0.1,
            "a problem of ten",
            gates=[learned, few],
        ),
        at_least(
            f"tuned: {POOR} - {ANSWERS}",
            measured.tuned(POOR) - measured.tuned(ANSWERS),
            0.1,
            "a problem of ten",
            gates=[learned, half],
        ),
        at_least(
            f"tuned: {RIGHT} - {POOR}",
            measured.tuned(RIGHT) - measured.tuned(POOR),
            0.1,
            "a problem of ten: errors cost",
            gates=[half],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    steps = range(1, measured.arms[ANSWERS].tuned.shape[1] + 1)
    groups = ["1 step", *(f"{count} steps" for count in steps[1:])]
    return [
        Bars(
            name=figure,
            title=title,
            y_label="right answers",
            groups=groups,
            measured={name: getattr(arm, score) for name, arm in measured.arms.items()},
            theory={},
            note="answers have all tokens, the others a third of them",
        )
        for figure, score, title in (
            ("noisy_teachers", "tuned", "Right answers after a common fine-tuning"),
            ("noisy_teachers_before", "written", "Right answers before fine-tuning"),
        )
    ]
