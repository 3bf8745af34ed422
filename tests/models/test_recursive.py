"""Recursive reasoners: losses, gradients and noise with right values worked out apart from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples, Finite, Stream
from alchemy.learning.kept import Kept
from alchemy.learning.optimizers import schedule
from alchemy.learning.train import train
from models.recursive import FIRST_SIZE, Gaussian, Recursive, divergence

P, A = 4, 3
PLAIN = Recursive(vocabulary=5, cells=P, values=A, width=8, layers=1, heads=2, inner=1, transitions=1, supervision=1)
KINDS = {
    "trm": replace(PLAIN, transitions=2, supervision=2),
    "looped": replace(PLAIN, hierarchy=False, mixer="attention"),
    "eqr": replace(PLAIN, start_noise=1.0, damping=0.05, update_noise=0.01),
    "gram": replace(PLAIN, guide="posterior", transitions=2, supervision=2, ema=0.9),
    "free": replace(PLAIN, guide="free", supervision=2),
    "winner": replace(PLAIN, start_noise=1.0, starts=3),
}
every_kind = pytest.mark.parametrize("model", KINDS.values(), ids=KINDS)


def boards(n, seed=0):
    """Boards whose blanks can be told from what is given: the target is the id that a cell carries, shifted by one place."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, A, (n, P)).astype(np.int32)
    blank = rng.random((n, P)) < 0.5
    blank[:, 0] = True
    return Examples(np.where(blank, 1, target + 2)[..., None].astype(np.int32), blank, target)


def keys(n, seed=0):
    return jax.random.split(jax.random.key(seed), n)


@cache
def _drawn(model):
    return Kept(model.init, model)(jax.random.key(1))


def started(model):
    """Fresh parameters, which may be exchanged in their place."""
    return jax.tree.map(lambda leaf: leaf, _drawn(model))


def without_readout(model):
    """Fresh parameters with which every value is as likely, and which say nothing of halting."""
    params = started(model)
    return {**params, "read": jnp.zeros_like(params["read"])}


@every_kind
def test_who_reads_nothing_loses_the_logarithm_of_the_values_a_blank(model):
    examples = boards(6)
    by_hand = examples.weight.sum() * np.log(A) + 2 * 6 * np.log(
        2
    )  # and coins are thrown for halting and for the value
    np.testing.assert_allclose(jax.jit(model.loss)(without_readout(model), examples, keys(6)), by_hand, rtol=1e-5)


def test_what_a_first_step_of_adam_costs_a_coordinate_does_not_grow_with_the_width():
    def paid(width):
        model, examples = replace(PLAIN, guide="posterior", width=width), boards(6)
        params = started(model)
        slopes = jax.jit(jax.grad(model.loss))(params, examples, keys(6))["posterior"]
        moved = jax.tree.map(lambda leaf, slope: leaf - 3e-3 * jnp.sign(slope), params["posterior"], slopes)
        return jax.jit(model.diagnose)({**params, "posterior": moved}, examples, keys(6)).divergence.mean() / width

    assert 0 < paid(128) < 2 * paid(32)  # 12 times as much without the scale


@every_kind
def test_cells_that_are_given_cost_nothing(model):
    examples, params = boards(6), started(model)
    other = examples._replace(target=np.where(examples.weight, examples.target, (examples.target + 1) % A))
    if model.guide == "posterior":  # which sees the whole solution
        params = {**params, "solution": jnp.zeros_like(params["solution"])}
    np.testing.assert_array_equal(*(jax.jit(model.loss)(params, each, keys(6)) for each in (examples, other)))


@pytest.mark.parametrize("kind", ["eqr", "gram"])
def test_the_gradient_of_one_step_is_the_slope_of_the_loss(kind):
    model = replace(KINDS[kind], transitions=1, supervision=1, beta=0.7)
    params, examples = started(model), boards(5)
    fixed = {"start": params.pop("start")}  # no gradient comes through it
    for head in ("halt", "value"):  # which are taught without moving what they judge
        fixed[head] = jax.tree.map(np.zeros_like, params.pop(head))

    @jax.jit
    def loss(params):
        return model.loss({**params, **fixed}, examples, keys(5))

    params = jax.tree.map(np.asarray, params)
    way = jax.tree.map(lambda leaf: np.cos(np.arange(leaf.size, dtype=np.float32)).reshape(leaf.shape), params)
    gradient = jax.tree.map(np.asarray, jax.jit(jax.grad(loss))(params))
    slope = sum(jax.tree.leaves(jax.tree.map(lambda g, w: (g * w).sum(), gradient, way)))
    before, behind = (
        loss(jax.tree.map(lambda leaf, w, step=step: leaf + step * w, params, way)) for step in (-1e-3, 1e-3)
    )
    np.testing.assert_allclose(slope, (behind - before) / 2e-3, rtol=0.03)


