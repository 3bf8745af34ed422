"""What is judged of verifiers of answers and of chains, on numbers made up for it."""

from __future__ import annotations

import numpy as np

from alchemy.problem.split import Split
from alchemy.testtime.thinking_verifier import shown
from experiments.thinking.checking_or_solving import ARMS, CONTROLLED, PRESETS, Measured, check
from experiments.thinking.solving_before_judging import Told, candidates


def made_up(seeds=5, **changed):
    """Thinking is right everywhere, and so are chains at once; answers at once are guessed from four steps on."""
    config = PRESETS["small"]
    guessed = {"answers, at once": {4: 0.6, 8: 0.5}, "answers, filler": {4: 0.6}, **changed}
    steps = {arm: config.steps_of(arm) for arm in ARMS}
    told = {}
    for arm in ARMS:
        values = np.array([[guessed.get(arm, {}).get(count, 1.0) for count in steps[arm]]] * seeds)
        told[arm] = Told(values, values, values, values)
    return Measured(steps, told)


def failing(measured):
    return [item.name for item in check(measured) if not ((item.low <= item.values) & (item.values <= item.high)).all()]


def test_what_was_predicted_satisfies_every_check():
    assert failing(made_up()) == []
    assert made_up().gain("answers", CONTROLLED).tolist() == [1 - 0.6] * 5
    assert made_up().gain("chains", CONTROLLED).tolist() == [0.0] * 5


def test_thinking_that_helps_with_chains_as_much_is_no_matter_of_form():
    names = failing(made_up(**{"chains, at once": {4: 0.6, 8: 0.6}}))
    assert names == [
        "chains, at once: 4 steps",
        "chains, at once: 8 steps",
        "chains, 4 steps: thinking - at once",
        "4 steps: gain for answers - for chains",
    ]


def test_a_direct_verifier_that_tells_no_single_step_leaves_a_seed_out():
    for item in check(made_up(**{"chains, at once": {1: 0.9}})):
        answers, chains = (gate.values.min() >= gate.low for gate in item.gates)
        assert answers and not chains


def test_answers_that_are_shown_are_behind_their_mark():
    task = PRESETS["smoke"].task((2,))
    batch = Split().sample(task, np.random.default_rng(0), 4, "test")
    texts = candidates(task, batch, 2, np.random.default_rng(1))
    answers = shown(task, texts[:, 0], "answer")
    words = [task.vocabulary.symbols[token] for token in answers[0] if token]
    assert words[0] == "<answer>" and words[-1] == "</s>" and len(words) == 5
