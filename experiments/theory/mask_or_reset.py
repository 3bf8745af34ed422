"""A chain goes on beyond its trained length if its positions are reset, or drawn at random; hiding earlier steps is not what does it.

Source       Abbe, Bengio, Lotfi, Sandon, Saremi, arXiv:2406.06467: inductive scratchpads, in which each step sees the question and the step
             before it alone and begins at the same position, carry chains to lengths that training never had. They change two things
             at once, what is seen and where it stands; which of the two it takes is asked here
Prediction   Models walk through a permutation of 12 nodes, which stands in the prompt edge by edge, from one node to where they meet
             another or come back, and say which: it is one cycle, or two. Trained on walks of up to 3 steps, two layers with rotary
             positions are right throughout in .7 of walks of 6 steps if each step stands behind the question at the same
             place, and earlier steps are shown without places ("reset"). With earlier steps hidden behind blanks at their places
             ("mask") they are right in .4 less, and with both in at most .15 more than reset. With learned positions reset is
             .2 ahead of mask. And neither is needed: the plain chain, with places drawn at random in training
             (arXiv:2305.16843), loses at most .15 from 3 steps to 6. Without a chain models do no better than guess how
             walks of 3 steps end (.65, of .5 to 1), though they know how one step does: the source's barrier.
Refuted if   One of these six numbers is on the other side in most seeds.
Controls     All arms read the same walks, and as many lines of one step each. Both ends of a walk come after as many steps, so that its
             length tells nothing, and every prompt has as many edges. A test problem has its two nodes further apart than any of
             training. A seed counts where models are right in .6 of other walks of 3 steps. The plain chain with rotary positions is
             beside them, unjudged. In the source hidden steps are left out of attention; here they are blanks, of which models can
             see how many there are. In trials on seeds 901 to 903 walks of 6 steps were right in .95 to .98 (reset), .00 to .06
             (mask), .91 to 1.00 (both) and, with learned positions, .85 to 1.00 and .00 to .47; random places lost .00 to .04.
             On seed 900 the plain chain was right in .00 of them, and at once models were right after one step in 1.00 and
             after three in .52.
Run          alchemy reproduce mask_or_reset --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Literal, NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.terminal import counted
from experiments.theory.last_letter import said
from models.transformer import Positions, Transformer
from tasks.stars import Stars
from tasks.stars.spec import BLANK, THINK

Shown = Literal["all", "unplaced", "hidden", "last"]
"""What a text has of the steps before the last one: all in their order, all without places, blanks in their places, or nothing."""
SHOWN: dict[Shown, str] = {"all": "all steps", "hidden": "mask", "unplaced": "reset", "last": "mask and reset"}


class Arm(NamedTuple):
    """How chains are shown to a model, and what tells it where tokens stand."""

    shown: Shown
    positions: Positions

    def __str__(self) -> str:
        return f"{self.positions}: {SHOWN[self.shown]}"


CLAIM = Claim(
    sentence="A chain goes on beyond its trained length if positions are reset, or drawn at random; that earlier steps are hidden does not do it.",
    source="arXiv:2406.06467; the two changes apart, and the way without either, are ours",
    prediction="walks twice as long: reset right in .7, mask .4 less, both .15 more at most; random places lose .15 at most; at once a guess",
    refuted_if="one of the six numbers on the other side",
    question="Where does reasoning stop?",
    among="models that learned the walks of their training",
)
PLAIN, MASK, RESET, BOTH = (Arm(shown, "rotary") for shown in SHOWN)
LEARNED_MASK, LEARNED_RESET = Arm("hidden", "learned"), Arm("unplaced", "learned")
AT_RANDOM = Arm("all", "random")
ARMS = (PLAIN, MASK, RESET, BOTH, LEARNED_MASK, LEARNED_RESET, AT_RANDOM)


@dataclass(frozen=True)
class Config:
    """Walks through a permutation, of a few nodes in training and more in tests."""

    seeds: int = 5
    """Replicates, each with weights, training lines and test problems of its own. Five that agree decide."""
    test: int = 400
    """Problems of each length, for each seed."""
    nodes: int = 12
    trained: int = 3
    """Nodes of the longest walk in training; tests have up to half of all nodes."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=32, spread=2, tied=False)
    """The positions are those of an arm."""
    train: TrainConfig = TrainConfig(steps=800, batch=64, optimizer="muon")
    at_once: TrainConfig = TrainConfig(steps=2000, batch=64, optimizer="muon")
    """Of models that say at once how walks of one length end; their positions are learned."""

    @property
    def task(self) -> Stars:
        """Whose words the lines have: nodes, the same as tails of edges, and marks."""
        return Stars()

    @property
    def ends(self) -> tuple[int, int]:
        """Lengths of walks whose ends are asked for at once."""
        return 1, self.trained

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(range(1, self.nodes // 2 + 1))

    @property
    def verdicts(self) -> tuple[int, int]:
        """The ids that say that a walk came back to its start, and that it met the other node."""
        return self.task.vocabulary.index[BLANK], self.task.answer_mark_id


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        nodes=6,
        trained=2,
        model=replace(SMALL.model, width=16, layers=1, heads=2),
        train=TrainConfig(steps=8, batch=16, chunk=8),
        at_once=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=2000,
        nodes=26,
        trained=4,
        model=replace(SMALL.model, width=256, layers=4, heads=8, context=64),
        train=TrainConfig(steps=6000, batch=256, optimizer="muon", matrix_rate=0.01, learning_rate=1e-3),
        at_once=TrainConfig(steps=20_000, batch=256, optimizer="muon", matrix_rate=0.01, learning_rate=1e-3),
    ),
}


