"""The front door: `alchemy COMMAND`. Bad input is one line on standard error and exit code 2."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any, NamedTuple

from alchemy.cli import completion, config_file, flags
from alchemy.cli.commands import (
    ask,
    bank,
    bench,
    calibrate,
    compare,
    export,
    generate,
    intervene,
    judge,
    lock,
    new,
    prompts,
    reason,
    report,
    reproduce,
    runs,
    score,
    show,
    solve,
    sweep,
    train,
    verify,
)
from alchemy.cli.commands import list as list_command
from alchemy.cli.config_file import FromFile
from alchemy.errors import UserError, nearest
from alchemy.terminal import printable, wrapped

INTERRUPTED, BROKEN_PIPE = 130, 141
LONGEST = 600
"""Characters of an error that are shown."""
AGAIN = 0.01
"""Seconds after which an interrupt that was dropped is sent again."""


class Command(NamedTuple):
    """What a command takes and does; both its options and the configs it works on are dataclasses."""

    options: type
    run: Callable[..., int]
    configs: Callable[[Any, Sequence[str]], dict[str, Any]] | None = None
    """The configs before flags, by name, from the options (None if they do not parse) and the positional arguments."""
    computes: bool = False
    """Whether it trains models or lets them write, with all devices of the machine."""


COMMANDS = {
    "list": Command(list_command.List, list_command.run),
    "show": Command(show.Show, show.run, show.configs),
    "generate": Command(generate.Generate, generate.run, show.named),
    "verify": Command(verify.Verify, verify.run),
    "prompts": Command(prompts.Prompts, prompts.run),
    "score": Command(score.Score, score.run, score.configs),
    "reproduce": Command(reproduce.Reproduce, reproduce.run, reproduce.configs),
    "judge": Command(judge.Judge, judge.run),
    "calibrate": Command(calibrate.Calibrate, calibrate.run),
    "lock": Command(lock.Lock, lock.run),
    "train": Command(train.Train, train.run, train.configs, computes=True),
    "reason": Command(reason.Reason, reason.run, reason.configs, computes=True),
    "sweep": Command(sweep.Sweep, sweep.run, sweep.configs, computes=True),
    "ask": Command(ask.Ask, ask.run, computes=True),
    "runs": Command(runs.Runs, runs.run),
    "compare": Command(compare.Compare, compare.run, computes=True),
    "export": Command(export.Export, export.run),
    "bank": Command(bank.BankOptions, bank.run, computes=True),
    "solve": Command(solve.Solve, solve.run, computes=True),
    "intervene": Command(intervene.Intervene, intervene.run, computes=True),
    "report": Command(report.Report, report.run),
    "bench": Command(bench.Bench, bench.run, computes=True),
    "new": Command(new.New, new.run),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    try:
        with _interrupted_by_termination():
            code = _main(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except UserError as error:
        return _fail(error)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _close_stdout()
        return BROKEN_PIPE
    except OSError as error:
        _close_stdout()
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except MemoryError as error:
        return _fail(f"out of memory: {error}")


@contextmanager
def _interrupted_by_termination() -> Iterator[None]:
    """SIGTERM, as schedulers send it, does what Ctrl-C does: what is under way is kept, and resumed by the next run.

    Either is heard again a moment later where it comes while garbage is collected, as Python drops what is raised there.
    """
    timers: list[threading.Timer] = []

    def interrupt(*_: object) -> None:
        if not callable(signal.getsignal(signal.SIGINT)):  # a shell lets what it starts in the background ignore Ctrl-C
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():  # others may not say what a signal does
        yield
        return

    def dropped(event: Any) -> None:
        if event.exc_type is not KeyboardInterrupt:
            unraisable(event)
            return
        timers.append(threading.Timer(AGAIN, os.kill, (os.getpid(), signal.SIGTERM)))
        timers[-1].start()

    unraisable, sys.unraisablehook = sys.unraisablehook, dropped
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
            timer.join()
        signal.signal(signal.SIGTERM, before)
        if sys.unraisablehook is dropped:
            sys.unraisablehook = unraisable


def _main(args: list[str]) -> int:
    if not args or args[0] in flags.HELP:
        print(_overview())
        return 0 if args else 2
    name, rest = args[0], args[1:]
    if name == "--version":
        print(f"alchemy {version('alchemy-lab')}")
        return 0
    if name == completion.OPTION:
        options = {name: flags.names(command.options) for name, command in COMMANDS.items()}
        print(completion.script(options, *rest[:1]), end="")
        return 0
    if name not in COMMANDS:
        raise UserError(f"command {name!r} is unknown{nearest(name, COMMANDS)}")
    command, prog = COMMANDS[name], f"alchemy {name}"
    try:
        if flags.wants_help(rest):
            _help(command, [arg for arg in rest if arg not in flags.HELP], prog)
        rest, file = _with_file(command, rest)
        if command.configs is None:
            if file:
                _check_keys(file, command, {})
            return _run(command, flags.parse(command.options, rest, prog))
        options, fields = flags.parse_options(command.options, rest, prog)
        configs = command.configs(options, flags.positional(command.options, rest))
        if file:
            _check_keys(file, command, configs)
        return _run(command, options, _with_fields(configs, fields, prog, command.options))
    except SystemExit as stop:  # help has been printed
        return int(stop.code or 0)


def _run(command: Command, *args: Any) -> int:
    if command.computes:
        from alchemy.learning import machine

        machine.prepare()
    return command.run(*args)


def _with_file(command: Command, args: list[str]) -> tuple[list[str], FromFile | None]:
    """The arguments with those that a file of options adds, and the file, if one is named."""
    args, file = config_file.divide(args)
    if file is None:
        return args, None
    options, given = command.options, flags.positional(command.options, args)
    name, switches = flags.positional_name(options), flags.switches(options)
    return config_file.arguments(file, args, name, given, switches), file


def _check_keys(file: FromFile, command: Command, configs: dict[str, Any]) -> None:
    """Raises `UserError` if a file of options has a key that neither the command nor a config has."""
    known = [flag for part in (command.options, *configs.values()) for flag in flags.names(part)]
    config_file.check_known(file, flags.positional_name(command.options), known)


def _with_fields(configs: dict[str, Any], fields: list[str], prog: str, options: type) -> dict[str, Any]:
    """Every config with the fields given as flags; raises `UserError` unless each of them has each field."""
    if fields and not configs:
        raise UserError(f"unknown option {fields[0]!r}{nearest(fields[0], flags.names(options))}")
    if not fields:  # a parser for each of sixty claims takes seconds
        return configs
    parsed = {}
    for name, config in configs.items():
        try:
            parsed[name] = flags.parse_config(config, fields, prog, options)
        except UserError as error:
            raise UserError(f"{name}: {error}" if len(configs) > 1 else str(error)) from None
    return parsed


def _help(command: Command, args: list[str], prog: str) -> None:
    """Print the help, with the defaults that the arguments given so far imply, and exit."""
    if command.configs is None:
        flags.show_help(command.options, None, prog)
    try:
        options = flags.parse_options(command.options, args, prog)[0]
    except UserError:
        options = None
    configs = command.configs(options, flags.positional(command.options, args))
    flags.show_help(command.options, next(iter(configs.values())) if len(configs) == 1 else None, prog)


def _overview() -> str:
    """What `alchemy --help` prints."""
    sentences = {name: (command.options.__doc__ or "").splitlines()[0] for name, command in COMMANDS.items()}
    lines = [wrapped(f"  {name:<10} {sentence}", 13) for name, sentence in sentences.items()]
    return "\n".join(
        [
            "usage: alchemy COMMAND [--help]",
            "       alchemy COMMAND --config FILE.toml",
            "       alchemy --version",
            "       alchemy --completion [bash|zsh|fish]",
            "",
            *lines,
            "",
            "Start with: alchemy show symbols",
            "Exit codes: 0 done, 1 verify found a difference, 2 bad input, 130 interrupted.",
        ]
    )


def _fail(error: object) -> int:
    """One line on standard error; exit code 2."""
    text = printable(" ".join(str(error).split()))
    if len(text) > LONGEST:  # it quotes an input
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    print(f"alchemy: error: {text}", file=sys.stderr)
    return 2


def _close_stdout() -> None:
    """Let nothing more be written, so that the interpreter does not complain at exit about what is left."""
    with suppress(OSError, ValueError):  # under test there may be no real file behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
