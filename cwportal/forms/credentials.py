"""The four values with which ConnectWise lets us in."""

from __future__ import annotations

import re
from typing import Any
from unicodedata import category

from wtforms import HiddenField, PasswordField, StringField  # type: ignore[import-untyped]
from wtforms.validators import DataRequired, Length, ValidationError  # type: ignore[import-untyped]

from cwportal.forms.press import Press

LONGEST_SITE, LONGEST_COMPANY, LONGEST_KEY = 300, 100, 200


def _plain(text: str | None) -> str | None:
    """Without what nobody sees: NUL, which no database keeps, and marks of no width, which come along when one copies from a document."""
    return None if text is None else "".join(letter for letter in text if category(letter) != "Cf" and letter != "\x00")


def _one_line(form: Any, field: Any) -> None:  # noqa: ARG001 - WTForms' signature
    if re.search(r"[^\x21-\x7e]", (field.data or "").strip()):
        raise ValidationError(
            "This holds a space or a character that no key of ConnectWise has. Copy it again from API Keys."
        )


class CredentialsForm(Press):
    """`kept`: whether there is a private key already, which a blank field keeps. The typed key is never rendered again."""

    site = StringField(
        "Site",
        [
            DataRequired("Type the site at which you log in to ConnectWise, such as na.myconnectwise.net."),
            Length(
                max=LONGEST_SITE,
                message="This is longer than the address of a site. Type only the host, such as na.myconnectwise.net.",
            ),
        ],
        filters=[_plain],
    )
    company_id = StringField(
        "Company ID",
        [
            DataRequired("Type the company with which you log in to ConnectWise."),
            Length(
                max=LONGEST_COMPANY,
                message="This is longer than a company ID of ConnectWise. Type what you enter as Company when logging in.",
            ),
        ],
        filters=[_plain],
    )
    public_key = StringField(
        "Public API key",
        [
            DataRequired("Copy the public key from System › Members › API Members › your member › API Keys."),
            Length(max=LONGEST_KEY, message="This is longer than a key of ConnectWise. Copy the public key again."),
            _one_line,
        ],
        filters=[_plain],
    )
    private_key = PasswordField(
        "Private API key",
        [
            Length(max=LONGEST_KEY, message="This is longer than a key of ConnectWise. Copy the private key again."),
            _one_line,
        ],
        filters=[_plain],
    )
    version = HiddenField()

    def __init__(self, *args: Any, kept: bool, **more: Any) -> None:
        super().__init__(*args, **more)
        self.kept = kept

    def validate_private_key(self, field: Any) -> None:
        """Needed, unless one is kept."""
        if not (field.data or "").strip() and not self.kept:
            raise ValidationError(
                "Copy the private key from API Keys. ConnectWise shows it only once; where it is lost, make a new pair of keys with +."
            )

    @property
    def shown_version(self) -> int:
        """The version of what the page showed, -1 where the field was tampered with."""
        text = self.version.data or ""
        return int(text) if re.fullmatch(r"\d{1,9}", text) else -1
