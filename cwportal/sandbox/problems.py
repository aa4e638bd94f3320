"""The error answers of contract.md section 5, as exceptions that carry status, body and headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"

NOT_FOUND_PAGE = (
    "<!DOCTYPE html><html><head><title>404 - File or directory not found.</title></head>"
    "<body><h1>Server Error</h1><h2>404 - File or directory not found.</h2></body></html>"
)


class Problem(Exception):
    """A request that is answered with an error status.

    `body` is JSON-able, or HTML text where the answer does not come from the application itself.
    """

    def __init__(self, status: int, body: Any, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        super().__init__(f"{status} {body}")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One entry of a 400's `errors`. `field` is the path as ConnectWise names it, such as `status/id`."""

    code: str
    message: str
    field: str


def invalid(resource: str, flaws: list[Flaw]) -> Problem:
    """400 InvalidObject with its list of errors (contract.md section 5, rows 1 to 5)."""
    errors = [{"code": f.code, "message": f.message, "resource": resource, "field": f.field} for f in flaws]
    return Problem(400, {"code": "InvalidObject", "message": f"{resource} object is invalid", "errors": errors})


def bad_request(message: str) -> Problem:
    """400 for a request that cannot be read: conditions, PATCH shape, JSON. Its code is unverified in contract.md."""
    return Problem(400, {"code": "ConnectWiseApi", "message": message, "errors": None})


def unauthorized() -> Problem:
    """401 for bad keys (contract.md section 5, `bad keys`)."""
    return Problem(401, {"code": "Unauthorized", "message": "Your company ID or API keys are invalid."})


def html_not_found() -> Problem:
    """404 as the web server in front of the application gives it: HTML, no code."""
    return Problem(404, NOT_FOUND_PAGE)


def forbidden() -> Problem:
    """403 with the text seen in practice (contract.md section 5, `no permission`)."""
    return Problem(403, {"code": "Security", "message": "You do not have security permission to perform this action."})


def gone(what: str, number: int) -> Problem:
    """404 for a record that is not there."""
    return Problem(404, {"code": "NotFound", "message": f"{what} {number} not found"})


def no_such_path(path: str) -> Problem:
    """404 for a path the application does not know."""
    return Problem(404, {"code": "NotFound", "message": f"The resource {path} does not exist."})


def wrong_method(allowed: tuple[str, ...]) -> Problem:
    """405 with the Allow header."""
    return Problem(
        405,
        {"code": "MethodNotAllowed", "message": "The requested resource does not support this http method."},
        headers=(("Allow", ", ".join(allowed)),),
    )


def in_use(what: str, number: int, by: str) -> Problem:
    """409 for a record that others refer to."""
    return Problem(409, {"code": "Conflict", "message": f"{what} {number} is in use by {by} and cannot be deleted."})


def unsupported_media() -> Problem:
    """415 (contract.md section 5: JSON sent to documents)."""
    return Problem(415, {"code": "UnsupportedMediaType", "message": "The media type of the request is not supported."})


def too_many(seconds: int | None, *, html: bool = False) -> Problem:
    """429 with `error` instead of `code`, or the cloud edge's HTML; `seconds` None leaves Retry-After out."""
    headers = () if seconds is None else (("Retry-After", str(seconds)),)
    if html:
        page = (
            "<html><head><title>429 Too Many Requests</title></head><body><h1>429 Too Many Requests</h1></body></html>"
        )
        return Problem(429, page, headers=headers)
    return Problem(
        429, {"error": "ConnectWiseAPI", "message": "Too many requests. Retry after the given time."}, headers=headers
    )
