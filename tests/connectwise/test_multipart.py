"""Uploads as a stream: the right length, in pieces, and whole again when they are repeated."""

from __future__ import annotations

import io
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP

import responses

from cwportal.connectwise.multipart import MultipartBody
from cwportal.connectwise.writer import Writer

from .support import API, TransportMaker


def parsed(body: MultipartBody) -> dict[str, tuple[str | None, bytes]]:
    raw = b"".join(body)
    message: Message = message_from_bytes(f"Content-Type: {body.content_type}\r\n\r\n".encode() + raw, policy=HTTP)
    found = {}
    for part in message.get_payload():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        found[str(name)] = (part.get_filename(), part.get_payload(decode=True))  # type: ignore[union-attr]
    return found  # type: ignore[return-value]


def test_fields_and_files_arrive_with_the_length_told() -> None:
    body = MultipartBody({"title": "Ä – b"}, {"file": ("u.csv", io.BytesIO(b"x\r\ny"), "text/csv")})
    assert len(body) == len(b"".join(body))
    found = parsed(body)
    assert found["file"] == ("u.csv", b"x\r\ny")
    assert found["title"] == (None, "Ä – b".encode())


def test_a_name_cannot_leave_its_quotes() -> None:
    raw = b"".join(MultipartBody({}, {"file": ('a"\r\nX: y', b"", "text/csv")}))
    assert b'filename="a%22%0D%0AX: y"\r\nContent-Type: text/csv' in raw


def test_a_large_file_is_never_read_at_once() -> None:
    class Watched(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            self.largest = max(self.largest, len(piece))
            return piece

    file = Watched(b"x" * 1_000_000)
    body = MultipartBody({}, {"file": ("u.csv", file, "text/csv")})
    assert sum(map(len, body)) == len(body)
    assert file.largest <= 64 * 1024


def test_a_repeated_upload_sends_the_whole_file_again(
    web: responses.RequestsMock, make_transport: TransportMaker
) -> None:
    seen: list[bytes] = []

    def answer(request: object) -> tuple[int, dict[str, str], str]:
        seen.append(b"".join(request.body))  # type: ignore[attr-defined]
        return (429, {"Retry-After": "1"}, "{}") if len(seen) == 1 else (201, {}, '{"id": 7}')

    web.add_callback("POST", f"{API}/system/documents", callback=answer)
    file = io.BytesIO(b"a,b\r\n" * 10)
    Writer(make_transport()).upload_document(9, title="T", file_name="u.csv", content=file)
    assert len(seen) == 2
    assert all(b"a,b\r\n" * 10 in body for body in seen)
    assert not file.closed
