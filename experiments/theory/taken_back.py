"""Steps tried twice delay learning, be the first try wrong or right; once learned, mistakes are hardly told from right steps.

Source       Ye, Xu, Li, Allen-Zhu, arXiv:2408.16293: lines in which a wrong step is written, then [BACK], then the right one, make
             models of grade-school problems better than as many tokens of faultless lines, the more so the more mistakes; models
             trained on them hardly err, and take back what they err in.
Prediction   Compositions of four letter transformations (`tasks/symbols`), steps that say all that is left to do. A wrong first try
             has one other letter (`alchemy.problem.retries`). On as many tokens, few enough that some problems go wrong without
             mistakes in training, models of mistakes at .3 of the steps solve .2 less of the problems, the opposite of the source. It is
             not the mistakes: where the right step stands twice, .2 less are solved, too. After five times the tokens models of
             mistakes are at most .05 behind, and their first tries are wrong .02 more often at most, as the source has it. But they
             do not know mistakes: of sampled first tries wrong ones are taken back at most .3 more often than right ones.
Refuted if   One of these differences is on the other side of its bound, in most seeds.
Controls     Lines of all kinds are as many tokens, to ten steps of training, and the same problems as far as they go. Rates of .1 and .5, and
             mistakes that are read and not learned, stand beside them. Short training counts where .3 of the problems are solved without
             mistakes, long training where .95 are, on other problems. Texts are read exactly: a mark takes the last step back, answers are
             judged by what is kept, and first tries by the oracle, behind right steps alone. Greedy models do not err after
             long training, so that what is taken back is asked of samples. Whether chains are followed stands beside the
             verdict: a model that takes the replaced step back ignores it.
             In trials on seeds 900 to 903 models without mistakes solved .57, .45, 1.00 and .63, with mistakes at .3 of the steps .02
             to .04, with right steps twice .02 to .07; after five times the tokens 1.00, and .99 to 1.00 with mistakes; of
             sampled first tries they took back .31 to .43 of the wrong ones and .25 to .31 of the right ones. With rotary positions
             and twice the steps, on seeds 900 and 901, .69 and .46 were solved without mistakes, .04 and .03 with them.
Run          alchemy reproduce taken_back --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.retries import Retries, with_retries
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Steps tried twice in training delay learning, be the first try wrong or right; once learned, mistakes are hardly told from right steps.",
    source="arXiv:2408.16293",
    prediction="as many tokens: .2 fewer right with mistakes at .3 of the steps, and with right steps twice; five times: within .05, first"
    " tries .02 more wrong at most, wrong ones taken back at most .3 more often than right ones",
    refuted_if="one of these on the other side of its bound",
    question="What does a step buy?",
    among="models that without mistakes solve .3 of the problems, or .95 after five times the tokens",
)
NONE, SOME, MASKED, AGAIN = "no mistakes", "mistakes, .3", "not learned, .3", "right ones, .3"
ARMS: dict[str, Retries | None] = {
    NONE: None,
    "mistakes, .1": Retries(0.1),
    SOME: Retries(0.3),
    "mistakes, .5": Retries(0.5),
    MASKED: Retries(0.3, learned=False),
    AGAIN: Retries(0.3, "right"),
}
"""What is tried first, and taken back, at so many steps of training lines."""
LONG = (NONE, SOME, MASKED)
"""Those that are trained for long, too."""
TIMES = 5
"""Times the tokens that they see then."""


@dataclass(frozen=True)
class Config:
    """Compositions of letter transformations, with steps of training lines tried twice or not."""

    seeds: int = 5
    """Replicates, each with weights, lines, mistakes and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out problems of each seed; a quarter is for gates."""
    steps: int = 4
    """Transformations of a problem, of three kinds in any order."""
    letters: int = 3
    model: Transformer = Transformer(width=48, layers=2, heads=4, context=100, tied=False)
    train: TrainConfig = TrainConfig(
        steps=160, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3, chunk=10
    )
    """On lines without mistakes; others are longer, and fewer steps read as many tokens."""

    @property
    def task(self) -> Symbols:
        kinds = ("F1", "F2", "F3")
        names = tuple(" ".join(each) for each in product(kinds, repeat=self.steps))
        return Symbols(length=(self.letters,), alphabet="ABCDEFGHIJKL", compositions=names)

    def trained(self, retries: Retries | None, times: int = 1) -> TrainConfig:
        """So many times the tokens, to a chunk, whatever the lines."""
        rng = stream("length of lines")
        lines = self.task.sample(rng, 2000)
        longer = with_retries(self.task, lines, retries, rng) if retries else lines
        ratio = float((lines.text != PAD).sum() / (longer.text != PAD).sum())
        chunks = round(times * self.train.steps * ratio / self.train.chunk)
        return replace(self.train, steps=max(1, chunks) * self.train.chunk)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        steps=2,
        letters=2,
        model=Transformer(width=16, layers=1, heads=2, context=64, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=2000,
        steps=6,
        letters=4,
        model=Transformer(width=256, layers=6, heads=8, context=256, tied=False),
        train=TrainConfig(steps=2000, batch=256, learning_rate=1e-3),
    ),
}


class Written(NamedTuple):
    """What models write, shares of a seed's problems or of its first tries, float (s,)."""

    right: np.ndarray  # answers
    wrong: np.ndarray  # first tries at a step behind right ones
    caught: np.ndarray  # wrong first tries that are taken back
    dropped: np.ndarray  # right first tries that are taken back
    gate: np.ndarray  # right answers to the problems of gates


