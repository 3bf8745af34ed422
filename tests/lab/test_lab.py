"""The lab never does the same twice, and never trusts what it cannot read."""

from __future__ import annotations

import operator
import resource
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from alchemy.decoding import generate as decode
from alchemy.decoding.forcing import Forcing, Marks
from alchemy.decoding.generate import draw
from alchemy.errors import UserError
from alchemy.lab import lab as bench
from alchemy.lab.lab import Lab
from alchemy.lab.search import search
from alchemy.lab.stored_models import choose
from alchemy.lab.trainings import Watch
from alchemy.learning import checkpoint, tuning
from alchemy.learning.config import Stop, TrainConfig
from alchemy.problem.noise import Noise
from alchemy.problem.retries import BACK, Retries
from alchemy.problem.split import Split
from alchemy.problem.task import NOISE
from alchemy.progress import Progress, Stage
from alchemy.strategies.beam import Beam
from alchemy.testtime.rewards import OracleReward
from models.transformer import Transformer
from tasks.search import Search

CONFIG = TrainConfig(steps=16, batch=8, chunk=4)


def new_lab(root):
    return Lab(root, Progress(quiet=True))


@pytest.fixture(scope="module")
def stored(model, task, tmp_path_factory):
    """A root with two trained models and their answers, and what they were."""
    root = tmp_path_factory.mktemp("lab")
    lab = new_lab(root)
    runs = lab.train(model, task, CONFIG, seeds=2)
    return root, lab, runs, lab.answer(runs, task, 6)


@pytest.fixture
def idle(monkeypatch):
    """Nothing may be trained or decoded."""

    def refuse(*_, **__):
        raise AssertionError("this was done before")

    monkeypatch.setattr(bench, "train", refuse)
    monkeypatch.setattr(bench, "draw", refuse)


@pytest.fixture
def training_data(monkeypatch):
    """What training is given as data, at which it stops."""
    received = []

    def stop(model, data, *_, **__):
        received.append(data)
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "train", stop)
    return received


def same(tree, other):
    for left, right in zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_second_lab_takes_everything_from_the_store(stored, model, task, idle):
    root, first, runs, answers = stored
    lab = new_lab(root)
    again = lab.train(model, task, CONFIG, seeds=range(2), label="by another name")
    same(again.trained, runs.trained)
    same(lab.answer(again, task, 6).completions, answers.completions)
    assert (lab.tokens, lab.flops) == (first.tokens, first.flops) and lab.seconds == pytest.approx(first.seconds)
    assert lab.tokens > 0 and lab.flops > 0 and lab.seconds > 0
    spent = lab.tokens, lab.flops, lab.seconds
    lab.answer(lab.train(model, task, CONFIG, seeds=2), task, 6)
    assert (lab.tokens, lab.flops, lab.seconds) == spent, "asked for twice, it cost once"


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": (2,)},
        {"config": replace(CONFIG, learning_rate=1e-4)},
        {"loss": "sequence"},
        {"limit": 8},
    ],
    ids=str,
)
def test_whatever_changes_the_result_is_trained_anew(stored, model, task, idle, change):
    root, *_ = stored
    how = {"config": CONFIG, "seeds": 2, **change}
    with pytest.raises(AssertionError, match="done before"):
        new_lab(root).train(model, task, how.pop("config"), **how)


