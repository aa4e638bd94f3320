"""The plan for one product of one account: pair, then write, end, use or create (rules 4 to 9 together)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from cwportal.billing.draft import Draft, cancel_fields
from cwportal.billing.effective import effective_date, is_soon, last_day
from cwportal.billing.existing import settle
from cwportal.billing.fields import Difference, Drifted, differences, wanted
from cwportal.billing.findings import decide, finding
from cwportal.billing.lines import Ours
from cwportal.billing.match import Pairing, pair
from cwportal.billing.money import ZERO, price_of, text
from cwportal.billing.parts import Part
from cwportal.billing.products import taxable_fields
from cwportal.billing.scale import canonical
from cwportal.billing.tell import (
    ambiguous,
    bills_less,
    changed_by_hand,
    kept_rounded,
    lost_accepted,
    lost_question,
    reason_for,
    starts_later,
    uncancelled,
)
from cwportal.billing.values import AccountInput, AgreementFacts, Context, Group, Row, Values
from cwportal.vocabulary import Action, Answer, Data, Drift, Effect, Ended, Kind

_LONG = 3
"""Months ahead from which on a line of ours that bills nothing yet is said on every run."""


def plan_part(part: Part, account: AccountInput, agreement: AgreementFacts, context: Context) -> Draft:
    """Plan one product. A draft that is `blocked` holds only findings; the caller leaves its lines as they are."""
    return _PartPlan(part, account, agreement, context).plan()


class _PartPlan:
    """One product, step by step; `draft` collects."""

    def __init__(self, part: Part, account: AccountInput, agreement: AgreementFacts, context: Context) -> None:
        self.part = part
        self.account = account
        self.agreement = agreement
        self.context = context
        self.settings = context.settings
        self.draft = Draft()

    def plan(self) -> Draft:
        data = self.settings.data
        pairing = pair(
            self.part.groups,
            self.part.live,
            self.part.ending,
            self.part.lost,
            decisions=self.account.decisions,
            key_exported=Data.PRICE in data and Data.COST in data,
            waits=self.part.waits,
        )
        draft = self.draft
        draft.over += pairing.over
        for ours, group in pairing.matched:
            self._matched(ours, group)
        for ours, _ in pairing.covered:
            draft.covered(ours)
        for lost, group in pairing.absorbed:
            draft.findings.append(lost_accepted(lost, group))
        if pairing.waits:
            self._waiting(pairing)
            return draft
        for ours in pairing.left:
            self._end(ours)
        for ours in pairing.idle:
            draft.untouched(ours)
        if pairing.open:
            self._open(pairing.open)
        return draft

    def _waiting(self, pairing: Pairing) -> None:
        for ours in (*pairing.left, *pairing.idle):
            self.draft.untouched(ours)
        for lost in pairing.undecided:
            self.draft.findings.append(lost_question(lost, pairing.open, self.account.account_id))
        if pairing.ambiguous:
            self.draft.findings.append(ambiguous(self.part.part_number, pairing.left, pairing.open))

    def _pinned(self, ours: Ours) -> bool:
        decision = self.account.decisions.get(ours.line.addition_id)
        return decision is not None and decision.answer is Answer.PIN

    def _pin_kept(self, ours: Ours, after: dict[str, Any]) -> None:
        what = ", ".join(f"{name} {_shown(value)}" for name, value in after.items())
        self.draft.findings.append(
            finding(
                "pinned",
                f"Line {ours.row.id} of {self.part.part_number} keeps ConnectWise's values, as somebody decided; "
                f"the portal would write {what}. You can let it write again.",
                part_number=self.part.part_number,
                addition_id=ours.row.id,
                command=decide(self.account.account_id, ours.row.id, "unpin"),
            )
        )

    def _matched(self, ours: Ours, group: Group) -> None:
        draft = self.draft
        draft.findings += bills_less(ours.row, group.part_number)
        effective = ours.row.effective
        if effective is not None and not is_soon(effective, today=self.context.today, months=_LONG):
            draft.findings.append(starts_later(group, effective))
        want = wanted(group, self.settings.data)
        difference = differences(ours.row, ours.line, want, self.settings.drift)
        if difference is None:
            draft.right(ours, group)
            draft.findings += kept_rounded(ours.row, group.part_number, want)
        elif self._pinned(ours):
            if difference.after:
                self._pin_kept(ours, difference.after)
            draft.right(ours, group)
        else:
            self._tell_drift(ours, group.part_number, difference.drifted)
            if difference.after:
                draft.update(ours, group, difference.before, difference.after, reason_for(ours, difference))
            else:
                draft.right(ours, group)

    def _tell_drift(self, ours: Ours, part_number: str, drifted: list[Drifted]) -> None:
        for one in drifted:
            self.draft.findings.append(
                changed_by_hand(ours.row, part_number, one, self.settings.drift, self.account.account_id)
            )

    def _end(self, ours: Ours) -> None:
        """No charges any more (rule 5)."""
        draft, row = self.draft, ours.row
        reason = "There are no charges for it any more"
        if self.settings.ended is Ended.CANCEL:
            before, after = cancel_fields(last_day(row, today=self.context.today))
            if ours.line.sent.cancelled is not None and not self._pinned(ours):
                draft.findings.append(uncancelled(ours, self.settings.drift, self.account.account_id))
                if self.settings.drift is Drift.KEEP:
                    draft.untouched(ours)
                    return
        elif Data.QUANTITY not in self.settings.data:
            draft.untouched(ours)
            draft.findings.append(
                finding(
                    "kept_by_setting",
                    f"Line {row.id} of {ours.line.part_number} has no charges any more and goes on billing {text(price_of(row))} a month, "
                    "because Quantity is not selected for export. End it in ConnectWise, or select Quantity.",
                    part_number=ours.line.part_number,
                    addition_id=row.id,
                    amount=price_of(row),
                )
            )
            return
        else:
            difference = differences(row, ours.line, Values(quantity=ZERO), self.settings.drift) or Difference()
            if not self._pinned(ours):
                self._tell_drift(ours, ours.line.part_number, difference.drifted)
            before, after = difference.before, difference.after
        if not after:
            draft.untouched(ours)
        elif self._pinned(ours):
            self._pin_kept(ours, after)
            draft.untouched(ours)
        else:
            draft.end_line(ours.line, row, before, after, reason)

    def _open(self, groups: Sequence[Group]) -> None:
        """Groups without a line of ours: existing lines first, then new ones (rules 6 and 9)."""
        part, draft = self.part, self.draft
        create: Sequence[Group] = groups
        ending: list[date] = list(part.ending_days)
        if part.foreign:
            settled = settle(
                groups,
                part.foreign,
                self.account.decisions,
                adopt=self.settings.adopt,
                today=self.context.today,
                account_id=self.account.account_id,
            )
            if settled.findings:
                draft.findings += settled.findings
                return
            for row, group in settled.use:
                self._adopt(row, group)
            for row, until in settled.end:
                before, after = cancel_fields(until)
                draft.end(row, part.part_number, before, after, "It is ended, as somebody decided", None)
                ending.append(until)
            create = settled.create
        if not create or not self._may_create():
            return
        day = effective_date(self.agreement, part.rows, today=self.context.today, also_ending=ending)
        if day is None:
            draft.block(
                finding(
                    "agreement_not_live",
                    f"A new line of {part.part_number} would start after the agreement {self.agreement.name} has ended. Nothing of "
                    f"{part.part_number} is created, updated or ended. Extend the agreement or map the account to another one.",
                    part_number=part.part_number,
                    effect=Effect.PART_NUMBER,
                )
            )
            return
        for group in create:
            self._create(group, day)
        lasting = max(
            (row for row in part.rows if row.cancelled), key=lambda row: (row.cancelled, row.id), default=None
        )
        if lasting is None or lasting.cancelled is None or is_soon(lasting.cancelled, today=self.context.today):
            return
        draft.findings += [starts_later(group, day, lasting) for group in create]

    def _may_create(self) -> bool:
        part, draft = self.part, self.draft
        if Data.PRODUCTS not in self.settings.data:
            draft.block(
                finding(
                    "products_not_selected",
                    f"{part.part_number} needs a new {'line' if part.entry else 'product and line'} in ConnectWise, but "
                    "Products is not selected for export. "
                    "Nothing of it is created, updated or ended. Select Products, or add the line by hand.",
                    part_number=part.part_number,
                )
            )
            return False
        right = self.context.missing_rights.get((Kind.PRODUCT, Action.CREATE))
        if part.entry is None and right is not None:
            draft.block(
                finding(
                    "missing_right",
                    f"ConnectWise has no product {part.part_number}, and the API member may not create it: the right {right} is missing. "
                    "Nothing of it is created, updated or ended. Grant the right or create the product by hand.",
                    part_number=part.part_number,
                    effect=Effect.PART_NUMBER,
                )
            )
            return False
        return True

    def _adopt(self, row: Row, group: Group) -> None:
        self.draft.findings += bills_less(row, group.part_number)
        difference = differences(row, None, wanted(group, self.settings.data), self.settings.drift) or Difference()
        self.draft.adopt(row, group, difference.before, difference.after)

    def _create(self, group: Group, day: date) -> None:
        data, entry = self.settings.data, self.part.entry
        want = wanted(group, data)
        after: dict[str, Any] = {"quantity": ZERO if want.quantity is None else want.quantity}
        price = entry.price if entry else ZERO
        cost = entry.cost if entry else ZERO
        if want.unit_price is not None:
            after["unitPrice"] = price = want.unit_price
        if want.unit_cost is not None:
            after["unitCost"] = cost = want.unit_cost
        after |= {"effectiveDate": day, **taxable_fields(self.settings)}
        self.draft.create(
            group, entry.id if entry else None, after, price=price, cost=cost, known=want.unit_price is not None
        )
        known = self.context.catalog.ledger.get(group.part_number)
        if {Data.PRICE, Data.COST} <= data or not (entry is None or (known is not None and known.created)):
            return
        missing = " and ".join(word for word, kind in (("price", Data.PRICE), ("cost", Data.COST)) if kind not in data)
        self.draft.findings.append(
            finding(
                "catalog_price_bills",
                f"The new line of {group.part_number} takes the {missing} of the catalog, because {missing} is not "
                f"selected for export. The portal made that product; it bills {text(price)} a unit unless somebody "
                "sets another price. Set it in ConnectWise, or select it for export.",
                part_number=group.part_number,
            )
        )


def _shown(value: object) -> str:
    return canonical(value) if isinstance(value, Decimal) else str(value)
