"""`make bench`: every measured run, one after the other; `python -m benchmarks plan`, `export` or `pages` runs one of them."""

from __future__ import annotations

import argparse

from benchmarks import export, pages, plan


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measured runs with a printed table")
    parser.add_argument(
        "what", nargs="?", choices=["plan", "export", "pages", "all"], default="all", help="default: %(default)s"
    )
    export.add_arguments(parser)
    pages.add_arguments(parser)
    given = parser.parse_args()
    if given.what in ("plan", "all"):
        plan.main()
    if given.what in ("export", "all"):
        export.main(export.options_of(given))
    if given.what in ("pages", "all"):
        pages.main(given)


if __name__ == "__main__":
    main()
