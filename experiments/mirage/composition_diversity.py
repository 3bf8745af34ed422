"""The mirage is an identification problem: with enough different compositions, unseen ones are solved step by step.

Source       Ours, against Zhao et al., arXiv:2508.01191, section 5.1. Its CMP test leaves the meaning of the held-out
             composition open: F1 with rotation 13 is its own inverse, F1 and F2 commute, and three of four compositions
             hold two functions, which a model can tell apart without reading its own steps. Diverse training is known
             to compose elsewhere: Ramesh et al., arXiv:2311.12997; Abedsoltan et al., arXiv:2502.08991.
Prediction   Twelve primitives that mostly neither commute nor undo themselves, each also seen alone; of their 144 pairs
             36 are held out and n of the others are trained on, at the same number of samples. With chain of thought
             held-out pairs on held-out elements go from near 0 at n = 4 to near 100 % at n = 108; half of them are solved
             before 36 pairs are seen. Answers alone lag far behind at the same budget. Diversity of compositions cures
             nothing else: elements of other lengths, chains of three steps and noise still fail.
Refuted if   At n = 108 held-out pairs are under 90 %, or at n = 4 over 10 %; 50 % is first reached after n = 36; answers
             alone come within 30 points at n = 108; or lengths 3 and 5 or three steps are solved by more than 10 %.
Run          alchemy reproduce composition_diversity --preset small      # 3-4 minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
)
from alchemy.report.former_figures import Bars, Curves, Figure
from alchemy.stats.measure import (
    Interval,
    difference,
    threshold_crossing,
    two_level,
)
from alchemy.testtime.answers import Answers
from experiments.mirage.setting import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
)
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="The mirage is an identification problem: trained on enough compositions, models solve unseen ones by steps.",
    source="ours, against arXiv:2508.01191, section 5.1",
    prediction="held-out pairs: under 10 % at 4 trained pairs, over 90 % at 108, half solved before 36; answers alone lag",
    refuted_if="under 90 % at 108 pairs, over 10 % at 4, 50 % only after 36, or answers alone within 30 points",
    headline=True,
)
PRIMITIVES = (
    "rot3",
    "rot7",
    "table1",
    "table2",
    "table3",
    "table4",
    "shift1",
    "shift3",
    "swap0-1",
    "swap1-2",
    "swap0-3",
    "reverse",
)
SURVIVORS = {
    "length 3": "length=3",
    "length 5": "length=5",
    "three steps": "steps=3",
    "noise .1": "noise=hybrid:0.1",
}


@dataclass(frozen=True)
class Config(Setting):
    train: TrainConfig = TrainConfig()
    alphabet: str = "ABCDEFGHIJKL"
    held_out: int = 36
    """Pairs never trained on, the same in every model."""
    pairs: tuple[int, ...] = (4, 12, 36, 108)
    """How many other pairs are trained on, drawn anew for every seed."""
    answer_only: tuple[int, ...] = (36, 108)
    """For which of these to train without chain of thought too."""
    alone: float = 0.3
    """Share of training problems with one primitive alone."""


PRESETS = {
    "smoke": Config(**SMOKE, pairs=(4, 108), answer_only=(108,)),
    "small": Config(**{**SMALL, "train": TrainConfig(steps=500, batch=64, learning_rate=6e-3)}),
    "full": Config(
        **{**FULL, "loss": "completion", "train": TrainConfig(steps=4000, batch=1024, chunk=500)},
        pairs=(4, 8, 12, 18, 24, 36, 54, 72, 108),
        answer_only=(4, 12, 36, 108),
    ),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    measured: dict[str, Any] = {"pairs": list(config.pairs), "answer only": list(config.answer_only)}
    unseen: dict[int, np.ndarray] = {}
    for cot, counts in ((True, config.pairs), (False, config.answer_only)):
        for count in counts:
            answers = _answers(config, lab, count, cot)
            name = f"{count} pairs" if cot else f"{count} pairs, answer only"
            measured[name] = {test: _scores(each) for test, each in answers.items()}
            measured[name]["unseen pairs"]["floors"] = answers["unseen pairs"][0].floors()
            if cot:
                unseen[count] = np.concatenate([each.values("exact_match") for each in answers["unseen pairs"]])
    measured["pairs to 50 %"] = threshold_crossing(
        np.array(config.pairs), np.stack([unseen[count] for count in config.pairs]), 0.5, 0, falling=False
    )
    return measured


def _answers(config: Config, lab: Lab, count: int, cot: bool) -> dict[str, list[Answers]]:
    """The answers of all seeds, each of which was trained on pairs of its own."""
    most = max(config.pairs)
    alone = Symbols(
        compositions=PRIMITIVES, primitives=PRIMITIVES, alphabet=config.alphabet, dialect="uniform", cot=cot
    )
    by_test: dict[str, list[Answers]] = {}
    for seed in range(config.seeds):
        held_out, trained = _pairs(config.held_out, count, seed)
        weights = (config.alone / len(PRIMITIVES),) * len(PRIMITIVES) + ((1 - config.alone) / count,) * count
        task = replace(alone, compositions=PRIMITIVES + trained, weights=weights)
        label = f"train on {count} pairs{'' if cot else ', answer only'}, seed {seed}"
        runs = lab.train(config.model, task, config.train, seeds=(seed,), loss=config.loss, label=label)
        tests = {
            "trained pairs": replace(alone, compositions=trained),
            "unseen pairs": replace(alone, compositions=held_out),
        }
        if cot and count == most:
            base = replace(alone, compositions=trained)
            tests |= {name: base.shift(shift)(base) for name, shift in SURVIVORS.items()}
        for name, test in tests.items():
            by_test.setdefault(name, []).append(lab.answer(runs, test, config.test, label=f"answer {name}"))
    return by_test


def _pairs(held_out: int, count: int, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The pairs nobody is trained on, and `count` of the others, drawn for `seed`."""
    everything = [f"{first} {second}" for first in PRIMITIVES for second in PRIMITIVES]
    order = np.random.default_rng(0).permutation(len(everything))
    rest = np.random.default_rng([seed, 1]).permutation(order[held_out:])[:count]
    return tuple(everything[i] for i in order[:held_out]), tuple(everything[i] for i in sorted(rest))


