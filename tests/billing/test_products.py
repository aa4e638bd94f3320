from __future__ import annotations

from typing import Any

import pytest

from cwportal.billing.products import plan_products, resolve
from cwportal.billing.values import Catalog, LedgerProduct, Sku
from cwportal.vocabulary import Action, Data, Kind
from tests.billing.build import ALL, MAIL, catalog, codes, context, d, entry, line, only, plain, plan, row, writes
from tests.billing.build import group as wanted


def known(**more: Any) -> LedgerProduct:
    return LedgerProduct(**{"part_number": "mail", "product_id": 900, "created": False, **more})


HITS = {"mail": (entry(),)}
CASES: dict[str, tuple[Catalog, int | str]] = {
    "found by its identifier": (catalog(HITS), MAIL),
    "nothing there": (catalog({"mail": ()}), "missing"),
    "exact spelling first": (catalog({"mail": (entry(1, "MAIL"), entry(2, "mail"))}), 2),
    "else any spelling": (catalog({"mail": (entry(1, "MAIL"),)}), 1),
    "spaces at the ends do not count": (catalog({"mail": (entry(1, "mail "),)}), 1),
    "two of other spellings": (catalog({"mail": (entry(1, "MAIL"), entry(2, "Mail"))}), "product_ambiguous"),
    "two of the same spelling": (catalog({"mail": (entry(1), entry(2))}), "product_ambiguous"),
    "two, one of them inactive": (catalog({"mail": (entry(1), entry(2, inactive=True))}), "product_ambiguous"),
    "inactive": (catalog({"mail": (entry(inactive=True),)}), "product_inactive"),
    "bundle": (catalog({"mail": (entry(product_class="Bundle"),)}), "product_bundle"),
    "known before, also under another identifier": (
        catalog(HITS, by_id=[entry(900, "renamed")], ledger=[known()]),
        900,
    ),
    "known before, but gone": (catalog(HITS, ledger=[known()]), MAIL),
    "known before, now inactive": (
        catalog(HITS, by_id=[entry(900, inactive=True)], ledger=[known()]),
        "product_inactive",
    ),
    "linked": (catalog(HITS, by_id=[entry(900, "other")], ledger=[known(linked=True)]), 900),
    "linked to a bundle": (
        catalog(HITS, by_id=[entry(900, "other", product_class="Bundle")], ledger=[known(linked=True)]),
        "product_bundle",
    ),
    "linked to what is gone: a person's choice is not replaced": (
        catalog(HITS, ledger=[known(linked=True)]),
        "product_inactive",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_which_product_stands_for_a_part_number(case: str) -> None:
    given, expected = CASES[case]
    result = resolve("mail", given)
    if result.entry is not None:
        assert result.entry.id == expected
    elif result.problem is not None:
        assert result.problem.code == expected
        assert result.problem.part_number == "mail"
    else:
        assert expected == "missing"


def test_what_was_not_read_is_not_missing() -> None:
    with pytest.raises(KeyError):
        resolve("mail", catalog({}))


def test_a_blocked_product_leaves_its_lines_alone() -> None:
    two = catalog({"mail": (entry(1), entry(MAIL))})
    result = plan([wanted(9)], [row(1, 2)], [line(1, 2)], using=context(products=two))
    assert (writes(result), codes(result), result.state) == ([], ["product_ambiguous"], "blocked")
    assert (result.money.price_before, result.money.price_after) == (10, 10)


def test_two_skus_cannot_share_a_product() -> None:
    shared = catalog(
        {"mail": (entry(),), "disk": (entry(9, "disk"),)},
        by_id=[entry()],
        ledger=[LedgerProduct("disk", MAIL, created=False, linked=True)],
    )
    result = plan([wanted(1), wanted(1, part="disk")], using=context(products=shared))
    assert (writes(result), codes(result)) == ([], ["product_ambiguous", "product_ambiguous"])


def test_creation_sends_full_texts_and_cost() -> None:
    name = "Größe " * 20
    skus = {"mail": Sku("mail", name, d("1.00005"))}
    change = only(plan_products({"mail": "A"}, context(products=catalog({"mail": ()}, skus=skus))))
    assert (change.kind, change.action, change.before, change.product_id) == (Kind.PRODUCT, Action.CREATE, {}, None)
    assert plain(change.after) == {
        "identifier": "mail",
        "description": name[:60].strip(),
        "customerDescription": name.strip(),
        "cost": "1.0001",
    }


@pytest.mark.parametrize(
    ("data", "list_cost"), [(ALL - {Data.COST}, d(1)), (ALL, None)], ids=["cost not exported", "list cost not known"]
)
def test_creation_without_cost(data: frozenset[Data], list_cost: Any) -> None:
    products = catalog({"mail": ()}, skus={"mail": Sku("mail", "", list_cost)})
    change = only(plan_products(["mail"], context(data, products=products)))
    assert change.after == {"identifier": "mail", "description": "mail", "customerDescription": "mail"}


@pytest.mark.parametrize(
    ("cost", "ledger", "data", "expected"),
    [
        (5, known(created=True), ALL, {"cost": "3"}),
        (3, known(created=True), ALL, None),
        (5, known(created=False), ALL, None),
        (5, known(created=True), ALL - {Data.COST}, None),
        (5, known(created=True, sent_cost=d(3), echoed_cost=d(5)), ALL, None),
        (6, known(created=True, sent_cost=d(3), echoed_cost=d(5)), ALL, {"cost": "3"}),
        (5, known(created=True, sent_cost=d(4), echoed_cost=d(5)), ALL, {"cost": "3"}),
    ],
    ids=["changed", "right", "not ours", "not exported", "as it was rounded", "changed by hand", "list cost moved"],
)
def test_cost_of_products_we_created(cost: int, ledger: LedgerProduct, data: frozenset[Data], expected: Any) -> None:
    products = catalog(HITS, by_id=[entry(900, cost=d(cost), price=d(99))], ledger=[ledger])
    changes = plan_products(["mail"], context(data, products=products))
    assert [plain(change.after) for change in changes] == ([] if expected is None else [expected])
    assert all("price" not in change.after for change in changes)


def test_every_product_once_in_order() -> None:
    products = catalog({"mail": (), "disk": ()})
    changes = plan_products(["mail", "disk", "mail"], context(products=products))
    assert [change.part_number for change in changes] == ["disk", "mail"]


@pytest.mark.parametrize(
    "using",
    [
        context(ALL - {Data.PRODUCTS}, products=catalog({"mail": ()})),
        context(
            products=catalog({"mail": ()}),
            rights={(Kind.PRODUCT, Action.CREATE): "Procurement > Product Catalog > Add"},
        ),
        context(products=catalog({"mail": (entry(inactive=True),)})),
    ],
    ids=["not selected", "right missing", "unusable"],
)
def test_no_creation(using: Any) -> None:
    assert plan_products(["mail"], using) == []


def test_the_account_names_the_products_its_changes_need() -> None:
    new = plan([wanted(1)], using=context(products=catalog({"mail": ()})))
    assert new.products == ("mail",)
    assert only(new.changes).product_id is None
    assert plan([wanted(1)]).products == ()


def test_a_changed_list_cost_alone_is_something_to_write() -> None:
    products = catalog(HITS, by_id=[entry(MAIL, cost=d(9))], ledger=[known(product_id=MAIL, created=True)])
    result = plan([wanted(1)], [row(1)], [line(1)], using=context(products=products))
    assert (result.products, result.changes, result.state) == (("mail",), (), "ready")


def test_a_changed_list_cost_without_the_right_is_said_and_blocks_nothing() -> None:
    products = catalog(HITS, by_id=[entry(MAIL, cost=d(9))], ledger=[known(product_id=MAIL, created=True)])
    rights = {(Kind.PRODUCT, Action.UPDATE): "Procurement > Product Catalog > Edit"}
    result = plan([wanted(2)], [row(1)], [line(1)], using=context(products=products, rights=rights))
    assert (codes(result), result.products, result.state) == (["missing_right"], (), "ready")
    assert writes(result) == [("update", 1, {"quantity": "2"})]


def test_a_product_that_lines_stand_on_and_the_catalog_does_not_show_is_not_gone() -> None:
    """A role at level My sees an empty catalog and no error: nothing may end, and no second product may be made."""
    unseen = context(products=catalog(hits={"mail": ()}, ledger=[LedgerProduct("mail", 501, created=False)]))
    result = plan([wanted(3)], [row(1)], [line(1)], using=unseen)
    assert (writes(result), codes(result), result.products) == ([], ["read_failed"], ())
    assert (result.ended, result.money.price_after) == (0, 5)
    assert codes(plan([wanted(3)], [row(9)], using=unseen)) == ["read_failed"]


def test_a_product_that_no_line_stands_on_may_have_been_deleted() -> None:
    gone = context(products=catalog(hits={"mail": ()}, ledger=[LedgerProduct("mail", 501, created=True)]))
    assert plan([wanted(3)], using=gone).products == ("mail",)
