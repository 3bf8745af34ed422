"""Facts are composed the sooner, the more compositions training has; those it composes with none, in writing, partly by loops.

Source       Wang, Yue, Su, Sun, arXiv:2405.15071: sections 3.2 (the ratio of composed to atomic facts, not the size of the
             data, sets the speed) and 3.3 (what no composition of training has is not composed: upper layers do not hold it),
             appendix E.2 (layers that share weights). Loops cross in the end: arXiv:2604.07822, section 4. Chains are ours
Prediction   Worlds of 600 facts, 20 relations of 30 entities (`tasks/facts`). Training has every fact; a fifth of them stands
             in no composed question of training, and of the composed questions of the others it has 4, 6, 8.5 or 12 for each
             fact. Two layers, asked at the last relation, are right in .9 of those that were left out after steps that fall
             at least with the root of the ratio, and so does the factor between these steps and those to .9 of the trained
             ones. Twice the entities at 8.5 do not raise that factor by a quarter. At 8.5 these models are at most .1 above
             the best reader who does not compose where both facts are apart. They are .15 more above it where the first is
             than where the second is. Two layers that recite both facts write .9 of the texts with both apart. One layer
             passed six times, rotary positions, is .1 more often right than six layers where the second fact is apart, and .1
             above the best reader where both are.
Refuted if   One of these eight numbers is on the other side in most seeds.
Controls     Models count if they are right in .99 of the facts, those apart with them, and in .95 of the composed questions
             that were left out. Each seed has a world of its own. Arms of a higher ratio have more lines and as many steps.
             What never came to .9 counts as if it had with the last step, against the claim. Readers know training's composed
             questions by entity, relations or bridge, or stop at the bridge (`tasks/facts/laws.py`). Six layers of their own
             have as many passes, steps and lines as the loop. Chains have half the steps of the two layers, of half the
             lines. In trials on seeds 901 and 902 what was left out came to .9 after 3,000 steps and more, 2,170 and 2,270,
             1,300 and 1,350, 1,020 and 1,190, trained questions after 670 to 870, and the factor was 1.6 and 1.7 at 8.5, 1.1
             and 1.2 with twice the entities. With both facts apart .03 and .05 were right at once (floor .06), .99 and .99
             written, .31 and .40 looped, .14 and .21 in six layers; with the second apart .04 and .05 at once, .70 and .76
             looped, .31 and .42 in six layers; with the first .49 and .55 at once. On seed 900 a loop of eight passes had .40
             and eight layers .15 with both apart, the loop rising. Loops with learned positions, or of four passes, had .12
             and less after 1,500 to 2,500 steps at 12.
Run          alchemy reproduce composed_facts --preset small      # a quarter of an hour on a CPU core
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, log
from typing import Any, NamedTuple, cast

import numpy as np

from alchemy.causal.readout import own_answers
from alchemy.errors import UserError
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.lab.trainings import Watch
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples, examples, joined
from alchemy.learning.model import Model, Params
from alchemy.learning.train import Runs
from alchemy.problem.split import Split
from alchemy.problem.task import PAD, Batch, Problem
from alchemy.record import digest, fingerprint
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.slopes import slope
from alchemy.stats.summary import crossing
from experiments.theory.last_letter import said
from models.transformer import Transformer
from tasks.facts import Facts, laws, questions

CLAIM = Claim(
    sentence="Facts are composed the sooner, the more compositions training has; those in none of them, in writing, and partly by loops.",
    source="arXiv:2405.15071; loops: arXiv:2604.07822",
    prediction="steps to .9 fall with the ratio, twice the facts or not; both apart: floor at once, .9 written, above it looped",
    refuted_if="one of the eight numbers on the other side",
    question="Where does reasoning stop?",
    among="models that know the facts and compose those that training composes",
)
HELD_OUT, TRAINED, BOTH = WATCHED = ("held out", "trained", "both apart")
KINDS = (HELD_OUT, "first apart", "second apart", BOTH)
"""Composed questions that training left out, by which of their facts stand in no composed question of training."""
FACTS = "facts"
Right = Callable[..., np.ndarray]
REACHED = 0.9
"""Right answers at which a kind of question counts as learned."""


@dataclass(frozen=True)
class Config:
    """Worlds of one size at several ratios of composed questions to facts, and who composes facts that training never composes."""

    seeds: int = 5
    """Replicates, each with weights, a world and held-out questions of its own. Five that agree are the fewest to hold."""
    test: int = 300
    """Questions of each kind, for each seed."""
    task: Facts = Facts(entities=30, relations=20, apart=0.2, ratio=1.0, cot=False)
    ratios: tuple[float, ...] = (4.0, 6.0, 8.5, 12.0)
    """Composed questions that are trained for each fact that is not apart."""
    compared: float = 8.5
    """The ratio at which arms are compared."""
    larger: int = 2
    """Times the entities, in one arm."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=16)
    looped: Transformer = Transformer(width=64, layers=1, loops=6, heads=4, context=16, inject=True, positions="rotary")
    deep: Transformer = Transformer(width=64, layers=6, heads=4, context=16, positions="rotary")
    """As many layers as those passes, with weights of their own."""
    train: TrainConfig = TrainConfig(steps=3000, batch=128, optimizer="muon", weight_decay=0.2)
    train_larger: TrainConfig = TrainConfig(steps=4500, batch=128, optimizer="muon", weight_decay=0.2)
    train_deep: TrainConfig = TrainConfig(steps=4000, batch=128, optimizer="muon", weight_decay=0.2)
    """Of six layers, be they one or not."""
    train_written: TrainConfig = TrainConfig(steps=1500, batch=64, optimizer="muon", weight_decay=0.2)


