"""Hops: the oracle agrees with one written for reading, and the laws of a reader of the last letters with counting."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis
from alchemy.problem.task import PAD, Field
from tasks.hops import Hops, laws, walk
from tasks.hops.draw import texts
from tasks.hops.structure import renamed

TASK = Hops()
SMALL = Hops(letters=3, length=7, hops=(1, 2))
PROMPT = "2 B A C A B C A <think>"


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def hop(text, place):
    """The place that a hop leads to by its definition, None if there is none: texts and places as in Python."""
    before = [earlier for earlier in range(place) if text[earlier] == text[place]]
    return before[-1] + 1 if before else None


@settings(max_examples=40, deadline=None)
@given(
    task=st.sampled_from([TASK, SMALL, Hops(letters=16, length=128, hops=(8, 5)), replace(TASK, letters=4, hops=(3,))]),
    cot=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_a_line_is_right_by_the_definition_of_a_hop(task, cot, seed):
    for tokens in sample(replace(task, cot=cot), 12, seed).text:
        prompt, completion = task.show(tokens).split(" <think> ")
        hops, *text = prompt.split()
        chain, answer = completion.split("<answer> ")
        assert len(text) == task.length and all(left != right for left, right in pairwise(text))
        assert int(hops) in task.hops and set(text) <= set("ABCDEFGHIJKLMNOP"[: task.letters])
        place, steps = len(text) - 1, []
        for _ in range(int(hops)):
            place = hop(text, place)
            steps.append(f"{place + 1} {text[place]}")
        assert answer == text[place] and chain.strip() == " , ".join(steps) * cot


def test_every_place_leads_where_the_definition_says_and_as_far():
    text = texts(SMALL, np.random.default_rng(0), 200)
    far = walk.reach(text)
    lead = np.stack([walk.hop(text, np.full(200, place)) for place in range(7)], axis=1)
    for row, line in enumerate(text.tolist()):
        for place in range(7):
            to = hop(line, place)
            assert lead[row, place] == (-1 if to is None else to)
            assert far[row, place] == (0 if to is None else far[row, to] + 1)
    assert walk.walk(text, np.full(200, 6), 9)[:, -1].tolist() == [-1] * 200
    np.testing.assert_array_equal(walk.leads(text), lead)


def test_hops_from_everywhere_are_those_of_a_walk_from_each_place():
    task = replace(TASK, length=30)
    text, hops = texts(task, np.random.default_rng(1), 60), np.arange(60) % 4
    ends = walk.from_everywhere(text, hops)
    for place in range(30):
        walked = np.column_stack([np.full(60, place), walk.walk(text, np.full(60, place), 3)])
        np.testing.assert_array_equal(ends[:, place], walked[np.arange(60), hops])


def test_letters_are_any_other_than_the_one_before_and_every_number_of_hops_is_as_frequent():
    text = texts(replace(TASK, letters=5), np.random.default_rng(0), 4_000)
    pairs = np.bincount((text[:, :-1] * 5 + text[:, 1:]).ravel(), minlength=25).reshape(5, 5) / text[:, 1:].size
    np.testing.assert_allclose(pairs, (1 - np.eye(5)) / 20, atol=0.002)
    np.testing.assert_allclose(np.bincount(text[:, 0]) / 4_000, 0.2, atol=0.03)
    problem = Hops(letters=8, length=29).draw(np.random.default_rng(0), 8_000)
    np.testing.assert_allclose(np.bincount(problem["hops"])[1:] / 8_000, 0.25, atol=0.02)


@pytest.mark.parametrize("letters", [3, 4, 8, 16])
@pytest.mark.parametrize("hops", [1, 2, 5])
def test_laws_are_distributions(letters, hops):
    edge, source, other = laws.unseen(letters, hops)
    assert edge + source + (letters - 2) * other == pytest.approx(1) and min(edge, source, other) >= 0
    edge, source, other = laws.from_the_edge(letters, hops)
    assert edge + (letters - 1) * other == pytest.approx(1) and source == 0 <= min(edge, other)


def test_what_ones_own_letter_says():
    assert [laws.own_letter(4, hops) for hops in (1, 2, 3, 4)] == pytest.approx([1 / 3, 1 / 2, 7 / 24, 11 / 32])
    for letters in (3, 8):
        task = Hops(letters=letters, length=64, hops=(1, 2, 3, 4))
        problem = task.draw(np.random.default_rng(0), 20_000)
        answer = _answers(task, problem)
        for hops in task.hops:
            ends = laws.from_the_edge(letters, hops)
            rows = problem["hops"] == hops
            assert np.mean(answer[rows] == problem["text"][rows, -1]) == pytest.approx(ends.edge, abs=0.02)
            assert laws.own_letter(letters, hops) == max(ends.edge, (1 - ends.edge) / (letters - 1))


def _answers(task, problem):
    """The right letters, from the text."""
    completion = task.solve(problem)
    place = (completion == task.vocabulary.index["<answer>"]).argmax(axis=1) + 1
    return completion[np.arange(len(completion)), place] - task.vocabulary.index["A"]


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_reader_of_the_last_letters_is_as_good_as_any_table_of_them(size, hops):
    """Three letters: the best answer to each window, counted, is right as often as the law's, and as it says."""
    task = Hops(letters=3, length=48, hops=(hops,))
    problem = task.draw(np.random.default_rng(2), 30_000)
    answer, guess = _answers(task, problem), laws.window(problem, 3, size)
    key = problem["text"][:, -size:].astype(int) @ 3 ** np.arange(size)
    counts = np.bincount(key * 3 + answer, minlength=3 ** (size + 1)).reshape(-1, 3)
    table = counts.max(axis=1).sum() / len(key)
    assert np.mean(guess.letter == answer) == pytest.approx(table, abs=0.015)
    assert guess.chance.mean() == pytest.approx(table, abs=0.015)
    if size == 1:
        np.testing.assert_allclose(guess.chance, laws.own_letter(3, hops))


