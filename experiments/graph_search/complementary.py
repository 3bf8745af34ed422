"""Training and search are complementary: at equal tokens the two together beat either alone.

Source       Survey arXiv:2503.24235 (internal and external scaling of test-time compute), as others quote it: training
             raises the ceiling, search extracts up to it, and the combination beats either. The survey has no experiment;
             the factorial, its budgets and its thresholds are ours, after Mirtaheri et al., arXiv:2505.21825.
Prediction   Internal: models trained on paths or on searches. External: one chain, or the best division of the same tokens
             into several. Verifier: exact, or learned from outcomes. A chain is evidence if it is valid and fits its share
             of the tokens. At the tokens of the two longest searches, several searches beat one search and several paths
             by .02 and more, with either verifier. Below the tokens of one search a division only loses (`equal_tokens`), so
             that complementarity starts where the longest chain is affordable. The best division is chosen on one half
             of a seed's graphs and measured on the other.
             An earlier version also judged whether training raises the ceiling, as coverage with all chains of a pool. On
             other graphs 64 paths had covered 1.000 at depths 1 and 2 and 64 searches as much (`parallel_scaling`), so
             that no outcome could have confirmed it: where any chain of a pool is nearly sure to arrive there is no
             ceiling to raise. Coverage is shown; that sentence needs a task with a ceiling.
             The interaction is I = (logit both - logit internal) - (logit external - logit neither). It is measured at every
             budget and means something where no cell is near 0 or 1. At small there is depth 1 alone; `--depths 1 2` has both.
Refuted if   Several searches are less than .02 better than one search or than several paths, with one of the verifiers, in
             most seeds.
Run          alchemy reproduce complementary --preset small      # after catching_up, whose models it shares
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from alchemy.lab.lab import Lab
from alchemy.report.claim import Check, Claim, Gate, at_least
from alchemy.report.figures import Curves, Figure
from alchemy.stats.selection import halves, largest
from experiments.graph_search.bridges import FULL, by_seed, length_law
from experiments.graph_search.pools import SMOKE_CHECKED, Checked, Pool, best_scored, better_than_chance

CLAIM = Claim(
    sentence="Training and search are complementary: at equal tokens the two together beat either alone.",
    source="arXiv:2503.24235 (survey)",
    prediction="at the tokens of two searches, several beat one and several paths by .02, with an exact and a learned verifier",
    refuted_if="one factor alone within .02 of both at equal tokens",
    question="How is a budget best spent?",
    among="models that search at all, and verifiers that choose better than chance among eight chains",
)
INTERNAL = {"paths": "path", "searches": "dfs"}
VERIFIERS = ("exact", "learned")
PARTS = (2, 3, 4, 6, 8, 12, 16)
"""Numbers of chains among which the tokens of one are divided."""
ENDING = 3
"""Tokens of a chain beside its nodes: the mark of the decision, the decision, the end."""
ALLOTTED = "tokens: what a problem's chains may write in all; each gets an equal share, and one that does not fit it has failed"
"""The one sentence that says what an axis called tokens means here."""
Config = Checked
PRESETS = {
    "smoke": replace(Config(), **SMOKE_CHECKED),
    "small": Config(),
    "full": replace(Config(), **FULL, practice_graphs=250_000),
}
Cells = dict[str, np.ndarray]
"""By cell of the factorial, such as "one of paths" or "several of searches"."""


@dataclass(frozen=True)
class Row:
    """One depth."""

    depth: int
    budgets: list[int]
    """Tokens that a problem's chains may write in all."""
    cells: dict[str, Cells]
    """By verifier: evidence at each budget, float (s, m)."""
    interaction: dict[str, np.ndarray]
    """By verifier, in logits: float (s, m)."""
    both: dict[str, Cells]
    """By verifier: evidence at the tokens of the two longest searches, float (s,)."""
    sizes: list[int]
    coverage: dict[str, np.ndarray]
    """Valid evidence among so many chains, by what the model was trained on: float (s, sizes)."""
    search_evidence: np.ndarray
    """Of one sampled search, on the graphs of gates: float (s,)."""
    better_than_chance: dict[str, np.ndarray]
    """What the learned verifier gains over a random chain, of eight, on the graphs of gates: float (s,)."""


@dataclass(frozen=True)
class Measured:
    """By depth."""

    rows: tuple[Row, ...]


def run(config: Config, lab: Lab) -> Measured:
    rows = []
    for depth in config.depths:
        parts = {
            name: config.checked_pool(lab, config.fit(lab, trace, depth), ("outcome",))
            for name, trace in INTERNAL.items()
        }
        pools, gates = ({name: part[index] for name, part in parts.items()} for index in (0, 1))
        rows.append(measured_row(depth, pools, gates))
    return Measured(tuple(rows))


