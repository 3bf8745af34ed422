"""Running sums of several lengths are learned length by length where positions number the text, together where they number digits.

Source       Ebrahimi, Defferrard, Panchal, Memisevic, arXiv:2602.18333: kappa, the training lines that lengths need alone, added up,
             over those that they need together, is about 1 or less for transformers, .28 with chains of thought, and more for
             recurrent models. Positions as the reason are ours; coupled ones are of arXiv:2405.17399 and 2405.20671
Prediction   Two layers of width 32 write the running sums of 5, 6, 7 or 8 digits modulo 5. A length is learned from so many lines, read
             again and again, that .9 of held-out lines are without a mistake; together each length has a quarter of the lines, and
             all have to be learned. Where every place of the text has a number of its own, kappa is at most 1.5, though all together
             have 6 times the steps of one length, half as many again for each. Where a digit has the number of the running sum up to it,
             kappa is at least 1.5, though all together have twice the steps of one length, half as many for each. 1 is nothing
             shared, 4 is all.
Refuted if   One of the two is on the other side of 1.5 in most seeds.
Controls     Both arms read the same lines, and have the same layers. A seed counts where all lengths are learned from most lines, alone
             and together. What was not seen on either side of the numbers that were tried counts against the claim. The source takes
             the fewest lines that were enough for any of its runs; that stands beside, as do right answers, and the loss behind right
             sums, by which the source goes and which hides what models write behind wrong ones. In trials on seeds 902 to 904, 600
             steps for one length and with places in the text 8 times as many for all, kappa was .81, 1.09 and .60; with those of digits and as many
             for all as for one 2.5, 1.9 and 3.1, and after 900 steps 2.2, 2.0 and 1.5. After 4 times as many 64 lines were enough for all (seeds
             900 and 901). Of places in the text, 128 lines of each length were not enough with rotary positions either, in place of learned ones,
             where 128 of one alone were (902, 903). Longer training alone lowers kappa, too: 64 lines were enough after 2400 steps in two of
             four cases. With as many steps for all as for one, places in the text left .5 of the lines right at most, from 4096.
             Sums at once, and labels at every digit, of which the source has numbers, too, are not asked.
Run          alchemy reproduce sharing_factor --preset small      # on 2 CPU cores, 11 minutes
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.causal.readout import read_out
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch
from alchemy.record import digest, fingerprint
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.stats.sharing import Factor, sharing_factor
from alchemy.stats.summary import crossing
from experiments.theory.change_logs import side_by_side
from models.transformer import Positions, Transformer
from tasks.sums import Sums
from tasks.sums.spec import THINK

CLAIM = Claim(
    sentence="Running sums of several lengths are learned length by length where positions number the text, together where they number digits.",
    source="arXiv:2602.18333; positions as the reason are ours",
    prediction="lines that four lengths need alone over those they need together: at most 1.5 with places in the text, at least with those of digits",
    refuted_if="the factor is on the other side of 1.5 with either kind of places",
    question="What does a step buy?",
    among="models that learn all lengths from most lines",
)
LEARNED = 0.9
"""Share of held-out lines without a mistake, or of right answers, from which on a length is learned."""
NATS = 0.05
"""What a token of a held-out line costs at most, behind the right ones before it, where a length is learned by its loss."""
SCORES = ("exact", "answer", "nats")


@dataclass(frozen=True)
class Search:
    """Where lines that are enough are sought, with one scheme of positions."""

    positions: Positions
    alone: tuple[int, ...]
    """Lines of one length; rising."""
    joint: tuple[int, ...]
    """Lines of all lengths together, of each as many; rising."""
    times: int = 1
    """Times the steps of one length that all have together."""


@dataclass(frozen=True)
class Config:
    """Sums of several lengths, each alone and all together, from few lines and from many."""

    seeds: int = 5
    """Replicates, each with weights, training lines and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 200
    """Held-out problems of each length for each seed; a quarter is for gates."""
    modulus: int = 5
    lengths: tuple[int, ...] = (5, 6, 7, 8)
    """Digits of a line; rising. Of the fewest there are 2,700 lines to train on."""
    text: Search = Search("learned", (64, 128, 256), (256, 512, 1024, 2048), times=6)
    """Every place of the text has a number of its own."""
    digits: Search = Search("coupled", (32, 64, 128, 256), (32, 64, 128, 256), times=2)
    """A digit and the running sum up to it have one number."""
    model: Transformer = Transformer(width=32, layers=2, heads=4, tied=False, spread=1)
    train: TrainConfig = TrainConfig(steps=900, batch=32, optimizer="muon", learning_rate=5e-3)
    """Of one length."""

    def task(self, length: int) -> Sums:
        return Sums(self.modulus, length)

    @property
    def longest(self) -> Sums:
        return self.task(self.lengths[-1])

    @property
    def rows(self) -> int:
        """Lines that every set is filled up to with the same ones again, so that sets of all sizes share a program."""
        return max(size for search in (self.text, self.digits) for size in (search.alone[-1], search.joint[-1]))

    @property
    def most(self) -> int:
        """Lines of one length that any set has."""
        searches = self.text, self.digits
        return max(max(search.alone[-1], search.joint[-1] // len(self.lengths)) for search in searches)

    def model_of(self, positions: Positions) -> Transformer:
        """Coupled places begin anew behind the mark that ends the prompt, and the one before the answer."""
        task = self.longest
        marks = (task.vocabulary.index[THINK], task.answer_mark_id) if positions == "coupled" else ()
        return replace(self.model, positions=positions, marks=marks, context=task.max_len)

    def lines(self, lab: Lab, lengths: Sequence[int], each: int, seed: int) -> Batch:
        """The first `each` training lines of some lengths, repeated: smaller sets are parts of larger ones."""
        drawn = [
            lab.split.distinct(self.task(length), stream(f"lines of {length} digits", seed), self.most, "train")
            for length in lengths
        ]
        few = side_by_side([lines.rows(slice(each)) for lines in drawn], self.longest.max_len)
        return few.rows(np.arange(self.rows) % len(few.tokens))


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        modulus=2,
        lengths=(9, 10),
        text=Search("learned", (16, 32), (32, 64), times=2),
        digits=Search(
            "learned", (16, 32), (32, 64)
        ),  # as the other: the programs of one scheme take long enough to make
        model=Transformer(width=16, layers=1, heads=2, tied=False, spread=1),
        train=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=1000,
        lengths=(8, 11, 14, 17, 20),
        text=Search("learned", tuple(2**n for n in range(6, 15)), tuple(5 * 2**n for n in range(4, 15)), times=10),
        digits=Search("coupled", tuple(2**n for n in range(5, 14)), tuple(5 * 2**n for n in range(3, 14))),
        model=Transformer(width=256, layers=6, heads=8, tied=False, spread=1),
        train=TrainConfig(steps=50_000, batch=64, learning_rate=3e-4),
    ),
}


