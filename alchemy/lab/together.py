"""Pieces of work that each begin with a training, done so that these are done together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from alchemy.lab.lab import Lab
from alchemy.lab.trainings import Wanted, make_together
from alchemy.progress import Progress

T = TypeVar("T")


def together(lab: Lab, works: Sequence[Callable[[Lab], T]]) -> list[T]:
    """What each of `works` makes at the lab, in their order; the first training of each is done beside those of its shape.

    Each of these models is, up to rounding, the one that its training alone would make
    (`alchemy.learning.train.train_together`), and sooner: a device has whole models to train, not a part of each batch. What a
    piece of work does before it trains is done twice. Raises what the work raises, and `Diverged` for the first training whose
    loss is no number.
    """
    wanted = [training for work in works if (training := _first_training(lab, work))]
    for fault in make_together(lab.root, wanted, lab.progress, exact=False):
        if fault:
            raise fault
    return [work(lab) for work in works]


def _first_training(lab: Lab, work: Callable[[Lab], object]) -> Wanted | None:
    """The first training that the work asks for and that was not done; what it counts meanwhile is not counted."""
    if lab.puts_off:
        return None
    quiet = Progress(quiet=True)
    scout = Lab(lab.root, quiet, split=lab.split, first_seed=lab.first_seed, tests=lab.tests, puts_off=True)
    try:
        work(scout)
    except Wanted as training:
        return training
    return None
