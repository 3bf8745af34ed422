"""The bench an experiment works at: train models, let them answer, and never do the same twice."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import jax
import numpy as np

from alchemy import checkpoint, floor
from alchemy.data import Data, Examples, Finite, Loss, Padding, Stream, examples
from alchemy.decode import generate_many
from alchemy.errors import UserError
from alchemy.measure import Interval, resampled, two_level
from alchemy.metrics import BleuCounts, TextScores, corpus_bleu_from_counts, score_text
from alchemy.model import Model, Params
from alchemy.progress import Progress
from alchemy.record import fingerprint, plain, read_json, write_json, write_whole
from alchemy.split import Split, join, train_chunk
from alchemy.task import Batch, Judgement, Task
from alchemy.train import TrainConfig, Trained, train

TEST_SEED = 10_007
"""Test problems are drawn from a stream of their own, the same for every experiment that asks for as many."""


@dataclass(frozen=True)
class Runs:
    """Models of several seeds that were trained alike."""

    model: Model
    task: Task
    key: Mapping[str, Any] = field(repr=False)
    trained: Trained = field(repr=False)


@dataclass(frozen=True)
class Answers:
    """What `s` models said to the same `n` problems, and how right it is."""

    task: Task
    batch: Batch
    completions: np.ndarray  # int32 (s, n, m)

    @property
    def seeds(self) -> int:
        return len(self.completions)

    @cached_property
    def judgement(self) -> Judgement:
        """The oracle's verdicts, each array (s, n)."""
        each = [self.task.verify(self.batch, one) for one in self.completions]
        return Judgement(*(np.stack(arrays) for arrays in zip(*each, strict=True)))

    @cached_property
    def texts(self) -> tuple[list[str], list[str]]:
        """Predicted and gold outputs of all s x n rows."""
        predicted = self.task.vocabulary.decode_all(self.completions.reshape(-1, self.completions.shape[2]))
        return predicted, self.task.vocabulary.decode_all(self.batch.completions()) * self.seeds

    @cached_property
    def scores(self) -> dict[str, TextScores]:
        """Text metrics by part, each array (s * n,)."""
        return score_text(*self.texts)

    def values(self, metric: str, part: str = "full") -> np.ndarray:
        """A score of every answer, float (s, n).

        `exact_match`, `edit_distance` and `bleu` compare the text of one part; `answer` and `trace` are the oracle's
        verdicts, `unfaithful` is a right answer after a wrong trace.
        """
        judged = self.judgement
        if metric in ("answer", "trace"):
            return np.asarray(getattr(judged, metric), float)
        if metric == "unfaithful":
            return np.asarray(judged.answer & ~judged.trace, float)
        return np.asarray(getattr(self.scores[part], metric), float).reshape(self.seeds, -1)

    def interval(self, metric: str, part: str = "full") -> Interval:
        """The mean of `values`, with its two-level interval."""
        return two_level(self.values(metric, part), 0)

    def floors(self, trained: Task | None = None) -> dict[str, dict[str, float]]:
        """What no understanding scores here: mean exact match and edit distance of each part, by predictor.

        `replay` is there where `trained` has a single rule to replay.
        """
        guesses = {
            "chance": floor.chance(self.task, self.batch, np.random.default_rng(0)),
            "copy": floor.copy(self.task, self.batch),
        }
        if trained is not None and len(trained.compositions) == 1:
            guesses["replay"] = floor.replay(trained, self.batch)
        scored = {name: Answers(self.task, self.batch, guess[None]).scores for name, guess in guesses.items()}
        return {
            name: {
                **{f"exact {part}": float(score.exact_match.mean()) for part, score in parts.items()},
                **{f"distance {part}": float(score.edit_distance.mean()) for part, score in parts.items()},
            }
            for name, parts in scored.items()
        }

    def corpus_bleu(self, part: str = "full") -> Interval:
        """The paper's corpus BLEU, resampled over seeds, then over problems that the seeds share."""
        counts, n = self.scores[part].counts, len(self.batch.tokens)
        problems, seeds = resampled(0, self.seeds, n)
        by_seed = BleuCounts(*(np.einsum("rn,snk->rsk", problems, one.reshape(self.seeds, n, -1)) for one in counts))
        drawn = corpus_bleu_from_counts(BleuCounts(*(one * seeds[..., None] for one in by_seed)))
        mean = float(corpus_bleu_from_counts(counts))
        low, high = np.quantile(drawn, [0.025, 0.975])
        return Interval(mean, min(mean, float(low)), max(mean, float(high)), n, self.seeds)


class Samples(NamedTuple):
    """What `s` models said to the same `n` problems, `k` times each."""

    task: Task
    batch: Batch
    completions: np.ndarray  # int32 (s, n, k, m)


