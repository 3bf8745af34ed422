"""The front door: what a user types, what comes out, and with which exit code."""

import gc
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from alchemy.cli.main import main
from alchemy.dataset.export import write_splits
from alchemy.discover import find, verdict_file
from alchemy.record import plain
from tasks.symbols import Symbols

ROOT = Path(__file__).parents[2]
STUB = '''"""Stubs claim little.

Source nobody
"""
from dataclasses import dataclass, field
from types import SimpleNamespace
from alchemy.problem.noise import Noise

CLAIM = SimpleNamespace(headline={headline})

@dataclass(frozen=True)
class Train:
    steps: int = 5

@dataclass(frozen=True)
class Config:
    seeds: int = 5
    train: Train = field(default_factory=Train)
    {field}: int = 4
    noise: Noise | None = None

PRESETS = {{"smoke": Config(seeds=2), "small": Config(), "full": Config(seeds=9)}}
'''


@pytest.fixture
def alchemy(capsys):
    """Run a command: (exit code, standard output, standard error)."""

    def run(*args):
        code = main([str(arg) for arg in args])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def fails(alchemy):
    """Run a command that must fail with exit code 2 and one line, which is returned."""

    def run(*args):
        code, out, err = alchemy(*args)
        assert code == 2 and out == "", (code, out, err)
        line = err.splitlines()[-1]
        assert err.count("alchemy: error: ") == 1 and line.startswith("alchemy: error: ")
        return line.removeprefix("alchemy: error: ")

    return run


OLD, NEW = (json.dumps({"verdict": verdict, "method": "m"}) for verdict in ("FAILS", "HOLDS"))
VERDICTS = f'{{"full": [{OLD}], "small": [{OLD}, {NEW}]}}'
"""Where the last of a preset's records counts."""


@pytest.fixture
def claims(tmp_path, monkeypatch):
    """Two stub claims, and the calls that `reproduce` gets."""
    folder = tmp_path / "experiments"
    (folder / "verdicts").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "settings.py").write_text("SHARED = 1\n")
    (folder / "first.py").write_text(STUB.format(headline=True, field="length"))
    (folder / "second.py").write_text(STUB.format(headline=False, field="width"))
    (folder / "verdicts" / "first.json").write_text(VERDICTS)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "experiments"]:
        monkeypatch.delitem(sys.modules, name)
    calls = []
    module = ModuleType("alchemy.report.reproduce")
    module.reproduce = lambda *args: calls.append(args) or 0
    monkeypatch.setitem(sys.modules, "alchemy.report.reproduce", module)
    yield calls
    for name in [name for name in sys.modules if name.partition(".")[0] == "experiments"]:
        del sys.modules[name]


@pytest.fixture
def data(tmp_path):
    write_splits(Symbols(rotate=7), tmp_path / "data", train=50, test=10, shifts=["length=6"])
    return tmp_path / "data"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_errors_are_condensed_whatever_the_terminal(monkeypatch, encoding):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert main(["show", "symbols", "--dialect", "unifrm"]) == 2
    line = b"alchemy: error: --dialect: invalid choice 'unifrm'; did you mean 'uniform'?\n"
    assert (out.buffer.getvalue(), err.buffer.getvalue()) == (b"", line)


def test_overview(alchemy):
    code, out, _ = alchemy("--help")
    assert code == 0 and all(
        name in out
        for name in ("list", "show", "generate", "verify", "score", "reproduce", "report", "bench", "prompts")
    )
    assert alchemy()[0] == 2


@pytest.mark.parametrize("command", ["list", "show", "generate", "verify", "score", "report", "bench", "prompts"])
def test_help_has_an_example(alchemy, command):
    code, out, _ = alchemy(command, "--help")
    assert code == 0 and f"Example: alchemy {command}" in out
    assert ("--compositions" in out) == (command in ("show", "generate", "score"))


