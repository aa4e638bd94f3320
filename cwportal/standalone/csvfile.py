"""One CSV file as a stream of rows with their line numbers; knows nothing of what the columns mean."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cwportal.standalone.problems import Problems, quoted

LONGEST_LINE = 100_000
"""Bytes. A longer line is not a row of ours; refusing it bounds the memory."""

BytesRead = Callable[[int], None]


class UnreadableError(Exception):
    """The file cannot be read on; the problem is noted already."""


def read_rows(
    path: Path,
    *,
    required: Sequence[str],
    optional: Sequence[str],
    problems: Problems,
    on_bytes: BytesRead = lambda _: None,
) -> Iterator[tuple[int, list[str]]]:
    """(line the row begins at, its cells in the order `required` + `optional`, trimmed), one row after the other.

    The file is UTF-8, with or without a byte order mark, with a header row whose columns may stand in any order; an
    optional column that is missing reads as empty cells. Rows that have the wrong number of cells or bytes that are
    not UTF-8 are noted in `problems` and left out. Raises UnreadableError where reading on would only produce nonsense:
    a bad header, a quotation mark that is not closed.
    """
    with path.open("rb") as file:
        bad_lines: set[int] = set()
        reader = csv.reader(_lines(file.readline, path.name, problems, bad_lines, on_bytes), strict=True)
        rows = _records(reader, path.name, problems)
        header = next((record for record in rows if record[2]), None)
        if header is None:
            problems.add(path.name, f"the file is empty; its first row must be {','.join(required)}")
            raise UnreadableError
        width, order = _header(header, path.name, required, optional, problems)
        for first, last, cells in rows:
            if not cells or not bad_lines.isdisjoint(range(first, last + 1)):
                continue
            if len(cells) != width:
                many = "many" if len(cells) > width else "few"
                problems.add(path.name, f"too {many} columns: {len(cells)}, the header has {width}", line=first)
                continue
            trimmed = [cell.strip() for cell in cells]
            if not any(trimmed):
                problems.add(path.name, "the row is empty; delete it", line=first)
                continue
            yield first, [trimmed[place] if place is not None else "" for place in order]


def _records(reader: Iterator[list[str]], name: str, problems: Problems) -> Iterator[tuple[int, int, list[str]]]:
    """(first line, last line, cells) of each record, blank lines included."""
    while True:
        first = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(name, _explained(str(error)) + "; the rest of the file was not checked", line=first)
            raise UnreadableError from error
        yield first, reader.line_num, cells  # type: ignore[attr-defined]


def _explained(error: str) -> str:
    if "unexpected end of data" in error or "expected after" in error or "field larger" in error:
        return (
            "a quotation mark opens a cell here and is not closed at the cell's end "
            "(inside a quoted cell, write it twice)"
        )
    if "new-line character" in error:
        return "the line ends with a carriage return alone; save the file with ordinary line ends"
    return f"not readable as CSV: {error}"


def _lines(
    readline: Callable[[int], bytes], name: str, problems: Problems, bad_lines: set[int], on_bytes: BytesRead
) -> Iterator[str]:
    """The file's lines as text; those that cannot be are noted, remembered in `bad_lines` and given as blank."""
    number = 0
    while raw := readline(LONGEST_LINE + 1):
        number += 1
        on_bytes(len(raw))
        if number == 1:
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                problems.add(name, 'the file is UTF-16; save it as "CSV UTF-8"', line=1)
                raise UnreadableError
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if len(raw) > LONGEST_LINE:
            problems.add(name, f"the line is longer than {LONGEST_LINE} bytes", line=number)
            raise UnreadableError
        reason = ""
        text = ""
        if b"\0" in raw:
            reason = "the line holds a NUL byte"
        else:
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                reason = f'byte {error.start + 1} of the line is not UTF-8; save the file as "CSV UTF-8"'
        if reason:
            problems.add(name, reason, line=number)
            bad_lines.add(number)
            # Keep the columns and quotation marks of the line, so that the rows after it are read as they stand.
            text = raw.decode("utf-8", errors="replace").replace("\0", "\ufffd")
        yield text


def _header(
    record: tuple[int, int, list[str]], name: str, required: Sequence[str], optional: Sequence[str], problems: Problems
) -> tuple[int, list[int | None]]:
    line, _, cells = record
    header = [cell.strip() for cell in cells]
    known = (*required, *optional)
    bad = False
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        problems.add(name, "the columns must be separated by commas", line=line)
        raise UnreadableError
    for column in dict.fromkeys(header):
        if column not in known:
            bad = True
            problems.add(name, f"unknown column {quoted(column)}; known are {', '.join(known)}", line=line)
        elif header.count(column) > 1:
            bad = True
            problems.add(name, f"the column {column} stands there twice", line=line)
    missing = [column for column in required if column not in header]
    if missing:
        bad = True
        problems.add(name, f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}", line=line)
    if bad:
        raise UnreadableError
    return len(header), [header.index(column) if column in header else None for column in known]