class Scores(NamedTuple):
    """Of held-out problems by length and number of training lines, float (s, lengths, sizes)."""

    exact: np.ndarray
    """Share of lines without a mistake."""
    answer: np.ndarray
    """Share of right answers."""
    nats: np.ndarray
    """Lost on a token of the right line, behind the right ones before it."""


class Arm(NamedTuple):
    """Models of one scheme of positions."""

    alone: Scores
    """By the lines of one length."""
    joint: Scores
    """By the lines of all lengths."""
    gate: np.ndarray
    """Lines without a mistake, of problems for gates: the worst of all lengths, alone and together, after most lines: (s,)."""
    few: tuple[int, ...]
    """Lines of one length, and of all together, that were tried."""
    many: tuple[int, ...]

    def needed(self, score: str = "exact") -> tuple[np.ndarray, np.ndarray]:
        """Lines from which on each length is learned alone, float (s, lengths), and all are together, float (s,)."""
        falls, alone, joint = score == "nats", getattr(self.alone, score), getattr(self.joint, score)
        level, worst = (NATS, joint.max(axis=1)) if falls else (LEARNED, joint.min(axis=1))
        each = [crossing(np.array(self.few), curve, level, falling=falls) for curve in np.moveaxis(alone, 1, 0)]
        return np.stack(each, axis=1), crossing(np.array(self.many), worst, level, falling=falls)

    def factor(self, score: str = "exact") -> Factor:
        """kappa of each seed."""
        return sharing_factor(*self.needed(score), self.few, self.many)

    def luckiest(self) -> Factor:
        """kappa of the fewest lines that were enough for any seed, of each length and together, as the source has it: float (1,)."""
        alone, joint = (needed.min(axis=0, keepdims=True) for needed in self.needed())
        return sharing_factor(alone, joint, self.few, self.many)


@dataclass(frozen=True)
class Measured:
    lengths: tuple[int, ...]
    text: Arm
    digits: Arm

    @property
    def arms(self) -> dict[str, Arm]:
        return {"places in the text": self.text, "places of digits": self.digits}


def run(config: Config, lab: Lab) -> Measured:
    return Measured(config.lengths, arm(config, lab, config.text), arm(config, lab, config.digits))


