"""What happens to the list of users of one account (rule 15). It never stands in the way of the account's lines."""

from __future__ import annotations

from typing import Any

from cwportal.billing.findings import finding
from cwportal.billing.users_file import UploadedFile, UsersFile, UsersInput
from cwportal.billing.values import AccountInput, Change, Context, Finding
from cwportal.vocabulary import Action, Effect, Kind, Severity

_SHOWN = 16
"""Characters of a sha256 that are shown; enough to see a change."""


def plan_users(account: AccountInput, context: Context) -> tuple[list[Change], list[Finding]]:
    """Upload the list if its content is new, delete what is left of older ones. Nothing where users are not exported."""
    users = account.users
    if users is None:
        return [], []
    waiting = [
        finding("unconfirmed_write", one.message, severity=Severity.ERROR, effect=Effect.NONE)
        for one in account.unconfirmed
        if one.users
    ]
    if waiting:
        return [], waiting
    if users.wanted is None:
        return [], [not_uploaded(users.unread)]
    action = _wanted(users.wanted, users.uploaded, account.agreement_id)
    if action is None:
        return _leftover(users, context)
    right = context.missing_rights.get((Kind.USERS, action))
    if right is not None:
        return [], [cannot_upload(right)]
    before = shown(users.uploaded) if users.uploaded else {}
    if action is Action.UPDATE:
        reason = "The list changed since it was uploaded"
    else:
        reason = "The account is on another agreement now" if users.uploaded else "There is no list of users yet"
    return [Change(Kind.USERS, action, "", reason, before, shown(users.wanted))], []


def shown(file: UsersFile | UploadedFile) -> dict[str, Any]:
    """A file as changes show it."""
    return {"fileName": file.file_name, "rows": file.rows, "sha256": file.sha256[:_SHOWN]}


def shown_document(file: UploadedFile) -> dict[str, Any]:
    """A file that is to be deleted."""
    return {"documentId": file.document_id, **shown(file)}


def cannot_upload(right: str) -> Finding:
    """The role may not upload; the account's lines are exported all the same."""
    return finding(
        "missing_right",
        f"The list of users was not uploaded, because the right {right} is missing. The agreement's lines are exported all the "
        "same. Grant the right in ConnectWise, or deselect Users.",
        effect=Effect.NONE,
    )


def cannot_delete(right: str) -> Finding:
    """The role may not delete; the older list stays beside the new one until it may."""
    return finding(
        "missing_right",
        f"An older list of users stays on the agreement beside the new one, because the right {right} is missing. The next "
        "exports try again. Grant the right in ConnectWise.",
        severity=Severity.WARNING,
        effect=Effect.NONE,
    )


def not_uploaded(why: str) -> Finding:
    """The list could not be made or sent."""
    return finding("read_failed", why, severity=Severity.ERROR, effect=Effect.NONE)


def _wanted(wanted: UsersFile, uploaded: UploadedFile | None, agreement_id: int | None) -> Action | None:
    if uploaded is None:
        return Action.CREATE if wanted.rows else None
    if uploaded.agreement_id != agreement_id:
        return Action.CREATE
    return None if uploaded.sha256 == wanted.sha256 else Action.UPDATE


def _leftover(users: UsersInput, context: Context) -> tuple[list[Change], list[Finding]]:
    right = context.missing_rights.get((Kind.USERS, Action.END))
    if users.leftover and right is not None:
        return [], [cannot_delete(right)]
    return [
        Change(Kind.USERS, Action.END, "", DELETE_REASON, shown_document(file), {"documentId": None})
        for file in users.leftover
    ], []


DELETE_REASON = "A newer list of users has taken its place"
