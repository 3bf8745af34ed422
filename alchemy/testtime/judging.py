"""The work of a verifier that writes its verdict, as a task of its own: a question and somebody's completion, a check, and yes or no.

| verdict | a line |
|---|---|
| behind a solution | question, completion, `<check>`, the right completion, `<good>` or `<bad>` |
| behind a check by parts | question, completion, `<check>`, each part with `<good>` or `<bad>` behind it, `<good>` or `<bad>` |
| behind filler | the same with `<check>` in place of every token of the check |
| at once | question, completion, `<check>`, `<good>` or `<bad>` |

Half of the completions are right; in the others one step says another state, and what follows from it is drawn, or, where there are no
steps, the answer is that of another problem. What the parts of a check are the task says (`alchemy.problem.checks`). Models learn such lines
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
from scipy.special import expit

from alchemy.decoding.generate import draw
from alchemy.errors import UserError
from alchemy.learning.model import Model, Params
from alchemy.problem.defaults import TaskDefaults
from alchemy.problem.documents import another, end_to_end
from alchemy.problem.task import EOS, NOISE, PAD, Batch, Field, Judgement, Problem, Task, Vocabulary
from alchemy.testtime.learned_verifier import log_likelihood, written
from alchemy.testtime.thinking_verifier import SPARE, Shows, shown

GOOD, BAD, CHECK = "<good>", "<bad>", "<check>"
CANDIDATE = "candidate"
"""The array of a problem that has the completion to be judged."""
VERDICT = 2
"""Tokens of a verdict, its end included."""
Way = Literal["solve", "parts", "filler", "none"]


@dataclass(frozen=True)
class Judging(TaskDefaults):
    """Say whether a completion of a problem of another task is good."""

    task: Any = None
    """Whose completions are judged: one with steps, which says what follows from a step that was changed."""
    check: Way = "solve"
    """What is written before the verdict: the right completion, the parts of the answer, as many tokens that say nothing, or nothing."""
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
        return SPARE + VERDICT + self.check_len

    @property
    def check_len(self) -> int:
        """Tokens of the longest check."""
        if self.check in ("parts", "filler"):
            count, width = self.task.part_shape
            return int(count * (width + 1))
        return self.candidate_len if self.check == "solve" else 0

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
        first = {"solve": "Solve the problem yourself, then say", "parts": "Check it part by part, then say"}
        return f"{self.task.instructions} A solution is given. {first.get(self.check, 'Say')} whether it is right."

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
        stepless = (steps == 0) & (chosen == 0)
        if stepless.any():
            others = text[another(batch.completion_fields(), rng)]
            candidate[stepless, : text.shape[1]] = others[stepless]
            chosen[stepless] = -1
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
        told = np.where(verdict, *(np.int32(self.vocabulary.index[symbol]) for symbol in (GOOD, BAD)))
        checks = [(part, Field.STEP + number) for number, part in enumerate(self._checks(problem, batch))]
        end = np.full((len(verdict), 1), EOS)
        return self._lines(batch, problem, *checks, (told[:, None], Field.ANSWER), (end, Field.END))

    def _checks(self, problem: Problem, batch: Batch) -> list[np.ndarray]:
        """What is written before the verdicts, part by part, int32 (n, w) each."""
        if self.check == "none":
            return []
        if self.check == "solve":
            gold = batch.completions()
            return [np.where(gold == EOS, PAD, gold)]
        text, holds = self.task.parts(_without(problem), problem[CANDIDATE])
        good, bad, filler = (np.int32(self.vocabulary.index[symbol]) for symbol in (GOOD, BAD, CHECK))
        mark = np.where((text[..., :1] == PAD), PAD, np.where(holds, good, bad)[..., None])
        parts = np.concatenate([text, mark], axis=2)
        if self.check == "filler":
            parts = np.where(parts == PAD, PAD, filler)
        return [parts[:, number] for number in range(parts.shape[1])]

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
        last = said[rows, np.maximum(length - VERDICT, 0)]
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
        if self.check != "solve":
            return self._in_parts(
                batch.problem, answer, np.where(place < length[:, None] - VERDICT, text, PAD), verdict >= 0
            )
        text = np.where(
            text < len(self.task.vocabulary), text, np.int32(NOISE)
        )  # a verdict in its midst is no symbol of the task
        check = np.where(
            place < length[:, None] - VERDICT, text, np.where(place == length[:, None] - VERDICT, EOS, PAD)
        )
        judged = self.task.verify(self._asked(batch.problem), check)
        return Judgement(answer, judged.answer & judged.trace, judged.first_wrong_step, verdict >= 0)

    def _in_parts(self, problem: Problem, answer: np.ndarray, check: np.ndarray, ends: np.ndarray) -> Judgement:
        """Of checks int32 (n, m) by parts, whose verdicts are right or not and there or not, bool (n,)."""
        parts = self._checks(problem, self._asked(problem))
        gold = end_to_end(*parts)
        width = max(gold.shape[1], check.shape[1])
        gold, check = (np.pad(text, ((0, 0), (0, width - text.shape[1]))) for text in (gold, check))
        differs = gold != check
        trace = ~differs.any(axis=1)
        first = np.minimum(differs.argmax(axis=1) // parts[0].shape[1], len(parts) - 1)
        first = np.where(trace, len(parts) + answer, first)
        return Judgement(answer, trace, first.astype(np.int32), ends)

    def answer_ids(self, completion: np.ndarray) -> np.ndarray:
        return self.verdicts(completion).astype(np.int64)

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """Of checks by parts, what is said of each: good or bad."""
        if self.check != "parts":
            return ()
        return self.vocabulary.index[GOOD], self.vocabulary.index[BAD]

    def follow(self, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
        """Of a check by parts the rest of the gold one, and the verdict that all parts together give, as they are marked there."""
        if self.check != "parts":
            return super().follow(batch, completion, step)
        gold, field = batch.completions(), batch.completion_fields()
        width = min(gold.shape[1], completion.shape[1])
        given = field[:, :width] <= Field.STEP + step
        followed = gold.copy()
        followed[:, :width] = np.where(given & (field[:, :width] >= Field.STEP), completion[:, :width], gold[:, :width])
        good, bad = self.state_tokens
        wrong = ((followed == bad) & (field >= Field.STEP)).any(axis=1) | ~(field >= Field.STEP).any(axis=1)
        verdict = np.where(wrong, bad, good).astype(np.int32)
        return np.where(field == Field.ANSWER, verdict[:, None], followed)

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


def checked(
    model: Model,
    params: Params,
    judging: Judging,
    questions: Batch,
    *,
    checks: int = 1,
    temperature: float = 0.0,
    seed: int = 0,
    weighed: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """What one model (leaves (1, ...)) says to questions of `judging`, `checks` times, greedily or sampled: float64 (n, q), and the
    texts that it writes, int32 (n, q, m).

    It says 1 where a text ends with good and 0 elsewhere; `weighed`, how likely good is in the verdict's place, of good and bad.
    """
    options = dict(samples=checks, max_new=judging.room, temperature=temperature, seed=seed)
    texts = draw(model, params, questions.prompts(), **options).completions[0]
    n, q, m = texts.shape
    verdict = judging.verdicts(texts.reshape(n * q, m)).reshape(n, q)
    if not weighed:
        return (verdict == 1).astype(float), texts
    behind = np.arange(m) - written(texts).sum(axis=2)[..., None] + VERDICT  # the verdict: 0 in its place
    kept = np.where(behind < 0, texts, PAD)
    either = np.stack([np.where(behind == 0, judging.vocabulary.index[symbol], kept) for symbol in (GOOD, BAD)], axis=2)
    likely = log_likelihood(model, params, questions.prompts(), either.reshape(1, n, 2 * q, m)).reshape(n, q, 2)
    return np.where(verdict >= 0, expit(likely[..., 0] - likely[..., 1]), 0.0), texts


def _without(problem: Problem) -> Problem:
    """A problem of the task itself."""
    return {name: values for name, values in problem.items() if name != CANDIDATE}
