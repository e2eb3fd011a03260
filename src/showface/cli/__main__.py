"""`python -m showface.cli`: the installed command `showface`, also from a source tree that is not installed."""

from __future__ import annotations

import sys

from showface.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
