"""Places that cannot be written to, homes that are not there, terminals that know no letters, two processes at once."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from torture import process
from torture.kills import Undisturbed
from torture.trial import Trial
from torture.work import WORK, copied, ends, scratch, states

STRANGER = 54_321
"""A user id that no file of users has."""
NEW_USERS = 0x10000000
"""Linux's CLONE_NEWUSER."""
LOOKS = (
    ("list",),
    ("show", "symbols", "-n", "1"),
    ("show", "task_shift"),
    ("runs", "runs"),
    ("judge", "task_shift"),
)
"""Commands that only look."""


def places(home: Path, names: Sequence[str] = ()) -> Iterator[Trial]:
    """Every command in every place."""
    for work in WORK:
        if names and work.name not in names:
            continue
        undisturbed = Undisturbed(work, home / "templates-places" / work.name.replace(" ", "_"))
        yield _read_only(undisturbed, home / "read-only")
        for description, env, before in _homes(home):
            yield _same(undisturbed, home / "place", description, env, before)
        if work.store:
            yield _two(undisturbed, home / "two")
    for argv in LOOKS:
        yield _terminal(argv, home, "an ASCII terminal", {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, lambda: None)
        yield _terminal(argv, home, "standard output closed at once", {}, _broken_pipe)


def _read_only(undisturbed: Undisturbed, home: Path) -> Trial:
    """A directory that cannot be written to: one line says so."""
    work, description = undisturbed.work, f"{undisturbed.work.name}, a read-only directory"
    copied(undisturbed.template, home)
    undo = _frozen(home)
    if undo is None:
        return Trial("places", description, skipped="root ignores permissions, and nothing can be mounted here")
    try:
        ended = process.run(work.argv, home)
        state = states(work, home)
    finally:
        undo()
    faults = [f"{name} changed" for name in state if state[name] != undisturbed.before[name]]
    if ended.traceback or len(ended.err.strip().splitlines()) != 1:
        faults.append(f"said: {ended.err.strip()[:300]}")
    if ended.code != 2:
        faults.append(f"ended with {ended.code}: {ended.last_line}")
    return Trial("places", description, faults)


def _frozen(home: Path) -> Callable[[], object] | None:
    """Make a directory read-only, and say how to undo it; None if that cannot be done."""
    if os.geteuid():
        home.chmod(0o555)
        return lambda: home.chmod(0o755)
    mounts = (["mount", "--bind", str(home), str(home)], ["mount", "-o", "remount,bind,ro", str(home)])
    done = [subprocess.run(mount, capture_output=True).returncode for mount in mounts]
    if done[0] == 0:

        def undo() -> object:
            return subprocess.run(["umount", str(home)], check=True)

        if done[1] == 0:
            return undo
        undo()
    return None


def _homes(home: Path) -> Iterator[tuple[str, dict[str, str | None], Callable[[], object]]]:
    """A description, the environment, and what to do first."""
    file = home / "file"
    file.touch()
    yield "a home that is a file", {"HOME": str(file), "ALCHEMY_CACHE": None}, lambda: None
    yield "no home, and a user that no file of users has", {"HOME": None, "ALCHEMY_CACHE": None}, _become_a_stranger
    closed = home / "closed"
    closed.mkdir(exist_ok=True)
    if (undo := _frozen(closed)) is not None:
        yield "a read-only cache", {"ALCHEMY_CACHE": str(closed)}, lambda: None
        yield "a read-only home", {"HOME": str(closed), "ALCHEMY_CACHE": None}, lambda: None
        undo()


def _become_a_stranger() -> None:
    """Another user by name, with the rights of this one (Linux; a namespace of users)."""
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_USERS):
        raise OSError(ctypes.get_errno(), "no namespace of users")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{STRANGER} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{STRANGER} {group} 1")


def _same(
    undisturbed: Undisturbed, home: Path, place: str, env: dict[str, str | None], before: Callable[[], object]
) -> Trial:
    """The command does what it does elsewhere."""
    work, description = undisturbed.work, f"{undisturbed.work.name}, {place}"
    copied(undisturbed.template, home)
    ended = process.run(work.argv, home, env, before)
    if "no namespace of users" in ended.err:
        return Trial("places", description, skipped="this system has no namespaces of users, or grants none")
    faults = [f"ended with {ended.code}: {ended.last_line}"] if ended.code else []
    if ended.err.strip():
        faults.append(f"said: {ended.err.strip()[:300]}")
    left = ends(work, home)
    faults += [f"{name} ends otherwise" for name in left if left[name] != undisturbed.ends[name]]
    return Trial("places", description, faults)


def _two(undisturbed: Undisturbed, home: Path) -> Trial:
    """Two processes on one store: both end well, and what they leave is the same."""
    work, description = undisturbed.work, f"{undisturbed.work.name}, two processes on one store"
    copied(undisturbed.template, home)
    running = [process.start(work.argv, home) for _ in range(2)]
    both = [one.wait() for one in running]
    faults = [f"ended with {ended.code}: {ended.last_line}" for ended in both if ended.code or ended.traceback]
    if work.whole:  # files that are written by each in turn may be refused as changed, and are judged below
        faults = [fault for fault in faults if "was not written by" not in fault]
    left = ends(work, home)
    faults += [f"{name} ends otherwise" for name in left if left[name] != undisturbed.ends[name]]
    if hidden := scratch(home):
        faults.append(f"left {', '.join(hidden)}")
    return Trial("places", description, faults)


def _terminal(
    argv: Sequence[str], home: Path, place: str, env: dict[str, str | None], before: Callable[[], object]
) -> Trial:
    ended = process.run(argv, home, env, before)
    fine = {"runs": (0, 2)}.get(argv[0], (0,)) if "ASCII" in place else (0, 1, 2, 141)  # rich ends with 1
    faults = [f"ended with {ended.code}: {ended.last_line}"] if ended.code not in fine else []
    if ended.traceback:
        faults.append(f"a traceback: {ended.last_line}")
    return Trial("places", f"{' '.join(argv)}, {place}", faults)


def _broken_pipe() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)
