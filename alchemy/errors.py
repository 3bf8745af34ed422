"""Bad input: one clear line that names the value, what was expected, and the nearest valid choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user gave is wrong; the message is shown as one line, exit code 2."""


def nearest(value: object, choices: Iterable[object]) -> str:
    """The closest of `choices` as a clause to end an error with, or the choices if none is close."""
    names = [str(choice) for choice in choices]
    close = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; choose from {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