SMALL = Config()
TINY = Transformer(width=16, layers=1, heads=2, context=16)
STEPS = TrainConfig(steps=8, batch=16, chunk=4)
LONG = replace(SMALL.train, steps=100_000, batch=512, matrix_rate=0.005, learning_rate=1e-3)
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=8,
        task=Facts(entities=12, relations=4, apart=0.3, ratio=0.5, cot=False),
        ratios=(0.5, 1.0),
        compared=1.0,
        larger=1,
        model=TINY,
        looped=TINY,
        deep=TINY,
        train=STEPS,
        train_larger=STEPS,
        train_deep=STEPS,
        train_written=STEPS,
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=1000,
        task=Facts(entities=128, relations=32, apart=0.1, ratio=1.0, cot=False),
        ratios=(3.6, 5.4, 7.2, 9.0, 12.6, 18.0),
        compared=9.0,
        model=replace(SMALL.model, width=256, layers=8, heads=8),
        looped=replace(SMALL.looped, width=256, layers=4, loops=2, heads=8),
        deep=replace(SMALL.deep, width=256, layers=8, heads=8),
        train=LONG,
        train_larger=LONG,
        train_deep=LONG,
        train_written=replace(LONG, steps=50_000),
    ),
}


class Told(NamedTuple):
    """What the models of one seed are told, and what they are asked."""

    task: Facts
    """The world of the seed."""
    facts: Problem
    trained: Problem
    """Composed questions of training."""
    asked: Mapping[str, Problem]
    """Questions of each kind, and so many of the trained ones, by name."""


@dataclass(frozen=True)
class Learned:
    """One arm while it was trained."""

    steps: tuple[int, ...]
    """Of training, rising."""
    right: np.ndarray
    """Right answers to what is watched, float (s, m, 3)."""

    def reached(self, kind: str) -> np.ndarray:
        """The step at which nine of ten questions of a kind are right, float (s,): infinite where it never comes, and not before the
        first look."""
        step = crossing(np.array(self.steps), self.right[:, :, WATCHED.index(kind)], REACHED, falling=False)
        return np.maximum(step, self.steps[0])

    @property
    def taken(self) -> np.ndarray:
        """Steps to held-out questions; all there were where they never come, which are too few: float (s,)."""
        return np.minimum(self.reached(HELD_OUT), self.steps[-1])

    @property
    def delay(self) -> np.ndarray:
        """How many times the steps of trained questions those are, float (s,); no number where these never come."""
        trained = self.reached(TRAINED)
        return np.where(np.isfinite(trained), self.taken / trained, np.nan)


