"""Records: lenient about what is absent, strict about the type of what is there."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from cwportal.connectwise import records
from cwportal.connectwise.errors import Malformed

ADDITION: dict[str, object] = {
    "id": 7,
    "product": {"id": 3, "identifier": "MBX-1", "_info": {}},
    "quantity": Decimal("12.50"),
    "lessIncluded": 0,
    "unitPrice": Decimal("4.1234"),
    "unitCost": 2,
    "billCustomer": "Billable",
    "effectiveDate": "2026-03-01T00:00:00Z",
    "cancelledDate": "",
    "description": "Mailbox",
    "additionStatus": "Active",
    "never_heard_of": [1, 2],
}


def test_addition() -> None:
    found = records.Addition.from_json(ADDITION)
    assert found == records.Addition(
        id=7,
        product_id=3,
        product_identifier="MBX-1",
        quantity=Decimal("12.5"),
        less_included=Decimal(0),
        unit_price=Decimal("4.1234"),
        unit_cost=Decimal(2),
        bill_customer="Billable",
        effective=date(2026, 3, 1),
        cancelled=None,
        description="Mailbox",
    )
    assert all(isinstance(value, Decimal) for value in (found.quantity, found.unit_cost, found.less_included))


def test_an_addition_with_the_least() -> None:
    found = records.Addition.from_json({"id": 7, "product": {"id": 3}, "unitPrice": None, "description": None})
    assert (found.quantity, found.unit_price) == (Decimal(0), Decimal(0))
    assert (found.description, found.effective) == ("", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", None),
        ("id", "7"),
        ("id", True),
        ("id", 0),
        ("id", -1),
        ("id", Decimal("7.5")),
        ("id", 2**31),
        ("product", {"id": 10**25}),
        ("agreementId", "9"),
        ("agreementId", 2**31),
        ("product", None),
        ("product", 3),
        ("product", {}),
        ("product", {"id": "3"}),
        ("quantity", "12"),
        ("quantity", True),
        ("quantity", [1]),
        ("quantity", Decimal("1e999999")),
        ("quantity", Decimal("1e-999999")),
        ("unitPrice", {}),
        ("unitCost", "2.00"),
        ("lessIncluded", "0"),
        ("effectiveDate", "01.03.2026"),
        ("effectiveDate", 20260301),
        ("cancelledDate", "2026-02-30T00:00:00Z"),
        ("cancelledDate", "2026-03-01T00:00:00+02:00"),
        ("description", ["x"]),
        ("billCustomer", False),
    ],
)
def test_a_wrong_type_is_named_and_never_a_default(name: str, value: object) -> None:
    with pytest.raises(Malformed) as caught:
        records.Addition.from_json({**ADDITION, name: value})
    assert "addition" in caught.value.sentence or "product" in caught.value.sentence
    assert caught.value.certainty == "unknown"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"product": 3}, "addition 7 has a “product”"),
        ({"product": {"id": "3"}}, "addition 7 has a “product/id”"),
        ({"product": {"id": 3, "identifier": []}}, "addition 7 has a “product/identifier”"),
        ({"quantity": "12"}, "addition 7 has a “quantity”"),
        ({"id": True}, "addition has a “id”"),
    ],
)
def test_the_sentence_names_the_record_and_the_field(changed: dict[str, object], told: str) -> None:
    with pytest.raises(Malformed, match=told):
        records.Addition.from_json({**ADDITION, **changed})


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_what_is_no_object(data: object) -> None:
    with pytest.raises(Malformed, match="no addition"):
        records.Addition.from_json(data)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-01T00:00:00Z", date(2026, 3, 1)),
        ("2026-03-01T23:59:59Z", date(2026, 3, 1)),
        ("2026-03-01T00:00:00.000Z", date(2026, 3, 1)),
        ("2026-03-01", date(2026, 3, 1)),
        ("2026-03-01T00:00:00+00:00", date(2026, 3, 1)),
        ("0001-01-01T00:00:00Z", None),
        ("0000-00-00", None),
        ("1900-01-01T00:00:00", None),
        ("9999-12-31T23:59:59.9999999Z", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_stay_the_day_they_say(text: object, day: date | None) -> None:
    assert records.Addition.from_json({**ADDITION, "effectiveDate": text}).effective == day


def test_agreement() -> None:
    found = records.Agreement.from_json(
        {
            "id": 9,
            "name": "Managed Services",
            "type": {"id": 2, "name": "Managed"},
            "company": {"id": 4, "identifier": "acme", "name": "Acme"},
            "contact": {"id": 1},
            "startDate": "2025-01-01T00:00:00Z",
            "billStartDate": "2025-02-01T00:00:00Z",
            "endDate": None,
            "noEndingDateFlag": True,
            "cancelledFlag": False,
            "agreementStatus": "Active",
            "billingCycle": {"id": 5, "name": "Monthly"},
            "currency": {"id": 1, "symbol": "$", "currencyCode": "USD", "name": "US Dollars"},
            "parentAgreement": {"id": 0},
            "customFields": [],
        }
    )
    assert found == records.Agreement(
        id=9,
        name="Managed Services",
        company_id=4,
        company_name="Acme",
        type_id=2,
        type_name="Managed",
        cancelled=False,
        status="Active",
        start=date(2025, 1, 1),
        end=None,
        no_ending=True,
        bill_start=date(2025, 2, 1),
        cancelled_on=None,
        billing_cycle_id=5,
        billing_cycle_name="Monthly",
        currency="USD",
        parent_id=None,
    )


def test_an_agreement_with_the_least() -> None:
    found = records.Agreement.from_json({"id": 9, "name": "A", "agreementStatus": "", "parentAgreement": {"id": 8}})
    assert (found.company_id, found.status, found.currency, found.billing_cycle_id) == (None, None, None, None)
    assert (found.parent_id, found.cancelled, found.no_ending) == (8, False, False)


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ({"currencyCode": "eur"}, "EUR"),
        ({"currencyIdentifier": "CAD", "name": "Canadian Dollar"}, "CAD"),
        ({"identifier": "GBP"}, "GBP"),
        ({"name": "AUD"}, "AUD"),
        ({"name": "US Dollars", "symbol": "$"}, None),
        ({"currencyCode": "U$D"}, None),
        ({"currencyCode": 840, "name": "USD"}, "USD"),
        ({}, None),
    ],
)
def test_only_an_iso_code_is_a_known_currency(reference: dict[str, object], code: str | None) -> None:
    assert records.Agreement.from_json({"id": 1, "currency": reference}).currency == code


def test_company() -> None:
    data = {
        "id": 4,
        "identifier": "acme",
        "name": "Acme",
        "deletedFlag": True,
        "status": {"id": 1, "name": "Active"},
        "defaultContact": {"id": 12, "name": "Jo"},
    }
    assert records.Company.from_json(data) == records.Company(4, "acme", "Acme", True, 1, "Active", 12)
    assert records.Company.from_json({"id": 4}) == records.Company(4, "", "", False, None, "", None)


def test_product() -> None:
    data = {
        "id": 3,
        "identifier": "MBX",
        "description": "Mailbox",
        "price": 4,
        "cost": Decimal("2.50"),
        "inactiveFlag": True,
        "productClass": "Bundle",
        "type": {"id": 1},
        "subcategory": {"id": 2},
    }
    expected = records.Product(3, "MBX", "Mailbox", Decimal(4), Decimal("2.5"), True, "Bundle", 1, 2)
    assert records.Product.from_json(data) == expected


def test_small_records() -> None:
    assert records.CompanyStatus.from_json({"id": 1, "name": "Gone", "inactiveFlag": True}).inactive
    cycle = records.BillingCycle.from_json({"id": 1, "name": "M", "billingOptions": "Monthly"})
    assert cycle.billing_options == "Monthly"
    item = records.NamedItem.from_json({"id": 1, "name": "M", "defaultFlag": True})
    assert (item.default, item.inactive) == (True, False)
    assert records.Document.from_json({"id": 1, "title": "T", "fileName": "f.csv"}).file_name == "f.csv"
    row = records.SecurityRow.from_json({"moduleName": "Finance", "moduleFunctionName": "Agreements", "addLevel": "My"})
    assert (row.module, row.function, row.add, row.inquire) == ("Finance", "Agreements", "My", "")
    assert records.SystemInfo.from_json({"version": "v2026.1", "isCloud": True}).is_cloud
