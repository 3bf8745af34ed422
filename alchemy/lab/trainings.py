"""Trainings of a lab: what each depends on, where its models are kept, and several of one shape done together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import numpy as np

from alchemy.lab import room, store
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import alone
from alchemy.lab.stored_models import KEY, is_finished
from alchemy.learning import checkpoint
from alchemy.learning.config import TrainConfig
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Diverged, Part, Trained, check_finite, shape, train_together
from alchemy.progress import Progress
from alchemy.record import commit, fingerprint, read_json, write_json
from alchemy.terminal import counted

T = TypeVar("T")
LOOKS = 20
"""Times that is measured at most."""


class Watch(NamedTuple):
    """What is measured while models are trained."""

    names: tuple[str, ...]
    measure: Callable[[Params, Sequence[int]], np.ndarray]
    """Of weights (s, ...) of these seeds, a number by name: float (s, k)."""


class Plan(NamedTuple):
    """The models of a training, whether they are there or not."""

    model: Model
    seeds: list[int]
    tokens: int
    """Of a line."""
    key: dict[str, Any]
    """What all of them depend on."""
    own: list[dict[str, Any]]
    """What each depends on beside that."""
    homes: list[Path]

    @property
    def missing(self) -> list[int]:
        """Which of them are not there, by their places."""
        return [place for place, home in enumerate(self.homes) if not is_finished(home)]


@dataclass(eq=False)
class Wanted(Exception):
    """Raised by a lab that puts trainings off: one with models that are not there, for `make_together`."""

    plan: Plan
    tokens: int
    """Of a line."""
    part: Callable[[list[int]], Part]
    """What is to be trained for those of its seeds that stand at these places."""


def make_together(
    root: Path, wanted: Sequence[Wanted], progress: Progress, exact: bool = True
) -> list[Diverged | None]:
    """Train the models that are missing, those of one shape together, as far as they fit into half of the memory.

    Each model is the one that its training alone would make, not `exact` up to rounding
    (`alchemy.learning.train.train_together`). Those of a training that diverges are not kept; what it would have raised is
    returned in its place.
    """
    unique = {tuple(training.plan.homes): training for training in wanted}
    diverged: dict[tuple[Path, ...], Diverged] = {}
    with ExitStack() as locks:
        for home in sorted({training.plan.homes[0].parent for training in unique.values()}):
            locks.enter_context(alone(home, progress.say))
        for group in _groups(list(unique.values())):
            for (training, missing, part), (models, seconds) in zip(
                group, _make(root, group, progress, exact), strict=True
            ):
                try:
                    check_finite(models, part.seeds, part.config)
                except Diverged as fault:
                    diverged[tuple(training.plan.homes)] = fault
                else:
                    keep(training.plan, missing, models, part.config, seconds)
    return [diverged.get(tuple(training.plan.homes)) for training in wanted]


def _groups(wanted: Sequence[Wanted]) -> Iterator[list[tuple[Wanted, list[int], Part]]]:
    """What is missing of each training, those of one shape together, in the order in which they were asked for."""
    by_shape: dict[Any, list[tuple[Wanted, list[int], Part]]] = {}
    for training in wanted:
        if missing := training.plan.missing:
            part = training.part(missing)
            by_shape.setdefault(shape(training.plan.model, part), []).append((training, missing, part))
    for alike in by_shape.values():
        [first, missing, part], *_ = alike
        one = room.needed(first.plan.model, part.config, len(missing), first.tokens)
        most = max(1, int(min(len(alike), room.available() / 2 / one)))
        yield from (alike[start : start + most] for start in range(0, len(alike), most))


def _make(
    root: Path, group: Sequence[tuple[Wanted, list[int], Part]], progress: Progress, exact: bool
) -> list[tuple[Trained, float]]:
    """The models of each training of a group, and the seconds that each of them took."""
    model, parts = group[0][0].plan.model, [part for _, _, part in group]
    names = [training.plan.homes[place].name for training, missing, _ in group for place in missing]
    with progress.stage(f"train {counted(len(names), 'model')}", parts[0].config.steps) as stage:
        trained, seconds = resumed(
            root,
            names,
            lambda state: train_together(model, parts, directory=state, progress=stage.update, exact=exact),
        )
    return [(models, seconds / len(names)) for models in trained]


def keep(
    plan: Plan,
    missing: Sequence[int],
    trained: Trained,
    config: TrainConfig,
    seconds: float,
    notes: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the models of those seeds that were missing, each of which took so many seconds, with what made them.

    `notes` say what else a training tells of each of them. Of those that may stop sooner, the steps they took are noted, too.
    """
    taken = trained.steps()
    for row, place in enumerate(missing):
        noted = {**(notes[row] if notes else {}), **({"steps": int(taken[row])} if config.stop.below else {})}
        provenance = {"seconds": seconds, "commit": commit(), **({"notes": noted} if noted else {})}
        write_json(plan.homes[place] / KEY, {**plan.key, **plan.own[place], **provenance})
        checkpoint.save(plan.homes[place] / "final", config.steps, rows_of(trained, [row]))


@dataclass
class Looking:
    """Looks at models in training, up to `LOOKS` times, and keeps what is measured beside the state of the training."""

    watch: Watch
    seeds: Sequence[int]
    steps: int
    """Of the training."""
    state: Path
    """The folder of its state, from which an interrupted one goes on."""

    def __post_init__(self) -> None:
        self._seen, self._values = store.Pieces(self.state / "watched"), dict[int, np.ndarray]()
        for done in range(1, self.steps + 1):
            if (piece := self._seen.load(str(done))) is not None:
                self._values[done] = piece[0]

    def __call__(self, done: int, params: Callable[[], Params]) -> None:
        last = max((step for step in self._values if step < done), default=0)
        if done == self.steps or last * LOOKS // self.steps < done * LOOKS // self.steps:
            self._values[done] = self.watch.measure(params(), self.seeds)
            self._seen.keep(str(done), (self._values[done],))
            self._seen.save()

    @property
    def notes(self) -> list[dict[str, Any]]:
        """What was measured, of each seed."""
        steps = sorted(self._values)
        values = np.stack([self._values[step] for step in steps], axis=1)  # (s, m, k)
        names = [*self.watch.names]
        return [{"watched": {"names": names, "steps": steps, "values": own.tolist()}} for own in values]


def resumed(root: Path, names: Sequence[str], work: Callable[[Path], T]) -> tuple[T, float]:
    """What `work` makes of models of these names, given the folder for its state, and the seconds of all runs together.

    What an interrupted run left there is gone on with.
    """
    state = root / "models" / f"{fingerprint({'unfinished': list(names)})}.unfinished"
    spent = state / "spent.json"
    before = read_json(spent)["seconds"] if spent.exists() else 0.0
    began = monotonic()
    try:
        made = work(state)
    except KeyboardInterrupt:
        write_json(spent, {"seconds": before + monotonic() - began})
        raise
    checkpoint.drop(state)
    return made, before + monotonic() - began
