"""Decoding with a scripted model: known logits in, known tokens out."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from cells import Bigram, Recurrent

from alchemy.decoding import generate as decode
from alchemy.decoding.generate import FEW, draw, generate
from alchemy.errors import UserError
from alchemy.learning import tuning
from alchemy.problem.task import EOS, PAD
from models.transformer import Transformer

V = 8
one_pass = jax.jit(lambda model, params, tokens: model.apply(params, tokens), static_argnums=0)


def follow(*successors):
    """A model for each list of successors: after token i comes successors[i]."""
    return {"table": np.stack([10 * np.eye(V, dtype=np.float32)[list(successor_ids)] for successor_ids in successors])}


def prompts(*rows):
    width = max(map(len, rows))
    return np.array([[*row, *[PAD] * (width - len(row))] for row in rows], np.int32)[..., None]


COUNT = (2, 2, 3, 4, 5, 6, 7, EOS)  # 2 3 4 5 6 7 EOS; an empty prompt is followed by 2


def test_says_what_is_likeliest_until_the_end():
    """Prompts of any length, an empty one too; whatever follows EOS is PAD."""
    written = generate(Bigram(), follow(COUNT), prompts([2, 2, 5], [6], [], [7, 3]), max_new=9)
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
    assert generate(Bigram(), follow(COUNT), prompts([2]), max_new=3).tolist() == [[[3, 4, 5]]]
    full = generate(Bigram(context=5), follow(COUNT), prompts([2, 2]), max_new=3)
    assert full.tolist() == [[[3, 4, 5]]]


def test_seeds_keep_their_order():
    back = (7, 0, EOS, 2, 3, 4, 5, 6)
    written = generate(Bigram(), follow(COUNT, back, COUNT), prompts([4], [6]), max_new=2)
    assert written.tolist() == [[[5, 6], [7, EOS]], [[3, 2], [5, 4]], [[5, 6], [7, EOS]]]


@pytest.mark.parametrize("rows", [1, 16, 40, 4096])
def test_how_many_rows_at_once_does_not_matter(rows):
    rng = np.random.default_rng(0)
    prompt_ids = prompts(*(rng.integers(2, V, size=rng.integers(4)).tolist() for _ in range(50)))
    written = generate(Bigram(), follow(COUNT), prompt_ids, max_new=8, rows=rows)
    np.testing.assert_array_equal(written, generate(Bigram(), follow(COUNT), prompt_ids, max_new=8))
    for row, completion in zip(prompt_ids[..., 0], written[0], strict=True):
        token, expected = ([0, *row[row > 0].tolist()])[-1], []
        while token != EOS and len(expected) < 8:
            token = COUNT[token]
            expected.append(token)
        assert completion.tolist() == (expected + [PAD] * 8)[:8]


def test_a_written_token_has_one_id():
    """Prompt positions may carry two ids; what is written has further ids PAD, which add nothing."""
    prompt_ids = np.array([[[2, 3]], [[4, 0]]], np.int32)
    assert generate(Bigram(), follow(COUNT), prompt_ids, max_new=3).tolist() == [[[6, 7, EOS], [5, 6, 7]]]


LOGITS = np.array([-9, -9, 0.0, 1.0, 2.0, 0.5, -9, -9], np.float32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_temperature_draws_with_the_right_frequencies(temperature):
    """Pearson's statistic over 7 degrees of freedom: beyond 40 once in a million."""
    params = {"table": np.tile(LOGITS, (1, V, 1))}
    n, m = 500, 8
    written = generate(Bigram(), params, prompts(*[[2]] * n), max_new=m, temperature=temperature, seed=1)[0]
    first = written[:, 0]
    share = np.exp(LOGITS / temperature) / np.exp(LOGITS / temperature).sum()
    counts = np.bincount(first, minlength=V)
    likely = share * n > 1
    assert (((counts - n * share) ** 2 / (n * share))[likely]).sum() < 40
    assert len({tuple(row) for row in written.tolist()}) > n / 3, "rows and steps draw independently"
    over = np.cumsum(written == EOS, axis=1) - (written == EOS) > 0
    assert not written[over].any()