def test_list(alchemy, claims):
    listed = json.loads(alchemy("list", "--json")[1])
    assert "symbols" in [task["name"] for task in listed["tasks"]]
    assert "transformer" in [model["name"] for model in listed["models"]]
    first = {"name": "first", "sentence": "Stubs claim little.", "verdicts": {"small": "HOLDS", "full": "FAILS"}}
    assert listed["claims"] == [first, {**first, "name": "second", "verdicts": {}}]
    assert "Stubs claim little. [small HOLDS, full FAILS]" in alchemy("list")[1]
    assert list(json.loads(alchemy("list", "claims", "models", "--json")[1])) == ["claims", "models"]


def test_a_corrupt_verdict(fails, claims, tmp_path):
    for content in ('{"small": 3}', '{"small": []}', '{"small": [{}]}', "[]"):
        (tmp_path / "experiments" / "verdicts" / "first.json").write_text(content)
        assert "first.json is corrupt" in fails("list")


def test_show(alchemy):
    code, out, _ = alchemy("show", "symbols", "-n", "2", "--compositions", "F1 F2", "--length", "3")
    assert code == 0 and out.count("<think>") == 4 and out.count("step 1") == 2 and "'length=4'" in out
    shown = json.loads(alchemy("show", "symbols", "--n=1", "--shift", "steps=3", "--json", "--no-cot")[1])
    assert list(shown["problems"][0]["fields"]) == ["element", "transformation", "instruction", "answer"]
    assert shown["problems"][0]["line"].count("[F") == 3


def test_a_dry_run_of_generate_writes_nothing_and_foretells_the_bytes(alchemy, fails, tmp_path):
    args = ["generate", "symbols", "--out", tmp_path / "data", "--train", 300, "--test", 20, "--shifts", "length=6"]
    told = json.loads(alchemy(*args, "--dry-run", "--json")[1])
    assert not (tmp_path / "data").exists()
    assert alchemy(*args)[0] == 0 and list(told) == ["train.jsonl", "test.jsonl", "test-length=6.jsonl"]
    for name, size in told.items():
        assert (tmp_path / "data" / name).stat().st_size == pytest.approx(size["bytes"], rel=0.01)
        assert size["lines"] == (300 if name == "train.jsonl" else 20)
    assert "is not empty" in fails(*args, "--dry-run")
    every = ["generate", "symbols", "--out", tmp_path / "all.jsonl", "--exhaustive", "--length", 2]
    code, out, _ = alchemy(*every, "--dry-run")
    assert code == 0 and "676 lines" in out and "nothing was written" in out and not (tmp_path / "all.jsonl").exists()


def test_what_no_disk_holds_is_refused_before_anything_is_written(fails, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10_000_000, total=1))
    out = tmp_path / "new" / "data"
    assert "lines take about 0.2 GB, and the disk has 10.0 MB left" in fails(
        "generate", "symbols", "--out", out, "--train", 1_000_000
    )
    assert "5,429,503,678,976 lines take about" in fails(
        "generate", "symbols", "--out", out, "--exhaustive", "--length", 9
    )
    assert not out.parent.exists()


def test_a_dry_run_of_reproduce_counts_what_is_there(alchemy, tmp_path):
    home = tmp_path / "claims" / "text_length" / "small-0"
    module = find("claim", "text_length")
    home.mkdir(parents=True)
    [record] = json.loads(verdict_file("text_length").read_text())["small"][-1:]
    (home / "record.json").write_text(
        json.dumps({**record, "seeds": 4, "config": plain(replace(module.PRESETS["small"], seeds=4))})
    )
    args = ["reproduce", "text_length", "new_structures", "--dry-run", "--out", tmp_path]
    told = json.loads(alchemy(*args, "--json")[1])
    plan = told["text_length"]
    assert (plan["seeds"], plan["stored"], plan["missing"]) == (10, 4, 6)
    assert plan["minutes"] == pytest.approx(record["seconds"] / record["seeds"] * 6 / 60)
    assert told["new_structures"]["stored"] == 0
    other = json.loads(alchemy(*args[:2], "--dry-run", "--out", tmp_path, "--train.steps", 7, "--json")[1])
    assert other["text_length"]["stored"] == 0, "a record of another config is none of these"
    code, out, _ = alchemy(*args)
    assert code == 0 and "4 of 10 seeds stored" in out and "nothing was made" in out
    unknown = alchemy(*args[:2], "--preset", "smoke", "--dry-run", "--out", tmp_path)[1]
    assert unknown.splitlines()[-1] == "of 1 claim no time was recorded; nothing was made"


