"""What any explorer can know of a two-path graph: exact optimal success in the vertex query model, by enumeration.

    s - x - x - x - x - a      two paths of `nodes` nodes each, here 6, with 2 `nodes` names dealt at random; given are
    x - x - x - x - x - b      the start s, the first node of one path, and the candidates a and b, the last of both

A query names a node and returns its neighbours, and the next query may depend on all answers so far. The explorer may
ask for any name, or only for nodes it has been given or shown (`discovered_only`, the model of chains that explore from
where they stand). In the end it says which candidate is in the start's component. Source: arXiv:2505.21825, theorem 2
(fewer than (nodes - 2) / 2 queries succeed with probability exactly 1/2, nodes - 1 always suffice); the proof by
exchange and the optimum are ours. The bound itself may be reached: a coin up to and at (nodes - 2) / 2, no further.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import combinations, combinations_with_replacement
from math import comb, factorial, perm
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError

ENDS = ("start", "a", "b", "other")
SETTLED = {("start", "a"): "a", ("start", "b"): "b", ("a", "other"): "b", ("b", "other"): "a"}
"""The candidate that is right once two ends turn out to be connected; no other two ends can be."""


class Known(NamedTuple):
    """What is known of the graph, up to names: the sizes, in nodes, of the disjoint fragments seen so far.

    The start, the candidates and the other path's first node are ends of their fragments; that last one is recognised
    by its single neighbour when queried, and until then `other` is 0. Queried nodes are inside, or such ends: the ends
    behind which more may follow are those shown and not queried. All graphs with these fragments are equally likely.
    """

    start: int = 1
    a: int = 1
    b: int = 1
    other: int = 0
    loose: tuple[int, ...] = ()  # fragments with two ends that may go on, in ascending order


class Fragment(NamedTuple):
    """A fragment by where it begins: at one of `ENDS`, "loose", or "fresh" for a node of which nothing is known."""

    begins: str
    nodes: int

    @property
    def sockets(self) -> int:
        """Ends that may go on."""
        return 2 if self.begins == "loose" else 1


FRESH = Fragment("fresh", 1)


def best_success(nodes: int, queries: int, discovered_only: bool = False) -> Fraction:
    """The largest probability of naming the right candidate that any adaptive explorer has with so many queries.

    Dynamic programming over `Known`, in integers: an explorer's value is the number of graphs that agree with what it
    knows for which it will be right. Seconds for `nodes` up to 10, any number of queries. Raises `UserError`.
    """
    _check(nodes, queries)
    return Fraction(_value(nodes, Known(), queries, discovered_only), 2 * factorial(2 * nodes - 3))


def smallest_better(nodes: int) -> int:
    """The smallest number of queries with which some explorer does better than a coin."""
    return next(queries for queries in range(nodes) if best_success(nodes, queries) > Fraction(1, 2))


def smallest_certain(nodes: int) -> int:
    """The smallest number of queries with which some explorer is always right."""
    return next(queries for queries in range(nodes) if best_success(nodes, queries) == 1)


def exchange_holds(nodes: int, queries: int) -> bool:
    """Whether any `queries` nodes are answered alike in two graphs that have different right candidates.

    The second graph has what lies behind the i-th edge of both paths exchanged. Where this holds, graphs come in pairs
    that no explorer, adaptive or not, can tell apart: its success is exactly 1/2. Every set of nodes is tried with
    every i, and the answers themselves are compared.

    That is about one explorer. Many of them together see more, and votes that depend on names can then be right on most
    graphs although each is right on half. No vote is better than a coin if all queries of all explorers are so few, or
    if all of them ask only for discovered nodes and each at most (nodes - 2) / 2 times: near the start and near both
    candidates, they leave the same edge in the middle to exchange.
    """
    _check(nodes, queries)
    answers = answer_matrix(nodes)
    changed = np.stack(
        [(answer_matrix(nodes, edge) != answers).any(axis=1) for edge in range(1, nodes)]
    )  # (edges, nodes)
    sets = np.array(list(combinations(range(2 * nodes), min(queries, 2 * nodes))), dtype=np.intp)
    return bool((~changed[:, sets].any(axis=2)).any(axis=0).all())


def _check(nodes: int, queries: int) -> None:
    if nodes < 2:
        raise UserError(f"nodes {nodes}: a path from the start to a candidate has 2 or more")
    if queries < 0:
        raise UserError(f"queries {queries} is negative")


def answer_matrix(nodes: int, edge: int = 0) -> np.ndarray:
    """Who neighbours whom, bool (2 nodes, 2 nodes), with what lies behind that edge exchanged unless it is 0."""
    paths = np.arange(2 * nodes).reshape(2, nodes)
    if edge:
        paths[:, edge:] = paths[::-1, edge:].copy()
    answers = np.zeros((2 * nodes, 2 * nodes), bool)
    answers[paths[:, :-1], paths[:, 1:]] = answers[paths[:, 1:], paths[:, :-1]] = True
    return answers


@cache
def _value(nodes: int, known: Known, queries: int, discovered_only: bool) -> int:
    """Graphs that agree with `known` for which the best explorer is right after that many more queries."""
    graphs = [count_graphs(nodes, known, right) for right in "ab"]
    if not queries or not all(graphs):
        return max(graphs)

    def value(after: Known | int) -> int:
        return after if isinstance(after, int) else _value(nodes, after, queries - 1, discovered_only)

    return max(
        sum(ways * value(after) for after, ways in outcomes.items())
        for outcomes in query_outcomes(nodes, known, discovered_only)
    )


@cache
def count_graphs(nodes: int, known: Known, right: str) -> int:
    """Labelled graphs that agree with `known` and in which this candidate is right.

    The loose fragments, either way round, and the nodes not seen fill the gap in the start's path and in the other.
    """
    start, a, b, other, loose = known
    gap, other_gap = (nodes - start - a, nodes - other - b) if right == "a" else (nodes - start - b, nodes - other - a)
    unseen = gap + other_gap - sum(loose)
    if min(gap, other_gap, unseen) < 0:
        return 0
    orders = 0
    for share in range(1 << len(loose)):
        here = [size for place, size in enumerate(loose) if share >> place & 1]
        free, there = gap - sum(here), len(loose) - len(here)
        if 0 <= free <= unseen:
            orders += perm(free + len(here), len(here)) * perm(unseen - free + there, there)
    return orders * factorial(unseen) << len(loose)


@cache
def query_outcomes(nodes: int, known: Known, discovered_only: bool) -> list[Counter[Known | int]]:
    """For every query that may tell something, what it leads to, and in how many ways."""
    fragments = Counter([*(Fragment(end, getattr(known, end)) for end in ENDS)])
    fragments.update(Fragment("loose", size) for size in known.loose)
    fragments[FRESH] = 2 * nodes - sum(known[:4]) - sum(known.loose)
    queries = [
        _outcomes(nodes, known, 0, _behind(fragments, queried))
        for queried in fragments
        if queried not in (FRESH, Fragment("other", 0))
    ]
    if fragments[FRESH] and not discovered_only:
        queries.append(_outcomes(nodes, known, 1, _around(fragments - Counter([FRESH]))))
    return queries


Pairs = Iterator[tuple[Fragment, Fragment, int]]


def _behind(fragments: Counter[Fragment], queried: Fragment) -> Pairs:
    """What may follow behind an end of the fragment asked, in how many ways."""
    for neighbour, times in (fragments - Counter([queried])).items():
        yield queried, neighbour, times * neighbour.sockets


def _around(fragments: Counter[Fragment]) -> Pairs:
    """What may lie on either side of a fresh node, in how many ways."""
    for first, second in combinations_with_replacement(fragments, 2):
        times = comb(fragments[first], 2) if first == second else fragments[first] * fragments[second]
        yield first, second, times * first.sockets * second.sockets


def _outcomes(nodes: int, known: Known, between: int, pairs: Pairs) -> Counter[Known | int]:
    outcomes: Counter[Known | int] = Counter()
    for first, second, ways in pairs:
        outcomes[_joined(nodes, known, first, second, between)] += ways
    return outcomes


def _joined(nodes: int, known: Known, first: Fragment, second: Fragment, between: int) -> Known | int:
    """What is known once two fragments meet, with `between` fresh nodes in between; once settled, the graphs left.

    An `other` of no nodes stands for what comes before the first node: a fragment that meets it begins there.
    """
    size = first.nodes + second.nodes + between
    ends = sorted((part for part in (first, second) if part.begins in ENDS), key=lambda part: ENDS.index(part.begins))
    if len(ends) == 2:
        right = SETTLED.get((ends[0].begins, ends[1].begins))
        whole = known._replace(**{ends[0].begins: ends[0].nodes + between})
        return count_graphs(nodes, whole, right) if right and size == nodes else 0
    loose = Counter(known.loose) - Counter(part.nodes for part in (first, second) if part.begins == "loose")
    if ends:
        known = known._replace(**{ends[0].begins: size})
    else:
        loose[size] += 1
    a, b = sorted((known.a, known.b))  # the candidates are alike
    return known._replace(a=a, b=b, loose=tuple(sorted(loose.elements())))
