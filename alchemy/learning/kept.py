"""Programs kept from one process to the next as jax traced them.

jax keeps what XLA compiles, but finds it by a program that it has to trace and lower first, which for a small model takes
several times as long as reading what it finds. Here a program is found before it is traced: by the code of the packages that
are traced, by the values it is made for, by the types of its arguments and by what jax was told. What is not there, or cannot
be read or kept, is traced as ever; results are the same bits.

Whoever exchanges code in memory sets the environment variable ALCHEMY_RETRACE, and every program is traced.
"""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

import jax
from jax import export
from jax.experimental.compilation_cache import compilation_cache
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from alchemy.errors import UserError
from alchemy.record import write_whole

PACKAGES = (
    "alchemy.causal",
    "alchemy.decoding",
    "alchemy.latent",
    "alchemy.learning",
    "alchemy.practice",
    "alchemy.problem",
    "alchemy.testtime",
    "models",
)
"""All that is traced is code of these: functions of others, and those made for values of other types, are not kept."""
LIBRARIES = ("jax", "jaxlib", "flax", "optax")
VERSIONS = 4
"""Versions of the code whose programs stay, those that were added to last."""


_all: WeakSet[Kept] = WeakSet()


def place() -> Path | None:
    """Where programs are kept, which ALCHEMY_CACHE says; None where there is no home, or nothing can be written there."""
    try:
        found = Path(os.environ.get("ALCHEMY_CACHE") or Path.home() / ".cache" / "alchemy")
        found.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return found if os.access(found, os.W_OK) else None


@cache
def begin() -> None:
    """Have jax keep compiled programs, unless it was told where, or to keep none, or there is no place for them.

    What it compiled before was not kept, and it has to look again whether it may.
    """
    if not jax.config.jax_enable_compilation_cache or jax.config.jax_compilation_cache_dir is not None:
        return
    if (home := place()) is not None:
        jax.config.update("jax_compilation_cache_dir", str(home / "xla"))
        if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
        compilation_cache.reset_cache()


def forget() -> None:
    """Have this process forget all programs, those of jax too; they are found again where they are kept."""
    for kept in _all:
        kept.programs.clear()
    jax.clear_caches()


class _Traced(NamedTuple):
    program: export.Exported
    result: Any
    """The structure of what it returns; the program itself takes and returns lists of arrays."""


