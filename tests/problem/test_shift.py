"""Shifts as data: they are added, compared and kept, and do not change."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from alchemy.errors import UserError
from alchemy.problem.shift import Axis, Noise, Shift


@dataclass(frozen=True)
class Fields:
    """What a task is to a shift."""

    letters: int = 3
    length: int = 4
    noise: Noise | None = None


LETTERS = Shift("letters=5", (Axis.TASK,), 2, {"letters": 5})
LONGER = Shift("length=9", (Axis.LENGTH, Axis.TASK), 5, {"length": 9})


def test_two_shifts_at_once_change_what_both_change():
    both = LETTERS + LONGER
    assert (both.name, both.axis, both.size) == ("letters=5+length=9", (Axis.TASK, Axis.LENGTH), 7)
    assert both(Fields()) == Fields(5, 9) and LETTERS(Fields()) == Fields(5)
    with pytest.raises(UserError, match="shifts 'letters=5' and 'letters=6' both change letters"):
        LETTERS + replace(LETTERS, name="letters=6", changes={"letters": 6})


def test_shifts_and_noise_are_kept_by_what_they_are():
    """A task with noise is the key of what was computed of it."""
    assert len({LETTERS, replace(LETTERS), LONGER}) == 2
    noise = Noise("insert", 0.1)
    assert {Fields(noise=noise), Fields(noise=Noise("insert", 0.1))} == {Fields(noise=noise)}
    for thing in (LETTERS, noise):
        with pytest.raises(FrozenInstanceError):
            thing.name = "other"
