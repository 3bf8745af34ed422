"""Models of one's own, trained on any task."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from alchemy.cli.flags import Switch
from alchemy.discover import entries, find
from alchemy.errors import UserError
from alchemy.terminal import beside, counted, wrapped

if TYPE_CHECKING:
    from alchemy.lab.lab import Lab
    from alchemy.lab.plain import Plain
    from alchemy.learning.train import Runs
    from alchemy.problem.task import Task


@dataclass(frozen=True)
class Train:
    """Train models on a task from scratch, and test them on held-out problems, under shifts of the task too.

    Example: alchemy train symbols --task.compositions "F1 F2" "F2 F1" --seeds 3 --shifts length=5 "task=F2 F2"

    Example: alchemy train symbols --data mine.jsonl --train.steps 1000 --model.layers 4

    Example: alchemy train sums --curriculum.levels places=2 places=3 --curriculum.order mix --then grpo --grpo.steps 50

    Fields of the task, the model and the training are flags behind `--task.`, `--model.` and `--train.`, and those of other
    ways to train behind `--curriculum.`, `--retries.`, `--self-training.` and `--grpo.`. The models are kept
    under --out; the same command goes on where it was interrupted, and another one that needs the same models finds them.
    """

    task: Positional[Annotated[str, arg(metavar="TASK")]] = ""
    """A task that `alchemy list` names."""
    architecture: str = "transformer"
    """A model that `alchemy list` names."""
    shift: str = ""
    """Train under this shift of the task."""
    data: Path | None = None
    """Train on these lines instead of fresh problems: JSON lines {input, output} of the task's symbols, as `alchemy generate` writes."""
    limit: int = 0
    """Only so many training problems, drawn once for each seed; 0 for fresh ones at every step."""
    document: Literal["thought first", "thought last", "answer", "filler", "swapped", "paraphrase", "cleaned"] = (
        "thought first"
    )
    """Where the chain of thought stands in a line, or what is there instead: filler of equal length, another problem's, or question
    and answer again in another order; of noisy questions, `cleaned` ones with their answers alone."""
    loss: Literal["completion", "sequence"] = "completion"
    """On what follows the prompt, or on the whole line."""
    seeds: int = 1
    """Models, which differ by weights, training problems and test problems."""
    test: int = 1000
    """Held-out problems in each test of each seed."""
    shifts: tuple[str, ...] = ()
    """Test under these shifts of the trained task, too; `standard` are those that `alchemy show` lists."""
    then: Literal["nothing", "self-training", "grpo"] = "nothing"
    """What the trained models learn from afterwards: lines of their own that a filter keeps, or rewards for what they write."""
    out: Path = Path("runs")
    """Where models and answers go."""
    dry_run: Switch = False
    """Make nothing: say which models are there, which would be trained, and what that takes."""
    json: Switch = False
    """Print one JSON object."""
    quiet: Switch = False
    """No progress on standard error."""


def configs(options: Train | None, positional: Sequence[str]) -> dict[str, Any]:
    """The named task with a model and a way to train it, as one dataclass; without a name those of the first task."""
    from alchemy.lab import plain

    options = options or Train()
    name = options.task or next(iter([*positional, *entries("task")]))
    return {name: plain.config(find("task", name)(), find("model", options.architecture)())}


def run(options: Train, configs: dict[str, Any]) -> int:
    """Train, answer held-out problems, print a row for each test."""
    from alchemy.lab.lab import Lab
    from alchemy.lab.plain import How, Plain
    from alchemy.progress import Progress

    if not options.task:
        raise UserError(f"name a task, one of {', '.join(entries('task'))}")
    [config] = configs.values()
    plain = Plain(config, How(**{item.name: getattr(options, item.name) for item in fields(How)}))
    lab = Lab(options.out, Progress(options.quiet))
    if options.dry_run:
        return _dry_run(options, plain, lab)
    runs, results = plain.run(lab)
    if options.json:
        told = {"model": _name(runs), "seeds": runs.seeds, "steps": runs.trained.steps().tolist(), "tests": results}
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(_rows(runs, plain.tests, results)))
    return 0


