"""Text metrics on predicted and gold outputs: exact match, edit distance and BLEU, on whole lines and on their parts.

The definitions are those of DataAlchemy (arXiv:2508.01191): character edit distance over the longer length, and two
BLEUs. Its released code averages nltk's sentence BLEU; the tables of its paper are corpus BLEU on `13a` tokens.

An output is the text after the prompt, `N C C Y [F2] <answer> C C Y N`. These metrics compare strings and therefore
know one gold text only; what a task's oracle accepts is `Task.verify`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from operator import eq
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from alchemy.errors import UserError, nearest
from alchemy.problem.text_format import TextFormat

PARTS = ("full", "reasoning", "answer")
ORDERS = 4
"""BLEU counts n-grams of 1 to 4 tokens."""

_CHUNK_TOKENS = 1 << 16
"""Token positions compared at once: keeps the working arrays in the processor's cache."""

_CHUNK_TEXTS = 512
"""Texts split at once: fewer lists than set off the garbage collector."""

_HYPOTHESIS_PAD, _REFERENCE_PAD = 0, 1
"""Two different pads, so that padding matches nothing across the two sides."""


def exact_match(predicted: Sequence[str], gold: Sequence[str]) -> np.ndarray:
    """Whether two texts are equal once stripped, never partial credit: bool (n,)."""
    _same_length(predicted, gold)
    return np.fromiter(map(eq, map(str.strip, predicted), map(str.strip, gold)), bool, len(gold))


def edit_distance(predicted: Sequence[str], gold: Sequence[str], workers: int = 1) -> np.ndarray:
    """Levenshtein distance in characters over the longer length: float (n,) in [0, 1], 0 where both are empty."""
    _same_length(predicted, gold)
    if not len(gold):
        return np.empty(0)
    return cpdist(predicted, gold, scorer=Levenshtein.normalized_distance, dtype=np.float64, workers=workers)


class BleuCounts(NamedTuple):
    """What BLEU needs of each row; the sums over rows, or over resampled rows, give corpus BLEU."""

    matches: np.ndarray  # int64 (n, 4): n-grams found in the gold text, clipped to its counts, by order
    totals: np.ndarray  # int64 (n, 4): n-grams of the predicted text
    lengths: np.ndarray  # int64 (n, 2): tokens of the predicted and of the gold text

    def rows(self, index: np.ndarray | slice) -> BleuCounts:
        """The counts at `index`, which may be (r, n) for r resamples at once."""
        return BleuCounts(self.matches[index], self.totals[index], self.lengths[index])


def bleu_counts(predicted: Sequence[str], gold: Sequence[str], tokens: str = "13a") -> BleuCounts:
    """Clipped n-gram counts of each row, on `13a` tokens (sacrebleu's default) or those of `whitespace`."""
    _same_length(predicted, gold)
    if tokens not in _TOKENISERS:
        raise UserError(f"unknown tokens {tokens!r}{nearest(tokens, _TOKENISERS)}")
    n = len(gold)
    texts = _TOKENISERS[tokens](chain(predicted, gold))
    lengths = texts.lengths.reshape(2, n).T
    totals = np.maximum(lengths[:, :1] - np.arange(ORDERS), 0)
    matches = np.zeros((n, ORDERS), np.int64)
    for rows in _chunks(lengths.max(axis=1)):
        hypothesis, reference = texts.padded(rows, _HYPOTHESIS_PAD), texts.padded(n + rows, _REFERENCE_PAD)
        matches[rows] = _clipped_matches(hypothesis, reference)
    return BleuCounts(matches, totals, lengths)


def sentence_bleu(predicted: Sequence[str], gold: Sequence[str]) -> np.ndarray:
    """BLEU of each row on whitespace tokens: float (n,) in [0, 1], equal to nltk's `sentence_bleu` with `method1`.

    An order without a match counts 0.1 matches, an order longer than the text one n-gram; no common token scores 0.
    Source: Chen and Cherry, WMT 2014, smoothing 1.
    """
    matches, totals, lengths = bleu_counts(predicted, gold, tokens="whitespace")
    precision = np.where(matches > 0, matches, 0.1) / np.maximum(totals, 1)
    score = _brevity_penalty(lengths) * np.exp(np.log(precision).mean(axis=1))
    return np.where(matches[:, 0] > 0, score, 0.0)


def corpus_bleu(predicted: Sequence[str], gold: Sequence[str], tokens: str = "13a") -> float:
    """BLEU of all rows together, in [0, 1]: a hundredth of sacrebleu's default `corpus_bleu`."""
    return float(corpus_bleu_from_counts(bleu_counts(predicted, gold, tokens)))


