"""What every file in models/ must keep."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache, partial
from itertools import product

import jax
import numpy as np
import pytest

from alchemy import discover
from alchemy.decoding.generate import generate
from alchemy.errors import UserError
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples, Finite
from alchemy.learning.train import train
from alchemy.problem.task import EOS, PAD
from models.sizes import SIZES
from models.transformer import BLOCKS, POSITIONS, Transformer

V, T = 11, 8
SMALL = {"vocabulary": V, "context": 16, "width": 16, "layers": 2, "heads": 2}


def small(kind):
    return kind(**{name: value for name, value in SMALL.items() if name in {one.name for one in fields(kind)}})


VARIANTS = {name: small(discover.find("model", name)) for name in discover.entries("model") if name != "transformer"}
for i, (block, positions) in enumerate(product(BLOCKS, POSITIONS)):  # tied and untied with each of both
    name = f"transformer-{block}-{positions}-{'untied' if i % 2 else 'tied'}"
    VARIANTS[name] = Transformer(**SMALL, block=block, positions=positions, tied=not i % 2)
VARIANTS["transformer-looped"] = Transformer(**SMALL, block="llama", positions="rotary", loops=2)
FEW = [
    name
    for name in VARIANTS
    if not name.startswith("transformer") or name.endswith(("gpt-learned-tied", "llama-rotary-untied"))
]
COVER = [  # every block, every way to give positions, tied and not, looped and not, but not each with each
    name
    for name in VARIANTS
    if not name.startswith("transformer-")
    or name.removeprefix("transformer-")
    in (
        "gpt-learned-tied",
        "llama-sinusoidal-tied",
        "llama-rotary-untied",
        "gpt-none-untied",
        "gpt-random-tied",
        "looped",
    )
]
every_model = pytest.mark.parametrize("model", VARIANTS.values(), ids=VARIANTS)
covering_models = pytest.mark.parametrize(
    "model", [VARIANTS[name] for name in COVER], ids=COVER
)  # what takes many programs
few_models = pytest.mark.parametrize("model", [VARIANTS[name] for name in FEW], ids=FEW)  # what is slow to compile

LENGTHS = np.array([5, 3, 6, 1, 2, 6, 4, 5])
rng = np.random.default_rng(0)
TEXT = rng.integers(2, V, size=(len(LENGTHS), T, 1)).astype(np.int32)
PROMPTS = np.where((np.arange(T) < LENGTHS[:, None])[..., None], TEXT, PAD)
INSIDE = np.arange(T) < LENGTHS[:, None]
close = partial(np.testing.assert_allclose, rtol=0, atol=1e-5, equal_nan=False)
apply = jax.jit(lambda model, params, tokens: model.apply(params, tokens), static_argnums=0)
extend = jax.jit(
    lambda model, params, cache, tokens: model.extend(model.ready(params), cache, tokens), static_argnums=0
)
extend_last = jax.jit(
    lambda model, params, cache, tokens: model.extend(model.ready(params), cache, tokens, last=True), static_argnums=0
)


def test_the_cover_has_every_block_and_every_way_to_give_positions():
    some = [VARIANTS[name] for name in COVER]
    for field, values in {"block": BLOCKS, "positions": POSITIONS, "tied": (False, True), "loops": (1, 2)}.items():
        assert {getattr(one, field) for one in some if isinstance(one, Transformer)} == set(values)


@cache
def started(model):
    return jax.tree.map(np.asarray, jax.jit(model.init)(jax.random.key(1)))


@every_model
def test_reads_only_what_came_before(model):
    """For each place: changing a token changes its own logits and all later ones, and no earlier ones."""
    changed = np.repeat(TEXT[:1], T, axis=0)
    before = np.asarray(apply(model, started(model), changed))
    changed[np.arange(T), np.arange(T), 0] = 2 + (changed[np.arange(T), np.arange(T), 0] - 1) % (V - 2)
    after = np.asarray(apply(model, started(model), changed))
    assert before.shape == (T, T, V) and before.dtype == np.float32
    moved = np.abs(before - after).max(axis=2)  # (changed place, read place)
    assert not np.tril(moved, -1).any()
    assert np.diag(moved).min() > 1e-3 and moved[np.triu_indices(T, 1)].min() > 1e-6


@every_model
def test_cached_decoding_is_the_full_forward(model):
    """Ragged right-padded prompts are read at once, the rest token by token; padding moves nothing."""
    full = np.asarray(apply(model, started(model), TEXT))
    logits, cache = extend(model, started(model), model.init_cache(len(TEXT), T + 2), PROMPTS)
    np.testing.assert_array_equal(cache.length, LENGTHS)
    close(np.asarray(logits)[INSIDE], full[INSIDE])
    for step in range(2):
        place = LENGTHS + step
        token = np.take_along_axis(TEXT, place[:, None, None], axis=1)
        token[1] = PAD if step else token[1]  # a row that has ended reads nothing more
        logits, cache = extend(model, started(model), cache, token)
        rows = np.flatnonzero(token[:, 0, 0] != PAD)
        close(np.asarray(logits)[rows, 0], full[rows, place[rows]])
    np.testing.assert_array_equal(cache.length, LENGTHS + 2 - (np.arange(len(LENGTHS)) == 1))


@covering_models
@pytest.mark.parametrize("room", [0, T + 2], ids=["filled by the text", "with places"])
def test_the_last_logits_can_be_had_alone(model, room):
    """Those of each row's last token, and a cache that goes on as if all had been asked for."""
    every, cache = extend(model, started(model), model.init_cache(len(TEXT), room), PROMPTS)
    last, same = extend_last(model, started(model), model.init_cache(len(TEXT), room), PROMPTS)
    close(last, np.take_along_axis(np.asarray(every), LENGTHS[:, None, None] - 1, axis=1))
    np.testing.assert_array_equal(same.length, cache.length)
    going_on = (extend(model, started(model), model.branch(one, 1, 1), TEXT[:, :1])[0] for one in (same, cache))
    close(*map(np.asarray, going_on))


