"""Errors snowball: the chance that a chain of thought is still right falls faster than exponentially in its steps.

Source       Gan, Liao, Liu, arXiv:2501.15602, sections 3 and 4
Prediction   The paper: what a step leaves unsaid of the right thought adds up, so that information is lost from step to
             step, and the chance that step l is right falls as exp(-l), that all of L steps are as exp(-L (L + 1) / 2).
             We expect the loss to grow, as errors stay; but each step of these chains reads the one before and nothing
             else, so that the chance to fail in it, where all before it is right, should not grow: an exponential, not a
             snowball. Both shapes get one free rate, fitted on half of a seed's problems, and meet on the other half.
             Information is that of the first letter of the row, a plug-in estimate over ten letters. The errors that it
             must cost by Fano's inequality, a theorem, are drawn beside those that were made.
Refuted if   The snowball explains held-out chains worse than the exponential, or the information lost does not grow with
             the steps.
Run          alchemy reproduce snowball --preset small      # about half a minute a seed on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_least
from alchemy.report.figures import Curves, Figure
from alchemy.stats.information import conditional_entropy, fano_bound
from alchemy.stats.replicates import stacked
from alchemy.stats.slopes import slope
from alchemy.stats.survival import hazard, held_out_gain
from alchemy.testtime.answers import Samples
from alchemy.testtime.bank import Bank
from alchemy.testtime.replay import by_seed
from experiments.budgets.chains import Setting, full, smoke

CLAIM = Claim(
    sentence="Errors snowball: the chance that a chain is still right falls faster than exponentially in its steps.",
    source="arXiv:2501.15602, sections 3 and 4",
    prediction="exp(-L (L + 1) / 2) explains chains better than an exponential, and the information lost grows",
    refuted_if="the exponential explains held-out chains better, or the loss does not grow",
    question="What does a step buy?",
)


@dataclass(frozen=True)
class Config(Setting):
    test: int = 1000
    samples: int = 16
    long: int = 8
    """Steps of the problems."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, long=3),
    "small": SMALL,
    "full": full(SMALL, samples=64, long=12),
}


@dataclass(frozen=True)
class Measured:
    """A number a seed, arrays (s,), or one for each of l steps, (s, l)."""

    snowball_gain: np.ndarray
    """Mean log-likelihood of a held-out problem's chains under the snowball less that under the exponential: (s,)."""
    hazard: np.ndarray
    """The chance to fail in a step, where all before it is right: (s, l)."""
    lost: np.ndarray
    """Nats lost about the first letter of the right row: (s, l)."""
    wrong: np.ndarray
    """Share of first letters that are wrong: (s, l)."""
    bound: np.ndarray
    """The least share that the information lost allows (Fano): (s, l)."""


def run(config: Config, lab: Lab) -> Measured:
    samples, bank = config.bank(lab, config.problems((config.long,)))
    joint = _first_letters(samples, config.long)
    seeds = zip(by_seed(bank), joint, strict=True)
    return stacked([_one_seed(own, letters, config.long) for own, letters in seeds])


def _one_seed(bank: Bank, joint: np.ndarray, long: int) -> Measured:
    alive, failed = _fates(bank.first_wrong[0], long)
    lost = [conditional_entropy(share) for share in joint]
    steps = np.arange(1, long + 1)
    return Measured(
        snowball_gain=np.float64(held_out_gain(alive, failed, growth=steps, other=np.ones(long))),
        hazard=hazard(alive, failed),
        lost=np.array(lost),
        wrong=1 - np.trace(joint, axis1=1, axis2=2),
        bound=np.array([fano_bound(nats, joint.shape[1]) for nats in lost]),
    )


def _fates(first_wrong: np.ndarray, long: int) -> tuple[np.ndarray, np.ndarray]:
    """Chains of each problem that are right before a step, and those that fail in it: int (l, n) of first wrong (n, k)."""
    steps = np.arange(long)[:, None, None]
    return (first_wrong >= steps).sum(axis=2), (first_wrong == steps).sum(axis=2)


def _first_letters(samples: Samples, long: int) -> np.ndarray:
    """How often the first letter after a step is to be one and is another: shares (s, l, letters, letters + 1).

    Whatever is no letter is one more symbol.
    """
    task, batch, completions = samples
    seeds, n, k, m = completions.shape
    gold = batch.completions()
    places = np.flatnonzero(np.isin(gold[0], task.letters))[:: task.length[0]]  # the same in every line
    kinds = len(task.letters)
    joint = np.zeros((seeds, long, kinds, kinds + 1))
    for step, place in enumerate(places[:long]):
        right = np.repeat(gold[:, place] - task.letters[0], k)
        column = completions[..., place].ravel() if place < m else np.zeros(seeds * n * k, int)
        given = np.where(np.isin(column, task.letters), column - task.letters[0], kinds)
        np.add.at(joint[:, step], (np.repeat(np.arange(seeds), n * k), right, given), 1 / (n * k))
    return joint


def check(measured: Measured) -> list[Check]:
    steps = np.arange(1, measured.lost.shape[1] + 1)
    return [
        at_least(
            "held-out log-likelihood, snowball - exponential",
            measured.snowball_gain,
            0.0,
            "the paper: exp(-L (L + 1) / 2)",
        ),
        at_least("nats lost a step", slope(steps, measured.lost), 0.0, "the paper: information is lost step by step"),
    ]


def figures(measured: Measured) -> list[Figure]:
    steps = list(range(1, measured.lost.shape[1] + 1))
    first = float(np.clip(np.nanmedian(measured.hazard[:, 0]), 0, 0.999))
    return [
        Curves(
            name="snowball_hazard",
            title="The chance to fail in a step, where all before it is right",
            x_label="step",
            y_label="probability",
            x=steps,
            measured={"measured": measured.hazard},
            theory={
                "exponential: constant": [first] * len(steps),
                "snowball": [float(-np.expm1(np.log1p(-first) * step)) for step in steps],
            },
        ),
        Curves(
            name="snowball_information",
            title="First letters that are wrong after a step, and Fano's bound by the information lost",
            x_label="step",
            y_label="probability; nats",
            x=steps,
            measured={
                "wrong": measured.wrong,
                "information lost, nats": measured.lost,
                "Fano's bound": measured.bound,
            },
            theory={},
        ),
    ]
