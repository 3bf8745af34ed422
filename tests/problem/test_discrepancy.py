"""Discrepancy of hand-made prompts and of the standard shifts."""

import numpy as np
import pytest

from alchemy.problem.discrepancy import discrepancy
from alchemy.problem.task import Batch
from tasks.symbols import Symbols


def batch(*prompts, c=1):
    width = max(map(len, prompts))
    tokens = np.zeros((len(prompts), width, c), np.int32)
    for row, prompt in zip(tokens, prompts, strict=True):
        row[: len(prompt), 0] = prompt
        row[: len(prompt), 1:] = 9
    length = np.array([len(prompt) for prompt in prompts], np.int32)
    return Batch(tokens, length, np.zeros(tokens.shape[:2], np.int8), {})


@pytest.mark.parametrize("c", [1, 2])
def test_by_hand(c):
    result = discrepancy(batch([3, 4, 5], [4, 4], c=c), batch([3, 5, 4, 6], c=c))
    assert result["tokens_unseen"] == 1 / 4
    assert result["positions_unseen"] == 3 / 4  # only 3 stands where it stood
    assert result["bigrams_unseen"] == 1
    p, q = np.array([1, 3, 1, 0]) / 5, np.array([1, 1, 1, 1]) / 4
    m = (p + q) / 2
    terms = [d[d > 0] @ np.log2(d[d > 0] / m[d > 0]) / 2 for d in (p, q)]
    assert np.isclose(result["divergence_1"], sum(terms))
    assert np.isclose(result["divergence_2"], 1) and np.isclose(result["divergence_3"], 1)


def test_of_bigrams_a_third_is_new_where_all_longer_ones_are():
    result = discrepancy(batch([3, 4, 5], [4, 4]), batch([3, 4, 4, 6]))
    assert (result["tokens_unseen"], result["bigrams_unseen"]) == (1 / 4, 1 / 3)
    assert np.isclose(result["divergence_2"], 1 / 3) and np.isclose(result["divergence_3"], 1)


def test_a_position_is_all_of_its_ids():
    """The same first ids beside other second ones: half of the tokens are new."""
    train, test = batch([3, 4], c=2), batch([3, 4], c=2)
    test.tokens[0, 1, 1] = 7
    result = discrepancy(train, test)
    assert (result["tokens_unseen"], result["positions_unseen"], result["bigrams_unseen"]) == (1 / 2, 1 / 2, 1)


def test_of_itself_is_nothing():
    batch = Symbols().sample(np.random.default_rng(0), 500)
    assert set(discrepancy(batch, batch).values()) == {0.0}


def test_short_prompts():
    result = discrepancy(batch([3]), batch([3]))
    assert set(result.values()) == {0.0}
    assert discrepancy(batch([3, 4]), batch([3]))["divergence_2"] == 1


def test_orders_the_shifts():
    task = Symbols(atoms="ABCDEFGHIJKLM")
    rng = np.random.default_rng(0)
    train = task.sample(rng, 5000)
    result = {name: discrepancy(train, task.shift(name)(task).sample(rng, 5000)) for name in task.shifts}
    unseen = {name: values["tokens_unseen"] for name, values in result.items()}
    assert unseen["task=F1 F1"] == 0 and unseen["length=5"] == 0
    assert np.isclose(unseen["task=F3 F3"], 2 / 7) and np.isclose(unseen["atoms=unseen"], 4 / 7)
    assert result["length=5"]["positions_unseen"] > 0 and result["noise=modify:0.1"]["tokens_unseen"] > 0.05
    assert all(0 <= value <= 1 for values in result.values() for value in values.values())
