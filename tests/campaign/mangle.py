"""A ConnectWise nobody has seen: answers that are mangled on their way, in a seeded manner."""

from __future__ import annotations

import gzip
import json
import random
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cwportal.sandbox import Sandbox
from cwportal.sandbox.wire import Ending, Request, Response

_NUMBER = re.compile(r'"@number:([^"]*)"')
_DATES = (
    "2026-03-01T00:00:00",
    "2026-03-01T00:00:00+05:00",
    "2026-03-01T00:00:00+00:00",
    "2026-03-01T00:00:00.0000000Z",
    "2026-03-01",
    "0001-01-01",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "03/01/2026",
)


class Mangler:
    """Stands between a sandbox and whoever asks it. `begin(seed)` to `end()` mangles some answers of the API; `done` tells which and how."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._application = sandbox._server.application
        self._lock = threading.Lock()
        self._seed: int | None = None
        self._share = 0.0
        self._asked: Counter[str] = Counter()
        self._seen: dict[str, list[Any]] = defaultdict(list)
        self.done: list[str] = []
        sandbox._server.application = self._answer

    def begin(self, seed: int) -> None:
        """From now on, as this seed says."""
        self._seed = seed
        self._share = random.Random(seed).choice([0.1, 0.3, 0.3, 0.6])
        self._asked.clear()
        self.done.clear()

    def end(self) -> None:
        """No more."""
        self._seed = None

    def _answer(self, request: Request) -> Response:
        response = self._application(request)
        if "/apis/3.0/" not in request.path or response.ending is not Ending.SEND:
            return response
        with self._lock:
            self._remember(request, response)
            if self._seed is None:
                return response
            what = f"{request.method} {request.path}"
            self._asked[what] += 1
            rng = random.Random(f"{self._seed} {what} {self._asked[what]}")  # whichever thread asks first
            if rng.random() > self._share:
                return response
            change = rng.choice(_CHANGES)
            mangled = change(rng, request, response, self._seen[_kind(request)])
            self.done.append(f"{request.method} {request.path[-45:]} {change.__name__}: {mangled.body[:300]!r}")
        return mangled

    def _remember(self, request: Request, response: Response) -> None:
        try:
            data = json.loads(response.body)
        except ValueError:
            return
        rows = data if isinstance(data, list) else [data]
        self._seen[_kind(request)] = [*self._seen[_kind(request)], *(row for row in rows if isinstance(row, dict))][
            -20:
        ]


def _kind(request: Request) -> str:
    return re.sub(r"/\d+", "", request.path)


def _dumped(response: Response, data: Any) -> Response:
    text = _NUMBER.sub(r"\1", json.dumps(data))
    return replace(response, body=text.encode())


Change = Callable[[random.Random, Request, Response, list[Any]], Response]


def _data(response: Response) -> Any:
    try:
        return json.loads(response.body)
    except ValueError:
        return None


def _objects(data: Any) -> list[dict[str, Any]]:
    if isinstance(data, list):
        return [found for item in data for found in _objects(item)]
    if not isinstance(data, dict):
        return []
    return [data, *(found for name, item in data.items() if name != "_info" for found in _objects(item))]


def field(rng: random.Random, request: Request, response: Response, seen: list[Any]) -> Response:
    """One field of one record: gone, null, of another type, another form, or too long."""
    data = _data(response)
    objects = [one for one in _objects(data) if one]
    if not objects:
        return response
    record = rng.choice(objects)
    for _ in range(rng.choice([1, 1, 3])):
        if not record:
            break
        name = rng.choice([key for key in record if key != "_info"] or list(record))
        what = rng.randrange(5)
        if what == 0:
            del record[name]
        elif what == 1:
            record[name] = None
        elif what == 2:
            record["never_heard_of"] = {"nested": [1, {"deep": None}]}
        else:
            record[name] = _other(rng, record[name])
    return _dumped(response, data)


def _other(rng: random.Random, value: Any) -> Any:
    """The value in another form or of another type."""
    if isinstance(value, bool):
        return rng.choice([str(value).lower(), int(value), "Y"])
    if isinstance(value, int | float):
        forms = [str(value), f"@number:{value}.0" if isinstance(value, int) else str(value), f"@number:{value * 10}e-1"]
        return rng.choice([*forms, f"{value}.0", [value], {"id": value}, 10**25, "@number:1e400", "@number:-0"])
    if isinstance(value, str):
        if re.match(r"\d{4}-\d\d-\d\dT", value):
            return rng.choice(_DATES)
        return rng.choice([17, {"id": 1}, value * 3000, [value], value + "\ud800", value + "\x00", True, " " + value])
    if isinstance(value, dict):
        return rng.choice([value.get("id"), str(value.get("id")), [value], {}, "", {"id": str(value.get("id"))}])
    return rng.choice([{}, "", 0, [[]]])


def rows(rng: random.Random, request: Request, response: Response, seen: list[Any]) -> Response:
    """A list with rows twice, rows of somewhere else, in another order, empty, or no list."""
    data = _data(response)
    if not isinstance(data, list):
        return _dumped(
            response, rng.choice([[data], {}, None, [], {"code": "Oops", "message": "an error", "errors": []}])
        )
    what = rng.randrange(7)
    if what == 0 and data:
        data.append(rng.choice(data))
    elif what == 1 and seen:
        data.append(rng.choice(seen))
    elif what == 2:
        rng.shuffle(data)
    elif what == 3 and seen:
        data = [rng.choice(seen)]
    elif what == 4:
        data = []
    else:
        data = rng.choice([{}, None, {"value": data}, "", [None], [[]], {"code": "Oops", "message": "an error"}])
    return _dumped(response, data)


def link(rng: random.Random, request: Request, response: Response, seen: list[Any]) -> Response:
    """Other Link headers."""
    links = [
        '</v4_6_release/apis/3.0/x?page=2>; rel="next"',
        "<https://elsewhere.example/x?PAGE=2>; REL=NEXT",
        "<x>; rel=self",
        "",
        "nonsense",
        '<x?page=1>; rel="first", <x?page=1>; rel="LAST"',
    ]
    return replace(response, headers=(*response.headers, ("LINK", rng.choice(links))))


def encoded(rng: random.Random, request: Request, response: Response, seen: list[Any]) -> Response:
    """The same text in other bytes."""
    body = response.body
    what = rng.randrange(6)
    if what == 0:
        return replace(response, body=gzip.compress(body), headers=(*response.headers, ("Content-Encoding", "gzip")))
    if what == 1:
        return replace(response, headers=(*response.headers, ("Content-Encoding", "gzip")))
    if what == 2:
        return replace(response, body=b"\xef\xbb\xbf" + body)
    if what == 3:
        return replace(response, body=body.decode().replace("e", "\xe9").encode("latin-1", "replace"))
    if what == 4:
        return replace(response, body=body.decode().encode("utf-16"))
    return replace(response, body=b"\n \r\n" + body + b"\n\n", content_type="text/plain")


def status(rng: random.Random, request: Request, response: Response, seen: list[Any]) -> Response:
    """A success that says less, or something else."""
    if response.status >= 300:
        return response
    what = rng.randrange(4)
    if what == 0:
        return replace(response, body=b"")
    if what == 1:
        return replace(response, status=204, body=b"")
    if what == 2:
        return replace(response, status=rng.choice([200, 201, 202, 206]))
    return replace(response, body=b'{"code":"NotFound","message":"Record not found","errors":null}')


def framed(rng: random.Random, request: Request, response: Response, seen: list[Any]) -> Response:
    """The same answer in another frame; what cannot be said on a kept connection closes it."""
    sock, body = request.connection.sock, response.body
    what = rng.randrange(8)
    if what <= 1:
        sock.sendall([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\nx-a: b\r\n\r\n"][what])
        return response
    if what == 2:
        return replace(
            response, headers=(*response.headers, ("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("Retry-After", "x"))
        )
    head = f"HTTP/1.1 {response.status} OK\r\ncOnTeNt-TyPe: {response.content_type}\r\n"
    head += "".join(f"{name.swapcase()}: {value}\r\n" for name, value in response.headers)
    length = len(body)
    if what == 3:
        head = head.replace("1.1", "1.0", 1)
    elif what == 4:
        middle = length // 2
        head += "Transfer-Encoding: chunked\r\n"
        pieces = [piece for piece in (body[:middle], body[middle:]) if piece]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    elif what == 5:
        head += f"Content-Length: {max(length - 3, 0)}\r\n"
    elif what == 6:
        head += f"Content-Length: {length + 9}\r\n"
    else:
        head = head.replace("1.1", "1.0", 1)
        body = body[: length // 2]
    sock.sendall(head.encode("latin-1", "replace") + b"\r\n" + body)
    return replace(response, ending=Ending.CLOSE)


_CHANGES: tuple[Change, ...] = (field, field, field, rows, rows, link, encoded, status, framed)
