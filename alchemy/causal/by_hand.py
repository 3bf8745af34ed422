"""One step of one chain, changed by hand: what the model then writes, and what would follow.

Dimension letters: `m` tokens of a completion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from alchemy.causal.edits import LAST_STEP, Chains, behind_prompt, behind_text
from alchemy.decoding.generate import generate
from alchemy.errors import UserError, nearest
from alchemy.learning.model import Model
from alchemy.problem.task import PAD, Batch, Field, Task

SPARE = 8
"""Tokens that a model may write beyond the longer of the two right completions."""


@dataclass(frozen=True)
class Examined:
    """Texts of one problem, as symbols, and what the model's answer did."""

    prompt: str
    chain: str
    """The gold completion."""
    given: str
    """The chain up to and with the step, that step changed."""
    written: str
    """What the model writes behind it."""
    unedited: str
    """What it writes behind the same text without the change."""
    follows: str
    """What follows from the changed step; empty if nothing does."""
    outcome: str
    """follows, ignores, neither, or both where the two are the same."""


def examine(model: Model, params: Any, task: Task, batch: Batch, step: int, state: str) -> Examined:
    """Let the state after step `step`, counted from 0, of the gold chain of one problem (n = 1) be `state`, symbols with blanks
    between them, and the model go on. params leaves (1, ...). Raises `UserError` if the chain has no such step, or the step no
    such state.
    """
    chains = Chains.read(task, batch, batch.completions())
    chain, changed = chains.tokens, _with_state(task, chains, step, state)
    before, after = (chains.through(text, step) for text in (chain, changed))
    target = task.follow(batch, changed, step)
    longest = max(int((text != PAD).sum()) for text in (chain, target))
    written = []
    for text in (before, after):
        prompt = behind_prompt(batch, text)
        room = min(longest + SPARE, model.context - prompt.shape[1])
        written.append(generate(model, params, prompt, max_new=room)[0])
    numbers = [task.answer_ids(behind_text(text, new))[0] for text, new in zip((before, after), written, strict=True)]
    wanted = task.answer_ids(target)[0]
    outcome = {(True, True): "both", (True, False): "follows", (False, True): "ignores", (False, False): "neither"}
    show = task.vocabulary.decode
    return Examined(
        prompt=task.show_part(batch.prompts()[0]),
        chain=show(chain[0]),
        given=show(after[0]),
        written=show(written[1][0]),
        unedited=show(written[0][0]),
        follows=show(target[0]),
        outcome=outcome[bool(numbers[1] == wanted), bool(numbers[1] == numbers[0])],
    )


def _with_state(task: Task, chains: Chains, step: int, state: str) -> np.ndarray:
    """The chain int32 (1, m) whose step says `state`."""
    places = chains.states(task, step, step)[0]
    if not places.any():
        fields = chains.field[0, chains.states(task, 0, LAST_STEP)[0]]
        steps = f"expected 1 to {fields.max() - Field.STEP + 1}" if fields.size else "the answer comes at once"
        raise UserError(f"step {step + 1} is not in this chain: {steps}")
    symbols = [task.vocabulary.symbols[token] for token in task.state_tokens]
    for symbol in state.split():
        if symbol not in symbols:
            raise UserError(f"{symbol!r} says nothing of a state{nearest(symbol, symbols)}")
    original = task.vocabulary.decode(chains.tokens[0, places])
    if len(state.split()) != places.sum():
        raise UserError(f"state {state!r} has {len(state.split())} symbols, expected {places.sum()} as in {original!r}")
    changed = chains.tokens.copy()
    changed[0, places] = task.vocabulary.encode(state)
    return changed
