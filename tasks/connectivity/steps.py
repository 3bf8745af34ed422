"""The nodes that a completion lists, one by one: which may stand where they are."""

from __future__ import annotations

from collections import defaultdict

from alchemy.problem.steps import Step, mark_steps
from alchemy.problem.task import Problem
from tasks.connectivity.text import Listed


def steps(problem: Problem, listed: Listed, text: str, chain: bool = True) -> list[Step]:
    """Nodes and the decision of one completion (n = 1), whose words are `text`.

    A node may stand there if it is the start or next to one listed earlier; the first has to be the start. Behind the
    first that may not, others still follow if they are next to something listed. Without a list and a decision the
    text is one step; `chain` says whether a decision needs a list.
    """
    target = int(problem["targets"][0, problem["right"][0]])
    start, near = int(problem["start"][0]), defaultdict(set)
    for tail, head in problem["edges"][0].tolist():
        near[tail].add(head)
        near[head].add(tail)
    work = listed.work[0][: listed.work_len[0]].tolist()
    judged: list[tuple[str, bool, bool]] = []
    reached = {start}
    for node in work:
        judged.append((str(node) if node >= 0 else "(no node)", node in reached, node in reached))
        reached |= near.get(node, set())
    decision = int(listed.decision[0])
    if decision >= 0:
        led_there = not work or work[-1] == decision
        if chain and not work:
            judged.append(("(no nodes)", False, True))
        judged.append((f"decision {decision}", decision == target and led_there, led_there))
    elif work:
        judged.append(("(no decision)", False, False))
    return mark_steps(judged) or [Step(text or "(nothing)", "wrong")]
