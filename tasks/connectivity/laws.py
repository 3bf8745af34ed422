"""Exact laws of chains of thought on bridge graphs: how long they get, how often they succeed, what many of them buy.

A bridge graph is a chain of `depth` petals: a `short` and a `long` route, counted in edges, from each hub to the next,
and a dead end of `dead` nodes at the petal's entry hub. Lengths count listed nodes, start and target included. Source:
arXiv:2505.21825 (its figures' predictions); the length laws are ours.

Derivation. Randomised depth-first search takes a uniformly random untried neighbour, so it tries a hub's branches in
uniformly random order. Two branches lead on, one by each route; a branch that leads nowhere is a detour, listed whole
if it comes before both of these. The detours of a hub are the dead end and, beyond the first hub, the way back along
the route by which the search did not come, of (its edges) - 1 new nodes. A detour of no nodes is no branch: there are
then fewer to choose from. Of m detours exactly a given k precede both ways on, and a given one of these comes first,
with probability k! (m + 1 - k)! / (m + 2)!. The detours of a hub depend on the last route taken and on nothing older.
"""

from __future__ import annotations

from itertools import combinations
from math import comb, factorial
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError


def dfs_length_pmf(depth: int, short: int = 3, long: int = 5, dead: int = 3) -> np.ndarray:
    """Probability of each length of a depth-first search's preorder up to the target, indexed by nodes."""
    return _length_mass(depth, short, long, dead, repeats=1)


def dfs_length_cdf(depth: int, short: int = 3, long: int = 5, dead: int = 3) -> np.ndarray:
    """F_d(L): the share of depth-first searches that list at most L nodes, indexed by L."""
    return np.minimum(dfs_length_pmf(depth, short, long, dead).cumsum(), 1.0)


def dfs_bt_length_pmf(depth: int, short: int = 3, long: int = 5, dead: int = 3) -> np.ndarray:
    """The same with every stack top listed again on backtracking: each node of a detour costs two."""
    return _length_mass(depth, short, long, dead, repeats=2)


def path_length_pmf(depth: int, short: int = 3, long: int = 5, dead: int = 3) -> np.ndarray:
    """Probability of each length of the path a depth-first search ends with: every route is a fair coin.

    Also the length of a self-avoiding walk given that it arrives, unless `short` is 1.
    """
    _check(depth, short, long, dead)
    law = np.zeros(2 + long * depth)
    for taken in range(depth + 1):  # petals crossed by the long route
        law[1 + short * (depth - taken) + long * taken] += comb(depth, taken) / 2**depth
    return law


def walk_length_pmf(depth: int, short: int = 3, long: int = 5, dead: int = 3) -> np.ndarray:
    """Probability that a self-avoiding walk arrives with this many nodes; the rest gets stuck in a detour."""
    return _length_mass(depth, short, long, dead, repeats=0)


def path_success(depth: int, short: int = 3, long: int = 5, dead: int = 3) -> float:
    """How often a uniform self-avoiding walk arrives: (2/3) (1/2)^(d-1) with dead ends and `short` > 1.

    The paper's prediction for a model trained on paths: it picks any unvisited neighbour and cannot go back.
    """
    return float(walk_length_pmf(depth, short, long, dead).sum())


def shortest_success(depth: int, short: int = 3, long: int = 5, dead: int = 3) -> float:
    """How often that walk arrives by a shortest path: (1/3) (1/4)^(d-1) with dead ends and `short` < `long`.

    The paper's prediction for a model trained on shortest paths.
    """
    return float(walk_length_pmf(depth, short, long, dead)[1 + short * depth])


class MeanLengths(NamedTuple):
    """Mean numbers of nodes of three chains of thought."""

    path: float
    dfs: float
    dfs_bt: float


