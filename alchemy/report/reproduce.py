"""Run experiments and judge their claims; what a claim leaves behind is one record, its figures and its verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

from alchemy.lab.lab import Lab
from alchemy.learning import machine
from alchemy.progress import Progress
from alchemy.record import commit, plain, read_json, write_json, write_whole
from alchemy.report import figures, former, table
from alchemy.report.claim import Check, Claim, Judged, judge
from alchemy.stats.verdict import Outcome

ROOT = Path(__file__).parents[2]
VERDICTS = ROOT / "experiments" / "verdicts"


def reproduce(
    selected: Mapping[str, ModuleType],
    configs: Mapping[str, Any],
    preset: str,
    out: Path,
    as_json: bool = False,
    publish: bool = False,
    quiet: bool = False,
) -> int:
    """Judge each selected claim under its config; returns the exit code, 0 whatever the verdicts are.

    Records go to `out/claims/NAME/PRESET`, trained models and answers to `out/models` and `out/answers`, from where
    a later run takes them. With `publish`, verdicts and figures go to `experiments/verdicts` too, and the table into
    the README.
    """
    machine.prepare()
    progress, tree = Progress(quiet), commit()
    write_whole(out / ".writable", Path.touch)  # not after an hour
    (out / ".writable").unlink()
    progress.say(f"{len(selected)} claims, preset {preset}, on {machine.describe()}{_expected(selected, preset)}")
    records = []
    for number, (name, module) in enumerate(selected.items(), 1):
        progress.prefix = f"[{number}/{len(selected)}] {name}: "
        records.append((name, run_one(name, module, configs[name], preset, out, progress, tree)))
        if publish:
            _publish(name, preset, records[-1][1], out)
    progress.prefix = ""
    if as_json:
        json.dump(dict(records), sys.stdout, indent=1)
        print()
    else:
        table.show(records)
        print(f"records and figures: {out / 'claims'}")
    return 0


def run_one(
    name: str, module: ModuleType, config: Any, preset: str, out: Path, progress: Progress, tree: str
) -> dict[str, Any]:
    """One claim: run, check, draw, record. The record is the JSON that was written; `tree` is the commit it names."""
    home, began = out / "claims" / name / preset, monotonic()
    lab = Lab(out, progress)
    measured = module.run(config, lab)
    checks = module.check(measured)
    drawn = module.figures(measured)
    for figure in drawn:
        figures.save(figure, home / f"{figure.name}.svg")
    record = {
        "name": name,
        "preset": preset,
        "claim": plain(module.CLAIM),
        **_verdict(module.CLAIM, checks),
        "measured": plain(measured),
        "figures": [f"{figure.name}.svg" for figure in drawn],
        "config": plain(config),
        "seeds": config.seeds,
        "seconds": round(lab.seconds, 1),
        "seconds_now": round(monotonic() - began, 1),
        "tokens": lab.tokens,
        "flops": lab.flops,
        "device": machine.describe(),
        "versions": machine.versions(),
        "commit": tree,
    }
    write_json(home / "journal.json", lab.journal.plain())
    write_json(home / "record.json", record)
    record = read_json(home / "record.json")
    machine.release()
    progress.say(f"{record['verdict']} after {record['seconds_now']} s; {table.effect(table.decisive(record))}")
    return record


def _verdict(claim: Claim | former.Claim, checks: Sequence[Check] | Sequence[former.Check]) -> dict[str, Any]:
    """The verdict on a claim and its checks with their outcomes, as a record holds them."""
    if isinstance(claim, former.Claim):
        shown = [{**plain(check), "verdict": check.verdict.value} for check in checks]
        return {"verdict": former.judge(checks).value, "checks": shown}
    judged: Judged = judge(claim, checks)
    shown = [_check(check, outcome) for check, outcome in zip(judged.checks, judged.outcomes, strict=True)]
    return {"verdict": judged.verdict.value, "checks": shown}


def _check(check: Check, outcome: Outcome) -> dict[str, Any]:
    gates = [{**plain(gate), "passed": plain(gate.passed)} for gate in check.gates]
    return {**plain(check), "gates": gates, **plain(outcome)}


def _expected(selected: Mapping[str, ModuleType], preset: str) -> str:
    """How long the claims took when their committed verdicts were made, where that is known."""
    known = table.verdicts(VERDICTS)
    seconds = [known[name][preset]["seconds"] for name in selected if preset in known.get(name, {})]
    return f"; {sum(seconds) / 60:.0f} minutes when last published" if len(seconds) == len(selected) else ""


def _publish(name: str, preset: str, record: Mapping[str, Any], out: Path) -> None:
    """Put a record and its figures beside the experiment, and the table into the README."""
    path = VERDICTS / f"{name}.json"
    presets = read_json(path) if path.exists() else {}
    order = {"small": 0, "full": 1}
    presets[preset] = {key: value for key, value in record.items() if key != "seconds_now"}
    write_json(path, dict(sorted(presets.items(), key=lambda item: order.get(item[0], 2))))
    home = out / "claims" / name / preset
    write_json(VERDICTS / "journals" / f"{preset}-{name}.json", read_json(home / "journal.json"))
    for figure in record["figures"]:
        text = (home / figure).read_bytes()
        write_whole(VERDICTS / "figures" / f"{preset}-{figure}", lambda scratch, text=text: scratch.write_bytes(text))
    readme = table.update_readme(ROOT / "README.md", table.verdicts(VERDICTS))
    write_whole(ROOT / "README.md", lambda scratch: scratch.write_text(readme))
