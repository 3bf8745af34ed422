"""Searches are judged as a plain reader of words judges them, whatever is written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from damaged_texts import NAMES, ids, written
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.problem.task import EOS
from tasks.search import Search, chains, judge
from tasks.search.environment import episodes
from tasks.search.spec import MOST_SEARCHES

EXACT = Search(entities=4, relations=3, hops=(1, 2), budgets=(1, 2, 3))
TASKS = {
    "exact": EXACT,
    "tagged": replace(EXACT, reliability=0.5),
    "votes": replace(EXACT, reliability=0.5, tags=False),
    "sure": replace(EXACT, tags=False),
    "some": replace(EXACT, missing=0.4),
    "tracked": replace(EXACT, reliability=0.6, tags=False, announced=False, tracked=True),
    "worked": replace(EXACT, reliability=0.6, chain=2, letters=3, thoughts=(0, 1, 2)),
}
seeds = st.integers(0, 2**16)


class Reader:
    """Reads one text word by word, with the dictionary of its world."""

    def __init__(self, task, problem, row):
        self.task = task
        self.world = {name: values[row] for name, values in episodes(task, problem).items()}
        self.start = int(problem["start"][row])
        self.path = [int(relation) for relation in problem["path"][row] if relation >= 0]
        self.budget = int(problem["budget"][row])
        self.thoughts = int(problem["thoughts"][row]) if task.chain else 0
        self.table = chains.permutations(task.entities, task.letters) if task.chain else None

    def entity(self, word):
        """The number of a name in this world; none is `task.nothing`."""
        if word not in NAMES:
            return None
        number = NAMES.index(word)
        return number if number < self.task.entities or number == self.task.nothing else None

    def passed(self, word, letters):
        """The entities that letters lead through from a name: of none, none."""
        at, through = NAMES.index(word), []
        for letter in letters:
            at = at if at >= self.task.entities else int(self.table[letter, at])
            through.append(at)
        return through

    def turn(self, words):
        """(entity, relation, meant, tag, as told, thoughts) of words that are a whole turn, else None."""
        task = self.task
        if len(words) < task.turn or words[0] != "<search>":
            return None
        entity, relation = self.entity(words[1]), words[2]
        if entity is None or entity == task.nothing:
            return None
        if relation not in [f"R{number}" for number in range(1, task.relations + 1)]:
            return None
        if words[3] not in NAMES:
            return None
        letters, rest = words[4 : 4 + task.chain], words[4 + task.chain :]
        if not all(letter.isdigit() and int(letter) < task.letters for letter in letters):
            return None
        numbers = [int(letter) for letter in letters]
        meant = self.passed(words[3], numbers)[-1] if task.chain else NAMES.index(words[3])
        if not (meant < task.entities or meant == task.nothing) or rest[0] not in ("<found>", "<stray>"):
            return None
        if task.tracked and not rest[1].isdigit():
            return None
        thoughts = rest[1 + task.tracked : 1 + task.tracked + task.chain]
        if not all(thought in NAMES or thought == "?" for thought in thoughts):
            return None
        return entity, int(relation[1:]) - 1, meant, words[3 : task.turn - task.chain], numbers, thoughts

    def told(self, number, entity, relation):
        """The words that the environment says to search `number`."""
        task, world = self.task, self.world
        right = bool(world["luck"][number])
        to = int(world["world"][entity, relation]) if right else int(world["strays"][number])
        letters = []
        if task.chain:
            letters = [int(letter) for letter in world["letters"][number][: task.chain]]
            for letter in reversed(letters):  # back from what is meant to what is said
                to = to if to >= task.entities else int(np.flatnonzero(self.table[letter] == to)[0])
        tag = "<found>" if right or not task.tags else "<stray>"
        left = [str(max(self.budget - number - 1, 0))] if task.tracked else []
        return [NAMES[to], *map(str, letters), tag, *left]

    def read(self, words):
        """Verdicts of the turns, and the entities found behind the last relation."""
        task, verdicts, known = self.task, [], set()
        reached = [{self.start}, *(set() for _ in self.path)]
        while len(verdicts) < MOST_SEARCHES:
            turn = self.turn(words[len(verdicts) * task.turn :])
            if turn is None:
                break
            entity, relation, meant, told, letters, thoughts = turn
            right = told == self.told(len(verdicts), entity, relation)
            worked = True
            if task.chain:
                through = [NAMES[at] for at in self.passed(told[0], letters)]
                worked = thoughts == through[: self.thoughts] + ["?"] * (task.chain - self.thoughts)
            due = [step for step, held in enumerate(self.path) if held == relation and entity in reached[step]]
            verdicts.append((right, worked, bool(due), (entity, relation) in known))
            found = "<found>" in told
            if found and (task.tags or task.reliability == 1):
                known.add((entity, relation))
            for step in due if found else ():
                reached[step + 1].add(meant)
        ends = set(reached[-1])
        if any(task.nothing in entities for entities in reached):
            ends.add(task.nothing)
        return verdicts, ends


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@settings(max_examples=6, deadline=None)
@given(seed=seeds)
def test_judged_as_words_are_read(task, seed):
    batch, texts = written(task, 60, seed)
    completion = ids(task, texts)
    searched = judge.searches(task, batch.problem, completion)
    habits = judge.habits(task, searched, completion)
    judged = judge.verify(task, batch, completion)
    assert searched.found.shape == (60, task.nothing + 1)
    for row, words in enumerate(texts):
        reader = Reader(task, batch.problem, row)
        verdicts, ends = reader.read(words)
        made = len(verdicts)
        assert searched.made[row] == made
        arrays = searched.true, searched.worked, searched.supported, searched.redundant
        for turn, expected in enumerate(verdicts):
            assert tuple(bool(array[row, turn]) for array in arrays) == expected
        assert not any(array[row, made:].any() for array in arrays)
        assert set(np.flatnonzero(searched.found[row]).tolist()) == ends
        rest = words[made * task.turn :]
        answer = NAMES.index(rest[1]) if len(rest) > 1 and rest[1] in NAMES else None
        assert habits["supported_answer"][row] == (answer in ends)
        assert habits["searches"][row] == made
        for name, column, bad in (
            ("untrue_results", 0, False),
            ("unworked_results", 1, False),
            ("unsupported_searches", 2, False),
            ("repeated_searches", 3, True),
        ):
            share = np.mean([verdict[column] == bad for verdict in verdicts]) if made else np.nan
            np.testing.assert_allclose(habits[name][row], share)
        whole = len(rest) == 2 and rest[0] == "<answer>" and reader.entity(rest[1]) is not None
        good = 0
        for turn, (true, worked, supported, _) in enumerate(verdicts):
            if not (true and worked and supported and turn < reader.budget):
                break
            good += 1
        trace = whole and good == made
        assert (judged.well_formed[row], judged.trace[row]) == (whole, trace)
        at = len(words) - 1 - words[::-1].index("<answer>") if "<answer>" in words else len(words)
        right = words[at + 1 :] == [NAMES[truth(reader)]]
        assert judged.answer[row] == right
        assert judged.first_wrong_step[row] == (made + right if trace else good)


def truth(reader):
    at = reader.start
    for relation in reader.path:
        at = at if at == reader.task.nothing else int(reader.world["world"][at, relation])
    return at


def test_more_searches_than_a_world_answers_are_not_read():
    task = replace(EXACT, budgets=(3,))
    batch = task.sample(np.random.default_rng(0), 1)
    reader = Reader(task, batch.problem, 0)
    one = ["<search>", "a", "R1", *reader.told(0, 0, 0)]
    for times in (MOST_SEARCHES - 1, MOST_SEARCHES, MOST_SEARCHES + 2):
        searched = judge.searches(task, batch.problem, ids(task, [one * times]))
        assert searched.made[0] == min(times, MOST_SEARCHES) and searched.true[0, : searched.made[0]].all()


def test_what_stands_behind_an_end_is_no_part_of_a_text():
    said = np.array([[5, 6, EOS, 7, EOS, 8], [EOS, 1, 2, 3, 4, 5], [5, 6, 7, 8, 9, 0]], np.int32)
    said[1, 1:] = [9, 9, 9, 9, 9]
    kept = [[5, 6, EOS, 0, 0, 0], [EOS, 0, 0, 0, 0, 0], [5, 6, 7, 8, 9, 0]]
    assert judge.cut(said).tolist() == kept
