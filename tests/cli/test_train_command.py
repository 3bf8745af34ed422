"""Models of one's own: trained, found again, asked, compared, through the front door."""

from __future__ import annotations

import json
from typing import get_args, get_type_hints

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from alchemy.cli.commands.train import Train
from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.lab import exported
from alchemy.lab.lab import Lab
from alchemy.lab.stored_models import choose, load, stored
from alchemy.problem.documents import DOCUMENTS
from alchemy.problem.split import Split
from alchemy.progress import Progress
from tasks.symbols import Symbols

SMALL = ["--model.width", "16", "--model.layers", "1", "--model.heads", "2", "--train.steps", "4", "--train.batch", "8"]
TASK = ["--task.compositions", "F1 F2", "--task.alphabet", "ABCDEFGH"]


def call(capsys, *args):
    """Exit code, and what a command printed on standard output and error."""
    code = main([*map(str, args)])
    return code, *capsys.readouterr()


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """A file of the first of the twenty problems that a model of seed 0 is tested on, and of two training problems."""
    task = Symbols(compositions=("F1 F2",), alphabet="ABCDEFGH")
    root = tmp_path_factory.mktemp("data")
    tested = Lab(root, Progress(quiet=True)).held_out(task, 20, [0]).rows(slice(0, 1))
    path = root / "own.jsonl"
    path.write_bytes(task.jsonl(tested) + task.jsonl(Split().sample(task, np.random.default_rng(0), 2, "train")))
    return path


@pytest.fixture(scope="module")
def trained(out):
    """The names of models that differ by their number of steps."""
    for steps in ("4", "8"):
        command = ["train", "symbols", *TASK, *SMALL, "--train.steps", steps, "--seeds", "2", "--test", "20"]
        assert main([*command, "--out", str(out), "--quiet"]) == 0
    return [models.name for models in stored(out)]


def test_a_dry_run_counts_what_is_there_and_trains_nothing(capsys, out, trained):
    before = sorted(out.rglob("*"))
    command = ["train", "symbols", *TASK, *SMALL, "--test", 20, "--out", out, "--dry-run"]
    for seeds, to_train in ((2, 0), (3, 1)):
        code, text, _ = call(capsys, *command, "--seeds", seeds, "--json")
        told = json.loads(text)
        assert code == 0 and (told["stored"], told["to train"]) == (2, to_train) and told["model"] in trained
        assert told["minutes"] is not None and told["flops"] == pytest.approx(
            6 * told["weights"] * 4 * 8 * told["tokens of a line"] * to_train
        )
    code, text, _ = call(capsys, *command, "--seeds", 3)
    text = " ".join(text.split())  # lines are broken by the length of the directory's name
    assert code == 0 and "2 of 3 stored" in text and "1 to train" in text and "nothing was made" in text
    assert sorted(out.rglob("*")) == before


def test_a_row_for_each_test_and_a_prompt_to_ask(capsys, out, trained):
    command = ["train", "symbols", *TASK, *SMALL, "--seeds", 2, "--test", 20, "--shifts", "length=3", "--out", out]
    code, text, _ = call(capsys, *command, "--quiet")
    rows = text.splitlines()
    assert code == 0 and [row.split("  ")[0] for row in rows[:3]] == ["test", "held out", "length=3"]
    prompt = text.partition('alchemy ask "')[2].partition('"')[0]
    code, text, _ = call(capsys, "ask", prompt, "--model", trained[0], "--out", out)
    task = Symbols(compositions=("F1 F2",), alphabet="ABCDEFGH")
    assert code == 0 and text.splitlines()[0] == f"gold     {task.gold_text(task.parse(prompt))}"
    assert [line[:6] for line in text.splitlines() if line.startswith("seed")] == ["seed 0", "seed 1"]


