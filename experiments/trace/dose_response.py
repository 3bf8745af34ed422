"""The more functions training shows, the more a chain is followed: F1 F2 alone is answered from the prompt, 36 pairs by the chain.

Source       Ours. That written steps need not be what an answer rests on: Lanham et al., arXiv:2307.13702; Turpin et al.,
             arXiv:2305.04388
Prediction   A model follows its chain where the prompt does not give the answer away anyway. One letter of the first step of
             a gold chain is replaced by another, and the model writes on. A model trained on F1 F2 alone, as those of
             arXiv:2508.01191, answers as if nothing had been changed; with the number of trained pairs of twelve primitives
             the share of answers that follow the changed step rises to all.
Refuted if   After F1 F2 alone over 10 % of answers follow, after 36 pairs under 90 %, or the rank correlation of the share
             with the number of pairs is under .8 in most models.
Beside it    F1 F2 alone at other depths and with three or four steps; F2 F1, F2 F2 and F1 F1 alone. One composition does not
             always mean that its chain is ignored: F1 F1, which gives every letter back, was followed when first
             measured.
Run          alchemy reproduce dose_response --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.together import together
from alchemy.learning.train import Runs
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.slopes import rank_correlation
from experiments.mirage import composition_diversity
from experiments.mirage.composition_diversity import fit
from experiments.mirage.setting import FULL, Setting, smoke, solved
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="The more functions training shows, the more a chain is followed: F1 F2 alone not at all, 36 pairs almost always.",
    source="ours, on models of arXiv:2508.01191; interventions after arXiv:2307.13702",
    prediction="answers that follow an edited step: under 10 % after F1 F2 alone, over 90 % after 36 pairs, rising between",
    refuted_if="over 10 % follow after F1 F2 alone, under 90 % after 36 pairs, or the share does not rise with the pairs",
    question="Is the trace used?",
    among="models that solve what they were trained on",
)
ALONE = "F1 F2"
ENOUGH = 36


@dataclass(frozen=True)
class Config:
    """Models of one composition, and models of many pairs."""

    seeds: int = 15
    """Of fifteen thirteen have to agree. At seeds 1000 to 1009 the rank correlation was satisfied by nine of ten, and half of these
    missed the gate of the earlier promise, .99 in every arm."""
    test: int = 1000
    """Held-out problems of each training: half for the gate, half with an edited step."""
    single: Setting = Setting()
    """How models of one composition are trained: as those of `task_shift`."""
    many: composition_diversity.Config = composition_diversity.SMALL
    """How models of pairs of twelve primitives are trained: as those of `composition_diversity`."""
    pairs: tuple[int, ...] = (1, 4, 12, ENOUGH, 108)
    """Numbers of pairs, drawn anew for every seed; rising."""
    beside: tuple[str, ...] = ("F2 F1", "F2 F2", "F1 F1", "F1 F2 F1", "F1 F2 F1 F2")
    """Other compositions that are trained on alone, and not judged."""
    layers: tuple[int, ...] = (1, 4)
    """Other depths of models of F1 F2 alone, not judged."""


SMALL = Config()
PRESETS = {
    "smoke": Config(
        seeds=2,
        test=32,
        single=smoke(Setting()),
        many=composition_diversity.PRESETS["smoke"],
        pairs=(1, ENOUGH),
        beside=("F1 F2 F1",),
        layers=(),
    ),
    "small": SMALL,
    "full": Config(test=4000, single=replace(Setting(), **FULL), many=composition_diversity.PRESETS["full"]),
}


@dataclass(frozen=True)
class Row:
    """Models of one training; each array float (s,)."""

    exact: np.ndarray
    """Exact match on what was trained on, on other problems than the rest is measured on."""
    follow: np.ndarray
    """Share of answers that are what the oracle derives from the edited step; with the next two they add up to 1."""
    ignore: np.ndarray
    """Share of answers that are those given without the edit."""
    neither: np.ndarray
    unedited: np.ndarray
    """Share of right answers behind the same steps without an edit: the placebo."""


@dataclass(frozen=True)
class Measured:
    alone: Row
    """Models of F1 F2 alone."""
    pairs: dict[int, Row]
    """Models of pairs, by their number."""
    depths: dict[int, Row]
    """Models of F1 F2 alone, by their layers."""
    beside: dict[str, Row]
    """Models of another composition alone."""


def run(config: Config, lab: Lab) -> Measured:
    return Measured(
        alone=single(config, lab, ALONE, config.single.model.layers),
        pairs={count: many(config, lab, count) for count in config.pairs},
        depths={layers: single(config, lab, ALONE, layers) for layers in config.layers},
        beside={name: single(config, lab, name, config.single.model.layers) for name in config.beside},
    )


def single(config: Config, lab: Lab, composition: str, layers: int) -> Row:
    """Models of one composition."""
    task = Symbols(compositions=(composition,))
    model = replace(config.single.model, layers=layers)
    longer = len(composition.split()) > 2 or layers == 1  # both take longer to learn
    runs = config.single.fit(
        lab, task, model=model, slow=longer, seeds=config.seeds, label=f"{composition}, {layers} layers"
    )
    return row(config, lab, runs, task)


def many(config: Config, lab: Lab, count: int) -> Row:
    """Models of `count` pairs, which differ by seed."""
    seeds = lab.seeds(config.seeds)
    models = together(lab, [partial(fit, config.many, count=count, cot=True, seed=seed) for seed in seeds])
    return joined([row(config, lab, model.runs, model.trained) for model in models])


def row(config: Config, lab: Lab, runs: Runs, task: Symbols) -> Row:
    """What models answer on one half of the problems, and what they make of an edited step on the other."""
    first, second = slice(0, config.test // 2), slice(config.test // 2, None)
    exact = lab.answer(runs, task, config.test).values("exact_match")[:, first].mean(axis=1)
    edits = lab.intervene(runs, task, config.test, label="edit a step").of(second)
    return Row(exact, *edits.answer.rates, unedited=edits.right.mean(axis=(1, 2)))


def joined(rows: Sequence[Row]) -> Row:
    """Models that were trained and tested one by one."""
    return Row(**{field.name: np.concatenate([getattr(row, field.name) for row in rows]) for field in fields(Row)})


def check(measured: Measured) -> list[Check]:
    learned = {
        count: Gate(f"{count} pairs: exact", models.exact, 0.95, inf, "learned at all, as in composition_diversity")
        for count, models in measured.pairs.items()
    }
    return [
        at_most(
            "F1 F2 alone: follow",
            measured.alone.follow,
            0.1,
            "the prompt gives the answer away: no more than stray answers",
            gates=[solved("F1 F2 alone", measured.alone.exact)],
        ),
        at_least(
            f"{ENOUGH} pairs: follow",
            measured.pairs[ENOUGH].follow,
            0.9,
            "all answers but one in ten",
            gates=[learned[ENOUGH]],
        ),
        at_least(
            "rank correlation of follow with the number of pairs",
            rank_correlation(
                np.array([*measured.pairs]), np.stack([models.follow for models in measured.pairs.values()], axis=1)
            ),
            0.8,
            "of five numbers one exchange of neighbours leaves .9, two leave .8",
            gates=[*learned.values()],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    depths = {f"F1 F2\n{layers} layer{'s'[: layers != 1]}": row for layers, row in measured.depths.items()}
    rows = {ALONE: measured.alone, **depths, **measured.beside}
    return [
        Curves(
            name="dose_response",
            title="Answers after a letter of the first step was replaced",
            x_label="pairs of functions trained on",
            y_label="share of answers",
            x=[*measured.pairs],
            measured=_rates([*measured.pairs.values()]),
            theory={},
            log_x=True,
        ),
        Bars(
            name="dose_response_alone",
            title="Models of one composition, after a letter of a step was replaced",
            y_label="share of answers",
            groups=[name.replace(" F1 F2", " F1\nF2") if len(name) > 10 else name for name in rows],
            measured=_rates([*rows.values()]),
            theory={},
        ),
    ]


def _rates(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    names = {"follow": "follow the edit", "ignore": "answer as before", "neither": "neither"}
    return {label: np.stack([getattr(row, name) for row in rows], axis=1) for name, label in names.items()}
