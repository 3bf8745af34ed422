"""Trained on enough different compositions, models solve unseen ones step by step: the mirage is one of identification.

Source       Ours, against Zhao et al., arXiv:2508.01191, section 5.1. Its CMP test leaves the meaning of the held-out
             composition open: F1 with rotation 13 is its own inverse, F1 and F2 commute, and three of four compositions
             hold two functions, which a model can tell apart without reading its own steps. Diverse training is known
             to compose elsewhere: Ramesh et al., arXiv:2311.12997; Abedsoltan et al., arXiv:2502.08991.
Prediction   Twelve primitives that mostly neither commute nor undo themselves, each also seen alone. Of their 144 pairs 36
             are held out by function: no pair and no primitive that is trained on is the same function as a held-out
             pair. Of the others n are trained on, at the same number of samples. With chain of thought held-out pairs on
             held-out elements go from near 0 at n = 4 to near 100 % at n = 108; half of them are solved before 36 pairs
             are seen. Answers alone lag far behind at the same budget.
Refuted if   At n = 108 held-out pairs are under 90 %, or at n = 4 over 10 %; 50 % is first reached after n = 36; or answers
             alone come within 30 points at n = 108.
Run          alchemy reproduce composition_diversity --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.summary import crossing
from experiments.mirage.setting import Scores, Setting, full, joined, scores, smoke
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="The mirage is an identification problem: trained on enough compositions, models solve unseen ones by steps.",
    source="ours, against arXiv:2508.01191, section 5.1",
    prediction="pairs of unseen function: under 10 % at 4 trained pairs, over 90 % at 108, half by 36; answers alone lag",
    refuted_if="under 90 % at 108 pairs, over 10 % at 4, 50 % only after 36, or answers alone within 30 points",
    question="Where does reasoning stop?",
    headline=True,
)
PRIMITIVES = (
    *("rot3", "rot7", "table1", "table2", "table3", "table4"),
    *("shift1", "shift3", "swap0-1", "swap1-2", "swap0-3", "reverse"),
)
"""Six that map letters alike at all positions, six that move positions alike for all letters."""


@dataclass(frozen=True)
class Config(Setting):
    train: TrainConfig = TrainConfig(steps=500, batch=64, learning_rate=6e-3)
    alphabet: str = "ABCDEFGHIJKL"
    held_out: int = 36
    """Pairs whose function is never trained on, drawn anew for every seed."""
    pairs: tuple[int, ...] = (4, 12, 36, 108)
    """How many other pairs are trained on, drawn anew for every seed; rising."""
    answer_only: tuple[int, ...] = (36, 108)
    """For which of these to train without chain of thought too; the last is the largest."""
    alone: float = 0.3
    """Share of training problems with one primitive alone."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, pairs=(4, 108), answer_only=(108,)),
    "small": SMALL,
    "full": full(
        SMALL,
        loss="completion",
        train=TrainConfig(steps=4000, batch=1024, chunk=500),
        pairs=(4, 8, 12, 18, 24, 36, 54, 72, 108),
        answer_only=(4, 12, 36, 108),
    ),
}


@dataclass(frozen=True)
class Arm:
    """Models trained on one number of pairs."""

    trained: Scores
    """On the pairs that they were trained on."""
    unseen: Scores
    """On pairs whose function they never saw."""


@dataclass(frozen=True)
class Measured:
    """Arms by the number of pairs trained on."""

    chain: dict[int, Arm]
    answer_only: dict[int, Arm]


class Model(NamedTuple):
    """One seed's model with what it was trained on."""

    runs: Runs
    trained: Symbols
    """The pairs that it was trained on."""
    unseen: Symbols
    """The pairs whose function was held out."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        chain={count: arm(config, lab, count, cot=True) for count in config.pairs},
        answer_only={count: arm(config, lab, count, cot=False) for count in config.answer_only},
    )


def arm(config: Config, lab: Lab, count: int, cot: bool) -> Arm:
    trained, unseen = [], []
    for seed in lab.seeds(config.seeds):
        model = fit(config, lab, count, cot, seed)
        trained.append(scores(lab.answer(model.runs, model.trained, config.test, label="answer trained pairs")))
        answers = lab.answer(model.runs, model.unseen, config.test, label="answer unseen pairs")
        unseen.append(scores(answers, model.runs.task))
    return Arm(joined(trained), joined(unseen))


def fit(config: Config, lab: Lab, count: int, cot: bool, seed: int) -> Model:
    """One seed's model, trained on `count` pairs of its own and on every primitive alone."""
    single = Symbols(
        compositions=PRIMITIVES, primitives=PRIMITIVES, alphabet=config.alphabet, dialect="uniform", cot=cot
    )
    held_out, others = split_by_function(single, config.held_out, seed)
    pairs = others[:count]
    weights = (config.alone / len(PRIMITIVES),) * len(PRIMITIVES) + ((1 - config.alone) / count,) * count
    task = replace(single, compositions=PRIMITIVES + pairs, weights=weights)
    label = f"train on {count} pairs{'' if cot else ', answer only'}, seed {seed}"
    runs = lab.train(config.model, task, config.train, seeds=(seed,), loss=config.loss, label=label)
    return Model(runs, replace(single, compositions=pairs), replace(single, compositions=held_out))


