"""Typed configs as command-line flags: a command's own options, then the fields of the config it works on.

tyro makes the flags and the help; its message about a bad one is condensed into one line.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import MISSING, field, fields, is_dataclass, make_dataclass
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from alchemy.errors import UserError, nearest
from alchemy.problem.shift import Noise

C = TypeVar("C")
HELP = ("-h", "--help")
REGISTRY = ConstructorRegistry()
SETTINGS = {"registry": REGISTRY, "config": (tyro.conf.AvoidSubcommands,)}
Switch = tyro.conf.FlagCreatePairsOff[bool]
"""An option that is off unless given."""


def parse(options: type[C], args: Sequence[str], prog: str) -> C:
    """The options of a command that works on no config; raises `UserError`, or exits where help is asked for."""
    return _parse(options, MISSING, args, prog, _flags(options))


def parse_options(options: type[C], args: Sequence[str], prog: str) -> tuple[C, list[str]]:
    """A command's own options, and the arguments that are left for its config.

    Arguments that belong to no flag are positional wherever no flag of the config stands before them.
    """
    positional, own, rest = _divide(options, args)
    return parse(options, [*positional, *own], prog), rest


def parse_config(default: C, args: Sequence[str], prog: str, options: type) -> C:
    """The config with the fields that the arguments name replaced; `options` are flags worth suggesting, too."""
    return _parse(type(default), default, args, prog, [*_flags(default), *_flags(options)])


def positional(options: type, args: Sequence[str]) -> list[str]:
    """The arguments that belong to no flag."""
    return _divide(options, args)[0]


def names(config: Any) -> list[str]:
    """The flags of a command's own options, or of a config."""
    return _flags(config)


def positional_name(options: type) -> str:
    """The option that has no flag, empty if there is none."""
    return next((option.name for option in fields(options) if str(option.type).startswith("Positional")), "")


def switches(options: type) -> list[str]:
    """The options that are off unless given."""
    return [option.name for option in fields(options) if isinstance(option.default, bool)]


def show_help(options: type, config: Any, prog: str) -> None:
    """Print the help of a command and of the config it works on (None for no config), and exit with 0."""
    if config is None:
        tyro.cli(options, prog=prog, args=["--help"])
    unprefixed = Annotated[type(config), tyro.conf.arg(name="")]
    config_field = (type(config).__name__.lower(), unprefixed, field(default_factory=lambda: config))
    both = make_dataclass(
        options.__name__, [config_field], bases=(options,), namespace={"__doc__": options.__doc__}, frozen=True
    )
    tyro.cli(both, prog=prog, args=["--help"], **SETTINGS)


def wants_help(args: Sequence[str]) -> bool:
    return any(arg in HELP for arg in args)


def _parse(kind: type[C], default: Any, args: Sequence[str], prog: str, known: Sequence[str]) -> C:
    """One call of tyro, whose error message is raised as one line."""
    message = io.StringIO()
    defaults = {} if default is MISSING else {"default": default}
    try:
        with redirect_stderr(message):
            value, unknown = tyro.cli(kind, args=args, prog=prog, return_unknown_args=True, **SETTINGS, **defaults)
    except SystemExit as stop:
        if not stop.code:
            raise
        _check_flags([arg for arg in args if arg.replace("_", "-").partition("=")[0] not in known], known)
        raise UserError(condense(message.getvalue())) from None
    if unknown:
        _check_flags(unknown, known)
        raise UserError(f"unexpected argument {unknown[0]!r}; see {prog} --help")
    return value


def _check_flags(unknown: Sequence[str], known: Sequence[str]) -> None:
    """Raises `UserError` if one of these arguments is a flag; `--no-x` is one of a switch x."""
    for arg in filter(_is_flag, unknown):
        flag = arg.partition("=")[0]
        if flag.replace("--no-", "--", 1) not in known:
            raise UserError(f"unknown option {flag!r}{nearest(flag, sorted(known))}")