class Walks(NamedTuple):
    """Permutations with two nodes each, and the walk from the first that ends where it meets the second, or the first again.

    Both walks of `m` steps are alike likely: the two nodes are at opposite places of one cycle of 2m, or in two cycles of m.
    """

    onward: np.ndarray
    """The node behind each node, int8 (n, u)."""
    asked: np.ndarray
    """int8 (n, 2)."""
    steps: np.ndarray
    """int8 (n, m)."""
    meets: np.ndarray
    """Whether it is the second node that is met, bool (n,)."""

    def answers(self, config: Config) -> np.ndarray:
        """What is said once a walk has ended, int32 (n,)."""
        return np.where(self.meets, *reversed(config.verdicts)).astype(np.int32)

    def ids(self, config: Config) -> np.ndarray:
        """The steps as tokens, int32 (n, m)."""
        return self.steps + np.int32(config.task.first_node)


def walks(rng: np.random.Generator, n: int, nodes: int, length: int) -> Walks:
    """`n` walks of `length` steps; the nodes that neither cycle has are permuted at random."""
    order = rng.permuted(np.tile(np.arange(nodes, dtype=np.int8), (n, 1)), axis=1)
    meets, rows = rng.random(n) < 0.5, np.arange(n)[:, None]
    first, second, rest = np.split(order, (length, 2 * length), axis=1)
    onward = np.empty_like(order)
    onward[rows, first[:, :-1]], onward[rows, second[:, :-1]] = first[:, 1:], second[:, 1:]
    ends = np.where(meets[:, None], second[:, :1], first[:, :1])
    onward[rows, first[:, -1:]] = ends
    onward[rows, second[:, -1:]] = np.where(meets[:, None], first[:, :1], second[:, :1])
    onward[rows, rest] = rng.permuted(rest, axis=1)
    return Walks(onward, np.stack([first[:, 0], second[:, 0]], axis=1), np.append(first[:, 1:], ends, axis=1), meets)


def written(config: Config, shown: Shown, rng: np.random.Generator, problems: Walks, steps: np.ndarray) -> np.ndarray:
    """Texts behind which the next step is said: the edges in any order, the two nodes, a mark and the steps so far, int32 (n, k).

    Returns int32 (n, t, 2). A position of two ids, such as an edge, has no place, and what stands behind it is counted without it
    (`models/transformer.py`): so steps that are shown without places are before the question, each with a blank.
    """
    spec, (n, nodes) = config.task, problems.onward.shape
    blank, think = (spec.vocabulary.index[word] for word in (BLANK, THINK))
    tails = rng.permuted(np.tile(np.arange(nodes), (n, 1)), axis=1)
    heads = np.take_along_axis(problems.onward, tails, axis=1)
    edges = np.stack([tails + spec.first_tail, heads + np.int32(spec.first_node)], axis=2)
    question = np.append(problems.asked + np.int32(spec.first_node), np.full((n, 1), think, np.int32), axis=1)
    earlier, last = np.split(steps, [max(0, steps.shape[1] - 1)], axis=1)
    blanks = np.full_like(earlier, blank)
    before = np.stack([earlier, blanks], axis=2)[:, : earlier.shape[1] if shown == "unplaced" else 0]
    behind = {"all": earlier, "hidden": blanks, "unplaced": earlier[:, :0], "last": earlier[:, :0]}[shown]
    placed = np.concatenate([question, behind, last], axis=1)
    alone = np.stack([placed, np.full_like(placed, PAD)], axis=2)
    return np.concatenate([edges, before, alone], axis=1).astype(np.int32)


