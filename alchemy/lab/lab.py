"""The lab an experiment works at: train models, let them answer, and never do the same twice.

Dimension letters: `s` seeds, `n` problems of each, `k` completions of a problem, `m` tokens of a completion, `t` tokens of a
prompt, `c` ids a position carries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import jax
import numpy as np

from alchemy.causal.continuing import continued
from alchemy.causal.edits import Kind
from alchemy.causal.interventions import Interventions, intervene
from alchemy.decoding.episodes import width_of, written
from alchemy.decoding.forcing import Forcing
from alchemy.decoding.generate import Drawn, draw
from alchemy.errors import UserError
from alchemy.lab import room
from alchemy.lab.journal import EXAMINED, Journal, described
from alchemy.lab.seed_rows import Make, Unmade, fetch, padded, rows_of
from alchemy.lab.store import Pieces, alone
from alchemy.lab.stored_models import KEY, is_finished, load_models, read_key
from alchemy.lab.training_data import Scored, training_data
from alchemy.lab.trainings import Looking, Plan, Wanted, Watch, keep, resumed
from alchemy.latent.reasoner import Reasoner
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples, Padding
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Part, Runs, Trained, fresh, size, train
from alchemy.practice.curriculum import Course, Curriculum
from alchemy.practice.grpo import GRPO, Log, Reinforced, World, reinforce, reward
from alchemy.practice.promotion import looking, train_promoted
from alchemy.problem.boards import BoardTask
from alchemy.problem.documents import Document, check_document
from alchemy.problem.retries import Retries, check_retries, widest
from alchemy.problem.split import Split, join
from alchemy.problem.streams import stream, stream_id
from alchemy.problem.task import PAD, Batch, Task
from alchemy.progress import Progress, Stage
from alchemy.record import digest, fingerprint, plain
from alchemy.testtime import learned_verifier
from alchemy.testtime.answers import Answers, Samples
from alchemy.testtime.bank import Bank, check_no_world, fill

STRETCH_SEEDS = 1_000_000
"""What is added to a seed for the problems of each further stretch of training: more seeds than any claim has."""
SPARE = 4
"""Tokens that models may write beyond the longest gold completion."""


@dataclass
class Lab:
    """Trains and decodes for experiments; what was done before is taken from `root`.

    Everything is kept seed by seed: of a result for ten seeds of which five are there, five are made.
    """

    root: Path
    progress: Progress
    split: Split = Split()
    first_seed: int = 0
    """Experiments that ask for so many seeds get those from this one on."""
    tests: int = 0
    """Another number draws other test problems: confirmatory runs are judged on problems that were never used."""
    tokens: int = 0
    """Tokens trained on and decoded so far, for everything asked for, stored or not."""
    flops: float = 0.0
    seconds: float = 0.0
    """Device and host time the results cost when they were made; each result counts once."""
    commits: set[str] = field(default_factory=set)
    """The trees that made the results asked for so far."""
    journal: Journal = field(default_factory=Journal)
    """Learning curves and some answers, for a reader to look into."""
    trainings: dict[tuple[str, ...], tuple[str, Runs]] = field(default_factory=dict, repr=False)
    """The models asked for so far that write, with the label of their training, by their names in the store."""
    puts_off: bool = False
    """Whether it raises `Wanted` for a training with models that are not there, rather than train them."""
    only_looks: bool = False
    """Whether it raises `Unmade` for answers that are not there, rather than let models write them."""
    _used: set[Path] = field(default_factory=set, repr=False)
    """Where the results asked for so far are kept."""

    def seeds(self, count: int) -> list[int]:
        """So many seeds of this lab; raises `UserError` unless there is at least one."""
        if count < 1:
            raise UserError(f"seeds must be at least 1, not {count}")
        return list(range(self.first_seed, self.first_seed + count))

    def train(
        self,
        model: Model,
        task: Task,
        config: TrainConfig,
        *,
        seeds: int | Sequence[int],
        loss: Scored = "completion",
        padding: Padding = "none",
        context: int = 0,
        limit: int = 0,
        sets: Sequence[Batch] = (),
        labels: Sequence[Examples] = (),
        start: Runs | None = None,
        stretch: int = 0,
        document: Document = "thought first",
        curriculum: Curriculum | None = None,
        retries: Retries | None = None,
        writes: bool = False,
        watch: Watch | None = None,
        label: str = "",
    ) -> Runs:
        """Models trained on the training part of `task`, one for each of `seeds`.

        Every step sees fresh problems; with `limit`, each seed has only so many, drawn for it once. With `sets` each
        seed has the lines of its own set instead, whoever wrote them; with `labels` examples of its own, whose targets may
        be verdicts: verifiers are trained (`alchemy.testtime.learned_verifier`). With the loss of boards, models read whole
        boards of a `BoardTask` (`alchemy.lab.reasoners`). With `start` training goes on from those models; another `stretch` of
        training sees other problems. `document` says where the thought stands in lines of the task, or what is there instead.
        Where `config.stop` ends a training sooner, the steps it took are counted. With a `curriculum` problems are of its levels,
        in its order; `notes` has when `promote` went on.
        With `retries` steps of lines of the task, and of `sets`, are tried twice (`alchemy.problem.retries`).
        Models of `labels` that write texts, not verdicts, say so with `writes`: whether they follow chains is measured, too.
        What `watch` measures while they are trained is kept with them, and goes into the journal.
        """
        retries = retries if retries and retries.rate else None
        planned = self.plan(
            model,
            task,
            config,
            seeds=seeds,
            loss=loss,
            padding=padding,
            context=context,
            limit=limit,
            sets=sets,
            labels=labels,
            start=start,
            stretch=stretch,
            document=document,
            curriculum=curriculum,
            retries=retries,
        )
        course = Course(curriculum, config.steps) if curriculum and curriculum.levels else None
        if config.stop.below and (watch or (course and course.curriculum.order not in ("mix", "last"))):
            beside = "what is watched" if watch or not course else f"a curriculum in order {course.curriculum.order!r}"
            raise UserError(
                f"train.stop.below {config.stop.below:g} cannot be used with {beside}, which goes by all steps"
            )
        model, seeds, key, homes = planned.model, planned.seeds, planned.key, planned.homes
        names = tuple(home.name for home in homes)
        width = max((rows.tokens.shape[1] for rows in labels), default=planned.tokens)
        fresh = [self._first_use(home) for home in homes]
        stage_name = label or f"train {type(model).__name__.lower()}"

        def part(missing: list[int]) -> Part:
            chosen = [seeds[i] + stretch * STRETCH_SEEDS for i in missing]
            picked_sets, picked_labels = ([group[i] for i in missing] if group else () for group in (sets, labels))
            data = training_data(
                task,
                self.split,
                chosen,
                loss,
                padding,
                context,
                limit=limit,
                sets=picked_sets,
                labels=picked_labels,
                document=document,
                course=course,
                retries=retries,
            )
            init = _initial(model, chosen, start, missing) if start else None
            return Part(data, config, chosen, init)

        if self.puts_off and planned.missing and not (course and course.curriculum.order == "promote"):
            raise Wanted(planned, width, part)
        with self._alone(homes, stage_name):
            missing = planned.missing
            with self.progress.stage(stage_name, config.steps, seeds=len(missing) or len(seeds)) as stage:
                if missing:
                    (trained, notes), seconds = self._train(
                        model, part(missing), [names[i] for i in missing], stage, task, course, watch
                    )
                    keep(planned, missing, trained, config, seconds / len(missing), notes)
                else:
                    stage.skip()
                trained = load_models(homes, model, config.steps)
        steps = int(trained.steps()[np.array(fresh)].sum())
        self._count(model, steps * config.batch * width, backward=True)
        made = [read_key(home / KEY) for home in homes]
        self.commits.update(model["commit"] for model in made)
        self.seconds += sum(model["seconds"] for model, first in zip(made, fresh, strict=True) if first)
        self.journal.add_training(f"{stage_name}: {described(task)}", trained.losses)
        seen = [model.get("notes", {}).get("watched") for model in made]
        if watch and all(seen):  # those that are trained together are not watched
            self.journal.add_watched(f"{stage_name}: {described(task)}", watch.names, seen)
        runs = Runs(model, task, key, tuple(seeds), names, trained)
        if writes or (not labels and loss != "board"):
            self.trainings.setdefault(names, (stage_name, runs))
        return runs

    def reinforce(self, runs: Runs, how: GRPO, task: Task | None = None, *, label: str = "") -> Runs:
        """The models after reinforcement learning on the exact oracle, with fresh training problems of `task` at every step.

        By default these are of the trained task; where it has an environment, models play episodes. `log` has what was seen on the
        way.
        """
        task = task or runs.task
        planned = self.plan(runs.model, task, how.train, seeds=runs.seeds, start=runs, reinforcement=how)
        homes, names = planned.homes, tuple(home.name for home in planned.homes)
        stage_name = label or "reinforce"
        with self._alone(homes, stage_name):
            missing = planned.missing
            with self.progress.stage(stage_name, how.steps, seeds=len(missing) or len(homes)) as stage:
                if missing:
                    made, seconds = resumed(
                        self.root,
                        [names[i] for i in missing],
                        lambda state: self._reinforced(runs, how, task, missing, state, stage),
                    )
                    columns = made.log._asdict().items()
                    notes = [{name: rows[row].tolist() for name, rows in columns} for row in range(len(missing))]
                    keep(planned, missing, made.trained, how.train, seconds / len(missing), notes)
                else:
                    stage.skip()
                trained = load_models(homes, planned.model, how.train.steps)
        keys = [read_key(home / KEY) for home in homes]
        reinforced = Runs(planned.model, task, planned.key, runs.seeds, names, trained)
        log, learned = self.log(reinforced), how.train.steps * how.train.batch * task.max_len
        for row, home in enumerate(homes):
            if self._first_use(home):
                self.seconds += keys[row]["seconds"]
                self._count(planned.model, int(log.read[row].sum() + log.written[row].sum()))
                self._count(planned.model, learned, backward=True)
        self.commits.update(key["commit"] for key in keys)
        self.journal.add_training(f"{stage_name}, rewards: {described(task)}", log.reward)
        self.trainings.setdefault(names, (stage_name, reinforced))
        return reinforced

    def _reinforced(self, runs: Runs, how: GRPO, task: Task, rows: list[int], state: Path, stage: Stage) -> Reinforced:
        """The models at these places after reinforcement."""

        def ask(seed: int, step: int) -> Batch:
            return self.split.sample(task, stream("reinforcement", seed, step), how.problems, "train")

        return reinforce(
            runs.model,
            rows_of(runs.trained.params, rows),
            how,
            seeds=[runs.seeds[row] for row in rows],
            ask=ask,
            rewarded=reward(task, how.reward),
            room=how.max_new or task.max_len - task.shortest_prompt,
            world=cast(World, task) if hasattr(task, "environment") else None,
            shortest=task.shortest_prompt,
            directory=state,
            progress=partial(stage.update, called="reward"),
        )

    def log(self, runs: Runs) -> Log:
        """What `reinforce` saw at each step: arrays (s, steps)."""
        notes = self.notes(runs)
        return Log(*(np.array([note[name] for note in notes], np.float32) for name in Log._fields))

    def plan(
        self,
        model: Model,
        task: Task,
        config: TrainConfig,
        *,
        seeds: int | Sequence[int],
        loss: Scored = "completion",
        padding: Padding = "none",
        context: int = 0,
        limit: int = 0,
        sets: Sequence[Batch] = (),
        labels: Sequence[Examples] = (),
        start: Runs | None = None,
        stretch: int = 0,
        document: Document = "thought first",
        curriculum: Curriculum | None = None,
        retries: Retries | None = None,
        reinforcement: GRPO | None = None,
    ) -> Plan:
        """What `train` would make with the same arguments, and where it would be kept; nothing is made.

        Raises `UserError` if it would not fit into memory.
        """
        levels = curriculum.tasks(task) if curriculum else []
        if levels and (limit or sets or labels or context or padding != "none" or loss == "board"):
            raise UserError(
                "a curriculum has fresh lines of its levels at every step: no limit, sets, labels, padding or boards"
            )
        retries = retries if retries and retries.rate else None
        if retries and (levels or labels or document != "thought first" or loss == "board"):
            raise UserError(
                "retries are of chains as a task writes them: no curriculum, labels, other documents or boards"
            )
        longest = widest(task) if retries else max(level.max_len for level in levels or [task])
        vocabulary, tokens = (
            len(task.vocabulary) + (learned_verifier.VERDICTS if labels else 0),
            context or longest,
        )
        if loss == "board":
            boards = cast(BoardTask, task)
            vocabulary, tokens = boards.board_vocabulary, boards.cells
        model = replace(model, vocabulary=vocabulary)
        room.check(model, config, seeds if isinstance(seeds, int) else len(seeds), tokens)
        seeds = self.seeds(seeds) if isinstance(seeds, int) else list(seeds)
        if (sets or labels) and len(sets or labels) != len(seeds):
            raise UserError(
                f"{len(sets or labels)} training sets for {len(seeds)} seeds; each seed needs one of its own"
            )
        check_document(document, task)
        if (sets or labels) and document != "thought first":
            raise UserError(f"document {document!r} is of lines that a task writes; sets are trained on as they are")
        key = {
            "model": plain(model),
            "task": plain(task),
            "train": plain(config),
            "split": plain(self.split),
            "loss": loss,
            "padding": padding,
            "context": context,
            "limit": limit,
            "verifier": bool(labels),
            "own sets": bool(sets),
            "start": start.key if start else None,
            "stretch": stretch,
            "backend": jax.default_backend(),
            "jax": jax.__version__,
        }
        if loss == "board":
            key["taught"] = list(cast(Reasoner, model).taught)
        if document != "thought first":  # left out otherwise: what was trained before there were others keeps its name
            key["document"] = document
        if retries:
            check_retries(task)
            key["retries"] = plain(retries)
        if levels:
            key["curriculum"] = plain(curriculum)
        if reinforcement:
            key["reinforcement"] = plain(reinforcement)
        own = [
            {
                "seed": seed,
                "start name": start.names[i] if start else None,
                "set": _digest(sets[i]) if sets else None,
                "labels": digest(*(array for array in labels[i] if array is not None)) if labels else None,
            }
            for i, seed in enumerate(seeds)
        ]
        names = [fingerprint({**key, **one_seed}) for one_seed in own]
        return Plan(model, seeds, tokens, key, own, [self.root / "models" / fingerprint(key) / name for name in names])

    def _alone(self, homes: Sequence[Path], stage: str) -> AbstractContextManager[None]:
        """Hold the lock of one training's models, unless all of them are there."""
        if all(map(is_finished, homes)):
            return nullcontext()
        return alone(homes[0].parent, lambda text: self.progress.say(f"{stage}: {text}"))

    def _train(
        self,
        model: Model,
        part: Part,
        names: Sequence[str],
        stage: Stage,
        task: Task,
        course: Course | None,
        watch: Watch | None,
    ) -> tuple[tuple[Trained, list[dict[str, Any]]], float]:
        """Train, resuming what an interrupted run left; returns the models, what there is to note of each, and the seconds of
        all runs together."""
        data, config, seeds, init = part

        def work(state: Path) -> tuple[Trained, list[dict[str, Any]]]:
            kept: dict[str, Any] = {"directory": state, "progress": stage.update}
            if course is None or course.curriculum.order != "promote":
                look = watch and Looking(watch, seeds, config.steps, state)
                trained = train(model, data, config, seeds=seeds, init=init, look=look, **kept)
                return trained, look.notes if look else []
            look_at_levels = looking(model, course.curriculum, task, self.split, seeds)
            trained, levels = train_promoted(model, part, course, look_at_levels, **kept)
            return trained, [{"levels": row.tolist()} for row in levels]

        return resumed(self.root, names, work)

    def notes(self, runs: Runs) -> list[dict[str, Any]]:
        """What a training noted of each seed's model: under `promote` the level in each stretch of steps."""
        home = self.root / "models" / fingerprint(dict(runs.key))
        return [read_key(home / name / KEY).get("notes", {}) for name in runs.names]

    def answer(
        self, runs: Runs, task: Task, n: int, *, temperature: float = 0.0, max_new: int = 0, label: str = ""
    ) -> Answers:
        """Let the models answer `n` different problems each of the held-out part of `task`.

        They write at most `max_new` tokens; by default a few more than the longest gold completion has. Where the task has an environment,
        they play whole episodes with it.
        """
        samples = self.sample(runs, task, n, 1, temperature=temperature, max_new=max_new, label=label or "answer")
        return Answers(task, samples.batch, samples.completions[:, :, 0])

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
        """As `sample`, with all that a policy may look at when it chooses among the answers. Raises `UserError` for a world."""
        check_no_world(task)
        pool, logprob = self._sample(runs, task, n, samples, temperature, max_new, label or "bank", keep_logprob=True)
        return pool, fill(pool, logprob, size(runs.model))

    def intervene(
        self,
        runs: Runs,
        task: Task,
        n: int,
        kind: Kind = "state",
        *,
        chain: Literal["gold", "own"] = "gold",
        steps: Sequence[int] = (),
        label: str = "",
    ) -> Interventions:
        """Edit steps of chains to `n` held-out problems of `task` each, and let the models go on: is the trace used?

        The problems are those of `answer`; their chains are the gold ones, or those that each model writes itself. Every step
        is edited, or those of `steps`, counted from 0. `answer.rates` of what is returned are the shares that follow the edit,
        ignore it or do neither, float (s,). Raises `UserError` where the task has no steps, or no such edit.
        """
        batch, seeds = self.held_out(task, n, runs.seeds), len(runs.seeds)
        own = self.answer(runs, task, n).completions if chain == "own" else None
        chains = batch.completions().reshape(seeds, n, -1) if own is None else own
        rngs = [stream(f"{kind} of a step", self.tests, seed) for seed in runs.seeds]
        most = _room(runs, task, batch)
        key = {"task": plain(task), "n": n, "tests": self.tests, "chain": chain, "steps": [*steps]}

        def write(edit: Kind, texts: Sequence[np.ndarray]) -> list[np.ndarray]:
            def write_group(group: list[int], joint: np.ndarray) -> np.ndarray:
                group_key = {**key, "edit": edit, "group": group}
                return self._write(runs, group_key, joint, 1, 0.0, most, stage).completions[:, :, 0]

            return continued(texts, most, runs.model.context, write_group)

        with self.progress.stage(label or f"edit: {kind}", n, "problems", seeds) as stage:
            return intervene(task, batch, chains, kind, rngs, write, steps)

    def held_out(self, task: Task, n: int, seeds: Sequence[int]) -> Batch:
        """`n` different problems of the held-out part for each of the seeds: those of the first, then of the second, ..."""
        return join([self.split.distinct(task, rng, n, "test") for rng in self._test_streams(seeds)])

    def has_held_out(self, task: Task, n: int, seeds: Sequence[int]) -> bool:
        """Whether so many problems are held out that `held_out` can give each of the seeds `n` of them."""
        return all(self.split.has(task, rng, n, "test") for rng in self._test_streams(seeds))

    def _test_streams(self, seeds: Sequence[int]) -> list[np.random.Generator]:
        return [stream("test problems", self.tests, seed) for seed in seeds]

    def _sample(
        self,
        runs: Runs,
        task: Task,
        n: int,
        samples: int,
        temperature: float,
        max_new: int,
        label: str,
        keep_logprob: bool = False,
        forced: Forcing | None = None,
    ) -> tuple[Samples, np.ndarray]:
        batch = self.held_out(task, n, runs.seeds)
        prompts = batch.prompts()
        prompts = prompts.reshape(len(runs.seeds), n, *prompts.shape[1:])
        room = max_new or _room(runs, task, batch)
        key = {"task": plain(task), "n": n, "max_new": max_new, "tests": self.tests, "logprob": keep_logprob}
        with self.progress.stage(label, n, "problems", len(runs.seeds)) as stage:
            if hasattr(task, "environment") and forced is None:
                texts = self._played(runs, key, task, batch, prompts, samples, temperature, stage)
                drawn = Drawn(texts, np.full(texts.shape[:3], np.nan, np.float32))
            else:
                drawn = self._write(runs, key, prompts, samples, temperature, room, stage, forced=forced)
            pool = Samples(task, batch, drawn.completions)
            few = pool.of(slice(0, EXAMINED))
            few = few._replace(completions=few.completions[:, :, :1])
            stage.show_accuracy(float(few.verify().answer.mean()))
        self.journal.add_test(runs.task, few, temperature)
        return pool, drawn.logprob

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
        together: int = 1,
        label: str = "",
    ) -> list[Samples]:
        """Let each seed's model answer `n` problems of the training part of `task`, fresh ones in every round.

        So many seeds in a row as are `together` are given the same problems, those of the first of them.
        """
        askers = [runs.seeds[place - place % together] for place in range(len(runs.seeds))]
        streams = [stream("practice", seed, round) for seed in askers]
        batches = [self.split.sample(task, rng, n, "train") for rng in streams]
        whole = join(batches)
        prompts = whole.prompts()
        prompts = prompts.reshape(len(runs.seeds), n, *prompts.shape[1:])
        room = max_new or whole.tokens.shape[1]
        key = {"task": plain(task), "n": n, "max_new": max_new, "practice": round}
        if together > 1:
            key["together"] = [together, *askers]
        with self.progress.stage(label or f"practise, round {round}", n, "problems", len(runs.seeds)) as stage:
            how: dict[str, Any] = dict(sampling_seed=stream_id("practice", round))
            if hasattr(task, "environment"):
                completions = self._played(runs, key, task, whole, prompts, samples, temperature, stage, **how)
            else:
                completions = self._write(runs, key, prompts, samples, temperature, room, stage, **how).completions
        return [Samples(task, batch, completions[i : i + 1]) for i, batch in enumerate(batches)]

    def _played(
        self,
        runs: Runs,
        key: Mapping[str, Any],
        task: Task,
        batch: Batch,
        prompts: np.ndarray,
        samples: int,
        temperature: float,
        stage: Stage,
        sampling_seed: int = 0,
    ) -> np.ndarray:
        """Texts of episodes from prompts (s, n, t, c), int32 (s, n, k, m), from the store if they are there."""
        world, (s, n) = cast(World, task), prompts.shape[:2]
        episodes = {
            name: array.reshape(s, n, *array.shape[1:]) for name, array in world.episodes(batch.problem).items()
        }
        budget, turns = batch.problem["budget"].astype(int).reshape(s, n), max(1, *world.budgets)
        width = turns * width_of(world.environment) + 3
        key = {**key, "samples": samples, "temperature": temperature, "split": plain(self.split), "episodes": turns}
        names = [
            fingerprint({**key, "model": name, "seed": seed}) for name, seed in zip(runs.names, runs.seeds, strict=True)
        ]

        def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
            made = written(
                runs.model,
                rows_of(runs.trained.params, rows),
                prompts[rows],
                world.environment,
                {name: array[rows] for name, array in episodes.items()},
                budget[rows],
                turns=turns,
                samples=samples,
                temperature=temperature,
                seed=sampling_seed,
                seeds=[runs.seeds[row] for row in rows],
            )
            return {"completions": made.astype(np.int16)}

        shapes: dict[str, tuple[int | None, ...]] = {"completions": (1, n, samples, width)}
        tokens = n * (prompts.shape[2] + samples * width)
        arrays = self.keep_all("answers", names, shapes, runs.model, tokens, make, stage)
        return np.concatenate(arrays["completions"]).astype(np.int32)

    def _write(
        self,
        runs: Runs,
        key: Mapping[str, Any],
        prompts: np.ndarray,
        samples: int,
        temperature: float,
        room: int,
        stage: Stage,
        sampling_seed: int = 0,
        forced: Forcing | None = None,
    ) -> Drawn:
        """Completions of prompts (s, n, t, c), from the store if they are there.

        Log-probabilities are kept where `key` says so, and missing numbers elsewhere.
        """
        longest = min(room, runs.model.context - prompts.shape[2])
        steering = {"steer": forced.marks, "dials": forced.dials} if forced else {}
        key = {
            **key,
            "samples": samples,
            "temperature": temperature,
            "split": plain(self.split),
            "forced": plain(forced) if forced else None,
        }
        names = [
            fingerprint({**key, "model": name, "seed": seed}) for name, seed in zip(runs.names, runs.seeds, strict=True)
        ]
        n, shape = prompts.shape[1], (prompts.shape[1], samples)
        shapes_kept: dict[str, tuple[int | None, ...]] = {"completions": (1, *shape, None)}
        if key.get("logprob"):
            shapes_kept["logprob"] = (1, *shape)

        def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
            drawn = draw(
                runs.model,
                rows_of(runs.trained.params, rows),
                prompts[rows],
                samples=samples,
                max_new=longest,
                temperature=temperature,
                seed=sampling_seed,
                seeds=[runs.seeds[row] for row in rows],
                progress=progress,
                pieces=pieces,
                **steering,
            )
            arrays = {"completions": drawn.completions.astype(np.int16), "logprob": drawn.logprob}
            return {name: arrays[name] for name in shapes_kept}

        tokens = n * (prompts.shape[2] + samples * longest)
        arrays = self.keep_all("answers", names, shapes_kept, runs.model, tokens, make, stage)
        completions = padded(arrays["completions"])
        unknown = np.full(completions.shape[:3], np.nan, np.float32)
        logprob = np.concatenate(arrays["logprob"]) if "logprob" in arrays else unknown
        return Drawn(completions.astype(np.int32), logprob)

    def keep(
        self,
        kind: str,
        model: Model,
        names: Sequence[str],
        shape: tuple[int, ...],
        tokens: int,
        make: Make,
        label: str,
        pieces: int = 1,
    ) -> np.ndarray:
        """An array (s, *shape) called `kind` that `make` makes, seed by seed from the store where it is there.

        `names` are hashes of everything that each seed's part depends on, `tokens` what the model reads and writes for it.
        """
        with self.progress.stage(label, pieces, "pieces") as stage:
            arrays = self.keep_all("scores", names, {kind: (1, *shape)}, model, tokens, make, stage)
        return np.concatenate(arrays[kind])

    def keep_all(
        self,
        folder: str,
        names: Sequence[str],
        shapes: Mapping[str, tuple[int | None, ...]],
        model: Model,
        tokens: int,
        make: Make,
        stage: Stage,
    ) -> dict[str, list[np.ndarray]]:
        """For each array its rows, one a seed: those that are stored in a folder, and the others made together by `make`.

        `names` are hashes of everything that each seed's part depends on, `tokens` what the model reads and writes for it.
        """
        paths = [self.root / folder / f"{name}.npz" for name in names]
        if self.only_looks and (missing := sum(not path.exists() for path in paths)):
            raise Unmade(model, paths, missing, tokens, [*shapes])
        fresh = [self._first_use(path) for path in paths]
        self._count(model, tokens * sum(fresh))
        results = fetch(paths, shapes, make, stage)
        self.commits.update(result.commit for result in results)
        self.seconds += sum(result.seconds for result, first in zip(results, fresh, strict=True) if first)
        return {name: [result.arrays[name] for result in results] for name in shapes}

    def _first_use(self, place: Path) -> bool:
        """Whether a result is asked for the first time; each counts once."""
        first = place not in self._used
        self._used.add(place)
        return first

    def _count(self, model: Model, tokens: int, backward: bool = False) -> None:
        self.tokens += tokens
        self.flops += (6.0 if backward else 2.0) * size(model) * tokens


def _digest(lines: Batch) -> str:
    """A hash of all of lines that training goes by: what is told in them is not learned."""
    return digest(lines.tokens, lines.prompt_len, *([] if lines.told is None else [lines.told]))


def _initial(model: Model, seeds: Sequence[int], start: Runs, rows: list[int]) -> Params:
    """Weights to go on from, widened where the model has more of something than those it starts from."""
    params = rows_of(start.trained.params, rows)
    if model == start.model:
        return params
    return learned_verifier.widened(params, fresh(model, seeds))


def _room(runs: Runs, task: Task, batch: Batch) -> int:
    """Tokens that models may write by default: a few more than the longest gold completion has, or that with every step tried
    twice where they learned to.
    """
    return (widest(task) - task.shortest_prompt if "retries" in runs.key else _longest(batch)) + SPARE


def _longest(batch: Batch) -> int:
    """Tokens of the longest gold completion."""
    return int((batch.completions() != PAD).sum(axis=1).max(initial=1))
