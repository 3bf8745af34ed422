"""A running parity after every bit reaches no longer inputs; one that is written only where it changes does.

Source       Kraus, Sarrof, Yao, Koller, Hahn, arXiv:2604.25800: over a fixed alphabet a trace of every state does not carry to
             longer inputs under ordinary positions, while a log of changes does. Parity: one symbol a bit, or one for each 1
Prediction   The same bits, the same model, as many lines: trained on 2 to 12 bits, both kinds of traces solve 12 held-out
             bits. On 24 bits models that write the parity after every bit have to find the bit whose turn it is by
             counting what they wrote, and answer like a coin; those that write a parity only where it changes write as many
             symbols as there are ones, whichever they are, and are right in .2 of the problems more at least.
Refuted if   The full trace answers more than .6 of 24 bits, or the log of changes is less than .2 better; in most seeds.
Controls     Positions are random draws of a range that training covers, so that no position of a longer line is new. Both kinds
             pass a gate at the longest length of training. Accuracy by length stands beside it. In trials on seeds from 900
             on full traces were right in .98 and .99 of 12 bits and in .49 and .56 of 24 after 5000 steps, after 1500 in under
             .7 of 12; logs of changes in 1.00, 1.00 and .73 of 24 after 1500. With rotary positions logs of changes were no
             better than a coin beyond 16 bits, so that the claim is about positions that training covers.
Run          alchemy reproduce change_logs --preset small      # on 2 CPU cores, under half an hour
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
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from models.transformer import Transformer
from tasks.sums import Sums
from tasks.sums.spec import TRACES, Trace

CLAIM = Claim(
    sentence="A running parity after every bit reaches no longer inputs; one that is written only where it changes does.",
    source="arXiv:2604.25800",
    prediction="at twice the length the full trace right at most .6 of the time, the log of changes .2 more often",
    refuted_if="the full trace right more than .6 of the time at twice the length, or the log of changes less than .2 better",
    question="Where does reasoning stop?",
    among="models with positions that training covers, which solve the longest inputs of training",
)
NAMES: dict[Trace, str] = {"sums": "after every bit", "changes": "changes alone"}


@dataclass(frozen=True)
class Config:
    """Parities of all bits of a line, written in two ways."""

    seeds: int = 5
    """Replicates, each with weights, training lines and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out problems in each test of each seed; a quarter is for gates."""
    trained: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
    """Bits of training lines, equally many of each."""
    tested: tuple[int, ...] = (12, 14, 16, 20, 24)
    model: Transformer = Transformer(width=64, layers=3, heads=4, context=56, positions="random", tied=False)
    train: TrainConfig = TrainConfig(steps=5000, batch=64, learning_rate=1e-3)

    def task(self, trace: Trace, bits: int) -> Sums:
        """Parities of so many bits."""
        return Sums(2, bits, trace=trace)

    def lines(self, lab: Lab, trace: Trace, seed: int) -> Batch:
        """As many training lines as training reads, of all lengths, as wide as the longest are with a full trace."""
        each = -(-self.train.steps * self.train.batch // len(self.trained))
        width = self.task("sums", max(self.trained)).max_len
        drawn = [
            lab.split.sample(self.task(trace, bits), stream(f"lines of {bits} bits", seed), each, "train")
            for bits in self.trained
        ]
        return side_by_side(drawn, width)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        trained=(7, 8),
        tested=(8, 10),
        model=Transformer(width=16, layers=1, heads=2, context=24, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        trained=tuple(range(2, 31)),
        tested=(30, 36, 45, 60),
        model=Transformer(width=256, layers=6, heads=8, context=128, positions="random", tied=False),
        train=TrainConfig(steps=12_000, batch=256, learning_rate=3e-4),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Of each kind of trace; arrays (s, lengths)."""

    lengths: tuple[int, ...]
    right: dict[str, np.ndarray]
    """Share of right answers, by length."""
    exact: dict[str, np.ndarray]
    """Share of lines without a mistake."""
    gate: dict[str, np.ndarray]
    """Right answers to other problems of the longest length of training, (s,)."""


def side_by_side(batches: list[Batch], width: int) -> Batch:
    """Lines of several lengths as one set to train on, padded to `width` tokens."""
    tokens = [np.pad(b.tokens, ((0, 0), (0, width - b.tokens.shape[1]), (0, 0)), constant_values=PAD) for b in batches]
    fields = [np.pad(b.field, ((0, 0), (0, width - b.field.shape[1]))) for b in batches]
    return Batch(np.concatenate(tokens), np.concatenate([b.prompt_len for b in batches]), np.concatenate(fields), {})


def run(config: Config, lab: Lab) -> Measured:
    right, exact, gate = {}, {}, {}
    for trace in TRACES:
        name = NAMES[trace]
        runs = _fit(config, lab, trace)
        tests = [_tested(config, lab, runs, trace, bits) for bits in config.tested]
        right[name], exact[name] = (
            np.stack(scores, axis=1) for scores in zip(*[test[:2] for test in tests], strict=True)
        )
        gate[name] = tests[config.tested.index(max(config.trained))][2]
    return Measured(config.tested, right, exact, gate)


def _fit(config: Config, lab: Lab, trace: Trace) -> Runs:
    seeds = lab.seeds(config.seeds)
    task, name = config.task(trace, max(config.trained)), NAMES[trace]
    sets = [config.lines(lab, trace, seed) for seed in seeds]
    return lab.train(config.model, task, config.train, seeds=seeds, sets=sets, label=f"train {name}")


def _tested(config: Config, lab: Lab, runs: Runs, trace: Trace, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right answers, lines without a mistake, and right answers to the problems of gates: (s,)."""
    room = config.task("sums", bits).max_len - bits
    answers = lab.answer(
        runs, config.task(trace, bits), config.test, max_new=room, label=f"answer, {NAMES[trace]}, {bits} bits"
    )
    gate, judged = gate_split(config.test)
    right, exact = answers.values("answer"), answers.values("exact_match")
    return right[:, judged].mean(axis=1), exact[:, judged].mean(axis=1), right[:, gate].mean(axis=1)


def check(measured: Measured) -> list[Check]:
    every, changes = (measured.right[NAMES[trace]][:, -1] for trace in TRACES)
    able = {
        name: Gate(f"{name}: the longest of training", gate, 0.95, inf, "the recipe learns it")
        for name, gate in measured.gate.items()
    }
    return [
        at_most(
            "after every bit: right at the longest", every, 0.6, "a coin, and a tenth", gates=[able[NAMES["sums"]]]
        ),
        at_least(
            "changes alone - after every bit", changes - every, 0.2, "no chance of a coin", gates=[*able.values()]
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Curves(
            name="change_logs",
            title="Parity of more bits than in training",
            x_label="bits",
            y_label="right answers",
            x=list(measured.lengths),
            measured=measured.right,
            theory={"a coin": [0.5] * len(measured.lengths)},
        ),
        Curves(
            name="change_logs_exact",
            title="Lines without a mistake",
            x_label="bits",
            y_label="share of lines",
            x=list(measured.lengths),
            measured=measured.exact,
            theory={},
        ),
    ]
