"""Whether a directory holds what its manifest says, and no test problem is a training problem.

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
from alchemy.dataset.export import OnLines, with_progress
from alchemy.dataset.manifest import MANIFEST, dumps, read_manifest, recipe_of
from alchemy.dataset.parquet import Damaged, open_lines
from alchemy.dataset.recipe import GENERATOR_VERSION, MANIFEST_VERSION, File, Head, Recipe, lines
from alchemy.errors import UserError
from alchemy.output import is_beside_the_point
from alchemy.problem.split import HashSet
from alchemy.problem.task import Batch

QUOTED = 72  # characters of a line or value that a difference quotes
QUOTED_BEFORE = 24  # of them before the byte that differs
CRLF = (
    "its lines end in CRLF, as git on Windows or an editor writes them, and are the right ones otherwise; "
    "put LF back (dos2unix, or `* -text` in .gitattributes)"
)


def verify_splits(directory: Path, progress: OnLines = lambda name, done, total: None) -> list[str]:
    """What differs from the manifest, a line each; empty if nothing does. Raises `UserError` on a corrupt manifest."""
    directory = Path(directory)
    manifest = read_manifest(directory)
    recipe = recipe_of(manifest, directory / MANIFEST)
    present = set(_names_in(directory))
    expected = {MANIFEST, *recipe.files}
    differences = [f"{name}: missing" for name in sorted(expected - present)]
    differences += [f"{name}: not in the manifest" for name in sorted(present - expected - {CARD})]
    version = manifest.get("generator_version")
    if version != GENERATOR_VERSION:
        differences.append(f"manifest: written by generator {version}, this is {GENERATOR_VERSION}")
    if manifest.get("manifest_version") != MANIFEST_VERSION:
        was = manifest.get("manifest_version", 1)
        differences.append(
            f"manifest: is of version {was}, this writes {MANIFEST_VERSION}; generate it again with --force"
        )
    contents = {name: _read_file(directory, recipe.files[name]) for name in recipe.files if name in present}
    for name, content in contents.items():
        differences += _compare_with_manifest(manifest, name, recipe.files[name].count, content)
    differences += _shared_prompts(recipe.train_file, contents)
    readable = {
        name
        for name, content in contents.items()
        if content.readable and not _differs_in_line_ends_alone(content, _checksum(manifest, name))
    }
    differences += _regenerate(recipe, manifest, directory, readable, progress)
    # A card is written of a sound manifest, and may be missing.
    if CARD in present and not differences:
        differences += _compare_card((directory / CARD).read_bytes(), card(manifest).encode())
    return differences


def _compare_card(text: bytes, expected: bytes) -> Iterator[str]:
    """How a card differs from that of the manifest."""
    if text == expected:
        return
    yield f"{CARD}: {CRLF}" if _unix(text) == expected else f"{CARD}: is not the card of this manifest"


class Content(NamedTuple):
    """What reading a file tells, without regenerating it."""

    sha256: str
    sha256_of_unix_lines: str | None
    """That of the same lines with LF, where they end in CRLF."""
    prompts: np.ndarray  # int64 (lines read,): hash of each prompt's text
    fault: str | None
    """What is wrong with the first line that is no record."""
    readable: bool = True


def _names_in(directory: Path) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if not is_beside_the_point(name)]
    except OSError as error:
        raise UserError(f"cannot read {directory}: {error.strerror}") from None


def _read_file(directory: Path, file: File) -> Content:
    """The digest and the prompts of a file, read up to the first line that is no record."""
    prompts, fault, readable, unix = array("q"), None, True, None
    try:
        with open(directory / file.name, "rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            if stream.readline().endswith(b"\r\n"):
                stream.seek(0)
                unix = _sha256(map(_unix, stream))
        with open_lines(directory / file.name) as stream:
            for number, line in enumerate(stream, 1):
                prompt = _prompt(line)
                if prompt is None:
                    fault = f"line {number}: no JSON object with input and output: {_quote(line)}"
                    break
                prompts.append(hash(prompt))
    except OSError as error:
        raise UserError(f"cannot read {directory / file.name}: {error.strerror}") from None
    except Damaged as error:
        fault, readable = f"is no whole Parquet file: {error}", False
    return Content(sha256, unix, np.array(prompts, np.int64), fault, readable)


def _unix(text: bytes) -> bytes:
    """Text with LF for CRLF."""
    return text.replace(b"\r\n", b"\n")


def _sha256(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def _prompt(line: bytes) -> str | None:
    """The prompt of a record, or None if the line is no record."""
    try:
        record = json.loads(line)
        whole = isinstance(record["input"], str) and isinstance(record["output"], str) and line.endswith(b"\n")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return record["input"] if whole else None


def _compare_with_manifest(manifest: dict[str, Any], name: str, count: int, content: Content) -> Iterator[str]:
    """How a file differs from its entry in the manifest."""
    if content.fault:
        yield f"{name} {content.fault}"
    elif len(content.prompts) != count:
        yield f"{name}: {len(content.prompts)} lines, the manifest says {count}"
    sha256 = _checksum(manifest, name)
    if _differs_in_line_ends_alone(content, sha256):
        yield f"{name}: {CRLF}"
    elif sha256 != content.sha256:
        yield f"{name}: sha256 is {content.sha256}, the manifest says {sha256}"


def _differs_in_line_ends_alone(content: Content, sha256: Any) -> bool:
    return content.sha256_of_unix_lines is not None and content.sha256_of_unix_lines == sha256


def _checksum(manifest: dict[str, Any], name: str) -> Any:
    """The checksum that the manifest gives a file."""
    entry = manifest["files"].get(name) if isinstance(manifest.get("files"), dict) else None
    return entry.get("sha256") if isinstance(entry, dict) else None


def _shared_prompts(train_file: str, contents: dict[str, Content]) -> Iterator[str]:
    """Test prompts that are training prompts, as text (64-bit hashes: a false alarm has odds below 1e-7)."""
    train = contents.get(train_file)
    if train is None:
        return
    for name, content in contents.items():
        if name == train_file:
            continue
        shared = np.flatnonzero(np.isin(content.prompts, train.prompts))
        if shared.size:
            yield f"{name} line {shared[0] + 1}: its prompt is also in {train_file} ({shared.size} such lines)"


def _regenerate(
    recipe: Recipe, manifest: dict[str, Any], directory: Path, readable: set[str], progress: OnLines
) -> list[str]:
    """How files and manifest differ from those that the manifest's own config and seed give."""
    entries: dict[str, Any] = {}
    differences: list[str] = []
    training_problems = TrainingProblems()
    train: Batch | None = None
    for name, file in recipe.files.items():
        progress(name, 0, file.count)
        head, digest = Head(), hashlib.sha256()
        batches = head.keep(training_problems.compare(file, recipe.batches(file)))
        blocks = _digested(with_progress(lines(file, batches), name, file.count, progress), digest)
        try:
            if name in readable:
                with open_lines(directory / name) as stream:
                    differences += [f"{name} {difference}" for difference in _first_difference(blocks, stream)]
            for _ in blocks:  # the digest is of the whole file
                pass
        except (UserError, MemoryError) as error:
            return [*differences, f"cannot be regenerated: {error}"]
        differences += [f"{name}: {shared}" for shared in training_problems.shared]
        train = head.batch if train is None else train
        checksums = {"sha256": digest.hexdigest()}
        if recipe.suffix == "parquet":  # its bytes depend on the library, and were compared with the manifest already
            checksums = {"sha256": _checksum(manifest, name), "lines_sha256": digest.hexdigest()}
        entries[name] = recipe.entry(file, head.batch, train, checksums)
    rebuilt = json.loads(dumps(recipe.header() | {"files": entries}))
    return differences + list(_json_differences(rebuilt, manifest, "manifest"))


