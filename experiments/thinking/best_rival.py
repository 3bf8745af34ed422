"""Thoughts before answers are worth twice the tokens of the best rival where they are written; at once the rival is ahead.

Source       Wang et al., arXiv:2509.20186: training on texts with a thought is three times as efficient as on the texts
             alone. What it is beside the best of repetition, paraphrase (arXiv:2401.16380) and cleaning
             (arXiv:2409.17115) is not asked there; that the order is thought first, and all controls, are ours.
Prediction   Problems of one and two letter transformations (`tasks/symbols`) are trained on as documents whose
             questions have noise symbols between their tokens. On as many tokens as question and answer alone: the
             same lines three times; question and answer said again in another order in place of a thought; question
             and answer without the noise. Thoughts stand before answers on a third, half or all of these tokens. Then
             all are tuned alike on the same 1,000 clean lines, and asked problems of two steps without noise. Tuned to
             write a chain, models of thoughts are as good as the best of the four others on half of its tokens, and as
             good as answers alone on a third; on half of the tokens fillers as long as thoughts, and thoughts of other
             problems, are .1 below. Tuned to answer at once, the best of the others is .1 above thoughts on as many
             tokens: what thoughts bring has to be written down.
Refuted if   One of these numbers is outside, in most seeds.
Controls     A seed counts for the best rival, and for answers alone, only where that is .05 above tuning alone, after
             nothing, on other problems. Where thoughts come to a rival's level is read off a straight line between
             their points, and off tuning alone at none. Lines are drawn anew, but for those that are repeated.
             Thoughts are the oracle's. What they are worth in FLOPs, if a model of the same size reads each question
             and writes the thought, or the paraphrase, and if it was trained itself on a third of the tokens, stands
             beside the verdict, as does whether models follow the chains that they write.
             In trials on seed 900, of the same compositions, problems of two steps were right with a chain in .33
             after tuning alone, .52 after answers, .56 after cleaned ones, .73 after paraphrases, and in .73, .97 and
             1.00 after thoughts on a third, half and all of the tokens; in .22 and .24 after fillers and swapped
             thoughts. At once they were so in .55, .92 and .75, and in .27, .48 and .59. On seed 901, of other
             compositions, cleaned ones ended at .51 and .68, paraphrases at .43 and .51, thoughts at .79, .95 and .96
             with a chain and at .13, .28 and .39 at once. On seed 900 a third of the tokens left thoughts where
             paraphrases were: three times the best rival is not promised.
Run          alchemy reproduce best_rival --preset small      # on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.documents import Document, written_as
from alchemy.problem.shift import Noise
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch, Field
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import gate_split
from experiments.scales import Scale
from experiments.thinking.documents import lines_of, mixed
from experiments.thinking.sequences import PRIMITIVES, drawn
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Thoughts in training data are worth twice the tokens of the best of repetition, paraphrase and cleaning, if they"
    " are written in the test too; for answers at once that is ahead.",
    source="arXiv:2509.20186; the rivals are those of 2401.16380 and 2409.17115, and repetition",
    prediction="tuned alike to write chains, as good as the best rival on half of its tokens and as answers on a third; fillers"
    " and swapped thoughts .1 below; tuned alike to answer at once, the best rival .1 above thoughts on as many tokens",
    refuted_if="more than half of the tokens, or a third of those of answers, or a difference below .1",
    question="What does a step buy?",
    among="rivals that teach more than the tuning does",
)
ANSWERS, REPEATED, PARAPHRASED, CLEANED = "answers", "repeated", "paraphrased", "cleaned"
RIVALS = (ANSWERS, REPEATED, PARAPHRASED, CLEANED)
BEFORE, FILLER, SWAPPED = "thoughts", "fillers", "swapped thoughts"
DOCUMENTS: dict[str, Document] = {
    ANSWERS: "answer",
    REPEATED: "answer",
    PARAPHRASED: "paraphrase",
    CLEANED: "cleaned",
    BEFORE: "thought first",
    FILLER: "filler",
    SWAPPED: "swapped",
}
ALONE = "tuning alone"
"""Models that see nothing before they are tuned."""
THRICE = 3
"""Times that repeated lines are read."""
DRAWN = 900
"""Number of the draw of compositions, which are the same for all seeds."""
BACKWARD = 3
"""FLOPs of training on a token, in units of reading or writing one."""
LEAST = 0.01
"""Share of the tokens below which nothing is told apart."""
FORMS: dict[str, Document] = {"with a chain": "thought first", "at once": "answer"}
"""What all are tuned to write, and tested on."""


@dataclass(frozen=True)
class Config:
    """Compositions of one and two steps, noise, and how models are trained on documents about them, tuned and tested."""

    seeds: int = 5
    """Replicates, each with weights, lines and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 800
    """Held-out problems of each seed, of all numbers of steps; a quarter is for gates."""
    compositions: tuple[int, ...] = (4, 16)
    """How many there are of one step and of two; problems of either number are as frequent."""
    noise: float = 0.25
    """How often a noise symbol stands before a token of the questions that documents ask."""
    shares: tuple[float, ...] = (1 / 3, 1 / 2, 1)
    """Of the tokens of answers, on which models of thoughts are trained; the last but one is that of their controls."""
    tuned: int = 1000
    """Lines without noise that all are fine-tuned on, with chains or with answers alone."""
    model: Transformer = Transformer(width=48, layers=2, heads=4, context=48, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(steps=600, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)
    """Of answers; rivals read as many tokens."""
    tune: TrainConfig = TrainConfig(steps=100, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)

    def shares_of(self, name: str) -> tuple[float, ...]:
        """Rivals have all tokens, the controls of thoughts as many as thoughts that are to be as good."""
        return self.shares if name == BEFORE else (1.0,) if name in RIVALS else self.shares[-2:-1]

    def task(self) -> Symbols:
        """Problems of all numbers of steps."""
        rng = stream("compositions of documents", DRAWN)
        tasks = [
            Symbols(
                compositions=drawn(rng, PRIMITIVES, steps, count),
                primitives=PRIMITIVES,
                alphabet="ABCDEFGH",
                length=(3,),
                dialect="uniform",
            )
            for steps, count in enumerate(self.compositions, 1)
        ]
        return mixed(tasks)


SMALL = Config()
smoke = Scale(
    {
        "seeds": 1,
        "test": 16,
        "compositions": (2, 2),
        "shares": (0.5, 1.0),
        "tuned": 32,
        "model": Transformer(width=16, layers=1, heads=2, context=64, positions="rotary", tied=False),
        "train": TrainConfig(steps=16, batch=16, chunk=8),
        "tune": TrainConfig(steps=8, batch=16, chunk=8),
    }
)
PRESETS = {
    "smoke": smoke(SMALL),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=4000,
        compositions=(6, 36, 216),
        model=replace(SMALL.model, width=128, layers=4, hidden=256),
        train=replace(SMALL.train, steps=12000, batch=128),
    ),
}


