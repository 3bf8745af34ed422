"""Model sizes by name."""

from __future__ import annotations

from typing import Any

SIZES: dict[str, dict[str, Any]] = {
    "gpt-68k": dict(width=32, layers=4, heads=4),
    "gpt-589k": dict(width=80, layers=7, heads=8),
    "gpt-4.8m": dict(width=256, layers=6, heads=4),
    "gpt-35m": dict(width=512, layers=11, heads=8),
    "gpt-540m": dict(width=1536, layers=19, heads=24),
    "gpt-3b": dict(width=3072, layers=26, heads=32),
    "llama-62k": dict(block="llama", positions="rotary", width=48, hidden=128, layers=2, heads=4),
    "llama-631k": dict(block="llama", positions="rotary", width=80, hidden=216, layers=8, heads=4),
    "llama-6m": dict(block="llama", positions="rotary", width=288, hidden=768, layers=6, heads=6),
    "llama-60m": dict(block="llama", positions="rotary", width=640, hidden=1728, layers=12, heads=10),
    "llama-623m": dict(block="llama", positions="rotary", width=1536, hidden=4096, layers=22, heads=12),
    "llama-3b": dict(block="llama", positions="rotary", width=3072, hidden=8192, layers=26, heads=24),
}
"""The sizes of arXiv:2508.01191 v6, table 8, by name."""
