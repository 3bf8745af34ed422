"""Group relative policy optimisation (arXiv:2402.03300) on an exact reward, for models of many seeds at once.

A step: each model writes several texts to each of some problems, the oracle rewards them, a text's advantage is how far its
reward is above the mean of its problem's texts, and the model learns to write what had an advantage.

Dimension letters: `s` seeds, `n` problems of a step, `g` texts of a problem, `m` tokens of a completion, `t` of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal, NamedTuple, Protocol, get_args

import numpy as np

from alchemy.decoding.episodes import Environment, heard, written
from alchemy.decoding.generate import draw
from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError, nearest
from alchemy.learning.config import Optimizer, TrainConfig
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Session, Trained, check_finite, interrupts_held, mesh_of, on_host, size
from alchemy.practice.filters import behind
from alchemy.practice.policy import Policy, Written, scorer
from alchemy.problem.split import hash_rows, join, splitmix64
from alchemy.problem.streams import stream_id
from alchemy.problem.task import PAD, Batch, Field, Problem, Task

Reward = Literal["answer", "chain", "both", "length", "random"]
"""1 for a right answer; for one behind a valid chain; or 1 for that and .5 for a right answer alone. Two know no answer, and are
controls (arXiv:2506.10947): how long a well-formed text is, right or wrong, as a share of the longest that it could be; and 1
for every other text, whatever it says."""
Ask = Callable[[int, int], Batch]
"""The problems of a seed's step: a pure function of both."""
Rewarded = Callable[[Batch, np.ndarray], np.ndarray]
"""Rewards float (rows,) of completions int32 (rows, m), each beside its problem."""