class Curve(NamedTuple):
    """Models of one kind of document, at growing shares of the tokens that answers have: float (s, p) each."""

    tokens: np.ndarray  # the shares, as they came out in whole chunks of training
    chain: np.ndarray  # right answers to problems of two steps and more, tuned to write a chain
    at_once: np.ndarray  # tuned to answer at once
    gate: np.ndarray  # with a chain, of other problems


@dataclass(frozen=True)
class Measured:
    curves: dict[str, Curve]
    """By document; fine-tuning alone is of no tokens."""
    paid: dict[str, float]
    """FLOPs that a token of a document costs, its training and what a model of the same size spends on writing it, in
    units of its training."""

    def last(self, name: str, score: str) -> np.ndarray:
        """Right answers of models of the most tokens, float (s,)."""
        values: np.ndarray = getattr(self.curves[name], score)
        return values[:, -1]

    def needed(self, score: str, rivals: tuple[str, ...] = RIVALS) -> np.ndarray:
        """Share of the tokens on which thoughts are as good as the best of rivals with all of them, float (s,)."""
        thoughts, alone = self.curves[BEFORE], self.curves[ALONE]
        seeds = zip(
            np.concatenate([alone.tokens, thoughts.tokens], axis=1),
            np.concatenate([getattr(alone, score), getattr(thoughts, score)], axis=1),
            np.max([self.last(name, score) for name in rivals], axis=0),
            strict=True,
        )
        return np.array([reached(*seed) for seed in seeds])

    def worth(self, score: str, rivals: tuple[str, ...] = RIVALS) -> np.ndarray:
        """Tokens of the best of rivals that one token of thoughts is worth, float (s,)."""
        return 1 / np.maximum(self.needed(score, rivals), LEAST)

    def worth_of_work(self, teaching: float) -> np.ndarray:
        """The same with a chain in FLOPs, with those of writing documents and, as a share of the FLOPs of training on
        answers, those of a teacher's own training: float (s,)."""
        best = np.argmax([self.last(name, "chain") for name in RIVALS], axis=0)
        paid = np.array([self.paid[name] for name in RIVALS])[best]
        return paid / (np.maximum(self.needed("chain"), LEAST) * self.paid[BEFORE] + teaching)


