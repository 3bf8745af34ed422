"""Thinking more hurts where re-checks break more than they mend: by how much is known before it is measured.

Source       Gema et al., arXiv:2507.14417 (inverse scaling in test-time compute); Ghosal et al., arXiv:2506.04210 (accuracy
             rises and falls with forced thinking; an account by growing variance); the law is ours
Prediction   One model, five classes of problems told by a mark. In training re-checks were made whether or not they were
             needed; one breaks a right draft with probability e and mends a wrong one with c. From a, e and c of each
             model, measured on chains with one re-check, follows accuracy after k, p(k) = pi + (a - pi) (1 - c - e)^k with
             pi = c / (c + e): re-checks hurt where pi < a, help where pi > a, and change nothing where e = 0. Such a
             chain has no hump. A class that mixes two kinds under one mark has, where the mixture's law puts it, and one
             chain for both misses it. Serial problems are not solved by chains that are cut short, and not hurt by
             re-checks. The number of re-checks was random in training, so within a problem chains that happen to be
             longer fare as those that were made to be. The account by variance, fitted up to half of the re-checks, may
             rise, fall or do both; but it cannot fall to a level and stay there. With the dials' own rates its error on
             the other half is .04 in the class that is hurt, .03 in the mixed one and .007 in the one that is mended,
             which eight re-checks therefore cannot decide.
Refuted if   Measured and predicted accuracy are more than .03 apart, a class moves the other way than predicted or less
             than .1, the mixed class has no hump of .05, natural and forced lengths differ by more than .02 a re-check, or
             the account by variance does no worse than the law where drafts are hurt.
             A first run, with 800 steps of training in place of 1,200, kept 22 of 35 checks: two of its five models had not
             told the kinds of the mixed class apart.
Run          alchemy reproduce overthinking --preset small      # five minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.train import Runs
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
    near,
)
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import Interval, resampled, two_level
from experiments.thinking.rechecks import (
    FULL,
    SMALL,
    SMOKE,
    Chains,
    Setting,
    between,
    drawn_curves,
    law,
    rates,
)
from tasks.recheck.laws import fit_gaussian, gaussian, truncated
from tasks.recheck.spec import CLASSES

CLAIM = Claim(
    sentence="Thinking more hurts where re-checks break more than they mend, by as much as one re-check foretells.",
    source="arXiv:2507.14417 and 2506.04210; the law is ours",
    prediction="p(k) = pi + (a - pi)(1 - c - e)^k, pi = c / (c + e), from one re-check; a hump only where kinds are mixed",
    refuted_if="accuracy .03 off the law, a class that moves the other way, no hump of .05 in the mixed class",
)


@dataclass(frozen=True)
class Config(Setting):
    first: int = 1500
    """Problems on which one re-check is measured, others than those of the tests."""
    chains: int = 16
    """Chains with one re-check of each: wrong drafts are few where drafts are hurt, and what mends them sets the level."""
    forced: int = 2
    """Chains of each test problem with each number of re-checks."""
    own: int = 8
    """Chains of each test problem that are as long as the model likes."""


PRESETS = {
    "smoke": Config(**SMOKE, first=48, chains=2, forced=1, own=4),
    "small": Config(**SMALL),
    "full": Config(**FULL, first=6000, own=16),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    runs = config.fit(lab)
    foretold = {name: config.rechecked(lab, runs, name, 1, n=config.first, samples=config.chains) for name in CLASSES}
    measured: dict[str, Any] = {"k": list(range(config.most + 1))}
    for name, one in foretold.items():
        measured[name] = _forced(config, lab, runs, name, one) | _natural(config, lab, runs, name, one)
    budgets = list(range(1, config.hops))
    cut = [config.spent(lab, runs, "help", budget).right.mean(axis=2) for budget in budgets]
    letters = len(config.task.alphabet)
    return measured | {
        "cut short": {
            "budgets": budgets,
            "accuracy": [two_level(one, 0) for one in cut],
            "law": [truncated(config.hops, budget, letters) for budget in budgets],
        }
    }


def _forced(config: Config, lab: Lab, runs: Runs, name: str, one: Chains) -> dict[str, Any]:
    """Accuracy after each forced number of re-checks, beside what one re-check foretells and the account by variance."""
    k = np.arange(config.most + 1)
    asked = [config.rechecked(lab, runs, name, int(count), samples=config.forced) for count in k]
    right = np.stack([each.right.mean(axis=2) for each in asked])  # (m, s, n)
    each_kind, alike = (law(one, rates(one, by_kind), asked[0].kind, k) for by_kind in (True, False))
    peak = int(each_kind.mean(axis=(1, 2)).argmax())
    spread = _by_variance(k, right, each_kind)
    found = rates(one)
    return {
        "rates": {
            str(kind): {rate: two_level(values[:, one.kind == kind], 0) for rate, values in found._asdict().items()}
            for kind in np.unique(one.kind)
        },
        "accuracy": [two_level(each, 0) for each in right],
        "law": each_kind.mean(axis=(1, 2)).tolist(),
        "gap": [two_level(each, 0) for each in right - each_kind],
        "law, one chain": alike.mean(axis=(1, 2)).tolist(),
        "gap, one chain": [two_level(each, 0) for each in right - alike],
        "change": two_level(right[-1] - right[0], 0),
        "change, law": float((each_kind[-1] - each_kind[0]).mean()),
        "peak, law": peak,
        "rise to the peak": two_level(right[peak] - right[0], 0),
        "fall from the peak": two_level(right[peak] - right[-1], 0),
        **spread,
    }


def _by_variance(k: np.ndarray, right: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """The Gaussian account, fitted on the first half of the re-checks, and both errors on the second."""
    half = len(k) // 2 + 1

    def errors(measured: np.ndarray, chain: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fitted curves, and root mean square errors of both, of curves (..., m)."""
        fitted = gaussian(k, *fit_gaussian(k[:half], measured[..., :half]))
        off = (np.sqrt(((one - measured)[..., half:] ** 2).mean(axis=-1)) for one in (fitted, chain))
        return fitted, *off

    fitted, variance, chain = errors(right.mean(axis=(1, 2)), predicted.mean(axis=(1, 2)))
    _, each_variance, each_chain = errors(drawn_curves(right), drawn_curves(predicted))
    return {
        "by variance": fitted.tolist(),
        "error, by variance": between(float(variance), each_variance, right),
        "error, law": between(float(chain), each_chain, right),
        "error, by variance - law": between(float(variance - chain), each_variance - each_chain, right),
    }


