"""Parts never meet, whatever the shift, the seed or the noise."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemy.errors import UserError
from alchemy.problem.shift import Noise
from alchemy.problem.split import (
    DRAW,
    HashSet,
    Split,
    hash_rows,
    join,
    prompt_hash,
    splitmix64,
    train_chunk,
)
from tasks.symbols import Symbols

SHORT = Symbols(length=(2, 3), alphabet="ABCDEF", banned=1)
SHIFTS = ["task=F1 F3", "length=3", "length=2", "steps=1", "steps=3", "positions=1", "noise=insert:0.3"]
SHIFTS += ["noise=delete:0.3", "noise=hybrid:0.5:element", "task=F3 F3+noise=modify:0.4"]


def test_splitmix_is_the_published_generator():
    """First two outputs of the reference generator started at 0; its state moves by the golden gamma."""
    states = np.array([0, 0x9E3779B97F4A7C15], np.uint64)
    assert [hex(x) for x in splitmix64(states).tolist()] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4"]


def scramble(number):
    """SplitMix64 in whole numbers, as published."""
    z = (number + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


@given(st.lists(st.lists(st.integers(0, 2**31), max_size=5), min_size=1, max_size=4), st.integers(0, 2**64 - 1))
def test_hashes_and_parts_in_whole_numbers(rows, salt):
    codes = np.array([row + [-1] * (5 - len(row)) for row in rows], np.int64)
    expected = []
    for row in rows:
        state = 0
        for code in row:
            state = scramble(state ^ (code + 1))
        expected.append(state)
    hashes = hash_rows(codes, codes >= 0)
    assert hashes.tolist() == expected
    for share in (0.125, 0.3):
        held_out = [scramble(state ^ scramble(salt)) < int(share * 2**64) for state in expected]
        assert Split(share, salt).part(hashes).tolist() == held_out


def unscrambled(number):
    """The number that SplitMix64 takes to this one: its steps undone, the last first."""
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        z = number
        for _ in range(64 // shift):
            z = number ^ z >> shift
        number = z * pow(factor, -1, 2**64) % 2**64
    return (number - 0x9E3779B97F4A7C15) % 2**64


def test_of_all_identities_just_the_share_is_held_out():
    """An eighth of 2**64 hashes: those below 2**61, and not the one that is 2**61."""
    hashes = np.array([0, 2**61 - 1, 2**61, 2**61 + 1, 2**64 - 1], np.uint64)
    identities = [unscrambled(number) ^ scramble(5) for number in hashes.tolist()]
    assert [scramble(identity ^ scramble(5)) for identity in identities] == hashes.tolist()
    assert Split(0.125, salt=5).part(np.array(identities, np.uint64)).tolist() == [True, True, False, False, False]
    assert Split().salt == 0


def test_hash_reads_sequences_not_places():
    codes = np.array([[3, 5, 0], [0, 3, 5], [5, 3, 0], [3, 5, 0]])
    inside = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 0], [1, 1, 1]], bool)
    hashes = hash_rows(codes, inside)
    assert hashes[0] == hashes[1] and len(set(hashes.tolist())) == 3
    assert (hash_rows(np.tile(codes, (20000, 1)), np.tile(inside, (20000, 1))) == np.tile(hashes, 20000)).all()


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(SHIFTS), seed=st.integers(0, 99), salt=st.integers(0, 2**64 - 1), share=st.floats(0.2, 0.8))
def test_no_test_prompt_has_a_training_element(name, seed, salt, share):
    split, test_task = Split(share, salt), SHORT.shift(name)(SHORT)
    train = split.sample(SHORT, np.random.default_rng(seed), 200, "train")
    noisy = split.sample(replace(test_task, unseen=0), np.random.default_rng(seed + 1), 50, "train")
    test = split.sample(test_task, np.random.default_rng(seed), 50, "test")
    assert len(train.tokens) == 200 and len(test.tokens) == 50
    for training in (train, noisy):
        assert not np.isin(test_task.identity(test.problem), SHORT.identity(training.problem)).any()
        assert not np.isin(test_task.surface(test), test_task.surface(training)).any()
        assert not np.isin(prompt_hash(test), prompt_hash(training)).any()


@pytest.mark.parametrize("share", [0.125, 0.5])
def test_shares(share):
    task = Symbols()
    identity = task.identity(task.draw(np.random.default_rng(0), 100_000))
    held_out, salted = Split(share).part(identity), Split(share, salt=1).part(identity)
    assert abs(held_out.mean() - share) < 0.006 and abs(salted.mean() - share) < 0.006
    assert abs((held_out & salted).mean() - share**2) < 0.006


def test_sample_keeps_the_distribution_and_the_seed():
    task = Symbols(compositions=("F1 F2", "F2 F1"), weights=(1, 3), length=(3, 4))
    batch, again = (Split().sample(task, np.random.default_rng(7), 4000, "test") for _ in range(2))
    assert (batch.tokens == again.tokens).all() and len(batch.tokens) == 4000
    assert abs(batch.problem["composition"].mean() - 0.75) < 0.03
    assert task.verify(batch, batch.completions()).trace.all()
    assert Split().sample(task, np.random.default_rng(0), 0, "test").tokens.shape == (0, task.max_len, 1)


def test_chunks_are_pure():
    task, split = Symbols(), Split()
    first = train_chunk(task, split, 3, 5, 100)
    assert (first.tokens == train_chunk(task, split, 3, 5, 100).tokens).all()
    for seed, index in ((3, 6), (4, 5), (5, 3)):
        assert (first.tokens != train_chunk(task, split, seed, index, 100).tokens).any()
    assert not split.part(task.identity(first.problem)).any()


def test_distinct_finds_all_there_are():
    task = Symbols(length=(2,), alphabet="ABCDE", rotate=1)
    split = Split(0.4)
    problem = next(task.exhaustive(2, "F1 F2"))
    there = int(split.part(task.identity(problem)).sum())
    batch = split.distinct(task, np.random.default_rng(0), there, "test")
    assert len(np.unique(batch.tokens, axis=0)) == there
    with pytest.raises(UserError, match=f"only {there} distinct test prompts"):
        split.distinct(task, np.random.default_rng(0), there + 1, "test")
    assert [split.has(task, np.random.default_rng(0), there + more, "test") for more in (0, 1)] == [True, False]


def all_at_once(split, task, rng, n, part):
    """What `distinct` gives, with everything in memory: the algorithm of the first files, written down anew."""
    share = split.test_share if part == "test" else 1 - split.test_share
    chosen, prompts_so_far = [], set()
    while len(chosen) < n:
        drawn = []
        while len(drawn) < max(n, 64):
            missing = max(n, 64) - len(drawn)
            problem = task.draw(rng, min(DRAW, int(missing / share * 1.05) + 64))
            rows = np.flatnonzero(split.part(task.identity(problem)) == (part == "test"))
            rows = rows if task.noise else rows[:missing]
            batch = task.render({name: values[rows] for name, values in problem.items()}, rng)
            if task.noise:
                batch = batch.rows(np.flatnonzero(split.part(task.surface(batch)) == (part == "test"))[:missing])
            drawn += list(zip(batch.text.tolist(), batch.prompt_len.tolist(), strict=True))
        for tokens, length in drawn:
            if tuple(tokens[:length]) not in prompts_so_far and len(chosen) < n:
                prompts_so_far.add(tuple(tokens[:length]))
                chosen.append(tokens)
    return np.array(chosen)


@pytest.mark.parametrize("noise", [None, Noise("insert", 0.2), Noise("delete", 0.3, "element")])
@pytest.mark.parametrize("part", ["train", "test"])
def test_pieces_add_up_to_what_is_made_at_once(noise, part, monkeypatch):
    task, split = Symbols(compositions=("F1 F2", "F2"), length=(2, 3), noise=noise), Split(0.3, salt=2)
    monkeypatch.setattr("alchemy.problem.split.PIECE", 37)
    pieces = list(split.distinct_pieces(task, np.random.default_rng(5), 500, part))
    assert sum(len(piece.tokens) for piece in pieces) == 500 and (noise or len(pieces) > 10)
    at_once = all_at_once(split, task, np.random.default_rng(5), 500, part)
    assert (join(pieces).text == at_once).all()


def test_seen_is_a_set():
    rng, hash_set, known = np.random.default_rng(0), HashSet(), set()
    assert not hash_set.holds(np.arange(3, dtype=np.uint64)).any()
    for size in (0, 1, 5, 5, 100, 3, 64, 1):
        queries = rng.integers(200, size=50).astype(np.uint64)
        assert hash_set.holds(queries).tolist() == [int(value) in known for value in queries]
        new = rng.integers(200, size=size).astype(np.uint64)
        hash_set.add(new)
        known |= set(new.tolist())
        sizes = [run.size for run in hash_set.runs]
        assert all(large >= 2 * small for large, small in pairwise(sizes)) and all(sizes)
        assert all((np.diff(run.astype(np.int64)) >= 0).all() for run in hash_set.runs)
    assert len(hash_set.runs) < 8


def test_runs_are_merged_only_where_one_is_not_twice_as_long_as_the_next():
    hash_set, numbers = HashSet(), iter(np.arange(1000, dtype=np.uint64))
    lengths = []
    for size in (100, 40, 3, 2, 30):
        hash_set.add(np.array([next(numbers) for _ in range(size)]))
        lengths.append([run.size for run in hash_set.runs])
    assert lengths == [[100], [100, 40], [100, 40, 3], [100, 40, 5], [175]]


@pytest.fixture
def drawn(monkeypatch):
    """How many problems of `Symbols` were drawn, call by call."""
    sizes, draw = [], Symbols.draw

    def counted(task, rng, n):
        sizes.append(n)
        return draw(task, rng, n)

    monkeypatch.setattr(Symbols, "draw", counted)
    return sizes


def test_a_part_counts_as_empty_after_64_draws_for_each_that_is_expected(drawn):
    """5 of an eighth: 64 (5 * 8 + 64) = 6,656 draws, 5 * 8 * 1.05 + 64 = 106 at a time."""
    task = Symbols(length=(1,), alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ", atoms="A")
    held_out = Split().part(task.identity(task.draw(np.random.default_rng(0), 1)))[0]
    share = 0.125 if not held_out else 0.875
    drawn.clear()
    with pytest.raises(UserError, match="found 0 of 5"):
        Split().sample(task, np.random.default_rng(0), 5, "train" if held_out else "test")
    at_once = int(5 / share * 1.05) + 64
    assert set(drawn) == {at_once} and sum(drawn) - at_once <= 64 * (5 / share + 64) < sum(drawn)


def test_patience_ends_behind_the_last_draw_that_it_allows(drawn):
    """1 of a half: 64 (1 * 2 + 64) = 4,224 draws are 64 times 66, and after as many one more is made."""
    task = Symbols(length=(1,), atoms="A")
    part = "train" if Split(0.5).part(task.identity(task.draw(np.random.default_rng(0), 1)))[0] else "test"
    drawn.clear()
    with pytest.raises(UserError, match="found 0 of 1"):
        Split(0.5).sample(task, np.random.default_rng(0), 1, part)
    assert drawn == [66] * 65


def test_sixteen_draws_without_a_new_prompt_are_not_yet_too_many(monkeypatch):
    """One prompt is all there is: once, 16 times more, which is allowed, and once more, which is not."""
    task, sizes = Symbols(), iter([1, 16, 1, 1000])
    only = task.render(task.parse("A B C D [F1] [F2] <think>"), np.random.default_rng(0))
    monkeypatch.setattr(Split, "pieces", lambda *args: iter([only.rows(np.zeros(next(sizes), int))]))
    with pytest.raises(UserError, match="only 1 distinct train prompts exist, 2 were asked for"):
        Split().distinct(task, np.random.default_rng(0), 2, "train")
    assert next(sizes) == 1000


def test_no_more_exist_after_16_draws_for_each_that_is_known_without_a_new_one(monkeypatch):
    task, split, sampled = Symbols(length=(1,), alphabet="ABCDEF", rotate=1), Split(0.5), []
    pieces = Split.pieces

    def counted(self, *args):
        for batch in pieces(self, *args):
            sampled.append(prompt_hash(batch))
            yield batch

    monkeypatch.setattr(Split, "pieces", counted)
    there = int((~split.part(task.identity(next(task.exhaustive(1, "F1 F2"))))).sum())
    with pytest.raises(UserError, match=f"only {there} distinct train prompts exist, 7 were asked for"):
        split.distinct(task, np.random.default_rng(0), 7, "train")
    rounds = [np.isin(batch, np.concatenate(sampled[:at] or [batch[:0]])).all() for at, batch in enumerate(sampled)]
    since_new = sum(len(batch) for batch in sampled[rounds.index(True) :])
    assert len(np.unique(np.concatenate(sampled))) == there
    assert since_new - len(sampled[-1]) <= 16 * there < since_new


def test_distinct_across_rounds_and_compositions():
    task = Symbols(compositions=("F1 F2", "F2 F2"), length=(2,))
    batch = Split(0.5).distinct(task, np.random.default_rng(0), 600, "train")
    assert len(np.unique(prompt_hash(batch))) == 600 == len(batch.tokens)
    assert len(batch.problem["element"]) == 600


def test_empty_parts_are_said_to_be():
    task = Symbols(length=(1,), atoms="A")
    part = "train" if Split().part(task.identity(task.draw(np.random.default_rng(0), 1)))[0] else "test"
    with pytest.raises(UserError, match=f"found 0 of 5 {part} problems"):
        Split().sample(task, np.random.default_rng(0), 5, part)
    for share in (0, 1, -0.1, float("nan")):
        with pytest.raises(UserError, match="test share"):
            Split(share)
    assert Split(salt=2**64 - 1).salt == 2**64 - 1
    for salt in (-1, 2**64):
        with pytest.raises(UserError, match="salt"):
            Split(salt=salt)


def test_noise_that_erases_every_element_leaves_one_part_empty():
    noisy = Symbols(noise=Noise("delete", 1.0, "element"))
    parts = []
    for part in ("train", "test"):
        try:
            parts.append(len(Split().sample(noisy, np.random.default_rng(0), 5, part).tokens))
        except UserError:
            parts.append(0)
    assert sorted(parts) == [0, 5]


def test_join_keeps_order():
    task = Symbols()
    batch = task.sample(np.random.default_rng(0), 10)
    again = join([batch.rows(slice(0, 3)), batch.rows(slice(3, 10))])
    assert (again.tokens == batch.tokens).all() and (again.problem["element"] == batch.problem["element"]).all()
