"""What a service needs, by its own configuration file: its database, and the message broker."""

import os
import time

from probing.answer import CONNECT_S, PARTIAL, UNCLEAR, ProbeAnswer, in_words
from probing.mysql import MySql, QueryRefused
from probing.protocols import ask_amqp

NEIGHBOUR_S = 6.0
"""How long what a service needs may be away before a check says so: about as long as it takes to start elsewhere."""
_RETRY_S = 0.5


def options(file: str) -> dict[tuple[str, str], str]:
    """(section, option) -> value of an OpenStack configuration file, and of the files in the directory FILE.d; OSError."""
    found: dict[tuple[str, str], str] = {}
    folder = f"{file}.d"
    more = [f"{folder}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(".conf")] if os.path.isdir(folder) else []
    for path in (file, *more):
        section = "DEFAULT"
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                text = line.strip()
                if text.startswith("[") and text.endswith("]"):
                    section = text[1:-1].strip()
                elif "=" in text and text[0] not in "#;":
                    name, _, value = text.partition("=")
                    found[section, name.strip()] = value.strip()
    return found


def unescaped(text: str) -> str:
    """Without the % signs of a URL."""
    first, *rest = text.split("%")
    return bytes(first.encode() + b"".join(bytes.fromhex(part[:2]) + part[2:].encode() for part in rest)).decode(errors="replace")


def parts(url: str, port: int) -> tuple[str, int, str, str, str]:
    """Host, port, user, password and path of the first host in SCHEME://USER:PASSWORD@HOST:PORT[,...]/PATH?QUERY."""
    rest, _, path = url.partition("://")[2].partition("/")
    first = rest.split(",")[0]
    login, _, place = first.rpartition("@")
    user, _, password = login.partition(":")
    if place.startswith("["):
        host, _, number = place[1:].partition("]")
        number = number.lstrip(":")
    else:
        host, _, number = place.partition(":")
    return host or "localhost", int(number or port), unescaped(user), unescaped(password), path.split("?")[0]


def place_of_database(file: str, sections: list[str]) -> tuple[str, int, str, str, str]:
    """By the service's own `connection`. ProbeAnswer: it does not say one that can be asked."""
    try:
        known = options(file)
    except OSError as error:
        raise ProbeAnswer(UNCLEAR, f"{file} cannot be read: {error.strerror}") from None
    names = [(section, name) for section in (*sections, "DEFAULT") for name in ("connection", "sql_connection")]
    url = next((known[name] for name in names if name in known), "")
    if not url.startswith("mysql"):
        raise ProbeAnswer(UNCLEAR, f"{file} names no database of MySQL or MariaDB: connection in section {sections[0]}")
    return parts(url, 3306)


def login(file: str, sections: list[str], limit_s: float) -> MySql:
    """Tries once, and again until it succeeds or the limit is over. ProbeAnswer PARTIAL: the database is away."""
    place = place_of_database(file, sections)
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return MySql(place, time.monotonic() + CONNECT_S)
        except QueryRefused as refused:
            why = str(refused)
        except (OSError, EOFError) as error:
            why = in_words(error)
        if time.monotonic() + _RETRY_S > deadline:
            raise ProbeAnswer(PARTIAL, f"MySQL at {place[0]}:{place[1]} does not serve: {why}")
        time.sleep(_RETRY_S)


def require_database(file: str, sections: list[str], limit_s: float) -> None:
    """ProbeAnswer PARTIAL: it is away."""
    database = login(file, sections, limit_s)
    try:
        database.rows("select 1")
        database.close()
    except (OSError, EOFError, QueryRefused) as error:
        raise ProbeAnswer(PARTIAL, f"the database of {file} does not serve: {in_words(error)}") from None


def require_broker(file: str) -> None:
    """ProbeAnswer PARTIAL: it is away. A file that names none says nothing."""
    url = options(file).get(("DEFAULT", "transport_url"), "")
    if not url.startswith("rabbit"):
        return
    host, port, *_ = parts(url, 5672)
    try:
        ask_amqp(host, str(port), deadline=time.monotonic() + CONNECT_S)
    except (OSError, EOFError, ProbeAnswer) as error:
        raise ProbeAnswer(PARTIAL, f"RabbitMQ at {host}:{port} does not serve: {in_words(error)}") from None
