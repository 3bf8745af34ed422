"""Reasoners of one's own: trained, run in width and depth, found again, through the front door."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.lab.lab import Lab
from alchemy.lab.reasoners import fit, reason
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from models.recursive import Recursive
from tasks.boards import Boards

SMALL = ["--reasoner.width", "8", "--reasoner.layers", "1", "--reasoner.inner", "1", "--reasoner.transitions", "1"]
SHORT = ["--train.steps", "4", "--train.batch", "8", "--reasoner.supervision", "2", "--test", "6", "--quiet"]
TASK = ["boards", "--task.blanks", "2"]
RANDOM = ["--reasoner.start-noise", "1", "--width", "4", "--times", "2"]


def call(capsys, *args):
    """Exit code, and what the command printed on standard output and error."""
    code = main(["reason", *map(str, args)])
    return code, *capsys.readouterr()


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    command = [*TASK, *SMALL, *SHORT, *RANDOM, "--seeds", "2", "--shifts", "blanks=3", "--out", str(home)]
    assert main(["reason", *command]) == 0
    return home


def test_rows_are_parts_of_one_rollout(capsys, out):
    command = [*TASK, *SMALL, *SHORT, *RANDOM, "--seeds", 2, "--shifts", "blanks=3", "--out", out]
    code, text, _ = call(capsys, *command, "--json")
    told = json.loads(text)
    grid = [(row["test"], row["trajectories"], row["steps"]) for row in told["rows"]]
    assert code == 0 and grid == [
        (test, width, steps) for test in ("held out", "blanks=3") for steps in (2, 4) for width in (1, 2, 4)
    ]
    model = Recursive(width=8, layers=1, inner=1, transitions=1, supervision=2, start_noise=1.0)
    train = TrainConfig(steps=4, batch=8, optimizer="muon", matrix_rate=0.01, weight_decay=1.0)
    lab, task = Lab(out, Progress(quiet=True)), Boards(blanks=(2,))
    runs = fit(lab, model, task, train, seeds=2)
    assert np.allclose(told["last losses"], runs.trained.losses[:, -1])
    for row in told["rows"]:
        blanks = (2,) if row["test"] == "held out" else (3,)
        whole = reason(lab, runs, Boards(blanks=blanks), 6, width=4, depth=4)
        boards = whole.solution[:, :, : row["trajectories"], : row["steps"]]
        assert row["checked"] == (boards >= 0).any(axis=(2, 3)).mean(axis=1).tolist()
        assert row["found"] == row["checked"], "with one solution what is solved is all that is found"
        assert (row["latent_steps"], row["depth"]) == (row["trajectories"] * row["steps"], row["steps"])
        assert row["flops"] == 2 * runs.model.step_cost * row["latent_steps"]
        if row["trajectories"] == 1:
            assert row["vote"] == (boards[..., 0, -1] >= 0).mean(axis=1).tolist()


def test_a_table_says_what_its_columns_are(capsys, out):
    code, text, _ = call(capsys, *TASK, *SMALL, *SHORT, *RANDOM, "--seeds", 2, "--out", out)
    rows = text.splitlines()
    assert code == 0 and rows[0].split() == ["test", "w", "t", "checked", "vote", "found", "latent", "steps", "MFLOP"]
    assert [row.split()[2:4] for row in rows[1:7]] == [[w, t] for t in "24" for w in "124"]
    text = " ".join(text.split())  # lines are broken where a terminal is narrow
    assert "the median of 2 seeds" in text and "obeys the rules" in text


def test_a_dry_run_counts_what_is_there_and_makes_nothing(capsys, out):
    before = sorted(out.rglob("*"))
    command = [*TASK, *SMALL, *SHORT, "--reasoner.start-noise", 1, "--out", out, "--dry-run"]
    for seeds, stored in ((2, 2), (3, 2)):
        code, text, _ = call(capsys, *command, "--seeds", seeds, "--json")
        told = json.loads(text)
        assert code == 0 and (told["stored"], told["to train"], told["cells"]) == (stored, seeds - stored, 16)
    code, text, _ = call(capsys, *command, "--seeds", 3)
    assert code == 0 and "2 of 3 stored" in text and "nothing was made" in text
    assert sorted(out.rglob("*")) == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "name a task with boards: boards"),
        (["symbols"], "Symbols has no boards to read; tasks that have: boards"),
        (["boards", "--architecture", "recursve"], "reasoner 'recursve' is unknown; did you mean 'recursive'?"),
        (["boards", "--width", "4"], "4 trajectories of a reasoner that draws nothing are all the same"),
        (["boards", "--times", "6"], "times must be a power of two, not 6; the nearest is 4"),
        (["boards", "--test", "0"], "test must be at least 1, not 0"),
        (["boards", "--noise", "-1"], "noise must be at least 0, not -1.0"),
        (["boards", "--shifts", "size=9"], "shift 'size=9'"),
        (["boards", "--test", "1000000", "--times", "1024"], "lines of 16 tokens take at least"),
    ],
)
def test_bad_input_is_one_line(args, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, error = call(capsys, *args)
    assert code == 2 and message in error and len(error.splitlines()) == 1
    assert not [*tmp_path.iterdir()]
