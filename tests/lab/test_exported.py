"""A trained model that leaves the lab comes back as it was, and gives the same logits in PyTorch."""

import json
import re
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.lab import exported
from alchemy.lab.stored_models import choose, load
from alchemy.record import plain
from models.transformer import Transformer

PAGE = Path(__file__).parents[2] / "docs" / "train-a-model.md"
TRAIN = ["--model.width", "16", "--model.layers", "2", "--model.heads", "2", "--train.steps", "2", "--train.batch", "8"]
MODELS = [
    Transformer(11, width=16, layers=2, heads=2, context=12),
    Transformer(11, width=16, layers=2, heads=2, context=12, positions="sinusoidal", activation="relu", tied=False),
    Transformer(11, width=16, layers=2, heads=2, context=12, positions="rotary", block="llama", tied=False, hidden=24),
    Transformer(11, width=16, layers=2, heads=4, context=12, positions="random", spread=3, loops=2),
    Transformer(11, width=16, layers=1, heads=1, context=12, positions="none", block="llama"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    assert main(["train", "symbols", *TRAIN, "--seeds", "2", "--test", "20", "--quiet", "--out", str(out)]) == 0
    return out


def test_a_trained_model_comes_back(runs, tmp_path, capsys):
    capsys.readouterr()
    for _ in range(2):  # its own files are replaced
        assert main(["export", "--seed", "1", "--out", str(runs), "--to", str(tmp_path / "mine"), "--json"]) == 0
    config = json.loads(capsys.readouterr().out.partition("}\n{")[0] + "}")
    assert config["task"]["name"] == "symbols" and config["seed"] == 1 and config["vocabulary"][3] == "[F1]"
    model, params = exported.read(tmp_path / "mine")
    stored = load(choose(runs))
    assert model == stored.model
    jax.tree.map(lambda mine, lab: np.testing.assert_array_equal(mine, lab[1]), params, stored.trained.params)
    (tmp_path / "mine" / "config.json").write_text("{}")
    assert main(["export", "--out", str(runs), "--to", str(tmp_path / "mine")]) == 2
    assert "changed since" in capsys.readouterr().err
    with pytest.raises(UserError, match="is no config of a model that `alchemy export` wrote"):
        exported.read(tmp_path / "mine")


def test_what_cannot_be_written_or_read(runs, tmp_path, capsys):
    home = tmp_path / "mine"
    for args, says in (
        (["--seed", "7"], "no model of seed 7 is stored"),
        (["zzz"], "model 'zzz' is not in"),
    ):
        assert main(["export", *args, "--out", str(runs), "--to", str(home)]) == 2 and not home.exists()
        assert says in capsys.readouterr().err
    assert main(["export", "--out", str(runs), "--to", str(home)]) == 0
    tensors = load_file(home / "model.safetensors")
    for name, change, says in (
        ("norm.scale", None, "has no tensor 'norm.scale'"),
        ("more", np.zeros(1), "has an unknown tensor 'more'"),
        ("norm.scale", np.zeros(3, np.float32), r"norm.scale has shape \(3,\), expected \(16,\)"),
    ):
        changed = {**tensors, name: change}
        save_file({key: value for key, value in changed.items() if value is not None}, home / "model.safetensors")
        with pytest.raises(UserError, match=says):
            exported.read(home)
    (home / "model.safetensors").write_bytes(b"none")
    with pytest.raises(UserError, match="cannot read"):
        exported.read(home)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.block}-{model.positions}")
def test_the_module_of_the_page_gives_the_same_logits(model, tmp_path):
    torch = pytest.importorskip("torch")
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
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
