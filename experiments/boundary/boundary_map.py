"""What moves which boundary at one budget: more pairs and self-training move new pairs alone, 512 right examples every axis.

Source       Ours: the map that the claims on boundaries add up to, on the shifts of Zhao et al., arXiv:2508.01191 (task, length, steps,
             format). Gains are reported, each on tasks of its own, for curricula, positions, hints, self-training and rewards
             (arXiv:2505.24760, 2305.16843, 2310.16028, 2502.01612, 2509.25123); here they stand side by side at equal training FLOPs
Prediction   Models of 8 pairs of primitives and of each primitive alone, on elements of two to four letters. What GRPO and
             self-training write is charged. A share of the gap is measured from an exact floor, 0, to models trained on the axis
             itself at the same budget, 1. More pairs close .3 more of it on unseen pairs than any other change that is given nothing of
             the axis. Five letters, three steps and noise before every symbol are moved by none of these, by .05: the same lines
             again, endless ones, more pairs, easy before hard, rotary positions, index hints, a loop, or pairs, data and hints
             at once. Self-training on prompts of the axis, with the exact oracle, closes .05 more on unseen pairs than the same
             training again, and, as GRPO, .05 at most on the other axes. 64 right examples close half of the gap on unseen pairs and
             .3 at most on length and steps; 512 close .8 on every axis, and their models follow half of the edited steps there.
Refuted if   One of these eight is on the other side of its bound in most seeds.
Controls     A seed counts where the pairs of training are solved, and where models trained on the axis itself, on as many lines,
             solve it: a zero is then one of the change, not of the model or the budget. All primitives map letters alike at every
             place, so that what a fifth letter becomes is determined. The floor is what the trained composition scores that
             is most like the one asked. Arms that go on from a half-trained model stand beside one that is trained as before.
             Trials on seeds from 900 on, three of them: on unseen pairs .16 to .22 of base models, .80 to 1.00 after more pairs, .05
             to .26 after the same again, .23 to .53 after self-training, .19 to .28 after GRPO, which is not judged there, .67 to
             .99 after 64 examples; elsewhere .00 but for examples: 64 brought .00 to .14 on length and steps and .11 to .19 on
             the format, 512 .98 and more. Positions, hints and all at once were tried on one seed each (.00 elsewhere), the loop
             was not.
Run          alchemy reproduce boundary_map --preset small      # half an hour on 2 CPU cores beside other runs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.lab.lab import SPARE, Lab
from alchemy.lab.together import together
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs
from alchemy.practice.filters import kept
from alchemy.practice.grpo import GRPO
from alchemy.problem.streams import stream
from alchemy.problem.task import Batch
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Figure, HeatMap
from alchemy.stats.replicates import gate_split, stacked
from experiments.mirage import setting
from experiments.mirage.composition_diversity import function
from experiments.theory.change_logs import side_by_side
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="At one budget more pairs move the boundary of new pairs alone, self-training that one too, 512 examples every one.",
    source="ours, on the shifts of arXiv:2508.01191",
    prediction="length, steps, format: .05 at most by what knows nothing of them and by rewards; new pairs: by pairs, self-training; all by 512 examples",
    refuted_if="more than .05 there; more pairs under .3 above others, self-training under .05 above the same again, 512 examples under .8 anywhere",
    question="Where does reasoning stop?",
    among="models that solve the pairs they were trained on, where models trained on the new kind solve it at this budget",
)
PRIMITIVES = ("rot3", "rot7", *(f"table{number}" for number in range(1, 11)))
"""All map letters alike at every place: what a longer element asks for is no open question."""
TASK, LENGTH, STEPS, FORMAT = AXES = ("task", "length", "steps", "format")
BASE, AGAIN, ENDLESS, PAIRS, ORDER = "base", "the same again", "endless data", "more pairs", "easy to hard"
ROTARY, MARKS, LOOP, ALL = "rotary positions", "index hints", "loop", "pairs, data, hints"
BLIND = (BASE, AGAIN, ENDLESS, PAIRS, ORDER, ROTARY, MARKS, LOOP, ALL)
"""Arms that know nothing of the axis: one training for all."""
TAUGHT, REWARDED, FEW, SOME, CEILING = "self-training", "GRPO", "64 examples", "512 examples", "ceiling"
THERE = (TAUGHT, REWARDED, FEW, SOME, CEILING)
"""Arms that are given prompts of the axis, and an oracle or right texts: a training for each."""


@dataclass(frozen=True)
class Config:
    """One family, four ways to leave the training distribution, and every arm at the same training FLOPs."""

    seeds: int = 5
    """Replicates, each with pairs, weights, lines and test problems of its own. Five that agree decide."""
    test: int = 240
    """Held-out problems in each test of each seed; a quarter of them is for gates."""
    edited: int = 40
    """Problems of each test in whose gold chain a step is edited."""
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=48, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(steps=400, batch=64, optimizer="muon", matrix_rate=0.02, learning_rate=7e-3)
    """A whole budget: so many steps of lines that are as wide as the widest of any axis."""
    alphabet: str = "ABCDEFGHIJKL"
    pairs: int = 8
    """Pairs of primitives that are trained on beside each primitive alone, drawn anew for every seed."""
    many: int = 96
    """The same, where more pairs are."""
    held_out: int = 36
    """Pairs whose function is in no training but that of examples."""
    alone: float = 0.3
    """Share of training lines with one primitive alone."""
    lengths: tuple[int, ...] = (2, 3, 4)
    """Letters of a trained element; rising."""
    longer: int = 5
    """Letters on the axis of length."""
    deeper: int = 3
    """Primitives on the axis of steps, one more than is trained on: trained pairs, begun again."""
    fixed: int = 2_000
    """Lines of a fixed set."""
    practice: int = 1_024
    """Fresh problems of each round of self-training."""
    rounds: int = 3
    grpo: GRPO = GRPO(problems=16, group=8, reward="chain", learning_rate=3e-4)
    """Its steps are what half of the budget allows. In a trial a rate of 1e-3 spoiled one model of three."""
    axes: tuple[str, ...] = AXES
    """Which axes are tested."""
    blind: tuple[str, ...] = BLIND
    """Which of the arms that know nothing of the axis are trained."""


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        **{name: setting.SMOKE[name] for name in ("test", "model", "train")},
        seeds=1,
        edited=4,
        fixed=64,
        practice=16,
        rounds=1,
        grpo=replace(SMALL.grpo, problems=4, group=4),
        axes=(TASK, LENGTH),
        longer=4,  # as long as before, so that both axes share programs
        blind=(BASE, AGAIN, PAIRS),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=1200,
        model=Transformer(width=256, layers=4, heads=8, context=48, tied=False, activation="relu"),
        train=replace(SMALL.train, steps=4000, batch=256, matrix_rate=0.01, learning_rate=3e-3),
        fixed=20_000,
        practice=10_240,
        grpo=replace(SMALL.grpo, problems=32, learning_rate=1e-4),
    ),
}


class Cell(NamedTuple):
    """Models of one arm on one axis: each array float (s,)."""

    right: np.ndarray
    """Right answers."""
    gate: np.ndarray
    """The same, on problems for gates."""
    exact: np.ndarray
    """Lines without a mistake."""
    follow: np.ndarray
    """Answers that follow an edited step of the gold chain."""
    trained: np.ndarray
    """Right answers of these models on the trained pairs."""


@dataclass(frozen=True)
class Measured:
    arms: Mapping[str, Mapping[str, Cell]]
    """By arm and axis."""
    floors: Mapping[str, np.ndarray]
    """What no understanding scores on each axis, exact: float (s,)."""

    def share(self, arm: str, axis: str) -> np.ndarray:
        """The share of the gap from floor to ceiling that an arm closes, float (s,)."""
        floor = self.floors[axis]
        return np.asarray((self.arms[arm][axis].right - floor) / (self.arms[CEILING][axis].right - floor))

    def most(self, arms: Sequence[str], axes: Sequence[str]) -> np.ndarray:
        """The largest share that one of the arms closes on one of the axes, float (s,)."""
        return np.asarray(np.max([self.share(arm, axis) for arm in arms for axis in axes], axis=0))


class World(NamedTuple):
    """What one seed is trained and tested on."""

    base: Symbols
    diverse: Symbols
    easy: Symbols
    """Primitives alone, and no element of the longest."""
    trained: Symbols
    """The pairs of `base`, to be tested."""
    axes: Mapping[str, Symbols]

    @property
    def width(self) -> int:
        """Tokens of a training line."""
        return max(task.max_len for task in (self.base, *self.axes.values()))


def world(config: Config, seed: int) -> World:
    single = Symbols(
        compositions=PRIMITIVES,
        primitives=PRIMITIVES,
        alphabet=config.alphabet,
        dialect="uniform",
        length=config.lengths,
    )
    held_out, others = split_by_function(single, config.held_out, seed)

    def mixed(count: int) -> Symbols:
        weights = (config.alone / len(PRIMITIVES),) * len(PRIMITIVES) + ((1 - config.alone) / count,) * count
        return replace(single, compositions=PRIMITIVES + others[:count], weights=weights)

    trained = replace(single, compositions=others[: config.pairs], length=(max(config.lengths),))
    axes = {
        TASK: replace(trained, compositions=held_out),
        LENGTH: trained.shift(f"length={config.longer}")(trained),
        STEPS: trained.shift(f"steps={config.deeper}")(trained),
        FORMAT: trained.shift("noise=insert:1.0")(trained),
    }
    easy = replace(single, length=config.lengths[:-1])
    return World(mixed(config.pairs), mixed(config.many), easy, trained, axes)


def split_by_function(single: Symbols, held_out: int, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Pairs of which `held_out` are held out, drawn for `seed`, and all of other functions in random order.

    No pair and no primitive that is left is the same function as a pair that is held out.
    """
    letter = replace(single, length=(1,))
    by_function: dict[bytes, list[str]] = {}
    for pair in (f"{first} {second}" for first in PRIMITIVES for second in PRIMITIVES):
        by_function.setdefault(function(letter, pair), []).append(pair)
    alone = {function(letter, name) for name in PRIMITIVES}
    free = [pairs for name, pairs in by_function.items() if name not in alone]
    order = stream("functions held out of the map", seed).permutation(len(free))
    chosen = tuple(pair for index in order for pair in free[index])[:held_out]
    functions = {function(letter, pair) for pair in chosen}
    others = [pair for name, pairs in by_function.items() if name not in functions for pair in pairs]
    order = stream("trained pairs of the map", seed).permutation(len(others))
    return chosen, tuple(others[index] for index in order)


