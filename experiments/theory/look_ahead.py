"""Paths from the centre of a star are not learned though nearly all of their nodes are; from the goal backwards they are.

Source       Bachmann, Nagarajan, arXiv:2403.06963: trained on paths with the right nodes in front of each, models
             learn that one edge leads on, and guess the first node, which takes a look ahead; reversed paths are solved
Prediction   Three arms of three edges, and fresh stars at every step. Models that write the path from the centre are right in at
             most a tenth more than whoever follows any arm, 1/3, while they are right in .98 of the nodes behind the first when
             they are shown the right ones so far. The same model writes paths from the goal backwards rightly in .95, and paths
             from the centre behind a chain of thought that walks back from the goal.
Refuted if   Paths from the centre are right in more than .434, or nodes behind the first in less than .98; or paths from the
             goal, or those behind a walk back, in less than .95; each in most seeds.
Controls     A model that writes from the centre counts only if the same recipe solves arms of two edges, where the first node is
             next to the goal, and if its loss no longer falls: by at most .1 nats a path in the last quarter of training.
             Three layers suffice for the look ahead: one reads the goal, and each of the others goes an edge back.
             Beside them stand models that see no node of the path they are to write, but a blank for each, so that no node can be
             had from the one before (the source's teacherless training), and whether paths follow a goal that is changed in the
             walk back; neither is judged.
Run          alchemy reproduce look_ahead --preset small      # 13 minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch, Field
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split
from experiments.theory import last_letter
from experiments.theory.linear_equations import fall
from models.transformer import Transformer
from tasks.stars import Stars, laws
from tasks.stars.spec import BLANK

CLAIM = Claim(
    sentence="Paths from the centre of a star are not learned though nearly all of their nodes are; from the goal backwards they are.",
    source="arXiv:2403.06963",
    prediction="from the centre at most .1 above guessing an arm, nodes behind the first .98; backwards, or behind a walk back, .95",
    refuted_if="paths from the centre .1 above guessing, nodes behind the first under .98, or paths learned backwards under .95",
    question="What does a step buy?",
    among="models of a recipe that finds arms of two edges from the centre",
)


@dataclass(frozen=True)
class Config:
    """One model for paths that are written in several ways, as many stars for each."""

    seeds: int = 10
    """Replicates, each with weights, training stars and test problems of its own. Ten that agree decide every check both ways."""
    test: int = 400
    """Held-out stars in each test of each seed; a quarter is for gates."""
    arms: int = 3
    length: int = 3
    names: int = 12
    model: Transformer = Transformer(width=32, layers=3, heads=2, context=24, tied=False)
    train: TrainConfig = TrainConfig(steps=3000, batch=32, optimizer="muon")

    @property
    def chain(self) -> Stars:
        """A walk back from the goal, and then the path."""
        return Stars(self.arms, self.length, self.names)

    @property
    def forward(self) -> Stars:
        return replace(self.chain, cot=False)

    @property
    def backward(self) -> Stars:
        return replace(self.forward, path="reversed")

    @property
    def short(self) -> Stars:
        """The first node is the one before the goal."""
        return replace(self.forward, length=2)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        arms=2,
        length=3,
        names=8,
        model=Transformer(width=16, layers=1, heads=2, context=24, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        arms=5,
        length=5,
        names=26,
        model=Transformer(width=256, layers=6, heads=8, context=56, tied=False),
        train=TrainConfig(steps=20_000, batch=256, learning_rate=3e-4),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Shares of held-out problems, a number a seed unless it says otherwise: float (s,)."""

    arms: int
    length: int
    forward: np.ndarray
    """Right paths from the centre."""
    nodes: np.ndarray
    """Right nodes of the same paths, each behind the right ones so far: float (s, length)."""
    fall: np.ndarray
    """How much lower the loss was in the last quarter of training than in the quarter before, nats a token."""
    short: np.ndarray
    """Right paths of two edges, of other problems: for a gate."""
    backward: np.ndarray
    """Right paths from the goal."""
    chain: np.ndarray
    """Right paths from the centre, behind a walk back."""
    teacherless: np.ndarray
    """Right paths from the centre of models that see no node of them."""
    follow: np.ndarray
    """Share of paths that follow another goal, put at the beginning of the walk back."""
    ignore: np.ndarray
    """Share of them that stay as they were."""


def run(config: Config, lab: Lab) -> Measured:
    gate, judged = gate_split(config.test)
    forward, paths = _arm(config, lab, config.forward, "from the centre")
    chain, chains = _arm(config, lab, config.chain, "behind a walk back")
    short = _arm(config, lab, config.short, "from the centre, two edges")[1]
    backward = _arm(config, lab, config.backward, "from the goal")[1]
    rates = lab.intervene(chain, config.chain, config.test, steps=(0,), label="another goal").answer.rates
    return Measured(
        arms=config.arms,
        length=config.length,
        forward=paths[:, judged].mean(axis=1),
        nodes=_shown(config, lab, forward, lambda batch: batch.tokens, "nodes behind the right ones").mean(axis=1),
        fall=fall(forward.trained.losses),
        short=short[:, gate].mean(axis=1),
        backward=backward[:, judged].mean(axis=1),
        chain=chains[:, judged].mean(axis=1),
        teacherless=_teacherless(config, lab).all(axis=2).mean(axis=1),
        follow=rates.follow,
        ignore=rates.ignore,
    )


