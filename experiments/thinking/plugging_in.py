"""A verifier that writes its check lets best-of-n rise to all that the samples hold; at once it gains nothing, at any n.

Source       Verifiers that write before their verdict, arXiv:2408.15240; a vote is better at equal cost,
             arXiv:2504.01005. Task, controls and searches are ours
Prediction   Two linear equations modulo 7, both unknowns asked for at once (`tasks/equations`). A sample of the policy
             is right in one case of twenty, but one of 64 is for most problems, and wrong answers come as often as
             right ones. A verifier puts an answer into the equations: it writes products, sums, and behind each
             equation whether it holds, then the verdict. It has right samples above .98 of the wrong ones of the same
             problem; the best of 64 by it is right .3 more often than the best of 8, and misses .05 at most of the
             problems of which one is right. The best of 64 by a scalar verifier, by a written yes or no at once, and by
             one behind as much filler is at most .05 above one sample. The best of as many samples as 64 votes pay for,
             the verifier's tokens included, is .1 better than the vote; at the cost of 64 by the scalar it is .3
             better, and at that of a vote of 64 eliminations by a model that was trained as long to write these, .2.
             MCTS by the same verifier is at most .05 better than best-of-n at its cost.
Refuted if   One of these numbers is outside, in most seeds.
Controls     A seed counts if the policy's samples are right in .2 at most and one of 64 in .6 at least, and if the
             scalar verifier, before it learns of these problems, is right in .85 of the answers to single equations
             with one unknown that it learned from: it learns from verdicts, and starts from these weights. All models
             are of one size; all verifiers learn from as many answers, half of them right and half those of other
             problems, none of them the policy's own. How likely the policy itself finds an answer, the exact verifier,
             a vote weighed by plugging in, and searches by the scalar are beside these, unjudged; so is a beam, which
             has nothing to go by before an answer is whole. That eliminations are not learned in as many steps is no
             law: `linear_equations` learns longer ones in more steps, and where one chain is right there is nothing to
             choose. Nor is it one that verdicts are not learned at once: it is hard to learn from one bit a line.
             Whether verdicts follow marks that are changed, and answers eliminations, stands beside the verdict.
             In trials on seeds 900 and 901 one sample was right in .04 and .05, one of 64 in .76 and .77. Plugging in
             had right samples above 1.00 of the wrong ones; the best of 8 and of 64 by it were right in .21 and .76,
             .20 and .77. At once and behind filler it was .04 to .05 at any n, as in votes. Of eliminations .09 and .08
             were right, of votes of 64 of them .17 and .11, at whose cost plugging in came to .67 and .66; MCTS was .06
             and .04 behind at its cost, a beam .05 and .07. Scalar verifiers told .89 and .92 of single equations after
             400 steps, as good as a guess of new ones (.49, .55), and .52 and .80 where each of two equations had one
             unknown after 2,400, which is why that is no gate.
Run          alchemy reproduce plugging_in --preset small      # on 2 CPU cores, ten minutes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from alchemy.decoding.ledger import BUDGET
from alchemy.lab import verifiers, written_verdicts
from alchemy.lab.lab import Lab
from alchemy.lab.search import search
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import Runs, size
from alchemy.problem.split import Part, join
from alchemy.problem.streams import stream
from alchemy.report.claim import Check, Claim, Gate, at_least, at_most
from alchemy.report.figures import Bars, Curves, Figure
from alchemy.stats.replicates import gate_split
from alchemy.strategies.beam import Beam
from alchemy.strategies.best_of_n import BestOfN
from alchemy.strategies.mcts import Mcts
from alchemy.strategies.self_consistency import SelfConsistency
from alchemy.strategies.weighted_vote import WeightedVote
from alchemy.terminal import counted
from alchemy.testtime.answers import Answers, Samples
from alchemy.testtime.bank import Bank, Reader
from alchemy.testtime.judging import CANDIDATE, Judging, Way
from alchemy.testtime.learned_verifier import Verifier, labelled
from alchemy.testtime.replay import Curve, Replayed, curve, of_problems
from alchemy.testtime.rewards import LearnedReward, Reward, WrittenReward
from alchemy.testtime.simulated_verifiers import auc, exact, logprob, scored
from models.transformer import Transformer
from tasks.equations import Equations

CLAIM = Claim(
    sentence="A verifier that writes its check lets best-of-n rise to all that the samples hold; at once it gains nothing, at any n.",
    source="arXiv:2408.15240 and 2504.01005; task, controls and searches are ours",
    prediction="right above wrong .98; best of 64 .3 above best of 8 and .05 at most below any of 64; at once or behind filler .05 at most"
    " above one; at equal cost .1 above a vote, .3 above the scalar, .2 above eliminations; MCTS .05 better at most",
    refuted_if="one of these numbers outside",
    question="How is a budget best spent?",
    among="policies with wide coverage, and scalar verifiers that learned single equations",
)
PLUGS_IN, FILLER, AT_ONCE, SCALAR, OWN, EXACT = (
    "plugs in",
    "filler",
    "yes or no at once",
    "scalar",
    "own likelihood",
    "exact",
)
WRITERS: Mapping[str, Way] = {PLUGS_IN: "parts", FILLER: "filler", AT_ONCE: "none"}
"""Verifiers that write their verdicts, and what they write before them."""
VERIFIERS = (PLUGS_IN, FILLER, AT_ONCE, SCALAR, OWN, EXACT)
VOTE, ELIMINATION, BEAM, MCTS = "majority", "elimination", "beam", "MCTS"
STEP = 2
"""Tokens of a step of a search: the mark and the first unknown, then the next unknowns two by two, or one and the end."""


@dataclass(frozen=True)
class Config:
    """A policy that answers at once, and those that judge its answers; the defaults are the small scale."""

    seeds: int = 5
    """Replicates, each with weights, samples and test problems of its own. Five that agree are the fewest to hold."""
    test: int = 300
    """Held-out problems of each seed; a quarter is for gates."""
    samples: int = 64
    draws: int = 8
    """Random orders of the samples that are averaged."""
    modulus: int = 7
    unknowns: int = 2
    beam: Beam = Beam(16, 4)
    mcts: Mcts = Mcts(32, 7)
    model: Transformer = Transformer(width=64, layers=2, heads=4, context=80, tied=False, activation="relu")
    train: TrainConfig = TrainConfig(steps=300, batch=64, optimizer="muon", learning_rate=6e-3)
    """Of the policy."""
    checker: TrainConfig = TrainConfig(steps=800, batch=64, optimizer="muon", learning_rate=6e-3)
    """Of each verifier, and of models that write the elimination."""
    warm: TrainConfig = TrainConfig(steps=1000, batch=64, optimizer="muon", matrix_rate=0.01, learning_rate=3e-3)
    """Of the scalar verifier before that, on single equations with one unknown."""

    @property
    def task(self) -> Equations:
        return Equations(modulus=self.modulus, unknowns=self.unknowns, cot=False)

    @property
    def single(self) -> Equations:
        """One equation with one unknown."""
        return replace(self.task, unknowns=1)


SMALL = Config()
PRESETS = {
    "smoke": replace(
        SMALL,
        seeds=1,
        test=12,
        samples=8,
        draws=2,
        modulus=3,
        beam=Beam(4, 2),
        mcts=Mcts(4, 2),
        model=Transformer(width=16, layers=1, heads=2, context=48, tied=False, activation="relu"),
        train=TrainConfig(steps=8, batch=16, chunk=8),
        checker=TrainConfig(steps=8, batch=16, chunk=8),
        warm=TrainConfig(steps=8, batch=16, chunk=8),
    ),
    "small": SMALL,
    "full": replace(
        SMALL,
        seeds=10,
        test=2000,
        modulus=11,
        model=replace(SMALL.model, width=256),
        train=replace(SMALL.train, steps=3000, batch=256, matrix_rate=0.01, learning_rate=3e-3),
        checker=replace(SMALL.checker, steps=8000, batch=256, matrix_rate=0.01, learning_rate=3e-3),
        warm=replace(SMALL.warm, steps=4000, batch=256, matrix_rate=0.005, learning_rate=1e-3),
    ),
}


class Rival(NamedTuple):
    """Another way to spend as much on a problem, float (s,) each."""

    right: np.ndarray  # its answers that are right
    best: np.ndarray  # best of n by the verifier that plugs in, at the same cost


@dataclass(frozen=True)
class Measured:
    """Shares of right answers, float (s,) or (s, sizes), but where it says otherwise."""

    sizes: np.ndarray
    one: np.ndarray
    """Samples that are right, of problems for gates."""
    any: np.ndarray
    """Problems for gates one of whose samples is right."""
    single: np.ndarray
    """Right verdicts of the scalar verifier about single equations, when it had learned these."""
    within: Mapping[str, np.ndarray]
    """Right samples above wrong ones of the same problem, by verifier."""
    best: Mapping[str, np.ndarray]
    """Best of n, by verifier."""
    vote: np.ndarray
    """Majority of n."""
    weighted: np.ndarray
    """Vote of n, each of which weighs as much as plugging in says."""
    rivals: Mapping[str, Rival]
    """Ways to spend as much, by name."""

    def at(self, verifier: str, samples: int) -> np.ndarray:
        """Of the best of so many by a verifier, float (s,)."""
        return self.best[verifier][:, list(self.sizes).index(samples)]


def run(config: Config, lab: Lab) -> Measured:
    seeds, task = lab.seeds(config.seeds), config.task
    policy = lab.train(config.model, task, config.train, seeds=seeds, label="train policy")
    samples, bank = lab.bank(policy, task, config.test, config.samples)
    single = _scalar(config, lab, policy, config.single, config.warm)
    scalar = _scalar(config, lab, single.runs, task, config.checker)
    writers = {name: _writer(config, lab, way, seeds) for name, way in WRITERS.items()}
    bank = _judged_by(lab, bank, samples, scalar, writers)
    gate, rest = gate_split(config.test)
    tested, sizes = of_problems(bank, rest), 2 ** np.arange(int(np.log2(config.samples)) + 1)

    def replayed(strategy: Replayed, bank: Bank = tested) -> Curve:
        return curve(strategy, bank, sizes, stream("orders of samples"), config.draws)

    best, vote = {name: replayed(BestOfN(name)) for name in VERIFIERS}, replayed(SelfConsistency())
    eliminations = replayed(SelfConsistency(), of_problems(_eliminations(config, lab, seeds), rest))
    spent = {
        VOTE: vote,
        **{name: best[name] for name in (SCALAR, AT_ONCE, FILLER)},
        ELIMINATION: eliminations,
    }
    found = {name: (line.right[-1], line.flops[-1]) for name, line in spent.items()}
    found |= _searched(config, lab, policy, samples.of(rest), scalar, writers[PLUGS_IN])
    return Measured(
        sizes=sizes,
        one=bank.right[:, gate].mean(axis=(1, 2)),
        any=bank.right[:, gate].any(axis=2).mean(axis=1),
        single=_right_verdicts(config, lab, single),
        within={name: np.nanmean(auc(tested.scores[name], tested.right), axis=1) for name in VERIFIERS},
        best={name: _by_size(line) for name, line in best.items()},
        vote=_by_size(vote),
        weighted=_by_size(replayed(WeightedVote(PLUGS_IN))),
        rivals={
            name: Rival(right.mean(axis=1), best[PLUGS_IN].at(flops.mean(axis=1))[0].mean(axis=1))
            for name, (right, flops) in found.items()
        },
    )


def _by_size(line: Curve) -> np.ndarray:
    """Right answers, float (s, sizes)."""
    return line.right.mean(axis=2).T


def _writer(config: Config, lab: Lab, way: Way, seeds: Sequence[int]) -> Runs:
    """Verifiers that write their verdicts, of answers half of which are right."""
    judging = Judging(config.task, way)
    return lab.train(config.model, judging, config.checker, seeds=seeds, label=f"train verifier, check: {way}")


def _scalar(config: Config, lab: Lab, start: Runs, task: Equations, recipe: TrainConfig) -> Verifier:
    """Verifiers that score at once, from weights that are there, of answers drawn as those of the others are."""
    lines = recipe.steps * recipe.batch
    labels = [labelled(answers(lab, task, lines, seed, "train"), "outcome") for seed in start.seeds]
    label = f"train scalar verifier, {counted(task.unknowns, 'unknown')}"
    runs = lab.train(config.model, task, recipe, seeds=start.seeds, labels=labels, start=start, label=label)
    return Verifier(runs, "outcome")


def answers(lab: Lab, task: Equations, n: int, seed: int, part: Part) -> Samples:
    """One answer to each of `n` problems of a part, half of them right."""
    judging = Judging(task, "none")
    batch = lab.split.sample(judging, stream("answers to judge", seed), n, part)
    problem = {name: values for name, values in batch.problem.items() if name != CANDIDATE}
    return Samples(task, task.write(problem), batch.problem[CANDIDATE][None, :, None])


def _right_verdicts(config: Config, lab: Lab, verifier: Verifier) -> np.ndarray:
    """How often scalar verifiers are right about answers to single equations that they learned from, float (s,)."""
    pools = [answers(lab, config.single, config.test, seed, "train") for seed in verifier.runs.seeds]
    batch, completions = join([pool.batch for pool in pools]), np.concatenate([pool.completions for pool in pools])
    asked = Samples(config.single, batch, completions)
    good = verifiers.score_samples(lab, verifier, asked) > 0
    return np.asarray((good == asked.verify().answer).mean(axis=(1, 2)))


def _judged_by(lab: Lab, bank: Bank, samples: Samples, scalar: Verifier, writers: Mapping[str, Runs]) -> Bank:
    """The bank with the scores of all verifiers, and what they cost."""
    said = {name: written_verdicts.ask(lab, runs, samples, weighed=True) for name, runs in writers.items()}
    readers = {name: said[name].reader(runs) for name, runs in writers.items()}
    readers |= {SCALAR: Reader(size(scalar.runs.model))}
    scores = {name: verdict.good for name, verdict in said.items()}
    scores |= {SCALAR: verifiers.score_samples(lab, scalar, samples), OWN: logprob(bank), EXACT: exact(bank)}
    return scored(bank, **scores)._replace(readers=readers)


def _searched(
    config: Config, lab: Lab, policy: Runs, samples: Samples, scalar: Verifier, writer: Runs
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What searches find by either verifier, and its FLOPs, float (s, n) each."""
    task, batch, rows = samples.task, samples.batch, range(len(policy.seeds))
    judges: dict[str, list[Reward]] = {
        PLUGS_IN: [WrittenReward(writer, row, batch) for row in rows],
        SCALAR: [LearnedReward(scalar, row, task, batch) for row in rows],
    }
    found = {}
    for search_name, how in ((BEAM, config.beam), (MCTS, config.mcts)):
        for verifier, reward in judges.items():
            name = f"{search_name}, {verifier}"
            answered = search(lab, policy, task, batch, how, reward, step=STEP, label=name)
            right = Answers(task, batch, answered.completions).values("answer")
            found[name] = right, answered.ledger.flops
    return found


