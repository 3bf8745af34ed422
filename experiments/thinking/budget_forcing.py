"""Forced thinking is worth what training taught a continuation to do, and votes beat it once a problem is finished.

Source       Muennighoff et al., arXiv:2501.19393 (s1: budget forcing; control, scaling, performance), with Mirtaheri et al.,
             arXiv:2505.21825 (one long chain beats many short ones) and Ghosal et al., arXiv:2506.04210 (the reverse)
Prediction   Every chain thinks exactly the budget: its end is suppressed and `<wait>` written until then, and forced there.
             Scaling, the mean slope over all pairs of budgets, is above 0 where the problem is serial (six hops; shorter
             chains cannot have the answer) and where re-checks mend, below 0 where they break: the same decoder, the sign
             is the training's. Where `<wait>` was never seen in training there is nothing to gain. s1 finds forcing better
             than prompts that tell a length (56.7 against 40.0) and rejection sampling by length worse the longer it gets
             (-35); our models were trained on such prompts, so equality is enough, and length was random in training, so
             rejection follows what re-checks do: down in one class, up in the other. At equal tokens one chain beats two
             while it fits and they do not; where a first draft is all there is to it, five short chains and a vote beat one
             that re-checks. The best budget of a way, and the largest of several differences, are found on one half of a
             seed's problems and measured on the other.
Refuted if   A slope has the wrong sign, forcing is .02 worse than prompts at its best, a model that never saw `<wait>` gains
             .01 a doubling, or at equal tokens either comparison goes the other way. A seed whose models do not walk the
             whole way is not judged.
Run          alchemy reproduce budget_forcing --preset small      # about a minute and a half a seed on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from alchemy.decoding.forcing import bill
from alchemy.lab.lab import Lab
from alchemy.learning.train import Runs, size
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most, near
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.stats.selection import halves, largest, largest_gap
from alchemy.stats.slopes import pairwise_slope, slope
from alchemy.testtime.revision import flips, picks, plurality
from experiments.thinking.rechecks import Chains, Setting, full, smoke

CLAIM = Claim(
    sentence="Forced thinking is worth what training taught a continuation to do; once a problem is finished, votes win.",
    source="arXiv:2501.19393, with 2505.21825 and 2506.04210",
    prediction="scaling above 0 for serial problems and drafts that are mended, below 0 for broken ones, none if never seen",
    refuted_if="a slope with the wrong sign, a gain of .01 a doubling without training, or either vote the other way",
    question="What does a step buy?",
)
FAMILIES = ("help", "hurt", "mend")
END = 3
"""Tokens behind the thinking: end mark, answer, EOS."""


@dataclass(frozen=True)
class Config(Setting):
    serial: tuple[int, ...] = (2, 4, 6, 12, 22)
    """Budgets in tokens of thinking for six hops: 1/3, 2/3, 1, 2 times the walk, and all that was trained."""
    short: tuple[int, ...] = (1, 3, 5, 9, 17)
    """Where one draft is enough: 0, 1, 2, 4, 8 re-checks."""
    serial_shared: tuple[int, ...] = (5, 6, 8, 12, 16, 22)
    """Budgets of one chain whose tokens, answers included, two chains share."""
    short_shared: tuple[int, ...] = (5, 9, 13, 17)
    """Budgets of one chain whose tokens as many chains share as can have the answer."""
    votes: int = 10
    """Chains from which groups that vote are made."""
    pool: int = 16
    """Chains as long as the model likes, from which rejection takes those that fit."""
    revised: int = 4
    """Chains of each problem at the largest budget: what each continuation does is known to .006."""

    def budgets(self, name: str) -> tuple[int, ...]:
        return self.serial if name == "help" else self.short

    def shared(self, name: str) -> tuple[int, ...]:
        return self.serial_shared if name == "help" else self.short_shared

    def walk(self, name: str) -> int:
        """Tokens of the shortest chain that can have the answer."""
        return self.hops if name == "help" else 1


SMALL = Config()
PRESETS = {
    "smoke": smoke(
        SMALL,
        serial=(1, 3, 11),
        short=(1, 5, 9),
        serial_shared=(5, 9),
        short_shared=(5, 9),
        votes=4,
        pool=4,
        revised=1,
    ),
    "small": SMALL,
    "full": full(SMALL),
}


class Scaling(NamedTuple):
    """One way to spend a budget of tokens, at each of `m` budgets; arrays with a leading axis of seeds."""

    accuracy: np.ndarray  # (s, m)
    slope: np.ndarray  # points of accuracy a token, over all pairs of budgets: (s,)
    per_doubling: np.ndarray  # accuracy a doubling of the budget, from the walk on: (s,)
    best: np.ndarray  # accuracy at the best of the budgets: (s,)
    control: (
        np.ndarray
    )  # share of chains that think within a token of what they were to, or of problems with one that fits


class Revised(NamedTuple):
    """What the continuations of the longest forced chains did to drafts; arrays (s, continuations) or (s,)."""

    broken: np.ndarray  # share of right drafts turned wrong, of all: (s, continuations)
    mended: np.ndarray  # share of wrong drafts turned right, of all: (s, continuations)
    last: np.ndarray  # accuracy of the last draft: (s,)
    majority: np.ndarray  # of the most frequent draft
    verifier: np.ndarray  # of an exact verifier's choice among the drafts


class Votes(NamedTuple):
    """One forced chain against a vote of chains that share its tokens; arrays with a leading axis of seeds."""

    tokens: np.ndarray  # of the chain, its answer included: (s, rows), the same for all seeds
    chains: np.ndarray  # that vote: (s, rows), the same for all seeds
    lead: np.ndarray  # accuracy of the chain less the vote's, on either half of the problems: (s, 2, rows)
    flops: np.ndarray  # a problem, of the chain and of those that vote: (s, 2, rows)


@dataclass(frozen=True)
class Family:
    """Problems on which thinking longer helps, hurts or mends."""

    budgets: tuple[int, ...]
    forced: Scaling
    never_seen: Scaling
    """Forced, by models that never saw a continuation in training."""
    prompt: Scaling
    """Chains whose prompts tell them how long to think."""
    rejection: Scaling
    """The first chain that is no longer than the budget."""
    revised: Revised
    votes: Votes


@dataclass(frozen=True)
class Measured:
    families: Mapping[str, Family]
    walk: int
    """Tokens of the shortest serial chain that can have the answer, which is included."""
    learned: np.ndarray
    """Accuracy of the whole serial walk on the problems of the gate: (s,)."""
    learned_never_seen: np.ndarray


def run(config: Config, lab: Lab) -> Measured:
    seen, never_seen = config.fit(lab), config.fit(lab, waits=False)
    gated = gate_split(config.test)[0]
    walks = (config.spent(lab, runs, "help", config.walk("help")).of(gated) for runs in (seen, never_seen))
    families = {name: _family(config, lab, seen, never_seen, name) for name in FAMILIES}
    return Measured(families, config.walk("help") + END, *(walk.right.mean(axis=(1, 2)) for walk in walks))


def _family(config: Config, lab: Lab, seen: Runs, never_seen: Runs, name: str) -> Family:
    judged, budgets = gate_split(config.test)[1], config.budgets(name)

    def forced(runs: Runs) -> Scaling:
        chains = [config.spent(lab, runs, name, budget).of(judged) for budget in budgets]
        return scaling(budgets, config.walk(name), curve(chains), control(chains, budgets))

    longest = config.spent(lab, seen, name, budgets[-1], samples=config.revised).of(judged)
    return Family(
        budgets,
        forced(seen),
        forced(never_seen),
        _prompted(config, lab, seen, name),
        _rejected(config, lab, seen, name),
        revised(longest),
        _against_votes(config, lab, seen, name),
    )


def scaling(budgets: tuple[int, ...], walk: int, curve: np.ndarray, control: np.ndarray) -> Scaling:
    """Of accuracies (m, s, n) at budgets (m,)."""
    accuracy, start = curve.mean(axis=2).T, budgets.index(walk)
    return Scaling(
        accuracy,
        100 * pairwise_slope(np.array(budgets), accuracy),
        slope(np.log2(budgets[start:]), accuracy[:, start:]),
        largest(*halves(np.moveaxis(curve, 0, 1))),
        control,
    )


def curve(chains: list[Chains]) -> np.ndarray:
    """Accuracy of one chain a problem at each budget: float (m, s, n)."""
    return np.stack([at_budget.right.mean(axis=2) for at_budget in chains])


def control(chains: list[Chains], budgets: tuple[int, ...]) -> np.ndarray:
    """Share of chains that think within a token of what they were to (s1, section 3.2), float (s,)."""
    pairs = zip(chains, budgets, strict=True)
    return np.mean([(np.abs(part.thought - budget) <= 1).mean(axis=(1, 2)) for part, budget in pairs], axis=0)


def _prompted(config: Config, lab: Lab, runs: Runs, name: str) -> Scaling:
    """Chains of prompts that tell the number of re-checks nearest to each budget."""
    judged, budgets, walk = gate_split(config.test)[1], config.budgets(name), config.walk(name)
    counts = [min(config.most, max(0, (budget - walk) // 2)) for budget in budgets]
    chains = [config.ask(lab, runs, name, asked=count, label=f"{count} re-checks told").of(judged) for count in counts]
    return scaling(budgets, walk, curve(chains), control(chains, budgets))


def _rejected(config: Config, lab: Lab, runs: Runs, name: str) -> Scaling:
    """The first of many chains, as long as the model likes, that thinks no longer than each budget: accuracy, expected over
    the pool, and the share of problems in which any fits. None that fits is no answer."""
    judged, budgets = gate_split(config.test)[1], config.budgets(name)
    pool = config.ask(lab, runs, name, samples=config.pool).of(judged)
    fits = np.stack([pool.thought <= budget for budget in budgets])  # (m, s, n, k)
    accuracy = (fits & pool.right).sum(axis=3) / np.maximum(fits.sum(axis=3), 1)
    return scaling(budgets, config.walk(name), accuracy, fits.any(axis=3).mean(axis=(0, 2)))


def revised(longest: Chains) -> Revised:
    """What each continuation of the longest forced chains did, and ways to choose among their drafts."""
    broke, mended = (turned.mean(axis=(1, 2)) for turned in flips(longest.drafts, longest.target[..., None]))
    chosen = picks(longest.drafts, np.broadcast_to(longest.target[..., None], longest.right.shape))
    return Revised(broke, mended, *(chosen[how].mean(axis=(1, 2)) for how in ("last", "majority", "verifier")))


def _against_votes(config: Config, lab: Lab, runs: Runs, name: str) -> Votes:
    """Two chains share the tokens of one for serial problems, else as many as can have the answer."""
    judged, walk, rows = gate_split(config.test)[1], config.walk(name), []
    for budget in config.shared(name):
        tokens = budget + END
        count = 2 if name == "help" else tokens // (walk + END)
        share = tokens // count - END
        share -= max(0, share - walk) % 2  # not to stop between a continuation and its draft
        single = config.spent(lab, runs, name, budget).of(judged)
        pool = config.spent(lab, runs, name, share, samples=config.votes).of(judged)
        groups = pool.answer_ids[..., : config.votes // count * count]
        groups = groups.reshape(*groups.shape[:2], -1, count)
        vote = plurality(groups, pool.target[..., None]).mean(axis=2)
        lead = np.stack(halves(single.right.mean(axis=2) - vote), axis=1)
        prompt_len = pool.samples.batch.prompt_len.reshape(pool.target.shape)
        written = (single.samples.completions, pool.samples.completions[:, :, :count])
        flops = [bill(tokens_of, prompt_len, size(runs.model)).flops.mean(axis=1) for tokens_of in written]
        seeds = np.ones(len(lead), int)
        rows.append(Votes(tokens * seeds, count * seeds, lead, np.stack(flops, axis=1)))
    return Votes(*(np.stack(parts, axis=-1) for parts in zip(*rows, strict=True)))


def check(measured: Measured) -> list[Check]:
    help_, hurt, mend = (measured.families[name] for name in FAMILIES)
    walked = Gate("help: the whole walk", measured.learned, 0.95, inf, "it learned")
    walked_never_seen = Gate("help, never seen: the whole walk", measured.learned_never_seen, 0.95, inf, "it learned")
    seen, never_seen = (walked,), (walked_never_seen,)
    net = hurt.revised.mended - hurt.revised.broken
    leads = help_.votes.lead
    fits = (help_.votes.tokens[0] >= measured.walk) & (help_.votes.tokens[0] < 2 * measured.walk)
    return [
        at_least("help: scaling of forcing", help_.forced.slope, 0.0, "s1: above 0 is useful", gates=seen),
        at_least("mend: scaling of forcing", mend.forced.slope, 0.0, "re-checks mend", gates=seen),
        at_most("hurt: scaling of forcing", hurt.forced.slope, 0.0, "re-checks break", gates=seen),
        at_least(
            "help: performance, forced - prompt",
            help_.forced.best - help_.prompt.best,
            -0.02,
            "s1: 56.7 against 40.0; less than 2 points is even",
            gates=seen,
        ),
        at_least(
            "mend: performance, forced - prompt",
            mend.forced.best - mend.prompt.best,
            -0.02,
            "s1: 56.7 against 40.0; less than 2 points is even",
            gates=seen,
        ),
        at_most("hurt: scaling of rejection", hurt.rejection.slope, 0.0, "s1: -35", gates=seen),
        at_least(
            "mend: scaling of rejection",
            mend.rejection.slope,
            0.0,
            "s1 has no such task; longer chains were re-checked more",
            gates=seen,
        ),
        at_least("mend, seen: accuracy a doubling", mend.forced.per_doubling, 0.05, "the dials say .09", gates=seen),
        at_most(
            "mend, never seen: accuracy a doubling",
            mend.never_seen.per_doubling,
            0.01,
            "nothing to gain",
            gates=never_seen,
        ),
        at_most(
            "help, never seen: accuracy a doubling, from the walk on",
            help_.never_seen.per_doubling,
            0.01,
            "nothing to gain",
            gates=never_seen,
        ),
        near(
            "help, seen: accuracy a doubling, from the walk on",
            help_.forced.per_doubling,
            0.0,
            0.01,
            "re-checks change nothing there; s1 is flat by six continuations",
            gates=seen,
        ),
        at_most("hurt: mended - broken by the first continuation", net[:, 0], -0.1, "the dials say -.21", gates=seen),
        near(
            "hurt: mended - broken by the last continuation",
            net[:, -1],
            0.0,
            0.02,
            "the fixed point is reached",
            gates=seen,
        ),
        at_most(
            "hurt, most tokens: one chain - vote",
            hurt.votes.lead[..., -1].mean(axis=1),
            -0.3,
            "2506.04210: 70 against 92; the dials say -.6",
            gates=seen,
        ),
        at_least(
            "mend: verifier - last, among the drafts of a chain",
            mend.revised.verifier - mend.revised.last,
            0.05,
            "revisions lose right drafts (38 % in 2408.03314), so a verifier within the chain is worth something",
            gates=seen,
        ),
        at_least(
            "help, tokens for one walk and not for two: one chain - vote of two, least",
            leads[..., fits].mean(axis=1).min(axis=1),
            0.5,
            "2505.21825: half of the walk is no walk",
            gates=seen,
        ),
        at_most(
            "help, tokens for no walk or for two: one chain - vote of two, largest of either sign",
            largest_gap(leads[:, 0][:, ~fits], leads[:, 1][:, ~fits]),
            0.05,
            "neither can finish, or both",
            gates=seen,
        ),
    ]


def figures(measured: Measured) -> list[Figure]:
    families = measured.families
    effects = {"help": "can solve", "hurt": "spoils", "mend": "mends"}
    continuations = range(families["hurt"].revised.broken.shape[1])
    turned = {
        f"{name}, {what}": getattr(families[name].revised, what)
        for name in ("hurt", "mend")
        for what in ("broken", "mended")
    }
    return [
        *(
            Curves(
                name=f"budget_forcing_{name}",
                title=f"Tokens of thinking, forced or chosen: problems that more thinking {effect}",
                x_label="budget, tokens of thinking",
                y_label="accuracy",
                x=families[name].budgets,
                measured={
                    "forced": families[name].forced.accuracy,
                    "never seen": families[name].never_seen.accuracy,
                    "prompt": families[name].prompt.accuracy,
                    "rejection": families[name].rejection.accuracy,
                },
                theory={},
                log_x=True,
                ticks=[str(budget) for budget in families[name].budgets],
            )
            for name, effect in effects.items()
        ),
        Bars(
            name="budget_forcing_flips",
            title="What each continuation does to a draft",
            y_label="share of problems",
            groups=[str(place + 1) for place in continuations],
            measured=turned,
            theory={},
        ),
        _regimes(measured),
    ]


def _regimes(measured: Measured) -> Figure:
    """Both papers in one plot: the lead of one chain over votes at equal tokens."""
    votes = {name: measured.families[name].votes for name in FAMILIES}
    x = sorted({int(tokens) for row in votes.values() for tokens in row.tokens[0]})
    labels = {
        "help": "several hops, two share (2505.21825)",
        "hurt": "one hop, re-checks break it (2506.04210)",
        "mend": "one hop, re-checks mend it",
    }

    def lead(row: Votes) -> np.ndarray:
        """At every number of tokens, nan where it was not measured: float (s, x)."""
        wide = np.full((len(row.lead), len(x)), np.nan)
        wide[:, [x.index(tokens) for tokens in row.tokens[0]]] = row.lead.mean(axis=1)
        return wide

    return Curves(
        name="budget_forcing_regimes",
        title="One long chain wins while shares of it cannot finish, votes win once they can",
        x_label="tokens written to a problem, in all",
        y_label="accuracy of one forced chain - of the vote",
        x=x,
        measured={labels[name]: lead(row) for name, row in votes.items()},
        theory={"even": [0.0] * len(x)},
    )