def test_only_seeds_that_are_missing_are_trained_and_asked(stored, model, task, tmp_path, monkeypatch):
    """In any order and company a seed's model and answers are the same."""
    root, first, runs, answers = stored
    lab, trained, answered = new_lab(root), [], []
    train, write = bench.train, bench.draw
    monkeypatch.setattr(bench, "train", lambda *a, seeds, **how: trained.extend(seeds) or train(*a, seeds=seeds, **how))
    monkeypatch.setattr(bench, "draw", lambda *a, seeds, **how: answered.extend(seeds) or write(*a, seeds=seeds, **how))
    more = lab.train(model, task, CONFIG, seeds=(1, 4, 0))
    written = lab.answer(more, task, 6)
    assert trained == answered == [4]
    for row, place in ((0, 1), (2, 0)):
        trained_now, first_time = (
            jax.tree.map(operator.itemgetter(i), r.trained) for i, r in ((row, more), (place, runs))
        )
        same(trained_now, first_time)
        width = answers.completions.shape[2]
        np.testing.assert_array_equal(written.completions[row][:, :width], answers.completions[place])
        np.testing.assert_array_equal(written.values("answer")[row], answers.values("answer")[place])
    assert lab.commits and lab.tokens == 1.5 * first.tokens
    part = more.of(1)
    assert (part.seeds, part.names) == ((4,), more.names[1:2])
    np.testing.assert_array_equal(lab.answer(part, task, 6).completions, written.completions[1:2])
    alone = new_lab(tmp_path).train(model, task, CONFIG, seeds=(4,))
    for left, right in zip(jax.tree.leaves(alone.trained.params), jax.tree.leaves(more.trained.params), strict=True):
        np.testing.assert_allclose(left[0], right[1], rtol=1e-4, atol=1e-6)


def test_a_bank_that_is_interrupted_goes_on_where_it_was(stored, tmp_path, monkeypatch):
    """Pieces already drawn are not drawn again, and the whole has the bits of an undisturbed one."""
    _, lab, runs, _ = stored
    longer, draw_in_pieces = replace(runs.task, length=(3,)), partial(draw, rows=64)  # several pieces
    monkeypatch.setattr(tuning, "TINY", 0)  # or all would be one
    monkeypatch.setattr(bench, "draw", draw_in_pieces)
    undisturbed, bank = lab.bank(runs, longer, 40, 4)
    second, progress_calls = new_lab(tmp_path), []

    def stop(*args, progress, **how):
        def tell(done):
            progress_calls.append(done)
            if len(progress_calls) == 2:
                raise KeyboardInterrupt

        return draw_in_pieces(*args, progress=tell, **how)

    monkeypatch.setattr(bench, "draw", stop)
    with pytest.raises(KeyboardInterrupt):
        second.bank(runs, longer, 40, 4)
    assert [path.suffix for path in (tmp_path / "answers").iterdir()] == [".parts"]
    drawn, runner = [], decode._runner
    monkeypatch.setattr(decode, "_runner", lambda *how: lambda *args: drawn.append(1) or runner(*how)(*args))
    monkeypatch.setattr(bench, "draw", draw_in_pieces)
    again, same_bank = new_lab(tmp_path).bank(runs, longer, 40, 4)
    same((again.completions, same_bank.logprob), (undisturbed.completions, bank.logprob))
    assert len(drawn) == 3 - 2 and [path.suffix for path in (tmp_path / "answers").iterdir()] == [".npz"] * 2


def test_a_search_that_is_interrupted_goes_on_where_it_was(stored, tmp_path, monkeypatch):
    """Problems are searched a few at a time; those done are not searched again, and the whole has the same bits."""
    _, lab, runs, _ = stored
    monkeypatch.setattr(tuning, "decoded_rows", lambda: 16)
    task, how = replace(runs.task, length=(3,)), Beam(4, 2)
    batch = lab.held_out(task, 21, [0, 1])
    reward = OracleReward(task, batch)
    undisturbed = search(lab, runs, task, batch, how, reward)
    assert undisturbed.completions.shape[:2] == (2, 21)
    second, update, searched = new_lab(tmp_path), Stage.update, []

    def stop(stage, done, loss=None):
        update(stage, done, loss)
        if done == 3:
            raise KeyboardInterrupt

    answer = Beam.answer
    monkeypatch.setattr(Stage, "update", stop)
    with pytest.raises(KeyboardInterrupt):
        search(second, runs, task, batch, how, reward)
    assert [path.suffix for path in (tmp_path / "scores").iterdir()] == [".parts"]
    monkeypatch.setattr(Stage, "update", update)
    monkeypatch.setattr(Beam, "answer", lambda *args: searched.append(1) or answer(*args))
    again = search(new_lab(tmp_path), runs, task, batch, how, reward)
    same((again.completions, *again.ledger), (undisturbed.completions, *undisturbed.ledger))
    assert len(searched) == 2 * 6 - 3 and [path.suffix for path in (tmp_path / "scores").iterdir()] == [".npz"] * 2