def reached(tokens: np.ndarray, right: np.ndarray, level: float) -> float:
    """Where a curve through points (p,) first comes to a level, straight between them; infinite where it does not."""
    best = np.maximum.accumulate(right)
    if best[-1] < level:
        return inf
    after = int((best >= level).argmax())
    if after == 0:
        return 0.0
    part = (level - best[after - 1]) / (best[after] - best[after - 1])
    return float(tokens[after - 1] + part * (tokens[after] - tokens[after - 1]))


def run(config: Config, lab: Lab) -> Measured:
    seeds, task = lab.seeds(config.seeds), config.task()
    noisy = replace(task, noise=Noise("insert", config.noise))
    chains = [lab.split.sample(task, stream("lines to tune on", seed), config.tuned, "train") for seed in seeds]
    tuning = {
        form: [written_as(own, document, stream("nothing is drawn")) for own in chains]
        for form, document in FORMS.items()
    }
    few = {name: lines_of(lab, noisy, document, 2000, 0) for name, document in DOCUMENTS.items()}
    length = {name: float((lines.text != PAD).sum(axis=1).mean()) for name, lines in few.items()}
    curves = {ALONE: _curve(config, lab, tuning, ALONE, {0.0: None})}
    for name, document in DOCUMENTS.items():
        trained: dict[float, Runs | None] = {}
        for share in config.shares_of(name):
            wanted = share * config.train.steps * length[ANSWERS] / length[name] / config.train.chunk
            steps = max(1, round(wanted)) * config.train.chunk
            n = steps * config.train.batch // (THRICE if name == REPEATED else 1)
            runs = lab.train(
                config.model,
                task,
                replace(config.train, steps=steps),
                seeds=seeds,
                sets=alike([lines_of(lab, noisy, document, n, seed) for seed in seeds]),
                loss="sequence",
                label=f"train {name}, {share:.2g} of the tokens",
            )
            trained[steps * length[name] / length[ANSWERS] / config.train.steps] = runs
        curves[name] = _curve(config, lab, tuning, name, trained)
    return Measured(curves, {name: 1 + written_share(few[name], name) / BACKWARD for name in DOCUMENTS})


def alike(sets: list[Batch]) -> list[Batch]:
    """Lines of several seeds, all as wide as the widest."""
    width = max(lines.tokens.shape[1] for lines in sets)
    padding = [(0, width - lines.tokens.shape[1]) for lines in sets]
    return [
        lines._replace(
            tokens=np.pad(lines.tokens, ((0, 0), more, (0, 0))),
            field=np.pad(lines.field, ((0, 0), more), constant_values=np.int8(Field.PADDING)),
        )
        for lines, more in zip(sets, padding, strict=True)
    ]


