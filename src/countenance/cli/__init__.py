"""The command line. `main` is the program `countenance`; each command calls the same services as the web."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from countenance.cli.main import run  # keeps the import of this package free

    sys.exit(run())
