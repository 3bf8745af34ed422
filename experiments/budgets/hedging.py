"""Which selector wins depends on the verifier's errors; best-of-n passes an optimum in n where they are systematic.

Source       Gao et al., arXiv:2210.10760 (over-optimisation); Stroebl et al., arXiv:2411.17501 (ceiling of imperfect
             verifiers); Khalaf et al., arXiv:2506.19248 (hedging); Snell et al., arXiv:2408.03314 (weighted vote)
Prediction   One bank of answers, one exact checker and two dials on it: Gaussian noise, and a share of wrong answers that
             the verifier always prefers. A clean verifier makes best-of-n the best, noise the weighted vote, and noise
             with systematic errors the plain vote. Accuracy of best-of-n rises in n under noise, however much, and passes
             an inner optimum under systematic errors. Rejection sampling ends where the verifier's ROC says,
             T p / (T p + F (1 - p)), within two points. Whoever does not know the verifier should hedge: the worst regret
             of a weighted vote or a tempered best-of-n is below that of best-of-n and of the vote. Verifiers that were
             learned, of outcomes and of the process, are measured beside the dials; no check rests on them.
             Selectors are compared at 32 answers, as in a simulation; that was settled before trained models were asked.
Refuted if   A selector wins its own cell by nothing; the optimum of n is inside the range under noise alone, or not under
             systematic errors; the ceiling is off by two points under noise; or hedges regret as much as the pure ways.
Run          alchemy reproduce hedging --preset small      # nine minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from alchemy.decoding.ledger import BUDGET
from alchemy.lab.lab import Lab
from alchemy.lab.verifiers import score
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
    near,
)
from alchemy.report.former_figures import Bars, Curves, Figure
from alchemy.stats.coverage import beta_law, power_law
from alchemy.stats.equivalence import difference_at
from alchemy.stats.measure import (
    Interval,
    paired_difference,
    resampled,
    two_level,
)
from alchemy.stats.voting import any_at
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.rejection import Rejection
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.strategies.soft_best_of_n import tuned
from alchemy.strategies.weighted_vote import WeightedVote
from alchemy.testtime import learned_verifier as verifier
from alchemy.testtime.allocation import folds
from alchemy.testtime.answers import Samples
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import (
    averaged,
    curve,
    of_answers,
    of_problems,
)
from alchemy.testtime.simulated_verifiers import auc, noisy, scored
from experiments.budgets.chains import (
    FULL_CHECKED,
    SMALL_CHECKED,
    SMOKE_CHECKED,
    Checked,
)

CLAIM = Claim(
    sentence="Which selector wins flips with the verifier's errors, and systematic ones give best-of-n an optimum in n.",
    source="arXiv:2210.10760, 2411.17501, 2506.19248",
    prediction="best-of-n, weighted vote and vote each win a cell; an inner optimum only under systematic errors",
    refuted_if="a selector gains nothing in its cell, an optimum where there is only noise, or a ceiling 2 points off the ROC",
)
PURE, HEDGES = ("best of n", "majority"), ("weighted", "tempered")
NOISE, LOVE = (0.0, 0.3, 0.6, 1.0, 2.0), (0.0, 0.05, 0.3)
"""The dials: deviation of the noise, share of wrong answers that are always preferred; a right answer gets 1."""
DRAWN = ((0.6, 0.0), (0.6, 0.05), (0.6, 0.3), (2.0, 0.3))
"""Cells whose curve over n is drawn."""
OF = 32
"""Answers that the selectors are compared on, as in the plan's simulation."""


@dataclass(frozen=True)
class Config(Checked):
    draws: int = 2
    """Random orders of the answers that are averaged."""
    checked: int = 500
    """Problems whose answers learned verifiers read."""


