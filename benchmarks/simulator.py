"""The simulator in a process of its own, over https with a certificate of a private authority (pyconnectwise speaks nothing else).

`python -m benchmarks.simulator FOLDER LATENCY` is that process; it ends when its standard input does.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import trustme

from cwportal.sandbox import Sandbox

PREFIXES = ("ours", "plain", "library")
"""Agreements by exporter, so that each meets the same: `ours` the whole workload, the naive ones their sample."""


class Simulator:
    """Starts with the block and ends with it. `latency`: seconds until a request is answered."""

    def __init__(self, folder: Path, latency: float) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        self.ca_bundle = str(folder / "authority.pem")
        self._folder = folder
        self._latency = latency
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = self.ca_bundle

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.simulator", str(self._folder), str(self._latency)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self.site = self._process.stdout.readline().strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
        self._process.communicate()

    def control(self, call: str, body: dict[str, Any]) -> Any:
        """One call of the simulator's control API."""
        answer = self._session.post(f"https://{self.site}/_sandbox/{call}", data=json.dumps(body), timeout=120)
        answer.raise_for_status()
        return answer.json()

    def seed(self, prefix: str, agreements: int) -> list[int]:
        """Companies with one empty agreement each; the agreements' ids."""
        ids: list[int] = []
        for start in range(0, agreements, 250):
            companies = [
                {
                    "identifier": f"{prefix}{number}",
                    "name": f"Company {prefix} {number}",
                    "agreements": [{"name": f"Agreement {prefix} {number}", "billingCycle": "Monthly"}],
                }
                for number in range(start, min(start + 250, agreements))
            ]
            seeded = self.control("seed", {"companies": companies})
            ids += [company["agreements"][0]["id"] for company in seeded["companies"]]
        return ids


def main() -> None:
    """Serve until standard input ends."""
    folder, latency = Path(sys.argv[1]), float(sys.argv[2])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with Sandbox(tls=context, latency=latency) as sandbox:
        print(sandbox.site, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
