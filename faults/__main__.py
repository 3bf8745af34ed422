"""Plant faults and print, by module, how many were planted, noticed, listed as changing nothing, and survived."""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from faults import listed, reach, trial
from faults.plant import Fault, faults, sample
from faults.reach import Test, digest
from faults.stage import Run, imported
from faults.swap import swapped

CACHE = Path(".cache/faults")


class Results:
    """What was tried before, in `results.jsonl`.

    A fault that was noticed stays noticed until its module or the tests that noticed it change; a survivor is tried again
    once any of the files of tests has changed.
    """

    def __init__(self, root: Path, tests: Sequence[str], fresh: bool) -> None:
        self._root, self._path = root, root / CACHE / "results.jsonl"
        self._tests = digest(*((root / file).read_bytes() for file in tests))
        self._rows: dict[tuple[str, int], dict[str, Any]] = {}
        if fresh:
            self._path.unlink(missing_ok=True)
        if self._path.exists():
            for line in self._path.read_text("utf-8").splitlines():
                row = json.loads(line)
                self._rows[row["source"], row["place"]] = row

    def _source(self, fault: Fault) -> str:
        return digest(fault.file.encode(), (self._root / fault.file).read_bytes())

    def _state(self, by: str) -> str:
        file = self._root / by.partition("::")[0]
        return digest(file.read_bytes()) if by and file.is_file() else self._tests

    def get(self, fault: Fault) -> str | None:
        """The test that noticed a fault, empty for a survivor, None for one that has to be tried."""
        row = self._rows.get((self._source(fault), fault.place))
        return None if row is None or row["state"] != self._state(row["by"]) else row["by"]

    def add(self, fault: Fault, by: str) -> None:
        key = self._source(fault), fault.place
        self._rows[key] = {"source": key[0], "place": key[1], "by": by, "state": self._state(by), "fault": str(fault)}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self._rows[key]) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """0 if every fault that changes something was noticed, 1 otherwise."""
    options = _options(argv)
    root: Path = options.root.resolve()
    files = _files(root, options.module or _listed_modules())
    tests = _files(root, options.tests)
    every = {file: faults((root / file).read_text("utf-8"), file) for file in files}
    entries = [entry for entry in listed.read(options.listed) if entry.file in every]
    chosen = {file: sample(every[file], options.sample, options.seed) for file in files}
    kept = {file: listed.split(chosen[file], entries)[0] for file in files}
    results = Results(root, tests, options.fresh)
    waiting = {file: [fault for fault in kept[file] if results.get(fault) is None] for file in files}
    clock = Clock(sum(map(len, waiting.values())))
    try:
        if clock.total:
            trial.warm(root)
            measured = _measured(root, tests, options.jobs)
            for fault, by in _tried(Run(root, measured, options.jobs, options.seconds), waiting, options.anew):
                results.add(fault, by)
                clock.tick(fault, by)
    except KeyboardInterrupt:
        print("\ninterrupted; the next run goes on from here", file=sys.stderr)
    _print_table(every, chosen, kept, results)
    for entry in listed.gone((fault for file in files for fault in every[file]), entries):
        print(f"listed, but no such fault can be planted: {entry.file}  {entry.line!r}  {entry.change}")
    return int(any(results.get(fault) == "" for file in files for fault in kept[file]))


def _tried(run: Run, waiting: Mapping[str, Sequence[Fault]], anew: bool) -> Iterator[tuple[Fault, str]]:
    """Faults with what noticed each: first those in functions whose code can be exchanged, then the others by module."""
    every = [fault for file in waiting for fault in waiting[file]]
    done: set[Fault] = set()
    for fault, by in swapped(run, [] if anew else every):
        done.add(fault)
        yield fault, by
    if len(done) < len(every):
        print(f"\nmodules are imported anew for {len(every) - len(done)} of {len(every)} faults", file=sys.stderr)
    for file in waiting:
        yield from imported(run, file, [fault for fault in waiting[file] if fault not in done])


