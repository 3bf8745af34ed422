"""Interchange interventions: activations of one run are put into another, and the answer may change.

Two problems of equal shape are read, the source and the target. Where the target's answer becomes the source's once an
activation of the source stands in for the target's, that activation carries the answer (Geiger et al., arXiv:2106.02997;
Meng et al., arXiv:2202.05262).

Dimension letters: `s` seeds, `n` pairs, `m` changes, `t` tokens, `c` ids a position carries, `r` tokens of an answer,
`l` layers, `h` heads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

import jax
import numpy as np

from alchemy.causal.knock_out import between
from alchemy.causal.readout import Readout, own_answers, read_out, with_answer
from alchemy.errors import UserError, nearest
from alchemy.learning.model import Model, Params
from alchemy.learning.open_model import Patch, opened
from alchemy.learning.train import shapes

Kind = Literal["residual", "heads"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CUTS = ("none", "answer from prompt", "answer from trace", "all from prompt")
"""What is kept from reading what: nothing; what writes the answer from the prompt, or from the trace; all from the prompt."""


class Effects(NamedTuple):
    """What an interchange of each activation does, over pairs whose answers differ.

    Maps are (s, l + 1, t) of the residual stream behind the embedding and each layer, (s, l, t, h) of heads; t ends before the
    last token of the answer. Of whole answers, and of each token behind the ones before it, over pairs that differ there.
    """

    source: np.ndarray  # float (s, ...): answers that become the source's
    target: np.ndarray  # float (s, ...): answers that stay the target's; the rest are others
    log_odds: np.ndarray  # float (s, ...): of the one answer against the other; 0 as in the target, 1 as in the source
    token_source: np.ndarray  # float (s, ..., r): tokens that become the source's
    token_log_odds: np.ndarray  # float (s, ..., r)
    pairs: np.ndarray  # int (s,): pairs whose answers differ


class Paths(NamedTuple):
    """Which way the answer comes, over pairs whose answers differ, by `CUTS`.

    Of texts whose prompt is one problem's and whose trace the other's, the shares of answers that are the trace's and that are
    the prompt's; the rest are others.
    """

    trace: np.ndarray  # float (s, cuts)
    prompt: np.ndarray  # float (s, cuts)
    kept: np.ndarray  # float (s, cuts): answers that stay as they are where prompt and trace are one problem's
    log_odds: (
        np.ndarray
    )  # float (s,): the trace's part of the log-odds of the two answers; the prompt's is the rest of 1

    @property
    def share(self) -> np.ndarray:
        """The share that passes through written tokens, float (s,): the trace's answers, of those that are its or the prompt's."""
        return _ratio(self.trace[:, 0], self.trace[:, 0] + self.prompt[:, 0])


def interchange(
    model: Model,
    params: Params,
    source: np.ndarray,
    target: np.ndarray,
    places: np.ndarray,
    kind: Kind = "residual",
    progress: Callable[[int], None] = lambda done: None,
) -> Effects:
    """Put each activation of reading `source` into the reading of `target`, both int32 (s, n, t, c), one at a time.

    Answers are what the models (leaves (s, ...)) write greedily at consecutive `places` int (r,) of these texts, whose parts
    stand at the same places. Both runs read the same tokens of the answer. `progress` is called with the number of pairs done. Raises `UserError` on an unknown kind, or if
    the model does not open its activations.
    """
    answers = [own_answers(model, params, text, places) for text in (source, target)]
    in_source, in_target = (_with_either(text, places, answers) for text in (source, target))
    shape = map_shape(model, in_target.shape[3], kind)
    alone = np.eye(int(np.prod(shape)), dtype=bool).reshape(-1, *shape)
    alone = np.pad(alone, [(0, 0), (0, 0), (0, 1)] + [(0, 0)] * (kind == "heads"))
    changes = Patch(residual_at=alone) if kind == "residual" else Patch(heads_at=alone)
    patched = read_out(model, params, in_target, places, changes, in_source, progress)
    as_source, as_target = (read_out(model, params, text, places) for text in (in_source, in_target))

    differ = answers[0] != answers[1]  # (s, n, r)
    pairs = differ.any(axis=2)
    became = _mean(patched.written, pairs)  # (s, m, 2)
    token_source = _mean(patched.likeliest[..., 0, :], differ)  # (s, m, r)
    odds = [_log_odds(read) for read in (patched, as_source, as_target)]  # each (s, m, n, r)
    log_odds = _normalised([tokens.sum(axis=-1) for tokens in odds], pairs)
    by_cell = became[..., 0], became[..., 1], log_odds, token_source, _normalised(odds, differ)
    maps = [values.reshape(len(pairs), *shape, *values.shape[2:]) for values in by_cell]
    return Effects(*maps, pairs=pairs.sum(axis=1))


def map_shape(model: Model, t: int, kind: Kind) -> tuple[int, ...]:
    """The shape of a map of texts of `t` tokens, whose last carries nothing to others: (l + 1, t - 1), or (l, t - 1, h).

    Raises `UserError` on an unknown kind, or if the model does not open its activations.
    """
    if kind not in KINDS:
        raise UserError(f"kind {kind!r} is unknown{nearest(kind, KINDS)}")
    tokens = jax.ShapeDtypeStruct((1, t, 1), np.int32)
    _, seen = jax.eval_shape(opened(model).open, shapes(model), tokens)
    layers, _, *heads = getattr(seen, kind).shape[1:-1]
    return layers, t - 1, *heads


def paths(
    model: Model,
    params: Params,
    source: np.ndarray,
    target: np.ndarray,
    places: np.ndarray,
    prompt: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Paths:
    """Swap the traces of texts `source` and `target`, int32 (s, n, t, c), whose first `prompt` tokens are the prompt.

    The trace stands behind the prompt, then a mark, then the answer at consecutive `places` int (r,). Raises `UserError` where
    there is no trace, or if the model does not open its activations.
    """
    if places[0] - 1 <= prompt:
        raise UserError(f"no trace between a prompt of {prompt} tokens and the answer at {places[0]}")
    answers = [own_answers(model, params, text, places) for text in (source, target)]
    swapped = [
        np.concatenate([one[:, :, :prompt], other[:, :, prompt:]], axis=2)
        for one, other in ((source, target), (target, source))
    ]
    texts = np.concatenate([_with_either(text, places, answers) for text in (source, target, *swapped)], axis=1)
    read = read_out(model, params, texts, places, Patch(blocked=_cuts(texts.shape[3], prompt, places)), None, progress)

    pairs = (answers[0] != answers[1]).any(axis=2)
    written = np.split(read.written, 4, axis=2)
    (whole_source, _), (_, whole_target), (prompt_source, trace_target), (trace_source, prompt_target) = (
        np.moveaxis(_mean(part, pairs), -1, 0) for part in written
    )
    odds = [
        _mean(part[:, :1], pairs)[:, 0] for part in np.split(_log_odds(read).sum(axis=-1), 4, axis=2)
    ]  # (s,) of each kind of text
    by_trace = (odds[0] - odds[2] + odds[3] - odds[1]) / 2
    return Paths(
        (trace_source + trace_target) / 2,
        (prompt_source + prompt_target) / 2,
        (whole_source + whole_target) / 2,
        _ratio(by_trace, odds[0] - odds[1]),
    )


def _with_either(text: np.ndarray, places: np.ndarray, answers: Sequence[np.ndarray]) -> np.ndarray:
    """Texts int32 (s, n, t, c) with each of the answers int32 (s, n, r): (s, n, answers, t, c)."""
    return np.stack([with_answer(text, places, answer) for answer in answers], axis=2)


def _cuts(t: int, prompt: int, places: np.ndarray) -> np.ndarray:
    """Of each of `CUTS` what may not read what, bool (cuts, t, t)."""
    of_prompt, of_trace, behind = range(prompt), range(prompt, places[0] - 1), range(prompt + 1, t)
    cuts = ((), ()), (places, of_prompt), (places, of_trace), (behind, of_prompt)
    return np.stack([between(t, writing, reading) for writing, reading in cuts])


def _log_odds(read: Readout) -> np.ndarray:
    """Of the source's answer against the target's, token by token: float (s, m, n, r)."""
    return read.logprob[..., 0, :].astype(float) - read.logprob[..., 1, :]


def _mean(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Means of values (s, m, n, ...) over the pairs counted, bool (s, n) or (s, n, ...): float (s, m, ...); nan over none."""
    counted = counted[:, None]
    counted = np.broadcast_to(counted.reshape(counted.shape + (1,) * (values.ndim - counted.ndim)), values.shape)
    return _ratio(np.where(counted, values, 0.0).sum(axis=2), counted.sum(axis=2))


def _normalised(odds: Sequence[np.ndarray], counted: np.ndarray) -> np.ndarray:
    """Means of the first array (s, m, n, ...) where those of the second, (s, 1, n, ...), are 1 and those of the third 0."""
    patched, source, target = (_mean(values, counted) for values in odds)
    return _ratio(patched - target, np.broadcast_to(source - target, patched.shape))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole; nan where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) != 0)