def _scores(each: list[Answers]) -> dict[str, Interval]:
    """Scores of seeds that answered problems of their own."""
    wanted = {
        "exact full": ("exact_match", "full"),
        "exact reasoning": ("exact_match", "reasoning"),
        "exact answer": ("exact_match", "answer"),
        "distance full": ("edit_distance", "full"),
    }
    return {name: two_level(np.concatenate([one.values(*how) for one in each]), 0) for name, how in wanted.items()}


def check(measured: Mapping[str, Any]) -> list[Check]:
    few, most = min(measured["pairs"]), max(measured["pairs"])
    best = measured[f"{most} pairs"]
    chain, alone = (
        best["unseen pairs"]["exact answer"],
        measured[f"{most} pairs, answer only"]["unseen pairs"]["exact answer"],
    )
    checks = [
        at_least(
            f"{most} pairs, trained pairs: exact",
            best["trained pairs"]["exact full"],
            0.95,
            "learned at all",
            precondition=True,
        ),
        at_least(f"{most} pairs, unseen pairs: exact", best["unseen pairs"]["exact full"], 0.9, "near 100 %"),
        at_most(
            f"{few} pairs, unseen pairs: exact", measured[f"{few} pairs"]["unseen pairs"]["exact full"], 0.1, "near 0"
        ),
        at_most("pairs to 50 %", measured["pairs to 50 %"], 36, "a quarter of all pairs"),
        at_least(f"{most} pairs: answers by chain - answers alone", difference(chain, alone), 0.3, "far behind"),
    ]
    return checks + [
        at_most(f"{most} pairs, {name}: exact", best[name]["exact full"], 0.1, "not cured by diversity")
        for name in SURVIVORS
        if not name.startswith("noise")
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    pairs, alone = measured["pairs"], measured["answer only"]
    best = measured[f"{max(pairs)} pairs"]
    shared = {"x_label": "pairs trained on, of 144", "y_label": "exact answer", "log_x": True, "theory": {}}
    return [
        Curves(
            name="composition_diversity",
            title="Unseen compositions are solved once enough others were seen, by steps",
            x=pairs,
            measured={
                f"{test}, chain of thought": [measured[f"{count} pairs"][test]["exact answer"] for count in pairs]
                for test in ("unseen pairs", "trained pairs")
            },
            **shared,
        ),
        Curves(
            name="composition_diversity_answer_only",
            title="Answers alone, at the same number of samples",
            x=alone,
            measured={
                test: [measured[f"{count} pairs, answer only"][test]["exact answer"] for count in alone]
                for test in ("unseen pairs", "trained pairs")
            },
            **shared,
        ),
        Bars(
            name="composition_diversity_survivors",
            title=f"After training on {max(pairs)} pairs: what diversity of compositions does not cure",
            y_label="exact match, full chain",
            groups=["trained pairs", "unseen pairs", *SURVIVORS],
            measured={
                "chain of thought": [best[name]["exact full"] for name in ("trained pairs", "unseen pairs", *SURVIVORS)]
            },
            theory={},
        ),
    ]
