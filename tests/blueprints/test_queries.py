"""No page asks more of the database when there is more in it: every GET route of the plugin, with 30 accounts and with 300."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.blueprints.portal import MINE, PREFIX, WHEN, Portal, opened
from tests.support.volume import Filled, Volume, fill

SMALL, LARGE = Volume(30, 4, 60, 12), Volume(300, 4, 600, 60)
STATEMENTS = {
    # endpoint: (path, most statements that the whole request may send, those of the portal's own tables included)
    "cwportal.exports.status": ("/", 32),
    "cwportal.exports.progress": ("/exports/{running}/progress", 9),
    "cwportal.log.page": ("/exports/{export}", 18),
    "cwportal.log.csv": ("/exports/{export}/log.csv", 11),
    "cwportal.preview.latest": ("/preview", 5),
    "cwportal.preview.page": ("/preview/{preview}", 24),
    "cwportal.preview.progress": ("/preview/{running}/progress", 9),
    "cwportal.mapping.page": ("/mapping", 34),
    "cwportal.mapping.companies": ("/mapping/companies?q=company+1", 20),
    "cwportal.mapping.wizard": ("/connect/mapping", 34),
    "cwportal.settings.page": ("/settings", 16),
    "cwportal.settings.next_export": ("/settings/next", 4),
    "cwportal.settings.wizard": ("/connect/settings", 16),
    "cwportal.settings.credentials": ("/settings/credentials", 9),
    "cwportal.wizard.entry": ("/start", 6),
    "cwportal.wizard.credentials": ("/connect/credentials", 9),
    "cwportal.disable.page": ("/disable", 18),
    "cwportal.disable.csv": ("/disable/lines.csv", 8),
}


@contextmanager
def _filled(folder: Path, template: Path, volume: Volume) -> Iterator[tuple[Portal, Filled]]:
    folder.mkdir()
    shutil.copy(template, folder / template.name)
    with opened(folder) as portal:
        yield portal, fill(portal.runtime, portal.own.engine, MINE, volume, WHEN)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory, template: Path) -> dict[str, list[int]]:
    """Endpoint -> statements with few accounts, and with many."""
    found: dict[str, list[int]] = {endpoint: [] for endpoint in STATEMENTS}
    for name, volume in (("small", SMALL), ("large", LARGE)):
        with _filled(tmp_path_factory.mktemp("volume") / name, template, volume) as (portal, ids):
            client, asked = portal.client("admin"), list[str]()

            def note(*args: object, asked: list[str] = asked) -> None:
                if not str(args[2]).startswith("BEGIN"):
                    asked.append(str(args[2]))

            for engine in {portal.runtime.database.engine, portal.own.engine}:
                event.listen(engine, "before_cursor_execute", note)
            for endpoint, (path, _) in STATEMENTS.items():
                where = PREFIX + path.format(export=ids.export, preview=ids.preview, running=ids.running)
                asked.clear()
                with client.get(where) as answer:
                    assert answer.status_code < 400, (endpoint, answer.status_code)
                    assert answer.data is not None
                found[endpoint].append(len(asked))
    return found


def test_the_table_has_every_route(portal: Portal) -> None:
    rules = portal.app.url_map.iter_rules()
    ours = {rule.endpoint for rule in rules if rule.endpoint.startswith("cwportal.") and "GET" in (rule.methods or ())}
    assert ours == set(STATEMENTS)


@pytest.mark.parametrize("endpoint", STATEMENTS)
def test_statements_are_few_and_do_not_grow(counted: dict[str, list[int]], endpoint: str) -> None:
    small, large = counted[endpoint]
    assert large <= STATEMENTS[endpoint][1]
    assert large <= small + 2  # a second page more or less, not one for each account
