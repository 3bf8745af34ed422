"""What follows from a step that was changed: the transformations that remain, applied to what it says.

A P P L [F1] [F2] <think>  ->  N C C Y [F2] <answer> C C Y N         gold
                               N C C X [F2] <answer> C C X N         follows from the step with X for Y
                               [F2] N C C Y <answer> C C Y N         the step in another format

Dimension letters: `n` problems, `m` tokens of a completion, `l` letters of an element.
"""

from __future__ import annotations

import numpy as np

from alchemy.problem.task import Batch, Field
from tasks.symbols.layout import Layout, element_width, groups, layout
from tasks.symbols.spec import Spec


def follow(spec: Spec, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) up to and with a step, then what follows from it; those without that step are the gold ones.

    What is no letter where a letter should be counts as the first of the alphabet.
    """
    written, first = batch.completions(), int(spec.letters[0])
    completion = np.pad(completion, ((0, 0), (0, max(0, written.shape[1] - completion.shape[1]))))
    for rows, length, steps in groups(batch.problem):
        form = _completion(spec, length, steps)
        inside = np.flatnonzero(form.field == Field.STEP + step)
        if not inside.size:
            continue
        end = inside[-1] + 1
        text, ops = written[rows], batch.problem["ops"][rows, :steps]
        text[:, :end] = completion[rows, :end]
        states = [_state(form, index, length, steps) for index in range(steps)]
        element = np.maximum(text[:, states[step]] - first, 0).astype(np.uint8)
        for index in range(step + 1, steps):
            element = spec.machine.apply(ops[:, index], element)
            text[:, states[index]] = element.astype(np.int32) + first
        written[rows] = text
    return written


def operations_first(spec: Spec, batch: Batch, completion: np.ndarray, step: int) -> np.ndarray:
    """Completions int32 (n, m) in whose step the remaining transformations come before the letters."""
    reworded = completion.copy()
    for rows, length, steps in groups(batch.problem):
        width = element_width(length, spec.dialect)
        field = _completion(spec, length, steps).field
        places = np.flatnonzero(field == Field.STEP + step)[: width + steps - step - 1]
        if places.size and places[-1] < completion.shape[1]:
            text = reworded[rows]
            text[:, places] = np.roll(text[:, places], -width, axis=1)
            reworded[rows] = text
    return reworded


def _completion(spec: Spec, length: int, steps: int) -> Layout:
    """The layout of a completion alone."""
    form = layout(length, steps, spec.cot, spec.dialect)
    return form._replace(cells=form.cells[form.prompt_len :], field=form.field[form.prompt_len :])


def _state(form: Layout, index: int, length: int, steps: int) -> np.ndarray:
    """Places of the letters of a step, or of the answer behind the last: intp (l,)."""
    letters = form.cells < (steps + 1) * length
    step = np.flatnonzero(letters & (form.field == Field.STEP + index))
    return step if step.size else np.flatnonzero(letters & (form.field == Field.ANSWER))
