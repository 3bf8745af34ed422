"""Words around questions that go backwards: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, divided, mark_steps
from alchemy.problem.task import Problem
from tasks.origins.environment import led, table, tables, truth
from tasks.origins.judge import searches
from tasks.origins.spec import TEXT_FORMAT, Spec
from tasks.search.spec import BASE, DIGITS, FOUND, NAMES, NONE, RELATIONS, THINK, UNTOLD

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    untold = f"{UNTOLD}, as the number of searches allowed is not told"
    budget = "the number of searches allowed" if spec.announced else untold
    shown = ""
    if spec.shown:
        shown = (
            f" Behind the five numbers stands each relation, with the first entity that it leads from to {NAMES[: spec.entities][0]}, ..., "
            f"{NAMES[: spec.entities][-1]}, and then the next one beside each of these. What the first two kinds of searches find you write "
            f"yourself behind {FOUND}, where {UNTOLD} is told; behind a number that is told write {UNTOLD}."
        )
    fails = (
        f" A search may be told {UNTOLD}: it has failed, and says nothing of what there is."
        if spec.reliability < 1
        else ""
    )
    return (
        f"A line gives five numbers that name a world, an entity, relations, the number that another entity bears, and {budget}. "
        "Asked for is that other entity: from it the relations lead to the one given, the one written last first. The world is "
        f"looked up, and the environment writes behind each search what it finds and {FOUND}. `<back> k R3` finds the first "
        "entity, by the alphabet, from which R3 leads to k; `<next> c R3` the first behind c from which R3 leads to where it leads "
        f"from c; both find {NONE} if there is no such entity. `<look> c <badge>` finds the number that c bears, as no other does.{shown}{fails} "
        f"Then write {MARK} and the entity. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `3 1 4 1 5 k R3 R1 12 16 <think>`."""
    spec.vocabulary.encode(text)
    *words, think = text.split() or [""]
    world, rest = words[:DIGITS], words[DIGITS:]
    hops = (len(rest) - 3) // (spec.table(1) + 1) if spec.shown else 0
    shown, rest = rest[: spec.table(hops)], rest[spec.table(hops) :]
    end, relations, badge, budget = rest[:1], rest[1:-2], rest[-2:-1], rest[-1:]
    budgets = list(map(str, spec.budgets)) if spec.announced else [UNTOLD]
    fits = (
        think == THINK
        and len(rest) > 3
        and all(word.isdigit() and int(word) < BASE for word in world)
        and end[0] in NAMES[: spec.entities]
        and len(relations) in spec.hops
        and set(relations) <= set(RELATIONS[: spec.relations])
        and len(set(relations)) == len(relations)
        and badge[0] in map(str, spec.asked)
        and budget[0] in budgets
    )
    if not fits:
        numbers, number = (" or ".join(dict.fromkeys(map(str, values))) for values in (spec.hops, budgets))
        raise UserError(
            f"prompt {text!r} is not {DIGITS} numbers, {'what is shown, ' if spec.shown else ''}an entity from a to {NAMES[spec.entities - 1]}, {numbers} different relations "
            f"from R1 to {RELATIONS[spec.relations - 1]}, a number from {spec.asked[0]} to {spec.asked[-1]}, {number}, {THINK}"
        )
    path = np.full((1, max(spec.hops)), -1, np.int8)
    path[0, : len(relations)] = [RELATIONS.index(word) for word in relations]
    named = 0
    for word in world:
        named = named * BASE + int(word)
    problem: dict[str, np.ndarray] = {
        "world": np.array([named], np.int32),
        "end": np.array([NAMES.index(end[0])], np.int8),
        "path": path,
        "badge": np.array([int(badge[0])], np.int8),
        "budget": np.array([int(budget[0]) if spec.announced else max(spec.budgets)], np.int8),
    }
    answer = truth(spec, problem)
    if led(tables(spec, problem["world"])["world"], answer, path)[0] != problem["end"][0]:
        raise UserError(f"prompt {text!r} has no answer: the relations lead elsewhere from who bears {badge[0]}")
    if shown != spec.vocabulary.decode(table(spec, problem).reshape(-1)).split()[: len(shown)]:
        raise UserError(f"prompt {text!r} does not show the world that it names")
    return problem


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written, divided behind each result. A search is right if it is due and told the truth; behind a wrong one those
    follow that are due by what was told, and an answer if its badge was told."""
    parts = _divided(spec, text.split())
    answered = bool(parts) and parts[-1].split()[0] == MARK
    turns = parts[:-1] if answered else parts
    known = [
        word for part in turns for word in (part.split() if len(part.split()) == spec.turn else ["<pad>"] * spec.turn)
    ]
    row = np.array([[spec.vocabulary.index.get(word, 0) for word in known]], np.int32).reshape(1, -1)
    judged = searches(spec, problem, row)
    marked = []
    for place, part in enumerate(turns):
        here = place < judged.made[0]
        supported = bool(here and judged.supported[0, place])
        marked.append((part, bool(supported and judged.true[0, place] and place < problem["budget"][0]), supported))
    right = f"{MARK} {NAMES[truth(spec, problem)[0]]}"
    seen = [f"{MARK} {NAMES[entity]}" for entity in np.flatnonzero(judged.seen[0])]
    given = parts[-1] if answered else "(ends here)"
    return mark_steps([*marked, (given, given == right, given in seen)])


def _divided(spec: Spec, words: list[str]) -> list[str]:
    """Words up to the mark behind what is told, and what is thought of it."""
    if not spec.shown:
        return divided(words, FOUND.__eq__)
    parts: list[list[str]] = [[]]
    for word in words:
        parts[-1].append(word)
        if parts[-1][-2:-1] == [FOUND]:
            parts.append([])
    return [" ".join(part) for part in parts if part]
