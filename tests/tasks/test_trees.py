"""Expressions: steps by rewriting text and Python's own arithmetic, trees by counting them, floors by going through all problems."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import product
from math import comb

import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis
from alchemy.problem.split import Split
from alchemy.problem.task import PAD
from tasks.trees import Trees, laws
from tasks.trees.draw import trees
from tasks.trees.spec import SHAPES

TASK = Trees()
tasks = st.builds(
    lambda modulus, operators, shapes, signs, notation, cot: Trees(modulus, operators, shapes, signs, notation, cot),
    st.sampled_from([5, 7, 11]),
    st.lists(st.integers(3, 9), min_size=1, max_size=3).map(tuple),
    st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3).map(tuple),
    st.sampled_from([("+", "-", "x"), ("-",), ("x", "-")]),
    st.sampled_from(["infix", "prefix"]),
    st.booleans(),
)


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def value(expression, modulus):
    """What Python makes of an expression with brackets."""
    return eval(expression.replace("x", "*")) % modulus


def rewritten(expression, modulus):
    """Values in the order in which the first brackets that hold two numbers are replaced by what they come to."""
    innermost, said = re.compile(r"\( (\d+) (.) (\d+) \)"), []
    while found := innermost.search(expression):
        said.append(value(found.group(), modulus))
        expression = expression[: found.start()] + str(said[-1]) + expression[found.end() :]
    assert expression == str(said[-1])
    return said


def bracketed(words):
    """An expression in prefix notation with its signs between their operands."""
    word = next(words)
    if word not in "+-x":
        return word
    left, right = bracketed(words), bracketed(words)
    return f"( {left} {word} {right} )"


def nested(order, leaves=None):
    """A tree as pairs of pairs, by closing gaps of a row one after the other."""
    row, gaps = leaves or list(range(len(order) + 1)), sorted(order)
    for gap in order:
        place = gaps.index(gap)
        row[place : place + 2] = [(row[place], row[place + 1])]
        gaps.remove(gap)
    return row[0]


def depth(tree):
    return 1 + max(map(depth, tree)) if isinstance(tree, tuple) else 0


@settings(max_examples=60, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16))
def test_a_line_is_right_by_rewriting_it(task, seed):
    for tokens in sample(task, 8, seed).text:
        expression, completion = task.show(tokens).split(" <think> ")
        if task.notation == "prefix":
            words = iter(expression.split())
            expression = bracketed(words)
            assert not [*words]
        chain, answer = completion.split("<answer>")
        said = rewritten(expression, task.modulus)
        assert int(answer) == said[-1] == value(expression, task.modulus) and len(said) in task.operators
        assert [*map(int, chain.split())] == (said if task.cot else [])
        assert "0" not in expression.split() and {*expression} & {*"+-x"} <= {*task.signs}


def test_trees_of_each_shape_are_the_ones_it_names():
    for operators in range(1, 9):
        every = {nested(order.tolist()) for order in trees("any", operators)}
        assert len(every) == len(trees("any", operators)) == comb(2 * operators, operators) // (operators + 1)
        [left], [right], [balanced] = (
            [nested(order.tolist()) for order in trees(shape, operators)] for shape in ("left", "right", "balanced")
        )
        bent = {nested(order.tolist()) for order in trees("bent", operators)} if operators >= 3 else set()
        deepest = {tree for tree in every if depth(tree) == operators}
        assert deepest == bent | {left, right} and not bent & {left, right} and len(deepest) == 2 ** (operators - 1)
        assert min(map(depth, every)) == depth(balanced) == operators.bit_length()
    assert nested(trees("left", 3)[0].tolist()) == (((0, 1), 2), 3) and nested(trees("right", 2)[0].tolist()) == (
        0,
        (1, 2),
    )
    assert nested(trees("balanced", 4)[0].tolist()) == (((0, 1), 2), (3, 4))
    assert trees("any", 10).shape == (16796, 10) and trees("balanced", 15).shape == (1, 15)


def test_every_tree_sign_and_number_is_as_likely():
    problem = Trees(operators=(3,), shapes=("any",), signs=("-", "x")).draw(np.random.default_rng(0), 30_000)
    counts = Counter(map(tuple, problem["order"].tolist()))
    assert len(counts) == 5 and min(counts.values()) > 5600 and {*np.unique(problem["signs"])} == {1, 2}
    assert np.bincount(problem["leaves"].ravel(), minlength=8)[1:7].min() > 19_400 and problem["leaves"].min() == 1
    kinds = Trees(operators=(3, 7), shapes=("left", "balanced")).draw(np.random.default_rng(0), 4000)
    short = kinds["order"][:, 3] < 0
    assert (
        abs(short.mean() - 0.5) < 0.03
        and not kinds["leaves"][short, 4:].any()
        and (kinds["signs"][short, 3:] == -1).all()
    )
    assert (kinds["order"][short, 3:] == -1).all() and (kinds["order"][~short] >= 0).all()


def test_features_are_those_of_the_tree():
    task = Trees(operators=(3, 6), shapes=("any", "left", "right"))
    problem = task.draw(np.random.default_rng(0), 200)
    features = task.features(problem)

    def lean(tree):
        if not isinstance(tree, tuple):
            return 0
        left, right = tree
        return isinstance(right, tuple) - isinstance(left, tuple) + lean(left) + lean(right)

    for row, order in enumerate(problem["order"]):
        tree = nested([gap for gap in order.tolist() if gap >= 0])
        assert features["operators"][row] == (order >= 0).sum() and features["depth"][row] == depth(tree)
        assert features["lean"][row] == lean(tree)
    assert {*features["lean"]} >= {-5, -2, 2, 5}


@settings(max_examples=40, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16), step=st.integers(0, 8))
def test_behind_another_value_the_operators_left_go_on_from_it(task, seed, step):
    if not task.cot or step >= min(task.operators):
        return
    batch = sample(task, 8, seed)
    check_step(task, batch, step, np.random.default_rng(seed))
    edited = task.other_state(batch, batch.completions(), step, np.random.default_rng(seed))
    infix = replace(task, notation="infix")
    for row, tokens in enumerate(task.follow(batch, edited, step)):
        problem = batch.rows(slice(row, row + 1)).problem
        expression = infix.show(infix.write(problem).text[0]).split(" <think> ")[0]
        chain, answer = task.vocabulary.decode(tokens).split("<answer>")
        said = [*map(int, chain.split())]
        for place in range(len(said)):
            found = re.search(r"\( (\d+) (.) (\d+) \)", expression)
            if place != step:
                assert said[place] == value(found.group(), task.modulus)
            expression = expression[: found.start()] + str(said[place]) + expression[found.end() :]
        assert int(answer) == said[-1]


def test_nothing_follows_from_what_is_no_number():
    task = Trees(operators=(3, 7))
    batch = sample(task)
    chain = batch.completions()
    for symbol in ("(", "<answer>", "+"):
        chain[:, 2] = task.vocabulary.index[symbol]
        assert (task.follow(batch, chain, 2) == PAD).all() and not task.verify(batch, chain).well_formed.any()
    assert (task.follow(batch, batch.completions()[:, :2], 2) == PAD).all()
    short = (batch.problem["order"] >= 0).sum(axis=1) == 3
    nothing = (task.follow(batch, batch.completions(), 3) == PAD).all(axis=1)
    np.testing.assert_array_equal(nothing, short)
    assert (task.follow(batch, batch.completions(), 9) == PAD).all()
    numbers = np.full_like(batch.completions(), task.zero)
    np.testing.assert_array_equal((task.follow(batch, numbers, 3) == PAD).all(axis=1), short, "a number too many")


@pytest.mark.parametrize(("shape", "operators"), [("left", 3), ("right", 3), ("bent", 3), ("balanced", 3), ("any", 2)])
@pytest.mark.parametrize("signs", [("+", "-", "x"), ("x", "-"), ("-",)])
def test_floors_are_those_of_all_problems_gone_through(shape, operators, signs):
    spec = Trees(5, (operators,), (shape,), signs)
    scores = {"guess": [], "last": [], "outer": []}
    for order in trees(shape, operators):
        tree, root = nested(order.tolist()), int(order[-1])
        seen = {name: {} for name in scores}
        for leaves in product(range(1, 5), repeat=operators + 1):
            for used in product(signs, repeat=operators):
                answer = _worked_out(tree, leaves, used) % 5
                outer = (leaves[0] if root == 0 else None, leaves[-1] if root == operators - 1 else None, used[root])
                for name, known in (("guess", ()), ("last", leaves[-1]), ("outer", outer)):
                    seen[name].setdefault(known, Counter())[answer] += 1
        for name, counts in seen.items():
            every = sum(sum(counter.values()) for counter in counts.values())
            scores[name].append(sum(max(counter.values()) for counter in counts.values()) / every)
    assert laws.guess(spec, trees(shape, operators)) == pytest.approx(np.mean(scores["guess"]))
    assert laws.last_leaf(spec, trees(shape, operators)) == pytest.approx(np.mean(scores["last"]))
    assert laws.outermost(spec, trees(shape, operators)) == pytest.approx(np.mean(scores["outer"]))


def _worked_out(tree, leaves, signs):
    if not isinstance(tree, tuple):
        return leaves[tree]
    left, right = (_worked_out(part, leaves, signs) for part in tree)
    sign = signs[_last(tree[0])]
    return left + right if sign == "+" else left - right if sign == "-" else left * right


def _last(tree):
    return _last(tree[1]) if isinstance(tree, tuple) else tree


def test_trees_with_a_leaf_at_each_operator_hide_their_value():
    for shape in ("left", "right", "bent"):
        assert laws.outermost(TASK, trees(shape, 7)) < 0.1429 and laws.last_leaf(TASK, trees(shape, 7)) < 0.1429
    assert laws.guess(TASK, trees("balanced", 7)) == pytest.approx(0.197, abs=5e-4)


def test_steps_are_marked_by_what_they_follow_from():
    problem = TASK.parse("( ( ( 1 + 2 ) x ( 5 - 3 ) ) - ( ( 6 + 6 ) x ( 1 - 2 ) ) ) <think>")  # 3 2 6 5 6 2 4

    def marks(text):
        return [step.mark for step in TASK.text_steps(problem, text)]

    assert marks("3 2 6 5 6 2 4 <answer> 4") == ["ok"] * 8
    assert marks("3 2 6 5 6 2 4 <answer> 5") == [*["ok"] * 7, "wrong"]
    assert marks("4 2 1 5 6 2 6 <answer> 6") == ["wrong", *["follows"] * 7]
    assert marks("4 2 6 5 6 2 4 <answer> 4") == ["wrong", "follows", "wrong after", *["follows"] * 5]
    assert marks("3 2 6 <answer> 6") == ["ok", "ok", "ok", "wrong", "follows"]
    assert marks("3 9 6 5 6 2 4 <answer> 4") == ["ok", "wrong", *["wrong after"] * 5, "follows"]
    assert marks("3 2 6 5 6 2 4 4 <answer> 4") == [*["ok"] * 7, "wrong", "follows"]
    assert marks("3 x 6") == ["ok", "wrong", "wrong after", "wrong after"], "the chain ends, and there is no answer"
    at_once = replace(TASK, cot=False)
    assert [step.mark for step in at_once.text_steps(problem, "<answer> 4")] == ["ok"]
    assert [step.mark for step in at_once.text_steps(problem, "<answer> 3")] == ["wrong"]


@pytest.mark.parametrize(
    "task",
    [
        TASK,
        Trees(operators=(1, 4), shapes=("any",), cot=False),
        Trees(11, (3, 6), ("bent", "balanced"), ("-", "x"), "prefix"),
    ],
)
def test_prompts_are_read_back(task):
    batch = sample(task, 30)
    for row in range(30):
        problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
        assert {values.dtype for values in problem.values()} == {np.dtype(np.int8)}
        line = task.write(problem).text[0]
        np.testing.assert_array_equal(line, batch.text[row, : len(line)])
        assert not batch.text[row, len(line) :].any()
        assert task.identity(problem)[0] == task.identity(batch.problem)[row]
    good = task.vocabulary.decode(batch.prompts()[0, :, 0])
    broken = ["", "<think>", "3 <think>", good[:-8], f"3 {good}", f"{good} <think>", good.replace("-", "(", 1)]
    for prompt in [*broken, good.replace("x", "0", 1), "( 3 - 2 ( <think>", "( 3 - ) <think>", "- 3 <think>"]:
        with pytest.raises(UserError, match=r"is not an expression of [0-9]"):
            task.parse(prompt if prompt != good else "( <think>")
    with pytest.raises(UserError, match="unknown symbol '99'"):
        task.parse("( 99 - 1 ) <think>")


def test_other_signs_and_numbers_of_operators_are_no_prompts_of_the_task():
    task = Trees(operators=(2, 3), shapes=("left",), signs=("-", "x"))
    assert task.parse("( 1 - ( 2 x 3 ) ) <think>")["order"].tolist() == [[1, 0]], "of any shape"
    for prompt in ("( 1 + ( 2 x 3 ) ) <think>", "( 1 - 2 ) <think>", "( ( ( ( 1 - 2 ) - 2 ) - 2 ) - 2 ) <think>"):
        with pytest.raises(
            UserError, match="is not an expression of 2 or 3 operators -, x on numbers other than 0, in infix"
        ):
            task.parse(prompt)


def test_both_notations_are_of_the_same_problems_in_the_same_parts():
    infix, prefix = TASK, TASK.shift("notation=prefix")(TASK)
    one, two = (Split().sample(task, np.random.default_rng(0), 200, "test") for task in (infix, prefix))
    for name in ("leaves", "signs", "order"):
        np.testing.assert_array_equal(one.problem[name], two.problem[name])
    np.testing.assert_array_equal(one.completions(), two.completions())
    np.testing.assert_array_equal(prefix.surface(two), infix.surface(one))
    assert one.prompt_len.tolist() == [30] * 200 and two.prompt_len.tolist() == [16] * 200


def test_lines_are_as_long_as_they_say():
    for task, lengths in [
        (Trees(operators=(3, 7)), (14, 30, 40)),
        (Trees(operators=(7, 3), cot=False), (14, 30, 33)),
        (Trees(operators=(3, 7), notation="prefix"), (8, 16, 26)),
    ]:
        assert (task.shortest_prompt, task.longest_prompt, task.clean_len) == lengths
        batch = sample(task)
        assert (batch.prompt_len.min(), batch.prompt_len.max(), batch.text.shape[1]) == lengths


def test_fields_are_those_of_expression_mark_steps_and_answer():
    task = Trees(operators=(2,))
    [field] = task.write(task.parse("( 1 - ( 2 x 3 ) ) <think>")).field
    assert field.tolist() == [*[0] * 9, 1, 16, 17, 10, 10, 11]


def test_instructions_say_what_to_write_and_how_lines_read():
    assert (
        "in brackets. Write the value of each operator, in the order in which their brackets close" in TASK.instructions
    )
    prefix = replace(TASK, notation="prefix")
    assert "before its two operands. Write the value of each operator, operands before" in prefix.instructions
    assert "in brackets. Write <answer> and the value" in replace(TASK, cot=False).instructions


def test_shifts_say_how_far_they_are():
    task = Trees(operators=(3, 7), shapes=("left", "right"))
    for name, axis, size in [
        ("shapes=bent", Axis.TASK, 1),
        ("shapes=left", Axis.TASK, 0),
        ("shapes=left,bent, any", Axis.TASK, 2),
        ("operators=9", Axis.LENGTH, 2),
        ("operators=4", Axis.LENGTH, 1),
        ("notation=prefix", Axis.FORMAT, 1),
    ]:
        shift = task.shift(name)
        assert shift.axis == (axis,) and shift.size == size
    assert task.shift("shapes=left,bent, any")(task).shapes == ("left", "bent", "any")
    assert TASK.shifts[:5] == ("shapes=right", "shapes=bent", "shapes=any", "operators=8", "operators=9")
    assert Trees(shapes=("any",)).shift("shapes=left").size == 0, "it is one of them"
    assert Trees(shapes=("any",)).shifts[0] == "operators=8"
    assert task.shifts[3:6] == ("operators=8", "operators=9", "notation=prefix")
    assert "shapes=bent" not in Trees(operators=(2,), shapes=("left",)).shifts


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"modulus": 9}, "modulus 9 is not one of 5, 7, 11, 13; the nearest is 7"),
        ({"operators": ()}, "operators is empty"),
        ({"operators": (2,), "shapes": ("bent",)}, "operators 2 is outside 3 to 15, with shape 'bent'"),
        ({"operators": (11,), "shapes": ("left", "any")}, "operators 11 is outside 1 to 10, with shape 'any'"),
        ({"operators": (16,), "shapes": ("left",)}, "operators 16 is outside 1 to 15, with shape 'left'"),
        ({"operators": (0,), "shapes": ("left",)}, "operators 0 is outside 1 to 15"),
        ({"shapes": ()}, "shapes is empty, expected one or more of left, right, bent, balanced, any"),
        ({"shapes": ("righ",)}, "shape 'righ' is unknown; did you mean 'right'"),
        ({"signs": ()}, "signs is empty"),
        ({"signs": ("*",)}, "sign '[*]' is unknown"),
        ({"notation": "postfix"}, "notation 'postfix' is unknown"),
    ],
)
def test_what_is_impossible_is_the_users_error(fields, said):
    with pytest.raises(UserError, match=said):
        Trees(**fields)


def test_noise_is_read_in_infix_notation_alone():
    noisy = TASK.shift("noise=delete:0.3")(TASK)
    with pytest.raises(UserError, match="noise with notation 'prefix': expected 'infix'"):
        replace(noisy, notation="prefix")
    with pytest.raises(UserError, match="noise with notation 'prefix'"):
        TASK.shift("notation=prefix+noise=delete:0.3")
    part = Trees(operators=(1, 2), shapes=("left", "right"), cot=False)
    batch = replace(part, noise=noisy.noise).sample(np.random.default_rng(0), 4000)
    left = batch.text[:, :10]
    simpler = [row for row in range(4000) if _reads(part, part.vocabulary.decode(left[row, : batch.prompt_len[row]]))]
    lost = [row for row in simpler if batch.prompt_len[row] < 6 + 4 * (batch.problem["order"][row, 1] >= 0)]
    assert lost, "of some expressions of two operators one is left"
    for row in lost:
        problem = part.parse(part.vocabulary.decode(left[row, : batch.prompt_len[row]]))
        assert noisy.surface(batch.rows(slice(row, row + 1)))[0] == part.identity(problem)[0]


def _reads(task, prompt):
    try:
        return task.parse(prompt)
    except UserError:
        return None
