"""Words of groups: products by composing permutations written out here, and floors by going through all words."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis, Noise
from alchemy.problem.split import Split
from alchemy.problem.task import PAD
from tasks.groups import Groups, laws
from tasks.groups.table import group, pairs

TASK = Groups()
IMAGES = {
    ("A5", 0): ([1, 2, 3, 4, 0], [1, 2, 0, 3, 4]),
    ("A5", 1): ([1, 2, 3, 4, 0], [1, 0, 3, 2, 4]),
    ("A5", 2): ([1, 2, 0, 3, 4], [0, 1, 3, 4, 2]),
    ("A4xZ5", 0): ([1, 2, 0, 3, 5, 6, 7, 8, 4], [1, 0, 3, 2, 6, 7, 8, 4, 5]),
    ("A4xZ5", 1): ([1, 2, 0, 3, 5, 6, 7, 8, 4], [1, 3, 2, 0, 4, 5, 6, 7, 8]),
    ("S5", 0): ([1, 2, 3, 4, 0], [1, 0, 2, 3, 4]),
    ("S5", 1): ([1, 2, 3, 0, 4], [3, 1, 2, 4, 0]),
}
"""Where each letter sends each point."""
ORDERS = {"A5": 60, "A4xZ5": 60, "S5": 120}
tasks = st.builds(
    lambda which, length, stride, cot: Groups(which[0], length, which[1], stride, cot),
    st.sampled_from([*IMAGES, ("Z60", 0), ("Z60", 2), ("Z7", 1), ("Z2", 0)]),
    st.integers(1, 20),
    st.integers(1, 7),
    st.booleans(),
)


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def products(task, letters):
    """Numbers of the elements after each letter: permutations composed, or numbers added."""
    if task.group not in ORDERS:
        order, (a, b) = int(task.group[1:]), pairs(task.group)[task.pair]
        return [sum(int({"a": a, "b": b}[letter]) for letter in letters[: k + 1]) % order for k in range(len(letters))]
    a, b = IMAGES[task.group, task.pair]
    numbers, state, said = numbered(task.group), list(range(len(a))), []
    for letter in letters:
        state = [{"a": a, "b": b}[letter][point] for point in state]
        said.append(numbers[tuple(state)])
    return said


def numbered(name):
    """The elements of a group in order of their images: all even permutations, all permutations, or those of a product."""
    points = range(9 if name == "A4xZ5" else 5)

    def even(images):
        return sum(x > y for i, x in enumerate(images) for y in images[i + 1 :]) % 2 == 0

    if name == "A4xZ5":
        four = [images for images in product(range(4), repeat=4) if len(set(images)) == 4 and even(images)]
        elements = [(*images, *(4 + (k + turn) % 5 for k in range(5))) for images in four for turn in range(5)]
    else:
        elements = [images for images in product(points, repeat=5) if len(set(images)) == 5]
        elements = [images for images in elements if name == "S5" or even(images)]
    return {images: number for number, images in enumerate(sorted(elements))}


def read(line):
    """Letters of a line, the elements of its chain, the answer."""
    prompt, completion = line.split("<think>")
    chain, answer = completion.split("<answer>")
    return prompt.split(), [*map(int, chain.split())], int(answer)


@settings(max_examples=60, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16))
def test_a_line_is_right_by_composing_permutations(task, seed):
    for tokens in sample(task, 8, seed).text:
        letters, chain, answer = read(task.show(tokens))
        after = products(task, letters)
        assert len(letters) == task.length and answer == after[-1]
        shown = [k for k in range(task.length) if (k + 1) % task.stride == 0 or k == task.length - 1]
        assert chain == ([after[k] for k in shown] if task.cot else [])


@pytest.mark.parametrize(("name", "pair"), IMAGES)
def test_generators_reach_the_whole_group(name, pair):
    table = group(name, pair)
    assert table.order == ORDERS[name] == len(numbered(name))
    assert (np.sort(table.step, axis=0) == np.arange(table.order)[:, None]).all(), "a letter can be taken back"
    if name != "S5":
        assert all(sorted(np.bincount(column, minlength=60)) == [1] * 60 for column in table.step.T)


@pytest.mark.parametrize(
    ("name", "number"), [("Z2", 1), ("Z3", 2), ("Z6", 2), ("Z60", 16), ("A5", 3), ("A4xZ5", 2), ("S5", 2)]
)
def test_every_pair_of_letters_reaches_all_and_differs_from_the_others(name, number):
    """In Zq there is one pair for each number but 1 without a common factor with q, and one that adds 0."""
    assert len({*pairs(name)}) == number == len(pairs(name))
    assert len({group(name, pair).order for pair in range(number)}) == 1


@settings(max_examples=40, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16), step=st.integers(0, 4))
def test_behind_another_element_the_rest_of_the_word_goes_on_from_it(task, seed, step):
    if step >= len(task.shown) * task.cot:
        return
    batch = sample(task, 8, seed)
    check_step(task, batch, step, np.random.default_rng(seed))
    edited = task.other_state(batch, batch.completions(), step, np.random.default_rng(seed))
    first = {number: letters for letters, number in reversed(reached(task))}
    for tokens, words in zip(task.follow(batch, edited, step), batch.problem["word"], strict=True):
        _, chain, answer = read(f"<think> {task.vocabulary.decode(tokens)}")
        rest = ["ab"[letter] for letter in words[task.shown[step] + 1 :]]
        prefix = first[chain[step]]
        after = products(task, [*prefix, *rest])[len(prefix) - 1 :] if prefix else [chain[step], *products(task, rest)]
        assert chain[step:] == [after[place - task.shown[step]] for place in task.shown[step:]] and answer == after[-1]


def reached(task):
    """Pairs (letters, number) of words that reach every element, by breadth first."""
    found, latest = {0: []}, [[]]
    while latest:
        longer = [[*letters, letter] for letters in latest for letter in "ab"]
        latest = []
        for letters in longer:
            number = products(task, letters)[-1]
            if number not in found:
                found[number] = letters
                latest.append(letters)
    return [(letters, number) for number, letters in found.items()]


@pytest.mark.parametrize("which", [("A5", 0), ("A5", 2), ("A4xZ5", 0), ("S5", 1), ("Z60", 0), ("Z7", 0), ("Z2", 0)])
@pytest.mark.parametrize("length", [1, 4, 9])
def test_floors_are_those_of_all_words_gone_through(which, length):
    task = Groups(which[0], length, which[1])
    every = [*product("ab", repeat=length)]
    ends = [products(task, letters)[-1] for letters in every]

    def best(seen):
        """The share of words whose product is the most frequent one among those of which the same is seen."""
        groups: dict[object, Counter] = {}
        for letters, end in zip(every, ends, strict=True):
            groups.setdefault(seen(letters), Counter())[end] += 1
        return sum(max(counts.values()) for counts in groups.values()) / len(every)

    assert laws.guess(*which, length) == pytest.approx(best(lambda letters: None))
    assert laws.count(*which, length) == pytest.approx(best(lambda letters: letters.count("b")))
    for m in {1, length // 2, length, length + 3}:
        unseen = max(0, length - m)
        assert laws.window(*which, length, m) == pytest.approx(best(lambda letters, out=unseen: letters[out:]))
        counted = best(lambda letters, out=unseen: (letters[out:], letters[:out].count("b")))
        assert laws.count(*which, unseen) == pytest.approx(counted)


def test_counting_is_everything_in_a_commutative_group_and_little_in_a5():
    """The floors of arXiv:2404.08819's three groups at 4, 8, 12 and 16 letters, to three digits."""
    known = {
        "A5": [(0.125, 0.375), (0.051, 0.172), (0.027, 0.088), (0.022, 0.056)],
        "A4xZ5": [(0.188, 0.562), (0.102, 0.363), (0.067, 0.296), (0.052, 0.270)],
        "Z60": [(0.375, 1), (0.273, 1), (0.226, 1), (0.196, 1)],
    }
    for name, rows in known.items():
        for length, row in zip((4, 8, 12, 16), rows, strict=True):
            assert (laws.guess(name, 0, length), laws.count(name, 0, length)) == pytest.approx(row, abs=6e-4)


