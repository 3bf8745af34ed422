"""A model that leaves the lab gives the same logits in PyTorch."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest

from alchemy.lab import exported
from alchemy.record import plain
from models.transformer import Transformer

PAGE = Path(__file__).parents[2] / "docs" / "train-a-model.md"
MODELS = [
    Transformer(11, width=16, layers=2, heads=2, context=12),
    Transformer(11, width=16, layers=2, heads=2, context=12, positions="sinusoidal", activation="relu", tied=False),
    Transformer(11, width=16, layers=2, heads=2, context=12, positions="rotary", block="llama", tied=False, hidden=24),
    Transformer(11, width=16, layers=2, heads=4, context=12, positions="random", spread=3, loops=2),
    Transformer(11, width=16, layers=1, heads=1, context=12, positions="none", block="llama", loops=2, inject=True),
    Transformer(11, width=16, layers=1, heads=2, context=12, positions="coupled", marks=(3, 4), spread=2),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.block}-{model.positions}")
def test_the_module_of_the_page_gives_the_same_logits(model, tmp_path):
    torch = pytest.importorskip("torch")
    programs = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (program,) = (program for program in programs if "class Exported" in program)
    names: dict = {}
    exec(compile(program.partition("\n\nmodel = ")[0], PAGE.name, "exec"), names)
    params = model.init(jax.random.key(0))
    params = jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(leaf.size), leaf.shape), params)
    exported.save(params, {"model": plain(model)}, tmp_path)
    tokens = np.random.default_rng(0).integers(3, 11, (3, 12))
    expected = model.apply(params, tokens[..., None])
    with torch.no_grad():
        logits = names["Exported"](tmp_path)(torch.tensor(tokens)).numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
