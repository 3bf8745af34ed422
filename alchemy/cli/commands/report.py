"""Everything that was found, on a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from alchemy.discover import entries, verdicts
from alchemy.errors import UserError
from alchemy.record import read_json, write_whole

NEEDED = {
    "name",
    "preset",
    "claim",
    "verdict",
    "checks",
    "measured",
    "figures",
    "config",
    "seeds",
    "seconds",
    "tokens",
    "flops",
    "device",
    "versions",
    "commit",
}


@dataclass(frozen=True)
class Report:
    """Write one HTML file with every claim, its checks, figures, and what the models wrote; it opens offline.

    Example: alchemy report runs --out report.html
    """

    runs: Positional[Annotated[tuple[Path, ...], arg(metavar="[RUN ...]")]] = ()
    """Directories that `alchemy reproduce --out` wrote; the committed verdicts if there are none."""
    out: Path = Path("report.html")
    """The file to write."""


def run(options: Report) -> int:
    """Collect and write."""
    from alchemy.report.page import Judged, page

    found = [one for run in options.runs for one in _of_run(run)] if options.runs else list(_committed())
    if not found:
        raise UserError("there is no verdict to report; run `alchemy reproduce` first")
    claims = [Judged(number, *one) for number, one in enumerate(found)]
    text = page(claims)
    write_whole(options.out, lambda scratch: scratch.write_text(text, "utf-8"))
    print(f"{options.out}: {len(claims)} claims, {len(text.encode()) / 1e6:.1f} MB")
    return 0


Found = tuple[str, dict[str, Any], dict[str, str], dict[str, Any] | None]


def _of_run(run: Path) -> Iterator[Found]:
    """Claims that a run judged; raises `UserError` if it judged none."""
    paths = sorted(run.glob("claims/*/*/record.json"))
    if not paths:
        raise UserError(f"{run} holds no claims; expected a directory that `alchemy reproduce --out` wrote")
    for path in paths:
        record = _record(path, read_json(path))
        figures = {name: _text(path.parent / name) for name in record["figures"]}
        yield record["name"], record, figures, _optional(path.parent / "journal.json")


def _committed() -> Iterator[Found]:
    for name in entries("claim"):
        path = verdicts(name)
        for preset, record in (read_json(path) if path else {}).items():
            home = path.parent
            figures = {one: _text(home / "figures" / f"{preset}-{one}") for one in record["figures"]}
            yield name, _record(path, record), figures, _optional(home / "journals" / f"{preset}-{name}.json")


def _record(path: Path, record: Any) -> dict[str, Any]:
    if not isinstance(record, dict) or not record.keys() >= NEEDED:
        raise UserError(f"{path} is no record of a claim; remove it and run again")
    return record


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UserError(f"figure {path} cannot be read ({type(fault).__name__}); run again") from None


def _optional(path: Path) -> dict[str, Any] | None:
    return read_json(path) if path.exists() else None
