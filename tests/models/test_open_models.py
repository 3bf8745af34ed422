"""What every model that opens its activations must keep."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from alchemy.learning.open_model import NO_PATCH, Activations, OpenModel, Patch
from tests.models.test_model_contract import COVER, TEXT, VARIANTS, T, apply, close, started

OPEN = [name for name in COVER if isinstance(VARIANTS[name], OpenModel)]
SOME = [name for name in OPEN if not name.endswith(("llama-sinusoidal-tied", "gpt-none-untied", "gpt-random-tied"))]
every_open_model = pytest.mark.parametrize("model", [VARIANTS[name] for name in OPEN], ids=OPEN)
some_open_models = pytest.mark.parametrize(  # patches come behind the embedding: how positions are given matters little
    "model", [VARIANTS[name] for name in SOME], ids=SOME
)
opened = jax.jit(lambda model, params, tokens, patch=NO_PATCH: model.open(params, tokens, patch), static_argnums=0)
OTHER = TEXT[::-1].copy()
rng = np.random.default_rng(1)


def both(model):
    """Logits and activations of two sets of texts, read without a patch."""
    return (jax.tree.map(np.asarray, opened(model, started(model), text)) for text in (TEXT, OTHER))


def moved(model, patch):
    """By how much a patch moves each logit of `TEXT`: (n, t)."""
    logits, _ = opened(model, started(model), TEXT)
    return np.abs(np.asarray(opened(model, started(model), TEXT, patch)[0]) - logits).max(axis=-1)


@every_open_model
def test_logits_without_a_patch_are_those_of_apply(model):
    logits, seen = opened(model, started(model), TEXT)
    np.testing.assert_array_equal(logits, apply(model, started(model), TEXT))
    passes = model.layers * model.loops
    assert seen.residual.shape == (len(TEXT), passes + 1, T, model.width)
    assert seen.heads.shape == (len(TEXT), passes, T, model.heads, model.width // model.heads)


@some_open_models
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_whole_layer_of_another_run_gives_its_logits(model, layer):
    (own, _), (other, seen) = both(model)
    exchanged = [layer, 0] if model.inject else [layer]  # what is added again before later layers is exchanged as well
    at = np.zeros((1, *seen.residual.shape[1:3]), bool)
    at[:, exchanged] = True
    changed, seen_changed = opened(model, started(model), TEXT, Patch(residual=seen.residual, residual_at=at))
    close(changed, other)
    close(seen_changed.residual[:, layer:], seen.residual[:, layer:])
    assert np.abs(own - other).max() > 1e-3


@some_open_models
def test_all_heads_and_embeddings_of_another_run_give_its_logits(model):
    _, (other, seen) = both(model)
    at = np.zeros((1, *seen.residual.shape[1:3]), bool)
    at[:, 0] = True
    patch = Patch(seen.residual, at, seen.heads, np.ones((1, *seen.heads.shape[1:4]), bool))
    close(opened(model, started(model), TEXT, patch)[0], other)


@some_open_models
def test_a_patch_of_nothing_and_of_ones_own_changes_nothing(model):
    (own, seen), (_, other) = both(model)
    masks = np.ones((1, *seen.residual.shape[1:3]), bool), np.ones((1, *seen.heads.shape[1:4]), bool)
    none = Patch(other.residual, ~masks[0], other.heads, ~masks[1], np.zeros((1, T, T), bool))
    same = Patch(seen.residual, masks[0], seen.heads, masks[1])
    for patch in (none, same):
        close(opened(model, started(model), TEXT, patch)[0], own)


@some_open_models
@pytest.mark.parametrize("place", [0, 3, T - 1])
def test_a_patch_changes_only_what_comes_behind(model, place):
    _, (_, seen) = both(model)
    for part in Activations._fields:
        values = getattr(seen, part)
        at = np.zeros((1, *values.shape[1:-1]), bool)
        at[:, 0, place] = True
        change = moved(model, Patch(**{part: values + 1.0, f"{part}_at": at}))
        assert not change[:, :place].any() and change[:, place].min() > 1e-4


@some_open_models
def test_what_is_blocked_is_not_read(model):
    """A token that none may read changes its own logits alone; blocking a token from itself does nothing.

    It is none of those by which a model counts places, and the one behind it is no thought, which is fed what was made of it:
    neither is a matter of attention.
    """
    key = 2
    blocked = np.zeros((1, T, T), bool)
    blocked[:, key + 1 :, key] = True
    texts = [TEXT.copy(), TEXT.copy()]
    for text, token in zip(texts, (9, 10), strict=True):
        text[:, key], text[:, key + 1] = token, 8
    logits = [np.asarray(opened(model, started(model), text, Patch(blocked=blocked))[0]) for text in texts]
    change = np.abs(logits[0] - logits[1]).max(axis=-1)
    assert change[:, key].min() > 1e-4
    np.testing.assert_array_equal(np.delete(change, key, axis=1), 0)
    assert moved(model, Patch(blocked=blocked))[:, key + 1 :].min() > 1e-6
    assert moved(model, Patch(blocked=np.eye(T, dtype=bool)[None])).max() < 1e-5
