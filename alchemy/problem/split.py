"""Parts of a task that provably cannot meet: membership is a hash of the problem, never a seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import Batch, Problem, Task

Part = Literal["train", "test"]

BLOCK = 1 << 14  # rows hashed at once, so that they stay in the cache
DRAW = 1 << 20  # problems drawn at once; another number here is another stream
PIECE = 1 << 16  # problems rendered at once
PATIENCE = 64  # draws per expected draw before a part counts as empty
DRY = 16  # draws per known prompt without a new one: the chance that one more exists is exp(-16)


def splitmix64(x: np.ndarray) -> np.ndarray:
    """A bijective scrambling of uint64 of any shape (Steele, Lea, Flood 2014, the SplitMix64 generator)."""
    z = x + np.uint64(0x9E3779B97F4A7C15)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def hash_rows(codes: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Hash of each row's sequence of codes, leaving out what is not inside.

    codes int (n, w), not negative where inside; inside bool (n, w); returns uint64 (n,). Rows with equal sequences
    get equal hashes wherever in the row the sequence stands.
    """
    hashes = np.zeros(len(codes), np.uint64)
    for start in range(0, len(codes), BLOCK):
        rows = slice(start, start + BLOCK)
        state = hashes[rows]
        for code, counts in zip(codes[rows].T, inside[rows].T, strict=True):
            np.copyto(state, splitmix64(state ^ (code.astype(np.uint64) + np.uint64(1))), where=counts)
    return hashes


@dataclass(frozen=True)
class Split:
    """Two parts of every task at once: a problem belongs to the one its identity hashes to.

    The same split cuts the training task and each of its shifts, so no test element is ever a training element.
    """

    test_share: float = 0.125
    """Share of identities that are held out, in (0, 1)."""
    salt: int = 0
    """Another salt is another, independent cut."""

    def __post_init__(self) -> None:
        if not 0 < self.test_share < 1:
            raise UserError(f"test share {self.test_share} is outside (0, 1)")
        if not 0 <= self.salt < 2**64:
            raise UserError(f"salt {self.salt} is outside [0, 2**64)")

    def part(self, identity: np.ndarray) -> np.ndarray:
        """Which identities are held out: uint64 (n,) to bool (n,)."""
        key = splitmix64(np.full(1, self.salt, np.uint64))
        return splitmix64(identity ^ key) < np.uint64(int(self.test_share * 2.0**64))

    def sample(self, task: Task, rng: np.random.Generator, n: int, part: Part) -> Batch:
        """`n` rendered problems of a part, by rejection before rendering.

        Where the task has format noise the noisy prompt must lie in the part too: a deletion can turn a test element
        into a training element. Raises `UserError` if the part is too small to be found.
        """
        return join([*self.pieces(task, rng, n, part)])

    def pieces(self, task: Task, rng: np.random.Generator, n: int, part: Part) -> Iterator[Batch]:
        """The same, at most `PIECE` problems at a time, or, where noise is drawn for all of them at once, a draw."""
        share = self.test_share if part == "test" else 1 - self.test_share
        budget = PATIENCE * (n / share + 64)
        n_accepted = n_drawn = 0
        while n_accepted < n or not n_drawn:
            if n_drawn > budget:
                raise TooFew(
                    f"found {n_accepted} of {n} {part} problems in {n_drawn} draws: {task} has too few of them"
                )
            size = min(DRAW, int((n - n_accepted) / share * 1.05) + 64)
            for batch in self._in_part(task, rng, task.draw(rng, size), n - n_accepted, part):
                n_accepted += len(batch.tokens)
                yield batch
            n_drawn += size

    def _in_part(self, task: Task, rng: np.random.Generator, problem: Problem, n: int, part: Part) -> Iterator[Batch]:
        """At most `n` of the drawn problems: those in the part, rendered."""
        rows = np.flatnonzero(self.part(task.identity(problem)) == (part == "test"))
        if getattr(task, "noise", None) is not None:
            batch = task.render({name: values[rows] for name, values in problem.items()}, rng)
            yield batch.rows(np.flatnonzero(self.part(task.surface(batch)) == (part == "test"))[:n])
            return
        rows = rows[:n]
        for start in range(0, max(len(rows), 1), PIECE):
            piece = rows[start : start + PIECE]
            yield task.render({name: values[piece] for name, values in problem.items()}, rng)

    def distinct(self, task: Task, rng: np.random.Generator, n: int, part: Part) -> Batch:
        """`n` problems of a part, no two with the same prompt; raises `UserError` if there are fewer."""
        return join([*self.distinct_pieces(task, rng, n, part)])

    def distinct_pieces(self, task: Task, rng: np.random.Generator, n: int, part: Part) -> Iterator[Batch]:
        """The same, some problems at a time; all that is kept of them is a hash of each prompt."""
        seen = HashSet()
        n_since_new = n_distinct = n_drawn = 0
        while n_distinct < n or not n_drawn:
            before = n_distinct
            for batch in self.pieces(task, rng, max(n, 64), part):
                prompts = prompt_hash(batch)
                fresh = np.sort(np.unique(prompts, return_index=True)[1])
                fresh = fresh[~seen.holds(prompts[fresh])][: n - n_distinct]
                seen.add(prompts[fresh])
                n_distinct += fresh.size
                n_drawn += len(prompts)
                n_since_new += len(prompts)
                yield batch.rows(fresh)
                if n_distinct == n:
                    return
            n_since_new = 0 if n_distinct > before else n_since_new
            if n_since_new > DRY * n_distinct:
                raise TooFew(f"only {n_distinct} distinct {part} prompts exist, {n} were asked for: {task}")

    def has(self, task: Task, rng: np.random.Generator, n: int, part: Part) -> bool:
        """Whether `distinct` would give `n` problems of a part."""
        try:
            self.distinct(task, rng, n, part)
        except TooFew:
            return False
        return True


