"""Inputs that were damaged at random: one line names the fault, nothing half is written, nobody's terminal or page is harmed.

A file that commands read is changed, byte by byte or field by field, and the command is given it. It ends with 0, 1 or 2,
writes all of its output or none, stays within memory and time, and writes nowhere else.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from torture import process
from torture.trial import Trial
from torture.work import BANK, CLAIM, DATA, TRAIN, copied, scratch

SECONDS, BYTES = 30, 1 << 30
"""What one input may take; seconds of a processor, so that other work on the machine counts for nothing."""
PATIENCE = 20 * SECONDS
"""Seconds of the clock after which an input is said to hang."""
AT_ONCE = 40
"""Inputs that one fork is given in turn."""
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\x1b]0;x\x07'
DEEP = "[" * 5000 + "]" * 5000
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        0.5,
        10**30,
        -(10**18),
        1e308,
        float("nan"),
        float("inf"),
        "",
        " ",
        "x",
        "0",
        "-1",
        "٣",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": ""},
        ["x"] * 3,
        "x" * 100_000,
        "\ud800",
        "\x00",
        HOSTILE,
        "../../x",
        "/etc/passwd",
        "..",
        ".",
    ),
)


@dataclass(frozen=True)
class Input:
    """A file that a command reads."""

    name: str
    file: str
    """A pattern in the prepared directory; the first file that fits is changed."""
    commands: tuple[tuple[str, ...], ...]
    before: tuple[tuple[str, ...], ...] = ()
    make: Callable[[Path], object] = lambda home: None
    """What else prepares the directory."""
    share: int = 4
    """Of all inputs, how many are of this kind, relative to others."""


def _predictions(suffix: str, encode: Callable[[list[dict[str, Any]]], bytes]) -> Callable[[Path], object]:
    def make(home: Path) -> None:
        records = [json.loads(line) for line in (home / "data/test.jsonl").read_text("utf-8").splitlines()][:12]
        rows = [{"prompt": record["input"], "completion": record["output"]} for record in records]
        (home / f"p.{suffix}").write_bytes(encode(rows))

    return make


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _csv(rows: list[dict[str, Any]]) -> bytes:
    return "".join(["prompt,completion\n", *(f"{row['prompt']},{row['completion']}\n" for row in rows)]).encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return b"PAR1"
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), out)
    return out.getvalue()


def _score(file: str) -> tuple[tuple[str, ...], ...]:
    outputs = ("--page", "new/page.html", "--verdicts", "new/v.jsonl", "--quiet")
    return ("score", file, *outputs), ("score", file, "--manifest", "data", "--training", *outputs)


PACKED = (*DATA, "--format", "parquet")
SPLITS = (
    ("verify", "data"),
    ("score", "data/test.jsonl", "--manifest", "data", "--page", "new/page.html", "--quiet"),
    ("prompts", "data", "--out", "new/prompts", "--shots", "1"),
    (*DATA, "--force", "--dry-run"),
)
OUT = ("--out", "runs")


def _generate(family: str) -> tuple[str, ...]:
    return ("generate", family, "--shifts", "none", "--out", "data", "--train", "20", "--test", "10", "--quiet")


def _again(family: str) -> tuple[str, ...]:
    return (*_generate(family), "--force", "--dry-run")


TOML = """task = "symbols"
shifts = ["length=5"]
train = 30
test = 10
compositions = ["F1 F2", "F2 F1"]
length = [4]
"""
OWN = ("train", "symbols", "--data", "p.jsonl", "--dry-run", "--quiet")
INPUTS = (
    Input("predictions", "p.jsonl", _score("p.jsonl"), (DATA,), _predictions("jsonl", _lines), 12),
    Input(
        "predictions, an array",
        "p.json",
        _score("p.json"),
        (DATA,),
        _predictions("json", lambda rows: json.dumps(rows).encode()),
    ),
    Input("predictions, CSV", "p.csv", _score("p.csv"), (DATA,), _predictions("csv", _csv)),
    Input(
        "predictions, gzip",
        "p.gz",
        _score("p.gz"),
        (DATA,),
        _predictions("gz", lambda rows: gzip.compress(_lines(rows))),
    ),
    Input("predictions, Parquet", "p.parquet", _score("p.parquet"), (DATA,), _predictions("parquet", _parquet)),
    Input("manifest", "data/manifest.json", SPLITS, (DATA,), share=12),
    *(
        Input(f"manifest of {family}", "data/manifest.json", (SPLITS[0], _again(family)), (_generate(family),), share=2)
        for family in ("boards", "connectivity", "documents", "origins", "rules")
    ),
    Input("lines of splits", "data/test.jsonl", SPLITS[:3], (DATA,)),
    Input("Parquet of splits", "data/test.parquet", (("verify", "data"),), (PACKED,)),
    Input(
        "options in TOML",
        "o.toml",
        (("generate", "--config", "o.toml", "--out", "new/d", "--quiet"),),
        make=lambda home: (home / "o.toml").write_text(TOML),
    ),
    Input(
        "record",
        "runs/claims/*/*/record.json",
        (("report", "runs", "--out", "new/r.html"), ("runs", "runs")),
        (CLAIM,),
        share=12,
    ),
    Input("journal", "runs/claims/*/*/journal.json", (("report", "runs", "--out", "new/r.html"),), (CLAIM,)),
    Input(
        "lines to train on",
        "p.jsonl",
        (OWN,),
        (DATA,),
        lambda home: shutil.copy(home / "data/train.jsonl", home / "p.jsonl"),
    ),
    Input(
        "key of a model",
        "runs/models/*/*/key.json",
        (("runs", "runs"), ("ask", "A B [F1] [F2] <think>", *OUT), ("export", "--to", "new/mine", *OUT)),
        (TRAIN,),
        share=8,
    ),
    Input(
        "checkpoint", "runs/models/*/*/final/*/_METADATA", (("ask", "A B [F1] [F2] <think>", *OUT),), (TRAIN,), share=1
    ),
    Input(
        "checkpoint, arrays",
        "runs/models/*/*/final/*/d/*",
        (("ask", "A B [F1] [F2] <think>", *OUT),),
        (TRAIN,),
        share=1,
    ),
    Input(
        "stored answers",
        "runs/answers/*.npz",
        (BANK,),
        (TRAIN, BANK),
        lambda home: (home / "bank.npz").unlink(),
        share=1,
    ),
)


def inputs(home: Path, count: int, seed: int, names: Sequence[str] = ()) -> Iterator[Trial]:
    """So many damaged inputs; a trial is one of them."""
    chosen = [kind for kind in INPUTS if not names or kind.name in names]
    shares = np.array([kind.share for kind in chosen], float)
    for kind, share in zip(chosen, shares / shares.sum(), strict=True):
        template = _template(kind, home / "templates-inputs")
        number, last = 0, max(1, round(count * share))
        while number < last:
            for trial in _batch(kind, template, home / "input", range(number, min(number + AT_ONCE, last)), seed):
                yield trial
                number += 1


def _template(kind: Input, home: Path) -> Path:
    """A directory with the file that is to be changed; what kinds have in common is made once."""
    common = home / f"before {next(other.name for other in INPUTS if other.before == kind.before)}"
    if not common.exists():
        common.mkdir(parents=True)
        for argv in kind.before:
            if (ended := process.run(argv, common)).code:
                raise SystemExit(f"{kind.name}: {' '.join(argv)} ended with {ended.code}: {ended.err}")
    template = home / kind.name
    shutil.copytree(common, template)
    kind.make(template)
    if not any(template.glob(kind.file)):
        raise SystemExit(f"{kind.name}: nothing lies at {kind.file}")
    for argv in kind.commands:  # what is refused undamaged would tell nothing
        copied(template, home / "sound")
        (home / "sound/new").mkdir()
        if (ended := process.run(argv, home / "sound")).code:
            raise SystemExit(f"{kind.name}, undamaged: {' '.join(argv)} ended with {ended.code}: {ended.err}")
    return template


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A file that is changed in one place or in some."""
    ways: list[Callable[[bytes, np.random.Generator], bytes]] = [_flipped, _cut, _spliced, _inserted]
    try:
        json.loads(content.splitlines()[0] if content[:1] == b"{" and b"}\n{" in content else content)
        ways = [*ways[1:3], _changed, _changed, _changed, _changed, _changed]
    except (ValueError, IndexError):
        pass
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.3 else 1):
        content = ways[rng.integers(len(ways))](content, rng)
    return content


