"""Linear probes of the residual stream, at every layer and position at once: what is decodable, where, and before it is written?

A probe is a ridge regression to one-hot labels in closed form. Each seed's problems are divided in three: half to fit on, a
quarter to choose the strength of the regularisation by, a quarter to test on.

What a probe can decode need not be represented, let alone used (Hewitt and Liang, arXiv:1909.03368). So each stands beside
four others: chance, the same labels from the tokens read so far, the same from a model with random weights, and from the model
itself random labels of the same inputs. Where what is probed is printed in the text so far, a probe says nothing.

Dimension letters: `s` seeds, `n` problems, `l` layers, `t` tokens, `c` ids a position carries, `v` vocabulary, `d` features,
`k` classes, `z` strengths of regularisation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from alchemy.errors import UserError
from alchemy.learning import tuning
from alchemy.learning.kept import Kept
from alchemy.learning.model import Model, Params
from alchemy.learning.open_model import OpenModel, opened
from alchemy.problem.streams import stream
from alchemy.problem.task import PAD

STRENGTHS = 10.0 ** np.arange(-6, 3)
"""Of the regularisation, relative to the mean variance of a feature over the problems fitted on."""


class Probe(NamedTuple):
    """Accuracies on problems that nothing was fitted or chosen on."""

    accuracy: np.ndarray  # float (s, l + 1, t): behind the embedding, then behind each layer
    control: np.ndarray  # float (s, l + 1, t): of random labels of the same inputs
    untrained: np.ndarray  # float (s, l + 1, t): from a model with random weights
    tokens: np.ndarray  # float (s, t): from the tokens up to that position alone
    chance: np.ndarray  # float (s, t): of the commonest label

    @property
    def selectivity(self) -> np.ndarray:
        """By how much the labels are decoded better than random ones of the same inputs, float (s, l + 1, t)."""
        return self.accuracy - self.control

    @property
    def excess(self) -> np.ndarray:
        """By how much the probe is better than the best of the others, float (s, l + 1, t)."""
        baselines = self.control, self.untrained, self.tokens[:, None], self.chance[:, None]
        return self.accuracy - np.max(np.broadcast_arrays(*baselines), axis=0)

    def first_decodable(self, margin: float = 0.05, known: np.ndarray | float = 0.0) -> np.ndarray:
        """The first position where some layer beats all the others by `margin`, int (s,); the number of positions where none
        does.

        `known` (s | 1, t) is the accuracy of the best predictor from the tokens up to each position, where the task knows it: a
        linear probe of the tokens is not always the best.
        """
        above = np.minimum(self.excess.max(axis=1), self.accuracy.max(axis=1) - known) > margin
        return np.where(above.any(axis=1), above.argmax(axis=1), above.shape[1])


def probe(
    model: Model,
    params: Params,
    tokens: np.ndarray,
    labels: Mapping[str, np.ndarray],
    inputs: np.ndarray,
    seeds: Sequence[int],
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Probe]:
    """Probe models (leaves (s, ...)) that read `tokens` int32 (s, n, t, c), for each of the named labels.

    Labels are int (s, n), or (s, n, t) with one for each position. `inputs`, of either shape too, says which part of the
    problem the labels are a function of, as a number: the control labels are a random function of it. It must be coarse enough
    for problems tested on to share theirs with some fitted on. Problems of a seed are different, and in random order. `seeds`
    name the random weights and labels. Raises `UserError` if the model does not open its activations.
    """
    s, n, t, _ = tokens.shape
    for name, values in {**labels, "inputs": inputs}.items():
        if values.shape not in ((s, n), (s, n, t)):
            raise UserError(f"labels {name!r} have shape {values.shape}, expected {(s, n)} or {(s, n, t)}")
    if n < 8:
        raise UserError(f"{n} problems are too few to fit, choose and test a probe; expected at least 8")
    read = _reader(opened(model), tuning.scored_tokens() // t)
    rows = []
    for row, seed in enumerate(seeds):
        weights, fresh = jax.tree.map(itemgetter(row), params), model.init(jax.random.key(seed))
        own = {name: _by_position(values[row], t) for name, values in labels.items()}
        streams = [stream(f"control of {name}", seed) for name in own]
        controls = [
            _control(_by_position(inputs[row], t), values, rng)
            for values, rng in zip(own.values(), streams, strict=True)
        ]
        accuracy, control = np.split(_accuracies(read(weights, tokens[row]), [*own.values(), *controls]), 2)
        untrained = _accuracies(read(fresh, tokens[row]), list(own.values()))
        of_tokens = _accuracies_of_prefixes(tokens[row], list(own.values()))
        chance = [_chance(values) for values in own.values()]
        rows.append([accuracy, control, untrained, of_tokens, np.stack(chance)])
        progress(row + 1)
    by_label = [np.stack(parts, axis=1) for parts in zip(*rows, strict=True)]  # each (labels, s, ...)
    return {name: Probe(*(part[i] for part in by_label)) for i, name in enumerate(labels)}


@lru_cache(maxsize=64)
def _reader(model: OpenModel, size: int) -> Callable[[Params, np.ndarray], jax.Array]:
    """The residual stream behind every token, (l + 1, t, n, d), of texts int32 (n, t, c), about `size` of them at once."""

    def read(params: Params, tokens: jax.Array) -> jax.Array:
        def one(text: jax.Array) -> jax.Array:
            return model.open(params, text[None])[1].residual[0]

        return jnp.moveaxis(jax.lax.map(one, tokens, batch_size=max(1, size)), 0, 2)

    return Kept(read, model, size)


def _by_position(values: np.ndarray, t: int) -> np.ndarray:
    """Labels (n,) or (n, t) as (t, n)."""
    return np.broadcast_to(values, (t, len(values))) if values.ndim == 1 else values.T


def _control(inputs: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random labels (t, n), the same wherever the input (t, n) is, as frequent as the labels (t, n) are."""
    kinds, which = np.unique(inputs, return_inverse=True)
    drawn = rng.choice(labels.ravel(), len(kinds))
    return drawn[which].reshape(inputs.shape)


