"""site.toml as a value: strict, so that a misspelt key cannot silently mean the default.

`parse_site` is the only way in. Each error names the line, the key, what is there, and what to write. Pure: the file is read by the caller.
Must never: hold a secret; credentials are references.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from understudy.errors import BadInput
from understudy.openstack.core.fields import PROJECTS, SITE, Field, Form, Section

MOST_SERVERS = 64
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_REFERENCE = re.compile(r"file:/[^#\n]*(?:#[A-Za-z0-9_.-]+)?|env:[A-Za-z_][A-Za-z0-9_]*")
_EXPORT = re.compile(r"[^\s'\"]{1,255}")
_SSH = re.compile(r"[A-Za-z0-9_.@:\[\]%-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteServer:
    """One server of the site."""

    name: str
    roles: tuple[str, ...]
    address: str
    ssh: str = ""
    ssh_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenstackSite:
    """What site.toml says."""

    release: str
    region: str
    clustered: str
    projects: frozenset[str]
    servers: tuple[SiteServer, ...]
    """In the order of the file."""
    facts: Mapping[str, str]
    """Every other value by its name in templates: address.mysql, storage.mysql.export, networks.interconnect.subnet; empty: not given."""
    credentials: Mapping[str, str]
    """Name of a secret -> where it is."""

    def with_role(self, roles: Collection[str]) -> tuple[SiteServer, ...]:
        """The servers that have one of these roles."""
        return tuple(server for server in self.servers if set(roles) & set(server.roles))


class BadSite(BadInput):
    """site.toml is wrong; the text names line and key, and says what to write."""


def parse_site(text: str, releases: Collection[str]) -> OpenstackSite:
    """The site of a file's text. BadSite."""
    reading = _SiteText(text)
    raw = reading.parsed
    known = [section.name for section in SITE if section.name]
    top = SITE[0]
    reading.check_keys("", [key for key in raw if key not in known], [field.key for field in top.fields], more=known)
    values = {section.name: _section(reading, section, raw.get(section.name, {})) for section in SITE if section.name}
    head = _fields(reading, top, "", {key: value for key, value in raw.items() if key not in known})
    if head["release"] not in releases:
        raise reading.bad("", "release", head["release"], f"write one of {', '.join(sorted(releases))}")
    servers = tuple(_server(name, found) for name, found in values["servers"].items())
    _check_servers(reading, servers)
    facts = {f"site.{key}": _one(head[key]) for key in ("release", "region", "clustered", "datapath")}
    for section in ("networks", "storage"):
        for name in next(known.names for known in SITE if known.name == section):
            fields = next(known.fields for known in SITE if known.name == section)
            found = values[section].get(name, {})
            facts |= {f"{section}.{name}.{field.key}": _fact(field, found.get(field.key, "")) for field in fields}
    facts |= {f"address.{name}": _one(value) for name, value in values["addresses"].items()}
    facts |= {f"endpoints.{name}": _one(value) for name, value in values["endpoints"].items()}
    _check_addresses(reading, servers, facts)
    return OpenstackSite(
        release=_one(head["release"]),
        region=_one(head["region"]),
        clustered=_one(head["clustered"]),
        projects=frozenset(head["projects"]),
        servers=servers,
        facts=facts,
        credentials={name: _one(value) for name, value in values["credentials"].items()},
    )


def controllers_alone(release: str, names: Collection[str]) -> OpenstackSite:
    """A site of which nothing is known but its controllers, all in one cluster. BadInput: one of the names is none."""
    if wrong := [name for name in names if not _NAME.fullmatch(name)]:
        raise BadInput(f"{wrong[0][:70]!r} is no name of a server")
    servers = tuple(SiteServer(name=name, roles=("controller",), address="") for name in dict.fromkeys(names))
    return OpenstackSite(
        release=release, region="", clustered="all", projects=frozenset(PROJECTS), servers=servers, facts={}, credentials={}
    )


