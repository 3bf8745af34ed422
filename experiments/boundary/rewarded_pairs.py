"""Right lines of some pairs make new pairs likelier, too; depth 4 stays out of reach, and without old lines triples are lost.

Source       That rewards on composed functions move the boundary, arXiv:2509.25123, is disputed by arXiv:2504.13837, by
             which they sharpen what many samples have already. Both, on one task, with rejection-sampled lines and
             supervised ones beside GRPO
Prediction   Models of twelve permutations of the alphabet alone, and of 8 pairs and 8 triples of eight of them. The
             practised pairs are 16 others. From atoms alone no text earns a reward. From both, practised pairs are
             right in .1 more of the samples after practice, by GRPO and by keeping right lines, than after the same
             training again, and pairs that nobody practised in .05 more where right lines were kept. At most a fourth
             more of these has a right sample among 1,024 after rewards than before; of compositions of four, and of
             pairs of the four permutations that no training composes, at most a tenth. Kept lines without the old ones
             beside them leave at most half of the trained triples.
Refuted if   One of these numbers is on the other side in most seeds.
Controls     No two permutations commute, and only samples count that are right in every step. Gold lines, kept lines
             and GRPO have as many samples, of the same problems, half of them practised pairs and half what was trained
             before; rewards without this replay stand beside. A seed counts where atoms, trained pairs and trained
             triples are solved, and practised pairs are not yet, in .9 of the samples: of five models of the first lock
             one had .96 of them and of the new pairs before any practice, so that nothing could rise. There GRPO raised
             new pairs by .03 to .32 in the other four, which is shown and not judged any more. Trials of this very
             design on seeds 900 and 901: practised pairs .04 and .60 before, .07 and .53 after the same training again,
             .54 and .83 after kept lines, .40 and .83 after GRPO, 1.00 after gold lines; new pairs .10 and .36, .24 and
             .53, .20 and .58, .59 and .62 in the same order. Found in 1,024 samples: .13 and 0 more of the new pairs,
             nothing of depth 4 or never composed in either. Trained triples after kept lines without replay: .04 and
             .03, after GRPO without it .63 and .99. That gold lines beat rewards on new pairs by .1, as was promised
             first, they did by .36 and .04: it is shown and not judged.
Run          alchemy reproduce rewarded_pairs --preset small      # on 2 CPU cores, ten minutes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.lab.together import together
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.practice.filters import kept
from alchemy.practice.grpo import GRPO
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split, stacked
from alchemy.stats.voting import any_at
from alchemy.testtime.answers import Samples
from experiments.mirage import setting
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Right lines of some pairs make new pairs likelier, too; depth 4 stays out of reach, and without old lines triples are lost.",
    source="arXiv:2509.25123 against 2504.13837, in models of our own",
    prediction="atoms alone: no reward; practised pairs .1 likelier, new pairs .05 by kept lines; at most .25 more of them found in 1,024 samples, of"
    " depth 4 and never composed .1; triples at most .5 after kept lines without replay",
    refuted_if="one of the numbers on the other side",
    question="Where does reasoning stop?",
    among="models that solve what they were trained on, and not yet what they practise",
)
COMPOSED = tuple(f"table{number}" for number in range(1, 9))
ALONE = tuple(f"table{number}" for number in range(9, 13))
PRIMITIVES = COMPOSED + ALONE
"""Twelve permutations of the alphabet, no two of which commute; the last four are never composed in any training."""
ATOMS, SEEN, SEEN_TRIPLES = "atoms", "trained pairs", "trained triples"
PRACTISED, PAIRS, TRIPLES, QUADS, NEVER = "practised pairs", "new pairs", "new triples", "depth 4", "never composed"
KINDS = (ATOMS, SEEN, SEEN_TRIPLES, PRACTISED, PAIRS, TRIPLES, QUADS, NEVER)
ATOMS_ALONE, PAIRS_ALONE, BOTH = SUPERVISED = ("atoms alone", "compositions alone", "both")
AGAIN, SHOWN, FILTERED, REWARDED = "the same again", "shown", "right lines kept", "GRPO"
FILTERED_ALONE, REWARDED_ALONE = "right lines kept, no replay", "GRPO, no replay"
ARMS = (*SUPERVISED, AGAIN, SHOWN, FILTERED, REWARDED, FILTERED_ALONE, REWARDED_ALONE)
SEARCHED = (BOTH, FILTERED, REWARDED)
SOUGHT = (PAIRS, QUADS, NEVER)
"""Arms and kinds of problems of which many samples are drawn."""


@dataclass(frozen=True)
class Config:
    """Atoms, pairs or both; then the same pairs practised in three ways."""

    seeds: int = 7
    """Replicates, each with compositions, weights, lines and test problems of its own. Five that pass and agree decide."""
    test: int = 64
    """Held-out problems of each kind for each seed."""
    samples: int = 8
    """Of each problem, at temperature 1; a quarter of the problems is for gates."""
    searched: int = 16
    """Held-out problems of each kind that are answered `most` times."""
    most: int = 1024
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=48, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(steps=600, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)
    pairs: int = 8
    """Pairs that are trained on, drawn anew for every seed."""
    triples: int = 8
    practised: int = 16
    """Other pairs, which are practised."""
    tested: int = 24
    """Other pairs, triples and compositions of four, which are in no training."""
    rounds: int = 3
    practice: int = 2_560
    """Problems of a round, each answered once: as many in all rounds as GRPO's steps have texts."""
    again: TrainConfig = TrainConfig(steps=40, batch=64, optimizer="muon", matrix_rate=0.01, learning_rate=3e-3)
    """Of a round."""
    grpo: GRPO = GRPO(steps=60, problems=16, group=8, reward="chain", learning_rate=6e-4)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        **{name: setting.SMOKE[name] for name in ("model", "train")},
        seeds=1,
        test=4,
        samples=4,
        searched=4,
        most=4,
        practice=128,
        rounds=1,
        again=setting.SMOKE["train"],
        grpo=replace(SMALL.grpo, steps=2, problems=4, group=4),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=256,
        searched=128,
        model=Transformer(width=256, layers=4, heads=8, context=48, tied=False, activation="relu"),
        train=replace(SMALL.train, steps=2000, batch=256, matrix_rate=0.01, learning_rate=3e-3),
        practice=25_600,
        again=replace(SMALL.again, batch=256, matrix_rate=0.005, learning_rate=1e-3),
        grpo=replace(SMALL.grpo, steps=300, problems=32, learning_rate=1e-4),
    ),
}