def condense(box: str) -> str:
    """An error message of tyro as one line; it has a title and parts between rules, and a box around it on UTF-8."""
    boxed = box.startswith("╭")
    lines = [line.strip(" │") for line in box.splitlines()][1 if boxed else 2 : -1 if boxed else None]
    ends = [i for i, line in enumerate(lines) if re.match("─|---", line)] or [len(lines)]
    text = " ".join(lines[: ends[0]])
    choice = re.fullmatch(r"invalid choice '(.*)' for argument '(\S+)'\. Expected one of \((.*)\)\.", text)
    if choice:
        value, flag, choices = choice.groups()
        known = [known_choice.strip("', ") for known_choice in choices.split(",")]
        return f"{flag}: invalid choice {value!r}{nearest(value, known)}"
    missing = re.match(r"Missing from (.*):", text)
    if missing:
        return f"{missing[1]} needs {lines[1]}: {' '.join(lines[2 : ends[0]]).replace(' (required)', '')}"
    value = re.fullmatch(r"Error parsing (.*)", text)
    expected = [line for line in lines[ends[0] + 2 : ends[0] + 3] if value]
    return (value[1] if value else text) + "".join(f"; expected {line}" for line in expected)


def _divide(options: type, args: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Arguments as (positional, the command's own flags with their values, flags of the config with theirs)."""
    takes = {f"--{option.name.replace('_', '-')}": _value_count(option) for option in fields(options)}
    takes |= {f"-{option.name}": _value_count(option) for option in fields(options) if len(option.name) == 1}
    positional: list[str] = []
    own: list[str] = []
    rest: list[str] = []
    target, room = positional, float("inf")
    for arg in args:
        if _is_flag(arg):
            name, equals, _ = arg.replace("_", "-").partition("=")
            target = own if name in takes else rest
            room = 0 if equals else takes.get(name, float("inf"))
            target.append(arg)
        elif room:
            target.append(arg)
            room -= 1
        else:
            positional.append(arg)
    return positional, own, rest


def _value_count(option: Any) -> float:
    """How many values the flag of a dataclass field takes."""
    if isinstance(option.default, bool):
        return 0
    return float("inf") if isinstance(option.default, tuple) else 1


def _is_flag(arg: str) -> bool:
    """Whether an argument is a flag: it starts with a dash and is neither a lone dash nor a number."""
    return re.match(r"-(?![\d.]|$)", arg) is not None


def _flags(config: Any, prefix: str = "--") -> list[str]:
    """The flags that a dataclass, or an instance of one, has."""
    flags = []
    for option in fields(config):
        value = getattr(config, option.name, None)
        name = f"{prefix}{option.name.replace('_', '-')}"
        if is_dataclass(value) and not isinstance(value, Noise):
            flags += _flags(value, f"{name}.")
        else:
            flags.append(name)
    return flags


@REGISTRY.primitive_rule
def _noise_rule(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """Format noise is one flag, written as in the name of a shift."""
    if info.type is not Noise and set(get_args(info.type)) != {Noise, NoneType}:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="MODE:P[:FIELD]",
        instance_from_str=lambda args: _read_noise(args[0]),
        is_instance=lambda value: value is None or isinstance(value, Noise),
        str_from_instance=lambda noise: [f"{noise.mode}:{noise.p}:{noise.field}" if noise else "none"],
    )


def _read_noise(text: str) -> Noise | None:
    """Format noise from `MODE:PROBABILITY`, `MODE:PROBABILITY:FIELD` or `none`."""
    if text == "none":
        return None
    mode, _, rest = text.partition(":")
    p, _, name = rest.partition(":")
    try:
        return Noise(mode, float(p), name or "all")
    except ValueError:
        raise UserError(f"noise {text!r}: expected MODE:PROBABILITY or MODE:PROBABILITY:FIELD") from None