def lines(config: Config, arm: Arm, seed: int) -> Examples:
    """Lines to train on, in each of which one step of a walk is to be said, or how it ended; as many of each walk and step."""
    n, rng = config.train.steps * config.train.batch, stream("walks to train on", seed)
    places = [(length, k) for length in range(1, config.trained + 1) for k in range(length + 1)]
    parts = []
    for length, k in places:
        problems = walks(rng, -(-n // len(places)), config.nodes, length)
        text = written(config, arm.shown, rng, problems, problems.ids(config)[:, :k])
        said_next = np.append(problems.ids(config), problems.answers(config)[:, None], axis=1)[:, k]
        parts.append(labelled(text, said_next, config.nodes + 4 + config.trained))
    order = rng.permutation(sum(len(part.tokens) for part in parts))[:n]
    return Examples(*(np.concatenate(rows)[order] for rows in zip(*(part[:3] for part in parts), strict=True)))


def labelled(texts: np.ndarray, target: np.ndarray, width: int) -> Examples:
    """Texts int32 (n, t, 2), padded to a width, behind which ids int32 (n,) are to be said."""
    n, t, _ = texts.shape
    wide = np.zeros((n, width), np.int32)
    wide[:, t] = target
    return Examples(np.pad(texts, ((0, 0), (0, width - t), (0, 0))), wide != 0, wide)


def walked(config: Config, lab: Lab, runs: Runs, shown: Shown, length: int) -> np.ndarray:
    """Whether models say every step and how the walk ends, each behind the steps that they said before, bool (s, n)."""
    tests = [
        walks(stream("tested walks", lab.tests, seed, length), config.test, config.nodes, length) for seed in runs.seeds
    ]
    steps = np.zeros((len(tests), config.test, 0), np.int32)
    for _ in range(length + 1):
        rngs = [stream("order of edges", seed, length) for seed in runs.seeds]
        texts = np.stack([written(config, shown, *each) for each in zip(rngs, tests, steps, strict=True)])
        steps = np.append(steps, behind(lab, runs, texts, f"{shown}, {counted(length, 'step')}"), axis=2)
    right = np.stack([np.append(test.ids(config), test.answers(config)[:, None], axis=1) for test in tests])
    return np.asarray((steps == right).all(axis=2))


def behind(lab: Lab, runs: Runs, texts: np.ndarray, label: str) -> np.ndarray:
    """The likeliest token behind texts int32 (s, n, t, 2): int32 (s, n, 1)."""
    return said(lab, runs, texts, np.array([texts.shape[2]]), label)


class Seen(NamedTuple):
    """Of models of one arm, the share of walks that are right in every step and in how they end."""

    right: np.ndarray
    """By number of steps, float (s, lengths)."""
    gate: np.ndarray
    """Of the longest walks that training had, others than those: float (s,)."""


@dataclass(frozen=True)
class Measured:
    lengths: tuple[int, ...]
    trained: int
    walks: Mapping[Arm, Seen]
    at_once: np.ndarray
    """Right answers of models that are trained to say at once how walks of one length end: the shortest, the longest trained;
    float (s, 2)."""


def run(config: Config, lab: Lab) -> Measured:
    seen = {arm: _seen(config, lab, arm) for arm in ARMS}
    told = [_at_once(config, lab, length) for length in config.ends]
    return Measured(config.lengths, config.trained, seen, np.stack(told, axis=1))


def _seen(config: Config, lab: Lab, arm: Arm) -> Seen:
    seeds, model = lab.seeds(config.seeds), replace(config.model, positions=arm.positions)
    labels = [lines(config, arm, seed) for seed in seeds]
    runs = lab.train(model, config.task, config.train, seeds=seeds, labels=labels, label=f"train {arm}")
    right = [walked(config, lab, runs, arm.shown, length) for length in config.lengths]
    gate, judged = gate_split(config.test)
    shares = np.stack([rows[:, judged].mean(axis=1) for rows in right], axis=1)
    return Seen(shares, right[config.trained - 1][:, gate].mean(axis=1))


def _at_once(config: Config, lab: Lab, length: int) -> np.ndarray:
    """How often models say rightly how a walk ends that they do not write, after training on walks of that length alone."""
    seeds, n = lab.seeds(config.seeds), config.at_once.steps * config.at_once.batch

    def asked(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        problems = walks(rng, count, config.nodes, length)
        return written(config, "all", rng, problems, np.zeros((count, 0), np.int32)), problems.answers(config)

    told = [asked(stream("ends to train on", seed, length), n) for seed in seeds]
    labels = [labelled(texts, answers, config.nodes + 4) for texts, answers in told]
    model, name = replace(config.model, positions="learned"), f"at once, {counted(length, 'step')}"
    runs = lab.train(model, config.task, config.at_once, seeds=seeds, labels=labels, label=f"train {name}")
    tests = [asked(stream("tested ends", lab.tests, seed, length), config.test) for seed in seeds]
    texts, answers = (np.stack(rows) for rows in zip(*tests, strict=True))
    return np.asarray((behind(lab, runs, texts, name)[..., 0] == answers).mean(axis=1))


def check(measured: Measured) -> list[Check]:
    seen, longest = measured.walks, counted(measured.lengths[-1], "step")
    at_longest = {arm: of.right[:, -1] for arm, of in seen.items()}
    able = {
        arm: Gate(f"{arm}, {counted(measured.trained, 'step')}: right", of.gate, 0.6, inf, "it learned its own walks")
        for arm, of in seen.items()
    }
    shortest = Gate("at once, 1 step: right", measured.at_once[:, 0], 0.9, inf, "it learned what one look-up tells")
    return [
        at_least(f"{longest}: right, {RESET}", at_longest[RESET], 0.7, "most of them", gates=[able[RESET]]),
        at_least(
            f"{longest}: right, {RESET} - mask",
            at_longest[RESET] - at_longest[MASK],
            0.4,
            "most of what the reset reaches",
            gates=[able[RESET], able[MASK]],
        ),
        at_most(
            f"{longest}: right, {BOTH} - reset",
            at_longest[BOTH] - at_longest[RESET],
            0.15,
            "less than half of what is left",
            gates=[able[BOTH], able[RESET]],
        ),
        at_least(
            f"{longest}: right, {LEARNED_RESET} - mask",
            at_longest[LEARNED_RESET] - at_longest[LEARNED_MASK],
            0.2,
            "no matter of one scheme",
            gates=[able[LEARNED_RESET], able[LEARNED_MASK]],
        ),
        at_most(
            f"{AT_RANDOM}: right, {counted(measured.trained, 'step')} - {longest}",
            seen[AT_RANDOM].right[:, measured.trained - 1] - at_longest[AT_RANDOM],
            0.15,
            "most of what is lost without",
            gates=[able[AT_RANDOM]],
        ),
        at_most(
            f"at once, {counted(measured.trained, 'step')}: right",
            measured.at_once[:, 1],
            0.65,
            "a guess is right in .5",
            gates=[shortest],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    def panel(name: str, title: str, arms: Sequence[Arm]) -> Curves:
        return Curves(
            name=name,
            title=title,
            x_label=f"steps of a walk (trained on up to {measured.trained})",
            y_label="walks right throughout",
            x=list(measured.lengths),
            measured={str(arm): measured.walks[arm].right for arm in arms},
            theory={},
        )

    return [
        panel(
            "mask_or_reset",
            "Walks through a permutation, by what is shown of earlier steps",
            (PLAIN, MASK, RESET, BOTH),
        ),
        panel("mask_or_reset_positions", "The same with other positions", (LEARNED_MASK, LEARNED_RESET, AT_RANDOM)),
    ]
