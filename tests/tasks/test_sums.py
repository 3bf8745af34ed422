"""Sums of digits: lines are right by plain arithmetic, either kind is judged as what it is, and laws agree with simulations."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.task import EOS, PAD
from tasks.sums import Sums, laws

TASK = Sums()
MIXED = Sums(modulus=3, places=6, counted=(1, 2, 5), traced=0.4)
CHANGES = Sums(modulus=2, places=9, trace="changes")
HINTED = replace(MIXED, hints=9, opened=True)
tasks = st.builds(
    lambda modulus, places, counted, trace, traced, hints, opened: Sums(
        modulus,
        places,
        tuple(sorted({place % places for place in counted})),
        trace,
        traced,
        hints=hints,
        opened=opened,
    ),
    st.integers(2, 11),
    st.integers(1, 12),
    st.lists(st.integers(0, 11), max_size=5),
    st.sampled_from(["sums", "changes"]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0, 12, 30]),
    st.booleans(),
)


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def read(text):
    """Numbers of a line: digits, the sums it shows, the answer."""
    prompt, completion = text.split("<think>")
    shown, answer = completion.split("<answer>")
    return ([int(word) for word in part.split() if word.isdigit()] for part in (prompt, shown, answer))


def marked(part):
    """Each number of a part of a line, by the number of the mark before it."""
    words = [word for word in part.split() if word != "<begin>"]
    return {int(mark.strip("<>")): int(number) for mark, number in zip(words[::2], words[1::2], strict=True)}


def expected(task, digits, traced):
    """The sums of a line in plain arithmetic, digit by digit."""
    sums, total = [], 0
    for number, place in enumerate(task.counted or range(task.places)):
        before, total = total, (total + digits[place]) % task.modulus
        if task.trace == "sums" or number == 0 or total != before:
            sums.append(total)
    return sums if traced else [total]


@settings(max_examples=60, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16))
def test_a_line_is_right_by_plain_arithmetic(task, seed):
    batch = sample(task, 16, seed)
    for tokens, traced in zip(batch.text, batch.problem["traced"], strict=True):
        digits, shown, answer = read(task.show(tokens))
        assert len(digits) == task.places and shown == expected(task, digits, traced)
        assert answer == [shown[-1]] == [sum(digits[place] for place in task.summed) % task.modulus]


@settings(max_examples=60, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16), step=st.integers(0, 3))
def test_whatever_the_dials_a_changed_sum_is_wrong_and_moves_the_rest_with_it(task, seed, step):
    assume(task.state_tokens)  # a sum at once is no step
    batch = sample(task, 16, seed)
    check_step(task, batch, step, np.random.default_rng(seed))
    gold = batch.completions()
    edited = task.other_state(batch, gold, step, np.random.default_rng(seed))
    for text, before, there in zip(
        task.vocabulary.decode_all(task.follow(batch, edited, step)),
        task.vocabulary.decode_all(gold),
        (edited != gold).any(axis=1),
        strict=True,
    ):
        if there:
            moved, right = ([int(word) for word in line.split() if word.isdigit()] for line in (text, before))
            differences = {(a - b) % task.modulus for a, b in zip(moved[step:], right[step:], strict=True)}
            assert moved[:step] == right[:step] and len(differences) == 1 and differences != {0}


def test_the_share_of_traces_is_drawn_beside_the_digits():
    n = 40_000
    some, all_of_them = (replace(MIXED, traced=share).draw(np.random.default_rng(0), n) for share in (0.4, 1.0))
    np.testing.assert_array_equal(some["digits"], all_of_them["digits"])
    assert all_of_them["traced"].all() and abs(some["traced"].mean() - 0.4) < 0.01
    np.testing.assert_array_equal(MIXED.identity(some), MIXED.identity(all_of_them))


@pytest.mark.parametrize("task", [MIXED, replace(MIXED, trace="changes"), replace(TASK, traced=0.5), HINTED])
def test_a_right_line_of_either_kind_is_right_whatever_its_problem_has(task):
    batch = sample(task, 200)
    other = task.write({**batch.problem, "traced": ~batch.problem["traced"]})
    judged = task.verify(batch, other.completions())
    assert judged.answer.all() and judged.trace.all() and judged.well_formed.all()
    np.testing.assert_array_equal(task.chain_fields(batch, other.completions()), other.completion_fields())
    np.testing.assert_array_equal(task.answer_ids(other.completions()), task.answer_ids(batch.completions()))
    for row in range(20):
        steps = task.steps(batch.rows(slice(row, row + 1)), other.completions()[row : row + 1])
        assert {step.mark for step in steps} == {"ok"}


def test_a_wrong_sum_at_once_is_a_wrong_answer_and_a_wrong_step():
    task = replace(TASK, traced=0.0)
    batch = sample(task)
    wrong = batch.completions()
    wrong[:, [0, 2]] = (wrong[:, [0, 2]] - task.zero + 1) % 5 + task.zero
    judged = TASK.verify(batch, wrong)
    assert judged.well_formed.all() and not judged.answer.any() and not judged.trace.any()
    assert not task.has_trace(wrong).any() and not judged.first_wrong_step.any()
    steps = task.steps(batch.rows(slice(0, 1)), wrong[:1])
    assert [step.mark for step in steps] == ["wrong", "follows"]


@pytest.mark.parametrize(
    "task", [replace(TASK, hints=20), replace(HINTED, trace="changes"), replace(HINTED, traced=0.0)]
)
def test_a_sum_stands_behind_the_mark_of_the_last_digit_that_was_added(task):
    """And nothing else of a line is another than without hints."""
    batch = sample(task, 300)
    begins = set()
    for tokens, traced in zip(batch.text, batch.problem["traced"], strict=True):
        prompt, completion = task.show(tokens).split("<think>")
        assert prompt.startswith("<begin> ") == task.opened and "<begin>" not in completion
        digits, sums = marked(prompt), marked(completion.split("<answer>")[0])
        first = min(digits)
        begins.add(first)
        assert [*digits] == [*range(first, first + task.places)]
        counted = [first + place for place in task.summed]
        assert all(sums[mark] == sum(digits[each] for each in counted if each <= mark) % task.modulus for mark in sums)
        left_out = [mark for mark in counted if mark not in sums]
        if not traced:
            assert [*sums] == counted[-1:]
        else:
            assert all(mark != counted[0] and digits[mark] == 0 for mark in left_out)
            assert task.trace == "changes" or not left_out
    assert begins == {*range(1, task.hints - task.places + 2)}, "a line begins with any mark that leaves room for it"
    bare_task = replace(task, hints=0, opened=False)
    plain = bare_task.write({name: batch.problem[name] for name in ("digits", "traced")})
    marks = {*task.hint_names, "<begin>"}
    bare = [" ".join(word for word in line.split() if word not in marks) for line in map(task.show, batch.text)]
    assert bare == [*map(bare_task.show, plain.text)]
    np.testing.assert_array_equal(task.identity(batch.problem), bare_task.identity(plain.problem))


def test_longer_lines_have_the_same_symbols_and_no_line_has_more_places_than_marks():
    task = Sums(5, 4, hints=12)
    longer = task.shift("places=12")(task)
    assert longer.vocabulary == task.vocabulary and (longer.draw(np.random.default_rng(0), 9)["first"] == 0).all()
    with pytest.raises(UserError, match="hints 12 is outside 13, the places there are, to 256, and not 0"):
        task.shift("places=13")(task)


def test_steps_with_hints_need_their_marks():
    task = Sums(5, 3, hints=6)
    problem = task.parse("<2> 1 <3> 2 <4> 3 <think>")
    texts = {
        "<2> 1 <3> 3 <4> 1 <answer> 1": ["ok"] * 4,
        "<2> 1 <4> 3 <4> 1 <answer> 1": ["ok", "wrong", "follows", "follows"],
        "<2> 2 <3> 4 <4> 2 <answer> 2": ["wrong", "follows", "follows", "follows"],
        "<2> 1 3 <4> 1 <answer> 1": ["ok", "wrong", "wrong after", "follows"],
        "<4> 1 <answer> 1": ["ok", "ok"],
        "1 <answer> 1": ["wrong", "wrong after", "follows"],
    }
    for text, marks in texts.items():
        assert [step.mark for step in task.text_steps(problem, text)] == marks, text


def test_steps_behind_a_wrong_one_follow_what_was_written():
    problem = TASK.parse("1 2 3 4 0 0 1 1 <think>")
    texts = {
        "1 3 1 0 0 0 1 2 <answer> 2": ["ok"] * 9,
        "1 4 2 1 1 1 2 3 <answer> 3": ["ok", "wrong", *["follows"] * 7],
        "1 4 1 0 0 0 1 2 <answer> 2": ["ok", "wrong", "wrong after", *["follows"] * 6],
        "1 3 1 <answer> 1": ["ok", "ok", "ok", "wrong", "follows"],
        "2 <answer> 2": ["ok", "ok"],
        "1 3 1 0 0 0 1 2 2 <answer> 2": [*["ok"] * 8, "wrong", "follows"],
        "1 x 3": ["ok", "wrong", "wrong after", "wrong after"],
        "1 3 1 0 0 0 1 2 2 2 <answer> 2": [*["ok"] * 8, "wrong", "follows", "follows"],
        "1 3 <answer> 1 0 0 0 1 2 <answer> 2": ["ok", "ok", "wrong", "wrong after", *["follows"] * 5],
    }
    for text, marks in texts.items():
        assert [step.mark for step in TASK.text_steps(problem, text)] == marks, text


def test_a_line_has_a_trace_if_it_goes_on_behind_its_first_number():
    rows = np.array([[TASK.zero, TASK.zero, TASK.zero], [TASK.zero, TASK.answer_mark_id, TASK.zero]], np.int32)
    assert TASK.has_trace(rows).tolist() == TASK.has_trace(rows[:, :2]).tolist() == [True, False]
    assert TASK.has_trace(rows[:, :1]).tolist() == [True, True]


def test_features_by_hand():
    task = replace(MIXED, modulus=5, counted=(0, 2, 4))
    for traced in (False, True):
        problem = task.parse("2 2 0 3 4 4 <think>") | {"traced": np.array([traced])}
        features = {name: values.tolist() for name, values in task.features(problem).items()}
        assert features == {"traced": [int(traced)], "nonzero": [2], "sum": [1]}


def test_a_step_that_is_no_number_has_nothing_behind_it():
    batch = sample(TASK)
    broken = batch.completions()
    broken[0, 2] = TASK.answer_mark_id
    assert (TASK.follow(batch, broken, 2)[0] == PAD).all() and TASK.follow(batch, broken, 2)[1:].any(axis=1).all()


def test_prompts_are_read_back_and_bad_ones_named():
    for task in (TASK, MIXED, CHANGES, HINTED):
        batch = sample(task, 20)
        for row in range(20):
            problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
            np.testing.assert_array_equal(task.identity(problem), task.identity(batch.problem)[row : row + 1])
            assert problem["traced"].tolist() == [True] and problem.keys() == batch.problem.keys()
            assert problem.get("first", ()) == batch.problem.get("first", ())[row : row + 1]
    assert not replace(TASK, traced=0.0).parse("1 2 3 4 0 0 1 1 <think>")["traced"][0]
    for text in ("1 2 <think>", "1 2 3 4 0 0 1 1", "", "1 2 3 4 0 0 1 <answer> <think>"):
        with pytest.raises(UserError, match="is not 8 digits and <think>"):
            TASK.parse(text)
    for text in ("<1> 1 <3> 2 <think>", "<3> 1 <1> 2 <think>", "1 2 <think>", "<2> 1 2 <3> <think>", "<2> 1 <think>"):
        with pytest.raises(UserError, match="is not 2 digits, each behind the mark of its place, and <think>"):
            Sums(5, 2, hints=3).parse(text)
    for text in ("1 2 <think>", "1 <begin> 2 <think>", "<begin> 1 <think>"):
        with pytest.raises(UserError, match="is not <begin>, 2 digits and <think>"):
            Sums(5, 2, opened=True).parse(text)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"modulus": 1}, "modulus 1 is outside 2 to 100"),
        ({"places": 0}, "places 0 is outside 1 to 64"),
        ({"places": 65}, "places 65 is outside 1 to 64"),
        ({"counted": (8,)}, "counted 8 is outside 0 to 7"),
        ({"counted": (2, 1)}, r"counted \(2, 1\) is not in increasing order: expected \(1, 2\)"),
        ({"trace": "sum"}, "trace 'sum' is unknown.*'sums'"),
        ({"traced": 1.5}, r"traced 1.5 is outside \[0, 1\]"),
        ({"hints": 7}, "hints 7 is outside 8, the places there are, to 256, and not 0"),
        ({"hints": 257}, "hints 257 is outside 8"),
        ({"hints": -1}, "hints -1 is outside 8"),
    ],
)
def test_a_field_out_of_bounds_is_the_users_error(fields, message):
    with pytest.raises(UserError, match=message):
        Sums(**fields)


def test_shifts_say_how_far_they_go():
    sizes = {"counted=1,2,5": 0, "counted=1,2": 1, "counted=all": 3, "traced=0.9": 0.5, "places=8": 2}
    for name, size in sizes.items():
        change = MIXED.shift(name)
        assert change.size == pytest.approx(size) and change(MIXED).places == (8 if "places" in name else 6)
    assert MIXED.shift("counted=all")(MIXED).summed == (0, 1, 2, 3, 4, 5)
    for name in ("counted=7", "counted=a", "traced=x", "places=4"):
        with pytest.raises(UserError):
            MIXED.shift(name)


def test_shifts_worth_looking_at():
    noise = tuple(f"noise={mode}:0.1" for mode in ("insert", "delete", "modify", "hybrid"))
    assert TASK.shifts == ("counted=0,2,4,6", "traced=0.5", "places=9", "places=10", "places=16", *noise)
    task = replace(TASK, counted=(0, 2, 4, 6), traced=0.5)
    assert task.shifts == ("places=9", "places=10", "places=16", *noise)
    assert replace(TASK, noise=TASK.shift("noise=insert:0.1")(TASK).noise).shifts == TASK.shifts[:-4]


def test_instructions_say_what_lines_have():
    assert "or at once" in MIXED.instructions and "at 3 places" in MIXED.instructions
    assert "wherever it changes" in CHANGES.instructions and "at once" not in TASK.instructions
    assert "Write the sum;" in replace(TASK, traced=0.0).instructions
    assert "mark of its place" in HINTED.instructions and "mark of its place" not in MIXED.instructions


@pytest.mark.parametrize("modulus", [2, 3, 5])
def test_every_digit_that_counts_is_needed(modulus):
    """By enumeration: whatever the digits but one are, each sum is as frequent."""
    task = Sums(modulus, places=4, counted=(0, 2, 3))
    digits = np.array([*product(range(modulus), repeat=4)], np.int8)
    sums = task.sums({"digits": digits})
    for left_out in task.counted:
        others = np.delete(digits, left_out, axis=1)
        for known in np.unique(others, axis=0):
            counts = np.bincount(sums[(others == known).all(axis=1)], minlength=modulus)
            np.testing.assert_allclose(counts / counts.sum(), laws.floor(modulus))


@pytest.mark.parametrize(("modulus", "traced"), [(2, 0.2), (2, 0.5), (5, 0.1), (5, 0.3), (10, 0.05)])
def test_laws_are_those_of_lines_whose_guesses_are_uniform(modulus, traced):
    """Written out line by line, with a guess in place of the sum at once, as a model of it writes them."""
    n, rng = 200_000, np.random.default_rng(0)
    task = Sums(modulus, places=3, traced=traced)
    problem = task.draw(rng, n)
    first = np.where(problem["traced"], problem["digits"][:, 0], rng.integers(modulus, size=n))
    right = problem["traced"] | (first == task.sums(problem))
    begins = first == problem["digits"][:, 0]
    assert begins.mean() == pytest.approx(laws.begins_with_first(modulus, traced), abs=0.005)
    assert problem["traced"][begins].mean() == pytest.approx(laws.goes_on(modulus, traced), abs=0.01)
    assert right.mean() == pytest.approx(laws.accuracy(modulus, traced), abs=0.005)
    assert problem["traced"][right].mean() == pytest.approx(laws.after_rounds(modulus, traced, 1), abs=0.01)


@pytest.mark.parametrize("modulus", [2, 5, 10])
def test_rounds_are_bayes_rule_again_and_again_and_the_threshold_is_where_the_trace_is_as_likely(modulus):
    share = start = 0.03
    for rounds in range(1, 5):
        share = share / (share + (1 - share) / modulus)
        assert laws.after_rounds(modulus, start, rounds) == pytest.approx(share)
    edge = laws.threshold(modulus)
    assert laws.goes_on(modulus, edge) == pytest.approx(0.5)
    assert laws.goes_on(modulus, edge * 0.9) < 0.5 < laws.goes_on(modulus, edge * 1.1)
    assert laws.greedy_accuracy(modulus, edge * 1.1) == 1 and laws.greedy_accuracy(modulus, edge) == 1 / modulus
    assert laws.after_rounds(modulus, 0, 9) == laws.goes_on(modulus, 0) == 0 and laws.after_rounds(modulus, 1, 2) == 1
    assert laws.accuracy(modulus, 0) == laws.floor(modulus)


def test_lines_end_once_and_are_padded_behind():
    batch = sample(replace(CHANGES, traced=0.5), 200)
    ends = (batch.text == EOS).argmax(axis=1)
    assert len(set(ends.tolist())) > 3, "lines differ in length"
    assert (sample(TASK).text[:, -1] == EOS).all(), "no wider than the longest"
    assert ((np.arange(batch.text.shape[1]) > ends[:, None]) == (batch.text == PAD)).all()
