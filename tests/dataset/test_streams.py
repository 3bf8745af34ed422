"""Splits are made some problems at a time: the bytes are the same as ever, the memory is not that of the file."""

import hashlib
import json
import os
import shutil
import sys
import tracemalloc

import numpy as np
import pytest

from alchemy import discover
from alchemy.cli.main import main
from alchemy.dataset import parquet, prompts
from alchemy.dataset.export import write_splits
from alchemy.dataset.manifest import read_manifest, read_recipe
from alchemy.dataset.verify import verify_splits
from alchemy.errors import UserError
from tasks.symbols import Symbols

SHIFTS = ("noise=hybrid:0.1",)
WRITTEN = {
    "symbols": ("cbee60a35536a629", "caaae9bc730e89b7", "87a59cdb4331aa58"),
    "connectivity": ("87d68527b47abab4", "89322986f8208d65", "abb50099e84679de"),
}
"""How the SHA-256 of train, test and noisy test began before files were made in pieces."""


def digests(directory):
    return tuple(entry["sha256"][:16] for entry in read_manifest(directory)["files"].values())


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("piece", [7, 1 << 16])
def test_files_are_those_of_the_first_version(name, piece, tmp_path, monkeypatch):
    monkeypatch.setattr("alchemy.problem.split.PIECE", piece)
    monkeypatch.setattr("alchemy.dataset.recipe.LINES_AT_ONCE", piece)
    write_splits(discover.find("task", name)(), tmp_path / "data", train=30, test=10, shifts=SHIFTS)
    assert digests(tmp_path / "data") == WRITTEN[name] and verify_splits(tmp_path / "data") == []


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    for name, size in (
        ("problem.split.DRAW", 2048),
        ("problem.split.PIECE", 256),
        ("dataset.recipe.LINES_AT_ONCE", 256),
        ("dataset.recipe.MEASURED_PROMPTS", 256),
    ):
        monkeypatch.setattr(f"alchemy.{name}", size)

    def peak(n, work):
        tracemalloc.start()
        work(n)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    def write(n):
        write_splits(Symbols(length=(6,)), tmp_path / str(n), train=n, test=10)

    def check(n):
        assert verify_splits(tmp_path / str(n)) == []

    few, many = 4_000, 20_000  # 16,000 more, of which hashes are kept and the largest run is merged in a copy
    assert peak(few, write) + 16_000 * 32 > peak(many, write)
    assert peak(few, check) + 16_000 * 80 > peak(many, check)
    assert (tmp_path / str(many) / "train.jsonl").stat().st_size > 16_000 * 150


@pytest.fixture(scope="module", params=WRITTEN)
def pair(request, tmp_path_factory):
    """The same splits in both formats."""
    pytest.importorskip("pyarrow")
    home = tmp_path_factory.mktemp("pair")
    for suffix in ("jsonl", "parquet"):
        args = ["--out", str(home / suffix), "--train", "300", "--test", "40", "--shifts", *SHIFTS, "--format", suffix]
        assert main(["generate", request.param, *args]) == 0
    return home


def test_parquet_has_the_same_lines(pair):
    plain, packed = (read_manifest(pair / suffix) for suffix in ("jsonl", "parquet"))
    assert "suffix" not in plain and packed["suffix"] == "parquet"
    assert sorted(os.listdir(pair / "parquet")) == sorted(["README.md", "manifest.json", *packed["files"]])
    assert [name.replace(".parquet", ".jsonl") for name in packed["files"]] == list(plain["files"])
    for (name, entry), (packed_name, packed_entry) in zip(plain["files"].items(), packed["files"].items(), strict=True):
        content = (pair / "parquet" / packed_name).read_bytes()
        assert (
            packed_entry["lines_sha256"] == entry["sha256"]
            and packed_entry["sha256"] == hashlib.sha256(content).hexdigest()
        )
        assert packed_entry.get("discrepancy") == entry.get("discrepancy")
        with parquet.open_lines(pair / "parquet" / packed_name) as file:
            assert file.read() == (pair / "jsonl" / name).read_bytes()
    assert verify_splits(pair / "parquet") == []
    text = (pair / "parquet" / "README.md").read_text()
    assert '"test-noise=hybrid-0.1.parquet"' in text and 'config_name: "noise=hybrid-0.1"' in text


