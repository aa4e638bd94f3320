"""What a plan does about an account's list of users (rule 15)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cwportal.billing.account import plan_account
from cwportal.billing.users import plan_users
from cwportal.billing.users_file import UploadedFile, UsersFile, UsersInput
from cwportal.billing.values import Unconfirmed
from cwportal.vocabulary import Action, Kind, PlanState
from tests.billing.build import account, context, group

NEW = UsersFile("P users.csv", "P – users of A", 2, 100, "a" * 64)
OLD = UploadedFile(7, 1, "P users.csv", 3, "b" * 64)
SAME = replace(OLD, sha256=NEW.sha256)


def planned(users: UsersInput | None, **rights: Any) -> tuple[list[tuple[Action, dict[str, Any]]], list[str]]:
    changes, findings = plan_users(replace(account(), agreement_id=1, users=users), context(**rights))
    return [(change.action, dict(change.before)) for change in changes], [
        f"{one.code} {one.severity}" for one in findings
    ]


SHOWN = {"fileName": "P users.csv", "rows": 3, "sha256": "b" * 16}
LEFT = (Action.END, {"documentId": 7, **SHOWN})


@pytest.mark.parametrize(
    ("users", "changes"),
    [
        (None, []),
        (UsersInput(NEW), [(Action.CREATE, {})]),
        (UsersInput(replace(NEW, rows=0)), []),
        (UsersInput(NEW, OLD), [(Action.UPDATE, SHOWN)]),
        (UsersInput(replace(NEW, rows=0), OLD), [(Action.UPDATE, SHOWN)]),
        (UsersInput(NEW, SAME), []),
        (UsersInput(NEW, replace(SAME, agreement_id=2)), [(Action.CREATE, {**SHOWN, "sha256": "a" * 16})]),
        (UsersInput(NEW, SAME, (OLD,)), [LEFT]),
        (UsersInput(NEW, OLD, (OLD,)), [(Action.UPDATE, SHOWN)]),
    ],
)
def test_what_is_planned(users: UsersInput | None, changes: list[Any]) -> None:
    assert planned(users) == (changes, [])


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        (UsersInput(NEW), "There is no list of users yet"),
        (UsersInput(NEW, OLD), "The list changed since it was uploaded"),
        (UsersInput(NEW, replace(SAME, agreement_id=2)), "The account is on another agreement now"),
    ],
)
def test_the_reason_is_true(users: UsersInput, reason: str) -> None:
    (change,), _ = plan_users(replace(account(), agreement_id=1, users=users), context())
    assert change.reason == reason


def test_what_could_not_be_read_is_left_as_it_is() -> None:
    assert planned(UsersInput(None, OLD, (OLD,), unread="Not now.")) == ([], ["read_failed error"])


@pytest.mark.parametrize(
    ("users", "pair", "found"),
    [
        (UsersInput(NEW), (Kind.USERS, Action.CREATE), ["missing_right error"]),
        (UsersInput(NEW, OLD), (Kind.USERS, Action.UPDATE), ["missing_right error"]),
        (UsersInput(NEW, SAME), (Kind.USERS, Action.UPDATE), []),
        (UsersInput(NEW, SAME, (OLD,)), (Kind.USERS, Action.END), ["missing_right warning"]),
    ],
)
def test_missing_rights(users: UsersInput, pair: tuple[Kind, Action], found: list[str]) -> None:
    assert planned(users, rights={pair: "Company > Manage Attachments > X"}) == ([], found)


def test_the_lines_go_on_and_the_list_comes_last() -> None:
    value = replace(account([group(3)]), users=UsersInput(NEW))
    plan = plan_account(value, context())
    assert [change.kind for change in plan.changes] == [Kind.ADDITION, Kind.USERS]
    assert plan.state is PlanState.READY
    assert plan.digest != plan_account(replace(value, users=None), context()).digest
    other = replace(value, users=UsersInput(replace(NEW, sha256="c" * 64)))
    assert plan.digest != plan_account(other, context()).digest


def test_an_unconfirmed_upload_stops_only_the_list() -> None:
    lost = Unconfirmed("Not confirmed.", users=True)
    value = replace(account([group(3)]), users=UsersInput(NEW), unconfirmed=(lost,))
    plan = plan_account(value, context())
    assert [change.kind for change in plan.changes] == [Kind.ADDITION]
    assert [(one.code, one.severity) for one in plan.findings] == [("unconfirmed_write", "error")]
    assert plan.state is PlanState.READY
