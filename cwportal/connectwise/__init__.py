"""Thin client of the ConnectWise PSA (Manage) REST API.

*Lives here:* protocol without I/O, transport (the product's only `import requests`), reader, writer, records, errors.
*May import:* cwportal.errors, cwportal.vocabulary, the standard library, requests and urllib3.
*Must never:* decide on money, quantity, date or ownership; know the database or Flask; repeat a write that may be done.
"""

from __future__ import annotations
