"""Places of a module where a small fault can be planted, and the module's code with one of them changed."""

from __future__ import annotations

import ast
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

OTHER: dict[type[ast.AST], Any] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Add,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
"""The operator that a fault writes instead."""
OPPOSITE = {"min": "max", "argmin": "argmax", "minimum": "maximum", "any": "all", "floor": "ceil", "zeros": "ones"}
OPPOSITE |= {other: name for name, other in OPPOSITE.items()}
"""The function that a fault calls instead."""
LARGEST = 100
"""Numbers up to this size are changed; larger ones are tags and masks, which are all alike."""


@dataclass(frozen=True)
class Fault:
    """One change of one expression."""

    file: str
    """The module's path in the tree."""
    place: int
    """Number of the node in the order of `ast.walk`."""
    line: int
    text: str
    """That line, stripped."""
    function: str
    """Qualified name of the outermost function around it; empty for what runs at import."""
    change: str
    """The expression before and after."""
    nth: int = 1
    """Which of the module's equal changes of equal lines, in the order of the text."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.change}"


def faults(source: str, file: str) -> list[Fault]:
    """Every fault that can be planted in a module, in the order of its syntax tree."""
    tree = ast.parse(source)
    lines, functions, skipped = source.splitlines(), _functions(tree), _skipped(tree)
    found = []
    for place, node in enumerate(ast.walk(tree)):
        if id(node) not in skipped and (changed := _changed(node)):
            text = lines[changed.lineno - 1].strip()
            change = f"{ast.unparse(_shown(node))} -> {ast.unparse(_shown(changed))}"
            fault = Fault(file, place, changed.lineno, text, functions.get(id(node), ""), change)
            found.append((fault, changed.col_offset))
    alike: Counter[tuple[str, str]] = Counter()
    nth = {}
    for fault, _ in sorted(found, key=lambda pair: (pair[0].line, pair[1])):
        alike[fault.text, fault.change] += 1
        nth[fault.place] = alike[fault.text, fault.change]
    return [replace(fault, nth=nth[fault.place]) for fault, _ in found]


def name(file: str) -> str:
    """The name a file of the tree is imported by."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def sample(every: list[Fault], n: int, seed: int) -> list[Fault]:
    """At most n of a module's faults, drawn without replacement; a larger n with the same seed adds to a smaller one."""
    order = list(every)
    if order:
        random.Random(f"{seed} {order[0].file}").shuffle(order)
    return order[:n]


def planted(source: str, fault: Fault) -> CodeType:
    """The module's code with the fault in it."""
    tree = ast.parse(source)
    [node] = [node for place, node in enumerate(ast.walk(tree)) if place == fault.place]
    changed = _changed(node)
    assert changed, f"{fault} is no place for a fault"

    class Plant(ast.NodeTransformer):
        def visit(self, other: ast.AST) -> Any:
            return changed if other is node else self.generic_visit(other)

    return compile(ast.fix_missing_locations(Plant().visit(tree)), fault.file, "exec", dont_inherit=True)


def _changed(node: ast.AST) -> ast.stmt | ast.expr | None:
    """The node with a fault, or None where none is planted."""
    changed = _other(node)
    return ast.copy_location(changed, node) if changed else None


def _other(node: ast.AST) -> ast.stmt | ast.expr | None:
    match node:
        case ast.Compare(left, [op, *ops], comparators) if type(op) in OTHER:
            return ast.Compare(left, [OTHER[type(op)](), *ops], comparators)
        case ast.BinOp(left, op, right) if type(op) in OTHER:
            return ast.BinOp(left, OTHER[type(op)](), right)
        case ast.BoolOp(op, values):
            return ast.BoolOp(OTHER[type(op)](), values)
        case ast.AugAssign(target, op, value) if type(op) in OTHER:
            return ast.AugAssign(target, OTHER[type(op)](), value)
        case ast.UnaryOp(ast.Not() | ast.Invert() | ast.USub(), operand):
            return operand
        case ast.Constant(bool(value)):
            return ast.Constant(not value)
        case ast.Constant(int(value)) if value < LARGEST:
            return ast.Constant(value + 1)
        case ast.Constant(float(value)) if 0.01 <= value < LARGEST:
            return ast.Constant(2 * value)
        case ast.If(test, body, orelse):
            return ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.IfExp(test, body, orelse):
            return ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Call(ast.Name(name), args, keywords) if name in OPPOSITE:
            return ast.Call(ast.Name(OPPOSITE[name], ast.Load()), args, keywords)
        case ast.Call(ast.Attribute(value, name), args, keywords) if name in OPPOSITE:
            return ast.Call(ast.Attribute(value, OPPOSITE[name], ast.Load()), args, keywords)
    return None


def _shown(node: ast.AST) -> ast.AST:
    """What of a node is printed: of a branch its condition."""
    return node.test if isinstance(node, ast.If) else node


def _skipped(tree: ast.Module) -> set[int]:
    """Ids of nodes that compute nothing: annotations, messages of errors, formatted text, assertions of zip too, and how
    negative the free axis of a reshape is."""
    roots: list[ast.AST] = []
    for node in ast.walk(tree):
        roots += [part for name in ("annotation", "returns") if (part := getattr(node, name, None))]
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
            roots.append(node)
        if isinstance(node, ast.Call):
            roots += [keyword for keyword in node.keywords if keyword.arg == "strict"]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reshape":
            roots += [axis.operand for axis in node.args if isinstance(axis, ast.UnaryOp)]
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
            roots.append(node)
    return {id(node) for root in roots for node in ast.walk(root)}


def _functions(tree: ast.Module) -> dict[int, str]:
    """The outermost function in whose body a node lies, by the node's id."""

    def inside(node: ast.AST, prefix: str) -> Iterator[tuple[int, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                yield from inside(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                for statement in child.body:
                    yield from ((id(part), f"{prefix}{child.name}") for part in ast.walk(statement))
            else:
                yield from inside(child, prefix)

    return dict(inside(tree, ""))
