"""Faults in a scratch tree: what is planted, which tests are run for it, what is noticed, and that nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faults import listed
from faults.plant import faults, planted, sample

ROOT = Path(__file__).parents[2]
SOURCE = """
LIMIT = 3


def grade(points: int, most: int = 10) -> str:
    if points > LIMIT and points <= most:
        return "passed"
    return "failed"


def unread(n: int) -> int:
    return n + 1


def loop(n: int) -> int:
    while n > 0:
        n -= 1
    return n
"""
TESTS = """
from alchemy.scratch import grade, loop


def test_grade():
    assert [grade(n) for n in (3, 4, 10, 11)] == ["failed", "passed", "passed", "failed"]


def test_loop():
    assert loop(3) == 0
"""


@pytest.fixture
def tree(tmp_path):
    for path, text in {
        "alchemy/__init__.py": "",
        "alchemy/scratch.py": SOURCE,
        "tests/test_scratch.py": TESTS,
        "pyproject.toml": "",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def changes(source: str) -> list[str]:
    return [fault.change for fault in faults(source, "m.py")]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["a < b -> a <= b"]),
        ("a is None", ["a is None -> a is not None"]),
        ("a / b", ["a / b -> a * b"]),
        ("a and b", ["a and b -> a or b"]),
        ("a += b", ["a += b -> a -= b"]),
        ("f(7)", ["7 -> 8"]),
        ("zip(a, b, strict=True)", []),
        ("a.reshape(2, -1)", ["2 -> 3", "-1 -> 1"]),
        ("f(0.5)", ["0.5 -> 1.0"]),
        ("f(True)", ["True -> False"]),
        ("if a: b", ["a -> not a"]),
        ("not a", ["not a -> a"]),
        ("min(a)", ["min(a) -> max(a)"]),
        ("a.any()", ["a.any() -> a.all()"]),
        ("x: list[3]", []),
        ("raise ValueError(1)", []),
        ("f'{1}'", []),
        ("f(1000)", []),
        ("'''words'''", []),
    ],
)
def test_what_is_planted(source, expected):
    assert changes(source) == expected


def test_a_fault_changes_one_place_of_the_code():
    values = {"a": 6, "b": 3}
    results = []
    for fault in faults("c = a / b + a / b", "m.py"):
        space = dict(values)
        exec(planted("c = a / b + a / b", fault), space)
        results.append(space["c"])
    assert sorted(results) == [0, 20, 20]


def test_a_fault_knows_the_function_it_is_in():
    source = (
        "A = 1\nclass C:\n    B = 2\n    def f(self, x=3):\n        def g():\n            return 4\n        return g\n"
    )
    assert {fault.change[0]: fault.function for fault in faults(source, "m.py")} == {
        "1": "",
        "2": "",
        "3": "",
        "4": "C.f",
    }


def test_a_larger_sample_adds_to_a_smaller_one():
    every = faults(SOURCE, "m.py")
    assert sample(every, 3, 7) == sample(every, 5, 7)[:3]
    assert sorted(sample(every, 99, 7), key=lambda fault: fault.place) == every
    assert sample(every, 99, 7) != sample(every, 99, 8)


def test_entries_are_about_a_line_and_a_change(tmp_path):
    path = tmp_path / "listed.toml"
    path.write_text('[[fault]]\nfile = "m.py"\nline = "return n + 1"\nchange = "1 -> 2"\nreason = "nobody reads it"\n')
    [entry] = listed.read(path)
    every = faults(SOURCE, "m.py")
    kept, dropped = listed.split(every, [entry])
    assert [fault.change for fault in dropped] == ["1 -> 2"]
    assert len(kept) == len(every) - 1
    assert listed.gone(every, [entry]) == []
    assert listed.gone(kept, [entry]) == [entry]


def test_an_entry_can_be_about_one_of_several_equal_changes(tmp_path):
    source = "def f(a):\n    return [1, a[1]]\n\n\ndef g(a):\n    return [1, a[1]]\n"
    every = [fault for fault in faults(source, "m.py") if fault.change == "1 -> 2"]
    assert sorted((fault.nth, fault.line) for fault in every) == [(1, 2), (2, 2), (3, 6), (4, 6)]
    path = tmp_path / "listed.toml"
    entry = '[[fault]]\nfile = "m.py"\nline = "return [1, a[1]]"\nchange = "1 -> 2"\nreason = "of the first function"\n'
    path.write_text(f"{entry}nth = 2\n\n{entry}nth = 5\n")
    entries = listed.read(path)
    [dropped] = listed.split(every, entries)[1]
    space: dict = {}
    exec(planted(source, dropped), space)
    assert space["f"]([0, 10, 20]) == [1, 20]
    assert listed.gone(every, entries) == entries[1:]


def test_every_entry_gives_its_reason_and_can_be_planted():
    entries = listed.read()
    files = {entry.file for entry in entries}
    every = [fault for file in files for fault in faults((ROOT / file).read_text("utf-8"), file)]
    assert all(entry.reason for entry in entries) and listed.gone(every, entries) == []


def run(tree: Path, *options: str) -> subprocess.CompletedProcess:
    """With less patience than usual for a loop without end."""
    program = "import sys; from faults import __main__, trial; trial.PATIENCE = 1; sys.exit(__main__.main())"
    command = [sys.executable, "-c", program, "--root", str(tree), "--module", "alchemy/*.py", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done


def test_a_run_notices_what_tests_notice_and_goes_on_where_it_stopped(tree):
    before = {path: path.read_bytes() for path in tree.rglob("*.py")}
    done = run(tree)
    assert [line.strip() for line in done.stdout.splitlines() if "    line" in line] == [
        "line 12: n + 1 -> n - 1    in  return n + 1",
        "line 12: 1 -> 2    in  return n + 1",
    ]
    assert done.returncode == 1
    assert {path: path.read_bytes() for path in tree.rglob("*.py")} == before
    again = run(tree)
    assert again.stdout == done.stdout and "1 of" not in again.stderr


MOMENTS = """
import functools


