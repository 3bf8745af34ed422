"""Two layers multiply new words of eight letters at once, but in a chain take steps of four letters and not of eight.

Source       Ours, on chains of arXiv:2402.12875; that tokens can be too few: arXiv:2602.02909. It is expected that a step may be as
             long as the words that so many layers multiply at once
Prediction   That expectation is wrong for words of 16 letters of A5. A chain of steps of 8 letters is two steps, so that it would
             be right as often as two new words of 8 letters, the square of their share. Two layers that answer at once are right
             on new words of 8 letters in .8. Trained on as many lines, of the same words, with the element written after every 4
             letters, they are right in .8; with the element after every 8, they are .4 below that square: a step has to
             multiply any of 60 elements by the word, and not just the one that a word begins with.
Refuted if   New words of 8 letters are right in less than .8 at once, or chains of steps of 4 letters in less than .8, or chains
             of steps of 8 are less than .4 below the square; each in most seeds.
Controls     Models with steps of 8 letters count only if their first step is right in .8, as it is that of a word which begins with the
             element that all begin with. Three layers with such steps are beside them, unjudged. That steps of 8 letters could not be
             learned from more lines is not said. In trials on a seed from 900 on, trained half as long again, two layers
             were right in .97 with steps of 4 letters and in .10 with steps of 8, three layers in .11 with those; one layer in 1.00
             with steps of 1 and 2 letters and in .93 with steps of 4.
Run          alchemy reproduce strides --preset small      # on 2 CPU cores, 7 minutes
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.terminal import counted
from experiments.theory import last_letter
from experiments.theory.words import tagged, training_words
from models.transformer import Transformer
from tasks.groups import Groups

CLAIM = Claim(
    sentence="Two layers multiply new words of eight letters at once, but in a chain take steps of four letters and not of eight.",
    source="ours, on chains of arXiv:2402.12875",
    prediction="new words of 8 letters .8 right at once, chains of steps of 4 letters .8, of 8 at least .4 below the square of the first",
    refuted_if="under .8 at once or with steps of 4 letters, or steps of 8 less than .4 below what answers at once foretell",
    question="What does a step buy?",
    among="models whose first step of eight letters is right",
)
GROUP = "A5"


@dataclass(frozen=True)
class Config:
    """The same words at once, and in chains of short and of long steps."""

    seeds: int = 5
    """Replicates, each with weights, training words and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out words of each length, for each seed; of short lengths a twelfth of all words, where an eighth is held out."""
    tested: tuple[int, ...] = (8, 12, 16)
    """Letters of words with which no training word begins, as in `state_tracking`, so that both train one model."""
    short: int = 4
    """Letters of a short step; a long one has as many as the shortest tested words."""
    depths: tuple[int, int] = (2, 3)
    """Layers: of the models that are judged, and of those beside them, which take long steps alone."""
    model: Transformer = Transformer(width=64, heads=4, context=40, tied=False)
    """The layers are those of `depths`."""
    train: TrainConfig = TrainConfig(steps=1000, batch=64, optimizer="muon")

    def chain(self, stride: int) -> Groups:
        return Groups(GROUP, self.tested[-1], stride=stride)

    @property
    def at_once(self) -> Groups:
        return replace(self.chain(1), cot=False)

    def words(self, lab: Lab, seed: int) -> np.ndarray:
        """The words int8 (n, length) that training reads, the same ones of a seed for every model."""
        n = self.train.steps * self.train.batch
        return training_words(self.at_once, lab.split, stream("words of groups", seed), n, self.tested)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        tested=(6, 12),
        short=3,
        depths=(1, 2),
        model=Transformer(width=16, heads=2, context=32, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        tested=(8, 16, 32),
        model=Transformer(width=128, heads=8, context=56, tied=False),
        train=TrainConfig(steps=10_000, batch=128, optimizer="muon", learning_rate=1e-3),
    ),
}


@dataclass(frozen=True)
class Chain:
    """Chains of held-out words, a number a seed: float (s,)."""

    first: np.ndarray
    """Right elements of the first step."""
    right: np.ndarray
    """Right answers."""


@dataclass(frozen=True)
class Measured:
    """Of models of the fewer layers, unless it says otherwise."""

    steps: int
    """Long steps of a chain."""
    at_once: np.ndarray
    """Right answers at once to new words of as many letters as a long step, float (s,)."""
    short: Chain
    long: Chain
    deeper: Chain
    """Long steps of models of more layers."""

    @property
    def foretold(self) -> np.ndarray:
        """Right answers if each long step were right as often as a new word at once, float (s,)."""
        return np.asarray(self.at_once**self.steps)


def run(config: Config, lab: Lab) -> Measured:
    fewer, more = config.depths
    long = config.tested[0]
    return Measured(
        len(config.chain(long).shown),
        _at_once(config, lab, fewer),
        _chain(config, lab, fewer, config.short),
        _chain(config, lab, fewer, long),
        _chain(config, lab, more, long),
    )


def _at_once(config: Config, lab: Lab, layers: int) -> np.ndarray:
    """Right answers to the shortest tested words, of models that are told the element behind each letter: float (s,)."""
    task, seeds, label = config.at_once, lab.seeds(config.seeds), f"at once, {counted(layers, 'layer')}"
    labels = [tagged(task, config.words(lab, seed)) for seed in seeds]
    model = replace(config.model, layers=layers)
    runs = lab.train(model, task, config.train, seeds=seeds, labels=labels, label=f"train {label}")
    asked = replace(task, length=config.tested[0])
    words = lab.held_out(asked, min(config.test, 2**asked.length // 12), seeds)
    return np.asarray(last_letter.right(lab, runs, asked, words, label).mean(axis=1))


def _chain(config: Config, lab: Lab, layers: int, stride: int) -> Chain:
    """What models write that are shown the element after every so many letters."""
    task, seeds = config.chain(stride), lab.seeds(config.seeds)
    label = f"steps of {counted(stride, 'letter')}, {counted(layers, 'layer')}"
    sets = [task.write({"word": config.words(lab, seed)}) for seed in seeds]
    model = replace(config.model, layers=layers)
    runs = lab.train(model, task, config.train, seeds=seeds, sets=sets, label=f"train {label}")
    answers = lab.answer(runs, task, config.test, label=label)
    first = answers.completions[..., 0] == answers.batch.completions()[:, 0].reshape(len(seeds), -1)
    return Chain(first.mean(axis=1), answers.values("answer").mean(axis=1))


def check(measured: Measured) -> list[Check]:
    begun = Gate(
        "long steps: the first right", measured.long.first, 0.8, 1.0, "it learned the step it could begin with"
    )
    return [
        at_least("new words of a long step at once: right", measured.at_once, 0.8, "one layer is right in .38 to .67"),
        at_least("short steps: right", measured.short.right, 0.8, "four steps, each right in .946"),
        at_most(
            "long steps: right - foretold",
            measured.long.right - measured.foretold,
            -0.4,
            "more than half of what .8 at once, twice, foretells",
            gates=[begun],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    arms = {
        "new words of\na long step, at once": measured.at_once,
        "short steps": measured.short.right,
        "long steps": measured.long.right,
        "long steps,\na layer more": measured.deeper.right,
    }
    foretold = float(np.median(measured.foretold))
    return [
        Bars(
            name="strides",
            title=f"Words of {GROUP} at once, and in chains of short and of long steps",
            y_label="right answers",
            groups=list(arms),
            measured={"measured": np.stack(list(arms.values()), axis=1)},
            theory={"measured": [1.0, 1.0, foretold, foretold]},
            note="Dotted at long steps: each right as often as a new word at once.",
        )
    ]
