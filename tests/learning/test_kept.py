"""Programs that are kept are traced once, by whatever process, and give the same bits as those that are traced each time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest.mock import Mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from alchemy.learning import kept
from alchemy.learning.kept import Kept, forget
from alchemy.learning.model import Params
from models.transformer import Transformer


class Pair(NamedTuple):
    sum: jax.Array
    key: jax.Array


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where this test's programs are kept."""
    monkeypatch.delenv("ALCHEMY_RETRACE", raising=False)
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "xla"))
    yield tmp_path / "traced"
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture
def asked(home):
    """Makes a program as a new process would, from code that stands in a package of ours; counts how often it is traced."""
    traced = []

    def made(*made_for, module="models.kernels", **how):
        def add(pair: Pair, x: jax.Array) -> Pair:
            traced.append(1)
            return Pair(pair.sum + x, jax.random.split(pair.key)[0])

        add.__module__ = module
        return Kept(add, *made_for, **how)

    made.traced = traced
    return made


@cache
def keys():
    """A key, and the first that it is split into."""
    key = jax.random.key(7)
    return key, jax.random.split(key)[0]


def call(program, shape=(4,)):
    result = program(Pair(np.zeros(shape, np.float32), keys()[0]), np.ones(shape, np.float32))
    assert isinstance(result, Pair)
    np.testing.assert_array_equal(result.sum, np.ones(shape))
    np.testing.assert_array_equal(*(np.asarray(jax.random.key_data(key)) for key in (result.key, keys()[1])))


@pytest.mark.parametrize("told", [None, "elsewhere", "off"])
def test_programs_are_kept_for_who_prepares_nothing(home, asked, monkeypatch, told):
    """A user of the library; jax is not told again where it was told before."""
    monkeypatch.setenv("ALCHEMY_CACHE", str(home.parent))
    jax.config.update("jax_enable_compilation_cache", told != "off")
    jax.config.update("jax_compilation_cache_dir", str(home.parent / told / "xla") if told == "elsewhere" else None)
    kept.begin.cache_clear()
    call(asked("a"))
    assert len(list(home.glob("*/*"))) == (told is None)
    assert len(list(home.parent.glob("elsewhere/traced/*/*"))) == (told == "elsewhere")


@pytest.mark.parametrize("where", ["a home", "no home", "a file", "below a file"])
def test_programs_are_kept_only_where_there_is_a_place(tmp_path, monkeypatch, where):
    (tmp_path / "file").touch()
    if where == "no home":  # as in a container whose user no file of users has
        monkeypatch.setattr(Path, "home", Mock(side_effect=RuntimeError("Could not determine home directory.")))
    homes = {"a home": tmp_path, "a file": tmp_path / "file", "below a file": tmp_path / "file" / "home"}
    monkeypatch.setenv("HOME", str(homes.get(where, tmp_path)))
    monkeypatch.delenv("ALCHEMY_CACHE", raising=False)
    assert kept.place() == (tmp_path / ".cache" / "alchemy" if where == "a home" else None)


def files(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("*") if path.is_file())


def test_what_one_process_traced_another_runs(asked, home):
    for _ in range(3):
        program = asked(Transformer(width=16), 3, "name", (1.5, None))
        call(program)
        call(program)
    assert len(asked.traced) == len(files(home)) == 1


def test_other_values_types_options_and_devices_are_other_programs(asked, home):
    call(asked(Transformer(width=16)))
    call(asked(Transformer(width=32)))
    call(asked(Transformer(width=16)), shape=(5,))
    with jax.default_matmul_precision("float32"):
        call(asked(Transformer(width=16)))
    mesh = Mesh(np.array(jax.devices()[:2]), ("rows",))
    call(asked(Transformer(width=16), mesh=mesh, specs=(P(), P("rows"))))
    assert len(asked.traced) == len(files(home)) == 5


@dataclass(frozen=True)
class Foreign:
    """A type whose code no digest has."""

    number: int = 1


@pytest.mark.parametrize(
    "how", [{"made_for": (Foreign(),)}, {"made_for": (len,)}, {"made_for": (), "module": "somebody.else"}]
)
def test_what_is_not_known_for_sure_is_traced_each_time(asked, home, how):
    made_for = how.pop("made_for")
    for _ in range(2):
        call(asked(*made_for, **how))
    assert len(asked.traced) == 2
    assert not files(home)


def test_whoever_exchanges_code_has_all_traced(asked, home, monkeypatch):
    call(asked(1))
    monkeypatch.setenv("ALCHEMY_RETRACE", "1")
    call(asked(1))
    assert len(asked.traced) == 2


@pytest.mark.parametrize("damage", [b"", b"no program", b"\x80\x04N."])
def test_a_damaged_program_is_traced_and_kept_anew(asked, home, damage):
    call(asked(1))
    (file,) = files(home)
    whole = file.stat().st_size
    file.write_bytes(damage)
    call(asked(1))
    call(asked(1))
    assert len(asked.traced) == 2
    assert files(home)[0].stat().st_size == whole


def test_where_nothing_can_be_kept_it_runs_all_the_same(asked, home):
    home.write_text("a file where the folder would be")
    call(asked(1))
    assert home.read_text()


def test_programs_of_old_code_go(asked, home):
    """All but those of the last four versions, this one included; what is no folder stays, and stands in nobody's way."""
    for number in range(6):
        (home / str(number)).mkdir(parents=True)
    (home / "a file").touch()
    os.utime(home / "a file", (0, 0))
    call(asked(1))
    assert len([path for path in home.iterdir() if path.is_dir()]) == 4
    call(asked(1))
    assert len(asked.traced) == 1


@pytest.mark.parametrize("file", ["readout", "engine", "train", "split", "learned_verifier", "transformer"])
def test_a_change_of_any_file_that_is_traced_is_other_code(monkeypatch, file):
    """One of each package; a program of the code before the change would be a wrong number without a word."""
    read, before = Path.read_bytes, kept._code.__wrapped__()
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path.stem == file))
    assert kept._code.__wrapped__() != before


def test_what_was_forgotten_is_found_again(asked, home):
    program = asked(1)
    call(program)
    forget()
    call(program)
    assert len(asked.traced) == 1


def test_an_error_of_the_function_is_its_own(home):
    def divide(x: jax.Array) -> jax.Array:
        raise ZeroDivisionError("no number")

    divide.__module__ = "models.kernels"
    with pytest.raises(ZeroDivisionError, match="no number"):
        Kept(divide, 1)(np.ones(2))


def test_arguments_that_are_given_away_are_gone(home):
    def double(x: jax.Array) -> jax.Array:
        return 2 * x

    double.__module__ = "models.kernels"
    x = jnp.ones(8)
    np.testing.assert_array_equal(Kept(double, 1, donated=(0,))(x), np.full(8, 2.0))
    assert x.is_deleted()


def test_the_gradient_of_a_model_has_the_same_bits_kept_read_and_traced(task, model, home):
    tokens = task.sample(np.random.default_rng(0), 16).tokens
    params = jax.jit(model.init)(keys()[0])

    def gradient(params: Params, tokens: jax.Array) -> Params:
        return jax.grad(lambda params: jax.nn.log_softmax(model.apply(params, tokens)).max(axis=-1).mean())(params)

    gradient.__module__ = "models.transformer"
    traced = jax.tree.leaves(jax.jit(gradient)(params, tokens))
    for _ in range(2):
        found = jax.tree.leaves(Kept(gradient, model)(params, tokens))
        assert all(map(np.array_equal, found, traced))
    assert len(files(home)) == 1
