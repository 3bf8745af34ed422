"""Whether a directory holds what its manifest says, and nothing that was trained on is tested on.

Everything is regenerated from the manifest and compared byte for byte, Parquet by the lines it holds; the prompts on
disk are compared as text, too, so that the proof does not rest on the code that made them.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from array import array
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from alchemy.dataset.card import CARD, card
from alchemy.dataset.export import Progress, told
from alchemy.dataset.manifest import (
    GENERATOR_VERSION,
    MANIFEST,
    File,
    Head,
    Recipe,
    dumps,
    lines,
    read,
    recipe,
)
from alchemy.dataset.parquet import Damaged, opened
from alchemy.errors import UserError
from alchemy.problem.split import HashSet
from alchemy.problem.task import Batch

SHOWN = 72  # characters of a line or value that a difference quotes
BEFORE = 24  # of them before the byte that differs


def verify(directory: Path, progress: Progress = lambda name, done, total: None) -> list[str]:
    """What differs from the manifest, a line each; empty if nothing does. Raises `UserError` on a corrupt manifest."""
    directory = Path(directory)
    manifest = read(directory)
    made = recipe(manifest, directory / MANIFEST)
    present = set(_listed(directory))
    wanted = {MANIFEST, *made.files}
    found = [f"{name}: missing" for name in sorted(wanted - present)]
    found += [f"{name}: not in the manifest" for name in sorted(present - wanted - {CARD})]
    if manifest.get("generator_version") != GENERATOR_VERSION:
        found.append(f"manifest: written by generator {manifest.get('generator_version')}, this is {GENERATOR_VERSION}")
    contents = {name: _read_file(directory, made.files[name]) for name in made.files if name in present}
    for name, content in contents.items():
        found += _on_disk(manifest, name, made.files[name].count, content)
    found += _shared_prompts(next(iter(made.files)), contents)
    found += _regenerated(made, manifest, directory, {name for name in contents if contents[name].readable}, progress)
    # A card is written of a sound manifest, and may be missing.
    if CARD in present and not found and (directory / CARD).read_bytes() != card(manifest).encode():
        found.append(f"{CARD}: is not the card of this manifest")
    return found


class Content(NamedTuple):
    """What reading a file tells without knowing how it was made."""

    sha256: str
    prompts: np.ndarray  # int64 (lines read,): hash of each prompt's text
    bad: str | None
    """What is wrong with the first line that is no record."""
    readable: bool = True


def _listed(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError as error:
        raise UserError(f"cannot read {directory}: {error.strerror}") from None


def _read_file(directory: Path, file: File) -> Content:
    """The digest and the prompts of a file, read up to the first line that is no record."""
    prompts, bad, readable = array("q"), None, True
    try:
        with open(directory / file.name, "rb") as given:
            sha256 = hashlib.file_digest(given, "sha256").hexdigest()
        with opened(directory / file.name) as given:
            for number, line in enumerate(given, 1):
                prompt = _prompt(line)
                if prompt is None:
                    bad = f"line {number}: no JSON object with input and output: {_quote(line)}"
                    break
                prompts.append(hash(prompt))
    except OSError as error:
        raise UserError(f"cannot read {directory / file.name}: {error.strerror}") from None
    except Damaged as error:
        bad, readable = f"is no whole Parquet file: {error}", False
    return Content(sha256, np.array(prompts, np.int64), bad, readable)


def _prompt(line: bytes) -> str | None:
    """The prompt of a record, or None if the line is none."""
    try:
        record = json.loads(line)
        whole = isinstance(record["input"], str) and isinstance(record["output"], str) and line.endswith(b"\n")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return record["input"] if whole else None


def _on_disk(manifest: dict[str, Any], name: str, count: int, content: Content) -> Iterator[str]:
    """How a file differs from what the manifest says of it."""
    if content.bad:
        yield f"{name} {content.bad}"
    elif len(content.prompts) != count:
        yield f"{name}: {len(content.prompts)} lines, the manifest says {count}"
    says = _said(manifest, name)
    if says != content.sha256:
        yield f"{name}: sha256 is {content.sha256}, the manifest says {says}"


def _said(manifest: dict[str, Any], name: str) -> Any:
    """The checksum that the manifest gives a file."""
    entry = manifest["files"].get(name) if isinstance(manifest.get("files"), dict) else None
    return entry.get("sha256") if isinstance(entry, dict) else None


def _shared_prompts(trained: str, contents: dict[str, Content]) -> Iterator[str]:
    """Test prompts that are training prompts, as text (64-bit hashes: a false alarm has odds below 1e-7)."""
    train = contents.get(trained)
    for name, content in contents.items() if train else ():
        both = np.flatnonzero(np.isin(content.prompts, train.prompts)) if name != trained else np.zeros(0)
        if both.size:
            yield f"{name} line {both[0] + 1}: its prompt is also in {trained} ({both.size} such lines)"


def _regenerated(
    made: Recipe, manifest: dict[str, Any], directory: Path, readable: set[str], progress: Progress
) -> list[str]:
    """How files and manifest differ from what the manifest's own config and seed give."""
    rebuilt = made.header() | {"files": {}}
    found: list[str] = []
    trained = Trained()
    train: Batch | None = None
    for name, file in made.files.items():
        progress(name, 0, file.count)
        head, digest = Head(), hashlib.sha256()
        pieces = head.of(trained.told(file, made.pieces(file)))
        blocks = _digested(told(lines(file, pieces), name, file.count, progress), digest)
        try:
            if name in readable:
                with opened(directory / name) as given:
                    found += [f"{name} {difference}" for difference in _first_difference(blocks, given)]
            for _ in blocks:
                pass
        except (UserError, MemoryError) as error:
            return [*found, f"cannot be regenerated: {error}"]
        found += [f"{name}: {shared}" for shared in trained.shared]
        train = head.batch if train is None else train
        sums = {"sha256": digest.hexdigest()}
        if made.suffix == "parquet":  # its bytes are the library's that wrote it, and were compared with the manifest
            sums = {"sha256": _said(manifest, name), "lines_sha256": digest.hexdigest()}
        rebuilt["files"][name] = made.entry(file, head.batch, train, sums)
    return found + list(_differences(json.loads(dumps(rebuilt)), manifest, "manifest"))


