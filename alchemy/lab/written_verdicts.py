"""What models that write their verdicts (`alchemy.testtime.judging`) say of completions, asked once and kept.

Dimension letters: `s` seeds, `n` problems, `k` completions of each, `q` checks of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.lab.thinking_verifiers import check_sizes
from alchemy.learning.train import Runs, size
from alchemy.problem.streams import stream_id
from alchemy.problem.task import PAD
from alchemy.record import digest, fingerprint, plain
from alchemy.testtime.answers import Samples, trimmed
from alchemy.testtime.bank import Reader
from alchemy.testtime.judging import Judging, checked


class Said(NamedTuple):
    """What was said of completions; arrays float32 (s, n, k)."""

    good: np.ndarray
    """Share of the checks that end with good, a score, and the vote of several; or the mean probability that they do."""
    written: np.ndarray
    """Tokens of all checks."""
    read: np.ndarray
    """Tokens of what is shown of the completion and asked about it, which is read once for all its checks."""

    def reader(self, runs: Runs) -> Reader:
        """What asking costs, for the bank of the completions."""
        return Reader(size(runs.model), read=self.read + self.written)


def ask(
    lab: Lab, runs: Runs, samples: Samples, *, checks: int = 1, temperature: float = 0.0, weighed: bool = False
) -> Said:
    """Let models of a `Judging` task, as trained or reinforced, check completions `checks` times each, greedily unless sampled.

    With `weighed` a check says how likely good is behind it, of good and bad, not which of them is written.
    """
    judging, (seeds, n, k, m) = runs.task, samples.completions.shape
    if not isinstance(judging, Judging):
        raise UserError(f"models of {type(judging).__name__} write no verdicts; expected models of Judging")
    check_sizes(runs, samples, checks)
    key = {"judging": plain(judging), "checks": checks, "temperature": temperature} | (
        {"weighed": True} if weighed else {}
    )
    names = [
        fingerprint({**key, "model": name, "prompts": digest(trimmed(own)), "completions": digest(answers)})
        for name, own, answers in zip(runs.names, samples.prompts(), samples.completions, strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        made = []
        for done, row in enumerate(rows, 1):
            batch = samples.batch.rows(np.repeat(np.arange(row * n, (row + 1) * n), k))
            asked = judging.questions(batch, samples.completions[row].reshape(n * k, m))
            good, texts = checked(
                runs.model,
                rows_of(runs.trained.params, [row]),
                judging,
                asked,
                checks=checks,
                temperature=temperature,
                seed=stream_id("written verdicts", runs.seeds[row]),
                weighed=weighed,
            )
            tokens = (texts != PAD).sum(axis=(1, 2)).reshape(n, k)
            read = (asked.prompt_len - batch.prompt_len).reshape(n, k)
            made.append(np.stack([good.reshape(n, k, checks).mean(axis=2), tokens, read], axis=2).astype(np.float32))
            progress(done)
        return {"said": np.stack(made)}

    tokens = n * k * (samples.batch.tokens.shape[1] + m + checks * judging.room)
    packed = lab.keep("said", runs.model, names, (n, k, len(Said._fields)), tokens, make, "ask for verdicts", seeds)
    return Said(*np.moveaxis(packed, 3, 0))