class Budget(NamedTuple):
    """Training FLOPs, in tokens that pass once through the parameters: a line that is learned from passes three times, a
    completion that is written once, and one that GRPO learns from five times, as it is scored, too."""

    config: Config
    width: int

    @property
    def whole(self) -> int:
        """Of one model."""
        return 3 * self.config.train.steps * self.config.train.batch * self.width

    def steps(self, share: float = 1.0, spent: int = 0, width: int = 0, loops: int = 1) -> int:
        """Steps of training that a share of the budget pays, after what was spent of that share on writing."""
        step = 3 * self.config.train.batch * (width or self.width) * loops
        return max(1, int((share * self.whole - spent) / step))

    def grpo_steps(self, width: int) -> int:
        """Steps of GRPO that half of the budget pays, of texts of such a width with their prompts."""
        return max(1, int(self.whole / 2 / (5 * width * self.config.grpo.problems * self.config.grpo.group)))


def run(config: Config, lab: Lab) -> Measured:
    seeds = lab.seeds(config.seeds)
    together(lab, [partial(first_half, config, seed=seed) for seed in seeds])
    arms = [(arm, config.axes) for arm in config.blind] + [(arm, (axis,)) for arm in THERE for axis in config.axes]
    measured: dict[str, dict[str, Cell]] = {}
    for arm, axes in arms:
        works = [partial(cells, config, arm=arm, axes=axes, seed=seed) for seed in seeds]
        measured.setdefault(arm, {}).update(stacked(together(lab, works)))
    floor = stacked([floors(config, world(config, seed)) for seed in seeds])
    return Measured(measured, {axis: np.asarray(floor[axis]) for axis in config.axes})


