"""Names of accounts, companies, agreements, products, partners and contacts that try to break out: harmless on every page and in every file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from html.parser import HTMLParser

import pytest

from cwportal.models import Run
from cwportal.sandbox import Sandbox
from cwportal.services import directory
from tests.walks import rich
from tests.walks.addresses import addresses, answers
from tests.walks.stage import PARTNER, Stage

_EMPTY = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "use", "wbr"]
)
_ISOLATES = frozenset({"bdi", "option", "title", "textarea", "select"})
_RIGHT_TO_LEFT = "\u202e"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A portal full of them."""
    with Sandbox() as sandbox:
        stage = Stage(tmp_path_factory.mktemp("nasty"), sandbox)
        try:
            rich.fill(stage)
            directory.refresh(stage.runtime, PARTNER)
            yield stage
        finally:
            stage.close()


@pytest.fixture(scope="module")
def paths(stage: Stage) -> list[str]:
    """Every address, and searches for each of the names."""
    with stage.runtime.database.read() as session:
        runs: list[object] = [run.id for run in session.query(Run).filter_by(partner_id=PARTNER)]
    found = addresses(stage.app, {"run_id": runs, "staff_id": [1], "account_id": [f"a{number}" for number in range(8)]})
    with stage.app.test_request_context():
        for name in (*rich.NASTY.values(), rich.LONGEST):
            found += [
                stage.app.url_for(endpoint, q=name)
                for endpoint in ("cwportal.mapping.page", "cwportal.mapping.companies")
            ]
            found += [stage.app.url_for("cwportal.log.page", run_id=runs[-1], q=name, text=name, account=name)]
    return found


class _Reader(HTMLParser):
    """Notes what a name has become, other than text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in _EMPTY:
            self.open.append(tag)
        names = dict(attributes)
        if tag == "nasty" or any("nasty" in name or name.startswith("on") or name == "style" for name in names):
            self.wrong.append(f"<{tag} {names}>")
        if tag == "script" and "src" not in names:
            self.wrong.append("an inline script")
        self.wrong += [f"{name}={text}" for name, text in attributes if (text or "").startswith("javascript:")]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if _RIGHT_TO_LEFT in data and not _ISOLATES & set(self.open):
            self.wrong.append(f"not isolated: {data.strip()[:80]!r} in {'>'.join(self.open[-4:])}")


def test_every_page(stage: Stage, paths: list[str]) -> None:
    wrong, seen = [], ""
    for path, answer in answers(stage.app, "ann@northwind.example", paths):
        assert answer.status_code < 400, (path, answer.status_code)
        if answer.mimetype == "text/html":
            reader = _Reader()
            reader.feed(answer.text)
            wrong += [f"{path}: {text}" for text in reader.wrong]
            seen += "".join(reader.text)
            assert "49" not in re.findall(r"\{?49\}?(?= ?\{% nasty)", answer.text), path  # 7*7, calculated
    assert not wrong, "\n".join(wrong)
    for name in (*rich.NASTY.values(), rich.LONGEST):
        assert name in seen, name


def test_every_file(stage: Stage, paths: list[str]) -> None:
    files, wrong = 0, []
    for path, answer in answers(stage.app, "ann@northwind.example", paths):
        if answer.mimetype == "text/csv":
            files += 1
            rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
            assert len({len(row) for row in rows}) == 1, path
            wrong += [f"{path}: {cell!r}" for row in rows for cell in row if _calculates(cell)]
    assert files >= 2
    assert not wrong, "\n".join(wrong)


def _calculates(cell: str) -> bool:
    """Whether a spreadsheet would take the cell for a formula. A negative number is none."""
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return False
    try:
        Decimal(cell)
    except InvalidOperation:
        return True
    return False
