"""New companies, contacts and agreements: their fields, and what speaks against creating them (rule 13)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from cwportal.billing.agreements import company_findings, not_live
from cwportal.billing.effective import first_of_month
from cwportal.billing.findings import finding
from cwportal.billing.texts import cut, length, one_line
from cwportal.billing.values import AccountInput, AgreementFacts, Change, Context, Finding, Wish
from cwportal.portal import Address
from cwportal.vocabulary import AccountStatus, Action, Kind

COMPANY_NAME = 50
IDENTIFIER = 25
AGREEMENT_NAME = 100
PERSON_NAME = 30
"""The lengths of the oldest releases in use; newer ones take more (contract section 2)."""

OPTIONAL = ("addressLine1", "city", "state", "zip", "country", "phoneNumber", "website")
"""Company fields that may be left out where ConnectWise refuses them: `state` and `country` must be in its tables."""

_CUT = {"addressLine1": 50, "city": 50, "state": 50}
_WHOLE = {"zip": 12, "phoneNumber": 30, "website": 255}
_LETTERS = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
    | {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i"}
)


def plain_name(name: str) -> str:
    """What two names are compared by: without case, accents, spaces and punctuation; never empty for a name that is not."""
    text = _without_accents(name).casefold()
    return "".join(letter for letter in text if letter.isalnum()) or " ".join(text.split())


def company_name(name: str) -> str:
    """The company's name: the account's, cut to what every release takes."""
    return cut(one_line(name), COMPANY_NAME)


def names_to_look_for(name: str) -> tuple[str, ...]:
    """Names under which the account's company may be there: as it would be created, and whole, as newer releases take it."""
    return tuple(dict.fromkeys((company_name(name), one_line(name))))


def agreement_name(brand: str, name: str) -> str:
    """The agreement's name: the portal's brand and the account's name."""
    return cut(f"{brand} – {one_line(name)}", AGREEMENT_NAME)


def identifiers(account_id: str, name: str) -> Iterator[str]:
    """Company identifiers to try in turn: letters and digits of the name, then with 2, 3, … behind, all within 25.

    A name without a letter that can be written in ASCII gives way to the account's id.
    """
    base = _ascii(name)
    if not any(letter.isalpha() for letter in base):
        base = _ascii(account_id) or "Account"
    yield base[:IDENTIFIER]
    for number in range(2, 1000):
        yield f"{base[: IDENTIFIER - len(str(number))]}{number}"


def wish_findings(account: AccountInput, wish: Wish, context: Context) -> list[Finding]:
    """What speaks against creating what was asked for; any of it blocks the account."""
    found = _company_wish(account, wish) if wish.company else company_findings(account)
    for agreement in wish.agreements:
        if not_live(agreement, context) is None:
            found.append(agreement_exists(account.name, agreement))
    return [*found, *_type_findings(account, context)]


def creations(account: AccountInput, wish: Wish, context: Context) -> list[Change]:
    """Company, contact and agreement, in the order in which they must be created. Nothing for a closed account without charges."""
    if not needed(account):
        return []
    changes = []
    if wish.company:
        changes.append(_create(Kind.COMPANY, company_fields(account, wish)))
    contact_id = wish.contact_id or (account.company.contact_id if account.company else None)
    if contact_id is None and (person := _contact_fields(wish)):
        changes.append(_create(Kind.CONTACT, person))
    after: dict[str, Any] = {"name": agreement_name(context.brand, account.name)}
    if context.agreement_type is not None:
        after["type"] = {"id": context.agreement_type.id}
    if account.company_id is not None:
        after["company"] = {"id": account.company_id}
    if contact_id is not None:
        after["contact"] = {"id": contact_id}
    after |= {"startDate": first_of_month(context.today), "noEndingDateFlag": True}
    return [*changes, _create(Kind.AGREEMENT, after)]


def needed(account: AccountInput) -> bool:
    """Whether anything is to be created: an account that is closed and has no charges needs nothing."""
    return account.status is not AccountStatus.CLOSED or bool(account.charges.groups)


def new_agreement(account: AccountInput, context: Context) -> AgreementFacts:
    """The agreement as it will be, for planning its additions. How it bills is only known once it is there."""
    return AgreementFacts(
        id=0,
        name=agreement_name(context.brand, account.name),
        company_id=account.company_id or 0,
        start=first_of_month(context.today),
    )


def company_fields(account: AccountInput, wish: Wish) -> dict[str, Any]:
    """Identifier, name, and address columns where the account has them. Status and type are ConnectWise's defaults."""
    free = (one for one in identifiers(account.account_id, account.name) if one.casefold() not in wish.taken)
    return {
        "identifier": next(free),
        "name": company_name(account.name),
        **_address_fields(wish.address, wish.country_id),
    }


