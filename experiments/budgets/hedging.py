"""Which selector wins depends on the verifier's errors; best-of-n passes an optimum in n where they are systematic.

Source       Gao et al., arXiv:2210.10760 (over-optimisation); Stroebl et al., arXiv:2411.17501 (ceiling of imperfect
             verifiers); Khalaf et al., arXiv:2506.19248 (hedging); Snell et al., arXiv:2408.03314 (weighted vote)
Prediction   One bank of answers, one exact checker and two dials on it: Gaussian noise, and a share of wrong answers that
             the verifier always prefers. Noise makes the weighted vote the best selector, and noise with systematic errors
             the plain vote; a clean verifier makes it best-of-n, and under noise alone that rises in n, whatever the bank
             holds (the tests of this lab say so of simulated ones). Under systematic errors it passes an inner optimum.
             Whoever does not know the verifier should hedge: the worst regret of a weighted vote or a tempered best-of-n
             is below that of best-of-n and of the vote. Verifiers that were learned, of outcomes and of the process, are
             measured beside the dials; no check rests on them.
             Selectors are compared at 32 answers, as in a simulation; that was settled before trained models were asked.
             Rivals, temperatures and the best n are chosen on the other half of a seed's problems.
Refuted if   A selector loses its own cell, best-of-n is best with all answers under systematic errors, or hedges regret as
             much as the pure ways.
Run          alchemy reproduce hedging --preset small      # about two minutes a seed on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alchemy.decoding.ledger import BUDGET
from alchemy.lab.lab import Lab
from alchemy.lab.verifiers import score_samples
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, at_least
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split, stacked
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.strategies.soft_best_of_n import tuned
from alchemy.strategies.weighted_vote import WeightedVote
from alchemy.testtime import learned_verifier as verifier
from alchemy.testtime.allocation import folds
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import averaged, by_seed, curve, of_problems
from alchemy.testtime.simulated_verifiers import auc, noisy, scored
from experiments.budgets.chains import Checked, between_extremes, full_checked, smoke_checked

CLAIM = Claim(
    sentence="Which selector wins flips with the verifier's errors, and systematic ones give best-of-n an optimum in n.",
    source="arXiv:2210.10760, 2411.17501, 2506.19248",
    prediction="a weighted vote wins under noise, a vote under systematic errors, and best-of-n then has an inner optimum",
    refuted_if="a selector that loses its own cell, best-of-n that is best with all answers, or hedges that do not pay",
    question="How is a budget best spent?",
)
BEST_OF_N, MAJORITY, WEIGHTED, TEMPERED = range(4)
SELECTORS = ("best of n", "majority", "weighted", "tempered")
PURE, HEDGES = (BEST_OF_N, MAJORITY), (WEIGHTED, TEMPERED)
NOISE, SYSTEMATIC = (0.0, 0.3, 0.6, 1.0, 2.0), (0.0, 0.05, 0.3)
"""The dials: deviation of the noise, share of wrong answers that the verifier always prefers; a right answer gets 1."""
DRAWN = ((0.6, 0.0), (0.6, 0.05), (0.6, 0.3), (2.0, 0.3))
"""Cells whose curve over n is drawn."""
COMPARED = ((0.0, 0.0), (0.6, 0.0), (1.0, 0.0), (0.0, 0.05), (0.3, 0.3), (2.0, 0.3))
"""Cells whose selectors are drawn."""
ANSWERS = 32
"""Answers that the selectors are compared on, as in a simulation."""


@dataclass(frozen=True)
class Config(Checked):
    draws: int = 2
    """Random orders of the answers that are averaged."""
    checked: int = 500
    """Problems of each seed whose answers learned verifiers read."""


SMALL = Config()
PRESETS = {"smoke": smoke_checked(SMALL), "small": SMALL, "full": full_checked(SMALL)}


class Judged(NamedTuple):
    """What one verifier makes of a bank. Of each seed two numbers, for either half of its problems: arrays (s, 2, ...)."""

    selectors: np.ndarray  # accuracy of each of SELECTORS at ANSWERS: (s, 2, 4)
    rising: np.ndarray  # best-of-n at each of m sizes: (s, 2, m)
    at_best: np.ndarray  # best-of-n at the size that is best for the other half: (s, 2)


class Learned(NamedTuple):
    """A verifier that was trained; arrays (s, ...)."""

    judged: Judged
    auc: np.ndarray  # how often a right answer has a higher score than a wrong one: (s,)
    auc_within: np.ndarray  # the same of answers to one problem, nan where none has both: (s,)


@dataclass(frozen=True)
class Dials:
    """A verifier at every setting of the dials; arrays have axes (s, noise, systematic, half of the problems, ...)."""

    one_answer: np.ndarray
    """Accuracy of one answer, on the problems of the gate: (s,)."""
    cells: Judged


@dataclass(frozen=True)
class Measured:
    dials: Dials
    outcome: Learned
    process: Learned


def run(config: Config, lab: Lab) -> Measured:
    samples, bank = config.bank(lab)
    few = slice(0, config.checked)
    pool = samples.of(few)
    outcome = score_samples(lab, config.verifiers(lab, "outcome"), pool)
    process = verifier.aggregated(score_samples(lab, config.verifiers(lab, "process"), pool), "min")
    fewer, seeds = of_problems(bank, few), lab.seeds(config.seeds)
    return Measured(
        dials(bank, config.draws, seeds),
        *(learned(fewer, scores, config.draws, seeds) for scores in (outcome, process)),
    )


def dials(bank: Bank, draws: int, seeds: Sequence[int]) -> Dials:
    """Every cell of the dials, from one bank; each half of a seed's problems chooses and calibrates for the other."""
    return stacked([_one_seed(own, draws, seed) for own, seed in zip(by_seed(bank), seeds, strict=True)])


