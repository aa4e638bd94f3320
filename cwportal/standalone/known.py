"""What the rows of a load may refer to: the files and the database together, as they will be after the load."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from cwportal.standalone.problems import Problems, quoted
from cwportal.standalone.source import reader
from cwportal.standalone.tables import AccountRow, AccountUserRow, ChargeRow, PartnerRow, ProductRow


class Known:
    """Partners, SKUs and accounts that exist.

    Keys of rows that are bad for another reason count as existing, and a kind whose file could not be read is taken
    as complete, so that one mistake is not reported a thousand times. `only`: no other partner may be named.
    """

    def __init__(self, engine: Engine, *, only: str | None = None) -> None:
        self._engine = reader(engine)
        self.only = only
        self.unreadable: set[str] = set()
        self._stored: dict[str, set[str]] = {}
        self.accounts: dict[str, set[str]] = {}
        with self._engine.connect() as connection:
            self.partners = {only} if only is not None else set(connection.scalars(select(PartnerRow.id)))
            self.skus = set(connection.scalars(select(ProductRow.sku)))

    def has_partner(self, partner_id: str) -> bool:
        """Whether a row may name this partner."""
        return partner_id in self.partners or "partners" in self.unreadable

    def has_sku(self, sku: str) -> bool:
        """Whether a row may name this SKU."""
        return sku in self.skus or "products" in self.unreadable

    def has_account(self, partner_id: str, account_id: str) -> bool:
        """Whether a row may name this account: accounts.csv decides for the partners named in it."""
        if "accounts" in self.unreadable:
            return True
        named = self.accounts.get(partner_id)
        return account_id in (self._stored_accounts(partner_id) if named is None else named)

    def add_account(self, partner_id: str, account_id: str) -> None:
        """An account of accounts.csv."""
        self.accounts.setdefault(partner_id, set()).add(account_id)

    def _stored_accounts(self, partner_id: str) -> set[str]:
        if partner_id not in self._stored:
            with self._engine.connect() as connection:
                query = select(AccountRow.id).where(AccountRow.partner_id == partner_id)
                self._stored[partner_id] = set(connection.scalars(query))
        return self._stored[partner_id]

    def check_removed_accounts(self, replaced: dict[str, set[str]], problems: Problems) -> None:
        """Note every account that accounts.csv leaves out while rows for it stay in the database.

        `replaced` are the partners whose charges and users are replaced by the same load, by kind.
        """
        if "accounts" in self.unreadable:
            return
        for partner_id, named in self.accounts.items():
            gone = sorted(self._stored_accounts(partner_id) - named)
            for kind, table in (("charges", ChargeRow), ("users", AccountUserRow)):
                if not gone or partner_id in replaced.get(kind, ()) or kind in self.unreadable:
                    continue
                query = (
                    select(table.account_id, func.count())
                    .where(table.partner_id == partner_id)
                    .group_by(table.account_id)
                )
                with self._engine.connect() as connection:
                    left = dict(connection.execute(query).all())
                for account_id in gone:
                    if account_id in left:
                        problems.add(
                            "accounts.csv",
                            f"account {quoted(account_id)} of partner {quoted(partner_id)} is missing, but "
                            f"{left[account_id]} {kind} of it remain; keep it with the status closed, or load a "
                            f"{kind}.csv of this partner without it",
                        )
