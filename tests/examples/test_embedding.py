"""docs/embedding.md does what it says: its commands are run, one after the other, as they stand there."""

from __future__ import annotations

import inspect
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from cwportal.plugin import CWPortal
from cwportal.sandbox import Sandbox
from tests.examples.conftest import HOST, LINES, ROOT, Host

PAGE = ROOT / "docs" / "embedding.md"


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    """The example's default."""
    return f"sqlite:///{tmp_path / 'plain_host.sqlite'}"


@pytest.fixture
def sandbox_site() -> Iterator[Sandbox]:
    """A simulator for a portal of the test's own."""
    with Sandbox() as sandbox:
        yield sandbox


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


def test_the_smallest_portal_of_the_page(tmp_path: Path, sandbox_site: Sandbox) -> None:
    (portal,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (commands,) = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "portal.py").write_text(portal)
    (tmp_path / "mapping.csv").write_text((HOST / "mapping.csv").read_text())
    keys = f"--site {sandbox_site.url} --company-id training --public-key ExportPublicKey1"
    more = (
        f"CWPORTAL_PRIVATE_KEY=ExportPrivateKey flask cwportal connect --partner acme {keys}",
        "flask cwportal settings --partner acme --agreement-type 1",
        "flask cwportal map import mapping.csv --partner acme",
        "flask cwportal export --partner acme",
    )
    host = Host(tmp_path / "instance", "", sandbox_site)
    done = subprocess.run(
        ["bash", "-euxc", commands.replace("127.0.0.1:8780", sandbox_site.site) + "\n".join(more)],
        cwd=tmp_path,
        env={name: value for name, value in host.env.items() if not name.startswith(("CWPORTAL_", "PLAIN_HOST_"))},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row[0] for row in host.lines()] == [5, 12]
    assert "All of it: flask cwportal log 1" in done.stdout
    assert stat.S_IMODE((tmp_path / "instance").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "instance" / "cwportal.sqlite").stat().st_mode) == 0o600


def test_the_policy_of_the_page_is_the_one_that_is_sent(app: Flask) -> None:
    policy = app.test_client().get("/integration/connectwise/").headers["Content-Security-Policy"]
    assert f"    {policy}\n" in PAGE.read_text()


def test_every_parameter_is_explained() -> None:
    for name in inspect.signature(CWPortal).parameters:
        assert f"| `{name}` |" in PAGE.read_text(), name
