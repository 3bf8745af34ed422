"""Some dozen rules make a model read the rule in its prompt; fewer it knows by heart, and to compose at once takes more.

Source       Raventos et al., arXiv:2306.15063: below a number of pretraining tasks, regression in context is that of a Bayes
             predictor with these tasks as its prior, above it solves new ones. Here with symbols, and with a composition
Prediction   A permutation of 7 letters stands in the prompt, and a letter to which it is to be applied once or twice; the answer comes
             at once. On unseen permutations, models of 4 are right in at most .35 of one application, models of 8 in .4 of two,
             where a guess that reads no rule scores .14 and .29; models of 64 in .9 of one and models of 512 in .9 of two. That
             is under two decades each, and half-way up two applications need three times the rules that one does. On unseen
             rules, models of 4 rules say what a Bayes predictor says that knows these 4 by heart, rather than what the prompt
             says. Written down, two applications need no more rules than one: two look-ups, after training on 32.
Refuted if   Models of 4 rules are right in more than .35, of 8 in more than .4, of 64 or 512 in less than .9; or two applications need
             less than three times the rules; or, where the predictor is sure of another letter than the right one, models of 4
             rules do not say its letter in .2 more of the problems than the right one; or, after training on 32, two
             look-ups are not .3 above two applications at once; each in most seeds.
Controls     A seed counts where models solve other questions about the rules they were trained on. All arms see as many lines, and
             the rules of the fewer are among those of the more. The predictor takes a shown rule for one of its own with each
             image replaced with probability .05: where it is sure, one of its rules is nearer than all others, at any small
             noise. A model that knew neither its rules nor the shown one would say either letter alike.
             Of 7 letters there are 5,040 rules, an eighth held out, so that 4,096 are nearly all that training can show.
             In a trial on a seed from 900 on, models of 4, 8, 16, 32, 64 and 256 rules were right in .22, .47, .90, .97, 1.00 and 1.00 of
             one application and in .18, .25, .29, .38, .48 and .99 of two.
Run          alchemy reproduce rule_diversity --preset small      # on 2 CPU cores, about a quarter of an hour
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alchemy.errors import UserError
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples
from alchemy.learning.train import Runs
from alchemy.problem.split import Split
from alchemy.problem.streams import stream
from alchemy.problem.task import Problem
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.summary import crossing
from alchemy.terminal import counted
from experiments.theory.last_letter import said
from models.transformer import Transformer
from tasks.rules import Rules, laws
from tasks.rules.spec import THINK
from tasks.rules.write import applied

CLAIM = Claim(
    sentence="Some dozen rules make a model read the rule in its prompt; fewer it knows by heart, and to compose at once takes more.",
    source="arXiv:2306.15063, with symbols in place of regression",
    prediction="unseen rules: near a guess at 4 trained ones, .9 at 64; composed at 8 and 512, half-way at three times as many; at 4, by heart",
    refuted_if="over .35 at 4 rules or .4 at 8, under .9 at 64 or 512, half-way below three times, not by heart at 4, or written no better",
    question="Where does reasoning stop?",
    among="models that solve the rules they were trained on",
)
ONCE, TWICE = 0, 1
"""Places of one and two applications in what is measured."""
NOISE = 0.05
"""How often the predictors expect an image to be replaced."""


@dataclass(frozen=True)
class Config:
    """The same lines about few or many rules."""

    seeds: int = 10
    """Replicates, each with weights, rules and test problems of its own. Ten that agree decide either way."""
    test: int = 600
    """Held-out problems of each number of applications, for each seed."""
    letters: int = 7
    rules: tuple[int, ...] = (4, 8, 16, 32, 64, 512, 4096)
    """How many rules are trained on; rising."""
    looked_up: tuple[int, int] = (4, 64)
    """With how many of these one application is expected to be by heart, and with how many to be read; under two decades."""
    composed: tuple[int, int] = (8, 512)
    """The same of two applications at once."""
    written: int = 32
    """With how many writing two applications down is compared with answering at once."""
    questions: int = 12
    """Letters that a training line asks about, one after the other, behind its rule."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=32, tied=False)
    train: TrainConfig = TrainConfig(steps=250, batch=64, optimizer="muon")

    @property
    def task(self) -> Rules:
        return Rules(self.letters, (1, 2), cot=False)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        letters=5,
        rules=(2, 3, 5),
        looked_up=(2, 3),
        composed=(2, 5),
        written=3,
        questions=3,
        model=Transformer(width=16, layers=1, heads=2, context=16, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        test=4000,
        letters=8,
        rules=(4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 32768),
        model=Transformer(width=128, layers=4, heads=8, context=64, tied=False),
        questions=24,
        train=TrainConfig(steps=4000, batch=256, optimizer="muon", learning_rate=1e-3),
    ),
}


