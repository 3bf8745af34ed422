"""Unfaithful chains fail first: among models equally right in distribution, those that use their chain solve more that is new.

Source       Ours, on Zhao et al., arXiv:2508.01191; edits after Lanham et al., arXiv:2307.13702. That reading only what a step
             needs is what generalises: Abbe et al., arXiv:2406.06467
Prediction   Models are trained alike on one set of 12 of the 144 pairs of primitives, and differ in initial weights and training
             lines alone. Those that solve all of these pairs are equally right, and yet some follow an edited step of their
             chain more often than others. Among them the share of answers that follow has a rank correlation of .5 at least
             with accuracy on pairs of a function that none of them saw. So has a score from inside: the share of right answers
             that survive when what writes an answer cannot read the prompt, the written step alone.
Refuted if   One of the two rank correlations is under .5 in most seeds; a seed is a set of pairs with all its models.
Beside it    The same correlation where as many other keys as the prompt has are blocked, drawn at random: the placebo.
             That following can be brought about by training, and what this does to new pairs, is `made_to_follow`.
Run          alchemy reproduce unfaithful_first --preset small      # minutes on 2 CPU cores
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.causal import knock_out
from alchemy.lab.activations import knocked_out
from alchemy.lab.lab import Lab
from alchemy.lab.together import together
from alchemy.learning.config import TrainConfig
from alchemy.problem.streams import stream, stream_id
from alchemy.problem.task import Batch, Field
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split, stacked
from alchemy.stats.slopes import rank_correlation
from experiments.mirage.setting import Setting, full, smoke
from experiments.trace import made_to_follow
from experiments.trace.made_to_follow import tasks
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Of models trained alike and equally right in distribution, those that use their chain more solve more new compositions.",
    source="ours, on arXiv:2508.01191 and 2307.13702; knock-outs after 2406.06467",
    prediction="rank correlation with accuracy on new pairs at least .5: of following an edited step, of answering from it alone",
    refuted_if="one of the two rank correlations is under .5",
    question="Is the trace used?",
    among="models that learned their pairs, in groups that differ in how often they follow",
)
PLACEBOS = 4
"""Masks that block keys at random."""


@dataclass(frozen=True)
class Config(Setting):
    """Groups of models, each trained on one set of pairs."""

    seeds: int = 10
    """Sets of pairs. At seeds 900 and 901, with about ten models each, the rank correlations lay between -.4 and .6. By a
    simulation before the lock, which is no part of the tree, 10 to 15 seeds decide in 7 of 10 cases if both are .2 in the
    median seed, in 9 of 10 if both are .8."""
    test: int = 1200
    """Held-out problems in each test of each model; a quarter of them is for gates."""
    train: TrainConfig = TrainConfig(steps=300, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)
    """As in `wrong_traces`: the pairs are learned in half of the time that `composition_diversity` takes."""
    pairs: int = 12
    """How many pairs are trained on, drawn anew for every seed: after so many some unseen pairs are solved, and not most."""
    drawn: made_to_follow.Config = made_to_follow.SMALL
    """How pairs are drawn and held out, and how often a primitive stands alone: as in `made_to_follow`."""
    models: int = 20
    """Of each group."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(SMALL, seeds=1, models=2),
    "small": SMALL,
    "full": full(SMALL, loss="completion", train=TrainConfig(steps=4000, batch=1024, chunk=500)),
}


class Group(NamedTuple):
    """Models of one seed's set of pairs; each array float (s, g)."""

    gate: np.ndarray
    """Exact match on the trained pairs, on problems for gates."""
    trained: np.ndarray
    """The same, on others."""
    unseen: np.ndarray
    """Exact match on pairs whose function was never seen."""
    gate_follow: np.ndarray
    """As `follow`, on problems for gates."""
    follow: np.ndarray
    """On trained pairs, share of answers that are what the oracle derives from an edited first step."""
    survive: np.ndarray
    """On trained pairs, share of gold answers that are still written where they are written without reading the prompt ..."""
    placebo: np.ndarray
    """... and where as many other keys are blocked, drawn at random: the mean over `PLACEBOS` masks."""


def run(config: Config, lab: Lab) -> Group:
    return stacked([one_seed(config, lab, seed) for seed in lab.seeds(config.seeds)])


def one_seed(config: Config, lab: Lab, seed: int) -> Group:
    """The models of one set of pairs."""
    members = [stream_id("model of a group", seed, number) for number in range(config.models)]
    return stacked(together(lab, [partial(one_model, config, seed=seed, member=member) for member in members]))


