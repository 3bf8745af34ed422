"""Recursive reasoners: a small network that corrects a latent state of a whole board again and again, with kinds of noise.

One transition is `inner` corrections of a low state with the high one fixed, l <- f(l + h + x), and one of the high state,
h <- f(h + l); `transitions` of them make a step, after which the board is read (TRM, arXiv:2510.04871; HRM, arXiv:2506.21734).
Training takes `supervision` steps, reads and corrects after each, and cuts the gradient between them and before each step's last
transition. All of them happen in one step of the optimizer; the papers take one of the optimizer after each. The fields choose
among:

- TRM as it is; with `hierarchy=False` a looped transformer; with one step of one transition and `layers` of their own plain depth.
- EqR (arXiv:2605.21488): random starts, updates damped and, in training, noisy.
- GRAM (arXiv:2605.19376): h <- u + e, where u = f(h + l) and e is Gaussian with a learned mean and size. Training draws e of a
  step's last transition from a posterior that sees the solution, and pays for its distance from the prior that does not. All
  others are drawn from the prior: through a transition that is not paid for, the solution would leak.
- its control `guide="free"`: Gaussian noise of learned size, mean zero, and no posterior.
- Winner-take-all (arXiv:2601.19085): of several random starts the best is trained.

Dimension letters: `n` boards, `p` cells, `c` ids a cell carries, `a` values of a cell, `d` width, `m` hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp

from alchemy.errors import UserError, nearest
from alchemy.latent.reasoner import Diagnosis, Reading, State
from alchemy.learning.data import Examples
from alchemy.learning.model import Params
from alchemy.problem.task import PAD
from models import kernels

Guide = Literal["none", "free", "posterior"]
GUIDES: tuple[Guide, ...] = ("none", "free", "posterior")
FIRST_SIZE = -2.3
"""Log of the size of learned noise at the start: a tenth of the state's."""
SIZES = (-6.0, 1.0)
"""Bounds of that logarithm: beyond the last, noise drowns the state."""
STEADY_WIDTH = 32
"""Width beyond which heads of noise are scaled down by it: a step of Adam changes what they say in proportion to the width, and the
price is a sum over its coordinates, so that wide reasoners would pay for every step (arXiv:2203.03466)."""
BALANCE = 0.8
"""Share of the gradient of the divergence that moves the prior towards the posterior (KL balancing, arXiv:2010.02193)."""


class Gaussian(NamedTuple):
    """A normal distribution of each coordinate."""

    mean: jax.Array  # (n, p, d)
    log_size: jax.Array  # (n, p, d): of the standard deviation


