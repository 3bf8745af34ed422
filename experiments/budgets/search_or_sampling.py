"""Best-of-n and tree search converge once compute and the quality of the reward are equal.

Source       Gan, Liao, Liu, arXiv:2501.15602, section 5 (GSM8K: MCTS 84, best-of-n 82 and 85 at two budgets)
Prediction   The paper: with as many tokens and as good a reward, best-of-n does as well as MCTS. Its rewards judge whole
             answers and its chains are short. We expect agreement within 2 points there: an outcome reward tells a tree
             nothing inside a chain. A step reward does: drawing until all L steps are right at once costs q^-L chains,
             mending one step at a time about L / q steps, so that on long chains search pulls away, the more so the
             better the reward is. The lab turns both dials: steps of the problem, and Gaussian noise on an exact reward.
             Tokens are all that were written, dropped branches included; best-of-n is read at the tokens that the search
             of the same cell has spent. A text that is judged twice gets the same score. Beside the dials are verifiers
             learned from outcomes and from steps, as searches have them outside of a laboratory.
Refuted if   In any cell search differs from best-of-n by more than 2 points.
Run          alchemy reproduce search_or_sampling --preset small      # twenty minutes after hedging on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from alchemy.decoding.sampler import Branches
from alchemy.lab.lab import Lab
from alchemy.lab.search import search
from alchemy.learning.train import Runs
from alchemy.problem.task import EOS
from alchemy.report.former import Check, Claim, near
from alchemy.report.former_figures import Bars, Curves, Figure
from alchemy.stats.measure import Interval, paired_difference, two_level
from alchemy.stats.voting import best_scored_at
from alchemy.strategies.beam import Beam
from alchemy.strategies.mcts import Mcts
from alchemy.strategies.tree import Search
from alchemy.testtime.answers import Samples
from alchemy.testtime.bank import Bank
from alchemy.testtime.rewards import (
    Kind,
    LearnedReward,
    OracleReward,
    Reward,
)
from experiments.budgets.chains import (
    FULL_CHECKED,
    SMALL_CHECKED,
    SMOKE_CHECKED,
    Checked,
)

CLAIM = Claim(
    sentence="Best-of-n and tree search converge once compute and the quality of the reward are equal.",
    source="arXiv:2501.15602, section 5",
    prediction="MCTS and beam search within 2 points of best-of-n at equal tokens, whatever the reward and the length",
    refuted_if="a cell of (steps, noise, kind of reward) in which they differ by more",
)


KINDS: tuple[Kind, ...] = ("outcome", "step")
LEARNED = "learned"
"""The quality of a reward that is no oracle's."""


@dataclass(frozen=True)
class Config(Checked):
    test: int = 300
    lengths: tuple[int, ...] = (2, 4, 8)
    """Steps of the problems in each row of the map."""
    noise: tuple[float, ...] = (0.0, 0.3, 0.6, 1.0)
    """Standard deviation of what is added to a reward of 0 or 1."""
    chains: int = 16
    """A beam has so many; MCTS tries about as many tokens' worth of steps."""
    width: int = 4
    tries: int = 128
    """Steps that MCTS tries at most; on longer chains that is less than the beam writes."""


