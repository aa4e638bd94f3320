"""The state file: everything comes back, writes are atomic, foreign files are refused."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest

from cwportal.sandbox import Sandbox
from cwportal.sandbox.inspect import state
from cwportal.sandbox.jsonio import dumps, loads

from .conftest import SEED
from .support import Api


def test_everything_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    with Sandbox(state_path=path) as first:
        first.seed(SEED)
        first.seed({"tenant": "msp2", "codebase": "v2026_2", "companies": [{"name": "Other"}]})
        first.tenant().edit({"kind": "member", "identifier": "portalexport", "set": {"revoked": True}})
        api = Api(first)
        api.patch("finance/agreements/1/additions/1", unitPrice="0.1234")
        data = {"recordType": "Agreement", "recordId": "1"}
        api.call("POST", "system/documents", data=data, files={"file": ("a.csv", b"\xff\x00a")})
        made = api.post("finance/agreements/1/additions", {"product": {"id": 1}, "billCustomer": "Billable"})
        api.delete(f"finance/agreements/1/additions/{made['id']}")
        api.close()
        before = [state(tenant) for tenant in first.tenants.values()]
    with Sandbox(state_path=path) as second:
        after = [state(tenant) for tenant in second.tenants.values()]
        for one, other in zip(before, after, strict=True):
            for part in (one, other):
                part["all"] = dumps(part).replace(first.url, "").replace(second.url, "")
            assert one["all"] == other["all"]
        assert second.tenant().additions(1)[0]["unitPrice"] == Decimal("0.1234")
        api = Api(second)
        assert api.call("GET", "system/documents/1/download").content == b"\xff\x00a"
        fresh = api.post("finance/agreements/1/additions", {"product": {"id": 1}, "billCustomer": "Billable"})
        assert fresh["id"] > made["id"], "a deleted id is not given out again after a restart"
        api.close()


def test_saved_while_running(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with Sandbox(state_path=path) as sandbox:
        sandbox.seed({"companies": [{"name": "Saved"}]})
        deadline = time.monotonic() + 60
        while not (path.exists() and "Saved" in path.read_text()):
            assert time.monotonic() < deadline, "the state was not saved"
            time.sleep(0.05)
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_what_was_answered_is_saved(tmp_path: Path) -> None:
    """A simulator that is killed has lost nothing that its client knows of: the portal would look for it in vain."""
    path = tmp_path / "state.json"
    with Sandbox(state_path=path) as sandbox:
        sandbox.seed(SEED)
        api = Api(sandbox)

        def there() -> list[object]:
            (saved,) = loads(path.read_text())["tenants"]
            return [row[1].get("quantity") for row in saved["tables"]["addition"]["rows"] if row[0] == made["id"]]

        made = api.post("finance/agreements/1/additions", {"product": {"id": 1}, "billCustomer": "Billable"})
        assert len(there()) == 1
        for quantity in (5, 7):
            api.patch(f"finance/agreements/1/additions/{made['id']}", quantity=quantity)
            assert there() == [quantity]
        api.delete(f"finance/agreements/1/additions/{made['id']}")
        assert there() == []
        api.close()


def test_a_sandbox_that_never_started_leaves_no_threads(tmp_path: Path) -> None:
    Sandbox(state_path=tmp_path / "state.json").close()


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense"])
def test_foreign_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"state file|Expecting"):
        Sandbox(state_path=path)
    assert path.read_text() == content
