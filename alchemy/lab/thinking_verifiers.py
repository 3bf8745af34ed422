"""Verifiers that think, trained and asked at the lab, so that neither is done twice.

Dimension letters: `s` seeds, `n` problems, `k` completions of each, `q` thoughts about a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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
    Stopped,
    ThinkingVerifier,
    Weighed,
    cut_short,
    labelled,
    read,
    read_until_wrong,
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
    cut: bool = False,
) -> ThinkingVerifier:
    """As `fit`, from completions that are there, whoever wrote them: those of one seed each (s = 1), in the order of the seeds.

    With `cut` verifiers learn to judge behind thoughts that were broken off, too.
    """
    labels = [
        labelled(pool.task, *flat(pool), form, stream("thoughts of verifiers", seed), cut)
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
    lab: Lab,
    verifier: ThinkingVerifier,
    samples: Samples,
    *,
    thoughts: int = 1,
    temperature: float = 0.0,
    budgets: Sequence[int] = (),
) -> Checked:
    """What the verifiers say of completions after `thoughts` thoughts about each problem, greedy ones unless sampled.

    With `budgets` all thoughts are broken off behind so many tokens, and then again behind as many as the next one says: each is
    judged behind and charged as if it had been a thought of its own.
    """
    how = {"budgets": [*budgets]} if budgets else {}
    said, tokens = _asked(lab, verifier, samples, thoughts, temperature, Weighed._fields, read, how)
    return Checked(Weighed(*said), tokens)


def check_until_wrong(
    lab: Lab, verifier: ThinkingVerifier, samples: Samples, *, thoughts: int = 1, temperature: float = 0.0
) -> tuple[Stopped, np.ndarray]:
    """As `check_samples`, of verifiers that read no further than they believe in: arrays (s, n, k, q), and tokens of thoughts (s, n)."""
    how = {"until": "wrong"}
    said, tokens = _asked(lab, verifier, samples, thoughts, temperature, Stopped._fields, read_until_wrong, how)
    return Stopped(*said), tokens


def _asked(
    lab: Lab,
    verifier: ThinkingVerifier,
    samples: Samples,
    thoughts: int,
    temperature: float,
    fields: tuple[str, ...],
    reader: Callable[..., Sequence[np.ndarray]],
    how: dict[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """What a reader says of completions behind thoughts, float32 (fields, s, n, k, q), and tokens of the thoughts, float32 (s, n)."""
    runs, (seeds, n, k, m) = verifier.runs, samples.completions.shape
    check_sizes(runs, samples, thoughts)
    key = {"form": list(verifier.form), "thoughts": thoughts, "temperature": temperature, **how}
    names = [
        fingerprint({**key, "model": name, "prompts": digest(trimmed(own)), "completions": digest(answers)})
        for name, own, answers in zip(runs.names, samples.prompts(), samples.completions, strict=True)
    ]
    judged = thoughts * len(how.get("budgets", "1"))
    width = len(fields) * k * judged

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        made = []
        for done, row in enumerate(rows, 1):
            batch = samples.batch.rows(slice(row * n, (row + 1) * n))
            one = runs.model, rows_of(runs.trained.params, [row]), samples.task, batch
            thought = thoughts_of(runs, verifier.form, row, batch, samples.task, thoughts, temperature)
            if "budgets" in how:
                thought = np.concatenate([cut_short(thought, budget) for budget in how["budgets"]], axis=1)
            said = np.stack(reader(*one, thought, samples.completions[row], verifier.form), axis=1)
            tokens = (thought != PAD).sum(axis=(1, 2), dtype=np.float32)
            made.append(np.column_stack([said.reshape(n, width), tokens]))
            progress(done)
        return {"checked": np.stack(made)}

    longest = samples.batch.tokens.shape[1]
    label = f"ask verifier of {verifier.form.shows}s, thought {verifier.form.thought}"
    packed = lab.keep("checked", runs.model, names, (n, width + 1), n * (longest + k * m) * judged, make, label, seeds)
    said = packed[..., :width].reshape(seeds, n, len(fields), k, judged)
    return np.moveaxis(said, 2, 0), packed[..., width]


def solutions(
    lab: Lab, verifier: ThinkingVerifier, samples: Samples, *, thoughts: int = 1, temperature: float = 0.0
) -> Samples:
    """What verifiers that solve first think about the problems of `samples`, as completions: the thoughts behind which
    `check_samples` with the same arguments judges. A verdict written in the midst of one is read as noise.
    """
    runs, (seeds, n, _, _) = verifier.runs, samples.completions.shape
    check_sizes(runs, samples, thoughts)
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
            thought = thoughts_of(runs, verifier.form, row, batch, samples.task, thoughts, temperature)
            made.append(np.pad(thought, ((0, 0), (0, 0), (0, width - thought.shape[2]))))
            progress(done)
        return {"solutions": np.stack(made)}

    label, tokens = "let verifiers solve", n * thoughts * (samples.batch.tokens.shape[1] + width)
    written = lab.keep("solutions", runs.model, names, (n, thoughts, width), tokens, make, label, seeds)
    known = written < len(samples.task.vocabulary)
    return samples._replace(completions=np.where(known, written, np.int32(NOISE)))


def check_sizes(runs: Runs, samples: Samples, thoughts: int) -> None:
    """Raises `UserError` unless there is a verifier for each model whose completions are judged, and it thinks."""
    if len(samples.completions) != len(runs.seeds):
        raise UserError(f"{len(runs.seeds)} verifiers for the completions of {len(samples.completions)} models")
    if thoughts < 1:
        raise UserError(f"thoughts must be at least 1, not {thoughts}")


def thoughts_of(
    runs: Runs, form: Format, row: int, batch: Batch, task: Task, thoughts: int, temperature: float
) -> np.ndarray:
    """Those of one seed's verifier about its problems, int32 (n, q, w)."""
    seed = stream_id("thoughts of verifiers", runs.seeds[row])
    params = rows_of(runs.trained.params, [row])
    return think(runs.model, params, task, batch, form, samples=thoughts, temperature=temperature, seed=seed)