def test_words_are_uniform_and_the_same_in_every_group_and_part():
    words = Groups(length=6).draw(np.random.default_rng(0), 64_000)["word"]
    counts = np.bincount(words @ (1 << np.arange(6)))
    np.testing.assert_allclose(counts / 64_000, 1 / 64, rtol=0.15)
    one, two = (Split().sample(Groups(name), np.random.default_rng(0), 200, "test") for name in ("A5", "Z60"))
    np.testing.assert_array_equal(one.problem["word"], two.problem["word"])
    np.testing.assert_array_equal(one.prompts(), two.prompts())
    assert one.tokens.shape == two.tokens.shape and Groups("S5").vocabulary == Groups("Z2").vocabulary


def test_steps_are_marked_by_what_they_follow_from():
    task = Groups("Z60", 6, stride=2)
    problem = task.parse("a b b a a a <think>")  # 1 8 15 16 17 18

    def marks(text):
        return [step.mark for step in task.text_steps(problem, text)]

    assert marks("8 16 18 <answer> 18") == ["ok"] * 4
    assert marks("9 17 19 <answer> 19") == ["wrong", *["follows"] * 3]
    assert marks("9 17 18 <answer> 18") == ["wrong", "follows", "wrong after", "follows"]
    assert marks("8 16 <answer> 16") == ["ok", "ok", "wrong", "follows"]
    assert marks("8 16 18 18 <answer> 18") == ["ok", "ok", "ok", "wrong", "follows"]
    assert marks("8 99 9 <answer> 9") == ["ok", "wrong", "wrong after", "follows"]
    assert marks("8 a 18") == ["ok", "wrong", "wrong after", "wrong after"]
    at_once = replace(task, cot=False)
    assert [step.mark for step in at_once.text_steps(problem, "<answer> 18")] == ["ok"]
    assert [step.mark for step in at_once.text_steps(problem, "<answer> 17")] == ["wrong"]


