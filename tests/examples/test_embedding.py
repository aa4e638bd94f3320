"""docs/embedding.md does what it says: its commands are run, one after the other, as they stand there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.examples.conftest import HOST, LINES, ROOT, Host

PAGE = ROOT / "docs" / "embedding.md"


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    """The example's default."""
    return f"sqlite:///{tmp_path / 'plain_host.sqlite'}"


def test_every_command_of_the_page(host: Host) -> None:
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    assert commands.count("flask cwportal") == 10
    for name in ("CWPORTAL_ALLOWED_SITES", "CWPORTAL_PRIVATE_KEY", "PLAIN_HOST_PASSWORD"):
        del host.env[name]
    done = subprocess.run(
        ["bash", "-euxc", commands.replace("127.0.0.1:8780", host.sandbox.site)],
        cwd=HOST,
        env=host.env,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.lines() == LINES


def test_what_is_shown_of_the_example_stands_in_it() -> None:
    (mounting,) = re.findall(r"^    db\.init_app.*?^    \)$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    code = (HOST / "plain_host" / "__init__.py").read_text()
    assert len(mounting.splitlines()) > 10
    assert all(line.strip() in code for line in mounting.splitlines())
