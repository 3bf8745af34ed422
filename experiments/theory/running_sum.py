"""Two layers told running sums in training multiply without writing them; told nothing, they do not in three times the steps.

Source       Bai, Pres, Deng, Tan, Shieber, Viégas, Wattenberg, Lee, arXiv:2510.00184: models that answer at once stay at the log of
             the base at digits in the middle of a product, and an auxiliary loss on a linear reader of running sums makes them
             learn what otherwise takes a chain
Prediction   Factors of six digits in base 3, the lowest digit first. The middle digit of the product is the sixth, whose column has
             six products of two digits. On held-out factors two layers that say the product at once lose .8 of the log of the
             base there, the cost of a guess, also in three times the steps, and when a linear reader of their first layer is
             told the running sums of other lines. Told those of its own, the same model loses at most .1 nats there, and .9 of
             its products are right, as they are where every sum is written.
Refuted if   At once in three times the steps, or told sums of others, less than .8 of the log of the base is lost on the middle digit;
             told its own, more than .1 nats; or less than .9 of products are right when told, or behind written sums; each in
             most seeds.
Controls     Answering at once counts only where it learned the lowest digit, which is one product, to .1 nats, and where three times
             the steps bring no more than .2 nats at the middle digit. All arms read the same lines, and models that answer at once
             begin with the same weights. That they never learn it is not said: the fewer products a column has, the sooner they do.
             In base 5 with three digits, which the first lock judged, one in a trial stayed at 1.4 nats for 6,000 steps of 32 lines
             and lost .86 after 12,000, where one that was told came to .10 in 4,000 (to .12 where the heads of the second layer
             were told). Told with four heads, as then, one lost 1.38 after 1,000 steps of 64 lines, with eight .56.
             With the factors judged here, one seed each, models that were told lost .06, .04 and .06 nats after 2,500, 3,000 and
             3,000 steps, and had .96, .97 and .95 of products right; told nothing, 1.09 after 7,500 and 1.07 after 9,000. The reader
             lost .15 on the middle sum where .06 were lost on its digit: what is slow to be learned is the sum.
Run          alchemy reproduce running_sum --preset small      # on 2 CPU cores, 16 minutes
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from math import inf, log
from typing import NamedTuple

import numpy as np

from alchemy.causal.readout import answer_places, read_out
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.learning.config import TrainConfig
from alchemy.learning.data import Examples, examples
from alchemy.learning.train import Runs
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD, Batch
from alchemy.record import digest, fingerprint
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from models.taught_layer import Read, TaughtLayer
from models.transformer import Transformer
from tasks.multiplication import Multiplication, laws

CLAIM = Claim(
    sentence="Two layers told running sums in training multiply without writing them; told nothing, they do not in three times the steps.",
    source="arXiv:2510.00184",
    prediction="middle digit: .8 of a guess lost at once in 3 times the steps or told others' sums, .1 nats told own; .9 right told or written",
    refuted_if="under .8 of a guess lost at once or told others' sums; told own over .1 nats; or under .9 right told or behind written sums",
    question="What does a step buy?",
    among="models that learn the lowest digit at once, and little more of the middle one in three times the steps",
)


@dataclass(frozen=True)
class Config:
    """The same factors with the product at once, with sums that a layer is told, and with sums that are written."""

    seeds: int = 5
    """Replicates, each with weights, factors and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 400
    """Held-out problems for each seed; a quarter is for gates."""
    base: int = 3
    digits: int = 6
    model: Transformer = Transformer(width=64, layers=2, heads=16, context=64, tied=False)
    taught: int = 1
    """The layer that is told the running sums."""
    read: Read = "residual"
    """What is read of it."""
    pull: float = 3.0
    """How much a running sum counts beside a token."""
    train: TrainConfig = TrainConfig(steps=3500, batch=32, optimizer="muon")
    on: TrainConfig = TrainConfig(steps=7000, batch=32, optimizer="muon")
    """How models that are told nothing are trained on afterwards, to three times the steps."""
    chain_train: TrainConfig = TrainConfig(steps=1000, batch=32, optimizer="muon")
    """Of models that write the sums, on the first of the same lines."""

    @property
    def at_once(self) -> Multiplication:
        return replace(self.chain, trace="none")

    @property
    def chain(self) -> Multiplication:
        return Multiplication(self.base, self.digits)

    def lines(self, lab: Lab, seed: int, task: Multiplication) -> Batch:
        """The factors that training reads, the same ones of a seed for every model."""
        return lab.split.sample(task, stream("factors", seed), self.train.steps * self.train.batch, "train")

    def more_lines(self, lab: Lab, seed: int) -> Batch:
        """Those that models read that are trained on."""
        return lab.split.sample(self.at_once, stream("further factors", seed), self.on.steps * self.on.batch, "train")


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=16,
        digits=3,
        model=Transformer(width=16, layers=2, heads=2, context=32, tied=False),
        train=TrainConfig(steps=8, batch=16, chunk=8),
        on=TrainConfig(steps=8, batch=16, chunk=8),
        chain_train=TrainConfig(steps=4, batch=16, chunk=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=1000,
        base=10,
        digits=4,
        model=Transformer(width=256, layers=2, heads=4, context=48, tied=False),
        taught=2,
        read="heads",
        train=TrainConfig(steps=40_000, batch=256, optimizer="muon", learning_rate=1e-3, chunk=200),
        on=TrainConfig(steps=80_000, batch=256, optimizer="muon", learning_rate=1e-3, chunk=200),
        chain_train=TrainConfig(steps=10_000, batch=256, optimizer="muon", learning_rate=1e-3, chunk=200),
    ),
}