@covering_models
def test_logits_can_be_had_from_a_place_on(model):
    """They, and what they depend on how, are those of the whole text."""

    def told(params, since):
        some = model.apply(params, TEXT, since=since)[:, -2:]
        return (some * np.cos(np.arange(some.size)).reshape(some.shape)).sum(), some

    both = (jax.jit(jax.grad(partial(told, since=since), has_aux=True))(started(model)) for since in (0, T - 2))
    (slope, some), (same_slope, same) = both
    assert same.shape == (len(TEXT), 2, V) and max(np.abs(leaf).max() for leaf in jax.tree.leaves(slope)) > 0.1
    close(some, same)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), slope, same_slope)


@covering_models
@pytest.mark.parametrize("elsewhere", ["gpu", "tpu"])
def test_an_accelerator_goes_about_it_otherwise_and_says_the_same(model, elsewhere, monkeypatch):
    """Logits and all gradients, in single precision: what `device` decides there is tried here."""

    def told(params):
        logits = model.apply(params, TEXT)
        return (logits * np.cos(np.arange(logits.size)).reshape(logits.shape)).sum(), logits

    way = jax.jit(jax.grad(told, has_aux=True))
    slope, logits = way(started(model))
    monkeypatch.setattr(jax, "default_backend", lambda: elsewhere)
    way.clear_cache()
    same_slope, same = way(started(model))
    close(logits, same)
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(slope)) > 0.1
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), slope, same_slope)


@every_model
def test_padding_does_not_matter(model):
    padded, full = (np.asarray(apply(model, started(model), tokens)) for tokens in (PROMPTS, TEXT))
    close(padded[INSIDE], full[INSIDE])
    assert np.isfinite(padded).all()


@every_model
def test_positions_of_several_ids(model):
    """A further id that is PAD adds nothing, one that is not does, and their order says nothing."""
    params, one = started(model), apply(model, started(model), TEXT)
    two = np.concatenate([TEXT, np.roll(TEXT, 1, axis=1)], axis=2)
    close(apply(model, params, np.concatenate([TEXT, np.full_like(TEXT, PAD)], axis=2)), one)
    assert np.abs(apply(model, params, two) - one).max() > 1e-4
    close(apply(model, params, two), apply(model, params, two[..., ::-1]))


@covering_models
def test_members_of_a_set_have_no_place(model):
    """One layer cannot tell the order of positions with several ids, wherever the text around them puts them."""
    model = replace(model, layers=1, loops=1)
    params, members = started(model), np.stack([TEXT[:, :4, 0], np.roll(TEXT[:, :4, 0], 1, axis=1)], axis=2)
    text = np.concatenate([TEXT, np.full_like(TEXT, PAD)], axis=2)
    logits = apply(model, params, np.concatenate([members, text], axis=1))
    other = apply(model, params, np.concatenate([members[:, ::-1], text], axis=1))
    close(logits[:, 4:], other[:, 4:])
    assert np.abs(logits[:, 4:] - apply(model, params, text)).max() > 1e-4
    first, cache = extend(
        model, params, model.init_cache(len(TEXT), T + 4), np.concatenate([members, text[:, :3]], axis=1)
    )
    second, cache = extend(model, params, cache, text[:, 3:4])
    third, _ = extend(model, params, cache, text[:, 4:])
    close(np.concatenate([first, second, third], axis=1), logits)


