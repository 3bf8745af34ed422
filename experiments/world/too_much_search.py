"""Too much search harms who never met what it brings: with documents beside the point, each search costs abstention that is due.

Source       arXiv:2601.05503 (search makes models answer what has no answer, the more of it and the noisier); the exact ceiling, which never
             falls, and the controls are ours
Prediction   Agents imitate a searcher whose searches bring the document that they are about, or none, and of whose questions some have
             no answer. Where the places that are left bring documents about other entities, true and beside the point, they are
             taken for what was asked: of questions without an answer at least .4 fewer are said to have none after six turns
             than before any, though whoever reads without fault knows it of all of them at any time; and of the others at
             least .3 fewer are right than with clean results. With clean results abstention falls by .1 at most. An agent that was
             trained among such documents says none in at least .2 more of the questions without an answer.
Refuted if   One of these bounds is missed in most seeds.
Controls     Clean results of the same length, in the same worlds, with the same luck: six turns of these cost nothing, so that neither
             length nor place in the text is what harms. All lengths occur in training. The exact ceiling is drawn; it is the
             same with and without documents beside the point. Before any search agents guess. An agent counts if it has
             learned to look up: right in .85 of other questions of one relation with clean results.
Run          alchemy reproduce too_much_search --preset small      # a quarter of an hour on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from experiments.world.whole_episodes import Episodes, played
from models.transformer import Transformer
from tasks.documents import Documents, laws
from tasks.documents.write import truth

CLAIM = Claim(
    sentence="Too much search harms who never met what it brings: documents beside the point cost abstention that is due, search by search.",
    source="arXiv:2601.05503; the exact ceiling, which never falls, and the controls are ours",
    prediction="beside the point: abstention -.4 over six turns, other questions -.3 beside clean results; clean: -.1 at most; trained among: +.2",
    refuted_if="abstention falls by less, answers are lost to less, clean results cost abstention too, or training among them does not help",
    question="How is a budget best spent?",
    among="agents that have learned to look up",
)
RESULTS = {"clean": 0.0, "beside the point": 1.0}
"""How many of the places that are left have a document about another entity."""


@dataclass(frozen=True)
class Config:
    """An agent that only ever met clean results, and one that was trained among others."""

    seeds: int = 5
    """Replicates, each with weights, training worlds and questions of its own."""
    test: int = 1200
    """Held-out questions of each seed; a quarter is for gates."""
    task: Documents = Documents(
        entities=8,
        hops=(1, 2),
        budgets=(0, 1, 2, 3, 4, 5, 6),
        announced=False,
        reliability=0.6,
        slots=2,
        missing=0.15,
        pollution=0.0,
    )
    among: float = 0.5
    """The share of places with other documents that the second agent is trained among."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=64)
    train: TrainConfig = TrainConfig(steps=600, batch=64, optimizer="muon")
    longer: TrainConfig = TrainConfig(steps=1500, batch=64, optimizer="muon")
    """Among other documents there is more to learn."""

    def clean(self, lab: Lab) -> Runs:
        """The agents that only met clean results."""
        return lab.train(self.model, self.task, self.train, seeds=self.seeds, label="train on clean results")


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=40,
        task=replace(SMALL.task, entities=4, budgets=(0, 1, 2)),
        model=Transformer(width=16, layers=1, heads=2, context=32),
        train=TrainConfig(steps=4, batch=8, chunk=4),
        longer=TrainConfig(steps=4, batch=8, chunk=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        model=Transformer(width=256, layers=4, heads=8, context=64),
        train=TrainConfig(steps=10_000, batch=256, learning_rate=3e-4),
        longer=TrainConfig(steps=20_000, batch=256, learning_rate=3e-4),
    ),
}


@dataclass(frozen=True)
class Measured:
    """By results that tests bring; after 0, 1, ... turns."""

    found: dict[str, np.ndarray]
    """Right answers of agents trained on clean results to questions that have one, float (s, t + 1)."""
    none: dict[str, np.ndarray]
    """Of questions that have none, those of which they say so."""
    among: dict[str, np.ndarray]
    """The latter of agents that were trained among other documents."""
    one_hop: np.ndarray
    """Right answers to other questions of one relation that have one, clean results, all turns: for gates, float (s,)."""
    ceiling: np.ndarray
    """Of questions that have an answer, what the best reader is right in, float (t + 1,); of the others all, at any time."""


