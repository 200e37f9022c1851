"""Keystone's catalogue of services, over its Identity API v3: looked at and changed, one entry at a time, each request with a time limit.

The way to SERVER of `core/endpoints.py`; what should be there is decided there. Standard library alone.
Must never: show a password or a token, follow a redirect, or wait without a bound.
"""

import http.client
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from understudy.errors import BadInput
from understudy.openstack.core.endpoints import FoundEndpoints, request_for, state_of
from understudy.openstack.core.states import PlaceState
from understudy.openstack.ground import NotDone, NotReached

ANSWER_S = 20.0
"""For one request. Keystone whose database is away does not answer for longer than that."""
LARGEST_ANSWER = 8 << 20
_PART = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminLogin:
    """Where Keystone is (with its version, as http://10.10.10.13:5000/v3), and as whom it is asked."""

    url: str
    user: str
    project: str
    domain: str
    """By name, of both."""
    password: str = field(repr=False)


class Keystone:
    """The port `ServerGround`, whose places are entries of the catalogue."""

    def __init__(self, login: AdminLogin, *, answer_s: float = ANSWER_S) -> None:
        self._login, self._answer_s = login, answer_s
        self._token = ""

    def look(self, places: Sequence[tuple[str, bool]]) -> dict[str, PlaceState]:
        """Of ServerGround."""
        found = self._found()
        return {place: state_of(place, found) for place, _ in places}

    def put(self, place: str, before: PlaceState, after: PlaceState) -> bool:
        """Of ServerGround."""
        found = self._found()
        there = state_of(place, found)
        if there == after:
            return False
        if there != before:
            raise NotDone(f"{place} was changed by somebody else meanwhile")
        try:
            method, path, body = request_for(place, after, found)
        except BadInput as error:
            raise NotDone(str(error)) from None
        self._ask(method, path, body)
        return True

    def settle(self) -> None:
        """Of ServerGround: nothing is read again."""

    def close(self) -> None:
        """Of ServerGround. The token is forgotten here; it ends by itself."""
        self._token = ""

    def _found(self) -> FoundEndpoints:
        return FoundEndpoints(regions=self._list("regions"), services=self._list("services"), endpoints=self._list("endpoints"))

    def _list(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        answer = self._ask("GET", f"/{kind}", None)
        entries = answer.get(kind)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries) or answer.get("truncated"):
            raise NotReached(f"Keystone at {self._login.url} does not say all of its {kind}")
        return tuple(entries)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """As an administrator; once more where the token has ended."""
        for last in (False, True):
            if not self._token:
                self._log_in()
            status, _, answer = self._request(method, path, body, {"X-Auth-Token": self._token})
            if status != 401 or last:
                break
            self._token = ""
        if status in (200, 201, 204):
            return answer
        raise NotDone(f"Keystone refuses {method} {path} for user {self._login.user}: {_reason(status, answer)}")

    def _log_in(self) -> None:
        login = self._login
        domain = {"name": login.domain}
        user = {"name": login.user, "domain": domain, "password": login.password}
        scope = {"project": {"name": login.project, "domain": domain}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        status, token, answer = self._request("POST", "/auth/tokens", body, {})
        if status != 201 or not token:
            who = f"user {login.user} of project {login.project}"
            raise NotReached(f"Keystone at {login.url} gives {who} no token: {_reason(status, answer)}")
        self._token = token

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> tuple[int, str, Mapping[str, Any]]:
        """Status, a token if one was given, and the answer. NotReached."""
        where = urlsplit(self._login.url)
        until = time.monotonic() + self._answer_s
        made = {"Accept": "application/json", **headers, **({"Content-Type": "application/json"} if body is not None else {})}
        connection: http.client.HTTPConnection
        if where.scheme == "https":
            connection = http.client.HTTPSConnection(where.netloc, timeout=self._answer_s, context=ssl.create_default_context())
        else:
            connection = http.client.HTTPConnection(where.netloc, timeout=self._answer_s)
        try:
            connection.request(method, f"{where.path.rstrip('/')}{path}", None if body is None else json.dumps(body), made)
            answer = connection.getresponse()
            raw = self._read(answer, until)
            found = json.loads(raw) if raw else {}
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise NotReached(self._away(error)) from None
        finally:
            connection.close()
        return answer.status, answer.getheader("X-Subject-Token") or "", found if isinstance(found, dict) else {}

    def _read(self, answer: http.client.HTTPResponse, until: float) -> bytes:
        raw = b""
        while part := answer.read1(_PART):
            raw += part
            if len(raw) > LARGEST_ANSWER:
                raise ValueError(f"its answer has more than {LARGEST_ANSWER} bytes")
            if time.monotonic() > until:
                raise TimeoutError
        return raw

    def _away(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            why = f"it has not answered for {self._answer_s:.0f} s (its database is away, perhaps)"
        else:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return f"Keystone at {self._login.url} cannot be asked: {why}; start it, and give the same command again"


def _reason(status: int, answer: Mapping[str, Any]) -> str:
    error = answer.get("error")
    said = str(error.get("message", "")) if isinstance(error, dict) else ""
    text = "".join(character if character.isprintable() else " " for character in said)[:200]
    return f"{status}{f' {text}' if text else ''}"