class World(NamedTuple):
    """What one seed's models are trained, practised and tested on.

    The tasks differ in how often each composition is drawn alone, so that they share programs.
    """

    learned: Mapping[str, Symbols]
    """Supervised training: of atoms, of compositions, of both."""
    practice: Symbols
    """The practised pairs, and as many lines of what was trained before."""
    tests: Mapping[str, Symbols]
    """By kind of problem."""

    @property
    def room(self) -> int:
        """Tokens of a right completion, at most: lines that are kept are as wide as those of training."""
        return self.practice.clean_len - self.practice.longest_prompt


def world(config: Config, seed: int) -> World:
    pairs, triples, quads = (
        shuffled([" ".join(names) for names in product(COMPOSED, repeat=depth)], seed) for depth in (2, 3, 4)
    )
    ends = np.cumsum([config.pairs, config.practised, config.tested])
    seen, practised, unseen, _ = (tuple(part.tolist()) for part in np.split(np.array(pairs), ends))
    kinds = {
        ATOMS: PRIMITIVES,
        SEEN: seen,
        SEEN_TRIPLES: triples[: config.triples],
        PRACTISED: practised,
        PAIRS: unseen,
        TRIPLES: triples[-config.tested :],
        QUADS: quads[: config.tested],
        NEVER: tuple(f"{first} {second}" for first, second in product(ALONE, repeat=2)),
    }

    def drawn(shares: Mapping[str, float]) -> Symbols:
        return Symbols(
            compositions=tuple(name for names in kinds.values() for name in names),
            weights=tuple(shares.get(kind, 0.0) / len(names) for kind, names in kinds.items() for _ in names),
            primitives=PRIMITIVES,
            alphabet="ABCDEFGHIJKL",
            dialect="uniform",
            length=(3,),
        )

    composed = {SEEN: 0.4, SEEN_TRIPLES: 0.3}
    return World(
        {ATOMS_ALONE: drawn({ATOMS: 1.0}), PAIRS_ALONE: drawn(composed), BOTH: drawn({ATOMS: 0.3, **composed})},
        drawn({PRACTISED: 0.5, ATOMS: 0.15, SEEN: 0.2, SEEN_TRIPLES: 0.15}),
        {kind: drawn({kind: 1.0}) for kind in KINDS},
    )


