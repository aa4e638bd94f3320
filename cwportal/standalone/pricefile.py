"""Retail prices as a file: the columns of prices.csv (partner_id,sku,unit_price). Nothing is saved here."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine
from werkzeug.datastructures import FileStorage

from cwportal.standalone import columns
from cwportal.standalone.check import check_file
from cwportal.standalone.known import Known
from cwportal.standalone.problems import Problems
from cwportal.standalone.spool import Spool

_FORMULA = ("=", "+", "-", "@")
"""What spreadsheets would act on: such a cell gets an apostrophe in front, which is taken off again when it is read.
So does one that has apostrophes before it already, or "'-x" would come back as "-x", which is another SKU."""


def written(partner_id: str, listed: Sequence[tuple[str, Decimal]]) -> str:
    """The file with every price there is, with a byte order mark for spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(column.name for column in columns.PRICES.columns)
    for sku, price in listed:
        writer.writerow((_harmless(partner_id), _harmless(sku), format(price, "f")))
    return "\ufeff" + text.getvalue()


def read(engine: Engine, partner_id: str, file: FileStorage) -> dict[str, Decimal]:
    """The prices of the file by SKU. BadFile with what is wrong, by line."""
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
            return {str(row[1]): Decimal(str(row[2])) for batch in spool.batches() for row in batch}


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
