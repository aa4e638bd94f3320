"""Our tables.

Lives here: rows and constraints, prefixed `cwportal_`; every row belongs to one partner, ids of ConnectWise stand beside their tenant.
May import: db, vocabulary.
Must never: query, commit, decide about money, or know the host's tables.
"""

from cwportal.models.audit import AuditEntry
from cwportal.models.connection import Connection
from cwportal.models.decision import LineDecision
from cwportal.models.directory import Directory, DirectoryAgreement, DirectoryCompany, DirectoryEntry
from cwportal.models.draft import Draft
from cwportal.models.ledger import LedgerAddition, LedgerCatalogProduct, LedgerDocument
from cwportal.models.mapping import Mapping, MappingDraft
from cwportal.models.rejection import Rejection
from cwportal.models.run import UNSETTLED, Run, RunAccount, RunChange
from cwportal.models.settings import Settings

__all__ = [
    "UNSETTLED",
    "AuditEntry",
    "Connection",
    "Directory",
    "DirectoryAgreement",
    "DirectoryCompany",
    "DirectoryEntry",
    "Draft",
    "LedgerAddition",
    "LedgerCatalogProduct",
    "LedgerDocument",
    "LineDecision",
    "Mapping",
    "MappingDraft",
    "Rejection",
    "Run",
    "RunAccount",
    "RunChange",
    "Settings",
]
