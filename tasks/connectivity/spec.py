"""What a `Connectivity` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, get_args, get_type_hints

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Vocabulary
from tasks.connectivity.graphs import Family, family
from tasks.connectivity.labels import MAX_IDS
from tasks.connectivity.traces import longest, reach, style

PROMPT_FIELDS = ("graph", "task", "instruction")
KEYWORDS = ("<s>", "graph", "task", "work", "decision", "to", "or", ":", "[", "]", "/", ",")
MAX_EDGES = 1 << 14


@dataclass(frozen=True)
class Spec:
    """The distribution: graphs, the question about them, the search that answers it, and how all is written."""

    family: Literal["bridge", "two-path", "cycle", "tree", "gnm", "grid", "caterpillar", "comb"] = "bridge"
    """What a component is (`tasks/connectivity/graphs.py`)."""
    depth: int = 1
    """Petals of a bridge, layers of a caterpillar but the first, hubs of a comb but the last, rows of a grid."""
    short: int = 3
    """Edges of the short route through a petal."""
    long: int = 5
    """Edges of the long route through a petal."""
    dead: int = 3
    """Edges of a petal's dead end."""
    nodes: int = 12
    """Nodes of a path, cycle, tree or gnm component."""
    links: int = 16
    """Edges of a gnm component."""
    width: int = 3
    """Nodes of a caterpillar's layer, edges onward from a comb's hub, columns of a grid."""
    matchings: int = 2
    """Matchings between two layers of a caterpillar."""
    holes: int = 2
    """Cells that a grid lacks."""
    distractors: int = 1
    """Components without the start, fresh draws of the same family."""
    pair: Literal["far", "random"] = "far"
    """Whether start and target are two nodes far apart (`tasks/connectivity/graphs.py`), or any two."""
    trace: str = "dfs"
    """none, shortest, path, dfs, dfs-bt, bfs, walk-STEPS or walk_mix-STEPS (`tasks/connectivity/traces.py`)."""
    budget: int = 0
    """Only problems whose trace has at most this many nodes; 0 for all."""
    encoding: Literal["edges", "flat"] = "edges"
    """Whether an edge is one position that carries two nodes, or two tokens among words as in the paper."""
    ids: int = 44
    """Names of nodes in the vocabulary."""
    reserved: int = 0
    """The last names that never name a node ..."""
    strange: int = 0
    """... but for this many nodes of every graph."""
    order: Literal["shuffled", "sorted"] = "shuffled"
    """Whether edges are in random order, or in that of their names."""
    orientation: Literal["random", "sorted"] = "random"
    """Which end of an edge is first: a fair coin's, or the one of the lower name."""
    separator: bool = False
    """A comma between two edges; flat encoding only."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        for name in ("family", "pair", "encoding", "order", "orientation"):
            value, known = getattr(self, name), choices(self, name)
            _require(value in known, f"{name} {value!r} is unknown{nearest(value, known)}")
        _check_graph(self)
        _check_names(self)
        _check_trace(self)
        separable = not self.separator or self.encoding == "flat"
        where = f"not {self.encoding!r}: there is nothing between its edges"
        _require(separable, f"separator needs encoding 'flat', {where}")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.of((*KEYWORDS, *map(str, range(self.ids))))

    @cached_property
    def step_delimiters(self) -> tuple[int, ...]:
        """The nodes: each one listed is a step, and so is the decision."""
        return tuple(range(len(self.vocabulary) - self.ids, len(self.vocabulary)))

    @cached_property
    def component(self) -> Family:
        """The distribution of a component."""
        return family(self.family, self)

    @property
    def graph_nodes(self) -> int:
        """Nodes of a graph, those without the start included."""
        return (self.distractors + 1) * self.component.size

    @property
    def max_edges(self) -> int:
        """Edges of a graph, at most."""
        return (self.distractors + 1) * self.component.max_edges

    @cached_property
    def longest_trace(self) -> int:
        """Nodes of a trace, at most."""
        most = longest(style(self.trace), self.component, self.pair == "far")
        return min(most, self.budget) if self.budget else most

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt before noise."""
        return self._prompt_len(self.max_edges)

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self._prompt_len((self.distractors + 1) * self.component.min_edges)

    def _prompt_len(self, edges: int) -> int:
        """Tokens of a prompt with so many edges, before noise."""
        return edges + 4 if self.encoding == "edges" else 2 * edges + 13 + (edges - 1) * self.separator

    @property
    def clean_len(self) -> int:
        """Tokens of the longest line before noise."""
        scaffold = 3 if self.encoding == "edges" else 10
        return self.longest_prompt + self.longest_trace + scaffold


def choices(spec: Spec, name: str) -> tuple[str, ...]:
    """The values that a field can have."""
    return get_args(_types(type(spec))[name])


@cache
def _types(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields, by name; read once, which takes longer than all checks."""
    return get_type_hints(kind)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)


def _check_graph(spec: Spec) -> None:
    _require(spec.distractors >= 1, f"distractors {spec.distractors}: the wrong candidate needs at least 1")
    edges = (spec.distractors + 1) * spec.component.max_edges
    _require(edges <= MAX_EDGES, f"a graph of {edges} edges has more than {MAX_EDGES}")


def _check_names(spec: Spec) -> None:
    _require(1 <= spec.ids <= MAX_IDS, f"ids {spec.ids}: expected 1 to {MAX_IDS} names")
    _require(
        0 <= spec.reserved < spec.ids, f"reserved {spec.reserved}: expected at least 0, less than the {spec.ids} ids"
    )
    nodes = (spec.distractors + 1) * spec.component.size
    most = min(spec.reserved, nodes)
    _require(0 <= spec.strange <= most, f"strange {spec.strange}: expected 0 to {most}, the reserved names and nodes")
    usual = spec.ids - spec.reserved
    without = f" without the {spec.reserved} reserved" if spec.reserved else ""
    message = f"a graph of {nodes} nodes needs as many names, ids {spec.ids} has {usual}{without}; raise ids"
    _require(nodes - spec.strange <= usual, message)


def _check_trace(spec: Spec) -> None:
    kind = style(spec.trace).kind
    _require(spec.budget >= 0, f"budget {spec.budget} is negative; 0 is none")
    _require(kind != "none" or not spec.budget, f"budget {spec.budget}: trace 'none' lists no nodes")
    least = reach(spec.component, spec.pair == "far")[0] + 1
    possible = not spec.budget or spec.budget >= least
    _require(possible, f"budget {spec.budget} is less than the {least} nodes of the shortest trace")
