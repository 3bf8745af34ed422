"""What is kept comes back as it was, or is named."""

from __future__ import annotations

import numpy as np
import pytest

from alchemy import shelf
from alchemy.errors import UserError


def test_what_is_kept_comes_back(tmp_path):
    path, made = tmp_path / "deep" / "one.npz", np.array([[1.5, -np.inf], [np.nan, 0]], np.float32)
    assert shelf.load(path, made.shape) is None
    shelf.save(path, made, 2.5)
    found, seconds = shelf.load(path, made.shape)
    np.testing.assert_array_equal(found, made)
    assert found.dtype == made.dtype and seconds == 2.5 and [one.name for one in path.parent.iterdir()] == ["one.npz"]
    assert shelf.digest(made) == shelf.digest(found) != shelf.digest(made.T.copy())


def test_what_is_damaged_is_named(tmp_path):
    path = tmp_path / "one.npz"
    shelf.save(path, np.zeros((2, 3), np.int32), 1.0)
    with pytest.raises(UserError, match=r"one\.npz has shape \(2, 3\), not \(3, 2\)"):
        shelf.load(path, (3, 2))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"one\.npz is damaged"):
        shelf.load(path, (2, 3))
