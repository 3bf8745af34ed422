"""Claims as a reader meets them: the table in the terminal and in the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isnan
from pathlib import Path

from alchemy.discover import entries
from alchemy.errors import UserError
from alchemy.report.history import Record
from alchemy.report.lock import Lock
from alchemy.report.results import is_earlier
from alchemy.terminal import counted, wrapped

START, END = "<!-- claims: generated, do not edit -->", "<!-- end of claims -->"
COLOURS = {"HOLDS": "green", "FAILS": "red", "UNDECIDED": "yellow"}


def deciding(record: Record) -> str:
    """The number that decides a claim, as `check: median .97, 10 of 10 seeds, expected at least .9`."""
    return "" if is_earlier(record) else effect(decisive(record))


def decisive(record: Record) -> Record:
    """The worst check of a verdict: of a refuted claim that with the least p, else that with the least evidence for it.

    Enumerated checks come first where they fail, and last where they hold.
    """
    checks = [check for check in record["checks"] if check["verdict"] == record["verdict"]]
    if record["verdict"] == "FAILS":
        return min(checks, key=lambda check: (not check["exact"], check["p"]))
    return min(checks, key=lambda check: (check["exact"], check["e_for"]))


def effect(check: Record) -> str:
    """A check as `name: median .97, 10 of 10 seeds, expected at least .9`."""
    return f"{check['name']}: {shown(check)}, expected {wanted(check)}"


def shown(check: Record) -> str:
    """What a check measured: the median seed, and how many seeds satisfy the inequality."""
    if check["exact"]:
        return decimal(check["median"])
    seeds, judged = len(check["values"]), check["seeds"]
    if not judged:
        return f"none of {counted(seeds, 'seed')} passed the gates"
    passed = "" if judged == seeds else f" that passed the gates, of {seeds}"
    refuted = f", p {decimal(check['p'], 2)}" if check["verdict"] == "FAILS" else ""
    return f"median {decimal(check['median'])}, {check['satisfied']} of {counted(judged, 'seed')}{passed}{refuted}"


def wanted(check: Record) -> str:
    """The inequality of a check."""
    low, high = check["low"], check["high"]
    bound = f"{decimal(low)} to {decimal(high)}"
    if low == high:
        bound = decimal(low)
    elif high == inf:
        bound = f"at least {decimal(low)}"
    elif low == -inf:
        bound = f"at most {decimal(high)}"
    return bound if check["share"] == 0.5 else f"{bound} in more than {check['share']:.0%} of seeds"


def decimal(value: float, digits: int = 3) -> str:
    """A number to some significant digits, `.97` for 0.97; `∞` and `no number` where it is not finite."""
    if isnan(value):
        return "no number"
    if value in (inf, -inf):
        return "∞" if value > 0 else "-∞"
    return f"{value:.{digits}g}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{max(digits, 4)}g}"


def verdict(record: Record) -> str:
    """The verdict of a record, marked if it was reached by the earlier method."""
    return record["verdict"] + (" (earlier method)" if is_earlier(record) else "")


def markdown(records: Mapping[str, Mapping[str, Record]], locks: Mapping[str, Lock]) -> str:
    """The claims table of the README: every claim that is locked, with the records by claim and preset that judge it.

    A verdict is exploratory if the claim promises something else now than it did before that run. Records of the earlier
    method judged other wordings, on seeds and problems that were used before: they are named, and decide nothing here.
    """
    lines = ["| claim | source | verdict | the number that decides |", "|---|---|---|---|"]
    for name, lock in locks.items():
        claim, presets = lock.promise["claim"], records.get(name, {})
        judged = {preset: record for preset, record in presets.items() if not is_earlier(record)}
        for preset, record in judged.items():
            scale = "" if preset == "small" else f", `{preset}`"
            promised = (record.get("lock") or {}).get("digest")
            status = "" if promised == lock.digest else " (exploratory)"
            lines.append(_row(name, record["claim"], f"**{record['verdict']}**{status}{scale}", deciding(record)))
        if not judged:
            former = [f"{record['verdict']} at `{preset}`" for preset, record in presets.items()]
            lines.append(_row(name, claim, "not judged yet", "earlier method: " + ", ".join(former) if former else ""))
    return "\n".join(lines)


def _row(name: str, claim: Record, verdict: str, number: str) -> str:
    cells = [f"[`{name}`]({entries('claim')[name].file}) {claim['sentence']}", claim["source"], verdict, number]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def update_readme(path: Path, records: Mapping[str, Mapping[str, Record]], locks: Mapping[str, Lock]) -> str:
    """The README's text with its claims table made anew."""
    text = path.read_text()
    if START not in text or END not in text:
        raise UserError(f"{path} has no place for the claims table: {START} ... {END}")
    before, after = text.split(START)[0], text.split(END)[1]
    return f"{before}{START}\n{markdown(records, locks)}\n{END}{after}"


def show(records: Sequence[tuple[str, Record]]) -> None:
    """The verdicts as a table on standard output, then every check that does not hold."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title="claims", title_justify="left")
    for column in ("claim", "verdict", "held", "the number that decides"):
        table.add_column(column, overflow="fold", justify="right" if column == "held" else "left")
    for name, record in records:
        held = "" if is_earlier(record) else f"{_held(record)}/{len(record['checks'])}"
        coloured = f"[{COLOURS[record['verdict']]}]{verdict(record)}[/]"
        table.add_row(name, coloured, held, deciding(record).replace("[", "\\["))
    console.print(table)
    for name, record in records:
        for check in [] if is_earlier(record) else record["checks"]:
            if check["verdict"] != "HOLDS":
                print(wrapped(f"{name}: {check['verdict']}: {effect(check)}{_few(check)}"))


def _held(record: Record) -> int:
    return sum(check["verdict"] == "HOLDS" for check in record["checks"])


def _few(check: Record) -> str:
    return "; too few seeds passed the gates for a claim about all models" if check["too_few_passed"] else ""
