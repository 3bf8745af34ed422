"""Modular arithmetic: noise obeys its dials, the oracle agrees with plain arithmetic, and the laws with enumeration."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.task import EOS, PAD, Field
from tasks.modular import Modular, laws
from tasks.modular.draw import other

TASK = Modular()
NOISY = Modular(modulus=7, factors=3, prompt_noise=0.3, trace_noise=0.2)


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def read(task, text):
    """Numbers of a line: factors, term, the product and the term of its trace, the answer."""
    prompt, completion = text.split(" <think> ")
    factors, term = prompt.split(" + ")
    step, answer = completion.split("<answer> ")
    return (
        [*map(int, factors.split(" x "))],
        int(term),
        [int(word) for word in step.split() if word != "+"],
        int(answer),
    )


def test_a_clean_line_is_right_by_plain_arithmetic():
    for task in (TASK, Modular(modulus=97, factors=4), replace(TASK, cot=False)):
        for tokens in sample(task, 200).text:
            factors, term, step, answer = read(task, task.show(tokens))
            product = int(np.prod([int(factor) for factor in factors], dtype=object)) % task.modulus
            assert step == ([product, term] if task.cot else []) and answer == (product + term) % task.modulus


def test_noise_replaces_one_factor_or_the_product_as_often_as_it_says_and_never_the_answer():
    n = 40_000
    clean, noisy = (sample(task, n) for task in (replace(NOISY, prompt_noise=0.0, trace_noise=0.0), NOISY))
    hit = noisy.problem["shown"] != clean.problem["shown"]
    wrong = noisy.problem["written"] != clean.problem["written"]
    assert (hit.sum(axis=1) <= 1).all() and abs(hit.any(axis=1).mean() - 0.3) < 0.01 and abs(wrong.mean() - 0.2) < 0.01
    assert abs((hit.any(axis=1) & wrong).mean() - 0.06) < 0.005
    np.testing.assert_array_equal(clean.text[:, -2], noisy.text[:, -2])
    assert noisy.problem["shown"].min() == noisy.problem["written"].min() == 1
    judged = NOISY.verify(noisy, noisy.completions())
    assert judged.answer.all() and judged.well_formed.all()
    np.testing.assert_array_equal(judged.trace, ~wrong)
    assert NOISY.verify(noisy, NOISY.solve(noisy.problem)).trace.all()


def test_a_wrong_number_is_any_other_alike():
    assert other(np.array([1, 22, 5]), np.array([1, 1, 3]), 23).tolist() == [2, 1, 8], "so many steps further"
    problem = NOISY.draw(np.random.default_rng(1), 60_000)
    right, shown = NOISY.product(problem["factors"]), NOISY.product(problem["shown"])
    for written in (problem["written"], shown):
        ratio = written[written != right] * np.array([0, 1, 4, 5, 2, 3, 6])[right[written != right]] % 7
        np.testing.assert_allclose(np.bincount(ratio, minlength=7)[2:] / ratio.size, 0.2, atol=0.02)
    moved = (problem["shown"] - problem["factors"]).sum(axis=1) % 6, (problem["written"] - right) % 6
    pairs = np.bincount(moved[0] * 6 + moved[1], minlength=36).reshape(6, 6)[1:, 1:]
    np.testing.assert_allclose(pairs / pairs.sum(), 1 / 25, atol=0.015)
    np.testing.assert_allclose(np.bincount(problem["factors"].ravel())[1:] / 180_000, 1 / 6, atol=0.005)
    np.testing.assert_allclose(np.bincount(problem["term"]) / 60_000, 1 / 7, atol=0.01)


def test_a_split_goes_by_what_the_prompt_shows():
    batch = sample(NOISY, 300)
    shown = np.column_stack([batch.problem["shown"], batch.problem["term"]])
    first = {tuple(row): number for row, number in zip(shown.tolist(), NOISY.identity(batch.problem), strict=True)}
    assert [first[tuple(row)] for row in shown.tolist()] == NOISY.identity(batch.problem).tolist()
    assert len(set(first.values())) == len(first)


def test_behind_a_changed_product_follows_its_own_sum():
    batch = sample(TASK, 500)
    gold = batch.completions()
    changed = TASK.other_state(batch, gold, 0, np.random.default_rng(0))
    assert (changed[:, 0] != gold[:, 0]).all() and np.isin(changed[:, 0], TASK.state_tokens).all()
    np.testing.assert_array_equal(changed[:, 1:], gold[:, 1:])
    followed = TASK.follow(batch, changed, 0)
    for text in TASK.vocabulary.decode_all(followed):
        product, _, term, _, answer = text.split()
        assert int(answer) == (int(product) + int(term)) % 23
    np.testing.assert_array_equal(TASK.follow(batch, gold, 0), gold)
    assert (followed[:, 4] != gold[:, 4]).all(), "another product has another sum"
    changed[0, 0] = TASK.vocabulary.index["+"]
    assert (TASK.follow(batch, changed, 0)[0] == PAD).all() and not TASK.verify(batch, changed).well_formed[0]
    marks = [
        [step.mark for step in TASK.steps(batch.rows(slice(1, 2)), row[None])] for row in (changed[1], followed[1])
    ]
    assert marks == [["wrong", "wrong after"], ["wrong", "follows"]]
    offset = (TASK.other_state(batch, gold, 0, np.random.default_rng(1))[:, 0] - gold[:, 0]) % 22
    assert np.unique(offset).tolist() == [*range(1, 22)], "any other product"


@pytest.fixture
def batch():
    return TASK.write(TASK.parse("4 x 7 + 9 <think>"))


def test_a_line_by_hand(batch):
    assert TASK.show(batch.text[0]) == "4 x 7 + 9 <think> 5 + 9 <answer> 14"
    fields = [0, 0, 0, 1, 1, 2, *[Field.STEP] * 3, Field.ANSWER, Field.ANSWER, Field.END]
    assert batch.field[0].tolist() == fields
    at_once = replace(TASK, cot=False)
    assert at_once.write(batch.problem).field[0].tolist() == fields[:6] + fields[9:]
    assert (TASK.max_len, at_once.max_len) == (12, 9)


@pytest.mark.parametrize(
    ("chain", "followed"),
    [
        ("6 + 8", "6 + 8 <answer> 14"),
        ("20 + 8", "20 + 8 <answer> 5"),
        ("0 + 9", "0 + 9 <answer> 9"),
        ("6 + 9 + 9 + 9", "6 + 9 <answer> 15"),
        ("6 + x", ""),
        ("x + 6", ""),
    ],
)
def test_what_follows_from_a_product_and_a_term(batch, chain, followed):
    """Both are read, and nothing behind them."""
    completion = np.array([TASK.vocabulary.encode(chain)], np.int32)
    assert TASK.vocabulary.decode(TASK.follow(batch, completion, 0)[0]) == followed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 + 9 <answer> 14", ["ok", "ok"]),
        ("6 + 8 <answer> 14", ["wrong", "follows"]),
        ("6 + 9 <answer> 14", ["wrong", "wrong after"]),
        ("6 x 9 <answer> 15", ["wrong", "wrong after"]),
        ("6 + x <answer> 15", ["wrong", "wrong after"]),
        ("x + 6 <answer> 15", ["wrong", "wrong after"]),
        ("6 + 9 + <answer> 15", ["wrong", "wrong after"]),
        ("5 + 9", ["ok", "wrong"]),
        ("", ["wrong", "wrong after"]),
        ("6 + 9", ["wrong", "wrong after"]),
    ],
)
def test_steps_are_marked_by_what_they_follow_from(batch, text, expected):
    assert [step.mark for step in TASK.text_steps(batch.problem, text)] == expected


def test_shifts_and_their_sizes():
    task = replace(TASK, factors=3, prompt_noise=0.3)
    sizes = {name: task.shift(name).size for name in ("prompt_noise=0.1", "factors=2", "factors=5")}
    assert sizes == pytest.approx({"prompt_noise=0.1": 0.2, "factors=2": 1, "factors=5": 2})
    noise = tuple(f"noise={mode}:0.1" for mode in ("insert", "delete", "modify", "hybrid"))
    assert TASK.shifts == ("prompt_noise=0.1", "factors=3", "factors=4", *noise)
    assert replace(TASK, prompt_noise=0.1, factors=8).shifts == ("factors=9", *noise)
    assert replace(TASK, noise=TASK.shift("noise=insert:0.1")(TASK).noise).shifts == TASK.shifts[:3]


def test_there_is_a_task_for_every_prime_from_5_to_97():
    def is_possible(modulus):
        try:
            return Modular(modulus=modulus).modulus == modulus
        except UserError:
            return False

    primes = [
        number for number in range(5, 100) if all(number % divisor for divisor in range(2, 10) if divisor < number)
    ]
    assert [modulus for modulus in range(120) if is_possible(modulus)] == primes


def test_prompts_are_read_back():
    for task in (TASK, replace(TASK, factors=4)):
        batch = sample(task, 30)
        for row in range(30):
            problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
            np.testing.assert_array_equal(task.render(problem, np.random.default_rng(0)).text[0], batch.text[row])
    for wrong in (
        "4 x 7 <think>",
        "4 x 0 + 9 <think>",
        "4 + 7 + 9 <think>",
        "4 x 7 + 9",
        "x + <think>",
        "4 x 7 + 9 9 <think>",
        "",
    ):
        with pytest.raises(UserError):
            TASK.parse(wrong)
    assert TASK.solve(TASK.parse("4 x 7 + 9 <think>"))[0, -1] == EOS


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"modulus": 21}, "nearest is 19"),
        ({"factors": 1}, "factors 1 is outside 2 to 9"),
        ({"factors": 10}, "factors 10 is outside 2 to 9"),
        ({"prompt_noise": 1.5}, "prompt_noise 1.5"),
        ({"trace_noise": -0.1}, "trace_noise -0.1"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Modular(**fields)
    assert Modular(factors=9, prompt_noise=1.0) and "the product" in TASK.instructions
    assert "the product" not in replace(TASK, cot=False).instructions


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([5, 7]), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_posterior_is_that_of_every_line_counted(modulus, prompt_noise, trace_noise):
    """Every pair of factors, every wrong prompt and every wrong trace, each with its probability."""
    numbers = range(1, modulus)
    weight = {}
    for a, b, place, instead, written in product(numbers, numbers, (0, 1), numbers, numbers):
        shown = [a, b]
        is_hit = instead != shown[place]
        shown[place] = instead
        right, wrong = a * b % modulus, modulus - 2
        chance = (prompt_noise / wrong if is_hit else 1 - prompt_noise) / 2
        chance *= 1 - trace_noise if written == right else trace_noise / wrong
        key = (*shown, written)
        weight.setdefault(key, np.zeros(modulus))[right] += chance
    for (a, b, written), products in weight.items():
        by_prompt = a * b % modulus
        if written != by_prompt:
            share = products / products.sum()
            other = 1 - share[written] - share[by_prompt]
            expected = laws.posterior(modulus, prompt_noise, trace_noise)
            np.testing.assert_allclose([share[written], share[by_prompt], other], expected, atol=1e-9)


@pytest.mark.parametrize(("prompt_noise", "trace_noise"), [(0.1, 0.02), (0.02, 0.1), (0.0, 0.3), (0.3, 0.0)])
def test_the_best_reader_is_as_right_as_the_law_says(prompt_noise, trace_noise):
    task = Modular(prompt_noise=prompt_noise, trace_noise=trace_noise)
    problem = task.draw(np.random.default_rng(2), 40_000)
    by_prompt, by_trace, right = task.product(problem["shown"]), problem["written"], task.product(problem["factors"])
    said = by_trace if laws.follows(prompt_noise, trace_noise) else by_prompt
    assert abs((said == right).mean() - laws.accuracy(prompt_noise, trace_noise)) < 0.005
    conflict = by_prompt != by_trace
    for measured, expected in zip(
        [(by_trace == right)[conflict].mean(), (by_prompt == right)[conflict].mean()],
        laws.posterior(23, prompt_noise, trace_noise),
        strict=False,
    ):
        assert abs(measured - expected) < 0.02


def test_equal_noise_leaves_nothing_to_choose():
    assert laws.follows(0.1, 0.1) == 0.5
    follow, restore, _ = laws.posterior(23, 0.1, 0.1)
    assert follow == restore
