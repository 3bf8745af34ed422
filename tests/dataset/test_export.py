"""Splits on disk are what the manifest says, or `verify` says what is not; nothing half-written is ever left."""

import json
import os
import shutil
from itertools import product
from string import ascii_uppercase
from types import SimpleNamespace

import pytest

from alchemy.cli.main import main
from alchemy.dataset import export
from alchemy.dataset.card import CARD
from alchemy.dataset.export import write_exhaustive, write_splits
from alchemy.dataset.manifest import read_recipe
from alchemy.dataset.verify import verify_splits
from alchemy.errors import UserError
from alchemy.problem.shift import Noise
from alchemy.problem.split import Split
from tasks.boards import Boards
from tasks.origins import Origins
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2", "F2 F1"), length=(3, 4))
SHIFTS = ("task=F2 F2,F1 F1", "length=5", "noise=delete:0.2", "noise=hybrid:0.3:element+length=6")
COUNTS = {"train": 300, "test": 60, "seed": 7}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    directory = tmp_path_factory.mktemp("splits") / "data"
    write_splits(TASK, directory, shifts=SHIFTS, split=Split(0.25, salt=3), **COUNTS)
    return directory


@pytest.fixture
def data(original, tmp_path):
    return shutil.copytree(original, tmp_path / "data")


def edit(directory, change):
    path = directory / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_what_is_written(original):
    content = json.loads((original / "manifest.json").read_text())
    files = ["train.jsonl", "test.jsonl", "test-task=F2-F2-F1-F1.jsonl", "test-length=5.jsonl"]
    files += ["test-noise=delete-0.2.jsonl", "test-noise=hybrid-0.3-element+length=6.jsonl"]
    assert list(content["files"]) == files
    assert sorted(os.listdir(original)) == sorted([*files, "README.md", "manifest.json"])
    for name, entry in content["files"].items():
        records = [json.loads(line) for line in (original / name).read_text().splitlines()]
        assert len(records) == entry["count"] == len({record["input"] for record in records})
        assert all(record["output"] for record in records)
    entry = content["files"]["test-task=F2-F2-F1-F1.jsonl"]
    assert entry["shift"]["name"] == "task=F2 F2,F1 F1" and entry["shift"]["axis"] == ["task"]
    assert entry["discrepancy"]["unseen_compositions"] == 1 and entry["discrepancy"]["divergence_2"] > 0
    assert content["files"]["train.jsonl"]["shift"] is None


def test_elements_are_disjoint_as_text(original):
    elements = {}
    for name in os.listdir(original):
        if name.endswith(".jsonl"):
            elements[name] = {json.loads(line)["element"] for line in (original / name).read_text().splitlines()}
    train = elements.pop("train.jsonl")
    assert len(elements) == 5 and not any(train & test for test in elements.values())


def test_round_trip(original):
    assert verify_splits(original) == []
    again = read_recipe(original)
    assert again.task == TASK and again.split == Split(0.25, salt=3) and again.shifts == SHIFTS


def test_a_manifest_keeps_noise_and_all_other_fields(tmp_path):
    task = Symbols(weights=(2.0,), atoms="ABCDEFGH", noise=Noise("insert", 0.2, "element"), rotate=7, cot=False)
    write_splits(task, tmp_path / "data", train=20, test=5)
    assert verify_splits(tmp_path / "data") == []
    assert read_recipe(tmp_path / "data").task == task


def test_files_do_not_depend_on_each_other(original, tmp_path):
    write_splits(TASK, tmp_path / "other", shifts=SHIFTS[1:2], split=Split(0.25, salt=3), **COUNTS | {"test": 60})
    for name in ("train.jsonl", "test.jsonl", "test-length=5.jsonl"):
        assert (tmp_path / "other" / name).read_bytes() == (original / name).read_bytes()


