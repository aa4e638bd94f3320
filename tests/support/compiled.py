"""Statements compiled once for a test process, as an application that runs compiles them once, and not again for each test's engines."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.util import LRUCache

_dialects: dict[tuple[str, str, Any], Dialect] = {}
_compiled: LRUCache[Any, Any] = LRUCache(2000)


def create_engine(url: Any, *, json_serializer: Any, **more: Any) -> Engine:
    """Like SQLAlchemy's, on a dialect (it is a part of the cache's key) that an engine of this kind has connected with before."""
    engine = sqlalchemy.create_engine(url, json_serializer=json_serializer, **more)
    kind = (engine.name, engine.driver, json_serializer)
    if kind in _dialects:
        engine.dialect = _dialects[kind]
    else:

        @event.listens_for(engine, "connect")
        def connected(connection: Any, record: Any) -> None:  # by now the dialect has asked the server what it is
            _dialects.setdefault(kind, engine.dialect)

    engine.update_execution_options(compiled_cache=_compiled)
    return engine
