"""Episodes with scripted policies: an oracle meets the law, who cannot search scores the floor, and one loop is many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alchemy.decoding.episodes import bill, heard, play, written
from alchemy.decoding.ledger import Ledger
from alchemy.errors import UserError
from alchemy.learning.model import Cache
from alchemy.problem.task import EOS, PAD
from models.transformer import Transformer
from tasks.documents import Documents
from tasks.search import Search, laws
from tasks.search import searcher as searchers
from tasks.search.spec import DIGITS
from tasks.search.write import truth

TURNS, N = 6, 300


@dataclass(frozen=True)
class Scripted:
    """Not a network: it keeps the text, and its logits are one-hot on what a rule on texts says comes next."""

    rule: str
    task: Search
    context: int = 64
    loops: int = 1

    def init(self, key):
        return {"none": jnp.zeros(1)}

    def init_cache(self, n, length, dtype: Any = jnp.float32):
        return Cache({"text": jnp.zeros((n, self.context), jnp.int32)}, jnp.int32(0), jnp.zeros(n, jnp.int32))

    def extend(self, params, cache, tokens, last=False):
        ids, text, length = tokens[..., 0], cache.memory["text"], cache.length
        logits = []
        for place in range(ids.shape[1]):
            token = ids[:, place]
            text = jnp.where(
                (jnp.arange(self.context)[None] == length[:, None]) & (token != PAD)[:, None], token[:, None], text
            )
            length = length + (token != PAD)
            logits.append(self._next(text, length))
        stacked = jnp.stack([logits[-1]] if last else logits, axis=1)
        return stacked, Cache({"text": text}, cache.slot + ids.shape[1], length, cache.shared)

    def _next(self, text, length):
        return jax.nn.one_hot(RULES[self.rule](self.task, text, length), len(self.task.vocabulary))


def oracle(task, text, length):
    """Searches for what is due at the entity found last, and answers with it, or the first entity if it got nowhere."""
    index, at = task.vocabulary.index, jnp.arange(text.shape[1])[None]

    def token(place):
        return jnp.take_along_axis(text, place[:, None], axis=1)[:, 0]

    think = (text == index["<think>"]).argmax(axis=1)
    found = text == index["<found>"]
    done, last = found.sum(axis=1), jnp.where(found, at, 0).max(axis=1)
    entity = jnp.where(done > 0, token(last - 1), text[:, DIGITS])
    over = done >= think - DIGITS - 2
    phase, before, asks = (length - think - 1) % 5, token(length - 1), index["<answer>"]
    turn = jnp.where(
        phase == 0,
        jnp.where(over, asks, index["<search>"]),
        jnp.where(phase == 1, entity, token(jnp.minimum(DIGITS + 1 + done, think))),
    )
    turn = jnp.where(before == asks, jnp.where(over, entity, task.first_entity), turn)
    return jnp.where(token(jnp.maximum(length - 2, 0)) == asks, EOS, turn)


def still(task, text, length):
    """Never searches: the first entity is as good an answer as any."""
    last, asks = jnp.take_along_axis(text, length[:, None] - 1, axis=1)[:, 0], task.vocabulary.index["<answer>"]
    think = task.vocabulary.index["<think>"]
    return jnp.where(last == asks, task.first_entity, jnp.where(last == think, asks, EOS))


RULES = {"oracle": oracle, "still": still}
EXACT = Search(entities=8, relations=4, hops=(1, 2, 3), budgets=(TURNS,))
REGIMES = {
    "exact": EXACT,
    "tagged": replace(EXACT, reliability=0.6),
}


def played(rule, task, n=N, turns=TURNS, temperature=0.0):
    batch = task.sample(np.random.default_rng(0), n)
    episodes = {name: array[None] for name, array in task.episodes(batch.problem).items()}
    model = Scripted(rule, task)
    params = {"none": jnp.zeros((1, 1))}
    return batch, play(
        model, params, batch.prompts()[None], task.environment, episodes, turns=turns, temperature=temperature
    )


def right(task, batch, answers):
    return answers[0] == truth(task, batch.problem)[:, None] + task.first_entity


@pytest.mark.parametrize("task", REGIMES.values(), ids=REGIMES)
def test_an_oracle_writes_gold_searches_and_is_as_right_as_the_law_says(task):
    batch, episodes = played("oracle", task)
    gold = searchers.play(task, batch.problem)
    searches = np.where((episodes.turns[0, :, :, 0] == task.environment.search)[..., None], episodes.turns[0], PAD)
    np.testing.assert_array_equal(searches, gold)
    np.testing.assert_array_equal(episodes.made[0], (gold[:, :, 0] != PAD).sum(axis=1))
    hops = (batch.problem["path"] >= 0).sum(axis=1)
    for k in task.hops:
        measured = right(task, batch, episodes.answers)[hops == k, TURNS].mean()
        assert measured == pytest.approx(laws.ceiling(task, k, TURNS), abs=4 * 0.5 / np.sqrt((hops == k).sum()))


def test_asked_after_fewer_turns_an_oracle_says_what_it_knows_so_far():
    task = REGIMES["tagged"]
    batch, episodes = played("oracle", task)
    made = np.where((episodes.turns[0, :, :, 0] == task.environment.search)[..., None], episodes.turns[0], PAD)
    for turns in range(TURNS + 1):
        known = laws.posterior(task, batch.problem, np.where(np.arange(TURNS)[:, None] < turns, made, PAD))
        said = known[np.arange(N), episodes.answers[0, :, turns] - task.first_entity]
        np.testing.assert_allclose(said, known.max(axis=1), rtol=1e-9)


def test_who_cannot_search_scores_the_floor():
    batch, episodes = played("still", EXACT, 2000, 2)
    assert not episodes.made.any() and not episodes.begun().any()
    assert right(EXACT, batch, episodes.answers)[:, 2].mean() == pytest.approx(1 / 8, abs=0.03)
    assert (episodes.turns[0, :, 0] == [EXACT.environment.asks, EXACT.first_entity, EOS, PAD, PAD]).all()
    assert not episodes.turns[0, :, 1:].any()


@pytest.fixture(scope="module")
def small():
    """Two models, of weights under which some episodes end: with an answer, amid a request, amid thoughts."""
    model = Transformer(vocabulary=len(EXACT.vocabulary), width=16, layers=2, heads=2, context=48)
    return model, jax.vmap(model.init)(jnp.stack([jax.random.split(jax.random.key(seed), 2)[1] for seed in (4, 5)]))


def by_hand(whole, prompt, environment, episode, turns):
    """One episode, each token with a `whole` pass through the model: turns, answers, requests made, and where it ended."""

    def likeliest(text):
        padded = np.pad(np.array(text, np.int32), (0, 48 - len(text)))
        logits = np.array(whole(padded[None, :, None])[0, len(text) - 1])
        logits[PAD] = -np.inf
        return int(logits.argmax())

    text, answers, written, made, end = list(prompt), [], [], 0, ""

    def write(turn, where):
        """What the model writes, unless it has ended."""
        nonlocal end
        turn.append(PAD if end else likeliest([*text, *turn]))
        end = end or (where if turn[-1] == EOS else "")

    given = None
    for number in range(turns):
        answers.append(likeliest([*text, environment.asks]) if given is None else given)
        turn = []
        for _ in range(environment.said):
            write(turn, "request")
        if turn[0] == environment.asks:
            given, end = turn[1], "answer"
        made += not end
        told = environment.tell(episode, number, np.array([turn], np.int32))[0].tolist()
        turn += [PAD if end else token for token in told]
        for _ in range(environment.thoughts):
            write(turn, "thought")
        turn += [PAD if end else environment.skip] * environment.unthought
        text += [token for token in turn if token != PAD]
        written.append(turn)
    last = likeliest([*text, environment.asks]) if given is None else given
    return written, [*answers, last], made, end


@pytest.mark.parametrize(
    ("task", "ends"),
    [(EXACT, {"", "answer", "request"}), (replace(EXACT, chain=2, thoughts=(1,)), {"", "request", "thought"})],
    ids=["plain", "worked out"],
)
def test_the_loop_is_what_whole_passes_through_the_model_say(small, task, ends):
    model, params = small
    batch = task.sample(np.random.default_rng(1), 5)
    episodes, environment = task.episodes(batch.problem), task.environment
    both = [np.stack([array, array[::-1]]) for array in (batch.prompts(), *episodes.values())]
    prompts, worlds = both[0], dict(zip(episodes, both[1:], strict=True))
    result = play(model, params, prompts, environment, worlds, turns=3, rows=2)
    assert result.turns.shape == (2, 5, 3, task.turn) and result.answers.shape == (2, 5, 4)
    whole, seen = jax.jit(model.apply), set()
    for seed, row in np.ndindex(2, 5):
        own = jax.tree.map(lambda leaf, seed=seed: leaf[seed], params)
        prompt = prompts[seed, row, :, 0]
        episode = {name: array[seed, row : row + 1] for name, array in worlds.items()}
        written, answers, made, end = by_hand(partial(whole, own), prompt[prompt != PAD], environment, episode, 3)
        assert result.turns[seed, row].tolist() == written and result.answers[seed, row].tolist() == answers
        assert result.made[seed, row] == made
        seen.add(end)
    assert seen >= ends


def test_asked_at_the_end_alone_models_answer_the_same_there(small):
    model, params = small
    batch = EXACT.sample(np.random.default_rng(1), 4)
    prompts = np.stack([batch.prompts()] * 2)
    worlds = {name: np.stack([array] * 2) for name, array in EXACT.episodes(batch.problem).items()}
    each, last = (play(model, params, prompts, EXACT.environment, worlds, turns=2, each=each) for each in (True, False))
    np.testing.assert_array_equal(each.turns, last.turns)
    np.testing.assert_array_equal(each.answers[:, :, -1], last.answers[:, :, -1])
    assert not last.answers[:, :, 0].any() and each.answers[:, :, 0].all()


def test_drawn_episodes_depend_on_their_seed_and_not_on_the_rows_beside_them(small):
    model, params = small
    batch = EXACT.sample(np.random.default_rng(1), 6)
    prompts = np.stack([batch.prompts()] * 2)
    worlds = {name: np.stack([array] * 2) for name, array in EXACT.episodes(batch.problem).items()}

    def drawn(**options):
        return play(model, params, prompts, EXACT.environment, worlds, turns=2, temperature=0.9, **options)

    first, again, other = drawn(seeds=(3, 4)), drawn(seeds=(3, 4), rows=4), drawn(seeds=(3, 4), seed=1)
    np.testing.assert_array_equal(first.turns, again.turns)
    assert (first.turns != other.turns).any()


def test_the_bill_by_hand():
    batch, episodes = played("oracle", EXACT, 3)
    prompt_len = batch.prompt_len[None].astype(float)
    made = episodes.made[0].astype(float)
    whole = bill(episodes, prompt_len, 100, EXACT.environment, TURNS)
    np.testing.assert_array_equal(whole.searches[0], made)
    np.testing.assert_array_equal(whole.written[0], 3 * made + 3)
    np.testing.assert_array_equal(whole.told[0], 2 * made)
    np.testing.assert_array_equal(whole.flops[0], 200 * (prompt_len[0] + 5 * made + 3))
    worked = bill(episodes, prompt_len, 100, replace(EXACT, chain=3, thoughts=(1,)).environment, TURNS)
    np.testing.assert_array_equal(worked.written[0], 4 * made + 3)
    np.testing.assert_array_equal(worked.told[0], (5 + 2) * made)
    at_once = bill(episodes, prompt_len, 100, EXACT.environment, 0)
    assert not at_once.searches.any() and not at_once.told.any() and (at_once.written == 3).all()
    assert (Ledger(*(whole + at_once)).written == whole.written + 3).all()


def test_searches_of_a_turn_are_on_the_bill_as_searches_and_the_turn_as_one():
    side = Documents(entities=8, queries=3, slots=2, budgets=(2,))
    batch = side.sample(np.random.default_rng(0), 4)
    model = Transformer(vocabulary=len(side.vocabulary), width=16, layers=1, heads=2, context=64)
    params = jax.vmap(model.init)(jax.random.split(jax.random.key(0), 1))
    worlds = {name: array[None] for name, array in side.episodes(batch.problem).items()}
    episodes = play(model, params, batch.prompts()[None], side.environment, worlds, turns=2)
    assert episodes.turns.shape == (1, 4, 2, 9 + 12 + 1)
    whole = bill(episodes, batch.prompt_len[None], 100, side.environment, 2)
    made = episodes.made.astype(float)
    np.testing.assert_array_equal(whole.turns, made)
    np.testing.assert_array_equal(whole.searches, 3 * made)
    np.testing.assert_array_equal(whole.written, 9 * made + 3)
    np.testing.assert_array_equal(whole.told, 13 * made)


def test_made_to_go_on_nobody_answers_before_being_asked(small):
    model, params = small
    batch = EXACT.sample(np.random.default_rng(1), 200)
    prompts = np.stack([batch.prompts()] * 2)
    worlds = {name: np.stack([array] * 2) for name, array in EXACT.episodes(batch.problem).items()}
    free, made = (
        play(model, params, prompts, EXACT.environment, worlds, turns=3, goes_on=goes_on, temperature=3.0)
        for goes_on in (False, True)
    )
    began = [(played.turns[..., 0] == EXACT.environment.asks).any() for played in (free, made)]
    assert began == [True, False]


@pytest.mark.parametrize("task", [replace(REGIMES["tagged"], budgets=(1, 3, 6)), EXACT], ids=["tagged", "exact"])
def test_whole_texts_of_an_oracle_are_the_gold_ones_and_told_where_these_are(task):
    batch = task.sample(np.random.default_rng(0), 100)
    worlds = {name: array[None] for name, array in task.episodes(batch.problem).items()}
    model, budget = Scripted("oracle", task), batch.problem["budget"].astype(int)
    options = dict(turns=6, samples=2, temperature=0.0)
    texts = written(
        model, {"none": jnp.zeros((1, 1))}, batch.prompts()[None], task.environment, worlds, budget[None], **options
    )
    np.testing.assert_array_equal(texts[:, :, 0], texts[:, :, 1])
    gold, made = batch.completions(), texts[0, :, 0]
    gold = np.pad(gold, ((0, 0), (0, max(0, made.shape[1] - gold.shape[1]))))[:, : made.shape[1]]
    same = (gold == made).all(axis=1)
    assert task.verify(batch, made).trace.all() and same.mean() > 0.5  # the others have found no answer, and guess
    told = np.zeros(made.shape, bool)
    for row, start in enumerate(batch.prompt_len):
        mine = batch.told[row, start:][: made.shape[1]]
        told[row, : len(mine)] = mine
    np.testing.assert_array_equal(heard(task.environment, made, budget)[same], told[same])


def test_an_end_in_the_middle_of_a_request_ends_the_text(small):
    model, params = small
    batch = EXACT.sample(np.random.default_rng(1), 40)
    prompts = np.stack([batch.prompts()] * 2)
    worlds = {name: np.stack([array] * 2) for name, array in EXACT.episodes(batch.problem).items()}
    budget = np.full((2, 40), 3)
    texts = written(model, params, prompts, EXACT.environment, worlds, budget, turns=3, temperature=3.0)
    ends = (texts == EOS).argmax(axis=3)
    assert (texts == EOS).any(axis=3).all() and ((ends % 5 < 3) & (ends < 15)).any()
    assert not np.where(np.arange(texts.shape[3]) > ends[..., None], texts, PAD).any()


def test_too_long_an_episode_is_the_users_error(small):
    """Prompts of 3 and of 43 tokens: a turn of 5 and an answer are one token more than there is room for."""
    model, params = small
    prompts = np.zeros((2, 2, 50, 1), np.int32)
    prompts[:, 0, :3], prompts[:, 1, :43] = EXACT.first_entity, EXACT.first_entity
    for turns, temperature, says in (
        (1, 0.0, "49 tokens of prompt and 1 turns do not fit a context of 48"),
        (0, 0.0, "0 turns"),
        (1, -1.0, "temperature -1.0"),
    ):
        with pytest.raises(UserError, match=says):
            play(model, params, prompts, EXACT.environment, {}, turns=turns, temperature=temperature)
    prompts[:, 1, 42:] = PAD
    problem = EXACT.draw(np.random.default_rng(0), 2)
    worlds = {name: np.stack([array] * 2) for name, array in EXACT.episodes(problem).items()}
    just = play(model, params, prompts, EXACT.environment, worlds, turns=1)
    assert just.turns.shape[:3] == (2, 2, 1), "as long as the context, it fits"
