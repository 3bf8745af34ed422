"""Walks through permutations, and texts that show earlier steps or hide them, read anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from experiments.theory import mask_or_reset
from experiments.theory.mask_or_reset import SMALL, Arm, lines, walked, walks, written
from tasks.stars.spec import NAMES, TAILS

CONFIG = replace(SMALL, test=12, train=TrainConfig(steps=4, batch=64))


def words(text):
    """A text int32 (t, 2) as words, of which those at one position are joined."""
    symbols = CONFIG.task.vocabulary.symbols
    return ["".join(symbols[token] for token in place if token) for place in text]


@pytest.mark.parametrize("length", [1, 2, 5, 6])
def test_walks_end_where_they_meet_the_other_node_or_come_back(length):
    problems = walks(np.random.default_rng(length), 300, 12, length)
    assert (np.sort(problems.onward, axis=1) == np.arange(12)).all()
    for onward, (start, other), steps, meets in zip(*problems, strict=True):
        node, seen = start, []
        while not seen or node not in (start, other):
            node = onward[node]
            seen.append(node)
        assert seen == list(steps) and len(seen) == length and (node == other) == meets
    assert 0.35 < problems.meets.mean() < 0.65


@pytest.mark.parametrize(
    ("shown", "behind_edges"),
    [
        ("all", "Q <think> 1 2 3"),
        ("hidden", "Q <think> <blank> <blank> 3"),
        ("unplaced", "1<blank> 2<blank> Q <think> 3"),
        ("last", "Q <think> 3"),
    ],
)
def test_what_is_shown_of_earlier_steps(shown, behind_edges):
    problems = walks(np.random.default_rng(0), 20, 12, 4)
    texts = written(CONFIG, shown, np.random.default_rng(1), problems, problems.ids(CONFIG)[:, :3])
    for text, onward, asked, steps in zip(texts, *problems[:3], strict=True):
        read = words(text)
        edges = {TAILS.index(edge[0]): NAMES.index(edge[1]) for edge in read[:12]}
        assert edges == dict(enumerate(onward))
        names = {"Q": " ".join(NAMES[node] for node in asked), **{str(k + 1): NAMES[steps[k]] for k in range(3)}}
        expected = behind_edges
        for word, name in names.items():
            expected = expected.replace(word, name)
        assert read[12:] == expected.split()


def test_lines_ask_for_every_step_of_every_walk_alike():
    """Of walks of one to three steps there are nine steps and ends; each is what the permutation says."""
    data = lines(CONFIG, Arm("all", "rotary"), 0)
    counts = dict.fromkeys(range(4), 0)
    for text, weight, target in zip(data.tokens, data.weight, data.target, strict=True):
        [place] = np.flatnonzero(weight)
        read, says = words(text[:place]), CONFIG.task.vocabulary.symbols[target[place]]
        onward = {TAILS.index(edge[0]): NAMES.index(edge[1]) for edge in read[:12]}
        start, other = (NAMES.index(word) for word in read[12:14])
        steps = [NAMES.index(word) for word in read[15:]]
        counts[len(steps)] += 1
        node = steps[-1] if steps else start
        if steps and node in (start, other):
            assert says == ("<answer>" if node == other else "<blank>")
        else:
            assert NAMES.index(says) == onward[node]
    assert [round(counts[k] / len(data.tokens) * 9) for k in range(4)] == [3, 3, 2, 1]


def test_a_walk_is_right_if_every_step_and_its_end_are(tmp_path, monkeypatch):
    """Whoever looks up each step is right; whoever says one wrong end is not, in that walk."""
    lab = Lab(tmp_path, Progress(quiet=True))

    def look_up(_lab, _runs, texts, places, _label):
        said = np.zeros(texts.shape[:2], np.int32)
        for seed, row in np.ndindex(said.shape):
            read = words(texts[seed, row])
            onward = {edge[0].lower(): edge[1] for edge in read[:12]}
            behind = read[read.index("<think>") + 1 :]
            start, other = read[read.index("<think>") - 2 : read.index("<think>")]
            end = "<answer>" if behind and behind[-1] == other else "<blank>" if behind and behind[-1] == start else ""
            word = end or onward[behind[-1] if behind else start]
            said[seed, row] = CONFIG.task.vocabulary.index["<answer>" if end and row == 3 else word]
        return said[..., None]

    class Two:
        seeds = (0, 1)

    monkeypatch.setattr(mask_or_reset, "said", look_up)
    for shown in ("all", "hidden", "unplaced", "last"):
        right = walked(CONFIG, lab, Two(), shown, 5)
        wrong = ~np.stack([walks(mask_or_reset.stream("tested walks", 0, seed, 5), 12, 12, 5).meets for seed in (0, 1)])
        assert (right == ~(wrong & (np.arange(12) == 3))).all()
