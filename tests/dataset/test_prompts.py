"""Problems as language models read them, and in the call shape of reinforcement learning libraries."""

from __future__ import annotations

import json
import runpy
import shutil

import pytest

from alchemy import discover
from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.interop.gym import create_dataset

TASKS = discover.tasks()


def records(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    place = tmp_path_factory.mktemp("splits") / "data"
    assert (
        main(["generate", "connectivity", "--out", str(place), "--train", "20", "--test", "5", "--shifts", "depth=2"])
        == 0
    )
    return place


def test_prompts_have_instructions_examples_and_the_question(data, tmp_path, capsys):
    out = tmp_path / "prompts"
    assert main(["prompts", str(data), "--out", str(out), "--shots", "3"]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["prompts.json", "test-depth=2.jsonl", "test.jsonl"]
    problems = records(data / "test.jsonl")
    examples = records(data / "train.jsonl")[:3]
    for record, problem in zip(records(out / "test.jsonl"), problems, strict=True):
        roles = [turn["role"] for turn in record["messages"]]
        assert roles == ["system", *["user", "assistant"] * 3, "user"]
        assert record["messages"][-1]["content"] == record["input"] == problem["input"]
        assert [turn["content"] for turn in record["messages"][2::2]] == [example["output"] for example in examples]
        assert record["text"].endswith(f"{examples[-1]['output']}\n\n{problem['input']}\n")
        assert record["text"].startswith(record["messages"][0]["content"])
    assert "2 files" in capsys.readouterr().out


def test_answers_to_prompts_can_be_scored(data, tmp_path, capsys):
    out = tmp_path / "prompts"
    main(["prompts", str(data), "--out", str(out), "--shots", "0"])
    answers = [
        json.dumps({"prompt": record["input"], "completion": record["output"]})
        for record in records(out / "test.jsonl")
    ]
    (tmp_path / "answers.jsonl").write_text("\n".join(answers) + "\n")
    capsys.readouterr()
    assert main(["score", str(tmp_path / "answers.jsonl"), "--manifest", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer_accuracy"] == 1.0


def test_the_grader_beside_the_prompts_runs(data, tmp_path):
    """lm-evaluation-harness loads it from its file, so that no import here would notice a module that has moved."""
    main(["prompts", str(data), "--out", str(tmp_path), "--harness", "--inspect"])
    grader = runpy.run_path(str(tmp_path / "alchemy_judge.py"))
    record = records(tmp_path / "test.jsonl")[0]
    assert grader["process_results"](record, [record["output"]]) == {"answer_accuracy": 1.0, "trace_accuracy": 1.0}
    assert grader["process_results"](record, ["no idea"]) == {"answer_accuracy": 0.0, "trace_accuracy": 0.0}
    compile((tmp_path / "alchemy_inspect.py").read_text(), "alchemy_inspect.py", "exec")


@pytest.mark.parametrize(
    ("args", "says"),
    [("--shots -1", "shots -1 is negative"), ("--shots 30", "shots 30:"), ("--shots 30", "20 training problems")],
)
def test_bad_prompts(data, tmp_path, capsys, args, says):
    assert main(["prompts", str(data), "--out", str(tmp_path / "out"), *args.split()]) == 2
    assert says in capsys.readouterr().err and not list(tmp_path.glob("out/*"))
    assert main(["prompts", str(tmp_path), "--out", str(tmp_path / "out")]) == 2


def test_the_splits_are_never_written_over(data, capsys):
    before = (data / "test.jsonl").read_bytes()
    assert main(["prompts", str(data), "--out", str(data)]) == 2
    assert "holds the splits themselves" in capsys.readouterr().err and (data / "test.jsonl").read_bytes() == before


@pytest.mark.parametrize("line", ["[1]", '{"input": 1, "output": 2}', r'{"input": "\ud800", "output": ""}', "[" * 5000])
def test_a_damaged_line_is_named(data, tmp_path, capsys, line):
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    with (copy / "test.jsonl").open("a") as file:
        file.write(f"{line}\n")
    assert main(["prompts", str(copy), "--out", str(tmp_path / "out")]) == 2
    assert (
        "test.jsonl line 6 is no object" in capsys.readouterr().err and not (tmp_path / "out" / "test.jsonl").exists()
    )


@pytest.mark.parametrize("name", TASKS)
def test_a_data_set_is_sized_indexable_and_scores(name):
    dataset = create_dataset(name, seed=3, size=6)
    assert (
        len(dataset) == 6
        and len(list(dataset)) == 6
        and dataset[-1] == dataset[5] == create_dataset(name, seed=3, size=9)[5]
    )
    assert dataset[0] != dataset[1] and dataset[0] != create_dataset(name, seed=4, size=6)[0]
    for entry in dataset:
        assert set(entry) == {"question", "answer", "metadata"} and entry["metadata"]["source_dataset"] == name
        assert dataset.score_answer(entry["answer"], entry) == 1.0
        assert (
            dataset.score_answer("", entry)
            == dataset.score_answer(None, entry)
            == dataset.score_answer("nothing", entry)
            == 0.0
        )
    with pytest.raises(IndexError):
        dataset[6]


def test_half_a_point_is_for_an_answer_without_its_chain():
    dataset = create_dataset("symbols", compositions=("F1 F2",), size=3)
    answer = dataset[0]["answer"]
    assert dataset.score_answer(f"A A A A [F2] {answer[answer.index('<answer>') :]}", dataset[0]) == 0.5
    graph = create_dataset("connectivity", size=3, shift="depth=2")
    decision = graph[0]["answer"].rpartition("decision")[2]
    assert graph.score_answer(f"work : [ 1 1 ] decision{decision}", graph[0]) == 0.5
    assert graph.score_answer("I think: " + graph[0]["answer"], graph[0]) == 1.0


def test_a_data_set_has_known_fields_only():
    with pytest.raises(UserError, match="no field 'dept'; did you mean 'depth'"):
        create_dataset("connectivity", dept=2)
    with pytest.raises(UserError, match="size 0"):
        create_dataset("symbols", size=0)


@pytest.mark.parametrize("name", TASKS)
def test_instructions_name_what_a_problem_has(name):
    instructions = TASKS[name]().instructions
    assert len(instructions) > 200 and instructions.endswith("nothing else.")
    if name == "symbols":
        odd = TASKS[name](
            primitives=("mix", "table1", "swap0-2", "rot3", "shift2", "reverse"), compositions=("mix rot3",)
        )
        assert (
            all(f"[{primitive}] " in odd.instructions for primitive in odd.primitives)
            and "3 places later" in odd.instructions
        )