def test_show_a_claim_a_strategy_and_a_model(alchemy, fails):
    """Of what has one name in two kinds both."""
    shown = json.loads(alchemy("show", "budget_forcing", "--json")[1])
    assert shown.keys() == {"strategy", "claim"} and shown["strategy"]["file"] == "alchemy/strategies/budget_forcing.py"
    claim = shown["claim"]
    assert claim["claim"]["source"].startswith("arXiv:2501.19393") and claim["presets"]["smoke"]["seeds"] == 2
    assert claim["lock"]["generation"] >= 1 and claim["cost"]["seconds"] > 60 and "small" in claim["verdicts"]
    beam = json.loads(alchemy("show", "beam", "--json")[1])["strategy"]["fields"]
    assert beam["n"] == {"type": "int", "default": 16, "doc": ""} and beam["apart"]["doc"].startswith("Each kept chain")
    for name in ("beam", "transformer", "task_shift", "new_structures"):
        code, out, err = alchemy("show", name)
        assert code == 0 and name in out and not err
    assert "did you mean 'beam'?" in fails("show", "beem")
    assert "--n is about problems" in fails("show", "beam", "-n", "1")
    assert "unknown option '--length'" in fails("show", "beam", "--length", "3")


def test_show_rate(alchemy, monkeypatch):
    monkeypatch.setattr("alchemy.cli.commands.show.RATE_PROBLEMS", 2000)
    shown = json.loads(alchemy("show", "symbols", "--rate", "--json")[1])
    assert shown["problems_a_second"] > shown["problems_a_second_with_their_jsonl"] > 10_000


def test_generate_verify_score(alchemy, tmp_path):
    out = tmp_path / "data"
    args = ["symbols", "--out", out, "--train", 200, "--test", 20, "--shifts", "length=6", "task=F3 F3", "--rotate", 7]
    code, text, err = alchemy("generate", *args, "--json")
    assert code == 0 and list(json.loads(text)["files"])[2:] == ["test-length=6.jsonl", "test-task=F3-F3.jsonl"]
    assert "train.jsonl: 200 lines" in err
    verified = json.loads(alchemy("verify", out, "--json")[1])
    assert verified["identical"] and not verified["differences"]
    assert verified["overlap"].keys() == {"test.jsonl", "test-length=6.jsonl", "test-task=F3-F3.jsonl"}
    assert all(shares["identities"] == 0 for shares in verified["overlap"].values())
    for name in ("train.jsonl", "test-length=6.jsonl", "test-task=F3-F3.jsonl"):
        scored = json.loads(alchemy("score", out / name, "--manifest", out, "--training", "--json")[1])
        assert scored["answer_accuracy"] == scored["trace_accuracy"] == scored["exact_match"]["full"] == 1
    assert json.loads(alchemy("score", out / "test.jsonl", "--json")[1])["answer_accuracy"] < 0.1
    assert json.loads(alchemy("score", out / "test.jsonl", "--json", "--rotate", 7)[1])["answer_accuracy"] == 1
    assert "answer accuracy" in alchemy("score", out / "test.jsonl", "--manifest", out)[1]


def test_standard_shifts(alchemy, tmp_path):
    assert (
        alchemy("generate", "symbols", "--out", tmp_path / "d", "--train", 9, "--test", 9, "--shifts", "standard")[0]
        == 0
    )
    data, card, manifest = 2 + len(Symbols().shifts), 1, 1
    assert len(os.listdir(tmp_path / "d")) == data + card + manifest


