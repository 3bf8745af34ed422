"""Documents have the questions and answers of the task's own lines, and what is said of their thoughts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import chain, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.documents import DOCUMENTS, another, check_document, end_to_end, with_thoughts, written_as
from alchemy.problem.shift import Noise
from alchemy.problem.task import EOS, NOISE, PAD, Field
from tasks.connectivity import Connectivity
from tasks.groups import Groups
from tasks.modular import Modular
from tasks.search import Search
from tasks.symbols import Symbols

LETTERS = Symbols(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F2 F1",), rotate=1)
TASKS = {
    "symbols": LETTERS,
    "mixed symbols": Symbols(length=(1, 3), alphabet="ABCDE", compositions=("F1", "F2 F1"), dialect="uniform"),
    "modular": Modular(),
    "paths": Connectivity(trace="path"),
}
each_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


class Unmarked(Symbols):
    """A family whose answers stand behind no mark of their own."""

    answer_opening = ()


@dataclass(frozen=True)
class Opened(Symbols):
    """A family whose answers stand behind two marks."""

    @property
    def answer_opening(self):
        return self.vocabulary.index["[F1]"], self.vocabulary.index["<answer>"]


@dataclass(frozen=True)
class Gap(Symbols):
    """A family with a part of the question that no line has."""

    def sample(self, rng, n):
        lines = super().sample(rng, n)
        later = (lines.field > 0) & (lines.field < Field.ANSWER)
        return lines._replace(field=lines.field + later.astype(np.int8))


def parts(line, field):
    """Question, thought and answer of a line, as lists of positions."""
    kinds = (field >= 0) & (field < Field.ANSWER), field >= Field.STEP, field == Field.ANSWER
    return [line[kind].tolist() for kind in kinds]


def rewritten(task, document, seed=0, n=40):
    lines = task.sample(np.random.default_rng(seed), n)
    return lines, written_as(lines, document, np.random.default_rng(seed))


def test_documents_of_letters_by_hand():
    lines = LETTERS.write(LETTERS.parse("A C [F1] [F2] [F1] <think>"))
    of = {
        document: LETTERS.show(written_as(lines, document, np.random.default_rng(0)).tokens[0])
        for document in DOCUMENTS
    }
    question, thought = "A C [F1] [F2] [F1] <think>", "B D [F2] [F1] <think> D B [F1]"
    noise = " ".join(["<unk>"] * 8)
    assert of == {
        "thought first": f"{question} {thought} <answer> E C",
        "thought last": f"{question} <answer> E C {thought}",
        "answer": f"{question} <answer> E C",
        "filler": f"{question} {noise} <answer> E C",
        "swapped": f"{question} {thought} <answer> E C",
        "paraphrase": f"{question} <answer> E C [F1] [F2] [F1] A C <think> <answer> E",
        "cleaned": f"{question} <answer> E C",
    }, "there is no other line to swap with"


def test_documents_are_the_same_every_year():
    """Training data are a random stream as any other: of the kinds that draw, both."""
    digests = {
        ("paraphrase", Search()): "0616d3710bbd5e84",
        ("swapped", Search()): "4e1fa4be81bb514d",
        ("paraphrase", Search(hops=(1,))): "f80c0d18b3c1644e",
        ("swapped", LETTERS): "a4c33875f2f121cf",
    }
    for (document, task), digest in digests.items():
        lines = written_as(task.sample(np.random.default_rng(0), 40), document, np.random.default_rng(1))
        assert hashlib.sha256(lines.tokens.tobytes()).hexdigest()[:16] == digest


def test_texts_end_to_end_by_hand():
    one = np.array([[5, 0, 0], [6, 7, 0]], np.int32)
    two = np.array([[[1, 9], [0, 0], [2, 8]], [[0, 0], [0, 0], [3, 4]]], np.int32)
    assert end_to_end(one, one).tolist() == [[5, 5, 0, 0], [6, 7, 6, 7]]
    assert end_to_end(two, one).tolist() == [[[1, 9], [2, 8], [5, 0]], [[3, 4], [6, 0], [7, 0]]]
    none = np.zeros((2, 0), np.int32)
    assert end_to_end(none, one[:, 2:]).tolist() == [[0], [0]], "no text is of one token of padding"
    assert end_to_end(one[:0], one[:0]).shape == (0, 1)


@each_task
@pytest.mark.parametrize("document", DOCUMENTS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100))
def test_questions_and_answers_stay(task, document, seed):
    lines, documents = rewritten(task, document, seed, n=12)
    np.testing.assert_array_equal(lines.prompt_len, documents.prompt_len)
    for row in range(12):
        before = parts(lines.tokens[row], lines.field[row])
        after = parts(documents.tokens[row], documents.field[row])
        assert before[0] == after[0] and before[2] == after[2]
        text, length = documents.text[row], int((documents.text[row] != PAD).sum())
        assert text[length - 1] == EOS and (documents.field[row] >= 0).sum() == length
        if document in ("thought first", "thought last"):
            assert before[1] == after[1]
        elif document in ("answer", "cleaned"):
            assert after[1] == []
        else:
            assert len(before[1]) == len(after[1]) and length == (lines.text[row] != PAD).sum()
        if document == "filler":
            assert all(position[0] == NOISE for position in after[1])
        if document in ("thought last", "paraphrase") and before[1]:
            assert documents.field[row, length - 2] >= Field.STEP


@pytest.mark.parametrize("task", [*TASKS.values(), Search(), Gap(length=(2,))], ids=[*TASKS, "search", "gap"])
def test_a_paraphrase_says_question_and_answer_again_and_again_and_never_in_the_first_order(task):
    """Read part by part, token by token, beside the line itself."""
    lines, documents = rewritten(task, "paraphrase", n=20)
    orders = set()
    for row in range(20):
        field, text = lines.field[row], lines.tokens[row]
        codes = list(dict.fromkeys(field[: lines.prompt_len[row]].tolist()))
        part = {code: text[field == code].tolist() for code in (*codes, int(Field.ANSWER))}
        said = parts(documents.tokens[row], documents.field[row])[1]
        assert len(said) == (field >= Field.STEP).sum(), "as many tokens as the thought"
        once = sum(map(len, part.values()))
        for start in range(0, len(said), once):
            now = said[start : start + once]
            possible = {
                order: list(chain.from_iterable(part[code] for code in (*order, codes[-1], int(Field.ANSWER))))
                for order in permutations(codes[:-1])
                if list(order) != codes[:-1]
            }
            found = [order for order, whole in possible.items() if whole[: len(now)] == now]
            assert found
            orders |= set(found) if len(now) == once else set()
    assert documents.told is None or not documents.told.any(), "nothing that an environment wrote is left"
    if task == Search():
        assert len(orders) > 5, "any of the others"


def test_a_paraphrase_asks_the_same_and_answers_it_in_the_eyes_of_the_task():
    """Letters and transformations sorted out again: the task parses the same problem, and takes the answer for right."""
    task = replace(LETTERS, compositions=("F1 F2 F1 F2 F1", "F2 F1 F1 F1 F2"))
    lines, documents = rewritten(task, "paraphrase", n=20)
    for row in range(20):
        said = parts(documents.tokens[row, :, 0], documents.field[row])[1]
        words = [task.vocabulary.symbols[token] for token in said]
        question, answer = words[: words.index("<answer>")], words[words.index("<answer>") :][:3]
        letters, names = ([word for word in question if (len(word) == 1) is single] for single in (True, False))
        assert question[: len(letters)] != letters, "not in the first order"
        problem = task.parse(" ".join([*letters, *names]))
        assert task.identity(problem) == task.identity(lines.problem)[row]
        completion = np.array([[task.vocabulary.index[word] for word in (*answer, "</s>")]], np.int32)
        assert task.verify(task.write(problem), completion).answer.all()


def test_cleaning_deletes_noise_and_nothing_else():
    noisy = replace(LETTERS, noise=Noise("insert", 0.4))
    clean = LETTERS.sample(np.random.default_rng(0), 30)
    lines = noisy.render(clean.problem, np.random.default_rng(1))
    assert (lines.text == NOISE).any(axis=1).sum() > 20
    cleaned, answers = (written_as(batch, kind, None) for batch, kind in ((lines, "cleaned"), (clean, "answer")))
    np.testing.assert_array_equal(cleaned.prompt_len, answers.prompt_len)
    np.testing.assert_array_equal(cleaned.text, answers.text)
    np.testing.assert_array_equal(cleaned.field, answers.field)
    modified = replace(LETTERS, noise=Noise("modify", 0.4)).render(clean.problem, np.random.default_rng(1))
    left = written_as(modified, "cleaned", None)
    for row in range(30):
        question = modified.text[row, : modified.prompt_len[row]]
        assert left.text[row, : left.prompt_len[row]].tolist() == question[question != NOISE].tolist()


def test_documents_that_a_task_does_not_have_are_named():
    check_document("paraphrase", LETTERS)
    check_document("cleaned", replace(LETTERS, noise=Noise("hybrid", 0.1)))
    with pytest.raises(UserError, match="Groups cannot be paraphrased: a question has one part"):
        check_document("paraphrase", Groups("Z60", 5))
    for task in (LETTERS, replace(LETTERS, noise=Noise("delete", 0.1))):
        with pytest.raises(UserError, match="Symbols have no noise symbols to delete: expected document 'answer'"):
            check_document("cleaned", task)


@each_task
def test_swapped_thoughts_are_those_of_other_lines(task):
    lines, documents = rewritten(task, "swapped")
    thoughts = [
        [parts(row, field)[1] for row, field in zip(b.tokens, b.field, strict=True)] for b in (lines, documents)
    ]
    assert sorted(thoughts[0]) == sorted(thoughts[1])
    partner = another(lines.field, np.random.default_rng(0))
    assert sorted(partner) == list(range(len(partner)))
    np.testing.assert_array_equal(lines.field[partner], lines.field)
    alone = [(lines.field == row).all(axis=1).sum() == 1 for row in lines.field]
    assert ((partner == np.arange(len(partner))) == alone).all()


def test_an_unknown_document_is_named():
    with pytest.raises(UserError, match="did you mean 'thought last'"):
        written_as(LETTERS.sample(np.random.default_rng(0), 2), "thought lst", np.random.default_rng(0))


@pytest.mark.parametrize("document", ["thought last", "answer", "swapped"])
def test_what_an_environment_told_moves_with_its_tokens(document):
    task = Search()
    lines = task.sample(np.random.default_rng(0), 40)
    assert lines.told.any()
    moved = written_as(lines, document, np.random.default_rng(1))
    assert moved.told.shape == moved.tokens.shape[:2]

    def told(batch, row):
        return sorted(batch.tokens[row][batch.told[row]][..., 0].tolist())

    if document == "answer":
        thought = lines.field >= Field.STEP
        rest = [sorted(lines.tokens[row][lines.told[row] & ~thought[row]][..., 0].tolist()) for row in range(40)]
        assert [told(moved, row) for row in range(40)] == rest
    elif document == "thought last":
        assert [told(moved, row) for row in range(40)] == [told(lines, row) for row in range(40)]
    else:
        assert sorted(told(moved, row) for row in range(40)) == sorted(told(lines, row) for row in range(40))


def test_thoughts_of_others_by_hand():
    lines = LETTERS.write(LETTERS.parse("A C [F1] [F2] [F1] <think>"))
    question = "A C [F1] [F2] [F1] <think>"
    for text, thought in {
        "B D [F2] [F1] <think> D B [F1] <answer> E C </s>": "B D [F2] [F1] <think> D B [F1]",
        "A A [F1] <answer> B <answer> C C </s>": "A A [F1] <answer> B",
        "G G </s> H <answer>": "G G",
        "<answer> E C </s>": "",
    }.items():
        ids = np.array([[LETTERS.vocabulary.index[symbol] for symbol in text.split()]], np.int32)
        taught = with_thoughts(LETTERS, lines, ids)
        assert LETTERS.show(taught.tokens[0]) == " ".join(f"{question} {thought} <answer> E C".split())
        assert taught.field.shape == taught.text.shape and taught.prompt_len == lines.prompt_len


def test_an_answer_stands_behind_all_marks_of_its_opening():
    task = Opened(length=(2,), alphabet="ABCDEFGH", compositions=("F1 F2 F1",), rotate=1)
    lines = task.write(task.parse("A C [F1] [F2] [F1] <think>"))
    text = "G [F1] H <answer> A [F1] <answer> [F1] B </s>"
    taught = with_thoughts(task, lines, np.array([task.vocabulary.encode(text)], np.int32))
    assert task.show(taught.tokens[0]) == "A C [F1] [F2] [F1] <think> G [F1] H <answer> A [F1] <answer> E C"


@each_task
def test_right_thoughts_of_others_are_the_lines_themselves(task):
    lines = task.sample(np.random.default_rng(0), 40)
    taught = with_thoughts(task, lines, lines.completions())
    width = taught.text.shape[1]
    np.testing.assert_array_equal(taught.tokens, lines.tokens[:, :width])
    assert not lines.tokens[:, width:].any()
    kinds = [np.minimum(batch.field[:, :width], Field.STEP) for batch in (taught, lines)]
    np.testing.assert_array_equal(*kinds)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Search(), "part of a thought of Search is written by its environment"),
        (Unmarked(length=(2,)), "Unmarked has nothing between thought and answer"),
    ],
)
def test_thoughts_that_cannot_be_changed(task, message):
    lines = task.sample(np.random.default_rng(0), 2)
    with pytest.raises(UserError, match=message):
        with_thoughts(task, lines, lines.completions())
