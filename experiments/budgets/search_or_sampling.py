"""Best-of-n and tree search converge once compute and the quality of the reward are equal.

Source       Gan, Liao, Liu, arXiv:2501.15602, section 5 (GSM8K: MCTS 84, best-of-n 82 and 85 at two budgets)
Prediction   The paper: with as much compute and as good a reward, best-of-n does as well as MCTS. Its rewards judge whole
             answers and its chains are short. We expect agreement within 2 points there: an outcome reward tells a tree
             nothing inside a chain. A step reward does: drawing until all L steps are right at once costs q^-L chains,
             mending one step at a time about L / q steps, so that on long chains search pulls away, the more so the
             better the reward is. The lab turns both dials: steps of the problem, and Gaussian noise on an exact reward.
             Compute is all that is paid for, in FLOPs: tokens written, dropped branches included, and judgements, each of
             which has a verifier as large as the model read the prompt and the text anew, whoever the judge is. Best-of-n
             has as many chains as the search of the same cell could have paid for: a tree has each chain judged after every
             step, best-of-n once. A text that is judged twice gets the same score. Beside the dials are verifiers
             learned from outcomes and from steps, as searches have them outside of a laboratory.
Refuted if   In any cell search differs from best-of-n by more than 2 points. The largest difference over the cells is found
             on one half of a seed's problems and measured on the other.
Run          alchemy reproduce search_or_sampling --preset small      # 85 minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from alchemy.decoding.sampler import Branches
from alchemy.lab.lab import Lab
from alchemy.lab.search import search
from alchemy.learning.train import size
from alchemy.problem.task import EOS
from alchemy.report.claim import Check, Claim, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.selection import halves, largest_gap
from alchemy.stats.voting import best_scored_at
from alchemy.strategies.beam import Beam
from alchemy.strategies.mcts import Mcts
from alchemy.strategies.tree import Search
from alchemy.testtime.answers import Answers, Samples
from alchemy.testtime.bank import Bank
from alchemy.testtime.learned_verifier import Verifier
from alchemy.testtime.rewards import Kind, LearnedReward, OracleReward, Reward
from experiments.budgets.chains import Checked, full_checked, smoke_checked

CLAIM = Claim(
    sentence="Best-of-n and tree search converge once compute and the quality of the reward are equal.",
    source="arXiv:2501.15602, section 5",
    prediction="MCTS and beam search within 2 points of best-of-n at equal FLOPs, whatever the reward and the length",
    refuted_if="a cell of (steps, noise, kind of reward) in which they differ by more",
    question="How is a budget best spent?",
)
KINDS: tuple[Kind, ...] = ("outcome", "step")
SEARCHES = ("MCTS", "beam")


@dataclass(frozen=True)
class Config(Checked):
    seeds: int = 5
    """Dear ones: five that agree are enough for HOLDS; FAILS needs eight or nine."""
    test: int = 1000
    lengths: tuple[int, ...] = (2, 4, 8)
    """Steps of the problems in each row of the map."""
    noise: tuple[float, ...] = (0.0, 0.6)
    """Standard deviation of what is added to a reward of 0 or 1."""
    chains: int = 16
    """A beam has so many; MCTS tries about as many tokens' worth of steps."""
    width: int = 4
    tries: int = 128
    """Steps that MCTS tries at most; on longer chains that is less than the beam writes."""

    def searches(self, steps: int, kind: Kind) -> tuple[Search, ...]:
        """The searches of SEARCHES on chains of so many steps."""
        tries = min(self.tries, self.chains * steps) if kind == "step" else self.chains
        tree = Mcts(tries, self.width, value="step" if kind == "step" else "rollout")
        return tree, Beam(self.chains, self.width)


SMALL = Config()
PRESETS = {
    "smoke": smoke_checked(SMALL, lengths=(2,), noise=(0.6,), chains=4, width=2, tries=4),
    "small": SMALL,
    "full": full_checked(SMALL, samples=512, lengths=(2, 4, 8, 12), noise=(0.0, 0.3, 0.6, 1.0), chains=64, tries=1024),
}


class Cell(NamedTuple):
    """A search and best-of-n with one reward on problems of one length: arrays (s, ...)."""

    search: np.ndarray  # accuracy of the search: (s,)
    best_of_n: np.ndarray  # accuracy of best-of-n at the same FLOPs: (s,)
    chains: np.ndarray  # the n of it: (s,)
    gain: np.ndarray  # search - best-of-n on each half of a seed's problems: (s, 2)


@dataclass(frozen=True)
class Measured:
    lengths: tuple[int, ...]
    noise: tuple[float, ...]
    one_chain: np.ndarray
    """Accuracy by length: (s, lengths)."""
    cells: Cell
    """Arrays (s, kinds, searches, lengths, rewards, ...): of the rewards the last is learned, the others are the dials'."""


def run(config: Config, lab: Lab) -> Measured:
    learned = {"outcome": config.verifiers(lab, "outcome"), "step": config.verifiers(lab, "process")}
    banks = [(steps, *config.bank(lab, config.problems((steps,)))) for steps in config.lengths]
    rows = [
        _joined([_cells(config, lab, kind, steps, pool, bank, learned[kind]) for steps, pool, bank in banks], axis=2)
        for kind in KINDS
    ]
    one_chain = np.stack([bank.right.mean(axis=(1, 2)) for _, _, bank in banks], axis=1)
    return Measured(config.lengths, config.noise, one_chain, _joined(rows, axis=1))


