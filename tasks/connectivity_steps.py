"""The nodes that a completion lists, one by one: which may stand where they are."""

from __future__ import annotations

from alchemy.steps import Step, marked
from alchemy.task import Problem
from tasks.connectivity_text import Listed


def steps(problem: Problem, listed: Listed, text: str) -> list[Step]:
    """Nodes and the decision of one completion (n = 1), whose words are `text`.

    A node may stand there if it is the start or next to one listed earlier; the first has to be the start. Behind the
    first that may not, others still follow if they are next to something listed. Without a list the text is one step.
    """
    target = int(problem["targets"][0, problem["right"][0]])
    edges = {frozenset(edge) for edge in problem["edges"][0].tolist()}
    work = listed.work[0][listed.work[0] >= 0].tolist()
    found: list[tuple[str, bool, bool]] = []
    for place, node in enumerate(work):
        beside = any(frozenset((node, other)) in edges for other in work[:place])
        allowed = node == int(problem["start"][0]) or beside
        found.append((str(node), allowed, allowed))
    decision = int(listed.decision[0])
    if decision >= 0:
        led_there = not work or work[-1] == decision
        found.append((f"decision {decision}", decision == target and led_there, led_there))
    return marked(found or [(text or "(nothing)", False, False)])
