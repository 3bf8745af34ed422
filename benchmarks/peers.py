"""Ours and the code of others at the same work on this machine, turn by turn, medians of five turns each.

python benchmarks/peers.py PYTHON CHECKOUTS OUT.json [WORK ...]

PYTHON has what their code asks for, and CHECKOUTS is a directory with their repositories under the names that `FAMILIES` has;
only those of the works that are named have to be there. Nothing else should run. `theirs.py` and `theirs_jax.py` say what each
work is.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

TURNS = 5
SCORED = 20_000
"""Texts that are scored in one go, as many as in `theirs.py`."""
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files are no matter of a disk."""
NEW = 32
"""Tokens written behind each prompt of a graph."""
FAMILIES = {
    "letters": ("theirs.py", "DataAlchemy"),  # arXiv:2508.01191
    "graphs": ("theirs.py", "let-me-think"),  # arXiv:2505.21825
    "equations": ("theirs.py", "CoT_benchmark"),  # arXiv:2305.15408
    "tape": ("theirs_jax.py", "neural_networks_chomsky_hierarchy"),  # arXiv:2207.02098
    "random": ("theirs_jax.py", "randomized_positional_encodings"),  # arXiv:2305.16843
}
"""Whose code does a work, by the word its name has: a file beside this one, and the checkout that it runs."""
VERSIONS = {"theirs.py": ("torch", "transformers"), "theirs_jax.py": ("dm-haiku",)}
"""Packages whose versions are noted beside a rate of theirs."""
TAPE_BATCH, TAPE_PROMPT, TAPE_NEW = 128, 41, 40
"""Of those that write strings on tapes: lines, what is read of each, and what is written."""
THEIRS = {"train_letters_8": "train_letters", "draw_letters": "make_letters"}
"""Which of their works stands beside one of ours, where that has another name: they train one seed, and make text alone."""


