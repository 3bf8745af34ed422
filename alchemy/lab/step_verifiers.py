"""Verifiers that check chains step by step, trained and asked at the lab, so that neither is done twice.

Dimension letters: `s` seeds, `n` problems, `k` completions of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.lab.thinking_verifiers import check_sizes
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.record import digest, fingerprint
from alchemy.testtime.answers import Samples, trimmed
from alchemy.testtime.learned_verifier import flat
from alchemy.testtime.step_verifier import Followed, StepVerifier, check, labelled


def fit_to(
    lab: Lab, policy: Runs, config: TrainConfig, pools: Sequence[Samples], *, writes: bool, stretch: int = 0
) -> StepVerifier:
    """A verifier for each seed of `policy`, from whose weights it learns, from completions of one seed each (s = 1), whoever wrote
    them, in the order of the seeds. With `writes` it writes each step anew before it reads the one that is shown."""
    labels = [labelled(pool.task, *flat(pool), writes=writes) for pool in pools]
    runs = lab.train(
        policy.model,
        policy.task,
        config,
        seeds=policy.seeds,
        labels=labels,
        start=policy,
        stretch=stretch,
        label=f"train verifier of steps, {'written anew' if writes else 'read alone'}",
    )
    return StepVerifier(runs, writes)


def check_samples(lab: Lab, verifier: StepVerifier, samples: Samples) -> Followed:
    """What the verifiers say of completions: arrays (s, n, k)."""
    runs, (seeds, n, k, m) = verifier.runs, samples.completions.shape
    check_sizes(runs, samples, 1)
    names = [
        fingerprint(
            {"steps": verifier.writes, "model": name, "prompts": digest(trimmed(own)), "completions": digest(answers)}
        )
        for name, own, answers in zip(runs.names, samples.prompts(), samples.completions, strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        made = []
        for done, row in enumerate(rows, 1):
            batch, params = samples.batch.rows(slice(row * n, (row + 1) * n)), rows_of(runs.trained.params, [row])
            said = check(runs.model, params, samples.task, batch, samples.completions[row], writes=verifier.writes)
            made.append(np.stack(said, axis=2))
            progress(done)
        return {"followed": np.stack(made)}

    tokens, label = n * k * (samples.batch.tokens.shape[1] + 2 * m), "check steps"
    packed = lab.keep("followed", runs.model, names, (n, k, len(Followed._fields)), tokens, make, label, seeds)
    return Followed(*np.moveaxis(packed, 3, 0))
