"""Owns the talk with the daemon: one HTTP request per connection, answers printed as they come. Over the unix socket of this server, or,
where a server is named, over mutual TLS (`cli/place.py`, imported only then).

Called by the commands. Decides nothing and keeps nothing. Standard library only, and little of it: no `http.client`, no `asyncio`.
"""

import errno
import json
import os
import select
import socket
import struct
import sys
import time
from _queue import SimpleQueue  # threading and queue take milliseconds to import
from _thread import start_new_thread

from understudy.linux.paths import CONFIG, RUN_DIR

TYPE_CHECKING = False
if TYPE_CHECKING:  # so does typing
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

CLOSED = "it closed the connection without an answer"
_NOT_TRUSTED = (
    "that server refuses a certificate in this way: the one that was shown is of another authority, has been replaced, or has expired or "
    "is not valid yet by that server's clock; its log says which (command-not-trusted)"
)
AWAY = "CRS-4639: Could not contact Oracle High Availability Services"
FAILED = "CRS-4000: Command {} failed, or completed with errors."
BROKEN = 1
ANSWERS_S, PATIENCE_S = 5.0, 25.0
"""After the first a command says that the daemon does not answer, after both it gives up; what only checks gives up after the first."""
_HANGS = (
    "is there and has not answered for {:.0f} s: it hangs, or is stopped; look at its log and state. "
    "If you kill it, it is started again, and what runs goes on"
)
BEGINS_S, AGAIN_S = 30.0, 0.2
"""For so long the daemon of a server that has just left may be about to begin; how often it is asked again."""
SILENT_S = 30.0
"""In the middle of an answer: the daemon says every few seconds that it is there (`STILL_S` in daemon/api.py)."""
QUEUES_S = 5
LARGEST_PART = 64 << 20
"""Bytes of one part of an answer: a daemon sends no more before it waits for its reader."""
_FULL = "takes no more connections: it hangs, or more ask it than it can answer; try again, and look at its log and state"
INTERRUPTED = 130


class Away(Exception):
    """The daemon does not answer, or stopped in the middle of an answer."""


def run(verb: str, body: dict[str, object], *, server: str = "", certificate: str = "", title: str = "") -> int:
    """Ask for a verb and print what it says as it comes; the verb's exit status. `server`: of this one (otherwise the one where we are), by
    the certificate in that file. `title`: of a command that ends every failure with CRS-4000, its name there."""
    said: list[str] = []
    status = _run(verb, body, server, certificate, said.append if title else None)
    if status == BROKEN and title and not any("CRS-4000" in text for text in said):
        print(FAILED.format(title))
    return status


