"""`python -m alchemy` is the command `alchemy`."""

import sys

from alchemy.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
