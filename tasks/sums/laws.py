"""What is known of sums modulo q beforehand: the floor, and how a rare trace fares under greedy decoding and rewards.

A share p of training lines has the trace of running sums, the others have the whole sum at once. If the whole sum is
not learned, nor anything about it, a calibrated model begins with the number v with probability

    p [v = x1] + (1 - p) / q

as a trace begins with the first digit that counts, x1, and a guess is any number. So the first number tells which of the
two kinds of lines was begun only by Bayes's rule, and all that is below follows (after arXiv:2510.11495, where q = 2).
"""

from __future__ import annotations


def floor(modulus: int) -> float:
    """Accuracy of any answer that leaves out one digit that counts: whatever the others, every sum is as likely."""
    return 1 / modulus


def begins_with_first(modulus: int, traced: float) -> float:
    """How often lines, or what a calibrated model samples, begin with the first digit that counts."""
    return traced + (1 - traced) / modulus


def goes_on(modulus: int, traced: float) -> float:
    """How often a line is one with a trace, given that its first number is the first digit that counts."""
    return traced / begins_with_first(modulus, traced) if traced else 0.0


def threshold(modulus: int) -> float:
    """The share of traces above which `goes_on` is over 1/2: there, greedy decoding writes the trace."""
    return 1 / (modulus + 1)


def accuracy(modulus: int, traced: float) -> float:
    """Right answers of samples at temperature 1: every trace, and guesses at the floor."""
    return traced + (1 - traced) * floor(modulus)


def greedy_accuracy(modulus: int, traced: float) -> float:
    """Right answers of greedy decoding, beside the threshold: it begins with x1 unless p = 0, and ends there if p is low."""
    return 1.0 if traced > threshold(modulus) else floor(modulus)


def after_rounds(modulus: int, traced: float, rounds: int) -> float:
    """The share of traces after rounds of sampling, keeping what is right, and learning to write that.

    All traces are kept and one in q guesses, so that a round multiplies the odds of a trace by q; none stays none.
    """
    odds = traced * float(modulus) ** rounds
    return odds / (odds + 1 - traced)