def written_share(lines: Batch, name: str) -> float:
    """Share of the tokens of documents that a teacher reads or writes: all of a paraphrase, questions and thoughts."""
    if name not in (PARAPHRASED, BEFORE, SWAPPED):
        return 0.0
    taught = (lines.field >= Field.STEP) | ((lines.field >= 0) & (lines.field < Field.ANSWER))
    return 1.0 if name == PARAPHRASED else float(taught.sum() / (lines.text != PAD).sum())


def _curve(
    config: Config, lab: Lab, tuning: Mapping[str, list[Batch]], name: str, trained: Mapping[float, Runs | None]
) -> Curve:
    """Models of one kind by their share of the tokens, tuned in either form."""
    seeds, task, parts = lab.seeds(config.seeds), config.task(), gate_split(config.test)
    points = []
    for share, runs in trained.items():
        right = {}
        for form, sets in tuning.items():
            label = f"{name}, {share:.2g}, {form}"
            tuned = lab.train(
                config.model, task, config.tune, seeds=seeds, sets=sets, start=runs, label=f"tune {label}"
            )
            answers = lab.answer(tuned, task, config.test, label=f"answer {label}")
            hard = (answers.batch.problem["ops"] >= 0).sum(axis=1).reshape(len(seeds), -1) > 1
            scored = np.where(hard, answers.values("answer"), np.nan)
            right[form] = [np.nanmean(scored[:, part], axis=1) for part in parts]
        (gate, chain), (_, at_once) = (right[form] for form in FORMS)
        points.append((np.full(len(seeds), share), chain, at_once, gate))
    return Curve(*np.array(points).transpose(1, 2, 0))


def check(measured: Measured) -> list[Check]:
    curves = measured.curves
    taught = {name: curves[name].gate[:, -1] - curves[ALONE].gate[:, 0] for name in RIVALS}
    best = np.max(list(taught.values()), axis=0)
    more = Gate("best rival - tuning alone, with a chain", best, 0.05, 1.0, "it taught")
    some = Gate("answers - tuning alone, with a chain", taught[ANSWERS], 0.05, 1.0, "they taught")
    thoughts = curves[BEFORE].chain[:, -2]  # on half of the tokens, as the controls
    at_once = np.max([measured.last(name, "at_once") for name in RIVALS], axis=0) - measured.last(BEFORE, "at_once")
    return [
        at_least(
            "with a chain: worth in tokens of the best rival", measured.worth("chain"), 2.0, "twice", gates=[more]
        ),
        at_least(
            "with a chain: worth in tokens of answers",
            measured.worth("chain", (ANSWERS,)),
            3.0,
            "as published",
            gates=[some],
        ),
        at_least("with a chain: thoughts - fillers", thoughts - measured.last(FILLER, "chain"), 0.1, "not tokens"),
        at_least("with a chain: thoughts - swapped", thoughts - measured.last(SWAPPED, "chain"), 0.1, "not style"),
        at_least("at once: best rival - thoughts, all tokens", at_once, 0.1, "a problem of ten", gates=[more]),
    ]


def figures(measured: Measured) -> list[Figure]:
    worth = {
        "tokens": measured.worth("chain"),
        "FLOPs: writing": measured.worth_of_work(0.0),
        "FLOPs: teacher": measured.worth_of_work(1 / 3),
        "tokens of answers": measured.worth("chain", (ANSWERS,)),
        "tokens, at once": measured.worth("at_once"),
    }
    return [
        Bars(
            name="best_rival",
            title="Right answers to problems of two steps after a common fine-tuning",
            y_label="right answers",
            groups=list(FORMS),
            measured={
                name: np.stack([measured.last(name, "chain"), measured.last(name, "at_once")], axis=1)
                for name in (ALONE, *DOCUMENTS)
            },
            theory={},
            note="rivals and thoughts have all tokens, fillers and swapped thoughts half of them",
        ),
        Bars(
            name="best_rival_worth",
            title="What thoughts are worth beside the best rival",
            y_label="times",
            groups=list(worth),
            measured={BEFORE: np.stack(list(worth.values()), axis=1)},
            theory={},
            note="tuned to write a chain, but for the last; FLOPs with those of writing the thoughts, and with a teacher's training too",
        ),
    ]