def one_model(config: Config, lab: Lab, seed: int, member: int) -> Group:
    """One model of the pairs of `seed`, whose weights, training lines and test problems are of its own seed `member`."""
    trained, known, unseen = tasks(config.drawn, config.pairs, seed)
    label = f"train on {config.pairs} pairs"
    runs = lab.train(config.model, trained, config.train, seeds=(member,), loss=config.loss, label=label)
    exact = lab.answer(runs, known, config.test, label="answer trained pairs").values("exact_match")[0]
    new = lab.answer(runs, unseen, config.test, label="answer unseen pairs").values("exact_match")[0]
    edits = lab.intervene(runs, known, config.test, steps=(0,), label="edit a step")
    lines = lab.held_out(known, config.test, (member,))
    kept = knocked_out(lab, runs, known, config.test, masks(known, lines, stream("placebo of a knock-out", seed)))[0]
    gate, judged = gate_split(config.test)
    return Group(
        gate=exact[gate].mean(),
        trained=exact[judged].mean(),
        unseen=new.mean(),
        gate_follow=edits.of(gate).answer.rates.follow[0],
        follow=edits.of(judged).answer.rates.follow[0],
        survive=kept[0, judged].mean(),
        placebo=kept[1:, judged].mean(),
    )


def masks(task: Symbols, lines: Batch, rng: np.random.Generator) -> np.ndarray:
    """Attention from the letters of an answer to the prompt, and `PLACEBOS` times to as many other keys: bool (m, t, t).

    All `lines` have their parts at the same places.
    """
    t = lines.text.shape[1]
    answer = np.flatnonzero((lines.field[0] == Field.ANSWER) & np.isin(lines.text[0], task.state_tokens))
    blocked = knock_out.between(t, answer, range(lines.prompt_len[0]))
    return np.stack([blocked, *(knock_out.elsewhere(blocked, rng) for _ in range(PLACEBOS))])


def correlation(among: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rank correlation of x with y, both (s, g), over the models `among` bool (s, g) of each group: float (s,).

    nan for a group in which fewer than two models count, or one of the two does not vary.
    """
    groups = zip(among, x, y, strict=True)
    return np.array([rank_correlation(a[row], b[None, row])[0] if row.sum() > 1 else np.nan for row, a, b in groups])


def spread(among: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Largest less smallest of values (s, g) over the models `among` of each group: float (s,), nan if none counts."""
    groups = zip(among, values, strict=True)
    return np.array([np.ptp(own[row]) if row.any() else np.nan for row, own in groups])


def right(group: Group) -> np.ndarray:
    """The models that solve what they were trained on, but for noise: bool (s, g)."""
    return group.gate >= 0.99


def check(group: Group) -> list[Check]:
    among = right(group)
    learned = Gate(
        "models exact to .99 on trained pairs",
        among.mean(axis=1),
        0.75,
        inf,
        "most of them: a rank correlation takes a dozen models",
    )
    differ = Gate(
        "follow: largest - smallest of these",
        spread(among, group.gate_follow),
        0.05,
        inf,
        "else there is little but noise to rank by",
    )
    reason = (
        "of two models the better one is told in two cases of three, as 1/2 + asin(.5) / pi of normal variables says"
    )
    return [
        at_least(
            f"rank correlation with exact on unseen pairs: {name}",
            correlation(among, values, group.unseen),
            0.5,
            reason,
            gates=gates,
        )
        for name, values, gates in (
            ("follow", group.follow, [learned, differ]),
            ("survive without the prompt", group.survive, [learned]),
        )
    ]


def figures(group: Group) -> list[Figure]:
    among, by = right(group), {"follow": group.follow, "survive without the prompt": group.survive}
    with_placebo = {**by, "survive with other\nkeys blocked": group.placebo}
    return [
        Bars(
            name="unfaithful_first",
            title="Does the use of a chain tell which of equally right models compose?",
            y_label="rank correlation with exact on unseen pairs",
            groups=[*with_placebo],
            measured={
                "models of one set of pairs": np.stack(
                    [correlation(among, values, group.unseen) for values in with_placebo.values()], axis=1
                )
            },
            theory={},
        ),
        Curves(
            name="unfaithful_first_models",
            title="Models of one set of pairs, from the least to the most use of their chain",
            x_label="rank of the model in its group",
            y_label="exact on unseen pairs",
            x=range(1, among.shape[1] + 1),
            measured={f"ranked by: {name}": ranked(among, values, group.unseen) for name, values in by.items()},
            theory={},
        ),
    ]


def ranked(among: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """y (s, g) of the models `among` of each group, those with the smallest x first; nan behind the last of them."""
    order = np.argsort(np.where(among, x, inf), axis=1, kind="stable")
    return np.take_along_axis(np.where(among, y, np.nan), order, axis=1)