def test_verify_sees_a_flipped_byte(data):
    path = data / "test.jsonl"
    content = bytearray(path.read_bytes())
    place = content.index(b"answer>", len(content) // 2) + len(b"answer> ")
    content[place] = ord("A") if content[place] != ord("A") else ord("B")
    path.write_bytes(content)
    line = content[:place].count(b"\n") + 1
    differences = verify_splits(data)
    assert len(differences) == 2 and "test.jsonl: sha256 is" in differences[0]
    assert (
        differences[1].startswith(f"test.jsonl line {line} column ")
        and "expected" in differences[1]
        and "found" in differences[1]
    )


@pytest.mark.parametrize("column", [1, 24, 25, 26, 90, "72 behind"])
def test_lines_that_differ_are_quoted_from_shortly_before(data, column):
    """At most 24 characters before, and of what is quoted at most 72, the three dots counted."""
    path = data / "test.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    column = len(lines[1]) - 44 if column == "72 behind" else column
    wrong = lines[1][: column - 1] + b"#" + lines[1][column:]
    path.write_bytes(b"".join([lines[0], wrong, *lines[2:]]))

    def quoted(line):
        text = repr(line[max(0, column - 25) :].decode())
        return text if len(text) < 73 else text[:69] + "..."

    says = f"test.jsonl line 2 column {column}: expected {quoted(lines[1])}, found {quoted(wrong)}"
    assert says in verify_splits(data)


def test_verify_sees_missing_and_extra_files(data):
    (data / "test.jsonl").unlink()
    (data / "notes.txt").write_text("mine")
    assert verify_splits(data) == ["test.jsonl: missing", "notes.txt: not in the manifest"]


LEFT_BY_TOOLS = (".DS_Store", "._test.jsonl", ".gitattributes", "Thumbs.db")


def test_what_systems_leave_is_no_part_of_a_directory(data, tmp_path, capsys):
    for home in (data, tmp_path / "new"):
        home.mkdir(exist_ok=True)
        for name in LEFT_BY_TOOLS:
            (home / name).write_bytes(b"\0\5\x16\7")
    assert verify_splits(data) == []
    write_splits(TASK, tmp_path / "new", train=20, test=5)
    write_splits(TASK, tmp_path / "new", train=20, test=5, force=True)
    assert verify_splits(tmp_path / "new") == [] and {*LEFT_BY_TOOLS} < {*os.listdir(tmp_path / "new")}
    assert main(["score", str(data), "--quiet", "--json", "--training", "--manifest", str(data)]) == 0
    assert "._test" not in json.loads(capsys.readouterr().out)["files"]


def test_verify_names_other_line_ends(data):
    for name in ("test.jsonl", "train.jsonl"):
        path = data / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    differences = verify_splits(data)
    assert [text.partition(":")[0] for text in differences] == ["train.jsonl", "test.jsonl"]
    assert all("its lines end in CRLF" in text and "right ones otherwise" in text for text in differences)
    path.write_bytes(path.read_bytes() + b"{}\r\n")
    assert any("train.jsonl: sha256 is" in text for text in verify_splits(data)), "and not only these"


def test_verify_names_other_line_ends_of_the_card(data):
    path = data / CARD
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    [difference] = verify_splits(data)
    assert difference.startswith("README.md: its lines end in CRLF")


def test_verify_sees_truncation(data):
    path = data / "train.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    differences = verify_splits(data)
    assert differences[0].startswith("train.jsonl line 300: no JSON object") and len(differences) == 3
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert "train.jsonl: 299 lines, the manifest says 300" in verify_splits(data)
    assert any("line 300: expected" in line and "the end of the file" in line for line in verify_splits(data))


def test_verify_sees_foreign_lines(data):
    with open(data / "test.jsonl", "ab") as out:
        out.write(b'{"question": "?"}\n')
    differences = verify_splits(data)
    assert differences[0].startswith("test.jsonl line 61: no JSON object with input and output")
    assert any(line.startswith("test.jsonl line 61: expected the end of the file") for line in differences)


def test_verify_sees_a_training_prompt_in_the_test(data):
    first = (data / "train.jsonl").read_bytes().splitlines(keepends=True)[0]
    with open(data / "test.jsonl", "ab") as out:
        out.write(first)
    assert "test.jsonl line 61: its prompt is also in train.jsonl (1 such lines)" in verify_splits(data)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(seed=8), "train.jsonl line 1"),
        (lambda m: m["config"].update(rotate=3), "train.jsonl line 1"),
        (lambda m: m["split"].update(salt=4), "train.jsonl line "),
        (lambda m: m.update(train=299), "train.jsonl: 300 lines, the manifest says 299"),
        (lambda m: m.update(generator_version=0), "manifest: written by generator 0, this is 1"),
        (
            lambda m: m.pop("manifest_version"),
            "manifest: is of version 1, this writes 2; generate it again with --force",
        ),
        (lambda m: m["files"]["test.jsonl"]["overlap"].update(structures=0.5), "overlap structures: is 0.5,"),
        (lambda m: m.update(comment="hello"), "manifest: unexpected field 'comment'"),
        (lambda m: m["files"].pop("test.jsonl"), "manifest files: no field 'test.jsonl'"),
        (lambda m: m["files"]["test.jsonl"].update(count=61), "manifest files test.jsonl count: is 61"),
        (
            lambda m: m["files"]["test.jsonl"]["discrepancy"].update(divergence_1=0.5),
            "discrepancy divergence_1: is 0.5",
        ),
        (lambda m: m.update(shifts=["length=5"]), "test-noise=delete-0.2.jsonl: not in the manifest"),
        (lambda m: m.update(train=10**6), "cannot be regenerated: train.jsonl: only"),
    ],
)
def test_verify_sees_an_edited_manifest(data, change, says):
    if says.startswith("cannot"):
        edit(data, lambda m: m["config"].update(length=[2], alphabet="ABCD"))
    edit(data, change)
    assert any(says in line for line in verify_splits(data))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.pop("format"), "corrupt or foreign"),
        (lambda m: m.pop("seed"), "no field 'seed'"),
        (lambda m: m.update(seed="7"), 'seed is "7"'),
        (lambda m: m.update(train=0), "at least 1"),
        (lambda m: m.update(train=10**15), "at most"),
        (lambda m: m.update(task="symbls"), "did you mean 'symbols'"),
        (lambda m: m.update(shifts=["lenth=5"]), "did you mean 'length'"),
        (lambda m: m.update(shifts=["length=5", "length=5"]), "two shifts"),
        (lambda m: m["config"].pop("rotate"), "needs a field 'rotate'"),
        (lambda m: m["config"].update(colour=1), "has no field 'colour'"),
        (lambda m: m["config"].update(length=4), "length is 4"),
        (lambda m: m["config"].update(length=["four"]), 'length is "four"'),
        (lambda m: m["config"].update(length=[0]), "length 0"),
        (lambda m: m["config"].update(noise={"mode": "insert", "p": 1.5, "field": "all"}), "outside [0, 1]"),
        (lambda m: m["config"].update(dialect="latin"), 'dialect is "latin"'),
        (lambda m: m["split"].update(test_share=1.0), "outside (0, 1)"),
        (lambda m: m.update(split=[]), "expected the fields of Split"),
    ],
)
def test_a_corrupt_manifest_is_an_error(data, change, says):
    edit(data, change)
    with pytest.raises(UserError) as error:
        verify_splits(data)
    assert says in str(error.value) and "manifest.json" in str(error.value)


