"""What other programs logged is read as it is or refused by its line, and nothing hostile takes the machine with it."""

import io
import json
import tracemalloc

import pytest

from alchemy.cli.main import main
from alchemy.errors import UserError
from alchemy.scoring import file_formats, predictions
from alchemy.scoring.score import score
from alchemy.stats.proportion import wilson
from tasks.connectivity import Connectivity
from tasks.symbols import Symbols

PROMPT, GOLD = "A B C D [F1] [F2] <think>", "N O P Q [F2] <answer> O P Q N"


def harness(text=GOLD, **changes):
    doc = {"input": PROMPT, "output": GOLD, "problem": PROMPT, "text": f"...{PROMPT}\n"}
    line = {"doc_id": 0, "doc": doc, "target": GOLD, "resps": [[text]], "filtered_resps": [text], "filter": "none"}
    return line | changes


def inspect(text=GOLD, **changes):
    output = {"model": "mock", "choices": [{"message": {"content": text}}], "completion": text}
    line = {"id": 1, "epoch": 1, "input": [], "target": GOLD, "output": output, "metadata": {"problem": PROMPT}}
    return line | changes


def as_lines(*records):
    return [json.dumps(record).encode() + b"\n" for record in records]


def log(*samples, **changes):
    return json.dumps({"version": 2, "status": "success", "samples": list(samples), **changes}, indent=2).encode()


@pytest.mark.parametrize("sample", [harness, inspect])
def test_logged_samples_score_as_plain_lines_do(sample):
    texts = [GOLD, "N O P Q [F2] <answer> A A A A", "<b onclick='x'>\x00\x1b[31m\u2028</b>", ""]
    plain = score(as_lines(*({"prompt": PROMPT, "completion": text} for text in texts)), Symbols())
    logged = score(as_lines(*map(sample, texts)), Symbols())
    assert logged.pop("lines") == f"{'lm-evaluation-harness' if sample is harness else 'inspect_ai'} samples"
    assert plain.pop("lines") == "{prompt, completion}" and plain == logged
    assert logged["answer_accuracy"] == 0.25 and logged["trace_accuracy"] == 0.5


@pytest.mark.parametrize(
    "samples",
    [
        [harness(GOLD, resps=[[GOLD, "no", None]])],  # the harness took the first of its repeats
        [harness(filtered_resps=[[GOLD, "no", None]], resps=[["other", "texts"]])],
        [inspect(), inspect("no", epoch=2), inspect(None, epoch=3, error="timeout")],
        [{"prompt": PROMPT, "completion": text} for text in (GOLD, "no", None)],
    ],
    ids=["repeats", "filtered repeats", "epochs", "lines"],
)
def test_repeats_and_epochs_are_samples_of_one_problem(samples):
    result = score(as_lines(*samples), Symbols())
    assert (result["n"], result["failed"], result["answer_accuracy"]) == (3, 1, pytest.approx(1 / 3))
    several = result["samples"]
    assert (several["problems"], several["fewest"], several["most"]) == (1, 3, 3)
    assert several["pass@k"] == pytest.approx({"1": 1 / 3, "2": 2 / 3, "3": 1})
    assert several["majority@k"] == pytest.approx({"1": 1 / 3, "2": 2 / 3, "3": 1}), "the others name no answer"
    assert result["answer_accuracy_interval"] == pytest.approx(list(wilson(1 / 3, 1)))


def test_a_filter_that_makes_another_text_of_the_repeats_leaves_one():
    assert score(as_lines(harness(GOLD, resps=[["no", "neither"]])), Symbols())["n"] == 1


def test_a_whole_log_is_its_samples():
    samples = [inspect(), inspect("nothing")]
    whole = list(predictions.lines(io.BytesIO(log(*samples))))
    assert [json.loads(line) for line in whole] == samples


