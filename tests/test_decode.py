"""Decoding with a scripted model: known logits in, known tokens out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.decoding.generate import (
    BUCKET,
    FEW,
    draw,
    generate,
)
from alchemy.errors import UserError
from alchemy.learning import machine as device
from alchemy.learning.model import Cache
from alchemy.problem.task import EOS, PAD
from models.layers import at
from models.transformer import Transformer

V = 8
one_pass = jax.jit(lambda model, params, tokens: model.apply(params, tokens), static_argnums=0)


@dataclass(frozen=True)
class Scripted:
    """The logits after a token are the row of a table (v, v) that the sum of its ids names; it remembers nothing."""

    context: int = 32

    def apply(self, params: Any, tokens: jax.Array, key: jax.Array | None = None) -> jax.Array:
        return params["table"][tokens.sum(axis=2) % V].astype(jnp.float32)

    def init_cache(self, n: int, length: int, dtype: Any = jnp.float32) -> Cache:
        return Cache((), jnp.zeros(n, jnp.int32))

    def ready(self, params: Any) -> Any:
        return params

    def extend(self, params: Any, cache: Cache, tokens: jax.Array, last: bool = False) -> tuple[jax.Array, Cache]:
        read = (tokens[..., 0] != PAD).sum(axis=1, dtype=jnp.int32)
        logits = self.apply(params, tokens)
        return at(logits, jnp.maximum(read - 1, 0)) if last else logits, Cache((), cache.length + read)

    def branch(self, cache: Cache, samples: int, length: int) -> Cache:
        return Cache((), jnp.repeat(cache.length, samples))

    def grow(self, cache: Cache, length: int) -> Cache:
        return cache

    def apart(self, cache: Cache, rows: jax.Array) -> Cache:
        return Cache((), cache.length[rows])


def follow(*successors):
    """A model for each list of successors: after token i comes successors[i]."""
    return {"table": np.stack([10 * np.eye(V, dtype=np.float32)[list(one)] for one in successors])}


def prompts(*rows):
    width = max(map(len, rows))
    return np.array([[*row, *[PAD] * (width - len(row))] for row in rows], np.int32)[..., None]


COUNT = (2, 0, 3, 4, 5, 6, 7, EOS)  # 2 3 4 5 6 7 EOS; an empty prompt is followed by 2


def test_says_what_is_likeliest_until_the_end():
    """Prompts of any length, an empty one too; whatever follows EOS is PAD."""
    written = generate(Scripted(), follow(COUNT), prompts([2, 2, 5], [6], [], [7, 3]), max_new=9)
    assert written.dtype == np.int32
    assert written.tolist() == [
        [
            [6, 7, EOS, 0, 0, 0, 0, 0, 0],
            [7, EOS, 0, 0, 0, 0, 0, 0, 0],
            [2, 3, 4, 5, 6, 7, EOS, 0, 0],
            [4, 5, 6, 7, EOS, 0, 0, 0, 0],
        ]
    ]


def test_stops_at_the_budget():
    assert generate(Scripted(), follow(COUNT), prompts([2]), max_new=3).tolist() == [[[3, 4, 5]]]
    full = generate(Scripted(context=5), follow(COUNT), prompts([2, 2]), max_new=3)
    assert full.tolist() == [[[3, 4, 5]]]


def test_seeds_keep_their_order():
    back = (7, 0, EOS, 2, 3, 4, 5, 6)
    written = generate(Scripted(), follow(COUNT, back, COUNT), prompts([4], [6]), max_new=2)
    assert written.tolist() == [[[5, 6], [7, EOS]], [[3, 2], [5, 4]], [[5, 6], [7, EOS]]]


@pytest.mark.parametrize("rows", [1, 16, 40, 4096])
def test_how_many_rows_at_once_does_not_matter(rows):
    rng = np.random.default_rng(0)
    asked = prompts(*(rng.integers(2, V, size=rng.integers(4)).tolist() for _ in range(50)))
    written = generate(Scripted(), follow(COUNT), asked, max_new=8, rows=rows)
    np.testing.assert_array_equal(written, generate(Scripted(), follow(COUNT), asked, max_new=8))
    for row, said in zip(asked[..., 0], written[0], strict=True):
        token, expected = ([0, *row[row > 0].tolist()])[-1], []
        while token != EOS and len(expected) < 8:
            token = COUNT[token]
            expected.append(token)
        assert said.tolist() == (expected + [PAD] * 8)[:8]


def test_a_written_token_has_one_id():
    """Prompt positions may carry two ids; what is written has further ids PAD, which add nothing."""
    asked = np.array([[[2, 3]], [[4, 0]]], np.int32)
    assert generate(Scripted(), follow(COUNT), asked, max_new=3).tolist() == [[[6, 7, EOS], [5, 6, 7]]]


LOGITS = np.array([-9, -9, 0.0, 1.0, 2.0, 0.5, -9, -9], np.float32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_temperature_draws_with_the_right_frequencies(temperature):
    """Pearson's statistic over 7 degrees of freedom: beyond 40 once in a million."""
    params = {"table": np.tile(LOGITS, (1, V, 1))}
    n, m = 500, 8
    written = generate(Scripted(), params, prompts(*[[2]] * n), max_new=m, temperature=temperature, seed=1)[0]
    first = written[:, 0]
    share = np.exp(LOGITS / temperature) / np.exp(LOGITS / temperature).sum()
    found = np.bincount(first, minlength=V)
    likely = share * n > 1
    assert (((found - n * share) ** 2 / (n * share))[likely]).sum() < 40
    assert len({tuple(row) for row in written.tolist()}) > n / 3, "rows and steps draw independently"
    over = np.cumsum(written == EOS, axis=1) - (written == EOS) > 0
    assert not written[over].any()


