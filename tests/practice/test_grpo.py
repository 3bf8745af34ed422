"""Policy gradients against what is known of them: gradients by hand, and bandits whose optimum is a formula."""

from __future__ import annotations

from functools import partial
from itertools import count

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cells import Bigram
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from alchemy.decoding.generate import draw
from alchemy.errors import UserError
from alchemy.learning import checkpoint
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import mesh_of
from alchemy.practice.grpo import EPSILON, GRPO, advantages, reinforce, reward
from alchemy.practice.policy import Policy, Written, scorer
from alchemy.problem.task import PAD, Batch

ARM, OTHER, ASKED, V = 5, 4, 3, 8
MODEL = Bigram(V)
REWARDS = np.zeros(V)
REWARDS[[ARM, OTHER]] = 1, 0.4


def ask(seed, step, n):
    tokens = np.full((n, 1, 1), ASKED, np.int32)
    return Batch(tokens, np.ones(n, np.int32), np.zeros((n, 1), np.int8), {})


def pull(batch, completions):
    return REWARDS[completions[:, 0]]


def start(seeds=2):
    """Every arm alike, but for padding, which is never pulled."""
    return {"table": np.zeros((seeds, V, V), np.float32)}


def bandit(how, seeds=(3, 8), init=None, **options):
    init = init or start(len(seeds))
    return reinforce(MODEL, init, how, seeds=seeds, ask=partial(ask, n=how.problems), rewarded=pull, room=1, **options)


def shares(table, temperature=1.0):
    """What is drawn behind a token with these logits (..., v)."""
    logits = np.array(table, float) / temperature
    logits[..., PAD] = -np.inf
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=4, max_size=4), min_size=1, max_size=5))
def test_advantages(rewards):
    rewards = np.array(rewards)
    for row, scaled, plain in zip(rewards, advantages(rewards), advantages(rewards, scale=False), strict=True):
        mean = sum(row) / 4
        spread = (sum((value - mean) ** 2 for value in row) / 4) ** 0.5
        np.testing.assert_allclose(plain, [value - mean for value in row])
        np.testing.assert_allclose(scaled, [(value - mean) / (spread + EPSILON) for value in row])
    of_seeds = np.stack([rewards, rewards[::-1]])
    np.testing.assert_array_equal(advantages(of_seeds)[1], advantages(rewards)[::-1])


def test_scores_are_those_of_drawing_at_a_temperature(model, task, temperature=0.6):
    """Of a transformer, against one plain pass over the texts, without padding among what can be drawn."""
    tokens = task.sample(np.random.default_rng(0), 8).tokens
    params = jax.vmap(model.init)(jax.random.split(jax.random.key(0), 2))
    score = scorer(model, temperature, 2, mesh_of(2, 8))
    logprob, entropy = score(params, np.stack([tokens, tokens[::-1]]))
    for seed, texts in enumerate((tokens, tokens[::-1])):
        of_seed = jax.tree.map(lambda leaf, seed=seed: leaf[seed], params)
        expected = shares(model.apply(of_seed, jnp.asarray(texts)), temperature)
        drawn = np.take_along_axis(expected[:, :-1], texts[:, 1:], axis=2)[..., 0]
        real = texts[:, 3:, 0] != PAD
        np.testing.assert_allclose(logprob[seed][:, 3:][real], np.log(drawn[:, 2:][real]), atol=2e-4)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = -np.nansum(expected * np.log(expected), axis=2)[:, 2:-1]
        np.testing.assert_allclose(entropy[seed][:, 3:], spread, atol=2e-4)
        assert not logprob[seed][:, :3].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.7]), st.sampled_from([0.0, 0.5]))
