"""The rights table: from mySecurity where allowed, from GET probes where not, never by writing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from cwportal.connectwise import errors
from cwportal.connectwise.answers import Answer
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.rights import NEEDED, RightRow, check_rights
from cwportal.connectwise.session import Transport

LISTS = {
    "/company/companies": "Company Maintenance",
    "/finance/agreements": "Agreements",
    "/procurement/catalog": "Product Catalog",
    "/finance/billingCycles": "Table Setup",
    "/system/documents": "Manage Attachments",
}


class Member:
    """An API member that may inquire everything but `refused`; `security` None means mySecurity is refused."""

    def __init__(self, security: list[object] | None, refused: set[str] | None = None, agreements: int = 1) -> None:
        self.security = security
        self.refused = refused or set()
        self.agreements = agreements
        self.asked: list[str] = []

    def get(self, path: str, _params: Mapping[str, str] | None = None) -> Answer:
        self.asked.append(path)
        if path == "/system/mySecurity":
            if self.security is None:
                raise errors.Forbidden("no", right="x")
            return Answer(200, self.security, "")
        if LISTS[path] in self.refused:
            raise errors.Forbidden("no", right="x")
        return Answer(200, [{"id": 5}] * (self.agreements if path == "/finance/agreements" else 1), "")


def check(member: Member) -> dict[tuple[str, str], RightRow]:
    rows = check_rights(Reader(cast("Transport", member)))
    assert tuple(row.need for row in rows) == NEEDED
    return {(row.need.function, row.need.level): row for row in rows}


def security(level: str = "All", **functions: str) -> list[object]:
    modules = {"Company Maintenance": "Companies", "Manage Attachments": "Companies", "Agreements": "Finance"}
    modules |= {"Product Catalog": "Procurement", "Table Setup": "System", "API Reports": "System"}
    names = ("addLevel", "editLevel", "deleteLevel", "inquireLevel")
    return [
        {"moduleName": modules[name], "moduleFunctionName": name}
        | dict.fromkeys(names, functions.get(name.replace(" ", ""), level))
        for name in modules
    ]


def test_only_two_rights_block() -> None:
    blocking = [(need.module, need.function, need.level) for need in NEEDED if need.blocking]
    assert blocking == [("Company", "Company Maintenance", "inquire"), ("Finance", "Agreements", "inquire")]


def test_all_granted() -> None:
    member = Member(security())
    assert {row.state for row in check(member).values()} == {"has"}
    assert member.asked == ["/system/mySecurity", "/company/companies", "/finance/agreements"]


def test_what_my_security_refuses_is_missing() -> None:
    found = check(Member(security(ProductCatalog="None", Agreements="My")))
    assert found["Product Catalog", "add"] == RightRow(found["Product Catalog", "add"].need, "missing", "None")
    assert found["Product Catalog", "inquire"].state == "missing"
    assert (found["Agreements", "add"].state, found["Agreements", "add"].granted) == ("has", "My")


def test_blocking_rights_are_proven_whatever_my_security_says() -> None:
    found = check(Member(security(), refused={"Agreements"}))
    assert found["Agreements", "inquire"].state == "missing"


@pytest.mark.parametrize("rows", [None, []])
def test_without_my_security_only_reading_is_known(rows: list[object] | None) -> None:
    found = check(Member(rows, refused={"Product Catalog", "Manage Attachments"}))
    states = {key: row.state for key, row in found.items()}
    assert {key: state for key, state in states.items() if key[1] == "inquire"} == {
        ("Company Maintenance", "inquire"): "has",
        ("Manage Attachments", "inquire"): "missing",
        ("Agreements", "inquire"): "has",
        ("Product Catalog", "inquire"): "missing",
        ("Table Setup", "inquire"): "has",
        ("API Reports", "inquire"): "unknown until first use",
    }
    assert {state for key, state in states.items() if key[1] != "inquire"} == {"unknown until first use"}


@pytest.mark.parametrize("error", [errors.Invalid, errors.ServerFailed, errors.NotJson, errors.Malformed])
def test_a_release_whose_my_security_fails_can_be_used_without_it(error: type[errors.ConnectWiseError]) -> None:
    class Old(Member):
        def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
            if path == "/system/mySecurity":
                raise error("no")
            return super().get(path, params)

    found = check(Old(None))
    assert (found["Agreements", "inquire"].state, found["Agreements", "add"].state) == (
        "has",
        "unknown until first use",
    )


@pytest.mark.parametrize(
    ("levels", "blocks"),
    [
        ({}, []),
        ({"Agreements": "My"}, ["Agreements"]),
        ({"CompanyMaintenance": "My", "ProductCatalog": "My"}, ["Company Maintenance"]),
        ({"TableSetup": "None"}, []),
    ],
)
def test_level_my_blocks_where_everything_has_to_be_seen(levels: dict[str, str], blocks: list[str]) -> None:
    rows = check(Member(security(**levels)))
    assert [row.need.function for row in rows.values() if row.blocks] == blocks
    assert {row.need.function for row in rows.values() if row.is_own_only} == {
        function for function, _ in rows if levels.get(function.replace(" ", "")) == "My"
    }


def test_attachments_cannot_be_probed_without_an_agreement() -> None:
    found = check(Member(None, agreements=0))
    assert found["Manage Attachments", "inquire"].state == "unknown until first use"


def test_attachments_cannot_be_probed_without_the_right_to_agreements() -> None:
    found = check(Member(None, refused={"Agreements"}))
    assert found["Agreements", "inquire"].state == "missing"
    assert found["Manage Attachments", "inquire"].state == "unknown until first use"


def test_other_errors_are_not_taken_for_missing_rights() -> None:
    class Broken(Member):
        def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
            if path == "/finance/agreements":
                raise errors.Rejected("keys")
            return super().get(path, params)

    with pytest.raises(errors.Rejected):
        check(Broken(security()))