class Trained:
    """The training problems that were regenerated, as drawn and as their prompts read, and who else has them."""

    def __init__(self) -> None:
        self.identities, self.surfaces = HashSet(), HashSet()
        self.shared: list[str] = []

    def told(self, file: File, pieces: Iterable[Batch]) -> Iterator[Batch]:
        """The same pieces, kept or compared on their way."""
        self.shared = []
        for piece in pieces:
            identities, surfaces = file.task.identity(piece.problem), file.task.surface(piece)
            if file.part == "train":
                self.identities.add(identities)
                self.surfaces.add(surfaces)
            elif not self.shared:
                drawn, read = self.identities.holds(identities).any(), self.surfaces.holds(surfaces).any()
                self.shared += ["a test problem is also a training problem"] if drawn else []
                self.shared += ["a test prompt reads as a training problem"] if read else []
            yield piece


def _digested(blocks: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    """The same blocks, each hashed on its way."""
    for block in blocks:
        digest.update(block)
        yield block


def _first_difference(blocks: Iterator[bytes], given: BinaryIO) -> Iterator[str]:
    """The first line of a file that is not the one expected."""
    line = 1
    for block in blocks:
        read = given.read(len(block))
        if read != block:
            pairs = zip_longest(io.BytesIO(block), io.BytesIO(read + given.readline()))
            offset, pair = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
            yield f"line {line + offset}{_contrast(*pair)}"
            return
        line += block.count(b"\n")
    extra = given.readline()
    if extra:
        yield f"line {line}: expected the end of the file, found {_quote(extra)}"


def _contrast(want: bytes | None, got: bytes | None) -> str:
    """Two lines from shortly before the first byte in which they differ."""
    if not (want and got):
        return f": expected {_quote(want)}, found {_quote(got)}"
    column = next(
        (i for i, pair in enumerate(zip(want, got, strict=False)) if pair[0] != pair[1]), min(len(want), len(got))
    )
    start = max(0, column - BEFORE)
    return f" column {column + 1}: expected {_quote(want[start:])}, found {_quote(got[start:])}"


def _quote(line: bytes | None) -> str:
    """A line as it is shown, cut to size."""
    if not line:
        return "the end of the file"
    text = repr(line.decode("utf-8", "backslashreplace"))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _differences(expected: Any, given: Any, place: str) -> Iterator[str]:
    """Where two JSON values differ; real numbers may differ by rounding."""
    if isinstance(expected, dict) and isinstance(given, dict):
        for key in (*expected, *(key for key in given if key not in expected)):
            if key not in given:
                yield f"{place}: no field {key!r}"
            elif key not in expected:
                yield f"{place}: unexpected field {key!r}"
            elif key != "generator_version":
                yield from _differences(expected[key], given[key], f"{place} {key}")
    elif isinstance(expected, float) and isinstance(given, float):
        if not math.isclose(expected, given, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{place}: is {given}, regenerates as {expected}"
    elif type(expected) is not type(given) or expected != given:
        shown = (_cut(json.dumps(value)) for value in (given, expected))
        yield "{}: is {}, regenerates as {}".format(place, *shown)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
