"""The answer is decided before the chain is written where the prompt gives it away, and at the end of it where not.

Source       Lanham et al., arXiv:2307.13702 (early answering, filler, paraphrase); Turpin et al., arXiv:2305.04388. Ours: the
             truth about when an answer can be known, which only a controlled task has.
Prediction   Models that may be asked for the answer anywhere in the chain, as their training lines were cut anywhere. With one
             function to learn the answer can be known before the first step; with many only once the steps have brought it
             within reach: a reader that takes one function at a time knows it behind the last step. Two measures of when it
             is decided, as a share of the chain from 0 to 1, each the mean over a seed's problems: (asked) the first number
             of steps from which on the answer, asked for at once, is the final one; (edits) the last step whose change
             changes the answer. Both lie later for many functions by half of the chain at least. Beside them without a
             prediction: filler and paraphrase of a step, what readers with less understanding answer at each cut, and models
             trained on whole chains alone, which need not have learned what the prompt gives away.
Refuted if   By one of the two measures the difference is below half of the chain in most seeds: an answer that the model must
             compute was decided early, or one that it need not was decided late.
Run          alchemy reproduce commitment --preset small      # minutes on 2 CPU cores, fewer after wrong_traces
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Literal, NamedTuple, get_args

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import EOS, PAD, Batch, Field
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split, stacked
from experiments.trace.compositions import FUNCTIONS, STEPS, Functions, Setting, full, smoke
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="The answer is decided before the chain where the prompt gives it away, and at the end of the chain where not.",
    source="ours, on arXiv:2307.13702 and 2305.04388",
    prediction="decided later by half of the chain or more with many functions than with one, asked for early and by edits",
    refuted_if="less than half of the chain between them, asked for early or by edits",
    question="Is the trace used?",
)


Lines = Literal["whole chains", "cut chains"]
LINES: tuple[Lines, ...] = get_args(Lines)


@dataclass(frozen=True)
class Config(Setting):
    """Models trained on whole chains, and models trained on chains cut anywhere."""

    test: int = 400


SMALL = Config()
PRESETS = {"smoke": smoke(SMALL, seeds=1), "small": SMALL, "full": full(SMALL)}


class Edits(NamedTuple):
    """What a change of each step does to the answer."""

    decided: (
        np.ndarray
    )  # float (s,): the last step whose change changes the answer, as a share of the chain; 0 for none
    follow: np.ndarray  # float (s, k - 1): share of answers that follow the changed step
    stay: np.ndarray  # float (s, k - 1): share that stay as they were
    chance: np.ndarray  # float (s, k - 1): share of other problems' answers that would be counted as staying
    filler: np.ndarray  # float (s, k - 1): share that stay when the step's letters are filler
    paraphrase: np.ndarray  # float (s, k - 1): share that stay when the step says the same in another order


class Asked(NamedTuple):
    """The answer, asked for behind 0, 1, ... steps of the chain; behind the last it is the final one."""

    decided: (
        np.ndarray
    )  # float (s,): the first number of steps from which on it is the final one, as a share of the chain
    agree: np.ndarray  # float (s, k): share of answers that are the final one


class Readers(NamedTuple):
    """Share of problems in which readers with less understanding are right behind 0, 1, ... steps: float (s, k)."""

    state: np.ndarray  # repeats the last state
    one_more: np.ndarray  # applies the next function to it and no other


@dataclass(frozen=True)
class Trained:
    """Models trained on one kind of lines, each array with a seed axis."""

    gate: np.ndarray
    """Share of right answers behind the whole chain, on problems for gates: float (s,)."""
    edits: Edits
    asked: Asked


@dataclass(frozen=True)
class Measured:
    """By the functions to learn, and the lines trained on."""

    models: dict[Functions, dict[Lines, Trained]]
    readers: dict[Functions, Readers]


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    return Measured(
        models={
            name: {kind: stacked([model(config, lab, name, kind, seed) for seed in seeds]) for kind in LINES}
            for name in FUNCTIONS
        },
        readers={name: stacked([readers(config, lab, name, seed) for seed in seeds]) for name in FUNCTIONS},
    )


def model(config: Config, lab: Lab, functions: Functions, kind: Lines, seed: int) -> Trained:
    """One seed's model."""
    task = config.task(functions, seed)
    lines = config.lines(lab, task, seed)
    lines = cut_anywhere(task, lines, seed) if kind == "cut chains" else lines
    runs = config.fit(lab, task, lines, seed, f"{functions}, {kind}")
    gate, judged = gate_split(config.test)
    right = lab.answer(runs, task, config.test, label="answer").values("answer")[0, gate]
    return Trained(right.mean(), edits(config, lab, runs, task, judged), asked(config, lab, runs, task, judged))


