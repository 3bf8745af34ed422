"""Keeping right answers multiplies the odds of a rare trace by the size of the alphabet: greedy decoding makes it a jump.

Source       Tsilivis, Malach, Ullrich, Kempe, arXiv:2510.11495 (parities, q = 2); the law for any q, and p = 0, are ours
Prediction   A share p of training lines adds digits modulo q sum by sum, the others give a sum at once that models of this
             budget cannot compute. Such a model begins with the first digit wherever it is going to write a trace, and by
             chance otherwise, so greedy decoding goes on to the trace only if p > 1 / (q + 1): at three quarters of that
             share it answers like a guess, at four thirds almost always right, though samples differ by little
             (`tasks/sums/laws.py`). Sampling, keeping what has the right answer and learning from that multiplies the
             odds p / (1 - p) by q, round after round; of p = 0 it makes nothing.
Refuted if   Greedy answers are right in .6 or more at three quarters of the threshold, or in less than .9 at four thirds; the
             log odds of a trace are further than .5 from their first value + n ln q after one of three rounds; or samples
             are right in .03 more than 1 / q after three rounds from p = 0; each in most seeds, for q = 2 or q = 5.
Controls     Sampled accuracy stands beside greedy, which shows that the jump is one of the decoder. One round that keeps as many
             lines at random, right or wrong, has to leave the odds where they are; it stands beside the rounds.
Run          alchemy reproduce odds_law --preset small      # about an hour on 2 CPU cores beside other runs
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log
from typing import NamedTuple, cast

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch, Task
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.testtime.answers import Samples
from experiments.self_training import learn as learn_from_kept
from models.transformer import Transformer
from tasks.sums import Sums, laws

CLAIM = Claim(
    sentence="Keeping right answers multiplies the odds of a rare trace by the alphabet's size; greedy decoding makes it a jump.",
    source="arXiv:2510.11495; the law for other alphabets, and p = 0, are ours",
    prediction="greedy fails at .75 and solves at 1.33 of a share 1 / (q + 1); a round multiplies odds by q; 0 stays 0",
    refuted_if="greedy >= .6 below or < .9 above the threshold, log odds off by .5 in three rounds, or p = 0 gains .03",
    question="What does a step buy?",
    among="models that learned to write the trace, in the share they were shown, and not to do without",
)
BELOW, ABOVE = 0.75, 4 / 3
"""Shares of traces in training, as multiples of the threshold."""
ROUNDS = 3


@dataclass(frozen=True)
class Config:
    """Sums modulo two numbers: trained with no traces, few and more; then rounds of rewards."""

    seeds: int = 10
    """Replicates, each with weights, training lines and test problems of its own. Ten that agree decide either way."""
    places: tuple[tuple[int, int], ...] = ((2, 16), (5, 6))
    """Modulus and number of digits: so many that problems are too many to be learned by heart."""
    test: int = 1600
    """Held-out problems, a quarter of them for gates."""
    samples: int = 2
    """Completions of each at temperature 1."""
    practice: int = 8_000
    """Fresh training problems a round, each answered once."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=48, tied=False)
    train: TrainConfig = TrainConfig(steps=800, batch=128, optimizer="muon", learning_rate=5e-3)
    """Until more than 10,000 traces were read: with fewer, no trace is right and no reward can help."""
    round_train: TrainConfig = TrainConfig(steps=60, batch=128, optimizer="muon", learning_rate=1e-3, matrix_rate=0.004)
    """Of each round, gentle: what is to change is how often traces are written, not how."""


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        places=((5, 5),),
        test=64,
        samples=1,
        practice=64,
        model=Transformer(width=16, layers=1, heads=2, context=24, tied=False),
        train=TrainConfig(steps=2, batch=16, chunk=2),
        round_train=TrainConfig(steps=2, batch=16, chunk=2),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        places=((2, 24), (5, 12), (10, 12)),
        test=4000,
        practice=20_000,
        model=Transformer(width=128, layers=4, heads=4, context=64, tied=False),
        train=TrainConfig(steps=4000, batch=256, optimizer="muon", learning_rate=3e-3),
    ),
}


class Written(NamedTuple):
    """What models write, on the problems of checks: shares, each float (s,)."""

    long: np.ndarray
    """Samples with a trace."""
    right: np.ndarray
    """Samples with the right answer."""
    greedy: np.ndarray
    """Right answers of greedy decoding."""
    gate_long: np.ndarray
    """`long`, on the problems of gates."""
    gate_exact: np.ndarray
    """Of samples with a trace there, those that are right in every step."""
    gate_at_once: np.ndarray
    """Of samples without one there, those with the right answer."""


