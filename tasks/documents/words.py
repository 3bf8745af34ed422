"""Words around documents: what a language model has to be told, prompts read back, and turns with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, divided, mark_steps
from alchemy.problem.task import Problem
from tasks.documents.judge import searches
from tasks.documents.spec import TEXT_FORMAT, Spec
from tasks.documents.write import truth
from tasks.search.draw import allowed
from tasks.search.spec import BASE, DIGITS, FOUND, NAMES, NONE, RELATIONS, THINK, UNTOLD

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    turns = "the number of turns allowed"
    budget = turns if spec.announced else f"{UNTOLD}, as {turns} is not told"
    side = "" if spec.queries == 1 else f" Each turn has {spec.queries} of these searches, one behind the other."
    none = (
        f" A relation may lead from an entity to none; no document says so, and the answer is {NONE} then."
        if spec.missing
        else ""
    )
    return (
        f"A line gives five numbers that name a world, an entity, relations to follow from it, and {budget}. The world is looked up: "
        f"write `<search> c R3` to ask where R3 leads from c.{side} The environment writes {spec.slots} pairs behind a turn for each "
        f"search, in its order, and {FOUND}. A pair such as `h k` is a document that says that the relation leads from h to k; `{UNTOLD} {UNTOLD}` is none. "
        f"The document that a search is about may be missing, and others may be there.{none} Then write {MARK} and the entity at the "
        "end. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `3 1 4 1 5 c R3 R1 8 <think>`."""
    spec.vocabulary.encode(text)
    *words, think = text.split() or [""]
    world, start, relations, budget = words[:DIGITS], words[DIGITS : DIGITS + 1], words[DIGITS + 1 : -1], words[-1:]
    budgets = list(map(str, spec.budgets)) if spec.announced else [UNTOLD]
    fits = (
        think == THINK
        and len(words) > DIGITS + 1
        and all(word.isdigit() and int(word) < BASE for word in world)
        and start[0] in NAMES[: spec.entities]
        and len(relations) in spec.hops
        and set(relations) <= set(RELATIONS[: spec.relations])
        and len(set(relations)) == len(relations)
        and budget[0] in budgets
    )
    if not fits:
        hops, number = (" or ".join(dict.fromkeys(map(str, values))) for values in (spec.hops, budgets))
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
    return {
        "world": np.array([named], np.int32),
        "start": np.array([NAMES.index(start[0])], np.int8),
        "path": path,
        "budget": np.array([int(budget[0]) if spec.announced else max(spec.budgets)], np.int8),
    }


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written, divided behind each turn. A turn is right if it is due and was brought the truth; behind a wrong one those
    follow that are due by what was brought, and an answer if documents led to it."""
    parts = divided(text.split(), FOUND.__eq__)
    answered = bool(parts) and parts[-1].split()[0] == MARK
    turns, width = parts[:-1] if answered else parts, spec.turn
    known = [word for part in turns for word in (part.split() if len(part.split()) == width else ["<pad>"] * width)]
    row = np.array([[spec.vocabulary.index.get(word, 0) for word in known]], np.int32).reshape(1, -1)
    judged = searches(spec, problem, row)
    marked = []
    for place, part in enumerate(turns):
        supported = bool(place < judged.made[0] and judged.supported[0, place].all())
        marked.append((part, bool(supported and judged.true[0, place] and place < problem["budget"][0]), supported))
    found = [f"{MARK} {NAMES[entity]}" for entity in np.flatnonzero(judged.found[0])]
    right = f"{MARK} {[*NAMES, NONE][truth(spec, problem)[0]]}"
    given = parts[-1] if answered else "(ends here)"
    return mark_steps([*marked, (given, given == right, given in found)])