def test_exhaustive(alchemy, tmp_path):
    path = tmp_path / "all.jsonl"
    args = ("--exhaustive", "--compositions", "F1 F2", "--length", 2, "--dialect", "dataalchemy", "--out", path)
    assert alchemy("generate", "symbols", *args)[0] == 0
    lines = path.read_text().splitlines()
    assert len(lines) == 676 and json.loads(lines[1])["input"] == "A B [F1] [F2] <think>"


def test_score_reads_standard_input(alchemy, monkeypatch):
    line = b'{"predict": "A <answer> B", "label": "A <answer> B"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line)))
    assert json.loads(alchemy("score", "-", "--json")[1])["exact_match"]["full"] == 1


def test_verify_says_what_differs(alchemy, data):
    (data / "test.jsonl").unlink()
    code, out, _ = alchemy("verify", data)
    assert code == 1 and out == "test.jsonl: missing\n"
    assert json.loads(alchemy("verify", data, "--json")[1])["identical"] is False


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("lst", "command 'lst' is unknown; did you mean 'list'?"),
        ("show symbls", "'symbls' is no task, model, reasoner, strategy or claim; did you mean 'symbols'?"),
        (
            "show",
            "name a task, one of boards, connectivity, documents, equations, facts, groups, hops, modular, multiplication, origins, reachability, recheck, rules, search, stars, sums, symbols, trees",
        ),
        ("show symbols --all", "task 'symbols' and --all: expected one of them"),
        ("show --all --shift length=6", "shift 'length=6' and --all: expected one of them"),
        ("show symbols --lenght 3", "unknown option '--lenght'; did you mean '--length'?"),
        (
            "show symbols --length x",
            "--length: Could not find valid parse for arguments: ['x']; expected --length [INT",
        ),
        ("show symbols --length 0", "length 0 is less than 1"),
        ("show symbols --rotate 1.5", "'1.5'; expected --rotate INT"),
        ("show symbols --rotate", "Missing value for argument '--rotate'"),
        ("show symbols --rotate 1 2", "unexpected argument '2'"),
        ("show symbols --dialect unifrm", "--dialect: invalid choice 'unifrm'; did you mean 'uniform'?"),
        ("show symbols --shift lenght=3", "shift 'lenght=3' is unknown; did you mean 'length'?"),
        ("show symbols --shift noise=insert:1.5", "noise probability 1.5 is outside [0, 1]"),
        ("show symbols --noise insert:-1", "noise probability -1.0 is outside [0, 1]"),
        ("show symbols --noise insrt:0.5", "noise mode 'insrt' is unknown; did you mean 'insert'?"),
        ("show symbols --noise insert", "expected MODE:PROBABILITY"),
        ("show symbols -n 0", "expected at least 1"),
        ("show symbols --compositions F1/F9", "primitive 'F1/F9' is not in this task"),
        ("generate symbols", "alchemy generate needs --out PATH"),
        ("generate symbols --out x --trian 5", "unknown option '--trian'; did you mean '--train'?"),
        ("generate symbols --out x --train 0", "train 0: a file has at least 1 problem"),
        ("generate symbols --out x --seed -1", "seed -1 is outside"),
        ("generate symbols --out x --test-share 1", "test share 1.0 is outside (0, 1)"),
        ("generate symbols --out x --shifts length=4", "length 4 is also trained on"),
        (
            "generate symbols --out x --length 2",
            "train.jsonl: only 587 distinct train prompts exist, 10000 were asked for",
        ),
        ("generate symbols --out x --exhaustive --shifts length=3", "an exhaustive file has no shifts"),
        ("verify", "alchemy verify needs DIR"),
        ("verify . --jsn", "unknown option '--jsn'; did you mean '--json'?"),
        ("verify .", "cannot read manifest.json: No such file or directory"),
        ("score nowhere.jsonl", "nowhere.jsonl: No such file or directory"),
        ("score .", ". is a directory without *.jsonl"),
        ("score f --task symbls", "task 'symbls' is unknown"),
        ("score f --manifest nowhere", "cannot read nowhere/manifest.json"),
    ],
)
def test_bad_input_is_one_line(fails, tmp_path, monkeypatch, args, says):
    monkeypatch.chdir(tmp_path)
    assert says in fails(*args.split())
    assert os.listdir(tmp_path) == []


