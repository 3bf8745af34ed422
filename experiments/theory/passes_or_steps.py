"""A further pass through a layer adds letters of A5 to what is multiplied at once, as a step of a chain does, and doubles nothing.

Source       Xu, Sato, arXiv:2509.25239: loops evaluate in as many passes as a problem is deep, chains in as many steps as it is large.
             A word of n letters is log2 n deep, so that twice the letters are expected to take one pass more
Prediction   That expectation is wrong at equal training. One layer is passed one to four times, each further time with the embeddings
             added again, and told the element behind each of 16 letters (`state_tracking` has it passed once). The passes it takes
             for .75 of new words, between whole ones by a straight line, are 1.5 more at 16 letters than at 8: where a pass
             doubles what is multiplied it would be 1, where it adds letters as many as 8 of them take. One layer that writes the
             element after every 4 letters, four steps, is right in .75 of new words of 16 letters.
Refuted if   16 letters take less than 1.5 passes more than 8, or the four steps are right in less than .75; each in most seeds.
Controls     Models count only if four passes are right on .75 of new words of 16 letters: else nobody knows how many it takes.
             No training word begins with a tested one, as in `state_tracking`. A ratio of passes would say little: whoever doubles
             from 8 letters at one pass on takes twice the passes for 16. That longer training would not teach the layer to double
             is not said. In trials on seed 900 one layer that was passed 2, 3 and 4 times was right on .95, 1.00 and 1.00
             of new words of 8 letters, on .81, .98 and 1.00 of 12, and on .32, .66 and .88 of 16; once, and the steps, were not
             tried.
Run          alchemy reproduce passes_or_steps --preset small      # on 2 CPU cores, 13 minutes
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.terminal import counted
from experiments.theory import last_letter
from experiments.theory.words import tagged, training_words
from models.transformer import Transformer
from tasks.groups import Groups

CLAIM = Claim(
    sentence="A further pass through a layer adds letters of A5 to what is multiplied at once, as a written step does, and doubles nothing.",
    source="ours, against what arXiv:2509.25239 leads to expect",
    prediction="passes for .75 of new words are 1.5 more at 16 letters than at 8, where doubling gives 1; four steps .75 right",
    refuted_if="less than 1.5 passes more, or four steps right in less than .75",
    question="What does a step buy?",
    among="models whose layer, passed four times, multiplies new words of 16 letters",
)
GROUP = "A5"
ENOUGH = 0.75
"""Right answers from which on so many passes are enough."""


@dataclass(frozen=True)
class Config:
    """The same words, passed several times through one layer, and in a chain of a few steps."""

    seeds: int = 5
    """Replicates, each with weights, training words and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out words of each length, for each seed; of short lengths a twelfth of all words, where an eighth is held out. A quarter
    of the longest is for gates."""
    tested: tuple[int, ...] = (8, 12, 16)
    """Letters of words with which no training word begins, as in `state_tracking`, so that both train one model; the first and the
    last are compared."""
    passes: tuple[int, ...] = (1, 2, 3, 4)
    stride: int = 4
    """Letters of a step of the chain."""
    model: Transformer = Transformer(width=64, layers=1, heads=4, context=40, tied=False)
    """Passed once."""
    train: TrainConfig = TrainConfig(steps=1000, batch=64, optimizer="muon")

    @property
    def at_once(self) -> Groups:
        return Groups(GROUP, self.tested[-1], cot=False)

    @property
    def chain(self) -> Groups:
        return Groups(GROUP, self.tested[-1], stride=self.stride)

    def looped(self, passes: int) -> Transformer:
        return replace(self.model, loops=passes, inject=passes > 1)

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
        tested=(6, 8),
        passes=(1, 2),
        model=Transformer(width=16, layers=1, heads=2, context=32, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        tested=(8, 12, 16, 24, 32),
        passes=(1, 2, 3, 4, 6, 8),
        model=Transformer(width=128, layers=1, heads=8, context=72, tied=False),
        train=TrainConfig(steps=10_000, batch=128, optimizer="muon", learning_rate=1e-3),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Shares of right answers to held-out words."""

    tested: tuple[int, ...]
    passes: tuple[int, ...]
    right: np.ndarray
    """By passes and letters, float (s, p, lengths)."""
    gate: np.ndarray
    """Of most passes to other words of most letters, for gates: float (s,)."""
    chain: np.ndarray
    """Behind written steps, to words of most letters: float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    _, judged = gate_split(config.test)
    each = [_looped(config, lab, passes) for passes in config.passes]
    right = np.stack([np.stack([shares[n] for n in config.tested], axis=1) for shares, _ in each], axis=1)
    return Measured(config.tested, config.passes, right, each[-1][1], _chain(config, lab)[:, judged].mean(axis=1))


def _looped(config: Config, lab: Lab, passes: int) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Right answers (s,) behind the last letter by the number of letters, and to the words for gates, of models that are told
    the element behind each letter."""
    task, seeds, name = config.at_once, lab.seeds(config.seeds), counted(passes, "loop")
    labels = [tagged(task, config.words(lab, seed)) for seed in seeds]
    runs = lab.train(config.looped(passes), task, config.train, seeds=seeds, labels=labels, label=f"train {name}")
    gate, judged = gate_split(config.test)
    shares, gated = {}, np.zeros(len(seeds))
    for length in config.tested:
        short = replace(task, length=length)
        words = lab.held_out(short, min(config.test, 2**length // 12), seeds)
        right = last_letter.right(lab, runs, short, words, f"{name}, {counted(length, 'letter')}")
        if length == task.length:
            gated, right = right[:, gate].mean(axis=1), right[:, judged]
        shares[length] = right.mean(axis=1)
    return shares, gated


def _chain(config: Config, lab: Lab) -> np.ndarray:
    """Whether the answers behind written steps are right, bool (s, n)."""
    task, seeds = config.chain, lab.seeds(config.seeds)
    sets = [task.write({"word": config.words(lab, seed)}) for seed in seeds]
    label = f"steps of {counted(config.stride, 'letter')}"
    runs = lab.train(config.model, task, config.train, seeds=seeds, sets=sets, label=f"train {label}")
    return np.asarray(lab.answer(runs, task, config.test, label=label).values("answer"))


def needed(passes: np.ndarray, right: np.ndarray, enough: float = ENOUGH) -> np.ndarray:
    """The passes that are enough, float (s,): the first (p,) that are right (s, p) so often, less the share of the way from the
    ones before that is too much; infinite where none are."""
    found = np.full(len(right), inf)
    for row, shares in enumerate(right):
        if not (shares >= enough).any():
            continue
        first = int(np.argmax(shares >= enough))
        found[row] = passes[first]
        if first:
            too_much = (shares[first] - enough) / (shares[first] - shares[first - 1])
            found[row] -= too_much * (passes[first] - passes[first - 1])
    return found


def check(measured: Measured) -> list[Check]:
    passes = np.asarray(measured.passes, float)
    short, long = (needed(passes, measured.right[:, :, place]) for place in (0, -1))
    few, many = measured.tested[0], measured.tested[-1]
    most = counted(measured.passes[-1], "loop")
    able = Gate(f"{most}, {many} letters: right", measured.gate, ENOUGH, inf, "so many passes are enough")
    return [
        at_least(
            f"passes for {many} letters - for {few}",
            np.where(np.isfinite(short), long - np.where(np.isfinite(short), short, 0.0), np.nan),
            1.5,
            "1 where a pass doubles what is multiplied, what half the letters take where it adds to them",
            gates=[able],
        ),
        at_least(f"written steps, {many} letters: right", measured.chain, ENOUGH, "as often as is asked of passes"),
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Curves(
            name="passes_or_steps",
            title=f"New words of {GROUP} at once, by passes through one layer",
            x_label="passes",
            y_label="right answers",
            x=list(measured.passes),
            measured={counted(n, "letter"): measured.right[:, :, place] for place, n in enumerate(measured.tested)},
            theory={"enough": [ENOUGH] * len(measured.passes)},
        )
    ]
