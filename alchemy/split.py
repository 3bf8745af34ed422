"""Parts of a task that provably cannot meet: membership is a hash of the problem, never a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from alchemy.errors import UserError
from alchemy.task import Batch, Problem, Task

Part = Literal["train", "test"]

BLOCK = 1 << 14  # rows hashed at once, so that they stay in the cache
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
        share = self.test_share if part == "test" else 1 - self.test_share
        budget = PATIENCE * (n / share + 64)
        batches: list[Batch] = []
        found = drawn = 0
        while found < n or not batches:
            if drawn > budget:
                raise UserError(f"found {found} of {n} {part} problems in {drawn} draws: {task} has too few of them")
            size = min(1 << 20, int((n - found) / share * 1.05) + 64)
            batches.append(self._kept(task, rng, task.draw(rng, size), n - found, part))
            drawn += size
            found += len(batches[-1].tokens)
        return join(batches)

    def _kept(self, task: Task, rng: np.random.Generator, problem: Problem, n: int, part: Part) -> Batch:
        """At most `n` of the drawn problems: those in the part, rendered."""
        rows = np.flatnonzero(self.part(task.identity(problem)) == (part == "test"))
        noisy = getattr(task, "noise", None) is not None
        rows = rows if noisy else rows[:n]
        batch = task.render({name: values[rows] for name, values in problem.items()}, rng)
        if not noisy:
            return batch
        return batch.rows(np.flatnonzero(self.part(task.surface(batch)) == (part == "test"))[:n])

    def distinct(self, task: Task, rng: np.random.Generator, n: int, part: Part) -> Batch:
        """`n` problems of a part, no two with the same prompt; raises `UserError` if there are fewer."""
        batches: list[Batch] = []
        known = np.zeros(0, np.uint64)
        dry = 0
        while known.size < n or not batches:
            batch = self.sample(task, rng, max(n, 64), part)
            prompts = prompt_hash(batch)
            fresh = np.sort(np.unique(prompts, return_index=True)[1])
            fresh = fresh[~np.isin(prompts[fresh], known)][: n - known.size]
            dry = 0 if fresh.size else dry + len(prompts)
            known = np.concatenate([known, prompts[fresh]])
            batches.append(batch.rows(fresh))
            if dry > DRY * known.size:
                raise UserError(f"only {known.size} distinct {part} prompts exist, {n} were asked for: {task}")
        return join(batches)


def prompt_hash(batch: Batch) -> np.ndarray:
    """Hash of each prompt's ids, uint64 (n,): equal for equal prompts."""
    prompts = batch.prompts()
    inside = np.arange(prompts.shape[1]) < batch.prompt_len[:, None]
    return hash_rows(prompts.reshape(len(prompts), -1), np.repeat(inside, prompts.shape[2], axis=1))


def join(batches: list[Batch]) -> Batch:
    """Batches of one task, one after the other; at least one."""
    if len(batches) == 1:
        return batches[0]
    tokens, prompt_len, field, problems = zip(*batches, strict=True)
    problem = {name: np.concatenate([one[name] for one in problems]) for name in problems[0]}
    return Batch(np.concatenate(tokens), np.concatenate(prompt_len), np.concatenate(field), problem)


def train_chunk(task: Task, split: Split, seed: int, index: int, n: int) -> Batch:
    """Chunk `index` of the endless training stream of `seed`: a pure function of its arguments."""
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
    return split.sample(task, rng, n, "train")
