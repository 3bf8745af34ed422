"""What a completion of a connectivity problem lists, in either encoding and in the paper's text, and that text.

flat     <s> graph : [ 4 7 0 4 2 7 ] task : 4 to 2 or 9 / work : [ 4 0 7 2 ] decision : [ 2 ] </s>
edges    4+7 0+4 2+7 4 2 9 / 4 0 7 2 decision 2 </s>                      `+` joins the two ids of one position
text     graph : [ 4 7 0 4 2 7 ] task : 4 to 2 or 9 / work : [ 4 0 7 2 ] decision : [ 2 ]

A list counts if it is closed and names nodes only; lists of one kind are read as one (arXiv:2505.21825, code). In
`edges` the work list is closed by `decision` or the end, the decision list by the end. Node i is the token of the
symbol `str(i)`, and the names of nodes are the last symbols of the vocabulary.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import NamedTuple

import numpy as np

from alchemy.errors import UserError
from alchemy.problem.task import (
    EOS,
    NOISE,
    PAD,
    Problem,
    Vocabulary,
)
from tasks.connectivity.rules import answer

NO_NODE = -2
"""What a number is read as that is too high for the name of a node."""
MOST = np.iinfo(np.int16).max
WORD = re.compile(r"</?s>|[A-Za-z]+|[0-9]+|\S")
PROMPT = re.compile(r"(?:<s> )?graph : \[ ([^\]]*)\] task : ([0-9]+) to ([0-9]+) or ([0-9]+) /")


class Listed(NamedTuple):
    """What completions list."""

    work: np.ndarray  # int16 (n, k): padded with -1
    work_len: np.ndarray  # int32 (n,)
    decision: np.ndarray  # int16 (n,): -1 unless exactly one node is decided for
    decided: np.ndarray  # int32 (n,): nodes in decision lists
    well_formed: np.ndarray  # bool (n,): a work list, a decision list of one node, the end, and nothing else


def read_edges(tokens: np.ndarray, vocabulary: Vocabulary) -> Listed:
    """What completions int32 (n, m) of the edges encoding list: nodes up to the first `decision`, and those behind."""
    first = vocabulary.index["0"]
    inside, ended = _inside(tokens)
    behind = np.logical_or.accumulate(tokens == vocabulary.index["decision"], axis=1) & inside
    has_decision = behind.any(axis=1)
    mark = behind.copy()
    mark[:, 1:] &= ~behind[:, :-1]
    node = tokens >= first
    stray = inside & ~node & ~mark
    work = inside & ~behind & ((has_decision | ended) & ~(stray & ~behind).any(axis=1))[:, None]
    chosen = behind & ~mark & (ended & ~(stray & behind).any(axis=1))[:, None]
    return _listed(tokens - first, work, chosen, ~stray.any(axis=1))


class Words(NamedTuple):
    """Ids of the words that lists are written with."""

    work: int
    decision: int
    colon: int
    opening: int
    closing: int
    first: int  # of node 0; every id from here on is a node


def read_flat(tokens: np.ndarray, vocabulary: Vocabulary) -> Listed:
    """What completions int32 (n, m) of the flat encoding list."""
    return _read(tokens, Words(*(vocabulary.index[word] for word in ("work", "decision", ":", "[", "]", "0"))))


def _read(tokens: np.ndarray, word: Words) -> Listed:
    """Every `work : [ nodes ]` and `decision : [ nodes ]` before the end of completions int32 (n, m)."""
    inside, ended = _inside(tokens)
    tokens = np.pad(np.where(inside, tokens, PAD), ((0, 0), (0, 3)))
    node, place = tokens >= word.first, np.arange(tokens.shape[1], dtype=np.int16)
    # stop[i] is the first place from i on that holds no node; the padding sees to it that there is one
    stop = np.minimum.accumulate(np.where(node, place.max(), place)[:, ::-1], axis=1)[:, ::-1]
    after = np.take_along_axis(tokens, stop.astype(np.intp), axis=1)[:, 3:]
    listing = (tokens[:, 1:-2] == word.colon) & (tokens[:, 2:-1] == word.opening) & (after == word.closing)
    lists = [listing & (tokens[:, :-3] == kind) for kind in (word.work, word.decision)]
    node = node[:, :-3]
    barred = np.maximum.accumulate(np.where(node, np.int16(-1), place[:-3]), axis=1)
    work, chosen = (np.pad(opened, ((0, 0), (3, 0)))[:, : node.shape[1]] for opened in lists)
    # a place is in a list if that began behind the last place without a node
    work, chosen = (np.maximum.accumulate(np.where(begun, place[:-3], -1), axis=1) > barred for begun in (work, chosen))
    listed = work.sum(axis=1) + chosen.sum(axis=1)
    alone = inside.sum(axis=1) == listed + 8  # each list takes four words beside its nodes
    one_each = np.logical_and.reduce([opened.sum(axis=1) == 1 for opened in lists])
    return _listed(tokens[:, :-3] - word.first, work, chosen, ended & one_each & alone & lists[0][:, :1].any(axis=1))


def read_text(texts: list[str]) -> Listed:
    """What completions list that are written in the paper's words, whatever blanks are between them."""
    rows = [[TEXT[word] for word in WORD.findall(text)] for text in texts]
    length = np.array([len(row) for row in rows], np.intp)
    inside = np.arange(int(length.max(initial=0)) + 1) < length[:, None]
    tokens = np.full(inside.shape, EOS, np.int32)
    tokens[inside] = np.fromiter(chain.from_iterable(rows), np.int32, int(length.sum()))
    return _read(tokens, WORDS)


