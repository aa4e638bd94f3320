"""multipart/form-data as a stream: a file of any size goes out in small pieces, and again from its start if it must be repeated."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import BinaryIO

_PIECE = 64 * 1024

Content = bytes | BinaryIO
"""A file's content; a stream must be seekable and is not closed."""

Files = Mapping[str, tuple[str, Content, str]]
"""Part name -> (file name, content, media type)."""


class MultipartBody:
    """The body of one upload. Iterating starts from the beginning every time; `len()` is known beforehand."""

    def __init__(self, fields: Mapping[str, str], files: Files) -> None:
        self._boundary = secrets.token_hex(16)
        self._parts: list[tuple[bytes, Content]] = [
            (self._head(f'name="{_quoted(name)}"'), value.encode()) for name, value in fields.items()
        ]
        for name, (file_name, content, media_type) in files.items():
            head = self._head(f'name="{_quoted(name)}"; filename="{_quoted(file_name)}"', media_type)
            self._parts.append((head, content))
        self._end = f"--{self._boundary}--\r\n".encode()
        self._length = len(self._end) + sum(len(head) + _size(content) + 2 for head, content in self._parts)

    @property
    def content_type(self) -> str:
        """The Content-Type header with the boundary."""
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        for head, content in self._parts:
            yield head
            if isinstance(content, bytes):
                yield content
            else:
                content.seek(0)
                while piece := content.read(_PIECE):
                    yield piece
            yield b"\r\n"
        yield self._end

    def _head(self, disposition: str, media_type: str | None = None) -> bytes:
        kind = f"Content-Type: {media_type}\r\n" if media_type else ""
        return f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n".encode()


def _quoted(text: str) -> str:
    """A name inside double quotes, as browsers escape it (HTML, multipart/form-data encoding algorithm)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.seek(0, 2)
