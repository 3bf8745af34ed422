"""What `--dry-run` says of commands that let models answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alchemy.terminal import counted

if TYPE_CHECKING:
    from alchemy.lab.costs import Cost


def tell(costs: Sequence[Cost], out: Path, as_json: bool, note: str = "") -> int:
    """Print what would be made, and what it takes at most; and a note, unless a program reads it."""
    from alchemy.lab.costs import speed

    rate = speed(out)
    answering = sum(one.tokens for one in costs if not one.trains)
    minutes = answering / rate / 60 if rate else None
    if as_json:
        rows = [
            {"what": one.what, "seeds": one.seeds, "tokens": one.tokens, "flops": one.flops, "trains": one.trains}
            for one in costs
        ]
        print(json.dumps({"to make": rows, "minutes": minutes}, indent=2))
    else:
        print("\n".join([*_lines(costs, out, minutes), *([note] if note else []), "nothing was made"]))
    return 0


def _lines(costs: Sequence[Cost], out: Path, minutes: float | None) -> Iterator[str]:
    width = max(len(one.what) for one in costs)
    for one in costs:
        if not one.seeds:
            yield f"{one.what:<{width}}  {'comes with what is above' if one.shared else 'stored'}"
        else:
            kind = "train" if one.trains else "answer"
            yield (
                f"{one.what:<{width}}  {counted(one.seeds, 'seed')} to {kind}: at most {one.tokens:,} tokens, {one.flops:.2g} FLOPs"
            )
    if any(one.seeds for one in costs):
        yield (
            f"nothing was answered in {out} to tell the time by"
            if minutes is None
            else f"about {minutes:.1f} minutes at most, at the speed of the last answers in {out}, and what compiling takes"
        )
