"""What completions of `Search` are worth: the answer, searches that are told what the world holds, and searches that are none.

Dimension letters: `n` problems, `t` searches, `m` tokens of a completion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.problem import gold
from alchemy.problem.task import EOS, PAD, Batch, Judgement, Problem
from tasks.search import chains
from tasks.search.environment import Lookup, episodes
from tasks.search.spec import FOUND, MOST_SEARCHES, SAID, SEARCH, STRAY, TEXT_FORMAT, Spec
from tasks.search.write import completion_fields, completions, truth


class Searches(NamedTuple):
    """The searches of completions, a verdict each: bool (n, t) but for the first and the last."""

    made: np.ndarray
    """How many there are, int (n,): turns of the right form from the first on."""
    true: np.ndarray
    """Told what the environment tells."""
    worked: np.ndarray
    """Worked out rightly, in as many thoughts as there are to be written."""
    supported: np.ndarray
    """About an entity that was found by the relation before, or the first one, and the relation that is due there."""
    redundant: np.ndarray
    """Made before, with a result that can be trusted."""
    found: np.ndarray
    """Which entities, the one that stands for none included, they have found behind the last relation, bool (n, e + 1)."""


def searches(spec: Spec, problem: Problem, completion: np.ndarray) -> Searches:
    """Judge the searches of completions int32 (n, m); at most as many as a world answers."""
    t, mark = min(MOST_SEARCHES, -(-completion.shape[1] // spec.turn)), spec.mark
    padded = np.pad(completion, ((0, 0), (0, t * spec.turn)))[:, : t * spec.turn]
    turns = padded.reshape(len(completion), t, spec.turn)
    entity, relation = turns[:, :, 1] - spec.first_entity, turns[:, :, 2] - spec.first_relation
    to = chains.meant(spec, turns[:, :, SAID:])
    formed = (turns[:, :, 0] == spec.vocabulary.index[SEARCH]) & (entity >= 0) & (entity < spec.entities)
    formed &= (relation >= 0) & (relation < spec.relations) & (to >= 0) & ((to < spec.entities) | (to == spec.nothing))
    formed &= np.isin(turns[:, :, mark], [spec.vocabulary.index[name] for name in (FOUND, STRAY)])
    letters, thoughts = turns[:, :, SAID + 1 : mark] - spec.first_number, turns[:, :, spec.thinks :]
    formed &= (turns[:, :, mark + 1 : spec.thinks] >= spec.first_number).all(axis=2)
    formed &= ((letters >= 0) & (letters < spec.letters)).all(axis=2)
    is_entity = (thoughts >= spec.first_entity) & (thoughts <= spec.first_entity + spec.nothing)
    formed &= (is_entity | (thoughts == spec.unthought)).all(axis=2)
    formed = np.logical_and.accumulate(formed, axis=1)
    world, lookup, rows = episodes(spec, problem), Lookup.of(spec), np.arange(len(turns))
    path = problem["path"]
    reached = np.zeros((len(turns), path.shape[1] + 1, spec.nothing + 1), bool)
    reached[rows, 0, problem["start"]] = True
    known = np.zeros((len(turns), spec.entities, spec.relations), bool)
    true, worked, supported, redundant = (np.zeros(formed.shape, bool) for _ in range(4))
    written = problem["thoughts"] if spec.chain else np.zeros(len(turns), int)
    sure = spec.tags or spec.reliability == 1
    for turn in range(t):
        said, there = turns[:, turn, :SAID], formed[:, turn]
        e, r = (np.where(there, values[:, turn], 0) for values in (entity, relation))
        true[:, turn] = there & (turns[:, turn, SAID : spec.thinks] == lookup.tell(world, turn, said)).all(axis=1)
        thought = chains.thoughts(spec, turns[:, turn, SAID:], written)
        worked[:, turn] = there & (turns[:, turn, spec.thinks :] == thought).all(axis=1)
        due = (path == r[:, None]) & reached[rows, :-1, e]
        supported[:, turn] = there & due.any(axis=1)
        redundant[:, turn] = there & known[rows, e, r]
        trusted = there & sure & (turns[:, turn, mark] == spec.vocabulary.index[FOUND])
        known[rows, e, r] |= trusted
        counts = (turns[:, turn, mark] == spec.vocabulary.index[FOUND]) & there
        for step in range(path.shape[1]):
            reached[rows, step + 1, np.where(there, to[:, turn], 0)] |= counts & due[:, step]
    found = reached[rows, (path >= 0).sum(axis=1)]
    found[:, spec.nothing] |= reached[:, :, spec.nothing].any(axis=1)  # behind none there is none
    return Searches(formed.sum(axis=1), true, worked, supported, redundant, found)


def habits(spec: Spec, judged: Searches, completion: np.ndarray) -> dict[str, np.ndarray]:
    """How completions int32 (n, m) search, by name: numbers float (n,), nan for the shares of one that makes no search; and
    whether they found what they answer, bool (n,)."""
    made = np.arange(judged.true.shape[1]) < judged.made[:, None]
    shares = {
        "repeated_searches": judged.redundant,
        "unsupported_searches": ~judged.supported,
        "untrue_results": ~judged.true,
        "unworked_results": ~judged.worked,
    }
    count = np.where(judged.made > 0, judged.made, np.nan)
    place = spec.turn * judged.made + 1
    answer = np.pad(completion, ((0, 0), (0, 2)))[np.arange(len(completion)), place] - spec.first_entity
    known = (answer >= 0) & (answer <= spec.nothing)
    return {
        "searches": judged.made.astype(float),
        "supported_answer": known & judged.found[np.arange(len(completion)), np.where(known, answer, 0)],
        **{name: (which & made).sum(axis=1) / count for name, which in shares.items()},
    }


def well_formed(spec: Spec, completion: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Whether completions int32 (n, m) are turns, of which the first `made` int (n,) have the right form, and an answer: bool (n,)."""
    padded = np.pad(completion, ((0, 0), (0, spec.turn + 3)))
    rows, width = np.arange(len(padded))[:, None], padded.shape[1]
    end = padded[rows, np.minimum(spec.turn * made[:, None] + np.arange(3), width - 1)]
    answer = end[:, 1] - spec.first_entity
    is_answer = (answer >= 0) & (answer <= spec.nothing) & ((answer < spec.entities) | (answer == spec.nothing))
    mark = end[:, 0] == spec.vocabulary.index[TEXT_FORMAT.answer_mark]
    return np.asarray(mark & is_answer & (end[:, 2] == EOS))


