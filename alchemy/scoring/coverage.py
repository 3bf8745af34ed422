"""Which problems of a dataset predictions answer: how many of a test, and what is no test at all; two files compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from alchemy.dataset.prompts import prompts
from alchemy.dataset.recipe import Recipe
from alchemy.errors import UserError
from alchemy.scoring.problems import Problems


class Tests:
    """The prompts of every test of a recipe, as they stand in the files and without noise."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.sizes = {name: file.count for name, file in recipe.files.items() if file.part == "test"}
        self.places: dict[str, dict[str, int]] = {}
        """For each prompt without noise, its place in each file that has it."""
        noisy: dict[str, str] = {}
        for name, file in recipe.files.items():
            if file.part == "test":
                questions = (question for batch in recipe.batches(file) for question in prompts(file.task, batch))
                for place, question in enumerate(questions):
                    self.places.setdefault(question.problem, {})[name] = place
                    noisy[question.input] = question.problem
        self.noiseless = {prompt: problem for prompt, problem in noisy.items() if prompt not in self.places}
        """The prompt without noise, for each that noise has changed."""

    @property
    def first_files(self) -> dict[str, str]:
        """For each prompt without noise, the first file that has it."""
        return {prompt: next(iter(files)) for prompt, files in self.places.items()}

    def is_training(self, prompt: str) -> bool:
        """Whether a problem is in the part that training problems are of."""
        problem = self.recipe.task.parse(prompt)
        is_held_out = self.recipe.split.part(self.recipe.task.identity(problem))
        return not is_held_out[0]


def coverage(problems: Problems, tests: Tests, allow_training: bool) -> dict[str, Any]:
    """What of the tests is answered, as JSON has it; raises `UserError` if training problems are, unless that is allowed."""
    if not problems.right:
        return {}
    counts = dict.fromkeys(tests.sizes, 0)
    for prompt in problems.right:
        for name in tests.places.get(prompt, ()):
            counts[name] += 1
    name = max(counts, key=lambda name: counts[name])
    others = [prompt for prompt in problems.right if name not in tests.places.get(prompt, ())]
    training = sum(map(tests.is_training, others))
    if training and not allow_training:
        raise UserError(
            f"{training:,} of {len(problems.right):,} problems are of the training part; --training scores them all the same"
        )
    return {
        "test": name,
        "problems": tests.sizes[name],
        "answered": counts[name],
        "missing": tests.sizes[name] - counts[name],
        "answered more than once": sum(len(right) > 1 for right in problems.right.values()),
        "training problems": training,
        "other problems": len(others) - training,
    }


def paired(a: Problems, b: Problems) -> dict[str, Any]:
    """How much better the answers `a` are than `b`, over the problems that both answer.

    The difference of the mean accuracies with its 95 % interval (paired t), and an exact sign test of the problems on
    which they differ, which is McNemar's test if each problem has one answer. Raises `UserError` if no problem is shared.
    """
    shared = [prompt for prompt in a.right if prompt in b.right]
    if not shared:
        raise UserError("the two files answer no problem in common, by their prompts")
    left, right = (np.array([np.mean(answers.right[prompt]) for prompt in shared]) for answers in (a, b))
    difference = left - right
    better, worse = int((difference > 0).sum()), int((difference < 0).sum())
    n = len(shared)
    spread = stats.t.ppf(0.975, n - 1) * difference.std(ddof=1) / n**0.5 if n > 1 else float("nan")
    return {
        "problems": n,
        "only in one of them": len(a.right) + len(b.right) - 2 * n,
        "accuracy": [float(left.mean()), float(right.mean())],
        "difference": float(difference.mean()),
        "difference_interval": [float(difference.mean() - spread), float(difference.mean() + spread)],
        "first is better": better,
        "second is better": worse,
        "McNemar p": float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0,
    }
