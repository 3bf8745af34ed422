"""Linear equations: every step keeps the one solution that trying all assignments finds, and laws are those of counting."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis
from alchemy.problem.task import PAD, Field
from tasks.equations import Equations, laws

TASK = Equations()
ONE = Equations(asked="one")


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def solutions(rows, p):
    """All assignments that satisfy equations ([coefficients..., right-hand side], ...), by trying every one."""
    unknowns = len(rows[0]) - 1
    return [
        x
        for x in product(range(p), repeat=unknowns)
        if all(sum(a * b for a, b in zip(row[:-1], x, strict=True)) % p == row[-1] for row in rows)
    ]


def equations(text):
    """The equations of a text, each a list of numbers."""
    return [
        [int(word) for word in equation.split() if word != "="]
        for equation in text.strip(" ,").split(",")
        if equation.strip()
    ]


def read(line):
    """Equations of the prompt, what is asked, equations of the chain, the answer."""
    prompt, completion = line.split("<think>")
    *rows, asked = prompt.strip().split(",")
    chain, answer = completion.split("<answer>")
    return equations(",".join(rows)), asked.strip(), equations(chain), [int(word) for word in answer.split()]


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from([(2, 3), (3, 2), (3, 4), (5, 3), (7, 2), (31, 1)]),
    zeros=st.sampled_from([0.0, 0.6]),
    asked=st.sampled_from(["all", "one"]),
    seed=st.integers(0, 2**16),
)
def test_each_step_keeps_the_one_solution_that_trying_all_assignments_finds(shape, zeros, asked, seed):
    p, k = shape
    task = Equations(modulus=p, unknowns=k, zeros=zeros, asked=asked)
    for tokens in sample(task, 3, seed).text:
        system, name, chain, answer = read(task.show(tokens))
        (found,) = solutions(system, p)
        assert answer == (list(found) if name == "all" else [found[int(name[1:]) - 1]])
        state, written = [list(row) for row in system], iter(chain)
        for pivot in range(k):
            for place in [pivot, *(row for row in range(k) if row != pivot)]:
                state[place] = next(written)
                assert solutions(state, p) == [found], "as many equations, and still this solution alone"
                assert state[place][pivot] == (place == pivot), (
                    "the unknown is eliminated from all equations but its own"
                )
        assert next(written, None) is None
        assert state == [[*(int(i == j) for j in range(k)), value] for i, value in enumerate(found)]


def test_matrices_are_uniform_among_those_that_are_eliminated_in_order_and_solutions_uniform_beside_them():
    task = Equations(modulus=3, unknowns=2)
    problem = task.draw(np.random.default_rng(0), 180_000)
    a, b, c, d = problem["matrix"].reshape(-1, 4).T
    assert (a != 0).all() and ((a * d - b * c) % 3 != 0).all()
    possible = [m for m in product(range(3), repeat=4) if m[0] and (m[0] * m[3] - m[1] * m[2]) % 3]
    counts = np.bincount(
        np.column_stack([problem["matrix"].reshape(-1, 4), problem["solution"]]) @ 3 ** np.arange(6)[::-1]
    )
    assert len(possible) == 36 and (counts > 0).sum() == 36 * 9
    np.testing.assert_allclose(counts[counts > 0] / 180_000, 1 / 324, rtol=0.2)


def test_zeros_are_in_the_factors_as_often_as_it_says_and_every_unknown_is_asked_for_alike():
    diagonal = Equations(zeros=1.0).draw(np.random.default_rng(0), 500)["matrix"]
    assert ((diagonal != 0) == np.eye(3, dtype=bool)).all()
    first_row = Equations(zeros=0.5).draw(np.random.default_rng(0), 20_000)["matrix"][:, 0, 1:]
    assert abs((first_row == 0).mean() - (0.5 + 0.5 / 5)) < 0.01
    asked = ONE.draw(np.random.default_rng(0), 9_000)["asked"]
    np.testing.assert_allclose(np.bincount(asked, minlength=3) / 9_000, 1 / 3, atol=0.02)


@pytest.mark.parametrize(("p", "k"), [(2, 2), (3, 1), (3, 2), (2, 3), (3, 3), (5, 2)])
def test_the_laws_of_what_is_scored_without_solving_are_those_of_all_matrices_counted(p, k):
    matrices = np.array([*product(range(p), repeat=k * k)]).reshape(-1, k, k)
    minors = np.stack([np.rint(np.linalg.det(matrices[:, :i, :i])).astype(int) % p for i in range(1, k + 1)], axis=1)
    matrices = matrices[(minors != 0).all(axis=1)]
    assert len(matrices) == (p - 1) ** k * p ** (k * (k - 1))
    nonzero = matrices != 0
    shown = (nonzero & (nonzero.sum(axis=2, keepdims=True) == 1)).any(axis=1)  # (matrices, k)
    np.testing.assert_allclose(shown.mean(axis=0), [laws.shown_alone(p, k, j) for j in range(1, k + 1)])
    np.testing.assert_allclose((shown + ~shown / p).mean(), laws.read_off(p, k))


@pytest.mark.parametrize("guessed", [1, 2])
def test_who_guesses_some_unknowns_and_solves_for_the_others_is_as_often_right_as_the_law_says(guessed):
    task, right, guesses = Equations(modulus=3), 0, 0
    for matrix, side in zip(
        *(task.draw(np.random.default_rng(1), 40)[name] for name in ("matrix", "right")), strict=True
    ):
        fitting = solutions(np.column_stack([matrix, side]).tolist(), 3)
        for guess in product(range(3), repeat=guessed):
            guesses += 1
            right += any(x[:guessed] == guess for x in fitting)
    assert right / guesses == pytest.approx(laws.guess_some(3, guessed))


@pytest.mark.parametrize(
    "task", [TASK, ONE, Equations(modulus=7, unknowns=4, zeros=0.5), Equations(modulus=2, unknowns=1)]
)
def test_every_step_can_be_another(task):
    batch = sample(task)
    for step in range(task.unknowns**2):
        check_step(task, batch, step, np.random.default_rng(step))


def test_behind_a_changed_step_the_elimination_goes_on_from_it():
    task = Equations(unknowns=2)
    batch = task.write(task.parse("2 1 = 3 , 4 3 = 4 , all <think>"))
    gold, index = batch.completions(), task.vocabulary.index
    decode = task.vocabulary.decode
    assert decode(gold[0]) == "1 3 = 4 , 0 1 = 3 , 0 1 = 3 , 1 0 = 0 <answer> 0 3"
    chain = gold.copy()
    chain[0, 3] = index["2"]  # x1 + 3 x2 = 2
    assert decode(task.follow(batch, chain, 0)[0]) == "1 3 = 2 , 0 1 = 1 , 0 1 = 1 , 1 0 = 4 <answer> 4 1"
    chain = gold.copy()
    chain[0, 6] = index["2"]  # 2 x2 = 3
    assert decode(task.follow(batch, chain, 1)[0]) == "1 3 = 4 , 0 2 = 3 , 0 1 = 4 , 1 0 = 2 <answer> 2 4"
    for place, symbol in ((6, "0"), (6, "="), (8, ",")):  # no pivot; no numbers
        chain = gold.copy()
        chain[0, place] = index[symbol]
        assert (task.follow(batch, chain, 1)[0] == PAD).all()
    chain[0, 8] = index["1"]
    np.testing.assert_array_equal(task.follow(batch, chain, 0), gold, "what is behind the step is not read")


def test_a_line_by_hand():
    task = Equations(unknowns=2, asked="one")
    batch = task.write(task.parse("2 1 = 3 , 4 3 = 4 , x2 <think>"))
    chain = [Field.STEP + step for step in (0, 1, 2, 3) for _ in range(5)][:-1]
    assert batch.field[0].tolist() == [*[0] * 10, 1, 2, *chain, Field.ANSWER, Field.ANSWER, Field.END]
    assert (task.follow(batch, np.zeros((1, 0), np.int32), 0) == PAD).all()


def test_a_changed_right_hand_side_is_any_other():
    batch = sample(TASK, 400)
    gold = batch.completions()
    changed = np.concatenate([TASK.other_state(batch, gold, step, np.random.default_rng(step)) for step in (0, 8)])
    offset = (changed - np.concatenate([gold, gold])) % 5
    assert ((offset != 0).sum(axis=1) == 1).all() and np.unique(offset).tolist() == [0, 1, 2, 3, 4]


def test_steps_are_marked_by_what_they_follow_from():
    task = Equations(unknowns=2, asked="one")
    problem = task.parse("2 1 = 3 , 4 3 = 4 , x2 <think>")

    def marks(text):
        return [step.mark for step in task.text_steps(problem, text)]

    assert marks("1 3 = 4 , 0 1 = 3 , 0 1 = 3 , 1 0 = 0 <answer> 3") == ["ok"] * 5
    assert marks("1 3 = 2 , 0 1 = 1 , 0 1 = 1 , 1 0 = 4 <answer> 1") == ["wrong", *["follows"] * 4]
    assert marks("1 3 = 2 , 0 1 = 1 , 0 1 = 1 , 1 0 = 4 <answer> 3") == ["wrong", *["follows"] * 3, "wrong after"]
    assert marks("1 3 = 4 , 0 0 = 3 , 0 1 = 3") == ["ok", "wrong", "wrong after", "wrong after"]
    assert marks("1 3 = 4 , <answer> 3") == ["ok", "wrong", "wrong after", "wrong after"], (
        "no equation, and an early end"
    )
    assert marks("1 3 = 4 , 0 1 = 3 , 0 1 = 3 , 1 0 = 0 , 1 0 = 0 <answer> 3")[4:] == ["wrong", "wrong after"]
    assert marks("1 3 = 4 , 0 1 = 3") == ["ok", "ok", "wrong"]
    assert marks("1 3 = 4 , 0 0 = 3 , , 1 0 = 0")[1:] == ["wrong", *["wrong after"] * 3], "nothing follows from nothing"
    assert marks("1 3 = 4 , 1 2 , 0 1 = 3") == ["ok", "wrong", "wrong after", "wrong after"]
    problem = task.parse("2 1 = 3 , 4 3 = 4 , x1 <think>")
    assert marks("1 3 = 2 , 0 1 = 1 , 0 1 = 1 , 1 0 = 4 <answer> 4") == ["wrong", *["follows"] * 4]
    task = replace(task, cot=False)
    assert marks("1 3 = 2 <answer> 4") == ["wrong", "wrong after"], "no steps are expected"


def test_a_system_is_in_one_part_whatever_is_asked_for():
    problem = ONE.draw(np.random.default_rng(0), 200)
    other = problem | {"asked": (problem["asked"] + 1) % 3}
    np.testing.assert_array_equal(ONE.identity(problem), ONE.identity(other))
    np.testing.assert_array_equal(ONE.identity(problem), TASK.identity(problem))
    assert len(set(ONE.identity(problem).tolist())) == 200


@pytest.mark.parametrize("task", [TASK, ONE, replace(ONE, cot=False), Equations(modulus=11, unknowns=1)])
def test_prompts_are_read_back(task):
    batch = sample(task, 30)
    for row in range(30):
        problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
        assert {name: values.dtype for name, values in problem.items()} == {
            name: values.dtype for name, values in batch.problem.items()
        }
        np.testing.assert_array_equal(task.write(problem).text[0], batch.text[row])


@pytest.mark.parametrize(
    "prompt",
    [
        *("", "<think>", "all <think>", "2 1 = 3 , 4 3 = 4 , all", "2 1 = 3 , 4 3 = 4 , x1 <think>"),
        *("2 1 = 3 , all <think>", "2 1 = 3 , 4 3 = 4 all <think>", "2 1 3 , 4 3 = 4 , all <think>"),
        *("2 1 = 3 , 4 3 = , all <think>", "2 1 = 3 , 4 3 = 4 , 4 , all <think>", "2 = 3 , 4 3 = 4 , all <think>"),
    ],
)
def test_what_is_no_prompt_is_the_users_error(prompt):
    with pytest.raises(UserError, match="is not 2 equations with 2 coefficients"):
        Equations(unknowns=2).parse(prompt)


def test_equations_that_cannot_be_eliminated_in_their_order_are_the_users_error():
    for prompt in ("0 1 = 3 , 4 3 = 4 , all <think>", "2 1 = 3 , 4 2 = 4 , all <think>"):
        with pytest.raises(UserError, match="has a pivot of 0"):
            Equations(unknowns=2).parse(prompt)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"modulus": 9}, "nearest is 7"),
        ({"unknowns": 0}, "unknowns 0 is outside 1 to 6"),
        ({"unknowns": 7}, "unknowns 7 is outside 1 to 6"),
        ({"zeros": 1.5}, "zeros 1.5 is outside"),
        ({"asked": "al"}, "'al' is unknown; did you mean 'all'"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Equations(**fields)
    assert "Eliminate" in TASK.instructions and "Eliminate" not in replace(TASK, cot=False).instructions
    with pytest.raises(UserError, match="'half' is not a number from 0 to 1"):
        TASK.shift("zeros=half")


def test_shifts_are_on_three_axes():
    axes = {axis for name in TASK.shifts for axis in TASK.shift(name).axis}
    assert axes == {Axis.TASK, Axis.LENGTH, Axis.FORMAT}
    assert TASK.shift("unknowns=5").size == 2 and replace(TASK, zeros=0.5).shift("zeros=0.25").size == 0.25
    noise = tuple(f"noise={mode}:0.1" for mode in ("insert", "delete", "modify", "hybrid"))
    assert TASK.shifts == ("zeros=0.5", "unknowns=4", "unknowns=5", *noise)
    assert replace(TASK, zeros=0.5, unknowns=5).shifts == ("unknowns=6", *noise)
    assert replace(TASK, noise=TASK.shift("noise=insert:0.1")(TASK).noise).shifts == TASK.shifts[:3]


def test_there_is_a_task_for_every_prime_to_31():
    def is_possible(modulus):
        try:
            return Equations(modulus=modulus).modulus == modulus
        except UserError:
            return False

    primes = [number for number in range(2, 35) if all(number % divisor for divisor in range(2, 6) if divisor < number)]
    assert [modulus for modulus in range(40) if is_possible(modulus)] == primes


def test_features_count_zeros_and_equations_of_one_unknown():
    task = Equations(unknowns=2)
    features = task.features(task.parse("2 0 = 3 , 4 3 = 4 , all <think>"))
    assert {name: values.tolist() for name, values in features.items()} == {"zeros": [1], "shown_alone": [1]}
    features = TASK.features(TASK.parse("2 0 0 = 3 , 0 3 0 = 4 , 1 1 1 = 0 , all <think>"))
    assert {name: values.tolist() for name, values in features.items()} == {"zeros": [4], "shown_alone": [2]}


def test_an_answer_alone_has_no_steps():
    batch = sample(replace(ONE, cot=False), 8)
    assert batch.completions().shape == (8, 3) and batch.field.max() < Field.STEP


def put_in(text, values, p):
    """What is written when values are put into the equations of a prompt, in plain Python: numbers and whether each holds."""
    written, holds = [], []
    for *coefficients, right in equations(text.split(", all")[0]):
        products = [a * x % p for a, x in zip(coefficients, values, strict=True)]
        row = products[:1]
        for number in range(1, len(products)):
            row += [products[number], sum(products[: number + 1]) % p]
        written.append(row)
        holds.append(row[-1] == right)
    return written, holds


@pytest.mark.parametrize(("p", "k"), [(7, 2), (3, 3), (5, 1)])
@pytest.mark.parametrize("cot", [False, True])
def test_a_check_puts_answers_into_the_equations_and_only_the_solution_holds(p, k, cot):
    task = Equations(modulus=p, unknowns=k, cot=cot)
    batch = sample(task, 3)
    everything = list(product(range(p), repeat=k))
    for row, prompt in enumerate(task.vocabulary.decode_all(batch.prompts()[..., 0])):
        completion = np.repeat(batch.completions()[row : row + 1], len(everything), axis=0)
        completion[:, -1 - k : -1] = np.array(everything) + task.zero
        problem = {
            name: np.repeat(values[row : row + 1], len(everything), axis=0) for name, values in batch.problem.items()
        }
        text, holds = task.parts(problem, completion)
        assert text.shape == (len(everything), *task.part_shape)
        for place, values in enumerate(everything):
            numbers, hold = put_in(prompt, values, p)
            assert task.numbers(text[place]).tolist() == numbers and holds[place].tolist() == hold
        assert holds.all(axis=1).sum() == 1, "a system has one solution"
        assert everything[holds.all(axis=1).argmax()] == tuple(batch.problem["solution"][row])


def test_a_check_by_hand_and_of_what_is_no_answer():
    task = Equations(modulus=7, unknowns=2, cot=False)
    problem = task.parse("3 1 = 0 , 6 3 = 0 , all <think>")
    for text, expected, holds in (
        ("<answer> 4 2", "5 2 0 3 6 2", [True, False]),
        ("<answer> 4", "", [False, False]),
        ("<answer> 4 2 1", "", [False, False]),
        ("<answer> 4 =", "", [False, False]),
        ("4 2", "", [False, False]),
    ):
        parts = task.parts(problem, task.encoded([text]))
        assert task.vocabulary.decode(parts.text.reshape(-1)) == expected and parts.holds.tolist() == [holds]
    with pytest.raises(UserError, match="asked 'one' leaves unknowns open"):
        ONE.parts(ONE.parse("2 0 0 = 3 , 0 3 0 = 4 , 1 1 1 = 0 , x2 <think>"), np.zeros((1, 3), np.int32))
