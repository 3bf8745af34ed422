"""The simplest models that write are those of the tests of decoding."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "decoding"))