class TooFew(UserError):
    """A part has not as many problems as were asked for."""


class HashSet:
    """A growing set of uint64, 8 bytes each: sorted runs, each at least twice as long as the next."""

    def __init__(self) -> None:
        self.runs: list[np.ndarray] = []

    def add(self, hashes: np.ndarray) -> None:
        """Put in hashes uint64 (n,)."""
        self.runs += [np.sort(hashes)] if hashes.size else []
        while len(self.runs) > 1 and self.runs[-2].size < 2 * self.runs[-1].size:
            self.runs.append(np.sort(np.concatenate([self.runs.pop(), self.runs.pop()]), kind="stable"))

    def holds(self, hashes: np.ndarray) -> np.ndarray:
        """Which of hashes uint64 (n,) were put in, bool (n,)."""
        inside = np.zeros(len(hashes), bool)
        for run in self.runs:
            place = np.searchsorted(run, hashes)
            inside |= run[np.minimum(place, run.size - 1)] == hashes  # beyond the last is none that equals it
        return inside


def prompt_hash(batch: Batch) -> np.ndarray:
    """Hash of each prompt's ids, uint64 (n,): equal for equal prompts."""
    prompts = batch.prompts()
    inside = np.arange(prompts.shape[1]) < batch.prompt_len[:, None]
    codes = prompts.reshape(len(prompts), math.prod(prompts.shape[1:]))
    return hash_rows(codes, np.repeat(inside, prompts.shape[2], axis=1))


def join(batches: list[Batch]) -> Batch:
    """Batches of one task, one after the other; at least one."""
    if len(batches) == 1:
        return batches[0]
    tokens, prompt_len, field, problems, told = zip(*batches, strict=True)
    problem = {name: np.concatenate([part[name] for part in problems]) for name in problems[0]}
    all_told = None if told[0] is None else np.concatenate(told)
    return Batch(np.concatenate(tokens), np.concatenate(prompt_len), np.concatenate(field), problem, all_told)


def train_chunk(task: Task, split: Split, seed: int, index: int, n: int) -> Batch:
    """Chunk `index` of the endless training stream of `seed`: a pure function of its arguments."""
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
    return split.sample(task, rng, n, "train")
