"""A release as a page for people, in Markdown: everything that its catalogue has, with the values of an example. Pure.

The pages below docs/openstack are made of this, so they cannot say anything else than what is done.
"""

from collections.abc import Iterable, Iterator

from understudy.openstack.core.catalogue import Catalogue, ConfigEntry, FileLine
from understudy.openstack.core.fields import VIRTUAL

TABLES = {
    "2": "Table 2: the database",
    "3": "Table 3: the message broker",
    "4": "Table 4: Keystone",
    "5": "Table 5: Glance",
    "6": "Table 6: Swift",
    "7": "Table 7: Nova and Neutron",
    "": "Besides the tables",
}


def guide(catalogue: Catalogue) -> str:
    """The page."""
    lines = [f"# {catalogue.title}", "", f"Made from the catalogue `{catalogue.release}`. {catalogue.about}", ""]
    lines += [f"What stands in braces comes from the [site file](site.md); virtual addresses are those of {', '.join(VIRTUAL)}.", ""]
    lines += [*_services(catalogue), *_entries(catalogue), *_files(catalogue), *_owned(catalogue), *_registered(catalogue)]
    lines += _endpoints(catalogue)
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _services(catalogue: Catalogue) -> Iterator[str]:
    yield from ("## Services", "")
    yield 'With API: they answer users, so they are clustered also with `clustered = "api"`.'
    yield ""
    rows = []
    for name, service in catalogue.service.items():
        if service.gone:
            rows.append((f"`{name}`", "", "", "", f"not there: {service.gone}"))
            continue
        ports = ", ".join(map(str, service.ports))
        rows.append((f"`{name}`", _codes(service.units), _codes(service.packages), ports, "with API" if service.api else ""))
    yield from _table(("service of the guide", "units", "packages", "ports", ""), rows)


def _entries(catalogue: Catalogue) -> Iterator[str]:
    yield from ("## Configuration entries", "")
    for number, title in TABLES.items():
        entries = [entry for entry in catalogue.entry if entry.table == number]
        if not entries:
            continue
        yield from (f"### {title}", "")
        yield from _table(("file", "entry", "value", "on, and when"), map(_entry, entries))


def _entry(entry: ConfigEntry) -> tuple[str, ...]:
    name = f"`[{entry.section}] {entry.key}`" if entry.section else f"`{entry.key}`"
    when = f", if {' and '.join(entry.when)}" if entry.when else ""
    why = f". {entry.why[0].upper()}{entry.why[1:]}" if entry.why else ""
    return f"`{entry.file}`", name, f"`{entry.value}`", f"{', '.join(entry.roles)}{when}{why}"


def _files(catalogue: Catalogue) -> Iterator[str]:
    yield from ("## Whole files and lines", "")
    for file in catalogue.file:
        yield f"`{file.path}`, {file.owner}:{file.group} {file.mode}, on {', '.join(file.roles)}: {file.why}"
        yield from ("", "```text", file.content.rstrip("\n"), "```", "")
    for rule in catalogue.firewall:
        program = "" if rule.program == "nft" else f" of {rule.program}"
        yield f"Running firewall, chain `{rule.chain}`{program} if there is one, on {', '.join(rule.roles)}: `{rule.rule}`: {rule.why}"
        yield ""
    rows = ((f"`{line.path}`", f"`{line.line}`", f"{', '.join(line.roles)}{_if_there(line)}: {line.why}") for line in catalogue.line)
    yield from _table(("file", "line", "on, and why"), rows)


def _if_there(line: FileLine) -> str:
    return ", if there is such a file" if line.optional else ""


def _owned(catalogue: Catalogue) -> Iterator[str]:
    yield from ("## Directories and keys", "")
    rows = [(f"`{part.path}`", f"{part.owner}:{part.group} {part.mode}", part.why) for part in catalogue.directory]
    rows += [(f"`{part.path}`", f"{part.owner}:{part.group} {part.mode}, files {part.file_mode}", part.why) for part in catalogue.keys]
    yield from _table(("directory", "owner and mode", "why"), rows)


def _registered(catalogue: Catalogue) -> Iterator[str]:
    yield from ("## What the cluster registers", "")
    rows = [(f"`{pool.name}`", f"the servers with role {', '.join(pool.roles)}") for pool in catalogue.pool]
    yield from _table(("server pool", "servers"), rows)
    common = ", ".join(f"{key}={value}" for key, value in catalogue.attributes.items())
    yield f"Every resource has {common}, and its action script below `{catalogue.scripts}`."
    yield "What it needs is a hard dependency, for start and stop; what it starts after is a weak one, wherever that runs."
    yield ""
    resources = []
    for part in catalogue.resource:
        more = ", ".join(f"{key}={value}" for key, value in part.attributes.items())
        resources.append((f"`{part.name}`", f"`{part.pool}`", _codes(part.needs), _codes(part.after), f"`{more}`" if more else ""))
    yield from _table(("resource", "pool", "needs", "starts after", "besides"), resources)


def _endpoints(catalogue: Catalogue) -> Iterator[str]:
    yield from ("## Endpoints", "")
    if catalogue.endpoint_api:
        secret = catalogue.endpoint_api.secret
        yield f"Made by `understudy openstack apply` where the site file has `[credentials] {secret}`, once Keystone answers;"
        yield "else by hand, and `understudy openstack plan` prints the commands for your site:"
        yield ""
    else:
        yield from ("Made by hand, once Keystone answers; `understudy openstack plan` prints the commands for your site:", "")
    yield from ("```text", *catalogue.endpoint_commands, "```", "")
    rows = ((f"`{part.name}`", f"`{part.type}`", f"`{part.public}`", f"`{part.admin}`") for part in catalogue.endpoint)
    yield from _table(("name", "type", "public and internal", "admin"), rows)


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
