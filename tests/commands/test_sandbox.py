"""`cwportal sandbox`: faults and variants are switched on from the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request

import pytest

COMMAND = [sys.executable, "-m", "cwportal", "sandbox", "--port", "0"]


def test_faults_and_variants_from_the_command_line() -> None:
    options = ["--fault", "error_after:POST:additions:times=2:skip=1", "--variant", "round_money=2", "--seed", "7"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found is not None
            with urllib.request.urlopen(f"{found[0]}/_sandbox/faults") as answer:
                (rule,) = json.load(answer)
            with urllib.request.urlopen(f"{found[0]}/_sandbox/variant") as answer:
                variant = json.load(answer)
        finally:
            process.terminate()
            process.wait(60)
    assert (rule["kind"], rule["times"], rule["skip"]) == ("error_after", 2, 1)
    assert variant["round_money"] == 2


@pytest.mark.parametrize(
    "options", [["--fault", "nonsense:POST:additions"], ["--fault", "latency"], ["--variant", "colour=red"]]
)
def test_what_it_does_not_understand(options: list[str]) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "does not understand" in done.stderr
