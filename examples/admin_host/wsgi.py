"""For `flask` and web servers."""

from __future__ import annotations

from admin_host import create_app

app = create_app()
