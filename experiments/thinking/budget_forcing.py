"""Forced thinking is worth what training taught a continuation to do, and votes beat it once a problem is finished.

Source       Muennighoff et al., arXiv:2501.19393 (s1: budget forcing; control, scaling, performance), with Mirtaheri et al.,
             arXiv:2505.21825 (one long chain beats many short ones) and Ghosal et al., arXiv:2506.04210 (the reverse)
Prediction   Every chain thinks exactly the budget: its end is suppressed and `<wait>` written until then, and forced there.
             Control is 1 by construction. Scaling, the mean slope over all pairs of budgets, is above 0 where the
             problem is serial (six hops; shorter chains cannot have the answer) and where re-checks mend, below 0 where
             they break: the same decoder, the sign is the training's. Where `<wait>` was never seen in training there is
             nothing to gain. s1 finds forcing better than prompts that tell a length (56.7 against 40.0) and rejection
             sampling by length worse the longer it gets (-35); our models were trained on such prompts, so equality is
             enough, and length was random in training, so rejection follows what re-checks do: down in one class, up in
             the other. At equal tokens one chain beats two while it fits and they do not; where a first draft is all
             there is to it, five short chains and a vote beat one that re-checks.
Refuted if   Control is not 1, a slope has the wrong sign, forcing is .02 worse than prompts at its best, a model that
             never saw `<wait>` gains .01 a doubling, or at equal tokens either comparison goes the other way.
Run          alchemy reproduce budget_forcing --preset small      # three minutes after overthinking
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from alchemy.decoding.forcing import bill
from alchemy.lab.lab import Lab
from alchemy.learning.train import Runs
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
    near,
)
from alchemy.report.former_figures import Bars, Curves, Figure
from alchemy.stats.measure import Interval, paired_difference, two_level
from alchemy.testtime.revision import flips, picks, plurality
from experiments.thinking.rechecks import (
    FULL,
    SMALL,
    SMOKE,
    Chains,
    Setting,
)

CLAIM = Claim(
    sentence="Forced thinking is worth what training taught a continuation to do; once a problem is finished, votes win.",
    source="arXiv:2501.19393, with 2505.21825 and 2506.04210",
    prediction="scaling above 0 for serial problems and drafts that are mended, below 0 for broken ones, none if never seen",
    refuted_if="a slope with the wrong sign, a gain of .01 a doubling without training, or either vote the other way",
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

    def budgets(self, name: str) -> tuple[int, ...]:
        return self.serial if name == "help" else self.short

    def shared(self, name: str) -> tuple[int, ...]:
        return self.serial_shared if name == "help" else self.short_shared

    def walk(self, name: str) -> int:
        """Tokens of the shortest chain that can have the answer."""
        return self.hops if name == "help" else 1


PRESETS = {
    "smoke": Config(
        **SMOKE,
        serial=(1, 2, 3, 7, 11),
        short=(1, 3, 5, 9),
        serial_shared=(3, 5, 9),
        short_shared=(5, 9),
        votes=4,
        pool=4,
    ),
    "small": Config(**SMALL),
    "full": Config(**FULL),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    seen, never = config.fit(lab), config.fit(lab, waits=False)
    measured: dict[str, Any] = {"budgets": {name: list(config.budgets(name)) for name in FAMILIES}}
    measured["tokens of a walk"] = config.walk("help") + END
    for name in FAMILIES:
        budgets, start = config.budgets(name), config.budgets(name).index(config.walk(name))
        forced = [config.spent(lab, seen, name, budget) for budget in budgets]
        unseen = [config.spent(lab, never, name, budget) for budget in budgets]
        others = {"prompt": _told(config, lab, seen, name), "rejection": _rejected(config, lab, seen, name)}
        right = {"forced": _curve(forced), "never seen": _curve(unseen), **{arm: one[0] for arm, one in others.items()}}
        measured[name] = {
            "accuracy": {arm: [two_level(each, 0) for each in curve] for arm, curve in right.items()},
            "control": {"forced": _control(forced, budgets)} | {arm: one[1] for arm, one in others.items()},
            "scaling": {arm: two_level(_scaling(budgets, curve), 0) for arm, curve in right.items()},
            "per doubling": {arm: two_level(_doubling(budgets, curve), 0) for arm, curve in right.items()},
            "per doubling, from the walk on": {
                arm: two_level(_doubling(budgets[start:], right[arm][start:]), 0) for arm in ("forced", "never seen")
            },
            "performance": {arm: _best(curve) for arm, curve in right.items()},
            "performance, forced - prompt": _lead(right["forced"], right["prompt"]),
            **_revised(config, forced[-1]),
            "against votes": _against_votes(config, lab, seen, name),
        }
    return measured


def _curve(chains: list[Chains]) -> np.ndarray:
    """Accuracy of one chain a problem at each budget: float (m, s, n)."""
    return np.stack([one.right.mean(axis=2) for one in chains])


def _told(config: Config, lab: Lab, runs: Runs, name: str) -> tuple[np.ndarray, Interval]:
    """Chains of prompts that tell the number of re-checks nearest to each budget: accuracy, and control."""
    counts = [min(config.most, max(0, (budget - config.walk(name)) // 2)) for budget in config.budgets(name)]
    chains = [config.ask(lab, runs, name, asked=count, label=f"{count} re-checks told") for count in counts]
    return _curve(chains), _control(chains, config.budgets(name))


def _rejected(config: Config, lab: Lab, runs: Runs, name: str) -> tuple[np.ndarray, Interval]:
    """The first of many chains, as long as the model likes, that thinks no longer than each budget: accuracy, expected over
    the pool, and the share of problems in which any fits. None that fits is no answer."""
    pool = config.ask(lab, runs, name, samples=config.pool)
    fits = np.stack([pool.thought <= budget for budget in config.budgets(name)])  # (m, s, n, k)
    accuracy = (fits & pool.right).sum(axis=3) / np.maximum(fits.sum(axis=3), 1)
    return accuracy, two_level(fits.any(axis=3).mean(axis=0), 0)


def _control(chains: list[Chains], budgets: tuple[int, ...]) -> Interval:
    """Share of chains that think within a token of what they were to (s1, section 3.2)."""
    hits = [np.abs(one.thought - budget).mean(axis=2) <= 1 for one, budget in zip(chains, budgets, strict=True)]
    return two_level(np.mean(hits, axis=0), 0)


def _scaling(budgets: tuple[int, ...], curve: np.ndarray) -> np.ndarray:
    """Points of accuracy a token: the mean slope over all pairs of budgets (s1, section 3.2), float (s, n)."""
    pairs = combinations(range(len(budgets)), 2)
    return 100 * np.mean([(curve[b] - curve[a]) / (budgets[b] - budgets[a]) for a, b in pairs], axis=0)


def _doubling(budgets: tuple[int, ...], curve: np.ndarray) -> np.ndarray:
    """Accuracy a doubling of the budget, by least squares over the grid: float (s, n)."""
    x = np.log2(budgets) - np.log2(budgets).mean()
    return np.einsum("m,msn->sn", x / (x**2).sum(), curve)


def _best(curve: np.ndarray) -> Interval:
    """Performance: the accuracy at the best of the budgets (s1, section 3.2)."""
    return two_level(curve[curve.mean(axis=(1, 2)).argmax()], 0)


def _lead(one: np.ndarray, other: np.ndarray) -> Interval:
    """Best against best."""
    return paired_difference(*(curve[curve.mean(axis=(1, 2)).argmax()] for curve in (one, other)), 0)


def _revised(config: Config, longest: Chains) -> dict[str, Any]:
    """What each continuation of the longest forced chains did, and ways to choose among their drafts."""
    broke, mended = (one.mean(axis=2) for one in flips(longest.drafts, longest.target[:, None]))  # (s, n, most)
    chosen = picks(longest.drafts, np.broadcast_to(longest.target[:, None], longest.right.shape))
    each = range(config.most)
    return {
        "broken": [two_level(broke[..., place], 0) for place in each],
        "mended": [two_level(mended[..., place], 0) for place in each],
        "net": [two_level(mended[..., place] - broke[..., place], 0) for place in each],
        "drafts": {how: two_level(one.mean(axis=2), 0) for how, one in chosen.items()},
    }


def _against_votes(config: Config, lab: Lab, runs: Runs, name: str) -> dict[str, list[Any]]:
    """One forced chain against a vote of chains that share its tokens: two for serial problems, else as many as can have
    the answer."""
    walk, rows = config.walk(name), []
    for budget in config.shared(name):
        tokens = budget + END
        count = 2 if name == "help" else tokens // (walk + END)
        each = tokens // count - END
        each -= max(0, each - walk) % 2  # not to stop between a continuation and its draft
        one = config.spent(lab, runs, name, budget)
        pool = config.spent(lab, runs, name, each, samples=config.votes)
        groups = pool.said[..., : config.votes // count * count]
        groups = groups.reshape(*groups.shape[:2], -1, count)
        vote, single = plurality(groups, pool.target[:, None]).mean(axis=2), one.right.mean(axis=2)
        written = (one.samples.completions, pool.samples.completions[:, :, :count])
        bills = [bill(each, pool.samples.batch.prompt_len, lab.size(runs.model)) for each in written]
        rows.append(
            {
                "tokens": tokens,
                "chains": count,
                "one": two_level(single, 0),
                "vote": two_level(vote, 0),
                "one - vote": paired_difference(single, vote, 0),
                "flops": [float(each.flops.mean()) for each in bills],
            }
        )
    return {column: [row[column] for row in rows] for column in rows[0]}


def check(measured: Mapping[str, Any]) -> list[Check]:
    help_, hurt, mend = (measured[name] for name in FAMILIES)
    fits = 2  # the third budget is the walk's own
    doubling, lead = "per doubling, from the walk on", "performance, forced - prompt"
    shared, walk = help_["against votes"], measured["tokens of a walk"]
    checks = [
        at_least("help: the whole walk", help_["accuracy"]["forced"][fits], 0.95, "it learned", precondition=True),
        at_least(
            "help, never seen: the whole walk",
            help_["accuracy"]["never seen"][fits],
            0.95,
            "it learned",
            precondition=True,
        ),
        *(
            at_least(
                f"{name}: control of forcing", measured[name]["control"]["forced"], 0.99, "s1: 100 %; by construction"
            )
            for name in FAMILIES
        ),
        at_least("help: scaling of forcing", help_["scaling"]["forced"], 0.0, "s1: above 0 is useful"),
        at_least("mend: scaling of forcing", mend["scaling"]["forced"], 0.0, "re-checks mend"),
        at_most("hurt: scaling of forcing", hurt["scaling"]["forced"], 0.0, "re-checks break"),
        at_least(
            "help: performance, forced - prompt",
            help_[lead],
            -0.02,
            "s1: 56.7 against 40.0; less than 2 points is even",
        ),
        at_least(
            "mend: performance, forced - prompt", mend[lead], -0.02, "s1: 56.7 against 40.0; less than 2 points is even"
        ),
        at_most("hurt: scaling of rejection", hurt["scaling"]["rejection"], 0.0, "s1: -35"),
        at_least(
            "mend: scaling of rejection",
            mend["scaling"]["rejection"],
            0.0,
            "s1 has no such task; longer chains were re-checked more",
        ),
        at_least("mend, seen: accuracy a doubling", mend[doubling]["forced"], 0.05, "the dials say .09"),
        at_most("mend, never seen: accuracy a doubling", mend[doubling]["never seen"], 0.01, "nothing to gain"),
        at_most(
            "help, never seen: accuracy a doubling, from the walk on",
            help_[doubling]["never seen"],
            0.01,
            "nothing to gain",
        ),
        near(
            "help, seen: accuracy a doubling, from the walk on",
            help_[doubling]["forced"],
            0.0,
            0.01,
            "re-checks change nothing there; s1 is flat by six continuations",
        ),
        at_most("hurt: mended - broken by the first continuation", hurt["net"][0], -0.1, "the dials say -.21"),
        near(
            "hurt: mended - broken by the last continuation", hurt["net"][-1], 0.0, 0.02, "the fixed point is reached"
        ),
        at_most(
            "hurt, most tokens: one chain - vote",
            hurt["against votes"]["one - vote"][-1],
            -0.3,
            "2506.04210: 70 against 92; the dials say -.6",
        ),
        at_least(
            "mend: verifier - last, among the drafts of a chain",
            _over(mend["drafts"], "verifier", "last"),
            0.05,
            "revisions lose right drafts (38 % in 2408.03314), so a verifier within the chain is worth something",
        ),
    ]
    for tokens, gap in zip(shared["tokens"], shared["one - vote"], strict=True):
        name = f"help, {tokens} tokens: one chain - vote of two"
        if walk <= tokens < 2 * walk:
            checks.append(at_least(name, gap, 0.5, "2505.21825: half of the walk is no walk"))
        else:
            checks.append(near(name, gap, 0.0, 0.05, "neither can finish, or both"))
    return checks


def _over(drafts: Mapping[str, Interval], one: str, other: str) -> Interval:
    """A bound on the difference of two ways to choose that are known on the same chains."""
    a, b = drafts[one], drafts[other]
    return Interval(a.mean - b.mean, a.low - b.high, a.high - b.low, a.n, a.seeds)


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    shown = [
        Curves(
            name=f"budget_forcing_{name}",
            title=f"Tokens of thinking, forced or chosen: problems that more thinking {what}",
            x_label="budget, tokens of thinking",
            y_label="accuracy",
            x=measured["budgets"][name],
            measured=measured[name]["accuracy"],
            theory={},
            log_x=True,
            ticks=[str(budget) for budget in measured["budgets"][name]],
        )
        for name, what in (("help", "can solve"), ("hurt", "spoils"), ("mend", "mends"))
    ]
    continuations = range(len(measured["hurt"]["broken"]))
    turned = Bars(
        name="budget_forcing_flips",
        title="What each continuation does to a draft",
        y_label="share of problems",
        groups=[str(place + 1) for place in continuations],
        measured={
            f"{name}, {what}": measured[name][what] for name in ("hurt", "mend") for what in ("broken", "mended")
        },
        theory={},
    )
    return [*shown, turned, _regimes(measured)]


def _regimes(measured: Mapping[str, Any]) -> Figure:
    """Both papers in one plot: the lead of one chain over votes at equal tokens."""
    rows = {name: measured[name]["against votes"] for name in FAMILIES}
    x = sorted({tokens for row in rows.values() for tokens in row["tokens"]})
    gap = Interval(float("nan"), float("nan"), float("nan"), 0, 0)
    names = {
        "help": "several hops, two share (2505.21825)",
        "hurt": "one hop, re-checks break it (2506.04210)",
        "mend": "one hop, re-checks mend it",
    }
    return Curves(
        name="budget_forcing_regimes",
        title="One long chain wins while shares of it cannot finish, votes win once they can",
        x_label="tokens written to a problem, in all",
        y_label="accuracy of one forced chain - of the vote",
        x=x,
        measured={
            names[name]: [dict(zip(row["tokens"], row["one - vote"], strict=True)).get(tokens, gap) for tokens in x]
            for name, row in rows.items()
        },
        theory={"even": [0.0] * len(x)},
    )
