"""What is written: one request each, with ConnectWise's names and exact digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
import responses

from cwportal.connectwise import errors
from cwportal.connectwise.writer import Writer

from .support import API, TransportMaker

ADDITION = {
    "product": {"id": 3},
    "quantity": Decimal("12.5000"),
    "unitPrice": Decimal("0.1"),
    "billCustomer": "Billable",
    "effectiveDate": date(2026, 3, 1),
    "description": None,
}


def test_create_addition(web: responses.RequestsMock, make_transport: TransportMaker) -> None:
    web.add(
        "POST", f"{API}/finance/agreements/9/additions", status=201, body='{"id":7,"product":{"id":3},"quantity":12.5}'
    )
    found = Writer(make_transport()).create_addition(9, ADDITION)
    assert (found.id, found.quantity) == (7, Decimal("12.5"))
    assert web.calls[0].request.body == (
        b'{"product":{"id":3},"quantity":12.5000,"unitPrice":0.1,"billCustomer":"Billable",'
        b'"effectiveDate":"2026-03-01T00:00:00Z"}'
    )


def test_patch_addition(web: responses.RequestsMock, make_transport: TransportMaker) -> None:
    web.add("PATCH", f"{API}/finance/agreements/9/additions/7", json={"id": 7, "product": {"id": 3}})
    Writer(make_transport()).patch_addition(9, 7, {"quantity": Decimal(0), "cancelledDate": date(2026, 3, 31)})
    assert web.calls[0].request.body == (
        b'[{"op":"replace","path":"quantity","value":0},'
        b'{"op":"replace","path":"cancelledDate","value":"2026-03-31T00:00:00Z"}]'
    )


Call = Callable[[Writer], object]
WRITES: list[tuple[str, str, Call]] = [
    ("POST", "/finance/agreements/9/additions", lambda writer: writer.create_addition(9, {})),
    ("PATCH", "/finance/agreements/9/additions/7", lambda writer: writer.patch_addition(9, 7, {"quantity": 1})),
    ("POST", "/procurement/catalog", lambda writer: writer.create_product({})),
    ("PATCH", "/procurement/catalog/7", lambda writer: writer.patch_product(7, {"cost": 1})),
    ("POST", "/company/companies", lambda writer: writer.create_company({})),
    ("POST", "/finance/agreements", lambda writer: writer.create_agreement({})),
    ("POST", "/company/contacts", lambda writer: writer.create_contact({})),
    ("POST", "/procurement/categories", lambda writer: writer.create_category({})),
    ("POST", "/procurement/subcategories", lambda writer: writer.create_subcategory({})),
    ("POST", "/procurement/types", lambda writer: writer.create_product_type({})),
    (
        "POST",
        "/system/documents",
        lambda writer: writer.upload_document(9, title="Users", file_name="u.csv", content=b"a"),
    ),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("body", ["{}", '{"id":"7"}', "[]", "null", '"ok"'])
def test_an_answer_that_cannot_be_understood_is_an_unknown_outcome(
    web: responses.RequestsMock, make_transport: TransportMaker, write: tuple[str, str, Call], body: str
) -> None:
    method, path, call = write
    web.add(method, API + path, body=body)
    transport = make_transport()
    with pytest.raises(errors.Malformed) as caught:
        call(Writer(transport))
    assert caught.value.certainty == "unknown"
    assert transport.requests == 1


@pytest.mark.parametrize(("method", "path", "call"), WRITES)
def test_a_good_answer(
    web: responses.RequestsMock, make_transport: TransportMaker, method: str, path: str, call: Call
) -> None:
    web.add(method, API + path, json={"id": 7, "product": {"id": 3}})
    found = call(Writer(make_transport()))
    assert getattr(found, "id", found) == 7


@pytest.mark.parametrize(
    ("path", "change", "told"),
    [
        ("/finance/agreements/9/additions/7", lambda w: w.patch_addition(9, 7, {"quantity": 1}), "with line 8"),
        ("/procurement/catalog/7", lambda w: w.patch_product(7, {"cost": 1}), "with product 8"),
    ],
)
def test_another_record_in_the_answer_to_a_change_is_an_unknown_outcome(
    web: responses.RequestsMock,
    make_transport: TransportMaker,
    path: str,
    change: Callable[[Writer], object],
    told: str,
) -> None:
    web.add("PATCH", API + path, json={"id": 8, "identifier": "MBX", "product": {"id": 3}})
    with pytest.raises(errors.Malformed, match=told) as caught:
        change(Writer(make_transport()))
    assert caught.value.certainty == "unknown"


def test_upload_is_multipart_and_hidden_from_the_customer_portal(
    web: responses.RequestsMock, make_transport: TransportMaker
) -> None:
    web.add("POST", f"{API}/system/documents", status=201, json={"id": 7, "title": "Users", "fileName": "u.csv"})
    writer = Writer(make_transport())
    writer.upload_document(9, title="Users", file_name="u.csv", content="ü,1".encode())
    sent = web.calls[0].request
    body = b"".join(sent.body)
    assert int(sent.headers["Content-Length"]) == len(body)
    assert sent.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    parts = dict(re.findall(rb'name="(\w+)"(?:; filename="u.csv"\r\nContent-Type: text/csv)?\r\n\r\n(.*?)\r\n', body))
    assert parts == {
        b"recordType": b"Agreement",
        b"recordId": b"9",
        b"title": b"Users",
        b"privateFlag": b"true",
        b"file": "ü,1".encode(),
    }


def test_delete_document(web: responses.RequestsMock, make_transport: TransportMaker) -> None:
    web.add("DELETE", f"{API}/system/documents/7", status=204)
    transport = make_transport()
    Writer(transport).delete_document(7)
    assert transport.requests == 1


@pytest.mark.parametrize(
    ("path", "call", "answered"),
    [
        ("/finance/agreements/9/additions", lambda w: w.create_addition(9, ADDITION), {"product": {"id": 4}}),
        (
            "/finance/agreements/9/additions",
            lambda w: w.create_addition(9, ADDITION),
            {"product": {"id": 3}, "agreementId": 10},
        ),
        ("/procurement/catalog", lambda w: w.create_product({"identifier": "MBX"}), {"identifier": "BCK"}),
        ("/company/companies", lambda w: w.create_company({"identifier": "Acme"}), {"identifier": "Other"}),
        ("/finance/agreements", lambda w: w.create_agreement({"company": {"id": 4}}), {"company": {"id": 5}}),
        (
            "/system/documents",
            lambda w: w.upload_document(9, title="Users", file_name="u.csv", content=b"a"),
            {"title": "Contract", "fileName": "contract.pdf"},
        ),
    ],
)
def test_another_record_than_was_created_is_an_unknown_outcome(
    web: responses.RequestsMock, make_transport: TransportMaker, path: str, call: Call, answered: dict[str, object]
) -> None:
    """It may be anybody's: taken for ours, its bill would go to the wrong customer."""
    web.add("POST", API + path, status=201, json={"id": 7, **answered})
    with pytest.raises(errors.Malformed, match="nobody knows what it did") as caught:
        call(Writer(make_transport()))
    assert caught.value.certainty == "unknown"


