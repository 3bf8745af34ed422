"""Blanks in place of written elements do not help one layer multiply words of A5; the elements do.

Source       Pfau, Merrill, Bowman, arXiv:2404.15758, and arXiv:2505.21024: fillers give a model of fixed depth more places to
             compute at, not more steps one after the other, so that what it can do stays within fixed depth
Prediction   Words of 16 letters of A5, new ones (`experiments/theory/words.py`). A model of one layer that has 16 blanks behind
             the word, and is told at each the element that a chain would have there, is right in at most .1 more than one
             that is told it behind each letter and answers at once, and in .5 less than one that writes the elements,
             which is right in .95. All three see as many lines, as many labels, and the last two lines of the same length.
Refuted if   Blanks are .1 better than answering at once, or less than .5 behind written elements, or these are right in less
             than .95; each in most seeds.
Controls     Models with blanks count only if they say the element after four letters there, in .95: they were told, and learned.
             In a trial on a seed from 900 on, trained half as long again, one layer that writes the elements was right in 1.00;
             models with blanks were not tried, as what one layer sees at a blank is what it sees at a letter.
             Two layers, at once and with blanks, are beside one, unjudged. The other half of the sources' law, that blanks
             help where places are too few, cannot be tested with these words: where one layer is enough, as in Z60, it is so
             without blanks.
Run          alchemy reproduce fillers --preset small      # on 2 CPU cores, 6 minutes
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch, Field
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.terminal import counted
from experiments.theory import last_letter
from experiments.theory.words import tagged, training_words
from models.transformer import Transformer
from tasks.groups import Groups, laws
from tasks.groups.spec import THINK

CLAIM = Claim(
    sentence="Blanks in place of written elements do not help one layer multiply words of A5; the elements do.",
    source="arXiv:2404.15758 and 2505.21024",
    prediction="blanks at most .1 above answering at once and .5 below written elements, which are right in .95",
    refuted_if="blanks .1 above answering at once, or less than .5 behind written elements, or these under .95",
    question="What does a step buy?",
    among="models that say the element after four letters at its blank",
)
GROUP = "A5"
EARLY = 4
"""Letters behind which models with blanks have to know the element."""


@dataclass(frozen=True)
class Config:
    """The same words at once, behind blanks and behind elements."""

    seeds: int = 5
    """Replicates, each with weights, training words and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out words for each seed."""
    tested: tuple[int, ...] = (8, 12, 16)
    """Letters of words with which no training word begins, as in `state_tracking`, so that both train one model; the last is asked
    for."""
    depths: tuple[int, int] = (1, 2)
    """Layers: of the models that are judged, and of those beside them."""
    model: Transformer = Transformer(width=64, heads=4, context=40, tied=False)
    """The layers are those of `depths`."""
    train: TrainConfig = TrainConfig(steps=1000, batch=64, optimizer="muon")

    @property
    def chain(self) -> Groups:
        return Groups(GROUP, self.tested[-1])

    @property
    def at_once(self) -> Groups:
        return replace(self.chain, cot=False)

    def words(self, lab: Lab, seed: int) -> np.ndarray:
        """The words int8 (n, length) that training reads, the same ones of a seed for every model."""
        n = self.train.steps * self.train.batch
        return training_words(self.chain, lab.split, stream("words of groups", seed), n, self.tested)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        tested=(8,),
        model=Transformer(width=16, heads=2, context=32, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        tested=(8, 12, 16, 20, 24, 32),
        model=Transformer(width=128, heads=8, context=72, tied=False),
        train=TrainConfig(steps=10_000, batch=128, optimizer="muon", learning_rate=1e-3),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Shares of right answers to held-out words, float (s,)."""

    length: int
    at_once: dict[int, np.ndarray]
    """By layers."""
    blanks: dict[int, np.ndarray]
    early: np.ndarray
    """Right elements at the blank after four letters, of the fewest layers."""
    chain: np.ndarray
    """Behind written elements, of the fewest layers."""


def run(config: Config, lab: Lab) -> Measured:
    fewest, first = min(config.depths), config.chain.longest_prompt
    blanks = {layers: _blanks(config, lab, layers) for layers in config.depths}
    answer = first + config.chain.length + 1  # behind the blanks and the mark
    return Measured(
        config.chain.length,
        {layers: _at_once(config, lab, layers) for layers in config.depths},
        {layers: _said(config, lab, runs, answer, name(layers)) for layers, runs in blanks.items()},
        _said(config, lab, blanks[fewest], first + EARLY - 1, f"{name(fewest)}, element {EARLY}"),
        _chain(config, lab, fewest),
    )


