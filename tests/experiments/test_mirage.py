"""The claims on arXiv:2508.01191: each check can hold and can fail, and seeds that did not learn decide nothing."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from alchemy.lab.lab import Lab
from alchemy.problem import floors
from alchemy.problem.floors import format_law, length_law, two_step_law
from alchemy.problem.shift import MODES
from alchemy.progress import Progress
from alchemy.report.claim import judge
from alchemy.stats.summary import largest_deviation
from alchemy.stats.verdict import Verdict
from alchemy.testtime.answers import Answers
from experiments.mirage import (
    answer_length,
    composition_diversity,
    diversity_limits,
    element_shift,
    element_shift_followed,
    finetuning,
    finetuning_order,
    format_noise,
    format_noise_followed,
    noise_law,
    padding,
    position_schemes,
    size_recovery,
    step_mixture,
    step_number,
    step_number_followed,
    task_shift,
    task_shift_followed,
    temperature_and_size,
    template_replay,
    text_length,
    text_length_followed,
    unseen_atoms,
)
from experiments.mirage.diverse import ChainTest, Following
from experiments.mirage.setting import PARTS, Scores, joined, scores
from tasks.symbols import Symbols

SEEDS = 10
LAW = two_step_law()


def seeds(value):
    """Seeds that agree: float (s,)."""
    return np.full(SEEDS, float(value))


def scored(exact=0.0, distance=0.0, bleu=0.0):
    """Scores of seeds that agree; `exact` and `distance` are of every part, or by part."""
    by_part = [value if isinstance(value, dict) else dict.fromkeys(PARTS, value) for value in (exact, distance)]
    exact, distance = ({part: seeds(value.get(part, 0)) for part in PARTS} for value in by_part)
    return Scores(exact, distance, seeds(bleu), seeds(bleu), seeds(0))


def compositions(learned=1, **exact):
    """Rows of the tables with an exact match by scenario."""
    pairs = (task_shift.ID, *task_shift.JUDGED, *task_shift.MEASURED_ONLY)
    return task_shift.Measured({p: task_shift.Row(seeds(learned), scored(exact.get(p.scenario, 0))) for p in pairs})


def replays(learned=1, off=0, swapped=1, **by_scenario):
    """Rows of the tables with distances by the law, but for what they are off by in a scenario."""
    law = {
        "CMP": {"full": LAW.cmp, "answer": LAW.answer},
        "POOD": {"full": LAW.pood},
        "OOD": {"full": LAW.ood},
        "SWAP": {"reasoning": LAW.reasoning, "full": LAW.pood},
    }
    rows = {}
    for pair in task_shift.JUDGED:
        distance = {part: value + by_scenario.get(pair.scenario, 0) for part, value in law[pair.scenario].items()}
        rows[pair] = task_shift.Row(seeds(learned), scored({"answer": swapped}, distance))
    rows[task_shift.ID] = task_shift.Row(seeds(learned), scored(1))
    return task_shift.Measured(rows)


def places(learned=1, solved=0):
    row = element_shift.Row(scored(learned), {1: scored(), 4: scored(solved)})
    return element_shift.Measured({"F1 F2": row})


def atoms(learned=1, written=0, absent=0):
    kinds = [{"F1": unseen_atoms.Row(scored(learned), scored(exact))} for exact in (written, absent)]
    return unseen_atoms.Measured(*kinds)


def steps(learned=1, paper=0, marker=0):
    rows = [step_number.Row(scored(learned), {1: scored(exact)}) for exact in (paper, marker)]
    return step_number.Measured(*rows)


def mixtures(learned=1, other=1, two=0.8, at_one=0):
    by_share = {0.0: (0, learned), 0.5: (other, two), 1.0: (learned, at_one)}
    return step_mixture.Measured(
        {3: {share: step_mixture.Mixture(*map(scored, exact)) for share, exact in by_share.items()}}
    )


def lengths(learned=1, shorter=0, longer=0, answers=0.0):
    """Tests by length whose answers have the law's distance, but for what they are off by."""
    exact = {2: shorter, 3: shorter, 4: learned, 5: longer, 6: longer}
    off = {2: answers, 3: 0, 4: 0, 5: 0, 6: 0}
    return {length: scored(exact[length], length_law(length) + off[length]) for length in exact}


def one_scheme(learned=1, **solved):
    return text_length.Measured(lengths(learned, **solved))