def cells(config: Config, lab: Lab, arm: str, axes: Sequence[str], seed: int) -> dict[str, Cell]:
    """One seed's model of an arm on some axes: each array a single number."""
    where = world(config, seed)
    runs = blind(config, lab, arm, seed) if arm in BLIND else there(config, lab, arm, axes[0], seed)
    tests = {name: _marked(task, arm) for name, task in {**where.axes, BASE: where.trained}.items()}
    room = max(map(completion, tests.values())) + SPARE  # one for all, so that tests share programs
    answered = partial(lab.answer, runs, n=config.test, max_new=room)
    trained = answered(tests[BASE], label=f"{arm}: answer trained pairs").mean("answer")[0]
    gate, judged = gate_split(config.test)
    made = {}
    for axis in axes:
        answers = answered(tests[axis], label=f"{arm}: answer {axis}")
        right, exact = answers.values("answer")[0], answers.values("exact_match")[0]
        follow = lab.intervene(runs, tests[axis], config.edited, label=f"{arm}: edit {axis}").answer.rates[0][0]
        # models that answer nothing follow nothing: nan would say that it is not known
        made[axis] = Cell(
            right[judged].mean(), right[gate].mean(), exact[judged].mean(), np.nan_to_num(follow), trained
        )
    return made


def completion(task: Symbols) -> int:
    """Tokens of the longest right completion."""
    return task.clean_len - task.longest_prompt


