"""What a model, a reasoner, a strategy or a claim is, for a reader: its sentence, its fields, and what is known of it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from itertools import pairwise
from types import ModuleType
from typing import Any

from alchemy.discover import Entry, Kind, claim_folder, find
from alchemy.record import plain
from alchemy.report.history import newest_of
from alchemy.terminal import beside, counted

OTHERS: tuple[Kind, ...] = ("model", "reasoner", "strategy", "claim")
"""The kinds that are described; tasks are shown by their problems."""
NAMES = 13
"""Columns of the names of what is said."""


def described(kind: Kind, entry: Entry) -> dict[str, Any]:
    """All that is known of a model, reasoner, strategy or claim, as JSON has it."""
    about = {"kind": kind, "name": entry.name, "file": entry.file, "sentence": entry.sentence}
    if kind == "claim":
        return about | _claim(entry.name, find("claim", entry.name))
    described_class = find(kind, entry.name)
    return about | {"class": inspect.getdoc(described_class) or "", "fields": _fields(described_class)}


def lines(about: Mapping[str, Any]) -> Iterator[str]:
    """The same for the terminal."""
    yield f"{about['name']}: a {about['kind']}, {about['file']}"
    for name, text in _claim_rows(about) if about["kind"] == "claim" else _class_rows(about):
        yield beside(name, text, NAMES)


def _class_rows(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "what it is", about["sentence"]
    yield "in full", about["class"]
    for number, (name, field) in enumerate(about["fields"].items()):
        default = f" = {field['default']!r}" if "default" in field else ""
        yield (
            "" if number else "fields",
            f"{name}: {field['type']}{default}" + (f"  {field['doc']}" if field["doc"] else ""),
        )
    if about["kind"] == "strategy":
        dials = "".join(f":{name}={field.get('default', '...')}" for name, field in list(about["fields"].items())[:2])
        yield "try it", f"alchemy solve --strategy {about['name']}{dials}"
    elif about["kind"] == "reasoner":
        yield "train it", f"alchemy reason TASK --architecture {about['name']}"
    else:
        yield "train it", f"alchemy train TASK --architecture {about['name']}"


def _fields(described_class: type[Any]) -> dict[str, dict[str, Any]]:
    """The fields of a dataclass: their types as written, their defaults, and the text below each."""
    documented: dict[str, str] = {}
    for owner in reversed(described_class.__mro__[:-1]):
        documented |= _texts_below_fields(owner)
    described_fields = {}
    for field in fields(described_class):
        default = field.default if field.default is not MISSING else MISSING
        known = {} if default is MISSING else {"default": plain(default)}
        described_fields[field.name] = {"type": str(field.type), **known, "doc": documented.get(field.name, "")}
    return described_fields


def _texts_below_fields(owner: type[Any]) -> dict[str, str]:
    """The text below each field of a class, as its source has it."""
    try:
        [node] = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    except (OSError, TypeError, ValueError):
        return {}
    texts = {}
    body = node.body if isinstance(node, ast.ClassDef) else []
    for statement, below in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            value = below.value if isinstance(below, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                texts[statement.target.id] = " ".join(value.value.split())
    return texts


def _claim(name: str, module: ModuleType) -> dict[str, Any]:
    from alchemy.report.costs import PRESET, costs
    from alchemy.report.lock import locked

    records = newest_of(name)
    [cost] = costs({name: module}, {name: records})
    lock = locked(name, module, claim_folder(name, "locks"))
    return {
        "claim": plain(module.CLAIM),
        "presets": {preset: plain(config) for preset, config in module.PRESETS.items()},
        "lock": {"digest": lock.digest, "generation": lock.generation} if lock else None,
        "cost": {"preset": PRESET, "seeds": cost.seeds, "seconds": cost.seconds, "takes models of": cost.shares},
        "verdicts": {preset: _verdict(record) for preset, record in records.items()},
    }


def _verdict(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader is told of a committed record first."""
    from alchemy.report.table import deciding, verdict

    return {
        "verdict": verdict(record),
        "decided by": deciding(record),
        "seeds": record["seeds"],
        "commit": record["commit"],
    }


def _claim_rows(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from alchemy.report.costs import PRESET

    claim, cost = about["claim"], about["cost"]
    yield "claim", claim["sentence"]
    for name in ("source", "prediction", "refuted_if", "among", "question"):
        if claim[name]:
            yield name.replace("_", " "), claim[name]
    for preset, record in about["verdicts"].items():
        decided = f": {record['decided by']}" if record["decided by"] else ""
        yield (
            f"at {preset}",
            f"{record['verdict']}, {counted(record['seeds'], 'seed')}, commit {record['commit'][:7]}{decided}",
        )
    if not about["verdicts"]:
        yield "verdict", "not judged yet"
    lock = about["lock"]
    yield "promise", f"locked, {lock['digest'][:8]}, generation {lock['generation']}" if lock else "not locked"
    if cost["seconds"] is not None:
        shared = f"; takes models of {cost['takes models of']} that are there" if cost["takes models of"] else ""
        yield (
            "costs",
            f"{cost['seconds'] / 60:.1f} minutes at {cost['preset']} on two cores, {counted(cost['seeds'], 'seed')}{shared}",
        )
    small = dict(_flat(about["presets"][PRESET]))
    yield f"{PRESET} has", _listed(small)
    for preset, config in about["presets"].items():
        if preset != PRESET:
            yield f"{preset} has", _listed({name: value for name, value in _flat(config) if small.get(name) != value})
    yield "judge it", f"alchemy reproduce {about['name']} --preset small"


def _listed(config: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in config.items()) or "the same"


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a config by the names of their flags; those of a part that has a class of its own, with its name."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif name != "class":
            yield f"{prefix}{name}", value
