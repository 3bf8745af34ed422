"""Lines that fit a terminal; lines that go to a file or a pipe are not broken."""

from __future__ import annotations

import shutil
import textwrap

UNBOUNDED = 1 << 30
LEAST = 40
"""A terminal that is narrower breaks lines itself."""


def width() -> int:
    """Columns, from the variable COLUMNS or the terminal; without either there is no bound."""
    return max(LEAST, shutil.get_terminal_size(fallback=(UNBOUNDED, 0)).columns)


def wrapped(text: str, indent: int = 2) -> str:
    """A line broken between words, all lines but the first indented."""
    return textwrap.fill(text, width(), subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def beside(name: str, text: str, room: int, indent: int = 2) -> str:
    """A text behind a name, which has so many columns; on a narrow terminal the text is below it. No word is broken."""
    lead = f"{'':<{indent}}{name:<{room}} "
    below = width() - len(lead) < LEAST
    start = "" if not below else f"{'':<{indent + 4}}"
    filled = textwrap.fill(
        text,
        width(),
        initial_indent=start if below else lead,
        subsequent_indent=start if below else " " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{lead.rstrip()}\n{filled}" if below and name else filled


def counted(number: int, noun: str) -> str:
    """A number and its noun, which is given in the singular: 1 seed, 2 seeds, 1,000 seeds."""
    return f"{number:,} {noun}{'s'[: number != 1]}"


def cut(text: str, room: int) -> str:
    """As many words of a line as fit into `room` columns, and an ellipsis if some are left out."""
    return textwrap.shorten(text, max(room, 12), placeholder=" …") if len(text) > room else text


def sized(size: float) -> str:
    """A number of bytes in the unit that suits it."""
    unit, of_one = next(((unit, of) for unit, of in (("GB", 1e9), ("MB", 1e6)) if size >= of / 10), ("kB", 1e3))
    return f"{size / of_one:,.1f} {unit}"


def printable(text: str) -> str:
    """Text from elsewhere as a terminal may show it: what it would obey, or could not show, as escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in text
    )
