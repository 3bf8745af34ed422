"""Tree search, tree by tree in plain Python: the same random numbers give the same answers and the same bills."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np
import pytest
from test_searches import CUT, RIGHT, WRONG, Scripted

from alchemy.decoding.sampler import Branches
from alchemy.problem.task import EOS, PAD
from alchemy.strategies.mcts import Mcts
from alchemy.strategies.tree import Question

N, CHECKER = 40, 7


def further(rng, cuts, most):
    """What is written behind a text: right or wrong tokens, a cut or the end behind each; one of them or all to the end."""
    new = []
    while len(new) + 2 <= most:
        new += [RIGHT if rng.random() < 0.6 else WRONG, EOS if rng.random() < 0.3 else CUT]
        if new[-1] == EOS or cuts:
            break
    return new


def worth(text):
    """A reward of any text: its share of right tokens, less for the long."""
    return (text.count(RIGHT) + 0.5) / (len(text) + 1)


@dataclass
class Wandering(Scripted):
    """Each problem has a stream of its own."""

    def __post_init__(self):
        self.streams = [np.random.default_rng([9, row]) for row in range(N)]

    def write(self, branches, cuts, most):
        n, w, m = branches.tokens.shape
        tokens = np.pad(branches.tokens, ((0, 0), (0, 0), (0, most)))
        for i, j in np.argwhere(~branches.ended):
            length = int((tokens[i, j] != PAD).sum())
            new = further(self.streams[i], cuts, most)
            tokens[i, j, length : length + len(new)] = new
        longest = int((tokens != PAD).sum(axis=2).max())
        return Branches(tokens[..., : max(m, longest)], np.zeros((n, w)), branches.ended | (tokens == EOS).any(axis=2))


@dataclass
class Worth:
    parameters: int = CHECKER
    thinking: float = 0.0
    readings: int = 1
    writing: float = 0.0
    end_below: float = -inf

    def score(self, branches):
        return np.array([[worth(text[text != PAD].tolist()) for text in row] for row in branches.tokens])


@dataclass
class Node:
    text: list
    parent: Node | None = None
    ended: bool = False
    own: float = 0.0
    visits: int = 0
    total: float = 0.0

    def __post_init__(self):
        self.children = []


class Tree:
    """One problem's search."""

    def __init__(self, search, room, prompt, rng):
        self.search, self.room, self.prompt, self.rng = search, room, prompt, rng
        self.best, self.answer = -inf, []
        self.written = self.depth = self.calls = self.checked = 0

    def write(self, text, cuts, most):
        new = further(self.rng, cuts, most)
        self.written, self.depth = self.written + len(new), self.depth + len(new)
        return text + new

    def score(self, text):
        self.calls, self.checked = self.calls + 1, self.checked + self.prompt + len(text)
        return worth(text)

    def offer(self, text, value):
        if text[-1:] == [EOS] and len(text) <= self.room and value > self.best:
            self.best, self.answer = value, text

    def bound(self, child):
        return child.total / child.visits + self.search.explore * sqrt(log(child.parent.visits) / child.visits)

    def grow(self, root):
        node = root
        while len(node.children) >= self.search.width and not node.ended:
            node = max(node.children, key=self.bound)
        whole, value = node.text, node.own
        if not node.ended:
            step = self.write(node.text, (CUT,), 2)
            whole = self.write(step, (), self.room) if self.search.value == "rollout" and step[-1] != EOS else step
            value = self.score(whole)
            ended = step[-1] == EOS or len(step) >= self.room
            node.children.append(Node(step, node, ended, value))
            node = node.children[-1]
        while node:
            node.visits, node.total, node = node.visits + 1, node.total + value, node.parent
        self.offer(whole, value)

    def run(self):
        root = Node([])
        for _ in range(self.search.n):
            self.grow(root)
        node = root
        while node.children:
            node = max(node.children, key=lambda child: child.visits)
        whole = node.text if node.ended else self.write(node.text, (), self.room)
        value = self.score(whole)
        self.offer(whole, value)
        return self


@pytest.mark.parametrize("room", [3, 6, 12])
@pytest.mark.parametrize(
    "search",
    [
        Mcts(1, 1),
        Mcts(9, 1, value="step"),
        Mcts(14, 2),
        Mcts(14, 2, explore=2.0, value="step"),
        Mcts(20, 3, explore=0.0),
        Mcts(30, 3, value="step"),
    ],
    ids=str,
)
def test_all_trees_are_those_of_each_problem(search, room):
    prompts = np.full((N, 3, 1), 6, np.int32)
    prompts[::2, 2] = PAD
    answered = search.answer(Wandering(), Worth(), Question(prompts, (CUT,), 2, room, np.arange(N)))
    for row in range(N):
        prompt = 3 - (row % 2 == 0)
        tree = Tree(search, room, prompt, np.random.default_rng([9, row])).run()
        assert answered.completions[row].tolist() == tree.answer + [PAD] * (room - len(tree.answer))
        bill = {name: values[row] for name, values in answered.ledger._asdict().items()}
        flops = 2 * (10 * (prompt + tree.written) + CHECKER * tree.checked)
        expected = {"prompt": prompt, "written": tree.written, "checked": tree.checked, "calls": tree.calls}
        nothing = dict.fromkeys(bill, 0.0)
        assert bill == {**nothing, **expected, "depth": tree.depth, "flops": flops}