class TrainingProblems:
    """The training problems that were regenerated, by their identities and by how their prompts read."""

    def __init__(self) -> None:
        self.identities, self.surfaces = HashSet(), HashSet()
        self.shared: list[str] = []
        """What the last file that was compared has in common with them."""

    def compare(self, file: File, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches; those of the training file are remembered, those of others compared with it."""
        self.shared = []
        for batch in batches:
            identities, surfaces = file.task.identity(batch.problem), file.task.surface(batch)
            if file.part == "train":
                self.identities.add(identities)
                self.surfaces.add(surfaces)
            elif not self.shared:
                if self.identities.holds(identities).any():
                    self.shared.append("a test problem is also a training problem")
                if self.surfaces.holds(surfaces).any():
                    self.shared.append("a test prompt reads as a training problem")
            yield batch


def _digested(blocks: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    """The same blocks; `digest` is updated with each."""
    for block in blocks:
        digest.update(block)
        yield block


def _first_difference(blocks: Iterator[bytes], stream: BinaryIO) -> Iterator[str]:
    """The first line of a file that is not the one expected."""
    line = 1
    for block in blocks:
        read = stream.read(len(block))
        if read != block:
            pairs = zip_longest(io.BytesIO(block), io.BytesIO(read + stream.readline()))
            offset, pair = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
            yield f"line {line + offset}{_contrast(*pair)}"
            return
        line += block.count(b"\n")
    extra = stream.readline()
    if extra:
        yield f"line {line}: expected the end of the file, found {_quote(extra)}"


def _contrast(expected: bytes | None, actual: bytes | None) -> str:
    """Two lines from shortly before the first byte in which they differ."""
    if not (expected and actual):
        return f": expected {_quote(expected)}, found {_quote(actual)}"
    column = next(
        (i for i, pair in enumerate(zip(expected, actual, strict=False)) if pair[0] != pair[1]),
        min(len(expected), len(actual)),
    )
    start = max(0, column - QUOTED_BEFORE)
    return f" column {column + 1}: expected {_quote(expected[start:])}, found {_quote(actual[start:])}"


def _quote(line: bytes | None) -> str:
    """A line as it is shown, cut to size."""
    if not line:
        return "the end of the file"
    text = repr(line.decode("utf-8", "backslashreplace"))
    return text if len(text) <= QUOTED else f"{text[: QUOTED - 3]}..."


def _json_differences(expected: Any, actual: Any, place: str) -> Iterator[str]:
    """Where two JSON values differ; real numbers may differ by rounding."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in (*expected, *(key for key in actual if key not in expected)):
            if key not in actual:
                yield f"{place}: no field {key!r}"
            elif key not in expected:
                yield f"{place}: unexpected field {key!r}"
            elif key not in ("generator_version", "manifest_version"):
                yield from _json_differences(expected[key], actual[key], f"{place} {key}")
    elif isinstance(expected, float) and isinstance(actual, float):
        if not math.isclose(expected, actual, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{place}: is {actual}, regenerates as {expected}"
    elif type(expected) is not type(actual) or expected != actual:
        shown = (_cut(json.dumps(value)) for value in (actual, expected))
        yield "{}: is {}, regenerates as {}".format(place, *shown)


def _cut(text: str) -> str:
    return text if len(text) <= QUOTED else f"{text[: QUOTED - 3]}..."
