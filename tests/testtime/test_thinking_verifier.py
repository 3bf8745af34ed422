"""Verifiers that think: what they learn from, what their marks say, and who pays for their thoughts."""

from __future__ import annotations

from functools import cache

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.decoding.generate import Drawn
from alchemy.decoding.sampler import Branches
from alchemy.errors import UserError
from alchemy.lab import thinking_verifiers
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.learning.kept import Kept
from alchemy.learning.train import drawn
from alchemy.problem.split import Split
from alchemy.problem.task import EOS, PAD
from alchemy.progress import Progress
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.tree import Bill, question_of
from alchemy.testtime import thinking_verifier
from alchemy.testtime.answers import Samples
from alchemy.testtime.bank import Reader, fill
from alchemy.testtime.replay import by_seed, of_answers, of_problems
from alchemy.testtime.rewards import ThinkingReward
from alchemy.testtime.simulated_verifiers import auc, scored
from alchemy.testtime.thinking_verifier import THOUGHTS, Format, ThinkingVerifier
from models.transformer import Transformer
from tasks.connectivity import Connectivity
from tasks.groups import Groups
from tasks.modular import Modular
from tasks.symbols import Symbols

CONFIG = TrainConfig(steps=6, batch=8, chunk=3)
LETTERS = Symbols(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F2 F1",), rotate=1)
TASKS = {
    "symbols": LETTERS,
    "mixed symbols": Symbols(length=(1, 3), alphabet="ABCDE", compositions=("F1", "F2 F1"), dialect="uniform"),
    "modular": Modular(),
    "groups": Groups("Z60", 5),
}
MODEL = Transformer(width=16, layers=1, heads=2, context=64, positions="rotary", tied=False)
QUESTION = "A C [F1] [F2] [F1] <think>"
GOLD = "B D [F2] [F1] <think> D B [F1] <answer> E C </s>"


def rng():
    return np.random.default_rng(0)


def asked(task=LETTERS, text=QUESTION):
    """The problem of a prompt, and its gold completion int32 (1, m)."""
    batch = task.write(task.parse(text))
    return batch, batch.completions()


def spelled(tokens, task=LETTERS):
    """A row of tokens as text, marks as + and -."""
    symbols = [*task.vocabulary.symbols, "+", "-"]
    return " ".join(symbols[token] for token in tokens if token != PAD)


def corrupted(task, n, seed=0):
    """Completions of which half have another symbol in one place, and some break off: (batch, int32 (n, m))."""
    random = np.random.default_rng(seed)
    batch = Split().sample(task, random, n, "test")
    written = batch.completions()
    for row in range(n):
        length = int((written[row] == EOS).argmax())
        if random.random() < 0.5:
            place = random.integers(length)
            written[row, place] = random.choice([t for t in range(3, len(task.vocabulary)) if t != written[row, place]])
        if random.random() < 0.3:
            written[row, random.integers(length) :] = PAD
    return batch, written


def learned_from(thought, shows, completion):
    """The line and what is asked of it, as texts; a dot where nothing is."""
    batch, _ = asked()
    lines = thinking_verifier.labelled(LETTERS, batch, completion, Format(thought, shows), rng())
    told = np.where(lines.weight[0], lines.target[0], LETTERS.vocabulary.index["[F3]"])
    length = int((lines.tokens[0, :, 0] != PAD).sum())
    return spelled(lines.tokens[0, :, 0]), spelled(told[: length + 1]).replace("[F3]", ".")


def test_lines_of_letters_by_hand():
    """A chain whose second step has a wrong letter and whose answer is right all the same."""
    _, wrong = asked()
    wrong[0, 5] = LETTERS.vocabulary.index["A"]
    chain = "B D [F2] [F1] <think> A B [F1] <answer> E C </s>"
    marks = ". + + . . . - + . . + +"
    prompt = ". . . . . ."
    assert learned_from("none", "chain", wrong) == (f"{QUESTION} {chain}", f"{prompt} {marks} -")
    assert learned_from("own", "chain", wrong) == (f"{QUESTION} {GOLD} {chain}", f"{prompt} {GOLD} {marks} -")
    assert learned_from("own", "answer", wrong) == (
        f"{QUESTION} {GOLD} <answer> E C </s>",
        f"{prompt} {GOLD} . . + + +",
    )
    filler = " ".join(["<think>"] * 11)
    dots = " ".join("." * 12)
    assert learned_from("filler", "answer", wrong) == (
        f"{QUESTION} {filler} </s> <answer> E C </s>",
        f"{prompt} {dots} . . + + +",
    )


def test_what_breaks_off_has_marks_and_no_verdict():
    _, text = asked()
    text[0, 8:] = PAD
    line, told = learned_from("none", "chain", text)
    assert line == f"{QUESTION} B D [F2] [F1] <think> D B [F1]"
    assert told == ". . . . . . . + + . . . + + ."
    line, told = learned_from("none", "answer", text)
    assert line == QUESTION and "+" not in told and "-" not in told


def test_thoughts_break_off_behind_any_step_and_their_ends_are_not_learned():
    batch, gold = asked()
    seen = set()
    for seed in range(40):
        lines = thinking_verifier.labelled(LETTERS, batch, gold, Format(), np.random.default_rng(seed), cut=True)
        line = spelled(lines.tokens[0, :, 0]).removeprefix(f"{QUESTION} ").removesuffix(GOLD).strip()
        told = np.where(lines.weight[0], lines.target[0], LETTERS.vocabulary.index["[F3]"])[len(QUESTION.split()) :]
        learned = spelled(told[: len(line.split())]).replace("[F3]", ".")
        assert learned == (line if line == GOLD else line.removesuffix("</s>") + ".")
        seen.add(line)
    steps = ["", "B D [F2] [F1] <think> ", "B D [F2] [F1] <think> D B [F1] "]
    assert seen == {GOLD, *(f"{text}</s>" for text in steps)}


def test_steps_are_counted_to_the_answer():
    batch, _ = asked()
    assert thinking_verifier.steps_written(batch)[0].tolist() == [1] * 5 + [2] * 3 + [3] * 4


def test_what_is_cut_short_ends_there_unless_it_ended_before():
    thought = np.array([[[5, 6, 7, EOS], [5, EOS, PAD, PAD]]], np.int32)
    assert thinking_verifier.cut_short(thought, 0).tolist() == [[[EOS, 0, 0, 0], [EOS, 0, 0, 0]]]
    assert thinking_verifier.cut_short(thought, 2).tolist() == [[[5, 6, EOS, 0], [5, EOS, 0, 0]]]
    np.testing.assert_array_equal(thinking_verifier.cut_short(thought, 9), thought)
    each = thinking_verifier.cut_short(thought, np.array([[1, 0]]))
    assert each.tolist() == [[[5, EOS, 0, 0], [EOS, 0, 0, 0]]]


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_marks_are_those_of_a_plain_comparison(task, seed):
    """Token by token beside the gold text alone: the oracle is not asked."""
    batch, written = corrupted(task, 6, seed)
    mark = task.answer_opening[-1]

    def seen(text, shows):
        text = [token for token in text if token != PAD]
        if shows == "chain":
            return text
        return text[len(text) - 1 - text[::-1].index(mark) :] if mark in text else []

    for shows in ("chain", "answer"):
        due, good = thinking_verifier.marks(task, batch, written, shows)
        for row, (gold, said) in enumerate(zip(batch.completions().tolist(), written.tolist(), strict=True)):
            right, text = seen(gold, shows), seen(said, shows)
            if shows == "answer" and mark not in gold:
                continue  # a prompt that ends in the mark: what a completion without one shows is nothing
            expected = {
                place: text == right if token == EOS else right[place : place + 1] == [token]
                for place, token in enumerate(text)
                if token in task.state_tokens or token == EOS
            }
            assert {place: bool(good[row, place]) for place in np.flatnonzero(due[row])} == expected, (shows, row)


def test_swapped_thoughts_are_right_completions_of_other_problems_of_the_same_length():
    task = TASKS["mixed symbols"]
    batch = task.sample(rng(), 200)
    gold = batch.completions()
    swapped = thinking_verifier.thoughts(task, batch, "swapped", rng())
    np.testing.assert_array_equal((swapped != PAD).sum(axis=1), (gold != PAD).sum(axis=1))
    assert sorted(map(bytes, swapped)) == sorted(map(bytes, gold)), "each once"
    assert (swapped == gold).all(axis=1).mean() < 0.3
    filler = thinking_verifier.thoughts(task, batch, "filler", rng())
    np.testing.assert_array_equal((filler != PAD), (gold != PAD))


def test_bad_formats_and_tasks_are_named():
    batch, gold = asked()
    for form, words in ((Format("owm"), "did you mean 'own'"), (Format("own", "chains"), "did you mean 'chain'")):
        with pytest.raises(UserError, match=words):
            thinking_verifier.labelled(LETTERS, batch, gold, form, rng())
    many = Connectivity(trace="path")
    batch, other = many.sample(rng(), 64), many.sample(np.random.default_rng(1), 64)
    with pytest.raises(UserError, match="several right completions"):
        thinking_verifier.marks(
            many, batch._replace(tokens=other.tokens, prompt_len=other.prompt_len), batch.completions(), "chain"
        )


@cache
def fresh(task):
    """A verifier of one seed that was not trained."""
    model = Transformer(len(task.vocabulary) + 2, width=16, layers=1, heads=2, context=64, positions="rotary")
    return model, drawn(model, jax.vmap(jax.random.key)(np.arange(1)))


def plain_logits(model, params, tokens):
    """Of one seed's model alone, behind each of tokens int (n, t, c): float (n, t, v)."""
    whole = np.pad(tokens, [(0, 0), (0, model.context - tokens.shape[1]), (0, 0)])  # one program for all lengths
    read = Kept(model.apply, model)(jax.tree.map(lambda leaf: np.asarray(leaf)[0], params), whole)
    return np.asarray(read)[:, : tokens.shape[1]]


@pytest.mark.parametrize("form", [Format(thought, shows) for thought in THOUGHTS[:3] for shows in ("chain", "answer")])
def test_what_is_read_is_what_a_plain_reading_says(form):
    """The product over places of the probabilities that the model alone gives to good against bad."""
    batch, written = corrupted(LETTERS, 4, seed=2)
    model, params = fresh(LETTERS)
    thought = thinking_verifier.thoughts(LETTERS, batch, form.thought, rng())
    said = thinking_verifier.read(model, params, LETTERS, batch, thought[:, None], written[:, None], form)
    lines = thinking_verifier.labelled(LETTERS, batch, written, form, rng())
    logits = plain_logits(model, params, lines.tokens)
    good = len(LETTERS.vocabulary)
    for row in range(4):
        places = np.flatnonzero(lines.weight[row] & (lines.target[row] >= good)) - 1
        odds = logits[row, places, good] - logits[row, places, good + 1]
        text = thinking_verifier.shown(LETTERS, written, form.shows)[row]
        if not (text != PAD).any():
            assert said.marks[row, 0, 0] == said.verdict[row, 0, 0] == -np.inf
            continue
        assert said.marks[row, 0, 0] == pytest.approx(-np.logaddexp(0, -odds).sum(), abs=1e-3)
        if EOS in text:
            assert said.verdict[row, 0, 0] == pytest.approx(-np.logaddexp(0, -odds[-1]), abs=1e-3)


def test_a_scripted_verifier_is_believed(monkeypatch):
    """One that thinks the right completion, and whose log-odds say of each letter whether its thought has it."""
    batch, gold = asked()
    other = gold.copy()
    other[0, 9] = LETTERS.vocabulary.index["A"]
    thought_of = {}

    def write(model, params, prompts, *, samples, max_new, temperature, seed):
        texts = np.zeros((1, 1, samples, max_new), np.int32)
        texts[0, 0, :, : gold.shape[1]] = gold
        texts[0, 0, 1, 9:] = PAD  # a thought that never comes to its end
        thought_of.update(temperature=temperature, room=max_new)
        return Drawn(texts, None)

    def odds(model, params, prompts, completions):
        said = np.zeros(completions.shape, np.float32)
        for row, prompt in enumerate(prompts[..., 0]):
            own = prompt[6:][:12]
            for k, text in enumerate(completions[0, row]):
                said[0, row, k] = np.where(text == np.pad(own, (0, len(text) - 12)), 4.0, -4.0)
        return said

    monkeypatch.setattr(thinking_verifier, "BUCKET", 1)
    monkeypatch.setattr(thinking_verifier, "draw", write)
    monkeypatch.setattr(thinking_verifier, "log_odds", odds)
    thought = thinking_verifier.think(MODEL, None, LETTERS, batch, Format(), samples=2, temperature=0.7)
    assert [spelled(row) for row in thought[0]] == [GOLD, "B D [F2] [F1] <think> D B [F1] <answer> </s>"]
    assert thought_of == {"temperature": 0.7, "room": 12 + 2}, "two tokens more than the right completion has"
    completions = np.stack([gold, other], axis=1)
    said = thinking_verifier.read(MODEL, None, LETTERS, batch, thought, completions, Format())
    good, bad = -np.logaddexp(0, -4.0), -np.logaddexp(0, 4.0)
    assert said.marks[0, :, 0].tolist() == pytest.approx([7 * good, 6 * good + bad])
    assert said.marks[0, 0, 1] == pytest.approx(4 * good + 3 * bad)
    assert said.verdict[0].ravel().tolist() == pytest.approx([good, bad, good, bad]), (
        "of the end, not of the first token"
    )
    broken_off = completions.copy()
    broken_off[0, 0, 8:] = PAD
    until = thinking_verifier.read_until_wrong(MODEL, None, LETTERS, batch, thought, completions, Format())
    assert until.read[0].tolist() == [[12, 10], [10, 10]], "up to the first letter that is not in the thought"
    assert until.marks[0].ravel().tolist() == pytest.approx([7 * good, 4 * good + bad, 4 * good + bad, 4 * good + bad])
    until = thinking_verifier.read_until_wrong(MODEL, None, LETTERS, batch, thought, broken_off, Format())
    assert until.read[0, 0].tolist() == [8, 8] and until.marks[0, 0].tolist() == pytest.approx([4 * good] * 2)
    nothing = np.zeros((1, 1, 12), np.int32)
    until = thinking_verifier.read_until_wrong(MODEL, None, LETTERS, batch, thought, nothing, Format())
    assert not until.read.any() and np.isneginf(until.marks).all()
    mean = thinking_verifier.mean_probability(np.log(np.array([[0.18, 0.6]])))
    assert mean.tolist() == pytest.approx([np.log(0.39)])
    checks = np.log(np.array([[0.18, 0.6, 0.5, 0.1], [0.1, 0.2, 0.3, 0.4]]))
    assert thinking_verifier.combined(checks, "vote").tolist() == pytest.approx([np.log(0.5), -np.inf])
    assert thinking_verifier.combined(checks, "mean").tolist() == pytest.approx([np.log(0.345), np.log(0.25)])
    with pytest.raises(UserError, match="did you mean 'vote'"):
        thinking_verifier.combined(checks, "votes")


def new_lab(root):
    return Lab(root, Progress(quiet=True))


def test_good_is_told_from_bad_after_a_thought(tmp_path):
    """On held-out problems, after training on others, within a problem: every pair is compared by itself."""
    task = Symbols(length=(2,), alphabet="ABCDEFGHIJ", compositions=("F1 F1",))
    model = Transformer(width=32, layers=2, heads=2, context=32, tied=False)
    lab = new_lab(tmp_path)
    policy = lab.train(model, task, TrainConfig(steps=1, batch=8), seeds=1)

    def pool(n, part, columns):
        random = np.random.default_rng(n)
        batch = Split().sample(task, random, n, part)
        written = np.repeat(batch.completions()[:, None], columns, axis=1)
        end, first, size = (written[0, 0] == EOS).argmax(), int(task.letters[0]), len(task.letters)
        wrong = random.random((n, columns)) < 0.5
        for row, column in np.argwhere(wrong):
            place = end - random.integers(1, 3)
            written[row, column, place] = (
                first + (written[row, column, place] - first + random.integers(1, size)) % size
            )
        return Samples(task, batch, written[None])

    recipe = TrainConfig(steps=150, batch=64, chunk=50)
    verifier = thinking_verifiers.fit_to(
        lab, policy, recipe, [pool(4000, "train", 1)], form=Format("own", "answer"), fresh=True
    )
    test = pool(100, "test", 4)
    score = thinking_verifiers.check_samples(lab, verifier, test).weighed.marks[0, :, :, 0]
    right = test.verify().answer[0]
    pairs = [
        np.mean([(a > b) + (a == b) / 2 for a in row[good] for b in row[~good]])
        for row, good in zip(score, right, strict=True)
        if 0 < good.sum() < 4
    ]
    within = auc(score, right)
    assert within[np.isfinite(within)].tolist() == pytest.approx(pairs) and np.mean(pairs) > 0.9


def test_verifiers_are_trained_and_asked_once(tmp_path):
    def judged(lab):
        policy = lab.train(MODEL, LETTERS, CONFIG, seeds=2)
        verifier = thinking_verifiers.fit(lab, policy, CONFIG, form=Format(), problems=12, samples=2, max_new=12)
        pool = lab.sample(policy, LETTERS, 3, 2, max_new=12)
        return verifier, pool, thinking_verifiers.check_samples(lab, verifier, pool, thoughts=2, temperature=1.0)

    lab, again = new_lab(tmp_path), new_lab(tmp_path)
    verifier, pool, said = judged(lab)
    assert verifier.runs.model.vocabulary == len(LETTERS.vocabulary) + 2
    assert said.weighed.marks.shape == (2, 3, 2, 2) and said.tokens.shape == (2, 3) and (said.tokens >= 2).all()
    _, _, same = judged(again)
    for left, right in zip((*said.weighed, said.tokens), (*same.weighed, same.tokens), strict=True):
        np.testing.assert_array_equal(left, right)
    assert again.flops == lab.flops and again.seconds == pytest.approx(lab.seconds)
    solved = thinking_verifiers.solutions(again, verifier, pool, thoughts=2, temperature=1.0)
    assert solved.completions.shape[:3] == (2, 3, 2) and solved.completions.max() < len(LETTERS.vocabulary)
    np.testing.assert_array_equal(
        (solved.completions != PAD).sum(axis=(2, 3)), said.tokens, "the thoughts it judged behind"
    )
    marking = verifier._replace(form=Format("filler"))
    with pytest.raises(UserError, match="thought 'filler' is not written by the verifier, expected own or swapped"):
        thinking_verifiers.solutions(lab, marking, pool)
    with pytest.raises(UserError, match="2 verifiers for the completions of 1 models"):
        thinking_verifiers.check_samples(lab, verifier, pool._replace(completions=pool.completions[:1]))
    until, tokens = thinking_verifiers.check_until_wrong(lab, verifier, pool, thoughts=2, temperature=1.0)
    np.testing.assert_array_equal(tokens, said.tokens)
    whole = (pool.completions != PAD).sum(axis=3)[..., None]
    assert (until.read <= whole).all() and ((until.read == whole) >= (said.weighed.marks > np.log(0.5))).all()
    with pytest.raises(UserError, match="thoughts must be at least 1, not 0"):
        thinking_verifiers.check_samples(lab, verifier, pool, thoughts=0)
    at_budgets = thinking_verifiers.check_samples(lab, verifier, pool, budgets=(1, 1000)).weighed.marks
    short, whole = (thinking_verifiers.check_samples(lab, verifier, pool, **how) for how in ({"budgets": (1,)}, {}))
    assert (short.tokens <= 2).all() and at_budgets.shape == (2, 3, 2, 2)
    np.testing.assert_allclose(at_budgets[..., 0], short.weighed.marks[..., 0], rtol=1e-5)
    np.testing.assert_allclose(at_budgets[..., 1], whole.weighed.marks[..., 0], rtol=1e-5)


class Silent:
    """A sampler that is only asked for its size."""

    parameters = 11


def test_every_token_of_a_thought_is_charged_once(tmp_path, monkeypatch):
    """To searches and to replays, beside prompt and text of every completion that is scored."""
    lab = new_lab(tmp_path)
    policy = lab.train(MODEL, LETTERS, CONFIG, seeds=1)
    batch = lab.held_out(LETTERS, 2, [0])
    gold = batch.completions()
    thought = np.array([[[5, 6, EOS, PAD], [5, EOS, PAD, PAD]], [[5, 6, 7, EOS], [EOS, PAD, PAD, PAD]]], np.int32)
    calls = []
    monkeypatch.setattr("alchemy.testtime.rewards.think", lambda *a, **k: calls.append(1) or thought)
    reward = ThinkingReward(ThinkingVerifier(policy, Format()), 0, LETTERS, batch, thoughts=2)
    branches = Branches(np.repeat(gold[:, None], 2, axis=1), np.zeros((2, 2)), np.ones((2, 2), bool))
    bill = Bill(Silent(), reward, question_of(LETTERS, batch))
    scores = bill.score(branches, np.array([[True, False], [True, True]]))
    assert scores.shape == (2, 2) and (scores <= 0).all() and scores[0, 0] == scores[0, 1]
    read = batch.prompt_len + (gold != PAD).sum(axis=1)
    assert bill.ledger().checked.tolist() == [2 * read[0] + 5, 4 * read[1] + 5], "behind each of two thoughts"
    bill.score(branches, np.array([[True, False], [False, False]]))
    ledger = bill.ledger()
    assert ledger.checked.tolist() == [4 * read[0] + 5, 4 * read[1] + 5] and calls == [1]
    assert (ledger.flops == 2.0 * reward.parameters * ledger.checked).all() and reward.parameters > 1000
    assert "own" in reward.name and policy.names[0] in reward.name
    assert reward.rows(np.array([1])).batch.prompt_len.tolist() == batch.prompt_len[1:].tolist()

    samples = Samples(LETTERS, batch, np.repeat(gold[None, :, None], 2, axis=2))
    bank = scored(fill(samples, np.zeros((1, 2, 2), np.float32), 11), thinking=scores[None])
    bank = bank._replace(readers={"thinking": Reader(13, np.array([[5.0, 7.0]]))})
    _, ledger = BestOfN("thinking", checker=5).replay(bank, 2, None)
    assert ledger.checked[0].tolist() == [2 * read[0] + 5, 2 * read[1] + 7]
    assert (ledger.flops == 2.0 * (11 * (ledger.prompt + ledger.written) + 5 * ledger.checked)).all()
    thrice = bank._replace(readers={"thinking": bank.readers["thinking"]._replace(readings=3)})
    _, ledger = BestOfN("thinking").replay(thrice, 2, None)
    assert ledger.checked[0].tolist() == [6 * read[0] + 5, 6 * read[1] + 7]
    assert (ledger.flops == 2.0 * (11 * (ledger.prompt + ledger.written) + 13 * ledger.checked)).all()
    read = np.array([[[3, 4], [2, 5]]])
    stopped = bank._replace(readers={"thinking": thrice.readers["thinking"]._replace(read=read)})
    _, ledger = BestOfN("thinking").replay(stopped, 2, None)
    assert ledger.checked[0].tolist() == [6 * batch.prompt_len[0] + 7 + 5, 6 * batch.prompt_len[1] + 7 + 7]
    _, ledger = BestOfN("thinking").replay(of_answers(stopped, slice(1, 2)), 1, None)
    assert ledger.checked[0].tolist() == [3 * batch.prompt_len[0] + 4 + 5, 3 * batch.prompt_len[1] + 5 + 7]
    _, ledger = BestOfN("thinking").replay(bank, 0, None)
    assert ledger.checked[0].tolist() == [0, 0], "who draws nothing asks nobody"
    assert of_problems(by_seed(bank)[0], slice(1, 2)).readers["thinking"].thinking.tolist() == [[7.0]]