def corpus_bleu_from_counts(counts: BleuCounts) -> np.ndarray:
    """Corpus BLEU from the counts of its rows: float (...) for counts (..., n, 4), as `BleuCounts.rows` resamples.

    The i-th order that has no match counts 2**-i matches; 0 where nothing matches or an order has no n-gram at all.
    Source: the `exp` smoothing of sacrebleu, Post, WMT 2018.
    """
    matches, totals, lengths = (np.asarray(part).sum(axis=-2) for part in counts)
    missing = matches == 0
    smoothed = np.where(missing, 0.5 ** np.cumsum(missing, axis=-1), matches)
    score = _brevity_penalty(lengths) * np.exp(np.log(smoothed / np.maximum(totals, 1)).mean(axis=-1))
    return np.where(matches.any(axis=-1) & totals.all(axis=-1), score, 0.0)


@dataclass(frozen=True)
class TextScores:
    """The scores of one part of every row; those of the corpus are computed on first access."""

    predicted: Sequence[str]
    gold: Sequence[str]
    exact_match: np.ndarray  # bool (n,)
    edit_distance: np.ndarray  # float (n,)
    bleu: np.ndarray  # float (n,): sentence BLEU, whitespace tokens

    @classmethod
    def of(cls, predicted: Sequence[str], gold: Sequence[str]) -> TextScores:
        """Every metric of every row."""
        rows = (metric(predicted, gold) for metric in (exact_match, edit_distance, sentence_bleu))
        return cls(predicted, gold, *rows)

    @cached_property
    def counts(self) -> BleuCounts:
        """The `13a` counts of each row, from which a bootstrap of `corpus_bleu` is cheap."""
        return bleu_counts(self.predicted, self.gold)

    @property
    def corpus_bleu(self) -> float:
        """Corpus BLEU on `13a` tokens, the one in the paper's tables."""
        return float(corpus_bleu_from_counts(self.counts))


def score_text(predicted: Sequence[str], gold: Sequence[str], text_format: TextFormat) -> dict[str, TextScores]:
    """The scores of the whole outputs, of their reasoning and of their answers, by the names in `PARTS`."""
    _same_length(predicted, gold)
    sides = ((texts, *_split_answers(texts, text_format)) for texts in (predicted, gold))
    return {part: TextScores.of(*texts) for part, texts in zip(PARTS, zip(*sides, strict=True), strict=True)}


def _split_answers(texts: Sequence[str], text_format: TextFormat) -> tuple[list[str], list[str]]:
    """The reasonings and the answers of many texts."""
    pairs = [text_format.split_answer(text) for text in texts]
    return [reasoning for reasoning, _ in pairs], [answer for _, answer in pairs]


def _same_length(predicted: Sequence[str], gold: Sequence[str]) -> None:
    if isinstance(predicted, str) or isinstance(gold, str):
        raise UserError("expected two sequences of texts, got a single text")
    if len(predicted) != len(gold):
        raise UserError(f"expected as many predictions as gold texts, got {len(predicted)} and {len(gold)}")


class _Ragged(NamedTuple):
    """Rows of token ids laid end to end; ids start at 2, above the pads."""

    ids: np.ndarray  # int (sum of lengths,)
    lengths: np.ndarray  # int64 (n,)
    starts: np.ndarray  # int64 (n,)

    @classmethod
    def of(cls, ids: np.ndarray, lengths: np.ndarray) -> _Ragged:
        return cls(ids, lengths, np.cumsum(lengths) - lengths)

    def padded(self, rows: np.ndarray, pad: int) -> np.ndarray:
        """The rows at `rows`, position first: int (longest, len(rows)), filled up with `pad`."""
        position = np.arange(self.lengths[rows].max())[:, None]
        if not position.size:
            return np.empty((0, len(rows)), self.ids.dtype)
        tokens = self.ids.take(position + self.starts[rows], mode="clip")
        return np.where(position < self.lengths[rows], tokens, self.ids.dtype.type(pad))


def _whitespace_tokens(texts: Iterable[str]) -> _Ragged:
    """Texts as ids of whitespace-separated words."""
    return _encode(texts)[0]


def _tokens_13a(texts: Iterable[str]) -> _Ragged:
    """Texts as ids of `13a` tokens.

    Past `_join_lines` no rule of 13a looks across whitespace, so each distinct word is tokenised once, then spliced in.
    """
    rows, words = _encode(map(_join_lines, texts))
    return _splice(rows, _encode(map(_split_word_13a, words))[0])


