"""At equal FLOPs, trajectories of a latent reasoner solve more boards than chains of thought that fill in one cell after the other.

Source       Ours: the comparison that most papers on latent reasoning leave out. In arXiv:2605.19376 a small autoregressive model has
             96.3 % of 8 queens where the deterministic reasoners have 66.8 to 78.7 %
Prediction   A decoder and a latent reasoner of like size learn from the same few hundred boards of Sudoku of four rows with one
             solution, with the same FLOPs of training. At the FLOPs of 8 trajectories of the reasoner with added noise, each checked
             at its end, as many sampled chains of the decoder, each checked as well, solve at least .1 fewer of held-out boards; and
             one chain at temperature 0 solves at least .1 fewer than one trajectory without noise.
Refuted if   One of the two differences is below .1 in most seeds.
Controls     Every token of a chain is charged, prompts included, and every latent step; a user can check both. A seed counts where the
             reasoner solves a quarter of the boards for gates, and the decoder has learned the form: .9 of its texts there have all
             parts.
             A first run, on other seeds, trained on 8 boards, as the number of trajectories stood in the place of that of boards, and
             judged nothing. In a trial on a seed from 900 on one trajectory solved .44, one chain .15; 16 trajectories .83, 32 chains .27.
Run          alchemy reproduce recursion_or_tokens --preset small      # on 2 CPU cores, 3 minutes beside other runs
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import size
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.testtime.answers import Samples
from experiments.latent.arms import Setting, full, smoke
from models.transformer import Transformer

CLAIM = Claim(
    sentence=(
        "At equal FLOPs, trajectories of a latent reasoner solve more boards than chains of thought "
        "that fill in one cell after the other."
    ),
    source="ours, on the reasoners of arXiv:2510.04871 and 2605.19943",
    prediction="one trajectory .1 above one chain; 8 with added noise .1 above as many chains as cost the same; rules checked",
    refuted_if="one of the two differences below .1",
    question="How is a budget best spent?",
    among="reasoners that solve a quarter of the boards at once, and decoders that have learned the form",
)


@dataclass(frozen=True)
class Config(Setting):
    """A latent reasoner and a decoder on the same boards."""

    trajectories: int = 8
    """Those whose FLOPs chains are given."""
    writer: Transformer = Transformer(width=32, layers=2, heads=4, context=64)
    writing: TrainConfig = TrainConfig(steps=1000, batch=32, optimizer="muon", weight_decay=0.1)
    """With the FLOPs of training of the reasoner; of decays .1 and 1 the better on a seed from 900 on, for chains that are drawn."""


SMALL = Config()
PRESETS = {
    "smoke": smoke(
        SMALL,
        trajectories=2,
        writer=Transformer(width=8, layers=1, heads=2, context=64),
        writing=TrainConfig(steps=2, batch=8, chunk=2, optimizer="muon"),
    ),
    "small": SMALL,
    "full": full(
        SMALL,
        writer=Transformer(width=256, layers=6, heads=8, context=320),
        writing=TrainConfig(steps=50_000, batch=256, learning_rate=1e-3, matrix_rate=0.01, optimizer="muon"),
    ),
}


@dataclass(frozen=True)
class Measured:
    """On the boards that are judged, and for gates; float (s,) and (s, m)."""

    chains: tuple[int, ...]
    """Numbers of chains, 1, 2, 4, ... and as many as cost what the trajectories do."""
    trajectories: tuple[float, ...]
    """What 1, 2, 4, ... trajectories cost, in chains."""
    latent: np.ndarray
    """Solved by one of so many trajectories: (s, m)."""
    written: np.ndarray
    """By one of so many chains: (s, m)."""
    one_latent: np.ndarray
    """By one trajectory without noise."""
    one_written: np.ndarray
    """By a chain at temperature 0."""
    solves: np.ndarray
    """By one trajectory without noise, of the boards for gates."""
    formed: np.ndarray
    """Chains at temperature 0 that have the right form, of the boards for gates."""


def run(config: Config, lab: Lab) -> Measured:
    gate, judged = gate_split(config.test)
    still = config.reason(lab, "deterministic", "one", 1, 1).solved[:, :, 0, -1]
    noisy = config.reason(lab, "added noise", "one", config.trajectories, 1)
    runs = lab.train(
        config.writer, config.one, config.writing, seeds=config.seeds, limit=config.few, label="train writer, one"
    )
    chain_cost = 2.0 * size(runs.model) * config.one.max_len
    trajectory_cost = float(noisy.bill().flops[0, 0]) / config.trajectories
    afforded = max(1, int(config.trajectories * trajectory_cost / chain_cost))
    numbers = sorted({1 << power for power in range(afforded.bit_length())} | {afforded})
    pool = lab.sample(runs, config.one, config.test, afforded, label="chains")
    greedy = lab.answer(runs, config.one, config.test, label="one chain").judgement
    right = Samples(config.one, pool.batch, pool.completions).verify().answer[:, judged]
    solved = noisy.solved[:, judged, :, -1]
    few = [1 << power for power in range(config.trajectories.bit_length())]
    return Measured(
        chains=tuple(numbers),
        trajectories=tuple(number * trajectory_cost / chain_cost for number in few),
        latent=np.stack([solved[..., :number].any(axis=2).mean(axis=1) for number in few], axis=1),
        written=np.stack([right[..., :number].any(axis=2).mean(axis=1) for number in numbers], axis=1),
        one_latent=still[:, judged].mean(axis=1),
        one_written=greedy.answer[:, judged].mean(axis=1),
        solves=still[:, gate].mean(axis=1),
        formed=greedy.well_formed[:, gate].mean(axis=1),
    )


def check(measured: Measured) -> list[Check]:
    gates = (
        Gate("one trajectory: solved", measured.solves, 0.25, inf, "the reasoner has learned to solve boards"),
        Gate("one chain: well formed", measured.formed, 0.9, inf, "the decoder has learned to write boards"),
    )
    return [
        at_least(
            "one trajectory - one chain: solved",
            measured.one_latent - measured.one_written,
            0.1,
            "one board of ten",
            gates=gates,
        ),
        at_least(
            "trajectories with noise - chains of the same FLOPs: solved",
            measured.latent[:, -1] - measured.written[:, -1],
            0.1,
            "one board of ten",
            gates=gates,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    x = sorted({*map(float, measured.chains), *measured.trajectories})

    def placed(at: tuple[float, ...], values: np.ndarray) -> np.ndarray:
        """Values (s, m) at these places among all, nan elsewhere."""
        line = np.full((len(values), len(x)), np.nan)
        line[:, [x.index(float(place)) for place in at]] = values
        return line

    return [
        Curves(
            name="recursion_or_tokens",
            title="Trajectories and chains of thought at equal FLOPs",
            x_label="FLOPs, in those of a chain",
            y_label="boards solved, rules checked",
            x=x,
            measured={
                "latent trajectories, added noise": placed(measured.trajectories, measured.latent),
                "chains of thought": placed(measured.chains, measured.written),
            },
            theory={},
            log_x=True,
            ticks=[f"{place:.3g}" for place in x],
        )
    ]
