"""The client against the simulator over real HTTP: what we ask is understood, what we write is there."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from cwportal.connectwise import errors
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.rights import check_rights
from cwportal.connectwise.session import company_info
from cwportal.connectwise.site import parse_site

from .support import failure
from .world import World, addition

NASTY = [
    "Plain",
    'Quote"d',
    "O'Neill & Söhne",
    "Both\"' kinds",
    "100% _x_ [br] *",
    "a+b = c#d?e",
    "back\\slash",
    "日本語",
    "x or y = 'z'",
]

# Connecting.


def test_company_info(world: World) -> None:
    allowed = frozenset({world.sandbox.site})
    site = parse_site(f" HTTP://{world.sandbox.site}/some/page ", allowed)
    guard = AddressGuard(allowed)
    found = company_info(site, "training", guard=guard, clock=world.time.now)
    assert (found.company_id, found.codebase) == ("training", "v4_6_release/")
    unknown = failure(lambda: company_info(site, "nobody", guard=guard, clock=world.time.now))
    assert type(unknown) is errors.UnknownCompany


@pytest.mark.parametrize(("cloud", "status"), [(False, 401), (True, 404)])
def test_wrong_keys(world: World, cloud: bool, status: int) -> None:
    world.sandbox.set_variant(cloud=cloud)
    found = failure(Reader(world.connect("WrongPublicKey11", "WrongPrivateKey1")).company_count)
    assert type(found) is errors.Rejected
    assert found.status == status


@pytest.mark.parametrize("status", [400, 401, 403])
def test_an_unknown_client_id_is_the_vendors_fault(fresh: World, status: int) -> None:
    fresh.sandbox.set_variant(client_ids=["registered"], client_id_status=status)
    assert type(failure(fresh.read.company_count)) is errors.ClientIdRejected


def test_the_documented_role_has_every_right(world: World) -> None:
    world.agreement()
    assert {row.state for row in check_rights(world.read)} == {"has"}
    world.sandbox.set_variant(my_security="refused")
    states = {(row.need.level, row.state) for row in check_rights(world.read) if row.need.function != "API Reports"}
    assert states == {("inquire", "has")} | {(level, "unknown until first use") for level in ("add", "edit", "delete")}


def test_a_missing_right_is_named(world: World) -> None:
    found = failure(lambda: world.write.create_contact({"firstName": "Jo"}))
    assert isinstance(found, errors.Forbidden)
    assert found.right == "Company > Contacts > Add"
    assert found.certainty == "refused"


# Reading.


@pytest.mark.parametrize("limit", [1000, 100, 7])
@pytest.mark.parametrize("count", [0, 1, 14, 120])
def test_every_addition_is_read_once(world: World, limit: int, count: int) -> None:
    world.sandbox.set_variant(page_limit=limit, shuffle=True)
    number = world.agreement(count)
    found = Reader(world.transport).additions(number)
    assert len({one.id for one in found}) == len(found) == count
    assert all(one.quantity == 1 for one in found)


def test_an_agreement_is_read_with_one_request(world: World) -> None:
    number = world.agreement(250)
    world.read.additions(number)
    before = world.transport.requests
    assert len(world.read.additions(number)) == 250
    assert world.transport.requests - before == 1


def test_names_of_every_kind_are_found(world: World) -> None:
    companies = [{"identifier": f"nasty{place}", "name": name} for place, name in enumerate(NASTY)]
    planted = world.sandbox.seed({"companies": companies})["companies"]
    for name, company in zip(NASTY, planted, strict=True):
        assert [one.id for one in world.read.find_company(name=name.upper())] == [company["id"]]
    assert world.read.find_company(name="Nobody at all") == []


def test_part_numbers_of_every_kind_are_found(world: World) -> None:
    many = [f"PART-{number:03}" for number in range(130)]
    world.sandbox.seed({"catalog": [{"identifier": name, "description": "x"} for name in [*NASTY, *many]]})
    found = world.read.products_by_identifier([*NASTY, *many, "NONE-SUCH"])
    assert {name: [one.identifier for one in hits] for name, hits in found.items()} == {
        **{name: [name] for name in [*NASTY, *many]},
        "NONE-SUCH": [],
    }


def test_many_ids_and_missing_ones(world: World) -> None:
    names = [f"Batch {number}" for number in range(130)]
    planted = world.sandbox.seed({"companies": [{"identifier": name.replace(" ", ""), "name": name} for name in names]})
    ids = [company["id"] for company in planted["companies"]]
    found = world.read.companies([*ids, 999_999])
    assert sorted(found) == sorted(ids)
    assert [found[number].name for number in ids] == names


def test_agreements_of_a_company(world: World) -> None:
    given = {"name": "Two Deals", "agreements": [{"name": "One"}, {"name": 'The "Two"'}]}
    company = world.sandbox.seed({"companies": [given]})["companies"][0]
    assert [one.name for one in world.read.agreements_of(company["id"])] == ["One", 'The "Two"']
    found = world.read.find_agreement('the "two"', company["id"])
    assert [one.id for one in found] == [company["agreements"][1]["id"]]
    agreement = world.read.agreements([found[0].id])[found[0].id]
    assert (agreement.company_id, agreement.currency, agreement.billing_cycle_name) == (company["id"], "USD", "Monthly")
    assert world.read.find_agreement("One", 999_999) == []


def test_tables(world: World) -> None:
    monthly = [cycle.billing_options for cycle in world.read.billing_cycles() if cycle.name == "Monthly"]
    assert monthly == ["Monthly"]
    assert {status.name for status in world.read.company_statuses() if status.inactive} >= {"Inactive"}
    assert world.read.agreement_types()
    assert world.read.categories()


def test_the_directory(world: World) -> None:
    world.agreement()
    world.sandbox.set_variant(page_limit=50)
    assert len(list(Reader(world.transport).iterate_companies())) == world.read.company_count()
    assert [one.id for one in world.read.iterate_agreements()] == sorted(
        one.id for one in Reader(world.transport, page_size=3).iterate_agreements()
    )


# Writing.


def test_an_addition_is_written_and_changed_exactly(world: World) -> None:
    number, product = world.agreement(), world.product("EXACT")
    fields = addition(product, unitPrice=Decimal("4.1001"), unitCost=Decimal("0.1"), effectiveDate=date(2026, 3, 1))
    made = world.write.create_addition(number, fields)
    assert (made.quantity, made.unit_price, made.unit_cost) == (Decimal(3), Decimal("4.1001"), Decimal("0.1"))
    assert (made.effective, made.cancelled, made.product_id) == (date(2026, 3, 1), None, product)
    changed = world.write.patch_addition(number, made.id, {"quantity": Decimal("2.5"), "unitPrice": Decimal("0.3")})
    assert (changed.quantity, changed.unit_price, changed.unit_cost) == (Decimal("2.5"), Decimal("0.3"), Decimal("0.1"))
    ended = world.write.patch_addition(number, made.id, {"cancelledDate": date(2026, 3, 31)})
    assert ended.cancelled == date(2026, 3, 31)
    assert world.read.additions(number) == [ended]


def test_what_connectwise_rounds_is_echoed(world: World) -> None:
    world.sandbox.set_variant(round_money=2)
    made = world.write.create_addition(world.agreement(), addition(world.product("ROUND"), unitPrice=Decimal("1.2350")))
    assert made.unit_price == Decimal("1.24")


def test_everything_else_that_is_written(world: World) -> None:
    category = world.write.create_category({"name": "Portal"})
    subcategory = world.write.create_subcategory({"name": "Portal", "category": {"id": category.id}})
    kind = world.write.create_product_type({"name": "Portal"})
    fields = {"identifier": "ALL", "description": "All", "customerDescription": "All", "cost": Decimal("1.10")}
    product = world.write.create_product({**fields, "type": {"id": kind.id}, "subcategory": {"id": subcategory.id}})
    assert world.write.patch_product(product.id, {"cost": Decimal("1.20")}).cost == Decimal("1.2")
    company = world.write.create_company({"identifier": "NewCo", "name": "New & Co", "site": {"name": "Main"}})
    agreement = world.write.create_agreement(
        {
            "name": "Portal – New & Co",
            "type": {"id": world.read.agreement_types()[0].id},
            "company": {"id": company.id},
            "startDate": date(2026, 3, 1),
            "noEndingDateFlag": True,
        }
    )
    assert (agreement.company_id, agreement.start, agreement.no_ending) == (company.id, date(2026, 3, 1), True)
    sheet = world.write.upload_document(agreement.id, title="Users", file_name="users.csv", content="ü,1\r\n".encode())
    assert world.read.documents(agreement.id) == [sheet]
    assert (sheet.title, sheet.file_name) == ("Users", "users.csv")
    world.write.delete_document(sheet.id)
    assert world.read.documents(agreement.id) == []


def test_duplicates_say_so(world: World) -> None:
    world.product("TWICE")
    found = failure(lambda: world.product("TWICE"))
    assert type(found) is errors.Invalid
    assert found.has_code("ObjectExists")
    assert found.certainty == "refused"


def test_refusals_name_the_field(world: World) -> None:
    found = failure(lambda: world.write.create_addition(world.agreement(), addition(999_999)))
    assert type(found) is errors.Invalid
    assert any(one.field.startswith("product") for one in found.errors)
    missing = failure(lambda: world.write.patch_addition(world.agreement(), 999_999, {"quantity": 1}))
    assert type(missing) is errors.NotFound
