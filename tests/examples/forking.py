"""The example as a host that has used its database before its worker forks, and that notes which connections are used.

For `flask --app tests.examples.forking`.
"""

from __future__ import annotations

import os
from pathlib import Path

from plain_host import create_app
from plain_host.tables import db
from sqlalchemy import event, text

NOTES = Path(os.environ["PLAIN_HOST_FOLDER"]) / "connections"

app = create_app()
with app.app_context():

    @event.listens_for(db.engine, "engine_connect")
    def note(connection: object) -> None:
        backend = connection.connection.driver_connection.info.backend_pid  # type: ignore[attr-defined]
        with NOTES.open("a") as file:
            file.write(f"{os.getpid()} {backend}\n")

    db.session.scalar(text("SELECT 1"))
    db.session.remove()  # the connection goes back to the pool, which a fork would inherit
