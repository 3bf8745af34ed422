"""Symbols against an independent, plain Python reading of the paper's format."""

import json
from dataclasses import replace
from itertools import pairwise, product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Axis, Noise
from alchemy.problem.task import EOS, PAD, Field
from tasks.symbols import Symbols
from tasks.symbols.primitives import compiled
from tasks.symbols.shifts import scenario

RNG = np.random.default_rng(0)
ABC = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
VARIED = Symbols(
    compositions=("F1 F2", "F2 F1 F3", "F3", "mix table5 swap0-2", "F1 F1 F2 F3"),
    primitives=("F1", "F2", "F3", "mix", "table5", "swap0-2"),
    length=(2, 4, 5),
    weights=(1, 2, 1, 1, 1),
)


def step(name, letters, rotate, shift_by):
    """One of the paper's three functions on a list of letters."""
    if name == "F1":
        return [chr((ord(letter) - 65 + rotate) % 26 + 65) for letter in letters]
    if name == "F2":
        turned = list(letters)
        for _ in range(shift_by):
            turned.append(turned.pop(0))
        return turned
    return list(reversed(letters))


def splitmix(x):
    """One output of the SplitMix64 generator, in unbounded integers."""
    z = (x + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def line(letters, names, rotate=13, shift_by=1, cot=True, uniform=False):
    """(prompt, completion) written word by word."""
    states = [list(letters)]
    for name in names:
        states.append(step(name, states[-1], rotate, shift_by))
    tokens = [f"[{name}]" for name in names]
    reasons = cot and len(names) >= 2
    prompt = [*letters, *tokens, "<think>" if reasons or uniform else "<answer>"]
    if not reasons:
        return " ".join(prompt), " ".join([*(["<answer>"] if uniform else []), *states[-1]])
    steps = [" ".join([*states[j], *tokens[j:]]) for j in range(1, len(names))]
    return " ".join(prompt), " <think> ".join(steps) + " <answer> " + " ".join(states[-1])


def name_tokens(composition):
    return " ".join(f"[{name}]" for name in composition.split())


@pytest.mark.parametrize(
    ("prompt", "completion", "changes"),
    [
        ("A P P L [F1] [F2] <think>", "N C C Y [F2] <answer> C C Y N", {}),
        (
            "A B C D [F1] [F2] [F3] <think>",
            "N O P Q [F2] [F3] <think> O P Q N [F3] <answer> N Q P O",
            {"compositions": ("F1 F2 F3",)},
        ),
        ("A P P L [F1] <answer>", "N C C Y", {"compositions": ("F1",)}),
        ("A P P L [F1] [F2] <answer>", "C C Y N", {"cot": False}),
        ("A P P L [F1] <think>", "<answer> N C C Y", {"compositions": ("F1",), "dialect": "uniform"}),
        ("A P P L E [F2] <answer>", "P P L E A", {"compositions": ("F2",), "length": (5,)}),
    ],
)
def test_golden_lines(prompt, completion, changes):
    task = Symbols(**changes)
    batch = task.render(task.parse(prompt), RNG)
    assert task.show(batch.tokens[0]) == f"{prompt} {completion}"
    assert task.show(task.solve(batch.problem)[0]) == completion
    assert batch.field[0, batch.prompt_len[0] - 1] == 2
    record = task.record(batch)[0]
    assert list(record) == ["input", "output", "element", "transformation", "instruction", "reasoning", "answer"]
    assert (record["input"], record["output"]) == (prompt, completion)
    assert f"{record['element']} {record['transformation']} {record['instruction']}" == prompt
    assert record["answer"] == completion.split("<answer> ")[-1]
    assert record["reasoning"] == (completion.rpartition(" <answer>")[0])


@pytest.mark.parametrize(("rotate", "shift_by"), [(13, 1), (7, 2)])
@pytest.mark.parametrize("cot", [True, False])
@pytest.mark.parametrize("uniform", [True, False])
def test_agrees_with_plain_python(rotate, shift_by, cot, uniform):
    python = Random(1)
    dialect = "uniform" if uniform else "dataalchemy"
    for steps, length in product(range(1, 5), range(2, 7)):
        names = python.choices(["F1", "F2", "F3"], k=steps)
        task = Symbols((" ".join(names),), (), (length,), rotate=rotate, shift_by=shift_by, cot=cot, dialect=dialect)
        batch = task.sample(np.random.default_rng(steps), 20)
        for row, record in zip(batch.tokens, task.record(batch), strict=True):
            prompt, completion = line(record["element"].split(), names, rotate, shift_by, cot, uniform)
            assert (record["input"], record["output"]) == (prompt, completion)
            assert task.show(row) == f"{prompt} {completion}"


@pytest.mark.parametrize("cot", [True, False])
def test_marks_of_places_stand_before_the_letters_of_the_uniform_text(cot):
    """A row of marks, the same in every element of a line, which begins anywhere where it has room; any element has its own."""
    task = Symbols(("F1 F2 F3", "F2"), length=(2, 5), cot=cot, dialect="hinted")
    plain, batch = replace(task, dialect="uniform"), task.sample(np.random.default_rng(0), 400)
    firsts = set()
    for row, record, length in zip(
        batch.tokens, task.record(batch), (batch.problem["element"] >= 0).sum(axis=1), strict=True
    ):
        words = task.show(row).split()
        marks = [int(word[1:-1]) for word in words if word[1:-1].isdigit()]
        first = marks[0]
        assert marks == list(range(first, first + length)) * (len(marks) // length) and first + length - 1 <= 16
        assert all(word in task.alphabet for before, word in pairwise(words) if before[1:-1].isdigit())
        [parsed] = plain.write(task.parse(record["input"])).tokens
        assert [word for word in words if not word[1:-1].isdigit()] == plain.show(parsed).split()
        firsts.add((length, first))
    assert {first for length, first in firsts if length == 2} == set(range(1, 16))
    assert len(task.vocabulary) == len(plain.vocabulary) + 16
    with pytest.raises(UserError, match="length 17 is more than 16, the marks that the dialect hinted has"):
        Symbols(length=(17,), dialect="hinted")


def test_steps_with_marks_are_judged_by_what_they_say():
    task = Symbols(("F1 F2",), dialect="hinted")
    batch = task.sample(np.random.default_rng(0), 1)
    edited = batch.completions()
    edited[0, 1] = task.letters[0] if edited[0, 1] != task.letters[0] else task.letters[1]
    texts = [task.vocabulary.decode(row[0]) for row in (batch.completions(), task.follow(batch, edited, 0))]
    marks = [[step.mark for step in task.text_steps(batch.problem, text)] for text in texts]
    assert marks == [["ok", "ok"], ["wrong", "follows"]]
    assert "mark of its place" in task.instructions and "mark of its place" not in Symbols().instructions


def test_compositions_side_by_side_agree_with_plain_python():
    """Rows of every composition and length in one batch: each is written as it would be alone."""
    task = Symbols(compositions=("F1 F2 F3", "F3 F1", "F2"), length=(2, 3, 5), rotate=4, shift_by=2)
    batch = task.sample(np.random.default_rng(0), 60)
    names, steps = [task.compositions[index].split() for index in batch.problem["composition"]], []
    for row, record, composition in zip(batch.tokens, task.record(batch), names, strict=True):
        assert task.show(row) == " ".join(line(record["element"].split(), composition, 4, 2))
        steps.append(len(composition))
    assert len({*map(len, names)}) == 3 and Symbols().shortest_prompt == Symbols().longest_prompt == 7
    assert task.shortest_prompt == batch.prompt_len.min() == 4 and batch.prompt_len.max() == task.longest_prompt == 9
    features = task.features(batch.problem)
    assert features["steps"].tolist() == steps and [*features] == ["steps", "letters", "F1", "F2", "F3"]
    assert features["letters"].tolist() == [len(record["element"].split()) for record in task.record(batch)]
    for name in task.primitives:
        assert features[name].tolist() == [composition.count(name) for composition in names]


def test_jsonl_is_what_json_would_write():
    batch = VARIED.sample(np.random.default_rng(3), 5000)
    lines = VARIED.jsonl(batch).decode().splitlines()
    assert lines == [json.dumps(record) for record in VARIED.record(batch)]
    assert [f"{r['input']} {r['output']}" for r in VARIED.record(batch)] == [VARIED.show(row) for row in batch.tokens]


@pytest.mark.parametrize(
    "name", ["F1", "F2", "F3", "rot30", "shift3", "reverse", "swap0-2", "swap1-1", "table7", "mix"]
)
def test_primitives_are_bijections(name):
    task = Symbols(compositions=(name,), primitives=(name,), alphabet="ABCD", length=(3,))
    answers = [task.solve(problem) for problem in task.exhaustive(3, name, chunk=10)]
    assert len(np.unique(np.concatenate(answers), axis=0)) == 4**3


def test_mix_swap_and_table():
    task = Symbols(compositions=("mix",), primitives=("mix", "swap0-5", "table1", "table2"))
    assert task.show(task.solve(task.parse("B C Z B [mix] <answer>"))[0]) == "B D B A"
    assert task.show(task.solve(task.parse("B C Z E [swap0-5] <answer>"))[0]) == "C B Z E"
    first, second = (compiled(f"table{n}", 26, 4, 13, 1).table.tolist() for n in (1, 2))
    assert first != second
    key = [splitmix(splitmix(1) + letter) for letter in range(26)]
    assert first == sorted(range(26), key=key.__getitem__)
    assert compiled(f"table{2**64 + 1}", 26, 4, 13, 1).table.tolist() == first, "numbers are of 64 bits"
    assert compiled("table200", 26, 4, 13, 1).table.tolist() != compiled("table72", 26, 4, 13, 1).table.tolist()
    far = Symbols(compositions=("rot300",), primitives=("rot300",))
    assert far.show(far.solve(far.parse("A B C Z [rot300] <answer>"))[0]) == "O P Q N"  # 300 = 11 * 26 + 14


def test_functions_of_two_steps():
    """F1 F1 is the identity and F1 F2 = F2 F1, so nine compositions of F1, F2, F3 are six functions."""
    compositions = tuple(" ".join(names) for names in product(("F1", "F2", "F3"), repeat=2))
    task = Symbols(compositions=compositions)
    problem = Symbols().draw(np.random.default_rng(0), 50)
    answers = {name: task.resolve(problem, name)[:, -5:].tobytes() for name in compositions}
    assert answers["F1 F1"] == answers["F3 F3"] and answers["F1 F2"] == answers["F2 F1"]
    assert answers["F2 F3"] != answers["F3 F2"] and len(set(answers.values())) == 6
    alone = Symbols()
    assert alone.replayable and not task.replayable
    np.testing.assert_array_equal(alone.resolve(problem), alone.solve(problem))
    with pytest.raises(UserError, match="name the composition"):
        task.resolve(problem)
    assert alone.parse("A B [F3] [F3] <think>")["composition"] == -1, "it does not list that one"


def test_exhaustive_is_lexicographic_and_complete():
    task = Symbols(atoms="ABC")
    element = np.concatenate([problem["element"] for problem in task.exhaustive(3, "F2 F1", chunk=7)])
    assert element.tolist() == [list(letters) for letters in product(range(3), repeat=3)]
    with pytest.raises(UserError, match="less than 1"):
        next(task.exhaustive(0, "F2 F1"))


def test_every_problem_there_is():
    task = Symbols(atoms="ABA", length=(1, 3), compositions=("F1", "F2 F1", "F3"))
    every = [[*map(int, row)] for problem in task.every_problem() for row in problem["element"]]
    elements = [list(letters) for length in (1, 3) for letters in product(range(2), repeat=length)]
    assert every == 3 * elements and task.problems == 30
    assert Symbols(alphabet="ABC", length=(2,)).problems == 9
    for changes in ({"noise": Noise("insert", 0.1)}, {"banned": 1}):
        with pytest.raises(UserError, match="leave out noise and banned"):
            next(Symbols(**changes).every_problem())


def test_structures_are_patterns_of_equal_letters():
    task = Symbols(alphabet="ABCD", length=(1, 2, 3, 4))
    elements = [row for length in (1, 2, 3, 4) for row in product(range(4), repeat=length)]
    padded = np.array([[*row, *[-1] * (4 - len(row))] for row in elements], np.int16)
    patterns = [tuple(map(row.index, row)) for row in elements]
    structure = task.structure({"element": padded}).tolist()
    assert (
        len(set(patterns)) == len(set(structure)) == len(set(zip(patterns, structure, strict=True))) == 1 + 2 + 5 + 15
    )


def test_same_seed_same_batch_within_vocabulary_and_length():
    batch, again = (VARIED.sample(np.random.default_rng(5), 1000) for _ in range(2))
    assert (batch.tokens == again.tokens).all() and batch.tokens.shape == (1000, VARIED.max_len, 1)
    assert batch.tokens.max() < len(VARIED.vocabulary) and batch.tokens.dtype == np.int32
    assert ((batch.text == PAD) == (batch.field == Field.PADDING)).all()
    assert ((batch.text == EOS) == (batch.field == Field.END)).all()
    share = np.bincount(batch.problem["composition"]) / 1000
    assert abs(share[1] - 1 / 3) < 0.06


@pytest.mark.parametrize(
    "task",
    [VARIED, replace(VARIED, dialect="uniform"), replace(VARIED, dialect="hinted"), replace(VARIED, cot=False)],
)
def test_verify_accepts_gold_and_rejects_any_corruption(task):
    batch = task.sample(np.random.default_rng(2), 300)
    gold = batch.completions()
    steps = (batch.problem["ops"] >= 0).sum(axis=1)
    right = task.verify(batch, gold)
    assert all(verdict.all() for verdict in (right.answer, right.trace, right.well_formed))
    assert (right.first_wrong_step == steps).all()
    for column in range(gold.shape[1]):
        wrong = gold.copy()
        wrong[:, column] = np.where(gold[:, column] == task.letters[0], task.letters[1], task.letters[0])
        place = batch.prompt_len + column
        field = np.where(place < task.max_len, batch.field[np.arange(300), np.minimum(place, task.max_len - 1)], -1)
        verdict = task.verify(batch, wrong)
        reasoning = field >= Field.STEP
        letter = np.isin(gold[:, column], task.letters)
        assert not verdict.trace[reasoning].any()
        assert (verdict.first_wrong_step[reasoning] == field[reasoning] - Field.STEP).all()
        assert verdict.answer[reasoning].all()
        answer = (field == Field.ANSWER) & letter
        assert not verdict.answer[answer].any() and verdict.trace[answer].all()
        assert (verdict.first_wrong_step[answer] == steps[answer] - 1).all()
        assert verdict.well_formed[answer].all()
        assert not verdict.well_formed[(field >= 0) & ~letter].any()
        assert not verdict.answer[(field == Field.END) | ((field == Field.ANSWER) & ~letter)].any()


def test_verify_edges():
    task = Symbols()
    batch = task.render(task.parse("A P P L [F1] [F2] <think>"), RNG)

    def judge(text):
        verdict = task.verify(batch, np.array([task.vocabulary.encode(text)], np.int32))
        return tuple(field[0].item() for field in verdict)

    assert judge("N C C Y [F2] <answer> C C Y N </s>") == (True, True, 2, True)
    assert judge("N C C Y [F2] <answer> C C Y N </s> A A") == (True, True, 2, True)
    assert judge("N C C Y [F2] <answer> C C Y N") == (True, True, 2, False)
    assert judge("N C C Y [F2] <answer> C C Y N N </s>") == (False, True, 1, False)
    assert judge("N C C Y [F2] <answer> C C Y </s>") == (False, True, 1, False)
    assert judge("N C C Y [F2] <think> C C Y N <answer> C C Y N </s>") == (True, False, 0, False)
    assert judge("N C C Z [F1] <answer> C C Y N </s>") == (True, False, 0, True)
    assert judge("C C Y N </s>") == (False, False, 0, False)
    assert judge("</s>") == (False, False, 0, False)
    task = replace(task, cot=False)
    batch = task.render(task.parse("A P P L [F1] [F2] <answer>"), RNG)
    assert judge("C C Y N </s>") == (True, True, 2, True)
    assert judge("C C Y Y </s>") == (False, True, 1, True)
    task = Symbols(compositions=("F1 F1",), primitives=("F1",), alphabet="AB")
    batch = task.render(task.parse("A B [F1] [F1] <think>"), RNG)
    assert judge("B A [F1] <answer> A B </s>") == (True, True, 2, True)
    assert judge("A B <think> <answer> A B </s>")[3] is False, "a mark is no primitive, even where there is but one"
    task = Symbols(compositions=("F1 F1",), alphabet="A", length=(1,))
    batch = task.render(task.parse("A [F1] [F1] <think>"), RNG)
    assert judge("A [F1] <answer> A </s>") == (True, True, 2, True)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("N O P [F1] [F3] <think> A B C [F3] <answer> C B A", "ok ok ok"),
        ("N O Q [F1] [F3] <think> A B D [F3] <answer> D B A", "wrong follows follows"),
        ("N O Q [F1] [F3] <think> A B C [F3] <answer> C B A", "wrong wrong-after follows"),
        ("N O Q [F1] [F3] <think> A B D [F1] <answer> D B A", "wrong wrong-after wrong-after"),
        ("N O Q [F1] [F3] <think> A B D [F1] [F3] <answer> N O Q", "wrong wrong-after wrong-after"),
        ("N O P [F3] <think> P O N <answer> P O N", "wrong follows wrong-after"),
        ("N O P [F3] <think> P O N [F3] <answer> N O P", "wrong wrong-after follows"),
        ("N O [F1] [F3] <think> A B [F3] <answer> B A", "wrong follows follows"),
        ("N O Q [F1] [F3] <think> A B [F3] <answer> B A", "wrong wrong-after follows"),
        ("<think> A B C [F3] <answer> C B A", "wrong wrong-after follows"),
        ("N O [F1] [F3] P <think> A B C [F3] <answer> A B C", "wrong wrong-after wrong-after"),
        ("[F1] [F3] N O P <think> A B C [F3] <answer> C B A", "wrong wrong-after follows"),
        ("N O Q [F1] [F3] <think> A B D word [F3] <answer> D B A", "wrong wrong-after wrong-after"),
        ("N O Q [F1] [F3] <think> A B D [F3] word <answer> D B A", "wrong wrong-after wrong-after"),
        ("N O Q [F1] [F3] <think> [F3] <answer> D B A", "wrong wrong-after wrong-after"),
        ("N O P [F1] [F3]", "ok wrong"),
        ("N O Q [F1] [F3]", "wrong wrong-after"),
        ("N O P [F1] [F3] <think> A B C [F3] <answer> C B A <think> A", "ok ok wrong"),
    ],
)
def test_marks_of_steps(text, marks):
    """Behind the first wrong step, one follows if it is the first remaining transformation of the step before it."""
    task = Symbols(compositions=("F1 F1 F3",))
    steps = task.text_steps(task.parse("A B C [F1] [F1] [F3] <think>"), text)
    assert [step.mark.replace(" ", "-") for step in steps] == marks.split()
    assert [step.text for step in steps][-1] == (
        "(ends here)" if "<answer>" not in text else text[text.index("<answer>") :]
    )
    assert steps[0].text == (text.partition(" <think>")[0] if text[0] != "<" else "(nothing)")


