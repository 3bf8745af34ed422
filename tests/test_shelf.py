"""What is kept comes back as it was, or is named."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy.errors import UserError
from alchemy.lab import store
from alchemy.record import digest


def test_what_is_kept_comes_back(tmp_path):
    path, made = tmp_path / "deep" / "one.npz", np.array([[1.5, -np.inf], [np.nan, 0]], np.float32)
    assert store.load(path, made.shape) is None
    store.save(path, made, 2.5)
    found, seconds = store.load(path, made.shape)
    np.testing.assert_array_equal(found, made)
    assert found.dtype == made.dtype and seconds == 2.5 and [one.name for one in path.parent.iterdir()] == ["one.npz"]
    assert digest(made) == digest(found) != digest(made.T.copy())


def test_what_is_damaged_is_named(tmp_path):
    path = tmp_path / "one.npz"
    store.save(path, np.zeros((2, 3), np.int32), 1.0)
    with pytest.raises(UserError, match=r"one\.npz has shape \(2, 3\), not \(3, 2\)"):
        store.load(path, (3, 2))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"one\.npz is damaged"):
        store.load(path, (2, 3))


def test_pieces_come_back_until_the_whole_is_kept(tmp_path):
    home, one = tmp_path / "whole.parts", (np.arange(3), np.ones((2, 2), np.float32))
    parts = store.Parts(home, every=0)
    assert parts.load("0-8") is None and parts.seconds == 0
    parts.keep("0-8", one)
    parts.keep("8-8", one[::-1])
    again = store.Parts(home)
    for name, kept in (("0-8", one), ("8-8", one[::-1])):
        for found, array in zip(again.load(name), kept, strict=True):
            np.testing.assert_array_equal(found, array)
            assert found.dtype == array.dtype
    assert again.seconds > 0 and again.load("16-8") is None
    (home / "0.npz").write_bytes(b"half")
    with pytest.raises(UserError, match=r"0\.npz is damaged"):
        store.Parts(home)
    (home / "0.npz").unlink()
    rest = store.Parts(home, every=0)
    assert rest.load("0-8") is None
    rest.keep("0-8", one)
    assert all(store.Parts(home).load(name) for name in ("0-8", "8-8")), "no file is written over another"
    again.drop()
    assert not list(tmp_path.iterdir())


def test_a_piece_waits_for_others(tmp_path):
    parts = store.Parts(tmp_path / "whole.parts", every=1000)
    parts.keep("0-8", (np.arange(3),))
    assert not parts.home.exists()
    parts.save()
    assert len(list(parts.home.iterdir())) == 1
