"""Words around facts: what a language model has to be told, prompts read back, and steps with their marks."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.steps import Step, mark_steps
from alchemy.problem.task import Problem
from tasks.facts.questions import NONE, facts, hops, walk
from tasks.facts.spec import COMMA, MOST_HOPS, TEXT_FORMAT, THINK, Spec

MARK = TEXT_FORMAT.answer_mark


def instructions(spec: Spec) -> str:
    """The facts, the rules and the format, in English."""
    told = facts(spec)
    known = f" {COMMA} ".join(
        _fact(spec, int(head), int(relation)) for head, relation in zip(told["head"], told["path"][:, 0], strict=True)
    )
    trace = "Write each of these facts, separated by commas. Then write" if spec.cot else "Write"
    return (
        f"These are facts, each of an entity, a relation and the entity that it leads to: {known}. A line gives an entity and one "
        f"relation or two. Follow the first relation from the entity, and the second from where that leads to. {trace} {MARK} and the "
        "entity at the end. Keep single spaces between symbols, and write nothing else."
    )


def parse(spec: Spec, text: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `E12 R3 R5 <think>`."""
    head, *path = (token - spec.first_entity for token in spec.vocabulary.encode(text) or [0])
    think = path.pop() + spec.first_entity if path else 0
    relations = [relation - spec.entities for relation in path]
    asks = head >= 0 and len(path) in spec.hops and min(relations) >= 0
    if not asks or head >= spec.entities or think != spec.vocabulary.index[THINK]:
        numbers = " or ".join(map(str, dict.fromkeys(spec.hops)))
        raise UserError(
            f"prompt {text!r} is not an entity from E1 to E{spec.entities}, {numbers} relations from R1 to R{spec.relations}, {THINK}"
        )
    relations += [NONE] * (MOST_HOPS - len(relations))
    return {"head": np.array([head], np.int16), "path": np.array([relations], np.int8)}


def steps(spec: Spec, problem: Problem, gold: str, text: str) -> list[Step]:
    """The steps of a text beside those of the gold one; behind a wrong fact those follow that go on from its end."""
    given, expected = TEXT_FORMAT.split(text), TEXT_FORMAT.split(gold)
    path = problem["path"][0, : hops(problem)[0]].tolist()
    at = int(problem["head"][0]) if spec.cot else int(walk(spec, problem["head"], problem["path"])[0, -1])
    judged = []
    for number, part in enumerate(given):
        following = _answer(at) if number == len(expected) - 1 else _recited(spec, at, path[number : number + 1])
        judged.append((part or "(nothing)", expected[number : number + 1] == [part], part == following))
        at = _end(spec, part)
    return mark_steps(judged + [("(ends here)", False, False)] * (len(given) < len(expected)))


def _answer(at: int) -> str | None:
    """The answer that says an entity, None for none."""
    return f"{MARK} E{at + 1}" if at != NONE else None


def _recited(spec: Spec, at: int, path: list[int]) -> str | None:
    """The fact of an entity and a relation, None where there is none of either."""
    return _fact(spec, at, *path) if at != NONE and path else None


def _fact(spec: Spec, head: int, relation: int) -> str:
    """A fact as a step says it."""
    return f"E{head + 1} R{relation + 1} E{spec.known.leads[head, relation] + 1}"


def _end(spec: Spec, step: str) -> int:
    """The entity that a step ends with, none if it is none."""
    token = spec.vocabulary.index.get("".join(step.split()[-1:]), 0)
    return token - spec.first_entity if token in spec.state_tokens else NONE
