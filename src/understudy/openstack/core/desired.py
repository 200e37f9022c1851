"""What a site and a release want of each server and of the cluster. `desired` is the whole of it: pure, the same for the same arguments.

Nothing here knows a service, a file or a release by name: they come from the catalogue.
"""

import ipaddress
from collections.abc import Iterator, Mapping

from understudy.errors import BadInput
from understudy.openstack.core.catalogue import SECRET, Catalogue, CataloguePart, ResourcePart, Service
from understudy.openstack.core.moving import DataMove
from understudy.openstack.core.site import OpenstackSite, SiteServer
from understudy.openstack.core.states import BOOT, Owned
from understudy.openstack.core.templates import fill, names
from understudy.openstack.core.wanted import (
    Desired,
    Wanted,
    WantedBoot,
    WantedDirectory,
    WantedEndpoint,
    WantedEntry,
    WantedFile,
    WantedKeys,
    WantedLine,
    WantedPool,
    WantedRegistered,
    WantedResource,
    WantedValues,
    WantedVip,
)

DROP_IN = "/etc/systemd/system/{unit}.service.d/50-cluster.conf"
_DROP_IN_TEXT = """# The cluster restarts this service, and counts. A restart by systemd would hide a failure from it.
[Service]
Restart=no
"""
_SYSTEMD = "systemd.drop_ins"


def facts_of(site: OpenstackSite, catalogue: Catalogue, secrets: Mapping[str, str], server: SiteServer | None = None) -> dict[str, str]:
    """Every fact by its name in templates; the site's own word before the release's."""
    facts = dict(catalogue.settings)
    facts |= {name: value for name, value in site.facts.items() if value or name not in facts}
    facts |= {f"secret.{name}": value for name, value in secrets.items()}
    facts |= _families(site.facts.get("networks.interconnect.subnet", ""))
    facts["clustered.all"] = "yes" if site.clustered == "all" else ""
    controllers = [known.name for known in site.with_role(("controller",))]
    facts["site.controllers"] = ",".join(controllers) if len(controllers) > 1 else ""
    if server is not None:
        facts |= {"server.name": server.name, "server.address": server.address}
    return facts


def _families(subnet: str) -> dict[str, str]:
    """Of the interconnect: the word of nftables, and which it is."""
    version = ipaddress.ip_network(subnet).version if subnet else 0
    head = "networks.interconnect"
    return {
        f"{head}.family": {4: "ip", 6: "ip6"}.get(version, ""),
        f"{head}.ipv4": "yes" if version == 4 else "",
        f"{head}.ipv6": "yes" if version == 6 else "",
    }


def desired(site: OpenstackSite, catalogue: Catalogue, secrets: Mapping[str, str]) -> Desired:
    """What is wanted. BadInput: a fact or a secret is needed and missing."""
    facts = facts_of(site, catalogue, secrets)
    resources = tuple(part for part in catalogue.resource if _resource_wanted(part, site, catalogue, facts))
    return Desired(
        servers={server.name: tuple(_of_server(site, catalogue, secrets, server)) for server in site.servers},
        registered=tuple(_registered(site, catalogue, facts, resources)),
        endpoints=tuple(_endpoints(site, catalogue, facts)),
        gone=tuple((name, service.gone) for name, service in catalogue.service.items() if service.gone),
    )


def data_moves(site: OpenstackSite, catalogue: Catalogue) -> tuple[DataMove, ...]:
    """What moves onto a share, in the order of the catalogue."""
    facts = facts_of(site, catalogue, {})
    return tuple(
        DataMove(
            name=part.storage,
            path=facts[f"storage.{part.storage}.path"],
            export=facts[f"storage.{part.storage}.export"],
            type=facts.get(f"storage.{part.storage}.type", ""),
            options=facts.get(f"storage.{part.storage}.options", ""),
            owner=part.owner,
            group=part.group,
            mode=part.mode,
        )
        for part in catalogue.data
        if _holds(part, site, facts)
    )


