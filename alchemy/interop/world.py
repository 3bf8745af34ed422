"""Worlds that other people's agents look things up in: text in, text out, as a gymnasium environment or as plain dicts.

world = World("search", seed=1, budgets=(4,))
prompt, told = world.reset()                              # told["instructions"] says what may be written
heard, reward, ended, cut, told = world.step("<search> c R3")
heard, reward, ended, cut, told = world.step("<answer> k")    # 1 for a right answer that valid searches found, .5 for one alone

Where a result has to be worked out, the steps that are asked for are written before the next search or the answer.
Nothing is kept between requests where there is no object: `respond` needs the prompt and what was written so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np

from alchemy.discover import entries, find
from alchemy.errors import UserError
from alchemy.interop.gym import create_dataset
from alchemy.problem.split import Part
from alchemy.problem.task import Judgement, Problem, Task


class Environment(Protocol):
    """What answers requests, as `alchemy.decoding.episodes` has it, too."""

    @property
    def said(self) -> int:
        """Tokens of a request."""

    @property
    def thoughts(self) -> int:
        """Tokens that the agent writes of a result before it goes on."""

    @property
    def unthought(self) -> int:
        """Tokens behind these, each of them `skip`."""

    @property
    def skip(self) -> int:
        """The id that says that nothing is thought."""

    def tell(self, episode: Mapping[str, Any], turn: Any, said: Any) -> Any:
        """What is told behind requests int32 (n, said), the `turn`-th of each: int32 (n, told)."""


class WorldTask(Task, Protocol):
    """A task whose texts an environment takes part in."""

    @property
    def environment(self) -> Environment: ...

    def episodes(self, problem: Problem) -> Mapping[str, np.ndarray]:
        """What the environment has to know of problems: arrays (n, ...)."""

    def parse(self, text: str) -> Problem:
        """The problem (n = 1) of a clean prompt; raises `UserError`."""

    def judge_texts(self, problem: Problem, texts: list[str]) -> tuple[Judgement, Mapping[str, np.ndarray]]:
        """Verdicts on whole texts, and whether what was told supports each answer: `supported_answer` bool (n,)."""


class World:
    """Episodes of a task with an environment, one after the other, in the call shape of gymnasium.

    Problems are those of `create_dataset` with the same arguments, in the same order, from the first again behind the last. An
    episode ends with an answer; it is cut when it asks for more searches than its budget allows, or writes what is neither a
    search nor an answer. Raises `UserError` if the task has no environment.
    """

    def __init__(self, name: str, *, seed: int = 0, size: int = 500, part: Part = "train", **config: Any) -> None:
        self._data = create_dataset(name, seed=seed, size=size, part=part, **config)
        self.task = _with_environment(self._data.task, name)
        self._number = -1
        self._entry: dict[str, Any] = {}
        self._turns: list[str] = []

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """The prompt of the next problem, or of number `seed`, and what there is to know beside it; `options` are not used."""
        self._number = (self._number + 1 if seed is None else seed) % len(self._data)
        self._entry, self._turns = self._data[self._number], []
        prompt = self._entry["metadata"]["prompt"]
        return prompt, {"instructions": self.task.instructions, "number": self._number, "searches": 0}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """What is told, the reward, whether the episode ended with an answer, whether it was cut, and what there is to know.

        Raises `UserError` before `reset`.
        """
        if not self._entry:
            raise UserError("the world was not reset: no episode has begun")
        said = _turn(self.task, self._entry["metadata"]["prompt"], self._turns, action)
        self._turns.append(said["text"])
        known = {"searches": said["searches"], "repeated": said["repeated"], "fault": said["fault"]}
        if said["ended"] or said["cut"]:
            self._entry = {}
        return said["told"], said["reward"], said["ended"], said["cut"], known


def respond(request: Mapping[str, Any]) -> dict[str, Any]:
    """One turn of an episode, of a request that says everything: {task, config, prompt, turns, action}.

    `config` has the fields of the task that are not as usual, and `turns` the texts of the turns before, as `text` gave them. The
    response has `text`, what now stands behind these; `told`, `reward`, `ended`, `cut`, `searches`, whether the search was
    `repeated`, and the `fault` of what was no turn. Raises `UserError` for a request that lacks something.
    """
    if missing := [key for key in ("task", "prompt", "action") if not isinstance(request.get(key), str)]:
        raise UserError(f"request has the keys {sorted(request)}, expected a text as {missing[0]}")
    name, given = request["task"], request.get("config", {})
    config = {field: tuple(value) if isinstance(value, list) else value for field, value in given.items()}
    task = _with_environment(create_dataset(name, size=1, **config).task, name)
    return _turn(task, request["prompt"], request.get("turns", ()), request["action"])


def _with_environment(task: Task, name: str) -> WorldTask:
    if not hasattr(task, "environment"):
        known = [other for other in entries("task") if hasattr(find("task", other), "environment")]
        raise UserError(f"task {name} has no world to look things up in; {', '.join(known)} have")
    return cast(WorldTask, task)


def _turn(task: WorldTask, prompt: str, turns: Sequence[str], action: str) -> dict[str, Any]:
    problem, environment = task.parse(prompt), task.environment
    budget, said = int(problem["budget"][0]), environment.said
    behind = environment.thoughts + environment.unthought
    allowed = int(problem["thoughts"][0]) if "thoughts" in problem else environment.thoughts
    thoughts, rest = (allowed, behind - allowed) if turns else (0, 0)
    thought, words = action.split()[:thoughts], action.split()[thoughts:]
    before = [*thought, *task.vocabulary.decode(np.full(rest, environment.skip)).split()]
    asked = [" ".join(turn.split()[behind * (place > 0) :][:said]) for place, turn in enumerate(turns)]
    nothing = {"told": "", "reward": 0.0, "ended": False, "cut": False, "fault": "", "repeated": False}
    response = {**nothing, "text": " ".join([*before, *words]), "searches": len(turns)}
    if words[:1] == [task.text_format.answer_mark]:
        judged, known = task.judge_texts(problem, [" ".join([*turns, *before, *words])])
        right, valid = bool(judged.answer[0]), bool(judged.trace[0] & known["supported_answer"][0])
        return {**response, "reward": 0.5 * right + 0.5 * (right and valid), "ended": True}
    try:
        tokens = task.vocabulary.encode(" ".join(words))
    except UserError as fault:
        return {**response, "cut": True, "fault": str(fault)}
    if len(turns) >= budget:
        return {**response, "cut": True, "fault": f"all {budget} searches are made: answer"}
    if len(tokens) != said:
        form = f"expected {f'{thoughts} thoughts and ' if thoughts else ''}`{_turn_form(task)}` or `{task.text_format.answer_mark}` and an answer"
        return {**response, "cut": True, "fault": f"{action!r} is no turn: {form}"}
    told = environment.tell(task.episodes(problem), len(turns), np.array([tokens], np.int32))
    heard = task.vocabulary.decode(told[0])
    return {
        **response,
        "text": f"{response['text']} {heard}",
        "told": heard,
        "searches": len(turns) + 1,
        "repeated": " ".join(words) in asked,
    }


def _turn_form(task: WorldTask) -> str:
    """What a search looks like: the first of a gold text."""
    problem = task.draw(np.random.default_rng(0), 64)
    for text in task.vocabulary.decode_all(task.solve(problem)):
        words = text.split()
        if words[:1] != [task.text_format.answer_mark]:
            return " ".join(words[: task.environment.said])
    return ""
