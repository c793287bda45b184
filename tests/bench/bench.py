"""Runs `task bench`. Python looks in this folder first, where `bench` would be this file: it shall be the package."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench.cli import main  # noqa: E402  # found only by the path that was just set

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
