"""Rewards for answers make a rare trace common, by GRPO as by keeping right lines; where no trace was written they make none.

Source       Tsilivis, Malach, Ullrich, Kempe, arXiv:2510.11495 (the law of rounds); whether rewards create or elicit is disputed between
             arXiv:2504.13837 and 2509.25123, 2607.07646; the arm that never saw a trace, and GRPO beside the law, are ours
Prediction   Models of `odds_law`, modulo 5: 12.5 % of their training lines add digits sum by sum, or none do, and the others give the sum at
             once, which models of this budget can only guess. From 7,680 samples that are rewarded for right answers alone, whatever
             stands before them, one arm learns by GRPO in 60 steps, the other by three rounds of keeping the right lines. From the rare
             trace the law of rounds predicts .95 of samples with a trace after three rounds; GRPO comes as far, within .2. From
             none, neither arm is right in more than the one fifth that a guess is: the reward is there, in a fifth of the samples,
             and there is nothing that it could choose.
Refuted if   Samples with a trace rise by less than .3 in either arm, or the two arms end further than .2 apart; or samples are right in
             .03 more than 1 / 5 after either arm from no traces; each in most seeds.
Controls     The same models and as many samples in both arms, of one distribution of problems: eight to each of 960 by GRPO, one to each of
             7,680 in the rounds; with and without a trace models were trained alike but for the share of traces. Greedy accuracy stands beside sampled accuracy, since the jump of the first is one of the decoder, and
             whether traces are right in every step beside both: the reward does not ask for it. That as many lines kept at random leave
             the share of traces where it was is measured in `odds_law`. Rates of both arms were chosen on a seed from 900 on.
Run          alchemy reproduce created_or_elicited --preset small      # after odds_law, whose models it shares
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.self_training import SelfTraining, self_training
from alchemy.learning.train import Runs
from alchemy.practice.grpo import GRPO
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most, near
from alchemy.report.figures import Bars, Curves, Figure
from experiments.theory import odds_law
from experiments.theory.odds_law import BELOW, ROUNDS, Written, fit, gates, guessing, written
from tasks.sums import Sums, laws

CLAIM = Claim(
    sentence="Rewards for answers make a rare trace common, by GRPO as by keeping right lines; where none was written they make none.",
    source="arXiv:2510.11495, with GRPO of arXiv:2402.03300 beside it; the arm without a trace is ours",
    prediction="a trace in .95 of samples after three rounds, and within .2 of that by GRPO; from none both stay at 1 / 5",
    refuted_if="a rise of less than .3 in either arm, arms .2 apart, or from no traces .03 more than a guess",
    question="Where does reasoning stop?",
    among="models that learned to write the trace, in the share they were shown, and not to do without",
)
RARE, NONE = "rare trace", "no trace"
BEFORE, REWARDED, FILTERED = "before", "GRPO", "right lines kept"
ARMS = (BEFORE, REWARDED, FILTERED)


@dataclass(frozen=True)
class Config(odds_law.Config):
    """Sums modulo one number, trained with few traces or none; then rewards in two ways."""

    seeds: int = 5
    """Replicates, each with weights, training lines and test problems of its own. Five that agree decide."""
    places: tuple[tuple[int, int], ...] = ((5, 6),)
    """Modulus and number of digits, of which there is one pair."""
    practice: int = 2_560
    """Fresh training problems of each round, each answered once: as many in three rounds as GRPO's steps have texts."""
    grpo: GRPO = GRPO(
        steps=60,
        problems=16,
        group=8,
        reward="answer",
        learning_rate=1e-3,
    )
    """By AdamW: in a trial Muon, whose steps are as long however small the gradient is, spoiled a fifth of the traces."""


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        **{
            name: getattr(odds_law.PRESETS["smoke"], name)
            for name in ("test", "samples", "model", "train", "round_train")
        },
        seeds=1,
        places=((5, 5),),
        practice=16,
        grpo=replace(SMALL.grpo, steps=2, problems=4, group=2),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        **{name: getattr(odds_law.PRESETS["full"], name) for name in ("test", "model", "train")},
        seeds=10,
        places=((10, 12),),
        practice=25_600,
        grpo=replace(SMALL.grpo, steps=300, problems=32),
    ),
}