def test_a_window_of_everything_sees_every_hop_and_wider_ones_are_no_worse():
    problem = TASK.draw(np.random.default_rng(2), 4_000)
    whole = laws.window(problem, 8, 64)
    assert (whole.chance == 1).all() and (whole.letter == _answers(TASK, problem)).all()
    np.testing.assert_array_equal(laws.window(problem, 8, 100).letter, whole.letter)
    chances = [laws.window(problem, 8, size).chance.mean() for size in (1, 4, 8, 16, 32, 64)]
    assert chances == sorted(chances) and chances[0] < 0.3


@pytest.mark.parametrize("task", [TASK, SMALL, Hops(letters=5, length=40, hops=(6, 1))])
def test_every_step_can_be_another(task):
    batch = sample(task, 40)
    for step in range(max(task.hops)):
        check_step(task, batch, step, np.random.default_rng(step))
        other = task.other_state(batch, batch.completions(), step, np.random.default_rng(step))
        there = batch.problem["hops"] > step
        assert (other[there, 3 * step + 1] != batch.completions()[there, 3 * step + 1]).all(), "another letter"


@pytest.mark.parametrize("step", [0, 1])
def test_another_place_is_any_with_another_letter_from_which_the_hops_that_remain_can_be_taken(step):
    batch = SMALL.write(SMALL.parse(PROMPT))
    gold, text = batch.completions(), batch.problem["text"][0].tolist()
    right = gold[0, 3 * step + 1] - SMALL.first_letter
    places = {place + 1 for place in range(7) if text[place] != right and (step or hop(text, place) is not None)}
    others = [SMALL.other_state(batch, gold, step, np.random.default_rng(seed))[0, 3 * step] for seed in range(200)]
    assert {int(other) - SMALL.one + 1 for other in others} == places


