"""Wrong traces teach nothing that the prompt does not give away: swapped between problems, they help where nothing had to.

Source       Stechly, Valmeekam et al., arXiv:2505.13775: models trained from scratch on the traces of other problems, beside
             right answers, solve mazes about as well as those trained on right traces. Ours: the interaction, and why.
Prediction   A trace of another problem says nothing about this one, so what it is trained beside can only be learned from the
             prompt. With one function to learn, answers alone are learned: swapped traces do about as well as right ones.
             With many functions to compose, answers alone stay at their floor within the same lines and steps: swapped traces
             do no better than none. The difference right - swapped is larger there by .3 at least; one number a seed.
             Filler of equal length, and a problem's own states in another order, stand beside without a prediction. Beside
             each arm: whether its answers follow a changed step, and its loss at the end and a tenth of training before.
Refuted if   "Traces need no meaning" is refuted as a general rule if this holds. "Their content matters" is refuted if swapped
             traces exceed answers alone by .2 with many functions; so is the claim if they cost more than .1 with one
             function, or the interaction is below .3; each in most seeds.
Run          alchemy reproduce wrong_traces --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Literal, get_args

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.together import together
from alchemy.learning.train import Runs
from alchemy.problem.documents import written_as
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch, Field
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split, stacked
from experiments.trace.compositions import FUNCTIONS, Functions, Setting, full, smoke
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Training on the traces of other problems replaces right ones only where answers are learned without any.",
    source="ours, on arXiv:2505.13775",
    prediction="swapped = none where answers alone stay at their floor, swapped ~ right where they are learned;"
    " interaction at least .3",
    refuted_if="interaction below .3, swapped over none by .2 at the floor, or under right by .1 where answers are learned",
    question="Is the trace used?",
)
Trace = Literal["right", "swapped", "shuffled", "filler", "none"]
TRACES: tuple[Trace, ...] = get_args(Trace)
WITH_STATES: tuple[Trace, ...] = ("right", "swapped", "shuffled")
"""Those whose steps say states, so that one can be changed."""


@dataclass(frozen=True)
class Config(Setting):
    """Five kinds of traces beside right answers, for one function and for many."""

    changed: int = 200
    """Held-out problems in which a step is changed."""


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL, seeds=1, changed=16), "small": SMALL, "full": full(SMALL, changed=1000)}


@dataclass(frozen=True)
class Arm:
    """Models trained on one kind of trace, a number a seed: float (s,)."""

    right: np.ndarray
    """Share of right answers to held-out problems."""
    gate: np.ndarray
    """The same of other problems, for gates."""
    loss: np.ndarray
    """Mean over the last tenth of training, nats a token of the completion."""
    loss_before: np.ndarray
    """Mean over the tenth before."""
    follow: np.ndarray
    """Share of answers that follow a changed step of a right trace; nan for traces without states."""
    ignore: np.ndarray
    """Share of answers that stay as they were."""


@dataclass(frozen=True)
class Measured:
    """Arms by the functions to learn and the kind of trace."""

    arms: dict[Functions, dict[Trace, Arm]]

    def right(self, functions: Functions, trace: Trace) -> np.ndarray:
        """Share of right answers, float (s,)."""
        return self.arms[functions][trace].right


def run(config: Config, lab: Lab) -> Measured:
    return Measured({name: {trace: arm(config, lab, name, trace) for trace in TRACES} for name in FUNCTIONS})


def arm(config: Config, lab: Lab, functions: Functions, trace: Trace) -> Arm:
    of_seed = partial(one_seed, config, functions=functions, trace=trace)
    return stacked(together(lab, [partial(of_seed, seed=seed) for seed in lab.seeds(config.seeds)]))


def one_seed(config: Config, lab: Lab, functions: Functions, trace: Trace, seed: int) -> Arm:
    task = replace(config.task(functions, seed), cot=trace != "none")
    lines = rewritten(config.lines(lab, task, seed), trace, stream("wrong traces", seed))
    runs = config.fit(lab, task, lines, seed, f"{functions}, {trace} traces")
    right = lab.answer(runs, task, config.test, label="answer").values("answer")[0]
    gate, judged = gate_split(config.test)
    loss, tenth = runs.trained.losses[0], -(-config.train.steps // 10)
    follow, ignore = followed(config, lab, runs, task) if trace in WITH_STATES else (np.nan, np.nan)
    return Arm(
        right=right[judged].mean(),
        gate=right[gate].mean(),
        loss=loss[-tenth:].mean(),
        loss_before=loss[-2 * tenth : -tenth].mean(),
        follow=np.asarray(follow),
        ignore=np.asarray(ignore),
    )


def followed(config: Config, lab: Lab, runs: Runs, task: Symbols) -> tuple[float, float]:
    """Shares of one model's answers that follow a changed step of a right trace, and that stay as they were."""
    rates = lab.intervene(runs, task, config.changed, label="change a step").answer.rates
    return float(rates.follow[0]), float(rates.ignore[0])


