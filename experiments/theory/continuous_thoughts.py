"""Thoughts that are fed back hold all nodes at a distance, and answers go by them, if training names nodes; answers alone do not do it.

Source       Coconut, arXiv:2412.06769; frontiers held at once: arXiv:2505.12514; that the loss of the answer alone cannot find them
             and one at each step can: arXiv:2605.18820. Pauses, and thoughts of other problems, are controls of others' and ours
Prediction   Which of two nodes is reached in a directed graph of 12, whose two halves differ by names alone (`tasks/reachability`).
             Two layers read three marks before they answer. At each their last hidden state is fed in, and training asks at the
             i-th for any one node at distance i. At depth 3 they are right in .8, .2 more than where the marks are pauses and are
             asked for the same. Where training asks for the answer alone they are right in at most .65, also after .4 as
             long again, and of the nodes at one distance readers of their thoughts find .2 less. Given
             thoughts that are had with the names of the two roots exchanged in the edges, at the same start and candidates, .7
             of the answers are the other candidate; given those of the same edges in another order, .05 fewer at most are right. Models
             that write all nodes from near to far are at most .05 behind.
Refuted if   One of these seven numbers is on the other side in most seeds.
Controls     All arms begin with one model, trained at once on depth 1 until it has learned that, and then read the same graphs. Pauses,
             and thoughts from the answer alone, count only if they are right in .9 at depth 1 and gain .15 at most at depth 3 from .4
             as many lines more; thoughts that are told if they are right in .9 at depth 1. Thoughts might hold the start
             alone, and answers be found from that: the exchange keeps start and candidates. Other problems' thoughts, noise, an order
             in reverse, readers of random weights and of the other half's nodes stand beside, unjudged, as do a path that is written
             and answers at once.
             Readers of told thoughts find what the loss asks the output layer for: the difference says that answers alone do not bring it.
             In trials on seeds 900 to 903, of parts of this and with other first stages, told thoughts were right in .83 to 1.00 at depth 3
             after 1,000 to 1,500 steps, readers found all nodes in them, and asked from the other root they had .81 to 1.00 of the
             answers become the other candidate. Answers alone brought .46 to .52; of four first stages with marks one was learned, and
             behind it they were right in 1.00 at depth 1. Pauses behind one that was learned, and the exchange of
             roots, were not tried.
Run          alchemy reproduce continuous_thoughts --preset small      # on 2 CPU cores, 15 minutes
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from alchemy.causal.probes import memberships
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.latent import thoughts
from alchemy.learning.config import Stop, TrainConfig
from alchemy.learning.data import Examples, examples
from alchemy.learning.open_model import opened
from alchemy.learning.train import Runs, fresh
from alchemy.problem.streams import stream
from alchemy.problem.task import Problem
from alchemy.record import digest, fingerprint
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from models.continuous import ContinuousThoughts
from models.transformer import Transformer
from tasks.reachability import Reachability, laws
from tasks.reachability.search import reached
from tasks.reachability.spec import Trace

CLAIM = Claim(
    sentence="Thoughts fed back hold all nodes at a distance, and answers go by them, if training names nodes; answers alone do not do it.",
    source="arXiv:2412.06769, 2505.12514 and 2605.18820; the task and the exchange of roots are ours",
    prediction="depth 3: told .8 right, .2 above pauses; answers alone .65 and .2 fewer nodes held; .7 follow exchanged roots; lists no better",
    refuted_if="one of the seven numbers on the other side",
    question="What does a step buy?",
    among="models that learned depth 1, and of the losing arms those on a plateau",
)


class Arm(NamedTuple):
    """What a model reads and is told between a question and its answer."""

    trace: Trace = "none"
    """The chain that it writes."""
    thinks: bool = False
    """It reads as many marks as there are distances, at which nothing is said."""
    continuous: bool = False
    """Marks are thoughts, not pauses."""
    told: bool = False
    """In training it is asked at each mark for a node at that distance."""


AT_ONCE, PAUSES, END_TO_END, TOLD = "at once", "pauses, told", "thoughts, answer alone", "thoughts, told"
PATH, FRONTIERS = "path", "frontiers"
ARMS = {
    AT_ONCE: Arm(),
    PAUSES: Arm(thinks=True, told=True),
    END_TO_END: Arm(thinks=True, continuous=True),
    TOLD: Arm(thinks=True, continuous=True, told=True),
    PATH: Arm("path"),
    FRONTIERS: Arm("frontiers"),
}
THINKERS = (END_TO_END, TOLD)
LOSING = (PAUSES, END_TO_END)
"""Arms that are trained on, to see whether more training brings what they lack."""


@dataclass(frozen=True)
class Config:
    """The same graphs with each arm."""

    seeds: int = 5
    """Replicates, each with weights, training graphs and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 600
    """Held-out problems of each depth, for each seed; a quarter is for gates."""
    probed: int = 800
    """Held-out problems whose thoughts are read out, half of which the readers are fitted on."""
    task: Reachability = Reachability(trace="none")
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=32, tied=False)
    begin: TrainConfig = TrainConfig(steps=3000, batch=64, optimizer="muon", stop=Stop(below=0.02, over=50))
    """On candidates at the least depth, of which models that answer at once learn nothing for some hundred steps."""
    train: TrainConfig = TrainConfig(steps=1000, batch=64, optimizer="muon")
    """On candidates at all depths."""
    on: TrainConfig = TrainConfig(steps=400, batch=64, optimizer="muon")
    """On more of these, to see what more training brings."""

    @property
    def depths(self) -> tuple[int, ...]:
        return self.task.depths

    def of(self, arm: Arm) -> Reachability:
        """How the arm's lines are written."""
        return replace(self.task, trace=arm.trace, thoughts=len(self.task.widths) * arm.thinks)

    def model_of(self, arm: Arm) -> Transformer:
        if not arm.continuous:
            return self.model
        task, shape = self.of(arm), {field.name: getattr(self.model, field.name) for field in fields(self.model)}
        return ContinuousThoughts(**shape, thought=task.thought_id, thoughts=task.thoughts, ahead=task.first_thought)

    @property
    def stages(self) -> tuple[tuple[Reachability, TrainConfig], ...]:
        """What all arms are trained on, one after the other."""
        first = replace(self.task, depths=(min(self.depths),))
        return (first, self.begin), (self.task, self.train), (self.task, self.on)

    def graphs(self, lab: Lab, stage: int, seed: int) -> Problem:
        """The problems that a stage of training reads, the same ones of a seed for every arm."""
        task, train = self.stages[stage]
        return lab.split.sample(task, stream("graphs", seed, stage), train.steps * train.batch, "train").problem


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        probed=32,
        model=Transformer(width=16, layers=1, heads=2, context=32, tied=False),
        begin=TrainConfig(steps=8, batch=16, chunk=8),
        train=TrainConfig(steps=8, batch=16, chunk=8),
        on=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=1000,
        task=Reachability(widths=(3, 3, 3, 3), depths=(1, 2, 3, 4), extra=8, trace="none"),
        model=Transformer(width=256, layers=2, heads=8, context=80, tied=False),
        begin=TrainConfig(steps=4000, batch=256, optimizer="muon", learning_rate=1e-3),
        train=TrainConfig(steps=20_000, batch=256, optimizer="muon", learning_rate=1e-3),
        on=TrainConfig(steps=10_000, batch=256, optimizer="muon", learning_rate=1e-3),
    ),
}


