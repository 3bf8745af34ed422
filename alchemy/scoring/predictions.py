"""Files of predictions: a JSON object a line, or a log of inspect_ai.

A line is {input, output} or {prompt, completion}, the model's text after a prompt that the task reads and solves, or
{predict, label}, the model's text and the gold one; or it is a sample that lm-evaluation-harness logged or inspect_ai
did, of the tasks that `alchemy prompts` writes. Of a log that is one JSON document each sample counts as a line. Epochs
of inspect_ai are samples of one problem each; repeats of lm-evaluation-harness are several samples on a line.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from alchemy.errors import UserError
from alchemy.scoring.file_formats import json_lines

LONGEST_LINE = 1 << 22  # bytes of a line
LONGEST_TEXT = 1 << 16  # characters of a text that is compared with a gold one: counting n-grams costs their square
LARGEST_LOG = 1 << 28  # bytes of a log that is one document
BLOCK_CHARS = 1 << 24  # characters held at once, or one line more


class Schema(NamedTuple):
    """A kind of line: its name, and how to read it: pairs (prompt, completion), or (prediction, gold text) if it has gold.

    The model's text is None where it failed to write one. A line has several pairs where a problem was answered as often.
    """

    name: str
    texts: Callable[[int, dict[str, Any]], list[tuple[str | None, str | None]]]
    has_gold: bool = False


class Row(NamedTuple):
    """One pair of texts, (prompt, completion) or (prediction, gold text), and the number of the line it is from."""

    line: int
    left: str
    right: str
    answer: str = ""
    """The answer that the model's text gives, with single blanks; nothing where it gives none."""


def lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, or the samples of a log; raises `UserError` on what is too long to be either, or damaged."""
    try:
        yield from _lines(json_lines(stream))
    except (EOFError, zlib.error) as fault:
        raise UserError(f"the packed file is cut off or damaged: {fault}") from None


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    head = stream.readline(LONGEST_LINE + 1)
    if head.startswith(b"PK\x03\x04"):
        raise UserError("this is an archive, expected JSON; of an .eval log: inspect log convert --to json")
    if head.strip() == b"{":
        yield from _samples(head + stream.read(LARGEST_LOG))
        return
    rest = iter(lambda: stream.readline(LONGEST_LINE + 1), b"")
    for number, line in enumerate(chain([head] if head else [], rest), 1):
        _check_length(number, line)
        yield line


def blocks(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """The same rows, at most `most` at a time and no more than fit into `BLOCK_CHARS`."""
    block: list[Row] = []
    size = 0
    for row in rows:
        block.append(row)
        size += len(row.left) + len(row.right)
        if len(block) == most or size > BLOCK_CHARS:
            yield block
            block, size = [], 0
    if block:
        yield block


def check_comparable(block: Iterable[Row]) -> None:
    """Raises `UserError` if a text is too long to be compared with a gold one."""
    for row in block:
        longest = max(len(row.left), len(row.right))
        if longest > LONGEST_TEXT:
            raise UserError(f"line {row.line} has a text of {longest:,} characters, expected at most {LONGEST_TEXT:,}")


def parse_line(number: int, line: bytes) -> dict[str, Any]:
    """The object on a line; raises `UserError` that says what stands there instead."""
    _check_length(number, line)
    if not line.strip():
        raise UserError(f"line {number} is blank")
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise UserError(f"line {number} is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        fault = "is not JSON" if line.endswith(b"\n") else "is cut off or not JSON"
        raise UserError(f"line {number} {fault}: {error}") from None
    if not isinstance(record, dict):
        raise UserError(f"line {number} is a JSON {type(record).__name__}, expected an object")
    return record


PAIRS = (("predict", "label"), ("input", "output"), ("prompt", "completion"))


def schema_of(first: dict[str, Any], needs_prompt: bool) -> Schema:
    """The schema of all lines, by the first; where it has the keys of several, the first one of `PAIRS` counts."""
    if isinstance(first.get("doc"), dict) and "filtered_resps" in first:
        return HARNESS
    if isinstance(first.get("output"), dict) and "target" in first:
        return INSPECT
    pairs = PAIRS[1:] if needs_prompt else PAIRS
    for keys in pairs:
        if all(key in first for key in keys):
            return Schema(_keys(keys), partial(_pair_texts, keys), keys == PAIRS[0])
    choices = " or ".join(map(_keys, pairs))
    why = "; a label cannot say which traces are valid" if all(key in first for key in PAIRS[0]) else ""
    raise UserError(f"line 1 has the keys {_cut(', '.join(first)) or '(none)'}, expected {choices}{why}")


def _keys(keys: tuple[str, str]) -> str:
    return "{" + ", ".join(keys) + "}"


def _pair_texts(keys: tuple[str, str], number: int, record: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    for key in keys:
        if key not in record:
            raise UserError(f"line {number} has no {key!r}, which line 1 has")
    written = keys[0] if keys == PAIRS[0] else keys[1]
    left, right = (None if key == written and record[key] is None else _text(number, key, record[key]) for key in keys)
    return [(left, right)]


def _harness_texts(number: int, record: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    """The clean prompt with each completion: those that a filter kept; all repeats where it took the first of them.

    The one list is that of the one request that a prompt is: of the texts that were sampled, and of those kept of it.
    """
    kept = record.get("filtered_resps")
    if not isinstance(kept, list) or len(kept) != 1:
        raise UserError(f"line {number}: filtered_resps is {_cut(json.dumps(kept))}, expected a list of one text")
    match record.get("resps"):
        case [[first, *_] as repeats] if first == kept[0]:
            texts = repeats
        case _:
            texts = kept[0] if isinstance(kept[0], list) else kept
    if not texts:
        raise UserError(f"line {number}: filtered_resps is {json.dumps(kept)}, expected a text or several")
    problem = _problem(number, "doc", record.get("doc"))
    return [(problem, None if text is None else _text(number, "filtered_resps", text)) for text in texts]


def _inspect_texts(number: int, record: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    """The clean prompt, and the completion; none where the sample ended in an error."""
    problem = _problem(number, "metadata", record.get("metadata"))
    if record.get("error"):
        return [(problem, None)]
    output = record.get("output")
    completion = output.get("completion") if isinstance(output, dict) else None
    return [(problem, _text(number, "output completion", completion))]


HARNESS = Schema("lm-evaluation-harness samples", _harness_texts)
INSPECT = Schema("inspect_ai samples", _inspect_texts)


def _problem(number: int, place: str, holder: Any) -> str:
    """The prompt without noise, which `alchemy prompts` put there for the oracle."""
    if not isinstance(holder, dict) or "problem" not in holder:
        raise UserError(f"line {number}: {place} has no 'problem'; the tasks that alchemy prompts writes have one")
    return _text(number, "problem", holder["problem"])


def _text(number: int, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"line {number}: {key} is {_cut(json.dumps(value))}, expected a text")
    return value


def _samples(document: bytes) -> Iterator[bytes]:
    """The samples of a whole log, a line each."""
    if len(document) > LARGEST_LOG:
        raise UserError(f"the log has more than {LARGEST_LOG:,} bytes; give it a sample a line: jq -c '.samples[]'")
    try:
        log = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise UserError(f"line 1 is cut off or not JSON, and the file no whole log: {error}") from None
    if log.get("status") != "success" or not isinstance(log.get("samples"), list):
        status = _cut(json.dumps(log.get("status")))
        raise UserError(f"the log has status {status}, expected success and samples; of others: jq -c '.samples[]'")
    for sample in log["samples"]:
        yield json.dumps(sample).encode() + b"\n"


def _check_length(number: int, line: bytes) -> None:
    if len(line) > LONGEST_LINE:
        raise UserError(f"line {number} has more than {LONGEST_LINE:,} bytes")


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
