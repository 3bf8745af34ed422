"""Text metrics against nltk, sacrebleu and the closed forms of DataAlchemy's headline table."""

import math
import time
from collections import Counter

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction
from nltk.translate.bleu_score import sentence_bleu as nltk_sentence_bleu
from rapidfuzz.distance import Levenshtein

from alchemy.errors import UserError
from alchemy.problem.text_format import TextFormat
from alchemy.scoring.metrics import (
    PARTS,
    bleu_counts,
    corpus_bleu,
    corpus_bleu_from_counts,
    edit_distance,
    exact_match,
    score_text,
    sentence_bleu,
)

SYMBOLS = ["A", "B", "N", "[F1]", "[F2]", "<think>", "<answer>"]
FORMAT = TextFormat(answer_mark="<answer>", step_mark="<think>")
AWKWARD = ["a.b", "1,2", "1.", "1.,.2", "..", "-", "3-4", "x-\n", "\n", "&amp;lt;", "<skipped>", "'s", "é\u2028", "{|}"]
lines = st.lists(st.sampled_from(SYMBOLS), max_size=12).map(" ".join)
awkward = st.lists(st.sampled_from(SYMBOLS + AWKWARD + [" ", ""]), max_size=12).map("".join)
texts = st.one_of(lines, awkward, st.text(max_size=30), st.text(alphabet="ab1.,-& \n", max_size=30))
pairs = st.lists(st.one_of(st.tuples(texts, texts), texts.map(lambda text: (text, text))), min_size=1, max_size=8)


def unzip(rows):
    return [predicted for predicted, _ in rows], [gold for _, gold in rows]


def nltk_bleu(predicted: str, gold: str) -> float:
    if not predicted or not gold:
        return 0.0
    return float(nltk_sentence_bleu([gold.split()], predicted.split(), smoothing_function=SmoothingFunction().method1))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("N C [F2] <answer> C N", ("N C [F2] ", " C N")),
        ("C N", ("", "C N")),
        ("", ("", "")),
        ("a<answer>b <answer>", ("a<answer>b ", "")),
    ],
)
def test_split_keeps_spaces_and_takes_the_last_answer(text, parts):
    assert FORMAT.split_answer(text) == parts


def test_exact_match_ignores_only_outer_space():
    predicted, gold = [" A B\n", "A  B", "a b", "", "A"], ["A B", "A B", "A B", " ", "A B"]
    assert exact_match(predicted, gold).tolist() == [True, False, False, True, False]


@settings(deadline=None)
@given(pairs)
def test_edit_distance_is_levenshtein_over_the_longer_length(rows):
    predicted, gold = unzip(rows)
    expected = [Levenshtein.distance(a, b) / max(len(a), len(b), 1) for a, b in rows]
    np.testing.assert_allclose(edit_distance(predicted, gold), expected, atol=1e-15)


def test_edit_distance_by_hand():
    assert edit_distance(["kitten", "", ""], ["sitting", "", "ab"]).tolist() == [3 / 7, 0.0, 1.0]


@settings(max_examples=300, deadline=None)
@given(pairs)
def test_sentence_bleu_equals_nltk(rows):
    predicted, gold = unzip(rows)
    np.testing.assert_allclose(sentence_bleu(predicted, gold), [nltk_bleu(a, b) for a, b in rows], rtol=1e-12)


@settings(max_examples=300, deadline=None)
@given(pairs)
def test_counts_and_corpus_bleu_equal_sacrebleu(rows):
    predicted, gold = unzip(rows)
    bleu = sacrebleu.BLEU()
    counts = bleu_counts(predicted, gold)
    for i, (a, b) in enumerate(rows):
        row = bleu.corpus_score([a], [[b]])
        assert counts.matches[i].tolist() == list(row.counts)
        assert counts.totals[i].tolist() == list(row.totals)
        assert counts.lengths[i].tolist() == [row.sys_len, row.ref_len]
    assert corpus_bleu(predicted, gold) == pytest.approx(bleu.corpus_score(predicted, [gold]).score / 100, abs=1e-12)


def test_rows_longer_than_a_byte_counts_and_a_large_vocabulary_are_counted_exactly():
    rng = np.random.default_rng(0)
    rows = [[" ".join(map(str, rng.integers(top, size=length))) for length in (600, 500)] for top in (2, 3, 900)]
    predicted, gold = unzip([*rows, ["a " * 700, "a " * 300], ["A B C D", "A B C D"]])
    expected = [nltk_bleu(a, b) for a, b in zip(predicted, gold, strict=True)]
    np.testing.assert_allclose(sentence_bleu(predicted, gold), expected, rtol=1e-12)


def clipped(text, gold, order):
    """How many n-grams of one text the other pays for."""
    sides = [Counter(tuple(words[at : at + order]) for at in range(len(words) - order + 1)) for words in (text, gold)]
    return sum((sides[0] & sides[1]).values())


@pytest.mark.parametrize("size", [253, 254, 255, 256, 257])
def test_ids_and_counts_at_the_end_of_a_byte(size):
    """A vocabulary and a text of so many words, beside a short pair of the last of them and one it does not have."""
    words = [f"w{number}" for number in range(size)]
    pairs = [
        (words, words[:30]),
        (words[-2:], ["w0"]),
        (["w1"], words[-3:]),
        (["a"] * size, ["a"] * size),
        (["a"] * 9, ["a"] * size),
    ]
    matches = bleu_counts(*([" ".join(pair[side]) for pair in pairs] for side in (0, 1)), tokens="whitespace").matches
    assert matches.tolist() == [[clipped(*pair, order) for order in (1, 2, 3, 4)] for pair in pairs]