@dataclass(frozen=True)
class Arm:
    """Models of one number of rules; each array float (s, 2), for one and for two applications, unless it says otherwise."""

    trained: np.ndarray
    """Right answers about the rules they were trained on."""
    unseen: np.ndarray
    """Right answers about rules they never saw."""
    written: np.ndarray
    """Right answers to two applications that are asked for one after the other, float (s,)."""


@dataclass(frozen=True)
class ByHeart:
    """Models of the fewest rules on unseen ones, where the predictor of these rules is sure of a wrong letter: float (s, 2)."""

    predicted: np.ndarray
    """Share that says the predictor's letter."""
    right: np.ndarray
    """Share that says the right one."""
    predictor: np.ndarray
    """How often the predictor's likeliest letter is right on unseen rules."""


@dataclass(frozen=True)
class Measured:
    """Arms by the number of rules trained on."""

    arms: dict[int, Arm]
    by_heart: ByHeart
    looked_up: tuple[int, int]
    composed: tuple[int, int]
    written: int
    """Numbers of rules at which there are checks, as in `Config`."""
    floors: tuple[float, float]
    """What the best guess without reading the rule scores at one and at two applications."""


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    unseen = [lab.held_out(replace(config.task, times=(times,)), config.test, seeds).problem for times in (1, 2)]
    known = {count: [training_rules(config.task, lab.split, seed, count) for seed in seeds] for count in config.rules}
    models = {count: _trained(config, lab, count, rules) for count, rules in known.items()}
    fewest = config.rules[0]
    return Measured(
        arms={count: _arm(config, lab, models[count], count, rules, unseen) for count, rules in known.items()},
        by_heart=_by_heart(config, lab, models[fewest], known[fewest], unseen),
        looked_up=config.looked_up,
        composed=config.composed,
        written=config.written,
        floors=(laws.own_letter(config.letters, 1), laws.own_letter(config.letters, 2)),
    )


def training_rules(task: Rules, split: Split, seed: int, count: int) -> np.ndarray:
    """The first so many rules of the training part in an order of the seed's own, int8 (count, letters)."""
    rules = laws.every(task.letters)
    rules = rules[~split.part(task.identity({"rule": rules}))]
    if count > len(rules):
        raise UserError(
            f"rules {count} is too many: {len(rules)} rules of {task.letters} letters are in the training part"
        )
    return rules[stream("rules", seed).permutation(len(rules))[:count]]


def _trained(config: Config, lab: Lab, count: int, rules: list[np.ndarray]) -> Runs:
    seeds, n = lab.seeds(config.seeds), config.train.steps * config.train.batch
    labels = [
        lines(config, own, stream("questions about rules", seed), n) for seed, own in zip(seeds, rules, strict=True)
    ]
    return lab.train(
        config.model, config.task, config.train, seeds=seeds, labels=labels, label=f"train on {counted(count, 'rule')}"
    )


def lines(config: Config, rules: np.ndarray, rng: np.random.Generator, n: int) -> Examples:
    """So many lines about rules int8 (count, letters): one of them, and behind it numbers and letters in turn.

    What is to be said behind each letter is where its number of applications leads to.
    """
    task, shape = config.task, (n, config.questions)
    rule = rules[rng.integers(len(rules), size=n)]
    times, letter = rng.integers(1, 3, shape, np.int8), rng.integers(config.letters, size=shape, dtype=np.int8)
    asked = {"rule": rule.repeat(config.questions, axis=0), "times": times.ravel(), "letter": letter.ravel()}
    tokens = text(task, rule, np.stack([times, letter], axis=2).reshape(n, -1))
    target, weight = tokens[..., 0].copy(), np.zeros(tokens.shape[:2], bool)
    behind = slice(config.letters + 2, None, 2)
    target[:, behind] = answers(asked).reshape(shape) + task.first_letter
    weight[:, behind] = True
    return Examples(tokens, weight, target)


