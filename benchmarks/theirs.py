"""One work done by the code of a paper, for `peers.py`: run by a Python that has torch and what that code asks for.

python benchmarks/theirs.py WORK CHECKOUT      # prints how much of it was done a second
"""

from __future__ import annotations

import random
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
import transformers

SCORED = 20_000
STEPS = 6
"""Training steps that are timed, after two that are not."""


def seconds(work: Callable[[], Any], repeats: int = STEPS) -> float:
    """The median time of `work`, after two runs that are not counted."""
    taken = []
    for _ in range(repeats + 2):
        began = perf_counter()
        work()
        taken.append(perf_counter() - began)
    return median(taken[2:])


def step(model: torch.nn.Module, ids: torch.Tensor) -> Callable[[], None]:
    """One training step as the two papers take it: AdamW, gradients cut at norm 1, the loss of every token."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)

    def work() -> None:
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return work


def lines(directory: Path, composition: tuple[str, str] = ("[F1]", "[F2]")) -> Path:
    """All lines of one composition of four letters, made by DataAlchemy."""
    from src.data.generator import DatasetGenerator

    path = directory / "lines.jsonl"
    DatasetGenerator(element_length=4).generate(list(composition), str(path))
    return path


def letters(directory: Path) -> tuple[Any, torch.nn.Module, list[dict[str, str]]]:
    """DataAlchemy's own tokenizer, its GPT of 4 layers x 32, and 4,096 lines."""
    import json

    from src.models import ModelSpec, build_model, build_tokenizer

    path = lines(directory)
    tokenizer = build_tokenizer(str(directory / "tokenizer"), "GPT", [str(path)], vocab_size=10_000)
    model = build_model(ModelSpec(arch="GPT", hidden_size=32, n_layer=4, n_head=4, n_positions=256), tokenizer)
    rows = random.Random(0).sample(path.read_text().splitlines(), 4096)
    return tokenizer, model, [json.loads(row) for row in rows]


def train_letters(directory: Path) -> float:
    """Samples a second at DataAlchemy's batch of 1,024."""
    tokenizer, model, rows = letters(directory)
    texts = [f"{row['input']} {row['output']}{tokenizer.eos_token}" for row in rows[:1024]]
    ids = tokenizer(texts, padding=True, return_tensors="pt").input_ids
    return 1024 / seconds(step(model, ids))


def write_letters(directory: Path) -> float:
    """Completions of 15 tokens a second, greedy, 2,000 at once."""
    tokenizer, model, rows = letters(directory)
    model.eval()
    texts = [row["input"] for row in rows[:2000]]
    inputs = tokenizer(texts, padding=True, padding_side="left", return_tensors="pt")
    how = dict(max_new_tokens=15, min_new_tokens=15, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    with torch.no_grad():
        return 2000 / seconds(lambda: model.generate(**inputs, **how), 3)


def score_letters(directory: Path) -> float:
    """Texts a second: exact match, edit distance, BLEU."""
    import json

    from src.evaluation.scoring import score_pair

    gold = [json.loads(row)["output"] for row in lines(directory).read_text().splitlines()[:SCORED]]
    pairs = list(zip(gold[1:] + gold[:1], gold, strict=True))
    return len(pairs) / seconds(lambda: [score_pair(*pair) for pair in pairs], 3)


def make_letters(directory: Path) -> float:
    """Lines a second, written to a file."""
    return 26**4 / seconds(lambda: lines(directory), 3)


def make_graphs(directory: Path) -> float:
    """Bridges of depth 3 with one of three traces each, as ids, a second."""
    from mission import Mission, MissionTokenizer
    from utils import gen_mission_str, get_missions_vocab

    how = Namespace(
        graph_type="flower",
        task_type="decision",
        depth=3,
        short=3,
        long=5,
        dead=3,
        st_pair="far",
        num_nodes=None,
        max_num_nodes=None,
        width=None,
        num_matchings=None,
    )
    tokenizer = MissionTokenizer(get_missions_vocab(102))

    def work() -> None:
        for trace in ("optimal", "path", "dfs"):
            for _ in range(50):
                mission = Mission(how)
                names = random.sample(range(102), mission.number_of_nodes())
                tokenizer.encode(gen_mission_str(mission, node_ids=names, clues={"work": mission.search(trace)}))

    return 150 / seconds(work, 5)


def reader() -> torch.nn.Module:
    """The 4 x 128 model of the connectivity paper (its configs/model_config.yaml), over 70 ids."""
    how = dict(
        hidden_size=128, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4
    )
    return transformers.MistralForCausalLM(
        transformers.MistralConfig(vocab_size=70, max_position_embeddings=400, **how)
    )


def train_graphs(directory: Path) -> float:
    """Tokens a second of texts of 102, 32 at once."""
    ids = torch.randint(0, 70, (32, 102))
    return ids.numel() / seconds(step(reader(), ids))


def write_graphs(directory: Path) -> float:
    """New tokens a second: 32 behind each of 256 prompts of 70."""
    model, ids = reader().eval(), torch.randint(3, 70, (256, 70))
    how = dict(max_new_tokens=32, min_new_tokens=32, do_sample=True, top_k=0, pad_token_id=0)
    with torch.no_grad():
        return 256 * 32 / seconds(lambda: model.generate(ids, attention_mask=torch.ones_like(ids), **how), 3)


def make_equations(directory: Path) -> float:
    """Systems of three equations modulo 11 with their eliminations a second, no two alike, written to a file."""
    import runpy
    from contextlib import redirect_stdout
    from io import StringIO

    script = Path(sys.argv[2]) / "equation" / "data.py"
    sys.argv = [str(script), "--file", str(directory), "--train_size", "4500", "--test_size", "500"]

    def work() -> None:
        with redirect_stdout(StringIO()):
            runpy.run_path(str(script))

    return 5000 / seconds(work, 3)


def train_equations(directory: Path) -> float:
    """Tokens a second of texts of 78, 128 at once, by the model of arXiv:2305.15408: 3 layers x 256."""
    from model import GPT

    how = dict(vocab=21, dmodel=256, num_layer=3, head=4, drop=0.0, maxlen=78, rpe=False)
    model, ids = GPT(Namespace(**how)), torch.randint(1, 21, (128, 78))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)

    def work() -> None:
        loss = torch.nn.functional.cross_entropy(model(ids).transpose(1, 2), ids)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return ids.numel() / seconds(work)


WORKS = [
    train_letters,
    write_letters,
    score_letters,
    make_letters,
    make_graphs,
    train_graphs,
    write_graphs,
    make_equations,
    train_equations,
]

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[2])
    transformers.utils.logging.set_verbosity_error()
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as scratch:
        print({work.__name__: work for work in WORKS}[sys.argv[1]](Path(scratch)))
