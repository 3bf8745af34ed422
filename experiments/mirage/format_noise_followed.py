"""Format noise breaks chains that are followed as the paper says: more with its rate, most by insertion and in the element.

Source       Zhao et al., arXiv:2508.01191, section 7, figure 9, for models that use their chain
Prediction   As in `format_noise`, of chains of two steps alone: the edit distance rises with the probability of noise for
             each token of the prompt; insertion is the worst kind; by field, noise on the instruction hurts least and on
             the element most.
Refuted if   The distance under hybrid noise falls from some probability to the next, insertion hurts less than deletion
             or modification, or the order of the fields is another, at p = .3.
Weights      A test prompt must not show the element of a training problem, so that a prompt whose element noise has changed
             is kept only if what it shows is held out too. Means here weigh it by the inverse of that chance: they are of
             noise at the rate that its name says.
Beside it    How often an answer follows an edited step behind a noisy prompt, where the step is given.
Run          alchemy reproduce format_noise_followed --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.train import Runs
from alchemy.problem.shift import MODES
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, at_least
from alchemy.report.figures import Curves, Figure
from experiments.mirage.diverse import AMONG, TASK, ChainTest, Diverse, at_full, at_smoke, uses_chain
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Format noise breaks chains that are followed, most by insertion and in the element, least in the instruction.",
    source="arXiv:2508.01191, section 7, figure 9, for models that use their chain",
    prediction="distance rises with p; insert > delete, modify; element > transformation > instruction",
    refuted_if="distance falls as p rises, insertion milder than another kind, or another order of the fields",
    question="Where does reasoning stop?",
    among=AMONG,
)
FIELDS = ("element", "transformation", "instruction")


@dataclass(frozen=True)
class Config(Diverse):
    test: int = 4000
    """Orders are judged against 0, as in `format_noise`."""
    probabilities: tuple[float, ...] = (0.1, 0.2, 0.3)
    """Of noise, for each token; rising."""


SMALL = Config()
PRESETS = {"smoke": at_smoke(SMALL, probabilities=(0.1, 0.3)), "small": SMALL, "full": at_full(SMALL)}


@dataclass(frozen=True)
class Noisy:
    """A test under noise, float (s,), as if every noisy prompt had been kept."""

    distance: np.ndarray
    """Edit distance of the whole completion."""
    follow: np.ndarray
    """Share of answers that follow an edited step."""


@dataclass(frozen=True)
class Measured:
    clean: ChainTest
    noisy: dict[str, dict[float, Noisy]]
    """By mode of noise anywhere in the prompt, and by field under hybrid noise; by its probability."""

    def distance(self, kind: str) -> np.ndarray:
        """Edit distance without noise and at each probability: float (s, 1 + m)."""
        noisy = [test.distance for test in self.noisy[kind].values()]
        return np.stack([self.clean.scores.distance["full"], *noisy], axis=1)

    def follow(self, kind: str) -> np.ndarray:
        """Share of answers that follow an edited step, as `distance`."""
        return np.stack([self.clean.follow, *(test.follow for test in self.noisy[kind].values())], axis=1)


def run(config: Config, lab: Lab) -> Measured:
    runs = config.fit(lab, TASK, label="train on all pairs")
    kinds = {mode: f"noise={mode}:%g" for mode in MODES} | {field: f"noise=hybrid:%g:{field}" for field in FIELDS}
    noisy = {
        kind: {p: noisy_test(config, lab, runs, name % p) for p in config.probabilities} for kind, name in kinds.items()
    }
    return Measured(config.tested(lab, runs, TASK, "no noise"), noisy)


def noisy_test(config: Config, lab: Lab, runs: Runs, shift: str) -> Noisy:
    """Models tested under one noise."""
    task = TASK.shift(shift)(TASK)
    answers = lab.answer(runs, task, config.test, label=shift)
    edits = lab.intervene(runs, task, config.edited, label=f"edit a step, {shift}").answer
    edited = lab.held_out(task, config.edited, runs.seeds)
    counted = edits.counted * weights(lab, task, edited, len(runs.seeds))[:, :, None]
    return Noisy(
        distance=np.average(
            answers.values("edit_distance"), axis=1, weights=weights(lab, task, answers.batch, len(runs.seeds))
        ),
        follow=(edits.follows * counted).sum(axis=(1, 2)) / counted.sum(axis=(1, 2)),
    )


def weights(lab: Lab, task: Symbols, batch: Batch, seeds: int) -> np.ndarray:
    """How many noisy prompts each prompt of a test stands for, those left out among them: float (s, n)."""
    changed = task.surface(batch) != task.identity(batch.problem)
    return np.where(changed, 1 / lab.split.test_share, 1.0).reshape(seeds, -1)


def check(measured: Measured) -> list[Check]:
    gates = uses_chain("no noise", measured.clean)
    largest = {kind: measured.distance(kind)[:, -1] for kind in measured.noisy}
    orders = (
        ("insert", "delete"),
        ("insert", "modify"),
        ("element", "transformation"),
        ("transformation", "instruction"),
    )
    return [
        at_least(
            "hybrid: edit distance, smallest rise from one probability to the next",
            np.diff(measured.distance("hybrid"), axis=1).min(axis=1),
            0.0,
            "the damage grows with the noise",
            gates=gates,
        ),
        *(
            at_least(
                f"{more} - {less}, largest probability: edit distance",
                largest[more] - largest[less],
                0.0,
                "an order",
                gates=gates,
            )
            for more, less in orders
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    probabilities = [0.0, *measured.noisy["hybrid"]]
    shared = {"x_label": "probability of noise, each token", "x": probabilities, "theory": {}}
    return [
        Curves(
            name="format_noise_followed",
            title="Models that follow their chain: noise in the prompt",
            y_label="edit distance",
            measured={kind: measured.distance(kind) for kind in measured.noisy},
            **shared,
        ),
        Curves(
            name="format_noise_followed_edits",
            title="Answers that follow an edited step behind a noisy prompt, where the step is given",
            y_label="share of answers",
            measured={kind: measured.follow(kind) for kind in measured.noisy},
            **shared,
        ),
    ]