def test_a_trained_composition_is_no_shift(fails, tmp_path):
    message = fails("generate", "symbols", "--out", tmp_path / "d", "--shifts", "task=F1 F2")
    assert message == "shift 'task=F1 F2': compositions 'F1 F2' is also trained on, so this is test.jsonl"


def test_bad_lines_and_manifests(fails, data):
    path = data / "train.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert "line 50 is cut off" in fails("score", path, "--manifest", data)
    manifest = json.loads((data / "manifest.json").read_text())
    del manifest["task"]
    (data / "manifest.json").write_text(json.dumps(manifest))
    assert "manifest.json is corrupt: no field 'task'" in fails("score", path, "--manifest", data)
    (data / "manifest.json").write_text("{")
    assert "manifest.json is corrupt" in fails("verify", data)
    assert "manifest.json is corrupt" in fails("score", path, "--manifest", data)


@pytest.mark.parametrize("place", ["/proc/data", "/dev/full/data", "/dev/null/data"])
def test_unwritable_directories(fails, place):
    if not Path(place).parent.exists():
        pytest.skip(f"no {Path(place).parent} here")
    assert f"cannot write {place}" in fails("generate", "symbols", "--out", place, "--train", 5, "--test", 5)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk(fails):
    message = fails("generate", "symbols", "--out", "/dev/full", "--exhaustive", "--length", 2)
    assert message == "cannot write /dev/full: No space left on device"
    with open("/dev/full", "w") as full:
        run = subprocess.run([sys.executable, "-m", "alchemy", "list"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE)
    assert run.returncode == 2 and run.stderr == b"alchemy: error: No space left on device\n"


def test_interrupt(alchemy, monkeypatch, tmp_path):
    def interrupt(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("alchemy.cli.commands.generate.write_splits", interrupt)
    code, _, err = alchemy("generate", "symbols", "--out", tmp_path / "d")
    assert code == 130 and err == "interrupted; run the same command again to resume\n"


def test_an_error_that_quotes_much_of_an_input_is_cut(fails, tmp_path):
    (tmp_path / "p.jsonl").write_text(
        json.dumps({"prompt": "A " + "[" * 10_000 + " <think>", "completion": "x"}) + "\n"
    )
    message = fails("score", tmp_path / "p.jsonl")
    assert message.startswith("line 1: unknown symbol '[[") and " ... [[" in message and len(message) < 700


def test_an_interrupt_while_python_imports_is_quiet():
    program = """
import runpy, signal, sys
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "alchemy.cli.main":
            signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupting())
runpy.run_module("alchemy", run_name="__main__")
"""
    run = subprocess.run([sys.executable, "-c", program, "list"], cwd=ROOT, capture_output=True)
    assert run.returncode == -signal.SIGINT and run.stdout == run.stderr == b""


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN], ids=["terminal", "background"])
def test_a_scheduler_that_terminates_interrupts(alchemy, monkeypatch, tmp_path, ctrl_c):
    """Also where a shell has let Ctrl-C be ignored."""
    monkeypatch.setattr(
        "alchemy.cli.commands.generate.write_splits", lambda *args, **more: signal.raise_signal(signal.SIGTERM)
    )
    before = signal.signal(signal.SIGINT, ctrl_c)
    try:
        code, _, err = alchemy("generate", "symbols", "--out", tmp_path / "d")
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 130 and err == "interrupted; run the same command again to resume\n"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "scheduler"])
def test_an_interrupt_while_garbage_is_collected_is_heard(alchemy, monkeypatch, tmp_path, number):
    """Python drops what is raised in a callback of the collector, such as that of jax."""

    def write(*args, **more):
        def collected(phase, details):
            gc.callbacks.remove(collected)
            signal.raise_signal(number)

        gc.callbacks.append(collected)
        gc.collect()
        time.sleep(20)

    monkeypatch.setattr("alchemy.cli.commands.generate.write_splits", write)
    hook, before = sys.unraisablehook, signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code, _, err = alchemy("generate", "symbols", "--out", tmp_path / "d")
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 130 and err == "interrupted; run the same command again to resume\n"
    assert sys.unraisablehook is hook


