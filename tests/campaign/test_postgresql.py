"""A part of the campaign on PostgreSQL: what another database could change is how processes keep out of each other's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from cwportal.sandbox import Sandbox
from tests.campaign.campaign import run_schedule
from tests.campaign.test_fault_matrix import WRITES, come_right
from tests.support.databases import PostgreSQL

SCHEDULES = 20
CHUNK = 5
LOST = ("error_after", "close_after", "hang_after", "commit_late", "rate_limit_json")
"""Faults after which it is the database that knows what was sent."""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1001, 1001 + SCHEDULES, CHUNK))
def test_schedules(first: int, tmp_path: Path, postgresql: PostgreSQL) -> None:
    for seed in range(first, first + CHUNK):
        with Sandbox() as sandbox:
            run_schedule(tmp_path, sandbox, seed, CWPORTAL_DATABASE_URL=postgresql.create(migrated=True))


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("kind", LOST)
def test_fault(kind: str, write: str, tmp_path: Path, postgresql: PostgreSQL) -> None:
    come_right(kind, write, tmp_path, CWPORTAL_DATABASE_URL=postgresql.create(migrated=True))
