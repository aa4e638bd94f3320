"""`cwportal worker`, `tick` and `scheduler`: what carries out exports without anybody at a keyboard."""

from __future__ import annotations

import logging
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from cwportal.commands.context import application, own_portal, runtime
from cwportal.errors import UsageError

if TYPE_CHECKING:
    from flask import Flask


@click.command()
@click.option("--burst", is_flag=True, help="End when the queue is empty.")
def worker(burst: bool) -> None:
    """Carry out exports from the queue, one at a time, until SIGTERM or Ctrl-C.

    Start as many as exports shall run at once. Without CWPORTAL_REDIS_URL a Valkey server is started in the instance folder.
    """
    from cwportal.jobs import signals

    with signals.ending():  # also while the application is being made
        from cwportal.jobs import worker as workers

        logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s")
        logging.getLogger("cwportal.jobs").setLevel(logging.INFO)
        found, app, portal = runtime(), application(), own_portal()
        if portal is not None:
            portal.dispose()  # connections are not for children to inherit
        workers.serve(found, context=app.app_context, forked=partial(_forget_connections, app), burst=burst)


@click.command()
def tick() -> None:
    """Put runs that nobody works on back into the queue, once."""
    from cwportal.jobs.requeue import requeue

    enqueued = requeue(runtime())
    click.echo("\n".join(f"Run {run_id} was put into the queue." for run_id in enqueued) or "Nothing to do.")


@click.command()
def scheduler() -> None:
    """Start exports when they are due (not yet available)."""
    raise UsageError("`cwportal scheduler` is not yet available. Start exports with: cwportal export --partner …")


def _forget_connections(app: Flask) -> None:
    """In a forked child: the database connections of a host with Flask-SQLAlchemy belong to its parent."""
    extension = app.extensions.get("sqlalchemy")
    if extension is not None:
        with app.app_context():
            for engine in extension.engines.values():
                engine.dispose(close=False)