def test_nothing_matches_where_no_gold_text_says_anything():
    assert not bleu_counts(["a b", "c"], ["", ""]).matches.any()
    assert bleu_counts(["", ""], ["a b", "c"]).totals.tolist() == [[0] * 4] * 2
    assert edit_distance([], []).shape == (0,) and edit_distance(["", "a"], ["", ""]).tolist() == [0, 1]


def test_scores_do_not_depend_on_the_other_rows():
    rng = np.random.default_rng(0)
    predicted, gold = ([" ".join(rng.choice(SYMBOLS, size=rng.integers(30))) for _ in range(3000)] for _ in range(2))
    alone = [sentence_bleu([predicted[i]], [gold[i]])[0] for i in range(0, 3000, 100)]
    np.testing.assert_array_equal(sentence_bleu(predicted, gold)[::100], alone)


def test_resampled_counts_give_the_corpus_bleu_of_the_resampled_rows():
    predicted, gold = ["A B C D E", "A B", "C C D A B"], ["A B C D", "A B C", "C D A B E"]
    index = np.array([[0, 1, 2], [0, 0, 2], [1, 1, 1]])
    scores = corpus_bleu_from_counts(bleu_counts(predicted, gold).rows(index))
    expected = [corpus_bleu([predicted[i] for i in row], [gold[i] for i in row]) for row in index]
    np.testing.assert_allclose(scores, expected)


def test_empty_corpora_and_bad_input():
    assert all(
        scores.exact_match.shape == (0,) and scores.corpus_bleu == 0 for scores in score_text([], [], FORMAT).values()
    )
    for wrong in (
        lambda: sentence_bleu(["a"], []),
        lambda: exact_match("ab", "ab"),
        lambda: exact_match("ab", ["a", "b"]),
        lambda: exact_match(["a", "b"], "ab"),
        lambda: score_text(["a"], [], FORMAT),
    ):
        with pytest.raises(UserError, match="expected"):
            wrong()
    with pytest.raises(UserError, match="did you mean '13a'"):
        bleu_counts(["a"], ["a"], tokens="13")


# DataAlchemy's Table 1 and 2 are what a predictor without understanding scores ---------------------------------------


def letters(elements):
    return [" ".join(row) for row in np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))[elements]]


def outputs(first, second, step_token):
    return [f"{a} {step_token} <answer> {b}" for a, b in zip(letters(first), letters(second), strict=True)]


def rot(elements):
    return (elements + 13) % 26


def shift(elements):
    return np.roll(elements, -1, axis=1)


def scenario(name, n=20_000):
    element = np.random.default_rng(0).integers(26, size=(n, 4))
    gold = outputs(rot(element), rot(rot(element)), "[F1]")
    predicted = {
        "CMP": outputs(rot(element), shift(rot(element)), "[F1]"),
        "POOD": outputs(rot(element), shift(rot(element)), "[F2]"),
        "OOD": outputs(shift(element), shift(shift(element)), "[F2]"),
    }[name]
    return score_text(predicted, gold, FORMAT)


@pytest.mark.parametrize(
    ("name", "distance", "sentence", "corpus"),
    [("CMP", 0.1326, 0.5297, 0.6867), ("POOD", 0.1671, 0.2842, 0.4538), ("OOD", 0.2997, 0.1350, 0.2952)],
)
def test_replaying_a_trained_template_scores_the_published_numbers(name, distance, sentence, corpus):
    full = scenario(name)["full"]
    assert full.edit_distance.mean() == pytest.approx(distance, abs=1e-3)
    assert full.bleu.mean() == pytest.approx(sentence, abs=2e-3)
    assert full.corpus_bleu == pytest.approx(corpus, abs=2e-3)
    assert full.exact_match.mean() < 1e-3


def test_parts_of_the_replayed_template():
    composed, replayed = scenario("CMP"), scenario("OOD")
    assert tuple(composed) == PARTS
    assert composed["reasoning"].exact_match.all()
    assert composed["reasoning"].edit_distance.max() == 0
    assert composed["answer"].edit_distance.mean() == pytest.approx(4 * 25 / 26 / 8, abs=3e-3)
    assert replayed["reasoning"].edit_distance.mean() == pytest.approx((4 * 25 / 26 + 1) / 13, abs=3e-3)


def test_a_right_output_scores_one():
    gold = outputs(np.eye(4, dtype=int), np.ones((4, 4), int), "[F1]")
    for scores in score_text(gold, gold, FORMAT).values():
        assert scores.exact_match.all()
        assert scores.edit_distance.max() == 0
        np.testing.assert_allclose(scores.bleu, 1.0)
        assert scores.corpus_bleu == pytest.approx(1.0)


def test_four_tokens_are_the_shortest_text_that_can_reach_one():
    score = sentence_bleu(["A", "A B", "A B C", "A B C D"], ["A", "A B", "A B C", "A B C D"])
    np.testing.assert_allclose(score, [0.1 ** (3 / 4), 0.1 ** (2 / 4), 0.1 ** (1 / 4), 1.0])
    assert math.isclose(sentence_bleu(["A B C D"], ["A B C D E"])[0], math.exp(-1 / 4))


def test_scoring_is_fast():
    element = np.random.default_rng(0).integers(26, size=(20_000, 4))
    predicted, gold = outputs(element, shift(element), "[F2]"), outputs(element, rot(element), "[F2]")
    started = time.process_time()
    score_text(predicted, gold, FORMAT)
    assert len(gold) / (time.process_time() - started) > 30_000  # about 200,000 on an idle core
