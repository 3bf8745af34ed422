"""What completions of `Documents` are worth: the answer, searches that are due and brought what they should be, and searches that are none.

Dimension letters: `n` problems, `t` turns, `q` searches of a turn, `m` tokens of a completion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.problem import gold
from alchemy.problem.task import EOS, Batch, Judgement, Problem
from tasks.documents.environment import Library, about, episodes
from tasks.documents.spec import TEXT_FORMAT, Spec
from tasks.documents.write import truth
from tasks.search.spec import MOST_SEARCHES, SAID
from tasks.search.write import completion_fields, completions


class Searches(NamedTuple):
    """The turns of completions, verdicts on each of their searches: bool (n, t, q) but for those that say otherwise."""

    made: np.ndarray
    """How many turns there are, int (n,): those of the right form from the first on."""
    true: np.ndarray
    """Turns that were brought what the environment brings, bool (n, t)."""
    supported: np.ndarray
    """About an entity that was found in an earlier turn by the relation before, or the first one, and the relation that is due there."""
    redundant: np.ndarray
    """About what a document of an earlier turn said."""
    beside: np.ndarray
    """How many of their documents are about other entities, int (n, t, q)."""
    found: np.ndarray
    """Entities that documents led to behind the last relation, bool (n, e)."""
    vain: np.ndarray
    """Whether something due was asked for that no document was brought about, bool (n,)."""


def searches(spec: Spec, problem: Problem, completion: np.ndarray) -> Searches:
    """Judge the turns of completions int32 (n, m)."""
    library, world, path = Library.of(spec), episodes(spec, problem), problem["path"]
    n, (k, q) = len(completion), (path.shape[1], spec.queries)
    t, rows = min(MOST_SEARCHES, -(-completion.shape[1] // spec.turn)), np.arange(n)
    turns = np.pad(completion, ((0, 0), (0, t * spec.turn)))[:, : t * spec.turn].reshape(n, t, spec.turn)
    said = turns[:, :, : spec.said].reshape(n, t, q, SAID)
    documents = turns[:, :, spec.said : -1].reshape(n, t, q, spec.slots, 2) - spec.first_entity
    entity, relation = said[..., 1] - spec.first_entity, said[..., 2] - spec.first_relation
    asked = (said[..., 0] == library.search) & (entity >= 0) & (entity < spec.entities)
    asked &= (relation >= 0) & (relation < spec.relations)
    empty = (documents == library.empty - spec.first_entity).all(axis=-1)
    whole = ((documents >= 0) & (documents < spec.entities)).all(axis=-1)
    formed = asked.all(axis=2) & (empty | whole).all(axis=(2, 3)) & (turns[:, :, -1] == library.found)
    formed = np.logical_and.accumulate(formed, axis=1)
    brought = about(spec, turns)
    reached = np.zeros((n, k + 1, spec.entities), bool)
    reached[rows, 0, problem["start"]] = True
    known = np.zeros((n, spec.entities, spec.relations), bool)
    asked_for = np.zeros((n, k, spec.entities), bool)
    true, supported, redundant = np.zeros((n, t), bool), *(np.zeros((n, t, q), bool) for _ in range(2))
    for turn in range(t):
        there = formed[:, turn]
        told = library.tell(world, turn, turns[:, turn, : spec.said])
        true[:, turn] = there & (turns[:, turn, spec.said :] == told).all(axis=1)
        e, r = (np.where(there[:, None], values[:, turn], 0) for values in (entity, relation))
        due = (path[:, None] == r[:, :, None]) & reached[rows[:, None], :-1, e] & there[:, None, None]  # (n, q, k)
        supported[:, turn] = due.any(axis=2)
        redundant[:, turn] = there[:, None] & known[rows[:, None], e, r]
        says = there[:, None] & (brought[:, turn] >= 0)
        for query in range(q):
            known[rows, e[:, query], r[:, query]] |= says[:, query]
            asked_for[rows, :, e[:, query]] |= due[:, query]
            to = np.where(says[:, query], brought[:, turn, query], 0)
            for step in range(k):
                reached[rows, step + 1, to] |= says[:, query] & due[:, query, step]
    last = (path >= 0).sum(axis=1)
    relations = np.maximum(path, 0)
    answered = known[rows[:, None], :, relations]  # (n, k, e)
    vain: np.ndarray = (asked_for & ~answered).any(axis=(1, 2))
    beside = (whole & (documents[..., 0] != entity[..., None])).sum(axis=3)
    return Searches(formed.sum(axis=1), true, supported, redundant, beside, reached[rows, last], vain)


def habits(spec: Spec, problem: Problem, completion: np.ndarray) -> dict[str, np.ndarray]:
    """How completions int32 (n, m) search, by name: numbers float (n,), nan for the shares of one that makes no search; and whether
    they found what they answer, or searched in vain where they say that there is none, bool (n,)."""
    judged = searches(spec, problem, completion)
    made = np.arange(judged.true.shape[1]) < judged.made[:, None]
    count = np.where(judged.made > 0, judged.made * spec.queries, np.nan)
    untrue = np.repeat(~judged.true[:, :, None], spec.queries, axis=2)
    shares = {
        "repeated_searches": judged.redundant,
        "unsupported_searches": ~judged.supported,
        "untrue_results": untrue,
        "documents_beside_the_point": judged.beside / spec.slots,
    }
    rows = np.arange(len(completion))
    answer = np.pad(completion, ((0, 0), (0, 2)))[rows, spec.turn * judged.made + 1] - spec.first_entity
    known = (answer >= 0) & (answer < spec.entities)
    found = known & judged.found[rows, np.where(known, answer, 0)]
    return {
        "turns": judged.made.astype(float),
        "searches": judged.made * float(spec.queries),
        "supported_answer": found | ((answer == spec.nothing) & judged.vain & ~judged.found.any(axis=1)),
        **{name: (which * made[:, :, None]).sum(axis=(1, 2)) / count for name, which in shares.items()},
    }


def verify(spec: Spec, batch: Batch, completion: np.ndarray) -> Judgement:
    """Any searches will do that are supported and were brought the truth, within the budget; the answer has to be the right one."""
    mark, problem = spec.vocabulary.index[TEXT_FORMAT.answer_mark], batch.problem
    right = completions(np.zeros((len(completion), 0, spec.turn), np.int32), spec, truth(spec, problem))
    lines = gold.Gold(right, completion_fields(spec, right), np.ones(len(right), int), np.zeros(len(right), bool))
    answer = gold.judge(lines, completion, np.arange(len(spec.vocabulary)), mark).answer
    judged, rows = searches(spec, problem, completion), np.arange(len(completion))[:, None]
    padded = np.pad(completion, ((0, 0), (0, spec.turn + 3)))
    end = padded[rows, np.minimum(spec.turn * judged.made[:, None] + np.arange(3), padded.shape[1] - 1)]
    entity = end[:, 1] - spec.first_entity
    one = (entity >= 0) & ((entity < spec.entities) | (entity == spec.nothing))
    formed = (end[:, 0] == mark) & one & (end[:, 2] == EOS)
    valid = judged.true & judged.supported.all(axis=2)
    valid &= np.arange(valid.shape[1]) < problem["budget"][:, None]
    good = np.logical_and.accumulate(valid, axis=1).sum(axis=1)
    trace = formed & (good >= judged.made)
    return Judgement(answer, trace, np.where(trace, judged.made + answer, good).astype(np.int32), formed)