@dataclass
class Lab:
    """Trains and decodes for experiments; what was done before is taken from `root`."""

    root: Path
    progress: Progress
    split: Split = Split()
    tokens: int = 0
    """Tokens trained on and decoded so far, for everything asked for, stored or not."""
    flops: float = 0.0
    seconds: float = 0.0
    """Device and host time the results cost when they were made."""

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
        start: Runs | None = None,
        label: str = "",
    ) -> Runs:
        """Models trained on the training part of `task`.

        Every step sees fresh problems; with `limit`, each seed has only so many, drawn for it once. With `start`
        training goes on from those models.
        """
        model = replace(model, vocabulary=len(task.vocabulary))
        seeds = range(seeds) if isinstance(seeds, int) else seeds
        key: dict[str, Any] = {
            "seeds": list(seeds), "model": plain(model), "task": plain(task), "train": plain(config), "split": plain(self.split),
            "loss": loss, "padding": padding, "context": context, "limit": limit, "start": start.key if start else None,
            "backend": jax.default_backend(), "jax": jax.__version__,
        }  # fmt: skip
        home = self.root / "models" / fingerprint(key)
        data = self._data(task, seeds, loss, padding, context, limit)
        self._count(model, config.steps * config.batch * len(seeds) * (context or task.max_len), backward=True)
        name = label or f"train {type(model).__name__.lower()}"
        with self.progress.stage(name, config.steps) as stage:
            trained = self._stored(home, model, data, config, seeds, start, stage, key)
        return Runs(model, task, key, trained)

    def _stored(self, home: Path, model: Model, data: Data, config: TrainConfig, seeds: Sequence[int],
                start: Runs | None, stage: Any, key: Mapping[str, Any]) -> Trained:  # fmt: skip
        shapes = jax.eval_shape(jax.vmap(lambda seed: model.init(jax.random.key(seed))), np.arange(len(seeds)))
        like = Trained(shapes, np.zeros((len(seeds), config.steps), np.float32))
        if done := checkpoint.load(home / "final", like):
            stage.skip()
            self.seconds += read_json(home / "key.json")["seconds"]
            return Trained(*done)
        began = monotonic()
        init = start.trained.params if start else None
        trained = train(model, data, config, seeds=seeds, init=init, directory=home / "state", progress=stage.update)
        seconds = monotonic() - began
        write_json(home / "key.json", {**key, "seconds": seconds})
        checkpoint.save(home / "final", config.steps, trained)
        checkpoint.drop(home / "state")
        self.seconds += seconds
        return trained

    def _data(self, task: Task, seeds: Sequence[int], loss: Loss, padding: Padding, context: int, limit: int) -> Data:
        if limit:
            rng = {seed: np.random.default_rng([seed, 1]) for seed in seeds}
            batch = join([self.split.distinct(task, one, limit, "train") for one in rng.values()])
            return Finite(examples(batch, loss, padding, context), tuple(rng))

        def draw(seed: int, step: int, n: int) -> Examples:
            lines = n if padding != "group" else -(-n * context // self._shortest(task)) + 1
            made = examples(train_chunk(task, self.split, seed, step, lines), loss, padding, context)
            return Examples(made.tokens[:n], made.weight[:n])

        return Stream(draw)

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
        self, runs: Runs, task: Task, n: int, samples: int, *, temperature: float = 1.0, max_new: int = 0, label: str = ""
    ) -> Samples:
        """As `answer`, but every problem is answered `samples` times: the pool that parallel strategies draw from."""
        batch = self.split.distinct(task, np.random.default_rng([TEST_SEED, n]), n, "test")
        prompts = batch.prompts()
        longest = max_new or int((batch.completions() != 0).sum(axis=1).max(initial=1)) + 4
        longest = min(longest, runs.model.context - prompts.shape[1])
        key = {
            "runs": runs.key, "task": plain(task), "n": n, "samples": samples, "temperature": temperature,
            "max_new": max_new, "split": plain(self.split),
        }  # fmt: skip
        path = self.root / "answers" / f"{fingerprint(key)}.npz"
        shape = (len(runs.trained.losses), n, samples, longest)
        self._count(runs.model, n * shape[0] * (prompts.shape[1] + samples * longest))
        with self.progress.stage(label or "sample", 1) as stage:
            stored = _load_answers(path, shape)
            if stored is not None:
                stage.skip()
                completions, seconds = stored
            else:
                began = monotonic()
                completions = generate_many(
                    runs.model, runs.trained.params, prompts, samples=samples, max_new=longest, temperature=temperature
                )
                seconds = monotonic() - began
                write_whole(path, lambda scratch: _save_answers(scratch, completions, seconds))
            self.seconds += seconds
        return Samples(task, batch, completions)

    def _count(self, model: Model, tokens: int, backward: bool = False) -> None:
        size = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(_shapes(model)))
        self.tokens += tokens
        self.flops += (6.0 if backward else 2.0) * size * tokens


def _shapes(model: Model) -> Params:
    return jax.eval_shape(lambda: model.init(jax.random.key(0)))


def _save_answers(path: Path, completions: np.ndarray, seconds: float) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, completions=completions.astype(np.int16), seconds=seconds)


def _load_answers(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, float] | None:
    if not path.exists():
        return None
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            completions, seconds = file["completions"].astype(np.int32), float(file["seconds"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as fault:
        raise UserError(f"answers {path} are damaged ({type(fault).__name__}); remove that file") from fault
    if completions.shape != shape:
        raise UserError(f"answers {path} have shape {completions.shape}, not {shape}; remove that file")
    return completions, seconds