def shuffled(compositions: list[str], seed: int) -> tuple[str, ...]:
    """All of them, in a random order of the seed's own."""
    order = stream("compositions to practise", len(compositions), seed).permutation(len(compositions))
    return tuple(compositions[index] for index in order)


class Cell(NamedTuple):
    """Models of one arm on one kind of problem: each array float (s,)."""

    right: np.ndarray
    """Samples that are right in every step."""
    gate: np.ndarray
    """The same, on problems for gates."""


@dataclass(frozen=True)
class Measured:
    cells: Mapping[str, Mapping[str, Cell]]
    """By arm and kind of problem."""
    found: Mapping[str, Mapping[str, np.ndarray]]
    """By arm and kind of problem: problems with a sample, right in every step, among so many, float (s, budgets)."""
    budgets: tuple[int, ...]
    earned: np.ndarray
    """Of the texts that models of atoms alone wrote for GRPO, those with a reward, float (s,)."""

    def rise(self, kinds: Sequence[str]) -> np.ndarray:
        """By how much more problems have a right sample after practice, the most of both arms and all kinds: float (s,)."""
        before = self.found[BOTH]
        rises = [self.found[arm][kind][:, -1] - before[kind][:, -1] for arm in (FILTERED, REWARDED) for kind in kinds]
        return np.asarray(np.max(rises, axis=0))


def run(config: Config, lab: Lab) -> Measured:
    seeds, budgets = lab.seeds(config.seeds), budgets_of(config.most)
    cells, found = {}, {}
    for arm in ARMS:
        models = trained(config, lab, arm, seeds)
        tested = [
            partial(tests, config, lab, arm, runs=runs, seed=seed) for runs, seed in zip(models, seeds, strict=True)
        ]
        cells[arm] = stacked([test() for test in tested])
        if arm in SEARCHED:
            searched = [search(config, lab, arm, runs, seed, budgets) for runs, seed in zip(models, seeds, strict=True)]
            found[arm] = stacked(searched)
    return Measured(cells, found, budgets, np.array([earned(config, lab, seed) for seed in seeds]))


def budgets_of(most: int) -> tuple[int, ...]:
    """Numbers of samples, each four times the one before, up to the most there are."""
    return tuple(4**power for power in range(most.bit_length()) if 4**power <= most)


def trained(config: Config, lab: Lab, arm: str, seeds: Sequence[int]) -> list[Runs]:
    """Each seed's models of an arm; what can be trained side by side is."""
    if arm in SUPERVISED:
        together(lab, [partial(fit, config, name=name, seed=seed) for name in SUPERVISED for seed in seeds])
        return [fit(config, lab, arm, seed) for seed in seeds]
    if arm in (REWARDED, REWARDED_ALONE):
        return [reinforced(config, lab, BOTH, seed, replay=arm == REWARDED) for seed in seeds]
    for rounds in range(1, config.rounds if arm in (FILTERED, FILTERED_ALONE) else 1):
        together(lab, [partial(practised, config, arm=arm, seed=seed, rounds=rounds) for seed in seeds])
    return together(lab, [partial(practised, config, arm=arm, seed=seed, rounds=config.rounds) for seed in seeds])


