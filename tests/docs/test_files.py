"""The fields of files are those that the page lists, of the types that it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import NoneType

import pytest

from alchemy.cli.main import main
from alchemy.dataset import parquet
from alchemy.lab import exported, stored_models
from alchemy.lab.lab import Lab
from alchemy.learning.config import TrainConfig
from alchemy.progress import Progress
from alchemy.report import schema
from models.transformer import Transformer
from tasks.symbols import Symbols

PAGE = Path(__file__).parents[2] / "docs" / "files.md"
SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"^\|.*?\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)
TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "number or string": (int, float, str),
    "boolean": bool,
    "object": dict,
    "string or null": (str, NoneType),
    "object or null": (dict, NoneType),
    "list of strings": list,
    "list of objects": list,
}


def tables(section: str) -> list[dict[str, str]]:
    """The tables of a section: the second cell of each row by what the first has in backticks."""
    text = dict(SECTION.findall(PAGE.read_text("utf-8")))[section]
    found = []
    for body in TABLE.findall(text):
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()]
        found.append({cell[0].strip("`"): cell[1] for cell in cells})
    return found


def fits(value: object, told: str) -> bool:
    """Whether a value is of a type, or one of the texts that stand there in its place."""
    kind = TYPES.get(told)
    if kind is None:
        return value in re.findall("`(.*?)`", told)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def compare(written: dict, table: dict[str, str]) -> None:
    assert written.keys() == table.keys()
    assert [name for name, value in written.items() if not fits(value, table[name])] == []


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    home = tmp_path_factory.mktemp("files") / "data"
    assert (
        main(["generate", "symbols", "--out", str(home), "--train", "20", "--test", "5", "--shifts", "length=6"]) == 0
    )
    return home


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_splits(data, tmp_path):
    told, manifest = tables("Splits")
    own = [name for name in told if name != "the parts of a prompt"]
    for record in lines(data / "test.jsonl"):
        assert record.keys() == {*own, *Symbols.prompt_fields} and all(
            isinstance(text, str) for text in record.values()
        )
    compare(json.loads((data / "manifest.json").read_text()), manifest)
    pytest.importorskip("pyarrow")
    packed = tmp_path / "packed"
    sizes = ["--train", "20", "--test", "5", "--shifts", "length=6", "--format", "parquet"]
    assert main(["generate", "symbols", "--out", str(packed), *sizes]) == 0
    with parquet.open_lines(packed / "test.parquet") as rows:
        assert rows.read() == (data / "test.jsonl").read_bytes()
    text = json.loads((packed / "manifest.json").read_text())
    assert text.keys() == {*manifest, "suffix"} and "lines_sha256" in text["files"]["test.parquet"]


def test_predictions(tmp_path, capsys):
    [told] = tables("Predictions")
    prompt, gold = "A B C D [F1] [F2] <think>", "N O P Q [F2] <answer> O P Q N"
    texts = {"input": prompt, "output": gold, "prompt": prompt, "completion": gold, "predict": gold, "label": gold}
    pairs = [re.findall(r"`?(\w+)`?", fields) for fields in told]
    for pair in pairs[:3]:
        (tmp_path / "p.jsonl").write_text(json.dumps({**{name: texts[name] for name in pair}, "more": 1}) + "\n")
        assert main(["score", str(tmp_path / "p.jsonl"), "--json", "--quiet"]) == 0
        assert json.loads(capsys.readouterr().out)["answer_accuracy"] == 1
    assert [pair[0] for pair in pairs[3:]] == ["doc", "metadata"], "tests/bench/test_peers.py has their own logs"


def test_verdicts(data, tmp_path):
    [told] = tables("Verdicts on predictions")
    out = tmp_path / "v.jsonl"
    assert main(["score", str(data / "test.jsonl"), "--manifest", str(data), "--verdicts", str(out), "--quiet"]) == 0
    records = lines(out)
    assert records[-1].pop("seal").startswith("written by alchemy score")
    for record in records:
        features = {name: record.pop(name) for name in list(record) if name.startswith("features.")}
        assert features and all(fits(value, told["features.NAME"]) for value in features.values())
        compare(record, {name: kind for name, kind in told.items() if name != "features.NAME"})


def test_trained_models(tmp_path):
    key, config = tables("Trained models")
    assert key.keys() == stored_models.FIELDS.keys()
    task = Symbols(length=(2,))
    model, steps = Transformer(width=8, layers=1, heads=1), TrainConfig(steps=2, batch=4)
    Lab(tmp_path, Progress(quiet=True)).train(model, task, steps, seeds=1)
    [path] = tmp_path.glob("models/*/*/key.json")
    compare(json.loads(path.read_text()), key)
    compare(exported.write(stored_models.choose(tmp_path), 0, tmp_path / "mine"), config)


def test_records():
    [told] = tables("Records of claims")
    wanted = {name: kind for name, kind in schema.RECORD.items()}
    assert told.keys() == wanted.keys()
    for path in sorted((PAGE.parents[1] / "experiments" / "verdicts").glob("*.json")):
        for record in (entry for entries in json.loads(path.read_text()).values() for entry in entries):
            assert [name for name in told if name != "measured" and not fits(record[name], told[name])] == [], path