def test_a_task_without_predictors_has_no_floor(capsys, out):
    code, printed, _ = call(capsys, "train", "sums", *SMALL, "--seeds", "1", "--test", "8", "--out", out, "--quiet")
    head, row = printed.splitlines()[:2]
    assert code == 0 and head.split()[-1] == "floor" and row.split()[-1] == "-"
    assert "where the task names none" in " ".join(printed.split())


def test_what_there_is(capsys, out, trained):
    code, text, _ = call(capsys, "runs", out, "--json")
    models = json.loads(text)["models"]
    assert code == 0 and [model["name"] for model in models][:2] == trained
    assert models[0]["steps"] == 4 and models[1]["steps"] == 8 and models[0]["seeds"] == [0, 1]
    assert models[0]["trained on"] == "alphabet ABCDEFGH"
    assert "symbols, 1 x 16, 2 seeds, 4 steps" in call(capsys, "runs", out)[1]


def test_two_trainings_are_compared_on_the_same_problems(capsys, out, trained):
    command = ["compare", *trained, "--problems", 20, "--out", out, "--quiet"]
    code, text, _ = call(capsys, *command, "--json")
    scores = json.loads(text)["scores"]["right answer"]
    assert code == 0 and len(scores["first"]) == 2
    same = json.loads(call(capsys, "compare", trained[0], trained[0], *command[3:], "--json")[1])["scores"]
    assert all(row["median difference"] == 0 and row["p"] == 1 for row in same.values())
    assert scores["limits"] == ["-inf", "inf"], "two seeds limit nothing"
    assert "sign test over seeds" in call(capsys, *command)[1]


def test_lines_of_ones_own(capsys, out, lines):
    """Test problems among them are counted, and the models are found by their name alone."""
    command = ["train", "symbols", *TASK, *SMALL, "--data", lines, "--test", 20, "--out", out, "--quiet"]
    code, text, error = call(capsys, *command, "--json")
    assert code == 0, error
    result = json.loads(text)
    assert result["tests"]["held out"]["trained on"] == 1 / 20
    assert call(capsys, "ask", "A B C D [F1] [F2] <think>", "--model", result["model"], "--out", out)[0] == 0
    assert result["model"] in call(capsys, "runs", out, "--json")[1]


WAYS = {
    "grpo": ["--grpo.steps", "2", "--grpo.problems", "2", "--grpo.group", "2"],
    "self-training": ["--self-training.rounds", "2", "--self-training.problems", "8", "--self-training.keep", "all"]
    + ["--self-training.train.steps", "2", "--self-training.train.batch", "4", "--self-training.levels", "length=3"],
}


@pytest.mark.parametrize("then", WAYS)
def test_what_models_learn_from_what_they_write(capsys, out, trained, then):
    """Of the models that are there; the same command again finds all of it."""
    command = ["train", "symbols", *TASK, *SMALL, "--seeds", 2, "--test", 20, "--then", then, *WAYS[then], "--out", out]
    code, text, error = call(capsys, *command, "--json")
    assert code == 0, error
    assert json.loads(text)["model"] not in trained
    assert ("reinforce: 2 steps" in error) == (then == "grpo")
    assert ("round 2: kept 100.0% of the lines" in error) == (then == "self-training")
    assert call(capsys, *command, "--json")[1] == text
    assert "and then" in " ".join(call(capsys, *command, "--dry-run")[1].split())


def test_a_curriculum_by_flags(capsys, out, trained):
    """Promoted at once at a threshold of 0; levels longer than the task have room in the model."""
    command = ["train", "symbols", *TASK, *SMALL, "--test", 20, "--out", out, "--quiet", "--json"]
    levels = ["--curriculum.levels", "length=2", "length=3", "--curriculum.order", "promote"]
    code, text, error = call(capsys, *command, *levels, "--curriculum.threshold", 0, "--curriculum.every", 2)
    assert code == 0, error
    [models] = [models for models in stored(out) if models.name == json.loads(text)["model"]]
    assert [key["notes"] for key in models.keys] == [{"levels": [0, 1]}]


def test_a_training_that_is_good_enough_ends_and_says_so(capsys, tmp_path):
    """Any loss is below 99, so that models of 8 steps have 4: the chunk after which it is seen."""
    command = ["train", "symbols", *TASK, *SMALL, "--train.steps", 8, "--train.chunk", 4, "--seeds", 2, "--test", 20]
    command += [
        "--train.stop.below",
        99,
        "--train.stop.over",
        2,
        "--train.stop.cooldown",
        0,
        "--out",
        tmp_path,
        "--quiet",
    ]
    code, text, error = call(capsys, *command)
    assert code == 0 and "trained for 4 of 8 steps, as --train.stop says" in text, error
    told = json.loads(call(capsys, *command, "--json")[1])
    [models] = stored(tmp_path)
    assert told["steps"] == [4, 4] and [key["notes"] for key in models.keys] == [{"steps": 4}] * 2
    assert load(models).trained.steps().tolist() == [4, 4]
    assert "2 seeds, 4 of 8 steps" in call(capsys, "runs", tmp_path)[1]
    [row] = json.loads(call(capsys, "runs", tmp_path, "--json")[1])["models"]
    assert (row["steps"], row["steps taken"]) == (8, [4, 4])


def test_retries_by_flags(capsys, out, trained):
    """A model that learned to take steps back has room to do so, and is another one than without."""
    command = ["train", "symbols", *TASK, *SMALL, "--test", 20, "--out", out, "--quiet", "--json"]
    code, text, error = call(capsys, *command, "--retries.rate", 0.5, "--retries.no-learned")
    assert code == 0, error
    [models] = [models for models in stored(out) if models.name == json.loads(text)["model"]]
    [key] = models.keys
    assert key["retries"] == {"class": "Retries", "rate": 0.5, "tried": "wrong", "learned": False}
    code, _, error = call(capsys, *command, "--retries.rate", 0.5, "--then", "grpo")
    assert code == 2 and "expected --retries.rate 0" in error


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "has no line to train on"),
        ("{}\n", "line 1 has the keys []"),
        ('{"input": "A", "output": 3}\n', "line 1 has the keys ['input', 'output'], expected texts"),
        ('{"input": "A B", "output": "Ä"}\n', "line 1: unknown symbol 'Ä'"),
        ("nothing\n", "line 1 is not JSON"),
    ],
)
def test_bad_lines_are_named(capsys, tmp_path, text, message):
    path = tmp_path / "own.jsonl"
    path.write_text(text, "utf-8")
    code, _, error = call(capsys, "train", "symbols", "--data", path, "--out", tmp_path / "runs")
    assert code == 2 and error.startswith(f"alchemy: error: {path}") and message in error
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "args, message",
    [
        (["train"], "name a task, one of"),
        (["train", "symbol"], "did you mean 'symbols'?"),
        (["train", "symbols", "--architecture", "transformr"], "did you mean 'transformer'?"),
        (["train", "symbols", "--seeds", 0], "seeds must be at least 1, not 0"),
        (["train", "symbols", "--data", "x", "--limit", 3], "--limit and --shift choose others"),
        (["train", "symbols", "--data", "x", "--document", "answer"], "--data x has lines of its own: --document"),
        (["train", "symbols", "--grpo.group", 1], "group must be at least 2, not 1"),
        (["train", "symbols", "--curriculum.order", "risng"], "did you mean 'rising'?"),
        (["train", "symbols", "--curriculum.levels", "length=3", "--limit", 3], "a curriculum has fresh lines"),
        (
            ["train", "symbols", "--curriculum.levels", "length=3", "--train.stop.below", 1],
            "train.stop.below 1 cannot be used with a curriculum in order 'rising', which goes by all steps",
        ),
        (["train", "symbols", "--train.stop.over", 0], "over must be at least 1, not 0"),
        (["train", "symbols", "--train.step", 3], "did you mean '--train.steps'?"),
        (["ask", "A"], "holds no trained model; `alchemy train` makes some"),
        (["ask", "A", "--temperature", -1], "temperature must be at least 0"),
        (["compare", "a", "b"], "holds no trained model"),
        (["runs", "nowhere"], "nowhere is no directory of runs"),
        (["runs", "--out", "nowhere"], "unknown option '--out'"),
        (["runs", "--tusk", "symbols"], "unknown option '--tusk'; did you mean '--task'?"),
    ],
)
def test_bad_input_is_one_line(capsys, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    code, text, error = call(capsys, *args)
    assert (code, text) == (2, "") and message in error and error.count("\n") == 1


def test_documents_are_those_that_there_are():
    assert get_args(get_type_hints(Train)["document"]) == DOCUMENTS


def test_a_prompt_that_is_none(capsys, out, trained):
    assert "give a prompt, such as" in call(capsys, "ask", "--model", trained[0], "--out", out)[2]
    assert (
        "unknown symbol '[F8]'" in call(capsys, "ask", "A B C D [F8] <think>", "--model", trained[0], "--out", out)[2]
    )
    error = call(capsys, "ask", "A B C D [F1] [F2] <think>", "--model", trained[0], "--seed", 7, "--out", out)[2]
    assert "no model of seed 7 is stored" in error


def test_a_trained_model_comes_back(out, trained, tmp_path, capsys):
    capsys.readouterr()
    for _ in range(2):  # its own files are replaced
        assert (
            main(["export", trained[0], "--seed", "1", "--out", str(out), "--to", str(tmp_path / "mine"), "--json"])
            == 0
        )
    config = json.loads(capsys.readouterr().out.partition("}\n{")[0] + "}")
    assert config["task"]["name"] == "symbols" and config["seed"] == 1 and config["vocabulary"][3] == "[F1]"
    prompt = "A B C D [F1] [F2] <think>"
    asked = [
        json.loads(call(capsys, "ask", prompt, "--model", name, "--seed", 1, "--out", where, "--json")[1])
        for name, where in ((trained[0], out), (tmp_path / "mine", tmp_path / "nowhere"))
    ]
    assert asked[0] == asked[1], "an exported model writes what it wrote before"
    model, params = exported.read(tmp_path / "mine")
    runs = load(choose(out, trained[0]))
    assert model == runs.model
    jax.tree.map(lambda mine, lab: np.testing.assert_array_equal(mine, lab[1]), params, runs.trained.params)
    (tmp_path / "mine" / "config.json").write_text("{}")
    assert main(["export", "--out", str(out), "--to", str(tmp_path / "mine")]) == 2
    assert "changed since" in capsys.readouterr().err
    with pytest.raises(UserError, match="is no config of a model that `alchemy export` wrote"):
        exported.read(tmp_path / "mine")


def test_what_cannot_be_written_or_read(out, trained, tmp_path, capsys):
    home = tmp_path / "mine"
    for args, says in (
        ([trained[0], "--seed", "7"], "no model of seed 7 is stored"),
        (["zzz"], "model 'zzz' is not in"),
    ):
        assert main(["export", *args, "--out", str(out), "--to", str(home)]) == 2 and not home.exists()
        assert says in capsys.readouterr().err
    assert main(["export", "--out", str(out), "--to", str(home)]) == 0
    tensors = load_file(home / "model.safetensors")
    for name, change, says in (
        ("norm.scale", None, "has no tensor 'norm.scale'"),
        ("more", np.zeros(1), "has an unknown tensor 'more'"),
        ("norm.scale", np.zeros(3, np.float32), r"norm.scale has shape \(3,\), expected \(16,\)"),
    ):
        changed = {**tensors, name: change}
        save_file({key: value for key, value in changed.items() if value is not None}, home / "model.safetensors")
        with pytest.raises(UserError, match=says):
            exported.read(home)
    (home / "model.safetensors").write_bytes(b"none")
    with pytest.raises(UserError, match="cannot read"):
        exported.read(home)