def exists(account_name: str, others: Iterable[tuple[int, str]]) -> Finding:
    """A company of the account's name is there: a person decides whether it is the same customer."""
    shown = ", ".join(f"{name!r} (id {number})" for number, name in sorted(others))
    return finding(
        "company_exists",
        f"{account_name} is to get a new company, but ConnectWise already has {shown}, so nothing is created. If it is the same "
        f"customer, map {account_name} to it; else give one of them another name.",
    )


def exists_unseen(account_name: str, identifier: str) -> Finding:
    """ConnectWise says that the identifier is taken and shows nobody who has it: it may well be the same customer."""
    return finding(
        "company_exists",
        f"{account_name} is to get a new company, but ConnectWise says that it already has one with the identifier {identifier} and does not "
        f"show it to the API member, so nothing is created. Give the member's role Company > Company Maintenance > Inquire at level All, "
        f"or map {account_name} to that company.",
    )


def agreement_exists(account_name: str, agreement: AgreementFacts) -> Finding:
    """The company has an agreement of the new one's name: a person decides whether it is the one."""
    return finding(
        "agreement_exists",
        f"{account_name} is to get a new agreement, but its company already has an agreement {agreement.name!r} "
        f"(id {agreement.id}), so nothing is created. If it is the right one, map {account_name} to it; else rename it.",
    )


def contact_missing(account_name: str, company: str) -> Finding:
    """ConnectWise refuses an agreement without a contact (required since 2025.1, contract section 8)."""
    return finding(
        "contact_missing",
        f"ConnectWise refused the agreement of {account_name}, because its company has no contact: set a default contact on "
        f"{company}, then export again.",
    )


def _company_wish(account: AccountInput, wish: Wish) -> list[Finding]:
    found = []
    if wish.twins:
        found.append(
            finding(
                "company_exists",
                f"{account.name} is to get a new company, and so is another account of equal name ({', '.join(sorted(wish.twins))}), so "
                "neither is created. Rename one of the accounts, or create one company in ConnectWise and map both to it.",
            )
        )
    if wish.same_name:
        found.append(exists(account.name, ((company.id, company.name) for company in wish.same_name)))
    return found


def _type_findings(account: AccountInput, context: Context) -> list[Finding]:
    chosen = context.agreement_type
    if chosen is None:
        why = "no agreement type is chosen for new agreements"
    elif not chosen.known:
        why = f"the chosen agreement type {chosen.id} does not exist in ConnectWise"
    elif chosen.inactive:
        why = f"the chosen agreement type {chosen.name!r} (id {chosen.id}) is inactive in ConnectWise"
    else:
        return []
    return [
        finding(
            "agreement_type_missing",
            f"{account.name} is to get a new agreement, but {why}, so nothing is created. Choose one in the settings.",
            command="cwportal settings --partner … --agreement-type ID",
        )
    ]


def _create(kind: Kind, after: dict[str, Any]) -> Change:
    return Change(kind, Action.CREATE, "", f"A new {kind.value} was asked for in the mapping", {}, after)


def _address_fields(address: Address, country_id: int | None) -> dict[str, Any]:
    given = {
        "addressLine1": address.address1,
        "city": address.city,
        "state": address.state,
        "zip": address.zip,
        "phoneNumber": address.phone,
        "website": address.website,
    }
    fields: dict[str, Any] = {}
    for name, value in given.items():
        text = one_line(value)
        if text and length(text) <= _WHOLE.get(name, length(text)):
            fields[name] = cut(text, _CUT.get(name, length(text)))
    if country_id is not None:
        fields["country"] = {"id": country_id}
    return fields


def _contact_fields(wish: Wish) -> dict[str, Any]:
    address = wish.address
    first, last, email = (
        one_line(text) for text in (address.contact_first_name, address.contact_last_name, address.contact_email)
    )
    if not first:  # ConnectWise wants a first name (contract section 8)
        first, last = (last, "") if last else (email.partition("@")[0], "")
    if not first:
        return {}
    fields: dict[str, Any] = {"firstName": cut(first, PERSON_NAME)}
    if last:
        fields["lastName"] = cut(last, PERSON_NAME)
    if email and wish.email_type_id is not None:
        item = {"type": {"id": wish.email_type_id}, "value": email, "communicationType": "Email", "defaultFlag": True}
        fields["communicationItems"] = [item]
    return fields


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _ascii(text: str) -> str:
    return "".join(letter for letter in _without_accents(text) if letter.isascii() and letter.isalnum())
