"""What the words of claims and checks mean, said in each section of a page that has them."""

from __future__ import annotations

import re
from collections.abc import Iterator

WORDS = {
    "ID": "scenario: a composition that was trained",
    "CMP": "scenario: trained were three other compositions of the same transformations",
    "POOD": "scenario: of the two parts of a composition one was trained",
    "OOD": "scenario: neither part of a composition was trained",
    "SWAP": "scenario: the trained composition in the other order",
    "F1": "rotates each letter by 13 places in the alphabet",
    "F2": "moves each letter one place to the left",
    "exact": "share of problems on which all that is written is right, to the letter",
    "edit distance": "Levenshtein distance over the longer length: 0 is right, 1 is nothing in common",
    "BLEU": "of all texts together, over n-grams of up to four tokens",
    "evidence": "share of lists that start at the start, end at the right candidate, and go to neighbours of what was listed",
    "follow": "share of answers that are right for a chain in which a step was changed by hand",
    "ignore": "share of answers that stay as they were though a step of the chain was changed by hand",
    "from the text": "what the same probe tells from the tokens written so far, without the model",
    "law": "what is computed beforehand, without a model; each claim's prediction names it",
    "floor": "what predictors score that understand nothing",
    "majority": "the answer given most often",
    "weighted": "the answer with the largest sum of the verifier's scores",
    "best of n": "of n answers the one that the verifier scores highest",
    "learned verifier": "a model trained to tell right answers from wrong ones",
    "exact verifier": "the oracle itself",
    "MCTS": "tree search that visits steps by their reward so far and by how seldom they were tried",
    "beam": "the best few partial chains are kept after each step",
    "pilot": "the first answers to each prompt, which tell how hard it is",
    "facts": "what can be read off a prompt without a model, such as its length",
    "k": "how many times the compute an equal budget for every prompt takes to do as well",
    "R": "tokens that a model writes in its life for each that it was trained on",
    "plateau": "where accuracy stays as more answers are drawn",
    "petal": "a part of a graph with a short way, a long way and a dead end; depth counts them",
    "greedy": "the likeliest token each time",
    "T": "temperature of sampling",
    "rank correlation": "Spearman's: 1 if both order the models alike, -1 if oppositely",
    "A5": "the group of even permutations of five things; it is not solvable",
    "Z60": "the sums modulo 60",
}
_FOUND = re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, sorted(WORDS, key=len, reverse=True))) + r")(?![\w-])")


def explained(*texts: str) -> Iterator[tuple[str, str]]:
    """The words that the texts have, in the order of `WORDS`, with what they mean."""
    found = {match for text in texts for match in _FOUND.findall(text)}
    return ((word, meaning) for word, meaning in WORDS.items() if word in found)
