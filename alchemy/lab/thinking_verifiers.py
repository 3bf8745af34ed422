"""Verifiers that think, trained and asked at the lab, so that neither is done twice.

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
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream, stream_id
from alchemy.problem.task import NOISE, PAD, Batch, Task
from alchemy.record import digest, fingerprint
from alchemy.testtime.answers import Samples, trimmed
from alchemy.testtime.learned_verifier import flat
from alchemy.testtime.thinking_verifier import (
    WRITTEN,
    Format,
    ThinkingVerifier,
    Weighed,
    labelled,
    read,
    think,
    thought_room,
)


class Checked(NamedTuple):
    """What verifiers say of completions, and what it cost beyond reading them."""

    weighed: Weighed
    """Arrays (s, n, k, q)."""
    tokens: np.ndarray
    """Of all thoughts about each problem, float32 (s, n)."""


def fit(
    lab: Lab,
    policy: Runs,
    config: TrainConfig,
    *,
    form: Format,
    problems: int,
    samples: int = 1,
    max_new: int = 0,
    round: int = 1,
    fresh: bool = False,
) -> ThinkingVerifier:
    """Train a verifier for each seed of `policy` to judge what that writes, `samples` times, to `problems` of the training part.

    Training starts from the policy's own weights, or with `fresh` from none.
    """
    pools = lab.practise(policy, policy.task, problems, round, samples=samples, max_new=max_new)
    return fit_to(lab, policy, config, pools, form=form, fresh=fresh)


def fit_to(
    lab: Lab,
    policy: Runs,
    config: TrainConfig,
    pools: Sequence[Samples],
    *,
    form: Format,
    fresh: bool = False,
) -> ThinkingVerifier:
    """As `fit`, from completions that are there, whoever wrote them: those of one seed each (s = 1), in the order of the seeds."""
    labels = [
        labelled(pool.task, *flat(pool), form, stream("thoughts of verifiers", seed))
        for seed, pool in zip(policy.seeds, pools, strict=True)
    ]
    runs = lab.train(
        policy.model,
        policy.task,
        config,
        seeds=policy.seeds,
        labels=labels,
        start=None if fresh else policy,
        label=f"train verifier of {form.shows}s, thought {form.thought}",
    )
    return ThinkingVerifier(runs, form)


def check_samples(
    lab: Lab, verifier: ThinkingVerifier, samples: Samples, *, thoughts: int = 1, temperature: float = 0.0
) -> Checked:
    """What the verifiers say of completions after `thoughts` thoughts about each problem, greedy ones unless sampled."""
    runs, (seeds, n, k, m) = verifier.runs, samples.completions.shape
    _check_sizes(verifier, samples, thoughts)
    key = {"form": list(verifier.form), "thoughts": thoughts, "temperature": temperature}
    names = [
        fingerprint({**key, "model": name, "prompts": digest(trimmed(own)), "completions": digest(answers)})
        for name, own, answers in zip(runs.names, samples.prompts(), samples.completions, strict=True)
    ]
    width = len(Weighed._fields) * k * thoughts

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        made = []
        for done, row in enumerate(rows, 1):
            batch = samples.batch.rows(slice(row * n, (row + 1) * n))
            one = runs.model, rows_of(runs.trained.params, [row]), samples.task, batch
            thought = _thoughts(verifier, row, batch, samples.task, thoughts, temperature)
            weighed = np.stack(read(*one, thought, samples.completions[row], verifier.form), axis=1)
            tokens = (thought != PAD).sum(axis=(1, 2), dtype=np.float32)
            made.append(np.column_stack([weighed.reshape(n, width), tokens]))
            progress(done)
        return {"checked": np.stack(made)}

    longest = samples.batch.tokens.shape[1]
    label = f"ask verifier of {verifier.form.shows}s, thought {verifier.form.thought}"
    packed = lab.keep(
        "checked", runs.model, names, (n, width + 1), n * (longest + k * m) * thoughts, make, label, seeds
    )
    weighed = packed[..., :width].reshape(seeds, n, len(Weighed._fields), k, thoughts)
    return Checked(Weighed(*np.moveaxis(weighed, 2, 0)), packed[..., width])


def solutions(
    lab: Lab, verifier: ThinkingVerifier, samples: Samples, *, thoughts: int = 1, temperature: float = 0.0
) -> Samples:
    """What verifiers that solve first think about the problems of `samples`, as completions: the thoughts behind which
    `check_samples` with the same arguments judges. A verdict written in the midst of one is read as noise.
    """
    runs, (seeds, n, _, _) = verifier.runs, samples.completions.shape
    _check_sizes(verifier, samples, thoughts)
    if verifier.form.thought not in WRITTEN:
        raise UserError(
            f"thought {verifier.form.thought!r} is not written by the verifier, expected {' or '.join(WRITTEN)}"
        )
    width = thought_room(runs.model, samples.batch) + 1
    key = {"form": list(verifier.form), "thoughts": thoughts, "temperature": temperature}
    names = [
        fingerprint({**key, "model": name, "prompts": digest(trimmed(own)), "solutions": True})
        for name, own in zip(runs.names, samples.prompts(), strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        made = []
        for done, row in enumerate(rows, 1):
            batch = samples.batch.rows(slice(row * n, (row + 1) * n))
            thought = _thoughts(verifier, row, batch, samples.task, thoughts, temperature)
            made.append(np.pad(thought, ((0, 0), (0, 0), (0, width - thought.shape[2]))))
            progress(done)
        return {"solutions": np.stack(made)}

    label, tokens = "let verifiers solve", n * thoughts * (samples.batch.tokens.shape[1] + width)
    written = lab.keep("solutions", runs.model, names, (n, thoughts, width), tokens, make, label, seeds)
    known = written < len(samples.task.vocabulary)
    return samples._replace(completions=np.where(known, written, np.int32(NOISE)))


def _check_sizes(verifier: ThinkingVerifier, samples: Samples, thoughts: int) -> None:
    if len(samples.completions) != len(verifier.runs.seeds):
        raise UserError(
            f"{len(verifier.runs.seeds)} verifiers for the completions of {len(samples.completions)} models"
        )
    if thoughts < 1:
        raise UserError(f"thoughts must be at least 1, not {thoughts}")


def _thoughts(
    verifier: ThinkingVerifier, row: int, batch: Batch, task: Task, thoughts: int, temperature: float
) -> np.ndarray:
    """Those of one seed's verifier about its problems, int32 (n, q, w)."""
    runs = verifier.runs
    seed = stream_id("thoughts of verifiers", runs.seeds[row])
    params = rows_of(runs.trained.params, [row])
    return think(runs.model, params, task, batch, verifier.form, samples=thoughts, temperature=temperature, seed=seed)
