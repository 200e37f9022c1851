"""OpenStack's REST interfaces as a user of them sees them: a token, and requests with it. Standard library only: it also runs on hosts of
the lab, as a part of what is run there.

Must never: retry. Who calls counts each failure.
"""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CONNECT_S = 0.3
"""An address that has moved or is nowhere must not hold up its user."""
ANSWER_S = 10.0


class RestFailed(Exception):
    """No answer, or one that says no; str() says which."""


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """Of a request that succeeded."""

    body: bytes
    headers: dict[str, str]
    """Names in lower case."""

    @property
    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.body)


def request(
    method: str, url: str, body: object = None, token: str = "", *, headers: dict[str, str] | None = None, within_s: float = ANSWER_S
) -> RestAnswer:
    """One request; a body that is not bytes is sent as JSON. RestFailed."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/octet-stream" if isinstance(body, bytes) else "application/json"} if data is not None else {}
    given |= {"X-Auth-Token": token} if token else {}
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=min(CONNECT_S, within_s))
    try:
        connection.connect()
        connection.sock.settimeout(within_s)
        connection.request(method, f"{where.path}?{where.query}" if where.query else where.path, data, {**given, **(headers or {})})
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise RestFailed(f"{method} {url}: {error!r}") from None
    finally:
        connection.close()
    if answer.status >= 300:
        raise RestFailed(f"{method} {url}: status {answer.status}: {said[:300].decode(errors='replace')}")
    return RestAnswer(said, {name.lower(): value for name, value in answer.getheaders()})


@dataclass(frozen=True, slots=True)
class Login:
    """What a user has after Keystone has let him in."""

    token: str
    project: str
    """The id of the project that the token is for."""


def log_in(keystone: str, user: str, password: str, project: str = "admin", within_s: float = ANSWER_S) -> Login:
    """By Keystone at this address. RestFailed."""
    domain = {"name": "Default"}
    body = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": {"name": user, "domain": domain, "password": password}}},
            "scope": {"project": {"name": project, "domain": domain}},
        }
    }
    answer = request("POST", f"http://{keystone}:5000/v3/auth/tokens", body, within_s=within_s)
    return Login(answer.headers["x-subject-token"], answer.json["token"]["project"]["id"])
