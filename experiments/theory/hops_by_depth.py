"""Each further layer doubles the hops a model takes at once; written down, two layers take four.

Source       Sanford, Hsu, Telgarsky, arXiv:2402.09268: with four heads the largest number of hops with an error of at most
             .05 is 1, 3, 5, 8 and 15 at two to six layers; with eight heads about as many as with one layer more.
Prediction   Texts of 40 of 6 letters; a hop goes to the letter behind the last occurrence of the present one, and one, two or
             four of them are asked for. Models are told at every letter where the hops from there end. Two layers take one
             hop, three layers two and four layers four: asked at the last letter of held-out texts they are right in .85.
             If each layer added one hop, four layers would take three. Trained on as many texts, one layer less is right
             in .15 less at two and at four hops. Two layers that write place and letter after each hop, and are told at
             every letter the place after one, take four in .7: .92 of each.
Refuted if   Two, three or four layers are right in less than .85 at one, two or four hops; or one layer less loses less than
             .15 at two or at four; or chains of four hops are right in less than .7; each in most seeds.
Controls     A shallower model counts only if it takes half of the hops. That it could not take more is not said: twice the
             training brought two layers from .43 to .68 at two hops, and three layers from .36 to .41 at four. Scores of the
             best readers of the last 8, 16 and 24 letters stand beside those of models (`tasks/hops/laws.py`).
             In trials on seeds from 900 on four layers were right at four hops in 1.00, .99 and 1.00, three layers in .41 to
             .70 there and in .99 to 1.00 at two, two layers in .58 to .68 at two, chains of four in .80 and .87. Less training was not enough: after three quarters
             of it, in two halves, four layers were right in .54.
             The heads of the source are not part of this.
Run          alchemy reproduce hops_by_depth --preset small      # 44 minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.train import Runs
from alchemy.problem.split import Split
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Figure, HeatMap
from alchemy.stats.replicates import gate_split
from alchemy.terminal import counted
from experiments.theory import last_letter
from models.transformer import Transformer
from tasks.hops import Hops, laws
from tasks.hops.walk import from_everywhere

CLAIM = Claim(
    sentence="Each further layer doubles the hops a model takes at once; written down, two layers take four.",
    source="arXiv:2402.09268",
    prediction="one, two, four hops at two, three, four layers: .85 right, .15 more than one layer less; a chain of four: .7",
    refuted_if="under .85 at one, two or four hops, under .7 in chains of four, or less than .15 lost with one layer less",
    question="What does a step buy?",
    among="models that with one layer less take half as many hops",
)
WINDOWS = (8, 16, 24)
"""Letters that readers of the end of a text see, whose scores stand beside those of models."""


@dataclass(frozen=True)
class Config:
    """The same texts and numbers of hops for models of several depths."""

    seeds: int = 5
    """Replicates, each with weights, training texts and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 800
    """Held-out problems of each number of hops, for each seed; a quarter is for gates."""
    letters: int = 6
    length: int = 40
    hops: tuple[int, ...] = (1, 2, 4)
    """Numbers of hops, any alike in training."""
    depths: tuple[int, ...] = (2, 3, 4)
    """Layers that are to take the first of these numbers of hops, the second, ..."""
    model: Transformer = Transformer(width=64, heads=4, context=56, tied=False)
    """The layers are those of `depths`."""
    train: TrainConfig = TrainConfig(steps=1600, batch=32, optimizer="muon")

    @property
    def at_once(self) -> Hops:
        return replace(self.chain, cot=False)

    @property
    def chain(self) -> Hops:
        return Hops(self.letters, self.length, self.hops)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=8,
        letters=3,
        length=12,
        hops=(1, 2),
        depths=(2,),
        model=Transformer(width=16, heads=2, context=24, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        letters=8,
        length=100,
        hops=(1, 2, 4, 8),
        depths=(2, 3, 4, 5),
        model=Transformer(width=128, heads=8, context=128, tied=False),
        train=TrainConfig(steps=10_000, batch=64, optimizer="muon", learning_rate=1e-3),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Shares of held-out problems that models answer rightly, float (s, h) by the number of hops."""

    hops: tuple[int, ...]
    depths: dict[int, np.ndarray]
    """At once, by layers."""
    gates: dict[int, np.ndarray]
    """The same of other problems, for gates."""
    chain: np.ndarray
    """Behind chains of models of the fewest layers."""
    windows: dict[int, list[float]]
    """What the best reader of so many last letters scores, for each number of hops."""


def run(config: Config, lab: Lab) -> Measured:
    gate, judged = gate_split(config.test)
    right = {layers: at_once(config, lab, layers) for layers in config.depths}  # (s, h, n)
    return Measured(
        hops=config.hops,
        depths={layers: values[..., judged].mean(axis=2) for layers, values in right.items()},
        gates={layers: values[..., gate].mean(axis=2) for layers, values in right.items()},
        chain=_chain(config, lab),
        windows={size: [window(config, hops, size) for hops in config.hops] for size in WINDOWS},
    )


def at_once(config: Config, lab: Lab, layers: int, which: str = "") -> np.ndarray:
    """Whether models of so many layers say the letter at the end of the hops, bool (s, h, n); labels begin with `which` of them."""
    name = f"{which}{layers} layers"
    runs = trained(config, lab, config.at_once, layers, name)
    right = []
    for hops in config.hops:
        task = replace(config.at_once, hops=(hops,))
        batch = lab.held_out(task, config.test, runs.seeds)
        right.append(last_letter.right(lab, runs, task, batch, f"{name}, hops {hops}"))
    return np.stack(right, axis=1)


def _chain(config: Config, lab: Lab) -> np.ndarray:
    """Right answers of models of the fewest layers that write each hop down, float (s, h)."""
    name = f"chain, {min(config.depths)} layers"
    runs = trained(config, lab, config.chain, min(config.depths), name)
    tasks = {hops: replace(config.chain, hops=(hops,)) for hops in config.hops}
    answers = [lab.answer(runs, task, config.test, label=f"{name}, hops {hops}") for hops, task in tasks.items()]
    return np.stack([given.values("answer").mean(axis=1) for given in answers], axis=1)


def trained(config: Config, lab: Lab, task: Hops, layers: int, name: str, further: int = 0) -> Runs:
    """Models of so many layers, each of which reads every text of its own set once; of seeds so much `further` on."""
    seeds, n = [seed + further for seed in lab.seeds(config.seeds)], config.train.steps * config.train.batch
    return lab.train(
        replace(config.model, layers=layers),
        task,
        config.train,
        seeds=seeds,
        labels=[training_texts(task, lab.split, seed, n) for seed in seeds],
        writes=task.cot,
        label=f"train {name}",
    )


def training_texts(task: Hops, split: Split, seed: int, n: int) -> Examples:
    """The same `n` texts for every depth."""
    return labelled(task, split.sample(task, stream("texts with labels at every letter", seed), n, "train"))


def labelled(task: Hops, batch: Batch) -> Examples:
    """Lines in which every letter of the text has a target of its own, where the hops from there can be taken.

    At once it is the letter at their end, and nothing follows. In a chain it is the place after one hop, with which a chain from
    there would begin, and the chain from the last letter follows.
    """
    text, hops = batch.problem["text"], batch.problem["hops"]
    tokens = batch.tokens if task.cot else batch.prompts()
    ends = from_everywhere(text, np.ones_like(hops) if task.cot else hops)
    there = np.maximum(ends, 0)
    letters = np.take_along_axis(text, there.astype(np.intp), axis=1)
    target, weight = tokens[..., 0].copy(), tokens[..., 0] != PAD
    weight[:, : task.longest_prompt] = False
    behind = slice(2, task.length + 2)  # what a letter predicts is the token behind it; the first is the number of hops
    target[:, behind] = there + task.one if task.cot else letters + task.first_letter
    weight[:, behind] = ends >= 0
    return Examples(tokens, weight, target)


def window(config: Config, hops: int, size: int) -> float:
    """What the best reader of so many last letters scores."""
    problem = replace(config.at_once, hops=(hops,)).draw(stream("readers of the last letters", hops), 4_000)
    return float(laws.window(problem, config.letters, size).chance.mean())


def check(measured: Measured) -> list[Check]:
    hops, right = measured.hops, measured.depths
    checks = [
        at_least(
            f"{layers} layers, hops {hops[place]}: right",
            right[layers][:, place],
            0.85,
            "at four hops a reader of the last 24 of 40 letters scores .79",
        )
        for place, layers in enumerate(right)
    ]
    for place, (fewer, more) in enumerate(pairwise(right)):
        learned = Gate(
            f"{fewer} layers, hops {hops[place]}: right", measured.gates[fewer][:, place], 0.85, 1.0, "half of the hops"
        )
        checks.append(
            at_least(
                f"hops {hops[place + 1]}: right, {more} layers - {fewer}",
                right[more][:, place + 1] - right[fewer][:, place + 1],
                0.15,
                "half of what was seen in trials",
                gates=[learned],
            )
        )
    checks.append(
        at_least(
            f"chain, {min(right)} layers, hops {hops[-1]}: right",
            measured.chain[:, -1],
            0.7,
            "a place that is wrong is never mended: .92 of each of four hops",
        )
    )
    return checks


def figures(measured: Measured) -> list[Figure]:
    rows = {
        **{
            f"last {size} letters": np.tile(scores, (len(measured.chain), 1))
            for size, scores in measured.windows.items()
        },
        **{f"{layers} layers": right for layers, right in measured.depths.items()},
        f"chain,\n{min(measured.depths)} layers": measured.chain,
    }
    return [
        HeatMap(
            name="hops_by_depth",
            title="Hops at once, by the reader of the last letters, by models, and in a chain",
            y_label="reader",
            rows=list(rows),
            columns=[counted(hops, "hop") for hops in measured.hops],
            measured=np.stack(list(rows.values()), axis=1),
            scale="right letters",
        )
    ]