def _eliminations(config: Config, lab: Lab, seeds: Sequence[int]) -> Bank:
    """What models that were trained as long as the verifiers to write the elimination answer to the same problems."""
    task = replace(config.task, cot=True)
    runs = lab.train(config.model, task, config.checker, seeds=seeds, label="train to write the elimination")
    return lab.bank(runs, task, config.test, config.samples, label="bank of eliminations")[1]


def check(measured: Measured) -> list[Check]:
    most = int(measured.sizes[-1])
    best, one = measured.at(PLUGS_IN, most), measured.at(PLUGS_IN, 1)
    gates = [
        Gate("policy: right samples", measured.one, 0.0, 0.2, "solving is hard"),
        Gate("policy: any sample right", measured.any, 0.6, 1.0, "coverage is wide"),
        Gate("scalar: single equations that it learned", measured.single, 0.85, 1.0, "it learns from verdicts"),
    ]
    at_once = np.max([measured.at(name, most) for name in (SCALAR, AT_ONCE, FILLER)], axis=0)
    cost = "at the same cost: plugs in - "
    return [
        at_least("plugs in: right above wrong", measured.within[PLUGS_IN], 0.98, "asked for", gates=gates),
        at_least(
            f"plugs in: best of {most} - of 8",
            best - measured.at(PLUGS_IN, 8),
            0.3,
            "half of what is hidden",
            gates=gates,
        ),
        at_most(
            f"plugs in: any of {most} - best of {most}", measured.at(EXACT, most) - best, 0.05, "no regret", gates=gates
        ),
        at_most(f"at once or behind filler: best of {most} - one", at_once - one, 0.05, "it stays", gates=gates),
        *(
            at_least(
                f"{cost}{name}", measured.rivals[name].best - measured.rivals[name].right, bound, reason, gates=gates
            )
            for name, bound, reason in (
                (VOTE, 0.1, "wrong answers are as frequent"),
                (SCALAR, 0.3, "what is written pays"),
                (ELIMINATION, 0.2, "solving takes longer to learn"),
                (f"{MCTS}, {PLUGS_IN}", -0.05, "a tree adds nothing"),
            )
        ),
    ]