def cut_anywhere(task: Symbols, lines: Batch, seed: int) -> Batch:
    """Lines of which half ask for the answer behind 0 to k - 2 steps, as many as are drawn for each."""
    rng = stream("cut chains", seed)
    n, t = lines.text.shape
    kept = np.where(rng.random(n) < 0.5, rng.integers(0, STEPS - 1, n), STEPS - 1)  # steps
    read = (lines.field < Field.STEP + kept[:, None]) & ((lines.field >= Field.STEP) | (lines.field < Field.ANSWER))
    before = (read & (lines.field != Field.PADDING)).sum(axis=1)
    text = np.full((n, t), PAD, np.int32)
    for length in np.unique(before):
        rows = np.flatnonzero(before == length)
        text[rows, :length] = lines.text[rows, :length]
        ends = length - (text[rows[0], length - 1] == task.think_id)  # the answer is asked for in the place of <think>
        answer = lines.text[rows][:, lines.field[0] == Field.ANSWER]
        text[rows, ends : ends + answer.shape[1]] = answer
        text[rows, ends + answer.shape[1]] = EOS
    return lines._replace(tokens=text[..., None])


def edits(config: Config, lab: Lab, runs: Runs, task: Symbols, judged: slice) -> Edits:
    """What a change of each step does to the answers of one model."""
    changed, filler, paraphrase = (
        lab.intervene(runs, task, config.test, kind, label=kind).answer.of(judged)
        for kind in ("state", "filler", "paraphrase")
    )
    counted = changed.counted[0].all(axis=1)
    moved = ~changed.ignores[0, counted]  # (n, k - 1)
    rates = changed.rates_by_step
    return Edits(
        decided=last(moved),
        follow=rates.follow[0],
        stay=rates.ignore[0],
        chance=changed.floors_by_step.ignore[0],
        filler=filler.rates_by_step.ignore[0],
        paraphrase=paraphrase.rates_by_step.ignore[0],
    )


def last(moved: np.ndarray) -> float:
    """The mean place of the last column that is true, 0 for none and 1 for the last of all: bool (n, m); nan without rows."""
    places = np.where(moved, np.arange(1, moved.shape[1] + 1), 0).max(axis=1)
    return float(places.mean()) / moved.shape[1] if len(moved) else np.nan


def asked(config: Config, lab: Lab, runs: Runs, task: Symbols, judged: slice) -> Asked:
    """One model's answers, asked for behind each number of steps of the right chain."""
    at_once = replace(task, cot=False)
    final = task.answer_ids(lab.answer(runs, task, config.test, label="answer").completions[0])
    first = at_once.answer_ids(lab.answer(runs, at_once, config.test, label="answer at once").completions[0])
    later = lab.intervene(runs, task, config.test, "cut", label="cut the chain").answer
    agree = np.column_stack([(first == final) & (final >= 0), later.ignores[0]])[judged]  # (n, k)
    return Asked(last(~agree[:, :-1]), agree.mean(axis=0))


def readers(config: Config, lab: Lab, functions: Functions, seed: int) -> Readers:
    """Of one seed's problems."""
    task = config.task(functions, seed)
    problem = lab.held_out(task, config.test, [seed]).rows(gate_split(config.test)[1]).problem
    states = task.machine.intermediates(problem["ops"], problem["element"].astype(np.uint8))
    same = (states == states[:, -1:]).all(axis=2).mean(axis=0)  # (k + 1,)
    return Readers(same[:-1], same[1:])


def check(measured: Measured) -> list[Check]:
    one, many = (measured.models[name]["cut chains"] for name in FUNCTIONS)
    learned = [Gate(f"{name}: answers", arm.gate, 0.9, inf, "learned") for name, arm in (("one", one), ("many", many))]
    return [
        at_least(
            "asked early: many - one",
            many.asked.decided - one.asked.decided,
            0.5,
            "half of the chain; 0 if what the prompt gives away plays no part",
            gates=learned,
        ),
        at_least(
            "by edits: many - one",
            many.edits.decided - one.edits.decided,
            0.5,
            "half of the chain; 0 if the written chain is read, or is not, by both",
            gates=learned,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    arms = [(f"{name}, {kind}", models[kind]) for name, models in measured.models.items() for kind in LINES]
    many = measured.readers["many"]
    return [
        Curves(
            name="commitment",
            title="When the answer, asked for early, is the final one",
            x_label="steps written before the answer is asked for",
            y_label="share of answers",
            x=[*range(STEPS)],
            measured={label: trained.asked.agree for label, trained in arms},
            theory={
                "many: who repeats the last state": many.state.mean(axis=0).tolist(),
                "many: who applies one more function": many.one_more.mean(axis=0).tolist(),
            },
            note="Behind the last step the answer is the final one by construction.",
        ),
        Curves(
            name="commitment_edits",
            title="Whether the answer stays when a step is changed",
            x_label="step that is changed",
            y_label="share of answers that stay",
            x=[*range(1, STEPS)],
            measured={
                f"{name}: {what}": values
                for name, models in measured.models.items()
                for what, values in edited(models["cut chains"].edits).items()
            },
            theory={},
        ),
    ]


def edited(edits: Edits) -> dict[str, np.ndarray]:
    """The shares of answers that stay, by what is done to a step: each float (s, k - 1)."""
    return {"another state": edits.stay, "filler": edits.filler, "the same in another order": edits.paraphrase}
