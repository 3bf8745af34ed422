"""What is scored on stars without finding the arm that leads to the goal, in closed form.

Whoever knows the edges and not the arm takes any of them, and follows it. The first node is then right as often as an arm
is guessed, and with it all of the path. A teacher who shows the right nodes so far hides this: behind each of them one edge
leads on, so that all nodes but the first are right (arXiv:2403.06963).
"""

from __future__ import annotations


def guess_arm(arms: int) -> float:
    """Share of paths that are right of whoever follows any arm; of first nodes, too."""
    return 1 / arms


def teacher_forced(arms: int, length: int) -> float:
    """Share of the nodes that are right of the same reader, shown the right nodes so far."""
    return (guess_arm(arms) + length - 1) / length