def test_verdicts_do_not_trust_the_completion_in_the_batch():
    task = Symbols()
    batch = task.sample(np.random.default_rng(0), 10)
    forged = batch._replace(tokens=np.where(batch.tokens == batch.tokens[0, -2], task.letters[0], batch.tokens))
    assert task.verify(forged, batch.completions()).answer.all()


def test_identity_is_of_the_element_alone():
    problem = VARIED.draw(np.random.default_rng(1), 2000)
    identity = VARIED.identity(problem)
    elements = {row.tobytes() for row in problem["element"]}
    assert len(np.unique(identity)) == len(elements)
    assert (Symbols().identity({**problem, "element": problem["element"][:, :5]}) == identity).all()
    for task in (VARIED, replace(VARIED, dialect="uniform", cot=False), replace(VARIED, dialect="hinted")):
        assert (task.surface(task.render(problem, RNG)) == identity).all()
    noisy = replace(VARIED, noise=Noise("modify", 1.0, "element"))
    assert len(np.unique(noisy.surface(noisy.render(problem, RNG)))) == 3  # nothing but the length is left


def test_banned_and_unseen_positions():
    train = Symbols(banned=5, length=(3, 6))
    test = train.shift("positions=2")(train)
    place = np.arange(6)
    for task, expected in ((train, 0), (test, 2)):
        element = task.draw(np.random.default_rng(0), 3000)["element"]
        inside = element >= 0
        banned = (element - place * 5) % 26 < 5
        assert ((banned & inside).sum(axis=1) == expected).all() and (element[~inside] == -1).all()
        assert len(np.unique(element[inside])) == 26
    batches = [task.sample(np.random.default_rng(0), 5000) for task in (train, test)]
    novelty = train.novelty(*batches)
    assert novelty["unseen_positions"] == 2 and novelty["task_complexity"] == 2