class World(Protocol):
    """A task whose texts an environment takes part in, in turns."""

    @property
    def budgets(self) -> tuple[int, ...]:
        """Numbers of turns that problems allow; each problem has one of them as its `budget`."""

    @property
    def environment(self) -> Environment: ...

    def episodes(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """What the environment has to know of problems: arrays (n, ...)."""


EPSILON = 1e-4
"""Beside the spread of rewards, by which advantages are divided: a group that agrees has none."""


@dataclass(frozen=True)
class GRPO:
    """How models learn from the rewards of what they write."""

    steps: int = 200
    """Times that models write; each is learned from at once."""
    problems: int = 32
    """Of a step, for each seed."""
    group: int = 8
    """Texts of each problem, which are compared with one another."""
    reward: Reward = "chain"
    """What earns 1: a right answer, one behind a valid chain, both in halves; length; or chance."""
    updates: int = 1
    """Optimizer's steps on what was written at a time: with 1 all are on policy."""
    temperature: float = 1.0
    """At which texts are written, and whose distribution is moved."""
    clip: float = 0.2
    """How far the ratio of a token to the policy that wrote it is moved from 1."""
    kl: float = 0.0
    """Weight of the divergence from the first models."""
    scale: bool = True
    """Divide advantages by the spread of their group; without, groups of middling problems count for more (arXiv:2503.20783)."""
    weigh: Literal["token", "text"] = "token"
    """What counts alike: every token that was written (arXiv:2503.14476), or every text, whatever its length."""
    max_new: int = 0
    """Tokens of a text at most; 0 for those of the longest right line."""
    optimizer: Optimizer = "adamw"
    learning_rate: float = 3e-4
    """Of AdamW."""
    matrix_rate: float = 0.002
    """Of Muon."""
    warmup: float = 0.05
    """Share of the steps in which the rate rises; it then falls along a cosine to zero."""
    gradient_clip: float = 1.0
    """Largest global norm of a gradient."""

    def __post_init__(self) -> None:
        for name, least in {"steps": 1, "problems": 1, "group": 2, "updates": 1, "max_new": 0}.items():
            if getattr(self, name) < least:
                raise UserError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if self.problems % self.updates:
            raise UserError(f"{self.problems} problems cannot be divided into {self.updates} updates")
        for name, allowed in {"reward": get_args(Reward), "weigh": ("token", "text")}.items():
            if getattr(self, name) not in allowed:
                raise UserError(f"{name} {getattr(self, name)!r} is unknown{nearest(getattr(self, name), allowed)}")
        if self.temperature <= 0:
            raise UserError(f"temperature {self.temperature} is not above 0: texts of a group would be the same")
        for name in ("clip", "kl"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} {getattr(self, name)} is negative")

    @property
    def train(self) -> TrainConfig:
        """The optimizer's steps."""
        return TrainConfig(
            steps=self.steps * self.updates,
            batch=self.problems * self.group // self.updates,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            matrix_rate=self.matrix_rate,
            warmup=self.warmup,
            weight_decay=0.0,
            clip=self.gradient_clip,
            chunk=self.updates,
        )


class Log(NamedTuple):
    """What was seen at each step, before it was learned from: arrays float32 (s, steps)."""

    reward: np.ndarray  # mean of all texts
    mixed: np.ndarray  # share of problems whose texts did not all have the same reward: all that is learned from
    entropy: np.ndarray  # of the next token, in nats, mean of those written
    divergence: np.ndarray  # from the first models, k3, mean of the tokens written; 0 where it is not charged
    tokens: np.ndarray  # of a text, mean
    read: np.ndarray  # tokens read, in all: prompts, and what an environment wrote
    written: np.ndarray  # tokens written, in all
    longest: np.ndarray  # tokens written one after the other

    def ledger(self, model: Model) -> Ledger:
        """What generating cost, in every step: arrays (s, steps). Learning, three times as much a token, is not in it."""
        return Ledger.of(size(model), self.read, self.written, self.longest)


class Reinforced(NamedTuple):
    """What reinforcement leaves."""

    trained: Trained
    """`losses` are those of the optimizer's steps."""
    log: Log


def reinforce(
    model: Model,
    init: Params,
    how: GRPO,
    *,
    seeds: Sequence[int],
    ask: Ask,
    rewarded: Rewarded,
    room: int,
    world: World | None = None,
    shortest: int = 1,
    directory: Path | None = None,
    save_every: float = 20.0,
    progress: Callable[[int, float], None] | None = None,
) -> Reinforced:
    """Models that go on from `init`, leaves (s, ...), each learning from what it writes in at most `room` tokens.

    In a `world` models play episodes instead: what the environment writes is read and not learned from, nor are answers that it asks
    for, as these are not drawn. `shortest` are tokens of the shortest prompt. With `directory` the state is kept there every `save_every` seconds and on
    interruption, and taken up again, to the bit; `progress` is called with the steps done and the mean reward.
    """
    config = how.train
    policy = Policy(model, how.temperature, how.clip, how.kl, max(0, shortest - 1))
    mesh = mesh_of(len(seeds), how.problems * how.group)
    score = scorer(model, how.temperature, policy.start, mesh, config.precision)
    training = Session(policy, config, seeds, init=init)
    shape = (len(seeds), how.steps)
    arrays = [np.zeros((len(seeds), config.steps), np.float32), *(np.zeros(shape, np.float32) for _ in Log._fields)]
    kept, updates_done = training.resume(directory, arrays)
    losses, *columns = (array.copy() for array in kept)
    log, done = Log(*columns), updates_done // how.updates
    saved_at = monotonic()
    with interrupts_held() as stop:
        while done < how.steps:
            params = training.params()
            batch = join([ask(seed, done) for seed in seeds])
            problems = batch.rows(np.repeat(np.arange(len(batch.tokens)), how.group))
            completions = _write(model, params, how, seeds, batch, world, room, done)
            others = _others(world, problems, completions)
            texts = behind(problems, completions, others)
            lines = texts.tokens.reshape(len(seeds), -1, *texts.tokens.shape[1:])
            logprob, entropy = (np.asarray(rows) for rows in score(params, lines))
            reference = np.asarray(score(init, lines)[0]) if how.kl else logprob
            rewards = rewarded(problems, completions).reshape(len(seeds), how.problems, how.group)
            mask = _mask(texts).reshape(lines.shape[:3])
            _note(log, done, rewards, mask, entropy, reference - logprob, batch, others)
            weight = mask / mask.sum(axis=2, keepdims=True) if how.weigh == "text" else mask
            gain = advantages(rewards, how.scale).reshape(len(seeds), -1)
            chunk = Written(lines, weight.astype(np.float32), gain.astype(np.float32), logprob, reference)
            chunk = Written(*(_updates(array, how.updates) for array in chunk))
            rates = training.rates([config] * len(seeds), done * how.updates, how.updates)
            loss = on_host(training.advance(training.place(chunk), rates))
            losses[:, done * how.updates : (done + 1) * how.updates] = loss
            done += 1
            try:
                stop()
                if progress:
                    progress(done, float(rewards.mean()))
            except KeyboardInterrupt:
                if directory:
                    training.save(directory, done * how.updates, [losses, *log])
                raise
            if directory and monotonic() - saved_at > save_every:
                training.save(directory, done * how.updates, [losses, *log])
                saved_at = monotonic()
    trained = Trained(training.params(), losses)
    check_finite(trained, seeds, config)
    return Reinforced(trained, log)


def advantages(rewards: np.ndarray, scale: bool = True) -> np.ndarray:
    """How far rewards (..., g) are above the mean of their group, in standard deviations of it or as they are."""
    above = rewards - rewards.mean(axis=-1, keepdims=True)
    return above / (rewards.std(axis=-1, keepdims=True) + EPSILON) if scale else above


def reward(task: Task, kind: Reward) -> Rewarded:
    """The exact oracle of a task as a reward, or chance in its place."""

    def rewarded(batch: Batch, completions: np.ndarray) -> np.ndarray:
        if kind == "random":
            return _coins(task, batch, completions)
        if kind == "length":
            return np.asarray((task.chain_fields(batch, completions) != Field.PADDING).mean(axis=1))
        judged = task.verify(batch, completions)
        both = judged.answer & judged.trace
        if kind == "both":
            return (judged.answer + both.astype(float)) / 2
        return np.asarray(judged.answer if kind == "answer" else both, float)

    return rewarded


def _coins(task: Task, batch: Batch, completions: np.ndarray) -> np.ndarray:
    """0 or 1 for each completion, by its problem, its text and its place among those to this problem that stand in a row."""
    problem, places = task.identity(batch.problem), np.arange(len(completions))
    first = np.maximum.accumulate(np.where(np.append(True, problem[1:] != problem[:-1]), places, 0))
    texts = splitmix64(problem) ^ hash_rows(completions, completions != PAD)
    return (splitmix64(texts + (places - first).astype(np.uint64)) & np.uint64(1)).astype(float)


def _write(
    model: Model,
    params: Params,
    how: GRPO,
    seeds: Sequence[int],
    batch: Batch,
    world: World | None,
    room: int,
    step: int,
) -> np.ndarray:
    """What the models write behind their prompts, with what a world writes in between: int32 (s n g, m)."""
    shape = (len(seeds), how.problems)
    prompts = batch.prompts()
    prompts = prompts.reshape(*shape, *prompts.shape[1:])
    options: dict[str, Any] = dict(
        samples=how.group, temperature=how.temperature, seed=stream_id("reinforcement", step), seeds=seeds
    )
    if world is None:
        return draw(model, params, prompts, max_new=room, **options).completions.reshape(-1, room)
    episodes = {name: array.reshape(*shape, *array.shape[1:]) for name, array in world.episodes(batch.problem).items()}
    budget, turns = batch.problem["budget"].astype(int).reshape(shape), max(world.budgets)
    made = written(model, params, prompts, world.environment, episodes, budget, turns=turns, **options)
    return made.reshape(-1, made.shape[3])


def _others(world: World | None, problems: Batch, completions: np.ndarray) -> np.ndarray | None:
    """Which tokens of completions int32 (rows, m) models did not draw, bool (rows, m); None if they drew all."""
    if world is None:
        return None
    environment, budget = world.environment, problems.problem["budget"]
    told = heard(environment, completions, budget)
    asks = completions == environment.asks
    asked = np.cumsum(told & asks, axis=1) > 0
    behind_answer = np.cumsum(asks, axis=1) > 0
    behind_answer[:, 2:] = behind_answer[:, :-2]  # the mark and the answer were drawn, the end was not
    behind_answer[:, :2] = False
    return np.asarray((told | asked | behind_answer) & (completions != PAD))


def _mask(texts: Batch) -> np.ndarray:
    """Which tokens of texts (rows, t) models drew, float32 (rows, t)."""
    inside = np.arange(texts.text.shape[1]) >= texts.prompt_len[:, None]
    own = inside & (texts.text != PAD)
    return (own if texts.told is None else own & ~texts.told).astype(np.float32)


def _updates(array: np.ndarray, updates: int) -> np.ndarray:
    """Rows of (s, n g, ...) dealt to the updates, whole problems to each: (s, updates, n g / updates, ...)."""
    return array.reshape(len(array), updates, -1, *array.shape[2:])


def _note(
    log: Log,
    step: int,
    rewards: np.ndarray,
    mask: np.ndarray,
    entropy: np.ndarray,
    apart: np.ndarray,
    batch: Batch,
    others: np.ndarray | None,
) -> None:
    """Write down what was seen at a step."""
    seeds = len(mask)
    lengths = mask.sum(axis=2)
    count = lengths.sum(axis=1)
    log.reward[:, step] = rewards.mean(axis=(1, 2))
    log.mixed[:, step] = (np.ptp(rewards, axis=2) > 0).mean(axis=1)
    log.entropy[:, step] = (entropy * mask).sum(axis=(1, 2)) / count
    log.divergence[:, step] = ((np.exp(apart) - apart - 1) * mask).sum(axis=(1, 2)) / count
    log.tokens[:, step] = lengths.mean(axis=1)
    log.read[:, step] = batch.prompt_len.reshape(seeds, -1).sum(axis=1)
    if others is not None:
        log.read[:, step] += others.reshape(seeds, -1).sum(axis=1)
    log.written[:, step] = count
    log.longest[:, step] = lengths.max(axis=1)
