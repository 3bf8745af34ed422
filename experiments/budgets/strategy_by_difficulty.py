"""Choosing how to search by how hard a prompt is beats any one way to search, by several times the compute.

Source       Snell, Lee, Xu, Kumar, arXiv:2408.03314, section 5.3 (16 answers chosen by difficulty do as well as best-of-64)
Prediction   Every prompt has the same number of chains; only the way to spend them depends on its difficulty: a vote, a
             weighted vote, best-of-n or a beam, all by one verifier that judges steps with noise. The paper compares with
             best-of-n and does not charge the 2,048 answers its difficulty is read from. We add the baseline it lacks, the
             one way that is best for all prompts, both chosen on the other half of a seed's problems, and the price of an
             estimate. By simulation most of the gain is that of the better way, not of the choice: over best-of-n at 16 a
             k of 2 and more is likely, over the best single way hardly any.
Refuted if   Over the best single way k is under 1.5 with facts of the prompt as the estimate, which cost nothing; or over
             best-of-n k is under 3 ("4 times") with the true difficulty, uncharged as in the paper.
Run          alchemy reproduce strategy_by_difficulty --preset small      # about two minutes a seed on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.decoding.ledger import BUDGET
from alchemy.decoding.sampler import Branches
from alchemy.lab.lab import Lab
from alchemy.lab.search import search
from alchemy.problem.streams import stream
from alchemy.problem.task import EOS
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split, stacked
from alchemy.strategies.beam import Beam
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.strategies.weighted_vote import WeightedVote
from alchemy.testtime.allocation import folds, guessed
from alchemy.testtime.answers import Answers, Samples
from alchemy.testtime.bank import Bank
from alchemy.testtime.multiplier import largest_multiplier, multiplier
from alchemy.testtime.replay import Curve, Replayed, by_seed, curve, of_answers, of_problems
from alchemy.testtime.rewards import OracleReward
from alchemy.testtime.simulated_verifiers import scored
from experiments.budgets.chains import Setting, between_extremes, full, smoke

CLAIM = Claim(
    sentence="Choosing how to search by a prompt's difficulty beats any one way to search, by several times the compute.",
    source="arXiv:2408.03314, section 5.3",
    prediction="k of at least 3 over best-of-n with free difficulty, and of 1.5 over the best single way by facts",
    refuted_if="k under 3 over best-of-n, or under 1.5 over the best single way",
    question="How is a budget best spent?",
)
REPLAYED: Mapping[str, Replayed] = {
    "vote": SelfConsistency(),
    "weighted": WeightedVote("verifier", 1.0),
    "best of n": BestOfN("verifier"),
}
STRATEGIES = (*REPLAYED, "beam")


@dataclass(frozen=True)
class Config(Setting):
    test: int = 1000
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


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, budgets=(2, 4), width=2, bins=2),
    "small": SMALL,
    "full": full(SMALL, samples=512, budgets=(4, 16, 64, 256)),
}


class Chosen(NamedTuple):
    """The strategy chosen by one estimate of difficulty, at the middle budget; arrays (s,)."""

    accuracy: np.ndarray
    gain: np.ndarray  # accuracy less that of the best single strategy
    k_single: np.ndarray  # multiplier over the best single strategy
    k_best_of_n: np.ndarray  # multiplier over best-of-n
    largest_single: np.ndarray  # the largest that these two curves can show
    largest_best_of_n: np.ndarray


@dataclass(frozen=True)
class Measured:
    """A number a seed, arrays (s,), and tables of the strategies in the order of STRATEGIES."""

    one_chain: np.ndarray
    """Accuracy, on the problems of the gate."""
    budgets: np.ndarray
    """Chains a prompt: (s, m), the same for all seeds."""
    accuracy: np.ndarray
    """Of each strategy at each budget: (s, strategies, m)."""
    by_difficulty: np.ndarray
    """Of each strategy at the middle budget by quantile of true difficulty, the hardest first: (s, strategies, bins); nan if empty."""
    known: Chosen
    """By the true difficulty, free."""
    facts: Chosen
    """By facts of the prompt."""
    pilot: Chosen
    """By how well a few answers agree, charged."""


def run(config: Config, lab: Lab) -> Measured:
    samples, bank = config.bank(lab)
    beams = _beams(config, lab, samples)
    ranked = scored(bank, verifier=_verdicts(samples, config.noise))
    seeds = zip(by_seed(ranked), beams, lab.seeds(config.seeds), strict=True)
    return stacked([_one_seed(config, own, beam, seed) for own, beam, seed in seeds])


def _verdicts(samples: Samples, noise: float) -> np.ndarray:
    """The verifier's scores of the answers of a bank, float (s, n, k)."""
    seeds, n, k, m = samples.completions.shape
    tokens = samples.completions.reshape(seeds * n, k, m)
    whole = Branches(tokens, np.zeros(tokens.shape[:2]), (tokens == EOS).any(axis=2))
    return OracleReward(samples.task, samples.batch, "step", noise).score(whole).reshape(seeds, n, k)