def rewritten(lines: Batch, trace: Trace, rng: np.random.Generator) -> Batch:
    """Lines of one shape whose answers stay and whose steps are of that kind."""
    if trace == "swapped" or trace == "filler":
        return written_as(lines, trace, rng)
    return lines._replace(tokens=reordered(lines, rng)[..., None]) if trace == "shuffled" else lines


def reordered(lines: Batch, rng: np.random.Generator) -> np.ndarray:
    """Text int32 (n, t) in which the states of each line's steps stand in another order, drawn for each."""
    letters, n = lines.problem["element"].shape[1], len(lines.text)
    steps = range(Field.STEP, lines.field.max() + 1)
    places = np.array([np.flatnonzero(lines.field[0] == step)[:letters] for step in steps])  # (k, l)
    order = rng.permuted(np.tile(np.arange(len(places)), (n, 1)), axis=1)
    unchanged = (order == np.arange(len(places))).all(axis=1, keepdims=True)
    order = np.where(unchanged, order[:, ::-1], order)
    text = lines.text.copy()
    text[:, places] = text[np.arange(n)[:, None, None], places[order]]
    return text


def check(measured: Measured) -> list[Check]:
    arms = measured.arms
    learned = [Gate(f"{name}, right traces", arms[name]["right"].gate, 0.9, inf, "learned") for name in FUNCTIONS]
    direct = Gate("one, answers alone", arms["one"]["none"].gate, 0.9, inf, "answers are learned without a trace")
    floor = Gate("many, answers alone", arms["many"]["none"].gate, -inf, 0.1, "at its floor within the same budget")
    cost = {name: measured.right(name, "right") - measured.right(name, "swapped") for name in FUNCTIONS}
    return [
        at_least(
            "right - swapped: many - one",
            cost["many"] - cost["one"],
            0.3,
            "the interaction; 0 if what traces say never matters",
            gates=[*learned, direct, floor],
        ),
        at_most(
            "many: swapped - answers alone",
            measured.right("many", "swapped") - measured.right("many", "none"),
            0.2,
            "a trace of another problem carries nothing about this one",
            gates=[learned[1], floor],
        ),
        at_most(
            "one: right - swapped",
            cost["one"],
            0.1,
            "about as well, as arXiv:2505.13775 reports of mazes",
            gates=[learned[0], direct],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    kinds = [f"{name}, {trace}" for name in FUNCTIONS for trace in WITH_STATES]
    rates = [measured.arms[name][trace] for name in FUNCTIONS for trace in WITH_STATES]
    return [
        Bars(
            name="wrong_traces",
            title="Wrong traces teach where answers alone do",
            y_label="right answers",
            groups=TRACES,
            measured={
                f"{name} function{'s' * (name == 'many')}": np.stack([a.right for a in arms.values()], axis=1)
                for name, arms in measured.arms.items()
            },
            theory={},
        ),
        Bars(
            name="wrong_traces_followed",
            title="Whether answers follow a changed step",
            y_label="share of answers",
            groups=[kind.replace(", ", "\n") for kind in kinds],
            measured={
                "follow": np.stack([a.follow for a in rates], axis=1),
                "stay as they were": np.stack([a.ignore for a in rates], axis=1),
            },
            theory={},
        ),
    ]
