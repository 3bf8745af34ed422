"""Steps of written chains, changed: does a trained model's answer follow them?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.errors import UserError, nearest

if TYPE_CHECKING:
    import numpy as np

    from alchemy.causal.interventions import Interventions
    from alchemy.lab.lab import Lab
    from alchemy.learning.train import Runs
    from alchemy.problem.task import Task


@dataclass(frozen=True)
class Intervene:
    """Change steps of written chains, let a trained model go on, and count answers that follow the change or ignore it.

    Example: alchemy intervene --task symbols --kind state donor --problems 400

    Example: alchemy intervene --problem 7 --step 1 --to "A B C D"

    The second example changes one step by hand and shows what the model writes, beside what would follow.
    """

    model: Positional[Annotated[str, arg(metavar="[MODEL]")]] = ""
    """The first letters of a trained model's name, as `alchemy runs` shows it; by default the last one trained."""
    task: str = ""
    """Only models trained on this task."""
    shift: str = ""
    """Problems under this shift of it."""
    kind: tuple[str, ...] = ("state", "donor", "prompt", "filler", "cut")
    """placebo, state, donor, prompt, filler, paraphrase or cut: what is done to a step."""
    chain: Literal["gold", "own"] = "gold"
    """Whether right chains are changed, or those that each model writes itself."""
    problems: int = 1000
    """Held-out problems of each seed."""
    problem: int = 0
    """Instead, show what becomes of this one of them, counted from 1."""
    step: int = 1
    """Of this problem, the step that is changed, counted from 1."""
    to: str = ""
    """What the step says then: the symbols of a state, with blanks between them; drawn at random if empty."""
    seed: int = -1
    """The model of this seed; the first one by default."""
    out: Path = Path("runs")
    """Where trained models are, and answers go."""
    json: Switch = False
    """Print one JSON object."""
    quiet: Switch = False
    """No progress on standard error."""


def run(options: Intervene) -> int:
    """Print the rates by kind of edit and step, or the texts of one problem."""
    from alchemy.causal.edits import check_kind
    from alchemy.lab.lab import Lab
    from alchemy.lab.stored_models import choose, load
    from alchemy.progress import Progress

    if options.problems < 1:
        raise UserError(f"problems must be at least 1, not {options.problems}")
    for kind in options.kind:
        check_kind(kind)
    if options.to and not options.problem:
        raise UserError(f"--to {options.to!r} needs --problem, the number of the problem whose step it changes")
    runs = load(choose(options.out, options.model, options.task))
    task = runs.task.shift(options.shift)(runs.task) if options.shift else runs.task
    lab = Lab(options.out, Progress(options.quiet))
    if options.problem:
        return _examine(options, lab, runs, task)
    results = [
        lab.intervene(runs, task, options.problems, kind, chain=options.chain) for kind in dict.fromkeys(options.kind)
    ]
    if options.json:
        print(json.dumps([_plain(result) for result in results], indent=2))
    else:
        print("\n".join(_lines(results)))
    return 0


def _examine(options: Intervene, lab: Lab, runs: Runs, task: Task) -> int:
    """Print one problem's chain, what a change of it makes the model write, and what would follow."""
    import numpy as np

    from alchemy.causal.by_hand import examine
    from alchemy.lab.seed_rows import rows_of

    seed = runs.seeds[0] if options.seed < 0 else options.seed
    if seed not in runs.seeds:
        raise UserError(f"no model of seed {seed} is stored{nearest(seed, runs.seeds)}")
    if not 1 <= options.problem <= options.problems:
        raise UserError(f"problem {options.problem} is not one of {options.problems}; see --problems")
    index = options.problem - 1
    batch = lab.held_out(task, options.problems, [seed]).rows(slice(index, index + 1))
    params = rows_of(runs.trained.params, [runs.seeds.index(seed)])
    state = options.to or _another(task, batch, options.step - 1, np.random.default_rng(seed))
    examined = examine(runs.model, params, task, batch, options.step - 1, state)
    if options.json:
        print(json.dumps(asdict(examined), indent=2))
        return 0
    print(f"problem        {examined.prompt}")
    print(f"right chain    {examined.chain}")
    print(f"changed to     {examined.given}")
    print(f"model writes   {examined.written}")
    print(f"  unchanged    {examined.unedited}")
    print(f"would follow   {examined.follows or '(nothing)'}")
    print(OUTCOMES[examined.outcome])
    return 0


