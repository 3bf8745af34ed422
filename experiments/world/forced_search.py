"""Made to search on, an agent first gains and then loses; short searches side by side, of which evidence chooses, do not lose.

Source       arXiv:2510.06135 (budget forcing lifts an agent and then harms it; parallel answers that a verifier chooses among go on
             rising); the exact laws of both, and that evidence is the verifier, are ours
Prediction   Agents of `too_much_search` that were trained on clean results, on questions that have an answer. Kept from answering for six turns
             (the likeliest other token in place of an answer), at least .1 more are right after two turns than after one, and at
             least .05 fewer after six than at the best; left to themselves they are right in at least .1 more after six. Of
             three searches of two turns each, with luck of their own, the answer is taken that documents led to: as
             many turns, at least .1 more right than forced, and at least .05 more than one search of two turns.
Refuted if   One of these bounds is missed in most seeds.
Controls     As many turns either way, each a search; left to themselves, agents of the same length of text lose nothing, and all
             lengths occur in training: what harms is to go on where training stopped. The exact laws of one search of so
             many turns and of several side by side are drawn, and never fall. Choosing by evidence needs no second model: a
             search counts if documents lead from the start along all relations to what it answers. An agent counts if it
             has learned to look up: right in .85 of other questions of one relation.
Run          alchemy reproduce forced_search --preset small      # four minutes on 2 CPU cores; its models are those of too_much_search
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from experiments.world import too_much_search
from experiments.world.too_much_search import right
from experiments.world.whole_episodes import Episodes, played
from tasks.documents import Documents, laws
from tasks.documents.judge import searches

CLAIM = Claim(
    sentence="Made to search on, an agent first gains and then loses; short searches side by side, chosen among by evidence, do not lose.",
    source="arXiv:2510.06135; the exact laws of both, and evidence as the verifier, are ours",
    prediction="forced: +.1 from one to two turns, then -.05 by six; by itself and three searches of two turns: .1 above; one of two: .05 below",
    refuted_if="forcing does not gain at first or does not lose later, or searches side by side are not ahead of it, or do not add",
    question="How is a budget best spent?",
    among="agents that have learned to look up",
)
SHORT = 2
"""Turns of a search side by side with others."""


@dataclass(frozen=True)
class Config(too_much_search.Config):
    """Its agents that only met clean results."""


PRESETS = {name: Config(**vars(config)) for name, config in too_much_search.PRESETS.items()}


@dataclass(frozen=True)
class Measured:
    """Right answers to questions that have one, float (s, t + 1) after 0, 1, ... turns."""

    free: np.ndarray
    forced: np.ndarray
    beside: np.ndarray
    """Of 1, 2, ... searches of two turns, float (s, t / 2)."""
    one_hop: np.ndarray
    """Right answers to other questions of one relation, left to themselves, all turns: for gates, float (s,)."""
    ceiling: np.ndarray
    """Of who reads without fault, float (t + 1,)."""
    law: np.ndarray
    """Of 1, 2, ... searches of two turns of such readers, float (t / 2,)."""


def run(config: Config, lab: Lab) -> Measured:
    task, turns, (gate, judged) = config.task, max(config.task.budgets), gate_split(config.test)
    runs = config.clean(lab)
    free = played(lab, runs, task, config.test, turns, "search, left to itself")
    forced = played(lab, runs, task, config.test, turns, "search, made to go on", goes_on=True)
    short = [
        played(lab, runs, task, config.test, SHORT, f"search {number}", later=SHORT * task.queries * number)
        for number in range(turns // SHORT)
    ]
    return Measured(
        right(task, free, judged, False),
        right(task, forced, judged, False),
        right(task, chosen(task, short), judged, False),
        right(task, free, gate, False, 1)[:, -1],
        too_much_search.best(task),
        side_by_side(task, len(short)),
    )


def chosen(task: Documents, short: list[Episodes]) -> Episodes:
    """Episodes whose answers (s, n, j) are those of the first of 1, ..., j searches that documents lead to, or of the first."""
    answers, have = [], np.zeros(short[0].made.shape, bool)
    best = short[0].answers[:, :, -1]
    for said in short:
        answer = said.answers[:, :, -1]
        entity = np.clip(answer - task.first_entity, 0, task.entities - 1)
        found = searches(task, said.batch.problem, said.completions(SHORT)).found.reshape(*have.shape, -1)
        led = np.take_along_axis(found, entity[:, :, None], axis=2)[:, :, 0]
        led &= answer == entity + task.first_entity
        best = np.where(led & ~have, answer, best)
        have |= led
        answers.append(best)
    return short[0]._replace(answers=np.stack(answers, axis=2))


def side_by_side(task: Documents, most: int) -> np.ndarray:
    """What 1, ..., `most` searches of two turns of who reads without fault are right in, guesses left out: float (j,)."""
    share = np.array([(1 - task.missing) ** hops for hops in task.hops])
    chance = np.array([laws.found(task, hops, SHORT) for hops in task.hops])
    law = 1 - (1 - chance) ** np.arange(1, most + 1)[:, None]
    return np.asarray(law @ share / share.sum())


def check(measured: Measured) -> list[Check]:
    learned = Gate(
        "one relation, left to itself: right", measured.one_hop, 0.85, inf, "it looks up and reads what it is brought"
    )
    forced, last = measured.forced, measured.forced[:, -1]
    return [
        at_least(
            "forced: from one turn to two", forced[:, 2] - forced[:, 1], 0.1, "it helps at first", gates=[learned]
        ),
        at_least(
            "forced: lost from the best to the last", forced.max(axis=1) - last, 0.05, "then it harms", gates=[learned]
        ),
        at_least("left to itself above forced", measured.free[:, -1] - last, 0.1, "not the length", gates=[learned]),
        at_least("side by side above forced", measured.beside[:, -1] - last, 0.1, "as many turns", gates=[learned]),
        at_least(
            "side by side: what the others add to the first",
            measured.beside[:, -1] - measured.beside[:, 0],
            0.05,
            "it goes on rising",
            gates=[learned],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    turns = range(len(measured.ceiling))
    return [
        Curves(
            name="forced_search",
            title="Questions with an answer, clean results",
            x_label="turns of search",
            y_label="right answers",
            x=list(turns),
            measured={"left to itself": measured.free, "made to go on": measured.forced},
            theory={"who reads without fault": list(measured.ceiling)},
        ),
        Curves(
            name="forced_search_side_by_side",
            title="Searches of two turns side by side, chosen among by evidence",
            x_label="turns of search, all together",
            y_label="right answers",
            x=[SHORT * (number + 1) for number in range(len(measured.law))],
            measured={"side by side": measured.beside, "one, made to go on": measured.forced[:, SHORT::SHORT]},
            theory={"who reads without fault, side by side": list(measured.law)},
        ),
    ]