def test_a_changed_line_of_another_agreement_is_an_unknown_outcome(
    web: responses.RequestsMock, make_transport: TransportMaker
) -> None:
    web.add(
        "PATCH",
        f"{API}/finance/agreements/9/additions/7",
        json={"id": 7, "product": {"id": 3}, "agreementId": 10},
    )
    with pytest.raises(errors.Malformed, match="line of agreement 10"):
        Writer(make_transport()).patch_addition(9, 7, {"quantity": Decimal(0)})


@pytest.mark.parametrize(
    ("path", "call", "answered"),
    [
        (
            "/procurement/catalog",
            lambda writer: writer.create_product({"identifier": "MBX 1", "description": "Mailbox"}),
            {"identifier": "MBX1", "description": "Mailbox"},
        ),
        (
            "/company/companies",
            lambda writer: writer.create_company({"identifier": "acme", "name": "Acme"}),
            {"identifier": "Acme-0007", "name": "ACME"},
        ),
        (
            "/system/documents",
            lambda writer: writer.upload_document(
                9, title="Cloud°Süd – users", file_name="Cloud°Süd.csv", content=b"a"
            ),
            {
                "title": "Cloud°Süd – users".encode().decode("latin-1"),
                "fileName": "Cloud°Süd.csv".encode().decode("latin-1"),
            },
        ),
    ],
)
def test_a_record_that_a_rule_of_the_partner_renamed_is_the_one_that_was_made(
    web: responses.RequestsMock, make_transport: TransportMaker, path: str, call: Call, answered: dict[str, object]
) -> None:
    """Or that read the names of a form in another character set. Not taken for ours, it would be made once more by every export."""
    web.add("POST", API + path, status=201, json={"id": 7, **answered})
    assert getattr(call(Writer(make_transport())), "id", None) == 7


@pytest.mark.parametrize("said", [{"code": "Security", "message": "no"}, {"errors": [{"message": "in use"}]}])
def test_an_error_in_the_answer_to_a_delete_is_no_deletion(
    web: responses.RequestsMock, make_transport: TransportMaker, said: dict[str, object]
) -> None:
    web.add("DELETE", f"{API}/system/documents/7", json=said)
    with pytest.raises(errors.Malformed, match="nobody knows what it did") as caught:
        Writer(make_transport()).delete_document(7)
    assert caught.value.certainty == "unknown"
