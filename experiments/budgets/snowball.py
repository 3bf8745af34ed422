"""Errors snowball: the chance that a chain of thought is still right falls faster than exponentially in its steps.

Source       Gan, Liao, Liu, arXiv:2501.15602, sections 3 and 4
Prediction   The paper: what a step leaves unsaid of the right thought adds up, so that information is lost from step to
             step, and the chance that step l is right falls as exp(-l), that all of L steps are as exp(-L (L + 1) / 2). By
             Fano's inequality the information lost bounds the errors from below. We expect the loss to grow, as errors
             stay, and the bound to be kept, as it is a theorem; but each step of these chains reads the one before and
             nothing else, so that the chance to fail in it, where all before it is right, should not grow: an exponential,
             not a snowball. Both shapes get one free rate, fitted on half of the problems, and meet on the other half.
             Information is that of the first letter of the row, a plug-in estimate over ten letters.
Refuted if   The snowball explains held-out chains worse than the exponential, the information lost does not grow with the
             steps, or at some step fewer first letters are wrong than Fano's bound allows.
Run          alchemy reproduce snowball --preset small      # models are those of search_or_sampling
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.former import Check, Claim, at_least
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import Interval, resampled, two_level
from alchemy.testtime.bank import Bank
from experiments.budgets.chains import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
)

CLAIM = Claim(
    sentence="Errors snowball: the chance that a chain is still right falls faster than exponentially in its steps.",
    source="arXiv:2501.15602, sections 3 and 4",
    prediction="exp(-L (L + 1) / 2) explains chains better than an exponential; the information lost grows and bounds errors",
    refuted_if="the exponential explains held-out chains better, the loss does not grow, or Fano's bound is broken",
)


@dataclass(frozen=True)
class Config(Setting):
    test: int = 1000
    samples: int = 16
    long: int = 8
    """Steps of the problems."""


PRESETS = {
    "smoke": Config(**SMOKE, long=3),
    "small": Config(**SMALL),
    "full": Config(**{**FULL, "samples": 64}, long=12),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    task = config.problems((config.long,))
    samples, bank = config.bank(lab, task)
    alive, failed = _fates(bank, config.long)
    lost, wrong, bound = zip(*(_letters(samples, step, config.long) for step in range(config.long)), strict=True)
    return {
        "steps": list(range(1, config.long + 1)),
        "fails, if right so far": [_hazard(alive[step], failed[step]) for step in range(config.long)],
        "right so far": [two_level((bank.first_wrong > step).mean(axis=2), 0) for step in range(config.long)],
        "snowball - exponential": _likelihoods(alive, failed),
        "information lost": [_at(one) for one in lost],
        "lost, slope": _slope(np.stack(lost)),
        "first letter wrong": [_at(one) for one in wrong],
        "wrong - bound": [_at(w - b) for w, b in zip(wrong, bound, strict=True)],
        "bound": [float(b.mean()) for b in bound],
    }


def _fates(bank: Bank, long: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers of each problem that are right before a step, and those that fail in it: int (steps, s, n) both."""
    first = bank.first_wrong
    alive = np.stack([(first >= step).sum(axis=2) for step in range(long)])
    return alive, np.stack([(first == step).sum(axis=2) for step in range(long)])


def _hazard(alive: np.ndarray, failed: np.ndarray) -> Interval:
    """The share of answers that fail, of counts (s, n); resampled over seeds and problems."""
    problems, weights = resampled(0, *alive.shape)
    weights = weights / weights.sum(axis=1, keepdims=True)
    drawn = [np.einsum("rn,sn,rs->r", problems, one, weights) for one in (failed, alive)]
    return _around(float(failed.sum() / max(1, alive.sum())), drawn[0] / np.maximum(drawn[1], 1e-9), alive.shape)


def _likelihoods(alive: np.ndarray, failed: np.ndarray) -> Interval:
    """Mean log-likelihood of a held-out problem's answers under the snowball less that under the exponential.

    Steps are right with exp(-a) in one and with exp(-a l) in the other; a is fitted on every other problem.
    """
    steps = np.arange(1, len(alive) + 1)[:, None, None]
    gained = 0.0
    for sign, growth in ((1, steps), (-1, np.ones_like(steps))):
        rates = np.geomspace(1e-4, 3, 400)
        fit = [_log(alive[..., ::2], failed[..., ::2], rate * growth).sum() for rate in rates]
        gained = gained + sign * _log(alive[..., 1::2], failed[..., 1::2], rates[int(np.argmax(fit))] * growth)
    return two_level(gained, 0)


