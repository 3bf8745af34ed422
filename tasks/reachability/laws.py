"""What is scored without finding a way from the start to a candidate, in closed form.

The two halves of a graph are one, under names that are drawn for each. So whatever is counted of one candidate is as large of
the other: edges to it and from it, nodes before it, distance from its root. Who goes by any of this, by names or by places in the
text, and not by the start, is right in half of the problems. So is, of candidates that are too far, who follows the start so many
edges onwards and the candidates so many back: the names that are seen there do not meet, and exchanging those of the two
candidates' sides, which look alike, gives a graph as likely in which the other answer is right.
"""

from __future__ import annotations

from collections.abc import Sequence


def guess() -> float:
    """Share of right answers of whoever does not go by the start."""
    return 0.5


def within(depths: Sequence[int], edges: int) -> float:
    """The same of whoever sees so many edges in all, onwards from the start and back from the candidates."""
    seen = sum(depth <= edges for depth in depths) / len(depths)
    return seen + (1 - seen) * guess()
