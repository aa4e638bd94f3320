"""Checked rows on disk, between checking and writing.

The files are read once: what is written is exactly what was checked, even if a file changes meanwhile, and the
database is locked only while rows are written, not while they are checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

ROWS_PER_BATCH = 2_000

Row = list[str | None]


class Spool:
    """Rows of text of one file. Use as a context manager: leaving it deletes the file on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w+", encoding="utf-8")
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink()

    def append(self, row: Row) -> None:
        """Keep one row."""
        self._file.write(json.dumps(row, separators=(",", ":")) + "\n")
        self.rows += 1

    def batches(self) -> Iterator[list[Row]]:
        """The rows in the order they came, `ROWS_PER_BATCH` at a time; may be called again."""
        self._file.seek(0)
        batch: list[Row] = []
        for line in self._file:
            batch.append(json.loads(line))
            if len(batch) == ROWS_PER_BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
