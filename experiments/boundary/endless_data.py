"""Endless problems in place of a fixed set raise accuracy where training was, and nowhere else; other compositions do.

Source       Ours, on the shifts of Zhao et al., arXiv:2508.01191: problems drawn without end from a fixed generator remove what is
             learned by heart, not the boundary of the generator. Against the hope of arXiv:2505.24760 that unlimited
             generated problems make reasoning general
Prediction   Models of `composition_diversity` that are trained on 4 pairs of primitives, on 100, 1,000 or 10,000 fixed problems or on
             fresh ones at every step, at equal steps. On held-out elements of the trained pairs fresh problems raise accuracy by
             .5 or more over 100. On pairs of unseen function, chains of three steps, elements of three or five letters and
             prompts with noise behind every symbol, they raise it by no more than .05 over any of the sets. The boundary does
             move where pairs do: 10,000 fixed problems on 108 pairs solve .5 more of the unseen pairs than endless ones on 4.
Refuted if   Fresh problems raise accuracy on trained pairs by less than .5 over 100; or by more than .05 over a fixed set on one of
             the five shifts; or 10,000 problems on 108 pairs are less than .5 above endless ones on 4; each in most seeds.
Controls     A seed counts where endless training solves its pairs and where 108 pairs are learned, and the last arm shows that unseen
             pairs can be solved by models of this size and training. Whether chains are followed stands beside each accuracy.
             Operations whose symbol was never trained are not asked about: nobody could know them; `rule_diversity` has
             operations that the prompt defines. A training reads 64,000 problems, so that 100,000 fixed ones would not be fewer.
             On the shifts there is room: models of 4 pairs solve next to nothing there. In a trial on a seed from 900 on, 100, 1,000
             and endless problems brought .04, .998 and 1.00 on the trained pairs and .00 on every shift, and 10,000 problems on
             108 pairs 1.00 on unseen ones: 1,000 problems are enough where training was.
Run          alchemy reproduce endless_data --preset small      # 7 minutes on 2 CPU cores beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Figure
from alchemy.stats.replicates import stacked
from alchemy.terminal import counted
from experiments.mirage import composition_diversity
from experiments.mirage.composition_diversity import Model, fit
from experiments.mirage.diverse import follow
from experiments.mirage.setting import full, smoke

CLAIM = Claim(
    sentence="Endless problems in place of a fixed set raise accuracy where training was, and nowhere else; other compositions do.",
    source="ours, on the shifts of arXiv:2508.01191; against a hope of arXiv:2505.24760",
    prediction="over 100 fixed problems of 4 pairs: .5 more on these pairs, on no shift; 10,000 of 108 pairs: .5 more on unseen ones",
    refuted_if="under .5 more on trained pairs, over .05 more on a shift, or 108 pairs under .5 above endless problems of 4",
    question="Where does reasoning stop?",
    among="models that learned the pairs they were trained on",
)
TRAINED, UNSEEN = "trained pairs", "unseen pairs"
SHIFTED = {
    "three steps": "steps=3",
    "three letters": "length=3",
    "five letters": "length=5",
    "noise behind every symbol": "noise=insert:1.0",
}
FEW = {"three letters": 500}
"""Problems of tests of which fewer exist than others have: of four pairs some 780 elements of three letters are held out."""


@dataclass(frozen=True)
class Config(composition_diversity.Config):
    """Few pairs with a fixed set or without end, and many pairs with a fixed set."""

    pairs: tuple[int, ...] = (4, 108)
    """How many pairs few are, and many; drawn anew for every seed."""
    answer_only: tuple[int, ...] = ()
    """All is trained with chains."""
    fixed: tuple[int, ...] = (100, 1_000, 10_000)
    """Problems of a fixed set, drawn once for every seed; many pairs have the largest."""
    edited: int = 200
    """Held-out problems of each test of each seed in whose gold chain a step is edited."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, fixed=(32, 64), edited=8),
    "small": SMALL,
    "full": full(
        SMALL,
        loss="completion",
        train=TrainConfig(steps=4000, batch=1024, chunk=500),
        fixed=(100, 1_000, 10_000, 100_000),
    ),
}


@dataclass(frozen=True)
class Arm:
    """Models of one kind of training, by test; each array float (s,)."""

    exact: dict[str, np.ndarray]
    """Whole chains that are right."""
    follow: dict[str, np.ndarray]
    """Answers that follow an edited step of the gold chain."""


