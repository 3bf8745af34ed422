"""What every file in models/ must keep."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache, partial
from itertools import product

import jax
import numpy as np
import pytest

from alchemy import discover
from alchemy.decoding.cache import branch
from alchemy.decoding.generate import generate
from alchemy.errors import UserError
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples, Finite
from alchemy.learning.kept import Kept
from alchemy.learning.open_model import Patch
from alchemy.learning.train import size, train
from alchemy.problem.task import EOS, PAD
from models import kernels, transformer
from models.sizes import SIZES
from models.transformer import BLOCKS, POSITIONS, Transformer

V, T = 11, 8
SMALL = {"vocabulary": V, "context": 16, "width": 16, "layers": 2, "heads": 2}


def small(kind):
    return kind(**{name: value for name, value in SMALL.items() if name in {field.name for field in fields(kind)}})


VARIANTS = {name: small(discover.find("model", name)) for name in discover.entries("model") if name != "transformer"}
for i, (block, positions) in enumerate(product(BLOCKS, POSITIONS[:5])):  # tied and untied with each of both
    name = f"transformer-{block}-{positions}-{'untied' if i % 2 else 'tied'}"
    VARIANTS[name] = Transformer(**SMALL, block=block, positions=positions, tied=not i % 2)
VARIANTS["transformer-offset"] = Transformer(**SMALL, positions="offset", spread=2)
VARIANTS["transformer-coupled"] = Transformer(**SMALL, positions="coupled", marks=(3, 4))
VARIANTS["transformer-looped"] = Transformer(**SMALL, block="llama", positions="rotary", loops=2)
VARIANTS["transformer-looped-injected"] = Transformer(**SMALL, loops=3, inject=True)
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
        "offset",
        "coupled",
        "looped",
        "looped-injected",
    )
]
every_model = pytest.mark.parametrize("model", VARIANTS.values(), ids=VARIANTS)  # what takes no program
covering_models = pytest.mark.parametrize("model", [VARIANTS[name] for name in COVER], ids=COVER)
few_models = pytest.mark.parametrize("model", [VARIANTS[name] for name in FEW], ids=FEW)  # what is slow to compile

LENGTHS = np.array([5, 3, 6, 1, 2, 6, 4, 5])
rng = np.random.default_rng(0)
TEXT = rng.integers(2, V, size=(len(LENGTHS), T, 1)).astype(np.int32)
PROMPTS = np.where((np.arange(T) < LENGTHS[:, None])[..., None], TEXT, PAD)
INSIDE = np.arange(T) < LENGTHS[:, None]
close = partial(np.testing.assert_allclose, rtol=0, atol=1e-5, equal_nan=False)
last_of = jax.jit(lambda model, *args: model.extend(*args, last=True), static_argnums=0)


@cache
def program(model, name):
    """One of a model's functions, which is not traced again where an earlier process has run it."""
    return Kept(getattr(model, name), model)


def apply(model, params, tokens):
    return program(model, "apply")(params, tokens)


def extend(model, params, cache, tokens):
    return program(model, "extend")(params, cache, tokens)


def test_the_cover_has_every_block_and_every_way_to_give_positions():
    covered = [VARIANTS[name] for name in COVER]
    for field, values in {"block": BLOCKS, "positions": POSITIONS, "tied": (False, True), "loops": (1, 2, 3)}.items():
        assert {getattr(model, field) for model in covered if isinstance(model, Transformer)} == set(values)


@cache
def started(model):
    return jax.tree.map(np.asarray, program(model, "init")(jax.random.key(1)))


@covering_models
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


@covering_models
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


def read_for_its_last_logits(model, length):
    """The states behind prompts in so many slots, of which the last logits alone were had, and all; those are compared."""
    logits, cache = extend(model, started(model), model.init_cache(len(TEXT), length), PROMPTS)
    last, same = last_of(model, started(model), model.init_cache(len(TEXT), length), PROMPTS)
    close(last, np.take_along_axis(np.asarray(logits), LENGTHS[:, None, None] - 1, axis=1))
    np.testing.assert_array_equal(same.length, cache.length)
    return same, cache