def fit(config: Config, lab: Lab, name: str, seed: int) -> Runs:
    """One seed's model after supervised training on atoms, compositions or both."""
    where = world(config, seed)
    lines = lab.split.sample(
        where.learned[name], stream("lines to learn", seed), config.train.steps * config.train.batch, "train"
    )
    return learn(config, lab, where, lines, config.train, seed, f"train on {name}")


def learn(
    config: Config,
    lab: Lab,
    where: World,
    lines: Batch,
    train: TrainConfig,
    seed: int,
    name: str,
    start: Runs | None = None,
) -> Runs:
    """One seed's model after training on lines, all of one width, so that all trainings share a program."""
    return lab.train(
        config.model,
        where.learned[BOTH],
        train,
        seeds=(seed,),
        sets=[lines],
        padding="pad",
        context=where.practice.max_len,
        start=start,
        label=f"{name}, seed {seed}",
    )


def reinforced(config: Config, lab: Lab, start: str, seed: int, replay: bool = True) -> Runs:
    """One seed's model after GRPO on the practised pairs."""
    where = world(config, seed)
    task = where.practice if replay else where.tests[PRACTISED]
    label = f"GRPO {'with' if replay else 'without'} replay from {start}, seed {seed}"
    how = replace(config.grpo, max_new=where.room)
    return lab.reinforce(fit(config, lab, start, seed), how, task, label=label)


def earned(config: Config, lab: Lab, seed: int) -> float:
    """Rewards of a model of atoms alone on the practised pairs, mean over the steps of GRPO."""
    return float(lab.log(reinforced(config, lab, ATOMS_ALONE, seed, replay=False)).reward.mean())


def practised(config: Config, lab: Lab, arm: str, seed: int, rounds: int) -> Runs:
    """One seed's model after so many rounds of right lines of its own, or after as many steps on gold lines."""
    where, runs = world(config, seed), fit(config, lab, BOTH, seed)
    if arm in (AGAIN, SHOWN):
        task, n = where.learned[BOTH] if arm == AGAIN else where.practice, config.practice * rounds
        lines = lab.split.sample(task, stream("lines to practise", seed), n, "train")
        train = replace(config.again, steps=config.again.steps * rounds)
        return learn(config, lab, where, lines, train, seed, arm, runs)
    task = where.practice if arm == FILTERED else where.tests[PRACTISED]
    for number in range(1, rounds + 1):
        right = kept(lab.practise(runs, task, config.practice, number, max_new=where.room), "exact")
        if len(right.tokens):
            lines = right.rows(np.arange(config.practice) % len(right.tokens))  # as many in every round: one program
            runs = learn(config, lab, where, lines, config.again, seed, f"{arm}, round {number}", runs)
    return runs


def tests(config: Config, lab: Lab, arm: str, runs: Runs, seed: int) -> dict[str, Cell]:
    """One seed's model on every kind of problem: each array a single number."""
    where, (gate, rest) = world(config, seed), gate_split(config.test)
    made = {}
    for kind, task in where.tests.items():
        samples = lab.sample(runs, task, config.test, config.samples, max_new=where.room, label=f"{arm}: {kind}")
        right = right_throughout(samples)
        made[kind] = Cell(right[rest].mean(), right[gate].mean())
    return made


def search(config: Config, lab: Lab, arm: str, runs: Runs, seed: int, budgets: Sequence[int]) -> dict[str, np.ndarray]:
    """The share of problems of a kind with a right sample among so many, by kind: float (budgets,)."""
    where, made = world(config, seed), {}
    for kind in SOUGHT:
        n, most = config.searched, config.most
        samples = lab.sample(
            runs, where.tests[kind], n, most, max_new=where.room, label=f"{arm}: {kind}, {most} samples"
        )
        right = right_throughout(samples).sum(axis=1)
        made[kind] = np.array([any_at(right, most, budget).mean() for budget in budgets])
    return made


