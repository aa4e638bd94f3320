"""The campaign: 200 seeded schedules, each of which must come to rest with the right bill and every invariant held."""

from __future__ import annotations

from pathlib import Path

import pytest

from cwportal.sandbox import Sandbox
from tests.campaign.campaign import run_schedule

SCHEDULES = 200
CHUNK = 2


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, SCHEDULES + 1, CHUNK))
def test_schedules(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + CHUNK):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with Sandbox() as sandbox:
            run_schedule(folder, sandbox, seed)
