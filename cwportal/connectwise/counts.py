"""Whether a list was the whole list: asked before anything is concluded from what is not in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cwportal.connectwise.errors import ConnectWiseError, Incomplete, Malformed, NotFound
from cwportal.connectwise.pages import Pages, Source

HIDDEN = (
    "If it stays, the list may hide some from the API member: give its role the Inquire right for them at level All."
)
_REFUSED = {400, 403, 404, 405, 501}
"""A role or a release that gives a list and does not count it."""


class Counts:
    """What ConnectWise counts, beside what it lists."""

    def __init__(self, source: Source, pages: Pages) -> None:
        self._source = source
        self._pages = pages

    def of(self, path: str, condition: str = "") -> int:
        """How many rows the list has, as ConnectWise counts."""
        asked = f"{path}/count"
        data = self._source.get(asked, {"conditions": condition} if condition else None).data
        count = data.get("count") if isinstance(data, Mapping) else None
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise Malformed(f"ConnectWise's answer to {asked} holds no count. Try again.")
        return count

    def again(self, path: str, condition: str = "") -> int:
        """The same; where counting is refused the list is read once more instead: no partner is to wait for ever for a right to count."""
        try:
            return self.of(path, condition)
        except ConnectWiseError as error:
            if error.status not in _REFUSED:
                raise
        return sum(1 for _ in self._pages.rows(path, condition, {"fields": "id"}))

    def as_many(self, listed: int, path: str, condition: str = "") -> None:
        """Incomplete unless ConnectWise counts as many as it has listed."""
        count = self.again(path, condition)
        if count != listed:
            raise Incomplete(
                f"ConnectWise listed {listed} of {path} and counts {count}, so the list cannot be trusted. "
                f"Nothing was taken from it; try again. {HIDDEN}"
            )

    def all_but(self, gone: Iterable[int], listed: int, path: str) -> None:
        """Make sure that these are not there although only `listed` are listed: as many are counted, or each of them is asked for and gone.

        So a count that is always another one (rows that are counted and not shown) keeps nobody waiting. Incomplete where one is there.
        """
        count = self.again(path)
        if count == listed:
            return
        for number in sorted(gone):
            try:
                self._source.get(f"{path}/{number}")
            except NotFound as error:
                if error.certainty == "refused":  # by the application itself
                    continue
                raise
            raise Incomplete(
                f"ConnectWise listed {listed} of {path} and counts {count}, and still has {number}, which it did not list. "
                "Nothing was taken from it; try again."
            )