def run(config: Config, lab: Lab) -> Measured:
    turns, (gate, judged) = max(config.task.budgets), gate_split(config.test)
    runs = config.clean(lab)
    trained_among = lab.train(
        config.model,
        replace(config.task, pollution=config.among),
        config.longer,
        seeds=config.seeds,
        label="train among other documents",
    )
    found, none, among = {}, {}, {}
    one_hop = np.zeros(0)
    for name, pollution in RESULTS.items():
        task = replace(config.task, pollution=pollution)
        said = played(lab, runs, task, config.test, turns, f"search, {name}")
        found[name], none[name] = right(task, said, judged, False), right(task, said, judged, True)
        if not pollution:
            one_hop = right(task, said, gate, False, 1)[:, -1]
        other = played(lab, trained_among, task, config.test, turns, f"search, {name}, trained among others")
        among[name] = right(task, other, judged, True)
    return Measured(found, none, among, one_hop, best(config.task))


def right(task: Documents, said: Episodes, part: slice, none: bool, hops: int = 0) -> np.ndarray:
    """Right answers to questions of a part that have none, or one, after 0, 1, ... turns: float (s, t + 1); of any number of
    relations, or of so many."""
    true = truth(task, said.batch.problem).reshape(said.made.shape)
    path = (said.batch.problem["path"] >= 0).sum(axis=1).reshape(said.made.shape)
    good = said.answers == (true + task.first_entity)[:, :, None]
    asked = ((true == task.nothing) == none) & ((path == hops) | (not hops))
    return np.array([good[row, part][asked[row, part]].mean(axis=0) for row in range(len(good))])


def best(task: Documents) -> np.ndarray:
    """What the best reader is right in of questions that have an answer, numbers of relations as often as among these: float (t + 1,)."""
    share = np.array([(1 - task.missing) ** hops for hops in task.hops])
    law = [[laws.ceiling(task, hops, turns, True) for hops in task.hops] for turns in range(max(task.budgets) + 1)]
    return np.asarray(np.array(law) @ share / share.sum())


def check(measured: Measured) -> list[Check]:
    learned = Gate(
        "clean results, one relation: right", measured.one_hop, 0.85, inf, "it looks up and reads what it is brought"
    )
    fall = {name: none[:, 0] - none[:, -1] for name, none in measured.none.items()}
    return [
        at_least(
            "beside the point: abstention lost over all turns",
            fall["beside the point"],
            0.4,
            "half of what there is to lose",
            gates=[learned],
        ),
        at_most("clean: abstention lost over all turns", fall["clean"], 0.1, "nothing but noise", gates=[learned]),
        at_least(
            "right answers lost to documents beside the point",
            measured.found["clean"][:, -1] - measured.found["beside the point"][:, -1],
            0.3,
            "a third of them",
            gates=[learned],
        ),
        at_least(
            "abstention gained by training among them",
            measured.among["beside the point"][:, -1] - measured.none["beside the point"][:, -1],
            0.2,
            "well above what seeds differ by",
            gates=[learned],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    turns = range(len(measured.ceiling))
    return [
        Curves(
            name="too_much_search",
            title="Questions without an answer: said to have none",
            x_label="turns of search",
            y_label="said to have none",
            x=list(turns),
            measured={
                **{f"trained on clean results, {name}": none for name, none in measured.none.items()},
                "trained among others, beside the point": measured.among["beside the point"],
            },
            theory={"who reads without fault": [1.0] * len(turns)},
        ),
        Curves(
            name="too_much_search_answers",
            title="Questions with an answer, agents trained on clean results",
            x_label="turns of search",
            y_label="right answers",
            x=list(turns),
            measured=dict(measured.found),
            theory={"who reads without fault, either way": list(measured.ceiling)},
        ),
    ]
