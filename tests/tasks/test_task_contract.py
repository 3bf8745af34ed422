"""What every file in tasks/ must keep."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from itertools import chain

import numpy as np
import pytest
from changed_steps import check_step
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy import discover
from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.problem.shift import MODES
from alchemy.problem.split import Split, prompt_hash
from alchemy.problem.task import EOS, PAD, Field

TASKS = {name: kind() for name, kind in discover.tasks().items()}
SHIFTED = [(name, shift) for name, task in TASKS.items() for shift in task.shifts]
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
every_shift = pytest.mark.parametrize(("name", "shift"), SHIFTED, ids=[f"{name}-{shift}" for name, shift in SHIFTED])


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def check_batch(task, batch):
    """Right shapes and types, in vocabulary and length, and field codes that agree with the tokens."""
    n, t = batch.text.shape
    assert batch.tokens.dtype == batch.prompt_len.dtype == np.int32 and batch.field.dtype == np.int8
    assert batch.tokens.shape[:2] == batch.field.shape == (n, t) and batch.prompt_len.shape == (n,)
    assert all(len(values) == n for values in batch.problem.values())
    assert task.shortest_prompt <= batch.prompt_len.min(initial=task.max_len) <= t <= task.max_len
    assert batch.tokens.min(initial=0) >= 0 and batch.tokens.max(initial=0) < len(task.vocabulary)
    assert ((batch.text != PAD) == (batch.field != Field.PADDING)).all()
    assert ((batch.text == EOS) == (batch.field == Field.END)).all() and ((batch.text == EOS).sum(axis=1) == 1).all()
    inside = np.arange(t) < batch.prompt_len[:, None]
    prompt, completion = batch.field[inside], batch.field[~inside]
    assert (prompt >= 0).all() and (prompt < len(task.prompt_fields)).all()
    assert set(np.unique(completion)) - {Field.PADDING, Field.ANSWER, Field.END} <= set(range(Field.STEP, 128))


def check_gold(task, batch):
    judged = task.verify(batch, batch.completions())
    assert judged.answer.all() and judged.trace.all() and judged.well_formed.all()


@every_task
def test_is_data(task):
    assert is_dataclass(task) and type(task).__dataclass_params__.frozen
    assert task == type(task)() and hash(task) == hash(type(task)())


@every_task
def test_same_seed_same_batch(task):
    first, again, other_seed = sample(task), sample(task), sample(task, seed=1)
    for left, right in zip(
        chain(first[:3], first.problem.values()), chain(again[:3], again.problem.values()), strict=True
    ):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(first.tokens, other_seed.tokens)


@every_task
def test_batches_are_sound_and_the_oracle_accepts_them(task):
    for n in (1, 300):
        check_batch(task, sample(task, n))
        check_gold(task, sample(task, n))


@every_task
def test_no_problem_is_a_batch_like_others(task):
    """A draw may hold none of a small part."""
    batch, some = sample(task, 0), sample(task, 3)
    check_batch(task, batch)
    check_gold(task, batch)
    assert batch.tokens.shape[2] == some.tokens.shape[2] and batch.problem.keys() == some.problem.keys()
    assert Split(test_share=0.99).sample(task, np.random.default_rng(0), 0, "train").text.shape[0] == 0


@every_task
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_the_oracle_rejects_any_corrupted_answer_token(task, seed):
    """Of some lines any token of the answer is another one; the others stay right."""
    rng = np.random.default_rng(seed)
    batch, vocabulary = sample(task, seed=seed), len(task.vocabulary)
    in_answer = batch.field == Field.ANSWER
    place = np.where(in_answer, rng.random(in_answer.shape), -1).argmax(axis=1)
    rows, corrupted = np.arange(len(place)), rng.random(len(place)) < 0.5
    completion = batch.completions()
    column, shift = place - batch.prompt_len, np.where(corrupted, rng.integers(1, vocabulary, len(place)), 0)
    completion[rows, column] = (completion[rows, column] + shift) % vocabulary
    np.testing.assert_array_equal(task.verify(batch, completion).answer, ~corrupted)


@every_task
def test_the_oracle_ignores_what_follows_the_end_and_rejects_rubbish(task):
    batch = sample(task)
    gold = batch.completions()
    ended = np.cumsum(gold == EOS, axis=1) > 0
    tail = np.where(ended & (gold != EOS), 3, gold)
    assert task.verify(batch, tail).answer.all()
    for rubbish in (np.zeros((len(gold), 0), np.int32), np.full_like(gold, EOS), np.full((len(gold), 40), 3, np.int32)):
        assert not task.verify(batch, rubbish).answer.any()


@every_task
def test_an_id_beyond_the_vocabulary_is_wrong(task):
    """Models that are taught labels have ids behind those of the task, and can write them."""
    batch = sample(task)
    gold, rows = batch.completions(), np.arange(64)
    place = np.random.default_rng(0).integers(0, (gold != PAD).sum(axis=1))
    written = gold.copy()
    written[rows, place] = len(task.vocabulary) + rows % 2
    judged = task.verify(batch, written)
    assert not (judged.answer & judged.trace & judged.well_formed).any()


@every_task
@pytest.mark.parametrize("seed", [0, 1])
def test_parts_do_not_meet(task, seed):
    train, test = (Split().sample(task, np.random.default_rng(seed), 400, part) for part in ("train", "test"))
    assert not np.isin(task.identity(test.problem), task.identity(train.problem)).any()
    assert not np.isin(prompt_hash(test), prompt_hash(train)).any()


@every_task
def test_a_clean_prompt_reads_as_the_problem_it_is(task):
    batch = sample(task)
    np.testing.assert_array_equal(task.surface(batch), task.identity(batch.problem))


def must_know_noise(task):
    if "noise" not in {field.name for field in fields(task)}:
        pytest.skip("a family without format noise")


@every_task
def test_noise_of_every_kind_is_a_standard_shift_of_tasks_that_have_none(task):
    must_know_noise(task)
    kinds = [shift for shift in task.shifts if shift.startswith("noise")]
    assert kinds == [f"noise={mode}:0.1" for mode in MODES]
    assert not any(shift.startswith("noise") for shift in task.shift(kinds[0])(task).shifts)


@every_task
def test_noise_in_the_instruction_leaves_the_problem_as_it_reads(task):
    must_know_noise(task)
    shifted = task.shift(f"noise=hybrid:0.5:{task.prompt_fields[-1]}")(task)
    batch = sample(shifted)
    assert (batch.prompt_len != sample(task).prompt_len).any()
    np.testing.assert_array_equal(shifted.surface(batch), shifted.identity(batch.problem))


@every_task
def test_a_prompt_of_which_nothing_is_left_is_the_shortest(task):
    must_know_noise(task)
    shifted = task.shift("noise=delete:1.0")(task)
    assert sample(shifted, 8).prompt_len.tolist() == [0] * 8 and shifted.shortest_prompt == 0 < task.shortest_prompt


@every_task
def test_every_step_of_a_gold_text_is_right(task):
    for record in map(json.loads, task.jsonl(sample(task, 20)).splitlines()):
        problem = task.parse(record["input"])
        for text in (task.gold_text(problem), record["output"]):
            assert {step.mark for step in task.text_steps(problem, text)} == {"ok"}


@every_task
def test_show_and_jsonl_say_the_same(task):
    batch = sample(task, 20)
    records = [json.loads(line) for line in task.jsonl(batch).splitlines()]
    assert len(records) == 20
    for record, tokens, text in zip(records, batch.tokens, batch.text, strict=True):
        assert task.show(tokens) == f"{record['input']} {record['output']}"
        assert tokens.shape[1] > 1 or task.show(text) == task.show(tokens)


@every_task
def test_steps_agree_with_the_oracle(task):
    """Every step of a gold line is right; of corrupted ones the first wrong step is marked once, where the oracle has it."""
    batch = sample(task, 24)
    gold = batch.completions()
    rng = np.random.default_rng(0)
    written = gold.copy()
    length = (gold != PAD).sum(axis=1)
    place = (rng.random(len(gold)) * (length - 1)).astype(int)
    written[np.arange(len(gold)), place] = rng.integers(3, len(task.vocabulary), len(gold))
    judged = task.verify(batch, written)
    for row in range(len(gold)):
        example = batch.rows(slice(row, row + 1))
        right = task.steps(example, gold[row : row + 1])
        assert len(right) > 1 and {step.mark for step in right} == {"ok"}
        marks = [step.mark for step in task.steps(example, written[row : row + 1])]
        wrong = [at for at, mark in enumerate(marks) if mark == "wrong"]
        assert len(wrong) <= 1 and set(marks[: wrong[0] if wrong else None]) <= {"ok"}
        assert not set(marks[wrong[0] + 1 if wrong else len(marks) :]) & {"ok", "wrong"}
        assert bool(wrong) or (judged.answer[row] and judged.trace[row]) or not judged.well_formed[row]
        if judged.well_formed[row] and not judged.trace[row] and wrong:
            assert wrong[0] == min(judged.first_wrong_step[row], len(marks) - 1)


@every_task
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_answers_are_right_where_they_say_what_the_gold_one_says(task, seed):
    """Whatever a few tokens were changed to, lost ends included."""
    rng = np.random.default_rng(seed)
    batch = sample(task, 32, seed)
    gold = batch.completions()
    written = np.where(rng.random(gold.shape) < 0.1, rng.integers(0, len(task.vocabulary), gold.shape), gold)
    gold_ids, answer_ids = task.answer_ids(gold), task.answer_ids(written.astype(np.int32))
    assert gold_ids.dtype == np.int64 and gold_ids.min() >= 0 and answer_ids.min() >= -1
    np.testing.assert_array_equal(task.verify(batch, written.astype(np.int32)).answer, answer_ids == gold_ids)
    assert (task.answer_ids(np.zeros((3, 0), np.int32)) == -1).all() and (
        task.answer_ids(np.full((3, 4), EOS, np.int32)) == -1
    ).all()


@every_task
def test_a_chain_has_the_fields_it_was_written_with(task):
    batch = sample(task)
    gold = batch.completions()
    np.testing.assert_array_equal(task.chain_fields(batch, gold), batch.completion_fields())
    tail = np.where((np.cumsum(gold == EOS, axis=1) > 0) & (gold != EOS), 3, gold)
    np.testing.assert_array_equal(task.chain_fields(batch, tail), batch.completion_fields(), "what follows the end")
    assert (task.chain_fields(batch, np.full_like(gold, 3)) == Field.PADDING).all(), "rubbish has no steps"


@every_task
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_another_state_is_wrong_at_its_step_and_something_follows_from_it(task, seed):
    batch = sample(task, 32, seed)
    last = int(batch.completion_fields().max()) - Field.STEP
    assert last >= 0 and task.state_tokens == tuple(sorted(task.state_tokens)), "the standard task has steps"
    check_step(task, batch, seed % (last + 1), np.random.default_rng(seed))


@every_task
def test_a_step_ends_after_every_cut_and_at_the_end(task):
    batch = sample(task, 24)
    gold = batch.completions()
    cut = np.isin(gold, task.step_delimiters)
    for row in range(len(gold)):
        steps = task.steps(batch.rows(slice(row, row + 1)), gold[row : row + 1])
        length = int((gold[row] != PAD).sum())
        ends = np.flatnonzero(cut[row] | (gold[row] == EOS))
        assert len(steps) == len(ends) - bool(cut[row, length - 2]), (
            "an end right behind a cut closes no step of its own"
        )
    assert PAD not in task.step_delimiters and EOS not in task.step_delimiters


@every_task
def test_an_unknown_shift_is_the_users_error(task):
    with pytest.raises(UserError, match="sideways"):
        task.shift("sideways=2")


@every_shift
def test_standard_shifts(name, shift):
    task = TASKS[name]
    change = task.shift(shift)
    shifted = change(task)
    assert change.name == shift and change.axis and change.changes and change.size >= 0
    assert hash(change) == hash(task.shift(shift))
    assert shifted != task and shifted.vocabulary == task.vocabulary
    batch = sample(shifted, 200)
    check_batch(shifted, batch)
    check_gold(shifted, batch)
    train = Split().sample(task, np.random.default_rng(0), 400, "train")
    test = Split().sample(shifted, np.random.default_rng(0), 100, "test")
    assert not np.isin(prompt_hash(test), prompt_hash(train)).any()


@every_task
def test_features_are_numbers_that_do_not_depend_on_the_neighbours(task):
    problem = sample(task).problem
    features, half = task.features(problem), task.features({name: values[::2] for name, values in problem.items()})
    assert features and features.keys() == half.keys()
    for name, values in features.items():
        assert values.shape == (64,) and np.issubdtype(values.dtype, np.number)
        np.testing.assert_array_equal(values[::2], half[name])


@every_task
def test_novelty_is_nothing_where_the_test_is_the_training_set(task):
    batch = sample(task)
    novelty = task.novelty(batch, batch)
    assert novelty and all(value == 0 for value in novelty.values())


@every_task
def test_problems_that_are_one_have_one_structure_whatever_their_neighbours(task):
    problem = sample(task).problem
    structure = task.structure(problem)
    assert structure.shape == (64,) and structure.dtype == np.uint64
    half = task.structure({name: values[::2] for name, values in problem.items()})
    np.testing.assert_array_equal(structure[::2], half)
    by_name = dict(zip(task.identity(problem).tolist(), structure.tolist(), strict=True))
    assert [by_name[name] for name in task.identity(problem).tolist()] == structure.tolist()


@every_task
def test_parts_overlap_up_to_names_and_never_by_name(task):
    train, test = (Split().sample(task, np.random.default_rng(0), 200, part) for part in ("train", "test"))
    overlap = task.overlap(train, test)
    assert overlap["identities"] == 0 <= overlap["structures"] and all(0 <= share <= 1 for share in overlap.values())
    assert task.overlap(train, train)["identities"] == task.overlap(train, train)["structures"] == 1


@pytest.mark.parametrize("name", TASKS)
def test_every_command_takes_every_task(name, tmp_path, capsys):
    """Problems are shown, written, verified, worded as prompts, and their gold answers scored: all right."""
    data, prompts, answers = tmp_path / "data", tmp_path / "prompts", tmp_path / "answers.jsonl"
    assert main(["show", name, "-n", "2", "--seed", "1"]) == 0
    assert TASKS[name].show(sample(TASKS[name], 2, seed=1).tokens[0]) in capsys.readouterr().out
    assert main(["generate", name, "--out", str(data), "--train", "30", "--test", "10", "--quiet"]) == 0
    assert main(["verify", str(data)]) == 0
    assert main(["prompts", str(data), "--out", str(prompts), "--shots", "1"]) == 0
    records = [json.loads(line) for line in (prompts / "test.jsonl").read_text("utf-8").splitlines()]
    assert len(records) == 10 and all(record["text"].startswith(TASKS[name].instructions) for record in records)
    lines = [json.dumps({"prompt": record["input"], "completion": record["output"]}) for record in records]
    answers.write_text("\n".join(lines) + "\n", "utf-8")
    capsys.readouterr()
    score = ["score", str(answers), "--manifest", str(data), "--json", "--page", str(tmp_path / "score.html")]
    assert main(score) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["n"] == 10 and scores["answer_accuracy"] == scores["trace_accuracy"] == 1
