"""What a verifier that solves first adds to best-of-n is its own answer, which costs one chain and no candidates.

Source       Verifiers that write before their verdict raise best-of-n, arXiv:2408.15240, 2505.14674 and 2505.02387. The
             controls are ours: the verifier's own answer, taken as it is, and the policy trained on for as many steps.
Prediction   A policy solves chains of four letter transformations (`tasks/symbols`) in some of its samples. A verifier that starts
             from its weights learns to solve each problem first and then to mark the letters of an answer. The best of 64
             samples by it is right .1 more often than one sample, and than the best of 64 by a verifier that scores whole
             chains at once. But the answer that the verifier writes before it judges is, alone, no more than .02 worse than the best
             of 64 by it, and neither is one greedy answer of the policy after as many steps of training on right lines. If
             the verdicts behind eight sampled thoughts are averaged, the vote of the answers that end these thoughts is
             no more than .02 worse, either.
Refuted if   One of the two gains is smaller, or one of the three controls is worse by more, in most seeds.
Controls     A seed counts if the policy's samples are right in .05 to .85 on problems of four steps, and one of 64 in .75:
             otherwise nothing could be chosen, or nothing had to be. Both verifiers learn on the same candidates, half of them
             right and half wrong in a letter or by another transformation, none of them the policy's own.
             The lines of the control are shorter than the verifier's, which hold the candidate, too: it reads fewer tokens.
             The exact verifier and the vote of the samples stand beside the rest and judge nothing. Whether models
             follow their chains stands beside the verdict.
             In trials on seeds from 900 on verifiers that learned for 400 steps solved .99 of the problems and compared nothing: the
             best of 64 by them was right in .05. After 1,000 steps it was in .94, .99 and .83 (one sample in .64, .84 and .17), and
             their own answers in 1.00, 1.00 and 1.00. The trials also chose 450 steps for the policy: after 300 one sample
             in forty was right, after 600 nine of ten.
Run          alchemy reproduce own_answer --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from alchemy.lab import thinking_verifiers, verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.testtime.bank import Bank, fill
from alchemy.testtime.learned_verifier import Verifier, labelled
from alchemy.testtime.replay import curve, of_problems
from alchemy.testtime.thinking_verifier import Format, mean_probability
from experiments.thinking.sequences import sequences_of
from experiments.thinking.solving_before_judging import training
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="A verifier that solves first adds its own answer to best-of-n, and no more: alone that is as good as the best of 64.",
    source="ours, on arXiv:2408.15240, 2505.14674 and 2505.02387",
    prediction="best of 64 by it .1 above one sample and above a verifier at once; its own answer, the vote of eight of them and"
    " the policy trained as long at most .02 below",
    refuted_if="a smaller gain, or a control that is .02 worse",
    question="How is a budget best spent?",
    among="policies that solve some problems of four steps, and not most",
)
SOLVED = Format("own", "answer")
STEPS = (1, 2, 4)
"""Steps of the problems that all are trained on; the last are tested."""
THINKING, SAMPLED, AT_ONCE, EXACT = "solves first", "solves first, 8 thoughts", "at once", "exact"
VERIFIERS = (THINKING, SAMPLED, AT_ONCE, EXACT)


@dataclass(frozen=True)
class Config:
    """A policy, its verifiers and what they are compared with; the defaults are the small scale."""

    seeds: int = 5
    """Replicates, each with weights, samples and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out problems of each seed; a quarter is for gates."""
    samples: int = 64
    thoughts: int = 8
    sequences: int = 400
    """Sequences of transformations of every number of steps (fewer where there are no more), as often as one another."""
    letters: int = 3
    model: Transformer = Transformer(
        block="llama", positions="rotary", tied=False, scale=1.0, width=48, layers=2, heads=4, hidden=96, context=256
    )
    train: TrainConfig = TrainConfig(steps=450, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
    """Of the policy."""
    checker: TrainConfig = TrainConfig(steps=1000, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
    """Of verifiers, and of the policy that is trained on."""

    def task(self, steps: tuple[int, ...]) -> Symbols:
        """Problems of so many steps, each number as often."""
        return sequences_of(steps, self.sequences, self.letters)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=12,
        samples=4,
        thoughts=2,
        sequences=10,
        model=replace(SMALL.model, width=16, layers=1, heads=2, hidden=32),
        train=TrainConfig(steps=4, batch=8, chunk=4),
        checker=TrainConfig(steps=4, batch=8, chunk=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=2000,
        letters=4,
        model=replace(SMALL.model, width=128, layers=4, hidden=256),
        train=replace(SMALL.train, steps=800, batch=128),
        checker=replace(SMALL.checker, steps=1500, batch=128, matrix_rate=0.01, learning_rate=3e-3),
    ),
}


class Gates(NamedTuple):
    """Of the policy, on problems for gates, float (s,)."""

    one: np.ndarray  # samples that are right
    any: np.ndarray  # problems of which one sample is


@dataclass(frozen=True)
class Measured:
    """Shares of right answers, float (s,) or (sizes, s)."""

    gates: Gates
    sizes: np.ndarray
    best: dict[str, np.ndarray]
    """The best of so many samples by each verifier."""
    vote: np.ndarray
    """Of so many samples."""
    policy: np.ndarray
    """Greedy."""
    own: np.ndarray
    """What the verifier answers itself, greedily."""
    own_vote: np.ndarray
    """The vote of what it answers at the end of its sampled thoughts."""
    trained_on: np.ndarray
    """The policy after as many steps more, greedily."""

    def at(self, verifier: str, size: int) -> np.ndarray:
        """Of the best of `size` samples by a verifier, float (s,)."""
        return np.asarray(self.best[verifier][list(self.sizes).index(size)])


def run(config: Config, lab: Lab) -> Measured:
    seeds, task, hard = lab.seeds(config.seeds), config.task(STEPS), config.task(STEPS[-1:])
    lines = config.checker.steps * config.checker.batch
    policy = lab.train(config.model, task, config.train, seeds=seeds, label="train policy")
    pools = [training(lab, task, lines, seed) for seed in seeds]
    thinking = thinking_verifiers.fit_to(lab, policy, config.checker, pools, form=SOLVED)
    labels = [labelled(pool, "outcome") for pool in pools]
    at_once = Verifier(
        lab.train(
            config.model, task, config.checker, seeds=seeds, labels=labels, start=policy, label="train verifier at once"
        ),
        "outcome",
    )
    trained_on = lab.train(
        config.model, task, config.checker, seeds=seeds, start=policy, stretch=1, label="train policy on"
    )

    samples, bank = lab.bank(policy, hard, config.test, config.samples)
    greedy = thinking_verifiers.check_samples(lab, thinking, samples)
    several = thinking_verifiers.check_samples(lab, thinking, samples, thoughts=config.thoughts, temperature=1.0)
    scores = (
        greedy.weighed.marks[..., 0],
        mean_probability(several.weighed.marks),
        verifiers.score_samples(lab, at_once, samples),
        bank.right,
    )
    bank = bank._replace(scores=dict(zip(VERIFIERS, (np.asarray(score, float) for score in scores), strict=True)))
    gate, judged = gate_split(config.test)
    sizes = 2 ** np.arange(int(np.log2(config.samples)) + 1)
    tested = of_problems(bank, judged)

    def right(runs: Runs, label: str) -> np.ndarray:
        return lab.answer(runs, hard, config.test, label=label).values("answer")[:, judged].mean(axis=1)

    own = thinking_verifiers.solutions(lab, thinking, samples)
    votes = thinking_verifiers.solutions(lab, thinking, samples, thoughts=config.thoughts, temperature=1.0)
    answers = of_problems(fill(votes, np.zeros(votes.completions.shape[:3], np.float32), bank.parameters), judged)
    return Measured(
        gates=Gates(bank.right[:, gate].mean(axis=(1, 2)), bank.right[:, gate].any(axis=2).mean(axis=1)),
        sizes=sizes,
        best={name: _curve(BestOfN(name), tested, sizes) for name in VERIFIERS},
        vote=_curve(SelfConsistency(), tested, sizes),
        policy=right(policy, "answer: policy"),
        own=own.verify().answer[:, judged].mean(axis=(1, 2)),
        own_vote=_curve(SelfConsistency(), answers, np.array([config.thoughts]))[0],
        trained_on=right(trained_on, "answer: policy trained on"),
    )


def _curve(strategy: BestOfN | SelfConsistency, bank: Bank, sizes: np.ndarray) -> np.ndarray:
    """Right answers by number of samples, float (sizes, s)."""
    return curve(strategy, bank, sizes, 0).right.mean(axis=2)


def check(measured: Measured) -> list[Check]:
    most = int(measured.sizes[-1])
    best = measured.at(THINKING, most)
    gates = [
        Gate("policy: right samples", measured.gates.one, 0.05, 0.85, "there is something to choose"),
        Gate("policy: any sample right", measured.gates.any, 0.75, 1.0, "the right one is there"),
    ]
    return [
        at_least(
            f"best of {most} - one sample", best - measured.at(THINKING, 1), 0.1, "the published gain", gates=gates
        ),
        at_least(
            "solves first - at once", best - measured.at(AT_ONCE, most), 0.1, "thinking helps to choose", gates=gates
        ),
        at_least("its own answer - best by it", measured.own - best, -0.02, "the candidates add nothing", gates=gates),
        at_least(
            "policy trained on - best by it", measured.trained_on - best, -0.02, "training is what helps", gates=gates
        ),
        at_least(
            "vote of its answers - best by its thoughts",
            measured.own_vote - measured.at(SAMPLED, most),
            -0.02,
            "nor do more thoughts",
            gates=gates,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    beside = {
        "policy": measured.policy,
        "verifier's own": measured.own,
        "vote of its own": measured.own_vote,
        "policy trained on": measured.trained_on,
        f"best of {measured.sizes[-1]}": measured.at(THINKING, int(measured.sizes[-1])),
    }
    return [
        Curves(
            name="own_answer",
            title="Best of n by verifiers",
            x_label="samples n",
            y_label="right answers",
            x=measured.sizes.tolist(),
            log_x=True,
            measured={**{name: values.T for name, values in measured.best.items()}, "vote": measured.vote.T},
            theory={},
        ),
        Bars(
            name="own_answer_controls",
            title="One answer, or the best of many",
            y_label="right answers",
            groups=[name.replace(" ", "\n", 1) for name in beside],
            measured={"right": np.stack(list(beside.values()), axis=1)},
            theory={},
        ),
    ]
