"""Questions to a service itself: HTTP, Keystone's tokens, AMQP, memcached, and whether its port is free.

Each returns if the answer is yes; ProbeAnswer, OSError, EOFError and ValueError (what answers is something else) say what it is otherwise.
"""

import errno
import json
import socket
import struct
import time

from probing.answer import MOST, NO, PARTIAL, ProbeAnswer, connect, receive

_NOBODY = "understudy-check"
"""A user that no Keystone has."""


def request(host: str, port: int, path: str, deadline: float, body: str = "") -> tuple[int, str]:
    """Status and beginning of the answer. ValueError: what answers does not speak HTTP."""
    name = f"[{host}]" if ":" in host else host
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.0\r\nHost: {name}:{port}\r\nUser-Agent: understudy-check\r\nAccept: */*\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
    with connect(host, port, deadline) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n{body}".encode())
        found = b""
        while b"\r\n\r\n" not in found and len(found) < MOST:
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            part = connection.recv(65536)
            if not part:
                break
            found += part
    words = found.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ValueError("what answers does not speak HTTP" if found else "it closed the connection without an answer")
    return int(words[1]), found.rpartition(b"\r\n\r\n")[2][:200].decode(errors="replace")


def ask_http(host: str, port: str, path: str, *, deadline: float) -> None:
    """A page that needs nobody else."""
    status, _ = request(host, int(port), path, deadline)
    if status >= 500:
        raise ProbeAnswer(NO, f"GET {path} is answered with status {status}")


def ask_token(host: str, port: str, path: str, file: str = "", *, deadline: float) -> None:
    """A token; without credentials, the refusal of one."""
    known = credentials(file) if file else {}
    user, password = known.get("username", _NOBODY), known.get("password", _NOBODY)
    domain, project = {"name": known.get("domain", "Default")}, known.get("project", "")
    wanted: dict[str, object]
    if path.startswith("/v2"):
        wanted = {"tenantName": project, "passwordCredentials": {"username": user, "password": password}}
    else:
        identity = {"methods": ["password"], "password": {"user": {"name": user, "domain": domain, "password": password}}}
        wanted = {"identity": identity, **({"scope": {"project": {"name": project, "domain": domain}}} if project else {})}
    status, said = request(host, int(port), path, deadline, json.dumps({"auth": wanted}))
    if known and status not in (200, 201):
        raise ProbeAnswer(NO if status >= 500 else PARTIAL, f"no token for {known.get('username')}: status {status}: {said}")
    if not known and status != 401:
        raise ProbeAnswer(NO, f"a token request of an unknown user is answered with status {status} instead of 401")


def credentials(file: str) -> dict[str, str]:
    """Lines name=value."""
    with open(file, encoding="utf-8") as lines:
        return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines) if value}


def ask_amqp(host: str, port: str, *, deadline: float) -> None:
    """The protocol's header, for which a broker has Connection.Start (class 10, method 10)."""
    with connect(host, int(port), deadline) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        head = receive(connection, 11)
    if head[0] != 1 or struct.unpack(">HH", head[7:11]) != (10, 10):
        raise ProbeAnswer(NO, "what answers does not speak AMQP 0-9-1")


def ask_memcached(host: str, port: str, *, deadline: float) -> None:
    """Its version."""
    with connect(host, int(port), deadline) as connection:
        connection.sendall(b"version\r\n")
        if receive(connection, 8) != b"VERSION ":
            raise ProbeAnswer(NO, "what answers is no memcached")


def ask_free(host: str, port: str, *, deadline: float) -> None:
    """Whether a service could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, int(port)))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ProbeAnswer(NO, f"port {port} of {host} is taken by something else") from None
            raise ProbeAnswer(NO, f"{host} is not an address of this server") from None
