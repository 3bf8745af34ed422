"""Turns of several searches are judged as a plain reader of words judges them, whatever is written."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from damaged_texts import NAMES, ids, written
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.problem.shift import Noise
from tasks.documents import Documents, judge, laws
from tasks.documents.environment import Library, episodes
from tasks.search.spec import MOST_SEARCHES

ONE = Documents(entities=4, relations=3, hops=(1, 2), budgets=(1, 2, 3), slots=2)
TASKS = {
    "one": ONE,
    "two": replace(ONE, queries=2),
    "polluted": replace(ONE, queries=2, slots=1, pollution=1.0, reliability=0.4),
    "some": replace(ONE, missing=0.4),
    "hidden": replace(ONE, announced=False, pollution=0.0),
}


class Reader:
    """Reads one text word by word, with the dictionary of its world."""

    def __init__(self, task, problem, row):
        self.task = task
        self.world = {name: values[row] for name, values in episodes(task, problem).items()}
        self.start = int(problem["start"][row])
        self.path = [int(relation) for relation in problem["path"][row] if relation >= 0]
        self.budget = int(problem["budget"][row])
        self.names = NAMES[: task.entities]

    def leads(self, entity, relation):
        """Where a relation leads, None where it leads nowhere."""
        to = int(self.world["world"][entity, relation])
        return None if to == self.task.nothing else to

    def turn(self, words):
        """The searches of a whole turn and the pairs that each was brought, else None."""
        task = self.task
        if len(words) < task.turn or words[task.turn - 1] != "<found>":
            return None
        asked, brought = [], []
        for query in range(task.queries):
            mark, entity, relation = words[3 * query : 3 * query + 3]
            if mark != "<search>" or entity not in self.names:
                return None
            if relation not in [f"R{number}" for number in range(1, task.relations + 1)]:
                return None
            asked.append((self.names.index(entity), int(relation[1:]) - 1))
        rest = words[3 * task.queries : task.turn - 1]
        for query in range(task.queries):
            pairs = []
            for slot in range(task.slots):
                place = 2 * (task.slots * query + slot)
                pair = rest[place : place + 2]
                if pair != ["?", "?"] and not all(word in self.names for word in pair):
                    return None
                pairs.append(None if pair == ["?", "?"] else tuple(map(self.names.index, pair)))
            brought.append(pairs)
        return asked, brought

    def told(self, number, asked):
        """The pairs that the environment brings to the searches of turn `number`."""
        task, brought = self.task, []
        for query, (entity, relation) in enumerate(asked):
            search = number * task.queries + query
            pairs = []
            for slot in range(task.slots):
                here = self.world["brought"][search] and self.world["places"][search] == slot
                if here and self.leads(entity, relation) is not None:
                    pairs.append((entity, self.leads(entity, relation)))
                    continue
                other = (entity + int(self.world["others"][search, slot])) % task.entities
                to = self.leads(other, relation)
                pairs.append((other, to) if self.world["filled"][search, slot] and to is not None else None)
            brought.append(pairs)
        return brought

    def read(self, words):
        """Of each turn (true, supported, redundant, beside), of the rest what was found and whether one searched in vain."""
        task, verdicts, known, due_asked = self.task, [], {}, set()
        reached = [{self.start}, *(set() for _ in self.path)]
        while len(verdicts) < MOST_SEARCHES:
            turn = self.turn(words[len(verdicts) * task.turn :])
            if turn is None:
                break
            asked, brought = turn
            due = [
                [step for step, held in enumerate(self.path) if held == relation and entity in reached[step]]
                for entity, relation in asked
            ]
            own = [
                next((pair[1] for pair in pairs if pair and pair[0] == entity), None)
                for (entity, _), pairs in zip(asked, brought, strict=True)
            ]
            verdicts.append(
                (
                    brought == self.told(len(verdicts), asked),
                    [bool(steps) for steps in due],
                    [search in known for search in asked],
                    [
                        sum(pair is not None and pair[0] != entity for pair in pairs)
                        for (entity, _), pairs in zip(asked, brought, strict=True)
                    ],
                )
            )
            for search, to, steps in zip(asked, own, due, strict=True):
                due_asked |= {search} if steps else set()
                if to is not None:
                    known[search] = to
                    for step in steps:
                        reached[step + 1].add(to)
        return verdicts, reached[-1], bool(due_asked - known.keys())


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_judged_as_words_are_read(task, seed):
    batch, texts = written(task, 60, seed)
    completion = ids(task, texts)
    searched = judge.searches(task, batch.problem, completion)
    habits = judge.habits(task, batch.problem, completion)
    judged = judge.verify(task, batch, completion)
    for row, words in enumerate(texts):
        reader = Reader(task, batch.problem, row)
        verdicts, found, vain = reader.read(words)
        made = len(verdicts)
        assert searched.made[row] == made
        for turn, (true, supported, redundant, beside) in enumerate(verdicts):
            assert bool(searched.true[row, turn]) == true
            assert searched.supported[row, turn].tolist() == supported
            assert searched.redundant[row, turn].tolist() == redundant
            assert searched.beside[row, turn].tolist() == beside
        assert not any(array[row, made:].any() for array in (searched.true, searched.supported, searched.redundant))
        assert set(np.flatnonzero(searched.found[row]).tolist()) == found
        assert bool(searched.vain[row]) == vain
        rest = words[made * task.turn :]
        said = rest[1] if len(rest) > 1 else ""
        there = said in reader.names and reader.names.index(said) in found
        assert bool(habits["supported_answer"][row]) == (there or (said == "<none>" and vain and not found))
        assert habits["turns"][row] == made and habits["searches"][row] == made * task.queries
        shares = {
            "untrue_results": [not true for true, *_ in verdicts],
            "unsupported_searches": [not one for _, supported, *_ in verdicts for one in supported],
            "repeated_searches": [one for *_, redundant, _ in verdicts for one in redundant],
            "documents_beside_the_point": [one / task.slots for *_, beside in verdicts for one in beside],
        }
        for name, values in shares.items():
            np.testing.assert_allclose(habits[name][row], np.mean(values) if made else np.nan)
        whole = len(rest) == 2 and rest[0] == "<answer>" and rest[1] in [*reader.names, "<none>"]
        good = 0
        for turn, (true, supported, *_) in enumerate(verdicts):
            if not (true and all(supported) and turn < reader.budget):
                break
            good += 1
        trace = whole and good == made
        at = len(words) - 1 - words[::-1].index("<answer>") if "<answer>" in words else len(words)
        right = words[at + 1 :] == [NAMES[truth(reader)]]
        assert (bool(judged.well_formed[row]), bool(judged.trace[row]), bool(judged.answer[row])) == (
            whole,
            trace,
            right,
        )
        assert judged.first_wrong_step[row] == (made + right if trace else good)


def truth(reader):
    """The entity that the relations lead to, or none."""
    at = reader.start
    for relation in reader.path:
        at = None if at is None else reader.leads(at, relation)
    return reader.task.nothing if at is None else at


def test_none_is_no_supported_answer_where_something_was_found():
    """Two documents name different entities; from one of them the end is found, of the other nothing is brought."""
    task = replace(ONE, entities=16, joins="any")
    problem = task.parse("3 14 15 9 26 c R3 R1 3 <think>")
    turns = "c R3 c d ? ?", "c R3 c e ? ?", "d R1 d a ? ?", "e R1 ? ? ? ?"
    text = " ".join(f"<search> {turn} <found>" for turn in turns)
    for searched, answer, supported in (
        (text, "a", True),
        (text, "<none>", False),
        (" ".join(text.split()[: 2 * task.turn] + text.split()[3 * task.turn :]), "<none>", True),
    ):
        _, habits = task.judge_texts(problem, [f"{searched} <answer> {answer}"])
        assert bool(habits["supported_answer"][0]) == supported


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_gold_texts_search_until_the_end_is_found_or_the_budget_is_spent(task):
    batch = task.sample(np.random.default_rng(0), 200)
    features = task.features(batch.problem)
    longest = 0
    for row, words in enumerate(task.vocabulary.decode(text).split() for text in batch.completions()):
        reader = Reader(task, batch.problem, row)
        verdicts, found, _ = reader.read(words)
        assert all(true and all(supported) for true, supported, *_ in verdicts)
        assert len(verdicts) == reader.budget if not found else len(verdicts) <= reader.budget
        assert not found or not reader.read(words[: -2 - task.turn])[1], "not a turn more than it takes"
        assert words[len(verdicts) * task.turn :] == ["<answer>", NAMES[truth(reader)]]
        assert (features["hops"][row], features["budget"][row]) == (len(reader.path), reader.budget)
        line = int((batch.text[row] != 0).sum())
        assert line <= task.clean_len and batch.prompt_len[row] <= task.longest_prompt
        longest = max(longest, line)
    assert longest == task.clean_len and batch.prompt_len.min() == task.shortest_prompt
    assert replace(task, noise=Noise("delete", 0.3)).shortest_prompt == 0
    assert all(
        values.shape[1] == MOST_SEARCHES * task.queries
        for name, values in episodes(task, batch.problem).items()
        if name != "world"
    )


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_what_follows_from_another_document_goes_on_from_there(task):
    batch, further = task.sample(np.random.default_rng(1), 120), set()
    gold = batch.completions()
    for step in (0, 1):
        changed = task.other_state(batch, gold, step, np.random.default_rng(step))
        followed = task.follow(batch, changed, step)
        for row in range(120):
            reader, words = Reader(task, batch.problem, row), task.vocabulary.decode(followed[row]).split()
            before, told = (task.vocabulary.decode(text[row]).split() for text in (gold, changed))
            start, end = step * task.turn, (step + 1) * task.turn
            if len(reader.read(before)[0]) <= step:
                assert told == before and not words
                continue
            assert told[:start] == before[:start] and told[end:] == before[end:] and words[:end] == told[:end]
            asked, brought = reader.turn(told[start:end])
            _, held = reader.turn(before[start:end])
            places = [(query, slot) for query in range(task.queries) for slot in range(task.slots)]
            own = [(q, s) for q, s in places if held[q][s] and held[q][s][0] == asked[q][0]] or [(0, 0)]
            for q, s in places:
                if (q, s) in own:
                    assert brought[q][s][0] == asked[q][0]
                    further |= {(brought[q][s][1] - held[q][s][1]) % task.entities} if held[q][s] else set()
                    assert held[q][s] is None or held[q][s][0] != asked[q][0] or brought[q][s] != held[q][s]
                else:
                    assert brought[q][s] == held[q][s]
            verdicts, _, _ = reader.read(words)
            assert all(true and all(supported) for true, supported, *_ in verdicts[step + 1 :])
            at, rest = reader.start, list(reader.path)
            for turn in range(len(verdicts)):
                asked, brought = reader.turn(words[turn * task.turn : (turn + 1) * task.turn])
                leads = [
                    pair[1]
                    for (entity, _), pairs in zip(asked, brought, strict=True)
                    for pair in pairs
                    if pair and pair[0] == entity
                ]
                if leads:
                    at, rest = leads[0], rest[1:]
            assert not rest or len(verdicts) == reader.budget
            for relation in rest:
                at = None if at is None else reader.leads(at, relation)
            assert words[len(verdicts) * task.turn :] == ["<answer>", "<none>" if at is None else NAMES[at]]
    assert further == set(range(1, task.entities)), "any other entity"


def test_requests_that_are_none_are_brought_nothing():
    """Another mark, no entity, no relation, and such as the world does not have; what was asked so says nothing of any answer."""
    problem = ONE.sample(np.random.default_rng(0), 1).problem
    start = NAMES[int(problem["start"][0])]
    first = f"R{int(problem['path'][0, 0]) + 1}"
    library, world = Library.of(ONE), episodes(ONE, problem)
    plain = laws.posterior(ONE, problem, np.zeros((1, 0, ONE.turn), np.int32))
    for request in (
        f"<answer> {start} {first}",
        f"<search> R1 {first}",
        f"<search> {start} b",
        f"<search> e {first}",
        f"<search> {start} R4",
    ):
        said = np.array([ONE.vocabulary.encode(request)], np.int32)
        for turn in range(4):
            told = library.tell(world, turn, said)
            assert ONE.vocabulary.decode(told[0]) == "? ? ? ? <found>"
        turns = np.concatenate([said, told], axis=1)[:, None]
        if "<search>" in request:
            np.testing.assert_array_equal(laws.posterior(ONE, problem, turns), plain)


def test_how_likely_the_end_is_found():
    """By all ways in which searches bring what they are about or do not."""
    for queries, hops, turns in ((1, 1, 3), (1, 2, 3), (2, 2, 3), (3, 1, 2)):
        task, likely = replace(ONE, queries=queries, reliability=0.7), 0.0
        for brought in product((False, True), repeat=queries * turns):
            here = [any(brought[queries * turn : queries * (turn + 1)]) for turn in range(turns)]
            likely += np.prod([0.7 if one else 0.3 for one in brought]) * (sum(here) >= hops)
        assert laws.found(task, hops, turns) == pytest.approx(likely)
