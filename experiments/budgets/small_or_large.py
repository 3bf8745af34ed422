"""At equal FLOPs a small model that answers often beats one fourteen times as large that answers once, on easy prompts.

Source       Snell, Lee, Xu, Kumar, arXiv:2408.03314, section 7 and figure 9
Prediction   Training costs 6 and inference 2 FLOPs a parameter and token. Where a model writes R times as many tokens in its
             life as it was trained on, the small one may answer m = M + 3 (M - 1) / R times for what the training and one
             answer of a model M times as large cost: 258, 63 and 16 times at R of .16, .79 and 22 for M = 14. The paper
             finds the sign pattern: a gain on easy prompts where R is small, a loss on hard ones where it is large. Its
             large model answers greedily, once. We add the one that answers four times, the small one again getting what
             that costs, M c + 3 (M - 1) / R times. Both are trained on the same problems. Answers are chosen by a verifier
             with noise, or by vote. Easy, middle and hard are thirds of a seed's prompts by its small model's own answers,
             others than those that are compared. One pair of model sizes is compared: what is found is not yet known of
             others.
Refuted if   At R = .16 the small model does not win on easy prompts, or at R = 22 it does not lose on hard ones. A seed whose
             large model is not the better one, answer for answer, is not judged.
Run          alchemy reproduce small_or_large --preset small      # an hour on 2 busy CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.decoding.ledger import BUDGET
from alchemy.lab.lab import Lab
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split, stacked
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import Replayed, averaged, by_seed, of_answers, of_problems
from alchemy.testtime.simulated_verifiers import noisy, scored
from experiments.budgets.chains import FULL, SMOKE, Setting, full, smoke
from models.transformer import Transformer

CLAIM = Claim(
    sentence="At equal FLOPs a small model that answers often beats one 14 times as large that answers once, if prompts are easy.",
    source="arXiv:2408.03314, section 7",
    prediction="for one pair of sizes: small wins on easy prompts at R = .16, where inference is rare, and loses on hard ones "
    "at R = 22, where it is common",
    refuted_if="no win on easy prompts at R = .16, or no loss on hard ones at R = 22",
    question="How is a budget best spent?",
)
RATIOS = (0.16, 0.79, 22.0)
"""Tokens written in a model's life over those it was trained on."""
THIRDS = ("hard", "middle", "easy")


@dataclass(frozen=True)
class Config(Setting):
    seeds: int = 5
    """Dear ones: five that agree are enough for HOLDS; FAILS needs eight or nine."""
    test: int = 1600
    samples: int = 256
    large: Transformer = replace(Setting.model, width=256, hidden=448)
    noise: float = 0.6
    """Standard deviation of the noise on the verifier's 0 or 1."""
    several: int = 4
    """Answers of the large model where it may answer more than once."""
    draws: int = 16
    """Random orders of the answers that are averaged: the large model's one answer is any of sixteen."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, large=replace(SMOKE["model"], width=32), draws=4),
    "small": SMALL,
    "full": full(SMALL, samples=1024, large=replace(FULL["model"], width=768, heads=12, hidden=2048, layers=6)),
}


class Gains(NamedTuple):
    """Accuracy of the small model's answers less that of the large one's, at equal FLOPs: (s, RATIOS, THIRDS) each."""

    once: np.ndarray  # the large model answers once
    several: np.ndarray  # it answers several times, and its answers are chosen from as well


@dataclass(frozen=True)
class Measured:
    better: np.ndarray
    """Accuracy of one answer of the large model less that of one of the small model, on the problems of the gate: (s,)."""
    several: np.ndarray
    """Answers of the large model where it may answer more than once: (s,), the same for all seeds."""
    verifier: Gains
    """Answers are chosen by a verifier with noise."""
    vote: Gains


def run(config: Config, lab: Lab) -> Measured:
    small = config.bank(lab)[1]
    large = replace(config, model=config.large, samples=4 * config.several).bank(lab)[1]
    banks = zip(by_seed(small), by_seed(large), lab.seeds(config.seeds), strict=True)
    return stacked([_one_seed(config, own_small, own_large, seed) for own_small, own_large, seed in banks])


def _one_seed(config: Config, small: Bank, large: Bank, seed: int) -> Measured:
    gated, judged = gate_split(small.shape[1])
    better = large.right[:, gated].mean() - small.right[:, gated].mean()
    noises = (stream("verifier noise", seed, size) for size in (0, 1))
    small, large = (
        scored(of_problems(bank, judged), verifier=noisy(of_problems(bank, judged), noise, config.noise, 0.0))
        for bank, noise in zip((small, large), noises, strict=True)
    )
    return Measured(
        better,
        np.array(config.several),
        *(_gains(way, small, large, config, seed) for way in (BestOfN("verifier"), SelfConsistency())),
    )


def _gains(way: Replayed, small: Bank, large: Bank, config: Config, seed: int) -> Gains:
    times, quarter = large.parameters / small.parameters, small.shape[2] // 4
    third = _thirds(small.right[0, :, :quarter].mean(axis=1))
    spent, rng = of_answers(small, slice(quarter, None)), stream("replayed answers", seed)

    def against(count: int) -> np.ndarray:
        theirs = averaged(way, large, count, rng, config.draws)[0][0]
        rows = []
        for ratio in RATIOS:
            answers = min(round(times * count + 3 * (times - 1) / ratio), spent.shape[2])  # at most what the bank holds
            ours = averaged(way, spent, answers, rng, config.draws)[0][0]
            rows.append([(ours - theirs)[third == number].mean() for number in range(len(THIRDS))])
        return np.array(rows)

    return Gains(against(1), against(config.several))


def _thirds(p: np.ndarray) -> np.ndarray:
    """Which third of a seed's problems each is in by the share of right answers (n,), int (n,): 0 the hardest."""
    rank = np.argsort(np.argsort(p, kind="stable"))
    return rank * 3 // len(p)


def check(measured: Measured) -> list[Check]:
    once, several = measured.verifier
    rare, common = RATIOS.index(0.16), RATIOS.index(22.0)
    hard, easy = THIRDS.index("hard"), THIRDS.index("easy")
    gates = (Gate("one answer: large - small", measured.better, 0.0, inf, "it is the better model"),)
    return [
        at_least(
            "R = .16, easy: small - large",
            once[:, rare, easy],
            0.0,
            "the paper: +19 % relative, by search",
            gates=gates,
        ),
        at_most(
            "R = 22, hard: small - large",
            once[:, common, hard],
            0.0,
            "the paper: -53 % relative, by search",
            gates=gates,
        ),
        at_most(
            "R = 22, hard: small - large that answers several times",
            several[:, common, hard],
            0.0,
            "the arm it lacks",
            gates=gates,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    counts = (1, int(measured.several[0]))
    return [
        Curves(
            name=f"small_or_large_{count}",
            title=f"Small less large at equal FLOPs, by a verifier; the large one answers {count} time{'s'[: count > 1]}",
            x_label="R, tokens written over tokens trained on",
            y_label="accuracy gained",
            x=RATIOS,
            log_x=True,
            ticks=[f"{ratio:g}" for ratio in RATIOS],
            measured={name: gains[:, :, place] for place, name in enumerate(THIRDS)},
            theory={"equal": [0.0] * len(RATIOS)},
            note=f"training at 6 and inference at 2 FLOPs a parameter and token; {BUDGET}",
        )
        for count, gains in zip(counts, measured.verifier, strict=True)
    ]
