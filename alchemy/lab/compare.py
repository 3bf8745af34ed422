"""Strategies side by side on one trained model: what each gets right and what it spends.

Dimension letters: `s` seeds, `n` problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from itertools import product
from typing import Any, Literal, get_type_hints

import numpy as np

from alchemy.decoding import forcing
from alchemy.decoding.ledger import Ledger
from alchemy.discover import find
from alchemy.errors import UserError, nearest
from alchemy.lab import pair_verifiers, thinking_verifiers, written_verdicts
from alchemy.lab.costs import Cost, cost
from alchemy.lab.lab import Lab
from alchemy.lab.search import search
from alchemy.lab.verifiers import fit, score_samples
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs, size
from alchemy.problem.task import PAD, Batch, Task
from alchemy.strategies.tournament import Tournament
from alchemy.testtime.answers import Answers, Samples
from alchemy.testtime.bank import Bank, Reader, check_no_world
from alchemy.testtime.judging import Judging
from alchemy.testtime.learned_verifier import Verifier, aggregated
from alchemy.testtime.pair_verifier import PairVerifier
from alchemy.testtime.rewards import LEAST, Kind, LearnedReward, OracleReward, Reward, ThinkingReward, WrittenReward
from alchemy.testtime.simulated_verifiers import (
    exact,
    logprob,
    noisy,
    scored,
)
from alchemy.testtime.thinking_verifier import SPARE, Combine, Format, ThinkingVerifier, combined

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
    reward: Kind | Literal["learned", "thinking", "written"] = "step"
    """What guides searches: the oracle, of steps or of outcomes, or a verifier learned from the model's answers, of the process
    or one that solves the problem before it compares. One whose verdicts are written is asked of whole answers alone."""
    noise: float = 0.0
    practice: int = 4000
    """Training problems whose answers a verifier learns from."""
    checks: int = 1
    """Thoughts of a verifier that thinks about each problem, or checks of each answer: the likeliest one, or several, sampled."""
    combine: Combine = "mean"
    """How what it says after several becomes one score."""
    stop: bool = False
    """End branches of searches that the reward holds for wrong, and written checks where the verifier does so."""

    def __post_init__(self) -> None:
        check_no_world(self.task)
        if self.checks < 1:
            raise UserError(f"checks must be at least 1, not {self.checks}")
        if self.checks > 1 and self.reward not in ("thinking", "written"):
            raise UserError(
                f"{self.checks} checks by the reward {self.reward!r}, which does not think: expected 'thinking' or 'written'"
            )

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

    def costs(self, texts: Sequence[str], budgets: Sequence[int]) -> list[Cost]:
        """What every strategy at every budget would make, with a lab that only looks; what two of them share is the first one's."""
        found: list[Cost] = []
        for text, budget in product(texts, budgets):
            wanted = cost(f"{text} at {budget}", partial(self.rows, [text], [budget]), budget)
            shared = bool(wanted.paths) and wanted.paths in [other.paths for other in found]
            found.append(Cost(wanted.what, shared=True) if shared else wanted)
        return found

    @staticmethod
    def _sized(searcher: Any, budget: int, text: str) -> Any:
        try:
            return replace(searcher, n=budget)
        except UserError as error:
            raise UserError(f"{text} at a budget of {budget}: {error}") from None

    def _replayed(self, replayed: Any, budget: int) -> tuple[np.ndarray, Ledger]:
        compares = isinstance(replayed, Tournament) and self.reward == replayed.score == "thinking"
        return replayed.replay(self._compared if compares else self._bank, budget, np.random.default_rng(0))

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
    def _drawn(self) -> tuple[Samples, Bank]:
        return self.lab.bank(self.runs, self.task, self.problems, self.samples, temperature=self.temperature)

    @cached_property
    def _bank(self) -> Bank:
        samples, drawn = self._drawn
        bank = scored(drawn, exact=exact(drawn), logprob=logprob(drawn), noisy=noisy(drawn, 0, self.noise, 0.0))
        if self.reward == "learned":
            bank = scored(bank, learned=np.maximum(aggregated(score_samples(self.lab, self._verifier, samples)), LEAST))
            return bank._replace(readers={"learned": Reader(size(self._verifier.runs.model))})
        if self.reward == "thinking":
            read = None
            if self.stop:
                stopped, tokens = thinking_verifiers.check_until_wrong(
                    self.lab, self._thinker, samples, **self._checked
                )
                marks, read = stopped.marks, stopped.read.sum(axis=3)
            else:
                said = thinking_verifiers.check_samples(self.lab, self._thinker, samples, **self._checked)
                marks, tokens = said.weighed.marks, said.tokens
            bank = scored(bank, thinking=np.maximum(combined(marks, self.combine), LEAST))
            return bank._replace(
                readers={"thinking": Reader(size(self._thinker.runs.model), tokens, self.checks, read)}
            )
        if self.reward == "written":
            how = {"checks": self.checks, "temperature": self._checked["temperature"]}
            verdicts = written_verdicts.ask(self.lab, self._writer, samples, **how)
            return scored(bank, written=verdicts.good)._replace(readers={"written": verdicts.reader(self._writer)})
        return bank

    @property
    def _checked(self) -> dict[str, Any]:
        """How a verifier that thinks is asked."""
        return {"thoughts": self.checks, "temperature": 0.0 if self.checks == 1 else 1.0}

    @cached_property
    def _compared(self) -> Bank:
        """The bank with what a verifier says of pairs of answers, in place of scores."""
        samples = self._drawn[0]
        said = pair_verifiers.compare_samples(self.lab, self._pair_verifier, samples, **self._checked)
        better = said.better if self.combine == "mean" else said.better > 0.5
        reader = Reader(size(self._pair_verifier.runs.model), said.tokens, self.checks)
        pairs = {"thinking": better.mean(axis=4, dtype=np.float32)}
        return self._drawn[1]._replace(pairs=pairs, readers={"thinking": reader})

    @cached_property
    def _verifier(self) -> Verifier:
        return fit(self.lab, self.runs, CHECKER, kind="process", problems=self.practice)

    @cached_property
    def _thinker(self) -> ThinkingVerifier:
        return thinking_verifiers.fit(self.lab, self.runs, CHECKER, form=Format("own"), problems=self.practice)

    @cached_property
    def _pair_verifier(self) -> PairVerifier:
        return pair_verifiers.fit(self.lab, self.runs, CHECKER, form=Format("own"), problems=self.practice)

    @cached_property
    def _writer(self) -> Runs:
        """Models that write verdicts, from the weights of those whose answers they judge."""
        judging, own = Judging(self.runs.task), self.runs.model
        model = replace(own, context=max(own.context, judging.max_len + SPARE))
        label = "train verifier that writes its verdicts"
        return self.lab.train(model, judging, CHECKER, seeds=self.runs.seeds, start=self.runs, label=label)

    def _searched(self, searcher: Any) -> tuple[np.ndarray, Ledger]:
        batch, seeds = self._problems, range(len(self.runs.seeds))
        reward: Reward | list[Reward]
        if self.reward == "written":
            if self.checks > 1:
                raise UserError(f"{self.checks} checks of each answer by what guides a search; expected 1")
            reward = [WrittenReward(self._writer, row, batch) for row in seeds]
        elif self.reward == "learned":
            reward = [LearnedReward(self._verifier, row, self.task, batch, stop=self.stop) for row in seeds]
        elif self.reward == "thinking":
            how = {**self._checked, "combine": self.combine, "stop": self.stop}
            reward = [ThinkingReward(self._thinker, row, self.task, batch, **how) for row in seeds]
        else:
            reward = OracleReward(self.task, batch, self.reward, self.noise, stop=self.stop)
        answered = search(self.lab, self.runs, self.task, batch, searcher, reward, temperature=self.temperature)
        return Answers(self.task, batch, answered.completions).values("answer"), answered.ledger

    @cached_property
    def _problems(self) -> Batch:
        """Those that the bank's answers are to, too."""
        return self.lab.held_out(self.task, self.problems, self.runs.seeds)