def test_what_a_manifest_says_is_escaped_where_it_is_shown(data, capsys):
    edit(data, lambda m: m["files"]["test.jsonl"].update(sha256="\x1b[2J"))
    assert main(["verify", str(data), "--quiet"]) == 1
    out = " ".join(capsys.readouterr().out.split())  # lines are broken where a terminal is narrow
    assert "\x1b" not in out and "the manifest says \\x1b[2J" in out


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_none(data, content):
    (data / "manifest.json").write_bytes(content)
    with pytest.raises(UserError, match="corrupt"):
        verify_splits(data)


@pytest.mark.parametrize(
    ("shifts", "says"),
    [
        (["task=F1 F2"], "compositions 'F1 F2' is also trained on"),
        (["task=F2 F2,F2  F1"], "compositions 'F2 F1' is also trained on"),
        (["length=4"], "length 4 is also trained on"),
        (["steps=2"], "also trained on"),
        (["length=5", "length=5"], "two shifts"),
        (["noise=insert:1.5"], r"outside \[0, 1\]"),
        (["length=zero"], "not a number of letters"),
        (["lenght=5"], "did you mean 'length'"),
    ],
)
def test_impossible_shifts(tmp_path, shifts, says):
    with pytest.raises(UserError, match=says):
        write_splits(TASK, tmp_path / "data", shifts=shifts, **COUNTS)
    assert os.listdir(tmp_path) == []


