"""The data card names every file once."""

from __future__ import annotations

import re

import pytest

from alchemy.dataset.card import CARD
from alchemy.dataset.export import write_splits
from alchemy.dataset.manifest import read_manifest
from alchemy.dataset.verify import verify_splits
from tasks.symbols import Symbols


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    place = tmp_path_factory.mktemp("splits") / "data"
    write_splits(Symbols(), place, train=30, test=10, shifts=("length=6", "noise=insert:0.1", "task=F2 F2"))
    return place


def test_every_file_is_in_one_configuration(directory):
    text = (directory / CARD).read_text()
    named = re.findall(r'path: "(.*?)"', text)
    assert sorted(named) == sorted(path.name for path in directory.glob("*.jsonl"))
    assert re.findall(r"- config_name: (.*)", text) == ["default", '"length=6"', '"noise=insert-0.1"', '"task=F2-F2"']
    assert "| test-length=6.jsonl | 10 | length=6 | length |" in text


def test_says_how_many_tokens_of_a_test_are_in_no_training_problem(directory):
    files = read_manifest(directory)["files"]
    rows = {line.split(" | ")[0]: line for line in (directory / CARD).read_text().splitlines() if "jsonl | " in line}
    assert rows["| train.jsonl"] == "| train.jsonl | 30 |  |  |  |  |"
    for name, shift in (("test.jsonl", " | "), ("test-task=F2-F2.jsonl", "task=F2 F2 | task")):
        unseen = files[name]["discrepancy"]["tokens_unseen"]
        assert rows[f"| {name}"].startswith(f"| {name} | 10 | {shift} | {unseen:.3g} | identities 0 %")


def test_says_what_of_a_test_is_in_training(directory):
    overlap = read_manifest(directory)["files"]["test.jsonl"]["overlap"]
    assert overlap["identities"] == 0 < overlap["structures"]
    [line] = [line for line in (directory / CARD).read_text().splitlines() if line.startswith("| test.jsonl")]
    assert "| identities 0 %, structures 80 %, elements in chains 0 %" in line


def test_another_card_is_a_difference(directory):
    text = (directory / CARD).read_text()
    assert verify_splits(directory) == []
    (directory / CARD).write_text(text.replace("30 training", "31 training"))
    assert verify_splits(directory) == [f"{CARD}: is not the card of this manifest"]
    (directory / CARD).unlink()
    assert verify_splits(directory) == [], "splits without a card are splits"
    (directory / CARD).write_text(text)
