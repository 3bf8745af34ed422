"""The bench measures what it says; how fast it is, no test can know."""

from __future__ import annotations

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from alchemy.bench import bench
from alchemy.bench.bench import Ceilings, Load, Row
from alchemy.cli.main import main
from alchemy.learning import kept
from tasks.connectivity import Connectivity
from tasks.search import Search

LIMITS = Ceilings(1e12, 1e10)
LOAD = Load(problems=400, lines=40, batch=16, samples=32, seeds=(1,), rows=(4,), matrix=64)


def test_ceilings_count_operations_and_bytes_of_all_devices(monkeypatch):
    monkeypatch.setattr(bench, "seconds", lambda work: work() is None or 0.5)
    limits = bench.ceilings(64, 2**16)
    devices = jax.local_device_count()
    assert limits == (2 * 64**3 * devices / 0.5, 2 * 4 * 2**16 * devices / 0.5)


def test_operations_of_training_are_three_times_those_of_the_forward_pass(task, model):
    model = replace(model, width=64, layers=3, tied=False)
    params = jax.jit(model.init)(jax.random.key(0))
    tokens = np.ones((4, 24, 1), np.int32)
    one_layer = dict(params=jax.tree.map(lambda leaf: leaf[:1], params["blocks"]))["params"]
    program = jax.jit(replace(model, layers=1).apply).lower({**params, "blocks": one_layer}, tokens).compile()
    counted = program.cost_analysis()["flops"] / tokens.size
    estimated = bench.training_flops(replace(model, layers=1), {"blocks": one_layer}, 24) / 3
    assert 0.8 < estimated / counted < 1.1, "XLA counts softmax, norms and the masked half, too"


def test_every_work_has_a_rate(task, model):
    bridge = Connectivity(depth=1)
    rows = list(bench._generation(task, bridge, LOAD))
    rows += list(bench._training("tiny", model, task, 1, LOAD, LIMITS, lambda _: None))
    rows.append(bench._decoding("tiny", model, task, 4, LIMITS, lambda _: None))
    assert all(row.rate > 0 for row in rows) and bench._scoring(task, 40) > 0
    samples, tokens = rows[-3:-1]
    assert tokens.rate == pytest.approx(samples.rate * task.max_len)
    assert samples.share == tokens.share > 0 and rows[-1].ceiling == "bytes"


def test_a_step_of_grpo_is_split_into_generating_and_training(task, model):
    rows = list(bench.reinforcing("tiny", model, task, 16))
    generating, training, whole, ratio = (row.rate for row in rows)
    assert ratio == pytest.approx(whole / (generating + training)) and min(generating, training, whole) > 0
    assert [row.unit for row in rows] == ["s", "s", "s", "times"]


def test_episodes_are_counted_beside_plain_decoding_of_as_many_tokens(model, monkeypatch):
    task, done = Search(budgets=(2,)), []
    monkeypatch.setattr(bench, "seconds", lambda work: done.append(work()) or 0.5 ** len(done))
    searcher = replace(model, vocabulary=len(task.vocabulary), context=48)
    row = bench._episodes("tiny", searcher, task, 3, lambda _: None)
    assert (row.rate, row.unit, row.share, row.ceiling) == (3 / 0.25, "episodes/s", 2.0, "plain decoding")
    plain, played = done
    assert plain.completions.shape[-1] == 2 * 5 + 1 and played.turns.shape == (1, 3, 2, 5)


