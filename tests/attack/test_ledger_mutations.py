"""The same as in `tests/threats`, ten times over: thousands of changes, and hundreds of forks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHANGES = "6800"


def test_thousands_of_changes_to_a_ledger_are_noticed_by_both_verifiers() -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-s",
            "-n",
            "0",
            "tests/threats/test_ledger_mutations.py",
        ],
        cwd=ROOT,
        env={**os.environ, "LEDGER_CHANGES": CHANGES},
        capture_output=True,
        text=True,
        check=False,
    )
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout
