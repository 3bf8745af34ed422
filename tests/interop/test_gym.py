"""Data sets for reinforcement learning: no prompt twice, rewards by the oracle, and levels by accuracy."""

import json
import multiprocessing
import pickle
import random

import pytest

from alchemy import discover
from alchemy.errors import UserError
from alchemy.interop import rewards
from alchemy.interop.gym import create_dataset

TASKS = discover.tasks()


def test_no_prompt_twice():
    """Of 3,000 words of three letters of 17,576, drawn with repeats, hundreds would be there before."""
    data = create_dataset("symbols", size=3000, length=(3,))
    prompts = [entry["metadata"]["prompt"] for entry in data]
    assert len(set(prompts)) == 3000
    far = create_dataset("symbols", size=3000, length=(3,))
    assert far[2999]["metadata"]["prompt"] == prompts[2999], "reached at once"


def test_a_part_that_has_no_more_says_so():
    data = create_dataset("symbols", size=100, length=(1,), part="test")
    with pytest.raises(UserError, match=r"only \d+ distinct test prompts of 100 exist"):
        list(data)


@pytest.mark.parametrize("name", TASKS)
def test_workers_that_are_sent_a_data_set_draw_the_same(name):
    data = create_dataset(name, seed=2, size=3)
    assert data[1] == pickle.loads(pickle.dumps(data))[1]


def test_spawned_workers_give_the_same_entries():
    data = create_dataset("symbols", seed=2, size=3)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(data.__getitem__, [2, 0]) == [data[2], data[0]]


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("shift", ["", "noise=insert:0.2"])
def test_rewards_are_those_of_the_data_set(name, shift):
    data = create_dataset(name, size=4, shift=shift)
    records = json.loads(json.dumps(rewards.rows(data)))
    columns = {key: [record[key] for record in records] for key in records[0]}
    prompts, gold = columns.pop("prompt"), columns["answer"]
    assert prompts == [entry["question"] for entry in data]
    assert rewards.reward(completions=gold, prompts=prompts, trainer_state=None, **columns) == [1.0] * 4
    for texts in (["nothing"] * 4, gold[1:] + gold[:1]):
        wanted = [data.score_answer(text, entry) for text, entry in zip(texts, data, strict=True)]
        assert rewards.reward(completions=texts, prompts=prompts, **columns) == wanted
    assert [row["prompt"][0]["content"] for row in rewards.rows(data, chat=True)] == prompts
    chats = [[{"role": "assistant", "content": text}] for text in gold]
    assert rewards.reward(completions=chats, **columns) == [1.0] * 4
    for row, text in zip(rewards.verl_rows(data), gold, strict=True):
        truth = row["reward_model"]["ground_truth"]
        assert rewards.compute_score(row["data_source"], text, truth, row["extra_info"]) == 1.0
        assert rewards.compute_score(row["data_source"], "nothing", truth, row["extra_info"], more=1) == 0.0


def test_columns_of_unequal_lengths_are_no_batch():
    [row] = rewards.rows(create_dataset("symbols", size=1))
    with pytest.raises(ValueError, match="zip"):
        rewards.reward(completions=["a", "b"], task=[row["task"]], problem=[row["problem"]], answer=[row["answer"]])


def levels():
    return [create_dataset("symbols", size=20, length=(length,)) for length in (2, 3, 4)]


def test_levels_follow_accuracy():
    """By hand, with a window of 4: up at 3 of 4, down at 1 of 4, and each level begins with an empty window."""
    course = rewards.Curriculum(levels(), window=4, up=0.75, down=0.25)
    entries = iter(course)
    assert course.level == 0 and next(entries)["metadata"]["level"] == 0
    assert not course.add([1, 1, 1]), "three answers are no window"
    assert course.add([0]) and course.level == 1
    assert not course.add([1, 0.5, 0, 1]) and course.level == 1, "half of them right, and .5 is not right"
    assert not course.add([1, 1, 1], level=0), "late answers to another level"
    assert course.add([1, 1]) and course.level == 2
    assert not course.add([1, 1, 1, 1]) and course.level == 2, "there is no harder one"
    assert course.add([0, 0, 0]) and course.level == 1
    assert course.add([0, 0, 0, 1]) and course.level == 0
    assert not course.add([0, 0, 0, 0]) and course.level == 0


def test_a_level_goes_round_and_is_resumed():
    course = rewards.Curriculum(levels()[:2], window=1, up=1, down=0)
    entries = iter(course)
    first = [next(entries)["metadata"]["source_index"] for _ in range(22)]
    assert first == [*range(20), 0, 1]
    course.add([1])
    assert next(entries)["metadata"]["source_index"] == 0
    course.add([0])
    assert next(entries)["metadata"]["source_index"] == 2


def test_a_learner_climbs():
    """One that is right more and more often where it is trained reaches the last level, and one that is not stays."""
    for gain, last in ((0.02, 2), (0.0, 0)):
        course, skill, rng = rewards.Curriculum(levels(), window=20), [0.3] * 3, random.Random(0)
        for entry in (entry for entry, _ in zip(course, range(600), strict=False)):
            level = entry["metadata"]["level"]
            skill[level] = min(1.0, skill[level] + gain)
            course.add([rng.random() < skill[level]], level)
        assert course.level == last


@pytest.mark.parametrize("options", [{"window": 0}, {"up": 0.2, "down": 0.2}, {"up": 1.1}, {"down": -0.1}])
def test_a_curriculum_that_makes_no_sense_is_named(options):
    with pytest.raises(UserError, match="expected a level, a window"):
        rewards.Curriculum(levels(), **options)
    with pytest.raises(UserError, match="0 levels"):
        rewards.Curriculum([])