def test_logs_are_rows_of_a_table_and_of_a_page(tmp_path, capsys):
    (tmp_path / "samples.jsonl").write_bytes(b"".join(as_lines(harness(), harness("nothing"))))
    (tmp_path / "log.json").write_bytes(log(inspect(), inspect("nothing")))
    page = tmp_path / "score.html"
    paths = [str(tmp_path / "samples.jsonl"), str(tmp_path / "log.json")]
    assert main(["score", *paths, "--page", str(page), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    kinds = {name: result.pop("lines") for name, result in files.items()}
    assert kinds == {"samples": "lm-evaluation-harness samples", "log": "inspect_ai samples"}
    assert files["samples"] == files["log"] and files["log"]["answer_accuracy"] == 0.5
    assert page.read_text("utf-8").count("A B C D [F1] [F2]") == 4


LINE = json.dumps(harness()).encode() + b"\n"


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (harness(filtered_resps=[]), "line 2: filtered_resps is [], expected a list of one text"),
        (harness(filtered_resps=[GOLD, GOLD]), "expected a list of one text"),
        (harness(filtered_resps=GOLD), "expected a list of one text"),
        (harness(filtered_resps=[[]], resps=[[]]), "filtered_resps is [[]], expected a text or several"),
        (harness(filtered_resps=[[GOLD, 3]], resps=[[]]), "line 2: filtered_resps is 3, expected a text"),
        (harness(doc={"input": PROMPT}), "line 2: doc has no 'problem'; the tasks that alchemy prompts"),
        (harness(doc=None), "line 2: doc has no 'problem'"),
        ({"input": PROMPT, "output": GOLD}, "line 2: filtered_resps is null"),
        (inspect(metadata={}), "line 2: metadata has no 'problem'"),
        (inspect(output={"choices": []}), "line 2: output completion is null, expected a text"),
        (inspect(output=None), "line 2: output completion is null"),
        (inspect(target=3, metadata={"problem": 3}), "line 2: problem is 3, expected a text"),
    ],
)
def test_a_bad_sample_is_named(second, says):
    first = inspect() if "target" in second and "doc" not in second else harness()
    with pytest.raises(UserError) as error:
        score(as_lines(first, second), Symbols())
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04....", "inspect log convert --to json"),
        (log(inspect())[:-30], "line 1 is cut off or not JSON, and the file no whole log"),
        (log(inspect(), status="error"), 'status "error", expected success'),
        (log(samples=None), 'status "success", expected success and samples'),
        (b"{\n[1]}", "no whole log"),
        (b"", "there are no lines to score"),
        (b"A" * 10_000_000, "line 1 has more than 4,194,304 bytes"),
        (LINE + b'{"doc": "' + b"A" * 10_000_000 + b'"}\n', "line 2 has more than 4,194,304 bytes"),
        (LINE + b"\x00\n", "line 2 is not JSON"),
        (as_lines(harness("A " * 70_000))[0], "line 1 has a text of 140,000 characters, expected at most"),
    ],
)
def test_what_is_no_log_is_said_in_one_line(content, says, tmp_path, capsys):
    (tmp_path / "file").write_bytes(content)
    assert main(["score", str(tmp_path / "file")]) == 2
    message = capsys.readouterr().err
    assert says in message and len(message) < 400


def test_a_huge_line_is_not_read_to_its_end():
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, room):
            room[:] = b"A" * len(room)
            return len(room)

    tracemalloc.start()
    with pytest.raises(UserError, match="line 1 has more than"):
        score(predictions.lines(io.BufferedReader(Endless())), Symbols())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * predictions.LONGEST_LINE


def test_many_long_texts_are_not_held_at_once(monkeypatch):
    monkeypatch.setattr("alchemy.scoring.predictions.BLOCK_CHARS", 1000)
    rows = [predictions.Row(1, "a" * 100, "b" * 300)] * 10
    assert [len(block) for block in predictions.blocks(rows, 50)] == [3, 3, 3, 1]
    assert [len(block) for block in predictions.blocks([predictions.Row(1, "a", "b")] * 10, 4)] == [4, 4, 2]
    rows = [predictions.Row(1, "a" * 250, "b" * 250)] * 4
    assert [len(block) for block in predictions.blocks(rows, 50)] == [3, 1], "one line more"


def test_limits_are_those_of_the_page_on_scoring():
    sizes = (predictions.LONGEST_LINE, predictions.LONGEST_TEXT, predictions.LARGEST_LOG, predictions.BLOCK_CHARS)
    assert sizes == (4 * 2**20, 65_536, 256 * 2**20, 16 * 2**20)
    assert file_formats.LARGEST_ARRAY == predictions.LARGEST_LOG, "both are one JSON document"


