"""What the tests of intent share: operators, commands on a View as Hypothesis draws them, and a View with an edit in it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from hypothesis import strategies as st

from policy.strategies import NAMES, POOLS, SERVERS, views
from understudy.intent import pools, resources, servers, types
from understudy.intent.edit import Edit
from understudy.intent.operator import Operator
from understudy.intent.put_back import Attempt, put_back
from understudy.intent.relocate import RelocateCommand, relocate
from understudy.intent.resources import NewResource, ResourceChange
from understudy.intent.restart import by_server, check_that_it_can_start, places_of, wanted_again
from understudy.intent.start import StartCommand, start
from understudy.intent.stop import stop
from understudy.model.names import PoolName, ResourceName, ServerName, TypeName
from understudy.model.profile import resolve
from understudy.model.settings import ServerSettings, Settings
from understudy.model.view import ClusterRecord, Definition, TypeRecord, View

SETTINGS = Settings(
    cluster="test",
    server="ctr1",
    servers=tuple(ServerSettings(name=name, addresses=(f"10.0.0.{number}",)) for number, name in enumerate(SERVERS, 1)),
    voters=SERVERS[:3],
)
ROOT = Operator(by="root@ctr1", token="0123", settings=SETTINGS)
ABSENT = ResourceName("absent")
"""Nobody has registered it, or somebody has deleted it meanwhile."""


class IntentDecision(Protocol):
    """What every decision has."""

    @property
    def edit(self) -> Edit: ...


@dataclass(frozen=True)
class IntentCommand:
    """Something an operator asks for; `decide` raises BadInput."""

    text: str
    decide: Callable[[View], Edit]


def made(view: View, edit: Edit) -> View:
    """The View once the edit is in the registry."""

    def put(before: dict, written: dict) -> dict:  # type: ignore[type-arg]
        return {name: record for name, record in {**before, **written}.items() if record is not None}

    kinds = put(dict(view.types), dict(edit.types))
    definitions = put(dict(view.definitions), dict(edit.resources))
    kept = {name: resource for name, resource in view.resources.items() if name not in edit.resources}
    written = {name: resolve(record, kinds) for name, record in edit.resources.items() if record is not None}
    return replace(
        view,
        types=kinds,
        definitions=definitions,
        resources={**kept, **written},
        pools=put(dict(view.pools), dict(edit.pools)),
        targets=put(dict(view.targets), dict(edit.targets)),
        incarnations={**view.incarnations, **{record.incarnation: record for record in edit.incarnations}},
        requests=(*view.requests, *edit.requests),
        cluster=edit.cluster or view.cluster,
        reports={
            name: {server: report for server, report in reports.items() if (name, server) not in edit.forgotten}
            for name, reports in view.reports.items()
        },
    )


def registered_views() -> st.SearchStrategy[View]:
    """Any View, with definitions of what is in it and a cluster's record."""

    def complete(view: View) -> View:
        definitions = {
            name: Definition(name=name, type=resource.type, uid=resource.uid, attributes=_given(resource.attributes))
            for name, resource in view.resources.items()
        }
        cluster = ClusterRecord(name="test", voters=SERVERS[:3], pause_tolerance=2.0)
        return replace(view, definitions=definitions, cluster=cluster)

    return views().map(complete)


def _given(attributes: object) -> dict[str, str]:
    """Of all attributes, those that a test has set."""
    names = ("PLACEMENT", "HOSTING_MEMBERS", "SERVER_POOLS", "LOAD", "ENABLED", "ACTIVE_PLACEMENT", "START_DEPENDENCIES")
    assert isinstance(attributes, dict)
    return {name: attributes[name] for name in names if attributes.get(name)}


def names() -> st.SearchStrategy[tuple[ResourceName, ...]]:
    """Names of a command, registered or not."""
    return st.lists(st.sampled_from((*NAMES, ResourceName("net"), ABSENT)), unique=True, min_size=1, max_size=3).map(tuple)


def places() -> st.SearchStrategy[ServerName | None]:
    """Where something is asked for."""
    return st.sampled_from((None, None, *SERVERS, ServerName("nobody")))