def schemes(learned=1, **solved):
    return position_schemes.Measured({"rotary": lengths(learned, **solved), "none": lengths(learned)})


def answers(learned=1, shorter=0.0, longer=0.0):
    tests = lengths(learned, answers=shorter)
    tests[6] = scored(0, length_law(6) + longer)
    return answer_length.Measured(tests)


def strategies(learned=1, gain=0.1, moved=0.0):
    def tests(bleu, distance):
        return {3: scored(0, distance, bleu), 4: scored(learned)}

    return padding.Measured(none=tests(0.5, 0.2), pad=tests(0.5, 0.2 + moved), group=tests(0.5 + gain, 0.2))


def noise(learned=1, rises=True, delete=0.3, modify=0.3, insert=0.4, fields=(0.3, 0.2, 0.1)):
    def arm(at_worst):
        middle = 0.05 if rises else 0.5
        noisy = {kind: {0.1: scored(0, middle), 0.3: scored(0, worst)} for kind, worst in at_worst.items()}
        return format_noise.Arm(scored(learned), noisy)

    at_worst = {"insert": insert, "delete": delete, "modify": modify, "hybrid": 0.3}
    assert at_worst.keys() == set(MODES)
    return format_noise.Measured(arm(at_worst), arm(dict(zip(format_noise.FIELDS, fields, strict=True))))


def hybrid(learned=1, off=0.0):
    tests = {p: scored(0, format_law(p) + off * (p == 0.3)) for p in (0.05, 0.1, 0.2, 0.3)}
    return noise_law.Measured(format_noise.Arm(scored(learned), {"hybrid": tests}))


def tuned(learned=1, **after):
    exact = {"ID": 1, "CMP": 0.9, "POOD": 0.5, "OOD": 0.4} | after
    judged = finetuning.JUDGED
    return finetuning.Measured(
        {
            name: finetuning.Start(seeds(learned), scored(), {judged - 1: scored(value), judged: scored(value)})
            for name, value in exact.items()
        }
    )


def temperatures(learned=1, moved=0.0, hot=0.7, size=0):
    tests = {0.0: scored(0, 0.3), 1.0: scored(0, 0.3 + moved), 5.0: scored(0, hot)}
    sampled = {name: temperature_and_size.Sampled(seeds(learned), tests) for name in temperature_and_size.SCENARIOS}
    sized = {
        width: {
            "CMP": temperature_and_size.Sized(seeds(learned), scored()),
            "OOD": temperature_and_size.Sized(seeds(learned), scored(size)),
        }
        for width in (8, 16)
    }
    return temperature_and_size.Measured(sampled, sized)


def sizes(learned=1, smallest=0.1, largest=0.2):
    recovered = {8: smallest, 16: 0, 32: largest}
    return size_recovery.Measured(
        {width: size_recovery.Size(seeds(learned), {46: seeds(0), 183: seeds(x)}) for width, x in recovered.items()}
    )


def diversity(learned=1, few=0.0, at_36=0.9, most=0.95, alone=0.1):
    unseen = {4: few, 12: 0.1, 36: at_36, 108: most}
    chain = {count: composition_diversity.Arm(scored(learned), scored(exact)) for count, exact in unseen.items()}
    return composition_diversity.Measured(chain, {108: composition_diversity.Arm(scored(0.5), scored(alone))})


def limits(learned=1, **solved):
    names = {"three_letters": "three letters", "five_letters": "five letters", "three_steps": "three steps"}
    shifted = {name: scored(solved.get(key, 0)) for key, name in names.items()}
    arm = composition_diversity.Arm(scored(learned), scored(1))
    return diversity_limits.Measured(arm, {**shifted, "noise .1": scored(0.5)})


def chained(exact=0.0, follow=0.0, distance=0.0):
    """A test of models that write steps, of whose answers a share follows an edited one."""
    return ChainTest(scored(exact, distance), Following(seeds(follow), seeds(0), seeds(1 - follow), seeds(1)))


def compositions_followed(learned=1, follow=1, paired=0, alone=0):
    exact = dict(zip(task_shift_followed.ONLY_ALONE, (paired, alone), strict=True))
    rows = {
        name: task_shift_followed.Row(chained(learned, follow), {"F1 F1": chained(0), "F1 F2": chained(value)})
        for name, value in exact.items()
    }
    return task_shift_followed.Measured(rows)


