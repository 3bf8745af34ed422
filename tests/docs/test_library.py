"""The program that the docs show runs as it is written, but for its number of steps."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "splits-for-your-model.md"


def test_program_runs(capsys):
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert "steps=150" in program
    exec(compile(program.replace("steps=150", "steps=2"), PAGE.name, "exec"), {})
    assert 0 <= float(capsys.readouterr().out) <= 1
