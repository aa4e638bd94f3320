"""Requests held at a point, so that a test can look, or kill its client, in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from cwportal.sandbox import Sandbox, barriers

from .support import Api, Control

LINES = "finance/agreements/1/additions"
BODY = {"product": {"id": 1}, "billCustomer": "Billable", "quantity": 9}


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def count(sandbox: Sandbox) -> int:
    return len(sandbox.tenant().tables["addition"].children[1])


class Background:
    """A POST in a thread of its own."""

    def __init__(self, api: Api, timeout: float = 60) -> None:
        self.outcome: Any = None
        self._api, self._timeout = api, timeout
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self._api.call("POST", LINES, json=BODY, timeout=self._timeout).status_code
        except requests.RequestException as error:
            self.outcome = type(error)

    def result(self) -> Any:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.outcome


@pytest.mark.parametrize(("point", "done"), [("before", 0), ("after", 1)])
def test_hold_and_release(sandbox: Sandbox, api: Api, control: Control, point: str, done: int) -> None:
    control.post("barriers", {"name": "b", "match": {"method": "POST", "path": "additions"}, "point": point})
    posted = Background(api)
    until(lambda: control.get("barriers")[0]["waiting"] == 1)
    (state,) = control.get("barriers")
    assert (state["name"], state["point"], state["held"][0]["method"]) == ("b", point, "POST")
    assert count(sandbox) == 2 + done
    assert posted.outcome is None
    assert control.post("barriers/release", {"name": "b"}) == {"released": 1}
    assert posted.result() == 201
    assert count(sandbox) == 3
    assert control.get("barriers") == []


@pytest.mark.parametrize(("point", "done"), [("before", 0), ("after", 1)])
def test_drop(sandbox: Sandbox, api: Api, control: Control, point: str, done: int) -> None:
    control.post("barriers", {"name": "b", "match": {"method": "POST"}, "point": point})
    posted = Background(api)
    until(lambda: control.get("barriers")[0]["waiting"] == 1)
    control.post("barriers/release", {"name": "b", "drop": True})
    assert posted.result() is requests.ConnectionError
    assert count(sandbox) == 2 + done


def test_a_killed_client_and_then_release(sandbox: Sandbox, api: Api, control: Control) -> None:
    control.post("barriers", {"name": "b", "match": {"method": "POST"}, "point": "before"})
    posted = Background(api, timeout=0.3)
    assert posted.result() is requests.ReadTimeout
    assert control.get("barriers")[0]["waiting"] == 1
    assert count(sandbox) == 2
    control.post("barriers/release", {"name": "b"})
    until(lambda: count(sandbox) == 3)


def test_times_lets_later_requests_pass(api: Api, control: Control) -> None:
    control.post("barriers", {"name": "b", "match": {"method": "POST"}, "times": 1})
    first = Background(api)
    until(lambda: control.get("barriers")[0]["waiting"] == 1)
    other = Api(api.sandbox)
    assert other.call("POST", LINES, json=BODY).status_code == 201
    other.close()
    control.post("barriers/release")
    assert first.result() == 201


def test_others_are_not_held(api: Api, control: Control) -> None:
    control.post("barriers", {"name": "b", "match": {"method": "POST", "path": "catalog"}})
    assert api.call("POST", LINES, json=BODY).status_code == 201


@pytest.mark.parametrize(("point", "status", "done"), [("before", requests.ConnectionError, 0), ("after", 201, 1)])
def test_nothing_is_held_for_ever(
    sandbox: Sandbox,
    api: Api,
    control: Control,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    status: Any,
    done: int,
) -> None:
    monkeypatch.setattr(barriers, "LONGEST", 0.3)
    control.post("barriers", {"name": "b", "match": {"method": "POST"}, "point": point})
    assert Background(api).result() == status
    assert count(sandbox) == 2 + done


def test_closing_the_sandbox_frees_what_is_held() -> None:
    before = set(threading.enumerate())
    with Sandbox() as sandbox:
        sandbox.seed({"catalog": [], "companies": [{"name": "A", "agreements": [{"name": "A"}]}]})
        Control(sandbox).post("barriers", {"name": "b", "match": {"method": "POST"}})
        api = Api(sandbox)
        posted = Background(api)
        until(lambda: Control(sandbox).get("barriers")[0]["waiting"] == 1)
    assert posted.result() is requests.ConnectionError
    assert set(threading.enumerate()) <= before, "it would be held for a minute"
    api.close()


@pytest.mark.parametrize(
    "given",
    [{}, {"name": ""}, {"name": "b", "point": "during"}, {"name": "b", "times": 0}, {"name": "b", "match": {"x": "y"}}],
)
def test_wrong_barriers_are_refused(control: Control, given: dict[str, Any]) -> None:
    assert control.refused("barriers", given)