def measured_row(depth: int, pools: Mapping[str, Pool], gates: Mapping[str, Pool]) -> Row:
    """The factorial at one depth."""
    law = length_law("DFS", depth)
    shortest, longest = int(np.flatnonzero(law)[0]) + ENDING, len(law) - 1 + ENDING
    budgets = [*range(shortest, 2 * longest, max(1, longest // 6)), 2 * longest, 3 * longest, 4 * longest]
    by_budget = {how: [factorial(pools, how, budget) for budget in budgets] for how in VERIFIERS}
    cells = {
        how: {name: np.stack([cell[name] for cell in row], axis=1) for name in row[0]} for how, row in by_budget.items()
    }
    sizes = min((pool.chains.sizes for pool in pools.values()), key=len)
    graphs = pools["paths"].tokens.shape[1]
    return Row(
        depth=depth,
        budgets=budgets,
        cells=cells,
        interaction={how: interaction(cell, graphs) for how, cell in cells.items()},
        both={how: row[budgets.index(2 * longest)] for how, row in by_budget.items()},
        sizes=sizes,
        coverage={
            name: np.stack([by_seed(pool.chains.any_of(size)) for size in sizes], axis=1)
            for name, pool in pools.items()
        },
        search_evidence=by_seed(gates["searches"].chains.valid),
        better_than_chance={name: better_than_chance(pool, "outcome") for name, pool in gates.items()},
    )


def factorial(pools: Mapping[str, Pool], how: str, budget: int) -> Cells:
    """Evidence of one chain and of the best division into several, by what the model was trained on: float (s,) each."""
    cells = {}
    for name, pool in pools.items():
        cells[f"one of {name}"] = by_seed(evidence(pool, how, budget, 1))
        divisions = [evidence(pool, how, budget, parts) for parts in PARTS if parts <= pool.chains.size]
        cells[f"several of {name}"] = largest(*halves(np.stack(divisions, axis=1)))
    return cells


def evidence(pool: Pool, how: str, budget: int, parts: int) -> np.ndarray:
    """Of the chain that a verifier picks among as many that each may write an equal share of the budget: float (s, n)."""
    fits = pool.tokens <= budget // parts
    valid = pool.chains.valid & fits
    if how == "exact" or parts == 1:
        return pool.chains._replace(valid=valid).any_of(parts)
    scores = pool.scores["outcome"]
    return best_scored(valid, np.where(fits[:, :, : scores.shape[2]], scores, -np.inf), parts)


def interaction(cells: Cells, graphs: int) -> np.ndarray:
    """How much more several add to searches than to paths, in logits; shares of 0 and 1 count as half a graph less."""
    edge = 1 / (2 * graphs)
    shares = {name: share.clip(edge, 1 - edge) for name, share in cells.items()}
    logit = {name: np.log(share / (1 - share)) for name, share in shares.items()}
    searches, paths = (logit[f"several of {name}"] - logit[f"one of {name}"] for name in ("searches", "paths"))
    return searches - paths


def check(measured: Measured) -> list[Check]:
    checks = []
    for row in measured.rows:
        depth = f"depth {row.depth}"
        searches = Gate(f"{depth}: evidence of one search", row.search_evidence, 0.5, inf, "it searches at all")
        ranks = {
            name: Gate(f"{depth}, {name}: best of eight - random", values, 0.02, inf, "its verifier tells chains apart")
            for name, values in row.better_than_chance.items()
        }
        for how, cells in row.both.items():
            own, other = ([ranks["searches"]], [ranks["paths"]]) if how == "learned" else ([], [])
            both, name = cells["several of searches"], f"{depth}, {how} verifier: several searches"
            checks += [
                at_least(
                    f"{name} - one search",
                    both - cells["one of searches"],
                    0.02,
                    "more than a tie",
                    gates=[searches, *own],
                ),
                at_least(
                    f"{name} - several paths",
                    both - cells["several of paths"],
                    0.02,
                    "more than a tie",
                    gates=[searches, *own, *other],
                ),
            ]
    return checks


def figures(measured: Measured) -> list[Figure]:
    row = max(measured.rows, key=lambda row: row.depth)
    axis = {"x_label": "tokens a problem", "x": row.budgets, "note": ALLOTTED}
    return [
        *(
            Curves(
                name=f"complementary_{how}",
                title=f"One chain, and the best division into several, {how} verifier, depth {row.depth}",
                y_label="evidence",
                measured=row.cells[how],
                theory={},
                **axis,
            )
            for how in VERIFIERS
        ),
        Curves(
            name="complementary_interaction",
            title=f"What several chains add to searches beyond what they add to paths, depth {row.depth}",
            y_label="interaction, logits",
            measured={f"{how} verifier": row.interaction[how] for how in VERIFIERS},
            theory={"none": [0.0] * len(row.budgets)},
            **axis,
        ),
        Curves(
            name="complementary_coverage",
            title=f"Coverage: valid evidence among n chains, depth {row.depth}",
            x_label="chains",
            y_label="pass@n",
            x=row.sizes,
            measured=row.coverage,
            theory={},
            log_x=True,
        ),
    ]