def lines(task: Reachability, arm: Arm, problem: Problem, seed: int) -> Examples:
    """Lines to train on; of an arm that is told, behind the i-th mark any node at distance i is asked for."""
    batch = task.write(problem)
    rows, target = examples(batch), batch.text.copy()
    if arm.told:
        frontiers = task.frontiers(problem)
        rng = stream("nodes that are asked for", seed)
        node = np.where(frontiers, rng.random(frontiers.shape), -1).argmax(axis=2)
        places = marks(task) + 1
        target[:, places] = node[:, : len(places)] + task.first_node
        rows.weight[:, places] = True
    return rows._replace(target=target)


def marks(task: Reachability) -> np.ndarray:
    """Where the marks stand, int (k,)."""
    return task.first_thought + np.arange(task.thoughts)


def trained(config: Config, lab: Lab, name: str) -> list[Runs]:
    """The models of an arm after each stage; in the first all arms are one, and answer at once."""
    seeds, stages = lab.seeds(config.seeds), []
    for stage, (_, train) in enumerate(config.stages[: 3 if name in LOSING else 2]):
        arm = ARMS[name] if stage else ARMS[AT_ONCE]
        task, label = config.of(arm), f"train {name}, stage {stage + 1}" if stage else "train to begin with"
        labels = [lines(task, arm, config.graphs(lab, stage, seed), seed) for seed in seeds]
        runs = lab.train(
            config.model_of(arm),
            task,
            train,
            seeds=seeds,
            labels=labels,
            start=stages[-1] if stages else None,
            stretch=stage,
            label=label,
        )
        stages.append(runs)
    return stages


