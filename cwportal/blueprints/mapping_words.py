"""Words of the mapping page: badges, and as of when companies are known."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from cwportal.billing import money
from cwportal.blueprints.words import Badge, moment
from cwportal.forms.mapping import BULK
from cwportal.services.choices import Standing
from cwportal.services.mapping_facts import Group, Known
from cwportal.services.mapping_page import Earlier, Last, Row, Shown
from cwportal.services.mapping_words import lines_stay
from cwportal.vocabulary import AccountState

__all__ = ["BULK", "as_of", "badge", "last_badge", "lines_stay", "pills"]
READING = "reading"
"""Tone while companies are being read, or wait for it."""
JUST_READ = "Companies were read just now. Press Update to see what has changed."
PATIENCE = timedelta(minutes=10)
"""After this long a reading that has not ended is no longer called one."""
TURN = timedelta(minutes=2)
"""After this long one that has not begun is said to be late."""
_LATE = "the portal is busy, or its part for such work is not running. It begins by itself; if it does not, tell the people who run the portal."
_GROUPS = {
    Group.PROBLEM: Badge("Problem", "t-bad", "error"),
    Group.UNMAPPED: Badge("Unmapped", "t-warn", "open"),
    Group.EXCLUDED: Badge("Excluded", "", "off"),
    Group.MAPPED: Badge("Mapped", "t-ok plain", "link"),
    Group.CLOSED: Badge("Closed", "", "off"),
}
_STATES = {
    AccountState.SUCCEEDED: Badge("Success", "t-ok plain", "check"),
    AccountState.UNCHANGED: Badge("No change", "plain", "same"),
    AccountState.PARTIAL: Badge("Warning", "t-warn plain", "warn"),
    AccountState.FAILED: Badge("Error", "t-bad plain", "error"),
    AccountState.HELD: Badge("Waiting", "t-wait plain", "wait"),
    AccountState.SKIPPED: Badge("Skipped", "plain", "off"),
}


def badge(row: Row) -> Badge:
    """Of a row as it stands there, saved or typed."""
    if row.problem and not row.candidates:
        return _GROUPS[Group.PROBLEM]
    if row.typed is None:
        return _GROUPS[row.known.group]
    if not row.typed.choice.mapped:
        return _GROUPS[Group.UNMAPPED]
    return _GROUPS[Group.MAPPED if row.typed.choice.export else Group.EXCLUDED]


def last_badge(last: Last) -> Badge:
    """How the account's last export ended."""
    return _STATES[AccountState(last.state)]


def pills(shown: Shown) -> list[tuple[str, str, int]]:
    """(value, word, how many), without those that are empty and not chosen."""
    found = [("", "All", shown.total)]
    for group in (Group.UNMAPPED, Group.PROBLEM, Group.EXCLUDED, Group.MAPPED, Group.CLOSED):
        count = shown.counts.get(group, 0)
        if count or group is not Group.CLOSED or shown.query.show == group:
            found.append((group.value, _GROUPS[group].word, count))
    if shown.unsaved or shown.query.show == "unsaved":
        found.append(("unsaved", "Not saved", shown.unsaved))
    return found


def as_of(standing: Standing, now: datetime, zone: str) -> tuple[str, str]:
    """(tone, sentence) on how fresh companies and agreements are."""

    def told(at: datetime) -> str:
        return moment(at, zone)

    known = (
        f"Companies as of {told(standing.refreshed_at)}."
        if standing.refreshed_at
        else "No companies have been read yet."
    )
    if standing.waits and standing.asked_at is not None:
        waited, asked = now - standing.asked_at, f"Reading them was asked for at {told(standing.asked_at)}"
        if not standing.begun and waited >= TURN:
            return "warn", f"{known} {asked} and has not begun: {_LATE}"
        if waited < PATIENCE:
            doing = (
                "are being read from ConnectWise now" if standing.begun else "will be read from ConnectWise in a moment"
            )
            return READING, f"{known} They {doing}."
        return "warn", f"{known} {asked} and has not ended: try again."
    if standing.error:
        failed = f"Reading them again failed at {told(standing.failed_at)}: " if standing.failed_at else ""
        return "warn", f"{known} {failed}{standing.error}"
    return "", known


def amount(value: Decimal) -> str:
    """In cents."""
    return money.text(value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def day_of(at: datetime, zone: str) -> str:
    """ "23 Nov"."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b}"


def places(shown: Shown) -> dict[str, int]:
    """Account -> number of its row on the page."""
    return {row.known.account_id: number for number, row in enumerate(shown.rows)}


def beside(earlier: Earlier) -> str:
    """What the person has typed for the row in another window before."""
    if not earlier.company and not earlier.agreement:
        what = "not mapped"
    else:
        parts = [
            f"company “{earlier.company}”",
            f"agreement “{earlier.agreement}”" if earlier.agreement else "no agreement",
        ]
        what = ", ".join(parts)
    export = "on" if earlier.export else "off"
    return f"In another window you typed: {what}, Export {export}. What you typed last stands here; saving keeps it."


def meanwhile(one: Known, zone: str) -> str:
    """What somebody else has saved for a row that is typed here."""
    who = one.changed_by or "Somebody"
    when = f" at {moment(one.changed_at, zone)}" if one.changed_at else ""
    if not one.choice.mapped:
        what = "not mapped"
    else:
        company = one.company_name or "a new company"
        agreement = one.agreement_name or "a new agreement"
        what = f"company “{company}”, agreement “{agreement}”, Export {'on' if one.choice.export else 'off'}"
    return (
        f"{who} saved this row{when}: {what}. What you typed stands here: Save replaces theirs, Discard keeps theirs."
    )
