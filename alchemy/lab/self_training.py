"""Models that teach themselves: they answer fresh problems, and learn from those of their lines that a filter keeps.

Rejection-sampled fine-tuning is one round of many samples from the first models; expert iteration is rounds that go on from
one another (arXiv:2505.21825); with a level a round models go on to longer problems (arXiv:2502.01612).

Dimension letters: `s` seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, get_args

import jax
import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs, Trained
from alchemy.practice.filters import Keep, kept, prompt_keys
from alchemy.practice.policy import likeliest
from alchemy.problem.split import join
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch, Task
from alchemy.testtime.answers import Samples


@dataclass(frozen=True)
class SelfTraining:
    """Rounds of self-training."""

    rounds: int = 3
    keep: Keep = "exact"
    """Lines to learn from: all; those of the right length; of each problem the one that enough texts are; those with a right answer; or
    those with a valid chain, too; or of each problem the line whose chain makes the right answer likeliest."""
    problems: int = 4000
    """Fresh training problems a round, for each seed."""
    samples: int = 1
    """Completions of each."""
    temperature: float = 1.0
    """At which they are written; 0 for the likeliest."""
    levels: tuple[str, ...] = ()
    """Shifts of the trained task whose problems are answered, one a round; the last one from then on. None for the task itself."""
    gold: int = 0
    """Lines of what the first models were trained on, as it writes them, beside those that are kept: against forgetting."""
    earlier: bool = False
    """Learn from what earlier rounds kept, too."""
    onward: bool = True
    """Each round goes on from the models of the one before; otherwise from the first."""
    voters: int = 1
    """So many seeds in a row answer the same problems, and vote; all of them learn from what they agree on."""
    agree: int = 1
    """Texts of all voters to a problem that have to be the same line, to the letter."""
    train: TrainConfig = TrainConfig(steps=200, batch=64, learning_rate=1e-3)
    """Of each round."""

    def __post_init__(self) -> None:
        if self.keep not in get_args(Keep):
            raise UserError(f"filter {self.keep!r} is unknown{nearest(self.keep, get_args(Keep))}")
        for name, least in {"rounds": 1, "problems": 1, "samples": 1, "gold": 0, "voters": 1, "agree": 1}.items():
            if getattr(self, name) < least:
                raise UserError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if self.agree > (texts := self.voters * self.samples):
            raise UserError(f"agree {self.agree} is more than the {texts} texts that voters write to a problem")
        if self.voters > 1 and self.keep != "vote":
            raise UserError(f"{self.voters} voters, but the filter is {self.keep!r}: expected 'vote'")
        if self.temperature < 0:
            raise UserError(f"temperature {self.temperature} is negative")

    def tasks(self, task: Task) -> list[Task]:
        """What is answered in each round."""
        names = [self.levels[min(number, len(self.levels) - 1)] for number in range(self.rounds if self.levels else 0)]
        return [task.shift(name)(task) for name in names] or [task] * self.rounds


class Round(NamedTuple):
    """What a round of self-training leaves."""

    number: int
    """From 1 on."""
    task: Task
    """Whose problems were answered."""
    runs: Runs
    kept: np.ndarray
    """Lines kept of those written, a share, float (s,)."""
    right: np.ndarray
    """Of the lines kept, those with a right answer behind a valid chain: float (s,), nan where none was kept."""


def self_training(lab: Lab, runs: Runs, how: SelfTraining, gold: Sequence[Task] = ()) -> Iterator[Round]:
    """The models of `runs` after each round of teaching themselves.

    Each seed learns alone, or, of voters, with those it votes with; one that has nothing to learn from stays as it is for that
    round. `gold` are tasks, in equal shares, whose lines stand beside those that are kept; by default the trained one. Raises
    `UserError` if seeds cannot be divided into voters.
    """
    if len(runs.seeds) % how.voters:
        raise UserError(f"{len(runs.seeds)} seeds cannot be divided into groups of {how.voters} voters")
    tasks, first = how.tasks(runs.task), runs
    rooms = [task.max_len - task.shortest_prompt for task in tasks]
    context = max(task.longest_prompt + room for task, room in zip(tasks, rooms, strict=True))
    context = max([context, *(task.max_len for task in gold or [runs.task])])
    past: list[list[Batch]] = [[] for _ in runs.seeds]
    for number, (task, room) in enumerate(zip(tasks, rooms, strict=True), 1):
        written = lab.practise(
            runs,
            task,
            how.problems,
            number,
            samples=how.samples,
            temperature=how.temperature,
            max_new=room,
            together=how.voters,
        )
        groups = [written[start : start + how.voters] for start in range(0, len(written), how.voters)]
        if how.keep == "likeliest":
            lines = [likeliest(runs.model, rows_of(runs.trained.params, [i]), one) for i, one in enumerate(written)]
        else:
            lines = [kept(group, how.keep, how.agree) for group in groups for _ in group]
        share = np.array([len(batch.tokens) / (how.problems * how.samples) for batch in lines])
        right = np.array([_right(one, batch) for one, batch in zip(written, lines, strict=True)])
        sets = []
        for seed, batch, before in zip(runs.seeds, lines, past, strict=True):
            beside = _gold(lab, gold or [runs.task], how.gold, seed, number)
            sets.append(_as_wide([batch, *(before if how.earlier else []), *beside], context))
            before.append(batch)
        lab.progress.say(f"round {number}: kept {np.median(share):.1%} of the lines, {_told(right)}")
        label = f"train on what round {number} kept"
        runs = _trained(lab, runs if how.onward else first, runs, how.train, sets, context, label)
        yield Round(number, task, runs, share, right)


def _trained(
    lab: Lab, start: Runs, stay: Runs, train: TrainConfig, sets: Sequence[Batch], context: int, label: str
) -> Runs:
    """Models that go on from `start`, each with a set of its own; those of `stay` where it is empty."""
    rows = [row for row, lines in enumerate(sets) if len(lines.tokens)]
    if not rows:
        return stay
    some = start.some(rows)
    learned = lab.train(
        start.model,
        start.task,
        train,
        seeds=some.seeds,
        sets=[sets[row] for row in rows],
        padding="pad",
        context=context,
        start=some,
        label=label,
    )
    if len(rows) == len(sets):
        return learned
    place = {row: number for number, row in enumerate(rows)}
    chosen = [learned.some([place[row]]) if row in place else stay.some([row]) for row in range(len(sets))]
    params = jax.tree.map(lambda *leaves: np.concatenate(leaves), *(one.trained.params for one in chosen))
    losses = np.full((len(sets), train.steps), np.nan, np.float32)
    losses[rows] = learned.trained.losses
    names = tuple(one.names[0] for one in chosen)
    return replace(learned, seeds=start.seeds, names=names, trained=Trained(params, losses))


def _gold(lab: Lab, tasks: Sequence[Task], lines: int, seed: int, number: int) -> list[Batch]:
    """Lines of tasks as they write them, in equal shares, the first tasks' one larger where they do not divide."""
    shares = [len(part) for part in np.array_split(np.arange(lines), len(tasks))]
    return [
        lab.split.sample(task, stream("gold beside what is kept", seed, number, place), share, "train")
        for place, (task, share) in enumerate(zip(tasks, shares, strict=True))
        if share
    ]


