"""Worlds to look things up in: by hand, and against other ways to compute what is right, what is known, and what is best."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.learning.data import examples
from alchemy.problem.shift import Axis
from alchemy.problem.task import PAD, Field
from tasks.search import Search, chains, judge, laws
from tasks.search.environment import Lookup, episodes
from tasks.search.searcher import play
from tasks.search.spec import TURN
from tasks.search.world import WORLDS

VOTES = Search(entities=16, reliability=0.7, tags=False, budgets=(0, 1, 2, 4, 8), price=0.003)
TAGGED = Search(reliability=0.6, budgets=(2, 6))
SOME = Search(missing=0.3, budgets=(1, 2, 8))
WORKED = Search(hops=(1, 2, 3), reliability=0.7, chain=3, thoughts=(0, 1, 3))
TRACKED = Search(entities=16, reliability=0.7, tags=False, budgets=(1, 2, 4, 8), announced=False, tracked=True)
TASKS = {
    "worked": WORKED,
    "tracked": TRACKED,
    "exact": Search(),
    "tagged": TAGGED,
    "votes": VOTES,
    "unaware": replace(VOTES, announced=False),
    "some": SOME,
}
every_regime = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
seeds = st.integers(0, 2**16)


def sample(task, n=200, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def followed(task, world, row, entity, relations):
    """A path of a world, one relation after the other."""
    for relation in relations:
        if relation >= 0 and entity != task.nothing:
            entity = world["world"][row, entity, relation]
    return entity


@every_regime
def test_the_answer_is_where_the_relations_lead(task):
    batch = sample(task)
    world, problem = episodes(task, batch.problem), batch.problem
    for row in range(200):
        text = task.vocabulary.decode(batch.completions()[row]).split()
        entity = followed(task, world, row, problem["start"][row], problem["path"][row])
        assert text[-1] == ("<none>" if entity == task.nothing else "abcdefghijklmnopqrstuvwxyz"[entity])


@every_regime
def test_searches_stay_in_the_budget_and_are_told_what_the_environment_tells(task):
    batch = sample(task)
    searched = judge.searches(task, batch.problem, batch.completions())
    inside = np.arange(searched.true.shape[1]) < searched.made[:, None]
    assert (searched.made <= batch.problem["budget"]).all() and searched.made.max() > 1
    for verdict in (searched.true, searched.supported):
        np.testing.assert_array_equal(verdict, inside)
    assert not searched.redundant.any()
    judged = task.verify(batch, batch.completions())
    assert judged.answer.all() and judged.trace.all() and judged.well_formed.all()


def test_a_transcript_by_hand():
    task = Search()
    problem = task.parse("3 14 15 9 26 c R3 R1 8 <think>")
    assert task.gold_text(problem) == "<search> c R3 n <found> <search> n R1 i <found> <answer> i"
    table = episodes(task, problem)["world"][0]
    assert (table[2, 2], table[13, 0]) == (13, 8), "which no prompt says"

    def marks(text):
        return [step.mark for step in task.text_steps(problem, text)]

    lie = "<search> c R3 d <found> <search> d R1 a <found> <answer> a"
    assert marks(lie)[0] == "wrong" and marks(lie)[1:] == ["follows", "follows"]
    assert marks("<search> c R3 n <found> <answer> i") == ["ok", "ok"], "whoever guesses rightly is right"
    assert marks("<search> n R1 i <found> <answer> i") == ["wrong", "follows"], "nothing said that n matters"
    assert marks("<search> c R3 n <found> <search> c R3 n <found> <answer> i") == ["ok"] * 3
    assert marks("") == ["wrong"]


@pytest.mark.parametrize(
    ("text", "made", "supported", "redundant"),
    [
        ("<search> c R3 n <found> <search> c R3 n <found> <search> n R1 i <found> <answer> i", 3, [1, 1, 1], [0, 1, 0]),
        ("<search> n R1 i <found> <search> c R3 n <found> <answer> i", 2, [0, 1], [0, 0]),
        ("<search> c R1 i <found>", 1, [0], [0]),
        ("<search> c R3 n <found> <search> n <answer> i", 1, [1], [0]),
    ],
)
def test_searches_that_are_redundant_or_not_supported(text, made, supported, redundant):
    task = Search()
    problem = task.parse("3 14 15 9 26 c R3 R1 8 <think>")
    searched = judge.searches(task, problem, np.array([task.vocabulary.encode(text)], np.int32))
    assert searched.made == [made]
    assert searched.supported[0, :made].tolist() == [*map(bool, supported)]
    assert searched.redundant[0, :made].tolist() == [*map(bool, redundant)]


@pytest.mark.parametrize("task", [Search(budgets=(1, 2, 8)), SOME], ids=["exact", "some"])
def test_an_answer_is_supported_where_the_searches_came_to_the_end_or_to_none(task):
    batch = sample(task)
    texts = [task.vocabulary.decode(row) for row in batch.completions()]
    _, known = task.judge_texts(batch.problem, texts)
    hops = (batch.problem["path"] >= 0).sum(axis=1)
    for row, text in enumerate(texts):
        *searches, _, _ = text.split()
        came = len(searches) // TURN == hops[row] or searches[-2:-1] == ["<none>"]
        assert known["supported_answer"][row] == came and known["searches"][row] == len(searches) // TURN
    assert 0 < known["supported_answer"].mean() < 1


def in_words(task, row):
    """A turn of a gold text to be worked out: what is told, letters, and thoughts."""
    words = task.vocabulary.decode(row).split()
    return words[3], [int(word) for word in words[4:7]], words[8:]


def test_results_mean_what_the_world_holds_once_their_letters_are_gone_through():
    batch, names = sample(WORKED), "abcdefghijklmnop"
    world, turns, letters = episodes(WORKED, batch.problem), play(WORKED, batch.problem), chains.permutations(16, 4)
    assert (np.sort(letters, axis=1) == np.arange(16)).all() and len({tuple(row) for row in letters}) == 4
    for row, turn in zip(*np.nonzero(turns[:, :, 0] != PAD), strict=True):
        told, keys, thoughts = in_words(WORKED, turns[row, turn])
        passed = [names.index(told)]
        for key in keys:
            passed.append(letters[key, passed[-1]])
        _, entity, relation = turns[row, turn, :3] - [0, WORKED.first_entity, WORKED.first_relation]
        right = world["luck"][row, turn]
        assert passed[-1] == (world["world"][row, entity, relation] if right else world["strays"][row, turn])
        written = batch.problem["thoughts"][row]
        assert thoughts == [*(names[entity] for entity in passed[1 : written + 1]), *["?"] * (3 - written)]
    np.testing.assert_array_equal(
        laws.posterior(WORKED, batch.problem, turns),
        laws.posterior(replace(WORKED, chain=0, thoughts=(0,)), batch.problem, plain(turns)),
    )


def splitmix(number):
    """SplitMix64 (Steele, Lea, Flood 2014) in whole numbers."""
    number = (number + 0x9E3779B97F4A7C15) % 2**64
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ number >> 27) * 0x94D049BB133111EB % 2**64
    return number ^ number >> 31


def test_letters_are_numbers_of_the_world_and_of_their_place():
    """Of purpose 4; each search has room for eight letters."""
    letters = chains.letters(WORKED, np.array([7, 66]))
    for row, world in enumerate((7, 66)):
        for turn, place in product(range(32), range(3)):
            chance = (splitmix(splitmix(splitmix(world) ^ 4) ^ (8 * turn + place)) >> 11) / 2**53
            assert letters[row, turn, place] == int(4 * chance)
    assert chains.letters(replace(WORKED, chain=0, thoughts=(0,)), np.array([7])).shape == (1, 32, 0)


def test_of_no_entity_or_no_letter_nothing_is_worked_out():
    table = chains.permutations(16, 4)
    entity, letter = np.array([2, 2, 16, -1, 2]), np.array([[1, 3], [1, 4], [1, 3], [1, 3], [-1, 3]])
    passed = [[table[1, 2], table[3, table[1, 2]]], [table[1, 2]] * 2, [16, 16], [-1, -1], [2, table[3, 2]]]
    np.testing.assert_array_equal(chains.gone_through(WORKED, entity, letter), passed)
    one = replace(WORKED, letters=1)
    np.testing.assert_array_equal(chains.gone_through(one, np.array([2]), np.array([[1]])), [[2]])


def test_of_several_numbers_of_thoughts_the_environment_leaves_room_for_the_largest():
    lookup = Lookup.of(replace(WORKED, chain=4, thoughts=(1, 3)))
    assert (lookup.thoughts, lookup.unthought) == (3, 1)


def plain(turns):
    """The same searches without letters, told what they mean."""
    return np.concatenate([turns[:, :, :3], meant_ids(turns)[:, :, None], turns[:, :, 7:8]], axis=2)


def meant_ids(turns):
    return np.where(turns[:, :, 0] != PAD, chains.meant(WORKED, turns[:, :, 3:]) + WORKED.first_entity, PAD)


def test_a_tracker_says_after_each_result_how_many_searches_are_left():
    batch = sample(TRACKED)
    turns = play(TRACKED, batch.problem)
    for made in range(8):
        here = turns[:, made, 0] != PAD
        left = turns[here, made, 5] - TRACKED.first_number
        np.testing.assert_array_equal(left, batch.problem["budget"][here] - made - 1)
    known = play(replace(TRACKED, announced=True, tracked=False), batch.problem)
    searches = known[:, 0, 0] != PAD  # others know before that they cannot find anything
    np.testing.assert_array_equal(turns[searches][:, :, :5], known[searches])
    assert 0.5 < searches.mean() < 1 and (turns[:, 0, 0] != PAD).all()
    problem = TRACKED.parse("3 14 15 9 26 c R3 ? <think>")
    text = TRACKED.gold_text(problem)
    assert text.startswith("<search> c R3 ") and " <found> 7 <search> " in text
    wrong = text.replace(" <found> 7 ", " <found> 6 ")
    assert [TRACKED.text_steps(problem, written)[0].mark for written in (text, wrong)] == ["ok", "wrong"]
    assert "how many searches are left" in TRACKED.instructions


def test_none_means_none():
    task = replace(WORKED, missing=0.5)
    batch = sample(task)
    texts = [task.vocabulary.decode(row) for row in batch.completions()]
    assert any("<none>" in text for text in texts) and task.verify(batch, batch.completions()).trace.all()
    assert all(
        text.split()[-1] == "<none>" or text.count("<search>") == batch.problem["budget"][row]
        for row, text in enumerate(texts)
        if "<none>" in text
    )


def test_a_thought_that_is_wrong_or_not_allowed_makes_a_chain_wrong():
    batch = WORKED.write(WORKED.parse("3 14 15 9 26 c R3 8 1 <think>"))
    gold = WORKED.vocabulary.decode(batch.completions()[0])
    words = gold.split()
    assert words[7:11] == ["<found>", words[8], "?", "?"] and WORKED.text_steps(batch.problem, gold)[0].mark == "ok"
    thought = words[8]
    wrong = "a" if thought != "a" else "b"
    for thoughts in (f"{wrong} ? ?", "? ? ?", f"{thought} {thought} ?"):
        text = gold.replace(f"{thought} ? ?", thoughts)
        judged, known = WORKED.judge_texts(batch.problem, [text])
        assert judged.well_formed[0] and judged.answer[0] and not judged.trace[0]
        assert known["unworked_results"] == [1] and known["untrue_results"] == [0]
        assert [step.mark for step in WORKED.text_steps(batch.problem, text)] == ["wrong", "wrong after"] or thoughts
    for other in ("c c c c", "9 9 9 9"):
        assert not WORKED.judge_texts(batch.problem, [gold.replace(" ".join(words[3:7]), other)])[0].trace[0]


def test_of_thoughts_those_that_are_written_have_loss():
    batch = sample(WORKED, 50)
    made = play(WORKED, batch.problem)[:, :, 0].astype(bool).sum(axis=1)
    asked = made == batch.problem["budget"]
    scored = 3 + made * (3 + batch.problem["thoughts"]) - asked
    np.testing.assert_array_equal(examples(batch).weight.sum(axis=1), scored)
    assert batch.text.shape[1] == WORKED.clean_len == WORKED.longest_prompt + 8 * 11 + 3
    assert "the number before <think> says" in WORKED.instructions and "0 from a to p" in WORKED.instructions


def test_each_part_of_a_line_has_its_field_and_of_a_turn_the_last_two_tokens_are_told():
    task = Search()
    batch = task.write(task.parse("3 14 15 9 26 c R3 R1 8 <think>"))
    fields = [0] * 5 + [task.prompt_fields.index(name) for name in ("start", "path", "path", "budget", "instruction")]
    fields += [Field.STEP] * 5 + [Field.STEP + 1] * 5 + [Field.ANSWER, Field.ANSWER, Field.END]
    assert batch.field[0].tolist() == fields + [Field.PADDING] * (task.max_len - len(fields))
    told = [False] * 10 + [False, False, False, True, True] * 2
    assert batch.told[0].tolist() == told + [False] * (task.max_len - len(told))


def test_lines_are_as_short_and_as_long_as_the_task_says():
    task = Search(hops=(2, 4), budgets=(1, 4))
    batch = sample(task)
    length = (batch.text != PAD).sum(axis=1)
    assert (task.shortest_prompt, task.longest_prompt) == (batch.prompt_len.min(), batch.prompt_len.max()) == (10, 12)
    assert length.max() == task.clean_len == batch.text.shape[1] == 12 + 4 * TURN + 3


def test_five_numbers_name_every_world():
    last = Search().parse("63 63 63 63 63 c R3 8 <think>")
    assert last["world"].tolist() == [WORLDS - 1] and Search().parse("0 0 0 1 2 c R3 8 <think>")["world"] == 66


@every_regime
def test_instructions_say_how_far_results_can_be_trusted(task):
    told = task.instructions
    assert ("the number of searches allowed. The world" in told) == task.announced
    assert ("and ?, as the number of searches allowed is not told" in told) != task.announced
    assert ("what the world holds, or any entity" in told) == (task.reliability < 1)
    assert ("then marked <stray>" in told) == (task.reliability < 1 and task.tags)
    assert ("<none> is where a relation leads to none" in told) == (task.missing > 0)


def test_sizes_of_shifts_are_distances_to_what_is_trained_on():
    exact = {"entities=8": 8, "entities=24": 8, "joins=unseen": 1, "missing=0.1": 0.1, "reliability=0.7": 0.3}
    exact |= {"announced=off": 1, "hops=5": 1, "hops=6": 2, "budget=16": 8}
    votes = {"entities=8": 8, "entities=24": 8, "joins=unseen": 1, "reliability=1.0": 0.3, "announced=off": 1}
    votes |= {"hops=5": 1, "hops=6": 2, "budget=16": 8}
    for task, sizes in ((Search(), exact), (VOTES, votes)):
        found = {name: task.shift(name).size for name in task.shifts if not name.startswith("noise")}
        assert found == pytest.approx(sizes)
    axes = {name.partition("=")[0]: Search().shift(name).axis for name in Search().shifts}
    assert axes == {
        **dict.fromkeys(("entities", "joins", "missing", "reliability"), (Axis.TASK,)),
        **dict.fromkeys(("announced", "noise"), (Axis.FORMAT,)),
        **dict.fromkeys(("hops", "budget"), (Axis.LENGTH,)),
    }
    unseen, noisy = replace(VOTES, joins="unseen", announced=False), TAGGED.shift("noise=insert:0.2")(TAGGED)
    assert "announced=on" in unseen.shifts and not any(name.startswith("joins") for name in unseen.shifts)
    assert not any(name.startswith("noise") for name in noisy.shifts)
    assert VOTES.shift("tags=on")(VOTES).tags and not TAGGED.shift("tags=off")(TAGGED).tags
    others = {
        "thoughts=2": (WORKED, 1),
        "tracked=off": (TRACKED, 1),
        "tags=off": (TAGGED, 1),
        "budget=3": (TAGGED, 1),
        "budget=0": (TAGGED, 2),
        "missing=0.1": (SOME, 0.2),
        "hops=2": (unseen, 0),
    }
    others |= {"joins=any": (unseen, 1), "tags=on": (VOTES, 1)}
    assert {name: task.shift(name).size for name, (task, _) in others.items()} == pytest.approx(
        {name: size for name, (_, size) in others.items()}
    )


def test_thoughts_may_be_none_or_all():
    """Those that are not trained on alone; where results are plain there are none."""
    for task, names in (
        (WORKED, ["thoughts=0", "thoughts=3"]),
        (replace(WORKED, thoughts=(3,)), ["thoughts=0"]),
        (Search(), []),
    ):
        assert [name for name in task.shifts if name.startswith("thoughts")] == names
    assert replace(WORKED, thoughts=(3,)).shift("thoughts=0").size == 3


def test_features_are_the_relations_and_the_number_of_a_prompt():
    features = Search().features(Search().parse("3 14 15 9 26 c R1 R3 R2 8 <think>"))
    assert {name: values.tolist() for name, values in features.items()} == {"hops": [3], "budget": [8]}


def test_an_answer_stands_behind_its_mark():
    task = Search()
    batch = task.write(task.parse("3 14 15 9 26 c R3 R1 8 <think>"))
    wrong = ("i </s>", "i i </s>", "<answer> R1 </s>", "<answer> <think> </s>", "<answer> </s>", "")
    for text, right in (("<answer> i </s>", True), *((text, False) for text in wrong)):
        judged = task.verify(batch, np.array([task.vocabulary.encode(text)], np.int32).reshape(1, -1))
        assert (judged.answer[0], judged.well_formed[0]) == (right, right)


def test_worlds_are_uniform_and_results_as_reliable_as_they_say():
    problem = {"world": np.arange(0, WORLDS, WORLDS // 500, dtype=np.int32)[:500]}
    world = episodes(replace(VOTES, missing=0), problem)
    shares = np.bincount(world["world"].ravel(), minlength=16) / world["world"].size
    assert np.abs(shares - 1 / 16).max() < 0.004 and abs(world["luck"].mean() - 0.7) < 0.02
    assert np.abs(np.bincount(world["strays"].ravel(), minlength=16) / world["strays"].size - 1 / 16).max() < 0.01
    nowhere = episodes(SOME, problem)["world"] == SOME.nothing
    assert abs(nowhere.mean() - 0.3) < 0.01
    again = episodes(replace(VOTES, relations=4), problem)["world"]
    np.testing.assert_array_equal(again, world["world"][:, :, :4], "fewer relations of the same world")


def test_an_environment_tells_of_entities_and_nothing_else():
    task = Search(entities=8, relations=4)
    problem = {"world": np.array([7, 7, 7, 7, 7], np.int32)}
    words = ["<search> a R2", "<search> i R1", "<search> a R5", "R2 a R2", "<search> R1 R2"]
    said = np.array([task.vocabulary.encode(text) for text in words], np.int32)
    told = Lookup.of(task).tell(episodes(task, problem), 0, said)
    leads = "abcdefgh"[episodes(task, problem)["world"][0, 0, 1]]
    assert task.vocabulary.decode_all(told) == [f"{leads} <found>"] + ["<none> <found>"] * 4


@every_regime
def test_results_are_what_the_world_holds_or_any_entity_and_say_so_where_they_have_tags(task):
    problem = task.draw(np.random.default_rng(0), 100)
    world, lookup = episodes(task, problem), Lookup.of(task)
    for turn in range(3):
        said = np.array([task.vocabulary.encode("<search> c R2")] * 100, np.int32)
        right, strays = world["luck"][:, turn], world["strays"][:, turn]
        to = np.where(right, world["world"][:, 2, 1], strays)
        marks = np.where(right | (not task.tags), "<found>", "<stray>")
        names = [*"abcdefghijklmnopqrstuvwxyz", "<none>"]
        told = lookup.tell(world, turn, said)
        assert [names[entity] for entity in chains.meant(task, told)] == [names[entity] for entity in to]
        assert task.vocabulary.decode_all(told[:, [task.mark - 3]]) == marks.tolist()
        nothing = np.array([task.vocabulary.encode("R1 c R2")] * 100, np.int32)
        assert set(task.vocabulary.decode_all(lookup.tell(world, turn, nothing)[:, [0, task.mark - 3]])) == {
            "<none> <found>"
        }


def test_what_is_told_has_no_loss_and_all_else_that_is_written_has():
    task = VOTES
    batch = sample(task, 50)
    scored = examples(batch)
    field = batch.field
    turn = field >= Field.STEP
    made = turn.sum(axis=1) // TURN
    asked = made == batch.problem["budget"]  # by the environment, which writes the mark then
    assert asked.any() and not asked.all()
    np.testing.assert_array_equal(scored.weight.sum(axis=1), 3 + 3 * made - asked)
    told = [
        task.show(row[~weight & (code >= Field.STEP)])
        for row, weight, code in zip(batch.text, scored.weight, field, strict=True)
    ]
    assert all(word in {"<found>", "<none>", *"abcdefghijklmnop"} for text in told for word in text.split())
    noisy = replace(task, noise=task.shift("noise=insert:0.5").changes["noise"])
    lines = sample(noisy, 50)
    np.testing.assert_array_equal(examples(lines).weight.sum(axis=1), (~lines.told & (lines.field >= 10)).sum(axis=1))
    step = lines.field >= Field.STEP
    np.testing.assert_array_equal(step.sum(axis=1) * 2, 5 * (lines.told & step).sum(axis=1))


def brute_posterior(task, problem, row, turns):
    """By the likelihood of every assignment of the relations that the question asks for."""
    e, stray = task.entities, (1 - task.reliability) / task.entities
    path, start = [step for step in problem["path"][row] if step >= 0], problem["start"][row]
    cells = [(entity, relation) for relation in path for entity in range(e)]
    total = np.zeros(e)
    for values in product(range(e), repeat=len(cells)):
        world = dict(zip(cells, values, strict=True))
        likely = 1.0
        for search, entity, relation, told, _ in turns:
            if search == PAD:
                continue
            key = (entity - task.first_entity, relation - task.first_relation)
            if key in world:
                likely *= stray + task.reliability * (told - task.first_entity == world[key])
        at = start
        for relation in path:
            at = world[at, relation]
        total[at] += likely
    return total / total.sum()


@settings(max_examples=6, deadline=None)
@given(seed=seeds)
def test_the_posterior_is_that_of_all_worlds(seed):
    task = Search(entities=3, relations=3, hops=(1, 2), reliability=0.5, tags=False, budgets=(4,))
    batch = sample(task, 2, seed)
    turns = play(task, batch.problem)
    rng = np.random.default_rng(seed)
    turns[0, -1, 1] = rng.integers(3) + task.first_entity  # whoever searches elsewhere
    known = laws.posterior(task, batch.problem, turns)
    for row in range(2):
        np.testing.assert_allclose(known[row, :3], brute_posterior(task, batch.problem, row, turns[row]), atol=1e-9)


def anything_goes(entities, reliability, budget, supported):
    """The best of all searchers of two hops, also of those who come back.

    A state has a count of looks at the start and counts of answers seen there, for each entity that was seen or searched; answers
    are the same state under other names. What was not searched is any answer alike.
    """
    stray = (1 - reliability) / entities
    odds = 1 + reliability / stray

    def shares(counts):
        weights = np.array([odds**count for count in counts] + [1.0] * (entities - len(counts)))
        return weights / weights.sum()

    def outcomes(counts):
        """How likely a look says each entity that has a place, and any other."""
        likely = shares(counts) * reliability + stray
        yield from ((place, likely[place]) for place in range(len(counts)))
        if len(counts) < entities:
            yield len(counts), likely[len(counts) :].sum()

    def one_more(counts, place):
        counts = [*counts, *[0] * (place + 1 - len(counts))]
        counts[place] += 1
        return tuple(counts)

    def same(state):
        names = max((len(answers) for _, answers in state), default=0)
        padded = [(count, (*answers, *[0] * (names - len(answers)))) for count, answers in state]
        return min(
            tuple(sorted((count, tuple(answers[name] for name in order)) for count, answers in padded))
            for order in permutations(range(names))
        )

    @cache
    def value(state, left):
        there, names = shares([count for count, _ in state]), max((len(answers) for _, answers in state), default=0)
        behind = [shares(answers)[: names + 1] for _, answers in state]
        elsewhere = (1 - there[: len(state)].sum()) / entities
        known = sum(
            (there[place] * answers for place, answers in enumerate(behind)),
            np.full(min(names + 1, entities), elsewhere),
        )
        choices = [known[:entities].max()]
        if left:
            choices.append(
                sum(
                    chance * value(same(looked(state, place, names)), left - 1)
                    for place, chance in outcomes([count for count, _ in state])
                )
            )
            for place in range(len(state) + (not supported and len(state) < entities)):
                grown = [*state, (0, (0,) * names)][: max(len(state), place + 1)]
                count, answers = grown[place]
                choices.append(
                    sum(
                        chance
                        * value(same([*grown[:place], (count, one_more(answers, name)), *grown[place + 1 :]]), left - 1)
                        for name, chance in outcomes(answers)
                    )
                )
        return max(choices)

    def looked(state, place, names):
        grown = [*state, (0, (0,) * names)][: max(len(state), place + 1)]
        return [*grown[:place], (grown[place][0] + 1, grown[place][1]), *grown[place + 1 :]]

    return value((), budget)


@pytest.mark.parametrize("supported", [True, False])
@pytest.mark.parametrize(("entities", "reliability", "budget"), [(16, 0.7, 5), (4, 0.5, 5), (26, 0.3, 4)])
def test_nobody_who_comes_back_does_better(entities, reliability, budget, supported):
    best = laws.best(entities, reliability, 2, budget, supported=supported).value[2]
    for searches in range(budget + 1):
        assert best[searches] == pytest.approx(anything_goes(entities, reliability, searches, supported), abs=1e-9)


def test_what_is_found_twice_is_no_surer_and_who_searches_for_none_learns_nothing():
    """Searches of the same twice, of an entity and of a relation that the world does not have."""
    task = Search(relations=4)
    problem = task.parse("3 14 15 9 26 c R3 R1 8 <think>")
    heard = ["c R3 n <found>", "q R3 a <found>", "c R5 a <found>", "c R3 n <found>", "n R1 i <found>"]
    turns = np.array([[task.vocabulary.encode(f"<search> {text}") for text in heard]], np.int32)
    for spec in (task, replace(task, tags=False)):
        first, last = (laws.posterior(spec, problem, turns[:, :made])[0] for made in (4, 5))
        np.testing.assert_allclose(first, [*[1 / 16] * 16, 0], atol=1e-12)
        np.testing.assert_allclose(last, np.eye(17)["abcdefghi".index("i")], atol=1e-12)


def test_whoever_does_not_know_the_budget_stops_where_the_next_search_costs_more_than_it_adds():
    """One hop, three searches at most and as likely as none and one together: by all that can be seen."""
    e, p, budgets, price = 4, 0.5, (0, 1, 3, 3), 0.04
    best, known = laws.best_unaware(e, p, 1, budgets, price), laws.looks(e, p, 3)
    ends = np.array([0.25, 0.25, 0, 0.5])
    seen_and_looked = set()

    def shares(counts):
        weights = (1 + p * e / (1 - p)) ** np.array(counts, float)
        return weights / weights.sum()

    def worth(counts, state, made):
        """What stopping here and what one more search is worth, all who are stopped before left out."""
        now, left = shares(counts).max(), ends[made + 1 :].sum()
        stops, looks = left * now, -1.0
        if made < 3:
            looks = -price * left
            for entity, likely in enumerate(shares(counts) * p + (1 - p) / e):
                more = tuple(count + (at == entity) for at, count in enumerate(counts))
                after = known.after[state, counts[entity]]
                looks += likely * (ends[made + 1] * shares(more).max() + max(worth(more, after, made + 1)))
        assert abs(stops - looks) < 1e-12 or (best.act[1, made, state] == laws.LOOK) == (looks > stops)
        seen_and_looked.add((made, state, bool(looks > stops)))
        return stops, looks

    worth((0,) * e, 0, 0)
    assert (best.value[0] == 1).all() and known.after.min() == -1
    assert {looked for made, _, looked in seen_and_looked if made} == {True, False}


def total(act, known, guess, budgets, price):
    """How often whoever does as int8 (k + 1, b + 1, s) says is right, less what searches cost, over all ends: by going forward."""
    worth = 0.0
    for budget in budgets:
        waiting = [(len(act) - 1, 0, 0, 1.0)]  # hops to go, searches made, what was seen, how likely
        while waiting:
            left, made, state, likely = waiting.pop()
            now = known.leads[state] if left == 1 else guess
            choice = act[left, made, state]
            if choice == laws.GO_ON and left > 1:
                waiting.append((left - 1, made, 0, likely * known.leads[state]))
                worth += likely * (1 - known.leads[state]) * guess  # a wrong entity: what comes is as good as a guess
            elif choice == laws.LOOK and made < budget:
                worth -= likely * price
                for part, chance in enumerate(known.chance[state]):
                    if chance:
                        waiting.append((left, made + 1, known.after[state, part], likely * chance))
            else:
                worth += likely * now
    return worth / len(budgets)


def test_whoever_does_not_know_the_budget_cannot_do_better_by_any_other_act():
    """Two hops; what lies behind a wrong entity costs nothing more, so that prices are paid on the right way alone."""
    e, budgets, every = 3, (0, 1, 2, 4), set()
    for p, price in product((0.3, 0.6, 0.9), (0.0, 0.01, 0.02, 0.04, 0.08, 0.16)):
        best, known = laws.best_unaware(e, p, 2, budgets, price), laws.looks(e, p, 4)
        worth = total(best.act, known, 1 / e, budgets, price)
        for left, made, state in np.ndindex(*best.act.shape):
            if left:
                every.add((left, int(best.act[left, made, state])))
                for other in {laws.LOOK, laws.GO_ON, laws.STOP} - {best.act[left, made, state]}:
                    if other != laws.GO_ON or (state and left > 1):
                        changed = best.act.copy()
                        changed[left, made, state] = other
                        assert total(changed, known, 1 / e, budgets, price) <= worth + 1e-12
        assert (best.act[:, :, 0] != laws.GO_ON).all() and (best.act[1] != laws.GO_ON).all()
        assert (best.value[0] == 1).all() and best.act.shape[0] == 3
        if not price:
            assert best.value[2, list(budgets)].mean() == pytest.approx(worth)
    assert {(1, laws.LOOK), (1, laws.STOP), (2, laws.GO_ON), (2, laws.LOOK)} <= every


def test_exact_results_need_no_tags():
    exact, untagged = Search(), Search(tags=False)
    batch = sample(exact, 40)
    known = [laws.posterior(task, batch.problem, play(exact, batch.problem)) for task in (exact, untagged)]
    np.testing.assert_array_equal(*known)
    for hops, budget in product((1, 2, 3), (0, 1, 2)):
        assert laws.ceiling(exact, hops, budget) == laws.ceiling(untagged, hops, budget)
    aware = laws.best(4, 0.5, 2, 3)
    assert (aware.value[0] == 1).all() and aware.act.shape == (3, 4, len(laws.looks(4, 0.5, 3).leads))
    assert (aware.act[1] != laws.GO_ON).all() and (aware.act[:, :, 0] != laws.GO_ON).all()


def test_one_hop_is_a_vote():
    """How often the entity seen most often of three is right, by all outcomes."""
    e, p = 4, 0.5
    likely = np.full(e, (1 - p) / e)
    likely[0] += p
    right = 0.0
    for seen in product(range(e), repeat=3):
        counts = np.bincount(seen, minlength=e)
        right += likely[list(seen)].prod() * (counts[0] == counts.max()) / (counts == counts.max()).sum()
    assert laws.ceiling(Search(entities=e, reliability=p, tags=False), 1, 3) == pytest.approx(right)


@pytest.mark.parametrize("task", [VOTES, TASKS["unaware"], TAGGED, SOME, replace(VOTES, price=0.05)], ids=str)
def test_whoever_writes_the_texts_is_as_good_as_the_law_says(task):
    """The likeliest answer behind the searches of gold texts, over many worlds."""
    problem = task.draw(np.random.default_rng(1), 20_000)
    pieces = [{name: rows[start : start + 100] for name, rows in problem.items()} for start in range(0, 20_000, 100)]
    known = np.concatenate([laws.posterior(task, piece, play(task, piece)) for piece in pieces])
    hops, budget = (problem["path"] >= 0).sum(axis=1), problem["budget"]
    most = max(task.budgets)
    for k, b in product(task.hops, task.budgets):
        here = (hops == k) & (budget == b)
        foretold = laws.ceiling(task, k, b)
        if not task.tags:
            searcher = (
                laws.best(task.entities, task.reliability, k, most, task.price)
                if task.announced
                else laws.best_unaware(task.entities, task.reliability, k, task.budgets, task.price)
            )
            assert searcher.value[k, b] <= foretold + 1e-9
            foretold = searcher.value[k, b]
        assert known[here].max(axis=1).mean() == pytest.approx(foretold, abs=4 * 0.5 / np.sqrt(here.sum()))


def test_exact_results_make_the_distribution_of_hops():
    task = Search(budgets=(0, 1, 2, 3, 4, 5))
    for budget in task.budgets:
        mean = np.mean([laws.ceiling(task, hops, budget) for hops in task.hops])
        assert mean == pytest.approx(min(budget, 4) / 4 + (1 - min(budget, 4) / 4) / 16)


def test_more_searches_never_hurt_and_knowing_the_budget_never_does():
    for reliability, entities in ((0.3, 26), (0.7, 16)):
        aware = laws.best(entities, reliability, 4, 12)
        unaware = laws.best_unaware(entities, reliability, 4, tuple(range(13)))
        assert (np.diff(aware.value, axis=1) >= -1e-12).all() and (unaware.value <= aware.value + 1e-12).all()
        assert (aware.value[1:, 0] == 1 / entities).all() and aware.value[1, 12] > 0.8


def test_every_number_of_hops_is_as_likely_and_behind_them_is_minus_one():
    task = Search(hops=(1, 3), joins="any")
    path = task.draw(np.random.default_rng(0), 4000)["path"]
    hops = (path >= 0).sum(axis=1)
    np.testing.assert_allclose(np.bincount(hops)[[1, 3]] / 4000, 0.5, atol=0.04)
    assert (path == np.where(np.arange(3) < hops[:, None], path, -1)).all()
    np.testing.assert_allclose(np.bincount(path[:, 0]) / 4000, 1 / 8, atol=0.03)


def test_unseen_joins_are_none_of_those_seen():
    seen, unseen = Search(), Search().shift("joins=unseen")(Search())

    def pairs(task):
        return [
            {(a, b) for a, b in pairwise(row) if b >= 0}
            for row in task.draw(np.random.default_rng(0), 2000)["path"].tolist()
        ]

    known = set().union(*pairs(seen))
    assert len(known) == 8 * 7 - 8 and all(path - known for path in pairs(unseen) if path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"entities": 27}, "entities 27 is outside 2 to 26"),
        ({"relations": 9}, "relations 9 is outside 3 to 8"),
        ({"hops": (9,)}, "hops 9 is outside 1 to 8"),
        ({"hops": ()}, "hops is empty"),
        ({"budgets": (33,)}, "budgets 33 is outside 0 to 32"),
        ({"budgets": (17,), "tags": False, "reliability": 0.5}, "above 16"),
        ({"reliability": 0.0}, "reliability 0.0 is outside"),
        ({"missing": 1.0}, "missing 1.0 is outside"),
        ({"missing": 0.1, "tags": False}, "without tags"),
        ({"letters": 0}, "letters 0 is outside 1 to 64"),
        ({"chain": 9}, "chain 9 is outside 0 to 8"),
        ({"chain": 2, "thoughts": (3,)}, "thoughts 3 is outside 0 to 2"),
        ({"joins": "sen"}, "joins 'sen' is unknown; did you mean 'seen'"),
        ({"price": 1.0}, "price 1.0 is outside"),
    ],
)
def test_impossible_fields(change, says):
    with pytest.raises(UserError, match=says):
        Search(**change)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3 14 15 9 c R3 8 <think>",
        "3 14 15 9 26 c R3 R3 8 <think>",
        "3 14 15 9 26 c R3 7 <think>",
        "3 14 15 9 26 q R3 8 <think>",
        "3 14 15 9 26 c 8 <think>",
        "3 14 15 9 26 c R3 8",
        "3 14 15 9 a c R3 8 <think>",
    ],
)
def test_prompts_that_are_none(text):
    with pytest.raises(UserError, match="is not 5 numbers"):
        Search().parse(text)


def test_joins_of_a_prompt_are_checked():
    with pytest.raises(UserError, match="side by side"):
        Search().parse("3 14 15 9 26 c R1 R2 8 <think>")
