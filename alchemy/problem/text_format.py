"""How a completion as text divides into steps and an answer."""

from __future__ import annotations

from dataclasses import dataclass

from alchemy.problem.steps import Step, mark_steps


@dataclass(frozen=True)
class TextFormat:
    """The symbols of a task's vocabulary that structure a completion; empty where the task has no such symbol."""

    answer_mark: str = ""
    """Stands before the answer; without one a completion is all answer."""
    step_mark: str = ""
    """Stands between two steps."""
    wait_mark: str = ""
    """Goes on thinking where the answer could have been given."""

    @property
    def marks(self) -> tuple[str, ...]:
        """The symbols there are."""
        return tuple(filter(None, (self.answer_mark, self.step_mark, self.wait_mark)))

    def split_answer(self, text: str) -> tuple[str, str]:
        """The reasoning and the answer around the last answer mark, spaces kept; all is answer where there is none."""
        reasoning, _, answer = text.rpartition(self.answer_mark) if self.answer_mark else ("", "", text)
        return reasoning, answer

    def has_answer(self, text: str) -> bool:
        """Whether the answer mark is there, where the format has one."""
        return self.answer_mark in text

    def split_steps(self, reasoning: str) -> list[str]:
        """The text of each step of a chain of thought, without blanks at its ends."""
        parts = reasoning.split(self.step_mark) if self.step_mark else [reasoning]
        return [part.strip() for part in parts]

    def split(self, text: str) -> list[str]:
        """The text of each step, and last that of the answer, which keeps its mark."""
        reasoning, answer = self.split_answer(text)
        if not self.answer_mark:
            return [answer.strip()]
        if not self.has_answer(text):
            return self.split_steps(text)
        steps = self.split_steps(reasoning) if reasoning.strip() else []
        return [*steps, f"{self.answer_mark} {answer.strip()}".rstrip()]

    def compare(self, text: str, gold: str) -> list[Step]:
        """Steps that are right where they equal those of the gold text; what follows from what is not known."""
        given, expected = self.split(text), self.split(gold)
        steps = [
            (part or "(nothing)", expected[place : place + 1] == [part], False) for place, part in enumerate(given)
        ]
        return mark_steps(steps + [("(ends here)", False, False)] * (len(given) < len(expected)))
