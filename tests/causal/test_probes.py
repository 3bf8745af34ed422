"""Probes of a state that is planted in one layer, and of one that is nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.causal import probes
from alchemy.causal.probes import Probe, probe, ridge
from alchemy.errors import UserError
from alchemy.learning.open_model import NO_PATCH, Activations, Patch
from tests.causal.open_models import Reader

SYMBOLS, FROM = 8, 2


@dataclass(frozen=True)
class Planted(Reader):
    """Holds in layer 1, from position `FROM` on and nowhere else, the parity of its three tokens; weights say how loudly."""

    def open(self, params: Any, tokens: jax.Array, patch: Patch = NO_PATCH) -> tuple[jax.Array, Activations]:
        n, t, _ = tokens.shape
        noise = jax.random.normal(jax.random.key(0), (n, 3, t, 12))
        state = jax.nn.one_hot(tokens[..., 0].sum(axis=1) % 4, 12)[:, None]
        planted = jnp.where((jnp.arange(t) >= FROM)[None, :, None], params["loud"] * state, 0.0)
        residual = noise.at[:, 1].add(planted)
        return residual[:, -1], Activations(residual, noise[:, 1:, :, None])

    def init(self, key: jax.Array) -> Any:
        return {"loud": jnp.zeros(())}


rng = np.random.default_rng(0)
TOKENS = rng.integers(0, SYMBOLS, (2, 400, 4, 1)).astype(np.int32)
STATE = TOKENS[..., 0].sum(axis=2) % 4
INPUTS = TOKENS[..., :3, 0] @ np.array([1, SYMBOLS, SYMBOLS**2]) % 97
LOUD = {"loud": jnp.full(2, 50.0)}


@pytest.fixture(scope="module")
def planted() -> dict[str, Probe]:
    labels = {"state": STATE, "first token": TOKENS[:, :, 0, 0]}
    return probe(Planted(), LOUD, TOKENS, labels, INPUTS, seeds=(0, 1))


def test_a_planted_state_is_found_where_it_is(planted):
    found = planted["state"]
    where = np.zeros((3, 4), bool)
    where[1, FROM:] = True
    assert found.accuracy.shape == (2, 3, 4)
    assert found.accuracy[:, where].min() > 0.97 and found.accuracy[:, ~where].max() < 0.45
    assert found.selectivity[:, where].min() > 0.5 and found.excess[:, where].min() > 0.5
    assert max(found.control.max(), found.untrained.max(), found.tokens.max()) < 0.45
    np.testing.assert_array_equal(found.first_decodable(), FROM)


def test_what_the_tokens_say_is_no_finding(planted):
    """The tokens read so far give it away from position 0 on, and the residual stream does not hold it."""
    found = planted["first token"]
    np.testing.assert_array_equal(found.tokens, 1.0)
    np.testing.assert_array_equal(found.first_decodable(), 4)


def test_the_best_known_predictor_can_be_said(planted):
    known = np.array([[0.0, 0.0, 1.0, 0.5]])
    np.testing.assert_array_equal(planted["state"].first_decodable(known=known), 3)
    np.testing.assert_array_equal(planted["state"].first_decodable(margin=0.99), 4)


def test_a_state_that_is_nowhere_is_at_chance():
    silent = {"loud": jnp.zeros(2)}
    found = probe(Planted(), silent, TOKENS, {"state": STATE}, INPUTS, seeds=(0, 1))["state"]
    assert np.abs(found.accuracy - found.chance[:, None]).mean() < 0.08
    np.testing.assert_array_equal(found.accuracy, found.untrained)
    np.testing.assert_array_equal(found.first_decodable(margin=0.2), 4)


def test_labels_may_differ_by_position():
    found = probe(Planted(), LOUD, TOKENS, {"token": TOKENS[..., 0]}, INPUTS, seeds=(0, 1))["token"]
    assert found.tokens.min() > 0.95


def test_strength_is_chosen_where_nothing_is_tested():
    """With more features than problems only a strong regularisation generalises, and it is the one that is chosen."""
    labels = rng.integers(0, 2, (1, 160))
    signal = np.repeat((2 * labels - 1)[..., None], 40, axis=2) * 0.4
    features = np.concatenate([signal + rng.normal(size=signal.shape), rng.normal(size=(1, 160, 200))], axis=2)
    assert ridge(features, [labels])[0, 0] > 0.8


@pytest.mark.parametrize("d", [5, 60], ids=["more problems", "more features"])
def test_is_the_ridge_regression_that_solving_the_normal_equations_gives(d, monkeypatch):
    monkeypatch.setattr(probes, "STRENGTHS", np.array([0.3]))
    features, labels = rng.normal(size=(2, 80, d)), rng.integers(0, 3, (2, 80))
    features[..., 0] += labels
    for x, y, accuracy in zip(features, labels, ridge(features, [labels])[0], strict=True):
        centre, targets = x[:40].mean(axis=0), np.eye(3)[y]
        gram = (x[:40] - centre).T @ (x[:40] - centre)
        strength = 0.3 * np.trace(gram) / min(40, d)
        right = (x[:40] - centre).T @ (targets[:40] - targets[:40].mean(axis=0))
        weights = np.linalg.solve(gram + strength * np.eye(d), right)
        said = ((x[60:] - centre) @ weights + targets[:40].mean(axis=0)).argmax(axis=1)
        assert accuracy == (said == y[60:]).mean()


def test_where_all_texts_are_alike_the_commonest_label_is_said():
    tokens = np.concatenate([np.full_like(TOKENS[:, :, :1], 5), TOKENS], axis=2)
    found = probe(Planted(), LOUD, tokens, {"state": STATE}, INPUTS, seeds=(0, 1))["state"]
    np.testing.assert_array_equal(found.tokens[:, 0], found.chance[:, 0])


def test_what_cannot_be_probed_is_the_users_error():
    with pytest.raises(UserError, match=r"labels 'state' have shape \(2, 3\), expected \(2, 400\) or \(2, 400, 4\)"):
        probe(Planted(), LOUD, TOKENS, {"state": STATE[:, :3]}, INPUTS, seeds=(0, 1))
    with pytest.raises(UserError, match="3 problems are too few"):
        probe(Planted(), LOUD, TOKENS[:, :3], {"state": STATE[:, :3]}, INPUTS[:, :3], seeds=(0, 1))
