"""The work of a verifier that writes its verdict, as a task of its own: a question and somebody's completion, a check, and yes or no.

| verdict | a line |
|---|---|
| with a check | question, completion, `<check>`, the right completion, `<good>` or `<bad>` |
| at once | question, completion, `<check>`, `<good>` or `<bad>` |

Half of the completions are right; in the others one step says another state, and what follows from it is drawn. Models learn such lines
by next token as those of any task; `Lab.reinforce` with `GRPO(reward="answer")` rewards a right verdict alone, whatever the check says
(Guo et al., arXiv:2505.14674; Liu et al., arXiv:2504.02495). The chain of a line is its check: "chain" asks for a right one, too.

Dimension letters: `n` problems, `m` tokens of a completion, `t` of a line, `c` ids a position carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.task import EOS, NOISE, PAD, Batch, Field, Judgement, Problem, Task, Vocabulary
from alchemy.testtime.learned_verifier import written
from alchemy.testtime.thinking_verifier import SPARE, Shows, shown

GOOD, BAD, CHECK = "<good>", "<bad>", "<check>"
CANDIDATE = "candidate"
"""The array of a problem that has the completion to be judged."""


@dataclass(frozen=True)
class Judging(TaskDefaults):
    """Say whether a completion of a problem of another task is good."""

    task: Any = None
    """Whose completions are judged: one with steps, which says what follows from a step that was changed."""
    check: Literal["solve", "none"] = "solve"
    """What is written before the verdict: the right completion, or nothing."""
    shows: Shows = "chain"
    """The whole completion, which is good if all of it is right; or its answer alone, which is good if it is right."""

    prompt_fields: ClassVar[tuple[str, ...]] = ("question", "candidate", "instruction")

    def __post_init__(self) -> None:
        if self.task is None:
            return
        name = type(self.task).__name__
        if not self.task.state_tokens:
            raise UserError(f"{name} has no steps that say a state: there are no completions to err in")
        if getattr(self.task, "noise", None) is not None:
            raise UserError(f"{name} has noise, and a completion is judged beside a clean question")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary((*self.task.vocabulary.symbols, GOOD, BAD, CHECK))

    @property
    def candidate_len(self) -> int:
        """Tokens of the longest completion that is judged, its end included."""
        return int(self.task.max_len - self.task.shortest_prompt)

    @property
    def room(self) -> int:
        """Tokens that a check has at most, with the verdict and the end."""
        return SPARE + 2 + (self.candidate_len if self.check == "solve" else 0)

    @property
    def longest_prompt(self) -> int:
        return int(self.task.max_len)

    @property
    def clean_len(self) -> int:
        return self.longest_prompt + self.room

    @property
    def shortest_prompt(self) -> int:
        return int(self.task.shortest_prompt) + 1

    @property
    def instructions(self) -> str:
        return (
            f"{self.task.instructions} A solution is given. Solve the problem yourself, then say whether it is right."
        )

    def draw(self, rng: np.random.Generator, n: int) -> Problem:
        """A problem of the task, and `candidate`, int32 (n, m): a completion with its end."""
        problem = self.task.draw(rng, n)
        batch = self.task.render(problem, rng)
        if batch.told is not None:
            raise UserError(f"part of a completion of {type(self.task).__name__} is written by its environment")
        text = batch.completions()
        steps = (batch.completion_fields().astype(int) - Field.STEP).max(axis=1, initial=-1) + 1
        chosen = np.where(rng.random(n) < 0.5, rng.integers(0, np.maximum(steps, 1)), -1)
        candidate = np.zeros((n, self.candidate_len), np.int32)
        candidate[:, : text.shape[1]] = text
        for step in range(int(chosen.max(initial=-1)) + 1):
            rows = np.flatnonzero(chosen == step)
            part = batch.rows(rows)
            changed = self.task.other_state(part, text[rows], step, rng)
            followed = self.task.follow(part, changed, step)[:, : self.candidate_len]
            some = (followed != PAD).any(axis=1)
            candidate[rows[some]] = np.pad(followed[some], ((0, 0), (0, self.candidate_len - followed.shape[1])))
            candidate[rows[~some], : text.shape[1]] = changed[~some]
        return {**problem, CANDIDATE: candidate}

    def write(self, problem: Problem) -> Batch:
        batch, verdict = self._asked(problem), self.good(problem)
        check = batch.completions() if self.check == "solve" else np.zeros((len(verdict), 0), np.int32)
        told = np.where(verdict, *(np.int32(self.vocabulary.index[symbol]) for symbol in (GOOD, BAD)))
        rows = np.arange(len(verdict))
        return self._lines(
            batch,
            problem,
            (np.where(check == EOS, PAD, check), Field.STEP),
            (told[:, None], Field.ANSWER),
            (np.full((len(rows), 1), EOS), Field.END),
        )

    def questions(self, batch: Batch, completions: np.ndarray) -> Batch:
        """Problems of the task with a completion int32 (n, m) of each, by anybody, as this task asks about them."""
        candidate = np.zeros((len(completions), self.candidate_len), np.int32)
        text = np.where(written(completions), completions, PAD)[:, : self.candidate_len]
        candidate[:, : text.shape[1]] = text
        return self.write({**batch.problem, CANDIDATE: candidate})

    def good(self, problem: Problem) -> np.ndarray:
        """Whether candidates are good, by the oracle: bool (n,)."""
        judged = self.task.verify(self._asked(problem), problem[CANDIDATE])
        right: np.ndarray = judged.answer & judged.trace if self.shows == "chain" else judged.answer
        return right

    def verdicts(self, completion: np.ndarray) -> np.ndarray:
        """What completions int32 (n, m) end with, int (n,): 1 for good, 0 for bad, -1 for neither."""
        said = np.where(written(completion), completion, PAD)
        length = (said != PAD).sum(axis=1)
        rows, ends = np.arange(len(said)), (said == EOS).any(axis=1) & (length > 1)
        last = said[rows, np.maximum(length - 2, 0)]
        good, bad = (ends & (last == self.vocabulary.index[symbol]) for symbol in (GOOD, BAD))
        return np.where(good, 1, np.where(bad, 0, -1))

    def verify(self, batch: Batch, completion: np.ndarray) -> Judgement:
        """The answer is the verdict, the chain the check, which the task itself judges."""
        verdict = self.verdicts(completion)
        answer = verdict == self.good(batch.problem)
        if self.check == "none":
            whole = np.ones(len(answer), bool)
            return Judgement(answer, whole, answer.astype(np.int32), verdict >= 0)
        text = np.where(written(completion), completion, PAD)
        length = (text != PAD).sum(axis=1)
        place = np.arange(text.shape[1])
        text = np.where(
            text < len(self.task.vocabulary), text, np.int32(NOISE)
        )  # a verdict in its midst is no symbol of the task
        check = np.where(place < length[:, None] - 2, text, np.where(place == length[:, None] - 2, EOS, PAD))
        judged = self.task.verify(self._asked(batch.problem), check)
        return Judgement(answer, judged.answer & judged.trace, judged.first_wrong_step, verdict >= 0)

    def answer_ids(self, completion: np.ndarray) -> np.ndarray:
        return self.verdicts(completion).astype(np.int64)

    def parse(self, text: str) -> Problem:
        *words, last = text.split() or [""]
        for cut in range(len(words), 0, -1):
            try:
                problem = self.task.parse(" ".join(words[:cut]))
            except UserError:
                continue
            candidate = [*self.vocabulary.encode(" ".join(words[cut:])), EOS]
            if last == CHECK and len(candidate) <= self.candidate_len:
                return {**problem, CANDIDATE: np.array([candidate + [PAD] * (self.candidate_len - len(candidate))])}
        raise UserError(f"prompt {text!r} is not a question of {type(self.task).__name__}, a completion and {CHECK}")

    def identity(self, problem: Problem) -> np.ndarray:
        """That of the question: whichever completion is judged, it stays in one part."""
        identity: np.ndarray = self.task.identity(_without(problem))
        return identity

    def features(self, problem: Problem) -> Mapping[str, np.ndarray]:
        features: Mapping[str, np.ndarray] = self.task.features(_without(problem))
        return features

    def _asked(self, problem: Problem) -> Batch:
        """The problems of the task alone, as it writes them."""
        task: Task = self.task
        return task.render(_without(problem), np.random.default_rng(0))

    def _lines(self, batch: Batch, problem: Problem, *behind: tuple[np.ndarray, Field]) -> Batch:
        """Lines of questions with their candidates, and what stands behind."""
        text = shown(self.task, problem[CANDIDATE], self.shows)
        mark = np.full((len(text), 1), self.vocabulary.index[CHECK])
        parts = ((np.where(text == EOS, PAD, text), 1), (mark, 2), *behind)
        prompts = batch.prompts()
        texts = [np.pad(ids[..., None], ((0, 0), (0, 0), (0, prompts.shape[2] - 1))) for ids, _ in parts]
        tokens = np.concatenate([prompts, *texts], axis=1).astype(np.int32)
        codes = np.concatenate([np.zeros(prompts.shape[1]), *(np.full(ids.shape[1], code) for ids, code in parts)])
        real = tokens[..., 0] != PAD
        order = np.argsort(~real, axis=1, kind="stable")
        tokens = np.take_along_axis(tokens, order[..., None], axis=1)
        field = np.where(tokens[..., 0] != PAD, codes[order], Field.PADDING).astype(np.int8)
        prompt_len = ((field >= 0) & (field < Field.ANSWER)).sum(axis=1).astype(np.int32)
        width = max(self.max_len, int(real.sum(axis=1).max(initial=1)))
        spare = ((0, 0), (0, max(0, width - tokens.shape[1])))
        field = np.pad(field, spare, constant_values=np.int8(Field.PADDING))[:, :width]
        return Batch(np.pad(tokens, (*spare, (0, 0)))[:, :width], prompt_len, field, problem)


def _without(problem: Problem) -> Problem:
    """A problem of the task itself."""
    return {name: values for name, values in problem.items() if name != CANDIDATE}
