"""Predictions as users bring them: packed, incomplete, doubled, of training problems, with what models add."""

import gzip
import io
import json

import numpy as np
import pytest

from alchemy.cli.main import main
from alchemy.dataset.export import write_splits
from alchemy.discover import find, tasks
from alchemy.errors import UserError
from alchemy.scoring import predictions
from alchemy.scoring.cleaning import Cleaner
from alchemy.scoring.coverage import paired
from alchemy.scoring.problems import Problems
from alchemy.scoring.score import score
from tasks.symbols import Symbols

RECORDS = [{"prompt": "A B C D [F1] [F2] <think>", "completion": text} for text in ("B, C", "ü \n x")]
LINES = b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in RECORDS)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    home = tmp_path_factory.mktemp("splits") / "data"
    write_splits(Symbols(), home, train=30, test=12, shifts=["noise=insert:0.3", "length=6"])
    return home


def right(data, name="test.jsonl"):
    return [json.loads(line) for line in (data / name).read_text().splitlines()]


def scored(tmp_path, capsys, records, *more):
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    code = main(["score", str(path), "--json", "--quiet", *map(str, more)])
    out, err = capsys.readouterr()
    return json.loads(out) if code == 0 else err


def parquet_of(records):
    arrow, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    pq.write_table(arrow.Table.from_pylist(records), out)
    return out.getvalue()


