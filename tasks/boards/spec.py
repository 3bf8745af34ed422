"""What a `Boards` task is: its fields, which of their values are possible, and what follows from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from alchemy.problem.shift import Noise
from alchemy.problem.task import Vocabulary
from alchemy.problem.text_format import TextFormat

PROMPT_FIELDS = ("graph", "ends", "board", "instruction")
THINK, BLANK = "<think>", "."
TEXT_FORMAT = TextFormat(answer_mark="<answer>", step_mark=",")
NODES = "ABCDEFGHIJ"
COLOURS = 3
ON_PATH = 1
"""The value of a node that is on the path; 0 is one that is not."""

Kind = Literal["queens", "colouring", "latin", "sudoku", "paths"]
Places = Literal["scattered", "together"]
Order = Literal["cells", "fewest"]
SIZES: dict[Kind, tuple[int, ...]] = {
    "queens": (4, 5, 6, 7, 8, 9, 10),
    "colouring": (4, 5, 6, 7, 8, 9, 10),
    "latin": (3, 4, 5),
    "sudoku": (4, 9),
    "paths": (4, 5, 6, 7, 8, 9, 10),
}
"""Sizes that boards of each kind can have."""
USUAL: dict[Kind, tuple[int, tuple[int, ...]]] = {
    "queens": (8, (5, 6)),
    "colouring": (8, (5,)),
    "latin": (4, (8, 9)),
    "sudoku": (4, (8, 9)),
    "paths": (8, (8,)),
}
"""The size, and the numbers of blanks, that a task has which says neither."""
MOST_POOLED = 10_000_000
"""Problems of a pool, at most."""
MOST_SEARCHED = 63
"""Solutions that are counted where boards are too many to be listed (Sudoku of 9 rows)."""


@dataclass(frozen=True)
class Spec:
    """The distribution: the rules, the size of boards, what of them is given, and how many solutions they have."""

    kind: Kind = "sudoku"
    """Queens that do not attack each other, one a row; nodes whose neighbours have other colours; rows and columns with every
    number once, with or without boxes; shortest paths between two nodes of a graph."""
    size: int = 0
    """Rows of a board, or nodes of a graph; 0 for the usual number of the kind."""
    blanks: tuple[int, ...] = ()
    """Numbers of cells that are not given, any alike; none for those usual of the kind."""
    solutions: tuple[int, int] = (1, 1)
    """Least and most solutions that a problem has."""
    places: Places = "scattered"
    """Blanks are anywhere, or they follow each other in the order of cells, the first after the last."""
    density: float = 0.4
    """How likely an edge joins two nodes of a graph."""
    pool: int = 0
    """Problems there are, which are always the same for a task; 0 for all there can be."""
    cot: bool = True
    """The text fills blanks one after the other before it says the board; otherwise it says the board at once."""
    order: Order = "cells"
    """Blanks are filled in one after the other as they stand on the board, or first that which has the fewest values left by
    what is filled in; then each is named before its value, and a chain in any order is valid."""
    noise: Noise | None = None
    """Format noise on the prompts."""

    def __post_init__(self) -> None:
        if self.kind not in SIZES:
            raise UserError(f"kind {self.kind!r} is unknown{nearest(self.kind, SIZES)}")
        sizes = SIZES[self.kind]
        if self.size and self.size not in sizes:
            closest = min(sizes, key=lambda size: abs(size - self.size))
            raise UserError(
                f"{self.kind} of size {self.size}: expected {' or '.join(map(str, sizes))}, such as {closest}"
            )
        if self.size and not self.blanks and max(USUAL[self.kind][1]) > self.cells:
            raise UserError(f"{self.kind} of size {self.size}: expected blanks, at most {self.cells}")
        for blanks in self.blanks:
            if not 1 <= blanks <= self.cells:
                raise UserError(f"blanks {blanks} is outside 1 to {self.cells}, the cells of a board")
        least, most = self.solutions
        if not 1 <= least <= most:
            raise UserError(f"solutions {least} to {most}: expected the least first, and at least 1")
        if not self.is_listed and most > MOST_SEARCHED:
            raise UserError(
                f"solutions up to {most}: of {self.kind} of size {self.side} at most {MOST_SEARCHED} are counted"
            )
        if self.places not in ("scattered", "together"):
            raise UserError(f"places {self.places!r} is unknown{nearest(self.places, ('scattered', 'together'))}")
        if self.order not in ("cells", "fewest"):
            raise UserError(f"order {self.order!r} is unknown{nearest(self.order, ('cells', 'fewest'))}")
        if self.order == "fewest" and self.kind == "paths":
            raise UserError("order 'fewest' of paths, whose rules are about all nodes: expected 'cells'")
        if not 0 < self.density < 1:
            raise UserError(f"density {self.density} is outside (0, 1)")
        if not 0 <= self.pool <= MOST_POOLED:
            raise UserError(f"pool {self.pool} is outside 0 to {MOST_POOLED}: a pool is drawn whole")
        if self.noise is not None:
            check_field(self.noise, PROMPT_FIELDS)

    @property
    def side(self) -> int:
        """Rows of a board, or nodes of a graph."""
        return self.size or USUAL[self.kind][0]

    @property
    def blank_counts(self) -> tuple[int, ...]:
        """Numbers of blanks, any alike."""
        return self.blanks or USUAL[self.kind][1]

    @property
    def is_graph(self) -> bool:
        """Whether a problem has a graph of its own."""
        return self.kind in ("colouring", "paths")

    @property
    def is_listed(self) -> bool:
        """Whether all boards that obey the rules are few enough to be listed."""
        return self.kind != "sudoku" or self.side == 4

    @property
    def cells(self) -> int:
        """Cells of a board: rows of queens, nodes, or rows times columns."""
        return self.side**2 if self.kind in ("latin", "sudoku") else self.side

    @property
    def values(self) -> int:
        """Values a cell can have: columns of queens, colours, numbers, or whether a node is on the path."""
        return {"colouring": COLOURS, "paths": 2}.get(self.kind, self.side)

    @property
    def board_vocabulary(self) -> int:
        """Ids of `Board.tokens`: padding, blank, values, the two ends of a path, and neighbours; for all kinds and sizes."""
        return 2 + 2 * len(NODES) + 2

    @property
    def symbols(self) -> tuple[str, ...]:
        """What stands for values in texts, those of the largest boards of the kind included."""
        if self.kind == "paths":
            return "-", "+"
        most = COLOURS if self.kind == "colouring" else max(SIZES[self.kind])
        return tuple(str(number) for number in range(1, most + 1))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        marks = (THINK, TEXT_FORMAT.answer_mark, TEXT_FORMAT.step_mark, BLANK)
        return Vocabulary.of((*marks, *self.symbols, *self._names))

    @property
    def _names(self) -> tuple[str, ...]:
        """Nodes, or rows, or cells by row and column, those of the largest boards included; none where nothing is named."""
        if self.is_graph:
            return tuple(NODES)
        rows = NODES.lower()[: max(SIZES[self.kind])]
        if self.order == "cells":
            return ()
        return (
            tuple(rows)
            if self.kind == "queens"
            else tuple(f"{row}{column}" for row in rows for column in range(1, len(rows) + 1))
        )

    @cached_property
    def cell_names(self) -> tuple[str, ...]:
        """What the cells of a board are called, where they are."""
        rows = NODES[: self.side] if self.is_graph else NODES.lower()[: self.side]
        if self.is_graph or self.kind == "queens":
            return tuple(rows)
        return tuple(f"{row}{column}" for row in rows for column in range(1, self.side + 1))

    @cached_property
    def cell_tokens(self) -> tuple[int, ...]:
        """The ids of cells, where steps name them; otherwise none."""
        return tuple(self.vocabulary.index[name] for name in self.cell_names) if self.order == "fewest" else ()

    @property
    def step_width(self) -> int:
        """Tokens of a step: the cell where it is named, the value, and the mark behind it."""
        return 3 if self.order == "fewest" else 2

    @property
    def first_value(self) -> int:
        """The id of value 0; those of the others follow it in order."""
        return self.vocabulary.index[self.symbols[0]]

    @property
    def first_node(self) -> int:
        """The id of node A; those of the others follow it in order; 0 without a graph."""
        return self.vocabulary.index.get(NODES[0], 0)

    @property
    def state_tokens(self) -> tuple[int, ...]:
        """The values that a cell can have."""
        return tuple(range(self.first_value, self.first_value + self.values))

    @property
    def most_edges(self) -> int:
        """Edges of the densest graph: all but one, or between three groups of nodes as equal as can be."""
        if not self.is_graph:
            return 0
        return self.side**2 // 3 if self.kind == "colouring" else self.side * (self.side - 1) // 2 - 1

    @property
    def longest_prompt(self) -> int:
        """Tokens of the longest prompt before noise: edges, ends, the board, and `<think>`."""
        return 2 * self.most_edges + self.shortest_clean

    @property
    def shortest_clean(self) -> int:
        """Tokens that every prompt has before noise: it may have no edges."""
        return 2 * (self.kind == "paths") + self.cells + 1

    @property
    def shortest_prompt(self) -> int:
        return 0 if self.noise is not None else self.shortest_clean

    @property
    def longest_chain(self) -> int:
        """Tokens of the longest chain of thought."""
        return self.step_width * max(self.blank_counts) - 1 if self.cot else 0

    @property
    def clean_len(self) -> int:
        """Tokens of the longest line before noise."""
        return self.longest_prompt + self.longest_chain + 1 + self.cells + 1
