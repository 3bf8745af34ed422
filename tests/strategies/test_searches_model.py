"""Searches with a real model: where it has nothing to choose, each search writes what plain decoding writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

import jax
import numpy as np
import pytest
from test_searches import Perfect, every_search

from alchemy.decoding.generate import generate
from alchemy.decoding.sampler import ModelSampler
from alchemy.learning.model import Params
from alchemy.problem.task import EOS, PAD
from alchemy.strategies.tree import Question
from models.transformer import Transformer

V, ROOM = 8, 12
MODEL = Transformer(vocabulary=V, width=16, layers=1, heads=2, context=96, scale=0.6)
PROMPTS = np.random.default_rng(1).integers(3, V, size=(24, 5, 1)).astype(np.int32)
PROMPTS[::3, 4] = PAD
QUESTION = Question(PROMPTS, (3, 4), longest_step=ROOM, room=ROOM, numbers=np.arange(24))


@cache
def params() -> Params:
    """Random weights, made by the first test that asks and not by every process that lists the tests."""
    return jax.jit(MODEL.init)(jax.random.key(2))


@dataclass
class Counted(ModelSampler):
    """How many tokens the model has really been given, prompts apart."""

    def __post_init__(self):
        super().__post_init__()
        self.seen = Counter()

    def write(self, branches, cuts, most):
        after = super().write(branches, cuts, most)
        self.seen["written"] += int((after.length - branches.length).sum())
        return after


@pytest.fixture(scope="module")
def greedy():
    """What the likeliest token after the other makes of each prompt."""
    stacked = jax.tree.map(lambda leaf: leaf[None], params())
    return generate(MODEL, stacked, PROMPTS, max_new=ROOM)[0]


@every_search
def test_without_chance_a_search_writes_what_decoding_writes(search, greedy):
    completions = search.answer(ModelSampler(MODEL, params(), temperature=0.0), Perfect(), QUESTION).completions
    finished = (greedy == EOS).any(axis=1)
    assert finished.sum() >= 4, "some chains end within the room"
    completions = np.pad(completions, ((0, 0), (0, ROOM)))[:, :ROOM]
    np.testing.assert_array_equal(completions[finished], greedy[finished])


@every_search
def test_the_bill_is_what_the_model_was_given(search):
    sampler = Counted(MODEL, params(), temperature=1.0, key=jax.random.key(3))
    bill = search.answer(sampler, Perfect(), QUESTION).ledger
    assert bill.written.sum() == sampler.seen["written"] > 0
    assert bill.prompt.sum() == (PROMPTS != PAD).sum()
    assert (bill.depth <= bill.written).all()
