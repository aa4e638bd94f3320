"""`python -m cwportal.sandbox --port 8780 [--state FILE] [--latency 0.05] …`"""

from __future__ import annotations

import argparse

from .server import serve


def main() -> None:
    """Parse the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m cwportal.sandbox", description="ConnectWise PSA simulator")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8780, help="port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--state", metavar="FILE", help="keep the data in this file")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="answer every request this later")
    parser.add_argument("--cloud", action="store_true", help="bad keys give the cloud's 404 in HTML")
    parser.add_argument("--no-my-security", action="store_true", help="system/mySecurity is refused")
    parser.add_argument("--contact-required", action="store_true", help="agreements need a contact")
    parser.add_argument("--old-limits", action="store_true", help="maximum lengths of release 2022.1")
    parser.add_argument("--shuffle", action="store_true", help="no order without orderBy")
    parser.add_argument("--round-money", type=int, metavar="DECIMALS", help="prices and costs are stored rounded")
    parser.add_argument("--page-limit", type=int, default=1000, metavar="N", help="largest page (default: %(default)s)")
    parser.add_argument("--rate-per-minute", type=int, metavar="N", help="429 beyond this")
    parser.add_argument("--codebase", default="v4_6_release/", help="path before apis/3.0 (default: %(default)s)")
    given = parser.parse_args()
    serve(
        given.port,
        given.state,
        host=given.host,
        latency=given.latency,
        cloud=given.cloud,
        my_security="refused" if given.no_my_security else "allowed",
        contact_required=given.contact_required,
        old_limits=given.old_limits,
        shuffle=given.shuffle,
        round_money=given.round_money,
        page_limit=given.page_limit,
        rate_per_minute=given.rate_per_minute,
        codebase=given.codebase,
    )


if __name__ == "__main__":
    main()
