"""Choosing how to search by how hard a prompt is beats any one way to search, by several times the compute.

Source       Snell, Lee, Xu, Kumar, arXiv:2408.03314, section 5.3 (16 answers chosen by difficulty do as well as best-of-64)
Prediction   Every prompt has the same number of chains; only the way to spend them depends on its difficulty: a vote, a
             weighted vote, best-of-n or a beam, all by one verifier that judges steps with noise. The paper compares with
             best-of-n and does not charge the 2,048 answers its difficulty is read from. We add the baseline it lacks, the
             one way that is best for all prompts, both chosen on the other half of the problems, and the price of an
             estimate. By simulation most of the gain is that of the better way, not of the choice: over best-of-n at 16 a
             k of 2 and more is likely, over the best single way hardly any.
Refuted if   Over the best single way k is under 1.5 with facts of the prompt as the estimate, which cost nothing; or over
             best-of-n k is under 3 ("4 times") with the true difficulty, uncharged as in the paper.
Run          alchemy reproduce strategy_by_difficulty --preset small      # eight minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.decoding.ledger import BUDGET
from alchemy.decoding.sampler import Branches
from alchemy.lab.lab import Lab
from alchemy.lab.search import search
from alchemy.problem.task import EOS
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
)
from alchemy.report.former_figures import Bars, Curves, Figure
from alchemy.stats.measure import exact, paired_difference, two_level
from alchemy.strategies.beam import Beam
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.strategies.weighted_vote import WeightedVote
from alchemy.testtime.allocation import folds, guessed
from alchemy.testtime.answers import Samples
from alchemy.testtime.bank import Bank
from alchemy.testtime.multiplier import multiplier
from alchemy.testtime.replay import Curve, averaged, of_answers
from alchemy.testtime.rewards import OracleReward
from alchemy.testtime.simulated_verifiers import scored
from experiments.budgets.chains import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
)

CLAIM = Claim(
    sentence="Choosing how to search by a prompt's difficulty beats any one way to search, by several times the compute.",
    source="arXiv:2408.03314, section 5.3",
    prediction="k of at least 3 over best-of-n with free difficulty, and of 1.5 over the best single way by facts",
    refuted_if="k under 3 over best-of-n, or under 1.5 over the best single way",
)
WAYS = ("vote", "weighted", "best of n", "beam")


@dataclass(frozen=True)
class Config(Setting):
    test: int = 600
    samples: int = 128
    """Half of them say how hard a problem is, half are spent."""
    budgets: tuple[int, ...] = (4, 16, 64)
    """Chains a prompt; the choice is judged at the middle one."""
    width: int = 4
    noise: float = 0.6
    """Standard deviation of the noise on the verifier's 0 or 1."""
    bins: int = 5
    """Kinds of difficulty."""
    pilot: int = 4
    """Answers an estimate is made of where it is charged."""


PRESETS = {
    "smoke": Config(**{**SMOKE, "samples": 32}, budgets=(2, 4, 16), width=2, bins=2),
    "small": Config(**SMALL),
    "full": Config(**{**FULL, "samples": 512}, budgets=(4, 16, 64, 256)),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    samples, bank = config.bank(lab)
    half = bank.shape[2] // 2
    known = bank.right[..., :half].mean(axis=2)
    ways = _ways(config, lab, samples, bank, half)
    place = len(config.budgets) // 2
    facts, first = guessed(bank.facts, known), of_answers(bank, slice(0, config.pilot))
    estimates = {
        "true difficulty, free": (known, 0.0),
        "facts": (facts, 0.0),
        f"{config.pilot} answers, charged": (_agreement(first), _cost(first)),
    }
    single = _single(ways)
    best_of_n = ways["best of n"]
    measured: dict[str, Any] = {
        "budgets": list(config.budgets),
        "one chain": two_level(bank.right.mean(axis=2), 0),
        **{name: [two_level(one, 0) for one in curve.right] for name, curve in ways.items()},
        "by difficulty": _by_difficulty(ways, known, place, config.bins),
    }
    for name, (estimate, cost) in estimates.items():
        right, flops = _chosen(ways, estimate, place, config.bins)
        measured[name] = {
            "right": two_level(right, 0),
            "over the best single way": paired_difference(right, single.right[place], 0),
            "k over the best single way": multiplier(single, right, flops + cost, 0),
            "k over best of n": multiplier(best_of_n, right, flops + cost, 0),
        }
    return measured


def _ways(config: Config, lab: Lab, samples: Samples, bank: Bank, half: int) -> dict[str, Curve]:
    """Every way at every budget; those that choose among answers spend the second half of the bank."""
    task, batch, completions = samples
    reward = OracleReward(task, batch, "step", config.noise)
    said = [Branches(one, np.zeros(one.shape[:2]), (one == EOS).any(axis=2)) for one in completions]
    spent = of_answers(scored(bank, verifier=np.stack([reward.score(one) for one in said])), slice(half, None))
    replays = {"vote": SelfConsistency(), "weighted": WeightedVote("verifier", 1.0), "best of n": BestOfN("verifier")}
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in WAYS}
    for budget in config.budgets:
        for name, way in replays.items():
            right, bill = averaged(way, spent, min(budget, spent.shape[2]), 0)
            found[name].append((right, bill.flops))
        beam = search(
            lab,
            config.fit(lab),
            task,
            batch,
            Beam(budget, min(config.width, budget)),
            reward,
            temperature=config.temperature,
            label=f"beam of {budget}",
        )
        hits = np.stack([task.verify(batch, one).answer for one in beam.completions]).astype(float)
        found["beam"].append((hits, beam.ledger.flops))
    return {
        name: Curve(np.array(config.budgets), *map(np.stack, zip(*rows, strict=True))) for name, rows in found.items()
    }


