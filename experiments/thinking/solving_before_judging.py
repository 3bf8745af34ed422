"""A verifier of bare answers that writes a chain of its own before it judges knows what one that answers at once cannot.

Source       Verifiers that write before their verdict, arXiv:2408.15240; reward models that reason, arXiv:2505.14674; that solve
             before they judge, arXiv:2505.02387. Steps and controls are ours.
Prediction   Of answers to chains of letter transformations (`tasks/symbols`), one right and eight wrong ones to a problem: to judge
             an answer alone is to solve the problem. A verifier that learned to solve it first, then to mark each letter of the
             answer, ranks the right one above .98 of the wrong ones at four steps and above .9 at eight. Its rival says the answer
             at once, and its letters are compared with the candidate's by hand, so that it has nothing to learn of comparing; it
             has three times as many steps of training. It is right at one step, .1 behind at four, and the gain is larger at
             four steps than at one by .1. Filler as long as the chain before the rival's answer, and chains that were
             learned beside other problems, stay .1 behind, too.
             How often the right answer is above those of chains with one wrong letter stands apart, without a prediction.
Refuted if   Any of these differences is smaller, or either accuracy lower, in most seeds.
Controls     All start from the weights of one model that solves the problems with a chain. A seed counts only if the rival is
             right at one step, in .95. Verifiers that mark answers at once, with no chain, are not the rival: in a trial on a
             seed from 900 on, with as many steps as the rival, they stayed near chance at one step already, since they are told one bit
             a letter. What such a verifier could know is what its rival says. Verifiers that are shown chains are not asked.
             The bound of a verifier that solves is its own solving; what it adds is to compare.
Run          alchemy reproduce solving_before_judging --preset small      # on 2 CPU cores, about a quarter of an hour
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np

from alchemy.lab import thinking_verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.documents import Document, written_as
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Curves, Figure
from alchemy.testtime.answers import Samples
from alchemy.testtime.simulated_verifiers import auc
from alchemy.testtime.thinking_verifier import Format, shown
from experiments.thinking.sequences import sequences_of
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="A verifier of answers that solves before it judges knows what answering at once cannot tell, beyond one step.",
    source="arXiv:2408.15240, 2505.14674 and 2505.02387",
    prediction="right above wrong in .98 at four steps and .9 at eight; answers at once, behind filler or swapped chains .1 behind;"
    " the gain at four steps .1 above that at one",
    refuted_if="less than .98 at four steps or .9 at eight, or a difference below .1",
    question="What does a step buy?",
    among="models that answer at once where one step is asked for",
)
Arm = Literal["solved", "at once", "filler", "swapped"]
ARMS: tuple[Arm, ...] = get_args(Arm)
RIVALS: dict[Arm, Document] = {"at once": "answer", "filler": "filler", "swapped": "swapped"}
"""What the rivals are trained on in place of chains."""
SOLVED = Format("own", "answer")
FAR, CONTROLLED = 8, 4
"""Steps of the longest problems, and of the longest that controls are trained and tested on."""


@dataclass(frozen=True)
class Config:
    """A verifier of answers, and what it has to be better than; the defaults are the small scale."""

    seeds: int = 5
    """Replicates, each with weights, candidates and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 80
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
    train: TrainConfig = TrainConfig(steps=900, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
    """Of the model that solves the problems."""
    checker: TrainConfig = TrainConfig(steps=400, batch=32, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
    """Of verifiers and controls; the rival that answers at once, whose lines are short, has `longer` times as many steps."""
    longer: int = 3

    def task(self, steps: tuple[int, ...]) -> Symbols:
        """Problems of so many steps, each number as often."""
        return sequences_of(steps, self.sequences, self.letters)

    def steps_of(self, arm: Arm) -> tuple[int, ...]:
        """Of the problems that an arm is trained and tested on."""
        return (
            self.steps if arm in ("solved", "at once") else tuple(count for count in self.steps if count <= CONTROLLED)
        )

    def recipe(self, arm: Arm) -> TrainConfig:
        """How the models of an arm are trained."""
        return replace(self.checker, steps=self.checker.steps * self.longer) if arm == "at once" else self.checker


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=12,
        wrong=2,
        sequences=10,
        model=replace(SMALL.model, width=16, layers=1, heads=2, hidden=32),
        train=TrainConfig(steps=4, batch=8, chunk=4),
        checker=TrainConfig(steps=4, batch=8, chunk=4),
    ),
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


class Told(NamedTuple):
    """How often verifiers of one kind have the right candidate above a wrong one to the same problem: float (s, steps)."""

    gate: np.ndarray  # on problems for gates
    all: np.ndarray  # on the others
    letter: np.ndarray  # there, of candidates with one wrong letter in one step
    larger: np.ndarray  # there, of those that take another transformation in one step


@dataclass(frozen=True)
class Measured:
    """By arm, each with the numbers of steps that it was tested on."""

    steps: dict[Arm, tuple[int, ...]]
    told: dict[Arm, Told]

    def at(self, arm: Arm, steps: int, what: str = "all") -> np.ndarray:
        """One number a seed, float (s,)."""
        values: np.ndarray = getattr(self.told[arm], what)
        return values[:, self.steps[arm].index(steps)]

    def gain(self, steps: int, over: Arm = "at once") -> np.ndarray:
        """Of solving first over another arm, float (s,)."""
        return self.at("solved", steps) - self.at(over, steps)


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    solver = lab.train(config.model, config.task(config.steps), config.train, seeds=seeds, label="train to solve")
    told = {arm: _told(config, lab, solver, arm) for arm in ARMS}
    return Measured({arm: config.steps_of(arm) for arm in ARMS}, told)


def _told(config: Config, lab: Lab, solver: Runs, arm: Arm) -> Told:
    steps, seeds = config.steps_of(arm), solver.seeds
    task, n = config.task(steps), config.test * len(steps)
    batch = lab.held_out(task, n, seeds)
    each = [batch.rows(slice(row * n, (row + 1) * n)) for row in range(len(seeds))]
    texts = [
        candidates(task, own, config.wrong, stream("wrong candidates", seed))
        for own, seed in zip(each, seeds, strict=True)
    ]
    samples = Samples(task, batch, np.stack(texts))
    scores = (_solved if arm == "solved" else _rival)(config, lab, solver, arm, samples)
    asked = (batch.problem["ops"] >= 0).sum(axis=1).reshape(len(seeds), n)
    parts = [ranked(scores, asked == count) for count in steps]
    return Told(*(np.stack(values, axis=1) for values in zip(*parts, strict=True)))


def _solved(config: Config, lab: Lab, solver: Runs, arm: Arm, samples: Samples) -> np.ndarray:
    """Log of the product of the marks' probabilities, behind a chain that the verifier wrote: float (s, n, k)."""
    recipe = config.recipe(arm)
    pools = [training(lab, samples.task, recipe.steps * recipe.batch, seed) for seed in solver.seeds]
    verifier = thinking_verifiers.fit_to(lab, solver, recipe, pools, form=SOLVED)
    scores: np.ndarray = thinking_verifiers.check_samples(lab, verifier, samples).weighed.marks[..., 0]
    return scores


def _rival(config: Config, lab: Lab, solver: Runs, arm: Arm, samples: Samples) -> np.ndarray:
    """Letters of each candidate's answer that are those of the rival's own, int (s, n, k)."""
    recipe, task = config.recipe(arm), samples.task
    seeds, n, k, _ = samples.completions.shape
    rngs = [stream("lines of rivals", seed) for seed in solver.seeds]
    lines = [lab.split.sample(task, rng, recipe.steps * recipe.batch, "train") for rng in rngs]
    sets = [written_as(own, RIVALS[arm], rng) for own, rng in zip(lines, rngs, strict=True)]
    runs = lab.train(
        config.model, task, recipe, seeds=solver.seeds, sets=sets, start=solver, label=f"train to answer: {arm}"
    )
    said = lab.answer(runs, task, n, label=f"answer: {arm}").completions
    own, given = (_answers(task, config.letters, texts) for texts in (said, samples.completions))
    same = own.reshape(seeds, n, 1, -1) == given.reshape(seeds, n, k, -1)
    return np.asarray(same.sum(axis=3))


def _answers(task: Symbols, letters: int, completions: np.ndarray) -> np.ndarray:
    """As many tokens behind the last mark of an answer, of completions (..., m): int32 (all of them, letters)."""
    answers = shown(task, completions.reshape(-1, completions.shape[-1]), "answer")
    return np.pad(answers, ((0, 0), (0, 1 + letters)))[:, 1 : 1 + letters]


def training(lab: Lab, task: Symbols, n: int, seed: int) -> Samples:
    """One candidate to each of `n` training problems, half of them right, a quarter of either kind of wrong ones."""
    rng = stream("candidates to learn from", seed)
    batch = lab.split.sample(task, rng, n, "train")
    kinds = candidates(task, batch, 2, rng)
    kind = rng.choice(3, n, p=(0.5, 0.25, 0.25))
    return Samples(task, batch, kinds[np.arange(n), kind][None, :, None])


def candidates(task: Symbols, batch: Batch, wrong: int, rng: np.random.Generator) -> np.ndarray:
    """Of each problem the right completion and `wrong` others, odd ones wrong in a letter: int32 (n, 1 + wrong, m)."""
    gold = batch.completions()
    states = np.stack([erring(task, batch, bool(number % 2), rng) for number in range(1, wrong + 1)], axis=1)
    texts = np.repeat(gold[:, None], wrong, axis=1)
    letters = np.broadcast_to(np.isin(gold, task.state_tokens)[:, None], texts.shape)
    texts[letters] = states[states >= 0].astype(np.int32) + int(task.letters[0])
    return np.concatenate([gold[:, None], texts], axis=1)


def erring(task: Symbols, batch: Batch, letter: bool, rng: np.random.Generator) -> np.ndarray:
    """States of chains that err at one step and go on rightly, int16 (n, steps x letters), padded with -1 behind.

    They err in one `letter`, or by another transformation; where that changes nothing, in a letter, too. Every answer is wrong.
    """
    element, ops = batch.problem["element"].astype(np.uint8), batch.problem["ops"].astype(int)
    (n, most), (_, width), rows = ops.shape, element.shape, np.arange(len(ops))
    steps = (ops >= 0).sum(axis=1)
    at, other = rng.integers(0, steps), rng.integers(1, len(task.primitives), n)
    place, offset = rng.integers(0, width, n), rng.integers(1, len(task.alphabet), n)
    states = np.full((n, most, width), -1, np.int16)
    for step in range(most):
        going = step < steps
        op = np.maximum(ops[:, step], 0)
        right = task.machine.apply(op, element)
        slipped = right.copy()
        slipped[rows, place] = (slipped[rows, place] + offset) % len(task.alphabet)
        mistaken = task.machine.apply((op + other) % len(task.primitives), element)
        same = (mistaken == right).all(axis=1)
        wrong = np.where((letter | same)[:, None], slipped, mistaken)
        element = np.where((step == at)[:, None], wrong, right).astype(np.uint8)
        states[going, step] = element[going]
    return states.reshape(n, -1)


def ranked(scores: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, ...]:
    """Shares of wrong candidates below the right one, from scores (s, n, k) whose first is of that, of the problems `asked`,
    bool (s, n): gate, all, one letter, larger; float (s,) each."""
    wrong = np.arange(1, scores.shape[2])
    odd, even = wrong[wrong % 2 == 1], wrong[wrong % 2 == 0]
    return tuple(
        np.array(
            [
                _above(own[which][part], columns)
                for own, which in zip(scores, asked, strict=True)
                for part in [slice(0, which.sum() // 4) if gate else slice(which.sum() // 4, None)]
            ]
        )
        for gate, columns in ((True, wrong), (False, wrong), (False, odd), (False, even))
    )


def _above(scores: np.ndarray, wrong: np.ndarray) -> float:
    """The mean over problems of how often the first score is above those of columns `wrong`, ties as halves."""
    few = scores[:, [0, *wrong]]
    return float(auc(few, np.arange(few.shape[1]) == np.zeros((len(few), 1))).mean())


def check(measured: Measured) -> list[Check]:
    told = Gate("at once: 1 step", measured.at("at once", 1, "gate"), 0.95, 1.0, "the rival learned to answer")
    gain = measured.gain(CONTROLLED)
    return [
        at_least("solved: 4 steps", measured.at("solved", CONTROLLED), 0.98, "who solves it knows", gates=[told]),
        at_least("solved: 8 steps", measured.at("solved", FAR), 0.9, "a chain twice as long", gates=[told]),
        at_least("4 steps: solved - at once", gain, 0.1, "serial work that two layers cannot do", gates=[told]),
        at_least("solved - at once: 4 steps - 1", gain - measured.gain(1), 0.1, "it grows with steps", gates=[told]),
        at_least(
            "4 steps: solved - filler",
            measured.gain(CONTROLLED, "filler"),
            0.1,
            "what the chain says, not its places",
            gates=[told],
        ),
        at_least(
            "4 steps: solved - swapped",
            measured.gain(CONTROLLED, "swapped"),
            0.1,
            "what the chain says, not its style",
            gates=[told],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    steps = measured.steps["at once"]
    few = measured.steps["filler"]

    def drawn(arms: tuple[Arm, ...], numbers: tuple[int, ...], what: str = "all") -> dict[str, np.ndarray]:
        return {arm: np.stack([measured.at(arm, count, what) for count in numbers], axis=1) for arm in arms}

    def curves(name: str, title: str, numbers: tuple[int, ...], measured: dict[str, np.ndarray]) -> Curves:
        return Curves(
            name=name,
            title=title,
            x_label="steps",
            y_label="right above wrong",
            x=list(numbers),
            log_x=True,
            measured=measured,
            theory={},
            note="one half is chance",
        )

    return [
        curves("solving_before_judging", "Verifiers of answers, by steps", steps, drawn(("solved", "at once"), steps)),
        curves("solving_before_judging_controls", "What is written before the answer", few, drawn(ARMS, few)),
        curves(
            "solving_before_judging_letter",
            "Against candidates with one wrong letter",
            few,
            drawn(ARMS, few, "letter"),
        ),
    ]
