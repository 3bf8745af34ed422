"""The notebook for a hosted accelerator runs on a CPU as it is written, but for what installs the lab."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from string import Template

from alchemy.cli.main import main

NOTEBOOK = Path(__file__).parents[2] / "docs" / "hosted-accelerator.ipynb"


def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    """Lines that begin with `!` are commands, in which `$NAME` is a value of the notebook."""
    shown = []
    monkeypatch.chdir(tmp_path)
    values = {"display": lambda data, raw: shown.append(data["image/svg+xml"])}
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        assert not cell.get("outputs"), "a notebook is kept without what it printed"
        text = "".join(cell["source"])
        if cell["cell_type"] != "code" or "install" in cell["metadata"].get("tags", ()):
            continue
        if text.startswith("!alchemy "):
            texts = {name: value for name, value in values.items() if isinstance(value, str)}
            assert main(shlex.split(Template(text).substitute(texts))[1:]) == 0
        else:
            exec(text, values)
    assert shown and all("<svg" in picture for picture in shown)
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert len(values["runs"].seeds) == 2 and values["answers"].mean("answer").shape == (2,)
    assert "text_length" in capsys.readouterr().out