def test_sampling_follows_the_seed_and_differs_between_models():
    params = {"table": np.tile(LOGITS, (2, V, 1))}
    prompt_ids = prompts(*[[2]] * 64)
    first, again, other_seed = (
        generate(Bigram(), params, prompt_ids, max_new=8, temperature=1.0, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other_seed).any() and (first[0] != first[1]).any()


def test_a_cold_temperature_is_greedy():
    warm = generate(Bigram(), follow(COUNT), prompts([2], [5]), max_new=6, temperature=1e-3)
    np.testing.assert_array_equal(warm, generate(Bigram(), follow(COUNT), prompts([2], [5]), max_new=6))


def test_what_cannot_be_is_the_users_error():
    with pytest.raises(UserError, match="2 prompt and 4 new tokens do not fit a context of 5"):
        generate(Bigram(context=5), follow(COUNT), prompts([2, 2]), max_new=4)
    with pytest.raises(UserError, match="temperature -1"):
        generate(Bigram(), follow(COUNT), prompts([2]), max_new=4, temperature=-1.0)


def test_many_samples_of_one_prompt_are_independent():
    """Two equally likely successors: each row of samples has both, and rows do not repeat one another."""
    table = np.zeros((1, V, V), np.float32)
    table[:, 2, [3, 4]], table[:, [3, 4], EOS] = 20.0, 40.0
    written = draw(Bigram(), {"table": table}, prompts(*[[2]] * 40), samples=64, max_new=2).completions
    assert written.shape == (1, 40, 64, 2) and set(np.unique(written[..., 0])) == {3, 4}
    share = (written[0, :, :, 0] == 3).mean(axis=1)
    assert abs(share.mean() - 0.5) < 0.05 and 0.03 < share.std() < 0.12  # binomial: 0.0625
    assert len(np.unique(written[0, :, :, 0], axis=0)) == 40


def test_no_samples_are_the_users_error():
    with pytest.raises(UserError, match="samples"):
        draw(Bigram(), follow(COUNT), prompts([2]), samples=0, max_new=2)


def test_log_probabilities_are_those_of_what_was_written():
    """At temperature 1 whatever it was drawn at, the end included and nothing behind it."""
    rng = np.random.default_rng(0)
    table = {"table": rng.normal(size=(2, V, V)).astype(np.float32)}
    table["table"][..., PAD] = -1e9
    prompt_ids = prompts([2, 5], [3])
    for temperature in (0.0, 0.7):
        drawn = draw(Bigram(), table, prompt_ids, samples=3, max_new=5, temperature=temperature)
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
    together = draw(Bigram(), table, prompts(*rows), samples=1, max_new=6, temperature=0.0, rows=8)
    for place, row in enumerate(rows):
        alone = draw(Bigram(), table, prompts(row), samples=1, max_new=6, temperature=0.0)
        np.testing.assert_array_equal(together.completions[:, place], alone.completions[:, 0])
        np.testing.assert_allclose(together.logprob[:, place], alone.logprob[:, 0], rtol=1e-5)


def test_each_seed_answers_prompts_of_its_own():
    rng = np.random.default_rng(0)
    table = {"table": rng.normal(size=(2, V, V)).astype(np.float32)}
    own = np.stack([prompts([2, 5], [3], [4, 4, 6]), prompts([7, 7], [2, 3, 5], [6])])
    together = draw(Bigram(), table, own, samples=2, max_new=5, temperature=1.0, seed=3, seeds=(4, 9))
    for row, seed in enumerate((4, 9)):
        model = {"table": table["table"][row : row + 1]}
        alone = draw(Bigram(), model, own[row], samples=2, max_new=5, temperature=1.0, seed=3, seeds=(seed,))
        np.testing.assert_array_equal(together.completions[row], alone.completions[0])
    with pytest.raises(UserError, match="prompts for 3 models"):
        draw(Bigram(), table, np.stack([own[0]] * 3), samples=1, max_new=2)
    with pytest.raises(UserError, match="prompts for 2 models and 3 names, expected 2 of each"):
        draw(Bigram(), table, own, samples=1, max_new=2, seeds=(4, 9, 1))


def test_long_texts_of_many_rows_are_what_one_pass_says(monkeypatch):
    """The cache grows while they are written, and the last few rows are put together: neither changes what is read."""
    monkeypatch.setattr(tuning, "TINY", 0)
    monkeypatch.setattr(tuning, "BRIEF", 0)
    model = Transformer(vocabulary=V, width=16, layers=2, heads=2, context=64, scale=0.5)
    params = jax.jit(jax.vmap(model.init))(jax.random.split(jax.random.key(0), 2))
    prompt_ids = np.random.default_rng(0).integers(2, V, size=(40, 6, 1)).astype(np.int32)
    prompt_ids[::3, 4:] = PAD
    drawn = draw(model, params, prompt_ids, samples=4 * len(jax.devices()), max_new=56)
    count = (drawn.completions != PAD).sum(axis=3)
    assert 0 < np.mean(count >= 54) < 1 / FEW, "a few go on for long"
    ended = np.cumsum(drawn.completions == EOS, axis=3) - (drawn.completions == EOS) > 0
    np.testing.assert_array_equal(drawn.completions == PAD, ended | (np.arange(56) >= 56))
    for seed in range(2):
        rows, samples = np.indices(count.shape[1:]).reshape(2, -1)[:, ::5]
        texts, read = np.zeros((len(rows), 64), np.int32), (prompt_ids[rows, :, 0] != PAD).sum(axis=1)
        for line, prompt, text, size in zip(
            texts, prompt_ids[rows], drawn.completions[seed, rows, samples], read, strict=True
        ):
            line[:size], line[size : size + len(text)] = prompt[:size, 0], text
        logits = one_pass(model, jax.tree.map(lambda leaf, s=seed: leaf[s], params), texts[..., None])
        logits = np.where(np.arange(V) == PAD, -np.inf, logits)
        logs = np.take_along_axis(np.asarray(jax.nn.log_softmax(logits))[:, :-1], texts[:, 1:, None], axis=2)[..., 0]
        written = (np.arange(1, 64) >= read[:, None]) & (texts[:, 1:] != PAD)
        logprob = np.where(written, logs, 0).sum(axis=1)
        np.testing.assert_allclose(drawn.logprob[seed, rows, samples], logprob, rtol=0, atol=2e-3)


@pytest.mark.parametrize("brief", [True, False], ids=["brief", "long"])
@pytest.mark.parametrize("model", [Bigram(V), Recurrent(V)], ids=["bigram", "recurrent"])
def test_a_model_of_a_simple_cache_writes_what_one_pass_says(model, brief, monkeypatch):
    """A state, or nothing, in place of slots: greedy texts are the likeliest token after the other."""
    monkeypatch.setattr(tuning, "BRIEF", tuning.BRIEF * brief)
    params = jax.jit(jax.vmap(model.init))(jax.random.split(jax.random.key(0), 2))
    prompt_ids = prompts([2, 3, 4], [5], [6, 7], [3, 3, 2])
    drawn = draw(model, params, prompt_ids, samples=2, max_new=9, temperature=0.0).completions
    for seed, row in np.ndindex(2, 4):
        text = prompt_ids[row][prompt_ids[row] != PAD].tolist()
        for token in drawn[seed, row, 1]:
            if token != PAD:
                padded = np.pad(text, (0, 16 - len(text)))[None, :, None]
                logits = one_pass(model, jax.tree.map(lambda leaf, s=seed: leaf[s], params), padded)
                assert token == 1 + np.asarray(logits)[0, len(text) - 1, 1:].argmax()
                text.append(token)
    np.testing.assert_array_equal(drawn[:, :, 0], drawn[:, :, 1])


def test_padding_is_never_written():
    """Nor is any probability its own, however likely the model finds it."""
    table = np.zeros((1, V, V), np.float32)
    table[..., PAD], table[..., 3] = 50, 1
    drawn = draw(Bigram(), {"table": table}, prompts(*[[2]] * 32), samples=4, max_new=6)
    real = np.cumsum(drawn.completions == EOS, axis=3) - (drawn.completions == EOS) == 0
    assert (drawn.completions[real] != PAD).all() and len(np.unique(drawn.completions)) == V
    share = np.exp(np.where(drawn.completions == 3, 1, 0)) / (np.e + V - 2)
    np.testing.assert_allclose(drawn.logprob, np.where(real, np.log(share), 0).sum(axis=3), rtol=1e-5)


def test_how_many_are_written_at_once_changes_no_draw(monkeypatch):
    """Nor do the devices that share them, and what else is asked: random numbers are those of a problem and a sample."""
    model = Transformer(vocabulary=V, width=16, layers=1, heads=2, context=32, scale=0.5)
    params = jax.jit(jax.vmap(model.init))(jax.random.split(jax.random.key(0), 2))
    unit = tuning.WIDE * len(jax.local_devices())
    prompt_ids = np.random.default_rng(0).integers(2, V, size=(unit + 40, 6, 1)).astype(np.int32)
    prompt_ids[::3, 4:] = PAD
    how = dict(max_new=12, seed=5)
    at_once = draw(model, params, prompt_ids, samples=3, **how)
    parts = []
    in_parts = draw(model, params, prompt_ids, samples=3, rows=unit, progress=parts.append, **how)
    assert parts == [unit, unit + 40]
    np.testing.assert_array_equal(in_parts.completions, at_once.completions)
    np.testing.assert_array_equal(
        draw(model, params, prompt_ids[:9], samples=2, **how).completions, at_once.completions[:, :9, :2]
    )
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    np.testing.assert_array_equal(draw(model, params, prompt_ids, samples=3, **how).completions, at_once.completions)


def test_texts_that_are_much_to_remember_are_written_few_at_once(monkeypatch):
    """As many as the caches hold, of the prompt and of what is written; what is written does not change."""
    model = Transformer(vocabulary=V, width=16, layers=1, heads=2, context=24)
    params = jax.tree.map(lambda leaf: leaf[None], jax.jit(model.init)(jax.random.key(0)))
    prompt_ids = prompts(*[[2 + i % 5, 2 + i // 5 % 6] for i in range(100)])
    how = dict(samples=1, max_new=4, temperature=0.0)
    at_once, progress_calls = draw(model, params, prompt_ids, **how), []
    monkeypatch.setattr(tuning, "BRIEF", 0)
    monkeypatch.setattr(tuning, "KV_BYTES", 1)
    in_parts = draw(model, params, prompt_ids, **how, progress=progress_calls.append)
    unit = tuning.WIDE * len(jax.local_devices())
    assert progress_calls == [*range(unit, 100, unit), 100]
    np.testing.assert_array_equal(in_parts.completions, at_once.completions)


def test_brief_draws_of_a_model_share_a_program(monkeypatch):
    """Whatever their prompts, lengths and number; they say what programs of their own say, of models that are not tiny, too."""
    monkeypatch.setattr(tuning, "TINY", 0)
    model = Transformer(vocabulary=V, width=16, layers=1, heads=2, context=24)
    params = jax.tree.map(lambda leaf: leaf[None], jax.jit(model.init)(jax.random.key(1)))
    rng, made, runner = np.random.default_rng(0), set(), decode._runner

    def noted(*how):
        return lambda params, prompts, *rest: made.add((how, prompts.shape)) or runner(*how)(params, prompts, *rest)

    monkeypatch.setattr(decode, "_runner", noted)
    drawn = []
    for n, t, max_new in ((300, 3, 5), (20, 9, 12), (90, 6, 15)):
        prompt_ids = rng.integers(2, V, size=(n, t, 1)).astype(np.int32)
        drawn.append((prompt_ids, max_new, draw(model, params, prompt_ids, samples=2, max_new=max_new)))
    assert len(made) == 1, "one shape of prompts, and one program"
    monkeypatch.setattr(tuning, "BRIEF", 0)
    for prompt_ids, max_new, brief in drawn:
        alone = draw(model, params, prompt_ids, samples=2, max_new=max_new)
        np.testing.assert_array_equal(brief.completions, alone.completions)
        np.testing.assert_allclose(brief.logprob, alone.logprob, rtol=1e-4, atol=1e-4)
    assert len(made) == 4
