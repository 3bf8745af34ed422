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
    computations = {computation.name: computation.instructions() for computation in module.computations()}

    def within(name: str, times: int) -> Iterator[tuple[int, int]]:
        for instruction in computations[name]:
            kind, text = str(instruction.opcode).removeprefix("HloOpcode.k"), instruction.to_string()
            if kind == "While":
                turns = re.search(r'known_trip_count":\{"n":"(\d+)"', text)
                yield from within(_called(text, "body"), times * int(turns[1]) if turns else times)
            elif kind == "Call":
                yield from within(_called(text, "to_apply"), times)
            elif kind == "Fusion":
                yield times, _fused(computations[_called(text, "calls")])
            elif kind not in NOTHING:
                yield times, _size(instruction) + sum(map(_size, instruction.operands()))

    return within(re.search(r"^ENTRY %?([\w.-]+)", module.to_string(), re.MULTILINE)[1], 1)


def _called(text: str, attribute: str) -> str:
    return re.search(rf"{attribute}=%?([\w.-]+)", text)[1]


def _fused(instructions: list[Any]) -> int:
    """Bytes that a kernel reads and writes: of what it only takes slices of, those; of what it writes into, what it writes."""

    def read(instruction: Any) -> int:
        used = [(user, str(user.opcode).removeprefix("HloOpcode.k")) for user in instruction.users()]
        partly = {
            "DynamicSlice": _size,
            "Slice": _size,
            "Gather": _size,
            "Bitcast": read,
            "DynamicUpdateSlice": lambda user: 0,
        }
        if not used or any(kind not in partly or user.operands()[0].name != instruction.name for user, kind in used):
            return _size(instruction)
        return min(_size(instruction), sum(partly[kind](user) for user, kind in used))

    def written(instruction: Any) -> int:
        kind = str(instruction.opcode).removeprefix("HloOpcode.k")
        if kind == "Tuple":
            return sum(map(written, instruction.operands()))
        if kind == "Bitcast":
            return written(instruction.operands()[0])
        return _size(instruction.operands()[1] if kind == "DynamicUpdateSlice" else instruction)

    roots = [instruction for instruction in instructions if not instruction.users()]
    return sum(read(instruction) for instruction in instructions if "kParameter" in str(instruction.opcode)) + sum(
        map(written, roots)
    )


def _size(instruction: Any) -> int:
    """Bytes of what an instruction returns, padding left out."""
    shape = re.match(r"\(.*?\)(?= [a-z])|\S+", instruction.to_string().split(" = ", 1)[1])[0]
    return sum(
        BYTES.get(kind, 0) * prod(int(n) for n in sides.split(",") if n)
        for kind, sides in re.findall(r"(\w+)\[([\d,]*)\]", shape)
    )