def test_behind_a_changed_place_the_hops_go_on_from_it():
    task = replace(SMALL, hops=(2,))
    batch = task.write(task.parse(PROMPT))
    gold, decode = batch.completions(), task.vocabulary.decode

    def followed(chain, step):
        chain = np.array([task.vocabulary.encode(chain)], np.int32)
        return decode(task.follow(batch, chain, step)[0])

    assert decode(gold[0]) == "5 B , 2 A <answer> A"
    assert followed("6 C", 0) == "6 C , 4 A <answer> A"
    assert followed("4 A", 0) == "4 A , 3 C <answer> C"
    assert followed("5 B , 6 C", 1) == "5 B , 6 C <answer> C"
    assert followed("5 B , 1 B", 1) == "5 B , 1 B <answer> B"
    assert followed("3 C , 5 B", 1) == "3 C , 5 B <answer> B", "the step before is not read"
    for nothing in ("5 A", "2 A", "8 B", "128 B", "B 5", "5", "5 ,"):
        assert followed(nothing, 0) == ""
    assert (task.follow(batch, np.zeros((1, 0), np.int32), 0) == PAD).all()
    assert (task.follow(batch, gold, 1) == gold).all()
    one = SMALL.write(SMALL.parse(PROMPT.replace("2 B", "1 B")))
    two_steps = np.array([SMALL.vocabulary.encode("5 B , 2 A <answer> A")], np.int32)
    for chain in (one.completions(), two_steps):
        assert (SMALL.follow(one, chain, 1) == PAD).all(), "a chain of one hop has no second step"


def test_steps_are_marked_by_what_they_follow_from():
    problem = SMALL.parse(PROMPT)

    def marks(text):
        return [step.mark for step in SMALL.text_steps(problem, text)]

    assert marks("5 B , 2 A <answer> A") == ["ok", "ok", "ok"]
    assert marks("6 C , 4 A <answer> A") == ["wrong", "follows", "follows"]
    assert marks("6 C , 4 A <answer> C") == ["wrong", "follows", "wrong after"]
    assert marks("6 C , 5 B <answer> B") == ["wrong", "wrong after", "follows"]
    assert marks("2 A , 2 A <answer> A") == ["wrong", "wrong after", "follows"], "no hop from the first A"
    assert marks("5 C , 4 A <answer> A") == ["wrong", "wrong after", "follows"], "no C at place 5"
    assert marks("5 B , 2 B <answer> A") == ["ok", "wrong", "wrong after"], "no B at place 2"
    assert marks("5 B , 1 B <answer> B") == ["ok", "wrong", "follows"]
    assert marks("1 B , 2 A <answer> A") == ["wrong", "wrong after", "follows"], "no hop from the first letter"
    assert marks("5 B <answer> A") == ["ok", "wrong", "wrong after"]
    assert marks("5 B , 2 A") == ["ok", "ok", "wrong"]
    assert marks("2 A , , 2 A") == ["wrong", "wrong after", "wrong after"], "nothing follows from nothing"
    assert [step.text for step in SMALL.text_steps(problem, "2 A , ,")] == ["2 A", "(nothing)", "(nothing)"]
    assert marks("4 A , 3 C <answer> C") == ["wrong", "follows", "follows"], "the first hop is from the last letter"
    assert marks("6 C , 4 A") == ["wrong", "follows", "wrong after"]
    assert marks("5 B , 2 A , 1 B <answer> A") == ["ok", "ok", "wrong", "wrong after"]