@dataclass(frozen=True)
class Arm:
    """Right answers in the end, as shares."""

    facts: np.ndarray
    """Float (s,)."""
    composed: np.ndarray
    """By kind, float (s, 4)."""

    def of(self, kind: str) -> np.ndarray:
        return np.asarray(self.composed[:, KINDS.index(kind)])


@dataclass(frozen=True)
class Measured:
    ratios: dict[float, Learned]
    larger: Learned
    """With more entities, at the ratio `compared`."""
    compared: float
    arms: dict[str, Arm]
    """At that ratio."""
    floors: np.ndarray
    """What the best reader who does not compose scores, by kind: float (s, 4)."""


AT_ONCE, LOOPED, DEEP, WRITTEN = "at once", "looped", "as deep, not looped", "facts recited"


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    told = {ratio: [tell(config, lab.split, seed, ratio) for seed in seeds] for ratio in config.ratios}
    runs = {
        ratio: _trained(config, lab, config.model, config.train, own, f"ratio {ratio:g}") for ratio, own in told.items()
    }
    more = replace(config, task=replace(config.task, entities=config.larger * config.task.entities))
    large = [tell(more, lab.split, seed, config.compared) for seed in seeds]
    larger = _trained(more, lab, config.model, config.train_larger, large, f"{more.task.entities} entities")
    own, arms = told[config.compared], {AT_ONCE: runs[config.compared]}
    for name, model in {LOOPED: config.looped, DEEP: config.deep}.items():
        arms[name] = _trained(config, lab, model, config.train_deep, own, name)
    tested = {name: _tested(lab, trained, own, name) for name, trained in arms.items()}
    return Measured(
        {ratio: _learned(lab, each) for ratio, each in runs.items()},
        _learned(lab, larger),
        config.compared,
        {**tested, WRITTEN: _tested(lab, _taught(config, lab, own), own, WRITTEN, written)},
        np.array([[_floor(each, kind) for kind in KINDS] for each in own]),
    )


def tell(config: Config, split: Split, seed: int, ratio: float) -> Told:
    """The world of a seed, with so many composed questions of the training part for each fact that is not apart."""
    task = replace(config.task, world=seed)
    every = questions.composed(replace(task, ratio=task.known.most))
    out = split.part(task.identity(every))
    trained = _some(every, np.flatnonzero(~out), round(ratio * int((~task.known.apart).sum())))
    asked = {HELD_OUT: _some(every, np.flatnonzero(out), config.test), TRAINED: _some(trained, None, config.test)}
    for kind, unseen in zip(KINDS[1:], ("first", "second", "both"), strict=True):
        asked[kind] = _some(questions.composed(replace(task, unseen=cast(Any, unseen))), None, config.test)
    return Told(task, questions.facts(task), trained, asked)


def _some(problem: Problem, rows: np.ndarray | None, n: int) -> Problem:
    """The first so many problems, of those at some rows; raises `UserError` if they are fewer."""
    rows = np.arange(len(problem["head"])) if rows is None else rows
    if len(rows) < n:
        raise UserError(
            f"a world has {len(rows)} questions where {n} are asked for; expected more entities or relations"
        )
    return {name: values[rows[:n]] for name, values in problem.items()}


def lines(told: Told) -> Examples:
    """All that is told, as prompts: what is to be said behind the last relation is the entity at the end."""
    return joined([_asked(told.task, part) for part in (told.facts, told.trained)])


def _asked(task: Facts, problem: Problem) -> Examples:
    batch = task.write(problem)
    tokens, row, place = batch.prompts(), np.arange(len(batch.prompt_len)), batch.prompt_len - 1  # of `<think>`
    target, weight = tokens[..., 0].copy(), np.zeros(tokens.shape[:2], bool)
    target[row, place] = _answers(task, problem)
    weight[row, place] = True
    return Examples(tokens, weight, target)


def _answers(task: Facts, problem: Problem) -> np.ndarray:
    """Ids of the entities that questions lead to, int (n,)."""
    return questions.answers(task, problem) + task.first_entity


