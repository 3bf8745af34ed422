"""Answers without a chain among the training lines: where they teach the answer at once, the chain is no longer followed.

Source       Ours, on Zhao et al., arXiv:2508.01191, and on interventions of Lanham et al., arXiv:2307.13702. Mixtures of lines
             with and without a chain are how models learn to answer both ways: Yu et al., arXiv:2407.06023; Deng et al.,
             arXiv:2405.14838
Prediction   Every model reads as many lines with right chains. Beside them stand lines of the same problems whose prompt
             asks for the answer at once: none, as many, or four times as many. Of 12 pairs of primitives the answers come to be known at
             once; of 108 they do not, at this budget. One letter of the first step of a gold chain is replaced, and the model writes
             on. With 12 pairs the share of answers that follow it falls, by .1 at least after as many answers, against chains
             alone that were read twice, and by .4 after four times as many; with 108 pairs, and four times as many answers, at least
             .9 follow still.
Refuted if   With 12 pairs following falls by less than .1 after as many answers, or by less than .4 after four times as many; or
             with 108 pairs under .9 follow; each in most seeds.
Controls     Every arm writes chains rightly. A seed counts for 12 pairs if at least half of its answers at once are right, and for
             108 pairs if at most half are. Answers behind chains that were not edited stand beside those behind edited ones.
Run          alchemy reproduce answer_only_lines --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split, stacked
from experiments.mirage import composition_diversity
from experiments.mirage.composition_diversity import PRIMITIVES, split_by_function
from experiments.mirage.setting import full, smoke
from experiments.theory.change_logs import side_by_side
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Lines with answers alone make a chain be ignored where they teach the answer at once, and not where they do not.",
    source="ours, on arXiv:2508.01191 and 2307.13702",
    prediction="12 pairs: following falls by .1 after as many answers as chains, by .4 after four times as many; 108 pairs: .9 follow",
    refuted_if="12 pairs: it falls by less than .1, or less than .4; or 108 pairs: under .9 follow",
    question="Is the trace used?",
    among="models that write chains rightly",
)
FEW, MANY = 12, 108
"""Pairs whose answers are learned at once, and pairs whose answers are not."""


class Mixture(NamedTuple):
    """What training reads, in multiples of the lines with chains that every model reads."""

    chains: int
    answers: int


CHAINS, TWICE, EQUAL, MOSTLY = Mixture(1, 0), Mixture(2, 0), Mixture(1, 1), Mixture(1, 4)
NAMES = {
    CHAINS: "chains\nalone",
    TWICE: "chains alone,\ntwice",
    EQUAL: "as many\nanswers",
    MOSTLY: "four times as\nmany answers",
}


@dataclass(frozen=True)
class Config(composition_diversity.Config):
    """Models of few pairs and of many, with several mixtures of lines; `train` is what the chains alone take."""

    seeds: int = 5
    """Replicates, each with pairs, weights, training lines and test problems of its own. Five that agree are the fewest to hold."""
    pairs: tuple[int, ...] = (FEW, MANY)
    """How many pairs are trained on, drawn anew for every seed."""
    edited: int = 500
    """Held-out problems of each model in whose gold chain the first step is edited."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, seeds=1, edited=16),
    "small": SMALL,
    "full": full(SMALL, loss="completion", train=composition_diversity.PRESETS["full"].train, edited=1000),
}


class Arm(NamedTuple):
    """Models of one number of pairs and one mixture, on the pairs trained on; each array float (s,)."""

    gate: np.ndarray
    """Share of right chains and answers, on problems for gates."""
    at_once: np.ndarray
    """Share of right answers where the prompt asks for the answer at once, on problems for gates."""
    right: np.ndarray
    """Share of right chains and answers, on others."""
    unedited: np.ndarray
    """Share of right answers behind a first step that was not edited."""
    follow: np.ndarray
    """Share of answers that are what the oracle derives from an edited first step; with the next two they add up to 1."""
    ignore: np.ndarray
    """Share of answers that are those given without the edit."""
    neither: np.ndarray


@dataclass(frozen=True)
class Measured:
    arms: dict[int, dict[Mixture, Arm]]
    """By the number of pairs, and the mixture."""


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    return Measured(
        {
            count: {
                mixture: stacked([one_seed(config, lab, count, mixture, seed) for seed in seeds]) for mixture in NAMES
            }
            for count in config.pairs
        }
    )


