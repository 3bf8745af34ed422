"""Who searches: agents that imitate the best searcher, and what they say at each budget.

Dimension letters: `s` seeds, `n` questions of each, `t` turns, `k` numbers of hops, `b` budgets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from alchemy.decoding.episodes import play
from alchemy.lab.journal import EXAMINED
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.task import PAD, Batch
from alchemy.record import fingerprint, plain
from alchemy.testtime.answers import Samples
from models.transformer import Transformer
from tasks.search import Search, laws
from tasks.search.write import completions, truth

Regime = Literal["exact", "tagged", "votes"]
REGIMES: tuple[Regime, ...] = get_args(Regime)


@dataclass(frozen=True)
class Worlds:
    """Worlds, what agents are trained on there, and how."""

    entities: int = 16
    hops: tuple[int, ...] = (1, 2, 3)
    reliability: float = 0.7
    """Of results that are not exact."""
    price: float = 0.003
    """Of a search, for who is imitated where results have no tags: at no price the best never stops, and is imitated worse."""
    budgets: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 12)
    """Searches, as many texts of each: long ones are no rarer than short ones."""
    few: tuple[int, ...] = (1, 2, 3, 4, 6)
    """The same where results are exact or have tags."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=80)
    train: TrainConfig = TrainConfig(steps=1000, batch=64, optimizer="muon")
    brief: TrainConfig = TrainConfig(steps=500, batch=64, optimizer="muon")
    """Where results are exact or have tags, and there is less to learn."""

    def task(self, regime: Regime, announced: bool) -> Search:
        """The questions of a regime, with the budget in the prompt or without."""
        noisy = regime != "exact"
        return Search(
            entities=self.entities,
            hops=self.hops,
            budgets=self.budgets if regime == "votes" else self.few,
            announced=announced,
            reliability=self.reliability if noisy else 1.0,
            tags=regime != "votes",
            price=self.price if regime == "votes" else 0.0,
        )


@dataclass(frozen=True)
class Answered:
    """Held-out questions of each seed, answered after each number of searches."""

    hops: np.ndarray
    """Int (s, n)."""
    right: np.ndarray
    """Bool (s, n, b)."""
    made: np.ndarray
    """Searches made within each budget, int (s, n, b)."""
    known: np.ndarray
    """How likely the likeliest answer is by what they were told within each budget, float (s, n, b): who reads best is right so
    often."""

    def part(self, questions: slice) -> Answered:
        """Some of each seed's questions."""
        return Answered(*(values[:, questions] for values in (self.hops, self.right, self.made, self.known)))

    def accuracy(self, hops: tuple[int, ...]) -> np.ndarray:
        """By number of hops, float (s, k, b)."""
        return by_hops(self.hops, self.right, hops)


def by_hops(of: np.ndarray, values: np.ndarray, hops: tuple[int, ...]) -> np.ndarray:
    """Means of values (s, n, ...) over the questions of each number of hops, float (s, k, ...)."""
    means = [[values[seed][of[seed] == k].mean(axis=0) for k in hops] for seed in range(len(of))]
    return np.array(means)


def trained(worlds: Worlds, lab: Lab, regime: Regime, announced: bool, seeds: int) -> Runs:
    """Agents that imitate the best searcher of a regime, which knows the budget or does not."""
    name = f"train, {regime}, budget {'known' if announced else 'hidden'}"
    train = worlds.train if regime == "votes" else worlds.brief
    return lab.train(worlds.model, worlds.task(regime, announced), train, seeds=seeds, label=name)


