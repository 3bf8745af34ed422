"""What guides a search: oracles with dials, and learned verifiers that say of a prefix what they say of the whole."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from scipy.stats import norm

from alchemy.decoding.sampler import Branches
from alchemy.errors import UserError
from alchemy.lab import verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.train import Trained
from alchemy.problem.split import Split, join
from alchemy.problem.task import EOS, PAD
from alchemy.progress import Progress
from alchemy.testtime.answers import Samples
from alchemy.testtime.judging import Judging
from alchemy.testtime.learned_verifier import Verifier, aggregated
from alchemy.testtime.rewards import LearnedReward, OracleReward, ThinkingReward, WrittenReward
from alchemy.testtime.thinking_verifier import Format, ThinkingVerifier, Weighed
from models.transformer import Transformer
from tasks.equations import Equations
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2 F3",), alphabet="ABCDEFGH", length=(3,))
BATCH = Split().distinct(TASK, np.random.default_rng(0), 40, "test")
GOLD = BATCH.completions()


def branches(tokens):
    tokens = np.asarray(tokens)
    return Branches(tokens, np.zeros(tokens.shape[:2]), (tokens == EOS).any(axis=2))


def cut_chains():
    """The gold chain up to each of its cuts and whole, and the same with the first letter of the second step wrong."""
    ends = np.flatnonzero(np.isin(GOLD[0], TASK.step_delimiters) | (GOLD[0] == EOS)) + 1
    wrong = GOLD.copy()
    first, last = TASK.letters[0], TASK.letters[-1]
    wrong[:, ends[0]] = np.where(wrong[:, ends[0]] == last, first, wrong[:, ends[0]] + 1)
    rows = [np.where(np.arange(GOLD.shape[1]) < end, completion, PAD) for completion in (GOLD, wrong) for end in ends]
    return branches(np.stack(rows, axis=1)), len(ends)


def test_steps_are_judged_as_they_come_and_outcomes_at_the_end():
    prefixes, steps = cut_chains()
    step, outcome = (OracleReward(TASK, BATCH, kind).score(prefixes) for kind in ("step", "outcome"))
    assert (step[:, :steps] == 1).all() and (step[:, steps] == 1).all() and (step[:, steps + 1 :] == 0).all()
    assert (outcome[:, : steps - 1] == 0.5).all() and (outcome[:, steps - 1] == 1).all()
    assert (outcome[:, steps:-1] == 0.5).all()


def test_the_same_text_gets_the_same_noise_and_others_get_their_own():
    prefixes, steps = cut_chains()
    reward = OracleReward(TASK, BATCH, "step", sigma=0.5)
    scores, reordered = reward.score(prefixes), reward.score(branches(prefixes.tokens[:, ::-1]))[:, ::-1]
    np.testing.assert_array_equal(scores, reordered)
    assert (scores != OracleReward(TASK, BATCH, "step", sigma=0.5, salt=1).score(prefixes)).all()
    noise = scores - OracleReward(TASK, BATCH, "step").score(prefixes)
    assert np.unique(noise[:, :steps]).size == 40 * steps
    assert abs(noise.mean()) < 0.1 and noise.std() == pytest.approx(0.5, rel=0.15)


def scramble(number):
    """SplitMix64 in whole numbers, as published."""
    z = (number + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def chance(problem, text, salt, stream):
    """The number in (0, 1) that a text of a problem gets, in whole numbers: 53 bits of a hash, and half of the last."""
    state = 0
    for token in text:
        state = scramble(state ^ (token + 1)) if token else state
    return ((scramble(state ^ scramble(problem) ^ scramble(4 * salt + stream)) >> 11) + 0.5) / 2**53


def test_noise_and_errors_are_those_of_the_hash_of_problem_and_text():
    """Stored searches rely on them: the noise is a quantile of the normal distribution at one number, errors are another."""
    prefixes, _ = cut_chains()
    exact, problems = OracleReward(TASK, BATCH, "step").score(prefixes), TASK.identity(BATCH.problem).tolist()
    for salt in (0, 3):
        noisy = OracleReward(TASK, BATCH, "step", sigma=0.5, salt=salt).score(prefixes) - exact
        taken = OracleReward(TASK, BATCH, "step", systematic_error=0.3, salt=salt).score(prefixes)
        for row in range(5):
            for branch, text in enumerate(prefixes.tokens[row].tolist()):
                errs = chance(problems[row], text, salt, 1) < 0.3
                assert taken[row, branch] == (exact[row, branch] or errs)
                quantile = norm.ppf(chance(problems[row], text, salt, 2))
                assert noisy[row, branch] == pytest.approx(0.5 * quantile, abs=1e-9)


def test_a_text_errs_if_its_number_is_below_the_share_of_errors_and_not_at_it():
    """To the last bit: a number is the middle of the 2**53 parts of the unit interval that its hash names."""
    prefixes, _ = cut_chains()
    problems = TASK.identity(BATCH.problem).tolist()
    wrong = prefixes._replace(tokens=prefixes.tokens[:, -1:], ended=prefixes.ended[:, -1:])
    numbers = [chance(problem, text[0], 0, 1) for problem, text in zip(problems, wrong.tokens.tolist(), strict=True)]
    small = [(row, number) for row, number in enumerate(numbers) if number < 0.25]
    assert len(small) > 3
    for row, number in small:
        for share, taken in ((number, 0), (np.nextafter(number, 1), 1)):
            reward = OracleReward(TASK, BATCH, "step", systematic_error=float(share))
            assert reward.score(wrong)[row, 0] == taken


def test_unfinished_outcomes_get_no_noise_and_a_step_counts_once_it_is_finished():
    prefixes, steps = cut_chains()
    outcome = OracleReward(TASK, BATCH, "outcome", sigma=0.5).score(prefixes)
    assert (outcome[:, : steps - 1] == 0.5).all() and (np.abs(outcome[:, steps - 1] - 1) > 0).all()
    cut = prefixes.tokens[:, 1].copy()
    last = np.flatnonzero(cut[0])[-1]
    cut[:, last - 1] = np.where(cut[:, last - 1] == TASK.letters[0], TASK.letters[1], TASK.letters[0])
    open_step = np.where(np.arange(cut.shape[1]) < last, cut, PAD)
    scores = OracleReward(TASK, BATCH, "step").score(branches(np.stack([open_step, cut], axis=1)))
    assert (scores[:, 0] == 1).all() and (scores[:, 1] == 0).all()


def test_names_tell_rewards_apart():
    dials = [{}, {"kind": "outcome"}, {"sigma": 0.5}, {"systematic_error": 0.1}, {"salt": 1}, {"parameters": 7}]
    names = {OracleReward(TASK, BATCH, **changes).name for changes in dials}
    assert len(names) == len(dials)
    assert OracleReward(TASK, BATCH).name == "exact step, noise 0, loved 0, salt 0"
    half = OracleReward(TASK, BATCH, sigma=0.5).rows(np.arange(20))
    prefixes, _ = cut_chains()
    whole = OracleReward(TASK, BATCH, sigma=0.5).score(prefixes)
    np.testing.assert_array_equal(half.score(branches(prefixes.tokens[:20])), whole[:20])


def test_loved_mistakes_are_taken_for_right_always():
    prefixes, steps = cut_chains()
    reward = OracleReward(TASK, BATCH, "step", systematic_error=0.3)
    score = reward.score(prefixes)
    assert (score[:, : steps + 1] == 1).all(), "what is right stays right"
    assert 0.1 < score[:, steps + 1 :].mean() < 0.5 and set(np.unique(score)) == {0.0, 1.0}
    np.testing.assert_array_equal(score, reward.score(prefixes))


@pytest.mark.parametrize("bad", [{"kind": "setp"}, {"sigma": -1.0}, {"systematic_error": 1.5}])
def test_impossible_dials_are_the_users_error(bad):
    with pytest.raises(UserError):
        OracleReward(TASK, BATCH, **bad)


def test_a_learned_verifier_says_of_prefixes_what_it_says_of_the_whole(tmp_path):
    model = Transformer(vocabulary=len(TASK.vocabulary) + 2, width=16, layers=1, heads=2, context=48, scale=0.5)
    params = jax.jit(jax.vmap(model.init))(jax.vmap(jax.random.key)(np.arange(2)))
    runs = SimpleNamespace(model=model, seeds=(0, 1), names=("a", "b"), trained=Trained(params, np.zeros((2, 1))))
    prefixes, steps = cut_chains()
    completions = np.repeat(prefixes.tokens[:, steps - 1][None, :, None], 2, axis=0)
    token_scores = verifiers.score_samples(
        Lab(tmp_path, Progress(quiet=True)), Verifier(runs, "process"), Samples(TASK, join([BATCH, BATCH]), completions)
    )
    for row in range(2):
        reward = LearnedReward(Verifier(runs, "process"), row, TASK, BATCH, "min")
        score = reward.score(prefixes)
        assert reward.parameters == sum(leaf.size for leaf in jax.tree.leaves(params)) // 2
        for step in range(steps):
            np.testing.assert_allclose(
                score[:, step], aggregated(token_scores[row, :, 0, : step + 1], "min"), atol=1e-4
            )
        assert score.shape == prefixes.ended.shape and (reward.thinking, reward.readings) == (0, 1)
    assert LearnedReward(Verifier(runs, "process"), 0, TASK, BATCH).name != reward.name


def test_a_thinking_reward_asks_the_verifier_of_its_seed(monkeypatch):
    """What it is asked, and what becomes of marks after two thoughts: their mean, no less than exp(-30)."""
    runs = SimpleNamespace(
        model=None, seeds=(3, 8, 5), trained=Trained({"w": np.arange(3)}, np.zeros((3, 1))), names=("a", "b", "c")
    )
    thoughts, asked = np.array([[[5, EOS], [PAD, PAD]]] * len(GOLD), np.int32), {}
    prefixes, _ = cut_chains()
    marks = np.log(np.random.default_rng(0).random((*prefixes.ended.shape, 2)))
    marks[0, 0] = -np.inf

    def think(model, params, task, batch, form, **options):
        asked["thoughts"] = params["w"].tolist(), options
        return thoughts

    def read(model, params, task, batch, thought, tokens, form):
        asked["verdicts"] = params["w"].tolist(), thought is thoughts
        width = prefixes.tokens.shape[2]
        assert tokens.shape[2] % 16 == 0 and not tokens[..., width:].any()
        np.testing.assert_array_equal(tokens[..., :width], prefixes.tokens)
        return Weighed(marks, marks)

    monkeypatch.setattr("alchemy.testtime.rewards.think", think)
    monkeypatch.setattr("alchemy.testtime.rewards.read", read)
    reward = ThinkingReward(ThinkingVerifier(runs, Format()), 1, TASK, BATCH, thoughts=2, temperature=0.5)
    expected = np.log(np.exp(marks).mean(axis=2), out=np.full(prefixes.ended.shape, -30.0), where=marks[..., 0] > -99)
    np.testing.assert_allclose(reward.score(prefixes), expected)
    options = {"samples": 2, "temperature": 0.5, "seed": 8}
    assert asked == {"thoughts": ([1], options), "verdicts": ([1], True)}
    assert reward.thinking.tolist() == [2.0] * len(GOLD) and reward.readings == 2
    plain = ThinkingReward(reward.verifier, 0, TASK, BATCH)
    assert (plain.thoughts, plain.temperature, plain.combine, plain.stop) == (1, 0.0, "mean", False)
    voted = replace(reward, combine="vote").score(prefixes)
    share = (np.exp(marks) >= 0.5).mean(axis=2)
    np.testing.assert_allclose(voted, np.where(share == 0, -30, np.log(np.where(share == 0, 1, share))))


def test_rewards_that_stop_say_below_what_a_branch_ends():
    """One half, in the measure of each: of a probability, of its log, or of the log-odds."""
    exact = OracleReward(TASK, BATCH, stop=True)
    assert (exact.end_below, OracleReward(TASK, BATCH).end_below) == (0.5, -np.inf)
    assert exact.name == OracleReward(TASK, BATCH).name + ", branches end"
    runs = SimpleNamespace(model=None, seeds=(3,), names=("a",))
    for how, threshold in {"last": 0, "min": 0, "product": np.log(0.5), "mean": 0.5}.items():
        learned = LearnedReward(Verifier(runs, "process"), 0, TASK, BATCH, how)
        assert learned.end_below == -np.inf and replace(learned, stop=True).end_below == threshold
        assert replace(learned, stop=True).name == learned.name + ", branches end"
    thinking = ThinkingReward(ThinkingVerifier(runs, Format()), 0, TASK, BATCH)
    assert thinking.end_below == -np.inf and replace(thinking, stop=True).end_below == pytest.approx(np.log(0.5))
    names = {replace(thinking, **dials).name for dials in ({}, {"stop": True}, {"combine": "vote"}, {"thoughts": 2})}
    assert len(names) == 4 and thinking.name == "thinking verifier a, own, chain, 1 at 0"


def test_rewards_do_not_change_and_are_told_apart_by_who_they_are():
    """Their problems are arrays, which cannot be compared."""
    exact = OracleReward(TASK, BATCH)
    assert (exact.thinking, exact.readings, exact.writing) == (0, 1, 0)
    learned, thinking = (kind(None, 0, TASK, BATCH) for kind in (LearnedReward, ThinkingReward))
    assert len({learned, replace(learned), thinking, replace(thinking)}) == 4
    for reward in (exact, learned, thinking):
        with pytest.raises(FrozenInstanceError):
            reward.batch = None


def test_a_written_reward_is_the_probability_that_its_verifier_gives_finished_texts(monkeypatch):
    """One half where a text goes on; what is asked is the question of the branch's own problem."""
    task = Equations(modulus=3, unknowns=1, cot=False)
    judging, asked = Judging(task, "parts"), {}
    runs = SimpleNamespace(
        task=judging,
        model=Transformer(width=16, layers=1, heads=2),
        names=("a", "b"),
        trained=Trained({"w": np.arange(2)}, None),
    )
    batch = task.write(
        {
            name: np.concatenate([task.parse(text)[name] for text in ("2 = 1 , all <think>", "1 = 1 , all <think>")])
            for name in ("matrix", "right", "solution", "asked")
        }
    )
    texts = np.stack(
        [task.encoded([text]) for text in ("<answer> 2", "<answer> 1", "<answer> 0", "<answer> 1")]
    ).reshape(2, 2, 3)
    texts[1, 1, 2] = PAD
    branches = Branches(texts, np.zeros((2, 2)), (texts == EOS).any(axis=2))

    def checked(model, params, judging, questions, weighed):
        asked["lines"] = [judging.show(line) for line in questions.prompts()], params["w"].tolist(), weighed
        return np.array([[0.9], [0.2], [0.4], [0.7]]), None

    monkeypatch.setattr("alchemy.testtime.rewards.checked", checked)
    reward = WrittenReward(runs, 1, batch)
    assert reward.score(branches._replace(ended=np.zeros((2, 2), bool))).tolist() == [[0.5, 0.5]] * 2 and not asked
    assert reward.score(branches).tolist() == [[0.9, 0.2], [0.4, 0.5]]
    lines = [
        "2 = 1 , all <think> <answer> 2",
        "2 = 1 , all <think> <answer> 1",
        "1 = 1 , all <think> <answer> 0",
        "1 = 1 , all <think> <answer> 1",
    ]
    assert asked["lines"] == ([f"{line} <check>" for line in lines], [1], True)
    assert (reward.writing, reward.thinking, reward.readings, reward.end_below) == (4, 0, 1, -np.inf), (
        "a product, a mark, the verdict"
    )
    assert reward.name != WrittenReward(runs, 0, batch).name
    with pytest.raises(UserError, match="models of Equations write no verdicts"):
        WrittenReward(SimpleNamespace(task=task), 0, batch).score(branches)