class Product(NamedTuple):
    """What models say of held-out products, digit by digit from the lowest, each behind the right digits below."""

    nats: np.ndarray
    """Lost on each digit, float (s, 2 d)."""
    right: np.ndarray
    """Share of products all of whose digits are the likeliest, which are those that models write: float (s,)."""
    gate_nats: np.ndarray
    """As `nats`, of other problems, for gates."""


@dataclass(frozen=True)
class Measured:
    base: int
    digits: int
    direct: Product
    longer: Product
    """The same models, trained on."""
    told: Product
    """With the running sums told to a layer."""
    others: Product
    """With running sums of other problems."""
    chain: np.ndarray
    """Right products behind written sums, float (s,)."""


def run(config: Config, lab: Lab) -> Measured:
    direct = _trained(config, lab, "at once")
    return Measured(
        config.base,
        config.digits,
        _product(config, lab, direct, "at once"),
        _product(config, lab, _trained_on(config, lab, direct), "at once, three times as long"),
        _product(config, lab, _trained(config, lab, "told sums", told), "told sums"),
        _product(config, lab, _trained(config, lab, "told sums of others", told_others), "told sums of others"),
        _chain(config, lab),
    )


def plain(task: Multiplication, lines: Batch, seed: int) -> Examples:
    """Lines without labels."""
    return examples(lines)


def told(task: Multiplication, lines: Batch, seed: int) -> Examples:
    """Lines with the running sum of each column as the label of where its digit is to be said."""
    return _labelled(task, lines, task.columns(lines.problem))


def told_others(task: Multiplication, lines: Batch, seed: int) -> Examples:
    """The same labels, each of another line."""
    columns = task.columns(lines.problem)
    return _labelled(task, lines, columns[stream("sums of other lines", seed).permutation(len(columns))])


def _labelled(task: Multiplication, lines: Batch, columns: np.ndarray) -> Examples:
    label = np.full(lines.text.shape, PAD, np.int32)
    label[:, answer_places(lines, task.answer_mark_id)[: columns.shape[1]]] = columns + np.int32(task.zero)
    return examples(lines)._replace(target=label)


def _trained(
    config: Config, lab: Lab, name: str, label: Callable[[Multiplication, Batch, int], Examples] = plain
) -> Runs:
    """Models that say the product at once."""
    task, seeds, model = config.at_once, lab.seeds(config.seeds), config.model
    if label is not plain:
        shape = {field.name: getattr(model, field.name) for field in fields(model)}
        model = TaughtLayer(**shape, taught=config.taught, read=config.read, pull=config.pull)
    labels = [label(task, config.lines(lab, seed, task), seed) for seed in seeds]
    return lab.train(model, task, config.train, seeds=seeds, labels=labels, label=f"train, {name}")


