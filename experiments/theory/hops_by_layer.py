"""Inside a model that takes four hops, layers hold what shallower models can take: one hop, then two, then four.

Source       Sanford, Hsu, Telgarsky, arXiv:2402.09268, whose construction doubles the hops layer by layer; what trained models do
             inside was asked of products in groups: Li et al., arXiv:2503.02854. Probes with controls as Hewitt, Liang,
             arXiv:1909.03368
Prediction   Models of four layers, trained as in `hops_by_depth`, are asked for four hops at the last of 40 letters. There a
             linear probe of the residual stream reads off the letter after one hop behind the second layer, in .9 of
             problems, and after two hops behind the third. It does not read off the second hop behind the second layer, nor
             the fourth behind the third: no more than .15 above the best of what the tokens say, the letter itself, and a
             model with random weights. So no layer is ahead of what a model of so many layers can take.
Refuted if   One hop behind the second layer, or two behind the third, are read off in less than .9; or two behind the second,
             or four behind the third, in .15 more than the best of the others; each in most seeds.
Controls     Models count only if they are right in .9 at four hops. A probe that can read off anything would read off too many
             hops: each check that a letter is there has one that another is not. Beside it: where the last layer looks.
             Behind the third layer the activation at the place after one, two or three hops is exchanged for that of another
             problem. A model that joins two and two hops loses its answer at the second place alone, one that adds a hop to
             three at the third. Both were seen in trials, so that nothing is promised.
Run          alchemy reproduce hops_by_layer --preset small      # 13 minutes on 2 CPU cores beside other runs, fewer after hops_by_depth
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.causal.probes import Probe
from alchemy.causal.readout import read_out
from alchemy.lab.activations import probe
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.learning.open_model import Patch
from alchemy.learning.train import Runs
from alchemy.record import digest, fingerprint
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure, HeatMap
from experiments.theory import hops_by_depth
from experiments.theory.hops_by_depth import trained
from tasks.hops import Hops
from tasks.hops.walk import walk

CLAIM = Claim(
    sentence="Inside a model that takes four hops, layers hold what shallower models can take: one hop, then two, then four.",
    source="arXiv:2402.09268 and 2503.02854; probes after arXiv:1909.03368",
    prediction="one hop behind layer 2 and two behind 3 read off in .9; two behind 2, four behind 3 no better than from the text",
    refuted_if="under .9 read off where hops are due, or .15 more than from the text a layer before",
    question="Is the trace used?",
    among="models of four layers that take four hops",
)


@dataclass(frozen=True)
class Config:
    """Models of one depth, read at the last letter of texts that ask for the most hops."""

    seeds: int = 5
    """Replicates, each with weights, training texts and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out problems of each seed, for gates and for activations that are exchanged."""
    probed: int = 2000
    """Held-out problems that are read: half to fit probes on, a quarter to choose by, a quarter to test on."""
    layers: int = 4
    hops: hops_by_depth.Config = hops_by_depth.SMALL
    """How models are trained: as those of so many layers there."""

    @property
    def asked(self) -> Hops:
        """Problems of the most hops."""
        return replace(self.hops.at_once, hops=self.hops.hops[-1:])


SMALL = Config()
PRESETS = {
    "smoke": Config(seeds=1, test=16, probed=64, layers=3, hops=hops_by_depth.PRESETS["smoke"]),
    "small": SMALL,
    "full": Config(seeds=10, test=1000, probed=8000, layers=5, hops=hops_by_depth.PRESETS["full"]),
}


@dataclass(frozen=True)
class Measured:
    """Shares of problems; hops are numbered from one on, layers from the embedding, which is 0."""

    right: np.ndarray
    """Right answers of most hops, (s,)."""
    decoded: np.ndarray
    """Letters after each hop read off at the last letter behind each layer, (s, l + 1, h)."""
    text: np.ndarray
    """The best of what the others read off, (s, h)."""
    kept: np.ndarray
    """Right answers that stay when the activation behind the last layer but one is exchanged at the place after a hop, (s, h)."""


def run(config: Config, lab: Lab) -> Measured:
    how = replace(config.hops, seeds=config.seeds)
    runs = trained(how, lab, how.at_once, config.layers, f"{config.layers} layers")
    right, stays = answers_kept(config, lab, runs)
    decoded, text = _read(config, lab, runs)
    return Measured(right, decoded, text, stays)


def answers_kept(config: Config, lab: Lab, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Right answers, (s,), and how many of them stay when the activation at the place after a hop is exchanged, (s, h)."""
    written = _exchanged(config, lab, runs)  # (s, 1 + t, n)
    right = written[:, 0]
    places = _places(config, lab, runs, config.test).reshape(len(right), config.test, -1)
    stays = np.take_along_axis(written[:, 1:].swapaxes(1, 2), places, axis=2)  # (s, n, h)
    return right.mean(axis=1), (stays & right[..., None]).sum(axis=1) / right.sum(axis=1)[:, None]


