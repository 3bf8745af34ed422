"""Trained on questions of up to three relations, agents look up none of four, though they would only have to search once more.

Source       arXiv:2501.14342 (chains of searches that go on as long as the budget lets them), 2503.09516 (agents that search as often as
             they need): neither parts depth from training; the exact ceiling is ours
Prediction   Results are exact, so that k searches answer a question of k relations, and twelve may be made. Agents that are right in all
             questions of one to three relations are right in at most .15 of those of four and of five, where a guess is right in .06,
             and have found the answer in at most .05 of them. Made to go on for all twelve searches they are right in at most .15
             of those of four, too: it is not that they stop too early.
Refuted if   One of these bounds is missed in most seeds.
Controls     The exact ceiling at every depth is 1. Questions of three relations, asked in the same way with as many searches. Whether the answer
             was found is read off what agents were told, so that reading is parted from searching. The models are those of
             `more_searches` for exact results. An agent counts if it is right in .95 of other questions of three relations.
Run          alchemy reproduce deeper_questions --preset small      # three minutes on 2 CPU cores; its models are those of more_searches
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_most
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from experiments.world import agents, more_searches
from experiments.world.agents import Worlds
from experiments.world.whole_episodes import played
from tasks.search import laws
from tasks.search.judge import searches
from tasks.search.write import truth

CLAIM = Claim(
    sentence="Trained on questions of up to three relations, agents look up none of four, though one search more is all it takes.",
    source="arXiv:2501.14342 and 2503.09516, which do not part depth from training; the exact ceiling is ours",
    prediction="exact results, twelve searches: of four and of five relations .15 right at most and .05 found, made to go on or not",
    refuted_if="more are right, or found, or right when agents are made to go on",
    question="Where does reasoning stop?",
    among="agents that answer questions of three relations",
)
BEYOND = 2
"""Numbers of relations above the largest that training has."""


@dataclass(frozen=True)
class Config:
    """Agents of `more_searches` for exact results."""

    seeds: int = 5
    """Replicates, each with weights, training worlds and questions of its own."""
    test: int = 600
    """Held-out questions of each seed and number of relations; a quarter is for gates."""
    worlds: Worlds = replace(more_searches.SMALL.worlds, brief=more_searches.SMALL.exact)

    @property
    def depths(self) -> tuple[int, ...]:
        """Numbers of relations that are asked for."""
        most = max(self.worlds.hops)
        return tuple(range(most, most + BEYOND + 1))


def _of(config: more_searches.Config) -> Config:
    return Config(config.seeds, config.test // 2, replace(config.worlds, brief=config.exact))


PRESETS = {name: _of(config) for name, config in more_searches.PRESETS.items()}


@dataclass(frozen=True)
class Measured:
    """By number of relations, from the largest trained one on."""

    depths: tuple[int, ...]
    free: np.ndarray
    """Right answers after 0, 1, ... searches, float (s, k, b + 1)."""
    forced: np.ndarray
    """Of agents that are made to go on."""
    found: np.ndarray
    """Questions whose answer agents were told behind due searches, left to themselves, float (s, k)."""
    trained: np.ndarray
    """Right answers to other questions of the largest trained number: for gates, float (s,)."""
    ceiling: np.ndarray
    """Float (k, b + 1)."""


def run(config: Config, lab: Lab) -> Measured:
    worlds, most, (gate, judged) = config.worlds, max(config.worlds.few), gate_split(config.test)
    runs = agents.trained(worlds, lab, "exact", False, config.seeds)
    free, forced, found, ceiling = [], [], [], []
    trained = np.zeros(0)
    for hops in config.depths:
        task = replace(worlds.task("exact", False), hops=(hops,))
        said = played(lab, runs, task, config.test, most, f"{hops} relations")
        made = played(lab, runs, task, config.test, most, f"{hops} relations, made to go on", goes_on=True)
        true = truth(task, said.batch.problem).reshape(said.made.shape)
        right = said.answers == (true + task.first_entity)[:, :, None]
        if hops == max(worlds.hops):
            trained = right[:, gate, -1].mean(axis=1)
        free.append(right[:, judged].mean(axis=1))
        forced.append((made.answers == (true + task.first_entity)[:, :, None])[:, judged].mean(axis=1))
        reached = searches(task, said.batch.problem, said.completions(said.made)).found.reshape(*true.shape, -1)
        found.append(np.take_along_axis(reached, true[:, :, None].astype(int), axis=2)[:, judged, 0].mean(axis=1))
        ceiling.append([laws.ceiling(task, hops, budget) for budget in range(most + 1)])
    stacked = (np.stack(values, axis=1) for values in (free, forced, found))
    return Measured(config.depths, *stacked, trained, np.array(ceiling))


def check(measured: Measured) -> list[Check]:
    largest, *beyond = measured.depths
    learned = Gate(
        f"{largest} relations: right", measured.trained, 0.95, inf, "it searches as often as training has it"
    )
    guess = "a guess is right in .06"
    return [
        *(
            at_most(f"{hops} relations: right", measured.free[:, at, -1], 0.15, guess, gates=[learned])
            for at, hops in enumerate(beyond, 1)
        ),
        *(
            at_most(f"{hops} relations: found", measured.found[:, at], 0.05, "told by chance", gates=[learned])
            for at, hops in enumerate(beyond, 1)
        ),
        at_most(
            f"{beyond[0]} relations, made to go on: right", measured.forced[:, 1, -1], 0.15, guess, gates=[learned]
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    turns = range(measured.ceiling.shape[1])
    rows = list(enumerate(measured.depths))
    return [
        Curves(
            name="deeper_questions",
            title=f"Trained on up to {measured.depths[0]} relations, results exact",
            x_label="searches",
            y_label="right answers",
            x=list(turns),
            measured={
                **{f"{hops} relations": measured.free[:, at] for at, hops in rows},
                f"{measured.depths[1]} relations, made to go on": measured.forced[:, 1],
            },
            theory={f"the best there is, {hops} relations": list(measured.ceiling[at]) for at, hops in rows},
        )
    ]
