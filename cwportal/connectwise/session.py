"""The transport: requests with one partner's keys, repeated only where that is safe, and the codebase kept current."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from cwportal.connectwise import answers, errors, jsontext, protocol
from cwportal.connectwise.answers import Answer, RawAnswer
from cwportal.connectwise.companyinfo import CompanyInfo, parse_company_info
from cwportal.connectwise.gate import Gate
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.multipart import Files, MultipartBody
from cwportal.connectwise.protocol import Credentials, Endpoint
from cwportal.connectwise.site import Site
from cwportal.connectwise.slots import Slots
from cwportal.connectwise.wire import MAX_BYTES, Parameters, Wire

TRIES = 4


class Transport:
    """All requests to one ConnectWise with one partner's keys. Safe to share between threads; `close()` when done.

    `timeout` is the budget of one request in seconds, from connecting to the last byte. `clock` gives aware UTC,
    `sleep` takes seconds, `random` gives [0, 1). `on_codebase` is told when ConnectWise has moved to another codebase.
    No more than `in_flight` requests are under way at once, however many threads ask.
    Reads are repeated on whatever may pass; writes only on 429 or when they certainly were not sent (design rule 12).
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        endpoint: Endpoint,
        client_id: str,
        guard: AddressGuard,
        gate: Gate,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        random: Callable[[], float],
        timeout: float = 30,
        max_bytes: int = MAX_BYTES,
        ca_bundle: str | None = None,
        on_codebase: Callable[[str], None] | None = None,
        tries: int = TRIES,
        in_flight: int = 64,
    ) -> None:
        self._credentials = credentials
        self._headers = protocol.headers(credentials, client_id)
        self._endpoint = endpoint
        self._gate = gate
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._on_codebase = on_codebase
        self._tries = tries
        self._codebase_lock = threading.Lock()
        self._slots = Slots(in_flight)
        self._wire = Wire(
            guard=guard, timeout=timeout, max_bytes=max_bytes, ca_bundle=ca_bundle, scrub=credentials.scrub
        )

    @property
    def requests(self) -> int:
        """How many requests were sent or tried so far, repeats and look-ups included."""
        return self._wire.sent

    @property
    def endpoint(self) -> Endpoint:
        """Where requests go now; changes when ConnectWise moved to another codebase."""
        return self._endpoint

    def close(self) -> None:
        """Close every thread's connections."""
        self._wire.close()

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def give_way(self) -> None:
        """From now on a request of the calling thread is sent only while no other thread's waits."""
        self._slots.give_way()

    def get(self, path: str, params: Parameters | None = None) -> Answer:
        """Read. Repeated up to 4 times on 429, 5xx, time-outs, lost connections and unreadable answers."""
        return self._call("GET", path, params=params)

    def post(self, path: str, fields: Mapping[str, object]) -> Answer:
        """Create, once; nulls are left out. `certainty` of the error tells whether it may have happened."""
        return self._call("POST", path, body=jsontext.encode(protocol.create_body(fields)))

    def patch(self, path: str, fields: Mapping[str, object]) -> Answer:
        """Change the given fields in one request, once."""
        return self._call("PATCH", path, body=jsontext.encode(protocol.patch_body(fields)))

    def delete(self, path: str) -> Answer:
        """Delete, once."""
        return self._call("DELETE", path)

    def upload(self, path: str, fields: Mapping[str, str], files: Files) -> Answer:
        """POST multipart/form-data, once; the files are streamed."""
        return self._call("POST", path, body=MultipartBody(fields, files))

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        body: bytes | MultipartBody | None = None,
    ) -> Answer:
        def once(endpoint: Endpoint) -> Answer:
            def send() -> RawAnswer:
                url = endpoint.url(path)
                return self._wire.send(method, path, url=url, headers=self._headers, params=params, body=body)

            return self._repeated(method, send)

        endpoint = self._endpoint
        try:
            return once(endpoint)
        except errors.Rejected as rejected:
            if rejected.status != 404:
                raise
            failure = rejected
        # A 404 that is not from the application: the codebase may have changed, and then nothing was done.
        if self._moved(endpoint):
            return once(self._endpoint)
        raise self._explained(failure, method, path)

    def _moved(self, used: Endpoint) -> bool:
        """Look the codebase up once more; True if it is another one than `used` had."""
        company_id = self._credentials.company_id
        with self._codebase_lock:
            if self._endpoint.codebase != used.codebase:
                return True
            try:
                raw = self._wire.send("GET", "companyinfo", url=used.company_info_url(company_id), headers={})
                codebase = parse_company_info(raw, company_id, self._clock()).codebase
            except errors.ConnectWiseError:
                return False
            if codebase == used.codebase:
                return False
            self._endpoint = Endpoint(used.base_url, codebase, used.login_url)
        if self._on_codebase is not None:
            self._on_codebase(codebase)
        return True

    def _explained(self, failure: errors.Rejected, method: str, asked: str) -> errors.ConnectWiseError:
        """Tell wrong keys from an unknown path by a call that is known to be good (contract section 5).

        That call is one company: `/system/info` may answer without keys (contract section 6).
        """
        path = "/company/companies"
        url, one = self._endpoint.url(path), {"pageSize": "1", "fields": "id"}
        try:
            self._repeated("GET", lambda: self._wire.send("GET", path, url=url, headers=self._headers, params=one))
        except (errors.Forbidden, errors.NotFound, errors.Invalid):
            pass  # the application itself answered, so it knows the keys
        except errors.Rejected:
            return failure
        except errors.ConnectWiseError as silent:  # what is wrong cannot be told: keys are not to blame for an outage
            return errors.NotJson(
                f"ConnectWise did not take {method} {asked} (404 without its own answer), and asking again failed too. {silent.sentence}",
                status=404,
                certainty=failure.certainty,
            )
        return errors.NotFound(
            f"This ConnectWise does not know {method} {asked} (404), although it answers otherwise. "
            "Its release may be too old for the portal.",
            status=404,
            certainty=failure.certainty,
        )

    def _repeated(self, method: str, send: Callable[[], RawAnswer]) -> Answer:
        tries = 0
        while True:
            tries += 1
            try:
                with self._slots.one():  # first, so that what the gate looks at last is true when the request goes out
                    self._gate.wait()
                    raw = send()
                return answers.interpret(raw, self._clock())
            except errors.ConnectWiseError as caught:
                failure = caught
            pause = (2 ** (tries - 1)) * (1 + self._random() / 2)
            limited = isinstance(failure, errors.RateLimited)
            if limited or failure.retry_after is not None:
                self._gate.hold(failure.retry_after or pause)
            if tries >= self._tries or not repeatable(method, failure):
                raise failure
            if not limited:
                self._sleep(pause)


