"""Episodes: a model writes a request, an environment tells it something, and so on until it answers or is made to.

All episodes go on in lockstep: a turn has as many tokens in each, some that the model writes and some that it is told, so that
a whole episode is one loop with the environment inside, and no Python runs in between. Before each turn the answer is asked
for beside the text, and what that leaves in the cache is dropped: one run gives the answer at every budget of turns.

Dimension letters: `s` seeds, `n` problems, `t` turns, `w` tokens of a turn, `c` ids a position carries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from alchemy.decoding import cache as caches
from alchemy.decoding.engine import Engine, Texts
from alchemy.decoding.generate import lengths
from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError
from alchemy.learning import machine, tuning
from alchemy.learning.model import Model, Params
from alchemy.problem.task import EOS, PAD


class Environment(Protocol):
    """Answers requests; hashable, as a program is compiled for each."""

    @property
    def said(self) -> int:
        """Tokens of a request."""

    @property
    def told(self) -> int:
        """Tokens that are told behind it."""

    @property
    def queries(self) -> int:
        """Requests of a turn, which are answered together."""

    @property
    def asks(self) -> int:
        """The id of the token that asks for the answer: an episode in which it begins a turn is over behind that turn. The answer
        is the next token."""

    @property
    def thoughts(self) -> int:
        """Tokens that are written behind what is told, before the next turn."""

    @property
    def unthought(self) -> int:
        """Tokens that stand behind these and are told, each of them `skip`."""

    @property
    def skip(self) -> int:
        """The id that says that nothing is thought."""

    def tell(self, episode: Mapping[str, Any], turn: Any, said: Any) -> Any:
        """What is told behind requests int32 (n, said), the `turn`-th of each: int32 (n, told); `episode` arrays (n, ...)."""


def width_of(environment: Environment) -> int:
    """Tokens of a turn."""
    return environment.said + environment.told + environment.thoughts + environment.unthought


class Played(NamedTuple):
    """Episodes of each model."""

    turns: np.ndarray  # int32 (s, n, t, w): what was written and told; PAD behind the end
    answers: np.ndarray  # int32 (s, n, t + 1): the answer if it has to be given after so many turns
    made: np.ndarray  # int32 (s, n): turns with whole requests, before the model answered by itself or wrote no more

    def begun(self) -> np.ndarray:
        """Turns made by the time that the answer is asked for after 0, 1, ... turns, int (s, n, t + 1)."""
        return np.minimum(self.made[:, :, None], np.arange(self.answers.shape[2]))


def play(
    model: Model,
    params: Params,
    prompts: np.ndarray,
    environment: Environment,
    episodes: Mapping[str, np.ndarray],
    *,
    turns: int,
    each: bool = True,
    goes_on: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
    seeds: Sequence[int] = (),
    rows: int = 0,
    precision: str = "auto",
) -> Played:
    """Let each of `s` models play an episode of `turns` turns from each of its prompts int32 (s, n, t, c).

    `episodes` are arrays (s, n, ...) for the environment. Without `each` the answer is asked for behind the last turn alone, which
    is faster; those that nobody asked for are padding. With `goes_on` no model answers or ends a text before it is asked: where it would, it writes
    the likeliest other token and searches on (budget forcing, arXiv:2510.06135). Temperature 0 writes the likeliest token; answers that are asked for
    are always the likeliest. Otherwise as `alchemy.decoding.generate.draw`. Raises `UserError` if an episode cannot fit the
    model's context.
    """
    if turns < 1 or temperature < 0:
        raise UserError(f"{turns} turns at temperature {temperature}: expected at least 1 and at least 0")
    s, n = prompts.shape[:2]
    width = width_of(environment)
    longest = int(lengths(prompts).max(initial=0)) + turns * width + 1
    if longest > model.context:
        raise UserError(f"{longest} tokens of prompt and {turns} turns do not fit a context of {model.context}")
    size = min(n, rows or tuning.decoded_rows())
    engine = Engine(model, temperature > 0)
    run = _runner(engine, environment, turns, each, goes_on, precision)
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.asarray(seeds or range(s), jnp.int32))
    pieces = []
    for start in range(0, n, size):
        problems = np.minimum(np.arange(start, start + size), n - 1)  # the last piece is filled up
        inputs = prompts[:, problems], {name: array[:, problems] for name, array in episodes.items()}
        pieces.append(jax.device_get(run(params, *inputs, problems.astype(np.int32), keys, jnp.float32(temperature))))
    tokens, asked = (np.concatenate(parts, axis=1)[:, :n] for parts in zip(*pieces, strict=True))
    return _settled(tokens.reshape(s, n, turns, width), asked, environment)


def _settled(turns: np.ndarray, asked: np.ndarray, environment: Environment) -> Played:
    """Episodes int32 (s, n, t, w) and what was said when asked, int32 (s, n, t + 1): an answer that was given stays."""
    answered = turns[..., 0] == environment.asks
    cut = np.isin(turns[..., : environment.said], (EOS, PAD)).any(axis=3)
    made = (~answered & ~cut).sum(axis=2)
    place = answered.argmax(axis=2)[:, :, None]
    given = np.take_along_axis(turns[..., 1], place, axis=2)
    behind = answered.any(axis=2, keepdims=True) & (np.arange(asked.shape[2]) > place)
    return Played(turns, np.where(behind, given, asked).astype(np.int32), made.astype(np.int32))


@lru_cache(maxsize=64)
def _runner(
    engine: Engine, environment: Environment, turns: int, each: bool, goes_on: bool, precision: str
) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """One compiled program: all seeds, all turns."""
    model, dtype, width = engine.model, machine.dtype(precision), width_of(environment)

    def one_seed(inputs: tuple[Any, ...], problems: jax.Array, temperature: jax.Array) -> tuple[jax.Array, jax.Array]:
        params, prompts, episode, key = inputs
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        n, t, ids = prompts.shape

        def answer(texts: Texts) -> jax.Array:
            """What is said if the answer is asked for now; the cache stays as it was."""
            ask = jnp.zeros((n, 1, ids), jnp.int32).at[:, :, 0].set(environment.asks)
            logits, _ = model.extend(params, texts.cache, ask)
            return logits[:, 0].at[:, PAD].set(-1e30).argmax(axis=-1).astype(jnp.int32)

        def turn(state: tuple[Texts, jax.Array], number: jax.Array) -> tuple[tuple[Texts, jax.Array], jax.Array]:
            texts, logits = state
            asked = answer(texts) if each else jnp.zeros(n, jnp.int32)
            if goes_on:
                logits = logits.at[:, jnp.array([environment.asks, EOS])].set(-1e30)
            texts = engine.write(texts, logits, temperature, jnp.zeros(0, jnp.int32))
            answered = texts.tokens[texts.step - 1] == environment.asks
            for _ in range(environment.said - 1):
                logits, texts = engine.read(params, texts, ids)
                texts = engine.write(texts, logits, temperature, jnp.zeros(0, jnp.int32))
            said = jax.lax.dynamic_slice_in_dim(texts.tokens, texts.step - environment.said, environment.said).T
            texts = texts._replace(stopped=texts.stopped | answered)
            texts = engine.hear(texts, environment.tell(episode, number, said))
            logits, texts = engine.read(params, texts, ids, 1 + environment.told)
            for _ in range(environment.thoughts):
                texts = engine.write(texts, logits, temperature, jnp.zeros(0, jnp.int32))
                logits, texts = engine.read(params, texts, ids)
            if environment.unthought:
                texts = engine.hear(texts, jnp.full((n, environment.unthought), environment.skip, jnp.int32))
                logits, texts = engine.read(params, texts, ids, environment.unthought)
            return (texts, logits), asked

        logits, cache = model.extend(params, model.init_cache(n, t, dtype), prompts, last=True)
        cache = caches.branch(model, cache, 1, turns * width + 1)
        keys = jax.vmap(partial(jax.random.fold_in, key))(problems)
        texts = engine.start(cache, keys, jnp.zeros(n, bool), turns * width)
        (texts, _), asked = jax.lax.scan(turn, (texts, logits[:, 0]), jnp.arange(turns))
        return texts.tokens.T, jnp.concatenate([asked, answer(texts)[None]]).T

    @jax.jit
    def run(
        params: Params,
        prompts: jax.Array,
        episodes: Mapping[str, jax.Array],
        problems: jax.Array,
        keys: jax.Array,
        temperature: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        work = partial(one_seed, problems=problems, temperature=temperature)
        return tuning.map_seeds(work, (params, prompts, episodes, keys))

    return run


def written(
    model: Model,
    params: Params,
    prompts: np.ndarray,
    environment: Environment,
    episodes: Mapping[str, np.ndarray],
    budget: np.ndarray,
    *,
    turns: int,
    samples: int = 1,
    temperature: float = 1.0,
    seed: int = 0,
    seeds: Sequence[int] = (),
) -> np.ndarray:
    """Whole texts of `samples` episodes of each problem, the answer asked for behind `budget` turns int (s, n), at most `turns`:
    completions int32 (s, n, k, m). Otherwise as `play`."""
    s, n = budget.shape

    def repeated(array: np.ndarray) -> np.ndarray:
        return np.repeat(array, samples, axis=1)

    worlds = {name: repeated(array) for name, array in episodes.items()}
    each, options = bool((budget != turns).any()), dict(temperature=temperature, seed=seed, seeds=seeds)
    played = play(model, params, repeated(prompts), environment, worlds, turns=turns, each=each, **options)  # type: ignore[arg-type]
    allowed = repeated(budget)
    begun = (played.turns[..., 0] != PAD) & (played.turns[..., 0] != environment.asks)
    made, width = np.minimum(begun.sum(axis=2), allowed), width_of(environment)
    answer = np.take_along_axis(played.answers, allowed[:, :, None], axis=2)
    ends = np.concatenate([np.full_like(answer, environment.asks), answer, np.full_like(answer, EOS)], axis=2)
    there = np.arange(turns)[:, None] < made[:, :, None, None]
    texts = np.pad(np.where(there, played.turns, PAD).reshape(s, n * samples, -1), ((0, 0), (0, 0), (0, 3)))
    np.put_along_axis(texts, width * made[:, :, None] + np.arange(3), ends, axis=2)
    over = np.cumsum(texts == EOS, axis=2) - (texts == EOS) > 0  # an end in the middle of a request is one
    return np.where(over, PAD, texts).reshape(s, n, samples, -1).astype(np.int32)


def heard(environment: Environment, completions: np.ndarray, budget: np.ndarray) -> np.ndarray:
    """Which tokens of completions int32 (n, m) the environment wrote, with budgets of turns int (n,): bool (n, m). It asks for the
    answer where the budget is used up, and writes behind requests, whole ones and others, until then."""
    place = np.arange(completions.shape[1])
    turn, within = np.divmod(place, width_of(environment))
    asked = (completions == environment.asks) & (within == 0)
    answer = np.where(asked.any(axis=1), asked.argmax(axis=1), completions.shape[1])[:, None]
    behind = within - environment.said
    told = (behind >= 0) & ((behind < environment.told) | (behind >= environment.told + environment.thoughts))
    told = told & (place < answer) & (completions != PAD)
    return np.asarray(told | ((place == answer) & (turn == budget[:, None])))


def bill(played: Played, prompt_len: np.ndarray, parameters: int, environment: Environment, turns: int) -> Ledger:
    """What it costs to have the answers after `turns` turns, from prompts of `prompt_len` tokens (s, n).

    An answer that is asked for costs what one that is given does: the mark, the answer and the end. What was asked beside the
    text at other budgets is not on the bill. A turn with several requests is one turn, and as many searches.
    """
    begun = played.begun()[:, :, turns].astype(float)
    written = begun * (environment.said + environment.thoughts) + 3
    told = begun * (environment.told + environment.unthought)
    return Ledger.of(
        parameters,
        np.asarray(prompt_len, float),
        written,
        written,
        told=told,
        searches=begun * environment.queries,
        turns=begun,
    )