def test_too_few_problems_says_how_many_there_are(tmp_path):
    with pytest.raises(UserError, match=r"^train\.jsonl: only \d+ distinct train prompts exist, 300 were asked for$"):
        write_splits(Symbols(alphabet="ABC", length=(3,)), tmp_path / "data", **COUNTS)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space left on device"), UserError)],
)
def test_nothing_half_written(tmp_path, failure, raised):
    def fail(name, done, total):
        if done and name != "train.jsonl":
            raise failure

    with pytest.raises(raised):
        write_splits(TASK, tmp_path / "data", progress=fail, **COUNTS)
    with pytest.raises(raised):
        write_exhaustive(Symbols(length=(2,)), tmp_path / "all.jsonl", progress=fail)
    assert os.listdir(tmp_path) == []


def test_the_last_write_is_waited_for(tmp_path, monkeypatch):
    class Full:
        def update(self, block):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "hashlib", SimpleNamespace(sha256=Full))
    with pytest.raises(UserError, match="No space left"):
        write_splits(TASK, tmp_path / "data", train=3, test=3)
    assert os.listdir(tmp_path) == []


def test_a_failed_replacement_keeps_the_old(data, monkeypatch):
    before = {name: (data / name).read_bytes() for name in os.listdir(data)}

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "dumps", fail)
    with pytest.raises(UserError, match="No space left"):
        write_splits(TASK, data, force=True, **COUNTS)
    assert {name: (data / name).read_bytes() for name in os.listdir(data)} == before
    assert os.listdir(data.parent) == ["data"]


def test_only_splits_of_ours_are_replaced(data):
    with pytest.raises(UserError, match="not empty"):
        write_splits(TASK, data, **COUNTS)
    with pytest.raises(UserError, match="not empty"):
        export.check_writable(read_recipe(data), data)
    assert export.check_writable(read_recipe(data), data, force=True).keys() == read_recipe(data).files.keys()
    (data / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds 'thesis.tex'"):
        write_splits(TASK, data, force=True, **COUNTS)
    (data / "thesis.tex").unlink()
    write_splits(TASK, data, force=True, **COUNTS)
    assert (
        sorted(os.listdir(data)) == ["README.md", "manifest.json", "test.jsonl", "train.jsonl"]
        and verify_splits(data) == []
    )
    (data / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"cannot read .*manifest.json"):
        write_splits(TASK, data, force=True, **COUNTS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.pop("task"), "no field 'task'"),
        (lambda m: m.update(train="300"), "train: is '300', which it cannot be"),
        (lambda m: m["split"].pop("test_share"), "split: has no field 'test_share'"),
        (lambda m: m["files"]["test.jsonl"].pop("shift"), "no field 'shift'"),
        (lambda m: m["files"]["test.jsonl"].update(shift="length=5"), "shift: is 'length=5'"),
        (lambda m: m["files"]["test-length=5.jsonl"]["shift"].update(axis="length"), "axis: is no list"),
        (lambda m: m["files"]["train.jsonl"].update(count={}), "count: is {}"),
        (lambda m: m["files"]["test.jsonl"].update(discrepancy=3), "discrepancy: has no object"),
        (lambda m: m["files"]["test.jsonl"]["overlap"].update(structures="x"), "overlap: is 'x'"),
        (lambda m: m["files"]["test.jsonl"]["overlap"].update({"\ud800": 0.0}), "README.md changed since"),
    ],
)
def test_a_directory_whose_manifest_is_corrupt_is_not_replaced(data, change, says):
    edit(data, change)
    with pytest.raises(UserError) as error:
        write_splits(TASK, data, force=True, **COUNTS)
    assert says in str(error.value)
    assert sorted(os.listdir(data)) == sorted(
        [*json.loads((data / "manifest.json").read_text())["files"], "README.md", "manifest.json"]
    )