@covering_models
def test_the_last_logits_can_be_had_alone(model):
    """Those of each row's last token, and a cache that goes on as if all had been wanted."""
    states = read_for_its_last_logits(model, T + 2)
    close(*(np.asarray(extend(model, started(model), state, TEXT[:, :1])[0]) for state in states))


@few_models
def test_the_last_logits_can_be_had_alone_where_the_text_fills_the_slots(model):
    """What goes on is then a branch."""
    states = [branch(model, state, 1, 1) for state in read_for_its_last_logits(model, T)]
    close(*(np.asarray(extend(model, started(model), state, TEXT[:, :1])[0]) for state in states))


@partial(jax.jit, static_argnums=0, static_argnames="start")
@partial(jax.grad, argnums=1, has_aux=True)
def slope(model, params, weights, start=0):
    """The gradients of a weighted sum of the logits from a token on, and these logits."""
    logits = model.apply(params, TEXT, start=start)
    return (logits * weights).sum(), logits


WEIGHTS = np.cos(np.arange(TEXT.size * V)).reshape(len(TEXT), T, V).astype(np.float32)


def same_slope(results, others):
    """Logits and their gradients, in single precision."""
    (gradient, logits), (other_gradient, other_logits) = results, others
    close(logits, other_logits)
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(gradient)) > 0.1
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), gradient, other_gradient)


@covering_models
def test_logits_can_be_had_from_a_token_on(model):
    part = jax.jit(partial(model.apply, start=T - 2))(started(model), TEXT)
    assert part.shape == (len(TEXT), 2, V)
    close(part, apply(model, started(model), TEXT)[:, -2:])


@few_models
def test_gradients_of_logits_from_a_token_on_are_those_of_the_whole_text(model):
    whole, logits = slope(model, started(model), np.where(np.arange(T)[:, None] < T - 2, 0, WEIGHTS))
    part, same = slope(model, started(model), WEIGHTS[:, -2:], start=T - 2)
    same_slope((part, same), (whole, logits[:, -2:]))


@few_models
def test_other_kernels_say_the_same(model, monkeypatch):
    """Those that are not for the platform that the tests run on."""
    own = slope(model, started(model), WEIGHTS)
    other = kernels.ACCELERATOR if kernels.native() == kernels.CPU else kernels.CPU
    monkeypatch.setattr(kernels, "native", lambda: other)
    monkeypatch.setattr(transformer, "native", lambda: other)
    traced_anew = jax.jit(lambda *args: slope.__wrapped__(*args), static_argnums=0)
    same_slope(traced_anew(model, started(model), WEIGHTS), own)


@pytest.mark.parametrize("name", [*FEW, "transformer-gpt-random-tied", "transformer-offset", "transformer-coupled"])
def test_what_is_random_in_training_depends_on_a_rows_key_alone(name):
    model = VARIANTS[name]
    plain, keys = np.asarray(apply(model, started(model), TEXT)), jax.random.split(jax.random.key(0), len(TEXT))
    train = jax.jit(model.apply)
    few = train(started(model), TEXT[::-1][:3], keys[::-1][:3])
    if getattr(model, "positions", "") not in ("random", "offset", "coupled"):
        close(few, plain[::-1][:3])
        return
    whole = np.asarray(train(started(model), TEXT, keys))
    close(few, whole[::-1][:3])
    assert np.abs(whole - plain).max() > 1e-3


@covering_models
def test_padding_does_not_matter(model):
    padded, full = (np.asarray(apply(model, started(model), tokens)) for tokens in (PROMPTS, TEXT))
    close(padded[INSIDE], full[INSIDE])
    assert np.isfinite(padded).all()


@covering_models
def test_positions_of_several_ids(model):
    """A further id that is PAD adds nothing, one that is not does, and their order says nothing."""
    params, logits = started(model), apply(model, started(model), TEXT)
    two_ids = np.concatenate([TEXT, np.roll(TEXT, 1, axis=1)], axis=2)
    close(apply(model, params, np.concatenate([TEXT, np.full_like(TEXT, PAD)], axis=2)), logits)
    assert np.abs(apply(model, params, two_ids) - logits).max() > 1e-4
    close(apply(model, params, two_ids), apply(model, params, two_ids[..., ::-1]))


