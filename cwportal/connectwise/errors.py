"""What can go wrong with ConnectWise: a sentence a partner can act on and, for a write, how sure its failure is.

`certainty` answers one question: has ConnectWise certainly *not* done the write?
`not_sent`: the request never left us. `refused`: ConnectWise answered that it did not do it. `unknown`: everything else
(time-out, reset, 5xx, HTML, an answer we cannot read); such a write is looked up later and never blindly repeated.
No exception of requests or urllib3 leaves this package, and no message holds a key or an Authorization header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cwportal.errors import CWPortalError

Certainty = Literal["not_sent", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One entry of `errors` in a ConnectWise error body (contract section 5)."""

    code: str
    message: str
    resource: str = ""
    field: str = ""


class ConnectWiseError(CWPortalError):
    """Base of all; `str()` and `sentence` say what happened, why, and what to do next."""

    certainty: Certainty = "unknown"

    def __init__(
        self,
        sentence: str,
        *,
        certainty: Certainty | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        errors: Sequence[FieldError] = (),
        code: str = "",
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if certainty is not None:
            self.certainty = certainty
        self.status = status
        self.retry_after = retry_after
        self.errors = tuple(errors)
        self.code = code

    def has_code(self, code: str) -> bool:
        """Whether ConnectWise gave this code (such as ObjectExists) for the request or for one of its fields."""
        wanted = code.casefold()
        return self.code.casefold() == wanted or any(error.code.casefold() == wanted for error in self.errors)


class SiteRefused(ConnectWiseError):
    """The guard does not let us talk to this address (not https, not public), or the text is no site at all."""

    certainty: Certainty = "not_sent"


class Unreachable(ConnectWiseError):
    """No connection: the name is unknown or the host refuses. `permanent` when trying again at once is pointless."""

    certainty: Certainty = "not_sent"

    def __init__(self, sentence: str, *, permanent: bool = False) -> None:
        super().__init__(sentence)
        self.permanent = permanent


class TlsFailed(ConnectWiseError):
    """The certificate is not trusted, or the port does not speak TLS."""

    certainty: Certainty = "not_sent"


class TimedOut(ConnectWiseError):
    """No (complete) answer in time. Before the request was sent `certainty` is `not_sent`, after it `unknown`."""


class Interrupted(ConnectWiseError):
    """The connection was reset or closed before the whole answer arrived."""


class TooLarge(ConnectWiseError):
    """The answer is larger than we are willing to read."""


class NotConnectWise(ConnectWiseError):
    """Something answers at this address, but not as a ConnectWise does."""

    certainty: Certainty = "refused"


class Redirected(ConnectWiseError):
    """ConnectWise (or something in front of it) sent us elsewhere; redirects are never followed."""


class UnknownCompany(ConnectWiseError):
    """The site answers, but knows no such company ID (companyinfo `null` or 404)."""

    certainty: Certainty = "refused"


class Rejected(ConnectWiseError):
    """Company ID or keys are wrong: 401, or on cloud a 404 that comes from routing (contract section 5)."""

    certainty: Certainty = "refused"


class ClientIdRejected(ConnectWiseError):
    """ConnectWise refuses the vendor's clientId. Nothing the partner can change."""

    certainty: Certainty = "refused"


class Forbidden(ConnectWiseError):
    """403: the API member's role lacks `right`, such as "Procurement > Product Catalog > Add"."""

    certainty: Certainty = "refused"

    def __init__(
        self, sentence: str, *, right: str, status: int | None = 403, certainty: Certainty | None = None, code: str = ""
    ) -> None:
        super().__init__(sentence, status=status, certainty=certainty, code=code)
        self.right = right


class NotFound(ConnectWiseError):
    """404 by the application: the record does not exist (or is hidden from this API member)."""

    certainty: Certainty = "refused"


class Invalid(ConnectWiseError):
    """400 and other refusals of the request itself; `errors` names the fields. Duplicates carry `ObjectExists`."""

    certainty: Certainty = "refused"


class Conflict(ConnectWiseError):
    """409: the record is in use or was changed at the same time."""

    certainty: Certainty = "refused"


class RateLimited(ConnectWiseError):
    """429, also after our own repeats. `retry_after` is in seconds, None where ConnectWise did not say."""

    certainty: Certainty = "refused"


class RateLimitedLong(RateLimited):
    """429 with a Retry-After of more than 15 minutes: the run ends as partial instead of waiting."""


class ServerFailed(ConnectWiseError):
    """5xx. The write may have happened."""


class NotJson(ConnectWiseError):
    """HTML, plain text, nothing, or broken JSON where JSON was expected."""


class Malformed(ConnectWiseError):
    """Readable JSON in which a value we rely on is missing or of the wrong type; the sentence names it."""


class OtherRecord(Malformed):
    """A creation was answered with a record that is not the one asked for; `record_id` is its id."""

    def __init__(self, sentence: str, record_id: int) -> None:
        super().__init__(sentence)
        self.record_id = record_id


class Incomplete(ConnectWiseError):
    """A list could not be read to its end (pages repeat, loop, or miss rows). Never taken as the whole list."""