def test_atoms():
    train = Symbols(atoms="ABCDEFGHIJKLM")
    test = train.shift("atoms=unseen")(train)
    assert train.draw(RNG, 1000)["element"].max() == 12
    assert test.draw(RNG, 1000)["element"].min() == 13
    assert train.novelty(train.sample(RNG, 1000), test.sample(RNG, 100))["unseen_positions"] == 4


def test_novelty_compares_compositions_by_what_they_do():
    train = Symbols(compositions=("F1 F1", "F1 F2"))
    batch = train.sample(RNG, 2000)
    known = train.shift("task=F1 F2")(train).sample(RNG, 100)
    assert train.novelty(batch, known)["task_complexity"] == 0
    pood = train.shift("task=F1 F3")(train).sample(RNG, 100)
    novelty = train.novelty(batch, pood)
    assert novelty["unseen_primitives"] == 1 and novelty["task_complexity"] == 2
    longer = train.shift("steps=3")(train).sample(RNG, 100)
    assert train.novelty(batch, longer)["task_complexity"] == 1
    second = Symbols(compositions=("F2 F3",)).sample(RNG, 2000)
    mixed = Symbols(compositions=("F1 F1", "F2 F3"))
    for name, primitives, compositions in (("F1 F2 F1", 2, 1), ("F2 F3", 0, 0), ("F3 F2", 0, 1), ("F1 F1 F1 F3", 3, 1)):
        novelty = train.novelty(second, mixed.render(mixed.parse(f"A B C D {name_tokens(name)} <think>"), RNG))
        assert novelty["unseen_primitives"] == primitives and novelty["unseen_compositions"] == compositions


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (("F1 F1", "F1 F2"), ("F1 F2",), "ID"),
        (("F1 F1", "F1 F2", "F2 F1"), ("F2 F2",), "CMP"),
        (("F1 F1",), ("F1 F2",), "POOD"),
        (("F1 F1",), ("F2 F2",), "OOD"),
        (("F1 F1",), ("F1 F1", "F1 F2"), "POOD"),
        (("F1  F2",), (" F1 F2",), "ID"),
    ],
)
def test_scenarios(train, test, expected):
    assert scenario(train, test) == expected