def test_sampling_follows_the_seed_and_differs_between_models():
    params = {"table": np.tile(LOGITS, (2, V, 1))}
    asked = prompts(*[[2]] * 64)
    one, two, other = (generate(Scripted(), params, asked, max_new=8, temperature=1.0, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any() and (one[0] != one[1]).any()


def test_a_cold_temperature_is_greedy():
    warm = generate(Scripted(), follow(COUNT), prompts([2], [5]), max_new=6, temperature=1e-3)
    np.testing.assert_array_equal(warm, generate(Scripted(), follow(COUNT), prompts([2], [5]), max_new=6))


def test_what_cannot_be_is_the_users_error():
    with pytest.raises(UserError, match="2 prompt and 4 new tokens do not fit a context of 5"):
        generate(Scripted(context=5), follow(COUNT), prompts([2, 2]), max_new=4)
    with pytest.raises(UserError, match="temperature -1"):
        generate(Scripted(), follow(COUNT), prompts([2]), max_new=4, temperature=-1.0)


def test_many_samples_of_one_prompt_are_independent():
    """Two equally likely successors: each row of samples has both, and rows do not repeat one another."""
    table = np.zeros((1, V, V), np.float32)
    table[:, 2, [3, 4]], table[:, [3, 4], EOS] = 20.0, 40.0
    written = draw(Scripted(), {"table": table}, prompts(*[[2]] * 40), samples=64, max_new=2).completions
    assert written.shape == (1, 40, 64, 2) and set(np.unique(written[..., 0])) == {3, 4}
    share = (written[0, :, :, 0] == 3).mean(axis=1)
    assert abs(share.mean() - 0.5) < 0.05 and 0.03 < share.std() < 0.12  # binomial: 0.0625
    assert len(np.unique(written[0, :, :, 0], axis=0)) == 40


def test_no_samples_are_the_users_error():
    with pytest.raises(UserError, match="samples"):
        draw(Scripted(), follow(COUNT), prompts([2]), samples=0, max_new=2)


def test_log_probabilities_are_those_of_what_was_written():
    """At temperature 1 whatever it was drawn at, the end included and nothing behind it."""
    rng = np.random.default_rng(0)
    table = {"table": rng.normal(size=(2, V, V)).astype(np.float32)}
    table["table"][..., PAD] = -1e9
    asked = prompts([2, 5], [3])
    for temperature in (0.0, 0.7):
        drawn = draw(Scripted(), table, asked, samples=3, max_new=5, temperature=temperature)
        logs = table["table"] - np.log(np.exp(table["table"]).sum(axis=-1, keepdims=True))
        for s, i, k in np.ndindex(2, 2, 3):
            before, total = (5, 3)[i], 0.0
            for token in drawn.completions[s, i, k]:
                total += logs[s, before, token] if token else 0.0
                before = token
            assert drawn.logprob[s, i, k] == pytest.approx(total, abs=1e-4)


def test_prompts_are_answered_in_their_own_place_whatever_their_length():
    """Rows are drawn by length and put back: greedy answers are those of each prompt alone."""
    rng = np.random.default_rng(0)
    table = {"table": rng.normal(size=(1, V, V)).astype(np.float32)}
    table["table"][..., PAD] = -1e9
    rows = [[2 + int(token) for token in rng.integers(0, 6, length)] for length in rng.permutation([1, 2, 3, 4] * 5)]
    together = draw(Scripted(), table, prompts(*rows), samples=1, max_new=6, temperature=0.0, rows=8)
    for place, row in enumerate(rows):
        alone = draw(Scripted(), table, prompts(row), samples=1, max_new=6, temperature=0.0)
        np.testing.assert_array_equal(together.completions[:, place], alone.completions[:, 0])
        np.testing.assert_allclose(together.logprob[:, place], alone.logprob[:, 0], rtol=1e-5)


def test_each_seed_answers_prompts_of_its_own():
    rng = np.random.default_rng(0)
    table = {"table": rng.normal(size=(2, V, V)).astype(np.float32)}
    own = np.stack([prompts([2, 5], [3], [4, 4, 6]), prompts([7, 7], [2, 3, 5], [6])])
    together = draw(Scripted(), table, own, samples=2, max_new=5, temperature=1.0, seed=3, seeds=(4, 9))
    for row, seed in enumerate((4, 9)):
        model = {"table": table["table"][row : row + 1]}
        alone = draw(Scripted(), model, own[row], samples=2, max_new=5, temperature=1.0, seed=3, seeds=(seed,))
        np.testing.assert_array_equal(together.completions[row], alone.completions[0])
    with pytest.raises(UserError, match="prompts for 3 models"):
        draw(Scripted(), table, np.stack([own[0]] * 3), samples=1, max_new=2)


def test_long_texts_of_many_rows_are_what_one_pass_says():
    """The cache grows while they are written, and the last few rows are put together: neither changes what is read."""
    model = Transformer(vocabulary=V, width=16, layers=2, heads=2, context=64, scale=0.5)
    params = jax.vmap(model.init)(jax.random.split(jax.random.key(0), 2))
    asked = np.random.default_rng(0).integers(2, V, size=(40, 6, 1)).astype(np.int32)
    asked[::3, 4:] = PAD
    drawn = draw(model, params, asked, samples=4 * len(jax.devices()), max_new=56)
    count = (drawn.completions != PAD).sum(axis=3)
    assert 0 < np.mean(count >= 54) < 1 / FEW, "a few go on for long"
    ended = np.cumsum(drawn.completions == EOS, axis=3) > 0
    clean = ((drawn.completions != PAD) | ended).all(
        axis=3
    )  # padding is drawn, too, where nobody has trained the model
    assert clean.mean() > 0.2 and (clean & (count > 32)).any()
    for seed in range(2):
        rows, samples = np.nonzero(clean[seed])
        whole, read = np.zeros((len(rows), 64), np.int32), (asked[rows, :, 0] != PAD).sum(axis=1)
        for line, prompt, text, size in zip(
            whole, asked[rows], drawn.completions[seed, rows, samples], read, strict=True
        ):
            line[:size], line[size : size + len(text)] = prompt[:size, 0], text
        logits = one_pass(model, jax.tree.map(lambda leaf, s=seed: leaf[s], params), whole[..., None])
        logs = np.take_along_axis(np.asarray(jax.nn.log_softmax(logits))[:, :-1], whole[:, 1:, None], axis=2)[..., 0]
        written = (np.arange(1, 64) >= read[:, None]) & (whole[:, 1:] != PAD)
        np.testing.assert_allclose(drawn.logprob[seed, rows, samples], (logs * written).sum(axis=1), rtol=0, atol=2e-3)


def test_texts_that_are_much_to_remember_are_written_few_at_once(monkeypatch):
    """As many as the caches hold, of the prompt and of what is written; what is written does not change."""
    model = Transformer(vocabulary=V, width=16, layers=1, heads=2, context=24)
    params = jax.tree.map(lambda leaf: leaf[None], model.init(jax.random.key(0)))
    asked = prompts(*[[2 + i % 5, 2 + i // 5] for i in range(40)])
    how = dict(samples=1, max_new=4, temperature=0.0)
    whole, seen = draw(model, params, asked, **how), []
    monkeypatch.setattr(device, "REMEMBERED", 1)
    few = draw(model, params, asked, **how, progress=seen.append)
    unit = BUCKET * len(jax.local_devices())
    assert seen == [*range(unit, 40, unit), 40]
    np.testing.assert_array_equal(few.completions, whole.completions)