@pytest.mark.parametrize("trace", ["named", "signposts"])
def test_with_names_each_step_says_whose_turn_it_is(trace):
    task, plain = Groups("A5", 6, trace=trace), Groups("A5", 6)
    batch = sample(task, 40)
    for row, tokens in enumerate(batch.text):
        prompt, completion = task.show(tokens).split(" <think> ")
        names, letters = prompt.split()[::2], prompt.split()[1::2]
        assert len({*names}) == 6 and {*names} <= {f"#{number}" for number in range(1, 71)}
        said = [
            f"{name} {letter} {number}"
            for name, letter, number in zip(names, letters, products(task, letters), strict=True)
        ]
        if trace == "signposts":
            said = [f"load {step.split()[0]} {step}" for step in said]
        assert completion == f"{' '.join(said)} <answer> {said[-1].split()[-1]}"
        marks = task.text_steps(batch.rows(np.array([row])).problem, completion)
        assert [step.text for step in marks][:-1] == said and {step.mark for step in marks} == {"ok"}
    for step in (0, 2, 5):
        check_step(task, batch, step, np.random.default_rng(step))
    words = {"word": batch.problem["word"]}
    np.testing.assert_array_equal(task.identity(batch.problem), plain.identity(words))
    np.testing.assert_array_equal(task.surface(batch), task.identity(batch.problem))


def test_with_names_steps_are_marked_by_what_they_follow_from():
    task = Groups("Z60", 3, trace="signposts")
    problem = task.parse("#7 a #31 b #2 a <think>")  # 1 8 9

    def marks(text):
        return [step.mark for step in task.text_steps(problem, text)]

    first, last = "load #7 #7 a 1", "load #2 #2 a"
    assert marks(f"{first} load #31 #31 b 8 {last} 9 <answer> 9") == ["ok"] * 4
    assert marks(f"{first} load #31 #31 b 9 {last} 10 <answer> 10") == ["ok", "wrong", "follows", "follows"]
    assert marks(f"{first} load #2 #2 b 8 {last} 9 <answer> 9") == ["ok", "wrong", "follows", "follows"]
    assert marks(f"{first} load #31 #31 b 8 {last} 9 <answer> 8") == ["ok", "ok", "ok", "wrong"]


def test_nothing_follows_from_what_is_no_element():
    batch = sample(TASK)
    chain = batch.completions()
    for symbol in ("60", "a", "<answer>"):
        chain[:, 2] = TASK.vocabulary.index[symbol]
        assert (TASK.follow(batch, chain, 2) == PAD).all()
        assert not TASK.verify(batch, chain).well_formed.any()
    assert (TASK.follow(batch, chain[:, :2], 2) == PAD).all() and (TASK.follow(batch, chain, 16) == PAD).all()


