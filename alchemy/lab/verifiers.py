"""Learned verifiers trained and asked at the lab, so that neither is done twice.

Dimension letters: `s` seeds, `n` problems, `k` completions of each, `m` tokens of a completion, `j` steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from alchemy.decoding.generate import BUCKET
from alchemy.errors import UserError
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream_id
from alchemy.record import digest, fingerprint
from alchemy.testtime.answers import Samples, trimmed
from alchemy.testtime.learned_verifier import (
    Kind,
    Verifier,
    batch_size,
    by_step,
    ends,
    labelled,
    log_likelihood,
    log_odds,
    rolled_out,
    written,
)


def score_samples(lab: Lab, verifier: Verifier, samples: Samples) -> np.ndarray:
    """Log-odds of good: float32 (s, n, k) of an outcome verifier, -inf for an empty completion; of a process verifier
    (s, n, k, j), nan behind a completion's last step."""
    odds = _read(lab, verifier, samples)
    due = ends(samples.task, samples.completions, verifier.kind)[..., : odds.shape[-1]]
    if verifier.kind == "process":
        return by_step(odds, due)
    return np.where(due, odds, 0).sum(axis=-1) + np.where(due.any(axis=-1), 0, -np.inf).astype(np.float32)


def _read(lab: Lab, verifier: Verifier, samples: Samples) -> np.ndarray:
    """Log-odds behind every token: float32 (s, n, k, up to m)."""
    runs = verifier.runs
    if len(samples.completions) != len(runs.seeds):
        raise UserError(f"{len(runs.seeds)} verifiers for the completions of {len(samples.completions)} models")
    longest = -(-int(written(samples.completions).sum(axis=-1).max(initial=1)) // BUCKET) * BUCKET
    prompts, completions = samples.prompts(), samples.completions[..., :longest]
    names = [
        fingerprint({"model": name, "prompts": digest(trimmed(own)), "completions": digest(answers)})
        for name, own, answers in zip(runs.names, prompts, completions, strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params = rows_of(runs.trained.params, rows)
        return {
            "log_odds": log_odds(runs.model, params, prompts[rows], completions[rows], pieces=pieces, progress=progress)
        }

    n, k, m = completions.shape[1:]
    tokens = n * (prompts.shape[2] + k * m)
    label, pieces = f"score by {verifier.kind} verifier", -(-n // batch_size(n, k, longest))
    return lab.keep("log_odds", runs.model, names, (n, k, m), tokens, make, label, pieces)


def likelihoods(lab: Lab, runs: Runs, samples: Samples) -> np.ndarray:
    """Log of the probability that each of these models gives to completions of its problems, whoever wrote them: float32 (s, n, k)."""
    prompts, (_, n, k, m) = samples.prompts(), samples.completions.shape
    names = [
        fingerprint({"likelihood": name, "prompts": digest(trimmed(own)), "completions": digest(answers)})
        for name, own, answers in zip(runs.names, prompts, samples.completions, strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params = rows_of(runs.trained.params, rows)
        said = log_likelihood(runs.model, params, prompts[rows], samples.completions[rows])
        return {"likelihood": said.astype(np.float32)}

    tokens = n * (prompts.shape[2] + k * m)
    return lab.keep("likelihood", runs.model, names, (n, k), tokens, make, "how likely completions are")


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
    pools = lab.practise(policy, policy.task, problems, round, samples=samples, max_new=max_new)
    reached = _rolled_out(lab, policy, pools, rollouts) if rollouts else [None] * len(pools)
    labels = [labelled(pool, kind, verdicts) for pool, verdicts in zip(pools, reached, strict=True)]
    runs = lab.train(
        policy.model,
        policy.task,
        config,
        seeds=policy.seeds,
        labels=labels,
        start=None if fresh else policy,
        label=f"train {kind} verifier",
    )
    return Verifier(runs, kind)


def _rolled_out(lab: Lab, policy: Runs, pools: Sequence[Samples], rollouts: int) -> np.ndarray:
    """`rolled_out` by each seed's model from its own completions, int32 (s, n k, m)."""
    _, n, k, m = pools[0].completions.shape
    names = [
        fingerprint({"model": name, "rollouts": rollouts, "from": digest(pool.batch.tokens, pool.completions)})
        for name, pool in zip(policy.names, pools, strict=True)
    ]
    tokens = int(ends(pools[0].task, pools[0].completions, "process").sum()) * rollouts * m

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        reached = []
        for done, row in enumerate(rows, 1):
            params = rows_of(policy.trained.params, [row])
            seed = stream_id("roll-outs", policy.seeds[row])
            reached.append(rolled_out(policy.model, params, pools[row], rollouts, seed))
            progress(done)
        return {"reached": np.stack(reached)}

    return lab.keep("reached", policy.model, names, (n * k, m), tokens, make, "roll out", len(pools))