def _run(verb: str, body: dict[str, object], server: str, certificate: str, note: "Callable[[str], object] | None") -> int:
    try:
        if verb == "join-server" and not server and not body.get("dry_run") and _taken_out():
            return _ask_back(body, note)
        return _asked(verb, body, server, certificate, note)
    except Away as error:
        say_away(error, elsewhere=bool(server))
        if body.get("dry_run") and "404" in str(error):
            print("  understudyd there is of a version that knows no dry run; nothing was changed", file=sys.stderr)
        return BROKEN
    except KeyboardInterrupt:
        print("\ndetached: the request goes on and stays in force", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`crsctl ... | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN


def _asked(verb: str, body: dict[str, object], server: str, certificate: str, note: "Callable[[str], object] | None") -> int:
    with _connect(server, certificate) as connection:
        _send(connection, "POST", _path_of(verb, body), json.dumps(body).encode())
        _wait(connection, patient=not verb.startswith("check-"))
        return _print_answer(connection, note=note)


def _ask_back(body: dict[str, object], note: "Callable[[str], object] | None") -> int:
    """This server was taken out: with the end of its guard its daemon ends, perhaps in the midst of this answer, and is begun again."""
    until, said = time.monotonic() + BEGINS_S, False
    while True:
        try:
            return _asked("join-server", body, "", "", note)
        except Away:
            if time.monotonic() > until:
                raise
        if not said:
            print("understudyd has ended with this server's leave, and is being begun again; waiting", file=sys.stderr, flush=True)
        body, said = {**body, "wait": True}, True  # the one before may have taken the word, and nothing is left to be taken back
        time.sleep(AGAIN_S)


def _taken_out() -> bool:
    return os.path.exists(f"{os.path.dirname(_path())}/stay-out")  # `guard/leave.py`: importing it takes too long


def _path_of(verb: str, body: dict[str, object]) -> str:
    """A rehearsal has a path of its own, which a daemon of a version without it refuses."""
    return f"/v1/whatif/{verb}" if body.get("dry_run") and verb != "cluster-restore" else f"/v1/verb/{verb}"


def ask(verb: str, body: dict[str, object], *, quiet: bool = False, server: str = "", certificate: str = "") -> tuple[int, str]:
    """Ask for a verb; its exit status and what it says, for a command that makes something of it. Away. `quiet`: what it says besides, to
    standard error, is left out. `server`: of this one, otherwise the one where we are."""
    said: list[str] = []
    with _connect(server, certificate) as connection:
        _send(connection, "POST", f"/v1/verb/{verb}", json.dumps(body).encode())
        _wait(connection, patient=True)
        return _print_answer(connection, said.append, quiet=quiet), "\n".join(said)


def say_away(error: Away, *, elsewhere: bool = False) -> None:
    """The daemon could not be asked, as every command says it."""
    print(AWAY)
    if str(error):
        print(f"  {error}", file=sys.stderr)
    if elsewhere and str(error).startswith(CLOSED):
        print(f"  {_NOT_TRUSTED}", file=sys.stderr)
    for sentence in () if elsewhere else _notices():
        print(f"  understudy-guard: {sentence}", file=sys.stderr)


def _notices() -> "list[str]":
    """What the guard left for operators to see (`guard/notice.py`), for it may be why no daemon answers."""
    try:
        with open(f"{os.path.dirname(_path())}/guard-says", "rb") as file:
            return file.read().partition(b"\0")[0].decode(errors="replace").splitlines()
    except OSError:
        return []


def _print_answer(
    connection: socket.socket,
    out: "Callable[[str], object] | None" = None,
    *,
    quiet: bool = False,
    note: "Callable[[str], object] | None" = None,
) -> int:
    """`note`: is given each text for standard output after it was printed."""
    for message in _ahead(connection):
        if isinstance(message, Away):
            raise message
        if "exit" in message:
            return int(message["exit"])
        if "out" in message:
            (out or _print)(message["out"])
            if note is not None:
                note(message["out"])
        elif "err" in message and not quiet:
            print(message["err"], file=sys.stderr, flush=True)
    raise Away("it stopped in the middle of its answer; what was asked for may go on")


def _print(text: str) -> None:
    print(text, flush=True)


def _ahead(connection: socket.socket) -> "Iterator[dict[str, Any] | Away]":
    """The messages of an answer, read while the output waits for its own reader (`| less`): the daemon does not wait without end for
    clients that do not read, and holds nothing for them."""
    read: SimpleQueue[dict[str, Any] | Away | None] = SimpleQueue()
    connection.settimeout(SILENT_S)

    def read_all() -> None:
        begun = False
        try:
            with connection.makefile("rb") as stream:
                for message in messages(stream):
                    begun = True
                    read.put(message)
            read.put(None)
        except TimeoutError:
            read.put(Away(f"it {_HANGS.format(SILENT_S)}. What was asked for may still be done"))
        except Away as away:
            read.put(away)
        except ConnectionError:
            read.put(Away(CLOSED) if not begun else None)
        except OSError as error:  # over TLS it may have said why, as `TLSV1_ALERT_UNKNOWN_CA`
            why = getattr(error, "reason", None)
            read.put(Away(f"{CLOSED}{f' ({why})' if why else ''}") if not begun else None)
        except ValueError:
            read.put(None)

    start_new_thread(read_all, ())
    while (message := read.get()) is not None:
        yield message


def messages(stream: "BinaryIO") -> "Iterator[dict[str, Any] | Away]":
    """Those of an answer, as they come. Away: there is none. ValueError: it is no answer of ours."""
    try:
        status, chunked = _head(stream)
        for line in _lines(stream, chunked):
            message = json.loads(line)
            if not isinstance(message, dict):
                raise ValueError("no object")
            yield Away(f"it answers {status}: {message['error']}") if "error" in message else message
    except (IndexError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _wait(connection: socket.socket, *, patient: bool) -> None:
    """Until an answer begins, which takes milliseconds. A daemon that is there and does not answer is said to be so; Away in the end."""
    if select.select([connection], [], [], ANSWERS_S)[0]:
        return
    if patient:
        print(f"understudyd {_HANGS.format(ANSWERS_S)}; waiting on", file=sys.stderr, flush=True)
        if select.select([connection], [], [], PATIENCE_S)[0]:
            return
    raise Away(f"it {_HANGS.format(ANSWERS_S + PATIENCE_S if patient else ANSWERS_S)}. What was asked for may still be done")


def _connect(server: str = "", certificate: str = "") -> socket.socket:
    if server:
        from understudy.cli.place import connect

        return connect(server, certificate)
    path = _path()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@qq", QUEUES_S, 0))
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        if error.errno == errno.EAGAIN:
            raise Away(f"{path}: understudyd {_FULL}") from None
        raise Away(f"{path}: {error.strerror}; is understudyd running on this server?") from None
    return connection


def _path() -> str:
    """`/run/understudy/api.sock`, unless the environment or the settings say otherwise."""
    given = os.environ.get("UNDERSTUDY_RUN_DIR")
    usual = f"{given or RUN_DIR}/api.sock"
    if given or os.path.exists(usual) or not os.path.exists(CONFIG):
        return usual
    import tomllib  # only where the socket is not in its usual place: reading settings takes longer than all the rest

    try:
        with open(CONFIG, "rb") as file:
            return f"{tomllib.load(file).get('server', {}).get('run_dir', RUN_DIR)}/api.sock"
    except (OSError, ValueError, AttributeError, RecursionError):
        return usual  # such settings are no daemon's either


def _send(connection: socket.socket, method: str, path: str, body: bytes) -> None:
    head = (f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", "Connection: close", "", "")
    try:
        connection.sendall("\r\n".join(head).encode() + body)
    except OSError:
        pass  # it reads no more of this; its answer may be there, and says why


def _head(stream: "BinaryIO") -> tuple[int, bool]:
    """Status, and whether the body comes in chunks."""
    first = stream.readline()
    if not first:
        raise Away(CLOSED)
    status, chunked = int(first.split()[1]), False
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        chunked = chunked or (name.lower() == b"transfer-encoding" and value.strip().lower() == b"chunked")
    return status, chunked


def _lines(stream: "BinaryIO", chunked: bool) -> "Iterator[bytes]":
    """The lines of the body."""
    if not chunked:
        yield from stream
        return
    rest = b""
    while size := int(stream.readline().split(b";")[0].strip() or b"0", 16):
        if not 0 < size <= LARGEST_PART:
            raise ValueError("no size of a part")
        rest += stream.read(size)
        stream.readline()
        *whole, rest = rest.split(b"\n")
        yield from (line for line in whole if line)
    if rest:
        yield rest