class Clock:
    """Says how far a run is and when it will end."""

    def __init__(self, total: int) -> None:
        self.total, self._done, self._started = total, 0, time.monotonic()

    def tick(self, fault: Fault, by: str) -> None:
        self._done += 1
        left = (time.monotonic() - self._started) / self._done * (self.total - self._done)
        told = "" if by else f"  survived: {fault}\n"
        print(f"\r{self._done} of {self.total}, {left:.0f} s left{told}  ", end="", file=sys.stderr, flush=True)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--module", nargs="*", help="paths or patterns; without any, all that modules.toml lists")
    parser.add_argument("--tests", nargs="*", default=["tests/**/test_*.py"], help="files of tests that may notice")
    parser.add_argument("--sample", type=int, default=200, help="faults a module, at most")
    parser.add_argument("--seed", type=int, default=0, help="which faults")
    parser.add_argument("--jobs", type=int, default=1, help="faults at once")
    parser.add_argument("--seconds", type=float, default=30, help="of the processor, of tests for a fault")
    parser.add_argument(
        "--anew", action="store_true", help="import and collect for each fault, even where it is not needed"
    )
    parser.add_argument("--fresh", action="store_true", help="forget what was tried before")
    parser.add_argument("--root", type=Path, default=Path(), help="the tree")
    parser.add_argument("--listed", type=Path, default=listed.FILE, help="faults that change nothing")
    return parser.parse_args(argv)


def _listed_modules() -> list[str]:
    groups = tomllib.loads(Path(__file__).with_name("modules.toml").read_text("utf-8"))
    return [pattern for group in groups.values() for pattern in group]


def _files(root: Path, patterns: Sequence[str]) -> list[str]:
    """Files of the tree, in the order of the patterns, then by name."""
    files: dict[str, None] = {}
    for pattern in patterns:
        matched = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))
        if not matched:
            raise SystemExit(f"no file matches {pattern!r}")
        files |= dict.fromkeys(matched)
    return list(files)


def _measured(root: Path, files: Sequence[str], jobs: int) -> list[Test]:
    """Every test with what it runs; files that have not changed are not measured again."""
    conftest = root / "tests/conftest.py"
    shared = " ".join(reach.PACKAGES).encode(), conftest.read_bytes() if conftest.exists() else b""
    keys = {file: digest(*shared, (root / file).read_bytes()) for file in files}
    stores = {file: root / CACHE / "reach" / f"{file.replace('/', '-')}.json" for file in files}
    new = [file for file in files if reach.load(stores[file], keys[file]) is None]
    with get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        work = [(root, file, stores[file], keys[file]) for file in new]
        for at, file in enumerate(pool.imap_unordered(_measure, work), 1):
            print(f"{at} of {len(new)} files of tests measured: {file}", file=sys.stderr, flush=True)
    return [test for file in files for test in reach.load(stores[file], keys[file]) or ()]


def _measure(work: tuple[Path, str, Path, str]) -> str:
    reach.measure(*work)
    return work[1]


def _print_table(
    every: Mapping[str, Sequence[Fault]],
    chosen: Mapping[str, Sequence[Fault]],
    kept: Mapping[str, Sequence[Fault]],
    results: Results,
) -> None:
    """By module, with every survivor; the share is of the faults that change something."""
    print(f"\n{'module':44} places planted noticed nothing survived   share")
    total = [0] * 5
    for file in every:
        noticed = sum(bool(results.get(fault)) for fault in kept[file])
        survived = sum(results.get(fault) == "" for fault in kept[file])
        counts = [len(every[file]), len(chosen[file]), noticed, len(chosen[file]) - len(kept[file]), survived]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        _print_row(file, counts)
        for fault in sorted(kept[file], key=lambda fault: (fault.line, fault.place)):
            if results.get(fault) == "":
                print(f"    line {fault.line}: {fault.change}    in  {fault.text}")
    if len(every) > 1:
        _print_row("all", total)


def _print_row(label: str, counts: Sequence[int]) -> None:
    places, planted, noticed, nothing, survived = counts
    share = f"{noticed / (noticed + survived):.1%}" if noticed + survived else ""
    print(f"{label:44} {places:6} {planted:7} {noticed:7} {nothing:7} {survived:8} {share:>7}")


if __name__ == "__main__":
    sys.exit(main())
