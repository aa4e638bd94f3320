"""A connected ConnectWise for reading. Writers are made separately, so that only the apply step ever holds one."""

from __future__ import annotations

from dataclasses import dataclass

from cwportal.connectwise.reader import Reader
from cwportal.connectwise.session import Transport


@dataclass(frozen=True, slots=True)
class Client:
    """One partner's ConnectWise: `read`, and the transport to close or to build a Writer on."""

    transport: Transport
    read: Reader

    @classmethod
    def on(cls, transport: Transport) -> Client:
        """A client on an open transport."""
        return cls(transport, Reader(transport))

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()