_TOKENISERS = {"13a": _tokens_13a, "whitespace": _whitespace_tokens}


def _encode(texts: Iterable[str]) -> tuple[_Ragged, list[str]]:
    """Texts as ids of their words, and the words in the order of their ids."""
    ids: defaultdict[str, int] = defaultdict()
    ids.default_factory = lambda: len(ids) + 2
    texts, flat, lengths = iter(texts), [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    while rows := list(map(str.split, islice(texts, _CHUNK_TEXTS))):
        lengths.append(np.fromiter(map(len, rows), np.int64, len(rows)))
        flat.append(np.fromiter(map(ids.__getitem__, chain.from_iterable(rows)), np.int32, lengths[-1].sum()))
    dtype = np.uint8 if len(ids) <= np.iinfo(np.uint8).max - 1 else np.int32
    return _Ragged.of(np.concatenate(flat).astype(dtype), np.concatenate(lengths)), list(ids)


def _splice(words: _Ragged, pieces: _Ragged) -> _Ragged:
    """Rows of words as rows of the pieces that row `word - 2` of `pieces` holds."""
    word = words.ids.astype(np.int64) - 2
    repeats = pieces.lengths[word]
    end = np.concatenate([[0], np.cumsum(repeats)])
    within = np.arange(end[-1]) - np.repeat(end[:-1], repeats)
    stop = words.starts + words.lengths
    return _Ragged.of(pieces.ids[np.repeat(pieces.starts[word], repeats) + within], end[stop] - end[words.starts])


def _join_lines(text: str) -> str:
    """The steps of 13a that can change where a word ends."""
    return text.rstrip().replace("<skipped>", "").replace("-\n", "")


_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_RULES_13A = (
    (re.compile(r"([!-&(-+/:-@\[-`{-~])"), r" \1 "),  # punctuation and symbols, but for ' , - .
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # full stop or comma not after a digit
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),  # ... or not before one
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),  # dash after a digit
)


def _split_word_13a(word: str) -> str:
    """A word's 13a tokens, separated by spaces (mteval-v13a, as sacrebleu applies it)."""
    for entity, character in _ENTITIES:
        word = word.replace(entity, character)
    word = f" {word} "
    for rule, spaced in _RULES_13A:
        word = rule.sub(spaced, word)
    return word


def _chunks(length: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of the rows that have tokens, longest first, so that rows padded together are about equally long."""
    order = np.argsort(-length, kind="stable")
    order = order[: np.count_nonzero(length)]
    start = 0
    while start < len(order):
        stop = start + max(1, _CHUNK_TOKENS // int(length[order[start]]))
        yield order[start:stop]
        start = stop


def _clipped_matches(hypothesis: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """For each row and order, how many n-grams of the hypothesis the reference pays for: int64 (rows, 4).

    An n-gram is paid for if fewer equal ones come before it than the reference holds. Takes ids (tokens, rows).
    """
    held = _equal_ngrams(hypothesis, reference, range(1 - len(hypothesis), len(reference)))
    before = _equal_ngrams(hypothesis, hypothesis, range(1 - len(hypothesis), 0))
    return np.count_nonzero(before < held, axis=1).T


def _equal_ngrams(left: np.ndarray, right: np.ndarray, offsets: Iterable[int]) -> np.ndarray:
    """How many n-grams of `right` equal the one at each place of `left`, counting those `offsets` further on.

    Along one offset an n-gram is equal where an (n-1)-gram and the token after it are: exact, without hashing.
    Takes ids (tokens, rows); returns unsigned int (4, tokens, rows).
    """
    dtype = np.uint8 if max(len(left), len(right)) < 256 else np.uint32
    count = np.zeros((ORDERS, *left.shape), dtype)
    for offset in offsets:
        first, stop = max(0, -offset), min(len(left), len(right) - offset)
        token = left[first:stop] == right[first + offset : stop + offset]
        equal = token
        for order in range(min(ORDERS, len(token))):
            equal = equal[: len(token) - order] & token[order:]
            count[order, first : stop - order] += equal
    return count


def _brevity_penalty(lengths: np.ndarray) -> np.ndarray:
    """exp(1 - gold / predicted length) where the prediction is the shorter: float (...) for lengths (..., 2)."""
    predicted, gold = np.moveaxis(lengths, -1, 0)
    return np.exp(np.minimum(0.0, 1.0 - gold / np.maximum(predicted, 1)))
