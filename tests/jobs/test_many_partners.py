"""Two hundred partners at once on four workers: one of them large, one whose ConnectWise does not answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from statistics import median

import pytest
from redis import Redis
from sqlalchemy import func, select

from cwportal.errors import UnknownPartner
from cwportal.jobs import queue
from cwportal.models import Run
from cwportal.portal import Account, Charge, Contact, Partner, Product, User
from cwportal.services import connection, mapping
from tests.jobs.crew import Crew, eventually
from tests.support.portal import PARTNER, MemorySource, charge
from tests.support.world import KEYS, Line, group

LARGE, HANGING = "large", "hanging"
SMALL = [f"small{number:03d}" for number in range(198)]
PARTNERS = [LARGE, HANGING, *SMALL]
WORKERS = 4
ACCOUNTS, LINES = 40, 10
SLOW = 0.3
"""Seconds that the large partner's ConnectWise takes for an answer: its export lasts longer than half of the small ones."""
TIMEOUT = 4.0
"""CWPORTAL_TIMEOUT: what one request of the partner that hangs costs, and so what a partner held up by it would lose."""
FACTOR = 3
"""While one worker waits for the partner that hangs and one works on the large one, small exports end at no less than a third of
their pace over all. Half would be the share of the other two."""
STUCK = 75.0
"""Seconds without the end of a single run; the large one alone needs about 35, most of them spent waiting for its ConnectWise."""


