"""Problems of `Rules` as tokens, and what follows from a letter that was changed.

Dimension letters: `n` problems, `a` letters of a rule, `k` applications at most, `m` tokens of a completion.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import EOS, PAD, Batch, Field, Problem
from tasks.rules.spec import TEXT_FORMAT, THINK, Spec


def write(spec: Spec, problem: Problem) -> Batch:
    """Whole lines: the rule, how often it is applied, the letter, the letter after each application, and the answer."""
    rule, prompt = problem["rule"], spec.longest_prompt
    text, field = np.empty((2, len(rule), spec.clean_len), np.int32)
    text[:, : spec.letters] = rule + np.int32(spec.first_letter)
    text[:, spec.letters] = problem["times"] + np.int32(spec.one - 1)
    text[:, spec.letters + 1] = problem["letter"] + np.int32(spec.first_letter)
    text[:, prompt - 1] = spec.vocabulary.index[THINK]
    text[:, prompt:] = completions(spec, problem, applied(rule, problem["letter"], max(spec.times)))
    field[:, :prompt] = [*[0] * spec.letters, 1, 2, 3]
    steps = np.tile(Field.STEP + np.arange(max(spec.times)), (len(rule), 1))
    field[:, prompt:] = _select(spec, problem, steps, (Field.ANSWER, Field.ANSWER, Field.END, Field.PADDING))
    return Batch(text[..., None], np.full(len(rule), prompt, np.int32), field.astype(np.int8), problem)


def applied(rule: np.ndarray, letter: np.ndarray, times: int) -> np.ndarray:
    """The letters after 1, 2, ... applications of rules int8 (n, a) to letters int8 (n,): int8 (n, times)."""
    letters, at = np.empty((len(rule), times), np.int8), letter.astype(np.intp)
    for place in range(times):
        letters[:, place] = at = rule[np.arange(len(rule)), at].astype(np.intp)
    return letters


def completions(spec: Spec, problem: Problem, letters: np.ndarray) -> np.ndarray:
    """Chains of letters int8 (n, k) and the answers at their ends, int32 (n, m)."""
    ids = letters + np.int32(spec.first_letter)
    answer = np.take_along_axis(ids, problem["times"][:, None].astype(np.intp) - 1, axis=1)
    behind = spec.vocabulary.index[TEXT_FORMAT.answer_mark], answer, EOS, PAD
    return _select(spec, problem, ids, behind).astype(np.int32)


def _select(spec: Spec, problem: Problem, chain: np.ndarray, behind: tuple[np.ndarray | int, ...]) -> np.ndarray:
    """Rows (n, m) of chains (n, k), and what stands `behind`: mark, answer, end, padding."""
    place, stop = np.arange(spec.clean_len - spec.longest_prompt), problem["times"][:, None] * spec.cot
    chain = np.pad(chain, ((0, 0), (0, 3)))[:, : place.size]
    return np.select([place < stop, *(place == stop + i for i in range(3))], [chain, *behind[:-1]], behind[-1])


def follow(spec: Spec, problem: Problem, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) that begin as the given ones up to and with a step, with the letters and the answer that follow
    from it; padding where it says no letter of the rule, or where the chain has no such step."""
    said = np.pad(completion, ((0, 0), (0, step + 1)), constant_values=PAD)[:, step] - spec.first_letter
    known = (said >= 0) & (said < spec.letters) & (problem["times"] * spec.cot > step)
    letter = np.where(known, said, 0).astype(np.int8)
    most = max(max(spec.times), step + 1)
    letters = np.column_stack(
        [np.zeros((len(said), step), np.int8), letter, applied(problem["rule"], letter, most - step - 1)]
    )
    followed = completions(spec, problem, letters)
    given = completion[:, : step + 1]
    followed[:, : given.shape[1]] = given[:, : followed.shape[1]]
    followed[~known] = PAD
    return followed
