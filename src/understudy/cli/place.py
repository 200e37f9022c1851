"""Where a command is to be carried out: `--server NAME|ADDRESS[:PORT]`, and by which certificate. Imported only where one is named.

Called by `cli/client.py`. Owns who the caller is on the way: root of a server shows that server's certificate, everybody else one of an
administrator. Standard library alone; sends nothing before the other side has proved that it is that server. Never reads an answer.
"""

import os
import socket
import ssl
import time

from understudy.cli.client import Away
from understudy.linux.paths import API_PORT, CONFIG, GUARD_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONNECT_S = 4.0
"""For one address, and once more for the handshake."""
ENVIRONMENT = "UNDERSTUDY_CERTIFICATE"
_MARK = "# server "
_MADE_BY = "an administrator's certificate is made on a voter by: understudy cluster certificate NAME"
_UNTIL = "# until "


class Credentials:
    """A certificate with its key, whom to trust, and the servers that are known by name."""

    __slots__ = ("certificate", "key", "servers", "trusted")

    def __init__(self, certificate: str, key: str, trusted: str, servers: dict[str, list[tuple[str, int]]]) -> None:
        self.certificate, self.key, self.servers = certificate, key, servers
        self.trusted = trusted
        """PEM text of the authority."""


def connect(server: str, certificate: str) -> ssl.SSLSocket:
    """A connection to the daemon of a server, on which it has proved itself. Away says what is in the way, and what to do."""
    credentials = _credentials(certificate)
    expected, addresses = _addresses(server, credentials)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cadata=credentials.trusted)
        context.load_cert_chain(credentials.certificate, credentials.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise Away(f"{credentials.certificate} cannot be used: {getattr(error, 'strerror', None) or error}; {_MADE_BY}") from None
    said = []
    for address, port in addresses:
        try:
            return _shaken(context, address, port, expected)
        except Away as away:
            said.append(str(away))
    raise Away("; ".join(said))


def reachable_elsewhere(server: str) -> bool:
    """Whether it is another server of this machine's cluster, and there is a certificate by which it could be asked."""
    settings = _settings()
    if server not in _of_settings(settings) or settings.get("server", {}).get("name") == server:
        return False
    try:
        _credentials("")
    except Away:
        return False
    return True


def own_and_others() -> "tuple[str, list[str]]":
    """This machine's name as a server, and all servers that its settings name; empty where it is none."""
    settings = _settings()
    own = settings.get("server", {}).get("name", "")
    return str(own), sorted(_of_settings(settings))


# --- which certificate ------------------------------------------------------------------------------------------------


def _credentials(given: str) -> Credentials:
    settings = _settings()
    given = given or os.environ.get(ENVIRONMENT, "")
    if not given and os.geteuid() == 0 and settings:
        return _of_this_server(settings)
    path = given or f"{os.environ.get('XDG_CONFIG_HOME') or os.path.expanduser('~/.config')}/understudy/certificate.pem"
    try:
        with open(path, encoding="ascii") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read(64 << 10)
    except (OSError, ValueError) as error:
        raise Away(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'it is no PEM file'}); {_MADE_BY}") from None
    if mode & 0o077:
        raise Away(f"{path} holds a private key and others may read it: chmod 600 {path}")
    until = next((line.removeprefix(_UNTIL).strip() for line in text.splitlines() if line.startswith(_UNTIL)), "")
    if until and until < time.strftime("%Y-%m-%d", time.gmtime()):
        raise Away(f"{path} was valid until {until}; {_MADE_BY}")
    ends = [place for place in range(len(text)) if text.startswith("-----BEGIN CERTIFICATE-----", place)]
    if len(ends) < 2:
        raise Away(f"{path} is no certificate of an administrator: it lacks its own certificate or that of the authority; {_MADE_BY}")
    named = _named_in(text) | ({name: [(address, port) for address, port in where] for name, where in _of_settings(settings).items()})
    return Credentials(path, path, text[ends[-1] :], named)


def _of_this_server(settings: "dict[str, Any]") -> Credentials:
    registry, keys = settings.get("registry", {}), os.path.dirname(settings.get("guard", {}).get("key", GUARD_KEY))
    certificate = registry.get("certificate", f"{keys}/server.pem")
    trusted = registry.get("ca", f"{keys}/authority.pem")
    try:
        with open(trusted, encoding="ascii") as file:
            text = file.read(64 << 10)
    except (OSError, ValueError) as error:
        raise Away(f"{trusted} cannot be read ({getattr(error, 'strerror', None) or error}): this server has no certificates") from None
    return Credentials(certificate, registry.get("key", f"{keys}/server.key"), text, _of_settings(settings))


def _settings() -> "dict[str, Any]":
    """Of this machine, if it is a server and its settings can be read; the daemon judges them, not this."""
    import tomllib

    try:
        with open(CONFIG, "rb") as file:
            found = tomllib.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if all(isinstance(part, dict) for part in found.values()) else {}


def _of_settings(settings: "dict[str, Any]") -> "dict[str, list[tuple[str, int]]]":
    port = settings.get("server", {}).get("api_port", API_PORT)
    servers = settings.get("servers", {})
    return {
        name: [(str(address), port) for address in part.get("addresses", ())] for name, part in servers.items() if isinstance(part, dict)
    }


def _named_in(text: str) -> "dict[str, list[tuple[str, int]]]":
    """`# server NAME ADDRESS:PORT ...`, as `understudy cluster certificate` writes them."""
    found = {}
    for line in text.splitlines():
        if line.startswith(_MARK):
            name, *where = line.removeprefix(_MARK).split()
            found[name] = [_place(each) for each in where]
    return found


# --- the way there ----------------------------------------------------------------------------------------------------


def _addresses(server: str, credentials: Credentials) -> "tuple[str, list[tuple[str, int]]]":
    """The name that the other side has to prove, and where to try."""
    if server in credentials.servers:
        return server, credentials.servers[server]
    host, port = _place(server)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        known = ", ".join(sorted(credentials.servers)) or "none by name"
        raise Away(f"'{server}' is neither a server that is known here ({known}) nor an address; write ADDRESS or ADDRESS:PORT") from None
    return host, [(str(where[4][0]), int(where[4][1])) for where in found][:4]


def _place(text: str) -> "tuple[str, int]":
    """`10.10.20.1`, `10.10.20.1:7403`, `[fd00::1]:7403`, `fd00::1`."""
    host, colon, port = text.rpartition(":")
    if colon and port.isascii() and port.isdigit() and (":" not in host or host.startswith("[")):
        return host.strip("[]"), min(int(port[:6]), 65535)
    return text.strip("[]"), API_PORT


def _shaken(context: ssl.SSLContext, address: str, port: int, expected: str) -> ssl.SSLSocket:
    where = f"{expected} ({address} port {port})" if expected != address else f"{address} port {port}"
    try:
        connection = socket.create_connection((address, port), CONNECT_S)
    except OSError as error:
        text = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise Away(f"{where}: {text}; see that understudyd runs there, and that the port is open between here and there") from None
    try:
        return context.wrap_socket(connection, server_hostname=expected)
    except ssl.SSLCertVerificationError as error:
        connection.close()
        raise Away(f"{where}: who answers there is not that server of this cluster: {error.verify_message}. Nothing was sent") from None
    except OSError:
        connection.close()
        raise Away(f"{where}: it answers and speaks no TLS that is understood, or takes no more connections; try again") from None


def _no_password() -> str:
    """Instead of a question on a terminal."""
    raise ValueError("its key has a password")