def parse(prompt: str) -> Problem:
    """The problem (n = 1) of a prompt in the paper's words, its trace a shortest path.

    Commas may stand between edges. Raises `UserError` that says what is wrong with it.
    """
    match = PROMPT.fullmatch(" ".join(WORD.findall(prompt)))
    if match is None:
        expected = "'graph : [ u v ... ] task : s to a or b /'"
        raise UserError(f"prompt {prompt[:20]!r} ... {prompt[-40:]!r} is not {expected}")
    words = match[1].split()
    if "," in words and len(words) % 3 == 2 and set(words[2::3]) == {","}:
        del words[2::3]
    for word in words:
        if not (word.isdigit() and word.isascii()):
            raise UserError(f"the graph has {word!r} where a node is expected")
    if len(words) % 2 or not words:
        raise UserError(f"the graph has {len(words)} endpoints, expected two for each edge")
    nodes = [_node(word) for word in words]
    start, *targets = (_node(word) for word in match.groups()[1:])
    right, path = answer(list(zip(nodes[::2], nodes[1::2], strict=True)), start, tuple(targets))
    return {
        "edges": np.array(nodes, np.int16).reshape(1, -1, 2),
        "start": np.array([start], np.int16),
        "targets": np.array([targets], np.int16),
        "right": np.array([right], np.int8),
        "trace": np.array([path], np.int16),
    }


def _node(word: str) -> int:
    """A number that names a node; raises `UserError` if it is too high for that."""
    if len(word.lstrip("0")) > 5 or int(word) > MOST:
        raise UserError(f"node {word[:40]} is above {MOST}")
    return int(word)


class _Codes(dict[str, int]):
    """Ids for the paper's words: numbers are nodes, and what is neither a number nor of any use is the noise symbol."""

    def __missing__(self, word: str) -> int:
        if not word.isascii() or not word.isdigit():
            return NOISE
        return WORDS.first + (int(word) if len(word.lstrip("0")) <= 5 else MOST + 1)


WORDS = Words(*range(3, 9))
TEXT = _Codes({"</s>": EOS, **dict(zip(("work", "decision", ":", "[", "]"), WORDS, strict=False))})


def _inside(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which positions come before the first EOS or PAD, bool (n, m), and which rows have an EOS there, bool (n,)."""
    inside = ~np.logical_or.accumulate((tokens == EOS) | (tokens == PAD), axis=1)
    return inside, ((tokens == EOS) & (inside.sum(axis=1)[:, None] == np.arange(tokens.shape[1]))).any(axis=1)


def _listed(nodes: np.ndarray, work: np.ndarray, chosen: np.ndarray, well_formed: np.ndarray) -> Listed:
    """Lists from nodes int (n, m), and which of them are in work and which in decision lists, bool (n, m)."""
    nodes = np.where(nodes > MOST, NO_NODE, nodes)
    work_len, decided = (which.sum(axis=1, dtype=np.int32) for which in (work, chosen))
    inside = np.arange(int(work_len.max(initial=0))) < work_len[:, None]
    packed = np.full(inside.shape, -1, np.int16)
    packed[inside] = nodes[work]
    only = np.full(len(nodes), -1, np.int16)
    only[decided == 1] = nodes[chosen & (decided == 1)[:, None]]
    return Listed(packed, work_len, only, decided, well_formed & (decided == 1))


def paper_text(tokens: np.ndarray, vocabulary: Vocabulary) -> str:
    """The peer's text of one line, int (t,) or (t, c), from either encoding, or of its prompt or completion alone.

    With one id a position, the words as they stand but for `<s>`; what is cut off before its end stays unclosed. With
    two, a line without edges is a completion.
    """
    rows = tokens if tokens.ndim == 2 else tokens[:, None]
    if rows.shape[1] == 1:
        return vocabulary.decode(rows[:, 0]).removeprefix("<s>").lstrip()
    ended = bool((rows[:, 0] == EOS).any())
    rows = rows[: int((rows[:, 0] == EOS).argmax())] if ended else rows
    rows = rows[rows[:, 0] != PAD]
    symbols = [" ".join(vocabulary.symbols[i] for i in ids if i != PAD) for ids in rows]
    edges = int(np.flatnonzero(rows[:, 1] != PAD).max(initial=-1)) + 1
    parts = []
    if edges:
        slash = symbols.index("/") if "/" in symbols else len(symbols)
        question = symbols[edges:slash]
        joined = [word for pair in zip(question, ("to", "or", "", ""), strict=False) for word in pair]
        asks = joined[:-1] if len(question) == 3 else question
        parts = ["graph : [", *symbols[:edges], "] task :", *asks, *symbols[slash : slash + 1]]
        symbols = symbols[slash + 1 :]
    if symbols or ended:
        mark = symbols.index("decision") if "decision" in symbols else len(symbols)
        parts += ["work : [", *symbols[:mark]] + ["]"] * (ended or mark < len(symbols))
        if mark < len(symbols):
            parts += ["decision : [", *symbols[mark + 1 :]] + ["]"] * ended
    return " ".join(parts)