@dataclass(frozen=True)
class Recursive:
    """A recursive reasoner; the fields are the architecture, its noise and how it is corrected."""

    vocabulary: int = 1
    """Ids that cells carry; an experiment takes it from the task."""
    cells: int = 16
    values: int = 4
    width: int = 64
    layers: int = 2
    """Of the network f, each with a mixer of the cells and a gated network of each cell."""
    hidden: int = 0
    """Of the gated network; 0 means 2 x width."""
    mixer: Literal["cells", "attention"] = "cells"
    """A gated network over the cells of each coordinate, as TRM has for Sudoku, or attention with `heads`."""
    heads: int = 4
    inner: int = 2
    transitions: int = 2
    supervision: int = 4
    hierarchy: bool = True
    """Whether there is a low state; without it, a transition corrects the one state as often: h <- f(h + x)."""
    guide: Guide = "none"
    beta: float = 1.0
    """The price of a nat of divergence, in nats of the loss; both are sums over the cells."""
    start_noise: float = 0.0
    """Standard deviation of starts around the learned one."""
    damping: float = 0.0
    """Share of the old state that an update keeps."""
    update_noise: float = 0.0
    """Standard deviation of what training adds to every update."""
    starts: int = 1
    """Trajectories of a board in training, of which the best is corrected."""
    ema: float = 0.0
    """Of weights over the steps of training: what is kept is their moving average with this decay, if it is not 0."""
    taught: ClassVar[tuple[str, ...]] = ("board", "halt", "value")
    """What the loss corrects."""

    def __post_init__(self) -> None:
        for name in (
            "vocabulary",
            "cells",
            "values",
            "width",
            "layers",
            "heads",
            "transitions",
            "supervision",
            "starts",
        ):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("hidden", "inner", "beta", "start_noise", "update_noise"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} must be at least 0, not {getattr(self, name)}")
        for name in ("damping", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} {getattr(self, name)} is outside [0, 1)")
        if self.guide not in GUIDES:
            raise UserError(f"guide {self.guide!r} is unknown{nearest(self.guide, GUIDES)}")
        if self.mixer not in ("cells", "attention"):
            raise UserError(f"mixer {self.mixer!r} is unknown{nearest(self.mixer, ('cells', 'attention'))}")
        if self.mixer == "attention" and self.width % self.heads:
            raise UserError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.starts > 1 and not self.start_noise:
            raise UserError(f"{self.starts} starts without start_noise are all the same")

    @property
    def loops(self) -> int:
        """Times a cell passes through the network while an example is trained on."""
        return self.starts * self.supervision * self.transitions * (self.inner + 1)

    @property
    def step_cost(self) -> int:
        d, p, m = self.width, self.cells, self._hidden
        mixing = 6 * p * p * d if self.mixer == "cells" else 4 * p * d * d + 2 * p * p * d
        passes = self.transitions * (self.inner + 1) * self.layers * (mixing + 3 * p * d * m)
        noise = {"none": 0, "free": 2 * p * d * d, "posterior": 3 * p * d * d}[self.guide] * self.transitions
        return passes + noise + p * d * self.values + 2 * (d * d + d)

    @property
    def learns_noise(self) -> bool:
        return self.guide != "none"

    @property
    def _hidden(self) -> int:
        return self.hidden or 2 * self.width

    def init(self, key: jax.Array) -> Params:
        d, p, m, layers = self.width, self.cells, self._hidden, self.layers
        keys = iter(jax.random.split(key, 16))

        def matrices(*shape: int) -> jax.Array:
            return jax.random.normal(next(keys), shape) / shape[-2] ** 0.5

        mixing = (
            {"mix_up": matrices(layers, p, 4 * p), "mix_down": matrices(layers, 2 * p, p)}
            if self.mixer == "cells"
            else {"qkv": matrices(layers, d, 3 * d), "out": matrices(layers, d, d)}
        )
        params = {
            "token": jax.random.normal(next(keys), (self.vocabulary, d)),
            "place": jax.random.normal(next(keys), (p, d)),
            "start": jax.random.normal(next(keys), (2, d)),
            "blocks": {**mixing, "up": matrices(layers, d, 2 * m), "down": matrices(layers, m, d)},
            "read": matrices(d, self.values),
            "halt": _judge(matrices(d, d)),
        }
        if self.guide != "none":
            params["prior"] = _head(next(keys), d, 1 if self.guide == "free" else 2)
        if self.guide == "posterior":
            params["posterior"] = _head(next(keys), d, 2)
            params["solution"] = jax.random.normal(next(keys), (self.values, d))
        params["value"] = _judge(matrices(d, d))
        return params

    def embed(self, params: Params, tokens: jax.Array) -> jax.Array:
        return jnp.where((tokens != PAD)[..., None], params["token"][tokens], 0).sum(axis=2) + params["place"][None]

    def start(self, params: Params, keys: jax.Array) -> State:
        high, low = (jnp.broadcast_to(vector, (len(keys), self.cells, self.width)) for vector in params["start"])
        if self.start_noise:
            for_high, for_low = _two(keys)
            high = high + self.start_noise * _normal(for_high, high)
            low = low + self.start_noise * _normal(for_low, low)
        return State(high, low if self.hierarchy else low[:, :1])

    def step(self, params: Params, embedded: jax.Array, state: State, keys: jax.Array) -> State:
        for number in range(self.transitions):
            state = self._drawn(params, self._proposed(params, embedded, state), _fold(keys, number))
        return state

    def read(self, params: Params, state: State) -> Reading:
        halt, value = (_log_odds(params[head], _seen(state)) for head in ("halt", "value"))
        return Reading(state.high.astype(jnp.float32) @ params["read"].astype(jnp.float32), halt, value)

    def loss(self, params: Params, examples: Examples, keys: jax.Array) -> jax.Array:
        """Of boards int (n, p, c) whose cells of `weight` are to be filled as `target` says: the sum over them all.

        No gradient passes from step to step, so that each step's is taken as soon as it is there, and nothing is saved for it.
        What the value head foretells is known after the last one, and moves that head alone.
        """
        keys = self._best(params, examples, keys)
        wholly = jax.value_and_grad(lambda params, *rest: self._supervised(params, examples, *rest), has_aux=True)

        def step(carried: Any, number: jax.Array) -> tuple[Any, tuple[jax.Array, jax.Array]]:
            state, total, gradient = carried
            (loss, (state, noise)), own = wholly(params, state, _fold(keys, number))
            return (state, total + loss, jax.tree.map(jnp.add, gradient, own)), (_seen(state), noise.posterior_right)

        begun = self.start(params, keys), jnp.float32(0), jax.tree.map(jnp.zeros_like, params)
        (_, total, gradient), (seen, right) = jax.lax.scan(step, begun, jnp.arange(self.supervision))
        total, gradient, fixed, seen, right = jax.lax.stop_gradient((total, gradient, params, seen, right))
        moved = jax.tree.map(lambda slope, leaf, at: (slope * (leaf - at)).sum(), gradient, params, fixed)
        foretold = _log_loss(_log_odds(params["value"], seen), right[-1:].astype(bool)).sum()
        return (total + sum(jax.tree.leaves(moved)) + foretold) / self.supervision

    def diagnose(self, params: Params, examples: Examples, keys: jax.Array) -> Diagnosis:
        """Of boards with their solutions, after as many steps as in training."""
        embedded = self.embed(params, jnp.asarray(examples.tokens))

        def step(states: tuple[State, State], number: jax.Array) -> tuple[tuple[State, State], Diagnosis]:
            own = _fold(keys, number)
            _, (told, seen) = self._supervised(params, examples, states[0], own)
            return (told, self.step(params, embedded, states[1], own)), seen

        begun = self.start(params, keys)
        (_, state), seen = jax.lax.scan(step, (begun, begun), jnp.arange(self.supervision))
        right = self._right(self.read(params, state).logits, examples)
        return Diagnosis(*(of_step[-1] for of_step in seen))._replace(prior_right=right.astype(jnp.float32))

    def _best(self, params: Params, examples: Examples, keys: jax.Array) -> jax.Array:
        """Of several keys made of each the one whose trajectory loses least, (n,)."""
        if self.starts == 1:
            return keys
        own = jax.vmap(lambda key: jax.random.split(key, self.starts))(keys)  # (n, starts)

        def lost(keys: jax.Array) -> jax.Array:
            def step(state: State, number: jax.Array) -> tuple[State, jax.Array]:
                state = self.step(params, embedded, state, _fold(keys, number))
                return state, self._missed(self.read(params, state), examples)

            return jax.lax.scan(step, self.start(params, keys), jnp.arange(self.supervision))[1].sum(axis=0)

        embedded = self.embed(params, jnp.asarray(examples.tokens))
        losses = jax.lax.map(lost, own.T)  # (starts, n)
        return own[jnp.arange(len(keys)), jax.lax.stop_gradient(losses).argmin(axis=0)]

    def _supervised(
        self, params: Params, examples: Examples, state: State, keys: jax.Array
    ) -> tuple[jax.Array, tuple[State, Diagnosis]]:
        """The loss of a step of all boards together, the state after it, and what noise did."""
        embedded = self.embed(params, jnp.asarray(examples.tokens))
        *earlier, last = (_fold(keys, transition) for transition in range(self.transitions))
        for each in earlier:
            state = self._drawn(params, self._proposed(params, embedded, state, each), each)
        state = jax.tree.map(jax.lax.stop_gradient, state)
        proposed = self._proposed(params, embedded, state, last)
        state, paid, noise = self._told(params, examples, proposed, last)
        reading = self.read(params, state)
        right = self._right(reading.logits, examples)
        loss = self._missed(reading, examples) + self.beta * paid + _log_loss(reading.halt, right)
        return loss.sum(), (state, noise._replace(posterior_right=right.astype(jnp.float32)))

    def _missed(self, reading: Reading, examples: Examples) -> jax.Array:
        """Cross entropy of the cells that are to be filled, their sum (n,)."""
        target = jax.nn.one_hot(examples.target, self.values)
        losses = -(jax.nn.log_softmax(reading.logits) * target).sum(axis=-1)
        return (losses * examples.weight.astype(jnp.float32)).sum(axis=1)

    def _right(self, logits: jax.Array, examples: Examples) -> jax.Array:
        """Boards whose blanks are read as the solution shown has them, bool (n,)."""
        return ((logits.argmax(axis=-1) == examples.target) | ~examples.weight.astype(bool)).all(axis=1)

    def _proposed(self, params: Params, embedded: jax.Array, state: State, keys: jax.Array | None = None) -> State:
        """The state after a transition, before its noise is drawn; with `keys` (n,) as in training."""
        high, low = state

        def updated(old: jax.Array, given: jax.Array, number: int) -> jax.Array:
            new = self._network(params["blocks"], old + given)
            new = self.damping * old + (1 - self.damping) * new if self.damping else new
            if not self.update_noise or keys is None:
                return new
            return new + self.update_noise * _normal(_fold(keys, 1 + number), new)

        for number in range(self.inner):
            if self.hierarchy:
                low = updated(low, high + embedded, number)
            else:
                high = updated(high, embedded, number)
        return State(updated(high, low if self.hierarchy else embedded, self.inner), low)

    def _drawn(self, params: Params, proposed: State, keys: jax.Array) -> State:
        """A proposal with noise of the prior."""
        if self.guide == "none":
            return proposed
        return proposed._replace(high=proposed.high + _sample(self._prior(params, proposed.high), keys))

    def _told(
        self, params: Params, examples: Examples, proposed: State, keys: jax.Array
    ) -> tuple[State, jax.Array, Diagnosis]:
        """A proposal with noise that has seen the solution, if it may; its price (n,); and what it did."""
        nothing = jnp.zeros(len(keys))
        if self.guide == "none":
            return proposed, nothing, Diagnosis(nothing, nothing, nothing, nothing, nothing)
        prior = self._prior(params, proposed.high)
        size, mean = jnp.exp(prior.log_size).mean(axis=(1, 2)), jnp.sqrt((prior.mean**2).mean(axis=(1, 2)))
        if self.guide == "free":
            return self._drawn(params, proposed, keys), nothing, Diagnosis(nothing, size, mean, nothing, nothing)
        posterior = _gaussian(params["posterior"], proposed.high + params["solution"][examples.target])
        cut = partial(jax.tree.map, jax.lax.stop_gradient)
        price = BALANCE * divergence(cut(posterior), prior) + (1 - BALANCE) * divergence(posterior, cut(prior))
        told = proposed._replace(high=proposed.high + _sample(posterior, keys))
        differ = divergence(posterior, prior) / self.cells
        return told, price, Diagnosis(differ, size, mean, nothing, nothing)

    def _prior(self, params: Params, high: jax.Array) -> Gaussian:
        return _gaussian(params["prior"], high)

    def _network(self, blocks: Params, x: jax.Array) -> jax.Array:
        """f of x (n, p, d): every layer normalises what it adds to."""
        for number in range(self.layers):
            block = {name: leaf[number] for name, leaf in blocks.items()}
            x = _normalised(x + (self._mixed(block, x) if self.mixer == "cells" else self._attended(block, x)))
            x = _normalised(x + _gated(x, block["up"], block["down"]))
        return x

    def _mixed(self, block: Params, x: jax.Array) -> jax.Array:
        return _gated(x.swapaxes(1, 2), block["mix_up"], block["mix_down"]).swapaxes(1, 2)

    def _attended(self, block: Params, x: jax.Array) -> jax.Array:
        n, p, d = x.shape
        query, key, value = jnp.split((x @ block["qkv"]).reshape(n, p, self.heads, -1), 3, axis=-1)
        everywhere = jnp.ones((1, 1, p), bool)
        read = kernels.attention(query, (*kernels.split_heads(key, value), everywhere))
        return read.reshape(n, p, d) @ block["out"]


