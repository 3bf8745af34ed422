"""Interventions on written traces: change a step of a chain of thought, let the model go on, see what becomes of its answer.

A model that uses its chain derives its answer from what stands there; one that does not answers as if nothing had been
changed, however right its chains are (Lanham et al., arXiv:2307.13702; Turpin et al., arXiv:2305.04388). In a controlled
task the oracle says what follows from any step, so both are counted exactly (`alchemy/causal/outcomes.py`).

Dimension letters: `s` seeds, `n` problems of each, `k` steps, `m` tokens of a completion, `t` of a prompt and the text
behind it, `c` ids a position carries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from alchemy.causal.edits import LAST_STEP, LEADING, Chains, Edited, Kind, behind_prompt, behind_text, check_kind, edit
from alchemy.causal.outcomes import Outcomes, outcomes
from alchemy.errors import UserError
from alchemy.problem.task import PAD, Batch, Field, Task

Write = Callable[[Kind, Sequence[np.ndarray]], list[np.ndarray]]
"""Lets the models go on greedily from texts: for each step int32 (s, n, t, c), and for each what they wrote, int32 (s, n, m)."""


@dataclass(frozen=True)
class Interventions:
    """What edits of one kind did to the answers of `s` models, at each of `k` steps."""

    kind: Kind
    steps: tuple[int, ...]
    """The steps edited, counted from 0."""
    answer: Outcomes
    next_step: Outcomes
    """The same of what is written right behind the edited step: the next step, or the answer behind the last."""
    right: np.ndarray
    """bool (s, n, k): the answer without the edit is right."""
    texts: tuple[np.ndarray, ...]
    """For each step the whole completions int32 (s, n, m): the edited chains, and what the models wrote behind."""

    @property
    def right_by_step(self) -> np.ndarray:
        """The share of each seed's counted problems answered right without the edit, nan where none is counted: float (s, k)."""
        return self.answer.mean_by_step(self.right)

    @property
    def answer_where_right(self) -> Outcomes:
        """`answer` of the problems answered right without the edit: what a model cannot compute it cannot follow either."""
        return replace(self.answer, counted=self.answer.counted & self.right)

    def of(self, problems: slice | np.ndarray) -> Interventions:
        """Some of each seed's problems."""
        parts = self.answer.of(problems), self.next_step.of(problems), self.right[:, problems]
        return Interventions(self.kind, self.steps, *parts, tuple(text[:, problems] for text in self.texts))


class Numbers(NamedTuple):
    """Numbers int64 of answers or steps, equal where these are: after an edit, before it, and what follows from it."""

    after: np.ndarray
    before: np.ndarray
    target: np.ndarray


def intervene(
    task: Task,
    batch: Batch,
    completions: np.ndarray,
    kind: Kind,
    rngs: Sequence[np.random.Generator],
    write: Write,
    steps: Sequence[int] = (),
) -> Interventions:
    """Edit each of `steps`, by default all there are, of chains of thought, and let the models go on.

    `batch` has s * n problems, those of the first seed first; completions int32 (s, n, m) have their chains, of which those
    without the right form are left out, as a model's own may be. `rngs` draw the edits of each seed. Raises `UserError` where
    there is no step to edit.
    """
    check_kind(kind)
    seeds, n = completions.shape[:2]
    chains = Chains.read(task, batch, completions.reshape(seeds * n, -1))
    by_seed = [(chains.rows(slice(i * n, (i + 1) * n)), rng) for i, rng in enumerate(rngs)]
    positions = _positions(task, chains, steps)

    def edits(kind: Kind) -> list[Edited]:
        """The texts of all seeds for each step."""
        parts = [[edit(task, own, step, kind, rng) for own, rng in by_seed] for step in positions]
        return [Edited(*map(np.concatenate, zip(*step, strict=True))) for step in parts]

    def by_problem(steps: Sequence[np.ndarray]) -> np.ndarray:
        """Arrays (s * n,), one a step, as one array (s, n, k)."""
        return np.stack(steps, axis=1).reshape(seeds, n, -1)

    edited = edits(kind)
    before = _written(batch, edits("placebo"), seeds, "placebo", write)
    after = _written(batch, edited, seeds, kind, write)
    pairs = [_numbers(task, chains, step, kind, edited[k], before[k], after[k]) for k, step in enumerate(positions)]
    answers, next_steps = (Numbers(*map(by_problem, zip(*part, strict=True))) for part in zip(*pairs, strict=True))
    made = by_problem([part.made for part in edited])
    gold = task.answer_ids(batch.completions()).reshape(seeds, n, 1)
    return Interventions(
        kind,
        tuple(positions),
        answer=outcomes(*answers, made=made, leading=kind in LEADING),
        next_step=outcomes(*next_steps, made=made, leading=kind in LEADING),
        right=answers.before == gold,
        texts=tuple(text.reshape(seeds, n, -1) for text in after),
    )


def _positions(task: Task, chains: Chains, steps: Sequence[int]) -> list[int]:
    """The steps to edit; raises `UserError` if one of them is not there."""
    states = chains.states(task, 0, LAST_STEP)
    last = int(np.where(states, chains.field, np.int8(Field.PADDING)).max(initial=Field.PADDING)) - Field.STEP
    if last < 0:
        raise UserError(f"{type(task).__name__}: these chains have no step to edit, the answer comes at once")
    for step in steps:
        if not 0 <= step <= last:
            raise UserError(f"step {step} is not there; these chains have steps 0 to {last}")
    return list(steps or range(last + 1))


def _written(batch: Batch, texts: Sequence[Edited], seeds: int, kind: Kind, write: Write) -> list[np.ndarray]:
    """Whole completions for each step, int32 (s * n, m): the text given and what the models wrote behind it."""
    prompts = [behind_prompt(batch, text.text) for text in texts]
    written = write(kind, [prompt.reshape(seeds, -1, *prompt.shape[1:]) for prompt in prompts])
    return [behind_text(text.text, new.reshape(len(text.text), -1)) for text, new in zip(texts, written, strict=True)]


def _numbers(
    task: Task, chains: Chains, step: int, kind: Kind, edited: Edited, before: np.ndarray, after: np.ndarray
) -> tuple[Numbers, Numbers]:
    """Of answers, and of what is written right behind one step: arrays (s * n,)."""
    behind = chains.field == Field.STEP + step + 1
    has_next = behind.any(axis=1) & (kind != "cut")
    texts = (after, before, _following(task, chains, step, kind, edited))
    answers = [task.answer_ids(text) for text in texts]
    next_steps = [
        np.where(has_next, task.step_ids(chains.batch, *_aligned(text, behind)), answer)
        for text, answer in zip(texts, answers, strict=True)
    ]
    return Numbers(*answers), Numbers(*next_steps)


def _following(task: Task, chains: Chains, step: int, kind: Kind, edited: Edited) -> np.ndarray:
    """Completions int32 (s * n, m) that follow from the edited texts; nothing where an edit says nothing."""
    if kind not in LEADING:
        return np.full((len(chains.tokens), 1), PAD, np.int32)
    text, whole = _aligned(edited.text, chains.tokens)
    return task.follow(chains.batch, np.where(text != PAD, text, whole), step)


def _aligned(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays (n, m) of one width, the narrower padded with zeros."""
    width = max(left.shape[1], right.shape[1])
    return tuple(np.pad(rows, ((0, 0), (0, width - rows.shape[1]))) for rows in (left, right))
