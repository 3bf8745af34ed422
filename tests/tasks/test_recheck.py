"""Re-checks: noisy text obeys the dials, the oracle agrees with one written for reading, and the laws with simulation."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import MODES
from alchemy.problem.task import EOS, PAD
from alchemy.scoring.score import TextOracle
from tasks.recheck import Recheck, laws
from tasks.recheck.draw import kinds, walk
from tasks.recheck.shifts import novelty
from tasks.recheck.spec import CLASSES, KINDS

TASK = Recheck()


def sample(task, n=64, seed=0):
    return task.sample(np.random.default_rng(seed), n)


def read(task, batch, row, text):
    """Two verdicts by the rules as the docstring has them, word by word."""
    entries = dict(zip(task.alphabet, (task.alphabet[i] for i in batch.problem["map"][row]), strict=True))
    at, wanted = task.alphabet[batch.problem["start"][row]], []
    for _ in range(batch.problem["hops"][row]):
        at = entries[at]
        wanted.append(at)
    words = text.split()
    if "<answer>" not in words:
        return False, None
    mark = len(words) - 1 - words[::-1].index("<answer>")
    thought = words[:mark]
    hops = thought[: len(wanted)] == wanted
    rechecked = thought[len(wanted) :]
    rechecks = len(rechecked) % 2 == 0 and all(word == ("<wait>", at)[i % 2] for i, word in enumerate(rechecked))
    return words[mark + 1 :] == [at], hops and rechecks


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**16), rate=st.sampled_from([0.0, 0.03, 0.2]))
def test_the_oracle_agrees_with_one_that_reads_words(seed, rate):
    rng = np.random.default_rng(seed)
    batch = sample(TASK, 24, seed)
    gold = batch.completions()
    hit = (rng.random(gold.shape) < rate) & (gold != PAD)
    written = np.where(hit, rng.integers(2, len(TASK.vocabulary), gold.shape), gold).astype(np.int32)
    judged = TASK.verify(batch, written)
    for row in range(len(gold)):
        answer, trace = read(TASK, batch, row, TASK.vocabulary.decode(written[row]))
        assert judged.answer[row] == answer
        assert trace is None or judged.trace[row] == trace


def test_an_answer_that_clings_to_its_mark_is_none():
    for record in map(json.loads, TASK.jsonl(sample(TASK)).splitlines()):
        problem, text = TASK.parse(record["input"]), record["output"].replace("<answer> ", "<answer>")
        judged, _ = TASK.judge_texts(problem, [text])
        assert not judged.answer[0] and "wrong" in [step.mark for step in TASK.text_steps(problem, text)]


def test_the_text_of_a_noisy_task_is_of_the_same_problems_and_its_answer_is_the_last_draft():
    clean, noisy = sample(TASK, 400), sample(replace(TASK, noisy=True), 400)
    np.testing.assert_array_equal(clean.prompts(), noisy.prompts())
    np.testing.assert_array_equal(clean.field, noisy.field)
    assert TASK.verify(clean, clean.completions()).trace.all()
    judged = TASK.verify(clean, noisy.completions())
    assert judged.well_formed.all() and 0.5 < judged.answer.mean() < 0.95
    for text in TASK.vocabulary.decode_all(noisy.completions()):
        words = text.split()
        assert words[-1] == words[-3] and words[-2] == "<answer>"


@pytest.mark.parametrize("name", KINDS)
def test_noisy_drafts_obey_the_dials_and_the_law(name):
    kind = KINDS.index(name)
    task = Recheck(classes=(name.split(",")[0],), noisy=True, asked=8)
    problem = task.draw(np.random.default_rng(1), 40_000)
    rows = kinds(problem["class"], problem["start"], len(task.alphabet)) == kind
    hops = task.longest_walk
    gold = walk(problem["map"], problem["start"], hops)[rows, -1:]
    right = problem["drafts"][rows, hops - 1 :] == gold
    others = ((problem["drafts"][rows, hops - 1 :] - gold) % len(task.alphabet))[~right]
    assert not others.size or (np.bincount(others)[1:] / others.size == pytest.approx(1 / 9, abs=0.02)), "any other"
    rates = laws.estimate(right[:, 0], right[:, 1])
    np.testing.assert_allclose(rates.right, task.right[kind], atol=0.01)
    np.testing.assert_allclose(rates.breaks, task.breaks[kind], atol=0.03)
    assert name in ("help", "flat") or abs(rates.mends - task.mends[kind]) < 0.03
    dials = laws.Rates(*(np.array(getattr(task, dial)[kind]) for dial in ("right", "breaks", "mends")))
    np.testing.assert_allclose(right.mean(axis=0), laws.accuracy(dials, np.arange(9)), atol=0.015)


def test_numbers_of_rechecks():
    """Geometric unless told, whatever the drafts are; told numbers are uniform, and kept."""
    task = Recheck(classes=("hurt",), noisy=True, told=0.4)
    problem = task.draw(np.random.default_rng(2), 60_000)
    instructed = problem["told"] >= 0
    assert abs(instructed.mean() - 0.4) < 0.01
    np.testing.assert_array_equal(problem["rechecks"][instructed], problem["told"][instructed])
    np.testing.assert_allclose(
        np.bincount(problem["told"][instructed]) / instructed.sum(), np.full(9, 1 / 9), atol=0.01
    )
    own = problem["rechecks"][~instructed]
    np.testing.assert_allclose(np.bincount(own)[:8] / own.size, 0.5 ** np.arange(1, 9), atol=0.01)
    first = problem["drafts"][~instructed, 0] == walk(problem["map"], problem["start"], 1)[~instructed, 0]
    assert abs(own[first].mean() - own[~first].mean()) < 0.03
    silent = sample(Recheck(waits=False), 500)
    assert (silent.problem["told"] == -1).all()
    assert not (silent.text == TASK.vocabulary.index["<wait>"]).any()


def test_on_one_cycle_only_the_right_number_of_hops_ends_right():
    problem = TASK.draw(np.random.default_rng(3), 500)
    states = walk(problem["map"], problem["start"], 15)
    for budget in range(1, 16):
        right = (states[:, budget - 1] == states[:, 5]).mean()
        assert right == laws.truncated(6, budget, 10)
    loose = Recheck(maps="function").draw(np.random.default_rng(3), 500)
    assert (walk(loose["map"], loose["start"], 6)[:, 4] == walk(loose["map"], loose["start"], 6)[:, 5]).any()


def test_prompts_are_read_back_and_texts_judged():
    batch = sample(TASK, 40)
    for row in range(40):
        text = TASK.vocabulary.decode(batch.prompts()[row, :, 0])
        problem = TASK.parse(text)
        for name in ("class", "map", "start", "hops", "told"):
            np.testing.assert_array_equal(problem[name][0], batch.problem[name][row])
        np.testing.assert_array_equal(TASK.identity(problem), TASK.identity(batch.problem)[row : row + 1])
        if problem["told"][0] >= 0:
            np.testing.assert_array_equal(TASK.render(problem, np.random.default_rng(0)).tokens[0], batch.tokens[row])
    assert isinstance(TASK, TextOracle)
    question = TASK.parse("[flat] 1 * B C D E F G H I J A C <think>")
    judged, _ = TASK.judge_texts(
        {k: np.repeat(v, 4, axis=0) for k, v in question.items()},
        ["D <answer> D", "D <wait> D <answer> D", "E <answer> D", "what is D ?"],
    )
    assert judged.answer.tolist() == [True, True, True, False] and judged.trace.tolist() == [True, True, False, False]
    for wrong in (
        "[flat] 1 * B C <think>",
        "[flat] 0 * B C D E F G H I J A C <think>",
        "1 [flat] * B C D E F G H I J A C <think>",
        "[flat] 1 * 1 C D E F G H I J A C <think>",
        "[flat] 1 * B C D E F G H I J A 1 <think>",
    ):
        with pytest.raises(UserError):
            TASK.parse(wrong)


def test_any_number_of_rechecks_is_accepted_and_none_ends_in_a_wait():
    task = Recheck(classes=("help",), asked=0)
    batch, longer = sample(task, 30), sample(replace(task, asked=7), 30)
    assert task.verify(batch, longer.completions()).trace.all()
    marks = task.vocabulary.index
    cut = longer.completions()
    cut[:, 7], cut[:, 8:] = marks["<answer>"], EOS
    cut[:, 8] = batch.completions()[:, 7]
    judged = task.verify(batch, cut)
    assert judged.answer.all() and not judged.trace.any() and (judged.first_wrong_step == 6).all()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"classes": ("hrut",)}, "did you mean 'hurt'"),
        ({"classes": ()}, "classes is empty"),
        ({"hops": (10,)}, "hops 10 is outside 1 to 9"),
        ({"maps": "cycles"}, "did you mean 'cycle'"),
        ({"right": (1.0,)}, "right has 1 values"),
        ({"breaks": (0, 0, 2.0, 0, 0, 0)}, r"breaks \[2.0\] is outside"),
        ({"most": 10}, "most 10"),
        ({"told": 1.5}, "told 1.5"),
        ({"asked": 12}, "asked 12"),
        ({"waits": False, "asked": 2}, "without waits"),
        ({"alphabet": "AB"}, "fewer than 3"),
        ({"alphabet": "ABC1"}, "must be ASCII letters"),
        ({"alphabet": "ABCÉ"}, "must be ASCII letters"),
    ],
)
def test_what_cannot_be_is_the_users_error(fields, says):
    with pytest.raises(UserError, match=says):
        Recheck(**fields)


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1), st.floats(0.001, 1), st.floats(0.001, 1))
def test_a_chain_of_two_states_by_its_transition_matrix(right, breaks, mends):
    state, matrix = np.array([right, 1 - right]), np.array([[1 - breaks, breaks], [mends, 1 - mends]])
    rates = laws.Rates(np.array(right), np.array(breaks), np.array(mends))
    curve = laws.accuracy(rates, np.arange(9))
    for k in range(9):
        np.testing.assert_allclose(curve[k], state[0], atol=1e-9)
        state = state @ matrix
    if breaks + mends < 1:
        steps = np.diff(curve)
        assert (steps >= -1e-12).all() or (steps <= 1e-12).all(), "no hump"


def test_where_rechecks_change_nothing_the_law_is_flat():
    rates = laws.Rates(np.array([0.7, 1.0]), np.zeros(2), np.zeros(2))
    np.testing.assert_allclose(laws.accuracy(rates, np.arange(4)), [[0.7] * 4, [1.0] * 4])
    rates = laws.estimate(np.ones((2, 5), bool), np.ones((2, 5), bool))
    np.testing.assert_allclose(laws.accuracy(rates, np.arange(4)), 1.0)


def test_a_mixture_has_a_hump_that_neither_part_has():
    task, k = Recheck(), np.arange(9)
    falls, rises = (
        laws.accuracy(laws.Rates(*(np.array(getattr(task, dial)[kind]) for dial in ("right", "breaks", "mends"))), k)
        for kind in (4, 5)
    )
    mixture = (falls + rises) / 2
    assert (np.diff(falls) < 0).all() and (np.diff(rises) > 0).all()
    assert 0 < mixture.argmax() < 8 and mixture.max() > mixture[0] + 0.1 and mixture.max() > mixture[8] + 0.1


def test_the_gaussian_account_is_the_integral_it_stands_for():
    """E of a Gaussian bump under a Gaussian answer, by quadrature, and its peak where the variance is D^2."""
    y = np.linspace(-80, 80, 40_001)
    for k, distance, variance in ((0, 1.0, 1.0), (3, 2.0, 0.5), (8, 3.0, 1.0)):
        bump, spread = 0.3 * variance, 0.7 * variance + k
        density = np.exp(-((y - distance) ** 2) / (2 * spread)) / np.sqrt(2 * np.pi * spread)
        reward = np.exp(-(y**2) / (2 * bump)) / np.sqrt(2 * np.pi * bump)
        expected = np.trapezoid(density * reward, y)
        reached = laws.gaussian(np.array([k]), np.array((2 * np.pi) ** -0.5), np.array(distance**2), np.array(variance))
        np.testing.assert_allclose(reached, [expected], rtol=1e-6)
    curve = laws.gaussian(np.arange(12), np.array(1.0), np.array(6.0), np.array(1.0))
    assert curve.argmax() == 5


def test_the_fit_finds_the_curve_it_is_given():
    k = np.arange(9)
    curves = laws.gaussian(k, np.array([2.0, 1.0]), np.array([9.0, 0.0]), np.array([2.0, 5.0]))
    fitted = laws.gaussian(k, *laws.fit_gaussian(k[:5], curves[:, :5]))
    np.testing.assert_allclose(fitted, curves, atol=0.02)
    flat = laws.gaussian(k, *laws.fit_gaussian(k[:5], np.full((1, 5), 0.8)))
    np.testing.assert_allclose(flat, 0.8, atol=0.02)


def test_classes_have_their_marks():
    assert set(CLASSES) == {name.split(",")[0] for name in KINDS}


@pytest.mark.parametrize(
    ("name", "size", "changes"),
    [
        ("maps=function", 1, {"maps": "function"}),
        ("maps=cycle", 0, {"maps": "cycle"}),
        ("hops=3", 1, {"hops": (3,)}),
        ("hops=5", 1, {"hops": (5,)}),
        ("hops=9", 3, {"hops": (9,)}),
        ("rechecks=0", 0, {"asked": 0}),
        ("rechecks=5", 0, {"asked": 5}),
        ("rechecks=9", 4, {"asked": 9}),
    ],
)
def test_sizes_of_shifts(name, size, changes):
    shift = replace(TASK, hops=(2, 6), most=5).shift(name)
    assert (shift.size, dict(shift.changes)) == (size, changes)


def test_standard_shifts_go_beyond_what_was_trained():
    kinds_of_map, noise = ["maps=permutation", "maps=function"], [f"noise={mode}:0.1" for mode in MODES]
    hops = ["hops=1", "hops=7", "hops=8"]
    assert list(replace(TASK, hops=(2, 6), most=5).shifts) == [*kinds_of_map, *hops, "rechecks=6", *noise]
    assert replace(TASK, classes=("flat",), maps="function").shifts[0] == "maps=permutation"
    assert not [name for name in replace(TASK, classes=("flat",)).shifts if name.startswith("hops")]
    with pytest.raises(UserError, match="asked 0: without waits"):
        Recheck(waits=False, asked=0)


def test_what_problems_say_of_themselves():
    problem = TASK.draw(np.random.default_rng(4), 200)
    written = problem["hops"] + problem["rechecks"]
    assert ((problem["drafts"] >= 0).sum(axis=1) == written).all()
    assert (problem["drafts"][np.arange(problem["drafts"].shape[1]) >= written[:, None]] == -1).all()
    features = TASK.features(problem)
    assert features["half"].tolist() == [int(TASK.alphabet[start] > "E") for start in problem["start"]]
    assert features["hops"].tolist() == problem["hops"].tolist()
    odd = Recheck(alphabet="ABC", hops=(2,))
    assert odd.features({**problem, "start": np.array([0, 1, 2])})["half"].tolist() == [0, 1, 1]


def test_first_hops_are_pairs_of_a_letter_and_its_image():
    train, test = sample(TASK, 30, seed=5), sample(TASK, 300, seed=6)

    def pairs(batch):
        return [(start, row[start]) for start, row in zip(batch.problem["start"], batch.problem["map"], strict=True)]

    known = set(pairs(train))
    assert TASK.overlap(train, test)["first_hops"] == pytest.approx(np.mean([pair in known for pair in pairs(test)]))


def test_novelty_by_hand():
    """Training has one hop and two, no re-check and two, and every entry but those of a letter with itself."""
    task = Recheck(alphabet="ABC", classes=("help",), hops=(1, 2, 3), most=3)

    def problems(*prompts):
        parsed = [task.parse(prompt) for prompt in prompts]
        return {name: np.concatenate([one[name] for one in parsed]) for name in ("hops", "rechecks", "map")}

    train = problems("[help] 1 2 B C A A <think>", "[help] 2 0 C A B A <think>")
    test = problems("[help] 1 0 B A C A <think>", "[help] 3 1 A B C B <think>", "[help] 1 0 B A C A <think>")
    unseen = {"unseen_hops": 1 / 3, "unseen_rechecks": 1 / 3, "unseen_entries": (1 + 3 + 1) / 3}
    assert novelty(train, test, 3) == pytest.approx(unseen)


CHAIN = [
    ("C B A <wait> A <answer> A", "ok ok ok ok ok"),
    ("B A C <wait> C <answer> C", "wrong follows follows follows follows"),
    ("B B A <wait> A <answer> A", "wrong wrong-after follows follows follows"),
    ("C B C <wait> A <answer> C", "ok ok wrong follows wrong-after"),
    ("C B A <wait> B <answer> A", "ok ok ok wrong wrong-after"),
    ("C B A <wait> B <wait> B <answer> B", "ok ok ok wrong follows follows"),
    ("C B A <wait> B <wait> A <answer> A", "ok ok ok wrong follows follows"),
    ("C B A <answer> B", "ok ok ok wrong"),
    ("C B A <answer>", "ok ok ok wrong"),
    ("C B <answer> A", "ok ok wrong wrong-after"),
    ("C B A", "ok ok ok wrong"),
    ("C A", "ok wrong wrong-after wrong-after"),
    ("C B A A <answer> A", "ok ok ok wrong follows"),
    ("C B A <answer> B <answer> A", "ok ok ok wrong wrong-after"),
]


@pytest.mark.parametrize(("text", "marks"), CHAIN)
def test_marks_of_hops_and_rechecks(text, marks):
    """A -> C -> B -> A: three hops from A lead back to it."""
    task = Recheck(alphabet="ABC", classes=("help",), hops=(3,), most=2)
    steps = task.text_steps(task.parse("[help] 3 * C A B A <think>"), text)
    assert [step.mark.replace(" ", "-") for step in steps] == marks.split()


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("C B A <answer> A </s>", (True, True, 4, True)),
        ("C B A <wait> A <answer> A </s>", (True, True, 5, True)),
        ("C B A <answer> B </s>", (False, True, 3, True)),
        ("B B A <answer> A </s>", (True, False, 0, True)),
        ("C B A <wait> B <answer> A </s>", (True, False, 3, True)),
        ("C B A <wait> A <wait> B <answer> B </s>", (False, False, 4, True)),
        ("C B A <answer> A", (True, True, 4, False)),
        ("C B <answer> A </s>", (True, False, 2, False)),
        ("C B A <wait> <answer> A </s>", (True, False, 3, False)),
        ("C B A A <answer> A </s>", (True, False, 3, False)),
        ("C B A <answer> A A </s>", (False, True, 3, False)),
        ("C B A <answer> <wait> </s>", (False, True, 3, False)),
        ("<wait> B A <answer> A </s>", (True, False, 0, False)),
        ("C B A </s>", (False, True, 3, False)),
        ("</s>", (False, False, 0, False)),
    ],
)
def test_verdicts_by_hand(text, verdict):
    """A -> C -> B -> A: three hops, re-checks that repeat the last, and one letter behind the mark."""
    task = Recheck(alphabet="ABC", classes=("help",), hops=(3,), most=2)
    problem = task.parse("[help] 3 * C A B A <think>")
    judged = task.judge(problem, np.array([task.vocabulary.encode(text)], np.int32))
    assert tuple(values[0].item() for values in judged) == verdict