def test_prompts_are_read_back():
    for task in (TASK, SMALL, replace(TASK, cot=False)):
        batch = sample(task, 30)
        for row in range(30):
            problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
            for name, values in problem.items():
                assert values.dtype == batch.problem[name].dtype
                np.testing.assert_array_equal(values[0], batch.problem[name][row])


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "is not 1 or 2, 7 letters from A to C, <think>"),
        ("<think>", "is not 1 or 2"),
        ("2 B A C A B C A", "is not 1 or 2"),
        ("3 B A C A B C A <think>", "is not 1 or 2"),
        ("2 B A C A B C A A <think>", "is not 1 or 2"),
        ("2 B A C A B C D <think>", "is not 1 or 2"),
        ("2 B A C A B 5 A <think>", "is not 1 or 2"),
        ("2 B A C A A C A <think>", "has equal letters side by side"),
        ("2 A B C B C B A <think>", "has fewer hops than 2"),
        ("2 B a <think>", "unknown symbol 'a'"),
    ],
)
def test_what_is_no_prompt_is_the_users_error(prompt, says):
    with pytest.raises(UserError, match=says):
        SMALL.parse(prompt)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"letters": 2}, "letters 2 is outside 3 to 16"),
        ({"letters": 17}, "letters 17 is outside"),
        ({"length": 129}, "length 129 is outside 3 to 128"),
        ({"length": 2}, "length 2 is outside"),
        ({"hops": ()}, "hops is empty"),
        ({"hops": (0,)}, "hops 0 is outside 1 to 16"),
        ({"hops": (1, 17)}, "hops 17 is outside"),
        ({"hops": (10,)}, "64 of 8 letters have room for 9 or fewer"),
        ({"length": 63, "hops": (9,)}, "63 of 8 letters have room for 8 or fewer"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Hops(**fields)
    assert Hops(hops=(9,)) and Hops(letters=3, length=3, hops=(1,)) and Hops(letters=16, length=128, hops=(8,))


def test_shifts_are_on_three_axes():
    sizes = {name: TASK.shift(name).size for name in TASK.shifts if not name.startswith("noise")}
    assert sizes == {"letters=4": 4, "length=32": 32, "length=96": 32, "hops=5": 1, "hops=6": 2}
    assert {axis for name in TASK.shifts for axis in TASK.shift(name).axis} == {Axis.TASK, Axis.LENGTH, Axis.FORMAT}
    assert replace(TASK, noise=TASK.shift("noise=insert:0.1")(TASK).noise).shifts == tuple(sizes)
    assert "length=128" not in replace(TASK, length=128).shifts and replace(TASK, hops=(2, 6)).shift("hops=5").size == 1


def test_a_text_is_in_one_part_whatever_its_hops_and_has_one_structure_whatever_its_letters():
    problem = TASK.draw(np.random.default_rng(0), 300)
    fewer = problem | {"hops": np.maximum(problem["hops"] - 1, 1)}
    np.testing.assert_array_equal(TASK.identity(problem), TASK.identity(fewer))
    names = np.random.default_rng(1).permutation(8).astype(np.int8)
    again = problem | {"text": names[problem["text"]]}
    np.testing.assert_array_equal(TASK.structure(problem), TASK.structure(again))
    assert not (TASK.identity(problem) == TASK.identity(again)).any()
    assert renamed(np.array([[2, 0, 3, 0, 2], [1, 2, 1, 2, 3]], np.int8)).tolist() == [[0, 1, 2, 1, 0], [0, 1, 0, 1, 2]]
    small = SMALL.draw(np.random.default_rng(0), 3_000)
    patterns = {tuple(row.index(letter) for letter in row) for row in small["text"].tolist()}
    assert len(np.unique(SMALL.structure(small))) == len(patterns) > 20


def test_features_say_how_far_back_the_hops_lead():
    features = SMALL.features(SMALL.parse(PROMPT))
    assert {name: values.tolist() for name, values in features.items()} == {"hops": [2], "letters_back": [5]}


def test_an_answer_alone_has_no_steps():
    direct = replace(TASK, cot=False)
    assert "Write <answer> and" in direct.instructions and "Write the place" in TASK.instructions
    batch = sample(direct, 8)
    assert batch.completions().shape == (8, 3) and batch.field.max() < Field.STEP