class Kept:
    """A function of arrays, compiled, that is traced once for the types of its arguments, by whatever process.

    `made_for` are all the values that decide what is traced: dataclasses of `PACKAGES`, numbers, texts and tuples of these. On
    a `mesh` each argument is placed by its spec; without one it is wherever it is. The arguments whose numbers are in
    `donated` are given to the program, and `options` to the compiler.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *made_for: Any,
        mesh: Mesh | None = None,
        specs: Sequence[PartitionSpec] = (),
        donated: tuple[int, ...] = (),
        options: dict[str, Any] | None = None,
    ) -> None:
        self._function, self._mesh, self._specs = function, mesh, tuple(specs)
        self._donated, self._options = donated, options
        devices = None if mesh is None else tuple(mesh.shape.items())
        known = _is_ours(function.__module__)
        self._name = _described((function.__module__, function.__qualname__, devices, made_for)) if known else None
        self._plain = jax.jit(function, donate_argnums=donated, compiler_options=options)
        self.programs: dict[Any, Callable[..., Any]] = {}
        """By structure and types of the arguments."""
        _all.add(self)

    def __call__(self, *args: Any) -> Any:
        leaves, tree = jax.tree.flatten(args)
        types = tuple(map(jax.typeof, leaves))
        program = self.programs.get((tree, types))
        if program is None:
            program = self.programs[tree, types] = self._found(args, tree, types) or self._plain
        return program(*args)

    def _found(self, args: tuple[Any, ...], tree: Any, types: tuple[Any, ...]) -> Callable[..., Any] | None:
        """The program as it was traced before or is traced now; None if it cannot be kept."""
        begin()
        folder = jax.config.jax_compilation_cache_dir
        off = not folder or not jax.config.jax_enable_compilation_cache or os.environ.get("ALCHEMY_RETRACE")
        if off or self._name is None:
            return None
        kinds = [(kind.shape, str(kind.dtype), kind.weak_type) for kind in types]
        name = sha256(repr((self._name, str(tree), kinds, _told())).encode()).hexdigest()
        home = Path(folder).parent / "traced" / _code() / name
        numbers = [number for number, arg in enumerate(args) for _ in jax.tree.leaves(arg)]
        places: dict[str, Any] = {}
        if self._mesh is not None:
            places["in_shardings"] = [NamedSharding(self._mesh, self._specs[number]) for number in numbers]
        traced = _read(home)
        if traced is None:
            try:
                traced = self._trace(tree, types, places)
            except (NotImplementedError, ValueError):  # jax cannot export all that it can compile
                return None
            _keep(home, traced)
        donated = tuple(leaf for leaf, number in enumerate(numbers) if number in self._donated)
        run = jax.jit(traced.program.call, donate_argnums=donated, compiler_options=self._options, **places)
        result = traced.result
        return lambda *args: jax.tree.unflatten(result, run(*jax.tree.leaves(args)))

    def _trace(self, tree: Any, types: tuple[Any, ...], places: dict[str, Any]) -> _Traced:
        results: list[Any] = []

        def flat(*leaves: Any) -> list[Any]:
            arrays, structure = jax.tree.flatten(self._function(*jax.tree.unflatten(tree, leaves)))
            results.append(structure)
            return arrays

        return _Traced(export.export(jax.jit(flat, **places))(*types), results[0])


def _read(home: Path) -> _Traced | None:
    """A program as it was written down; None if there is none, or what is there cannot be read."""
    if not home.exists():
        return None
    try:
        program, result = pickle.loads(home.read_bytes())
        return _Traced(export.deserialize(bytearray(program)), result)
    except ImportError:  # a library is missing, which is no fault of the file
        raise
    except Exception:  # whatever damage makes of a pickle: the program is traced and written anew
        return None


def _keep(home: Path, traced: _Traced) -> None:
    """Write a program down; where there is no room for it nothing is kept."""
    try:
        if not home.parent.exists():
            versions = sorted(home.parent.parent.glob("*"), key=lambda folder: folder.stat().st_mtime)
            for folder in versions[: 1 - VERSIONS]:
                shutil.rmtree(folder, ignore_errors=True)
        whole = pickle.dumps((bytes(traced.program.serialize()), traced.result))
        write_whole(home, lambda path: path.write_bytes(whole))
    except (OSError, UserError):
        return


def _described(value: Any) -> str | None:
    """What a value is, the same in every process; None where that cannot be said."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, tuple):
        parts = [_described(part) for part in value]
    elif is_dataclass(value) and _is_ours(type(value).__module__):
        parts = [repr(type(value)), *(_described(getattr(value, field.name)) for field in fields(value))]
    else:
        return None
    said = [part for part in parts if part is not None]
    return f"({', '.join(said)})" if len(said) == len(parts) else None


def _is_ours(module: str) -> bool:
    return any(f"{module}.".startswith(f"{name}.") for name in PACKAGES)


@cache
def _code() -> str:
    """A digest of the code that is traced, and of the libraries that trace it."""
    root = Path(__file__).resolve().parents[2]
    files = sorted(path for name in PACKAGES for path in (root / name.replace(".", "/")).rglob("*.py"))
    libraries = [f"{name} {version(name)}" for name in LIBRARIES]
    return sha256(b"".join([*(path.read_bytes() for path in files), repr(libraries).encode()])).hexdigest()[:16]


def _told() -> str:
    """The platform and the options of jax, but for those of its logs and its own cache."""
    options = sorted(
        (name, value) for name, value in jax.config.values.items() if not {"cache", "log"} & {*name.split("_")}
    )
    return f"{jax.default_backend()} {options}"