@st.composite
def about_resources(draw: st.DrawFn, view: View) -> IntentCommand:
    """Start, stop, relocate, and what a restart and a failed start are made of."""
    meant, server, force = draw(names()), draw(places()), draw(st.booleans())
    known = tuple(name for name in meant if name in view.resources)
    wrote = {name: view.targets[name] for name in known if name in view.targets}
    match draw(st.sampled_from(("start", "stop", "relocate", "restart", "start again", "put back"))):
        case "start":
            command = StartCommand(names=meant, server=server, force=force)
            return IntentCommand(f"start {command}", lambda view: start(view, command, ROOT).edit)
        case "stop":
            return IntentCommand(f"stop {meant}", lambda view: stop(view, meant, ROOT, force=force).edit)
        case "relocate":
            move = RelocateCommand(names=meant, server=server, force=force)
            return IntentCommand(f"relocate {move}", lambda view: relocate(view, move, ROOT).edit)
        case "restart":
            return IntentCommand(f"restart {known}", lambda view: _restart(view, known))
        case "start again":
            again: dict[ResourceName, ServerName | None] = dict.fromkeys(meant, server)
            return IntentCommand(f"start again {again}", lambda view: _start_again(view, again))
        case _:
            attempt = Attempt(before=view, wrote=wrote)
            return IntentCommand(f"put back {meant}", lambda view: put_back(view, attempt, meant, ROOT).edit)


@st.composite
def about_definitions(draw: st.DrawFn, view: View) -> IntentCommand:
    """Add, modify and delete of resources, pools and types."""
    meant, force = draw(names()), draw(st.booleans())
    attributes = draw(
        st.sampled_from(
            (
                {"LOAD": "3"}, {"LOAD": "much"}, {"HOSTING_MEMBERS": "ctr9"}, {"START_DEPENDENCIES": "hard(absent)"}, {"COLOUR": "blue"},
                {"PLACEMENT": "restricted", "HOSTING_MEMBERS": "ctr2"}, {"START_DEPENDENCIES": "hard(db,"}, {"RESTART_ATTEMPTS": "5"},
            )
        )
    )  # fmt: skip
    pool, given = (
        draw(st.sampled_from((*POOLS, PoolName("new"), PoolName("Free")))),
        {"SERVER_NAMES": draw(st.sampled_from(("", "ctr1", "ctr9")))},
    )
    match draw(st.sampled_from(("add", "modify", "delete", "add pool", "modify pool", "delete pool", "add type", "delete type"))):
        case "add":
            new = NewResource(name=meant[0], type=TypeName(draw(st.sampled_from(("cluster_resource", "no.type")))), attributes=attributes)
            return IntentCommand(f"add {new}", lambda view: resources.define(view, new, ROOT).edit)
        case "modify":
            change = ResourceChange(name=meant[0], attributes=attributes, force=force)
            return IntentCommand(f"modify {change}", lambda view: resources.modify(view, change, ROOT).draft.edit)
        case "delete":
            return IntentCommand(f"delete {meant}", lambda view: resources.delete(view, meant, ROOT, force=force))
        case "add pool":
            return IntentCommand(f"add pool {pool}", lambda view: pools.define(view, pool, given, ROOT, force=force).edit)
        case "modify pool":
            return IntentCommand(f"modify pool {pool}", lambda view: pools.modify(view, pool, given, ROOT, force=force).edit)
        case "delete pool":
            return IntentCommand(f"delete pool {pool}", lambda view: pools.delete(view, (pool,)).edit)
        case "add type":
            record = TypeRecord(name=TypeName("own.type"), base=TypeName("cluster_resource"), attributes=attributes)
            return IntentCommand(f"add type {attributes}", lambda view: types.define(view, record, ROOT, force=force))
        case _:
            kind = TypeName(draw(st.sampled_from(("own.type", "cluster_resource"))))
            return IntentCommand(f"delete type {kind}", lambda view: types.delete(view, (kind,)))


@st.composite
def about_servers(draw: st.DrawFn) -> IntentCommand:
    """Evict, confirm-off, leave, accept-settings."""
    server = draw(st.sampled_from((*SERVERS, ServerName("nobody"))))
    match draw(st.sampled_from(("evict", "confirm off", "leave", "accept"))):
        case "evict":
            return IntentCommand(f"evict {server}", lambda view: servers.evict(view, server, ROOT))
        case "confirm off":
            return IntentCommand(f"confirm off {server}", lambda view: servers.confirm_off(view, server, ROOT))
        case "leave":
            return IntentCommand(f"leave {server}", lambda view: servers.leave(view, (server,), ROOT))
        case _:
            return IntentCommand("accept", lambda view: servers.accept_settings(view, ROOT))


@st.composite
def asked(draw: st.DrawFn) -> tuple[View, IntentCommand]:
    """Any command on any View."""
    view = draw(registered_views())
    return view, draw(st.one_of(about_resources(view), about_definitions(view), about_servers()))


def _restart(view: View, names: tuple[ResourceName, ...]) -> Edit:
    places = places_of(view, names)
    check_that_it_can_start(view, places)
    return wanted_again(view, places, ROOT)


def _start_again(view: View, places: dict[ResourceName, ServerName | None]) -> Edit:
    for group, server in by_server(view, places):
        start(view, StartCommand(names=group, server=server, again=True), ROOT)
    return Edit()
