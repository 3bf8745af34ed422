"""Searches that go backwards are judged as a plain reader of words judges them, whatever is written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from damaged_texts import NAMES, ids, written
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.origins import Origins, judge
from tasks.origins.environment import episodes

PLAIN = Origins(entities=4, relations=3, hops=(1, 2), budgets=(3, 6))
TASKS = {
    "plain": PLAIN,
    "failing": replace(PLAIN, reliability=0.6),
    "shown": replace(PLAIN, shown=True),
    "hidden": replace(PLAIN, announced=False),
}


class Reader:
    """Reads one text word by word, with the dictionary of its world."""

    def __init__(self, task, problem, row):
        self.task = task
        self.world = {name: values[row] for name, values in episodes(task, problem).items()}
        self.end, self.badge = int(problem["end"][row]), int(problem["badge"][row])
        self.path = [int(relation) for relation in problem["path"][row] if relation >= 0]
        self.budget = int(problem["budget"][row])
        self.names = NAMES[: task.entities]

    def turn(self, words):
        """(kind, entity, relation or -1, what was found) of words that are a whole turn, else None; nothing is found by what fails."""
        task = self.task
        if len(words) < task.turn or words[1] not in self.names or words[4] != "<found>":
            return None
        kind, told = words[0], words[3]
        if task.shown:
            if (told == "?") == (words[5] == "?"):
                return None
            told = words[5] if told == "?" else told
        fails = told == "?" and task.reliability < 1
        if kind == "<look>" and words[2] == "<badge>" and (told.isdigit() or fails):
            return kind, self.names.index(words[1]), -1, None if fails else int(told)
        relations = [f"R{number}" for number in range(1, task.relations + 1)]
        if kind in ("<back>", "<next>") and words[2] in relations and (told in [*self.names, "<none>"] or fails):
            return kind, self.names.index(words[1]), relations.index(words[2]), None if fails else told
        return None

    def holds(self, kind, entity, relation):
        """What a search finds that does not fail, as a word."""
        if kind == "<look>":
            return str(self.world["badges"][entity])
        leads = self.world["world"][:, relation].tolist()
        to, first = (entity, 0) if kind == "<back>" else (leads[entity], entity + 1)
        return next((self.names[other] for other in range(first, len(leads)) if leads[other] == to), "<none>")

    def told(self, number, kind, entity, relation):
        """The words behind search `number`."""
        found = self.holds(kind, entity, relation)
        if not self.world["brought"][number % len(self.world["brought"])]:
            found = "?"
        if not self.task.shown:
            return [found, "<found>"]
        return [found, "<found>", "?"] if kind == "<look>" else ["?", "<found>", found]

    def read(self, words):
        """Of each turn (true, supported, redundant), and who was seen to bear the badge."""
        verdicts, known, seen = [], set(), set()
        reached = [{self.end}, *(set() for _ in self.path)]
        while (turn := self.turn(words[len(verdicts) * self.task.turn :])) is not None:
            kind, entity, relation, found = turn
            start = len(verdicts) * self.task.turn
            told = words[start + 3 : start + self.task.turn]
            places = [place for place, held in enumerate(self.path) if held == relation]
            due = [place for place in places if entity in reached[place + (kind == "<next>")]]
            supported = entity in reached[-1] if kind == "<look>" else bool(due)
            verdicts.append(
                (told == self.told(len(verdicts), kind, entity, relation), supported, (kind, entity, relation) in known)
            )
            if found is None:
                continue
            known.add((kind, entity, relation))
            if kind == "<look>":
                seen |= {entity} if found == self.badge else set()
            elif found != "<none>":
                for place in due:
                    reached[place + 1].add(self.names.index(found))
        return verdicts, seen


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
        verdicts, seen = reader.read(words)
        made = len(verdicts)
        assert searched.made[row] == made
        arrays = searched.true, searched.supported, searched.redundant
        for turn, expected in enumerate(verdicts):
            assert tuple(bool(array[row, turn]) for array in arrays) == expected
        assert not any(array[row, made:].any() for array in arrays)
        assert set(np.flatnonzero(searched.seen[row]).tolist()) == seen
        rest = words[made * task.turn :]
        said = rest[1] if len(rest) > 1 else ""
        assert bool(habits["supported_answer"][row]) == (said in reader.names and reader.names.index(said) in seen)
        assert habits["searches"][row] == made
        for name, column, bad in (
            ("untrue_results", 0, False),
            ("unsupported_searches", 1, False),
            ("repeated_searches", 2, True),
        ):
            share = np.mean([verdict[column] == bad for verdict in verdicts]) if made else np.nan
            np.testing.assert_allclose(habits[name][row], share)
        whole = len(rest) == 2 and rest[0] == "<answer>" and rest[1] in reader.names
        good = 0
        for turn, (true, supported, _) in enumerate(verdicts):
            if not (true and supported and turn < reader.budget):
                break
            good += 1
        trace = whole and good == made
        at = len(words) - 1 - words[::-1].index("<answer>") if "<answer>" in words else len(words)
        bearer = reader.world["badges"].tolist().index(reader.badge)
        right = words[at + 1 :] == [reader.names[bearer]]
        assert (bool(judged.well_formed[row]), bool(judged.trace[row]), bool(judged.answer[row])) == (
            whole,
            trace,
            right,
        )
        assert judged.first_wrong_step[row] == (made + right if trace else good)
