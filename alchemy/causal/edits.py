"""Edits of a written chain of thought: its text up to and with one step, that step changed in some way.

| kind | the text that a model is made to go on from | what follows from it |
|---|---|---|
| `placebo` | the chain up to the step, nothing changed | what followed before |
| `state` | the step says another state of the right form, one symbol apart | what the oracle derives from that state |
| `donor` | the step says what that step of another problem says | the same |
| `prompt` | all steps up to it are another problem's: the trace is kept, the prompt is swapped | the same, under this prompt's rules |
| `filler` | the symbols of the step's state are all `<unk>` | nothing |
| `paraphrase` | the step says the same in another format, where the task has one | what followed before |
| `cut` | the step is the last: the answer is asked for behind it | what followed before, if no later step mattered |

Another problem is one whose text so far has the same marks and operations at the same places, drawn at random.

Dimension letters: `n` problems, `m` tokens of a completion, `t` of a prompt, `c` ids a position carries.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np

from alchemy.errors import UserError, nearest
from alchemy.problem.split import hash_rows
from alchemy.problem.task import NOISE, PAD, Batch, Field, Task

Kind = Literal["placebo", "state", "donor", "prompt", "filler", "paraphrase", "cut"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LEADING: frozenset[Kind] = frozenset(("state", "donor", "prompt"))
"""Edits from which another answer follows, so that an answer can follow the edit or ignore it."""

LAST_STEP = np.iinfo(np.int8).max - Field.STEP
"""Codes of fields go no further."""


class Chains(NamedTuple):
    """Completions of problems, and which part each of their tokens belongs to."""

    batch: Batch
    tokens: np.ndarray  # int32 (n, m)
    field: np.ndarray  # int8 (n, m): as in `Batch.field`; all padding where a completion is not well formed

    @classmethod
    def read(cls, task: Task, batch: Batch, tokens: np.ndarray) -> Chains:
        """Completions int32 (n, m) as the task reads them."""
        return cls(batch, tokens, task.chain_fields(batch, tokens))

    def rows(self, index: slice) -> Chains:
        """Some of them."""
        return Chains(self.batch.rows(index), self.tokens[index], self.field[index])

    def states(self, task: Task, first: int, last: int) -> np.ndarray:
        """Which tokens say the states after steps `first` to `last`: bool (n, m)."""
        inside = (self.field >= Field.STEP + first) & (self.field <= Field.STEP + last)
        return inside & np.isin(self.tokens, task.state_tokens)

    def through(self, text: np.ndarray, step: int) -> np.ndarray:
        """What texts int32 (n, m) of the same parts have up to and with a step, the rest PAD: int32 (n, m)."""
        return np.where((self.field >= Field.STEP) & (self.field <= Field.STEP + step), text, np.int32(PAD))


class Edited(NamedTuple):
    """Chains up to and with one step, which is edited."""

    text: np.ndarray  # int32 (n, m): left-aligned, padded with PAD
    made: np.ndarray  # bool (n,): the chain has that step, and the edit could be made


def check_kind(kind: str) -> None:
    """Raises `UserError` if there is no such kind of edit."""
    if kind not in KINDS:
        raise UserError(f"intervention {kind!r} is unknown{nearest(kind, KINDS)}")


def edit(task: Task, chains: Chains, step: int, kind: Kind, rng: np.random.Generator) -> Edited:
    """Edit step `step` of chains.

    Raises `UserError` where the task has no such edit, as one without another format has no paraphrase.
    """
    check_kind(kind)
    made = chains.states(task, step, step).any(axis=1)
    if kind in ("placebo", "cut"):
        text = chains.tokens
    else:
        text = _changed(task, chains, step, kind, rng)
        made &= (text != chains.tokens).any(axis=1)
    text = chains.through(text, step)
    return Edited(_cut_for_answer(task, text) if kind == "cut" else text, made)


def _changed(task: Task, chains: Chains, step: int, kind: Kind, rng: np.random.Generator) -> np.ndarray:
    """The chains with the step changed, or with all steps up to it: int32 (n, m)."""
    batch, tokens, _ = chains
    if kind == "state":
        return task.other_state(batch, tokens, step, rng)
    if kind == "paraphrase":
        return task.paraphrase(batch, tokens, step)
    state = chains.states(task, 0 if kind == "prompt" else step, step)
    if kind == "filler":
        return np.where(state, np.int32(NOISE), tokens)
    return np.where(state, tokens[_partners(task, chains, step, rng)], tokens)


def _partners(task: Task, chains: Chains, step: int, rng: np.random.Generator) -> np.ndarray:
    """For each chain another whose text up to the step differs in its states alone, itself if there is none: (n,).

    Every chain is the partner of one.
    """
    shape = np.where(chains.states(task, 0, step), np.int32(NOISE), chains.through(chains.tokens, step))
    key = hash_rows(shape, shape != PAD)
    order = np.lexsort((rng.random(len(key)), key))
    ordered, place = key[order], np.arange(len(key))
    first, behind = (np.searchsorted(ordered, ordered, side) for side in ("left", "right"))
    partner = np.empty(len(key), np.intp)
    partner[order] = order[np.where(place + 1 < behind, place + 1, first)]
    return partner


def _cut_for_answer(task: Task, text: np.ndarray) -> np.ndarray:
    """Texts (n, m) whose closing marks have given way to those that ask for the answer: int32 (n, w)."""
    marks = [task.vocabulary.index[mark] for mark in task.text_format.marks]
    opening = np.array(task.answer_opening, np.int32)
    place = np.arange(text.shape[1])
    content = (text != PAD) & ~np.isin(text, [*marks, *opening])
    length = np.where(content, place + 1, 0).max(axis=1, initial=0)
    text = np.where(place < length[:, None], text, PAD)
    text = np.pad(text, ((0, 0), (0, opening.size)))
    np.put_along_axis(text, length[:, None] + np.arange(opening.size), opening[None], axis=1)
    return text


def behind_prompt(batch: Batch, text: np.ndarray) -> np.ndarray:
    """Prompts with texts int32 (n, m) behind them, right-padded: int32 (n, t, c)."""
    prompts = batch.prompts()
    n, t, c = prompts.shape
    tokens = np.zeros((n, t + text.shape[1], c), np.int32)
    tokens[:, :t] = prompts
    row, place = np.nonzero(text)
    tokens[row, batch.prompt_len[row] + place, 0] = text[row, place]
    return tokens[:, : int((tokens[..., 0] != PAD).sum(axis=1).max(initial=1))]


def behind_text(text: np.ndarray, written: np.ndarray) -> np.ndarray:
    """Texts int32 (n, m) with what was written int32 (n, w) behind them: int32 (n, m + w)."""
    tokens = np.zeros((len(text), text.shape[1] + written.shape[1]), np.int32)
    tokens[:, : text.shape[1]] = text
    row, place = np.nonzero(written)
    tokens[row, (text != PAD).sum(axis=1)[row] + place] = written[row, place]
    return tokens
