"""Check one file of a load, row by row: cells, duplicates and references. Good rows go into a spool."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cwportal.standalone.columns import FileSpec
from cwportal.standalone.csvfile import UnreadableError, read_rows
from cwportal.standalone.known import Known
from cwportal.standalone.problems import Problems, quoted
from cwportal.standalone.spool import Row, Spool

Progress = Callable[[str, int, int], None]
"""Called as work goes on with what is done (for people), how much of it, and how much there is in all."""

_REPORT_EVERY = 1 << 18


def check_file(
    path: Path, spec: FileSpec, *, known: Known, spool: Spool, problems: Problems, progress: Progress
) -> set[str]:
    """Spool the good rows of one file, note what is wrong with the others; the partners it names are returned."""
    check = _RowCheck(spec, known, problems)
    on_bytes = _byte_progress(path, progress)
    try:
        for line, cells in read_rows(
            path,
            required=[column.name for column in spec.columns if not column.optional],
            optional=[column.name for column in spec.columns if column.optional],
            problems=problems,
            on_bytes=on_bytes,
        ):
            row = check.row(line, cells)
            if row is not None and not problems:
                spool.append(row)
    except UnreadableError:
        known.unreadable.add(spec.kind)
    return check.partners


def _byte_progress(path: Path, progress: Progress) -> Callable[[int], None]:
    total = path.stat().st_size
    done = reported = 0

    def on_bytes(count: int) -> None:
        nonlocal done, reported
        done += count
        if done - reported >= _REPORT_EVERY or done >= total:
            reported = done
            progress(f"checking {path.name}", min(done, total), total)

    return on_bytes


class _RowCheck:
    """The checks of one file; `partners` are those named so far."""

    def __init__(self, spec: FileSpec, known: Known, problems: Problems) -> None:
        self._spec = spec
        self._known = known
        self._problems = problems
        self._columns = tuple((column.name, column.parse, column.may_be_empty) for column in spec.columns)
        self._key = tuple(spec.place(name) for name in spec.key)
        self._key_name = " and ".join(spec.key)
        self._first_line: dict[tuple[str, ...], int] = {}
        names = [column.name for column in spec.columns]
        self._partner = names.index("partner_id") if "partner_id" in names else None
        self._account = names.index("account_id") if "account_id" in names else None
        self._sku = names.index("sku") if "sku" in names else None
        self.partners: set[str] = set()

    def row(self, line: int, cells: list[str]) -> Row | None:
        """The row as it will be stored, or None if something is wrong with it."""
        good = True
        row: Row = []
        for (name, parse, may_be_empty), cell in zip(self._columns, cells, strict=True):
            value: str | None = None
            if cell:
                try:
                    value = parse(cell)
                except ValueError as error:
                    good = False
                    self._problems.add(self._spec.file, str(error), line=line, column=name)
            elif not may_be_empty:
                good = False
                self._problems.add(self._spec.file, "the cell is empty", line=line, column=name)
            row.append(value)
        good &= self._not_twice(line, row)
        good &= self._references(line, row)
        return row if good else None

    def _not_twice(self, line: int, row: Row) -> bool:
        values = tuple(row[place] or "" for place in self._key)
        if not values or not all(values):
            return True
        if self._spec.key[-1] == "email":  # upper and lower case are one mailbox
            values = (*values[:-1], values[-1].casefold())
        first = self._first_line.setdefault(values, line)
        if first == line:
            return True
        self._problems.add(
            self._spec.file,
            f"the same {self._key_name} ({', '.join(map(quoted, values))}) as in line {first}",
            line=line,
        )
        return False

    def _references(self, line: int, row: Row) -> bool:
        kind, known = self._spec.kind, self._known
        partner = row[self._partner] if self._partner is not None else None
        account = row[self._account] if self._account is not None else None
        sku = row[self._sku] if self._sku is not None else None
        good = True
        if partner is not None:
            self.partners.add(partner)
            if kind == "partners":
                known.partners.add(partner)
            elif known.only is not None and partner != known.only:
                good = False
                reason = f"{quoted(partner)} is not your partner id; every row must say {quoted(known.only)}"
                self._problems.add(self._spec.file, reason, line=line, column="partner_id")
            elif not known.has_partner(partner):
                good = self._unknown(line, "partner_id", f"no partner {quoted(partner)}", "partners")
            elif account is not None and kind != "accounts" and not known.has_account(partner, account):
                good = self._unknown(
                    line, "account_id", f"partner {quoted(partner)} has no account {quoted(account)}", "accounts"
                )
            if account is not None and kind == "accounts" and known.only in (None, partner):
                known.add_account(partner, account)
        if sku is not None:
            if kind == "products":
                known.skus.add(sku)
            elif not known.has_sku(sku):
                good = self._unknown(line, "sku", f"there is no product {quoted(sku)}", "products")
        return good

    def _unknown(self, line: int, column: str, what: str, kind: str) -> bool:
        self._problems.add(
            self._spec.file, f"{what}, neither in {kind}.csv nor in the portal", line=line, column=column
        )
        return False