def mean_lengths(depth: int, short: int = 3, long: int = 5, dead: int = 3) -> MeanLengths:
    """Closed forms; 4d + 1, 6d and 8d - 1 nodes at the default petal.

    Of a given detour and the two ways on the detour comes first one time in three, however many others there are.
    With routes of l and 2l edges and no dead end: 3/2 l d for paths and 2 l d for searches, the constants of
    arXiv:2505.21825, theorem 3.
    """
    _check(depth, short, long, dead)
    path = 1 + depth * (short + long) / 2
    detours = (depth * dead + (depth - 1) * (short + long - 2) / 2) / 3
    return MeanLengths(path, path + detours, path + 2 * detours)


def any_of(p: float | np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """Probability that any of n independent chains succeeds, each with probability p; p and n broadcast."""
    p = np.asarray(p, float)
    if not ((p >= 0) & (p <= 1)).all():
        raise UserError(f"p must be a probability, from 0 to 1, got {p}")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(n) == 0, 0.0, -np.expm1(n * np.log1p(-p)))


def best_of(p: float | np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """Accuracy of best-of-n: a verifier picks a proven answer if any chain has one, and guesses otherwise."""
    return (1 + any_of(p, n)) / 2


def samples_for(p: float | np.ndarray, target: float = 0.9) -> np.ndarray:
    """The smallest n with `any_of(p, n) >= target`, infinite where p is 0; for an accuracy a, target is 2a - 1."""
    if not 0 < target < 1:
        raise UserError(f"target must be between 0 and 1, got {target}")
    p = np.asarray(p, float)
    with np.errstate(divide="ignore"):
        n = np.maximum(np.ceil(np.log1p(-target) / np.log1p(-p) - 1e-9), 1.0)  # 1e-9: a whole number may come out above
    return np.where(p > 0, n, np.inf)


def majority_of(right: float | np.ndarray, wrong: float | np.ndarray, n: int) -> np.ndarray:
    """Accuracy of the majority of n independent chains that vote right or wrong with these probabilities, else not.

    `right` and `wrong` broadcast. A tie is a fair coin and a vote nobody takes part in is lost, as in the paper's code.
    """
    right, wrong = np.broadcast_arrays(np.asarray(right, float), np.asarray(wrong, float))
    if not ((right >= 0) & (wrong >= 0) & (right + wrong <= 1 + 1e-12)).all():
        raise UserError(f"votes need probabilities of sum at most 1, got right {right} and wrong {wrong}")
    mute = np.maximum(1 - right - wrong, 0.0)
    lead = np.zeros((*right.shape, 2 * n + 1))  # right minus wrong votes, from -n on
    lead[..., n] = 1.0
    for _ in range(n):
        gained = lead * mute[..., None]
        gained[..., 1:] += lead[..., :-1] * right[..., None]
        gained[..., :-1] += lead[..., 1:] * wrong[..., None]
        lead = gained
    return lead[..., n + 1 :].sum(axis=-1) + (lead[..., n] - mute**n) / 2


def within(depth: int, budget: int | np.ndarray, short: int = 3, long: int = 5, dead: int = 3) -> np.ndarray:
    """F_d at any budgets L int (...): how often one depth-first search of at most L nodes arrives."""
    law = dfs_length_cdf(depth, short, long, dead)
    return law[np.clip(budget, 0, len(law) - 1)]


def accuracy(
    depth: int, budget: int | np.ndarray, n: int | np.ndarray, short: int = 3, long: int = 5, dead: int = 3
) -> np.ndarray:
    """Best-of-n accuracy of n depth-first searches of at most `budget` nodes each; the two broadcast.

    The ideal of the trade-off between long and many chains: (1 + any) / 2 with p = F_d(L).
    """
    return best_of(within(depth, budget, short, long, dead), n)


def majority_accuracy(
    depth: int,
    budget: int | np.ndarray,
    n: int,
    short: int = 3,
    long: int = 5,
    dead: int = 3,
    *,
    guess: bool = True,
) -> np.ndarray:
    """Majority accuracy of n such searches, where one that does not arrive guesses its answer, or else abstains.

    Guesses drown the few that know: this needs of the order of 1 / p^2 chains where best-of-n needs 1 / p. With
    abstention only the right answer is ever voted for: accuracy is `any_of(p, n)`, as a vote nobody takes part in is
    lost.
    """
    p = within(depth, budget, short, long, dead)
    return majority_of((1 + p) / 2, (1 - p) / 2, n) if guess else any_of(p, n)


def slip_rate(pmf: np.ndarray, arrived: float | np.ndarray) -> np.ndarray:
    """How often a listed node is a slip if this share of searches arrives, float of the shape of `arrived`.

    A search of L nodes arrives if none of them is a slip, with probability (1 - e)^L; `pmf` float (L,) is the law of
    the lengths of searches without slips.
    """
    rates, nodes = np.linspace(1, 0, 20_001), np.arange(len(pmf))
    return np.interp(arrived, (1 - rates[:, None]) ** nodes @ pmf, rates)


def arrived_length_cdf(pmf: np.ndarray, slips: float | np.ndarray) -> np.ndarray:
    """The law of the lengths of those searches that arrive at that rate of slips, float (..., L) of `slips` (...).

    At most L nodes, by L; 0 throughout where every node is a slip.
    """
    mass = pmf * (1 - np.asarray(slips)[..., None]) ** np.arange(len(pmf))
    return np.cumsum(mass / np.maximum(mass.sum(axis=-1, keepdims=True), 1e-300), axis=-1)


def exchange_rate(budget: np.ndarray, samples: np.ndarray) -> float:
    """Least-squares slope of the natural log of the samples needed against the budget; both float (k,).

    One node more in each chain multiplies the samples needed by exp(slope). Budgets whose samples are not finite are
    left out; raises `UserError` if fewer than two remain.
    """
    budget, samples = np.asarray(budget, float), np.asarray(samples, float)
    kept = np.isfinite(samples)
    if len(np.unique(budget[kept])) < 2:
        raise UserError(f"a slope needs two budgets with finite samples, got {kept.sum()} of {len(samples)}")
    x, y = budget[kept] - budget[kept].mean(), np.log(samples[kept])
    return float(x @ y / (x @ x))


def _check(depth: int, short: int, long: int, dead: int) -> None:
    if depth < 1:
        raise UserError(f"depth {depth} is less than 1 petal")
    if not (1 <= short <= long and long >= 2):
        raise UserError(f"routes need 1 <= short <= long and long >= 2, got short {short} and long {long}")
    if dead < 0:
        raise UserError(f"dead {dead} is negative")


def _length_mass(depth: int, short: int, long: int, dead: int, repeats: int) -> np.ndarray:
    """Mass of arriving with each number of nodes, float (nodes,), by recursion over petals.

    Nodes of detours are listed `repeats` times; with 0 no search comes back from one, and its mass is lost.
    """
    _check(depth, short, long, dead)
    routes = (short, long)
    size = long + repeats * (dead + long - 1) + 1
    law = [_step_mass(route, [dead], repeats, size) for route in routes]  # by the route taken last
    for _ in range(depth - 1):
        steps = [[_step_mass(route, [dead, back - 1], repeats, size) for back in (long, short)] for route in routes]
        law = [sum(np.convolve(*pair) for pair in zip(law, step, strict=True)) for step in steps]
    return np.trim_zeros(np.concatenate([[0.0], law[0] + law[1]]), "b")  # the start is listed too


def _step_mass(route: int, detours: list[int], repeats: int, size: int) -> np.ndarray:
    """Mass of taking this route on from a hub with that many more nodes listed, float (size,)."""
    detours = [detour for detour in detours if detour]
    mass, m = np.zeros(size), len(detours)
    for k in range(m + 1) if repeats else (0,):
        for tried in combinations(detours, k):
            mass[route + repeats * sum(tried)] += factorial(k) * factorial(m + 1 - k) / factorial(m + 2)
    return mass
