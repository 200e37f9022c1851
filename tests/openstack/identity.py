"""As much of Keystone's Identity API v3 as catalogues of services need, in this process; it passes the same contract as the real one."""

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PASSWORD = "s3cr:et%"
UNKNOWN: dict[str, Any] = {"error": {"message": "The request you have made requires authentication."}}


class IdentityStandIn:
    """What it has, and how it behaves."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, dict[str, Any]]] = {"regions": {}, "services": {}, "endpoints": {}}
        self.asked: list[tuple[str, str]] = []
        self.tokens: set[str] = set()
        self.hangs = threading.Event()
        """While it is clear every request waits."""
        self.hangs.set()
        self.loses_answers = 0
        """So many changes are made and not answered."""
        self._numbers = itertools.count(1)

    def end_tokens(self) -> None:
        self.tokens.clear()

    def token(self) -> str:
        token = f"token{next(self._numbers)}"
        self.tokens.add(token)
        return token

    def change(self, method: str, kind: str, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status, and what is answered."""
        entries, name_of_one = self.entries[kind], kind.removesuffix("s")
        if method == "GET":
            return 200, {kind: list(entries.values())}
        if method == "POST":
            given = body[name_of_one]
            entry = {"enabled": True, **given, "id": given.get("id") or f"{next(self._numbers):032x}"}
            if entry["id"] in entries:
                return 409, {"error": {"message": "Duplicate entry"}}
            if kind == "endpoints" and (entry["service_id"] not in self.entries["services"]):
                return 400, {"error": {"message": "no such service"}}
            entries[entry["id"]] = entry
            return 201, {name_of_one: entry}
        if name not in entries:
            return 404, {"error": {"message": f"Could not find {name_of_one}: {name}."}}
        if method == "PATCH":
            entries[name] |= body[name_of_one]
            return 200, {name_of_one: entries[name]}
        del entries[name]
        if kind == "services":
            for id_ in [id_ for id_, entry in self.entries["endpoints"].items() if entry["service_id"] == name]:
                del self.entries["endpoints"][id_]
        return 204, {}


class _Handler(BaseHTTPRequestHandler):
    keystone: IdentityStandIn

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        keystone = self.keystone
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        keystone.asked.append((self.command, self.path))
        keystone.hangs.wait(20)
        path = self.path.removeprefix("/v3/").split("/")
        if path == ["auth", "tokens"]:
            user = body["auth"]["identity"]["password"]["user"]
            if (user["name"], user["password"]) != ("admin", PASSWORD):
                return self._answer(401, UNKNOWN)
            return self._answer(201, {"token": {}}, keystone.token())
        if self.headers.get("X-Auth-Token") not in keystone.tokens:
            return self._answer(401, UNKNOWN)
        status, answer = keystone.change(self.command, path[0], path[-1], body)
        if self.command != "GET" and keystone.loses_answers:
            keystone.loses_answers -= 1
            return None
        return self._answer(status, answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve

    def _answer(self, status: int, body: dict[str, Any], token: str = "") -> None:
        raw = b"" if status == 204 else json.dumps(body).encode()
        self.send_response(status)
        if token:
            self.send_header("X-Subject-Token", token)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@contextmanager
def identity(address: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[IdentityStandIn, str]]:
    """It, and where it is. `port` 0: a free one."""
    keystone = IdentityStandIn()
    handler = type("Handler", (_Handler,), {"keystone": keystone})
    server = ThreadingHTTPServer((address, port), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield keystone, f"http://{address}:{server.server_address[1]}/v3"
    finally:
        keystone.hangs.set()
        server.shutdown()
        thread.join(10)
        server.server_close()
