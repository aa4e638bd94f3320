"""The guard on every outgoing connection: https and public addresses only (design section 6).

The site is typed by a user, so it could point into our own network. The check is made on the very address that is
connected to: the name is resolved once, every address it has is checked, and the socket is opened to a checked address.
So a name that resolves differently the second time (rebinding), decimal and octal spellings, and IPv4 addresses
wrapped in IPv6 do not get through.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from cwportal.connectwise.errors import SiteRefused, TimedOut, Unreachable
from cwportal.connectwise.site import is_allowed

SocketOptions = Sequence[tuple[int, int, int | bytes]]
AddressInfo = tuple[int, int, int, str, Any]
Resolver = Callable[[str, int], Sequence[AddressInfo]]
_DENIED_4 = tuple(ipaddress.IPv4Network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/3"))
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
# Transition mechanisms (6to4, Teredo and other IETF blocks) lead to addresses we cannot see; no ConnectWise is there.
_DENIED_6 = tuple(ipaddress.IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether a numeric address is one of the public internet; wrapped IPv4 addresses are unwrapped first."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped
        if wrapped is None and ip in _NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(str(wrapped))
        return ip.is_global and ip in _GLOBAL_6 and not any(ip in net for net in _DENIED_6)
    return ip.is_global and not any(ip in net for net in _DENIED_4)


def _resolve(host: str, port: int) -> Sequence[AddressInfo]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class AddressGuard:
    """Decides which hosts we talk to. `allowed` are the operator's exemptions: hosts or host:port."""

    def __init__(self, allowed: frozenset[str] = frozenset(), *, resolve: Resolver = _resolve) -> None:
        self.allowed = frozenset(entry.strip().lower() for entry in allowed if entry.strip())
        self._resolve = resolve

    def exempts(self, host: str, port: int) -> bool:
        """Whether the operator allows this host whatever its scheme and address."""
        return is_allowed(host, port, self.allowed)

    def check_scheme(self, scheme: str, host: str, port: int) -> None:
        """Raise SiteRefused for anything but https, unless the operator allows the host."""
        if scheme != "https" and not self.exempts(host, port):
            raise SiteRefused(f"{host} is only talked to over https. Type the site without http://.")

    def connect(self, host: str, port: int, timeout: float, options: SocketOptions = ()) -> socket.socket:
        """A connected socket to a checked address of the host.

        `timeout` in seconds is for all attempts together. Raises SiteRefused, Unreachable or TimedOut (`not_sent`).
        """
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError):
            found = ()
        if not found:
            raise Unreachable(
                f"There is no host named {host}, or its name cannot be looked up just now. "
                "Check Site: it is the address you log in to ConnectWise with.",
                permanent=True,
            )
        if not self.exempts(host, port) and not all(is_public(str(info[4][0])) for info in found):
            raise SiteRefused(
                f"{host} leads to an address inside a private network, which the portal does not talk to. "
                "Check Site, or ask the portal's operator to allow this host (CWPORTAL_ALLOWED_SITES)."
            )
        deadline = monotonic() + timeout
        timed_out = False
        for family, kind, number, _name, address in found:
            remaining = deadline - monotonic()
            if remaining <= 0:
                timed_out = True
                break
            opened = socket.socket(family, kind, number)
            try:
                for option in options:
                    opened.setsockopt(*option)
                opened.settimeout(remaining)
                opened.connect(address)
            except TimeoutError:
                opened.close()
                timed_out = True
            except OSError:
                opened.close()
            else:
                return opened
        if timed_out:
            raise TimedOut(
                f"{host} does not answer on port {port}. Check Site; if ConnectWise is your own server, check that it "
                "runs and that its firewall lets the portal in.",
                certainty="not_sent",
            )
        raise Unreachable(
            f"{host} refuses the connection on port {port}. Check Site; if ConnectWise is your own server, check that "
            "it runs and that its firewall lets the portal in."
        )
