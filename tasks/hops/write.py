"""Problems of `Hops` as tokens, and what follows from a step of a chain.

Dimension letters: `n` problems, `t` letters of a text, `k` hops at most, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.arrays import flat
from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.hops.spec import COMMA, TEXT_FORMAT, THINK, Spec
from tasks.hops.walk import reach, walk


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: the number of hops, the text, the place and the letter after each hop, and the answer."""
    text, n, prompt = problem["text"], len(problem["text"]), spec.longest_prompt
    tokens, field = np.empty((n, spec.clean_len), np.int32), np.empty((n, spec.clean_len), np.int8)
    tokens[:, 0] = problem["hops"] + np.int32(spec.one - 1)
    tokens[:, 1 : prompt - 1] = text + np.int32(spec.first_letter)
    tokens[:, prompt - 1] = spec.vocabulary.index[THINK]
    tokens[:, prompt:] = completions(spec, problem, walked(problem))
    field[:, :prompt] = [0, *[1] * spec.length, 2]
    steps = Field.STEP + np.arange(max(spec.hops)).repeat(3)[None]
    field[:, prompt:] = _select(spec, problem, steps, (Field.ANSWER, Field.ANSWER, Field.END, Field.PADDING))
    return Batch(tokens[..., None], np.full(n, prompt, np.int32), field, problem)


def walked(problem: Problem) -> np.ndarray:
    """The places of as many hops as the longest chain has, from the last letter: int16 (n, k)."""
    last = np.full(len(problem["text"]), problem["text"].shape[1] - 1)
    return walk(problem["text"], last, int(problem["hops"].max(initial=1)))


def completions(spec: Spec, problem: Problem, places: np.ndarray) -> np.ndarray:
    """Chains through places int (n, k) and the answers at their ends, int32 (n, m)."""
    index, row = spec.vocabulary.index, np.arange(len(places))[:, None]
    there = np.maximum(places, 0)
    letters = problem["text"][row, there] + np.int32(spec.first_letter)
    chain = np.stack([there + np.int32(spec.one), letters, np.full_like(letters, index[COMMA])], axis=2)
    answer = letters[row, problem["hops"][:, None].astype(np.intp) - 1]
    behind = index[TEXT_FORMAT.answer_mark], answer, EOS, PAD
    return _select(spec, problem, flat(chain), behind).astype(np.int32)


def _select(spec: Spec, problem: Problem, chain: np.ndarray, behind: tuple[np.ndarray | int, ...]) -> np.ndarray:
    """Rows (n, m) of chains (n, 3k) without their last comma, and what stands `behind`: mark, answer, end, padding."""
    width = spec.clean_len - spec.longest_prompt
    place, stop = np.arange(width), (3 * problem["hops"].astype(int) - 1)[:, None] * spec.cot
    chain = np.pad(chain, ((0, 0), (0, max(0, width - chain.shape[1]))))[:, :width]
    return np.select([place < stop, *(place == stop + i for i in range(3))], [chain, *behind[:-1]], behind[-1])


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) that begin as the given ones up to and with a step, with the hops and the answer that
    follow from it; padding where its letter does not stand at its place, or where too few hops can be taken from there."""
    state = stated(spec, problem, completion, step)
    most = max(step + 1, int(problem["hops"].max(initial=1)))
    places = np.zeros((len(state), most), np.int16)
    places[:, step] = state
    places[:, step + 1 :] = walk(problem["text"], state, most - step - 1)
    followed = completions(spec, problem, places)
    given = completion[:, : 3 * step + 2]
    followed[:, : given.shape[1]] = given
    ends = np.take_along_axis(places, problem["hops"][:, None].astype(np.intp) - 1, axis=1)[:, 0]
    followed[(problem["hops"] <= step) | (state < 0) | (ends < 0)] = PAD
    return followed


def stated(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """The place that a step of completions int32 (n, m) says, int (n,); -1 if its letter does not stand there."""
    said = np.pad(completion, ((0, 0), (0, 3 * step + 2)), constant_values=PAD)[:, 3 * step : 3 * step + 2]
    place, text = said[:, 0] - spec.one, problem["text"]
    there = (place >= 0) & (place < text.shape[1])
    letter = text[np.arange(len(text)), np.where(there, place, 0)]
    return np.where(there & (letter == said[:, 1] - spec.first_letter), place, -1)


def other_state(
    spec: Spec, problem: Problem, completion: np.ndarray, step: int, rng: np.random.Generator
) -> np.ndarray:
    """Completions int32 (n, m) whose step says another letter and a place of it, any from which the chain can go on alike.

    There always is one: of the step's right place and the one before it, one has another letter.
    """
    text, number, letter = problem["text"], 3 * step, 3 * step + 1
    changed, row = completion.copy(), np.flatnonzero(problem["hops"] > step)
    enough = reach(text) >= (problem["hops"] - 1 - step)[:, None]
    fits = enough & (text != completion[:, letter : letter + 1] - spec.first_letter)
    place = np.where(fits, rng.random(text.shape), -1).argmax(axis=1)[row]
    changed[row, number] = place + spec.one
    changed[row, letter] = text[row, place] + np.int32(spec.first_letter)
    return changed
