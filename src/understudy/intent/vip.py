"""`appvipcfg create`: an application VIP, its type and its resource in one commit, so that a refusal leaves nothing behind. Pure."""

from dataclasses import dataclass, replace

from understudy.intent.edit import Edit, HistoryEntry
from understudy.intent.facts import registered
from understudy.intent.operator import Operator
from understudy.intent.refusal import Declined
from understudy.intent.resources import rests_of
from understudy.kinds.address import application_vip_type, cluster_vip_type
from understudy.kinds.network import network_name
from understudy.model import events
from understudy.model.names import ResourceName, TypeName
from understudy.model.profile import validate
from understudy.model.resource import Resource
from understudy.model.view import Definition, TypeRecord, View


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVip:
    """A VIP to register."""

    name: ResourceName
    network: int
    address: str
    user: str
    group: str = ""
    failback: str = ""

    @property
    def type(self) -> TypeName:
        """Application VIPs have a type per network."""
        return TypeName(application_vip_type(self.network))


@dataclass(frozen=True, slots=True, kw_only=True)
class DefiningVip:
    """What registers a VIP."""

    edit: Edit
    resource: Resource
    after: View
    """The View with its type."""


def definition_of(vip: NewVip, operator: Operator) -> Definition:
    """Its resource: it prefers the server on which it is made."""
    network = network_name(vip.network)
    group = f",group:{vip.group}:r-x" if vip.group else ""
    return Definition(
        name=vip.name,
        type=vip.type,
        uid=operator.token,
        attributes={
            "USR_ORA_VIP": vip.address,
            "START_DEPENDENCIES": f"hard({network}) pullup({network})",
            "STOP_DEPENDENCIES": f"hard({network})",
            "ACL": f"owner:root:rwx,pgrp:root:r-x,other::r--,user:{vip.user}:r-x{group}",
            "HOSTING_MEMBERS": operator.server,
            "APPSVIP_FAILBACK": vip.failback,
        },
    )


def define(view: View, vip: NewVip, operator: Operator) -> DefiningVip:
    """What is to be written; its type only if there is none yet. BadInput says why not."""
    if vip.name in view.definitions:
        raise Declined(2539, vip.name)
    record = _type_of(vip)
    after = view if record.name in view.types else replace(view, types={**view.types, record.name: record})
    definition = definition_of(vip, operator)
    resource = validate(definition, registered(after))
    entries, types = [HistoryEntry(kind=events.DEFINED, resource=vip.name)], {}
    rests = rests_of(after, resource)
    if record.name not in view.types:
        types[record.name] = record
        entries.insert(0, HistoryEntry(kind=events.DEFINED, text=f"resource type '{record.name}'"))
        rests = replace(rests, types=tuple(name for name in rests.types if name != record.name))
    edit = Edit(resources={vip.name: definition}, types=types, rests=rests, history=tuple(entries))
    return DefiningVip(edit=edit, resource=resource, after=after)


def _type_of(vip: NewVip) -> TypeRecord:
    return TypeRecord(
        name=vip.type,
        base=TypeName(cluster_vip_type(vip.network)),
        # Application VIPs follow their group and prefer the server on which they were made.
        attributes={"APPSVIP_FAILBACK": "", "PLACEMENT": "favored"},
        flags={"APPSVIP_FAILBACK": "string"},
    )
