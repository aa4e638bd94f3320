"""What is typed in the wizard before anything is active: one draft a partner, shared by all its administrators."""

from __future__ import annotations

import secrets
from collections.abc import Mapping as Given
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from cwportal.errors import UsageError
from cwportal.models import Connection, Mapping, MappingDraft
from cwportal.models import Draft as Row
from cwportal.runtime import Runtime
from cwportal.services import audit, credentials, draft_keys, settings, settings_typed, way_in
from cwportal.services.credentials import Proven, Typed
from cwportal.services.way_in import WayIn

CREDENTIALS, SETTINGS, MAPPING = 1, 2, 3
"""The steps."""
_OF_ONE_CONNECTWISE = ("agreement_type_id", "product_type_id", "product_category_id", "product_subcategory_id")
"""Settings that are ids of a ConnectWise, and mean nothing in another one."""


class Connected(UsageError):
    """There is an active connection: the wizard is over."""


class NotBegun(UsageError):
    """There is no draft (any more): somebody finished, or started over."""


class Outdated(UsageError):
    """Somebody else has changed the draft since the page was loaded; `by` and `at` tell who and when."""

    def __init__(self, by: str, at: datetime) -> None:
        super().__init__(f"{by} has changed this in the meantime.")
        self.by, self.at = by, at


