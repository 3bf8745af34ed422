"""Claims on where searching stops or harms: the numbers that decide, and that each check can fail and each gate leaves it open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alchemy.report.claim import judge
from alchemy.stats.verdict import Verdict
from experiments.world import deeper_questions, forced_search, too_much_search
from experiments.world.whole_episodes import Episodes
from tasks.documents import Documents, laws
from tasks.documents.searcher import play
from tasks.documents.write import truth

TASK = too_much_search.Config().task


def seeds(values):
    return np.broadcast_to(np.asarray(values, float), (10, *np.shape(values))).copy()


def verdicts(module, measured, changes):
    return judge(module.CLAIM, module.check(replace(measured, **changes))).verdict


HARM = too_much_search.Measured(
    found={"clean": seeds([0.1, 0.5, 0.9]), "beside the point": seeds([0.1, 0.3, 0.3])},
    none={"clean": seeds([1.0, 1.0, 0.95]), "beside the point": seeds([1.0, 0.3, 0.1])},
    among={"clean": seeds([1.0, 1.0, 1.0]), "beside the point": seeds([1.0, 0.6, 0.5])},
    one_hop=seeds(1.0),
    ceiling=np.array([0.1, 0.5, 0.9]),
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"none": {**HARM.none, "beside the point": seeds([1.0, 0.8, 0.7])}}, Verdict.FAILS),
        ({"none": {**HARM.none, "clean": seeds([1.0, 1.0, 0.8])}}, Verdict.FAILS),
        ({"found": {**HARM.found, "beside the point": seeds([0.1, 0.5, 0.7])}}, Verdict.FAILS),
        ({"among": {**HARM.among, "beside the point": seeds([1.0, 0.3, 0.2])}}, Verdict.FAILS),
        ({"one_hop": seeds(0.5)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_too_much_search_can_fail_and_its_gate_leaves_it_open(changes, verdict):
    assert verdicts(too_much_search, HARM, changes) == verdict


FORCED = forced_search.Measured(
    free=seeds([0.1, 0.3, 0.6, 0.8, 0.9, 0.95, 0.96]),
    forced=seeds([0.1, 0.3, 0.55, 0.5, 0.45, 0.4, 0.35]),
    beside=seeds([0.6, 0.75, 0.8]),
    one_hop=seeds(1.0),
    ceiling=np.linspace(0.1, 1, 7),
    law=np.array([0.6, 0.8, 0.9]),
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"forced": FORCED.forced - np.array([0, 0, 0.2, 0, 0, 0, 0])}, Verdict.FAILS),
        ({"forced": np.maximum(FORCED.forced, [0, 0, 0, 0, 0, 0, 0.53])}, Verdict.FAILS),
        ({"free": FORCED.forced}, Verdict.FAILS),
        ({"beside": seeds([0.3, 0.35, 0.4])}, Verdict.FAILS),
        ({"beside": seeds([0.6, 0.6, 0.62])}, Verdict.FAILS),
        ({"one_hop": seeds(0.5)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_forced_search_can_fail_and_its_gate_leaves_it_open(changes, verdict):
    assert verdicts(forced_search, FORCED, changes) == verdict


def test_of_searches_side_by_side_the_first_with_evidence_is_taken_and_the_law_is_theirs():
    task = replace(TASK, budgets=(2,), hops=(1, 2), missing=0.15)
    batch, n = task.sample(np.random.default_rng(0), 4000), 4000
    world, right = task.episodes(batch.problem), truth(task, batch.problem)
    short = []
    for number in range(3):
        later = {name: array if name == "world" else array[:, 2 * number :] for name, array in world.items()}
        turns = oracle(task, batch.problem, later)
        said = np.where(turns["found"] >= 0, turns["found"], 0) + task.first_entity
        short.append(Episodes(batch, said[None, :, None], np.full((1, n), 2), turns["text"][None]))
    taken = forced_search.chosen(task, short).answers[0] - task.first_entity
    asked = right != task.nothing
    law = forced_search.side_by_side(task, 3)
    guess = (1 - law) / task.entities
    np.testing.assert_allclose((taken == right[:, None])[asked].mean(axis=0), law + guess, atol=0.04)
    assert (np.diff(law) > 0).all()


def oracle(task, problem, world):
    """Two turns of the searcher in a world with other luck, and where they came to behind all relations, -1 for nowhere."""
    from tasks.documents.environment import Library, about

    library, n = Library.of(task), len(problem["start"])
    at, done = problem["start"].astype(int), np.zeros(n, int)
    hops, text = (problem["path"] >= 0).sum(axis=1), np.zeros((n, 2, task.turn), np.int32)
    for turn in range(2):
        relation = problem["path"][np.arange(n), np.minimum(done, problem["path"].shape[1] - 1)]
        said = np.stack(
            [np.full(n, library.search), at + task.first_entity, np.maximum(relation, 0) + task.first_relation], 1
        )
        whole = np.hstack([said, library.tell(world, turn, said)]).astype(np.int32)
        goes = done < hops
        text[:, turn] = np.where(goes[:, None], whole, 0)
        found = goes & (about(task, whole)[:, 0] >= 0)
        at, done = np.where(found, about(task, whole)[:, 0], at), done + found
    return {"text": text, "found": np.where(done == hops, at, -1)}


def test_how_often_documents_lead_to_the_end():
    task = Documents(reliability=0.5)
    assert laws.found(task, 1, 2) == pytest.approx(0.75) and laws.found(task, 2, 2) == pytest.approx(0.25)
    batch = replace(task, budgets=(4,)).sample(np.random.default_rng(0), 3000)
    turns = play(replace(task, budgets=(4,)), batch.problem)
    posterior = laws.posterior(task, batch.problem, turns).max(axis=1) > 0.999
    for hops in (1, 2):
        rows = (batch.problem["path"] >= 0).sum(axis=1) == hops
        assert posterior[rows].mean() == pytest.approx(laws.found(task, hops, 4), abs=0.04)


DEPTH = deeper_questions.Measured(
    depths=(3, 4, 5),
    free=seeds([[0.1, 1.0], [0.1, 0.06], [0.1, 0.07]]),
    forced=seeds([[0.1, 0.9], [0.1, 0.06], [0.1, 0.07]]),
    found=seeds([1.0, 0.0, 0.01]),
    trained=seeds(1.0),
    ceiling=np.ones((3, 2)),
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"free": seeds([[0.1, 1.0], [0.1, 0.3], [0.1, 0.07]])}, Verdict.FAILS),
        ({"free": seeds([[0.1, 1.0], [0.1, 0.06], [0.1, 0.3]])}, Verdict.FAILS),
        ({"found": seeds([1.0, 0.1, 0.0])}, Verdict.FAILS),
        ({"forced": seeds([[0.1, 1.0], [0.1, 0.3], [0.1, 0.07]])}, Verdict.FAILS),
        ({"trained": seeds(0.9)}, Verdict.UNDECIDED),
    ],
)
def test_each_check_of_deeper_questions_can_fail_and_its_gate_leaves_it_open(changes, verdict):
    assert verdicts(deeper_questions, DEPTH, changes) == verdict