def lengths_followed(learned=1, follow=1, learned_places=0, rotary=0):
    solved = {"learned": learned_places, "rotary": rotary}
    tests = {scheme: {3: chained(), 4: chained(learned, follow), 5: chained(exact)} for scheme, exact in solved.items()}
    return text_length_followed.Measured(tests)


def steps_followed(learned=1, follow=1, one=0, three=0):
    single = ChainTest(scored(one), None)
    return step_number_followed.Measured({2: chained(learned, follow), 1: single, 3: chained(three)})


def elements_followed(learned=1, follow=1, places=0, letters=0):
    trained = chained(learned, follow)
    by_places = {0: trained, 1: chained(), 4: chained(places)}
    return element_shift_followed.Measured(by_places, trained, chained(letters))


def noise_followed(learned=1, follow=1, rises=True, delete=0.3, modify=0.3, insert=0.4, fields=(0.3, 0.2, 0.1)):
    at_worst = {"insert": insert, "delete": delete, "modify": modify, "hybrid": 0.3}
    at_worst |= dict(zip(format_noise_followed.FIELDS, fields, strict=True))

    def noisy(distance):
        return format_noise_followed.Noisy(seeds(distance), seeds(1))

    middle = 0.05 if rises else 0.5
    tests = {kind: {0.1: noisy(middle), 0.3: noisy(worst)} for kind, worst in at_worst.items()}
    return format_noise_followed.Measured(chained(learned, follow), tests)


CASES = {
    task_shift: (
        compositions,
        [({scenario: 0.5}, [f"{scenario}: exact"]) for scenario in task_shift.SCENARIOS],
    ),
    template_replay: (
        replays,
        [({scenario: 0.02}, [f"{scenario}: edit distance"]) for scenario in ("CMP", "POOD", "OOD", "SWAP")]
        + [({"swapped": 0.9}, ["SWAP: exact answer"])],
    ),
    element_shift: (places, [({"solved": 0.5}, ["F1 F2"])]),
    unseen_atoms: (
        atoms,
        [({"written": 0.5}, ["letters that chains wrote"]), ({"absent": 0.5}, ["letters in no text"])],
    ),
    step_number: (steps, [({"paper": 0.5}, ["paper's marker"]), ({"marker": 0.5}, ["constant marker"])]),
    step_mixture: (
        mixtures,
        [
            ({"other": 0.4}, ["3 steps, share .5: exact 3 steps"]),
            ({"two": 1}, ["3 steps, share .5: exact two steps"]),
            ({"at_one": 0.5}, ["3 steps, share 1: exact two steps"]),
        ],
    ),
    text_length: (one_scheme, [({"shorter": 0.02}, ["exact"]), ({"longer": 0.02}, ["exact"])]),
    position_schemes: (schemes, [({"shorter": 0.02}, ["rotary"]), ({"longer": 0.02}, ["rotary"])]),
    answer_length: (answers, [({"shorter": 0.1}, ["shorter"]), ({"longer": -0.1}, ["longer"])]),
    padding: (strategies, [({"gain": 0}, ["group"]), ({"moved": 0.05}, ["pad"]), ({"moved": -0.05}, ["pad"])]),
    format_noise: (
        noise,
        [
            ({"rises": False}, ["hybrid"]),
            ({"delete": 0.45}, ["insert - delete"]),
            ({"modify": 0.45}, ["insert - modify"]),
            ({"fields": (0.2, 0.3, 0.1)}, ["element - transformation"]),
            ({"fields": (0.3, 0.1, 0.2)}, ["transformation - instruction"]),
        ],
    ),
    noise_law: (hybrid, [({"off": 0.1}, ["hybrid"]), ({"off": -0.1}, ["hybrid"])]),
    finetuning: (tuned, [({"CMP": 0.4}, ["CMP"])]),
    finetuning_order: (
        tuned,
        [
            ({"ID": 0.85}, ["ID - CMP"]),
            ({"CMP": 0.45}, ["CMP - POOD"]),
            ({"POOD": 0.3}, ["POOD - OOD"]),
        ],
    ),
    temperature_and_size: (
        temperatures,
        [
            ({"moved": 0.02}, ["CMP, T = 1", "POOD, T = 1", "OOD, T = 1"]),
            ({"hot": 0.5}, ["T = 5"]),
            ({"size": 0.5}, ["width 8", "width 16"]),
        ],
    ),
    size_recovery: (sizes, [({"largest": 0.05}, ["width 32 - 8"])]),
    composition_diversity: (
        diversity,
        [
            ({"most": 0.85}, ["108 pairs, unseen"]),
            ({"few": 0.2}, ["4 pairs, unseen"]),
            ({"at_36": 0.4}, ["trained pairs at which half"]),
            ({"alone": 0.8}, ["108 pairs, chain - answers alone"]),
        ],
    ),
    diversity_limits: (
        limits,
        [
            ({"three_letters": 0.5}, ["three letters"]),
            ({"five_letters": 0.5}, ["five letters"]),
            ({"three_steps": 0.5}, ["three steps"]),
        ],
    ),
    task_shift_followed: (
        compositions_followed,
        [({"paired": 0.5}, ["F1 and F2 in other pairs"]), ({"alone": 0.5}, ["F1 and F2 only alone"])],
    ),
    text_length_followed: (
        lengths_followed,
        [({"learned_places": 0.5}, ["learned"]), ({"rotary": 0.5}, ["rotary"])],
    ),
    step_number_followed: (steps_followed, [({"one": 0.5}, ["1 step"]), ({"three": 0.5}, ["3 steps"])]),
    element_shift_followed: (
        elements_followed,
        [({"places": 0.5}, ["exact, largest"]), ({"letters": 0.5}, ["letters new to questions"])],
    ),
    format_noise_followed: (
        noise_followed,
        [
            ({"rises": False}, ["hybrid"]),
            ({"delete": 0.45}, ["insert - delete"]),
            ({"modify": 0.45}, ["insert - modify"]),
            ({"fields": (0.2, 0.3, 0.1)}, ["element - transformation"]),
            ({"fields": (0.3, 0.1, 0.2)}, ["transformation - instruction"]),
        ],
    ),
}
"""For each claim: what satisfies it, and changes that violate some of its checks and no other."""
NAMES = [module.__name__.rpartition(".")[2] for module in CASES]
FAULTS = [(module, make, change, names) for module, (make, faults) in CASES.items() for change, names in faults]