def _natural(config: Config, lab: Lab, runs: Runs, name: str, one: Chains) -> dict[str, Any]:
    """Chains as long as the model likes: accuracy by length, and its slope within problems, less the law's."""
    chains = config.ask(lab, runs, name, samples=config.own)
    count = np.clip((chains.thought - chains.samples.batch.problem["hops"][:, None]) // 2, 0, config.most)
    right = chains.right.astype(float)
    curve = law(one, rates(one), chains.kind, range(config.most + 1))  # (m, s, n)
    expected = np.take_along_axis(np.moveaxis(curve, 0, -1), count.astype(np.intp), axis=2)
    lengths = np.arange(config.most + 1)
    total = [max(1, int((count == length).sum())) for length in lengths]
    return {
        "natural, accuracy": [
            float((right * (count == length)).sum()) / n for length, n in zip(lengths, total, strict=True)
        ],
        "natural, share": [float((count == length).mean()) for length in lengths],
        "natural, mean": two_level(count.mean(axis=2), 0),
        "natural, slope within problems": _slope(count, right),
        "natural, slope within problems, law": _slope(count, expected),
        "natural, slope less the law's": _slope(count, right - expected),
        "natural, slope over all": _slope(count, right, within=False),
    }


def _slope(count: np.ndarray, value: np.ndarray, within: bool = True) -> Interval:
    """Slope of value against count, both (s, n, k), with an intercept for each seed and problem, or for each seed."""
    axes = 2 if within else (1, 2)
    x, y = (one - one.mean(axis=axes, keepdims=True) for one in (count.astype(float), value))
    above, below = (x * y).sum(axis=2), (x * x).sum(axis=2)  # (s, n)
    problems, weights = resampled(0, *above.shape)
    drawn = [np.einsum("sn,rn,rs->r", one, problems, weights) for one in (above, below)]
    return between(float(above.sum() / max(below.sum(), 1e-9)), drawn[0] / np.maximum(drawn[1], 1e-9), above[None])


def check(measured: Mapping[str, Any]) -> list[Check]:
    help_, flat, hurt, mend, mixed = (measured[name] for name in CLASSES)
    last = measured["k"][-1]
    checks = [
        at_least("help: the whole chain", help_["accuracy"][0], 0.95, "it learned to follow a map", precondition=True),
        at_least("flat: the first draft", flat["accuracy"][0], 0.95, "it learned to look up", precondition=True),
        *(
            near(
                f"{name}, {k} re-checks: measured - foretold",
                measured[name]["gap"][k],
                0.0,
                0.03,
                "what five seeds can tell apart: the test and the foretelling are each known to .01 or .02",
            )
            for name in CLASSES
            for k in (last // 4, last // 2, last)
        ),
        at_most("hurt: change over all re-checks", hurt["change"], -0.1, "the dials say -.52"),
        at_least("mend: change over all re-checks", mend["change"], 0.1, "the dials say .40"),
        near("flat: change over all re-checks", flat["change"], 0.0, 0.02, "less than 2 points is flat, 2507.14417"),
        near("help: change over all re-checks", help_["change"], 0.0, 0.02, "less than 2 points is flat, 2507.14417"),
        at_least("mixed: rise to where the law has its peak", mixed["rise to the peak"], 0.05, "the dials say .20"),
        at_least("mixed: fall from there", mixed["fall from the peak"], 0.05, "the dials say .12"),
        at_most(
            f"mixed, {last} re-checks: measured - one chain for both kinds",
            mixed["gap, one chain"][last],
            -0.05,
            "one chain cannot have a hump; the dials say -.15",
        ),
    ]
    checks += [
        at_most(f"help, cut after {budget} hops", accuracy, 0.02, "on one cycle no other hop ends there")
        for budget, accuracy in zip(measured["cut short"]["budgets"], measured["cut short"]["accuracy"], strict=True)
    ]
    slope, less = "natural, slope within problems", "natural, slope less the law's"
    checks += [
        at_most("hurt: slope within problems of natural length", hurt[slope], -0.02, "the dials say -.11"),
        at_least("mend: slope within problems of natural length", mend[slope], 0.02, "the dials say .09"),
        *(
            near(
                f"{name}: slope of natural length less the law's",
                measured[name][less],
                0.0,
                0.02,
                "length was random in training, so it is no sign of anything",
            )
            for name in ("hurt", "mend", "mixed")
        ),
        at_least(
            "hurt: error of the account by variance - the law's",
            hurt["error, by variance - law"],
            0.0,
            "it falls for ever; with the dials' rates it is .04 off on the second half",
        ),
    ]
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    k, cut = measured["k"], measured["cut short"]
    shown = {"x_label": "re-checks forced", "y_label": "accuracy", "x": k}
    natural = {name: measured[name] for name in ("hurt", "mend", "mixed")}
    return [
        Curves(
            name="overthinking",
            title="One model, five classes: forced re-checks and what one re-check foretells",
            measured={name: measured[name]["accuracy"] for name in CLASSES},
            theory={f"law, {name}": measured[name]["law"] for name in natural},
            **shown,
        ),
        Curves(
            name="overthinking_variance",
            title="A hump needs two kinds of problems: laws, and the account by growing variance",
            measured={name: measured[name]["accuracy"] for name in ("hurt", "mixed")},
            theory={
                "variance, hurt": measured["hurt"]["by variance"],
                "variance, mixed": measured["mixed"]["by variance"],
                "one chain, mixed": measured["mixed"]["law, one chain"],
            },
            **shown,
        ),
        Curves(
            name="overthinking_natural",
            title="Chains that happen to be longer fare as those that are made to be",
            measured={f"{name}, forced": row["accuracy"] for name, row in natural.items()},
            theory={f"{name}, natural": row["natural, accuracy"] for name, row in natural.items()},
            **shown,
        ),
        Curves(
            name="overthinking_cut",
            title="A serial problem, its chain cut short or made to go on",
            x_label="tokens of thinking",
            y_label="accuracy",
            x=[*cut["budgets"], *(len(cut["budgets"]) + 1 + 2 * count for count in k)],
            measured={"help": [*cut["accuracy"], *measured["help"]["accuracy"]]},
            theory={"law": [*cut["law"], *measured["help"]["law"]]},
        ),
    ]
