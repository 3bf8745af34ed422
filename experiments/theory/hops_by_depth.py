"""Each further layer doubles the hops that a model takes at once.

Source       Sanford, Hsu, Telgarsky, arXiv:2402.09268: with four heads the largest number of hops with an error of at most
             .05 is 1, 3, 5, 8 and 15 at two to six layers; with eight heads about as many as with one layer more.
Prediction   Texts of 40 of 6 letters; a hop goes to the letter behind the last occurrence of the present one, and one, two or
             four of them are asked for. Models are told at every letter where the hops from there end. Two layers take one
             hop, three layers two and four layers four, in .85 of held-out texts, asked at the last letter. Trained on as
             many texts, one layer less is right in .15 less at two and at four hops. At one hop a layer, three layers would
             take two hops as well, but four layers only three.
Refuted if   Two, three or four layers are right in less than .85 at one, two or four hops, or one layer less loses less than
             .15 at two or at four; each in most seeds.
Controls     A shallower model counts only if it takes half of the hops. That it takes no more is not said: accuracy after half
             of the training stands beside that after all of it, and two layers were still getting better at two hops in
             trials. So do the scores of the best readers of the last 8, 16 and 24 letters (`tasks/hops/laws.py`), which
             need not know all of a text. In trials on seeds from 900 on TRIALS
             Neither the heads of the source nor chains are part of this: a chain of places and letters was not learned by
             two layers in as many texts.
Run          alchemy reproduce hops_by_depth --preset small      # on 2 CPU cores; not timed yet
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from alchemy.causal.readout import own_answers
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.train import Runs
from alchemy.problem.split import Split
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch
from alchemy.record import digest, fingerprint
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Bars, Figure, HeatMap
from alchemy.stats.replicates import gate_split
from models.transformer import Transformer
from tasks.hops import Hops, laws
from tasks.hops.walk import from_everywhere

CLAIM = Claim(
    sentence="Each further layer doubles the hops a model takes at once; written down, two layers take as many as four do.",
    source="arXiv:2402.09268",
    prediction="one, two, four hops at two, three, four layers: .85 right, .15 more than one layer less; a chain of four: .85",
    refuted_if="under .85 at one, two or four hops or in chains of four, or less than .15 below with one layer less",
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
    train: TrainConfig = TrainConfig(steps=600, batch=32, optimizer="muon")
    """Half of the training; the other half is as long, on other texts."""
    chain_train: TrainConfig = TrainConfig(steps=1000, batch=32, optimizer="muon")
    """The same for chains."""

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
        chain_train=TrainConfig(steps=8, batch=16, chunk=8),
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
        chain_train=TrainConfig(steps=10_000, batch=64, optimizer="muon", learning_rate=1e-3),
    ),
}


@dataclass(frozen=True)
class Arm:
    """Models of one kind: shares of held-out problems whose last hop they know, float (s, h) by the number of hops."""

    right: np.ndarray
    gate: np.ndarray
    """The same of other problems, for gates."""
    half: np.ndarray
    """Of those for gates, after half of the training."""


@dataclass(frozen=True)
class Measured:
    hops: tuple[int, ...]
    depths: dict[int, Arm]
    """By layers."""
    chain: np.ndarray
    """Right answers behind chains of models of the fewest layers, float (s, h)."""
    windows: dict[int, list[float]]
    """What the best reader of so many last letters scores, for each number of hops."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        hops=config.hops,
        depths={layers: _at_once(config, lab, layers) for layers in config.depths},
        chain=_chain(config, lab),
        windows={size: [_window(config, hops, size) for hops in config.hops] for size in WINDOWS},
    )


def _at_once(config: Config, lab: Lab, layers: int) -> Arm:
    """Models of so many layers that say the letter at the end of the hops."""
    name = f"{layers} layers"
    half, whole = (
        np.stack([_last(config, lab, runs, hops, f"{name}, hops {hops}") for hops in config.hops], axis=1)
        for runs in _trained(config, lab, config.at_once, config.train, layers, name)
    )
    gate, judged = gate_split(config.test)
    return Arm(whole[..., judged].mean(axis=2), whole[..., gate].mean(axis=2), half[..., gate].mean(axis=2))


def _chain(config: Config, lab: Lab) -> np.ndarray:
    """Right answers of models of the fewest layers that write each hop down, float (s, h)."""
    name = f"chain, {min(config.depths)} layers"
    *_, runs = _trained(config, lab, config.chain, config.chain_train, min(config.depths), name)
    tasks = {hops: replace(config.chain, hops=(hops,)) for hops in config.hops}
    answers = [lab.answer(runs, task, config.test, label=f"{name}, hops {hops}") for hops, task in tasks.items()]
    return np.stack([given.values("answer").mean(axis=1) for given in answers], axis=1)