@pytest.mark.parametrize("task", [TASK, Groups("Z7", 5, 1, 2), Groups("S5", 3, cot=False), Groups(trace="named")])
def test_prompts_are_read_back(task):
    batch = sample(task, 30)
    for row in range(30):
        problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
        assert problem["word"].dtype == np.int8
        np.testing.assert_array_equal(task.write(problem).text[0], batch.text[row])
    for prompt in ("", "<think>", "a b", "a b a b a b", "a b c <think>", "a " * 30 + "<think>"):
        with pytest.raises(UserError, match=r"unknown symbol|is not"):
            task.parse(prompt)


def test_letters_of_a_word_may_all_have_one_name():
    task, apart = (Groups("A5", 6, trace="named", names=3 + 5 * (not alike), alike=alike) for alike in (True, False))
    batch = sample(task, 60)
    names = batch.problem["names"]
    assert (names == names[:, :1]).all() and {*names[:, 0]} == {0, 1, 2}
    assert batch.tokens.shape == sample(apart, 60).tokens.shape
    for row, tokens in enumerate(batch.text):
        prompt, completion = task.show(tokens).split(" <think> ")
        name = f"#{names[row, 0] + 1}"
        letters = prompt.split()[1::2]
        said = " ".join(
            f"{name} {letter} {number}" for letter, number in zip(letters, products(task, letters), strict=True)
        )
        assert prompt == " ".join(f"{name} {letter}" for letter in letters) and completion.startswith(
            f"{said} <answer> "
        )
    np.testing.assert_array_equal(task.write(task.parse(prompt + " <think>")).text[0], batch.text[-1])
    assert "Before each letter stands one name, the same for all." in task.instructions
    with pytest.raises(UserError, match="has names that differ: expected the same for all letters"):
        task.parse("#1 a #2 b #1 a #1 b #1 b #1 a <think>")


@pytest.mark.parametrize("alike", [False, True])
def test_letters_with_numbers_are_symbols_and_steps_say_them(alike):
    task = Groups("A5", 4, trace="numbered", names=6, alike=alike)
    batch = sample(task, 60)
    for row, tokens in enumerate(batch.text):
        prompt, completion = task.show(tokens).split(" <think> ")
        symbols = prompt.split()
        assert len({symbol[1:] for symbol in symbols}) == (1 if alike else 4)
        assert {symbol[1:] for symbol in symbols} <= set("123456")
        states = products(task, [symbol[0] for symbol in symbols])
        said = [f"{symbol} {state}" for symbol, state in zip(symbols, states, strict=True)]
        assert completion == f"{' '.join(said)} <answer> {states[-1]}"
        problem = batch.rows(np.array([row])).problem
        assert [step.text for step in task.text_steps(problem, completion)][:-1] == said
        np.testing.assert_array_equal(task.write(task.parse(f"{prompt} <think>")).text[0], tokens)
    check_step(task, batch, 1, np.random.default_rng(1))
    noisy = replace(task, noise=Noise("delete", 0.3)).sample(np.random.default_rng(0), 40)
    plain = Groups("A5", 4, noise=Noise("delete", 0.3))
    for tokens, field, length, surface in zip(
        noisy.text, noisy.field, noisy.prompt_len, task.surface(noisy), strict=True
    ):
        shown = [task.vocabulary.decode(tokens[[at]])[0] for at in range(length) if field[at] == 0]
        words = np.array([[" ab".index(letter) - 1 for letter in shown]], np.int8)
        assert surface == plain.identity({"word": words})[0]
    np.testing.assert_array_equal(task.surface(batch), task.identity(batch.problem))
    assert f"Behind each letter stands {'one name, the same for all' if alike else 'its name'}." in task.instructions
    for prompt in (
        "a1 b2 a3 <think>",
        "a1 b2 a3 b <think>",
        "a1 b2 a3 30 <think>",
        "a1 b2 a3 b7 <think>",
        "a b a b <think>",
    ):
        with pytest.raises(UserError, match=r"is not 4 letters a or b, each with a name, such as a1|unknown symbol"):
            task.parse(prompt)