@covering_models
def test_branches_of_a_cache_go_on_as_they_would(model):
    """Each row thrice, every branch with tokens of its own, is reading each of these texts alone."""
    said, cache = extend(model, started(model), model.init_cache(len(TEXT), 0), PROMPTS[:, :6])  # with room for no more
    close(np.asarray(said)[INSIDE[:, :6]], np.asarray(apply(model, started(model), PROMPTS[:, :6]))[INSIDE[:, :6]])
    branched = model.branch(cache, 3, 4)
    rows = np.repeat(np.arange(len(TEXT)), 3)
    _, direct = extend(model, started(model), model.init_cache(len(rows), T + 2), PROMPTS[rows, :6])
    np.testing.assert_array_equal(branched.length, LENGTHS[rows])
    for step in range(3):
        token = TEXT[(rows + np.arange(len(rows))) % len(TEXT), step : step + 1]
        if step == 2:
            token = np.where(np.arange(len(rows))[:, None, None] % 5 == 0, PAD, token)
        said, branched = extend(model, started(model), branched, token)
        expected, direct = extend(model, started(model), direct, token)
        np.testing.assert_array_equal(branched.length, direct.length)
        real = token[:, 0, 0] != PAD
        close(said[real], expected[real])


@covering_models
def test_picked_branches_go_on_as_what_they_are_copies_of(model):
    _, cache = extend(model, started(model), model.init_cache(len(TEXT), T), PROMPTS)
    branched, rows = model.branch(cache, 2, 4), np.repeat(np.arange(len(TEXT)), 2)
    token = TEXT[(rows + np.arange(len(rows))) % len(TEXT), :1]
    _, branched = extend(model, started(model), branched, token)
    index = (np.arange(len(TEXT))[:, None] * 2 + [1, 1, 0]).reshape(-1)
    few = model.pick(branched, index)
    np.testing.assert_array_equal(few.length, np.asarray(branched.length)[index])
    said, _ = extend(model, started(model), branched, TEXT[rows, 1:2])
    again, _ = extend(model, started(model), few, TEXT[np.repeat(np.arange(len(TEXT)), 3), 1:2])
    close(again, np.asarray(said)[index])


@covering_models
def test_a_branched_cache_that_grows_or_whose_rows_part_says_the_same(model):
    """Places more, and rows in any order with what their group had shared, change nothing that is said next."""
    _, cache = extend(model, started(model), model.init_cache(len(TEXT), T), PROMPTS)
    branched, rows = model.branch(cache, 2, 2), np.repeat(np.arange(len(TEXT)), 2)
    _, branched = extend(model, started(model), branched, TEXT[rows, :1])
    said, _ = extend(model, started(model), branched, TEXT[rows, 1:2])
    grown, _ = extend(model, started(model), model.grow(branched, 7), TEXT[rows, 1:2])
    close(grown, said)
    some = np.arange(len(rows))[::-1][: len(rows) - 1]
    apart, after = extend(model, started(model), model.apart(model.grow(branched, 7), some), TEXT[rows[some], 1:2])
    close(apart, np.asarray(said)[some])
    np.testing.assert_array_equal(after.length, np.asarray(branched.length)[some] + 1)


@covering_models
def test_what_is_read_without_places_is_forgotten(model):
    """The logits of a text read at once need no places behind the prompt, and leave none written."""
    _, cache = extend(model, started(model), model.init_cache(len(TEXT), T), PROMPTS)
    direct, _ = extend(model, started(model), model.branch(cache, 1, 3), TEXT[:, :3])
    said, _ = extend(model, started(model), model.branch(cache, 1, 0), TEXT[:, :3])
    close(said, direct)


@covering_models
def test_stored_pieces_are_recalled_in_the_order_of_their_places(model):
    """Two tokens, stored at other places beside what is not wanted, are behind the prompt as if they had been read there."""
    n = len(TEXT)
    _, cache = extend(model, started(model), model.init_cache(n, T), PROMPTS)
    _, written = extend(model, started(model), model.branch(cache, 1, 4), TEXT[:, :3])
    store = model.note(model.store(cache, 9), written, 0, 3, 5)
    store = model.note(store, written, 1, 2, 0)
    places = np.tile(np.array([5, 6, -1, -1], np.int32), (n, 1))
    places[0] = [5, 0, 7, -1]  # the second token from where it was put the second time, and the third
    recalled = model.recall(store, cache, places, 3)
    _, direct = extend(model, started(model), model.branch(cache, 1, 4), TEXT[:, :2])
    _, first = extend(model, started(model), model.branch(cache, 1, 4), TEXT[:, :3])
    np.testing.assert_array_equal(recalled.length, np.where(np.arange(n) == 0, first.length, direct.length))
    said, _ = extend(model, started(model), recalled, TEXT[:, 3:4])
    close(said[1:], extend(model, started(model), direct, TEXT[:, 3:4])[0][1:])
    close(said[:1], extend(model, started(model), first, TEXT[:, 3:4])[0][:1])


