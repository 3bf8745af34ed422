"""Rewards, which tell a search how promising a chain is: an exact oracle with errors of known size, or a learned verifier.

Dimension letters: `n` problems, `w` branches of each, `m` tokens of a completion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import ClassVar, Literal, Protocol

import jax
import numpy as np
from scipy.special import ndtri

from alchemy.decoding.sampler import Branches
from alchemy.errors import UserError, nearest
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs, size
from alchemy.problem.split import hash_rows, splitmix64
from alchemy.problem.task import PAD, Batch, Task
from alchemy.testtime.judging import VERDICT, Judging, checked
from alchemy.testtime.learned_verifier import (
    Aggregation,
    Verifier,
    aggregated,
    by_step,
    ends,
    log_odds,
)
from alchemy.testtime.thinking_verifier import DOUBT, Combine, ThinkingVerifier, combined, read, think

Kind = Literal["step", "outcome"]
KINDS: tuple[Kind, ...] = ("step", "outcome")
WIDTH = 16
"""Texts are padded to a multiple of so many tokens: few shapes, few compiled programs."""
LEAST = -30.0
"""Log-odds and log-probabilities are no lower: a text without a verdict is as bad as can be."""
STOPS = ", branches end"
"""In the names of rewards that end branches."""


class Reward(Protocol):
    """Scores chains, finished or not."""

    parameters: int
    """Of the verifier; 0 where none is run."""
    name: str
    """Tells it from other rewards: part of the key of stored searches."""

    def score(self, branches: Branches) -> np.ndarray:
        """float (n, w): the higher, the better."""

    @property
    def thinking(self) -> np.ndarray | float:
        """Tokens that the verifier writes about each problem before it scores, float (n,); 0 of one that reads only."""

    @property
    def readings(self) -> int:
        """How often the verifier reads each text: behind each of its thoughts, or once."""

    @property
    def writing(self) -> float:
        """Tokens that the verifier writes about each finished text, of which alone it is asked; 0 of one that writes nothing about texts."""

    @property
    def end_below(self) -> float:
        """Branches of a lower score end where they are: they are rather wrong than right; -inf where all may go on."""

    def rows(self, rows: np.ndarray) -> Reward:
        """The reward of some of the problems."""


@dataclass(frozen=True)
class OracleReward:
    """1 for right texts and 0 for wrong ones, with errors of known size.

    A step reward scores every prefix: are all of its steps right? An outcome reward scores finished chains only, by
    their answer alone; an unfinished one gets .5 whatever it is. The same text of the same problem always gets the same
    score.
    """

    task: Task
    batch: Batch
    """The problems whose branches are scored, in order."""
    kind: Kind = "step"
    sigma: float = 0.0
    """Standard deviation of Gaussian noise on each score, independent between texts."""
    systematic_error: float = 0.0
    """Share of wrong texts that are scored as right, the same ones every time."""
    salt: int = 0
    parameters: int = 0
    """Of the verifier that it stands in for, which is billed for reading the texts; 0 for one that costs nothing."""
    stop: bool = False
    """End branches that score less than one half."""
    thinking: ClassVar[float] = 0.0
    readings: ClassVar[int] = 1
    writing: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"reward {self.kind!r} is unknown{nearest(self.kind, KINDS)}")
        if self.sigma < 0:
            raise UserError(f"noise of {self.sigma} is negative")
        if not 0 <= self.systematic_error <= 1:
            raise UserError(f"systematic error {self.systematic_error} is outside [0, 1]")

    @property
    def name(self) -> str:
        # `loved` is the former name of the systematic error, in the keys of stored searches
        billed = f", {self.parameters} parameters" if self.parameters else ""
        dials = f"noise {self.sigma:g}, loved {self.systematic_error:g}, salt {self.salt}{billed}"
        return f"exact {self.kind}, {dials}" + STOPS * self.stop

    @property
    def end_below(self) -> float:
        return 0.5 if self.stop else -inf

    def rows(self, rows: np.ndarray) -> OracleReward:
        return replace(self, batch=self.batch.rows(rows))

    def score(self, branches: Branches) -> np.ndarray:
        n, w, m = branches.tokens.shape
        rows = np.repeat(np.arange(n), w)
        tokens = branches.tokens.reshape(n * w, m)
        judgement = self.task.verify(self.batch.rows(rows), tokens)
        ended = branches.ended.reshape(-1)
        if self.kind == "outcome":
            right, known = judgement.answer, ended
        else:
            steps = np.isin(tokens, self.task.step_delimiters).sum(axis=1)
            right, known = (
                np.where(ended, judgement.answer & judgement.trace, judgement.first_wrong_step >= steps),
                True,
            )
        chance = self._uniform(rows, tokens, 1)
        score = np.where(known, right | (chance < self.systematic_error), 0.5)
        noise = self.sigma * ndtri(self._uniform(rows, tokens, 2)) if self.sigma else 0.0
        return (score + np.where(known, noise, 0.0)).reshape(n, w)

    def _uniform(self, rows: np.ndarray, tokens: np.ndarray, stream: int) -> np.ndarray:
        """A number in (0, 1) for each text of each problem, float (n * w,)."""
        problem = self.task.identity(self.batch.problem)[rows]
        salt = splitmix64(np.array([self.salt * 4 + stream], np.uint64))
        mixed = splitmix64(hash_rows(tokens, tokens != PAD) ^ splitmix64(problem) ^ salt)
        return ((mixed >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53


@dataclass(frozen=True, eq=False)
class LearnedReward:
    """The log-odds that the verifier trained for one seed of a policy (`alchemy.testtime.learned_verifier`) gives a text.

    A process verifier scores every step so far, an outcome verifier the last token of the text, finished or not.
    """

    verifier: Verifier
    row: int
    """Which of the seeds."""
    task: Task
    batch: Batch
    """The problems whose branches are scored, in order."""
    how: Aggregation = "last"
    """How the scores of steps become one score."""
    stop: bool = False
    """End branches whose score is below even odds: of the last step, of the least likely one, or of all."""
    thinking: ClassVar[float] = 0.0
    readings: ClassVar[int] = 1
    writing: ClassVar[float] = 0.0

    @property
    def parameters(self) -> int:
        return size(self.verifier.runs.model)

    @property
    def name(self) -> str:
        return f"{self.verifier.kind} verifier {self.verifier.runs.names[self.row]}, {self.how}" + STOPS * self.stop

    @property
    def end_below(self) -> float:
        return {"product": DOUBT, "mean": 0.5}.get(self.how, 0.0) if self.stop else -inf

    def rows(self, rows: np.ndarray) -> LearnedReward:
        return replace(self, batch=self.batch.rows(rows))

    def score(self, branches: Branches) -> np.ndarray:
        width = -(-branches.tokens.shape[2] // WIDTH) * WIDTH
        tokens = np.pad(branches.tokens, ((0, 0), (0, 0), (0, width - branches.tokens.shape[2])))
        runs = self.verifier.runs
        params = jax.tree.map(lambda leaf: leaf[self.row : self.row + 1], runs.trained.params)
        odds = log_odds(runs.model, params, self.batch.prompts(), tokens[None])[0]
        return aggregated(by_step(odds, ends(self.task, tokens, self.verifier.kind)), self.how)


@dataclass(frozen=True, eq=False)
class ThinkingReward:
    """What a verifier trained for one seed of a policy says after it thought (`alchemy.testtime.thinking_verifier`).

    The product of the marks' probabilities, of a chain that goes on as far as it goes, and of several thoughts as they `combine`. One
    that is shown answers alone says nothing of a chain before it has one.
    """

    verifier: ThinkingVerifier
    row: int
    """Which of the seeds."""
    task: Task
    batch: Batch
    """The problems whose branches are scored, in order."""
    thoughts: int = 1
    """About each problem."""
    temperature: float = 0.0
    """At which thoughts are sampled."""
    combine: Combine = "mean"
    """How they become one score: the log of the mean, or of the share that holds the text for good."""
    stop: bool = False
    """End branches that are held for wrong: by less than one half of that."""
    writing: ClassVar[float] = 0.0

    @property
    def parameters(self) -> int:
        return size(self.verifier.runs.model)

    @property
    def name(self) -> str:
        sampled = f"{self.thoughts} at {self.temperature:g}" + ", vote" * (self.combine == "vote") + STOPS * self.stop
        form = self.verifier.form
        return f"thinking verifier {self.verifier.runs.names[self.row]}, {form.thought}, {form.shows}, {sampled}"

    @property
    def end_below(self) -> float:
        return DOUBT if self.stop else -inf

    @cached_property
    def thinking(self) -> np.ndarray:
        return (self._thoughts != PAD).sum(axis=(1, 2)).astype(float)

    @property
    def readings(self) -> int:
        return self.thoughts

    def rows(self, rows: np.ndarray) -> ThinkingReward:
        return replace(self, batch=self.batch.rows(rows))

    def score(self, branches: Branches) -> np.ndarray:
        tokens = np.pad(branches.tokens, ((0, 0), (0, 0), (0, -branches.tokens.shape[2] % WIDTH)))
        weighed = read(*self._model, self.task, self.batch, self._thoughts, tokens, self.verifier.form)
        return np.maximum(combined(weighed.marks, self.combine), LEAST)

    @property
    def _model(self) -> tuple[Model, Params]:
        runs = self.verifier.runs
        return runs.model, jax.tree.map(lambda leaf: leaf[self.row : self.row + 1], runs.trained.params)

    @cached_property
    def _thoughts(self) -> np.ndarray:
        """int32 (n, q, w)."""
        seed, form = self.verifier.runs.seeds[self.row], self.verifier.form
        options = {"samples": self.thoughts, "temperature": self.temperature, "seed": seed}
        return think(*self._model, self.task, self.batch, form, **options)


@dataclass(frozen=True, eq=False)
class WrittenReward:
    """How likely a verifier that writes a check of each completion finds it good behind that (`alchemy.testtime.judging`).

    Checks are written greedily. A text that is not finished is neither good nor bad: one half.
    """

    runs: Runs
    """Trained on a `Judging` task."""
    row: int
    """Which of the seeds."""
    batch: Batch
    """The problems whose branches are scored, in order."""
    thinking: ClassVar[float] = 0.0
    readings: ClassVar[int] = 1
    end_below: ClassVar[float] = -inf

    @property
    def parameters(self) -> int:
        return size(self.runs.model)

    @property
    def name(self) -> str:
        return f"written verdicts {self.runs.names[self.row]}"

    @property
    def writing(self) -> float:
        return float(self._judging.check_len + VERDICT)

    def rows(self, rows: np.ndarray) -> WrittenReward:
        return replace(self, batch=self.batch.rows(rows))

    def score(self, branches: Branches) -> np.ndarray:
        n, w, m = branches.tokens.shape
        if not branches.ended.any():
            return np.full((n, w), 0.5)
        rows = np.repeat(np.arange(n), w)
        questions = self._judging.questions(self.batch.rows(rows), branches.tokens.reshape(n * w, m))
        params = jax.tree.map(lambda leaf: leaf[self.row : self.row + 1], self.runs.trained.params)
        good, _ = checked(self.runs.model, params, self._judging, questions, weighed=True)
        return np.where(branches.ended, good.reshape(n, w), 0.5)

    @property
    def _judging(self) -> Judging:
        judging = self.runs.task
        if not isinstance(judging, Judging):
            raise UserError(f"models of {type(judging).__name__} write no verdicts; expected models of Judging")
        return judging
