"""What a command may replace: only what it can prove that it wrote, and never an input.

The proof is in what was written. A page, figure, table of numbers or archive of arrays says which command wrote it, with
the SHA-256 of its other bytes; a directory of several files has a list of theirs. What was changed since, or came from
elsewhere, stays, and the command says its name. Links are followed and stay; devices and pipes are written to.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from alchemy.errors import UserError
from alchemy.record import write_whole

DIGEST = 64
"""Characters of a SHA-256."""


def check_replaceable(path: Path, command: str, inputs: Iterable[Path] = ()) -> None:
    """Raises `UserError` if there is a file at `path` that is an input, or that the command cannot prove it wrote."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except OSError as fault:
        raise UserError(f"cannot write {path}: {fault.strerror}") from None
    if stat.S_ISDIR(status.st_mode):
        raise UserError(f"{path} is a directory, expected the name of a file")
    if not stat.S_ISREG(status.st_mode):
        return
    for given in inputs:
        if given.exists() and given.samefile(path):
            raise UserError(f"{path} is what this command reads; name another file to write")
    if status.st_size and not _is_sealed(path.read_bytes(), command):
        raise UserError(
            f"{path} was not written by `alchemy {command}`, or changed since; name another file, or remove it"
        )


def write_sealed(path: Path, command: str, write: Callable[[Path], object], inputs: Iterable[Path] = ()) -> None:
    """Let `write` fill a file, and put it at `path` with the proof that the command wrote it.

    HTML and SVG have it in a comment, a JSON object as its last entry, JSON lines in the last of them, a zip archive (npz)
    in its comment. Raises `UserError` as `check_replaceable` does.
    """
    check_replaceable(path, command, inputs)

    def write_with_seal(scratch: Path) -> None:
        if scratch.exists():  # a device or pipe, which nobody reads back
            write(scratch)
            return
        write(scratch)
        scratch.write_bytes(_sealed(scratch.read_bytes(), command))

    write_whole(path, write_with_seal)


def _mark(command: str) -> bytes:
    return f"written by alchemy {command}, sha256 ".encode()


def _sealed(content: bytes, command: str) -> bytes:
    mark = _mark(command)
    if content.startswith(b"PK"):  # the last two bytes are the length of the comment behind them
        before, after = content[:-2] + (len(mark) + DIGEST).to_bytes(2, "little") + mark, b""
    elif content.rstrip().rpartition(b"\n")[2].startswith(b"{"):
        before, after = content.rstrip()[:-1] + b', "seal": "' + mark, b'"}\n'
    elif content.startswith(b"{"):
        before, after = content.rstrip()[:-1].rstrip() + b',\n "seal": "' + mark, b'"\n}\n'
    else:
        before, after = content + b"<!-- " + mark, b" -->\n"
    return before + hashlib.sha256(before + after).hexdigest().encode() + after


def _is_sealed(content: bytes, command: str) -> bool:
    before, mark, rest = content.rpartition(_mark(command))
    digest, after = rest[:DIGEST], rest[DIGEST:]
    return bool(mark) and hashlib.sha256(before + mark + after).hexdigest().encode() == digest


def is_beside_the_point(name: str) -> bool:
    """Whether a file is what systems and tools leave in any directory: hidden, or a cache of Windows."""
    return name.startswith(".") or name.casefold() in ("thumbs.db", "desktop.ini")


def inside(directory: Path, name: str) -> Path:
    """The file of a directory by its name; raises `UserError` if the name leads elsewhere, by itself or by a link."""
    path = directory / name
    if Path(name).name != name or name in ("", ".", "..") or path.resolve().parent != directory.resolve():
        raise UserError(f"{directory}: the name {name!r} leads out of this directory")
    return path


@contextmanager
def new_files(directory: Path, old: Iterable[str] = ()) -> Iterator[Path]:
    """A place for files that take the place of `old` ones in a directory once all are written, or not at all.

    A directory that is there stays the same one, be it a mount point or where a shell stands; another appears whole.
    """
    directory = directory.resolve()
    if not directory.exists():
        with temporary(directory) as place:
            place.mkdir()
            yield place
            place.rename(directory)
        return
    apart = os.path.ismount(directory) or not os.access(directory.parent, os.W_OK)
    beside = directory / "new" if apart else directory
    with temporary(beside) as place, temporary(beside) as replaced:
        place.mkdir()
        yield place
        replaced.mkdir()
        names = sorted(file.name for file in place.iterdir())
        moves = [(directory / name, replaced / name) for name in old if (directory / name).exists()]
        _move_all([*moves, *((place / name, directory / name) for name in names)])


def _move_all(moves: Iterable[tuple[Path, Path]]) -> None:
    """Rename files, all or none; raises `UserError` where a file would be replaced."""
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            if os.path.lexists(target):
                raise UserError(f"{target} exists, and was not written by this command; not replaced")
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        raise


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """A free name next to `path`; the file or directory that has it in the end is removed."""
    with suppress(FileExistsError):  # creating the file or directory itself then says it better
        path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
    try:
        yield scratch
    finally:
        if scratch.is_dir():
            shutil.rmtree(scratch, ignore_errors=True)
        else:
            scratch.unlink(missing_ok=True)


def listing(place: Path, command: str) -> str:
    """The list, as JSON, of the files that a command has written to a directory."""
    files = {file.name: _sha256(file) for file in sorted(place.iterdir())}
    return json.dumps({"command": f"alchemy {command}", "files": files}, indent=1) + "\n"


def listed(path: Path, command: str) -> list[str]:
    """The files that are there of those that a command has listed at `path`, and the list.

    Raises `UserError` if it is no such list, or a file has changed since.
    """
    if not os.path.lexists(path):
        return []
    try:
        known = json.loads(path.read_text("utf-8"))
        files = known["files"] if known["command"] == f"alchemy {command}" else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        files = None
    if not isinstance(files, dict):
        raise UserError(f"{path} was not written by `alchemy {command}`; not replaced")
    return [*unchanged(path.parent, files, f"alchemy {command}"), path.name]


def unchanged(directory: Path, checksums: Mapping[str, object], command: str) -> list[str]:
    """The files that are there of those with these checksums; raises `UserError` if one of them has another."""
    names = [name for name in checksums if os.path.lexists(inside(directory, name))]
    for name in names:
        if _sha256(directory / name) != checksums[name]:
            raise UserError(f"{directory / name} changed since `{command}` wrote it; not replaced")
    return names


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise UserError(f"cannot read {path}: {fault.strerror}") from None
