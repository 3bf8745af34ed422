"""Training is a pure function of (model, data, config, seed), however often it is interrupted."""

from __future__ import annotations

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import jax
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.learning import checkpoint, tuning
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import (
    Examples,
    Finite,
    Stream,
    examples,
)
from alchemy.learning.optimizers import Rates, optimizer, schedule
from alchemy.learning.train import Part, _runner, train, train_together
from alchemy.learning.train import drawn as begun
from alchemy.problem.split import Split, join, train_chunk
from alchemy.problem.task import EOS, PAD
from tasks.symbols import Symbols

CONFIG = TrainConfig(steps=16, batch=8, chunk=4)
SEEDS = (3, 5)


@pytest.fixture(scope="module")
def stream(task):
    return Stream(lambda seed, step, n: examples(train_chunk(task, Split(), seed, step, n)))


@pytest.fixture(scope="module")
def undisturbed(model, stream):
    return train(model, stream, CONFIG, seeds=SEEDS)


@pytest.fixture(scope="module")
def drawing(model):
    """A model of which positions are drawn in training."""
    return replace(model, positions="random")


@pytest.fixture(scope="module")
def drawn(drawing, stream):
    """Losses of its training, a seed on each of the two devices."""
    return train(drawing, stream, CONFIG, seeds=SEEDS).losses


def same(tree, other):
    for left, right in zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(left, right)


def stop_at(step):
    def progress(done, loss):
        if done >= step:
            raise KeyboardInterrupt

    return progress


def finite(task, seeds, n=12):
    split = Split()
    batch = join([split.distinct(task, np.random.default_rng([seed, 1]), n, "train") for seed in seeds])
    return Finite(examples(batch), seeds)


def test_what_is_never_judged_is_not_worked_at(model, task, stream, undisturbed, monkeypatch):
    """The same training but for rounding, and a loss on prompts would not be seen; a tiny model's lines are padded besides."""
    monkeypatch.setattr(tuning, "TINY", 0)
    fewer = train(model, replace(stream, unscored=task.shortest_prompt), CONFIG, seeds=SEEDS)
    np.testing.assert_allclose(fewer.losses, undisturbed.losses, rtol=1e-4)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-3), fewer.params, undisturbed.params)
    lines = Stream(lambda seed, step, n: examples(train_chunk(task, Split(), seed, step, n), "sequence"))
    on_all, on_completions = (
        train(model, replace(lines, unscored=unscored), CONFIG, seeds=SEEDS) for unscored in (0, task.shortest_prompt)
    )
    assert (on_completions.losses[:, 0] < 0.8 * on_all.losses[:, 0]).all()


def test_a_seed_does_not_see_its_neighbours(model, stream, undisturbed):
    """Bit for bit as long as each seed has a device of its own."""
    four = train(model, stream, CONFIG, seeds=(5, 8, 3, 0))
    same(jax.tree.map(lambda leaf: leaf[[2, 0]], four), undisturbed)
    assert (four.losses[0] != four.losses[1]).any()


@pytest.fixture
def shared(monkeypatch):
    """Devices share batches as small as those of tests, four sequences each."""
    monkeypatch.setattr("alchemy.learning.train.MIN_SHARD", 4)


@pytest.mark.usefixtures("shared")
def test_devices_that_share_a_batch_get_the_same_result(model, stream, undisturbed):
    """One seed on two devices sums a batch in two halves: equal but for rounding, which Adam's first steps magnify."""
    same(train(model, stream, CONFIG, seeds=SEEDS), undisturbed)  # each seed has a device, and none is left to share
    alone = train(model, stream, CONFIG, seeds=SEEDS[:1])
    assert (alone.losses[0] != undisturbed.losses[0]).any(), "the order of sums differs"
    np.testing.assert_allclose(alone.losses[0], undisturbed.losses[0], rtol=1e-4)
    for leaf, stacked in zip(jax.tree.leaves(alone.params), jax.tree.leaves(undisturbed.params), strict=True):
        np.testing.assert_allclose(leaf[0], stacked[0], atol=2e-3)


