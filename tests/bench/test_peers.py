"""The libraries that others use, given our splits: each reads them, and each is as right as we are about every answer.

Slow, and only where `make test-peers` has installed them.
"""

from __future__ import annotations

import json
import pickle
from itertools import islice
from pathlib import Path

import pytest

from alchemy.cli.main import main

pytestmark = [
    pytest.mark.slow,
    # Theirs: what those libraries do to each other and to themselves is not ours to be strict about.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
N = 8
SHIFTS = {"symbols": ("length=6", "noise=insert:0.3"), "connectivity": ("family=tree", "noise=hybrid:0.2")}
each_task = pytest.mark.parametrize("name", SHIFTS)
each_suffix = pytest.mark.parametrize("suffix", ["jsonl", "parquet"])


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    for variable in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def generated(name: str, home: Path, suffix: str = "jsonl") -> Path:
    sizes = ["--train", "20", "--test", str(N), "--shifts", *SHIFTS[name], "--format", suffix]
    assert main(["generate", name, "--out", str(home / "data"), *sizes]) == 0
    return home / "data"


def worded(data: Path, option: str) -> Path:
    assert main(["prompts", str(data), "--out", str(data.parent / "prompts"), option]) == 0
    return data.parent / "prompts"


def scored(file: Path, data: Path, capsys) -> dict:
    capsys.readouterr()
    assert main(["score", str(file), "--manifest", str(data), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def scripted_text(record: dict, number: int) -> str:
    """A right text, but for every third, which is nonsense, and every third after it, whose chain alone is wrong."""
    gold = record["output"]
    if number % 3 == 1:
        return "I do not know"
    if number % 3 == 2:
        mark = "<answer>" if "<answer>" in gold else "decision"
        return ("A A [F2] " if mark == "<answer>" else "work : [ 1 1 ] ") + gold[gold.index(mark) :]
    return gold


def right(prompts: Path) -> dict[str, list[str]]:
    """What is said to each prompt, by its text, and by file."""
    files = sorted(prompts.glob("test*.jsonl"))
    records = {file.stem: [json.loads(line) for line in file.open(encoding="utf-8")] for file in files}
    return {
        stem: [(record, scripted_text(record, number)) for number, record in enumerate(rows)]
        for stem, rows in records.items()
    }


WANTED = {
    "answer_accuracy": sum(i % 3 != 1 for i in range(N)) / N,
    "trace_accuracy": sum(i % 3 == 0 for i in range(N)) / N,
}


@each_task
@each_suffix
def test_datasets_reads_every_configuration(name, suffix, tmp_path):
    datasets = pytest.importorskip("datasets")
    data = generated(name, tmp_path, suffix)
    parts = datasets.load_dataset(str(data), cache_dir=str(tmp_path / "cache"))
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 20, "test": N}
    for shift in SHIFTS[name]:
        config = shift.replace(":", "-")
        rows = datasets.load_dataset(str(data), config, split="test", cache_dir=str(tmp_path / "cache"))
        assert len(rows) == N and {"input", "output"} <= set(rows.column_names)


@each_task
@each_suffix
def test_the_harness_is_as_right_as_we_are(name, suffix, tmp_path, capsys):
    pytest.importorskip("lm_eval")
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    data = generated(name, tmp_path, suffix)
    prompts = worded(data, "--harness")
    answers = right(prompts)
    by_text = {record["text"]: text for pairs in answers.values() for record, text in pairs}

    class Scripted(LM):
        def generate_until(self, requests):
            return [by_text[request.args[0]] for request in requests]

        def loglikelihood(self, requests):
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    tracker = EvaluationTracker(output_path=str(tmp_path / "out"))
    manager = TaskManager(include_path=str(prompts), include_defaults=False)
    evaluation = simple_evaluate(
        Scripted(), tasks=[f"alchemy_{name}"], task_manager=manager, evaluation_tracker=tracker, bootstrap_iters=0
    )
    assert len(evaluation["results"]) >= 3
    tracker.save_results_aggregated({}, evaluation["samples"])
    for stem in answers:
        numbers = evaluation["results"][f"alchemy_{name}_{stem}"]
        assert {key: numbers[f"{key},none"] for key in WANTED} == pytest.approx(WANTED)
        tracker.save_results_samples(f"alchemy_{name}_{stem}", evaluation["samples"][f"alchemy_{name}_{stem}"])
    logged = sorted((tmp_path / "out").rglob("samples_*.jsonl"))
    assert len(logged) == len(answers) == 3
    for file in logged:
        result = scored(file, data, capsys)
        assert result["n"] == N and {key: result[key] for key in WANTED} == pytest.approx(WANTED)
        assert result["lines"] == "lm-evaluation-harness samples"
    together = scored(logged[0].parent, data, capsys)["files"]
    assert [result["answer_accuracy"] for result in together.values()] == pytest.approx([WANTED["answer_accuracy"]] * 3)


@each_task
def test_inspect_is_as_right_as_we_are(name, tmp_path, capsys):
    inspect_ai = pytest.importorskip("inspect_ai")
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    data = generated(name, tmp_path)
    prompts = worded(data, "--inspect")
    answers = right(prompts)
    by_question = {(record["input"], stem): text for stem, pairs in answers.items() for record, text in pairs}

    for stem, pairs in answers.items():

        def reply(messages, tools, choice, config, stem=stem):
            output = ModelOutput.from_content("mockllm/model", by_question[messages[-1].text, stem])
            output.usage = ModelUsage()  # or the mock model fetches a tokeniser to count with
            return output

        task = f"{prompts / 'alchemy_inspect.py'}@alchemy_{name}_{stem}"
        model = get_model("mockllm/model", custom_outputs=reply, memoize=False)
        [log] = inspect_ai.eval(task, model=model, log_dir=str(tmp_path / stem), log_format="json", display="none")
        assert log.status == "success", log.error
        reported = {metric.name: metric.metrics["mean"].value for metric in log.results.scores}
        assert reported == pytest.approx(WANTED) and len(log.samples) == len(pairs)
        [file] = (tmp_path / stem).glob("*.json")
        lines = tmp_path / f"{stem}.jsonl"
        lines.write_text("".join(json.dumps(sample) + "\n" for sample in json.loads(file.read_text())["samples"]))
        for log_file in (file, lines):
            result = scored(log_file, data, capsys)
            assert result["n"] == N and {key: result[key] for key in WANTED} == pytest.approx(WANTED)
            assert result["lines"] == "inspect_ai samples"


@each_task
def test_reasoning_gym_takes_the_tasks_among_its_own(name):
    reasoning_gym = pytest.importorskip("reasoning_gym")
    from reasoning_gym.composite import CompositeConfig, CompositeDataset, DatasetSpec
    from reasoning_gym.dataset import ReseedingDataset
    from reasoning_gym.version_manager import DatasetVersionManager

    from alchemy.interop.gym import create_dataset
    from alchemy.interop.reasoning_gym import register

    register()
    registered = reasoning_gym.create_dataset(name, seed=3, size=N, shift=SHIFTS[name][1])
    direct = create_dataset(name, seed=3, size=N, shift=SHIFTS[name][1])
    assert list(registered) == list(direct) and len(registered) == N
    config = pickle.loads(pickle.dumps(registered.config))
    assert config == registered.config and list(type(registered)(config)) == list(direct)
    fresh = list(islice(ReseedingDataset(registered, chunk_size=3), 9))
    assert len({entry["question"] for entry in fresh}) == 9
    specs = [DatasetSpec(name, 1, {"seed": 5}), DatasetSpec("chain_sum", 1, {})]
    mixed = CompositeDataset(CompositeConfig(size=20, seed=1, datasets=specs), DatasetVersionManager())
    entries = list(mixed)
    assert {entry["metadata"]["source_dataset"] for entry in entries} == {name, "chain_sum"}
    for entry in [*entries, *fresh]:
        judge = mixed if entry in entries else registered
        assert judge.score_answer(entry["answer"], entry) == 1 and judge.score_answer("nothing", entry) == 0
    own = next(entry for entry in entries if entry["metadata"]["source_dataset"] == name)
    assert mixed.score_answer_with_id(own["answer"], own["metadata"]["entry_id"]) == 1
    mixed.update_dataset_config(name, {"part": "test"})
    own = next(entry for entry in mixed if entry["metadata"]["source_dataset"] == name)
    assert mixed.score_answer(own["answer"], own) == 1
