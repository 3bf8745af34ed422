"""The steps of a chain of hops and re-checks, one by one: which are right, and which follow from the one before."""

from __future__ import annotations

from alchemy.problem.steps import Step, divided, mark_steps
from alchemy.problem.task import Problem
from tasks.recheck.draw import walk
from tasks.recheck.spec import Spec


def steps(spec: Spec, problem: Problem, text: str) -> list[Step]:
    """What was written to one problem (n = 1), divided behind every letter; the answer is what follows the last mark."""
    table = dict(zip(spec.alphabet, (spec.alphabet[i] for i in problem["map"][0]), strict=True))
    gold, words = _hops(spec, problem), text.split()
    hops, mark = len(gold), max((place for place, word in enumerate(words) if word == "<answer>"), default=len(words))
    before, judged = spec.alphabet[problem["start"][0]], []
    for place, part in enumerate(divided(words[:mark], set(spec.alphabet).__contains__)):
        expected = gold[place] if place < hops else f"<wait> {gold[-1]}"
        follows = part == table.get(before) if place < hops else part in (f"<wait> {before}", expected)
        judged.append((part, part == expected, follows))
        before = part.split()[-1]
    if len(judged) < hops:
        judged.append(("(ends here)", False, False))
    answer = " ".join(words[mark:]) or "(ends here)"
    return mark_steps([*judged, (answer, answer == f"<answer> {gold[-1]}", answer == f"<answer> {before}")])


def gold_text(spec: Spec, problem: Problem) -> str:
    """The right text to one problem (n = 1), with as many re-checks as it has."""
    gold = _hops(spec, problem)
    return " ".join([*gold, *["<wait>", gold[-1]] * int(problem["rechecks"][0]), "<answer>", gold[-1]])


def _hops(spec: Spec, problem: Problem) -> list[str]:
    """The letter after each hop of one problem (n = 1)."""
    return [spec.alphabet[i] for i in walk(problem["map"], problem["start"], int(problem["hops"][0]))[0]]