def _as_wide(sets: Sequence[Batch], width: int) -> Batch:
    """Lines of several sets as one, their problems left out."""
    return join([_padded(lines, width) for lines in sets])


def _padded(lines: Batch, width: int) -> Batch:
    extra = width - lines.tokens.shape[1]
    tokens = np.pad(lines.tokens, ((0, 0), (0, max(extra, 0)), (0, 0)))[:, :width]
    told = None if lines.told is None else np.pad(lines.told, ((0, 0), (0, max(extra, 0))))[:, :width]
    return Batch(tokens, lines.prompt_len, np.zeros(tokens.shape[:2], np.int8), {}, told)


def _told(right: np.ndarray) -> str:
    known = right[~np.isnan(right)]
    return f"{np.median(known):.1%} of them right" if len(known) else "none of them right"


def _right(samples: Samples, lines: Batch) -> float:
    """The share of lines, kept of what was written, that are right answers behind valid chains."""
    if not len(lines.tokens):
        return float("nan")
    batch, _ = samples.flat()
    prompts = {prompt: row for row, prompt in enumerate(prompt_keys(batch))}
    rows = np.array([prompts[prompt] for prompt in prompt_keys(lines)])
    judged = samples.task.verify(batch.rows(rows), lines.completions())
    return float((judged.answer & judged.trace).mean())
