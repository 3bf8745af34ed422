"""What of the advantage of one long chain over many short ones is left on other graphs, and beside a verifier.

Source       Ours, against Mirtaheri, Edelman, Jelassi, Malach, Boix-Adsera, arXiv:2505.21825: its models are tested on the
             graphs they were trained on, its chains are selected by majority or an exact verifier in different figures,
             and chains of different styles are compared at equal number, not at equal tokens.
Prediction   Chains of models trained on searches against chains of models trained on paths, as many of these as cost the
             same nodes in all, by majority, by an exact verifier, and as pass@k. In distribution the search wins by at
             least .1 by majority: the gate of what rests on it. On unseen names, deeper bridges and other families half
             of that or less is left: what was learned is a search of these graphs. In distribution a verifier buys it
             back at this depth: with the nodes of eight searches the gap is under .05. (That layers do not replace the
             chain was a check here, and is a claim of its own: `looped_layers`.)
             One number a seed for all shifts of the models trained at one depth: the most that is left over half of the
             advantage in distribution, the shift chosen on one half of the graphs and measured on the other.
Refuted if   The advantage under some shift is more than half of that in distribution, or the verified gap at eight searches
             is over .05, in most seeds.
Run          alchemy reproduce durable_advantage --preset small      # after depth_law, whose models it shares
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.selection import largest
from experiments.graph_search.bridges import FULL, SMOKE, Chains, Setting, by_seed
from tasks.connectivity import Connectivity

CLAIM = Claim(
    sentence="The advantage of one long chain is a skill on its own graphs: shifts halve it, and a verifier buys it back.",
    source="ours, against arXiv:2505.21825",
    prediction="at equal nodes search wins by .1 in distribution, by half of that or less on any shift; a verifier closes it",
    refuted_if="over half of the advantage left on a shift, or a verified gap over .05",
    question="Where does reasoning stop?",
    among="models with an advantage of .1 to lose",
)
SELECTORS = ("majority", "verified", "pass@k")
HOME = "in distribution"


@dataclass(frozen=True)
class Config(Setting):
    shifts: tuple[tuple[int, str], ...] = (
        (1, "depth=2"),
        (1, "names=2"),
        (2, "depth=3+petals=2,3,1"),
        (2, "depth=4+petals=2,3,1"),
        (2, "names=2"),
        (2, "family=tree"),
        (2, "family=gnm"),
    )
    """Depth trained on, and what changes in the test; the small petals leave room for depth among the names."""
    searches: int = 8
    """Beside one search, the budget at which a verifier is to have bought the advantage back, in the nodes of so many."""
    shift_graphs: int = 250
    """Held-out graphs of each seed in each of these tests, of which gates read as many more in distribution."""
    shift_chains: int = 16
    """Chains of each graph in these tests: as many paths as cost eight searches."""

    def __post_init__(self) -> None:
        for depth, name in self.shifts:  # not after the training
            self.shifted(self.task("path", depth), name)

    def shifted(self, task: Connectivity, name: str) -> Connectivity:
        """The task under the shift of that name; raises `UserError` if there is none."""
        return task if name == HOME else task.shift(name)(task)

    def test(self, lab: Lab, depth: int, name: str) -> tuple[Rivals, Rivals]:
        """Searches and paths on the graphs of one shift, and on those that gates read."""
        graphs = {"pool_graphs": self.shift_graphs, "gate_graphs": self.shift_graphs if name == HOME else 0}
        setting, parts = replace(self, **graphs), []
        for trace in ("dfs", "path"):
            runs = self.fit(lab, trace, depth)
            parts.append(setting.pool(lab, runs, self.shifted(runs.task, name), size=self.shift_chains))
        (search, search_gate), (path, path_gate) = parts
        return Rivals(search, path), Rivals(search_gate, path_gate)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        **SMOKE,
        shifts=((1, "depth=2"), (1, "names=2")),
        searches=2,
        shift_graphs=32,
        shift_chains=4,
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        **FULL,
        shifts=(
            (3, "depth=4"),
            (3, "depth=5"),
            (3, "names=2"),
            (3, "family=tree"),
            (3, "family=gnm"),
            (3, "family=two-path"),
            (1, "depth=2"),
            (1, "depth=3"),
            (1, "names=2"),
        ),
        shift_graphs=2000,
    ),
}


@dataclass(frozen=True)
class Rivals:
    """Chains of models trained on searches, and of models trained on paths."""

    search: Chains
    path: Chains

    def halves(self) -> list[Rivals]:
        """On the first and on the second half of each seed's graphs."""
        return [Rivals(*half) for half in zip(self.search.halves(), self.path.halves(), strict=True)]

    def paths(self, searches: int) -> np.ndarray:
        """How many paths list as many nodes as so many searches do, within the pool: float (s,)."""
        count = searches * by_seed(self.search.length) / np.maximum(by_seed(self.path.length), 1e-9)
        return count.clip(1, self.path.size)

    def advantage(self, selector: str, searches: int = 1) -> np.ndarray:
        """Accuracy of that many searches less that of paths of as many nodes, by what selects: float (s,)."""
        sizes = np.arange(1, self.path.size + 1)
        curves = np.stack([_accuracy(self.path, selector, size) for size in sizes], axis=1)  # (s, sizes)
        path = [np.interp(count, sizes, curve) for count, curve in zip(self.paths(searches), curves, strict=True)]
        return _accuracy(self.search, selector, searches) - np.array(path)


