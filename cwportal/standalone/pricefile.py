"""Retail prices as a file: the columns of prices.csv (partner_id,sku,unit_price)."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine
from werkzeug.datastructures import FileStorage

from cwportal.standalone import columns, prices
from cwportal.standalone.check import check_file
from cwportal.standalone.known import Known
from cwportal.standalone.problems import Problems
from cwportal.standalone.serial import lock
from cwportal.standalone.spool import Spool

_FORMULA = ("=", "+", "-", "@")
"""What spreadsheets would act on: such a cell gets an apostrophe in front, which is taken off again when it is read.
So does one that has apostrophes before it already, or "'-x" would come back as "-x", which is another SKU."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """`rows` of the file, and what they changed."""

    rows: int
    made: Sequence[prices.Change]

    @property
    def long(self) -> list[str]:
        """SKUs whose new price has more decimals than are exported."""
        return [one.sku for one in self.made if one.after is not None and prices.is_long(one.after)]


def written(partner_id: str, listed: Sequence[tuple[str, Decimal]]) -> str:
    """The file with every price there is, with a byte order mark for spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(column.name for column in columns.PRICES.columns)
    for sku, price in listed:
        writer.writerow((_harmless(partner_id), _harmless(sku), format(price, "f")))
    return "\ufeff" + text.getvalue()


def load(engine: Engine, partner_id: str, file: FileStorage, *, actor: str) -> Loaded:
    """Set the prices of the file, all or none; SKUs that it does not name keep theirs. BadFile with what is wrong, by line."""
    problems = Problems()
    with TemporaryDirectory(prefix="cwportal-prices-") as folder:
        path = Path(folder, columns.PRICES.file)
        file.save(path)
        with Spool(Path(folder, "spool")) as spool:
            check_file(
                path,
                _spec(),
                known=Known(engine, only=partner_id),
                spool=spool,
                problems=problems,
                progress=lambda *_: None,
            )
            problems.raise_if_any()
            given = {str(row[1]): Decimal(str(row[2])) for batch in spool.batches() for row in batch}
    with engine.begin() as connection:
        lock(connection)
        made = prices.put(connection, partner_id, given, actor=actor, now=int(time.time()))
    return Loaded(len(given), made)


def _spec() -> columns.FileSpec:
    changed = (
        replace(column, parse=_plain) if column.parse is columns.key else column for column in columns.PRICES.columns
    )
    return replace(columns.PRICES, columns=tuple(changed))


def _harmless(cell: str) -> str:
    return f"'{cell}" if _is_formula(cell) else cell


def _plain(cell: str) -> str:
    return columns.key(cell.removeprefix("'") if _is_formula(cell) else cell)


def _is_formula(cell: str) -> bool:
    return cell.lstrip("'").startswith(_FORMULA)
