"""`python -m cwportal.sandbox` serves until it is stopped, and keeps its state."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import requests


def test_serves_until_interrupted(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    command = [sys.executable, "-m", "cwportal.sandbox", "--port", "0", "--state", str(state), "--cloud"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            match = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert match is not None
            requests.post(f"{match[0]}/_sandbox/seed", json={"companies": [{"name": "Kept"}]}, timeout=60)
            assert requests.get(f"{match[0]}/_sandbox/variant", timeout=60).json()["cloud"] is True
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert "Kept" in state.read_text()


def test_help_names_the_options() -> None:
    command = [sys.executable, "-m", "cwportal.sandbox", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for option in ("--port", "--state", "--latency", "--cloud", "--rate-per-minute"):
        assert option in text
