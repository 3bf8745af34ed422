"""`--config FILE.toml`: the options of a command, and the fields of the config it works on, from a file.

A key is an option by its name, a table the fields of a part of the config; what the command line says counts first. The name
of the task stands in its table, as `name`, where it has one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from alchemy.errors import UserError, nearest

OPTION = "--config"
SCALARS = (str, int, float)


class FromFile(NamedTuple):
    """What a file has: its name, and each key, written `part.name`, with its value."""

    path: Path
    values: dict[str, Any]


def divide(args: Sequence[str]) -> tuple[list[str], FromFile | None]:
    """Arguments without `--config`, and what its file has; raises `UserError` if it is no file of options."""
    rest: list[str] = []
    named: list[str] = []
    remaining = iter(args)
    for arg in remaining:
        if arg == OPTION:
            named.append(next(remaining, ""))
        elif arg.startswith(f"{OPTION}="):
            named.append(arg.partition("=")[2])
        else:
            rest.append(arg)
    if not named:
        return rest, None
    if len(named) > 1 or not named[0]:
        raise UserError(f"{OPTION} expects the name of one TOML file")
    return rest, _read(Path(named[0]))


def arguments(
    file: FromFile, args: Sequence[str], positional: str, given: Iterable[str], switches: Iterable[str]
) -> list[str]:
    """The command line with what a file adds to it.

    `positional` is the name of the argument without a flag, empty if there is none, and `given` what the line has for it;
    `switches` are options that are off unless given.
    """
    flags = {arg.partition("=")[0].replace("_", "-") for arg in args if arg.startswith("--")}
    front: list[str] = []
    behind: list[str] = []
    for key, value in file.values.items():
        flag, off = _flag(key), _flag(key, off=True)
        if key in _names(positional):
            front += [] if list(given) else map(str, value if isinstance(value, list) else [value])
        elif key.replace("-", "_") in switches and value is False:
            continue
        elif flag not in flags and off not in flags:
            behind += _written(flag, off, value)
    return [*front, *args, *behind]


def check_known(file: FromFile, positional: str, flags: Sequence[str]) -> None:
    """Raises `UserError` for a key that is no option, with the nearest one."""
    known = [*_names(positional), *(flag.removeprefix("--").replace("-", "_") for flag in flags)]
    for key in file.values:
        if key.replace("-", "_") not in known:
            raise UserError(f"{file.path}: unknown key {key!r}{nearest(key, known)}")


def _names(positional: str) -> list[str]:
    """The keys of the argument without a flag."""
    return [positional, f"{positional}.name"] if positional else []


def _read(path: Path) -> FromFile:
    try:
        return FromFile(path, dict(_flat(path, tomllib.loads(path.read_text("utf-8")))))
    except OSError as fault:
        raise UserError(f"cannot read {path}: {fault.strerror}") from None
    except (ValueError, RecursionError) as fault:  # of TOML or of UTF-8
        raise UserError(f"{path} is no TOML: {fault}") from None


def _flat(path: Path, table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        members = value if isinstance(value, list) else [value]
        if isinstance(value, dict):
            yield from _flat(path, value, f"{prefix}{key}.")
        elif all(isinstance(member, SCALARS) for member in members):
            yield f"{prefix}{key}", value
        else:
            raise UserError(
                f"{path}: {prefix}{key} is {value!r}, expected a text, a number, true or false, or a list of these"
            )


def _flag(key: str, off: bool = False) -> str:
    part, dot, name = key.replace("_", "-").rpartition(".")
    return f"--{part}{dot}{'no-' if off else ''}{name}"


def _written(flag: str, off: str, value: Any) -> list[str]:
    """An option as arguments."""
    if isinstance(value, bool):
        return [flag if value else off]
    return [flag, *map(str, value)] if isinstance(value, list) else [f"{flag}={value}"]