@pytest.mark.parametrize("name", [name for name in COVER if name.startswith("transformer") and "looped" not in name])
def test_members_of_a_set_have_no_place(name):
    """One layer cannot tell the order of positions with several ids, wherever the text around them puts them."""
    model = replace(VARIANTS[name], layers=1)
    params, members = started(model), np.stack([TEXT[:, :4, 0], np.roll(TEXT[:, :4, 0], 1, axis=1)], axis=2)
    text = np.concatenate([TEXT, np.full_like(TEXT, PAD)], axis=2)
    whole = np.concatenate([members, text], axis=1)
    logits = np.asarray(apply(model, params, whole))
    close(logits[:, 4:], apply(model, params, np.concatenate([members[:, ::-1], text], axis=1))[:, 4:])
    alone = apply(model, params, np.concatenate([text, np.full_like(members, PAD)], axis=1))[:, :T]
    assert np.abs(logits[:, 4:] - alone).max() > 1e-4
    cache = model.init_cache(len(TEXT), T + 4)
    for first in range(0, T + 4, 3):  # the first part ends amid the members
        part, cache = extend(model, params, cache, whole[:, first : first + 3])
        close(part, logits[:, first : first + 3])


def products(program):
    """The types that matrix products of a jaxpr are of, those of its loops included; not of sums, which are products with ones."""
    for step in program.eqns:
        if step.primitive.name == "dot_general" and 1 not in step.invars[1].aval.shape:
            yield step.invars[0].aval.dtype.name
        for inner in jax.tree.leaves(list(step.params.values()), is_leaf=lambda value: hasattr(value, "jaxpr")):
            if hasattr(inner, "jaxpr"):
                yield from products(inner.jaxpr)


@covering_models
def test_works_in_the_precision_of_its_parameters(model):
    """But for the last product: logits are float32."""
    half = jax.tree.map(lambda leaf: jax.numpy.asarray(leaf, "bfloat16"), started(model))
    *inside, last = products(jax.make_jaxpr(lambda params: model.apply(params, TEXT))(half).jaxpr)
    assert set(inside) == {"bfloat16"} and last == "float32"


@few_models
def test_many_seeds_are_one_init_each(model):
    keys = jax.random.split(jax.random.key(3), 2).at[1].set(jax.random.key(1))
    stacked = jax.jit(jax.vmap(model.init))(keys)
    for leaf, stacked_leaf in zip(jax.tree.leaves(started(model)), jax.tree.leaves(stacked), strict=True):
        assert stacked_leaf.dtype == leaf.dtype == np.float32
        close(stacked_leaf[1], leaf)
    assert any((leaf[0] != leaf[1]).any() for leaf in jax.tree.leaves(stacked))


@covering_models
def test_parameters_count_as_often_as_a_token_passes_through_them(model):
    assert size(model) == model.loops * sum(leaf.size for leaf in jax.tree.leaves(started(model)))


@every_model
def test_an_equal_model_does_not_compile_again(model):
    """As programs are found by the model they are of."""
    same = replace(model)
    assert same is not model and same == model and hash(same) == hash(model)
    assert all(other != model for other in VARIANTS.values() if other is not model)


@few_models
def test_fits_sixteen_strings(model):
    """Random strings after distinct prompts, learned by heart and said word for word."""
    model = replace(model, width=32) if hasattr(model, "width") else model
    prompts = np.stack([2 + np.arange(16) // 8, 3 + np.arange(16) % 8], axis=1)
    text = np.concatenate([prompts, rng.integers(2, V, size=(16, 3)), np.full((16, 1), EOS)], axis=1)
    rows = Examples(text[..., None].astype(np.int32), np.broadcast_to(np.arange(6) >= 2, (16, 6)))
    config = TrainConfig(steps=300, batch=16, chunk=100, learning_rate=1e-2)
    trained = train(model, Finite(rows, (0,)), config, seeds=(0,))
    written = generate(model, trained.params, rows.tokens[:, :2], max_new=6)
    np.testing.assert_array_equal(written[0], np.pad(text[:, 2:], ((0, 0), (0, 2))))


@pytest.mark.parametrize("name", SIZES)
def test_named_sizes_hold_the_parameters_they_are_named_after(name):
    """Table 8's names; the vocabulary and context that give the paper's 68.61K."""
    model = Transformer.sized(name, vocabulary=298, context=256)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    count = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes))
    number, unit = float(name.split("-")[1][:-1]), {"k": 1e3, "m": 1e6, "b": 1e9}[name[-1]]
    assert count == 68_608 if name == "gpt-68k" else count == pytest.approx(number * unit, rel=0.15)


