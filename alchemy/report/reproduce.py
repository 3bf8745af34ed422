"""Run experiments and judge their claims; what a claim leaves behind is one record, its figures and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from math import inf
from pathlib import Path
from shutil import copyfile
from time import monotonic, process_time
from types import ModuleType
from typing import Any

from alchemy.discover import added_claim, claim_folder, experiments
from alchemy.errors import UserError
from alchemy.lab.following import PROBLEMS, following
from alchemy.lab.lab import Lab
from alchemy.learning import compiling, machine
from alchemy.progress import Progress
from alchemy.record import commit, fingerprint, json_text, numbers, plain, read_json, write_json, write_whole
from alchemy.report import costs, figures, open_claims, spent, table
from alchemy.report.claim import judge
from alchemy.report.history import Record, append, histories, newest, newest_of
from alchemy.report.lock import Lock, locked, must_be_publishable, read_all
from alchemy.report.results import measurements, results
from alchemy.report.run_directory import STARTED
from alchemy.stats.power import forecast, largest_useful
from alchemy.stats.verdict import Verdict
from alchemy.terminal import counted

ROOT = Path(__file__).parents[2]
VERDICTS = ROOT / "experiments" / "verdicts"
LOCKS = ROOT / "experiments" / "locks"
FUTILE = 0.05
"""The chance of a decision below which no more seeds are trained."""
FOLLOWED = {"smoke": 32}
"""Held-out problems on which following is measured, where they are not `PROBLEMS`: as many as smoke tests have, which are
answered by the same program."""


def reproduce(
    selected: Mapping[str, ModuleType],
    configs: Mapping[str, Any],
    preset: str,
    out: Path,
    as_json: bool = False,
    publish: bool = False,
    quiet: bool = False,
    until_decided: bool = False,
    max_seeds: int = 40,
) -> int:
    """Judge each selected claim under its config; returns the exit code, 0 whatever the verdicts are.

    Records go to `out/claims/NAME/PRESET` (see `home_of`), trained models and answers to `out/models` and `out/answers`, from where
    a later run takes them. With `publish`, verdicts and figures go to `experiments/verdicts` too, and the table into
    the README, or, of a claim that a package has added, to `verdicts` beside its file; only what was promised before
    the run can be published (`alchemy.report.lock`). With `until_decided` more seeds are trained, up to `max_seeds`, until
    a claim HOLDS or FAILS or has little chance to.
    """
    progress = Progress(quiet)
    locks = {name: locked(name, module, claim_folder(name, "locks")) for name, module in selected.items()}
    trees = {name: _tree(name) for name in selected}
    for name, config in configs.items():
        if config.seeds < 1:
            raise UserError(f"{name}: seeds must be at least 1, not {config.seeds}")
    if publish:
        for name, module in selected.items():
            must_be_publishable(name, module, configs[name], preset, claim_folder(name, "locks"), trees[name])
    machine.prepare()
    write_whole(out / ".writable", Path.touch)  # not after an hour
    (out / ".writable").unlink()
    progress.say(
        f"{counted(len(selected), 'claim')}, preset {preset}, on {machine.describe()}{_expected(selected, preset)}"
    )
    records = []
    for number, (name, module) in enumerate(selected.items(), 1):
        progress.prefix = f"[{number}/{len(selected)}] {name}: "
        home = home_of(out, name, preset, module, configs[name])
        run = partial(
            run_one, name, module, preset=preset, out=out, progress=progress, tree=trees[name], lock=locks[name]
        )
        run = partial(run, home=home)
        record = _until_decided(run, configs[name], max_seeds, progress) if until_decided else run(configs[name])
        records.append((name, record))
        if publish:
            _publish(name, preset, record, home)
    progress.prefix = ""
    if as_json:
        print(json_text(dict(records)))
    else:
        table.show(records)
        print(f"records and figures: {out / 'claims'}")
    return 0


def _until_decided(
    run: Callable[..., dict[str, Any]], config: Any, max_seeds: int, progress: Progress
) -> dict[str, Any]:
    """The record of the look at which a claim is decided, or at which more seeds have little chance to decide it."""
    looks: list[dict[str, Any]] = []
    while True:
        record = run(config, looks=looks)
        seeds = record["seeds"]
        looks.append({"seeds": seeds, "verdict": record["verdict"]})
        counts = open_claims.counts(record)
        if record["verdict"] != Verdict.UNDECIDED.value or seeds >= max_seeds or not counts:
            return record
        future = forecast(counts, max_seeds)
        if future.decided < FUTILE:
            needed = largest_useful(counts)
            progress.say(
                f"{counted(seeds, 'seed')} left it open, and {max_seeds} would decide it with a chance of {future.decided:.2f}; "
                + (f"about {needed:.0f} seeds would be needed" if needed < inf else "it lies on a threshold")
            )
            return record
        more = min(max_seeds, max(seeds + 1, seeds * 3 // 2)) - seeds
        minutes = more * record["seconds"] / seeds / 60
        progress.say(
            f"{counted(seeds, 'seed')} left it open; {more} more take about {minutes:.1f} minutes; {max_seeds} would decide it with "
            f"a chance of {future.decided:.2f}, {future.median:.0f} in the median"
        )
        config = replace(config, seeds=seeds + more)


def run_one(
    name: str,
    module: ModuleType,
    config: Any,
    *,
    preset: str,
    out: Path,
    progress: Progress,
    tree: str,
    lock: Lock | None = None,
    looks: Sequence[Mapping[str, Any]] = (),
    home: Path | None = None,
    lab: Lab | None = None,
) -> dict[str, Any]:
    """One claim: run, check, draw, record. The record is the JSON that was written; `tree` is the commit it names.

    Seeds and test problems are those of the lock, or of the `lab` if one is given; `looks` are the earlier ones at fewer seeds,
    whose `home` the record shares.
    """
    home, began = home or home_of(out, name, preset, module, config), _spent()
    write_json(home / STARTED, {"name": name, "preset": preset, "config": plain(config), "commit": tree})
    if lab is None:
        lab = Lab(out, progress, first_seed=lock.first_seed, tests=lock.tests) if lock else Lab(out, progress)
    measured = module.run(config, lab)
    checks = module.check(measured)
    drawn = module.figures(measured)
    for figure in drawn:
        figures.save(figure, home / f"{figure.name}.svg")
    record = {
        "name": name,
        "preset": preset,
        "claim": plain(module.CLAIM),
        **results(judge(module.CLAIM, checks)),
        "measured": measurements(measured),
        "figures": [f"{figure.name}.svg" for figure in drawn],
        "config": plain(config),
        "seconds": round(lab.seconds, 1),
        **{
            kind: round(spent - before, 1)
            for (kind, spent), before in zip(_spent().items(), began.values(), strict=True)
        },
        "tokens": lab.tokens,
        "flops": lab.flops,
        "device": machine.describe(),
        "versions": {**machine.versions(), **_lab(name)},
        "commit": tree,
        "results_from": sorted(lab.commits),
        "lock": _named(lock) if lock else None,
        "looks": list(looks),
    }
    record["following"] = measurements(
        following(lab, FOLLOWED.get(preset, PROBLEMS))
    )  # last, so that its cost is not the claim's
    write_json(home / "journal.json", lab.journal.plain())
    write_json(home / "record.json", record)
    (home / STARTED).unlink()
    record = numbers(read_json(home / "record.json"))
    machine.release()
    progress.say(f"{record['verdict']} after {record['seconds_now']} s{_compiled(record)}; {table.deciding(record)}")
    return record


def _spent() -> dict[str, float]:
    """Seconds until now on the clock, of all processors, and of those on the clock in which programs were made: what a record says
    of the run that wrote it, whatever was stored before."""
    return {"seconds_now": monotonic(), "processor_seconds_now": process_time(), "compiling_now": compiling.seconds()}


def _compiled(record: Mapping[str, Any]) -> str:
    share = record["compiling_now"] / max(record["seconds_now"], 0.1)
    return f", {share:.0%} of them compiling" if share >= 0.01 else ""


def _tree(name: str) -> str:
    """The commit of the tree that a claim's file lies in."""
    added = added_claim(name)
    return commit(added.parent) if added else commit()