def text(task: Rules, rule: np.ndarray, questions: np.ndarray) -> np.ndarray:
    """Rules int8 (n, letters) with questions int8 (n, 2q), numbers and letters in turn, and `<think>`: int32 (n, t, 1)."""
    ids = questions.astype(np.int32)
    ids[:, ::2] += task.one - 1
    ids[:, 1::2] += task.first_letter
    think = np.full((len(rule), 1), task.vocabulary.index[THINK], np.int32)
    return np.hstack([rule + np.int32(task.first_letter), ids, think])[..., None]


def answers(problem: Problem) -> np.ndarray:
    """The letters that problems end at, int8 (n,)."""
    letters = applied(problem["rule"], problem["letter"], 2)
    return letters[np.arange(len(letters)), problem["times"] - 1]


def _arm(config: Config, lab: Lab, runs: Runs, count: int, rules: list[np.ndarray], unseen: list[Problem]) -> Arm:
    name = counted(count, "rule")
    trained = [_about(config, rules, runs.seeds, times) for times in (1, 2)]
    return Arm(
        trained=np.stack([_right(config, lab, runs, problem, f"{name}, trained") for problem in trained], axis=1),
        unseen=np.stack([_right(config, lab, runs, problem, f"{name}, unseen") for problem in unseen], axis=1),
        written=_written(config, lab, runs, unseen[TWICE], f"{name}, written"),
    )


def _about(config: Config, rules: list[np.ndarray], seeds: Sequence[int], times: int) -> Problem:
    """As many problems about each seed's own rules, one seed's after the other."""
    n, which = config.test, [stream("questions for gates", seed, times) for seed in seeds]
    return {
        "rule": np.concatenate([own[rng.integers(len(own), size=n)] for own, rng in zip(rules, which, strict=True)]),
        "times": np.full(n * len(which), times, np.int8),
        "letter": np.concatenate([rng.integers(config.letters, size=n, dtype=np.int8) for rng in which]),
    }


def _right(config: Config, lab: Lab, runs: Runs, problem: Problem, label: str) -> np.ndarray:
    """Right answers of each seed to its own of s * n problems, float (s,)."""
    right = _says(config, lab, runs, problem, label) == answers(problem)
    return np.asarray(right.reshape(len(runs.seeds), -1).mean(axis=1))


def _says(
    config: Config, lab: Lab, runs: Runs, problem: Problem, label: str, before: np.ndarray | None = None
) -> np.ndarray:
    """The letters that models say to s * n problems, int (s * n,), behind questions `before`, int8 (s * n, 2q), if there are any."""
    own = np.stack([problem["times"], problem["letter"]], axis=1)
    texts = text(config.task, problem["rule"], own if before is None else np.hstack([before, own]))
    behind = np.array([texts.shape[1] - 1])
    asked = texts.reshape(len(runs.seeds), -1, *texts.shape[1:])
    return said(lab, runs, asked, behind, label).ravel() - config.task.first_letter


def _written(config: Config, lab: Lab, runs: Runs, problem: Problem, label: str) -> np.ndarray:
    """Right answers to two applications as two look-ups: of the letter, and behind it of what was said to that; float (s,)."""
    once = {**problem, "times": np.ones_like(problem["times"])}
    first = _says(config, lab, runs, once, f"{label}, first")
    then = {**once, "letter": np.where((first >= 0) & (first < config.letters), first, 0).astype(np.int8)}
    second = _says(config, lab, runs, then, f"{label}, second", np.stack([once["times"], once["letter"]], axis=1))
    return np.asarray((second == answers(problem)).reshape(len(runs.seeds), -1).mean(axis=1))


def _by_heart(config: Config, lab: Lab, runs: Runs, rules: list[np.ndarray], unseen: list[Problem]) -> ByHeart:
    predicted, right, predictor = np.empty((3, 2, len(rules)))
    for times, problem in enumerate(unseen):
        says = _says(config, lab, runs, problem, f"{counted(len(rules[0]), 'rule')}, unseen").reshape(len(rules), -1)
        gold = answers(problem).reshape(says.shape)
        for place, own in enumerate(rules):
            rows = slice(place * config.test, (place + 1) * config.test)
            likely = laws.predicted(own, {name: values[rows] for name, values in problem.items()}, NOISE)
            letter = likely.argmax(axis=1)
            sure = (likely.max(axis=1) > 0.5) & (letter != gold[place])
            predicted[times, place] = (says[place] == letter)[sure].mean()
            right[times, place] = (says[place] == gold[place])[sure].mean()
            predictor[times, place] = (letter == gold[place]).mean()
    return ByHeart(predicted.T, right.T, predictor.T)


