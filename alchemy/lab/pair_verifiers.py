"""Verifiers that compare two completions, trained and asked at the lab, so that neither is done twice.

Dimension letters: `s` seeds, `n` problems, `k` completions of each, `q` thoughts about a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.lab.thinking_verifiers import check_sizes, thoughts_of
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD
from alchemy.record import digest, fingerprint
from alchemy.testtime.answers import Samples, trimmed
from alchemy.testtime.pair_verifier import PairVerifier, labelled, pairs_of, read
from alchemy.testtime.thinking_verifier import Format


class Compared(NamedTuple):
    """What verifiers say of pairs of completions, and what it cost beyond reading them."""

    better: np.ndarray
    """The probability that the row is better than the column, float32 (s, n, k, k, q)."""
    tokens: np.ndarray
    """Of all thoughts about each problem, float32 (s, n)."""


def fit(
    lab: Lab,
    policy: Runs,
    config: TrainConfig,
    *,
    form: Format,
    problems: int,
    samples: int = 4,
    max_new: int = 0,
    round: int = 1,
    fresh: bool = False,
) -> PairVerifier:
    """Train a verifier for each seed of `policy` to compare what that writes, `samples` times, to `problems` of the training part.

    Training starts from the policy's own weights, or with `fresh` from none. Raises `UserError` if some seed has no problem with a
    good completion and another one.
    """
    pools = lab.practise(policy, policy.task, problems, round, samples=samples, max_new=max_new)
    return fit_to(lab, policy, config, pools, form=form, fresh=fresh)


def fit_to(
    lab: Lab, policy: Runs, config: TrainConfig, pools: Sequence[Samples], *, form: Format, fresh: bool = False
) -> PairVerifier:
    """As `fit`, from completions that are there, whoever wrote them: those of one seed each (s = 1), in the order of the seeds."""
    labels = []
    for seed, pool in zip(policy.seeds, pools, strict=True):
        rng = stream("pairs of verifiers", seed)
        try:
            pairs = pairs_of(pool, form.shows, rng)
        except UserError as error:
            raise UserError(f"seed {seed}: {error}") from None
        labels.append(labelled(pool.task, pairs, form, rng))
    runs = lab.train(
        policy.model,
        policy.task,
        config,
        seeds=policy.seeds,
        labels=labels,
        start=None if fresh else policy,
        label=f"train verifier of pairs of {form.shows}s, thought {form.thought}",
    )
    return PairVerifier(runs, form)


def compare_samples(
    lab: Lab, verifier: PairVerifier, samples: Samples, *, thoughts: int = 1, temperature: float = 0.0
) -> Compared:
    """What the verifiers say of all pairs of completions of a problem after `thoughts` thoughts about it, greedy ones unless sampled."""
    runs, form, (seeds, n, k, m) = verifier.runs, verifier.form, samples.completions.shape
    check_sizes(runs, samples, thoughts)
    key = {"pairs": list(form), "thoughts": thoughts, "temperature": temperature}
    names = [
        fingerprint({**key, "model": name, "prompts": digest(trimmed(own)), "completions": digest(answers)})
        for name, own, answers in zip(runs.names, samples.prompts(), samples.completions, strict=True)
    ]
    width = k * k * thoughts

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        made = []
        for done, row in enumerate(rows, 1):
            batch = samples.batch.rows(slice(row * n, (row + 1) * n))
            params = rows_of(runs.trained.params, [row])
            thought = thoughts_of(runs, form, row, batch, samples.task, thoughts, temperature)
            better = read(runs.model, params, samples.task, batch, thought, samples.completions[row], form)
            tokens = (thought != PAD).sum(axis=(1, 2), dtype=np.float32)
            made.append(np.column_stack([better.reshape(n, width), tokens]))
            progress(done)
        return {"compared": np.stack(made)}

    read_tokens = n * thoughts * (samples.batch.tokens.shape[1] + k * (k - 1) * m)
    label = f"compare pairs of {form.shows}s, thought {form.thought}"
    packed = lab.keep("compared", runs.model, names, (n, width + 1), read_tokens, make, label, seeds)
    return Compared(packed[..., :width].reshape(seeds, n, k, k, thoughts), packed[..., width])
