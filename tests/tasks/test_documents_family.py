"""Documents against independent oracles: laws and posteriors by all worlds there are, searches by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.problem.task import Field
from tasks.documents import Documents, laws
from tasks.documents.searcher import play
from tasks.documents.write import truth

SMALL = Documents(entities=3, relations=3, hops=(1, 2), budgets=(3,), reliability=0.6, slots=2, joins="any")
SOME = replace(SMALL, missing=0.2)
SIDE = replace(SOME, queries=2, pollution=1.0)
TASKS = {"all have answers": SMALL, "some have none": SOME, "side by side": SIDE}
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def sample(task, n=200, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def read(task, row, text):
    """Where the documents of a text lead for each of its searches, and whether they are there, by words alone: [(from, relation, to or None)]."""
    words, asked = text.split(), []
    while words and words[0] == "<search>":
        said, words = words[: 3 * task.queries], words[3 * task.queries :]
        told, words = words[: 2 * task.slots * task.queries], words[2 * task.slots * task.queries :]
        assert words.pop(0) == "<found>"
        for query in range(task.queries):
            _, entity, relation = said[3 * query : 3 * query + 3]
            mine = told[2 * task.slots * query : 2 * task.slots * (query + 1)]
            pairs = [(mine[at], mine[at + 1]) for at in range(0, len(mine), 2)]
            asked.append((entity, relation, next((to for of, to in pairs if of == entity), None), pairs))
    return asked, words


@every_task
def test_documents_say_what_the_world_holds_and_the_right_one_comes_as_often_as_it_should(task):
    batch = sample(task, 400)
    world, came, there = task.episodes(batch.problem)["world"], [], []
    for row, text in enumerate(task.vocabulary.decode_all(task.solve(batch.problem))):
        for entity, relation, to, pairs in read(task, row, text)[0]:
            leads = world[row, "abc".index(entity), int(relation[1]) - 1]
            for of, value in pairs:
                if of != "?":
                    assert world[row, "abc".index(of), int(relation[1]) - 1] == "abc".index(value)
            if leads < 3:
                came.append(to is not None)
                others = [pair for pair in pairs if pair[0] != entity]
                there += [pair[0] != "?" for pair in others] if task.pollution == 1 and not task.missing else []
            else:
                assert to is None
    assert np.mean(came) == pytest.approx(task.reliability, abs=4 * 0.5 / len(came) ** 0.5)
    assert all(there)


def test_places_are_empty_or_about_others_as_pollution_says():
    for pollution in (0.0, 0.5, 1.0):
        task = replace(SMALL, pollution=pollution)
        texts = task.vocabulary.decode_all(task.solve(sample(task, 400).problem))
        searches = [search for row, text in enumerate(texts) for search in read(task, row, text)[0]]
        others = [pair[0] != "?" for entity, _, _, pairs in searches for pair in pairs if pair[0] != entity]
        assert np.mean(others) == pytest.approx(pollution, abs=0.08)


@every_task
def test_the_searcher_goes_on_from_what_a_document_says_and_stops_at_the_end(task):
    batch = sample(task, 100)
    for row, text in enumerate(task.vocabulary.decode_all(task.solve(batch.problem))):
        asked, answer = read(task, row, text)
        path = [f"R{relation + 1}" for relation in batch.problem["path"][row] if relation >= 0]
        at, turns = "abc"[batch.problem["start"][row]], len(asked) // task.queries
        for turn in range(turns):
            mine = asked[turn * task.queries : (turn + 1) * task.queries]
            assert {(entity, relation) for entity, relation, *_ in mine} == {(at, path[0])}
            if found := [to for _, _, to, _ in mine if to]:
                at, path = found[0], path[1:]
        assert answer[0] == "<answer>" and (turns == 3 or not path)
        assert path or answer[1] == at


def everything(task, problem, turns):
    """How likely each answer is, by all worlds of three entities in which what was brought can be: dict."""
    path = [relation for relation in problem["path"][0] if relation >= 0]
    asked = read(task, 0, task.vocabulary.decode(turns.reshape(-1)))[0]
    weight = dict.fromkeys([0, 1, 2, None], 0.0)
    cells = [(entity, relation) for relation in path for entity in range(3)]
    for values in product([0, 1, 2, None], repeat=len(cells)):
        world, chance = dict(zip(cells, values, strict=True)), 1.0
        for value in values:
            chance *= task.missing if value is None else (1 - task.missing) / 3
        for entity, relation, to, pairs in asked:
            number = int(relation[1]) - 1
            leads = world["abc".index(entity), number]
            told = None if to is None else "abc".index(to)
            if leads is None or told is None:
                chance *= (told is None) * (1.0 if leads is None else 1 - task.reliability)
            else:
                chance *= (told == leads) * task.reliability
            for of, value in pairs:  # others are true, and come by chances of their own
                if of not in ("?", entity):
                    chance *= world["abc".index(of), number] == "abc".index(value)
        at = int(problem["start"][0])
        for relation in path:
            at = None if at is None else world[at, relation]
        weight[at] += chance
    total = sum(weight.values())
    return [weight[answer] / total for answer in (0, 1, 2, None)]


@every_task
def test_the_posterior_is_that_of_all_worlds(task):
    """Where no place is empty by chance alone, what is not brought about others says something of these, and of nothing else."""
    batch = sample(replace(task, pollution=0.0), 12, seed=3)
    turns = play(replace(task, pollution=0.0), batch.problem)
    posterior = laws.posterior(task, batch.problem, turns)
    for row in range(12):
        problem = {name: values[row : row + 1] for name, values in batch.problem.items()}
        np.testing.assert_allclose(posterior[row], everything(task, problem, turns[row]), atol=1e-9)


@pytest.mark.parametrize("task", [SOME, SIDE], ids=["one", "side by side"])
def test_true_documents_about_others_change_nothing(task):
    """The same questions, with each place that is left about another entity and with each left empty."""
    clean, full = replace(task, pollution=0.0), replace(task, pollution=1.0)
    problem = sample(clean, 50).problem
    same = [laws.posterior(one, problem, play(one, problem)) for one in (clean, full)]
    np.testing.assert_allclose(*same)


@pytest.mark.parametrize("task", [replace(task, entities=8, relations=4) for task in TASKS.values()], ids=TASKS)
def test_whoever_reads_without_fault_is_as_right_as_the_law_says(task):
    batch = sample(task, 3000)
    right, hops = truth(task, batch.problem), (batch.problem["path"] >= 0).sum(axis=1)
    none = right == task.nothing
    turns = play(task, batch.problem)
    for made in range(4):
        posterior = laws.posterior(task, batch.problem, np.where(np.arange(3)[:, None] < made, turns, 0))
        said = posterior.argmax(axis=1) == np.where(none, task.entities, right)
        for k in task.hops:
            of = hops == k
            for which, rows in ((None, of), (True, of & ~none), (False, of & none)):
                if rows.any():
                    law, error = laws.ceiling(task, k, made, which), 4 * 0.5 / rows.sum() ** 0.5
                    assert said[rows].mean() == pytest.approx(law, abs=error)


def test_the_law_by_hand():
    task = Documents(entities=4, reliability=0.5, missing=0.25)
    assert laws.ceiling(task, 1, 0) == pytest.approx(0.25)  # none, or a guess among four of .1875 each
    assert laws.ceiling(task, 1, 1) == pytest.approx(0.75 * 0.5 + 0.25)
    assert laws.ceiling(task, 1, 1, True) == pytest.approx(0.5) and laws.ceiling(task, 1, 1, False) == pytest.approx(1)
    assert laws.ceiling(replace(task, queries=2), 1, 1) == pytest.approx(0.75 * 0.75 + 0.25)
    assert laws.ceiling(replace(task, missing=0.0), 2, 2) == pytest.approx(0.25 + 0.75 / 4)


def transcript(task, text):
    """One problem in a world, and its verdicts."""
    problem = task.parse("3 14 15 9 28 c R3 R1 6 <think>")
    judged, habits = task.judge_texts(problem, [text])
    return judged, {name: values[0] for name, values in habits.items()}


def test_a_transcript_by_hand():
    task = Documents()
    gold = "<search> c R3 ? ? m b c e <found> <search> e R1 o k m p e j <found> <answer> j"
    judged, habits = transcript(task, gold)
    assert judged.answer[0] and judged.trace[0] and habits["supported_answer"]
    assert (habits["turns"], habits["searches"], habits["documents_beside_the_point"]) == (2, 2, 3 / 6)
    assert not habits["repeated_searches"] and not habits["unsupported_searches"] and not habits["untrue_results"]
    told = "<search> c R3 ? ? m b c d <found> <search> d R1 d j ? ? ? ? <found> <answer> j"
    judged, habits = transcript(task, told)
    assert judged.answer[0] and not judged.trace[0] and habits["untrue_results"] == 1 and habits["supported_answer"]
    judged, habits = transcript(task, "<answer> j")
    assert (
        judged.answer[0] and judged.trace[0] and not habits["supported_answer"] and np.isnan(habits["untrue_results"])
    )
    steps = task.text_steps(task.parse("3 14 15 9 28 c R3 R1 6 <think>"), told)
    assert [step.mark for step in steps] == ["wrong", "follows", "follows"]


@pytest.mark.parametrize(
    ("text", "repeated", "unsupported"),
    [
        ("<search> c R3 ? ? m b c e <found> <search> c R3 ? ? ? ? ? ? <found> <answer> d", 1 / 2, 0),
        ("<search> c R1 ? ? ? ? ? ? <found> <answer> d", 0, 1),
        ("<search> h R3 ? ? ? ? ? ? <found> <answer> d", 0, 1),
    ],
)
def test_searches_that_repeat_or_are_not_due(text, repeated, unsupported):
    _, habits = transcript(Documents(), text)
    assert (habits["repeated_searches"], habits["unsupported_searches"]) == (repeated, unsupported)


def test_none_is_supported_by_searches_in_vain():
    task = replace(SOME, budgets=(5,))
    batch = sample(task, 300)
    right = truth(task, batch.problem)
    _, habits = task.judge_texts(batch.problem, task.vocabulary.decode_all(task.solve(batch.problem)))
    none = right == task.nothing
    assert habits["supported_answer"][none].all() and none.any()
    one = np.flatnonzero(none)[:1]
    problem = {name: values[one] for name, values in batch.problem.items()}
    assert not task.judge_texts(problem, ["<answer> <none>"])[1]["supported_answer"][0]


def test_what_is_brought_has_no_loss():
    batch = sample(SIDE, 50)
    turn = (batch.field >= Field.STEP).sum(axis=1) // SIDE.turn
    assert SIDE.turn == 6 + 8 + 1
    asked = turn == 3
    assert (batch.told.sum(axis=1) == 9 * turn + asked).all()


def test_fields_of_a_problem_and_shifts():
    task = Documents()
    assert (
        Documents(missing=0.2).instructions != task.instructions
        and "2 of these" in replace(task, queries=2).instructions
    )
    assert set(task.features(sample(task).problem)) == {"hops", "budget"}
    sizes = {name: task.shift(name).size for name in task.shifts}
    assert sizes["pollution=1.0"] == 0.5 and sizes["hops=3"] == 1 and sizes["budget=12"] == 6
    assert sizes["announced=off"] == 1 and sizes["missing=0.1"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"slots": 5}, "slots 5 is outside 1 to 4"),
        ({"queries": 0}, "queries 0 is outside 1 to 4"),
        ({"pollution": 1.5}, "pollution 1.5 is outside 0 to 1"),
        ({"reliability": 0}, "reliability 0 is outside"),
        ({"missing": 1.0}, "missing 1.0 is outside"),
        ({"hops": ()}, "hops is empty"),
        ({"budgets": (40,)}, "budgets 40 is outside 0 to 32"),
        ({"joins": "sen"}, "did you mean 'seen'"),
    ],
)
def test_impossible_fields(change, says):
    with pytest.raises(UserError, match=says.replace("(", r"\(")):
        Documents(**change)


@pytest.mark.parametrize(
    "text",
    [
        "1 2 3 4 5 c R3 6",
        "1 2 3 4 a c R3 6 <think>",
        "1 2 3 4 5 c R3 R3 6 <think>",
        "1 2 3 4 5 c R3 7 <think>",
        "<think>",
    ],
)
def test_prompts_that_are_none(text):
    with pytest.raises(UserError, match="is not 5 numbers"):
        Documents().parse(text)
