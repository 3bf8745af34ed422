"""Questions that go backwards: by hand, and against enumerations of all worlds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations, product

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.learning.data import examples
from alchemy.problem.shift import Axis, Noise
from alchemy.problem.task import PAD, Field
from tasks.origins import Origins, judge, laws
from tasks.origins.environment import Inverse, episodes, truth
from tasks.origins.searcher import play
from tasks.origins.write import needed
from tasks.search.spec import TURN

TASK = Origins(hops=(1, 2, 3), budgets=(4, 16, 63))
NAMES = "abcdefghijklmnopqrstuvwxyz"
PROMPT = "3 14 15 9 26 j R3 15 16 <think>"
GOLD = "<back> j R3 l <found> <look> l <badge> 5 <found> <next> l R3 m <found> <look> m <badge> 15 <found> <answer> m"


def sample(task, n=100, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def depth_first(leads, end, answer):
    """What is asked, one after the other, until the answer is looked at; `leads` are mappings, in the order in which one goes back."""

    def visit(node, depth):
        if depth == len(leads):
            yield "look", node
            return node == answer
        before, found = "back", node
        children = [entity for entity in range(len(leads[depth])) if leads[depth][entity] == node]
        for child in children:
            yield before, found
            if (yield from visit(child, depth + 1)):
                return True
            before, found = "next", child
        yield before, found
        return False

    return list(visit(end, 0))


def test_the_searcher_goes_depth_first():
    batch = sample(TASK)
    world, turns = episodes(TASK, batch.problem), play(TASK, batch.problem, 95)
    answers = truth(TASK, batch.problem)
    marks = {TASK.vocabulary.index[f"<{name}>"]: name for name in ("back", "next", "look")}
    for row in range(100):
        leads = [world["world"][row, :, relation] for relation in batch.problem["path"][row] if relation >= 0]
        asked = depth_first(leads, batch.problem["end"][row], answers[row])
        written = [(marks[turn[0]], turn[1] - TASK.first_entity) for turn in turns[row] if turn[0] != PAD]
        assert written == asked
    np.testing.assert_array_equal(needed(TASK, batch.problem), (turns[:, :, 0] != PAD).sum(axis=1))


def test_relations_lead_from_the_answer_and_it_bears_the_badge():
    batch = sample(TASK)
    world = episodes(TASK, batch.problem)
    for row in range(100):
        entity = NAMES.index(TASK.vocabulary.decode(batch.completions()[row]).split()[-1])
        assert world["badges"][row, entity] == batch.problem["badge"][row]
        for relation in batch.problem["path"][row][::-1]:
            entity = world["world"][row, entity, relation] if relation >= 0 else entity
        assert entity == batch.problem["end"][row]
    assert (np.sort(world["badges"], axis=1) == np.arange(16)).all()


@pytest.mark.parametrize("hops", [1, 2])
def test_the_law_of_searches_is_that_of_all_worlds(hops):
    e, size = 3, laws.most_searches(3, hops) + 1
    counts = np.zeros(size)
    for values in product(range(e), repeat=e * hops):
        leads = np.reshape(values, (hops, e))
        for answer in range(e):
            end = answer
            for relation in leads[::-1]:
                end = relation[end]
            counts[len(depth_first(leads, end, answer))] += 1
    np.testing.assert_allclose(laws.searches(e, hops), counts / counts.sum(), atol=1e-12)
    assert laws.found(e, hops, 3) == pytest.approx(counts[:4].sum() / counts.sum())
    assert counts[-1] > 0, "nobody needs more, and somebody as many"


def test_drawn_questions_need_as_many_searches_as_the_law_says():
    batch = sample(replace(TASK, hops=(3,)), 4000)
    made = needed(TASK, batch.problem)
    law = laws.searches(16, 3)
    assert made.mean() == pytest.approx((law * np.arange(len(law))).sum(), abs=4 * made.std() / 4000**0.5)
    for budget in (4, 8, 16, 32):
        assert (made <= budget).mean() == pytest.approx(laws.found(16, 3, budget), abs=0.03)
    assert made.max() > 4 * np.median(made), "some take long"


@pytest.mark.parametrize("seed", range(4))
def test_the_posterior_is_that_of_all_worlds(seed):
    task = Origins(entities=3, relations=3, hops=(2,), budgets=(5,))
    problem = task.draw(np.random.default_rng(seed), 1)
    turns = play(task, problem, 5)
    said = np.array([[task.environment.look, task.first_entity + seed % 3, task.environment.badge]], np.int32)
    turns[0, seed % 5, :3] = said  # whoever looks elsewhere
    turns[0, seed % 5, 3:] = task.environment.tell(episodes(task, problem), 0, said)
    path, total = problem["path"][0], np.zeros(3)
    for values in product(range(3), repeat=6):
        table = np.zeros((1, 3, 3), np.int8)
        table[0, :, path] = np.reshape(values, (2, 3))
        for badges in permutations(range(3)):
            world = {"world": table, "badges": np.array([badges], np.int8), "brought": np.ones((1, 64), bool)}
            answer = badges.index(problem["badge"][0])
            if table[0, table[0, answer, path[1]], path[0]] != problem["end"][0]:
                continue
            if all(
                (task.environment.tell(world, 0, turn[None, :3])[0] == turn[3:]).all() for turn in turns[0] if turn[0]
            ):
                total[answer] += 1
    np.testing.assert_allclose(laws.posterior(task, problem, turns)[0], total / total.sum(), atol=1e-12)


def test_whoever_looks_blindly_is_right_by_elimination():
    task = replace(TASK, hops=(3,))
    problem = task.draw(np.random.default_rng(0), 20)
    look = [[task.environment.look, task.first_entity + entity, task.environment.badge] for entity in range(15)]
    told = [
        task.environment.tell(episodes(task, problem), 0, np.tile(np.array([said], np.int32), (20, 1))) for said in look
    ]
    turns = np.stack(
        [np.hstack([np.tile(said, (20, 1)), answer]) for said, answer in zip(look, told, strict=True)], axis=1
    )
    known = laws.posterior(task, problem, turns.astype(np.int32))
    np.testing.assert_array_equal(known.argmax(axis=1), truth(task, problem))
    assert known.max(axis=1) == pytest.approx(1.0) and laws.blind(16, 15) == 1.0 and laws.blind(16, 3) == 4 / 16


def test_a_transcript_by_hand():
    task = Origins()
    problem = task.parse(PROMPT)
    assert task.gold_text(problem) == GOLD
    world = episodes(task, problem)
    assert np.flatnonzero(world["world"][0, :, 2] == 9).tolist() == [11, 12] and world["badges"][0, 12] == 15

    def marks(text):
        return [step.mark for step in task.text_steps(problem, text)]

    assert marks(GOLD) == ["ok"] * 5
    assert marks("<next> l R3 m <found> <answer> m") == ["wrong", "wrong after"], "nothing led to l"
    lie = "<back> j R3 a <found> <look> a <badge> 15 <found> <answer> a"
    assert marks(lie) == ["wrong", "follows", "follows"]
    assert marks("") == ["wrong"]
    assert marks("<back> j R3 l <found> m <found> <answer> l") == ["ok", "wrong", "wrong after"]
    assert marks("<back> j R3 l <found> <look> l <badge> 5 <found> <answer> l") == ["ok", "ok", "wrong"]
    once = Origins(budgets=(1,))
    steps = once.text_steps(once.parse("3 14 15 9 26 j R3 15 1 <think>"), GOLD)
    assert [step.mark for step in steps] == ["ok", "wrong", "follows", "follows", "follows"], "one search was allowed"


@pytest.mark.parametrize(
    ("text", "supported", "redundant", "answer"),
    [
        (GOLD, [1, 1, 1, 1], [0, 0, 0, 0], True),
        ("<back> j R3 l <found> <back> j R3 l <found> <answer> l", [1, 1], [0, 1], False),
        ("<look> m <badge> 15 <found> <answer> m", [0], [0], True),
        ("<back> j R1 <none> <found> <back> j R3 l <found> <next> l R1 c <found>", [0, 1, 0], [0, 0, 0], False),
    ],
)
def test_searches_that_are_redundant_or_not_supported(text, supported, redundant, answer):
    task = Origins()
    problem = task.parse(PROMPT)
    searched = judge.searches(task, problem, np.array([task.vocabulary.encode(text)], np.int32))
    made = len(supported)
    assert searched.made == [made]
    assert searched.supported[0, :made].tolist() == [*map(bool, supported)]
    assert searched.redundant[0, :made].tolist() == [*map(bool, redundant)]
    judged, known = task.judge_texts(problem, [text])
    assert known["supported_answer"] == [answer] and known["searches"] == [made]
    assert known["repeated_searches"] == [np.mean(redundant)] and judged.trace[0] == all(supported)


def test_an_environment_tells_of_entities_and_nothing_else():
    task = Origins(entities=4, relations=3)
    world = {
        "world": np.array([[[1, 0, 0], [1, 0, 0], [2, 0, 0], [1, 0, 0]]], np.int8),
        "badges": np.array([[2, 0, 1, 3]]),
        "brought": np.array([[True, False]]),
    }
    heard = {
        "<back> b R1": "a",
        "<next> a R1": "b",
        "<next> b R1": "d",
        "<next> d R1": "<none>",
        "<back> a R1": "<none>",
        "<back> c R1": "c",
        "<look> a <badge>": "2",
        "<look> a R1": "<none>",
        "<back> a <badge>": "<none>",
        "<back> e R1": "<none>",
        "R1 a R1": "<none>",
    }
    for said, told in heard.items():
        request = np.array([task.vocabulary.encode(said)], np.int32)
        assert task.vocabulary.decode(Inverse.of(task).tell(world, 0, request)[0]) == f"{told} <found>"
        assert task.vocabulary.decode(Inverse.of(task).tell(world, 1, request)[0]) == "? <found>", (
            "the second one fails"
        )


def test_what_is_told_has_no_loss():
    batch = sample(TASK, 50)
    made = play(TASK, batch.problem)[:, :, 0].astype(bool).sum(axis=1)
    asked = made == batch.problem["budget"]
    assert asked.any() and not asked.all()
    np.testing.assert_array_equal(examples(batch).weight.sum(axis=1), 3 + 3 * made - asked)
    assert batch.text.shape[1] == TASK.clean_len == TASK.longest_prompt + 63 * TURN + 3


def test_sizes_of_shifts_and_features():
    sizes = {"entities=8": 8, "entities=24": 8, "announced=off": 1, "hops=3": 1, "hops=4": 2, "budget=32": 16}
    found = {name: Origins().shift(name) for name in Origins().shifts if not name.startswith("noise")}
    assert {name: shift.size for name, shift in found.items()} == pytest.approx({**sizes, "reliability=0.7": 0.3})
    assert [found[name].axis for name in ("entities=8", "announced=off", "hops=3")] == [
        (Axis.TASK,),
        (Axis.FORMAT,),
        (Axis.LENGTH,),
    ]
    assert found["announced=off"].changes == {"announced": False}
    many = Origins(hops=(1, 4), budgets=(4, 16), announced=False)
    sizes = {"hops=5": 1, "hops=2": 1, "budget=6": 2, "budget=0": 4, "announced=on": 1, "announced=off": 0}
    assert {name: many.shift(name).size for name in sizes} == sizes and many.shift("announced=on").changes["announced"]
    with pytest.raises(UserError, match="'maybe' is not on or off"):
        many.shift("announced=maybe")
    noisy = [f"noise={mode}:0.1" for mode in ("insert", "delete", "modify", "hybrid")]
    assert list(many.shifts[-4:]) == noisy and many.shifts[:-4] == replace(many, noise=Noise("insert", 0.1)).shifts
    features = Origins().features(Origins().parse(PROMPT))
    assert {name: values.tolist() for name, values in features.items()} == {"hops": [1], "budget": [16], "needed": [4]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"entities": 27}, "entities 27 is outside 2 to 26"),
        ({"relations": 2}, "relations 2 is outside 3 to 8"),
        ({"hops": ()}, "hops is empty"),
        ({"hops": (9,)}, "hops 9 is outside 1 to 8"),
        ({"budgets": (64,)}, "budgets 64 is outside 0 to 63"),
    ],
)
def test_impossible_fields(change, says):
    with pytest.raises(UserError, match=says):
        Origins(**change)


def test_fields_reach_their_bounds():
    assert Origins(entities=2, relations=3, hops=(1, 3), budgets=(0, 63)) and Origins(entities=26, hops=(8,))


def test_prompts_are_read_back_and_as_long_as_the_task_says():
    """Without a number of searches there are as many as may be; a question may have all relations."""
    task = Origins(entities=4, relations=3, hops=(1, 3), budgets=(4, 9), announced=False)
    batch = sample(task, 20)
    assert (task.shortest_prompt, task.longest_prompt) == (batch.prompt_len.min(), batch.prompt_len.max()) == (10, 12)
    assert replace(task, noise=Noise("insert", 0.1)).shortest_prompt == 0
    for row in range(20):
        problem = task.parse(task.show(batch.text[row, : batch.prompt_len[row]]))
        expected = {name: values[row].tolist() for name, values in batch.problem.items()} | {"budget": 9}
        assert {name: values[0].tolist() for name, values in problem.items()} == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not 5 numbers"),
        ("3 14 15 9 j j R3 15 16 <think>", "is not 5 numbers"),
        ("3 14 15 9 26 z R3 15 16 <think>", "is not 5 numbers"),
        ("3 14 15 9 26 j R1 R2 R3 15 16 <think>", "is not 5 numbers"),
        ("3 14 15 9 26 j 15 16 <think>", "is not 5 numbers"),
        ("3 14 15 9 26 j R3 15 16", "is not 5 numbers"),
        ("3 14 15 9 26 j R3 15 <think>", "is not 5 numbers"),
        ("3 14 15 9 26 j R3 15 7 <think>", "is not 5 numbers"),
        ("3 14 15 9 26 j R3 R3 15 16 <think>", "is not 5 numbers"),
        ("3 14 15 9 26 j R3 16 16 <think>", "is not 5 numbers"),
        ("3 14 15 9 26 j R3 1 16 <think>", "has no answer"),
    ],
)
def test_prompts_that_are_none(text, says):
    with pytest.raises(UserError, match=says):
        Origins().parse(text)


def test_instructions_say_whether_the_budget_is_told():
    assert "bears, and the number of searches allowed." in Origins().instructions
    assert "as the number of searches allowed is not told" in replace(Origins(), announced=False).instructions


FAILING = replace(TASK, hops=(2,), budgets=(16,), reliability=0.7)
RELIABLE = replace(FAILING, reliability=1.0)


def turns_of(text):
    words = text.split()
    return [words[start : start + TURN] for start in range(0, TURN * words.count("<found>"), TURN)]


def test_a_search_that_fails_is_made_again_and_says_nothing():
    batch, failed = sample(FAILING, 400), []
    sure = RELIABLE.vocabulary.decode_all(RELIABLE.write(batch.problem).completions())
    for text, whole in zip(FAILING.vocabulary.decode_all(batch.completions()), sure, strict=True):
        turns = turns_of(text)
        told = [turn for turn in turns if turn[3] != "?"]
        assert told == turns_of(whole)[: len(told)], "the moves of one whose searches never fail"
        assert all(turn[:3] == after[:3] for turn, after in pairwise(turns) if turn[3] == "?")
        failed += [turn[3] == "?" for turn in turns]
    assert np.mean(failed) == pytest.approx(0.3, abs=0.03)
    assert FAILING.verify(batch, batch.completions()).trace.all()
    habits = judge.habits(FAILING, batch.problem, batch.completions())
    assert not habits["repeated_searches"].any() and not habits["unsupported_searches"].any()
    assert "has failed" in FAILING.instructions and "has failed" not in RELIABLE.instructions


def test_what_failed_changes_no_posterior():
    batch = sample(FAILING, 200)
    turns = play(FAILING, batch.problem)
    told = turns[:, :, 3] != FAILING.untold
    order = np.argsort(~told, axis=1, kind="stable")
    kept = np.take_along_axis(np.where(told[..., None], turns, PAD), order[..., None], axis=1)
    after = [laws.posterior(FAILING, batch.problem, some) for some in (turns, kept)]
    np.testing.assert_allclose(*after, atol=1e-12)


def test_drawn_questions_are_found_within_a_budget_as_the_law_of_failing_searches_says():
    problem = sample(replace(FAILING, budgets=(32,)), 4000).problem
    made = needed(FAILING, problem)
    for budget in (2, 4, 8, 16, 32):
        share = laws.found(16, 2, budget, 0.7)
        assert (made <= budget).mean() == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5 + 1e-9)
    assert laws.found(16, 2, 63, 1.0) == pytest.approx(1.0) and laws.found(16, 2, 3, 0.5) == pytest.approx(
        laws.found(16, 2, 3) / 8
    )


@pytest.mark.parametrize("shown", [False, True])
def test_a_badge_that_every_question_asks_for(shown):
    task = Origins(entities=5, hops=(2,), badge=3, shown=shown)
    batch = sample(task, 200)
    assert (batch.problem["badge"] == 3).all() and len(np.unique(truth(task, batch.problem))) == 5
    assert task.verify(batch, batch.completions()).answer.all()
    law = laws.searches(5, 2)
    many = sample(replace(task, shown=False), 4000).problem
    assert needed(task, many).mean() == pytest.approx((law * np.arange(len(law))).sum(), abs=0.2)
    text = task.show(batch.tokens[0, : batch.prompt_len[0]])
    assert task.parse(text)["badge"] == 3
    other = Origins(entities=5, hops=(2,), shown=shown)
    drawn = sample(other)
    row = int((drawn.problem["badge"] != 3).argmax())
    another = other.show(drawn.tokens[row, : drawn.prompt_len[row]])
    with pytest.raises(UserError, match="a number from 3 to 3"):
        task.parse(another)
    with pytest.raises(UserError, match="badge 5 is outside 0 to 4"):
        replace(task, badge=5)


@pytest.mark.parametrize("fields", [{"reliability": 0.0}, {"reliability": 1.1}, {"reliability": 0.9, "shown": True}])
def test_searches_that_cannot_fail_so(fields):
    with pytest.raises(UserError, match="reliability"):
        Origins(**fields)


def test_what_is_thought_is_what_would_be_looked_up():
    """The same moves; where the world is shown, prompts have all that the moves ask for, and badges alone are told."""
    hidden = Origins(entities=5, hops=(1, 2), budgets=(12,))
    shown = replace(hidden, shown=True)
    problem = sample(hidden, 60).problem
    looked, thought = hidden.write(problem), shown.write(problem)
    texts = [task.vocabulary.decode_all(batch.completions()) for task, batch in ((hidden, looked), (shown, thought))]
    for row, (short, long) in enumerate(zip(*texts, strict=True)):
        prompt = shown.vocabulary.decode(thought.text[row, : thought.prompt_len[row]]).split()
        relations = [word for word in prompt if word.startswith("R")]
        path, moves = relations[len(relations) // 2 :], []
        table = prompt[5 : 5 + 11 * len(path)]
        assert table[::11] == path, "each block is named"
        words = long.split()
        while words[0] != "<answer>":
            (mark, entity, asked, told, found, said), words = words[:6], words[6:]
            assert found == "<found>" and (told == "?") != (said == "?")
            if mark != "<look>":
                block = table[11 * path.index(asked) + 1 :][5 * (mark == "<next>") :]
                assert told == "?" and said == block["abcde".index(entity)]
            moves += [mark, entity, asked, said if told == "?" else told, found]
        assert " ".join([*moves, *words]) == short
    turns = (thought.field >= Field.STEP).sum(axis=1) // 6
    assert (thought.told.sum(axis=1) == 2 * turns + (turns == 12)).all()
    assert shown.verify(thought, thought.completions()).trace.all()
    text = shown.show(thought.tokens[0, : thought.prompt_len[0]])
    assert all((values == problem[name][:1]).all() for name, values in shown.parse(text).items())
    assert shown.text_steps(shown.parse(text), texts[1][0])[0].mark == "ok"
    words = text.split()
    words[5] = "a" if words[5] != "a" else "b"
    with pytest.raises(UserError, match="does not show the world"):
        shown.parse(" ".join(words))
    assert "write yourself" not in hidden.instructions and "write " in shown.instructions
    known = laws.posterior(shown, problem, np.zeros((60, 1, 6), np.int32))
    assert known.max() > 1 / 5 and np.allclose(known.sum(axis=1), 1)
