"""Words around worlds: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_steps
from alchemy.problem.task import Problem
from tasks.search import chains
from tasks.search.draw import allowed
from tasks.search.judge import searches
from tasks.search.spec import BASE, DIGITS, FOUND, NAMES, NONE, RELATIONS, SAID, STRAY, TEXT_FORMAT, THINK, UNTOLD, Spec
from tasks.search.write import truth

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    budget = (
        "the number of searches allowed"
        if spec.announced
        else f"{UNTOLD}, as the number of searches allowed is not told"
    )
    trust = {
        (True, True): "what the world holds",
        (True, False): "what the world holds",
        (False, True): f"what the world holds, or any entity, then marked {STRAY}",
        (False, False): "what the world holds, or any entity",
    }[spec.reliability == 1, spec.tags]
    work = ""
    if spec.chain:
        table = chains.permutations(spec.entities, spec.letters)
        leads = "; ".join(
            f"{letter} from a to {NAMES[: spec.entities][-1]} to {' '.join(NAMES[to] for to in row)}"
            for letter, row in enumerate(table)
        )
        work = (
            f" The entity of a result is followed by {spec.chain} letters, and it means the one that they lead to, one after the "
            f"other: {leads}. Behind the mark write the entity after each letter, as many as the number before {THINK} says; "
            f"{UNTOLD} stands there for the rest."
        )
    left = " Behind it stands how many searches are left." if spec.tracked else ""
    none = f" {NONE} is where a relation leads to none, and the answer then." if spec.missing else ""
    return (
        f"A line gives five numbers that name a world, an entity, relations to follow from it, and {budget}. The world is looked "
        f"up: write `<search> c R3`, and the environment writes behind it the entity that R3 leads to from c and {FOUND}. A result "
        f"is {trust}.{left}{none}{work} Then write {MARK} and the entity at the end. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `3 1 4 1 5 c R3 R1 8 <think>`."""
    spec.vocabulary.encode(text)
    *words, think = text.split() or [""]
    world, rest = words[:DIGITS], words[DIGITS:]
    rest, thoughts = (rest[:-1], rest[-1:]) if spec.chain else (rest, [])
    start, relations, budget = rest[:1], rest[1:-1], rest[-1:]
    budgets = list(map(str, spec.budgets)) if spec.announced else [UNTOLD]
    fits = (
        think == THINK
        and len(world) == DIGITS
        and all(word.isdigit() and int(word) < BASE for word in world)
        and start[0:1] != []
        and start[0] in NAMES[: spec.entities]
        and len(relations) in spec.hops
        and set(relations) <= set(RELATIONS[: spec.relations])
        and len(set(relations)) == len(relations)
        and budget[0] in budgets
        and (not spec.chain or thoughts[0] in map(str, spec.thoughts))
    )
    if not fits:
        hops, number, thought = (
            " or ".join(dict.fromkeys(map(str, values))) for values in (spec.hops, budgets, spec.thoughts)
        )
        number += f", {thought}" if spec.chain else ""
        raise UserError(
            f"prompt {text!r} is not {DIGITS} numbers, an entity from a to {NAMES[spec.entities - 1]}, {hops} different relations "
            f"from R1 to {RELATIONS[spec.relations - 1]}, {number}, {THINK}"
        )
    path = np.full((1, max(spec.hops)), -1, np.int8)
    path[0, : len(relations)] = [RELATIONS.index(word) for word in relations]
    if not allowed(spec, path)[0]:
        raise UserError(f"prompt {text!r} has relations side by side that joins {spec.joins!r} does not have")
    named = 0
    for word in world:
        named = named * BASE + int(word)
    problem: dict[str, np.ndarray] = {
        "world": np.array([named], np.int32),
        "start": np.array([NAMES.index(start[0])], np.int8),
        "path": path,
        "budget": np.array([int(budget[0]) if spec.announced else max(spec.budgets)], np.int8),
    }
    return problem | ({"thoughts": np.array([int(thoughts[0])], np.int8)} if spec.chain else {})


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written, divided behind each result and its thoughts. A search is right if it is due, told the truth and worked out;
    behind a wrong one those
    follow that are due by what was told, and an answer if it is the last entity that was."""
    parts = _divided(spec, text.split())
    answered = bool(parts) and parts[-1].split()[0] == MARK
    turns, width = parts[:-1] if answered else parts, spec.turn
    known = [word for part in turns for word in (part.split() if len(part.split()) == width else ["<pad>"] * width)]
    row = np.array([[spec.vocabulary.index.get(word, 0) for word in known]], np.int32).reshape(1, -1)
    judged = searches(spec, problem, row)
    marked = []
    for place, part in enumerate(turns):
        here = place < judged.made[0]
        supported = bool(here and judged.supported[0, place])
        marked.append(
            (
                part,
                bool(supported and judged.true[0, place] and judged.worked[0, place] and place < problem["budget"][0]),
                supported,
            )
        )
    right = f"{MARK} {[*NAMES, NONE][truth(spec, problem)[0]]}"
    last = _meant(spec, row) if turns else []
    given = parts[-1] if answered else "(ends here)"
    return mark_steps([*marked, (given, given == right, bool(last) and given == f"{MARK} {last[0]}")])


def _divided(spec: Spec, words: list[str]) -> list[str]:
    """Words up to a mark behind a result and what follows it there, so many words."""
    parts: list[list[str]] = [[]]
    for word in words:
        parts[-1].append(word)
        behind = spec.turn - 1 - spec.mark
        if len(parts[-1]) > behind and parts[-1][-1 - behind] in (FOUND, STRAY):
            parts.append([])
    return [" ".join(part) for part in parts if part]


def _meant(spec: Spec, row: np.ndarray) -> list[str]:
    """The entity that the last of the turns int32 (1, m) was told of, if it is one."""
    entity = int(chains.meant(spec, row[0, -spec.turn + SAID :]))
    return [[*NAMES, NONE][entity]] if 0 <= entity <= spec.nothing else []