def _beams(config: Config, lab: Lab, samples: Samples) -> list[Curve]:
    """A beam at every budget, a curve (m, 1, n) for each seed."""
    task, batch, _ = samples
    reward, right, flops = OracleReward(task, batch, "step", config.noise), [], []
    for budget in config.budgets:
        beam = Beam(budget, min(config.width, budget))
        answered = search(
            lab, config.fit(lab), task, batch, beam, reward, temperature=config.temperature, label=f"beam of {budget}"
        )
        right.append(Answers(task, batch, answered.completions).judgement.answer.astype(float))
        flops.append(answered.ledger.flops)
    sizes, parts = np.array(config.budgets), zip(np.stack(right, axis=1), np.stack(flops, axis=1), strict=True)
    return [Curve(sizes, right[:, None], flops[:, None]) for right, flops in parts]


def _one_seed(config: Config, bank: Bank, beam: Curve, seed: int) -> Measured:
    gated, judged = gate_split(bank.shape[1])
    own, middle = of_problems(bank, judged), len(config.budgets) // 2
    half = own.shape[2] // 2
    known, first = own.right[..., :half].mean(axis=2)[0], of_answers(own, slice(0, config.pilot))
    spent, rng = of_answers(own, slice(half, None)), stream("replayed ways", seed)
    curves = [*(curve(strategy, spent, config.budgets, rng) for strategy in REPLAYED.values()), beam.of(judged)]
    single, best_of_n = _single(curves), curves[STRATEGIES.index("best of n")]

    def chosen(estimate: np.ndarray, cost: np.ndarray | float = 0.0) -> Chosen:
        right, flops = (part[None] for part in _by_kind(curves, _kinds(estimate, config.bins), middle, config.bins))
        arm = right, flops + cost
        ratios = [
            measure(uniform, *arm)[0] for measure in (multiplier, largest_multiplier) for uniform in (single, best_of_n)
        ]
        return Chosen(right.mean(), (right - single.right[middle]).mean(), *ratios)

    return Measured(
        one_chain=bank.right[:, gated].mean(),
        budgets=np.array(config.budgets),
        accuracy=np.stack([arm.right.mean(axis=(1, 2)) for arm in curves]),
        by_difficulty=_by_difficulty(curves, _kinds(known, config.bins), middle, config.bins),
        known=chosen(known),
        facts=chosen(guessed(own.facts, known[None])[0]),
        pilot=chosen(_agreement(first)[0], _cost(first)),
    )


def _agreement(first: Bank) -> np.ndarray:
    """How well a few answers agree: the share that says what most say, (1, n)."""
    same = (first.answer[..., None] == first.answer[..., None, :]) & (first.answer[..., None] >= 0)
    return same.mean(axis=3).max(axis=2)


def _cost(first: Bank) -> np.ndarray:
    """FLOPs of these answers, (1, n); the prompt's cache is shared with those that follow."""
    return 2.0 * first.parameters * first.tokens.sum(axis=2)