@pytest.mark.parametrize(
    ("name", "axes", "size", "changes"),
    [
        ("task=F2 F2", (Axis.TASK,), 1, {"compositions": ("F2 F2",)}),
        ("task=F1 F2, F2 F1", (Axis.TASK,), 1, {"compositions": ("F1 F2", "F2 F1")}),
        ("task=F3 F3", (Axis.TASK,), 3, {}),
        ("length=6", (Axis.LENGTH,), 2, {"length": (6,)}),
        ("steps=3", (Axis.LENGTH,), 1, {"compositions": ("F1 F2 F1",)}),
        ("steps=1", (Axis.LENGTH,), 1, {"compositions": ("F1",)}),
        ("noise=insert:0.1", (Axis.FORMAT,), 0.1, {"noise": Noise("insert", 0.1)}),
        ("noise=delete:0.2:element", (Axis.FORMAT,), 0.2, {"noise": Noise("delete", 0.2, "element")}),
        ("task=F2 F2+length=5", (Axis.TASK, Axis.LENGTH), 2, {"length": (5,)}),
    ],
)
def test_shifts(name, axes, size, changes):
    shift = Symbols().shift(name)
    assert (shift.axis, shift.size) == (axes, size)
    shifted = shift(Symbols())
    assert all(getattr(shifted, key) == value for key, value in changes.items())


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, "length=3, length=5, length=6, steps=1, steps=3"),
        (
            {"compositions": ("F1 F2 F3", "F2"), "length": (3, 6), "atoms": "ABC"},
            "task=F1 F1 F1, atoms=unseen, length=2, length=7, length=8, steps=4",
        ),
        ({"compositions": ("F1",), "length": (1,)}, "task=F2, length=2, length=3, steps=2"),
        ({"compositions": ("F1", "F2", "F3")}, "length=3, length=5, length=6, steps=2"),
        ({"banned": 3}, "positions=1, positions=2, length=3, length=5, length=6, steps=1, steps=3"),
        ({"banned": 3, "unseen": 1}, "length=3, length=5, length=6, steps=1, steps=3"),
    ],
)
def test_standard_shifts_by_name(fields, names):
    task = Symbols(**fields)
    if task.compositions == ("F1 F2",):
        names = f"task=F1 F1, task=F1 F3, task=F3 F3, {names}"
    noise = [f"noise={mode}:0.1" for mode in ("insert", "delete", "modify", "hybrid")]
    assert task.shifts == (*names.split(", "), *noise)
    assert replace(task, noise=Noise("insert", 0.1)).shifts == task.shifts[:-4]


