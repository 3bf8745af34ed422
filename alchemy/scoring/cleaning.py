"""What models and their runtimes add to a text, taken off by rules: each says what it takes off, and is counted.

The rules apply in this order, to every completion alike, whether it is right or wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from alchemy.problem.text_format import TextFormat

END_MARKS = ("</s>", "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<eos>", "<end_of_turn>", "[EOS]")
END_MARK = re.compile("|".join(map(re.escape, END_MARKS)))
FENCED = re.compile(r"\s*```[\w-]*\n(.*?)\n?```\s*", re.DOTALL)


def _without_end(text: str, text_format: TextFormat) -> str:
    return END_MARK.split(text, maxsplit=1)[0]


def _without_fence(text: str, text_format: TextFormat) -> str:
    fenced = FENCED.fullmatch(text)
    return fenced[1] if fenced else text


def _without_thoughts(text: str, text_format: TextFormat) -> str:
    thoughts, end, rest = text.rpartition("</think>")
    return rest if end and text_format.has_answer(rest) else text if not end else f"{thoughts}{rest}"


def _without_closing_tag(text: str, text_format: TextFormat) -> str:
    return text.partition("</answer>")[0]


def _without_more(text: str, text_format: TextFormat) -> str:
    if not text_format.answer_mark or not text_format.has_answer(text):
        return text
    before, mark, behind = text.partition(text_format.answer_mark)
    return before + mark + behind[: len(behind) - len(behind.lstrip())] + behind.lstrip().split("\n", 1)[0]


def _with_single_blanks(text: str, text_format: TextFormat) -> str:
    return re.sub(r"\s+", " ", text)


RULES: dict[str, Callable[[str, TextFormat], str]] = {
    "end mark": _without_end,
    "code fence": _without_fence,
    "think block": _without_thoughts,
    "closing tag": _without_closing_tag,
    "text behind the answer": _without_more,
    "blanks": _with_single_blanks,
}
"""An end-of-text mark and all behind it; a code fence around the whole text; all up to `</think>` where the answer comes
behind it, else that mark; `</answer>` and all behind it; further lines behind the answer; several blanks or line ends in
a row, which become one blank."""


class Cleaner:
    """Applies the rules, and counts the texts that each of them changed."""

    def __init__(self, text_format: TextFormat) -> None:
        self.text_format = text_format
        self.counts: Counter[str] = Counter()

    def clean(self, text: str) -> str:
        """The text without what the rules take off, and without blanks at its ends where one of them did."""
        changed = False
        for name, rule in RULES.items():
            before, text = text, rule(text, self.text_format)
            if text.strip() != before.strip():
                self.counts[name] += 1
                changed = True
        return text.strip() if changed else text