def _marked(task: Symbols, arm: str) -> Symbols:
    return replace(task, dialect="hinted") if arm in (MARKS, ALL) else task


def blind(config: Config, lab: Lab, arm: str, seed: int) -> Runs:
    """One seed's model of an arm that knows nothing of the axis."""
    where = world(config, seed)
    own = partial(fit, config, lab, arm, seed=seed)
    fixed = partial(lines, lab, n=config.fixed, seed=seed, purpose=BASE)
    fresh = partial(lines, lab, n=config.train.steps * config.train.batch, seed=seed, purpose=ENDLESS)
    if arm == AGAIN:
        return own([fixed(where.base)], share=0.5, start=first_half(config, lab, seed))
    if arm == ORDER:
        return own([fixed(where.base)], share=0.5, start=own([fixed(where.easy)], share=0.5))
    if arm in (MARKS, ALL):
        base, diverse = _marked(where.base, arm), _marked(where.diverse, arm)
        drawn = fixed(base) if arm == MARKS else fresh(diverse)
        return own([drawn], model=replace(config.model, positions="rotary"), task=base)
    models = {ROTARY: replace(config.model, positions="rotary"), LOOP: replace(config.model, loops=2)}
    drawn = fresh(where.base) if arm == ENDLESS else fixed(where.diverse if arm == PAIRS else where.base)
    return own([drawn], model=models.get(arm))


def first_half(config: Config, lab: Lab, seed: int) -> Runs:
    """One seed's model that the arms go on from which spend half of the budget on something else."""
    fixed = lines(lab, world(config, seed).base, config.fixed, seed, BASE)
    return fit(config, lab, "first half", [fixed], seed, share=0.5)