def test_sizes_are_distances_to_the_nearest_that_was_trained():
    task = Symbols(compositions=("F1 F2 F3", "F2"), length=(3, 6), atoms="ABC")
    sizes = {"steps=4": 1, "steps=5": 2, "length=5": 1, "length=8": 2, "atoms=unseen": 4.5, "task=F1,F3 F2": 1}
    assert {name: task.shift(name).size for name in sizes} == sizes
    assert task.shift("steps=4").changes["compositions"] == ("F1 F2 F3 F1", "F2 F2 F2 F2")
    assert task.shift("atoms=unseen").changes["atoms"] == "DEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lenght=5", "did you mean 'length'"),
        ("task=F1 F9", "'F9'"),
        ("task=", "at least one primitive"),
        ("length=0", "'0'"),
        ("length=six", "'six'"),
        ("noise=insert", "MODE:PROBABILITY"),
        ("noise=insret:0.1", "did you mean 'insert'"),
        ("noise=insert:0.1:elment", "did you mean 'element'"),
        ("positions=1", "banned"),
        ("positions=9", "unseen 9"),
        ("atoms=unseen", "set atoms"),
        ("task=F1+steps=3", "both change compositions"),
        ("", "choose from"),
    ],
)
def test_impossible_shifts(name, message):
    with pytest.raises(UserError, match=message):
        Symbols().shift(name)


