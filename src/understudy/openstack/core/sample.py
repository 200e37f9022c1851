"""A commented site.toml, the JSON schema for editors, and the page of the site file: all made of the table in `fields.py`. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from understudy.openstack.core.fields import SITE, Field, Form, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """What was found out about the servers. Empty: nothing, so that an example stands there, commented out."""

    release: str = ""
    projects: tuple[str, ...] = ()
    servers: Mapping[str, str] = field(default_factory=dict)
    """Name -> own address in the management network."""
    networks: Mapping[str, tuple[str, str, int]] = field(default_factory=dict)
    """Name -> subnet, interface, number."""
    secrets: tuple[str, ...] = ()
    """What the release needs."""
    offered: tuple[str, ...] = ()
    """Secrets that it can use, and does without."""


def sample(seen: Surveyed) -> str:
    """The file, with what was found out and examples for the rest."""
    lines = ["# The site of an OpenStack control plane that this cluster keeps available; understudy openstack plan shows what follows."]
    lines += ["# Lines that begin with # are examples, or what counts without them.", ""]
    for section in SITE:
        lines += _section(section, seen)
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(section: Section, seen: Surveyed) -> Iterator[str]:
    if not section.name:
        given = {"release": seen.release, "projects": list(seen.projects)}
        yield from _lines(section.fields, {key: value for key, value in given.items() if value})
        return
    yield f"# {section.about}"
    if section.name == "servers":
        for number, (name, address) in enumerate((seen.servers or {"ctr1": "", "ctr2": ""}).items()):
            yield from _below(section, name, {"roles": ["controller"], "address": address} if address else {}, about=number == 0)
    elif section.name == "networks":
        for name in section.names:
            subnet, interface, number = seen.networks.get(name, ("", "", 1))
            network: dict[str, object] = {"subnet": subnet, "interface": interface, "number": number} if subnet else {}
            yield from _below(section, name, network, about=name == section.names[0])
    elif section.open_fields is not None:
        yield f"[{section.name}]"
        yield f"# {section.open_fields.form.value}."
        yield from (f'{name} = "file:/etc/understudy/openstack.secrets#{name}"' for name in seen.secrets)
        yield from (f'#{name} = "file:/etc/understudy/openstack.secrets#{name}"' for name in seen.offered)
        yield ""
    elif section.several:
        for name in section.names:
            yield from _below(section, name, {}, about=name == section.names[0])
    else:
        yield f"[{section.name}]"
        yield from _lines(section.fields, {})


def _below(section: Section, name: str, given: Mapping[str, object], *, about: bool) -> Iterator[str]:
    yield f"{'' if given else '#'}[{section.name}.{name}]"
    yield from _lines(section.fields, given, about=about)


def _lines(fields: Sequence[Field], given: Mapping[str, object], *, about: bool = True) -> Iterator[str]:
    for item in fields:
        if about:
            words = f" One of: {', '.join(item.words)}." if item.form is Form.CHOICE else ""
            yield f"# {item.about}{words}"
        if item.key in given:
            yield f"{item.key} = {_toml(given[item.key])}"
        else:
            yield f"#{item.key} = {_toml(_example(item))}"
    yield ""


def _example(item: Field) -> object:
    value = item.example or item.usual or ""
    if item.form is Form.WHOLE:
        return int(str(value))
    return list(value) if isinstance(value, tuple) else value


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- for editors


def schema(releases: Sequence[str]) -> dict[str, Any]:
    """JSON schema, draft 2020-12, which editors of TOML use for completion and checks."""
    top = SITE[0]
    properties = {item.key: _property(item, releases) for item in top.fields}
    properties |= {section.name: _section_schema(section) for section in SITE if section.name}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "site.toml of understudy openstack",
        "type": "object",
        "additionalProperties": False,
        "required": [*(item.key for item in top.fields if item.usual is None), "servers"],
        "properties": properties,
    }


def _section_schema(section: Section) -> dict[str, Any]:
    if section.open_fields is not None:
        return {"description": section.about, "type": "object", "additionalProperties": _property(section.open_fields, ())}
    inner = {
        "type": "object",
        "additionalProperties": False,
        "required": [item.key for item in section.fields if item.usual is None],
        "properties": {item.key: _property(item, ()) for item in section.fields},
    }
    if not section.several:
        return {"description": section.about, **inner}
    if section.names:
        return {
            "description": section.about,
            "type": "object",
            "additionalProperties": False,
            "properties": dict.fromkeys(section.names, inner),
        }
    return {"description": section.about, "type": "object", "minProperties": 1, "additionalProperties": inner}


_PATTERNS = {
    Form.NAME: "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$",
    Form.PATH: "^(/.*)?$",
    Form.REFERENCE: "^(file:/[^#]*(#[A-Za-z0-9_.-]+)?|env:[A-Za-z_][A-Za-z0-9_]*)$",
}


def _property(item: Field, releases: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"description": f"{item.about} {item.form.value}"}
    if item.key == "release":
        return {**found, "enum": list(releases)}
    match item.form:
        case Form.WHOLE:
            found |= {"type": "integer", "minimum": 1, "maximum": 64}
        case Form.CHOICE:
            found |= {"enum": list(item.words)}
        case Form.CHOICES:
            found |= {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": list(item.words)}}
        case _:
            pattern = _PATTERNS.get(item.form)
            found |= {"type": "string", "maxLength": 255, **({"pattern": pattern} if pattern and item.usual != "" else {})}
    if item.usual not in (None, "", ()):
        found["default"] = int(str(item.usual)) if item.form is Form.WHOLE else item.usual
    return found


def table() -> str:
    """The keys as a table in Markdown, for the page of the site file."""
    rows = ["| section | key | without it | meaning |", "| --- | --- | --- | --- |"]
    for section in SITE:
        name = f"`[{section.name}{'.NAME' if section.several else ''}]`" if section.name else "(top)"
        for item in section.fields or ((section.open_fields,) if section.open_fields else ()):
            usual = "required" if item.usual is None else "all" if item.key == "projects" else f"`{item.usual}`" if item.usual else "-"
            words = f" One of {', '.join(item.words)}." if item.words else ""
            rows.append(f"| {name} | {f'`{item.key}`' if item.key else 'any name'} | {usual} | {item.about}{words} |")
    return "\n".join(rows)