def there(config: Config, lab: Lab, arm: str, axis: str, seed: int) -> Runs:
    """One seed's model of an arm that has seen the axis: all of the budget for the ceiling, half of it for the others."""
    where, name = world(config, seed), f"{arm}, {axis}"
    target, budget = where.axes[axis], Budget(config, where.width)
    if arm == CEILING:
        return fit(config, lab, name, [lines(lab, target, config.fixed, seed, axis)], seed)
    start = first_half(config, lab, seed)
    if arm == REWARDED:
        how = replace(config.grpo, steps=budget.grpo_steps(target.max_len), max_new=completion(target))
        return lab.reinforce(start, how, target, label=f"{name}, seed {seed}")
    if arm == TAUGHT:
        return taught(config, lab, target, start, name)
    examples = lines(lab, target, int(arm.split()[0]), seed, axis)
    return fit(
        config, lab, name, [examples, lines(lab, where.base, config.fixed, seed, BASE)], seed, share=0.5, start=start
    )


def taught(config: Config, lab: Lab, target: Symbols, start: Runs, name: str) -> Runs:
    """Rounds of keeping right lines behind valid chains, beside lines of the first training; of those alone where none is right."""
    [seed], runs = start.seeds, start
    where = world(config, seed)
    beside, budget = lines(lab, where.base, config.fixed, seed, BASE), Budget(config, where.width)
    steps = budget.steps(0.5 / config.rounds, spent=config.practice * target.max_len)
    for number in range(1, config.rounds + 1):
        right = kept(lab.practise(runs, target, config.practice, number, max_new=completion(target)), "exact")
        drawn = [right, beside] if len(right.tokens) else [beside]
        runs = fit(config, lab, f"{name}, round {number}", drawn, seed, steps=steps, start=runs)
    return runs


