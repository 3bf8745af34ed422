"""What readers who do not compose facts score on composed questions: the floors that models have to be compared with.

A reader has seen training's composed questions with their answers, looks at some parts of a question, and says the answer that was most
frequent where these parts were the same; where they never stood together, the one that is most frequent of all. One more knows the facts,
and stops at the bridge.

Dimension letters: `n` problems, `p` parts that are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from alchemy.problem.task import Problem
from tasks.facts.questions import answers, walk
from tasks.facts.spec import Spec

READERS: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "the entity": ("head",),
    "the first relation": ("first",),
    "the second relation": ("second",),
    "both relations": ("first", "second"),
    "the entity and the second relation": ("head", "second"),
    "the bridge": ("bridge",),
}
"""What readers look at; the bridge is known to those who know the first fact."""


def floors(spec: Spec, trained: Problem, asked: Problem) -> dict[str, float]:
    """Share of composed questions that each reader answers rightly after composed questions of training."""
    known, right = _parts(spec, trained), answers(spec, asked)
    parts = _parts(spec, asked)
    scores = {}
    for name, looks in READERS.items():
        said = guess(
            *(
                np.stack([own[look] for look in looks] or [np.zeros_like(own["head"])], axis=1)
                for own in (known, parts)
            ),
            answers(spec, trained),
        )
        scores[name] = float((said == right).mean())
    return {**scores, "the bridge, and says it": float((parts["bridge"] == right).mean())}


def guess(known: np.ndarray, asked: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """The most frequent of answers int (n,) to questions with the same parts int (n, p) as the ones asked, int (m, p); of several the
    lowest, and the most frequent of all where there are none: int (m,)."""
    everywhere = np.bincount(answer).argmax()
    rows, place = np.unique(np.concatenate([known, asked]), axis=0, return_inverse=True)
    counts = np.zeros((len(rows), int(answer.max()) + 1), int)
    np.add.at(counts, (place[: len(known)], answer), 1)
    most = counts[place[len(known) :]]
    return np.where(most.any(axis=1), most.argmax(axis=1), everywhere)


def _parts(spec: Spec, problem: Problem) -> dict[str, np.ndarray]:
    """Parts of composed questions by name, each int (n,)."""
    first, second = problem["path"].T.astype(int)
    bridge = walk(spec, problem["head"], problem["path"])[:, 1]
    return {"head": problem["head"].astype(int), "first": first, "second": second, "bridge": bridge.astype(int)}
