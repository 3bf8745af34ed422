"""Trained models found again, their banks described, strategies compared: through the front door."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.discover import entries, find
from alchemy.errors import UserError
from alchemy.lab import pair_verifiers
from alchemy.lab.compare import strategy
from alchemy.lab.lab import Lab
from alchemy.lab.stored_models import choose, load, stored
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import size
from alchemy.problem.task import EOS
from alchemy.progress import Progress
from alchemy.strategies.beam import Beam
from alchemy.testtime.answers import Samples
from models.transformer import Transformer
from tasks.recheck import Recheck
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2", "F2 F1 F3"), alphabet="ABCDEF", length=(2, 3))
MODEL = Transformer(width=16, layers=1, heads=2, context=64, positions="rotary", tied=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    lab = Lab(root, Progress(quiet=True))
    lab.train(MODEL, TASK, TrainConfig(steps=30, batch=32, chunk=30, learning_rate=1e-2), seeds=2)
    return root


def solve(runs, *args):
    return main(["solve", "--out", str(runs), "--quiet", "--problems", "20", *args])


def test_a_trained_model_is_found_again(runs):
    choice = choose(runs)
    assert str(choice).startswith(choice.name) and "symbols, 1 x 16, 2 seeds, 30 steps" in str(choice)
    again = load(choice)
    assert again.task == TASK and again.model.width == 16 and again.seeds == (0, 1)
    written = Lab(runs, Progress(quiet=True)).answer(again, TASK, 10)
    assert written.completions.shape[:2] == (2, 10)
    assert stored(runs, "connectivity") == []


def test_a_bank_is_described_and_saved(runs, capsys, tmp_path):
    path = tmp_path / "bank.npz"
    assert (
        main(
            ["bank", "--out", str(runs), "--problems", "30", "--samples", "4", "--save", str(path), "--json", "--quiet"]
        )
        == 0
    )
    description = json.loads(capsys.readouterr().out)
    assert (description["seeds"], description["problems"], description["samples"]) == (2, 30, 4)
    assert list(description["any of"]) == ["1", "2", "4"] and description["any of"]["1"] == pytest.approx(
        np.mean(description["right_by_seed"])
    )
    assert set(description["right by fact"]["steps"]) == {"2", "3"}
    with np.load(path) as saved:
        assert saved["right"].shape == (2, 30, 4) and saved["fact steps"].shape == (2, 30)
        assert saved["right"].mean(axis=(1, 2)).tolist() == pytest.approx(description["right_by_seed"])
        kinds = {name: saved[name].dtype.kind for name in saved.files}
    assert "parameters" in kinds and set(kinds.values()) <= set("biuf"), (
        "numbers alone, which numpy reads without pickle"
    )
    assert main(["runs", str(runs)]) == 0
    assert "symbols" in capsys.readouterr().out


def test_a_dry_run_counts_tokens_and_writes_nothing(runs, capsys):
    """Chains of a search are as long as those of a bank; what two strategies choose from is counted once."""

    def told(*args):
        assert main([args[0], "--out", str(runs), "--problems", "24", "--dry-run", *args[1:], "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    before = sorted(runs.rglob("*"))
    prompt = 3 + 3 + len(["<think>"])
    # Letters and functions that are left after one step and after two, with <think> between; then the answer.
    gold = (3 + 2) + 1 + (3 + 1) + (1 + 3) + len(["</s>"])
    [bank] = told("bank", "--samples", "4")["to make"]
    assert (bank["seeds"], bank["tokens"]) == (2, 2 * 24 * (prompt + 4 * (gold + 4)))
    assert bank["flops"] == 2 * size(load(choose(runs)).model) * bank["tokens"]
    rows = told("solve", "--strategy", "direct", "self_consistency", "beam", "--budget", "4")["to make"]
    assert [row["tokens"] for row in rows[:2]] == [bank["tokens"], 0] and rows[2]["tokens"] > bank["tokens"]
    assert sorted(runs.rglob("*")) == before
    assert main(["bank", "--out", str(runs), "--problems", "24", "--samples", "4", "--quiet"]) == 0
    capsys.readouterr()
    assert told("bank", "--samples", "4")["to make"][0]["tokens"] == 0
    assert main(["solve", "--out", str(runs), "--problems", "24", "--budget", "4", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "direct at 4" in text and "stored" in text and text.endswith("nothing was made\n")


def test_strategies_are_compared_and_drawn(runs, capsys, tmp_path):
    figure = tmp_path / "compare.svg"
    names = ["direct", "best_of_n", "mcts"]
    assert solve(runs, "--strategy", *names, "--budget", "2", "4", "--figure", str(figure), "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["strategy"], row["budget"]) for row in rows] == [(name, n) for name in names for n in (2, 4)]
    assert all(
        row["bill"]["written"] > 0 and len(row["right"]) == 2 and all(0 <= share <= 1 for share in row["right"])
        for row in rows
    )
    assert figure.read_text().startswith("<?xml")
    assert solve(runs, "--strategy", "direct") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split()[:3] == ["strategy", "n", "right"] and "budget: FLOPs" in out[-1]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--strategy", "bem"), "did you mean 'beam'"),
        (("--strategy", "beam:widht=2"), "has no dial 'widht'; did you mean 'width'"),
        (("--strategy", "beam:width=two"), "expected a number"),
        (("--strategy", "beam:width=4", "--budget", "6"), "cannot be divided by a width of 4"),
        (
            (
                "--strategy",
                "best_of_n:score=exat",
            ),
            "did you mean 'exact'",
        ),
        (("--budget", "0"), "too small for one chain"),
        (("--problems", "0"), "problems must be at least 1"),
        (("--shift", "lenght=6"), "length"),
        (("nothing",), "is not in"),
        (("--strategy", "budget_forcing"), "Symbols has no continuation mark"),
        (("--task", "connectivity"), "no trained model of task 'connectivity'"),
    ],
)
def test_bad_input_is_one_line(runs, capsys, args, words):
    assert solve(runs, *args) == 2
    message = capsys.readouterr().err.strip()
    assert words in message and len(message.splitlines()) == 1


@pytest.mark.parametrize("reward", ["learned", "thinking"])
def test_a_learned_verifier_guides_searches_and_choices(runs, capsys, monkeypatch, reward):
    monkeypatch.setattr("alchemy.lab.compare.CHECKER", TrainConfig(steps=4, batch=16, chunk=4))
    names = ["beam:width=2", f"best_of_n:score={reward}"]
    assert solve(runs, "--strategy", *names, "--budget", "4", "--reward", reward, "--practice", "64", "--json") == 0
    beam, _ = json.loads(capsys.readouterr().out)
    assert beam["bill"]["checked"] > beam["bill"]["written"] > 0, "every step is judged from the beginning"
    assert len(beam["right"]) == 2 and all(0 <= share <= 1 for share in beam["right"])


def taught_pairs(lab, policy, config, *, form, problems):
    """A verifier that learns from right completions beside some with another last letter: models that know little write none."""
    batch = lab.split.sample(TASK, np.random.default_rng(0), problems, "train")
    texts = np.repeat(batch.completions()[:, None], 2, axis=1)
    last, first = (texts[:, 1] == EOS).argmax(axis=1) - 1, TASK.letters[0]
    rows = np.arange(problems)
    texts[rows, 1, last] = first + (texts[rows, 1, last] - first + 1) % len(TASK.letters)
    pools = [Samples(TASK, batch, texts[None])] * len(policy.seeds)
    return pair_verifiers.fit_to(lab, policy, config, pools, form=form)


def test_a_verifier_that_thinks_votes_stops_and_compares(runs, capsys, monkeypatch):
    """The same models: several checks are charged each, those that stop read less, and a tournament compares pairs."""
    monkeypatch.setattr("alchemy.lab.compare.CHECKER", TrainConfig(steps=4, batch=16, chunk=4))
    args = ["--budget", "4", "--reward", "thinking", "--practice", "64", "--problems", "8", "--json"]

    def checked(*given):
        assert solve(runs, *given, *args) == 0
        return [row["bill"]["checked"] for row in json.loads(capsys.readouterr().out)]

    best = "best_of_n:score=thinking"
    [once], [thrice], [stopped] = (
        checked("--strategy", best, *how)
        for how in ([], ["--checks", "3", "--combine", "vote"], ["--checks", "3", "--stop"])
    )
    assert thrice > 2 * once and stopped < thrice
    assert solve(runs, "--strategy", "tournament:score=thinking", *args) == 2
    assert "none of 64 problems has a good completion and another one among 4" in capsys.readouterr().err
    monkeypatch.setattr("alchemy.lab.compare.pair_verifiers.fit", taught_pairs)
    knockout, every = checked("--strategy", "tournament:score=thinking", "tournament:score=thinking,how=round_robin")
    assert once < knockout < every, "three pairs of four, and six"
    assert solve(runs, "--strategy", best, "--checks", "3") == 2
    assert "which does not think: expected 'thinking'" in capsys.readouterr().err


def test_written_verdicts_choose_among_answers(runs, capsys, monkeypatch):
    monkeypatch.setattr("alchemy.lab.compare.CHECKER", TrainConfig(steps=4, batch=16, chunk=4))
    args = ["--budget", "2", "--reward", "written", "--problems", "6", "--json"]
    assert solve(runs, "--strategy", "best_of_n:score=written", "--checks", "2", *args) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["bill"]["checked"] > 2 * row["bill"]["prompt"] and row["bill"]["calls"] == 2
    assert solve(runs, "--strategy", "beam:width=2", *args) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["bill"]["calls"] >= 1 and row["bill"]["checked"] > row["bill"]["calls"] * row["bill"]["prompt"]
    assert solve(runs, "--strategy", "beam:width=2", "--checks", "2", *args) == 2
    assert "2 checks of each answer by what guides a search; expected 1" in capsys.readouterr().err


def test_chains_are_forced(tmp_path, capsys):
    """As many tokens and drafts as asked for, on a task that has a continuation."""
    lab = Lab(tmp_path, Progress(quiet=True))
    task = Recheck(hops=(2,), most=3, noisy=True)
    lab.train(replace(MODEL, positions="learned"), task, TrainConfig(steps=4, batch=16, chunk=4), seeds=1)
    args = ["--strategy", "budget_forcing", "sequential_revision", "--budget", "1", "5", "--json"]
    assert solve(tmp_path, *args) == 0
    rows = {(row["strategy"], row["budget"]): row["bill"] for row in json.loads(capsys.readouterr().out)}
    written = [rows["budget_forcing", n]["written"] for n in (1, 5)]
    assert written[1] - written[0] > 3 and all(row["flops"] > 0 for row in rows.values())


def test_an_unfinished_model_is_named(runs, tmp_path):
    home = Path(tmp_path / "models" / "abc" / "def")
    home.mkdir(parents=True)
    key = choose(runs).keys[0]
    (home / "key.json").write_text(json.dumps(key))
    with pytest.raises(UserError, match="has no finished model"):
        load(choose(tmp_path))
    key["task"].pop("rotate")
    (home / "key.json").write_text(json.dumps(key))
    with pytest.raises(UserError, match="needs a field 'rotate'"):
        load(choose(tmp_path))


def test_every_strategy_is_found_by_its_file():
    assert {"beam", "mcts", "best_of_n", "self_consistency", "adaptive_consistency"} <= entries("strategy").keys()
    for name in entries("strategy"):
        kind = find("strategy", name)
        assert [hasattr(kind, method) for method in ("replay", "answer", "forcing")].count(True) == 1
        assert isinstance(strategy(name), kind)
    assert strategy("beam:n=6,width=3,apart=true") == Beam(6, 3, apart=True)