def _accuracy(chains: Chains, selector: str, size: int) -> np.ndarray:
    """Of so many chains, float (s,)."""
    if selector == "majority":
        return by_seed(chains.majority_of(size))
    any_of = by_seed(chains.any_of(size))
    return (1 + any_of) / 2 if selector == "verified" else any_of


@dataclass(frozen=True)
class Comparison:
    """One test of the models trained at one depth; arrays (s,)."""

    depth: int
    shift: str
    search_evidence: np.ndarray
    path_evidence: np.ndarray
    search_any: np.ndarray
    """Any chain of the pool is evidence."""
    path_any: np.ndarray
    advantage: dict[str, np.ndarray]
    """Of one search, by what selects."""
    verified_advantage: np.ndarray
    """At the budget of several searches."""


@dataclass(frozen=True)
class Measured:
    """Arrays (s,), by the depth that was trained on where they are several."""

    searches: int
    tests: tuple[Comparison, ...]
    advantage: dict[int, np.ndarray]
    """Of one search by majority in distribution, on the graphs of gates."""
    left_over_half: dict[int, np.ndarray]
    """The most that a shift leaves of the advantage, less half of the advantage in distribution."""


def run(config: Config, lab: Lab) -> Measured:
    tests, advantage, left_over_half = [], {}, {}
    for depth in sorted({depth for depth, _ in config.shifts}):
        home, gate = config.test(lab, depth, HOME)
        shifts = {name: config.test(lab, depth, name)[0] for at, name in config.shifts if at == depth}
        tests += [_comparison(depth, name, rivals, config.searches) for name, rivals in {HOME: home, **shifts}.items()]
        advantage[depth] = gate.advantage("majority")
        half = [rivals.advantage("majority") / 2 for rivals in home.halves()]
        left = [[part.advantage("majority") for part in rivals.halves()] for rivals in shifts.values()]
        over = [
            np.stack(rows, axis=1) - less[:, None] for rows, less in zip(zip(*left, strict=True), half, strict=True)
        ]
        left_over_half[depth] = largest(*over)
    return Measured(
        searches=config.searches,
        tests=tuple(tests),
        advantage=advantage,
        left_over_half=left_over_half,
    )


def _comparison(depth: int, shift: str, rivals: Rivals, searches: int) -> Comparison:
    return Comparison(
        depth=depth,
        shift=shift,
        search_evidence=by_seed(rivals.search.valid),
        path_evidence=by_seed(rivals.path.valid),
        search_any=by_seed(rivals.search.any_of(rivals.search.size)),
        path_any=by_seed(rivals.path.any_of(rivals.path.size)),
        advantage={selector: rivals.advantage(selector) for selector in SELECTORS},
        verified_advantage=rivals.advantage("verified", searches),
    )


def check(measured: Measured) -> list[Check]:
    checks = []
    for depth, values in measured.left_over_half.items():
        lead = Gate(
            f"trained at {depth}: advantage by majority",
            measured.advantage[depth],
            0.1,
            inf,
            "there is something to lose",
        )
        [home] = [test for test in measured.tests if (test.depth, test.shift) == (depth, HOME)]
        checks += [
            at_most(
                f"trained at {depth}: verified advantage of {measured.searches} searches",
                home.verified_advantage,
                0.05,
                "a verifier buys it back",
                gates=[lead],
            ),
            at_most(
                f"trained at {depth}: advantage - half of home's, the most over shifts",
                values,
                0.0,
                "half of it is lost",
                gates=[lead],
            ),
        ]
    return checks


def figures(measured: Measured) -> list[Figure]:
    tests = measured.tests
    home = [test for test in tests if test.shift == HOME]

    def stacked(values: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack(values, axis=1)

    return [
        Bars(
            name="durable_advantage",
            title="Accuracy of searches less that of paths of as many nodes, by shift",
            y_label="advantage",
            groups=[_group(test) for test in tests],
            measured={
                "1 search, majority": stacked([test.advantage["majority"] for test in tests]),
                "1 search, verified": stacked([test.advantage["verified"] for test in tests]),
                f"{measured.searches} searches, verified": stacked([test.verified_advantage for test in tests]),
            },
            theory={},
        ),
        Bars(
            name="durable_advantage_evidence",
            title="Evidence of one sampled chain, and of any of the pool",
            y_label="evidence",
            groups=[_group(test) for test in tests],
            measured={
                "search, one": stacked([test.search_evidence for test in tests]),
                "search, any": stacked([test.search_any for test in tests]),
                "path, one": stacked([test.path_evidence for test in tests]),
                "path, any": stacked([test.path_any for test in tests]),
            },
            theory={},
        ),
        Curves(
            name="durable_advantage_selectors",
            title="In distribution: searches against paths of as many nodes, by what selects",
            x_label="depth trained on",
            y_label="advantage of one search",
            x=[test.depth for test in home],
            measured={selector: stacked([test.advantage[selector] for test in home]) for selector in SELECTORS},
            theory={},
        ),
    ]


def _group(test: Comparison) -> str:
    """The name of a test, short enough to stand under its bars."""
    short = {HOME: "home", "family=": "", "+petals=": "\n"}
    return reduce(lambda text, part: text.replace(part, short[part]), short, test.shift) + f"\n(at {test.depth})"