def right_throughout(samples: Samples) -> np.ndarray:
    """Which samples of one seed are right in every step, bool (n, k)."""
    judged = samples.verify()
    return np.asarray((judged.answer & judged.trace)[0])


def check(measured: Measured) -> list[Check]:
    cells, most = measured.cells, measured.budgets[-1]
    learned = [
        Gate(f"{BOTH}, {kind}: right", cells[BOTH][kind].gate, 0.98, inf, "solved, but for noise")
        for kind in (ATOMS, SEEN, SEEN_TRIPLES)
    ]
    learned += [Gate(f"{BOTH}, {PRACTISED}: right", cells[BOTH][PRACTISED].gate, -inf, 0.9, "there is room")]
    atoms = Gate(f"{ATOMS_ALONE}: right", cells[ATOMS_ALONE][ATOMS].gate, 0.98, inf, "solved, but for noise")
    return [
        at_most(f"{ATOMS_ALONE}: texts with a reward", measured.earned, 0.001, "none to choose from", gates=[atoms]),
        *(
            at_least(
                f"{kind}: right, {arm} - {AGAIN}",
                cells[arm][kind].right - cells[AGAIN][kind].right,
                least,
                reason,
                gates=learned,
            )
            for kind, arm, least, reason in (
                (PRACTISED, FILTERED, 0.1, "one sample in ten"),
                (PRACTISED, REWARDED, 0.1, "one sample in ten"),
                (PAIRS, FILTERED, 0.05, "one sample in twenty"),
            )
        ),
        *(
            at_most(
                f"{' and '.join(kinds)}: found in {most} samples, the most of both - before",
                measured.rise(kinds),
                bound,
                reason,
                gates=learned,
            )
            for kinds, bound, reason in (
                ((PAIRS,), 0.25, "one problem in four: most that is right now was written before"),
                ((QUADS, NEVER), 0.1, "one problem in ten: nothing is there to be chosen"),
            )
        ),
        at_most(
            f"{SEEN_TRIPLES}: right, {FILTERED_ALONE}",
            cells[FILTERED_ALONE][SEEN_TRIPLES].right,
            0.5,
            "half of what was solved",
            gates=learned,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    kinds = (SEEN, PRACTISED, PAIRS, TRIPLES, QUADS, NEVER)
    arms = (BOTH, AGAIN, SHOWN, FILTERED, REWARDED)
    return [
        Bars(
            name="rewarded_pairs",
            title="Samples that are right in every step, before and after practice of pairs",
            y_label="samples",
            groups=[kind.replace(" ", "\n") for kind in kinds],
            measured={arm: np.stack([measured.cells[arm][kind].right for kind in kinds], axis=1) for arm in arms},
            theory={},
        ),
        Curves(
            name="rewarded_pairs_found",
            title="New pairs with a right sample among so many",
            x_label="samples",
            y_label="problems",
            log_x=True,
            x=[*measured.budgets],
            measured={arm: measured.found[arm][PAIRS] for arm in SEARCHED},
            theory={},
        ),
        Bars(
            name="rewarded_pairs_replay",
            title="What was trained before, after practice of pairs with replay and without",
            y_label="samples right in every step",
            groups=[kind.replace(" ", "\n") for kind in (ATOMS, SEEN, SEEN_TRIPLES)],
            measured={
                arm: np.stack([measured.cells[arm][kind].right for kind in (ATOMS, SEEN, SEEN_TRIPLES)], axis=1)
                for arm in (FILTERED, REWARDED, FILTERED_ALONE, REWARDED_ALONE)
            },
            theory={},
        ),
    ]
