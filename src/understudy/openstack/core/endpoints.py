"""Keystone's catalogue of services as places: what should be there, what is there, and which request takes one to the other. Pure.

A place is `region NAME`, `service TYPE` or `endpoint TYPE INTERFACE REGION`; what is there are values, as `url` of an endpoint. So they are
planned, kept and taken back as files are. Requests are those of the Identity API v3 (docs.openstack.org/api-ref/identity/v3).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from understudy.errors import BadInput
from understudy.openstack.core.states import Absent, OtherState, PlaceState, ValuesState
from understudy.openstack.core.wanted import Desired, WantedEndpoint, WantedValues

SERVER = "the endpoints"
"""Stands where else the name of a server does; no server can have it."""
INTERFACES = ("public", "internal", "admin")
_YES, _NO = "yes", "no"

KeystoneEntry = Mapping[str, Any]
KeystoneRequest = tuple[str, str, dict[str, Any] | None]
"""Method, path below the API's version, body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEndpoints:
    """Keystone's answers: regions, services, endpoints, each as it writes them."""

    regions: tuple[KeystoneEntry, ...]
    services: tuple[KeystoneEntry, ...]
    endpoints: tuple[KeystoneEntry, ...]


def endpoints_alone(endpoints: Sequence[WantedEndpoint]) -> Desired:
    """What is wanted of Keystone's catalogue, each after what it names: regions, services, endpoints."""
    return Desired(servers={SERVER: tuple(_wanted(endpoints))}, registered=(), endpoints=(), gone=())


def _wanted(endpoints: Sequence[WantedEndpoint]) -> Iterator[WantedValues]:
    for region in dict.fromkeys(endpoint.region for endpoint in endpoints):
        yield WantedValues(place=f"region {region}", values={})
    for endpoint in endpoints:
        yield WantedValues(place=f"service {endpoint.type}", values={"enabled": _YES}, made_with={"name": endpoint.name})
    for endpoint in endpoints:
        for interface, url in endpoint.urls.items():
            yield WantedValues(place=f"endpoint {endpoint.type} {interface} {endpoint.region}", values={"url": url, "enabled": _YES})


def state_of(place: str, found: FoundEndpoints) -> PlaceState:
    """What is there; where several would do, none is chosen."""
    kind = place.partition(" ")[0]
    entries = _entries(place, found)
    if len(entries) > 1:
        ids = ", ".join(str(entry.get("id")) for entry in entries[:4])
        return OtherState(what=f"Keystone has {len(entries)} of them ({ids}); delete those that are too much")
    if not entries:
        return Absent()
    (entry,) = entries
    if kind == "region":
        return ValuesState(values={})
    key = "url" if kind == "endpoint" else "name"
    return ValuesState(values={key: str(entry.get(key) or ""), "enabled": _NO if entry.get("enabled") is False else _YES})


def _entries(place: str, found: FoundEndpoints) -> list[KeystoneEntry]:
    kind, *names = place.split(" ")
    if kind == "region":
        return [region for region in found.regions if region.get("id") == names[0]]
    services = [service for service in found.services if service.get("type") == names[0]]
    if kind == "service":
        return services
    _, interface, region = names
    ids = {service.get("id") for service in services}
    alike = [endpoint for endpoint in found.endpoints if endpoint.get("service_id") in ids and endpoint.get("interface") == interface]
    return [endpoint for endpoint in alike if (endpoint.get("region_id") or endpoint.get("region")) == region]


def request_for(place: str, after: PlaceState, found: FoundEndpoints) -> KeystoneRequest:
    """What makes it so. BadInput: it cannot be asked for, and why."""
    kind, *names = place.split(" ")
    entries = _entries(place, found)
    path = f"/{kind}s"
    if isinstance(after, Absent):
        (entry,) = entries
        if why := _needed(kind, entry, found):
            raise BadInput(f"{place} stays: {why}")
        return "DELETE", f"{path}/{_id(entry)}", None
    if not isinstance(after, ValuesState):
        raise BadInput(f"{place} cannot be made that")
    values: dict[str, Any] = {key: value == _YES if key == "enabled" else value for key, value in after.values.items()}
    if entries:
        return "PATCH", f"{path}/{_id(entries[0])}", {kind: values}
    return "POST", path, {kind: {**values, **_made_with(kind, names, found)}}


def _made_with(kind: str, names: Sequence[str], found: FoundEndpoints) -> dict[str, str]:
    if kind == "region":
        return {"id": names[0]}
    if kind == "service":
        return {"type": names[0]}
    services = [service for service in found.services if service.get("type") == names[0]]
    if len(services) != 1:
        raise BadInput(f"Keystone has {len(services)} services of type {names[0]}, and the endpoint belongs to one")
    return {"service_id": str(services[0].get("id")), "interface": names[1], "region_id": names[2]}


def _needed(kind: str, entry: KeystoneEntry, found: FoundEndpoints) -> str:
    """Why it cannot be deleted; empty: it can."""
    key = {"region": "region_id", "service": "service_id"}.get(kind, "")
    used = [endpoint for endpoint in found.endpoints if key and endpoint.get(key) == entry.get("id")]
    return f"{len(used)} endpoints of somebody else belong to it" if used else ""


def _id(entry: KeystoneEntry) -> str:
    return quote(str(entry.get("id")), safe="")


def same_value(key: str, there: str, wanted: str) -> bool:
    """Two spellings of the same address are the same: a slash at its end, and Keystone's older words for the project."""
    return there == wanted or (key == "url" and _meaning(there) == _meaning(wanted))


def _meaning(url: str) -> str:
    return url.replace("$(", "%(").replace("%(tenant_id)s", "%(project_id)s").rstrip("/")
