"""Rules in a prompt: applications by dictionaries, floors by going through all rules, predictors by Bayes written out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis
from alchemy.problem.split import Split
from alchemy.problem.task import PAD, Field
from tasks.rules import Rules, laws

TASK = Rules()
PROMPT = "C A B G F E D 2 A <think>"
tasks = st.builds(
    Rules,
    st.integers(4, 16),
    st.sampled_from([(1,), (2,), (1, 2), (3, 1), (16,)]),
    st.booleans(),
)


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


@settings(max_examples=40, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16))
def test_a_line_is_right_by_a_dictionary(task, seed):
    for tokens in sample(task, 12, seed).text:
        prompt, completion = task.show(tokens).split(" <think> ")
        *images, times, letter = prompt.split()
        chain, answer = completion.split("<answer> ")
        alphabet = "ABCDEFGHIJKLMNOP"[: task.letters]
        rule = dict(zip(alphabet, images, strict=True))
        assert sorted(images) == list(alphabet) and int(times) in task.times
        letters = []
        for _ in range(int(times)):
            letter = rule[letter]
            letters.append(letter)
        assert answer == letter and chain.split() == letters * task.cot


def test_every_rule_number_and_letter_is_as_likely():
    problem = replace(TASK, letters=4, times=(1, 3)).draw(np.random.default_rng(0), 24_000)
    rules = Counter(map(tuple, problem["rule"].tolist()))
    assert set(rules) == set(permutations(range(4))) and max(rules.values()) < 1_150 and min(rules.values()) > 850
    np.testing.assert_allclose(np.bincount(problem["letter"]) / 24_000, 0.25, atol=0.02)
    np.testing.assert_allclose(np.bincount(problem["times"])[[1, 3]] / 24_000, 0.5, atol=0.02)


def test_how_often_a_letter_leads_back_to_itself_is_the_count_over_all_rules():
    for letters in (4, 5):
        for times in (1, 2, 3, 4, 6, 12):
            back = 0
            for rule in permutations(range(letters)):
                for letter in range(letters):
                    at = letter
                    for _ in range(times):
                        at = rule[at]
                    back += at == letter
            count = back / (letters * len(list(permutations(range(letters)))))
            assert laws.own_letter(letters, times) == pytest.approx(count)
    assert laws.own_letter(7, 1) == pytest.approx(1 / 7) and laws.own_letter(7, 2) == pytest.approx(2 / 7)


def by_bayes(rules, shown, times, letter, noise):
    """How likely each letter is to be said, by the rule of Bayes, one known rule after the other."""
    v = len(shown)
    chance = [
        np.prod([1 - noise if image == seen else noise / (v - 1) for image, seen in zip(rule, shown, strict=True)])
        for rule in rules
    ]
    said = np.zeros(v)
    for rule, weight in zip(rules, chance, strict=True):
        at = letter
        for _ in range(times):
            at = rule[at]
        for other in range(v):
            said[other] += weight / sum(chance) * (1 - noise if other == at else noise / (v - 1))
    return said


@settings(max_examples=25, deadline=None)
@given(letters=st.integers(4, 7), known=st.integers(1, 9), noise=st.floats(0.01, 0.9), seed=st.integers(0, 2**16))
def test_the_predictor_that_knows_some_rules_is_bayes(letters, known, noise, seed):
    rng, task = np.random.default_rng(seed), Rules(letters, (1, 2, 5))
    rules, problem = task.draw(rng, known)["rule"], task.draw(rng, 6)
    likely = laws.predicted(rules, problem, noise)
    np.testing.assert_allclose(likely.sum(axis=1), 1)
    for row in range(6):
        shown, times, letter = (problem[name][row].tolist() for name in ("rule", "times", "letter"))
        np.testing.assert_allclose(likely[row], by_bayes(rules.tolist(), shown, times, letter, noise), atol=1e-12)


def test_a_rule_that_is_far_from_all_that_are_known_may_be_any_of_them():
    """Both take every letter elsewhere: how likely that is, 1e-400, is no number."""
    shown = np.arange(16, dtype=np.int8)
    rules = np.stack([np.roll(shown, 1), np.roll(shown, 2)])
    np.testing.assert_allclose(laws.posterior(rules, shown[None], 1e-25), [[0.5, 0.5]])


def test_who_knows_all_rules_reads_the_shown_one_and_who_knows_one_never_does():
    problem = TASK.draw(np.random.default_rng(0), 300)
    answer = TASK.solve(replaced(problem, times=1))[:, 0] - TASK.first_letter
    assert (laws.predicted(laws.every(7), replaced(problem, times=1), 0.05).argmax(axis=1) == answer).all()
    own = problem["rule"][:1]
    said = laws.predicted(own, replaced(problem, times=1), 0.05)
    np.testing.assert_array_equal(said.argmax(axis=1), own[0][problem["letter"]])
    np.testing.assert_allclose(said.max(axis=1), 0.95)
    assert laws.every(4).shape == (24, 4) and len(np.unique(laws.every(7), axis=0)) == 5_040


def replaced(problem, times):
    return problem | {"times": np.full_like(problem["times"], times)}


def test_rules_too_long_to_be_listed_and_noise_that_is_none_are_the_users_errors():
    with pytest.raises(UserError, match="rules of 9 letters are too many to be listed: expected at most 8"):
        laws.every(9)
    problem = TASK.draw(np.random.default_rng(0), 2)
    for noise in (0.0, 1.0):
        with pytest.raises(UserError, match=rf"noise {noise} is outside \(0, 1\)"):
            laws.predicted(problem["rule"], problem, noise)


@pytest.mark.parametrize("task", [TASK, Rules(4, (3,)), Rules(16, (5, 2))])
def test_every_step_can_be_another(task):
    batch = sample(task, 40)
    for step in range(max(task.times)):
        check_step(task, batch, step, np.random.default_rng(step))


def test_behind_a_changed_letter_the_applications_left_go_on_from_it():
    batch = TASK.write(TASK.parse(PROMPT))
    gold, decode = batch.completions(), TASK.vocabulary.decode

    def followed(chain, step):
        return decode(TASK.follow(batch, np.array([TASK.vocabulary.encode(chain)], np.int32), step)[0])

    assert decode(gold[0]) == "C B <answer> B"
    assert followed("D B <answer> B", 0) == "D G <answer> G"
    assert followed("C F <answer> B", 1) == "C F <answer> F"
    assert followed("E F", 1) == "E F <answer> F", "the step before is not read"
    for nothing in ("H", "1", "<answer> C", ""):
        assert followed(nothing, 0) == ""
    assert (TASK.follow(batch, gold, 2) == PAD).all(), "two applications have no third step"
    one = TASK.write(TASK.parse(PROMPT.replace("2 A", "1 A")))
    assert (TASK.follow(one, gold, 1) == PAD).all(), "one application has no second step"
    direct = replace(TASK, cot=False)
    assert (direct.follow(direct.write(batch.problem), gold, 0) == PAD).all()


def test_steps_are_marked_by_what_they_follow_from():
    problem = TASK.parse(PROMPT)

    def marks(text):
        return [step.mark for step in TASK.text_steps(problem, text)]

    assert marks("C B <answer> B") == ["ok", "ok", "ok"]
    assert marks("D G <answer> G") == ["wrong", "follows", "follows"]
    assert marks("D G <answer> B") == ["wrong", "follows", "wrong after"]
    assert marks("D B <answer> B") == ["wrong", "wrong after", "follows"]
    assert marks("C B A <answer> A") == ["ok", "ok", "wrong", "follows"]
    assert marks("D G D <answer> D") == ["wrong", "follows", "wrong after", "follows"], "two applications are all"
    assert marks("C <answer> B") == ["ok", "wrong", "wrong after"]
    assert marks("H B <answer> B") == ["wrong", "wrong after", "follows"]
    assert marks("C B") == ["ok", "ok", "wrong"]
    thrice = Rules(times=(3,))
    problem = thrice.parse(PROMPT.replace("2 A", "3 A"))
    assert [step.mark for step in thrice.text_steps(problem, "C B A <answer> A")] == ["ok"] * 4


def test_letters_and_numbers_are_those_that_a_rule_may_have():
    assert TASK.vocabulary.symbols[3:] == ("<think>", "<answer>", *"ABCDEFGHIJKLMNOP", *map(str, range(1, 17)))


def test_prompts_are_read_back():
    for task in (TASK, Rules(16, (16, 3)), replace(TASK, cot=False)):
        batch = sample(task, 30)
        for row in range(30):
            problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
            for name, values in problem.items():
                assert values.dtype == batch.problem[name].dtype
                np.testing.assert_array_equal(values[0], batch.problem[name][row])


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "is not 7 letters from A to G, 1 or 2, one letter, <think>"),
        ("<think>", "is not 7 letters"),
        ("C A B G F E D 2 A", "is not 7 letters"),
        ("C A B G F E D 3 A <think>", "is not 7 letters"),
        ("C A B G F E D 2 H <think>", "is not 7 letters"),
        ("C A B G F E 2 A <think>", "is not 7 letters"),
        ("C A B G F E H 2 A <think>", "is not 7 letters"),
        ("C A B G F E 1 2 A <think>", "is not 7 letters"),
        ("C A B G F E E 2 A <think>", "takes two letters to E: expected each letter once"),
        ("c A B G F E D 2 A <think>", "unknown symbol 'c'"),
    ],
)
def test_what_is_no_prompt_is_the_users_error(prompt, says):
    with pytest.raises(UserError, match=says):
        TASK.parse(prompt)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"letters": 3}, "letters 3 is outside 4 to 16"),
        ({"letters": 17}, "letters 17 is outside"),
        ({"times": ()}, "times is empty, expected numbers from 1 to 16"),
        ({"times": (0,)}, "times 0 is outside 1 to 16"),
        ({"times": (1, 17)}, "times 17 is outside"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Rules(**fields)


def test_shifts_are_on_three_axes():
    sizes = {name: TASK.shift(name).size for name in TASK.shifts if not name.startswith("noise")}
    assert sizes == {"letters=8": 1, "times=3": 1, "times=4": 2}
    assert {axis for name in TASK.shifts for axis in TASK.shift(name).axis} == {Axis.TASK, Axis.LENGTH, Axis.FORMAT}
    assert "letters=17" not in Rules(letters=16).shifts and Rules(times=(2, 6)).shift("times=5").size == 1
    assert replace(TASK, noise=TASK.shift("noise=insert:0.1")(TASK).noise).shifts == tuple(sizes)


def test_all_that_is_asked_of_a_rule_is_in_one_part():
    split, problem = Split(), TASK.draw(np.random.default_rng(0), 4_000)
    held_out = split.part(TASK.identity(problem))
    by_rule: dict[tuple[int, ...], set[bool]] = {}
    for rule, out in zip(problem["rule"].tolist(), held_out.tolist(), strict=True):
        by_rule.setdefault(tuple(rule), set()).add(out)
    assert all(len(parts) == 1 for parts in by_rule.values()) and 0.1 < held_out.mean() < 0.15


def test_features_say_how_many_applications_lead_back():
    features = TASK.features(TASK.parse("C A B G F E D 2 E <think>"))
    assert {name: values.tolist() for name, values in features.items()} == {"times": [2], "cycle": [2]}
    assert TASK.features(TASK.parse(PROMPT))["cycle"].tolist() == [3]


def test_each_part_of_a_line_has_its_field():
    field = TASK.write(TASK.parse(PROMPT)).field[0].tolist()
    chain = [Field.STEP, Field.STEP + 1, Field.ANSWER, Field.ANSWER, Field.END]
    assert field == [*[0] * 7, *(TASK.prompt_fields.index(name) for name in ("times", "letter", "instruction")), *chain]


def test_lines_are_as_long_as_the_task_says():
    for task, length in ((Rules(5, (1, 3)), 8 + 3 + 3), (Rules(5, (1, 3), cot=False), 8 + 3)):
        batch = sample(task)
        assert task.shortest_prompt == task.longest_prompt == 8 and (batch.prompt_len == 8).all()
        assert (batch.text != PAD).sum(axis=1).max() == task.clean_len == batch.text.shape[1] == length


def test_an_answer_alone_has_no_steps():
    direct = replace(TASK, cot=False)
    assert "Write <answer> and" in direct.instructions and "Write the letter after" in TASK.instructions
    batch = sample(direct, 8)
    assert batch.completions().shape == (8, 3) and batch.field.max() < Field.STEP
    problem = direct.parse(PROMPT)
    for text, marks in (("<answer> B", ["ok"]), ("<answer> G", ["wrong"]), ("C <answer> B", ["wrong", "wrong after"])):
        assert [step.mark for step in direct.text_steps(problem, text)] == marks