def secrets_needed(site: OpenstackSite, catalogue: Catalogue) -> tuple[str, ...]:
    """The names of those that this site cannot do without. What is only done with a secret, as encrypting tokens in a cache, needs it where
    the site names it."""
    facts = facts_of(site, catalogue, dict.fromkeys(site.credentials, "named"))
    held = [entry.value for entry in catalogue.entry if site.with_role(entry.roles) and _holds(entry, site, facts)]
    held += [file.content for file in catalogue.file if site.with_role(file.roles) and _holds(file, site, facts)]
    return tuple(dict.fromkeys(name for text in held for name in SECRET.findall(text)))


def _holds(part: CataloguePart, site: OpenstackSite, facts: Mapping[str, str]) -> bool:
    """Whether it is for this site at all."""
    return (not part.project or part.project in site.projects) and all(facts.get(name) for name in part.when)


def _of_server(site: OpenstackSite, catalogue: Catalogue, secrets: Mapping[str, str], server: SiteServer) -> Iterator[Wanted]:
    facts = facts_of(site, catalogue, secrets, server)

    def here(part: CataloguePart) -> bool:
        return bool(set(part.roles) & set(server.roles)) and _holds(part, site, facts)

    packages = _packages(catalogue)
    for directory in filter(here, catalogue.directory):
        yield WantedDirectory(place=fill(directory.path, facts), owned=_owned(directory), why=directory.why)
    for file in filter(here, catalogue.file):
        yield WantedFile(place=file.path, owned=_owned(file), content=_filled_lines(file.content, facts), why=file.why)
    for line in filter(here, catalogue.line):
        yield WantedLine(
            place=line.path,
            line=fill(line.line, facts),
            before=line.before,
            below=line.below,
            optional=line.optional,
            why=line.why,
            packages=line.packages,
        )
    for entry in filter(here, catalogue.entry):
        yield WantedEntry(
            place=entry.file,
            section=entry.section,
            key=entry.key,
            value=fill(entry.value, facts),
            syntax=entry.syntax,
            why=entry.why or (f"table {entry.table} of the guide" if entry.table else ""),
            packages=packages.get(entry.project, ()),
        )
    for rule in filter(here, catalogue.firewall):
        place = f"{rule.program}:{rule.chain}:{fill(rule.rule, facts)}"
        yield WantedValues(place=place, values={"rule": "there"}, optional=True, why=rule.why)
    yield from (keys for keys in keys_of(site, catalogue) if server.name in keys.holders)
    yield from _units(site, catalogue, server, facts)


def keys_of(site: OpenstackSite, catalogue: Catalogue) -> tuple[WantedKeys, ...]:
    """All directories of keys that servers of this site share; no secret is needed to know them."""
    facts = facts_of(site, catalogue, {})
    return tuple(
        WantedKeys(
            place=part.path,
            owned=_owned(part),
            file_mode=part.file_mode,
            holders=tuple(server.name for server in site.with_role(part.roles)),
            rotates=part.rotates,
            limit=part.limit,
            why=part.why,
        )
        for part in catalogue.keys
        if _holds(part, site, facts)
    )


def _filled_lines(content: str, facts: Mapping[str, str]) -> str:
    """What the site does not say has no line; a secret that is missing is an error all the same."""
    kept = [line for line in content.split("\n") if all(facts.get(name) or name.startswith("secret.") for name in names(line))]
    return fill("\n".join(kept), facts)


def _owned(part: object) -> Owned:
    return Owned(owner=part.owner, group=part.group, mode=part.mode)  # type: ignore[attr-defined]


def _of_root(mode: str) -> Owned:
    return Owned(owner="root", group="root", mode=mode)


