"""`make bench`: every measured run, one after the other."""

from __future__ import annotations

from benchmarks import plan

if __name__ == "__main__":
    plan.main()