def check(measured: Measured) -> list[Check]:
    arms, written, fewest = measured.arms, measured.written, min(measured.arms)
    by_heart = measured.by_heart.predicted - measured.by_heart.right
    (few_once, many_once), (few_twice, many_twice) = measured.looked_up, measured.composed
    return [
        at_most(
            f"{few_once} rules, once: unseen right",
            arms[few_once].unseen[:, ONCE],
            0.35,
            "a guess scores .14, and of four rules the nearest is right in .29",
            gates=[learned(measured, few_once)],
        ),
        at_least(
            f"{many_once} rules, once: unseen right",
            arms[many_once].unseen[:, ONCE],
            0.9,
            "nearly all, with 16 times the rules",
            gates=[learned(measured, many_once)],
        ),
        at_most(
            f"{few_twice} rules, twice: unseen right",
            arms[few_twice].unseen[:, TWICE],
            0.4,
            "a guess scores .29",
            gates=[learned(measured, few_twice)],
        ),
        at_least(
            f"{many_twice} rules, twice: unseen right",
            arms[many_twice].unseen[:, TWICE],
            0.9,
            "nearly all, with 64 times the rules",
            gates=[learned(measured, many_twice)],
        ),
        at_least(
            "rules half-way, twice / once",
            _ratio(measured),
            3.0,
            "a third of what was seen in a trial",
            gates=[learned(measured, count) for count in arms],
        ),
        *(
            at_least(
                f"{fewest} rules, {name}: says its own rules' letter - the right one",
                by_heart[:, times],
                0.2,
                "half of what was seen in a trial; 0 for who knows neither",
                gates=[learned(measured, fewest)],
            )
            for times, name in ((ONCE, "once"), (TWICE, "twice"))
        ),
        at_least(
            f"{written} rules, twice: written - at once",
            arms[written].written - arms[written].unseen[:, TWICE],
            0.3,
            "nearly half of what there is between a guess and all",
            gates=[learned(measured, written)],
        ),
    ]


def learned(measured: Measured, count: int) -> Gate:
    """A seed counts where its model solves other questions about the rules it was trained on."""
    right = measured.arms[count].trained.min(axis=1)
    return Gate(f"{count} rules: trained ones right", right, 0.95, 1.0, "learned, but for one in twenty")


def _ratio(measured: Measured) -> np.ndarray:
    """At how many times the rules two applications are half-way from the guess to all, where one is, float (s,): no number
    where one never is."""
    once, twice = (
        crossing(
            np.array([*measured.arms]),
            np.stack([arm.unseen[:, times] for arm in measured.arms.values()], axis=1),
            (1 + measured.floors[times]) / 2,
            falling=False,
        )
        for times in (ONCE, TWICE)
    )
    fewest = min(measured.arms)  # where the first arm is there, the crossing is given as 0
    known = np.isfinite(once)
    return np.where(known, np.maximum(twice, fewest) / np.where(known, np.maximum(once, fewest), 1), np.nan)


def figures(measured: Measured) -> list[Figure]:
    arms, heart = measured.arms.values(), measured.by_heart
    return [
        Curves(
            name="rule_diversity",
            title="Rules that were never trained on, by the number of those that were",
            x_label="rules trained on",
            y_label="right answers",
            x=[*measured.arms],
            measured={
                "one application": np.stack([arm.unseen[:, ONCE] for arm in arms], axis=1),
                "two, at once": np.stack([arm.unseen[:, TWICE] for arm in arms], axis=1),
                "two, written down": np.stack([arm.written for arm in arms], axis=1),
            },
            theory={
                f"{name}, without the rule": [floor] * len(arms)
                for name, floor in zip(("one", "two"), measured.floors, strict=True)
            },
            log_x=True,
        ),
        Bars(
            name="rule_diversity_by_heart",
            title=f"After training on {min(measured.arms)} rules: unseen ones that are taken for one of these",
            y_label="share of answers",
            groups=["one application", "two, at once"],
            measured={"as that rule has it": heart.predicted, "as the prompt has it": heart.right},
            theory={},
        ),
    ]