def test_gradient_by_hand(seed, temperature, kl):
    """Derivatives of clipped ratios and of the divergence, token by token."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(V, V))
    tokens = rng.integers(1, V, size=(5, 4, 1)).astype(np.int32)
    weight = (rng.random((5, 4)) < 0.8) * rng.random((5, 4))
    gain, before, reference = rng.normal(size=5), rng.normal(-2, 0.6, (5, 4)), rng.normal(-2, 0.6, (5, 4))
    loss, expected = 0.0, np.zeros((V, V))
    for row, place in np.ndindex(5, 4):
        if not place:
            continue
        last, said = tokens[row, place - 1, 0], tokens[row, place, 0]
        share = shares(table[last], temperature)
        ratio, apart = share[said] / np.exp(before[row, place]), reference[row, place] - np.log(share[said])
        held = (gain[row] > 0 and ratio > 1.2) or (gain[row] < 0 and ratio < 0.8)
        cut = min(max(ratio, 0.8), 1.2)
        loss += weight[row, place] * (kl * (np.exp(apart) - apart - 1) - (cut if held else ratio) * gain[row])
        slope = weight[row, place] * (kl * (1 - np.exp(apart)) - (0 if held else ratio * gain[row]))
        expected[last] += slope * (np.eye(V)[said] - share) / temperature
    policy = Policy(MODEL, temperature, clip=0.2, kl=kl)
    numbers = (jnp.asarray(value, jnp.float32) for value in (weight, gain, before, reference))
    written = Written(jnp.asarray(tokens), *numbers)
    value, gradient = jax.value_and_grad(policy.loss)({"table": jnp.asarray(table, jnp.float32)}, written, None)
    np.testing.assert_allclose(value, loss, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gradient["table"], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("updates", "scale"), [(1, True), (4, False)])
def test_the_best_arm_of_a_bandit_is_found(updates, scale):
    """On policy, and off it."""
    how = GRPO(steps=60, problems=8, group=16, updates=updates, learning_rate=0.2, scale=scale)
    made = bandit(how)
    best = shares(made.trained.params["table"][:, ASKED])[:, ARM]
    assert (best > 0.95).all()
    assert (made.log.reward[:, -1] > 0.95).all()
    assert (made.log.entropy[:, -1] < 0.3).all()


def test_the_leash_ends_at_its_optimum():
    """The gradient of k3 over a policy's own texts is that of KL(first || policy): where it balances the rewards is a formula.

    A group of g counts each text in its own mean, which takes 1 / g off rewards.
    """
    how = GRPO(steps=200, problems=16, group=16, learning_rate=0.1, kl=0.5, scale=False)
    first = start()
    first["table"][1, ASKED] = np.random.default_rng(0).normal(size=V)
    made = bandit(how, init=first)
    for row in range(2):
        begun = shares(first["table"][row, ASKED])
        rewards = REWARDS * (1 - 1 / how.group)

        def shares_at(level, begun=begun, rewards=rewards):
            return how.kl * begun / (level - rewards)

        level = brentq(lambda level: shares_at(level).sum() - 1, rewards.max() + 1e-6, 10)
        np.testing.assert_allclose(shares(made.trained.params["table"][row, ASKED]), shares_at(level), atol=0.02)


def test_what_is_logged():
    """Of the first step: nothing was learned yet."""
    how = GRPO(steps=1, problems=8, group=4, temperature=0.5)
    first = {"table": np.random.default_rng(0).normal(size=(2, V, V)).astype(np.float32)}
    log = bandit(how, init=first).log
    drawn = shares(first["table"][:, ASKED], 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nansum(drawn * np.log(drawn), axis=1)
    np.testing.assert_allclose(log.entropy[:, 0], entropy, rtol=1e-4)
    assert (log.tokens == 1).all() and (log.longest == 1).all()
    assert (log.read == 8).all() and (log.written == 32).all()
    bill = log.ledger(MODEL)
    np.testing.assert_array_equal(bill.flops, 2 * V * V * (8 + 32))
    np.testing.assert_array_equal(bill.written, np.full((2, 1), 32))


@pytest.mark.parametrize("weigh", ["token", "text"])
def test_what_counts_alike(weigh):
    """Nobody earns anything in the first problem. On policy the loss is less the mean advantage: of tokens, or of texts, where it is 0, as advantages of a group are."""
    texts, asked = [], np.repeat([0.0, 1, 1, 1], 8)

    def short(batch, completions):
        texts.append((completions != PAD).sum(axis=1))
        return (texts[-1] == 1) * asked

    how = GRPO(steps=1, problems=4, group=8, weigh=weigh, scale=False)
    made = reinforce(MODEL, start(1), how, seeds=(3,), ask=partial(ask, n=4), rewarded=short, room=3)
    [lengths] = texts
    rewards = ((lengths == 1) * asked).reshape(4, 8)
    above = (rewards - rewards.mean(axis=1, keepdims=True)).reshape(-1)
    expected = (above * lengths).sum() / lengths.sum() if weigh == "token" else above.mean()
    np.testing.assert_allclose(made.trained.losses[0, 0], -expected, atol=1e-6)
    assert 0 < rewards.mean() < 1 and made.log.written[0, 0] == lengths.sum()
    assert made.log.tokens[0, 0] == lengths.mean() and made.log.longest[0, 0] == lengths.max() > lengths.min()
    assert made.log.mixed[0, 0] == np.mean([len({*row}) > 1 for row in rewards]) > 0


def test_the_divergence_that_is_logged(monkeypatch):
    """Of the third step, as the first has no rate: k3 of the tokens that were drawn, by their chances then and at first."""
    drawn = []

    def drawing(model, params, prompts, **options):
        texts = draw(model, params, prompts, **options)
        drawn.append((params["table"][:, ASKED], texts.completions.reshape(2, -1)))
        return texts

    monkeypatch.setattr("alchemy.practice.grpo.draw", drawing)
    log = bandit(GRPO(steps=3, problems=8, group=4, kl=0.1, warmup=0.3, learning_rate=0.5)).log
    table, tokens = drawn[2]
    apart = np.log(1 / (V - 1)) - np.log(np.take_along_axis(shares(table), tokens, axis=1))
    expected = (np.exp(apart) - apart - 1).mean(axis=1)
    np.testing.assert_allclose(log.divergence[:, 2], expected, rtol=1e-4)
    assert (expected > 0.01).all() and (np.abs(log.divergence[:, :2]) < 1e-6).all()


def test_a_state_is_saved_once_twenty_seconds_are_over(tmp_path, monkeypatch):
    """By a clock that says 0, and behind each step ten more: not yet at 10 and 20; and nowhere, where no place is named."""
    clock, saved = count(0, 10), []
    monkeypatch.setattr("alchemy.practice.grpo.monotonic", lambda: next(clock))
    monkeypatch.setattr(checkpoint, "save", lambda directory, step, state: saved.append((directory, step)))
    how = GRPO(steps=4, problems=4, group=4, updates=2)
    bandit(how, directory=tmp_path)
    bandit(how)
    assert saved == [(tmp_path, 6)]


def test_an_interrupted_run_ends_with_the_same_bits(tmp_path):
    how = GRPO(steps=6, problems=4, group=4, updates=2, kl=0.1, learning_rate=0.05)
    whole = bandit(how)

    def interrupt(done, _):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bandit(how, directory=tmp_path, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["6"]
    steps = []
    again = bandit(how, directory=tmp_path, progress=lambda done, _: steps.append(done))
    assert steps == [4, 5, 6]
    jax.tree.map(np.testing.assert_array_equal, whole, again)


def test_a_seed_depends_on_itself_alone():
    how = GRPO(steps=3, problems=4, group=4)
    both, alone = bandit(how, seeds=(3, 8)), bandit(how, seeds=(8,))
    np.testing.assert_array_equal(both.trained.params["table"][1], alone.trained.params["table"][0])


def test_rewards_of_the_oracle(task):
    """The gold line, its answer behind a wrong chain, and no answer."""
    batch = task.sample(np.random.default_rng(1), 1)
    gold = batch.completions()
    letters = set(task.letters.tolist())
    first = next(place for place, token in enumerate(gold[0]) if token in letters)
    wrong = gold.copy()
    wrong[0, first] = next(letter for letter in letters if letter != gold[0, first])
    texts = np.concatenate([gold, wrong, np.zeros_like(gold)])
    problems = batch.rows(np.zeros(3, int))
    values = {kind: reward(task, kind)(problems, texts).tolist() for kind in ("answer", "chain", "both", "length")}
    assert values == {"answer": [1, 1, 0], "chain": [1, 0, 0], "both": [1, 0.5, 0], "length": [1, 1, 0]}
    longer = np.pad(texts, ((0, 0), (0, gold.shape[1])))
    assert reward(task, "length")(problems, longer).tolist() == [0.5, 0.5, 0]


def test_random_rewards_go_by_nothing(task):
    """Half of the texts, equal ones too, and each alike whatever stands beside it."""
    batch = task.sample(np.random.default_rng(1), 40).rows(np.repeat(np.arange(40), 25))
    coins = reward(task, "random")(batch, batch.completions())
    assert set(coins) == {0, 1} and 0.45 < coins.mean() < 0.55  # three standard deviations of 1,000
    assert np.ptp(coins.reshape(40, 25), axis=1).all(), "texts of one problem differ"
    half = batch.rows(np.arange(500, 1000))
    np.testing.assert_array_equal(reward(task, "random")(half, half.completions()), coins[500:])


def test_the_recipe_by_value():
    """A default that changes is another experiment; and bounds are no narrower than they say."""
    how = GRPO()
    assert how == GRPO(*(200, 32, 8, "chain", 1, 1.0, 0.2, 0.0, True, "token", 0), *("adamw", 3e-4, 0.002, 0.05, 1.0))
    assert how.train == TrainConfig(200, 256, "adamw", 3e-4, 0.002, 0.05, 0.0, 1.0, 1)
    assert GRPO(steps=3, problems=4, group=2, updates=2).train.steps == 6
    assert {how, GRPO(steps=1, problems=1, group=2, clip=0.0)} >= {how}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("group", 1, "group must be at least 2, not 1"),
        ("updates", 5, "32 problems cannot be divided into 5 updates"),
        ("reward", "chian", "reward 'chian' is unknown; did you mean 'chain'"),
        ("temperature", 0.0, "temperature 0.0 is not above 0"),
        ("kl", -1.0, "kl -1.0 is negative"),
    ],
)
def test_what_cannot_be(field, value, message):
    with pytest.raises(UserError, match=message):
        GRPO(**{field: value})