def test_a_state_that_is_divided_gives_the_same_and_each_device_has_its_part(model, stream, undisturbed):
    parts, shapes = [], {leaf.shape for leaf in jax.tree.leaves(undisturbed.params) if leaf.ndim > 2}

    def look(*_):
        held = [array for array in jax.live_arrays() if array.shape in shapes]
        parts.extend(array.sharding.shard_shape(array.shape)[1:] != array.shape[1:] for array in held)

    divided = train(model, stream, CONFIG, seeds=SEEDS, sharded=True, progress=look)
    np.testing.assert_allclose(divided.losses, undisturbed.losses, rtol=1e-4)
    jax.tree.map(partial(np.testing.assert_allclose, atol=2e-3), divided.params, undisturbed.params)
    assert any(parts)
    with pytest.raises(UserError, match="muon needs whole matrices"):
        train(model, stream, replace(CONFIG, optimizer="muon"), seeds=SEEDS, sharded=True)


@pytest.mark.usefixtures("shared")
def test_what_is_random_does_not_depend_on_the_devices(drawing, stream, drawn):
    """Positions are drawn in training; one seed has both devices, of two seeds each has one."""
    alone = train(drawing, stream, CONFIG, seeds=SEEDS[:1])
    np.testing.assert_allclose(alone.losses[0], drawn[0], rtol=1e-4)
    assert (alone.losses[0] != drawn[0]).any() and (drawn[0] != drawn[1]).any()


@pytest.mark.parametrize("copies", [False, True], ids=["in turn", "side by side"])
def test_a_divided_batch_gets_the_same_result(drawing, stream, drawn, monkeypatch, copies):
    """As CPUs divide it, one microbatch after the other, and as accelerators do, each with its own copy of the weights."""
    monkeypatch.setattr(tuning, "microbatches", lambda n, t, weights: 4)
    monkeypatch.setattr(tuning, "in_parallel", lambda: copies)
    monkeypatch.setattr("alchemy.learning.train._runner", _runner.__wrapped__)  # compiled for this test alone
    monkeypatch.setenv("ALCHEMY_RETRACE", "1")
    divided = train(drawing, stream, CONFIG, seeds=SEEDS).losses
    np.testing.assert_allclose(divided, drawn, rtol=1e-4)
    assert (divided != drawn).any(), "the order of sums differs"


def test_weights_are_to_the_bit_those_of_one_operation_after_the_other(model):
    keys = jax.vmap(jax.random.key)(np.array(SEEDS))
    same(begun(model, keys), jax.vmap(model.init)(keys))


def test_losses_fall_and_the_config_matters(undisturbed):
    assert undisturbed.losses.shape == (len(SEEDS), CONFIG.steps) and undisturbed.losses.dtype == np.float32
    assert (undisturbed.losses[:, -4:].mean(axis=1) < undisturbed.losses[:, :4].mean(axis=1)).all()


@settings(deadline=None)  # jax compiles for the first example
@given(st.floats(0, 1), st.integers(1, 300), st.integers(0, 299))
def test_rates_rise_and_fall_as_optax_has_them(warmup, steps, start):
    config, start = TrainConfig(steps=steps, warmup=warmup), min(start, steps - 1)
    rising = max(1, round(warmup * steps))
    rates_of_optax = optax.warmup_cosine_decay_schedule(0.0, 1.0, rising, max(steps, rising + 1))
    share = np.asarray(rates_of_optax(np.arange(300)))[start:steps]
    rates = schedule(config, start, steps - start)
    np.testing.assert_allclose(rates.adamw, config.learning_rate * share, atol=1e-6 * config.learning_rate)
    np.testing.assert_allclose(rates.matrix, config.matrix_rate * share, atol=1e-6 * config.matrix_rate)


def test_other_rates_and_lengths_are_the_same_program(model, stream):
    """As each would take seconds to compile; and the rates are not those of the first that was compiled."""
    first = train(model, stream, CONFIG, seeds=SEEDS)
    before = _runner.cache_info().misses
    other = train(model, stream, replace(CONFIG, steps=24, learning_rate=1e-3, warmup=0.5), seeds=SEEDS)
    assert _runner.cache_info().misses == before
    assert (other.losses[:, 1] == first.losses[:, 1]).all(), "the first step has no rate"
    assert (other.losses[:, 2:16] != first.losses[:, 2:]).any()
    decayed = train(model, stream, replace(CONFIG, weight_decay=0.5), seeds=SEEDS)
    assert _runner.cache_info().misses == before + 1 and (decayed.losses != first.losses).any()