@pytest.mark.parametrize(
    ("task", "field", "value", "says"),
    [
        (Origins(), "badge", {}, "badge is {}, expected int"),  # a number or nothing
        (Boards(blanks=(4,)), "solutions", [1], "solutions is [1], expected 2 of them"),
        (Boards(blanks=(4,)), "pool", 10**30, f"pool {10**30} is outside 0 to 10000000"),
    ],
)
def test_a_field_of_another_form_is_a_corrupt_manifest(tmp_path, task, field, value, says):
    write_splits(task, tmp_path / "data", train=4, test=4)
    edit(tmp_path / "data", lambda m: m["config"].update({field: value}))
    with pytest.raises(UserError) as error:
        verify_splits(tmp_path / "data")
    assert f"manifest.json is corrupt: {says}" in str(error.value)


def test_an_empty_directory_is_filled_and_a_file_is_not_replaced(tmp_path):
    (tmp_path / "empty").mkdir()
    write_splits(TASK, tmp_path / "empty", train=10, test=10)
    assert verify_splits(tmp_path / "empty") == []
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="directory"):
            write_splits(TASK, path, train=10, test=10)
    assert (tmp_path / "file").read_text() == "mine"


def peer_lines(compositions, length, rotate, shift_by, cot):
    """Records of github.com/ChengshuaiZhao0/DataAlchemy, written down anew: every element in lexicographic order."""

    def step(name, letters):
        if name == "F1":
            return [chr((ord(letter) - 65 + rotate) % 26 + 65) for letter in letters]
        return letters[::-1] if name == "F3" else [letters[(i + shift_by) % length] for i in range(length)]

    for composition in compositions:
        names = composition.split()
        tokens = [f"[{name}]" for name in names]
        for element in product(ascii_uppercase, repeat=length):
            states = [list(element)]
            for name in names:
                states.append(step(name, states[-1]))
            parts = [" ".join(states[j] + tokens[j:]) for j in range(1, len(names))] if cot else []
            marker, answer = "<think>" if parts else "<answer>", " ".join(states[-1])
            reasoning = " <think> ".join(parts)
            yield json.dumps(
                {
                    "input": " ".join([*element, *tokens, marker]),
                    "output": f"{reasoning} <answer> {answer}" if parts else answer,
                    "element": " ".join(element),
                    "transformation": " ".join(tokens),
                    "instruction": marker,
                    "reasoning": reasoning,
                    "answer": answer,
                }
            )


@pytest.mark.parametrize(
    ("compositions", "length", "rotate", "shift_by", "cot"),
    [
        (("F1 F2",), 3, 13, 1, True),
        (("F1", "F2 F3"), 2, 7, 2, True),
        (("F3 F1 F2", "F2 F2 F1 F3"), 2, 7, 1, True),
        (("F1 F2", "F3"), 2, 13, 2, False),
    ],
)
def test_exhaustive_files_are_the_peers(tmp_path, compositions, length, rotate, shift_by, cot):
    task = Symbols(compositions=compositions, length=(length,), rotate=rotate, shift_by=shift_by, cot=cot)
    count = write_exhaustive(task, tmp_path / "all.jsonl")
    expected = list(peer_lines(compositions, length, rotate, shift_by, cot))
    assert count == len(expected) == len(compositions) * 26**length
    assert (tmp_path / "all.jsonl").read_text() == "\n".join(expected) + "\n"


def test_exhaustive_takes_each_length_in_turn_and_replaces_nothing(tmp_path):
    path = tmp_path / "all.jsonl"
    assert write_exhaustive(Symbols(alphabet="AB", length=(2, 1)), path) == 6
    elements = [json.loads(line)["element"] for line in path.read_text().splitlines()]
    assert elements == ["A A", "A B", "B A", "B B", "A", "B"]
    with pytest.raises(UserError, match="remove it yourself"):
        write_exhaustive(Symbols(length=(1,)), path)
    assert len(path.read_text().splitlines()) == 6
    with pytest.raises(UserError, match="is a directory"):
        write_exhaustive(Symbols(length=(1,)), tmp_path)
    with pytest.raises(UserError, match="clean"):
        write_exhaustive(Symbols(noise=Noise("insert", 0.5)), tmp_path / "noisy.jsonl")
    assert os.listdir(tmp_path) == ["all.jsonl"]