def name(layers: int) -> str:
    """What models with blanks are called."""
    return f"behind blanks, {counted(layers, 'layer')}"


def _at_once(config: Config, lab: Lab, layers: int) -> np.ndarray:
    """Right answers behind the last letter, of models that are told the element behind each: float (s,)."""
    task, seeds, label = config.at_once, lab.seeds(config.seeds), f"at once, {counted(layers, 'layer')}"
    labels = [tagged(task, config.words(lab, seed)) for seed in seeds]
    model = replace(config.model, layers=layers)
    runs = lab.train(model, task, config.train, seeds=seeds, labels=labels, label=f"train {label}")
    return last_letter.right(lab, runs, task, lab.held_out(task, config.test, seeds), label).mean(axis=1)


def _chain(config: Config, lab: Lab, layers: int) -> np.ndarray:
    """Right answers behind elements that models write, float (s,)."""
    task, seeds = config.chain, lab.seeds(config.seeds)
    sets = [task.write({"word": config.words(lab, seed)}) for seed in seeds]
    model = replace(config.model, layers=layers)
    runs = lab.train(model, task, config.train, seeds=seeds, sets=sets, label="train behind elements")
    return lab.answer(runs, task, config.test, label="behind elements").values("answer").mean(axis=1)


def _blanks(config: Config, lab: Lab, layers: int) -> Runs:
    """Models that see blanks where the elements of a chain would be, and are asked for these and the answer."""
    task, seeds = config.chain, lab.seeds(config.seeds)
    lines = [task.write({"word": config.words(lab, seed)}) for seed in seeds]
    labels = [Examples(blanked(task, batch), asked(task, batch), batch.text) for batch in lines]
    model = replace(config.model, layers=layers)
    return lab.train(model, task, config.train, seeds=seeds, labels=labels, label=f"train {name(layers)}")


def asked(task: Groups, batch: Batch) -> np.ndarray:
    """What a chain is asked for, bool (n, t): all behind the prompt."""
    asked: np.ndarray = batch.text != PAD
    asked[:, : task.longest_prompt] = False
    return asked


def blanked(task: Groups, batch: Batch) -> np.ndarray:
    """Tokens int32 (n, t, c) of lines with `<think>` in place of every element of the chain."""
    tokens = batch.tokens.copy()
    tokens[batch.field >= Field.STEP, 0] = task.vocabulary.index[THINK]
    return tokens


def _said(config: Config, lab: Lab, runs: Runs, place: int, label: str) -> np.ndarray:
    """How often models with blanks say the right element at a place of held-out lines, float (s,)."""
    batch, shape = lab.held_out(config.chain, config.test, runs.seeds), (len(runs.seeds), config.test)
    texts = blanked(config.chain, batch).reshape(*shape, *batch.tokens.shape[1:])
    right = last_letter.said(lab, runs, texts, np.array([place]), label)[..., 0] == batch.text[:, place].reshape(shape)
    return np.asarray(right.mean(axis=1))


def check(measured: Measured) -> list[Check]:
    fewest = min(measured.blanks)
    layers, at_once, blanks = counted(fewest, "layer"), measured.at_once[fewest], measured.blanks[fewest]
    told = Gate(
        f"{layers}, blanks: element after four letters", measured.early, 0.95, 1.0, "it learned what it was told"
    )
    return [
        at_most(
            f"{layers}: right, blanks - at once",
            blanks - at_once,
            0.1,
            "no more steps one after the other; a tenth for what places are worth",
            gates=[told],
        ),
        at_least(
            f"{layers}: right, elements - blanks",
            measured.chain - blanks,
            0.5,
            "one look-up a letter, against all at once",
            gates=[told],
        ),
        at_least(f"{layers}, elements: right", measured.chain, 0.95, "16 letters, each right in .997"),
    ]


def figures(measured: Measured) -> list[Figure]:
    fewest = min(measured.blanks)
    arms = {
        **{
            f"{arm},\n{counted(layers, 'layer')}": right
            for arm, by_layers in (("at once", measured.at_once), ("blanks", measured.blanks))
            for layers, right in by_layers.items()
        },
        f"elements,\n{counted(fewest, 'layer')}": measured.chain,
    }
    count = laws.count(GROUP, 0, measured.length)
    return [
        Bars(
            name="fillers",
            title=f"Words of {counted(measured.length, 'letter')} of {GROUP}, at once and behind as many tokens more",
            y_label="right answers",
            groups=list(arms),
            measured={"measured": np.stack(list(arms.values()), axis=1)},
            theory={"measured": [count] * (len(arms) - 1) + [1.0]},
            note="Dotted: who counts letters, and who looks up one element a letter.",
        )
    ]