@pytest.mark.parametrize("steps", [(8,), (16,), (4, 8, 12)])
def test_resumes_bit_for_bit_where_ctrl_c_came(model, stream, undisturbed, tmp_path, steps):
    for step in steps:
        with pytest.raises(KeyboardInterrupt):
            train(model, stream, CONFIG, seeds=SEEDS, directory=tmp_path, progress=stop_at(step))
        assert [path.name for path in tmp_path.iterdir()] == [str(step)]
    steps_done = []
    resumed = train(
        model, stream, CONFIG, seeds=SEEDS, directory=tmp_path, progress=lambda done, _: steps_done.append(done)
    )
    assert steps_done == list(range(steps[-1] + 4, 17, 4))
    same(resumed, undisturbed)


@dataclass(frozen=True)
class Signalled:
    """A stream during whose chunk at step 8 Ctrl-C comes once."""

    stream: Stream
    unscored: int = 0

    def table(self):
        return None

    def chunk(self, seed, start, steps, batch):
        if start == 8 and seed == SEEDS[0]:
            signal.raise_signal(signal.SIGINT)
        return self.stream.chunk(seed, start, steps, batch)


def test_muon_trains_and_resumes_bit_for_bit(model, stream, undisturbed, tmp_path):
    config = replace(CONFIG, optimizer="muon")
    uninterrupted = train(model, stream, config, seeds=SEEDS)
    assert (uninterrupted.losses[:, -4:].mean(axis=1) < uninterrupted.losses[:, :4].mean(axis=1)).all()
    assert not np.array_equal(uninterrupted.losses, undisturbed.losses)
    with pytest.raises(KeyboardInterrupt):
        train(model, stream, config, seeds=SEEDS, directory=tmp_path, progress=stop_at(8))
    same(train(model, stream, config, seeds=SEEDS, directory=tmp_path), uninterrupted)


def test_muon_orthogonalises_matrices_of_blocks_and_leaves_the_rest_to_adamw():
    """A first step: all singular values of a matrix are about one rate, whatever its gradient's; others move by the other."""
    config = TrainConfig(optimizer="muon", weight_decay=0.0, clip=1e9)
    rng = np.random.default_rng(0)
    stretched = np.diag([9.0, 3.0, 1.0, 0.5]) @ rng.normal(size=(2, 4, 4))
    gradient = jax.tree.map(np.float32, {"blocks": stretched, "embedding": rng.normal(size=(5, 3))})
    rules = optimizer(config, Rates(adamw=np.float32(0.5), matrix=np.float32(0.25)))
    updates, _ = jax.jit(lambda leaves: rules.update(leaves, rules.init(leaves), leaves))(gradient)
    values = np.linalg.svd(updates["blocks"], compute_uv=False)
    assert np.abs(values / 0.25 - 1).max() < 0.4 and np.ptp(np.linalg.svd(stretched, compute_uv=False)) > 5
    nesterov = 0.9 * 0.1 / (1 - 0.9**2) + 0.1 / (1 - 0.9)  # of the first gradient, in Adam's first step (Dozat 2016)
    np.testing.assert_allclose(updates["embedding"], -0.5 * nesterov * np.sign(gradient["embedding"]), rtol=1e-3)


@pytest.fixture
def interruptible():
    """A process that a shell puts in the background is born deaf to Ctrl-C."""
    born = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, born)


