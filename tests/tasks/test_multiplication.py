"""Multiplication: products are those of Python's integers, running sums those of the definition, floors those of all pairs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from math import log

import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis
from alchemy.problem.task import PAD, Field
from tasks.multiplication import Multiplication, laws

TASK = Multiplication()
SMALL = Multiplication(digits=2)
PROMPT = "3 1 x 2 4 <think>"


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def value(digits, base, first="low"):
    """The number that digits in a base are."""
    return sum(digit * base**place for place, digit in enumerate(digits if first == "low" else digits[::-1]))


def read(task, line):
    """The factors, the numbers of the chain, and the digits of the answer."""
    prompt, completion = line.split(" <think> ")
    factors = [[int(word) for word in factor.split()] for factor in prompt.split("x")]
    chain, answer = ([int(word) for word in part.split()] for part in completion.split("<answer>"))
    return factors, chain, answer


@settings(max_examples=60, deadline=None)
@given(
    base=st.integers(2, 10),
    digits=st.integers(1, 8),
    trace=st.sampled_from(["products", "columns", "none"]),
    first=st.sampled_from(["low", "high"]),
    zeros=st.sampled_from([0.0, 0.7]),
    seed=st.integers(0, 2**16),
)
def test_a_line_is_a_multiplication_of_pythons_integers(base, digits, trace, first, zeros, seed):
    task = Multiplication(base=base, digits=digits, trace=trace, first=first, zeros=zeros)
    for tokens in sample(task, 4, seed).text:
        (left, right), chain, answer = read(task, task.show(tokens))
        assert value(left, base, first) * value(right, base, first) == value(answer, base, first)
        assert len(left) == len(right) == digits == len(answer) / 2 and max([*left, *right, *answer]) < base
        low, sums, ends, carried = ([*factor][:: 1 if first == "low" else -1] for factor in (left, right)), [], [], 0
        left, right = low
        for column in range(2 * digits - 1):
            for place in range(digits):
                if 0 <= column - place < digits:
                    carried += left[place] * right[column - place]
                    sums.append(carried)
            ends.append(carried)
            carried //= base
        assert chain == {"products": sums, "columns": ends, "none": []}[trace]
        assert [end % base for end in ends] + [carried] == (answer if first == "low" else answer[::-1])


def test_digits_are_any_alike_and_zeros_as_frequent_as_it_says():
    problem = TASK.draw(np.random.default_rng(0), 30_000)
    for name in ("left", "right"):
        for place in range(3):
            np.testing.assert_allclose(np.bincount(problem[name][:, place]) / 30_000, 1 / 5, atol=0.015)
    assert abs(np.corrcoef(problem["left"][:, 0], problem["right"][:, 0])[0, 1]) < 0.02
    sparse = replace(TASK, zeros=0.5).draw(np.random.default_rng(0), 30_000)
    assert abs((sparse["left"] == 0).mean() - (0.5 + 0.5 / 5)) < 0.01
    assert not replace(TASK, zeros=1.0).draw(np.random.default_rng(0), 10)["right"].any()


def products(base, digits):
    """The digits of all products, the lowest first."""
    return [
        [left * right // base**place % base for place in range(2 * digits)]
        for left, right in product(range(base**digits), repeat=2)
    ]


@pytest.mark.parametrize(("base", "digits"), [(2, 3), (5, 2), (10, 1), (3, 3)])
def test_floors_are_those_of_all_pairs_of_factors_counted(base, digits):
    written = products(base, digits)
    blind, shown = laws.blind(base, digits), laws.shown_lower(base, digits)
    for place in range(2 * digits):
        for floor, seen in ((blind, 0), (shown, place)):
            groups = Counter(tuple(row[:seen]) for row in written)
            pairs = Counter((*row[:seen], row[place]) for row in written)
            best = Counter()
            for (*key, _), count in pairs.items():
                best[tuple(key)] = max(best[tuple(key)], count)
            entropy = -sum(count * log(count / groups[key[:seen]]) for key, count in pairs.items()) / len(written)
            assert floor.right[place] == pytest.approx(sum(best.values()) / len(written))
            assert floor.loss[place] == pytest.approx(entropy)


@pytest.mark.parametrize("base", [2, 5, 6])
def test_a_column_but_for_one_product_says_as_little_as_the_law_says(base):
    missing = Counter(left * right % base for left, right in product(range(base), repeat=2))
    share = np.array([*missing.values()]) / base**2
    assert laws.but_one_product(base) == pytest.approx((share.max(), -(share * np.log(share)).sum()))


def test_the_floors_of_the_middle_are_near_chance_and_pairs_that_are_too_many_are_not_counted():
    floor = laws.shown_lower(5, 4)
    assert floor.loss[3] == pytest.approx(log(5), abs=0.001) and floor.right[3] == pytest.approx(1 / 5, abs=0.002)
    assert (floor.loss <= laws.blind(5, 4).loss + 1e-9).all()
    with pytest.raises(UserError, match="100,000,000 pairs of factors are too many"):
        laws.blind(10, 4)


@pytest.mark.parametrize(
    "task",
    [
        *(TASK, SMALL, replace(TASK, trace="columns"), replace(SMALL, first="high"), Multiplication(base=2, digits=1)),
        *(
            Multiplication(base=10, digits=4, zeros=0.5),
            Multiplication(base=2, digits=5, trace="columns", first="high"),
        ),
    ],
)
def test_every_step_can_be_another(task):
    batch = sample(task)
    for step in range(task.chain_len):
        check_step(task, batch, step, np.random.default_rng(step))
        followed = task.follow(
            batch, task.other_state(batch, batch.completions(), step, np.random.default_rng(step)), step
        )
        assert (task.numbers(followed[:, task.chain_len + 1 : -1]) < task.base).all(), "its product has digits"


def test_behind_a_changed_sum_the_multiplication_goes_on_from_it():
    def followed(chain, step, **fields):
        task = replace(SMALL, **fields)
        batch, written = task.write(task.parse(PROMPT)), np.array([task.vocabulary.encode(chain)], np.int32)
        return task.vocabulary.decode(task.follow(batch, written, step)[0])

    assert followed("6", 0) == "6 13 15 7 <answer> 1 0 2 1"
    assert followed("12", 0) == "12 14 16 7 <answer> 2 1 2 1"
    assert followed("6 10", 1) == "6 10 12 6 <answer> 1 2 1 1"
    assert followed("12 13 15", 2) == "12 13 15 7 <answer> 2 0 2 1", "the steps before are as they are written"
    assert followed("6 13 15 0", 3) == "6 13 15 0 <answer> 1 0 0 0"
    assert followed("12", 0, trace="columns") == "12 16 7 <answer> 2 1 2 1"
    assert followed("6 12", 1, trace="columns") == "6 12 6 <answer> 1 2 1 1"
    for nothing, step in (("17", 0), ("x", 0), ("", 0), ("6", 1), ("17 13", 1), ("6 13 15 24", 3)):
        assert followed(nothing, step) == "", "no number, or higher than 4 4 x 4 4 has it there"
    assert "16 " in followed("16", 0) and "23 " in followed("6 13 15 23", 3)
    batch = SMALL.write(SMALL.parse(PROMPT))
    assert (SMALL.follow(batch, np.zeros((1, 0), np.int32), 0) == PAD).all()


def test_steps_are_marked_by_what_they_follow_from():
    def marks(text, **fields):
        task = replace(SMALL, **fields)
        return [step.mark for step in task.text_steps(task.parse(PROMPT), text)]

    assert marks("6 13 15 7 <answer> 1 0 2 1") == ["ok"] * 8
    assert marks("12 14 16 7 <answer> 2 1 2 1") == ["wrong", *["follows"] * 7]
    assert marks("6 10 12 6 <answer> 1 0 2 1") == [
        "ok",
        "wrong",
        *["follows"] * 3,
        "wrong after",
        "wrong after",
        "follows",
    ]
    assert marks("6 10 15 7 <answer> 1 0 2 1") == ["ok", "wrong", "wrong after", *["follows"] * 5]
    assert marks("6 13 15 7 <answer> 1 0 3 1") == ["ok"] * 6 + ["wrong", "follows"]
    assert marks("6 13 15 7 <answer> 1 0 2") == ["ok"] * 7 + ["wrong"]
    assert marks("6 13 x 7 <answer> 1 0 2 1")[:4] == ["ok", "ok", "wrong", "wrong after"]
    assert marks("6 13 15 <answer> 1 0 2 1")[3:] == ["wrong", *["wrong after"] * 4]
    assert marks("<answer> 1 0 2 1", trace="none") == ["ok"] * 4
    assert marks("<answer> 1 1 2 1", trace="none") == ["ok", "wrong", "wrong after", "wrong after"]
    assert marks("12 16 7 <answer> 2 1 2 1", trace="columns") == ["wrong", *["follows"] * 6]


def test_a_pair_of_factors_is_in_one_part_in_any_order():
    problem = TASK.draw(np.random.default_rng(0), 300)
    swapped = {"left": problem["right"], "right": problem["left"]}
    np.testing.assert_array_equal(TASK.identity(problem), TASK.identity(swapped))
    high = replace(TASK, first="high")
    np.testing.assert_array_equal(TASK.identity(problem), high.identity(problem))
    np.testing.assert_array_equal(TASK.identity(problem), high.surface(high.write(problem)))
    pairs = {
        tuple(sorted([tuple(left), tuple(right)]))
        for left, right in zip(*map(np.ndarray.tolist, problem.values()), strict=True)
    }
    assert len(set(TASK.identity(problem).tolist())) == len(pairs) > 250
    noisy = replace(TASK, noise=TASK.shift("noise=modify:1.0:left").changes["noise"])
    batch = sample(noisy, 20)
    assert not np.isin(noisy.surface(batch), noisy.identity(batch.problem)).any()


@pytest.mark.parametrize("task", [TASK, replace(TASK, trace="none", first="high"), Multiplication(base=10, digits=5)])
def test_prompts_are_read_back(task):
    batch = sample(task, 30)
    for row in range(30):
        problem = task.parse(task.show(batch.prompts()[row]))
        for name, values in problem.items():
            assert values.dtype == batch.problem[name].dtype
            np.testing.assert_array_equal(values[0], batch.problem[name][row])


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        *(
            (prompt, "is not 2 digits below 5, x, 2 digits, <think>")
            for prompt in ("", "<think>", "3 1 x 2 4", "3 1 x 2 <think>")
        ),
        *(
            (prompt, "is not 2 digits below 5")
            for prompt in ("3 1 x 2 5 <think>", "3 1 2 2 4 <think>", "3 1 x 2 4 4 <think>")
        ),
        *((prompt, "is not 2 digits below 5") for prompt in ("3 x x 2 4 <think>", "3 1 x 2 4 <think> <think>")),
        ("3 1 * 2 4 <think>", "unknown symbol '\\*'"),
    ],
)
def test_what_is_no_prompt_is_the_users_error(prompt, says):
    with pytest.raises(UserError, match=says):
        SMALL.parse(prompt)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"base": 1}, "base 1 is outside 2 to 10"),
        ({"base": 11}, "base 11 is outside 2 to 10"),
        ({"digits": 0}, "digits 0 is outside 1 to 8"),
        ({"digits": 9}, "digits 9 is outside 1 to 8"),
        ({"zeros": 1.5}, "zeros 1.5 is outside"),
        ({"trace": "column"}, "'column' is unknown; did you mean 'columns'"),
        ({"first": "lo"}, "first 'lo' is unknown; did you mean 'low'"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Multiplication(**fields)
    with pytest.raises(UserError, match="first 'middle' is unknown"):
        TASK.shift("first=middle")


def test_shifts_are_on_three_axes():
    sizes = {name: TASK.shift(name).size for name in TASK.shifts if not name.startswith("noise")}
    assert sizes == {"zeros=0.5": 0.5, "digits=2": 1, "digits=4": 1, "digits=5": 2, "first=high": 1}
    assert {axis for name in TASK.shifts for axis in TASK.shift(name).axis} == {Axis.TASK, Axis.LENGTH, Axis.FORMAT}
    assert "digits=9" not in replace(TASK, digits=8).shifts
    assert replace(TASK, zeros=0.5).shift("zeros=0.25").size == 0.25


def test_features_count_zeros_and_carries():
    features = SMALL.features(SMALL.parse("3 0 x 2 4 <think>"))  # 6, 1 + 12, 2
    assert {name: values.tolist() for name, values in features.items()} == {"zeros": [1], "carries": [2]}


def test_the_wording_fits_the_format():
    assert "after each product" in TASK.instructions and "the lowest digit comes first" in TASK.instructions
    assert "at its end" in replace(TASK, trace="columns").instructions
    direct = replace(TASK, trace="none", first="high")
    assert "the highest digit comes first. Write <answer>" in direct.instructions
    batch = sample(direct, 8)
    assert batch.completions().shape == (8, 8) and batch.field.max() < Field.STEP
