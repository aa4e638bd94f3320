"""A ConnectWise PSA simulator: a suspicious, fault-playing server for tests, demonstrations and measurements.

*Lives here:* the simulated API, its data, faults and barriers, the control API and a page that shows it all.
*May import:* the standard library, and nothing else of cwportal, so that no misreading is shared with the client.
*Must never:* be more lenient than `contract.md` is sure ConnectWise is, or be needed by an export.
"""

from __future__ import annotations

from .open_tenant import OpenTenant
from .server import Sandbox, serve
from .variant import Variant

__all__ = ["OpenTenant", "Sandbox", "Variant", "serve"]
