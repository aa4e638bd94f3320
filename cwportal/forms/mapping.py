"""The mapping page as it is sent: where the person is, which button was pressed, and the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import request
from wtforms import BooleanField, StringField  # type: ignore[import-untyped]

from cwportal.forms.press import Press
from cwportal.services.mapping_draft import Bulk, Fields, Sent

LONGEST_TEXT = 300
"""Characters of a company's name that are kept."""
LONGEST_WORDS = 100
"""Characters of the words by which an agreement is sought."""
_MOST_SOUGHT = 20
_MOST_ROWS = 200
BULK = (
    ("", "choose …"),
    (Bulk.EXPORT_ON.value, "Switch Export on"),
    (Bulk.EXPORT_OFF.value, "Switch Export off"),
    (Bulk.UNMAP.value, "Unmap"),
)


class MappingForm(Press):
    """`at_…`: the page that was shown. `show`, `sort`, `page`, `do`: the button that was pressed. `q`: the words to search for.

    `at_place`: the partner and ConnectWise whose ids the rows bear.
    """

    at_show = StringField()
    at_sort = StringField()
    at_page = StringField()
    at_q = StringField()
    at_place = StringField()
    show = StringField()
    sort = StringField()
    page = StringField()
    do = StringField()
    q = StringField()
    bulk = StringField()
    everything = BooleanField()
    answer = StringField()
    then = StringField()

    def selected(self) -> list[str]:
        """Accounts whose row is ticked."""
        return request.form.getlist("select")

    def among(self) -> list[tuple[str, str]]:
        """(account, words) of the rows in which an agreement is sought."""
        rows = enumerate(request.form.getlist("row")[:_MOST_ROWS])
        found = ((key, words_of(request.form.get(f"among-{number}", ""))) for number, key in rows)
        return [(key, words) for key, words in found if words][:_MOST_SOUGHT]

    def rows(self) -> Iterator[Sent]:
        """The rows that can be understood; others cannot come from our page."""
        for number, account_id in enumerate(request.form.getlist("row")[:_MOST_ROWS]):
            was = _was(request.form.get(f"was-{number}", ""))
            if was is None:
                continue
            shown, seen, draft = was
            yield Sent(
                account_id=account_id,
                now=Fields(
                    text=_clean(request.form.get(f"company-{number}", shown.text)),
                    company=request.form.get(f"cid-{number}", shown.company),
                    agreement=request.form.get(f"agreement-{number}", shown.agreement),
                    export=f"export-{number}" in request.form,
                    per_cycle=f"cycle-{number}" in request.form,
                ),
                was=shown,
                seen=seen,
                draft=draft,
            )


def words_of(text: str) -> str:
    """The words by which an agreement is sought, as a text field shows them."""
    return " ".join(_clean(text, LONGEST_WORDS).split())


def was(fields: Fields, seen: str, draft: str) -> str:
    """What a row was shown with, for its hidden field."""
    shown = [fields.text, fields.company, fields.agreement, int(fields.export), int(fields.per_cycle), seen, draft]
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def _was(text: str) -> tuple[Fields, str, str] | None:
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, list) or len(data) != 7 or not all(isinstance(data[at], str) for at in (0, 1, 2, 5, 6)):
        return None
    text, company, agreement, seen, draft = (_clean(data[at], 800) for at in (0, 1, 2, 5, 6))
    return Fields(text[:LONGEST_TEXT], company, agreement, bool(data[3]), bool(data[4])), seen[:400], draft


def _clean(text: str, longest: int = LONGEST_TEXT) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:longest]