class Unfinished(UsageError):
    """Finish is not possible yet; `step` is where something is to be done. `problems`: setting -> sentence, where that is why."""

    def __init__(self, step: int, sentence: str, problems: Given[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.step, self.problems = step, dict(problems or {})


@dataclass(frozen=True, slots=True)
class Draft:
    """What is kept. The private key is not here, only whether there is one."""

    version: int
    step: int
    site: str
    company_id: str
    public_key: str
    has_private_key: bool
    tested: bool
    settings: Given[str, Any]
    not_before: datetime | None
    changed_at: datetime
    changed_by: str

    @property
    def resume(self) -> int:
        """The step to go on with: credentials that were changed and not tested come first."""
        return self.step if self.tested else CREDENTIALS

    def may_open(self, step: int) -> bool:
        """Whether the step can be opened yet."""
        return step <= self.resume


def get(runtime: Runtime, partner_id: str) -> Draft | None:
    """The partner's draft, None where nobody has begun or all is done."""
    active = exists().where(Connection.partner_id == Row.partner_id, Connection.active)
    with runtime.database.read() as session:
        row = session.scalar(select(Row).where(Row.partner_id == partner_id, ~active))
        return None if row is None else _of(runtime, row)


def begin(runtime: Runtime, partner_id: str, *, actor: str) -> Draft:
    """The draft, an empty one if there was none. Raises Connected."""
    with runtime.database.write() as session:
        present = way_in.locked(session, partner_id)
        _refuse_if_active(present)
        row = present.draft
        if row is None:
            row = Row(
                partner_id=partner_id,
                version=secrets.randbelow(10**8),  # a page of a former draft must not pass for one of this
                step=CREDENTIALS,
                site="",
                company_id="",
                public_key="",
                private_key="",
                key_by="",
                tested=False,
                settings={},
                not_before=None,
            )
            session.add(row)
            _touch(runtime, row, actor)
            audit.record(session, runtime, partner_id, actor, "wizard_begun")
        return _of(runtime, row)


def start_over(runtime: Runtime, partner_id: str, *, actor: str) -> None:
    """Forget everything that was typed, also the keys, and switch Export off. Raises Connected: then there is nothing to start over."""
    with runtime.database.write() as session:
        present = way_in.locked(session, partner_id)
        _refuse_if_active(present)
        row, connection = present.draft, present.connection
        if row is None:
            return
        session.delete(row)
        if connection is not None:
            session.delete(connection)
            session.execute(update(Mapping).where(Mapping.partner_id == partner_id).values(export=False))
            session.execute(delete(MappingDraft).where(MappingDraft.partner_id == partner_id))
        audit.record(session, runtime, partner_id, actor, "wizard_started_over")


def keep_credentials(runtime: Runtime, partner_id: str, typed: Typed, *, version: int, actor: str) -> Draft:
    """Keep what was typed in step 1, also what is wrong; an empty private key keeps the one that is there.

    What differs from what was tested is not tested any more. Raises Connected, NotBegun, Outdated, and KeyNeeded: a private key that
    somebody else has typed, or that ConnectWise has accepted already, is not sent to another site.
    """
    typed = typed.stripped()
    with runtime.database.write() as session:
        row = _locked(session, partner_id, version)
        before = draft_keys.read(runtime, row)
        private_key = typed.private_key or before.private_key
        if before.private_key and not typed.private_key and (row.key_by != actor or row.tested):
            draft_keys.refuse_elsewhere(runtime, row, typed.site)
        after = Typed(typed.site, typed.company_id, typed.public_key, private_key)
        if after != before:
            row.site, row.company_id = typed.site, typed.company_id
            row.public_key = draft_keys.encrypted(runtime, partner_id, typed.public_key)
            row.private_key = draft_keys.encrypted(runtime, partner_id, private_key)
            row.key_by = actor if typed.private_key else row.key_by
            row.tested = False
            if typed.site != before.site:
                row.not_before = None
            _touch(runtime, row, actor)
        return _of(runtime, row)


def typed(runtime: Runtime, partner_id: str) -> Typed:
    """The credentials with both keys, to be tested. Never show them. Raises NotBegun."""
    with runtime.database.read() as session:
        row = session.get(Row, partner_id)
        if row is None:
            raise _not_begun()
        return draft_keys.read(runtime, row)


def accept(runtime: Runtime, partner_id: str, proven: Proven, *, version: int, actor: str) -> bool:
    """ConnectWise has accepted the credentials of this version: they become the partner's inactive connection.

    Returns whether that is another ConnectWise than before; then choices that belong to the former one are let go.
    Raises Connected, NotBegun, Outdated.
    """
    with runtime.database.write() as session:
        row = _locked(session, partner_id, version)
        before = credentials.keep(session, runtime, partner_id, proven, active=False, actor=actor)
        moved = before is not None and before != proven.tenant
        if moved:
            row.settings = {name: value for name, value in row.settings.items() if name not in _OF_ONE_CONNECTWISE}
            row.step = SETTINGS
        row.tested, row.not_before = True, None
        row.step = max(row.step, SETTINGS)
        _touch(runtime, row, actor)
        audit.record(
            session, runtime, partner_id, actor, "wizard_tested", site=proven.site, company_id=proven.company_id
        )
        return moved


def leave_alone(runtime: Runtime, partner_id: str, seconds: float) -> None:
    """ConnectWise asks to be left alone for a while: the wizard does not ask it again before that."""
    with runtime.database.write() as session:
        row = way_in.locked(session, partner_id).draft
        if row is not None:
            row.not_before = runtime.clock() + timedelta(seconds=seconds)


def keep_settings(
    runtime: Runtime,
    partner_id: str,
    given: Given[str, str | list[str]],
    *,
    actor: str,
    version: int | None = None,
    done: bool = False,
) -> Draft:
    """Keep what was typed in step 2 (field of `settings.Chosen` -> text, or several), also what is wrong.

    `done`: it was checked and step 3 can be opened; False closes step 3 again until it is.
    Raises Connected, NotBegun, Outdated (where a version is given).
    """
    with runtime.database.write() as session:
        row = _locked(session, partner_id, version)
        typed_now = {name: list(value) if isinstance(value, list) else value for name, value in given.items()}
        step = MAPPING if done else SETTINGS
        if row.settings != typed_now or row.step != step:
            row.settings = typed_now
            if row.step > CREDENTIALS:
                row.step = step
            _touch(runtime, row, actor)
        return _of(runtime, row)


def finish(runtime: Runtime, partner_id: str, *, actor: str) -> None:
    """Everything at once: settings are stored, the connection becomes active, the draft is gone.

    Raises Connected (somebody has finished already), NotBegun, Unfinished.
    """
    with runtime.database.write() as session:
        row = _locked(session, partner_id, None)
        connection = way_in.locked(session, partner_id).connection
        if connection is None or not _of(runtime, row).tested:
            raise Unfinished(CREDENTIALS, "The credentials were changed and not tested yet. Test them in step 1 first.")
        if row.step < MAPPING:
            raise Unfinished(SETTINGS, "The settings are not complete yet. Look through step 2 and press Next there.")
        try:
            settings.update_in(session, runtime, partner_id, settings_typed.flat(row.settings), actor=actor)
        except settings_typed.BadSettings as error:
            raise Unfinished(SETTINGS, str(error), error.problems) from error
        connection.active = True
        connection.connected_at = runtime.clock()
        session.delete(row)
        audit.record(
            session, runtime, partner_id, actor, "connect", site=connection.site, company_id=connection.company_id
        )


def _locked(session: Session, partner_id: str, version: int | None) -> Row:
    present = way_in.locked(session, partner_id)
    _refuse_if_active(present)
    row = present.draft
    if row is None:
        raise _not_begun()
    if version is not None and version != row.version:
        raise Outdated(row.changed_by, row.changed_at)
    return row


def _refuse_if_active(present: WayIn) -> None:
    if present.connection is not None and present.connection.active:
        raise Connected("ConnectWise is connected already; what was typed here was not needed any more.")


def _not_begun() -> NotBegun:
    return NotBegun("Nothing is kept here any more: somebody has started over. Begin again with step 1.")


def _touch(runtime: Runtime, row: Row, actor: str) -> None:
    row.version += 1
    row.changed_at, row.changed_by = runtime.clock(), actor


def _of(runtime: Runtime, row: Row) -> Draft:
    typed = draft_keys.read(runtime, row)
    return Draft(
        version=row.version,
        step=row.step,
        site=row.site,
        company_id=row.company_id,
        public_key=typed.public_key,
        has_private_key=bool(typed.private_key),
        tested=row.tested and bool(typed.private_key) == bool(row.private_key),
        settings=dict(row.settings),
        not_before=row.not_before,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )
