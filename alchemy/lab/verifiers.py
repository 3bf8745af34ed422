"""Learned verifiers trained and asked at the lab, so that neither is done twice.

Dimension letters: `s` seeds, `n` problems, `k` completions of each, `m` tokens of a completion, `j` steps.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from alchemy.decoding.generate import BUCKET, Parts
from alchemy.errors import UserError
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream_id
from alchemy.record import digest
from alchemy.testtime.answers import Samples
from alchemy.testtime.learned_verifier import (
    Kind,
    Verifier,
    by_step,
    ends,
    labelled,
    log_odds,
    rolled_out,
    together,
    written,
)


def score(lab: Lab, verifier: Verifier, samples: Samples) -> np.ndarray:
    """Log-odds of good: float32 (s, n, k) of an outcome verifier, -inf for an empty completion; of a process verifier
    (s, n, k, j), nan behind a completion's last step."""
    odds = _read(lab, verifier, samples)
    due = ends(samples.task, samples.completions, verifier.kind)[..., : odds.shape[-1]]
    if verifier.kind == "process":
        return by_step(odds, due)
    return np.where(due, odds, 0).sum(axis=-1) + np.where(due.any(axis=-1), 0, -np.inf).astype(np.float32)


def _read(lab: Lab, verifier: Verifier, samples: Samples) -> np.ndarray:
    """Log-odds behind every token: float32 (s, n, k, up to m)."""
    longest = -(-int(written(samples.completions).sum(axis=-1).max(initial=1)) // BUCKET) * BUCKET
    model, params = verifier.runs.model, verifier.runs.trained.params
    completions = samples.completions[..., :longest]
    if len(completions) != len(verifier.runs.key["seeds"]):
        raise UserError(f"{len(verifier.runs.key['seeds'])} verifiers for the completions of {len(completions)} models")
    prompts = samples.prompts()
    key = {"runs": verifier.runs.key, "prompts": digest(prompts), "completions": digest(completions)}
    tokens = completions.size + prompts[..., 0].size

    def make(parts: Parts, told: Callable[[int], None]) -> np.ndarray:
        return log_odds(model, params, prompts, completions, parts=parts, told=told)

    n, k = completions.shape[1:3]
    return lab.keep(
        model,
        key,
        completions.shape,
        tokens,
        make,
        f"score by {verifier.kind} verifier",
        -(-n // together(n, k, longest)),
    )


def fit(
    lab: Lab,
    policy: Runs,
    config: TrainConfig,
    *,
    kind: Kind = "outcome",
    problems: int,
    samples: int = 1,
    max_new: int = 0,
    round: int = 1,
    rollouts: int = 0,
    fresh: bool = False,
) -> Verifier:
    """Train a verifier for each seed of `policy` on what that writes, `samples` times, to `problems` of the training part.

    Good and bad are as frequent as the policy makes them. Training starts from the policy's own weights, or with `fresh` from
    none. `rollouts` of the policy after each step, if any, take the oracle's place in labelling steps.
    """
    practised = lab.practise(policy, policy.task, problems, round, samples=samples, max_new=max_new)
    verdicts: list[np.ndarray | None] = [None] * len(practised)
    if rollouts:
        verdicts = [_rolled_out(lab, policy, row, one, rollouts) for row, one in enumerate(practised)]
    labels = [labelled(one, kind, found) for one, found in zip(practised, verdicts, strict=True)]
    runs = lab.train(
        policy.model,
        policy.task,
        config,
        seeds=policy.key["seeds"],
        labels=labels,
        start=None if fresh else policy,
        label=f"train {kind} verifier",
    )
    return Verifier(runs, kind)


def _rolled_out(lab: Lab, policy: Runs, row: int, samples: Samples, rollouts: int) -> np.ndarray:
    """`rolled_out` by the model of that row of `policy`, from the store if it is there."""
    params = jax.tree.map(lambda leaf: leaf[row : row + 1], policy.trained.params)
    _, n, k, m = samples.completions.shape
    drawn = digest(samples.batch.tokens, samples.completions)
    key = {"runs": policy.key, "row": row, "rollouts": rollouts, "drawn": drawn}
    tokens = int(ends(samples.task, samples.completions, "process").sum()) * rollouts * m

    def make(parts: Parts, told: Callable[[int], None]) -> np.ndarray:
        return rolled_out(policy.model, params, samples, rollouts, stream_id("roll-outs", policy.key["seeds"][row]))

    return lab.keep(policy.model, key, (n * k, m), tokens, make, f"roll out, model {row + 1}")
