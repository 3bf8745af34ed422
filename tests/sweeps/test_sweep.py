"""Sweeps through the front door: cells are the trainings that commands would do one by one, each once, whatever happens."""

from __future__ import annotations

import json
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy import discover
from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.progress import Stage
from alchemy.sweeps.grid import axis, draws, grid

SMALL = ["--model.width", "16", "--model.layers", "1", "--model.heads", "2", "--train.batch", "8", "--train.chunk", "4"]
TASK = ["--task.compositions", "F1 F2", "--task.alphabet", "ABCDEFGH"]
COMMON = [*TASK, *SMALL, "--seeds", "2", "--test", "20"]
VARY = ["--vary", "train.learning_rate=1e-3,6e-3", "train.steps=4,8"]
COSTS = {"seconds", "seconds_now", "processor_seconds_now", "compiling_now"}
CLAIM = '''"""Models learn."""
from dataclasses import dataclass
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.report.claim import Claim, at_least
from models.transformer import Transformer
from tasks.symbols import Symbols

CLAIM = Claim("Models learn.", "here", "they do", "they do not", "What does a step buy?")

@dataclass(frozen=True)
class Config:
    seeds: int = 2
    model: Transformer = Transformer(width=16, layers=1, heads=2, context=32)
    train: TrainConfig = TrainConfig(steps=4, batch=8, chunk=4)

PRESETS = {"smoke": Config(), "small": Config(), "full": Config()}

def run(config, lab):
    task = Symbols(compositions=("F1 F2",), alphabet="ABCDEFGH")
    runs = lab.train(config.model, task, config.train, seeds=config.seeds)
    further = lab.train(config.model, task, config.train, seeds=config.seeds, start=runs, stretch=1)
    return [lab.answer(each, task, 10).mean("answer") for each in (runs, further)]

def check(measured):
    return [at_least("learned", measured[0], 0.0, "none"), at_least("more", measured[1], 2.0, "more than there is")]

def figures(measured):
    return []
'''


def sweep(out, *args):
    return main(["sweep", *map(str, args), "--out", str(out), "--quiet"])


def records(out):
    """Every record under a directory by its cell's folder, without what it cost."""
    found = {path.parent.name: json.loads(path.read_text()) for path in out.glob("sweeps/*/*/record.json")}
    return {name: {key: value for key, value in each.items() if key not in COSTS} for name, each in found.items()}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out = tmp_path_factory.mktemp("swept")
    assert sweep(out, "train", "symbols", *VARY, *COMMON) == 0
    return out