def products(program):
    """The types that matrix products of a jaxpr are of, those of its loops included; not of sums, which are products with ones."""
    for step in program.eqns:
        if step.primitive.name == "dot_general" and 1 not in step.invars[1].aval.shape:
            yield step.invars[0].aval.dtype.name
        for inner in jax.tree.leaves(list(step.params.values()), is_leaf=lambda value: hasattr(value, "jaxpr")):
            if hasattr(inner, "jaxpr"):
                yield from products(inner.jaxpr)


@every_model
def test_works_in_the_precision_of_its_parameters(model):
    """But for the last product: logits are float32."""
    half = jax.tree.map(lambda leaf: jax.numpy.asarray(leaf, "bfloat16"), started(model))
    *inside, last = products(jax.make_jaxpr(lambda params: model.apply(params, TEXT))(half).jaxpr)
    assert set(inside) == {"bfloat16"} and last == "float32"


@few_models
def test_many_seeds_are_one_init_each(model):
    keys = jax.random.split(jax.random.key(3), 2).at[1].set(jax.random.key(1))
    stacked = jax.jit(jax.vmap(model.init))(keys)
    for one, many in zip(jax.tree.leaves(started(model)), jax.tree.leaves(stacked), strict=True):
        assert many.dtype == one.dtype == np.float32
        close(many[1], one)
    assert any((leaf[0] != leaf[1]).any() for leaf in jax.tree.leaves(stacked))


@every_model
def test_an_equal_model_does_not_compile_again(model):
    apply(model, started(model), TEXT)
    known = apply._cache_size()
    apply(replace(model), jax.tree.map(np.copy, started(model)), TEXT[::-1])
    assert apply._cache_size() == known


@few_models
def test_fits_sixteen_strings(model):
    """Random strings after distinct prompts, learned by heart and said word for word."""
    model = replace(model, width=32)
    prompts = np.stack([2 + np.arange(16) // 8, 3 + np.arange(16) % 8], axis=1)
    text = np.concatenate([prompts, rng.integers(2, V, size=(16, 3)), np.full((16, 1), EOS)], axis=1)
    rows = Examples(text[..., None].astype(np.int32), np.broadcast_to(np.arange(6) >= 2, (16, 6)))
    config = TrainConfig(steps=300, batch=16, chunk=100, learning_rate=1e-2)
    trained = train(model, Finite(rows, (0,)), config, seeds=(0,))
    written = generate(model, trained.params, rows.tokens[:, :2], max_new=6)
    np.testing.assert_array_equal(written[0], np.pad(text[:, 2:], ((0, 0), (0, 2))))


@pytest.mark.parametrize("size", SIZES)
def test_named_sizes_hold_the_parameters_they_are_named_after(size):
    """Table 8's names; the vocabulary and context that give the paper's 68.61K."""
    model = Transformer.sized(size, vocabulary=298, context=256)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    count = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes))
    number, unit = float(size.split("-")[1][:-1]), {"k": 1e3, "m": 1e6, "b": 1e9}[size[-1]]
    assert count == 68_608 if size == "gpt-68k" else count == pytest.approx(number * unit, rel=0.15)


@pytest.mark.parametrize(
    "bad",
    [
        {"width": 10, "heads": 4},
        {"width": 6, "heads": 2, "positions": "rotary"},
        {"heads": 0},
        {"layers": 0},
        {"context": 0},
        {"spread": 0},
        {"positions": "alibi"},
        {"block": "mamba"},
    ],
)
def test_an_impossible_model_is_the_users_error(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        Transformer(**bad)


def test_an_unknown_size_is_the_users_error():
    with pytest.raises(UserError, match="did you mean 'gpt-68k'"):
        Transformer.sized("gpt-68")


def test_every_pass_is_through_the_same_weights():
    model = VARIANTS["transformer-looped"]
    once = replace(model, loops=1)
    assert np.abs(apply(model, started(model), TEXT) - apply(once, started(model), TEXT)).max() > 1e-3
    assert jax.tree.map(np.shape, started(model)) == jax.tree.map(np.shape, started(once))