def _trained_on(config: Config, lab: Lab, runs: Runs) -> Runs:
    labels = [examples(config.more_lines(lab, seed)) for seed in runs.seeds]
    name = "train at once, three times as long"
    return lab.train(
        runs.model, runs.task, config.on, seeds=runs.seeds, labels=labels, start=runs, stretch=1, label=name
    )


def _chain(config: Config, lab: Lab) -> np.ndarray:
    task, seeds = config.chain, lab.seeds(config.seeds)
    n = config.chain_train.steps * config.chain_train.batch
    sets = [config.lines(lab, seed, task).rows(slice(0, n)) for seed in seeds]
    runs = lab.train(config.model, task, config.chain_train, seeds=seeds, sets=sets, label="train, sums written")
    right = lab.answer(runs, task, config.test, label="sums written").values("answer")
    return right[:, gate_split(config.test)[1]].mean(axis=1)


def _product(config: Config, lab: Lab, runs: Runs, label: str) -> Product:
    batch = lab.held_out(config.at_once, config.test, runs.seeds)
    places = answer_places(batch, config.at_once.answer_mark_id)
    texts = batch.tokens.reshape(len(runs.seeds), config.test, 1, -1, 1)[..., : places[-1] + 1, :]
    names = [fingerprint({"model": name, "texts": digest(own)}) for name, own in zip(runs.names, texts, strict=True)]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        read = read_out(runs.model, rows_of(runs.trained.params, rows), texts[rows], places, progress=progress)
        return {"digits": np.stack([-read.logprob[:, 0, :, 0], read.likeliest[:, 0, :, 0]], axis=-1)}

    shape = (config.test, len(places), 2)
    digits = lab.keep("digits", runs.model, names, shape, texts[0].size, make, label, config.test)
    gate, judged = gate_split(config.test)
    nats, likeliest = digits[..., 0], digits[..., 1] == 1
    right = likeliest[:, judged].all(axis=2).mean(axis=1)
    return Product(nats[:, judged].mean(axis=1), right, nats[:, gate].mean(axis=1))


def check(measured: Measured) -> list[Check]:
    middle, guess = measured.digits - 1, log(measured.base)
    direct, longer = measured.direct, measured.longer
    gates = [
        Gate("at once: nats at the lowest digit", direct.gate_nats[:, 0], 0.0, 0.1, "it learned what is one product"),
        Gate(
            "at once: nats at the middle digit, fewer when trained three times as long",
            direct.gate_nats[:, middle] - longer.gate_nats[:, middle],
            -inf,
            0.2,
            "a plateau, beside what a guess costs: the log of the base",
        ),
    ]
    return [
        at_least(
            "at once, three times as long: nats at the middle digit",
            longer.nats[:, middle],
            0.8 * guess,
            "the log of the base is what a guess costs",
            gates=gates,
        ),
        at_least(
            "told sums of others: nats at the middle digit",
            measured.others.nats[:, middle],
            0.8 * guess,
            "a second loss of equal size that says nothing of the factors",
            gates=gates,
        ),
        at_most(
            "told sums: nats at the middle digit",
            measured.told.nats[:, middle],
            0.1,
            "no more than the lowest digit may cost, which is one product",
        ),
        at_least("told sums: right products", measured.told.right, 0.9, "as many as behind written sums"),
        at_least("sums written: right products", measured.chain, 0.9, "36 sums, each right in .997"),
    ]


def figures(measured: Measured) -> list[Figure]:
    arms = {
        "at once": measured.direct,
        "at once, three times as long": measured.longer,
        "told sums of others": measured.others,
        "told sums": measured.told,
    }
    counted = measured.base ** (2 * measured.digits) <= laws.MOST_PAIRS
    return [
        Curves(
            name="running_sum",
            title="What is lost on each digit of a product that is said at once",
            x_label="digit, from the lowest",
            y_label="nats",
            x=[*range(1, 2 * measured.digits + 1)],
            measured={name: product.nats for name, product in arms.items()},
            theory={"who sees the lower digits alone": laws.shown_lower(measured.base, measured.digits).loss.tolist()}
            if counted
            else {},
        ),
        Bars(
            name="running_sum_right",
            title="Products that are right in all digits",
            y_label="right products",
            groups=[*(name.replace(", ", ",\n") for name in arms), "sums written"],
            measured={"measured": np.stack([*(product.right for product in arms.values()), measured.chain], axis=1)},
            theory={},
        ),
    ]
