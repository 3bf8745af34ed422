"""Options from a file beside flags, and what a shell completes."""

import json
import os
import shutil
import subprocess

import pytest

from alchemy.cli.main import main

FILE = """
task = "symbols"
n = 2
json = true
rate = false
compositions = ["F1 F2", "F2 F1"]
length = [3]
cot = false
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "show.toml").write_text(FILE)
    return tmp_path


def shown(capsys, *args):
    assert main([*args]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_file_says_what_flags_say(here, capsys):
    flags = ["symbols", "-n", "2", "--json", "--compositions", "F1 F2", "F2 F1", "--length", "3", "--no-cot"]
    assert shown(capsys, "show", "--config", "show.toml") == shown(capsys, "show", *flags)


def test_the_command_line_counts_first(here, capsys):
    told = shown(capsys, "show", "symbols", "--config=show.toml", "--length", "5", "--n", "1", "--cot")
    [problem] = told["problems"]
    assert len(problem["fields"]["element"].split()) == 5 and "step 1" in problem["fields"]
    assert shown(capsys, "show", "sums", "-n", "1", "--json")["task"] == "sums"


def test_tables_are_parts_of_a_config(here, capsys):
    (here / "train.toml").write_text(
        'seeds = 2\n[train]\nsteps = 7\n[task]\nname = "sums"\nmodulus = 3\n[model]\nwidth = 16\n'
    )
    told = shown(capsys, "train", "--config", "train.toml", "--dry-run", "--json", "--train.batch", "4")
    assert (told["steps"], told["batch"], told["seeds"]) == (7, 4, 2) and told["weights"] < 20_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lenght = [3]", "bad.toml: unknown key 'lenght'; did you mean 'length'?"),
        ("[train]\nsteps = 1", "bad.toml: unknown key 'train.steps'"),
        ("n = [", "bad.toml is no TOML"),
        ("n = 1979-05-27", "bad.toml: n is datetime.date(1979, 5, 27), expected a text, a number, true or false"),
        ("n = 'two'", "--n"),
        ("\xff", "bad.toml is no TOML"),
        ("n = " + "[" * 5000 + "]" * 5000, "bad.toml is no TOML: maximum recursion depth"),
    ],
)
def test_a_bad_file_is_one_line(here, capsys, text, says):
    (here / "bad.toml").write_bytes(text.encode("latin-1"))
    assert main(["show", "symbols", "--config", "bad.toml"]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1


def test_a_file_that_is_none(here, capsys):
    for args, says in (
        (["--config", "no.toml"], "cannot read no.toml"),
        (["--config"], "expects the name of one TOML file"),
    ):
        assert main(["list", *args]) == 2 and says in capsys.readouterr().err
    (here / "list.toml").write_text("jsn = true")
    assert main(["list", "--config", "list.toml"]) == 2 and "did you mean 'json'?" in capsys.readouterr().err


COMPLETED = pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("gen", {"generate"}),
        ("show task_s", {"task_shift", "task_shift_followed"}),
        ("train --dry", {"--dry-run"}),
        ("score x --pag", {"--page"}),
    ],
)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@COMPLETED
def test_bash_completes(here, capsys, line, completed):
    assert main(["--completion"]) == 0
    (here / "completion").write_text(capsys.readouterr().out)
    words = ["alchemy", *line.split()]
    program = f'. ./completion; COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; _alchemy; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == completed


@pytest.mark.skipif(not shutil.which("fish"), reason="needs fish")
@COMPLETED
def test_fish_completes(here, capsys, line, completed):
    assert main(["--completion", "fish"]) == 0
    (here / "completion").write_text(capsys.readouterr().out)
    program = f"source ./completion; complete -C 'alchemy {line}'"
    done = subprocess.run(["fish", "--no-config", "-c", program], capture_output=True, text=True, check=True)
    assert {found.split()[0] for found in done.stdout.splitlines()} == completed


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
def test_zsh_takes_the_script_without_a_configuration_of_its_own(here, capsys):
    assert main(["--completion", "zsh"]) == 0
    (here / "completion").write_text(capsys.readouterr().out)
    program = "source ./completion && print $_comps[alchemy]"
    done = subprocess.run(
        ["zsh", "-f", "-c", program], capture_output=True, text=True, env={**os.environ, "HOME": str(here)}
    )
    assert (done.stdout.strip(), done.stderr) == ("_bash_complete -o default -F _alchemy", "")


def test_other_shells_are_named(capsys):
    assert main(["--completion", "zhs"]) == 2
    assert "did you mean 'zsh'?" in capsys.readouterr().err