@dataclass(frozen=True)
class Measured:
    """By modulus."""

    below: dict[int, list[Written]]
    """Trained below the threshold, and after each round of rewards."""
    above: dict[int, Written]
    none: dict[int, list[Written]]
    """Trained without traces, and after each round."""
    at_random: dict[int, Written]
    """Those trained below, after one round that keeps lines whatever their answers are."""


def run(config: Config, lab: Lab) -> Measured:
    measured = Measured({}, {}, {}, {})
    for modulus, places in config.places:
        edge, task = laws.threshold(modulus), Sums(modulus, places)
        few = fit(config, lab, replace(task, traced=BELOW * edge))
        measured.below[modulus] = rounds(config, lab, few)
        measured.above[modulus] = written(config, lab, fit(config, lab, replace(task, traced=ABOVE * edge)))
        measured.none[modulus] = rounds(config, lab, fit(config, lab, replace(task, traced=0.0)))
        measured.at_random[modulus] = written(config, lab, learn(config, lab, few, 1, as_many_at_random))
    return measured


def fit(config: Config, lab: Lab, task: Sums) -> Runs:
    """Models trained on lines of a task."""
    label = f"train modulo {task.modulus}, {task.traced:.3g} with a trace"
    return lab.train(config.model, task, config.train, seeds=config.seeds, label=label)


def rounds(config: Config, lab: Lab, runs: Runs) -> list[Written]:
    """What models write before any round and after each."""
    measured = [written(config, lab, runs)]
    for number in range(1, ROUNDS + 1):
        runs = learn(config, lab, runs, number, right)
        measured.append(written(config, lab, runs))
    return measured


def learn(config: Config, lab: Lab, runs: Runs, number: int, kept: Callable[[Samples, int], np.ndarray]) -> Runs:
    """The same models after a round of training on what is kept, bool (n,)."""
    return learn_from_kept(
        lab,
        runs,
        config.round_train,
        number,
        lambda samples, seed: as_written(samples, kept(samples, seed)),
        problems=config.practice,
        room=room(runs.task),
        context=runs.task.max_len,
    )[0]


def room(task: Task) -> int:
    """Tokens of a right line behind the prompt, at most: what is longer is not right."""
    return task.max_len - task.shortest_prompt


def right(samples: Samples, seed: int) -> np.ndarray:
    """Lines with the right answer, whatever stands before it."""
    return samples.verify().answer.reshape(-1)


def as_many_at_random(samples: Samples, seed: int) -> np.ndarray:
    """As many lines as have the right answer, any of them."""
    return stream("reward at random", seed).permutation(right(samples, seed))


def as_written(samples: Samples, rows: np.ndarray) -> Batch:
    """The lines of bool (n,), as the model wrote them; a completion that was cut has no end."""
    batch, completions = samples.flat()
    some, completions = batch.rows(rows), completions[rows]
    fields = samples.task.chain_fields(some, completions)
    tokens = np.concatenate([some.prompts(), completions[..., None]], axis=1)
    field = np.concatenate([some.field[:, : some.prompts().shape[1]], fields], axis=1)
    return Batch(tokens, some.prompt_len, field, some.problem)


def written(config: Config, lab: Lab, runs: Runs) -> Written:
    """What models write to held-out problems, the same ones for all models of a modulus and seed."""
    task = replace(cast(Sums, runs.task), traced=1.0)  # other shares have the same problems
    samples = lab.sample(runs, task, config.test, config.samples, max_new=room(task), label="sample at temperature 1")
    greedy = lab.answer(runs, task, config.test, max_new=room(task), label="answer greedily").values("answer")
    judged = samples.verify()
    long = task.has_trace(samples.flat()[1]).reshape(judged.answer.shape)
    gate, test = gate_split(config.test)
    mean = (1, 2)
    return Written(
        long=long[:, test].mean(mean),
        right=judged.answer[:, test].mean(mean),
        greedy=greedy[:, test].mean(1),
        gate_long=long[:, gate].mean(mean),
        gate_exact=share((judged.answer & judged.trace)[:, gate], long[:, gate]),
        gate_at_once=share(judged.answer[:, gate], ~long[:, gate]),
    )