def test_prompts_of_parquet_are_those_of_lines(pair, tmp_path):
    for suffix in ("jsonl", "parquet"):
        assert main(["prompts", str(pair / suffix), "--out", str(tmp_path / suffix)]) == 0
    names = sorted(os.listdir(tmp_path / "jsonl"))
    assert names == sorted(os.listdir(tmp_path / "parquet")) and len(names) == 3
    for name in names:
        assert (tmp_path / "jsonl" / name).read_bytes() == (tmp_path / "parquet" / name).read_bytes()


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_writing_and_verifying_tell_how_far_they_are(suffix, tmp_path, monkeypatch):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    monkeypatch.setattr("alchemy.dataset.recipe.LINES_AT_ONCE", 64)
    written, verified = [], []
    options = {"suffix": suffix, "progress": lambda *step: written.append(step)}
    write_splits(Symbols(), tmp_path / "data", train=150, test=10, **options)
    assert verify_splits(tmp_path / "data", lambda *step: verified.append(step)) == []
    train, test = f"train.{suffix}", f"test.{suffix}"
    assert written == verified == [*((train, n, 150) for n in (0, 64, 128, 150)), (test, 0, 10), (test, 10, 10)]


def test_row_groups_are_pieces(tmp_path, monkeypatch):
    arrow = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("alchemy.dataset.recipe.LINES_AT_ONCE", 64)
    write_splits(Symbols(), tmp_path / "data", train=300, test=10, suffix="parquet")
    with arrow.ParquetFile(tmp_path / "data" / "train.parquet") as file:
        assert file.metadata.num_row_groups == 5 and file.metadata.num_rows == 300
    assert verify_splits(tmp_path / "data") == []


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space left on device"), UserError)],
)
def test_no_half_written_parquet(failure, raised, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("alchemy.dataset.recipe.LINES_AT_ONCE", 64)

    def fail(name, done, total):
        if done >= 128:
            raise failure

    with pytest.raises(raised):
        write_splits(Symbols(), tmp_path / "data", train=300, test=10, suffix="parquet", progress=fail)
    assert os.listdir(tmp_path) == []
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
            parquet.write(full, [Symbols().jsonl(Symbols().sample(np.random.default_rng(0), 10))])


def test_verify_sees_parquet_that_differs(pair, tmp_path):
    data = shutil.copytree(pair / "parquet", tmp_path / "data")
    content = (data / "test.parquet").read_bytes()
    (data / "test.parquet").write_bytes(content[:-20])
    differences = verify_splits(data)
    assert (
        differences[0].startswith("test.parquet is no whole Parquet file")
        and "test.parquet: sha256 is" in differences[1]
    )
    assert len(differences) == 2
    with parquet.open_lines(pair / "parquet" / "test.parquet") as file:
        lines = file.readlines()
    with open(data / "test.parquet", "wb") as out:
        sums = parquet.write(out, [b"".join([*lines[:4], lines[5], *lines[5:]])])
    differences = verify_splits(data)
    assert differences[0].startswith("test.parquet: sha256 is") and differences[1].startswith(
        "test.parquet line 5 column "
    )
    edited = json.loads((data / "manifest.json").read_text())
    edited["files"]["test.parquet"] |= sums
    (data / "manifest.json").write_text(json.dumps(edited))
    differences = verify_splits(data)
    assert (
        differences[0].startswith("test.parquet line 5 column ")
        and "lines_sha256" in differences[1]
        and len(differences) == 2
    )


def test_without_the_library_one_line_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["generate", "symbols", "--out", str(tmp_path / "data"), "--format", "parquet"]) == 2
    assert "pip install '.[parquet]'" in capsys.readouterr().err and os.listdir(tmp_path) == []


def test_an_exhaustive_file_is_lines(tmp_path, capsys):
    args = ["--out", str(tmp_path / "all"), "--exhaustive", "--length", "1", "--format", "parquet"]
    assert main(["generate", "symbols", *args]) == 2
    assert "an exhaustive file is JSON lines" in capsys.readouterr().err


def test_noisy_prompts_keep_the_problem_behind_them(tmp_path):
    for name in WRITTEN:
        task = discover.find("task", name)()
        write_splits(task, tmp_path / name, train=30, test=10, shifts=SHIFTS)
        recipe = read_recipe(tmp_path / name)
        [noisy] = [file for file in recipe.files.values() if file.shift]
        records = list(prompts.worded(recipe, tmp_path / name, noisy, 0))
        assert len(records) == 10 and any(record["problem"] != record["input"] for record in records)
        for record in records:
            task.parse(record["problem"])
        path = tmp_path / name / noisy.name
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
        with pytest.raises(UserError, match="line 1 is not what the manifest gives"):
            list(prompts.worded(recipe, tmp_path / name, noisy, 0))
