"""What every command waits for before it begins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_neither_pages_nor_the_queue_are_loaded_for_a_command(tmp_path: Path) -> None:
    program = f"""
import os, sys
os.environ["CWPORTAL_INSTANCE"] = {str(tmp_path)!r}
from cwportal.cli import run
status = run(["runs", "--partner", "msp"])
print(status, *sorted({{"redis", "rq", "wtforms", "flask_login"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "2"
    assert "Run: cwportal init" in done.stderr
