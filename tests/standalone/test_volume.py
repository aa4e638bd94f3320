"""A large load, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHARGES = 300_000
SKUS = 30
ACCOUNTS = 1_500
MOST_MEGABYTES = 250

MEASURE = """
import re, resource, sys, time
from pathlib import Path
from cwportal.db import make_engine
from cwportal.standalone.load import load
from cwportal.standalone.migrate import upgrade
from cwportal.standalone.source import StandaloneSource

def peak():
    # Megabytes. VmHWM begins at this program, ru_maxrss with the process it was forked from.
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024


engine = make_engine(sys.argv[2])
upgrade(engine)
started = time.monotonic()
report = load(engine, Path(sys.argv[1]))
loaded = time.monotonic()
source = StandaloneSource(engine)
ids = [account.id for account in source.accounts("big")]
read = sum(len(charges) for _, charges in source.charges("big", ids))
print(report.rows["charges"], read, peak())
print(f"load {loaded - started:.1f} s, read {time.monotonic() - loaded:.1f} s", file=sys.stderr)
engine.dispose()
"""


@pytest.mark.slow
def test_300_000_charges_stay_under_250_megabytes(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "partners.csv").write_text("partner_id,name,timezone,currency\nbig,Big IT,America/New_York,USD\n")
    accounts = "".join(f"big,a{number},Account {number},active\n" for number in range(ACCOUNTS))
    (files / "accounts.csv").write_text("partner_id,account_id,name,status\n" + accounts)
    (files / "products.csv").write_text("sku,name\n" + "".join(f"SKU-{number},Product\n" for number in range(SKUS)))
    with (files / "charges.csv").open("w") as charges:
        charges.write("partner_id,account_id,sku,quantity,unit_cost,unit_price\n")
        charges.writelines(
            f"big,a{one % ACCOUNTS},SKU-{one % SKUS},{one % 97}.25,3.{one % 100},{7 if one % 3 else ''}\n"
            for one in range(CHARGES)
        )
    measured = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE, str(files), f"sqlite:///{tmp_path / 'portal.sqlite'}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert measured.returncode == 0, measured.stderr
    print(measured.stdout, measured.stderr)
    loaded, read, megabytes = map(int, measured.stdout.split())
    assert (loaded, read) == (CHARGES, CHARGES)
    assert megabytes < MOST_MEGABYTES