@pytest.mark.usefixtures("interruptible")
def test_resumes_bit_for_bit_where_the_signal_came(model, stream, undisturbed, tmp_path):
    """The next chunk is made while the device works: the signal comes amid a chunk and waits for its end."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(model, Signalled(stream), CONFIG, seeds=SEEDS, directory=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["8"]
    assert signal.getsignal(signal.SIGINT) is before
    same(train(model, stream, CONFIG, seeds=SEEDS, directory=tmp_path), undisturbed)


def test_who_is_deaf_to_ctrl_c_is_not_stopped(model, stream, undisturbed):
    """A process that ignores it, and a thread, which is never told of it."""
    born = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        same(train(model, Signalled(stream), CONFIG, seeds=SEEDS), undisturbed)
    finally:
        signal.signal(signal.SIGINT, born)
    with ThreadPoolExecutor(1) as threads:
        same(threads.submit(train, model, stream, CONFIG, seeds=SEEDS).result(), undisturbed)


def test_resumes_bit_for_bit_after_a_kill(model, stream, undisturbed, tmp_path):
    """A kill leaves an older save, perhaps with half of a newer one beside it."""
    with pytest.raises(KeyboardInterrupt):
        train(model, stream, CONFIG, seeds=SEEDS, directory=tmp_path, progress=stop_at(4))
    half = tmp_path / "12.orbax-checkpoint-tmp-0"
    shutil.copytree(tmp_path / "4", half)
    next(path for path in half.rglob("*") if path.is_file()).unlink()
    same(train(model, stream, CONFIG, seeds=SEEDS, directory=tmp_path, save_every=0), undisturbed)
    same(train(model, stream, CONFIG, seeds=SEEDS, directory=tmp_path), undisturbed)


def test_a_state_is_saved_once_twenty_seconds_are_over(model, stream, undisturbed, tmp_path, monkeypatch):
    """By a clock that says 0, and at the end of each chunk ten more: not yet at 10 and 20."""
    clock, saved = count(0, 10), []
    monkeypatch.setattr("alchemy.learning.train.monotonic", lambda: next(clock))
    monkeypatch.setattr(checkpoint, "save", lambda directory, step, state: saved.append(step))
    same(train(model, stream, CONFIG, seeds=SEEDS, directory=tmp_path), undisturbed)
    assert saved == [12]
    clock = count(0, 10)
    same(train_together(model, [Part(stream, CONFIG, SEEDS)], directory=tmp_path), [undisturbed])
    assert saved == [12, 12]
    with pytest.raises(KeyboardInterrupt):
        train(model, stream, CONFIG, seeds=SEEDS, progress=stop_at(4))
    assert saved == [12, 12]


def test_a_damaged_or_foreign_checkpoint_is_named(model, stream, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(model, stream, CONFIG, seeds=SEEDS, directory=tmp_path, progress=stop_at(4))
    for other, seeds, config in (
        (replace(model, width=32), SEEDS, CONFIG),
        (model, SEEDS, replace(CONFIG, steps=20)),
    ):
        with pytest.raises(UserError, match=str(tmp_path / "4")):
            train(other, stream, config, seeds=seeds, directory=tmp_path)
    for path in (tmp_path / "4").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=str(tmp_path / "4")):
        train(model, stream, CONFIG, seeds=SEEDS, directory=tmp_path)


def test_fine_tuning_starts_where_it_is_told(model, stream, undisturbed):
    """With a rate of nothing the models stay what they were, and what was given is not touched."""
    initial = jax.tree.map(np.copy, undisturbed.params)
    still = replace(CONFIG, learning_rate=0.0)
    same(train(model, stream, still, seeds=SEEDS, init=initial).params, undisturbed.params)
    same(initial, undisturbed.params)
    with pytest.raises(UserError, match="2 models were given to train on, for 3 seeds"):
        train(model, stream, CONFIG, seeds=(1, 2, 3), init=initial)


def test_bfloat16_keeps_parameters_in_float32(model, stream, undisturbed):
    half = train(model, stream, replace(CONFIG, precision="bfloat16"), seeds=SEEDS)
    assert {leaf.dtype for leaf in jax.tree.leaves(half.params)} == {np.dtype(np.float32)}
    assert (half.losses != undisturbed.losses).any()
    np.testing.assert_allclose(half.losses, undisturbed.losses, rtol=0.05)


def test_a_finite_set_is_held_on_the_device_and_resumes(model, task, tmp_path):
    data = finite(task, SEEDS)
    uninterrupted = train(model, data, CONFIG, seeds=SEEDS)
    with pytest.raises(KeyboardInterrupt):
        train(model, data, CONFIG, seeds=SEEDS, directory=tmp_path, progress=stop_at(8))
    same(train(model, data, CONFIG, seeds=SEEDS, directory=tmp_path), uninterrupted)


@given(n=st.integers(1, 20), batch=st.integers(1, 12), chunk=st.integers(1, 7), seed=st.sampled_from([4, 9]))
def test_every_epoch_visits_each_row_once(n, batch, chunk, seed):
    rows = Examples(np.zeros((2 * n, 1, 1), np.int32), np.ones((2 * n, 1), bool))
    data, steps = Finite(rows, (4, 9)), 3 * chunk
    drawn = np.concatenate([data.chunk(seed, start, chunk, batch).ravel() for start in range(0, steps, chunk)])
    np.testing.assert_array_equal(drawn, data.chunk(seed, 0, steps, batch).ravel())
    first = (4, 9).index(seed) * n
    for epoch in range(len(drawn) // n):
        assert sorted(drawn[epoch * n : (epoch + 1) * n]) == list(range(first, first + n))


def test_sets_of_unequal_sizes_stay_apart():
    rows = Examples(np.zeros((7, 1, 1), np.int32), np.ones((7, 1), bool))
    data = Finite(rows, (4, 9, 2), (1, 4, 2))
    for seed, own in ((4, {0}), (9, {1, 2, 3, 4}), (2, {5, 6})):
        assert set(data.chunk(seed, 0, 3, 4).ravel()) == own


def test_finite_sets_and_orders_differ_by_seed(task):
    data = finite(task, SEEDS)
    first, second = np.split(data.rows.tokens, 2)
    assert not np.array_equal(first, second)
    assert not np.array_equal(data.chunk(3, 0, 1, 12), data.chunk(5, 0, 1, 12) - 12)
    assert not np.array_equal(data.chunk(3, 0, 2, 12)[0], data.chunk(3, 0, 2, 12)[1])


def test_a_stream_is_pure(stream):
    chunk, again = stream.chunk(3, 8, 2, 4), stream.chunk(3, 8, 2, 4)
    same(chunk, again)
    assert chunk.tokens.shape[:2] == (2, 4) and chunk.weight.shape == chunk.tokens.shape[:3]
    assert not np.array_equal(chunk.tokens, stream.chunk(3, 9, 2, 4).tokens)
    assert not np.array_equal(chunk.tokens, stream.chunk(4, 8, 2, 4).tokens)


MIXED = Symbols(length=(2, 3, 5), compositions=("F1 F2", "F3"))


def test_weights_score_the_completion_or_the_sequence():
    batch = MIXED.sample(np.random.default_rng(0), 50)
    for row, (of_completion, of_sequence) in enumerate(
        zip(examples(batch).weight, examples(batch, "sequence").weight, strict=True)
    ):
        end = batch.text[row].tolist().index(EOS) + 1
        assert of_sequence.tolist() == [place < end for place in range(len(of_sequence))]
        assert of_completion.tolist() == [batch.prompt_len[row] <= place < end for place in range(len(of_sequence))]


@pytest.mark.parametrize("loss", ["completion", "sequence"])
def test_padding_fills_and_grouping_packs(loss):
    batch = MIXED.sample(np.random.default_rng(0), 50)
    plain, context = examples(batch, loss), 40
    pad, group = (examples(batch, loss, padding, context) for padding in ("pad", "group"))
    width = plain.tokens.shape[1]
    assert pad.tokens.shape == (50, context, 1) and not pad.tokens[:, width:].any() and not pad.weight[:, width:].any()
    same((pad.tokens[:, :width], pad.weight[:, :width]), tuple(plain))
    real = plain.tokens[..., 0] != PAD
    used = group.weight.size
    assert group.tokens.shape == (real.sum() // context, context, 1)
    np.testing.assert_array_equal(group.tokens.ravel(), plain.tokens[real].ravel()[:used])
    np.testing.assert_array_equal(group.weight.ravel(), plain.weight[real][:used])


@pytest.mark.parametrize("padding", ["pad", "group"])
def test_lines_that_do_not_fit_are_the_users_error(padding):
    batch = MIXED.sample(np.random.default_rng(0), 2)
    with pytest.raises(UserError, match="do not fit a context of 8"):
        examples(batch, "sequence", padding, 8)
    with pytest.raises(UserError, match="do not fill one block of 999"):
        examples(batch, "sequence", "group", 999)


def test_the_recipe_by_value():
    """A default that changes is another experiment; and bounds are no narrower than they say."""
    assert TrainConfig() == TrainConfig(1000, 256, "adamw", 3e-3, 0.02, 0.1, 0.01, 1.0, 50, "auto")
    assert TrainConfig(steps=1, batch=1, chunk=1, warmup=0.0) and TrainConfig(warmup=1.0)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"batch": 0}, {"chunk": -1}, {"warmup": 1.5}])
def test_an_impossible_config_is_the_users_error(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        TrainConfig(**bad)


def test_no_seed_is_the_users_error(model, stream):
    with pytest.raises(UserError, match="no seed"):
        train(model, stream, CONFIG, seeds=())
