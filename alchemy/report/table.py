"""Claims as a reader meets them: the table in the terminal and in the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alchemy.discover import entries
from alchemy.errors import UserError
from alchemy.record import read_json
from alchemy.terminal import wrapped

START, END = "<!-- claims: generated, do not edit -->", "<!-- end of claims -->"
Record = Mapping[str, Any]


def verdicts(directory: Path) -> dict[str, dict[str, Record]]:
    """Committed records by claim and preset, as `experiments/verdicts/NAME.json` hold them."""
    return {path.stem: read_json(path) for path in sorted(directory.glob("*.json"))}


def decisive(record: Record) -> Record:
    """The check that decided: the first that fails, or is undecided, or else the first of all."""
    if all("values" in check for check in record["checks"]):
        return _worst(record)
    checks = [check for check in record["checks"] if not check["precondition"]] or list(record["checks"])
    for verdict in ("FAILS", "UNDECIDED"):
        for check in [*record["checks"], *checks] if record["verdict"] == "UNDECIDED" else checks:
            if (
                record["verdict"] == verdict
                and check["verdict"] != "HOLDS"
                and (check["verdict"] == verdict or check["precondition"])
            ):
                return check
    return checks[0]


def _worst(record: Record) -> Record:
    """Of a failed claim the check with the smallest adjusted p, else the one with the least evidence for it."""
    checks = [check for check in record["checks"] if check["verdict"] == record["verdict"]]
    sampled = [check for check in checks if not check["exact"]] or checks
    if record["verdict"] == "FAILS":
        return min(sampled, key=lambda check: check["p"])
    return min(sampled, key=lambda check: check["e_for"])


def effect(check: Record) -> str:
    """A check as `name: median .97, 10 of 10 seeds, expected ...`."""
    if "values" in check:
        return f"{check['name']}: {shown(check)}, expected {wanted(check)}"
    return f"{check['name']} = {shown(check)}, expected {wanted(check)}"


def wanted(check: Record) -> str:
    """The inequality of a check."""
    low, high = check["low"], check["high"]
    return (
        f"at most {high:.4g}" if low is None else f"at least {low:.4g}" if high is None else f"{low:.4g} to {high:.4g}"
    )


def shown(check: Record) -> str:
    """What a check measured: the median seed and how many satisfy the inequality; formerly an interval."""
    if "values" in check:
        middle = "∞" if check["median"] is None else f"{check['median']:.3g}"
        return middle if check["exact"] else f"median {middle}, {check['satisfied']} of {check['seeds']} seeds"
    measured = check["measured"]
    mean, low, high = ("∞" if measured[name] is None else f"{measured[name]:.3g}" for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def markdown(records: Mapping[str, Mapping[str, Record]]) -> str:
    """The claims table of the README."""
    lines = [
        "| claim | source | preset | verdict | checks held | the check that decides | seeds | minutes | device | commit |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, presets in records.items():
        for preset, record in presets.items():
            held = sum(check["verdict"] == "HOLDS" for check in record["checks"])
            cells = [
                f"[`{name}`]({_file(name)}) {record['claim']['sentence']}",
                record["claim"]["source"],
                preset,
                f"**{record['verdict']}**",
                f"{held} of {len(record['checks'])}",
                effect(decisive(record)),
                str(record["seeds"]),
                f"{record['seconds'] / 60:.1f}",
                record["device"],
                f"`{record['commit'][:7]}`",
            ]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _file(claim: str) -> str:
    """The path of a claim's file in the repository."""
    path = entries("claim")[claim].path
    return f"experiments/{path.parent.name}/{path.name}"


def update_readme(path: Path, records: Mapping[str, Mapping[str, Record]]) -> str:
    """The README's text with its claims table made anew."""
    text = path.read_text()
    if START not in text or END not in text:
        raise UserError(f"{path} has no place for the claims table: {START} ... {END}")
    before, after = text.split(START)[0], text.split(END)[1]
    return f"{before}{START}\n{markdown(records)}\n{END}{after}"


def show(records: Sequence[tuple[str, Record]]) -> None:
    """The verdicts as a table on standard output, then every check that does not hold."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title="claims", title_justify="left")
    for column in ("claim", "verdict", "held", "the check that decides", "min"):
        table.add_column(column, overflow="fold", justify="right" if column in ("held", "min") else "left")
    colours = {"HOLDS": "green", "FAILS": "red", "UNDECIDED": "yellow"}
    for name, record in records:
        held = f"{sum(check['verdict'] == 'HOLDS' for check in record['checks'])}/{len(record['checks'])}"
        verdict = f"[{colours[record['verdict']]}]{record['verdict']}[/]"
        table.add_row(
            name, verdict, held, effect(decisive(record)).replace("[", "\\["), f"{record['seconds'] / 60:.1f}"
        )
    console.print(table)
    for name, record in records:
        for check in record["checks"]:
            if check["verdict"] != "HOLDS":
                kind = "precondition " if check.get("precondition") else ""
                print(wrapped(f"{name}: {kind}{check['verdict']}: {effect(check)}"))
