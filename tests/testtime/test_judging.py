"""The work of a verifier that writes its verdict: right labels, checks judged by the task, and reinforcement on the verdict alone."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.decoding.generate import Drawn
from alchemy.errors import UserError
from alchemy.lab import written_verdicts
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.practice.grpo import GRPO, reward
from alchemy.problem.split import Split
from alchemy.problem.task import EOS, NOISE, PAD, Field
from alchemy.progress import Progress
from alchemy.strategies.best_of_n import BestOfN
from alchemy.testtime import judging as judging_module
from alchemy.testtime.answers import Samples
from alchemy.testtime.bank import fill
from alchemy.testtime.judging import CANDIDATE, Judging
from alchemy.testtime.simulated_verifiers import scored
from alchemy.testtime.thinking_verifier import SPARE
from models.transformer import Transformer
from tasks.equations import Equations
from tasks.modular import Modular
from tasks.rules import Rules
from tasks.search import Search
from tasks.sums import Sums
from tasks.symbols import Symbols

LETTERS = Symbols(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F2 F1",), rotate=1)
QUESTION = "A C [F1] [F2] [F1] <think>"
GOLD = "B D [F2] [F1] <think> D B [F1] <answer> E C"
TASKS = {"symbols": LETTERS, "rules": Rules(), "modular": Modular(), "sums": Sums(5, 4)}


def asked(judging, completion):
    """The line about one completion of the question of letters."""
    ids = np.array([[*LETTERS.vocabulary.encode(completion), EOS]], np.int32)
    return judging.questions(LETTERS.write(LETTERS.parse(QUESTION)), ids)


def test_lines_of_letters_by_hand():
    slip = GOLD.replace("D B", "A B")
    wrong = GOLD.replace("E C", "E D")
    for check, between in (("solve", f"{GOLD} "), ("none", "")):
        for shows, text, verdict in (
            ("chain", GOLD, "<good>"),
            ("chain", slip, "<bad>"),
            ("chain", wrong, "<bad>"),
            ("answer", slip, "<good>"),
            ("answer", wrong, "<bad>"),
        ):
            judging = Judging(LETTERS, check, shows)
            line = asked(judging, text)
            seen = text if shows == "chain" else text[text.index("<answer>") :]
            question = f"{QUESTION} {seen} <check>"
            assert judging.show(line.tokens[0]) == f"{question} {between}{verdict}"
            assert line.prompt_len[0] == len(question.split())
            field = line.field[0, line.prompt_len[0] :]
            count = len(between.split())
            assert field[: count + 2].tolist() == [Field.STEP] * count + [Field.ANSWER, Field.END]
            assert judging.verify(line, line.completions()).answer.all()
            again = judging.parse(question)
            if shows == "chain":
                np.testing.assert_array_equal(judging.write(again).tokens, line.tokens)


SYSTEM = "3 1 = 0 , 6 3 = 0 , all <think>"
EQUATIONS = Equations(modulus=7, unknowns=2, cot=False)
CHECKED = {
    "<answer> 4 2": "5 2 0 <good> 3 6 2 <bad> <bad>",
    "<answer> 0 0": "0 0 0 <good> 0 0 0 <good> <good>",
    "<answer> 1 1": "3 1 4 <bad> 6 3 2 <bad> <bad>",
    "<answer> 4": "<bad>",
}


def line_of(judging, text):
    """The line about one answer to the system."""
    return judging.questions(EQUATIONS.write(EQUATIONS.parse(SYSTEM)), EQUATIONS.encoded([text]))


@pytest.mark.parametrize("check", ["parts", "filler", "none"])
def test_lines_of_equations_by_hand(check):
    judging = Judging(EQUATIONS, check)
    for text, parts in CHECKED.items():
        line = line_of(judging, text)
        *body, verdict = parts.split()
        shown = {"parts": body, "filler": ["<check>"] * len(body), "none": []}[check]
        assert judging.show(line.tokens[0]) == " ".join([SYSTEM, text, "<check>", *shown, verdict])
        fields = line.completion_fields()[0, : len(shown) + 2].tolist()
        steps = [Field.STEP + place // 4 for place in range(len(shown))]
        assert fields == [*steps, Field.ANSWER, Field.END] and len(shown) + 2 <= judging.room - SPARE
        judged = judging.verify(line, line.completions())
        assert judged.answer.all() and judged.trace.all() and judged.well_formed.all()


def test_a_check_by_parts_is_judged_token_by_token():
    """By hand: a wrong sum, a wrong mark, another verdict and none; the first wrong part is counted from 0, the verdict last."""
    judging = Judging(EQUATIONS, "parts")
    line = line_of(judging, "<answer> 4 2")
    for text, answer, trace, first in (
        ("5 2 0 <good> 3 6 2 <bad> <bad>", True, True, 3),
        ("5 2 0 <good> 3 6 2 <bad> <good>", False, True, 2),
        ("5 2 0 <good> 3 6 1 <bad> <bad>", True, False, 1),
        ("5 2 0 <bad> 3 6 2 <bad> <bad>", True, False, 0),
        ("5 2 0 <good> 3 6 2 <bad>", True, False, 1),
        ("<good>", False, False, 0),
        ("5 2 0 3", False, False, 0),
    ):
        ids = np.array([[*judging.vocabulary.encode(text), EOS]], np.int32)
        judged = judging.verify(line, ids)
        assert (judged.answer[0], judged.trace[0], judged.first_wrong_step[0]) == (answer, trace, first), text


def test_a_verdict_follows_from_the_marks_as_they_stand():
    judging = Judging(EQUATIONS, "parts")
    for text, parts in CHECKED.items():
        line = line_of(judging, text)
        gold = line.completions()
        count = parts.count(" <") and 2
        for step in range(count):
            changed = judging.other_state(line, gold, step, np.random.default_rng(0))
            marks = [word for word in parts.split() if "<" in word][:-1]
            marks[step] = {"<good>": "<bad>", "<bad>": "<good>"}[marks[step]]
            numbers = [word for word in parts.split() if "<" not in word]
            verdict = "<good>" if marks == ["<good>", "<good>"] else "<bad>"
            expected = " ".join([*numbers[:3], marks[0], *numbers[3:], marks[1], verdict])
            assert judging.vocabulary.decode(judging.follow(line, changed, step)[0]) == expected
            np.testing.assert_array_equal(judging.follow(line, gold, step), gold)
    with pytest.raises(UserError, match="does not say what follows"):
        Judging(EQUATIONS, "none").follow(line, gold, 0)


@pytest.mark.parametrize("check", ["parts", "filler", "none"])
def test_half_of_the_answers_without_steps_are_right_and_the_others_are_those_of_other_problems(check):
    judging = Judging(EQUATIONS, check)
    batch = judging.sample(np.random.default_rng(0), 2000)
    good, answers = judging.good(batch.problem), batch.problem[CANDIDATE][:, 1:3] - EQUATIONS.zero
    right = (batch.problem["matrix"] * answers[:, None]).sum(axis=2) % 7 == batch.problem["right"]
    np.testing.assert_array_equal(good, right.all(axis=1))
    assert good.mean() == pytest.approx(0.5 + 0.5 / 49, abs=0.035)
    assert right[~good].mean() == pytest.approx(1 / 8, abs=0.02), "of wrong answers 12 of 96 equations hold"


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("shows", ["chain", "answer"])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_half_of_the_completions_are_right_and_verdicts_are_the_oracles(task, shows, seed):
    judging = Judging(task, "solve", shows)
    batch = judging.sample(np.random.default_rng(seed), 120)
    assert batch.tokens.shape[1] == judging.max_len and (batch.prompt_len >= judging.shortest_prompt).all()
    own = {name: values for name, values in batch.problem.items() if name != CANDIDATE}
    gold = task.solve(own)
    candidate = batch.problem[CANDIDATE]
    same = (np.pad(gold, ((0, 0), (0, candidate.shape[1] - gold.shape[1]))) == candidate).all(axis=1)
    assert 0.25 < same.mean() < 0.85
    good = judging.good(batch.problem)
    assert (good >= same).all(), "the right completion is good"
    if shows == "chain":
        np.testing.assert_array_equal(good, same)
    completion = batch.completions()
    assert ((completion != PAD).sum(axis=1) <= judging.room).all()
    judged = judging.verify(batch, completion)
    assert judged.answer.all() and judged.trace.all() and judged.well_formed.all()
    np.testing.assert_array_equal(judging.verdicts(completion), good)


def test_the_verdict_is_rewarded_alone():
    """By hand: the reward asks for the answer, the chain is the check, and what has no verdict earns nothing."""
    judging = Judging(LETTERS)
    line = asked(judging, GOLD.replace("E C", "E D"))
    rewards, chains = reward(judging, "answer"), reward(judging, "chain")
    for text, right, whole in (
        (f"{GOLD} <bad>", 1, 1),
        (f"{GOLD} <good>", 0, 0),
        ("H H <bad>", 1, 0),
        ("<bad>", 1, 0),
        (f"{GOLD} <bad> A", 0, 0),
        (GOLD, 0, 0),
        ("", 0, 0),
    ):
        ids = np.array([[*judging.vocabulary.encode(text), EOS]], np.int32)
        assert rewards(line, ids).tolist() == [right] and chains(line, ids).tolist() == [whole]
        open_end = ids[:, :-1] if text else np.full((1, 2), NOISE, np.int32)
        assert rewards(line, open_end).tolist() == [0], "nothing is said before the end"
    ids = np.array([[*judging.vocabulary.encode("<bad>"), EOS, PAD, judging.vocabulary.index["<good>"]]], np.int32)
    assert judging.verdicts(ids).tolist() == judging.answer_ids(ids).tolist() == [0]


def test_tasks_whose_completions_cannot_be_judged_are_named():
    with pytest.raises(UserError, match="Symbols has noise"):
        Judging(LETTERS.shift("noise=insert:0.1")(LETTERS))
    with pytest.raises(UserError, match="part of a completion of Search is written by its environment"):
        Judging(Search()).sample(np.random.default_rng(0), 8)
    with pytest.raises(UserError, match="is not a question of Symbols, a completion and <check>"):
        Judging(LETTERS).parse(f"{QUESTION} B D")


def test_parts_do_not_meet_whichever_completion_is_judged():
    judging, split = Judging(LETTERS), Split()
    train, test = (split.sample(judging, np.random.default_rng(0), 40, part) for part in ("train", "test"))
    keys = [set(LETTERS.identity({"element": b.problem["element"], "ops": b.problem["ops"]})) for b in (train, test)]
    assert not keys[0] & keys[1]


def test_a_verifier_is_trained_and_then_reinforced_on_its_verdicts(tmp_path):
    lab = Lab(tmp_path, Progress(quiet=True))
    judging = Judging(Sums(5, 3), "solve")
    model = Transformer(width=16, layers=1, heads=2, context=judging.max_len, tied=False)
    runs = lab.train(model, judging, TrainConfig(steps=6, batch=16, chunk=6), seeds=1)
    assert runs.model.vocabulary == len(judging.task.vocabulary) + 3
    how = GRPO(steps=3, problems=4, group=4, reward="answer", max_new=judging.room)
    learned = lab.reinforce(runs, how)
    log = lab.log(learned)
    assert (
        log.reward.shape == (1, 3)
        and (log.tokens <= judging.room).all()
        and ((log.reward >= 0) & (log.reward <= 1)).all()
    )
    again = Lab(tmp_path, Progress(quiet=True)).reinforce(runs, how)
    assert again.names == learned.names != runs.names
    given = lab.answer(learned, judging, 8, max_new=judging.room)
    assert given.values("answer").shape == (1, 8)


def test_rewards_for_the_verdict_alone_make_verdicts_right(tmp_path):
    """Models that learned a part of 9 questions with 3 answers to each by next token learn the rest from rewards."""
    lab, judging = Lab(tmp_path, Progress(quiet=True)), Judging(Sums(3, 2), "none", "answer")
    model = Transformer(
        block="llama", positions="rotary", scale=1.0, tied=False, width=32, layers=2, context=judging.max_len
    )
    recipe = TrainConfig(steps=36, batch=32, chunk=36, optimizer="muon", matrix_rate=0.02, learning_rate=6e-3)
    runs = lab.train(model, judging, recipe, seeds=2)
    how = GRPO(
        steps=60,
        problems=16,
        group=8,
        reward="answer",
        max_new=judging.room,
        optimizer="muon",
        matrix_rate=0.01,
        learning_rate=3e-3,
    )
    rewards = lab.log(lab.reinforce(runs, how)).reward
    first, last = rewards[:, :4].mean(), rewards[:, -20:].mean()
    assert last > 0.85 and last - first > 0.1


def test_written_verdicts_are_counted_and_charged(tmp_path, monkeypatch):
    """Checks that are scripted: one of three says good, one bad, one nothing; what is read is what stands behind the question."""
    lab, task = Lab(tmp_path, Progress(quiet=True)), Sums(5, 3)
    judging = Judging(task)
    model = Transformer(width=16, layers=1, heads=2, context=judging.max_len, tied=False)
    runs = lab.train(model, judging, TrainConfig(steps=2, batch=4, chunk=2), seeds=1)
    batch = lab.held_out(task, 3, [0])
    gold = batch.completions()
    samples = Samples(task, batch, np.repeat(gold[None, :, None], 2, axis=2))
    checks = ["1 <good>", "<bad>", "2 1 0"]

    def write(model, params, prompts, *, samples, max_new, temperature, seed):
        assert (prompts.shape[0], samples, max_new, temperature) == (6, 3, judging.room, 0.5)
        texts = np.zeros((1, 6, 3, max_new), np.int32)
        for number, text in enumerate(checks):
            ids = [*judging.vocabulary.encode(text), EOS]
            texts[0, :, number, : len(ids)] = ids
        return Drawn(texts, None)

    monkeypatch.setattr(judging_module, "draw", write)
    said = written_verdicts.ask(lab, runs, samples, checks=3, temperature=0.5)
    assert said.good.shape == (1, 3, 2) and said.good.ravel().tolist() == pytest.approx([1 / 3] * 6)
    assert (said.written == 3 + 2 + 4).all()
    length = (gold != PAD).sum(axis=1)
    assert said.read[0, :, 0].tolist() == length.tolist(), "the completion, and a mark in place of its end"
    bank = scored(fill(samples, np.zeros((1, 3, 2), np.float32), 11), written=said.good)
    bank = bank._replace(readers={"written": said.reader(runs)})
    _, ledger = BestOfN("written").replay(bank, 2, None)
    assert ledger.checked[0].tolist() == (2 * (batch.prompt_len + length + 9)).tolist()
    monkeypatch.setattr(judging_module, "draw", None)
    again = written_verdicts.ask(Lab(tmp_path, Progress(quiet=True)), runs, samples, checks=3, temperature=0.5)
    np.testing.assert_array_equal(again.good, said.good)
    with pytest.raises(UserError, match="models of Sums write no verdicts"):
        written_verdicts.ask(lab, replace(runs, task=task), samples)


def test_a_weighed_verdict_is_how_likely_good_is_behind_the_check(monkeypatch):
    """Texts are scripted; the probabilities are those of one whole reading of each line, worked out from its logits."""
    judging = Judging(EQUATIONS, "parts")
    model = Transformer(
        vocabulary=len(judging.vocabulary), width=16, layers=1, heads=2, context=judging.max_len, tied=False, scale=1.0
    )
    params = jax.jit(jax.vmap(model.init))(jax.vmap(jax.random.key)(np.arange(1)))
    problems = EQUATIONS.write({name: np.repeat(values, 2, 0) for name, values in EQUATIONS.parse(SYSTEM).items()})
    questions = judging.questions(problems, EQUATIONS.encoded(["<answer> 4 2", "<answer> 0 0"]))
    said = ["5 2 0 <good> 3 6 2 <bad> <bad>", "1 <good>", "5 2"]
    texts = np.zeros((1, 2, 3, judging.room), np.int32)
    for number, text in enumerate(said):
        ids = [*judging.vocabulary.encode(text), EOS]
        texts[0, :, number, : len(ids)] = ids
    monkeypatch.setattr(judging_module, "draw", lambda *given, **options: Drawn(texts, None))
    good, written = judging_module.checked(model, params, judging, questions, checks=3, weighed=True)
    np.testing.assert_array_equal(written, texts[0])
    ids = [judging.vocabulary.index[symbol] for symbol in ("<good>", "<bad>")]
    for row, prompt in enumerate(questions.prompts()[..., 0]):
        for number, text in enumerate(said[:2]):
            line = [*prompt, *judging.vocabulary.encode(text)]
            logits = model.apply(jax.tree.map(lambda leaf: leaf[0], params), np.array([line])[..., None])[0, -2]
            either = np.exp(np.asarray(logits)[ids].astype(float))
            assert good[row, number] == pytest.approx(either[0] / either.sum(), abs=1e-4)
    assert (good[:, 2] == 0).all(), "it says nothing"
    plain, _ = judging_module.checked(model, params, judging, questions, checks=3)
    assert plain.tolist() == [[0, 1, 0]] * 2
