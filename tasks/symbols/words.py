"""Words around elements: what a language model has to be told to write a chain of thought, and what a prompt says."""

from __future__ import annotations

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import Problem
from tasks.symbols.draw import composed
from tasks.symbols.primitives import check_name, compiled
from tasks.symbols.spec import Spec
from tasks.symbols.write import write


def instructions(spec: Spec) -> str:
    """The rules and the format, in English."""
    rules = "\n".join(f"[{name}] {_rule(spec, name)}." for name in spec.primitives)
    reasons = spec.cot and any(len(names.split()) > 1 for names in spec.compositions)
    order = (
        "Write the element after the first transformation with the transformations that remain, then, if more than one "
        "remains, <think> and the same again, and so on; behind the last of them write <answer> and the final element."
        if reasons
        else "Write the final element."
    )
    marks = (
        "Before each letter stands a mark of its place, such as <3>; write the marks of the question in every element. "
        if spec.dialect == "hinted"
        else ""
    )
    return (
        f"An element is a row of letters of the alphabet {' '.join(spec.alphabet)}. A line gives an element and the "
        f"transformations to apply to it, the first one first.\n{rules}\n{order} {marks}"
        "Keep single spaces between symbols, and write nothing else."
    )


def _rule(spec: Spec, name: str) -> str:
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
        table = compiled(name, len(spec.alphabet), 1, spec.rotate, spec.shift_by).table
        return "replaces letters: " + ", ".join(
            f"{a} by {spec.alphabet[b]}" for a, b in zip(spec.alphabet, table, strict=True)
        )
    amount = {"F1": spec.rotate, "F2": spec.shift_by}[name] if name in ("F1", "F2") else int(match["n"])
    if name == "F1" or match["kind"] == "rot":
        return f"replaces each letter by the one {amount} places later in the alphabet, which starts again at its end"
    return f"moves the first letter to the end, {amount} time{'s'[: amount != 1]}"


def parse(spec: Spec, prompt: str) -> Problem:
    """The problem (n = 1) of a clean prompt such as `A B C D [F1] [F2] <think>`; raises `UserError`."""
    letters, names = _read(spec, prompt)
    problem = composed(spec, np.array([letters], np.int16), " ".join(names))
    lines = write(spec, problem)
    expected = spec.vocabulary.decode(lines.tokens[0, : lines.prompt_len[0]])
    if prompt.split() != expected.split():
        raise UserError(f"prompt {prompt!r} is not element, transformation, instruction; expected {expected!r}")
    return problem


def _read(spec: Spec, prompt: str) -> tuple[list[int], list[str]]:
    """Letter numbers and primitives of a prompt; raises `UserError` for unknown words, or none of either."""
    spec.vocabulary.encode(prompt)
    words = prompt.split()
    letters = [spec.alphabet.index(word) for word in words if len(word) == 1]
    names = [word[1:-1] for word in words if word.startswith("[")]
    if not letters or not names:
        raise UserError(f"prompt {prompt!r} has no {'transformation' if letters else 'element'}")
    return letters, names
