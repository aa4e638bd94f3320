"""The mapping file as text: its columns and rows, every bad row named; nothing of ConnectWise is known here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from cwportal.errors import BadFile
from cwportal.portal import Account

COLUMNS = ("account_id", "company", "agreement", "export")
NAME_COLUMNS = ("account_name", "company_name", "agreement_name")
NEW = "new"
"""In the columns company and agreement: create it."""
_YES = {"yes": True, "no": False, "": False}


@dataclass(frozen=True, slots=True)
class Line:
    """One row. `company` and `agreement` as written, both empty to unmap."""

    number: int
    account_id: str
    company: str
    agreement: str
    export: bool


def lines_of(text: str, accounts: dict[str, Account], problems: list[str]) -> Iterator[Line]:
    """The rows that can be understood; what is wrong with the others goes into `problems`. BadFile for a wrong header."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        unknown = [name for name in header if name not in COLUMNS and name not in NAME_COLUMNS]
        missing = [name for name in COLUMNS if name not in header]
        if unknown or missing or len(set(header)) != len(header):
            why = f"missing: {', '.join(missing) or 'none'}; not known: {', '.join(unknown) or 'none'}"
            raise BadFile([f"line 1: the header must have {','.join(COLUMNS)}; {why}."])
        seen: dict[str, int] = {}
        for cells in reader:
            number = reader.line_num
            if not cells:
                continue
            if len(cells) != len(header):
                problems.append(f"line {number}: {len(cells)} columns instead of {len(header)}.")
                continue
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            line = _line(number, row, accounts, seen, problems)
            if line is not None:
                yield line
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: not readable as CSV ({error}). Check the quotes.")


def _line(
    number: int, row: dict[str, str], accounts: dict[str, Account], seen: dict[str, int], problems: list[str]
) -> Line | None:
    account_id, export = row["account_id"], row["export"].lower()
    if account_id not in accounts and account_id.removeprefix("'") in accounts:
        account_id = account_id.removeprefix(
            "'"
        )  # `map export` makes ids harmless that a spreadsheet would take for a formula
    count = len(problems)
    if account_id not in accounts:
        problems.append(f"line {number}, column account_id: there is no account {account_id!r} of this partner.")
    elif account_id in seen:
        problems.append(f"line {number}, column account_id: {account_id!r} stands in line {seen[account_id]} already.")
    seen.setdefault(account_id, number)
    if export not in _YES:
        problems.append(f"line {number}, column export: {row['export']!r} is neither yes nor no.")
    if bool(row["company"]) != bool(row["agreement"]):
        empty = "agreement" if row["company"] else "company"
        problems.append(
            f"line {number}, column {empty}: empty. Give company and agreement, or leave both empty to unmap."
        )
    elif not row["company"] and export == "yes":
        problems.append(f"line {number}, column export: yes, but no company and agreement are given.")
    company, agreement = (NEW if row[name].lower() == NEW else row[name] for name in ("company", "agreement"))
    if company == NEW and agreement and agreement != NEW:
        problems.append(
            f"line {number}, column agreement: {agreement!r} cannot belong to a company that is still to be created. Write new."
        )
    return None if len(problems) > count else Line(number, account_id, company, agreement, _YES[export])
