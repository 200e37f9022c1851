"""What the cluster should have registered against what it has: commands of crsctl and appvipcfg, in order, and those that undo them. Pure.

A resource that is there is changed only in the attributes that are wanted, and never by force: a command that would stop or move something
is refused, and says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from understudy.errors import BadInput
from understudy.model.dependencies import parse, print_dependencies
from understudy.openstack.core.compare import Comparison
from understudy.openstack.core.wanted import WantedPool, WantedRegistered, WantedResource, WantedVip


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRegistered:
    """What is registered now: name -> attributes, TYPE among those of resources."""

    pools: Mapping[str, Mapping[str, str]]
    resources: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStep:
    """One command, and the one that takes it back."""

    name: str
    command: tuple[str, ...]
    undo: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRegistered:
    """One registered thing with its verdict; `there`: what is there instead."""

    name: str
    verdict: Comparison
    there: str = ""


def registry_steps(wanted: tuple[WantedRegistered, ...], found: FoundRegistered) -> tuple[RegistryStep, ...]:
    """What is to be commanded, in order."""
    return tuple(step for item in wanted if (step := _step(item, found)) is not None)


def judge_registered(item: WantedRegistered, found: FoundRegistered) -> JudgedRegistered:
    """How it stands with one of them."""
    there = found.pools.get(item.name) if isinstance(item, WantedPool) else found.resources.get(item.name)
    if there is None:
        return JudgedRegistered(name=item.name, verdict=Comparison.MISSING)
    other = dict(_differing(item, there))
    if not other:
        return JudgedRegistered(name=item.name, verdict=Comparison.RIGHT)
    return JudgedRegistered(name=item.name, verdict=Comparison.WRONG, there=", ".join(f"{key} is {there.get(key, '')!r}" for key in other))


def _step(item: WantedRegistered, found: FoundRegistered) -> RegistryStep | None:
    there = found.pools.get(item.name) if isinstance(item, WantedPool) else found.resources.get(item.name)
    kind = "serverpool" if isinstance(item, WantedPool) else "resource"
    if there is not None:
        other = dict(_differing(item, there))
        if not other:
            return None
        if isinstance(item, WantedVip):
            raise BadInput(f"the resource {item.name} is there and is another one ({_text(other)} wanted); delete it, or name it otherwise")
        former = {key: there.get(key, "") for key in other}
        modify = ("crsctl", "modify", kind, item.name, "-attr")
        return RegistryStep(name=item.name, command=(*modify, _text(other)), undo=(*modify, _text(former)))
    if isinstance(item, WantedVip):
        make = (f"-network={item.network}", f"-ip={item.address}", f"-vipname={item.name}", "-user=root")
        return RegistryStep(name=item.name, command=("appvipcfg", "create", *make), undo=("appvipcfg", "delete", f"-vipname={item.name}"))
    of_type = ("-type", "cluster_resource") if isinstance(item, WantedResource) else ()
    return RegistryStep(
        name=item.name,
        command=("crsctl", "add", kind, item.name, *of_type, "-attr", _text(item.attributes)),
        undo=("crsctl", "delete", kind, item.name),
    )


def _differing(item: WantedRegistered, there: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    match item:
        case WantedVip():
            wanted: Mapping[str, str] = {"USR_ORA_VIP": item.address}
        case WantedPool() | WantedResource():
            wanted = item.attributes
    for key, value in wanted.items():
        if _meaning(key, value, item.name) != _meaning(key, there.get(key, ""), item.name):
            yield key, value


def _meaning(key: str, value: str, owner: str) -> str:
    """Two spellings of the same are the same."""
    match key:
        case "START_DEPENDENCIES":
            return print_dependencies(parse(value, "START_DEPENDENCIES", owner))
        case "STOP_DEPENDENCIES":
            return print_dependencies(parse(value, "STOP_DEPENDENCIES", owner))
    return " ".join(sorted(value.split())) if key in ("SERVER_NAMES", "PARENT_POOLS", "SERVER_POOLS") else value


def _text(attributes: Mapping[str, str]) -> str:
    """As `-attr` takes it: a value with commas outside of brackets in quotes."""
    return ",".join(f"{key}={_quoted(value)}" for key, value in attributes.items())


def _quoted(value: str) -> str:
    depth = 0
    for character in value:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            return f"'{value}'"
    return value