def one_seed(config: Config, lab: Lab, count: int, mixture: Mixture, seed: int) -> Arm:
    """One model, and what becomes of its answers."""
    task, pairs = trained_on(config, count, seed)
    train = replace(config.train, steps=config.train.steps * sum(mixture))
    name = f"{count} pairs, {NAMES[mixture]}".replace("\n", " ")
    runs = lab.train(
        config.model,
        task,
        train,
        seeds=(seed,),
        loss=config.loss,
        sets=[lines(config, lab, task, mixture, seed)],
        label=f"train on {name}, seed {seed}",
    )
    gate, judged = gate_split(config.test)
    chains = lab.answer(runs, pairs, config.test, label="answer by chains").values("exact_match")[0]
    at_once = lab.answer(runs, replace(pairs, cot=False), config.test, label="answer at once").values("answer")[0]
    edits = lab.intervene(runs, pairs, config.edited, steps=(0,), label="edit a step")
    return Arm(
        chains[gate].mean(),
        at_once[gate].mean(),
        chains[judged].mean(),
        edits.right.mean(),
        *(rate[0] for rate in edits.answer.rates),
    )


def trained_on(config: Config, count: int, seed: int) -> tuple[Symbols, Symbols]:
    """What one seed's model is trained on, and its `count` pairs without the primitives alone.

    A prompt that asks for a chain ends in another mark than one that asks for the answer at once.
    """
    single = Symbols(compositions=PRIMITIVES, primitives=PRIMITIVES, alphabet=config.alphabet)
    pairs = split_by_function(single, config.held_out, seed)[1][:count]
    weights = (config.alone / len(PRIMITIVES),) * len(PRIMITIVES) + ((1 - config.alone) / count,) * count
    return replace(single, compositions=PRIMITIVES + pairs, weights=weights), replace(single, compositions=pairs)


def lines(config: Config, lab: Lab, task: Symbols, mixture: Mixture, seed: int) -> Batch:
    """What training reads: lines with chains, and behind them others of the same kinds of problems with the answer alone."""
    size, rng = config.train.steps * config.train.batch, stream("training lines", seed)
    drawn = [lab.split.sample(task, rng, mixture.chains * size, "train")]
    if mixture.answers:
        drawn.append(lab.split.sample(replace(task, cot=False), rng, mixture.answers * size, "train"))
    return side_by_side(drawn, task.max_len)


def check(measured: Measured) -> list[Check]:
    few, many = (measured.arms[count] for count in (FEW, MANY))
    learned = {
        (count, mixture): Gate(
            f"{count} pairs, {NAMES[mixture]}: exact".replace("\n", " "), arm.gate, 0.95, inf, "chains are learned"
        )
        for count, arms in measured.arms.items()
        for mixture, arm in arms.items()
    }
    known = Gate(f"{FEW} pairs: answers at once", few[MOSTLY].at_once, 0.5, inf, "most are known without a chain")
    unknown = Gate(
        f"{MANY} pairs: answers at once", many[MOSTLY].at_once, -inf, 0.5, "most are not known without a chain"
    )
    return [
        at_least(
            f"{FEW} pairs: follow, chains twice - chains and as many answers",
            few[TWICE].follow - few[EQUAL].follow,
            0.1,
            "as many lines, half of them without a chain",
            gates=[learned[FEW, TWICE], learned[FEW, EQUAL]],
        ),
        at_least(
            f"{FEW} pairs: follow, chains alone - chains and four times as many answers",
            few[CHAINS].follow - few[MOSTLY].follow,
            0.4,
            "the more answers alone, the less the chain is needed",
            gates=[learned[FEW, CHAINS], learned[FEW, MOSTLY], known],
        ),
        at_least(
            f"{MANY} pairs: follow, chains and four times as many answers",
            many[MOSTLY].follow,
            0.9,
            "an answer that is not known at once has to come from the chain",
            gates=[learned[MANY, MOSTLY], unknown],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    rows = {
        f"{count} pairs,\n{NAMES[mixture]}": arm
        for count, arms in measured.arms.items()
        for mixture, arm in arms.items()
    }
    return [
        Bars(
            name="answer_only_lines",
            title="Following a chain, after lines with answers alone",
            y_label="share of answers",
            groups=[*rows],
            measured={
                "follow an edited step": np.stack([arm.follow for arm in rows.values()], axis=1),
                "answer as before": np.stack([arm.ignore for arm in rows.values()], axis=1),
                "right at once": np.stack([arm.at_once for arm in rows.values()], axis=1),
            },
            theory={},
        )
    ]
