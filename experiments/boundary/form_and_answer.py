"""A reward for length makes a rare trace as common as one for right answers, and not as right; a random one does neither.

Source       Ours, on the models of Tsilivis, Malach, Ullrich, Kempe, arXiv:2510.11495. That rewards which know no answer raise
             accuracy where they bring out a form the model has: Shao et al., arXiv:2506.10947, for a language model
Prediction   Models of `odds_law`, modulo 5: 12.5 % of their training lines add digits sum by sum, the others give the sum at once,
             which models of this budget can only guess. GRPO in 60 steps, with one of three rewards: for the right answer; for
             the length of a well-formed text, right or wrong; or 1 for every other text at random. Length makes traces as
             common as right answers do, by .5 more of the samples at least, and so raises accuracy; but nothing keeps the sums
             right once every text is long, and at the end .15 more of the samples are right where answers were rewarded. Random
             rewards make neither traces nor right answers common.
Refuted if   Samples with a trace rise by less than .5 for length or for answers; or samples are right in less than .15 more for
             answers than for length; or by random rewards traces rise by over .15 or right answers by over .1; each in most seeds.
Controls     The same models, problems and numbers of texts in all arms. Beside them the reward for length with a divergence from the
             first models that costs .1 a nat, and the share of traces that are right in every step. The arm for answers
             is that of `created_or_elicited`, and its rise was known. In trials on seeds from 900 on, three of them, length gave
             traces in .997 of the samples and right answers in .28 to .60, answers .96 to 1.00 and .91 to .98, and random
             rewards moved traces by -.07 to .07: the rate of that claim is high enough for noise to be learned.
Run          alchemy reproduce form_and_answer --preset small      # after created_or_elicited, whose models it shares
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, at_least, at_most
from alchemy.report.figures import Bars, Figure
from experiments.boundary import created_or_elicited
from experiments.boundary.created_or_elicited import RARE, Config
from experiments.theory.odds_law import BELOW, Written, fit, gates, written
from tasks.sums import Sums, laws

CLAIM = Claim(
    sentence="A reward for length makes a rare trace as common as one for right answers, and not as right; a random one does neither.",
    source="ours, on arXiv:2510.11495 and 2506.10947",
    prediction="traces rise by .5 for length and for answers; right in .15 more for answers; at random neither rises",
    refuted_if="a rise under .5, less than .15 between answers and length, or at random traces rise by .15 or right answers by .1",
    question="Where does reasoning stop?",
    among="models that learned to write the trace, in the share they were shown, and not to do without",
)
BEFORE, ANSWER, LENGTH, RANDOM = "before", "for right answers", "for length", "at random"
LEASHED = "for length,\nbound to the first"
LEASH = 0.1
"""Weight of the divergence from the first models, a nat."""


PRESETS = created_or_elicited.PRESETS
"""The arms of GRPO are alike but for the reward."""


@dataclass(frozen=True)
class Measured:
    """What models write, by the reward."""

    modulus: int
    written: dict[str, Written]


def run(config: Config, lab: Lab) -> Measured:
    [(modulus, places)] = config.places
    runs = fit(config, lab, Sums(modulus, places, traced=BELOW * laws.threshold(modulus)))
    ways = {
        ANSWER: config.grpo,
        LENGTH: replace(config.grpo, reward="length"),
        RANDOM: replace(config.grpo, reward="random"),
        LEASHED: replace(config.grpo, reward="length", kl=LEASH),
    }
    models = {BEFORE: runs} | {
        name: lab.reinforce(runs, how, label=f"GRPO {name}".replace("\n", " ")) for name, how in ways.items()
    }
    return Measured(modulus, {name: written(config, lab, model) for name, model in models.items()})


def check(measured: Measured) -> list[Check]:
    arms, before = measured.written, measured.written[BEFORE]
    learned = gates(RARE, before, BELOW * laws.threshold(measured.modulus), measured.modulus)
    return [
        *(
            at_least(
                f"{name}: rise of samples with a trace",
                arms[name].long - before.long,
                0.5,
                "most samples have one then",
                gates=learned,
            )
            for name in (ANSWER, LENGTH)
        ),
        at_least(
            "samples right: for right answers - for length",
            arms[ANSWER].right - arms[LENGTH].right,
            0.15,
            "one right answer in seven",
            gates=learned,
        ),
        at_most(
            f"{RANDOM}: rise of samples with a trace",
            arms[RANDOM].long - before.long,
            0.15,
            "less than one round of the law makes of .125, .29; noise is learned at this rate",
            gates=learned,
        ),
        at_most(
            f"{RANDOM}: rise of right samples",
            arms[RANDOM].right - before.right,
            0.1,
            "half of what a guess is",
            gates=learned,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    cells, floor = [*measured.written.values()], laws.floor(measured.modulus)
    return [
        Bars(
            name="form_and_answer",
            title="A rare trace, after rewards of three kinds",
            y_label="share",
            groups=[*measured.written],
            measured={
                "samples with a trace": np.stack([cell.long for cell in cells], axis=1),
                "samples right": np.stack([cell.right for cell in cells], axis=1),
                "of traces, right in every step": np.stack([cell.gate_exact for cell in cells], axis=1),
            },
            theory={"samples right": [floor] * len(cells)},
            note="Dotted: a guess.",
        )
    ]
