"""What the lines of a mapping file name: companies and agreements of ConnectWise, by id, identifier or name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from cwportal.connectwise.errors import Malformed
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.records import Agreement, Company
from cwportal.services.mapping_file import NEW, Line

_Record = TypeVar("_Record", Company, Agreement)


@dataclass(frozen=True, slots=True)
class Chosen:
    line: Line
    company: Company | None
    agreement: Agreement | None

    @property
    def mapped(self) -> bool:
        return self.line.agreement != ""


def resolve(read: Reader, lines: list[Line], problems: list[str]) -> list[Chosen]:
    """What every line means. A record that cannot be read is a problem of the lines that name it."""
    places, chosen = _Places(read, lines, problems), list[Chosen]()
    for line in lines:
        try:
            item = places.of(line)
        except Malformed as error:
            problems.append(f"line {line.number}: {error}")
        else:
            chosen += [item] if item is not None else []
    return chosen


class _Places:
    """Companies and agreements as the lines name them, each asked for once."""

    def __init__(self, read: Reader, lines: list[Line], problems: list[str]) -> None:
        self._read, self._problems = read, problems
        self._companies, self._agreements = dict[str, list[Company]](), dict[int, list[Agreement]]()
        self._unread_companies, self._unread_agreements = dict[int, Malformed](), dict[int, Malformed]()
        named = {int(line.company) for line in lines if _is_id(line.company)}
        self._company_by_id = read.companies(sorted(named), self._unread_companies)
        named = {int(line.agreement) for line in lines if _is_id(line.agreement)}
        self._agreement_by_id = read.agreements(sorted(named), self._unread_agreements)

    def of(self, line: Line) -> Chosen | None:
        """None if it is a problem. Raises Malformed if what it names cannot be read."""
        if line.company in ("", NEW):
            return Chosen(line, None, None)
        if _is_id(line.company) and (error := self._unread_companies.get(int(line.company))) is not None:
            raise error
        if line.company not in self._companies:
            self._companies[line.company] = list(_companies(self._read, self._company_by_id, line.company))
        company = _single(line, "company", self._companies[line.company], self._problems)
        if company is None:
            return None
        if company.deleted:
            self._problems.append(
                f"line {line.number}, column company: {company.name!r} is in ConnectWise's recycle bin."
            )
            return None
        if line.agreement == NEW:
            return Chosen(line, company, None)
        agreement = _single(line, "agreement", self._hits(line, company), self._problems)
        problem = _unusable(agreement, company) if agreement is not None else None
        if problem:
            self._problems.append(f"line {line.number}, column agreement: {problem}")
        return Chosen(line, company, agreement) if agreement is not None and not problem else None

    def _hits(self, line: Line, company: Company) -> list[Agreement]:
        if _is_id(line.agreement):
            number = int(line.agreement)
            if (error := self._unread_agreements.get(number)) is not None:
                raise error
            return [self._agreement_by_id[number]] if number in self._agreement_by_id else []
        if company.id not in self._agreements:
            self._agreements[company.id] = list(self._read.agreements_of(company.id))
        wanted = line.agreement.partition(":")[2].strip().casefold() if line.agreement.startswith("name:") else None
        return [item for item in self._agreements[company.id] if item.name.casefold() == wanted]


def _companies(read: Reader, by_id: dict[int, Company], text: str) -> Iterable[Company]:
    if _is_id(text):
        return [by_id[int(text)]] if int(text) in by_id else []
    how, _, value = text.partition(":")
    value = value.strip()
    if how == "identifier" and value:
        return read.find_company(identifier=value)
    if how == "name" and value:
        return read.find_company(name=value)
    return []


def _single(line: Line, column: str, hits: list[_Record], problems: list[str]) -> _Record | None:
    text = line.company if column == "company" else line.agreement
    if len(hits) == 1:
        return hits[0]
    if len(hits) > 1:
        ids = ", ".join(str(hit.id) for hit in hits[:10])
        problems.append(
            f"line {line.number}, column {column}: {text!r} fits {len(hits)} records in ConnectWise ({ids}). Give the id."
        )
    elif not _is_id(text) and not text.startswith(("name:", "identifier:")):
        problems.append(
            f"line {line.number}, column {column}: {text!r} is not understood; write an id such as 42, name:…, identifier:… (companies) or new."
        )
    else:
        where = " of this company" if column == "agreement" and not _is_id(text) else ""
        problems.append(
            f"line {line.number}, column {column}: ConnectWise has no {column}{where} {text!r} that these keys may see."
        )
    return None


def _unusable(agreement: Agreement, company: Company) -> str | None:
    if agreement.company_id != company.id:
        return f"agreement {agreement.id} {agreement.name!r} belongs to another company, not to {company.name!r}."
    if agreement.cancelled:
        return f"agreement {agreement.id} {agreement.name!r} is cancelled."
    if agreement.parent_id is not None:
        return f"agreement {agreement.id} {agreement.name!r} is a child agreement; choose its parent."
    return None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < len(text) < 10
