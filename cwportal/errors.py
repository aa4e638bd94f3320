"""The errors a person meets. Each says what happened, why, and what to do next.

`exit_code` is the promise of design section 7: 1 = ran, but something failed or ConnectWise refused;
2 = wrong arguments, bad files, unknown partner, missing configuration, another run under way.
"""

from __future__ import annotations

from collections.abc import Sequence


class CWPortalError(Exception):
    """Base of everything we raise on purpose; `str()` is a sentence for the user."""

    exit_code = 1


class UsageError(CWPortalError):
    """The request cannot be carried out as it was asked."""

    exit_code = 2


class ConfigurationError(UsageError):
    """A CWPORTAL_* key or a generated secret is missing or wrong."""


class UnknownPartner(UsageError):
    """No such partner in the portal's data."""


class NotConnected(UsageError):
    """The partner has no ConnectWise connection yet."""


class RunUnderWay(UsageError):
    """Another run of the same partner holds the lock."""


class BadFile(UsageError):
    """A file was refused as a whole; `problems` names every bad row."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class ExportFailed(CWPortalError):
    """A run could not go on; the sentence says why and what to do."""


class SourceIncomplete(CWPortalError):
    """The portal's own data could not be read completely; nothing was planned from it."""