def train_letters(seeds: int = 1) -> float:
    """Samples a second over all seeds, 1,024 a step and seed."""
    from alchemy.bench.bench import chunk_seconds

    task, model = letters()
    steps = max(2, 8 // seeds)
    return seeds * 1024 * steps / median(chunk_seconds(model, task, seeds, 1024, steps)[1:])


def train_letters_8() -> float:
    return train_letters(8)


def write_letters() -> float:
    """Completions of all their tokens a second, greedy, 2,000 at once, none of which may end early."""
    from alchemy.bench.bench import seconds
    from alchemy.decoding.generate import generate
    from alchemy.problem.task import EOS, PAD

    task, model = letters()
    batch = task.sample(_generator(), 2000)
    room = batch.completions().shape[1]
    params = _started(model)
    table = params["token"]["embedding"]
    params["token"]["embedding"] = table.at[:, [PAD, EOS]].set(0)  # never the likeliest, as others are above 0
    assert (generate(model, params, batch.prompts(), max_new=room) != PAD).all()
    return 2000 / seconds(lambda: generate(model, params, batch.prompts(), max_new=room))


def score_letters() -> float:
    """Texts a second by the three metrics that theirs has, whole outputs of the same lines, each beside the next."""
    from alchemy.bench.bench import seconds
    from alchemy.scoring.metrics import edit_distance, exact_match, sentence_bleu

    task = letters()[0]
    batch = task.render(next(task.exhaustive(4, "F1 F2", chunk=SCORED)), _generator())
    gold = [record["output"] for record in task.record(batch)]
    other = gold[1:] + gold[:1]
    return SCORED / seconds(lambda: [metric(other, gold) for metric in (exact_match, edit_distance, sentence_bleu)])


def make_letters() -> float:
    """Lines a second, all of one composition, written to a file; in memory where there is a place for such, as theirs."""
    from alchemy.bench.bench import seconds
    from alchemy.dataset.export import write_exhaustive

    with TemporaryDirectory(dir=MEMORY) as scratch:
        path = Path(scratch) / "lines.jsonl"

        def work() -> None:
            path.unlink(missing_ok=True)
            write_exhaustive(letters()[0], path)

        return 26**4 / seconds(work)


def draw_letters() -> float:
    """Problems a second, drawn and written as arrays of ids."""
    from alchemy.bench.bench import seconds

    task = letters()[0]
    return 200_000 / seconds(lambda: task.sample(_generator(), 200_000))


def make_graphs() -> float:
    from alchemy.bench.bench import seconds

    tasks = [replace(graphs()[0], trace=trace) for trace in ("shortest", "path", "dfs")]
    return 150_000 / seconds(lambda: [task.sample(_generator(), 50_000) for task in tasks])


def train_graphs() -> float:
    from alchemy.bench.bench import chunk_seconds

    task, model = graphs()
    return 32 * 8 * task.max_len / median(chunk_seconds(model, task, 1, 32, 8)[1:])


def write_graphs() -> float:
    from alchemy.bench.bench import seconds
    from alchemy.decoding.generate import draw
    from alchemy.problem.task import PAD

    task, model = graphs()
    prompts, params = task.sample(_generator(), 256).prompts(), _started(model)
    tokens = 0

    def work() -> None:
        nonlocal tokens
        tokens = int((draw(model, params, prompts, samples=1, max_new=NEW).completions != PAD).sum())

    elapsed = seconds(work)
    return tokens / elapsed


def train_tape(positions: str = "sinusoidal") -> float:
    """Lines of 81 tokens a second, 128 a step."""
    from alchemy.bench.bench import chunk_seconds

    task, model = tapes(positions)
    return TAPE_BATCH * 8 / median(chunk_seconds(model, task, 1, TAPE_BATCH, 8)[1:])


def train_random() -> float:
    return train_tape("random")


def make_tape() -> float:
    """Sums of 40 numbers modulo 5 with every running sum a second, as arrays of ids."""
    return _drawn("sums", 100_000, places=40, modulus=5)


def make_random() -> float:
    """Products of two binary numbers of 8 digits with the running sum of each column a second, as arrays of ids."""
    return _drawn("multiplication", 10_000, base=2, digits=8)


def make_equations() -> float:
    """Systems of three equations modulo 11 with their eliminations a second, no two alike, written to a file."""
    from alchemy.bench.bench import seconds
    from alchemy.dataset.export import write_splits

    with TemporaryDirectory(dir=MEMORY) as scratch:
        numbers = iter(range(1000))

        def work() -> None:
            write_splits(_equations()[0], Path(scratch) / str(next(numbers)), train=45_000, test=5000, shifts=[])

        return 50_000 / seconds(work)


def train_equations() -> float:
    """Tokens a second, 128 texts a step."""
    from alchemy.bench.bench import chunk_seconds

    task, model = _equations()
    return 128 * 4 * task.max_len / median(chunk_seconds(model, task, 1, 128, 4)[1:])


def _equations() -> tuple[Any, Any]:
    """Three unknowns modulo 11, and a model of the same layers as theirs."""
    from alchemy.discover import find

    task = find("task", "equations")(unknowns=3, modulus=11)
    how = dict(positions="sinusoidal", width=256, layers=3, heads=4, hidden=1024, context=task.max_len)
    return task, find("model", "transformer")(vocabulary=len(task.vocabulary), **how)


def _drawn(name: str, n: int, **fields: Any) -> float:
    """Lines of a task a second, as arrays of ids."""
    from alchemy.bench.bench import seconds
    from alchemy.discover import find

    task = find("task", name)(**fields)
    return n / seconds(lambda: task.sample(_generator(), n))


def write_tape() -> float:
    """New tokens a second behind prompts of any symbols, the likeliest, none of which may end early."""
    from alchemy.bench.bench import seconds
    from alchemy.decoding.generate import generate
    from alchemy.problem.task import EOS, PAD

    _, model = tapes()
    params = _started(model)
    table = params["token"]["embedding"]
    params["token"]["embedding"] = table.at[:, [PAD, EOS]].set(0)  # never the likeliest, as others are above 0
    prompts = _generator().integers(EOS + 1, model.vocabulary, (TAPE_BATCH, TAPE_PROMPT, 1), dtype="int32")
    assert (generate(model, params, prompts, max_new=TAPE_NEW) != PAD).all()
    return TAPE_BATCH * TAPE_NEW / seconds(lambda: generate(model, params, prompts, max_new=TAPE_NEW))


def tapes(positions: str = "sinusoidal") -> tuple[Any, Any]:
    """Letters of a length whose lines are as long as their tapes, and a model of the same layers as theirs."""
    from alchemy.discover import find

    task = find("task", "symbols")(length=(25,))
    how = dict(positions=positions, width=64, layers=5, heads=8, hidden=256, context=task.max_len)
    return task, find("model", "transformer")(vocabulary=len(task.vocabulary), **how)


def letters() -> tuple[Any, Any]:
    """Compositions of two on four letters, and the paper's smallest model."""
    from alchemy.discover import find

    task = find("task", "symbols")()
    return task, find("model", "transformer").sized("gpt-68k", vocabulary=len(task.vocabulary))


def graphs() -> tuple[Any, Any]:
    """Bridges of depth 3 and a model of the same layers as theirs."""
    from alchemy.discover import find

    task = find("task", "connectivity")(depth=3, ids=64)
    how = dict(block="llama", positions="rotary", width=128, layers=4, heads=4, hidden=128, context=task.max_len)
    return task, find("model", "transformer")(vocabulary=len(task.vocabulary), **how)


def _generator() -> Any:
    import numpy as np

    return np.random.default_rng(0)


def _started(model: Any) -> Any:
    import jax

    return jax.tree.map(lambda leaf: leaf[None], model.init(jax.random.key(0)))


WORKS: list[Callable[[], float]] = [
    train_letters,
    train_letters_8,
    write_letters,
    score_letters,
    make_letters,
    draw_letters,
    make_graphs,
    train_graphs,
    write_graphs,
    train_tape,
    write_tape,
    make_tape,
    train_random,
    make_random,
    make_equations,
    train_equations,
]


def turns(work: str, python: str, checkouts: Path) -> dict[str, list[float]]:
    """Rates of one work, ours and theirs in turn."""
    here, (script, checkout) = Path(__file__), FAMILIES[_family(work)]
    ours = [sys.executable, str(here), work]
    theirs = [python, str(here.with_name(script)), THEIRS.get(work, work), str(checkouts / checkout)]
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(TURNS):
        for name, command in (("ours", ours), ("theirs", theirs)):
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            rates[name].append(float(output.split()[-1]))
    return rates


def operations(work: str) -> float:
    """Of matrices and attention, for a unit of what a work trains on or writes: a line of letters or of a tape, a token elsewhere."""
    import jax

    from alchemy.bench.bench import training_flops

    family = _family(work)
    task, model = {"letters": letters, "graphs": graphs, "equations": _equations, "tape": tapes, "random": tapes}[
        family
    ]()
    trained = training_flops(model, model.init(jax.random.key(0)), task.max_len)
    if work.startswith("train"):
        return trained * (1 if family in ("graphs", "equations") else task.max_len)
    return trained / 3 * task.max_len / {"letters": 1, "graphs": NEW, "tape": TAPE_NEW}[family]


def _family(work: str) -> str:
    return next(family for family in FAMILIES if family in work)


def _versions(python: str) -> dict[str, str]:
    """Of what their code runs on, as far as their Python has it."""
    names = [name for needed in VERSIONS.values() for name in needed]
    query = f"import importlib.metadata as m; print(*(d.name + '=' + d.version for d in m.distributions() if d.name in {names}))"
    told = subprocess.run([python, "-c", query], capture_output=True, text=True, check=True).stdout.split()
    return dict(pair.split("=", 1) for pair in told)


def known(works: Iterable[str]) -> None:
    """Leaves with a line if one of these is no work."""
    names = [work.__name__ for work in WORKS]
    for work in works:
        if work not in names:
            sys.exit(f"unknown work {work!r}; there are {', '.join(names)}")


def compare(python: str, checkouts: str, out: str, *only: str) -> None:
    """All works, or only those named, which take the place of what an earlier run said of them."""
    from alchemy.bench.bench import Load, ceilings
    from alchemy.learning import machine
    from alchemy.record import commit, read_json, write_json

    path, works, root = Path(out), list(only) or [work.__name__ for work in WORKS], Path(checkouts)
    known(works)
    for _, checkout in {FAMILIES[_family(work)] for work in works}:
        if not (root / checkout).is_dir():
            sys.exit(f"{root} has no checkout {checkout}, whose code does some of {', '.join(works)}")
    at = commit()  # before the file of measurements makes a difference
    theirs = _versions(python)
    rows = {row["work"]: row for row in read_json(path)["rows"]} if only and path.exists() else {}
    for work in works:
        rates = turns(work, python, root)
        our_rate, their_rate = median(rates["ours"]), median(rates["theirs"])
        script = FAMILIES[_family(work)][0]
        versions = {**machine.versions(), **{name: theirs.get(name, "") for name in VERSIONS[script]}}
        row: dict[str, Any] = {
            "work": work,
            "ours": our_rate,
            "theirs": their_rate,
            "ratio": our_rate / their_rate,
            "turns": rates,
        }
        if work.startswith(("train", "write")):  # the ratio if all of it went at the pace of one large product
            needed = operations(work)
            row |= {"operations": needed, "most": ceilings(Load().matrix).flops / needed / their_rate}
        rows[work] = {**row, "commit": at, "versions": versions}
        print(
            f"{work:16} ours {our_rate:12,.0f}  theirs {their_rate:10,.0f}  ratio {our_rate / their_rate:6.1f}",
            flush=True,
        )
        write_json(path, {"device": machine.describe(), "rows": list(rows.values())})


if __name__ == "__main__":
    from alchemy.learning import machine

    machine.prepare()
    if len(sys.argv) == 2:
        known(sys.argv[1:])
        print({work.__name__: work for work in WORKS}[sys.argv[1]]())
    elif len(sys.argv) >= 4:
        compare(*sys.argv[1:])
    else:
        sys.exit(__doc__)
