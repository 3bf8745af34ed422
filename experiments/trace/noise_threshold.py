"""Where prompt and trace differ, models answer from the one that was wrong less often in training.

Source       arXiv:2602.01017 (`a x b + c -> d + c -> o`, with wrong prompts and wrong traces); the exact reference is ours
Prediction   In a share e of training lines such as `4 x 7 + 9 <think> 6 + 9 <answer> 4` the prompt has a wrong factor, in a
             share f the trace a wrong product; the answer is never wrong. Then the product in the trace of a clean held-out
             prompt is replaced by another. The best reader believes the trace if f < e and the prompt if f > e, however
             large they are (`tasks/modular/laws.py`). So at f = .3 answers ignore the replaced product where no prompt was
             wrong, and follow it where half of the prompts were; and they follow it at e = .1, f = .02.
             Where f > e time matters: sums are read off the trace long before product and sum are computed from the prompt
             at once, and that gains little where wrong traces are rare. With e = 0 the best reader ignores the replaced
             product at any f; models of this budget do so at f = .3, and not yet at f = .03.
Refuted if   Fewer than .9 of answers follow at e = .1, f = .02, or fewer than .8 at e = .5, f = .3; at e = 0, f = .3 more
             than .2 follow or fewer than .5 ignore; or wrong traces that are rare are ignored as soon as frequent ones.
Controls     The chain with nothing replaced has to end in the right answer. A seed is judged on following only if its
             models at e = 0, f = .3 compute answers from the prompt. Models without a trace cannot be that control: in a
             trial they learned the 974 training problems by heart, and none of the held-out ones (.03 to .08, chance .09);
             it is the product in the trace that teaches to compute it.
Run          alchemy reproduce noise_threshold --preset small      # about ten minutes on one CPU core, not timed yet
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
    sentence="Where prompt and trace differ, models answer from the one that was wrong less often in training.",
    source="arXiv:2602.01017; the exact reference is ours",
    prediction="the trace if its noise f is below that of the prompt, e, else the prompt; rare noise later than frequent",
    refuted_if="follow < .9 where f < e, ignore < .8 where f = 3 e or e = 0, or rare wrong traces ignored as soon",
    question="Is the trace used?",
    among="models that read a sum off the trace, of a recipe that computes product and sum from the prompt",
)


class Noise(NamedTuple):
    """How often training lines are wrong."""

    prompt: float
    trace: float

    def __str__(self) -> str:
        return f"e = {self.prompt:g}, f = {self.trace:g}"


LESS_IN_TRACE, MORE_IN_PROMPT, ONLY_IN_TRACE, RARE_IN_TRACE = (
    Noise(0.1, 0.02),
    Noise(0.5, 0.3),
    Noise(0.0, 0.3),
    Noise(0.0, 0.03),
)
NOISES = (LESS_IN_TRACE, MORE_IN_PROMPT, ONLY_IN_TRACE, RARE_IN_TRACE)


@dataclass(frozen=True)
class Config:
    """One training for each pair of noises, tested on clean problems."""

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
        train=TrainConfig(steps=20_000, batch=512, learning_rate=1e-3, weight_decay=0.1, chunk=500),
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
    cells: dict[Noise, Cell]


def run(config: Config, lab: Lab) -> Measured:
    return Measured({noise: _cell(config, lab, noise) for noise in NOISES})


def _cell(config: Config, lab: Lab, noise: Noise) -> Cell:
    clean = Modular(modulus=config.modulus)
    task = replace(clean, prompt_noise=noise.prompt, trace_noise=noise.trace)
    runs = lab.train(config.model, task, config.train, seeds=config.seeds, label=f"train with {noise}")
    changed = lab.intervene(runs, clean, config.test, "state", label=f"another product, {noise}")
    gates, checks = gate_split(config.test)
    of_gates = changed.of(gates)
    return Cell(*changed.of(checks).answer.rates, of_gates.right.mean(axis=(1, 2)), of_gates.answer.rates.ignore)


def check(measured: Measured) -> list[Check]:
    cells = measured.cells
    return [
        at_least(
            f"{LESS_IN_TRACE}: follow",
            cells[LESS_IN_TRACE].follow,
            0.9,
            "the trace is wrong a fifth as often as the prompt; in the source no answer ignores it there",
            gates=[_reads(LESS_IN_TRACE, cells), _computes(cells)],
        ),
        at_least(
            f"{MORE_IN_PROMPT}: follow",
            cells[MORE_IN_PROMPT].follow,
            0.8,
            "the trace is the less noisy one, if by little: twelve right sums of the trace on a conflict for five of the prompt",
            gates=[_reads(MORE_IN_PROMPT, cells), _computes(cells)],
        ),
        at_least(
            f"{ONLY_IN_TRACE}: ignore",
            cells[ONLY_IN_TRACE].ignore,
            0.6,
            "every conflict is the trace's fault; what is left is sums of held-out prompts that are not computed yet",
            gates=[_reads(ONLY_IN_TRACE, cells)],
        ),
        at_most(
            f"{ONLY_IN_TRACE}: follow",
            cells[ONLY_IN_TRACE].follow,
            0.2,
            "the best reader never does; a tenth would by chance",
            gates=[_reads(ONLY_IN_TRACE, cells)],
        ),
        at_least(
            f"follow, {RARE_IN_TRACE} less {ONLY_IN_TRACE}",
            cells[RARE_IN_TRACE].follow - cells[ONLY_IN_TRACE].follow,
            0.5,
            "the best reader ignores both; most models of this budget do not yet where wrong traces are a tenth as frequent",
            gates=[_reads(RARE_IN_TRACE, cells), _reads(ONLY_IN_TRACE, cells)],
        ),
    ]


def _reads(noise: Noise, cells: dict[Noise, Cell]) -> Gate:
    """Models whose chains, where right, end in right answers."""
    return Gate(
        f"{noise}: right behind a right product", cells[noise].gate_right, 0.8, inf, "learned, on held-out prompts"
    )


def _computes(cells: dict[Noise, Cell]) -> Gate:
    """Following says nothing about models that could do nothing else: in this seed, one of the recipe ignores the trace."""
    return Gate(
        f"{ONLY_IN_TRACE}: ignore",
        cells[ONLY_IN_TRACE].gate_ignore,
        0.5,
        inf,
        "this recipe computes answers from prompts",
    )


def figures(measured: Measured) -> list[Figure]:
    cells = measured.cells
    best = [laws.follows(*noise) for noise in cells]
    return [
        Bars(
            name="noise_threshold",
            title="Another product stands in the trace: which answers follow it",
            y_label="share of answers",
            groups=[f"{noise.prompt:g}\n{noise.trace:g}" for noise in cells],
            measured={
                "follow the trace": np.stack([cell.follow for cell in cells.values()], axis=1),
                "as from the prompt": np.stack([cell.ignore for cell in cells.values()], axis=1),
                "neither": np.stack([cell.neither for cell in cells.values()], axis=1),
            },
            theory={"follow the trace": best, "as from the prompt": [1 - share for share in best]},
            note="Below: share of training prompts with a wrong factor; share of training traces with a wrong product. "
            "Dotted: the best reader of such lines.",
        )
    ]
