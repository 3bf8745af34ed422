"""At equal FLOPs a small model that answers often beats one fourteen times as large that answers once, on easy prompts.

Source       Snell, Lee, Xu, Kumar, arXiv:2408.03314, section 7 and figure 9
Prediction   Training costs 6 and inference 2 FLOPs a parameter and token. Where a model writes R times as many tokens in its
             life as it was trained on, the small one may answer m = M + 3 (M - 1) / R times for what the training and one
             answer of a model M times as large cost: 258, 63 and 16 times at R of .16, .79 and 22 for M = 14. The paper
             finds the sign pattern: a gain on easy prompts where R is small, a loss on hard ones where it is large. Its
             large model answers greedily, once. We add the one that answers four times, the small one again getting what
             that costs, M c + 3 (M - 1) / R times. Both are trained on the same problems. Answers are chosen by a verifier
             with noise, or by vote. Easy, middle and hard are thirds of the prompts by the small model's own answers.
Refuted if   At R = .16 the small model does not win on easy prompts, or at R = 22 it does not lose on hard ones.
Run          alchemy reproduce small_or_large --preset small      # a quarter of an hour on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from alchemy.decoding.ledger import BUDGET
from alchemy.lab.lab import Lab
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
)
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import Interval, paired_difference, two_level
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import Replayed, averaged, of_answers
from alchemy.testtime.simulated_verifiers import noisy, scored
from experiments.budgets.chains import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
)
from models.transformer import Transformer

CLAIM = Claim(
    sentence="At equal FLOPs a small model that answers often beats one 14 times as large that answers once, if prompts are easy.",
    source="arXiv:2408.03314, section 7",
    prediction="small wins on easy prompts where inference is rare (R = .16), loses on hard ones where it is common (R = 22)",
    refuted_if="no win on easy prompts at R = .16, or no loss on hard ones at R = 22",
)
RATIOS = (0.16, 0.79, 22.0)
"""Tokens written in a model's life over those it was trained on."""
THIRDS = ("hard", "middle", "easy")


@dataclass(frozen=True)
class Config(Setting):
    test: int = 400
    samples: int = 256
    large: Transformer = field(default_factory=Transformer)
    noise: float = 0.6
    """Standard deviation of the noise on the verifier's 0 or 1."""
    several: int = 4
    """Answers of the large model where it may answer more than once."""


PRESETS = {
    "smoke": Config(**{**SMOKE, "samples": 32}, large=replace(SMOKE["model"], width=32), several=2),
    "small": Config(**{**SMALL, "seeds": 3}, large=replace(SMALL["model"], width=256, hidden=448)),
    "full": Config(
        **{**FULL, "samples": 1024}, large=replace(FULL["model"], width=768, heads=12, hidden=2048, layers=6)
    ),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    small, large = config.bank(lab)[1], replace(config, model=config.large, samples=4 * config.several).bank(lab)[1]
    small, large = (
        scored(one, verifier=noisy(one, seed, config.noise, 0.0)) for seed, one in enumerate((small, large))
    )
    times = large.parameters / small.parameters
    half = small.shape[2] // 4
    third = _thirds(small.right[..., :half].mean(axis=2))
    spent = of_answers(small, slice(half, None))
    measured: dict[str, Any] = {
        "M": times,
        "one answer": {
            "small": two_level(small.right.mean(axis=2), 0),
            "large": two_level(large.right.mean(axis=2), 0),
        },
        "one answer, large - small": paired_difference(large.right.mean(axis=2), small.right.mean(axis=2), 0),
    }
    ways: dict[str, Replayed] = {"verifier": BestOfN("verifier"), "vote": SelfConsistency()}
    for name, way in ways.items():
        for count in (1, config.several):
            theirs = averaged(way, large, count, 0)[0]
            measured[_label(name, count)] = [
                _against(way, spent, theirs, third, times * count + 3 * (times - 1) / ratio) for ratio in RATIOS
            ]
    return {**measured, "several": config.several, "ways": list(ways)}


def _label(way: str, count: int) -> str:
    return f"{way}, large answers {count}"


def _thirds(p: np.ndarray) -> np.ndarray:
    """Which third of its model's problems each is in, int (s, n): 0 the hardest."""
    rank = np.argsort(np.argsort(p, axis=1, kind="stable"), axis=1)
    return rank * 3 // p.shape[1]


def _against(way: Replayed, small: Bank, large: np.ndarray, third: np.ndarray, times: float) -> dict[str, Any]:
    """The small model's so many answers against the large one's, by difficulty; at most what the bank holds."""
    count = min(round(times), small.shape[2])
    ours = averaged(way, small, count, 0)[0]
    gains = {name: _gain(ours, large, third == number) for number, name in enumerate(THIRDS)}
    return {"answers": times, "answers, of the bank": count, **gains}


def _gain(ours: np.ndarray, theirs: np.ndarray, there: np.ndarray) -> Interval:
    """The mean difference over problems of one third; thirds differ between seeds, so that each seed has its own."""
    each = [np.flatnonzero(one) for one in there]
    size = min(map(len, each))
    rows = np.stack([one[:size] for one in each])
    return paired_difference(np.take_along_axis(ours, rows, axis=1), np.take_along_axis(theirs, rows, axis=1), 0)


def check(measured: Mapping[str, Any]) -> list[Check]:
    rows, several = measured["verifier, large answers 1"], measured[_label("verifier", measured["several"])]
    better = measured["one answer, large - small"]
    return [
        at_least("one answer: large - small", better, 0.0, "it is the better model", precondition=True),
        at_least("R = .16, easy: small - large", rows[0]["easy"], 0.0, "the paper: +19 % relative, by search"),
        at_most("R = 22, hard: small - large", rows[2]["hard"], 0.0, "the paper: -53 % relative, by search"),
        at_most("R = 22, hard: small - large that answers several times", several[2]["hard"], 0.0, "the arm it lacks"),
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    several = measured["several"]
    return [
        Curves(
            name=f"small_or_large_{count}",
            title=f"Small less large at equal FLOPs, by a verifier; the large one answers {count} time{'s'[: count > 1]}",
            x_label="R, tokens written over tokens trained on",
            y_label="accuracy gained",
            x=RATIOS,
            log_x=True,
            ticks=[f"{ratio:g}" for ratio in RATIOS],
            measured={name: [row[name] for row in measured[_label("verifier", count)]] for name in THIRDS},
            theory={"equal": [0.0] * len(RATIOS)},
            note=f"training at 6 and inference at 2 FLOPs a parameter and token; {BUDGET}",
        )
        for count in (1, several)
    ]