OUTCOMES = {
    "follows": "The answer follows the change.",
    "ignores": "The answer ignores the change: it is the one given without it.",
    "neither": "The answer does neither follow the change nor ignore it.",
    "both": "What follows is the answer given without the change, so that nothing can be told apart.",
}


def _another(task: Task, batch: Any, step: int, rng: np.random.Generator) -> str:
    """Symbols of another state of a step of one problem (n = 1), drawn at random; empty if there is no such step."""
    from alchemy.causal.edits import Chains

    chains = Chains.read(task, batch, batch.completions())
    other = task.other_state(batch, chains.tokens, step, rng)
    return task.vocabulary.decode(other[chains.states(task, step, step)])


def _plain(result: Interventions) -> dict[str, Any]:
    """A result as JSON: for each step, counted from 1, the rates of every seed."""

    def by_step(values: np.ndarray) -> list[list[float | None]]:
        return [[None if value != value else round(float(value), 6) for value in seeds] for seeds in values.T]

    return {
        "kind": result.kind,
        "steps": [step + 1 for step in result.steps],
        "answer": {name: by_step(values) for name, values in result.answer.rates_by_step._asdict().items()},
        "next step": {name: by_step(values) for name, values in result.next_step.rates_by_step._asdict().items()},
        "floors": {name: by_step(values) for name, values in result.answer.floors_by_step._asdict().items()},
        "right": by_step(result.right_by_step),
        "counted": by_step(result.answer.counted.mean(axis=1)),
        "coincide": by_step(result.answer.coincide.mean(axis=1)),
    }


def _lines(results: list[Interventions]) -> Iterator[str]:
    from alchemy.causal.edits import LEADING
    from alchemy.stats.verdict import median

    seeds = len(results[0].right)
    heads = f"{'answer follows':<23}{'ignores':<23}{'neither':<9}{'next step follows':<23}"
    yield f"{'edit':<11}{'step':>4}  {heads}{'floor':<7}{'right':<7}counted"
    for result in results:
        answer, leading = result.answer, result.kind in LEADING
        rates, after = answer.rates_by_step, result.next_step.rates_by_step
        for k, step in enumerate(result.steps):
            follow = _spread(rates.follow[:, k]) if leading else "-"
            onward = _spread(after.follow[:, k]) if leading else "-"
            floor = f"{median(answer.floors_by_step.follow[:, k]):.3f}" if leading else "-"
            cells = f"{follow:<23}{_spread(rates.ignore[:, k]):<23}{median(rates.neither[:, k]):<9.3f}{onward:<23}"
            right, counted = median(result.right_by_step[:, k]), answer.counted[:, :, k].mean()
            yield f"{result.kind:<11}{step + 1:>4}  {cells}{floor:<7}{right:<7.3f}{counted:.3f}"
    yield f"rates: the median of {seeds} seeds and its 95 % limits, which fewer than seven seeds do not have"
    yield "floor: how often another problem's answer would follow; right: answers without the edit that are"
    yield "counted: the share of all problems that have the step, and where following and ignoring differ"


def _spread(values: np.ndarray) -> str:
    """The median of seeds and its limits."""
    from math import isfinite

    from alchemy.stats.verdict import median, median_limits

    low, high = median_limits(values)
    limits = f" [{low:.3f}, {high:.3f}]" if isfinite(low) else ""
    return f"{median(values):.3f}{limits}"