def arm(config: Config, lab: Lab, search: Search) -> Arm:
    """One scheme of positions."""
    lengths = config.lengths
    alone = [
        np.concatenate([known(config, lab, search, (length,), each) for length in lengths], axis=1)
        for each in search.alone
    ]
    joint = [known(config, lab, search, lengths, size // len(lengths)) for size in search.joint]
    gate = np.concatenate([alone[-1][..., 3], joint[-1][..., 3]], axis=1).min(axis=1)
    both = [Scores(*np.moveaxis(np.stack(tests, axis=2)[..., :3], -1, 0)) for tests in (alone, joint)]
    return Arm(*both, gate, search.alone, search.joint)


def known(config: Config, lab: Lab, search: Search, lengths: Sequence[int], each: int) -> np.ndarray:
    """What models know of some lengths after so many lines of each: exact lines, answers, nats, and exact lines of problems for
    gates, float (s, lengths, 4)."""
    together = len(lengths) > 1
    of = "each length" if together else f"{lengths[0]} digits"
    name, seeds = f"{search.positions} places, {each} lines of {of}", lab.seeds(config.seeds)
    runs = lab.train(
        config.model_of(search.positions),
        config.task(lengths[-1]),
        replace(config.train, steps=config.train.steps * (search.times if together else 1)),
        seeds=seeds,
        sets=[config.lines(lab, lengths, each, seed) for seed in seeds],
        label=f"train, {name}",
    )
    return np.stack([tested(config, lab, runs, config.task(length), name) for length in lengths], axis=1)


def tested(config: Config, lab: Lab, runs: Runs, task: Sums, name: str) -> np.ndarray:
    """Exact lines, answers, nats, and exact lines of problems for gates, float (s, 4)."""
    gate, judged = gate_split(config.test)
    room = task.clean_len - task.longest_prompt
    answers = lab.answer(runs, task, config.test, max_new=room, label=f"{task.places} digits, {name}")
    right = answers.values("answer")
    traced = task.has_trace(answers.completions.reshape(-1, answers.completions.shape[2])).reshape(right.shape)
    exact = right * answers.values("trace") * traced
    nats = lost(config, lab, runs, task, name)
    scores = exact[:, judged], right[:, judged], nats[:, judged], exact[:, gate]
    return np.stack([score.mean(axis=1) for score in scores], axis=1)


def lost(config: Config, lab: Lab, runs: Runs, task: Sums, name: str) -> np.ndarray:
    """Nats on a token of the right lines of held-out problems, float (s, n)."""
    drawn = lab.held_out(task, config.test, runs.seeds)
    places = np.arange(
        config.task(config.lengths[0]).longest_prompt, config.longest.clean_len
    )  # one program for all lengths
    lines = side_by_side([drawn], config.longest.clean_len).tokens
    texts = lines.reshape(len(runs.seeds), config.test, 1, -1, 1)
    written = (texts[0, 0, 0, places, 0] != PAD) & (places >= task.longest_prompt)
    names = [fingerprint({"model": model, "texts": digest(own)}) for model, own in zip(runs.names, texts, strict=True)]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        read = read_out(runs.model, rows_of(runs.trained.params, rows), texts[rows], places, progress=progress)
        return {"nats": -read.logprob[:, 0, :, 0][..., written].mean(axis=-1)}

    label = f"right lines of {task.places} digits, {name}"
    return lab.keep("nats", runs.model, names, (config.test,), texts[0].size, make, label, config.test)


def check(measured: Measured) -> list[Check]:
    text, digits = (
        Gate(
            f"{name}: lines without a mistake after most lines",
            arm.gate,
            LEARNED,
            inf,
            "alone and together, all lengths",
        )
        for name, arm in measured.arms.items()
    )
    return [
        at_most(
            "places in the text: sharing factor",
            measured.text.factor().high,
            1.5,
            "1 is nothing shared; trials had 1.1 at most",
            gates=[text],
        ),
        at_least(
            "places of digits: sharing factor",
            measured.digits.factor().low,
            1.5,
            "1 is nothing shared, 4 all; trials had 1.5 after half of these steps",
            gates=[digits],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    count, arms = len(measured.lengths), measured.arms
    lucky = " and ".join(f"{arm.luckiest().low[0]:.2f}" for arm in arms.values())
    shares = {name: [size / count for size in arm.many] for name, arm in arms.items()}
    sizes = sorted({size for name, arm in arms.items() for size in (*arm.few, *shares[name])})

    def curve(scores: Scores, given: Sequence[float]) -> np.ndarray:
        """Of the worst length, with gaps where none was trained: float (s, sizes)."""
        worst = np.full((len(scores.exact), len(sizes)), np.nan)
        worst[:, [sizes.index(size) for size in given]] = scores.exact.min(axis=1)
        return worst

    return [
        Bars(
            name="sharing_factor",
            title="Lines that lengths need alone, added up, over lines that they need together",
            y_label="sharing factor",
            groups=["lines without\na mistake", "answers", "loss"],
            measured={
                name: np.stack([arm.factor(score).low for score in SCORES], axis=1) for name, arm in arms.items()
            },
            theory={name: [1.0] * len(SCORES) for name in arms},
            note=f"Dotted: nothing shared. By the luckiest seeds, as in the source: {lucky}.",
        ),
        Curves(
            name="sharing_factor_lines",
            title="Held-out lines without a mistake, of the worst length",
            x_label="training lines of each length",
            y_label="share of lines",
            x=sizes,
            measured={
                label: values
                for name, arm in arms.items()
                for label, values in (
                    (f"{name}, alone", curve(arm.alone, arm.few)),
                    (f"{name}, all together", curve(arm.joint, shares[name])),
                )
            },
            theory={},
            log_x=True,
        ),
    ]