@pytest.mark.parametrize("module", CASES, ids=NAMES)
def test_a_claim_can_hold(module):
    checks = module.check(CASES[module][0]())
    judged = judge(module.CLAIM, checks)
    assert judged.verdict is Verdict.HOLDS
    assert len({check.name for check in checks}) == len(checks)
    assert all(check.gates for check in checks)
    assert {figure.name for figure in module.figures(CASES[module][0]())}


@pytest.mark.parametrize("module, make, change, names", FAULTS)
def test_each_check_can_fail_alone(module, make, change, names):
    judged = judge(module.CLAIM, module.check(make(**change)))
    assert judged.verdict is Verdict.FAILS
    failed = [
        check.name
        for check, outcome in zip(judged.checks, judged.outcomes, strict=True)
        if outcome.verdict is not Verdict.HOLDS
    ]
    assert len(failed) == len(names) and all(map(str.startswith, failed, names))


@pytest.mark.parametrize("module", CASES, ids=NAMES)
def test_every_check_is_shown_to_fail(module):
    make, faults = CASES[module]
    names = [name for _, names in faults for name in names]
    judged = [check.name for check in module.check(make()) if not check.name.startswith("none")]
    assert all(any(check.startswith(name) for name in names) for check in judged)


@pytest.mark.parametrize("module", CASES, ids=NAMES)
def test_seeds_that_did_not_learn_decide_nothing(module):
    make, faults = CASES[module]
    for change in ({}, *(change for change, _ in faults)):
        assert judge(module.CLAIM, module.check(make(learned=0.5, **change))).verdict is Verdict.UNDECIDED


FOLLOWED = [module for module in CASES if module.__name__.endswith("_followed")]


@pytest.mark.parametrize("module", FOLLOWED)
def test_models_that_ignore_their_chain_decide_nothing(module):
    make, faults = CASES[module]
    for change in ({}, *(change for change, _ in faults)):
        assert judge(module.CLAIM, module.check(make(follow=0.5, **change))).verdict is Verdict.UNDECIDED


