"""Torture commands, and print what was tried and what went wrong."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from torture import process
from torture.disk import disks
from torture.inputs import inputs
from torture.kills import kills
from torture.places import places
from torture.trial import Trial

CAMPAIGNS = ("kills", "disk", "places", "inputs")


def main(argv: Sequence[str] | None = None) -> int:
    """0 if nothing went wrong, 1 otherwise."""
    options = _options(argv)
    home = Path(tempfile.mkdtemp(prefix="torture-"))
    began, trials = time.monotonic(), list[Trial]()
    process.keep_programs(home / "cache")
    try:
        for trial in _trials(options, home):
            trials.append(trial)
            for fault in trial.faults:
                print(f"\r{trial.campaign}: {trial.description}: {fault}", flush=True)
            print(f"\r{len(trials)} trials, {time.monotonic() - began:.0f} s ", end="", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    _print_table(trials)
    return int(any(trial.faults for trial in trials))


def _trials(options: argparse.Namespace, home: Path) -> Iterator[Trial]:
    chosen = options.only or CAMPAIGNS
    if "kills" in chosen:
        yield from kills(home, options.kills, options.seed, options.name)
    if "disk" in chosen:
        yield from disks(home, options.sizes, options.name)
    if "places" in chosen:
        yield from places(home, options.name)
    if "inputs" in chosen:
        yield from inputs(home, options.inputs, options.seed, options.name)


def _print_table(trials: Sequence[Trial]) -> None:
    print()
    for campaign in CAMPAIGNS:
        ours = [trial for trial in trials if trial.campaign == campaign]
        if not ours:
            continue
        skipped = Counter(trial.skipped for trial in ours if trial.skipped)
        wrong = sum(bool(trial.faults) for trial in ours)
        print(f"{campaign}: {len(ours) - skipped.total()} trials, {wrong} went wrong")
        for reason, count in skipped.items():
            print(f"    {count} skipped: {reason}")
        counts: Counter[str] = Counter()
        for trial in ours:
            counts.update(trial.counts)
        for name, count in sorted(counts.items()):
            print(f"    {name}: {count}")


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=CAMPAIGNS, help="campaigns; without any, all")
    parser.add_argument("--name", nargs="*", default=[], help="only these commands, or kinds of inputs")
    parser.add_argument("--kills", type=int, default=200, help="kills at random moments")
    parser.add_argument("--sizes", type=int, default=12, help="sizes of a full disk, for each command")
    parser.add_argument("--inputs", type=int, default=2000, help="damaged inputs")
    parser.add_argument("--seed", type=int, default=0, help="which moments and damages")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