def _flipped(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        if changed:
            changed[rng.integers(len(changed))] = rng.integers(256)
    return bytes(changed)


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(len(content) + 1)]


def _spliced(content: bytes, rng: np.random.Generator) -> bytes:
    low, high = sorted(rng.integers(len(content) + 1, size=2))
    return content[:low] + content[high:] if rng.random() < 0.5 else content[:high] + content[low:]


def _inserted(content: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(content) + 1))
    texts = (
        HOSTILE.encode(),
        b"\xff\xfe",
        b"\x00" * 9,
        DEEP.encode(),
        b'"',
        b"\n\n",
        b"\xef\xbb\xbf",
        b"9" * 5000,
        b"{",
        b",",
    )
    return content[:at] + texts[rng.integers(len(texts))] + content[at:]


def _changed(content: bytes, rng: np.random.Generator) -> bytes:
    """Another value at one place of one JSON document, or of one line of several."""
    lines = content.splitlines() if b"}\n{" in content else [content]
    at = int(rng.integers(len(lines)))
    try:
        value = json.loads(lines[at])
    except ValueError:
        return _flipped(content, rng)
    lines[at] = _dumped(_other(value, rng))
    return b"\n".join(lines) + b"\n"


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _other(value: Any, rng: np.random.Generator) -> Any:
    value = deepcopy(value)
    holders = list(_holders(value))
    if not holders:
        return VALUES[rng.integers(len(VALUES))]
    holder, name = holders[rng.integers(len(holders))]
    if rng.random() < 0.2:
        del holder[name]
    elif rng.random() < 0.1 and isinstance(holder, dict):
        holder[HOSTILE if rng.random() < 0.5 else "../../x"] = holder.pop(name)
    elif rng.random() < 0.15 and isinstance(holder[name], str):
        holder[name] += HOSTILE
    else:
        holder[name] = deepcopy(VALUES[rng.integers(len(VALUES))])
    return value


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """The place of every value in a value."""
    for name in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, name
        yield from _holders(value[name])