def _cells(config: Config, lab: Lab, kind: Kind, steps: int, pool: Samples, bank: Bank, verifier: Verifier) -> Cell:
    """Every search with every reward of a kind on problems of one length: arrays (s, searches, rewards, ...)."""
    parameters, seeds = size(config.fit(lab).model), range(config.seeds)
    rewards: dict[str, list[Reward]] = {
        f"noise {sigma:g}": [OracleReward(pool.task, pool.batch, kind, sigma, parameters=parameters)] * config.seeds
        for sigma in config.noise
    }
    rewards["learned"] = [LearnedReward(verifier, row, pool.task, pool.batch) for row in seeds]
    rows = []
    for quality, judges in rewards.items():
        label = f"{steps} steps, {kind} reward, {quality}"
        searches = zip(SEARCHES, config.searches(steps, kind), strict=True)
        rows.append(
            _joined([_cell(config, lab, pool, bank, judges, how, f"{name}, {label}") for name, how in searches], axis=1)
        )
    return _joined(rows, axis=2)


def _cell(
    config: Config, lab: Lab, pool: Samples, bank: Bank, judges: Sequence[Reward], how: Search, label: str
) -> Cell:
    """One search, and best-of-n for as many FLOPs; a judge for each model."""
    runs, temperature = config.fit(lab), config.temperature
    answered = search(lab, runs, pool.task, pool.batch, how, judges, temperature=temperature, label=label)
    hits = Answers(pool.task, pool.batch, answered.completions).judgement.answer.astype(float)
    chains = affordable(bank, judges[0].parameters, answered.ledger.flops.mean(axis=1)).clip(1, config.samples)
    scores = _scores(pool, judges)
    others = np.stack([best_of(*seed) for seed in zip(bank.right, scores, chains, strict=True)])
    gain = np.stack(halves(hits - others), axis=1)
    return Cell(hits.mean(axis=1), others.mean(axis=1), chains, gain)


def affordable(bank: Bank, checker: int, flops: np.ndarray) -> np.ndarray:
    """How many chains, written and judged once, that many FLOPs a problem (s,) pay for: float (s,).

    A verifier of `checker` parameters reads prompt and chain; the model reads the prompt once.
    """
    tokens, prompt = bank.tokens.mean(axis=(1, 2)), bank.prompt.mean(axis=1)
    a_chain = bank.parameters * tokens + checker * (prompt + tokens)
    return (flops / 2 - bank.parameters * prompt) / a_chain


def best_of(right: np.ndarray, score: np.ndarray, count: float) -> np.ndarray:
    """Best-of-n of answers (n, k), at a fractional count the mix of its neighbours: float (n,)."""
    fewer, part = int(count), count % 1
    more = best_scored_at(right, score, min(fewer + 1, right.shape[1]))
    return best_scored_at(right, score, fewer) * (1 - part) + more * part


def _scores(pool: Samples, judges: Sequence[Reward]) -> np.ndarray:
    """What each model's judge says of its answers, float (s, n, k)."""
    seeds, n = pool.completions.shape[:2]
    rows = np.arange(seeds * n).reshape(seeds, n)
    whole = [Branches(own, np.zeros(own.shape[:2]), (own == EOS).any(axis=2)) for own in pool.completions]
    return np.stack([judges[seed].rows(rows[seed]).score(whole[seed]) for seed in range(seeds)])


def _joined(cells: Sequence[Cell], axis: int) -> Cell:
    """Cells side by side along a new axis."""
    return Cell(*(np.stack(parts, axis=axis) for parts in zip(*cells, strict=True)))


def check(measured: Measured) -> list[Check]:
    return [
        at_most(
            f"{kind} reward: {name} - best of n, largest over lengths and rewards",
            _largest(measured.cells.gain[:, row, column]),
            0.02,
            "the paper: within 2 points",
        )
        for row, kind in enumerate(KINDS)
        for column, name in enumerate(SEARCHES)
    ]


def _largest(gain: np.ndarray) -> np.ndarray:
    """The largest difference of any sign over cells (s, lengths, rewards, 2), of two halves of the problems: float (s,)."""
    return largest_gap(*np.moveaxis(gain.reshape(len(gain), -1, 2), 2, 0))


def figures(measured: Measured) -> list[Figure]:
    lengths, noise, cells = measured.lengths, measured.noise, measured.cells
    gain, longest = cells.gain.mean(axis=-1), lengths.index(max(lengths))
    curves = {
        f"{name}, {kind}": cells.search[:, row, column, longest, :-1]
        for row, kind in enumerate(KINDS)
        for column, name in enumerate(SEARCHES)
    }
    curves["best of n, step"] = cells.best_of_n[:, KINDS.index("step"), SEARCHES.index("MCTS"), longest, :-1]
    one_chain = float(np.median(measured.one_chain[:, longest]))
    return [
        *(
            Curves(
                name=f"search_or_sampling_{kind}",
                title=f"MCTS less best-of-n at equal FLOPs, {kind} reward",
                x_label="noise of the reward",
                y_label="accuracy gained",
                x=noise,
                measured={f"{steps} steps": gain[:, row, 0, place, :-1] for place, steps in enumerate(lengths)},
                theory={"2 points": [0.02] * len(noise), "-2 points": [-0.02] * len(noise)},
            )
            for row, kind in enumerate(KINDS)
        ),
        Curves(
            name="search_or_sampling_longest",
            title=f"Searches and best-of-n, {max(lengths)} steps",
            x_label="noise of the reward",
            y_label="accuracy",
            x=noise,
            measured=curves,
            theory={"one chain": [one_chain] * len(noise)},
        ),
        Bars(
            name="search_or_sampling_learned",
            title="Learned verifiers: searches less best-of-n at equal FLOPs",
            y_label="accuracy gained",
            groups=[f"{steps} steps\n{kind}" for kind in KINDS for steps in lengths],
            measured={name: gain[:, :, column, :, -1].reshape(len(gain), -1) for column, name in enumerate(SEARCHES)},
            theory={},
        ),
    ]