PRESETS = {
    "smoke": Config(**{**SMOKE_CHECKED, "test": 24}, lengths=(3,), noise=(0.0, 0.6), chains=4, width=2),
    "small": Config(**SMALL_CHECKED, noise=(0.0, 0.6, 1.0)),
    "full": Config(**{**FULL_CHECKED, "test": 4000}, lengths=(2, 4, 8, 12), chains=64, tries=1024),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    runs = config.fit(lab)
    learned = {"outcome": config.verifiers(lab, "outcome"), "step": config.verifiers(lab, "process")}
    cells, alone = {}, {}
    for steps in config.lengths:
        task = config.problems((steps,))
        pool, bank = config.bank(lab, task)
        alone[str(steps)] = two_level(bank.right.mean(axis=2), 0)
        for kind in KINDS:
            judges: dict[float | str, list[Reward]] = {
                sigma: [OracleReward(task, pool.batch, kind, sigma)] * config.seeds for sigma in config.noise
            }
            judges[LEARNED] = [LearnedReward(learned[kind], row, task, pool.batch) for row in range(config.seeds)]
            for quality, each in judges.items():
                label = _label(steps, kind, quality)
                cells[label] = _cell(config, lab, runs, pool, bank, kind, each, label)
    dials = {"lengths": list(config.lengths), "noise": list(config.noise)}
    return {**dials, "kinds": list(KINDS), "one chain": alone, **cells}


def _label(steps: int, kind: str, quality: float | str) -> str:
    told = quality if isinstance(quality, str) else f"noise {quality:g}"
    return f"{steps} steps, {kind} reward, {told}"


def _cell(
    config: Config, lab: Lab, runs: Runs, pool: Samples, bank: Bank, kind: Kind, judges: list[Reward], label: str
) -> dict[str, Any]:
    """What each search gets right, what it writes, and what best-of-n gets for as many tokens; a judge for each model."""
    task = pool.task
    steps = int(bank.facts["steps"].max())
    tries = min(config.tries, config.chains * steps) if kind == "step" else config.chains
    searches: dict[str, Search] = {
        "beam": Beam(config.chains, config.width),
        "mcts": Mcts(tries, config.width, value="step" if kind == "step" else "rollout"),
    }
    said = [Branches(one, np.zeros(one.shape[:2]), (one == EOS).any(axis=2)) for one in pool.completions]
    scores = [judge.score(one) for judge, one in zip(judges, said, strict=True)]
    each = bank.tokens.mean(axis=(1, 2))  # tokens of a chain, (s,)

    def best_of(tokens: np.ndarray) -> np.ndarray:
        """Best-of-n at so many tokens a problem (s,), at a fractional n the mix of its neighbours: float (s, n)."""
        curves = []
        for spent, score, one in zip(tokens / each, scores, bank.right, strict=True):
            count = float(np.clip(spent, 1, config.samples))
            fewer, part = int(count), count % 1
            more = best_scored_at(one, score, min(fewer + 1, config.samples))
            curves.append(best_scored_at(one, score, fewer) * (1 - part) + more * part)
        return np.stack(curves)

    found: dict[str, Any] = {}
    for name, one in searches.items():
        answered = search(
            lab, runs, task, pool.batch, one, judges, temperature=config.temperature, label=f"{name}, {label}"
        )
        hits = np.stack([task.verify(pool.batch, one).answer for one in answered.completions]).astype(float)
        bill, many = answered.ledger, best_of(answered.ledger.written.mean(axis=1))
        found[name] = {
            "right": two_level(hits, 0),
            "tokens": float(bill.written.mean()),
            "calls": float(bill.calls.mean()),
            "FLOPs": float(bill.flops.mean()),
            "chains": float(bill.written.mean() / each.mean()),
            "best of n": two_level(many, 0),
            "gain": paired_difference(hits, many, 0),
        }
    return found


def check(measured: Mapping[str, Any]) -> list[Check]:
    return [
        near(f"{label}: {search} - best of n", measured[label][search]["gain"], 0.0, 0.02, "the paper: within 2 points")
        for label in _cells(measured)
        for search in ("mcts", "beam")
    ]


def _cells(measured: Mapping[str, Any]) -> list[str]:
    dials = product(measured["kinds"], measured["lengths"], [*measured["noise"], LEARNED])
    return [_label(steps, kind, quality) for kind, steps, quality in dials]


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    lengths, noise = measured["lengths"], measured["noise"]

    def along(steps: int, kind: str, search: str, what: str) -> list[Interval]:
        return [measured[_label(steps, kind, sigma)][search][what] for sigma in noise]

    gains = [
        Curves(
            name=f"search_or_sampling_{kind}",
            title=f"MCTS less best-of-n at equal tokens, {kind} reward",
            x_label="noise of the reward",
            y_label="accuracy gained",
            x=noise,
            measured={f"{steps} steps": along(steps, kind, "mcts", "gain") for steps in lengths},
            theory={"2 points": [0.02] * len(noise), "-2 points": [-0.02] * len(noise)},
        )
        for kind in measured["kinds"]
    ]
    longest = max(lengths)
    both = {f"{search}, {kind}": (search, kind) for kind in measured["kinds"] for search in ("mcts", "beam")}
    return [
        *gains,
        Curves(
            name="search_or_sampling_longest",
            title=f"Searches and best-of-n, {longest} steps",
            x_label="noise of the reward",
            y_label="accuracy",
            x=noise,
            measured={
                **{name: along(longest, kind, search, "right") for name, (search, kind) in both.items()},
                "best of n, step": along(longest, "step", "mcts", "best of n"),
            },
            theory={"one chain": [measured["one chain"][str(longest)].mean] * len(noise)},
        ),
        Bars(
            name="search_or_sampling_learned",
            title="Learned verifiers: searches less best-of-n at equal tokens",
            y_label="accuracy gained",
            groups=[f"{steps} steps\n{kind}" for kind in measured["kinds"] for steps in lengths],
            measured={
                search: [
                    measured[_label(steps, kind, LEARNED)][search]["gain"]
                    for kind in measured["kinds"]
                    for steps in lengths
                ]
                for search in ("mcts", "beam")
            },
            theory={},
        ),
    ]
