"""A noisy trace is ignored beside clean prompts, followed beside noisier ones, and between them longer than it should be.

Source       arXiv:2602.01017 (`a x b + c -> d + c -> o`, with wrong prompts and wrong traces); the exact reference is ours
Prediction   In a share e of training lines such as `4 x 7 + 9 <think> 6 + 9 <answer> 4` the prompt has a wrong factor, in a
             share f the trace a wrong product; the answer is never wrong. Then the product in the trace of a clean held-out
             prompt is replaced by another. The best reader believes the trace if f < e and the prompt if f > e, however
             large they are (`tasks/modular/laws.py`). Here f = .3 throughout. Where no prompt was wrong, answers ignore the
             replaced product; where half of the prompts were, they follow it. At e = .1 the best reader still ignores it,
             but sums are read off the trace long before product and sum are computed from the prompt at once, and the
             noisier prompts are, the less that gains: models of this budget follow more than at e = 0. The source finds
             the threshold above e too, and that it comes down with time.
Refuted if   At e = .5 fewer than .9 of answers follow; at e = 0 more than .2 follow or fewer than .5 ignore; or at e = .1 the
             share that follows is not .1 above that at e = 0.
Controls     The chain with nothing replaced has to end in the right answer. A seed is judged on following only if its
             model at e = 0 computes answers from the prompt. Models without a trace cannot be that control: in a trial of
             three they learned the 974 training problems by heart, and none of the held-out ones (.03 to .08, chance .09);
             it is the product in the trace that teaches to compute it.
Run          alchemy reproduce noise_threshold --preset small      # about eight minutes on one CPU core
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split
from models.transformer import Transformer
from tasks.modular import Modular, laws

CLAIM = Claim(
    sentence="A noisy trace is ignored beside clean prompts and followed beside noisier ones; between, longer than it should be.",
    source="arXiv:2602.01017; the exact reference is ours",
    prediction="with .3 of traces wrong: ignored if no prompt was, followed if .5 were, and more at .1 than at 0",
    refuted_if="follow < .9 at .5; follow > .2 or ignore < .5 at 0; or follow at .1 not .1 above that at 0",
    question="Is the trace used?",
    among="models that learned to answer, of a recipe that can do so from the prompt alone",
)
TRACE_NOISE = 0.3
"""The share of training traces with a wrong product."""
CLEAN, LESS, MORE = 0.0, 0.1, 0.5
"""Shares of training prompts with a wrong factor: none, fewer than wrong traces, more."""


@dataclass(frozen=True)
class Config:
    """One training for each share of wrong prompts, tested on clean problems."""

    seeds: int = 10
    """Replicates, each with weights and training data of its own. Ten that agree decide either way."""
    test: int = 100
    """Held-out problems, nearly all there are; a quarter is for the gates."""
    modulus: int = 11
    """Small, so that product and sum are computed at once from the prompt after a minute and not after hours."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=24, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(steps=1200, batch=64, learning_rate=1e-2, weight_decay=0.1)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=2,
        test=40,
        model=Transformer(width=16, layers=1, heads=2, context=24, tied=False, activation="relu"),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        test=1000,
        modulus=23,
        model=Transformer(width=128, layers=3, heads=4, context=24, tied=False, activation="relu"),
        train=TrainConfig(steps=6000, batch=256, learning_rate=2e-3, weight_decay=0.1, chunk=500),
    ),
}


class Cell(NamedTuple):
    """Answers to clean problems whose traces have another product: shares of problems, each float (s,)."""

    follow: np.ndarray
    """The sum of the other product."""
    ignore: np.ndarray
    """What the model answers behind the right product."""
    neither: np.ndarray
    gate_right: np.ndarray
    """Right answers behind the right product, on the problems of the gates."""
    gate_ignore: np.ndarray
    """`ignore` on the problems of the gates."""


@dataclass(frozen=True)
class Measured:
    cells: dict[float, Cell]
    """By the share of training prompts that were wrong."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured({wrong: _cell(config, lab, wrong) for wrong in (CLEAN, LESS, MORE)})


def _cell(config: Config, lab: Lab, wrong: float) -> Cell:
    clean = Modular(modulus=config.modulus)
    task = replace(clean, prompt_noise=wrong, trace_noise=TRACE_NOISE)
    runs = lab.train(config.model, task, config.train, seeds=config.seeds, label=f"train, {wrong:g} of prompts wrong")
    changed = lab.intervene(runs, clean, config.test, "state", label=f"another product, {wrong:g} of prompts wrong")
    gates, checks = gate_split(config.test)
    of_gates = changed.of(gates)
    return Cell(*changed.of(checks).answer.rates, of_gates.right.mean(axis=(1, 2)), of_gates.answer.rates.ignore)


def check(measured: Measured) -> list[Check]:
    clean, less, more = (measured.cells[wrong] for wrong in (CLEAN, LESS, MORE))
    computes = Gate("e = 0: ignore", clean.gate_ignore, 0.5, inf, "most answers come from the prompt where they should")
    return [
        at_least(
            "e = .5: follow",
            more.follow,
            0.9,
            "the trace is the less noisy one; the best reader always does, and reading is learned first",
            gates=[_learned("e = .5", more), computes],
        ),
        at_least(
            "e = 0: ignore",
            clean.ignore,
            0.5,
            "every conflict is the trace's fault; of three models in a trial one was not done yet, at .69",
            gates=[_learned("e = 0", clean)],
        ),
        at_most(
            "e = 0: follow",
            clean.follow,
            0.2,
            "the best reader never does; an answer at random would in .1",
            gates=[_learned("e = 0", clean)],
        ),
        at_least(
            "follow, e = .1 less e = 0",
            less.follow - clean.follow,
            0.1,
            "the best reader ignores both; what is left is time, and a tenth is beyond what 75 problems leave to chance",
            gates=[_learned("e = .1", less), _learned("e = 0", clean)],
        ),
    ]


def _learned(name: str, cell: Cell) -> Gate:
    """Models whose answers behind a right product are right."""
    return Gate(f"{name}: right behind a right product", cell.gate_right, 0.8, inf, "learned, on held-out prompts")


def figures(measured: Measured) -> list[Figure]:
    cells = measured.cells
    best = [laws.follows(wrong, TRACE_NOISE) for wrong in cells]
    return [
        Bars(
            name="noise_threshold",
            title="The product in the trace is replaced: what answers do",
            y_label="share of answers",
            groups=[f"{wrong:g} of prompts wrong" for wrong in cells],
            measured={
                "follow": np.stack([cell.follow for cell in cells.values()], axis=1),
                "ignore it": np.stack([cell.ignore for cell in cells.values()], axis=1),
                "neither": np.stack([cell.neither for cell in cells.values()], axis=1),
            },
            theory={"follow": best, "ignore it": [1 - share for share in best]},
            note="Training with .3 of traces wrong. Dotted: the best reader of such lines, who follows the less noisy source.",
        )
    ]