def _places(config: Config, lab: Lab, runs: Runs, n: int) -> np.ndarray:
    """The places after each hop from the last letter of held-out problems, int (s n, h)."""
    text = lab.held_out(config.asked, n, runs.seeds).problem["text"]
    return walk(text, np.full(len(text), text.shape[1] - 1), config.asked.hops[0]).astype(np.intp)


def _read(config: Config, lab: Lab, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """What probes read off at the last letter: float (s, l + 1, h), and the best of the others, float (s, h)."""
    task, n = config.asked, config.probed
    text = lab.held_out(task, n, runs.seeds).problem["text"]
    letters = np.take_along_axis(text, _places(config, lab, runs, n), axis=1).reshape(len(runs.seeds), n, -1)
    labels = {f"letter after hop {hop + 1}": letters[..., hop] for hop in range(letters.shape[-1])}
    found = probe(lab, runs, task, n, labels, text[:, -1].reshape(len(runs.seeds), n).astype(int))
    at = task.length  # behind the number of hops
    decoded = np.stack([each.accuracy[:, :, at] for each in found.values()], axis=-1)
    return decoded, np.stack([_others(each, at) for each in found.values()], axis=-1)


def _others(found: Probe, at: int) -> np.ndarray:
    """The best of what else says something of the labels at a position, float (s,)."""
    others = found.untrained[..., at].max(axis=1), found.accuracy[:, 0, at], found.tokens[:, at], found.chance[:, at]
    return np.max(others, axis=0)


def _exchanged(config: Config, lab: Lab, runs: Runs) -> np.ndarray:
    """Whether the right answer is still written when one letter's activation is another problem's, bool (s, 1 + t, n).

    First when none is; then for each letter of the text.
    """
    task, n, layer = config.asked, config.test, config.layers - 1
    batch, seeds = lab.held_out(task, n, runs.seeds), len(runs.seeds)
    place = task.length + 1
    lines = batch.prompts().reshape(seeds, n, -1, 1)[:, :, :place]
    answers = batch.completions()[:, 1].reshape(seeds, n, 1, 1)  # behind the mark of the answer
    texts = np.concatenate([lines, answers], axis=2)
    where = np.zeros((1 + task.length, config.layers + 1, place + 1), bool)
    letters = np.arange(1, task.length + 1)
    where[letters, layer, letters] = True
    names = [fingerprint({"model": name, "texts": digest(own)}) for name, own in zip(runs.names, texts, strict=True)]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        own, params = texts[rows][:, :, None], rows_of(runs.trained.params, rows)
        read = read_out(
            runs.model, params, own, np.array([place]), Patch(residual_at=where), np.roll(own, -1, axis=1), progress
        )
        return {"exchanged": read.written[..., 0]}

    read = len(where) * n * place
    return lab.keep("exchanged", runs.model, names, (len(where), n), read, make, "exchange activations", n)


def check(measured: Measured) -> list[Check]:
    most = measured.decoded.shape[2]
    gates = [Gate(f"hops {most}: right", measured.right, 0.9, inf, "it takes them at all")]
    checks = []
    for layer in range(2, measured.decoded.shape[1] - 1):
        hops = 2 ** (layer - 2)
        ahead = 2 * hops
        checks += [
            at_least(
                f"behind layer {layer}: letter after hop {hops}",
                measured.decoded[:, layer, hops - 1],
                0.9,
                "models of so many layers take as many",
                gates=gates,
            ),
            at_most(
                f"behind layer {layer}: letter after hop {ahead} - from the text",
                measured.decoded[:, layer, ahead - 1] - measured.text[:, ahead - 1],
                0.15,
                "letters are six: a sixth is what guessing at one of them is worth",
                gates=gates,
            ),
        ]
    return checks


def figures(measured: Measured) -> list[Figure]:
    hops = [f"hop {hop + 1}" for hop in range(measured.decoded.shape[2])]
    layers = measured.decoded.shape[1]
    return [
        HeatMap(
            name="hops_by_layer",
            title="Letters after each hop, read off at the last letter",
            y_label="read from",
            rows=["the text", *(f"layer {layer}" for layer in range(1, layers))],
            columns=hops,
            measured=np.concatenate([measured.text[:, None], measured.decoded[:, 1:]], axis=1),
            scale="letters read off",
        ),
        Bars(
            name="hops_by_layer_exchanged",
            title=f"Where layer {layers - 1} looks: activations behind layer {layers - 2} exchanged, a bar for each model",
            y_label="right answers that stay",
            groups=[f"place after {name}" for name in hops[:-1]],
            measured={f"model {seed + 1}": row[None, :-1] for seed, row in enumerate(measured.kept)},
            theory={},
        ),
    ]