def split_by_function(single: Symbols, held_out: int, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Pairs of which `held_out` are held out, drawn for `seed`, and the others in random order.

    No other pair and no primitive alone is the same function as a pair that is held out.
    """
    by_function: dict[bytes, list[str]] = {}
    for pair in (f"{first} {second}" for first in PRIMITIVES for second in PRIMITIVES):
        by_function.setdefault(function(single, pair), []).append(pair)
    trained = {function(single, name) for name in PRIMITIVES}
    groups = [pairs for name, pairs in by_function.items() if name not in trained]
    chosen: list[str] = []
    for index in stream("held-out functions", seed).permutation(len(groups)):
        chosen += groups[index] if len(chosen) + len(groups[index]) <= held_out else []
    others = [pair for pairs in by_function.values() for pair in pairs if pair not in chosen]
    order = stream("trained pairs", seed).permutation(len(others))
    return tuple(chosen), tuple(others[index] for index in order)


def function(task: Symbols, composition: str) -> bytes:
    """What a composition does to elements: equal for equal functions.

    A composition of these primitives maps letters alike at all positions and moves positions alike for all letters, so
    that its images of the constant elements and of one with different letters tell all of it.
    """
    letters, length = len(task.alphabet), task.length[0]
    constant = np.repeat(np.arange(letters, dtype=np.uint8)[:, None], length, axis=1)
    probes = np.concatenate([constant, np.arange(length, dtype=np.uint8)[None]])
    ops = np.repeat(task.ops_of((composition,)), len(probes), axis=0)
    return task.machine.intermediates(ops, probes)[:, -1].tobytes()


def learned(name: str, arm: Arm) -> Gate:
    """A seed counts where its model solves the pairs that it was trained on."""
    return Gate(f"{name}, trained pairs: exact", arm.trained.exact["full"], 0.95, inf, "learned at all")


def check(measured: Measured) -> list[Check]:
    few, most = min(measured.chain), max(measured.chain)
    first, last, alone = measured.chain[few], measured.chain[most], measured.answer_only[most]
    unseen = np.stack([arm.unseen.exact["full"] for arm in measured.chain.values()], axis=1)
    enough = learned(f"{most} pairs", last)
    return [
        at_least(f"{most} pairs, unseen pairs: exact", last.unseen.exact["full"], 0.9, "near 100 %", gates=[enough]),
        at_most(
            f"{few} pairs, unseen pairs: exact",
            first.unseen.exact["full"],
            0.1,
            "near 0",
            gates=[learned(f"{few} pairs", first)],
        ),
        at_most(
            "trained pairs at which half of the unseen are solved",
            crossing(np.array([*measured.chain]), unseen, 0.5, falling=False),
            36,
            "a quarter of all pairs",
            gates=[enough],
        ),
        at_least(
            f"{most} pairs, chain - answers alone: exact answer",
            last.unseen.exact["answer"] - alone.unseen.exact["answer"],
            0.3,
            "far behind",
            gates=[enough],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    shared = {"x_label": "pairs trained on, of 144", "y_label": "exact answer", "log_x": True, "theory": {}}
    return [
        Curves(
            name="composition_diversity",
            title="Unseen compositions are solved once enough others were seen, by steps",
            x=[*measured.chain],
            measured=_curves(measured.chain),
            **shared,
        ),
        Curves(
            name="composition_diversity_answer_only",
            title="Answers alone, at the same number of samples",
            x=[*measured.answer_only],
            measured=_curves(measured.answer_only),
            **shared,
        ),
    ]


def _curves(arms: dict[int, Arm]) -> dict[str, np.ndarray]:
    return {
        "unseen pairs": np.stack([arm.unseen.exact["answer"] for arm in arms.values()], axis=1),
        "trained pairs": np.stack([arm.trained.exact["answer"] for arm in arms.values()], axis=1),
    }