@pytest.mark.parametrize(
    "task", [Symbols(), VARIED, Symbols(banned=3, atoms="ABCDEFG"), Symbols(compositions=("F1",), length=(1,))]
)
def test_standard_shifts_all_work(task):
    assert Symbols(compositions=("F1 F2", "F2 F2")).shifts[:3] == ("task=F1 F1", "task=F1 F3", "task=F3 F3")
    assert len(task.shifts) >= 8
    for name in task.shifts:
        shifted = task.shift(name)(task)
        batch = shifted.sample(np.random.default_rng(0), 50)
        assert shifted.verify(batch, batch.completions()).answer.all(), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"compositions": ("F1 F4",)}, "'F4' is not in this task"),
        ({"primitives": ("F1", "F2", "revers")}, "did you mean 'reverse'"),
        ({"primitives": ("F1", "F2", "F1")}, "twice"),
        ({"compositions": ()}, "compositions is empty"),
        ({"compositions": ("F1", "")}, "at least one primitive"),
        ({"compositions": ("F1 F2", "F1  F2")}, "use weights"),
        ({"compositions": (" ".join(["F1"] * 112),)}, "112 steps is longer than 111"),
        ({"length": ()}, "length is empty"),
        ({"length": (0, 4)}, "length 0"),
        ({"alphabet": "ABA"}, "twice"),
        ({"alphabet": "AB "}, "letters or digits"),
        ({"alphabet": ""}, "letters or digits"),
        ({"atoms": "AB?"}, "not in the alphabet"),
        ({"banned": 26}, "banned 26"),
        ({"unseen": 1}, "needs banned"),
        ({"unseen": 5, "banned": 1}, "unseen 5"),
        ({"atoms": "AB", "banned": 2}, "not banned can stand at position 0"),
        ({"atoms": "CDEF", "banned": 2, "unseen": 1}, "no banned letter can stand at position 0"),
        ({"weights": (1.0, 2.0)}, "2 weights"),
        ({"weights": (-1.0,)}, "not negative"),
        ({"weights": (0.0,)}, "all zero"),
        ({"noise": Noise("insert", 0.1, "letter")}, "noise field 'letter'"),
        ({"dialect": "unifrom"}, "did you mean 'uniform'"),
    ],
)
def test_impossible_tasks(changes, message):
    with pytest.raises(UserError, match=message):
        Symbols(**changes)