def test_answers_are_judged_by_the_oracle(stored):
    *_, answers = stored
    assert answers.seeds == 2 and answers.completions.shape[:2] == (2, 6)
    perfect = replace(answers, completions=answers.batch.completions().reshape(2, 6, -1))
    for metric in ("answer", "trace", "exact_match", "bleu"):
        assert perfect.mean(metric).tolist() == pytest.approx([1, 1])
    for metric in ("unfaithful", "edit_distance"):
        assert perfect.mean(metric).tolist() == [0, 0]
    assert perfect.corpus_bleu().tolist() == pytest.approx([1, 1])
    mixed = replace(perfect, completions=np.stack([perfect.completions[0], np.roll(perfect.completions[1], 1, axis=0)]))
    assert mixed.mean("answer")[0] == 1 and mixed.mean("answer")[1] < 1, "each seed is judged by its own problems"
    assert not np.array_equal(answers.batch.tokens[:6], answers.batch.tokens[6:])


def test_every_problem_of_a_pool_is_answered_many_times(stored, task, tmp_path):
    *_, runs, answers = stored
    lab = new_lab(tmp_path)
    pool = lab.sample(runs, task, 6, 3, temperature=1.0, max_new=5)
    assert pool.completions.shape == (2, 6, 3, 5)
    np.testing.assert_array_equal(pool.batch.tokens, answers.batch.tokens)
    np.testing.assert_array_equal(lab.sample(runs, task, 6, 3, max_new=5).completions, pool.completions)


def test_forced_chains_are_kept_apart_from_others(stored, task, tmp_path):
    *_, runs, _ = stored
    lab, marks = new_lab(tmp_path), Marks(*task.vocabulary.encode("<answer> <think>"))
    free, cut = (lab.sample(runs, task, 6, 2, max_new=6, forced=forced) for forced in (None, Forcing(marks, budget=0)))
    assert (cut.completions[..., 0] == marks.end).all() and not (free.completions[..., 0] == marks.end).all()
    assert len(list((tmp_path / "answers").iterdir())) == 4
    np.testing.assert_array_equal(lab.sample(runs, task, 6, 2, max_new=6).completions, free.completions)


def test_ctrl_c_resumes_to_the_same_bits(stored, model, task, tmp_path, monkeypatch):
    _, _, runs, _ = stored
    update = Stage.update

    def interrupted(stage, done, loss):
        update(stage, done, loss)
        if done == 8:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Stage, "update", interrupted)
        new_lab(tmp_path).train(model, task, CONFIG, seeds=2)
    assert [path.name for path in tmp_path.rglob("*.unfinished/*") if path.is_dir()] == ["8"]
    (spent,) = tmp_path.rglob("spent.json")
    spent.write_text('{"seconds": 1000.0}')
    lab = new_lab(tmp_path)
    same(lab.train(model, task, CONFIG, seeds=2).trained, runs.trained)
    assert lab.seconds > 1000, "what was spent before the interruption counts"
    assert not list(tmp_path.rglob("*.unfinished")) and not spent.exists()


def test_training_goes_on_from_what_was_trained(stored, model, task, tmp_path):
    _, _, runs, _ = stored
    on = new_lab(tmp_path).train(model, task, CONFIG, seeds=2, limit=8, start=runs)
    assert on.trained.losses[:, 0].mean() < runs.trained.losses[:, 0].mean()
    assert on.key["start"] == runs.key