def test_a_closed_pipe_is_quiet():
    command = f"{sys.executable} -m alchemy show symbols -n 3000 | head -n 1"
    run = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True)
    assert run.stderr == b"" and run.stdout.count(b"\n") == 1


@pytest.mark.parametrize(
    ("closed", "args", "code"), [(">&-", "list", 0), ("2>&-", "show symbls", 2), (">&- 2>&-", "list", 0)]
)
def test_a_closed_stream_leads_nowhere(closed, args, code):
    """What belongs on one stream does not appear on the other either."""
    run = subprocess.run(f"{sys.executable} -m alchemy {args} {closed}", shell=True, cwd=ROOT, capture_output=True)
    assert (run.returncode, run.stdout, run.stderr) == (code, b"", b"")


def test_light_commands_do_not_import_jax(data):
    program = f"""
import sys
import time
from alchemy.cli.main import main
for args in (["list"], ["show", "symbols"], ["verify", {str(data)!r}], ["score", {str(data / "test.jsonl")!r}]):
    main(args)
sys.exit("jax" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True).returncode == 0


def test_reproduce_selects(alchemy, claims):
    assert alchemy("reproduce")[0] == 0
    assert alchemy("reproduce", "--all", "--preset", "smoke", "--seeds", 3, "--train.steps=7", "--json")[0] == 0
    assert alchemy("reproduce", "--preset", "full", "second", "--out", "there", "--width", 6)[0] == 0
    headline, every, named = claims
    assert list(headline[0]) == ["first"] and headline[1]["first"].seeds == 5
    assert headline[2:4] == ("small", Path("runs"))
    assert list(every[0]) == ["first", "second"] and {config.seeds for config in every[1].values()} == {3}
    assert {config.train.steps for config in every[1].values()} == {7} and every[4] is True
    assert named[1]["second"].seeds == 9 and named[1]["second"].width == 6 and named[3] == Path("there")


def test_reproduce_reads_noise(alchemy, claims):
    assert alchemy("reproduce", "first", "--noise", "delete:0.5:element")[0] == 0
    noise = claims[0][1]["first"].noise
    assert (noise.mode, noise.p, noise.field) == ("delete", 0.5, "element")


def test_reproduce_help_shows_the_presets_defaults(alchemy, claims):
    code, out, _ = alchemy("reproduce", "first", "--preset", "full", "--help")
    assert code == 0 and "--train.steps INT" in out and "(default: 9)" in out and "--length INT" in out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ("frist", "claim 'frist' is unknown; did you mean 'first'?"),
        ("settings", "claim 'settings' is unknown"),
        ("first --preset smal", "--preset: invalid choice 'smal'; did you mean 'small'?"),
        ("first --sedes 3", "unknown option '--sedes'; did you mean '--seeds'?"),
        ("first --train.stesp 3", "unknown option '--train.stesp'; did you mean '--train.steps'?"),
        ("first --seeds many", "--seeds: invalid literal for int() with base 10: 'many'; expected --seeds INT"),
        ("first second --length 3", "second: unknown option '--length'"),
        ("first --seeds 2 second", "unexpected argument 'second'"),
    ],
)
def test_reproduce_refuses(fails, claims, args, says):
    assert says in fails("reproduce", *args.split())
    assert claims == []


def test_the_gallery_is_what_the_command_prints(alchemy):
    code, out, _ = alchemy("show", "--all")
    assert code == 0 and out == (ROOT / "tasks" / "GALLERY.md").read_text("utf-8"), (
        "alchemy show --all > tasks/GALLERY.md"
    )