def _agreement(first: Bank) -> np.ndarray:
    """How well a few answers agree: the share that says what most say, (s, n)."""
    same = (first.answer[..., None] == first.answer[..., None, :]) & (first.answer[..., None] >= 0)
    return same.mean(axis=3).max(axis=2)


def _cost(first: Bank) -> np.ndarray:
    """FLOPs of these answers; the prompt's cache is shared with those that follow."""
    return 2.0 * first.parameters * first.tokens.sum(axis=2)


def _kinds(estimate: np.ndarray, bins: int) -> np.ndarray:
    """The quantile of each problem's estimate for its model, int (s, n)."""
    edges = np.quantile(estimate, np.arange(1, bins) / bins, axis=1)  # (bins - 1, s)
    return (estimate[None] > edges[..., None]).sum(axis=0)


def _chosen(ways: Mapping[str, Curve], estimate: np.ndarray, place: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Right and FLOPs (s, n) of the way that was best for problems of that kind in the other half."""
    right, flops = (np.stack([getattr(ways[name], part)[place] for name in WAYS]) for part in ("right", "flops"))
    kinds, choice = _kinds(estimate, bins), np.zeros(estimate.shape, int)
    half = folds(estimate.shape[1])
    for judged in (half, ~half):
        for kind in range(bins):
            taught = (kinds == kind) & ~judged
            if taught.any():
                choice[(kinds == kind) & judged] = int(right[:, taught].mean(axis=1).argmax())
    return tuple(np.take_along_axis(part, choice[None], axis=0)[0] for part in (right, flops))


def _single(ways: Mapping[str, Curve]) -> Curve:
    """At every budget the one way that was best for all problems of the other half."""
    half = folds(ways["vote"].right.shape[2])
    right, flops = (np.stack([getattr(ways[name], part) for name in WAYS]) for part in ("right", "flops"))
    chosen = {"right": right[0].copy(), "flops": flops[0].copy()}
    for judged in (half, ~half):
        for place, best in enumerate(right[..., ~judged].mean(axis=(2, 3)).argmax(axis=0)):
            chosen["right"][place][:, judged] = right[best, place][:, judged]
            chosen["flops"][place][:, judged] = flops[best, place][:, judged]
    return Curve(ways["vote"].sizes, chosen["right"], chosen["flops"])


def _by_difficulty(ways: Mapping[str, Curve], known: np.ndarray, place: int, bins: int) -> dict[str, list[float]]:
    """Accuracy of each way by true difficulty, the hardest first."""
    kinds = _kinds(known, bins)
    return {
        name: [
            float(curve.right[place][kinds == kind].mean()) if (kinds == kind).any() else float("nan")
            for kind in range(bins)
        ]
        for name, curve in ways.items()
    }


def check(measured: Mapping[str, Any]) -> list[Check]:
    free, facts = measured["true difficulty, free"], measured["facts"]
    return [
        at_least("one chain: accuracy", measured["one chain"], 0.05, "there is something to select", precondition=True),
        at_most(
            "one chain: accuracy at most", measured["one chain"], 0.8, "there is something to gain", precondition=True
        ),
        at_least("true difficulty, free: k over best of n", free["k over best of n"], 3.0, "the paper: 4 times"),
        at_least("facts: k over the best single way", facts["k over the best single way"], 1.5, "the control it lacks"),
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    chosen = [name for name in measured if isinstance(measured[name], dict) and "k over best of n" in measured[name]]
    hardest = measured["by difficulty"]
    bins = len(hardest["vote"])
    return [
        Curves(
            name="strategy_by_difficulty",
            title="One way to search for all prompts",
            x_label="chains a prompt",
            y_label="accuracy",
            x=measured["budgets"],
            log_x=True,
            ticks=[str(budget) for budget in measured["budgets"]],
            measured={name: measured[name] for name in WAYS},
            theory={},
            note=f"the choice by difficulty is judged at the middle budget; k in {BUDGET}",
        ),
        Bars(
            name="strategy_by_difficulty_chosen",
            title="Chosen by difficulty, less the best single way",
            y_label="accuracy gained",
            groups=chosen,
            measured={"gain": [measured[name]["over the best single way"] for name in chosen]},
            theory={},
        ),
        Curves(
            name="strategy_by_difficulty_bins",
            title="Every way by true difficulty",
            x_label="quantile of difficulty, the hardest first",
            y_label="accuracy",
            x=list(range(1, bins + 1)),
            measured={name: [exact(share) for share in shares] for name, shares in hardest.items()},
            theory={},
        ),
    ]