def repeatable(method: str, failure: errors.ConnectWiseError) -> bool:
    """Whether the same request may be sent again now: a write only if it certainly was not done (design rule 12)."""
    if isinstance(failure, errors.RateLimitedLong | errors.SiteRefused | errors.TlsFailed | errors.ClientIdRejected):
        return False
    if isinstance(failure, errors.Unreachable) and failure.permanent:
        return False
    if isinstance(failure, errors.RateLimited) or failure.certainty == "not_sent":
        return True
    return method == "GET" and isinstance(
        failure, errors.ServerFailed | errors.Interrupted | errors.TimedOut | errors.NotJson
    )


def company_info(
    site: Site,
    company_id: str,
    *,
    guard: AddressGuard,
    clock: Callable[[], datetime],
    timeout: float = 30,
    ca_bundle: str | None = None,
) -> CompanyInfo:
    """Ask a site about a company ID; needs no keys. One try: a person is waiting and can try again.

    Raises UnknownCompany where the site does not know it, SiteRefused, Unreachable, TlsFailed, TimedOut and the like.
    """
    wire = Wire(guard=guard, timeout=timeout, max_bytes=1024 * 1024, ca_bundle=ca_bundle)
    try:
        raw = wire.send("GET", "companyinfo", url=site.endpoint("").company_info_url(company_id), headers={})
        return parse_company_info(raw, company_id, clock())
    finally:
        wire.close()
