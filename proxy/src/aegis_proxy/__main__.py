"""`python -m aegis_proxy`."""

import sys

from aegis_proxy.cli import main

sys.exit(main())
