"""Format noise hits what it names and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.noise import perturb
from alchemy.problem.shift import MODES, Noise
from alchemy.problem.task import (
    NOISE,
    PAD,
    Batch,
    Field,
)
from tasks.symbols import Symbols

TASK = Symbols(compositions=("F1 F2", "F3"), length=(2, 4))
FIELDS = ("all", *TASK.prompt_fields)


def prompts_of(batch):
    return [row[:length].tolist() for row, length in zip(batch.text, batch.prompt_len, strict=True)]


def noised(mode, p, field="all", n=40, seed=0):
    clean = TASK.sample(np.random.default_rng(seed), n)
    return clean, perturb(clean, Noise(mode, p, field), TASK.prompt_fields, np.random.default_rng(seed))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(MODES), st.floats(0, 1), st.sampled_from(FIELDS), st.integers(0, 1000))
def test_gold_is_kept_and_the_rest_of_the_prompt_too(mode, p, field, seed):
    clean, noisy = noised(mode, p, field, seed=seed)
    gold, written = clean.completions(), noisy.completions()
    width = min(gold.shape[1], written.shape[1])
    assert (gold[:, :width] == written[:, :width]).all()
    assert not gold[:, width:].any() and not written[:, width:].any()
    assert ((noisy.text == PAD) == (noisy.field == Field.PADDING)).all()
    assert TASK.verify(noisy, written).answer.all()
    spared = [code for code, name in enumerate(TASK.prompt_fields) if field not in ("all", name)]
    for code in spared:
        assert (noisy.text[noisy.field == code] == clean.text[clean.field == code]).all()
    if mode in ("delete", "modify"):
        assert noisy.tokens.shape == clean.tokens.shape and (noisy.prompt_len <= clean.prompt_len).all()
    if mode in ("insert", "modify"):
        assert (noisy.prompt_len >= clean.prompt_len).all()
    if mode == "insert":
        for before, after in zip(prompts_of(clean), prompts_of(noisy), strict=True):
            assert [token for token in after if token != NOISE] == before


@pytest.mark.parametrize("mode", MODES)
def test_no_noise_at_zero(mode):
    clean, noisy = noised(mode, 0.0)
    assert prompts_of(clean) == prompts_of(noisy)
    nobody = perturb(clean.rows(slice(0)), Noise(mode, 0.5), TASK.prompt_fields, np.random.default_rng(0))
    assert nobody.tokens.shape == (0, *clean.tokens.shape[1:])


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_probability_is_from_0_to_1(p):
    assert Noise("insert", 1).p == 1 and Noise("insert", 0).p == 0
    with pytest.raises(UserError, match=r"outside \[0, 1\]"):
        Noise("insert", p)


def test_everything_at_one():
    for mode, expected in {
        "insert": lambda prompt: [token for letter in prompt for token in (NOISE, letter)],
        "delete": lambda prompt: [],
        "modify": lambda prompt: [NOISE] * len(prompt),
    }.items():
        clean, noisy = noised(mode, 1.0)
        assert prompts_of(noisy) == [expected(prompt) for prompt in prompts_of(clean)]


@pytest.mark.parametrize("mode", MODES)
def test_each_token_is_hit_with_probability_p(mode):
    clean, noisy = noised(mode, 0.2, n=20_000)
    total = int(clean.prompt_len.sum())
    noise, size = (noisy.text == NOISE).sum() / total, noisy.prompt_len.sum() / total
    expected = {"insert": (0.2, 1.2), "delete": (0, 0.8), "modify": (0.2, 1), "hybrid": (0.4 / 3, 1)}[mode]
    assert np.allclose((noise, size), expected, atol=0.01)


def test_noise_symbols_belong_to_the_field_they_hit():
    _, noisy = noised("insert", 1.0, "transformation")
    assert (noisy.field[noisy.text == NOISE] == 1).all()
    assert (noisy.text == NOISE).sum() == ((noisy.field == 1) & (noisy.text != NOISE)).sum()


@pytest.mark.parametrize("mode", MODES)
def test_a_task_with_noise_has_one_shape(mode):
    task = TASK.shift(f"noise={mode}:0.7")(TASK)
    for seed in range(5):
        batch = task.sample(np.random.default_rng(seed), 3)
        assert batch.tokens.shape == (3, task.max_len, 1)
    assert task.max_len == TASK.max_len + (TASK.longest_prompt if mode in ("insert", "hybrid") else 0)
    record = task.record(batch)[0]
    prompt = " ".join(part for part in (record["element"], record["transformation"], record["instruction"]) if part)
    assert record["input"] == prompt
    assert TASK.record(TASK.render(batch.problem, np.random.default_rng(0)))[0]["output"] == record["output"]


def test_what_an_environment_told_stays_what_it_told():
    """By hand: two tokens of a prompt, an answer that was told, the end; every token of the prompt is hit."""
    told = np.array([[False, False, True, False, False]])
    field = np.array([[0, 0, Field.ANSWER, Field.END, Field.PADDING]], np.int8)
    batch = Batch(np.array([[5, 6, 7, 1, 0]], np.int32)[..., None], np.array([2], np.int32), field, {}, told)
    for mode, expected in (
        ("insert", [0, 0, 0, 0, 1, 0, 0]),
        ("delete", [1, 0, 0, 0, 0]),
        ("modify", [0, 0, 1, 0, 0]),
    ):
        noisy = perturb(batch, Noise(mode, 1.0), ("question",), np.random.default_rng(0))
        assert noisy.told.astype(int).tolist() == [expected] and noisy.text[noisy.told].tolist() == [7]
    silent = perturb(batch._replace(told=None), Noise("insert", 1.0), ("question",), np.random.default_rng(0))
    assert silent.told is None


def test_positions_with_several_ids():
    tokens = np.array([[[5, 6], [7, 8], [1, 0], [0, 0]]], np.int32)
    field = np.array([[0, 0, Field.END, Field.PADDING]], np.int8)
    batch = Batch(tokens, np.array([2], np.int32), field, {})
    noisy = perturb(batch, Noise("insert", 1.0), ("edges",), np.random.default_rng(0))
    assert noisy.tokens[0].tolist() == [[2, 0], [5, 6], [2, 0], [7, 8], [1, 0], [0, 0]]
    with pytest.raises(UserError, match="did you mean 'edges'"):
        perturb(batch, Noise("insert", 1.0, "edge"), ("edges",), np.random.default_rng(0))
