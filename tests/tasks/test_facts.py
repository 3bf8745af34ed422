"""Facts: worlds read off their instructions, answers by dictionaries, which questions are asked, floors by counting."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis
from alchemy.problem.split import Split
from alchemy.problem.task import PAD, Field
from tasks.facts import Facts, laws, questions

TASK = Facts()
SMALL = Facts(entities=5, relations=3, ratio=1.0)
tasks = st.builds(
    Facts,
    world=st.integers(0, 2**30 - 1),
    entities=st.integers(24, 256),
    relations=st.integers(4, 32),
    hops=st.sampled_from([(1,), (2,), (1, 2)]),
    ratio=st.sampled_from([0.25, 0.5]),
    apart=st.sampled_from([0.25, 0.5]),
    unseen=st.sampled_from(["none", "first", "second", "both"]),
    cot=st.booleans(),
)


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def told(task):
    """The facts that instructions tell, as a dictionary."""
    return {(head, relation): tail for head, relation, tail in re.findall(r"(E\d+) (R\d+) (E\d+)", task.instructions)}


def prompts(task, problem):
    return [task.vocabulary.decode(row) for row in task.write(problem).prompts()[:, :, 0]]


@settings(max_examples=40, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**16))
def test_a_line_is_right_by_the_facts_that_are_told(task, seed):
    known = told(task)
    assert len(known) == task.entities * task.relations
    for tokens in sample(task, 12, seed).text:
        prompt, completion = task.show(tokens).split(" <think> ")
        at, *path = prompt.split()
        chain, answer = completion.split("<answer> ")
        recited = []
        for relation in path:
            recited.append(f"{at} {relation} {known[at, relation]}")
            at = known[at, relation]
        assert answer == at and chain.strip() == " , ".join(recited) * task.cot and len(path) in task.hops


@settings(max_examples=30, deadline=None)
@given(task=tasks)
def test_each_question_is_there_once_and_of_its_kind(task):
    every = questions.every(task)
    asked = list(zip(every["head"].tolist(), map(tuple, every["path"].tolist()), strict=True))
    assert len(set(asked)) == len(asked)
    composed = [(head, path) for head, path in asked if path[1] >= 0]
    apart, leads = task.known.apart, task.known.leads
    assert apart.sum() == round(task.apart * apart.size)
    kinds = {(bool(apart[head, one]), bool(apart[leads[head, one], two])) for head, (one, two) in composed}
    wanted = {"none": (False, False), "first": (True, False), "second": (False, True), "both": (True, True)}[
        task.unseen
    ]
    assert kinds == ({wanted} if 2 in task.hops else set())
    assert len(asked) - len(composed) == apart.size * (1 in task.hops)
    if task.unseen == "none" and composed:
        assert len(composed) == round(task.ratio * (~apart).sum())
    elif composed:
        of_kind = [
            (head, one, two)
            for head in range(task.entities)
            for one in range(task.relations)
            for two in range(task.relations)
            if (bool(apart[head, one]), bool(apart[leads[head, one], two])) == wanted
        ]
        assert len(composed) == len(of_kind)


def test_every_question_is_as_likely():
    rows = Counter(prompts(SMALL, SMALL.draw(np.random.default_rng(0), 27_000)))
    assert len(rows) == 15 + 11 and max(rows.values()) < 1_150 and min(rows.values()) > 930


def test_fewer_composed_questions_are_the_first_of_more_and_worlds_differ():
    few, more = (questions.composed(replace(TASK, ratio=ratio)) for ratio in (1.0, 3.0))
    for name, values in few.items():
        np.testing.assert_array_equal(more[name][: len(values)], values)
    assert len(more["head"]) == 3 * len(few["head"]) == 3 * 384
    others = [Facts(world=number).known for number in range(20)]
    assert len({own.leads.tobytes() for own in others}) == len({own.apart.tobytes() for own in others}) == 20
    tails = np.bincount(np.concatenate([own.leads.ravel() for own in others]), minlength=64) / 20
    assert tails.min() > 4 and tails.max() < 12, "8 facts lead to an entity in the mean"


def test_all_facts_are_in_training_whatever_is_held_out_and_composed_questions_are_divided():
    facts, composed = questions.facts(TASK), questions.composed(TASK)
    for share in (0.01, 0.125, 0.5, 0.99):
        assert not Split(share).part(TASK.identity(facts)).any()
        assert Split(share).part(TASK.identity(composed)).mean() == pytest.approx(share, abs=0.05)
    assert len(np.unique(TASK.identity(composed))) == len(composed["head"])
    again = replace(TASK, world=1).identity(composed)
    np.testing.assert_array_equal(TASK.identity(composed), again, "a prompt is in one part, whatever the world")


def test_what_is_left_of_a_composed_question_by_noise_may_be_a_fact():
    task = replace(TASK, noise=TASK.shift("noise=delete:0.4:relations")(TASK).noise)
    batch = sample(task, 400)
    facts = {prompt: key for prompt, key in zip(prompts(TASK, questions.facts(TASK)), [1] * 512, strict=True)}
    read = task.surface(batch)
    for row, prompt in enumerate(batch.prompts()[:, :, 0]):
        is_fact = TASK.vocabulary.decode(prompt) in facts
        assert is_fact == (read[row] == TASK.identity(questions.facts(TASK))[0])
    assert 0.2 < np.mean(read == TASK.identity(questions.facts(TASK))[0]) < 0.8
    inserted = task.surface(sample(replace(task, noise=TASK.shift("noise=insert:1.0:head")(TASK).noise), 40))
    assert not (inserted == TASK.identity(questions.facts(TASK))[0]).any()


@pytest.mark.parametrize("task", [TASK, SMALL, Facts(hops=(2,), unseen="both")])
def test_every_step_can_be_another(task):
    batch = sample(task, 40)
    for step in range(max(task.hops)):
        check_step(task, batch, step, np.random.default_rng(step))


def line(task, prompt):
    return task.write(task.parse(f"{prompt} <think>"))


def test_behind_a_changed_entity_the_facts_go_on_from_it():
    known, decode = told(SMALL), SMALL.vocabulary.decode
    batch = line(SMALL, "E1 R2 R3")
    gold = batch.completions()
    bridge = known["E1", "R2"]
    other = next(f"E{number}" for number in range(1, 6) if known[f"E{number}", "R3"] != known[bridge, "R3"])

    def followed(chain, step, lines=batch):
        return decode(SMALL.follow(lines, np.array([SMALL.vocabulary.encode(chain)], np.int32), step)[0])

    assert decode(gold[0]) == f"E1 R2 {bridge} , {bridge} R3 {known[bridge, 'R3']} <answer> {known[bridge, 'R3']}"
    end = known[other, "R3"]
    assert followed(f"E1 R2 {other}", 0) == f"E1 R2 {other} , {other} R3 {end} <answer> {end}"
    assert followed("E2 R1 E4 , E5 R1 E3 , E1", 1) == "E2 R1 E4 , E5 R1 E3 <answer> E3", (
        "what stands before is not read"
    )
    for nothing in ("", "E1 R2 R3", "E1 R2", "E1 R2 <answer>"):
        assert followed(nothing, 0) == ""
    assert (SMALL.follow(batch, gold, 2) == PAD).all(), "two facts have no third step"
    fact = line(SMALL, "E1 R2")
    assert (SMALL.follow(fact, gold, 1) == PAD).all(), "a fact has no second step"
    direct = replace(SMALL, cot=False)
    assert (direct.follow(batch, gold, 0) == PAD).all()


def test_steps_are_marked_by_what_they_follow_from():
    known = told(SMALL)
    problem = SMALL.parse("E1 R2 R3 <think>")
    bridge = known["E1", "R2"]
    end = known[bridge, "R3"]
    other = next(f"E{number}" for number in range(1, 6) if f"E{number}" not in (bridge, end))
    first, second, last = f"E1 R2 {bridge}", f"{bridge} R3 {end}", f"<answer> {end}"
    follows = f"{other} R3 {known[other, 'R3']}"

    def marks(text):
        return [step.mark for step in SMALL.text_steps(problem, text)]

    assert marks(f"{first} , {second} {last}") == ["ok", "ok", "ok"]
    assert marks(f"E1 R2 {other} , {follows} <answer> {known[other, 'R3']}") == ["wrong", "follows", "follows"]
    assert marks(f"E1 R2 {other} , {follows} <answer> {other}")[2] == "wrong after"
    assert marks(f"E1 R2 {other} , {second} {last}") == ["wrong", "wrong after", "follows"]
    assert marks(f"{first} , {bridge} R3 {other} <answer> {other}") == ["ok", "wrong", "follows"]
    assert marks(f"{first} {last}") == ["ok", "wrong", "wrong after"]
    assert marks(first) == ["ok", "wrong"]
    assert marks(f"{first} , {second} , {second} {last}") == ["ok", "ok", "wrong", "wrong after"]
    assert marks(f"R2 , {second} {last}") == ["wrong", "wrong after", "follows"], (
        "nothing follows from what is no entity"
    )
    assert [step.text for step in SMALL.text_steps(problem, ", ")] == ["(nothing)", "(nothing)", "(ends here)"]


def test_an_answer_alone_has_no_steps():
    direct = replace(SMALL, cot=False)
    assert "Write <answer> and" in direct.instructions and "Write each of these facts" in SMALL.instructions
    batch = sample(direct, 30)
    assert batch.completions().shape == (30, 3 + 1) and batch.field.max() < Field.STEP
    problem, end = direct.parse("E1 R2 R3 <think>"), told(SMALL)[told(SMALL)["E1", "R2"], "R3"]
    wrong = next(f"E{number}" for number in range(1, 6) if f"E{number}" != end)
    for text, marks in (
        (f"<answer> {end}", ["ok"]),
        (f"<answer> {wrong}", ["wrong"]),
        (f"E1 <answer> {end}", ["wrong", "wrong after"]),
    ):
        assert [step.mark for step in direct.text_steps(problem, text)] == marks


def test_prompts_are_read_back():
    for task in (TASK, SMALL, replace(TASK, cot=False), Facts(hops=(2,))):
        batch = sample(task, 30)
        for row in range(30):
            problem = task.parse(task.vocabulary.decode(batch.prompts()[row, :, 0]))
            for name, values in problem.items():
                assert values.dtype == batch.problem[name].dtype
                np.testing.assert_array_equal(values[0], batch.problem[name][row])


@pytest.mark.parametrize(
    "prompt",
    ["", "<think>", "E1", "E1 <think>", "E1 R2", "E1 R2 R3", "E1 R2 R3 R1 <think>", "R1 R2 <think>", "E1 E2 <think>"],
)
def test_what_is_no_prompt_is_the_users_error(prompt):
    says = "is not an entity from E1 to E5, 1 or 2 relations from R1 to R3, <think>"
    with pytest.raises(UserError, match=says):
        SMALL.parse(prompt)
    with pytest.raises(UserError, match="is not an entity from E1 to E64, 2 relations"):
        Facts(hops=(2,)).parse("E1 R2 <think>")
    with pytest.raises(UserError, match="unknown symbol 'E6'"):
        SMALL.parse("E6 R1 <think>")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"world": -1}, "world -1 is outside 0 to 1073741823"),
        ({"world": 2**30}, "world 1073741824 is outside"),
        ({"entities": 1}, "entities 1 is outside 2 to 256"),
        ({"entities": 257}, "entities 257 is outside"),
        ({"relations": 0}, "relations 0 is outside 1 to 32"),
        ({"relations": 33}, "relations 33 is outside"),
        ({"hops": ()}, "hops is empty, expected numbers from 1 to 2"),
        ({"hops": (0,)}, "hops 0 is outside 1 to 2"),
        ({"hops": (1, 3)}, "hops 3 is outside"),
        ({"apart": -0.1}, "apart -0.1 is outside [0, 1)"),
        ({"apart": 1.0}, "apart 1 is outside"),
        ({"ratio": 0.0}, "ratio 0 is outside 0 to 6"),
        ({"ratio": 7.0}, "ratio 7 is outside 0 to"),
        ({"unseen": "third"}, "unseen 'third' is unknown"),
        ({"unseen": "both", "apart": 0.0}, "unseen 'both': world 0 has no such question, as 0 is apart"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=re.escape(says)):
        Facts(**fields)
    most = TASK.known.most
    assert len(questions.composed(Facts(ratio=most))["head"]) == (TASK.known.unseen == 0).sum()


def test_shifts_are_to_facts_that_are_apart_other_ratios_and_worlds():
    sizes = {name: TASK.shift(name).size for name in TASK.shifts if not name.startswith("noise")}
    assert sizes == {"unseen=first": 1, "unseen=second": 1, "unseen=both": 2, "ratio=5": 1, "world=1": 1}
    assert {axis for name in TASK.shifts for axis in TASK.shift(name).axis} == {Axis.TASK, Axis.FORMAT}
    assert "ratio=7.5" not in replace(TASK, ratio=6.0).shifts and TASK.shift("world=7").size == 1
    assert "unseen=first" not in replace(TASK, apart=0.0).shifts
    both = TASK.shift("unseen=both")(TASK)
    assert "unseen=none" in both.shifts and both.shift("unseen=none")(both) == TASK
    with pytest.raises(UserError, match="did you mean 'second'"):
        TASK.shift("unseen=secnd")
    for name in ("ratio=x", "world=x", "world=-1"):
        with pytest.raises(UserError):
            TASK.shift(name)


def test_features_say_how_many_facts_are_apart():
    for unseen, apart in {"none": 0, "first": 1, "second": 1, "both": 2}.items():
        task = replace(TASK, unseen=unseen, hops=(2,))
        features = task.features(questions.every(task))
        assert set(features["apart"]) == {apart} and set(features["hops"]) == {2}
    facts = TASK.features(questions.facts(TASK))
    assert set(facts["hops"]) == {1} and facts["apart"].mean() == 0.25


def by_counting(task, trained, asked, looks):
    """The share of a reader who remembers answers by some parts of a question, one question after the other."""
    known = told(task)

    def read(prompt):
        head, first, second, _ = prompt.split()
        bridge = known[head, first]
        return {"head": head, "first": first, "second": second, "bridge": bridge}, known[bridge, second]

    def most(counts):
        return min(counts, key=lambda name: (-counts[name], int(name[1:])))

    every, by_parts = Counter(), {}
    for parts, answer in map(read, prompts(task, trained)):
        every[answer] += 1
        by_parts.setdefault(tuple(parts[look] for look in looks), Counter())[answer] += 1
    right = 0
    for parts, answer in map(read, prompts(task, asked)):
        right += answer == most(by_parts.get(tuple(parts[look] for look in looks), every))
    return right / len(asked["head"])


@pytest.mark.parametrize("unseen", ["none", "both"])
def test_floors_are_those_that_counting_gives(unseen):
    task = Facts(entities=12, relations=4, ratio=1.5)
    trained = questions.composed(task)
    asked = questions.composed(replace(task, unseen=unseen, ratio=2.0))
    floors = laws.floors(task, trained, asked)
    for name, looks in laws.READERS.items():
        assert floors[name] == pytest.approx(by_counting(task, trained, asked, looks))
    leads = task.known.leads
    said = [leads[head, one] == leads[leads[head, one], two] for head, (one, two) in zip(*asked.values(), strict=True)]
    assert floors["the bridge, and says it"] == pytest.approx(np.mean(said))
    assert floors.keys() == {*laws.READERS, "the bridge, and says it"}


def test_lines_are_as_long_as_the_task_says():
    for task, length in ((TASK, 4 + 7 + 3), (replace(TASK, cot=False), 4 + 3), (Facts(hops=(1,)), 3 + 3 + 3)):
        batch = sample(task)
        assert (batch.text != PAD).sum(axis=1).max() == task.clean_len == batch.text.shape[1] == length
    field = line(TASK, "E1 R2 R3").field[0].tolist()
    steps = [Field.STEP] * 4 + [Field.STEP + 1] * 3
    assert field == [0, 1, 1, 2, *steps, Field.ANSWER, Field.ANSWER, Field.END]
