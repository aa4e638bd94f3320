"""What the reader asks for and makes of the answers; the sandbox tests show that ConnectWise would understand it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import pytest

from cwportal.connectwise import errors
from cwportal.connectwise.answers import Answer
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.session import Transport

Params = Mapping[str, str]
NEXT = '<https://h/x?page=2>; rel="next"'


class Canned:
    """Stands for a Transport: answers each path with what the test gives for it, remembers what was asked."""

    def __init__(self, paths: Mapping[str, Callable[[Params], Answer] | Answer]) -> None:
        self.paths = paths
        self.asked: list[tuple[str, dict[str, str]]] = []

    def get(self, path: str, params: Params | None = None) -> Answer:
        self.asked.append((path, dict(params or {})))
        found = self.paths[path]
        return found if isinstance(found, Answer) else found(params or {})

    @property
    def conditions(self) -> list[str]:
        return [params.get("conditions", "") for _, params in self.asked]


def listed(*rows: object, link: str | None = "") -> Answer:
    return Answer(200, list(rows), link)


def reader(canned: Canned, page_size: int = 1000) -> Reader:
    return Reader(cast("Transport", canned), page_size=page_size)


def test_ids_are_read_in_batches_and_missing_ones_are_absent() -> None:
    def answer(params: Params) -> Answer:
        asked = [int(text) for text in params["conditions"].partition("(")[2].rstrip(")").split(",")]
        return listed(*({"id": number, "name": f"A{number}"} for number in asked if number != 7))

    canned = Canned({"/finance/agreements": answer})
    found = reader(canned).agreements([*range(1, 151), 7, 7])
    assert sorted(found) == [number for number in range(1, 151) if number != 7]
    assert found[150].name == "A150"
    assert [text.count(",") + 1 for text in canned.conditions] == [100, 50]


def test_no_ids_ask_nothing() -> None:
    canned = Canned({})
    assert reader(canned).companies([]) == {}
    assert reader(canned).products_by_identifier([]) == {}
    assert canned.asked == []


def test_a_failed_batch_raises_instead_of_leaving_ids_out() -> None:
    def answer(params: Params) -> Answer:
        if "101" in params["conditions"]:
            raise errors.ServerFailed("no")
        return listed()

    with pytest.raises(errors.ServerFailed):
        reader(Canned({"/company/companies": answer})).companies(range(1, 151))


def test_products_by_identifier_knows_none_one_and_several() -> None:
    rows = [
        {"id": 1, "identifier": "MBX"},
        {"id": 2, "identifier": "mbx "},
        {"id": 3, "identifier": "SRV", "inactiveFlag": True},
        {"id": 4, "identifier": "MBX-PLUS"},
    ]
    canned = Canned({"/procurement/catalog": listed(*rows)})
    found = reader(canned).products_by_identifier(["MBX", "SRV", "NEW", " "])
    assert {name: [product.id for product in hits] for name, hits in found.items()} == {
        "MBX": [1, 2],
        "SRV": [3],
        "NEW": [],
        " ": [],
    }
    assert canned.conditions == ['identifier = "MBX" or identifier = "NEW" or identifier = "SRV"']


def test_identifiers_are_asked_for_without_the_spaces_around() -> None:
    canned = Canned({"/procurement/catalog": listed({"id": 1, "identifier": "MBX"})})
    found = reader(canned).products_by_identifier([" MBX "])
    assert [product.id for product in found[" MBX "]] == [1]
    assert canned.conditions == ['identifier = "MBX"']


def test_an_accent_may_be_written_in_two_ways() -> None:
    canned = Canned({"/procurement/catalog": listed({"id": 1, "identifier": "CAF\u00c9"})})
    assert [product.id for product in reader(canned).products_by_identifier(["Cafe\u0301"])["Cafe\u0301"]] == [1]


def test_an_identifier_that_cannot_be_quoted_is_compared_here() -> None:
    rows = [{"id": 1, "identifier": "A\"B'Cable"}, {"id": 2, "identifier": "Cable"}]
    canned = Canned({"/procurement/catalog": listed(*rows)})
    found = reader(canned).products_by_identifier(["A\"B'Cable"])
    assert [product.id for product in found["A\"B'Cable"]] == [1]
    assert canned.conditions == ['identifier contains "Cable"']


def test_additions_are_one_request_and_come_by_id() -> None:
    rows = [{"id": number, "product": {"id": 1}, "quantity": Decimal("1.5")} for number in (3, 1, 2)]
    canned = Canned({"/finance/agreements/9/additions": listed(*rows)})
    found = reader(canned).additions(9)
    assert [addition.id for addition in found] == [1, 2, 3]
    assert found[0].quantity == Decimal("1.5")
    path, params = canned.asked[0]
    assert len(canned.asked) == 1
    assert (path, params["orderBy"], params["pageSize"]) == ("/finance/agreements/9/additions", "id asc", "1000")


@pytest.mark.parametrize(("count", "fails"), [(4, False), (5, True), (3, True)])
def test_a_list_of_several_pages_is_counted(count: int, fails: bool) -> None:
    def answer(params: Params) -> Answer:
        low = 1 if "conditions" not in params else 3
        return listed(*({"id": low + step, "product": {"id": 1}} for step in (0, 1)), link=NEXT if low == 1 else "")

    canned = Canned(
        {
            "/finance/agreements/9/additions": answer,
            "/finance/agreements/9/additions/count": Answer(200, {"count": count}),
        }
    )
    if fails:
        with pytest.raises(errors.Incomplete, match="changed while they were read"):
            reader(canned, 2).additions(9)
    else:
        assert len(reader(canned, 2).additions(9)) == 4


def test_an_addition_of_a_wrong_type_fails_the_whole_read() -> None:
    rows = [{"id": 1, "product": {"id": 1}}, {"id": 2, "product": {"id": 1}, "quantity": "3"}]
    with pytest.raises(errors.Malformed, match="addition 2"):
        reader(Canned({"/finance/agreements/9/additions": listed(*rows)})).additions(9)


def test_find_company_compares_again() -> None:
    rows = [{"id": 1, "name": 'O\'Neill "West"'}, {"id": 2, "name": "Neill"}]
    canned = Canned({"/company/companies": listed(*rows)})
    assert [company.id for company in reader(canned).find_company(name='o\'neill "west"')] == [1]
    assert canned.conditions == ['name contains "neill " and deletedFlag = false']


def test_find_company_by_identifier() -> None:
    canned = Canned({"/company/companies": listed({"id": 1, "identifier": "ACME"})})
    assert [company.id for company in reader(canned).find_company(identifier="acme")] == [1]
    assert canned.conditions == ['identifier = "acme" and deletedFlag = false']


def test_find_agreement_stays_in_its_company() -> None:
    canned = Canned({"/finance/agreements": listed({"id": 1, "name": "Managed"}, {"id": 2, "name": "Managed 2"})})
    assert [agreement.id for agreement in reader(canned).find_agreement("managed", 4)] == [1]
    assert canned.conditions == ['name = "managed" and company/id = 4']


@pytest.mark.parametrize(("count", "fails"), [(0, False), (3, True)])
def test_no_additions_are_believed_only_if_connectwise_counts_none(count: int, fails: bool) -> None:
    canned = Canned({"/finance/agreements/9/additions/count": Answer(200, {"count": count})})
    if fails:
        with pytest.raises(errors.Incomplete, match="agreement 9 and counts 3"):
            reader(canned).no_additions(9)
    else:
        reader(canned).no_additions(9)


@pytest.mark.parametrize(
    ("path", "everything"),
    [("/company/companies", Reader.iterate_companies), ("/finance/agreements", Reader.iterate_agreements)],
)
@pytest.mark.parametrize("count", [0, 20_000])
def test_an_empty_directory_is_believed_only_if_connectwise_counts_nothing(
    path: str, everything: Callable[..., Iterator[object]], count: int
) -> None:
    canned = Canned({path: listed(), f"{path}/count": Answer(200, {"count": count})})
    read = reader(canned)
    assert list(everything(read, datetime(2026, 3, 1, tzinfo=UTC))) == []
    if count:
        with pytest.raises(errors.Incomplete, match=f"listed no {path.rpartition('/')[2]} and counts some"):
            list(everything(read))
    else:
        assert list(everything(read)) == []


def test_a_server_that_ignores_conditions_gives_nobody_somebody_elses_records() -> None:
    here, there = {"company": {"id": 4}}, {"company": {"id": 5}}
    name = {"name": "Managed"}
    canned = Canned(
        {
            "/finance/agreements": listed({"id": 1, **name, **there}, {"id": 2, **name, **here}, {"id": 3, **name}),
            "/company/contacts": listed({"id": 6, "firstName": "Ada", **there}, {"id": 7, "firstName": "Ada", **here}),
            "/company/companies": listed(
                {"id": 8, "name": "Acme", "deletedFlag": True}, {"id": 9, "name": "Acme"}, {"id": 10, "name": "Beta"}
            ),
            "/procurement/catalog": listed({"id": 11, "identifier": "A"}, {"id": 12, "identifier": "B"}),
        }
    )
    read = reader(canned)
    assert [one.id for one in read.find_agreement("Managed", 4)] == [2, 3]
    assert [one.id for one in read.agreements_of(4)] == [2, 3]
    assert read.find_contacts(4, "Ada", "") == [7]
    assert [one.id for one in read.find_company(name="acme")] == [9]
    assert {key: [one.id for one in found] for key, found in read.products_by_identifier(["B"]).items()} == {"B": [12]}


@pytest.mark.parametrize("data", [None, [], {"count": "5"}, {"count": True}, {"count": -1}, {}])
def test_a_count_that_is_none(data: object) -> None:
    with pytest.raises(errors.Malformed):
        reader(Canned({"/company/companies/count": Answer(200, data)})).company_count()


def test_my_security_reads_all_pages() -> None:
    row = {"id": 0, "moduleName": "Finance", "moduleFunctionName": "Agreements", "inquireLevel": "All"}

    def answer(params: Params) -> Answer:
        return listed(row, link=NEXT if params["page"] == "1" else "")

    assert len(reader(Canned({"/system/mySecurity": answer})).my_security()) == 2


def test_my_security_does_not_go_in_circles() -> None:
    with pytest.raises(errors.Incomplete):
        reader(Canned({"/system/mySecurity": lambda _: listed({}, link=NEXT)})).my_security()


def test_the_directory_streams() -> None:
    def answer(params: Params) -> Answer:
        return listed({"id": 1}, {"id": 2}, link=NEXT) if "conditions" not in params else listed({"id": 3})

    canned = Canned({"/company/companies": answer})
    stream = reader(canned, 2).iterate_companies()
    assert next(stream).id == 1
    assert len(canned.asked) == 1
    assert [company.id for company in stream] == [2, 3]


@pytest.mark.parametrize("path", ["/company/companies", "/finance/agreements"])
def test_only_what_was_changed_is_asked_for_on_every_page(path: str) -> None:
    def answer(params: Params) -> Answer:
        return listed({"id": 1}, {"id": 2}, link=NEXT) if "id >" not in params["conditions"] else listed({"id": 3})

    canned = Canned({path: answer})
    since = datetime(2026, 3, 1, tzinfo=UTC)
    source = reader(canned, 2)
    stream = source.iterate_companies(since) if "company" in path else source.iterate_agreements(since)
    assert [record.id for record in stream] == [1, 2, 3]
    asked = "lastUpdated > [2026-03-01T00:00:00Z]"
    assert canned.conditions == [asked, f"{asked} and id > 2"]


TABLES = [
    ("billing_cycles", "/finance/billingCycles"),
    ("company_statuses", "/company/companies/statuses"),
    ("agreement_types", "/finance/agreements/types"),
    ("product_types", "/procurement/types"),
    ("categories", "/procurement/categories"),
    ("subcategories", "/procurement/subcategories"),
]


@pytest.mark.parametrize(("name", "path"), TABLES)
def test_tables(name: str, path: str) -> None:
    canned = Canned({path: listed({"id": 1, "name": "One"}, {"id": 2, "name": "Two"})})
    assert [row.name for row in getattr(reader(canned), name)()] == ["One", "Two"]


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/company/companies", lambda read: read.find_company(name="Acme", counted=True)),
        ("/finance/agreements", lambda read: read.agreements_of(4)),
        ("/company/contacts", lambda read: read.find_contacts(4, "Ada", "")),
        ("/procurement/types", Reader.product_types),
        ("/procurement/catalog", lambda read: sorted({"A", "B"} - read.missing_products(["A", "B"]))),
    ],
)
def test_a_list_without_rows_is_believed_before_a_creation_only_if_connectwise_counts_none(
    path: str, ask: Callable[[Reader], list[object]], count: int
) -> None:
    """Counted by the same condition."""
    canned = Canned({path: listed(), f"{path}/count": Answer(200, {"count": count})})
    if count:
        with pytest.raises(errors.Incomplete, match=f"listed 0 of {path} and counts 2"):
            ask(reader(canned))
    else:
        assert ask(reader(canned)) == []
    assert len(set(canned.conditions)) == 1


def test_products_about_to_be_created_are_looked_for_as_connectwise_compares() -> None:
    rows = [{"id": 1, "identifier": "mbx "}, {"id": 2, "identifier": "OTHER"}]
    canned = Canned({"/procurement/catalog": listed(*rows), "/procurement/catalog/count": Answer(200, {"count": 2})})
    assert reader(canned).missing_products(["MBX", "BCK"]) == {"BCK"}
