"""`python -m alchemy`, and the command `alchemy`: Ctrl-C while Python still imports ends the process without a word."""

from __future__ import annotations

import signal
import sys


def start() -> int:
    """Run one command; returns its exit code."""
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from alchemy.cli.main import main

    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = main()
    if is_heard:  # nothing is under way any more
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return code


if __name__ == "__main__":
    sys.exit(start())
