"""The words of the product as enums: stored in the database, printed by `--json`, shown (translated) on pages.

A value never changes once released: rows and scripts hold it.
"""

from __future__ import annotations

from enum import StrEnum


class Trigger(StrEnum):
    """What asked for a run. A preview reads and plans like an export, and writes nothing to ConnectWise."""

    MANUAL = "manual"
    DAILY = "daily"
    MONTHLY = "monthly"
    RETRY = "retry"
    PREVIEW = "preview"


class RunState(StrEnum):
    """Where a run is, or how it ended. `held` is an end state."""

    QUEUED = "queued"
    READING = "reading"
    APPLYING = "applying"
    SUCCEEDED = "succeeded"
    HELD = "held"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE_RUN_STATES = (RunState.QUEUED, RunState.READING, RunState.APPLYING)


class AccountState(StrEnum):
    """What became of one account in one run."""

    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    PARTIAL = "partial"
    FAILED = "failed"
    HELD = "held"
    SKIPPED = "skipped"


class PlanState(StrEnum):
    """What a plan as a whole asks for."""

    EMPTY = "empty"
    READY = "ready"
    HELD = "held"
    BLOCKED = "blocked"


class Kind(StrEnum):
    """What a change writes to."""

    PRODUCT = "product"
    PRODUCT_TABLE = "product_table"
    COMPANY = "company"
    CONTACT = "contact"
    AGREEMENT = "agreement"
    ADDITION = "addition"
    USERS = "users"


class Action(StrEnum):
    """What a change does. `adopt` writes to ConnectWise only where fields differ."""

    CREATE = "create"
    UPDATE = "update"
    END = "end"
    ADOPT = "adopt"


class Outcome(StrEnum):
    """What is known of a change. `started` is the intent committed before the write."""

    PLANNED = "planned"
    STARTED = "started"
    APPLIED = "applied"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Severity(StrEnum):
    """How loudly a finding speaks."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    HOLD = "hold"


class Effect(StrEnum):
    """What a finding stops."""

    NONE = "none"
    PART_NUMBER = "part_number"
    ACCOUNT = "account"
    RUN = "run"


class Data(StrEnum):
    """What a partner has selected for export (design section 5, rule 7)."""

    PRODUCTS = "products"
    QUANTITY = "quantity"
    COST = "cost"
    PRICE = "price"
    USERS = "users"


class Frequency(StrEnum):
    """When exports start by themselves."""

    MANUAL = "manual"
    DAILY = "daily"
    MONTHLY = "monthly"


class Ended(StrEnum):
    """How an addition ends when its charges are gone (rule 5)."""

    ZERO = "zero"
    CANCEL = "cancel"


class Drift(StrEnum):
    """What happens to values changed by hand in ConnectWise (rule 8)."""

    OVERWRITE = "overwrite"
    KEEP = "keep"


class Adopt(StrEnum):
    """Whether existing lines are used without asking (rule 6)."""

    ASK = "ask"
    YES = "yes"
    NO = "no"


class Taxable(StrEnum):
    """How new products and new lines are marked; afterwards the mark is never changed. `default` = as ConnectWise does it."""

    DEFAULT = "default"
    YES = "yes"
    NO = "no"


class Answer(StrEnum):
    """A person's decision on one line (`cwportal decide`)."""

    USE = "use"
    END = "end"
    LEAVE = "leave"
    TAKE_OVER = "take-over"
    RECREATE = "recreate"
    ACCEPT = "accept"
    PIN = "pin"


class AccountStatus(StrEnum):
    """Status of a customer account in the portal."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Role(StrEnum):
    """What a portal user may do with the integration (design section 6)."""

    VIEWER = "viewer"
    BILLING = "billing"
    ADMIN = "admin"
