"""Worded prompts as tasks of lm-evaluation-harness, a task a file and a group of them, graded by the task's oracle.

lm_eval --include_path PROMPTS --tasks alchemy_TASK --log_samples --output_path OUT ...
alchemy score OUT/.../samples_*.jsonl --manifest DATA          # the same numbers, and more
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from alchemy.dataset.manifest import dumps, task_of
from alchemy.dataset.recipe import File, Recipe, stem
from alchemy.errors import UserError

TASK = "task.json"
METRICS = ("answer_accuracy", "trace_accuracy")
GRADER = '''"""Written by `alchemy prompts`: completions are graded by the task itself."""

from pathlib import Path

from alchemy.interop.lm_eval import accuracies


def process_results(doc, results):
    return accuracies(Path(__file__).parent, doc, results)
'''


def files(recipe: Recipe, prompt_files: Mapping[str, File], directory: Path) -> dict[str, str]:
    """What to write beside worded prompts, by name; the harness opens them by the absolute path they have now."""
    group = group_name(recipe)
    tasks = {f"{group}_{stem(name)}": (name, file) for name, file in prompt_files.items()}
    yamls = {f"{task}.yaml": _yaml(task, directory.resolve() / name, file) for task, (name, file) in tasks.items()}
    return {"alchemy_judge.py": GRADER, f"{group}.yaml": _group(group, list(tasks)), **yamls}


def group_name(recipe: Recipe) -> str:
    """What the tasks of a directory are called together, and what each of their names begins with."""
    return f"alchemy_{recipe.header()['task']}"


def task_file(recipe: Recipe) -> str:
    """The task and its fields as JSON, from which the grader beside the prompts rebuilds the task."""
    header = recipe.header()
    return dumps({name: header[name] for name in ("task", "config")})


@lru_cache
def worded_task(directory: Path) -> Any:
    """The task whose worded prompts a directory has; raises `UserError` if its task.json is missing or corrupt."""
    path = directory / TASK
    try:
        return task_of(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise UserError(f"{path} does not name a task: {fault}; alchemy prompts writes it") from None


def accuracies(directory: Path, doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """What the harness calls for one prompt and its completion: 1 or 0 for the answer and for the chain of thought."""
    from alchemy.scoring.grade import grade_text

    [completion] = results
    grade = grade_text(worded_task(directory), doc["problem"], doc["output"], completion)
    return dict(zip(METRICS, (float(grade.answer), float(grade.trace)), strict=True))


def _yaml(name: str, data: Path, file: File) -> str:
    """One task: a prompt is continued up to a blank line, greedily."""
    fields = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "text",
        "doc_to_target": "output",
        "process_results": "!function alchemy_judge.process_results",
        "generation_kwargs": {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 4 * file.task.max_len + 64},
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in METRICS],
        "num_fewshot": 0,
        "metadata": {"version": 1},
    }
    return "".join(_lines(fields))


def _group(name: str, tasks: Sequence[str]) -> str:
    metrics = [{"metric": metric, "aggregation": "mean", "weight_by_size": True} for metric in METRICS]
    fields = {"group": name, "task": tasks, "aggregate_metric_list": metrics, "metadata": {"version": 1}}
    return "".join(_lines(fields))


def _lines(fields: Mapping[str, Any]) -> Iterator[str]:
    """YAML, of which JSON is a part; only a function is written in YAML's own way."""
    for name, value in fields.items():
        function = isinstance(value, str) and value.startswith("!function ")
        yield f"{name}: {value if function else json.dumps(value, ensure_ascii=False)}\n"
