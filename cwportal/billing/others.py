"""Live lines of another account on this agreement: taken over or ended, never silently (rule 4, last sentence)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cwportal.billing import money
from cwportal.billing.draft import Draft, cancel_fields
from cwportal.billing.effective import last_day
from cwportal.billing.existing import describe, end_problem
from cwportal.billing.findings import decide, finding
from cwportal.billing.lines import Ours
from cwportal.billing.parts import Parts
from cwportal.billing.values import AccountInput, Context, Finding, LedgerLine, Row
from cwportal.vocabulary import Answer, Data, Ended

_TYPED = "take-over|end|end:DATE"


@dataclass(slots=True)
class Others:
    """`draft`: what is ended; `taken_over`: lines that count as this account's from now on."""

    draft: Draft = field(default_factory=Draft)
    taken_over: set[int] = field(default_factory=set)


def settle_others(account: AccountInput, parts: Parts, context: Context) -> Others:
    """Every live line with a quantity that the ledger gives to another account: by its decision, or a question.

    Lines without a quantity bill nothing and are left alone. Lines taken over are put into their product's `live`.
    """
    others = Others()
    for line in sorted(account.other_lines, key=lambda line: line.addition_id):
        row = parts.rows.get(line.addition_id)
        if row is None or row.product_id != line.product_id or row.cancelled is not None or row.quantity == 0:
            continue
        if parts.is_blocked(line):
            continue
        decision = account.decisions.get(line.addition_id)
        answer = decision.answer if decision else None
        if answer is Answer.TAKE_OVER:
            others.taken_over.add(line.addition_id)
            parts.of(line).live.append(Ours(line, row))
        elif answer is Answer.END and decision is not None:
            _end(others.draft, line, row, decision.until, account, parts, context)
        else:
            others.draft.findings.append(_question(line, row, account))
            parts.of(line).waits = True
    return others


def _end(
    draft: Draft, line: LedgerLine, row: Row, until: date | None, account: AccountInput, parts: Parts, context: Context
) -> None:
    part = parts.of(line)
    if until is not None:
        why = end_problem(row, until, context.today)
        if why is not None:
            draft.findings.append(
                finding(
                    "other_account_lines",
                    f"Line {row.id} is to be ended, but {why}. Answer again.",
                    part_number=line.part_number,
                    addition_id=row.id,
                    amount=money.price_of(row),
                    command=decide(account.account_id, row.id, _TYPED),
                )
            )
            part.waits = True
            return
        before, after = cancel_fields(until)
    elif context.settings.ended is Ended.CANCEL:
        before, after = cancel_fields(last_day(row, today=context.today))
    elif Data.QUANTITY in context.settings.data:
        before, after = {"quantity": row.quantity}, {"quantity": money.ZERO}
    else:
        draft.findings.append(
            finding(
                "kept_by_setting",
                f"Line {row.id} of {line.part_number} is to be ended and goes on billing {money.text(money.price_of(row))} a month, because "
                f"Quantity is not selected for export. Give it a last day.",
                part_number=line.part_number,
                addition_id=row.id,
                amount=money.price_of(row),
                command=decide(account.account_id, row.id, _TYPED),
            )
        )
        return
    last: Any = after.get("cancelledDate")
    if last is not None:
        part.ending_days.append(last)
    draft.end(
        row, line.part_number, before, after, "It belonged to another account and is ended, as somebody decided", None
    )


def _question(line: LedgerLine, row: Row, account: AccountInput) -> Finding:
    return finding(
        "other_account_lines",
        f"The portal made {describe(row)} of {line.part_number} on this agreement for another account, and "
        f"it goes on billing. Take it over for {account.name}, or end it.",
        part_number=line.part_number,
        addition_id=row.id,
        amount=money.price_of(row),
        command=decide(account.account_id, row.id, _TYPED),
    )
