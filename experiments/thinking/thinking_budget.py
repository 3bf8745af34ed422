"""To a verifier of answers more thinking is worth little before the last step, and all at it: what rises evenly is a mixture.

Source       That verifiers which reason get better with their thinking budget, arXiv:2505.02387, think longer where it is harder,
             arXiv:2504.02495, and gain by votes, published beside one sample and beside a greedy one. Steps and controls are ours.
Prediction   Verifiers solve problems of one, two and four letter transformations (`tasks/symbols`) before they mark an answer, and learned
             to mark it behind thoughts that broke off after any step, too. Of five answers the right one is, at four steps, above .65
             of the wrong ones at most after two steps of thinking, and the last step gains .1 more than the three before it. Over
             problems of all three kinds the curve is the share of problems that are solved by then, half of the others being told
             by luck: off by .1 at most at any budget. Which answer is held for the best stays from a step on that is later by .7 and more
             for each step of the problem: thinking on can stop there, and not before. Eight votes of thoughts sampled at temperature 2
             are .05 above one such thought and within .05 of a greedy one.
Refuted if   One of these numbers is outside, in most seeds.
Controls     A seed counts if its verifier ranks .95 rightly after all steps of four, on other problems: one that solves and compares
             badly shows nothing of budgets. The ends of thoughts that broke off are given in training, not learned, so that greedy
             thoughts go on to the end. As these are right nearly always, votes cannot be better; whether they come as far is what is asked.
             Wrong answers err in one step and go on rightly, every other one in a single letter. Whether models follow their
             chains stands beside the verdict. Verifiers that are shown whole chains, which could be checked step by step, are not judged:
             in trials on seeds 900 and 901 they compared nothing after as much training (.51 to .59), and a verifier of answers did not
             either where thoughts broke off from the start (.53 after 1,000 steps). Trained as here, seeds 900 to 902, the right answer
             was above .51 to .53, .52 to .55, .49 to .55, .61 to .65 and 1.00 after no step to four; the mixture was off by .04 to .06, and the
             choice stayed after .7 to .8, 1.6 to 1.7 and 3.5 to 3.7 steps. One thought at temperature 2 was above .80 to .82, eight above .99.
Run          alchemy reproduce thinking_budget --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from alchemy.lab import thinking_verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most, near
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.stats.slopes import slope
from alchemy.testtime.answers import Samples
from alchemy.testtime.simulated_verifiers import auc
from alchemy.testtime.thinking_verifier import Format, ThinkingVerifier, mean_probability, steps_written
from experiments.thinking.sequences import sequences_of
from experiments.thinking.solving_before_judging import candidates, training
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="To a verifier of answers more thinking is worth little before the last step and all at it; votes restore what sampling cost.",
    source="arXiv:2505.02387 and 2504.02495; steps and controls are ours",
    prediction="four steps: .65 at most after two, the last gains .1 more than all before; the mixture within .1 of the share solved;"
    " the choice settles .7 later a step; eight votes .05 above one, within .05 of greedy",
    refuted_if="one of these numbers outside",
    question="How is a budget best spent?",
    among="verifiers that solve and compare",
)
FORM = Format("own", "answer")
STEPS = (1, 2, 4)
"""Steps of the problems that all are trained on and tested on."""
MOST = STEPS[-1]


@dataclass(frozen=True)
class Config:
    """Verifiers that can be asked at any time; the defaults are the small scale."""

    seeds: int = 5
    """Replicates, each with weights, candidates and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 200
    """Held-out problems of each seed for every number of steps; a quarter is for gates."""
    wrong: int = 4
    """Wrong candidates of each, every other one wrong in a single letter of a single step, from which it goes on rightly."""
    thoughts: int = 8
    temperature: float = 2.0
    """Of sampled thoughts: at 1 nearly all are right, and there is nothing to vote about."""
    sequences: int = 400
    """Sequences of transformations of every number of steps (fewer where there are no more), as often as one another."""
    letters: int = 3
    model: Transformer = Transformer(
        block="llama", positions="rotary", tied=False, scale=1.0, width=48, layers=2, heads=4, hidden=96, context=256
    )
    train: TrainConfig = TrainConfig(steps=450, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
    """Of the models that solve the problems."""
    checker: TrainConfig = TrainConfig(steps=1000, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
    """Of verifiers, from their weights."""
    cut: TrainConfig = TrainConfig(steps=400, batch=32, optimizer="muon", matrix_rate=0.01, learning_rate=3e-3)
    """Of the same behind thoughts that break off."""

    def task(self, steps: tuple[int, ...]) -> Symbols:
        """Problems of so many steps, each number as often."""
        return sequences_of(steps, self.sequences, self.letters)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=12,
        wrong=2,
        thoughts=2,
        sequences=10,
        model=replace(SMALL.model, width=16, layers=1, heads=2, hidden=32),
        train=TrainConfig(steps=4, batch=8, chunk=4),
        checker=TrainConfig(steps=4, batch=8, chunk=4),
        cut=TrainConfig(steps=4, batch=8, chunk=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=1000,
        letters=4,
        model=replace(SMALL.model, width=128, layers=4, hidden=256),
        train=replace(SMALL.train, steps=800, batch=128),
        checker=replace(SMALL.checker, steps=1500, batch=128, matrix_rate=0.01, learning_rate=3e-3),
        cut=replace(SMALL.cut, steps=1000, batch=128, matrix_rate=0.005, learning_rate=1.5e-3),
    ),
}


class Voted(NamedTuple):
    """Right candidates above wrong ones, float (s,), after thoughts of one kind."""

    greedy: np.ndarray
    one: np.ndarray  # sampled
    votes: np.ndarray  # the mean probability behind several
    solved: np.ndarray  # sampled thoughts that are right


@dataclass(frozen=True)
class Measured:
    """By the steps of a problem; float (s,), or (s, budgets) after no step to four."""

    gate: np.ndarray
    """Right candidates above wrong ones after all steps of the longest problems, of those for gates."""
    ranked: dict[int, np.ndarray]
    """The same of the others, after so many steps: after all, where a problem has no more."""
    settled: dict[int, np.ndarray]
    """Steps from which on the best candidate stays the best."""
    voted: Voted

    @property
    def mixed(self) -> np.ndarray:
        """Of problems of all numbers of steps together, each as often, float (s, budgets)."""
        return np.mean(list(self.ranked.values()), axis=0)


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    solver = lab.train(config.model, config.task(STEPS), config.train, seeds=seeds, label="train to solve")
    verifier = asked_anytime(config, lab, solver)
    gate, rest = gate_split(config.test)
    asked = {steps: judged(config, lab, seeds, steps) for steps in STEPS}
    scores = {steps: at_budgets(lab, verifier, samples) for steps, samples in asked.items()}
    return Measured(
        above(scores[MOST][:, gate, :, -1]),
        {steps: curve(values[:, rest]) for steps, values in scores.items()},
        {steps: settled(values[:, rest]).mean(axis=1) for steps, values in scores.items()},
        _voted(config, lab, verifier, asked[MOST], rest),
    )


def asked_anytime(config: Config, lab: Lab, solver: Runs) -> ThinkingVerifier:
    """Verifiers that learned to think and to compare, and then to judge behind thoughts that break off."""
    runs = solver
    for recipe, cut in ((config.checker, False), (config.cut, True)):
        pools = [training(lab, solver.task, recipe.steps * recipe.batch, seed) for seed in solver.seeds]
        runs = thinking_verifiers.fit_to(lab, runs, recipe, pools, form=FORM, cut=cut).runs
    return ThinkingVerifier(runs, FORM)


def judged(config: Config, lab: Lab, seeds: list[int], steps: int) -> Samples:
    """Held-out problems of so many steps with candidates, the first of each right."""
    task, n = config.task((steps,)), config.test
    batch = lab.held_out(task, n, seeds)
    each = [batch.rows(slice(row * n, (row + 1) * n)) for row in range(len(seeds))]
    rngs = [stream("wrong candidates", seed) for seed in seeds]
    texts = [candidates(task, own, config.wrong, rng) for own, rng in zip(each, rngs, strict=True)]
    return Samples(task, batch, np.stack(texts))


def at_budgets(lab: Lab, verifier: ThinkingVerifier, samples: Samples) -> np.ndarray:
    """Log of the product of the marks' probabilities behind greedy thoughts that were broken off after each number of steps, from
    none to all of them: float (s, n, k, budgets)."""
    written = steps_written(samples.batch.rows(np.array([0])))[0]  # problems of as many steps are written alike
    budgets = [int(((written > 0) & (written <= steps)).sum()) for steps in range(written.max() + 1)]
    return thinking_verifiers.check_samples(lab, verifier, samples, budgets=budgets).weighed.marks


def above(scores: np.ndarray) -> np.ndarray:
    """How often the first candidate is above the others of its problem, float (s,) of scores (s, n, k)."""
    first = np.arange(scores.shape[2]) == 0
    return np.asarray(auc(scores, np.broadcast_to(first, scores.shape)).mean(axis=1))


def curve(scores: np.ndarray) -> np.ndarray:
    """The same after no step to the most there are, of scores (s, n, k, budgets); after all where there are no more."""
    budgets = np.minimum(np.arange(MOST + 1), scores.shape[3] - 1)
    return np.stack([above(scores[..., budget]) for budget in budgets], axis=1)


def settled(scores: np.ndarray) -> np.ndarray:
    """The budget from which on the best candidate of each problem stays the best, int (s, n) of scores (s, n, k, budgets)."""
    best = scores.argmax(axis=2)
    other = best != best[..., -1:]
    return np.where(other.any(axis=2), best.shape[2] - other[..., ::-1].argmax(axis=2), 0)


def _voted(config: Config, lab: Lab, verifier: ThinkingVerifier, samples: Samples, problems: slice) -> Voted:
    """What sampled thoughts are worth, one by one and together."""
    sampled: dict[str, Any] = dict(thoughts=config.thoughts, temperature=config.temperature)
    said = thinking_verifiers.check_samples(lab, verifier, samples, **sampled).weighed.marks[:, problems]
    greedy = thinking_verifiers.check_samples(lab, verifier, samples).weighed.marks[:, problems, :, 0]
    one = np.mean([above(said[..., thought]) for thought in range(config.thoughts)], axis=0)
    solved = thinking_verifiers.solutions(lab, verifier, samples, **sampled).verify().answer[:, problems]
    return Voted(above(greedy), one, above(mean_probability(said)), solved.mean(axis=(1, 2)))


def check(measured: Measured) -> list[Check]:
    ranked, voted = measured.ranked[MOST], measured.voted
    gates = [Gate("4 steps: right above wrong after all", measured.gate, 0.95, 1.0, "it solves and compares")]
    steps = np.array(STEPS)
    share = (steps[:, None] <= np.arange(MOST + 1)).mean(axis=0)
    off = np.abs(measured.mixed - (0.5 + 0.5 * share)).max(axis=1)
    length = slope(steps, np.stack([measured.settled[count] for count in STEPS], axis=1))
    return [
        at_most("4 steps: right above wrong after 2", ranked[:, 2], 0.65, "hardly more than a guess", gates=gates),
        at_least(
            "4 steps: gain of the last - of the three before",
            (ranked[:, MOST] - ranked[:, MOST - 1]) - (ranked[:, MOST - 1] - ranked[:, 0]),
            0.1,
            "even steps would gain .125 each: -.25",
            gates=gates,
        ),
        at_most(
            "all problems: off from the share that is solved, largest", off, 0.1, "a fifth of the way", gates=gates
        ),
        at_least("steps until the choice stays, a step of the problem", length, 0.7, "1 without luck", gates=gates),
        at_least("votes of 8 - one sampled thought", voted.votes - voted.one, 0.05, "published: .03", gates=gates),
        near("votes of 8 - a greedy thought", voted.votes - voted.greedy, 0.0, 0.05, "bought back", gates=gates),
    ]


def figures(measured: Measured) -> list[Figure]:
    kinds = {"greedy": measured.voted.greedy, "one sampled": measured.voted.one, "votes of 8": measured.voted.votes}
    share = (np.array(STEPS)[:, None] <= np.arange(MOST + 1)).mean(axis=0)
    named = {f"{steps} step{'s' * (steps > 1)}": values for steps, values in measured.ranked.items()}
    return [
        Curves(
            name="thinking_budget",
            title="Right candidates above wrong ones, by steps thought before the verdict",
            x_label="steps thought",
            y_label="right above wrong",
            x=list(range(MOST + 1)),
            measured={**named, "all together": measured.mixed},
            theory={"share of problems solved by then": (0.5 + 0.5 * share).tolist()},
        ),
        Bars(
            name="thinking_budget_settled",
            title="Steps thought until the choice among candidates stays",
            y_label="steps",
            groups=list(named),
            measured={"until it stays": np.stack(list(measured.settled.values()), axis=1)},
            theory={"until it stays": [float(steps) for steps in STEPS]},
            note="predicted: the steps of the problem",
        ),
        Bars(
            name="thinking_budget_votes",
            title="One thought, or the votes of several, at four steps",
            y_label="right above wrong",
            groups=list(kinds),
            measured={"right": np.stack(list(kinds.values()), axis=1)},
            theory={},
        ),
    ]