@pytest.mark.parametrize(
    "bad",
    [
        {"width": 10, "heads": 4},
        {"width": 6, "heads": 2, "positions": "rotary"},
        {"heads": 0},
        {"layers": 0},
        {"hidden": -1},
        {"context": 0},
        {"spread": 0},
        {"positions": "alibi"},
        {"block": "mamba"},
        {"positions": "coupled"},
        {"marks": (3,)},
    ],
)
def test_an_impossible_model_is_the_users_error(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        Transformer(**bad)


def test_coupled_positions_are_counted_anew_behind_marks():
    """The third token of a prompt and the third behind its mark, 5, have one place, wherever places begin in training."""
    model = Transformer(**SMALL, positions="coupled", marks=(5, 6), spread=2)
    tokens = np.array([[7, 8, 9, 5, 7, 6, 6, 8], [5, 8, 9, 7, 7, 7, 7, 7]], np.int32)[..., None]
    places = np.array([[0, 1, 2, 3, 0, 1, 0, 0], [0, 0, 1, 2, 3, 4, 5, 6]])
    params = started(model)
    table = np.random.default_rng(0).normal(size=(32, 16)).astype(np.float32)

    read = jax.jit(replace(model, positions="learned", marks=(), context=32).apply)

    def embedded(places):
        whole = [
            np.asarray(read({**params, "place": {"embedding": table[row]}}, text[None]))[0]
            for row, text in zip(np.pad(places, ((0, 0), (0, 24))), tokens, strict=True)
        ]
        return np.stack(whole)

    own = {**params, "place": {"embedding": table}}
    close(model.apply(own, tokens), embedded(places))
    drawn = np.asarray(model.apply(own, tokens, jax.random.split(jax.random.key(0), 2)))
    from_each = [embedded(places + first) for first in range(25)]
    begun = [
        [first for first, found in enumerate(from_each) if np.allclose(found[row], drawn[row], atol=1e-4)]
        for row in range(2)
    ]
    assert [len(found) for found in begun] == [1, 1] and begun[0] != begun[1]


def test_the_architecture_by_value():
    """Models are named by what differs from it."""
    assert Transformer() == Transformer(1, 64, 2, 4, 0, 1, 32, "gpt", "learned", 4, 0.02, True, "gelu")


def test_an_unknown_size_is_the_users_error():
    with pytest.raises(UserError, match="did you mean 'gpt-68k'"):
        Transformer.sized("gpt-68")


def test_every_pass_is_through_the_same_weights():
    model = VARIANTS["transformer-looped"]
    once = replace(model, loops=1)
    assert np.abs(apply(model, started(model), TEXT) - apply(once, started(model), TEXT)).max() > 1e-3
    assert jax.tree.map(np.shape, started(model)) == jax.tree.map(np.shape, started(once))
    assert size(model) == 2 * size(once)


def test_injected_embeddings_are_added_before_every_further_pass():
    """What three passes say is what one pass says of a residual stream put together by hand: that behind the pass before, and
    the embeddings."""
    model = VARIANTS["transformer-looped-injected"]
    once, params = replace(model, loops=1), started(model)
    everywhere = np.ones((1, SMALL["layers"] + 1, T), bool)
    everywhere[:, 1:] = False
    logits, seen = once.open(params, TEXT)
    embedded = np.asarray(seen.residual[:, 0])
    for _ in range(2):
        start = np.zeros_like(seen.residual)
        start[:, 0] = np.asarray(seen.residual[:, -1]) + embedded
        logits, seen = once.open(params, TEXT, Patch(residual=start, residual_at=everywhere))
    close(apply(model, params, TEXT), logits)
    assert np.abs(apply(replace(model, inject=False), params, TEXT) - logits).max() > 1e-3
