"""What the best reader does where prompt and trace contradict each other, in closed form.

The true product x is any of the p - 1 numbers other than 0. The prompt shows another one with probability e, the trace
with probability f, either time any of the p - 2 others alike. Where the prompt's product P and the trace's product d
differ, x has posterior odds

    x = d      e (1 - f)
    x = P      f (1 - e)
    another    e f / (p - 2), each of p - 3

so the likeliest answer is the trace's exactly if f < e, and the prompt's if f > e: the trace is to be followed where it is
the less noisy of the two, however often they are wrong.
"""

from __future__ import annotations

from typing import NamedTuple


class Posterior(NamedTuple):
    """Which product is the true one where prompt and trace differ; the three add up to 1."""

    follow: float  # the trace's
    restore: float  # the prompt's
    other: float  # neither


def posterior(modulus: int, prompt_noise: float, trace_noise: float) -> Posterior:
    """Given that they differ; neither noise tells anything about the other."""
    e, f = prompt_noise, trace_noise
    odds = e * (1 - f), f * (1 - e), e * f * (modulus - 3) / (modulus - 2)
    return Posterior(*(share / sum(odds) for share in odds))


def follows(prompt_noise: float, trace_noise: float) -> float:
    """How often the best reader's answer follows the trace on a conflict: always, never, or in half if it does not matter."""
    return 0.5 if prompt_noise == trace_noise else float(trace_noise < prompt_noise)


def accuracy(prompt_noise: float, trace_noise: float) -> float:
    """The best reader's accuracy on text with both noises: 1 - f if it follows the trace, 1 - e if it does not."""
    return 1 - min(prompt_noise, trace_noise)