def divergence(left: Gaussian, right: Gaussian) -> jax.Array:
    """Kullback-Leibler divergence of the right distribution from the left one, of all cells together, in nats (n,)."""
    ratio = jnp.exp(2 * (left.log_size - right.log_size))
    distance = (left.mean - right.mean) ** 2 * jnp.exp(-2 * right.log_size)
    return (right.log_size - left.log_size + (ratio + distance - 1) / 2).sum(axis=(1, 2))


def _head(key: jax.Array, d: int, outputs: int) -> Params:
    """What makes a distribution of a state; without a mean if it has one output. Mean zero and a tenth in size at first."""
    up = jax.random.normal(key, (d, d)) / d**0.5
    bias = jnp.zeros((outputs, d)).at[-1].set(FIRST_SIZE)
    return {"up": up, "down": jnp.zeros((d, outputs * d)), "bias": bias}


def _judge(up: jax.Array) -> Params:
    """What says how likely something is, given a state; a coin at first."""
    return {"up": up, "down": jnp.zeros(len(up)), "bias": jnp.zeros(())}


def _seen(state: State) -> jax.Array:
    """What a head reads (n, d): no gradient passes through, so that what it is taught moves nothing else."""
    return jax.lax.stop_gradient(state.high.astype(jnp.float32)).mean(axis=1)