def _packages(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for service in catalogue.service.values():
        found[service.project] = tuple(dict.fromkeys((*found.get(service.project, ()), *service.packages)))
    return found


def _clustered(service: Service, site: OpenstackSite) -> bool:
    return not service.gone and (site.clustered == "all" or service.api)


def _units(site: OpenstackSite, catalogue: Catalogue, server: SiteServer, facts: Mapping[str, str]) -> Iterator[Wanted]:
    """What the cluster starts is started by nobody else."""
    for service in catalogue.service.values():
        mine = set(service.roles) & set(server.roles) and _holds(service, site, facts)
        if not mine or not (_clustered(service, site) or "network" in service.roles):
            continue
        for unit in service.units:
            yield WantedBoot(place=f"{BOOT}{unit}", why="the cluster starts it")
            if facts.get(_SYSTEMD):
                place, why = DROP_IN.format(unit=unit), "only the cluster restarts it"
                yield WantedDirectory(place=place.rpartition("/")[0], owned=_of_root("0755"), why=why)
                yield WantedFile(place=place, owned=_of_root("0644"), content=_DROP_IN_TEXT, why=why)


# --- of the cluster


def _resource_wanted(part: ResourcePart, site: OpenstackSite, catalogue: Catalogue, facts: Mapping[str, str]) -> bool:
    if not _holds(part, site, facts) or not site.with_role(part.roles):
        return False
    service = catalogue.service.get(part.service or part.name)
    return service is None or (not service.gone and ("network" in part.roles or _clustered(service, site)))


def _registered(
    site: OpenstackSite, catalogue: Catalogue, facts: Mapping[str, str], resources: tuple[ResourcePart, ...]
) -> Iterator[WantedRegistered]:
    used = {part.pool for part in resources}
    for pool in catalogue.pool:
        if pool.name in used:
            servers = " ".join(server.name for server in site.with_role(pool.roles))
            yield WantedPool(name=pool.name, attributes={**pool.attributes, "SERVER_NAMES": servers})
    needed = {name for part in resources for name in part.needs}
    vips = {vip.name: vip for vip in catalogue.vip}
    for name, vip in vips.items():
        if name in needed:
            yield WantedVip(name=name, address=fill(vip.address, facts), network=facts["networks.management.number"] or "1")
    there = {part.name for part in resources} | (needed & set(vips))
    for part in resources:
        if missing := [name for name in part.needs if name not in there]:
            absent = ", ".join(missing)
            raise BadInput(f"{part.name} needs {absent}, which this site has not; add its project, or its storage, to the site file")
        yield _resource(part, catalogue, facts, there)


def _resource(part: ResourcePart, catalogue: Catalogue, facts: Mapping[str, str], there: set[str]) -> WantedResource:
    script = f"{catalogue.scripts}/{part.script or part.service or part.name}.scr"
    attributes = {"ACTION_SCRIPT": script, **catalogue.attributes, "SERVER_POOLS": part.pool}
    start = [f"hard({','.join(part.needs)})"] if part.needs else []
    if after := [name for name in part.after if name in there]:
        start.append(f"weak({','.join(f'global:{name}' for name in after)})")
    if start:
        attributes["START_DEPENDENCIES"] = " ".join(start)
    if part.needs:
        attributes["STOP_DEPENDENCIES"] = f"hard({','.join(part.needs)})"
    attributes |= {key: fill(value, facts) for key, value in part.attributes.items()}
    return WantedResource(name=part.name, attributes=attributes)


def _endpoints(site: OpenstackSite, catalogue: Catalogue, facts: Mapping[str, str]) -> Iterator[WantedEndpoint]:
    for endpoint in catalogue.endpoint:
        if not _holds(endpoint, site, facts):
            continue
        own = {"endpoint.name": endpoint.name, "endpoint.type": endpoint.type}
        public = _public(endpoint.public, facts)
        urls = {"public": public, "internal": fill(endpoint.internal, facts), "admin": fill(endpoint.admin, facts)}
        known = {**facts, **own, **{f"endpoint.{kind}": url for kind, url in urls.items()}}
        commands = tuple(fill(command, known) for command in catalogue.endpoint_commands)
        region = facts.get("site.region", "")
        yield WantedEndpoint(name=endpoint.name, type=endpoint.type, region=region, urls=urls, commands=commands)


def _public(template: str, facts: Mapping[str, str]) -> str:
    url = fill(template, facts)
    host, scheme = facts.get("endpoints.public_host"), facts.get("endpoints.scheme") or "http"
    if not host:
        return url
    _, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{host}:{authority.rpartition(':')[2]}{slash}{path}"
