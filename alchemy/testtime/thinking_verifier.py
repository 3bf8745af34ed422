"""Verifiers that think: models that write about a problem before they mark a completion, letter by letter, and say whether it is good.

A line is the problem, a thought with its end, and what is shown of the completion. Behind each letter of that a mark is due, is it
the right one, and behind its end the verdict. Marks and verdicts are the two ids that learned verifiers have beyond the task's
(`alchemy.testtime.learned_verifier`); they are never read. A thought is written once a problem, whatever many completions are
judged, and read from a cache.

| thought | what stands between the problem and the completion |
|---|---|
| `none` | nothing: a verdict at once, of a verifier that was told letter by letter, too |
| `own` | what the verifier writes; it learns to write the right completion: it solves first and then compares |
| `filler` | as many tokens as the right completion has, all the same; given, not written |
| `swapped` | what the verifier writes; it learns to write the right completion of another problem |

Sources: verifiers trained by next token to reason first, Zhang et al., arXiv:2408.15240; solving before judging, Chen et al.,
arXiv:2505.02387. The controls and the marks are ours. A mark compares with the one right completion, so the task has to have one.

Dimension letters: `n` problems, `k` completions of each, `q` thoughts about each, `m` tokens of a completion, `w` of a thought,
`t` of a line, `c` ids a position carries.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from scipy.special import log_expit, logsumexp

from alchemy.decoding.generate import BUCKET, draw
from alchemy.errors import UserError, nearest
from alchemy.learning.data import Examples
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs
from alchemy.problem.documents import another, end_to_end
from alchemy.problem.task import EOS, PAD, Batch, Field, Task
from alchemy.testtime.learned_verifier import exact, log_odds, written

Thought = Literal["none", "own", "filler", "swapped"]
THOUGHTS: tuple[Thought, ...] = get_args(Thought)
WRITTEN: tuple[Thought, ...] = ("own", "swapped")
"""Those that the verifier writes itself."""
Shows = Literal["chain", "answer"]
SHOWS: tuple[Shows, ...] = get_args(Shows)
Combine = Literal["mean", "vote"]
COMBINES: tuple[Combine, ...] = get_args(Combine)
DOUBT = float(np.log(0.5))
"""Log of the probability below which a text is rather wrong than right."""
SPARE = 2
"""Tokens that a thought may have beyond the longest right completion."""


class Format(NamedTuple):
    """What a verifier thinks, and what it is shown of a completion."""

    thought: Thought = "own"
    shows: Shows = "chain"
    """The whole text, which is good if all of it is right; or the answer alone, which is good if it is right."""


class ThinkingVerifier(NamedTuple):
    """Trained verifiers, one for each seed."""

    runs: Runs
    form: Format


class Stopped(NamedTuple):
    """What verifiers say of completions that they read no further than they believe in, float32 (n, k, q) each."""

    marks: np.ndarray
    """As of `Weighed`, of what was read."""
    read: np.ndarray
    """Tokens of the completion that were read."""


class Weighed(NamedTuple):
    """What verifiers say of completions after each of their thoughts, float32 (n, k, q) each."""

    marks: np.ndarray
    """Log of the product of the probabilities of good at all letters, and at the end if there is one."""
    verdict: np.ndarray
    """Log of the probability of good at the end, or where the text breaks off; -inf of an empty one."""


def check_form(task: Task, form: Format) -> None:
    """Raises `UserError` unless there is such a format, and the task has letters to be marked."""
    for given, known, kind in ((form.thought, THOUGHTS, "thought"), (form.shows, SHOWS, "view of a completion")):
        if given not in known:
            raise UserError(f"{kind} {given!r} is unknown{nearest(given, known)}")
    if not task.state_tokens:
        raise UserError(f"{type(task).__name__} has no steps that say a state: there is nothing to mark")


def shown(task: Task, completions: np.ndarray, shows: Shows) -> np.ndarray:
    """What a verifier sees of completions int32 (n, m), left-aligned: int32 (n, m); an answer with its mark, and none
    where there is no mark."""
    text = np.where(written(completions), completions, PAD)
    if shows == "chain" or not task.answer_opening:
        return text
    width, marked = text.shape[1], text == task.answer_opening[-1]
    first = np.where(marked.any(axis=1), width - 1 - marked[:, ::-1].argmax(axis=1), width)
    return end_to_end(np.where(np.arange(width) >= first[:, None], text, PAD))


def marks(task: Task, batch: Batch, completions: np.ndarray, shows: Shows) -> tuple[np.ndarray, np.ndarray]:
    """Behind which tokens of what is shown of completions int32 (n, m) a mark or the verdict is due, and whether it is good:
    bool (n, m) both. A letter is good if the right completion has it in its place, the end if the oracle says so.

    Raises `UserError` where a completion is good and not the one that the task says.
    """
    text, gold = shown(task, completions, shows), shown(task, batch.completions(), shows)
    letters, ends = np.isin(text, task.state_tokens), text == EOS
    gold = np.pad(gold, ((0, 0), (0, max(0, text.shape[1] - gold.shape[1]))))[:, : text.shape[1]]
    verdict = exact(task, batch, completions, "outcome")[:, 0]
    if shows == "chain":
        verdict = verdict & task.verify(batch, completions).trace
    good = np.where(ends, verdict[:, None], text == gold)
    if (verdict & ends.any(axis=1) & (letters & ~good).any(axis=1)).any():
        raise UserError(
            f"{type(task).__name__} has several right completions of a problem; marks compare with the only one"
        )
    return letters | ends, good


def thoughts(task: Task, batch: Batch, thought: Thought, rng: np.random.Generator) -> np.ndarray:
    """What is to be thought about problems, the end included if anything is: int32 (n, w)."""
    gold = batch.completions()
    if thought == "none":
        return np.zeros((len(gold), 1), np.int32)
    if thought == "filler":
        return np.where((gold == PAD) | (gold == EOS), gold, np.int32(task.step_delimiters[0]))
    if thought == "swapped":
        gold = gold[another((gold != PAD).sum(axis=1, keepdims=True), rng)]
    return gold


def labelled(
    task: Task, batch: Batch, completions: np.ndarray, form: Format, rng: np.random.Generator, cut: bool = False
) -> Examples:
    """Training examples from completions int32 (n, m), one of each problem: marks, verdicts, and thoughts that are written.

    With `cut` a thought breaks off behind any of its steps, or before the first, each as often; where it does, the end is given and
    not learned: verifiers that may be asked for a verdict at any time.
    """
    check_form(task, form)
    text, thought = shown(task, completions, form.shows), thoughts(task, batch, form.thought, rng)
    due, good = marks(task, batch, completions, form.shows)
    if not cut:
        return told(task, batch, thought, text, due, good, form)
    whole = (thought != PAD).sum(axis=1)
    steps = steps_written(batch)
    budget = rng.integers(0, steps.max(axis=1) + 1)
    thought = cut_short(thought, ((steps > 0) & (steps <= budget[:, None])).sum(axis=1))
    examples = told(task, batch, thought, text, due, good, form)
    length = (thought != PAD).sum(axis=1)
    short = np.flatnonzero(length < whole)
    weight = examples.weight.copy()
    weight[short, batch.prompt_len[short] + length[short] - 1] = False
    return examples._replace(weight=weight)


def steps_written(batch: Batch) -> np.ndarray:
    """Which step each token of the gold completions is of, from 1 on, an answer one more than the last: int (n, m), 0 behind the end."""
    field = batch.completion_fields().astype(int)
    step = np.where(field >= Field.STEP, field - Field.STEP + 1, 0)
    return np.where((field == Field.ANSWER) | (field == Field.END), step.max(axis=1, initial=0)[:, None] + 1, step)


def cut_short(thought: np.ndarray, budget: int | np.ndarray) -> np.ndarray:
    """Thoughts int32 (..., w) with their ends, which come behind so many tokens, int or int (...), unless they are there before."""
    last = np.minimum(budget, (thought != PAD).sum(axis=-1) - 1)[..., None]
    place = np.arange(thought.shape[-1])
    return np.where(place < last, thought, np.where(place == last, np.int32(EOS), np.int32(PAD)))


def told(
    task: Task, batch: Batch, thought: np.ndarray, text: np.ndarray, due: np.ndarray, good: np.ndarray, form: Format
) -> Examples:
    """Training examples from thoughts int32 (n, w) about problems and texts int32 (n, m), left-aligned: behind which tokens of these
    a mark is due, and whether it is good, bool (n, m)."""
    tokens = np.pad(end_to_end(batch.prompts(), thought, text), ((0, 0), (0, 1), (0, 0)))
    target, place = tokens[..., 0].copy(), np.arange(tokens.shape[1])
    first = batch.prompt_len + (thought != PAD).sum(axis=1)  # of what is shown
    weight = (place >= batch.prompt_len[:, None]) & (place < first[:, None]) & (form.thought in WRITTEN)
    row, at = np.nonzero(due)
    weight[row, first[row] + at + 1] = True
    target[row, first[row] + at + 1] = len(task.vocabulary) + (1 - good[row, at])
    return Examples(tokens, weight, target)


def thought_room(model: Model, batch: Batch) -> int:
    """Tokens that a thought about problems has at most, without the end that is put behind it."""
    longest = (batch.completions() != PAD).sum(axis=1).max(initial=1)
    return int(min(-(-int(longest + SPARE) // BUCKET) * BUCKET, model.context - batch.prompts().shape[1]))


def think(
    model: Model,
    params: Params,
    task: Task,
    batch: Batch,
    form: Format,
    *,
    samples: int = 1,
    temperature: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """What one model (leaves (1, ...)) thinks about problems, `samples` times, greedily or sampled: int32 (n, q, w), with the
    end, which is put behind a thought that has none."""
    check_form(task, form)
    if form.thought not in WRITTEN:
        given = thoughts(task, batch, form.thought, np.random.default_rng(0))
        return np.repeat(given[:, None], samples, axis=1)
    prompts, room = batch.prompts(), thought_room(model, batch)
    drawn = draw(model, params, prompts, samples=samples, max_new=room, temperature=temperature, seed=seed)
    texts = drawn.completions[0].reshape(-1, room)
    end = np.where((texts == EOS).any(axis=1), PAD, EOS)[:, None]
    return end_to_end(texts, end).reshape(len(prompts), samples, -1)


def read(
    model: Model, params: Params, task: Task, batch: Batch, thought: np.ndarray, completions: np.ndarray, form: Format
) -> Weighed:
    """What one model (leaves (1, ...)) says of completions int32 (n, k, m) behind each of its thoughts int32 (n, q, w)."""
    good, due, length = _marked(model, params, task, batch, thought, completions, form)
    last = length - 1
    verdict = np.take_along_axis(good, np.maximum(last, 0)[..., None, None], axis=3)[..., 0]
    product = np.where(due[:, :, None], good, 0.0).sum(axis=3)
    empty = (last < 0)[..., None]
    return Weighed(*(np.where(empty, -np.inf, values).astype(np.float32) for values in (product, verdict)))


def read_until_wrong(
    model: Model, params: Params, task: Task, batch: Batch, thought: np.ndarray, completions: np.ndarray, form: Format
) -> Stopped:
    """As `read`, by a verifier that goes token by token, and stops where the product of its marks falls below one half: at the first
    one that says bad, at the latest."""
    good, due, length = _marked(model, params, task, batch, thought, completions, form)
    product = np.where(due[:, :, None], good, 0.0).cumsum(axis=3)
    wrong = due[:, :, None] & (product < DOUBT)
    read = np.where(wrong.any(axis=3), wrong.argmax(axis=3) + 1, length[..., None])
    marks = np.take_along_axis(product, np.maximum(read - 1, 0)[..., None], axis=3)[..., 0]
    return Stopped(*(values.astype(np.float32) for values in (np.where(read == 0, -np.inf, marks), read)))


def _marked(
    model: Model, params: Params, task: Task, batch: Batch, thought: np.ndarray, completions: np.ndarray, form: Format
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log of the probability of good behind each token of what is shown, float64 (n, k, q, m), where it counts, bool (n, k, m), and
    tokens shown, int (n, k)."""
    (n, q, _), (_, k, m) = thought.shape, completions.shape
    rows = np.repeat(np.arange(n), q)
    before = end_to_end(batch.prompts()[rows], thought.reshape(n * q, -1))
    text = shown(task, completions.reshape(n * k, m), form.shows)
    due = (np.isin(text, task.state_tokens) | (text == EOS)).reshape(n, k, -1)
    text = text.reshape(n, k, -1)
    odds = log_odds(model, params, before, text[rows][None])[0].reshape(n, q, k, -1)
    return log_expit(odds.astype(float)).swapaxes(1, 2), due, (text != PAD).sum(axis=2)


def mean_probability(values: np.ndarray) -> np.ndarray:
    """Log of the mean over thoughts of probabilities whose logs are float (..., q): float64 (...)."""
    return logsumexp(values.astype(float), axis=-1) - np.log(values.shape[-1])


def combined(values: np.ndarray, how: Combine) -> np.ndarray:
    """One score for thoughts that give logs of probabilities float (..., q): the log of their mean, or of the share of those that say
    good, from one half on; float64 (...), -inf where none does.
    """
    if how not in COMBINES:
        raise UserError(f"combination {how!r} is unknown{nearest(how, COMBINES)}")
    if how == "mean":
        return mean_probability(values)
    with np.errstate(divide="ignore"):
        return np.log((values >= DOUBT).mean(axis=-1))
