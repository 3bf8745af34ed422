"""Probes of a state that is planted in one layer, and of one that is nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.causal import probes
from alchemy.causal.probes import Probe, memberships, probe, ridge
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
LOUD = {"loud": np.full(2, 50.0, np.float32)}


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
    labels = {"token": TOKENS[..., 0], "next token": np.roll(TOKENS[..., 0], -1, axis=2)}
    found = probe(Planted(), LOUD, TOKENS, labels, INPUTS, seeds=(0, 1))
    assert found["token"].tokens.min() > 0.95
    behind = found["next token"].tokens
    assert behind[:, :-1].max() < 0.3 and behind[:, -1].min() > 0.95, (
        "nothing is read ahead; behind the last is the first"
    )


def test_strength_is_chosen_where_nothing_is_tested():
    """With more features than problems only a strong regularisation generalises, and it is the one that is chosen."""
    labels = rng.integers(0, 2, (1, 160))
    signal = np.repeat((2 * labels - 1)[..., None], 40, axis=2) * 0.4
    features = np.concatenate([signal + rng.normal(size=signal.shape), rng.normal(size=(1, 160, 200))], axis=2)
    assert ridge(features, [labels])[0, 0] > 0.8


def normal_equations(x, targets, strength):
    """What a ridge regression to targets (n, k), fitted on the first half, says by solving them."""
    fit = slice(0, len(x) // 2)
    centre = x[fit].mean(axis=0)
    gram = (x[fit] - centre).T @ (x[fit] - centre)
    scaled = strength * np.trace(gram) / min(len(x) // 2, x.shape[1])
    right = (x[fit] - centre).T @ (targets[fit] - targets[fit].mean(axis=0))
    weights = np.linalg.solve(gram + scaled * np.eye(x.shape[1]), right)
    return (x - centre) @ weights + targets[fit].mean(axis=0)


@pytest.mark.parametrize("d", [5, 60], ids=["more problems", "more features"])
@pytest.mark.parametrize("strengths", [[0.3], [1e-4, 0.03, 1.0, 3.0, 100.0]], ids=["one", "several"])
def test_is_the_ridge_regression_that_solving_the_normal_equations_gives(d, strengths, monkeypatch):
    """Of several strengths the largest of those that are best on the third quarter, tested on the last."""
    monkeypatch.setattr(probes, "STRENGTHS", np.array(strengths))
    own = np.random.default_rng(d)
    features, labels = own.normal(size=(9, 82, d)), own.integers(0, 3, (9, 82))
    features[..., 0] += labels
    features[..., 1] += 5
    by_position = np.concatenate([labels[1:], labels[:1]])
    for at, target in enumerate(accuracies := ridge(features, [labels, by_position])):
        for x, y, accuracy in zip(features, (labels, by_position)[at], target, strict=True):
            said = [normal_equations(x, np.eye(3)[y], strength).argmax(axis=1) for strength in strengths]
            chosen = [(answers[41:61] == y[41:61]).mean() for answers in said]
            best = max(range(len(strengths)), key=lambda place: (chosen[place], place))
            assert accuracy == (said[best][61:] == y[61:]).mean()
    assert accuracies.shape == (2, 9)


def test_members_of_sets_are_those_with_the_highest_scores():
    """Of 6 elements sets of 1 to 3, planted beside noise at one place, and nowhere at another."""
    own = np.random.default_rng(1)
    size = own.integers(1, 4, 400)
    sets = own.random((400, 6)).argsort(axis=1) < size[:, None]
    there = np.concatenate([3.0 * sets, np.zeros((400, 2))], axis=1) + own.standard_normal((400, 8)) / 4
    shuffled = sets[own.permutation(400)]
    found = memberships(np.stack([there, own.standard_normal((400, 8))]), [sets, shuffled])
    assert found.shape == (2, 2) and found[0, 0] > 0.99
    guess = size.mean() / 6
    assert np.abs(found[[0, 1, 1], [1, 0, 1]] - guess).max() < 0.12


def test_members_are_found_by_the_scores_of_separate_regressions(monkeypatch):
    monkeypatch.setattr(probes, "STRENGTHS", np.array([0.1]))
    own = np.random.default_rng(2)
    features, sets = own.standard_normal((40, 3)), own.random((40, 4)).argsort(axis=1) < 2
    scores = normal_equations(features, sets.astype(float), 0.1)[30:]
    shares = [
        len({*np.argsort(-row)[:2]} & {*np.flatnonzero(true)}) / 2 for row, true in zip(scores, sets[30:], strict=True)
    ]
    assert memberships(features[None], [sets])[0, 0] == pytest.approx(np.mean(shares))


def test_strengths_are_powers_of_ten():
    np.testing.assert_allclose(probes.STRENGTHS, [float(f"1e{power}") for power in range(-6, 3)])


def test_a_probe_stands_beside_the_best_of_the_others():
    accuracy = np.array([[[0.5, 0.6, 0.9], [0.4, 0.75, 0.8]]])
    others = np.array([[[0.45, 0.3, 0.3], [0.2, 0.5, 0.3]]]), np.array([[[0.3, 0.55, 0.2], [0.2, 0.2, 0.2]]])
    found = Probe(accuracy, *others, tokens=np.array([[0.1, 0.1, 0.85]]), chance=np.array([[0.2, 0.2, 0.2]]))
    np.testing.assert_allclose(found.selectivity, [[[0.05, 0.3, 0.6], [0.2, 0.25, 0.5]]])
    np.testing.assert_allclose(found.excess, [[[0.05, 0.05, 0.05], [0.2, 0.25, -0.05]]])
    assert [int(found.first_decodable(margin)[0]) for margin in (0.1, 0.2 + 1e-9, 0.3)] == [0, 1, 3]
    assert found.first_decodable(0.1, known=np.array([[0.45, 0.7, 0.2]])).tolist() == [3]
    assert found.first_decodable(0.1, known=np.array([[0.45, 0.6, 0.2]])).tolist() == [1]
    assert found._replace(chance=np.array([[0.5, 0.2, 0.2]])).excess[0, 0, 0] == 0
    exact = Probe(accuracy - accuracy + [0.5, 0.75, 1.0], *(0 * accuracy,) * 2, *(np.full((1, 3), 0.25),) * 2)
    assert [int(exact.first_decodable(margin)[0]) for margin in (0.25, 0.5, 0.75)] == [1, 2, 3], "no more than a margin"
    assert found._replace(chance=np.array([[0.47, 0.72, 0.86]])).first_decodable().tolist() == [3]
    assert found._replace(chance=np.array([[0.47, 0.67, 0.86]])).first_decodable().tolist() == [1]


def test_chance_is_the_commonest_label_of_the_first_half_on_the_last_quarter():
    labels = np.random.default_rng(0).choice(3, (2, 400, 4), p=[0.2, 0.41, 0.39])
    done = []
    found = probe(Planted(), LOUD, TOKENS, {"x": labels}, INPUTS, seeds=(0, 1), progress=done.append)["x"]
    assert done == [1, 2], "models, as they are done"
    for seed, place in np.ndindex(2, 4):
        known, asked = labels[seed, :200, place], labels[seed, 300:, place]
        assert found.chance[seed, place] == (asked == np.bincount(known).argmax()).mean()


def test_where_all_texts_are_alike_the_commonest_label_is_said():
    tokens = np.concatenate([np.full_like(TOKENS[:, :, :1], 5), TOKENS], axis=2)
    found = probe(Planted(), LOUD, tokens, {"state": STATE}, INPUTS, seeds=(0, 1))["state"]
    np.testing.assert_array_equal(found.tokens[:, 0], found.chance[:, 0])


def test_what_cannot_be_probed_is_the_users_error():
    with pytest.raises(UserError, match=r"labels 'state' have shape \(2, 3\), expected \(2, 400\) or \(2, 400, 4\)"):
        probe(Planted(), LOUD, TOKENS, {"state": STATE[:, :3]}, INPUTS, seeds=(0, 1))
    with pytest.raises(UserError, match="3 problems are too few"):
        probe(Planted(), LOUD, TOKENS[:, :3], {"state": STATE[:, :3]}, INPUTS[:, :3], seeds=(0, 1))
