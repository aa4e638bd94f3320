"""Uploads of lists whose answer was lost: looked up in the agreement's documents (rule 12). Deletions are tried again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from cwportal.connectwise.reader import same_letters
from cwportal.connectwise.records import Document
from cwportal.models import LedgerDocument, RunChange
from cwportal.runtime import Runtime
from cwportal.services.apply.lost import Close
from cwportal.services.apply.users_ledger import put
from cwportal.services.connection import Client
from cwportal.services.ledger import Owner
from cwportal.vocabulary import Action, Outcome

_DONE = "Checked in ConnectWise: it was written."
_DELETED_AGAIN = "Not confirmed by ConnectWise: deleted once more if it is still there."


def settle(runtime: Runtime, client: Client, change: RunChange, close: Close) -> None:
    """Settle one lost write. What was uploaded goes into the ledger, what it replaces is deleted by the next plan.

    A deletion that was lost is left to the next plan, too: what is gone then counts as deleted.
    """
    owner, sent = Owner(change.partner_id, change.tenant), change.sent or {}
    if change.action == Action.END:
        # Nothing is asked: a list that does not show the file would have it forgotten, and deleting it once more is sure and harmless.
        with runtime.database.durable() as session:
            close(session, change, Outcome.FAILED, _DELETED_AGAIN)
        return
    documents = client.read.documents(int(sent["agreementId"]))
    with runtime.database.durable() as session:
        taken = set(
            session.scalars(select(LedgerDocument.cw_document_id).where(LedgerDocument.tenant == change.tenant))
        )
        known = taken | set(change.known_ids or ())
        new = sorted(document.id for document in documents if document.id not in known and _is_it(document, sent))
        if not new:
            close(session, change, Outcome.FAILED, "Checked in ConnectWise: the list of users is not there.")
        elif close(session, change, Outcome.APPLIED, _DONE):
            put(session, runtime, owner, change.account_id, new[0], sent)


def _is_it(document: Document, sent: Mapping[str, Any]) -> bool:
    """Whether a new document is the one sent: by both its names, or by one of them (ConnectWise may change a name) and its size.

    Whether ConnectWise tells sizes in bytes is nowhere promised, so a size alone never speaks against two equal names.
    """
    named = [same_letters(document.file_name, sent["fileName"]), same_letters(document.title, sent["title"])]
    return all(named) or (any(named) and document.size in (None, sent["size"]))
