"""A fresh simulator per test: two companies, three agreements, three products, a few additions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cwportal.sandbox import Sandbox

from .support import PRODUCT, Api, Control

SEED = {
    "catalog": [
        PRODUCT,
        {**PRODUCT, "identifier": "BKP-1", "description": "Backup", "price": 20, "cost": 7.25},
        {**PRODUCT, "identifier": "BUNDLE", "description": "Everything", "productClass": "Bundle"},
    ],
    "companies": [
        {
            "name": "Acme Corp",
            "identifier": "AcmeCorp",
            "city": "Tampa",
            "defaultContact": {"firstName": "Ann", "lastName": "Lee", "email": "ann@acme.example"},
            "agreements": [
                {
                    "name": "Acme Cloud",
                    "startDate": "2025-01-01",
                    "additions": [
                        {"product": "MBX-50", "quantity": 3},
                        {"product": "BKP-1", "quantity": 2, "unitPrice": 19.99, "cancelledDate": "2025-06-30"},
                    ],
                },
                {"name": "Acme Yearly", "billingCycle": "Yearly", "cancelledFlag": True},
            ],
        },
        {
            "name": 'O\'Neil "Q" & Söhne',
            "identifier": "ONeil",
            "agreements": [{"name": "ONeil Cloud", "additions": [{"product": "MBX-50", "quantity": 4}]}],
        },
    ],
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        made.seed(SEED)
        yield made


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    made = Api(sandbox)
    yield made
    made.close()


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    return Control(sandbox)
