"""Made to follow its chain, a model composes no better: new compositions take more functions, not a chain that is used.

Source       Ours, on Zhao et al., arXiv:2508.01191, and on interventions of Lanham et al., arXiv:2307.13702. The more functions
             training shows, the more a chain is followed (`dose_response`) and the more unseen compositions are solved
             (`composition_diversity`). Which of the two brings about the other, an intervention on training has to say.
Prediction   Models trained on 4 of 144 pairs of primitives solve almost no pair of a function that they never saw, and many of
             their answers ignore an edited step. Others of the same pairs are made to follow: in .3 of the training lines with
             two steps the letters of the first step are drawn at random, and the answer is what the second primitive makes of
             those. No prompt tells such an answer. They follow an edited step nearly always, and solve unseen pairs no more
             often, within .1; models trained on 36 pairs, with right steps alone, do by .5 more than those.
Refuted if   Made to follow, under .95 of the answers follow, or not .1 more than after right steps alone; or they solve .1 more
             of the unseen pairs than after right steps alone; or 36 pairs do not add .5; each in most seeds.
             The same is checked after 12 pairs, where some unseen pairs are solved: after 4 "no better" could be a floor.
Beside it    What becomes of an edited step on unseen pairs, where a prompt names two primitives whose order is new.
Run          alchemy reproduce made_to_follow --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Literal, NamedTuple, get_args

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.together import together
from alchemy.learning.config import TrainConfig
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch, Field
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split, stacked
from experiments.mirage import composition_diversity
from experiments.mirage.composition_diversity import PRIMITIVES, split_by_function
from experiments.mirage.setting import full, smoke
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Made to follow its chain, a model composes no better; trained on more functions, it does.",
    source="ours, on arXiv:2508.01191 and 2307.13702",
    prediction="4 pairs, made to follow: over .95 follow, unseen pairs within .1 of what right steps alone give; 36 pairs: .5 more",
    refuted_if="under .95 follow, unseen pairs .1 better than by right steps alone, or 36 pairs not .5 better",
    question="Is the trace used?",
    among="models that solve the pairs that they were trained on",
)
Steps = Literal["right", "random"]
STEPS: tuple[Steps, ...] = get_args(Steps)
"""What the first steps of training lines say: the state they should, or in a share of the lines a random one."""
FEW, SOME, ENOUGH = 4, 12, 36
"""Pairs after which nearly no unseen pair is solved, some are, and most."""


@dataclass(frozen=True)
class Config(composition_diversity.Config):
    """Models of few pairs and of more, with right first steps, and with random ones in a share of the lines."""

    train: TrainConfig = TrainConfig(steps=1200, batch=64, learning_rate=6e-3)
    """Longer than `composition_diversity`, as a share of first steps cannot be foretold."""
    pairs: tuple[int, ...] = (FEW, SOME, ENOUGH)
    """How many pairs are trained on, drawn anew for every seed."""
    random: float = 0.3
    """Share of the lines with two steps whose first is random, where any are."""
    edited: int = 500
    """Held-out problems of each test in whose gold chain the first step is edited."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, seeds=1, pairs=(FEW, SOME, ENOUGH), edited=16),
    "small": SMALL,
    "full": full(SMALL, loss="completion", train=TrainConfig(steps=4000, batch=1024, chunk=500), edited=1000),
}


class Arm(NamedTuple):
    """Models of one number of pairs and one kind of first steps; each array float (s,)."""

    gate: np.ndarray
    """Exact match on the trained pairs, on problems for gates."""
    trained: np.ndarray
    """The same, on others."""
    unseen: np.ndarray
    """Exact match on pairs whose function was never seen."""
    follow: np.ndarray
    """On trained pairs, share of answers that are what the oracle derives from an edited first step ..."""
    ignore: np.ndarray
    """... and share that are those given without the edit."""
    unseen_follow: np.ndarray
    """As `follow`, on pairs whose function was never seen."""


@dataclass(frozen=True)
class Measured:
    arms: dict[int, dict[Steps, Arm]]
    """By the number of pairs, and what first steps say."""


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    return Measured(
        {
            count: {
                steps: stacked(
                    together(lab, [partial(one_seed, config, count=count, steps=steps, seed=seed) for seed in seeds])
                )
                for steps in STEPS
            }
            for count in config.pairs
        }
    )