def test_steps_that_were_not_taken_are_not_counted(model, task, tmp_path):
    """The first model of a training that ends after 4 of 16 steps costs a quarter; so it does where it is taken from the store."""
    stop = Stop(below=99.0, over=2, cooldown=0)
    whole, sooner, stored = (new_lab(tmp_path) for _ in range(3))
    whole.train(model, task, CONFIG, seeds=2)
    for lab in (sooner, stored):
        runs = lab.train(model, task, replace(CONFIG, stop=stop), seeds=2)
        assert 4 * lab.flops == whole.flops and 4 * lab.tokens == whole.tokens
        assert lab.notes(runs) == [{"steps": 4}] * 2
        [curve] = lab.journal.curves
        assert np.isfinite(np.array(curve["losses"])[:, :4]).all() and np.isnan(np.array(curve["losses"])[:, 4:]).all()
    with pytest.raises(UserError, match="cannot be used with what is watched"):
        watch = Watch(("nothing",), lambda params, seeds: np.zeros((len(seeds), 1)))
        whole.train(model, task, replace(CONFIG, stop=stop), seeds=2, watch=watch)


def test_another_stretch_sees_other_problems_and_keeps_the_tests(stored, model, task, tmp_path):
    _, _, runs, answers = stored
    lab = new_lab(tmp_path)
    same_problems, others = (lab.train(model, task, CONFIG, seeds=2, start=runs, stretch=stretch) for stretch in (0, 1))
    assert (same_problems.trained.losses != others.trained.losses).any() and others.seeds == runs.seeds
    np.testing.assert_array_equal(lab.answer(others, task, 6).batch.tokens, answers.batch.tokens)


