"""Kernels of a compiled program, and the bytes that each reads and writes.

A kernel reads what it is given and writes what it returns, each once: bytes that caches hold between kernels are counted, bytes
that a kernel fetches twice are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import Any

BYTES = dict(pred=1, s8=1, u8=1, bf16=2, f16=2, s16=2, u16=2, f32=4, s32=4, u32=4, f64=8, s64=8, u64=8)
NOTHING = {"Parameter", "Constant", "GetTupleElement", "Tuple", "Bitcast", "AfterAll", "PartitionId"}
"""Instructions at which nothing is done."""


def kernels(module: Any) -> Iterator[tuple[int, int]]:
    """(times, bytes) of every kernel of a compiled program; of a loop of unknown length one turn."""
    computations = {one.name: one.instructions() for one in module.computations()}

    def within(name: str, times: int) -> Iterator[tuple[int, int]]:
        for one in computations[name]:
            kind, text = str(one.opcode).removeprefix("HloOpcode.k"), one.to_string()
            if kind == "While":
                turns = re.search(r'known_trip_count":\{"n":"(\d+)"', text)
                yield from within(_called(text, "body"), times * int(turns[1]) if turns else times)
            elif kind == "Call":
                yield from within(_called(text, "to_apply"), times)
            elif kind == "Fusion":
                yield times, _fused(computations[_called(text, "calls")])
            elif kind not in NOTHING:
                yield times, _size(one) + sum(map(_size, one.operands()))

    return within(re.search(r"^ENTRY %?([\w.-]+)", module.to_string(), re.MULTILINE)[1], 1)


def _called(text: str, what: str) -> str:
    return re.search(rf"{what}=%?([\w.-]+)", text)[1]


def _fused(instructions: list[Any]) -> int:
    """Bytes that a kernel reads and writes: of what it only takes slices of, those; of what it writes into, what it writes."""

    def read(one: Any) -> int:
        used = [(user, str(user.opcode).removeprefix("HloOpcode.k")) for user in one.users()]
        partly = {
            "DynamicSlice": _size,
            "Slice": _size,
            "Gather": _size,
            "Bitcast": read,
            "DynamicUpdateSlice": lambda user: 0,
        }
        if not used or any(kind not in partly or user.operands()[0].name != one.name for user, kind in used):
            return _size(one)
        return min(_size(one), sum(partly[kind](user) for user, kind in used))

    def written(one: Any) -> int:
        kind = str(one.opcode).removeprefix("HloOpcode.k")
        if kind == "Tuple":
            return sum(map(written, one.operands()))
        if kind == "Bitcast":
            return written(one.operands()[0])
        return _size(one.operands()[1] if kind == "DynamicUpdateSlice" else one)

    roots = [one for one in instructions if not one.users()]
    return sum(read(one) for one in instructions if "kParameter" in str(one.opcode)) + sum(map(written, roots))


def _size(one: Any) -> int:
    """Bytes of what an instruction returns, padding left out."""
    shape = re.match(r"\(.*?\)(?= [a-z])|\S+", one.to_string().split(" = ", 1)[1])[0]
    return sum(
        BYTES.get(kind, 0) * prod(int(n) for n in sides.split(",") if n)
        for kind, sides in re.findall(r"(\w+)\[([\d,]*)\]", shape)
    )