def one_seed(config: Config, lab: Lab, count: int, steps: Steps, seed: int) -> Arm:
    """One model, trained on as many lines as it takes; both kinds of first steps have the same lines but for these."""
    task, known, unseen = tasks(config, count, seed)
    lines = lab.split.sample(task, stream("training lines", seed), config.train.steps * config.train.batch, "train")
    if steps == "random":
        lines = randomised(task, lines, config.random, stream("random first steps", seed))
    name = f"{count} pairs, {steps} steps"
    runs = lab.train(
        config.model, task, config.train, seeds=(seed,), loss=config.loss, sets=[lines], label=f"{name}, seed {seed}"
    )
    exact = lab.answer(runs, known, config.test, label="answer trained pairs").values("exact_match")[0]
    gate, judged = gate_split(config.test)
    new = lab.answer(runs, unseen, config.test, label="answer unseen pairs").values("exact_match")[0]
    edits = {
        task: lab.intervene(runs, task, config.edited, steps=(0,), label="edit a step").answer.rates
        for task in (known, unseen)
    }
    return Arm(
        gate=exact[gate].mean(),
        trained=exact[judged].mean(),
        unseen=new.mean(),
        follow=edits[known].follow[0],
        ignore=edits[known].ignore[0],
        unseen_follow=edits[unseen].follow[0],
    )


def tasks(config: Config, count: int, seed: int) -> tuple[Symbols, Symbols, Symbols]:
    """What one seed's model is trained on, its `count` pairs without the primitives alone, and pairs of unseen function.

    They are those of `composition_diversity.fit`, whose code is locked and cannot be taken apart.
    """
    single = Symbols(compositions=PRIMITIVES, primitives=PRIMITIVES, alphabet=config.alphabet, dialect="uniform")
    held_out, others = split_by_function(single, config.held_out, seed)
    pairs = others[:count]
    weights = (config.alone / len(PRIMITIVES),) * len(PRIMITIVES) + ((1 - config.alone) / count,) * count
    trained = replace(single, compositions=PRIMITIVES + pairs, weights=weights)
    return trained, replace(single, compositions=pairs), replace(single, compositions=held_out)


def randomised(task: Symbols, lines: Batch, share: float, rng: np.random.Generator) -> Batch:
    """Lines of which a `share` of those with more than one step say random letters in the first, and what follows from them."""
    completions, letters = lines.completions(), np.array(task.state_tokens, np.int32)
    state = (lines.completion_fields() == Field.STEP) & np.isin(completions, letters)
    drawn = np.where(state, rng.choice(letters, completions.shape), completions)
    row, place = np.nonzero(
        state.any(axis=1)[:, None] & (completions != PAD) & (rng.random((len(completions), 1)) < share)
    )
    text = lines.text.copy()
    text[row, lines.prompt_len[row] + place] = task.follow(lines, drawn, 0)[row, place]
    return lines._replace(tokens=text[..., None])


def learned(name: str, arm: Arm) -> Gate:
    """A seed counts where its model solves the pairs that it was trained on."""
    return Gate(f"{name}, trained pairs: exact", arm.gate, 0.95, inf, "learned at all, as in composition_diversity")


def check(measured: Measured) -> list[Check]:
    right, made = ({count: arms[steps] for count, arms in measured.arms.items()} for steps in STEPS)
    gates = {count: learned(f"{count} pairs, right steps", arm) for count, arm in right.items()}
    made_gates = {count: learned(f"{count} pairs, made to follow", arm) for count, arm in made.items()}
    return [
        at_least(
            f"{FEW} pairs, made to follow: follow",
            made[FEW].follow,
            0.95,
            "all but stray answers",
            gates=[made_gates[FEW]],
        ),
        at_least(
            f"{FEW} pairs, made to follow - right steps: follow",
            made[FEW].follow - right[FEW].follow,
            0.1,
            "else following was not changed, and nothing can come of the change",
            gates=[gates[FEW], made_gates[FEW]],
        ),
        *(
            at_most(
                f"{count} pairs, made to follow - right steps: exact on unseen pairs",
                made[count].unseen - right[count].unseen,
                0.1,
                "no better, but for a tenth",
                gates=[gates[count], made_gates[count]],
            )
            for count in (FEW, SOME)
        ),
        at_least(
            f"exact on unseen pairs: {ENOUGH} pairs - {FEW} pairs, made to follow",
            right[ENOUGH].unseen - made[FEW].unseen,
            0.5,
            "what more functions add, half of all problems at least",
            gates=[made_gates[FEW], gates[ENOUGH]],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    rows = {
        f"{count} pairs\n{name}": by_steps[steps] for count, by_steps in measured.arms.items() for steps, name in NAMES
    }
    return [
        Bars(
            name="made_to_follow",
            title="Following a chain, and composing by it",
            y_label="share of answers",
            groups=[*rows],
            measured={
                "follow an edited step": np.stack([arm.follow for arm in rows.values()], axis=1),
                "follow it on unseen pairs": np.stack([arm.unseen_follow for arm in rows.values()], axis=1),
                "solve unseen pairs": np.stack([arm.unseen for arm in rows.values()], axis=1),
            },
            theory={},
        )
    ]


NAMES: tuple[tuple[Steps, str], ...] = (("right", "right steps"), ("random", "made to follow"))