def _parts(n: int) -> tuple[slice, slice, slice]:
    """The problems to fit on, to choose by, and to test on."""
    return slice(0, n // 2), slice(n // 2, 3 * n // 4), slice(3 * n // 4, n)


def _chance(labels: np.ndarray) -> np.ndarray:
    """How often the commonest of labels (t, n) is right, float (t,)."""
    fit, _, test = _parts(labels.shape[1])
    kinds, which = np.unique(labels, return_inverse=True)
    which = which.reshape(labels.shape)
    counts = np.stack([(which[:, fit] == kind).sum(axis=1) for kind in range(len(kinds))], axis=1)
    return (which[:, test] == counts.argmax(axis=1)[:, None]).mean(axis=1)


def _accuracies(features: jax.Array, targets: Sequence[np.ndarray]) -> np.ndarray:
    """Of probes of features (l, t, n, d) for each of the targets int (t, n): float (targets, l, t)."""
    return np.stack([ridge(layer, targets) for layer in np.asarray(features)], axis=1)


def _accuracies_of_prefixes(tokens: np.ndarray, targets: Sequence[np.ndarray]) -> np.ndarray:
    """Of probes of the ids at each position up to each, in texts int32 (n, t, c): float (targets, t)."""
    ids = np.unique(tokens[tokens != PAD])
    seen = (tokens[..., None] == ids).sum(axis=2)  # (n, t, v)
    accuracies = []
    for place in range(tokens.shape[1]):
        prefix = seen[:, : place + 1].reshape(len(tokens), -1)
        prefix = prefix[:, (prefix != prefix[:1]).any(axis=0)]
        accuracies.append(ridge(prefix[None], [target[place][None] for target in targets])[:, 0])
    return np.stack(accuracies, axis=1)


def ridge(features: np.ndarray, targets: Sequence[np.ndarray]) -> np.ndarray:
    """Test accuracies of ridge regressions of features (t, n, d) to each of the targets int (t, n): float (targets, t).

    The strength is the largest of those that are best on the problems to choose by.
    """
    predict, accuracies = _regression(features), []
    for target in targets:
        kinds, which = np.unique(target, return_inverse=True)
        y = np.eye(len(kinds))[which.reshape(target.shape)]  # (t, n, k)
        right = [
            (scores.argmax(axis=-1) == true.argmax(axis=-1)).mean(axis=-1) for scores, true in predict(y)
        ]  # each (z, t)
        accuracies.append(_best(*right))
    return np.stack(accuracies)


def memberships(features: np.ndarray, sets: Sequence[np.ndarray]) -> np.ndarray:
    """How well ridge regressions of features (t, n, d) tell the members of each of the sets bool (n, k): float (sets, t).

    Of as many elements as a set has, those with the highest scores, the share that are members, on test problems; it is members /
    k of a guess. The strength is chosen as by `ridge`. No set of a problem may be empty.
    """
    predict, found = _regression(features), []
    for members in sets:
        right = [_share_found(scores, true > 0) for scores, true in predict(members[None].astype(float))]
        found.append(_best(*right))
    return np.stack(found)


def _share_found(scores: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Of members bool (1, n, k) the share that are among as many elements as there are with the highest scores (z, t, n, k), on
    average: float (z, t)."""
    count = members.sum(axis=-1, keepdims=True)
    rank = (-scores).argsort(axis=-1, kind="stable").argsort(axis=-1, kind="stable")
    share: np.ndarray = ((rank < count) & members).sum(axis=-1) / count[..., 0]
    return share.mean(axis=-1)


def _best(choose: np.ndarray, test: np.ndarray) -> np.ndarray:
    """What test (z, t) says of the largest of the strengths that are best by choose (z, t): (t,)."""
    best = len(STRENGTHS) - 1 - choose[::-1].argmax(axis=0)
    return np.take_along_axis(test, best[None], axis=0)[0]


def _regression(features: np.ndarray) -> Callable[[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """Ridge regressions of features (t, n, d) of every strength to values (t | 1, n, k): what they say (z, t, m, k) beside the values
    (t | 1, m, k), of the problems to choose by and of those to test on."""
    fit, choose, test = _parts(features.shape[1])
    x = features.astype(float)
    mean = x[:, fit].mean(axis=1, keepdims=True)
    variances, basis, onto = _decomposed(x[:, fit] - mean)
    scale = STRENGTHS[:, None, None] * variances.sum(axis=1, keepdims=True) / max(1, variances.shape[1])  # (z, t, 1)
    shrunk = np.divide(1.0, variances + scale, out=np.zeros_like(variances + scale), where=scale > 0)  # (z, t, r)
    coordinates = (x - mean) @ basis  # (t, n, r)

    def predict(y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        middle = y[:, fit].mean(axis=1, keepdims=True)
        weights = shrunk[..., None] * (onto @ (y[:, fit] - middle))  # (z, t, r, k)
        return [(coordinates[:, part] @ weights + middle, y[:, part]) for part in (choose, test)]

    return predict


def _decomposed(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """E (t, r), B (t, d, r) and A (t, r, n), such that B A / (E + strength) are the weights of ridge regressions on x (t, n, d).

    With X = U S V', E is S^2 and B A is V S U': from the eigenvectors V of X'X, or U of XX', whichever is the smaller.
    """
    _, n, d = x.shape
    transposed = x.swapaxes(1, 2)
    values, vectors = np.linalg.eigh(transposed @ x if d <= n else x @ transposed)
    values = np.maximum(values, 0.0)
    if d <= n:
        return values, vectors, (x @ vectors).swapaxes(1, 2)
    return values, transposed @ vectors, vectors.swapaxes(1, 2)
