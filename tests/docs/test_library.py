"""The programs that the docs show run as they are written, but for their number of steps."""

from __future__ import annotations

import re
from pathlib import Path

from alchemy.interop import rewards

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "splits-for-your-model.md"


def test_program_runs(capsys):
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert "steps=150" in program
    exec(compile(program.replace("steps=150", "steps=2"), PAGE.name, "exec"), {})
    assert 0 <= float(capsys.readouterr().out) <= 1


def test_a_loop_with_a_curriculum_runs(capsys):
    """What needs no trainer, with a policy that always writes the right text: it ends at the last level."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (DOCS / "reinforcement-learning.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    names = {"rewards": rewards, "learn": lambda *_: None}
    names["write"] = lambda question: next(
        entry["answer"] for entry in names["course"].data if entry["question"] == question
    )
    loop = next(block for block in blocks if "course.add([score]" in block)
    for block in (blocks[0], loop):
        exec(compile(block.replace("size=5000", "size=150"), "reinforcement-learning.md", "exec"), names)
    assert capsys.readouterr().out == "1.0\n3\n"