def test_a_cell_is_the_training_that_the_command_would_do_alone(swept, tmp_path, capsys):
    """To the bit, though cells of one shape were trained together."""
    by_values = {tuple(record["values"].values()): record for record in records(swept).values()}
    assert by_values.keys() == set(product(("1e-3", "6e-3"), ("4", "8")))
    for rate in ("1e-3", "6e-3"):
        record = by_values[rate, "8"]
        args = ["train", "symbols", *COMMON, "--train.learning-rate", rate, "--train.steps", "8"]
        assert main([*args, "--out", str(tmp_path), "--quiet", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["tests"] == record["tests"] and told["model"] == record["model"]
    losses = [record["loss"] for record in by_values.values()]
    assert len({loss for pair in losses for loss in pair}) == 8, "every cell and seed has a loss of its own"


def test_what_has_a_record_is_not_run_again(swept, monkeypatch, capsys):
    """A larger sweep takes what a smaller one has made, and a smaller one has nothing to do."""
    before = records(swept)
    monkeypatch.setattr("alchemy.sweeps.cells.make_together", None)
    assert sweep(swept, "train", "symbols", *VARY, *COMMON, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [cell["state"] for cell in told["cells"]] == ["done"] * 4 and records(swept) == before
    assert sweep(swept, "train", "symbols", *VARY, *COMMON, "--first-seed", 5, "--dry-run") == 0
    out = capsys.readouterr().out
    assert out.count("to run") == 4 and "nothing was made" in out and records(swept) == before


def test_an_interrupted_sweep_goes_on_to_the_same_records(swept, tmp_path, monkeypatch):
    update, told = Stage.update, []

    def interrupted(stage, done, loss=None):
        update(stage, done, loss)
        told.append(done)
        if len(told) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Stage, "update", interrupted)
        assert sweep(tmp_path, "train", "symbols", *VARY, *COMMON) == 130
    assert len(list(tmp_path.glob("models/*.unfinished"))) == 1 and not records(tmp_path)
    assert sweep(tmp_path, "train", "symbols", *VARY, *COMMON) == 0
    assert records(tmp_path) == records(swept)


def test_a_table_a_figure_and_the_best_by_the_rule(swept, capsys):
    assert sweep(swept, "train", "symbols", *VARY, *COMMON, "--by", "loss", "--least") == 0
    text = " ".join(capsys.readouterr().out.split())  # lines are as wide as the terminal
    medians = {record["values"]["train.steps"] + record["values"]["train.learning_rate"]: np.median(record["loss"])
               for record in records(swept).values()}  # fmt: skip
    best = min(medians, key=medians.get)
    assert f"train.learning_rate={best[1:]} train.steps={best[0]}; the least median of 'loss'" in text
    [figure] = [path for path in swept.glob("sweeps/*/*/sweep.svg") if "loss" in path.read_text()]
    told = json.loads((figure.parent / "sweep.json").read_text())
    assert told["by"] == "loss" and len(told["cells"]) == 4 and told["ahead"]["first better"] in (0, 1, 2)


def test_runs_names_what_was_swept(swept, capsys):
    assert main(["runs", str(swept)]) == 0
    assert "train-symbols: train.learning_rate x train.steps, 4 cells\n" in capsys.readouterr().out
    assert main(["runs", str(swept), "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)["sweeps"]
    assert told["fields"] == ["train.learning_rate", "train.steps"] and (told["cells"], told["diverged"]) == (4, 0)


def test_a_training_that_diverges_is_said_and_not_the_best(tmp_path, capsys):
    args = ["train", "symbols", "--vary", "train.learning_rate=1e-3,1e38", "--train.steps", 8, *COMMON, "--json"]
    assert sweep(tmp_path, *args) == 0
    told = json.loads(capsys.readouterr().out)
    assert [cell["state"] for cell in told["cells"]] == ["done", "diverged"] and told["best"] == 1
    assert "is not finite" in json.dumps(records(tmp_path))
    assert main(["runs", str(tmp_path)]) == 0 and "2 cells, 1 diverged" in capsys.readouterr().out


def test_a_claim_under_other_configs(tmp_path, monkeypatch, capsys):
    """Each cell trains twice, the second time from the first; its record is that of a run, on seeds of its own."""
    folder = tmp_path / "swept_claims"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "learns.py").write_text(CLAIM)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(discover.FOLDERS, "claim", "swept_claims")
    out = tmp_path / "runs"
    assert sweep(out, "learns", "--vary", "train.steps=4,8", "--preset", "smoke", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [cell["score"] for cell in told["cells"]] == [[0.5, 0.5]] * 2, "one of two checks is met"
    assert told["best"] == 1, "of equals the one with fewer FLOPs"
    for record in records(out).values():
        assert record["verdict"] == "UNDECIDED" and record["lock"] is None
        assert record["config"]["train"]["steps"] in (4, 8) and len(record["checks"]) == 2
    assert not list(out.glob("claims/*"))


@pytest.mark.parametrize(
    "args, message",
    [
        ([], "name a claim, or train and a task"),
        (["train"], "name one task after train"),
        (["train", "symbol"], "did you mean 'symbols'?"),
        (["symbols"], "did you mean 'train symbols'?"),
        (["task_shif"], "did you mean 'task_shift'?"),
        (["train", "symbols"], "nothing is varied"),
        (["train", "symbols", "--vary", "train.step=1,2"], "did you mean 'train.steps'?"),
        (["train", "symbols", "--vary", "train.optimizer=adam"], "invalid choice 'adam'; did you mean 'adamw'?"),
        (["train", "symbols", "--vary", "train.steps=4,x"], "cell train.steps=x: "),
        (["train", "symbols", "--vary", "train.steps=4,0"], "cell train.steps=0: steps must be at least 1"),
        (["train", "symbols", "--vary", "test=0"], "cell test=0: test must be at least 1"),
        (["train", "symbols", "--vary", "train.steps"], "expected FIELD=VALUE,VALUE,..."),
        (["train", "symbols", "--vary", "train.steps=4,4"], "expected different values"),
        (["train", "symbols", "--vary", "seeds=1", "seeds=2"], "the field is named twice"),
        (["train", "symbols", "--vary", "train.steps=4..8"], "a range has no grid"),
        (["train", "symbols", "--vary", "train.steps=8..4", "--draw", 2], "expected a low end below the high one"),
        (["train", "symbols", "--vary", "train.clip=0..4:log", "--draw", 2], "expected ends above 0"),
        (["train", "symbols", "--vary", "seeds=1,2", "--draw", -1], "draw must be at least 0"),
        (["train", "symbols", "--vary", "seeds=1,2", "--on", "rai"], "did you mean 'ray'?"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(capsys, tmp_path, args, message):
    assert sweep(tmp_path / "runs", *args) == 2
    text, error = capsys.readouterr()
    assert text == "" and message in error and error.count("\n") == 1 and not (tmp_path / "runs").exists()


def test_a_score_that_is_none(swept, capsys):
    assert sweep(swept, "train", "symbols", *VARY, *COMMON, "--by", "los") == 2
    assert "did you mean 'loss'?" in capsys.readouterr().err


def test_without_ray_one_line_says_what_to_install(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("alchemy.sweeps.cluster.can_be_imported", lambda name: False)
    assert sweep(tmp_path, "train", "symbols", *VARY, *COMMON, "--on", "ray") == 2
    assert "pip install 'alchemy-lab[ray]'" in capsys.readouterr().err


VALUES = st.lists(st.integers(-50, 50).map(str), min_size=1, max_size=4, unique=True)


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=3))
def test_a_grid_is_every_combination_once(values):
    axes = [axis(f"f{number}={','.join(each)}") for number, each in enumerate(values)]
    assert [tuple(cell.values()) for cell in grid(axes)] == list(product(*values))
    few = draws(axes, 3, 0)
    assert len(few) == min(3, prod(map(len, values))) and all(cell in grid(axes) for cell in few)


@settings(deadline=None)
@given(st.integers(0, 9), st.booleans(), st.integers(1, 40), st.integers(1, 60))
def test_draws_are_within_their_ranges_and_more_go_on_from_fewer(seed, logarithmic, low, more):
    log = ":log" if logarithmic else ""
    axes = [axis(f"whole={low}..{low + more}{log}"), axis(f"real=1e-4..1e-2{log}"), axis("word=a,b")]
    cells = draws(axes, 6, seed)
    assert draws(axes, 3, seed) == cells[:3] and len({tuple(cell.values()) for cell in cells}) == 6
    for cell in cells:
        assert low <= int(cell["whole"]) <= low + more and cell["word"] in "ab"
        assert 1e-4 <= float(cell["real"]) <= 1e-2


def test_logarithms_are_uniform():
    """Half of the draws from four decades lie in the lower two, where without :log there is a hundredth."""
    shares = []
    for log in (":log", ""):
        cells = draws([axis(f"rate=1e-4..1.0{log}")], 400, 0)
        shares.append(np.mean([float(cell["rate"]) < 1e-2 for cell in cells]))
    assert abs(shares[0] - 0.5) < 0.1 and shares[1] < 0.05


def test_more_cells_than_a_sweep_holds():
    axes = [axis(f"f{number}={','.join(map(str, range(50)))}") for number in range(3)]
    with pytest.raises(UserError, match="125,000 cells, expected at most 10,000"):
        grid(axes)
