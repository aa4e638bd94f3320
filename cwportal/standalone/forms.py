"""Forms of the portal's own pages: shape only."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm  # type: ignore[import-untyped]
from wtforms import PasswordField, StringField  # type: ignore[import-untyped]
from wtforms.validators import (  # type: ignore[import-untyped]
    AnyOf,
    EqualTo,
    InputRequired,
    Length,
    ValidationError,
)

from cwportal.standalone import staff
from cwportal.vocabulary import Role

ROLES = {Role.VIEWER: "Viewer", Role.BILLING: "Billing", Role.ADMIN: "Administrator"}
DUTIES = {
    Role.VIEWER: "sees everything, changes nothing",
    Role.BILLING: "also maps accounts, sets prices, previews, exports and approves",
    Role.ADMIN: "also connects ConnectWise, changes settings, manages staff and imports data",
}
_LONGEST = staff.LONGEST_PASSWORD
_TOKEN = 10 * 366 * 86_400
"""Seconds. Longer than any session; None would be Flask-WTF's own limit, an hour."""
_LENGTH = f"Use {staff.SHORTEST_PASSWORD} to {_LONGEST} characters."
_PASSWORD_RULE = Length(staff.SHORTEST_PASSWORD, _LONGEST, _LENGTH)


class Press(FlaskForm):  # type: ignore[misc]  # flask_wtf has no types
    """Nothing but the token against requests from other sites. It is always demanded, and good as long as its session."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf = True
        csrf_time_limit = _TOKEN

    def __getattr__(self, name: str) -> Any:
        """The token's field as templates call it, where its name is another one (WTF_CSRF_FIELD_NAME)."""
        if name != "csrf_token":
            raise AttributeError(f"{type(self).__name__} has no {name}")
        return self._fields[self.meta.csrf_field_name]


class SignIn(Press):
    """E-mail address and password."""

    email = StringField("E-mail address", [InputRequired("Type your e-mail address."), Length(max=300)])
    password = PasswordField("Password", [InputRequired("Type your password."), Length(max=_LONGEST)])


class NewPassword(Press):
    """One's own password."""

    old = PasswordField("Present password", [InputRequired("Type your present password."), Length(max=_LONGEST)])
    new = PasswordField("New password", [InputRequired(_LENGTH), _PASSWORD_RULE])
    again = PasswordField(
        "New password, once more",
        [InputRequired("Type the new password once more."), EqualTo("new", "This differs from the new password.")],
    )

    def validate_new(self, field: PasswordField) -> None:
        """The password that somebody else chose cannot become one's own."""
        if field.data == self.old.data:
            raise ValidationError("This is your present password. Choose another one.")


class SomebodysPassword(Press):
    """A password that an administrator chooses for somebody, who changes it after signing in."""

    password = PasswordField("New password", [InputRequired(_LENGTH), _PASSWORD_RULE])


class RoleOf(Press):
    """What somebody may do."""

    role = StringField("Role", [AnyOf([role.value for role in Role], "Choose a role.")])


class NewStaff(RoleOf, SomebodysPassword):
    """Somebody new."""

    email = StringField(
        "E-mail address",
        [InputRequired("Type an e-mail address."), Length(max=200, message="Use at most 200 characters.")],
    )
