"""The ridge logistic regression against a general optimiser on features written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from alchemy.errors import UserError
from alchemy.stats.regression import Regression


def scaled(fact, known):
    return (fact - known.mean()) / known.std()


def best(x, share, ridge):
    """Weights with the least penalised cross-entropy; the constant, which comes first, is free."""

    def loss(weight):
        z = x @ weight
        return (np.logaddexp(0, z) - share * z).sum() + ridge / 2 * (weight[1:] ** 2).sum()

    return minimize(loss, np.zeros(x.shape[1]), method="BFGS", options={"gtol": 1e-8}).x


@pytest.mark.parametrize("ridge", [0.3, 1.0, 5.0])
def test_single_numbers_give_themselves_and_their_products(ridge):
    rng = np.random.default_rng(0)
    facts = {"a": rng.normal(3, 2, 60), "b": rng.random(60)}
    share = rng.binomial(8, expit(facts["a"] - 3)) / 8
    others = {"a": rng.normal(3, 4, 20), "b": rng.random(20)}

    def features(values):
        a, b = (scaled(values[name], facts[name]) for name in ("a", "b"))
        return np.stack([np.ones(len(a)), a, b, a * a, a * b, b * b], axis=1)

    expected = expit(features(others) @ best(features(facts), share, ridge))
    np.testing.assert_allclose(Regression.fit(facts, share, ridge).guess(others), expected, atol=1e-4)


@pytest.mark.parametrize("count", [12, 13])
def test_a_number_of_few_values_has_an_indicator_of_each(count):
    """Of up to 12 values."""
    fact = np.tile(np.arange(count), 9)
    share = np.random.default_rng(0).random(len(fact))

    def features(values):
        z = scaled(values, fact)
        indicators = [values == level for level in range(count)] if count == 12 else []
        return np.stack([np.ones(len(values)), z, z * z, *indicators], axis=1).astype(float)

    others = np.array([0, 2, count - 1, count + 3])
    expected = expit(features(others) @ best(features(fact), share, 1.0))
    np.testing.assert_allclose(Regression.fit({"n": fact}, share).guess({"n": others}), expected, atol=1e-4)


def test_names_have_indicators_and_vectors_their_numbers_alone():
    rng = np.random.default_rng(1)
    facts = {"name": rng.choice(["x", "y", "z"], 50), "flag": rng.random(50) < 0.5, "v": rng.normal(size=(50, 2))}
    share = rng.random(50)

    def features(values):
        flag = scaled(values["flag"].astype(float), facts["flag"].astype(float))
        vectors = [scaled(values["v"][:, i], facts["v"][:, i]) for i in range(2)]
        levels = [values["name"] == name for name in "xyz"] + [values["flag"] == level for level in (False, True)]
        return np.stack([np.ones(len(flag)), flag, *vectors, flag * flag, *levels], axis=1).astype(float)

    expected = expit(features(facts) @ best(features(facts), share, 1.0))
    np.testing.assert_allclose(Regression.fit(facts, share).guess(facts), expected, atol=1e-4)


def test_a_fact_that_never_varies_stops_no_search():
    rng = np.random.default_rng(2)
    facts = {"same": np.full(80, 3.5), "a": rng.normal(0, 2, 80)}
    share = rng.binomial(6, expit(2 * facts["a"])) / 6
    a = scaled(facts["a"], facts["a"])
    x = np.stack([np.ones(80), a, a * a], axis=1)
    np.testing.assert_allclose(Regression.fit(facts, share).guess(facts), expit(x @ best(x, share, 1.0)), atol=1e-4)


@pytest.mark.parametrize("seed", [58, 106])
def test_steps_that_would_overshoot_are_cut_short(seed):
    """A fact with a heavy tail, on which neither whole Newton steps nor steps cut at twice the length end."""
    rng = np.random.default_rng(seed)
    a, uniform = rng.standard_t(1.2, 50), rng.random(50)
    z = (a - a.mean()) / a.std()
    shift, steep = rng.normal(size=2)
    share = (uniform < expit(3 * shift + 5 * steep * z)).astype(float)
    x = np.stack([np.ones(50), z, z * z], axis=1)
    expected = expit(x @ best(x, share, 0.03))
    np.testing.assert_allclose(Regression.fit({"a": a}, share, 0.03).guess({"a": a}), expected, atol=1e-3)


def test_extreme_shares_and_facts_that_never_vary_are_fitted():
    same = {"n": np.full(40, 7.0)}
    for share in (0.0, 1.0):
        guess = Regression.fit(same, np.full(40, share)).guess(same)
        assert np.abs(guess - share).max() < 2e-3
    np.testing.assert_allclose(Regression.fit(same, np.full(40, 0.3)).guess(same), 0.3, atol=1e-6)


def test_facts_have_to_be_those_fitted():
    fitted = Regression.fit({"a": np.arange(4)}, np.full(4, 0.5))
    for facts in ({}, {"b": np.arange(4)}, {"a": np.arange(4), "b": np.arange(4)}):
        with pytest.raises(UserError, match="differ from those fitted"):
            fitted.guess(facts)
    with pytest.raises(UserError, match="no facts"):
        Regression.fit({}, np.zeros(3))
