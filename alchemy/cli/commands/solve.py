"""Strategies run on a trained model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.cli.planned_answers import tell
from alchemy.errors import UserError
from alchemy.output import check_replaceable, write_sealed

if TYPE_CHECKING:
    from alchemy.lab.compare import Row


LEARNED = ("learned", "thinking", "written")
UNCOUNTED = (
    "a verifier needs answers to learn from, then training: what comes behind what is missing first is not counted"
)


@dataclass(frozen=True)
class Solve:
    """Let a trained model answer held-out problems with one strategy or several, and say what each spends.

    Example: alchemy solve --strategy self_consistency beam:width=2 mcts --budget 4 16 --figure compare.svg

    `alchemy list` names the strategies; their dials follow a colon. Those that search ask a reward: the exact oracle,
    with noise if --noise is given, or a verifier trained on what the model writes. Those that choose among answers can take
    the scores exact, noisy, logprob and, where there is a verifier, learned, thinking or written.
    """

    model: Positional[Annotated[str, arg(metavar="[MODEL]")]] = ""
    """The first letters of a trained model's name, as `alchemy runs` shows it; by default the last one trained."""
    task: str = ""
    """Only models trained on this task."""
    shift: str = ""
    """Problems under this shift of it."""
    strategy: tuple[str, ...] = ("direct", "self_consistency")
    """NAME or NAME:dial=value,dial=value"""
    budget: tuple[int, ...] = (16,)
    """Chains a problem; of MCTS, tries; of what forces a chain, tokens of thinking or drafts."""
    problems: int = 200
    temperature: float = 1.0
    reward: Literal["step", "outcome", "learned", "thinking", "written"] = "step"
    """What guides searches: the exact oracle of every step or of whole answers alone, or a verifier that is trained first: one that
    scores at once, or one that solves the problem before it compares, in a tournament two answers, or one that
    writes a check and its verdict of a whole answer, and guides no search."""
    noise: float = 0.0
    """Standard deviation of the noise on the oracle."""
    practice: int = 4000
    """Training problems whose answers a verifier learns from."""
    checks: int = 1
    """Thoughts of a verifier that thinks, about each problem, or checks that it writes of each answer: the likeliest one, or several
    that are sampled, and combined."""
    combine: Literal["mean", "vote"] = "mean"
    """The mean of what a verifier says after each of its checks, or the share of those that say good."""
    stop: Switch = False
    """End a branch of a search, and a check of a verifier that thinks, where the text so far is held for rather wrong than right."""
    out: Path = Path("runs")
    """Where trained models are, and answers go."""
    figure: Path | None = None
    """Write accuracy over budget here, as SVG."""
    dry_run: Switch = False
    """Answer nothing: say of each strategy what is there, what would be written, and what that takes at most."""
    json: Switch = False
    """Print one JSON object."""
    quiet: Switch = False
    """No progress on standard error."""


def run(options: Solve) -> int:
    """Print a row for each strategy at each budget."""
    from alchemy.lab.compare import Comparison, answers
    from alchemy.lab.costs import looking
    from alchemy.lab.lab import Lab
    from alchemy.lab.stored_models import choose, load
    from alchemy.progress import Progress

    if min(options.budget, default=0) < 1:
        raise UserError(f"budget {min(options.budget, default=0)} is too small for one chain; expected at least 1")
    if options.problems < 1:
        raise UserError(f"problems must be at least 1, not {options.problems}")
    if options.figure:
        check_replaceable(options.figure, "solve")
    samples = answers(options.strategy, options.budget)
    runs = load(choose(options.out, options.model, options.task))
    task = runs.task.shift(options.shift)(runs.task) if options.shift else runs.task
    lab = looking(options.out) if options.dry_run else Lab(options.out, Progress(options.quiet))
    comparison = Comparison(
        lab,
        runs,
        task,
        options.problems,
        samples,
        options.temperature,
        options.reward,
        options.noise,
        options.practice,
        options.checks,
        options.combine,
        options.stop,
    )
    budgets = sorted(set(options.budget))
    if options.dry_run:
        costs = comparison.costs(options.strategy, budgets)
        return tell(costs, options.out, options.json, UNCOUNTED if options.reward in LEARNED else "")
    rows = comparison.rows(options.strategy, budgets)
    if options.figure:
        _draw(options.figure, rows)
    print(
        json.dumps([{**asdict(row), "right": row.right.tolist()} for row in rows], indent=2)
        if options.json
        else "\n".join(_lines(rows))
    )
    return 0


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    import numpy as np

    from alchemy.decoding.ledger import BUDGET

    width = max(len(row.strategy) for row in rows)
    yield f"{'strategy':<{width}} {'n':>4}  right  least   most   written   depth checked   MFLOP"
    for row in rows:
        right, bill = row.right, row.bill
        seeds = f"{np.median(right):.3f}  {right.min():.3f}  {right.max():.3f}"
        yield (
            f"{row.strategy:<{width}} {row.budget:>4}  {seeds} "
            f"{bill['written']:>9.1f} {bill['depth']:>7.1f} {bill['checked']:>7.0f} {bill['flops'] / 1e6:>7.1f}"
        )
    yield f"right: the median seed, the least and the most; {BUDGET}"


def _draw(path: Path, rows: Sequence[Row]) -> None:
    import numpy as np

    from alchemy.decoding.ledger import BUDGET
    from alchemy.report.figures import Curves, save

    budgets = sorted({row.budget for row in rows})
    names = dict.fromkeys(row.strategy for row in rows)
    figure = Curves(
        name=path.stem,
        title="Accuracy by strategy",
        x_label="chains a problem; of MCTS, tries; of forcing, tokens or drafts",
        y_label="accuracy",
        x=budgets,
        measured={name: np.stack([row.right for row in rows if row.strategy == name], axis=1) for name in names},
        theory={},
        log_x=len(budgets) > 1,
        ticks=[str(budget) for budget in budgets],
        note=f"what each spends is in the table; {BUDGET}",
    )
    write_sealed(path, "solve", lambda scratch: save(figure, scratch))
