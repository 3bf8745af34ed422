"""Nothing of the user's is lost: a command replaces only what it can prove it wrote, and never what it reads."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.dataset.export import write_splits
from alchemy.errors import UserError
from alchemy.output import check_replaceable, inside, new_files, write_sealed
from alchemy.record import write_whole
from tasks.symbols import Symbols

MINE = "mine, and nobody else's\n"
CONTENTS = {
    "page.html": b"<!doctype html>\n<p>a page</p>\n",
    "figure.svg": b"<svg></svg>\n",
    "numbers.json": b'{\n "device": "a"\n}\n',
    "lines.jsonl": b'{"device": "a"}\n{"device": "c"}\n',
}


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    home = tmp_path_factory.mktemp("splits") / "data"
    write_splits(Symbols(), home, train=6, test=3, shifts=["length=6"])
    return home


def run(capsys, *args):
    code = main([str(arg) for arg in args])
    return code, capsys.readouterr().err


def write_numbers(scratch, values=(1, 2)):
    with scratch.open("wb") as file:
        np.savez_compressed(file, numbers=np.array(values))


@pytest.mark.parametrize("name", CONTENTS)
def test_what_a_command_wrote_it_replaces(tmp_path, name):
    path = tmp_path / name
    for _ in range(2):
        write_sealed(path, "score", lambda scratch: scratch.write_bytes(CONTENTS[name]))
        assert CONTENTS[name].strip(b"}\n") in path.read_bytes() and os.listdir(tmp_path) == [name]
    with pytest.raises(UserError, match=f"{name} was not written by `alchemy bank`"):
        write_sealed(path, "bank", lambda scratch: scratch.write_text("x"))
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(UserError, match="changed since"):
        write_sealed(path, "score", lambda scratch: scratch.write_text("x"))


def test_sealed_files_are_read_as_before(tmp_path):
    write_sealed(tmp_path / "n.npz", "bank", write_numbers)
    write_sealed(tmp_path / "n.npz", "bank", write_numbers)
    with np.load(tmp_path / "n.npz") as file:
        assert file["numbers"].tolist() == [1, 2]
    assert zipfile.ZipFile(tmp_path / "n.npz").testzip() is None
    write_sealed(tmp_path / "n.json", "bench", lambda scratch: scratch.write_bytes(CONTENTS["numbers.json"]))
    assert json.loads((tmp_path / "n.json").read_text())["device"] == "a"


def test_an_empty_file_has_nothing_to_lose_and_a_directory_is_no_file(tmp_path):
    (tmp_path / "empty").touch()
    check_replaceable(tmp_path / "empty", "score")
    check_replaceable(tmp_path / "absent", "score")
    with pytest.raises(UserError, match="is a directory"):
        check_replaceable(tmp_path, "score")


def test_an_input_is_never_replaced(tmp_path):
    path, link = tmp_path / "page.html", tmp_path / "link.html"
    write_sealed(path, "score", lambda scratch: scratch.write_text("<p>"))
    os.link(path, link)
    with pytest.raises(UserError, match=r"link\.html is what this command reads"):
        write_sealed(link, "score", lambda scratch: scratch.write_text("x"), [path])


def test_links_stay_and_lead_where_they_led(tmp_path):
    link, target = tmp_path / "link.html", tmp_path / "there" / "page.html"
    link.symlink_to(target)
    write_sealed(link, "score", lambda scratch: scratch.write_text("<p>"))
    assert link.is_symlink() and target.read_text().startswith("<p>")
    target.write_text(MINE)
    with pytest.raises(UserError, match="was not written by"):
        write_sealed(link, "score", lambda scratch: scratch.write_text("x"))
    assert target.read_text() == MINE and os.listdir(target.parent) == ["page.html"]


def test_a_circle_of_links(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(UserError, match="cannot write"):
        write_whole(tmp_path / "a", lambda scratch: scratch.write_text("x"))


def test_pipes_and_devices_are_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_sealed(pipe, "score", lambda scratch: scratch.write_text("page"))
    assert os.read(reader, 99) == b"page" and pipe.is_fifo()
    os.close(reader)
    device = Path(os.devnull)
    write_sealed(device, "score", lambda scratch: scratch.write_text("page"))
    assert device.is_char_device()


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/b", "..", ".", "", "link"])
def test_names_that_lead_out_of_a_directory(tmp_path, name):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "link").symlink_to(tmp_path / "out")
    with pytest.raises(UserError, match="leads out of this directory"):
        inside(tmp_path / "home", name)


def test_new_files_come_all_or_none(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "b").write_text(MINE)
    with pytest.raises(UserError, match="b exists"), new_files(home) as place:
        (place / "a").write_text("new")
        (place / "b").write_text("new")
    assert os.listdir(home) == ["b"] and (home / "b").read_text() == MINE and os.listdir(tmp_path) == ["home"]
    with new_files(home, ["b"]) as place:
        (place / "a").write_text("new")
    assert os.listdir(home) == ["a"] and os.listdir(tmp_path) == ["home"]


def test_a_mount_point_is_filled_from_inside(tmp_path, monkeypatch):
    """A directory whose neighbours are on another device, or may not be written."""
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    with new_files(tmp_path) as place:
        assert place.parent == tmp_path
        (place / "a").write_text("new")
    assert os.listdir(tmp_path) == ["a"]


def test_score_keeps_its_input(capsys, splits, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes((splits / "test.jsonl").read_bytes())
    code, err = run(capsys, "score", path, "--manifest", splits, "--page", path)
    assert code == 2 and f"{path} is what this command reads" in err
    assert path.read_bytes() == (splits / "test.jsonl").read_bytes()


@pytest.mark.parametrize(
    "command",
    [
        "score {splits}/test.jsonl --page {mine}",
        "report --out {mine}",
        "bench --quick --out {mine}",
        "bank --save {mine}",
        "solve --figure {mine}",
        "generate symbols --exhaustive --length 1 --force --out {mine}",
    ],
)
def test_a_file_of_the_user_stays(capsys, splits, tmp_path, command):
    mine = tmp_path / "mine"
    mine.write_text(MINE)
    code, err = run(capsys, *command.format(mine=mine, splits=splits).split())
    assert code == 2 and str(mine) in err and err.count("\n") == 1
    assert mine.read_text() == MINE and os.listdir(tmp_path) == ["mine"]


def test_prompts_replace_their_own_files_and_no_others(capsys, splits, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text(MINE)
    assert run(capsys, "prompts", splits, "--out", out, "--train", "--shots", 1)[0] == 0
    assert run(capsys, "prompts", splits, "--out", out, "--shots", 0)[0] == 0
    names = {"notes.txt", "prompts.json", "test.jsonl", "test-length=6.jsonl"}
    assert set(os.listdir(out)) == names and (out / "notes.txt").read_text() == MINE  # train.jsonl is gone
    (out / "test.jsonl").write_text(MINE)
    code, err = run(capsys, "prompts", splits, "--out", out)
    assert code == 2 and f"{out / 'test.jsonl'} changed since `alchemy prompts` wrote it" in err
    assert (out / "test.jsonl").read_text() == MINE and set(os.listdir(out)) == names


def test_prompts_do_not_replace_what_others_wrote(capsys, splits, tmp_path):
    (tmp_path / "test.jsonl").write_text(MINE)
    code, err = run(capsys, "prompts", splits, "--out", tmp_path)
    assert code == 2 and f"{tmp_path / 'test.jsonl'} was not written by `alchemy prompts`" in err
    assert os.listdir(tmp_path) == ["test.jsonl"]
    (tmp_path / "test.jsonl").unlink()
    (tmp_path / "prompts.json").write_text('{"command": "alchemy prompts", "files": {"../x": "0"}}')
    assert "leads out of this directory" in run(capsys, "prompts", splits, "--out", tmp_path)[1]
    (tmp_path / "prompts.json").write_text("[]")
    assert "prompts.json was not written by" in run(capsys, "prompts", splits, "--out", tmp_path)[1]


def test_generate_fills_the_directory_where_a_shell_stands(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for force in ([], ["--force"]):
        assert run(capsys, "generate", "symbols", "--out", ".", "--train", 4, "--test", 2, *force)[0] == 0
        assert "manifest.json" in os.listdir(".") and run(capsys, "verify", ".")[0] == 0


@pytest.mark.parametrize("name", ["test.jsonl", "README.md"])
def test_generate_does_not_replace_what_was_changed(tmp_path, name):
    write_splits(Symbols(), tmp_path, train=4, test=2)
    (tmp_path / name).write_text(MINE)
    with pytest.raises(UserError, match=f"{name} changed since `alchemy generate` wrote it"):
        write_splits(Symbols(), tmp_path, train=4, test=2, force=True)
    assert (tmp_path / name).read_text() == MINE


@pytest.mark.parametrize("files", ["", ', "files": 3', ', "files": {"a": {}}', ', "files": {"../a": {"sha256": "0"}}'])
def test_a_manifest_that_lists_no_files(capsys, tmp_path, files):
    (tmp_path / "manifest.json").write_text('{"format": "alchemy-splits"' + files + "}")
    for command in (["verify", tmp_path], ["generate", "symbols", "--out", tmp_path, "--force"]):
        code, err = run(capsys, *command)
        assert code == 2 and err.startswith("alchemy: error: ") and err.count("\n") == 1
    assert os.listdir(tmp_path) == ["manifest.json"]