def test_a_thinking_verifier_is_counted_beside_plain_decoding(model, task, monkeypatch):
    """Tokens of the completions, behind thoughts that fill their room; both are timed on the same prompts."""
    asked, thoughts, times, think = [], [], iter([0.5, 0.25]), bench.think
    monkeypatch.setattr(bench, "seconds", lambda work: work() or next(times))
    monkeypatch.setattr(bench, "read", lambda *given: asked.append(given[-2].shape))
    monkeypatch.setattr(bench, "think", lambda *given: thoughts.append(think(*given)) or thoughts[-1])
    judge = replace(model, vocabulary=len(task.vocabulary) + 2, context=64)
    row = bench._checking("tiny", judge, task, 8, lambda _: None, samples=4)
    gold = task.sample(np.random.default_rng(0), 2).completions()
    tokens = 4 * (gold != 0).sum()
    assert asked == [(2, 4, gold.shape[1])]
    assert (row.rate, row.unit, row.ceiling) == (tokens / 0.5, "tokens/s", "plain decoding")
    longest = int((gold != 0).sum(axis=1).max())
    assert row.share >= tokens / 0.5 * 0.25 / (8 * longest), "what is sampled may end early, and is no longer"
    assert (thoughts[0] != 0).all() and thoughts[0].shape[2] > longest, "nothing ends before its room is over"


def test_the_median_leaves_the_first_run_out(monkeypatch):
    clock = iter([0.0, 1.0, 10.0, 15.0, 20.0, 22.0])
    runs = []
    monkeypatch.setattr(bench, "perf_counter", lambda: next(clock))
    assert bench.seconds(lambda: runs.append(1)) == 2.0 and len(runs) == 4


def test_programs_are_compiled_without_those_stored_and_then_with_them(task, model, monkeypatch):
    """In place of training a small program, compiled anew after every forgetting."""
    read, forgotten = [], []

    def chunk_seconds(*_):
        jax.jit(lambda x: x @ x - x)(np.ones((3, 3), np.float32))
        return [3.0, 1.0, 1.0]

    monkeypatch.setattr(bench, "chunk_seconds", chunk_seconds)
    monkeypatch.setattr(kept, "forget", lambda: forgotten.append(True) or jax.clear_caches())
    jax.monitoring.register_event_listener(lambda event, **_: read.append(event == "/jax/compilation_cache/cache_hits"))
    seconds = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    hits = []
    rows = []
    for row in bench._compilation(model, task, LOAD):
        rows.append(row)
        hits.append(sum(read))
    assert [row.rate for row in rows] == [2.0, 2.0] and rows[0].share is None
    assert rows[1].share == 1.0 and rows[1].ceiling.endswith("this processor refuses what is stored"), (
        "as long as before"
    )
    jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)
    assert hits[0] == 0 < hits[1] and len(forgotten) == 3


def test_the_table_is_short():
    rows = [Row("work", 1234567.0, "samples/s", 0.1234, "flops"), Row("other", 0.5, "s")]
    assert bench.table(rows) == [("work", "1.23 M samples/s", "12.3% of flops"), ("other", "0.5 s", "")]


def test_the_command_prints_and_writes(monkeypatch, capsys, tmp_path):
    rows = [Row("work", 10.0, "samples/s", 0.5, "flops")]
    monkeypatch.setattr("alchemy.bench.bench.measure", lambda load, say: say("work") or rows)
    assert main(["bench", "--out", str(tmp_path / "bench.json"), "--json"]) == 0
    out, err = capsys.readouterr()
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written.pop("seal").startswith("written by alchemy bench")
    assert json.loads(out) == written and written["rows"] == [rows[0]._asdict()] and err == ""
    assert written["device"] and written["versions"]["jax"] == jax.__version__
    assert main(["bench"]) == 0
    out, err = capsys.readouterr()
    assert "10 samples/s" in out and "50.0% of flops" in out and "work" in err
    assert main(["bench", "--out", str(tmp_path / "bench.json" / "no")]) == 2
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(("stored", "refused"), [(0.3, False), (1.9, True)])
def test_a_processor_that_refuses_stored_programs_is_told(stored, refused, task, model, monkeypatch):
    """Of three trainings that compile, the third finds what the second has stored."""
    taken = iter([2.0, 2.0, stored])
    monkeypatch.setattr(bench, "chunk_seconds", lambda *_: [1.0 + next(taken), 1.0, 1.0])
    rows = list(bench._compilation(model, task, LOAD))
    assert rows[1].rate == pytest.approx(stored) and rows[1].share == pytest.approx(stored / 2)
    assert ("refuses" in rows[1].ceiling) == refused