def test_no_training_pair_is_the_same_function_as_a_composition_of_f1_and_f2():
    task = task_shift_followed.TASK
    held_out = {composition_diversity.function(task, name) for name in task_shift_followed.HELD_OUT}
    for only_alone in task_shift_followed.ONLY_ALONE.values():
        pairs = task_shift_followed.trained_pairs(only_alone)
        assert len(pairs) > 80 and not {composition_diversity.function(task, pair) for pair in pairs} & held_out
        assert only_alone.isdisjoint(" ".join(pairs).split())


def test_noisy_prompts_are_weighted_to_the_noise_they_are_named_for(tmp_path):
    """Of elements that noise changes few are kept; weighted, as many are clean as the probability says."""
    lab = Lab(tmp_path, Progress(quiet=True))
    task = Symbols().shift("noise=hybrid:0.3:element")(Symbols())
    batch = lab.held_out(task, 20_000, [0])
    weight = format_noise_followed.weights(lab, task, batch, 1)[0]
    clean = task.surface(batch) == task.identity(batch.problem)
    assert np.average(clean, weights=weight) == pytest.approx(0.7**4, abs=0.02)
    assert clean.mean() > 0.6


def test_the_law_of_replayed_templates_leaves_room_for_noise():
    """What a replayed template scores on 1,000 problems is well inside the margin of .01, largest deviation and all."""
    for trained, tested, part, law in (
        ("F2 F2", "F1 F1", "full", LAW.ood),
        ("F1 F2", "F1 F1", "full", LAW.pood),
        ("F1 F2", "F2 F1", "reasoning", LAW.reasoning),
    ):
        task, test = (Symbols(compositions=(composition,)) for composition in (trained, tested))
        batch = test.sample(np.random.default_rng(0), 5 * 1000)
        guess = floors.replay(task, batch)
        distance = Answers(test, batch, guess.reshape(5, 1000, -1)).mean("edit_distance", part)
        assert largest_deviation(distance[None], [law]).max() < 0.005


def test_held_out_pairs_are_functions_that_nobody_was_trained_on():
    task = Symbols(primitives=composition_diversity.PRIMITIVES, compositions=composition_diversity.PRIMITIVES)
    drawn = [composition_diversity.split_by_function(task, 36, seed) for seed in range(20)]
    for held_out, others in drawn:
        assert len(held_out) == 36 and len(others) == 108 and not set(held_out) & set(others)
        hidden, trained = (
            {composition_diversity.function(task, pair) for pair in pairs}
            for pairs in (held_out, others + composition_diversity.PRIMITIVES)
        )
        assert not hidden & trained
    assert len({held_out for held_out, _ in drawn}) == len(drawn)


def test_functions_are_equal_where_all_images_are():
    names = composition_diversity.PRIMITIVES
    task = Symbols(primitives=names, compositions=names, alphabet="ABCDEFGHIJKL")
    pairs = [f"{first} {second}" for first in names for second in names]
    elements = np.random.default_rng(0).integers(12, size=(500, 4)).astype(np.uint8)
    images = {}
    for pair in pairs:
        ops = np.repeat(task.ops_of((pair,)), len(elements), axis=0)
        images[pair] = task.machine.intermediates(ops, elements)[:, -1].tobytes()
    for pair in pairs:
        for other in pairs:
            same = composition_diversity.function(task, pair) == composition_diversity.function(task, other)
            assert same == (images[pair] == images[other])


def test_half_of_the_unseen_are_never_solved():
    checks = composition_diversity.check(diversity(few=0, at_36=0.1, most=0.2))
    [crossing] = [check for check in checks if check.name.startswith("trained pairs")]
    assert (crossing.values == inf).all()


def test_seeds_tested_one_by_one_are_scored_as_together():
    task = Symbols(compositions=("F1 F2",))
    batch = task.sample(np.random.default_rng(0), 30)
    guess = floors.chance(task, batch, np.random.default_rng(1))
    together = scores(Answers(task, batch, guess.reshape(3, 10, -1)))
    apart = joined(
        [
            scores(Answers(task, batch.rows(rows), guess[rows][None]))
            for rows in (slice(0, 10), slice(10, 20), slice(20, 30))
        ]
    )
    for part in PARTS:
        np.testing.assert_allclose(apart.exact[part], together.exact[part])
        np.testing.assert_allclose(apart.distance[part], together.distance[part])
    np.testing.assert_allclose(apart.corpus_bleu, together.corpus_bleu)
