"""The users of accounts read from the portal, in an order of our own and without holding them in memory (rule 15).

The portal is asked in the thread that plans or applies, never in one of its workers: a host may answer only where it was called.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO, BinaryIO, cast

from sqlalchemy import select

from cwportal.billing import users_file
from cwportal.billing.users_file import UploadedFile, UsersFile, UsersInput
from cwportal.errors import CWPortalError
from cwportal.models import LedgerDocument
from cwportal.portal import Account, User
from cwportal.runtime import Runtime

_IN_MEMORY = 2000
"""Users of one account that are sorted in memory; more are sorted in so many at a time and merged from temporary files."""
IN_A_ROW = 5
"""Accounts one after the other whose users cannot be read; then those of the others cannot be either."""
_SMALL = 64 * 1024
"""Bytes of a file that stay in memory."""


class Users:
    """All users of one account: `services` of all of them, and `sorted()` as often as needed. Close it when done."""

    def __init__(self, users: Iterable[User]) -> None:
        self._runs: list[IO[bytes]] = []
        self._last: list[bytes] = []
        self.count = 0
        services: set[str] = set()
        try:
            for user in users:
                mine = users_file.services_of(user)
                services.update(mine)
                self._add(user, mine)
        except BaseException:
            self.close()
            raise
        self._last.sort()
        self.services = tuple(sorted(services))

    def __enter__(self) -> Users:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary files."""
        for run in self._runs:
            run.close()

    def sorted(self) -> Iterator[User]:
        """The users by login; equal users give equal order, whatever order the portal gave them in."""
        for run in self._runs:
            run.seek(0)
        for line in heapq.merge(*self._runs, self._last):
            _, email, name, status, services = json.loads(line)
            yield User(email, name, status, tuple(services))

    def _add(self, user: User, services: tuple[str, ...]) -> None:
        row = (user.email.casefold(), user.email, user.display_name, user.status, services)
        self._last.append(json.dumps(row).encode() + b"\n")
        self.count += 1
        if len(self._last) >= _IN_MEMORY:
            run = TemporaryFile()  # noqa: SIM115 - closed by close()
            self._runs.append(run)
            run.writelines(sorted(self._last))
            self._last = []


def gather(
    runtime: Runtime, partner_id: str, tenant: str, accounts: Iterable[Account], *, exported: bool
) -> dict[str, UsersInput]:
    """Wanted and uploaded lists of these accounts; nothing where the partner does not export users.

    Where the source cannot read an account's users, its list is left as it is; nobody's lines wait for that. After several in a row it
    is not asked any more.
    """
    if not exported:
        return {}
    uploaded = _uploaded(runtime, partner_id, tenant)
    found, failed = {}, list[CWPortalError]()
    for account in accounts:
        wanted, mine = None, uploaded.get(account.id, (None, ()))
        if len(failed) < IN_A_ROW:
            try:
                with Users(runtime.source.users(partner_id, account.id)) as users:
                    wanted = _described(users, runtime.config.brand, account.name)
                failed = []
            except CWPortalError as error:
                failed.append(error)
        found[account.id] = UsersInput(wanted, *mine, unread="" if wanted is not None else unread(failed[-1]))
    return found


def unread(error: CWPortalError) -> str:
    """That the portal could not read the users of an account."""
    return (
        f"The list of users was not uploaded, because the portal could not read the account's users. {error} The agreement's lines are "
        "exported all the same. Start the export again later; if it stays, tell the portal's operator."
    )


def written(
    runtime: Runtime, partner_id: str, account_id: str, account_name: str, wanted: UsersFile
) -> BinaryIO | None:
    """The file to upload, made from the portal's users as they are now; None if it is no longer the one that was planned."""
    spool = cast(BinaryIO, SpooledTemporaryFile(_SMALL))  # noqa: SIM115 - closed by whoever uploads it
    try:
        sha256 = hashlib.sha256()
        with Users(runtime.source.users(partner_id, account_id)) as users:
            for piece in users_file.content(account_name, users.sorted(), users.services):
                sha256.update(piece)
                spool.write(piece)
    except BaseException:
        spool.close()
        raise
    if sha256.hexdigest() == wanted.sha256:
        return spool
    spool.close()
    return None


def uploaded_file(row: LedgerDocument) -> UploadedFile:
    """A file of ours as the core sees it."""
    return UploadedFile(row.cw_document_id, row.cw_agreement_id, row.file_name, row.rows, row.sha256)


def _described(users: Users, brand: str, account_name: str) -> UsersFile:
    sha256, size = hashlib.sha256(), 0
    for piece in users_file.content(account_name, users.sorted(), users.services):
        sha256.update(piece)
        size += len(piece)
    return UsersFile(
        file_name=users_file.file_name(brand),
        title=users_file.title(brand, account_name),
        rows=users.count,
        size=size,
        sha256=sha256.hexdigest(),
    )


def _uploaded(
    runtime: Runtime, partner_id: str, tenant: str
) -> dict[str, tuple[UploadedFile | None, tuple[UploadedFile, ...]]]:
    newest: dict[str, UploadedFile] = {}
    older: dict[str, list[UploadedFile]] = defaultdict(list)
    query = (
        select(LedgerDocument)
        .where(LedgerDocument.partner_id == partner_id, LedgerDocument.tenant == tenant)
        .order_by(LedgerDocument.id)
    )
    with runtime.database.read() as session:
        for row in session.scalars(query):
            if row.superseded:
                older[row.account_id].append(uploaded_file(row))
            else:
                newest[row.account_id] = uploaded_file(row)
    return {key: (newest.get(key), tuple(older[key])) for key in newest.keys() | older.keys()}
