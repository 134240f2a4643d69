"""How a command fails."""

import subprocess
import sys

FAULT = """
from dlt.errors import DltError
from dlt.process import run_main

def main():
    raise DltError("shop\\x1b[2J/p\\u00e4ge: one\\n  two")

run_main("ingest", main)
"""


def test_a_fault_is_told_without_what_a_terminal_would_obey() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "ingest: shop\\x1b[2J/p\u00e4ge: one\n  two\n"
