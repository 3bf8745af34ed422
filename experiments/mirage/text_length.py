"""Chain of thought does not reach other text lengths, whatever the position scheme; grouping helps, padding does not.

Source       Zhao et al., arXiv:2508.01191, section 6 and table 4 of v6 (l = 2..6 after training on l = 4), figure 7
             (padding strategies)
Prediction   Exact match is 100 % at l = 4 and 0 % elsewhere. The answer has the right letters and the wrong number of
             them: edit distance .5, .25, .2, .3333 at l = 2, 3, 5, 6, the floor of any answer of four letters (paper:
             .5000, .2540, .2000, .3337). No position scheme changes this. Training on lines that are grouped into blocks
             raises BLEU at l = 3 (.55 to about .70 in the paper's figure); padding changes nothing.
             Only arms that solve the trained length to 99 % say something about others; the rest is measured, drawn
             and not judged.
Refuted if   Some length but 4 is solved by more than 1 %; an answer's distance is not within .02 of the floor; grouping
             adds less than .05 BLEU at l = 3, or padding moves the distance there by more than .02.
Run          alchemy reproduce text_length --preset small      # 3-7 minutes on 2 CPU cores
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from alchemy.lab.lab import Lab
from alchemy.learning.data import Padding
from alchemy.problem.floors import length_law
from alchemy.report.former import (
    Check,
    Claim,
    at_least,
    at_most,
    near,
)
from alchemy.report.former_figures import Curves, Figure
from alchemy.stats.measure import paired_difference
from experiments.mirage.setting import (
    FULL,
    SMALL,
    SMOKE,
    Setting,
    profile,
)
from models.transformer import POSITIONS, Positions
from tasks.symbols import Symbols

CLAIM = Claim(
    sentence="Chain of thought does not reach other text lengths, whatever the position scheme; grouping helps.",
    source="arXiv:2508.01191, section 6, table 4 and figure 7",
    prediction="exact match 0 % off l = 4; answer distance .5, .25, .2, .3333 at l = 2, 3, 5, 6; grouping adds BLEU",
    refuted_if="over 1 % off l = 4, a distance not within .02 of the floor, or grouping adds under .05 BLEU at l = 3",
    headline=True,
)
TRAINED = 4
LONGEST = 28
"""Context of the models: the longest line, l = 6, has 24 tokens."""
SLOW: tuple[Positions, ...] = ("sinusoidal", "none", "random")
"""Schemes that need more steps before they solve what they are trained on, as grouped lines do."""


@dataclass(frozen=True)
class Config(Setting):
    more: int = 4
    positions: tuple[Positions, ...] = POSITIONS
    """Position schemes, all trained without padding; the first is the paper's."""
    paddings: tuple[Padding, ...] = ("pad", "group")
    """Strategies for the first scheme, beside none."""
    lengths: tuple[int, ...] = (2, 3, 4, 5, 6)


PRESETS = {
    "smoke": Config(**{**SMOKE, "more": 1}, positions=("learned", "rotary"), lengths=(3, 4)),
    "small": Config(**{**SMALL, "model": replace(SMALL["model"], context=LONGEST)}),
    "full": Config(**{**FULL, "model": replace(FULL["model"], context=LONGEST)}),
}


def run(config: Config, lab: Lab) -> dict[str, Any]:
    task = Symbols(length=(TRAINED,))
    measured: dict[str, Any] = {"lengths": list(config.lengths)}
    arms: list[tuple[Positions, Padding]] = [(scheme, "none") for scheme in config.positions]
    arms += [(config.positions[0], padding) for padding in config.paddings]
    at_three = {}
    for scheme, padding in arms:
        model = replace(config.model, positions=scheme)
        how = {} if padding == "none" else {"padding": padding, "context": model.context}
        name = scheme if padding == "none" else f"{scheme}, {padding}"
        runs = config.fit(
            lab, task, model=model, slow=scheme in SLOW or padding == "group", label=f"train {name}", **how
        )
        row = {}
        for length in config.lengths:
            test = replace(task, length=(length,))
            answers = lab.answer(runs, test, _tests(config.test, length), label=f"length {length}")
            row[str(length)] = {**profile(answers), "floors": answers.floors(task)}
            if length == 3:
                at_three[name] = answers
        measured[name] = row
    for padding in config.paddings:
        with_it, without = at_three[f"{config.positions[0]}, {padding}"], at_three[config.positions[0]]
        measured[f"{padding} - none"] = {
            metric: paired_difference(with_it.values(metric), without.values(metric), 0)
            for metric in ("bleu", "edit_distance")
        }
    return measured


def check(measured: Mapping[str, Any]) -> list[Check]:
    rows = _rows(measured)
    paper = rows["learned"]
    solved = paper[str(TRAINED)]["exact full"]
    checks = [at_least("learned, l = 4: exact", solved, 0.99, "solved", precondition=True)]
    for name, row in rows.items():
        if row[str(TRAINED)]["exact full"].mean < 0.99:
            continue
        for length, scores in row.items():
            exact = scores["exact full"]
            if length != str(TRAINED):
                few = exact.n < 400
                reason = "no success among the few held-out elements" if few else "the paper reports 0 %"
                checks.append(at_most(f"{name}, l = {length}: exact", exact, 0.06 if few else 0.01, reason))
    for length, scores in paper.items():
        if length != str(TRAINED):
            floor = length_law(int(length), TRAINED)
            checks.append(
                near(
                    f"learned, l = {length}: distance answer",
                    scores["distance answer"],
                    floor,
                    0.02,
                    "the paper's own numbers are within .004; four letters of 100 answers may be wrong",
                )
            )
    if "group - none" in measured:
        checks += [
            at_least(
                "group - none, l = 3: sentence BLEU",
                measured["group - none"]["bleu"],
                0.05,
                "a third of the .15 that the paper's figure shows",
            ),
            near(
                "pad - none, l = 3: distance",
                measured["pad - none"]["edit_distance"],
                0.0,
                0.02,
                "padding after the text is masked out, so training should be the same",
            ),
        ]
    return checks


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    lengths = measured["lengths"]

    def curves(metric: str) -> dict[str, Any]:
        return {name: [row[str(length)][metric] for length in lengths] for name, row in _rows(measured).items()}

    return [
        Curves(
            name="text_length",
            title="Only the trained length is solved",
            x_label="letters of an element",
            y_label="edit distance, answer",
            x=lengths,
            measured=curves("distance answer"),
            theory={"four right letters": [length_law(length, TRAINED) for length in lengths]},
            trained=(TRAINED - 0.15, TRAINED + 0.15),
        ),
        Curves(
            name="text_length_exact",
            title="Only the trained length is solved",
            x_label="letters of an element",
            y_label="exact match, full chain",
            x=lengths,
            measured=curves("exact full"),
            theory={},
            trained=(TRAINED - 0.15, TRAINED + 0.15),
        ),
    ]


def _tests(test: int, length: int) -> int:
    """No more tests than there are held-out elements: an eighth of 26^l."""
    return min(test, 26**length // 10)


def _rows(measured: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row for name, row in measured.items() if name != "lengths" and " - " not in name}
