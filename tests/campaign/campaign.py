"""One seeded schedule: a partner's life with a ConnectWise that fails, people who edit by hand, and processes that die."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, select

from cwportal.errors import CWPortalError
from cwportal.models import LedgerAddition, Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.sandbox import Sandbox
from cwportal.vocabulary import Outcome
from tests.campaign import invariants
from tests.campaign.invariants import RETRY_AFTER, SCALE, Violation, four, values
from tests.campaign.lists import Lists
from tests.campaign.mortal import Killed, MortalDatabase
from tests.support.clock import ScaledClock
from tests.support.portal import charge
from tests.support.world import KEYS, World

SKUS = ("MBX", "BCK", "SEC", "PBX")
ANSWERS = {
    "existing_lines": ("leave", "use"),
    "unconfirmed_write": ("use",),  # a line that our lost write made and a person edited before it could be checked
    "ended_by_hand": ("recreate",),
    "gone": ("recreate",),
    "product_changed": ("recreate",),
}
TRANSIENT = (
    {"kind": "rate_limit_json", "retry_after": RETRY_AFTER},
    {"kind": "rate_limit_html", "retry_after": RETRY_AFTER},
    {"kind": "error_before"},
    {"kind": "error_after"},
    {"kind": "close_before"},
    {"kind": "close_after"},
    {"kind": "hang_after", "seconds": 0.8},
    {"kind": "hang_before", "seconds": 0.8},
    {"kind": "commit_late", "seconds": 0.9},
    {"kind": "truncated"},
    {"kind": "html_page"},
    {"kind": "latency", "seconds": 0.02},
)
WRITES = (
    {"method": "POST", "path": "additions"},
    {"method": "PATCH", "path": "additions"},
    {"method": "POST", "path": "procurement/catalog"},
    {"method": "GET", "path": "additions"},
)


_USED = (
    select(LedgerAddition.cw_addition_id)
    .where(LedgerAddition.account_id == bindparam("account"))
    .union(
        select(RunChange.cw_addition_id).where(
            RunChange.account_id == bindparam("account"),
            RunChange.action == "adopt",
            RunChange.outcome.in_([Outcome.STARTED, Outcome.UNKNOWN, Outcome.APPLIED]),
        )
    )
)
"""Lines of an account that the product knows as its own."""


class Campaign:
    """A world with its truth kept beside it: what the portal wants, which rows are foreign, what was seen of requests."""

    def __init__(self, folder: Path, sandbox: Sandbox, seed: int, **config: Any) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.clock = ScaledClock(SCALE)
        self.world = World(
            folder,
            sandbox,
            clock=self.clock,
            database=MortalDatabase(config.get("CWPORTAL_DATABASE_URL") or f"sqlite:///{folder / 'campaign.sqlite'}"),
            **{
                "CWPORTAL_SETTLE": "60",
                "CWPORTAL_LEASE": "60",
                "CWPORTAL_TIMEOUT": "0.5",
                "CWPORTAL_CONCURRENCY": "3",
                **config,
            },
        )
        self.lists = Lists(self.world, seed)
        self.agreements: dict[str, int] = {}
        self.hits: Counter[str] = Counter()
        self.kills = 0
        self.steps: list[str] = []
        self._journal_seen = 0
        self._runs: list[int] = []
        self.used: set[int] = set()
        self.deleted: set[int] = set()
        """Lines people deleted; whether a lost write made one of them can no longer be seen."""
        self.journal: list[dict[str, Any]] = []
        self.round: int | None = None

    # --- the world ----------------------------------------------------------------------------------------------------
    def set_up(self) -> None:
        """Two or three accounts, some products and lines that are there already."""
        world, rng = self.world, self.random
        world.control(
            "seed",
            {
                "catalog": [{"identifier": sku, "description": sku, "customerDescription": sku} for sku in SKUS[:2]]
                + [{"identifier": "OTHER", "description": "OTHER", "customerDescription": "OTHER"}]
            },
        )
        world.connect()
        world.choose(
            ended=rng.choice(["zero", "zero", "cancel"]),
            adopt=rng.choice(["ask", "yes", "no"]),
            limit_ended="1000",
            limit_change="1000",
        )
        for name in ("a", "b", "c")[: rng.randint(2, 3)]:
            lines = [self._foreign_row() for _ in range(rng.choice([0, 0, 1, 2]))]
            self.agreements[name] = world.agreement(name, *lines)
            world.source.add_account(name)
            self.change_charges(name)
            self.lists.upload_by_hand(self.agreements[name])
        world.map(dict(self.agreements))
        self.lists.select()

    def _foreign_row(self) -> dict[str, Any]:
        rng = self.random
        return {
            "product": {"identifier": rng.choice([*SKUS[:2], "OTHER"])},
            "quantity": rng.randint(1, 9),
            "unitPrice": rng.randint(1, 9),
            "unitCost": rng.randint(1, 5),
        }

    def change_charges(self, name: str) -> None:
        """New usage for one account: several prices of one SKU, vanished and new SKUs, fractions."""
        rng, rows = self.random, []
        for sku in SKUS:
            for _ in range(rng.choice([0, 1, 1, 2])):
                quantity = rng.choice([rng.randint(1, 30), Decimal(rng.randint(1, 400)) / 8])
                rows.append(
                    charge(sku, quantity, rng.randint(1, 3), rng.choice([rng.randint(4, 9), "4.255", "7.0049"]))
                )
        if not rows:
            rows = [charge("MBX", 1, 1, 5)]
        self.world.source.set_charges(name, *rows)
        self.lists.change(name)
        self.steps.append(
            f"charges of {name}: {[(r.sku, str(r.quantity), str(r.unit_cost), str(r.unit_price)) for r in rows]}"
        )

    def desired(self, name: str) -> Counter[tuple[str, Decimal, Decimal, Decimal]]:
        """What must be billed: computed here, independently of the product."""
        totals: dict[tuple[str, Decimal, Decimal], Decimal] = {}
        for row in self.world.source.usage[name]:
            key = (row.sku, four(row.unit_price or Decimal(0)), four(row.unit_cost))
            totals[key] = totals.get(key, Decimal(0)) + row.quantity
        return Counter(
            (sku, four(quantity), self._stored(price), self._stored(cost))
            for (sku, price, cost), quantity in totals.items()
            if four(quantity)
        )

    def _stored(self, amount: Decimal) -> Decimal:
        return amount if self.round is None else amount.quantize(Decimal(10) ** -self.round, ROUND_HALF_UP)

    def ours(self, name: str) -> list[dict[str, Any]]:
        """Rows on the account's agreement that our keys made or that were taken into use."""
        made = {
            entry["entity_id"] for entry in self.journal if entry["method"] == "POST" and "additions" in entry["path"]
        }
        with self.world.database.read() as session:
            used = set(session.scalars(_USED, {"account": name}))
        return [row for row in self.world.additions(self.agreements[name]) if row["id"] in made | used]

    def bill(self, rows: Iterable[dict[str, Any]]) -> Decimal:
        """What these rows of ours cost the customer a month."""
        return sum((row["quantity"] * row["unitPrice"] for row in rows if not row.get("cancelledDate")), Decimal(0))

    def desired_bill(self, name: str) -> Decimal:
        """What they should cost."""
        return sum(
            (quantity * price * count for (_, quantity, price, _), count in self.desired(name).items()), Decimal(0)
        )

    # --- steps --------------------------------------------------------------------------------------------------------
    def hand_edit(self) -> None:
        """A person changes, cancels, deletes or adds a line in ConnectWise."""
        rng, name = self.random, self.random.choice(list(self.agreements))
        mine = [row for row in self.ours(name) if not row.get("cancelledDate")]
        what = rng.choice(["price", "quantity", "cancel", "delete", "foreign", "copy"])
        if what == "foreign" or not mine:
            self.world.control("seed", {"additions": [{**self._foreign_row(), "agreement": self.agreements[name]}]})
        else:
            row = rng.choice(mine)
            if what == "price":
                self.world.edit(row["id"], unitPrice=rng.randint(1, 12))
            elif what == "quantity":
                self.world.edit(row["id"], quantity=rng.randint(0, 12))
            elif what == "cancel":
                self.world.edit(row["id"], cancelledDate="2026-01-31")
            elif what == "delete":
                self.world.delete(row["id"])
                self.deleted.add(row["id"])
            else:
                copy = {key: row[key] for key in ("product", "quantity", "unitPrice", "unitCost")}
                self.world.control(
                    "seed",
                    {
                        "additions": [
                            {**copy, "product": {"id": row["product"]["id"]}, "agreement": self.agreements[name]}
                        ]
                    },
                )
        self.steps.append(f"hand: {what} on {name}")

    def inject(self) -> None:
        """One to three faults on the next requests."""
        rules = []
        for _ in range(self.random.randint(1, 3)):
            fault = dict(self.random.choice(TRANSIENT))
            rules.append(
                {
                    **fault,
                    "match": self.random.choice(WRITES),
                    "skip": self.random.randint(0, 3),
                    "times": self.random.choice([1, 1, 2]),
                }
            )
        rules += self.lists.faults(TRANSIENT)
        self.world.faults(*rules, seed=self.seed)
        self.steps.append(f"faults: {rules}")

    def export(self, *, kill: bool = False, twice: bool = False, approve: bool = True) -> str:
        """One export, perhaps killed at some commit, perhaps two at once. Returns how it ended."""
        foreign = self._foreign()
        before = {name: self.bill(self.ours(name)) for name in self.agreements}
        if kill:
            self.world.database.kill_at(self.random.randint(1, 12), after=self.random.random() < 0.5)  # type: ignore[attr-defined]
        state = self._run_twice(approve) if twice else self._run(approve)
        for rule in self.world.control("faults"):
            self.hits[rule["kind"]] += rule["hits"]
        late = any(
            rule["kind"] in ("commit_late", "hang_after") and rule["hits"] for rule in self.world.control("faults")
        )
        self.world.faults()
        if late:
            time.sleep(1.0)
        if self.world.database.dead:  # type: ignore[attr-defined]
            self._new_process()
        self.steps.append(f"export{' killed' if kill else ''}{' twice' if twice else ''}: {state}")
        self._read_journal()
        invariants.step(self, foreign, before)
        self.clock.advance(61)
        return state

    def _run(self, approve: bool) -> str:
        try:
            result = self.world.export(approve=approve)
            self._runs.append(result["run_id"])
            return str(result["status"])
        except Killed:
            self.kills += 1
            return "killed"
        except CWPortalError as error:
            return f"refused: {error}"

    def _run_twice(self, approve: bool) -> str:
        states: list[str] = []
        threads = [threading.Thread(target=lambda: states.append(self._run(approve))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(self._runs) != len(set(self._runs)):
            self.fail(f"two processes worked on one run: {self._runs}")
        return " and ".join(sorted(states))

    def _new_process(self) -> None:
        self.world.database.dispose()
        database = MortalDatabase(self.world.database.engine.url)
        self.world.database = database
        old = self.world.runtime
        self.world.runtime = Runtime(old.config, database, old.source, old.clock, old.sleep)

    def answer(self) -> bool:
        """Answer every question the last run asked, as a person would. True if something was answered."""
        with self.world.database.read() as session:
            newest = session.scalar(select(Run.id).order_by(Run.id.desc()).limit(1))
            rows = list(session.scalars(select(RunAccount).where(RunAccount.run_id == newest)))
        answered = False
        for row in rows:
            for finding in row.findings:
                line = finding["addition_id"]
                if finding["severity"] != "hold" or line is None:
                    continue
                choices = ANSWERS.get(finding["code"])
                if choices is None:
                    continue
                choice = self.random.choice(choices)
                self.world.decide(row.account_id, line, choice)
                self.steps.append(f"decided {choice} on {line} of {row.account_id} ({finding['code']})")
                if choice == "use":
                    self.used.add(line)
                answered = True
        return answered

    def settle(self, *, tries: int = 10) -> None:
        """Without further faults everything comes right: exports and answers until nothing is left, then nothing is written."""
        self.world.faults()
        for _ in range(tries):
            state = self.export(approve=True)
            self.answer()
            if state == "succeeded":
                break
        else:
            self.fail(f"does not come to rest: {state}")
        invariants.bill(self)
        invariants.ledger(self)
        invariants.log(self)
        if (wrong := self.lists.wrong(self.agreements, self.journal)) is not None:
            self.fail(wrong)
        writes = len([e for e in self.journal if e["method"] != "GET"])
        self.export()
        if len([e for e in self.journal if e["method"] != "GET"]) != writes:
            self.fail("an export with nothing to change wrote something")

    # --- invariants ---------------------------------------------------------------------------------------------------
    def fail(self, what: str) -> None:
        """Stop with everything needed to see it again."""
        raise Violation(f"seed {self.seed}: {what}\n" + "\n".join(self.steps))

    def _read_journal(self) -> None:
        entries = self.world.control(f"journal?since={self._journal_seen}")
        fresh = [entry for entry in entries if entry["n"] > self._journal_seen]
        self._journal_seen = max([entry["n"] for entry in fresh], default=self._journal_seen)
        self.step_journal = [entry for entry in fresh if entry["member"]]
        self.journal += self.step_journal

    def _foreign(self) -> dict[int, Any]:
        ids = {row["id"] for name in self.agreements for row in self.ours(name)}
        rows = {row["id"]: row for agreement in self.agreements.values() for row in self.world.additions(agreement)}
        return {key: values(row) for key, row in rows.items() if key not in ids}


def run_schedule(
    folder: Path,
    sandbox: Sandbox,
    seed: int,
    *,
    steps: int = 5,
    prepare: Callable[[Campaign], None] | None = None,
    **config: str,
) -> Campaign:
    """A whole schedule; raises Violation."""
    campaign = Campaign(folder, sandbox, seed, **config)
    try:
        if prepare:
            prepare(campaign)
        campaign.set_up()
        rng = campaign.random
        for _ in range(steps):
            if rng.random() < 0.6:
                campaign.change_charges(rng.choice(list(campaign.agreements)))
            if rng.random() < 0.3:
                campaign.hand_edit()
            if rng.random() < 0.6:
                campaign.inject()
            campaign.export(kill=rng.random() < 0.35, twice=rng.random() < 0.1)
            campaign.answer()
        campaign.settle()
    finally:
        campaign.world.close()
    return campaign


def restore(campaign: Campaign) -> None:
    """Undo what a fault did to keys and rights."""
    campaign.world.control(
        "edit", {"kind": "member", "public_key": KEYS[0], "set": {"revoked": False, "rights": "admin"}}
    )
