"""Strategies side by side on one trained model: what each gets right and what it spends.

Dimension letters: `s` seeds, `n` problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, get_type_hints

import numpy as np

from alchemy.decoding import forcing
from alchemy.decoding.ledger import Ledger
from alchemy.discover import find
from alchemy.errors import UserError, nearest
from alchemy.lab import thinking_verifiers
from alchemy.lab.lab import Lab
from alchemy.lab.search import search
from alchemy.lab.verifiers import fit, score_samples
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs, size
from alchemy.problem.task import PAD, Batch, Task
from alchemy.testtime.answers import Answers
from alchemy.testtime.bank import Bank, Reader
from alchemy.testtime.learned_verifier import Verifier, aggregated
from alchemy.testtime.rewards import LEAST, Kind, LearnedReward, OracleReward, Reward, ThinkingReward
from alchemy.testtime.simulated_verifiers import (
    exact,
    logprob,
    noisy,
    scored,
)
from alchemy.testtime.thinking_verifier import Format, ThinkingVerifier, mean_probability

CHECKER = TrainConfig(steps=300, batch=64, optimizer="muon", matrix_rate=0.01, learning_rate=3e-3)
"""How a verifier is trained, from the weights of the model whose answers it judges."""


@dataclass(frozen=True)
class Row:
    """One strategy at one budget."""

    strategy: str
    budget: int
    right: np.ndarray
    """Share of right answers of each seed, float (s,)."""
    bill: dict[str, float]
    """Means over seeds and problems, by the fields of `Ledger`."""


def strategy(text: str) -> Any:
    """A strategy from `NAME` or `NAME:dial=value,...`; raises `UserError` that names the nearest of what there is."""
    name, _, dials = text.partition(":")
    kind = find("strategy", name)
    types = get_type_hints(kind)
    hints = {one.name: types[one.name] for one in fields(kind)}
    given = {}
    for dial in filter(None, dials.split(",")):
        key, _, value = dial.partition("=")
        if key not in hints:
            raise UserError(f"strategy {name!r} has no dial {key!r}{nearest(key, hints)}")
        given[key] = _value(hints[key], value, f"{name}:{key}")
    return kind(**given)


def answers(texts: Sequence[str], budgets: Sequence[int]) -> int:
    """How many answers to each problem a bank needs for these strategies at these budgets."""
    return max(budgets) * max((getattr(strategy(text), "spare", 1) for text in texts), default=1)


def _value(hint: Any, value: str, name: str) -> Any:
    if hint is bool:
        if value not in ("true", "false"):
            raise UserError(f"{name} is {value!r}, expected true or false")
        return value == "true"
    try:
        return hint(value) if hint in (int, float) else value
    except ValueError:
        raise UserError(f"{name} is {value!r}, expected a number") from None


@dataclass(frozen=True)
class Comparison:
    """What the strategies of one comparison share."""

    lab: Lab
    runs: Runs
    task: Task
    problems: int
    samples: int
    """Answers in the bank, as `answers` counts them."""
    temperature: float = 1.0
    reward: Kind | Literal["learned", "thinking"] = "step"
    """What guides searches: the oracle, of steps or of outcomes, or a verifier learned from the model's answers, of the process
    or one that solves the problem before it compares."""
    noise: float = 0.0
    practice: int = 4000
    """Training problems whose answers a verifier learns from."""

    def rows(self, texts: Sequence[str], budgets: Sequence[int]) -> list[Row]:
        """Every strategy at every budget; a search is at a budget the one that has so many chains or tries."""
        strategies = {text: strategy(text) for text in texts}
        searches = {
            text: [self._sized(spender, budget, text) for budget in budgets]
            for text, spender in strategies.items()
            if hasattr(spender, "answer")
        }
        rows = []
        for text, spender in strategies.items():
            for place, budget in enumerate(budgets):
                if text in searches:
                    right, ledger = self._searched(searches[text][place])
                else:
                    right, ledger = (self._forced if hasattr(spender, "forcing") else self._replayed)(spender, budget)
                bill = {name: float(np.mean(values)) for name, values in ledger._asdict().items()}
                rows.append(Row(text, budget, right.mean(axis=1), bill))
        return rows

    @staticmethod
    def _sized(searcher: Any, budget: int, text: str) -> Any:
        try:
            return replace(searcher, n=budget)
        except UserError as error:
            raise UserError(f"{text} at a budget of {budget}: {error}") from None

    def _replayed(self, replayed: Any, budget: int) -> tuple[np.ndarray, Ledger]:
        return replayed.replay(self._bank, budget, np.random.default_rng(0))

    def _forced(self, forcer: Any, budget: int) -> tuple[np.ndarray, Ledger]:
        """One chain a problem; there is room for what is forced beyond the longest right one."""
        forced = forcer.forcing(self.task, budget)
        batch = self._problems
        room = int((batch.completions() != PAD).sum(axis=1).max(initial=1)) + 4 + 2 * budget
        drawn = self.lab.sample(
            self.runs, self.task, self.problems, 1, temperature=self.temperature, max_new=room, forced=forced
        )
        prompt_len = batch.prompt_len.reshape(drawn.completions.shape[:2])
        bill = forcing.bill(drawn.completions, prompt_len, size(self.runs.model))
        return drawn.verify().answer[:, :, 0].astype(float), bill

    @cached_property
    def _bank(self) -> Bank:
        samples, drawn = self.lab.bank(self.runs, self.task, self.problems, self.samples, temperature=self.temperature)
        bank = scored(drawn, exact=exact(drawn), logprob=logprob(drawn), noisy=noisy(drawn, 0, self.noise, 0.0))
        if self.reward == "learned":
            bank = scored(bank, learned=np.maximum(aggregated(score_samples(self.lab, self._verifier, samples)), LEAST))
            return bank._replace(readers={"learned": Reader(size(self._verifier.runs.model))})
        if self.reward == "thinking":
            said = thinking_verifiers.check_samples(self.lab, self._thinker, samples)
            bank = scored(bank, thinking=np.maximum(mean_probability(said.weighed.marks), LEAST))
            return bank._replace(readers={"thinking": Reader(size(self._thinker.runs.model), said.tokens)})
        return bank

    @cached_property
    def _verifier(self) -> Verifier:
        return fit(self.lab, self.runs, CHECKER, kind="process", problems=self.practice)

    @cached_property
    def _thinker(self) -> ThinkingVerifier:
        return thinking_verifiers.fit(self.lab, self.runs, CHECKER, form=Format("own"), problems=self.practice)

    def _searched(self, searcher: Any) -> tuple[np.ndarray, Ledger]:
        batch, seeds = self._problems, range(len(self.runs.seeds))
        reward: Reward | list[Reward]
        if self.reward == "learned":
            reward = [LearnedReward(self._verifier, row, self.task, batch) for row in seeds]
        elif self.reward == "thinking":
            reward = [ThinkingReward(self._thinker, row, self.task, batch) for row in seeds]
        else:
            reward = OracleReward(self.task, batch, self.reward, self.noise)
        answered = search(self.lab, self.runs, self.task, batch, searcher, reward, temperature=self.temperature)
        return Answers(self.task, batch, answered.completions).values("answer"), answered.ledger

    @cached_property
    def _problems(self) -> Batch:
        """Those that the bank's answers are to, too."""
        return self.lab.held_out(self.task, self.problems, self.runs.seeds)
