"""Chains are computed symbol by symbol: two symbols before one is written, models know no more of it than the text gives away.

Source       Ours. Probes as of Alain and Bengio, arXiv:1610.01644, with controls; that models may prepare later tokens: Pal et al.,
             arXiv:2311.04897; Wu et al., arXiv:2404.00859
Prediction   Models that compose many functions by right chains, as in `wrong_traces`. Each letter of the second state
             and of the answer is read off the residual stream at every layer and position by a linear probe. At the position whose next
             token it is, nearly all are right. One position earlier the best layer decodes it no better than the tokens so
             far do, than a model with random weights does, or than the commonest letter is: by less than .1. So accuracy
             drops there by .5 at least. Nothing of a state is known while the state before it is written, though
             the prompt names all functions and a deeper model could be one ahead.
Refuted if   One position earlier the probe exceeds the best of the others by .1, or the drop is under .5, in most seeds.
Run          alchemy reproduce just_in_time --preset small      # minutes on 2 CPU cores, fewer after wrong_traces
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from alchemy.causal.probes import Probe
from alchemy.lab.activations import probe
from alchemy.lab.lab import Lab
from alchemy.problem.task import Batch, Field
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import stacked
from experiments.trace.compositions import Setting, full, smoke
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Chains of many functions are computed symbol by symbol: nothing is known two symbols before it is written.",
    source="ours; probes after arXiv:1610.01644",
    prediction="a letter is decoded where it is the next token, and one place earlier no better than from the text, within .1",
    refuted_if="one place earlier it is decoded .1 better than from the text, or the drop is under .5",
    question="Is the trace used?",
    among="models that answer right",
)
LAGS = tuple(range(1, 8))
"""Positions before a letter's own: 1 is where it is the next token, 7 where that of the state before is."""


@dataclass(frozen=True)
class Config(Setting):
    """Models of many functions, each read at all positions."""

    test: int = 400
    """Held-out problems of each seed that are answered, for gates."""
    probed: int = 1200
    """Held-out problems whose gold lines are read: half to fit probes on, a quarter to choose by, a quarter to test on."""


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL, seeds=1, probed=32), "small": SMALL, "full": full(SMALL, probed=4000)}


@dataclass(frozen=True)
class Measured:
    """Means over the letters of all states but the first; (s,) or by lag (s, lags)."""

    right: np.ndarray
    """Share of right answers."""
    decoded: np.ndarray
    """Share of letters that are decoded, at the layer that is best at that lag."""
    control: np.ndarray
    """The same of random labels of the first letter of the prompt."""
    text: np.ndarray
    """The best of: from the tokens up to that position, from a model with random weights, the commonest letter."""


def run(config: Config, lab: Lab) -> Measured:
    return stacked([one_seed(config, lab, seed) for seed in lab.seeds(config.seeds)])


def one_seed(config: Config, lab: Lab, seed: int) -> Measured:
    task = config.task("many", seed)
    runs = config.fit(lab, task, config.lines(lab, task, seed), seed, "many, right traces")
    right = lab.answer(runs, task, config.test, label="answer").values("answer")[0]
    batch = lab.held_out(task, config.probed, (seed,))
    places = letters(task, batch)
    labels = {f"letter at {place}": batch.text[None, :, place] for place in places}
    first = batch.problem["element"][None, :, 0].astype(int)
    probes = probe(lab, runs, task, config.probed, labels, first)
    return by_lag([*probes.values()], places, right.mean())


def letters(task: Symbols, batch: Batch) -> np.ndarray:
    """Positions of the letters of all states but the first, the answer's among them: int (letters,)."""
    written = (batch.field[0] > Field.STEP) | (batch.field[0] == Field.ANSWER)
    return np.flatnonzero(written & np.isin(batch.text[0], task.state_tokens))


def by_lag(probes: list[Probe], places: np.ndarray, right: np.ndarray) -> Measured:
    """One seed's probes of the letters at `places`, each at its own positions before."""

    def mean(name: str) -> np.ndarray:
        """At each lag the mean over letters, (lags,) or by layer (l + 1, lags)."""
        rows = [
            np.take(getattr(letter, name)[0], place - np.array(LAGS), axis=-1)
            for letter, place in zip(probes, places, strict=True)
        ]
        return np.mean(rows, axis=0)

    text = np.max(np.stack([mean("tokens"), mean("chance"), mean("untrained").max(axis=0)]), axis=0)
    return Measured(right, mean("accuracy").max(axis=0), mean("control").max(axis=0), text)


def check(measured: Measured) -> list[Check]:
    gates = [Gate("right answers", measured.right, 0.9, inf, "learned")]
    at, before = measured.decoded[:, 0], measured.decoded[:, 1]
    return [
        at_most(
            "one place earlier: decoded - from the text",
            before - measured.text[:, 1],
            0.1,
            "no better, but for a tenth of the letters",
            gates=gates,
        ),
        at_least(
            "decoded as the next token - one place earlier",
            at - before,
            0.5,
            "most letters become known there; a probe that decodes nothing at all would pass the check before",
            gates=gates,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    return [
        Curves(
            name="just_in_time",
            title="When the letters of a state become known",
            x_label="places before a letter is written",
            y_label="share of letters decoded",
            x=LAGS,
            measured={
                "from the model": measured.decoded,
                "from the text so far": measured.text,
                "random labels": measured.control,
            },
            theory={},
        )
    ]
