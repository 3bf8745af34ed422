"""The bench an experiment works at: train models, let them answer, and never do the same twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import jax
import numpy as np

from alchemy.decoding.forcing import Forcing
from alchemy.decoding.generate import Drawn, draw
from alchemy.errors import UserError
from alchemy.lab import store
from alchemy.lab.journal import LOOKED_AT, Journal, described
from alchemy.learning import checkpoint
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import (
    Data,
    Examples,
    Finite,
    Loss,
    Padding,
    Stream,
    examples,
    joined,
)
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs, Trained, expected, shapes, train
from alchemy.problem.split import Split, join, train_chunk
from alchemy.problem.streams import stream, stream_id
from alchemy.problem.task import Batch, Task
from alchemy.progress import Progress, Stage
from alchemy.record import digest, fingerprint, plain, read_json, write_json, write_whole
from alchemy.testtime import learned_verifier
from alchemy.testtime.answers import Answers, Samples
from alchemy.testtime.bank import Bank, fill

Make = Callable[[store.Parts, Callable[[int], None]], np.ndarray]
"""Makes an array, given the pieces of it that there are already and whom to tell how many are done."""


@dataclass
class Lab:
    """Trains and decodes for experiments; what was done before is taken from `root`."""

    root: Path
    progress: Progress
    split: Split = Split()
    tests: int = 0
    """Another number draws other test problems: confirmatory runs are judged on problems that were never used."""
    tokens: int = 0
    """Tokens trained on and decoded so far, for everything asked for, stored or not."""
    flops: float = 0.0
    seconds: float = 0.0
    """Device and host time the results cost when they were made; each result counts once."""
    known: set[Path] = field(default_factory=set, repr=False)
    """Where the results asked for so far are kept."""
    journal: Journal = field(default_factory=Journal)
    """What a reader may want to look into."""

    def train(
        self,
        model: Model,
        task: Task,
        config: TrainConfig,
        *,
        seeds: int | Sequence[int],
        loss: Loss = "completion",
        padding: Padding = "none",
        context: int = 0,
        limit: int = 0,
        sets: Sequence[Batch] = (),
        labels: Sequence[Examples] = (),
        start: Runs | None = None,
        label: str = "",
    ) -> Runs:
        """Models trained on the training part of `task`.

        Every step sees fresh problems; with `limit`, each seed has only so many, drawn for it once. With `sets` each
        seed has the lines of its own set instead, whoever wrote them; with `labels` examples of its own, whose targets may be
        verdicts: verifiers are trained (`alchemy.testtime.learned_verifier`). With `start` training goes on from those models.
        """
        model = replace(model, vocabulary=len(task.vocabulary) + (learned_verifier.VERDICTS if labels else 0))
        seeds = range(seeds) if isinstance(seeds, int) else seeds
        key: dict[str, Any] = {
            "seeds": list(seeds),
            "model": plain(model),
            "task": plain(task),
            "train": plain(config),
            "split": plain(self.split),
            "loss": loss,
            "padding": padding,
            "context": context,
            "limit": limit,
            "start": start.key if start else None,
            "backend": jax.default_backend(),
            "jax": jax.__version__,
            "sets": [digest(batch.tokens, batch.prompt_len) for batch in sets],
            "labels": [digest(*rows) for rows in labels],
        }
        home = self.root / "models" / fingerprint(key)
        data = self._data(task, seeds, loss, padding, context, limit, sets, labels)
        if fresh := self._fresh(home):
            width = max(one.tokens.shape[1] for one in labels) if labels else context or task.max_len
            self._count(model, config.steps * config.batch * len(seeds) * width, backward=True)
        name = label or f"train {type(model).__name__.lower()}"
        with self.progress.stage(name, config.steps, seeds=len(seeds)) as stage:
            trained, seconds = self._stored(home, model, data, config, seeds, start, stage, key)
        self.seconds += seconds * fresh
        self.journal.trained(f"{name}: {described(task)}", trained.losses)
        return Runs(model, task, key, trained)

    def _stored(
        self,
        home: Path,
        model: Model,
        data: Data,
        config: TrainConfig,
        seeds: Sequence[int],
        start: Runs | None,
        stage: Stage,
        key: Mapping[str, Any],
    ) -> tuple[Trained, float]:
        if done := checkpoint.load(home / "final", expected(model, len(seeds), config.steps)):
            stage.skip()
            return Trained(*done), read_json(home / "key.json")["seconds"]
        began, spent = monotonic(), home / "spent.json"
        before = read_json(spent)["seconds"] if spent.exists() else 0.0
        init = start.trained.params if start else None
        if init is not None and model != start.model:
            init = learned_verifier.widened(
                init, jax.vmap(lambda seed: model.init(jax.random.key(seed)))(np.asarray(seeds))
            )
        try:
            trained = train(
                model, data, config, seeds=seeds, init=init, directory=home / "state", progress=stage.update
            )
        except KeyboardInterrupt:
            write_json(spent, {"seconds": before + monotonic() - began})
            raise
        seconds = before + monotonic() - began
        write_json(home / "key.json", {**key, "seconds": seconds})
        checkpoint.save(home / "final", config.steps, trained)
        checkpoint.drop(home / "state")
        spent.unlink(missing_ok=True)
        return trained, seconds

    def _data(
        self,
        task: Task,
        seeds: Sequence[int],
        loss: Loss,
        padding: Padding,
        context: int,
        limit: int,
        sets: Sequence[Batch],
        labels: Sequence[Examples],
    ) -> Data:
        since = task.shortest_prompt if loss == "completion" and padding != "group" else 0
        if sets or labels:
            sizes = tuple(len(one.tokens) for one in (sets or labels))
            if len(sizes) != len(seeds) or not all(sizes):
                raise UserError(f"sets of {list(sizes)} lines for {len(seeds)} seeds; each seed needs one of its own")
            rows = joined(labels) if labels else examples(join(list(sets)), loss, padding, context)
            judged = int(rows.weight.any(axis=0).argmax())  # sets need not be of this task
            return Finite(rows, tuple(seeds), sizes, min(since, judged))
        if limit:
            rng = {seed: stream("training set", seed) for seed in seeds}
            batch = join([self.split.distinct(task, one, limit, "train") for one in rng.values()])
            return Finite(examples(batch, loss, padding, context), tuple(rng), since=since)

        def draw(seed: int, step: int, n: int) -> Examples:
            lines = n if padding != "group" else -(-n * context // self._shortest(task)) + 1
            made = examples(train_chunk(task, self.split, seed, step, lines), loss, padding, context)
            return Examples(made.tokens[:n], made.weight[:n])

        return Stream(draw, since)

    def _shortest(self, task: Task) -> int:
        """Tokens of a short line, to know how many lines fill a block."""
        text = task.sample(np.random.default_rng(0), 512).text
        return max(1, int((text != 0).sum(axis=1).min()))

    def answer(
        self, runs: Runs, task: Task, n: int, *, temperature: float = 0.0, max_new: int = 0, label: str = ""
    ) -> Answers:
        """Let the models answer `n` different problems of the held-out part of `task`.

        They write at most `max_new` tokens; by default a few more than the longest gold completion has.
        """
        drawn = self.sample(runs, task, n, 1, temperature=temperature, max_new=max_new, label=label or "answer")
        return Answers(task, drawn.batch, drawn.completions[:, :, 0])

    def sample(
        self,
        runs: Runs,
        task: Task,
        n: int,
        samples: int,
        *,
        temperature: float = 1.0,
        max_new: int = 0,
        forced: Forcing | None = None,
        label: str = "",
    ) -> Samples:
        """As `answer`, but every problem is answered `samples` times: the pool that parallel strategies draw from.

        With `forced`, so much thinking is forced on the models.
        """
        return self._sample(runs, task, n, samples, temperature, max_new, label or "sample", forced=forced)[0]

    def bank(
        self,
        runs: Runs,
        task: Task,
        n: int,
        samples: int,
        *,
        temperature: float = 1.0,
        max_new: int = 0,
        label: str = "",
    ) -> tuple[Samples, Bank]:
        """As `sample`, with all that a policy may look at when it chooses among the answers."""
        drawn, logprob = self._sample(runs, task, n, samples, temperature, max_new, label or "bank", likely=True)
        return drawn, fill(drawn, logprob, self.size(runs.model))

    def held_out(self, task: Task, n: int, seeds: Sequence[int]) -> Batch:
        """`n` different problems of the held-out part for each of the seeds: those of the first, then of the second, ..."""
        streams = [stream("test problems", self.tests, seed) for seed in seeds]
        return join([self.split.distinct(task, rng, n, "test") for rng in streams])

    def _sample(
        self,
        runs: Runs,
        task: Task,
        n: int,
        samples: int,
        temperature: float,
        max_new: int,
        label: str,
        likely: bool = False,
        forced: Forcing | None = None,
    ) -> tuple[Samples, np.ndarray]:
        seeds = runs.key["seeds"]
        batch = self.held_out(task, n, seeds)
        room = max_new or int((batch.completions() != 0).sum(axis=1).max(initial=1)) + 4
        params, prompts = runs.trained.params, batch.prompts()
        prompts = prompts.reshape(len(seeds), n, *prompts.shape[1:])
        with self.progress.stage(label, n, "problems", len(seeds)) as stage:
            key = {"task": plain(task), "n": n, "max_new": max_new, "tests": self.tests, "likely": likely}
            drawn = self._write(
                runs, params, seeds, key, prompts, samples, temperature, room, stage, stage.update, forced=forced
            )
            samples_drawn = Samples(task, batch, drawn.completions)
            few = samples_drawn.of(slice(0, LOOKED_AT))
            few = few._replace(completions=few.completions[:, :, :1])
            stage.right(float(few.verify().answer.mean()))
        self.journal.told(runs.task, few, temperature)
        return samples_drawn, drawn.logprob

    def practise(
        self,
        runs: Runs,
        task: Task,
        n: int,
        round: int,
        *,
        samples: int = 1,
        temperature: float = 1.0,
        max_new: int = 0,
        label: str = "",
    ) -> list[Samples]:
        """Let each seed's model answer `n` problems of the training part of `task`, fresh ones in every round."""
        drawn, name = [], label or f"practise, round {round}"
        seeds = len(runs.key["seeds"])
        with self.progress.stage(name, n * seeds, "problems", seeds) as stage:
            for row, seed in enumerate(runs.key["seeds"]):
                batch = self.split.sample(task, stream("practice", seed, round), n, "train")
                key = {"task": plain(task), "n": n, "max_new": max_new, "practice": [seed, round]}
                one = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], runs.trained.params)
                room = max_new or batch.tokens.shape[1]
                before = row * n
                written = self._write(
                    runs,
                    one,
                    [seed],
                    key,
                    batch.prompts()[None],
                    samples,
                    temperature,
                    room,
                    stage,
                    lambda done, before=before: stage.update(before + done),
                    stream_id("practice", round),
                )
                drawn.append(Samples(task, batch, written.completions))
        return drawn

    def _write(
        self,
        runs: Runs,
        params: Params,
        seeds: Sequence[int],
        key: Mapping[str, Any],
        prompts: np.ndarray,
        samples: int,
        temperature: float,
        room: int,
        stage: Stage,
        told: Callable[[int], None],
        sampling_seed: int = 0,
        forced: Forcing | None = None,
    ) -> Drawn:
        """Completions of prompts (s, n, t, c), from the store if they are there; log-probabilities are kept where `key`
        says likely."""
        longest = min(room, runs.model.context - prompts.shape[2])
        key = {
            **key,
            "runs": runs.key,
            "samples": samples,
            "temperature": temperature,
            "split": plain(self.split),
            "forced": plain(forced) if forced else None,
        }
        path = self.root / "answers" / f"{fingerprint(key)}.npz"
        shape = (*prompts.shape[:2], samples, longest)
        if fresh := self._fresh(path):
            self._count(runs.model, shape[0] * shape[1] * (prompts.shape[2] + samples * longest))
        if (stored := store.load_drawn(path, shape)) is not None:
            stage.skip()
            self.seconds += stored[1] * fresh
            return stored[0]
        steered = {"steer": forced.marks, "dials": forced.dials} if forced else {}
        with self._parts(path) as parts:
            drawn = draw(
                runs.model,
                params,
                prompts,
                samples=samples,
                max_new=longest,
                temperature=temperature,
                seed=sampling_seed,
                seeds=seeds,
                progress=told,
                parts=parts,
                **steered,
            )
            if not key.get("likely"):
                drawn = drawn._replace(logprob=store.unknown(shape))
            seconds = parts.spent
            write_whole(path, lambda scratch: store.save_drawn(scratch, drawn, seconds))
        self.seconds += seconds
        return drawn

    def keep(
        self,
        model: Model,
        key: Mapping[str, Any],
        shape: tuple[int, ...],
        tokens: int,
        make: Make,
        label: str,
        pieces: int = 1,
    ) -> np.ndarray:
        """An array of that shape that so many tokens of the model make, in pieces, from the store if it is there."""
        path = self.root / "scores" / f"{fingerprint(key)}.npz"
        if fresh := self._fresh(path):
            self._count(model, tokens)
        with self.progress.stage(label, pieces, "pieces") as stage:
            if stored := store.load(path, shape):
                stage.skip()
                self.seconds += stored[1] * fresh
                return stored[0]
            with self._parts(path) as parts:
                made = make(parts, stage.update)
                store.save(path, made, seconds := parts.spent)
        self.seconds += seconds
        return made

    @staticmethod
    @contextmanager
    def _parts(path: Path) -> Iterator[store.Parts]:
        """Pieces of what goes to `path`: kept when it is interrupted, forgotten once it is there."""
        parts = store.Parts(path.with_suffix(".parts"))
        try:
            yield parts
        except KeyboardInterrupt:
            parts.save()
            raise
        parts.drop()

    def _fresh(self, place: Path) -> bool:
        """Whether a result is asked for the first time."""
        fresh = place not in self.known
        self.known.add(place)
        return fresh

    @staticmethod
    def size(model: Model) -> int:
        """Parameters, those of looped layers as often as they are passed."""
        return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes(model))) * getattr(model, "loops", 1)

    def _count(self, model: Model, tokens: int, backward: bool = False) -> None:
        self.tokens += tokens
        self.flops += (6.0 if backward else 2.0) * self.size(model) * tokens