def answered(lab: Lab, runs: Runs, task: Search, budgets: tuple[int, ...], n: int, label: str) -> Answered:
    """`n` held-out questions for each seed, at each budget. Where the budget is told they are asked with each; otherwise
    one episode says what the answer is after each number of searches."""
    knows = task.announced or task.tracked
    asked = [replace(task, budgets=(budget,)) for budget in budgets] if knows else [task]
    batches, shape, turns = [lab.held_out(some, n, runs.seeds) for some in asked], (len(runs.seeds), n), max(budgets)

    def side_by_side(arrays: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([array.reshape(*shape, *array.shape[1:]) for array in arrays], axis=1)

    prompts = side_by_side([batch.prompts() for batch in batches])
    worlds = [task.episodes(batch.problem) for batch in batches]
    episodes = {name: side_by_side([world[name] for world in worlds]) for name in worlds[0]}
    own = {"task": plain(task), "budgets": budgets, "n": n, "tests": lab.tests, "split": plain(lab.split)}
    names = [
        fingerprint({**own, "model": name, "seed": seed}) for name, seed in zip(runs.names, runs.seeds, strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params, mine = rows_of(runs.trained.params, rows), {name: array[rows] for name, array in episodes.items()}
        played = play(runs.model, params, prompts[rows], task.environment, mine, turns=turns)
        texts = played.turns.reshape(*played.turns.shape[:2], -1)
        return {"whole episodes": np.concatenate([played.answers, played.made[:, :, None], texts], axis=2)}

    tokens = prompts.shape[1] * (prompts.shape[2] + (task.turn + 1) * turns)
    width = turns + 2 + turns * task.turn
    kept = lab.keep("whole episodes", runs.model, names, (prompts.shape[1], width), tokens, make, label)
    kept = kept.reshape(shape[0], len(asked), n, width)
    at_budget = [kept[:, at % len(asked)] for at in range(len(budgets))]
    answers = np.stack([rows[:, :, budget] for rows, budget in zip(at_budget, budgets, strict=True)], axis=2)
    made = [np.minimum(rows[:, :, turns + 1], budget) for rows, budget in zip(at_budget, budgets, strict=True)]
    show(lab, runs, task, batches[-1], at_budget[-1], answers[:, :, -1], made[-1])
    problem = batches[0].problem
    known = [
        laws.posterior(task, problem, written(rows[:, :, turns + 2 :].reshape(-1, turns, task.turn), searches.ravel()))
        for rows, searches in zip(at_budget, made, strict=True)
    ]
    right = answers == (truth(task, problem).reshape(shape) + task.first_entity)[:, :, None]
    return Answered(
        (problem["path"] >= 0).sum(axis=1).reshape(shape),
        right,
        np.stack(made, axis=2),
        np.stack([likely.max(axis=1).reshape(shape) for likely in known], axis=2),
    )


def show(
    lab: Lab, runs: Runs, task: Search, batch: Batch, kept: np.ndarray, answers: np.ndarray, made: np.ndarray
) -> None:
    """Put some episodes of the largest budget into the journal, of what was kept int32 (s, n, ...)."""
    few, most = kept[:, :EXAMINED], (kept.shape[2] - 2) // (task.turn + 1)
    rows = np.arange(len(batch.tokens)).reshape(kept.shape[:2])[:, :EXAMINED].ravel()
    shown = batch.rows(rows)
    turns = written(few[:, :, most + 2 :].reshape(-1, most, task.turn), made[:, :EXAMINED].ravel())
    texts = completions(turns, task, answers[:, :EXAMINED].ravel() - task.first_entity)
    whole = shown._replace(problem={**shown.problem, "budget": np.full(len(rows), most, np.int8)})
    samples = Samples(task, whole, texts.reshape(*few.shape[:2], 1, -1))
    lab.journal.add_test(runs.task, samples, 0.0)


def written(turns: np.ndarray, made: np.ndarray) -> np.ndarray:
    """The first `made` int (n,) of turns int32 (n, t, w), padding behind them."""
    return np.where(np.arange(turns.shape[1])[:, None] < made[:, None, None], turns, PAD)


def ceiling(task: Search) -> np.ndarray:
    """The best accuracy of who knows the budget, float (k, b)."""
    return np.array([[laws.ceiling(task, hops, budget) for budget in task.budgets] for hops in task.hops])


def unaware(task: Search) -> np.ndarray:
    """What the best searcher is right in that does not know the budget, results having no tags, float (k, b)."""
    best = laws.best_unaware(task.entities, task.reliability, max(task.hops), task.budgets, task.price)
    return best.value[list(task.hops)][:, list(task.budgets)]