def doubled(n: int) -> int:
    return n * 2


FOUR = doubled(2)


def power(n):
    def of(base):
        return base**n
    return of


square = power(2)


def later(n):
    def of(base):
        return base - n
    return of


class Shape:
    @functools.cached_property
    def sides(self):
        return 3 + 1


class Square(Shape):
    @property
    def corners(self):
        return super().sides + 0

    @functools.cache
    def area(self, side):
        return side * side


def cases(n=2):
    return [n + 1]


def read_alone(n):
    return n + 5
"""
TESTS_OF_MOMENTS = """
import pytest
from alchemy.scratch import FOUR, Square, cases, later, read_alone, square


def test_import():
    assert FOUR == 4 and square(3) == 9


def test_nested():
    assert later(2)(7) == 5


def test_held():
    assert Square().corners == 4 and Square().area(3) == 9


@pytest.mark.parametrize("n", cases(), ids=["only"])
def test_collected(n):
    assert n == 3


ran = []


def test_before():
    ran.append(1)


def test_that_fails_alone():
    assert ran and read_alone(1) == 6
"""


def test_code_is_exchanged_where_that_notices_the_same_as_to_import_the_module_anew(tree):
    (tree / "alchemy/scratch.py").write_text(MOMENTS)
    (tree / "tests/test_scratch.py").write_text(TESTS_OF_MOMENTS)
    exchanged, anew = run(tree), run(tree, "--fresh", "--anew")
    assert exchanged.stdout == anew.stdout
    places = faults(MOMENTS, "alchemy/scratch.py")
    at_import = [fault for fault in places if fault.function in ("", "doubled", "power")]
    assert f"imported anew for {len(at_import)} of {len(places)} faults" in exchanged.stderr
    assert f"imported anew for {len(places)} of {len(places)} faults" in anew.stderr
    survivors = [line.rpartition("in  ")[2] for line in exchanged.stdout.splitlines() if line.startswith("    line")]
    assert set(survivors) == {"return super().sides + 0", "return n + 5"}
