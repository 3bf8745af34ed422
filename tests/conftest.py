"""Two CPU devices, strict JAX, and the small things most tests need."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

from jaxlib.version import __version_info__ as jaxlib_version

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # of commands that tests start, too
os.environ["XLA_FLAGS"] = " ".join(  # each once: workers inherit them, and stored programs go by them
    dict.fromkeys(  # a third of the time to compile; the programs of tests are too small to be worth more
        os.environ.get("XLA_FLAGS", "").split()
        + ["--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true"]
        + ["--xla_cpu_parallel_codegen_split_count=1"]
        + (["--xla_cpu_use_fusion_emitters=false"] if jaxlib_version < (0, 11) else [])  # 0.12 ends at a flag it lacks
    )
)

import jax
import pytest

from alchemy.learning import machine
from alchemy.problem.task import Task
from models.transformer import Transformer
from tasks.symbols import Symbols

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
LISTEN = """<script>window.faults = [];
addEventListener("error", (event) => faults.push(event.message));
addEventListener("securitypolicyviolation", (event) => faults.push(event.blockedURI));
for (const name of ["error", "warn"]) console[name] = (...words) => faults.push(words.join(" "));
window.alert = (text) => faults.push(`alert ${text}`);</script>"""

MEMORY = Path("/dev/shm")  # a file system on which nothing waits for a disk: a checkpoint takes a third of the time
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

machine.prepare()
gc.set_threshold(
    200_000, 20, 50
)  # tracing makes many objects that live on: looking for garbage took a sixth of the time
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True, scope="module")
def released():
    """No process runs out of memory maps, however many tests it is given."""
    yield
    machine.release()


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(0)


@pytest.fixture(scope="session")
def task() -> Task:
    """Two letters of a small alphabet, one composition with its chain of thought."""
    return Symbols(length=(2,), alphabet="ABCDEFGH")


@pytest.fixture(scope="session")
def model(task: Task) -> Transformer:
    return Transformer(len(task.vocabulary), width=16, layers=1, heads=2, context=24)


@pytest.fixture
def browse(tmp_path):
    """Opens a page in Chromium, runs a script in it, and returns what the script leaves in `observed`.

    Errors, what is said on the console and requests that the page's own policy refuses are in `observed.faults`.
    """
    if not CHROMIUM:
        pytest.skip("needs Chromium")

    def opened(text: str, script: str, width: int = 1280) -> dict:
        tail = f"<script>const observed = {{}}; {script}; observed.faults = faults; document.title = JSON.stringify(observed);</script>"
        file = tmp_path / "page.html"
        page = text.replace("<body>", "<body>" + LISTEN, 1)
        file.write_text(page.replace("</body>", tail + "</body>"), "utf-8")
        flags = (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-sync",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={tmp_path}/profile",
            f"--window-size={width},900",
            "--dump-dom",
        )
        run = subprocess.run([CHROMIUM, *flags, file.as_uri()], capture_output=True, text=True, timeout=120, check=True)
        return json.loads(unescape(re.search("<title>(.*?)</title>", run.stdout)[1]))

    return opened
