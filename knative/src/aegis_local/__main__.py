"""`python -m aegis_local` is the command `aegis-local`."""

import sys

from aegis_local.cli import main

if __name__ == "__main__":
    sys.exit(main())
