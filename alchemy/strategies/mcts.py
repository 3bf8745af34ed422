"""Monte-Carlo tree search over steps: UCT, whose values come from a step reward or from roll-outs to the end.

Every problem has a tree of its own; all trees grow by one step at a time, side by side, and no node's text is read twice.
Dimension letters: `n` problems, `k` nodes of a tree, `m` tokens of a completion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from alchemy.decoding.sampler import Branches, Sampler
from alchemy.errors import UserError, nearest
from alchemy.problem.task import EOS
from alchemy.strategies.tree import Answered, Bill, Question
from alchemy.testtime.rewards import Reward

Value = Literal["step", "rollout"]
VALUES: tuple[Value, ...] = ("step", "rollout")
TEXTS = 64
"""Steps on a pile that take about as much memory as is good for one row that is written."""


@dataclass(frozen=True)
class Mcts:
    """`n` steps are tried; a node has at most `width` children."""

    n: int = 32
    width: int = 4
    explore: float = 0.5
    """The weight of exploration (nodes visited rarely), in units of the reward."""
    value: Value = "rollout"
    """A new step is worth the reward of its own text, or of the chain that one roll-out makes of it."""

    def __post_init__(self) -> None:
        for name in ("n", "width"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.value not in VALUES:
            raise UserError(f"value {self.value!r} is unknown{nearest(self.value, VALUES)}")

    @property
    def rows(self) -> int:
        return -(-self.n // TEXTS)

    def answer(self, sampler: Sampler, reward: Reward, question: Question) -> Answered:
        bill = Bill(sampler, reward, question)
        pile = bill.pile(question, self.n + 1)
        trees = _Trees(len(question.prompts), self.n, question.room)
        for _ in range(self.n):
            node = trees.select(self.width, self.explore)
            before = sampler.pick(pile, node[:, None])
            step = bill.write(before, question.step_delimiters, question.longest_step)
            whole = step if self.value == "step" else bill.write(step, (), question.room)
            new = whole.length > before.length
            value = np.where(new, bill.score(whole, new), trees.value_of(node)[:, None])[:, 0]
            over = step.length >= question.room  # it has reached the longest text
            if self.value == "step":
                over = over | bill.given_up(value)[:, None]
            step = step._replace(ended=step.ended | over)
            pile = sampler.put(pile, trees.add(node, step, value, fresh=new[:, 0]), step)
            trees.offer(whole, value)
        last = sampler.pick(pile, trees.most_visited()[:, None])
        whole = bill.write(last, (), question.room)
        trees.offer(whole, bill.score(whole)[:, 0])
        return Answered(trees.answers(), bill.ledger())


class _Trees:
    """The trees of `n` problems; node 0 is the empty text."""

    def __init__(self, n: int, size: int, room: int):
        self.parent = np.full((n, size + 1), -1)
        self.visits, self.total, self.own = np.zeros((3, n, size + 1))
        self.ended = np.zeros((n, size + 1), bool)
        self.used = np.ones(n, int)
        self.rows = np.arange(n)
        self.best_text, self.best_value = np.zeros((n, room), np.int32), np.full(n, -np.inf)

    def value_of(self, node: np.ndarray) -> np.ndarray:
        return self.own[self.rows, node]

    def select(self, width: int, explore: float) -> np.ndarray:
        """The node reached from the root by the highest upper confidence bound: one with room for a child, or a leaf: int (n,)."""
        node = np.zeros(len(self.rows), int)
        while True:
            children = self.parent == node[:, None]
            down = (children.sum(axis=1) >= width) & ~self.ended[self.rows, node]
            if not down.any():
                return node
            visits = np.maximum(self.visits, 1)
            above = np.maximum(self.visits[self.rows, node], 1)[:, None]
            bound = self.total / visits + explore * np.sqrt(np.log(above) / visits)
            node = np.where(down, np.where(children, bound, -np.inf).argmax(axis=1), node)

    def add(self, node: np.ndarray, step: Branches, value: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        """A child of each node where the text is `fresh`; the value goes up to the root. The child's number int (n,), or -1."""
        rows, place = self.rows[fresh], self.used[fresh]
        self.parent[rows, place] = node[fresh]
        self.ended[rows, place] = step.ended[fresh, 0]
        self.own[rows, place] = value[fresh]
        number, ancestor = np.where(fresh, self.used, -1), np.where(fresh, self.used, node)
        self.used[fresh] += 1
        while (ancestor >= 0).any():
            alive = ancestor >= 0
            self.visits[self.rows[alive], ancestor[alive]] += 1
            self.total[self.rows[alive], ancestor[alive]] += value[alive]
            ancestor = np.where(alive, self.parent[self.rows, ancestor], -1)
        return number

    def offer(self, whole: Branches, value: np.ndarray) -> None:
        """Chains that become the answer if they are finished, fit, and have a higher value than the best so far."""
        fits = (whole.tokens[:, 0] == EOS).any(axis=1) & (whole.length[:, 0] <= self.best_text.shape[1])
        better = fits & (value > self.best_value)
        text = whole.tokens[better, 0, : self.best_text.shape[1]]
        self.best_text[better] = 0
        self.best_text[better, : text.shape[1]] = text
        self.best_value[better] = value[better]

    def most_visited(self) -> np.ndarray:
        """The node reached from the root along the most visited children: int (n,)."""
        node = np.zeros(len(self.rows), int)
        while True:
            children = self.parent == node[:, None]
            down = children.any(axis=1)
            if not down.any():
                return node
            visits = np.where(children, self.visits, -1)
            node = np.where(down, visits.argmax(axis=1), node)

    def answers(self) -> np.ndarray:
        return self.best_text
