"""A chain carries to longer words of A5 if its letters have numbers of their own; with one number for all it does not.

Source       Kraus, Sarrof, Yao, Koller, Hahn, arXiv:2604.25800: over a fixed alphabet a trace does not carry to longer inputs
             under ordinary positions; signposts, symbols that say which part of the input is meant, lift that. Theirs are
             swaps of five boxes, written down with names drawn from 1 to 70, by six layers, which reach 1.7 times the trained
             length
Prediction   Every letter of the prompt is one symbol with its number, each step says letter and element: a7 b31, then a7 16
             b31 25. Trained on words of 2 to 10 letters, two layers are right in .8 of words of 15 letters if the numbers of
             a word differ, so that the next letter is the one that stood behind this one. If all letters of a word have one
             number, the next one has to be found by counting: models that are right in .8 of 10 letters are right in .4 less
             of 15 than those with numbers, and in .3 at most of 20.
Refuted if   One of these three numbers is on the other side in most seeds.
Controls     Lines of both kinds have the same words, the same symbols and as many tokens; models that have to count are
             trained five times as long, as they learn 10 letters later. With each step as reliable as in lines of 10 letters
             of which .8 are right, .72 of 15 would be right and .64 of 20: what is judged is not a long chain of small risks.
             Positions follow one another from a place on that is drawn for each line, as the source trains, so that none of a
             longer line is new. Who guesses is right in .02 of 15 letters. In trials on seeds from 900 on, of words half as
             long again .97 to 1.00 were right with numbers, in five models, three of them trained on up to 12 letters, and of
             words twice as long .94 to .99 in four, .04 in the fifth, which did not end. With one number for all, after 8000
             steps, .89 of 10 letters, .13 of 15 and .01 of 20. Other formats did not get that far: with elements alone .50
             were right of 10 letters and .02 of 15; where names are symbols of their own before letters, all of 60 lines of
             24 letters had their first mistake in a letter, none in a name.
Run          alchemy reproduce signposts --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.testtime.answers import Answers
from experiments.theory.change_logs import side_by_side
from models.transformer import Transformer
from tasks.groups import Groups, laws

CLAIM = Claim(
    sentence="A chain carries to longer words of A5 if its letters have numbers of their own; with one number for all it does not.",
    source="arXiv:2604.25800; one number for all letters, as the control, is ours",
    prediction="15 letters after 2 to 10: with numbers .8 right, with one number for all .4 less; of 20 letters with one for all .3 at most",
    refuted_if="one of the three numbers on the other side",
    question="Where does reasoning stop?",
    among="models that solve the longest words of training",
)


APART, ALIKE = "a number for each letter", "one number for all letters"
ARMS = (APART, ALIKE)
KINDS = ("letter", "element", "end")
"""Tokens of a step, and all that follow the last step."""


@dataclass(frozen=True)
class Config:
    """Words of A5 of several lengths, multiplied in chains of letters that are numbered in two ways."""

    seeds: int = 5
    """Replicates, each with weights, training words and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 100
    """Held-out words of each length, for each seed: of 1024 words of 10 letters an eighth is held out."""
    trained: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8, 9, 10)
    """Letters of training words, equally many of each."""
    tested: tuple[int, ...] = (10, 12, 15, 20)
    """Letters of tested words: the longest of training first, for gates; the last two, half as long again and twice as long, are
    judged."""
    names: int = 70
    """Numbers there are, as in the source."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=68, positions="offset", spread=1, tied=False)
    """With as many places as the longest tested line takes: all are trained."""
    train: TrainConfig = TrainConfig(steps=2400, batch=32, optimizer="muon")
    """Of models whose letters have numbers of their own."""
    longer: TrainConfig = TrainConfig(steps=12_000, batch=32, optimizer="muon")
    """Of those whose letters share a number, which take longer to learn the longest words of training."""

    def task(self, arm: str, letters: int) -> Groups:
        """Words of so many letters."""
        return Groups("A5", letters, trace="numbered", names=self.names, alike=arm == ALIKE)

    def training(self, arm: str) -> TrainConfig:
        return self.train if arm == APART else self.longer

    def lines(self, lab: Lab, arm: str, seed: int) -> Batch:
        """As many training lines as training reads, of all lengths."""
        train = self.training(arm)
        each = -(-train.steps * train.batch // len(self.trained))
        drawn = [
            lab.split.sample(self.task(arm, letters), stream(f"words of {letters} letters", seed), each, "train")
            for letters in self.trained
        ]
        return side_by_side(drawn, self.task(arm, max(self.trained)).max_len)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        trained=(7, 8),
        tested=(8, 10),
        names=12,
        model=Transformer(width=16, layers=1, heads=2, context=48, positions="offset", spread=1, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
        longer=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        test=400,
        trained=tuple(range(2, 31)),
        tested=(30, 36, 45, 60),
        model=replace(SMALL.model, width=256, layers=4, heads=8, context=192),
        train=TrainConfig(steps=10_000, batch=256, optimizer="muon", matrix_rate=0.01, learning_rate=1e-3),
        longer=TrainConfig(steps=40_000, batch=256, optimizer="muon", matrix_rate=0.01, learning_rate=1e-3),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Of each kind of chain; arrays (s, lengths) but where it says otherwise."""

    lengths: tuple[int, ...]
    right: dict[str, np.ndarray]
    """Share of right answers, by length."""
    tokens: dict[str, np.ndarray]
    """Of words of the last length but one the share of right tokens among those before which all is right, (s, kinds)."""


def run(config: Config, lab: Lab) -> Measured:
    right, tokens = {}, {}
    for arm in ARMS:
        runs = _fit(config, lab, arm)
        answers = [
            lab.answer(runs, config.task(arm, letters), config.test, label=f"answer, {arm}, {letters} letters")
            for letters in config.tested
        ]
        right[arm] = np.stack([each.mean("answer") for each in answers], axis=1)
        tokens[arm] = right_tokens(answers[-2])
    return Measured(config.tested, right, tokens)


def _fit(config: Config, lab: Lab, arm: str) -> Runs:
    seeds = lab.seeds(config.seeds)
    sets = [config.lines(lab, arm, seed) for seed in seeds]
    task = config.task(arm, max(config.trained))
    return lab.train(config.model, task, config.training(arm), seeds=seeds, sets=sets, label=f"train {arm}")


def right_tokens(answers: Answers) -> np.ndarray:
    """Of the tokens before which a line is right, the share that is right, by kind: float (s, kinds); nan where there are none."""
    task, gold, said = answers.task, answers.batch.completions(), answers.completions
    said = said.reshape(len(gold), -1)[:, : gold.shape[1]]
    said = np.pad(said, ((0, 0), (0, gold.shape[1] - said.shape[1])), constant_values=PAD)
    wrong = np.pad(said != gold, ((0, 0), (0, 1)), constant_values=True)
    first = wrong.argmax(axis=1).reshape(answers.seeds, -1, 1)  # the length of the line where all is right
    width, end, place = task.step_width, task.chain_length * task.step_width, np.arange(gold.shape[1])
    kind = np.where(place < end, len(KINDS) - 1 - width + place % width, len(KINDS) - 1)
    shares = np.full((answers.seeds, len(KINDS)), np.nan)
    for number in np.unique(kind):
        of_kind = place[kind == number]
        reached, missed = ((first >= of_kind).sum(axis=(1, 2)), (first == of_kind).sum(axis=(1, 2)))
        shares[:, number] = 1 - missed / np.where(reached, reached, np.nan)
    return shares


def check(measured: Measured) -> list[Check]:
    far, twice = ({arm: right[:, place] for arm, right in measured.right.items()} for place in (-2, -1))
    able = {
        arm: Gate(f"{arm}: right, the longest of training", right[:, 0], 0.8, inf, "it learned what it was trained on")
        for arm, right in measured.right.items()
    }
    return [
        at_least(
            f"{APART}: right, half as long again",
            far[APART],
            0.8,
            "as much as is asked of the longest of training",
            gates=[able[APART]],
        ),
        at_least(
            f"{APART} - {ALIKE}: right, half as long again",
            far[APART] - far[ALIKE],
            0.4,
            "with steps as reliable as in training .72 would be right, .28 less at most",
            gates=[*able.values()],
        ),
        at_most(
            f"{ALIKE}: right, twice as long",
            twice[ALIKE],
            0.3,
            "with steps as reliable as in training .64 would be right",
            gates=[able[ALIKE]],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Curves(
            name="signposts",
            title="Words of A5 of more letters than in training",
            x_label="letters",
            y_label="right answers",
            x=list(measured.lengths),
            measured=measured.right,
            theory={"who guesses": [laws.guess("A5", 0, letters) for letters in measured.lengths]},
        ),
        Bars(
            name="signposts_tokens",
            title=f"Tokens before which all is right, words of {measured.lengths[-2]} letters",
            y_label="right tokens",
            groups=KINDS,
            measured=measured.tokens,
            theory={},
        ),
    ]
