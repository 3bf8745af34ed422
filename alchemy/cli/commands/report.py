"""Everything that was found, on a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from alchemy.discover import entries, verdict_file
from alchemy.errors import UserError
from alchemy.output import check_replaceable, inside, write_sealed
from alchemy.record import numbers, read_json
from alchemy.report.history import newest_of
from alchemy.report.run_directory import records_of, unfinished
from alchemy.report.schema import check_journal, check_record
from alchemy.terminal import counted


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
    """Collect the claims and write the page."""
    from alchemy.report.page import Exhibit, page

    check_replaceable(options.out, "report")
    judged = [claim for run in options.runs for claim in _of_run(run)] if options.runs else list(_committed())
    if not judged:
        raise UserError("there is no verdict to report; run `alchemy reproduce` first")
    started = [name for run in options.runs for name in unfinished(run)]
    text = page([Exhibit(number, *claim) for number, claim in enumerate(judged)], started)
    write_sealed(options.out, "report", lambda scratch: scratch.write_text(text, "utf-8"))
    print(f"{options.out}: {counted(len(judged), 'claim')}, {len(text.encode()) / 1e6:.1f} MB")
    return 0


JudgedClaim = tuple[str, dict[str, Any], dict[str, str], dict[str, Any] | None]
"""Its name, record, figures by file name, and journal."""


def _of_run(run: Path) -> Iterator[JudgedClaim]:
    """Claims that a run judged; raises `UserError` if it judged none."""
    records = records_of(run)
    if not records:
        raise UserError(f"{run} holds no claims; expected a directory that `alchemy reproduce --out` wrote")
    for path, record in records:
        figures = {name: _text(inside(path.parent, name)) for name in record["figures"]}
        yield record["name"], record, figures, _journal(path.parent / "journal.json")


def _committed() -> Iterator[JudgedClaim]:
    for name in entries("claim"):
        path = verdict_file(name)
        for preset, record in newest_of(name).items():
            home = path.parent
            figures = {figure: _text(home / "figures" / f"{preset}-{figure}") for figure in record["figures"]}
            yield name, _record(path, record), figures, _journal(home / "journals" / f"{preset}-{name}.json")


def _record(path: Path, record: Any) -> dict[str, Any]:
    check_record(record, str(path))
    return record


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UserError(f"figure {path} cannot be read ({type(fault).__name__}); run again") from None


def _journal(path: Path) -> dict[str, Any] | None:
    """The journal beside a record, if there is one; only its curves are numbers, its texts stay texts."""
    if not path.exists():
        return None
    journal = read_json(path)
    if isinstance(journal, dict):
        journal |= {kind: numbers(journal.get(kind, [])) for kind in ("curves", "watched")}
    check_journal(journal, str(path))
    return journal