def _kinds(estimate: np.ndarray, bins: int) -> np.ndarray:
    """The quantile of each problem's estimate, int (n,)."""
    edges = np.quantile(estimate, np.arange(1, bins) / bins)
    return (estimate > edges[:, None]).sum(axis=0)


def _by_kind(curves: list[Curve], kinds: np.ndarray, middle: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Right and FLOPs (n,) of the strategy that was best for problems of that kind in the other half."""
    right, flops = (np.stack([getattr(arm, part)[middle, 0] for arm in curves]) for part in ("right", "flops"))
    choice, half = np.zeros(kinds.shape, int), folds(len(kinds))
    for judged in (half, ~half):
        for kind in range(bins):
            taught = (kinds == kind) & ~judged
            if taught.any():
                choice[(kinds == kind) & judged] = int(right[:, taught].mean(axis=1).argmax())
    return tuple(np.take_along_axis(part, choice[None], axis=0)[0] for part in (right, flops))


def _single(curves: list[Curve]) -> Curve:
    """At every budget the one strategy that was best for all problems of the other half; parts are (strategies, m, 1, n)."""
    right, flops = (np.stack([getattr(arm, part) for arm in curves]) for part in ("right", "flops"))
    half, sizes = folds(right.shape[3]), np.arange(right.shape[1])
    best, other = (right[..., taught].mean(axis=(2, 3)).argmax(axis=0) for taught in (~half, half))
    return Curve(curves[0].sizes, *(np.where(half, part[best, sizes], part[other, sizes]) for part in (right, flops)))


def _by_difficulty(curves: list[Curve], kinds: np.ndarray, middle: int, bins: int) -> np.ndarray:
    """Accuracy of each strategy by kind, (strategies, bins); nan where there is none of the kind."""
    masks = [kinds == kind for kind in range(bins)]
    return np.array([[arm.right[middle, 0, mask].mean() if mask.any() else np.nan for mask in masks] for arm in curves])


def check(measured: Measured) -> list[Check]:
    known, facts = measured.known, measured.facts
    extremes, reason = between_extremes(measured.one_chain), "beyond it k is only bounded from below"
    shown = Gate("largest k over best of n that can be shown", known.largest_best_of_n, 3.0, inf, reason)
    shown_single = Gate("largest k over the best single way that can be shown", facts.largest_single, 1.5, inf, reason)
    return [
        at_least(
            "true difficulty, free: k over best of n",
            known.k_best_of_n,
            3.0,
            "the paper: 4 times",
            gates=(extremes, shown),
        ),
        at_least(
            "facts: k over the best single way",
            facts.k_single,
            1.5,
            "the control it lacks",
            gates=(extremes, shown_single),
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    budgets, bins = measured.budgets[0], measured.by_difficulty.shape[2]
    estimates = {
        "true difficulty,\nfree": measured.known,
        "facts": measured.facts,
        "a few answers,\ncharged": measured.pilot,
    }
    return [
        Curves(
            name="strategy_by_difficulty",
            title="One way to search for all prompts",
            x_label="chains a prompt",
            y_label="accuracy",
            x=budgets,
            log_x=True,
            ticks=[str(budget) for budget in budgets],
            measured={strategy: measured.accuracy[:, place] for place, strategy in enumerate(STRATEGIES)},
            theory={},
            note=f"the choice by difficulty is judged at the middle budget; k in {BUDGET}",
        ),
        Bars(
            name="strategy_by_difficulty_chosen",
            title="Chosen by difficulty, less the best single way",
            y_label="accuracy gained",
            groups=list(estimates),
            measured={"gain": np.stack([chosen.gain for chosen in estimates.values()], axis=1)},
            theory={},
        ),
        Curves(
            name="strategy_by_difficulty_bins",
            title="Every way by true difficulty",
            x_label="quantile of difficulty, the hardest first",
            y_label="accuracy",
            x=list(range(1, bins + 1)),
            measured={strategy: measured.by_difficulty[:, place] for place, strategy in enumerate(STRATEGIES)},
            theory={},
        ),
    ]