@dataclass(frozen=True)
class Measured:
    """Few pairs by the number of fixed problems, few without end, and many with the largest fixed set and without end."""

    fixed: dict[int, Arm]
    endless: Arm
    many: Arm
    many_endless: Arm

    def gain(self, test: str) -> np.ndarray:
        """The most by which endless problems are above a fixed set on one test, float (s,)."""
        return np.asarray(np.max([self.endless.exact[test] - arm.exact[test] for arm in self.fixed.values()], axis=0))


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    few, many = (
        [fit(config, lab, pairs, True, seed) for seed in seeds] for pairs in (min(config.pairs), max(config.pairs))
    )
    return Measured(
        fixed={
            limit: _arm(config, lab, [_on_fixed(config, lab, model, limit) for model in few]) for limit in config.fixed
        },
        endless=_arm(config, lab, few),
        many=_arm(config, lab, [_on_fixed(config, lab, model, max(config.fixed)) for model in many]),
        many_endless=_arm(config, lab, many),
    )


def _on_fixed(config: Config, lab: Lab, endless: Model, limit: int) -> Model:
    """A model as one that was trained on endless problems, but with so many fixed ones of the same kinds."""
    label = f"train on {counted(len(endless.trained.compositions), 'pair')}, {limit:,} problems, seed {endless.runs.seeds[0]}"
    runs = lab.train(
        config.model,
        endless.runs.task,
        config.train,
        seeds=endless.runs.seeds,
        loss=config.loss,
        limit=limit,
        label=label,
    )
    return endless._replace(runs=runs)


def _arm(config: Config, lab: Lab, models: list[Model]) -> Arm:
    return stacked([_one(config, lab, model) for model in models])


def _one(config: Config, lab: Lab, model: Model) -> Arm:
    """One seed's model: each array a single number."""
    tests = {TRAINED: model.trained, UNSEEN: model.unseen}
    tests |= {name: model.trained.shift(shift)(model.trained) for name, shift in SHIFTED.items()}
    exact, following = {}, {}
    for name, task in tests.items():
        problems = min(config.test, FEW.get(name, config.test))
        exact[name] = lab.answer(model.runs, task, problems, label=f"answer {name}").mean("exact_match")[0]
        following[name] = follow(lab, model.runs, task, config.edited, name).follow[0]
    return Arm(exact, following)


def check(measured: Measured) -> list[Check]:
    learned = _learned("few pairs, endless", measured.endless)
    fewest = min(measured.fixed)
    return [
        at_least(
            f"{TRAINED}: endless - {fewest:,} fixed",
            measured.endless.exact[TRAINED] - measured.fixed[fewest].exact[TRAINED],
            0.5,
            "half of what there is: learned by heart is not learned",
            gates=[learned],
        ),
        *(
            at_most(
                f"{test}: endless - fixed, the most",
                measured.gain(test),
                0.05,
                "no more than on one problem of twenty",
                gates=[learned],
            )
            for test in (UNSEEN, *SHIFTED)
        ),
        at_least(
            f"{UNSEEN}: many pairs, fixed - few, endless",
            measured.many.exact[UNSEEN] - measured.endless.exact[UNSEEN],
            0.5,
            "half of what there is",
            gates=[learned, _learned("many pairs, fixed", measured.many)],
        ),
    ]


def _learned(name: str, arm: Arm) -> Gate:
    """A seed counts where its model solves the pairs that it was trained on."""
    return Gate(f"{name}, trained pairs: exact", arm.exact[TRAINED], 0.9, inf, "learned, but for one in ten")


def figures(measured: Measured) -> list[Figure]:
    tests = [TRAINED, UNSEEN, *SHIFTED]
    arms = {
        **{f"few pairs, {limit:,} problems": arm for limit, arm in measured.fixed.items()},
        "few pairs, endless": measured.endless,
        f"many pairs, {max(measured.fixed):,} problems": measured.many,
        "many pairs, endless": measured.many_endless,
    }
    return [
        Bars(
            name=name,
            title=title,
            y_label=y_label,
            groups=[test.replace(" ", "\n", 1) for test in tests],
            measured={
                label: np.stack([getattr(arm, score)[test] for test in tests], axis=1) for label, arm in arms.items()
            },
            theory={},
        )
        for name, title, y_label, score in (
            ("endless_data", "Fixed and endless problems, few pairs and many", "exact match, full chain", "exact"),
            (
                "endless_data_follow",
                "The same models: are chains followed?",
                "answers that follow an edited step",
                "follow",
            ),
        )
    ]