def test_what_is_as_long_as_it_may_be_is_read(monkeypatch):
    monkeypatch.setattr("alchemy.scoring.predictions.LONGEST_LINE", 10)
    fits, too_long = b"123456789\n", b"1234567890\n"
    assert list(predictions.lines(io.BytesIO(2 * fits))) == [fits, fits]
    for text, number in ((too_long, 1), (fits + too_long, 2)):
        with pytest.raises(UserError, match=f"line {number} has more than 10 bytes"):
            list(predictions.lines(io.BytesIO(text)))
    assert predictions.parse_line(1, b'{"a": 12}\n') == {"a": 12}
    with pytest.raises(UserError, match="line 7 has more than 10 bytes"):
        predictions.parse_line(7, b'{"a": 123}\n')
    monkeypatch.setattr("alchemy.scoring.predictions.LONGEST_TEXT", 5)
    predictions.check_comparable([predictions.Row(1, "a" * 5, "b" * 5)])
    for pair in (("a" * 6, ""), ("", "b" * 6)):
        with pytest.raises(UserError, match="line 9 has a text of 6 characters, expected at most 5"):
            predictions.check_comparable([predictions.Row(8, "", ""), predictions.Row(9, *pair)])


def test_a_log_as_large_as_it_may_be_is_read(monkeypatch):
    document = log(inspect())
    monkeypatch.setattr("alchemy.scoring.predictions.LARGEST_LOG", len(document))
    assert len(list(predictions.lines(io.BytesIO(document)))) == 1
    monkeypatch.setattr("alchemy.scoring.predictions.LARGEST_LOG", len(document) - 1)
    with pytest.raises(UserError, match=f"the log has more than {len(document) - 1} bytes"):
        list(predictions.lines(io.BytesIO(document)))


def test_an_array_as_large_as_it_may_be_is_read(monkeypatch):
    array = b'[{"a": 1}, {"a": 2}]'
    monkeypatch.setattr("alchemy.scoring.file_formats.LARGEST_ARRAY", len(array))
    assert list(predictions.lines(io.BytesIO(array))) == [b'{"a": 1}\n', b'{"a": 2}\n']
    with pytest.raises(UserError, match=f"the array has more than {len(array)} bytes; write a line each"):
        list(predictions.lines(io.BytesIO(array + b" ")))


@pytest.mark.parametrize(
    ("keys", "needs_prompt", "name"),
    [
        ("predict label input output", False, "{predict, label}"),
        ("predict label input output", True, "{input, output}"),
        ("label input output", False, "{input, output}"),
        ("input output prompt completion", False, "{input, output}"),
        ("prompt completion doc", False, "{prompt, completion}"),
        ("predict label filtered_resps", False, "{predict, label}"),
        ("predict label target", False, "{predict, label}"),
    ],
)
def test_the_first_line_says_how_all_are_read(keys, needs_prompt, name):
    first = {key: {} if key == "doc" else f"text of {key}" for key in keys.split()}
    schema = predictions.schema_of(first, needs_prompt)
    assert (schema.name, schema.has_gold) == (name, name == "{predict, label}")
    pair = name.strip("{}").split(", ")
    assert schema.texts(1, first) == [tuple(first[key] for key in pair)]


def test_long_names_are_cut_at_sixty_characters():
    for length, shown in ((60, "k" * 60), (61, "k" * 57 + "...")):
        with pytest.raises(UserError, match=f"line 1 has the keys {shown}, expected .* or .* or") as error:
            predictions.schema_of({"k" * length: ""}, False)
        assert "a label cannot say" not in str(error.value)
    with pytest.raises(UserError, match="a label cannot say which traces are valid"):
        predictions.schema_of({"predict": "", "label": ""}, True)


def test_a_task_with_an_oracle_judges_samples_itself():
    task = Connectivity()
    prompt = "graph : [ 1 2 2 3 4 5 ] task : 1 to 3 or 5 /"
    doc = {"problem": prompt, "output": "not looked at"}
    texts = ["work : [ 1 2 3 ] decision : [ 3 ]", "so work : [ 1 2 3 ] decision : [ 3 ]", "decision : [ 5 ]"]
    result = score(as_lines(*(harness(text, doc=doc) for text in texts)), task)
    assert result["answer_accuracy"] == pytest.approx(2 / 3)
    long = harness(f"work : [ {'1 ' * 100_000}] decision : [ 3 ]", doc=doc)
    assert score(as_lines(long), task)["n"] == 1
