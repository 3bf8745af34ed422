"""Heads and layers: what is compared has as many parameters, and each check can fail."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.theory import heads_or_layers as claim
from experiments.theory import hops_by_depth
from experiments.theory.heads_or_layers import SMALL, Measured


def shares(*right):
    """What ten models of a kind share, by the number of hops."""
    return np.tile(np.array(right, float), (10, 1))


def measured(**changes):
    two = {"few": 0.5, "many": 0.75, "wide": 0.75, "three": 1.0, **changes}
    right = {name: shares(1.0, value, 0.3) for name, value in two.items()}
    return Measured(SMALL.hops.hops, right, right, {8: [0.8, 0.5, 0.3]})


@pytest.mark.parametrize(
    ("changes", "broken"),
    [({}, 0), ({"few": 0.65}, 1), ({"three": 0.88}, 1), ({"many": 0.95}, 1), ({"wide": 0.97}, 1)],
)
def test_each_check_can_fail(changes, broken):
    checks = claim.check(measured(**changes))
    violated = [check for check in checks if (check.values < check.low).all()]
    assert len(violated) == broken
    assert judge(claim.CLAIM, checks).verdict == (Verdict.FAILS if broken else Verdict.HOLDS)


@pytest.mark.parametrize("name", ["few", "many", "wide", "three"])
def test_models_that_do_not_take_one_hop_do_not_count(name):
    found = measured()
    weak = replace(found, gates=found.gates | {name: shares(0.8, 0.5, 0.3)})
    assert not any(check.passed.any() for check in claim.check(weak))


def test_heads_change_no_number_of_parameters_and_two_wide_layers_have_as_many_as_three():
    vocabulary = len(SMALL.hops.at_once.vocabulary)

    def parameters(model):
        shapes = jax.eval_shape(replace(model, vocabulary=vocabulary).init, jax.random.key(0))
        return sum(leaf.size for leaf in jax.tree.leaves(shapes))

    few, many, wide, three = map(parameters, SMALL.models.values())
    assert few == many < three < wide < 1.1 * three
    assert all(model.width % model.heads == 0 for model in SMALL.models.values())
    assert SMALL.models["three"] == replace(hops_by_depth.SMALL.model, layers=3), "so that it is trained once"


def test_the_picture_shows_every_reader():
    [heat] = claim.figures(measured())
    assert len(heat.rows) == 5 and np.asarray(heat.measured).shape == (10, 5, 3)
