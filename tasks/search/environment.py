"""What answers searches: a function of arrays in the array API standard, for numpy and for a decoding loop alike.

Dimension letters: `n` episodes, `e` entities, `r` relations, `t` searches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from alchemy.problem.task import Problem
from tasks.search import chains
from tasks.search.spec import FOUND, SAID, SEARCH, STRAY, TEXT_FORMAT, TURN, Spec
from tasks.search.world import luck, tables


@dataclass(frozen=True)
class Lookup:
    """Tells of an entity and a relation where it leads; a request that is none is told of nothing."""

    queries: ClassVar[int] = 1
    said: int
    told: int
    asks: int
    """The id of the mark that asks for the answer."""
    search: int
    found: int
    stray: int
    first_entity: int
    first_relation: int
    nothing: int
    tags: bool
    first_number: int
    thoughts: int
    """Tokens behind what is told that the searcher writes: so many of the steps that work a result out."""
    unthought: int
    """How many steps there are beyond these."""
    skip: int
    """The id that is told in place of each."""
    tracked: bool

    @classmethod
    def of(cls, spec: Spec) -> Lookup:
        """That of a task; of several numbers of thoughts, with the largest."""
        asks, search, found, stray = map(
            spec.vocabulary.index.__getitem__, (TEXT_FORMAT.answer_mark, SEARCH, FOUND, STRAY)
        )
        ids = (asks, search, found, stray, spec.first_entity, spec.first_relation, spec.nothing)
        thoughts = max(spec.thoughts)
        rest = (thoughts, spec.chain - thoughts, spec.unthought)
        told = TURN - SAID + spec.chain + spec.tracked
        return cls(SAID, told, *ids, spec.tags, spec.first_number, *rest, spec.tracked)

    def tell(self, episode: Mapping[str, Any], turn: Any, said: Any) -> Any:
        """What the turns int32 (n, 3) that were written as search number `turn` are told: int32 (n, 2), with letters between the two where a
        result has to be worked out, and the number of searches that are left behind them where it is tracked."""
        xp, table = said.__array_namespace__(), episode["world"]
        entity, relation = said[:, 1] - self.first_entity, said[:, 2] - self.first_relation
        asked = (said[:, 0] == self.search) & (entity >= 0) & (entity < table.shape[1])
        asked = asked & (relation >= 0) & (relation < table.shape[2])
        rows = xp.arange(said.shape[0])
        holds = table[rows, xp.where(asked, entity, 0), xp.where(asked, relation, 0)]
        right = episode["luck"][:, turn]
        to = xp.where(asked, xp.where(right, holds, episode["strays"][:, turn]), self.nothing)
        mark = xp.where(right | ~asked, self.found, self.stray if self.tags else self.found)
        letters = []
        if self.thoughts + self.unthought:
            to = episode["codes"][rows, turn, to]
            letters = [
                episode["letters"][:, turn, place] + self.first_number
                for place in range(self.thoughts + self.unthought)
            ]
        left = [xp.maximum(episode["budget"] - turn - 1, 0) + self.first_number] if self.tracked else []
        return xp.stack([to + self.first_entity, *letters, mark, *left], axis=1).astype(said.dtype)


def episodes(spec: Spec, problem: Problem) -> dict[str, np.ndarray]:
    """What `Lookup` needs to know of problems: `world` int8 (n, e, r), `luck` bool (n, t), `strays` int8 (n, t), and of
    results that have to be worked out `letters` int8 (n, t, c) and `codes` int8 (n, t, e), where it is tracked `budget`."""
    right, strays = luck(spec, problem["world"])
    known = {"world": tables(spec, problem["world"]), "luck": right, "strays": strays}
    if spec.chain:
        letter = chains.letters(spec, problem["world"])
        known |= {"letters": letter, "codes": chains.codes(spec, letter)}
    return known | ({"budget": problem["budget"].astype(np.int32)} if spec.tracked else {})