def test_shares_are_weights_and_one_letter_may_be_banned():
    assert Symbols(compositions=("F1 F2", "F2"), weights=(0.25, 0.5)) and Symbols(banned=1, unseen=1)


def test_the_longest_composition_is_possible():
    task = Symbols(compositions=(" ".join(["F1"] * 111),))
    assert task.sample(RNG, 1).field.max() == Field.STEP + 109, "110 steps, and then the answer"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A B C D [F1] [F4] <think>", r"\[F3\]|\[F1\]"),
        ("A B [F1] C <answer>", "expected 'A B C"),
        ("[F1] <answer>", "no element"),
        ("A B <think>", "no transformation"),
        ("A B [F1] [F2] <answer>", "expected 'A B .F1. .F2. <think>'"),
        ("A B [F1] [F2]", "expected"),
        ("", "no element"),
    ],
)
def test_unreadable_prompts(text, message):
    with pytest.raises(UserError, match=message):
        Symbols().parse(text)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(ABC), min_size=1, max_size=9), st.lists(st.sampled_from(["F1", "F2", "F3"]), min_size=1)
)
def test_parse_reads_what_render_writes(letters, names):
    prompt, completion = line(letters, names)
    task = Symbols()
    assert task.show(task.solve(task.parse(prompt))[0]) == completion