def _arm(config: Config, lab: Lab, task: Stars, name: str) -> tuple[Runs, np.ndarray]:
    """Models, and which of the held-out paths they write rightly, bool (s, n)."""
    runs = lab.train(config.model, task, config.train, seeds=config.seeds, label=f"train {name}")
    return runs, lab.answer(runs, task, config.test, label=f"answer, {name}").values("answer")


def _teacherless(config: Config, lab: Lab) -> np.ndarray:
    """Whether models that see blanks for the path find each node of it, bool (s, n, length)."""
    task, seeds, n = config.forward, lab.seeds(config.seeds), config.train.steps * config.train.batch
    lines = [lab.split.sample(task, stream("stars without a teacher", seed), n, "train") for seed in seeds]
    runs = lab.train(
        config.model,
        task,
        config.train,
        seeds=seeds,
        labels=[Examples(blanked(batch), path(batch), batch.text) for batch in lines],
        label="train without a teacher",
    )
    return _shown(config, lab, runs, blanked, "answer without a teacher")


def path(batch: Batch) -> np.ndarray:
    """Where the nodes of the path stand, bool (n, t)."""
    answer: np.ndarray = batch.field == Field.ANSWER
    return answer & np.pad(answer, ((0, 0), (1, 0)))[:, :-1]  # all but the mark


def blanked(batch: Batch) -> np.ndarray:
    """Tokens int32 (n, t, c) in which the nodes of the path are blanks."""
    tokens = batch.tokens.copy()
    tokens[path(batch), 0] = Stars().vocabulary.index[BLANK]
    return tokens


def _shown(config: Config, lab: Lab, runs: Runs, texts: Callable[[Batch], np.ndarray], label: str) -> np.ndarray:
    """Whether the likeliest node at each place of held-out paths from the centre is the right one, behind the tokens int32
    (n, t, c) that `texts` makes of the lines: bool (s, n, length)."""
    batch, shape = lab.held_out(config.forward, config.test, runs.seeds), (len(runs.seeds), config.test)
    shown, places = texts(batch).reshape(*shape, *batch.tokens.shape[1:]), np.flatnonzero(path(batch)[0])
    likeliest = last_letter.said(lab, runs, shown, places, label)
    return np.asarray(likeliest == batch.text[:, places].reshape(*shape, -1))


def check(measured: Measured) -> list[Check]:
    guess, tokens = laws.guess_arm(measured.arms), measured.length + 2
    able = Gate(
        "two edges, from the centre: right", measured.short, 0.95, inf, "the recipe finds what is before the goal"
    )
    still = Gate(
        "from the centre: fall of the loss in nats a path",
        measured.fall * tokens,
        -inf,
        0.1,
        "a plateau, beside what a guess of the arm costs: the log of their number",
    )
    return [
        at_most(
            "from the centre: right - guessing an arm",
            measured.forward - guess,
            0.1,
            "the source finds nothing above it",
            gates=[able, still],
        ),
        at_least(
            "from the centre: right nodes behind the first and the right ones so far",
            measured.nodes[:, 1:].mean(axis=1),
            0.98,
            "one edge leads on from each, with a fiftieth to spare",
        ),
        at_least("from the goal: right", measured.backward, 0.95, "1.00 in the source, with a twentieth to spare"),
        at_least("behind a walk back: right", measured.chain, 0.95, "as from the goal"),
    ]


def figures(measured: Measured) -> list[Figure]:
    guess = laws.guess_arm(measured.arms)
    arms = {
        "from the\ncentre": measured.forward,
        "from the centre,\nno teacher": measured.teacherless,
        "from the\ngoal": measured.backward,
        "behind a\nwalk back": measured.chain,
    }
    places = [str(place + 1) for place in range(measured.length)]
    return [
        Bars(
            name="look_ahead",
            title="Paths from the centre of a star to the end of an arm",
            y_label="right paths",
            groups=list(arms),
            measured={"measured": np.stack([*arms.values()], axis=1)},
            theory={"measured": [guess, guess, 1.0, 1.0]},
            note="Dotted: guessing an arm, and looking one edge back at a time.",
        ),
        Bars(
            name="look_ahead_nodes",
            title="Nodes of paths from the centre, each behind the right ones so far",
            y_label="right nodes",
            groups=places,
            measured={"measured": measured.nodes},
            theory={"measured": [guess] + [1.0] * (measured.length - 1)},
            note="Which node of the path; dotted: whoever follows any arm.",
        ),
    ]
