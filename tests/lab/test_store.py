"""Stored results come back as they were, or the file is named."""

from __future__ import annotations

import re
from threading import Event, Thread
from time import sleep

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.lab import store
from alchemy.record import commit, digest


def test_results_come_back_with_what_made_them(tmp_path):
    path, array = tmp_path / "deep" / "result.npz", np.array([[1.5, -np.inf], [np.nan, 0]], np.float32)
    assert store.load(path, {"scores": (2, 2)}) is None
    store.save(path, {"scores": array}, 2.5)
    result = store.load(path, {"scores": (2, None)})
    np.testing.assert_array_equal(result.arrays["scores"], array)
    assert result.arrays["scores"].dtype == array.dtype and (result.seconds, result.commit) == (2.5, commit())
    assert [file.name for file in path.parent.iterdir()] == ["result.npz"]
    assert digest(array) != digest(array.T.copy())


def test_damaged_or_foreign_files_are_named(tmp_path):
    path = tmp_path / "result.npz"
    store.save(path, {"scores": np.zeros((2, 3), np.int32)}, 1.0)
    with pytest.raises(UserError, match=r"result\.npz holds scores of shape \(2, 3\), not \(3, 2\)"):
        store.load(path, {"scores": (3, 2)})
    with pytest.raises(UserError, match=r"result\.npz holds no completions"):
        store.load(path, {"completions": (2, 3)})
    np.savez(path, scores=np.zeros((2, 3)))
    with pytest.raises(UserError, match="does not say what made it"):
        store.load(path, {"scores": (2, 3)})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"result\.npz is damaged"):
        store.load(path, {"scores": (2, 3)})


def test_pieces_come_back_until_the_whole_is_kept(tmp_path):
    home, arrays = tmp_path / "whole.parts", (np.arange(3), np.ones((2, 2), np.float32))
    pieces = store.Pieces(home, every=0)
    assert pieces.load("0-8") is None and pieces.seconds == 0
    pieces.keep("0-8", arrays)
    pieces.keep("8-8", arrays[::-1])
    again = store.Pieces(home)
    for name, stored in (("0-8", arrays), ("8-8", arrays[::-1])):
        for loaded, array in zip(again.load(name), stored, strict=True):
            np.testing.assert_array_equal(loaded, array)
            assert loaded.dtype == array.dtype
    assert again.seconds > 0 and again.load("16-8") is None
    (home / "0.npz").write_bytes(b"half")
    with pytest.raises(UserError, match=r"0\.npz is damaged"):
        store.Pieces(home)
    (home / "0.npz").unlink()
    rest = store.Pieces(home, every=0)
    assert rest.load("0-8") is None
    rest.keep("0-8", arrays)
    assert all(store.Pieces(home).load(name) for name in ("0-8", "8-8")), "no file is written over another"
    again.drop()
    assert not list(tmp_path.iterdir())


def test_a_piece_waits_for_others(tmp_path):
    pieces = store.Pieces(tmp_path / "whole.parts", every=1000)
    pieces.keep("0-8", (np.arange(3),))
    assert not pieces.home.exists()
    pieces.save()
    assert len(list(pieces.home.iterdir())) == 1


def test_two_processes_wait_for_each_other(tmp_path):
    """Locks are of open files, so that two of one process exclude each other, too."""
    home, events = tmp_path / "store" / "model", []

    def make(name, started, may_end):
        with store.alone(home, lambda text: events.append(f"{name} waits")):
            events.append(f"{name} begins")
            started.set()
            may_end.wait(5)
            events.append(f"{name} ends")

    begun, waiting, done = Event(), Event(), Event()
    done.set()
    first = Thread(target=make, args=("first", begun, waiting))
    first.start()
    begun.wait(5)
    second = Thread(target=make, args=("second", Event(), done))
    second.start()
    while "second waits" not in events:
        sleep(0.001)
    waiting.set()
    first.join()
    second.join()
    assert events == ["first begins", "second waits", "first ends", "second begins", "second ends"]
    assert list(home.parent.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:40],
        lambda data: re.sub(b"(PK\x01\x02-\x03)-", lambda start: start[1] + b"\xff", data),
        lambda data: data[:90] + bytes(20) + data[110:],
    ],
    ids=["empty", "cut", "version", "content"],
)
def test_damaged_archives_are_named(tmp_path, damage):
    path = tmp_path / "result.npz"
    store.save(path, {"a": np.arange(1000)}, 1.0)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"result\.npz is damaged"):
        store.load(path, {"a": (1000,)})
