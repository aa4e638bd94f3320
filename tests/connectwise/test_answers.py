"""The status table of contract section 5: which answer becomes which error, and how sure a write's failure is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cwportal.connectwise import answers, errors
from cwportal.connectwise.answers import RawAnswer

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HTML = b"<html><body>Sorry</body></html>"
DUPLICATE = (
    b'{"code":"InvalidObject","message":"catalogItem object is invalid","errors":[{"code":"ObjectExists",'
    b'"message":"already exists","resource":"catalogItem","field":"identifier"}]}'
)


def raw(
    status: int, body: bytes = b"", method: str = "POST", path: str = "/procurement/catalog", **headers: str
) -> RawAnswer:
    return RawAnswer(method, path, status, {name.replace("_", "-"): text for name, text in headers.items()}, body)


def failure(answered: RawAnswer) -> errors.ConnectWiseError:
    with pytest.raises(errors.ConnectWiseError) as caught:
        answers.interpret(answered, NOW)
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "kind", "certainty"),
    [
        (400, b'{"code":"InvalidObject","message":"bad","errors":null}', errors.Invalid, "refused"),
        (400, DUPLICATE, errors.Invalid, "refused"),
        (400, HTML, errors.NotJson, "unknown"),
        (400, b'{"message":"clientId is required"}', errors.ClientIdRejected, "refused"),
        (401, b'{"code":"Unauthorized","message":"Unauthorized"}', errors.Rejected, "refused"),
        (401, b'{"code":"ConnectWiseApi","message":"UserNotAuthenticated"}', errors.Rejected, "refused"),
        (401, HTML, errors.Rejected, "unknown"),
        (401, b'{"code":"Unauthorized","message":"Invalid client id"}', errors.ClientIdRejected, "refused"),
        (403, b'{"code":"Security","message":"You do not have security permission"}', errors.Forbidden, "refused"),
        (403, HTML, errors.NotJson, "unknown"),
        (403, b"clientId missing", errors.ClientIdRejected, "unknown"),
        (404, b'{"code":"NotFound","message":"Addition 7 not found"}', errors.NotFound, "refused"),
        (404, HTML, errors.Rejected, "unknown"),
        (404, b"", errors.Rejected, "unknown"),
        (405, b'{"code":"MethodNotAllowed","message":"no"}', errors.Invalid, "refused"),
        (408, b'{"code":"Timeout","message":"late"}', errors.TimedOut, "unknown"),
        (409, b'{"code":"InUse","message":"in use"}', errors.Conflict, "refused"),
        (415, b'{"code":"Media","message":"no"}', errors.Invalid, "refused"),
        (429, b'{"error":"ConnectWiseAPI","message":"slow down"}', errors.RateLimited, "refused"),
        (429, HTML, errors.RateLimited, "refused"),
        (500, b'{"code":"Error","message":"timeout"}', errors.ServerFailed, "unknown"),
        (503, HTML, errors.ServerFailed, "unknown"),
        (302, b"", errors.Redirected, "unknown"),
        (304, b"{}", errors.Redirected, "unknown"),
        (200, HTML, errors.NotJson, "unknown"),
        (409, DUPLICATE, errors.Invalid, "refused"),
        (201, b'{"id": 5', errors.NotJson, "unknown"),
        (201, b"", errors.NotJson, "unknown"),
        (200, b"[NaN]", errors.NotJson, "unknown"),
    ],
)
def test_status_table(status: int, body: bytes, kind: type[errors.ConnectWiseError], certainty: str) -> None:
    found = failure(raw(status, body))
    assert type(found) is kind
    assert found.certainty == certainty
    assert found.status == status
    assert str(found) == found.sentence
    assert len(found.sentence) > 30


def test_data_and_link_of_a_good_answer() -> None:
    found = answers.interpret(raw(200, b'[{"id": 1}]', "GET", link="<x>"), NOW)
    assert found == answers.Answer(200, [{"id": 1}], "<x>")


@pytest.mark.parametrize("status", [200, 204])
def test_delete_may_answer_nothing(status: int) -> None:
    assert answers.interpret(raw(status, b"", "DELETE"), NOW).data is None


def test_field_errors_are_kept_and_told() -> None:
    found = failure(raw(400, DUPLICATE))
    assert found.has_code("ObjectExists")
    assert found.has_code("invalidobject")
    assert not found.has_code("NotFound")
    assert found.errors == (errors.FieldError("ObjectExists", "already exists", "catalogItem", "identifier"),)
    assert "identifier: already exists" in found.sentence


@pytest.mark.parametrize("listed", ['"none"', "7", "[7, null]", "{}"])
def test_odd_error_lists_do_no_harm(listed: str) -> None:
    found = failure(raw(400, f'{{"message":"bad thing","errors":{listed}}}'.encode()))
    assert found.errors == ()
    assert "bad thing" in found.sentence


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("POST", "/procurement/catalog", "Procurement > Product Catalog > Add"),
        ("PATCH", "/procurement/catalog/4", "Procurement > Product Catalog > Edit"),
        ("GET", "/procurement/types", "System > Table Setup > Inquire"),
        ("POST", "/finance/agreements/1/additions", "Finance > Agreements > Add"),
        ("GET", "/finance/agreements/types", "System > Table Setup > Inquire"),
        ("GET", "/company/companies/count", "Company > Company Maintenance > Inquire"),
        ("GET", "/company/companies/statuses", "System > Table Setup > Inquire"),
        ("POST", "/company/contacts", "Company > Contacts > Add"),
        ("DELETE", "/system/documents/9", "Company > Manage Attachments > Delete"),
    ],
)
def test_forbidden_names_the_right(method: str, path: str, right: str) -> None:
    found = failure(raw(403, b'{"code":"Security","message":"no"}', method, path))
    assert isinstance(found, errors.Forbidden)
    assert found.right == right
    assert right in found.sentence


def test_rate_limit_carries_its_wait() -> None:
    assert failure(raw(429, b"{}", retry_after="12")).retry_after == 12.0
    assert failure(raw(429, b"{}")).retry_after is None
    assert failure(raw(503, b"{}", retry_after="3")).retry_after == 3.0


@pytest.mark.parametrize(("wait", "kind"), [("900", errors.RateLimited), ("901", errors.RateLimitedLong)])
def test_more_than_15_minutes_is_long(wait: str, kind: type[errors.ConnectWiseError]) -> None:
    assert type(failure(raw(429, b"{}", retry_after=wait))) is kind


def test_text_of_connectwise_is_made_harmless() -> None:
    found = failure(raw(400, b'{"message":"a\\u0007\\u001b[31m\\u202eb\\n' + b"x" * 1000 + b'"}'))
    assert all(character.isprintable() for character in found.sentence)
    assert len(found.sentence) < 500
