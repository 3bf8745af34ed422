"""What the torture looks for is found where it is there, and a trial can be done again."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress

import numpy as np
import pytest

from torture import inputs, kills, process, work
from torture.trial import Trial


@pytest.mark.parametrize("content", [b'{"a": [1, {"b": "c"}]}', b'{"a": 1}\n{"a": 2}\n', b"a,b\n1,2\n", b"", b"PAR1"])
def test_damages_are_those_of_their_seed(content):
    several = [inputs.damaged(content, np.random.default_rng(seed)) for seed in range(40)]
    assert several == [inputs.damaged(content, np.random.default_rng(seed)) for seed in range(40)]
    assert len(set(several)) > (1 if content else 0)


def test_most_damages_of_json_are_other_values():
    content = json.dumps({"a": [1, {"b": "c"}], "d": None}).encode()
    parsed = 0
    for seed in range(60):
        with suppress(ValueError):
            parsed += json.loads(inputs.damaged(content, np.random.default_rng(seed))) is not Ellipsis
    assert parsed > 30


def test_scratch_files_are_seen_once(tmp_path):
    (tmp_path / "data" / ".data.1a2b").mkdir(parents=True)
    (tmp_path / "data" / ".data.1a2b" / ".inner").touch()
    (tmp_path / "data" / "test.jsonl").touch()
    (tmp_path / "runs" / "4.orbax-checkpoint-tmp-0").mkdir(parents=True)
    assert work.scratch(tmp_path) == ["data/.data.1a2b", "runs/4.orbax-checkpoint-tmp-0"]


def test_digests_leave_out_what_differs_from_run_to_run(tmp_path):
    """Seconds and commits in JSON and npz, hidden files and locks; nothing else."""
    digests = []
    for number, (seconds, right) in enumerate([(1.0, 1), (2.0, 1), (1.0, 2)]):
        home = tmp_path / str(number)
        home.mkdir()
        (home / "record.json").write_text(
            json.dumps({"seconds": seconds, "compiling_now": seconds, "right": 1, "inner": [{"commit": str(seconds)}]})
        )
        np.savez(home / "a.npz", right=np.array([right]), seconds=np.float64(seconds), commit=np.array(str(seconds)))
        (home / f".{seconds}").touch()
        (home / f"{seconds}.lock").touch()
        os.rename(home, tmp_path / "same")  # names are part of a digest
        digests.append(work._digest(tmp_path / "same"))
        os.rename(tmp_path / "same", home)
    assert digests[0] == digests[1] != digests[2] and work._digest(tmp_path / "none") == "absent"


class Told:
    """Commands that end as they are told to."""

    def __init__(self, code, err="", leave=None):
        self.code, self.err, self.leave = code, err, leave

    def __call__(self, argv, home):
        if self.leave:
            (home / self.leave).write_text("half")
        return self

    def ended(self, within=0.0):
        return None

    def send(self, number):
        pass

    def wait(self):
        return process.Ended(self.code, "", self.err, 0.1)


@pytest.fixture
def life(tmp_path, monkeypatch):
    """Lives of a command that leaves one file, and what went wrong in one of them, by how the command ends."""
    template = tmp_path / "template"
    template.mkdir()
    undisturbed = object.__new__(kills.Undisturbed)
    undisturbed.work, undisturbed.template, undisturbed.seconds = (
        work.Work("write", ("write",), ("out",)),
        template,
        0.0,
    )
    undisturbed.before, undisturbed.ends = {"out": "absent"}, {"out": "absent"}
    undisturbed.allowed = {"out": ("absent", "absent")}

    def lived(killed, number, again=None):
        monkeypatch.setattr(kills, "SIGNALS", (number,))
        monkeypatch.setattr(process, "start", killed)
        monkeypatch.setattr(process, "start_cold", killed)
        monkeypatch.setattr(process, "run", lambda argv, home: (again or Told(0)).wait())
        return list(kills.Life(undisturbed, tmp_path / "home", np.random.default_rng(0)).lived())

    return lived


def test_a_life_in_which_nothing_goes_wrong(life):
    assert life(Told(130), signal.SIGTERM) == life(Told(-signal.SIGKILL), signal.SIGKILL) == []


@pytest.mark.parametrize(
    ("killed", "number", "again", "says"),
    [
        (
            Told(1, f"Traceback {process.ROOT}/alchemy/cli/main.py\nKeyboardInterrupt"),
            signal.SIGINT,
            None,
            "a traceback",
        ),
        (Told(2, "alchemy: error: odd"), signal.SIGTERM, None, "SIGTERM: ended with 2: alchemy: error: odd"),
        (Told(130, leave="out"), signal.SIGINT, None, "out is neither as it was nor as it will be"),
        (Told(130, leave=".out.1a2b"), signal.SIGTERM, None, "SIGTERM: left .out.1a2b"),
        (
            Told(130),
            signal.SIGINT,
            Told(2, "alchemy: error: lost"),
            "given again, it ended with 2: alchemy: error: lost",
        ),
        (Told(-9, leave="out"), signal.SIGKILL, None, "out ends otherwise"),
    ],
)
def test_what_goes_wrong_in_a_life_is_said(life, killed, number, again, says):
    assert any(says in fault for fault in life(killed, number, again))


def test_a_trial_without_faults_went_well():
    assert not Trial("kills", "generate").faults