def damage(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_damaged_store_is_named(model, task, tmp_path, stored):
    _, _, runs, _ = stored
    lab = new_lab(tmp_path)
    lab.answer(runs, task, 6)
    (answers,) = sorted(tmp_path.glob("answers/*.npz"))[:1]
    damage(answers)
    with pytest.raises(UserError, match=str(answers)):
        lab.answer(runs, task, 6)
    lab.train(model, task, CONFIG, seeds=2)
    for path in tmp_path.glob("models/*/*/final/**/*"):
        if path.is_file():
            damage(path)
    with pytest.raises(UserError, match="final"):
        lab.train(model, task, CONFIG, seeds=2)


def test_a_key_that_is_damaged_is_named_and_one_that_was_removed_is_made_again(model, task, tmp_path):
    lab = new_lab(tmp_path)
    runs = lab.train(model, task, CONFIG, seeds=2)
    key = min(tmp_path.glob("models/*/*/key.json"))
    for content in ("", "{", "{}", "[]"):
        key.write_text(content)
        for use in (lambda: lab.train(model, task, CONFIG, seeds=2), lambda: choose(tmp_path)):
            with pytest.raises(UserError, match=rf"{key}.*remove it and run again"):
                use()
    key.unlink()
    again = lab.train(model, task, CONFIG, seeds=2).trained
    np.testing.assert_allclose(again.losses, runs.trained.losses, rtol=1e-3)  # one seed alone rounds otherwise
    assert key.exists()


def test_models_that_cannot_be_written_are_named(model, task, tmp_path):
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(UserError, match=f"cannot write {tmp_path / 'file'}"):
        new_lab(tmp_path / "file").train(model, task, CONFIG, seeds=2)


def test_answers_that_cannot_be_written_are_named(task, tmp_path, stored):
    _, _, runs, _ = stored
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(UserError, match=f"cannot write {tmp_path / 'file'}"):
        new_lab(tmp_path / "file").answer(runs, task, 6)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    """A limit on the size of files fails the write as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    tree = {"weights": np.random.default_rng(0).random(100_000)}
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        with pytest.raises(UserError, match=f"cannot write checkpoint {tmp_path / '3'}: File too large"):
            checkpoint.save(tmp_path, 3, tree)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
    checkpoint.save(tmp_path, 3, tree)
    np.testing.assert_array_equal(checkpoint.load(tmp_path, tree)["weights"], tree["weights"])


def test_sets_of_their_own_are_what_each_seed_trains_on(stored, model, task):
    """One line for a seed, several for another: the loss of the first falls to that of the line it knows by heart."""
    root, _, runs, _ = stored
    lab = new_lab(root)
    batch = task.sample(np.random.default_rng(0), 9)
    sets = [batch.rows(slice(0, 1)), batch.rows(slice(1, 9))]
    config = replace(CONFIG, steps=64, learning_rate=1e-2)
    tuned = lab.train(model, task, config, seeds=2, sets=sets, start=runs)
    assert tuned.trained.losses[0, -1] < tuned.trained.losses[1, -8:].mean()
    other = lab.train(model, task, config, seeds=2, sets=sets[::-1], start=runs)
    assert other.names != tuned.names and other.trained.losses[0, -1] > tuned.trained.losses[0, -1]
    for wrong, message in (
        (sets[:1], "each seed needs one of its own"),
        ([batch.rows(slice(0, 0)), batch], "none may be empty"),
    ):
        with pytest.raises(UserError, match=message):
            lab.train(model, task, config, seeds=2, sets=wrong)


def test_sets_that_differ_by_what_is_learned_of_them_are_two(stored, model, task):
    """The same lines, of which one seed learns the second half of the completion alone."""
    root = stored[0]
    lines = Split().distinct(task, np.random.default_rng(4), 8, "train")
    told = np.zeros(lines.text.shape, bool)
    told[:, lines.prompt_len[0] : lines.prompt_len[0] + 4] = True
    lab = new_lab(root)
    whole, half = (lab.plan(model, task, CONFIG, seeds=1, sets=[one]) for one in (lines, lines._replace(told=told)))
    assert whole.homes != half.homes
    assert lab.plan(model, task, CONFIG, seeds=1, sets=[lines._replace(told=told.copy())]).homes == half.homes


def test_practice_is_on_training_problems_and_is_kept(stored, task):
    root, _, runs, _ = stored
    lab = new_lab(root)
    first = lab.practise(runs, task, 12, 1)
    assert [practice.completions.shape[:3] for practice in first] == [(1, 12, 1)] * 2
    for practice in first:
        assert not lab.split.part(task.identity(practice.batch.problem)).any(), "none is held out"
    assert not np.array_equal(first[0].batch.tokens, first[1].batch.tokens)
    again, later = new_lab(root).practise(runs, task, 12, 1), lab.practise(runs, task, 12, 2)
    same([practice.completions for practice in again], [practice.completions for practice in first])
    assert not np.array_equal(later[0].batch.tokens, first[0].batch.tokens)


@pytest.mark.parametrize(
    ("change", "how", "least"),
    [
        ({}, {}, 5),
        ({}, {"limit": 5}, 5),
        ({}, {"padding": "pad", "context": 20}, 5),
        ({}, {"padding": "group", "context": 20}, 0),
        ({}, {"loss": "sequence"}, 0),
        ({"length": (1, 2)}, {}, 4),
        ({"compositions": ("F1 F2", "F1")}, {}, 4),
        ({"noise": Noise("delete", 0.1)}, {}, 0),
    ],
)
def test_places_at_which_no_example_is_judged_are_known(model, task, tmp_path, training_data, change, how, least):
    """Where the loss is on completions, as many as the shortest prompt has."""
    changed = replace(task, **change)
    with pytest.raises(KeyboardInterrupt):
        new_lab(tmp_path).train(model, changed, CONFIG, seeds=2, **how)
    assert training_data[0].unscored == least
    rows = training_data[0].table() or training_data[0].chunk(0, 0, 4, 8)
    assert not rows.weight[..., :least].any()
    assert changed.noise or rows.weight[..., least].any()


def test_sets_of_another_task_are_judged_from_their_own_prompts_on(model, task, tmp_path, training_data):
    shorter = replace(task, length=(1, 2))
    sets = [shorter.sample(np.random.default_rng(0), 20) for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        new_lab(tmp_path).train(model, task, CONFIG, seeds=2, sets=sets)
    assert training_data[0].unscored == shorter.shortest_prompt < task.shortest_prompt


@pytest.mark.parametrize("how", [{}, {"limit": 12}])
@pytest.mark.parametrize("document", ["thought last", "answer", "swapped", "paraphrase"])
def test_lines_are_written_as_the_document_says(model, task, tmp_path, training_data, document, how):
    """The same problems in the same order; answers behind the prompt, or the thought of another line."""
    for kind in ("thought first", document):
        with pytest.raises(KeyboardInterrupt):
            new_lab(tmp_path).train(model, task, CONFIG, seeds=2, document=kind, **how)
    before, after = (data.table() or data.chunk(1, 3, 4, 8) for data in training_data)
    rows, others = (lines.tokens[..., 0].reshape(-1, lines.tokens.shape[-2]) for lines in (before, after))
    assert rows.shape == others.shape
    np.testing.assert_array_equal(rows[:, : task.shortest_prompt], others[:, : task.shortest_prompt])
    mark, place = task.answer_opening[-1], task.shortest_prompt
    if document == "swapped":
        thoughts = [sorted(map(tuple, lines[:, place:-6])) for lines in (rows, others)]
        assert (rows != others).any() and (how.get("limit") is None or thoughts[0] == thoughts[1])
    else:
        assert (rows[:, place] != mark).all() and (others[:, place] == mark).all()
        assert (others.astype(bool).sum() < rows.astype(bool).sum()) == (document == "answer")


def test_what_a_training_is_called_says_its_document_only_where_it_is_another(model, task, tmp_path):
    lab = new_lab(tmp_path)
    plain, last = (lab.plan(model, task, CONFIG, seeds=1, document=kind) for kind in ("thought first", "thought last"))
    assert plain.homes == lab.plan(model, task, CONFIG, seeds=1).homes != last.homes
    assert "document" not in plain.key and last.key["document"] == "thought last"
    with pytest.raises(UserError, match="did you mean 'thought last'"):
        lab.plan(model, task, CONFIG, seeds=1, document="thought lst")
    with pytest.raises(UserError, match="sets are trained on as they are"):
        lab.plan(model, task, CONFIG, seeds=1, sets=[task.sample(np.random.default_rng(0), 4)], document="answer")


@pytest.mark.parametrize("how", [{}, {"limit": 12}, {"sets": True}, {"padding": "pad", "context": 70}])
@pytest.mark.parametrize("learned", [True, False])
def test_steps_of_every_kind_of_line_can_be_tried_twice(model, task, tmp_path, training_data, how, learned):
    """The prompts are those without retries, marks are learned, and first tries where that is asked for."""
    how = {**how, "sets": [task.sample(np.random.default_rng(seed), 12) for seed in (0, 1)]} if "sets" in how else how
    for retries in (None, Retries(0.0), Retries(1.0, learned=learned)):
        with pytest.raises(KeyboardInterrupt):
            new_lab(tmp_path).train(model, task, CONFIG, seeds=2, retries=retries, **how)
    once, never, always = (data.table() or data.chunk(1, 3, 4, 8) for data in training_data)
    rows = [lines.tokens[..., 0].reshape(-1, lines.tokens.shape[-2]) for lines in (once, never, always)]
    width = rows[0].shape[1]
    np.testing.assert_array_equal(rows[0], rows[1][:, :width])
    np.testing.assert_array_equal(rows[0][:, : task.longest_prompt], rows[2][:, : task.longest_prompt])
    marks = rows[2] == BACK
    weight = always.weight.reshape(marks.shape)
    assert (marks.sum(axis=1) == 1).all() and weight[marks].all(), "a step, and the answer"
    unlearned = 0 if learned else 3  # two letters and what remains to be done
    assert ((rows[2] > 0).sum(axis=1) - weight.sum(axis=1) == task.longest_prompt + unlearned).all()


def test_what_a_training_is_called_says_its_retries_only_where_there_are_any(model, task, tmp_path):
    lab = new_lab(tmp_path)
    plain, tried, masked = (
        lab.plan(model, task, CONFIG, seeds=1, retries=retries)
        for retries in (None, Retries(0.3), Retries(0.3, learned=False))
    )
    assert plain.homes == lab.plan(model, task, CONFIG, seeds=1).homes
    assert len({*plain.homes, *tried.homes, *masked.homes}) == 3 and tried.key["retries"]["rate"] == 0.3
    with pytest.raises(UserError, match="retries are of chains as a task writes them"):
        lab.plan(model, task, CONFIG, seeds=1, retries=Retries(0.3), document="answer")
    with pytest.raises(UserError, match="expected a task with chains"):
        lab.plan(replace(model, context=500), Search(), CONFIG, seeds=1, retries=Retries(0.3))


def test_cleaned_lines_have_no_noise(model, task, tmp_path, training_data):
    noisy = replace(task, noise=Noise("modify", 0.5))
    with pytest.raises(KeyboardInterrupt):
        new_lab(tmp_path).train(model, noisy, CONFIG, seeds=1, document="cleaned")
    lines = training_data[0].chunk(1, 3, 4, 8).tokens[..., 0]
    assert not (lines == NOISE).any() and lines.any()
    with pytest.raises(UserError, match="have no noise symbols to delete"):
        new_lab(tmp_path).plan(model, task, CONFIG, seeds=1, document="cleaned")


def test_seeds_and_tests_that_were_never_used(task, model, tmp_path):
    """A lab with another first seed and other tests shares no model and no test problem."""
    lab = Lab(tmp_path, Progress(quiet=True), first_seed=1000, tests=1)
    runs = lab.train(model, task, CONFIG, seeds=2)
    assert runs.seeds == (1000, 1001) and lab.seeds(3) == [1000, 1001, 1002]
    batches = [Lab(tmp_path, Progress(quiet=True), tests=tests).held_out(task, 6, [1000, 1001]) for tests in (0, 1)]
    assert not np.array_equal(batches[0].tokens, batches[1].tokens)
    np.testing.assert_array_equal(lab.held_out(task, 6, [1001]).tokens, batches[1].tokens[6:])


def test_interventions_are_stored_seed_by_seed(stored, model, task, idle, tmp_path, monkeypatch):
    """An edit is drawn and decoded for each seed alone; what the models write without it is shared by all kinds."""
    root, *_ = stored
    lab = new_lab(root)
    runs = lab.train(model, task, CONFIG, seeds=2)
    calls = []
    monkeypatch.setattr(bench, "draw", lambda *a, seeds, **how: calls.append(seeds) or draw(*a, seeds=seeds, **how))
    first = lab.intervene(runs, task, 6)
    assert calls == [[0, 1], [0, 1]] and first.right.shape == (2, 6, 1) and first.steps == (0,)
    lab.intervene(runs, task, 6, "donor")
    assert len(calls) == 3, "the texts without an edit are there"
    again = new_lab(root).intervene(runs, task, 6)
    assert len(calls) == 3
    np.testing.assert_array_equal(again.answer.follows, first.answer.follows)
    np.testing.assert_array_equal(again.answer.counted, first.answer.counted)
    own = lab.intervene(runs, task, 6, chain="own")
    assert len(calls) == 5 and own.right.shape == (2, 6, 1)


def test_a_text_without_room_for_the_longest_chain_goes_on_alone(task, tmp_path):
    """Context is given to the steps of a long chain each by itself, so that the first is not cut short by the last."""
    chained = replace(task, compositions=("F1 F2 F3 F1 F2",))
    lab = new_lab(tmp_path)
    tight = Transformer(width=16, layers=1, heads=2, context=chained.max_len)
    runs = lab.train(tight, chained, CONFIG, seeds=1)
    result = lab.intervene(runs, chained, 4, "placebo")
    assert result.steps == (0, 1, 2, 3) and result.right.shape == (1, 4, 4)
