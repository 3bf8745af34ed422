"""Which configurations of `Connectivity` are impossible, said in one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args, get_type_hints

from alchemy.errors import UserError, nearest
from alchemy.problem.noise import check_field
from tasks.connectivity.labels import MOST_IDS
from tasks.connectivity.traces import reach, style

if TYPE_CHECKING:
    from tasks.connectivity import Connectivity

MOST_EDGES = 1 << 14


def check(task: Connectivity) -> None:
    """Raises `UserError` naming the first field that cannot be."""
    for name in ("family", "pair", "encoding", "order", "orientation"):
        value, known = getattr(task, name), choices(task, name)
        _require(value in known, f"{name} {value!r} is unknown{nearest(value, known)}")
    _check_graph(task)
    _check_names(task)
    _check_trace(task)
    separable = not task.separator or task.encoding == "flat"
    _require(separable, f"separator needs encoding 'flat', not {task.encoding!r}: there is nothing between its edges")
    if task.noise is not None:
        check_field(task.noise, task.prompt_fields)


def choices(task: Connectivity, name: str) -> tuple[str, ...]:
    """The values that a field can have."""
    return get_args(get_type_hints(type(task))[name])


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)


def _check_graph(task: Connectivity) -> None:
    _require(task.distractors >= 1, f"distractors {task.distractors}: the wrong candidate needs at least 1")
    edges = (task.distractors + 1) * task.component.most_edges
    _require(edges <= MOST_EDGES, f"a graph of {edges} edges has more than {MOST_EDGES}")


def _check_names(task: Connectivity) -> None:
    _require(1 <= task.ids <= MOST_IDS, f"ids {task.ids}: expected 1 to {MOST_IDS} names")
    _require(
        0 <= task.reserved < task.ids, f"reserved {task.reserved}: expected at least 0, less than the {task.ids} ids"
    )
    nodes = (task.distractors + 1) * task.component.size
    most = min(task.reserved, nodes)
    _require(0 <= task.strange <= most, f"strange {task.strange}: expected 0 to {most}, the reserved names and nodes")
    usual = task.ids - task.reserved
    without = f" without the {task.reserved} reserved" if task.reserved else ""
    message = f"a graph of {nodes} nodes needs as many names, ids {task.ids} has {usual}{without}; raise ids"
    _require(nodes - task.strange <= usual, message)


def _check_trace(task: Connectivity) -> None:
    kind = style(task.trace).kind
    _require(task.budget >= 0, f"budget {task.budget} is negative; 0 is none")
    _require(kind != "none" or not task.budget, f"budget {task.budget}: trace 'none' lists no nodes")
    least = reach(task.component, task.pair == "far")[0] + 1
    possible = not task.budget or task.budget >= least
    _require(possible, f"budget {task.budget} is less than the {least} nodes of the shortest trace")