@dataclass(frozen=True)
class Measured:
    """What models write, by the traces they were trained on and by arm."""

    modulus: int
    written: dict[str, dict[str, Written]]
    reward: dict[str, np.ndarray]
    """Mean reward of every step of GRPO, float (s, steps)."""


def run(config: Config, lab: Lab) -> Measured:
    [(modulus, places)] = config.places
    shares = {RARE: BELOW * laws.threshold(modulus), NONE: 0.0}
    arms, reward = {}, {}
    for name, traced in shares.items():
        runs = fit(config, lab, Sums(modulus, places, traced=traced))
        rewarded = lab.reinforce(runs, config.grpo, label=f"GRPO from {name}")
        models = {BEFORE: runs, REWARDED: rewarded, FILTERED: filtered(config, lab, runs)}
        arms[name] = {arm: written(config, lab, model) for arm, model in models.items()}
        reward[name] = lab.log(rewarded).reward
    return Measured(modulus, arms, reward)


def filtered(config: Config, lab: Lab, runs: Runs) -> Runs:
    """The same models after rounds of keeping lines with the right answer."""
    how = SelfTraining(rounds=ROUNDS, keep="answer", problems=config.practice, train=config.round_train)
    *_, last = self_training(lab, runs, how)
    return last.runs


def check(measured: Measured) -> list[Check]:
    rare, none, q = measured.written[RARE], measured.written[NONE], measured.modulus
    learned = gates(RARE, rare[BEFORE], BELOW * laws.threshold(q), q)
    guesses = Gate(f"{NONE}: right at once", none[BEFORE].gate_at_once, *guessing(q), "nothing to begin with")
    return [
        *(
            at_least(
                f"{RARE}, {arm}: rise of samples with a trace",
                rare[arm].long - rare[BEFORE].long,
                0.3,
                "a little more than one round of the law makes of .125",
                gates=learned,
            )
            for arm in (REWARDED, FILTERED)
        ),
        near(
            f"{RARE}: samples with a trace, {REWARDED} - {FILTERED}",
            rare[REWARDED].long - rare[FILTERED].long,
            0.0,
            0.2,
            "less than the law's second and third rounds are apart, .17, and what rates leave open",
            gates=learned,
        ),
        *(
            at_most(
                f"{NONE}, {arm}: right - 1 / q",
                none[arm].right - laws.floor(q),
                0.03,
                "a reward can only choose among what is written; more than three standard errors",
                gates=[guesses],
            )
            for arm in (REWARDED, FILTERED)
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    groups = [(name, arm) for name in (RARE, NONE) for arm in ARMS]
    cells = [measured.written[name][arm] for name, arm in groups]
    q = measured.modulus
    before = BELOW * laws.threshold(q)
    law = {
        (RARE, BEFORE): before,
        **{(RARE, arm): laws.after_rounds(q, before, ROUNDS) for arm in (REWARDED, FILTERED)},
        **{(NONE, arm): 0.0 for arm in ARMS},
    }
    steps = range(1, measured.reward[RARE].shape[1] + 1)
    return [
        Bars(
            name="created_or_elicited",
            title="Rewards for right answers, where a trace is rare and where there is none",
            y_label="share",
            groups=[f"{name}\n{arm}" for name, arm in groups],
            measured={
                "samples with a trace": np.stack([cell.long for cell in cells], axis=1),
                "samples right": np.stack([cell.right for cell in cells], axis=1),
                "greedy right": np.stack([cell.greedy for cell in cells], axis=1),
                "of traces, right in every step": np.stack([cell.gate_exact for cell in cells], axis=1),
            },
            theory={
                "samples with a trace": [law[group] for group in groups],
                "samples right": [laws.accuracy(q, law[group]) for group in groups],
            },
            note="Dotted: the law of rounds, three of them; without a trace one in q is right by chance.",
        ),
        Curves(
            name="created_or_elicited_reward",
            title="Rewards on the way of GRPO",
            x_label="step",
            y_label="right answers among those written",
            x=list(steps),
            measured=dict(measured.reward),
            theory={"a guess": [laws.floor(q)] * len(steps)},
        ),
    ]