def _trained(config: Config, lab: Lab, task: Hops, train: TrainConfig, layers: int, name: str) -> list[Runs]:
    """Models of so many layers after half of the training and after all of it."""
    model, seeds, halves = replace(config.model, layers=layers), lab.seeds(config.seeds), []
    for half in range(2):
        runs = lab.train(
            model,
            task,
            train,
            seeds=seeds,
            labels=[training_texts(task, lab.split, seed, half, train.steps * train.batch) for seed in seeds],
            start=halves[-1] if halves else None,
            stretch=half,
            label=f"train {name}{', second half' if half else ''}",
        )
        halves.append(runs)
    return halves


def training_texts(task: Hops, split: Split, seed: int, half: int, n: int) -> Examples:
    """The `n` texts of half a training, each of which is read once; they are the same for every depth."""
    rng = stream("texts with labels at every letter", seed, half)
    return labelled(task, split.sample(task, rng, n, "train"))


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


def _last(config: Config, lab: Lab, runs: Runs, hops: int, label: str) -> np.ndarray:
    """Whether the likeliest token at the last letter of held-out texts is the right one, bool (s, n)."""
    task, shape = replace(config.at_once, hops=(hops,)), (len(runs.seeds), config.test)
    batch = lab.held_out(task, config.test, runs.seeds)
    texts, behind = batch.prompts().reshape(*shape, -1, 1), np.array([task.longest_prompt - 1])
    names = [fingerprint({"model": name, "texts": digest(own)}) for name, own in zip(runs.names, texts, strict=True)]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        return {"likeliest": own_answers(runs.model, rows_of(runs.trained.params, rows), texts[rows], behind)[..., 0]}

    likeliest = lab.keep("likeliest", runs.model, names, shape[1:], config.test * int(behind[0]), make, label)
    letter = 1  # behind the mark of the answer
    return likeliest == batch.completions()[:, letter].reshape(shape)


def _window(config: Config, hops: int, size: int) -> float:
    """What the best reader of so many last letters scores."""
    problem = replace(config.at_once, hops=(hops,)).draw(stream("readers of the last letters", hops), 4_000)
    return float(laws.window(problem, config.letters, size).chance.mean())


def check(measured: Measured) -> list[Check]:
    arms, checks = list(measured.depths.items()), []
    for place, (layers, arm) in enumerate(arms):
        checks.append(
            at_least(
                f"{layers} layers, hops {measured.hops[place]}: right",
                arm.right[:, place],
                0.85,
                "at four hops a reader of the last 24 of 40 letters scores .79; at one and two more is expected",
            )
        )
    for place, ((fewer, shallow), (layers, deep)) in enumerate(pairwise(arms)):
        learned = Gate(
            f"{fewer} layers, hops {measured.hops[place]}: right",
            shallow.gate[:, place],
            0.85,
            1.0,
            "half of the hops are learned",
        )
        checks.append(
            at_least(
                f"hops {measured.hops[place + 1]}: right, {layers} layers - {fewer}",
                deep.right[:, place + 1] - shallow.right[:, place + 1],
                0.15,
                "half of what was seen in trials, and more than the second half of the training adds to a solved number",
                gates=[learned],
            )
        )
    checks.append(
        at_least(
            f"chain, {arms[0][0]} layers, hops {measured.hops[-1]}: right",
            measured.chain[:, -1],
            0.85,
            "what the deepest models have to reach at once",
        )
    )
    return checks


def figures(measured: Measured) -> list[Figure]:
    seeds = len(next(iter(measured.depths.values())).right)
    rows = {
        **{f"last {size} letters": np.tile(scores, (seeds, 1)) for size, scores in measured.windows.items()},
        **{f"{layers} layers": arm.right for layers, arm in measured.depths.items()},
        f"chain,\n{min(measured.depths)} layers": measured.chain,
    }
    halves = {
        f"{layers} layers,\n{part}": (arm.half if part == "half" else arm.gate)
        for layers, arm in measured.depths.items()
        for part in ("half", "all")
    }
    return [
        HeatMap(
            name="hops_by_depth",
            title="Hops at once",
            y_label="model, or best reader of",
            rows=list(rows),
            columns=[str(hops) for hops in measured.hops],
            measured=np.stack(list(rows.values()), axis=1),
            scale="right letters",
            note="Columns: hops. The best reader of the last letters knows how likely each letter is behind the hops it does not see.",
        ),
        Bars(
            name="hops_by_depth_training",
            title="After half of the training and after all of it",
            y_label="right letters",
            groups=list(halves),
            measured={
                f"hops {hops}": np.stack([right[:, place] for right in halves.values()], axis=1)
                for place, hops in enumerate(measured.hops)
            },
            theory={},
        ),
    ]