def test_the_best_of_several_starts_is_trained():
    model, examples = KINDS["winner"], boards(1)
    params, [key] = started(model), keys(1)
    one = replace(model, starts=1)
    apart = [float(jax.jit(one.loss)(params, examples, own[None])) for own in jax.random.split(key, 3)]
    assert len(set(apart)) == 3
    np.testing.assert_allclose(jax.jit(model.loss)(params, examples, key[None]), min(apart), rtol=1e-6)


@partial(jax.jit, static_argnums=0)
def followed(model, params, examples, keys):
    """Every step of trajectories that are not told: readings, and whether the blanks are filled in right, bool (t, n)."""
    embedded, state = model.embed(params, jnp.asarray(examples.tokens)), model.start(params, keys)
    readings, right = [], []
    for number in range(model.supervision):
        folded = jax.vmap(lambda key, number=number: jax.random.fold_in(key, number))(keys)
        state = model.step(params, embedded, state, folded)
        readings.append(model.read(params, state))
        filled = readings[-1].logits.argmax(axis=-1)
        right.append(((filled == examples.target) | ~examples.weight).all(axis=1))
    return readings, jnp.stack(right)


def test_the_value_head_is_corrected_by_what_the_last_step_says_and_moves_nothing_else():
    model, examples = replace(KINDS["trm"], supervision=3), boards(40)
    params = started(model)
    params["value"]["down"] = jnp.linspace(-1, 1, 8)
    readings, right = followed(model, params, examples, keys(40))
    slope = jax.jit(jax.grad(model.loss))
    gradient, right = slope(params, examples, keys(40)), np.asarray(right)
    wrongly = sum((jax.nn.sigmoid(reading.value) - right[-1]).sum() for reading in readings) / 3
    np.testing.assert_allclose(gradient["value"]["bias"], wrongly, rtol=1e-4)
    assert right[-1].any() or wrongly > 0
    params["value"] = jax.tree.map(lambda leaf: 3 * leaf + 1, params["value"])
    other = slope(params, examples, keys(40))
    assert float(jnp.abs(other.pop("value")["bias"] - gradient.pop("value")["bias"])) > 1
    jax.tree.map(np.testing.assert_array_equal, other, gradient)


def steps_on(n, seed=0):
    """Boards whose values follow each other: any that is given tells the others, and where none is there is only to guess."""
    rng = np.random.default_rng(seed)
    target = ((rng.integers(0, A, (n, 1)) + np.arange(P)) % A).astype(np.int32)
    blank = rng.random((n, P)) < 0.8
    return Examples(np.where(blank, 1, target + 2)[..., None].astype(np.int32), blank, target)


def test_the_value_head_foretells_which_trajectories_will_be_right():
    """After a short training, on other boards and before the last step: how often a right one is above a wrong one."""
    model = replace(KINDS["trm"], width=16)
    config = TrainConfig(steps=300, batch=64, chunk=50, optimizer="muon", learning_rate=0.01)
    fresh = Stream(lambda seed, step, n: steps_on(n, seed=step + 1))
    trained = train(model, fresh, config, seeds=(0,))
    params = jax.tree.map(lambda leaf: leaf[0], trained.params)
    readings, right = followed(model, params, steps_on(400), keys(400))
    value, right = np.asarray(readings[0].value), np.asarray(right[-1])
    assert 0.1 < right.mean() < 0.9  # .2 to .8 by seed and processor
    difference = value[right][:, None] - value[~right]
    assert ((difference > 0) + (difference == 0) / 2).mean() > 0.7


def test_divergence_by_quadrature():
    rng = np.random.default_rng(0)
    means, log_sizes = rng.normal(size=(2, 1, 2, 3)), rng.uniform(-1, 0.5, (2, 1, 2, 3))
    x = np.linspace(-15, 15, 40_001)
    by_hand = 0.0
    for mean, log_size in zip(means.reshape(2, -1).T, log_sizes.reshape(2, -1).T, strict=True):
        left, right = (
            -((x - m) ** 2) / (2 * np.exp(2 * s)) - s - np.log(2 * np.pi) / 2
            for m, s in zip(mean, log_size, strict=True)
        )
        by_hand += np.trapezoid(np.exp(left) * (left - right), x)
    left, right = (Gaussian(jnp.asarray(m), jnp.asarray(s)) for m, s in zip(means, log_sizes, strict=True))
    np.testing.assert_allclose(divergence(left, right), [by_hand], rtol=1e-5)
    np.testing.assert_array_equal(divergence(left, left), [0.0])


def test_noise_begins_small_and_untold():
    model = KINDS["gram"]
    seen = jax.jit(model.diagnose)(started(model), boards(4), keys(4))
    np.testing.assert_allclose(seen.divergence, 0, atol=1e-6)
    np.testing.assert_allclose(seen.prior_size, np.exp(FIRST_SIZE), rtol=1e-6)
    np.testing.assert_allclose(seen.prior_mean, 0, atol=1e-6)


