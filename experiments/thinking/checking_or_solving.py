"""Thinking raises what a verifier knows where to check is to solve, and not where each step can be checked where it stands.

Source       Verifiers that write before their verdict, arXiv:2408.15240; reward models that reason, arXiv:2505.14674
             and 2505.02387. That the form of the candidate decides, and all steps and controls, are ours.
Prediction   Of candidates for chains of letter transformations (`tasks/symbols`), one right and eight wrong ones to a
             problem, a verifier is shown the answer alone, or the whole chain. Shown the answer, one that thinks,
             solving the problem before it marks the letters, ranks the right one above .98 of the wrong ones at four
             steps and above .9 at eight. One that does not, which scores the answer by how likely it was trained to
             find it, is .1 behind at four steps, and by .1 more than at one; with filler as long as the chain before
             the answer it stays .1 behind. Shown the chain, how likely each token is where it stands says all, without
             any thought: above .98 at four steps and .9 at eight. A verifier that writes each step anew before it
             reads the one that is shown, and then marks that, comes to .9 at four steps, too, and is no more than .03
             better. So the gain of thinking at four steps is .1 larger for answers than for chains.
             How often the right candidate is above those with one wrong letter stands apart, without a prediction.
Refuted if   One of these numbers is outside, in most seeds.
Controls     All start from the weights of one model that solves the problems with a chain. A seed counts only if
             either direct verifier is right at one step, in .95 of other problems: none of them is a rival that did
             not learn. A third one is shown beside them without a prediction: it learned to mark each letter of a
             chain, having written nothing, from as many chains as the one that writes. It is told one bit a letter,
             and stays near chance at one step already; that marks alone are not learned says nothing against chains,
             which the same model reads off its own predictions. Steps of candidates err once and go on rightly from
             there, so that one place alone gives a chain away. Marks of chains are local: does a letter follow from
             the step before it?
             Whether models follow the chains that they write stands beside the verdict.
             In trials on seeds 900 and 901 answers were ranked rightly in 1.00, 1.00, 1.00 and .98 to 1.00 at 1, 2, 4
             and 8 steps by verifiers that thought, in 1.00, .90, .64 to .66 and .49 to .56 at once, and behind filler
             in .58 to .73 at four. On seed 900, chains were so in 1.00 everywhere by likelihood, in 1.00, 1.00, .98
             and .88 step by step after 400 steps of training, and in .60, .56, .57 and .50 by marks alone; the last two are
             trained and tested on four steps at most, which halves what they cost.
Run          alchemy reproduce checking_or_solving --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from alchemy.lab import step_verifiers, thinking_verifiers, verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.documents import Document, end_to_end, written_as
from alchemy.problem.streams import stream
from alchemy.problem.task import NOISE, PAD
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.testtime.answers import Samples
from alchemy.testtime.thinking_verifier import Format, shown
from experiments.scales import Scale
from experiments.thinking.sequences import sequences_of
from experiments.thinking.solving_before_judging import Told, candidates, ranked, training
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Thinking raises what a verifier knows where to check an answer is to solve, and not where a chain can be"
    " checked as it stands.",
    source="arXiv:2408.15240, 2505.14674 and 2505.02387; steps and controls are ours",
    prediction="answers: .98 at four steps, .9 at eight; at once and behind filler .1 behind, .1 more than at one; chains:"
    " the same at once, thinking at most .03 better; the gain at four steps .1 larger for answers",
    refuted_if="one of these numbers outside",
    question="What does a step buy?",
    among="models that answer, and tell chains, at once where one step is asked for",
)
Arm = Literal[
    "answers, thinking",
    "answers, at once",
    "answers, filler",
    "chains, thinking",
    "chains, at once",
    "chains, marks alone",
]
ARMS: tuple[Arm, ...] = get_args(Arm)
DIRECT: dict[Arm, Document] = {"answers, at once": "answer", "answers, filler": "filler"}
"""What direct verifiers of answers are trained to write."""
FARTHER: tuple[Arm, ...] = ("answers, thinking", "answers, at once", "chains, at once")
FAR, CONTROLLED = 8, 4
"""Steps of the longest problems, and of the longest that verifiers are trained and tested on that are not asked farther."""


@dataclass(frozen=True)
class Config:
    """Verifiers of answers and of chains; the defaults are the small scale."""

    seeds: int = 5
    """Replicates, each with weights, candidates and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 60
    """Held-out problems of each seed for every number of steps, on average."""
    wrong: int = 8
    """Wrong candidates of each, every other one wrong in a single letter of a single step, from which it goes on rightly."""
    steps: tuple[int, ...] = (1, 2, 4, 8)
    sequences: int = 400
    """Sequences of transformations of every number of steps (fewer where there are no more), as often as one another."""
    letters: int = 3
    model: Transformer = Transformer(
        block="llama", positions="rotary", tied=False, scale=1.0, width=48, layers=2, heads=4, hidden=96, context=256
    )
    train: TrainConfig = TrainConfig(steps=600, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
    """Of the model that solves the problems."""
    checker: TrainConfig = TrainConfig(steps=600, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
    """Of verifiers and controls; the one that answers at once, whose lines are short, has twice as many steps."""

    def task(self, steps: tuple[int, ...]) -> Symbols:
        """Problems of so many steps, each number as often."""
        return sequences_of(steps, self.sequences, self.letters)

    def steps_of(self, arm: Arm) -> tuple[int, ...]:
        """Of the problems that an arm is trained and tested on."""
        return tuple(count for count in self.steps if arm in FARTHER or count <= CONTROLLED)

    def recipe(self, arm: Arm) -> TrainConfig:
        """How the verifiers of an arm are trained."""
        return replace(self.checker, steps=self.checker.steps * 2) if arm == "answers, at once" else self.checker


SMALL = Config()
smoke = Scale(
    {
        "seeds": 1,
        "test": 12,
        "wrong": 2,
        "sequences": 10,
        "model": replace(SMALL.model, width=16, layers=1, heads=2, hidden=32),
        "train": TrainConfig(steps=4, batch=8, chunk=4),
        "checker": TrainConfig(steps=4, batch=8, chunk=4),
    }
)
PRESETS = {
    "smoke": smoke(SMALL),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=400,
        letters=4,
        model=replace(SMALL.model, width=128, layers=4, hidden=256),
        train=replace(SMALL.train, steps=3000, batch=128),
        checker=replace(SMALL.checker, steps=3000, batch=128, matrix_rate=0.01, learning_rate=3e-3),
    ),
}


@dataclass(frozen=True)
class Measured:
    """By arm, each with the numbers of steps that it was tested on."""

    steps: dict[Arm, tuple[int, ...]]
    told: dict[Arm, Told]

    def at(self, arm: Arm, steps: int, what: str = "all") -> np.ndarray:
        """One number a seed, float (s,)."""
        values: np.ndarray = getattr(self.told[arm], what)
        return values[:, self.steps[arm].index(steps)]

    def gain(self, shows: str, steps: int) -> np.ndarray:
        """Of thinking, over the direct verifier that is shown the same, float (s,)."""
        thinking, direct = {
            "answers": ("answers, thinking", "answers, at once"),
            "chains": ("chains, thinking", "chains, at once"),
        }[shows]
        return self.at(thinking, steps) - self.at(direct, steps)


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    solver = lab.train(config.model, config.task(config.steps), config.train, seeds=seeds, label="train to solve")
    return Measured({arm: config.steps_of(arm) for arm in ARMS}, {arm: _told(config, lab, solver, arm) for arm in ARMS})


def _told(config: Config, lab: Lab, solver: Runs, arm: Arm) -> Told:
    steps, seeds = config.steps_of(arm), solver.seeds
    task, n = config.task(steps), config.test * len(steps)
    batch = lab.held_out(task, n, seeds)
    each = [batch.rows(slice(row * n, (row + 1) * n)) for row in range(len(seeds))]
    rngs = [stream("wrong candidates", seed) for seed in seeds]
    texts = [candidates(task, own, config.wrong, rng) for own, rng in zip(each, rngs, strict=True)]
    samples = Samples(task, batch, np.stack(texts))
    asked = (batch.problem["ops"] >= 0).sum(axis=1).reshape(len(seeds), n)
    scores = _scores(config, lab, solver, arm, samples)
    parts = [ranked(scores, asked == count) for count in steps]
    return Told(*(np.stack(values, axis=1) for values in zip(*parts, strict=True)))


def _scores(config: Config, lab: Lab, solver: Runs, arm: Arm, samples: Samples) -> np.ndarray:
    """Of each candidate by verifiers of one kind, logs of probabilities, float (s, n, k)."""
    if arm == "chains, at once":
        return verifiers.likelihoods(lab, solver, samples)
    if arm in DIRECT:
        return _likely(config, lab, solver, arm, samples)
    recipe = config.recipe(arm)
    pools = [training(lab, samples.task, recipe.steps * recipe.batch, seed) for seed in solver.seeds]
    if arm == "answers, thinking":
        thinker = thinking_verifiers.fit_to(lab, solver, recipe, pools, form=Format("own", "answer"))
        marks: np.ndarray = thinking_verifiers.check_samples(lab, thinker, samples).weighed.marks[..., 0]
        return marks
    checker = step_verifiers.fit_to(lab, solver, recipe, pools, writes=arm == "chains, thinking")
    return step_verifiers.check_samples(lab, checker, samples).marks


def _likely(config: Config, lab: Lab, solver: Runs, arm: Arm, samples: Samples) -> np.ndarray:
    """How likely answers are to models that were trained to write them at once, or behind filler."""
    recipe, task = config.recipe(arm), samples.task
    rngs = [stream("lines of direct verifiers", seed) for seed in solver.seeds]
    lines = [lab.split.sample(task, rng, recipe.steps * recipe.batch, "train") for rng in rngs]
    sets = [written_as(own, DIRECT[arm], rng) for own, rng in zip(lines, rngs, strict=True)]
    runs = lab.train(
        config.model, task, recipe, seeds=solver.seeds, sets=sets, start=solver, label=f"train to write {arm}"
    )
    seeds, n, k, m = samples.completions.shape
    text = shown(task, samples.completions.reshape(-1, m), "answer")
    if arm == "answers, filler":
        filler = written_as(samples.batch, "filler", stream("nothing is drawn")).completions()
        text = end_to_end(np.repeat(np.where(filler == NOISE, filler, PAD), k, axis=0), text)
    return verifiers.likelihoods(lab, runs, samples._replace(completions=text.reshape(seeds, n, k, -1)))


def check(measured: Measured) -> list[Check]:
    direct: tuple[Arm, ...] = ("answers, at once", "chains, at once")
    gates = [Gate(f"{arm}: 1 step", measured.at(arm, 1, "gate"), 0.95, 1.0, "it learned") for arm in direct]
    answers, chains = (measured.gain(shows, CONTROLLED) for shows in ("answers", "chains"))
    thinking = measured.at("answers, thinking", CONTROLLED)
    filler = measured.at("answers, filler", CONTROLLED)
    far = {arm: measured.at(arm, FAR) for arm in FARTHER}
    likely, anew = measured.at("chains, at once", CONTROLLED), measured.at("chains, thinking", CONTROLLED)
    more = answers - measured.gain("answers", 1)
    return [
        at_least("answers, thinking: 4 steps", thinking, 0.98, "who solves knows", gates=gates),
        at_least("answers, thinking: 8 steps", far["answers, thinking"], 0.9, "a chain twice as long", gates=gates),
        at_least("answers, 4 steps: thinking - at once", answers, 0.1, "serial work of two layers", gates=gates),
        at_least("answers: that at 4 steps - at 1", more, 0.1, "it grows with steps", gates=gates),
        at_least("answers, 4 steps: thinking - filler", thinking - filler, 0.1, "not its places", gates=gates),
        at_least("chains, at once: 4 steps", likely, 0.98, "all steps at a time", gates=gates),
        at_least("chains, at once: 8 steps", far["chains, at once"], 0.9, "of longer ones, too", gates=gates),
        at_least("chains, thinking: 4 steps", anew, 0.9, "it learned to check", gates=gates),
        at_most("chains, 4 steps: thinking - at once", chains, 0.03, "next to nothing", gates=gates),
        at_least("4 steps: gain for answers - for chains", answers - chains, 0.1, "the form decides", gates=gates),
    ]


def figures(measured: Measured) -> list[Figure]:
    def curves(name: str, title: str, what: str) -> Curves:
        steps = measured.steps["answers, at once"]
        gap = np.full(len(measured.at("answers, at once", 1)), np.nan)
        return Curves(
            name=name,
            title=title,
            x_label="steps",
            y_label="right above wrong",
            x=list(steps),
            log_x=True,
            measured={
                arm: np.stack(
                    [measured.at(arm, count, what) if count in measured.steps[arm] else gap for count in steps], axis=1
                )
                for arm in ARMS
            },
            theory={},
            note="one half is chance",
        )

    return [
        curves("checking_or_solving", "Verifiers of answers and of chains, by steps", "all"),
        curves("checking_or_solving_letter", "Against candidates with one wrong letter", "letter"),
    ]