def home_of(out: Path, name: str, preset: str, module: ModuleType, config: Any) -> Path:
    """Where a record goes: a folder by the preset's name, or for another config by a hash of its fields, too."""
    own = "" if config == module.PRESETS[preset] else f"-{fingerprint({'config': config})[:8]}"
    return out / "claims" / name / f"{preset}{own}"


def _lab(name: str) -> dict[str, str]:
    """The version and the commit of the lab, where a claim is of another tree."""
    return {"alchemy-lab": f"{version('alchemy-lab')} {commit()}".rstrip()} if added_claim(name) else {}


def _named(lock: Lock) -> dict[str, Any]:
    """What a record says of the lock it was judged under."""
    reason = {"reason": lock.reason} if lock.reason else {}
    return {"digest": lock.digest, "generation": lock.generation, **reason}


def _expected(selected: Mapping[str, ModuleType], preset: str) -> str:
    """How long the claims took when their committed verdicts were made, where that is known."""
    known = {name: newest_of(name) for name in selected}
    seconds = [known[name][preset]["seconds"] for name in selected if preset in known[name]]
    return (
        f"; {counted(round(sum(seconds) / 60), 'minute')} when last published" if len(seconds) == len(selected) else ""
    )


def _publish(name: str, preset: str, record: Record, home: Path) -> None:
    """Add a record, kept at `home`, to those committed beside the experiment, replace its figures, and the table in the README."""
    verdicts = claim_folder(name, "verdicts")
    shown = verdicts / "figures"
    for figure in newest(verdicts).get(name, {}).get(preset, {}).get("figures", ()):
        (shown / f"{preset}-{figure}").unlink(missing_ok=True)
    append(verdicts / f"{name}.json", preset, {key: value for key, value in record.items() if not key.endswith("_now")})
    write_json(verdicts / "journals" / f"{preset}-{name}.json", read_json(home / "journal.json"))
    for figure in record["figures"]:
        write_whole(shown / f"{preset}-{figure}", partial(copyfile, home / figure))
    if not added_claim(name):
        renew_tables()


def renew_tables() -> None:
    """Make the README's table of claims anew, and the tables of their costs and of what keeps some of them open."""
    records, page = newest(VERDICTS), ROOT / "docs" / "reproducing-claims.md"
    _write(ROOT / "README.md", table.update_readme(ROOT / "README.md", records, read_all(LOCKS)))
    text = costs.renewed(page.read_text(), experiments(), records)
    _write(page, open_claims.renewed(spent.renewed(text, histories(VERDICTS)), records))


def _write(path: Path, text: str) -> None:
    write_whole(path, lambda scratch: scratch.write_text(text))
