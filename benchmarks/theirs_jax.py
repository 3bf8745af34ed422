"""One work done by JAX code of other authors, for `peers.py`: run by a Python that has jax, dm-haiku, chex, einshape and optax.

python benchmarks/theirs_jax.py WORK CHECKOUT      # prints how much of it was done a second

Both repositories are laid out alike: neural_networks_chomsky_hierarchy (arXiv:2207.02098) and randomized_positional_encodings
(arXiv:2305.16843) of google-deepmind.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import optax

BATCH, LENGTH, STEPS = 128, 40, 8
"""The defaults of both repositories: lines a step, and symbols that are reversed; and steps that are timed, after two that are not."""
SIZE = {"num_layers": 5, "embedding_dim": 64, "num_heads": 8}
DRAWN = 100_000
"""Walks that are drawn in one go."""
RANGE = 2048
"""From which their places are drawn at random."""


def seconds(work: Callable[[], Any], repeats: int = STEPS) -> float:
    """The median time of `work`, after two runs that are not counted."""
    taken = []
    for _ in range(repeats + 2):
        began = perf_counter()
        jax.block_until_ready(work())
        taken.append(perf_counter() - began)
    return median(taken[2:])


def part(name: str) -> Any:
    """A module of the checkout, by its name there."""
    return import_module(f"{PACKAGE}.{name}")


def batches(task: Any) -> Iterator[Any]:
    """Lines of the reversal of strings, drawn by their own code."""
    keys = hk.PRNGSequence(0)
    while True:
        yield task.sample_batch(next(keys), length=LENGTH, batch_size=BATCH)


def writer() -> tuple[Any, Any]:
    """The task, and a causal model that reads a string and writes its reversal, each symbol by all before it."""
    task = part("tasks.dcf.reverse_string").ReverseString(vocab_size=2)
    how = {**SIZE, "dropout_prob": 0.0, "return_all_outputs": True, "causal_masking": True}
    model = part("models.transformer").make_transformer_encoder(output_size=task.output_size, **how)
    utils = part("experiments.utils")
    sampling = utils.add_sampling_to_autoregressive_model(utils.make_model_with_targets_as_input(model))
    return task, hk.transform(sampling)


def filler() -> tuple[Any, Any]:
    """The task, and a model that reads all places, drawn at random, at once."""
    task = part("tasks.dcf.reverse_string").ReverseString(vocab_size=2)
    positions = part("models.positional_encodings")
    how = {
        **SIZE,
        "dropout_prob": None,
        "positional_encodings": positions.PositionalEncodings.NOISY_SIN_COS,
        "positional_encodings_params": positions.NoisySinCosParams(noise_max_length=RANGE),
    }
    transformer = part("models.transformer")
    model = transformer.make_transformer(
        output_size=task.output_size,
        return_all_outputs=True,
        transformer_module=transformer.TransformerEncoder,
        **how,
    )
    return task, hk.transform(part("experiments.utils").make_model_with_empty_targets(model, task))


def trained(task: Any, model: Any, autoregressive: bool) -> float:
    """Lines a second of their training step, drawing them included."""
    lines = batches(task)
    first = next(lines)
    inputs = (first["input"], first["output"], False) if autoregressive else (first["input"],)
    params = model.init(jax.random.PRNGKey(0), *inputs)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
    state, keys = optimizer.init(params), hk.PRNGSequence(1)
    update = part("experiments.training")._update_parameters

    def loss(output: Any, target: Any) -> tuple[Any, dict[str, Any]]:
        return jnp.mean(jnp.sum(task.pointwise_loss_fn(output, target), axis=-1)), {}

    def work() -> Any:
        nonlocal params, state
        params, state, told = update(
            params=params,
            rng_key=next(keys),
            batch=next(lines),
            model_apply_fn=model.apply,
            loss_fn=loss,
            accuracy_fn=None,
            optimizer=optimizer,
            opt_state=state,
            is_autoregressive=autoregressive,
        )
        return told

    return BATCH / seconds(work)


def train_tape() -> float:
    """Lines of 81 tokens a second."""
    return trained(*writer(), autoregressive=True)


def write_tape() -> float:
    """New tokens a second: 40 behind each of 128 strings of 40, the likeliest."""
    task, model = writer()
    batch = next(batches(task))
    params = model.init(jax.random.PRNGKey(0), batch["input"], batch["output"], False)
    apply = jax.jit(model.apply, static_argnames="sample")
    key = jax.random.PRNGKey(1)
    return BATCH * LENGTH / seconds(lambda: apply(params, key, batch["input"], batch["output"], sample=True))


def train_random() -> float:
    """Lines of 80 tokens a second."""
    return trained(*filler(), autoregressive=False)


def make_tape() -> float:
    """Walks of 40 steps on a circle of five places a second, as arrays, 100,000 at once."""
    task = part("tasks.regular.cycle_navigation").CycleNavigation()
    keys = hk.PRNGSequence(0)
    return DRAWN / seconds(lambda: task.sample_batch(next(keys), length=LENGTH, batch_size=DRAWN))


def make_random() -> float:
    """Products of two binary numbers, 16 digits together, a second, as arrays."""
    task = part("tasks.cs.binary_multiplication").BinaryMultiplication()
    return BATCH * 8 / seconds(lambda: task.sample_batch(None, length=17, batch_size=BATCH * 8))


WORKS = [train_tape, write_tape, make_tape, train_random, make_random]

if __name__ == "__main__":
    checkout = Path(sys.argv[2]).resolve()
    PACKAGE = checkout.name
    sys.path.insert(0, str(checkout.parent))
    print({work.__name__: work for work in WORKS}[sys.argv[1]]())
