"""What was generated last year can be generated again: values pinned, under a version that has to be raised to change them."""

from __future__ import annotations

import json

import golden
import pytest

from alchemy import discover
from alchemy.dataset.recipe import GENERATOR_VERSION
from alchemy.problem.split import DRAW
from tasks.connectivity import networks

PINNED = json.loads(golden.FILE.read_text("utf-8"))
SAID = "bytes that others rely on have changed; if they have to, raise GENERATOR_VERSION and run python tests/golden.py"


def test_the_values_are_those_of_this_version():
    assert PINNED["version"] == GENERATOR_VERSION
    assert PINNED["tasks"].keys() == discover.tasks().keys()


@pytest.mark.parametrize("name", PINNED["tasks"])
def test_problems_parts_directories_and_prompts(name, tmp_path):
    assert golden.of_task(name, tmp_path / "data") == PINNED["tasks"][name], SAID


def test_how_much_is_drawn_at_once():
    """Another number is another stream of whoever asks for more."""
    assert (DRAW, networks.BLOCK) == (1 << 20, 1 << 12), SAID


def test_random_streams_of_training_and_sampling():
    assert golden.of_streams() == PINNED["streams"], SAID
