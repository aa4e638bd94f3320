"""A worker process like `cwportal worker`, over the portal data that a test has left in the instance folder.

`python -m tests.jobs.process [--burst]`, configured by the environment.
"""

from __future__ import annotations

import logging
import pickle
import sys
from functools import partial
from pathlib import Path

from cwportal.config import Config
from cwportal.db import Database
from cwportal.dev import valkey
from cwportal.jobs import worker
from cwportal.runtime import Runtime
from tests.support.portal import MemorySource

SOURCE = "source.pickle"


def leave(folder: Path, source: MemorySource) -> None:
    """For processes that start from now on."""
    (folder / SOURCE).write_bytes(pickle.dumps(source))


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    config = Config.load()
    source = pickle.loads((config.instance / SOURCE).read_bytes())  # noqa: S301 (our own file)
    runtime = Runtime(config, Database(config.url), source, broker=partial(valkey.ensure, config.instance))
    worker.serve(runtime, burst="--burst" in sys.argv)
    runtime.database.dispose()


if __name__ == "__main__":
    main()
