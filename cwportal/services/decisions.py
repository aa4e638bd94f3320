"""A person's answers to what a plan asks about single lines (rules 4, 5, 6, 8)."""

from __future__ import annotations

from collections.abc import Mapping as Mapped
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from cwportal.billing.effective import first_of_month
from cwportal.errors import UsageError
from cwportal.models import LineDecision, Mapping
from cwportal.runtime import Runtime
from cwportal.services import audit, connection, ledger, settings
from cwportal.vocabulary import Answer

UNPIN = "unpin"
WORDS = ("use", "end:DATE", "leave", "take-over", "recreate", "accept", "pin", UNPIN)
"""The answers as a person types them."""


class _Whose(StrEnum):
    OURS = "was made for this account by the portal"
    OTHER = "was made for another account by the portal"
    FOREIGN = "is not the portal's"


_FITS = {
    Answer.USE: {_Whose.FOREIGN},
    Answer.LEAVE: {_Whose.FOREIGN},
    Answer.END: {_Whose.FOREIGN, _Whose.OTHER},
    Answer.TAKE_OVER: {_Whose.OTHER},
    Answer.RECREATE: {_Whose.OURS},
    Answer.ACCEPT: {_Whose.OURS},
    Answer.PIN: {_Whose.OURS},
}


class _Unfit(UsageError):
    """The answer is not about such a line."""


class _NoDay(UsageError):
    """A last day is needed."""


class Refused(UsageError):
    """Answers that cannot be kept: `problems` has a sentence for each such line."""

    def __init__(self, problems: Mapped[int, str]) -> None:
        super().__init__("Nothing was kept: some answers need another look.")
        self.problems = dict(problems)


def decide_all(runtime: Runtime, partner_id: str, account_id: str, answers: Mapped[int, str], *, actor: str) -> None:
    """Keep the answers about several lines of an account (line -> as for `decide`), all of them or none.

    Raises Refused with a sentence for every line that is wrong; UsageError for an unknown or unmapped account.
    """
    tenant = _tenant(runtime, partner_id, account_id)
    earliest = _earliest_end(runtime, partner_id)
    problems: dict[int, str] = {}
    with runtime.database.write() as session:
        for line, answer in answers.items():
            try:
                word, until = _parse(answer)
            except UsageError:
                problems[line] = "This is not a date. Choose the last day on which the line bills."
                continue
            if until is not None and until < earliest:
                problems[line] = f"{until.isoformat()} is too far back; {earliest.isoformat()} is the earliest day."
                continue
            try:
                _keep(session, runtime, partner_id, tenant, account_id, line, (word, until), actor)
            except _NoDay:
                problems[line] = "Choose the last day on which this line bills."
            except _Unfit:
                problems[line] = (
                    "This line is no longer what it was when it was shown. Press “Read again”, then answer."
                )
        if problems:
            raise Refused(problems)
        for line, answer in answers.items():
            audit.record(session, runtime, partner_id, actor, "decide", account=account_id, line=line, answer=answer)


def decide(
    runtime: Runtime, partner_id: str, account_id: str, addition_id: int, answer: str, *, actor: str
) -> LineDecision | None:
    """Keep an answer about one line of the account's agreement; a later one replaces it. None after `unpin`.

    The next plan obeys it; nothing is written to ConnectWise here. Plain `end` is for lines the portal made for another account: they end
    as the setting says. Raises UsageError for an unknown or unmapped account, and for an answer that does not fit the line.
    """
    tenant = _tenant(runtime, partner_id, account_id)
    parsed = _parse(answer)
    with runtime.database.write() as session:
        row = _keep(session, runtime, partner_id, tenant, account_id, addition_id, parsed, actor)
        audit.record(
            session, runtime, partner_id, actor, "decide", account=account_id, line=addition_id, answer=answer.strip()
        )
    return row


def _tenant(runtime: Runtime, partner_id: str, account_id: str) -> str:
    """The tenant in which the account's lines are. UsageError for an account that there is not."""
    if account_id not in {account.id for account in runtime.source.accounts(partner_id)}:
        raise UsageError(f"There is no account {account_id!r} of partner {partner_id}.")
    return connection.get(runtime, partner_id).tenant


def _earliest_end(runtime: Runtime, partner_id: str) -> date:
    """The first last day that may be chosen (see `billing.existing.end_problem`)."""
    zone = ZoneInfo(settings.get(runtime, partner_id).timezone)
    return first_of_month(runtime.clock().astimezone(zone).date()) - timedelta(days=1)


def _keep(
    session: Session,
    runtime: Runtime,
    partner_id: str,
    tenant: str,
    account_id: str,
    addition_id: int,
    answer: tuple[Answer | None, date | None],
    actor: str,
) -> LineDecision | None:
    word, until = answer
    mapping = session.get(Mapping, (partner_id, account_id))
    if mapping is None or mapping.cw_agreement_id is None or mapping.tenant != tenant:
        raise UsageError(f"Account {account_id} is not mapped to an agreement, so it has no lines. Map it first.")
    row = session.get(LineDecision, (partner_id, tenant, account_id, addition_id))
    if word is None:
        _unpin(session, row, account_id, addition_id)
        return None
    whose = _whose(session, partner_id, tenant, account_id, mapping.cw_agreement_id, addition_id)
    _check(word, until, whose, addition_id)
    if row is None:
        row = LineDecision(partner_id=partner_id, tenant=tenant, account_id=account_id, cw_addition_id=addition_id)
        session.add(row)
    row.answer, row.until = word, until
    row.decided_by, row.decided_at = actor, runtime.clock()
    return row


def _parse(text: str) -> tuple[Answer | None, date | None]:
    """The answer and its date; (None, None) for `unpin`."""
    word, separator, day = text.strip().partition(":")
    if word == UNPIN and not separator:
        return None, None
    if word not in set(Answer) or (separator and word != Answer.END):
        raise UsageError(f"The answer {text!r} is not known; choose one of: {', '.join(WORDS)}.")
    if not separator:
        return Answer(word), None
    try:
        until = date.fromisoformat(day)
    except ValueError:
        until = None
    if until is None or until.isoformat() != day:
        raise UsageError(f"{day!r} is not a date; write the last day to bill like end:2026-11-30.")
    return Answer.END, until


def _whose(
    session: Session, partner_id: str, tenant: str, account_id: str, agreement_id: int, addition_id: int
) -> _Whose:
    row = ledger.find(session, tenant, agreement_id, addition_id)
    if row is None or row.closed_at is not None:
        return _Whose.FOREIGN
    return _Whose.OURS if (row.partner_id, row.account_id) == (partner_id, account_id) else _Whose.OTHER


def _check(word: Answer, until: date | None, whose: _Whose, addition_id: int) -> None:
    if whose not in _FITS[word]:
        fitting = [one for one, lines in _FITS.items() if whose in lines]
        raise _Unfit(f"Line {addition_id} {whose}, so {word} is no answer about it; choose: {', '.join(fitting)}.")
    if word is Answer.END and until is None and whose is _Whose.FOREIGN:
        raise _NoDay("An existing line needs its last day: write it like end:2026-11-30.")


def _unpin(session: Session, row: LineDecision | None, account_id: str, addition_id: int) -> None:
    if row is None or row.answer != Answer.PIN:
        raise _Unfit(f"Line {addition_id} of account {account_id} is not pinned.")
    session.delete(row)