def _one_seed(bank: Bank, draws: int, seed: int) -> Dials:
    gated, judged = gate_split(bank.shape[1])
    own = of_problems(bank, judged)

    def cell(sigma: float, systematic: float) -> Judged:
        rng = stream("verifier noise", seed, round(100 * sigma), round(100 * systematic))
        return _judged(own, noisy(own, rng, sigma, systematic), draws, seed)

    rows = [stacked([cell(sigma, systematic) for systematic in SYSTEMATIC]) for sigma in NOISE]
    return Dials(bank.right[:, gated].mean(), stacked(rows))


def learned(bank: Bank, scores: np.ndarray, draws: int, seeds: Sequence[int]) -> Learned:
    """The same of verifiers that were trained, from their scores of the answers, float (s, n, k), and how well they rank."""
    scores = np.maximum(scores, -30.0)  # where nothing was written: as bad as can be
    banks = zip(by_seed(bank), scores, seeds, strict=True)
    return stacked([_learned(own, score[None], draws, seed) for own, score, seed in banks])


def _learned(bank: Bank, scores: np.ndarray, draws: int, seed: int) -> Learned:
    within = auc(scores, bank.right)
    return Learned(
        _judged(bank, scores, draws, seed),
        auc(scores.ravel(), bank.right.ravel()),
        np.nanmean(within) if np.isfinite(within).any() else np.float64(np.nan),
    )


def sizes(most: int) -> list[int]:
    """How many of `most` answers the curves of best-of-n are drawn at."""
    return [1 << power for power in range(most.bit_length())]


def _judged(bank: Bank, scores: np.ndarray, draws: int, seed: int) -> Judged:
    """Of the bank of one seed, by scores (1, n, k) of its answers."""
    half, ranked = folds(bank.shape[1]), scored(bank, verifier=scores)
    parts = ((half, ~half), (~half, half))
    return stacked(
        [_half(of_problems(ranked, taught), of_problems(ranked, judged), draws, seed) for taught, judged in parts]
    )


def _half(taught: Bank, judged: Bank, draws: int, seed: int) -> Judged:
    """What is chosen on problems `taught` and measured on others."""
    rng, grid = stream("replayed selectors", seed), sizes(judged.shape[2])
    few = min(ANSWERS, grid[-1])
    before, after = (
        curve(BestOfN("verifier"), bank, grid, rng, draws).right.mean(axis=(1, 2)) for bank in (taught, judged)
    )
    others = (SelfConsistency(), WeightedVote("verifier", temperature=1.0), tuned(taught, few, "verifier", rng))
    accuracy = [averaged(way, judged, few, rng, draws)[0].mean() for way in others]
    return Judged(np.array([after[grid.index(few)], *accuracy]), after, after[before.argmax()])


def check(measured: Measured) -> list[Check]:
    cells = measured.dials.cells
    gates = (between_extremes(measured.dials.one_answer),)
    noisy_cell, fooled = _at(cells, 1.0, 0.0), _at(cells, 2.0, 0.3)
    falling = _at(cells, 0.6, 0.3)
    return [
        at_least(
            "noise 1: weighted - best of its rivals",
            _lead(noisy_cell.selectors, WEIGHTED, PURE),
            0.0,
            "the simulation has +.06 over best-of-n",
            gates=gates,
        ),
        at_least(
            "noise 2, systematic .3: majority - best of its rivals",
            _lead(fooled.selectors, MAJORITY, (BEST_OF_N, WEIGHTED)),
            0.0,
            "the simulation has +.08 over the weighted vote",
            gates=gates,
        ),
        at_least(
            "noise .6, systematic .3: best of n at its best n - at most",
            (falling.at_best - falling.rising[..., -1]).mean(axis=1),
            0.0,
            "the simulation falls from .50 at 8 to .40 at 256",
            gates=gates,
        ),
        at_least("worst regret: pure - hedged", _hedging_pays(cells), 0.0, "hedging pays", gates=gates),
    ]


def _at(cells: Judged, sigma: float, systematic: float) -> Judged:
    """One cell of the dials."""
    row, column = NOISE.index(sigma), SYSTEMATIC.index(systematic)
    return Judged(*(values[:, row, column] for values in cells))


def _lead(accuracy: np.ndarray, selector: int, rivals: tuple[int, ...]) -> np.ndarray:
    """Accuracy (s, 2, selectors) of one selector less that of the rival that is best on the other half: float (s,)."""
    others = accuracy[..., list(rivals)]
    rival = np.take_along_axis(others, others[:, ::-1].argmax(axis=2)[..., None], axis=2)[..., 0]
    return (accuracy[..., selector] - rival).mean(axis=1)


def regret(cells: Judged) -> np.ndarray:
    """The largest loss to the best selector over all cells, of each on either half: float (s, 2, selectors)."""
    accuracy = cells.selectors
    return (accuracy.max(axis=-1, keepdims=True) - accuracy).max(axis=(1, 2))


def _hedging_pays(cells: Judged) -> np.ndarray:
    """Worst regret of the pure selector less that of the hedge, both the least on the other half: float (s,)."""
    worst = regret(cells)

    def least(selectors: tuple[int, ...]) -> np.ndarray:
        own = worst[..., list(selectors)]
        return np.take_along_axis(own, own[:, ::-1].argmin(axis=2)[..., None], axis=2)[..., 0]

    return (least(PURE) - least(HEDGES)).mean(axis=1)


def figures(measured: Measured) -> list[Figure]:
    cells = measured.dials.cells
    grid = [1 << power for power in range(cells.rising.shape[-1])]
    curves = {f"noise {sigma:g}, systematic {share:g}": _at(cells, sigma, share) for sigma, share in DRAWN}
    curves |= {"learned, outcome": measured.outcome.judged, "learned, process": measured.process.judged}
    rows = [_at(cells, sigma, share).selectors.mean(axis=1) for sigma, share in COMPARED]
    return [
        Curves(
            name="hedging_optimum",
            title="Best-of-n: noise averages out, systematic errors are found",
            x_label="answers",
            y_label="accuracy",
            x=grid,
            log_x=True,
            measured={label: judged.rising.mean(axis=1) for label, judged in curves.items()},
            theory={},
        ),
        Bars(
            name="hedging_selectors",
            title=f"Which selector wins, of {min(ANSWERS, grid[-1])} answers",
            y_label="accuracy",
            groups=[f"noise {sigma:g}\npreferred {share:g}" for sigma, share in COMPARED],
            measured={
                label: np.stack([row[:, place] for row in rows], axis=1) for place, label in enumerate(SELECTORS)
            },
            theory={},
            note=f"{BUDGET}; the same for all four, the verifier is free",
        ),
        Bars(
            name="hedging_regret",
            title="Worst loss to the best selector over all verifiers",
            y_label="accuracy lost",
            groups=SELECTORS,
            measured={"worst regret": regret(cells).mean(axis=1)},
            theory={},
        ),
    ]
