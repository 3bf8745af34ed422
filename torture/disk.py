"""Disks that are full after so many bytes: one line says so, nothing half is left, and with room again the end is the same.

The disk is a tmpfs of a size that ends the command at one write after another; to mount one takes privileges.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from torture import process
from torture.kills import Undisturbed
from torture.trial import Trial
from torture.work import WORK, copied, ends, scratch, states

PAGE = os.sysconf("SC_PAGE_SIZE")
FULL = ("No space left", "no space", "the disk has")
"""What is said of a full disk, or of one that is seen to be too small."""


def disks(home: Path, sizes: int, names: Sequence[str] = ()) -> Iterator[Trial]:
    """Every command on disks of so many sizes, from one that holds what it begins with to one that holds all."""
    disk = home / "disk"
    if (reason := _mounted(disk, 1 << 20)) is not None:
        yield Trial("disk", "all sizes", skipped=reason)
        return
    _unmounted(disk)
    for work in WORK:
        if names and work.name not in names:
            continue
        undisturbed = Undisturbed(work, home / "templates-disk" / work.name.replace(" ", "_"))
        first = _taken(undisturbed.template)
        last = 2 * _taken(undisturbed.template.with_name(undisturbed.template.name + "-end")) + 64 * PAGE
        for size in dict.fromkeys(int(first + (last - first) * at / sizes) // PAGE * PAGE for at in range(sizes)):
            if (reason := _mounted(disk, size)) is not None:
                yield Trial("disk", f"{work.name}, {size:,} bytes", skipped=reason)
                continue
            try:
                yield _full(undisturbed, disk, size)
            finally:
                _unmounted(disk)


def _full(undisturbed: Undisturbed, disk: Path, size: int) -> Trial:
    work, home = undisturbed.work, disk / "home"
    description = f"{work.name}, {size:,} bytes"
    try:
        copied(undisturbed.template, home)
    except OSError:
        return Trial("disk", description, counts={"too small to begin": 1})
    ended = process.run(work.argv, home)
    faults = []
    if ended.traceback:
        faults.append(f"a traceback: {ended.last_line}")
    if ended.code:
        lines = ended.err.strip().splitlines()
        if ended.code != 2 or not any(word in ended.err for word in FULL):
            faults.append(f"ended with {ended.code}: {ended.last_line}")
        if len(lines) != 1:
            faults.append(f"said {len(lines)} lines: {lines[:3]}")
        if left := scratch(home):
            faults.append(f"left {', '.join(left)}")
    state = states(work, home)
    faults += [f"{name} is half" for name in state if state[name] not in undisturbed.allowed[name]]
    subprocess.run(["mount", "-o", f"remount,size={1 << 30}", str(disk)], check=True)
    if ended.code:
        again = process.run(work.argv, home)
        if again.code:
            faults.append(f"with room again it ended with {again.code}: {again.last_line}")
    left = ends(work, home)
    faults += [f"with room again {name} ends otherwise" for name in left if left[name] != undisturbed.ends[name]]
    return Trial("disk", description, faults, {"full": int(ended.code != 0), "all fitted": int(ended.code == 0)})


def _taken(home: Path) -> int:
    """What a directory takes on a tmpfs."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in files) + 4 * PAGE


def _mounted(disk: Path, size: int) -> str | None:
    """Mount a disk of so many bytes; the reason if that cannot be done."""
    disk.mkdir(parents=True, exist_ok=True)
    try:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(disk)], capture_output=True, text=True
        )
    except OSError as fault:
        return f"mount cannot be run: {fault.strerror}"
    return None if made.returncode == 0 else f"a tmpfs cannot be mounted: {made.stderr.strip()}"


def _unmounted(disk: Path) -> None:
    subprocess.run(["umount", str(disk)], check=False)
