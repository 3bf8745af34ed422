"""Interchanges, paths, knock-outs and probes at the lab: of real models, and never twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.causal import patching, probes
from alchemy.causal.readout import Readout, answer_places, position_labels
from alchemy.errors import UserError
from alchemy.lab import activations
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from tasks.symbols import Symbols

N = 12
WHOLE = 24
"""At least the tokens of a line."""
MASKS = np.stack([np.zeros((WHOLE, WHOLE), bool), np.tri(WHOLE, k=-1, dtype=bool)])
"""Nothing is blocked; a token reads only itself."""


@pytest.fixture(scope="session")
def task() -> Symbols:
    """More elements than the lab's smallest task has, so that there are enough held out."""
    return Symbols(length=(2,))


@pytest.fixture(scope="module")
def stored(model, task, tmp_path_factory):
    """A root with two models, trained for moments, and what was found in them."""
    root = tmp_path_factory.mktemp("lab")
    return root, measured(Lab(root, Progress(quiet=True)), model, task)


def measured(lab, model, task):
    runs = lab.train(model, task, TrainConfig(steps=16, batch=8, chunk=8), seeds=2)
    letters = lab.held_out(task, N, runs.seeds).text.reshape(2, N, -1)[:, :, 0]
    return (
        activations.interchange(lab, runs, task, N),
        activations.interchange(lab, runs, task, N, "heads"),
        activations.paths(lab, runs, task, N),
        activations.knocked_out(lab, runs, task, N, MASKS),
        activations.probe(lab, runs, task, N, {"letter": letters, "other": letters % 2}, letters),
    )


def test_what_is_found_has_its_shape_and_its_range(stored, model, task):
    residual, heads, paths, kept, found = stored[1]
    last = len(task.solve(task.parse("A B [F1] [F2] <think>"))[0]) + 5 - 2  # the answer's last letter: EOS is behind it
    assert residual.source.shape == (2, model.layers + 1, last) and heads.log_odds.shape == (2, 1, last, model.heads)
    assert residual.token_source.shape == (2, model.layers + 1, last, 2)
    assert paths.trace.shape == (2, len(patching.CUTS)) and paths.share.shape == (2,)
    assert found["letter"].accuracy.shape == (2, 2, task.max_len) and found["other"].tokens.shape == (2, task.max_len)
    for effects in (residual, heads):
        shares = effects.source + effects.target
        assert (effects.pairs <= N).all() and np.nanmin(shares) >= 0 and np.nanmax(shares) <= 1
    assert set(found) == {"letter", "other"}
    assert kept.shape == (2, len(MASKS), N) and kept.dtype == bool
    np.testing.assert_array_equal(found["letter"].tokens.shape, found["letter"].chance.shape)


def test_where_an_answer_is_written_its_tokens_are_the_sources(stored):
    """Behind the last layer the token that is written next is all that is left to carry."""
    residual = stored[1][0]
    seeds, _, _, r = residual.token_source.shape
    written = np.stack([residual.token_log_odds[:, -1, place - r, place] for place in range(r)], axis=1)
    known = np.isfinite(written)
    np.testing.assert_allclose(written[known], 1.0, atol=1e-3)
    assert known.any() and written.shape == (seeds, r)


def test_a_knock_out_asks_for_gold_answers_behind_gold_steps(stored, model, task, tmp_path, monkeypatch):
    """Of the answers' letters all are the likeliest in one text of two under the first mask, none under the second."""
    lab, asked = Lab(stored[0], Progress(quiet=True)), {}

    def scripted(model, params, texts, places, changes, **_):
        asked.update(texts=texts, places=places, blocked=changes.blocked)
        likeliest = np.zeros((len(texts), len(MASKS), N, 1, len(places)), bool)
        likeliest[:, 0, ::2] = True
        likeliest[:, 1, :, :, 0] = True  # one letter of two is not an answer
        return Readout(likeliest, np.zeros(likeliest.shape, np.float32))

    monkeypatch.setattr(activations, "read_out", scripted)
    runs = lab.train(model, task, TrainConfig(steps=16, batch=8, chunk=8), seeds=2)
    kept = activations.knocked_out(Lab(tmp_path, Progress(quiet=True)), runs, task, N, MASKS)
    assert kept[:, 0].tolist() == [[True, False] * (N // 2)] * 2 and not kept[:, 1].any()
    gold, t = lab.held_out(task, N, runs.seeds).tokens.reshape(2, N, 1, -1, 1), asked["places"][-1] + 1
    np.testing.assert_array_equal(asked["texts"], gold[:, :, :, :t])
    np.testing.assert_array_equal(asked["blocked"], MASKS[:, :t, :t])


def test_a_second_lab_takes_everything_from_the_store(stored, model, task, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("this was done before")

    root, first = stored
    monkeypatch.setattr(patching, "interchange", refuse)
    monkeypatch.setattr(patching, "paths", refuse)
    monkeypatch.setattr(activations, "read_out", refuse)
    monkeypatch.setattr(probes, "probe", refuse)
    *again, found = measured(Lab(root, Progress(quiet=True)), model, task)
    for result, before in zip([*again, *found.values()], [*first[:4], *first[4].values()], strict=True):
        for array, same in zip(result, before, strict=True):
            np.testing.assert_array_equal(array, same)


def test_positions_are_named_by_what_stands_there(task):
    batch = task.sample(np.random.default_rng(0), 20)
    assert position_labels(task, batch)[:8] == [
        "element 1",
        "element 2",
        "[F1]",
        "[F2]",
        "<think>",
        "step 1.1",
        "step 1.2",
        "[F2]",
    ]
    assert position_labels(task, batch)[-1] == "end"
    places = answer_places(batch, task.vocabulary.index["<answer>"])
    assert [position_labels(task, batch)[place] for place in places] == ["answer 1", "answer 2"]


def test_problems_of_several_shapes_have_no_map(stored, model, task):
    lab = Lab(stored[0], Progress(quiet=True))
    runs = lab.train(model, task, TrainConfig(steps=16, batch=8, chunk=8), seeds=2)
    with pytest.raises(UserError, match="different shapes"):
        activations.interchange(lab, runs, replace(task, length=(2, 3)), N)
