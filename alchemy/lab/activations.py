"""Interchange interventions, paths of the answer, knock-outs and linear probes of trained models, each done once and kept.

What is read are gold lines of held-out problems. For interchanges and paths each is a pair with the next of its seed: the
source, and the target. They must have their parts at the same places.

Dimension letters: `s` seeds, `n` problems of each, `t` tokens, `c` ids a position carries, `r` tokens of an answer, `l` layers,
`m` masks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from alchemy.causal import patching, probes
from alchemy.causal.patching import CUTS, Effects, Kind, Paths
from alchemy.causal.probes import Probe
from alchemy.causal.readout import answer_places, read_out
from alchemy.lab.lab import Lab
from alchemy.lab.seed_rows import rows_of
from alchemy.lab.store import Pieces
from alchemy.learning.open_model import Patch
from alchemy.learning.train import Runs
from alchemy.problem.gold import NO_MARK
from alchemy.problem.task import Batch, Task
from alchemy.record import digest, fingerprint, plain


class _Pairs(NamedTuple):
    """What is read, and where its parts are."""

    source: np.ndarray  # int32 (s, n, t, c)
    target: np.ndarray  # int32 (s, n, t, c)
    places: np.ndarray  # int (r,): of the answer
    prompt: int  # its tokens


def interchange(
    lab: Lab, runs: Runs, task: Task, n: int, kind: Kind = "residual", *, source: Batch | None = None
) -> Effects:
    """Put activations of one problem into another, one at a time: `alchemy.causal.patching.interchange`.

    `source`, if given, are the s n problems to take them from, instead of the next ones. Raises `UserError` if the problems are
    of different shapes.
    """
    pairs = _pairs(lab, runs, task, n, source)
    shape = patching.map_shape(runs.model, int(pairs.places[-1]) + 1, kind)
    names = _names(runs, pairs, {"kind": kind, "places": pairs.places.tolist()})

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params = rows_of(runs.trained.params, rows)
        made = patching.interchange(
            runs.model, params, pairs.source[rows], pairs.target[rows], pairs.places, kind, progress
        )
        pairs_of_all = np.broadcast_to(made.pairs.reshape(-1, *(1 for _ in shape)), made.source.shape)
        whole = np.stack([made.source, made.target, made.log_odds, pairs_of_all], axis=-1)
        return {"interchange": np.concatenate([whole, made.token_source, made.token_log_odds], axis=-1)}

    read = 2 * n * int(pairs.places[-1]) * int(np.prod(shape))
    packed = lab.keep(
        "interchange", runs.model, names, (*shape, 4 + 2 * len(pairs.places)), read, make, f"interchange {kind}", n
    )
    (became, stayed, odds, counted), by_token = np.moveaxis(packed[..., :4], -1, 0), packed[..., 4:]
    tokens, token_odds = np.split(by_token, 2, axis=-1)
    return Effects(became, stayed, odds, tokens, token_odds, counted.reshape(len(counted), -1)[:, 0].astype(int))


def paths(lab: Lab, runs: Runs, task: Task, n: int) -> Paths:
    """Which way answers come, from the prompt or through the trace: `alchemy.causal.patching.paths`.

    Raises `UserError` if the problems are of different shapes, or have no trace.
    """
    pairs = _pairs(lab, runs, task, n)
    names = _names(runs, pairs, {"places": pairs.places.tolist(), "prompt": pairs.prompt})

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        params = rows_of(runs.trained.params, rows)
        made = patching.paths(
            runs.model, params, pairs.source[rows], pairs.target[rows], pairs.places, pairs.prompt, progress
        )
        return {"paths": np.concatenate([*made[:3], made.log_odds[:, None]], axis=1)}

    read = 2 * 4 * n * len(CUTS) * int(pairs.places[-1])
    packed = lab.keep("paths", runs.model, names, (3 * len(CUTS) + 1,), read, make, "paths of the answer", 4 * n)
    return Paths(*np.split(packed[:, :-1], 3, axis=1), packed[:, -1])


def knocked_out(lab: Lab, runs: Runs, task: Task, n: int, blocked: np.ndarray) -> np.ndarray:
    """Whether models still write a gold answer, behind gold steps, where attention is blocked: bool (s, m, n).

    `blocked` bool (m, t, t) are masks over the tokens of a line, as of `alchemy.causal.knock_out`. Raises `UserError` if the
    problems are of different shapes, or if the model does not open its activations.
    """
    pairs = _pairs(lab, runs, task, n)
    t = int(pairs.places[-1]) + 1
    names = _names(runs, pairs, {"places": pairs.places.tolist(), "blocked": digest(blocked)})

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        texts, params = pairs.target[rows][:, :, None, :t], rows_of(runs.trained.params, rows)
        read = read_out(runs.model, params, texts, pairs.places, Patch(blocked=blocked[:, :t, :t]), progress=progress)
        return {"knocked_out": read.written[..., 0]}

    read = n * t * len(blocked)
    return lab.keep("knocked_out", runs.model, names, (len(blocked), n), read, make, "knock out attention", n)


def probe(
    lab: Lab, runs: Runs, task: Task, n: int, labels: Mapping[str, np.ndarray], inputs: np.ndarray
) -> dict[str, Probe]:
    """Probe the residual stream for labels of `lab.held_out(task, n, runs.seeds)`, by name: `alchemy.causal.probes.probe`.

    Labels, and the inputs that they are a function of, are int (s, n) or (s, n, t). Raises `UserError` if the problems are of
    different shapes.
    """
    pairs = _pairs(lab, runs, task, n)
    t = pairs.target.shape[2]
    own = [
        {name: digest(np.ascontiguousarray(values[row])) for name, values in labels.items()}
        for row in range(len(runs.seeds))
    ]
    names = [
        fingerprint({"lines": name, "labels": named, "inputs": digest(np.ascontiguousarray(kinds))})
        for name, named, kinds in zip(_names(runs, pairs, {}), own, inputs, strict=True)
    ]

    def make(rows: list[int], pieces: Pieces, progress: Callable[[int], None]) -> dict[str, np.ndarray]:
        chosen = {name: values[rows] for name, values in labels.items()}
        seeds = [runs.seeds[row] for row in rows]
        params = rows_of(runs.trained.params, rows)
        made = probes.probe(runs.model, params, pairs.target[rows], chosen, inputs[rows], seeds, progress)
        packed = [
            np.stack(np.broadcast_arrays(*found[:3], found.tokens[:, None], found.chance[:, None]), axis=1)
            for found in made.values()
        ]
        return {"probe": np.stack(packed, axis=1)}

    layers = patching.map_shape(runs.model, t, "residual")[0]
    shape = (len(labels), len(Probe._fields), layers, t)
    packed = lab.keep("probe", runs.model, names, shape, 2 * n * t, make, "probe", len(runs.seeds))
    parts = np.moveaxis(packed, 2, 0)  # (fields, s, labels, l + 1, t)
    return {name: Probe(*parts[:3, :, i], *parts[3:, :, i, 0]) for i, name in enumerate(labels)}


def _pairs(lab: Lab, runs: Runs, task: Task, n: int, source: Batch | None = None) -> _Pairs:
    """Gold lines of each seed's held-out problems as targets, and their sources."""
    batch = lab.held_out(task, n, runs.seeds)
    mark = task.vocabulary.index.get(task.text_format.answer_mark, NO_MARK)
    places, seeds = answer_places(batch, mark), len(runs.seeds)
    target = batch.tokens.reshape(seeds, n, *batch.tokens.shape[1:])
    others = np.roll(target, -1, axis=1) if source is None else source.tokens.reshape(target.shape)
    return _Pairs(others, target, places, int(batch.prompt_len[0]))


def _names(runs: Runs, pairs: _Pairs, key: Mapping[str, object]) -> list[str]:
    """A hash for each seed of everything that its result depends on."""
    return [
        fingerprint({"model": name, "source": digest(source), "target": digest(target), **plain(dict(key))})
        for name, source, target in zip(runs.names, pairs.source, pairs.target, strict=True)
    ]