@dataclass
class ManySources:
    """Data of many partners, each like `MemorySource`."""

    of: dict[str, MemorySource] = field(default_factory=dict)

    def partner(self, partner_id: str) -> Partner:
        return replace(self._of(partner_id).partner(PARTNER), id=partner_id, name=f"Partner {partner_id}")

    def products(self, partner_id: str) -> Sequence[Product]:
        return self._of(partner_id).products(PARTNER)

    def accounts(self, partner_id: str) -> Sequence[Account]:
        return self._of(partner_id).accounts(PARTNER)

    def charges(self, partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        return self._of(partner_id).charges(PARTNER, account_ids)

    def users(self, partner_id: str, account_id: str) -> Iterator[User]:
        return self._of(partner_id).users(PARTNER, account_id)

    def contacts(self, partner_id: str) -> Sequence[Contact]:
        return self._of(partner_id).contacts(PARTNER)

    def _of(self, partner_id: str) -> MemorySource:
        if partner_id not in self.of:
            raise UnknownPartner(f"There is no partner {partner_id!r}.")
        return self.of[partner_id]


def charges_of(partner_id: str) -> list[list[Charge]]:
    """Per account. No two partners have a SKU, and no two small ones a quantity, in common."""
    if partner_id == LARGE:
        return [
            [charge(f"large-{line}", 1000 + account, line + 1, line + 2) for line in range(LINES)]
            for account in range(ACCOUNTS)
        ]
    number = PARTNERS.index(partner_id)
    return [
        [charge(f"{partner_id}-{line}", 2 * number + line, "1.25", f"{number}.5") for line in range(1 + number % 2)]
    ]


def expected(partner_id: str) -> list[list[Line]]:
    """What each of its agreements must have in the end."""
    return [[group(c.sku, c.quantity, c.unit_cost, c.unit_price) for c in lines] for lines in charges_of(partner_id)]


def furnish(crew: Crew) -> dict[str, list[int]]:
    """A ConnectWise per partner with an agreement per account, connected and mapped; the agreements' ids, equal ones among them."""
    sources = ManySources()
    member = {"identifier": "exporter", "public_key": KEYS[0], "private_key": KEYS[1], "rights": "admin"}
    tenants = []
    for partner_id in PARTNERS:
        sources.of[partner_id] = MemorySource()
        companies = []
        for account, lines in enumerate(charges_of(partner_id)):
            sources.of[partner_id].add_account(f"a{account:02d}", *lines)
            agreement = {"name": f"Agreement {account}", "billingCycle": "Monthly"}
            companies.append({"identifier": f"Co{account}", "name": f"Company {account}", "agreements": [agreement]})
        tenants.append({"tenant": partner_id, "members": [member], "companies": companies})
    seeded = crew.world.control("seed", {"tenants": tenants})["tenants"]

    crew.world.source = sources  # type: ignore[assignment]
    crew.runtime = replace(crew.runtime, source=sources)
    agreements = {}
    for partner_id, tenant in zip(PARTNERS, seeded, strict=True):
        connection.connect(
            crew.runtime,
            partner_id,
            site=crew.world.sandbox.url,
            company_id=partner_id,
            public_key=KEYS[0],
            private_key=KEYS[1],
            actor="test",
        )
        ids = [(company["id"], company["agreements"][0]["id"]) for company in tenant["companies"]]
        rows = [f"a{account:02d},{company},{agreement},yes" for account, (company, agreement) in enumerate(ids)]
        text = "\n".join(["account_id,company,agreement,export", *rows])
        mapping.import_file(crew.runtime, partner_id, text, actor="test")
        agreements[partner_id] = [agreement for _company, agreement in ids]
    return agreements


def lines(crew: Crew, partner_id: str) -> dict[int, list[Line]]:
    """Everything billed in the partner's ConnectWise, by agreement."""
    tenant = crew.world.sandbox.tenant(partner_id)
    names = {item["id"]: item["identifier"] for item in tenant.catalog()}
    return {
        agreement["id"]: sorted(
            (names[row["product"]["id"]], *(Decimal(str(row[name])) for name in ("quantity", "unitPrice", "unitCost")))
            for row in tenant.additions(agreement["id"])
        )
        for agreement in tenant.agreements()
    }


def under_way(crew: Crew) -> int:
    """How many runs have not ended; a cheap question, so that asking slows nobody down."""
    with crew.runtime.database.read() as session:
        return session.scalar(select(func.count()).select_from(Run).where(Run.finished_at.is_(None))) or 0


def fewer(crew: Crew, than: int) -> tuple[int] | None:
    """How many runs have not ended, if that is fewer than this."""
    left = under_way(crew)
    return (left,) if left < than else None


def when(instant: datetime | None) -> float:
    assert instant is not None
    return instant.timestamp()


@pytest.mark.slow
def test_two_hundred_partners_on_four_workers(crew_with: Callable[..., Crew], redis: Redis) -> None:
    crew = crew_with(CWPORTAL_LEASE="20", CWPORTAL_TIMEOUT=str(TIMEOUT))
    agreements = furnish(crew)
    crew.world.faults(
        {"kind": "hang_before", "match": {"tenant": HANGING}, "times": None, "seconds": 60},
        {"kind": "latency", "match": {"tenant": LARGE}, "times": None, "seconds": SLOW},
    )
    crew.world.clear_journal()
    asked = {name: queue.request_export(crew.runtime, name, actor="test").run_id for name in PARTNERS}
    for _ in range(WORKERS):
        crew.worker()

    left = len(PARTNERS)
    while left:
        left = eventually(f"one of {left} runs to end", lambda least=left: fewer(crew, least), STUCK)[0]
    eventually("an empty queue", lambda: not redis.llen(f"rq:queue:{queue.NAME}"))

    # Each is right, in its own ConnectWise and nowhere else, and was exported once.
    with crew.runtime.database.read() as session:
        runs = list(session.scalars(select(Run)))
    assert {run.partner_id: run.id for run in runs} == asked
    assert len(runs) == len(PARTNERS)
    ended = {run.partner_id: run for run in runs}
    for name in PARTNERS:
        if name == HANGING:
            continue
        assert (ended[name].state, ended[name].error) == ("succeeded", None), name
        assert lines(crew, name) == dict(zip(agreements[name], expected(name), strict=True))
    for name in PARTNERS:
        journal = crew.world.sandbox.tenant(name).journal.since()
        created = [entry for entry in journal if entry["method"] == "POST" and entry["path"].endswith("/additions")]
        assert len(created) == (0 if name == HANGING else sum(map(len, charges_of(name))))
        assert max(entry["concurrent"] for entry in journal) <= crew.runtime.config.concurrency
        assert when(ended[name].started_at) <= min(entry["started"] for entry in journal)
        assert max(entry["started"] for entry in journal) <= when(ended[name].finished_at)
    assert not lines(crew, "training")

    # Nobody was stuck behind the large one, or behind the one that hangs.
    finished = sorted(when(ended[name].finished_at) for name in SMALL)
    assert median(finished) < when(ended[LARGE].finished_at)
    hung = ended[HANGING]
    assert hung.state == "failed"
    assert "ConnectWise did not answer" in (hung.error or "")
    begin, end = when(hung.started_at), when(hung.finished_at)
    assert end - begin > TIMEOUT
    assert max(after - before for before, after in pairwise([begin, *finished])) < TIMEOUT
    pace = len(finished) / (finished[-1] - begin)
    meanwhile = sum(begin < instant < end for instant in finished)
    assert meanwhile / (min(end, finished[-1]) - begin) > pace / FACTOR