def check_credentials(site: OpenstackSite, known: Collection[str]) -> None:
    """None has a name that the release does not know. BadSite with the nearest that it knows."""
    for name in site.credentials:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise BadSite(f"[credentials] {name} is not known to {site.release}; {hint}")


def _server(name: str, found: Mapping[str, Any]) -> SiteServer:
    roles = tuple(found["roles"])
    return SiteServer(name=name, roles=roles, address=_one(found["address"]), ssh=_one(found["ssh"]), ssh_key=_one(found["ssh_key"]))


def _fact(field: Field, value: object) -> str:
    """A network as every program writes it: a rule of a firewall is found by its words."""
    return str(ipaddress.ip_network(_one(value))) if field.form is Form.SUBNET and value else _one(value)


def _one(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _section(reading: "_SiteText", section: Section, raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise reading.bad("", section.name, raw, f"write a section [{section.name}{'.NAME' if section.several else ''}]")
    if not section.several:
        return _fields(reading, section, section.name, raw)
    found = {}
    for name, below in raw.items():
        where = f"{section.name}.{name}"
        if not _NAME.fullmatch(name):
            raise reading.bad(section.name, name, name, f"a name there is {Form.NAME.value}")
        if section.names:
            reading.check_keys(section.name, [name], section.names)
        if not isinstance(below, dict):
            raise reading.bad(section.name, name, below, f"write a section [{where}]")
        found[name] = _fields(reading, section, where, below)
    return found


def _fields(reading: "_SiteText", section: Section, where: str, raw: Mapping[str, object]) -> dict[str, Any]:
    """Every field of a section, with what is usual where nothing is given."""
    if section.open_fields is not None:
        for key in raw:
            if not _NAME.fullmatch(key):
                raise reading.bad(where, key, key, f"a name there is {Form.NAME.value}")
        return {key: _value(reading, where, section.open_fields, key, value) for key, value in raw.items()}
    reading.check_keys(where, list(raw), [field.key for field in section.fields])
    found: dict[str, Any] = {}
    for field in section.fields:
        if field.key in raw:
            found[field.key] = _value(reading, where, field, field.key, raw[field.key])
        elif field.usual is None:
            raise reading.missing(where, field.key, f"write {_allowed(field)}: {field.about}")
        else:
            found[field.key] = field.usual
    return found


def _allowed(field: Field) -> str:
    return f"{field.form.value} {', '.join(field.words)}" if field.words else field.form.value


def _value(reading: "_SiteText", where: str, field: Field, key: str, value: object) -> str | tuple[str, ...]:
    if field.form is Form.CHOICES:
        wrong = not isinstance(value, list) or not value or [word for word in value if word not in field.words]
        if wrong or not isinstance(value, list) or len(set(value)) < len(value):
            raise reading.bad(where, key, value, f"write {_allowed(field)}, each once")
        return tuple(value)
    if field.form is Form.WHOLE:
        if type(value) is not int or not 1 <= value <= 64:
            raise reading.bad(where, key, value, f"write {_allowed(field)}")
        return str(value)
    if not isinstance(value, str) or not (value == "" == field.usual or _fits(field, value)):
        raise reading.bad(where, key, value, f"write {_allowed(field)}")
    return value


def _fits(field: Field, value: str) -> bool:
    match field.form:
        case Form.CHOICE:
            return value in field.words
        case Form.NAME:
            return bool(_NAME.fullmatch(value))
        case Form.ADDRESS:
            return _made(ipaddress.ip_address, value)
        case Form.SUBNET:
            return _made(ipaddress.ip_network, value)
        case Form.INTERFACE:
            return 0 < len(value) <= 15 and not re.search(r"[\s/:]", value) and value.isprintable()
        case Form.PATH:
            return value.startswith("/") and value.isprintable() and len(value) <= 255 and ".." not in value.split("/")
        case Form.EXPORT:
            return bool(_EXPORT.fullmatch(value)) and value.isprintable()
        case Form.REFERENCE:
            return bool(_REFERENCE.fullmatch(value))
        case Form.TEXT:
            return bool(_SSH.fullmatch(value)) and not value.startswith("-") if field.key == "ssh" else _plain(value)
    raise AssertionError(field.form)


def _plain(value: str) -> bool:
    return 0 < len(value) <= 255 and value.isprintable() and not set(value) & set("'\"`\\")


def _made(make: Any, value: str) -> bool:
    try:
        make(value)
    except ValueError:
        return False
    return True


def _check_servers(reading: "_SiteText", servers: tuple[SiteServer, ...]) -> None:
    if not servers:
        raise reading.missing("", "servers", "write a section [servers.NAME], with roles and address, for each server")
    if len(servers) > MOST_SERVERS:
        raise BadSite(f"[servers] has {len(servers)} servers; at most {MOST_SERVERS} are allowed")
    if not any("controller" in server.roles for server in servers):
        raise BadSite('no server has the role controller: write roles = ["controller"] in the sections of at least two servers')
    seen: dict[str, str] = {}
    for server in servers:
        address = str(ipaddress.ip_address(server.address))
        if other := seen.get(address):
            raise reading.bad(f"servers.{server.name}", "address", server.address, f"it is that of {other}; write its own")
        seen[address] = server.name


def _check_addresses(reading: "_SiteText", servers: tuple[SiteServer, ...], facts: Mapping[str, str]) -> None:
    """A virtual address lies in the management network and is no server's own. Several services may share one."""
    subnet = facts["networks.management.subnet"]
    own = {ipaddress.ip_address(server.address): server.name for server in servers}
    for fact, value in facts.items():
        section, _, key = fact.partition(".")
        if section != "address" or not value:
            continue
        address = ipaddress.ip_address(value)
        if address in own:
            raise reading.bad("addresses", key, value, f"it is the own address of {own[address]}; write a free one")
        if subnet and address not in ipaddress.ip_network(subnet):
            raise reading.bad("addresses", key, value, f"it is not in [networks.management] subnet {subnet}; write one that is")


class _SiteText:
    """The file being read: knows where things stand in it."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        try:
            self.parsed = tomllib.loads(text)
        except RecursionError:
            raise BadSite("it cannot be read: brackets within brackets without end") from None
        except ValueError as error:
            raise BadSite(f"it cannot be read: {str(error).splitlines()[0][:200]}") from None

    def bad(self, section: str, key: str, value: object, advice: str) -> BadSite:
        """A value is wrong."""
        return BadSite(f"{self._place(section, key)} is {_shown(value)}; {advice}")

    def missing(self, section: str, key: str, advice: str) -> BadSite:
        """A key is not there."""
        return BadSite(f"{self._place(section, None)}{' ' if section else ''}{key} is missing; {advice}")

    def check_keys(self, section: str, keys: Collection[str], known: Collection[str], more: Collection[str] = ()) -> None:
        """None is unknown: BadSite with the nearest that is known."""
        for key in keys:
            if key not in known:
                near = difflib.get_close_matches(key, [*known, *more], n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known there: {', '.join([*known, *more])}"
                raise BadSite(f"{self._place(section, key)} is not known; {hint}")

    def _place(self, section: str, key: str | None) -> str:
        """`line 12: [storage.mysql] path`."""
        number = self._line(section, key)
        head = f"line {number}: " if number else ""
        return head + " ".join(part for part in (f"[{section}]" if section else "", key or "") if part)

    def _line(self, section: str, key: str | None) -> int:
        """Where it stands: the key in its section, else the section; 0: not found (an inline table, a dotted key)."""
        inside, header = section == "", 0
        for number, line in enumerate(self._lines, 1):
            if match := re.match(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$", line):
                name = re.sub(r"[\s\"']", "", match[1])
                inside = name == section
                if inside:
                    header = header or number
                if key is not None and name in (f"{section}.{key}".lstrip("."), key if not section else ""):
                    return number
            elif inside and key is not None and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
                return number
        return header


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
