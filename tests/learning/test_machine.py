"""Where work goes: over all devices, or to the one that a thread was given."""

from __future__ import annotations

import re
import threading

import jax
import numpy as np
import pytest

from alchemy import discover
from alchemy.learning import kept, machine, tuning
from alchemy.testtime.learned_verifier import log_odds
from models import kernels
from models.recursive import Recursive
from models.transformer import Transformer


def test_a_thread_that_was_given_a_device_keeps_to_it():
    last = jax.local_devices()[-1]
    assert machine.devices() == jax.local_devices()
    seen = []
    with jax.default_device(last):
        assert machine.devices() == [last]
        other = threading.Thread(target=lambda: seen.append(machine.devices()))
        other.start()
        other.join()
    assert seen == [jax.local_devices()] and machine.devices() == jax.local_devices()


def test_verdicts_do_not_depend_on_the_devices():
    model = Transformer(vocabulary=9, width=16, layers=1, heads=2, context=24)
    params = jax.jit(jax.vmap(model.init))(jax.random.split(jax.random.key(0), 2))
    rng = np.random.default_rng(0)
    prompts, completions = (
        rng.integers(3, 7, size=(7, 5, 1)).astype(np.int32),
        rng.integers(3, 7, size=(2, 7, 3, 6)).astype(np.int32),
    )
    spread = log_odds(model, params, prompts, completions)
    with jax.default_device(jax.local_devices()[-1]):
        alone = log_odds(model, params, prompts, completions)
    np.testing.assert_allclose(alone, spread, atol=1e-5)
    assert spread.std() > 0


def test_batches_are_divided_to_fit_the_device(monkeypatch):
    batches = ((1024, 17), (128, 17), (16, 102), (50, 30), (7, 30), (3, 400))
    counts = [tuning.microbatches(*batch, 68_000) for batch in batches]
    assert counts == [128, 16, 8, 10, 1, 3], "microbatches of at most 256 tokens, or one text"
    counts = [tuning.microbatches(*batch, 589_000) for batch in ((1024, 17), (16, 102), (3, 600))]
    assert counts == [64, 4, 3], "of at most 512"
    assert [tuning.prompt_groups(*prompts) for prompts in ((128, 72), (512, 8), (8, 600), (24, 72))] == [32, 8, 8, 4]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert [tuning.microbatches(batch, 17, 68_000) for batch in (1024, 256, 96, 100, 32)] == [32, 8, 2, 2, 1]
    assert [tuning.microbatches(1024, 17, size) for size in (4_800_000, 35_000_000)] == [2, 1]
    assert tuning.prompt_groups(8192, 72) == 1


def test_models_whose_programs_cost_more_than_they_do():
    """A token is a key and a value of `width` numbers in each layer, and one of the mask of all; what has no slots is never tiny."""
    sizes = {(16, 1): 33, (16, 3): 97, (32, 1): 65, (32, 2): 129, (64, 2): 257}
    for (width, layers), numbers in sizes.items():
        model = Transformer(vocabulary=9, width=width, layers=layers, heads=2)
        assert tuning.kept_of_token(model) == numbers and tuning.tiny(model) == (numbers < 128)
    assert not tuning.tiny(Recursive(vocabulary=9)) and tuning.kept_of_token(Recursive(vocabulary=9)) == 0


def test_draws_that_are_done_sooner_than_a_program_is_made(monkeypatch):
    """By all that is computed, for problems that only fill up a batch, too."""
    assert [tuning.brief_rows(n) for n in (1, 16, 17, 4000)] == [16, 16, 256, 256]
    assert tuning.brief(100_000, 4000, 1, 64) and not tuning.brief(100_000, 4000, 4, 64)
    assert tuning.brief(5_000_000, 16, 1, 64) and not tuning.brief(5_000_000, 17, 1, 64)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert not tuning.brief(1, 1, 1, 1)


def test_no_model_that_is_judged_is_tiny():
    """Their programs, and so every bit of what was published, are as they were."""
    for name, module in discover.experiments().items():
        for preset in ("small", "full"):
            for model in re.findall(r"Transformer\([^()]*\)", repr(module.PRESETS[preset])):
                assert not tuning.tiny(eval(model, {"Transformer": Transformer})), (name, preset)


def test_kernels_are_those_of_the_platform(monkeypatch):
    assert kernels.native() is kernels.CPU
    assert [kernels.CPU.unroll(layers) for layers in (2, 4, 8)] == [2, 4, 1]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert kernels.native() is kernels.CPU, "chosen once"
    kernels.native.cache_clear()
    assert kernels.native() is kernels.ACCELERATOR
    assert [kernels.ACCELERATOR.unroll(layers) for layers in (4, 26)] == [4, 8]
    kernels.native.cache_clear()


def test_long_texts_of_wide_models_are_written_fewer_at_once(monkeypatch):
    """Their KV caches fit those of a core: 4 x 32 with 24 tokens just so, 4 x 128 with 112 no more than 27 times."""
    sizes = (0, 2 * 4 * 32 * 24 * 4, 2 * 4 * 128 * 112 * 4, 1 << 40)
    assert [tuning.decoded_rows(size) for size in sizes] == [512, 512, 27, 1]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert tuning.decoded_rows(1 << 20) == tuning.decoded_rows() == 8192


def test_a_program_that_runs_once_is_compiled_quickly_unless_flags_say_how(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=3")
    assert machine.fast_compile() is None
    monkeypatch.delenv("XLA_FLAGS")
    assert machine.fast_compile() == {"xla_backend_optimization_level": 1}


@pytest.mark.parametrize("said", ["0", None])
def test_what_the_environment_says_of_programs_worth_keeping_stands(monkeypatch, said):
    """Tests keep every program; who says nothing keeps those that took a while to compile."""
    name, folder, told = "jax_persistent_cache_min_compile_time_secs", jax.config.jax_compilation_cache_dir, {}
    jax.config.update("jax_compilation_cache_dir", None)
    kept.begin.cache_clear()
    monkeypatch.setattr(jax.config, "update", told.__setitem__)
    monkeypatch.delenv(name.upper(), raising=False)
    if said is not None:
        monkeypatch.setenv(name.upper(), said)
    machine.prepare()
    assert told.get(name) == (None if said else 0.3) and told["jax_compilation_cache_dir"] == str(kept.place() / "xla")
    monkeypatch.undo()
    jax.config.update("jax_compilation_cache_dir", folder)