@dataclass(frozen=True)
class Measured:
    """By arm."""

    short: dict[str, Written]
    """Greedily, after little training."""
    long: dict[str, Written]
    """Greedily, after more."""
    sampled: dict[str, Written]
    """After more, at temperature 1."""


def run(config: Config, lab: Lab) -> Measured:
    short = {name: _trained(config, lab, name, 1) for name in ARMS}
    long = {name: _trained(config, lab, name, TIMES) for name in LONG}
    return Measured(
        {name: _written(config, lab, runs, f"answer {name}") for name, runs in short.items()},
        {name: _written(config, lab, runs, f"answer {name}, {TIMES} times") for name, runs in long.items()},
        {name: _written(config, lab, runs, f"sample {name}", 1.0) for name, runs in long.items()},
    )


def _trained(config: Config, lab: Lab, name: str, times: int) -> Runs:
    """Models of one kind of lines, so many times the tokens of the shorter training."""
    retries, seeds = ARMS[name], lab.seeds(config.seeds)
    train = config.trained(retries, times)
    n = train.steps * train.batch
    sets = [lab.split.sample(config.task, stream("lines with mistakes", seed), n, "train") for seed in seeds]
    label = f"train {name}" if times == 1 else f"train {name}, {times} times"
    return lab.train(config.model, config.task, train, seeds=seeds, sets=sets, retries=retries, label=label)


def _written(config: Config, lab: Lab, runs: Runs, label: str, temperature: float = 0.0) -> Written:
    """What models write to the held-out problems."""
    task = config.task
    answers = lab.answer(runs, task, config.test, temperature=temperature, label=label)
    right = answers.kept.values("answer")
    made, wrong, back = (tries.reshape(*right.shape, -1) for tries in answers.read.tries)
    gate, judged = gate_split(config.test)

    def share(of: np.ndarray, among: np.ndarray) -> np.ndarray:
        """The share of some of a seed's tries that are of a kind; no number where there are none."""
        counts = among[:, judged].sum(axis=(1, 2))
        return np.where(counts, (of & among)[:, judged].sum(axis=(1, 2)) / np.maximum(counts, 1), np.nan)

    return Written(
        right[:, judged].mean(axis=1),
        share(wrong, made),
        share(back, wrong),
        share(back, made & ~wrong),
        right[:, gate].mean(axis=1),
    )


def check(measured: Measured) -> list[Check]:
    short, long, sampled = measured.short, measured.long, measured.sampled
    begun = Gate(f"{NONE}: right", short[NONE].gate, 0.3, inf, "on its way, and further than what is compared with it")
    solved = {
        name: Gate(
            f"{name}, {TIMES} times the tokens: right", long[name].gate, 0.95, inf, "writes no mistakes of its own"
        )
        for name in (NONE, SOME)
    }
    return [
        at_least(
            f"right, {NONE} - {SOME}",
            short[NONE].right - short[SOME].right,
            0.2,
            "published: fewer; a fifth is no noise of 300 problems",
            gates=[begun],
        ),
        at_least(
            f"right, {NONE} - {AGAIN}",
            short[NONE].right - short[AGAIN].right,
            0.2,
            "as where mistakes are: what is taken back need not be wrong to cost as much",
            gates=[begun],
        ),
        at_least(
            f"{TIMES} times the tokens: right, {SOME} - {NONE}",
            long[SOME].right - long[NONE].right,
            -0.05,
            "one in twenty: caught up",
            gates=[solved[NONE]],
        ),
        at_most(
            f"{TIMES} times the tokens: wrong first tries, {SOME} - {NONE}",
            long[SOME].wrong - long[NONE].wrong,
            0.02,
            "published: hardly any more",
            gates=[solved[NONE]],
        ),
        at_most(
            f"{TIMES} times the tokens, sampled, {SOME}: taken back, wrong - right",
            sampled[SOME].caught - sampled[SOME].dropped,
            0.3,
            "1 where mistakes are known for what they are",
            gates=[solved[SOME]],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Bars(
            name="taken_back",
            title="Compositions of four steps, by what is taken back in training lines",
            y_label="right answers",
            groups=[name.replace(", ", ",\n") for name in ARMS],
            measured={"as many tokens": np.stack([written.right for written in measured.short.values()], axis=1)},
            theory={},
        ),
        Bars(
            name="taken_back_longer",
            title=f"After {TIMES} times the tokens",
            y_label="right answers",
            groups=list(LONG),
            measured={
                "greedy": np.stack([written.right for written in measured.long.values()], axis=1),
                "sampled": np.stack([written.right for written in measured.sampled.values()], axis=1),
            },
            theory={},
        ),
        Bars(
            name="taken_back_known",
            title="First tries that are taken back, sampled",
            y_label="share of first tries",
            groups=["wrong ones", "right ones"],
            measured={SOME: np.stack([measured.sampled[SOME].caught, measured.sampled[SOME].dropped], axis=1)},
            theory={SOME: [1.0, 0.0]},
            note=f"after {TIMES} times the tokens; dotted: who knows which are wrong",
        ),
    ]