def _log(alive: np.ndarray, failed: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Log-likelihood (s, n) of counts (steps, s, n) if steps are right with exp(-rate)."""
    return (-(alive - failed) * rate + failed * np.log(-np.expm1(-rate))).sum(axis=0)


def _letters(samples: Any, step: int, long: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the first letter after a step: nats lost about the right one, errors, and Fano's bound on these, each (r, s).

    The first row is the estimate, the others are resamples of the problems. No letter is an eleventh symbol.
    """
    task, batch, completions = samples
    gold = batch.completions()
    places = np.flatnonzero(np.isin(gold[0], task.letters))[
        :: task.length[0]
    ]  # of each step's first letter, in every line
    right = gold[:, places[step]] - task.letters[0]
    column = (
        completions[..., places[step]] if places[step] < completions.shape[-1] else np.zeros(completions.shape[:3], int)
    )
    kinds = len(task.letters)
    given = np.where(np.isin(column, task.letters), column - task.letters[0], kinds)  # (s, n, k)
    seeds, n, k = given.shape
    joint = np.zeros((seeds, n, kinds, kinds + 1))
    for one in range(k):
        joint[np.arange(seeds)[:, None], np.arange(n), right, given[..., one]] += 1 / k
    problems = np.concatenate([np.ones((1, n)), resampled(0, seeds, n)[0]])
    share = np.einsum("rn,snab->rsab", problems, joint) / n
    seen = share.sum(axis=2, keepdims=True)
    lost = -(share * np.log(np.maximum(share, 1e-12) / np.maximum(seen, 1e-12))).sum(axis=(2, 3))
    wrong = 1 - np.trace(share[..., :kinds], axis1=2, axis2=3)
    return lost, wrong, _fano(lost, kinds)


def _fano(lost: np.ndarray, kinds: int) -> np.ndarray:
    """The smallest error e at which H(e) + e log(kinds - 1) is the information lost, in nats."""
    error = np.linspace(1e-9, 1 - 1 / kinds, 20_001)
    most = -error * np.log(error) - (1 - error) * np.log1p(-error) + error * np.log(kinds - 1)
    return np.interp(lost, most, error)


def _slope(lost: np.ndarray) -> Interval:
    """Nats a step, by least squares, of information (steps, r, s)."""
    steps = np.arange(len(lost)) - (len(lost) - 1) / 2
    return _at(np.tensordot(steps, lost, axes=1) / (steps**2).sum())


def _at(values: np.ndarray) -> Interval:
    """The mean over seeds of values (r, s), whose first row is the estimate and the others resamples of the problems."""
    rows, seeds = values.shape
    weights = resampled(1, seeds, 1, rows - 1)[1]
    drawn = (values[1:] * weights).sum(axis=1) / weights.sum(axis=1)
    return _around(float(values[0].mean()), drawn, (seeds, rows - 1))


def _around(mean: float, drawn: np.ndarray, shape: tuple[int, ...]) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(mean, min(mean, float(low)), max(mean, float(high)), shape[1], shape[0])


def check(measured: Mapping[str, Any]) -> list[Check]:
    return [
        at_least(
            "held-out log-likelihood, snowball - exponential",
            measured["snowball - exponential"],
            0.0,
            "the paper: exp(-L (L + 1) / 2)",
        ),
        at_least("nats lost a step", measured["lost, slope"], 0.0, "the paper: information is lost step by step"),
        *(
            at_least(f"step {step}: first letters wrong - Fano's bound", gap, 0.0, "a theorem, so a test of the bench")
            for step, gap in zip(measured["steps"], measured["wrong - bound"], strict=True)
        ),
    ]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    steps = measured["steps"]
    first = measured["fails, if right so far"][0].mean
    return [
        Curves(
            name="snowball_hazard",
            title="The chance to fail in a step, where all before it is right",
            x_label="step",
            y_label="probability",
            x=steps,
            measured={"measured": measured["fails, if right so far"]},
            theory={
                "exponential: constant": [first] * len(steps),
                "snowball": [float(-np.expm1(np.log1p(-min(first, 0.999)) * step)) for step in steps],
            },
        ),
        Curves(
            name="snowball_information",
            title="First letters that are wrong after a step, and Fano's bound by the information lost",
            x_label="step",
            y_label="probability; nats",
            x=steps,
            measured={"wrong": measured["first letter wrong"], "information lost, nats": measured["information lost"]},
            theory={"Fano's bound": measured["bound"]},
        ),
    ]