def test_only_what_is_paid_for_has_seen_the_solution():
    """A posterior that says the solution outright moves the last transition of a step, and is charged for it."""
    model = replace(KINDS["gram"], supervision=1)
    params, examples = started(model), boards(6)
    params["posterior"]["bias"] = params["posterior"]["bias"].at[0].set(5.0)
    seen = jax.jit(model.diagnose)(params, examples, keys(6))
    by_hand = 8 * 25 / (2 * np.exp(2 * FIRST_SIZE))  # eight coordinates of a cell, each five off
    np.testing.assert_allclose(seen.divergence, by_hand, rtol=1e-4)
    step = jax.jit(lambda params, *args: model.step(params, model.embed(params, examples.tokens), *args))
    untold = step(params, model.start(params, keys(6)), keys(6))
    assert abs(float(untold.high.mean())) < 1  # the prior's noise, in every transition


def test_a_step_costs_what_it_multiplies():
    for model in KINDS.values():
        model = replace(model, width=64, cells=16, values=4, start_noise=0.0, starts=1, guide="none")
        params, tokens = started(model), jnp.ones((8, 16, 1), jnp.int32)

        def step(params, tokens, model=model):
            state = model.step(params, model.embed(params, tokens), model.start(params, keys(8)), keys(8))
            return model.read(params, state)

        counted = jax.jit(step).lower(params, tokens).compile().cost_analysis()["flops"]
        assert 0.8 < 8 * 2 * model.step_cost / counted < 1.01


@pytest.mark.parametrize("kind", ["gram", "free"])
def test_noise_costs_the_matrices_that_make_it(kind):
    model = replace(KINDS[kind], transitions=3)
    prior = started(model)["prior"]
    more = model.step_cost - replace(model, guide="none").step_cost
    assert more == 3 * P * (prior["up"].size + prior["down"].size)


@pytest.mark.parametrize("kind", ["trm", "gram"])
def test_boards_are_learned_by_heart_and_training_resumes(kind, tmp_path):
    model = replace(KINDS[kind], width=16, ema=0.9)
    data = Finite(boards(16), (0, 1))
    config = TrainConfig(steps=120, batch=8, chunk=40, optimizer="muon", learning_rate=0.01)
    trained = train(model, data, config, seeds=(0, 1))
    assert (trained.losses[:, -10:].mean(axis=1) < 0.6 * trained.losses[:, :10].mean(axis=1)).all()

    def stop(done, loss):
        if done == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(model, data, config, seeds=(0, 1), directory=tmp_path / "state", progress=stop)
    resumed = train(model, data, config, seeds=(0, 1), directory=tmp_path / "state")
    jax.tree.map(np.testing.assert_array_equal, resumed, trained)


@dataclass(frozen=True)
class Slope:
    """Its only weight goes down by the learning rate at every step."""

    ema: float = 0.0
    loops: int = 1

    def init(self, key):
        return {"weight": jnp.zeros(1)}

    def loss(self, params, examples, keys):
        return params["weight"].sum() * examples.weight.sum()


def test_what_is_left_is_the_mean_of_the_weights_of_all_steps():
    config = TrainConfig(steps=6, batch=4, chunk=3, weight_decay=0.0)
    at = -np.cumsum(schedule(config, 0, 6).adamw)
    last, short, long = (
        train(Slope(ema), Finite(boards(8), (0,)), config, seeds=(0,)).params["weight"].item()
        for ema in (0.0, 0.5, 0.99)
    )
    by_hand = at[0]
    for weight in at[1:]:
        by_hand = (by_hand + weight) / 2
    np.testing.assert_allclose([last, short, long], [at[-1], by_hand, at.mean()], rtol=1e-4)


@dataclass(frozen=True)
class One(Slope):
    """Its weight begins at 1."""

    def init(self, key):
        return {"weight": jnp.ones(1)}


def test_a_loss_of_its_own_is_a_mean_over_all_blank_cells_the_first_included():
    data = boards(8)
    assert np.asarray(data.weight)[:, 0].any()
    losses = train(One(), Finite(data, (0,)), TrainConfig(steps=2, batch=8, chunk=2, warmup=0.5), seeds=(0,)).losses
    assert losses[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"layers": 0}, "at least 1"),
        ({"beta": -1.0}, "at least 0"),
        ({"damping": 1.0}, "outside"),
        ({"guide": "posterio"}, "posterior"),
        ({"mixer": "cell"}, "cells"),
        ({"mixer": "attention", "heads": 3}, "multiple"),
        ({"starts": 2}, "the same"),
    ],
)
def test_what_cannot_be_is_named(wrong, said):
    with pytest.raises(UserError, match=said):
        replace(PLAIN, **wrong)