def _log_odds(head: Params, seen: jax.Array) -> jax.Array:
    """What a head says of states (..., n, d): (..., n)."""
    return jax.nn.silu(seen @ head["up"]) @ head["down"] + head["bias"]


def _gaussian(head: Params, x: jax.Array) -> Gaussian:
    """The distribution that a head makes of x (n, p, d)."""
    hidden = jax.nn.silu(x @ head["up"])
    out = hidden @ head["down"] * (STEADY_WIDTH / max(STEADY_WIDTH, x.shape[-1])) + head["bias"].reshape(1, 1, -1)
    *means, log_size = jnp.split(out, len(head["bias"]), axis=-1)
    return Gaussian(means[0] if means else jnp.zeros_like(log_size), jnp.clip(log_size, *SIZES))


def _sample(noise: Gaussian, keys: jax.Array) -> jax.Array:
    return noise.mean + jnp.exp(noise.log_size) * _normal(keys, noise.mean)


def _normal(keys: jax.Array, like: jax.Array) -> jax.Array:
    """Standard normal numbers in the shape and precision of (n, ...), each row from its own key (n,)."""
    return jax.vmap(lambda key: jax.random.normal(key, like.shape[1:], like.dtype))(keys)


def _fold(keys: jax.Array, number: int | jax.Array) -> jax.Array:
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)


def _two(keys: jax.Array) -> tuple[jax.Array, jax.Array]:
    return _fold(keys, 0), _fold(keys, 1)


def _normalised(x: jax.Array) -> jax.Array:
    """Vectors (..., d) of mean square 1."""
    return kernels.standardize(x, 1e-5, False)


def _gated(x: jax.Array, up: jax.Array, down: jax.Array) -> jax.Array:
    """A gated network of the last axis of x (arXiv:2002.05202)."""
    gate, value = jnp.split(x @ up, 2, axis=-1)
    return (jax.nn.silu(gate) * value) @ down


def _log_loss(logit: jax.Array, happened: jax.Array) -> jax.Array:
    return jnp.logaddexp(0.0, jnp.where(happened, -logit, logit))
