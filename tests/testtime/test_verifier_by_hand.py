"""Verdicts of a verifier that can be worked out in the head, read in several batches, and how many are read at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.learning import machine, tuning
from alchemy.learning.model import Cache
from alchemy.problem.task import EOS, PAD
from alchemy.testtime.answers import Samples
from alchemy.testtime.learned_verifier import WIDTH, aggregated, batch_size, by_step, labelled, lines, log_odds
from tasks.symbols import Symbols

S, N, K, M = 2, 5, 2, WIDTH + 4
rng = np.random.default_rng(0)
WEIGHTS = {"good": rng.integers(9, size=(S, 9)).astype(np.float32), "bad": rng.integers(9, size=(S, 9)) + 0.5}


@dataclass(frozen=True)
class Adding:
    """Good has the weight of the last token and the sum of all ids that were read; bad has another weight of the token."""

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        return Cache(jnp.zeros((n, 1), dtype), jnp.int32(0), jnp.zeros(n, jnp.int32))

    def extend(self, params: Any, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        read = cache.memory + jnp.cumsum(tokens.sum(axis=2), axis=1)
        good, bad = (params[name][tokens[..., 0]] for name in ("good", "bad"))
        logits = jnp.stack([jnp.full_like(read, 99), good + read, bad], axis=2)
        return logits[:, -1:] if last else logits, cache._replace(memory=read[:, -1:])


def texts() -> tuple[np.ndarray, np.ndarray]:
    """Prompts (s, n, t, c) of other lengths, in no order, and completions of which few are longer than a width."""
    prompts = rng.integers(2, 9, (S, N, 6, 2)).astype(np.int32)
    completions = rng.integers(2, 9, (S, N, K, M)).astype(np.int32)
    for row, length in enumerate((4, 6, 1, 5, 3)):
        prompts[:, row, length:] = PAD
        completions[:, row, :, M if length == 6 else WIDTH - 3 :] = PAD
    completions[0, 2, 1, 3:5] = EOS
    return prompts, completions


def by_hand(prompts: np.ndarray, completions: np.ndarray) -> np.ndarray:
    """Log-odds behind each token up to the first end, nan behind it."""
    odds = np.full(completions.shape, np.nan)
    for seed, row, sample in np.ndindex(S, N, K):
        total = prompts[seed, row].sum()
        for place, token in enumerate(completions[seed, row, sample]):
            if token == PAD:
                break
            total += token
            odds[seed, row, sample, place] = WEIGHTS["good"][seed, token] + total - WEIGHTS["bad"][seed, token]
            if token == EOS:
                break
    return odds


class Kept(dict):
    """Pieces that are kept in memory."""

    load, keep = dict.get, dict.__setitem__


def test_verdicts_are_those_worked_out_one_by_one_whatever_is_read_at_once():
    prompts, completions = texts()
    expected, kept, done = by_hand(prompts, completions), Kept(), []
    said = ~np.isnan(expected)
    for how in ({}, {"rows": 4, "pieces": kept, "progress": done.append}):
        odds = log_odds(Adding(), WEIGHTS, prompts, completions, **how)
        assert odds.dtype == np.float32
        np.testing.assert_array_equal(odds[said], expected[said])
    assert done == [1, 2, 3] and list(kept) == [f"0-2-{WIDTH}", f"2-2-{WIDTH}", f"4-2-{M}"]
    assert not odds[:, [0, 2, 3, 4], :, WIDTH:].any(), "nothing is read behind the longest"
    log_odds(Adding(), WEIGHTS, prompts, completions, progress=done.append)
    assert done[3:] == [1, 2], "two devices share four of the five, if nothing else is asked for"
    shared = log_odds(Adding(), WEIGHTS, prompts[0], completions)
    both = by_hand(np.stack([prompts[0]] * S), completions)
    np.testing.assert_array_equal(shared[said], both[said])


def test_what_is_in_the_pieces_is_not_read_again():
    prompts, completions = texts()
    kept = Kept()
    first = log_odds(Adding(), WEIGHTS, prompts, completions, rows=4, pieces=kept)
    name = f"2-2-{WIDTH}"
    kept[name] = (kept[name][0] + 1,)
    again = log_odds(Adding(), WEIGHTS, prompts, completions, rows=4, pieces=kept)
    moved = np.flatnonzero((again != first).any(axis=(0, 2, 3)))
    assert moved.tolist() == [0, 3], "those of the middle lengths"
    np.testing.assert_array_equal(again[:, moved, :, :WIDTH], first[:, moved, :, :WIDTH] + 1)


@pytest.mark.parametrize(
    ("n", "k", "m", "rows", "size"),
    [
        (10, 3, 5, 0, 4),  # 60 tokens are 12 completions
        (3, 3, 5, 0, 2),  # no more than there are
        (10, 3, 5, 20, 6),
        (10, 3, 5, 2, 2),  # one on each device
        (100, 1, 1, 0, 60),
        (100, 1, 0, 0, 60),
    ],
)
def test_how_many_problems_are_read_at_once(n, k, m, rows, size, monkeypatch):
    """By two devices, each of which reads thirty tokens."""
    monkeypatch.setattr(tuning, "scored_tokens", lambda: 30)
    monkeypatch.setattr(machine, "devices", lambda: [0, 1])
    assert batch_size(n, k, m, rows) == size
    assert rows or batch_size(n, k, m) == size


def test_where_nothing_is_due_there_is_one_step_without_a_verdict():
    assert np.isnan(by_step(np.ones((2, 3)), np.zeros((2, 3), bool))).tolist() == [[True], [True]]


def test_verdicts_of_steps_stand_side_by_side_whatever_axes_there_are():
    odds = np.arange(24, dtype=float).reshape(2, 3, 4)
    due = np.array([[[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]], [[1, 1, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0]]], bool)
    steps = by_step(odds, due)
    assert steps.shape == (2, 3, 3) and steps.dtype == np.float32
    expected = [[[1, 3], [4], []], [[12, 13, 14], [19], [22]]]
    for own, values in zip(steps.reshape(6, 3), [values for rows in expected for values in rows], strict=True):
        np.testing.assert_array_equal(own, values + [np.nan] * (3 - len(values)))
    assert by_step(odds, np.zeros_like(due)).shape == (2, 3, 1)
    for how, of in {
        "last": lambda values: values[-1],
        "min": min,
        "product": lambda values: sum(-np.log1p(np.exp(-value)) for value in values),
        "mean": lambda values: np.mean([1 / (1 + np.exp(-value)) for value in values]),
    }.items():
        scores = aggregated(steps - 12, how)
        assert scores.shape == (2, 3)
        for score, values in zip(scores.ravel(), [values for rows in expected for values in rows], strict=True):
            assert score == pytest.approx(of([value - 12.0 for value in values]) if values else -np.inf, rel=1e-5)


def test_lines_have_the_ids_of_their_prompts():
    task = Symbols(length=(2,), alphabet="ABCD")
    batch = task.sample(np.random.default_rng(0), 3)
    whole = lines(batch, batch.completions())
    assert whole.shape[2] == batch.tokens.shape[2] == 1
    np.testing.assert_array_equal(whole[:, : batch.tokens.shape[1]], batch.tokens)
    taught = labelled(Samples(task, batch, batch.completions()[None, :, None]), "outcome")
    assert taught.tokens.shape == (3, whole.shape[1] + 1, 1) and taught.weight.sum(axis=1).tolist() == [1, 1, 1]
    assert (taught.target[taught.weight] == len(task.vocabulary)).all(), "gold lines are good"
    np.testing.assert_array_equal(taught.tokens[:, :-1], whole)
