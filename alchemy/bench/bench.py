"""How fast the lab's work goes on this machine, and what share that is of what the machine can do at most.

Both sides are measured in the same run: the ceilings are one large matrix product and one pass over more memory than any
cache holds, on all devices at once. A rate is the median of repeated runs after one that is not counted.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from alchemy.decoding.episodes import play, width_of
from alchemy.decoding.generate import draw
from alchemy.discover import find
from alchemy.learning import kept, machine
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Stream, examples
from alchemy.learning.model import Model, Params
from alchemy.learning.train import train
from alchemy.practice.filters import behind
from alchemy.practice.grpo import GRPO, reinforce, reward
from alchemy.problem.split import Split, train_chunk
from alchemy.problem.task import EOS, PAD, Task
from alchemy.scoring.metrics import (
    bleu_counts,
    edit_distance,
    exact_match,
    sentence_bleu,
)
from alchemy.terminal import counted
from alchemy.testtime.learned_verifier import VERDICTS
from alchemy.testtime.thinking_verifier import Format, read, think

REPEATS = 3
REFUSED = 0.8
"""Share of the time without stored programs from which on they can hardly have been taken: of those that are, .1 to .3 is usual."""


class Row(NamedTuple):
    """One line of the table."""

    work: str
    rate: float
    unit: str
    share: float | None = None
    """Of the ceiling, from 0 to 1, or of other work on the same prompts; None where the work is the host's."""
    ceiling: str = ""


class Ceilings(NamedTuple):
    """What all devices together can do at most."""

    flops: float  # float32 or, on accelerators, bfloat16 operations a second, in matrix products
    bytes: float  # bytes of memory read and written a second


@dataclass(frozen=True)
class Load:
    """How much of each work is timed; the defaults take a few minutes on two cores."""

    problems: int = 200_000
    """Made in one go."""
    lines: int = 20_000
    """Scored in one go."""
    batch: int = 256
    """Training sequences a step, for each seed."""
    samples: int = 16_384
    """Training sequences between two readings of the clock, at least; 16 times as many on accelerators."""
    seeds: tuple[int, ...] = (1, 8, 64)
    rows: tuple[int, ...] = (1, 256, 8192)
    """Problems that are answered at once."""
    matrix: int = 2048
    """Side of the matrix product; four times that on accelerators."""
    larger: bool = True
    """Models of width 128 and 256, too."""