def in_lines(name: str) -> str:
    """A name under a bar."""
    return name.replace(", ", ",\n").replace("yes or no ", "yes or no\n").replace("own ", "own\n")


def figures(measured: Measured) -> list[Figure]:
    return [
        Curves(
            name="plugging_in",
            title="Best of n by verifiers that write, and by those that do not",
            x_label="samples n",
            y_label="right answers",
            x=measured.sizes.tolist(),
            log_x=True,
            measured={**measured.best, "majority": measured.vote, "vote weighed by plugging in": measured.weighted},
            theory={},
            note="one curve: plugs in, exact, and the vote weighed by plugging in",
        ),
        Bars(
            name="plugging_in_cost",
            title="Best of n by plugging in, and others, at the same cost",
            y_label="right answers",
            groups=[in_lines(name) for name in measured.rivals],
            measured={
                "best of n, plugs in": np.stack([rival.best for rival in measured.rivals.values()], axis=1),
                "the other": np.stack([rival.right for rival in measured.rivals.values()], axis=1),
            },
            theory={},
            note=BUDGET,
        ),
        Bars(
            name="plugging_in_within",
            title="Right samples above wrong ones of the same problem",
            y_label="right above wrong",
            groups=[in_lines(name) for name in measured.within],
            measured={"by verifier": np.stack(list(measured.within.values()), axis=1)},
            theory={"by verifier": [{PLUGS_IN: 0.98, EXACT: 1.0}.get(name, 0.5) for name in measured.within]},
            note="one half is chance",
        ),
    ]