def fit(
    config: Config,
    lab: Lab,
    name: str,
    drawn: list[Batch],
    seed: int,
    *,
    share: float = 1.0,
    steps: int = 0,
    model: Transformer | None = None,
    task: Symbols | None = None,
    start: Runs | None = None,
) -> Runs:
    """One seed's model after so many steps, or a share of the budget, on lines that were drawn, all in equal shares and padded to one
    width."""
    where, model = world(config, seed), model or config.model
    if len(drawn) > 1:
        drawn = [repeated(batch, config.fixed // len(drawn)) for batch in drawn]
    task, width = task or where.base, where.width if task is None else task.max_len
    steps = steps or Budget(config, where.width).steps(share, width=width, loops=model.loops)
    return lab.train(
        model,
        task,
        replace(config.train, steps=steps),
        seeds=(seed,),
        sets=[side_by_side(drawn, width)],
        padding="pad",
        context=width,
        start=start,
        label=f"{name}, seed {seed}",
    )


def repeated(batch: Batch, n: int) -> Batch:
    """`n` lines of a batch, the first ones, again and again where they are fewer."""
    return batch.rows(np.arange(n) % len(batch.tokens))


def lines(lab: Lab, task: Symbols, n: int, seed: int, purpose: str) -> Batch:
    """Training lines of a task."""
    return lab.split.sample(task, stream(f"lines of the map: {purpose}", seed), n, "train")


def floors(config: Config, where: World) -> dict[str, float]:
    """What is scored on each axis by taking a composition that was not trained for the one trained that is most like it, letter by
    letter, or by guessing letters where what stands there cannot be read: exact."""
    letters = np.arange(len(config.alphabet), dtype=np.uint8)[:, None]

    def table(composition: str) -> np.ndarray:
        ops = np.repeat(where.base.ops_of((composition,)), len(letters), axis=0)
        return where.base.machine.intermediates(ops, letters)[:, -1, 0]

    known = np.stack([table(composition) for composition in where.base.compositions])

    def nearest(task: Symbols) -> float:
        alike = [(known == table(composition)).mean(axis=1).max() for composition in task.compositions]
        return float(np.mean(np.array(alike) ** task.length[0]))

    guess = {axis: 1 / len(letters) ** where.axes[axis].length[0] for axis in (LENGTH, FORMAT)}
    return {axis: guess.get(axis) or nearest(where.axes[axis]) for axis in AXES}


def check(measured: Measured) -> list[Check]:
    arms = measured.arms
    trained = Gate("base, trained pairs: right", arms[BASE][TASK].trained, 0.8, inf, "learned, but for one in five")
    reached = {
        axis: Gate(f"ceiling, {axis}: right", arms[CEILING][axis].gate, 0.8, inf, "there is a gap at this budget")
        for axis in measured.floors
    }
    elsewhere = [axis for axis in measured.floors if axis != TASK]
    deeper = [axis for axis in elsewhere if axis != FORMAT]
    shown, unseen = [trained, reached[TASK]], [trained, *(reached[axis] for axis in elsewhere)]
    uninformed = [arm for arm in BLIND if arm in arms]
    others = [arm for arm in uninformed if arm not in (PAIRS, ALL)]
    return [
        at_least(
            f"task: share closed, {PAIRS} - the most of other arms that see nothing of the axis",
            measured.share(PAIRS, TASK) - measured.most(others, [TASK]),
            0.3,
            "what moves new pairs is pairs",
            gates=shown,
        ),
        at_most(
            "length, steps, format: share closed, the most of arms that see nothing of the axis",
            measured.most(uninformed, elsewhere),
            0.05,
            "no more than one problem of twenty",
            gates=unseen,
        ),
        at_least(
            f"task: share closed, {TAUGHT} - {AGAIN}",
            measured.share(TAUGHT, TASK) - measured.share(AGAIN, TASK),
            0.05,
            "what is written now and then is written more often, in one problem of twenty more",
            gates=shown,
        ),
        at_most(
            f"length, steps, format: share closed, the most of {TAUGHT} and {REWARDED}",
            measured.most((TAUGHT, REWARDED), elsewhere),
            0.05,
            "no right line is written that could be kept",
            gates=unseen,
        ),
        at_least(f"task: share closed, {FEW}", measured.share(FEW, TASK), 0.5, "half of it", gates=shown),
        at_most(
            f"length, steps: share closed, {FEW}, the most",
            measured.most([FEW], deeper),
            0.3,
            "less than a third of it",
            gates=[trained, *(reached[axis] for axis in deeper)],
        ),
        at_least(
            f"all axes: share closed, {SOME}, the least",
            np.min([measured.share(SOME, axis) for axis in reached], axis=0),
            0.8,
            "most of it: no axis is beyond what these models can learn",
            gates=[trained, *reached.values()],
        ),
        at_least(
            f"all axes: answers that follow an edited step, {SOME}, the least",
            np.min([arms[SOME][axis].follow for axis in reached], axis=0),
            0.5,
            "it is the chain that is learned",
            gates=[trained, *reached.values()],
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    rows = [*measured.arms][::-1]
    follow = [[measured.arms[arm][axis].follow for axis in measured.floors] for arm in rows]
    share = [[measured.share(arm, axis) for axis in measured.floors] for arm in rows]
    names = {TASK: "new\npairs", LENGTH: "longer\nelements", STEPS: "one more\nstep", FORMAT: "other\nformat"}
    return [
        HeatMap(
            name=name,
            title=title,
            y_label="",
            rows=rows,
            columns=[names[axis] for axis in measured.floors],
            measured=np.moveaxis(np.array(grid), -1, 0),
            scale=scale,
            spread=True,
            size=(4.1, 6.4),
            note=note,
        )
        for name, title, grid, scale, note in (
            (
                "boundary_map",
                "Share of the gap that is closed",
                share,
                "share of the gap from floor to ceiling",
                "From the exact floor, 0, to models trained there, 1, at equal training FLOPs: the median seed, "
                "and all seeds. From self-training down an arm sees problems of the column.",
            ),
            (
                "boundary_map_follow",
                "Answers that follow an edited step",
                follow,
                "share of answers",
                "A letter of a step of the gold chain is changed: the median seed, and all seeds.",
            ),
        )
    ]