def _batch(kind: Input, template: Path, home: Path, numbers: Sequence[int], seed: int) -> Iterator[Trial]:
    """One fork is given inputs in turn, and says how each ended; where it dies, the input at hand is at fault."""
    for argv in kind.commands:
        process.warm(argv[0])
    results = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed once it is read
    pid = os.fork()
    if not pid:
        try:
            for number in numbers:
                trial = _one(kind, template, home, number, seed)
                results.write(json.dumps([trial.description, trial.faults, trial.counts]) + "\n")
                results.flush()
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    results.seek(0)
    lines = results.read().splitlines()
    results.close()
    for line in lines:
        description, faults, counts = json.loads(line)
        yield Trial("inputs", description, faults, counts)
    if len(lines) < len(numbers):
        why = {
            -signal.SIGPROF: f"took over {SECONDS} s of a processor",
            -signal.SIGALRM: f"hung for {PATIENCE} s",
        }.get(status, f"the process ended with {status}")
        yield Trial("inputs", _description(kind, numbers[len(lines)], seed), [why])


def _description(kind: Input, number: int, seed: int) -> str:
    return f"{kind.name}, number {number} of seed {seed}"


def _one(kind: Input, template: Path, home: Path, number: int, seed: int) -> Trial:
    rng = np.random.default_rng([seed, number, *kind.name.encode()])
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(template, home)
    victim = sorted(home.glob(kind.file))[0]
    victim.write_bytes(damaged(victim.read_bytes(), rng))
    argv = kind.commands[rng.integers(len(kind.commands))]
    (home / "new").mkdir()
    os.chdir(home)
    beside, known = _listing(home.parent), _listing(home)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code, out, err = _main(argv)
    faults = []
    if "Traceback" in err or code not in (0, 1, 2):
        faults.append(f"ended with {code}: {process.Ended(code, out, err, 0).last_line}")
    if "\x1b" in out + err or "\x07" in out + err:
        faults.append("an escape sequence reaches the terminal")
    if code == 2 and (len(lines := err.strip().splitlines()) != 1 or len(lines[0]) > 1000):
        faults.append(f"said {len(lines)} lines, {len(err)} characters: {err[:200]!r}")
    new = sorted(path.name for path in (home / "new").iterdir())
    if code and new:
        faults.append(f"ended with {code} and wrote {', '.join(new)}")
    pages = [path.read_text("utf-8", "replace") for path in (home / "new").glob("*.html")]
    if any(mark in page for page in pages for mark in ("<script>alert(1)", "<img src=x")):
        faults.append("a page has what an input brought as markup")
    if left := scratch(home):
        faults.append(f"left {', '.join(left)}")
    if _listing(home.parent) != beside:
        faults.append("wrote outside of its directory")
    elif not any(part in argv for part in ("runs", "--out")) and _listing(home) != known:
        faults.append("changed a file that it reads, or wrote another")
    if (grown := 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory)) > BYTES:
        faults.append(f"took {grown / 1e9:.1f} GB")
    description = f"{_description(kind, number, seed)}: {' '.join(argv)}"
    return Trial(
        "inputs",
        description,
        faults,
        {f"{kind.name}: {('read', 'differences', 'refused')[code] if code in (0, 1, 2) else 'other'}": 1},
    )


def _listing(home: Path) -> list[tuple[str, int]]:
    """What lies in a directory and was not made to be written to, with the sizes of files."""
    paths = [path for path in home.iterdir() if path.name not in ("input", "new", "runs")]
    return sorted((path.name, path.stat().st_size if path.is_file() else len(os.listdir(path))) for path in paths)


def _main(argv: Sequence[str]) -> tuple[int, str, str]:
    """A command in this process: its exit code, and what it wrote to its standard output and error."""
    from alchemy.cli.main import main

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process.redirect(out.fileno(), err.fileno())
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(PATIENCE)
        try:
            code = main(list(argv))
        except BaseException:
            code = 70
            traceback.print_exc()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
            sys.stdout.flush()
            sys.stderr.flush()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return code, texts[0], texts[1]
