"""One HTTP exchange, bounded in time and size, without redirects, proxies, cookies or netrc.

The only `import requests` of the product.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import requests
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import check_header_validity, default_headers
from urllib3.exceptions import ReadTimeoutError

from cwportal.connectwise import errors
from cwportal.connectwise.answers import RawAnswer
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.multipart import MultipartBody
from cwportal.connectwise.sockets import Budget, guarded_pools

MAX_BYTES = 64 * 1024 * 1024
_IDLE = 20.0
_CHUNK = 64 * 1024

Parameters = Mapping[str, str]


class _GuardedAdapter(HTTPAdapter):
    """No proxies, no retries of its own; every connection goes through the guard.

    Requests are given to it directly. What a Session does besides for each one (the environment's netrc and proxies, cookies,
    redirects, hooks) is not wanted here, and took longer than everything else about a request.
    """

    def __init__(self, guard: AddressGuard, budget: Budget) -> None:
        self._guarded = guarded_pools(guard, budget)
        self._open: dict[str, Any] = {}
        super().__init__(pool_connections=2, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Use the guarded pools for both schemes."""
        super().init_poolmanager(connections, maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = self._guarded

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: Any,
        proxies: Any = None,  # noqa: ARG002 - requests gives it; no proxy leads around the guard
        cert: Any = None,
    ) -> Any:
        """The pool of the request's host; its address is taken apart, and its authorities are looked for, only once."""
        origin = _origin(request.url or "")
        pool = self._open.get(origin)
        if pool is None:
            address = requests.Request("GET", f"{origin}/").prepare()
            pool = super().get_connection_with_tls_context(address, verify, proxies=None, cert=cert)
            super().cert_verify(pool, address.url, verify, cert)  # type: ignore[no-untyped-call]
            self._open[origin] = pool
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Done when the pool was made."""

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:  # noqa: ARG002
        """Path and query: there are no proxies."""
        url = request.url or ""
        return url[len(_origin(url)) :]

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """Status, headers and body; no cookies."""
        response = Response()
        response.status_code = resp.status
        response.headers.update(resp.headers)
        response.raw = resp
        response.url = req.url or ""
        response.request = req
        return response

    def close(self) -> None:
        """Let the connections go; new ones are made when they are needed."""
        self._open.clear()
        super().close()


def _origin(url: str) -> str:
    """`https://host:port` of a URL with a path."""
    return url[: url.find("/", url.find("//") + 2)]


class _Line:
    """An adapter with its budget, used by one thread at a time."""

    def __init__(self, guard: AddressGuard) -> None:
        self.budget = Budget()
        self.adapter = _GuardedAdapter(guard, self.budget)
        self.last_used = monotonic()


class Wire:
    """Sends requests; as many connections as are in use at once. Errors leave it as ours and without their causes.

    The causes hold the request with its Authorization header. `scrub` removes our secrets from what is said back.
    """

    def __init__(
        self,
        *,
        guard: AddressGuard,
        timeout: float,
        max_bytes: int = MAX_BYTES,
        ca_bundle: str | None = None,
        scrub: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._scrub = scrub
        self._guard = guard
        self._timeout = timeout
        self._headers = {**default_headers()}
        self._max_bytes = max_bytes
        self._verify = ca_bundle or True
        self._lock = threading.Lock()
        self._lines: list[_Line] = []
        self._free: list[_Line] = []
        self._sent = 0

    @property
    def sent(self) -> int:
        """Requests sent or tried so far."""
        with self._lock:
            return self._sent

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            lines, self._lines, self._free = self._lines, [], []
        for line in lines:
            line.adapter.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        url: str,
        headers: Mapping[str, str],
        params: Parameters | None = None,
        body: bytes | MultipartBody | None = None,
    ) -> RawAnswer:
        """One request over the wire, its answer read within the budget. Raises only our errors, without their causes:
        those hold the Authorization header."""
        line = self._take()
        line.budget.start(self._timeout)
        failure: errors.ConnectWiseError
        try:
            return self._exchange(line, method, path, url=url, headers=headers, params=params, body=body)
        except errors.ConnectWiseError as own:
            failure = own
        except (requests.RequestException, OSError, ValueError) as cause:
            failure = _translated(cause, method, path)
        finally:
            line.last_used = monotonic()
            with self._lock:
                self._free.append(line)
        raise failure

    def _exchange(
        self,
        line: _Line,
        method: str,
        path: str,
        *,
        url: str,
        headers: Mapping[str, str],
        params: Parameters | None,
        body: bytes | MultipartBody | None,
    ) -> RawAnswer:
        request = PreparedRequest()
        request.method = method
        request.url = f"{url}?{urlencode(params)}" if params else url
        for header in headers.items():
            check_header_validity(header)
        request.headers = CaseInsensitiveDict({**self._headers, **headers})
        if body is not None:
            request.headers["Content-Type"] = _content_type(body)
        if body is not None or method != "GET":
            request.headers["Content-Length"] = str(len(body or b""))
        request.body = body  # type: ignore[assignment]
        with line.adapter.send(
            request, stream=True, timeout=(self._timeout, self._timeout), verify=self._verify
        ) as response:
            content = self._content(response, line.budget)
        if self._scrub is not None and response.status_code >= 300:
            content = self._scrub(content)
        names = {name.lower(): value for name, value in response.headers.items()}
        return RawAnswer(method, path, response.status_code, names, content)

    def _content(self, response: Response, budget: Budget) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_content(_CHUNK):
            size += len(chunk)
            if size > self._max_bytes:
                raise errors.TooLarge(
                    f"ConnectWise's answer is larger than {self._max_bytes // (1024 * 1024)} MiB and was not read. "
                    "Check that Site is a ConnectWise.",
                    status=response.status_code,
                )
            chunks.append(chunk)
            budget.left()
        return b"".join(chunks)

    def _take(self) -> _Line:
        """The line used last, so that as few as needed are kept open; counts the request. Connections that lay idle are dropped: the
        other side may be closing them just now, and a write that meets that would be an unknown outcome for nothing."""
        with self._lock:
            self._sent += 1
            if self._free:
                line = self._free.pop()
            else:
                line = _Line(self._guard)
                self._lines.append(line)
        if monotonic() - line.last_used > _IDLE:
            line.adapter.close()
        return line


def _content_type(body: bytes | MultipartBody) -> str:
    return body.content_type if isinstance(body, MultipartBody) else "application/json"


def _translated(cause: Exception, method: str, path: str) -> errors.ConnectWiseError:
    """An exception of requests, urllib3 or the socket as ours. The request may have been sent: `unknown`."""
    what = f"{method} {path}"
    inner = cause.args[0] if cause.args else None
    if isinstance(cause, requests.Timeout | TimeoutError) or isinstance(inner, ReadTimeoutError | TimeoutError):
        return errors.TimedOut(
            f"ConnectWise did not answer {what} in time. Try again; if it stays, raise CWPORTAL_TIMEOUT."
        )
    if isinstance(cause, requests.exceptions.ContentDecodingError):
        return errors.NotJson(f"ConnectWise's answer to {what} is damaged (its compression cannot be read). Try again.")
    if isinstance(cause, requests.exceptions.InvalidHeader | UnicodeError):
        return errors.ClientIdRejected(
            "This portal's integration id (clientId) cannot be sent as it is. "
            "This is for the portal's operator to mend (CWPORTAL_CLIENT_ID), not for the partner.",
            certainty="not_sent",
        )
    if isinstance(cause, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return errors.SiteRefused("The address of this ConnectWise is not valid. Check Site.")
    if (
        isinstance(cause, OSError)
        and not isinstance(cause, requests.RequestException)
        and "CA certificate" in str(cause)
    ):
        return errors.TlsFailed(
            "The file of trusted authorities (CA bundle) was not found; the portal's operator must set it."
        )
    return errors.Interrupted(f"The connection was lost during {what}. Try again.")
