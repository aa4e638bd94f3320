"""A supervisor as a process of its own: `python -m tests.dev.supervised INSTANCE PROGRAMS-AS-JSON`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cwportal.dev.claims import Port
from cwportal.dev.supervisor import Patience, Program, Supervisor
from cwportal.errors import CWPortalError


def main() -> int:
    programs = []
    for given in json.loads(sys.argv[2]):
        ports = [Port(number, "make run PORT=5001") for number in given.pop("ports", ())]
        marker = given.pop("ready", None)
        ready = Path(marker).exists if marker else None
        programs.append(Program(**given, ports=ports, ready=ready))
    supervisor = Supervisor(Path(sys.argv[1]), programs, patience=Patience(first=0.05, deaths=4))
    try:
        supervisor.run(started=lambda: print("everything is up", flush=True))
    except CWPortalError as error:
        print(error, flush=True)
        return error.exit_code
    print("bye", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
