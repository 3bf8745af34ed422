"""What completions of `Origins` are worth: the answer, searches that are due and told the truth, and searches that are none.

Dimension letters: `n` problems, `t` searches, `m` tokens of a completion, `e` entities, `k` relations of the longest question.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alchemy.problem import gold
from alchemy.problem.task import EOS, Batch, Judgement, Problem
from tasks.origins.environment import Inverse, episodes, rest, result, truth
from tasks.origins.spec import TEXT_FORMAT, Spec
from tasks.search.spec import SAID
from tasks.search.write import completion_fields, completions


class Searches(NamedTuple):
    """The searches of completions, a verdict each: bool (n, t) but for the first and the last."""

    made: np.ndarray
    """How many there are, int (n,): turns of the right form from the first on."""
    true: np.ndarray
    """Told what the environment tells."""
    supported: np.ndarray
    """Of an entity that was found, by the relation that is due there, or a look at one behind all relations."""
    redundant: np.ndarray
    """Made before, and told something."""
    seen: np.ndarray
    """Entities that bear the badge by what was told, bool (n, e)."""


def searches(spec: Spec, problem: Problem, completion: np.ndarray) -> Searches:
    """Judge the searches of completions int32 (n, m)."""
    tell, t = Inverse.of(spec), -(-completion.shape[1] // spec.turn)
    padded = np.pad(completion, ((0, 0), (0, t * spec.turn)))[:, : t * spec.turn]
    turns = padded.reshape(len(completion), t, spec.turn)
    world, rows, path = episodes(spec, problem), np.arange(len(turns)), problem["path"]
    n, k = path.shape
    mark, entity, relation = (turns[:, :, 0], turns[:, :, 1] - spec.first_entity, turns[:, :, 2] - spec.first_relation)
    found = result(spec, turns[:, :, SAID:])
    to, number = found - spec.first_entity, found - spec.first_number
    failed = (found == spec.untold) & (spec.reliability < 1)
    looks = (mark == tell.look) & (turns[:, :, 2] == tell.badge) & ((number >= 0) | failed)
    related = ((mark == tell.back) | (mark == tell.next)) & (relation >= 0) & (relation < spec.relations)
    related &= ((to >= 0) & (to < spec.entities)) | (to == spec.nothing) | failed
    formed = (looks | related) & (entity >= 0) & (entity < spec.entities) & (turns[:, :, SAID + 1] == tell.found)
    if spec.shown:
        formed &= (turns[:, :, [SAID, -1]] == spec.untold).sum(axis=2) == 1
    formed = np.logical_and.accumulate(formed, axis=1)
    hops = (path >= 0).sum(axis=1)
    reached = np.zeros((n, k + 1, spec.nothing + 1), bool)
    reached[rows, 0, problem["end"]] = True
    known = np.zeros((n, 3, spec.entities, spec.relations + 1), bool)
    seen = np.zeros((n, spec.entities), bool)
    true, supported, redundant = (np.zeros(formed.shape, bool) for _ in range(3))
    for turn in range(t):
        there, is_look = formed[:, turn], looks[:, turn]
        back = mark[:, turn] == tell.back
        e = np.where(there, entity[:, turn], 0)
        r = np.where(there & ~is_look, relation[:, turn], spec.relations)
        true[:, turn] = there & (turns[:, turn, SAID:] == rest(spec, world, turns[:, turn, :SAID], turn)).all(axis=1)
        from_here = np.where(back[:, None], reached[rows, :-1, e], reached[rows, 1:, e])
        due = (path == r[:, None]) & from_here & ~is_look[:, None]
        supported[:, turn] = there & np.where(is_look, reached[rows, hops, e], due.any(axis=1))
        kind = np.where(is_look, 2, np.where(back, 0, 1))
        redundant[:, turn] = there & known[rows, kind, e, r]
        there = there & ~failed[:, turn]
        known[rows, kind, e, r] |= there
        for place in range(k):
            reached[rows, place + 1, np.where(there & ~is_look, to[:, turn], 0)] |= there & due[:, place]
        seen[rows, e] |= there & is_look & (number[:, turn] == problem["badge"])
    return Searches(formed.sum(axis=1), true, supported, redundant, seen)


def habits(spec: Spec, problem: Problem, completion: np.ndarray) -> dict[str, np.ndarray]:
    """How completions int32 (n, m) search, by name: numbers float (n,), nan for the shares of one that makes no search; and
    whether they looked at the badge of what they answer, bool (n,)."""
    judged = searches(spec, problem, completion)
    made = np.arange(judged.true.shape[1]) < judged.made[:, None]
    shares = {
        "repeated_searches": judged.redundant,
        "unsupported_searches": ~judged.supported,
        "untrue_results": ~judged.true,
    }
    count = np.where(judged.made > 0, judged.made, np.nan)
    rows = np.arange(len(completion))
    answer = np.pad(completion, ((0, 0), (0, 2)))[rows, spec.turn * judged.made + 1] - spec.first_entity
    known = (answer >= 0) & (answer < spec.entities)
    return {
        "searches": judged.made.astype(float),
        "supported_answer": known & judged.seen[rows, np.where(known, answer, 0)],
        **{name: (which & made).sum(axis=1) / count for name, which in shares.items()},
    }


def verify(spec: Spec, batch: Batch, completion: np.ndarray) -> Judgement:
    """Any searches will do that are told the truth and supported, within the budget; the answer has to bear the badge."""
    mark, problem = spec.vocabulary.index[TEXT_FORMAT.answer_mark], batch.problem
    right = completions(np.zeros((len(completion), 0, spec.turn), np.int32), spec, truth(spec, problem))
    lines = gold.Gold(right, completion_fields(spec, right), np.ones(len(right), int), np.zeros(len(right), bool))
    answer = gold.judge(lines, completion, np.arange(len(spec.vocabulary)), mark).answer
    judged = searches(spec, problem, completion)
    rows = np.arange(len(completion))[:, None]
    padded = np.pad(completion, ((0, 0), (0, spec.turn + 3)))
    end = padded[rows, np.minimum(spec.turn * judged.made[:, None] + np.arange(3), padded.shape[1] - 1)]
    entity = end[:, 1] - spec.first_entity
    formed = (end[:, 0] == mark) & (entity >= 0) & (entity < spec.entities) & (end[:, 2] == EOS)
    valid = judged.true & judged.supported & (np.arange(judged.true.shape[1]) < problem["budget"][:, None])
    good = np.logical_and.accumulate(valid, axis=1).sum(axis=1)
    trace = formed & (good >= judged.made)
    first_wrong = np.where(trace, judged.made + answer, good).astype(np.int32)
    return Judgement(answer, trace, first_wrong, formed)