PRESETS = {
    "smoke": Config(**SMOKE_CHECKED),
    "small": Config(**SMALL_CHECKED),
    "full": Config(**FULL_CHECKED),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    samples, bank = config.bank(lab)
    few = slice(0, config.checked)
    asked = Samples(samples.task, samples.batch.rows(few), samples.completions[:, few])
    scores = {
        "of outcomes": score(lab, config.verifiers(lab, "outcome"), asked),
        "of the process": verifier.aggregated(score(lab, config.verifiers(lab, "process"), asked), "min"),
    }
    return {**replayed(bank, config.draws), **learned(of_problems(bank, few), scores, config.draws)}


def replayed(bank: Bank, draws: int) -> dict[str, Any]:
    """Every cell of the dials, from one bank; each half of the problems chooses and calibrates for the other."""
    sizes, vote = _sizes(bank), _vote(bank, draws)
    measured: dict[str, Any] = {
        "sizes": sizes,
        "one answer": two_level(bank.right.mean(axis=2), 0),
        "majority": two_level(vote, 0),
        "coverage": _coverage(bank),
    }
    cells = []
    for sigma in NOISE:
        for loved in LOVE:
            dial = noisy(bank, [0, round(100 * sigma), round(100 * loved)], sigma, loved)
            judged = _judged(bank, dial, sizes, draws)
            drawn = (sigma, loved) in DRAWN
            measured[f"noise {sigma:g}, loved {loved:g}"] = _row(judged, vote, sizes, curves=drawn)
            cells.append([judged.best, vote, judged.weighted, judged.tempered])
    measured["regret"] = _regret(np.array(cells))
    return measured


def learned(bank: Bank, scores: Mapping[str, np.ndarray], draws: int) -> dict[str, Any]:
    """The same of verifiers that were learned, from what each says of the answers, float (s, n, k), and how well they rank."""
    sizes, vote, measured = _sizes(bank), _vote(bank, draws), {}
    for name, each in scores.items():
        says = np.maximum(each, -30.0)  # where nothing was written: as bad as can be
        alone = auc(says, bank.right)
        measured[f"verifier {name}"] = {
            **_row(_judged(bank, says, sizes, draws), vote, sizes, curves=True),
            "AUC": auc(*(one.reshape(len(one), -1) for one in (says, bank.right))),
            "AUC within a problem": np.nanmean(alone, axis=1) if np.isfinite(alone).any(axis=1).all() else np.nan,
        }
    return measured


def _sizes(bank: Bank) -> list[int]:
    return [1 << power for power in range(bank.shape[2].bit_length())]


def _vote(bank: Bank, draws: int) -> np.ndarray:
    return averaged(SelfConsistency(), bank, min(OF, bank.shape[2]), 0, draws)[0]


class Judged(NamedTuple):
    """What one verifier makes of the bank: scores (s, n), and (m, s, n) where there is one for each size."""

    rising: np.ndarray  # best-of-n at all sizes
    peak: np.ndarray  # best-of-n at the size that is best for the other half; int (s, n) `where`
    where: np.ndarray
    best: np.ndarray  # best of OF
    weighted: np.ndarray
    tempered: np.ndarray
    rejected: np.ndarray
    predicted: np.ndarray  # of rejection sampling, by the ROC


def _judged(bank: Bank, dial: np.ndarray, sizes: list[int], draws: int) -> Judged:
    half, one = folds(bank.shape[1]), scored(bank, dial=dial)
    found = [np.zeros((len(sizes), *bank.shape[:2])), *np.zeros((len(Judged._fields) - 1, *bank.shape[:2]))]
    for chosen, judged in ((half, ~half), (~half, half)):
        for whole, part in zip(
            found, _half(of_problems(one, chosen), of_problems(one, judged), sizes, draws), strict=True
        ):
            whole[..., judged] = part
    return Judged(*found)


def _half(chosen: Bank, judged: Bank, sizes: list[int], draws: int) -> Judged:
    few = min(OF, sizes[-1])
    before, after = (curve(BestOfN("dial"), one, sizes, 0, draws).right for one in (chosen, judged))
    peak = int(before.mean(axis=(1, 2)).argmax())
    return Judged(
        after,
        after[peak],
        np.full(after.shape[1:], sizes[peak]),
        after[sizes.index(few)],
        averaged(WeightedVote("dial", temperature=1.0), judged, few, 0, draws)[0],
        averaged(tuned(chosen, few, "dial", 0), judged, few, 0, draws)[0],
        *_ceiling(chosen, judged, draws),
    )


def _ceiling(chosen: Bank, judged: Bank, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Rejection sampling, and what the ROC at one threshold, measured on other problems, predicts; (s, n) both.

    The verifier passes right answers with T and wrong ones with F, so each answer of a problem with p is the first to
    pass and right with T p, wrong with F (1 - p). It gives up after a quarter of the bank, without an answer.
    """
    tries = max(1, judged.shape[2] // 4)
    threshold = float(np.quantile(chosen.scores["dial"][chosen.right], 0.3)) if chosen.right.any() else 0.5
    passes = chosen.scores["dial"] >= threshold
    true, false = (float(passes[one].mean()) if one.any() else 0.0 for one in (chosen.right, ~chosen.right))
    p = judged.right.mean(axis=2)
    good, bad = true * p, false * (1 - p)
    predicted = good / np.maximum(good + bad, 1e-12) * (1 - (1 - good - bad) ** tries)
    return averaged(Rejection("dial", threshold, guess=False), judged, tries, 0, 2 * draws)[0], predicted


def _row(judged: Judged, vote: np.ndarray, sizes: list[int], curves: bool) -> dict[str, Any]:
    """Comparisons of the selectors, and how best-of-n goes on in n."""
    row = {
        "best": two_level(judged.best, 0),
        "weighted": two_level(judged.weighted, 0),
        "tempered": two_level(judged.tempered, 0),
        "best n": sorted(set(judged.where.ravel().astype(int).tolist())),
        "at best n - at most": paired_difference(judged.peak, judged.rising[-1], 0),
        "best of n - weighted": paired_difference(judged.best, judged.weighted, 0),
        "weighted - majority": paired_difference(judged.weighted, vote, 0),
        "rejection - ROC": difference_at(judged.rejected, judged.predicted, 0),
    }
    return row | ({"best of n": [two_level(one, 0) for one in judged.rising]} if curves else {})


def _regret(cells: np.ndarray) -> dict[str, Interval]:
    """The largest loss to the best selector over all cells, of each; cells (c, 4, s, n)."""
    seeds, n = cells.shape[2:]
    problem, seed = resampled(0, seeds, n, 1000)
    problem = np.concatenate([np.ones((1, n)), problem])
    seed = np.concatenate([np.full((1, seeds), 1 / seeds), seed / seed.sum(axis=1, keepdims=True)])
    mean = np.einsum("rs,crs->cr", seed, problem @ cells.reshape(-1, seeds, n).swapaxes(1, 2) / n)
    mean = mean.reshape(len(cells), 4, -1)
    worst = (mean.max(axis=1, keepdims=True) - mean).max(axis=0)

    def interval(values: np.ndarray) -> Interval:
        low, high = np.quantile(values[1:], [0.025, 0.975])
        return Interval(float(values[0]), min(float(low), values[0]), max(float(high), values[0]), n, seeds)

    found = {name: interval(each) for name, each in zip((*PURE, *HEDGES), worst, strict=True)}
    return found | {"pure - hedged": interval(worst[:2].min(axis=0) - worst[2:].min(axis=0))}


def _coverage(bank: Bank) -> dict[str, float]:
    """Coverage of all answers, and what two laws make of a quarter of them."""
    pool = max(2, bank.shape[2] // 4)
    right = of_answers(bank, slice(0, pool)).right.sum(axis=2).ravel()
    truth = any_at(bank.right.sum(axis=2), bank.shape[2], bank.shape[2]).mean()
    found = {"measured": float(truth), "Beta law": float(beta_law(right, pool).at(bank.shape[2]))}
    spread = 0 < right.sum() < right.size * pool and any_at(right, pool, 2).mean() < 1
    return found | ({"power law": float(power_law(right, pool).at(bank.shape[2]))} if spread else {})


def check(measured: Mapping[str, Any]) -> list[Check]:
    def cell(sigma: float, loved: float) -> Mapping[str, Any]:
        return measured[f"noise {sigma:g}, loved {loved:g}"]

    clean, blurred, fooled = cell(0, 0), cell(1, 0), cell(2, 0.3)
    checks = [
        at_least(
            "one answer: accuracy", measured["one answer"], 0.05, "there is something to select", precondition=True
        ),
        at_most(
            "one answer: accuracy at most", measured["one answer"], 0.8, "there is something to gain", precondition=True
        ),
        at_least("clean: best of n - weighted", clean["best of n - weighted"], 0.0, "the plan's simulation has +.14"),
        at_most("noise 1: best of n - weighted", blurred["best of n - weighted"], 0.0, "the simulation has -.06"),
        at_least("clean: weighted - majority", clean["weighted - majority"], 0.0, "the simulation has +.18"),
        at_most(
            "noise 2, loved .3: weighted - majority", fooled["weighted - majority"], 0.0, "the simulation has -.08"
        ),
        at_least(
            "noise .6, loved .3: at best n - at most",
            cell(0.6, 0.3)["at best n - at most"],
            0.0,
            "the simulation falls from .50 at 8 to .40 at 256",
        ),
        at_least("pure - hedged: worst regret", measured["regret"]["pure - hedged"], 0.0, "hedging pays"),
    ]
    for sigma in (0.3, 0.6, 1.0):
        row = cell(sigma, 0)
        checks += [
            at_most(
                f"noise {sigma:g}: at best n - at most",
                row["at best n - at most"],
                0.01,
                "noise averages out: no optimum",
            ),
            near(
                f"noise {sigma:g}: rejection - ROC",
                row["rejection - ROC"],
                0.0,
                0.02,
                "a closed form; two points is no difference",
            ),
        ]
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    sizes = measured["sizes"]
    groups = [(0.0, 0.0), (0.6, 0.0), (1.0, 0.0), (0.0, 0.05), (0.3, 0.3), (2.0, 0.3)]
    rows = [measured[f"noise {sigma:g}, loved {loved:g}"] for sigma, loved in groups]
    regret = measured["regret"]
    return [
        Curves(
            name="hedging_optimum",
            title="Best-of-n: noise averages out, systematic errors are found",
            x_label="answers",
            y_label="accuracy",
            x=sizes,
            log_x=True,
            measured={
                f"noise {sigma:g}, loved {loved:g}": measured[f"noise {sigma:g}, loved {loved:g}"]["best of n"]
                for sigma, loved in DRAWN
            }
            | {name: row["best of n"] for name, row in measured.items() if name.startswith("verifier ")},
            theory={},
        ),
        Bars(
            name="hedging_selectors",
            title=f"Which selector wins, of {min(OF, sizes[-1])} answers",
            y_label="accuracy",
            groups=[f"noise {sigma:g}\nloved {loved:g}" for sigma, loved in groups],
            measured={
                "best of n": [row["best"] for row in rows],
                "majority": [measured["majority"]] * len(rows),
                "weighted": [row["weighted"] for row in rows],
                "tempered": [row["tempered"] for row in rows],
            },
            theory={},
            note=f"{BUDGET}; the same for all four, the verifier is free",
        ),
        Bars(
            name="hedging_regret",
            title="Worst loss to the best selector over all verifiers",
            y_label="accuracy lost",
            groups=[*PURE, *HEDGES],
            measured={"worst regret": [regret[name] for name in (*PURE, *HEDGES)]},
            theory={},
        ),
    ]