def share(of: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The share of bool (s, n, k) that holds where another does, float (s,); nan where that is nowhere."""
    count = among.sum((1, 2))
    return np.divide((of & among).sum((1, 2)), count, out=np.full(len(count), np.nan), where=count > 0)


def check(measured: Measured) -> list[Check]:
    checks = []
    for q in measured.below:
        few, more, none = measured.below[q], measured.above[q], measured.none[q]
        learned = gates(f"q = {q}, below", few[0], BELOW * laws.threshold(q), q)
        checks += [
            at_most(
                f"q = {q}: greedy, below the threshold",
                few[0].greedy,
                0.6,
                "the law says 1 / q; a share that is off by a little lets a part of the prompts go on",
                gates=learned,
            ),
            at_least(
                f"q = {q}: greedy, above the threshold",
                more.greedy,
                0.9,
                "the law says 1, for calibrated models",
                gates=gates(f"q = {q}, above", more, ABOVE * laws.threshold(q), q),
            ),
            at_most(
                f"q = {q}: log odds, largest deviation from n ln q over three rounds",
                deviation(few, q),
                0.5,
                "less than one round at q = 2, .69, whatever q; chance alone makes .2",
                gates=learned,
            ),
            at_most(
                f"q = {q}: from no traces, three rounds later: right - 1 / q",
                none[-1].right - laws.floor(q),
                0.03,
                "a round can only keep what was written; twice what chance makes of problems and samples",
                gates=[
                    Gate(f"q = {q}, none: right at once", none[0].gate_at_once, *guessing(q), "nothing to begin with")
                ],
            ),
        ]
    return checks


def gates(name: str, written: Written, traced: float, q: int) -> list[Gate]:
    """Models that learned the trace, its share, and no sum at once."""
    low, high = guessing(q)
    return [
        Gate(f"{name}: samples with a trace", written.gate_long, traced - 0.04, traced + 0.04, "calibrated"),
        Gate(f"{name}: of traces, right", written.gate_exact, 0.95, 1.0, "the trace is learned"),
        Gate(f"{name}: right at once", written.gate_at_once, low, high, "the sum at once is not"),
    ]


def guessing(q: int) -> tuple[float, float]:
    """Accuracies that a guess can have on the problems of gates."""
    return laws.floor(q) - 0.06, laws.floor(q) + 0.06


def log_odds(rounds: list[Written]) -> np.ndarray:
    """Of a trace among samples, float (s, rounds + 1); infinite where all or none have one."""
    share = np.stack([written.long for written in rounds], axis=1)
    with np.errstate(divide="ignore"):
        return np.log(share) - np.log1p(-share)


def deviation(rounds: list[Written], q: int) -> np.ndarray:
    """How far log odds are from their first value + n ln q after round n, the largest over rounds: float (s,), nan without
    a trace in the first place."""
    measured = log_odds(rounds)
    with np.errstate(invalid="ignore"):
        gain = measured[:, 1:] - measured[:, :1]
    return np.abs(gain - log(q) * np.arange(1, len(rounds))).max(axis=1)


def figures(measured: Measured) -> list[Figure]:
    moduli = list(measured.below)
    groups = [f"q = {q}, {name}" for q in moduli for name in ("below", "above")]
    shown = [cell for q in moduli for cell in (measured.below[q][0], measured.above[q])]
    shares = [(q, factor * laws.threshold(q)) for q in moduli for factor in (BELOW, ABOVE)]
    return [
        Bars(
            name="odds_law",
            title="A share of traces a little below and above 1 / (q + 1)",
            y_label="right answers",
            groups=groups,
            measured={
                "greedy": np.stack([cell.greedy for cell in shown], axis=1),
                "sampled": np.stack([cell.right for cell in shown], axis=1),
            },
            theory={
                "greedy": [laws.greedy_accuracy(q, p) for q, p in shares],
                "sampled": [laws.accuracy(q, p) for q, p in shares],
            },
            note="Dotted: calibrated models that can only guess the sum without its trace.",
        ),
        Curves(
            name="odds_law_rounds",
            title="Rounds that keep right answers",
            x_label="round",
            y_label="samples with a trace",
            x=list(range(ROUNDS + 1)),
            measured={
                **{f"q = {q}": np.stack([cell.long for cell in measured.below[q]], axis=1) for q in moduli},
                **{f"q = {q}, kept at random": _at_random(measured, q) for q in moduli},
            },
            theory={
                f"law, q = {q}": [
                    laws.after_rounds(q, BELOW * laws.threshold(q), number) for number in range(ROUNDS + 1)
                ]
                for q in moduli
            },
            note="The law: a round multiplies the odds by q. A round that keeps as many lines at random is the control.",
        ),
    ]


def _at_random(measured: Measured, q: int) -> np.ndarray:
    """Shares of traces before and after the control's one round, float (s, rounds + 1)."""
    gap = np.full((len(measured.at_random[q].long), ROUNDS - 1), np.nan)
    return np.column_stack([measured.below[q][0].long, measured.at_random[q].long, gap])
