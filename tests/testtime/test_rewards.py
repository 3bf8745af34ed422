"""What guides a search: oracles with dials, and learned verifiers that say of a prefix what they say of the whole."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from alchemy.decoding.sampler import Branches
from alchemy.errors import UserError
from alchemy.lab import verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.train import Trained
from alchemy.problem.split import Split, join
from alchemy.problem.task import EOS, PAD
from alchemy.progress import Progress
from alchemy.testtime.answers import Samples
from alchemy.testtime.learned_verifier import Verifier, aggregated
from alchemy.testtime.rewards import LearnedReward, OracleReward
from models.transformer import Transformer
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
    assert LearnedReward(Verifier(runs, "process"), 0, TASK, BATCH).name != reward.name