def _dry_run(options: Train, plain: Plain, lab: Lab) -> int:
    """Print what would be trained, what is there of it, and what it takes."""
    from alchemy.lab import room
    from alchemy.learning.train import size

    plan, config, task = plain.plan(lab), plain.parts, plain.task
    missing, seeds, tokens = len(plan.missing), len(plan.seeds), task.max_len
    flops = 6.0 * size(plan.model) * config.train.steps * config.train.batch * tokens * missing
    speed = _speed(options.out)
    summary = {
        "model": plan.homes[0].parent.name,
        "weights": room.weights(plan.model),
        "seeds": seeds,
        "stored": seeds - missing,
        "to train": missing,
        "steps": config.train.steps,
        "batch": config.train.batch,
        "tokens of a line": tokens,
        "tests": {name: options.test for name in plain.tests},
        "flops": flops,
        "minutes": flops / speed / 60 if speed else None,
        "memory": room.needed(plan.model, config.train, missing, tokens),
    }
    if options.json:
        print(json.dumps(summary, indent=2))
    else:
        print("\n".join(_planned(summary, options, room.available())))
    return 0


def _planned(summary: Mapping[str, Any], options: Train, memory: float) -> Iterator[str]:
    minutes = summary["minutes"]
    time = (
        f"about {minutes:.1f} minutes at the speed of the last training in {options.out}, and what compiling takes"
        if minutes is not None
        else f"nothing was trained in {options.out} to tell the time by"
    )
    yield beside("model", f"{summary['model'][:8]}, {options.architecture} of {summary['weights']:,} weights", 8)
    yield beside(
        "seeds",
        f"{summary['stored']:,} of {summary['seeds']:,} stored in {options.out}, {summary['to train']:,} to train",
        8,
    )
    yield beside(
        "steps",
        f"{summary['steps']:,} of {summary['batch']:,} lines of at most {counted(summary['tokens of a line'], 'token')}",
        8,
    )
    yield beside("tests", ", ".join(summary["tests"]) + f": {counted(options.test, 'problem')} for each seed", 8)
    yield beside(
        "takes", f"{summary['flops']:.2g} FLOPs to train; {time}" if summary["to train"] else "answering alone", 8
    )
    if options.then != "nothing":
        yield beside("and then", f"{options.then}, which is not counted here", 8)
    yield beside("memory", f"at least {summary['memory'] / 1e9:.2g} of {memory / 1e9:.3g} GB", 8)
    yield "nothing was made"


def _speed(root: Path) -> float | None:
    """FLOPs a second of the last training under a directory; None if there is none."""
    from alchemy.lab.stored_models import load_model, load_task, stored
    from alchemy.learning.train import size

    if not (known := stored(root, own_sets=True)):
        return None
    last = known[-1]
    key = last.keys[0]
    steps = key.get("notes", {}).get("steps", key["train"]["steps"])
    tokens = steps * key["train"]["batch"] * load_task(last).max_len
    return 6.0 * size(load_model(last)) * tokens / max(key["seconds"], 1e-9)


def _rows(runs: Runs, tests: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    import numpy as np

    width = max(map(len, ["test", *tests]))
    shown = ("right answer", "valid chain", "exact match")
    yield f"{'test':<{width}}  " + "  ".join(f"{name:>12}" for name in (*shown, "floor"))
    for name, result in results.items():
        floor = max(result["floors"].values(), default=None)
        values = [f"{np.median(result[metric]):.3f}" for metric in shown] + ["-" if floor is None else f"{floor:.3f}"]
        yield f"{name:<{width}}  " + "  ".join(f"{value:>12}" for value in values)
    for name, result in results.items():
        if result["trained on"]:
            yield f"{result['trained on']:.1%} of the problems of {name!r} are among the lines trained on"
    steps, most = runs.trained.steps(), runs.trained.losses.shape[1]
    if steps.min() < most:
        each = f"{steps.min():,}" if steps.min() == steps.max() else f"{steps.min():,} to {steps.max():,}"
        yield f"trained for {each} of {counted(most, 'step')}, as --train.stop says"
    many = f"the median of {len(runs.seeds)} seeds; " if len(runs.seeds) > 1 else ""
    none = "" if all(result["floors"] for result in results.values()) else ", - where the task names none"
    yield wrapped(
        f"{many}floor: exact matches of the best predictor without understanding{none}. Ask model {_name(runs)[:8]}: "
        f'alchemy ask "{example(runs.task)}" --model {_name(runs)[:8]}'
    )


def _name(runs: Runs) -> str:
    """The name by which other commands find the models."""
    from alchemy.record import fingerprint

    return fingerprint(dict(runs.key))


def example(task: Task) -> str:
    """A prompt of the task."""
    import numpy as np

    return task.show_part(task.sample(np.random.default_rng(0), 1).prompts()[0])
