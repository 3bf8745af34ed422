"""Words around elements: what a language model has to be told to write a chain of thought, and what a prompt says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemy.errors import UserError
from tasks.symbols.primitives import check_name, compiled

if TYPE_CHECKING:
    from tasks.symbols import Symbols


def instructions(task: Symbols) -> str:
    """The rules and the format, in English."""
    rules = "\n".join(f"[{name}] {_rule(task, name)}." for name in task.primitives)
    reasons = task.cot and any(len(names.split()) > 1 for names in task.compositions)
    order = (
        "Write the element after the first transformation with the transformations that remain, then, if more than one "
        "remains, <think> and the same again, and so on; behind the last of them write <answer> and the final element."
        if reasons
        else "Write the final element."
    )
    return (
        f"An element is a row of letters of the alphabet {' '.join(task.alphabet)}. A line gives an element and the "
        f"transformations to apply to it, the first one first.\n{rules}\n{order} "
        "Keep single spaces between symbols, and write nothing else."
    )


def _rule(task: Symbols, name: str) -> str:
    match = check_name(name)
    if name == "mix":
        return (
            "replaces each letter but the first by the sum of itself and the letter before it, letters counted from 0"
        )
    if name in ("F3", "reverse"):
        return "reverses the order of the letters"
    if match["i"]:
        return f"exchanges the letters at places {match['i']} and {match['j']}, counted from 0"
    if match["kind"] == "table":
        table = compiled(name, len(task.alphabet), 1, task.rotate, task.shift_by).table
        return "replaces letters: " + ", ".join(
            f"{a} by {task.alphabet[b]}" for a, b in zip(task.alphabet, table, strict=True)
        )
    amount = {"F1": task.rotate, "F2": task.shift_by}[name] if name in ("F1", "F2") else int(match["n"])
    if name == "F1" or match["kind"] == "rot":
        return f"replaces each letter by the one {amount} places later in the alphabet, which starts again at its end"
    return f"moves the first letter to the end, {amount} time{'s'[: amount != 1]}"


def read(task: Symbols, prompt: str) -> tuple[list[int], list[str]]:
    """Letter numbers and primitives of a prompt; raises `UserError` for unknown words, or none of either."""
    task.vocabulary.encode(prompt)
    words = prompt.split()
    letters = [task.alphabet.index(word) for word in words if len(word) == 1]
    names = [word[1:-1] for word in words if word.startswith("[")]
    if not letters or not names:
        raise UserError(f"prompt {prompt!r} has no {'transformation' if letters else 'element'}")
    return letters, names
