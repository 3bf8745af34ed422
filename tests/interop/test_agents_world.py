"""Worlds for other people's agents: told what the lab's own texts are told, rewarded by the oracle."""

from __future__ import annotations

import json

import pytest

from alchemy.errors import UserError
from alchemy.interop.world import World, respond
from tasks.search import Search

NOISY = {"budgets": (6,), "reliability": 0.6}
UNMARKED = {"budgets": (5,), "reliability": 0.7, "tags": False, "price": 0.003}
each_world = pytest.mark.parametrize(
    "config", [{"budgets": (4,)}, NOISY, UNMARKED], ids=["exact", "marked", "unmarked"]
)


def gold_turns(world, config):
    """The prompt, and the turns of the task's own text to it, in what is said and what is told."""
    prompt, _ = world.reset()
    task = Search(**config)
    *words, answer = task.vocabulary.decode(task.solve(task.parse(prompt))[0]).split()
    turns = [(" ".join(words[at : at + 3]), " ".join(words[at + 3 : at + 5])) for at in range(0, len(words) - 1, 5)]
    return prompt, turns, f"<answer> {answer}"


@each_world
def test_the_best_searcher_is_told_what_its_text_says_and_rewarded(config):
    world = World("search", seed=3, **config)
    for _ in range(20):
        prompt, turns, answer = gold_turns(world, config)
        last = prompt.split()[-3]
        for number, (said, told) in enumerate(turns, 1):
            heard, reward, ended, cut, known = world.step(said)
            assert (heard, reward, ended, cut, known["searches"]) == (told, 0.0, False, False, number)
        heard, reward, ended, cut, _ = world.step(answer)
        found = any(said.endswith(last) and told == f"{answer.split()[1]} <found>" for said, told in turns)
        assert (heard, ended, cut) == ("", True, False) and reward == (1.0 if found else 0.5)
        assert found or config.get("reliability"), "exact results leave nothing to luck"


def actions(text, thoughts, skipped):
    """What an agent writes of a gold text with so many thoughts behind each result of which the letters are `skipped` + `thoughts`."""
    words, written, owed = text.split(), [], []
    letters = thoughts + skipped
    while words[0] != "<answer>":
        written.append(" ".join([*owed, *words[:3]]))
        owed, words = words[5 + letters :][:thoughts], words[5 + 2 * letters :]
    return [*written, " ".join([*owed, *words])]


@pytest.mark.parametrize(
    ("name", "config", "thoughts", "skipped"),
    [
        ("origins", {"budgets": (63,)}, 0, 0),
        ("search", {"chain": 3, "thoughts": (2,)}, 2, 1),
        ("search", {"chain": 2, "thoughts": (0,)}, 0, 2),
    ],
)
def test_agents_go_back_and_work_results_out(name, config, thoughts, skipped):
    world = World(name, seed=3, **config)
    for _ in range(10):
        prompt, _ = world.reset()
        gold = world.task.gold_text(world.task.parse(prompt))
        *searches, answer = actions(gold, thoughts, skipped)
        for said in searches:
            assert world.step(said)[1:4] == (0.0, False, False)
        assert world.step(answer)[:4] == ("", 1.0, True, False)


@pytest.mark.parametrize(
    ("name", "config", "said", "told", "thought"),
    [
        ("documents", {"missing": 0.2, "queries": 2}, 6, 13, 0),
        ("origins", {"budgets": (40,), "entities": 6, "shown": True}, 3, 2, 1),
    ],
)
def test_agents_ask_side_by_side_and_think_what_they_are_not_told(name, config, said, told, thought):
    world, found = World(name, seed=3, **config), []
    for _ in range(10):
        prompt, _ = world.reset()
        words, owed = world.task.gold_text(world.task.parse(prompt)).split(), []
        while words[0] != "<answer>":
            heard = world.step(" ".join([*owed, *words[:said]]))
            assert heard[:4] == (" ".join(words[said : said + told]), 0.0, False, False)
            owed, words = words[said + told :][:thought], words[said + told + thought :]
        found.append(world.step(" ".join([*owed, *words]))[1])
    assert set(found) <= {0.5, 1.0} and found.count(1.0) >= 8


def test_an_answer_without_evidence_is_half_and_a_wrong_one_nothing():
    world = World("search", budgets=(4,))
    _, _, answer = gold_turns(world, {"budgets": (4,)})
    assert world.step(answer)[1:4] == (0.5, True, False)
    wrong = "<answer> a" if answer != "<answer> a" else "<answer> b"
    world.reset(seed=0)
    assert world.step(wrong)[1:4] == (0.0, True, False)


def test_what_is_no_turn_cuts_the_episode_and_says_why():
    world = World("search", budgets=(2,))
    with pytest.raises(UserError, match="not reset"):
        world.step("<answer> a")
    for action, fault in (("<search> a", "is no turn: expected `<search> "), ("what", "unknown symbol 'what'")):
        world.reset()
        heard, reward, ended, cut, known = world.step(action)
        assert (heard, reward, ended, cut) == ("", 0.0, False, True) and fault in known["fault"]
    world.reset()
    assert not world.step("<search> a R1")[3] and world.step("<search> a R1")[4]["repeated"]
    assert world.step("<search> a R1")[3:] == (
        True,
        {"searches": 2, "repeated": False, "fault": "all 2 searches are made: answer"},
    )


@each_world
def test_requests_that_say_everything_are_told_the_same(config):
    """As JSON, and without an object that remembers."""
    world = World("search", seed=5, **config)
    prompt, turns, answer = gold_turns(world, config)
    written = []
    for action in [*(said for said, _ in turns), answer]:
        request = {"task": "search", "config": config, "prompt": prompt, "turns": written, "action": action}
        response = json.loads(json.dumps(respond(json.loads(json.dumps(request)))))
        heard, reward, ended, cut, known = world.step(action)
        same = {"told": heard, "reward": reward, "ended": ended, "cut": cut, **known}
        assert {name: response[name] for name in same} == same
        written.append(response["text"])


def test_problems_are_the_data_sets_in_its_order():
    world = World("search", seed=1, size=3)
    prompts = [world.reset()[0] for _ in range(4)]
    assert world.reset()[1] == {"instructions": Search().instructions, "number": 1, "searches": 0}
    assert len(set(prompts)) == 3 and prompts[3] == prompts[0] == world.reset(seed=0)[0]


def test_bad_input_is_named():
    with pytest.raises(
        UserError, match="task symbols has no world to look things up in; documents, origins, search have"
    ):
        World("symbols")
    with pytest.raises(UserError, match="expected a text as action"):
        respond({"task": "search", "prompt": "x"})
    with pytest.raises(UserError, match="no field 'budget'; did you mean 'budgets'"):
        World("search", budget=3)