FILES = {
    "lines": lambda: LINES,
    "BOM": lambda: b"\xef\xbb\xbf" + LINES,
    "CRLF": lambda: LINES.replace(b"\n", b"\r\n"),
    "gzip": lambda: gzip.compress(b"\xef\xbb\xbf" + LINES),
    "array": lambda: json.dumps(RECORDS, indent=1).encode(),
    "CSV": lambda: (
        'id,prompt,completion\n1,A B C D [F1] [F2] <think>,"B, C"\n2,A B C D [F1] [F2] <think>,"ü \n x"\n'.encode()
    ),
    "Parquet": lambda: parquet_of(RECORDS),
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_read_by_what_they_begin_with(name):
    read = [json.loads(line) for line in predictions.lines(io.BytesIO(FILES[name]()))]
    assert [{key: record[key] for key in ("prompt", "completion")} for record in read] == RECORDS


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x28\xb5\x2f\xfd1", "packed by zstd; unpack it"),
        ("{}".encode("utf-16"), "UTF-16; write it as UTF-8"),
        (b"PK\x03\x04", "this is an archive"),
        (b"[1, 2", "begins as a JSON array and is none"),
        (b"PAR1 and no more", "Parquet"),
        (gzip.compress(LINES, mtime=0)[:-12], "packed file is cut off or damaged"),
        (b"prompt,completion\n\xff,a\n", "CSV and not UTF-8"),
    ],
)
def test_others_are_named_for_what_they_are(content, says):
    with pytest.raises(UserError, match=says):
        list(predictions.lines(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("text", "cleaned", "rule"),
    [
        ("A [F2] <answer> B</s>", "A [F2] <answer> B", "end mark"),
        ("A [F2] <answer> B<|im_end|>\nuser: more", "A [F2] <answer> B", "end mark"),
        ("```text\nA [F2] <answer> B\n```", "A [F2] <answer> B", "code fence"),
        ("I think. </think>\nA [F2] <answer> B", "A [F2] <answer> B", "think block"),
        ("A [F2] </think> <answer> B", "<answer> B", "think block"),
        ("A [F2] <answer> B </answer> Done.", "A [F2] <answer> B", "closing tag"),
        ("A [F2] <answer> B\n\nE F [F1] <think>\nG <answer> H", "A [F2] <answer> B", "text behind the answer"),
        ("A  [F2]\n<answer> B", "A [F2] <answer> B", "blanks"),
        ("a [f2] <ANSWER> b", "A [F2] <answer> B", "letter case"),
        ("hm <Answer> B", "hm <answer> B", "letter case"),
        ("A B[F2]<answer>BA", "A B [F2] <answer> B A", "spacing"),
        ("First AB <answer> AB", "First AB <answer> A B", "spacing"),
    ],
)
def test_what_models_add_is_taken_off_by_rule_and_counted(text, cleaned, rule):
    cleaner = Cleaner(Symbols().text_format, Symbols().vocabulary.symbols[3:])
    assert cleaner.clean(text) == cleaned and cleaner.counts == {rule: 1}


@pytest.mark.parametrize(
    "symbols", [("x", "1", "12", "2", "<answer>"), ("a", "A", "b", "<answer>"), ("ab", "a", "b"), ()]
)
def test_what_can_be_read_in_two_ways_or_is_a_number_keeps_its_spelling(symbols):
    """Numbers stay whole, letter case counts where it tells symbols apart, and one reading alone is a reading."""
    texts = {
        "1": ("112 <answer> 3", "<answer> 12x 3y"),
        "A": ("<answer> aA b", "<answer> Ab"),
        "a": ("abab",),
        "": ("aB",),
    }
    for text in texts[next((key for key in "1Aa" if key in symbols), "")]:
        cleaner = Cleaner(Symbols().text_format, symbols)
        assert cleaner.clean(text) == text and not cleaner.counts


@pytest.mark.parametrize("name", tasks())
def test_right_texts_of_every_task_have_nothing_to_take_off(name):
    task = find("task", name)()
    records = [json.loads(line) for line in task.jsonl(task.sample(np.random.default_rng(0), 20)).splitlines()]
    cleaner = Cleaner(task.text_format, task.vocabulary.symbols[3:])
    assert [cleaner.clean(record["output"]) for record in records] == [record["output"] for record in records]
    lower = [{**record, "output": record["output"].lower()} for record in records]
    result = score([json.dumps(record).encode() + b"\n" for record in lower], task)
    assert result["answer_accuracy"] == result["trace_accuracy"] == 1 and not cleaner.counts


def test_a_prediction_is_spelt_as_its_label():
    lines = [
        b'{"predict": "%s", "label": "AB[F2]<answer>BA"}' % text for text in (b"AB[F2]<answer>BA", b"ab[F2]<answer>BA")
    ]
    result = score(lines, Symbols())
    assert result["answer_accuracy"] == 1 and result["trace_accuracy"] == 0.5 and not result["taken off"]


def test_a_prompt_that_ends_in_the_answer_mark_asks_for_nothing_else():
    lines = [json.dumps({"prompt": "A B C D [F2] <answer>", "completion": text}).encode() for text in ("B C D A", "")]
    result = score(lines, Symbols(("F2",)))
    assert result["answer_accuracy"] == 0.5 and result["without an answer"] == 1


def test_a_text_without_additions_stays_as_it_is():
    cleaner = Cleaner(Symbols().text_format)
    for text in (" A [F2] <answer> B ", "<answer>", "", "no answer"):
        assert cleaner.clean(text) == text and not cleaner.counts


def test_additions_are_judged_where_a_switch_says_so(data, tmp_path, capsys):
    marked = [{**record, "output": record["output"] + "</s>"} for record in right(data)]
    result = scored(tmp_path, capsys, marked, "--manifest", data)
    assert result["answer_accuracy"] == 1 and result["taken off"] == {"end mark": 12}
    assert scored(tmp_path, capsys, marked, "--manifest", data, "--verbatim")["answer_accuracy"] == 0


def test_what_a_manifest_knows_of_the_answers(data, tmp_path, capsys):
    tests = right(data)
    counted = scored(tmp_path, capsys, tests[:3] * 2, "--manifest", data)["coverage"]
    assert {
        "test": "test.jsonl",
        "problems": 12,
        "answered": 3,
        "missing": 9,
        "answered more than once": 3,
    }.items() <= (counted.items())
    training = [*right(data, "train.jsonl")[:5], *tests]
    assert "5 of 17 problems are of the training part" in scored(tmp_path, capsys, training, "--manifest", data)
    allowed = scored(tmp_path, capsys, training, "--manifest", data, "--training")["coverage"]
    assert (allowed["training problems"], allowed["answered"], allowed["missing"]) == (5, 12, 0)
    more = [*training, *right(data, "test-length=6.jsonl")[:3]]
    allowed = scored(tmp_path, capsys, more, "--manifest", data, "--training")["coverage"]
    assert (allowed["training problems"], allowed["other problems"], allowed["answered"]) == (5, 3, 12)
    assert scored(tmp_path, capsys, right(data, "test-length=6.jsonl"), "--manifest", data)["coverage"]["test"] == (
        "test-length=6.jsonl"
    )


def test_noisy_prompts_are_those_of_their_problems(data, tmp_path, capsys):
    noisy = right(data, "test-noise=insert-0.3.jsonl")
    result = scored(tmp_path, capsys, noisy, "--manifest", data)
    assert result["answer_accuracy"] == 1 and result["coverage"]["answered"] == 12


def test_failed_samples_are_wrong_and_reported():
    lines = [{"prompt": "A B C D [F1] [F2] <think>", "completion": text} for text in (None, "no idea", "<answer> B C")]
    result = score([json.dumps(line).encode() + b"\n" for line in lines], Symbols())
    assert (result["n"], result["failed"], result["without an answer"], result["answer_accuracy"]) == (3, 1, 1, 0)


@pytest.mark.parametrize(("given", "written"), [("label", "predict"), ("input", "output"), ("prompt", "completion")])
def test_what_a_model_failed_to_write_is_null_and_nothing_else_may_be(given, written):
    text = "<answer> B" if given == "label" else "A B C D [F1] [F2] <think>"
    result = score([json.dumps({given: text, written: None}).encode()], Symbols())
    assert (result["n"], result["failed"], result["answer_accuracy"]) == (1, 1, 0)
    with pytest.raises(UserError, match=f"{given} is null, expected a text"):
        score([json.dumps({given: None, written: text}).encode()], Symbols())


def test_two_files_are_compared_problem_by_problem():
    a, b = Problems(), Problems()
    a.right = {str(i): [i < 8] for i in range(10)} | {"mine": [True]}
    b.right = {str(i): [i < 3] for i in range(10)}
    result = paired(a, b)
    difference = np.array([0, 0, 0, 1, 1, 1, 1, 1, 0, 0])
    assert (result["problems"], result["only in one of them"], result["difference"]) == (10, 1, 0.5)
    assert result["McNemar p"] == pytest.approx(2 / 2**5) and result["first is better"] == 5
    spread = 2.262157 * difference.std(ddof=1) / 10**0.5  # t of 9 degrees of freedom
    assert result["difference_interval"] == pytest.approx([0.5 - spread, 0.5 + spread], rel=1e-5)
    with pytest.raises(UserError, match="no problem in common"):
        paired(a, Problems())


def test_a_sign_test_counts_the_problems_on_which_two_files_differ():
    """Seven for one and one for the other of eight that differ: 2 (1 + 8) / 2^8."""
    a, b = Problems(), Problems()
    a.right = {str(i): [i < 7] for i in range(9)}
    b.right = {str(i): [i == 7] for i in range(9)}
    result = paired(a, b)
    assert (result["first is better"], result["second is better"]) == (7, 1)
    assert result["McNemar p"] == pytest.approx(18 / 256)
    a.right = b.right = {"0": [True, False]}
    alike = paired(a, b)
    assert alike["McNemar p"] == 1 and np.isnan(alike["difference_interval"]).all() and alike["accuracy"] == [0.5, 0.5]


def test_the_front_door_compares_two_files(data, tmp_path, capsys):
    (tmp_path / "wrong.jsonl").write_text((data / "test.jsonl").read_text().replace("<answer> ", "<answer> A "))
    files = [str(data / "test.jsonl"), str(tmp_path / "wrong.jsonl")]
    assert main(["score", *files, "--paired", "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["paired"]["first is better"] == 12
    assert main(["score", *files, "--paired", "--quiet"]) == 0 and "McNemar p" in capsys.readouterr().out
    assert main(["score", files[0], "--paired"]) == 2 and "two files, not 1" in capsys.readouterr().err


def test_escape_sequences_of_an_input_do_not_reach_the_terminal(tmp_path, capsys):
    (tmp_path / "p.jsonl").write_text(json.dumps({"\x1b]0;OWNED\x07\x1b[2J": 1}) + "\n")
    assert main(["score", str(tmp_path / "p.jsonl")]) == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err and "\\x1b]0;OWNED" in err