def measure(load: Load, say: Callable[[str], None]) -> Iterator[Row]:
    """Every row of the table, ceilings first; `say` is told what comes next."""
    say("ceilings")
    limits = ceilings(load.matrix)
    yield Row("matrix product", limits.flops, "operations/s", 1.0, "flops")
    yield Row("memory, read and written", limits.bytes, "bytes/s", 1.0, "bytes")
    symbols, bridge = find("task", "symbols")(), find("task", "connectivity")(depth=3, ids=64)
    say("generation")
    yield from _generation(symbols, bridge, load)
    say("scoring")
    yield Row("score text: exact match, edit distance, BLEU", _scoring(symbols, load.lines), "samples/s")
    model = find("model", "transformer")
    small = model.sized("gpt-68k", vocabulary=len(symbols.vocabulary))
    wide = model(vocabulary=len(bridge.vocabulary), width=128, layers=4, heads=4, context=bridge.max_len)
    large = model.sized("gpt-4.8m", vocabulary=len(symbols.vocabulary))
    for seeds in load.seeds:
        yield from _training("4 x 32, symbols", small, symbols, seeds, load, limits, say)
    if load.larger:
        few = replace(load, batch=load.batch // 8, samples=load.samples // 8)
        yield from _training("4 x 128, bridges of depth 3", wide, bridge, 1, few, limits, say)
        yield from _training("6 x 256, symbols", large, symbols, 1, replace(few, batch=load.batch), limits, say)
    for rows in load.rows:
        yield _decoding("4 x 32, symbols", small, symbols, rows, limits, say)
    if load.larger:
        yield _decoding("4 x 128, bridges of depth 3", wide, bridge, load.rows[len(load.rows) // 2], limits, say)
    judge = model.sized("gpt-68k", vocabulary=len(symbols.vocabulary) + VERDICTS, context=4 * symbols.max_len)
    for rows in load.rows[1:]:
        yield _checking("4 x 32, symbols", judge, symbols, rows, say)
    say("a step of GRPO")
    yield from reinforcing("4 x 32, symbols", small, symbols, load.batch)
    world = find("task", "search")(reliability=0.7)
    searcher = model(vocabulary=len(world.vocabulary), width=32, layers=4, heads=4, context=world.max_len)
    for rows in load.rows[1:]:
        yield _episodes("4 x 32, search", searcher, world, rows, say)
    say("compilation")
    yield from _compilation(small, symbols, load)
    yield Row("memory at most, host", host_memory(), "bytes")
    if peak := (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use"):
        yield Row("memory at most, a device", peak, "bytes")


def seconds(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """The median time of `work`, after one run that is not counted."""
    work()
    taken = []
    for _ in range(repeats):
        began = perf_counter()
        work()
        taken.append(perf_counter() - began)
    return median(taken)


def ceilings(side: int, floats: int = 1 << 26) -> Ceilings:
    """Measured on every local device at once, on matrices of that side and so many numbers; four times that on accelerators."""
    devices = jax.local_devices()
    cpu = devices[0].platform == "cpu"
    side, kind = (side, jnp.float32) if cpu else (4 * side, jnp.bfloat16)
    square = jax.random.normal(
        jax.random.key(0), (len(devices), side, side), kind
    )  # ones would cost less power and time
    flat = jnp.ones((len(devices), floats if cpu else 4 * floats), jnp.float32)
    product = jax.pmap(lambda a: a @ a, devices=devices)
    passed = jax.pmap(lambda a: a + 1, devices=devices)
    square, flat = product(square), passed(flat)  # now they lie on the devices
    flops = 2 * side**3 * len(devices) / seconds(lambda: jax.block_until_ready(product(square)))
    return Ceilings(flops, 2 * flat.nbytes / seconds(lambda: jax.block_until_ready(passed(flat))))


def training_flops(model: Model, params: Params, t: int) -> float:
    """Operations a token of a sequence of `t` takes, forward and backward: matrices and attention."""
    matrices = sum(leaf.size for leaf in jax.tree.leaves(params["blocks"]) if leaf.ndim == 3)
    readout = model.width * model.vocabulary
    return 6 * (matrices + readout) + 12 * model.layers * model.width * t / 2  # half of it is masked


def _generation(symbols: Task, bridge: Task, load: Load) -> Iterator[Row]:
    def rate(work: Callable[[np.random.Generator], Any], n: int) -> float:
        return n / seconds(lambda: work(np.random.default_rng(0)))

    n, few = load.problems, load.problems // 4
    yield Row("generate symbols, in memory", rate(lambda rng: symbols.sample(rng, n), n), "samples/s")
    yield Row("generate symbols, as JSONL", rate(lambda rng: symbols.jsonl(symbols.sample(rng, n)), n), "samples/s")
    traces = [replace(bridge, trace=trace) for trace in ("shortest", "path", "dfs")]
    work = rate(lambda rng: [task.sample(rng, few) for task in traces], few * len(traces))
    yield Row("generate bridges of depth 3, three traces, tokenised", work, "samples/s")


def _scoring(task: Task, n: int) -> float:
    """Texts a second by exact match, edit distance and both kinds of BLEU."""
    gold = [task.show(tokens) for tokens in task.sample(np.random.default_rng(0), n).tokens]
    predicted = gold[1:] + gold[:1]
    metrics = (exact_match, edit_distance, sentence_bleu, bleu_counts)
    return n / seconds(lambda: [metric(predicted, gold) for metric in metrics])


def _stream(task: Task) -> Stream:
    split = Split()
    return Stream(lambda seed, step, n: examples(train_chunk(task, split, seed, step, n), "sequence"))


def chunk_seconds(
    model: Model,
    task: Task,
    seeds: int,
    batch: int,
    steps: int,
    chunks: int = REPEATS + 1,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
) -> list[float]:
    """Times between the ends of chunks of that many training steps, the first of them with the compilation."""
    times = [perf_counter()]
    config = TrainConfig(steps=steps * chunks, batch=batch, chunk=steps, precision=precision)
    train(model, _stream(task), config, seeds=range(seeds), progress=lambda *_: times.append(perf_counter()))
    return np.diff(times).tolist()


def _training(
    name: str, model: Model, task: Task, seeds: int, load: Load, limits: Ceilings, say: Callable[[str], None]
) -> Iterator[Row]:
    work_name = f"train {name}, {counted(seeds, 'seed')}"
    say(work_name)
    samples = load.samples * (1 if jax.default_backend() == "cpu" else 16)
    steps = max(1, round(samples / (seeds * load.batch)))
    taken = median(chunk_seconds(model, task, seeds, load.batch, steps)[1:])
    rate, t = seeds * load.batch * steps / taken, task.max_len
    share = rate * t * training_flops(model, model.init(jax.random.key(0)), t) / limits.flops
    yield Row(work_name, rate, "samples/s", share, "flops")
    yield Row(work_name, rate * t, "tokens/s", share, "flops")


def _decoding(name: str, model: Model, task: Task, rows: int, limits: Ceilings, say: Callable[[str], None]) -> Row:
    """New tokens a second at temperature 1; what a token must read is the parameters, once a step, and its row's cache."""
    work_name = f"decode {name}, batch {rows}"
    say(work_name)
    batch = task.sample(np.random.default_rng(0), rows)
    prompts, room = batch.prompts(), int((batch.completions() != PAD).sum(axis=1).max())
    params = jax.tree.map(lambda leaf: leaf[None], model.init(jax.random.key(0)))
    written = 0

    def work() -> None:
        nonlocal written
        written = int((draw(model, params, prompts, samples=1, max_new=room, rows=rows).completions != PAD).sum())

    taken = seconds(work)
    rate = written / taken
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    cache = 2 * jnp.dtype(machine.dtype("auto")).itemsize * model.layers * model.width * (prompts.shape[1] + room / 2)
    return Row(work_name, rate, "tokens/s", rate * (size / rows + cache) / limits.bytes, "bytes")


def _checking(name: str, model: Model, task: Task, rows: int, say: Callable[[str], None], samples: int = 16) -> Row:
    """Tokens of completions a second that a verifier reads, `samples` of each problem, after it thought about the problem once, for as
    long as there is room; as a share of what the same model writes to these prompts."""
    work_name = f"score with a thinking verifier {name}, batch {rows}"
    say(work_name)
    batch = task.sample(np.random.default_rng(0), -(-rows // samples))
    prompts, gold, form = batch.prompts(), batch.completions(), Format("own")
    params = jax.tree.map(
        lambda leaf: leaf[None], _endless(model.init(jax.random.key(0)), len(task.vocabulary) + VERDICTS)
    )
    texts = np.repeat(gold[:, None], samples, axis=1)
    room = int((gold != PAD).sum(axis=1).max())
    written = 0

    def check() -> None:
        read(model, params, task, batch, think(model, params, task, batch, form), texts, form)

    def write() -> None:
        nonlocal written
        drawn = draw(model, params, prompts, samples=samples, max_new=room, rows=rows)
        written = int((drawn.completions != PAD).sum())

    checked, plain = (texts != PAD).sum() / seconds(check), seconds(write)
    return Row(work_name, float(checked), "tokens/s", float(checked) * plain / written, "plain decoding")


def _endless(params: Params, vocabulary: int) -> Params:
    """Weights without what they know of the end and of padding: the logits of both are 0, below that of some other token, so that
    untrained models write on where trained ones would."""

    def without(leaf: jax.Array) -> jax.Array:
        return leaf.at[jnp.array([PAD, EOS])].set(0) if leaf.shape[:1] == (vocabulary,) else leaf

    return jax.tree.map(without, params)


def reinforcing(name: str, model: Model, task: Task, texts: int, group: int = 8) -> Iterator[Row]:
    """A step of GRPO on so many texts, beside drawing as many and training on them as lines that somebody else wrote."""
    how = GRPO(steps=REPEATS + 1, problems=max(1, texts // group), group=group)
    batch = task.sample(np.random.default_rng(0), how.problems)
    init = jax.tree.map(lambda leaf: leaf[None], model.init(jax.random.key(0)))
    room = task.max_len - task.shortest_prompt
    drawn = draw(model, init, batch.prompts(), samples=group, max_new=room)
    lines = examples(behind(batch.rows(np.repeat(np.arange(how.problems), group)), drawn.completions.reshape(-1, room)))

    def clocked(work: Callable[[Callable[..., None]], Any]) -> float:
        times: list[float] = []
        work(lambda *_: times.append(perf_counter()))
        return median(np.diff(times).tolist())

    generating = seconds(lambda: draw(model, init, batch.prompts(), samples=group, max_new=room))
    data = Stream(lambda seed, step, n: lines, task.shortest_prompt)
    config = replace(how.train, chunk=1)
    training = clocked(lambda tick: train(model, data, config, seeds=[0], progress=tick))
    whole = clocked(
        lambda tick: reinforce(
            model,
            init,
            how,
            seeds=[0],
            ask=lambda seed, step: batch,
            rewarded=reward(task, how.reward),
            room=room,
            shortest=task.shortest_prompt,
            progress=tick,
        )
    )
    work = f"GRPO {name}, {counted(how.problems * group, 'text')} a step"
    yield Row(f"{work}: generating alone", generating, "s")
    yield Row(f"{work}: training on them alone", training, "s")
    yield Row(f"{work}: the whole step", whole, "s")
    yield Row(f"{work}: whole / (generating + training)", whole / (generating + training), "times")


def _episodes(name: str, model: Model, task: Any, rows: int, say: Callable[[str], None]) -> Row:
    """Episodes a second at temperature 1, as a share of what plain decoding of as many tokens makes of the same prompts."""
    work_name = f"episodes {name}, batch {rows}"
    say(work_name)
    batch = task.sample(np.random.default_rng(0), rows)
    prompts, environment, turns = batch.prompts()[None], task.environment, max(task.budgets)
    worlds = {key: array[None] for key, array in task.episodes(batch.problem).items()}
    params = jax.tree.map(lambda leaf: leaf[None], model.init(jax.random.key(0)))
    room = turns * width_of(environment) + 1
    plain = seconds(lambda: draw(model, params, prompts[0], samples=1, max_new=room, rows=rows))
    options: dict[str, Any] = dict(turns=turns, each=False, temperature=1.0, rows=rows)
    played = seconds(lambda: play(model, params, prompts, environment, worlds, **options))
    return Row(work_name, rows / played, "episodes/s", plain / played, "plain decoding")


def _compilation(model: Model, task: Task, load: Load) -> Iterator[Row]:
    """What the first chunk of a training run takes beyond the others, without and with stored programs.

    Some processors refuse what was compiled on them before: then the second is no faster, and the row says so.
    """
    whole = 0.0
    for programs, stored in (("nothing stored", False), ("stored", True)):
        jax.config.update("jax_enable_compilation_cache", stored)
        compilation_cache.reset_cache()  # or jax goes on as it was told when it first compiled
        taken = []
        for _ in range(1 + stored):  # the first one stores it
            kept.forget()
            first, *others = chunk_seconds(model, task, 1, load.batch, 4)
            taken.append(first - median(others))
        work, needed = f"compile a training step, {programs}", max(0.0, taken[-1])
        if stored and whole:
            refused = ": this processor refuses what is stored" if needed > REFUSED * whole else ""
            yield Row(work, needed, "s", needed / whole, f"the time with nothing stored{refused}")
        else:
            yield Row(work, needed, "s")
        whole = needed
    jax.config.update("jax_enable_compilation_cache", True)
    compilation_cache.reset_cache()


def host_memory() -> float:
    """The most bytes this process has held; where the kernel tells, without what its parent held when it forked."""
    status = Path("/proc/self/status")
    if status.exists() and (line := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())):
        return 1024.0 * int(line[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)


def table(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Rows as (work, rate, share)."""
    return [
        (row.work, f"{_short(row.rate)} {row.unit}", f"{row.share:.1%} of {row.ceiling}" if row.share else "")
        for row in rows
    ]


def _short(value: float) -> str:
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"
