"""The verdict on every completion as JSON lines, which a data frame reads: `pandas.read_json(path, lines=True)`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any

from alchemy.scoring.sample import GradedLines


class Verdicts:
    """Collects the verdicts on the completions of one file after another."""

    def __init__(self) -> None:
        self._records: list[tuple[int, int, int, bytes]] = []
        """Each with the number of its file, of its line, and of the answer to the problem."""
        self._files = count()

    def watcher(self, file: str) -> Callable[[GradedLines], None]:
        """What collects the verdicts of another file, as its graded lines pass by."""
        return partial(self._watch, file, next(self._files), Counter())

    def __len__(self) -> int:
        return len(self._records)

    def lines(self) -> bytes:
        """An object a completion: `file`, `line` from 1, `sample` (which answer to the problem it is, from 1), `prompt`,
        `answer`, `answer_right`, `trace_right`, `first_wrong_step`, and `features.NAME` for all that is known of the problem.
        """
        return b"".join(record for *_, record in sorted(self._records, key=lambda entry: entry[:3]))

    def _watch(self, file: str, number: int, samples: Counter[str], graded: GradedLines) -> None:
        prompts: Sequence[str | None] = graded.prompts or [None] * len(graded.texts)
        for place, (prompt, answer, grade) in enumerate(zip(prompts, graded.answers, graded.grades, strict=True)):
            if prompt is not None:
                samples[prompt] += 1
            record: dict[str, Any] = {
                "file": file,
                "line": graded.lines[place],
                "sample": samples[prompt] if prompt is not None else 1,
                "prompt": prompt,
                "answer": answer,
                "answer_right": grade.answer,
                "trace_right": grade.trace,
                "first_wrong_step": grade.first_wrong_step,
                **{f"features.{name}": values[place] for name, values in graded.features.items()},
            }
            key = (number, record["line"], record["sample"])
            self._records.append((*key, json.dumps(record).encode() + b"\n"))
