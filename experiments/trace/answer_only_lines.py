"""Answers without a chain among the training lines: after few functions the chain is no longer followed, after many it is.

Source       Ours, on Zhao et al., arXiv:2508.01191, and on interventions of Lanham et al., arXiv:2307.13702. Mixtures of lines
             with and without a chain are how models learn to answer both ways: Yu et al., arXiv:2407.06023; Deng et al.,
             arXiv:2405.14838
Prediction   Every model reads as many lines with right chains, and beside them lines of the same kind whose prompt asks for the answer
             at once: none, as many, or four times as many. With four times as many most answers are right at once, after 12
             pairs of primitives and after 108. One letter of the first step of a gold chain is replaced, and the model writes on.
             After 12 pairs the share of answers that follow is smaller, by .4 at least, than after as many lines that all have
             chains. After 108 pairs at least .8 follow still: that the answer could be had at once is not enough.
Refuted if   After 12 pairs the share is smaller by less than .4, or after 108 pairs under .8 follow beside four times as many
             answers; each in most seeds.
Controls     A seed counts if its models are right in .95 behind the right first step of a gold chain, in .8 behind chains of their
             own, and in .5 at once. Whether chains that models write are right is shown beside it, as a model that needs no
             chain may write a wrong one. Tried on three seeds from 900 on, where answers at once were right in .59 and more.
Run          alchemy reproduce answer_only_lines --preset small      # 28 minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.together import together
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
    sentence="Lines with answers alone make a chain be ignored after few functions, not after many, though answers are known at once.",
    source="ours, on arXiv:2508.01191 and 2307.13702",
    prediction="beside four times as many answers: 12 pairs, .4 fewer follow than after chains alone; 108 pairs, .8 follow",
    refuted_if="12 pairs: less than .4 fewer follow beside four times as many answers; or 108 pairs: under .8 follow",
    question="Is the trace used?",
    among="models that know most answers at once",
)
FEW, MANY = 12, 108
"""Pairs of primitives."""


class Mixture(NamedTuple):
    """What training reads, in multiples of the lines with chains that every model reads."""

    chains: int
    answers: int


CHAINS, LONGER, EQUAL, MOSTLY = Mixture(1, 0), Mixture(5, 0), Mixture(1, 1), Mixture(1, 4)
NAMES = {
    CHAINS: "chains alone",
    EQUAL: "as many answers",
    MOSTLY: "four times as many answers",
    LONGER: "chains alone, five times as many",
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
    """Share of right answers behind a chain of the model's own, on problems for gates."""
    at_once: np.ndarray
    """Share of right answers where the prompt asks for the answer at once, on problems for gates."""
    exact: np.ndarray
    """Share of answers that are right behind a right chain of the model's own, on others."""
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
    arms: dict[int, dict[Mixture, Arm]] = {count: {} for count in config.pairs}
    seeds = lab.seeds(config.seeds)
    models = [(count, seed) for count in config.pairs for seed in seeds]
    for mixture in NAMES:
        of_mixture = partial(one_seed, config, mixture=mixture)
        made = together(lab, [partial(of_mixture, count=count, seed=seed) for count, seed in models])
        measured = dict(zip(models, made, strict=True))
        for count in config.pairs:
            arms[count][mixture] = stacked([measured[count, seed] for seed in seeds])
    return Measured(arms)


def one_seed(config: Config, lab: Lab, count: int, mixture: Mixture, seed: int) -> Arm:
    """One model, and what becomes of its answers."""
    task, pairs = trained_on(config, count, seed)
    train = replace(config.train, steps=config.train.steps * sum(mixture))
    name = f"{count} pairs, {NAMES[mixture]}"
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
    chains = lab.answer(runs, pairs, config.test, label="answer by chains")
    at_once = lab.answer(runs, replace(pairs, cot=False), config.test, label="answer at once").values("answer")[0]
    edits = lab.intervene(runs, pairs, config.edited, steps=(0,), label="edit a step")
    return Arm(
        chains.values("answer")[0, gate].mean(),
        at_once[gate].mean(),
        chains.values("exact_match")[0, judged].mean(),
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
    return [
        at_least(
            f"{FEW} pairs: follow, chains alone - beside four times as many answers, as many lines",
            few[LONGER].follow - few[MOSTLY].follow,
            0.4,
            "a chain that is not needed is not read",
            gates=[*learned(FEW, LONGER, few[LONGER]), *learned(FEW, MOSTLY, few[MOSTLY]), known(FEW, few[MOSTLY])],
        ),
        at_least(
            f"{MANY} pairs: follow beside four times as many answers",
            many[MOSTLY].follow,
            0.8,
            "most answers come from the chain",
            gates=[*learned(MANY, MOSTLY, many[MOSTLY]), known(MANY, many[MOSTLY])],
        ),
    ]


def learned(count: int, mixture: Mixture, arm: Arm) -> list[Gate]:
    """A seed counts where its model goes on rightly from a right first step, and mostly writes chains that lead to the answer."""
    name = f"{count} pairs, {NAMES[mixture]}"
    return [
        Gate(f"{name}: right, unedited", arm.unedited, 0.95, inf, "what it does with a step is not a mistake"),
        Gate(f"{name}: right", arm.gate, 0.8, inf, "it learned to answer behind a chain"),
    ]


def known(count: int, arm: Arm) -> Gate:
    """A seed counts where most answers are known without a chain."""
    return Gate(f"{count} pairs, {NAMES[MOSTLY]}: right at once", arm.at_once, 0.5, inf, "most need no chain")


def figures(measured: Measured) -> list[Figure]:
    rows = {
        f"{count} pairs\n{mixture.chains} : {mixture.answers}": arm
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
            note="Below the pairs: lines with a chain : lines with the answer alone, in multiples of the fewest.",
        )
    ]
