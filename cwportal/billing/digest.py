"""The fingerprint of one account's proposal: what a person approves is exactly what is applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from cwportal.billing.scale import canonical
from cwportal.billing.values import Change, Decision, GroupKey, Rekey


def digest(
    *,
    tenant: str,
    account_id: str,
    agreement_id: int | None,
    changes: tuple[Change, ...],
    decisions: Mapping[int, Decision],
    rekeys: tuple[Rekey, ...] = (),
    taken_over: tuple[int, ...] = (),
    closed: tuple[int, ...] = (),
) -> str:
    """sha256 in hex over one canonical spelling: independent of the order of anything, and of 5 or 5.0."""
    value = {
        "tenant": tenant,
        "account": account_id,
        "agreement": agreement_id,
        "changes": sorted((_change(change) for change in changes), key=_json),
        "decisions": [[line, d.answer.value, _plain(d.until)] for line, d in sorted(decisions.items())],
        "rekeys": sorted(([rekey.addition_id, _key(rekey.key)] for rekey in rekeys), key=_json),
        "taken_over": sorted(taken_over),
        "closed": sorted(closed),
    }
    return hashlib.sha256(_json(value).encode()).hexdigest()


def change_digest(change: Change) -> str:
    """The same of one change: a product's, which stands beside the accounts that need it and in no account's digest."""
    return hashlib.sha256(_json(_change(change)).encode()).hexdigest()


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind.value,
        "action": change.action.value,
        "part": change.part_number,
        "addition": change.addition_id,
        "product": change.product_id,
        "key": _key(change.key),
        "before": {name: _plain(value) for name, value in change.before.items()},
        "after": {name: _plain(value) for name, value in change.after.items()},
    }


def _key(key: GroupKey | None) -> list[Any] | None:
    return None if key is None else [_plain(key.unit_price), _plain(key.unit_cost)]


def _plain(value: Decimal | date | str | int | None) -> str | int | None:
    if isinstance(value, Decimal):
        return canonical(value)
    return value.isoformat() if isinstance(value, date) else value


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
