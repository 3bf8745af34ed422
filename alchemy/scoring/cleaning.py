"""What models and their runtimes add to a text, or write otherwise, taken off by rules: each says what, and is counted.

The rules apply in this order, to every completion alike, whether it is right or wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from alchemy.problem.text_format import TextFormat

END_MARKS = ("</s>", "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<eos>", "<end_of_turn>", "[EOS]")
END_MARK = re.compile("|".join(map(re.escape, END_MARKS)))
FENCED = re.compile(r"\s*```[\w-]*\n(.*?)\n?```\s*", re.DOTALL)
CLOSING_TAG = re.compile("</answer>", re.IGNORECASE)
NUMBER = re.compile(r"\d+")
LONGEST_WORD = 1_000
"""Characters of a word that is taken apart into symbols."""


class Writing:
    """How completions of a task are written: the marks of their parts, and the symbols there are, if they are known."""

    def __init__(self, text_format: TextFormat, symbols: Sequence[str] = ()) -> None:
        self.text_format = text_format
        self.symbols = frozenset(symbols)
        spellings = Counter(symbol.casefold() for symbol in self.symbols)
        self.by_spelling = {name.casefold(): name for name in self.symbols if spellings[name.casefold()] == 1}
        """The symbol of each spelling without letter case; symbols that differ by case alone are not here."""
        self.lengths = sorted({len(spelling) for spelling in self.by_spelling})
        marks = [re.escape(mark) for mark in text_format.marks]
        self.mark = re.compile("|".join(marks), re.IGNORECASE) if marks else None

    def in_case(self, word: str) -> str:
        """The symbol that a word is but for letter case; the word itself where it is a symbol, or none."""
        return word if word in self.symbols else self.by_spelling.get(word.casefold(), word)

    def take_apart(self, word: str) -> list[str]:
        """The symbols that a word is written of, if that is possible in one way alone; else none.

        A word of letters alone has to be in their case: others may be words of a language.
        """
        if word in self.symbols:
            return [word]
        if len(word) > LONGEST_WORD:
            return []
        spelling = word.casefold()
        ways, last = [1] + [0] * len(spelling), [""] * (len(spelling) + 1)
        for start in range(len(spelling)):
            for piece in self._pieces(spelling, start) if ways[start] else ():
                ways[start + len(piece)] += ways[start]
                last[start + len(piece)] = piece
        if ways[-1] != 1:
            return []
        symbols, end = [], len(spelling)
        while end:
            symbols.append(self.by_spelling.get(last[end], last[end]))
            end -= len(last[end])
        symbols.reverse()
        return symbols if "".join(symbols) == word or not word.isalpha() else []

    def _pieces(self, spelling: str, start: int) -> Iterator[str]:
        """The symbols that begin at a place; a number stays whole, whether it is a symbol or not."""
        if number := NUMBER.match(spelling, start):
            yield number[0]
            return
        for length in self.lengths:
            piece, after = spelling[start : start + length], spelling[start + length : start + length + 1]
            cuts_number = piece[-1:].isdigit() and after.isdigit()
            if piece in self.by_spelling and len(piece) == length and not cuts_number:
                yield piece


def _without_end(text: str, writing: Writing) -> str:
    return END_MARK.split(text, maxsplit=1)[0]


def _without_fence(text: str, writing: Writing) -> str:
    fenced = FENCED.fullmatch(text)
    return fenced[1] if fenced else text


def _with_marks_in_case(text: str, writing: Writing) -> str:
    marks = {mark.casefold(): mark for mark in writing.text_format.marks}
    return writing.mark.sub(lambda found: marks.get(found[0].casefold(), found[0]), text) if writing.mark else text


def _without_thoughts(text: str, writing: Writing) -> str:
    thoughts, end, rest = text.rpartition("</think>")
    return rest if end and writing.text_format.has_answer(rest) else text if not end else f"{thoughts}{rest}"


def _without_closing_tag(text: str, writing: Writing) -> str:
    return CLOSING_TAG.split(text, maxsplit=1)[0]


def _without_more(text: str, writing: Writing) -> str:
    answer_mark = writing.text_format.answer_mark
    if not answer_mark or not writing.text_format.has_answer(text):
        return text
    before, mark, behind = text.partition(answer_mark)
    return before + mark + behind[: len(behind) - len(behind.lstrip())] + behind.lstrip().partition("\n")[0]


def _with_single_blanks(text: str, writing: Writing) -> str:
    return re.sub(r"\s+", " ", text)


def _with_symbols_in_case(text: str, writing: Writing) -> str:
    words = text.split()
    if writing.symbols.issuperset(words):
        return text
    read = [writing.in_case(word) for word in words]
    return text if read == words else " ".join(read)


def _with_symbols_apart(text: str, writing: Writing) -> str:
    words = text.split()
    if writing.symbols.issuperset(words):
        return text
    answer_mark = writing.text_format.answer_mark
    reasoning, mark, answer = text.rpartition(answer_mark) if answer_mark else ("", "", text)
    read = [*_apart(reasoning, writing), *mark.split(), *_apart(answer, writing)]
    return text if read == words else " ".join(read)


def _apart(part: str, writing: Writing) -> list[str]:
    """The symbols of a part of a text, if each of its words is written of symbols alone; else its words."""
    symbols: list[str] = []
    for word in part.split():
        if not (pieces := writing.take_apart(word)):
            return part.split()
        symbols += pieces
    return symbols


Rule = tuple[str, Callable[[str, Writing], str]]
ADDITIONS: tuple[Rule, ...] = (
    ("end mark", _without_end),
    ("code fence", _without_fence),
    ("letter case", _with_marks_in_case),
    ("think block", _without_thoughts),
    ("closing tag", _without_closing_tag),
    ("text behind the answer", _without_more),
    ("blanks", _with_single_blanks),
)
"""An end-of-text mark and all behind it; a code fence around the whole text; marks in other letter case; all up to
`</think>` where the answer comes behind it, else that mark; `</answer>` and all behind it; further lines behind the answer;
several blanks or line ends in a row, which become one blank."""
SPELLINGS: tuple[Rule, ...] = (("letter case", _with_symbols_in_case), ("spacing", _with_symbols_apart))
"""A word that is a symbol but for letter case is read as it; where blanks between symbols are missing, in the chain or in
the answer, they are put there if all of it can be read as symbols in one way alone, where numbers stay whole and letters
in a row are in their own case."""


class Cleaner:
    """Applies the rules, and counts the texts that each of them changed.

    Without the symbols of a task, letter case and spacing stay as they are, but for the marks.
    """

    def __init__(self, text_format: TextFormat, symbols: Sequence[str] = ()) -> None:
        self.writing = Writing(text_format, symbols)
        self.counts: Counter[str] = Counter()

    def clean(self, text: str, gold: str = "") -> str:
        """The text without what the rules take off, and without blanks at its ends where one of them did.

        Its symbols keep their spelling if those of a gold text are not the task's.
        """
        changes = {}
        is_own = self.writing.symbols.issuperset(gold.split())
        for name, rule in (*ADDITIONS, *(SPELLINGS if is_own else ())):
            before, text = text, rule(text, self.writing)
            if text.strip() != before.strip():
                changes[name] = 1
        self.counts.update(changes)
        return text.strip() if changes else text
