"""`python -m alchemy`, and the command `alchemy`: Ctrl-C while Python still imports ends the process without a word.

Streams that a shell closes, as `>&-` does, lead nowhere.
"""

from __future__ import annotations

import os
import signal
import sys


def start() -> int:
    """Run one command; returns its exit code."""
    _open_streams()
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


def _open_streams() -> None:
    """Open the standard streams that are closed, so that no file which a command writes is taken for one of them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), mode))  # noqa: SIM115  the process's own


if __name__ == "__main__":
    sys.exit(start())
