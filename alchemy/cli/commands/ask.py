"""One prompt, answered by a trained model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from alchemy.cli.commands.train import example
from alchemy.cli.flags import Switch
from alchemy.errors import UserError, nearest

if TYPE_CHECKING:
    from alchemy.learning.train import Runs

GLYPHS = {"ok": "✓", "wrong": "✗", "follows": "↳", "wrong after": "·"}


@dataclass(frozen=True)
class Ask:
    """Let a trained model go on from a prompt, and check every step of what it writes.

    Example: alchemy ask "A B C D [F1] [F2] <think>"

    Example: alchemy ask "A B C D [F1] [F2] <think>" --model exported

    ✓ a right step, ✗ the first error; behind it ↳ follows from what was written, · does not.
    """

    prompt: Positional[Annotated[str, arg(metavar="PROMPT")]] = ""
    """A prompt of the task that the model was trained on, as `alchemy show` prints it."""
    model: str = ""
    """The first letters of a trained model's name, as `alchemy runs` shows it; by default the last one trained. Or a
    directory that `alchemy export` wrote."""
    task: str = ""
    """Only models trained on this task."""
    seed: int = -1
    """Only the model of this seed; all of them by default."""
    temperature: float = 0.0
    """0 writes the likeliest symbol."""
    out: Path = Path("runs")
    """Where trained models are."""
    json: Switch = False
    """Print one JSON object."""


def run(options: Ask) -> int:
    """Print what each seed's model writes, step by step."""
    from alchemy.lab import exported
    from alchemy.lab.stored_models import choose, load

    if options.temperature < 0:
        raise UserError(f"temperature must be at least 0, not {options.temperature}")
    directory = Path(options.model)
    if options.model and exported.is_exported(directory):
        runs = exported.runs(directory)
    else:
        runs = load(choose(options.out, options.model, options.task))
    if not options.prompt.strip():
        raise UserError(f"give a prompt, such as {example(runs.task)!r}")
    if options.seed >= 0 and options.seed not in runs.seeds:
        raise UserError(f"no model of seed {options.seed} is stored{nearest(options.seed, runs.seeds)}")
    gold, written = _answers(options, runs)
    if options.json:
        print(json.dumps({"prompt": options.prompt, "gold": gold, "seeds": written}, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(gold, written)))
    return 0


def _answers(options: Ask, runs: Runs) -> tuple[str, dict[int, list[dict[str, str]]]]:
    """The right completion, and the steps that each seed's model writes, with their marks."""
    import numpy as np

    from alchemy.decoding.episodes import written
    from alchemy.decoding.generate import generate
    from alchemy.lab.lab import SPARE
    from alchemy.lab.seed_rows import rows_of

    task = runs.task
    batch = task.render(task.parse(options.prompt), np.random.default_rng(0))
    prompt = batch.prompts()
    room = min(batch.completions().shape[1] + SPARE, runs.model.context - prompt.shape[1])
    if room < 1:
        raise UserError(f"a prompt of {prompt.shape[1]} symbols leaves no room in a context of {runs.model.context}")
    rows = [i for i, seed in enumerate(runs.seeds) if options.seed in (-1, seed)]
    seeds = [runs.seeds[row] for row in rows]
    params = rows_of(runs.trained.params, rows)
    if hasattr(task, "environment"):  # which writes what it tells
        worlds = {
            name: np.broadcast_to(array, (len(rows), *array.shape))
            for name, array in task.episodes(batch.problem).items()
        }
        prompts = np.broadcast_to(prompt, (len(rows), *prompt.shape))
        budget = np.broadcast_to(batch.problem["budget"].astype(int), (len(rows), 1))
        episodes: dict[str, Any] = dict(turns=max(1, int(budget.max())), temperature=options.temperature, seeds=seeds)
        texts = written(runs.model, params, prompts, task.environment, worlds, budget, **episodes)[:, 0]
    else:
        texts = generate(runs.model, params, prompt, max_new=room, temperature=options.temperature, seeds=seeds)
    steps = {seed: task.steps(batch, text) for seed, text in zip(seeds, texts, strict=True)}
    marked = {seed: [{"text": step.text, "mark": step.mark} for step in own] for seed, own in steps.items()}
    return task.gold_text(batch.problem), marked


def _lines(gold: str, written: dict[int, list[dict[str, str]]]) -> Iterator[str]:
    yield f"gold     {gold}"
    for seed, steps in written.items():
        for number, step in enumerate(steps):
            yield f"{f'seed {seed}' if number == 0 else '':<8} {GLYPHS[step['mark']]} {step['text']}"