def test_a_name_stands_before_each_letter_and_once():
    task = Groups("A5", 2, trace="named")
    assert task.parse("#3 a #70 b <think>")["names"].tolist() == [[2, 69]]
    few = Groups("A5", 2, trace="named", names=3)
    assert {*np.unique(few.draw(np.random.default_rng(0), 200)["names"])} == {0, 1, 2}
    with pytest.raises(UserError, match="has a name twice: expected 2 different ones"):
        task.parse("#3 a #3 b <think>")
    for prompt in ("a b <think>", "#3 a b <think>", "#3 a b #4 <think>", "#71 a #1 b <think>"):
        with pytest.raises(UserError, match=r"is not 2 letters a or b, each behind a name such as #1|unknown symbol"):
            task.parse(prompt)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"group": "A4Z5"}, "group 'A4Z5' is unknown; did you mean 'A4xZ5'"),
        ({"group": "Z121"}, "group 'Z121' is unknown; did you mean 'Z21'"),
        ({"group": "D4"}, "group 'D4' is unknown"),
        ({"length": 0}, "length 0 is outside 1 to 108"),
        ({"length": 109}, "length 109 is outside 1 to 108"),
        ({"pair": 3}, "pair 3 is outside 0 to 2, the pairs that A5 has"),
        ({"group": "Z60", "pair": -1}, "pair -1 is outside 0 to 15, the pairs that Z60 has"),
        ({"stride": 0}, "stride 0 is outside 1 to 108"),
        ({"trace": "signpost"}, "trace 'signpost' is unknown; did you mean 'signposts'"),
        ({"trace": "named", "stride": 2}, "stride 2 with names: expected 1"),
        ({"trace": "named", "length": 71}, "length 71 is outside 1 to 70, the names there are"),
        ({"trace": "named", "length": 5, "names": 4}, "length 5 is outside 1 to 4, the names there are"),
        ({"names": 71}, "names 71 is outside 1 to 70"),
        ({"alike": True}, "alike with the trace 'states': expected named, signposts or numbered"),
        ({"trace": "numbered", "stride": 2}, "stride 2 with names: expected 1"),
        ({"trace": "numbered", "length": 5, "names": 4}, "length 5 is outside 1 to 4, the names there are"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Groups(**fields)


def test_shifts_say_how_far_they_go():
    axes = {axis for name in TASK.shifts for axis in TASK.shift(name).axis}
    assert axes == {Axis.TASK, Axis.LENGTH, Axis.FORMAT}
    others = ("group=A4xZ5", "group=Z60", "pair=1", "length=8", "length=24", "stride=2")
    assert TASK.shifts[:6] == others == TASK.shift("noise=insert:0.1")(TASK).shifts, "half as long, and as much longer"
    sizes = {"group=Z60": 1, "pair=1": 1, "pair=2": 2, "length=20": 4, "stride=4": 3}
    for name, size in sizes.items():
        assert TASK.shift(name).size == size
    assert Groups("A5", pair=2).shift("group=S5")(Groups("A5", pair=2)).pair == 0
    for name in ("group=A6", "pair=3", "pair=x", "length=0", "stride=0"):
        with pytest.raises(UserError):
            TASK.shift(name)


def test_the_longest_word_can_be_written_with_every_element():
    batch = sample(Groups(length=108), 4)
    assert batch.field.max() == 16 + 107 and batch.tokens.shape[1] == 109 + 108 + 3
    few = sample(Groups(length=10, stride=4), 4)
    assert few.completion_fields()[0].tolist() == [16, 17, 18, 10, 10, 11]


def test_instructions_say_what_the_letters_do():
    assert "a is (01234) and b is (012)" in TASK.instructions and "after each letter" in TASK.instructions
    assert "The letter a adds 1 and b adds 7, modulo 60" in Groups("Z60").instructions
    assert "every 3 letters, and after the last" in Groups(stride=3).instructions
    assert "Write <answer>" in Groups(cot=False).instructions
    assert "Write load and its name, and then its name, the letter and" in Groups(trace="signposts").instructions


def test_features_count_letters():
    features = Groups("Z60", 4).features(Groups("Z60", 4).parse("a b b a <think>"))
    assert {name: values.tolist() for name, values in features.items()} == {"bs": [2], "product": [16]}