class Right(NamedTuple):
    """Right answers by depth, float (s, depths)."""

    judged: np.ndarray
    gate: np.ndarray
    """Of other problems."""


def right(config: Config, lab: Lab, runs: Runs, name: str) -> Right:
    tasks = [replace(config.of(ARMS[name]), depths=(depth,)) for depth in config.depths]
    answers = [lab.answer(runs, task, config.test, label=f"{name}, depth {max(task.depths)}") for task in tasks]
    values = np.stack([answer.values("answer") for answer in answers], axis=2)  # (s, n, depths)
    gate, judged = gate_split(config.test)
    return Right(values[:, judged].mean(axis=1), values[:, gate].mean(axis=1))


class Held(NamedTuple):
    """What thoughts hold, float (s,): of the nodes at distances at which there are several, the share that is among as many with the
    highest scores; of the thought that has most of them, the mean over these distances."""

    members: np.ndarray
    others: np.ndarray
    """The same of the nodes at these distances from the other root."""
    untrained: np.ndarray
    """The nodes, of thoughts of a model with random weights."""


class Answers(NamedTuple):
    """Shares of answers to problems of the greatest depth, float (s,)."""

    right: np.ndarray
    other: np.ndarray
    """The other candidate."""


def held(config: Config, lab: Lab, runs: Runs, name: str) -> Held:
    task = config.of(ARMS[name])
    batch, n = lab.held_out(task, config.probed, runs.seeds), config.probed
    texts = batch.tokens.reshape(len(runs.seeds), n, *batch.tokens.shape[1:])[:, :, : task.longest_prompt]
    frontiers, others = (
        task.frontiers(problem).reshape(len(runs.seeds), n, len(task.widths), -1)
        for problem in (batch.problem, task.other_root(batch.problem))
    )
    several = [place for place, width in enumerate(task.widths) if width > 1]
    key = {"texts": task.longest_prompt, "several": several}
    names = [
        fingerprint({**key, "model": name, "read": digest(own)}) for name, own in zip(runs.names, texts, strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params, seeds = rows_of(runs.trained.params, rows), [runs.seeds[row] for row in rows]
        untaught = fresh(runs.model, [seed + 1 for seed in seeds])
        model, places = opened(runs.model), marks(task).tolist()
        own, other = (thoughts.thoughts(model, weights, texts[rows], places) for weights in (params, untaught))
        found = []
        for row, trained, untrained in zip(rows, own, other, strict=True):
            sets = [frontiers[row, :, place] for place in several]
            of_other = [others[row, :, place] for place in several]
            told = memberships(np.moveaxis(trained, 1, 0), [*sets, *of_other])
            scores = told[: len(sets)], told[len(sets) :], memberships(np.moveaxis(untrained, 1, 0), sets)
            found.append([score.max(axis=1).mean() for score in scores])
        return {"held": np.array(found)}

    read = n * task.longest_prompt * 2
    return Held(*lab.keep("held", runs.model, names, (3,), read, make, f"{name}: what thoughts hold").T)


OWN, OTHER_ORDER, EXCHANGED, OTHER_ROOT, OTHERS, REVERSED, NOISE = (
    "their own",
    "edges in another order",
    "roots exchanged",
    "asked from the other root",
    "another problem's",
    "in reverse",
    "noise",
)
KINDS = (OWN, OTHER_ORDER, EXCHANGED, OTHER_ROOT, OTHERS, REVERSED, NOISE)


def given(config: Config, lab: Lab, runs: Runs, name: str) -> dict[str, Answers]:
    """What models answer that are given other thoughts at all marks, in problems of the greatest depth."""
    task = replace(config.of(ARMS[name]), depths=(max(config.depths),))
    batch, n, seeds = lab.held_out(task, config.test, runs.seeds), config.test, len(runs.seeds)
    rngs = [stream("other thoughts", lab.tests, seed) for seed in runs.seeds]
    order = np.concatenate([rng.random((n, task.edges)).argsort(axis=1) for rng in rngs])
    shuffled = {**batch.problem, "edges": np.take_along_axis(batch.problem["edges"], order[..., None], axis=1)}

    def texts(problem: Problem) -> np.ndarray:
        written = task.write(problem).tokens[:, : task.longest_prompt + 1]  # as far as the mark of the answer
        return written.reshape(seeds, n, *written.shape[1:])

    problems = batch.problem, shuffled, task.exchanged(batch.problem), task.other_root(batch.problem)
    read = [texts(problem) for problem in problems]
    model, places = opened(runs.model), marks(task).tolist()
    names = [
        fingerprint({"model": name, "read": digest(*(text[row] for text in read)), "kinds": KINDS})
        for row, name in enumerate(runs.names)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params = rows_of(runs.trained.params, rows)
        own, other_order, exchanged, other_root = (
            thoughts.thoughts(model, params, text[rows], places) for text in read
        )
        noise = [stream("noise on thoughts", runs.seeds[row]).standard_normal(own.shape[1:]) for row in rows]
        size = own.std(axis=1, keepdims=True)
        put = {
            OWN: own,
            OTHER_ORDER: other_order,
            EXCHANGED: exchanged,
            OTHER_ROOT: other_root,
            OTHERS: np.roll(own, 1, axis=1),
            REVERSED: own[:, :, ::-1],
            NOISE: (own + size * np.stack(noise)).astype(np.float32),
        }
        said = [thoughts.answers(model, params, read[0][rows], places, put[kind]) for kind in KINDS]
        return {"given": np.stack(said, axis=1)}

    said = lab.keep(
        "given", runs.model, names, (len(KINDS), n), 9 * n * task.longest_prompt, make, f"{name}: other thoughts"
    )
    node = task.node(said)
    of_both = [
        candidate.reshape(seeds, 1, n)
        for candidate in (_right(task, batch.problem), _right(task, task.other_root(batch.problem)))
    ]
    shares = [(node == candidate).mean(axis=2) for candidate in of_both]
    return {kind: Answers(*(share[:, place] for share in shares)) for place, kind in enumerate(KINDS)}


def _right(task: Reachability, problem: Problem) -> np.ndarray:
    return reached(problem, task.nodes)[1]


@dataclass(frozen=True)
class Measured:
    depths: tuple[int, ...]
    begun: Right
    """Of the models that all arms begin with."""
    right: Mapping[str, Right]
    """By arm."""
    longer: Mapping[str, Right]
    """Of arms that are trained on."""
    held: Mapping[str, Held]
    given: Mapping[str, Mapping[str, Answers]]


def run(config: Config, lab: Lab) -> Measured:
    stages = {name: trained(config, lab, name) for name in ARMS}
    at = {name: [right(config, lab, runs, name) for runs in stages[name][1:]] for name in ARMS}
    return Measured(
        config.depths,
        right(config, lab, stages[AT_ONCE][0], AT_ONCE),
        {name: shares[0] for name, shares in at.items()},
        {name: shares[1] for name, shares in at.items() if len(shares) > 1},
        {name: held(config, lab, stages[name][1], name) for name in THINKERS},
        {name: given(config, lab, stages[name][1], name) for name in THINKERS},
    )


def check(measured: Measured) -> list[Check]:
    deep, near = f"depth {max(measured.depths)}", f"depth {min(measured.depths)}"
    right, longer, told = measured.right, measured.longer, measured.given[TOLD]
    able = {
        name: Gate(f"{name}: right, {near}", right[name].gate[:, 0], 0.9, 1.0, "it learned what one look-up tells")
        for name in (*LOSING, TOLD)
    }
    done = {
        name: Gate(
            f"{name}: right, {deep}, more when trained on",
            longer[name].gate[:, -1] - right[name].gate[:, -1],
            -1.0,
            0.15,
            "a plateau; a gain of three standard errors",
        )
        for name in LOSING
    }
    learned = able[TOLD]
    return [
        at_least(f"{deep}: right, {TOLD}", right[TOLD].judged[:, -1], 0.8, "a guess is right in .5", gates=[learned]),
        at_least(
            f"{deep}: right, {TOLD} - pauses",
            right[TOLD].judged[:, -1] - right[PAUSES].judged[:, -1],
            0.2,
            "more than half of what there is above a guess, less what training leaves",
            gates=[learned, able[PAUSES], done[PAUSES]],
        ),
        at_most(
            f"{deep}: right, {END_TO_END}, trained on",
            longer[END_TO_END].judged[:, -1],
            0.65,
            "a guess is right in .5",
            gates=[able[END_TO_END], done[END_TO_END]],
        ),
        at_least(
            f"nodes at one distance that thoughts hold, told - {END_TO_END}",
            measured.held[TOLD].members - measured.held[END_TO_END].members,
            0.2,
            "the margin of the prediction",
            gates=[learned, able[END_TO_END]],
        ),
        at_least(
            f"{deep}, {TOLD}, {EXCHANGED}: the other candidate",
            told[EXCHANGED].other,
            0.7,
            "most answers go by thoughts, and not by the edges",
            gates=[learned],
        ),
        at_most(
            f"{deep}, {TOLD}: right, {OWN} - {OTHER_ORDER}",
            told[OWN].right - told[OTHER_ORDER].right,
            0.05,
            "thoughts of the same problem are as good",
            gates=[learned],
        ),
        at_most(
            f"{deep}: right, {TOLD} - {FRONTIERS}",
            right[TOLD].judged[:, -1] - right[FRONTIERS].judged[:, -1],
            0.05,
            "who writes the nodes down has what thoughts have",
            gates=[learned],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    laws_at = {"a guess": [laws.guess()] * len(measured.depths)}
    return [
        Curves(
            name="continuous_thoughts",
            title="Which of two nodes can be reached, by what is read and written before the answer",
            x_label="edges from the start to it",
            y_label="right answers",
            x=list(measured.depths),
            measured={name: shares.judged for name, shares in measured.right.items()},
            theory=laws_at,
        ),
        Bars(
            name="continuous_thoughts_given",
            title=f"Answers at depth {max(measured.depths)} with other thoughts at all marks, of models told the nodes",
            y_label="share of answers",
            groups=[kind.replace(" ", "\n") for kind in KINDS],
            measured={
                "right": np.stack([measured.given[TOLD][kind].right for kind in KINDS], axis=1),
                "the other candidate": np.stack([measured.given[TOLD][kind].other for kind in KINDS], axis=1),
            },
            theory={},
        ),
    ]