def _trained(config: Config, lab: Lab, model: Transformer, train: TrainConfig, told: list[Told], name: str) -> Runs:
    """Models that are told facts and composed questions, and watched meanwhile."""
    seeds = lab.seeds(config.seeds)
    own = replace(model, vocabulary=len(config.task.vocabulary))
    worlds = dict(zip(seeds, told, strict=True))

    def measure(params: Params, of: Sequence[int]) -> np.ndarray:
        return np.stack([_says(own, params, [worlds[seed] for seed in of], kind) for kind in WATCHED], axis=1)

    return lab.train(
        model,
        config.task,
        train,
        seeds=seeds,
        labels=[lines(own) for own in told],
        watch=Watch(WATCHED, measure),
        label=f"train {name}",
    )


def _says(model: Model, params: Params, told: Sequence[Told], kind: str) -> np.ndarray:
    """Right answers at the last relation to questions of a kind, as shares, float (s,)."""
    texts, place, right = _prompts(told, kind)
    return np.asarray((own_answers(model, params, texts, place)[..., 0] == right).mean(axis=1))


def _prompts(told: Sequence[Told], kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prompts int32 (s, n, t, 1) of questions of a kind, or of all facts, where the answer is to be said, int (1,), and its id, int
    (s, n)."""
    asked = [own.facts if kind == FACTS else own.asked[kind] for own in told]
    texts = np.stack([own.task.write(problem).prompts() for own, problem in zip(told, asked, strict=True)])
    right = np.stack([_answers(own.task, problem) for own, problem in zip(told, asked, strict=True)])
    return texts, np.array([texts.shape[2] - 1]), right


def _learned(lab: Lab, runs: Runs) -> Learned:
    """What was watched while models were trained."""
    notes = [note["watched"] for note in lab.notes(runs)]
    return Learned(tuple(notes[0]["steps"]), np.array([note["values"] for note in notes]))


def at_once(lab: Lab, runs: Runs, told: Sequence[Told], kind: str, label: str) -> np.ndarray:
    """Right answers at the last relation, as shares, float (s,)."""
    texts, place, right = _prompts(told, kind)
    return np.asarray((said(lab, runs, texts, place, label)[..., 0] == right).mean(axis=1))


def written(lab: Lab, runs: Runs, told: Sequence[Told], kind: str, label: str) -> np.ndarray:
    """Texts that models write greedily with every fact and the answer right, as shares, float (s,)."""
    asked = [own.facts if kind == FACTS else own.asked[kind] for own in told]
    batches = [_recited(own.task, problem) for own, problem in zip(told, asked, strict=True)]
    width = int((batches[0].text != PAD).sum(axis=1).max())
    texts = np.stack([batch.tokens[:, :width] for batch in batches])
    places = np.arange(batches[0].prompt_len[0], width)
    names = [fingerprint({"model": name, "texts": digest(own)}) for name, own in zip(runs.names, texts, strict=True)]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params = rows_of(runs.trained.params, rows)
        return {"written": own_answers(runs.model, params, texts[rows], places)}

    n = texts.shape[1]
    wrote = lab.keep("written", runs.model, names, (n, len(places)), n * width, make, label)
    return np.asarray((wrote == texts[:, :, places, 0]).all(axis=2).mean(axis=1))


def _recited(task: Facts, problem: Problem) -> Batch:
    """Questions with the facts on the way and the answer."""
    return replace(task, cot=True).write(problem)


def _taught(config: Config, lab: Lab, told: list[Told]) -> Runs:
    """Models that recite the facts of everything they are told."""
    labels = [joined([examples(_recited(own.task, part)) for part in (own.facts, own.trained)]) for own in told]
    return lab.train(
        config.model,
        config.task,
        config.train_written,
        seeds=lab.seeds(config.seeds),
        labels=labels,
        label=f"train {WRITTEN}",
    )


def _tested(lab: Lab, runs: Runs, told: list[Told], name: str, right: Right = at_once) -> Arm:
    scores = {kind: right(lab, runs, told, kind, f"{name}, {kind}") for kind in (FACTS, *KINDS)}
    return Arm(scores[FACTS], np.stack([scores[kind] for kind in KINDS], axis=1))


def _floor(told: Told, kind: str) -> float:
    """The best score of the readers who do not compose."""
    return max(laws.floors(told.task, told.trained, told.asked[kind]).values())


def check(measured: Measured) -> list[Check]:
    ratios, arms = measured.ratios, measured.arms
    logs = np.log(np.array([*ratios]))
    floor = dict(zip(KINDS, measured.floors.T, strict=True))
    steps = np.log(np.stack([own.taken for own in ratios.values()], axis=1))
    delays = np.log(np.stack([own.delay for own in ratios.values()], axis=1))
    once = arms[AT_ONCE]
    able = {name: _able(name, arm) for name, arm in arms.items()}
    missing = {kind: once.of(kind) - floor[kind] for kind in KINDS}
    return [
        at_most(
            "steps until .9 of what was left out: slope of the logarithm over that of the ratio",
            slope(logs, steps),
            -0.5,
            "half of inverse proportion",
            gates=able[AT_ONCE],
        ),
        at_most(
            "these steps over those to .9 of the trained: slope of the logarithm over that of the ratio",
            slope(logs, delays),
            -0.5,
            "so it is not that everything is learned sooner",
            gates=able[AT_ONCE],
        ),
        at_most(
            "the same, of more entities at one ratio - of fewer: logarithm",
            np.log(measured.larger.delay) - np.log(ratios[measured.compared].delay),
            log(1.25),
            "twice the facts delay by no quarter",
            gates=able[AT_ONCE],
        ),
        at_most(
            f"{AT_ONCE}, {BOTH}: right - floor",
            once.of(BOTH) - floor[BOTH],
            0.1,
            "no more than a reader who does not compose, and a tenth",
            gates=able[AT_ONCE],
        ),
        at_least(
            f"{AT_ONCE}: above the floor, first apart - second apart",
            missing["first apart"] - missing["second apart"],
            0.15,
            "what is missing is the second fact",
            gates=able[AT_ONCE],
        ),
        at_least(f"{WRITTEN}, {BOTH}: right", arms[WRITTEN].of(BOTH), 0.9, "nearly all", gates=able[WRITTEN]),
        at_least(
            f"second apart: {LOOPED} - {DEEP}",
            arms[LOOPED].of("second apart") - arms[DEEP].of("second apart"),
            0.1,
            "a third of what was seen in trials",
            gates=[*able[LOOPED], *able[DEEP]],
        ),
        at_least(
            f"{LOOPED}, {BOTH}: right - floor",
            arms[LOOPED].of(BOTH) - floor[BOTH],
            0.1,
            "a third of what was seen in trials",
            gates=able[LOOPED],
        ),
    ]


def _able(name: str, arm: Arm) -> list[Gate]:
    """It knows the facts, and composes those that training composes."""
    return [
        Gate(f"{name}: facts right", arm.facts, 0.99, inf, "both facts of nearly every question are known"),
        Gate(f"{name}, {HELD_OUT}: right", arm.of(HELD_OUT), 0.95, inf, "it composes"),
    ]


def figures(measured: Measured) -> list[Figure]:
    last = measured.ratios[measured.compared]
    return [
        Curves(
            name="composed_facts",
            title="Composed questions that training left out",
            x_label="steps",
            y_label="right answers",
            x=list(last.steps),
            measured={
                f"{ratio:g} composed for each fact": own.right[:, :, WATCHED.index(HELD_OUT)]
                for ratio, own in measured.ratios.items()
            },
            theory={},
        ),
        Bars(
            name="composed_facts_apart",
            title=f"Right answers in the end, {measured.compared:g} composed questions for each fact",
            y_label="right answers",
            groups=list(KINDS),
            measured={name: arm.composed for name, arm in measured.arms.items()},
            theory={AT_ONCE: np.median(measured.floors, axis=0).tolist()},
            note="Dotted: the best reader who does not compose.",
        ),
    ]
