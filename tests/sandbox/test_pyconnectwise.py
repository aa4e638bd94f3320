"""A public client that was written for the real ConnectWise works against the simulator, over TLS as it insists."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from cwportal.sandbox import Sandbox
from cwportal.sandbox.defaults import ADMIN_KEYS, EXPORT_KEYS

from .conftest import SEED
from .support import CLIENT_ID

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its models use what newer pydantic has deprecated
    from pyconnectwise import ConnectWiseManageAPIClient
    from pyconnectwise.exceptions import (
        AuthenticationFailedException,
        MalformedRequestException,
        NotFoundException,
        ObjectExistsError,
        PermissionsFailedException,
    )
    from pyconnectwise.models.manage import Addition


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with pytest.MonkeyPatch.context() as patch, Sandbox(tls=context) as sandbox:
        patch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        sandbox.seed(SEED)
        yield sandbox


def client_for(site: Sandbox, keys: tuple[str, str] = ADMIN_KEYS) -> ConnectWiseManageAPIClient:
    return ConnectWiseManageAPIClient("training", site.site, CLIENT_ID, keys[0], keys[1])


@pytest.fixture
def client(site: Sandbox) -> ConnectWiseManageAPIClient:
    return client_for(site)


def test_reads(client: ConnectWiseManageAPIClient) -> None:
    assert client.system.info.get().version
    company = client.company.companies.id(1).get()
    assert (company.identifier, company.status.name) == ("AcmeCorp", "Active")
    agreements = client.finance.agreements.get(params={"conditions": "cancelledFlag=false", "orderBy": "id"})
    assert [agreement.name for agreement in agreements] == ["Acme Cloud", "ONeil Cloud"]
    additions = client.finance.agreements.id(1).additions.get(params={"orderBy": "id"})
    assert [(line.product.identifier, line.quantity, line.unit_price) for line in additions] == [
        ("MBX-50", 3, 10.5),
        ("BKP-1", 2, 19.99),
    ]
    assert client.procurement.catalog.id(1).get().identifier == "MBX-50"
    assert client.company.companies.count.get().count == 2


def test_pages_through_everything(site: Sandbox, client: ConnectWiseManageAPIClient) -> None:
    site.seed({"tenant": "training", "companies": [{"name": f"P {n}", "identifier": f"P{n}"} for n in range(45)]})
    first = client.company.companies.paginated(1, 10, params={"orderBy": "id asc", "conditions": "name like 'P*'"})
    found = [company.name for company in first.all()]
    assert found == [f"P {n}" for n in range(45)]


def test_creates_patches_and_deletes_an_addition(client: ConnectWiseManageAPIClient) -> None:
    additions = client.finance.agreements.id(3).additions
    body = {"product": {"id": 1}, "billCustomer": "Billable", "quantity": 2, "unitPrice": 1.25}
    made = additions.post(body)
    assert isinstance(made, Addition)
    assert (made.ext_price, made.unit_cost) == (2.5, 4)
    changed = additions.id(made.id).patch([{"op": "replace", "path": "quantity", "value": 6}])
    assert (changed.quantity, changed.ext_price) == (6, 7.5)
    additions.id(made.id).delete()
    with pytest.raises(NotFoundException):
        additions.id(made.id).get()


def test_creates_a_company_and_a_product(client: ConnectWiseManageAPIClient) -> None:
    company = client.company.companies.post({"identifier": "Pyc", "name": "Py Co"})
    assert company.status.name == "Active"
    item = {
        "identifier": "PYC",
        "description": "d",
        "customerDescription": "c",
        "type": {"id": 1},
        "subcategory": {"id": 1},
    }
    assert client.procurement.catalog.post(item).id
    with pytest.raises(ObjectExistsError):
        client.procurement.catalog.post(item)


def test_its_errors(site: Sandbox, client: ConnectWiseManageAPIClient) -> None:
    with pytest.raises(MalformedRequestException):
        client.finance.agreements.id(1).additions.post({"product": {"id": 1}})
    with pytest.raises(AuthenticationFailedException):
        client_for(site, ("AdminPublicKey01", "wrong")).company.companies.get()
    with pytest.raises(PermissionsFailedException):
        client_for(site, EXPORT_KEYS).company.contacts.get()
