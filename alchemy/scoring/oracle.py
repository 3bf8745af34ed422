"""What is right about one text, whichever way its task judges texts."""

from __future__ import annotations

from alchemy.problem.task import Task
from alchemy.scoring.score import TextOracle, judge


def verdicts(task: Task, problem: str, gold: str, text: str) -> tuple[bool, bool]:
    """Whether the answer is right, and the chain of thought; `problem` is the prompt, as it is without noise.

    Raises `UserError` if the task cannot read the prompt.
    """
    if isinstance(task, TextOracle):
        judged, _ = task.judge_texts(task.parse(problem), [text])
        return bool(judged.answer[0]), bool(judged.trace[0])
    answer, trace, _ = judge(text.strip(), gold)
    return answer, trace