def verify(spec: Spec, batch: Batch, completion: np.ndarray) -> Judgement:
    """Any searches will do that are told the truth and supported, within the budget; the answer has to be the right one."""
    mark, problem = spec.vocabulary.index[TEXT_FORMAT.answer_mark], batch.problem
    none = np.zeros((len(completion), 0, spec.turn), np.int32)
    right = completions(none, spec, truth(spec, problem))
    fields = completion_fields(spec, right)
    lines = gold.Gold(right, fields, np.ones(len(right), int), np.zeros(len(right), bool))
    answer = gold.judge(lines, completion, np.arange(len(spec.vocabulary)), mark).answer
    judged = searches(spec, problem, completion)
    formed = well_formed(spec, completion, judged.made)
    t = judged.true.shape[1]
    valid = judged.true & judged.worked & judged.supported & (np.arange(t) < problem["budget"][:, None])
    good = np.logical_and.accumulate(valid, axis=1).sum(axis=1)
    trace = formed & (good >= judged.made)
    first_wrong = np.where(trace, judged.made + answer, good).astype(np.int32)
    return Judgement(answer, trace, first_wrong, formed)


def cut(completion: np.ndarray) -> np.ndarray:
    """Completions int32 (n, m) with all behind their end blanked."""
    over = np.cumsum(completion == EOS, axis=1) - (completion == EOS) > 0
    return np.where(over, PAD, completion)
