"""One HTTP exchange, bounded in time and size, without redirects, proxies, cookies or netrc.

The only `import requests` of the product.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
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
    """No proxies, no retries of its own; every connection goes through the guard."""

    def __init__(self, guard: AddressGuard, budget: Budget) -> None:
        self._pools = guarded_pools(guard, budget)
        super().__init__(pool_connections=2, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Use the guarded pools for both schemes."""
        super().init_poolmanager(connections, maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools


class _ThreadSession:
    """A requests Session with its budget, used by one thread only."""

    def __init__(self, guard: AddressGuard, ca_bundle: str | None) -> None:
        self.budget = Budget()
        self.session = requests.Session()
        # netrc must not replace our Authorization, and no proxy of the environment may lead around the guard.
        self.session.trust_env = False
        self.session.verify = ca_bundle or True
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for prefix in ("https://", "http://"):
            self.session.mount(prefix, _GuardedAdapter(guard, self.budget))
        self.last_used = monotonic()


class Wire:
    """Sends requests, one Session per thread. Errors leave it as ours and without their causes.

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
        self._max_bytes = max_bytes
        self._ca_bundle = ca_bundle
        self._lock = threading.Lock()
        self._sessions: dict[int, _ThreadSession] = {}
        self._sent = 0

    @property
    def sent(self) -> int:
        """Requests sent or tried so far."""
        with self._lock:
            return self._sent

    def close(self) -> None:
        """Close every thread's connections."""
        with self._lock:
            sessions, self._sessions = list(self._sessions.values()), {}
        for entry in sessions:
            entry.session.close()

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
        entry = self._session()
        entry.budget.start(self._timeout)
        with self._lock:
            self._sent += 1
        failure: errors.ConnectWiseError
        try:
            with entry.session.request(
                method,
                url,
                params=params,
                data=body,
                headers=headers if body is None else {**headers, "Content-Type": _content_type(body)},
                timeout=(self._timeout, self._timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = self._content(response, entry.budget)
                if self._scrub is not None and response.status_code >= 300:
                    content = self._scrub(content)
                names = {name.lower(): value for name, value in response.headers.items()}
                return RawAnswer(method, path, response.status_code, names, content)
        except errors.ConnectWiseError as own:
            failure = own
        except (requests.RequestException, OSError, ValueError) as cause:
            failure = _translated(cause, method, path)
        finally:
            entry.last_used = monotonic()
        raise failure

    def _content(self, response: requests.Response, budget: Budget) -> bytes:
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

    def _session(self) -> _ThreadSession:
        """This thread's session. A connection that lay idle is dropped: the other side may be closing it just now,
        and a write that meets that would be an unknown outcome for nothing."""
        thread = threading.get_ident()
        with self._lock:
            entry = self._sessions.get(thread)
            if entry is None:
                entry = self._sessions[thread] = _ThreadSession(self._guard, self._ca_bundle)
        if monotonic() - entry.last_used > _IDLE:
            entry.session.close()
        return entry


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
