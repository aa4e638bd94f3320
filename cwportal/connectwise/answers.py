"""From status, headers and body to data or an error: the status table of contract section 5, without I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cwportal.connectwise import errors, jsontext, protocol, roles

LONG_WAIT = 900.0
_CLIENT_ID = re.compile(r"client[ _-]?id\b", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_KEYS_ADVICE = (
    "Check Site, Company ID and both keys in the connection settings (ConnectWise: System > Members > API Members > "
    "API Keys; the private key is shown only when the key is made)."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer: decoded JSON (None for 204) and the `Link` header, None where there is none."""

    status: int
    data: object
    link: str | None = None


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came over the wire. Header names are lower case."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes


def plain(text: object, limit: int = 300) -> str:
    """Text from ConnectWise made fit for one sentence: no control characters, not endless."""
    line = " ".join(_UNPRINTABLE.sub(" ", str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _decoded(raw: RawAnswer) -> tuple[bool, object]:
    """(is it JSON, data). HTML of any status is no JSON, whatever the header says."""
    if not raw.body.strip():
        return False, None
    try:
        return True, jsontext.decode(raw.body)
    except ValueError:
        return False, None


def _field_errors(data: Mapping[str, object]) -> tuple[errors.FieldError, ...]:
    found = data.get("errors")
    if not isinstance(found, Sequence) or isinstance(found, str):
        return ()
    return tuple(
        errors.FieldError(
            code=plain(entry.get("code") or ""),
            message=plain(entry.get("message") or ""),
            resource=plain(entry.get("resource") or ""),
            field=plain(entry.get("field") or ""),
        )
        for entry in found
        if isinstance(entry, Mapping)
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What an error answer tells about itself. Only JSON comes from the application, so only then it is sure."""

    what: str
    message: str
    code: str
    details: tuple[errors.FieldError, ...]
    is_json: bool

    @property
    def certainty(self) -> errors.Certainty:
        return "refused" if self.is_json else "unknown"

    @property
    def reasons(self) -> str:
        """ConnectWise's own words, those on fields first since they are what can be mended."""
        told = [f"{one.field}: {one.message or one.code}" if one.field else one.message for one in self.details]
        return ("; ".join(part for part in told if part) or self.message or "no reason given").rstrip(".")


def interpret(raw: RawAnswer, now: datetime) -> Answer:
    """The data of a 2xx answer, or the error that the table of contract section 5 gives for anything else.

    A 404 that is not JSON comes out as `Rejected`; whether it is a changed codebase only the transport can find out.
    """
    is_json, data = _decoded(raw)
    if 200 <= raw.status < 300:
        if raw.status == 204 or (raw.method == "DELETE" and not raw.body.strip()):
            return Answer(raw.status, None)
        if not is_json:
            raise errors.NotJson(
                f"ConnectWise's answer to {raw.method} {raw.path} is not readable ({_kind(raw)} instead of JSON). "
                "If it stays so, something between us and ConnectWise is answering in its place.",
                status=raw.status,
            )
        return Answer(raw.status, data, raw.headers.get("link"))
    raise _failure(raw, is_json, data if isinstance(data, Mapping) else {}, now)


def _kind(raw: RawAnswer) -> str:
    head = raw.body[:500].lstrip().lower()
    if not head:
        return "an empty answer"
    return "a web page" if head.startswith((b"<!doctype", b"<html", b"<")) else "broken or plain text"


def _failure(raw: RawAnswer, is_json: bool, data: Mapping[str, object], now: datetime) -> errors.ConnectWiseError:
    said = _Said(
        what=f"{raw.method} {raw.path}",
        message=plain(data.get("message") or ""),
        code=plain(data.get("code") or "", 60),
        details=_field_errors(data),
        is_json=is_json,
    )
    if raw.status == 429:
        return rate_limited(protocol.retry_after(raw.headers.get("retry-after"), now))
    if raw.status >= 500 or raw.status < 400 or raw.status == 408:
        return _undecided(raw, said, now)
    return _who_we_are(raw, said) or _refused(raw, said)


def _undecided(raw: RawAnswer, said: _Said, now: datetime) -> errors.ConnectWiseError:
    """Answers that do not tell whether anything was done."""
    status = raw.status
    if status >= 500:
        quoted = f' It says: "{said.message}".' if said.message else ""
        return errors.ServerFailed(
            f"ConnectWise had an error of its own ({status}) on {said.what}.{quoted} Try again later; "
            "if it stays, ask ConnectWise support.",
            status=status,
            retry_after=protocol.retry_after(raw.headers.get("retry-after"), now),
            code=said.code,
        )
    if status == 408:
        return errors.TimedOut(f"ConnectWise gave up waiting (408) on {said.what}. Try again.", status=status)
    return errors.Redirected(
        f"{said.what} was answered with a redirect ({status}), which is never followed. "
        "Check that Site is the address you log in to ConnectWise with.",
        status=status,
    )


def _who_we_are(raw: RawAnswer, said: _Said) -> errors.ConnectWiseError | None:
    """Refusals of the vendor's clientId or the partner's keys, None for any other."""
    if _names_client_id(raw, said):
        return errors.ClientIdRejected(
            f"ConnectWise does not accept this portal's integration id (clientId): {said.message or raw.status}. "
            "This is for the portal's operator to mend (CWPORTAL_CLIENT_ID), not for the partner.",
            status=raw.status,
            certainty=said.certainty,
            code=said.code,
            errors=said.details,
        )
    if raw.status == 401 or (raw.status == 404 and not said.is_json):
        return errors.Rejected(
            f"ConnectWise does not accept the company ID or the API keys ({raw.status}). {_KEYS_ADVICE}",
            status=raw.status,
            certainty=said.certainty,
            code=said.code,
        )
    return None


def _refused(raw: RawAnswer, said: _Said) -> errors.ConnectWiseError:
    """Refusals of this one request by the application, or by something in front of it."""
    status, what = raw.status, said.what
    if not said.is_json:
        return errors.NotJson(
            f"{what} was refused with {_kind(raw)} ({status}) instead of ConnectWise's own answer; "
            "a firewall or proxy in front of ConnectWise may be in the way.",
            status=status,
        )
    if status == 403:
        right = roles.right_for(raw.method, raw.path)
        return errors.Forbidden(
            f"ConnectWise refuses {what} to the API member (403). Its role needs the right {right}: "
            "System > Security Roles > the role > tick it, then try again.",
            right=right,
            code=said.code,
        )
    kind: type[errors.ConnectWiseError]
    if status == 404:
        kind = errors.NotFound
        sentence = (
            f"ConnectWise has no such record ({what}): {said.reasons}. It was deleted, or hidden from the API member."
        )
    elif status == 409 and "objectexists" not in {said.code.casefold(), *(one.code.casefold() for one in said.details)}:
        kind = errors.Conflict
        sentence = (
            f"ConnectWise refused {what}, the record is in use or being changed (409): {said.reasons}. Try again."
        )
    else:
        kind = errors.Invalid
        sentence = (
            f"ConnectWise refused {what} ({status}): {said.reasons}. "
            "Correct this in ConnectWise or in the portal, then try again."
        )
    return kind(sentence, status=status, code=said.code, errors=said.details)


def rate_limited(wait: float | None) -> errors.RateLimited:
    """The error of a 429; more than 15 minutes is not waited for (design section 8)."""
    if wait is not None and wait > LONG_WAIT:
        return errors.RateLimitedLong(
            f"ConnectWise asks us to wait {round(wait / 60)} minutes before the next request (429). "
            "Nothing more is sent until then; start the export again afterwards.",
            status=429,
            retry_after=wait,
        )
    return errors.RateLimited(
        "ConnectWise limits the number of requests (429) and still did after several tries. Try again in some minutes, "
        "or lower the number of requests in flight (CWPORTAL_CONCURRENCY).",
        status=429,
        retry_after=wait,
    )


def _names_client_id(raw: RawAnswer, said: _Said) -> bool:
    """A 4xx whose text names clientId concerns the vendor (sources disagree on the status, contract section 5)."""
    if raw.status not in {400, 401, 403}:
        return False
    if not said.is_json:
        return _CLIENT_ID.search(raw.body[:2000].decode("utf-8", "replace")) is not None
    return any(
        _CLIENT_ID.search(text) for text in (said.message, *(f"{one.field} {one.message}" for one in said.details))
    )
